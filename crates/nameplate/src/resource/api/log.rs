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
mod tests;
