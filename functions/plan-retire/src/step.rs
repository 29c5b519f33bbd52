//! `plan-retire`: finds what Nameplate made for a domain, and says what goes, what stays, and why. Writes nothing.
//!
//! Reads the domain item; custom domains, APIs, certificates and zones by recorded id and by tag, so that what a run
//! made that never finished is found as well; mappings, records, the account's regions and the other certificates in
//! them, DNSSEC, the log group and the registration, as far as the answer depends on them.
//! Refuses a domain that it knows nothing of, one whose purchase is still under way, and a custom domain of ours of which
//! a mapping is somebody else's. Busy: an execution works on the domain.
//! NotReady: a provisioning was stopped a moment ago, so that a function of it may still be making things.
//! It must not know how anything is deleted: each step looks again before it does so.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use nameplate::contract::retire::{IN_USE_DEADLINE_SECS, PlanRetireInput, PlanRetireOutput};
use nameplate::contract::table;
use nameplate::contract::{Known, REGISTRATION_DEADLINE_SECS};
use nameplate::domain::dns_form;
use nameplate::function::runtime::now;
use nameplate::request::retire::AutoRenew;
use nameplate::resource::alias;
use nameplate::resource::api::log_group;
use nameplate::resource::certificate::{Certificate, ValidationRecord};
use nameplate::resource::difference::retire_lines;
use nameplate::resource::record;
use nameplate::resource::record::{Scope, Standing};
use nameplate::resource::registration::RegisteredDomain;
use nameplate::resource::thing::{HOSTED_ZONE, OWN_DNS_RECORD, Thing};
use nameplate::token::zone_reference;
use nameplate::{Class, DomainName, RetireRequest, StepError};

use crate::item::{self, Item, Purchase};
use crate::look::certificates;
use crate::look::zones::{self, Holder};
use crate::look::{self, Host};

/// Further records that a plan names one by one, of those that go and of those that stay: it is part of what Step
/// Functions hands on.
const MAX_RECORDS_NAMED: usize = 100;

/// The clients that the step reads with.
#[derive(Clone)]
pub(crate) struct Clients {
    pub(crate) account: aws_sdk_account::Client,
    /// In the stack's region.
    pub(crate) acm: aws_sdk_acm::Client,
    /// ACM in the region of that name.
    pub(crate) acm_in: Arc<dyn Fn(&str) -> aws_sdk_acm::Client + Send + Sync>,
    pub(crate) api_gateway: aws_sdk_apigatewayv2::Client,
    pub(crate) dynamodb: aws_sdk_dynamodb::Client,
    pub(crate) domains: aws_sdk_route53domains::Client,
    pub(crate) logs: aws_sdk_cloudwatchlogs::Client,
    pub(crate) route53: aws_sdk_route53::Client,
}

/// What the template sets.
#[derive(Clone)]
pub(crate) struct Settings {
    pub(crate) stack: String,
    pub(crate) table: String,
    pub(crate) account: String,
    pub(crate) region: String,
    /// How long after a provisioning was stopped a function of it may still be at work, in seconds.
    pub(crate) settling_secs: i64,
}

/// Looks at everything that may be ours.
///
/// # Errors
/// As the module says; `Retryable` while AWS cannot answer.
pub(crate) async fn run(
    clients: &Clients,
    settings: &Settings,
    input: PlanRetireInput,
) -> Result<PlanRetireOutput, StepError> {
    run_at(clients, settings, input, now()).await
}

async fn run_at(
    clients: &Clients,
    settings: &Settings,
    input: PlanRetireInput,
    now: i64,
) -> Result<PlanRetireOutput, StepError> {
    let request = RetireRequest::read(input.request.get())?;
    let name = &request.domain_name;
    let item = item::read(&clients.dynamodb, &settings.table, name.as_str()).await?;
    if !request.dry_run {
        check_nobody_works(name, &item, settings, now)?;
    }
    let registration = observe::route53domains::registered_domain(&clients.domains, name.as_str()).await?;
    if registration.is_none() {
        check_purchase(clients, name.as_str(), &item.purchase, now).await?;
    }
    let found = find(clients, settings, name, &item, now).await?;
    if !item.exists && found.is_empty() {
        return Err(unknown(name.as_str(), &settings.stack));
    }
    let by_hand = by_hand(name, &item, &found);
    let (goes, mut stays) = judge(settings, &request, &item, &found, registration.as_ref());
    stays.extend(by_hand.iter().cloned());
    let renews = registration.as_ref().is_some_and(|registration| registration.auto_renew == Some(true));
    let renewal_ends = request.auto_renew == Some(AutoRenew::Off) && renews;
    let ids = |wanted: fn(&&Holder) -> bool| found.zones.iter().filter(wanted).map(|one| one.zone.id.clone()).collect();
    Ok(PlanRetireOutput {
        item_key: table::domain_key(name.as_str()),
        incarnation: item.incarnations.first().cloned().unwrap_or_default(),
        known: found.known(&item.known),
        seen: item.seen.clone(),
        api_ids: found.apis.iter().filter(|(_, ours)| **ours).map(|(id, _)| id.clone()).collect(),
        hostnames: found.hosts.iter().filter(|host| host.detachable()).map(|host| host.name.clone()).collect(),
        certificate_arns: found.going(settings).map(|certificate| certificate.arn.clone()).collect(),
        hosted_zone_ids: ids(|_| true),
        own_zone_ids: ids(|holder| holder.own),
        zone_references: references(&item),
        regions: found.regions.clone(),
        watch_keys: watch_keys(&item, &found, &settings.stack),
        deadline: now + IN_USE_DEADLINE_SECS,
        retired: item.retired && goes.is_empty() && !renewal_ends,
        by_hand,
        lines: if request.dry_run { retire_lines(&goes, &stays) } else { Vec::new() },
        goes,
        stays,
        request,
    })
}

/// Everything that is, or was said to be, ours.
#[derive(Debug, Default)]
struct Found {
    domain: String,
    hosts: Vec<Host>,
    /// Ids, and whether the tags say that it is ours.
    apis: BTreeMap<String, bool>,
    /// That of the access log of the last request, or of an earlier one.
    log_group: Option<String>,
    certificates: Vec<Certificate>,
    zones: Vec<Holder>,
    /// The validation records, each with the reason for which it stays.
    validation: Vec<(ValidationRecord, Option<String>)>,
    /// The further records, by name and type: those that go, and those that somebody has changed.
    records: (BTreeSet<String>, BTreeSet<String>),
    /// The account's regions, if there are validation records.
    regions: Vec<String>,
    /// Custom domains that are not ours, by the certificate that they use.
    foreign_users: BTreeMap<String, String>,
}

impl Found {
    /// Whether nothing carries our mark: a zone around the name is no trace of ours.
    fn is_empty(&self) -> bool {
        self.hosts.iter().all(|host| !host.exists)
            && self.apis.is_empty()
            && self.certificates.is_empty()
            && self.zones.iter().all(|holder| !holder.own)
    }

    /// The certificates that go.
    fn going(&self, settings: &Settings) -> impl Iterator<Item = &Certificate> {
        self.certificates.iter().filter(|one| self.why_stays(one, settings).is_none())
    }

    fn why_stays(&self, certificate: &Certificate, settings: &Settings) -> Option<String> {
        let is_ours = certificate.is_ours(&self.domain, &settings.stack);
        certificates::stays_because(certificate, is_ours, &settings.account, &self.foreign_users)
    }

    /// What was recorded, completed by what was found.
    fn known(&self, recorded: &Known) -> Known {
        let ours = self.hosts.iter().filter(|host| host.exists && host.ours).map(|host| host.name.clone());
        let hostnames: BTreeSet<String> = recorded.hostnames.iter().cloned().chain(ours).collect();
        Known {
            api_id: recorded.api_id.clone().or_else(|| self.apis.keys().next().cloned()),
            // One that only may hold our records is looked for again.
            hosted_zone_id: recorded
                .hosted_zone_id
                .clone()
                .or_else(|| Some(self.zones.iter().find(|holder| holder.own)?.zone.id.clone())),
            certificate_arn: recorded.certificate_arn.clone().or_else(|| Some(self.certificates.first()?.arn.clone())),
            validation_records: self.validation.iter().map(|(record, _)| record.clone()).collect(),
            former_validation_records: recorded.former_validation_records.clone(),
            former_hosted_zone_ids: recorded.former_hosted_zone_ids.clone(),
            zone_owned: recorded.zone_owned,
            tag_keys: recorded.tag_keys.clone(),
            adopted: recorded.adopted.clone(),
            hostnames: hostnames.into_iter().collect(),
        }
    }
}

/// Caller references of the zones that Nameplate has made, or may have made, for the domain.
fn references(item: &Item) -> Vec<String> {
    let gone = item.known.hosted_zone_id.as_deref();
    let both = |one: &String| [zone_reference(one, None), zone_reference(one, gone)];
    let references: BTreeSet<String> = item.incarnations.iter().flat_map(both).collect();
    references.into_iter().collect()
}

/// Keys of the watches that runs may have left: of a run that was stopped the item names what it awaited.
fn watch_keys(item: &Item, found: &Found, stack: &str) -> Vec<String> {
    let ours = |one: &&Certificate| one.is_ours(&found.domain, stack);
    let certificates = found.certificates.iter().filter(ours).map(|one| &one.arn);
    let awaited = item.purchase.operation.iter().chain(&item.awaited_certificate).chain(certificates);
    let keys: BTreeSet<String> = awaited.map(|id| table::watch_key(id)).collect();
    keys.into_iter().collect()
}

async fn find(
    clients: &Clients,
    settings: &Settings,
    name: &DomainName,
    item: &Item,
    now: i64,
) -> Result<Found, StepError> {
    let domain = name.as_str();
    let custom_domains = look::custom_domains(clients, settings, domain).await?;
    let mut names: BTreeSet<String> = custom_domains.ours.keys().cloned().collect();
    names.extend(item.known.hostnames.iter().cloned());
    names.extend(item.hostname.clone());
    // A run that was stopped may have led a host name to an existing API without having recorded it.
    let recorded_apis: Vec<&str> =
        item.known.api_id.as_deref().into_iter().chain(item.existing_api.as_deref()).collect();
    let apis = look::apis(clients, settings, domain, &recorded_apis).await?;
    let mut found = Found { domain: domain.to_owned(), apis, ..Found::default() };
    let group = log_group(name, &settings.stack);
    found.log_group = look::log_group_exists(clients, &group).await?.then_some(group);
    for name in names {
        let recorded = item.known.hostnames.contains(&name);
        found.hosts.push(look::host(clients, &custom_domains, &name, recorded, &found.apis).await?);
    }
    found.foreign_users = custom_domains.users;
    let recorded: BTreeSet<&String> =
        item.known.certificate_arn.iter().chain(item.awaited_certificate.iter()).collect();
    found.certificates = certificates::of_the_domain(clients, settings, domain, &recorded).await?;
    find_validation(clients, settings, item, &mut found).await?;
    let known = zones::Known {
        domain: name,
        // A run that was stopped may have written records to a zone that it has not put on record.
        recorded: (item.known.hosted_zone_id.iter())
            .chain(&item.known.former_hosted_zone_ids)
            .chain(item.owned.iter().filter_map(|one| one.zone.as_ref()))
            .collect(),
        references: &references(item),
        external: item.external,
    };
    found.zones = zones::find(clients, settings, &known).await?;
    for index in 0..found.zones.len() {
        look_into_zone(clients, index, item, &mut found, now).await?;
    }
    Ok(found)
}

/// The validation records, and who else needs them.
async fn find_validation(
    clients: &Clients,
    settings: &Settings,
    item: &Item,
    found: &mut Found,
) -> Result<(), StepError> {
    let recorded = item.known.validation_records.iter().chain(&item.known.former_validation_records);
    let mut records: BTreeSet<ValidationRecord> = recorded.cloned().collect();
    let ours = found.certificates.iter().filter(|one| one.is_ours(&found.domain, &settings.stack));
    records.extend(ours.flat_map(Certificate::records));
    if records.is_empty() {
        return Ok(());
    }
    found.regions = certificates::regions(clients, &settings.region).await?;
    let going: Vec<String> = found.going(settings).map(|certificate| certificate.arn.clone()).collect();
    let needs = observe::acm::needs(&*clients.acm_in, &found.regions, &records, &going).await?;
    found.validation = records
        .into_iter()
        .map(|record| {
            let why_stays = needs.why_stays(&record);
            (record, why_stays)
        })
        .collect();
    Ok(())
}

/// What becomes of the further records that stand in a zone, and whether one that Nameplate made will be empty.
async fn look_into_zone(
    clients: &Clients,
    index: usize,
    item: &Item,
    found: &mut Found,
    now: i64,
) -> Result<(), StepError> {
    let Holder { zone, made_by_us, .. } = &found.zones[index];
    if item.owned.is_empty() && !made_by_us {
        return Ok(());
    }
    let sets = zones::records(clients, &zone.id).await?;
    let standing: Vec<Standing> =
        sets.iter().map(|set| set.standing.clone().alias_of(set.alias_of.as_deref())).collect();
    let validation: Vec<ValidationRecord> = found.validation.iter().map(|(record, _)| record.clone()).collect();
    // Alias records of host names have come in the place of some.
    let hosts: Vec<String> =
        found.hosts.iter().filter(|host| host.detachable()).map(|host| host.name.clone()).collect();
    let scope = Scope { zone: &zone.id, hosts: &[], dropped: &hosts };
    let decision = record::decide(&scope, &[], &item.owned, &standing, &validation, now);
    let going: BTreeSet<String> = decision.changes.iter().map(record::Change::subject).collect();
    let zone_name = zone.name.clone();
    let region = clients.api_gateway.config().region();
    let here = |alias: &str| region.is_some_and(|region| alias::is_custom_domain_in(region.as_ref(), alias));
    let goes = |set: &&zones::Set| {
        let name = set.standing.name();
        match set.standing.kind() {
            "NS" | "SOA" if name == zone_name => true,
            "A" | "AAAA" if set.alias_of.as_ref().is_some_and(|of| here(of)) => {
                found.hosts.iter().any(|host| host.detachable() && host.name == name)
            }
            "CNAME"
                if found.validation.iter().any(|(record, stays)| {
                    stays.is_none() && dns_form(&record.name) == name && set.standing.leads_to(&record.value)
                }) =>
            {
                true
            }
            _ => going.contains(&set.standing.subject()),
        }
    };
    let other =
        sets.iter().find(|set| !goes(set)).map(|set| format!("{} {}", set.standing.kind(), set.standing.name()));
    if found.zones[index].made_by_us {
        found.zones[index].other_record = other;
    }
    found.records.0.extend(going);
    found.records.1.extend(decision.left);
    Ok(())
}

/// What a person has to take out of a DNS that nobody here can write to: what earlier runs of this retirement found,
/// and what is found now.
fn by_hand(name: &DomainName, item: &Item, found: &Found) -> Vec<Thing> {
    let mut things = item.by_hand.clone();
    // Where the table is lost, a name without any zone here had its records somewhere.
    let elsewhere = item.external || (!item.exists && found.zones.is_empty());
    if elsewhere && !item.retired {
        let outside = |host: &&Host| host.ours && host.target.is_some();
        things.extend(found.hosts.iter().filter(outside).map(|host| {
            let kind = if host.name == name.registrable() { "ALIAS" } else { "CNAME" };
            let record = format!("{} {kind} {}", host.name, host.target.as_deref().unwrap_or_default());
            Thing::new(OWN_DNS_RECORD, record, "what it points to goes: remove it there")
        }));
        let needless = found.validation.iter().filter(|(_, stays)| stays.is_none());
        things.extend(needless.map(|(record, _)| {
            let record = format!("{} CNAME {}", record.name, record.value);
            Thing::new(OWN_DNS_RECORD, record, "no certificate of the account needs it any more: remove it there")
        }));
    }
    let mut seen = BTreeSet::new();
    things.retain(|thing| seen.insert(thing.name.clone()));
    things
}

/// What goes and what stays, in the order in which the steps come to it.
fn judge(
    settings: &Settings,
    request: &RetireRequest,
    item: &Item,
    found: &Found,
    registration: Option<&RegisteredDomain>,
) -> (Vec<Thing>, Vec<Thing>) {
    let domain = request.domain_name.as_str();
    let (mut goes, mut stays) = (Vec::new(), Vec::new());
    let not_ours = "it does not carry the tags of this stack";
    for host in &found.hosts {
        if host.exists && host.ours {
            let taken = |thing: &Thing| thing.resource == "custom domain" && thing.name == host.name;
            let reason = match item.known.adopted.iter().any(taken) {
                true => "taken over by this stack from somebody else; it goes with its mapping and alias records",
                false => "made by this stack, with its mapping and alias records",
            };
            goes.push(Thing::new("custom domain", &host.name, reason));
        } else if host.exists {
            stays.push(Thing::new("custom domain", &host.name, not_ours));
        } else if host.recorded && !item.retired && !found.zones.is_empty() {
            goes.push(Thing::new("alias records", &host.name, "recorded as ours, if they are still there"));
        }
    }
    if let Some(group) = &found.log_group {
        stays.push(Thing::new("log group", group, "it holds the lines of the access log, until its retention ends"));
    }
    let led_to: BTreeMap<&String, &String> =
        found.hosts.iter().filter_map(|host| Some((host.leads_to.as_ref()?, &host.name))).collect();
    for (id, ours) in &found.apis {
        match (ours, led_to.get(id)) {
            (true, _) => goes.push(Thing::new("API", id, "made by this stack")),
            // Said below.
            (false, Some(_)) => {}
            (false, None) => stays.push(Thing::new("API", id, not_ours)),
        }
    }
    stays.extend(led_to.into_iter().map(|(id, host)| {
        Thing::new("API", id, format!("Nameplate did not make it; only the mapping of {host} to it goes"))
    }));
    for certificate in &found.certificates {
        match found.why_stays(certificate, settings) {
            None => goes.push(Thing::new("certificate", &certificate.arn, "made by this stack")),
            Some(reason) => stays.push(Thing::new("certificate", &certificate.arn, reason)),
        }
    }
    for (record, why_stays) in &found.validation {
        match why_stays {
            Some(reason) => stays.push(Thing::validation(record, reason)),
            // Nobody here can remove one that stands elsewhere.
            None if found.zones.is_empty() => {}
            None => goes.push(Thing::validation(record, "no certificate needs it any more")),
        }
    }
    let (going, changed) = &found.records;
    goes.extend(records_named(going, "written for a request"));
    stays.extend(records_named(changed, "somebody has changed it since Nameplate wrote it"));
    let mut zone_goes = false;
    let registry = registration.map(|registration| registration.name_servers.as_slice());
    for holder in &found.zones {
        let id = &holder.zone.id;
        match holder.stays_because(domain, &settings.stack, registry, request.accept_delegated) {
            None => {
                zone_goes = true;
                goes.push(Thing::new(HOSTED_ZONE, id, "made by Nameplate, and nothing else is in it"));
            }
            Some(reason) => stays.push(Thing::new(HOSTED_ZONE, id, reason)),
        }
    }
    if let Some(registration) = registration {
        let renewal = match (request.auto_renew, registration.auto_renew == Some(true)) {
            (Some(AutoRenew::Off), true) => "auto-renewal is switched off, as asked",
            (_, true) => "it is renewed each year; `\"autoRenew\": \"off\"` ends that",
            (_, false) => "it ends with what is paid",
        };
        let signed = match zone_goes && registration.signed {
            true => "; its DS records (DNSSEC) stay too, and no zone that comes later answers before they are gone",
            false => "",
        };
        let reason = format!("registrations are never deleted; {renewal}{signed}");
        stays.push(Thing::new("registration", domain, reason));
    }
    (goes, stays)
}

/// One line for each record, and one for all that are too many to name.
fn records_named(records: &BTreeSet<String>, reason: &str) -> Vec<Thing> {
    let mut named: Vec<Thing> =
        records.iter().take(MAX_RECORDS_NAMED).map(|record| Thing::new("record", record, reason)).collect();
    if records.len() > MAX_RECORDS_NAMED {
        named.push(Thing::new("record", format!("{} more", records.len() - MAX_RECORDS_NAMED), reason));
    }
    named
}

/// Refuses to plan while somebody makes what would have to be found.
fn check_nobody_works(name: &DomainName, item: &Item, settings: &Settings, now: i64) -> Result<(), StepError> {
    if item.held {
        return Err(busy(name.as_str()));
    }
    match item.stopped_at {
        Some(at) if now < at + settings.settling_secs => Err(StepError::not_ready(
            "StoppedMomentsAgo",
            format!("a run for {name} was stopped a moment ago, and what it had begun may still come to be"),
        )),
        _ => Ok(()),
    }
}

/// Refuses to forget a purchase that may still come true: the name would be paid and nobody would know.
async fn check_purchase(clients: &Clients, domain: &str, purchase: &Purchase, now: i64) -> Result<(), StepError> {
    let Some(intent) = purchase.intent.filter(|_| !purchase.failed) else { return Ok(()) };
    let open = match &purchase.operation {
        Some(operation) => look::is_open(clients, operation).await?,
        None => now < intent + REGISTRATION_DEADLINE_SECS,
    };
    if !open {
        return Ok(());
    }
    Err(StepError::refused(
        "PurchaseUnderWay",
        format!("the purchase of {domain} was begun and has not ended"),
        "start the provisioning with the same request again and let it come to its end; then retire the domain",
    ))
}

fn busy(domain: &str) -> StepError {
    StepError::new(
        Class::Busy,
        "Busy",
        format!("an execution works on {domain}"),
        "wait until it has ended (aws stepfunctions list-executions --status-filter RUNNING --state-machine-arn ARN, for each of the stack's outputs StateMachineArn and RetireStateMachineArn), then start again",
    )
}

fn unknown(domain: &str, stack: &str) -> StepError {
    StepError::refused(
        "UnknownDomain",
        format!(
            "the stack {stack} has made nothing for {domain}: it is not in its table, and nothing carries its tags"
        ),
        "check the name; if another stack made it, start that stack's state machine",
    )
}

#[cfg(test)]
mod tests;
