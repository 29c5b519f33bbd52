//! Sources of calls.

use super::*;

#[test]
fn the_source_of_a_call_is_scoped_to_method_and_path_or_to_the_key() {
    for (stage, key, below) in [
        ("$default", "$default", "$default/$default"),
        ("$default", "GET /", "$default/GET/"),
        ("$default", "ANY /{proxy+}", "$default/*/*"),
        ("$default", "POST /v1/models/{id}/run", "$default/POST/v1/models/*/run"),
        ("live", "$connect", "live/$connect"),
        ("live", "chat:send", "live/chat:send"),
    ] {
        assert_eq!(source(stage, Authority::Route(key)), below);
    }
    assert_eq!(source("live", Authority::Authorizer("au")), "authorizers/au");
}
