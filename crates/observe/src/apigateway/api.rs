//! APIs and what hangs below them: routes, integrations, authorizers, stages and deployments.

use std::collections::HashMap;

use aws_sdk_apigatewayv2::Client;
use aws_sdk_apigatewayv2::types::{self, ProtocolType, RouteSettings};
use nameplate::StepError;
use nameplate::error::{classify, code_of};
use nameplate::request::{Cors, Protocol};
use nameplate::resource::api::{
    Api, Authorizer, AuthorizerSpec, Deployment, Integration, Limits, LogSettings, Route, Stage, Target, function_arn,
};

use super::{NOT_FOUND, PAGE_SIZE};

/// An API as API Gateway answers about it, in two types with the same fields.
macro_rules! standing_api {
    ($id:expr, $api:ident) => {
        Api {
            id: $id,
            endpoint: $api.api_endpoint.unwrap_or_default(),
            protocol: protocol($api.protocol_type.as_ref()),
            name: $api.name.unwrap_or_default(),
            route_selection_expression: $api.route_selection_expression,
            cors: $api.cors_configuration.map(cors),
            closed: $api.disable_execute_api_endpoint.unwrap_or(false),
            tags: tags($api.tags),
            created: $api.created_date.map(|date| (date.secs(), date.subsec_nanos())),
        }
    };
}

/// The API of an id.
///
/// # Errors
/// As [`classify`] has it.
pub async fn api(client: &Client, id: &str) -> Result<Option<Api>, StepError> {
    match client.get_api().api_id(id).send().await {
        Ok(api) => Ok(Some(standing_api!(id.to_owned(), api))),
        Err(error) if code_of(&error) == Some(NOT_FOUND) => Ok(None),
        Err(error) => Err(classify("apigatewayv2:GetApi", &error)),
    }
}

/// All APIs of the account and region.
///
/// # Errors
/// As [`classify`] has it.
pub async fn apis(client: &Client) -> Result<Vec<Api>, StepError> {
    let (mut found, mut next) = (Vec::new(), None);
    loop {
        let call = client.get_apis().max_results(PAGE_SIZE).set_next_token(next);
        let page = call.send().await.map_err(|error| classify("apigatewayv2:GetApis", &error))?;
        found.extend(
            page.items.unwrap_or_default().into_iter().map(|api| standing_api!(api.api_id.unwrap_or_default(), api)),
        );
        next = page.next_token.filter(|token| !token.is_empty());
        if next.is_none() {
            return Ok(found);
        }
    }
}

/// The routes of an API; none when it is not there.
///
/// # Errors
/// As [`classify`] has it.
pub async fn routes(client: &Client, api_id: &str) -> Result<Option<Vec<Route>>, StepError> {
    let (mut found, mut next) = (Vec::new(), None);
    loop {
        let call = client.get_routes().api_id(api_id).max_results(PAGE_SIZE).set_next_token(next);
        let page = match call.send().await {
            Ok(page) => page,
            Err(error) if code_of(&error) == Some(NOT_FOUND) => return Ok(None),
            Err(error) => return Err(classify("apigatewayv2:GetRoutes", &error)),
        };
        found.extend(page.items.unwrap_or_default().into_iter().map(|route| Route {
            id: route.route_id.unwrap_or_default(),
            key: route.route_key.unwrap_or_default(),
            integration_id: route.target.as_deref().and_then(|to| to.strip_prefix("integrations/")).map(str::to_owned),
            authorization: route.authorization_type.map(|kind| kind.as_str().to_owned()),
            authorizer_id: route.authorizer_id,
            scopes: route.authorization_scopes.unwrap_or_default().into_iter().collect(),
        }));
        next = page.next_token.filter(|token| !token.is_empty());
        if next.is_none() {
            return Ok(Some(found));
        }
    }
}

/// The integrations of an API; none when it is not there.
///
/// # Errors
/// As [`classify`] has it.
pub async fn integrations(client: &Client, api_id: &str) -> Result<Option<Vec<Integration>>, StepError> {
    let (mut found, mut next) = (Vec::new(), None);
    loop {
        let call = client.get_integrations().api_id(api_id).max_results(PAGE_SIZE).set_next_token(next);
        let page = match call.send().await {
            Ok(page) => page,
            Err(error) if code_of(&error) == Some(NOT_FOUND) => return Ok(None),
            Err(error) => return Err(classify("apigatewayv2:GetIntegrations", &error)),
        };
        found.extend(page.items.unwrap_or_default().into_iter().map(|integration| {
            let target = Target {
                kind: integration.integration_type.map(|kind| kind.as_str().to_owned()).unwrap_or_default(),
                uri: integration.integration_uri.unwrap_or_default(),
                method: integration.integration_method,
                payload: integration.payload_format_version,
                vpc_link: integration.connection_id,
                mapping: integration.request_parameters.unwrap_or_default().into_iter().collect(),
            };
            Integration { id: integration.integration_id.unwrap_or_default(), target: target.normal() }
        }));
        next = page.next_token.filter(|token| !token.is_empty());
        if next.is_none() {
            return Ok(Some(found));
        }
    }
}

/// The authorizers of an API; none when it is not there.
///
/// # Errors
/// As [`classify`] has it.
pub async fn authorizers(client: &Client, api_id: &str) -> Result<Option<Vec<Authorizer>>, StepError> {
    let (mut found, mut next) = (Vec::new(), None);
    loop {
        let call = client.get_authorizers().api_id(api_id).max_results(PAGE_SIZE).set_next_token(next);
        let page = match call.send().await {
            Ok(page) => page,
            Err(error) if code_of(&error) == Some(NOT_FOUND) => return Ok(None),
            Err(error) => return Err(classify("apigatewayv2:GetAuthorizers", &error)),
        };
        found.extend(page.items.unwrap_or_default().into_iter().map(|authorizer| {
            let (issuer, audience) =
                authorizer.jwt_configuration.map(|jwt| (jwt.issuer, jwt.audience)).unwrap_or_default();
            let spec = AuthorizerSpec {
                kind: authorizer.authorizer_type.map(|kind| kind.as_str().to_owned()).unwrap_or_default(),
                issuer,
                audience: audience.unwrap_or_default().into_iter().collect(),
                sources: authorizer.identity_source.unwrap_or_default().into_iter().collect(),
                // One that asks no function has none, or an empty one.
                function: authorizer.authorizer_uri.as_deref().filter(|uri| !uri.is_empty()).map(function_arn),
                payload: authorizer.authorizer_payload_format_version,
                ttl: authorizer.authorizer_result_ttl_in_seconds,
                simple: authorizer.enable_simple_responses,
            };
            Authorizer {
                id: authorizer.authorizer_id.unwrap_or_default(),
                name: authorizer.name.unwrap_or_default(),
                spec,
            }
        }));
        next = page.next_token.filter(|token| !token.is_empty());
        if next.is_none() {
            return Ok(Some(found));
        }
    }
}

/// A stage of an API; nothing when one of the two is not there.
///
/// # Errors
/// As [`classify`] has it.
pub async fn stage(client: &Client, api_id: &str, name: &str) -> Result<Option<Stage>, StepError> {
    match client.get_stage().api_id(api_id).stage_name(name).send().await {
        Ok(stage) => Ok(Some(Stage {
            name: name.to_owned(),
            auto_deploy: stage.auto_deploy.unwrap_or(false),
            deployment_id: stage.deployment_id,
            limits: stage.default_route_settings.as_ref().map(limits).unwrap_or_default(),
            route_limits: stage.route_settings.iter().flatten().map(|(key, one)| (key.clone(), limits(one))).collect(),
            access_log: stage.access_log_settings.and_then(|log| {
                Some(LogSettings::observed(log.destination_arn.as_deref()?, log.format.as_deref().unwrap_or_default()))
            }),
            tags: tags(stage.tags),
        })),
        Err(error) if code_of(&error) == Some(NOT_FOUND) => Ok(None),
        Err(error) => Err(classify("apigatewayv2:GetStage", &error)),
    }
}

/// A deployment of an API; nothing when one of the two is not there.
///
/// # Errors
/// As [`classify`] has it.
pub async fn deployment(client: &Client, api_id: &str, id: &str) -> Result<Option<Deployment>, StepError> {
    match client.get_deployment().api_id(api_id).deployment_id(id).send().await {
        Ok(deployment) => Ok(Some(Deployment {
            id: id.to_owned(),
            mark: deployment.description.unwrap_or_default(),
            status: deployment.deployment_status.map(|status| status.as_str().to_owned()),
        })),
        Err(error) if code_of(&error) == Some(NOT_FOUND) => Ok(None),
        Err(error) => Err(classify("apigatewayv2:GetDeployment", &error)),
    }
}

/// All deployments of an API; none when it is not there.
///
/// # Errors
/// As [`classify`] has it.
pub async fn deployments(client: &Client, api_id: &str) -> Result<Option<Vec<Deployment>>, StepError> {
    let (mut found, mut next) = (Vec::new(), None);
    loop {
        let call = client.get_deployments().api_id(api_id).max_results(PAGE_SIZE).set_next_token(next);
        let page = match call.send().await {
            Ok(page) => page,
            Err(error) if code_of(&error) == Some(NOT_FOUND) => return Ok(None),
            Err(error) => return Err(classify("apigatewayv2:GetDeployments", &error)),
        };
        found.extend(page.items.unwrap_or_default().into_iter().map(|deployment| Deployment {
            id: deployment.deployment_id.unwrap_or_default(),
            mark: deployment.description.unwrap_or_default(),
            status: deployment.deployment_status.map(|status| status.as_str().to_owned()),
        }));
        next = page.next_token.filter(|token| !token.is_empty());
        if next.is_none() {
            return Ok(Some(found));
        }
    }
}

fn protocol(kind: Option<&ProtocolType>) -> Option<Protocol> {
    match kind? {
        ProtocolType::Http => Some(Protocol::Http),
        ProtocolType::Websocket => Some(Protocol::WebSocket),
        _ => None,
    }
}

fn tags(tags: Option<HashMap<String, String>>) -> std::collections::BTreeMap<String, String> {
    tags.unwrap_or_default().into_iter().collect()
}

fn cors(cors: types::Cors) -> Cors {
    Cors {
        allow_origins: cors.allow_origins.unwrap_or_default(),
        allow_methods: cors.allow_methods.unwrap_or_default(),
        allow_headers: cors.allow_headers.unwrap_or_default(),
        expose_headers: cors.expose_headers.unwrap_or_default(),
        allow_credentials: cors.allow_credentials.unwrap_or(false),
        max_age: cors.max_age,
    }
}

fn limits(settings: &RouteSettings) -> Limits {
    Limits { rate: settings.throttling_rate_limit, burst: settings.throttling_burst_limit }
}
