//! Routes wanted against those that stand.

use super::*;
use crate::resource::api::{Authorizer, AuthorizerSpec, Integration, authorizers_of};

fn request(routes: Value) -> Request {
    Request::parse(&json!({"domainName": "example.com", "api": {"routes": routes}})).expect("valid")
}

fn route(key: &str, integration: &str) -> Route {
    Route { id: format!("id of {key}"), key: key.into(), integration_id: Some(integration.into()), ..Route::default() }
}

fn integration(id: &str, url: &str) -> Integration {
    let wanted = request(json!([{"route": "GET /", "url": url}]));
    Integration { id: id.into(), target: Target::of(wanted.api.protocol(), &wanted.api.routes[0]) }
}

fn attributes(standing: &Standing, request: &Request) -> Vec<(String, RouteAttribute)> {
    let found = route_differences(standing, request).into_iter();
    found.map(|one| (one.key.expect("of a route"), one.attribute)).collect()
}

fn of(key: &str, attribute: RouteAttribute) -> (String, RouteAttribute) {
    (key.to_owned(), attribute)
}

#[test]
fn missing_moved_and_foreign_routes_are_found() {
    let wanted = request(json!([
        {"route": "GET /", "url": "https://a.example/"},
        {"route": "POST /", "url": "https://b.example/"}
    ]));
    let standing = Standing {
        routes: vec![route("GET /", "i1"), route("PUT /", "i1"), route("PATCH /", "gone")],
        integrations: vec![integration("i1", "https://old.example/"), integration("i2", "https://b.example/")],
        ..Standing::default()
    };
    let expected = [
        of("GET /", RouteAttribute::Url),
        of("POST /", RouteAttribute::Url),
        of("PUT /", RouteAttribute::Url),
        of("PATCH /", RouteAttribute::Target),
    ];
    assert_eq!(attributes(&standing, &wanted), expected);
}

#[test]
fn a_route_without_an_integration_that_is_there_is_led_anew() {
    let wanted = request(json!([{"route": "GET /", "url": "https://a.example/"}]));
    for integration_id in [None, Some("gone".to_owned())] {
        let lost = Route { integration_id, ..route("GET /", "") };
        let standing = Standing { routes: vec![lost], ..Standing::default() };
        assert_eq!(attributes(&standing, &wanted), [of("GET /", RouteAttribute::Url)]);
    }
}

/// Whatever two integrations differ in, the routes to them differ in something.
#[test]
fn targets_that_are_not_the_same_never_look_alike() {
    let wanted = request(json!([{"route": "GET /", "url": "https://a.example/"}]));
    let same = integration("i1", "https://a.example/").target;
    let mapping = BTreeMap::from([("overwrite:path".to_owned(), "/".to_owned())]);
    for other in [
        Target { kind: AWS_PROXY.into(), ..same.clone() },
        Target { kind: "MOCK".into(), ..same.clone() },
        Target { uri: "https://b.example/".into(), ..same.clone() },
        Target { method: None, ..same.clone() },
        Target { payload: None, ..same.clone() },
        Target { vpc_link: Some("v".into()), ..same.clone() },
        Target { mapping, ..same.clone() },
        same.clone(),
    ] {
        let integrations = vec![Integration { id: "i1".into(), target: other.clone() }];
        let standing = Standing { routes: vec![route("GET /", "i1")], integrations, ..Standing::default() };
        assert_eq!(attributes(&standing, &wanted).is_empty(), other == same, "{other:?}");
    }
}

fn closed(authorizer: Value, scopes: Value) -> Request {
    request(json!([{"route": "GET /", "url": "https://a.example/", "authorizer": authorizer, "scopes": scopes}]))
}

fn jwt() -> Value {
    json!({"jwt": {"issuer": "https://login.example.com", "audience": ["a"]}})
}

/// One route, by the authorizer `x` if there is one of that name.
fn standing(kind: &str, id: &str, scopes: &[&str]) -> Standing {
    let asked = closed(jwt(), json!([]));
    let name = authorizers_of(&asked).first().map(AuthorizerSpec::name).expect("one");
    Standing {
        routes: vec![Route {
            authorization: Some(kind.into()),
            authorizer_id: Some(id.into()),
            scopes: scopes.iter().map(|scope| (*scope).to_owned()).collect(),
            ..route("GET /", "i1")
        }],
        integrations: vec![integration("i1", "https://a.example/")],
        authorizers: vec![Authorizer { id: "x".into(), name, ..Authorizer::default() }],
        ..Standing::default()
    }
}

#[test]
fn every_difference_in_who_may_call_is_seen() {
    use RouteAttribute::{Authorization, Authorizer, Scopes};
    let wanted = closed(jwt(), json!(["read"]));
    for (standing, expected) in [
        (standing("JWT", "x", &["read"]), vec![]),
        (standing("JWT", "x", &[]), vec![Scopes]),
        (standing("JWT", "gone", &["read"]), vec![Authorizer]),
        (standing("CUSTOM", "x", &["read"]), vec![Authorization]),
        (standing("AWS_IAM", "x", &["read"]), vec![Authorization, Authorizer, Scopes]),
        (standing("NONE", "x", &["read"]), vec![Authorization, Authorizer, Scopes]),
    ] {
        let found: Vec<_> = attributes(&standing, &wanted).into_iter().map(|(_, attribute)| attribute).collect();
        assert_eq!(found, expected, "{:?}", standing.routes);
    }
    // What a route keeps while nobody is asked means nothing.
    assert_eq!(attributes(&standing("NONE", "x", &["read"]), &closed(json!("NONE"), json!([]))), []);
    let iam = closed(json!("IAM"), json!([]));
    assert_eq!(attributes(&standing("NONE", "x", &[]), &iam), [of("GET /", Authorization)]);
}
