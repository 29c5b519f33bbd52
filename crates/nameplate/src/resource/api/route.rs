//! Routes: where each leads and who may call it, as a request wants it, against those that stand.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};
use strum::VariantArray;

use super::{AWS_PROXY, Access, HTTP_PROXY, Standing, Target};
use crate::request::Request;
use crate::resource::difference::{Attribute, Difference, Differences};

/// A route as API Gateway shows it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Route {
    /// `RouteId`.
    pub id: String,
    /// `RouteKey`.
    pub key: String,
    /// The integration's id, out of `Target` (`integrations/<id>`).
    pub integration_id: Option<String>,
    /// `AuthorizationType`; absent is NONE.
    pub authorization: Option<String>,
    /// `AuthorizerId`. A route keeps one that it does not ask any more.
    pub authorizer_id: Option<String>,
    /// `AuthorizationScopes`.
    pub scopes: BTreeSet<String>,
}

impl Route {
    /// The id of the authorizer that it asks.
    pub(super) fn asks(&self) -> Option<&str> {
        let asks = matches!(self.authorization.as_deref(), Some("JWT" | "CUSTOM"));
        self.authorizer_id.as_deref().filter(|_| asks)
    }
}

/// What of a route a run writes. Its limits are the stage's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, VariantArray)]
pub enum RouteAttribute {
    /// The HTTP endpoint that it leads to.
    Url,
    /// The function that it calls, which is permitted with it.
    Lambda,
    /// `IntegrationType`, where it is one that Nameplate never makes.
    IntegrationType,
    /// The method by which it asks.
    Method,
    /// In which form it asks.
    PayloadFormat,
    /// The link into a VPC that it goes through.
    VpcLink,
    /// What is changed on the way.
    Mapping,
    /// An integration that is not there, of a route that goes.
    Target,
    /// How who may call is told.
    Authorization,
    /// The name of the authorizer that it asks.
    Authorizer,
    /// Of which scopes a token must have one.
    Scopes,
}

impl Attribute for RouteAttribute {
    fn path(self) -> &'static str {
        match self {
            Self::Url => "routes.{}.url",
            Self::Lambda => "routes.{}.lambda",
            Self::IntegrationType => "routes.{}.integrationType",
            Self::Method => "routes.{}.method",
            Self::PayloadFormat => "routes.{}.payloadFormat",
            Self::VpcLink => "routes.{}.vpcLink",
            Self::Mapping => "routes.{}.mapping",
            Self::Target => "routes.{}.target",
            Self::Authorization => "routes.{}.authorization",
            Self::Authorizer => "routes.{}.authorizer",
            Self::Scopes => "routes.{}.scopes",
        }
    }
}

/// What a run has to change about routes: all of one that is not there, and of one that goes.
pub fn route_differences(standing: &Standing, request: &Request) -> Vec<Difference<RouteAttribute>> {
    let present: BTreeMap<&str, &Route> = standing.routes.iter().map(|route| (route.key.as_str(), route)).collect();
    let mut differences = Differences::default();
    let mut wanted = BTreeSet::new();
    for route in &request.api.routes {
        let key = route.route.as_str();
        let found = present.get(key).copied();
        let target = Target::of(request.api.protocol(), route);
        compare_targets(&mut differences, key, found.and_then(|found| standing.target_of(found)), Some(&target));
        compare_access(&mut differences, key, standing, found, Some(&Access::of(request, route)));
        wanted.insert(key);
    }
    for route in standing.routes.iter().filter(|route| !wanted.contains(route.key.as_str())) {
        let target = standing.target_of(route);
        if target.is_none() {
            let integration = route.integration_id.as_deref().unwrap_or("none");
            differences.note(RouteAttribute::Target, Some(&route.key), json!(integration), Value::Null);
        }
        compare_targets(&mut differences, &route.key, target, None);
        compare_access(&mut differences, &route.key, standing, Some(route), None);
    }
    differences.into_vec()
}

/// Two targets that are not the same differ in at least one attribute.
fn compare_targets(
    differences: &mut Differences<RouteAttribute>,
    key: &str,
    before: Option<&Target>,
    after: Option<&Target>,
) {
    let mut compare = |attribute, of: fn(&Target) -> Value| {
        let of = |target: Option<&Target>| target.map_or(Value::Null, of);
        differences.compare_one(attribute, key, &of(before), &of(after));
    };
    compare(RouteAttribute::Url, |target| json!(target.url()));
    compare(RouteAttribute::Lambda, |target| json!(target.function()));
    let other = |target: &Target| {
        let other = (![HTTP_PROXY, AWS_PROXY].contains(&target.kind.as_str())).then_some(&target.kind);
        json!(other)
    };
    compare(RouteAttribute::IntegrationType, other);
    let mapping = |target: &Target| json!(Some(&target.mapping).filter(|mapping| !mapping.is_empty()));
    compare(RouteAttribute::Mapping, mapping);
    // Of another kind of target, and of one that comes or goes, they say nothing more.
    if before.map(|target| &target.kind) == after.map(|target| &target.kind) {
        compare(RouteAttribute::Method, |target| json!(target.method));
        compare(RouteAttribute::PayloadFormat, |target| json!(target.payload));
        compare(RouteAttribute::VpcLink, |target| json!(target.vpc_link));
    }
}

/// Authorizers are told by name: what they hold is compared by itself.
fn compare_access(
    differences: &mut Differences<RouteAttribute>,
    key: &str,
    standing: &Standing,
    before: Option<&Route>,
    after: Option<&Access>,
) {
    let closed = |kind: &&str| *kind != "NONE";
    let present = before.and_then(|route| route.authorization.as_deref()).filter(closed);
    let wanted = after.map(Access::kind).filter(closed);
    differences.compare_one(RouteAttribute::Authorization, key, &present, &wanted);
    let asked = before.and_then(Route::asks).map(|id| standing.name_of(id).to_owned());
    let by = after.and_then(Access::authorizer);
    differences.compare_one(RouteAttribute::Authorizer, key, &asked, &by.map(super::AuthorizerSpec::name));
    let some = |scopes: &&BTreeSet<String>| !scopes.is_empty();
    let present = before.filter(|route| route.asks().is_some()).map(|route| &route.scopes).filter(some);
    let wanted = after.map(Access::scopes).filter(some);
    differences.compare_one(RouteAttribute::Scopes, key, &present, &wanted);
}

#[cfg(test)]
mod tests;
