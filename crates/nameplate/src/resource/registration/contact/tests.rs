//! Contacts that are read and contacts that are refused, without a word of what they hold.

use super::*;
use serde_json::json;

fn ada() -> Value {
    json!({
        "firstName": "Ada", "lastName": "Example", "addressLine1": "1 Example Street", "city": "Seattle",
        "state": "WA", "countryCode": "US", "zipCode": "98101", "phoneNumber": "+1.2065550100",
        "email": "ada@example.com"
    })
}

fn problem_of(change: impl FnOnce(&mut Value)) -> ContactProblem {
    let mut contact = ada();
    change(&mut contact);
    problem_in(&contact.to_string())
}

fn problem_in(secret: &str) -> ContactProblem {
    Contact::parse(&secret.into()).err().expect("a problem")
}

fn valid(contact: &Value) -> Contact {
    Contact::parse(&contact.to_string().into()).unwrap_or_else(|problem| panic!("{problem:?}"))
}

#[test]
fn a_person_needs_no_organisation() {
    let contact = valid(&ada());
    assert_eq!(contact.contact_type, "PERSON");
    assert_eq!(contact.phone_number.expose_secret(), "+1.2065550100");
    assert!(contact.fax.is_none() && contact.organization_name.is_none() && contact.extra_params.is_empty());
}

#[test]
fn a_company_has_its_name_and_what_its_top_level_domain_asks_for() {
    let mut company = ada();
    company["contactType"] = json!("COMPANY");
    company["organizationName"] = json!("Example Ltd");
    company["extraParams"] = json!([{"name": "VAT_NUMBER", "value": "XX1"}]);
    let contact = valid(&company);
    assert_eq!(contact.contact_type, "COMPANY");
    let [(name, value)] = contact.extra_params.as_slice() else { panic!("not one parameter") };
    assert_eq!((name.as_str(), value.expose_secret()), ("VAT_NUMBER", "XX1"));
}

#[test]
fn what_aws_would_refuse_late_is_refused_here() {
    assert_eq!(problem_in("Ada Example").field, "secret");
    assert_eq!(problem_of(|c| c["phoneNumber"] = json!("+12065550100")).field, "phoneNumber");
    assert_eq!(problem_of(|c| c["phoneNumber"] = json!("206.5550100")).field, "phoneNumber");
    assert_eq!(problem_of(|c| c["fax"] = json!("12")).field, "fax");
    assert_eq!(problem_of(|c| c["contactType"] = json!("COMPANY")).field, "organizationName");
    assert_eq!(problem_of(|c| c["contactType"] = json!("ROBOT")).field, "contactType");
    assert_eq!(problem_of(|c| c["countryCode"] = json!("us")).field, "countryCode");
    assert_eq!(problem_of(|c| c["countryCode"] = json!("QQ")).field, "countryCode");
    assert_eq!(problem_of(|c| c["email"] = json!("ada")).field, "email");
    assert_eq!(problem_of(|c| c["city"] = json!(7)).field, "city");
    assert_eq!(problem_of(|c| c["lastName"] = json!(" ")).field, "lastName");
    assert_eq!(problem_of(|c| c["nickName"] = json!("Ada")).field, "secret");
    for odd in [json!({"name": "VAT_NUMBER"}), json!(["VAT_NUMBER"]), json!([{"name": "VAT_NUMBER"}]), json!([7])] {
        assert_eq!(problem_of(|c| c["extraParams"] = odd).field, "extraParams");
    }
}

#[test]
fn a_problem_never_shows_what_the_secret_holds() {
    for broken in [
        "\"MARK\"",
        "{\"MARK\": 1}",
        "{\"firstName\": \"MARK\"}",
        "{\"phoneNumber\": \"MARK\", \"countryCode\": \"US\"}",
        "{\"contactType\": \"MARK\"}",
        "{\"firstName\": \"MARK",
        "MARK",
    ] {
        let problem = problem_in(broken);
        assert!(!format!("{problem:?}").contains("MARK"), "{problem:?}");
    }
    for field in FIELDS {
        let problem = problem_of(|contact| contact[field] = json!({"MARK": "MARK"}));
        assert!(!format!("{problem:?}").contains("MARK"), "{problem:?}");
    }
}
