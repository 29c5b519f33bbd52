//! DNS as the world would see it: from the registry's delegation down to a record in a live zone.
//!
//! Owns the way from a name to its records: of two zones of one name only the one that the registry names is alive.
//! Reads MiniStack's zones as its administrator. Must not change anything.

use std::collections::HashMap;
use std::sync::Mutex;

use serde::Serialize;

use crate::domain_name::{is_within, plain};
use crate::emulator::{Emulator, EmulatorError};
use crate::hosted_zone::{Zone, name_servers, records, zones};
use crate::lock::lock;
use crate::record_set::{RecordSet, pick};
use crate::registry::{Delegation, Registry};

/// One step on the way from a name to its record.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase", tag = "step")]
pub(crate) enum Step {
    /// What the registry says.
    #[serde(rename_all = "camelCase")]
    Registry { domain: String, name_servers: Vec<String> },
    /// The hosted zone that these servers answer for.
    #[serde(rename_all = "camelCase")]
    Zone { zone: String, hosted_zone_id: String },
    /// NS records in a zone hand a name on.
    #[serde(rename_all = "camelCase")]
    Delegated { name: String, name_servers: Vec<String> },
    /// A name that stands for another.
    #[serde(rename_all = "camelCase")]
    Cname { name: String, target: String },
    /// An alias record.
    #[serde(rename_all = "camelCase")]
    Alias { name: String, target: String },
    /// A record with values.
    #[serde(rename_all = "camelCase")]
    Record { name: String, values: Vec<String> },
}

/// How a name resolves.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Resolution {
    pub(crate) chain: Vec<Step>,
    /// The target of the alias record that ends the chain.
    pub(crate) alias: Option<String>,
    /// The values of the record that ends the chain.
    pub(crate) values: Vec<String>,
    /// Why there is neither.
    pub(crate) reason: Option<String>,
}

/// Longer chains are loops.
const MAX_STEPS: usize = 16;

/// One look at all zones. Records are read when they are first needed, and once.
pub(crate) struct Look<'a> {
    emulator: &'a Emulator,
    zones: Vec<Zone>,
    records: HashMap<String, Vec<RecordSet>>,
}

impl<'a> Look<'a> {
    pub(crate) async fn new(emulator: &'a Emulator) -> Result<Self, EmulatorError> {
        Ok(Self { emulator, zones: zones(emulator).await?, records: HashMap::new() })
    }

    #[cfg(test)]
    fn of(emulator: &'a Emulator, zones: Vec<Zone>, records: HashMap<String, Vec<RecordSet>>) -> Self {
        Self { emulator, zones, records }
    }

    /// The public zone of exactly this name that these servers answer for.
    fn zone_behind(&self, name: &str, servers: &[String]) -> Option<Zone> {
        let behind = |zone: &&Zone| {
            let own = name_servers(&zone.id);
            !servers.is_empty() && servers.iter().all(|server| own.contains(&plain(server)))
        };
        self.zones.iter().filter(|zone| !zone.private && zone.name == name).find(behind).cloned()
    }

    async fn records(&mut self, zone_id: &str) -> Result<&[RecordSet], EmulatorError> {
        if !self.records.contains_key(zone_id) {
            let records = records(self.emulator, zone_id).await?;
            self.records.insert(zone_id.to_owned(), records);
        }
        Ok(self.records.get(zone_id).map(Vec::as_slice).unwrap_or_default())
    }

    /// The live zone for a name: the registry's, or the last one that NS records hand the name on to.
    async fn live_zone(
        &mut self,
        delegation: Option<Delegation>,
        name: &str,
        chain: &mut Vec<Step>,
    ) -> Result<Result<Zone, String>, EmulatorError> {
        let Some(Delegation { domain, name_servers }) = delegation else {
            return Ok(Err(format!("no registered domain covers {name}")));
        };
        chain.push(Step::Registry { domain: domain.clone(), name_servers: name_servers.clone() });
        let (mut apex, mut servers) = (domain, name_servers);
        for _ in 0..MAX_STEPS {
            let Some(zone) = self.zone_behind(&apex, &servers) else {
                return Ok(Err(format!(
                    "{apex} is delegated to [{}], which no hosted zone answers for",
                    servers.join(", ")
                )));
            };
            chain.push(Step::Zone { zone: zone.name.clone(), hosted_zone_id: zone.id.clone() });
            let cut = self
                .records(&zone.id)
                .await?
                .iter()
                .find(|record| record.kind == "NS" && record.name != zone.name && is_within(name, &record.name))
                .cloned();
            let Some(cut) = cut else { return Ok(Ok(zone)) };
            chain.push(Step::Delegated { name: cut.name.clone(), name_servers: cut.values.clone() });
            (apex, servers) = (cut.name, cut.values);
        }
        Ok(Err(format!("the delegations of {name} do not end")))
    }

    /// The record set of a type at a name, as the world sees it; a wildcard serves where the name has nothing.
    pub(crate) async fn find(
        &mut self,
        registry: &Mutex<Registry>,
        name: &str,
        kind: &str,
        chain: &mut Vec<Step>,
    ) -> Result<Result<Option<RecordSet>, String>, EmulatorError> {
        let delegation = lock(registry).delegation(name);
        let zone = match self.live_zone(delegation, name, chain).await? {
            Ok(zone) => zone,
            Err(reason) => {
                // Servers that are not Route 53's answer with what they were given.
                let own = lock(registry).own_dns(name);
                return Ok(own.map(|(apex, records)| pick(&records, &apex, name, kind).cloned()).ok_or(reason));
            }
        };
        let records = self.records(&zone.id).await?;
        Ok(Ok(pick(records, &zone.name, name, kind).cloned()))
    }

    /// Follows a name to its record of a type.
    pub(crate) async fn resolve(
        &mut self,
        registry: &Mutex<Registry>,
        name: &str,
        kind: &str,
    ) -> Result<Resolution, EmulatorError> {
        let mut resolution = Resolution::default();
        let mut name = plain(name);
        for _ in 0..MAX_STEPS {
            let found = match self.find(registry, &name, kind, &mut resolution.chain).await? {
                Ok(found) => found,
                Err(reason) => return Ok(Resolution { reason: Some(reason), ..resolution }),
            };
            let Some(record) = found else {
                let reason = format!("the live zone has no {kind} record for {name}");
                return Ok(Resolution { reason: Some(reason), ..resolution });
            };
            if record.kind == "CNAME" && kind != "CNAME" {
                let target = record.values.first().map(|value| plain(value)).unwrap_or_default();
                resolution.chain.push(Step::Cname { name: name.clone(), target: target.clone() });
                if is_within(&target, "amazonaws.com") {
                    // AWS's own names answer by themselves.
                    resolution.alias = Some(target);
                    return Ok(resolution);
                }
                name = target;
                continue;
            }
            match record.alias {
                Some(target) => {
                    resolution.chain.push(Step::Alias { name: record.name, target: target.clone() });
                    resolution.alias = Some(target);
                }
                None => {
                    resolution.chain.push(Step::Record { name: record.name, values: record.values.clone() });
                    resolution.values = record.values;
                }
            }
            return Ok(resolution);
        }
        Ok(Resolution { reason: Some("the chain of CNAME records does not end".to_owned()), ..resolution })
    }
}

#[cfg(test)]
mod tests;
