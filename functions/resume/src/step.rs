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
use nameplate::contract::table;
use nameplate::contract::table::watch;
use nameplate::error::{classify, code_of};
use nameplate::secret::{ExposeSecret, SecretString};
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
mod tests;
