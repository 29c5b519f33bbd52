//! What API Gateway refuses and MiniStack lets through; the source is named at each rule. Must not change anything.

use std::sync::Arc;

use http::{Method, StatusCode};
use serde_json::Value;

use crate::acm;
use crate::answer::{Answer, rest_json_error};
use crate::apis::{is_websocket, items, protocol};
use crate::emulator::{EmulatorError, encode};
use crate::local::Local;

/// AWS-FACTS 4.1.5.
const HTTP_SELECTION_EXPRESSION: &str = "${request.method} ${request.path}";

/// What API Gateway refuses and MiniStack lets through. `id` is that of the API or the name of the custom domain, and
/// `rest` of what is below it.
pub(super) async fn refusal(local: &Arc<Local>, action: &str, id: &str, rest: &str, input: &Value) -> Option<Answer> {
    let bad = |message: &str| Some(rest_json_error(StatusCode::BAD_REQUEST, "BadRequestException", message));
    let conflict = |message: &str| Some(rest_json_error(StatusCode::CONFLICT, "ConflictException", message));
    match action {
        "CreateDomainName" | "UpdateDomainName" => {
            // AWS-FACTS 4.4.1: an issued certificate of this region that covers the name.
            let host = if action == "CreateDomainName" { input["domainName"].as_str().unwrap_or_default() } else { id };
            let Some(certificate) = input["domainNameConfigurations"][0]["certificateArn"].as_str() else {
                // An update may leave the certificate as it is.
                let missing = action == "CreateDomainName";
                return if missing { bad("A certificate must be provided for the domain name.") } else { None };
            };
            let reason = acm::unusable(local, certificate, host).await?;
            bad(&reason)
        }
        "CreateApi" => {
            let expression = input["routeSelectionExpression"].as_str();
            match input["protocolType"].as_str() {
                // AWS-FACTS 4.1.7.
                Some("WEBSOCKET") if expression.is_none() => {
                    bad("RouteSelectionExpression is required for WEBSOCKET APIs")
                }
                Some("WEBSOCKET") if !input["corsConfiguration"].is_null() => {
                    bad("CORS configuration is supported for HTTP APIs only")
                }
                Some("HTTP") if expression.is_some_and(|text| text != HTTP_SELECTION_EXPRESSION) => {
                    bad("Invalid RouteSelectionExpression for an HTTP API")
                }
                _ => None,
            }
        }
        "CreateAuthorizer" => {
            let websocket = is_websocket(local, id).await;
            // Seen in hashicorp/terraform-provider-aws#15181.
            if !websocket && input["authorizerType"] == "REQUEST" && input["authorizerPayloadFormatVersion"].is_null() {
                return bad("AuthorizerPayloadFormatVersion is a required parameter for REQUEST authorizer");
            }
            // Seen in aws/aws-cdk#18307.
            let sources = input["identitySource"].as_array().into_iter().flatten().filter_map(Value::as_str);
            let of_messages = |source: &str| {
                ["route.request.header.", "route.request.querystring.", "stageVariables.", "context."]
                    .iter()
                    .any(|start| source.starts_with(start))
            };
            let wrong = sources.into_iter().find(|source| websocket && !of_messages(source));
            wrong.and_then(|source| bad(&format!("Invalid request identity source expression: {source}")))
        }
        "CreateDeployment" => {
            // Seen in aws/serverless-application-model#2512.
            let none = items(local, id, "routes").await.is_empty();
            if none { bad("At least one route is required before deploying the Api.") } else { None }
        }
        "CreateApiMapping" | "UpdateApiMapping" => mapping_refusal(local, id, rest, input).await,
        "CreateRoute" => {
            let key = input["routeKey"].as_str().unwrap_or_default();
            if !is_websocket(local, id).await && !is_route_key(key) {
                return bad("The provided route key is not formatted properly for HTTP protocol. Format should be \
                     \"<HTTP METHOD> /<RESOURCE PATH>\" or \"$default\"");
            }
            if let Some(target) = input["target"].as_str() {
                let integration = target.strip_prefix("integrations/").unwrap_or_default();
                let target = format!("/v2/apis/{}/integrations/{}", encode(id), encode(integration));
                let found = local.emulator.rest_json("apigateway", Method::GET, &target, None).await;
                if let Err(EmulatorError::Refused { status: StatusCode::NOT_FOUND, .. }) = found {
                    return bad("Invalid integration identifier specified");
                }
            }
            let routes = items(local, id, "routes").await;
            let taken = routes.iter().any(|route| route["routeKey"] == key);
            if taken { conflict(&format!("Route with key {key} already exists for this API")) } else { None }
        }
        "CreateStage" => {
            let stages = items(local, id, "stages").await;
            let taken = stages.iter().any(|stage| stage["stageName"] == input["stageName"]);
            if taken {
                return conflict("Stage already exists");
            }
            stage_refusal(local, id, input).await
        }
        "UpdateStage" => {
            if let Some(refusal) = stage_refusal(local, id, input).await {
                return Some(refusal);
            }
            // Seen in terraform-aws-modules/terraform-aws-apigateway-v2#80.
            let routes = items(local, id, "routes").await;
            let settings = input["routeSettings"].as_object();
            let unknown =
                settings.and_then(|s| s.keys().find(|key| !routes.iter().any(|r| r["routeKey"] == key.as_str())));
            unknown.map(|key| {
                let message = format!("Unable to find Route by key {key} within the provided RouteSettings");
                rest_json_error(StatusCode::NOT_FOUND, "NotFoundException", &message)
            })
        }
        "CreateIntegration" if input["integrationType"] == "HTTP_PROXY" || input["integrationType"] == "AWS_PROXY" => {
            // AWS-FACTS 4.1.7.
            if input["payloadFormatVersion"].is_null() {
                return bad("PayloadFormatVersion is a required parameter for integration");
            }
            if input["integrationType"] == "HTTP_PROXY" && input["integrationMethod"].is_null() {
                return bad("HttpMethod must be specified for HTTP_PROXY integration");
            }
            None
        }
        _ => None,
    }
}

/// What is refused of a stage's fields.
async fn stage_refusal(local: &Local, api: &str, input: &Value) -> Option<Answer> {
    let bad = |message: &str| Some(rest_json_error(StatusCode::BAD_REQUEST, "BadRequestException", message));
    if let Some(deployment) = input["deploymentId"].as_str() {
        // Seen in aws-controllers-k8s/apigatewayv2-controller#15.
        if input["autoDeploy"] == true {
            return bad("A deployment cannot be specified for a stage that deploys automatically");
        }
        let known = items(local, api, "deployments").await;
        if !known.iter().any(|one| one["deploymentId"] == deployment) {
            return bad("Invalid deployment identifier specified");
        }
    }
    let log = &input["accessLogSettings"];
    // AWS-FACTS 4.3.4.
    if log.is_object() && !log["format"].as_str().is_some_and(|format| format.contains("$context.requestId")) {
        return bad("Access log format must include $context.requestId");
    }
    None
}

/// AWS-FACTS 4.4.6: a custom domain serves WebSocket APIs or others, not both. That the mapping which is being changed
/// does not count is not confirmed against AWS.
async fn mapping_refusal(local: &Local, domain: &str, mapping: &str, input: &Value) -> Option<Answer> {
    let wanted = is_websocket(local, input["apiId"].as_str()?).await;
    let target = format!("/v2/domainnames/{}/apimappings", encode(domain));
    let present = local.emulator.rest_json("apigateway", Method::GET, &target, None).await.ok()?;
    for other in present["items"].as_array()?.iter().filter(|one| one["apiMappingId"] != mapping) {
        let Some(api) = other["apiId"].as_str() else { continue };
        if protocol(local, api).await.is_some_and(|protocol| (protocol == "WEBSOCKET") != wanted) {
            let message = "Currently, WebSocket APIs can only be attached to a domain name with other WebSocket APIs.";
            return Some(rest_json_error(StatusCode::BAD_REQUEST, "BadRequestException", message));
        }
    }
    None
}

/// AWS-FACTS 4.1.5.
fn is_route_key(key: &str) -> bool {
    if key == "$default" {
        return true;
    }
    let Some((method, path)) = key.split_once(' ') else { return false };
    let methods = ["ANY", "DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT"];
    let segments: Vec<&str> = path.split('/').skip(1).collect();
    let greedy = segments.iter().position(|segment| segment.ends_with("+}"));
    let segment = |segment: &&str| match segment.strip_prefix('{').and_then(|rest| rest.strip_suffix('}')) {
        Some(variable) => {
            let variable = variable.strip_suffix('+').unwrap_or(variable);
            !variable.is_empty() && variable.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._:".contains(&byte))
        }
        None => !segment.contains(['{', '}', ' ']),
    };
    methods.contains(&method)
        && path.starts_with('/')
        && segments.iter().all(segment)
        && greedy.is_none_or(|at| at + 1 == segments.len())
}

#[cfg(test)]
mod tests;
