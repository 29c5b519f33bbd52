//! An execution as a person follows it: one line per state, from the execution's history.
//! It reads what AWS shows to everybody and must not know how a state does its work.

use std::time::Duration;

use anyhow::{Context, Result, bail};
use serde_json::{Value, json};
use tokio::time::Instant;

use crate::aws::Access;

/// How often the history is read.
const POLL: Duration = Duration::from_millis(300);
/// Longest execution: with the local AWS's delays one takes some ten seconds.
const LIMIT: Duration = Duration::from_secs(240);

/// How an execution ended.
#[derive(Debug, PartialEq)]
pub(crate) enum Ending {
    /// With this output.
    Succeeded(Value),
    /// With this error and cause.
    Failed { error: String, cause: String },
}

/// Follows an execution to its end, handing on one line for each thing worth telling.
///
/// # Errors
/// When it cannot be read, or does not end in time.
pub(crate) async fn follow(access: &Access, execution: &str, mut tell: impl FnMut(&str)) -> Result<Ending> {
    let deadline = Instant::now() + LIMIT;
    let mut teller = Teller::default();
    loop {
        let events = history(access, execution).await?;
        for event in events.iter().skip(teller.seen) {
            if let Some(line) = teller.line(event) {
                tell(&line);
            }
        }
        if let Some(ending) = teller.ending.take() {
            return Ok(ending);
        }
        if Instant::now() > deadline {
            bail!("the execution is still running after {} s, in {}", LIMIT.as_secs(), teller.state);
        }
        tokio::time::sleep(POLL).await;
    }
}

async fn history(access: &Access, execution: &str) -> Result<Vec<Value>> {
    let mut events = Vec::new();
    let mut token = Value::Null;
    loop {
        let mut body = json!({ "executionArn": execution, "maxResults": 1000, "includeExecutionData": true });
        if !token.is_null() {
            body["nextToken"] = token;
        }
        let mut page = access.client.json("states", "AWSStepFunctions.GetExecutionHistory", &body).await?;
        let Value::Array(more) = page["events"].take() else { bail!("GetExecutionHistory answered without events") };
        events.extend(more);
        token = page["nextToken"].take();
        if token.is_null() {
            return Ok(events);
        }
    }
}

/// Turns events into lines.
#[derive(Default)]
struct Teller {
    seen: usize,
    started: f64,
    state: String,
    remark: String,
    asleep: bool,
    /// Its last task failed, which has been told.
    failed: bool,
    ending: Option<Ending>,
}

impl Teller {
    /// The line for an event, if it is worth one.
    fn line(&mut self, event: &Value) -> Option<String> {
        self.seen += 1;
        let at = event["timestamp"].as_f64().unwrap_or_default();
        let kind = event["type"].as_str().unwrap_or_default();
        if kind.ends_with("StateEntered") {
            event["stateEnteredEventDetails"]["name"].as_str().unwrap_or_default().clone_into(&mut self.state);
            self.remark.clear();
            (self.asleep, self.failed) = (false, false);
            return None;
        }
        let text = match kind {
            "ExecutionStarted" => {
                self.started = at;
                return None;
            }
            "TaskScheduled" => {
                self.failed = false;
                let resource = event["taskScheduledEventDetails"]["resource"].as_str().unwrap_or_default();
                if !resource.ends_with(".waitForTaskToken") {
                    return None;
                }
                self.asleep = true;
                "asleep until an event comes".to_owned()
            }
            "TaskSucceeded" if self.asleep => {
                "woken by it".clone_into(&mut self.remark);
                return None;
            }
            "TaskSucceeded" => {
                let output = event["taskSucceededEventDetails"]["output"].as_str().unwrap_or("null");
                let output: Value = serde_json::from_str(output).unwrap_or_default();
                self.remark = remark(if output["Payload"].is_null() { &output } else { &output["Payload"] });
                return None;
            }
            "TaskTimedOut" if self.asleep => {
                self.failed = true;
                "no event came: looks by itself".to_owned()
            }
            "TaskFailed" | "TaskTimedOut" => {
                self.failed = true;
                let timed_out = kind == "TaskTimedOut";
                let details = &event[if timed_out { "taskTimedOutEventDetails" } else { "taskFailedEventDetails" }];
                let error = details["error"].as_str().unwrap_or("failed");
                if self.asleep && error.ends_with("ConditionalCheckFailedException") {
                    "it has happened already".to_owned()
                } else {
                    format!("{error}: {}", Reason::of(details["cause"].as_str().unwrap_or_default()).text)
                }
            }
            "TaskStateExited" if self.failed => return None,
            "TaskStateExited" => std::mem::take(&mut self.remark),
            "ExecutionSucceeded" => {
                let output = event["executionSucceededEventDetails"]["output"].as_str().unwrap_or("null");
                self.ending = Some(Ending::Succeeded(serde_json::from_str(output).unwrap_or_default()));
                return None;
            }
            "ExecutionFailed" | "ExecutionTimedOut" | "ExecutionAborted" => {
                let details = &event[format!("e{}EventDetails", &kind[1..])];
                let part = |name: &str, or: &str| details[name].as_str().unwrap_or(or).to_owned();
                self.ending = Some(Ending::Failed { error: part("error", kind), cause: part("cause", "") });
                return None;
            }
            _ => return None,
        };
        Some(format!("{:>6.1} s  {:<24} {text}", (at - self.started).max(0.0), self.state).trim_end().to_owned())
    }
}

/// What a step's output says to a person.
fn remark(output: &Value) -> String {
    let text = |name: &str| output[name].as_str().unwrap_or_default();
    let has = |name: &str| !output[name].is_null();
    if has("report") {
        let quote = &output["quote"]["registration"];
        return match output["registration"].as_str() {
            Some("REGISTER") if !quote.is_null() => format!(
                "free, {} {} a year",
                quote["amount"].as_f64().unwrap_or_default(),
                quote["currency"].as_str().unwrap_or_default()
            ),
            Some("REGISTERED") => "registered in this account".to_owned(),
            Some("NOT_MANAGED") => "registered elsewhere".to_owned(),
            _ => String::new(),
        };
    }
    if has("defaultEndpoint") {
        return format!("api {} at {}", text("apiId"), text("defaultEndpoint"));
    }
    if let Some(closed) = output["closed"].as_bool() {
        return format!("default endpoint {}", if closed { "closed" } else { "still open" });
    }
    if has("apiEndpoint") {
        return text("apiEndpoint").to_owned();
    }
    if has("certificateArn") {
        let id = text("certificateArn").rsplit('/').next().unwrap_or_default();
        return format!("certificate {id} is {}", text("status"));
    }
    if has("hostedZoneId") {
        let servers = output["nameServers"].as_array().map(Vec::as_slice).unwrap_or_default();
        let servers: Vec<_> = servers.iter().filter_map(Value::as_str).collect();
        return format!("zone {}, {}", text("hostedZoneId"), servers.join(" "));
    }
    if has("registration") {
        let registration = &output["registration"];
        let mut remark = registration["status"].as_str().unwrap_or_default().to_owned();
        if let Some(expires) = registration["expires"].as_str() {
            remark.push_str(&format!(", until {expires}"));
        }
        return remark;
    }
    if let Some(written) = output["written"].as_u64() {
        return format!("{written} written");
    }
    String::new()
}

/// A failure's cause, taken apart where Nameplate wrote it.
#[derive(Debug, PartialEq)]
pub(crate) struct Reason {
    /// What happened.
    pub(crate) text: String,
    /// What to do about it.
    pub(crate) remedy: Option<String>,
}

impl Reason {
    /// Reads a cause: Nameplate's JSON, or that inside a Lambda's error, or whatever else it says.
    pub(crate) fn of(cause: &str) -> Self {
        let Ok(value) = serde_json::from_str::<Value>(cause) else {
            return Self { text: cause.to_owned(), remedy: None };
        };
        if let Some(inner) = value["errorMessage"].as_str() {
            return Self::of(inner);
        }
        match value["reason"].as_str() {
            Some(reason) => Self { text: reason.to_owned(), remedy: value["remedy"].as_str().map(str::to_owned) },
            None => Self { text: cause.to_owned(), remedy: None },
        }
    }
}

/// The ARN in the AWS CLI's answer to start-execution.
///
/// # Errors
/// When there is none.
pub(crate) fn started(answer: &str) -> Result<String> {
    let value: Value = serde_json::from_str(answer).context("start-execution did not answer with JSON")?;
    let arn = value["executionArn"].as_str().context("start-execution answered without an executionArn")?;
    Ok(arn.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tell(events: &[Value]) -> (Vec<String>, Option<Ending>) {
        let mut teller = Teller::default();
        let lines = events.iter().filter_map(|event| teller.line(event)).collect();
        (lines, teller.ending)
    }

    fn event(at: f64, kind: &str, field: &str, details: Value) -> Value {
        json!({ "timestamp": at, "type": kind, field: details })
    }

    #[test]
    fn a_default_endpoint_is_told_to_be_closed_or_open() {
        assert_eq!(remark(&json!({ "closed": true, "actions": [] })), "default endpoint closed");
        assert_eq!(remark(&json!({ "closed": false, "actions": ["…"] })), "default endpoint still open");
    }

    #[test]
    fn a_run_is_told_state_by_state() {
        let payload = json!({ "Payload": { "apiId": "a1", "defaultEndpoint": "https://a1.example" } }).to_string();
        let (lines, ending) = tell(&[
            event(100.0, "ExecutionStarted", "executionStartedEventDetails", json!({})),
            event(100.1, "TaskStateEntered", "stateEnteredEventDetails", json!({ "name": "CreateApi" })),
            event(100.1, "TaskScheduled", "taskScheduledEventDetails", json!({ "resource": "invoke" })),
            event(101.2, "TaskSucceeded", "taskSucceededEventDetails", json!({ "output": payload })),
            event(101.2, "TaskStateExited", "stateExitedEventDetails", json!({ "name": "CreateApi" })),
            event(101.3, "ChoiceStateEntered", "stateEnteredEventDetails", json!({ "name": "Registered?" })),
            event(101.3, "TaskStateEntered", "stateEnteredEventDetails", json!({ "name": "AwaitRegistration" })),
            event(
                101.4,
                "TaskScheduled",
                "taskScheduledEventDetails",
                json!({ "resource": "updateItem.waitForTaskToken" }),
            ),
            event(102.9, "TaskSucceeded", "taskSucceededEventDetails", json!({ "output": "{}" })),
            event(102.9, "TaskStateExited", "stateExitedEventDetails", json!({ "name": "AwaitRegistration" })),
            event(103.0, "ExecutionSucceeded", "executionSucceededEventDetails", json!({ "output": "{\"a\":1}" })),
        ]);
        assert_eq!(
            lines,
            [
                "   1.2 s  CreateApi                api a1 at https://a1.example",
                "   1.4 s  AwaitRegistration        asleep until an event comes",
                "   2.9 s  AwaitRegistration        woken by it",
            ]
        );
        assert_eq!(ending, Some(Ending::Succeeded(json!({ "a": 1 }))));
    }

    #[test]
    fn a_sleep_without_an_event_says_so() {
        let scheduled = json!({ "resource": "updateItem.waitForTaskToken" });
        let asleep = [
            event(0.0, "TaskStateEntered", "stateEnteredEventDetails", json!({ "name": "Await" })),
            event(0.0, "TaskScheduled", "taskScheduledEventDetails", scheduled),
        ];
        let end = |kind, field, details| {
            let exit = event(5.0, "TaskStateExited", "stateExitedEventDetails", json!({ "name": "Await" }));
            let (mut lines, _) = tell(&[asleep.as_slice(), &[event(5.0, kind, field, details), exit]].concat());
            assert_eq!(lines.len(), 2, "{lines:?}");
            lines.remove(1)
        };
        let late = end("TaskTimedOut", "taskTimedOutEventDetails", json!({ "error": "States.Timeout" }));
        assert!(late.ends_with("no event came: looks by itself"), "{late}");
        let error = json!({ "error": "DynamoDb.ConditionalCheckFailedException" });
        let early = end("TaskFailed", "taskFailedEventDetails", error);
        assert!(early.ends_with("it has happened already"), "{early}");
    }

    #[test]
    fn a_failure_keeps_its_error_and_cause() {
        let details = json!({ "error": "Nameplate.Refused", "cause": "{}" });
        let (_, ending) = tell(&[event(0.0, "ExecutionFailed", "executionFailedEventDetails", details)]);
        assert_eq!(ending, Some(Ending::Failed { error: "Nameplate.Refused".into(), cause: "{}".into() }));
    }

    #[test]
    fn a_cause_gives_up_its_reason_and_remedy() {
        let ours = json!({ "code": "PriceOverCap", "reason": "too dear", "remedy": "raise it" }).to_string();
        let expected = Reason { text: "too dear".into(), remedy: Some("raise it".into()) };
        assert_eq!(Reason::of(&ours), expected);
        assert_eq!(Reason::of(&json!({ "errorType": "x", "errorMessage": ours }).to_string()), expected);
        assert_eq!(Reason::of("plain"), Reason { text: "plain".into(), remedy: None });
    }
}
