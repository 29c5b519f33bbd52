//! Targets of routes, and integrations that nothing leads to.

use serde_json::{Value, json};

use super::*;
use crate::resource::api::{Route as StandingRoute, route_differences};

fn request(api: Value) -> Request {
    Request::parse(&json!({"domainName": "example.com", "api": api})).expect("valid")
}

fn targets(api: Value) -> Vec<Target> {
    let request = request(api);
    request.api.routes.iter().map(|route| Target::of(request.api.protocol(), route)).collect()
}

fn pairs(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
}

/// As API Gateway gives an integration back.
fn given(kind: &str, uri: &str, method: &str, payload: &str, mapping: &[(&str, &str)]) -> Target {
    Target {
        kind: kind.into(),
        uri: uri.into(),
        method: Some(method.into()),
        payload: Some(payload.into()),
        vpc_link: None,
        mapping: pairs(mapping),
    }
    .normal()
}

#[test]
fn routes_to_one_url_with_other_mappings_have_targets_of_their_own() {
    let wanted = targets(json!({"routes": [
        {"route": "GET /a", "url": "https://a.example/", "headers": {"x-tenant": "acme", "x-debug": null}},
        {"route": "GET /b", "url": "https://a.example/", "path": "/v1/${request.path.id}"},
        {"route": "GET /c", "url": "https://a.example/"}
    ]}));
    assert_eq!(wanted.iter().collect::<BTreeSet<_>>().len(), 3);
    let headers = pairs(&[("overwrite:header.x-tenant", "acme"), ("remove:header.x-debug", REMOVED)]);
    assert_eq!(wanted[0].mapping, headers);
    assert_eq!(wanted[1].mapping, pairs(&[("overwrite:path", "/v1/${request.path.id}")]));

    // Whatever stands beside a removal; then a mapping that was changed by hand.
    let read = |mapping| given(HTTP_PROXY, "https://a.example/", "ANY", "1.0", mapping);
    assert_eq!(read(&[("overwrite:header.x-tenant", "acme"), ("remove:header.x-debug", "")]), wanted[0]);
    assert_ne!(read(&[("overwrite:header.x-tenant", "other")]), wanted[0]);
    assert_eq!(read(&[]), wanted[2]);
}

#[test]
fn a_message_goes_by_post_with_headers_of_its_own_and_a_function_gets_the_older_payload() {
    let function = "arn:aws:lambda:us-east-1:123456789012:function:f";
    let wanted = targets(json!({"protocol": "WEBSOCKET", "routes": [
        {"route": "$connect", "url": "https://a.example/", "headers": {"x-from": "$request.header.origin"}},
        {"route": "ask", "url": "https://a.example/", "headers": {
            "x-tenant": "acme", "x-connection": "$context.connectionId", "x-model": "$request.body.model"}},
        {"route": "run", "lambda": function}
    ]}));
    assert_eq!(wanted[0].mapping, pairs(&[("integration.request.header.x-from", "route.request.header.origin")]));
    let values = [
        ("integration.request.header.x-tenant", "'acme'"),
        ("integration.request.header.x-connection", "context.connectionId"),
        ("integration.request.header.x-model", "route.request.body.model"),
    ];
    assert_eq!(given(HTTP_PROXY, "https://a.example/", "POST", "1.0", &values), wanted[1]);
    let uri = format!("arn:aws:apigateway:us-east-1:lambda:path/2015-03-31/functions/{function}/invocations");
    for uri in [uri.as_str(), function] {
        assert_eq!(given(AWS_PROXY, uri, "POST", "1.0", &[]), wanted[2]);
        assert_ne!(given(AWS_PROXY, uri, "POST", "2.0", &[]), wanted[2]);
    }
    // What an HTTP API has is none of a WebSocket API's.
    assert_ne!(given(HTTP_PROXY, "https://a.example/", "ANY", "1.0", &values), wanted[1]);
}

#[test]
fn only_integrations_that_no_route_will_lead_to_are_unused_and_only_those_that_none_leads_to_are_left_over() {
    let request = request(json!({"routes": [
        {"route": "GET /kept", "url": "https://kept.example/"}, {"route": "GET /moved", "url": "https://new.example/"}
    ]}));
    let integration =
        |id: &str, url: &str| Integration { id: id.into(), target: given(HTTP_PROXY, url, "ANY", "1.0", &[]) };
    let route = |key: &str, integration: &str| StandingRoute {
        key: key.into(),
        integration_id: Some(integration.into()),
        ..StandingRoute::default()
    };
    let standing = Standing {
        routes: vec![route("GET /kept", "kept"), route("GET /moved", "old"), route("GET /gone", "gone")],
        integrations: vec![
            integration("kept", "https://kept.example/"),
            integration("old", "https://old.example/"),
            integration("gone", "https://gone.example/"),
            integration("ready", "https://new.example/"),
            integration("again", "https://new.example/"),
            integration("twin", "https://kept.example/"),
        ],
        ..Standing::default()
    };
    let routes = route_differences(&standing, &request);
    let unused: Vec<&str> = unused(&standing, &request, &routes).iter().map(|one| one.id.as_str()).collect();
    assert_eq!(unused, ["old", "gone", "again", "twin"], "what a cut run made ready is used");
    let left = integration_differences(&standing, &request, &routes);
    assert_eq!(left.iter().filter_map(|one| one.key.as_deref()).collect::<Vec<_>>(), ["again", "twin"]);
}
