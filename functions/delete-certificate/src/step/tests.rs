//! The step against answers of ACM, one rule for each call that it may make: a call without a rule fails the test.

use super::*;
use aws_sdk_acm::Client as Acm;
use aws_sdk_acm::config::http::HttpResponse;
use aws_sdk_acm::operation::delete_certificate::DeleteCertificateOutput as Deleted;
use aws_sdk_acm::operation::describe_certificate::DescribeCertificateOutput;
use aws_sdk_acm::operation::list_tags_for_certificate::ListTagsForCertificateOutput;
use aws_sdk_acm::types::CertificateDetail;
use aws_sdk_acm::types::Tag;
use aws_sdk_apigatewayv2::Client as Gateway;
use aws_sdk_apigatewayv2::operation::get_domain_names::GetDomainNamesOutput;
use aws_sdk_apigatewayv2::types::{DomainName, DomainNameConfiguration};
use aws_smithy_mocks::{Rule, RuleMode, mock, mock_client};
use aws_smithy_types::body::SdkBody;
use nameplate::Class;
use serde_json::json;

const ARN: &str = "arn:aws:acm:us-east-1:123456789012:certificate/one";
const OF_AWS: &str = "arn:aws:elasticloadbalancing:us-east-1:111122223333:loadbalancer/net/apigateway/x";
const OF_OURS: &str = "arn:aws:elasticloadbalancing:us-east-1:123456789012:loadbalancer/app/mine/x";
const DEADLINE: i64 = 1_000;

fn certificate(users: &'static [&'static str]) -> Rule {
    mock!(Acm::describe_certificate).then_output(move || {
        let users = users.iter().map(|arn| (*arn).to_owned()).collect();
        let detail = CertificateDetail::builder().certificate_arn(ARN).set_in_use_by(Some(users)).build();
        DescribeCertificateOutput::builder().certificate(detail).build()
    })
}

fn tagged(stack: &'static str) -> Rule {
    mock!(Acm::list_tags_for_certificate).then_output(move || {
        let tag = |key: &str, value: &str| Tag::builder().key(key).value(value).build().expect("complete");
        ListTagsForCertificateOutput::builder()
            .tags(tag(tags::DOMAIN, "example.com"))
            .tags(tag(tags::STACK, stack))
            .build()
    })
}

fn deleted() -> Rule {
    mock!(Acm::delete_certificate)
        .match_requests(|call| call.certificate_arn() == Some(ARN))
        .then_output(|| Deleted::builder().build())
}

fn refused(code: &'static str) -> Rule {
    let answer = move || {
        let body = json!({"__type": code, "message": "because"}).to_string();
        HttpResponse::new(400.try_into().expect("a status"), SdkBody::from(body))
    };
    mock!(Acm::delete_certificate).sequence().http_response(answer).repeatedly().build()
}

/// The only custom domain of the account, with the certificate and that tag of a stack.
fn custom_domain(certificate: &'static str, stack: &'static str) -> Rule {
    mock!(Gateway::get_domain_names).then_output(move || {
        let one = DomainName::builder()
            .domain_name("theirs.example.com")
            .domain_name_configurations(DomainNameConfiguration::builder().certificate_arn(certificate).build())
            .tags(tags::DOMAIN, "example.com")
            .tags(tags::STACK, stack)
            .build();
        GetDomainNamesOutput::builder().items(one).build()
    })
}

async fn step(rules: &[&Rule], now: i64) -> Result<DeleteCertificateOutput, StepError> {
    let clients = Clients {
        acm: mock_client!(aws_sdk_acm, RuleMode::MatchAny, rules),
        api_gateway: mock_client!(aws_sdk_apigatewayv2, RuleMode::MatchAny, rules),
    };
    let settings = Settings { stack: "nameplate".to_owned(), account: "123456789012".to_owned() };
    let input = DeleteCertificateInput {
        domain_name: "example.com".parse().expect("valid"),
        certificate_arns: vec![ARN.to_owned()],
        deadline: DEADLINE,
    };
    run_at(&clients, &settings, &input, now).await
}

#[tokio::test]
async fn an_unused_certificate_goes_and_an_absent_one_is_done() {
    let gone = deleted();
    let done = DeleteCertificateOutput { in_use: false, left: vec![] };
    assert_eq!(step(&[&certificate(&[]), &tagged("nameplate"), &gone], 0).await, Ok(done.clone()));
    assert_eq!(gone.num_calls(), 1);
    let absent = mock!(Acm::describe_certificate).then_http_response(|| {
        let body = json!({"__type": "ResourceNotFoundException", "message": "no"}).to_string();
        HttpResponse::new(400.try_into().expect("a status"), SdkBody::from(body))
    });
    assert_eq!(step(&[&absent], 0).await, Ok(done));
}

#[tokio::test]
async fn one_that_api_gateway_still_uses_is_waited_for_until_the_deadline() {
    for rules in [
        vec![certificate(&[OF_AWS]), tagged("nameplate"), custom_domain(ARN, "nameplate")],
        vec![certificate(&[OF_AWS]), tagged("nameplate"), custom_domain("arn:another", "another")],
        vec![certificate(&[]), tagged("nameplate"), refused("ResourceInUseException"), custom_domain(ARN, "nameplate")],
    ] {
        let rules: Vec<&Rule> = rules.iter().collect();
        let waiting = step(&rules, DEADLINE - 1).await.expect("it waits");
        assert!(waiting.in_use && waiting.left.is_empty());
        let late = step(&rules, DEADLINE).await.expect("it stays");
        assert!(!late.in_use);
        assert_eq!(late.left[0].name, ARN);
        assert!(late.left[0].reason.contains("uses it; once nothing does"), "{}", late.left[0].reason);
    }
}

#[tokio::test]
async fn one_that_something_of_this_account_uses_stays_at_once() {
    let output = step(&[&certificate(&[OF_AWS, OF_OURS]), &tagged("nameplate")], 0).await.expect("no failure");
    assert!(!output.in_use);
    assert_eq!(output.left[0].name, ARN);
    assert!(output.left[0].reason.contains(OF_OURS));
    let theirs = custom_domain(ARN, "another");
    let output = step(&[&certificate(&[OF_AWS]), &tagged("nameplate"), &theirs], 0).await.expect("no failure");
    assert!(!output.in_use && output.left[0].reason.contains("theirs.example.com"), "{output:?}");
}

#[tokio::test]
async fn a_foreign_one_is_refused_and_a_conflict_is_tried_again() {
    let error = step(&[&certificate(&[]), &tagged("another")], 0).await.expect_err("refused");
    assert_eq!((error.class, error.code.as_str()), (Class::Refused, "CertificateNotOurs"));
    let conflict = refused("ConflictException");
    let error = step(&[&certificate(&[]), &tagged("nameplate"), &conflict], 0).await.expect_err("again");
    assert_eq!((error.class, conflict.num_calls()), (Class::Retryable, 1));
}
