//! Hosted zones, as MiniStack has them: which there are, what is in each, and which servers answer for it.
//!
//! MiniStack gives all zones the same four name servers. Here each zone has four of its own, made from its id, so
//! that two zones of one name differ as they do on AWS (AWS-FACTS 1.4.3). Must not change anything, nor know the
//! registry.

use http::Method;
use serde::Deserialize;
use sha2::{Digest, Sha256};

use crate::domain_name::plain;
use crate::emulator::{Emulator, EmulatorError, encode};
use crate::record_set::RecordSet;

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

/// A hosted zone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Zone {
    pub(crate) id: String,
    /// Plain.
    pub(crate) name: String,
    pub(crate) private: bool,
    pub(crate) caller_reference: String,
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
            Some(next) => marker = format!("&marker={}", encode(&next)),
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
mod tests;
