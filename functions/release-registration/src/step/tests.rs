//! The step against answers of Route 53 Domains, one rule for each call that it may make: a call without a rule fails
//! the test.

use super::*;
use aws_sdk_route53domains::Client as Domains;
use aws_sdk_route53domains::config::http::HttpResponse;
use aws_sdk_route53domains::operation::delete_tags_for_domain::DeleteTagsForDomainOutput;
use aws_sdk_route53domains::operation::disable_domain_auto_renew::DisableDomainAutoRenewOutput;
use aws_sdk_route53domains::operation::get_domain_detail::GetDomainDetailOutput;
use aws_sdk_route53domains::operation::list_tags_for_domain::ListTagsForDomainOutput;
use aws_sdk_route53domains::types::Tag;
use aws_smithy_mocks::{Rule, RuleMode, mock, mock_client};
use aws_smithy_types::body::SdkBody;
use nameplate::RetireRequest;
use serde_json::json;

fn detail(auto_renew: bool) -> Rule {
    mock!(Domains::get_domain_detail)
        .then_output(move || GetDomainDetailOutput::builder().auto_renew(auto_renew).build())
}

fn tagged(stack: &'static str) -> Rule {
    mock!(Domains::list_tags_for_domain).then_output(move || {
        let tag = |key: &str, value: &str| Tag::builder().key(key).value(value).build();
        ListTagsForDomainOutput::builder()
            .tag_list(tag(tags::DOMAIN, "example.com"))
            .tag_list(tag(tags::STACK, stack))
            .tag_list(tag("team", "x"))
            .tag_list(tag("theirs", "y"))
            .build()
    })
}

fn absent() -> HttpResponse {
    let body = json!({"__type": "InvalidInput", "message": "not found in this account"}).to_string();
    HttpResponse::new(400.try_into().expect("a status"), SdkBody::from(body))
}

fn disabled() -> Rule {
    mock!(Domains::disable_domain_auto_renew).then_output(|| DisableDomainAutoRenewOutput::builder().build())
}

fn untagged() -> Rule {
    mock!(Domains::delete_tags_for_domain)
        .match_requests(|call| call.tags_to_delete() == ["team", tags::DOMAIN, tags::STACK])
        .then_output(|| DeleteTagsForDomainOutput::builder().build())
}

async fn step(rules: &[&Rule], renewal: &str) -> Result<RetireStepOutput, StepError> {
    let clients = Clients { domains: mock_client!(aws_sdk_route53domains, RuleMode::MatchAny, rules) };
    let request = format!(r#"{{"domainName": "example.com", "confirm": "example.com"{renewal}}}"#);
    let tag_keys = ["gone", "team"].map(str::to_owned).into();
    let input = ReleaseRegistrationInput { request: RetireRequest::read(&request).expect("valid"), tag_keys };
    run(&clients, &Settings { stack: "nameplate".to_owned() }, input).await
}

#[tokio::test]
async fn our_tags_and_those_of_requests_go_and_renewal_stays_as_it_is() {
    let untagged = untagged();
    assert!(step(&[&tagged("nameplate"), &untagged], "").await.is_ok());
    assert_eq!(untagged.num_calls(), 1);
    assert!(step(&[&tagged("another")], "").await.is_ok(), "no rule lets another stack's tags be deleted");
}

#[tokio::test]
async fn renewal_ends_on_request_and_only_once() {
    let disabled = disabled();
    assert!(step(&[&detail(true), &tagged("another"), &disabled], r#", "autoRenew": "off""#).await.is_ok());
    assert_eq!(disabled.num_calls(), 1);
    assert!(step(&[&detail(false), &tagged("another")], r#", "autoRenew": "off""#).await.is_ok());
}

#[tokio::test]
async fn a_name_that_is_registered_elsewhere_is_left_alone() {
    let detail = mock!(Domains::get_domain_detail).then_http_response(absent);
    let tags = mock!(Domains::list_tags_for_domain).then_http_response(absent);
    assert!(step(&[&detail, &tags], r#", "autoRenew": "off""#).await.is_ok());
}
