//! EventBridge for what AWS itself sends: service events and schedules.
//!
//! Owns the way from an event to the targets of the rules that match it, and the ticking of `rate(…)` schedules.
//! MiniStack refuses `aws.*` sources in PutEvents and ticks in real time; whether a pattern matches, and running the
//! target, remain its work. Must not know why an event happens.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Map, Value, json};
use tokio::time::{Instant, sleep};

use crate::emulator::{Emulator, EmulatorError};
use crate::faults::Kind;
use crate::identity::execution_credentials;
use crate::local::Local;
use crate::service_event::Event;

/// A rule and the target that was run for it.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub(crate) struct Delivery {
    rule: String,
    target: String,
    /// Why the target was not run.
    error: Option<String>,
}

/// Delivers an event to all targets of the rules on the default bus that match it.
pub(crate) async fn deliver(local: &Local, event: &Event) -> Result<Vec<Delivery>, EmulatorError> {
    let envelope = event.envelope(&local.account_id, &local.region, local.clock.now());
    let emulator = &local.emulator;
    let mut deliveries = Vec::new();
    for rule in rules(emulator).await? {
        let Some(pattern) = rule["EventPattern"].as_str().filter(|_| rule["State"] != "DISABLED") else { continue };
        let test = json!({ "Event": envelope.to_string(), "EventPattern": pattern });
        if emulator.json("events", "AWSEvents.TestEventPattern", &test).await?["Result"] == true {
            deliveries.append(&mut run_targets(local, &rule, &envelope).await?);
        }
    }
    Ok(deliveries)
}

async fn rules(emulator: &Emulator) -> Result<Vec<Value>, EmulatorError> {
    let mut rules = Vec::new();
    let mut input = json!({ "EventBusName": "default" });
    loop {
        let page = emulator.json("events", "AWSEvents.ListRules", &input).await?;
        rules.extend(page["Rules"].as_array().cloned().unwrap_or_default());
        match page["NextToken"].as_str() {
            Some(next) => input["NextToken"] = json!(next),
            None => return Ok(rules),
        }
    }
}

async fn run_targets(local: &Local, rule: &Value, envelope: &Value) -> Result<Vec<Delivery>, EmulatorError> {
    let input = json!({ "Rule": rule["Name"], "EventBusName": "default" });
    let targets = local.emulator.json("events", "AWSEvents.ListTargetsByRule", &input).await?;
    let mut deliveries = Vec::new();
    for target in targets["Targets"].as_array().into_iter().flatten() {
        deliveries.push(deliver_to(local, rule, target, envelope).await);
    }
    Ok(deliveries)
}

/// Delivers an event to one target of a rule that matches it. What the target does not take goes to its dead-letter
/// queue, without the retries that AWS makes first (AWS-FACTS 6.1.1).
pub(crate) async fn deliver_to(local: &Local, rule: &Value, target: &Value, envelope: &Value) -> Delivery {
    let strike = local.faults.strike_event(envelope);
    let times = match strike.as_ref().map(|strike| strike.kind) {
        Some(Kind::LoseEvent) => 0,
        Some(Kind::DuplicateEvent) => 2,
        _ => 1,
    };
    if let Some(strike) = strike.as_ref().filter(|strike| strike.kind == Kind::DelayEvent) {
        strike.delay().await;
    }
    let refused = strike.as_ref().is_some_and(|strike| strike.kind == Kind::RefuseEvent);
    let payload = payload(target, rule, envelope);
    let mut error = None;
    for _ in 0..times {
        let run = if refused { Err("refused by a fault".to_owned()) } else { run(local, rule, target, &payload).await };
        error = run.err();
        if let (Some(_), Some(queue)) = (&error, target["DeadLetterConfig"]["Arn"].as_str()) {
            // AWS drops what its dead-letter queue does not take.
            let _dropped = send_message(&local.emulator, queue, envelope).await;
        }
    }
    Delivery {
        rule: rule["Name"].as_str().unwrap_or_default().to_owned(),
        target: target["Arn"].as_str().unwrap_or_default().to_owned(),
        error,
    }
}

async fn run(local: &Local, rule: &Value, target: &Value, payload: &Value) -> Result<(), String> {
    let emulator = &local.emulator;
    let arn = target["Arn"].as_str().unwrap_or_default();
    let done = match arn.split(':').nth(2).unwrap_or_default() {
        "lambda" => emulator.invoke_event(arn, payload).await,
        "states" => {
            let input = json!({ "stateMachineArn": arn, "input": payload.to_string() });
            let role = target["RoleArn"].as_str().unwrap_or_default();
            let keys = execution_credentials(rule["Arn"].as_str().unwrap_or_default(), role);
            emulator.with_keys(keys).json("states", "AWSStepFunctions.StartExecution", &input).await.map(|_| ())
        }
        "sqs" => send_message(emulator, arn, payload).await,
        other => return Err(format!("the local AWS does not deliver to {other} targets")),
    };
    done.map_err(|error| error.to_string())
}

async fn send_message(emulator: &Emulator, queue_arn: &str, body: &Value) -> Result<(), EmulatorError> {
    let mut parts = queue_arn.split(':').skip(4);
    let (account, queue) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
    let input = json!({ "QueueUrl": format!("http://localhost/{account}/{queue}"), "MessageBody": body.to_string() });
    emulator.json("sqs", "AmazonSQS.SendMessage", &input).await.map(|_| ())
}

/// What a target gets: the event, or what its Input, InputPath or InputTransformer make of it.
fn payload(target: &Value, rule: &Value, envelope: &Value) -> Value {
    if let Some(input) = target["Input"].as_str() {
        return serde_json::from_str(input).unwrap_or_else(|_| json!(input));
    }
    if let Some(path) = target["InputPath"].as_str() {
        return at_path(envelope, path).cloned().unwrap_or_else(|| envelope.clone());
    }
    if let Some(template) = target["InputTransformer"]["InputTemplate"].as_str() {
        let mut values = Map::new();
        for (name, path) in target["InputTransformer"]["InputPathsMap"].as_object().into_iter().flatten() {
            let value = path.as_str().and_then(|path| at_path(envelope, path)).cloned();
            values.insert(name.clone(), value.unwrap_or(Value::Null));
        }
        values.insert("aws.events.event.json".to_owned(), envelope.clone());
        values.insert("aws.events.rule-name".to_owned(), rule["Name"].clone());
        values.insert("aws.events.rule-arn".to_owned(), rule["Arn"].clone());
        values.insert("aws.events.event.ingestion-time".to_owned(), envelope["time"].clone());
        let text = fill(template, &values);
        return serde_json::from_str(&text).unwrap_or_else(|_| json!(text));
    }
    envelope.clone()
}

/// `$.detail.a[0]`
fn at_path<'a>(value: &'a Value, path: &str) -> Option<&'a Value> {
    let path = path.strip_prefix('$')?;
    let mut value = value;
    for part in path.split('.').filter(|part| !part.is_empty()) {
        let (name, indices) = part.split_once('[').map_or((part, None), |(name, rest)| (name, Some(rest)));
        value = value.get(name)?;
        for index in indices.into_iter().flat_map(|indices| indices.split('[')) {
            value = value.get(index.trim_end_matches(']').parse::<usize>().ok()?)?;
        }
    }
    Some(value)
}

/// Puts values in place of `<name>`: as JSON where a value may stand, as bare text within a string.
fn fill(template: &str, values: &Map<String, Value>) -> String {
    let mut text = String::new();
    let mut rest = template;
    let mut in_string = false;
    while let Some(at) = rest.find(['<', '"', '\\']) {
        text.push_str(&rest[..at]);
        let special = rest.as_bytes()[at];
        if special == b'\\' {
            let end = (at + 2).min(rest.len());
            text.push_str(&rest[at..end]);
            rest = &rest[end..];
            continue;
        }
        if special == b'"' {
            in_string = !in_string;
            text.push('"');
            rest = &rest[at + 1..];
            continue;
        }
        let found = rest[at + 1..].split_once('>').and_then(|(name, after)| Some((values.get(name)?, after)));
        match found {
            Some((Value::String(value), after)) if in_string => {
                text.push_str(value);
                rest = after;
            }
            Some((value, after)) => {
                let value = value.to_string();
                text.push_str(&if in_string { value.replace('"', "") } else { value });
                rest = after;
            }
            None => {
                text.push('<');
                rest = &rest[at + 1..];
            }
        }
    }
    text.push_str(rest);
    text
}

/// Fires the enabled `rate(…)` rules of the default bus, a scheduled minute being as long as the settings say.
pub(crate) async fn tick(local: Arc<Local>) {
    let mut fired: HashMap<String, Instant> = HashMap::new();
    loop {
        let minute = Duration::from_millis(local.settings().schedule_minute_ms.max(50));
        sleep(minute / 4).await;
        // A failure here means that MiniStack is going away; the server notices that itself.
        let Ok(rules) = rules(&local.emulator).await else { continue };
        let now = Instant::now();
        for rule in rules.iter().filter(|rule| rule["State"] != "DISABLED") {
            let Some(minutes) = rule["ScheduleExpression"].as_str().and_then(rate_minutes) else { continue };
            let arn = rule["Arn"].as_str().unwrap_or_default().to_owned();
            let last = *fired.entry(arn.clone()).or_insert(now);
            if now.duration_since(last) < minute * minutes {
                continue;
            }
            fired.insert(arn.clone(), now);
            let event = Event {
                source: "aws.events".to_owned(),
                detail_type: "Scheduled Event".to_owned(),
                resources: vec![arn],
                detail: json!({}),
            };
            let envelope = event.envelope(&local.account_id, &local.region, local.clock.now());
            let _gone = run_targets(&local, rule, &envelope).await;
        }
    }
}

/// The minutes of `rate(5 minutes)`.
fn rate_minutes(expression: &str) -> Option<u32> {
    let (count, unit) = expression.strip_prefix("rate(")?.strip_suffix(')')?.split_once(' ')?;
    let count: u32 = count.parse().ok()?;
    match unit.trim_end_matches('s') {
        "minute" => Some(count),
        "hour" => count.checked_mul(60),
        "day" => count.checked_mul(60 * 24),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn envelope() -> Value {
        let event = Event {
            source: "aws.acm".to_owned(),
            detail_type: "ACM Certificate Available".to_owned(),
            resources: vec!["arn:c".to_owned()],
            detail: json!({ "Action": "ISSUANCE", "n": 3, "list": [{ "x": true }] }),
        };
        event.envelope("000000000000", "us-east-1", 0.0)
    }

    #[test]
    fn a_target_gets_the_event_or_what_it_asks_for() {
        let envelope = envelope();
        let rule = json!({ "Name": "r", "Arn": "arn:r" });
        let payload = |target: Value| payload(&target, &rule, &envelope);
        assert_eq!(payload(json!({})), envelope);
        assert_eq!(payload(json!({ "Input": "{\"a\":1}" })), json!({ "a": 1 }));
        assert_eq!(payload(json!({ "InputPath": "$.detail" })), envelope["detail"]);
        assert_eq!(payload(json!({ "InputPath": "$.resources[0]" })), json!("arn:c"));
        let transformer = json!({ "InputTransformer": {
            "InputPathsMap": { "arn": "$.resources[0]", "n": "$.detail.n", "x": "$.detail.list[0].x" },
            "InputTemplate": "{\"arn\":<arn>,\"n\":<n>,\"text\":\"<arn> has <n>, \\\"<x>\\\"\",\"rule\":<aws.events.rule-name>}",
        }});
        assert_eq!(
            payload(transformer),
            json!({ "arn": "arn:c", "n": 3, "text": "arn:c has 3, \"true\"", "rule": "r" })
        );
        let whole = json!({ "InputTransformer": { "InputTemplate": "{\"e\":<aws.events.event.json>}" } });
        assert_eq!(payload(whole)["e"], envelope);
    }

    #[test]
    fn rates_are_counted_in_minutes() {
        assert_eq!(rate_minutes("rate(1 minute)"), Some(1));
        assert_eq!(rate_minutes("rate(2 hours)"), Some(120));
        assert_eq!(rate_minutes("cron(0 * * * ? *)"), None);
        assert_eq!(rate_minutes("rate(x minutes)"), None);
    }
}
