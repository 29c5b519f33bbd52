//! What may be bought, and for how much.

use super::*;
use crate::Class;

fn registration(cap: f64) -> Registration {
    serde_json::from_value(serde_json::json!({"maxPrice": {"amount": cap, "currency": "USD"}})).expect("valid")
}

fn usd(amount: f64) -> Money {
    Money { amount, currency: "USD".to_owned() }
}

#[test]
fn the_smaller_of_cap_and_budget_rules() {
    assert_eq!(check_price(&registration(15.0), &usd(15.0), 15.0), Ok(()));
    assert_eq!(check_price(&registration(14.99), &usd(15.0), 100.0).expect_err("over").code, "PriceOverCap");
    assert_eq!(check_price(&registration(100.0), &usd(15.0), 14.99).expect_err("over").code, "PriceOverBudget");
    assert_eq!(check_price(&registration(100.0), &usd(0.01), 0.0).expect_err("over").code, "PriceOverBudget");
    // Three times 13.30 is a hair over 39.90 in binary fractions.
    assert_eq!(check_price(&registration(39.9), &usd(13.3 * 3.0), 100.0), Ok(()));
    for odd in [f64::NAN, f64::INFINITY, -1.0] {
        assert!(check_price(&registration(100.0), &usd(odd), 100.0).is_err(), "{odd}");
    }
    let euros = Money { amount: 1.0, currency: "EUR".to_owned() };
    assert_eq!(check_price(&registration(15.0), &euros, 15.0).expect_err("another currency").code, "PriceCurrency");
}

#[test]
fn a_name_that_is_bought_can_be_asked_by_mail_only_if_the_request_brings_the_mail_servers() {
    let request = |validation: &str, records: serde_json::Value| {
        let request = serde_json::json!({
            "domainName": "example.com",
            "certificate": {"validation": validation},
            "api": {"routes": [{"route": "GET /", "url": "https://backend.example.net/"}]},
            "records": records
        });
        Request::parse(&request).expect("valid")
    };
    let record =
        |name: &str, kind: &str, value: &str| serde_json::json!([{"name": name, "type": kind, "values": [value]}]);
    let servers = record("example.com", "MX", "10 mail.example.net");
    assert_eq!(check_mailboxes(&request("EMAIL", servers)), Ok(()));
    assert_eq!(check_mailboxes(&request("DNS", serde_json::json!([]))), Ok(()));
    for records in [
        serde_json::json!([]),
        record("mail.example.com", "MX", "10 mail.example.net"),
        record("example.com", "TXT", "10 mail.example.net"),
        record("example.com", "MX", "0 ."),
    ] {
        let refused = check_mailboxes(&request("EMAIL", records)).expect_err("nobody reads");
        assert_eq!((refused.class, refused.code.as_str()), (Class::Refused, "NoMailboxes"));
        assert!(refused.reason.contains("admin@example.com") && refused.remedy.contains("MX"), "{refused}");
    }
}

#[test]
fn a_budget_that_is_no_amount_buys_nothing() {
    assert_eq!(budget("50"), Ok(50.0));
    for odd in ["", "NaN", "inf", "-1", "50 USD"] {
        assert!(budget(odd).is_err(), "{odd}");
    }
}

#[test]
fn only_an_available_name_can_be_bought() {
    assert_eq!(check_availability("example.com", Some("AVAILABLE")), Ok(()));
    for (said, class) in [
        (None, Class::Retryable),
        (Some("PENDING"), Class::Retryable),
        (Some("DONT_KNOW"), Class::NotReady),
        (Some("UNAVAILABLE"), Class::Refused),
        (Some("UNAVAILABLE_PREMIUM"), Class::Refused),
        (Some("AVAILABLE_RESERVED"), Class::Refused),
        (Some("SOMETHING_NEW"), Class::Refused),
    ] {
        assert_eq!(check_availability("example.com", said).expect_err("not available").class, class, "{said:?}");
    }
}

#[test]
fn errors_about_a_contact_never_show_it() {
    for text in [None, Some("MARK"), Some(r#"{"phoneNumber": "MARK", "countryCode": "US"}"#)] {
        let error = contact("nameplate/contact", text.map(SecretString::from)).err().expect("no contact");
        assert_eq!(error.class, Class::InvalidRequest);
        assert!(error.reason.contains("nameplate/contact") && !format!("{error:?}").contains("MARK"), "{error:?}");
    }
}
