//! One of several APIs.

use std::collections::BTreeMap;

use super::*;
use crate::DomainName;

fn tagging() -> Tagging {
    let domain: DomainName = "example.com".parse().expect("a domain");
    Tagging::new(&BTreeMap::new(), &domain, "nameplate", &[])
}

fn api(id: &str, created: i64, protocol: Protocol) -> Api {
    let tags = tagging().wanted().clone();
    Api { id: id.into(), created: Some((created, 0)), protocol: Some(protocol), tags, ..Api::default() }
}

fn chosen(apis: &[Api], recorded: Option<&str>, wanted: Option<Protocol>) -> (Option<String>, Vec<String>) {
    let choice = choose(apis.to_vec(), &tagging(), recorded, wanted).expect("ours");
    (choice.used.map(|api| api.id), choice.replaced)
}

#[test]
fn the_recorded_one_is_used_if_it_is_of_the_wanted_kind_and_else_the_oldest_that_is() {
    use Protocol::{Http, WebSocket};
    let foreign = Api { tags: BTreeMap::new(), ..api("foreign", 0, Http) };
    let apis = [api("young", 3, Http), foreign, api("old", 2, Http), api("socket", 1, WebSocket)];
    let ids = |ids: &[&str]| ids.iter().map(|id| (*id).to_owned()).collect::<Vec<_>>();
    for (recorded, wanted, used, replaced) in [
        (Some("young"), Some(Http), Some("young"), ["socket", "old"].as_slice()),
        (None, Some(Http), Some("old"), &["socket", "young"]),
        (Some("socket"), Some(Http), Some("old"), &["socket", "young"]),
        (Some("gone"), Some(Http), Some("old"), &["socket", "young"]),
        (Some("old"), Some(WebSocket), Some("socket"), &["old", "young"]),
        (Some("old"), None, None, &["socket", "old", "young"]),
    ] {
        let found = chosen(&apis, recorded, wanted);
        assert_eq!(found, (used.map(str::to_owned), ids(replaced)), "{recorded:?} {wanted:?}");
    }
    assert_eq!(chosen(&[api("socket", 1, WebSocket)], None, Some(Http)), (None, ids(&["socket"])));
}

#[test]
fn an_api_with_other_tags_is_refused_by_its_id() {
    let foreign = Api { tags: BTreeMap::new(), ..api("a1", 1, Protocol::Http) };
    let refusal = choose(vec![foreign], &tagging(), Some("a1"), None).expect_err("foreign");
    assert!(refusal.reason.contains("a1") && refusal.reason.contains("`example.com`"), "{refusal}");

    let own = check_existing(&api("a1", 1, Protocol::Http), &tagging()).expect_err("our own");
    assert!(own.code == "ApiIsOurs" && own.reason.contains("example.com"), "{own}");
    assert_eq!(check_existing(&Api::default(), &tagging()), Ok(()));
}
