//! Whose a record at a host name is, case by case.

use super::*;

const TARGET: &str = "d-abc.execute-api.us-east-1.amazonaws.com";
const EARLIER: &str = "d-xyz.execute-api.us-east-1.amazonaws.com";

fn record(kind: &str, alias: Option<&str>, routed: bool) -> HostRecord {
    HostRecord { kind: kind.to_owned(), alias: alias.map(str::to_owned), routed }
}

#[test]
fn a_custom_domain_of_another_region_is_not_here() {
    assert!(is_custom_domain_in("us-east-1", TARGET));
    assert!(!is_custom_domain_in("us-east", TARGET) && !is_custom_domain_in("us-west-2", TARGET));
    assert!(!is_custom_domain_in("us-east-1", "lb.us-east-1.elb.amazonaws.com"));
}

#[test]
fn only_an_alias_of_our_custom_domain_or_of_a_recorded_earlier_one_is_ours() {
    for (record, target, recorded, whose) in [
        (record("A", Some(TARGET), false), Some(TARGET), false, Whose::Ours),
        (record("AAAA", Some(TARGET), false), Some(TARGET), false, Whose::Ours),
        (record("A", Some(EARLIER), false), Some(TARGET), true, Whose::Ours),
        (record("A", Some(EARLIER), false), None, true, Whose::Ours),
        (record("A", Some(EARLIER), false), Some(TARGET), false, Whose::Theirs),
        (record("A", Some("lb.example.net"), false), Some(TARGET), true, Whose::Theirs),
        (record("A", None, false), Some(TARGET), true, Whose::Theirs),
        (record("CNAME", None, false), Some(TARGET), true, Whose::Theirs),
        (record("A", Some(TARGET), true), Some(TARGET), true, Whose::Routed),
    ] {
        assert_eq!(record.whose(target, recorded), whose, "{record:?} {target:?} {recorded}");
    }
}
