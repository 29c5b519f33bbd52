//! The step against answers of AWS, one rule for each call that it may make: a call without a rule fails the test.

use super::*;
use aws_sdk_apigatewayv2::Client as Gateway;
use aws_sdk_apigatewayv2::config::http::HttpResponse;
use aws_sdk_apigatewayv2::operation::delete_api::DeleteApiOutput;
use aws_sdk_apigatewayv2::operation::get_api::GetApiOutput;
use aws_sdk_apigatewayv2::operation::get_authorizers::GetAuthorizersOutput;
use aws_sdk_apigatewayv2::operation::get_integrations::GetIntegrationsOutput;
use aws_sdk_apigatewayv2::types::{Authorizer, Integration, IntegrationType};
use aws_sdk_lambda::Client as Lambda;
use aws_sdk_lambda::operation::get_policy::GetPolicyOutput;
use aws_sdk_lambda::operation::remove_permission::RemovePermissionOutput;
use aws_smithy_mocks::{Rule, RuleMode, mock, mock_client};
use aws_smithy_types::body::SdkBody;
use nameplate::Class;
use serde_json::json;
use std::collections::HashMap;

const FUNCTION: &str = "arn:aws:lambda:us-east-1:123456789012:function:models";
const DOORKEEPER: &str = "arn:aws:lambda:us-east-1:123456789012:function:doorkeeper";

fn api(stack: &'static str) -> Rule {
    mock!(Gateway::get_api).then_output(move || {
        let tags = [(tags::DOMAIN, "example.com"), (tags::STACK, stack)];
        let tags: HashMap<String, String> = tags.map(|(k, v)| (k.to_owned(), v.to_owned())).into();
        GetApiOutput::builder().api_id("a1").set_tags(Some(tags)).build()
    })
}

fn integrations() -> Rule {
    mock!(Gateway::get_integrations).then_output(|| {
        let lambda = Integration::builder().integration_type(IntegrationType::AwsProxy).integration_uri(FUNCTION);
        let url = Integration::builder()
            .integration_type(IntegrationType::HttpProxy)
            .integration_uri("https://backend.example.net/");
        GetIntegrationsOutput::builder().items(lambda.build()).items(url.build()).build()
    })
}

/// A function that no route calls, and one that is no function.
fn authorizers() -> Rule {
    mock!(Gateway::get_authorizers).then_output(|| {
        let uri = format!("arn:aws:apigateway:us-east-1:lambda:path/2015-03-31/functions/{DOORKEEPER}/invocations");
        let jwt = Authorizer::builder().name("jwt").build();
        GetAuthorizersOutput::builder().items(Authorizer::builder().authorizer_uri(uri).build()).items(jwt).build()
    })
}

fn policy() -> String {
    let statement = |sid: &str, source: &str| json!({"Sid": sid, "Condition": {"ArnLike": {"AWS:SourceArn": source}}, "Effect": "Allow"});
    json!({"Statement": [
        statement("nameplate-1", "arn:aws:execute-api:us-east-1:123456789012:a1/$default/GET/"),
        statement("nameplate-2", "arn:aws:execute-api:us-east-1:123456789012:a12/$default/GET/"),
        statement("by-hand", "arn:aws:execute-api:us-east-1:123456789012:a1/*"),
        {"Sid": "nameplate-3", "Effect": "Allow"},
        statement("nameplate-4", "arn:aws:s3:::a1"),
        statement("nameplate-5", "arn:aws:execute-api:us-east-1:123456789012:a1/authorizers/z1"),
    ]})
    .to_string()
}

async fn step(gateway: &[&Rule], lambda: &[&Rule]) -> Result<RetireStepOutput, StepError> {
    let clients = Clients {
        api_gateway: mock_client!(aws_sdk_apigatewayv2, RuleMode::MatchAny, gateway),
        lambda: mock_client!(aws_sdk_lambda, RuleMode::MatchAny, lambda),
    };
    let input = DeleteApiInput { domain_name: "example.com".parse().expect("valid"), api_ids: vec!["a1".to_owned()] };
    run(&clients, &Settings { stack: "nameplate".to_owned() }, input).await
}

#[test]
fn only_our_statements_for_this_very_api_are_found() {
    let expected = ["nameplate-1", "nameplate-5"].map(str::to_owned);
    assert_eq!(statements_for(&policy(), "a1"), BTreeSet::from(expected));
    assert_eq!(statements_for("no JSON", "a1"), BTreeSet::new());
}

#[tokio::test]
async fn permissions_go_then_the_api() {
    let deleted = mock!(Gateway::delete_api)
        .match_requests(|call| call.api_id() == Some("a1"))
        .then_output(|| DeleteApiOutput::builder().build());
    let read = |function: &'static str| {
        mock!(Lambda::get_policy)
            .match_requests(move |call| call.function_name() == Some(function))
            .then_output(|| GetPolicyOutput::builder().policy(policy()).build())
    };
    let removed = |function: &'static str| {
        mock!(Lambda::remove_permission)
            .match_requests(move |call| {
                call.function_name() == Some(function)
                    && matches!(call.statement_id(), Some("nameplate-1" | "nameplate-5"))
            })
            .then_output(|| RemovePermissionOutput::builder().build())
    };
    let (of_route, of_authorizer) = (removed(FUNCTION), removed(DOORKEEPER));
    let gateway = [&api("nameplate"), &integrations(), &authorizers(), &deleted];
    let lambda = [&read(FUNCTION), &read(DOORKEEPER), &of_route, &of_authorizer];
    assert!(step(&gateway, &lambda).await.is_ok());
    assert_eq!((of_route.num_calls(), of_authorizer.num_calls(), deleted.num_calls()), (2, 2, 1));
}

#[tokio::test]
async fn an_absent_api_is_done_and_a_foreign_one_is_refused() {
    let absent = mock!(Gateway::get_api).then_http_response(|| {
        let body = json!({"__type": "NotFoundException", "message": "no"}).to_string();
        HttpResponse::new(404.try_into().expect("a status"), SdkBody::from(body))
    });
    assert!(step(&[&absent], &[]).await.is_ok());
    let error = step(&[&api("another")], &[]).await.expect_err("refused");
    assert_eq!((error.class, error.code.as_str()), (Class::Refused, "ApiNotOurs"));
}
