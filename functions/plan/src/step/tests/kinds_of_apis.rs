//! WebSocket APIs, existing APIs and access logs: what the plan looks at, refuses and shows.

use super::*;
use aws_sdk_apigatewayv2::operation::get_api::GetApiOutput;
use aws_sdk_apigatewayv2::operation::get_deployment::GetDeploymentOutput;
use aws_sdk_apigatewayv2::types::AccessLogSettings;
use aws_sdk_cloudwatchlogs::operation::describe_log_groups::DescribeLogGroupsOutput;
use aws_sdk_cloudwatchlogs::operation::list_tags_for_resource::ListTagsForResourceOutput;
use aws_sdk_cloudwatchlogs::types::LogGroup;
use aws_sdk_lambda::operation::get_policy::GetPolicyOutput;
use nameplate::request::Protocol;
use nameplate::resource::api::{
    Authority, Integration as StandingIntegration, Route as StandingRoute, Standing, Target, deployment_mark,
    log_format, statement_id,
};

const GROUP: &str = "/aws/vendedlogs/nameplate/nameplate/example.com";
const ARN: &str = "arn:aws:logs:us-east-1:123456789012:log-group:/aws/vendedlogs/nameplate/nameplate/example.com";

fn with_api(api: Value) -> Value {
    json!({"domainName": "example.com", "api": api})
}

/// The item that a finished run for `wish` leaves, with this API on record.
fn finished(wish: &Value, api_id: Value) -> Rule {
    let mut attributes = live_item();
    let mut known = known();
    known["apiId"] = api_id;
    attributes.insert("known".to_owned(), text(known));
    attributes.insert("fingerprint".to_owned(), text(Request::parse(wish).expect("valid").fingerprint()));
    item(Some(attributes))
}

// An existing API.

fn existing() -> Value {
    with_api(json!({"existing": {"apiId": "e1", "stage": "beta"}}))
}

fn existing_api(tags: HashMap<String, String>) -> Rule {
    mock!(aws_sdk_apigatewayv2::Client::get_api)
        .match_requests(|call| call.api_id() == Some("e1"))
        .then_output(move || GetApiOutput::builder().api_id("e1").set_tags(Some(tags.clone())).build())
}

fn existing_stage() -> Rule {
    mock!(aws_sdk_apigatewayv2::Client::get_stage)
        .match_requests(|call| call.api_id() == Some("e1") && call.stage_name() == Some("beta"))
        .then_output(|| GetStageOutput::builder().stage_name("beta").build())
}

fn not_found() -> HttpResponse {
    error(404, "NotFoundException")
}

#[tokio::test]
async fn an_existing_api_must_be_there_with_its_stage_and_not_be_our_own() {
    let no_api = mock!(aws_sdk_apigatewayv2::Client::get_api).then_http_response(not_found);
    let no_stage = mock!(aws_sdk_apigatewayv2::Client::get_stage).then_http_response(not_found);
    let of_another = HashMap::from([
        (tags::DOMAIN.to_owned(), "example.net".to_owned()),
        (tags::STACK.to_owned(), "nameplate".to_owned()),
    ]);
    let world = World::fresh().with("GetApi", existing_api(of_another)).with("GetStage", existing_stage());
    let failure = world.failure(existing()).await;
    assert_eq!((failure.class, failure.code.as_str()), (Class::Refused, "ApiOfAnotherDomain"));
    assert!(failure.reason.contains("example.net") && failure.remedy.contains("example.net"), "{failure}");
    for (api, stage, code, field) in [
        (no_api, existing_stage(), "ApiNotFound", "api.existing.apiId"),
        (existing_api(HashMap::new()), no_stage, "StageNotFound", "api.existing.stage"),
        (existing_api(our_tags()), existing_stage(), "ApiIsOurs", "api.existing"),
    ] {
        for wish in [existing(), dry(existing())] {
            let world = World::fresh().with("GetApi", api.clone()).with("GetStage", stage.clone());
            let failure = world.failure(wish).await;
            assert_eq!((failure.class, failure.code.as_str()), (Class::Refused, code), "{failure}");
            assert!(failure.remedy.contains(field), "{failure}");
        }
    }
}

#[tokio::test]
async fn an_existing_api_that_is_attached_is_compared_by_its_mapping_and_its_routes_are_nobodys_business() {
    let world = World::changed()
        .without("GetRoutes")
        .without("GetIntegrations")
        .with("GetItem", finished(&existing(), Value::Null))
        .with("GetApi", existing_api(HashMap::new()))
        .with("GetStage", existing_stage())
        .with("GetApis", apis(vec![]))
        .with("GetApiMappings", mapping("e1", "beta"));
    let plan = world.plan(existing()).await.expect("a plan");
    assert!(plan.result.is_some(), "nothing is left to do");
    let calls = world.calls();
    assert_eq!(calls.iter().map(|(_, count)| count).sum::<usize>(), 13, "{calls:?}");
    let elsewhere = world.with("GetApiMappings", mapping("e1", "live"));
    assert_eq!(elsewhere.plan(existing()).await.expect("a plan").result, None, "another stage is mapped");
}

#[tokio::test]
async fn a_dry_run_shows_that_an_existing_api_takes_the_place_of_ours() {
    let world = World::changed().with("GetApi", existing_api(HashMap::new())).with("GetStage", existing_stage());
    let plan = world.plan(dry(existing())).await.expect("a plan");
    use ReportAction::{Change, Exists, Remove};
    assert_eq!(
        lines(&plan)[..2],
        [line("API", Exists, "e1, which exists and is not changed"), line("API", Remove, "api-1")]
    );
    assert!(lines(&plan).contains(&line("custom domain", Change, "api.example.com")));
    for shown in [r#"    ~ api: "api-1" -> "e1""#, r#"    ~ stage: "$default" -> "beta""#] {
        assert!(plan.report.lines.iter().any(|line| line == shown), "{:?}", plan.report.lines);
    }
}

// A WebSocket API.

fn socket() -> Value {
    with_api(json!({"protocol": "WEBSOCKET", "routes": [{"route": "ask", "url": BACKEND}]}))
}

fn posting() -> Rule {
    mock!(aws_sdk_apigatewayv2::Client::get_integrations).then_output(|| {
        let integration = Integration::builder()
            .integration_id("i-1")
            .integration_type(IntegrationType::HttpProxy)
            .integration_method("POST")
            .payload_format_version("1.0")
            .integration_uri(BACKEND);
        GetIntegrationsOutput::builder().items(integration.build()).build()
    })
}

fn on_deployment() -> Rule {
    mock!(aws_sdk_apigatewayv2::Client::get_stage)
        .match_requests(|call| call.stage_name() == Some("live"))
        .then_output(|| stage_output().stage_name("live").auto_deploy(false).deployment_id("d-1").build())
}

fn deployment(mark: String) -> Rule {
    mock!(aws_sdk_apigatewayv2::Client::get_deployment)
        .match_requests(|call| call.deployment_id() == Some("d-1"))
        .then_output(move || GetDeploymentOutput::builder().deployment_id("d-1").description(mark.clone()).build())
}

/// What the deployment says that holds the route of [`socket`].
fn mark() -> String {
    let request = Request::parse(&socket()).expect("valid");
    let target = Target::of(Protocol::WebSocket, &request.api.routes[0]);
    let route = StandingRoute {
        id: "r ask".to_owned(),
        key: "ask".to_owned(),
        integration_id: Some("i-1".to_owned()),
        ..StandingRoute::default()
    };
    let standing = Standing {
        routes: vec![route],
        integrations: vec![StandingIntegration { id: "i-1".to_owned(), target }],
        ..Standing::default()
    };
    deployment_mark(&standing, &request, false)
}

fn socket_api() -> Rule {
    mock!(aws_sdk_apigatewayv2::Client::get_api).then_output(|| {
        let api = api_output().protocol_type(ProtocolType::Websocket).set_tags(Some(our_tags()));
        api.route_selection_expression("$request.body.action").build()
    })
}

fn socket_listed() -> Api {
    let mut listed = api("api-1", our_tags());
    listed.protocol_type = Some(ProtocolType::Websocket);
    listed.route_selection_expression = Some("$request.body.action".to_owned());
    listed
}

fn live_socket() -> World {
    World::changed()
        .with("GetItem", finished(&socket(), json!("api-1")))
        .with("GetApis", apis(vec![socket_listed()]))
        .with("GetApi", socket_api())
        .with("GetApiMappings", mapping("api-1", "live"))
        .with("GetRoutes", routes(vec![route("ask", "integrations/i-1")]))
        .with("GetIntegrations", posting())
        .with("GetStage", on_deployment())
        .with("GetDeployment", deployment(mark()))
}

#[tokio::test]
async fn a_websocket_api_stands_while_its_stage_is_on_the_deployment_of_its_routes() {
    let world = live_socket();
    assert!(world.plan(socket()).await.expect("a plan").result.is_some(), "nothing is left to do");
    let calls = world.calls();
    assert_eq!(calls.iter().map(|(_, count)| count).sum::<usize>(), 16, "{calls:?}");

    let off = mock!(aws_sdk_apigatewayv2::Client::get_stage)
        .then_output(|| stage_output().stage_name("live").auto_deploy(false).build());
    let no_stage = mock!(aws_sdk_apigatewayv2::Client::get_stage).then_http_response(not_found);
    let gone = mock!(aws_sdk_apigatewayv2::Client::get_deployment).then_http_response(not_found);
    for (operation, rule) in [
        ("GetStage", off),
        ("GetStage", no_stage),
        ("GetDeployment", gone),
        ("GetDeployment", deployment("by hand".to_owned())),
        ("GetRoutes", routes(vec![route("other", "integrations/i-1")])),
        ("GetApiMappings", mapping("api-1", "$default")),
    ] {
        let world = live_socket().with(operation, rule);
        assert_eq!(world.plan(socket()).await.expect("a plan").result, None, "{operation}");
    }
}

#[tokio::test]
async fn a_dry_run_shows_a_websocket_api_field_by_field() {
    let websocket = |id: &str| {
        let mut api = api(id, our_tags());
        api.protocol_type = Some(ProtocolType::Websocket);
        api.route_selection_expression = Some("$request.body.kind".to_owned());
        api
    };
    let world = live_socket()
        .with("GetApis", apis(vec![websocket("api-1")]))
        .with("GetDeployment", deployment("by hand".to_owned()))
        .with("DescribeCertificate", describes(CertificateStatus::Issued, "DNS", "example.com"))
        .with("ListTagsForCertificate", certificate_tags(our_tags()))
        .with("ListCertificates", certificates(vec![(CERTIFICATE, &["example.com", "*.example.com"])]));
    let plan = world.plan(dry(socket())).await.expect("a plan");
    assert_eq!(
        plan.report.lines[..3],
        [
            "~ API api-1",
            "    + deployed: true",
            r#"    ~ routeSelectionExpression: "$request.body.kind" -> "$request.body.action""#,
        ]
    );
    // Another kind of API is another API, and the one that is there goes.
    let plan = World::changed().plan(dry(socket())).await.expect("a plan");
    use ReportAction::{Create, Remove};
    assert_eq!(lines(&plan)[..2], [line("API", Create, "example.com"), line("API", Remove, "api-1")]);
    for shown in [r#"    + protocol: "WEBSOCKET""#, r#"    + stage: "live""#, "    + deployed: true"] {
        assert!(plan.report.lines.iter().any(|line| line == shown), "{:?}", plan.report.lines);
    }
}

// Access log, and limits of one route.

fn logged() -> Value {
    with_api(json!({"routes": [{"route": "GET /", "url": BACKEND}], "accessLog": {"retentionDays": 30}}))
}

fn logging(group: &'static str, format: &'static str) -> Rule {
    mock!(aws_sdk_apigatewayv2::Client::get_stage).then_output(move || {
        let arn = format!("arn:aws:logs:us-east-1:123456789012:log-group:{group}");
        let log = AccessLogSettings::builder().destination_arn(arn).format(format);
        stage_output().access_log_settings(log.build()).build()
    })
}

fn kept_for(days: Option<i32>) -> Rule {
    mock!(aws_sdk_cloudwatchlogs::Client::describe_log_groups)
        .match_requests(|call| call.log_group_name_prefix() == Some(GROUP))
        .then_output(move || {
            let group = LogGroup::builder().log_group_name(GROUP).arn(format!("{ARN}:*")).set_retention_in_days(days);
            DescribeLogGroupsOutput::builder().log_groups(group.build()).build()
        })
}

fn log_tags(tags: HashMap<String, String>) -> Rule {
    mock!(aws_sdk_cloudwatchlogs::Client::list_tags_for_resource)
        .match_requests(|call| call.resource_arn() == Some(ARN))
        .then_output(move || ListTagsForResourceOutput::builder().set_tags(Some(tags.clone())).build())
}

fn live_logged() -> World {
    World::changed()
        .with("GetItem", finished(&logged(), json!("api-1")))
        .with("GetStage", logging(GROUP, log_format(Protocol::Http)))
        .with("DescribeLogGroups", kept_for(Some(30)))
        .with("ListTags of the log group", log_tags(our_tags()))
}

#[tokio::test]
async fn an_access_log_stands_while_the_stage_writes_to_it_and_its_group_keeps_it_as_long() {
    let world = live_logged();
    assert!(world.plan(logged()).await.expect("a plan").result.is_some(), "nothing is left to do");
    for (operation, rule) in [
        ("GetStage", stage(None)),
        ("GetStage", logging("elsewhere", log_format(Protocol::Http))),
        ("GetStage", logging(GROUP, "$context.requestId")),
        ("DescribeLogGroups", kept_for(Some(7))),
        ("DescribeLogGroups", kept_for(None)),
    ] {
        let world = live_logged().with(operation, rule);
        assert_eq!(world.plan(logged()).await.expect("a plan").result, None, "{operation}");
    }
}

#[tokio::test]
async fn a_dry_run_shows_the_access_log_and_the_limits_of_each_route() {
    let mut wish = logged();
    wish["api"]["routes"][0]["throttle"] = json!({"rate": 5, "burst": 6});
    let none = mock!(aws_sdk_cloudwatchlogs::Client::describe_log_groups)
        .then_output(|| DescribeLogGroupsOutput::builder().build());
    let live = World::changed().with("DescribeLogGroups", none);
    let plan = live.with("GetStage", stage(None)).plan(dry(wish.clone())).await.expect("a plan");
    for shown in [
        format!(r#"    + accessLog.logGroup: "{GROUP}""#),
        "    + accessLog.retentionDays: 30".to_owned(),
        r#"    + routes."GET /".throttle.burst: 6"#.to_owned(),
        r#"    + routes."GET /".throttle.rate: 5.0"#.to_owned(),
    ] {
        assert!(plan.report.lines.contains(&shown), "{:?}", plan.report.lines);
    }
    // And what is there and shall go: limits of a route, days.
    let limited = mock!(aws_sdk_apigatewayv2::Client::get_stage).then_output(|| {
        let arn = format!("arn:aws:logs:us-east-1:123456789012:log-group:{GROUP}:*");
        let log = AccessLogSettings::builder().destination_arn(arn).format(log_format(Protocol::Http)).build();
        let limits = RouteSettings::builder().throttling_rate_limit(5.0).throttling_burst_limit(6).build();
        let metrics = RouteSettings::builder().detailed_metrics_enabled(true).build();
        let settings = HashMap::from([("GET /".to_owned(), limits), ("PUT /".to_owned(), metrics)]);
        let stage = stage_output().access_log_settings(log);
        stage.set_route_settings(Some(settings)).build()
    });
    wish["api"]["routes"][0].as_object_mut().expect("an object").remove("throttle");
    let live = World::changed()
        .with("GetStage", limited)
        .with("DescribeLogGroups", kept_for(Some(7)))
        .with("ListTags of the log group", log_tags(our_tags()));
    let plan = live.plan(dry(wish)).await.expect("a plan");
    assert_eq!(
        plan.report.lines[..4],
        [
            "~ API api-1",
            "    ~ accessLog.retentionDays: 7 -> 30",
            r#"    - routes."GET /".throttle.burst: 6"#,
            r#"    - routes."GET /".throttle.rate: 5.0"#,
        ]
    );
}

// Permissions.

const FUNCTION: &str = "arn:aws:lambda:us-east-1:123456789012:function:models";

fn calling() -> Value {
    with_api(json!({"routes": [{"route": "GET /", "lambda": FUNCTION}]}))
}

fn calls_function() -> Rule {
    mock!(aws_sdk_apigatewayv2::Client::get_integrations).then_output(|| {
        let integration = Integration::builder()
            .integration_id("i-1")
            .integration_type(IntegrationType::AwsProxy)
            .integration_method("POST")
            .payload_format_version("2.0")
            .integration_uri(FUNCTION);
        GetIntegrationsOutput::builder().items(integration.build()).build()
    })
}

/// The policy of the function, with a statement for each of these routes.
fn permits(keys: &'static [&str]) -> Rule {
    let source = "arn:aws:execute-api:us-east-1:123456789012:api-1/x";
    let statement = |key: &&str| {
        let sid = statement_id("api-1", Authority::Route(key), FUNCTION);
        json!({"Sid": sid, "Condition": {"ArnLike": {"AWS:SourceArn": source}}})
    };
    let policy = json!({"Statement": keys.iter().map(statement).collect::<Vec<_>>()}).to_string();
    mock!(aws_sdk_lambda::Client::get_policy)
        .match_requests(|call| call.function_name() == Some(FUNCTION))
        .then_output(move || GetPolicyOutput::builder().policy(policy.clone()).build())
}

#[tokio::test]
async fn a_statement_that_somebody_has_removed_is_left_to_do_and_shown_and_so_is_one_too_many() {
    let sid = statement_id("api-1", Authority::Route("PUT /"), FUNCTION);
    for (keys, shown) in [
        (&["GET /"] as &[&str], None),
        (&[], Some(format!("    + routes.\"GET /\".permission: \"{FUNCTION}\""))),
        (&["GET /", "PUT /"], Some(format!("    - permissions.{sid}: \"{FUNCTION}\""))),
    ] {
        let world = World::changed()
            .with("GetItem", finished(&calling(), json!("api-1")))
            .with("GetIntegrations", calls_function())
            .with("GetPolicy", permits(keys));
        assert_eq!(world.plan(calling()).await.expect("a plan").result.is_some(), shown.is_none(), "{keys:?}");
        let lines = world.plan(dry(calling())).await.expect("a plan").report.lines;
        assert_eq!(lines.get(1).filter(|line| line.starts_with("    ")), shown.as_ref(), "{lines:#?}");
    }
}
