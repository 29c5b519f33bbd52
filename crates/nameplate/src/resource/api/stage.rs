//! The stage that an API of ours answers on: what it deploys by itself, and the limits of all routes and of single ones.
//! Its access log has a file of its own.

use std::collections::BTreeMap;

use strum::VariantArray;

use super::{LogSettings, Wanted};
use crate::request::{Protocol, Throttle};
use crate::resource::difference::{Attribute, Difference, Differences};
use crate::resource::tags;

/// Limits of a stage that shall have none, once it had some: they can be changed, but not taken away (seen in
/// hashicorp/terraform-provider-aws#14742 and #30373). These are the account's own (AWS-FACTS 4.5.7), so they limit nothing.
pub const NO_LIMIT: Throttle = Throttle { rate: 10_000.0, burst: 5_000 };

/// Stage of every HTTP API: served at the root (AWS-FACTS 4.3.1).
pub const STAGE: &str = "$default";
/// Stage of every WebSocket API. `$default` can be made there and does not work (seen in
/// terraform-aws-modules/terraform-aws-apigateway-v2#7).
pub const WEBSOCKET_STAGE: &str = "live";

/// The stage that an API of ours answers on.
pub fn stage(protocol: Protocol) -> &'static str {
    match protocol {
        Protocol::Http => STAGE,
        Protocol::WebSocket => WEBSOCKET_STAGE,
    }
}

/// Whether the stage deploys by itself what is changed (AWS-FACTS 4.3.2: only that of an HTTP API shall).
pub fn deploys_itself(protocol: Protocol) -> bool {
    protocol == Protocol::Http
}

/// Limits as API Gateway shows them, each by itself.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Limits {
    /// `ThrottlingRateLimit`.
    pub rate: Option<f64>,
    /// `ThrottlingBurstLimit`.
    pub burst: Option<i32>,
}

impl Limits {
    fn of(wanted: Option<&Throttle>) -> Self {
        Self { rate: wanted.map(|limits| limits.rate), burst: wanted.map(|limits| limits.burst) }
    }

    /// Without those that limit nothing, where none are wanted.
    fn against(self, wanted: Option<&Throttle>) -> Self {
        let limits = |limited: bool| wanted.is_some() || limited;
        Self {
            rate: self.rate.filter(|rate| limits(*rate != NO_LIMIT.rate)),
            burst: self.burst.filter(|burst| limits(*burst != NO_LIMIT.burst)),
        }
    }
}

/// A stage as API Gateway shows it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Stage {
    /// `StageName`.
    pub name: String,
    /// `AutoDeploy`.
    pub auto_deploy: bool,
    /// `DeploymentId`: what it is on.
    pub deployment_id: Option<String>,
    /// `DefaultRouteSettings`.
    pub limits: Limits,
    /// `RouteSettings`, by route key.
    pub route_limits: BTreeMap<String, Limits>,
    /// `AccessLogSettings`.
    pub access_log: Option<LogSettings>,
    /// All its tags.
    pub tags: BTreeMap<String, String>,
}

/// What of a stage a run writes, beside its deployment and its access log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, VariantArray)]
pub enum StageAttribute {
    /// The stage itself.
    Name,
    /// Whether it deploys by itself.
    AutoDeploy,
    /// Requests per second of all routes.
    Rate,
    /// Requests at once of all routes.
    Burst,
    /// Requests per second of one route.
    RouteRate,
    /// Requests at once of one route.
    RouteBurst,
    /// One of its tags.
    Tag,
}

impl Attribute for StageAttribute {
    fn path(self) -> &'static str {
        match self {
            Self::Name => "stage",
            Self::AutoDeploy => "autoDeploy",
            Self::Rate => "throttle.rate",
            Self::Burst => "throttle.burst",
            Self::RouteRate => "routes.{}.throttle.rate",
            Self::RouteBurst => "routes.{}.throttle.burst",
            Self::Tag => "tags.{}",
        }
    }
}

/// What a run has to change about the stage; all of it where there is none.
pub fn stage_differences(standing: Option<&Stage>, wanted: &Wanted<'_>) -> Vec<Difference<StageAttribute>> {
    let api = &wanted.request.api;
    let mut differences = Differences::default();
    let nothing = Stage::default();
    let present = standing.unwrap_or(&nothing);
    let name = standing.map(|stage| stage.name.as_str());
    differences.compare(StageAttribute::Name, &name, &Some(stage(wanted.protocol())));
    if standing.is_some() {
        differences.compare(StageAttribute::AutoDeploy, &present.auto_deploy, &deploys_itself(wanted.protocol()));
    }
    let (before, after) = (present.limits.against(api.throttle.as_ref()), Limits::of(api.throttle.as_ref()));
    differences.compare(StageAttribute::Rate, &before.rate, &after.rate);
    differences.compare(StageAttribute::Burst, &before.burst, &after.burst);
    let mut of_routes: BTreeMap<&str, Limits> = api
        .routes
        .iter()
        .filter_map(|route| Some((route.route.as_str(), Limits::of(Some(route.throttle.as_ref()?)))))
        .collect();
    for key in present.route_limits.keys() {
        of_routes.entry(key).or_default();
    }
    for (key, after) in of_routes {
        let before = present.route_limits.get(key).copied().unwrap_or_default();
        differences.compare_one(StageAttribute::RouteRate, key, &before.rate, &after.rate);
        differences.compare_one(StageAttribute::RouteBurst, key, &before.burst, &after.burst);
    }
    tags::compare(&mut differences, StageAttribute::Tag, &present.tags, wanted.tagging);
    differences.into_vec()
}

#[cfg(test)]
mod tests;
