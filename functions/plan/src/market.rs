//! The registration: whether it is here, else whether it can be bought, for how much and with which contact.
//! It must not know what is done once the name is registered.

use aws_sdk_route53domains::types::DomainAvailability;
use nameplate::contract::result::PriceReport;
use nameplate::contract::{Quote, RegistrationPlan};
use nameplate::error::{classify, code_of};
use nameplate::function::runtime::now;
use nameplate::request::{Money, Registration};
use nameplate::resource::registration;
use nameplate::secret::SecretString;
use nameplate::{Request, StepError};

use crate::context::Clients;
use crate::item::Item;
use crate::look;

/// What was found about the registration.
pub(crate) struct Found {
    pub(crate) plan: RegistrationPlan,
    /// Present when the name is to be bought now.
    pub(crate) quote: Option<Quote>,
    /// Present when the name is registered in this account.
    pub(crate) detail: Option<look::Detail>,
}

pub(crate) async fn find_registration(clients: &Clients, request: &Request, item: &Item) -> Result<Found, StepError> {
    let domain = request.domain_name.as_str();
    if !request.domain_name.is_registrable() {
        // What is registered is a name above it, which is not this request's business.
        return Ok(Found { plan: RegistrationPlan::NotManaged, quote: None, detail: None });
    }
    // A name that is to be bought is asked for at the registry first: while it is available it cannot be ours.
    if request.registration.is_some() && !item.purchase_begun && !item.live {
        let availability = availability(clients, domain).await?;
        let said = availability.as_ref().map(DomainAvailability::as_str);
        let Err(refusal) = registration::check_availability(domain, said) else {
            let quote = quote(clients, request).await?;
            return Ok(Found { plan: RegistrationPlan::Register, quote: Some(quote), detail: None });
        };
        // It may be taken by this very account.
        let detail = look::detail(clients, domain).await?.ok_or(refusal)?;
        return Ok(Found { plan: RegistrationPlan::Registered, quote: None, detail: Some(detail) });
    }
    let detail = look::detail(clients, domain).await?;
    let plan = match (&detail, item.purchase_begun) {
        (Some(_), _) => RegistrationPlan::Registered,
        (None, true) => RegistrationPlan::Register,
        (None, false) => RegistrationPlan::NotManaged,
    };
    Ok(Found { plan, quote: None, detail })
}

async fn availability(clients: &Clients, domain: &str) -> Result<Option<DomainAvailability>, StepError> {
    let answer = clients.domains.check_domain_availability().domain_name(domain).send().await.map_err(|error| {
        registration::registry_error(domain, code_of(&error))
            .unwrap_or_else(|| classify("route53domains:CheckDomainAvailability", &error))
    })?;
    Ok(answer.availability)
}

pub(crate) fn not_for_sale(request: &Request) -> StepError {
    StepError::invalid(
        "registration",
        format!("{} would have to be bought, and the field is missing", request.domain_name),
        "add `registration` with `maxPrice`",
    )
}

/// The registry's price for one year of registration and of renewal.
async fn quote(clients: &Clients, request: &Request) -> Result<Quote, StepError> {
    let domain = request.domain_name.as_str();
    let tld = request.domain_name.tld();
    let answer = clients.domains.list_prices().tld(tld).send().await.map_err(|error| match code_of(&error) {
        Some("UnsupportedTLD" | "InvalidInput") => registration::unsupported_tld(domain),
        _ => classify("route53domains:ListPrices", &error),
    })?;
    let price = answer
        .prices()
        .iter()
        .find(|price| price.name() == Some(tld))
        .ok_or_else(|| registration::unsupported_tld(domain))?;
    let money = |price: Option<&aws_sdk_route53domains::types::PriceWithCurrency>| {
        price.map(|p| Money { amount: p.price(), currency: p.currency().to_owned() })
    };
    let registration = money(price.registration_price()).ok_or_else(|| registration::unsupported_tld(domain))?;
    let renewal = money(price.renewal_price()).unwrap_or_else(|| registration.clone());
    Ok(Quote { registration, renewal, read_at: now() })
}

pub(crate) async fn check_contact(clients: &Clients, registration: &Registration) -> Result<(), StepError> {
    let name = &registration.contact_secret;
    let answer = clients.secrets.get_secret_value().secret_id(name).send().await.map_err(|error| {
        registration::secret_error(name, code_of(&error))
            .unwrap_or_else(|| classify("secretsmanager:GetSecretValue", &error))
    })?;
    registration::contact(name, answer.secret_string.map(SecretString::from)).map(drop)
}

pub(crate) fn price_report(request: &Request, quote: &Quote) -> PriceReport {
    let years = request.registration.as_ref().map_or(1, |r| r.years);
    PriceReport { first_year: quote.registration.clone(), total: quote.total(years), renewal: quote.renewal.clone() }
}
