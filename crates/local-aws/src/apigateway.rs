//! What API Gateway's control plane (v2) does otherwise than MiniStack.
//!
//! Owns what answers show, pages of lists, and where HTTP integrations really go; what is refused is in `refusal.rs`
//! below. Sources are named at each rule. What happens to a client's request is in `dataplane.rs`.

mod refusal;

use std::sync::Arc;

use bytes::Bytes;
use http::{Method, Request, StatusCode};
use serde_json::{Value, json};

use crate::answer::{Answer, replace_body, rest_json_error};
use crate::apis;
use crate::certificate_use::certificate_of;
use crate::emulator::encode;
use crate::gateway::Integration;
use crate::local::Local;

/// Items on a page where the caller does not say how many, and at most. UNCONFIRMED: AWS names no number for v2.
const DEFAULT_PAGE: usize = 100;
const LARGEST_PAGE: usize = 500;

/// Answers a call of the service.
pub(crate) async fn handle(local: &Arc<Local>, action: &str, request: Request<Bytes>) -> Answer {
    if local.settings().rate_limits && !local.gateway.takes(action, local.clock.now()) {
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
    if let Some(refusal) = refusal::refusal(local, action, &api, &rest, &input).await {
        return local.refuse(&request, refusal).await;
    }
    if action == "DeleteRouteSettings" {
        return delete_route_settings(local, &request, &path).await;
    }
    if action == "DeleteAccessLogSettings" {
        return delete_access_log_settings(local, &request, &path).await;
    }
    let certificate = match action {
        "DeleteDomainName" => certificate_of(&local.emulator, &api).await,
        "UpdateDomainName" => certificate_of(&local.emulator, &api).await.filter(|before| {
            input["domainNameConfigurations"][0]["certificateArn"].as_str().is_some_and(|a| a != before)
        }),
        _ => None,
    };
    let mut answer = local.forward(request).await;
    if !answer.status().is_success() {
        return answer;
    }
    if let Some(certificate) = certificate {
        local.certificate_use.linger(certificate, &api);
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
        "GetApis" | "GetStages" => {
            let mut body: Value = serde_json::from_slice(answer.body()).unwrap_or_default();
            paginate(&mut body, &query);
            for item in body["items"].as_array_mut().into_iter().flatten() {
                show_as_it_is(local, &api, item).await;
            }
            replace_body(&mut answer, body.to_string());
        }
        "CreateApi" | "UpdateApi" => edit(&mut answer, show_scheme),
        "GetApi" | "GetStage" => {
            let mut body: Value = serde_json::from_slice(answer.body()).unwrap_or_default();
            show_as_it_is(local, &api, &mut body).await;
            replace_body(&mut answer, body.to_string());
        }
        "CreateDeployment" => {
            let made: Value = serde_json::from_slice(answer.body()).unwrap_or_default();
            if apis::find(local, &api).await["disableExecuteApiEndpoint"] == true {
                local.gateway.close(made["deploymentId"].as_str().unwrap_or_default());
            }
        }
        "GetRoutes" | "GetDeployments" => edit(&mut answer, |body| paginate(body, &query)),
        "TagResource" | "UntagResource" => {
            // `/v2/tags/{arn}`, the ARN encoded or not; it ends with the path of what is tagged.
            if let Some((_, path)) = path[2..].join("/").split_once("::") {
                local.gateway.retag(path);
            }
        }
        "DeleteApi" => local.gateway.forget(&api),
        _ => {}
    }
    answer
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

/// Corrects what MiniStack shows of an API, or of a stage of the API `api`.
async fn show_as_it_is(local: &Local, api: &str, shown: &mut Value) {
    let path = match shown["stageName"].as_str() {
        Some(stage) => format!("/apis/{api}/stages/{stage}"),
        None => format!("/apis/{}", shown["apiId"].as_str().unwrap_or_default()),
    };
    show_current_tags(local, &path, shown).await;
    show_scheme(shown);
}

/// MiniStack shows the tags that an API or a stage was made with; TagResource changes them.
async fn show_current_tags(local: &Local, path: &str, tagged: &mut Value) {
    let Some((changes, known)) = local.gateway.retagged(path) else { return };
    if let Some(tags) = known {
        tagged["tags"] = tags;
        return;
    }
    let arn = format!("arn:aws:apigateway:{}::{path}", local.region);
    let target = format!("/v2/tags/{}", encode(&arn));
    let Ok(answer) = local.emulator.rest_json("apigateway", Method::GET, &target, None).await else { return };
    tagged["tags"] = answer["tags"].clone();
    local.gateway.remember_tags(path, changes, answer["tags"].clone());
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
    local.gateway.set_integration(api, &id, integration);
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
mod tests;
