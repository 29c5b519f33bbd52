//! `plan`: looks, refuses and prices. Writes nothing.
//!
//! Reads the domain item, Route 53 Domains (availability, price, detail), the contact's secret, and, as far
//! as the answer depends on it, the zone, the certificates, the API and the custom domain.
//! Refuses whatever cannot succeed, before a cent is spent or anything is made.
//! Says that nothing is left to do when the last run satisfied the same request and everything still stands;
//! that look costs six calls, and one more while the registrant's e-mail address is unconfirmed. It must not know how anything is made.

use aws_sdk_route53domains::types::DomainAvailability;
use nameplate::contract::{
    CERTIFICATE_DEADLINE_SECS, Deadlines, Known, PlanInput, PlanOutput, Quote, REGISTRATION_DEADLINE_SECS,
    RegistrationPlan,
};
use nameplate::error::{classify, code_of};
use nameplate::request::{Dns, Money, NameServers, Registration};
use nameplate::result::{PriceReport, ProvisionResult, ReportAction, ResourceReport};
use nameplate::runtime::now;
use nameplate::secret::SecretString;
use nameplate::table::{self, domain as attribute};
use nameplate::{Request, StepError, purchase};

use crate::look;

/// The clients that the step reads with.
#[derive(Clone)]
pub(crate) struct Clients {
    pub(crate) acm: aws_sdk_acm::Client,
    pub(crate) apigateway: aws_sdk_apigatewayv2::Client,
    pub(crate) dynamodb: aws_sdk_dynamodb::Client,
    pub(crate) domains: aws_sdk_route53domains::Client,
    pub(crate) route53: aws_sdk_route53::Client,
    pub(crate) secrets: aws_sdk_secretsmanager::Client,
}

/// What the template sets.
#[derive(Clone)]
pub(crate) struct Settings {
    pub(crate) stack: String,
    pub(crate) table: String,
    pub(crate) budget_usd: f64,
}

/// What the domain item holds of earlier runs.
#[derive(Debug, Default)]
struct Item {
    held: bool,
    live: bool,
    fingerprint: Option<String>,
    known: Known,
    result: Option<ProvisionResult>,
    purchase_begun: bool,
}

/// Looks at everything that the request depends on.
///
/// # Errors
/// `InvalidRequest` and `Refused` with the field or resource and the remedy; `Retryable` and `NotReady`
/// while AWS or the registry cannot answer.
pub(crate) async fn run(clients: &Clients, settings: &Settings, input: PlanInput) -> Result<PlanOutput, StepError> {
    let request = Request::read(input.request.get())?;
    let fingerprint = request.fingerprint();
    let item = read_item(clients, settings, &request).await?;

    let found = find_registration(clients, &request, &item).await?;
    if let Some(quote) = &found.quote {
        let registration = request.registration.as_ref().ok_or_else(|| not_for_sale(&request))?;
        purchase::check_price(registration, &quote.total(registration.years), settings.budget_usd)?;
        check_contact(clients, registration).await?;
    }

    let converged = converged(clients, settings, &request, &fingerprint, &item, found.detail.as_ref()).await?;
    let mut report = nameplate::result::Report::default();
    if request.dry_run {
        report.price = found.quote.as_ref().map(|quote| price_report(&request, quote));
        report.resources = resources(clients, settings, &request, &item.known, &found).await?;
    } else if converged.is_none() && found.quote.is_none() {
        // A name that nobody has registered can have no custom domain of somebody else in use here.
        look::custom_domain(clients, settings, &request).await?;
        if !request.domain_name.is_registrable() && request.dns == Dns::Route53 {
            look::enclosing_zone(clients, &request).await?;
        }
    }

    let time = now();
    let wait = if found.plan == RegistrationPlan::Register { REGISTRATION_DEADLINE_SECS } else { 0 };
    Ok(PlanOutput {
        item_key: table::domain_key(request.domain_name.as_str()),
        fingerprint,
        known: item.known,
        registration: found.plan,
        quote: found.quote,
        planned_at: time,
        deadlines: Deadlines { registration: time + wait, certificate: time + wait + CERTIFICATE_DEADLINE_SECS },
        report,
        result: converged,
        request,
    })
}

async fn read_item(clients: &Clients, settings: &Settings, request: &Request) -> Result<Item, StepError> {
    let answer = clients
        .dynamodb
        .get_item()
        .table_name(&settings.table)
        .key(table::KEY, aws_sdk_dynamodb::types::AttributeValue::S(table::domain_key(request.domain_name.as_str())))
        .consistent_read(true)
        .send()
        .await
        .map_err(|error| classify("dynamodb:GetItem", &error))?;
    let Some(attributes) = answer.item else { return Ok(Item::default()) };
    let text = |name: &str| attributes.get(name).and_then(|value| value.as_s().ok());
    Ok(Item {
        held: attributes.contains_key(attribute::HELD_BY),
        live: text(attribute::STATUS).is_some_and(|status| status == attribute::LIVE),
        fingerprint: text(attribute::FINGERPRINT).cloned(),
        // What cannot be read is searched for anew: the table is a cache.
        known: known(
            text(attribute::KNOWN).and_then(|json| serde_json::from_str(json).ok()).unwrap_or_default(),
            text(attribute::AWAITED_CERTIFICATE),
        ),
        result: text(attribute::RESULT).and_then(|json| serde_json::from_str(json).ok()),
        purchase_begun: attributes.contains_key(attribute::PURCHASE_INTENT),
    })
}

/// What earlier runs made. Of a run that was stopped only the certificate that it awaited is on record.
fn known(known: Known, awaited: Option<&String>) -> Known {
    Known { certificate_arn: known.certificate_arn.clone().or_else(|| awaited.cloned()), ..known }
}

/// What was found about the registration.
struct Found {
    plan: RegistrationPlan,
    /// Present when the name is to be bought now.
    quote: Option<Quote>,
    /// Present when the name is registered in this account.
    detail: Option<look::Detail>,
}

async fn find_registration(clients: &Clients, request: &Request, item: &Item) -> Result<Found, StepError> {
    let domain = request.domain_name.as_str();
    if !request.domain_name.is_registrable() {
        // What is registered is a name above it, which is not this request's business.
        return Ok(Found { plan: RegistrationPlan::NotManaged, quote: None, detail: None });
    }
    // A name that is to be bought is asked for at the registry first: while it is available it cannot be ours.
    if request.registration.is_some() && !item.purchase_begun && !item.live {
        let availability = availability(clients, domain).await?;
        let said = availability.as_ref().map(DomainAvailability::as_str);
        let Err(refusal) = purchase::check_availability(domain, said) else {
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
        purchase::registry_error(domain, code_of(&error))
            .unwrap_or_else(|| classify("route53domains:CheckDomainAvailability", &error))
    })?;
    Ok(answer.availability)
}

fn not_for_sale(request: &Request) -> StepError {
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
        Some("UnsupportedTLD" | "InvalidInput") => purchase::unsupported_tld(domain),
        _ => classify("route53domains:ListPrices", &error),
    })?;
    let price = answer
        .prices()
        .iter()
        .find(|price| price.name() == Some(tld))
        .ok_or_else(|| purchase::unsupported_tld(domain))?;
    let money = |price: Option<&aws_sdk_route53domains::types::PriceWithCurrency>| {
        price.map(|p| Money { amount: p.price(), currency: p.currency().to_owned() })
    };
    let registration = money(price.registration_price()).ok_or_else(|| purchase::unsupported_tld(domain))?;
    let renewal = money(price.renewal_price()).unwrap_or_else(|| registration.clone());
    Ok(Quote { registration, renewal, read_at: now() })
}

async fn check_contact(clients: &Clients, registration: &Registration) -> Result<(), StepError> {
    let name = &registration.contact_secret;
    let answer = clients.secrets.get_secret_value().secret_id(name).send().await.map_err(|error| {
        purchase::secret_error(name, code_of(&error))
            .unwrap_or_else(|| classify("secretsmanager:GetSecretValue", &error))
    })?;
    purchase::contact(name, answer.secret_string.map(SecretString::from)).map(drop)
}

fn price_report(request: &Request, quote: &Quote) -> PriceReport {
    let years = request.registration.as_ref().map_or(1, |r| r.years);
    PriceReport { first_year: quote.registration.clone(), total: quote.total(years), renewal: quote.renewal.clone() }
}

/// The stored result with the registration as it is now, if nothing is left to do.
async fn converged(
    clients: &Clients,
    settings: &Settings,
    request: &Request,
    fingerprint: &str,
    item: &Item,
    detail: Option<&look::Detail>,
) -> Result<Option<ProvisionResult>, StepError> {
    let Some(stored) = &item.result else { return Ok(None) };
    if item.held || !item.live || item.fingerprint.as_deref() != Some(fingerprint) {
        return Ok(None);
    }
    let mut result = stored.clone();
    if let Some(detail) = detail {
        result.registration.expires = detail.expires.clone();
        result.registration.auto_renew = detail.auto_renew;
    }
    let registered_then = stored.registration.status == nameplate::result::RegistrationStatus::Registered;
    if registered_then != detail.is_some() {
        return Ok(None);
    }
    // An unconfirmed address leaves an action open; once it is confirmed the full path takes the action away.
    if stored.registration.email_confirmed == Some(false)
        && look::email_confirmed(clients, request.domain_name.as_str()).await?
    {
        return Ok(None);
    }
    let stands = look::stands(clients, settings, request, &item.known, detail).await?;
    Ok(stands.then_some(result))
}

async fn resources(
    clients: &Clients,
    settings: &Settings,
    request: &Request,
    known: &Known,
    found: &Found,
) -> Result<Vec<ResourceReport>, StepError> {
    let domain = request.domain_name.as_str();
    let plan = found.plan;
    let line = |resource: &str, found: Option<String>, wanted: &str| ResourceReport {
        resource: resource.to_owned(),
        action: if found.is_some() { ReportAction::Exists } else { ReportAction::Create },
        name: found.unwrap_or_else(|| wanted.to_owned()),
    };
    let registration = ResourceReport {
        resource: "registration".to_owned(),
        action: match plan {
            RegistrationPlan::Register => ReportAction::Buy,
            RegistrationPlan::Registered | RegistrationPlan::NotManaged => ReportAction::Exists,
        },
        name: if !request.domain_name.is_registrable() {
            format!("{}, above {domain}, which is not registered by itself", request.domain_name.registrable())
        } else if plan == RegistrationPlan::NotManaged {
            format!("{domain}, not registered in this account; without `registration` it is not bought")
        } else {
            domain.to_owned()
        },
    };
    let api = line("API", look::api(clients, settings, request, known).await?, domain);
    let mut lines = vec![api, registration];
    if request.dns == Dns::Route53 {
        let zone = look::zone(clients, request, found.detail.as_ref()).await?;
        let delegation = found.detail.as_ref().filter(|_| zone.as_ref().is_none_or(|zone| !zone.delegated));
        lines.push(line("hosted zone", zone.map(|zone| zone.id), domain));
        lines.extend(delegation.map(|registry| name_servers(request, registry)));
    }
    lines.extend([
        line("certificate", look::certificate(clients, request, known).await?, &request.certificate_names().join(", ")),
        line(
            "custom domain",
            look::custom_domain(clients, settings, request).await?.map(|d| d.name),
            &request.hostname(),
        ),
    ]);
    Ok(lines)
}

/// The line about a registry that points to no zone of the name.
fn name_servers(request: &Request, registry: &look::Detail) -> ResourceReport {
    let (domain, servers) = (&request.domain_name, registry.name_servers.join(", "));
    let (action, name) = match request.name_servers {
        NameServers::Correct => (ReportAction::Change, format!("{domain}, from {servers} to those of the hosted zone")),
        NameServers::Report => (
            ReportAction::Exists,
            format!("{domain} points to {servers}, which is refused unless `nameServers` is `correct`"),
        ),
    };
    ResourceReport { resource: "name servers".to_owned(), action, name }
}

#[cfg(test)]
mod tests;
