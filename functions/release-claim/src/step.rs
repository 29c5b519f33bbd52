//! Lets go of what an execution held that was stopped, ran out of time, or failed without doing so itself.
//!
//! Reads: the event, for the execution that it tells about. What else it says is not believed: whether that
//! execution has ended, how, and what it was started with is asked of Step Functions (the event
//! leaves out an input over 248 KB, AWS-FACTS 5.5.1). Then the domain item.
//! Writes, each under the condition that this very execution holds it: the tokens out of the domain's watches,
//! so that nobody is answered who is no more; then the claim, which leaves every id where it is.
//! Idempotent: the watches come first, since their ids may change once somebody else holds the domain.
//! `NotReady`: never. Refused: nothing; an event about an execution that runs, never was, never held a domain,
//! or holds it no more changes nothing.
//! It must not know how a domain is claimed or what is awaited.

use std::collections::HashMap;

use aws_sdk_dynamodb::operation::update_item::builders::UpdateItemFluentBuilder;
use aws_sdk_dynamodb::types::AttributeValue;
use aws_sdk_sfn::types::ExecutionStatus;
use nameplate::contract::table;
use nameplate::contract::table::{domain as attribute, watch};
use nameplate::contract::{STATE_MACHINE_SUFFIX, retire};
use nameplate::error::{classify, code_of};
use nameplate::{Class, DomainName, StepError};
use serde::Serialize;
use serde_json::{Value, json};

/// How much is kept of what an execution ended with, in characters.
const SAID_AT_MOST: usize = 500;

/// What the step calls.
#[derive(Clone)]
pub(crate) struct Clients {
    pub(crate) dynamodb: aws_sdk_dynamodb::Client,
    pub(crate) sfn: aws_sdk_sfn::Client,
}

/// What the template sets.
#[derive(Clone)]
pub(crate) struct Settings {
    /// Stack name: the state machines' names begin with it.
    pub(crate) stack: String,
    /// The table of domain items and watches.
    pub(crate) table: String,
}

/// What became of an event.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Outcome {
    /// Whether a claim was released.
    pub(crate) released: bool,
}

/// Releases what the execution held that `event` is about.
///
/// # Errors
/// `Retryable` and `Failed` as `classify` has it; EventBridge's asynchronous invocation tries again.
pub(crate) async fn run(clients: &Clients, settings: &Settings, event: Value) -> Result<Outcome, StepError> {
    let nothing = Ok(Outcome { released: false });
    let Some(execution) = event["detail"]["executionArn"].as_str().filter(|arn| is_ours(arn, &settings.stack)) else {
        tracing::info!("the event names no execution of this stack's state machines");
        return nothing;
    };
    let Some(end) = end_of(clients, execution).await? else { return nothing };
    let Some(domain) = end.domain() else {
        tracing::info!(execution, "it was started with nothing that could have been claimed");
        return nothing;
    };
    let table = Table { client: &clients.dynamodb, name: &settings.table, execution };
    let item = table.read(&domain).await?;
    let text = |name: &str| item.get(name).and_then(|value| value.as_s().ok());
    for awaited in [attribute::PURCHASE_OPERATION, attribute::AWAITED_CERTIFICATE].into_iter().filter_map(text) {
        if table.forget_token(awaited).await? {
            tracing::info!(execution, awaited, "it was asleep on this, and is not answered any more");
        }
    }
    if text(attribute::HELD_BY).map(String::as_str) != Some(execution) {
        tracing::info!(execution, domain = domain.as_str(), "it does not hold the domain");
        return nothing;
    }
    let released = table.release(&domain, &end.failure(execution)).await?;
    tracing::info!(execution, domain = domain.as_str(), released, "its claim");
    Ok(Outcome { released })
}

/// Whether an ARN is one of an execution of one of the state machines of the stack, which is given by name and region.
fn is_ours(arn: &str, stack: &str) -> bool {
    let parts: Vec<&str> = arn.split(':').collect();
    match parts.as_slice() {
        ["arn", _, "states", region, _, "execution", machine, execution] => {
            let suffixes = [STATE_MACHINE_SUFFIX, retire::STATE_MACHINE_SUFFIX];
            let mut names = suffixes.iter().filter_map(|suffix| machine.strip_suffix(suffix));
            names.any(|name| stack == format!("{name}.{region}")) && !execution.is_empty()
        }
        _ => false,
    }
}

/// How an execution ended that did not succeed.
struct End {
    status: ExecutionStatus,
    /// Seconds since 1970.
    at: Option<i64>,
    input: Option<String>,
    /// Error and cause, as far as there are any.
    said: String,
}

impl End {
    /// The domain that it may have claimed: `plan` reads the name in the same way, and without one nothing is claimed.
    fn domain(&self) -> Option<DomainName> {
        let input: Value = serde_json::from_str(self.input.as_deref()?).ok()?;
        input["domainName"].as_str()?.parse().ok()
    }

    /// The failure as the domain item keeps it: who ended the execution and when, and what to do.
    fn failure(&self, execution: &str) -> String {
        let (code, how) = match self.status {
            ExecutionStatus::Aborted => ("ExecutionStopped", "was stopped from outside"),
            ExecutionStatus::TimedOut => ("ExecutionTimedOut", "was ended by Step Functions after its longest time"),
            _ => ("ExecutionFailed", "failed and could not record it"),
        };
        let said = if self.said.is_empty() { String::new() } else { format!(": {}", self.said) };
        json!({
            "error": Class::Failed.error_type(),
            "code": code,
            "reason": format!("{execution} {how}{said}"),
            "remedy": "start the execution again; it goes on from what exists",
            "execution": execution,
            "endedAt": self.at,
        })
        .to_string()
    }
}

/// How the execution ended; nothing when it runs, has succeeded or never was.
async fn end_of(clients: &Clients, execution: &str) -> Result<Option<End>, StepError> {
    let answer = match clients.sfn.describe_execution().execution_arn(execution).send().await {
        Ok(answer) => answer,
        Err(error) if code_of(&error) == Some("ExecutionDoesNotExist") => {
            tracing::warn!(execution, "there is no such execution; the event was forged or came very late");
            return Ok(None);
        }
        Err(error) => return Err(classify("states:DescribeExecution", &error)),
    };
    match answer.status {
        ExecutionStatus::Aborted | ExecutionStatus::Failed | ExecutionStatus::TimedOut => {
            let said: Vec<String> = [answer.error, answer.cause].into_iter().flatten().collect();
            let said = said.join(": ").chars().take(SAID_AT_MOST).collect();
            let at = answer.stop_date.map(|date| date.secs());
            Ok(Some(End { status: answer.status, at, input: answer.input, said }))
        }
        status => {
            tracing::warn!(
                execution,
                status = status.as_str(),
                "it did not end so; the event was forged, or it runs again"
            );
            Ok(None)
        }
    }
}

/// The table, as far as one execution may have left something in it.
struct Table<'a> {
    client: &'a aws_sdk_dynamodb::Client,
    name: &'a str,
    execution: &'a str,
}

impl Table<'_> {
    /// The domain item as it is now.
    async fn read(&self, domain: &DomainName) -> Result<HashMap<String, AttributeValue>, StepError> {
        let answer = self
            .client
            .get_item()
            .table_name(self.name)
            .key(table::KEY, text(&table::domain_key(domain.as_str())))
            .consistent_read(true)
            .send()
            .await
            .map_err(|error| classify("dynamodb:GetItem", &error))?;
        Ok(answer.item.unwrap_or_default())
    }

    /// Takes the execution's token out of the watch on `awaited`. Whether there was one.
    async fn forget_token(&self, awaited: &str) -> Result<bool, StepError> {
        let update = self
            .update(table::watch_key(awaited), "REMOVE #token, #heldBy")
            .expression_attribute_names("#token", watch::TOKEN)
            .expression_attribute_names("#heldBy", watch::HELD_BY);
        written(update).await
    }

    /// Gives the domain back. Whether the execution still held it.
    async fn release(&self, domain: &DomainName, failure: &str) -> Result<bool, StepError> {
        let update = self
            .update(table::domain_key(domain.as_str()), "SET #status = :status, #lastFailure = :failure REMOVE #heldBy")
            .expression_attribute_names("#heldBy", attribute::HELD_BY)
            .expression_attribute_names("#status", attribute::STATUS)
            .expression_attribute_names("#lastFailure", attribute::LAST_FAILURE)
            .expression_attribute_values(":status", text(attribute::FAILED))
            .expression_attribute_values(":failure", text(failure));
        written(update).await
    }

    /// A change of an item that the execution, and nobody else, must hold.
    fn update(&self, key: String, change: &str) -> UpdateItemFluentBuilder {
        self.client
            .update_item()
            .table_name(self.name)
            .key(table::KEY, AttributeValue::S(key))
            .update_expression(change)
            .condition_expression("#heldBy = :execution")
            .expression_attribute_values(":execution", text(self.execution))
    }
}

async fn written(update: UpdateItemFluentBuilder) -> Result<bool, StepError> {
    match update.send().await {
        Ok(_) => Ok(true),
        Err(error) if code_of(&error) == Some(table::CONDITION_FAILED) => Ok(false),
        Err(error) => Err(classify("dynamodb:UpdateItem", &error)),
    }
}

fn text(value: &str) -> AttributeValue {
    AttributeValue::S(value.to_owned())
}

#[cfg(test)]
mod tests;
