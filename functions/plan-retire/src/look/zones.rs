//! Hosted zones: the name's own, and one around it in which records of ours stand or can stand.

use std::collections::BTreeSet;

use aws_sdk_route53::types::{ResourceRecordSet, RrType};
use nameplate::domain::dns_form;
use nameplate::error::{classify, code_of};
use nameplate::resource::hosted_zone::HostedZone;
use nameplate::resource::record::Standing;
use nameplate::resource::tags;
use nameplate::{DomainName, StepError};

use crate::step::{Clients, Settings};

/// Record sets on one page: the most that Route 53 gives (AWS-FACTS 2.2.7).
const RECORD_SETS: i32 = 300;

/// A hosted zone that holds, or can hold, records of ours.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Holder {
    /// The zone; with its name servers and tags where it is the name's own.
    pub(crate) zone: HostedZone,
    /// Whether it is the name's own by its mark; else it only holds our records.
    pub(crate) own: bool,
    /// Whether Nameplate made it; else it was there before, or RegisterDomain made it.
    pub(crate) made_by_us: bool,
    /// Whether it signs its answers (DNSSEC); only of one that Nameplate made.
    pub(crate) signed: bool,
    /// A record in it that is neither its own NS or SOA nor one that goes.
    pub(crate) other_record: Option<String>,
}

impl Holder {
    /// One that only holds our records.
    fn of(zone: HostedZone) -> Self {
        Self { zone, own: false, made_by_us: false, signed: false, other_record: None }
    }

    /// Why it stays; `registry` names the name servers of a name that is registered in this account.
    pub(crate) fn stays_because(
        &self,
        domain: &str,
        stack: &str,
        registry: Option<&[String]>,
        accepted: bool,
    ) -> Option<String> {
        if self.zone.name != domain {
            return Some(format!("it is the zone around the name; only the records of {domain} in it go"));
        }
        if let Some(other) = self.zone.tags.as_ref().and_then(|present| tags::other_stack(present, stack)) {
            return Some(tags::used_by(other));
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
        if accepted { None } else { self.zone.kept_by(registry) }
    }
}

/// What says which zones are to be looked at.
pub(crate) struct Known<'a> {
    pub(crate) domain: &'a DomainName,
    /// The zones of the runs so far, by id.
    pub(crate) recorded: BTreeSet<&'a String>,
    /// Caller references of zones that Nameplate has made, or may have made.
    pub(crate) references: &'a [String],
    /// Whether the customer's own DNS answers, so that no zone around the name holds records of ours.
    pub(crate) external: bool,
}

/// The zones of exactly this name that are ours by tag or by caller reference; the recorded ones, whatever their names;
/// and where none is recorded the zones around a name that no registrar sells, since its records can stand in any of them.
pub(crate) async fn find(clients: &Clients, settings: &Settings, known: &Known<'_>) -> Result<Vec<Holder>, StepError> {
    let (route53, domain) = (&clients.route53, known.domain.as_str());
    let mut found = Vec::new();
    for mut zone in observe::route53::hosted_zones_named(route53, domain).await? {
        zone.tags = Some(observe::route53::zone_tags(route53, &zone.id).await?.unwrap_or_default());
        let made_by_us = zone.is_made_by_us(known.references, domain, &settings.stack);
        if !made_by_us && !zone.is_ours(domain, &settings.stack) {
            continue;
        }
        let mut signed = false;
        if made_by_us {
            let read = observe::route53::hosted_zone(route53, &zone.id).await?;
            zone.name_servers = Some(read.and_then(|read| read.name_servers).unwrap_or_default());
            signed = observe::route53::zone_is_signed(route53, &zone.id).await? == Some(true);
        }
        found.push(Holder { own: true, made_by_us, signed, ..Holder::of(zone) });
    }
    for id in &known.recorded {
        if found.iter().all(|holder| holder.zone.id != **id) {
            let zone = observe::route53::hosted_zone(route53, id).await?.filter(|zone| zone.usable);
            found.extend(zone.map(Holder::of));
        }
    }
    let lost = known.recorded.is_empty() && found.is_empty();
    if lost && !known.external && !known.domain.is_registrable() {
        for name in known.domain.enclosing() {
            found.extend(observe::route53::hosted_zones_named(route53, name).await?.into_iter().map(Holder::of));
        }
    }
    Ok(found)
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
