//! Requests for a retirement that are taken and refused.

use super::*;
use crate::Class;
use serde_json::json;

#[test]
fn a_request_needs_the_name_twice_and_has_careful_defaults() {
    let read = |document: Value| RetireRequest::read(&document.to_string());
    let request = read(json!({"domainName": "Example.COM", "confirm": "example.com."})).expect("the same name");
    assert_eq!(request.domain_name.as_str(), "example.com");
    assert!(!request.dry_run && !request.accept_delegated && request.auto_renew.is_none());
    let whole = json!({
        "version": 1, "domainName": "example.com", "confirm": "example.com", "dryRun": true, "acceptDelegated": true, "autoRenew": "off"
    });
    let request = read(whole.clone()).expect("every field");
    assert_eq!(serde_json::to_value(&request).expect("JSON"), whole);
    assert_eq!(request.auto_renew, Some(AutoRenew::Off));
}

#[test]
fn what_is_wrong_is_named_by_its_field() {
    for (document, field) in [
        (json!({"domainName": "example.com", "confirm": "example.org"}), "confirm: "),
        (json!({"domainName": "example.com", "confirm": ""}), "confirm: "),
        (json!({"domainName": "example.com"}), "request: missing field `confirm`"),
        (json!({"domainName": "co.uk", "confirm": "co.uk"}), "domainName: "),
        (json!({"domainName": "example.com", "confirm": "example.com", "autoRenew": "on"}), "autoRenew: "),
        (json!({"domainName": "example.com", "confirm": "example.com", "version": 2}), "version: 2 is no version"),
        (json!({"domainName": "example.com", "confirm": "example.com", "force": true}), "force: unknown field"),
        (json!({"domainName": "example.com", "confirm": "example.com", "dryRun": "yes"}), "dryRun: "),
        (json!(["example.com", "example.com"]), "request: it is no JSON object"),
    ] {
        let error = RetireRequest::read(&document.to_string()).expect_err("refused");
        assert_eq!(error.class, Class::InvalidRequest, "{document}");
        assert!(error.reason.starts_with(field), "{document}: {}", error.reason);
    }
    let error = RetireRequest::read(&format!(r#"{{"confirm": "{}"}}"#, "x".repeat(70_000))).expect_err("too large");
    assert!(error.reason.contains("more than 65536"), "{}", error.reason);
}
