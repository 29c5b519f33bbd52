//! Routes and integrations wanted against those that stand.

use super::*;
use serde_json::json;

fn request(routes: serde_json::Value) -> Request {
    Request::parse(&json!({"domainName": "example.com", "api": {"routes": routes}})).expect("valid")
}

fn observed(id: &str, key: &str, integration: &str) -> ObservedRoute {
    ObservedRoute {
        id: id.into(),
        key: key.into(),
        integration_id: Some(integration.into()),
        access: ObservedAccess::default(),
    }
}

fn url(id: &str, url: &str) -> ObservedIntegration {
    ObservedIntegration { id: id.into(), target: Some(Target::url(url)) }
}

#[test]
fn an_api_that_is_as_wanted_needs_no_change() {
    let wanted = request(json!([{"route": "GET /", "url": "https://a.example/"}]));
    let changes = route_changes(&wanted, &[observed("r1", "GET /", "i1")], &[url("i1", "https://a.example/")], &[]);
    assert!(changes.is_empty(), "{changes:?}");
}

#[test]
fn missing_moved_and_foreign_routes_are_found() {
    let wanted = request(json!([
        {"route": "GET /", "url": "https://a.example/"},
        {"route": "POST /", "url": "https://b.example/"}
    ]));
    let changes = route_changes(
        &wanted,
        &[observed("r1", "GET /", "i1"), observed("r9", "PUT /", "i1")],
        &[url("i1", "https://old.example/"), url("i2", "https://b.example/")],
        &[],
    );
    assert_eq!(changes.create, [("POST /".to_owned(), Target::url("https://b.example/"))]);
    assert_eq!(changes.retarget, [("r1".to_owned(), "GET /".to_owned(), Target::url("https://a.example/"))]);
    assert_eq!(changes.remove, ["r9"]);
    assert_eq!(changes.integrations.get(&Target::url("https://b.example/")).map(String::as_str), Some("i2"));
}

#[test]
fn a_function_is_lost_with_any_of_its_routes_and_not_by_what_else_changes_of_them() {
    let function = |name: &str| format!("arn:aws:lambda:us-east-1:123456789012:function:{name}");
    let calls =
        |id: &str, name: &str| ObservedIntegration { id: id.into(), target: Some(Target::Lambda(function(name))) };
    let wanted = request(json!([
        {"route": "GET /kept", "lambda": function("kept"), "authorizer": "IAM"},
        {"route": "GET /moved", "lambda": function("other")},
        {"route": "GET /url", "url": "https://b.example/"}
    ]));
    let routes = [
        observed("r1", "GET /kept", "i1"),
        observed("r2", "GET /moved", "i2"),
        observed("r3", "GET /gone", "i3"),
        observed("r4", "GET /url", "i4"),
    ];
    let integrations =
        [calls("i1", "kept"), calls("i2", "moved"), calls("i3", "gone"), url("i4", "https://a.example/")];
    let changes = route_changes(&wanted, &routes, &integrations, &[]);
    assert_eq!(changes.lost, BTreeSet::from([function("gone"), function("moved")]));
    assert_eq!(changes.retarget.len(), 3, "who may call the kept one changes too");
}

#[test]
fn a_message_goes_by_post_with_headers_of_its_own_and_a_function_gets_the_older_payload() {
    let wanted = Request::parse(&json!({"domainName": "example.com", "api": {"protocol": "WEBSOCKET", "routes": [
        {"route": "$connect", "url": "https://a.example/", "headers": {"x-from": "$request.header.origin"}},
        {"route": "ask", "url": "https://a.example/", "headers": {
            "x-tenant": "acme", "x-connection": "$context.connectionId", "x-model": "$request.body.model"}},
        {"route": "run", "lambda": "arn:aws:lambda:us-east-1:123456789012:function:f"}
    ]}}))
    .expect("valid");
    let targets: Vec<Target> =
        wanted.api.routes.iter().filter_map(|route| Target::of(Protocol::WebSocket, route)).collect();
    let mapping = |pairs: &[(&str, &str)]| -> BTreeMap<String, String> {
        let name = |name: &str| format!("integration.request.header.{name}");
        pairs.iter().map(|(header, value)| (name(header), (*value).to_owned())).collect()
    };
    let to = |pairs| Target::Url { uri: "https://a.example/".into(), mapping: mapping(pairs) };
    assert_eq!(targets[0], to(&[("x-from", "route.request.header.origin")]));
    let values =
        [("x-tenant", "'acme'"), ("x-connection", "context.connectionId"), ("x-model", "route.request.body.model")];
    assert_eq!(targets[1], to(&values));

    // As API Gateway gives them back; what an HTTP API has is none of a WebSocket API's.
    let fields = |kind, payload, method, mapping| IntegrationFields {
        kind: Some(kind),
        uri: Some(if kind == "AWS_PROXY" { targets[2].uri() } else { "https://a.example/" }),
        method: Some(method),
        payload: Some(payload),
        connection: None,
        mapping,
    };
    let here = Protocol::WebSocket;
    assert_eq!(fields("HTTP_PROXY", "1.0", "POST", mapping(&values)).target(here).as_ref(), Some(&targets[1]));
    assert_eq!(fields("AWS_PROXY", "1.0", "POST", BTreeMap::new()).target(here).as_ref(), Some(&targets[2]));
    assert_eq!(fields("HTTP_PROXY", "1.0", "ANY", BTreeMap::new()).target(here), None);
    assert_eq!(fields("AWS_PROXY", "2.0", "POST", BTreeMap::new()).target(here), None);
    assert_eq!(fields("AWS_PROXY", "1.0", "POST", BTreeMap::new()).target(Protocol::Http), None);
}

#[test]
fn a_route_without_a_readable_integration_is_pointed_anew() {
    let wanted = request(json!([{"route": "GET /", "url": "https://a.example/"}]));
    let lost =
        ObservedRoute { id: "r1".into(), key: "GET /".into(), integration_id: None, access: ObservedAccess::default() };
    assert_eq!(route_changes(&wanted, &[lost], &[], &[]).retarget.len(), 1);
}

#[test]
fn routes_to_one_url_with_other_mappings_have_targets_of_their_own() {
    let wanted = request(json!([
        {"route": "GET /a", "url": "https://a.example/", "headers": {"x-tenant": "acme", "x-debug": null}},
        {"route": "GET /b", "url": "https://a.example/", "path": "/v1/${request.path.id}"},
        {"route": "GET /c", "url": "https://a.example/"}
    ]));
    let targets: Vec<Target> = wanted.api.routes.iter().filter_map(|route| Target::of(Protocol::Http, route)).collect();
    assert_eq!(targets.iter().collect::<std::collections::BTreeSet<_>>().len(), 3);
    let pairs = |pairs: &[(&str, &str)]| pairs.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
    let headers: BTreeMap<String, String> =
        pairs(&[("overwrite:header.x-tenant", "acme"), ("remove:header.x-debug", REMOVED)]);
    assert_eq!(targets[0], Target::Url { uri: "https://a.example/".into(), mapping: headers.clone() });

    // As API Gateway gives it back, whatever stands beside a removal; then a mapping that was changed by hand.
    let read = |mapping: BTreeMap<String, String>| {
        let fields = IntegrationFields {
            kind: Some("HTTP_PROXY"),
            uri: Some("https://a.example/"),
            method: Some("ANY"),
            payload: Some(URL_PAYLOAD),
            connection: None,
            mapping,
        };
        fields.target(Protocol::Http).expect("a target")
    };
    let given = pairs(&[("overwrite:header.x-tenant", "acme"), ("remove:header.x-debug", "")]);
    assert_eq!(read(given), targets[0]);
    assert_ne!(read(pairs(&[("overwrite:header.x-tenant", "other")])), targets[0]);
    assert_eq!(read(BTreeMap::new()), targets[2]);
}
