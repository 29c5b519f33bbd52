//! Whose a resource is by its tags, and which tags it lacks.

use super::*;

#[test]
fn a_resource_is_ours_only_with_both_tags() {
    let both = [(DOMAIN, "example.com"), (STACK, "nameplate"), ("team", "x")];
    assert!(ours(both, "example.com", "nameplate"));
    assert!(!ours(both, "example.org", "nameplate"));
    assert!(!ours(both, "example.com", "other"));
    assert!(!ours([(DOMAIN, "example.com")], "example.com", "nameplate"));
}

#[test]
fn only_differing_tags_are_missing() {
    let wanted = BTreeMap::from([("a".to_owned(), "1".to_owned()), ("b".to_owned(), "2".to_owned())]);
    let present = BTreeMap::from([
        ("a".to_owned(), "1".to_owned()),
        ("b".to_owned(), "3".to_owned()),
        ("c".to_owned(), "4".to_owned()),
    ]);
    assert_eq!(missing(&wanted, &present), BTreeMap::from([("b", "2")]));
}
