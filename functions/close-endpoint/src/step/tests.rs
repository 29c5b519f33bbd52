//! The step against a world of one API, one change and one host name, in which each call can be cut.

use super::*;
use std::sync::{Arc, Mutex};

use aws_sdk_acm::Client as Acm;
use aws_sdk_acm::operation::describe_certificate::DescribeCertificateOutput;
use aws_sdk_acm::types::CertificateDetail;
use aws_sdk_apigatewayv2::Client as Gateway;
use aws_sdk_apigatewayv2::operation::create_deployment::CreateDeploymentOutput;
use aws_sdk_apigatewayv2::operation::get_api::GetApiOutput;
use aws_sdk_apigatewayv2::operation::get_deployment::GetDeploymentOutput;
use aws_sdk_apigatewayv2::operation::get_stage::GetStageOutput;
use aws_sdk_apigatewayv2::operation::update_api::UpdateApiOutput;
use aws_sdk_apigatewayv2::operation::update_stage::UpdateStageOutput;
use aws_sdk_apigatewayv2::types::{DeploymentStatus, ProtocolType};
use aws_sdk_route53::Client as Dns53;
use aws_sdk_route53::operation::get_change::GetChangeOutput;
use aws_sdk_route53::types::ChangeInfo;
use aws_smithy_mocks::{MockResponse, Rule, RuleMode, mock, mock_client};
use aws_smithy_types::DateTime;
use aws_smithy_types::body::SdkBody;
use http::HeaderMap;
use nameplate::Class;
use nameplate::resource::tags;
use serde_json::json;

const HOST: &str = "api.example.com";
/// A further host name, which never answers.
const SILENT: &str = "www.example.com";
const CERTIFICATE: &str = "arn:aws:acm:us-east-1:123456789012:certificate/c-1";
/// The serial number of that certificate, as ACM writes it, and as others may.
const SERIAL: &str = "0a:f1:b2";
const OURS: &str = "AF1B2";
/// That of somebody else's.
const OTHER: &str = "0a:f1:b3";
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
    /// The serial number of the certificate that the host name presents.
    presented: Option<&'static str>,
    /// Whether ACM says the serial number of ours.
    serial_known: bool,
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
            presented: Some(OURS),
            serial_known: true,
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

fn describe_certificate(world: &Shared) -> Rule {
    let world = Arc::clone(world);
    mock!(Acm::describe_certificate)
        .match_requests(|call| call.certificate_arn() == Some(CERTIFICATE))
        .then_compute_response(move |_| {
            let mut world = world.lock().expect("not poisoned");
            if world.called("DescribeCertificate") {
                return lost();
            }
            let serial = world.serial_known.then(|| SERIAL.to_owned());
            let detail = CertificateDetail::builder().set_serial(serial).build();
            MockResponse::Output(DescribeCertificateOutput::builder().certificate(detail).build())
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

/// The host names, as who asks them sees them.
fn names(world: &Shared) -> Probe {
    let world = Arc::clone(world);
    Probe::with(move |host| {
        let answer = name(&mut world.lock().expect("not poisoned"), &host);
        async move { answer }
    })
}

fn name(world: &mut World, host: &str) -> Result<Answer, String> {
    if host == SILENT {
        return Err("no such name".to_owned());
    }
    assert_eq!(host, HOST);
    if world.called("the name") {
        return Err("connection reset".to_owned());
    }
    let (status, headers) = world.name?;
    let some = |header: &&'static str| (http::HeaderName::from_static(header), http::HeaderValue::from_static("some"));
    Ok(Answer::new(status, HeaderMap::from_iter(headers.iter().map(some)), world.presented))
}

fn input(dns: &str, change_id: Option<&str>) -> CloseEndpointInput {
    let api = json!({"routes": [{"route": "GET /", "url": "https://b.example.net/"}], "defaultEndpoint": "closed"});
    CloseEndpointInput {
        request: Request::parse(&json!({"domainName": "example.com", "dns": dns, "api": api})).expect("valid"),
        api_id: "a1".to_owned(),
        certificate_arn: CERTIFICATE.to_owned(),
        change_ids: change_id.map(str::to_owned).into_iter().collect(),
    }
}

async fn step(world: &Shared, input: CloseEndpointInput) -> Result<CloseEndpointOutput, StepError> {
    let (change, certificate) = (get_change(world), describe_certificate(world));
    let rules =
        [get_api, update_api, get_stage, get_deployment, create_deployment, update_stage].map(|rule| rule(world));
    let once = RetryConfig::disabled();
    let clients = Clients {
        acm: mock_client!(aws_sdk_acm, RuleMode::MatchAny, [&certificate], |config| config.retry_config(once.clone())),
        api_gateway: mock_client!(aws_sdk_apigatewayv2, RuleMode::MatchAny, rules.iter(), |config| config
            .retry_config(once.clone())),
        route53: mock_client!(aws_sdk_route53, RuleMode::MatchAny, [&change], |config| config
            .retry_config(once.clone())),
        probe: names(world),
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
    assert_eq!(calls, ["GetApi", "GetChange", "DescribeCertificate", "the name", "UpdateApi"]);
    assert!(world.lock().expect("not poisoned").closed);
}

#[tokio::test]
async fn without_a_change_of_the_zone_the_name_is_asked_at_once() {
    let world = Arc::new(Mutex::new(World::new()));
    assert_eq!(step(&world, input("route53", None)).await, Ok(done()));
    assert_eq!(world.lock().expect("not poisoned").calls, ["GetApi", "DescribeCertificate", "the name", "UpdateApi"]);
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
        assert_eq!(calls, ["GetApi", "GetChange", "DescribeCertificate", "the name"]);
        assert!(!world.lock().expect("not poisoned").closed);
    }
}

#[tokio::test]
async fn a_name_that_leads_to_another_api_presents_another_certificate_and_leaves_the_endpoint_open() {
    for presented in [Some(OTHER), None] {
        let (outcome, calls, world) = run_in(|world| world.presented = presented).await;
        let error = outcome.expect_err("not ours");
        assert_eq!((error.class, error.code.as_str()), (Class::NotReady, "NameSilent"));
        assert!(error.reason.contains(&format!("{HOST} leads elsewhere")), "{error}");
        assert!(error.remedy.contains(CERTIFICATE) && error.remedy.contains("start the same request again"), "{error}");
        assert_eq!(calls, ["GetApi", "GetChange", "DescribeCertificate", "the name"]);
        {
            let mut later = world.lock().expect("not poisoned");
            assert!(!later.closed);
            later.presented = Some(OURS);
        }
        assert_eq!(step(&world, input("route53", None)).await, Ok(done()));
    }
}

#[tokio::test]
async fn without_a_serial_number_nobody_is_asked() {
    let (outcome, calls, _) = run_in(|world| world.serial_known = false).await;
    let error = outcome.expect_err("nothing to compare");
    assert!(error.class == Class::NotReady && error.reason.contains("serial number"), "{error}");
    assert_eq!(calls, ["GetApi", "GetChange", "DescribeCertificate"]);
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
    assert_eq!(world.lock().expect("not poisoned").calls, ["GetApi", "DescribeCertificate", "the name"]);

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
    for cut in 1..=5 {
        let (outcome, calls, world) = run_in(|world| world.cut = cut).await;
        let error = outcome.expect_err("cut");
        assert!(matches!(error.class, Class::Retryable | Class::NotReady), "{cut}: {error}");
        assert_eq!(calls.len(), cut);
        world.lock().expect("not poisoned").calls.clear();
        world.lock().expect("not poisoned").cut = 0;
        assert_eq!(step(&world, input("route53", Some("C1"))).await, Ok(done()), "after call {cut}");
        let world = world.lock().expect("not poisoned");
        // The last call took effect: it is not made again.
        let all: &[&str] = &["GetApi", "GetChange", "DescribeCertificate", "the name", "UpdateApi"];
        let again = if cut == 5 { &all[..1] } else { all };
        assert!(world.closed && world.calls == again, "after call {cut}: {:?}", world.calls);
    }
}

const TO_DEPLOY: [&str; 4] = ["GetStage", "GetDeployment", "CreateDeployment", "UpdateStage"];

#[tokio::test]
async fn a_web_socket_api_is_closed_by_a_deployment_and_a_second_run_makes_none() {
    let (outcome, calls, world) = run_in(|world| *world = World::web_socket()).await;
    assert_eq!(outcome, Ok(done()));
    assert_eq!(calls[..5], ["GetApi", "GetChange", "DescribeCertificate", "the name", "UpdateApi"]);
    assert_eq!(calls[5..], TO_DEPLOY);
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
    for cut in 1..=9 {
        let (outcome, calls, world) = run_in(|world| *world = World { cut, ..World::web_socket() }).await;
        let error = outcome.expect_err("cut");
        assert!(matches!(error.class, Class::Retryable | Class::NotReady), "{cut}: {error}");
        assert_eq!(calls.len(), cut);
        world.lock().expect("not poisoned").cut = 0;
        assert_eq!(step(&world, input("route53", Some("C1"))).await, Ok(done()), "after call {cut}");
        let world = world.lock().expect("not poisoned");
        assert!(world.closed && world.deployments[world.staged] == closed_mark(OPEN), "after call {cut}: {world:?}");
        // Only a lost answer of CreateDeployment leaves one that no stage is on.
        assert_eq!(world.deployments.len(), if cut == 8 { 3 } else { 2 }, "after call {cut}");
    }
}

/// What comes of it when CreateDeployment answers so, and how often it is asked.
async fn with_deployment(create: Rule) -> (StepError, usize) {
    let world = Arc::new(Mutex::new(World { closed: true, ..World::web_socket() }));
    let rules = [get_api(&world), get_stage(&world), get_deployment(&world), create];
    let clients = Clients {
        acm: mock_client!(aws_sdk_acm, RuleMode::MatchAny, []),
        api_gateway: mock_client!(aws_sdk_apigatewayv2, RuleMode::MatchAny, rules.iter()),
        route53: mock_client!(aws_sdk_route53, RuleMode::MatchAny, []),
        probe: names(&world),
    };
    let settings = Settings { stack: "nameplate".to_owned() };
    let error = run(&clients, &settings, input("route53", None)).await.expect_err("not deployed");
    (error, rules[3].num_calls())
}

#[tokio::test(start_paused = true)]
async fn a_deployment_is_asked_for_once_waits_for_its_turn_and_is_not_used_when_it_failed() {
    for (status, code, class) in
        [(500, "InternalServerErrorException", Class::Retryable), (429, "TooManyRequestsException", Class::NotReady)]
    {
        let create = mock!(Gateway::create_deployment)
            .sequence()
            .http_response(move || refusal(status, code))
            .repeatedly()
            .build();
        let (error, asked) = with_deployment(create).await;
        assert_eq!((error.class, error.code.as_str(), asked), (class, code, 1));
    }
    let failed = mock!(Gateway::create_deployment).then_output(|| {
        let failed = CreateDeploymentOutput::builder().deployment_id("2").deployment_status(DeploymentStatus::Failed);
        failed.deployment_status_message("no integration").build()
    });
    let (error, _) = with_deployment(failed).await;
    assert_eq!((error.class, error.code.as_str()), (Class::Failed, "DeploymentFailed"));
    assert!(error.reason.contains("no integration"), "{error}");
}

async fn with_refusal(status: u16, code: &'static str) -> StepError {
    let world = Arc::new(Mutex::new(World::new()));
    let update = mock!(Gateway::update_api).then_http_response(move || refusal(status, code));
    let (api, change, certificate) = (get_api(&world), get_change(&world), describe_certificate(&world));
    let clients = Clients {
        acm: mock_client!(aws_sdk_acm, RuleMode::MatchAny, [&certificate]),
        api_gateway: mock_client!(aws_sdk_apigatewayv2, RuleMode::MatchAny, [&api, &update]),
        route53: mock_client!(aws_sdk_route53, RuleMode::MatchAny, [&change]),
        probe: names(&world),
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
