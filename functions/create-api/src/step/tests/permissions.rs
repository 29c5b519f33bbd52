//! Statements in functions' policies that no route needs any more.

use super::*;
use aws_sdk_lambda::Client as Lambda;
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

fn removed(function: &'static str, authority: Authority<'_>) -> Rule {
    let sid = statement_id("a1", authority, function);
    mock!(Lambda::remove_permission)
        .match_requests(move |call| call.function_name() == Some(function) && call.statement_id() == Some(sid.as_str()))
        .then_output(|| RemovePermissionOutput::builder().build())
}

fn permitted() -> Rule {
    mock!(Lambda::add_permission).then_output(|| AddPermissionOutput::builder().build())
}

fn permitted_as(sid: String) -> Rule {
    mock!(Lambda::add_permission)
        .match_requests(move |call| call.function_name() == Some(FUNCTION) && call.statement_id() == Some(sid.as_str()))
        .then_output(|| AddPermissionOutput::builder().build())
}

fn integration_deleted(id: &'static str) -> Rule {
    mock!(Gateway::delete_integration)
        .match_requests(move |call| call.integration_id() == Some(id))
        .then_output(|| DeleteIntegrationOutput::builder().build())
}

fn to_function(key: &str, function: &str) -> Value {
    json!({"route": key, "lambda": function})
}

#[tokio::test]
async fn a_function_that_lost_a_route_keeps_its_statement_until_nothing_deployed_calls_it() {
    let (api, stage, called) = (api(|_| {}), stage(|_| {}), permits(FUNCTION, &["GET /"]));
    let routes = routes(&[("r1", "GET /", "i1")]);
    let integrations = integrations_to(&[("i1", FUNCTION)]);
    let made = integration_created();
    let moved = mock!(Gateway::update_route).then_output(|| UpdateRouteOutput::builder().build());
    let rules = [&api, &stage, &routes, &integrations, &made, &moved];
    // A mock panics on a call that no rule expects: neither statement nor integration goes.
    let permitted = permitted();
    let wanted = request(json!([to_function("GET /", OTHER)]), json!({}));
    let error = step(&rules, &[&called, &permitted], known(wanted)).await.expect_err("not yet");
    assert_eq!((error.class, error.code.as_str()), (Class::NotReady, "RoutesSettle"));
    assert_eq!((rules.map(Rule::num_calls), permitted.num_calls()), ([1; 6], 1));
}

#[tokio::test]
async fn the_next_attempt_removes_what_no_route_needs_and_then_what_led_to_it() {
    let (api, stage) = (api(|_| {}), stage(|_| {}));
    // Two routes share a function's integration, and a third one does not call it any more.
    let routes = routes(&[("r1", "GET /a", "i1"), ("r2", "GET /b", "i1"), ("r3", "GET /c", "i2")]);
    let integrations = integrations_to(&[("i1", FUNCTION), ("i2", OTHER), ("i3", OTHER)]);
    let deleted = integration_deleted("i3");
    let rules = [&api, &stage, &routes, &integrations, &deleted];
    let lambda = [
        &permits(FUNCTION, &["GET /a", "GET /b", "GET /c"]),
        &removed(FUNCTION, Authority::Route("GET /c")),
        &permits(OTHER, &["GET /c"]),
    ];
    let wanted =
        json!([to_function("GET /a", FUNCTION), to_function("GET /b", FUNCTION), to_function("GET /c", OTHER)]);
    step(&rules, &lambda, known(request(wanted, json!({})))).await.expect("settled");
    assert_eq!((rules.map(Rule::num_calls), lambda.map(Rule::num_calls)), ([1; 5], [1; 3]));
}

#[tokio::test]
async fn the_integration_stays_while_its_statement_does() {
    let (api, stage) = (api(|_| {}), stage(|_| {}));
    let routes = routes(&[("r1", "GET /", "i1")]);
    let integrations = integrations_to(&[("i1", OTHER), ("i2", FUNCTION)]);
    let (theirs, ours) = (permits(OTHER, &["GET /"]), permits(FUNCTION, &["GET /"]));
    let refused = mock!(Lambda::remove_permission).then_http_response(|| refusal(403, "AccessDeniedException"));
    let rules = [&api, &stage, &routes, &integrations];
    let wanted = request(json!([to_function("GET /", OTHER)]), json!({}));
    let error = step(&rules, &[&theirs, &ours, &refused], known(wanted)).await.expect_err("denied");
    assert_eq!((error.class, error.code.as_str()), (Class::Failed, "AccessDeniedException"));
}

#[tokio::test]
async fn an_authorizers_statement_goes_before_the_authorizer() {
    let (api, stage) = (api(|_| {}), stage(|_| {}));
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
    let authority = Authority::Authorizer("old");
    let lambda = [&permits_all(FUNCTION, &[authority]), &removed(FUNCTION, authority)];
    let rules = [&api, &stage, &old, &routes, &integrations, &gone];
    step(&rules, &lambda, known(request(one_route(), json!({})))).await.expect("settled");
    assert_eq!((rules.map(Rule::num_calls), lambda.map(Rule::num_calls)), ([1; 6], [1; 2]));
}

#[tokio::test]
async fn what_somebody_removed_meanwhile_is_removed_enough_and_a_busy_function_is_asked_again() {
    let run = async |policy: Rule, answer: fn() -> HttpResponse| {
        let (api, stage) = (api(|_| {}), stage(|_| {}));
        let routes = routes(&[("r1", "GET /", "i1")]);
        let integrations = integrations_to(&[("i1", FUNCTION)]);
        let remove = mock!(Lambda::remove_permission).sequence().http_response(answer).repeatedly().build();
        let rules = [&api, &stage, &routes, &integrations];
        let wanted = request(json!([to_function("GET /", FUNCTION)]), json!({}));
        step(&rules, &[&policy, &remove], known(wanted)).await.map(drop)
    };
    let with_more = || permits(FUNCTION, &["GET /", "PUT /"]);
    run(with_more(), || refusal(404, "ResourceNotFoundException")).await.expect("gone enough");
    let error = run(with_more(), || refusal(409, "ResourceConflictException")).await.expect_err("busy");
    assert_eq!((error.class, error.code.as_str()), (Class::Retryable, "ResourceConflictException"));
}

#[tokio::test]
async fn a_statement_that_somebody_has_removed_is_given_back_without_a_change_of_the_route() {
    let no_policy = || mock!(Lambda::get_policy).then_http_response(|| refusal(404, "ResourceNotFoundException"));
    for policy in [no_policy(), permits(FUNCTION, &[])] {
        let (api, stage) = (api(|_| {}), stage(|_| {}));
        let routes = routes(&[("r1", "GET /", "i1")]);
        let integrations = integrations_to(&[("i1", FUNCTION)]);
        let rules = [&api, &stage, &routes, &integrations];
        let permitted = permitted_as(statement_id("a1", Authority::Route("GET /"), FUNCTION));
        let wanted = request(json!([to_function("GET /", FUNCTION)]), json!({}));
        step(&rules, &[&policy, &permitted], known(wanted)).await.expect("permitted");
        assert_eq!((rules.map(Rule::num_calls), permitted.num_calls()), ([1; 4], 1));
    }
}

#[tokio::test]
async fn an_authorizer_that_may_not_ask_any_more_is_permitted_again() {
    let asks = json!({"lambda": {"function": FUNCTION, "ttl": 60}});
    let mut wanted = one_route();
    wanted[0]["authorizer"] = asks;
    let wanted = request(wanted, json!({}));
    let spec = nameplate::resource::api::authorizers_of(&wanted).pop_first().expect("one");
    let present = mock!(Gateway::get_authorizers).then_output(move || {
        let authorizer = aws_sdk_apigatewayv2::types::Authorizer::builder()
            .authorizer_id("au")
            .name(spec.name())
            .authorizer_type(aws_sdk_apigatewayv2::types::AuthorizerType::Request)
            .identity_source("$request.header.Authorization")
            .authorizer_payload_format_version("2.0")
            .authorizer_result_ttl_in_seconds(60)
            .enable_simple_responses(true)
            .authorizer_uri(settings().invocation_uri(FUNCTION));
        GetAuthorizersOutput::builder().items(authorizer.build()).build()
    });
    let routes = mock!(Gateway::get_routes).then_output(|| {
        let route = Route::builder().route_id("r1").route_key("GET /").target("integrations/i1");
        let route = route.authorization_type(AuthorizationType::Custom).authorizer_id("au");
        GetRoutesOutput::builder().items(route.build()).build()
    });
    let integrations = integrations(&[("i1", "https://backend.example.net/")]);
    let rules = [&api(|_| {}), &stage(|_| {}), &present, &routes, &integrations];
    let permitted = permitted_as(statement_id("a1", Authority::Authorizer("au"), FUNCTION));
    step(&rules, &[&permits(FUNCTION, &[]), &permitted], known(wanted)).await.expect("permitted");
    assert_eq!(permitted.num_calls(), 1);
}

#[tokio::test]
async fn a_new_route_to_a_function_is_permitted_and_costs_one_look_at_its_policy() {
    let (api, stage) = (api(|_| {}), stage(|_| {}));
    let routes = routes(&[("r1", "GET /a", "i1")]);
    let integrations = integrations_to(&[("i1", FUNCTION)]);
    let route = route_created();
    let rules = [&api, &stage, &routes, &integrations, &route];
    let lambda = [&permits(FUNCTION, &["GET /a"]), &permitted()];
    let wanted = json!([to_function("GET /a", FUNCTION), to_function("GET /b", FUNCTION)]);
    step(&rules, &lambda, known(request(wanted, json!({})))).await.expect("made");
    assert_eq!((rules.map(Rule::num_calls), lambda.map(Rule::num_calls)), ([1; 5], [1; 2]));
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
