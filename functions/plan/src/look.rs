//! The single looks of `plan`: one resource each, read-only. It must not decide what happens next.

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_route53::types::{ResourceRecordSet, RrType};
use nameplate::contract::Known;
use nameplate::domain::{dns_form, server_set};
use nameplate::error::{classify, code_of};
use nameplate::resource::custom_domain::CustomDomain;
use nameplate::resource::record::Standing;
use nameplate::resource::tags;
use nameplate::{Request, StepError};

use crate::context::{Clients, Settings};

/// The custom domains of this domain.
#[derive(Default)]
pub(crate) struct CustomDomains {
    /// Those of the request's host names that exist, by name.
    pub(crate) wanted: BTreeMap<String, CustomDomain>,
    /// Those of the request's host names that exist and are somebody else's, by name.
    pub(crate) foreign: BTreeMap<String, CustomDomain>,
    /// Host names of ours that the request does not name.
    pub(crate) dropped: Vec<String>,
}

/// The custom domains of the request's host names, and those of ours that it does not name any more.
pub(crate) async fn custom_domains(
    clients: &Clients,
    settings: &Settings,
    request: &Request,
    known: &Known,
) -> Result<CustomDomains, StepError> {
    let hostnames = request.hostnames();
    let mut found = CustomDomains::default();
    // Of one whose custom domain is gone the alias records may still stand.
    let mut recorded: BTreeSet<String> =
        known.hostnames.iter().filter(|name| !hostnames.contains(name)).cloned().collect();
    for domain in observe::apigateway::custom_domains(&clients.apigateway).await? {
        recorded.remove(&domain.name);
        let ours = tags::are_ours(&domain.tags, request.domain_name.as_str(), &settings.stack);
        match (hostnames.contains(&domain.name), ours) {
            (true, true) => drop(found.wanted.insert(domain.name.clone(), domain)),
            (true, false) => drop(found.foreign.insert(domain.name.clone(), domain)),
            (false, true) => found.dropped.push(domain.name),
            (false, false) => {}
        }
    }
    found.dropped.extend(recorded);
    Ok(found)
}

/// The servers that the zone's NS record of this name holds; none where there is no such record.
pub(crate) async fn servers_of(clients: &Clients, zone_id: &str, domain: &str) -> Result<Vec<String>, StepError> {
    let answer = clients
        .route53
        .list_resource_record_sets()
        .hosted_zone_id(zone_id)
        .start_record_name(domain)
        .start_record_type(RrType::Ns)
        .max_items(1)
        .send()
        .await
        .map_err(|error| classify("route53:ListResourceRecordSets", &error))?;
    let sets = answer.resource_record_sets().iter();
    let own = sets.filter(|set| set.r#type() == &RrType::Ns && dns_form(set.name()) == domain);
    Ok(server_set(own.flat_map(ResourceRecordSet::resource_records).map(|record| record.value())))
}

/// The record sets from a name and a type on; none when the zone is gone.
pub(crate) async fn records_at(
    clients: &Clients,
    zone_id: &str,
    name: &str,
    kind: RrType,
    most: i32,
) -> Result<Vec<ResourceRecordSet>, StepError> {
    let call = clients.route53.list_resource_record_sets().hosted_zone_id(zone_id).start_record_name(name);
    match call.start_record_type(kind).max_items(most).send().await {
        Ok(page) => Ok(page.resource_record_sets),
        Err(error) if code_of(&error) == Some("NoSuchHostedZone") => Ok(Vec::new()),
        Err(error) => Err(classify("route53:ListResourceRecordSets", &error)),
    }
}

/// All record sets of a zone; nothing when it is gone.
pub(crate) async fn record_sets(clients: &Clients, zone_id: &str) -> Result<Option<Vec<ResourceRecordSet>>, StepError> {
    let mut sets = Vec::new();
    let mut next = Page::default();
    loop {
        let Some(page) = record_page(clients, zone_id, next).await? else { return Ok(None) };
        sets.extend(page.sets);
        match page.next {
            Some(more) => next = more,
            None => return Ok(Some(sets)),
        }
    }
}

/// Where a page of record sets begins.
#[derive(Default)]
struct Page {
    name: Option<String>,
    kind: Option<RrType>,
    identifier: Option<String>,
}

struct Records {
    sets: Vec<ResourceRecordSet>,
    next: Option<Page>,
}

/// One page of a zone's record sets; nothing when the zone is gone.
async fn record_page(clients: &Clients, zone_id: &str, start: Page) -> Result<Option<Records>, StepError> {
    let answer = clients
        .route53
        .list_resource_record_sets()
        .hosted_zone_id(zone_id)
        .set_start_record_name(start.name)
        .set_start_record_type(start.kind)
        .set_start_record_identifier(start.identifier)
        .send()
        .await;
    match answer {
        Ok(page) => Ok(Some(Records {
            next: page.is_truncated.then_some(Page {
                name: page.next_record_name,
                kind: page.next_record_type,
                identifier: page.next_record_identifier,
            }),
            sets: page.resource_record_sets,
        })),
        Err(error) if code_of(&error) == Some("NoSuchHostedZone") => Ok(None),
        Err(error) => Err(classify("route53:ListResourceRecordSets", &error)),
    }
}

pub(crate) fn as_standing(set: &ResourceRecordSet) -> Standing {
    let simple = set.alias_target().is_none() && set.set_identifier().is_none() && set.health_check_id().is_none();
    let values = set.resource_records().iter().map(|record| record.value().to_owned()).collect();
    let alias = set.alias_target().map(|alias| alias.dns_name());
    Standing::new(set.name(), set.r#type().as_str(), set.ttl(), values, simple).alias_of(alias)
}
