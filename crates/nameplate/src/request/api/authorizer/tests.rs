//! Authorizers that are taken and refused.

use serde_json::{Value, json};

use super::Authorizer;
use crate::StepError;
use crate::request::Request;

const FUNCTION: &str = "arn:aws:lambda:us-east-1:123456789012:function:may-call";

fn jwt() -> Value {
    json!({"jwt": {"issuer": "https://login.example.com/pool", "audience": ["models"]}})
}

fn with(api: &Value) -> Result<Request, StepError> {
    let mut whole = json!({"routes": [{"route": "GET /", "url": "https://a.example/"}]});
    whole.as_object_mut().expect("an object").extend(api.as_object().expect("an object").clone());
    Request::parse(&json!({"domainName": "example.com", "api": whole}))
}

fn route(key: &str, more: &Value) -> Value {
    let mut route = json!({"route": key, "url": "https://a.example/"});
    route.as_object_mut().expect("an object").extend(more.as_object().expect("an object").clone());
    route
}

#[test]
fn a_route_has_the_apis_authorizer_or_its_own() {
    let request = with(&json!({"authorizer": jwt(), "routes": [
        route("GET /a", &json!({"scopes": ["models/read"]})),
        route("GET /b", &json!({"authorizer": "NONE"})),
        route("GET /c", &json!({"authorizer": "IAM"})),
        route("GET /d", &json!({"authorizer": {"lambda": {"function": FUNCTION}}})),
    ]}))
    .expect("valid");
    let of = |at: usize| request.api.authorizer_of(&request.api.routes[at]);
    assert!(matches!(of(0), Authorizer::Jwt(jwt) if jwt.identity_source == "$request.header.Authorization"));
    assert_eq!((of(1), of(2)), (&Authorizer::Open, &Authorizer::Iam));
    assert!(matches!(of(3), Authorizer::Lambda(lambda) if lambda.ttl == 0 && lambda.simple_responses));
    let again = Request::parse(&serde_json::to_value(&request).expect("JSON")).expect("read again");
    assert_eq!(again, request);
    let open = with(&json!({})).expect("valid");
    assert_eq!(open.api.authorizer_of(&open.api.routes[0]), &Authorizer::Open);
}

#[test]
fn a_preflight_request_must_find_an_open_route() {
    let api = |routes: Value| json!({"authorizer": "IAM", "cors": {"allowOrigins": ["*"]}, "routes": routes});
    let refused = with(&api(json!([route("$default", &json!({}))]))).expect_err("refused");
    assert!(refused.remedy.contains("OPTIONS /{proxy+}"), "{refused}");
    let closed = json!([route("$default", &json!({})), route("OPTIONS /{proxy+}", &json!({}))]);
    assert!(with(&api(closed)).is_err());
    let open = json!([route("$default", &json!({})), route("OPTIONS /{proxy+}", &json!({"authorizer": "NONE"}))]);
    with(&api(open)).expect("valid");
    with(&api(json!([route("GET /", &json!({}))]))).expect("API Gateway answers by itself");
}

#[test]
fn what_api_gateway_would_not_take_is_refused_by_name() {
    let jwt = |field: &str, value: Value| {
        let mut jwt = jwt();
        jwt["jwt"][field] = value;
        json!({"authorizer": jwt})
    };
    let lambda = |field: &str, value: Value| json!({"authorizer": {"lambda": {"function": FUNCTION, field: value}}});
    let many: Vec<Value> = (0..6)
        .map(|n| {
            let authorizer = json!({"jwt": {"issuer": "https://a.example", "audience": [n.to_string()]}});
            route(&format!("GET /{n}"), &json!({"authorizer": authorizer}))
        })
        .collect();
    for (api, field) in [
        (jwt("issuer", json!("http://login.example.com")), "api.authorizer.jwt.issuer"),
        (jwt("issuer", json!("login.example.com")), "api.authorizer.jwt.issuer"),
        (jwt("issuer", json!("https://login.example.com/?a=b")), "api.authorizer.jwt.issuer"),
        (jwt("audience", json!([])), "api.authorizer.jwt.audience"),
        (jwt("identitySource", json!("Authorization")), "api.authorizer.jwt.identitySource"),
        (lambda("identitySources", json!([])), "api.authorizer.lambda.identitySources"),
        (lambda("identitySources", json!(["$request.body.a"])), "api.authorizer.lambda.identitySources[0]"),
        (lambda("ttl", json!(3601)), "api.authorizer.lambda.ttl"),
        (json!({"routes": [route("GET /", &json!({"scopes": ["a"]}))]}), "api.routes[0].scopes"),
        (
            json!({"authorizer": self::jwt(), "routes": [route("GET /", &json!({"scopes": ["a b"]}))]}),
            "api.routes[0].scopes",
        ),
        (json!({"routes": many}), "api.routes"),
        (json!({"authorizer": "OPEN"}), "api.authorizer"),
    ] {
        let error = with(&api).expect_err("refused");
        assert!(error.to_string().contains(field), "{api}: {error}");
    }
}
