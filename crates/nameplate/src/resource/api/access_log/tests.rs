//! The access log that a request wants, as API Gateway takes it.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::*;
use crate::resource::tags::Tagging;

fn request(api: Value) -> Request {
    Request::parse(&json!({"domainName": "example.com", "api": api})).expect("valid")
}

#[test]
fn a_line_is_json_with_the_requests_id_and_nothing_personal() {
    for protocol in [Protocol::Http, Protocol::WebSocket] {
        let format = log_format(protocol);
        assert!(format.len() <= 1_024, "{} characters", format.len());
        let line: Value = serde_json::from_str(format).expect("JSON");
        let variables: BTreeSet<&str> =
            line.as_object().expect("an object").values().filter_map(Value::as_str).collect();
        assert!(variables.contains("$context.requestId") && variables.iter().all(|v| v.starts_with("$context.")));
        for personal in
            ["identity", "sourceIp", "userAgent", "path", "authorizer", "querystring", "header", "message\""]
        {
            assert!(!variables.iter().any(|variable| variable.contains(personal)), "{protocol:?}: {personal}");
        }
    }
}

#[test]
fn settings_are_known_again_whatever_the_end_of_their_arn() {
    let routes = json!([{"route": "GET /", "url": "https://a.example/"}]);
    let wanted = LogSettings::wanted(&request(json!({"routes": routes, "accessLog": {"retentionDays": 30}})), "np");
    let wanted = wanted.expect("a log");
    assert_eq!(wanted.group, "/aws/vendedlogs/nameplate/np/example.com");
    let arn = format!("arn:aws:logs:us-east-1:123456789012:log-group:{}", wanted.group);
    for arn in [arn.clone(), format!("{arn}:*")] {
        assert_eq!(LogSettings::observed(&arn, &wanted.format), wanted);
    }
    assert_ne!(LogSettings::observed(&arn, "$context.requestId"), wanted);
    assert_ne!(LogSettings::observed("arn:aws:firehose:us-east-1:1:deliverystream/x", &wanted.format), wanted);
    assert_eq!(LogSettings::wanted(&request(json!({"routes": routes})), "np"), None);
}

#[test]
fn a_log_group_that_somebody_else_made_is_refused_by_its_name() {
    let routes = json!([{"route": "GET /", "url": "https://a.example/"}]);
    let request = request(json!({"routes": routes, "accessLog": {"retentionDays": 30}}));
    let tagging = Tagging::new(&request.tags, &request.domain_name, "nameplate", &[]);
    let wanted = Wanted { request: &request, stack: "nameplate", tagging: &tagging };
    let mut group = LogGroup { name: "the group".into(), tags: tagging.wanted().clone(), ..LogGroup::default() };
    assert_eq!(check_log_group(Some(&group), &wanted), Ok(()));
    assert_eq!(check_log_group(None, &wanted), Ok(()));
    group.tags.insert(STACK.to_owned(), "another".to_owned());
    let refusal = check_log_group(Some(&group), &wanted).expect_err("refused");
    assert!(refusal.code == "LogGroupNotOurs" && refusal.reason.contains("the group"), "{refusal}");
}
