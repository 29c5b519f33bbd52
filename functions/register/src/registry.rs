//! Route 53 Domains as a purchase needs it: its operations, and every write, each special error code in its meaning.
//! It must not know the table, nor decide whether a name is bought.

use aws_sdk_route53domains::Client;
use aws_sdk_route53domains::config::http::HttpResponse;
use aws_sdk_route53domains::config::retry::RetryConfig;
use aws_sdk_route53domains::config::timeout::TimeoutConfig;
use aws_sdk_route53domains::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_route53domains::operation::register_domain::{RegisterDomainError, RegisterDomainOutput};
use aws_sdk_route53domains::primitives::DateTime;
use aws_sdk_route53domains::types::{
    ContactDetail, ExtraParamName, OperationStatus, OperationSummary, OperationType, Tag,
};
use nameplate::contract::Quote;
use nameplate::error::{TOO_MANY_OPERATIONS, classify, code_of};
use nameplate::request::Registration;
use nameplate::resource::registration;
use nameplate::{DomainName, StepError};
use std::collections::BTreeMap;
use std::time::Duration;

/// Operations on one page of ListOperations: the most that it gives (AWS-FACTS 1.2.2).
const PAGE: i32 = 100;
/// Bounds RegisterDomain, which talks to a registry before it answers. Longer than other calls: giving up on
/// it leaves open whether the name was bought, which costs minutes to find out.
const REGISTER_TIMEOUT: Duration = Duration::from_secs(25);
/// The operation that gets the contact.
const REGISTER: &str = "route53domains:RegisterDomain";
/// Why a reason does not say what AWS said.
pub(crate) const NOT_REPEATED: &str = "AWS's own words are not repeated, since they may quote the contact";

/// An operation that registers a name.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Operation {
    pub(crate) id: String,
    pub(crate) status: OperationStatus,
    /// The fields that AWS's words on it name.
    pub(crate) named: Vec<&'static str>,
    /// What it waits for, in AWS's term.
    pub(crate) waits_for: Option<String>,
    /// Seconds since 1970.
    pub(crate) submitted: Option<i64>,
}

impl Operation {
    /// Whether it ended without the name.
    pub(crate) fn failed(&self) -> bool {
        matches!(self.status, OperationStatus::Failed | OperationStatus::Error)
    }
}

/// What RegisterDomain came to.
#[derive(Debug, PartialEq)]
pub(crate) enum Answer {
    /// AWS is at it, under this operation id.
    Accepted(String),
    /// AWS was at it already (`DuplicateRequest`), perhaps under this operation id.
    InProgress(Option<String>),
    /// AWS declined before it charged anything.
    Declined(StepError),
    /// Nobody knows whether the name was bought.
    Unclear(StepError),
}

/// Has AWS renew the name each year, or not any more.
pub(crate) async fn set_renewal(client: &Client, domain: &str, on: bool) -> Result<(), StepError> {
    if on {
        let result = client.enable_domain_auto_renew().domain_name(domain).send().await;
        return result.map(drop).map_err(|error| match code_of(&error) {
            Some(code @ "TLDRulesViolation") => StepError::refused(
                code,
                format!("registration.autoRenew: the top-level domain of {domain} does not let AWS renew it"),
                "leave `registration.autoRenew` out, and renew the name by hand before it ends",
            ),
            _ => classify("route53domains:EnableDomainAutoRenew", &error),
        });
    }
    let result = client.disable_domain_auto_renew().domain_name(domain).send().await;
    result.map(drop).map_err(|error| classify("route53domains:DisableDomainAutoRenew", &error))
}

/// Adds the tags to the registration, or changes their values.
pub(crate) async fn tag(client: &Client, domain: &str, tags: BTreeMap<String, String>) -> Result<(), StepError> {
    let tags = tags.into_iter().map(|(key, value)| Tag::builder().key(key).value(value).build()).collect();
    let result = client.update_tags_for_domain().domain_name(domain).set_tags_to_update(Some(tags)).send().await;
    result.map(drop).map_err(|error| classify("route53domains:UpdateTagsForDomain", &error))
}

/// Takes tags off the registration.
pub(crate) async fn untag(client: &Client, domain: &str, keys: Vec<String>) -> Result<(), StepError> {
    let result = client.delete_tags_for_domain().domain_name(domain).set_tags_to_delete(Some(keys)).send().await;
    result.map(drop).map_err(|error| classify("route53domains:DeleteTagsForDomain", &error))
}

/// The operation under `id`; nothing when AWS does not take the id, which it may do also for one that is
/// over (AWS-FACTS 1.2.6).
pub(crate) async fn operation(client: &Client, id: &str, domain: &str) -> Result<Option<Operation>, StepError> {
    let answer = match client.get_operation_detail().operation_id(id).send().await {
        Ok(answer) => answer,
        Err(error) if code_of(&error) == Some("InvalidInput") => return Ok(None),
        Err(error) => return Err(classify("route53domains:GetOperationDetail", &error)),
    };
    let about_it = answer.r#type().is_none_or(|kind| *kind == OperationType::RegisterDomain)
        && answer.domain_name().is_none_or(|name| same_name(name, domain));
    let Some(status) = answer.status().filter(|_| about_it).cloned() else { return Ok(None) };
    Ok(Some(Operation {
        id: id.to_owned(),
        status,
        named: fields_named_in(answer.message()),
        waits_for: answer.status_flag().map(|flag| flag.as_str().to_owned()),
        submitted: answer.submitted_date().map(DateTime::secs),
    }))
}

/// The operations since `since` (seconds since 1970) that register `domain`.
pub(crate) async fn operations(client: &Client, domain: &str, since: i64) -> Result<Vec<Operation>, StepError> {
    let found = client
        .list_operations()
        .submitted_since(DateTime::from_secs(since))
        .r#type(OperationType::RegisterDomain)
        .max_items(PAGE)
        .into_paginator()
        .items()
        .send()
        .collect::<Result<Vec<OperationSummary>, _>>()
        .await
        .map_err(|error| classify("route53domains:ListOperations", &error))?;
    let about_it = found.into_iter().filter(|found| found.domain_name().is_some_and(|name| same_name(name, domain)));
    Ok(about_it
        .filter_map(|found| {
            Some(Operation {
                status: found.status?,
                named: fields_named_in(found.message.as_deref()),
                waits_for: found.status_flag.map(|flag| flag.as_str().to_owned()),
                submitted: found.submitted_date.map(|date| date.secs()),
                id: found.operation_id?,
            })
        })
        .collect())
}

fn same_name(listed: &str, domain: &str) -> bool {
    listed.trim_end_matches('.').eq_ignore_ascii_case(domain)
}

/// Asks the registry whether the name is available and what it costs.
///
/// # Errors
/// `Refused` when the name cannot be bought, `Retryable` and `NotReady` while the registry cannot say.
pub(crate) async fn quote(client: &Client, name: &DomainName, now: i64) -> Result<Quote, StepError> {
    let availability = observe::route53domains::availability(client, name.as_str()).await?;
    registration::check_availability(name.as_str(), availability.as_deref())?;
    let (registration, renewal) = observe::route53domains::prices(client, name).await?;
    Ok(Quote { registration, renewal, read_at: now })
}

/// Buys the name. Sent once, whatever comes back: a second sending could pay twice.
pub(crate) async fn register(
    client: &Client,
    domain: &str,
    registration: &Registration,
    contact: ContactDetail,
) -> Answer {
    let once = aws_sdk_route53domains::config::Builder::new()
        .retry_config(RetryConfig::disabled())
        .timeout_config(TimeoutConfig::builder().operation_attempt_timeout(REGISTER_TIMEOUT).build());
    let privacy = registration.privacy_protection;
    let result = client
        .register_domain()
        .domain_name(domain)
        .duration_in_years(i32::from(registration.years))
        .auto_renew(registration.auto_renew.unwrap_or(registration::RENEWS_BY_DEFAULT))
        .admin_contact(contact.clone())
        .registrant_contact(contact.clone())
        .tech_contact(contact)
        .privacy_protect_admin_contact(privacy)
        .privacy_protect_registrant_contact(privacy)
        .privacy_protect_tech_contact(privacy)
        .customize()
        .config_override(once)
        .send()
        .await;
    judge(domain, result)
}

/// What an answer to RegisterDomain means for the money. What is not known to be a refusal is unclear.
fn judge(domain: &str, result: Result<RegisterDomainOutput, SdkError<RegisterDomainError, HttpResponse>>) -> Answer {
    let error = match result {
        Ok(answer) => {
            return match answer.operation_id.filter(|id| !id.is_empty()) {
                Some(id) => Answer::Accepted(id),
                None => Answer::Unclear(StepError::retryable(
                    "NoOperationId",
                    format!("RegisterDomain of {domain} gave no operation id"),
                )),
            };
        }
        Err(error) => error,
    };
    if error.raw_response().is_some_and(|response| response.status().as_u16() >= 500) {
        return Answer::Unclear(unclear(&error));
    }
    let named = naming(&fields_named_in(error.as_service_error().and_then(ProvideErrorMetadata::message)));
    let declined = match code_of(&error) {
        Some("DuplicateRequest") => {
            let id = match error.as_service_error() {
                Some(RegisterDomainError::DuplicateRequest(duplicate)) => duplicate.request_id().map(str::to_owned),
                _ => None,
            };
            return Answer::InProgress(id);
        }
        Some("DomainLimitExceeded") => StepError::failed(
            "DomainLimitExceeded",
            format!(
                "the account holds as many domains as its quota allows (20 unless raised), so {domain} was not bought"
            ),
            "raise the quota `Domains` of Route 53 in Service Quotas in us-east-1, then start the execution again",
        ),
        Some(code @ TOO_MANY_OPERATIONS) => {
            StepError::not_ready(code, format!("{REGISTER}: too many operations run in this account at once"))
        }
        Some("UnsupportedTLD") => registration::unsupported_tld(domain),
        Some("TLDRulesViolation") => StepError::refused(
            "TLDRulesViolation",
            format!("the top-level domain does not allow this registration of {domain}{named}; {NOT_REPEATED}"),
            "check registration.years, registration.privacyProtection and the extraParams in the contact's secret against the rules of the top-level domain in the Route 53 Developer Guide",
        ),
        Some("InvalidInput" | "ValidationException") => StepError::failed(
            "InvalidInput",
            format!(
                "RegisterDomain did not take the contact, the number of years or the name {domain}{named}; {NOT_REPEATED}"
            ),
            "check in the contact's secret that address, postal code, state and phone number belong to the country and that extraParams holds what the top-level domain asks for; check registration.years; then start the execution again",
        ),
        // Throttled requests are turned away before they are looked at.
        Some("ThrottlingException" | "Throttling" | "TooManyRequestsException" | "RequestLimitExceeded") => {
            StepError::retryable("Throttled", format!("{REGISTER} was throttled"))
        }
        _ => return Answer::Unclear(unclear(&error)),
    };
    Answer::Declined(declined)
}

/// The failure without AWS's message, which may quote the contact; that of a denied call names the
/// permission and nothing else.
fn unclear(error: &SdkError<RegisterDomainError, HttpResponse>) -> StepError {
    let failure = classify(REGISTER, error);
    let denied = code_of(error).is_some_and(|code| code.starts_with("AccessDenied"));
    if denied || error.as_service_error().is_none() {
        return failure;
    }
    StepError { reason: format!("{REGISTER} answered {}", failure.code), ..failure }
}

/// Names in Route 53 Domains' model of what a registration consists of, beside those of `ExtraParamName`
/// (AWS-FACTS 1.3.4).
const FIELDS: [&str; 19] = [
    "AdminContact",
    "RegistrantContact",
    "TechContact",
    "FirstName",
    "LastName",
    "ContactType",
    "OrganizationName",
    "AddressLine1",
    "AddressLine2",
    "City",
    "State",
    "CountryCode",
    "ZipCode",
    "PhoneNumber",
    "Email",
    "Fax",
    "ExtraParams",
    "DurationInYears",
    "IdnLangCode",
];

/// The fields that a message of AWS about a registration names. All that is ever repeated of such a message:
/// registries quote what they refuse, so that the whole may hold any part of the contact.
pub(crate) fn fields_named_in(message: Option<&str>) -> Vec<&'static str> {
    let words: Vec<&str> =
        message.unwrap_or_default().split(|c: char| !c.is_ascii_alphanumeric() && c != '_').collect();
    let known = FIELDS.iter().chain(ExtraParamName::values()).copied();
    known.filter(|field| words.iter().any(|word| word.eq_ignore_ascii_case(field))).collect()
}

/// The end of a sentence about a refusal in which AWS named fields.
pub(crate) fn naming(fields: &[&str]) -> String {
    match fields {
        [] => String::new(),
        fields => format!(", naming {}", fields.join(", ")),
    }
}

#[cfg(test)]
mod tests;
