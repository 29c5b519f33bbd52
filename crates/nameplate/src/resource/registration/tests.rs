//! Registrations wanted against those that stand.

use super::*;
use crate::resource::difference::{any, shown};
use serde_json::{Value, json};

fn request(auto_renew: Value) -> Request {
    let mut registration = json!({"maxPrice": {"amount": 15.0, "currency": "USD"}});
    if !auto_renew.is_null() {
        registration["autoRenew"] = auto_renew;
    }
    let document = json!({
        "domainName": "example.com",
        "registration": registration,
        "api": {"routes": [{"route": "GET /", "url": "https://backend.example.net/"}]},
        "tags": {"team": "x"},
    });
    Request::parse(&document).expect("a valid request")
}

fn tagging() -> Tagging {
    let request = request(Value::Null);
    Tagging::new(&request.tags, &request.domain_name, "nameplate", &["cost".to_owned()])
}

fn standing() -> RegisteredDomain {
    RegisteredDomain { auto_renew: Some(true), tags: Some(tagging().wanted().clone()), ..RegisteredDomain::default() }
}

fn fields(standing: Option<&RegisteredDomain>, auto_renew: Option<bool>) -> Vec<String> {
    let tagging = tagging();
    let differences = differences(standing, &Wanted { auto_renew, tagging: Some(&tagging) });
    let line =
        |change: crate::contract::result::FieldChange| format!("{} {} {}", change.field, change.before, change.after);
    shown(&differences).into_iter().map(line).collect()
}

#[test]
fn renewal_is_changed_only_where_the_request_says_so_and_aws_shows_it() {
    assert!(fields(Some(&standing()), None).is_empty());
    assert!(fields(Some(&standing()), Some(true)).is_empty());
    assert_eq!(fields(Some(&standing()), Some(false)), ["autoRenew true false"]);
    let silent = RegisteredDomain { auto_renew: None, ..standing() };
    assert!(fields(Some(&silent), Some(false)).is_empty());
}

#[test]
fn each_tag_is_seen_by_itself_and_those_of_others_are_none_of_ours() {
    let with = |change: fn(&mut BTreeMap<String, String>)| {
        let mut domain = standing();
        change(domain.tags.as_mut().expect("tags"));
        fields(Some(&domain), None)
    };
    assert_eq!(with(|tags| drop(tags.remove("team"))), [r#"tags.team null "x""#]);
    assert_eq!(with(|tags| drop(tags.insert("cost".into(), "1".into()))), [r#"tags.cost "1" null"#]);
    assert!(with(|tags| drop(tags.insert("theirs".into(), "1".into()))).is_empty());
    let bare = RegisteredDomain { tags: Some(BTreeMap::new()), ..standing() };
    assert!(differences(Some(&bare), &Wanted { auto_renew: None, tagging: None }).is_empty(), "not bought");
}

#[test]
fn a_name_that_is_bought_gets_all_of_it() {
    for attribute in RegistrationAttribute::VARIANTS {
        let tagging = tagging();
        let all = differences(None, &Wanted { auto_renew: None, tagging: Some(&tagging) });
        assert!(any(&all, &[*attribute]), "{attribute:?}");
    }
    assert_eq!(fields(None, None)[0], "autoRenew null true");
    assert_eq!(fields(None, Some(false))[0], "autoRenew null false");
}

#[test]
fn the_renewal_of_somebody_elses_name_is_refused() {
    let theirs = BTreeMap::from([(tags::STACK.to_owned(), "other.eu-west-1".to_owned())]);
    let said = request(json!(false));
    let refused = check_renewal(&said, &theirs, "nameplate").expect_err("another stack's");
    assert_eq!(refused.code, "OtherStack");
    assert!(refused.reason.contains("other.eu-west-1"), "{}", refused.reason);
    check_renewal(&Request { adopt: true, ..said.clone() }, &theirs, "nameplate").expect("taken over");
    check_renewal(&said, &BTreeMap::new(), "nameplate").expect("bought by hand");
    check_renewal(&said, standing().tags.as_ref().expect("tags"), "nameplate").expect("ours");

    assert_eq!(check_renewal_elsewhere(&said).expect_err("elsewhere").code, "NotRegisteredHere");
    check_renewal_elsewhere(&request(Value::Null)).expect("not said");
}

#[test]
fn a_name_on_client_hold_is_suspended() {
    let with = |status: &str| RegisteredDomain { statuses: vec![status.to_owned()], ..standing() };
    assert!(with("clienthold").is_suspended());
    assert!(!with("autoRenewPeriod").is_suspended());
}
