//! What API Gateway's control plane (v2) does otherwise than MiniStack.
//!
//! Owns the rules about certificates, duplicates, rates, pages and WebSocket APIs, and where HTTP integrations really go. Sources are
//! named at each rule. What happens to a client's request is in `dataplane.rs`.

use std::collections::{BTreeMap, HashSet};
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use http::{Method, Request, StatusCode};
use serde_json::{Value, json};

use crate::answer::{Answer, replace_body, rest_json_error};
use crate::emulator::{EmulatorError, encode};
use crate::{Local, acm, lock};

/// Items on a page where the caller does not say how many, and at most. UNCONFIRMED: AWS names no number for v2.
const DEFAULT_PAGE: usize = 100;
const LARGEST_PAGE: usize = 500;
/// AWS-FACTS 4.5.1: all management calls together.
const CALLS_PER_SEC: f64 = 10.0;
const CALL_BURST: f64 = 40.0;
/// AWS-FACTS 4.5.2: create, update and delete of a domain name, each.
const DOMAIN_NAME_INTERVAL_SECS: f64 = 30.0;
/// AWS-FACTS 4.5.3.
const DEPLOYMENT_INTERVAL_SECS: f64 = 5.0;
/// AWS-FACTS 4.1.3.
const HTTP_SELECTION_EXPRESSION: &str = "${request.method} ${request.path}";

/// What is kept about APIs beside MiniStack.
#[derive(Default)]
pub(crate) struct Gateway {
    /// The HTTP integrations, by (API, integration): where they go in truth.
    integrations: Mutex<BTreeMap<(String, String), Integration>>,
    /// By path, the APIs and stages whose tags have been changed since they were made.
    retagged: Mutex<BTreeMap<String, Retagged>>,
    /// Ids of deployments that were made while their API's default endpoint was closed.
    closed: Mutex<HashSet<String>>,
    rates: Mutex<Rates>,
}

/// Tags that have been changed.
#[derive(Default)]
struct Retagged {
    changes: u64,
    /// As they are after the last change, once somebody has asked: a list of APIs would ask about each.
    tags: Option<Value>,
}

/// Where an HTTP integration goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Integration {
    pub(crate) uri: String,
    /// `ANY` takes the request's.
    pub(crate) method: String,
    /// The request's path replaces the URI's: a mapping of `overwrite:path`.
    pub(crate) path_is_mapped: bool,
}

impl Gateway {
    pub(crate) fn integration(&self, api: &str, integration: &str) -> Option<Integration> {
        lock(&self.integrations).get(&(api.to_owned(), integration.to_owned())).cloned()
    }
}

/// The recent past, in AWS time.
#[derive(Default)]
struct Rates {
    tokens: Option<(f64, f64)>,
    /// Of operations with a rate of their own, when the last call was let through.
    last: BTreeMap<String, f64>,
}

impl Rates {
    /// Whether a call at `now` is within the rates.
    fn take(&mut self, action: &str, now: f64) -> bool {
        let (level, at) = self.tokens.unwrap_or((CALL_BURST, now));
        let level = (level + (now - at).max(0.0) * CALLS_PER_SEC).min(CALL_BURST);
        if level < 1.0 {
            self.tokens = Some((level, now));
            return false;
        }
        self.tokens = Some((level - 1.0, now));
        let interval = match action {
            "CreateDomainName" | "UpdateDomainName" | "DeleteDomainName" => DOMAIN_NAME_INTERVAL_SECS,
            "CreateDeployment" => DEPLOYMENT_INTERVAL_SECS,
            _ => return true,
        };
        if self.last.get(action).is_some_and(|last| now - last < interval) {
            return false;
        }
        self.last.insert(action.to_owned(), now);
        true
    }
}

/// All custom domain names, in the wire's shape.
pub(crate) async fn domain_names(local: &Local) -> Result<Vec<Value>, EmulatorError> {
    let names = local.emulator.rest_json("apigateway", Method::GET, "/v2/domainnames", None).await?;
    Ok(names["items"].as_array().cloned().unwrap_or_default())
}

/// Answers a call of the service.
pub(crate) async fn handle(local: &Arc<Local>, action: &str, request: Request<Bytes>) -> Answer {
    if local.settings().rate_limits && !lock(&local.gateway.rates).take(action, local.clock.now()) {
        return rest_json_error(StatusCode::TOO_MANY_REQUESTS, "TooManyRequestsException", "Too Many Requests");
    }
    let input: Value = serde_json::from_slice(request.body()).unwrap_or(Value::Null);
    let path: Vec<String> = request
        .uri()
        .path()
        .split('/')
        .filter(|segment| !segment.is_empty())
        .map(|segment| percent_encoding::percent_decode_str(segment).decode_utf8_lossy().into_owned())
        .collect();
    let api = path.get(2).cloned().unwrap_or_default();
    let query = request.uri().query().unwrap_or_default().to_owned();

    let rest = path.get(4).cloned().unwrap_or_default();
    if let Some(refusal) = refusal(local, action, &api, &rest, &input).await {
        return local.refuse(&request, refusal).await;
    }
    if action == "DeleteRouteSettings" {
        return delete_route_settings(local, &request, &path).await;
    }
    if action == "DeleteAccessLogSettings" {
        return delete_access_log_settings(local, &request, &path).await;
    }
    let certificate = match action {
        "DeleteDomainName" => acm::certificate_of(local, &api).await,
        "UpdateDomainName" => acm::certificate_of(local, &api).await.filter(|before| {
            input["domainNameConfigurations"][0]["certificateArn"].as_str().is_some_and(|a| a != before)
        }),
        _ => None,
    };
    let mut answer = local.forward(request).await;
    if !answer.status().is_success() {
        return answer;
    }
    if let Some(certificate) = certificate {
        acm::linger(local, certificate, &api);
    }
    match action {
        "CreateIntegration" | "UpdateIntegration" => redirect(local, &api, &input, &mut answer).await,
        "GetIntegration" => edit(&mut answer, |body| show_true_uri(local, &api, body)),
        "GetIntegrations" => {
            edit(&mut answer, |body| {
                body["items"].as_array_mut().into_iter().flatten().for_each(|item| show_true_uri(local, &api, item));
            });
            edit(&mut answer, |body| paginate(body, &query));
        }
        "GetApis" => {
            let mut body: Value = serde_json::from_slice(answer.body()).unwrap_or_default();
            paginate(&mut body, &query);
            for item in body["items"].as_array_mut().into_iter().flatten() {
                let path = format!("/apis/{}", item["apiId"].as_str().unwrap_or_default());
                show_current_tags(local, &path, item).await;
                show_scheme(item);
            }
            replace_body(&mut answer, body.to_string());
        }
        "CreateApi" | "UpdateApi" => edit(&mut answer, show_scheme),
        "GetApi" => {
            let mut body: Value = serde_json::from_slice(answer.body()).unwrap_or_default();
            show_current_tags(local, &format!("/apis/{api}"), &mut body).await;
            show_scheme(&mut body);
            replace_body(&mut answer, body.to_string());
        }
        "GetStage" => {
            let mut body: Value = serde_json::from_slice(answer.body()).unwrap_or_default();
            let path = format!("/apis/{api}/stages/{}", body["stageName"].as_str().unwrap_or_default());
            show_current_tags(local, &path, &mut body).await;
            replace_body(&mut answer, body.to_string());
        }
        "CreateDeployment" => {
            let made: Value = serde_json::from_slice(answer.body()).unwrap_or_default();
            if find(local, &api).await["disableExecuteApiEndpoint"] == true {
                lock(&local.gateway.closed).insert(made["deploymentId"].as_str().unwrap_or_default().to_owned());
            }
        }
        "GetStages" => {
            let mut body: Value = serde_json::from_slice(answer.body()).unwrap_or_default();
            paginate(&mut body, &query);
            for item in body["items"].as_array_mut().into_iter().flatten() {
                let path = format!("/apis/{api}/stages/{}", item["stageName"].as_str().unwrap_or_default());
                show_current_tags(local, &path, item).await;
            }
            replace_body(&mut answer, body.to_string());
        }
        "GetRoutes" | "GetDeployments" => edit(&mut answer, |body| paginate(body, &query)),
        "TagResource" | "UntagResource" => {
            // `/v2/tags/{arn}`, the ARN encoded or not; it ends with the path of what is tagged.
            if let Some((_, path)) = path[2..].join("/").split_once("::") {
                let mut retagged = lock(&local.gateway.retagged);
                let changes = retagged.get(path).map_or(1, |before| before.changes + 1);
                retagged.insert(path.to_owned(), Retagged { changes, tags: None });
            }
        }
        "DeleteApi" => lock(&local.gateway.integrations).retain(|(of, _), _| *of != api),
        _ => {}
    }
    answer
}

/// What API Gateway refuses and MiniStack lets through. `id` is that of the API or the name of the custom domain, and
/// `rest` of what is below it.
async fn refusal(local: &Arc<Local>, action: &str, id: &str, rest: &str, input: &Value) -> Option<Answer> {
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
                // AWS-FACTS 4.1.3.
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

/// An API as the control plane shows it; null where there is none.
pub(crate) async fn find(local: &Local, api: &str) -> Value {
    let target = format!("/v2/apis/{}", encode(api));
    local.emulator.rest_json("apigateway", Method::GET, &target, None).await.unwrap_or(Value::Null)
}

/// The kind of an API; nothing where there is none.
pub(crate) async fn protocol(local: &Local, api: &str) -> Option<String> {
    find(local, api).await["protocolType"].as_str().map(str::to_owned)
}

/// Whether the default endpoint of a stage is closed: in a WebSocket API, whether it was when the stage's deployment was
/// made (Developer Guide, "Disable the default endpoint for WebSocket APIs").
pub(crate) async fn is_closed(local: &Local, api: &Value, stage: &str) -> bool {
    if api["protocolType"] != "WEBSOCKET" {
        return api["disableExecuteApiEndpoint"] == true;
    }
    let stages = items(local, api["apiId"].as_str().unwrap_or_default(), "stages").await;
    let deployment = stages.iter().find(|one| one["stageName"] == stage).and_then(|one| one["deploymentId"].as_str());
    deployment.is_some_and(|id| lock(&local.gateway.closed).contains(id))
}

async fn is_websocket(local: &Local, api: &str) -> bool {
    protocol(local, api).await.as_deref() == Some("WEBSOCKET")
}

/// MiniStack shows `http://` for every kind of API.
fn show_scheme(api: &mut Value) {
    if api["protocolType"] == "WEBSOCKET"
        && let Some(rest) = api["apiEndpoint"].as_str().and_then(|endpoint| endpoint.strip_prefix("http"))
    {
        api["apiEndpoint"] = json!(format!("ws{rest}"));
    }
}

/// MiniStack has no DeleteAccessLogSettings. `path` is `v2/apis/{api}/stages/{stage}/accesslogsettings`.
async fn delete_access_log_settings(local: &Local, request: &Request<Bytes>, path: &[String]) -> Answer {
    let absent = |what: &str| rest_json_error(StatusCode::NOT_FOUND, "NotFoundException", what);
    let [_, _, api, _, stage, _] = path else { return absent("Unable to find the settings") };
    let mut done = Answer::new(Bytes::new());
    *done.status_mut() = StatusCode::NO_CONTENT;
    let allowed = local.refuse(request, done).await;
    if allowed.status() != StatusCode::NO_CONTENT {
        return allowed;
    }
    let target = format!("/v2/apis/{}/stages/{}", encode(api), encode(stage));
    let change = json!({ "accessLogSettings": null });
    match local.emulator.rest_json("apigateway", Method::PATCH, &target, Some(&change)).await {
        Ok(_) => allowed,
        Err(_) => absent("Unable to find the stage"),
    }
}

/// MiniStack has no DeleteRouteSettings. `path` is `v2/apis/{api}/stages/{stage}/routesettings/{route key}`.
async fn delete_route_settings(local: &Local, request: &Request<Bytes>, path: &[String]) -> Answer {
    let absent = |what: &str| rest_json_error(StatusCode::NOT_FOUND, "NotFoundException", what);
    let [_, _, api, _, stage, _, key] = path else { return absent("Unable to find the settings") };
    let mut done = Answer::new(Bytes::new());
    *done.status_mut() = StatusCode::NO_CONTENT;
    let allowed = local.refuse(request, done).await;
    if allowed.status() != StatusCode::NO_CONTENT {
        return allowed;
    }
    let target = format!("/v2/apis/{}/stages/{}", encode(api), encode(stage));
    let Ok(found) = local.emulator.rest_json("apigateway", Method::GET, &target, None).await else {
        return absent("Unable to find the stage");
    };
    let mut settings = found["routeSettings"].clone();
    if settings.as_object_mut().and_then(|settings| settings.remove(key)).is_none() {
        return absent("Unable to find the settings of the route");
    }
    let change = json!({ "routeSettings": settings });
    match local.emulator.rest_json("apigateway", Method::PATCH, &target, Some(&change)).await {
        Ok(_) => allowed,
        Err(_) => absent("Unable to find the stage"),
    }
}

/// All members of a folder of an API: its routes, its stages.
pub(crate) async fn items(local: &Local, api: &str, folder: &str) -> Vec<Value> {
    let target = format!("/v2/apis/{}/{folder}", encode(api));
    let listed = local.emulator.rest_json("apigateway", Method::GET, &target, None).await.unwrap_or_default();
    listed["items"].as_array().cloned().unwrap_or_default()
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

fn edit(answer: &mut Answer, change: impl FnOnce(&mut Value)) {
    if let Ok(mut body) = serde_json::from_slice::<Value>(answer.body()) {
        change(&mut body);
        replace_body(answer, body.to_string());
    }
}

/// MiniStack puts all items on one page.
fn paginate(body: &mut Value, query: &str) {
    let field = |name: &str| {
        form_urlencoded::parse(query.as_bytes()).find(|(key, _)| key == name).and_then(|(_, value)| value.parse().ok())
    };
    let start: usize = field("nextToken").unwrap_or(0);
    let count: usize = field("maxResults").filter(|count| *count > 0).unwrap_or(DEFAULT_PAGE).min(LARGEST_PAGE);
    let Some(items) = body["items"].as_array_mut() else { return };
    let end = start.saturating_add(count);
    let more = end < items.len();
    let page: Vec<Value> = items.drain(..).take(end).skip(start).collect();
    *items = page;
    if more {
        body["nextToken"] = json!(end.to_string());
    }
}

/// MiniStack shows the tags that an API or a stage was made with; TagResource changes them.
async fn show_current_tags(local: &Local, path: &str, tagged: &mut Value) {
    let (changes, known) = match lock(&local.gateway.retagged).get(path) {
        Some(of_it) => (of_it.changes, of_it.tags.clone()),
        None => return,
    };
    if let Some(tags) = known {
        tagged["tags"] = tags;
        return;
    }
    let arn = format!("arn:aws:apigateway:{}::{path}", local.region);
    let target = format!("/v2/tags/{}", encode(&arn));
    let Ok(answer) = local.emulator.rest_json("apigateway", Method::GET, &target, None).await else { return };
    tagged["tags"] = answer["tags"].clone();
    // What was changed meanwhile is read anew.
    if let Some(of_it) = lock(&local.gateway.retagged).get_mut(path).filter(|of_it| of_it.changes == changes) {
        of_it.tags = Some(answer["tags"].clone());
    }
}

/// The address of an HTTP integration within MiniStack: ours. See `dataplane.rs`.
fn our_uri(local: &Local, api: &str, integration: &str) -> String {
    format!("http://{}/_local/integrations/{api}/{integration}", local.endpoint)
}

/// MiniStack appends a request's path to the integration's URI, takes the request's method, and would call any host;
/// API Gateway takes URI and method as they are. So HTTP integrations are led to us, and callers see their own URI.
async fn redirect(local: &Local, api: &str, input: &Value, answer: &mut Answer) {
    let Ok(mut body) = serde_json::from_slice::<Value>(answer.body()) else { return };
    let id = body["integrationId"].as_str().unwrap_or_default().to_owned();
    if body["integrationType"] != "HTTP_PROXY" {
        return;
    }
    let known = local.gateway.integration(api, &id);
    let ours = our_uri(local, api, &id);
    let uri = match input["integrationUri"].as_str() {
        Some(given) => given.to_owned(),
        None => known.map(|known| known.uri).unwrap_or_default(),
    };
    let integration = Integration {
        uri: uri.clone(),
        method: body["integrationMethod"].as_str().unwrap_or("ANY").to_owned(),
        path_is_mapped: body["requestParameters"].get("overwrite:path").is_some(),
    };
    lock(&local.gateway.integrations).insert((api.to_owned(), id.clone()), integration);
    if body["integrationUri"] != ours.as_str() {
        let target = format!("/v2/apis/{}/integrations/{}", encode(api), encode(&id));
        let change = json!({ "integrationUri": ours });
        let _refused = local.emulator.rest_json("apigateway", Method::PATCH, &target, Some(&change)).await;
    }
    body["integrationUri"] = json!(uri);
    replace_body(answer, body.to_string());
}

fn show_true_uri(local: &Local, api: &str, integration: &mut Value) {
    let id = integration["integrationId"].as_str().unwrap_or_default();
    if let Some(known) = local.gateway.integration(api, id) {
        integration["integrationUri"] = json!(known.uri);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn route_keys_are_a_method_and_a_path_or_default() {
        for key in
            ["$default", "GET /", "ANY /{proxy+}", "POST /v1/chat/completions", "GET /a/{id}/b", "GET /a/{id}/{rest+}"]
        {
            assert!(is_route_key(key), "{key}");
        }
        for key in ["", "GET", "GET v1", "get /v1", "FETCH /v1", "GET /{rest+}/a", "GET /{}", "GET /a{b}", "GET /a b"] {
            assert!(!is_route_key(key), "{key}");
        }
    }

    #[test]
    fn a_websocket_api_has_an_endpoint_of_its_own_scheme() {
        let shown = |protocol: &str| {
            let mut api = json!({ "protocolType": protocol, "apiEndpoint": "http://a1.execute-api.localhost:4566" });
            show_scheme(&mut api);
            api["apiEndpoint"].clone()
        };
        assert_eq!(shown("WEBSOCKET"), "ws://a1.execute-api.localhost:4566");
        assert_eq!(shown("HTTP"), "http://a1.execute-api.localhost:4566");
    }

    #[test]
    fn lists_come_in_pages() {
        let all = || json!({ "items": (0..160).collect::<Vec<_>>() });
        let page = |query: &str| {
            let mut body = all();
            paginate(&mut body, query);
            (body["items"].as_array().unwrap().len(), body["nextToken"].as_str().map(str::to_owned))
        };
        assert_eq!(page(""), (100, Some("100".to_owned())));
        assert_eq!(page("nextToken=100"), (60, None));
        assert_eq!(page("maxResults=160"), (160, None));
        assert_eq!(page("maxResults=7&nextToken=14"), (7, Some("21".to_owned())));
    }

    #[test]
    fn rates_allow_a_burst_then_ten_a_second_and_a_domain_name_each_half_minute() {
        let mut rates = Rates::default();
        assert_eq!((0..50).filter(|_| rates.take("GetApis", 0.0)).count(), 40);
        assert_eq!((0..50).filter(|_| rates.take("GetApis", 1.0)).count(), 10);
        let mut rates = Rates::default();
        assert!(rates.take("CreateDomainName", 0.0));
        assert!(rates.take("DeleteDomainName", 1.0));
        assert!(!rates.take("CreateDomainName", 29.0));
        assert!(rates.take("CreateDomainName", 30.0));
        assert!(rates.take("CreateDeployment", 31.0) && !rates.take("CreateDeployment", 35.0));
        assert!(rates.take("CreateDeployment", 36.0));
    }
}
