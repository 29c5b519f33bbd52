//! `plan-retire`: finds what Nameplate made for a domain, and says what goes, what stays, and why. Writes nothing.
//!
//! Reads the domain item; custom domains, APIs, certificates and zones by recorded id and by tag, so that what a run
//! made that never finished is found as well; mappings, records, other certificates and the registration, as far as
//! the answer depends on them.
//! Refuses a domain that it knows nothing of, one whose purchase is still under way, and a custom domain of ours that
//! leads to somebody else's API. Busy: an execution works on the domain.
//! It must not know how anything is deleted: each step looks again before it does so.

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_dynamodb::types::AttributeValue;
use nameplate::contract::retire::{IN_USE_DEADLINE_SECS, PlanRetireInput, PlanRetireOutput};
use nameplate::contract::{Known, REGISTRATION_DEADLINE_SECS, ValidationRecord};
use nameplate::error::classify;
use nameplate::retire::{AutoRenew, Thing};
use nameplate::runtime::now;
use nameplate::table::{self, domain as attribute};
use nameplate::token::zone_reference;
use nameplate::{Class, RetireRequest, StepError};
use serde_json::Value;

use crate::look::{self, Certificate, Delegation, Host, Zone};

/// The clients that the step reads with.
#[derive(Clone)]
pub(crate) struct Clients {
    pub(crate) acm: aws_sdk_acm::Client,
    /// The other regions in which certificates may need our validation records.
    pub(crate) other_acm: Vec<aws_sdk_acm::Client>,
    pub(crate) api_gateway: aws_sdk_apigatewayv2::Client,
    pub(crate) dynamodb: aws_sdk_dynamodb::Client,
    pub(crate) domains: aws_sdk_route53domains::Client,
    pub(crate) route53: aws_sdk_route53::Client,
}

/// What the template sets.
#[derive(Clone)]
pub(crate) struct Settings {
    pub(crate) stack: String,
    pub(crate) table: String,
    pub(crate) account: String,
}

/// What the domain item holds.
#[derive(Debug, Default)]
struct Item {
    exists: bool,
    held: bool,
    retired: bool,
    incarnations: Vec<String>,
    known: Known,
    /// Host name of the last request.
    hostname: Option<String>,
    awaited_certificate: Option<String>,
    purchase: Purchase,
}

/// How far a purchase came, as the item has it.
#[derive(Debug, Default)]
struct Purchase {
    intent: Option<i64>,
    operation: Option<String>,
    failed: bool,
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
    let request = RetireRequest::read(input.request.get())?;
    let domain = request.domain_name.as_str().to_owned();
    let item = read_item(clients, settings, &domain).await?;
    if item.held && !request.dry_run {
        return Err(busy(&domain));
    }
    let registration = look::registration(clients, &domain).await?;
    if matches!(registration.delegation, Delegation::Unknown) {
        check_purchase(clients, &domain, &item.purchase).await?;
    }
    let found = find(clients, settings, &domain, &item).await?;
    if !item.exists && found.is_empty() {
        return Err(unknown(&domain, &settings.stack));
    }
    let (goes, stays) = judge(settings, &request, &item, &found, &registration);
    let renewal_ends = request.auto_renew == Some(AutoRenew::Off) && registration.auto_renew;
    Ok(PlanRetireOutput {
        item_key: table::domain_key(&domain),
        incarnation: item.incarnations.first().cloned().unwrap_or_default(),
        known: found.known(&item.known),
        api_ids: found.apis.iter().filter(|(_, ours)| **ours).map(|(id, _)| id.clone()).collect(),
        hostnames: found.hosts.iter().filter(|host| host.detachable()).map(|host| host.name.clone()).collect(),
        certificate_arns: found
            .certificates
            .iter()
            .filter(|one| one.goes(&settings.account, &found.foreign_users))
            .map(|certificate| certificate.arn.clone())
            .collect(),
        hosted_zone_ids: found.zones.iter().map(|zone| zone.id.clone()).collect(),
        deadline: now() + IN_USE_DEADLINE_SECS,
        retired: item.retired && goes.is_empty() && !renewal_ends,
        goes,
        stays,
        request,
    })
}

/// Everything that is, or was said to be, ours.
#[derive(Debug, Default)]
struct Found {
    hosts: Vec<Host>,
    /// Ids, and whether the tags say that it is ours.
    apis: BTreeMap<String, bool>,
    certificates: Vec<Certificate>,
    zones: Vec<Zone>,
    /// The validation records, each with a certificate that stays and needs it.
    records: Vec<(ValidationRecord, Option<String>)>,
    /// Custom domains that are not ours, by the certificate that they use.
    foreign_users: BTreeMap<String, String>,
}

impl Found {
    fn is_empty(&self) -> bool {
        self.hosts.iter().all(|host| !host.exists)
            && self.apis.is_empty()
            && self.certificates.is_empty()
            && self.zones.is_empty()
    }

    /// What was recorded, completed by what was found.
    fn known(&self, recorded: &Known) -> Known {
        let ours = self.hosts.iter().filter(|host| host.exists && host.ours).map(|host| host.name.clone());
        let hostnames: BTreeSet<String> = recorded.hostnames.iter().cloned().chain(ours).collect();
        Known {
            api_id: recorded.api_id.clone().or_else(|| self.apis.keys().next().cloned()),
            hosted_zone_id: recorded.hosted_zone_id.clone().or_else(|| Some(self.zones.first()?.id.clone())),
            certificate_arn: recorded.certificate_arn.clone().or_else(|| Some(self.certificates.first()?.arn.clone())),
            validation_records: self.records.iter().map(|(record, _)| record.clone()).collect(),
            zone_owned: recorded.zone_owned,
            tag_keys: recorded.tag_keys.clone(),
            adopted: recorded.adopted.clone(),
            hostnames: hostnames.into_iter().collect(),
        }
    }
}

async fn find(clients: &Clients, settings: &Settings, domain: &str, item: &Item) -> Result<Found, StepError> {
    let custom_domains = look::custom_domains(clients, settings, domain).await?;
    let mut names: BTreeSet<String> = custom_domains.ours.iter().cloned().collect();
    names.extend(item.known.hostnames.iter().cloned());
    names.extend(item.hostname.clone());
    let apis = look::apis(clients, settings, domain, item.known.api_id.as_deref()).await?;
    let mut hosts = Vec::new();
    for name in names {
        let recorded = item.known.hostnames.contains(&name);
        hosts.push(look::host(clients, &custom_domains, &name, recorded, &apis).await?);
    }
    let recorded: BTreeSet<&String> =
        item.known.certificate_arn.iter().chain(item.awaited_certificate.iter()).collect();
    let certificates = look::certificates(clients, settings, domain, &recorded).await?;
    let going: BTreeSet<&str> = certificates
        .iter()
        .filter(|one| one.goes(&settings.account, &custom_domains.users))
        .map(|certificate| certificate.arn.as_str())
        .collect();
    let mut records: BTreeSet<ValidationRecord> = item.known.validation_records.iter().cloned().collect();
    records.extend(certificates.iter().filter(|one| one.ours).flat_map(|one| one.records.iter().cloned()));
    let needed =
        if records.is_empty() { BTreeMap::new() } else { look::needed_records(clients, domain, &going).await? };
    let records = records.into_iter().map(|record| {
        let by = needed.get(&look::normal(&record.name)).cloned();
        (record, by)
    });
    let references: BTreeSet<String> = item
        .incarnations
        .iter()
        .flat_map(|one| [zone_reference(one, None), zone_reference(one, item.known.hosted_zone_id.as_deref())])
        .collect();
    let mut found = Found { hosts, apis, records: records.collect(), ..Found::default() };
    found.zones = look::zones(clients, settings, domain, item.known.hosted_zone_id.as_deref(), &references).await?;
    for zone in found.zones.iter_mut().filter(|zone| zone.made_by_us) {
        let hosts: BTreeSet<&str> =
            found.hosts.iter().filter(|host| host.detachable()).map(|host| host.name.as_str()).collect();
        let going = found.records.iter().filter(|(_, by)| by.is_none());
        let records: BTreeSet<String> = going.map(|(record, _)| look::normal(&record.name)).collect();
        zone.other_record = look::other_record(clients, domain, &zone.id, &hosts, &records).await?;
    }
    found.certificates = certificates;
    found.foreign_users = custom_domains.users;
    Ok(found)
}

/// What goes and what stays, in the order in which the steps come to it.
fn judge(
    settings: &Settings,
    request: &RetireRequest,
    item: &Item,
    found: &Found,
    registration: &look::Registration,
) -> (Vec<Thing>, Vec<Thing>) {
    let (mut goes, mut stays) = (Vec::new(), Vec::new());
    let not_ours = "it does not carry the tags of this stack";
    for host in &found.hosts {
        if host.exists && host.ours {
            goes.push(Thing::new(
                "custom domain",
                &host.name,
                "made by this stack, with its mapping and alias records",
            ));
        } else if host.exists {
            stays.push(Thing::new("custom domain", &host.name, not_ours));
        } else if host.recorded && !item.retired {
            goes.push(Thing::new("alias records", &host.name, "recorded as ours, if they are still there"));
        }
    }
    for (id, ours) in &found.apis {
        if *ours {
            goes.push(Thing::new("API", id, "made by this stack"));
        } else {
            stays.push(Thing::new("API", id, not_ours));
        }
    }
    for certificate in &found.certificates {
        match certificate.stays_because(&settings.account, &found.foreign_users) {
            None => goes.push(Thing::new("certificate", &certificate.arn, "made by this stack")),
            Some(reason) => stays.push(Thing::new("certificate", &certificate.arn, reason)),
        }
    }
    for (record, needed_by) in found.records.iter().filter(|_| !item.retired) {
        match needed_by {
            None => goes.push(Thing::new("validation record", &record.name, "no certificate needs it any more")),
            Some(by) => {
                stays.push(Thing::new("validation record", &record.name, format!("the certificate {by} needs it")));
            }
        }
    }
    for zone in &found.zones {
        match zone.stays_because(&registration.delegation, request.accept_delegated) {
            None => goes.push(Thing::new("hosted zone", &zone.id, "made by Nameplate, and nothing else is in it")),
            Some(reason) => stays.push(Thing::new("hosted zone", &zone.id, reason)),
        }
    }
    if !matches!(registration.delegation, Delegation::Unknown) {
        let renewal = match (request.auto_renew, registration.auto_renew) {
            (Some(AutoRenew::Off), true) => "auto-renewal is switched off, as asked",
            (_, true) => "it is renewed each year; `\"autoRenew\": \"off\"` ends that",
            (_, false) => "it ends with what is paid",
        };
        let reason = format!("registrations are never deleted; {renewal}");
        stays.push(Thing::new("registration", request.domain_name.as_str(), reason));
    }
    (goes, stays)
}

async fn read_item(clients: &Clients, settings: &Settings, domain: &str) -> Result<Item, StepError> {
    let answer = clients
        .dynamodb
        .get_item()
        .table_name(&settings.table)
        .key(table::KEY, AttributeValue::S(table::domain_key(domain)))
        .consistent_read(true)
        .send()
        .await
        .map_err(|error| classify("dynamodb:GetItem", &error))?;
    let Some(attributes) = answer.item else { return Ok(Item::default()) };
    let text = |name: &str| attributes.get(name).and_then(|value| value.as_s().ok()).cloned();
    let number = |name: &str| attributes.get(name).and_then(|value| value.as_n().ok()?.parse().ok());
    let request: Value = text(attribute::REQUEST).and_then(|json| serde_json::from_str(&json).ok()).unwrap_or_default();
    // One that is under way; else the one of an earlier retirement that did not come to its end.
    let incarnations = [attribute::INCARNATION, attribute::ENDED].into_iter().filter_map(text);
    Ok(Item {
        exists: true,
        held: attributes.contains_key(attribute::HELD_BY),
        retired: text(attribute::STATUS).is_some_and(|status| status == attribute::RETIRED),
        incarnations: incarnations.filter(|one| !one.is_empty()).collect(),
        // What cannot be read is searched for anew: the table is a cache.
        known: text(attribute::KNOWN).and_then(|json| serde_json::from_str(&json).ok()).unwrap_or_default(),
        hostname: request["api"]["hostname"].as_str().map(str::to_owned),
        awaited_certificate: text(attribute::AWAITED_CERTIFICATE),
        purchase: Purchase {
            intent: number(attribute::PURCHASE_INTENT),
            operation: text(attribute::PURCHASE_OPERATION),
            failed: attributes.contains_key(attribute::PURCHASE_FAILED_IN),
        },
    })
}

/// Refuses to forget a purchase that may still come true: the name would be paid and nobody would know.
async fn check_purchase(clients: &Clients, domain: &str, purchase: &Purchase) -> Result<(), StepError> {
    let Some(intent) = purchase.intent.filter(|_| !purchase.failed) else { return Ok(()) };
    let open = match &purchase.operation {
        Some(operation) => look::is_open(clients, operation).await?,
        None => now() < intent + REGISTRATION_DEADLINE_SECS,
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
        "wait until it has ended (aws stepfunctions list-executions --status-filter RUNNING), then start again",
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
