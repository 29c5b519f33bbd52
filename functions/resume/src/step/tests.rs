//! The step against a table and a Step Functions that answer in memory.

use super::*;
use aws_sdk_dynamodb::operation::update_item::UpdateItemOutput;
use aws_sdk_sfn::operation::send_task_success::SendTaskSuccessOutput;
use aws_smithy_mocks::{Rule, RuleMode, mock, mock_client};
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::http::StatusCode;
use aws_smithy_types::body::SdkBody;
use nameplate::Class;
use serde_json::json;

const NOW: i64 = 1_800_000_000;
const ARN: &str = "arn:aws:acm:us-east-1:123456789012:certificate/0f1e";
const TOKEN: &str = "a-task-token";

fn issued() -> Value {
    json!({"source": "aws.acm", "detail-type": "ACM Certificate Available", "resources": [ARN],
            "detail": {"Action": "ISSUANCE"}})
}

fn registered() -> Value {
    json!({"source": "nameplate", "detail-type": "Domain Registration Completed", "resources": [],
            "detail": {"domainName": "example.com", "operationId": "op-1", "status": "SUCCESSFUL"}})
}

fn error(status: u16, code: &'static str) -> HttpResponse {
    let body = json!({"__type": code, "message": "because"}).to_string();
    HttpResponse::new(StatusCode::try_from(status).expect("a status"), SdkBody::from(body))
}

/// The watch under `key`, with what it held.
fn watch_holds(key: &'static str, token: Option<&'static str>) -> Rule {
    mock!(aws_sdk_dynamodb::Client::update_item)
        .match_requests(move |request| {
            request.table_name() == Some("table")
                && request.key().expect("set")["id"] == AttributeValue::S(key.to_owned())
                && request.update_expression() == Some("SET #resolved = :now REMOVE #open")
                && request.condition_expression() == Some("attribute_exists(#id)")
                && request.return_values() == Some(&ReturnValue::AllOld)
                && request.expression_attribute_values().expect("set")[":now"] == AttributeValue::N(NOW.to_string())
        })
        .then_output(move || {
            let mut old = UpdateItemOutput::builder().attributes("id", AttributeValue::S(key.to_owned()));
            if let Some(token) = token {
                old = old.attributes("token", AttributeValue::S(token.to_owned()));
            }
            old.build()
        })
}

fn woken() -> Rule {
    mock!(aws_sdk_sfn::Client::send_task_success)
        .match_requests(|request| request.task_token() == Some(TOKEN) && request.output() == Some(WOKEN))
        .then_output(|| SendTaskSuccessOutput::builder().build())
}

async fn resume(event: Value, dynamodb: &[&Rule], sfn: &[&Rule]) -> Result<Outcome, StepError> {
    let clients = Clients {
        dynamodb: mock_client!(aws_sdk_dynamodb, RuleMode::MatchAny, dynamodb),
        sfn: mock_client!(aws_sdk_sfn, RuleMode::MatchAny, sfn),
    };
    run(&clients, &Settings { table: "table".into() }, event, NOW).await
}

#[tokio::test]
async fn a_certificate_event_wakes_who_sleeps_on_its_arn() {
    let watch = watch_holds("watch#arn:aws:acm:us-east-1:123456789012:certificate/0f1e", Some(TOKEN));
    let success = woken();
    assert_eq!(resume(issued(), &[&watch], &[&success]).await, Ok(Outcome { answered: true }));
    assert_eq!((watch.num_calls(), success.num_calls()), (1, 1));
}

#[tokio::test]
async fn a_registration_event_wakes_who_sleeps_on_its_operation() {
    let (watch, success) = (watch_holds("watch#op-1", Some(TOKEN)), woken());
    assert_eq!(resume(registered(), &[&watch], &[&success]).await, Ok(Outcome { answered: true }));
    assert_eq!(success.num_calls(), 1);
}

#[tokio::test]
async fn a_watch_without_a_token_is_resolved_and_nobody_is_answered() {
    let watch = watch_holds("watch#op-1", None);
    assert_eq!(resume(registered(), &[&watch], &[]).await, Ok(Outcome { answered: false }));
    assert_eq!(watch.num_calls(), 1);
}

#[tokio::test]
async fn an_event_about_a_thing_that_nobody_watches_changes_nothing() {
    let none = mock!(aws_sdk_dynamodb::Client::update_item)
        .then_http_response(|| error(400, "ConditionalCheckFailedException"));
    assert_eq!(resume(registered(), &[&none], &[]).await, Ok(Outcome { answered: false }));
    assert_eq!(none.num_calls(), 1);
}

#[tokio::test]
async fn an_event_that_names_nothing_of_ours_makes_no_call() {
    for event in [
        json!({}),
        json!("text"),
        json!({"source": "aws.acm", "resources": []}),
        json!({"source": "aws.acm", "resources": [""]}),
        json!({"source": "nameplate", "detail": {"operationId": 7}}),
        json!({"source": "someone.else", "resources": [ARN], "detail": {"operationId": "op-1"}}),
    ] {
        assert_eq!(resume(event, &[], &[]).await, Ok(Outcome { answered: false }));
    }
}

#[tokio::test]
async fn a_token_that_nobody_waits_on_is_no_error() {
    for code in ["TaskTimedOut", "TaskDoesNotExist", "InvalidToken"] {
        let watch = watch_holds("watch#op-1", Some(TOKEN));
        let gone = mock!(aws_sdk_sfn::Client::send_task_success).then_http_response(move || error(400, code));
        assert_eq!(resume(registered(), &[&watch], &[&gone]).await, Ok(Outcome { answered: false }), "{code}");
        assert_eq!(gone.num_calls(), 1);
    }
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_failed_is_given_when_the_event_comes_again() {
    let watch = watch_holds("watch#op-1", Some(TOKEN));
    let broken = mock!(aws_sdk_sfn::Client::send_task_success).then_http_response(|| error(500, "InternalFailure"));
    let first = resume(registered(), &[&watch], &[&broken]).await.expect_err("no answer");
    assert_eq!(first.class, Class::Retryable);
    let success = woken();
    assert_eq!(resume(registered(), &[&watch], &[&success]).await, Ok(Outcome { answered: true }));
    assert_eq!((watch.num_calls(), success.num_calls()), (2, 1));
}

#[tokio::test(start_paused = true)]
async fn what_may_pass_is_retryable_and_what_will_not_is_final() {
    for (status, code, class) in [
        (400, "ThrottlingException", Class::Retryable),
        (500, "InternalServerError", Class::Retryable),
        (400, "AccessDeniedException", Class::Failed),
    ] {
        let table = mock!(aws_sdk_dynamodb::Client::update_item).then_http_response(move || error(status, code));
        let failure = resume(registered(), &[&table], &[]).await.expect_err(code);
        assert_eq!(failure.class, class, "{code}");
        let watch = watch_holds("watch#op-1", Some(TOKEN));
        let denied = mock!(aws_sdk_sfn::Client::send_task_success).then_http_response(move || error(status, code));
        let failure = resume(registered(), &[&watch], &[&denied]).await.expect_err(code);
        assert_eq!(failure.class, class, "{code}");
    }
}
