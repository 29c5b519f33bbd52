//! What Route 53 does otherwise than MiniStack.
//!
//! Owns the corrections of its requests and answers; each names its source. What a record means is in `dns.rs`.

use std::collections::{BTreeSet, HashSet};

use bytes::Bytes;
use http::{Method, Request, StatusCode};
use serde::Deserialize;

use crate::answer::{Answer, replace_body, xml, xml_error};
use crate::domain_name::{is_within, plain};
use crate::hosted_zone::{self, MINISTACK_SERVERS, name_servers};
use crate::local::Local;
use crate::lock::lock;
use crate::record_set::RecordSet;

/// Answers a call of the service.
pub(crate) async fn handle(local: &Local, action: &str, request: Request<Bytes>) -> Answer {
    match action {
        "CreateHostedZone" => create_hosted_zone(local, request).await,
        "ListHostedZonesByName" => list_by_name(local, request).await,
        "ChangeResourceRecordSets" => {
            if let Some(refusal) = check_changes(local, &request).await {
                return local.refuse(&request, refusal).await;
            }
            let answer = local.forward(request).await;
            local.wake_certificates();
            answer
        }
        "GetDNSSEC" => {
            let signing = if is_signed(local, &request) { "SIGNING" } else { "NOT_SIGNING" };
            local.refuse(&request, dnssec(signing)).await
        }
        "DeleteHostedZone" if is_signed(local, &request) => {
            let message = "The specified hosted zone has DNSSEC signing enabled and so it can't be deleted.";
            local.refuse(&request, xml_error(StatusCode::BAD_REQUEST, "HostedZoneNotEmpty", message)).await
        }
        "GetHostedZone" | "ListResourceRecordSets" => {
            let zone = crate::action::resource("route53", &request);
            let mut answer = local.forward(request).await;
            if let (true, Some(zone)) = (answer.status().is_success(), zone) {
                give_servers(&mut answer, &zone);
            }
            answer
        }
        _ => local.forward(request).await,
    }
}

fn is_signed(local: &Local, request: &Request<Bytes>) -> bool {
    crate::action::resource("route53", request).is_some_and(|zone| lock(&local.signed_zones).contains(&zone))
}

/// The answer of GetDNSSEC, which MiniStack does not have. No keys are kept.
fn dnssec(signing: &str) -> Answer {
    let body = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<GetDNSSECResponse xmlns=\"https://route53.amazonaws.com/doc/2013-04-01/\">\
         <Status><ServeSignature>{signing}</ServeSignature></Status><KeySigningKeys/></GetDNSSECResponse>"
    );
    xml(StatusCode::OK, body)
}

/// AWS-FACTS 2.1.1: a caller reference can be used once; MiniStack gives the first zone again.
async fn create_hosted_zone(local: &Local, request: Request<Bytes>) -> Answer {
    // One at a time, so that two with the same reference cannot both be the first.
    let _turn = local.zone_creation.lock().await;
    let reference = element(request.body(), "CallerReference");
    let known = hosted_zone::zones(&local.emulator).await.unwrap_or_default();
    let mut answer = local.forward(request).await;
    if !answer.status().is_success() {
        return answer;
    }
    if let Some(reference) = reference
        && known.iter().any(|zone| zone.caller_reference == reference)
    {
        return xml_error(
            StatusCode::CONFLICT,
            "HostedZoneAlreadyExists",
            "A hosted zone has already been created with the specified caller reference.",
        );
    }
    let id = element(answer.body(), "Id").and_then(|id| id.rsplit('/').next().map(str::to_owned));
    if let Some(id) = id {
        give_servers(&mut answer, &id);
    }
    answer
}

/// The text of the first element of this name.
fn element(xml: &[u8], name: &str) -> Option<String> {
    let (_, rest) = std::str::from_utf8(xml).ok()?.split_once(&format!("<{name}>"))?;
    let (text, _) = rest.split_once(&format!("</{name}>"))?;
    quick_xml::escape::unescape(text).ok().map(std::borrow::Cow::into_owned)
}

fn give_servers(answer: &mut Answer, zone_id: &str) {
    let Ok(text) = std::str::from_utf8(answer.body()) else { return };
    let text = with_servers(text, zone_id);
    replace_body(answer, text);
}

/// The zone's own servers in place of MiniStack's: without a final dot in a delegation set, with it in a record.
fn with_servers(xml: &str, zone_id: &str) -> String {
    let mut text = xml.to_owned();
    for (theirs, own) in MINISTACK_SERVERS.iter().zip(name_servers(zone_id)) {
        text = text
            .replace(&format!("<NameServer>{theirs}.</NameServer>"), &format!("<NameServer>{own}</NameServer>"))
            .replace(&format!("<Value>{theirs}."), &format!("<Value>{own}."));
    }
    text
}

/// AWS-FACTS 2.1.3: ordered by reversed labels, from a name and then from a zone of that name. MiniStack orders by
/// plain text, so the zones after the first name would be other ones.
async fn list_by_name(local: &Local, request: Request<Bytes>) -> Answer {
    let query = request.uri().query().unwrap_or_default().to_owned();
    let field = |name: &str| {
        form_urlencoded::parse(query.as_bytes()).find(|(key, _)| key == name).map(|(_, value)| value.into_owned())
    };
    let (start_name, start_id) = (field("dnsname"), field("hostedzoneid"));
    let most = field("maxitems").and_then(|most| most.parse::<usize>().ok()).unwrap_or(100).min(100);
    // MiniStack checks the caller; its answer is not used.
    let mut answer = local.forward(request).await;
    if !answer.status().is_success() {
        return answer;
    }
    let mut zones = Vec::new();
    let mut marker = String::new();
    loop {
        let target = format!("/2013-04-01/hostedzone?maxitems=100{marker}");
        let Ok(page) = local.emulator.rest_xml("route53", Method::GET, &target, "").await else { return answer };
        let elements = page.split("<HostedZone>").skip(1);
        zones.extend(elements.filter_map(|rest| rest.split_once("</HostedZone>")).map(|(zone, _)| zone.to_owned()));
        match element(page.as_bytes(), "NextMarker") {
            Some(next) => marker = format!("&marker={}", crate::emulator::encode(&next)),
            None => break,
        }
    }
    let text = page_by_name(zones, start_name.as_deref(), start_id.as_deref(), most);
    replace_body(&mut answer, text);
    answer
}

/// One page of the zones, given as the inner text of their elements.
fn page_by_name(zones: Vec<String>, start_name: Option<&str>, start_id: Option<&str>, most: usize) -> String {
    let reversed = |name: &str| {
        let mut labels: Vec<String> = plain(name).split('.').map(str::to_owned).collect();
        labels.reverse();
        labels
    };
    let mut keyed: Vec<((Vec<String>, String), String)> = zones
        .into_iter()
        .map(|zone| {
            let name = element(zone.as_bytes(), "Name").unwrap_or_default();
            let id =
                element(zone.as_bytes(), "Id").unwrap_or_default().rsplit('/').next().unwrap_or_default().to_owned();
            ((reversed(&name), id), zone)
        })
        .collect();
    keyed.sort();
    if let Some(name) = start_name {
        let start = (reversed(name), start_id.unwrap_or_default().to_owned());
        keyed.retain(|(key, _)| *key >= start);
    }
    let next = keyed.get(most).map(|((labels, id), _)| {
        let mut labels = labels.clone();
        labels.reverse();
        (labels.join("."), id.clone())
    });
    let escape = |text: &str| quick_xml::escape::escape(text).into_owned();
    let mut text = String::from(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<ListHostedZonesByNameResponse \
         xmlns=\"https://route53.amazonaws.com/doc/2013-04-01/\"><HostedZones>",
    );
    for (_, zone) in keyed.iter().take(most) {
        text.push_str(&format!("<HostedZone>{zone}</HostedZone>"));
    }
    text.push_str("</HostedZones>");
    if let Some(name) = start_name {
        text.push_str(&format!("<DNSName>{}</DNSName>", escape(name)));
    }
    if let Some(id) = start_id {
        text.push_str(&format!("<HostedZoneId>{}</HostedZoneId>", escape(id)));
    }
    text.push_str(&format!("<IsTruncated>{}</IsTruncated>", next.is_some()));
    if let Some((name, id)) = next {
        text.push_str(&format!(
            "<NextDNSName>{}.</NextDNSName><NextHostedZoneId>{id}</NextHostedZoneId>",
            escape(&name)
        ));
    }
    text.push_str(&format!("<MaxItems>{most}</MaxItems></ListHostedZonesByNameResponse>"));
    text
}

#[derive(Deserialize)]
struct ChangeRequest {
    #[serde(rename = "ChangeBatch")]
    batch: ChangeBatch,
}

#[derive(Deserialize)]
struct ChangeBatch {
    #[serde(rename = "Changes")]
    changes: Changes,
}

#[derive(Deserialize)]
struct Changes {
    #[serde(rename = "Change", default)]
    changes: Vec<Change>,
}

#[derive(Deserialize)]
struct Change {
    #[serde(rename = "Action")]
    action: String,
    #[serde(rename = "ResourceRecordSet")]
    set: ChangedSet,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct ChangedSet {
    name: String,
    r#type: String,
    set_identifier: Option<String>,
    #[serde(default)]
    resource_records: Values,
}

#[derive(Default, Deserialize)]
struct Values {
    #[serde(rename = "ResourceRecord", default)]
    records: Vec<ResourceRecord>,
}

#[derive(Deserialize)]
struct ResourceRecord {
    #[serde(rename = "Value", default)]
    value: String,
}

/// What Route 53 refuses in a batch and MiniStack lets through (AWS-FACTS 2.2.1, 2.2.2).
async fn check_changes(local: &Local, request: &Request<Bytes>) -> Option<Answer> {
    let zone_id = crate::action::resource("route53", request)?;
    let batch: ChangeRequest = quick_xml::de::from_str(std::str::from_utf8(request.body()).ok()?).ok()?;
    let target = format!("/2013-04-01/hostedzone/{}", crate::emulator::encode(&zone_id));
    let zone = local.emulator.rest_xml("route53", Method::GET, &target, "").await.ok()?;
    let (zone, changes) = (plain(&element(zone.as_bytes(), "Name")?), &batch.batch.changes.changes);
    let message = match flaw(&zone, changes) {
        Some(message) => message,
        None => company(&zone, &hosted_zone::records(&local.emulator, &zone_id).await.ok()?, changes)?,
    };
    Some(xml_error(StatusCode::BAD_REQUEST, "InvalidChangeBatch", &format!("[{message}]")))
}

/// A CNAME stands alone at its name, once the whole batch is done. The words are those that public reports quote.
fn company(zone: &str, standing: &[RecordSet], changes: &[Change]) -> Option<String> {
    let names: BTreeSet<String> = changes.iter().map(|change| plain(&change.set.name)).collect();
    names.iter().find_map(|name| {
        let at_name = changes.iter().filter(|change| plain(&change.set.name) == *name);
        let (gone, come): (Vec<&Change>, Vec<&Change>) = at_name.partition(|change| change.action == "DELETE");
        let stays = standing.iter().filter(|set| set.name == *name).map(|set| set.kind.as_str());
        let mut kinds: BTreeSet<&str> =
            stays.filter(|kind| !gone.iter().any(|change| change.set.r#type == *kind)).collect();
        let new: BTreeSet<&str> = come.iter().map(|change| change.set.r#type.as_str()).collect();
        kinds.extend(&new);
        if !kinds.contains("CNAME") || kinds.len() == 1 {
            return None;
        }
        let other = new.iter().find(|kind| **kind != "CNAME");
        Some(match other {
            Some(kind) => format!(
                "RRSet of type {kind} with DNS name {name}. is not permitted because a conflicting RRSet of type CNAME \
                 with the same DNS name already exists in zone {zone}."
            ),
            None => format!(
                "RRSet of type CNAME with DNS name {name}. is not permitted as it conflicts with other records with the \
                 same DNS name in zone {zone}."
            ),
        })
    })
}

/// Elements and characters of values that one batch may have; UPSERT counts twice (AWS-FACTS 2.2.3).
const MOST_ELEMENTS: usize = 1_000;
const MOST_CHARACTERS: usize = 32_000;

fn flaw(zone: &str, changes: &[Change]) -> Option<String> {
    let mut seen = HashSet::new();
    let (mut elements, mut characters) = (0, 0);
    for Change { action, set } in changes {
        let times = if action == "UPSERT" { 2 } else { 1 };
        // An alias counts as one element.
        elements += times * set.resource_records.records.len().max(1);
        characters += times * set.resource_records.records.iter().map(|one| one.value.chars().count()).sum::<usize>();
    }
    if elements > MOST_ELEMENTS {
        return Some(format!("Number of records limit of {MOST_ELEMENTS} exceeded."));
    }
    if characters > MOST_CHARACTERS {
        return Some(format!("Number of characters limit of {MOST_CHARACTERS} exceeded."));
    }
    for Change { action, set } in changes {
        let name = plain(&set.name);
        let kind = &set.r#type;
        if !is_within(&name, zone) {
            return Some(format!("RRSet with DNS name {name}. is not permitted in zone {zone}."));
        }
        if kind == "CNAME" && name == zone && action != "DELETE" {
            return Some(format!("RRSet of type CNAME with DNS name {name}. is not permitted at apex in zone {zone}."));
        }
        // DELETE and CREATE of one record in one batch is how it is replaced.
        let verb = if action == "DELETE" { "DELETE" } else { "CREATE" };
        if !seen.insert((verb, name.clone(), kind.clone(), set.set_identifier.clone())) {
            return Some(format!(
                "The request contains an invalid set of changes for a resource record set '{kind} {name}.'"
            ));
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_zones_own_servers_replace_ministacks() {
        let own = name_servers("Z1");
        let text = with_servers(
            "<NameServers><NameServer>ns-1.awsdns-1.com.</NameServer><NameServer>ns-4.awsdns-4.co.uk.</NameServer>\
             </NameServers><Value>ns-1.awsdns-1.com. awsdns-hostmaster.amazon.com. 1 7200</Value>\
             <Value>ns-2.awsdns-2.net.</Value><Value>mail.example.</Value>",
            "Z1",
        );
        assert_eq!(
            text,
            format!(
                "<NameServers><NameServer>{}</NameServer><NameServer>{}</NameServer></NameServers><Value>{}. \
                 awsdns-hostmaster.amazon.com. 1 7200</Value><Value>{}.</Value><Value>mail.example.</Value>",
                own[0], own[3], own[0], own[1]
            )
        );
    }

    fn zone(id: &str, name: &str) -> String {
        format!("<Id>/hostedzone/{id}</Id><Name>{name}</Name>")
    }

    #[test]
    fn zones_by_name_start_somewhere_and_go_on_in_the_order_of_reversed_labels() {
        let zones = || {
            vec![
                zone("Z3", "b.com."),
                zone("Z2", "a.com."),
                zone("Z1", "a.com."),
                zone("Z4", "x.a.com."),
                zone("Z5", "a.net."),
            ]
        };
        let ids = |page: &str| -> Vec<String> {
            page.split("<Id>/hostedzone/").skip(1).map(|rest| rest[..2].to_owned()).collect()
        };
        assert_eq!(ids(&page_by_name(zones(), None, None, 100)), ["Z1", "Z2", "Z4", "Z3", "Z5"]);
        assert_eq!(ids(&page_by_name(zones(), Some("x.a.com"), None, 100)), ["Z4", "Z3", "Z5"]);
        assert_eq!(ids(&page_by_name(zones(), Some("a.com."), Some("Z2"), 1)), ["Z2"]);
        let page = page_by_name(zones(), Some("a.com"), None, 2);
        assert_eq!(ids(&page), ["Z1", "Z2"]);
        assert!(
            page.contains("<IsTruncated>true</IsTruncated><NextDNSName>x.a.com.</NextDNSName><NextHostedZoneId>Z4<")
        );
        assert_eq!(ids(&page_by_name(zones(), Some("nothing.example"), None, 2)), ["Z5"], "a start, not a filter");
    }

    fn change(action: &str, name: &str, kind: &str) -> Change {
        Change {
            action: action.to_owned(),
            set: ChangedSet {
                name: name.to_owned(),
                r#type: kind.to_owned(),
                set_identifier: None,
                resource_records: Values::default(),
            },
        }
    }

    #[test]
    fn a_batch_has_a_thousand_elements_and_32_000_characters_and_upsert_counts_twice() {
        let batch = |action: &str, sets: usize, values: usize, length: usize| -> Vec<Change> {
            let value = || ResourceRecord { value: "v".repeat(length) };
            let set = |number: usize| {
                let mut change = change(action, &format!("n{number}.a.com"), "TXT");
                change.set.resource_records.records = (0..values).map(|_| value()).collect();
                change
            };
            (0..sets).map(set).collect()
        };
        assert_eq!(flaw("a.com", &batch("CREATE", 10, 100, 32)), None);
        assert_eq!(flaw("a.com", &batch("UPSERT", 5, 100, 32)), None);
        assert!(flaw("a.com", &batch("DELETE", 1_001, 1, 1)).unwrap().contains("records limit"));
        assert!(flaw("a.com", &batch("UPSERT", 501, 0, 0)).unwrap().contains("records limit"), "aliases");
        assert!(flaw("a.com", &batch("CREATE", 10, 100, 33)).unwrap().contains("characters limit"));
        assert!(flaw("a.com", &batch("UPSERT", 5, 100, 33)).unwrap().contains("characters limit"));
    }

    #[test]
    fn a_batch_may_name_a_record_once_and_only_within_its_zone() {
        let upsert = |name: &str| change("UPSERT", name, "CNAME");
        assert_eq!(flaw("a.com", &[upsert("_x.a.com."), upsert("_y.a.com.")]), None);
        assert!(flaw("a.com", &[upsert("_x.a.com."), upsert("_X.a.com")]).unwrap().contains("invalid set of changes"));
        assert!(flaw("a.com", &[upsert("_x.b.com.")]).unwrap().contains("not permitted in zone"));
        assert!(flaw("a.com", &[upsert("a.com.")]).unwrap().contains("apex"));
        assert_eq!(flaw("a.com", &[change("DELETE", "x.a.com", "A"), change("CREATE", "x.a.com", "A")]), None);
        assert_eq!(flaw("a.com", &[change("UPSERT", "x.a.com", "A"), change("UPSERT", "x.a.com", "AAAA")]), None);
    }

    #[test]
    fn a_cname_stands_alone_once_the_whole_batch_is_done() {
        let stands = |kind: &str| RecordSet {
            name: "x.a.com".to_owned(),
            kind: kind.to_owned(),
            values: Vec::new(),
            alias: None,
        };
        let beside = |standing: &[&str], changes: &[(&str, &str)]| {
            let standing: Vec<RecordSet> = standing.iter().map(|kind| stands(kind)).collect();
            let changes: Vec<Change> = changes.iter().map(|(action, kind)| change(action, "X.a.com.", kind)).collect();
            company("a.com", &standing, &changes)
        };
        assert_eq!(beside(&[], &[("CREATE", "CNAME")]), None);
        assert_eq!(beside(&["CNAME"], &[("UPSERT", "CNAME")]), None);
        assert_eq!(beside(&["A"], &[("CREATE", "TXT")]), None);
        assert!(beside(&["CNAME"], &[("CREATE", "A")]).unwrap().contains("conflicting RRSet of type CNAME"));
        assert!(beside(&["A"], &[("UPSERT", "CNAME")]).unwrap().contains("conflicts with other records"));
        assert_eq!(beside(&["CNAME"], &[("DELETE", "CNAME"), ("CREATE", "A"), ("CREATE", "AAAA")]), None);
        assert_eq!(beside(&["A", "AAAA"], &[("DELETE", "A"), ("DELETE", "AAAA"), ("CREATE", "CNAME")]), None);
        assert!(beside(&["A", "AAAA"], &[("DELETE", "A"), ("CREATE", "CNAME")]).is_some());
    }

    #[test]
    fn a_change_batch_is_read() {
        let request: ChangeRequest = quick_xml::de::from_str(
            "<?xml version=\"1.0\"?><ChangeResourceRecordSetsRequest xmlns=\"https://route53.amazonaws.com/doc/2013-04-01/\">\
             <ChangeBatch><Changes><Change><Action>UPSERT</Action><ResourceRecordSet><Name>a.com</Name><Type>A</Type>\
             <AliasTarget><HostedZoneId>Z</HostedZoneId><DNSName>d</DNSName><EvaluateTargetHealth>false\
             </EvaluateTargetHealth></AliasTarget></ResourceRecordSet></Change></Changes></ChangeBatch>\
             </ChangeResourceRecordSetsRequest>",
        )
        .unwrap();
        assert_eq!(request.batch.changes.changes[0].set.r#type, "A");
        let request: ChangeRequest = quick_xml::de::from_str(
            "<ChangeResourceRecordSetsRequest><ChangeBatch><Changes><Change><Action>CREATE</Action><ResourceRecordSet>\
             <Name>a.com</Name><Type>TXT</Type><TTL>60</TTL><ResourceRecords><ResourceRecord><Value>&quot;a&quot;</Value>\
             </ResourceRecord><ResourceRecord><Value>b</Value></ResourceRecord></ResourceRecords></ResourceRecordSet>\
             </Change></Changes></ChangeBatch></ChangeResourceRecordSetsRequest>",
        )
        .unwrap();
        let values = &request.batch.changes.changes[0].set.resource_records.records;
        assert_eq!(values.iter().map(|one| one.value.as_str()).collect::<Vec<_>>(), ["\"a\"", "b"]);
    }
}
