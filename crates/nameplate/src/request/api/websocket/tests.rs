//! WebSocket APIs that are taken and refused.

use serde_json::{Value, json};

use super::*;
use crate::request::Request;

const FUNCTION: &str = "arn:aws:lambda:us-east-1:123456789012:function:f";

fn with(more: &Value) -> Result<Request, StepError> {
    let mut api = json!({"protocol": "WEBSOCKET", "routes": [{"route": "ask", "lambda": FUNCTION}]});
    api.as_object_mut().expect("an object").extend(more.as_object().expect("an object").clone());
    Request::parse(&json!({"domainName": "example.com", "api": api}))
}

/// The same with one route, to a URL, that has more fields.
fn route(key: &str, more: &Value) -> Result<Request, StepError> {
    let mut route = json!({"route": key, "url": "https://a.example/"});
    route.as_object_mut().expect("an object").extend(more.as_object().expect("an object").clone());
    with(&json!({"routes": [route]}))
}

#[test]
fn a_message_names_its_route_where_the_request_says_or_in_its_action() {
    let request = with(&json!({})).expect("valid");
    assert_eq!(request.api.route_selection_expression.as_deref(), Some("$request.body.action"));
    let again = Request::parse(&serde_json::to_value(&request).expect("JSON")).expect("read again");
    assert_eq!(again, request);
    let own = with(&json!({"routeSelectionExpression": "$request.body.message.kind"})).expect("valid");
    assert_eq!(own.api.route_selection_expression.as_deref(), Some("$request.body.message.kind"));
    let long = format!("$request.body.{}", "a".repeat(243));
    for bad in ["action", "$request.body", "$request.body.", "$request.header.a", "$request.body.a..b", &long] {
        let error = with(&json!({"routeSelectionExpression": bad})).expect_err("refused");
        assert!(error.reason.starts_with("api.routeSelectionExpression: "), "{error}");
    }
}

#[test]
fn routes_have_keys_of_their_own_kind() {
    for key in ["$connect", "$disconnect", "$default", "ask", "chat/send", "chat:send", "v1.ask-me_now"] {
        let request = route(key, &json!({})).unwrap_or_else(|error| panic!("{key}: {error}"));
        assert_eq!(request.api.routes[0].route.as_str(), key);
    }
    for key in ["", "GET /", "a b", "$other", "a*", "ä", &"a".repeat(129)] {
        let error = route(key, &json!({})).expect_err("refused");
        assert!(error.reason.starts_with("api.routes[0].route: "), "{error}");
    }
    let http = |key: &str| {
        let routes = json!([{"route": key, "lambda": FUNCTION}]);
        Request::parse(&json!({"domainName": "example.com", "api": {"routes": routes}})).expect_err("refused")
    };
    assert!(http("$connect").remedy.contains("WEBSOCKET"));
    assert!(http("ask").remedy.contains("GET /v1/models"));
    let twice = json!([{"route": "ask", "lambda": FUNCTION}, {"route": "ask", "url": "https://a.example/"}]);
    assert!(with(&json!({"routes": twice})).expect_err("refused").reason.contains("api.routes[1].route"));
}

#[test]
fn what_a_websocket_api_does_not_have_is_refused_by_name_with_a_way_out() {
    let jwt = json!({"jwt": {"issuer": "https://login.example.com", "audience": ["a"]}});
    let lambda = json!({"lambda": {"function": FUNCTION, "ttl": 60}});
    for (result, field, remedy) in [
        (with(&json!({"cors": {"allowOrigins": ["*"]}})), "api.cors", "Origin"),
        (with(&json!({"authorizer": "IAM"})), "api.authorizer", "$connect"),
        (route("ask", &json!({"authorizer": "IAM"})), "api.routes[0].authorizer", "$connect"),
        (route("ask", &json!({"authorizer": "NONE"})), "api.routes[0].authorizer", "$connect"),
        (route("$connect", &json!({"authorizer": jwt})), "api.routes[0].authorizer.jwt", "lambda"),
        (route("$connect", &json!({"authorizer": lambda})), "api.routes[0].authorizer.lambda.ttl", "leave"),
        (route("ask", &json!({"scopes": ["a"]})), "api.routes[0].scopes", "$connect"),
        (route("ask", &json!({"path": "/a"})), "api.routes[0].path", "url"),
    ] {
        let error = result.expect_err("refused");
        assert!(error.reason.starts_with(&format!("{field}: ")) && error.remedy.contains(remedy), "{error}");
    }
    let http =
        json!({"routes": [{"route": "GET /", "lambda": FUNCTION}], "routeSelectionExpression": "$request.body.a"});
    let error = Request::parse(&json!({"domainName": "example.com", "api": http})).expect_err("refused");
    assert!(error.reason.starts_with("api.routeSelectionExpression: "), "{error}");
}

#[test]
fn who_connects_can_be_asked_for_credentials_or_by_a_function_that_answers_with_a_policy() {
    assert!(route("$connect", &json!({"authorizer": "IAM"})).is_ok());
    let asked = route("$connect", &json!({"authorizer": {"lambda": {"function": FUNCTION}}})).expect("valid");
    let Some(Authorizer::Lambda(lambda)) = &asked.api.routes[0].authorizer else { panic!("{asked:?}") };
    assert!(!lambda.simple_responses);
    let again = Request::parse(&serde_json::to_value(&asked).expect("JSON")).expect("read again");
    assert_eq!(again, asked);
}
