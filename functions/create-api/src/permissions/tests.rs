//! Sources and ids of statements.

use super::*;

const FUNCTION: &str = "arn:aws:lambda:us-east-1:123456789012:function:list-models";

#[test]
fn the_source_of_a_call_is_scoped_to_method_and_path_or_to_the_key() {
    let settings = Settings {
        stack: "nameplate".into(),
        partition: "aws".into(),
        region: "us-east-1".into(),
        account: "123456789012".into(),
    };
    for (stage, key, scope) in [
        ("$default", "$default", "$default"),
        ("$default", "GET /", "GET/"),
        ("$default", "ANY /{proxy+}", "*/*"),
        ("$default", "POST /v1/models/{id}/run", "POST/v1/models/*/run"),
        ("live", "$connect", "$connect"),
        ("live", "chat:send", "chat:send"),
    ] {
        let wanted = format!("arn:aws:execute-api:us-east-1:123456789012:a1/{stage}/{scope}");
        assert_eq!(source_arn(&settings, "a1", stage, key), wanted);
    }
}

#[test]
fn a_statement_id_is_stable_fits_lambda_and_tells_routes_apart() {
    let id = statement_id("a1", "GET /", FUNCTION);
    assert_eq!(id, statement_id("a1", "GET /", FUNCTION));
    assert!(id.len() <= 100 && id.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-'), "{id}");
    assert_ne!(id, statement_id("a1", "PUT /", FUNCTION));
    assert_ne!(id, statement_id("a2", "GET /", FUNCTION));
    assert_ne!(id, statement_id("a1", &authorizer_key("x"), FUNCTION));
}
