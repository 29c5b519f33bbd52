//! Names, prices and lists.

use super::*;

#[test]
fn names_are_checked_and_lowered() {
    let name = |name: &str| name_of(&json!({ "DomainName": name }), "DomainName").ok();
    assert_eq!(name("Example.COM.").as_deref(), Some("example.com"));
    for bad in ["com", "", "a..com", "-a.com", "a-.com", "a_b.com", "é.com", &format!("{}.com", "a".repeat(64))] {
        assert_eq!(name(bad), None, "{bad}");
    }
}

#[test]
fn prices_come_by_tld_or_in_pages() {
    let one = list_prices(&json!({ "Tld": "com" })).ok().unwrap();
    assert_eq!(one["Prices"][0]["RegistrationPrice"], json!({ "Price": 15.0, "Currency": "USD" }));
    assert_eq!(list_prices(&json!({ "Tld": "museum" })).err().map(|error| error.code), Some("UnsupportedTLD"));
    assert_eq!(
        list_prices(&json!({ "Tld": "com", "MaxItems": 1 })).err().map(|error| error.code),
        Some("InvalidInput")
    );
    let first = list_prices(&json!({ "MaxItems": 10 })).ok().unwrap();
    assert_eq!(first["Prices"].as_array().unwrap().len(), 10);
    let rest = list_prices(&json!({ "MaxItems": 10, "Marker": first["NextPageMarker"] })).ok().unwrap();
    assert_eq!(rest["Prices"].as_array().unwrap().len(), 6);
    assert!(rest["NextPageMarker"].is_null());
}

#[test]
fn operations_are_filtered_and_paged() {
    let mut registry = Registry::default();
    for at in 0..30 {
        let kind = if at % 3 == 0 { "UPDATE_NAMESERVER" } else { "REGISTER_DOMAIN" };
        let id = registry.submit(&format!("a{at}.com"), kind, f64::from(at));
        if at % 2 == 0 {
            registry.finish(&id, Ending::Successful, None, f64::from(at));
        }
    }
    let list = |input: Value| list_operations(&registry, &input).ok().unwrap();
    let count = |output: &Value| output["Operations"].as_array().unwrap().len();
    let first = list(json!({}));
    assert_eq!((count(&first), first["NextPageMarker"].as_str()), (20, Some("20")));
    assert_eq!(count(&list(json!({ "Marker": "20" }))), 10);
    assert_eq!(count(&list(json!({ "SubmittedSince": 25.0 }))), 5);
    assert_eq!(count(&list(json!({ "Type": ["UPDATE_NAMESERVER"], "Status": ["SUBMITTED"] }))), 5);
    assert_eq!(list(json!({ "SortOrder": "DESC", "MaxItems": 1 }))["Operations"][0]["DomainName"], "a29.com");
    assert!(list_operations(&registry, &json!({ "MaxItems": 101 })).is_err());
}
