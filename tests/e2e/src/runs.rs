//! Runs for a name that is owned already, and the calls that they make. It judges nothing but that a run succeeds.

use serde_json::{Value, json};

use crate::{Call, World, request};

/// A request for a name that this account owns, with these fields of the API beside `routes`.
pub async fn owned(world: &World, domain: &str, routes: Value, more: Value) -> Value {
    world.registry(domain, json!({"state": "owned"})).await;
    let mut request = request(domain, "http://127.0.0.1/");
    request.as_object_mut().expect("an object").remove("registration");
    request["api"]["routes"] = routes;
    request["api"].as_object_mut().expect("an object").extend(more.as_object().expect("an object").clone());
    request
}

/// The writes of a run that takes the whole path although the last one stands.
///
/// # Panics
/// When the run fails, or does not look at the API.
pub async fn full_run_again(world: &World, domain: &str, request: &Value) -> Vec<Call> {
    world.forget_fingerprint(domain).await;
    let calls = calls_of_run(world, request).await;
    let looked = |call: &Call| call.caller.contains("CreateApi") && ["GetApis", "GetStage"].contains(&&*call.action);
    assert!(calls.iter().any(looked), "the API was not looked at: {calls:?}");
    writes(calls)
}

/// The calls of a run that must succeed.
pub async fn calls_of_run(world: &World, request: &Value) -> Vec<Call> {
    let ended = world.run(request).await;
    let execution = ended.arn.clone();
    let _ = ended.live();
    world.calls(&format!("execution={execution}")).await
}

/// The calls that change what AWS is configured to do.
#[must_use]
pub fn writes(calls: Vec<Call>) -> Vec<Call> {
    let services = ["acm", "apigateway", "lambda", "logs", "route53", "route53domains"];
    let is_read = |call: &Call| ["Get", "List", "Describe", "Check"].iter().any(|verb| call.action.starts_with(verb));
    calls
        .into_iter()
        .filter(|call| services.contains(&call.service.as_str()) && !is_read(call) && call.action != "Invoke")
        .collect()
}
