//! Hosted zones: the name's own, and one around it in which records of ours stand or can stand.

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_route53::types::{HostedZone, ResourceRecordSet, RrType, TagResourceType};
use nameplate::domain::dns_form;
use nameplate::error::{classify, code_of};
use nameplate::resource::record::Standing;
use nameplate::resource::tags;
use nameplate::{DomainName, StepError};

use super::Delegation;
use crate::step::{Clients, Settings};

/// Zones on one page, and record sets: the most that Route 53 gives (AWS-FACTS 2.1.3, 2.2.7).
const ZONES: i32 = 100;
const RECORD_SETS: i32 = 300;

/// A hosted zone that holds, or can hold, records of ours.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Zone {
    pub(crate) id: String,
    /// In normal form.
    pub(crate) name: String,
    /// Whether it is the name's own by its mark; else it only holds our records.
    pub(crate) own: bool,
    /// Whether Nameplate made it; else it was there before, or RegisterDomain made it.
    pub(crate) made_by_us: bool,
    /// The other stack that uses it by now, as its tag says.
    pub(crate) other_stack: Option<String>,
    /// In normal form; only of one that Nameplate made.
    pub(crate) name_servers: Vec<String>,
    /// Whether it signs its answers (DNSSEC); only of one that Nameplate made.
    pub(crate) signed: bool,
    /// A record in it that is neither its own NS or SOA nor one that goes.
    pub(crate) other_record: Option<String>,
}

impl Zone {
    /// Why it stays.
    pub(crate) fn stays_because(&self, domain: &str, delegation: &Delegation, accepted: bool) -> Option<String> {
        let accept = "to delete it all the same, start with `\"acceptDelegated\": true`";
        if self.name != domain {
            return Some(format!("it is the zone around the name; only the records of {domain} in it go"));
        }
        if let Some(other) = &self.other_stack {
            return Some(format!("its tag {} says that the stack {other} uses it", tags::STACK));
        }
        if !self.made_by_us {
            return Some("Nameplate did not make it".to_owned());
        }
        if let Some(record) = &self.other_record {
            return Some(format!("it holds records that stay, {record} among them"));
        }
        if self.signed {
            return Some(
                "DNSSEC is on: take the DS records off the registration, wait until resolvers have forgotten them, \
                 then disable signing and retire the domain again"
                    .to_owned(),
            );
        }
        match delegation {
            _ if accepted => None,
            Delegation::To(servers) if servers.iter().any(|server| self.name_servers.contains(server)) => {
                Some(format!("the registry points to it; point it elsewhere first; {accept}"))
            }
            Delegation::To(_) => None,
            Delegation::Unknown => Some(format!(
                "the name is not registered in this account, so that its registrar may still point to it; {accept}"
            )),
        }
    }
}

/// What says which zones are to be looked at.
pub(crate) struct Known<'a> {
    pub(crate) domain: &'a DomainName,
    /// The zones of the runs so far, by id.
    pub(crate) recorded: BTreeSet<&'a String>,
    /// Caller references of zones that Nameplate has made, or may have made.
    pub(crate) references: &'a BTreeSet<String>,
    /// Whether the customer's own DNS answers, so that no zone around the name holds records of ours.
    pub(crate) external: bool,
}

/// The zones of exactly this name that are ours by tag or by caller reference; the recorded ones, whatever their names;
/// and where none is recorded the zones around a name that no registrar sells, since its records can stand in any of them.
pub(crate) async fn find(clients: &Clients, settings: &Settings, known: &Known<'_>) -> Result<Vec<Zone>, StepError> {
    let domain = known.domain.as_str();
    let mut found = Vec::new();
    for zone in of_name(clients, domain).await? {
        let present = tags_of(clients, &zone.id).await?;
        let tagged =
            tags::ours(present.iter().map(|(key, value)| (key.as_str(), value.as_str())), domain, &settings.stack);
        let other_stack = present.get(tags::STACK).filter(|stack| **stack != settings.stack).cloned();
        let referred = known.references.contains(&zone.caller_reference);
        if tagged || referred {
            let made_by_us = referred || (tagged && zone.comment == tags::ZONE_COMMENT);
            let mut own = Zone { own: true, made_by_us, other_stack, ..zone.as_found() };
            if made_by_us {
                own.name_servers = name_servers(clients, &zone.id).await?;
                own.signed = is_signed(clients, &zone.id).await?;
            }
            found.push(own);
        }
    }
    for id in &known.recorded {
        if found.iter().all(|zone| zone.id != **id) {
            found.extend(by_id(clients, id).await?.map(|zone| zone.as_found()));
        }
    }
    let lost = known.recorded.is_empty() && found.is_empty();
    if lost && !known.external && !known.domain.is_registrable() {
        for name in known.domain.enclosing() {
            found.extend(of_name(clients, name).await?.iter().map(Listed::as_found));
        }
    }
    Ok(found)
}

/// A usable zone as Route 53 lists it.
struct Listed {
    id: String,
    name: String,
    caller_reference: String,
    comment: String,
}

impl Listed {
    /// Nothing for one that is private, or in the hands of another AWS service.
    fn of(zone: &HostedZone) -> Option<Self> {
        if zone.config().is_some_and(|config| config.private_zone()) || zone.linked_service().is_some() {
            return None;
        }
        Some(Self {
            id: zone.id().trim_start_matches("/hostedzone/").to_owned(),
            name: dns_form(zone.name()),
            caller_reference: zone.caller_reference().to_owned(),
            comment: zone.config().and_then(|config| config.comment()).unwrap_or_default().to_owned(),
        })
    }

    /// As one that only holds our records.
    fn as_found(&self) -> Zone {
        Zone {
            id: self.id.clone(),
            name: self.name.clone(),
            own: false,
            made_by_us: false,
            other_stack: None,
            name_servers: Vec::new(),
            signed: false,
            other_record: None,
        }
    }
}

/// The usable zones of exactly this name. The listing starts at the name and goes on beyond it (AWS-FACTS 2.1.3).
async fn of_name(clients: &Clients, name: &str) -> Result<Vec<Listed>, StepError> {
    let mut found = Vec::new();
    let (mut next_name, mut next_id) = (name.to_owned(), None);
    loop {
        let page = clients
            .route53
            .list_hosted_zones_by_name()
            .dns_name(next_name)
            .set_hosted_zone_id(next_id)
            .max_items(ZONES)
            .send()
            .await
            .map_err(|error| classify("route53:ListHostedZonesByName", &error))?;
        found.extend(page.hosted_zones().iter().filter_map(Listed::of).filter(|zone| zone.name == name));
        match page.next_dns_name() {
            Some(next) if page.is_truncated() && dns_form(next) == name => {
                next_name = next.to_owned();
                next_id = page.next_hosted_zone_id().map(str::to_owned);
            }
            _ => return Ok(found),
        }
    }
}

async fn by_id(clients: &Clients, id: &str) -> Result<Option<Listed>, StepError> {
    match clients.route53.get_hosted_zone().id(id).send().await {
        Ok(answer) => Ok(answer.hosted_zone().and_then(Listed::of)),
        Err(error) if code_of(&error) == Some("NoSuchHostedZone") => Ok(None),
        Err(error) => Err(classify("route53:GetHostedZone", &error)),
    }
}

/// The tags of a zone; none when it is gone.
async fn tags_of(clients: &Clients, id: &str) -> Result<BTreeMap<String, String>, StepError> {
    let call = clients.route53.list_tags_for_resource().resource_type(TagResourceType::Hostedzone).resource_id(id);
    let answer = match call.send().await {
        Ok(answer) => answer,
        Err(error) if code_of(&error) == Some("NoSuchHostedZone") => return Ok(BTreeMap::new()),
        Err(error) => return Err(classify("route53:ListTagsForResource", &error)),
    };
    let present = answer.resource_tag_set().map(|set| set.tags()).unwrap_or_default();
    let pair =
        |tag: &aws_sdk_route53::types::Tag| Some((tag.key()?.to_owned(), tag.value().unwrap_or_default().to_owned()));
    Ok(present.iter().filter_map(pair).collect())
}

async fn name_servers(clients: &Clients, id: &str) -> Result<Vec<String>, StepError> {
    match clients.route53.get_hosted_zone().id(id).send().await {
        Ok(answer) => Ok(answer
            .delegation_set()
            .map(|set| set.name_servers().iter().map(|server| dns_form(server)).collect())
            .unwrap_or_default()),
        Err(error) if code_of(&error) == Some("NoSuchHostedZone") => Ok(Vec::new()),
        Err(error) => Err(classify("route53:GetHostedZone", &error)),
    }
}

/// Whether the zone signs its answers, or still has keys for it: Route 53 does not delete it then (AWS-FACTS 2.1.4).
async fn is_signed(clients: &Clients, id: &str) -> Result<bool, StepError> {
    match clients.route53.get_dnssec().hosted_zone_id(id).send().await {
        Ok(answer) => {
            let signing = answer.status().and_then(|status| status.serve_signature());
            Ok(signing.is_some_and(|signing| signing != "NOT_SIGNING") || !answer.key_signing_keys().is_empty())
        }
        Err(error) if code_of(&error) == Some("NoSuchHostedZone") => Ok(false),
        Err(error) => Err(classify("route53:GetDNSSEC", &error)),
    }
}

/// A record set of a zone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Set {
    pub(crate) standing: Standing,
    /// What it is an alias of, in normal form.
    pub(crate) alias_of: Option<String>,
}

/// All record sets of a zone; none when it is gone.
pub(crate) async fn records(clients: &Clients, id: &str) -> Result<Vec<Set>, StepError> {
    let mut sets = Vec::new();
    let (mut name, mut kind, mut identifier) = (None::<String>, None::<RrType>, None::<String>);
    loop {
        let call = clients
            .route53
            .list_resource_record_sets()
            .hosted_zone_id(id)
            .set_start_record_name(name)
            .set_start_record_type(kind)
            .set_start_record_identifier(identifier)
            .max_items(RECORD_SETS);
        let page = match call.send().await {
            Ok(page) => page,
            Err(error) if code_of(&error) == Some("NoSuchHostedZone") => return Ok(sets),
            Err(error) => return Err(classify("route53:ListResourceRecordSets", &error)),
        };
        sets.extend(page.resource_record_sets().iter().map(Set::of));
        if !page.is_truncated() {
            return Ok(sets);
        }
        (name, kind, identifier) = (page.next_record_name, page.next_record_type, page.next_record_identifier);
    }
}

impl Set {
    fn of(set: &ResourceRecordSet) -> Self {
        // Whatever more than name, type, time to live and values a set has makes it one of somebody else.
        let simple = set.alias_target().is_none() && set.set_identifier().is_none() && set.health_check_id().is_none();
        let values = set.resource_records().iter().map(|record| record.value().to_owned()).collect();
        let alias_of = set.alias_target().filter(|_| set.set_identifier().is_none());
        Self {
            standing: Standing::new(set.name(), set.r#type().as_str(), set.ttl(), values, simple),
            alias_of: alias_of.map(|alias| dns_form(alias.dns_name())),
        }
    }
}
