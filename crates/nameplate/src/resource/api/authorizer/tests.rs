//! Authorizers wanted against those that stand.

use super::*;
use crate::resource::api::{ObservedIntegration, ObservedRoute, Target, route_changes};
use serde_json::{Value, json};

fn request(authorizer: &Value, scopes: &Value) -> Request {
    let route = json!({"route": "GET /", "url": "https://a.example/", "authorizer": authorizer, "scopes": scopes});
    Request::parse(&json!({"domainName": "example.com", "api": {"routes": [route]}})).expect("valid")
}

fn jwt(audience: &str) -> Value {
    json!({"jwt": {"issuer": "https://login.example.com", "audience": [audience]}})
}

fn spec(audience: &str) -> AuthorizerSpec {
    let request = request(&jwt(audience), &json!([]));
    AuthorizerSpec::of(Protocol::Http, request.api.routes[0].authorizer.as_ref().expect("one")).expect("a JWT")
}

fn there(id: &str, named: &AuthorizerSpec, holds: AuthorizerSpec) -> ObservedAuthorizer {
    ObservedAuthorizer { id: id.into(), name: named.name(), spec: Some(holds) }
}

fn changes(
    request: &Request,
    access: ObservedAccess,
    authorizers: &[ObservedAuthorizer],
) -> super::super::RouteChanges {
    let route = ObservedRoute { id: "r1".into(), key: "GET /".into(), integration_id: Some("i1".into()), access };
    let integration = ObservedIntegration { id: "i1".into(), target: Some(Target::url("https://a.example/")) };
    route_changes(request, &[route], &[integration], authorizers)
}

fn by(kind: &str, id: &str, scopes: &[&str]) -> ObservedAccess {
    ObservedAccess {
        kind: Some(kind.into()),
        authorizer_id: Some(id.into()),
        scopes: scopes.iter().map(|scope| (*scope).to_owned()).collect(),
    }
}

#[test]
fn a_route_that_is_closed_as_wanted_needs_no_change() {
    let wanted = request(&jwt("a"), &json!(["read"]));
    let found = changes(&wanted, by("JWT", "x", &["read"]), &[there("x", &spec("a"), spec("a"))]);
    assert!(found.is_empty(), "{found:?}");
}

#[test]
fn every_difference_in_who_may_call_is_seen() {
    let authorizers = [there("x", &spec("a"), spec("a"))];
    let wanted = request(&jwt("a"), &json!(["read"]));
    for access in [
        ObservedAccess::default(),
        by("JWT", "x", &[]),
        by("JWT", "gone", &["read"]),
        by("CUSTOM", "x", &["read"]),
        by("AWS_IAM", "x", &["read"]),
    ] {
        assert_eq!(changes(&wanted, access.clone(), &authorizers).retarget.len(), 1, "{access:?}");
    }
    // An id that a route keeps while nobody is asked means nothing.
    assert!(changes(&request(&json!("NONE"), &json!([])), by("NONE", "x", &[]), &[]).is_empty());
    assert_eq!(changes(&request(&json!("IAM"), &json!([])), by("NONE", "x", &[]), &[]).retarget.len(), 1);
}

#[test]
fn a_changed_authorizer_is_a_new_one_and_one_changed_by_hand_is_put_right() {
    let wanted = request(&jwt("b"), &json!([]));
    let found = changes(&wanted, by("JWT", "x", &[]), &[there("x", &spec("a"), spec("a"))]);
    assert_eq!(found.authorizers.create, [spec("b")]);
    assert_eq!(found.authorizers.remove, ["x"]);
    assert_eq!(found.access.get("GET /").map(Access::kind), Some("JWT"));

    let found = changes(&wanted, by("JWT", "x", &[]), &[there("x", &spec("b"), spec("other"))]);
    assert_eq!(found.authorizers.update, [("x".to_owned(), spec("b"))]);
    assert!(found.retarget.is_empty() && found.authorizers.remove.is_empty());
}

#[test]
fn a_function_is_known_by_the_arn_inside_the_authorizers_uri() {
    let function = "arn:aws:lambda:us-east-1:123456789012:function:may-call";
    let wanted = request(&json!({"lambda": {"function": function, "ttl": 60}}), &json!([]));
    let uri = format!("arn:aws:apigateway:us-east-1:lambda:path/2015-03-31/functions/{function}/invocations");
    let sources = ["$request.header.Authorization".to_owned()];
    let read = |ttl| {
        AuthorizerFields {
            kind: Some("REQUEST"),
            sources: &sources,
            uri: Some(&uri),
            payload: Some("2.0"),
            ttl: Some(ttl),
            simple: Some(true),
            ..AuthorizerFields::default()
        }
        .spec()
    };
    let spec = AuthorizerSpec::of(Protocol::Http, wanted.api.routes[0].authorizer.as_ref().expect("one"));
    assert_eq!(read(60), spec);
    assert_ne!(read(61), spec);
}

#[test]
fn the_function_that_a_websocket_api_asks_has_sources_of_another_spelling_and_no_payload_format() {
    let function = "arn:aws:lambda:us-east-1:123456789012:function:may-connect";
    let authorizer = json!({"lambda": {"function": function, "identitySources": ["$request.querystring.token"]}});
    let route = json!({"route": "$connect", "url": "https://a.example/", "authorizer": authorizer});
    let api = json!({"protocol": "WEBSOCKET", "routes": [route]});
    let wanted = Request::parse(&json!({"domainName": "example.com", "api": api})).expect("valid");
    let Access::By { authorizer: spec, .. } = Access::of(&wanted, &wanted.api.routes[0]) else { panic!("by whom?") };
    assert_eq!((spec.payload(), spec.function()), (None, Some(function)));
    let sources = ["route.request.querystring.token".to_owned()];
    let uri = format!("arn:aws:apigateway:us-east-1:lambda:path/2015-03-31/functions/{function}/invocations");
    let read = |payload| {
        AuthorizerFields {
            kind: Some("REQUEST"),
            sources: &sources,
            uri: Some(&uri),
            payload,
            simple: Some(false),
            ..AuthorizerFields::default()
        }
        .spec()
    };
    assert_eq!(read(None), Some(spec));
    assert_eq!(read(Some("2.0")), None);
}
