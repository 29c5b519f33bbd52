//! Which route is taken.

use serde_json::json;

use super::*;

#[test]
fn the_most_exact_route_is_taken() {
    let routes: Vec<Value> = ["$default", "ANY /{proxy+}", "GET /v1/{id}", "ANY /v1/models", "GET /v1/models"]
        .into_iter()
        .map(|key| json!({ "routeKey": key }))
        .collect();
    let taken = |method: &str, path: &str| best_route(&routes, method, path).unwrap()["routeKey"].clone();
    assert_eq!(taken("GET", "/v1/models"), "GET /v1/models");
    assert_eq!(taken("POST", "/v1/models"), "ANY /v1/models");
    assert_eq!(taken("GET", "/v1/x"), "GET /v1/{id}");
    assert_eq!(taken("POST", "/v1/x"), "ANY /{proxy+}");
    assert!(best_route(&routes[2..], "POST", "/nothing").is_none());
    assert_eq!(best_route(&routes[..1], "GET", "/").unwrap()["routeKey"], "$default");
}
