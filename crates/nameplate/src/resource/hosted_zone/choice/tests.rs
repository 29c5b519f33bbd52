//! Which of several zones counts, and what has to be read for it.

use super::*;
use crate::resource::tags;
use std::collections::BTreeMap;

const REFERENCE: &str = "made by us";

fn servers(number: u8) -> Vec<String> {
    vec![format!("ns-{number}.awsdns.com")]
}

fn listed(id: &str) -> HostedZone {
    HostedZone { id: id.to_owned(), name: "example.com".to_owned(), usable: true, ..HostedZone::default() }
}

fn served(id: &str, number: u8) -> HostedZone {
    HostedZone { name_servers: Some(servers(number)), ..listed(id) }
}

fn tagged(zone: HostedZone, stack: Option<&str>) -> HostedZone {
    let ours = |stack: &str| [(tags::DOMAIN, "example.com"), (tags::STACK, stack)].map(|(k, v)| (k.into(), v.into()));
    HostedZone { tags: Some(stack.map(ours).map(BTreeMap::from).unwrap_or_default()), ..zone }
}

fn registrars(zone: HostedZone) -> HostedZone {
    HostedZone { caller_reference: "RISWorkflow-RD:1".to_owned(), ..zone }
}

fn search(registry: &[String]) -> Search<'_> {
    Search {
        domain: "example.com",
        stack: "nameplate",
        reference: REFERENCE,
        registry,
        just_bought: false,
        correct: false,
    }
}

fn code(zones: &[HostedZone], search: &Search<'_>) -> String {
    choose(zones, search).expect_err("refused").code
}

#[test]
fn a_delegation_counts_before_everything_else_and_no_more_is_read_than_it_needs() {
    let registry = servers(2);
    let search = search(&registry);
    assert_eq!(choose(&[listed("Z1"), listed("Z2")], &search), Ok(Choice::AskNameServers(0)));
    assert_eq!(choose(&[served("Z1", 1), listed("Z2")], &search), Ok(Choice::AskNameServers(1)));
    let ours = tagged(served("Z1", 1), Some("nameplate"));
    assert_eq!(choose(&[ours.clone(), served("Z2", 2), listed("Z3")], &search), Ok(Choice::Take(1)));
    assert_eq!(code(std::slice::from_ref(&ours), &search), "DelegationElsewhere");
    assert_eq!(code(&[], &search), "DelegationElsewhere");

    let correct = Search { correct: true, ..search };
    assert_eq!(choose(&[ours, served("Z2", 1)], &correct), Ok(Choice::AskTags(1)));
    assert_eq!(choose(&[served("Z1", 1)], &correct), Ok(Choice::Take(0)));
    assert_eq!(choose(&[], &correct), Ok(Choice::Make));
}

#[test]
fn without_a_delegation_it_is_ours_else_the_only_one() {
    let search = search(&[]);
    assert_eq!(choose(&[], &search), Ok(Choice::Make));
    assert_eq!(choose(&[listed("Z1")], &search), Ok(Choice::Take(0)), "nothing has to be read of the only one");
    assert_eq!(choose(&[listed("Z1"), listed("Z2")], &search), Ok(Choice::AskTags(0)));
    let (theirs, ours) = (tagged(listed("Z1"), Some("other")), tagged(listed("Z2"), Some("nameplate")));
    assert_eq!(choose(&[theirs.clone(), ours.clone()], &search), Ok(Choice::Take(1)));
    assert_eq!(code(&[theirs.clone(), tagged(listed("Z2"), None)], &search), "SeveralZones");
    assert_eq!(code(&[ours.clone(), ours], &search), "SeveralZones");
    // Its tags were lost to a crash.
    let made = HostedZone { caller_reference: REFERENCE.to_owned(), ..tagged(listed("Z2"), None) };
    assert_eq!(choose(&[theirs, made], &search), Ok(Choice::Take(1)));
}

#[test]
fn the_registrars_zone_of_a_name_just_bought_is_waited_for_and_taken() {
    let registry = servers(1);
    let bought = Search { just_bought: true, ..search(&registry) };
    assert_eq!(choose(&[], &bought), Ok(Choice::Wait));
    assert_eq!(choose(&[registrars(listed("Z1"))], &bought), Ok(Choice::TakeBought(0)));
    assert_eq!(choose(&[served("Z1", 2)], &bought), Ok(Choice::Wait), "an older one is no substitute");
    assert_eq!(code(&[served("Z1", 2), registrars(served("Z2", 3))], &bought), "DelegationElsewhere");
    let unnamed = Search { registry: &[], ..bought };
    assert_eq!(choose(&[listed("Z1")], &unnamed), Ok(Choice::Wait), "the registry names no servers yet");
}
