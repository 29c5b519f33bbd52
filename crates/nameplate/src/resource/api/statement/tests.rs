//! Which statements of a policy are about an API.

use serde_json::json;

use super::*;

#[test]
fn only_our_statements_for_this_api_are_found() {
    let statement = |sid: &str, source: &str| json!({"Sid": sid, "Condition": {"ArnLike": {"AWS:SourceArn": source}}});
    let of = |api: &str, rest: &str| format!("arn:aws:execute-api:us-east-1:123456789012:{api}/{rest}");
    let policy = json!({"Statement": [
        statement("nameplate-1", &of("a1", "$default/GET/")),
        statement("nameplate-2", &of("a1", "live/chat:send")),
        statement("nameplate-3", &of("a1", "authorizers/x")),
        statement("nameplate-4", &of("b2", "$default/GET/")),
        statement("by-hand", &of("a1", "$default/GET/")),
        statement("nameplate-5", "arn:aws:s3:::a1"),
        {"Sid": "nameplate-6"},
    ]});
    assert_eq!(statements_for(&policy.to_string(), "a1"), ["nameplate-1", "nameplate-2", "nameplate-3"]);
    assert_eq!(statements_for("", "a1"), [""; 0]);
}
