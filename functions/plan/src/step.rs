//! `plan`: looks, refuses and prices. Writes nothing.
//!
//! Reads the domain item, Route 53 Domains (availability, price, detail), the contact's secret, and, as far
//! as the answer depends on it, the zone, the certificates, the API and the custom domain.
//! Refuses whatever cannot succeed, before a cent is spent or anything is made.
//! Says that nothing is left to do when the last run satisfied the same request and the report, which a dry run shows,
//! holds no change: it looks at everything that a run would write, each thing once. That costs fifteen reads for an HTTP
//! API with one route and the domain item; one more for the registration's tags where this stack bought it, for each
//! further host name two, and for each Lambda function one. Of a name that is registered elsewhere the DNS is asked for
//! its name servers. It must not know how anything is made.

use nameplate::contract::result::Report;
use nameplate::contract::table;
use nameplate::contract::{
    CERTIFICATE_DEADLINE_SECS, Deadlines, PlanInput, PlanOutput, REGISTRATION_DEADLINE_SECS, RegistrationPlan,
};
use nameplate::function::runtime::now;
use nameplate::request::Dns;
use nameplate::resource::hosted_zone::HostedZone;
use nameplate::resource::record::{self, Decision, Scope, Standing};
use nameplate::resource::registration::RegisteredDomain;
use nameplate::resource::tags::Tagging;
use nameplate::resource::thing::Thing;
use nameplate::resource::{difference, registration};
use nameplate::{Request, StepError};

use crate::context::{Clients, Settings};
use crate::converged::Live;
use crate::former::{self, Former};
use crate::item::{self, Item};
use crate::market::{self, Found};
use crate::picture::Picture;
use crate::{apis, enclosing, foreign, look, own_zone, report};

/// Records taken over that are named one by one: the names stay in the item, and in what Step Functions hands on.
const MAX_ADOPTED_RECORDS: usize = 50;

/// Looks at everything that the request depends on.
///
/// # Errors
/// `InvalidRequest` and `Refused` with the field or resource and the remedy; `Retryable` and `NotReady`
/// while AWS or the registry cannot answer.
pub(crate) async fn run(clients: &Clients, settings: &Settings, input: PlanInput) -> Result<PlanOutput, StepError> {
    let request = Request::read(input.request.get())?;
    let fingerprint = request.fingerprint();
    let mut item = item::read(clients, settings, &request).await?;
    let tagging = Tagging::new(&request.tags, &request.domain_name, &settings.stack, &item.known.tag_keys);
    apis::Looking::new(clients, settings, &request, &tagging).check_existing().await?;

    let picture = Picture::new(clients, settings, &request);
    let found = market::find_registration(clients, &request, &item).await?;
    market::check_renewal(&picture, &item, &found).await?;
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
    let begun = foreign::begun(&picture, item.existing_api.as_deref(), &custom_domains, &item.known).await?;
    // Recorded by the claim, since the request that says it is overwritten there.
    item.known.hostnames.extend(begun);
    let answering = answering(clients, &request, &found).await;
    // The registrar makes the zone of a name that is bought, whatever zones of it there are.
    let zone = match found.quote {
        None => zone_in_use(&picture, &item, found.detail.as_ref()).await?,
        Some(_) => None,
    };
    let looking = foreign::Looking {
        picture: &picture,
        request: &request,
        known: &item.known,
        owned: &item.owned,
        custom_domains: &custom_domains,
        registered: found.detail.is_some(),
        zone_id: zone.as_ref().map(|zone| zone.id.as_str()),
    };
    let (mut adopted, mut record_changes) = (Vec::new(), None);
    let looks = found.quote.is_none() || request.dry_run;
    if looks {
        if let Some(zone_id) = looking.zone_id.filter(|_| has_records(&request, &item)) {
            // First: what is read whole need not be read in parts.
            picture.record_sets(zone_id).await?;
        }
        adopted = looking.adopted().await?;
        record_changes = further_records(&looking, &item).await?;
    }
    let decision = record_changes.map(|(decision, taken)| {
        adopted.extend(taken);
        decision
    });
    let live =
        Live { picture: &picture, item: &item, found: &found, custom_domains: &custom_domains, answering: &answering };
    let candidate = live.candidate(&fingerprint);
    let former = match looks {
        true if request.dry_run || candidate.is_none() => former::zones(&looking).await?,
        _ => Vec::new(),
    };
    let mut report = Report::default();
    let mut converged = None;
    if request.dry_run || candidate.is_some() {
        let seen = report::Seen {
            known: &item.known,
            plan: found.plan,
            bought: item.purchase_begun || found.plan == RegistrationPlan::Register,
            registered: found.detail.as_ref(),
            custom_domains: &custom_domains,
            zone: zone.as_ref(),
        };
        let mut resources = report::resources(&picture, &seen).await?;
        resources.extend(decision.iter().flat_map(|decision| report::record_lines(&request, decision)));
        resources.extend(former.iter().map(Former::line));
        resources.extend(adopted.iter().map(report::taken_over));
        if let Some(stored) = candidate {
            converged = live.result(stored, &resources).await?;
        }
        if request.dry_run {
            let price = request.registration.as_ref().zip(found.quote.as_ref());
            let price = price.map(|(registration, quote)| market::price_report(registration, quote));
            report = Report { resources, price, lines: Vec::new() };
            report.lines = difference::lines(&report);
        }
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
    picture: &Picture<'_>,
    item: &Item,
    registered: Option<&RegisteredDomain>,
) -> Result<Option<HostedZone>, StepError> {
    let request = picture.request;
    if request.dns == Dns::External {
        return Ok(None);
    }
    if !request.domain_name.is_registrable() {
        return enclosing::zone(picture.clients, request, &item.known).await.map(Some);
    }
    own_zone::zone(picture, item, registered).await
}

/// What would happen to further records, and which of them would be taken over.
///
/// # Errors
/// `Refused` where others wrote them and they are not to be taken over, or cannot be.
async fn further_records(
    looking: &foreign::Looking<'_>,
    item: &Item,
) -> Result<Option<(Decision, Vec<Thing>)>, StepError> {
    let request = looking.request;
    if !has_records(request, item) {
        return Ok(None);
    }
    let found = match looking.zone_id {
        Some(zone) => looking.picture.record_sets(zone).await?,
        None => None,
    };
    let standing: Vec<Standing> = found.iter().flatten().map(look::as_standing).collect();
    let hosts = request.hostnames();
    let scope =
        Scope { zone: looking.zone_id.unwrap_or_default(), hosts: &hosts, dropped: &looking.custom_domains.dropped };
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
