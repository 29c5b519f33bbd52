//! The form of route keys.

use super::*;

#[test]
fn route_keys_are_a_method_and_a_path_or_default() {
    for key in
        ["$default", "GET /", "ANY /{proxy+}", "POST /v1/chat/completions", "GET /a/{id}/b", "GET /a/{id}/{rest+}"]
    {
        assert!(is_route_key(key), "{key}");
    }
    for key in ["", "GET", "GET v1", "get /v1", "FETCH /v1", "GET /{rest+}/a", "GET /{}", "GET /a{b}", "GET /a b"] {
        assert!(!is_route_key(key), "{key}");
    }
}
