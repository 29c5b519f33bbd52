//! The step against an API Gateway and functions that answer in memory.

use std::collections::HashMap;

use super::*;
use aws_sdk_apigatewayv2::Client as Gateway;
use aws_sdk_apigatewayv2::config::http::HttpResponse;
use aws_sdk_apigatewayv2::operation::create_api::CreateApiOutput as ApiCreated;
use aws_sdk_apigatewayv2::operation::create_authorizer::CreateAuthorizerOutput;
use aws_sdk_apigatewayv2::operation::create_integration::CreateIntegrationOutput;
use aws_sdk_apigatewayv2::operation::create_route::CreateRouteOutput;
use aws_sdk_apigatewayv2::operation::create_stage::CreateStageOutput;
use aws_sdk_apigatewayv2::operation::delete_authorizer::DeleteAuthorizerOutput;
use aws_sdk_apigatewayv2::operation::delete_cors_configuration::DeleteCorsConfigurationOutput;
use aws_sdk_apigatewayv2::operation::delete_integration::DeleteIntegrationOutput;
use aws_sdk_apigatewayv2::operation::delete_route::DeleteRouteOutput;
use aws_sdk_apigatewayv2::operation::delete_route_settings::DeleteRouteSettingsOutput;
use aws_sdk_apigatewayv2::operation::get_apis::GetApisOutput;
use aws_sdk_apigatewayv2::operation::get_authorizers::GetAuthorizersOutput;
use aws_sdk_apigatewayv2::operation::get_integrations::GetIntegrationsOutput;
use aws_sdk_apigatewayv2::operation::get_routes::GetRoutesOutput;
use aws_sdk_apigatewayv2::operation::get_stage::GetStageOutput;
use aws_sdk_apigatewayv2::operation::tag_resource::TagResourceOutput;
use aws_sdk_apigatewayv2::operation::untag_resource::UntagResourceOutput;
use aws_sdk_apigatewayv2::operation::update_api::UpdateApiOutput;
use aws_sdk_apigatewayv2::operation::update_route::UpdateRouteOutput;
use aws_sdk_apigatewayv2::operation::update_stage::UpdateStageOutput;
use aws_sdk_apigatewayv2::primitives::DateTime;
use aws_sdk_apigatewayv2::types::{
    AccessLogSettings, Api, AuthorizationType, Cors, Integration, IntegrationType, ProtocolType, Route, RouteSettings,
};
use aws_sdk_lambda::operation::add_permission::AddPermissionOutput;
use aws_sdk_lambda::operation::get_policy::GetPolicyOutput;
use aws_smithy_mocks::{Rule, RuleMode, mock, mock_client};
use aws_smithy_types::body::SdkBody;
use nameplate::request::Protocol;
use nameplate::resource::api::{Authority, STAGE, statement_id};
use nameplate::resource::tags;
use nameplate::{Class, Request};
use serde_json::{Value, json};

mod access_log;
mod existing;
mod permissions;
mod websocket;

const FUNCTION: &str = "arn:aws:lambda:us-east-1:123456789012:function:list-models";
const ENDPOINT: &str = "https://a1.execute-api.us-east-1.amazonaws.com";

fn settings() -> Settings {
    Settings {
        stack: "nameplate".into(),
        partition: "aws".into(),
        region: "us-east-1".into(),
        account: "123456789012".into(),
    }
}

/// One route, `GET /`, to an endpoint.
fn one_route() -> Value {
    json!([{"route": "GET /", "url": "https://backend.example.net/"}])
}

fn request(routes: Value, more: Value) -> Request {
    let mut api = json!({"routes": routes});
    api.as_object_mut().expect("an object").extend(more.as_object().expect("an object").clone());
    Request::parse(&json!({"domainName": "example.com", "api": api, "tags": {"team": "x"}})).expect("valid")
}

fn our_tags() -> HashMap<String, String> {
    let request = request(one_route(), json!({}));
    tags::wanted(&request.tags, &request.domain_name, "nameplate").into_iter().collect()
}

fn foreign_tags() -> HashMap<String, String> {
    HashMap::from([(tags::DOMAIN.into(), "example.com".into()), (tags::STACK.into(), "other".into())])
}

/// What API Gateway answers on the wire when it refuses.
fn refusal(status: u16, code: &str) -> HttpResponse {
    refusal_saying(status, code, "because")
}

fn refusal_saying(status: u16, code: &str, message: &str) -> HttpResponse {
    let body = json!({"__type": code, "message": message}).to_string();
    HttpResponse::new(status.try_into().expect("a status"), SdkBody::from(body))
}

async fn step(gateway: &[&Rule], lambda: &[&Rule], input: CreateApiInput) -> Result<CreateApiOutput, StepError> {
    step_with_logs(gateway, lambda, &[], input).await
}

async fn step_with_logs(
    gateway: &[&Rule],
    lambda: &[&Rule],
    logs: &[&Rule],
    input: CreateApiInput,
) -> Result<CreateApiOutput, StepError> {
    // Where a test says nothing of authorizers, there are none.
    let none = mock!(Gateway::get_authorizers).then_output(|| GetAuthorizersOutput::builder().build());
    let gateway = [gateway, &[&none]].concat();
    let clients = Clients {
        api_gateway: mock_client!(aws_sdk_apigatewayv2, RuleMode::MatchAny, gateway.as_slice()),
        lambda: mock_client!(aws_sdk_lambda, RuleMode::MatchAny, lambda),
        logs: mock_client!(aws_sdk_cloudwatchlogs, RuleMode::MatchAny, logs),
    };
    run(&clients, &settings(), input).await
}

fn unknown(request: Request) -> CreateApiInput {
    CreateApiInput { request, api_id: None, former_tags: Vec::new() }
}

fn known(request: Request) -> CreateApiInput {
    CreateApiInput { request, api_id: Some("a1".into()), former_tags: Vec::new() }
}

fn listed(id: &str, created_secs: i64, tags: HashMap<String, String>) -> Api {
    Api::builder()
        .api_id(id)
        .api_endpoint(ENDPOINT.replace("a1", id))
        .name("example.com")
        .protocol_type(ProtocolType::Http)
        .created_date(DateTime::from_secs(created_secs))
        .set_tags(Some(tags))
        .build()
}

fn no_apis() -> Rule {
    mock!(Gateway::get_apis).then_output(|| GetApisOutput::builder().build())
}

/// The API of an earlier run, in the list of all.
fn api(change: impl Fn(&mut Api) + Send + Sync + 'static) -> Rule {
    mock!(Gateway::get_apis).then_output(move || {
        let mut api = listed("a1", 1, our_tags());
        change(&mut api);
        GetApisOutput::builder().items(api).build()
    })
}

fn routes(present: &'static [(&str, &str, &str)]) -> Rule {
    mock!(Gateway::get_routes).then_output(move || {
        let routes = present.iter().map(|(id, key, integration)| {
            Route::builder().route_id(*id).route_key(*key).target(format!("integrations/{integration}")).build()
        });
        GetRoutesOutput::builder().set_items(Some(routes.collect())).build()
    })
}

fn integrations(present: &'static [(&str, &str)]) -> Rule {
    mock!(Gateway::get_integrations).then_output(move || {
        let integrations = present.iter().map(|(id, url)| {
            Integration::builder()
                .integration_id(*id)
                .integration_type(IntegrationType::HttpProxy)
                .integration_method("ANY")
                .payload_format_version("1.0")
                .integration_uri(*url)
                .build()
        });
        GetIntegrationsOutput::builder().set_items(Some(integrations.collect())).build()
    })
}

fn limits(rate: f64, burst: i32) -> RouteSettings {
    RouteSettings::builder().throttling_rate_limit(rate).throttling_burst_limit(burst).build()
}

fn stage(change: impl Fn(&mut GetStageOutput) + Send + Sync + 'static) -> Rule {
    mock!(Gateway::get_stage).then_output(move || {
        let mut stage =
            GetStageOutput::builder().stage_name(STAGE).auto_deploy(true).set_tags(Some(our_tags())).build();
        change(&mut stage);
        stage
    })
}

/// The policy of a function with these statements of ours, one of another API and one by hand.
fn permits(function: &'static str, keys: &[&str]) -> Rule {
    let authorities: Vec<Authority<'_>> = keys.iter().map(|key| Authority::Route(key)).collect();
    permits_all(function, &authorities)
}

fn permits_all(function: &'static str, authorities: &[Authority<'_>]) -> Rule {
    let statement = |sid: String, api: &str| {
        let source = format!("arn:aws:execute-api:us-east-1:123456789012:{api}/x");
        json!({"Sid": sid, "Effect": "Allow", "Condition": {"ArnLike": {"AWS:SourceArn": source}}})
    };
    let ours = authorities.iter().map(|authority| statement(statement_id("a1", *authority, function), "a1"));
    let mut statements: Vec<Value> = ours.collect();
    statements.push(statement(statement_id("a9", Authority::Route("GET /"), function), "a9"));
    statements.push(statement("by-hand".to_owned(), "a1"));
    let policy = json!({ "Statement": statements }).to_string();
    mock!(aws_sdk_lambda::Client::get_policy)
        .match_requests(move |call| call.function_name() == Some(function))
        .then_output(move || GetPolicyOutput::builder().policy(policy.clone()).build())
}

fn api_created() -> Rule {
    mock!(Gateway::create_api).then_output(|| ApiCreated::builder().api_id("a1").api_endpoint(ENDPOINT).build())
}

fn integration_created() -> Rule {
    mock!(Gateway::create_integration).then_output(|| CreateIntegrationOutput::builder().integration_id("new").build())
}

fn route_created() -> Rule {
    mock!(Gateway::create_route).then_output(|| CreateRouteOutput::builder().build())
}

fn stage_created() -> Rule {
    mock!(Gateway::create_stage).then_output(|| CreateStageOutput::builder().build())
}

/// A mock panics on a call that no rule expects, so these lists of rules say what is not called, too.
#[tokio::test]
async fn creates_when_absent() {
    let create_api = mock!(Gateway::create_api)
        .match_requests(|call| {
            call.name() == Some("example.com")
                && call.protocol_type() == Some(&ProtocolType::Http)
                && call.tags() == Some(&our_tags())
                && call.cors_configuration().is_some_and(|cors| {
                    cors.allow_origins() == ["https://app.example.com"] && cors.allow_headers() == ["x-a"]
                })
        })
        .then_output(|| ApiCreated::builder().api_id("a1").api_endpoint(ENDPOINT).build());
    let integration = mock!(Gateway::create_integration)
        .match_requests(|call| {
            call.api_id() == Some("a1")
                && call.integration_type() == Some(&IntegrationType::HttpProxy)
                && call.integration_method() == Some("ANY")
                && call.payload_format_version() == Some("1.0")
                && call.integration_uri() == Some("https://backend.example.net/")
        })
        .then_output(|| CreateIntegrationOutput::builder().integration_id("i1").build());
    let route = mock!(Gateway::create_route)
        .match_requests(|call| call.route_key() == Some("GET /") && call.target() == Some("integrations/i1"))
        .then_output(|| CreateRouteOutput::builder().build());
    let stage = mock!(Gateway::create_stage)
        .match_requests(|call| {
            call.stage_name() == Some("$default")
                && call.auto_deploy() == Some(true)
                && call.tags() == Some(&our_tags())
                && call.default_route_settings().is_some_and(|limits| {
                    limits.throttling_rate_limit() == Some(100.0) && limits.throttling_burst_limit() == Some(200)
                })
        })
        .then_output(|| CreateStageOutput::builder().build());
    let search = no_apis();
    let rules = [&search, &create_api, &integration, &route, &stage];

    let more = json!({
        "cors": {"allowOrigins": ["https://App.example.com"], "allowHeaders": ["X-A"]},
        "throttle": {"rate": 100, "burst": 200}
    });
    let output = step(&rules, &[], unknown(request(one_route(), more))).await.expect("made");

    assert_eq!((output.api_id.as_str(), output.default_endpoint.as_deref()), ("a1", Some(ENDPOINT)));
    assert_eq!((output.stage.as_str(), output.protocol, output.replaced.len()), ("$default", Protocol::Http, 0));
    assert_eq!(rules.map(Rule::num_calls), [1; 5]);
}

#[tokio::test]
async fn one_integration_serves_all_routes_to_one_target() {
    let (search, create, integration, route, stage) =
        (no_apis(), api_created(), integration_created(), route_created(), stage_created());
    let routes = json!([
        {"route": "GET /a", "url": "https://backend.example.net/"},
        {"route": "GET /b", "url": "https://backend.example.net/"}
    ]);
    step(&[&search, &create, &integration, &route, &stage], &[], unknown(request(routes, json!({}))))
        .await
        .expect("made");
    assert_eq!((integration.num_calls(), route.num_calls()), (1, 2));
}

#[tokio::test]
async fn an_integration_of_its_own_carries_what_a_route_changes_on_the_way() {
    let mapped = mock!(Gateway::create_integration)
        .match_requests(|call| {
            call.request_parameters().is_some_and(|parameters| {
                parameters.len() == 3
                    && parameters.get("overwrite:header.x-tenant").map(String::as_str) == Some("acme")
                    && parameters.contains_key("remove:header.x-debug")
                    && parameters.get("overwrite:path").map(String::as_str) == Some("/v1/a")
            })
        })
        .then_output(|| CreateIntegrationOutput::builder().integration_id("mapped").build());
    let moved = mock!(Gateway::update_route)
        .match_requests(|call| call.route_id() == Some("r1") && call.target() == Some("integrations/mapped"))
        .then_output(|| UpdateRouteOutput::builder().build());
    let cleaned = mock!(Gateway::delete_integration)
        .match_requests(|call| call.integration_id() == Some("plain"))
        .then_output(|| DeleteIntegrationOutput::builder().build());
    let (api, stage) = (api(|_| {}), stage(|_| {}));
    let routes = routes(&[("r1", "GET /", "plain")]);
    let integrations = integrations(&[("plain", "https://backend.example.net/")]);
    let rules = [&api, &stage, &routes, &integrations, &mapped, &moved, &cleaned];
    let mut wanted = one_route();
    wanted[0]["headers"] = json!({"x-tenant": "acme", "x-debug": null});
    wanted[0]["path"] = json!("/v1/a");
    step(&rules, &[], known(request(wanted, json!({})))).await.expect("put right");
    assert_eq!(rules.map(Rule::num_calls), [1; 7]);
}

fn old_authorizer() -> Rule {
    mock!(Gateway::get_authorizers).then_output(|| {
        let old = aws_sdk_apigatewayv2::types::Authorizer::builder().authorizer_id("old").name("old");
        GetAuthorizersOutput::builder().items(old.build()).build()
    })
}

#[tokio::test]
async fn a_route_is_closed_by_its_authorizer_before_the_old_one_goes() {
    let jwt = json!({"jwt": {"issuer": "https://login.example.com", "audience": ["models"]}});
    let wanted = json!([
        {"route": "GET /", "url": "https://backend.example.net/", "authorizer": jwt, "scopes": ["read"]},
        {"route": "PUT /", "url": "https://backend.example.net/", "authorizer": jwt}
    ]);
    let (api, stage, old) = (api(|_| {}), stage(|_| {}), old_authorizer());
    let routes = routes(&[("r1", "GET /", "i1")]);
    let integrations = integrations(&[("i1", "https://backend.example.net/")]);
    let made = mock!(Gateway::create_authorizer)
        .match_requests(|call| {
            call.identity_source() == ["$request.header.Authorization"]
                && call.jwt_configuration().is_some_and(|jwt| {
                    jwt.issuer() == Some("https://login.example.com") && jwt.audience() == ["models"]
                })
        })
        .then_output(|| CreateAuthorizerOutput::builder().authorizer_id("new").build());
    let closed = mock!(Gateway::update_route)
        .match_requests(|call| {
            call.authorization_type() == Some(&AuthorizationType::Jwt)
                && call.authorizer_id() == Some("new")
                && call.authorization_scopes() == ["read"]
        })
        .then_output(|| UpdateRouteOutput::builder().build());
    let route = mock!(Gateway::create_route)
        .match_requests(|call| {
            call.authorization_type() == Some(&AuthorizationType::Jwt) && call.authorizer_id() == Some("new")
        })
        .then_output(|| CreateRouteOutput::builder().build());
    let gone = mock!(Gateway::delete_authorizer)
        .match_requests(|call| call.authorizer_id() == Some("old"))
        .then_output(|| DeleteAuthorizerOutput::builder().build());
    let rules = [&api, &stage, &old, &routes, &integrations, &made, &closed, &route, &gone];
    step(&rules, &[], known(request(wanted, json!({})))).await.expect("closed");
    assert_eq!(rules.map(Rule::num_calls), [1; 9]);
}

#[tokio::test]
async fn an_authorizer_goes_only_after_the_route_that_asked_it_was_changed() {
    let (api, stage, old) = (api(|_| {}), stage(|_| {}), old_authorizer());
    let integrations = integrations(&[("i1", "https://backend.example.net/")]);
    let routes = mock!(Gateway::get_routes).then_output(|| {
        let route = Route::builder().route_id("r1").route_key("GET /").target("integrations/i1");
        let route = route.authorization_type(AuthorizationType::Jwt).authorizer_id("old");
        GetRoutesOutput::builder().items(route.build()).build()
    });
    // A mock panics on a call that no rule expects: no authorizer is deleted when the route could not be opened.
    let stays = mock!(Gateway::update_route)
        .match_requests(|call| {
            call.authorization_type() == Some(&AuthorizationType::None) && call.authorizer_id() == Some("")
        })
        .then_http_response(|| refusal(409, "ConflictException"));
    let rules = [&api, &stage, &old, &routes, &integrations, &stays];
    let error = step(&rules, &[], known(request(one_route(), json!({})))).await.expect_err("a conflict");
    assert_eq!(error.class, Class::Retryable);
}

#[tokio::test]
async fn a_function_is_permitted_to_be_asked_by_its_authorizer_alone() {
    let permission = mock!(aws_sdk_lambda::Client::add_permission)
        .match_requests(|call| {
            call.function_name() == Some(FUNCTION)
                && call.principal() == Some("apigateway.amazonaws.com")
                && call.source_arn() == Some("arn:aws:execute-api:us-east-1:123456789012:a1/authorizers/new")
        })
        .then_output(|| AddPermissionOutput::builder().build());
    let authorizer = mock!(Gateway::create_authorizer)
        .match_requests(|call| {
            call.authorizer_payload_format_version() == Some("2.0")
                && call.enable_simple_responses() == Some(true)
                && call.authorizer_result_ttl_in_seconds() == Some(60)
                && call.authorizer_uri().is_some_and(|uri| uri.ends_with(&format!("/functions/{FUNCTION}/invocations")))
        })
        .then_output(|| CreateAuthorizerOutput::builder().authorizer_id("new").build());
    let route = mock!(Gateway::create_route)
        .match_requests(|call| {
            call.authorization_type() == Some(&AuthorizationType::Custom) && call.authorizer_id() == Some("new")
        })
        .then_output(|| CreateRouteOutput::builder().build());
    let (search, create, integration, stage) = (no_apis(), api_created(), integration_created(), stage_created());
    let rules = [&search, &create, &authorizer, &integration, &route, &stage];
    let all = json!({"authorizer": {"lambda": {"function": FUNCTION, "ttl": 60}}});
    step(&rules, &[&permission], unknown(request(one_route(), all))).await.expect("made");
    assert_eq!((rules.map(Rule::num_calls), permission.num_calls()), ([1; 6], 1));
}

#[tokio::test]
async fn a_function_is_permitted_for_its_route_alone() {
    let permission = mock!(aws_sdk_lambda::Client::add_permission)
        .match_requests(|call| {
            call.function_name() == Some(FUNCTION)
                && call.principal() == Some("apigateway.amazonaws.com")
                && call.action() == Some("lambda:InvokeFunction")
                && call.statement_id() == Some(statement_id("a1", Authority::Route("GET /v1/{id}"), FUNCTION).as_str())
                && call.source_arn() == Some("arn:aws:execute-api:us-east-1:123456789012:a1/$default/GET/v1/*")
        })
        .then_output(|| AddPermissionOutput::builder().build());
    let integration = mock!(Gateway::create_integration)
        .match_requests(|call| {
            call.integration_type() == Some(&IntegrationType::AwsProxy)
                && call.payload_format_version() == Some("2.0")
                && call.integration_uri() == Some(FUNCTION)
        })
        .then_output(|| CreateIntegrationOutput::builder().integration_id("i1").build());
    let (search, create, route, stage) = (no_apis(), api_created(), route_created(), stage_created());
    let routes = json!([{"route": "GET /v1/{id}", "lambda": FUNCTION}]);
    let rules = [&search, &create, &integration, &route, &stage];
    step(&rules, &[&permission], unknown(request(routes, json!({})))).await.expect("made");
    assert_eq!((rules.map(Rule::num_calls), permission.num_calls()), ([1; 5], 1));
}

#[tokio::test]
async fn adopts_when_ours_and_finishes_what_a_cut_run_left() {
    let search = mock!(Gateway::get_apis).then_output(|| {
        GetApisOutput::builder().items(listed("foreign", 1, foreign_tags())).items(listed("a1", 2, our_tags())).build()
    });
    let routes = routes(&[("r1", "GET /", "i1")]);
    let integrations = integrations(&[("i1", "https://backend.example.net/")]);
    let no_stage = mock!(Gateway::get_stage).then_http_response(|| refusal(404, "NotFoundException"));
    let route = mock!(Gateway::create_route)
        .match_requests(|call| call.route_key() == Some("POST /") && call.target() == Some("integrations/i1"))
        .then_output(|| CreateRouteOutput::builder().build());
    let stage = stage_created();
    let rules = [&search, &routes, &integrations, &no_stage, &route, &stage];
    let wanted = json!([
        {"route": "GET /", "url": "https://backend.example.net/"},
        {"route": "POST /", "url": "https://backend.example.net/"}
    ]);
    let output = step(&rules, &[], unknown(request(wanted, json!({})))).await.expect("adopted");
    assert_eq!(output.api_id, "a1");
    assert_eq!(rules.map(Rule::num_calls), [1; 6]);
}

#[tokio::test]
async fn refuses_when_foreign() {
    let foreign = api(|api| api.tags = Some(foreign_tags()));
    let error = step(&[&foreign], &[], known(request(one_route(), json!({})))).await.expect_err("foreign");
    assert_eq!((error.class, error.code.as_str()), (Class::Refused, "ApiNotOurs"));
    assert!(error.reason.contains("a1"), "{}", error.reason);
}

#[tokio::test]
async fn second_run_changes_nothing() {
    let api = api(|api| {
        // As API Gateway gives it back: another order, other letter case.
        api.cors_configuration = Some(
            Cors::builder()
                .allow_origins("https://b.example.com")
                .allow_origins("https://a.example.com")
                .allow_methods("*")
                .allow_headers("x-one")
                .allow_credentials(false)
                .max_age(0)
                .build(),
        );
    });
    let routes = routes(&[("r1", "GET /", "i1")]);
    let integrations = integrations(&[("i1", "https://backend.example.net/")]);
    let stage = stage(|stage| {
        stage.default_route_settings = Some(limits(100.0, 200));
    });
    let more = json!({
        "cors": {"allowOrigins": ["https://a.example.com", "https://b.example.com"], "allowHeaders": ["X-One"]},
        "throttle": {"rate": 100, "burst": 200}
    });
    let rules = [&api, &routes, &integrations, &stage];
    let output = step(&rules, &[], known(request(one_route(), more))).await.expect("nothing to do");
    assert_eq!(output.default_endpoint.as_deref(), Some(ENDPOINT));
    assert_eq!(rules.map(Rule::num_calls), [1; 4]);
}

#[tokio::test]
async fn a_second_run_knows_its_function_by_the_arn_inside_the_integration_uri() {
    let (api, stage) = (api(|_| {}), stage(|_| {}));
    let routes = routes(&[("r1", "GET /", "i1")]);
    let integrations = mock!(Gateway::get_integrations).then_output(|| {
        let uri = settings().invocation_uri(FUNCTION);
        let integration = Integration::builder()
            .integration_id("i1")
            .integration_type(IntegrationType::AwsProxy)
            .integration_method("POST")
            .payload_format_version("2.0")
            .integration_uri(uri);
        GetIntegrationsOutput::builder().items(integration.build()).build()
    });
    let wanted = request(json!([{"route": "GET /", "lambda": FUNCTION}]), json!({}));
    let policy = permits(FUNCTION, &["GET /"]);
    step(&[&api, &routes, &integrations, &stage], &[&policy], known(wanted)).await.expect("nothing to do");
    assert_eq!(policy.num_calls(), 1);
}

#[tokio::test]
async fn a_recorded_api_that_is_gone_is_searched_by_tag() {
    let gone = mock!(Gateway::get_api).then_http_response(|| refusal(404, "NotFoundException"));
    let (search, create, integration, route, stage) =
        (no_apis(), api_created(), integration_created(), route_created(), stage_created());
    let rules = [&gone, &search, &create, &integration, &route, &stage];
    step(&rules, &[], known(request(one_route(), json!({})))).await.expect("made anew");
    assert_eq!(rules.map(Rule::num_calls), [1; 6]);
}

#[tokio::test]
async fn the_search_reads_every_page_and_takes_the_oldest() {
    let first = mock!(Gateway::get_apis)
        .match_requests(|call| call.next_token().is_none())
        .then_output(|| GetApisOutput::builder().items(listed("young", 20, our_tags())).next_token("more").build());
    let second = mock!(Gateway::get_apis)
        .match_requests(|call| call.next_token() == Some("more") && call.max_results().is_some())
        .then_output(|| GetApisOutput::builder().items(listed("old", 10, our_tags())).build());
    let routes = routes(&[("r1", "GET /", "i1")]);
    let integrations = integrations(&[("i1", "https://backend.example.net/")]);
    let stage = stage(|_| {});
    let output =
        step(&[&first, &second, &routes, &integrations, &stage], &[], unknown(request(one_route(), json!({}))))
            .await
            .expect("found");
    assert_eq!((output.api_id.as_str(), output.replaced), ("old", vec!["young".to_owned()]));
    assert_eq!((first.num_calls(), second.num_calls()), (1, 1));
}

#[tokio::test]
async fn moved_and_foreign_routes_are_put_right_and_their_integrations_removed() {
    let (api, stage) = (api(|_| {}), stage(|_| {}));
    let routes = routes(&[("r1", "GET /", "old"), ("r2", "PUT /", "old")]);
    let integrations = integrations(&[("old", "https://old.example.net/")]);
    let created = integration_created();
    let moved = mock!(Gateway::update_route)
        .match_requests(|call| call.route_id() == Some("r1") && call.target() == Some("integrations/new"))
        .then_output(|| UpdateRouteOutput::builder().build());
    let removed = mock!(Gateway::delete_route)
        .match_requests(|call| call.route_id() == Some("r2"))
        .then_output(|| DeleteRouteOutput::builder().build());
    let cleaned = mock!(Gateway::delete_integration)
        .match_requests(|call| call.integration_id() == Some("old"))
        .then_output(|| DeleteIntegrationOutput::builder().build());
    let rules = [&api, &stage, &routes, &integrations, &created, &moved, &removed, &cleaned];
    step(&rules, &[], known(request(one_route(), json!({})))).await.expect("put right");
    assert_eq!(rules.map(Rule::num_calls), [1; 8]);
}

#[tokio::test]
async fn an_integration_that_a_cut_run_left_is_used_and_kept() {
    let (api, stage) = (api(|_| {}), stage(|_| {}));
    let routes = routes(&[("r1", "GET /", "old")]);
    let integrations = integrations(&[("old", "https://old.example.net/"), ("left", "https://backend.example.net/")]);
    let moved = mock!(Gateway::update_route)
        .match_requests(|call| call.target() == Some("integrations/left"))
        .then_output(|| UpdateRouteOutput::builder().build());
    let cleaned = mock!(Gateway::delete_integration)
        .match_requests(|call| call.integration_id() == Some("old"))
        .then_output(|| DeleteIntegrationOutput::builder().build());
    let rules = [&api, &stage, &routes, &integrations, &moved, &cleaned];
    step(&rules, &[], known(request(one_route(), json!({})))).await.expect("put right");
    assert_eq!(rules.map(Rule::num_calls), [1; 6]);
}

#[tokio::test]
async fn what_somebody_deleted_meanwhile_is_deleted_enough() {
    let (api, stage) = (api(|_| {}), stage(|_| {}));
    let routes = routes(&[("r1", "GET /", "i1"), ("r2", "PUT /", "i2")]);
    let integrations = integrations(&[("i1", "https://backend.example.net/"), ("i2", "https://x.example.net/")]);
    let route = mock!(Gateway::delete_route).then_http_response(|| refusal(404, "NotFoundException"));
    let integration = mock!(Gateway::delete_integration).then_http_response(|| refusal(404, "NotFoundException"));
    let rules = [&api, &stage, &routes, &integrations, &route, &integration];
    step(&rules, &[], known(request(one_route(), json!({})))).await.expect("put right");
    assert_eq!(rules.map(Rule::num_calls), [1; 6]);
}

#[tokio::test]
async fn name_cross_origin_rules_limits_and_tags_are_corrected() {
    let stale = api(|api| {
        api.name = Some("other".into());
        api.tags.as_mut().expect("tags").remove("team");
        api.cors_configuration = Some(Cors::builder().allow_origins("https://old.example.com").build());
    });
    let routes = routes(&[("r1", "GET /", "i1")]);
    let integrations = integrations(&[("i1", "https://backend.example.net/")]);
    let stage = stage(|stage| {
        stage.auto_deploy = Some(false);
        stage.tags.as_mut().expect("tags").insert("team".into(), "old".into());
    });
    let update = mock!(Gateway::update_api)
        .match_requests(|call| {
            call.name() == Some("example.com")
                && call.cors_configuration().is_some_and(|cors| {
                    cors.allow_origins() == ["https://app.example.com"] && cors.allow_headers.is_some()
                })
        })
        .then_output(|| UpdateApiOutput::builder().build());
    let update_stage = mock!(Gateway::update_stage)
        .match_requests(|call| {
            call.auto_deploy() == Some(true)
                && call.default_route_settings().and_then(RouteSettings::throttling_burst_limit) == Some(2)
        })
        .then_output(|| UpdateStageOutput::builder().build());
    let tag = |arn: &'static str| {
        mock!(Gateway::tag_resource)
            .match_requests(move |call| {
                call.resource_arn() == Some(arn)
                    && call.tags() == Some(&HashMap::from([("team".to_owned(), "x".to_owned())]))
            })
            .then_output(|| TagResourceOutput::builder().build())
    };
    let tag_api = tag("arn:aws:apigateway:us-east-1::/apis/a1");
    let tag_stage = tag("arn:aws:apigateway:us-east-1::/apis/a1/stages/$default");
    let rules = [&stale, &routes, &integrations, &stage, &update, &update_stage, &tag_api, &tag_stage];
    let more = json!({"cors": {"allowOrigins": ["https://app.example.com"]}, "throttle": {"rate": 1, "burst": 2}});
    step(&rules, &[], known(request(one_route(), more))).await.expect("corrected");
    assert_eq!(rules.map(Rule::num_calls), [1; 8]);
}

/// An API that stands as wanted, with its default endpoint closed or not; `more` are rules for what else is called.
async fn with_endpoint(closed: bool, wanted: &str, more: &[&Rule]) -> CreateApiOutput {
    let api = api(move |api| api.disable_execute_api_endpoint = Some(closed));
    let (routes, stage) = (routes(&[("r1", "GET /", "i1")]), stage(|_| {}));
    let integrations = integrations(&[("i1", "https://backend.example.net/")]);
    let rules = [&[&api, &routes, &integrations, &stage], more].concat();
    let request = request(one_route(), json!({"defaultEndpoint": wanted}));
    step(&rules, &[], known(request)).await.expect("nothing stands in the way")
}

#[tokio::test]
async fn a_default_endpoint_is_opened_again_and_never_closed() {
    let open = mock!(Gateway::update_api)
        .match_requests(|call| call.disable_execute_api_endpoint() == Some(false) && call.name().is_none())
        .then_output(|| UpdateApiOutput::builder().build());
    assert_eq!(with_endpoint(true, "open", &[&open]).await.default_endpoint.as_deref(), Some(ENDPOINT));
    assert_eq!(open.num_calls(), 1);
    // No rule lets anything be written.
    assert_eq!(with_endpoint(true, "closed", &[]).await.default_endpoint, None);
    assert_eq!(with_endpoint(false, "closed", &[]).await.default_endpoint.as_deref(), Some(ENDPOINT));
    assert_eq!(with_endpoint(false, "open", &[]).await.default_endpoint.as_deref(), Some(ENDPOINT));
}

#[tokio::test]
async fn tags_of_an_earlier_request_are_taken_off_and_those_of_others_stay() {
    let marked = |tags: &mut HashMap<String, String>| {
        tags.extend([("cost".to_owned(), "1".to_owned()), ("theirs".to_owned(), "x".to_owned())]);
    };
    let api = api(move |api| marked(api.tags.as_mut().expect("tags")));
    let stage = stage(move |stage| marked(stage.tags.as_mut().expect("tags")));
    let routes = routes(&[("r1", "GET /", "i1")]);
    let integrations = integrations(&[("i1", "https://backend.example.net/")]);
    let untag = |arn: &'static str| {
        mock!(Gateway::untag_resource)
            .match_requests(move |call| call.resource_arn() == Some(arn) && call.tag_keys() == ["cost"])
            .then_output(|| UntagResourceOutput::builder().build())
    };
    let untag_api = untag("arn:aws:apigateway:us-east-1::/apis/a1");
    let untag_stage = untag("arn:aws:apigateway:us-east-1::/apis/a1/stages/$default");
    let rules = [&api, &routes, &integrations, &stage, &untag_api, &untag_stage];
    let former_tags = vec!["cost".to_owned(), "gone".to_owned()];
    let input = CreateApiInput { former_tags, ..known(request(one_route(), json!({}))) };
    step(&rules, &[], input).await.expect("untagged");
    assert_eq!(rules.map(Rule::num_calls), [1; 6]);
}

#[tokio::test]
async fn cross_origin_rules_that_are_no_longer_wanted_are_deleted() {
    let api = api(|api| api.cors_configuration = Some(Cors::builder().allow_origins("*").build()));
    let routes = routes(&[("r1", "GET /", "i1")]);
    let integrations = integrations(&[("i1", "https://backend.example.net/")]);
    let stage = stage(|_| {});
    let delete =
        mock!(Gateway::delete_cors_configuration).then_output(|| DeleteCorsConfigurationOutput::builder().build());
    let rules = [&api, &routes, &integrations, &stage, &delete];
    step(&rules, &[], known(request(one_route(), json!({})))).await.expect("deleted");
    assert_eq!(rules.map(Rule::num_calls), [1; 5]);
}

#[tokio::test(start_paused = true)]
async fn a_lost_answer_never_makes_a_second_api() {
    for code in ["InternalServerErrorException", "TooManyRequestsException"] {
        let search = no_apis();
        let create = mock!(Gateway::create_api)
            .sequence()
            .http_response(move || refusal(if code.starts_with('I') { 500 } else { 429 }, code))
            .repeatedly()
            .build();
        let error =
            step(&[&search, &create], &[], unknown(request(one_route(), json!({})))).await.expect_err("unclear");
        assert_eq!((error.class, error.code.as_str()), (Class::Retryable, code));
        assert_eq!(create.num_calls(), 1, "{code}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_lost_answer_never_makes_a_second_integration() {
    let (search, create) = (no_apis(), api_created());
    let integration = mock!(Gateway::create_integration)
        .sequence()
        .http_response(|| refusal(500, "InternalServerErrorException"))
        .repeatedly()
        .build();
    let error = step(&[&search, &create, &integration], &[], unknown(request(one_route(), json!({}))))
        .await
        .expect_err("unclear");
    assert_eq!((error.class, integration.num_calls()), (Class::Retryable, 1));
}

#[tokio::test(start_paused = true)]
async fn throttled_reads_are_repeated_and_then_left_to_the_state_machine() {
    let search = mock!(Gateway::get_apis)
        .sequence()
        .http_response(|| refusal(429, "TooManyRequestsException"))
        .repeatedly()
        .build();
    let error = step(&[&search], &[], unknown(request(one_route(), json!({})))).await.expect_err("throttled");
    assert_eq!((error.class, error.code.as_str()), (Class::Retryable, "TooManyRequestsException"));
    assert!(search.num_calls() > 1);
}

#[tokio::test]
async fn conflict_exception_is_retryable() {
    let (search, create, integration) = (no_apis(), api_created(), integration_created());
    let route = mock!(Gateway::create_route).then_http_response(|| refusal(409, "ConflictException"));
    let error = step(&[&search, &create, &integration, &route], &[], unknown(request(one_route(), json!({}))))
        .await
        .expect_err("a conflict");
    assert_eq!((error.class, error.code.as_str()), (Class::Retryable, "ConflictException"));
}

#[tokio::test]
async fn access_denied_is_failed() {
    let search = mock!(Gateway::get_apis).then_http_response(|| refusal(403, "AccessDeniedException"));
    let error = step(&[&search], &[], unknown(request(one_route(), json!({})))).await.expect_err("denied");
    assert_eq!((error.class, error.code.as_str()), (Class::Failed, "AccessDeniedException"));
}

async fn with_permission_answer(answer: fn() -> HttpResponse) -> Result<CreateApiOutput, StepError> {
    let (search, create, integration, route, stage) =
        (no_apis(), api_created(), integration_created(), route_created(), stage_created());
    let permission =
        mock!(aws_sdk_lambda::Client::add_permission).sequence().http_response(answer).repeatedly().build();
    let routes = json!([{"route": "GET /", "lambda": FUNCTION}]);
    let rules = [&search, &create, &integration, &route, &stage];
    step(&rules, &[&permission], unknown(request(routes, json!({})))).await
}

#[tokio::test]
async fn a_statement_that_is_there_already_is_a_permission() {
    with_permission_answer(|| {
        refusal_saying(409, "ResourceConflictException", "The statement id (nameplate-1) provided already exists.")
    })
    .await
    .expect("permitted before");
}

#[tokio::test(start_paused = true)]
async fn a_function_in_the_middle_of_an_update_is_retryable() {
    let error = with_permission_answer(|| {
        refusal_saying(409, "ResourceConflictException", "An update is in progress for resource")
    })
    .await
    .expect_err("busy");
    assert_eq!((error.class, error.code.as_str()), (Class::Retryable, "ResourceConflictException"));
}

#[tokio::test]
async fn a_function_that_does_not_exist_is_failed_and_named() {
    let error = with_permission_answer(|| refusal(404, "ResourceNotFoundException")).await.expect_err("no function");
    assert_eq!((error.class, error.code.as_str()), (Class::Failed, "FunctionNotFound"));
    assert!(error.reason.contains(FUNCTION) && error.reason.contains("GET /"), "{}", error.reason);
}

#[tokio::test]
async fn policy_length_exceeded_exception_is_failed_with_a_way_out() {
    let error = with_permission_answer(|| refusal(400, "PolicyLengthExceededException")).await.expect_err("too long");
    assert_eq!((error.class, error.code.as_str()), (Class::Failed, "PolicyLengthExceededException"));
    assert!(error.remedy.contains("{proxy+}"), "{}", error.remedy);
}

#[tokio::test]
async fn limits_are_taken_off_by_the_accounts_own_since_a_stage_keeps_what_it_had() {
    for (rate, burst) in [(Some(5.0), Some(6)), (None, Some(6)), (Some(5.0), None)] {
        let stage = stage(move |stage| {
            let limits = RouteSettings::builder().set_throttling_rate_limit(rate).set_throttling_burst_limit(burst);
            stage.default_route_settings = Some(limits.build());
        });
        let (api, routes) = (api(|_| {}), routes(&[("r1", "GET /", "i1")]));
        let integrations = integrations(&[("i1", "https://backend.example.net/")]);
        let update = mock!(Gateway::update_stage)
            .match_requests(|call| {
                call.route_settings().is_none() && call.default_route_settings() == Some(&limits(10_000.0, 5_000))
            })
            .then_output(|| UpdateStageOutput::builder().build());
        let rules = [&api, &routes, &integrations, &stage, &update];
        step(&rules, &[], known(request(one_route(), json!({})))).await.expect("taken off");
        assert_eq!(rules.map(Rule::num_calls), [1; 5]);
    }
}

#[tokio::test]
async fn limits_of_one_route_are_set_and_those_that_are_left_out_removed() {
    let limited = |key: &str, rate| (key.to_owned(), limits(rate, 2));
    let stage = stage(move |stage| {
        let metrics = RouteSettings::builder().detailed_metrics_enabled(true).build();
        let others = [limited("PUT /", 1.0), limited("GET /", 1.0), ("POST /".to_owned(), metrics)];
        stage.route_settings = Some(HashMap::from(others));
    });
    let api = api(|_| {});
    let routes = routes(&[("r1", "GET /", "i1")]);
    let integrations = integrations(&[("i1", "https://backend.example.net/")]);
    let removed = mock!(Gateway::delete_route_settings)
        .match_requests(|call| call.route_key() == Some("PUT /") && call.stage_name() == Some(STAGE))
        .then_output(|| DeleteRouteSettingsOutput::builder().build());
    let update = mock!(Gateway::update_stage)
        .match_requests(|call| {
            call.default_route_settings().is_none()
                && call
                    .route_settings()
                    .is_some_and(|routes| routes.len() == 1 && routes["GET /"].throttling_rate_limit() == Some(5.0))
        })
        .then_output(|| UpdateStageOutput::builder().build());
    let rules = [&api, &routes, &integrations, &stage, &removed, &update];
    let mut wanted = one_route();
    wanted[0]["throttle"] = json!({"rate": 5, "burst": 2});
    step(&rules, &[], known(request(wanted, json!({})))).await.expect("limited");
    assert_eq!(rules.map(Rule::num_calls), [1; 6]);
}

#[tokio::test]
async fn integrations_of_other_kinds_are_never_taken_for_ours() {
    let like_ours = || {
        Integration::builder()
            .integration_id("i1")
            .integration_type(IntegrationType::HttpProxy)
            .integration_method("ANY")
            .payload_format_version("1.0")
            .integration_uri("https://backend.example.net/")
    };
    for (other, replaced) in [
        (like_ours(), 0),
        (like_ours().integration_method("GET"), 1),
        (like_ours().payload_format_version("2.0"), 1),
        (like_ours().connection_id("vpc-link"), 1),
        (like_ours().integration_type(IntegrationType::Mock), 1),
    ] {
        let present = mock!(Gateway::get_integrations)
            .then_output(move || GetIntegrationsOutput::builder().items(other.clone().build()).build());
        let (api, stage, routes) = (api(|_| {}), stage(|_| {}), routes(&[("r1", "GET /", "i1")]));
        let moved = mock!(Gateway::update_route)
            .match_requests(|call| call.target() == Some("integrations/new"))
            .then_output(|| UpdateRouteOutput::builder().build());
        let gone = mock!(Gateway::delete_integration).then_output(|| DeleteIntegrationOutput::builder().build());
        let made = integration_created();
        let rules = [&api, &stage, &routes, &present, &made, &moved, &gone];
        step(&rules, &[], known(request(one_route(), json!({})))).await.expect("put right");
        assert_eq!([&made, &moved, &gone].map(Rule::num_calls), [replaced; 3]);
    }
}
