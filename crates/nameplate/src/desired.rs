//! What an API should look like, held against what API Gateway says it looks like.
//! Pure: it must not know the SDK; functions turn SDK answers into the plain types here.

use std::collections::BTreeMap;

use crate::request::{Request, Route};

/// Stage of every HTTP API: served at the root (AWS-FACTS 4.3).
pub const STAGE: &str = "$default";
/// Start of the id of each statement that `create-api` adds to a function's policy.
pub const STATEMENT_PREFIX: &str = "nameplate-";

/// The target of a route, in the form in which an integration states it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Target {
    /// An HTTP endpoint: integration type HTTP_PROXY, method ANY (the caller's), payload 1.0 (AWS-FACTS 4.1).
    Url(String),
    /// A Lambda function by ARN: integration type AWS_PROXY, payload 2.0.
    Lambda(String),
}

impl Target {
    /// The target that a route of a request names.
    pub fn of(route: &Route) -> Option<Self> {
        route
            .url
            .clone()
            .map(Target::Url)
            .or_else(|| route.lambda.as_ref().map(|arn| Target::Lambda(arn.as_str().to_owned())))
    }

    /// `IntegrationUri`.
    pub fn uri(&self) -> &str {
        match self {
            Target::Url(uri) | Target::Lambda(uri) => uri,
        }
    }
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
    /// Routes to point elsewhere: route id, route key, target.
    pub retarget: Vec<(String, String, Target)>,
    /// Route ids that the request does not know.
    pub remove: Vec<String>,
    /// Integrations that exist for a wanted target.
    pub integrations: BTreeMap<Target, String>,
}

impl RouteChanges {
    /// Whether everything is as wanted.
    pub fn is_empty(&self) -> bool {
        self.create.is_empty() && self.retarget.is_empty() && self.remove.is_empty()
    }
}

/// Compares the routes of `request` with those of the API.
pub fn route_changes(
    request: &Request,
    routes: &[ObservedRoute],
    integrations: &[ObservedIntegration],
) -> RouteChanges {
    let target_of: BTreeMap<&str, &Target> =
        integrations.iter().filter_map(|i| i.target.as_ref().map(|t| (i.id.as_str(), t))).collect();
    let mut changes = RouteChanges::default();
    for integration in integrations {
        if let Some(target) = &integration.target {
            changes.integrations.entry(target.clone()).or_insert_with(|| integration.id.clone());
        }
    }
    for route in &request.api.routes {
        let Some(target) = Target::of(route) else { continue };
        match routes.iter().find(|observed| observed.key == route.route.as_str()) {
            None => changes.create.push((route.route.as_str().to_owned(), target)),
            Some(observed) => {
                let present = observed.integration_id.as_deref().and_then(|id| target_of.get(id).copied());
                if present != Some(&target) {
                    changes.retarget.push((observed.id.clone(), observed.key.clone(), target));
                }
            }
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
mod tests {
    use super::*;
    use serde_json::json;

    fn request(routes: serde_json::Value) -> Request {
        Request::parse(&json!({"domainName": "example.com", "api": {"routes": routes}})).expect("valid")
    }

    fn observed(id: &str, key: &str, integration: &str) -> ObservedRoute {
        ObservedRoute { id: id.into(), key: key.into(), integration_id: Some(integration.into()) }
    }

    fn url(id: &str, url: &str) -> ObservedIntegration {
        ObservedIntegration { id: id.into(), target: Some(Target::Url(url.into())) }
    }

    #[test]
    fn an_api_that_is_as_wanted_needs_no_change() {
        let wanted = request(json!([{"route": "GET /", "url": "https://a.example/"}]));
        let changes = route_changes(&wanted, &[observed("r1", "GET /", "i1")], &[url("i1", "https://a.example/")]);
        assert!(changes.is_empty(), "{changes:?}");
    }

    #[test]
    fn missing_moved_and_foreign_routes_are_found() {
        let wanted = request(json!([
            {"route": "GET /", "url": "https://a.example/"},
            {"route": "POST /", "url": "https://b.example/"}
        ]));
        let changes = route_changes(
            &wanted,
            &[observed("r1", "GET /", "i1"), observed("r9", "PUT /", "i1")],
            &[url("i1", "https://old.example/"), url("i2", "https://b.example/")],
        );
        assert_eq!(changes.create, [("POST /".to_owned(), Target::Url("https://b.example/".into()))]);
        assert_eq!(changes.retarget, [("r1".to_owned(), "GET /".to_owned(), Target::Url("https://a.example/".into()))]);
        assert_eq!(changes.remove, ["r9"]);
        assert_eq!(changes.integrations.get(&Target::Url("https://b.example/".into())).map(String::as_str), Some("i2"));
    }

    #[test]
    fn a_route_without_a_readable_integration_is_pointed_anew() {
        let wanted = request(json!([{"route": "GET /", "url": "https://a.example/"}]));
        let lost = ObservedRoute { id: "r1".into(), key: "GET /".into(), integration_id: None };
        assert_eq!(route_changes(&wanted, &[lost], &[]).retarget.len(), 1);
    }
}
