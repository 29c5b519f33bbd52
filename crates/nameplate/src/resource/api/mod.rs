//! What an API should look like, held against what API Gateway says it looks like.
//! Pure: it must not know the SDK; functions turn SDK answers into the plain types here.

mod authorizer;
mod deployment;
mod log;
mod statement;

use std::collections::{BTreeMap, BTreeSet};

use crate::request::{Protocol, Request, Route, Throttle};

pub use authorizer::{Access, AuthorizerChanges, AuthorizerFields, AuthorizerSpec, ObservedAccess, ObservedAuthorizer};
pub use deployment::{closed_mark, deployment_mark};
pub use log::{LogSettings, log_format, log_group};
pub use statement::statements_for;

/// Limits of a stage that shall have none, once it had some: they can be changed, but not taken away (seen in
/// hashicorp/terraform-provider-aws#14742 and #30373). These are the account's (AWS-FACTS 4.5.7) and limit nothing.
pub const NO_LIMIT: Throttle = Throttle { rate: 10_000.0, burst: 5_000 };

/// Stage of every HTTP API: served at the root (AWS-FACTS 4.3.1).
pub const STAGE: &str = "$default";
/// Stage of every WebSocket API. `$default` can be made there and does not work (seen in
/// terraform-aws-modules/terraform-aws-apigateway-v2#7).
pub const WEBSOCKET_STAGE: &str = "live";
/// Start of the id of each statement that `create-api` adds to a function's policy.
pub const STATEMENT_PREFIX: &str = "nameplate-";

/// Payload format of an HTTP endpoint: the only one there is (AWS-FACTS 4.1.7).
pub const URL_PAYLOAD: &str = "1.0";
/// Payload format of a Lambda function behind an HTTP API.
pub const LAMBDA_PAYLOAD: &str = "2.0";
/// Payload format of a Lambda function behind a WebSocket API, which knows no other (`PayloadFormatVersion` in API
/// Gateway's model).
pub const MESSAGE_PAYLOAD: &str = "1.0";
/// Value of a mapping that removes: API Gateway wants one and reads none.
const REMOVED: &str = "''";

/// The stage that an API of ours answers on.
pub fn stage(protocol: Protocol) -> &'static str {
    match protocol {
        Protocol::Http => STAGE,
        Protocol::WebSocket => WEBSOCKET_STAGE,
    }
}

/// `PayloadFormatVersion` of a Lambda integration.
pub fn lambda_payload(protocol: Protocol) -> &'static str {
    match protocol {
        Protocol::Http => LAMBDA_PAYLOAD,
        Protocol::WebSocket => MESSAGE_PAYLOAD,
    }
}

/// `IntegrationMethod` of an HTTP endpoint: the caller's, or the one that carries a message.
pub fn url_method(protocol: Protocol) -> &'static str {
    match protocol {
        Protocol::Http => "ANY",
        Protocol::WebSocket => "POST",
    }
}

/// The target of a route, in the form in which an integration states it. Routes share an integration where all of
/// it is the same.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Target {
    /// An HTTP endpoint: integration type HTTP_PROXY, payload 1.0 (AWS-FACTS 4.1.7).
    Url {
        /// Where requests go.
        uri: String,
        /// `RequestParameters`: what is changed on the way.
        mapping: BTreeMap<String, String>,
    },
    /// A Lambda function by ARN: integration type AWS_PROXY.
    Lambda(String),
}

impl Target {
    /// An endpoint that gets requests as they came.
    pub fn url(uri: impl Into<String>) -> Self {
        Target::Url { uri: uri.into(), mapping: BTreeMap::new() }
    }

    /// The target that a route of a request names.
    pub fn of(protocol: Protocol, route: &Route) -> Option<Self> {
        if let Some(uri) = &route.url {
            let mapping = match protocol {
                Protocol::Http => mapping(route),
                Protocol::WebSocket => message_mapping(route),
            };
            return Some(Target::Url { uri: uri.clone(), mapping });
        }
        route.lambda.as_ref().map(|arn| Target::Lambda(arn.as_str().to_owned()))
    }

    /// The function, if it is one.
    pub fn function(&self) -> Option<&str> {
        match self {
            Target::Url { .. } => None,
            Target::Lambda(function) => Some(function),
        }
    }

    /// The URL, or the function's ARN.
    pub fn uri(&self) -> &str {
        match self {
            Target::Url { uri, .. } | Target::Lambda(uri) => uri,
        }
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

/// The fields of an integration that tell what it is, as API Gateway reports them.
#[derive(Clone, Debug, Default)]
pub struct IntegrationFields<'a> {
    /// `IntegrationType`.
    pub kind: Option<&'a str>,
    /// `IntegrationUri`.
    pub uri: Option<&'a str>,
    /// `IntegrationMethod`.
    pub method: Option<&'a str>,
    /// `PayloadFormatVersion`.
    pub payload: Option<&'a str>,
    /// `ConnectionId`: of a link into a VPC.
    pub connection: Option<&'a str>,
    /// `RequestParameters`.
    pub mapping: BTreeMap<String, String>,
}

impl IntegrationFields<'_> {
    /// The target, or nothing when the integration is of a kind that Nameplate never makes for an API of `protocol`.
    pub fn target(self, protocol: Protocol) -> Option<Target> {
        let uri = self.uri?;
        if self.connection.is_some() {
            return None;
        }
        match (self.kind?, self.payload?) {
            ("HTTP_PROXY", URL_PAYLOAD) if self.method == Some(url_method(protocol)) => {
                // Whatever the value of a removal says, it removes.
                let read = |(key, value): (String, String)| {
                    let value = if key.starts_with("remove:") { REMOVED.to_owned() } else { value };
                    (key, value)
                };
                Some(Target::Url { uri: uri.to_owned(), mapping: self.mapping.into_iter().map(read).collect() })
            }
            ("AWS_PROXY", payload) if payload == lambda_payload(protocol) && self.mapping.is_empty() => {
                Some(Target::Lambda(function_arn(uri)))
            }
            _ => None,
        }
    }
}

/// A function's ARN out of the URI of an integration, which may wrap it as `…/functions/<ARN>/invocations`.
fn function_arn(uri: &str) -> String {
    let inner = uri.split_once("/functions/").map_or(uri, |(_, inner)| inner);
    inner.strip_suffix("/invocations").unwrap_or(inner).to_owned()
}

/// A route as API Gateway reports it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ObservedRoute {
    /// `RouteId`.
    pub id: String,
    /// `RouteKey`.
    pub key: String,
    /// The integration's id, out of `Target` (`integrations/<id>`).
    pub integration_id: Option<String>,
    /// Who may call it.
    pub access: ObservedAccess,
}

/// An integration as API Gateway reports it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ObservedIntegration {
    /// `IntegrationId`.
    pub id: String,
    /// Its target; nothing when it is of a kind that Nameplate never makes.
    pub target: Option<Target>,
}

/// What has to change so that the routes are as the request wants them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RouteChanges {
    /// Routes to make, with the integration to use where one exists.
    pub create: Vec<(String, Target)>,
    /// Routes to point elsewhere or to open to others: route id, route key, target.
    pub retarget: Vec<(String, String, Target)>,
    /// Route ids that the request does not know.
    pub remove: Vec<String>,
    /// Integrations that exist for a wanted target.
    pub integrations: BTreeMap<Target, String>,
    /// Functions that a route calls and will not call any more.
    pub lost: BTreeSet<String>,
    /// Who may call, by the key of each route to make or to change.
    pub access: BTreeMap<String, Access>,
    /// What has to happen to the authorizers.
    pub authorizers: AuthorizerChanges,
}

impl RouteChanges {
    /// Whether everything is as wanted.
    pub fn is_empty(&self) -> bool {
        self.create.is_empty() && self.retarget.is_empty() && self.remove.is_empty() && self.authorizers.is_empty()
    }
}

/// Compares the routes of `request` with those of the API.
pub fn route_changes(
    request: &Request,
    routes: &[ObservedRoute],
    integrations: &[ObservedIntegration],
    authorizers: &[ObservedAuthorizer],
) -> RouteChanges {
    let protocol = request.api.protocol();
    let target_of: BTreeMap<&str, &Target> =
        integrations.iter().filter_map(|i| i.target.as_ref().map(|t| (i.id.as_str(), t))).collect();
    let mut changes =
        RouteChanges { authorizers: AuthorizerChanges::of(request, authorizers), ..RouteChanges::default() };
    for integration in integrations {
        if let Some(target) = &integration.target {
            changes.integrations.entry(target.clone()).or_insert_with(|| integration.id.clone());
        }
    }
    for route in &request.api.routes {
        let Some(target) = Target::of(protocol, route) else { continue };
        let (key, access) = (route.route.as_str().to_owned(), Access::of(request, route));
        match routes.iter().find(|observed| observed.key == key) {
            None => {
                changes.access.insert(key.clone(), access);
                changes.create.push((key, target));
            }
            Some(observed) => {
                let present = observed.integration_id.as_deref().and_then(|id| target_of.get(id).copied());
                if present != Some(&target) || !observed.access.is(&access, authorizers) {
                    changes.access.insert(key, access);
                    changes.retarget.push((observed.id.clone(), observed.key.clone(), target));
                }
            }
        }
    }
    let wanted: BTreeMap<&str, Target> = request
        .api
        .routes
        .iter()
        .filter_map(|route| Some((route.route.as_str(), Target::of(protocol, route)?)))
        .collect();
    for observed in routes {
        let present = observed.integration_id.as_deref().and_then(|id| target_of.get(id).copied());
        if wanted.get(observed.key.as_str()) != present {
            changes.lost.extend(present.and_then(Target::function).map(str::to_owned));
        }
    }
    changes.remove = routes
        .iter()
        .filter(|observed| !request.api.routes.iter().any(|wanted| wanted.route.as_str() == observed.key))
        .map(|observed| observed.id.clone())
        .collect();
    changes
}

#[cfg(test)]
mod tests;
