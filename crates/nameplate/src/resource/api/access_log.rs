//! The access log of a stage: where its lines go and what they say, and the log group that keeps them, which is never
//! deleted, since it holds what users logged. Nothing personal is in a line: no address, user agent, header or query
//! string, and no path, which may name a person.

use std::collections::BTreeMap;

use strum::VariantArray;

use super::Wanted;
use crate::domain::DomainName;
use crate::error::StepError;
use crate::request::{Protocol, Request};
use crate::resource::difference::{Attribute, Difference, Differences};
use crate::resource::tags::{self, DOMAIN, STACK};

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

/// A log group as CloudWatch Logs shows it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LogGroup {
    /// Its name.
    pub name: String,
    /// Its ARN, without the `:*` at its end.
    pub arn: String,
    /// For how many days it keeps lines; nothing for ever.
    pub retention_days: Option<i32>,
    /// All its tags.
    pub tags: BTreeMap<String, String>,
}

/// What of an access log a run writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, VariantArray)]
pub enum AccessLogAttribute {
    /// Where the stage writes lines to.
    Destination,
    /// What a line says.
    Format,
    /// For how many days lines are kept. Where there is no log group, it is made for that.
    Retention,
    /// One of the tags of the log group.
    Tag,
}

impl Attribute for AccessLogAttribute {
    fn path(self) -> &'static str {
        match self {
            Self::Destination => "accessLog.logGroup",
            Self::Format => "accessLog.format",
            Self::Retention => "accessLog.retentionDays",
            Self::Tag => "tags.{}",
        }
    }
}

/// What a run has to change about the access log of a stage and its log group. The group stays where no log is wanted.
pub fn access_log_differences(
    standing: Option<&LogSettings>,
    group: Option<&LogGroup>,
    wanted: &Wanted<'_>,
) -> Vec<Difference<AccessLogAttribute>> {
    let mut differences = Differences::default();
    let settings = LogSettings::wanted(wanted.request, wanted.stack);
    let mut compare = |attribute, of: fn(&LogSettings) -> &String| {
        differences.compare(attribute, &standing.map(of), &settings.as_ref().map(of));
    };
    compare(AccessLogAttribute::Destination, |log| &log.group);
    compare(AccessLogAttribute::Format, |log| &log.format);
    if let Some(log) = &wanted.request.api.access_log {
        let retention = group.and_then(|group| group.retention_days);
        differences.compare(AccessLogAttribute::Retention, &retention, &Some(log.retention_days));
        let none = BTreeMap::new();
        let present = group.map_or(&none, |group| &group.tags);
        tags::compare(&mut differences, AccessLogAttribute::Tag, present, wanted.tagging);
    }
    differences.into_vec()
}

/// Refuses a log group that somebody else has made in the place of ours.
///
/// # Errors
/// `Refused`, with the tags that it lacks.
pub fn check_log_group(group: Option<&LogGroup>, wanted: &Wanted<'_>) -> Result<(), StepError> {
    let Some(foreign) = group.filter(|group| !wanted.tagging.are_ours(&group.tags)) else { return Ok(()) };
    Err(StepError::refused(
        "LogGroupNotOurs",
        format!(
            "the log group {} does not carry the tags `{DOMAIN}` = `{}` and `{STACK}` = `{}`",
            foreign.name, wanted.request.domain_name, wanted.stack
        ),
        "put the tags on the log group to hand it over, or leave `api.accessLog` out",
    ))
}

#[cfg(test)]
mod tests;
