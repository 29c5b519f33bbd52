//! A WebSocket API: what is sent otherwise, and its deployments.

use super::*;
use aws_sdk_apigatewayv2::operation::create_deployment::CreateDeploymentOutput;
use aws_sdk_apigatewayv2::operation::get_deployments::GetDeploymentsOutput;
use aws_sdk_apigatewayv2::types::{Deployment, DeploymentStatus};
use nameplate::resource::api::{Target, WEBSOCKET_STAGE, deployment_mark};

fn wanted(routes: Value, more: Value) -> Request {
    let mut api = json!({"protocol": "WEBSOCKET"});
    api.as_object_mut().expect("an object").extend(more.as_object().expect("an object").clone());
    request(routes, api)
}

fn ask() -> Value {
    json!([{"route": "ask", "url": "https://backend.example.net/"}])
}

fn socket(change: impl Fn(&mut Api) + Send + Sync + 'static) -> Rule {
    api(move |api| {
        api.protocol_type = Some(ProtocolType::Websocket);
        api.api_endpoint = Some(ENDPOINT.replace("https", "wss"));
        api.route_selection_expression = Some("$request.body.action".into());
        change(api);
    })
}

fn socket_created() -> Rule {
    mock!(Gateway::create_api)
        .match_requests(|call| {
            call.protocol_type() == Some(&ProtocolType::Websocket)
                && call.route_selection_expression() == Some("$request.body.action")
                && call.cors_configuration().is_none()
        })
        .then_output(|| ApiCreated::builder().api_id("a1").api_endpoint(ENDPOINT.replace("https", "wss")).build())
}

fn posting() -> Integration {
    Integration::builder()
        .integration_id("i1")
        .integration_type(IntegrationType::HttpProxy)
        .integration_method("POST")
        .payload_format_version("1.0")
        .integration_uri("https://backend.example.net/")
        .build()
}

fn integrations_to_post() -> Rule {
    mock!(Gateway::get_integrations).then_output(|| GetIntegrationsOutput::builder().items(posting()).build())
}

/// The mark of the deployment that holds route `r1` to `i1`.
fn mark() -> String {
    let request = wanted(ask(), json!({}));
    let route = nameplate::resource::api::Route {
        id: "r1".into(),
        key: "ask".into(),
        integration_id: Some("i1".into()),
        ..Default::default()
    };
    let target = Target::of(Protocol::WebSocket, &request.api.routes[0]);
    let integrations = vec![nameplate::resource::api::Integration { id: "i1".into(), target }];
    let standing = Standing { routes: vec![route], integrations, ..Standing::default() };
    deployment_mark(&standing, &request, false)
}

fn deployments(present: Vec<(&'static str, String, DeploymentStatus)>) -> Rule {
    mock!(Gateway::get_deployments).then_output(move || {
        let deployment = |(id, mark, status): &(&str, String, DeploymentStatus)| {
            Deployment::builder().deployment_id(*id).description(mark).deployment_status(status.clone()).build()
        };
        GetDeploymentsOutput::builder().set_items(Some(present.iter().map(deployment).collect())).build()
    })
}

fn deployed() -> Rule {
    mock!(Gateway::create_deployment)
        .match_requests(|call| call.api_id() == Some("a1") && call.description() == Some(mark().as_str()))
        .then_output(|| CreateDeploymentOutput::builder().deployment_id("d2").build())
}

fn on(deployment: Option<&'static str>) -> Rule {
    stage(move |stage| {
        stage.auto_deploy = Some(false);
        stage.deployment_id = deployment.map(str::to_owned);
    })
}

fn put_on(deployment: &'static str) -> Rule {
    mock!(Gateway::update_stage)
        .match_requests(move |call| {
            call.stage_name() == Some(WEBSOCKET_STAGE)
                && call.deployment_id() == Some(deployment)
                && call.auto_deploy() == Some(false)
        })
        .then_output(|| UpdateStageOutput::builder().build())
}

#[tokio::test]
async fn a_deployment_is_made_once_the_routes_are_there_and_the_stage_put_on_it() {
    let search = no_apis();
    let integration = mock!(Gateway::create_integration)
        .match_requests(|call| {
            call.integration_type() == Some(&IntegrationType::HttpProxy)
                && call.integration_method() == Some("POST")
                && call.payload_format_version() == Some("1.0")
        })
        .then_output(|| CreateIntegrationOutput::builder().integration_id("i1").build());
    let route = mock!(Gateway::create_route)
        .match_requests(|call| call.route_key() == Some("ask") && call.target() == Some("integrations/i1"))
        .then_output(|| CreateRouteOutput::builder().build());
    let (there, to_post) = (routes(&[("r1", "ask", "i1")]), integrations_to_post());
    let stage = mock!(Gateway::create_stage)
        .match_requests(|call| {
            call.stage_name() == Some("live")
                && call.auto_deploy() == Some(false)
                && call.deployment_id() == Some("d2")
                && call.tags() == Some(&our_tags())
        })
        .then_output(|| CreateStageOutput::builder().build());
    let rules = [&search, &socket_created(), &integration, &route, &there, &to_post, &deployed(), &stage];
    let output = step(&rules, &[], unknown(wanted(ask(), json!({})))).await.expect("made");
    assert_eq!((output.stage.as_str(), output.protocol), ("live", Protocol::WebSocket));
    assert_eq!(output.default_endpoint.as_deref(), Some("wss://a1.execute-api.us-east-1.amazonaws.com/live"));
    assert_eq!(rules.map(Rule::num_calls), [1; 8]);
}

#[tokio::test]
async fn a_second_run_finds_its_deployment_on_the_stage_and_writes_nothing() {
    let there = deployments(vec![
        ("d0", "by hand".into(), DeploymentStatus::Deployed),
        ("d1", mark(), DeploymentStatus::Deployed),
    ]);
    let rules = [&socket(|_| {}), &routes(&[("r1", "ask", "i1")]), &integrations_to_post(), &there, &on(Some("d1"))];
    step(&rules, &[], known(wanted(ask(), json!({})))).await.expect("nothing to do");
    assert_eq!(rules.map(Rule::num_calls), [1; 5]);
}

#[tokio::test]
async fn a_lost_answer_makes_no_second_deployment_and_another_hand_makes_no_difference() {
    for (there, on_stage, makes) in [
        // Made, and the answer was lost.
        (vec![("d2", mark(), DeploymentStatus::Deployed)], None, 0),
        (
            vec![("d1", "of before".to_owned(), DeploymentStatus::Deployed), ("d2", mark(), DeploymentStatus::Pending)],
            Some("d1"),
            0,
        ),
        // By hand, and one of ours that came to nothing.
        (vec![("d1", "by hand".to_owned(), DeploymentStatus::Deployed)], Some("d1"), 1),
        (vec![("d1", mark(), DeploymentStatus::Failed)], Some("d1"), 1),
        (vec![], None, 1),
    ] {
        let (make, put) = (deployed(), put_on("d2"));
        let (there, on_stage) = (deployments(there), on(on_stage));
        let (routes, integrations) = (routes(&[("r1", "ask", "i1")]), integrations_to_post());
        let rules = [&socket(|_| {}), &routes, &integrations, &there, &on_stage, &make, &put];
        step(&rules, &[], known(wanted(ask(), json!({})))).await.expect("deployed");
        assert_eq!((make.num_calls(), put.num_calls()), (makes, 1));
    }
}

#[tokio::test(start_paused = true)]
async fn a_deployment_that_may_have_been_made_is_not_asked_for_again_by_the_sdk_and_one_too_many_waits() {
    for (status, code, class) in
        [(500, "InternalServerErrorException", Class::Retryable), (429, "TooManyRequestsException", Class::NotReady)]
    {
        let make = mock!(Gateway::create_deployment)
            .sequence()
            .http_response(move || refusal(status, code))
            .repeatedly()
            .build();
        let (routes, integrations) = (routes(&[("r1", "ask", "i1")]), integrations_to_post());
        let rules = [&socket(|_| {}), &routes, &integrations, &deployments(vec![]), &on(None), &make];
        let error = step(&rules, &[], known(wanted(ask(), json!({})))).await.expect_err("unclear");
        assert_eq!((error.class, error.code.as_str(), make.num_calls()), (class, code, 1));
    }
}

#[tokio::test]
async fn a_deployment_that_api_gateway_says_has_failed_is_failed() {
    let make = mock!(Gateway::create_deployment).then_output(|| {
        CreateDeploymentOutput::builder()
            .deployment_id("d2")
            .deployment_status(DeploymentStatus::Failed)
            .deployment_status_message("no integration")
            .build()
    });
    let (routes, integrations) = (routes(&[("r1", "ask", "i1")]), integrations_to_post());
    let rules = [&socket(|_| {}), &routes, &integrations, &deployments(vec![]), &on(None), &make];
    let error = step(&rules, &[], known(wanted(ask(), json!({})))).await.expect_err("failed");
    assert_eq!((error.class, error.code.as_str()), (Class::Failed, "DeploymentFailed"));
    assert!(error.reason.contains("no integration"), "{error}");
}

#[tokio::test]
async fn nothing_is_deployed_while_the_routes_are_not_as_they_were_written() {
    let (integration, route) = (integration_created(), route_created());
    let rules = [
        &no_apis(),
        &socket_created(),
        &integration,
        &route,
        &routes(&[("r9", "other", "i1")]),
        &integrations_to_post(),
    ];
    let error = step(&rules, &[], unknown(wanted(ask(), json!({})))).await.expect_err("changed");
    assert_eq!((error.class, error.code.as_str()), (Class::Retryable, "RoutesChanged"));
}

#[tokio::test]
async fn another_expression_is_another_deployment() {
    let other = socket(|api| api.route_selection_expression = Some("$request.body.kind".into()));
    let update = mock!(Gateway::update_api)
        .match_requests(|call| {
            call.route_selection_expression() == Some("$request.body.action") && call.name().is_none()
        })
        .then_output(|| UpdateApiOutput::builder().build());
    let there = deployments(vec![("d1", "of the other".into(), DeploymentStatus::Deployed)]);
    let (routes, integrations) = (routes(&[("r1", "ask", "i1")]), integrations_to_post());
    let rules = [&other, &routes, &integrations, &there, &on(Some("d1")), &update, &deployed(), &put_on("d2")];
    step(&rules, &[], known(wanted(ask(), json!({})))).await.expect("deployed");
    assert_eq!(rules.map(Rule::num_calls), [1; 8]);
}

#[tokio::test]
async fn a_function_is_called_in_the_older_form_and_permitted_for_its_key_alone() {
    let integration = mock!(Gateway::create_integration)
        .match_requests(|call| {
            call.integration_type() == Some(&IntegrationType::AwsProxy)
                && call.integration_method() == Some("POST")
                && call.payload_format_version() == Some("1.0")
                && call.integration_uri() == Some(settings().invocation_uri(FUNCTION).as_str())
        })
        .then_output(|| CreateIntegrationOutput::builder().integration_id("i1").build());
    let authorizer = mock!(Gateway::create_authorizer)
        .match_requests(|call| {
            call.identity_source() == ["route.request.querystring.token"]
                && call.authorizer_payload_format_version().is_none()
                && call.enable_simple_responses().is_none()
                && call.authorizer_result_ttl_in_seconds().is_none()
        })
        .then_output(|| CreateAuthorizerOutput::builder().authorizer_id("au").build());
    let route = mock!(Gateway::create_route)
        .match_requests(|call| {
            call.route_key() == Some("$connect")
                && call.authorization_type() == Some(&AuthorizationType::Custom)
                && call.authorizer_id() == Some("au")
        })
        .then_output(|| CreateRouteOutput::builder().build());
    let permitted = |source: &'static str| {
        mock!(aws_sdk_lambda::Client::add_permission)
            .match_requests(move |call| call.function_name() == Some(FUNCTION) && call.source_arn() == Some(source))
            .then_output(|| AddPermissionOutput::builder().build())
    };
    let lambda = [
        &permitted("arn:aws:execute-api:us-east-1:123456789012:a1/live/$connect"),
        &permitted("arn:aws:execute-api:us-east-1:123456789012:a1/authorizers/au"),
    ];
    // What is written here shows in no list: the step ends where it looks.
    let rules = [&no_apis(), &socket_created(), &integration, &authorizer, &route, &routes(&[]), &integrations(&[])];
    let connect = json!({"route": "$connect", "lambda": FUNCTION,
        "authorizer": {"lambda": {"function": FUNCTION, "identitySources": ["$request.querystring.token"]}}});
    let error = step(&rules, &lambda, unknown(wanted(json!([connect]), json!({})))).await.expect_err("not seen");
    assert_eq!(error.code, "RoutesChanged");
    assert_eq!((rules.map(Rule::num_calls), lambda.map(Rule::num_calls)), ([1; 7], [1; 2]));
}
