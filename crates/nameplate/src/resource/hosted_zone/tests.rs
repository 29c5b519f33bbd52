//! Hosted zones wanted against those that stand, and why they stay.

use super::*;
use crate::resource::difference::shown;

fn tagging() -> Tagging {
    let domain: DomainName = "example.com".parse().expect("a domain");
    Tagging::new(&BTreeMap::from([("team".to_owned(), "x".to_owned())]), &domain, "nameplate", &["cost".to_owned()])
}

fn servers(number: u8) -> Vec<String> {
    vec![format!("ns-{number}.awsdns.com"), format!("ns-{number}.awsdns.net")]
}

fn standing() -> HostedZone {
    HostedZone {
        id: "Z1".to_owned(),
        name: "example.com".to_owned(),
        usable: true,
        name_servers: Some(servers(1)),
        tags: Some(tagging().wanted().clone()),
        ..HostedZone::default()
    }
}

fn fields(standing: Option<&HostedZone>) -> Vec<String> {
    let changes = shown(&differences(standing, &tagging()));
    changes.into_iter().map(|change| format!("{} {} {}", change.field, change.before, change.after)).collect()
}

#[test]
fn each_tag_is_seen_by_itself_and_those_of_others_are_none_of_ours() {
    assert!(fields(Some(&standing())).is_empty());
    let with = |change: fn(&mut BTreeMap<String, String>)| {
        let mut zone = standing();
        change(zone.tags.as_mut().expect("tags"));
        fields(Some(&zone))
    };
    assert_eq!(with(|tags| drop(tags.remove("team"))), [r#"tags.team null "x""#]);
    assert_eq!(with(|tags| drop(tags.insert("cost".into(), "1".into()))), [r#"tags.cost "1" null"#]);
    assert!(with(|tags| drop(tags.insert("theirs".into(), "1".into()))).is_empty());
    assert_eq!(fields(None).len(), 3, "one that is made gets all of them");
}

#[test]
fn a_registry_that_names_other_servers_leads_elsewhere() {
    assert!(!misdirected(&servers(1), Some(&standing())));
    assert!(misdirected(&servers(2), Some(&standing())));
    assert!(misdirected(&servers(1), None));
    assert!(!misdirected(&[], Some(&standing())), "it is registered elsewhere");
    assert!(standing().serves("example.com", &servers(1)));
    assert!(!standing().serves("example.com", &servers(2)));
    assert!(!standing().serves("example.org", &[]));
    assert!(!HostedZone { usable: false, ..standing() }.serves("example.com", &[]));
}

#[test]
fn a_zone_is_around_the_names_that_end_in_its_name() {
    let around = |name: &str| standing().is_around(&name.parse().expect("a domain"));
    assert!(around("acme.example.com") && around("example.com"));
    assert!(!around("example.org") && !around("notexample.com"));
}

#[test]
fn we_made_a_zone_with_our_reference_or_with_our_comment_and_tags() {
    let made = |zone: HostedZone| zone.is_made_by_us(&["ref".to_owned()], "example.com", "nameplate");
    assert!(!made(standing()));
    assert!(made(HostedZone { caller_reference: "ref".to_owned(), tags: None, ..standing() }));
    let commented = HostedZone { comment: tags::ZONE_COMMENT.to_owned(), ..standing() };
    assert!(made(commented.clone()));
    assert!(!made(HostedZone { tags: Some(BTreeMap::new()), ..commented }));
}

#[test]
fn a_zone_stays_while_somebody_points_to_it_or_may_do_so() {
    let why = |registry: Option<&[String]>| standing().kept_by(registry).unwrap_or_default();
    assert!(why(Some(&servers(1)[..1])).contains("the registry points to it"), "one server is enough");
    assert_eq!(why(Some(&servers(2))), "");
    assert!(why(None).contains("not registered in this account"));
    let unread = HostedZone { name_servers: None, ..standing() };
    assert!(unread.kept_by(Some(&servers(2))).is_some(), "whose servers nobody has read");
}
