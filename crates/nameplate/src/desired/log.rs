//! The access log of a stage: where its lines go and what they say. Nothing personal: no address, user agent, header
//! or query string, and no path, which may name a person.

use crate::domain::DomainName;
use crate::request::{Protocol, Request};

/// Log groups of this name share one entry in CloudWatch Logs' resource policy, which is short (AWS-FACTS 5.5.2).
const FOLDER: &str = "/aws/vendedlogs/nameplate";

/// The log group of a domain in a stack.
pub fn log_group(domain: &DomainName, stack: &str) -> String {
    format!("{FOLDER}/{stack}/{domain}")
}

/// What a line says: API Gateway's variables (Developer Guide, "Customize HTTP API access logs" and "Configure logging
/// for WebSocket APIs"; the format must hold the request's id: AWS-FACTS 4.3.4).
pub fn log_format(protocol: Protocol) -> &'static str {
    match protocol {
        Protocol::Http => concat!(
            r#"{"requestId":"$context.requestId","requestTime":"$context.requestTime","apiId":"$context.apiId","#,
            r#""stage":"$context.stage","domainName":"$context.domainName","routeKey":"$context.routeKey","#,
            r#""protocol":"$context.protocol","status":"$context.status","#,
            r#""responseLength":"$context.responseLength","responseLatency":"$context.responseLatency","#,
            r#""integrationStatus":"$context.integration.status","integrationLatency":"$context.integration.latency","#,
            r#""error":"$context.error.responseType"}"#
        ),
        Protocol::WebSocket => concat!(
            r#"{"requestId":"$context.requestId","requestTime":"$context.requestTime","apiId":"$context.apiId","#,
            r#""stage":"$context.stage","domainName":"$context.domainName","routeKey":"$context.routeKey","#,
            r#""eventType":"$context.eventType","connectionId":"$context.connectionId","#,
            r#""messageId":"$context.messageId","status":"$context.status","#,
            r#""integrationStatus":"$context.integration.status","integrationLatency":"$context.integration.latency","#,
            r#""error":"$context.error.responseType"}"#
        ),
    }
}

/// `AccessLogSettings` of a stage, in the form in which they are compared.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogSettings {
    /// Name of the log group, out of `DestinationArn`.
    pub group: String,
    /// `Format`.
    pub format: String,
}

impl LogSettings {
    /// What the request wants; nothing where it wants no log.
    pub fn wanted(request: &Request, stack: &str) -> Option<Self> {
        request.api.access_log.as_ref()?;
        Some(Self {
            group: log_group(&request.domain_name, stack),
            format: log_format(request.api.protocol()).to_owned(),
        })
    }

    /// What a stage has. An ARN can end in `:*`; one of another kind of destination stands for itself.
    pub fn observed(destination: &str, format: &str) -> Self {
        let group = destination.split_once(":log-group:").map_or(destination, |(_, name)| name);
        Self { group: group.trim_end_matches(":*").to_owned(), format: format.to_owned() }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use serde_json::{Value, json};

    use super::*;

    fn request(api: Value) -> Request {
        Request::parse(&json!({"domainName": "example.com", "api": api})).expect("valid")
    }

    #[test]
    fn a_line_is_json_with_the_requests_id_and_nothing_personal() {
        for protocol in [Protocol::Http, Protocol::WebSocket] {
            let format = log_format(protocol);
            assert!(format.len() <= 1_024, "{} characters", format.len());
            let line: Value = serde_json::from_str(format).expect("JSON");
            let variables: BTreeSet<&str> =
                line.as_object().expect("an object").values().filter_map(Value::as_str).collect();
            assert!(variables.contains("$context.requestId") && variables.iter().all(|v| v.starts_with("$context.")));
            for personal in
                ["identity", "sourceIp", "userAgent", "path", "authorizer", "querystring", "header", "message\""]
            {
                assert!(!variables.iter().any(|variable| variable.contains(personal)), "{protocol:?}: {personal}");
            }
        }
    }

    #[test]
    fn settings_are_known_again_whatever_the_end_of_their_arn() {
        let routes = json!([{"route": "GET /", "url": "https://a.example/"}]);
        let wanted = LogSettings::wanted(&request(json!({"routes": routes, "accessLog": {"retentionDays": 30}})), "np");
        let wanted = wanted.expect("a log");
        assert_eq!(wanted.group, "/aws/vendedlogs/nameplate/np/example.com");
        let arn = format!("arn:aws:logs:us-east-1:123456789012:log-group:{}", wanted.group);
        for arn in [arn.clone(), format!("{arn}:*")] {
            assert_eq!(LogSettings::observed(&arn, &wanted.format), wanted);
        }
        assert_ne!(LogSettings::observed(&arn, "$context.requestId"), wanted);
        assert_ne!(LogSettings::observed("arn:aws:firehose:us-east-1:1:deliverystream/x", &wanted.format), wanted);
        assert_eq!(LogSettings::wanted(&request(json!({"routes": routes})), "np"), None);
    }
}
