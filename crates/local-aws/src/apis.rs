//! What APIs there are and what is in them, as MiniStack's control plane has it. Must not change anything.

use http::Method;
use serde_json::Value;

use crate::emulator::encode;
use crate::local::Local;

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
    deployment.is_some_and(|id| local.gateway.is_closed(id))
}

pub(crate) async fn is_websocket(local: &Local, api: &str) -> bool {
    protocol(local, api).await.as_deref() == Some("WEBSOCKET")
}

/// All members of a folder of an API: its routes, its stages.
pub(crate) async fn items(local: &Local, api: &str, folder: &str) -> Vec<Value> {
    let target = format!("/v2/apis/{}/{folder}", encode(api));
    let listed = local.emulator.rest_json("apigateway", Method::GET, &target, None).await.unwrap_or_default();
    listed["items"].as_array().cloned().unwrap_or_default()
}
