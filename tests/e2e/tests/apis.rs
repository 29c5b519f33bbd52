//! The kinds of APIs: what the request describes is what API Gateway holds and does, and a second run changes nothing.

use e2e::{Backend, Call, World, request};
use serde_json::{Value, json};

/// A request for a name that this account owns, with these fields of the API beside `routes`.
async fn owned(world: &World, domain: &str, routes: Value, more: Value) -> Value {
    world.registry(domain, json!({"state": "owned"})).await;
    let mut request = request(domain, "http://127.0.0.1/");
    request.as_object_mut().expect("an object").remove("registration");
    request["api"]["routes"] = routes;
    request["api"].as_object_mut().expect("an object").extend(more.as_object().expect("an object").clone());
    request
}

/// The writes of a run that takes the whole path although the last one stands.
async fn full_run_again(world: &World, domain: &str, request: &Value) -> Vec<Call> {
    world.forget_fingerprint(domain).await;
    let before = world.calls_so_far().await;
    let _ = world.run(request).await.live();
    writes(world.calls_after(before).await)
}

/// The calls that change what AWS is configured to do.
fn writes(calls: Vec<Call>) -> Vec<Call> {
    let services = ["acm", "apigateway", "lambda", "logs", "route53", "route53domains"];
    let is_read = |call: &Call| ["Get", "List", "Describe", "Check"].iter().any(|verb| call.action.starts_with(verb));
    calls
        .into_iter()
        .filter(|call| services.contains(&call.service.as_str()) && !is_read(call) && call.action != "Invoke")
        .collect()
}

fn json_of(body: &str) -> Value {
    serde_json::from_str(body).unwrap_or_else(|error| panic!("{body}: {error}"))
}

#[tokio::test]
async fn a_route_sets_and_removes_headers_and_asks_for_another_path() {
    let (world, backend) = (World::deployed(), Backend::start().await);
    let domain = "mapped-requests.com";
    let url = backend.url("/models");
    let routes = json!([
        {"route": "GET /v1/{id}", "url": url, "headers": {"x-tenant": "acme", "x-id": "id-${request.path.id}", "x-debug": null},
            "path": "/other/${request.path.id}"},
        {"route": "GET /plain", "url": url}
    ]);
    let mut request = owned(&world, domain, routes, json!({})).await;
    let result = world.run(&request).await.live();

    let host = format!("api.{domain}");
    let ask = async |path: &str| {
        let (status, body) = world.get_with(&host, path, &[("x-debug", "1"), ("x-tenant", "forged")]).await;
        assert_eq!(status, 200, "{body}");
        json_of(&body)
    };
    let mapped = ask("/v1/7").await;
    assert_eq!((&mapped["headers"]["x-tenant"], &mapped["headers"]["x-id"]), (&json!("acme"), &json!("id-7")));
    assert_eq!(mapped["headers"]["x-debug"], json!(null));
    assert!(mapped["request"].as_str().is_some_and(|line| line.starts_with("GET /other/7 ")), "{mapped}");
    let plain = ask("/plain").await;
    assert_eq!((&plain["headers"]["x-tenant"], &plain["headers"]["x-debug"]), (&json!("forged"), &json!("1")));
    assert!(plain["request"].as_str().is_some_and(|line| line.starts_with("GET /models ")), "{plain}");

    // Two routes to one URL, two integrations; the same again, no write.
    let api_id = result["apiId"].as_str().expect("an id");
    assert_eq!(world.api_parts(api_id, "integrations").await.len(), 2);
    assert_eq!(full_run_again(&world, domain, &request).await, []);

    // A mapping that is left out is gone, with the integration that only it used.
    let route = request["api"]["routes"][0].as_object_mut().expect("an object");
    route.remove("headers");
    route.remove("path");
    let _ = world.run(&request).await.live();
    assert_eq!(ask("/v1/7").await["headers"]["x-tenant"], "forged");
    assert_eq!(world.api_parts(api_id, "integrations").await.len(), 1);
}
