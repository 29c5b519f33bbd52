//! Existing APIs that are taken and refused.

use serde_json::{Value, json};

use crate::StepError;
use crate::request::Request;

fn with(api: &Value) -> Result<Request, StepError> {
    Request::parse(&json!({"domainName": "example.com", "api": api}))
}

fn existing() -> Value {
    json!({"existing": {"apiId": "a1b2c3d4e5", "stage": "$default"}})
}

#[test]
fn an_existing_api_needs_no_routes_and_is_read_again_as_the_same() {
    let request = with(&existing()).expect("valid");
    let api = request.api.existing.as_ref().expect("one");
    assert_eq!((api.api_id.as_str(), api.stage.as_str()), ("a1b2c3d4e5", "$default"));
    assert_eq!((request.api.protocol, request.api.routes.len()), (None, 0));
    let printed = serde_json::to_value(&request).expect("JSON");
    assert_eq!((&printed["api"]["protocol"], &printed["api"]["routes"]), (&Value::Null, &Value::Null));
    assert_eq!(Request::parse(&printed).expect("read again"), request);
    assert_eq!(request.hostname(), "api.example.com");
}

#[test]
fn whatever_would_change_it_is_refused_by_name() {
    for (field, value) in [
        ("routes", json!([{"route": "GET /", "url": "https://a.example/"}])),
        ("protocol", json!("HTTP")),
        ("routeSelectionExpression", json!("$request.body.action")),
        ("allowHttp", json!(true)),
        ("authorizer", json!("NONE")),
        ("cors", json!({"allowOrigins": ["*"]})),
        ("throttle", json!({"rate": 1, "burst": 1})),
        ("accessLog", json!({"retentionDays": 30})),
        ("defaultEndpoint", json!("closed")),
    ] {
        let mut api = existing();
        api[field] = value;
        let error = with(&api).expect_err("refused");
        assert!(error.reason.starts_with(&format!("api.{field}: ")) && error.remedy.contains(field), "{error}");
    }
}

#[test]
fn an_id_and_a_stage_must_be_able_to_be_one() {
    let api = |id: &str, stage: &str| json!({"existing": {"apiId": id, "stage": stage}});
    assert!(with(&api("a1b2c3d4e5", "my-stage_1")).is_ok());
    for (api, field) in [
        (api("", "live"), "api.existing.apiId"),
        (api("a/b", "live"), "api.existing.apiId"),
        (api(&"a".repeat(65), "live"), "api.existing.apiId"),
        (api("a1", ""), "api.existing.stage"),
        (api("a1", "$live"), "api.existing.stage"),
        (api("a1", &"s".repeat(129)), "api.existing.stage"),
        (json!({"existing": {"apiId": "a1"}}), "api.existing"),
        (json!({}), "api.routes"),
    ] {
        let error = with(&api).expect_err("refused");
        assert!(error.reason.starts_with(&format!("{field}: ")), "{api}: {error}");
    }
}
