//! DNS as the world would see it: from the registry's delegation down to a record in a live zone.
//!
//! Owns the name servers of each zone and the way from a name to its records. Reads MiniStack's zones as its
//! administrator. Must not change anything.
//!
//! MiniStack gives all zones the same four name servers. Here each zone has four of its own, made from its id, so
//! that two zones of one name differ as on AWS (AWS-FACTS 1.4.3): only the one that the registry names is alive.

use std::collections::HashMap;

use http::Method;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::emulator::{Emulator, EmulatorError};
use crate::registry::{Delegation, Registry};

/// The four servers that MiniStack names for every zone.
pub(crate) const MINISTACK_SERVERS: [&str; 4] =
    ["ns-1.awsdns-1.com", "ns-2.awsdns-2.net", "ns-3.awsdns-3.org", "ns-4.awsdns-4.co.uk"];

/// The four servers of a zone, without a final dot, in AWS's form.
pub(crate) fn name_servers(zone_id: &str) -> [String; 4] {
    let digest = Sha256::digest(zone_id);
    let number = |index: usize| u16::from_be_bytes([digest[2 * index], digest[2 * index + 1]]);
    // AWS has 512 servers under each of the four top-level domains, eight to a name.
    let server = |index: usize, tld: &str| {
        let server = number(index) % 512;
        format!("ns-{}.awsdns-{:02}.{tld}", u16::try_from(index).unwrap_or(0) * 512 + server, server / 8)
    };
    [server(0, "com"), server(1, "net"), server(2, "org"), server(3, "co.uk")]
}

/// Lower case, no final dot, `\052` as `*`: the form in which names are compared.
pub(crate) fn plain(name: &str) -> String {
    name.trim_end_matches('.').to_ascii_lowercase().replace("\\052", "*")
}

/// Whether `name` is `parent` or below it.
pub(crate) fn is_within(name: &str, parent: &str) -> bool {
    name == parent || name.strip_suffix(parent).is_some_and(|rest| rest.ends_with('.'))
}

/// A hosted zone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Zone {
    pub(crate) id: String,
    /// Plain.
    pub(crate) name: String,
    pub(crate) private: bool,
    pub(crate) caller_reference: String,
}

/// A record set, with plain names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct RecordSet {
    pub(crate) name: String,
    pub(crate) kind: String,
    pub(crate) values: Vec<String>,
    /// The target's name.
    pub(crate) alias: Option<String>,
}

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
        registry: &std::sync::Mutex<Registry>,
        name: &str,
        kind: &str,
        chain: &mut Vec<Step>,
    ) -> Result<Result<Option<RecordSet>, String>, EmulatorError> {
        let delegation = crate::lock(registry).delegation(name);
        let zone = match self.live_zone(delegation, name, chain).await? {
            Ok(zone) => zone,
            Err(reason) => {
                // Servers that are not Route 53's answer with what they were given.
                let own = crate::lock(registry).own_dns(name);
                return Ok(own.map(|(apex, records)| pick(&records, &apex, name, kind).cloned()).ok_or(reason));
            }
        };
        let records = self.records(&zone.id).await?;
        Ok(Ok(pick(records, &zone.name, name, kind).cloned()))
    }

    /// Follows a name to its record of a type.
    pub(crate) async fn resolve(
        &mut self,
        registry: &std::sync::Mutex<Registry>,
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

/// The record set for a name in its zone: of the type, or a CNAME; else that of the closest wildcard.
fn pick<'a>(records: &'a [RecordSet], zone: &str, name: &str, kind: &str) -> Option<&'a RecordSet> {
    let at = |owner: &str| {
        let of = |wanted: &str| records.iter().find(|record| record.name == owner && record.kind == wanted);
        of(kind).or_else(|| of("CNAME"))
    };
    if let Some(record) = at(name) {
        return Some(record);
    }
    if records.iter().any(|record| record.name == name) {
        return None;
    }
    let mut rest = name;
    while let Some((_, parent)) = rest.split_once('.') {
        if !is_within(parent, zone) {
            return None;
        }
        if let Some(record) = at(&format!("*.{parent}")) {
            return Some(record);
        }
        rest = parent;
    }
    None
}

/// All zones.
pub(crate) async fn zones(emulator: &Emulator) -> Result<Vec<Zone>, EmulatorError> {
    let mut zones = Vec::new();
    let mut marker = String::new();
    loop {
        let target = format!("/2013-04-01/hostedzone?maxitems=100{marker}");
        let text = emulator.rest_xml("route53", Method::GET, &target, "").await?;
        let page: xml::ListHostedZones = parse(&target, &text)?;
        zones.extend(page.zones.zones.into_iter().map(|zone| Zone {
            id: zone.id.rsplit('/').next().unwrap_or_default().to_owned(),
            name: plain(&zone.name),
            private: zone.config.private_zone,
            caller_reference: zone.caller_reference,
        }));
        match page.next_marker.filter(|_| page.is_truncated) {
            Some(next) => marker = format!("&marker={}", crate::emulator::encode(&next)),
            None => return Ok(zones),
        }
    }
}

/// All record sets of a zone, with the zone's own servers in place of MiniStack's.
pub(crate) async fn records(emulator: &Emulator, zone_id: &str) -> Result<Vec<RecordSet>, EmulatorError> {
    let mut records = Vec::new();
    let mut start = String::new();
    loop {
        let target = format!("/2013-04-01/hostedzone/{zone_id}/rrset?maxitems=300{start}");
        let text = emulator.rest_xml("route53", Method::GET, &target, "").await?;
        let page: xml::ListRecordSets = parse(&target, &text)?;
        records.extend(page.sets.sets.into_iter().map(|set| RecordSet {
            name: plain(&set.name),
            values: set.values.map(|values| values.values).unwrap_or_default().into_iter().map(|v| v.value).collect(),
            alias: set.alias.map(|alias| plain(&alias.dns_name)),
            kind: set.kind,
        }));
        let (true, Some(name)) = (page.is_truncated, page.next_name) else { return Ok(records) };
        let encode = crate::emulator::encode;
        start = format!("&name={}&type={}", encode(&name), encode(&page.next_type.unwrap_or_default()));
        if let Some(id) = page.next_identifier.filter(|id| !id.is_empty()) {
            start = format!("{start}&identifier={}", encode(&id));
        }
    }
}

fn parse<T: serde::de::DeserializeOwned>(what: &str, text: &str) -> Result<T, EmulatorError> {
    quick_xml::de::from_str(text)
        .map_err(|error| EmulatorError::Unreadable { what: what.to_owned(), reason: error.to_string() })
}

/// The parts of Route 53's answers that are read here.
mod xml {
    use super::Deserialize;

    #[derive(Deserialize)]
    pub(super) struct ListHostedZones {
        #[serde(rename = "HostedZones")]
        pub(super) zones: HostedZones,
        #[serde(rename = "IsTruncated")]
        pub(super) is_truncated: bool,
        #[serde(rename = "NextMarker")]
        pub(super) next_marker: Option<String>,
    }

    #[derive(Deserialize)]
    pub(super) struct HostedZones {
        #[serde(rename = "HostedZone", default)]
        pub(super) zones: Vec<HostedZone>,
    }

    #[derive(Deserialize)]
    #[serde(rename_all = "PascalCase")]
    pub(super) struct HostedZone {
        pub(super) id: String,
        pub(super) name: String,
        pub(super) caller_reference: String,
        pub(super) config: Config,
    }

    #[derive(Deserialize)]
    #[serde(rename_all = "PascalCase")]
    pub(super) struct Config {
        pub(super) private_zone: bool,
    }

    #[derive(Deserialize)]
    pub(super) struct ListRecordSets {
        #[serde(rename = "ResourceRecordSets")]
        pub(super) sets: RecordSets,
        #[serde(rename = "IsTruncated")]
        pub(super) is_truncated: bool,
        #[serde(rename = "NextRecordName")]
        pub(super) next_name: Option<String>,
        #[serde(rename = "NextRecordType")]
        pub(super) next_type: Option<String>,
        #[serde(rename = "NextRecordIdentifier")]
        pub(super) next_identifier: Option<String>,
    }

    #[derive(Deserialize)]
    pub(super) struct RecordSets {
        #[serde(rename = "ResourceRecordSet", default)]
        pub(super) sets: Vec<RecordSet>,
    }

    #[derive(Deserialize)]
    pub(super) struct RecordSet {
        #[serde(rename = "Name")]
        pub(super) name: String,
        #[serde(rename = "Type")]
        pub(super) kind: String,
        #[serde(rename = "AliasTarget")]
        pub(super) alias: Option<AliasTarget>,
        #[serde(rename = "ResourceRecords")]
        pub(super) values: Option<Values>,
    }

    #[derive(Deserialize)]
    pub(super) struct AliasTarget {
        #[serde(rename = "DNSName")]
        pub(super) dns_name: String,
    }

    #[derive(Deserialize)]
    pub(super) struct Values {
        #[serde(rename = "ResourceRecord", default)]
        pub(super) values: Vec<RecordValue>,
    }

    #[derive(Deserialize)]
    pub(super) struct RecordValue {
        #[serde(rename = "Value")]
        pub(super) value: String,
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;
    use crate::net::{Client, Loopback};
    use crate::sigv4::KeyPair;

    fn nowhere() -> Emulator {
        let keys = KeyPair { access_key_id: String::new(), secret_access_key: String::new(), session_token: None };
        Emulator::new(Client::new(), Loopback::of_host("127.0.0.1", 1).unwrap(), keys, String::new())
    }

    fn zone(id: &str, name: &str) -> Zone {
        Zone { id: id.to_owned(), name: name.to_owned(), private: false, caller_reference: String::new() }
    }

    fn record(name: &str, kind: &str, values: &[&str]) -> RecordSet {
        let values = values.iter().map(|value| (*value).to_owned()).collect();
        RecordSet { name: name.to_owned(), kind: kind.to_owned(), values, alias: None }
    }

    fn alias(name: &str, target: &str) -> RecordSet {
        RecordSet { alias: Some(target.to_owned()), ..record(name, "A", &[]) }
    }

    #[test]
    fn zones_have_four_servers_of_their_own_in_awss_form() {
        let (one, other) = (name_servers("Z1"), name_servers("Z2"));
        assert_eq!(one, name_servers("Z1"));
        assert_ne!(one, other);
        for (server, tld) in one.iter().zip([".com", ".net", ".org", ".co.uk"]) {
            assert!(server.starts_with("ns-") && server.contains(".awsdns-") && server.ends_with(tld), "{server}");
        }
        // No two zones of a large account share a set.
        let all: std::collections::HashSet<_> = (0..2_000).map(|id| name_servers(&format!("Z{id}"))).collect();
        assert_eq!(all.len(), 2_000);
    }

    #[test]
    fn a_name_is_within_itself_and_its_parents_only() {
        assert!(is_within("a.b.c", "b.c") && is_within("b.c", "b.c"));
        assert!(!is_within("ab.c", "b.c") && !is_within("c", "b.c"));
    }

    #[test]
    fn wildcards_serve_only_names_that_have_nothing() {
        let records = [
            record("*.a.example", "A", &["1"]),
            record("x.a.example", "TXT", &["t"]),
            record("a.example", "NS", &["n"]),
        ];
        let found = |name: &str| pick(&records, "a.example", name, "A").map(|record| record.name.as_str());
        assert_eq!(found("y.a.example"), Some("*.a.example"));
        assert_eq!(found("deep.y.a.example"), Some("*.a.example"));
        assert_eq!(found("x.a.example"), None);
        assert_eq!(found("a.example"), None);
    }

    async fn resolve(
        zones: Vec<Zone>,
        records: &[(&str, Vec<RecordSet>)],
        servers: [String; 4],
        name: &str,
    ) -> Resolution {
        let registry = Mutex::new(Registry::default());
        crate::lock(&registry).registered("a.com", servers.to_vec(), 0.0);
        let emulator = nowhere();
        let records = records.iter().map(|(zone, records)| ((*zone).to_owned(), records.clone())).collect();
        Look::of(&emulator, zones, records).resolve(&registry, name, "A").await.unwrap()
    }

    #[tokio::test]
    async fn only_the_zone_that_the_registry_names_is_alive() {
        let zones = vec![zone("ZDEAD", "a.com"), zone("ZLIVE", "a.com")];
        let records =
            [("ZDEAD", vec![alias("api.a.com", "dead.example")]), ("ZLIVE", vec![alias("api.a.com", "live.example")])];
        let live = resolve(zones.clone(), &records, name_servers("ZLIVE"), "API.a.com.").await;
        assert_eq!(live.alias.as_deref(), Some("live.example"));
        assert_eq!(live.chain.len(), 3);
        let dead = resolve(zones, &records, name_servers("ZGONE"), "api.a.com").await;
        assert_eq!(dead.alias, None);
        assert!(dead.reason.unwrap().contains("no hosted zone answers for"));
    }

    #[tokio::test]
    async fn delegations_within_a_zone_and_cnames_are_followed() {
        let zones = vec![zone("ZPARENT", "a.com"), zone("ZCHILD", "sub.a.com")];
        let servers = name_servers("ZCHILD");
        let ns: Vec<String> = servers.iter().map(|server| format!("{server}.")).collect();
        let ns: Vec<&str> = ns.iter().map(String::as_str).collect();
        let records = [
            ("ZPARENT", vec![record("sub.a.com", "NS", &ns), record("www.a.com", "CNAME", &["api.sub.a.com."])]),
            ("ZCHILD", vec![alias("api.sub.a.com", "target.example")]),
        ];
        let resolution = resolve(zones, &records, name_servers("ZPARENT"), "www.a.com").await;
        assert_eq!(resolution.alias.as_deref(), Some("target.example"));
        let cname = Step::Cname { name: "www.a.com".to_owned(), target: "api.sub.a.com".to_owned() };
        assert!(resolution.chain.contains(&cname));
    }

    #[tokio::test]
    async fn a_dns_of_its_own_answers_where_no_zone_does() {
        let registry = Mutex::new(Registry::default());
        crate::lock(&registry).registered("a.com", vec!["ns.a.example".to_owned()], 0.0);
        let target = "d-1.execute-api.us-east-1.amazonaws.com";
        crate::lock(&registry).domain_mut("a.com").own_dns = vec![record("api.a.com", "CNAME", &[target])];
        let emulator = nowhere();
        let look = || Look::of(&emulator, vec![zone("ZDEAD", "a.com")], HashMap::new());
        let resolution = look().resolve(&registry, "api.a.com", "A").await.unwrap();
        assert_eq!(resolution.alias.as_deref(), Some(target));
        let absent = look().resolve(&registry, "www.a.com", "A").await.unwrap();
        assert_eq!(absent.reason.as_deref(), Some("the live zone has no A record for www.a.com"));
        crate::lock(&registry).domain_mut("a.com").own_dns.clear();
        assert_eq!(look().resolve(&registry, "api.a.com", "A").await.unwrap().alias, None);
    }

    #[tokio::test]
    async fn a_name_that_nobody_registered_does_not_resolve() {
        let resolution = resolve(vec![zone("Z", "b.com")], &[], name_servers("Z"), "api.b.com").await;
        assert_eq!(resolution.reason.as_deref(), Some("no registered domain covers api.b.com"));
    }

    #[test]
    fn route_53s_answers_are_read() {
        let zones: xml::ListHostedZones = quick_xml::de::from_str(
            "<?xml version=\"1.0\"?><ListHostedZonesResponse xmlns=\"https://route53.amazonaws.com/doc/2013-04-01/\">\
             <HostedZones><HostedZone><Id>/hostedzone/Z1</Id><Name>a.com.</Name><CallerReference>r</CallerReference>\
             <Config><Comment /><PrivateZone>false</PrivateZone></Config>\
             <ResourceRecordSetCount>2</ResourceRecordSetCount></HostedZone></HostedZones>\
             <IsTruncated>false</IsTruncated><Marker /><MaxItems>100</MaxItems></ListHostedZonesResponse>",
        )
        .unwrap();
        assert_eq!(zones.zones.zones[0].id, "/hostedzone/Z1");
        let records: xml::ListRecordSets = quick_xml::de::from_str(
            "<R><ResourceRecordSets><ResourceRecordSet><Name>a.com.</Name><Type>A</Type><AliasTarget>\
             <HostedZoneId>Z</HostedZoneId><DNSName>d.example.</DNSName><EvaluateTargetHealth>false\
             </EvaluateTargetHealth></AliasTarget></ResourceRecordSet><ResourceRecordSet><Name>b.com.</Name>\
             <Type>TXT</Type><TTL>60</TTL><ResourceRecords><ResourceRecord><Value>\"a b\"</Value></ResourceRecord>\
             </ResourceRecords></ResourceRecordSet></ResourceRecordSets><IsTruncated>false</IsTruncated></R>",
        )
        .unwrap();
        assert_eq!(records.sets.sets[0].alias.as_ref().unwrap().dns_name, "d.example.");
        assert_eq!(records.sets.sets[1].values.as_ref().unwrap().values[0].value, "\"a b\"");
        let none: xml::ListHostedZones =
            quick_xml::de::from_str("<R><HostedZones /><IsTruncated>false</IsTruncated></R>").unwrap();
        assert!(none.zones.zones.is_empty());
    }
}
