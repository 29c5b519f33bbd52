//! Statements in functions' policies that no route needs any more.

use super::*;
use crate::permissions::authorizer_key;
use aws_sdk_lambda::Client as Lambda;
use aws_sdk_lambda::operation::get_policy::GetPolicyOutput;
use aws_sdk_lambda::operation::remove_permission::RemovePermissionOutput;

const OTHER: &str = "arn:aws:lambda:us-east-1:123456789012:function:other";

fn calls(id: &str, function: &str) -> Integration {
    Integration::builder()
        .integration_id(id)
        .integration_type(IntegrationType::AwsProxy)
        .integration_method("POST")
        .payload_format_version("2.0")
        .integration_uri(function)
        .build()
}

fn integrations_to(present: &'static [(&str, &str)]) -> Rule {
    mock!(Gateway::get_integrations).then_output(move || {
        let integrations = present.iter().map(|(id, function)| calls(id, function)).collect();
        GetIntegrationsOutput::builder().set_items(Some(integrations)).build()
    })
}

/// The policy of a function with these statements of ours, one of another API and one by hand.
fn policy(function: &'static str, keys: &'static [&str]) -> Rule {
    let statement = |sid: String, api: &str| {
        let source = format!("arn:aws:execute-api:us-east-1:123456789012:{api}/x");
        json!({"Sid": sid, "Effect": "Allow", "Condition": {"ArnLike": {"AWS:SourceArn": source}}})
    };
    let mut statements: Vec<Value> =
        keys.iter().map(|key| statement(statement_id("a1", key, function), "a1")).collect();
    statements.push(statement(statement_id("a9", "GET /", function), "a9"));
    statements.push(statement("by-hand".to_owned(), "a1"));
    let policy = json!({ "Statement": statements }).to_string();
    mock!(Lambda::get_policy)
        .match_requests(move |call| call.function_name() == Some(function))
        .then_output(move || GetPolicyOutput::builder().policy(policy.clone()).build())
}

fn removed(function: &'static str, key: &'static str) -> Rule {
    mock!(Lambda::remove_permission)
        .match_requests(move |call| {
            call.function_name() == Some(function)
                && call.statement_id() == Some(statement_id("a1", key, function).as_str())
        })
        .then_output(|| RemovePermissionOutput::builder().build())
}

fn permitted() -> Rule {
    mock!(Lambda::add_permission).then_output(|| AddPermissionOutput::builder().build())
}

fn integration_deleted(id: &'static str) -> Rule {
    mock!(Gateway::delete_integration)
        .match_requests(move |call| call.integration_id() == Some(id))
        .then_output(|| DeleteIntegrationOutput::builder().build())
}

fn unsettled() -> Rule {
    api(|api| {
        api.tags.as_mut().expect("tags").insert(tags::PERMISSIONS.into(), tags::CHANGING.into());
    })
}

fn to_function(key: &str, function: &str) -> Value {
    json!({"route": key, "lambda": function})
}

#[tokio::test]
async fn a_function_that_lost_a_route_keeps_its_statement_until_nothing_deployed_calls_it() {
    let (api, stage, begun) = (api(|_| {}), stage(|_| {}), said_of_permissions(tags::CHANGING));
    let routes = routes(&[("r1", "GET /", "i1")]);
    let integrations = integrations_to(&[("i1", FUNCTION)]);
    let made = integration_created();
    let moved = mock!(Gateway::update_route).then_output(|| UpdateRouteOutput::builder().build());
    let rules = [&api, &stage, &routes, &integrations, &begun, &made, &moved];
    // A mock panics on a call that no rule expects: neither statement nor integration goes.
    let permitted = permitted();
    let wanted = request(json!([to_function("GET /", OTHER)]), json!({}));
    let error = step(&rules, &[&permitted], known(wanted)).await.expect_err("not yet");
    assert_eq!((error.class, error.code.as_str()), (Class::NotReady, "RoutesSettle"));
    assert_eq!(rules.map(Rule::num_calls), [1; 7]);
}

#[tokio::test]
async fn the_next_attempt_removes_what_no_route_needs_and_then_what_led_to_it() {
    let (api, stage, ended) = (unsettled(), stage(|_| {}), said_of_permissions(tags::SETTLED));
    // Two routes share a function's integration, and a third one does not call it any more.
    let routes = routes(&[("r1", "GET /a", "i1"), ("r2", "GET /b", "i1"), ("r3", "GET /c", "i2")]);
    let integrations = integrations_to(&[("i1", FUNCTION), ("i2", OTHER), ("i3", OTHER)]);
    let deleted = integration_deleted("i3");
    let rules = [&api, &stage, &routes, &integrations, &deleted, &ended];
    let lambda =
        [&policy(FUNCTION, &["GET /a", "GET /b", "GET /c"]), &removed(FUNCTION, "GET /c"), &policy(OTHER, &["GET /c"])];
    let wanted =
        json!([to_function("GET /a", FUNCTION), to_function("GET /b", FUNCTION), to_function("GET /c", OTHER)]);
    step(&rules, &lambda, known(request(wanted, json!({})))).await.expect("settled");
    assert_eq!((rules.map(Rule::num_calls), lambda.map(Rule::num_calls)), ([1; 6], [1; 3]));
}

#[tokio::test]
async fn the_integration_stays_while_its_statement_does() {
    let (api, stage) = (unsettled(), stage(|_| {}));
    let routes = routes(&[("r1", "GET /", "i1")]);
    let integrations = integrations_to(&[("i1", OTHER), ("i2", FUNCTION)]);
    let (theirs, ours) = (policy(OTHER, &["GET /"]), policy(FUNCTION, &["GET /"]));
    let refused = mock!(Lambda::remove_permission).then_http_response(|| refusal(403, "AccessDeniedException"));
    let rules = [&api, &stage, &routes, &integrations];
    let wanted = request(json!([to_function("GET /", OTHER)]), json!({}));
    let error = step(&rules, &[&theirs, &ours, &refused], known(wanted)).await.expect_err("denied");
    assert_eq!((error.class, error.code.as_str()), (Class::Failed, "AccessDeniedException"));
}

#[tokio::test]
async fn an_authorizers_statement_goes_before_the_authorizer() {
    let (api, stage, ended) = (unsettled(), stage(|_| {}), said_of_permissions(tags::SETTLED));
    let routes = routes(&[("r1", "GET /", "i1")]);
    let integrations = integrations(&[("i1", "https://backend.example.net/")]);
    let old = mock!(Gateway::get_authorizers).then_output(|| {
        let old = aws_sdk_apigatewayv2::types::Authorizer::builder()
            .authorizer_id("old")
            .name("old")
            .authorizer_type(aws_sdk_apigatewayv2::types::AuthorizerType::Request)
            .identity_source("$request.header.Authorization")
            .authorizer_payload_format_version("2.0")
            .authorizer_uri(settings().invocation_uri(FUNCTION));
        GetAuthorizersOutput::builder().items(old.build()).build()
    });
    let gone = mock!(Gateway::delete_authorizer)
        .match_requests(|call| call.authorizer_id() == Some("old"))
        .then_output(|| DeleteAuthorizerOutput::builder().build());
    let key: &'static str = authorizer_key("old").leak();
    let keys: &'static [&str] = vec![key].leak();
    let lambda = [&policy(FUNCTION, keys), &removed(FUNCTION, key)];
    let rules = [&api, &stage, &old, &routes, &integrations, &gone, &ended];
    step(&rules, &lambda, known(request(one_route(), json!({})))).await.expect("settled");
    assert_eq!((rules.map(Rule::num_calls), lambda.map(Rule::num_calls)), ([1; 7], [1; 2]));
}

#[tokio::test]
async fn what_somebody_removed_meanwhile_is_removed_enough_and_a_busy_function_is_asked_again() {
    let run = async |policy: Rule, answer: fn() -> HttpResponse| {
        let (api, stage, ended) = (unsettled(), stage(|_| {}), said_of_permissions(tags::SETTLED));
        let routes = routes(&[("r1", "GET /", "i1")]);
        let integrations = integrations_to(&[("i1", FUNCTION)]);
        let remove = mock!(Lambda::remove_permission).sequence().http_response(answer).repeatedly().build();
        let rules = [&api, &stage, &routes, &integrations, &ended];
        let wanted = request(json!([to_function("GET /", FUNCTION)]), json!({}));
        step(&rules, &[&policy, &remove], known(wanted)).await.map(drop)
    };
    let with_more = || policy(FUNCTION, &["GET /", "PUT /"]);
    run(with_more(), || refusal(404, "ResourceNotFoundException")).await.expect("gone enough");
    let error = run(with_more(), || refusal(409, "ResourceConflictException")).await.expect_err("busy");
    assert_eq!((error.class, error.code.as_str()), (Class::Retryable, "ResourceConflictException"));
    let no_policy = mock!(Lambda::get_policy).then_http_response(|| refusal(404, "ResourceNotFoundException"));
    run(no_policy, || refusal(500, "unused")).await.expect("nothing to remove");
}

#[tokio::test]
async fn a_new_route_to_a_function_is_announced_and_costs_no_look_at_policies() {
    let (api, stage) = (api(|_| {}), stage(|_| {}));
    let (begun, ended) = (said_of_permissions(tags::CHANGING), said_of_permissions(tags::SETTLED));
    let routes = routes(&[("r1", "GET /a", "i1")]);
    let integrations = integrations_to(&[("i1", FUNCTION)]);
    let route = route_created();
    let rules = [&api, &stage, &routes, &integrations, &begun, &route, &ended];
    let permitted = permitted();
    let wanted = json!([to_function("GET /a", FUNCTION), to_function("GET /b", FUNCTION)]);
    step(&rules, &[&permitted], known(request(wanted, json!({})))).await.expect("made");
    assert_eq!((rules.map(Rule::num_calls), permitted.num_calls()), ([1; 7], 1));
}

#[tokio::test]
async fn a_route_to_a_url_changes_nothing_about_permissions() {
    let (api, stage, created) = (api(|_| {}), stage(|_| {}), integration_created());
    let routes = routes(&[("r1", "GET /", "old")]);
    let integrations = integrations(&[("old", "https://old.example.net/")]);
    let moved = mock!(Gateway::update_route).then_output(|| UpdateRouteOutput::builder().build());
    let cleaned = integration_deleted("old");
    let rules = [&api, &stage, &routes, &integrations, &created, &moved, &cleaned];
    step(&rules, &[], known(request(one_route(), json!({})))).await.expect("moved");
    assert_eq!(rules.map(Rule::num_calls), [1; 7]);
}
