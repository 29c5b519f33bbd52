//! Lines of an HTTP API's access log, as its stage asks for them.
//!
//! Owns what each variable of API Gateway stands for (Developer Guide, "Customize HTTP API access logs"); one that has
//! no value is `-`. Lines of WebSocket APIs are not written.

use http::Method;
use serde_json::{Value, json};

use crate::answer::Answer;
use crate::emulator::encode;
use crate::local::Local;
use crate::route;

/// The one stream of each log group.
const STREAM: &str = "local";

/// What is known of a request when it arrives.
pub(crate) struct Arrival {
    host: String,
    method: Method,
    at: f64,
}

impl Arrival {
    pub(crate) fn of(local: &Local, host: &str, method: &Method) -> Self {
        Self { host: host.to_owned(), method: method.clone(), at: local.clock.now() }
    }
}

/// Writes the line of a request that was answered, if its stage has an access log.
pub(crate) async fn write(local: &Local, api: &str, stage: &str, path: &str, arrived: &Arrival, answer: &Answer) {
    let target = format!("/v2/apis/{}/stages/{}", encode(api), encode(stage));
    let Ok(found) = local.emulator.rest_json("apigateway", Method::GET, &target, None).await else { return };
    let log = &found["accessLogSettings"];
    let (Some(format), Some(destination)) = (log["format"].as_str(), log["destinationArn"].as_str()) else { return };
    let Some((_, group)) = destination.split_once(":log-group:") else { return };
    let group = group.trim_end_matches(":*");
    let route = route::taken(local, api, &arrived.method, path).await;
    let now = local.clock.now();
    let latency = format!("{:.0}", (now - arrived.at) * 1_000.0);
    let time = jiff::Timestamp::from_second(arrived.at as i64).unwrap_or_default();
    let line = filled(format, |name| match name {
        "requestId" | "extendedRequestId" => Some(uuid::Uuid::new_v4().to_string()),
        "requestTime" => Some(time.strftime("%d/%b/%Y:%H:%M:%S +0000").to_string()),
        "apiId" => Some(api.to_owned()),
        "stage" => Some(stage.to_owned()),
        "domainName" => Some(arrived.host.clone()),
        "routeKey" => Some(route.as_ref()?["routeKey"].as_str()?.to_owned()),
        "httpMethod" => Some(arrived.method.to_string()),
        "protocol" => Some("HTTP/1.1".to_owned()),
        "path" => Some(path.to_owned()),
        "status" | "integration.status" => Some(answer.status().as_u16().to_string()),
        "responseLength" => Some(answer.body().len().to_string()),
        "responseLatency" | "integration.latency" => Some(latency.clone()),
        _ => None,
    });
    let stream = json!({ "logGroupName": group, "logStreamName": STREAM });
    // It may be there already; and lines for a group that is not there are lost, as on AWS.
    let _there = local.emulator.json("logs", "Logs_20140328.CreateLogStream", &stream).await;
    let event = json!({ "timestamp": (now * 1_000.0) as i64, "message": line });
    let input = json!({ "logGroupName": group, "logStreamName": STREAM, "logEvents": [event] });
    let _lost: Result<Value, _> = local.emulator.json("logs", "Logs_20140328.PutLogEvents", &input).await;
}

/// A format with its `$context.…` variables filled in.
fn filled(format: &str, value: impl Fn(&str) -> Option<String>) -> String {
    let mut parts = format.split("$context.");
    let mut line = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let end = part.find(|c: char| !(c.is_ascii_alphanumeric() || c == '.')).unwrap_or(part.len());
        let (name, rest) = part.split_at(end);
        line.push_str(&value(name).unwrap_or_else(|| "-".to_owned()));
        line.push_str(rest);
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variables_are_filled_in_and_what_is_unknown_is_a_dash() {
        let value = |name: &str| (name == "integration.status").then(|| "200".to_owned());
        let format = r#"{"a":"$context.integration.status","b":"$context.unknown","c":"x"}"#;
        assert_eq!(filled(format, value), r#"{"a":"200","b":"-","c":"x"}"#);
        assert_eq!(filled("plain", value), "plain");
        assert_eq!(filled("$context.integration.status", value), "200");
    }
}
