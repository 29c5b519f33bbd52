//! The way from a name to its records, over zones that stand here.

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

async fn resolve(zones: Vec<Zone>, records: &[(&str, Vec<RecordSet>)], servers: [String; 4], name: &str) -> Resolution {
    let registry = Mutex::new(Registry::default());
    lock(&registry).registered("a.com", servers.to_vec(), 0.0);
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
    lock(&registry).registered("a.com", vec!["ns.a.example".to_owned()], 0.0);
    let target = "d-1.execute-api.us-east-1.amazonaws.com";
    lock(&registry).domain_mut("a.com").own_dns = vec![record("api.a.com", "CNAME", &[target])];
    let emulator = nowhere();
    let look = || Look::of(&emulator, vec![zone("ZDEAD", "a.com")], HashMap::new());
    let resolution = look().resolve(&registry, "api.a.com", "A").await.unwrap();
    assert_eq!(resolution.alias.as_deref(), Some(target));
    let absent = look().resolve(&registry, "www.a.com", "A").await.unwrap();
    assert_eq!(absent.reason.as_deref(), Some("the live zone has no A record for www.a.com"));
    lock(&registry).domain_mut("a.com").own_dns.clear();
    assert_eq!(look().resolve(&registry, "api.a.com", "A").await.unwrap().alias, None);
}

#[tokio::test]
async fn a_name_that_nobody_registered_does_not_resolve() {
    let resolution = resolve(vec![zone("Z", "b.com")], &[], name_servers("Z"), "api.b.com").await;
    assert_eq!(resolution.reason.as_deref(), Some("no registered domain covers api.b.com"));
}
