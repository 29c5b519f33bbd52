//! The step against an ACM and a table that answer in memory.

use super::*;
use aws_sdk_acm::operation::add_tags_to_certificate::AddTagsToCertificateOutput;
use aws_sdk_acm::operation::describe_certificate::DescribeCertificateOutput;
use aws_sdk_acm::operation::list_certificates::ListCertificatesOutput;
use aws_sdk_acm::operation::list_tags_for_certificate::ListTagsForCertificateOutput;
use aws_sdk_acm::operation::remove_tags_from_certificate::RemoveTagsFromCertificateOutput;
use aws_sdk_acm::operation::request_certificate::{RequestCertificateInput, RequestCertificateOutput};
use aws_sdk_acm::primitives::DateTime;
use aws_sdk_acm::types::{
    CertificateDetail, CertificateStatus as Status, CertificateSummary, CertificateType, DomainValidation,
    FailureReason, Filters, KeyAlgorithm, RecordType, ResourceRecord, Tag, ValidationMethod,
};
use aws_sdk_dynamodb::operation::delete_item::DeleteItemOutput;
use aws_sdk_dynamodb::operation::put_item::PutItemOutput;
use aws_sdk_dynamodb::operation::update_item::{UpdateItemInput, UpdateItemOutput};
use aws_sdk_dynamodb::types::{AttributeValue, ReturnValuesOnConditionCheckFailure};
use aws_smithy_mocks::{Rule, RuleMode, mock, mock_client};
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::http::StatusCode;
use aws_smithy_types::body::SdkBody;
use nameplate::Class;
use nameplate::contract::REGISTRATION_DEADLINE_SECS;
use serde_json::json;
use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};

use crate::writing::idempotency_token;

mod by_email;

const NOW: i64 = 1_800_000_000;
const EXECUTION: &str = "arn:aws:states:us-east-1:123456789012:execution:provision:two";
const NEW: &str = "arn:aws:acm:us-east-1:123456789012:certificate/new";
const OLD: &str = "arn:aws:acm:us-east-1:123456789012:certificate/old";

/// A run that began a minute ago.
fn input(fresh: bool, certificate_arn: Option<&str>) -> RequestCertInput {
    let request = json!({
        "domainName": "example.com",
        "certificate": {"alternativeNames": ["*.example.com", "a.api.example.com"]},
        "api": {"routes": [{"route": "GET /", "url": "https://backend.example.net/"}]},
        "tags": {"team": "inference"}
    });
    RequestCertInput {
        request: Request::parse(&request).expect("a valid request"),
        execution: EXECUTION.to_owned(),
        incarnation: "arn:aws:states:us-east-1:123456789012:execution:provision:one".to_owned(),
        certificate_arn: certificate_arn.map(str::to_owned),
        fresh,
        first_turn: false,
        planned_at: NOW - 60,
        deadline: NOW - 60 + CERTIFICATE_DEADLINE_SECS,
        former_tags: Vec::new(),
        emails_resent: false,
    }
}

const NAMES: [&str; 3] = ["example.com", "*.example.com", "a.api.example.com"];

/// One name of a certificate; the domain and its wildcard share a record, as they do at ACM.
fn validation(name: &str, shown: bool) -> DomainValidation {
    let base = name.trim_start_matches("*.");
    let record = ResourceRecord::builder()
        .name(format!("_x.{base}."))
        .r#type(RecordType::Cname)
        .value(format!("_y.{base}.acm-validations.aws."))
        .build()
        .expect("complete");
    DomainValidation::builder()
        .domain_name(name)
        .set_resource_record(shown.then_some(record))
        .validation_method(ValidationMethod::Dns)
        .build()
        .expect("complete")
}

fn detail(arn: &str, status: Status) -> CertificateDetail {
    CertificateDetail::builder()
        .certificate_arn(arn)
        .domain_name("example.com")
        .set_subject_alternative_names(Some(NAMES.map(str::to_owned).to_vec()))
        .set_domain_validation_options(Some(NAMES.iter().map(|name| validation(name, true)).collect()))
        .status(status)
        // So spelt in DescribeCertificate's answers.
        .key_algorithm(KeyAlgorithm::from("RSA-2048"))
        .created_at(DateTime::from_secs(NOW - 30))
        .build()
}

/// A certificate that an earlier run left.
fn earlier(mut detail: CertificateDetail) -> CertificateDetail {
    detail.created_at = Some(DateTime::from_secs(NOW - 3600));
    detail
}

fn failed(arn: &str, reason: Option<FailureReason>) -> CertificateDetail {
    let mut detail = detail(arn, Status::Failed);
    detail.failure_reason = reason;
    detail
}

fn described(detail: &CertificateDetail) -> DescribeCertificateOutput {
    DescribeCertificateOutput::builder().certificate(detail.clone()).build()
}

fn describes(detail: CertificateDetail) -> Rule {
    let arn = detail.certificate_arn.clone();
    mock!(Acm::describe_certificate)
        .match_requests(move |request| request.certificate_arn == arn)
        .then_output(move || described(&detail))
}

fn does_not_know(arn: &'static str) -> Rule {
    mock!(Acm::describe_certificate)
        .match_requests(move |request| request.certificate_arn() == Some(arn))
        .then_http_response(|| refusal("ResourceNotFoundException"))
}

fn summary(arn: &str, status: Status) -> CertificateSummary {
    CertificateSummary::builder()
        .certificate_arn(arn)
        .domain_name("example.com")
        .set_subject_alternative_name_summaries(Some(NAMES.map(str::to_owned).to_vec()))
        .has_additional_subject_alternative_names(false)
        .status(status)
        .r#type(CertificateType::AmazonIssued)
        .key_algorithm(KeyAlgorithm::Rsa2048)
        .created_at(DateTime::from_secs(NOW - 3600))
        .build()
}

fn lists(summaries: Vec<CertificateSummary>) -> Rule {
    mock!(Acm::list_certificates)
        .match_requests(|request| {
            let keys = request.includes().map(Filters::key_types).unwrap_or_default();
            keys.contains(&KeyAlgorithm::EcPrime256v1)
                && keys.contains(&KeyAlgorithm::Rsa2048)
                && request.certificate_statuses() == [Status::PendingValidation, Status::Issued]
        })
        .then_output(move || {
            ListCertificatesOutput::builder().set_certificate_summary_list(Some(summaries.clone())).build()
        })
}

fn has_tags(arn: &'static str, tags: &[(&str, &str)]) -> Rule {
    let tags: Vec<Tag> =
        tags.iter().map(|(key, value)| Tag::builder().key(*key).value(*value).build().expect("complete")).collect();
    mock!(Acm::list_tags_for_certificate)
        .match_requests(move |request| request.certificate_arn() == Some(arn))
        .then_output(move || ListTagsForCertificateOutput::builder().set_tags(Some(tags.clone())).build())
}

const OURS: &[(&str, &str)] = &[("nameplate:domain", "example.com"), ("nameplate:stack", "nameplate")];
/// The same with that of the request.
const ALL_TAGS: [(&str, &str); 3] =
    [("nameplate:domain", "example.com"), ("nameplate:stack", "nameplate"), ("team", "inference")];

fn is_right_request(request: &RequestCertificateInput, token: &str) -> bool {
    let tags: Vec<(&str, Option<&str>)> = request.tags().iter().map(|tag| (tag.key(), tag.value())).collect();
    request.domain_name() == Some("example.com")
        && request.subject_alternative_names() == ["*.example.com", "a.api.example.com"]
        && request.validation_method() == Some(&ValidationMethod::Dns)
        && request.domain_validation_options().is_empty()
        && request.key_algorithm() == Some(&KeyAlgorithm::Rsa2048)
        && request.idempotency_token() == Some(token)
        && tags
            == [
                ("nameplate:domain", Some("example.com")),
                ("nameplate:stack", Some("nameplate")),
                ("team", Some("inference")),
            ]
}

/// The token of a request for the certificate of `input` in the place of `replaced`.
fn token_of(input: &RequestCertInput, replaced: Option<&str>) -> String {
    let tagging = Tagging::new(&input.request.tags, &input.request.domain_name, "nameplate", &[]);
    idempotency_token(&input.incarnation, &Wanted::of(&input.request, &tagging), replaced)
}

/// Takes the request for a certificate in the place of `replaced`.
fn requests(replaced: Option<&str>, arn: &'static str) -> Rule {
    let token = token_of(&input(true, None), replaced);
    mock!(Acm::request_certificate)
        .match_requests(move |request| is_right_request(request, &token))
        .then_output(move || RequestCertificateOutput::builder().certificate_arn(arn).build())
}

fn number(value: i64) -> AttributeValue {
    AttributeValue::N(value.to_string())
}

fn text(value: &str) -> AttributeValue {
    AttributeValue::S(value.to_owned())
}

/// Takes a new watch on the certificate.
fn puts(arn: &'static str) -> Rule {
    mock!(Dynamodb::put_item)
        .match_requests(move |request| is_watch(request, arn))
        .then_output(|| PutItemOutput::builder().build())
}

fn is_watch(request: &aws_sdk_dynamodb::operation::put_item::PutItemInput, arn: &str) -> bool {
    let expected = [
        ("id", text(&format!("watch#{arn}"))),
        ("domain", text("example.com")),
        ("created", number(NOW)),
        ("expires", number(NOW + 8 * 24 * 3600)),
    ];
    let item = request.item().expect("an item");
    request.table_name() == Some("table")
        && request.condition_expression() == Some("attribute_not_exists(#key)")
        && item.len() == expected.len()
        && expected.iter().all(|(key, value)| item.get(*key) == Some(value))
}

/// The watch stands already, with or without a wake-up on it.
fn stands(arn: &'static str, resolved: bool) -> Rule {
    let mut item = json!({"id": {"S": format!("watch#{arn}")}, "token": {"S": "t"}, "heldBy": {"S": "somebody"}});
    if resolved {
        item["resolved"] = json!({"S": "event-1"});
    }
    let body = json!({
        "__type": "com.amazonaws.dynamodb.v20120810#ConditionalCheckFailedException",
        "message": "The conditional request failed",
        "Item": item
    })
    .to_string();
    mock!(Dynamodb::put_item)
        .match_requests(move |request| {
            is_watch(request, arn)
                && request.return_values_on_condition_check_failure()
                    == Some(&ReturnValuesOnConditionCheckFailure::AllOld)
        })
        .then_http_response(move || answer(400, body.clone()))
}

/// Whether each name in the expressions stands for the attribute of that name.
fn names_are_plain(request: &UpdateItemInput) -> bool {
    let mut names = request.expression_attribute_names().expect("names").iter();
    names.all(|(short, name)| {
        let plain = if short == "#awaited" { "awaitedCertificate" } else { &short[1..] };
        name == plain
    })
}

fn key(request: &UpdateItemInput) -> String {
    request.key().expect("a key")["id"].as_s().expect("text").clone()
}

fn is_reset(request: &UpdateItemInput) -> bool {
    let values = request.expression_attribute_values().expect("values");
    request.update_expression() == Some("SET #expires = :expires REMOVE #resolved, #token, #heldBy")
        && request.condition_expression() == Some("#resolved = :seen")
        && values.get(":seen") == Some(&text("event-1"))
        && names_are_plain(request)
        && key(request) == format!("watch#{OLD}")
}

fn is_record(request: &UpdateItemInput) -> bool {
    request.table_name() == Some("table")
        && request.update_expression() == Some("SET #awaited = :arn")
        && request.condition_expression() == Some("#heldBy = :execution")
        && request.expression_attribute_values().expect("values")[":execution"] == text(EXECUTION)
        && names_are_plain(request)
        && key(request) == "domain#example.com"
}

fn is_forgetting(request: &UpdateItemInput) -> bool {
    request.table_name() == Some("table")
        && request.update_expression() == Some("REMOVE #token, #heldBy")
        && request.condition_expression() == Some("#token = :seen AND attribute_not_exists(#resolved)")
        && request.expression_attribute_values().expect("values")[":seen"] == text("t")
        && names_are_plain(request)
}

type Arns = Arc<Mutex<Vec<String>>>;

/// What a call did in the table, by the certificate's ARN.
#[derive(Clone, Default)]
struct Done {
    recorded: Arns,
    forgotten: Arns,
    removed: Arns,
}

fn of(arns: &Arns) -> Vec<String> {
    arns.lock().expect("a lock").clone()
}

impl Done {
    fn rules(&self) -> [Rule; 3] {
        let Done { recorded, forgotten, removed } = self.clone();
        let note = |arns: &Arns, arn: &str| {
            arns.lock().expect("a lock").push(arn.trim_start_matches("watch#").to_owned());
        };
        [
            mock!(Dynamodb::update_item).match_requests(is_record).then_compute_output(move |request| {
                let arn = &request.expression_attribute_values().expect("values")[":arn"];
                note(&recorded, arn.as_s().expect("text"));
                UpdateItemOutput::builder().build()
            }),
            mock!(Dynamodb::update_item).match_requests(is_forgetting).then_compute_output(move |request| {
                note(&forgotten, &key(request));
                UpdateItemOutput::builder().build()
            }),
            mock!(Dynamodb::delete_item)
                .match_requests(|request| {
                    request.table_name() == Some("table") && request.condition_expression().is_none()
                })
                .then_compute_output(move |request| {
                    note(&removed, request.key().expect("a key")["id"].as_s().expect("text"));
                    DeleteItemOutput::builder().build()
                }),
        ]
    }

    /// What holds for every call: who is told to wait finds its watch and is on record; nobody else does.
    fn judge(&self, result: &Result<RequestCertOutput, StepError>) {
        let (recorded, removed) = (of(&self.recorded), of(&self.removed));
        match result {
            Ok(output) if output.status == CertificateStatus::Pending => {
                assert!(recorded.contains(&output.certificate_arn), "awaited and not on record: {recorded:?}");
                assert!(!removed.contains(&output.certificate_arn), "awaited without a watch");
            }
            Ok(output) => assert_eq!(removed.last(), Some(&output.certificate_arn), "a watch on what is issued"),
            Err(error) if error.class == Class::NotReady => assert_eq!(removed, [] as [&str; 0]),
            Err(_) => {}
        }
    }
}

fn answer(status: u16, body: String) -> HttpResponse {
    HttpResponse::new(StatusCode::try_from(status).expect("a status"), SdkBody::from(body))
}

/// An error as ACM and DynamoDB write it.
fn refusal(code: &str) -> HttpResponse {
    answer(400, json!({"__type": code, "message": "because"}).to_string())
}

async fn at(
    now: i64,
    acm: &[&Rule],
    dynamodb: &[&Rule],
    input: RequestCertInput,
) -> Result<RequestCertOutput, StepError> {
    doing(now, acm, dynamodb, input).await.0
}

async fn doing(
    now: i64,
    acm: &[&Rule],
    dynamodb: &[&Rule],
    input: RequestCertInput,
) -> (Result<RequestCertOutput, StepError>, Done) {
    let done = Done::default();
    let usual = done.rules();
    let dynamodb: Vec<&Rule> = usual.iter().chain(dynamodb.iter().copied()).collect();
    let clients = Clients {
        acm: mock_client!(aws_sdk_acm, RuleMode::MatchAny, acm),
        dynamodb: mock_client!(aws_sdk_dynamodb, RuleMode::MatchAny, &dynamodb),
    };
    let settings = Settings { stack: "nameplate".to_owned(), table: "table".to_owned() };
    let result = run_at(&clients, &settings, input, now).await;
    done.judge(&result);
    (result, done)
}

async fn go(acm: &[&Rule], dynamodb: &[&Rule], input: RequestCertInput) -> Result<RequestCertOutput, StepError> {
    at(NOW, acm, dynamodb, input).await
}

fn records() -> Vec<ValidationRecord> {
    ["a.api.example.com", "example.com"]
        .iter()
        .map(|base| ValidationRecord { name: format!("_x.{base}"), value: format!("_y.{base}.acm-validations.aws") })
        .collect()
}

fn assert_pending(output: &RequestCertOutput, arn: &str) {
    assert_eq!(output.certificate_arn, arn);
    assert_eq!(output.status, CertificateStatus::Pending);
    assert_eq!(output.validation_records, records());
    assert_eq!(output.watch_key.as_deref(), Some(format!("watch#{arn}").as_str()));
}

fn assert_issued(output: &RequestCertOutput, arn: &str) {
    assert_eq!((output.certificate_arn.as_str(), output.status), (arn, CertificateStatus::Issued));
    assert_eq!(output.watch_key, None);
}

#[tokio::test]
async fn a_fresh_name_gets_a_certificate_with_two_calls_and_each_record_once() {
    let (request, put) = (requests(None, NEW), puts(NEW));
    let describe = describes(detail(NEW, Status::PendingValidation));
    let output = go(&[&request, &describe], &[&put], input(true, None)).await.expect("requested");
    assert_pending(&output, NEW);
    assert_eq!((request.num_calls(), describe.num_calls(), put.num_calls()), (1, 1, 1));
}

#[tokio::test]
async fn the_watch_stands_before_a_new_certificate_is_looked_at() {
    let (request, put) = (requests(None, NEW), puts(NEW));
    let before = put.clone();
    let describe = mock!(Acm::describe_certificate)
        .match_requests(move |_| before.num_calls() == 1)
        .then_output(|| described(&detail(NEW, Status::PendingValidation)));
    go(&[&request, &describe], &[&put], input(true, None)).await.expect("requested");
}

#[tokio::test]
async fn a_name_that_is_not_fresh_is_searched_before_a_certificate_is_requested() {
    let (list, request, put) = (lists(vec![]), requests(None, NEW), puts(NEW));
    let describe = describes(detail(NEW, Status::PendingValidation));
    let output = go(&[&list, &request, &describe], &[&put], input(false, None)).await.expect("requested");
    assert_pending(&output, NEW);
    assert_eq!(list.num_calls(), 1);
}

#[tokio::test]
async fn our_issued_certificate_is_adopted_and_nothing_is_written() {
    let list = lists(vec![summary(OLD, Status::Issued)]);
    let (tags, describe) = (has_tags(OLD, OURS), describes(earlier(detail(OLD, Status::Issued))));
    let output = go(&[&list, &tags, &describe], &[], input(false, None)).await.expect("adopted");
    assert_issued(&output, OLD);
    assert_eq!(output.validation_records, records());
}

#[tokio::test]
async fn an_issued_certificate_is_preferred_to_a_pending_one() {
    let list = lists(vec![summary(NEW, Status::PendingValidation), summary(OLD, Status::Issued)]);
    let (tags, pending) = (has_tags(OLD, OURS), has_tags(NEW, OURS));
    let describe = describes(earlier(detail(OLD, Status::Issued)));
    let output = go(&[&list, &tags, &pending, &describe], &[], input(false, None)).await.expect("adopted");
    assert_issued(&output, OLD);
    assert_eq!(output.replaced, [NEW], "the one too many is named");
}

#[tokio::test]
async fn a_foreign_certificate_with_the_same_names_is_left_alone() {
    for tags in [&[][..], &[("nameplate:domain", "example.com"), ("nameplate:stack", "other")][..]] {
        let list = lists(vec![summary(OLD, Status::Issued)]);
        let (tags, request, put) = (has_tags(OLD, tags), requests(None, NEW), puts(NEW));
        let describe = describes(detail(NEW, Status::PendingValidation));
        let output = go(&[&list, &tags, &request, &describe], &[&put], input(false, None)).await;
        assert_pending(&output.expect("requested"), NEW);
        assert_eq!(tags.num_calls(), 1);
    }
}

#[tokio::test]
async fn our_certificate_with_other_names_is_replaced_and_named_and_a_foreign_one_is_not() {
    const FOREIGN: &str = "arn:aws:acm:us-east-1:123456789012:certificate/foreign";
    let mut old = summary(OLD, Status::Issued);
    old.subject_alternative_name_summaries = Some(vec!["example.com".to_owned()]);
    let mut foreign = old.clone();
    foreign.certificate_arn = Some(FOREIGN.to_owned());
    let list = lists(vec![old, foreign]);
    let (ours, others) = (has_tags(OLD, OURS), has_tags(FOREIGN, &[]));
    let (request, put) = (requests(None, NEW), puts(NEW));
    let describe = describes(detail(NEW, Status::PendingValidation));
    let output = go(&[&list, &ours, &others, &request, &describe], &[&put], input(false, None)).await;
    assert_eq!(output.expect("requested").replaced, [OLD]);
}

#[tokio::test]
async fn only_the_first_turn_looks_for_others_beside_a_recorded_certificate_that_fits() {
    let (describe, list) = (
        describes(detail(NEW, Status::Issued)),
        lists(vec![summary(NEW, Status::Issued), summary(OLD, Status::Issued)]),
    );
    let (tags, known) = (has_tags(OLD, OURS), has_tags(NEW, &ALL_TAGS));
    let first = RequestCertInput { first_turn: true, ..input(false, Some(NEW)) };
    let output = go(&[&describe, &list, &tags, &known], &[], first).await.expect("issued");
    assert_issued(&output, NEW);
    assert_eq!(output.replaced, [OLD]);
    let output = go(&[&describe], &[], input(false, Some(NEW))).await.expect("issued");
    assert_eq!(output.replaced, [""; 0]);
}

#[tokio::test]
async fn the_first_turn_corrects_the_tags_of_a_certificate_of_ours_and_of_no_other() {
    let (describe, list) = (describes(detail(NEW, Status::Issued)), lists(vec![summary(NEW, Status::Issued)]));
    let former = vec!["cost".to_owned(), "gone".to_owned()];
    let wish = || RequestCertInput { first_turn: true, former_tags: former.clone(), ..input(false, Some(NEW)) };
    let sent = |tags: &[Tag]| tags.iter().map(|tag| tag.key().to_owned()).collect::<Vec<_>>();
    let add = mock!(Acm::add_tags_to_certificate)
        .match_requests(move |call| sent(call.tags()) == ["nameplate:stack", "team"])
        .then_output(|| AddTagsToCertificateOutput::builder().build());
    let remove = mock!(Acm::remove_tags_from_certificate)
        .match_requests(move |call| sent(call.tags()) == ["cost"])
        .then_output(|| RemoveTagsFromCertificateOutput::builder().build());
    let marks = [OURS, &[("team", "old"), ("cost", "1"), ("theirs", "x")]].concat();
    let tags = has_tags(NEW, &marks);
    go(&[&describe, &list, &tags, &add, &remove], &[], wish()).await.expect("issued");
    assert_eq!((add.num_calls(), remove.num_calls()), (1, 1));
    let theirs = has_tags(NEW, &[("team", "old"), ("cost", "1")]);
    go(&[&describe, &list, &theirs], &[], wish()).await.expect("issued, and left as it is");
}

#[tokio::test]
async fn every_page_of_the_listing_is_read() {
    let first = mock!(Acm::list_certificates)
        .match_requests(|request| request.next_token().is_none())
        .then_output(|| ListCertificatesOutput::builder().next_token("more").build());
    let second =
        mock!(Acm::list_certificates).match_requests(|request| request.next_token() == Some("more")).then_output(
            || ListCertificatesOutput::builder().certificate_summary_list(summary(OLD, Status::Issued)).build(),
        );
    let (tags, describe) = (has_tags(OLD, OURS), describes(earlier(detail(OLD, Status::Issued))));
    let output = go(&[&first, &second, &tags, &describe], &[], input(false, None)).await.expect("adopted");
    assert_issued(&output, OLD);
    assert_eq!((first.num_calls(), second.num_calls()), (1, 1));
}

#[tokio::test]
async fn a_second_run_reads_the_known_certificate_and_takes_a_watch_away_that_was_left() {
    let describe = describes(earlier(detail(OLD, Status::Issued)));
    let (output, done) = doing(NOW, &[&describe], &[], input(false, Some(OLD))).await;
    assert_issued(&output.expect("found"), OLD);
    assert_eq!(describe.num_calls(), 1);
    assert_eq!((of(&done.recorded), of(&done.removed)), (vec![], vec![OLD.to_owned()]));
}

#[tokio::test]
async fn the_records_for_the_customers_own_dns_are_actions_in_the_same_words_in_every_turn() {
    let mut wish = input(true, Some(OLD));
    wish.request.dns = Dns::External;
    let pending = describes(detail(OLD, Status::PendingValidation));
    let waiting = go(&[&pending], &[&stands(OLD, false)], wish.clone()).await.expect("pending");
    let issued = describes(detail(OLD, Status::Issued));
    let done = go(&[&issued], &[], wish).await.expect("issued");
    assert_eq!(waiting.actions, done.actions);
    let [first, second] = &waiting.actions[..] else { panic!("{:?}", waiting.actions) };
    assert!(first.ends_with(": _x.a.api.example.com CNAME _y.a.api.example.com.acm-validations.aws"), "{first}");
    assert!(second.ends_with(": _x.example.com CNAME _y.example.com.acm-validations.aws"), "{second}");
    let ours = go(&[&issued], &[], input(true, Some(OLD))).await.expect("issued");
    assert!(ours.actions.is_empty(), "a zone of this account is written to by us");
}

#[tokio::test]
async fn a_wait_for_the_customers_own_dns_does_not_speak_of_hosted_zones() {
    let mut wish = input(true, Some(OLD));
    (wish.request.dns, wish.deadline) = (Dns::External, NOW);
    let pending = describes(detail(OLD, Status::PendingValidation));
    let error = go(&[&pending], &[], wish).await.expect_err("too late");
    assert_eq!(error.code, "CertificateDeadline");
    assert!(!error.to_string().contains("hosted zone") && error.remedy.contains("Action Required"), "{error}");
}

#[tokio::test]
async fn a_later_turn_takes_one_look_and_forgets_the_token_of_the_last_sleep() {
    let (describe, put) = (describes(detail(OLD, Status::PendingValidation)), stands(OLD, false));
    let (output, done) = doing(NOW, &[&describe], &[&put], input(true, Some(OLD))).await;
    assert_pending(&output.expect("pending"), OLD);
    assert_eq!((describe.num_calls(), put.num_calls()), (1, 1));
    assert_eq!((of(&done.recorded), of(&done.forgotten)), (vec![OLD.to_owned()], vec![OLD.to_owned()]));
}

#[tokio::test]
async fn a_token_that_changed_meanwhile_is_left_to_the_next_turn() {
    let put = stands(OLD, false);
    let record =
        mock!(Dynamodb::update_item).match_requests(is_record).then_output(|| UpdateItemOutput::builder().build());
    let changed = mock!(Dynamodb::update_item)
        .match_requests(is_forgetting)
        .then_http_response(|| refusal("ConditionalCheckFailedException"));
    let clients = Clients {
        acm: mock_client!(aws_sdk_acm, RuleMode::MatchAny, [&describes(detail(OLD, Status::PendingValidation))]),
        dynamodb: mock_client!(aws_sdk_dynamodb, RuleMode::MatchAny, [&record, &changed, &put]),
    };
    let settings = Settings { stack: "nameplate".to_owned(), table: "table".to_owned() };
    let output = run_at(&clients, &settings, input(true, Some(OLD)), NOW).await.expect("pending");
    assert_pending(&output, OLD);
    assert_eq!(changed.num_calls(), 1);
}

#[tokio::test]
async fn who_does_not_hold_the_domain_any_more_does_not_begin_to_wait() {
    let lost = mock!(Dynamodb::update_item)
        .match_requests(is_record)
        .then_http_response(|| refusal("ConditionalCheckFailedException"));
    let (describe, request) = (describes(detail(OLD, Status::PendingValidation)), requests(None, OLD));
    for known in [Some(OLD), None] {
        let clients = Clients {
            acm: mock_client!(aws_sdk_acm, RuleMode::MatchAny, [&describe, &request]),
            dynamodb: mock_client!(aws_sdk_dynamodb, RuleMode::MatchAny, [&lost]),
        };
        let settings = Settings { stack: "nameplate".to_owned(), table: "table".to_owned() };
        let error = run_at(&clients, &settings, input(true, known), NOW).await.expect_err("no claim");
        assert_eq!((error.class, error.code.as_str()), (Class::Busy, "NotTheHolder"));
    }
    assert_eq!(lost.num_calls(), 2);
}

#[tokio::test]
async fn a_certificate_issued_before_its_watch_stood_is_seen_at_once() {
    let put = puts(OLD);
    let describe = mock!(Acm::describe_certificate)
        .sequence()
        .output(|| described(&detail(OLD, Status::PendingValidation)))
        .output(|| described(&detail(OLD, Status::Issued)))
        .build();
    let output = go(&[&describe], &[&put], input(false, Some(OLD))).await.expect("issued");
    assert_issued(&output, OLD);
}

#[tokio::test]
async fn a_wake_up_that_brought_nothing_is_taken_back_and_the_certificate_looked_at_again() {
    let put = stands(OLD, true);
    let reset =
        mock!(Dynamodb::update_item).match_requests(is_reset).then_output(|| UpdateItemOutput::builder().build());
    for (second, status) in
        [(Status::PendingValidation, CertificateStatus::Pending), (Status::Issued, CertificateStatus::Issued)]
    {
        let describe = mock!(Acm::describe_certificate)
            .sequence()
            .output(|| described(&detail(OLD, Status::PendingValidation)))
            .output(move || described(&detail(OLD, second.clone())))
            .build();
        let output = go(&[&describe], &[&put, &reset], input(true, Some(OLD))).await.expect("found");
        assert_eq!(output.status, status);
        assert_eq!(describe.num_calls(), 2);
    }
    assert_eq!(reset.num_calls(), 2);
}

#[tokio::test]
async fn a_wake_up_that_changed_meanwhile_is_left_to_the_next_turn() {
    let put = stands(OLD, true);
    let reset = mock!(Dynamodb::update_item).then_http_response(|| refusal("ConditionalCheckFailedException"));
    let describe = describes(detail(OLD, Status::PendingValidation));
    let output = go(&[&describe], &[&put, &reset], input(true, Some(OLD))).await.expect("pending");
    assert_pending(&output, OLD);
}

#[tokio::test]
async fn a_known_certificate_that_is_gone_or_has_other_names_is_replaced() {
    let mut other_names = earlier(detail(OLD, Status::Issued));
    other_names.subject_alternative_names = Some(vec!["example.com".to_owned()]);
    let mut other_key = earlier(detail(OLD, Status::Issued));
    other_key.key_algorithm = Some(KeyAlgorithm::from("EC-prime256v1"));
    // In the place of one that is there it comes under a token of its own: the names can have been wanted before.
    for (known, replaced) in
        [(does_not_know(OLD), None), (describes(other_names), Some(OLD)), (describes(other_key), Some(OLD))]
    {
        let (list, request, put) = (lists(vec![]), requests(replaced, NEW), puts(NEW));
        let describe = describes(detail(NEW, Status::PendingValidation));
        let rules = [&known, &list, &request, &describe];
        let output = go(&rules, &[&put], input(false, Some(OLD))).await.expect("requested");
        assert_pending(&output, NEW);
        assert_eq!(known.num_calls(), 1);
    }
}

#[tokio::test]
async fn what_an_earlier_run_left_unusable_is_replaced_under_another_token() {
    for status in [Status::Failed, Status::ValidationTimedOut, Status::Expired, Status::Revoked, Status::Inactive] {
        let (old, request, put) = (describes(earlier(detail(OLD, status))), requests(Some(OLD), NEW), puts(NEW));
        let new = describes(detail(NEW, Status::PendingValidation));
        let (output, done) = doing(NOW, &[&old, &request, &new], &[&put], input(false, Some(OLD))).await;
        assert_pending(&output.expect("replaced"), NEW);
        assert_eq!(of(&done.removed), [OLD], "nobody waits for the spent one");
    }
}

#[tokio::test]
async fn a_spent_certificate_that_the_token_gives_back_is_replaced_too() {
    let (list, first, second) = (lists(vec![]), requests(None, OLD), requests(Some(OLD), NEW));
    let (old, new) = (describes(earlier(failed(OLD, None))), describes(detail(NEW, Status::PendingValidation)));
    let (put_old, put_new) = (puts(OLD), puts(NEW));
    let rules = [&list, &first, &second, &old, &new];
    let output = go(&rules, &[&put_old, &put_new], input(false, None)).await.expect("replaced");
    assert_pending(&output, NEW);
    assert_eq!((first.num_calls(), second.num_calls()), (1, 1));
}

#[tokio::test]
async fn replacing_comes_to_an_end() {
    let request = mock!(Acm::request_certificate)
        .then_output(|| RequestCertificateOutput::builder().certificate_arn(OLD).build());
    let (describe, put) = (describes(earlier(failed(OLD, None))), stands(OLD, false));
    let error = go(&[&request, &describe], &[&put], input(true, Some(OLD))).await.expect_err("bounded");
    assert_eq!((error.class, error.code.as_str()), (Class::Failed, "TooManySpentCertificates"));
    assert_eq!(request.num_calls(), MAX_REPLACED);
}

#[tokio::test]
async fn a_failure_in_this_run_carries_acms_reason_and_its_remedy() {
    for (reason, word) in [
        (FailureReason::CaaError, "amazon.com"),
        (FailureReason::DomainNotAllowed, "VirusTotal"),
        (FailureReason::AdditionalVerificationRequired, "AWS Support"),
        (FailureReason::InvalidPublicDomain, "alternativeNames"),
        (FailureReason::DomainValidationDenied, "AWS Support"),
        (FailureReason::NoAvailableContacts, "DNS"),
        (FailureReason::Other, "console"),
    ] {
        let code = reason.as_str().to_owned();
        let describe = describes(failed(OLD, Some(reason)));
        let (error, done) = doing(NOW, &[&describe], &[], input(true, Some(OLD))).await;
        let error = error.expect_err(&code);
        assert_eq!((error.class, error.code.as_str()), (Class::Failed, code.as_str()));
        assert_eq!(of(&done.removed), [OLD]);
        assert!(error.remedy.contains(word) && error.reason.contains("FAILED"), "{error}");
    }
}

#[tokio::test]
async fn a_validation_that_timed_out_in_this_run_names_the_likely_cause() {
    let describe = describes(detail(OLD, Status::ValidationTimedOut));
    let error = go(&[&describe], &[], input(true, Some(OLD))).await.expect_err("timed out");
    assert_eq!((error.class, error.code.as_str()), (Class::Failed, "VALIDATION_TIMED_OUT"));
    assert!(error.reason.contains("name servers") && error.remedy.contains("dig +short NS example.com"), "{error}");
}

#[tokio::test]
async fn the_deadline_ends_the_wait_and_names_the_likely_cause() {
    let describe = describes(detail(OLD, Status::PendingValidation));
    let input = input(true, Some(OLD));
    let (last, over) = (input.deadline - 1, input.deadline);
    let early = at(last, &[&describe], &[&stands_at(OLD)], input.clone()).await.expect("still time");
    assert_pending(&early, OLD);
    let (error, done) = doing(over, &[&describe], &[], input.clone()).await;
    let error = error.expect_err("over");
    assert_eq!((error.class, error.code.as_str()), (Class::Failed, "CertificateDeadline"));
    assert!(error.reason.contains("name servers") && error.remedy.contains("registrar"), "{error}");
    assert_eq!((of(&done.recorded), of(&done.removed)), (vec![], vec![OLD.to_owned()]), "no watch is left");
    let error = at(over, &[&does_not_know(OLD)], &[], input).await.expect_err("over");
    assert_eq!((error.class, error.code.as_str()), (Class::Failed, "CertificateDeadline"), "nothing is requested");
}

#[tokio::test]
async fn the_first_turn_sets_the_end_of_the_wait_and_no_later_one_moves_it() {
    let describe = describes(detail(OLD, Status::PendingValidation));
    let mut input = input(true, Some(OLD));
    // As for a name that is bought first: a certificate is not waited for longer because of that.
    input.deadline += REGISTRATION_DEADLINE_SECS;
    let first = at(NOW, &[&describe], &[&stands_at(OLD)], input.clone()).await.expect("pending");
    assert_eq!(first.deadline, NOW + CERTIFICATE_DEADLINE_SECS);
    input.deadline = first.deadline;
    for later in [NOW + 3600, first.deadline - 1] {
        let turn = at(later, &[&describe], &[&stands_at(OLD)], input.clone()).await.expect("pending");
        assert_eq!(turn.deadline, first.deadline);
    }
}

#[tokio::test]
async fn a_failure_of_this_run_is_told_however_late_the_deadline_lies() {
    let describe = describes(failed(OLD, Some(FailureReason::CaaError)));
    let mut input = input(true, Some(OLD));
    input.deadline += REGISTRATION_DEADLINE_SECS;
    let error = at(NOW, &[&describe], &[], input).await.expect_err("failed");
    assert_eq!(error.code, "CAA_ERROR");
}

/// A standing watch without a token, whatever the time is.
fn stands_at(arn: &'static str) -> Rule {
    mock!(Dynamodb::put_item)
        .match_requests(move |request| {
            request.item().and_then(|item| item.get("id")) == Some(&text(&format!("watch#{arn}")))
        })
        .then_http_response(|| refusal("ConditionalCheckFailedException"))
}

#[tokio::test]
async fn a_certificate_that_is_issued_after_the_deadline_is_taken() {
    let describe = describes(detail(OLD, Status::Issued));
    let input = input(true, Some(OLD));
    let output = at(input.deadline + 1, &[&describe], &[], input).await.expect("issued");
    assert_issued(&output, OLD);
}

#[tokio::test]
async fn a_certificate_that_is_not_readable_yet_is_not_ready() {
    let (request, describe, put) = (requests(None, NEW), does_not_know(NEW), puts(NEW));
    let error = go(&[&request, &describe], &[&put], input(true, None)).await.expect_err("unreadable");
    assert_eq!((error.class, error.code.as_str()), (Class::NotReady, "CertificateNotReadable"));
    assert!(error.reason.contains(NEW), "{error}");
}

#[tokio::test]
async fn every_name_needs_its_record_before_the_records_are_handed_on() {
    let mut one_hidden = detail(NEW, Status::PendingValidation);
    one_hidden.domain_validation_options =
        Some(NAMES.iter().map(|name| validation(name, *name != "a.api.example.com")).collect());
    let mut none_listed = detail(NEW, Status::PendingValidation);
    none_listed.domain_validation_options = None;
    for shown in [one_hidden, none_listed] {
        let (request, describe, put) = (requests(None, NEW), describes(shown), puts(NEW));
        let error = go(&[&request, &describe], &[&put], input(true, None)).await.expect_err("hidden");
        assert_eq!((error.class, error.code.as_str()), (Class::NotReady, "ValidationRecordNotShown"));
        assert!(error.reason.contains("a.api.example.com"), "{error}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_quota_is_a_failure_although_the_sdk_tries_it_again() {
    let request = mock!(Acm::request_certificate).then_http_response(|| refusal("LimitExceededException"));
    let error = go(&[&request], &[], input(true, None)).await.expect_err("quota");
    assert_eq!((error.class, error.code.as_str()), (Class::Failed, "LimitExceededException"));
    assert!(error.remedy.contains("Service Quotas"), "{error}");
    assert_eq!(request.num_calls(), 3);
}

#[tokio::test]
async fn a_request_that_acm_refuses_is_a_failure() {
    for code in ["InvalidDomainValidationOptionsException", "InvalidParameterException", "TagPolicyException"] {
        let request = mock!(Acm::request_certificate).then_http_response(move || refusal(code));
        let error = go(&[&request], &[], input(true, None)).await.expect_err(code);
        assert_eq!((error.class, error.code.as_str()), (Class::Failed, code));
        assert_eq!(request.num_calls(), 1);
    }
}

#[tokio::test(start_paused = true)]
async fn throttling_is_retryable() {
    let describe = mock!(Acm::describe_certificate).then_http_response(|| refusal("ThrottlingException"));
    let error = go(&[&describe], &[], input(true, Some(OLD))).await.expect_err("throttled");
    assert_eq!((error.class, error.code.as_str()), (Class::Retryable, "ThrottlingException"));
    assert_eq!(describe.num_calls(), 3);
}

#[test]
fn the_token_follows_names_key_and_the_certificate_replaced_and_is_one_that_acm_takes() {
    let wish = input(true, None);
    let token = token_of(&wish, None);
    assert_eq!(token, token_of(&input(false, Some(OLD)), None));
    assert!((1..=32).contains(&token.len()) && token.bytes().all(|byte| byte.is_ascii_alphanumeric()), "{token}");
    let mut key = wish.clone();
    key.request.certificate.key_algorithm = nameplate::request::KeyAlgorithm::EcPrime256v1;
    let mut names = wish.clone();
    names.request.certificate.alternative_names = Some(vec![]);
    let others = [token_of(&wish, Some(OLD)), token_of(&wish, Some(NEW)), token_of(&key, None), token_of(&names, None)];
    let distinct: BTreeSet<&String> = others.iter().chain([&token]).collect();
    assert_eq!(distinct.len(), 5);
}
