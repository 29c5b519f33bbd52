//! The registrant as Route 53 Domains takes it.

use super::*;
use serde_json::{Value, json};

fn contact_in(document: &Value) -> Contact {
    Contact::parse(&document.to_string().into()).unwrap_or_else(|problem| panic!("{problem:?}"))
}

#[test]
fn every_field_of_the_contact_reaches_its_own_field_at_aws() {
    let contact = json!({
        "firstName": "Ada", "lastName": "Example", "contactType": "COMPANY", "organizationName": "Example Ltd",
        "addressLine1": "1 Example Street", "addressLine2": "Floor 2", "city": "Seattle", "state": "WA",
        "countryCode": "US", "zipCode": "98101", "phoneNumber": "+1.2065550100", "fax": "+1.2065550101",
        "email": "ada@example.com", "extraParams": [{"name": "VAT_NUMBER", "value": "XX1"}]
    });
    let expected = ContactDetail::builder()
        .first_name("Ada")
        .last_name("Example")
        .contact_type(ContactType::Company)
        .organization_name("Example Ltd")
        .address_line1("1 Example Street")
        .address_line2("Floor 2")
        .city("Seattle")
        .state("WA")
        .country_code(CountryCode::Us)
        .zip_code("98101")
        .phone_number("+1.2065550100")
        .fax("+1.2065550101")
        .email("ada@example.com")
        .extra_params(ExtraParam::builder().name(ExtraParamName::VatNumber).value("XX1").build().expect("built"))
        .build();
    let detail = detail(&contact_in(&contact));
    assert!(detail == expected);
    let shown = format!("{detail:?}");
    for value in ["Ada", "1 Example Street", "Seattle", "98101", "2065550100", "ada@example.com", "XX1"] {
        assert!(!shown.contains(value), "the SDK shows {value}");
    }
}

#[test]
fn fields_that_the_contact_lacks_are_not_sent() {
    let contact = json!({
        "firstName": "Ada", "lastName": "Example", "addressLine1": "1 Example Street", "city": "Seattle",
        "countryCode": "US", "phoneNumber": "+1.2065550100", "email": "ada@example.com"
    });
    let detail = detail(&contact_in(&contact));
    assert!(detail.state.is_none() && detail.fax.is_none() && detail.extra_params.is_none());
    assert!(detail.contact_type == Some(ContactType::Person));
}
