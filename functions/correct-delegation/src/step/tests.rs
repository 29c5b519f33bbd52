//! The step against answers of AWS, one rule for each call that it may make: a call without a rule fails the test.

use super::*;
use aws_sdk_dynamodb::Client as Dynamodb;
use aws_sdk_dynamodb::operation::get_item::GetItemOutput;
use aws_sdk_dynamodb::operation::update_item::UpdateItemOutput;
use aws_sdk_dynamodb::types::AttributeValue;
use aws_sdk_route53domains::Client as Domains;
use aws_sdk_route53domains::operation::get_domain_detail::GetDomainDetailOutput;
use aws_sdk_route53domains::operation::list_operations::ListOperationsOutput;
use aws_sdk_route53domains::operation::update_domain_nameservers::UpdateDomainNameserversOutput;
use aws_sdk_route53domains::primitives::DateTime;
use aws_sdk_route53domains::types::{DnssecKey, Nameserver, OperationStatus, OperationSummary, OperationType};
use aws_smithy_mocks::{Rule, RuleMode, mock, mock_client};
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::http::StatusCode;
use aws_smithy_types::body::SdkBody;
use nameplate::Class;
use nameplate::Request;
use serde_json::{Value, json};

pub(super) const PLANNED_AT: i64 = 1_800_000_000;
const NOW: i64 = PLANNED_AT + 60;
pub(super) const OURS: [&str; 2] = ["ns-1.awsdns-01.com", "ns-2.awsdns-02.net"];
pub(super) const EXECUTION: &str = "arn:aws:states:us-east-1:123456789012:execution:nameplate-provision:one";

pub(super) fn input(execution: &str, planned_at: i64) -> CorrectDelegationInput {
    let request = json!({
        "domainName": "example.com",
        "nameServers": "correct",
        "api": {"routes": [{"route": "GET /", "url": "https://backend.example.net/"}]},
    });
    CorrectDelegationInput {
        request: Request::parse(&request).expect("a valid request"),
        execution: execution.to_owned(),
        name_servers: OURS.map(str::to_owned).to_vec(),
        planned_at,
    }
}

fn detail(servers: &[&str]) -> Rule {
    let servers: Vec<Nameserver> =
        servers.iter().map(|name| Nameserver::builder().name(*name).build().expect("a name")).collect();
    mock!(Domains::get_domain_detail)
        .then_output(move || GetDomainDetailOutput::builder().set_nameservers(Some(servers.clone())).build())
}

/// One change for `domain`, submitted so long after the plan.
fn summary(domain: &str, status: OperationStatus, after: i64) -> OperationSummary {
    OperationSummary::builder()
        .operation_id("op-1")
        .r#type(OperationType::UpdateNameserver)
        .domain_name(domain)
        .status(status)
        .submitted_date(DateTime::from_secs(PLANNED_AT + after))
        .build()
}

fn lists(operations: Vec<OperationSummary>) -> Rule {
    mock!(Domains::list_operations)
        .match_requests(|request| {
            request.r#type() == [OperationType::UpdateNameserver]
                && request.submitted_since().map(DateTime::secs) == Some(PLANNED_AT - LONGEST_CHANGE_SECS)
        })
        .then_output(move || ListOperationsOutput::builder().set_operations(Some(operations.clone())).build())
}

fn refusal(status: u16, code: &str) -> HttpResponse {
    let body = json!({"__type": code, "message": "because"}).to_string();
    HttpResponse::new(StatusCode::try_from(status).expect("a status"), SdkBody::from(body))
}

fn refuses(status: u16, code: &'static str) -> Rule {
    mock!(Domains::update_domain_nameservers).then_http_response(move || refusal(status, code))
}

fn accepts() -> Rule {
    mock!(Domains::update_domain_nameservers)
        .match_requests(|request| request.nameservers().iter().map(Nameserver::name).eq(OURS))
        .then_output(|| UpdateDomainNameserversOutput::builder().operation_id("op-1").build())
}

/// The domain item, held by the execution, with an intent if there is one.
fn item(intent: Option<Value>) -> Rule {
    mock!(Dynamodb::get_item).match_requests(|call| call.consistent_read() == Some(true)).then_output(move || {
        let intent = intent.as_ref().map(|intent| AttributeValue::S(intent.to_string()));
        GetItemOutput::builder()
            .item("heldBy", AttributeValue::S(EXECUTION.to_owned()))
            .set_item(Some(
                [("heldBy".to_owned(), AttributeValue::S(EXECUTION.to_owned()))]
                    .into_iter()
                    .chain(intent.map(|intent| ("delegationIntent".to_owned(), intent)))
                    .collect(),
            ))
            .build()
    })
}

/// A write of the table that begins so.
fn writes(change: &'static str) -> Rule {
    mock!(Dynamodb::update_item)
        .match_requests(move |call| call.update_expression().is_some_and(|text| text.starts_with(change)))
        .then_output(|| UpdateItemOutput::builder().build())
}

fn noted(age: i64, operation: Option<&str>, execution: &str) -> Value {
    let mut intent = json!({"at": NOW - age, "execution": execution, "servers": OURS});
    if let Some(id) = operation {
        intent["operation"] = json!(id);
    }
    intent
}

async fn go(domains: &[&Rule], table: &[&Rule]) -> Result<CorrectDelegationOutput, StepError> {
    let clients = Clients {
        dynamodb: mock_client!(aws_sdk_dynamodb, RuleMode::MatchAny, table),
        domains: mock_client!(aws_sdk_route53domains, RuleMode::MatchAny, domains),
    };
    let settings = Settings { table: "table".to_owned(), settling_secs: SETTLING_SECS };
    run(&clients, &settings, input(EXECUTION, PLANNED_AT), || NOW).await
}

#[tokio::test]
async fn a_registry_that_names_the_servers_in_its_own_spelling_is_left_alone() {
    let output = go(&[&detail(&["NS-2.awsdns-02.net.", "ns-1.awsdns-01.com"])], &[]).await.expect("delegated");
    assert_eq!(output.name_servers, OURS);
}

#[tokio::test]
async fn a_name_with_dnssec_keys_at_the_registry_is_not_pointed_to_a_zone_that_does_not_sign() {
    let signed = |servers: &[&str]| {
        let servers = servers.iter().map(|name| Nameserver::builder().name(*name).build().expect("a name")).collect();
        let detail = GetDomainDetailOutput::builder().set_nameservers(Some(servers));
        let detail = detail.dnssec_keys(DnssecKey::builder().id("key-1").build()).build();
        mock!(Domains::get_domain_detail).then_output(move || detail.clone())
    };
    // No rule lets the table be asked, or the servers be changed.
    let error = go(&[&signed(&["ns.elsewhere.example"])], &[]).await.expect_err("refused");
    assert_eq!((error.class, error.code.as_str()), (Class::Refused, "DnssecAtRegistry"));
    assert!(error.remedy.contains("--domain-name example.com"), "{error}");
    assert!(go(&[&signed(&OURS)], &[]).await.is_ok(), "what is right is left alone");
}

#[tokio::test]
async fn the_servers_are_set_once_on_an_intent_and_then_awaited() {
    // An operation of another name, and some that ended before this run.
    let old = vec![
        summary("example.org", OperationStatus::InProgress, 1),
        summary("example.com", OperationStatus::Failed, -1),
        summary("example.com", OperationStatus::Successful, -5),
    ];
    let (update, written) = (accepts(), writes("SET #intent"));
    let error =
        go(&[&detail(&["ns.example.net"]), &lists(old), &update], &[&item(None), &written]).await.expect_err("not yet");
    assert_eq!((error.class, error.code.as_str()), (Class::NotReady, "DelegationChanging"));
    assert!(error.reason.contains("op-1"), "{error}");
    // The intent, and then the operation that it led to.
    assert_eq!((update.num_calls(), written.num_calls()), (1, 2));
}

#[tokio::test]
async fn without_its_intent_nothing_is_sent() {
    let beaten = mock!(Dynamodb::update_item).then_http_response(|| refusal(400, "ConditionalCheckFailedException"));
    let update = accepts();
    let error = go(&[&detail(&["ns.example.net"]), &lists(vec![]), &update], &[&item(None), &beaten])
        .await
        .expect_err("not yet");
    assert_eq!((error.class, error.code.as_str()), (Class::NotReady, "DelegationBegun"));
    assert_eq!(update.num_calls(), 0);
    let other = mock!(Dynamodb::get_item)
        .then_output(|| GetItemOutput::builder().item("heldBy", AttributeValue::S("another".to_owned())).build());
    let error = go(&[&detail(&["ns.example.net"])], &[&other]).await.expect_err("not ours");
    assert_eq!((error.class, error.code.as_str()), (Class::Busy, "NotTheHolder"));
    let torn = json!({"at": "yesterday"});
    let error = go(&[&detail(&["ns.example.net"])], &[&item(Some(torn))]).await.expect_err("unreadable");
    assert_eq!((error.class, error.code.as_str()), (Class::Failed, "UnreadableIntent"));
}

#[tokio::test]
async fn a_change_that_was_sent_is_never_sent_again() {
    for (status, after) in [
        (OperationStatus::Submitted, -3600),
        (OperationStatus::InProgress, 0),
        (OperationStatus::Successful, 0),
        (OperationStatus::from("PAUSED"), 0),
    ] {
        let listed = lists(vec![summary("example.com", status.clone(), after)]);
        let error = go(&[&detail(&["ns.example.net"]), &listed], &[&item(None)]).await.expect_err("not yet");
        assert_eq!((error.class, error.code.as_str()), (Class::NotReady, "DelegationChanging"), "{status}");
    }
}

#[tokio::test]
async fn an_intent_of_which_aws_lists_nothing_is_let_settle() {
    let other = "another execution";
    for (intent, code) in [
        (noted(0, None, EXECUTION), "DelegationSettling"),
        (noted(SETTLING_SECS - 1, None, other), "DelegationSettling"),
        (noted(SHOWN_WITHIN_SECS - 1, Some("op-9"), other), "OperationNotShown"),
        (noted(SHOWN_WITHIN_SECS, Some("op-9"), EXECUTION), "OperationNotShown"),
    ] {
        let error = go(&[&detail(&["ns.example.net"]), &lists(vec![])], &[&item(Some(intent.clone()))])
            .await
            .expect_err("not yet");
        assert_eq!((error.class, error.code.as_str()), (Class::NotReady, code), "{intent}");
    }
    for intent in [noted(SETTLING_SECS, None, EXECUTION), noted(SHOWN_WITHIN_SECS, Some("op-9"), other)] {
        let (update, written) = (accepts(), writes("SET #intent"));
        let table = [&item(Some(intent.clone())), &written];
        let error = go(&[&detail(&["ns.example.net"]), &lists(vec![]), &update], &table).await.expect_err("sent");
        assert_eq!((error.code.as_str(), update.num_calls()), ("DelegationChanging", 1), "{intent}");
    }
}

#[tokio::test]
async fn a_change_of_an_earlier_run_that_is_done_may_still_have_to_show() {
    let done = || lists(vec![summary("example.com", OperationStatus::Successful, -30)]);
    let intent = |age| noted(age, Some("op-1"), "another execution");
    let error = go(&[&detail(&["ns.example.net"]), &done()], &[&item(Some(intent(SHOWN_WITHIN_SECS - 1)))])
        .await
        .expect_err("not yet");
    assert_eq!((error.class, error.code.as_str()), (Class::NotReady, "DelegationChanging"));
    // Somebody has changed the servers since.
    let (update, written) = (accepts(), writes("SET #intent"));
    let table = [&item(Some(intent(SHOWN_WITHIN_SECS))), &written];
    let _sent = go(&[&detail(&["ns.example.net"]), &done(), &update], &table).await.expect_err("not yet");
    assert_eq!(update.num_calls(), 1);
}

#[tokio::test]
async fn a_change_of_this_run_that_failed_ends_it() {
    for status in [OperationStatus::Failed, OperationStatus::Error] {
        let listed = lists(vec![summary("example.com", status, 0)]);
        let error = go(&[&detail(&["ns.example.net"]), &listed], &[&item(None)]).await.expect_err("failed");
        assert_eq!((error.class, error.code.as_str()), (Class::Failed, "DelegationChangeFailed"));
        assert!(error.remedy.contains("--operation-id op-1") && error.remedy.contains("Name=ns-1."), "{error}");
    }
}

#[tokio::test]
async fn an_unclear_answer_keeps_the_intent_and_a_refusal_takes_it_back() {
    for (status, code, class, said, taken_back) in [
        (500, "InternalFailure", Class::NotReady, "InternalFailure", 0),
        (503, "ThrottlingException", Class::NotReady, "ThrottlingException", 0),
        (400, "DuplicateRequest", Class::NotReady, "DelegationChanging", 0),
        (400, "ThrottlingException", Class::NotReady, "ThrottlingException", 1),
        (400, "OperationLimitExceeded", Class::NotReady, "OperationLimitExceeded", 1),
        (400, "InvalidInput", Class::Failed, "InvalidInput", 1),
    ] {
        let (update, intended, back) = (refuses(status, code), writes("SET #intent"), writes("REMOVE #intent"));
        let table = [&item(None), &intended, &back];
        let error = go(&[&detail(&["ns.example.net"]), &lists(vec![]), &update], &table).await.expect_err("no");
        assert_eq!((error.class, error.code.as_str()), (class, said), "{status} {code}");
        assert_eq!((update.num_calls(), intended.num_calls(), back.num_calls()), (1, 1, taken_back), "{status} {code}");
    }
}

#[tokio::test]
async fn what_aws_declines_is_final_and_says_what_to_do() {
    for (code, word) in [("TLDRulesViolation", "rules"), ("InvalidInput", "AWS names"), ("AccessDenied", "role")] {
        let (update, intended, back) = (refuses(400, code), writes("SET #intent"), writes("REMOVE #intent"));
        let table = [&item(None), &intended, &back];
        let error = go(&[&detail(&["ns.example.net"]), &lists(vec![]), &update], &table).await.expect_err("declined");
        assert_eq!((error.class, error.code.as_str()), (Class::Failed, code));
        assert!(error.remedy.contains(word), "{error}");
        assert_eq!(update.num_calls(), 1);
    }
}
