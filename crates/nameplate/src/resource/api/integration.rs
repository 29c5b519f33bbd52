//! Integrations: where routes lead. Routes share one where all of it is the same.

use std::collections::{BTreeMap, BTreeSet};

use strum::VariantArray;

use super::{RouteAttribute, Standing};
use crate::request::{Protocol, Request, Route};
use crate::resource::difference::{Attribute, Difference, Differences};

/// `IntegrationType` of an HTTP endpoint.
pub const HTTP_PROXY: &str = "HTTP_PROXY";
/// `IntegrationType` of a Lambda function.
pub const AWS_PROXY: &str = "AWS_PROXY";
/// Payload format of an HTTP endpoint: the only one there is (AWS-FACTS 4.1.7).
const URL_PAYLOAD: &str = "1.0";
/// Payload format of a Lambda function behind an HTTP API.
const LAMBDA_PAYLOAD: &str = "2.0";
/// Payload format of a Lambda function behind a WebSocket API, which knows no other (`PayloadFormatVersion` in API
/// Gateway's model).
const MESSAGE_PAYLOAD: &str = "1.0";
/// Value of a mapping that removes: API Gateway wants one and reads none.
const REMOVED: &str = "''";

/// Where a route leads: all that makes an integration different from another.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Target {
    /// `IntegrationType`: [`HTTP_PROXY`], [`AWS_PROXY`], or one that Nameplate never makes.
    pub kind: String,
    /// `IntegrationUri`; of a function its ARN.
    pub uri: String,
    /// `IntegrationMethod`; nothing for a function, where API Gateway shows its own.
    pub method: Option<String>,
    /// `PayloadFormatVersion`.
    pub payload: Option<String>,
    /// `ConnectionId`: of a link into a VPC.
    pub vpc_link: Option<String>,
    /// `RequestParameters`: what is changed on the way.
    pub mapping: BTreeMap<String, String>,
}

impl Target {
    /// The target that a route of a request names.
    pub fn of(protocol: Protocol, route: &Route) -> Self {
        let text = |text: &str| Some(text.to_owned());
        match &route.lambda {
            Some(function) => Self {
                kind: AWS_PROXY.to_owned(),
                uri: function.as_str().to_owned(),
                payload: text(match protocol {
                    Protocol::Http => LAMBDA_PAYLOAD,
                    Protocol::WebSocket => MESSAGE_PAYLOAD,
                }),
                ..Self::default()
            },
            None => Self {
                kind: HTTP_PROXY.to_owned(),
                uri: route.url.clone().unwrap_or_default(),
                // The caller's own, or the one that carries a message.
                method: text(match protocol {
                    Protocol::Http => "ANY",
                    Protocol::WebSocket => "POST",
                }),
                payload: text(URL_PAYLOAD),
                vpc_link: None,
                mapping: match protocol {
                    Protocol::Http => mapping(route),
                    Protocol::WebSocket => message_mapping(route),
                },
            },
        }
    }

    /// The same in the form in which it is compared: whatever the value of a removal says, it removes.
    pub fn normal(mut self) -> Self {
        if self.kind == AWS_PROXY {
            self.uri = function_arn(&self.uri);
            self.method = None;
        }
        for (key, value) in &mut self.mapping {
            if key.starts_with("remove:") {
                REMOVED.clone_into(value);
            }
        }
        self
    }

    /// The endpoint, if it is one.
    pub fn url(&self) -> Option<&str> {
        (self.kind == HTTP_PROXY).then_some(&self.uri)
    }

    /// The function, if it is one.
    pub fn function(&self) -> Option<&str> {
        (self.kind == AWS_PROXY).then_some(&self.uri)
    }
}

/// `RequestParameters` of a route to an HTTP endpoint.
fn mapping(route: &Route) -> BTreeMap<String, String> {
    let headers = route.headers.iter().map(|(name, value)| match value {
        Some(value) => (format!("overwrite:header.{name}"), value.clone()),
        None => (format!("remove:header.{name}"), REMOVED.to_owned()),
    });
    headers.chain(route.path.iter().map(|path| ("overwrite:path".to_owned(), path.clone()))).collect()
}

/// `RequestParameters` of a route of a WebSocket API to an HTTP endpoint: a text stands in quotes, and a variable has
/// no `$` (Developer Guide, "Set up data mapping for WebSocket APIs").
fn message_mapping(route: &Route) -> BTreeMap<String, String> {
    let value = |value: &String| match value.strip_prefix('$') {
        Some(variable) if variable.starts_with("request.") => format!("route.{variable}"),
        Some(variable) => variable.to_owned(),
        None => format!("'{value}'"),
    };
    let header = |(name, text): (&String, &Option<String>)| {
        Some((format!("integration.request.header.{name}"), value(text.as_ref()?)))
    };
    route.headers.iter().filter_map(header).collect()
}

/// A function's ARN out of the URI of an integration or authorizer, which may wrap it as
/// `…/functions/<ARN>/invocations`.
pub fn function_arn(uri: &str) -> String {
    let inner = uri.split_once("/functions/").map_or(uri, |(_, inner)| inner);
    inner.strip_suffix("/invocations").unwrap_or(inner).to_owned()
}

/// An integration as API Gateway shows it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Integration {
    /// `IntegrationId`.
    pub id: String,
    /// Where it leads.
    pub target: Target,
}

/// What of integrations a run writes that is no matter of a route.
#[derive(Clone, Copy, Debug, PartialEq, Eq, VariantArray)]
pub enum IntegrationAttribute {
    /// One that no route leads to, and none will.
    LeftOver,
}

impl Attribute for IntegrationAttribute {
    fn path(self) -> &'static str {
        match self {
            Self::LeftOver => "integrations.{}",
        }
    }
}

/// Integrations that no route leads to now, and none will. Those that routes are led away from are part of that.
pub fn integration_differences(
    standing: &Standing,
    request: &Request,
    routes: &[Difference<RouteAttribute>],
) -> Vec<Difference<IntegrationAttribute>> {
    let used: BTreeSet<&str> = standing.routes.iter().filter_map(|route| route.integration_id.as_deref()).collect();
    let mut differences = Differences::default();
    for integration in unused(standing, request, routes).into_iter().filter(|one| !used.contains(one.id.as_str())) {
        let (key, uri) = (&integration.id, Some(&integration.target.uri));
        differences.compare_one(IntegrationAttribute::LeftOver, key, &uri, &None);
    }
    differences.into_vec()
}

/// Integrations that no route will lead to once the routes are as wanted.
pub fn unused<'a>(
    standing: &'a Standing,
    request: &Request,
    routes: &[Difference<RouteAttribute>],
) -> Vec<&'a Integration> {
    let differing: BTreeSet<&str> = routes.iter().filter_map(|difference| difference.key.as_deref()).collect();
    let present: BTreeMap<&str, &super::Route> =
        standing.routes.iter().map(|route| (route.key.as_str(), route)).collect();
    let used = request.api.routes.iter().filter_map(|route| {
        let key = route.route.as_str();
        if !differing.contains(key) {
            return present.get(key)?.integration_id.as_deref();
        }
        let target = Target::of(request.api.protocol(), route);
        Some(standing.integrations.iter().find(|one| one.target == target)?.id.as_str())
    });
    let used: BTreeSet<&str> = used.collect();
    standing.integrations.iter().filter(|integration| !used.contains(integration.id.as_str())).collect()
}

#[cfg(test)]
mod tests;
