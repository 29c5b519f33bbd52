//! Executions that are stopped: what they held is given back by itself, nobody is answered on their behalf, and the
//! next run goes on from what exists.

use std::time::Duration;

use e2e::{Backend, World, request};
use serde_json::{Value, json};

const LOOK_EVERY: Duration = Duration::from_millis(50);

/// Waits until an execution for `domain` sleeps on a watch whose id starts so; hands back the watch.
async fn asleep(world: &World, domain: &str, id: &str) -> Value {
    loop {
        let watches = world.watches(domain).await;
        let awaited = |watch: &&Value| watch["id"]["S"].as_str().is_some_and(|key| key.starts_with(id));
        if let Some(watch) = watches.iter().filter(awaited).find(|watch| !watch["token"].is_null()) {
            return watch.clone();
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

/// Stops an execution and waits until its claim has been given back by itself; hands back the domain item.
async fn stop(world: &World, domain: &str, execution: &str) -> Value {
    let body = json!({"executionArn": execution, "error": "Operator.Stop", "cause": "a test"});
    world.json("states", "AWSStepFunctions.StopExecution", &body).await;
    assert_eq!(world.ended(execution).await.status, "ABORTED");
    loop {
        let item = world.item(domain).await;
        if item["heldBy"].is_null() {
            return item;
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

fn assert_told(item: &Value, execution: &str) {
    assert_eq!(item["status"]["S"], "FAILED");
    let failure: Value = serde_json::from_str(item["lastFailure"]["S"].as_str().expect("a failure")).expect("JSON");
    assert_eq!((&failure["error"], &failure["code"]), (&json!("Nameplate.Failed"), &json!("ExecutionStopped")));
    let reason = failure["reason"].as_str().expect("a reason");
    assert!(reason.contains(execution) && reason.contains("Operator.Stop: a test"), "{reason}");
}

/// Nobody sleeps, or seems to.
async fn assert_no_token(world: &World, domain: &str) {
    let watches = world.watches(domain).await;
    assert!(watches.iter().all(|watch| watch["token"].is_null() && watch["heldBy"].is_null()), "{watches:#?}");
}

async fn assert_made_once(world: &World, domain: &str) {
    assert_eq!(world.charges(domain).await, [15.0]);
    assert_eq!(world.apis(domain).await.len(), 1);
    assert_eq!(world.zones(domain).await.len(), 1);
    assert_eq!(world.certificates(domain).await.len(), 1);
    assert_eq!(world.mappings(&format!("api.{domain}")).await.len(), 1);
    let item = world.item(domain).await;
    assert_eq!(
        (&item["status"]["S"], &item["heldBy"], &item["lastFailure"]),
        (&json!("LIVE"), &json!(null), &json!(null))
    );
    assert_eq!(world.watches(domain).await, [] as [Value; 0], "no watch outlives its wait");
}

#[tokio::test]
async fn a_run_stopped_while_it_awaits_its_registration_is_followed_by_one_that_awaits_the_same() {
    let (world, backend) = (World::deployed(), Backend::start().await);
    let domain = "stopped-registration.com";
    world
        .registry(domain, json!({"state": "available", "registration": {"outcome": "SUCCESSFUL", "delayMs": 8000}}))
        .await;
    let request = request(domain, &backend.url("/models"));
    let first = world.start(world.machine(), &request).await;
    let watch = asleep(&world, domain, "watch#").await;
    assert_eq!(watch["heldBy"]["S"], json!(first));

    let item = stop(&world, domain, &first).await;

    assert_told(&item, &first);
    assert_eq!(watch["id"]["S"], format!("watch#{}", item["purchaseOperation"]["S"].as_str().expect("an operation")));
    assert_no_token(&world, domain).await;
    let result = world.run(&request).await.live();
    assert_eq!(result["registration"]["pricePaid"], json!({"amount": 15.0, "currency": "USD"}));
    assert_made_once(&world, domain).await;
}

#[tokio::test]
async fn a_run_stopped_while_it_awaits_its_certificate_is_followed_by_one_that_takes_the_same() {
    let (world, backend) = (World::deployed(), Backend::start().await);
    let domain = "stopped-certificate.com";
    // No word of the certificate: the run sleeps for as long as it takes to stop it.
    world.registry(domain, json!({"state": "available", "suppressEvents": true})).await;
    let request = request(domain, &backend.url("/models"));
    let first = world.start(world.machine(), &request).await;
    let watch = asleep(&world, domain, "watch#arn:").await;
    assert_eq!(watch["heldBy"]["S"], json!(first));

    let item = stop(&world, domain, &first).await;

    assert_told(&item, &first);
    let awaited = item["awaitedCertificate"]["S"].as_str().expect("a certificate");
    assert_eq!(watch["id"]["S"], format!("watch#{awaited}"));
    assert_no_token(&world, domain).await;
    world.registry(domain, json!({"suppressEvents": false})).await;
    let result = world.run(&request).await.live();
    assert_eq!(result["certificateArn"], awaited);
    assert_made_once(&world, domain).await;
}

#[tokio::test]
async fn a_run_stopped_right_after_the_purchase_is_followed_by_one_that_buys_nothing() {
    let (world, backend) = (World::deployed(), Backend::start().await);
    let domain = "stopped-run.com";
    let request = request(domain, &backend.url("/models"));
    let first = world.start(world.machine(), &request).await;
    while world.item(domain).await["purchaseOperation"]["S"].is_null() {
        tokio::time::sleep(LOOK_EVERY).await;
    }

    let item = stop(&world, domain, &first).await;

    assert_told(&item, &first);
    let _ = world.run(&request).await.live();
    assert_made_once(&world, domain).await;
}

#[tokio::test]
async fn a_forged_word_of_its_end_takes_nothing_from_a_run() {
    let (world, backend) = (World::deployed(), Backend::start().await);
    let domain = "forged-end.com";
    world
        .registry(domain, json!({"state": "available", "registration": {"outcome": "SUCCESSFUL", "delayMs": 8000}}))
        .await;
    let run = world.start(world.machine(), &request(domain, &backend.url("/models"))).await;
    let watch = asleep(&world, domain, "watch#").await;
    let before = world.calls_so_far().await;
    let forged = json!({
        "source": "aws.states",
        "detailType": "Step Functions Execution Status Change",
        "resources": [run],
        "detail": {"executionArn": run, "stateMachineArn": world.machine(), "status": "ABORTED",
            "input": json!({"domainName": domain}).to_string()},
    });

    world.control(http::Method::POST, "/_local/events", Some(&forged)).await;
    loop {
        let calls = world.calls_after(before).await;
        if calls.iter().any(|call| call.action == "DescribeExecution" && call.resource == run) {
            break;
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }

    assert_eq!(world.item(domain).await["heldBy"]["S"], json!(run));
    assert_eq!(asleep(&world, domain, "watch#").await["token"], watch["token"]);
    let _ = world.ended(&run).await.live();
    assert_made_once(&world, domain).await;
}
