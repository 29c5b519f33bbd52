//! The kinds of APIs: what the request describes is what API Gateway holds and does, and a second run changes nothing.

use std::collections::BTreeMap;

use e2e::{Backend, World, calls_of_run, full_run_again, owned};
use serde_json::{Value, json};

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

#[tokio::test]
async fn routes_are_closed_by_tokens_credentials_and_functions_and_opened_again() {
    let (world, backend) = (World::deployed(), Backend::start().await);
    let domain = "closed-routes.com";
    let url = backend.url("/models");
    let function = world.function("Resume").await;
    let jwt = |audience: &str| json!({"jwt": {"issuer": "https://login.example.com", "audience": [audience]}});
    let routes = json!([
        {"route": "GET /token", "url": url, "scopes": ["models/read"]},
        {"route": "GET /open", "url": url, "authorizer": "NONE"},
        {"route": "GET /signed", "url": url, "authorizer": "IAM"},
        {"route": "GET /asked", "url": url, "authorizer": {"lambda": {"function": function, "ttl": 60}}}
    ]);
    let mut request = owned(&world, domain, routes, json!({"authorizer": jwt("models")})).await;
    let result = world.run(&request).await.live();
    let api_id = result["apiId"].as_str().expect("an id");
    let host = format!("api.{domain}");

    let status = async |path: &str| world.get(&host, path).await.0;
    assert_eq!((status("/open").await, status("/token").await, status("/signed").await), (200, 401, 403));
    assert_eq!(status("/asked").await, 401, "nothing to ask the function about");
    // The function is no authorizer: asked, it fails, and nobody comes through. Not asked, API Gateway says 401.
    assert_eq!(world.get_with(&host, "/asked", &[("authorization", "me")]).await.0, 500);
    let routes = world.api_parts(api_id, "routes").await;
    let route = |key: &str| routes.iter().find(|route| route["routeKey"] == key).expect("a route");
    assert_eq!(route("GET /token")["authorizationScopes"], json!(["models/read"]));
    assert_eq!(route("GET /asked")["authorizationType"], "CUSTOM");
    let authorizer = route("GET /asked")["authorizerId"].as_str().expect("an id");
    let source = format!("{api_id}/authorizers/{authorizer}");
    assert!(world.policy_of(&function).await.contains(&source), "API Gateway may ask {function}");
    assert_eq!(full_run_again(&world, domain, &request).await, []);
    // What the last run made stands: the look of a run with nothing to do sees that, and what is changed by hand.
    let calls = calls_of_run(&world, &request).await;
    assert!(calls.iter().any(|call| call.action == "GetAuthorizers"), "{calls:?}");
    assert!(calls.iter().all(|call| !call.caller.contains("CreateApi")), "nothing was left to do: {calls:?}");
    let by_hand = json!({"authorizationType": "NONE"});
    let id = route("GET /token")["routeId"].as_str().expect("an id");
    world.rest("apigateway", http::Method::PATCH, &format!("/v2/apis/{api_id}/routes/{id}"), Some(&by_hand)).await;
    assert_eq!(status("/token").await, 200, "opened by hand");
    let _ = world.run(&request).await.live();
    assert_eq!(status("/token").await, 401, "closed again");

    // Another audience, and by hand another issuer; the name of an authorizer says what it should hold.
    request["api"]["authorizer"] = jwt("others");
    let _ = world.run(&request).await.live();
    let authorizers = world.api_parts(api_id, "authorizers").await;
    let one = authorizers.iter().find(|a| a["authorizerType"] == "JWT").expect("an authorizer");
    assert_eq!((authorizers.len(), &one["jwtConfiguration"]["audience"]), (2, &json!(["others"])));
    let path = format!("/v2/apis/{api_id}/authorizers/{}", one["authorizerId"].as_str().expect("an id"));
    let forged = json!({"jwtConfiguration": {"issuer": "https://forged.example.com", "audience": ["others"]}});
    world.rest("apigateway", http::Method::PATCH, &path, Some(&forged)).await;
    let _ = world.run(&request).await.live();
    let put_right = world.rest("apigateway", http::Method::GET, &path, None).await;
    assert_eq!(put_right["jwtConfiguration"]["issuer"], "https://login.example.com");

    // Without authorizers everything is open, and none is left.
    request["api"].as_object_mut().expect("an object").remove("authorizer");
    request["api"]["routes"] = json!([{"route": "GET /token", "url": url}]);
    let _ = world.run(&request).await.live();
    assert_eq!(status("/token").await, 200);
    assert_eq!(world.api_parts(api_id, "authorizers").await, [] as [Value; 0]);
}

/// A pool of people, as Amazon Cognito keeps them, with one who signs in: the issuer of his tokens, their audience, and
/// the two that he gets, `(for access, about him)`. Only the first has a scope.
async fn signed_in(world: &World) -> (String, String, (String, String)) {
    let ask = async |action: &str, body: Value| {
        world.json("cognito-idp", &format!("AWSCognitoIdentityProviderService.{action}"), &body).await
    };
    let pool = ask("CreateUserPool", json!({"PoolName": "models"})).await["UserPool"]["Id"].clone();
    let flows = json!(["ALLOW_ADMIN_USER_PASSWORD_AUTH"]);
    let client = json!({"UserPoolId": pool, "ClientName": "models", "ExplicitAuthFlows": flows});
    let client = ask("CreateUserPoolClient", client).await["UserPoolClient"]["ClientId"].clone();
    let (name, password) = ("invented", "Invented-1-Password");
    ask("AdminCreateUser", json!({"UserPoolId": pool, "Username": name, "MessageAction": "SUPPRESS"})).await;
    let lasting = json!({"UserPoolId": pool, "Username": name, "Password": password, "Permanent": true});
    ask("AdminSetUserPassword", lasting).await;
    let sign_in = json!({"UserPoolId": pool, "ClientId": client, "AuthFlow": "ADMIN_USER_PASSWORD_AUTH",
        "AuthParameters": {"USERNAME": name, "PASSWORD": password}});
    let tokens = ask("AdminInitiateAuth", sign_in).await["AuthenticationResult"].clone();
    let text = |value: &Value| value.as_str().unwrap_or_else(|| panic!("{tokens}")).to_owned();
    let issuer = format!("https://cognito-idp.us-east-1.amazonaws.com/{}", text(&pool));
    (issuer, text(&client), (text(&tokens["AccessToken"]), text(&tokens["IdToken"])))
}

#[tokio::test]
async fn a_token_lets_in_where_issuer_audience_and_scope_are_right() {
    let (world, backend) = (World::deployed(), Backend::start().await);
    let domain = "tokened-routes.com";
    let (issuer, audience, (access, about)) = signed_in(&world).await;
    let url = backend.url("/models");
    let jwt = |audience: &str| json!({"jwt": {"issuer": issuer, "audience": [audience]}});
    let routes = json!([
        {"route": "GET /any", "url": url},
        {"route": "GET /scoped", "url": url, "scopes": ["aws.cognito.signin.user.admin"]},
        {"route": "GET /shut", "url": url, "scopes": ["models/read"]},
        {"route": "GET /others", "url": url, "authorizer": jwt("others")}
    ]);
    let request = owned(&world, domain, routes, json!({"authorizer": jwt(&audience)})).await;
    let _ = world.run(&request).await.live();
    let host = format!("api.{domain}");
    let status = async |path: &str, token: &str| {
        let bearer = format!("Bearer {token}");
        world.get_with(&host, path, &[("authorization", &bearer)]).await.0
    };
    for (path, with_access, with_about) in
        [("/any", 200, 200), ("/scoped", 200, 403), ("/shut", 403, 403), ("/others", 401, 401)]
    {
        assert_eq!((status(path, &access).await, status(path, &about).await), (with_access, with_about), "{path}");
    }
    let (signed, signature) = access.rsplit_once('.').expect("a signature");
    let forged = format!("{signed}.{}", signature.chars().rev().collect::<String>());
    assert_eq!((status("/any", &forged).await, status("/any", "").await), (401, 401));
    assert_eq!(backend.seen().len(), 3, "the backend gets what was let in: {:?}", backend.seen());
    assert_eq!(full_run_again(&world, domain, &request).await, []);
}

#[tokio::test]
async fn a_function_that_is_asked_lets_in_and_shuts_out() {
    let (world, backend) = (World::deployed(), Backend::start().await);
    let domain = "asked-routes.com";
    // As API Gateway takes the answers of payload 2.0: the simple one, and a policy.
    let code = r#"
def handler(event, context):
    good = event["headers"]["x-token"] == "good"
    if event["routeKey"] == "GET /simple":
        return {"isAuthorized": good}
    statement = {"Action": "execute-api:Invoke", "Effect": "Allow" if good else "Deny", "Resource": event["routeArn"]}
    return {"principalId": "me", "policyDocument": {"Version": "2012-10-17", "Statement": [statement]}}
"#;
    let function = world.make_function("asked-routes", code, &json!([])).await;
    let asks = |simple: bool| {
        json!({"lambda": {"function": function, "simpleResponses": simple,
            "identitySources": ["$request.header.x-token"]}})
    };
    let url = backend.url("/models");
    let routes = json!([
        {"route": "GET /simple", "url": url, "authorizer": asks(true)},
        {"route": "GET /policy", "url": url, "authorizer": asks(false)}
    ]);
    let request = owned(&world, domain, routes, json!({})).await;
    let _ = world.run(&request).await.live();
    let host = format!("api.{domain}");
    let status = async |path: &str, headers: &[(&str, &str)]| world.get_with(&host, path, headers).await.0;
    for path in ["/simple", "/policy"] {
        let (good, bad) = (status(path, &[("x-token", "good")]).await, status(path, &[("x-token", "bad")]).await);
        assert_eq!((good, bad, status(path, &[]).await), (200, 403, 401), "{path}");
    }
    assert_eq!(backend.seen().len(), 2, "the backend gets what was let in: {:?}", backend.seen());
    assert_eq!(full_run_again(&world, domain, &request).await, []);
}

#[tokio::test]
async fn a_browser_is_told_which_origins_may_call() {
    let (world, backend) = (World::deployed(), Backend::start().await);
    let domain = "asked-by-browsers.com";
    let ours = "https://app.example.com";
    let cors = json!({"allowOrigins": [ours], "allowMethods": ["GET"], "allowHeaders": ["x-token"], "maxAge": 600});
    let routes = json!([{"route": "GET /v1/models", "url": backend.url("/models"), "authorizer": "IAM"}]);
    let mut request = owned(&world, domain, routes, json!({"cors": cors})).await;
    let _ = world.run(&request).await.live();
    let host = format!("api.{domain}");
    let asked = async |origin: &str| world.preflight(&host, "/v1/models", origin).await;
    let allowed = |headers: &BTreeMap<String, String>| headers.get("access-control-allow-origin").cloned();

    let (status, told) = asked(ours).await;
    assert_eq!((status, allowed(&told).as_deref()), (204, Some(ours)), "a closed route asks nobody for that: {told:?}");
    for (header, value) in [("methods", "GET"), ("headers", "x-token")] {
        assert_eq!(told[&format!("access-control-allow-{header}")], value);
    }
    assert_eq!(told["access-control-max-age"], "600");
    assert_eq!(allowed(&asked("https://other.example.com").await.1), None);
    assert_eq!(backend.seen(), [Value::Null; 0], "API Gateway answers by itself");

    // Left out, they are gone.
    request["api"].as_object_mut().expect("an object").remove("cors");
    let _ = world.run(&request).await.live();
    assert_eq!(allowed(&asked(ours).await.1), None);
}

#[tokio::test]
async fn a_route_has_limits_of_its_own_until_they_are_left_out() {
    let (world, backend) = (World::deployed(), Backend::start().await);
    let domain = "limited-route.com";
    let url = backend.url("/models");
    let routes = json!([
        {"route": "GET /a", "url": url, "throttle": {"rate": 5, "burst": 6}},
        {"route": "GET /b", "url": url, "throttle": {"rate": 7, "burst": 8}},
        {"route": "GET /c", "url": url}
    ]);
    let mut request = owned(&world, domain, routes, json!({"throttle": {"rate": 100, "burst": 200}})).await;
    let result = world.run(&request).await.live();
    let api_id = result["apiId"].as_str().expect("an id");
    let limits = |rate: f64, burst: i32| json!({"throttlingRateLimit": rate, "throttlingBurstLimit": burst});
    let stage = async || world.api_parts(api_id, "stages").await.remove(0);

    let made = stage().await;
    assert_eq!(made["defaultRouteSettings"], limits(100.0, 200));
    assert_eq!(made["routeSettings"], json!({"GET /a": limits(5.0, 6), "GET /b": limits(7.0, 8)}));
    assert_eq!(full_run_again(&world, domain, &request).await, []);

    // Limits that change, limits that are left out, and limits of a route that goes.
    request["api"]["routes"] = json!([
        {"route": "GET /a", "url": url, "throttle": {"rate": 9, "burst": 6}},
        {"route": "GET /c", "url": url}
    ]);
    let _ = world.run(&request).await.live();
    assert_eq!(stage().await["routeSettings"], json!({"GET /a": limits(9.0, 6)}));
    request["api"]["routes"][0].as_object_mut().expect("an object").remove("throttle");
    let _ = world.run(&request).await.live();
    let left = stage().await;
    assert_eq!((&left["routeSettings"], &left["defaultRouteSettings"]), (&json!({}), &limits(100.0, 200)));
    assert_eq!(full_run_again(&world, domain, &request).await, []);
}
