//! `delete-records` against a table and zones that answer in memory: which calls it makes, in which order, and what it
//! says. What is decided is tested in `nameplate::resource::record`.

use nameplate::Class;
use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use super::*;
use aws_sdk_dynamodb::operation::get_item::GetItemOutput;
use aws_sdk_dynamodb::operation::update_item::UpdateItemOutput;
use aws_sdk_route53::config::http::HttpResponse;
use aws_sdk_route53::operation::change_resource_record_sets::ChangeResourceRecordSetsOutput;
use aws_sdk_route53::operation::list_resource_record_sets::ListResourceRecordSetsOutput;
use aws_smithy_mocks::{Rule, RuleMode, mock, mock_client};
use aws_smithy_runtime_api::http::StatusCode;
use aws_smithy_types::body::SdkBody;
use nameplate::resource::certificate::ValidationRecord;
use serde_json::json;

const NOW: i64 = 1_800_000_000;
const EXECUTION: &str = "arn:aws:states:us-east-1:123456789012:execution:nameplate-retire:one";

/// What was written, in order.
type Journal = Arc<Mutex<Vec<String>>>;

fn written(journal: &Journal) -> Vec<String> {
    journal.lock().expect("unbroken").clone()
}

/// The list of what is ours: a name, an address and an age for each.
fn ours(records: &[(&str, &str, i64)]) -> String {
    let owned = records.iter().map(|(name, address, age)| {
        json!({"record": {"name": name, "type": "A", "ttl": 300, "values": [address]}, "since": NOW - age})
    });
    json!(owned.collect::<Vec<_>>()).to_string()
}

fn item(holder: &'static str, list: Option<String>) -> Rule {
    mock!(Dynamodb::get_item).match_requests(|call| call.consistent_read() == Some(true)).then_output(move || {
        let mut item = HashMap::from([("heldBy".to_owned(), AttributeValue::S(holder.to_owned()))]);
        item.extend(list.clone().map(|list| ("records".to_owned(), AttributeValue::S(list))));
        GetItemOutput::builder().set_item(Some(item)).build()
    })
}

fn update(journal: &Journal) -> Rule {
    let journal = journal.clone();
    mock!(Dynamodb::update_item)
        .match_requests(move |call| {
            assert_eq!(call.condition_expression(), Some("#heldBy = :execution"));
            let values = call.expression_attribute_values().cloned().unwrap_or_default();
            let list = values.get(":records").and_then(|value| value.as_s().ok()).expect("a list");
            let names: Vec<String> =
                record::owned(Some(list)).iter().map(|one| one.record.name.as_str().to_owned()).collect();
            journal.lock().expect("unbroken").push(format!("list {}", names.join(" ")));
            true
        })
        .then_output(|| UpdateItemOutput::builder().build())
}

fn zone(id: &'static str, sets: Vec<ResourceRecordSet>) -> Rule {
    mock!(Route53::list_resource_record_sets).match_requests(move |call| call.hosted_zone_id() == Some(id)).then_output(
        move || {
            ListResourceRecordSetsOutput::builder()
                .set_resource_record_sets(Some(sets.clone()))
                .is_truncated(false)
                .max_items(PAGE_SIZE)
                .build()
                .expect("complete")
        },
    )
}

fn set(name: &str, value: &str) -> ResourceRecordSet {
    ResourceRecordSet::builder()
        .name(format!("{name}."))
        .r#type(RrType::A)
        .ttl(300)
        .resource_records(ResourceRecord::builder().value(value).build().expect("complete"))
        .build()
        .expect("complete")
}

fn change(journal: &Journal) -> Rule {
    let journal = journal.clone();
    mock!(Route53::change_resource_record_sets)
        .match_requests(move |call| {
            let changes = call.change_batch().map(ChangeBatch::changes).unwrap_or_default();
            let words = changes.iter().map(|change| {
                let set = change.resource_record_set().expect("a set");
                let values: Vec<&str> = set.resource_records().iter().map(ResourceRecord::value).collect();
                format!("{} {} {}", change.action(), set.name(), values.join(","))
            });
            let words = words.collect::<Vec<_>>().join("; ");
            journal.lock().expect("unbroken").push(format!("{} {words}", call.hosted_zone_id().unwrap_or_default()));
            true
        })
        .then_output(|| ChangeResourceRecordSetsOutput::builder().build())
}

fn refusal(code: &str, message: &str) -> HttpResponse {
    let body = format!(
        "<?xml version=\"1.0\"?>\n<ErrorResponse xmlns=\"https://route53.amazonaws.com/doc/2013-04-01/\"><Error><Type>Sender</Type><Code>{code}</Code><Message>{message}</Message></Error><RequestId>r</RequestId></ErrorResponse>"
    );
    HttpResponse::new(StatusCode::try_from(400).expect("a status"), SdkBody::from(body))
}

async fn go(rules: &[&Rule], zones: &[&str]) -> Result<RetireStepOutput, StepError> {
    let clients = Clients {
        dynamodb: mock_client!(aws_sdk_dynamodb, RuleMode::MatchAny, rules),
        route53: mock_client!(aws_sdk_route53, RuleMode::MatchAny, rules),
    };
    let settings = Settings { table: "table".to_owned(), settling_secs: SETTLING_SECS };
    let input = DeleteRecordsInput {
        domain_name: "example.com".parse().expect("valid"),
        execution: EXECUTION.to_owned(),
        hosted_zone_ids: zones.iter().map(|id| (*id).to_owned()).collect(),
        validation_records: vec![ValidationRecord { name: "_x.example.com".to_owned(), value: "_y.".to_owned() }],
    };
    run_at(&clients, &settings, &input, NOW).await
}

#[tokio::test]
async fn what_is_as_we_wrote_it_goes_and_then_its_claim() {
    let journal = Journal::default();
    let list = ours(&[("www.example.com", "192.0.2.1", 9_000), ("gone.example.com", "192.0.2.1", 9_000)]);
    let there = zone("Z1", vec![set("www.example.com", "192.0.2.1"), set("theirs.example.com", "192.0.2.1")]);
    let output = go(&[&item(EXECUTION, Some(list)), &there, &update(&journal), &change(&journal)], &["Z1"]).await;
    assert_eq!(output, Ok(RetireStepOutput::default()));
    assert_eq!(written(&journal), ["Z1 DELETE www.example.com 192.0.2.1", "list "]);
}

#[tokio::test]
async fn what_somebody_has_changed_is_left_and_said() {
    let journal = Journal::default();
    let list = ours(&[("www.example.com", "192.0.2.1", 1)]);
    let there = zone("Z1", vec![set("www.example.com", "192.0.2.9")]);
    let output = go(&[&item(EXECUTION, Some(list)), &there, &update(&journal)], &["Z1"]).await.expect("left");
    assert_eq!(output.left.iter().map(|thing| thing.name.as_str()).collect::<Vec<_>>(), ["www.example.com A"]);
    assert_eq!(written(&journal), ["list "]);
}

#[tokio::test]
async fn a_record_is_looked_for_in_each_zone_and_a_vanished_zone_holds_none() {
    let journal = Journal::default();
    let list = ours(&[("www.example.com", "192.0.2.1", 1)]);
    let vanished = mock!(Route53::list_resource_record_sets)
        .match_requests(|call| call.hosted_zone_id() == Some("Z1"))
        .then_http_response(|| refusal("NoSuchHostedZone", "no"));
    let there = zone("Z2", vec![set("www.example.com", "192.0.2.1")]);
    let rules = [&item(EXECUTION, Some(list)), &vanished, &there, &update(&journal), &change(&journal)];
    assert_eq!(go(&rules, &["Z1", "Z2"]).await, Ok(RetireStepOutput::default()));
    assert_eq!(written(&journal), ["Z2 DELETE www.example.com 192.0.2.1", "list "]);
    assert_eq!(go(&rules, &["Z1"]).await, Ok(RetireStepOutput::default()), "nothing can arrive where no zone is");
}

#[tokio::test]
async fn what_is_of_one_zone_goes_there_and_the_same_of_others_stays_elsewhere() {
    let journal = Journal::default();
    let mut list: serde_json::Value =
        serde_json::from_str(&ours(&[("www.example.com", "192.0.2.1", 9_000), ("a.example.com", "192.0.2.2", 1)]))
            .expect("JSON");
    (list[0]["zone"], list[1]["zone"]) = (json!("Z1"), json!("Z9"));
    let both = || vec![set("a.example.com", "192.0.2.2"), set("www.example.com", "192.0.2.1")];
    let (one, two) = (zone("Z1", both()), zone("Z2", both()));
    let rules = [&item(EXECUTION, Some(list.to_string())), &one, &two, &update(&journal), &change(&journal)];
    assert_eq!(go(&rules, &["Z1", "Z2"]).await, Ok(RetireStepOutput::default()), "Z9 is gone: nothing arrives there");
    assert_eq!(written(&journal), ["Z1 DELETE www.example.com 192.0.2.1", "list "]);
}

#[tokio::test]
async fn nothing_of_ours_costs_one_read() {
    for list in [None, Some("[]".to_owned()), Some("{".to_owned())] {
        assert_eq!(go(&[&item(EXECUTION, list)], &["Z1"]).await, Ok(RetireStepOutput::default()));
    }
}

#[tokio::test]
async fn a_record_that_may_still_arrive_is_waited_for_and_stays_on_the_list() {
    for (age, waits) in [(0, true), (SETTLING_SECS - 1, true), (SETTLING_SECS, false)] {
        let journal = Journal::default();
        let list = ours(&[("late.example.com", "192.0.2.1", age), ("www.example.com", "192.0.2.1", 9_000)]);
        let there = zone("Z1", vec![set("www.example.com", "192.0.2.1")]);
        let output = go(&[&item(EXECUTION, Some(list)), &there, &update(&journal), &change(&journal)], &["Z1"]).await;
        let done = ["Z1 DELETE www.example.com 192.0.2.1", "list "];
        assert_eq!(written(&journal), done[..if waits { 1 } else { 2 }], "{age}");
        assert_eq!(output.is_err_and(|error| error.class == Class::NotReady), waits, "{age}");
    }
}

#[tokio::test]
async fn whoever_does_not_hold_the_domain_removes_nothing() {
    let list = ours(&[("www.example.com", "192.0.2.1", 9_000)]);
    let error = go(&[&item("another", Some(list))], &["Z1"]).await.expect_err("another holds it");
    assert_eq!((error.class, error.code.as_str()), (Class::Busy, "NotTheHolder"));
}

#[tokio::test(start_paused = true)]
async fn a_zone_that_is_busy_or_changed_is_tried_again_and_one_that_refuses_is_not() {
    for (code, message, class) in [
        ("PriorRequestNotComplete", "wait", Class::Retryable),
        ("InvalidChangeBatch", "Tried to delete resource record set [name='x'] but it was not found", Class::Retryable),
        ("InvalidChangeBatch", "but the values provided do not match the current values", Class::Retryable),
        ("InvalidChangeBatch", "Invalid Resource Record: FATAL problem", Class::Failed),
    ] {
        let list = ours(&[("www.example.com", "192.0.2.1", 9_000)]);
        let there = zone("Z1", vec![set("www.example.com", "192.0.2.1")]);
        let refused = mock!(Route53::change_resource_record_sets).then_http_response(move || refusal(code, message));
        // No rule lets the list be written: it names the record until it is gone.
        let error = go(&[&item(EXECUTION, Some(list)), &there, &refused], &["Z1"]).await.expect_err(message);
        assert_eq!(error.class, class, "{message}: {error}");
    }
}
