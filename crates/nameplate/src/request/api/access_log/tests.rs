//! Access logs that are taken and refused.

use serde_json::{Value, json};

use super::*;
use crate::request::Request;

fn with(log: &Value) -> Result<Request, StepError> {
    let routes = json!([{"route": "GET /", "url": "https://a.example/"}]);
    Request::parse(&json!({"domainName": "example.com", "api": {"routes": routes, "accessLog": log}}))
}

#[test]
fn lines_are_kept_for_days_that_cloudwatch_logs_knows() {
    for days in RETENTION_DAYS {
        assert!(with(&json!({"retentionDays": days})).is_ok(), "{days}");
    }
    for (days, next) in [(0, "give 1,"), (29, "give 30,"), (4_000, "give 3653,"), (-1, "give 1,")] {
        let error = with(&json!({"retentionDays": days})).expect_err("refused");
        assert!(error.reason.starts_with("api.accessLog.retentionDays: ") && error.remedy.starts_with(next), "{error}");
    }
    assert!(with(&json!({})).expect_err("refused").reason.contains("missing field"));
}
