//! Which statements of a policy are about an API, and which of them are needed.

use serde_json::json;

use super::*;
use crate::resource::api::{Integration, Route, route_differences};

const FUNCTION: &str = "arn:aws:lambda:us-east-1:123456789012:function:list-models";
const OTHER: &str = "arn:aws:lambda:us-east-1:123456789012:function:other";

#[test]
fn only_our_statements_for_this_api_are_found() {
    let statement = |sid: &str, source: &str| json!({"Sid": sid, "Condition": {"ArnLike": {"AWS:SourceArn": source}}});
    let of = |api: &str, rest: &str| format!("arn:aws:execute-api:us-east-1:123456789012:{api}/{rest}");
    let policy = json!({"Statement": [
        statement("nameplate-1", &of("a1", "$default/GET/")),
        statement("nameplate-2", &of("a1", "live/chat:send")),
        statement("nameplate-3", &of("a1", "authorizers/x")),
        statement("nameplate-4", &of("b2", "$default/GET/")),
        statement("by-hand", &of("a1", "$default/GET/")),
        statement("nameplate-5", "arn:aws:s3:::a1"),
        {"Sid": "nameplate-6"},
    ]});
    let expected = ["nameplate-1", "nameplate-2", "nameplate-3"].map(str::to_owned);
    assert_eq!(statements_for(&policy.to_string(), "a1"), BTreeSet::from(expected));
    assert_eq!(statements_for("", "a1"), BTreeSet::new());
}

#[test]
fn a_statement_id_is_stable_fits_lambda_and_tells_routes_apart() {
    let id = statement_id("a1", Authority::Route("GET /"), FUNCTION);
    assert_eq!(id, statement_id("a1", Authority::Route("GET /"), FUNCTION));
    assert!(id.len() <= 100 && id.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-'), "{id}");
    let others = [
        statement_id("a1", Authority::Route("PUT /"), FUNCTION),
        statement_id("a2", Authority::Route("GET /"), FUNCTION),
        statement_id("a1", Authority::Route("GET /"), OTHER),
        statement_id("a1", Authority::Authorizer("GET /"), FUNCTION),
    ];
    assert!(!others.contains(&id));
}

fn request(routes: Value) -> Request {
    Request::parse(&json!({"domainName": "example.com", "api": {"routes": routes}})).expect("valid")
}

/// Routes to functions, each with an integration of its own, and the statements that there are.
fn standing(routes: &[(&str, &str)], statements: &[(&str, &str)]) -> Standing {
    let mut standing = Standing::default();
    standing.api.id = "a1".into();
    for (key, function) in routes {
        let wanted = request(json!([{"route": key, "lambda": function}]));
        let target = Target::of(wanted.api.protocol(), &wanted.api.routes[0]);
        standing.integrations.push(Integration { id: (*key).into(), target });
        let integration_id = Some((*key).into());
        standing.routes.push(Route { key: (*key).into(), integration_id, ..Route::default() });
    }
    for (key, function) in statements {
        let sid = statement_id("a1", Authority::Route(key), function);
        standing.policies.entry((*function).to_owned()).or_default().insert(sid);
    }
    standing
}

fn found(standing: &Standing, request: &Request) -> Vec<(PermissionAttribute, String)> {
    let found = permission_differences(standing, request).into_iter();
    found.map(|one| (one.attribute, one.key.expect("of one"))).collect()
}

#[test]
fn a_statement_that_somebody_removed_is_missing_and_one_that_nothing_needs_is_left_over() {
    let wanted = request(json!([{"route": "GET /", "lambda": FUNCTION}]));
    let routes = [("GET /", FUNCTION)];
    assert_eq!(found(&standing(&routes, &[("GET /", FUNCTION)]), &wanted), []);
    assert_eq!(found(&standing(&routes, &[]), &wanted), [(PermissionAttribute::Route, "GET /".to_owned())]);
    let sid = statement_id("a1", Authority::Route("PUT /"), FUNCTION);
    let more = standing(&routes, &[("GET /", FUNCTION), ("PUT /", FUNCTION)]);
    assert_eq!(found(&more, &wanted), [(PermissionAttribute::LeftOver, sid.clone())]);
    assert_eq!(left_over(&more, &wanted), [(FUNCTION, sid.as_str())]);
}

#[test]
fn a_route_that_is_made_or_moved_is_permitted_with_it_and_whom_it_called_keeps_that_until_it_has_settled() {
    let wanted = request(json!([{"route": "GET /", "lambda": OTHER}, {"route": "PUT /", "lambda": OTHER}]));
    let moving = standing(&[("GET /", FUNCTION)], &[("GET /", FUNCTION)]);
    let left = statement_id("a1", Authority::Route("GET /"), FUNCTION);
    assert_eq!(found(&moving, &wanted), [(PermissionAttribute::LeftOver, left)]);
    let changes = |standing: &Standing| Changes { routes: route_differences(standing, &wanted), ..Changes::default() };
    assert!(settling(&moving, &wanted, &changes(&moving)), "the function is called until this very run");
    let statements = [("GET /", FUNCTION), ("GET /", OTHER), ("PUT /", OTHER)];
    let moved = standing(&[("GET /", OTHER), ("PUT /", OTHER)], &statements);
    assert!(!settling(&moved, &wanted, &changes(&moved)), "what goes is called by nothing");
}
