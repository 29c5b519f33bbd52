//! What a run costs in calls, counted by the local AWS. These tests run alone, so that every call is theirs.

use std::collections::BTreeMap;

use e2e::{Backend, Call, World, request};
use serde_json::json;

/// Control-plane calls that a fresh name with one route may cost.
const FRESH_NAME_CALLS: usize = 20;
/// Reads that a run may cost when nothing is left to do.
const SECOND_RUN_CALLS: usize = 16;

/// The calls that configure AWS. Own bookkeeping (DynamoDB, EventBridge, Step Functions) and reading the
/// contact's secret are counted apart.
fn control_plane(calls: &[Call]) -> Vec<&Call> {
    let services = ["acm", "apigateway", "lambda", "route53", "route53domains"];
    calls.iter().filter(|call| services.contains(&call.service.as_str())).collect()
}

fn is_read(call: &Call) -> bool {
    ["Get", "List", "Describe", "Check"].iter().any(|verb| call.action.starts_with(verb))
}

fn per_service(calls: &[Call]) -> BTreeMap<String, usize> {
    let mut counts = BTreeMap::new();
    for call in calls {
        *counts.entry(call.service.clone()).or_insert(0) += 1;
    }
    counts
}

#[tokio::test]
async fn a_fresh_name_costs_twenty_calls_and_the_same_request_again_sixteen_reads() {
    let (world, backend) = (World::deployed(), Backend::start().await);
    let domain = "call-budget.com";
    let request = request(domain, &backend.url("/models"));
    // A registrant whose address AWS knows already, and validation records that are there at once: whatever
    // has to be waited for costs looks.
    world.registry(domain, json!({"state": "available", "reachability": "DONE"})).await;
    let delays = world.control(http::Method::GET, "/_local/settings", None).await;
    world.control(http::Method::PUT, "/_local/settings", Some(&json!({"delays": {"certificateRecords": 0}}))).await;

    let before = world.calls_so_far().await;
    let first = world.run(&request).await.live();
    let calls = world.calls_after(before).await;
    eprintln!("fresh name, per service: {:?}", per_service(&calls));
    world.control(http::Method::PUT, "/_local/settings", Some(&delays)).await;
    let counted = control_plane(&calls);
    assert!(counted.len() <= FRESH_NAME_CALLS, "{} calls: {counted:#?}", counted.len());

    let before = world.calls_so_far().await;
    let second = world.run(&request).await.live();
    let calls = world.calls_after(before).await;
    eprintln!("second run, per service: {:?}", per_service(&calls));
    let counted = control_plane(&calls);
    assert_eq!(second, first, "the same request, the same result");
    assert!(counted.iter().all(|call| is_read(call)), "{counted:#?}");
    assert!(!counted.is_empty() && counted.len() <= SECOND_RUN_CALLS, "{counted:#?}");
}

#[tokio::test]
async fn an_unconfirmed_address_costs_one_look_more_and_still_no_write() {
    let (world, backend) = (World::deployed(), Backend::start().await);
    let domain = "unconfirmed.com";
    // An address that AWS has never seen: one that was confirmed once is not asked about again.
    let newcomer = json!({
        "firstName": "Nia", "lastName": "Newcomer", "addressLine1": "2 Example Street", "city": "Seattle", "state": "WA",
        "countryCode": "US", "zipCode": "98101", "phoneNumber": "+1.2065550101", "email": "nia@newcomer.example"
    });
    let secret = json!({"Name": "nameplate/newcomer", "SecretString": newcomer.to_string()});
    world.json("secretsmanager", "secretsmanager.CreateSecret", &secret).await;
    let mut request = request(domain, &backend.url("/models"));
    request["registration"]["contactSecret"] = json!("nameplate/newcomer");
    let first = world.run(&request).await.live();
    assert_eq!(first["registration"]["emailConfirmed"], false);
    assert_eq!(first["actions"].as_array().map(Vec::len), Some(1), "what the registrant has to do: {first}");

    let before = world.calls_so_far().await;
    let second = world.run(&request).await.live();
    let calls = world.calls_after(before).await;
    let counted = control_plane(&calls);
    assert_eq!(second, first);
    assert!(counted.iter().all(|call| is_read(call)) && counted.len() <= SECOND_RUN_CALLS + 1, "{counted:#?}");

    world.registry(domain, json!({"reachability": "DONE"})).await;
    let before = world.calls_so_far().await;
    let third = world.run(&request).await.live();
    let calls = world.calls_after(before).await;
    assert_eq!((&third["registration"]["emailConfirmed"], &third["actions"]), (&json!(true), &json!([])));
    assert!(control_plane(&calls).iter().all(|call| is_read(call)), "{calls:#?}");
}
