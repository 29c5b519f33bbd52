//! WebSocket APIs: messages are answered on the name, what is deployed is what is wanted, and nothing is deployed twice.

use std::time::Duration;

use e2e::{Backend, Call, Socket, World, calls_of_run, full_run_again, owned, writes};
use http::Method;
use serde_json::{Value, json};

/// When a test gives up on what must come by itself.
const GIVE_UP_AFTER: Duration = Duration::from_secs(60);

/// Answers a message to whoever sent it, by the API's own way back.
const ANSWER: &str = r#"
import json, os, boto3

def handler(event, context):
    told = event["requestContext"]
    endpoint = "{}/_aws/execute-api/{}/{}".format(os.environ["AWS_ENDPOINT_URL"], told["apiId"], told["stage"])
    client = boto3.client("apigatewaymanagementapi", endpoint_url=endpoint, region_name="us-east-1")
    answer = json.dumps({"answer": json.loads(event["body"])["text"], "route": told["routeKey"]})
    client.post_to_connection(ConnectionId=told["connectionId"], Data=answer.encode())
    return {"statusCode": 200, "body": "not for the client"}
"#;

fn json_of(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|error| panic!("{text}: {error}"))
}

fn count(calls: &[Call], action: &str) -> usize {
    calls.iter().filter(|call| call.action == action).count()
}

/// The last request that the backend has got, once it is one that `fits`.
async fn seen(backend: &Backend, fits: impl Fn(&Value) -> bool) -> Value {
    let wait = tokio::time::timeout(GIVE_UP_AFTER, async {
        loop {
            if let Some(request) = backend.seen().into_iter().rev().find(&fits) {
                return request;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    });
    wait.await.unwrap_or_else(|_| panic!("in vain waited for a request: {:?}", backend.seen()))
}

/// Sends a message to a connection, as a backend with AWS credentials does.
async fn post(world: &World, api: &str, connection: &str, text: &str) {
    let path = format!("/_aws/execute-api/{api}/live/@connections/{connection}");
    world.rest("execute-api", Method::POST, &path, Some(&json!({"told": text}))).await;
}

async fn connect(world: &World, host: &str, path: &str) -> Socket {
    let connection = Socket::connect(world.address(), host, path).await;
    connection.unwrap_or_else(|status| panic!("{host}{path}: {status}"))
}

#[tokio::test]
async fn messages_are_answered_on_the_name_and_a_change_of_routes_is_one_deployment() {
    let (world, backend) = (World::deployed(), Backend::start().await);
    let domain = "socket-answers.com";
    let allow = json!([{"Effect": "Allow", "Action": "execute-api:ManageConnections", "Resource": "*"}]);
    let function = world.make_function("socket-answers", ANSWER, &allow).await;
    let routes = json!([
        {"route": "$connect", "url": backend.url("/connect"),
            "headers": {"x-connection": "$context.connectionId", "x-room": "$request.querystring.room"}},
        {"route": "ask", "lambda": function},
        {"route": "$default", "url": backend.url("/other"),
            "headers": {"x-connection": "$context.connectionId", "x-kind": "$request.body.kind", "x-tenant": "acme"}},
        {"route": "$disconnect", "url": backend.url("/gone")}
    ]);
    let mut request = owned(&world, domain, routes, json!({"protocol": "WEBSOCKET"})).await;
    let ended = world.run(&request).await;
    let first = world.calls(&format!("execution={}", ended.arn)).await;
    let result = ended.live();
    let api = result["apiId"].as_str().expect("an id").to_owned();
    assert_eq!(result["apiEndpoint"], format!("wss://api.{domain}"));
    let endpoint = result["defaultEndpoint"].as_str().expect("an address");
    assert!(endpoint.starts_with("ws") && endpoint.ends_with("/live") && endpoint.contains(&api), "{endpoint}");
    assert_eq!(count(&first, "CreateDeployment"), 1);

    // By the name: who connects is told to the backend, a function answers, and so can whoever knows the connection.
    let host = format!("api.{domain}");
    let mut socket = connect(&world, &host, "/?room=blue").await;
    let connected = seen(&backend, |request| request["request"] == "POST /connect HTTP/1.1").await;
    assert_eq!(connected["headers"]["x-room"], "blue");
    let connection = connected["headers"]["x-connection"].as_str().expect("an id").to_owned();
    socket.send(&json!({"action": "ask", "text": "hello"}).to_string()).await;
    assert_eq!(json_of(&socket.receive().await), json!({"answer": "hello", "route": "ask"}));
    socket.send(&json!({"action": "anything", "kind": "told"}).to_string()).await;
    let told = seen(&backend, |request| request["request"] == "POST /other HTTP/1.1").await;
    assert_eq!(
        (&told["headers"]["x-kind"], &told["headers"]["x-tenant"], &told["headers"]["x-connection"]),
        (&json!("told"), &json!("acme"), &json!(connection))
    );
    assert_eq!(json_of(told["body"].as_str().expect("text"))["kind"], "told");
    post(&world, &api, &connection, "back").await;
    assert_eq!(json_of(&socket.receive().await), json!({"told": "back"}));
    drop(socket);
    seen(&backend, |request| request["request"] == "POST /gone HTTP/1.1").await;

    // By the API's own address, where the stage stands in the path.
    let own_host = format!("{api}.execute-api.localhost");
    let mut socket = connect(&world, &own_host, "/live").await;
    socket.send(&json!({"action": "ask", "text": "again"}).to_string()).await;
    assert_eq!(json_of(&socket.receive().await)["answer"], "again");
    assert_eq!(Socket::connect(world.address(), &own_host, "/nowhere").await.err(), Some(403));

    // The same again: nothing is written, by a run with nothing to do and by one that looks at everything.
    let calls = calls_of_run(&world, &request).await;
    assert!(calls.iter().all(|call| !call.caller.contains("CreateApi")), "nothing was left to do: {calls:?}");
    assert_eq!(writes(calls), []);
    assert_eq!(full_run_again(&world, domain, &request).await, []);

    // Two routes change; one deployment. Who was called may be called no more.
    request["api"]["routes"][1] = json!({"route": "run", "url": backend.url("/run")});
    request["api"]["routes"].as_array_mut().expect("a list").remove(2);
    let calls = calls_of_run(&world, &request).await;
    assert_eq!((count(&calls, "CreateDeployment"), count(&calls, "UpdateStage")), (1, 1), "{calls:?}");
    assert_eq!(count(&calls, "RemovePermission"), 1, "{calls:?}");
    assert_eq!(world.api_parts(&api, "deployments").await.len(), 2);
    assert!(!world.policy_of_any(&function).await.contains(&api), "the function may still be called");
    let mut socket = connect(&world, &host, "/").await;
    socket.send(&json!({"action": "ask", "text": "gone"}).to_string()).await;
    assert_eq!(json_of(&socket.receive().await)["message"], "Forbidden", "no route takes it");
    socket.send(&json!({"action": "run"}).to_string()).await;
    seen(&backend, |request| request["request"] == "POST /run HTTP/1.1").await;
    assert_eq!(full_run_again(&world, domain, &request).await, []);

    // Another place in the message is another deployment.
    request["api"]["routeSelectionExpression"] = json!("$request.body.kind");
    let calls = calls_of_run(&world, &request).await;
    assert_eq!((count(&calls, "UpdateApi"), count(&calls, "CreateDeployment")), (1, 1), "{calls:?}");
    let mut socket = connect(&world, &host, "/").await;
    socket.send(&json!({"action": "ask", "kind": "run"}).to_string()).await;
    seen(&backend, |request| request["body"].as_str().is_some_and(|body| body.contains(r#""kind":"run""#))).await;
    assert_eq!(full_run_again(&world, domain, &request).await, []);
}

#[tokio::test]
async fn a_deployment_of_which_the_answer_was_lost_is_the_only_one() {
    let (world, backend) = (World::deployed(), Backend::start().await);
    let domain = "socket-lost-answer.com";
    let routes = json!([{"route": "ask", "url": backend.url("/ask")}]);
    let request = owned(&world, domain, routes, json!({"protocol": "WEBSOCKET"})).await;
    let fault = json!({"fault": "cutAfter", "execution": ":socket-lost-answer", "service": "apigateway",
        "action": "CreateDeployment"});
    world.control(Method::POST, "/_local/faults", Some(&fault)).await;
    let arn = world.start_named(world.machine(), "socket-lost-answer", &request).await;
    let result = world.ended(&arn).await.live();
    let api = result["apiId"].as_str().expect("an id");
    let deployments = world.api_parts(api, "deployments").await;
    let stages = world.api_parts(api, "stages").await;
    assert_eq!(deployments.len(), 1, "{deployments:?}");
    assert_eq!(stages[0]["deploymentId"], deployments[0]["deploymentId"]);
    let struck = world.control(Method::GET, "/_local/faults", None).await.to_string();
    assert!(struck.contains("socket-lost-answer"), "{struck}");
    assert_eq!(full_run_again(&world, domain, &request).await, []);
}

#[tokio::test]
async fn another_kind_of_api_takes_the_place_of_the_one_that_was_there() {
    let (world, backend) = (World::deployed(), Backend::start().await);
    let domain = "socket-and-back.com";
    let host = format!("api.{domain}");
    let http = json!([{"route": "GET /v1/models", "url": backend.url("/models")}]);
    let mut request = owned(&world, domain, http.clone(), json!({})).await;
    let first = world.run(&request).await.live();
    assert_eq!(world.get(&host, "/v1/models").await.0, 200);

    request["api"]["protocol"] = json!("WEBSOCKET");
    request["api"]["routes"] = json!([{"route": "ask", "url": backend.url("/ask")}]);
    let mut dry = request.clone();
    dry["dryRun"] = json!(true);
    let lines = world.run(&dry).await.live()["report"]["lines"].to_string();
    let old = first["apiId"].as_str().expect("an id");
    assert!(lines.contains(&format!("- API {old}")) && lines.contains("WEBSOCKET"), "{lines}");
    let calls = calls_of_run(&world, &request).await;
    let second = only_api(&world, domain).await;
    assert_ne!(second, old, "an API cannot become one of another kind");
    let position = |action: &str| calls.iter().position(|call| call.action == action).expect("a call");
    assert!(position("UpdateApiMapping") < position("DeleteApi"), "the name never points into the void: {calls:?}");
    let mut socket = connect(&world, &host, "/").await;
    socket.send(&json!({"action": "ask"}).to_string()).await;
    seen(&backend, |request| request["request"] == "POST /ask HTTP/1.1").await;
    assert_eq!(full_run_again(&world, domain, &request).await, []);

    // And back.
    request["api"]["protocol"] = json!("HTTP");
    request["api"]["routes"] = http;
    let third = world.run(&request).await.live();
    assert_eq!(third["apiId"], only_api(&world, domain).await);
    assert_eq!(third["apiEndpoint"], format!("https://{host}"));
    assert_eq!(world.get(&host, "/v1/models").await.0, 200);
    assert_eq!(world.mappings(&host).await.len(), 1);
    assert_eq!(full_run_again(&world, domain, &request).await, []);
}

/// The id of the one API that this stack has for the domain.
async fn only_api(world: &World, domain: &str) -> String {
    let apis = world.apis(domain).await;
    let [api] = apis.as_slice() else { panic!("{apis:?}") };
    api["apiId"].as_str().expect("an id").to_owned()
}

#[tokio::test]
async fn a_default_endpoint_is_closed_by_one_deployment_and_opened_by_another() {
    let (world, backend) = (World::deployed(), Backend::start().await);
    let domain = "socket-closed.com";
    let host = format!("api.{domain}");
    let routes = json!([{"route": "ask", "url": backend.url("/ask")}]);
    let closed = json!({"protocol": "WEBSOCKET", "defaultEndpoint": "closed"});
    let mut request = owned(&world, domain, routes, closed).await;
    let calls = calls_of_run(&world, &request).await;
    assert_eq!((count(&calls, "CreateDeployment"), count(&calls, "UpdateApi")), (2, 1), "{calls:?}");
    let result = world.run(&request).await.live();
    assert_eq!(result["defaultEndpoint"], Value::Null);
    let api = result["apiId"].as_str().expect("an id");
    let own_host = format!("{api}.execute-api.localhost");
    let status = async || Socket::connect(world.address(), &own_host, "/live").await.err();
    assert_eq!(status().await, Some(403));
    drop(connect(&world, &host, "/").await);
    assert_eq!(full_run_again(&world, domain, &request).await, []);

    // A change of routes keeps it closed, with one deployment.
    request["api"]["routes"][0]["route"] = json!("tell");
    let calls = calls_of_run(&world, &request).await;
    assert_eq!((count(&calls, "CreateDeployment"), count(&calls, "UpdateApi")), (1, 0), "{calls:?}");
    assert_eq!(status().await, Some(403));
    assert_eq!(full_run_again(&world, domain, &request).await, []);

    request["api"]["defaultEndpoint"] = json!("open");
    let calls = calls_of_run(&world, &request).await;
    assert_eq!((count(&calls, "CreateDeployment"), count(&calls, "UpdateApi")), (1, 1), "{calls:?}");
    assert_eq!(status().await, None);
    assert_eq!(full_run_again(&world, domain, &request).await, []);
}

#[tokio::test]
async fn who_connects_is_asked_for_by_a_function_that_must_be_let_and_may_say_no() {
    let (world, backend) = (World::deployed(), Backend::start().await);
    let domain = "socket-asked.com";
    let code = r#"
def handler(event, context):
    effect = "Allow" if event["queryStringParameters"]["token"] == "good" else "Deny"
    statement = {"Action": "execute-api:Invoke", "Effect": effect, "Resource": event["methodArn"]}
    return {"principalId": "me", "policyDocument": {"Version": "2012-10-17", "Statement": [statement]}}
"#;
    let function = world.make_function("socket-asked", code, &json!([])).await;
    let authorizer = json!({"lambda": {"function": function, "identitySources": ["$request.querystring.token"]}});
    let routes = json!([
        {"route": "$connect", "url": backend.url("/connect"), "authorizer": authorizer},
        {"route": "$default", "url": backend.url("/other")}
    ]);
    let mut request = owned(&world, domain, routes, json!({"protocol": "WEBSOCKET"})).await;
    let result = world.run(&request).await.live();
    let api = result["apiId"].as_str().expect("an id");
    let authorizers = world.api_parts(api, "authorizers").await;
    let id = authorizers[0]["authorizerId"].as_str().expect("an id");
    assert!(world.policy_of_any(&function).await.contains(&format!("{api}/authorizers/{id}")));
    let host = format!("api.{domain}");
    let status = async |path: &str| Socket::connect(world.address(), &host, path).await.err();
    assert_eq!(
        (status("/?token=good").await, status("/?token=bad").await, status("/").await),
        (None, Some(403), Some(401))
    );
    let calls = calls_of_run(&world, &request).await;
    assert!(calls.iter().all(|call| !call.caller.contains("CreateApi")), "nothing was left to do: {calls:?}");
    assert_eq!(full_run_again(&world, domain, &request).await, []);

    // Without it everybody comes in, and the function may be asked no more.
    request["api"]["routes"][0].as_object_mut().expect("an object").remove("authorizer");
    let calls = calls_of_run(&world, &request).await;
    assert_eq!((count(&calls, "DeleteAuthorizer"), count(&calls, "CreateDeployment")), (1, 1), "{calls:?}");
    assert_eq!(status("/").await, None);
    assert!(!world.policy_of_any(&function).await.contains(api), "the function may still be asked");
}

/// What API Gateway does otherwise than MiniStack, without the stack.
#[tokio::test]
async fn a_stage_answers_only_what_its_deployment_holds() {
    let (world, backend) = (World::deployed(), Backend::start().await);
    let gateway =
        async |target: String, body: Value| world.rest("apigateway", Method::POST, &target, Some(&body)).await;
    let refused = async |target: String, body: Value| {
        let answer = world.client().rest_json("apigateway", Method::POST, &target, Some(&body)).await;
        answer.expect_err("refused").to_string()
    };
    let kind = json!({"name": "local", "protocolType": "WEBSOCKET"});
    assert!(refused("/v2/apis".to_owned(), kind.clone()).await.contains("BadRequest"), "no expression");
    let mut whole = kind;
    whole["routeSelectionExpression"] = json!("$request.body.action");
    let api = gateway("/v2/apis".to_owned(), whole).await["apiId"].as_str().expect("an id").to_owned();
    let below = |folder: &str| format!("/v2/apis/{api}/{folder}");
    assert!(refused(below("deployments"), json!({})).await.contains("BadRequest"), "no route");
    let integration = json!({"integrationType": "HTTP_PROXY", "integrationMethod": "POST",
        "integrationUri": backend.url("/local"), "payloadFormatVersion": "1.0"});
    let integration = gateway(below("integrations"), integration).await["integrationId"].clone();
    let target = format!("integrations/{}", integration.as_str().expect("an id"));
    gateway(below("routes"), json!({"routeKey": "first", "target": target})).await;
    gateway(below("stages"), json!({"stageName": "live"})).await;
    assert!(
        refused(below("stages"), json!({"stageName": "other", "deploymentId": "none"})).await.contains("BadRequest")
    );

    let host = format!("{api}.execute-api.localhost");
    let connected = async || Socket::connect(world.address(), &host, "/live").await;
    assert_eq!(connected().await.err(), Some(403), "nothing is deployed");
    let deployment = gateway(below("deployments"), json!({})).await["deploymentId"].clone();
    assert_eq!(connected().await.err(), Some(403), "deployed, and on no stage");
    let stage = json!({"deploymentId": deployment});
    world.rest("apigateway", Method::PATCH, &below("stages/live"), Some(&stage)).await;
    gateway(below("routes"), json!({"routeKey": "second", "target": target})).await;
    let mut socket = connected().await.unwrap_or_else(|status| panic!("{status}"));
    socket.send(r#"{"action": "second"}"#).await;
    assert_eq!(json_of(&socket.receive().await)["message"], "Forbidden", "made after the deployment");
    socket.send(r#"{"action": "first"}"#).await;
    seen(&backend, |request| request["request"] == "POST /local HTTP/1.1").await;
    world.rest("apigateway", Method::DELETE, &format!("/v2/apis/{api}"), None).await;
}
