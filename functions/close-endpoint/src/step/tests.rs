//! The step against a world of one API, one change and one host name, in which each call can be cut.

use super::*;
use std::sync::{Arc, Mutex};

use aws_sdk_apigatewayv2::Client as Gateway;
use aws_sdk_apigatewayv2::config::http::HttpResponse;
use aws_sdk_apigatewayv2::config::retry::RetryConfig;
use aws_sdk_apigatewayv2::operation::create_deployment::CreateDeploymentOutput;
use aws_sdk_apigatewayv2::operation::get_api::GetApiOutput;
use aws_sdk_apigatewayv2::operation::get_deployment::GetDeploymentOutput;
use aws_sdk_apigatewayv2::operation::get_stage::GetStageOutput;
use aws_sdk_apigatewayv2::operation::update_api::UpdateApiOutput;
use aws_sdk_apigatewayv2::operation::update_stage::UpdateStageOutput;
use aws_sdk_route53::Client as Dns53;
use aws_sdk_route53::operation::get_change::GetChangeOutput;
use aws_sdk_route53::types::ChangeInfo;
use aws_smithy_mocks::{MockResponse, Rule, RuleMode, mock, mock_client};
use aws_smithy_runtime_api::client::http::{HttpConnector, HttpConnectorFuture, SharedHttpConnector};
use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_types::DateTime;
use aws_smithy_types::body::SdkBody;
use nameplate::Class;
use serde_json::json;

const HOST: &str = "api.example.com";
/// A further host name, which never answers.
const SILENT: &str = "www.example.com";
/// What the deployment says that the stage of a WebSocket API is on.
const OPEN: &str = "routes 0123";

/// What there is, and what has been done to it.
#[derive(Clone, Debug)]
struct World {
    closed: bool,
    protocol: ProtocolType,
    stack: &'static str,
    /// How many more looks see the change on its way.
    pending_looks: usize,
    change_known: bool,
    /// Status and headers of what the host name answers, or why it does not.
    name: Result<(u16, &'static [&'static str]), &'static str>,
    /// The descriptions of the deployments; their ids are their places here.
    deployments: Vec<String>,
    /// The deployment that the stage is on.
    staged: usize,
    calls: Vec<&'static str>,
    /// The number of the call whose answer is lost, from 1: it takes effect.
    cut: usize,
}

impl World {
    fn new() -> Self {
        Self {
            closed: false,
            protocol: ProtocolType::Http,
            stack: "nameplate",
            pending_looks: 0,
            change_known: true,
            name: Ok((404, &[OF_HTTP_API])),
            deployments: vec![OPEN.to_owned()],
            staged: 0,
            calls: Vec::new(),
            cut: 0,
        }
    }

    /// The same for a WebSocket API.
    fn web_socket() -> Self {
        Self { protocol: ProtocolType::Websocket, name: Ok((403, &[OF_AWS])), ..Self::new() }
    }

    /// Records a call, and says whether its answer is lost.
    fn called(&mut self, call: &'static str) -> bool {
        self.calls.push(call);
        self.calls.len() == self.cut
    }
}

type Shared = Arc<Mutex<World>>;

fn refusal(status: u16, code: &str) -> HttpResponse {
    let body = json!({"__type": code, "message": "because"}).to_string();
    HttpResponse::new(status.try_into().expect("a status"), SdkBody::from(body))
}

fn lost<O, E>() -> MockResponse<O, E> {
    MockResponse::Http(refusal(500, "InternalServerErrorException"))
}

fn get_api(world: &Shared) -> Rule {
    let world = Arc::clone(world);
    mock!(Gateway::get_api).match_requests(|call| call.api_id() == Some("a1")).then_compute_response(move |_| {
        let mut world = world.lock().expect("not poisoned");
        if world.called("GetApi") {
            return lost();
        }
        let tags = [(tags::DOMAIN, "example.com"), (tags::STACK, world.stack)];
        let tags = tags.map(|(key, value)| (key.to_owned(), value.to_owned()));
        let api = GetApiOutput::builder()
            .protocol_type(world.protocol.clone())
            .disable_execute_api_endpoint(world.closed)
            .set_tags(Some(tags.into()));
        MockResponse::Output(api.build())
    })
}

fn get_change(world: &Shared) -> Rule {
    let world = Arc::clone(world);
    mock!(Dns53::get_change).match_requests(|call| call.id() == Some("C1")).then_compute_response(move |_| {
        let mut world = world.lock().expect("not poisoned");
        if world.called("GetChange") {
            return lost();
        }
        if !world.change_known {
            let body = "<ErrorResponse><Error><Code>NoSuchChange</Code><Message>x</Message></Error></ErrorResponse>";
            return MockResponse::Http(HttpResponse::new(404.try_into().expect("a status"), SdkBody::from(body)));
        }
        let status = if world.pending_looks > 0 { ChangeStatus::Pending } else { ChangeStatus::Insync };
        world.pending_looks = world.pending_looks.saturating_sub(1);
        let info = ChangeInfo::builder().id("C1").status(status).submitted_at(DateTime::from_secs(0));
        let info = info.build().expect("complete");
        MockResponse::Output(GetChangeOutput::builder().change_info(info).build())
    })
}

fn update_api(world: &Shared) -> Rule {
    let world = Arc::clone(world);
    mock!(Gateway::update_api)
        .match_requests(|call| {
            let only_that = call.name().is_none() && call.cors_configuration().is_none();
            call.api_id() == Some("a1") && call.disable_execute_api_endpoint() == Some(true) && only_that
        })
        .then_compute_response(move |_| {
            let mut world = world.lock().expect("not poisoned");
            world.closed = true;
            if world.called("UpdateApi") { lost() } else { MockResponse::Output(UpdateApiOutput::builder().build()) }
        })
}

fn get_stage(world: &Shared) -> Rule {
    let world = Arc::clone(world);
    mock!(Gateway::get_stage)
        .match_requests(|call| call.api_id() == Some("a1") && call.stage_name() == Some(WEBSOCKET_STAGE))
        .then_compute_response(move |_| {
            let mut world = world.lock().expect("not poisoned");
            if world.called("GetStage") {
                return lost();
            }
            MockResponse::Output(GetStageOutput::builder().deployment_id(world.staged.to_string()).build())
        })
}

fn get_deployment(world: &Shared) -> Rule {
    let world = Arc::clone(world);
    mock!(Gateway::get_deployment).match_requests(|call| call.api_id() == Some("a1")).then_compute_response(
        move |call| {
            let mut world = world.lock().expect("not poisoned");
            if world.called("GetDeployment") {
                return lost();
            }
            let place: usize = call.deployment_id().and_then(|id| id.parse().ok()).expect("an id");
            let description = world.deployments.get(place).expect("a deployment that exists").clone();
            MockResponse::Output(GetDeploymentOutput::builder().description(description).build())
        },
    )
}

fn create_deployment(world: &Shared) -> Rule {
    let world = Arc::clone(world);
    // On no stage at once: a cut would leave it with a deployment that nobody has compared.
    mock!(Gateway::create_deployment)
        .match_requests(|call| call.api_id() == Some("a1") && call.stage_name().is_none())
        .then_compute_response(move |call| {
            let mut world = world.lock().expect("not poisoned");
            let id = world.deployments.len().to_string();
            world.deployments.push(call.description().expect("a description").to_owned());
            if world.called("CreateDeployment") {
                return lost();
            }
            MockResponse::Output(CreateDeploymentOutput::builder().deployment_id(id).build())
        })
}

fn update_stage(world: &Shared) -> Rule {
    let world = Arc::clone(world);
    mock!(Gateway::update_stage)
        .match_requests(|call| call.api_id() == Some("a1") && call.stage_name() == Some(WEBSOCKET_STAGE))
        .then_compute_response(move |call| {
            let mut world = world.lock().expect("not poisoned");
            world.staged = call.deployment_id().and_then(|id| id.parse().ok()).expect("an id");
            if world.called("UpdateStage") {
                lost()
            } else {
                MockResponse::Output(UpdateStageOutput::builder().build())
            }
        })
}

/// The host name, on the wire.
#[derive(Clone, Debug)]
struct Name(Shared);

impl HttpConnector for Name {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        assert_eq!(request.method(), "GET");
        if request.uri() == format!("https://{SILENT}/") {
            return HttpConnectorFuture::ready(Err(ConnectorError::io("no such name".into())));
        }
        assert_eq!(request.uri(), format!("https://{HOST}/"));
        let mut world = self.0.lock().expect("not poisoned");
        if world.called("the name") {
            return HttpConnectorFuture::ready(Err(ConnectorError::io("connection reset".into())));
        }
        HttpConnectorFuture::ready(match world.name {
            Err(why) => Err(ConnectorError::io(why.into())),
            Ok((status, headers)) => {
                let mut answer = HttpResponse::new(status.try_into().expect("a status"), SdkBody::empty());
                for header in headers {
                    answer.headers_mut().insert(*header, "some");
                }
                Ok(answer)
            }
        })
    }
}

fn input(dns: &str, change_id: Option<&str>) -> CloseEndpointInput {
    let api = json!({"routes": [{"route": "GET /", "url": "https://b.example.net/"}], "defaultEndpoint": "closed"});
    CloseEndpointInput {
        request: Request::parse(&json!({"domainName": "example.com", "dns": dns, "api": api})).expect("valid"),
        api_id: "a1".to_owned(),
        change_ids: change_id.map(str::to_owned).into_iter().collect(),
    }
}

async fn step(world: &Shared, input: CloseEndpointInput) -> Result<CloseEndpointOutput, StepError> {
    let change = get_change(world);
    let rules =
        [get_api, update_api, get_stage, get_deployment, create_deployment, update_stage].map(|rule| rule(world));
    let once = RetryConfig::disabled();
    let clients = Clients {
        api_gateway: mock_client!(aws_sdk_apigatewayv2, RuleMode::MatchAny, rules.iter(), |config| config
            .retry_config(once.clone())),
        route53: mock_client!(aws_sdk_route53, RuleMode::MatchAny, [&change], |config| config
            .retry_config(once.clone())),
        probe: Probe::with(SharedHttpConnector::new(Name(Arc::clone(world))), None),
    };
    run(&clients, &Settings { stack: "nameplate".to_owned() }, input).await
}

/// Runs the step for a zone that this run has changed; gives back what came of it, and the calls.
async fn run_in(
    change: impl FnOnce(&mut World),
) -> (Result<CloseEndpointOutput, StepError>, Vec<&'static str>, Shared) {
    let mut world = World::new();
    change(&mut world);
    let world = Arc::new(Mutex::new(world));
    let outcome = step(&world, input("route53", Some("C1"))).await;
    let calls = world.lock().expect("not poisoned").calls.clone();
    (outcome, calls, world)
}

fn done() -> CloseEndpointOutput {
    CloseEndpointOutput { closed: true, actions: Vec::new() }
}

#[tokio::test]
async fn an_endpoint_is_closed_after_the_change_has_spread_and_the_name_has_answered() {
    let (outcome, calls, world) = run_in(|_| {}).await;
    assert_eq!(outcome, Ok(done()));
    assert_eq!(calls, ["GetApi", "GetChange", "the name", "UpdateApi"]);
    assert!(world.lock().expect("not poisoned").closed);
}

#[tokio::test]
async fn without_a_change_of_the_zone_the_name_is_asked_at_once() {
    let world = Arc::new(Mutex::new(World::new()));
    assert_eq!(step(&world, input("route53", None)).await, Ok(done()));
    assert_eq!(world.lock().expect("not poisoned").calls, ["GetApi", "the name", "UpdateApi"]);
}

#[tokio::test]
async fn a_second_run_changes_nothing_and_asks_nobody() {
    let (outcome, calls, _) = run_in(|world| world.closed = true).await;
    assert_eq!((outcome, calls), (Ok(done()), vec!["GetApi"]));
}

#[tokio::test]
async fn the_name_is_not_asked_while_the_change_is_on_its_way() {
    let (outcome, calls, world) = run_in(|world| world.pending_looks = 1).await;
    let error = outcome.expect_err("not yet");
    assert_eq!((error.class, error.code.as_str()), (Class::NotReady, "NameSilent"));
    assert!(error.reason.contains("Route 53") && error.remedy.contains("start the same request again"), "{error}");
    assert_eq!(calls, ["GetApi", "GetChange"]);
    assert_eq!(step(&world, input("route53", Some("C1"))).await, Ok(done()));
}

#[tokio::test]
async fn no_such_change_is_one_that_has_spread() {
    let (outcome, ..) = run_in(|world| world.change_known = false).await;
    assert_eq!(outcome, Ok(done()));
}

#[tokio::test]
async fn a_name_that_does_not_answer_is_not_ready_and_leaves_the_endpoint_open() {
    for (name, said) in [
        (Err("failed to lookup address information"), "failed to lookup"),
        (Err("invalid peer certificate"), "invalid peer certificate"),
        (Ok((200, &[OF_AWS] as &[&str])), "it is not API Gateway that answers"),
        (Ok((403, &[])), "answers 403"),
    ] {
        let (outcome, calls, world) = run_in(|world| world.name = name).await;
        let error = outcome.expect_err("silent");
        assert_eq!((error.class, error.code.as_str()), (Class::NotReady, "NameSilent"));
        assert!(error.reason.contains(said) && error.reason.contains(HOST), "{error}");
        assert!(
            error.remedy.contains(&error.reason) && error.remedy.contains("start the same request again"),
            "{error}"
        );
        assert_eq!(calls, ["GetApi", "GetChange", "the name"]);
        assert!(!world.lock().expect("not poisoned").closed);
    }
}

#[tokio::test]
async fn every_host_name_has_to_answer() {
    let world = Arc::new(Mutex::new(World::new()));
    let mut input = input("route53", None);
    input.request.api.alternative_hostnames = vec![serde_json::from_value(json!(SILENT)).expect("a host name")];
    let error = step(&world, input).await.expect_err("one is silent");
    assert!(error.reason.contains(SILENT) && !error.reason.contains(HOST), "{error}");
    assert!(error.remedy.contains(&format!("{HOST} and {SILENT}")), "{error}");
    assert!(!world.lock().expect("not poisoned").closed);
}

#[tokio::test]
async fn whatever_status_api_gateway_answers_is_an_answer() {
    for status in [200, 301, 401, 403, 404, 429, 500, 503] {
        let (outcome, ..) = run_in(|world| world.name = Ok((status, &["x-other", OF_HTTP_API]))).await;
        assert_eq!(outcome, Ok(done()), "{status}");
    }
}

#[tokio::test]
async fn an_api_of_another_protocol_is_known_by_the_header_of_aws_where_cloudfront_does_not_pass_it_on() {
    let of_a_web_socket = |headers: &'static [&'static str]| {
        run_in(move |world| *world = World { name: Ok((403, headers)), ..World::web_socket() })
    };
    assert_eq!(of_a_web_socket(&[OF_AWS]).await.0, Ok(done()));
    for headers in [&[OF_AWS, OF_CLOUDFRONT] as &[&str], &[], &["server"]] {
        let error = of_a_web_socket(headers).await.0.expect_err("somebody else");
        assert_eq!(error.class, Class::NotReady);
    }
}

#[tokio::test]
async fn with_a_dns_of_the_customers_own_there_is_one_look_and_an_action() {
    let world = Arc::new(Mutex::new(World { name: Err("no such host"), ..World::new() }));
    let output = step(&world, input("external", None)).await.expect("no failure");
    assert!(!output.closed);
    let [action] = output.actions.as_slice() else { panic!("one action, not {:?}", output.actions) };
    assert!(action.contains("no such host") && action.contains("start the same request again"), "{action}");
    assert_eq!(world.lock().expect("not poisoned").calls, ["GetApi", "the name"]);

    world.lock().expect("not poisoned").name = Ok((404, &[OF_HTTP_API]));
    assert_eq!(step(&world, input("external", None)).await, Ok(done()));
}

#[tokio::test]
async fn an_api_that_is_not_ours_is_refused_whether_it_is_open_or_closed() {
    for closed in [false, true] {
        let (outcome, calls, _) = run_in(|world| (world.stack, world.closed) = ("other", closed)).await;
        let error = outcome.expect_err("foreign");
        assert_eq!((error.class, error.code.as_str()), (Class::Refused, "ApiNotOurs"));
        assert!(error.reason.contains("a1"), "{error}");
        assert_eq!(calls, ["GetApi"]);
    }
}

#[tokio::test]
async fn whichever_call_is_cut_the_next_attempt_ends_the_same() {
    for cut in 1..=4 {
        let (outcome, calls, world) = run_in(|world| world.cut = cut).await;
        let error = outcome.expect_err("cut");
        assert!(matches!(error.class, Class::Retryable | Class::NotReady), "{cut}: {error}");
        assert_eq!(calls.len(), cut);
        world.lock().expect("not poisoned").calls.clear();
        world.lock().expect("not poisoned").cut = 0;
        assert_eq!(step(&world, input("route53", Some("C1"))).await, Ok(done()), "after call {cut}");
        let world = world.lock().expect("not poisoned");
        // The last call took effect: it is not made again.
        let again: &[&str] = if cut == 4 { &["GetApi"] } else { &["GetApi", "GetChange", "the name", "UpdateApi"] };
        assert!(world.closed && world.calls == again, "after call {cut}: {:?}", world.calls);
    }
}

const TO_DEPLOY: [&str; 4] = ["GetStage", "GetDeployment", "CreateDeployment", "UpdateStage"];

#[tokio::test]
async fn a_web_socket_api_is_closed_by_a_deployment_and_a_second_run_makes_none() {
    let (outcome, calls, world) = run_in(|world| *world = World::web_socket()).await;
    assert_eq!(outcome, Ok(done()));
    assert_eq!(calls[..4], ["GetApi", "GetChange", "the name", "UpdateApi"]);
    assert_eq!(calls[4..], TO_DEPLOY);
    let deployed = |world: &World| (world.deployments.clone(), world.staged);
    let expected = (vec![OPEN.to_owned(), closed_mark(OPEN)], 1);
    assert_eq!(deployed(&world.lock().expect("not poisoned")), expected);

    world.lock().expect("not poisoned").calls.clear();
    assert_eq!(step(&world, input("route53", Some("C1"))).await, Ok(done()));
    let world = world.lock().expect("not poisoned");
    assert_eq!(world.calls, ["GetApi", "GetStage", "GetDeployment"]);
    assert_eq!(deployed(&world), expected);
}

#[tokio::test]
async fn whichever_call_is_cut_the_stage_of_a_web_socket_api_ends_on_a_deployment_that_closes_it() {
    for cut in 1..=8 {
        let (outcome, calls, world) = run_in(|world| *world = World { cut, ..World::web_socket() }).await;
        let error = outcome.expect_err("cut");
        assert!(matches!(error.class, Class::Retryable | Class::NotReady), "{cut}: {error}");
        assert_eq!(calls.len(), cut);
        world.lock().expect("not poisoned").cut = 0;
        assert_eq!(step(&world, input("route53", Some("C1"))).await, Ok(done()), "after call {cut}");
        let world = world.lock().expect("not poisoned");
        assert!(world.closed && world.deployments[world.staged] == closed_mark(OPEN), "after call {cut}: {world:?}");
        // Only a lost answer of CreateDeployment leaves one that no stage is on.
        assert_eq!(world.deployments.len(), if cut == 7 { 3 } else { 2 }, "after call {cut}");
    }
}

async fn with_refusal(status: u16, code: &'static str) -> StepError {
    let world = Arc::new(Mutex::new(World::new()));
    let update = mock!(Gateway::update_api).then_http_response(move || refusal(status, code));
    let (api, change) = (get_api(&world), get_change(&world));
    let clients = Clients {
        api_gateway: mock_client!(aws_sdk_apigatewayv2, RuleMode::MatchAny, [&api, &update]),
        route53: mock_client!(aws_sdk_route53, RuleMode::MatchAny, [&change]),
        probe: Probe::with(SharedHttpConnector::new(Name(Arc::clone(&world))), None),
    };
    let settings = Settings { stack: "nameplate".to_owned() };
    run(&clients, &settings, input("route53", Some("C1"))).await.expect_err("refused")
}

#[tokio::test]
async fn conflict_exception_is_retryable() {
    let error = with_refusal(409, "ConflictException").await;
    assert_eq!((error.class, error.code.as_str()), (Class::Retryable, "ConflictException"));
}

#[tokio::test]
async fn access_denied_is_failed() {
    let error = with_refusal(403, "AccessDeniedException").await;
    assert_eq!((error.class, error.code.as_str()), (Class::Failed, "AccessDeniedException"));
}
