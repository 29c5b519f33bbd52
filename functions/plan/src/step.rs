//! `plan`: looks, refuses and prices. Writes nothing.
//!
//! Reads the domain item, Route 53 Domains (availability, price, detail), the contact's secret, and, as far
//! as the answer depends on it, the zone, the certificates, the API and the custom domain.
//! Refuses whatever cannot succeed, before a cent is spent or anything is made.
//! Says that nothing is left to do when the last run satisfied the same request and everything still stands;
//! that look costs ten calls, and one more for each of these: the tags of a name that this stack bought, an e-mail address
//! of the registrant that is unconfirmed, authorizers, a default endpoint that shall be closed; two more for the deployment of a WebSocket API and two for an access log. Of a name that is registered
//! elsewhere the DNS is asked for its name servers. It must not know how anything is made.

use nameplate::contract::result::Report;
use nameplate::contract::table;
use nameplate::contract::{
    CERTIFICATE_DEADLINE_SECS, Deadlines, PlanInput, PlanOutput, REGISTRATION_DEADLINE_SECS, RegistrationPlan,
};
use nameplate::function::resolver::Resolver;
use nameplate::function::runtime::now;
use nameplate::request::Dns;
use nameplate::resource::certificate::Wanted;
use nameplate::resource::hosted_zone::HostedZone;
use nameplate::resource::record::{self, Decision, Scope, Standing};
use nameplate::resource::registration::RegisteredDomain;
use nameplate::resource::tags::Tagging;
use nameplate::resource::thing::Thing;
use nameplate::resource::{difference, registration};
use nameplate::{Request, StepError};

use crate::converged::Live;
use crate::former::{self, Former};
use crate::item::{self, Item};
use crate::market::{self, Found};
use crate::{certificate, enclosing, foreign, look, own_zone, report};

/// Records taken over that are named one by one: the names stay in the item, and in what Step Functions hands on.
const MAX_ADOPTED_RECORDS: usize = 50;

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

/// Looks at everything that the request depends on.
///
/// # Errors
/// `InvalidRequest` and `Refused` with the field or resource and the remedy; `Retryable` and `NotReady`
/// while AWS or the registry cannot answer.
pub(crate) async fn run(clients: &Clients, settings: &Settings, input: PlanInput) -> Result<PlanOutput, StepError> {
    let request = Request::read(input.request.get())?;
    let fingerprint = request.fingerprint();
    let mut item = item::read(clients, settings, &request).await?;
    look::existing_api(clients, settings, &request).await?;

    let mut found = market::find_registration(clients, &request, &item).await?;
    market::check_renewal(clients, settings, &request, &item, &mut found).await?;
    if found.plan == RegistrationPlan::Register {
        registration::check_mailboxes(&request)?;
    }
    if let Some(quote) = &found.quote {
        let registration = request.registration.as_ref().ok_or_else(|| market::not_for_sale(&request))?;
        registration::check_price(registration, &quote.total(registration.years), settings.budget_usd)?;
        market::check_contact(clients, registration).await?;
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
    // The registrar makes the zone of a name that is bought, whatever zones of it there are.
    let zone = match found.quote {
        None => zone_in_use(clients, settings, &request, &item, found.detail.as_ref()).await?,
        Some(_) => None,
    };
    let tagging = Tagging::new(&request.tags, &request.domain_name, &settings.stack, &item.known.tag_keys);
    let wanted = Wanted::of(&request, &tagging);
    let mut certificate = None;
    if request.dry_run || item.satisfies(&fingerprint) {
        certificate = certificate::recorded(clients, &item.known, &wanted).await?;
        if let Some(standing) = found.detail.as_mut().filter(|_| item.purchase_begun) {
            let domain = request.domain_name.as_str();
            standing.tags = observe::route53domains::registration_tags(&clients.domains, domain).await?;
        }
    }
    let live = Live {
        settings,
        request: &request,
        item: &item,
        found: &found,
        custom_domains: &custom_domains,
        zone: zone.as_ref(),
        certificate: certificate.as_ref(),
        wanted: &wanted,
        answering: &answering,
    };
    let converged = live.result(clients, &fingerprint).await?;
    let mut report = Report::default();
    let looks = request.dry_run || (converged.is_none() && found.quote.is_none());
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
            registered: found.detail.as_ref(),
            zone: zone.as_ref(),
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
        let price = request.registration.as_ref().zip(found.quote.as_ref());
        report.price = price.map(|(registration, quote)| market::price_report(registration, quote));
        let seen = report::Seen {
            known: &item.known,
            plan: found.plan,
            bought: item.purchase_begun || found.plan == RegistrationPlan::Register,
            registry: found.detail.as_ref(),
            custom_domains: &custom_domains,
            zone: zone.as_ref(),
            certificate: certificate::find(clients, certificate, &wanted).await?,
            wanted: &wanted,
        };
        report.resources = report::resources(clients, settings, &request, &seen).await?;
        report.resources.extend(record_changes.iter().flat_map(|decision| report::record_lines(&request, decision)));
        report.resources.extend(former.iter().map(Former::line));
        report.resources.extend(adopted.iter().map(report::taken_over));
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

/// The name servers that the DNS names for a name that is registered elsewhere and lies in a zone of its own.
async fn answering(clients: &Clients, request: &Request, found: &Found) -> Vec<String> {
    let elsewhere = found.plan == RegistrationPlan::NotManaged && request.domain_name.is_registrable();
    match request.dns {
        Dns::Route53 if elsewhere => clients.resolver.name_servers(request.domain_name.as_str()).await,
        _ => Vec::new(),
    }
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
    registered: Option<&RegisteredDomain>,
) -> Result<Option<HostedZone>, StepError> {
    if request.dns == Dns::External {
        return Ok(None);
    }
    if !request.domain_name.is_registrable() {
        return enclosing::zone(clients, request, &item.known).await.map(Some);
    }
    own_zone::zone(clients, settings, request, item, registered).await
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

#[cfg(test)]
mod tests;
