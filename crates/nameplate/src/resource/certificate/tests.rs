//! Certificates wanted against those that stand, and which of several is used.

use super::*;
use crate::resource::difference::shown;
use serde_json::{Value, json};

const NAMES: [&str; 2] = ["example.com", "*.example.com"];

fn request(certificate: Value) -> Request {
    let document = json!({
        "domainName": "example.com",
        "certificate": certificate,
        "api": {"routes": [{"route": "GET /", "url": "https://backend.example.net/"}]},
        "tags": {"team": "x"},
    });
    Request::parse(&document).expect("a valid request")
}

fn by_dns() -> Request {
    request(json!({"alternativeNames": ["*.example.com"]}))
}

fn by_email(asked: &str) -> Request {
    request(json!({"alternativeNames": ["*.example.com"], "validation": "EMAIL", "validationDomain": asked}))
}

fn tagging() -> Tagging {
    let request = by_dns();
    Tagging::new(&request.tags, &request.domain_name, "nameplate", &["cost".to_owned()])
}

fn listed() -> Certificate {
    Certificate {
        arn: "arn:1".to_owned(),
        domain: "example.com".to_owned(),
        status: ISSUED.to_owned(),
        amazon_issued: true,
        created: Some(1),
        names: NAMES.map(str::to_owned).into(),
        key_algorithm: Some("RSA_2048".to_owned()),
        ..Certificate::default()
    }
}

fn described(method: &str, asked_at: Option<&str>) -> Certificate {
    let of_name = |name: &str| NameValidation {
        name: name.to_owned(),
        method: Some(method.to_owned()),
        asked_at: asked_at.map(str::to_owned),
        ..NameValidation::default()
    };
    let tags = Some(tagging().wanted().clone());
    Certificate { validation: Some(NAMES.map(of_name).into()), tags, ..listed() }
}

fn fields(standing: Option<&Certificate>, request: &Request) -> Vec<String> {
    let tagging = tagging();
    let changes = shown(&differences(standing, &Wanted::of(request, &tagging)));
    changes.into_iter().map(|change| format!("{} {} {}", change.field, change.before, change.after)).collect()
}

#[test]
fn one_that_is_as_wanted_differs_in_nothing() {
    assert!(fields(Some(&described("DNS", None)), &by_dns()).is_empty());
    assert!(fields(Some(&described("EMAIL", Some("example.com"))), &by_email("example.com")).is_empty());
    let silent = Certificate { key_algorithm: None, ..listed() };
    for request in [by_dns(), by_email("example.com")] {
        assert!(fields(Some(&silent), &request).is_empty(), "what ACM does not show is as wanted");
    }
}

#[test]
fn what_cannot_be_changed_is_seen_by_itself() {
    let other = |change: fn(&mut Certificate)| {
        let mut one = described("DNS", None);
        change(&mut one);
        fields(Some(&one), &by_dns())
    };
    assert_eq!(
        other(|one| one.names.retain(|name| name == "example.com")),
        [r#"names ["example.com"] ["*.example.com","example.com"]"#]
    );
    assert_eq!(other(|one| one.has_more_names = true).len(), 1, "the listing does not show all names");
    assert_eq!(
        other(|one| one.key_algorithm = Some("EC_prime256v1".into())),
        [r#"keyAlgorithm "EC_prime256v1" "RSA_2048""#]
    );
    let mail = described("EMAIL", Some("example.com"));
    assert_eq!(
        fields(Some(&mail), &by_dns()),
        [r#"validation "EMAIL" "DNS""#, r#"validationDomain "example.com" null"#]
    );
    assert_eq!(
        fields(Some(&described("DNS", None)), &by_email("example.com")),
        [r#"validation "DNS" "EMAIL""#, r#"validationDomain null "example.com""#]
    );
}

#[test]
fn other_mailboxes_are_another_certificate() {
    let request = request(json!({"alternativeNames": ["*.example.com"], "validation": "EMAIL"}));
    let asked = described("EMAIL", Some("mail.example.com"));
    assert_eq!(fields(Some(&asked), &request), [r#"validationDomain "mail.example.com" "example.com""#]);
    let tagging = tagging();
    assert!(!fits(&asked, &Wanted::of(&request, &tagging)));
}

#[test]
fn tags_of_one_that_is_ours_are_repaired_and_others_are_used_as_they_are() {
    let with = |change: fn(&mut BTreeMap<String, String>)| {
        let mut one = described("DNS", None);
        change(one.tags.as_mut().expect("tags"));
        let tagging = tagging();
        let request = by_dns();
        assert!(fits(&one, &Wanted::of(&request, &tagging)), "tags make no other certificate");
        fields(Some(&one), &request)
    };
    assert_eq!(with(|tags| drop(tags.remove("team"))), [r#"tags.team null "x""#]);
    assert_eq!(with(|tags| drop(tags.insert("cost".into(), "1".into()))), [r#"tags.cost "1" null"#]);
    assert!(with(|tags| drop(tags.insert("theirs".into(), "1".into()))).is_empty());
    assert!(with(|tags| tags.clear()).is_empty(), "not ours");
}

#[test]
fn one_that_is_requested_gets_all_of_it() {
    let tagging = tagging();
    let request = by_email("example.com");
    let all = differences(None, &Wanted::of(&request, &tagging));
    for attribute in CertificateAttribute::VARIANTS {
        assert!(any(&all, &[*attribute]), "{attribute:?}");
        assert_ne!(CANNOT_BE_CHANGED.contains(attribute), *attribute == CertificateAttribute::Tag, "{attribute:?}");
    }
}

#[test]
fn candidates_are_of_the_domain_and_come_in_the_order_of_choice() {
    let (tagging, request) = (tagging(), by_dns());
    let wanted = Wanted::of(&request, &tagging);
    let named = |arn: &str, change: fn(&mut Certificate)| {
        let mut one = Certificate { arn: arn.to_owned(), ..listed() };
        change(&mut one);
        one
    };
    let all = vec![
        named("other key", |one| one.key_algorithm = Some("EC_prime256v1".into())),
        named("pending", |one| one.status = PENDING_VALIDATION.to_owned()),
        named("imported", |one| one.amazon_issued = false),
        named("old", |_| ()),
        named("another domain", |one| one.domain = "*.example.com".to_owned()),
        named("new", |one| one.created = Some(2)),
    ];
    let order: Vec<String> = candidates(all, &wanted).into_iter().map(|one| one.arn).collect();
    assert_eq!(order, ["new", "old", "pending", "other key"]);
}

#[test]
fn the_first_that_fits_and_is_ours_is_taken_and_no_more_is_read_than_that_needs() {
    let (tagging, request) = (tagging(), by_dns());
    let wanted = Wanted::of(&request, &tagging);
    let tagged = |ours: bool| {
        let tags = if ours { tagging.wanted().clone() } else { BTreeMap::new() };
        Certificate { tags: Some(tags), ..listed() }
    };
    let unfit = Certificate { has_more_names: true, ..listed() };
    assert_eq!(choose(&[], &wanted), Choice::Request);
    assert_eq!(choose(std::slice::from_ref(&unfit), &wanted), Choice::Request, "its tags do not matter");
    assert_eq!(choose(&[unfit, listed()], &wanted), Choice::AskTags(1));
    assert_eq!(choose(&[tagged(false)], &wanted), Choice::Request);
    assert_eq!(choose(&[tagged(false), tagged(true)], &wanted), Choice::AskValidation(1));
    let mail = described("EMAIL", Some("example.com"));
    assert_eq!(choose(&[mail, described("DNS", None)], &wanted), Choice::Take(1));
}

#[test]
fn a_record_is_shown_once_and_a_user_in_this_account_is_told_from_aws_own() {
    let record = ValidationRecord { name: "_x.example.com".to_owned(), value: "_y.acm-validations.aws".to_owned() };
    let mut one = described("DNS", None);
    for name in one.validation.iter_mut().flatten() {
        name.record = Some(record.clone());
    }
    assert_eq!(one.records(), [record]);
    one.in_use_by = ["1", "2"].map(|account| format!("arn:aws:elasticloadbalancing:us-east-1:{account}:lb")).into();
    assert_eq!(one.user_in_account("2"), Some(one.in_use_by[1].as_str()));
    assert_eq!(one.user_in_account("3"), None);
}
