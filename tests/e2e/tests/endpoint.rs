//! The default endpoint: open until the host name has answered, closed then, and opened again. The name answers all
//! the while.

use std::time::Duration;

use e2e::{Backend, Call, Events, World, request};
use http::Method;
use serde_json::{Value, json};
use tokio::sync::watch;
use tokio::task::JoinHandle;

const LOOK_EVERY: Duration = Duration::from_millis(20);

/// What a client of the name has seen.
#[derive(Debug, Default)]
struct Seen {
    /// Answers of the backend, by the name.
    answers: usize,
    /// What came instead of one, once there had been one.
    failures: Vec<String>,
}

/// A client that asks the name again and again, beside whatever happens.
struct Client {
    stop: watch::Sender<bool>,
    task: JoinHandle<Seen>,
}

impl Client {
    fn of(world: &World, host: &str) -> Self {
        let (stop, stopping) = watch::channel(false);
        let (world, host) = (world.clone(), host.to_owned());
        let task = tokio::spawn(async move {
            let mut seen = Seen::default();
            while !*stopping.borrow() {
                match world.client().at_host(Method::GET, &host, "/v1/models", "").await {
                    Ok((200, _)) => seen.answers += 1,
                    other if seen.answers > 0 => seen.failures.push(format!("{other:?}")),
                    // The name is still on its way.
                    _ => {}
                }
                tokio::time::sleep(LOOK_EVERY).await;
            }
            seen
        });
        Self { stop, task }
    }

    async fn stopped(self) -> Seen {
        self.stop.send_replace(true);
        self.task.await.expect("the client's own end")
    }
}

/// The host of an API's own address.
fn host_of(endpoint: &Value) -> String {
    let url = endpoint.as_str().unwrap_or_else(|| panic!("no endpoint but {endpoint}"));
    url.split_once("://").expect("a URL").1.to_owned()
}

/// The calls of an execution that change how API Gateway, Route 53 or ACM are configured.
async fn writes(world: &World, arn: &str) -> Vec<Call> {
    let calls = world.calls(&format!("execution={arn}")).await;
    let services = ["acm", "apigateway", "lambda", "route53", "route53domains"];
    let reads = ["Get", "List", "Describe", "Check", "Invoke"];
    let is_write = |call: &Call| !reads.iter().any(|verb| call.action.starts_with(verb));
    calls.into_iter().filter(|call| services.contains(&call.service.as_str()) && is_write(call)).collect()
}

/// Position of the first call of that name.
fn position(calls: &[Call], action: &str) -> usize {
    calls.iter().position(|call| call.action == action).unwrap_or_else(|| panic!("no {action} in {calls:?}"))
}

/// Holds a document against a schema of this repository.
fn assert_fits(schema: &str, document: &Value) {
    let path = format!("{}/../../schema/{schema}.schema.json", env!("CARGO_MANIFEST_DIR"));
    let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path}: {error}"));
    let validator = jsonschema::validator_for(&serde_json::from_str(&text).expect("JSON")).expect("a schema");
    let problems: Vec<String> = validator.iter_errors(document).map(|error| error.to_string()).collect();
    assert_eq!(problems, [""; 0], "{schema}: {document}");
}

fn closed(domain: &str, backend: &Backend) -> Value {
    let mut request = request(domain, &backend.url("/models"));
    request["api"]["defaultEndpoint"] = json!("closed");
    request
}

#[tokio::test]
async fn the_default_endpoint_answers_until_the_name_does_and_is_closed_then_and_opened_again() {
    let (world, backend) = (World::deployed(), Backend::start().await);
    let domain = "closed-endpoint.com";
    let host = format!("api.{domain}");
    world.registry(domain, json!({"state": "available", "reachability": "DONE"})).await;
    let events = Events::about(&world, domain).await;
    let mut request = closed(domain, &backend);

    // On its own address the API answers at once, and the name does not.
    let arn = world.start(world.machine(), &request).await;
    let announced = events.take_up_to("Default Endpoint Live").await;
    let endpoint = host_of(&Events::of_type(&announced, "Default Endpoint Live")[0]["defaultEndpoint"]);
    assert_eq!(world.get(&endpoint, "/v1/models").await.0, 200);
    assert_ne!(world.get(&host, "/v1/models").await.0, 200, "nobody has pointed the name here yet");
    let client = Client::of(&world, &host);

    let result = world.ended(&arn).await.live();
    assert_eq!((&result["defaultEndpoint"], &result["actions"]), (&json!(null), &json!([])));
    let (status, body) = world.get(&endpoint, "/v1/models").await;
    assert_eq!((status, body.contains("backend")), (404, false), "{body}");
    assert_eq!(world.get(&host, "/v1/models").await.0, 200);
    let live = Events::of_type(&events.take_up_to("Domain Live").await, "Domain Live");
    assert_eq!((live.len(), &live[0]["defaultEndpoint"]), (1, &json!(null)));
    assert_fits("result", &result);
    assert_fits("events/domain-live", &live[0]);
    // Nobody asked for the name before Route 53's change had spread, and the endpoint is closed after that.
    let calls = world.calls(&format!("execution={arn}")).await;
    let (changed, spread, closing) =
        (position(&calls, "ChangeResourceRecordSets"), position(&calls, "GetChange"), position(&calls, "UpdateApi"));
    assert!(changed < spread && spread < closing, "{calls:?}");
    assert_eq!(calls.iter().filter(|call| call.action == "UpdateApi").count(), 1);
    // The change is on its way when it is looked at first.
    assert!(calls.iter().filter(|call| call.action == "GetChange").count() > 1, "{calls:?}");

    // The same again: nothing is left to do.
    let again = world.run(&request).await;
    assert_eq!(world.states(&again.arn).await, ["Plan", "WhatIsLeft?", "Announce", "Live"]);
    assert!(world.calls(&format!("execution={}", again.arn)).await.iter().any(|call| call.action == "GetApis"));
    assert_eq!(again.live(), result);
    // And on the whole path: no write, no announcement, no second look at the name.
    world.forget_fingerprint(domain).await;
    let again = world.run(&request).await;
    assert_eq!(writes(&world, &again.arn).await, []);
    let states = world.states(&again.arn).await;
    assert!(states.iter().any(|state| state == "AttachDomain"), "{states:?}");
    assert!(!states.iter().any(|s| ["AnnounceDefaultEndpoint", "CloseEndpoint"].contains(&s.as_str())), "{states:?}");
    assert_eq!(again.live(), result);

    // Another request for the closed API keeps it closed.
    request["api"]["throttle"] = json!({"rate": 100, "burst": 100});
    let changed = world.run(&request).await;
    let written: Vec<String> = writes(&world, &changed.arn).await.into_iter().map(|call| call.action).collect();
    assert_eq!(written, ["UpdateStage"]);
    assert_eq!(changed.live()["defaultEndpoint"], json!(null));
    assert_eq!(world.get(&endpoint, "/v1/models").await.0, 404);

    // Opened by hand, it is closed again.
    let path = format!("/v2/apis/{}", result["apiId"].as_str().expect("an id"));
    world.rest("apigateway", Method::PATCH, &path, Some(&json!({"disableExecuteApiEndpoint": false}))).await;
    assert_eq!(world.get(&endpoint, "/v1/models").await.0, 200);
    assert_eq!(world.run(&request).await.live()["defaultEndpoint"], json!(null));
    assert_eq!(world.get(&endpoint, "/v1/models").await.0, 404);

    // Opened again by a request, which a dry run shows.
    request["api"]["defaultEndpoint"] = json!("open");
    request["dryRun"] = json!(true);
    let report = world.run(&request).await.live();
    let line = json!(r#"    ~ defaultEndpoint: "closed" -> "open""#);
    assert!(report["report"]["lines"].as_array().is_some_and(|lines| lines.contains(&line)), "{report}");
    request["dryRun"] = json!(false);
    events.arrived().await;
    let opened = world.run(&request).await;
    let written: Vec<String> = writes(&world, &opened.arn).await.into_iter().map(|call| call.action).collect();
    assert_eq!(written, ["UpdateApi"]);
    assert_eq!(host_of(&opened.live()["defaultEndpoint"]), endpoint);
    assert_eq!(world.get(&endpoint, "/v1/models").await.0, 200);
    events.take_up_to("Default Endpoint Live").await;
    // The same again leaves it open, without a write.
    let again = world.run(&request).await;
    assert_eq!(writes(&world, &again.arn).await, []);
    assert_eq!(host_of(&again.live()["defaultEndpoint"]), endpoint);

    let seen = client.stopped().await;
    assert!(seen.answers > 10 && seen.failures.is_empty(), "{seen:?}");
}

#[tokio::test]
async fn a_name_that_does_not_answer_stays_live_and_leaves_the_endpoint_open_until_the_same_request_comes_again() {
    let (world, backend) = (World::deployed(), Backend::start().await);
    let domain = "silent-endpoint.com";
    let host = format!("api.{domain}");
    world.registry(domain, json!({"state": "available", "reachability": "DONE"})).await;
    let request = closed(domain, &backend);
    let silent = json!({"fault": "cutBefore", "service": "execute-api", "resource": host, "times": 1_000_000});
    let fault = world.control(Method::POST, "/_local/faults", Some(&silent)).await;

    let ended = world.run(&request).await;
    let states = world.states(&ended.arn).await;
    let result = ended.live();
    assert!(states.iter().any(|state| state == "CloseEndpoint"), "{states:?}");
    let endpoint = host_of(&result["defaultEndpoint"]);
    assert_eq!(world.get(&endpoint, "/v1/models").await.0, 200);
    let actions = result["actions"].as_array().cloned().expect("actions");
    let [action] = &actions[..] else { panic!("one action, not {actions:?}") };
    let action = action.as_str().expect("text");
    assert!(action.contains(&host) && action.contains("start the same request again"), "{action}");
    let item = world.item(domain).await;
    assert_eq!((&item["status"]["S"], &item["heldBy"]), (&json!("LIVE"), &json!(null)));

    world.control(Method::DELETE, &format!("/_local/faults/{}", fault["id"]), None).await;
    let again = world.run(&request).await;
    let written: Vec<String> = writes(&world, &again.arn).await.into_iter().map(|call| call.action).collect();
    assert_eq!(written, ["UpdateApi"]);
    let result = again.live();
    assert_eq!((&result["defaultEndpoint"], &result["actions"]), (&json!(null), &json!([])));
    assert_eq!(world.get(&endpoint, "/v1/models").await.0, 404);
    assert_eq!(world.get(&host, "/v1/models").await.0, 200);
}

/// The record that an action names, as the customer's own DNS takes it.
fn record(action: &Value) -> Value {
    let (_, record) = action.as_str().and_then(|text| text.rsplit_once(": ")).expect("a record");
    let [name, kind, value] = record.split(' ').collect::<Vec<_>>()[..] else { panic!("{action}") };
    json!({"name": name, "type": kind, "value": value})
}

#[tokio::test]
async fn where_the_customers_own_dns_answers_one_look_leaves_the_endpoint_open_with_an_action() {
    let (world, backend) = (World::deployed(), Backend::start().await);
    let domain = "own-dns-endpoint.com";
    let elsewhere =
        |records: &[Value]| json!({"state": "elsewhere", "nameServers": ["ns-1.own-dns.example"], "ownDns": records});
    world.registry(domain, elsewhere(&[])).await;
    let events = Events::about(&world, domain).await;
    let mut request = closed(domain, &backend);
    request.as_object_mut().expect("an object").remove("registration");
    request["dns"] = json!("external");

    let arn = world.start(world.machine(), &request).await;
    let told = events.take_up_to("Action Required").await;
    let proof = record(&Events::of_type(&told, "Action Required")[0]["actions"][0]);
    world.registry(domain, elsewhere(std::slice::from_ref(&proof))).await;
    let result = world.ended(&arn).await.live();

    let actions = result["actions"].as_array().cloned().expect("actions");
    let [_, target, last] = &actions[..] else { panic!("{actions:?}") };
    assert!(last.as_str().is_some_and(|text| text.contains("start the same request again")), "{last}");
    let endpoint = host_of(&result["defaultEndpoint"]);
    assert_eq!(world.get(&endpoint, "/v1/models").await.0, 200);
    // One look: its answer is no failure that is tried again.
    let looks = world.calls(&format!("execution={arn}&action=GetApi")).await;
    assert_eq!(looks.iter().filter(|call| call.caller.contains("CloseEndpoint")).count(), 1, "{looks:?}");

    // An HTTP API of somebody else's, in another region, answers at the name as ours would: it is not ours.
    let mut foreign = record(target);
    foreign["value"] = json!("d-9f8e7d.execute-api.eu-west-1.amazonaws.com");
    world.registry(domain, elsewhere(&[proof.clone(), foreign])).await;
    assert_eq!(world.get(&format!("api.{domain}"), "/v1/models").await, (404, r#"{"message":"Not Found"}"#.to_owned()));
    let result = world.run(&request).await.live();
    assert_eq!(host_of(&result["defaultEndpoint"]), endpoint);
    let said = result["actions"].to_string();
    assert!(said.contains(&format!("api.{domain} leads elsewhere")), "{said}");
    assert_eq!(world.get(&endpoint, "/v1/models").await.0, 200);

    // What a person does: point the name here, and start the same request again.
    world.registry(domain, elsewhere(&[proof.clone(), record(target)])).await;
    let result = world.run(&request).await.live();
    assert_eq!((&result["defaultEndpoint"], result["actions"].as_array().map(Vec::len)), (&json!(null), Some(2)));
    assert_eq!(world.get(&endpoint, "/v1/models").await.0, 404);
    assert_eq!(world.get(&format!("api.{domain}"), "/v1/models").await.0, 200);
}
