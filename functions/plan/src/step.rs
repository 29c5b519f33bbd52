//! `plan`: looks, refuses and prices. Writes nothing.
//!
//! Reads the domain item, Route 53 Domains (availability, price, detail), the contact's secret, and, as far
//! as the answer depends on it, the zone, the certificates, the API and the custom domain.
//! Refuses whatever cannot succeed, before a cent is spent or anything is made.
//! Says that nothing is left to do when the last run satisfied the same request and everything still stands;
//! that look costs six calls, and one more for each of these: an e-mail address of the registrant that is unconfirmed, a
//! certificate that is validated by e-mail (it renews only if somebody clicks), authorizers, a default endpoint that shall
//! be closed; two more for the deployment of a WebSocket API and two for an access log. Of a name that is registered
//! elsewhere the DNS is asked for its name servers. It must not know how anything is made.

use aws_sdk_route53domains::types::DomainAvailability;
use nameplate::contract::result::{FieldChange, PriceReport, ProvisionResult, ReportAction, ResourceReport};
use nameplate::contract::table;
use nameplate::contract::table::domain as attribute;
use nameplate::contract::{
    CERTIFICATE_DEADLINE_SECS, Deadlines, Known, PlanInput, PlanOutput, Quote, REGISTRATION_DEADLINE_SECS,
    RegistrationPlan,
};
use nameplate::domain::server_set;
use nameplate::error::{classify, code_of};
use nameplate::function::resolver::Resolver;
use nameplate::function::runtime::now;
use nameplate::request::{DefaultEndpoint, Dns, ExactRecord, Money, Registration};
use nameplate::resource::record;
use nameplate::resource::record::{Change, Decision, Owned, Scope, Standing};
use nameplate::resource::thing::Thing;
use nameplate::resource::{difference, registration};
use nameplate::secret::SecretString;
use nameplate::{Request, StepError};
use serde_json::Value;

use crate::former::{self, Former};
use crate::own_zone::{self, Zone};
use crate::{enclosing, foreign, look, report};

/// Changes of records that a report names one by one: it is part of what Step Functions hands on.
const MAX_RECORD_LINES: usize = 100;
/// Records taken over that are named one by one: the names stay in the item, and in what Step Functions hands on.
const MAX_ADOPTED_RECORDS: usize = 50;
/// Bytes of all fields of records that a report shows, each as its change is handed on: a report has them twice, and
/// the values of one record alone can have 16,000 characters.
const MAX_RECORD_FIELD_BYTES: usize = 16_000;

/// The clients that the step reads with.
#[derive(Clone)]
pub(crate) struct Clients {
    pub(crate) acm: aws_sdk_acm::Client,
    pub(crate) apigateway: aws_sdk_apigatewayv2::Client,
    pub(crate) dynamodb: aws_sdk_dynamodb::Client,
    pub(crate) domains: aws_sdk_route53domains::Client,
    pub(crate) logs: aws_sdk_cloudwatchlogs::Client,
    pub(crate) resolver: Resolver,
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
    /// The attribute `known` as it stands there.
    seen: String,
    result: Option<ProvisionResult>,
    purchase_begun: bool,
    /// The records of the zone that are ours.
    owned: Vec<Owned>,
    /// The existing API that the request of the last claim names, if it names one.
    existing_api: Option<String>,
}

/// Looks at everything that the request depends on.
///
/// # Errors
/// `InvalidRequest` and `Refused` with the field or resource and the remedy; `Retryable` and `NotReady`
/// while AWS or the registry cannot answer.
pub(crate) async fn run(clients: &Clients, settings: &Settings, input: PlanInput) -> Result<PlanOutput, StepError> {
    let request = Request::read(input.request.get())?;
    let fingerprint = request.fingerprint();
    let mut item = read_item(clients, settings, &request).await?;
    look::existing_api(clients, settings, &request).await?;

    let found = find_registration(clients, &request, &item).await?;
    if found.plan == RegistrationPlan::Register {
        registration::check_mailboxes(&request)?;
    }
    if let Some(quote) = &found.quote {
        let registration = request.registration.as_ref().ok_or_else(|| not_for_sale(&request))?;
        registration::check_price(registration, &quote.total(registration.years), settings.budget_usd)?;
        check_contact(clients, registration).await?;
    }

    // A name that nobody has registered can have no custom domain of somebody else in use here, nor records.
    let custom_domains = match found.quote.is_none() || request.dry_run {
        true => look::custom_domains(clients, settings, &request, &item.known).await?,
        false => look::CustomDomains::default(),
    };
    let begun = foreign::begun(clients, item.existing_api.as_deref(), &custom_domains, &item.known).await?;
    // Recorded by the claim, since the request that says it is overwritten there.
    item.known.hostnames.extend(begun);
    let answering = answering(clients, &request, &found).await;
    let live = Live {
        settings,
        request: &request,
        item: &item,
        found: &found,
        custom_domains: &custom_domains,
        answering: &answering,
    };
    let converged = live.result(clients, &fingerprint).await?;
    let mut report = nameplate::contract::result::Report::default();
    let looks = request.dry_run || (converged.is_none() && found.quote.is_none());
    // The registrar makes the zone of a name that is bought, whatever zones of it there are.
    let zone = match looks && found.quote.is_none() {
        true => zone_in_use(clients, settings, &request, &item, found.detail.as_ref()).await?,
        false => None,
    };
    let zone_id = zone.as_ref().map(|zone| zone.id.as_str());
    let mut adopted = Vec::new();
    let mut former = Vec::new();
    let mut record_changes = None;
    if looks {
        let looking = foreign::Looking {
            clients,
            settings,
            request: &request,
            known: &item.known,
            owned: &item.owned,
            custom_domains: &custom_domains,
            registered: found.detail.is_some(),
            zone_id,
        };
        adopted = looking.adopted().await?;
        former = former::zones(&looking).await?;
        let dropped = &custom_domains.dropped;
        let changes = further_records(clients, &request, &item, zone_id, dropped).await?;
        record_changes = changes.map(|(decision, taken)| {
            adopted.extend(taken);
            decision
        });
    }
    if request.dry_run {
        report.price = found.quote.as_ref().map(|quote| price_report(&request, quote));
        let seen = report::Seen {
            known: &item.known,
            plan: found.plan,
            bought: item.purchase_begun,
            registry: found.detail.as_ref(),
            custom_domains: &custom_domains,
            zone: zone.as_ref(),
        };
        report.resources = report::resources(clients, settings, &request, &seen).await?;
        report.resources.extend(record_changes.iter().flat_map(|decision| record_lines(&request, decision)));
        report.resources.extend(former.iter().map(Former::line));
        report.resources.extend(adopted.iter().map(taken_over));
        report.lines = difference::lines(&report);
    }
    // What a run that was broken off has said already is said once.
    let said = |thing: &Thing| {
        let mut earlier = item.known.adopted.iter();
        earlier.any(|earlier| (&earlier.resource, &earlier.name) == (&thing.resource, &thing.name))
    };
    adopted.retain(|thing| !said(thing));

    let told = match &item.result {
        Some(stored) if converged.is_none() && item.fingerprint.as_ref() == Some(&fingerprint) => {
            stored.actions.clone()
        }
        _ => Vec::new(),
    };
    let time = now();
    let wait = if found.plan == RegistrationPlan::Register { REGISTRATION_DEADLINE_SECS } else { 0 };
    Ok(PlanOutput {
        item_key: table::domain_key(request.domain_name.as_str()),
        fingerprint,
        has_records: has_records(&request, &item),
        registration: found.plan,
        quote: found.quote,
        planned_at: time,
        answering,
        told,
        deadlines: Deadlines { registration: time + wait, certificate: time + wait + CERTIFICATE_DEADLINE_SECS },
        dropped_hostnames: custom_domains.dropped,
        former_tags: item.known.tag_keys.iter().filter(|key| !request.tags.contains_key(*key)).cloned().collect(),
        adopted,
        enclosing_zone_id: zone.filter(|_| !request.domain_name.is_registrable()).map(|zone| zone.id),
        left_behind: former.iter().map(Former::action).collect(),
        known: item.known,
        seen: item.seen,
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
        seen: text(attribute::KNOWN).cloned().unwrap_or_default(),
        // What cannot be read is searched for anew: the table is a cache.
        known: known(
            text(attribute::KNOWN).and_then(|json| serde_json::from_str(json).ok()).unwrap_or_default(),
            text(attribute::AWAITED_CERTIFICATE),
        ),
        result: text(attribute::RESULT).and_then(|json| serde_json::from_str(json).ok()),
        purchase_begun: attributes.contains_key(attribute::PURCHASE_INTENT),
        owned: record::owned(text(attribute::RECORDS).map(String::as_str)),
        existing_api: text(attribute::REQUEST)
            .and_then(|json| serde_json::from_str::<Value>(json).ok())
            .and_then(|request| request["api"]["existing"]["apiId"].as_str().map(str::to_owned)),
    })
}

/// What earlier runs made. Of a run that was stopped only the certificate that it awaited is on record.
fn known(mut known: Known, awaited: Option<&String>) -> Known {
    known.certificate_arn = known.certificate_arn.or_else(|| awaited.cloned());
    // Another certificate and another zone come in the place of these, and a retirement looks for both.
    for record in &known.validation_records {
        if !known.former_validation_records.contains(record) {
            known.former_validation_records.push(record.clone());
        }
    }
    if let Some(id) = known.hosted_zone_id.as_ref().filter(|id| !known.former_hosted_zone_ids.contains(id)) {
        known.former_hosted_zone_ids.push(id.clone());
    }
    known
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

async fn check_contact(clients: &Clients, registration: &Registration) -> Result<(), StepError> {
    let name = &registration.contact_secret;
    let answer = clients.secrets.get_secret_value().secret_id(name).send().await.map_err(|error| {
        registration::secret_error(name, code_of(&error))
            .unwrap_or_else(|| classify("secretsmanager:GetSecretValue", &error))
    })?;
    registration::contact(name, answer.secret_string.map(SecretString::from)).map(drop)
}

fn price_report(request: &Request, quote: &Quote) -> PriceReport {
    let years = request.registration.as_ref().map_or(1, |r| r.years);
    PriceReport { first_year: quote.registration.clone(), total: quote.total(years), renewal: quote.renewal.clone() }
}

/// What a run of the same request has left, and what was seen of it now.
struct Live<'a> {
    settings: &'a Settings,
    request: &'a Request,
    item: &'a Item,
    found: &'a Found,
    custom_domains: &'a look::CustomDomains,
    /// The name servers that the DNS names, where it was asked.
    answering: &'a [String],
}

impl Live<'_> {
    /// The stored result with the registration as it is now, if nothing is left to do.
    async fn result(&self, clients: &Clients, fingerprint: &str) -> Result<Option<ProvisionResult>, StepError> {
        let Self { settings, request, item, custom_domains, .. } = self;
        let detail = self.found.detail.as_ref();
        let Some(stored) = &item.result else { return Ok(None) };
        if item.held || !item.live || item.fingerprint.as_deref() != Some(fingerprint) {
            return Ok(None);
        }
        // One that was left open, since the name did not answer, is to be closed by the next run that finds it answering.
        if request.api.default_endpoint == DefaultEndpoint::Closed && stored.default_endpoint.is_some() {
            return Ok(None);
        }
        // The full path takes the action away that says to set them.
        if server_set(&stored.name_servers) == self.answering && says_to_set(&stored.actions, self.answering) {
            return Ok(None);
        }
        let mut result = stored.clone();
        if let Some(detail) = detail {
            result.registration.expires = detail.expires.clone();
            result.registration.auto_renew = detail.auto_renew;
        }
        let registered_then = stored.registration.status == nameplate::contract::result::RegistrationStatus::Registered;
        if registered_then != detail.is_some() {
            return Ok(None);
        }
        // An unconfirmed address leaves an action open; once it is confirmed the full path takes the action away.
        if stored.registration.email_confirmed == Some(false)
            && look::email_confirmed(clients, request.domain_name.as_str()).await?
        {
            return Ok(None);
        }
        if self.is_redelegated() {
            return Ok(None);
        }
        if !look::stands(clients, settings, request, &item.known, &item.owned, custom_domains).await? {
            return Ok(None);
        }
        if let Some(validation) = &mut result.certificate_validation {
            // Nothing renews it but clicks: where they were missed the full path requests another one.
            let Some(until) = look::issued_until(clients, &result.certificate_arn).await? else { return Ok(None) };
            validation.until = until;
        }
        Ok(Some(result))
    }

    /// Whether the registry names other servers than it did.
    fn is_redelegated(&self) -> bool {
        let stored = self.item.result.as_ref().map(|result| server_set(&result.name_servers)).unwrap_or_default();
        let registry = self.found.detail.as_ref().map(|detail| &detail.name_servers);
        self.request.dns == Dns::Route53 && registry.is_some_and(|servers| *servers != stored)
    }
}

/// The name servers that the DNS names for a name that is registered elsewhere and lies in a zone of its own.
async fn answering(clients: &Clients, request: &Request, found: &Found) -> Vec<String> {
    let elsewhere = found.plan == RegistrationPlan::NotManaged && request.domain_name.is_registrable();
    match request.dns {
        Dns::Route53 if elsewhere => clients.resolver.name_servers(request.domain_name.as_str()).await,
        _ => Vec::new(),
    }
}

/// Whether one of the actions is about all of these name servers.
fn says_to_set(actions: &[String], servers: &[String]) -> bool {
    !servers.is_empty() && actions.iter().any(|action| servers.iter().all(|server| action.contains(server)))
}

/// Whether there is anything to do or to look at about further records.
fn has_records(request: &Request, item: &Item) -> bool {
    !request.records.is_empty() || !item.owned.is_empty()
}

/// The zone that the records go into, if there is one by now.
async fn zone_in_use(
    clients: &Clients,
    settings: &Settings,
    request: &Request,
    item: &Item,
    registry: Option<&look::Detail>,
) -> Result<Option<Zone>, StepError> {
    if request.dns == Dns::External {
        return Ok(None);
    }
    if !request.domain_name.is_registrable() {
        return enclosing::zone_id(clients, request, &item.known).await.map(|id| Some(Zone::delegated(id)));
    }
    let recorded = item.known.hosted_zone_id.as_deref();
    let just_bought = item.purchase_begun && recorded.is_none();
    own_zone::Looking { clients, settings, request, recorded, registry, just_bought }.zone().await
}

/// What would happen to further records, and which of them would be taken over.
///
/// # Errors
/// `Refused` where others wrote them and they are not to be taken over, or cannot be.
async fn further_records(
    clients: &Clients,
    request: &Request,
    item: &Item,
    zone_id: Option<&str>,
    dropped: &[String],
) -> Result<Option<(Decision, Vec<Thing>)>, StepError> {
    if !has_records(request, item) {
        return Ok(None);
    }
    let found = match zone_id {
        Some(zone) => look::record_sets(clients, zone).await?,
        None => None,
    };
    let standing: Vec<Standing> = found.iter().flatten().map(look::as_standing).collect();
    let hosts = request.hostnames();
    let scope = Scope { zone: zone_id.unwrap_or_default(), hosts: &hosts, dropped };
    let validation = &item.known.validation_records;
    let mut decision = record::decide(&scope, &request.records, &item.owned, &standing, validation, now());
    let taken = if request.adopt { folded(decision.adopt(scope.zone, now())) } else { Vec::new() };
    record::refuse_conflicts(&decision)?;
    Ok(Some((decision, taken)))
}

/// The first of the records that are taken over, and how many more.
fn folded(mut taken: Vec<Thing>) -> Vec<Thing> {
    let more = taken.len().saturating_sub(MAX_ADOPTED_RECORDS);
    taken.truncate(MAX_ADOPTED_RECORDS);
    if more > 0 {
        taken.push(Thing::new("record", format!("{more} more"), "taken over like the others"));
    }
    taken
}

fn taken_over(thing: &Thing) -> ResourceReport {
    ResourceReport {
        resource: thing.resource.clone(),
        action: ReportAction::Adopt,
        name: format!("{} ({})", thing.name, thing.reason),
        changes: Vec::new(),
    }
}

/// What happens to the further records: each change by name, with the fields that differ, and one line for all that stay.
fn record_lines(request: &Request, decision: &Decision) -> Vec<ResourceReport> {
    let line =
        |action, name: String| ResourceReport { resource: "record".to_owned(), action, name, changes: Vec::new() };
    let written = decision.changes.iter().filter(|change| change.create.is_some()).count();
    let stays = request.records.len().saturating_sub(written);
    let mut lines = Vec::new();
    if stays > 0 {
        lines.push(line(ReportAction::Exists, format!("{stays} as wanted")));
    }
    let mut room = MAX_RECORD_FIELD_BYTES;
    for change in decision.changes.iter().take(MAX_RECORD_LINES) {
        let mut line = line(action(change), change.subject());
        let fields = fields(change);
        let size = serde_json::to_string(&fields).map_or(usize::MAX, |json| json.len());
        match room.checked_sub(size) {
            Some(rest) => (room, line.changes) = (rest, fields),
            None => line.name.push_str(" (its fields are too long to be shown)"),
        }
        lines.push(line);
    }
    let more = decision.changes.iter().skip(MAX_RECORD_LINES);
    for wanted in [ReportAction::Create, ReportAction::Change, ReportAction::Remove] {
        let changes = more.clone().filter(|change| action(change) == wanted).count();
        if changes > 0 {
            lines.push(line(wanted, format!("{changes} more")));
        }
    }
    lines.extend(decision.yielding.iter().map(|record| {
        let name = format!("{} {} (the host name's alias records come in its place)", record.name, record.kind);
        line(ReportAction::Remove, name)
    }));
    lines
}

fn action(change: &Change) -> ReportAction {
    match (&change.delete, &change.create) {
        (Some(_), Some(_)) => ReportAction::Change,
        (Some(_), None) => ReportAction::Remove,
        (None, _) => ReportAction::Create,
    }
}

/// The fields in which a record differs from what stands.
fn fields(change: &Change) -> Vec<FieldChange> {
    let side = |record: &Option<ExactRecord>| record.as_ref().map_or(Value::Null, ExactRecord::shown);
    difference::changes(&side(&change.delete), &side(&change.create))
}

#[cfg(test)]
mod tests;
