//! Turns an event into the answer that a sleeping execution waits for.
//!
//! Reads: the event, for the id of the thing that it tells about. What else it says is not believed: the
//! step that wakes up asks AWS.
//! Writes: `resolved` on the watch of that id, if there is one; then SendTaskSuccess with the watch's token.
//! Idempotent: the token stays in the watch, so that the same event, delivered again after a failed
//! SendTaskSuccess, finds it and answers it. A token that is answered, expired or unknown is no error.
//! `NotReady`: never. Refused: nothing; an event about a thing that is not watched changes nothing.
//! It must not know certificates, registrations or the state machine.

use aws_sdk_dynamodb::types::{AttributeValue, ReturnValue};
use nameplate::StepError;
use nameplate::error::{classify, code_of};
use nameplate::secret::{ExposeSecret, SecretString};
use nameplate::table::{self, watch};
use serde::Serialize;
use serde_json::Value;

/// Output of the awaiting state. It says nothing: the step that follows asks AWS.
const WOKEN: &str = r#"{"woken":true}"#;

/// Codes of SendTaskSuccess after which nobody waits on the token any more: it was answered before, its
/// state timed out, or its execution ended (AWS-FACTS 5.2.2).
const NOBODY_WAITS: [&str; 3] = ["TaskTimedOut", "TaskDoesNotExist", "InvalidToken"];

/// What the step calls.
#[derive(Clone)]
pub(crate) struct Clients {
    pub(crate) dynamodb: aws_sdk_dynamodb::Client,
    pub(crate) sfn: aws_sdk_sfn::Client,
}

/// What the template sets.
#[derive(Clone)]
pub(crate) struct Settings {
    /// The table that holds the watches.
    pub(crate) table: String,
}

/// What became of an event.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Outcome {
    /// Whether an execution was woken.
    pub(crate) answered: bool,
}

/// Resolves the watch that `event` is about and wakes who sleeps on it. `now` is in seconds since 1970.
///
/// # Errors
/// `Retryable` and `Failed` as `classify` has it; EventBridge's asynchronous invocation tries again.
pub(crate) async fn run(clients: &Clients, settings: &Settings, event: Value, now: i64) -> Result<Outcome, StepError> {
    let Some(id) = watched_id(&event) else {
        tracing::info!(source = event["source"].as_str().unwrap_or("-"), "the event names nothing that is watched");
        return Ok(Outcome { answered: false });
    };
    let Some(token) = resolve(clients, settings, id, now).await? else {
        return Ok(Outcome { answered: false });
    };
    Ok(Outcome { answered: answer(clients, id, token).await? })
}

/// The id that watches are kept under: a certificate's ARN or the id of a registration's operation.
fn watched_id(event: &Value) -> Option<&str> {
    let id = match event["source"].as_str()? {
        "aws.acm" => &event["resources"][0],
        "nameplate" => &event["detail"]["operationId"],
        _ => return None,
    };
    id.as_str().filter(|id| !id.is_empty())
}

/// Marks the watch as resolved and hands back the token that it held, in one call: whoever stores a token
/// afterwards sees the mark, whoever stored one before is answered.
async fn resolve(
    clients: &Clients,
    settings: &Settings,
    id: &str,
    now: i64,
) -> Result<Option<SecretString>, StepError> {
    let result = clients
        .dynamodb
        .update_item()
        .table_name(&settings.table)
        .key(table::KEY, AttributeValue::S(table::watch_key(id)))
        .update_expression("SET #resolved = :now REMOVE #open")
        .condition_expression("attribute_exists(#id)")
        .expression_attribute_names("#id", table::KEY)
        .expression_attribute_names("#resolved", watch::RESOLVED)
        .expression_attribute_names("#open", watch::OPEN)
        .expression_attribute_values(":now", AttributeValue::N(now.to_string()))
        .return_values(ReturnValue::AllOld)
        .send()
        .await;
    let mut old = match result {
        Ok(output) => output.attributes.unwrap_or_default(),
        Err(error) if code_of(&error) == Some(table::CONDITION_FAILED) => {
            tracing::info!(id, "nobody watches this");
            return Ok(None);
        }
        Err(error) => return Err(classify("dynamodb:UpdateItem", &error)),
    };
    let token = match old.remove(watch::TOKEN) {
        Some(AttributeValue::S(token)) => Some(SecretString::from(token)),
        _ => None,
    };
    if token.is_none() {
        tracing::info!(id, "resolved before anybody fell asleep on it");
    }
    Ok(token)
}

/// Answers the token. Whether somebody was still waiting on it.
async fn answer(clients: &Clients, id: &str, token: SecretString) -> Result<bool, StepError> {
    match clients.sfn.send_task_success().task_token(token.expose_secret()).output(WOKEN).send().await {
        Ok(_) => {
            tracing::info!(id, "woken");
            Ok(true)
        }
        Err(error) => match code_of(&error) {
            Some(code) if NOBODY_WAITS.contains(&code) => {
                tracing::info!(id, code, "nobody waits on the token any more");
                Ok(false)
            }
            _ => Err(classify("states:SendTaskSuccess", &error)),
        },
    }
}

#[cfg(test)]
mod tests {
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
}
