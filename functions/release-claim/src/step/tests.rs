//! The step against answers of AWS, one rule for each call that it may make: a call without a rule fails
//! the test, so that the absence of a rule says that the call is not made.

use std::sync::{Arc, Mutex};

use super::*;
use aws_sdk_dynamodb::Client as DynamoDb;
use aws_sdk_dynamodb::operation::get_item::GetItemOutput;
use aws_sdk_dynamodb::operation::update_item::UpdateItemOutput;
use aws_sdk_sfn::Client as Sfn;
use aws_sdk_sfn::operation::describe_execution::DescribeExecutionOutput;
use aws_sdk_sfn::primitives::DateTime;
use aws_smithy_mocks::{Rule, RuleMode, mock, mock_client};
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::http::StatusCode;
use aws_smithy_types::body::SdkBody;

const EXECUTION: &str = "arn:aws:states:us-east-1:123456789012:execution:nameplate-provision:one";
const LATER: &str = "arn:aws:states:us-east-1:123456789012:execution:nameplate-provision:two";
const MACHINE: &str = "arn:aws:states:us-east-1:123456789012:stateMachine:nameplate-provision";
const CERTIFICATE: &str = "arn:aws:acm:us-east-1:123456789012:certificate/0f1e";
const INPUT: &str = r#"{"domainName": "Example.COM", "api": {"routes": []}}"#;

/// The event about `execution`, as EventBridge hands it over. Its own word on status and input is a lie.
fn event(execution: &str) -> Value {
    json!({
        "source": "aws.states", "detail-type": "Step Functions Execution Status Change", "resources": [execution],
        "detail": {"executionArn": execution, "stateMachineArn": MACHINE, "status": "ABORTED",
            "input": "{\"domainName\": \"victim.example\"}"}
    })
}

fn error(status: u16, code: &str) -> HttpResponse {
    let body = json!({"__type": code, "message": "because"}).to_string();
    HttpResponse::new(StatusCode::try_from(status).expect("a status"), SdkBody::from(body))
}

fn described(status: ExecutionStatus, input: Option<&'static str>) -> Rule {
    mock!(Sfn::describe_execution).match_requests(|request| request.execution_arn() == Some(EXECUTION)).then_output(
        move || {
            DescribeExecutionOutput::builder()
                .execution_arn(EXECUTION)
                .state_machine_arn(MACHINE)
                .start_date(DateTime::from_secs(1_800_000_000))
                .stop_date(DateTime::from_secs(1_800_000_060))
                .status(status.clone())
                .set_input(input.map(str::to_owned))
                .error("Operator.Stop")
                .cause("wrong route")
                .build()
                .expect("complete")
        },
    )
}

fn stopped() -> Rule {
    described(ExecutionStatus::Aborted, Some(INPUT))
}

/// The domain item, held by `holder`, with everything that a run can await.
fn item(holder: Option<&'static str>) -> Rule {
    mock!(DynamoDb::get_item)
        .match_requests(|request| {
            request.table_name() == Some("table")
                && request.key().expect("a key")["id"] == text("domain#example.com")
                && request.consistent_read() == Some(true)
        })
        .then_output(move || {
            let item = GetItemOutput::builder()
                .item("id", text("domain#example.com"))
                .item("purchaseOperation", text("op-1"))
                .item("awaitedCertificate", text(CERTIFICATE));
            match holder {
                Some(holder) => item.item("heldBy", text(holder)).build(),
                None => item.build(),
            }
        })
}

type Journal = Arc<Mutex<Vec<String>>>;

/// Takes conditional writes of this execution, and notes their keys; `refused` fails the condition of those keys.
fn writes(journal: &Journal, refused: &'static [&'static str]) -> [Rule; 2] {
    let key = |request: &aws_sdk_dynamodb::operation::update_item::UpdateItemInput| {
        request.key().expect("a key")["id"].as_s().expect("text").clone()
    };
    let right = |request: &aws_sdk_dynamodb::operation::update_item::UpdateItemInput| {
        let names = request.expression_attribute_names().expect("names");
        request.table_name() == Some("table")
            && request.condition_expression() == Some("#heldBy = :execution")
            && request.expression_attribute_values().expect("values")[":execution"] == text(EXECUTION)
            && names.iter().all(|(short, name)| short.strip_prefix('#') == Some(name))
    };
    let journal = Arc::clone(journal);
    [
        mock!(DynamoDb::update_item)
            .match_requests(move |request| right(request) && refused.contains(&key(request).as_str()))
            .then_http_response(|| error(400, table::CONDITION_FAILED)),
        mock!(DynamoDb::update_item).match_requests(right).then_compute_output(move |request| {
            let change = request.update_expression().expect("a change");
            let failure = request.expression_attribute_values().expect("values").get(":failure");
            let said = failure.and_then(|failure| failure.as_s().ok()).cloned().unwrap_or_default();
            journal.lock().expect("a lock").push(format!("{} {change} {said}", key(request)));
            UpdateItemOutput::builder().build()
        }),
    ]
}

async fn release(event: Value, sfn: &[&Rule], dynamodb: &[&Rule]) -> Result<Outcome, StepError> {
    let clients = Clients {
        dynamodb: mock_client!(aws_sdk_dynamodb, RuleMode::MatchAny, dynamodb),
        sfn: mock_client!(aws_sdk_sfn, RuleMode::MatchAny, sfn),
    };
    run(&clients, &Settings { stack: "nameplate.us-east-1".into(), table: "table".into() }, event).await
}

const KEPT: Result<Outcome, StepError> = Ok(Outcome { released: false });

/// The writes of one run, in order.
async fn written_after(
    describe: Rule,
    holder: Option<&'static str>,
    refused: &'static [&'static str],
) -> (Result<Outcome, StepError>, Vec<String>) {
    let (journal, item) = (Journal::default(), item(holder));
    let [refusing, taking] = writes(&journal, refused);
    let outcome = release(event(EXECUTION), &[&describe], &[&item, &refusing, &taking]).await;
    let journal = journal.lock().expect("a lock").clone();
    (outcome, journal)
}

#[tokio::test]
async fn a_stopped_execution_gives_its_tokens_back_and_then_its_claim() {
    let (outcome, writes) = written_after(stopped(), Some(EXECUTION), &[]).await;
    assert_eq!(outcome, Ok(Outcome { released: true }));
    let [operation, certificate, claim] = writes.as_slice() else { panic!("{writes:?}") };
    assert_eq!(operation, "watch#op-1 REMOVE #token, #heldBy ");
    assert_eq!(*certificate, format!("watch#{CERTIFICATE} REMOVE #token, #heldBy "));
    let change = "domain#example.com SET #status = :status, #lastFailure = :failure REMOVE #heldBy ";
    let failure: Value = serde_json::from_str(claim.strip_prefix(change).expect("the claim")).expect("JSON");
    assert_eq!(
        failure,
        json!({
            "error": "Nameplate.Failed",
            "code": "ExecutionStopped",
            "reason": format!("{EXECUTION} was stopped from outside: Operator.Stop: wrong route"),
            "remedy": "start the execution again; it goes on from what exists",
            "execution": EXECUTION,
            "endedAt": 1_800_000_060,
        })
    );
}

#[tokio::test]
async fn who_ended_it_is_said() {
    for (status, code) in [
        (ExecutionStatus::Aborted, "ExecutionStopped"),
        (ExecutionStatus::TimedOut, "ExecutionTimedOut"),
        (ExecutionStatus::Failed, "ExecutionFailed"),
    ] {
        let (outcome, writes) = written_after(described(status, Some(INPUT)), Some(EXECUTION), &[]).await;
        assert_eq!(outcome, Ok(Outcome { released: true }));
        assert!(writes[2].contains(&format!("\"code\":\"{code}\"")), "{writes:?}");
    }
}

#[tokio::test]
async fn an_execution_that_has_not_ended_so_keeps_everything_whatever_the_event_says() {
    for status in [
        ExecutionStatus::Running,
        ExecutionStatus::PendingRedrive,
        ExecutionStatus::Succeeded,
        ExecutionStatus::from("SOMETHING_NEW"),
    ] {
        let describe = described(status, Some(INPUT));
        assert_eq!(release(event(EXECUTION), &[&describe], &[]).await, KEPT);
        assert_eq!(describe.num_calls(), 1);
    }
    let unknown = mock!(Sfn::describe_execution).then_http_response(|| error(400, "ExecutionDoesNotExist"));
    assert_eq!(release(event(EXECUTION), &[&unknown], &[]).await, KEPT);
    assert_eq!(unknown.num_calls(), 1);
}

#[tokio::test]
async fn an_event_about_nothing_of_ours_makes_no_call() {
    for arn in [
        "arn:aws:states:us-east-1:123456789012:execution:other-provision:one",
        "arn:aws:states:us-east-1:123456789012:execution:nameplate:one",
        "arn:aws:states:us-east-1:123456789012:execution:nameplate-provision:",
        "arn:aws:states:us-east-1:123456789012:execution:nameplate-provision:a:b",
        "arn:aws:states:us-east-1:123456789012:stateMachine:nameplate-provision:one",
        "arn:aws:lambda:us-east-1:123456789012:execution:nameplate-provision:one",
        "x:execution:nameplate-provision:one",
        "",
    ] {
        assert_eq!(release(event(arn), &[], &[]).await, KEPT, "{arn}");
    }
    for event in [json!({}), json!("text"), json!({"detail": {"executionArn": 7}}), json!([EXECUTION])] {
        assert_eq!(release(event, &[], &[]).await, KEPT);
    }
}

#[tokio::test]
async fn an_input_without_a_name_never_held_a_claim() {
    for input in [
        None,
        Some(""),
        Some("{"),
        Some("[]"),
        Some("\"example.com\""),
        Some(r#"{"domainName": 7}"#),
        Some(r#"{"domainName": "co.uk"}"#),
        Some(r#"{"domainName": "no name"}"#),
    ] {
        let describe = described(ExecutionStatus::Aborted, input);
        assert_eq!(release(event(EXECUTION), &[&describe], &[]).await, KEPT, "{input:?}");
        assert_eq!(describe.num_calls(), 1);
    }
}

#[tokio::test]
async fn the_same_event_again_finds_nothing_left() {
    const GONE: &[&str] = &["watch#op-1", "watch#arn:aws:acm:us-east-1:123456789012:certificate/0f1e"];
    assert_eq!(written_after(stopped(), None, GONE).await, (KEPT, vec![]));
}

#[tokio::test]
async fn the_claim_of_a_later_execution_is_not_touched_and_a_token_that_was_left_still_goes() {
    let (outcome, writes) = written_after(stopped(), Some(LATER), &["watch#op-1"]).await;
    assert_eq!(outcome, KEPT);
    assert_eq!(writes, [format!("watch#{CERTIFICATE} REMOVE #token, #heldBy ")]);
}

#[tokio::test]
async fn a_claim_that_changes_hands_meanwhile_stays_with_its_holder() {
    let (outcome, writes) = written_after(stopped(), Some(EXECUTION), &["domain#example.com"]).await;
    assert_eq!((outcome, writes.len()), (KEPT, 2));
}

#[tokio::test]
async fn a_domain_that_awaits_nothing_has_no_watches_to_look_for() {
    let bare =
        mock!(DynamoDb::get_item).then_output(|| GetItemOutput::builder().item("heldBy", text(EXECUTION)).build());
    let journal = Journal::default();
    let [_, taking] = writes(&journal, &[]);
    let outcome = release(event(EXECUTION), &[&stopped()], &[&bare, &taking]).await;
    assert_eq!(outcome, Ok(Outcome { released: true }));
    assert_eq!(taking.num_calls(), 1);
    let absent = mock!(DynamoDb::get_item).then_output(|| GetItemOutput::builder().build());
    assert_eq!(release(event(EXECUTION), &[&stopped()], &[&absent]).await, KEPT);
}

#[tokio::test(start_paused = true)]
async fn what_may_pass_is_retryable_and_what_will_not_is_final() {
    for (status, code, class) in [
        (400, "ThrottlingException", Class::Retryable),
        (500, "InternalServerError", Class::Retryable),
        (400, "AccessDeniedException", Class::Failed),
    ] {
        let describe = mock!(Sfn::describe_execution).then_http_response(move || error(status, code));
        let failure = release(event(EXECUTION), &[&describe], &[]).await.expect_err(code);
        assert!(failure.class == class && failure.reason.contains("states:DescribeExecution"), "{failure}");
        let read = mock!(DynamoDb::get_item).then_http_response(move || error(status, code));
        let failure = release(event(EXECUTION), &[&stopped()], &[&read]).await.expect_err(code);
        assert!(failure.class == class && failure.reason.contains("dynamodb:GetItem"), "{failure}");
        let write = mock!(DynamoDb::update_item).then_http_response(move || error(status, code));
        let failure = release(event(EXECUTION), &[&stopped()], &[&item(None), &write]).await.expect_err(code);
        assert!(failure.class == class && failure.reason.contains("dynamodb:UpdateItem"), "{failure}");
    }
}

#[test]
fn both_state_machines_of_the_stack_are_heard_and_no_other() {
    let arn = |machine: &str| format!("arn:aws:states:us-east-1:123456789012:execution:{machine}:one");
    for ours in ["nameplate-provision", "nameplate-retire"] {
        assert!(is_ours(&arn(ours), "nameplate.us-east-1"), "{ours}");
        assert!(!is_ours(&arn(ours), "nameplate.eu-west-1"), "{ours}");
    }
    for other in ["nameplate-other", "nameplate", "other-retire", "x-nameplate-retire"] {
        assert!(!is_ours(&arn(other), "nameplate.us-east-1"), "{other}");
    }
}
