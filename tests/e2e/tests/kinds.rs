//! What stands behind a name beside an API of its own: an existing API that nobody changes, an access log, and functions
//! that may be called just as long as a route calls them.

use std::time::Duration;

use e2e::{Backend, Call, World, calls_of_run, full_run_again, named, owned};
use http::Method;
use serde_json::{Value, json};
use tokio::task::JoinSet;

const LOOK_EVERY: Duration = Duration::from_millis(100);
/// When a test gives up on what must come by itself.
const GIVE_UP_AFTER: Duration = Duration::from_secs(60);

fn count(calls: &[Call], action: &str) -> usize {
    calls.iter().filter(|call| call.action == action).count()
}

async fn dry_run(world: &World, request: &Value) -> String {
    let mut asked = request.clone();
    asked["dryRun"] = json!(true);
    world.run(&asked).await.live()["report"]["lines"].to_string()
}

/// An API of somebody else, with one route to `url` and these stages.
async fn made_by_hand(world: &World, more: Value, route: &str, url: &str, stages: &[&str]) -> String {
    let post = async |path: String, body: Value| world.rest("apigateway", Method::POST, &path, Some(&body)).await;
    let mut body = json!({"name": "by hand", "tags": {"team": "theirs"}});
    body.as_object_mut().expect("an object").extend(more.as_object().expect("an object").clone());
    let api = post("/v2/apis".to_owned(), body).await["apiId"].as_str().expect("an id").to_owned();
    let below = |folder: &str| format!("/v2/apis/{api}/{folder}");
    let integration = json!({"integrationType": "HTTP_PROXY", "integrationMethod": "GET", "integrationUri": url,
        "payloadFormatVersion": "1.0"});
    let integration = post(below("integrations"), integration).await["integrationId"].clone();
    let target = format!("integrations/{}", integration.as_str().expect("an id"));
    post(below("routes"), json!({"routeKey": route, "target": target})).await;
    for stage in stages {
        post(below("stages"), json!({"stageName": stage, "autoDeploy": true})).await;
    }
    api
}

/// All that an API is.
async fn as_it_is(world: &World, api: &str) -> Value {
    let mut whole = json!({"api": world.rest("apigateway", Method::GET, &format!("/v2/apis/{api}"), None).await});
    for folder in ["routes", "integrations", "stages", "authorizers", "deployments"] {
        whole[folder] = json!(world.api_parts(api, folder).await);
    }
    whole
}

#[tokio::test]
async fn an_existing_api_is_put_behind_the_name_and_stays_as_it_is() {
    let (world, backend) = (World::deployed(), Backend::start().await);
    let domain = "existing-api.com";
    let host = format!("api.{domain}");
    let theirs = made_by_hand(
        &world,
        json!({"protocolType": "HTTP"}),
        "GET /theirs",
        &backend.url("/theirs"),
        &["$default", "beta"],
    )
    .await;
    let before = as_it_is(&world, &theirs).await;
    let existing = |id: &str, stage: &str| json!({"existing": {"apiId": id, "stage": stage}});

    // What is not there is refused before anything is written.
    let own = json!([{"route": "GET /ours", "url": backend.url("/ours")}]);
    let mut request = owned(&world, domain, own, json!({})).await;
    let own = request["api"].clone();
    for (api, named) in [(existing("nosuchapi1", "beta"), "nosuchapi1"), (existing(&theirs, "gamma"), "`gamma`")] {
        request["api"] = api;
        let ended = world.run(&request).await;
        let calls = world.calls(&format!("execution={}", ended.arn)).await;
        assert_eq!(e2e::writes(calls), []);
        assert!(ended.refused("Nameplate.Refused").contains(named));
        assert_eq!(world.custom_domain(&host).await, Value::Null);
    }

    // From an API of our own to the existing one.
    request["api"] = own.clone();
    let first = world.run(&request).await.live();
    let ours = first["apiId"].as_str().expect("an id");
    assert_eq!(world.get(&host, "/ours").await.0, 200);
    request["api"] = existing(&theirs, "beta");
    let lines = dry_run(&world, &request).await;
    assert!(lines.contains(&format!("- API {ours}")) && lines.contains(&theirs) && lines.contains("beta"), "{lines}");
    let second = world.run(&request).await.live();
    assert_eq!(world.apis(domain).await, [] as [Value; 0], "the API that is needed no more is gone");
    assert_eq!((&second["apiId"], &second["apiEndpoint"]), (&json!(theirs), &json!(format!("https://{host}"))));
    assert!(second["defaultEndpoint"].as_str().is_some_and(|address| address.ends_with("/beta")), "{second}");
    assert_eq!((world.get(&host, "/theirs").await.0, world.get(&host, "/ours").await.0), (200, 404));
    let mappings = world.mappings(&host).await;
    assert_eq!((mappings.len(), &mappings[0]["apiId"], &mappings[0]["stage"]), (1, &json!(theirs), &json!("beta")));
    let known = world.item(domain).await["known"]["S"].as_str().unwrap_or_default().to_owned();
    assert!(!known.contains(&theirs), "nothing that is ours: {known}");
    assert_eq!(as_it_is(&world, &theirs).await, before);

    // The same again writes nothing, whether or not the run looks at everything.
    let calls = calls_of_run(&world, &request).await;
    assert!(calls.iter().all(|call| !call.caller.contains("CreateApi")), "nothing was left to do: {calls:?}");
    assert_eq!(e2e::writes(calls), []);
    world.forget_fingerprint(domain).await;
    let calls = calls_of_run(&world, &request).await;
    assert!(calls.iter().any(|call| call.caller.contains("AttachDomain")), "{calls:?}");
    assert_eq!(e2e::writes(calls), []);

    // Another stage of it; then back to one of our own; and the end of it all.
    request["api"] = existing(&theirs, "$default");
    let third = world.run(&request).await.live();
    assert!(!third["defaultEndpoint"].as_str().expect("an address").contains("beta"), "{third}");
    assert_eq!(world.mappings(&host).await[0]["stage"], "$default");
    request["api"] = own;
    let fourth = world.run(&request).await.live();
    assert_eq!(world.apis(domain).await[0]["apiId"], fourth["apiId"]);
    assert_ne!(fourth["apiId"], json!(theirs));
    assert_eq!((world.get(&host, "/theirs").await.0, world.get(&host, "/ours").await.0), (404, 200));
    let retired = world.retire(domain, &json!({})).await.live();
    assert!(!retired["removed"].to_string().contains(&theirs), "{retired}");
    assert_eq!(world.apis(domain).await, [] as [Value; 0]);
    assert_eq!(as_it_is(&world, &theirs).await, before);
    world.rest("apigateway", Method::DELETE, &format!("/v2/apis/{theirs}"), None).await;
}

#[tokio::test]
async fn a_run_that_was_stopped_after_it_led_the_name_to_one_existing_api_is_followed_by_one_that_names_another() {
    let (world, backend) = (World::deployed(), Backend::start().await);
    let domain = "existing-apis.com";
    let host = format!("api.{domain}");
    let mut theirs = Vec::new();
    for path in ["/one", "/two", "/three"] {
        let http = json!({"protocolType": "HTTP"});
        theirs.push(made_by_hand(&world, http, &format!("GET {path}"), &backend.url(path), &["$default"]).await);
    }
    let mut request = owned(&world, domain, json!([]), json!({})).await;
    let mut led_to = |id: &str| {
        request["api"] = json!({"existing": {"apiId": id, "stage": "$default"}});
        request.clone()
    };
    // One is stopped when it has led the name there, and the next when it is about to lead it elsewhere.
    for (api, fault, action) in
        [(&theirs[0], "stopExecution", "CreateApiMapping"), (&theirs[1], "cutBefore", "UpdateApiMapping")]
    {
        let name = format!("existing-apis-{}", action.to_lowercase());
        // Stays to the end: a function of the stopped run may be about to ask once more.
        let strikes = json!({"fault": fault, "action": action, "execution": format!(":{name}"), "resource": host, "times": 1_000});
        let fault = world.control(Method::POST, "/_local/faults", Some(&strikes)).await;
        let arn = world.start_named(world.machine(), &name, &led_to(api)).await;
        if action == "UpdateApiMapping" {
            struck(&world, &fault["id"]).await;
            world.json("states", "AWSStepFunctions.StopExecution", &json!({"executionArn": arn})).await;
        }
        assert_eq!(world.ended(&arn).await.status, "ABORTED");
        while !world.item(domain).await["heldBy"].is_null() {
            tokio::time::sleep(LOOK_EVERY).await;
        }
        assert_eq!(world.mappings(&host).await[0]["apiId"], json!(theirs[0]));
    }

    let result = world.run(&led_to(&theirs[2])).await.live();
    assert_eq!((&result["apiId"], &result["adopted"]), (&json!(theirs[2]), &json!([])));
    assert_eq!(world.mappings(&host).await[0]["apiId"], json!(theirs[2]));
    assert_eq!(world.get(&host, "/three").await.0, 200);
    // Somebody else's hand is another matter.
    let mapping = &world.mappings(&host).await[0];
    let path = format!("/v2/domainnames/{host}/apimappings/{}", mapping["apiMappingId"].as_str().expect("an id"));
    let by_hand = json!({"apiId": theirs[1], "stage": "$default"});
    world.rest("apigateway", Method::PATCH, &path, Some(&by_hand)).await;
    assert_eq!(world.run(&led_to(&theirs[2])).await.live()["apiId"], json!(theirs[2]), "on record it is ours");
}

/// Waits until a fault has struck.
async fn struck(world: &World, id: &Value) {
    loop {
        let faults = world.control(Method::GET, "/_local/faults", None).await;
        let all = faults["faults"].as_array().cloned().unwrap_or_default();
        if all.iter().any(|fault| fault["id"] == *id && fault["struck"].as_u64().is_some_and(|times| times > 0)) {
            return;
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

#[tokio::test]
async fn an_existing_websocket_api_has_a_websocket_address() {
    let (world, backend) = (World::deployed(), Backend::start().await);
    let domain = "existing-socket.com";
    let kind = json!({"protocolType": "WEBSOCKET", "routeSelectionExpression": "$request.body.do"});
    let theirs = made_by_hand(&world, kind, "$default", &backend.url("/theirs"), &["theirs"]).await;
    let before = as_it_is(&world, &theirs).await;
    let own = json!([{"route": "GET /ours", "url": backend.url("/ours")}]);
    let mut request = owned(&world, domain, own, json!({})).await;
    let _ = world.run(&request).await.live();
    request["api"] = json!({"existing": {"apiId": theirs, "stage": "theirs"}});
    let result = world.run(&request).await.live();
    assert_eq!(result["apiEndpoint"], format!("wss://api.{domain}"));
    assert_eq!(world.mappings(&format!("api.{domain}")).await[0]["apiId"], json!(theirs));
    assert_eq!(as_it_is(&world, &theirs).await, before);
}

/// The lines of a log group, once there are any.
async fn lines_of(world: &World, group: &str) -> Vec<String> {
    let wait = tokio::time::timeout(GIVE_UP_AFTER, async {
        loop {
            let answer = world.json("logs", "Logs_20140328.FilterLogEvents", &json!({"logGroupName": group})).await;
            let events = answer["events"].as_array().cloned().unwrap_or_default();
            if !events.is_empty() {
                return events.iter().filter_map(|event| event["message"].as_str().map(str::to_owned)).collect();
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    });
    wait.await.unwrap_or_else(|_| panic!("no line in {group}"))
}

async fn log_group(world: &World, name: &str) -> Value {
    let body = json!({"logGroupNamePrefix": name});
    let answer = world.json("logs", "Logs_20140328.DescribeLogGroups", &body).await;
    answer["logGroups"].as_array().and_then(|groups| groups.first()).cloned().unwrap_or_default()
}

#[tokio::test]
async fn requests_are_logged_without_anything_personal_for_as_long_as_is_wanted() {
    let (world, backend) = (World::deployed(), Backend::start().await);
    let domain = "logged-api.com";
    let host = format!("api.{domain}");
    let routes = json!([{"route": "GET /who/{id}", "url": backend.url("/who")}]);
    let mut request = owned(&world, domain, routes, json!({"accessLog": {"retentionDays": 30}})).await;
    let lines = dry_run(&world, &request).await;
    assert!(lines.contains("accessLog") && lines.contains("30"), "{lines}");
    let result = world.run(&request).await.live();
    let api = result["apiId"].as_str().expect("an id");
    let stage = async || world.api_parts(api, "stages").await.remove(0);
    let destination = stage().await["accessLogSettings"]["destinationArn"].as_str().expect("an ARN").to_owned();
    let (_, group) = destination.split_once(":log-group:").expect("a log group");
    assert!(group.starts_with("/aws/vendedlogs/nameplate/") && group.ends_with(&format!("/{domain}")), "{group}");
    assert_eq!(log_group(&world, group).await["retentionInDays"], 30);
    let tags =
        world.json("logs", "Logs_20140328.ListTagsLogGroup", &json!({"logGroupName": group})).await["tags"].clone();
    assert_eq!((&tags["nameplate:domain"], &tags["team"]), (&json!(domain), &json!("inference")), "{tags}");

    let seen = world.get_with(&host, "/who/ada?token=secret", &[("user-agent", "curious"), ("x-me", "ada")]).await;
    assert_eq!(seen.0, 200);
    let written = lines_of(&world, group).await;
    let line: Value = serde_json::from_str(&written[0]).unwrap_or_else(|error| panic!("{written:?}: {error}"));
    assert_eq!(
        (&line["status"], &line["routeKey"], &line["domainName"], &line["apiId"]),
        (&json!("200"), &json!("GET /who/{id}"), &json!(host), &json!(api))
    );
    assert!(line["requestId"].as_str().is_some_and(|id| id.len() > 1), "{line}");
    for personal in ["secret", "token", "curious", "ada", "127.0.0.1"] {
        assert!(!written[0].contains(personal), "{personal} in {}", written[0]);
    }
    let calls = calls_of_run(&world, &request).await;
    assert!(calls.iter().all(|call| !call.caller.contains("CreateApi")), "nothing was left to do: {calls:?}");
    assert_eq!(full_run_again(&world, domain, &request).await, []);

    // Kept longer, which is no matter of the stage.
    request["api"]["accessLog"]["retentionDays"] = json!(90);
    let lines = dry_run(&world, &request).await;
    assert!(lines.contains("30") && lines.contains("90"), "{lines}");
    let calls = calls_of_run(&world, &request).await;
    assert_eq!((count(&calls, "PutRetentionPolicy"), count(&calls, "UpdateStage")), (1, 0), "{calls:?}");
    assert_eq!(log_group(&world, group).await["retentionInDays"], 90);
    assert_eq!(full_run_again(&world, domain, &request).await, []);

    // No log any more: the stage writes none, and what was written stays.
    request["api"].as_object_mut().expect("an object").remove("accessLog");
    let calls = calls_of_run(&world, &request).await;
    assert_eq!(count(&calls, "DeleteAccessLogSettings"), 1, "{calls:?}");
    assert_eq!(stage().await["accessLogSettings"], Value::Null);
    assert_eq!(world.get(&host, "/who/ada").await.0, 200);
    assert_eq!(lines_of(&world, group).await, written);
    assert_eq!(full_run_again(&world, domain, &request).await, []);
    let retired = world.retire(domain, &json!({})).await.live();
    assert_eq!(named(&retired["left"], "log group"), [group]);
    assert_eq!(lines_of(&world, group).await, written, "what users logged outlives the name");
}

const SAY_YES: &str = r#"
def handler(event, context):
    return {"statusCode": 200, "body": "yes"}
"#;

/// The statements by which the API may call the function.
async fn statements(world: &World, function: &str, api: &str) -> usize {
    world.policy_of_any(function).await.matches(&format!(":{api}/")).count()
}

#[tokio::test]
async fn a_function_may_be_called_as_long_as_a_route_calls_it() {
    let (world, backend) = (World::deployed(), Backend::start().await);
    let domain = "permitted-calls.com";
    let host = format!("api.{domain}");
    let shared = world.make_function("permitted-shared", SAY_YES, &json!([])).await;
    let single = world.make_function("permitted-single", SAY_YES, &json!([])).await;
    let url = backend.url("/models");
    let routes = json!([
        {"route": "GET /a", "lambda": shared}, {"route": "GET /b", "lambda": shared}, {"route": "GET /c", "lambda": single}
    ]);
    let mut request = owned(&world, domain, routes, json!({})).await;
    let result = world.run(&request).await.live();
    let api = result["apiId"].as_str().expect("an id");
    assert_eq!((statements(&world, &shared, api).await, statements(&world, &single, api).await), (2, 1));
    let status = async |path: &str| world.get(&host, path).await.0;
    assert_eq!((status("/a").await, status("/b").await, status("/c").await), (200, 200, 200));
    world.forget_fingerprint(domain).await;
    let calls = calls_of_run(&world, &request).await;
    assert_eq!((count(&calls, "GetPolicy"), e2e::writes(calls)), (2, Vec::new()), "one look at each function");

    request["api"]["routes"] = json!([{"route": "GET /a", "url": url}, {"route": "GET /b", "lambda": shared}]);
    let calls = calls_of_run(&world, &request).await;
    assert_eq!((count(&calls, "RemovePermission"), count(&calls, "AddPermission")), (2, 0), "{calls:?}");
    assert_eq!((statements(&world, &shared, api).await, statements(&world, &single, api).await), (1, 0));
    assert_eq!((status("/a").await, status("/b").await, status("/c").await), (200, 200, 404));
    assert_eq!(world.api_parts(api, "integrations").await.len(), 2);
    assert_eq!(full_run_again(&world, domain, &request).await, []);

    // A function that is gone keeps nobody from going on.
    world.rest("lambda", Method::DELETE, "/2015-03-31/functions/permitted-shared", None).await;
    request["api"]["routes"] = json!([{"route": "GET /a", "url": url}]);
    let _ = calls_of_run(&world, &request).await;
    assert_eq!(world.api_parts(api, "integrations").await.len(), 1);
}

/// Where `create-api` is cut for good.
struct Cut {
    service: &'static str,
    action: &'static str,
    /// In which of its attempts.
    attempt: u64,
    /// Whether another route calls the function all the time, so that it stays in use.
    shared: bool,
    /// Whether the run adds a route of the function, or leads one elsewhere.
    adds: bool,
    /// How many statements are there when it is cut.
    left: usize,
}

const CUTS: [Cut; 5] = [
    Cut { service: "lambda", action: "AddPermission", attempt: 1, shared: true, adds: true, left: 3 },
    Cut { service: "apigateway", action: "CreateRoute", attempt: 1, shared: true, adds: true, left: 3 },
    Cut { service: "apigateway", action: "UpdateRoute", attempt: 1, shared: true, adds: false, left: 2 },
    Cut { service: "lambda", action: "RemovePermission", attempt: 2, shared: true, adds: false, left: 1 },
    Cut { service: "apigateway", action: "DeleteIntegration", attempt: 2, shared: false, adds: false, left: 0 },
];

#[tokio::test]
async fn wherever_a_run_is_cut_the_next_one_finds_the_permissions_that_are_left_over() {
    let (world, backend) = (World::deployed(), Backend::start().await);
    let mut runs = JoinSet::new();
    for cut in CUTS {
        runs.spawn(cut_and_gone_on(world.clone(), backend.url("/models"), cut));
    }
    while let Some(run) = runs.join_next().await {
        run.expect("a run that ends well");
    }
}

async fn cut_and_gone_on(world: World, url: String, cut: Cut) {
    let Cut { service, action, attempt, .. } = cut;
    let name = format!("permission-cut-{}", action.to_lowercase());
    let function = world.make_function(&name, SAY_YES, &json!([])).await;
    let domain = format!("{name}.com");
    let always = if cut.shared {
        json!({"route": "GET /always", "lambda": function})
    } else {
        json!({"route": "GET /always", "url": url})
    };
    let [called, elsewhere] = [json!({"route": "GET /a", "lambda": function}), json!({"route": "GET /a", "url": url})];
    let base = json!([always, called]);
    let mut request = owned(&world, &domain, base.clone(), json!({})).await;
    let result = world.run(&request).await.live();
    let api = result["apiId"].as_str().expect("an id");

    // No attempt comes further than its first look after the one that is cut.
    let killed = |service: &str, action: &str, from: u64, times: u64| {
        json!({"fault": "killLambda", "execution": format!(":{name}"), "caller": "CreateApi", "service": service,
            "action": action, "from": from, "times": times})
    };
    for fault in [killed(service, action, 1, 1), killed("apigateway", "GetApis", attempt + 1, 9)] {
        world.control(Method::POST, "/_local/faults", Some(&fault)).await;
    }
    request["api"]["routes"] = match cut.adds {
        true => json!([always, called, {"route": "POST /b", "lambda": function}]),
        false => json!([always, elsewhere]),
    };
    let arn = world.start_named(world.machine(), &name, &request).await;
    assert_eq!(world.ended(&arn).await.status, "FAILED", "{action}");
    assert_eq!(statements(&world, &function, api).await, cut.left, "{action}");

    // What was being added is not wanted after all; what was being led elsewhere is.
    request["api"]["routes"] =
        if cut.adds { base } else { json!([always, elsewhere, {"route": "GET /c", "url": url}]) };
    let _ = world.run(&request).await.live();
    let needed = usize::from(cut.shared) + usize::from(cut.adds);
    assert_eq!(statements(&world, &function, api).await, needed, "{action}");
    let integrations = usize::from(cut.shared) + usize::from(!cut.adds);
    assert_eq!(world.api_parts(api, "integrations").await.len(), integrations, "{action}");
    assert_eq!(full_run_again(&world, &domain, &request).await, [], "{action}");
}
