//! Route 53 Domains: names that are registered in this account, and what the registry says of others.

use std::collections::BTreeMap;

use aws_sdk_route53domains::Client;
use aws_sdk_route53domains::config::http::HttpResponse;
use aws_sdk_route53domains::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_route53domains::primitives::DateTimeFormat;
use aws_sdk_route53domains::types::{DomainAvailability, PriceWithCurrency, ReachabilityStatus};
use nameplate::domain::server_set;
use nameplate::error::{classify, code_of};
use nameplate::request::Money;
use nameplate::resource::registration::{self, RegisteredDomain};
use nameplate::{DomainName, StepError};

/// The only answers that AWS has for a name that is not in this account (AWS-FACTS 1.1.2).
const NOT_HERE: [&str; 2] = ["InvalidInput", "UnsupportedTLD"];

/// The registration of a name that this account holds, without its tags.
///
/// # Errors
/// As [`classify`] has it.
pub async fn registered_domain(client: &Client, domain: &str) -> Result<Option<RegisteredDomain>, StepError> {
    match client.get_domain_detail().domain_name(domain).send().await {
        Ok(answer) => Ok(Some(RegisteredDomain {
            name_servers: server_set(answer.nameservers().iter().map(|server| server.name())),
            expires: answer.expiration_date().and_then(|date| date.fmt(DateTimeFormat::DateTime).ok()),
            auto_renew: answer.auto_renew(),
            signed: !answer.dnssec_keys().is_empty(),
            statuses: answer.status_list.unwrap_or_default(),
            tags: None,
        })),
        Err(error) if is_not_here(&error) => Ok(None),
        Err(error) => Err(classify("route53domains:GetDomainDetail", &error)),
    }
}

/// The tags of a registration that this account holds.
///
/// # Errors
/// As [`classify`] has it.
pub async fn registration_tags(client: &Client, domain: &str) -> Result<Option<BTreeMap<String, String>>, StepError> {
    match client.list_tags_for_domain().domain_name(domain).send().await {
        Ok(answer) => {
            let present = answer.tag_list.unwrap_or_default().into_iter();
            Ok(Some(present.filter_map(|tag| Some((tag.key?, tag.value.unwrap_or_default()))).collect()))
        }
        Err(error) if is_not_here(&error) => Ok(None),
        Err(error) => Err(classify("route53domains:ListTagsForDomain", &error)),
    }
}

/// Whether the registrant's address is confirmed; nothing where AWS does not keep that for the name.
///
/// # Errors
/// As [`classify`] has it.
pub async fn email_confirmed(client: &Client, domain: &str) -> Result<Option<bool>, StepError> {
    match client.get_contact_reachability_status().domain_name(domain).send().await {
        Ok(answer) => Ok(answer.status().map(|status| *status == ReachabilityStatus::Done)),
        Err(error) if is_not_here(&error) => Ok(None),
        Err(error) => Err(classify("route53domains:GetContactReachabilityStatus", &error)),
    }
}

/// What the registry says of the availability of a name, in AWS's term.
///
/// # Errors
/// Those of [`registration::registry_error`]; else as [`classify`] has it.
pub async fn availability(client: &Client, domain: &str) -> Result<Option<String>, StepError> {
    let answer = client.check_domain_availability().domain_name(domain).send().await.map_err(|error| {
        registration::registry_error(domain, code_of(&error))
            .unwrap_or_else(|| classify("route53domains:CheckDomainAvailability", &error))
    })?;
    Ok(answer.availability.as_ref().map(DomainAvailability::as_str).map(str::to_owned))
}

/// The registry's prices for one year of registration and of renewal.
///
/// # Errors
/// `Refused` for a top-level domain without prices; else as [`classify`] has it.
pub async fn prices(client: &Client, name: &DomainName) -> Result<(Money, Money), StepError> {
    let unsupported = || registration::unsupported_tld(name.as_str());
    let answer = client.list_prices().tld(name.tld()).send().await.map_err(|error| match is_not_here(&error) {
        true => unsupported(),
        false => classify("route53domains:ListPrices", &error),
    })?;
    let price = answer.prices().iter().find(|price| price.name() == Some(name.tld())).ok_or_else(unsupported)?;
    let money = |price: &PriceWithCurrency| Money { amount: price.price(), currency: price.currency().to_owned() };
    let registration = price.registration_price().map(money).ok_or_else(unsupported)?;
    let renewal = price.renewal_price().map(money).unwrap_or_else(|| registration.clone());
    Ok((registration, renewal))
}

fn is_not_here<E: ProvideErrorMetadata>(error: &SdkError<E, HttpResponse>) -> bool {
    code_of(error).is_some_and(|code| NOT_HERE.contains(&code))
}
