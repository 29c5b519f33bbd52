//! For which execution a call is made.
//!
//! Owns what is known about that. A call of Step Functions names its execution; it hands a trace id to the Lambda
//! that it invokes, and the Lambda's SDK hands it on with each call (`X-Amzn-Trace-Id`). A call without a trace, from
//! a function that an event started, is counted to the execution that it names, whose task token it answers, or which
//! last used the DynamoDB item that the call is about. Must not judge a call.

use std::collections::HashMap;
use std::sync::Mutex;

use bytes::Bytes;
use http::Request;
use serde_json::Value;

use crate::lock::lock;

/// The header in which `aws_side.py` names the execution.
const EXECUTION: &str = "x-local-aws-execution";
/// The header in which it names the token of a callback task.
const TASK_TOKEN: &str = "x-local-aws-task-token";

/// What has been learned from calls so far: execution ARNs by trace root, by task token, by table and item.
#[derive(Default)]
pub(crate) struct Origins(Mutex<Known>);

#[derive(Default)]
struct Known {
    roots: HashMap<String, String>,
    tokens: HashMap<String, String>,
    items: HashMap<(String, String), String>,
}

impl Origins {
    /// The execution that a call of `service` is made for, as far as that is known.
    pub(crate) fn of(&self, service: &str, request: &Request<Bytes>) -> Option<String> {
        let header = |name: &str| request.headers().get(name).and_then(|value| value.to_str().ok());
        let root = header("x-amzn-trace-id").and_then(trace_root);
        let body: Value = match service {
            "dynamodb" | "states" => serde_json::from_slice(request.body()).unwrap_or_default(),
            _ => Value::Null,
        };
        let mut known = lock(&self.0);
        if let Some(execution) = header(EXECUTION) {
            if let Some(root) = root {
                known.roots.insert(root.to_owned(), execution.to_owned());
            }
            if let Some(token) = header(TASK_TOKEN) {
                known.tokens.insert(token.to_owned(), execution.to_owned());
            }
        }
        let named = header(EXECUTION).map(str::to_owned).or_else(|| known.roots.get(root?).cloned());
        if let Some(execution) = named {
            for item in items(&body) {
                known.items.insert(item, execution.clone());
            }
            return Some(execution);
        }
        if let Some(execution) = body["executionArn"].as_str() {
            return Some(execution.to_owned());
        }
        let by_token = body["taskToken"].as_str().and_then(|token| known.tokens.get(token));
        by_token.or_else(|| items(&body).iter().find_map(|item| known.items.get(item))).cloned()
    }
}

/// `Root=1-…` of a trace header.
fn trace_root(header: &str) -> Option<&str> {
    header.split(';').find_map(|part| part.trim().strip_prefix("Root="))
}

/// Table and key of the item that a DynamoDB call is about. PutItem does not say which attribute is the key: all
/// its strings are taken.
fn items(body: &Value) -> Vec<(String, String)> {
    let Some(table) = body["TableName"].as_str() else { return Vec::new() };
    let attributes = body["Key"].as_object().or_else(|| body["Item"].as_object());
    let strings = attributes.into_iter().flatten().filter_map(|(_, value)| value["S"].as_str());
    strings.map(|value| (table.to_owned(), value.to_owned())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn call(headers: &[(&str, &str)], body: &'static str) -> Request<Bytes> {
        let request = headers.iter().fold(Request::post("/"), |request, (name, value)| request.header(*name, *value));
        request.body(Bytes::from_static(body.as_bytes())).unwrap()
    }

    #[test]
    fn a_trace_leads_from_the_execution_to_the_calls_of_its_lambdas() {
        let origins = Origins::default();
        let invoke = call(&[(EXECUTION, "arn:e1"), ("x-amzn-trace-id", "Root=1-0-a;Parent=p")], "{}");
        assert_eq!(origins.of("lambda", &invoke).as_deref(), Some("arn:e1"));
        let of_lambda = call(&[("x-amzn-trace-id", "Sampled=0;Root=1-0-a;Lineage=x")], "");
        assert_eq!(origins.of("route53", &of_lambda).as_deref(), Some("arn:e1"));
        assert_eq!(origins.of("route53", &call(&[("x-amzn-trace-id", "Root=1-0-b")], "")), None);
        assert_eq!(origins.of("route53", &call(&[], "")), None);
    }

    #[test]
    fn without_a_trace_the_token_or_the_item_tells() {
        let origins = Origins::default();
        let sleep = r#"{"TableName":"t","Key":{"id":{"S":"watch#1"}}}"#;
        origins.of("dynamodb", &call(&[(EXECUTION, "arn:e1"), (TASK_TOKEN, "tok")], sleep));
        let put = r#"{"TableName":"t","Item":{"id":{"S":"watch#2"},"n":{"N":"1"}}}"#;
        origins.of("dynamodb", &call(&[(EXECUTION, "arn:e2")], put));
        for (service, body, expected) in [
            ("states", r#"{"taskToken":"tok"}"#, Some("arn:e1")),
            ("states", r#"{"taskToken":"other"}"#, None),
            ("states", r#"{"executionArn":"arn:e3"}"#, Some("arn:e3")),
            ("dynamodb", sleep, Some("arn:e1")),
            ("dynamodb", r#"{"TableName":"t","Key":{"id":{"S":"watch#2"}}}"#, Some("arn:e2")),
            ("dynamodb", r#"{"TableName":"u","Key":{"id":{"S":"watch#2"}}}"#, None),
        ] {
            assert_eq!(origins.of(service, &call(&[], body)).as_deref(), expected, "{service} {body}");
        }
    }
}
