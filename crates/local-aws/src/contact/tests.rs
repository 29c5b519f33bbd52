//! Contacts with one flaw each.

use serde_json::json;

use super::*;

fn person() -> Value {
    json!({
        "FirstName": "Ada", "LastName": "Example", "ContactType": "PERSON", "AddressLine1": "1 Example Street",
        "City": "Exampleton", "State": "WA", "CountryCode": "US", "ZipCode": "00000",
        "PhoneNumber": "+1.2065550100", "Email": "ada@example.com",
    })
}

fn with(field: &str, value: Value) -> Value {
    let mut contact = person();
    contact[field] = value;
    contact
}

fn flaw(contact: &Value) -> Option<String> {
    check("TechContact", contact).err()
}

#[test]
fn contacts_are_checked_field_by_field_without_repeating_them() {
    assert_eq!(flaw(&person()), None);
    for (contact, field) in [
        (with("PhoneNumber", json!("+12065550100")), "PhoneNumber"),
        (with("PhoneNumber", json!("1.2065550100")), "PhoneNumber"),
        (with("Fax", json!("+1.206 555 0100")), "Fax"),
        (with("ContactType", json!("COMPANY")), "OrganizationName"),
        (with("ContactType", json!("SOMEBODY")), "ContactType"),
        (with("CountryCode", json!("XX")), "CountryCode"),
        (with("CountryCode", json!("us")), "CountryCode"),
        (with("LastName", Value::Null), "LastName"),
        (with("City", json!("")), "City"),
        (with("City", json!("x".repeat(256))), "City"),
        (with("Email", json!("example.com")), "Email"),
    ] {
        let message = flaw(&contact).unwrap_or_else(|| panic!("{field} was let through"));
        assert!(message.starts_with(&format!("TechContact.{field} ")), "{message}");
        assert!(!message.contains("206") && !message.contains("Ada"), "{message}");
    }
    let mut company = with("ContactType", json!("COMPANY"));
    company["OrganizationName"] = json!("Example Company");
    assert_eq!(flaw(&company), None);
}

#[test]
fn country_codes_can_be_searched() {
    assert!(COUNTRY_CODES.is_sorted());
}
