//! Custom domains and mappings wanted against those that stand.

use super::*;
use crate::DomainName;
use crate::resource::difference::{NOT_YET, shown};
use serde_json::json;

fn tagging() -> Tagging {
    let domain: DomainName = "example.com".parse().expect("a domain");
    Tagging::new(&BTreeMap::from([("team".to_owned(), "x".to_owned())]), &domain, "nameplate", &["cost".to_owned()])
}

fn standing() -> CustomDomain {
    CustomDomain {
        name: "api.example.com".to_owned(),
        certificate_arn: Some("arn:1".to_owned()),
        ip_address_type: Some(IP_ADDRESS_TYPE.to_owned()),
        tags: tagging().wanted().clone(),
        ..CustomDomain::default()
    }
}

fn fields(standing: Option<&CustomDomain>, certificate_arn: Option<&str>) -> Vec<String> {
    let tagging = tagging();
    let differences = differences(standing, &Wanted { certificate_arn, tagging: &tagging });
    shown(&differences)
        .into_iter()
        .map(|change| format!("{} {} {}", change.field, change.before, change.after))
        .collect()
}

#[test]
fn one_that_is_as_wanted_differs_in_nothing() {
    assert!(fields(Some(&standing()), Some("arn:1")).is_empty());
    let silent = CustomDomain { ip_address_type: None, ..standing() };
    assert!(fields(Some(&silent), Some("arn:1")).is_empty(), "AWS shows no type of address");
}

#[test]
fn each_attribute_that_a_run_writes_is_seen_by_itself() {
    let other = |change: fn(&mut CustomDomain)| {
        let mut domain = standing();
        change(&mut domain);
        fields(Some(&domain), Some("arn:1"))
    };
    assert_eq!(other(|domain| domain.certificate_arn = Some("arn:2".to_owned())), [r#"certificate "arn:2" "arn:1""#]);
    assert_eq!(
        other(|domain| domain.ip_address_type = Some("ipv4".to_owned())),
        [r#"ipAddressType "ipv4" "dualstack""#]
    );
    assert_eq!(other(|domain| drop(domain.tags.remove("team"))), [r#"tags.team null "x""#]);
    let former = other(|domain| drop(domain.tags.insert("cost".to_owned(), "1".to_owned())));
    assert_eq!(former, [r#"tags.cost "1" null"#]);
    assert!(other(|domain| drop(domain.tags.insert("theirs".to_owned(), "1".to_owned()))).is_empty());
}

#[test]
fn one_that_is_not_there_is_made_with_all_of_it() {
    let fields = fields(None, None);
    assert!(fields.contains(&format!("certificate null {}", json!(NOT_YET))), "{fields:?}");
    assert!(fields.contains(&r#"ipAddressType null "dualstack""#.to_owned()), "{fields:?}");
}

#[test]
fn a_mapping_is_compared_by_api_and_stage() {
    let mapping = Mapping { id: "m".into(), path: String::new(), api_id: "a1".into(), stage: "$default".into() };
    let differs = |api_id, stage| {
        let found = mapping_differences(Some(&mapping), &WantedMapping { api_id, stage });
        found.into_iter().map(|difference| difference.attribute).collect::<Vec<_>>()
    };
    assert!(differs(Some("a1"), "$default").is_empty());
    assert_eq!(differs(Some("a2"), "$default"), [MappingAttribute::Api]);
    assert_eq!(differs(None, "$default"), [MappingAttribute::Api], "of an API that is yet to be made");
    assert_eq!(differs(Some("a1"), "live"), [MappingAttribute::Stage]);
    assert_eq!(mapping_differences(None, &WantedMapping { api_id: None, stage: "live" }).len(), 2);
    let below = Mapping { path: "v1".into(), ..mapping.clone() };
    assert_eq!(root(&[below, mapping.clone()]), Some(&mapping));
}
