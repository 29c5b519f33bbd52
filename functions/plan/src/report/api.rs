//! The API in a dry run: as it is, as the request wants it.

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_apigatewayv2::types::{Api, Cors, ProtocolType, Route as ApiRoute, RouteSettings};
use nameplate::request::{DefaultEndpoint, Protocol, Route, Throttle};
use nameplate::resource::api::{Access, AuthorizerSpec, LogSettings, NO_LIMIT, Target, deployment_mark, stage};
use nameplate::{Request, StepError};
use serde_json::{Value, json};

use super::about;
use crate::look;
use crate::step::Clients;
use nameplate::resource::tags::Tagging;

/// The API as the request wants it.
pub(super) fn wanted_api(request: &Request, tagging: &Tagging, stack: &str) -> Value {
    let routes: BTreeMap<&str, Value> =
        request.api.routes.iter().map(|route| (route.route.as_str(), wanted_route(request, route))).collect();
    let limits = request.api.throttle.as_ref().map(|Throttle { rate, burst }| json!({"rate": rate, "burst": burst}));
    let cors = request.api.cors.as_ref().map(|cors| {
        cors_document(
            [
                ("allowOrigins", &cors.allow_origins),
                ("allowMethods", &cors.allow_methods),
                ("allowHeaders", &cors.allow_headers),
                ("exposeHeaders", &cors.expose_headers),
            ],
            cors.allow_credentials,
            cors.max_age,
        )
    });
    let protocol = request.api.protocol();
    let log = LogSettings::wanted(request, stack).zip(request.api.access_log.as_ref());
    let mut document = json!({
        "protocol": protocol,
        "stage": stage(protocol),
        "routes": routes,
        "cors": cors,
        "throttle": limits,
        "defaultEndpoint": request.api.default_endpoint,
        "accessLog": log.map(|(log, wanted)| log_document(&log, Some(wanted.retention_days))),
        "tags": tagging.wanted(),
    });
    if protocol == Protocol::WebSocket {
        document["routeSelectionExpression"] = json!(request.api.route_selection_expression);
        document["deployed"] = json!(true);
    }
    document
}

fn log_document(log: &LogSettings, retention_days: Option<i32>) -> Value {
    json!({"logGroup": log.group, "format": log.format, "retentionDays": retention_days})
}

fn wanted_route(request: &Request, route: &Route) -> Value {
    let access = Access::of(request, route);
    let target_of = Target::of(request.api.protocol(), route);
    let mut document = target_of.as_ref().map_or_else(|| json!({}), target);
    document["throttle"] = json!(route.throttle);
    document["authorization"] = authorization(access.kind());
    if let Access::By { authorizer, scopes } = &access {
        document["authorizer"] = authorizer_document(authorizer);
        document["scopes"] = json!(scopes);
    }
    document
}

/// Where a route leads, and what is changed on the way.
fn target(target: &Target) -> Value {
    match target {
        Target::Url { uri, mapping } => json!({"url": uri, "mapping": mapping}),
        Target::Lambda(function) => json!({"lambda": function}),
    }
}

/// Nothing for a route that everybody may call.
fn authorization(kind: &str) -> Value {
    if kind == "NONE" { Value::Null } else { json!(kind) }
}

fn authorizer_document(spec: &AuthorizerSpec) -> Value {
    match spec {
        AuthorizerSpec::Jwt { issuer, audience, source } => {
            json!({"issuer": issuer, "audience": audience, "identitySource": source})
        }
        AuthorizerSpec::Lambda { function, sources, ttl, simple } => {
            json!({"function": function, "identitySources": sources, "ttl": ttl, "simpleResponses": simple})
        }
    }
}

/// Lists without order and case, which API Gateway changes.
fn cors_document(lists: [(&str, &[String]); 4], credentials: bool, max_age: Option<i32>) -> Value {
    let mut document = json!({"allowCredentials": credentials, "maxAge": max_age.filter(|age| *age != 0)});
    for (name, list) in lists {
        let mut list: Vec<String> = list.iter().map(|text| text.to_ascii_lowercase()).collect();
        list.sort();
        document[name] = json!(list);
    }
    document
}

/// The API as it is.
pub(super) async fn api(
    clients: &Clients,
    request: &Request,
    tagging: &Tagging,
    found: &Api,
) -> Result<Value, StepError> {
    let id = found.api_id().unwrap_or_default();
    let protocol = request.api.protocol();
    let stage = look::find_stage(clients, id, stage(protocol)).await?;
    let present = found.tags().into_iter().flatten().map(|(key, value)| (key.clone(), value.clone())).collect();
    let log = stage.as_ref().and_then(look::log_settings);
    let log = match log {
        Some(log) => log_document(&log, look::retention(clients, &log.group).await?),
        None => Value::Null,
    };
    let (routes, mark) = routes(clients, request, found).await?;
    let mut document = json!({
        "protocol": found.protocol_type().map(ProtocolType::as_str),
        "stage": stage.as_ref().and_then(|stage| stage.stage_name()),
        "routes": routes,
        "cors": found.cors_configuration().map(present_cors),
        "throttle": stage.as_ref().and_then(|stage| limits(stage.default_route_settings()?)),
        "accessLog": log,
        "defaultEndpoint": match found.disable_execute_api_endpoint() {
            Some(true) => DefaultEndpoint::Closed,
            _ => DefaultEndpoint::Open,
        },
        "tags": about(tagging, present),
    });
    for (key, settings) in stage.iter().filter_map(|stage| stage.route_settings()).flatten() {
        if let Some(limits) = route_limits(settings) {
            document["routes"][key]["throttle"] = limits;
        }
    }
    if protocol == Protocol::WebSocket {
        document["routeSelectionExpression"] = json!(found.route_selection_expression());
        // A deployment of what is there: what is to be changed is shown by itself.
        document["deployed"] = match &stage {
            Some(stage) if look::deployed(clients, id, stage).await? == Some(mark) => json!(true),
            _ => Value::Null,
        };
    }
    Ok(document)
}

fn present_cors(cors: &Cors) -> Value {
    cors_document(
        [
            ("allowOrigins", cors.allow_origins()),
            ("allowMethods", cors.allow_methods()),
            ("allowHeaders", cors.allow_headers()),
            ("exposeHeaders", cors.expose_headers()),
        ],
        cors.allow_credentials().unwrap_or(false),
        cors.max_age(),
    )
}

fn limits(settings: &RouteSettings) -> Option<Value> {
    let (rate, burst) = (settings.throttling_rate_limit()?, settings.throttling_burst_limit()?);
    ((rate, burst) != (NO_LIMIT.rate, NO_LIMIT.burst)).then(|| json!({"rate": rate, "burst": burst}))
}

/// The limits of one route, which can be taken away whole.
fn route_limits(settings: &RouteSettings) -> Option<Value> {
    let (rate, burst) = (settings.throttling_rate_limit(), settings.throttling_burst_limit());
    (rate.is_some() || burst.is_some()).then(|| json!({"rate": rate, "burst": burst}))
}

/// The routes as they are, by route key, and what a deployment of them says.
async fn routes(
    clients: &Clients,
    request: &Request,
    api: &Api,
) -> Result<(BTreeMap<String, Value>, String), StepError> {
    let protocol = request.api.protocol();
    let id = api.api_id().unwrap_or_default();
    let (routes, integrations) = look::parts(clients, id).await?.unwrap_or_default();
    let authorizers = match routes.iter().any(|route| route.authorizer_id().is_some()) {
        true => look::authorizers(clients, protocol, id).await?.unwrap_or_default(),
        false => Vec::new(),
    };
    let document = |route: &ApiRoute| {
        let id = route.target().and_then(|target| target.strip_prefix("integrations/"));
        let integration = integrations.iter().find(|integration| integration.integration_id() == id);
        let mut document = match integration.and_then(|integration| look::target(protocol, integration)) {
            Some(found) => target(&found),
            // Of a kind that Nameplate never makes.
            None => json!({"uri": integration.and_then(|integration| integration.integration_uri())}),
        };
        document["authorization"] = authorization(route.authorization_type().map_or("NONE", |kind| kind.as_str()));
        let authorizer = authorizers.iter().find(|authorizer| route.authorizer_id() == Some(&authorizer.id));
        if let Some(found) = authorizer {
            document["authorizer"] = found.spec.as_ref().map_or_else(|| json!(found.name), authorizer_document);
            document["scopes"] = json!(route.authorization_scopes().iter().collect::<BTreeSet<_>>());
        }
        Some((route.route_key()?.to_owned(), document))
    };
    let documents = routes.iter().filter_map(document).collect();
    let (routes, integrations) = look::observed(protocol, &routes, &integrations);
    let closed = api.disable_execute_api_endpoint().unwrap_or(false);
    Ok((documents, deployment_mark(request, closed, &routes, &integrations, &authorizers)))
}
