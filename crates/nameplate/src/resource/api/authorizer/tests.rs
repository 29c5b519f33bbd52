//! Authorizers wanted against those that stand.

use super::*;

const FUNCTION: &str = "arn:aws:lambda:us-east-1:123456789012:function:may-call";

fn request(api: Value) -> Request {
    Request::parse(&json!({"domainName": "example.com", "api": api})).expect("valid")
}

fn by(authorizer: Value) -> Request {
    request(json!({"routes": [{"route": "GET /", "url": "https://a.example/", "authorizer": authorizer}]}))
}

fn jwt(audience: &str) -> Value {
    json!({"jwt": {"issuer": "https://login.example.com", "audience": [audience]}})
}

fn spec(request: &Request) -> AuthorizerSpec {
    authorizers_of(request).pop_first().expect("an authorizer")
}

fn there(id: &str, named: &AuthorizerSpec, spec: AuthorizerSpec) -> Authorizer {
    Authorizer { id: id.into(), name: named.name(), spec }
}

fn found(standing: &[Authorizer], request: &Request) -> Vec<(String, AuthorizerAttribute)> {
    let found = authorizer_differences(standing, request).into_iter();
    found.map(|one| (one.key.expect("of one"), one.attribute)).collect()
}

#[test]
fn one_that_all_routes_ask_is_one() {
    let routes: Vec<Value> =
        (0..3).map(|n| json!({"route": format!("GET /{n}"), "url": "https://a.example/"})).collect();
    let all = request(json!({"routes": routes, "authorizer": jwt("a")}));
    let wanted = spec(&all);
    let attributes = found(&[], &all);
    assert!(attributes.iter().all(|(name, _)| *name == wanted.name()), "{attributes:?}");
    assert_eq!(attributes.len(), 4, "type, issuer, audience and sources");
    assert_eq!(found(&[there("x", &wanted, wanted.clone())], &all), []);
}

#[test]
fn a_changed_authorizer_is_a_new_one_and_one_changed_by_hand_is_put_right() {
    let (a, b) = (spec(&by(jwt("a"))), spec(&by(jwt("b"))));
    let changed = found(&[there("x", &a, a.clone())], &by(jwt("b")));
    assert!(changed.contains(&(b.name(), AuthorizerAttribute::Audience)), "{changed:?}");
    assert_eq!(changed.last(), Some(&("x".to_owned(), AuthorizerAttribute::LeftOver)));

    let by_hand = found(&[there("x", &b, a)], &by(jwt("b")));
    assert_eq!(by_hand, [(b.name(), AuthorizerAttribute::Audience)]);
    // Of two that a lost answer has left one is used.
    let twice = found(&[there("x", &b, b.clone()), there("y", &b, b.clone())], &by(jwt("b")));
    assert_eq!(twice, [("y".to_owned(), AuthorizerAttribute::LeftOver)]);
}

#[test]
fn names_are_told_apart_by_all_that_they_hold() {
    let lambda = |more: Value| {
        let mut lambda = json!({"function": FUNCTION, "ttl": 60});
        lambda.as_object_mut().expect("an object").extend(more.as_object().expect("an object").clone());
        spec(&by(json!({"lambda": lambda}))).name()
    };
    let names = BTreeSet::from([
        lambda(json!({})),
        lambda(json!({"ttl": 61})),
        lambda(json!({"simpleResponses": false})),
        lambda(json!({"identitySources": ["$request.header.X"]})),
        lambda(json!({"function": format!("{FUNCTION}-2")})),
        spec(&by(jwt("a"))).name(),
        spec(&by(jwt("b"))).name(),
    ]);
    assert_eq!(names.len(), 7);
    assert!(names.iter().all(|name| name.starts_with("nameplate-") && name.len() == 42), "{names:?}");
}

#[test]
fn the_function_that_a_websocket_api_asks_has_sources_of_another_spelling_and_no_payload_format() {
    let authorizer = json!({"lambda": {"function": FUNCTION, "identitySources": ["$request.querystring.token"]}});
    let route = json!({"route": "$connect", "url": "https://a.example/", "authorizer": authorizer});
    let wanted = request(json!({"protocol": "WEBSOCKET", "routes": [route]}));
    let spec = spec(&wanted);
    assert_eq!((spec.payload.as_deref(), spec.function.as_deref()), (None, Some(FUNCTION)));
    assert_eq!(spec.sources, BTreeSet::from(["route.request.querystring.token".to_owned()]));
    assert_eq!(Access::of(&wanted, &wanted.api.routes[0]).kind(), "CUSTOM");
    // What it does not know is not looked at.
    let given = AuthorizerSpec { ttl: Some(300), simple: Some(false), ..spec.clone() };
    assert_eq!(found(&[there("x", &spec, given)], &wanted), []);
}
