//! `write-records` against a table and a zone that answer in memory: which calls it makes, in which order, and what
//! it says. What is decided is tested in `nameplate::resource::record`.

use nameplate::Class;
use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use super::*;
use aws_sdk_dynamodb::operation::get_item::GetItemOutput;
use aws_sdk_dynamodb::operation::update_item::UpdateItemOutput;
use aws_sdk_route53::config::http::HttpResponse;
use aws_sdk_route53::operation::change_resource_record_sets::ChangeResourceRecordSetsOutput;
use aws_sdk_route53::operation::list_resource_record_sets::ListResourceRecordSetsOutput;
use aws_sdk_route53::types::AliasTarget;
use aws_smithy_mocks::{Rule, RuleMode, mock, mock_client};
use aws_smithy_runtime_api::http::StatusCode;
use aws_smithy_types::body::SdkBody;
use nameplate::Request;
use nameplate::request::RecordSet;
use serde_json::{Value, json};

const NOW: i64 = 1_800_000_000;
const EXECUTION: &str = "arn:aws:states:us-east-1:123456789012:execution:nameplate-provision:one";

/// What was written, in order.
type Journal = Arc<Mutex<Vec<String>>>;

fn input(records: Value) -> WriteRecordsInput {
    let request = json!({
        "domainName": "example.com", "records": records,
        "api": {"routes": [{"route": "GET /", "url": "https://backend.example.net/"}]}
    });
    WriteRecordsInput {
        request: Request::parse(&request).expect("a valid request"),
        execution: EXECUTION.to_owned(),
        hosted_zone_id: "Z1".to_owned(),
        validation_records: vec![],
        dropped_hostnames: vec![],
    }
}

fn www(address: &str) -> Value {
    json!({"name": "www.example.com", "type": "A", "ttl": 300, "values": [address]})
}

fn ours(records: &[Value]) -> String {
    let owned = |record: &Value| Owned {
        record: serde_json::from_value::<RecordSet>(record.clone()).expect("a record"),
        since: 1,
        zone: Some("Z1".to_owned()),
    };
    serde_json::to_string(&records.iter().map(owned).collect::<Vec<_>>()).expect("JSON")
}

/// The domain item, held by `holder`, with that list of records.
fn item(holder: &str, list: Option<String>) -> Rule {
    let mut item = HashMap::from([("heldBy".to_owned(), AttributeValue::S(holder.to_owned()))]);
    item.extend(list.map(|list| ("records".to_owned(), AttributeValue::S(list))));
    mock!(Dynamodb::get_item)
        .match_requests(|request| {
            request.consistent_read() == Some(true)
                && request.key().and_then(|key| key.get("id")?.as_s().ok()).is_some_and(|id| id == "domain#example.com")
        })
        .then_output(move || GetItemOutput::builder().set_item(Some(item.clone())).build())
}

fn update(journal: &Journal) -> Rule {
    let journal = journal.clone();
    mock!(Dynamodb::update_item)
        .match_requests(move |request| {
            let values = request.expression_attribute_values().cloned().unwrap_or_default();
            let text = |name: &str| values.get(name).and_then(|value| value.as_s().ok()).cloned().unwrap_or_default();
            assert_eq!(request.condition_expression(), Some("#heldBy = :execution"));
            assert_eq!(text(":execution"), EXECUTION);
            let names: Vec<String> =
                record::owned(Some(&text(":records"))).iter().map(|one| one.record.values.join(",")).collect();
            journal.lock().expect("unbroken").push(format!("list {}", names.join(" ")));
            true
        })
        .then_output(|| UpdateItemOutput::builder().build())
}

fn zone(sets: Vec<ResourceRecordSet>) -> Rule {
    mock!(Route53::list_resource_record_sets)
        .match_requests(|request| request.hosted_zone_id() == Some("Z1"))
        .then_output(move || page(sets.clone(), None))
}

fn page(sets: Vec<ResourceRecordSet>, next: Option<&str>) -> ListResourceRecordSetsOutput {
    ListResourceRecordSetsOutput::builder()
        .set_resource_record_sets(Some(sets))
        .is_truncated(next.is_some())
        .set_next_record_name(next.map(str::to_owned))
        .max_items(PAGE_SIZE)
        .build()
        .expect("complete")
}

fn set(name: &str, kind: RrType, value: &str) -> ResourceRecordSet {
    let value = ResourceRecord::builder().value(value).build().expect("complete");
    ResourceRecordSet::builder()
        .name(format!("{name}."))
        .r#type(kind)
        .ttl(300)
        .resource_records(value)
        .build()
        .expect("complete")
}

fn change(journal: &Journal) -> Rule {
    let journal = journal.clone();
    mock!(Route53::change_resource_record_sets)
        .match_requests(move |request| {
            let changes = request.change_batch().map(ChangeBatch::changes).unwrap_or_default();
            let words = changes.iter().map(|change| {
                let set = change.resource_record_set().expect("a set");
                let values: Vec<&str> = set.resource_records().iter().map(ResourceRecord::value).collect();
                format!("{} {} {} {}", change.action(), set.name(), set.r#type(), values.join(","))
            });
            let words = words.collect::<Vec<_>>().join("; ");
            journal.lock().expect("unbroken").push(words);
            true
        })
        .then_output(|| ChangeResourceRecordSetsOutput::builder().build())
}

async fn go(rules: &[&Rule], input: WriteRecordsInput) -> Result<WriteRecordsOutput, StepError> {
    let clients = Clients {
        dynamodb: mock_client!(aws_sdk_dynamodb, RuleMode::MatchAny, rules),
        route53: mock_client!(aws_sdk_route53, RuleMode::MatchAny, rules),
    };
    run_at(&clients, &Settings { table: "table".to_owned() }, input, NOW).await
}

fn refusal(code: &str, message: &str) -> HttpResponse {
    let body = format!(
        "<?xml version=\"1.0\"?>\n<ErrorResponse xmlns=\"https://route53.amazonaws.com/doc/2013-04-01/\"><Error><Type>Sender</Type><Code>{code}</Code><Message>{message}</Message></Error><RequestId>r</RequestId></ErrorResponse>"
    );
    HttpResponse::new(StatusCode::try_from(400).expect("a status"), SdkBody::from(body))
}

#[tokio::test]
async fn a_record_is_claimed_before_it_is_written() {
    let journal = Journal::default();
    let rules = [&item(EXECUTION, None), &zone(vec![]), &update(&journal), &change(&journal)];
    let output = go(&rules, input(json!([www("192.0.2.1")]))).await.expect("written");
    assert_eq!(output, WriteRecordsOutput { written: 1, yielding: vec![], actions: vec![] });
    assert_eq!(*journal.lock().expect("unbroken"), ["list 192.0.2.1", "CREATE www.example.com A 192.0.2.1"]);
}

#[tokio::test]
async fn a_record_of_ours_is_replaced_in_one_batch_and_both_are_ours_until_then() {
    let journal = Journal::default();
    let there = zone(vec![set("www.example.com", RrType::A, "192.0.2.1")]);
    let rules = [&item(EXECUTION, Some(ours(&[www("192.0.2.1")]))), &there, &update(&journal), &change(&journal)];
    go(&rules, input(json!([www("192.0.2.2")]))).await.expect("written");
    assert_eq!(
        *journal.lock().expect("unbroken"),
        [
            "list 192.0.2.1 192.0.2.2",
            "DELETE www.example.com A 192.0.2.1; CREATE www.example.com A 192.0.2.2",
            "list 192.0.2.2"
        ]
    );
}

#[tokio::test]
async fn a_record_that_is_left_out_goes_and_then_its_claim() {
    let journal = Journal::default();
    let there =
        zone(vec![set("www.example.com", RrType::A, "192.0.2.1"), set("other.example.com", RrType::A, "192.0.2.9")]);
    let rules = [&item(EXECUTION, Some(ours(&[www("192.0.2.1")]))), &there, &update(&journal), &change(&journal)];
    go(&rules, input(json!([]))).await.expect("removed");
    assert_eq!(*journal.lock().expect("unbroken"), ["DELETE www.example.com A 192.0.2.1", "list "]);
}

#[tokio::test]
async fn nothing_is_written_where_all_is_as_wanted() {
    let there = zone(vec![set("www.example.com", RrType::A, "192.0.2.1")]);
    for list in [Some(ours(&[www("192.0.2.1")])), None] {
        let output = go(&[&item(EXECUTION, list), &there], input(json!([www("192.0.2.1")]))).await;
        assert_eq!(output, Ok(WriteRecordsOutput { written: 0, yielding: vec![], actions: vec![] }));
    }
}

#[tokio::test]
async fn what_others_wrote_as_it_is_wanted_is_put_on_the_list_on_request_and_nothing_else_is_written() {
    let journal = Journal::default();
    let there = zone(vec![set("www.example.com", RrType::A, "192.0.2.1")]);
    let mut wish = input(json!([www("192.0.2.1")]));
    wish.request.adopt = true;
    let rules = [&item(EXECUTION, None), &there, &update(&journal)];
    assert_eq!(go(&rules, wish.clone()).await.map(|output| output.written), Ok(0));
    assert_eq!(*journal.lock().expect("unbroken"), ["list 192.0.2.1"]);
    go(&[&item(EXECUTION, Some(ours(&[www("192.0.2.1")]))), &there], wish).await.expect("ours already");
}

#[tokio::test]
async fn a_record_at_a_host_name_of_the_request_is_handed_on_and_not_touched() {
    let host = |value: &str| json!({"name": "api.example.com", "type": "CNAME", "ttl": 300, "values": [value]});
    let there = zone(vec![set("api.example.com", RrType::Cname, "b.example.net")]);
    let rules = [&item(EXECUTION, Some(ours(&[host("b.example.net")]))), &there];
    let output = go(&rules, input(json!([]))).await.expect("left to the alias");
    assert_eq!((output.written, json!(output.yielding)), (0, json!([host("b.example.net")])));
}

#[tokio::test]
async fn what_was_written_to_another_zone_is_not_forgotten() {
    let journal = Journal::default();
    let mut list: Value = serde_json::from_str(&ours(&[www("192.0.2.1"), www("192.0.2.2")])).expect("JSON");
    list[0]["zone"] = json!("Z0");
    let there = zone(vec![set("www.example.com", RrType::A, "192.0.2.2")]);
    let rules = [&item(EXECUTION, Some(list.to_string())), &there, &update(&journal), &change(&journal)];
    go(&rules, input(json!([]))).await.expect("removed here");
    assert_eq!(*journal.lock().expect("unbroken"), ["DELETE www.example.com A 192.0.2.2", "list 192.0.2.1"]);
}

#[tokio::test]
async fn a_record_in_the_place_of_a_host_name_that_goes_is_refused_in_the_right_words() {
    let alias = AliasTarget::builder()
        .hosted_zone_id("ZGATE")
        .dns_name("d-1.execute-api.us-east-1.amazonaws.com.")
        .evaluate_target_health(false)
        .build()
        .expect("complete");
    let alias = ResourceRecordSet::builder().name("www.example.com.").r#type(RrType::A).alias_target(alias);
    let mut wish = input(json!([www("192.0.2.1")]));
    wish.dropped_hostnames = vec!["www.example.com".to_owned()];
    let there = zone(vec![alias.build().expect("complete")]);
    let error = go(&[&item(EXECUTION, None), &there], wish).await.expect_err("it goes later");
    assert_eq!((error.class, error.code.as_str()), (Class::Refused, "OwnRecordInTheWay"));
}

#[tokio::test]
async fn what_others_have_changed_is_left_and_said() {
    let journal = Journal::default();
    let there = zone(vec![set("www.example.com", RrType::A, "192.0.2.9")]);
    let rules = [&item(EXECUTION, Some(ours(&[www("192.0.2.1")]))), &there, &update(&journal)];
    let output = go(&rules, input(json!([]))).await.expect("left");
    assert!(output.actions[0].contains("www.example.com A"), "{output:?}");
    assert_eq!(*journal.lock().expect("unbroken"), ["list "]);
}

#[tokio::test]
async fn a_record_of_somebody_else_is_refused_before_anything_is_written() {
    let there = zone(vec![set("www.example.com", RrType::A, "192.0.2.9")]);
    let wanted = input(json!([www("192.0.2.1"), {"name": "a.example.com", "type": "TXT", "values": ["x"]}]));
    let error = go(&[&item(EXECUTION, None), &there], wanted).await.expect_err("not ours");
    assert_eq!((error.class, error.code.as_str()), (Class::Refused, "RecordNotOurs"));
    assert!(error.reason.contains("www.example.com A"), "{error}");
}

#[tokio::test]
async fn whoever_does_not_hold_the_domain_writes_nothing() {
    let error = go(&[&item("another", None)], input(json!([www("192.0.2.1")]))).await.expect_err("another holds it");
    assert_eq!((error.class, error.code.as_str()), (Class::Busy, "NotTheHolder"));
    let lost = mock!(Dynamodb::update_item).then_error(|| {
        aws_sdk_dynamodb::operation::update_item::UpdateItemError::ConditionalCheckFailedException(
            aws_sdk_dynamodb::types::error::ConditionalCheckFailedException::builder()
                .meta(aws_sdk_dynamodb::error::ErrorMetadata::builder().code(table::CONDITION_FAILED).build())
                .build(),
        )
    });
    let rules = [&item(EXECUTION, None), &zone(vec![]), &lost];
    let error = go(&rules, input(json!([www("192.0.2.1")]))).await.expect_err("lost meanwhile");
    assert_eq!((error.class, error.code.as_str()), (Class::Busy, "NotTheHolder"));
}

#[tokio::test]
async fn all_pages_of_the_zone_are_read() {
    let first = mock!(Route53::list_resource_record_sets)
        .match_requests(|request| request.start_record_name().is_none())
        .then_output(|| page(vec![], Some("www.example.com.")));
    let second = mock!(Route53::list_resource_record_sets)
        .match_requests(|request| request.start_record_name() == Some("www.example.com."))
        .then_output(|| page(vec![set("www.example.com", RrType::A, "192.0.2.9")], None));
    let error = go(&[&item(EXECUTION, None), &first, &second], input(json!([www("192.0.2.1")]))).await;
    assert!(error.is_err_and(|error| error.code == "RecordNotOurs"));
}

#[tokio::test]
async fn many_records_go_in_several_batches() {
    let journal = Journal::default();
    let many: Vec<Value> = (0..2_100)
        .map(|n| json!({"name": format!("n{n}.example.com"), "type": "A", "values": ["192.0.2.1"]}))
        .collect();
    let rules = [&item(EXECUTION, None), &zone(vec![]), &update(&journal), &change(&journal)];
    assert_eq!(go(&rules, input(json!(many))).await.map(|output| output.written), Ok(2_100));
    let sizes: Vec<usize> =
        journal.lock().expect("unbroken")[1..].iter().map(|batch| batch.split("; ").count()).collect();
    assert_eq!(sizes, [1_000, 1_000, 100]);
}

#[tokio::test(start_paused = true)]
async fn a_zone_that_is_busy_or_changed_is_tried_again_and_one_that_refuses_is_not() {
    for (code, message, class) in [
        ("PriorRequestNotComplete", "wait", Class::Retryable),
        ("Throttling", "Rate exceeded", Class::Retryable),
        (
            "InvalidChangeBatch",
            "Tried to create resource record set [name='www.example.com.', type='A'] but it already exists",
            Class::Retryable,
        ),
        (
            "InvalidChangeBatch",
            "Tried to delete resource record set [name='www.example.com.', type='A'] but it was not found",
            Class::Retryable,
        ),
        (
            "InvalidChangeBatch",
            "Tried to delete resource record set [name='www.example.com.', type='A'] but the values provided do not match the current values",
            Class::Retryable,
        ),
        ("InvalidChangeBatch", "Invalid Resource Record: FATAL problem", Class::Failed),
        ("NoSuchHostedZone", "No hosted zone found", Class::Failed),
    ] {
        let journal = Journal::default();
        let refused = mock!(Route53::change_resource_record_sets).then_http_response(move || refusal(code, message));
        let rules = [&item(EXECUTION, None), &zone(vec![]), &update(&journal), &refused];
        let error = go(&rules, input(json!([www("192.0.2.1")]))).await.expect_err(message);
        assert_eq!(error.class, class, "{message}: {error}");
        assert_eq!(*journal.lock().expect("unbroken"), ["list 192.0.2.1"], "it stays claimed: {message}");
    }
}
