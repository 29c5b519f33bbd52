//! What a run costs in calls, counted by the local AWS. These tests run alone, so that every call is theirs.

use std::collections::BTreeMap;

use e2e::{Backend, Call, World, request};

/// Control-plane calls that a fresh name with one route may cost.
const FRESH_NAME_CALLS: usize = 20;
/// Reads that a run may cost when nothing is left to do.
const SECOND_RUN_CALLS: usize = 6;

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
async fn a_fresh_name_costs_twenty_calls_and_the_same_request_again_six_reads() {
    let (world, backend) = (World::deployed(), Backend::start().await);
    let request = request("call-budget.com", &backend.url("/models"));

    let before = world.calls_so_far().await;
    let first = world.run(&request).await.live();
    let calls = world.calls_after(before).await;
    println!("fresh name, per service: {:?}", per_service(&calls));
    let counted = control_plane(&calls);
    assert!(counted.len() <= FRESH_NAME_CALLS, "{} calls: {counted:#?}", counted.len());

    let before = world.calls_so_far().await;
    let second = world.run(&request).await.live();
    let calls = world.calls_after(before).await;
    println!("second run, per service: {:?}", per_service(&calls));
    let counted = control_plane(&calls);
    assert_eq!(second, first, "the same request, the same result");
    assert!(counted.iter().all(|call| is_read(call)), "{counted:#?}");
    assert!(!counted.is_empty() && counted.len() <= SECOND_RUN_CALLS, "{counted:#?}");
}
