//! An API of API Gateway's second version with all that hangs below it: how it stands, how a request wants it, and the
//! difference. One file for each kind of thing. It must not know how anything is read or written.

mod access_log;
mod authorizer;
mod choice;
mod cors;
mod deployment;
mod integration;
mod permission;
mod route;
mod stage;

use std::collections::{BTreeMap, BTreeSet};

use strum::VariantArray;

use crate::contract::result::FieldChange;
use crate::request::{Cors, DefaultEndpoint, Protocol, Request};
use crate::resource::difference::{self, Attribute, Difference, Differences};
use crate::resource::tags::{self, Tagging};

pub use access_log::{
    AccessLogAttribute, LogGroup, LogSettings, access_log_differences, check_log_group, log_format, log_group,
};
pub use authorizer::{Access, Authorizer, AuthorizerAttribute, AuthorizerSpec, authorizer_differences, authorizers_of};
pub use choice::{Choice, check_existing, choose, not_ours};
pub use cors::{CorsAttribute, CorsRules, cors_differences};
pub use deployment::{
    Deployment, DeploymentAttribute, check_deployment, closed_mark, deployment_differences, deployment_mark,
    deployment_refusal, fitting,
};
pub use integration::{
    AWS_PROXY, HTTP_PROXY, Integration, IntegrationAttribute, Target, function_arn, integration_differences, unused,
};
pub use permission::{
    Authority, PermissionAttribute, STATEMENT_PREFIX, left_over, permission_differences, settling, statement_id,
    statements_for,
};
pub use route::{Route, RouteAttribute, route_differences};
pub use stage::{
    Limits, NO_LIMIT, STAGE, Stage, StageAttribute, WEBSOCKET_STAGE, deploys_itself, stage, stage_differences,
};

/// An API as API Gateway shows it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Api {
    /// `ApiId`.
    pub id: String,
    /// `ApiEndpoint`.
    pub endpoint: String,
    /// `ProtocolType`; nothing for a kind that Nameplate does not know.
    pub protocol: Option<Protocol>,
    /// `Name`.
    pub name: String,
    /// `RouteSelectionExpression`.
    pub route_selection_expression: Option<String>,
    /// `CorsConfiguration`.
    pub cors: Option<Cors>,
    /// `DisableExecuteApiEndpoint`: whether the default endpoint is closed.
    pub closed: bool,
    /// All its tags.
    pub tags: BTreeMap<String, String>,
    /// `CreatedDate`, as seconds and nanoseconds of Unix time.
    pub created: Option<(i64, u32)>,
}

impl Api {
    /// API Gateway's own address of a stage (AWS-FACTS 4.3.1: `$default` is served at the root).
    pub fn default_endpoint(&self, stage: &str) -> String {
        if stage == STAGE { self.endpoint.clone() } else { format!("{}/{stage}", self.endpoint) }
    }
}

/// An API of ours, and what hangs below it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Standing {
    /// The API itself.
    pub api: Api,
    /// Its routes.
    pub routes: Vec<Route>,
    /// Its integrations.
    pub integrations: Vec<Integration>,
    /// Its authorizers.
    pub authorizers: Vec<Authorizer>,
    /// The stage that an API of its kind has with us.
    pub stage: Option<Stage>,
    /// Deployments, at least that of the stage; of a WebSocket API only.
    pub deployments: Vec<Deployment>,
    /// Ids of the statements by which it may call a function, by the function's ARN.
    pub policies: BTreeMap<String, BTreeSet<String>>,
    /// The log group of its access log.
    pub log_group: Option<LogGroup>,
}

impl Standing {
    /// An API that was made just now, and nothing below it.
    pub fn made(api: Api) -> Self {
        Self { api, ..Self::default() }
    }

    /// The functions that the API knows: an integration or authorizer is made before the statement in its function's
    /// policy and deleted after it, so no other function has one for this API.
    pub fn functions(&self) -> BTreeSet<&str> {
        let called = self.integrations.iter().filter_map(|one| one.target.function());
        called.chain(self.authorizers.iter().filter_map(|one| one.spec.function.as_deref())).collect()
    }

    /// Where a route leads, if to an integration that is there.
    fn target_of(&self, route: &Route) -> Option<&Target> {
        let id = route.integration_id.as_deref()?;
        self.integrations.iter().find(|integration| integration.id == id).map(|integration| &integration.target)
    }

    /// The name of the authorizer that has this id, or the id of one that is not there.
    fn name_of<'a>(&'a self, authorizer_id: &'a str) -> &'a str {
        let found = self.authorizers.iter().find(|authorizer| authorizer.id == authorizer_id);
        found.map_or(authorizer_id, |authorizer| &authorizer.name)
    }
}

/// An API as a run wants it.
#[derive(Clone, Copy, Debug)]
pub struct Wanted<'a> {
    /// The request that describes it.
    pub request: &'a Request,
    /// The stack that makes it.
    pub stack: &'a str,
    /// The tags of the API, its stage and its log group.
    pub tagging: &'a Tagging,
}

impl Wanted<'_> {
    /// The name of the API: the domain, of which a request takes none that is too long for it (AWS-FACTS 4.1.1).
    pub fn name(&self) -> &str {
        self.request.domain_name.as_str()
    }

    /// The kind of API. It cannot be changed: an API of another kind is another one, which comes in its place.
    pub fn protocol(&self) -> Protocol {
        self.request.api.protocol()
    }
}

/// What of an API itself a run writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, VariantArray)]
pub enum ApiAttribute {
    /// Its kind, which differs only where there is none.
    Protocol,
    /// Its name.
    Name,
    /// What of a message names its route.
    RouteSelectionExpression,
    /// Whether API Gateway's own address answers. It is opened with the API, and closed once the names have answered.
    DefaultEndpoint,
    /// One of its tags.
    Tag,
}

impl Attribute for ApiAttribute {
    fn path(self) -> &'static str {
        match self {
            Self::Protocol => "protocol",
            Self::Name => "name",
            Self::RouteSelectionExpression => "routeSelectionExpression",
            Self::DefaultEndpoint => "defaultEndpoint",
            Self::Tag => "tags.{}",
        }
    }
}

/// What a run has to change about the API itself; all of it where there is none.
fn api_differences(standing: Option<&Api>, wanted: &Wanted<'_>) -> Vec<Difference<ApiAttribute>> {
    let mut differences = Differences::default();
    let protocol = standing.map(|api| api.protocol.unwrap_or(wanted.protocol()));
    differences.compare(ApiAttribute::Protocol, &protocol, &Some(wanted.protocol()));
    differences.compare(ApiAttribute::Name, &standing.map(|api| api.name.as_str()), &Some(wanted.name()));
    if let Some(expression) = &wanted.request.api.route_selection_expression {
        let present = standing.and_then(|api| api.route_selection_expression.as_ref());
        differences.compare(ApiAttribute::RouteSelectionExpression, &present, &Some(expression));
    }
    let endpoint = |api: &Api| if api.closed { DefaultEndpoint::Closed } else { DefaultEndpoint::Open };
    let endpoint = standing.map(endpoint);
    differences.compare(ApiAttribute::DefaultEndpoint, &endpoint, &Some(wanted.request.api.default_endpoint));
    let none = BTreeMap::new();
    tags::compare(&mut differences, ApiAttribute::Tag, standing.map_or(&none, |api| &api.tags), wanted.tagging);
    differences.into_vec()
}

/// All that a run has to change so that an API is as it is wanted.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Changes {
    /// The API itself.
    pub api: Vec<Difference<ApiAttribute>>,
    /// Its cross-origin rules.
    pub cors: Vec<Difference<CorsAttribute>>,
    /// Who is asked who may call.
    pub authorizers: Vec<Difference<AuthorizerAttribute>>,
    /// Its routes, each with its integration.
    pub routes: Vec<Difference<RouteAttribute>>,
    /// Integrations that no route leads to.
    pub integrations: Vec<Difference<IntegrationAttribute>>,
    /// Statements in functions' policies.
    pub permissions: Vec<Difference<PermissionAttribute>>,
    /// What the stage is on.
    pub deployment: Vec<Difference<DeploymentAttribute>>,
    /// The stage.
    pub stage: Vec<Difference<StageAttribute>>,
    /// The access log and its group.
    pub access_log: Vec<Difference<AccessLogAttribute>>,
}

impl Changes {
    /// What a run has to change; all of it where there is no API.
    pub fn of(standing: Option<&Standing>, wanted: &Wanted<'_>) -> Self {
        let nothing = Standing::default();
        let below = standing.unwrap_or(&nothing);
        let request = wanted.request;
        let log = below.stage.as_ref().and_then(|stage| stage.access_log.as_ref());
        let routes = route_differences(below, request);
        Self {
            api: api_differences(standing.map(|standing| &standing.api), wanted),
            cors: cors_differences(below.api.cors.as_ref(), request.api.cors.as_ref()),
            authorizers: authorizer_differences(&below.authorizers, request),
            integrations: integration_differences(below, request, &routes),
            permissions: permission_differences(below, request),
            deployment: deployment_differences(standing, request),
            stage: stage_differences(below.stage.as_ref(), wanted),
            access_log: access_log_differences(log, below.log_group.as_ref(), wanted),
            routes,
        }
    }

    /// As a plan shows it: in order, and once where a tag differs on the API, its stage and its log group alike.
    pub fn shown(&self) -> Vec<FieldChange> {
        let mut shown = [
            difference::shown(&self.api),
            difference::shown(&self.cors),
            difference::shown(&self.authorizers),
            difference::shown(&self.routes),
            difference::shown(&self.integrations),
            difference::shown(&self.permissions),
            difference::shown(&self.deployment),
            difference::shown(&self.stage),
            difference::shown(&self.access_log),
        ]
        .concat();
        shown.sort_by_cached_key(|change| (change.field.clone(), change.before.to_string()));
        shown.dedup();
        shown
    }

    /// Whether the default endpoint is closed now, and is not opened: closing is a matter of another step.
    pub fn stays_closed(&self, api: &Api) -> bool {
        api.closed && !difference::any(&self.api, &[ApiAttribute::DefaultEndpoint])
    }

    /// Whether everything is as it is wanted.
    pub fn is_empty(&self) -> bool {
        self.shown().is_empty()
    }
}

#[cfg(test)]
mod tests;
