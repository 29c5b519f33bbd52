//! The step against answers of AWS, one rule for each call that it may make: a call without a rule fails the test.

use super::*;
use aws_sdk_apigatewayv2::Client as Gateway;
use aws_sdk_apigatewayv2::config::http::HttpResponse;
use aws_sdk_apigatewayv2::operation::delete_api_mapping::DeleteApiMappingOutput;
use aws_sdk_apigatewayv2::operation::delete_domain_name::DeleteDomainNameOutput;
use aws_sdk_apigatewayv2::operation::get_api::GetApiOutput;
use aws_sdk_apigatewayv2::operation::get_api_mappings::GetApiMappingsOutput;
use aws_sdk_apigatewayv2::types::DomainNameConfiguration;
use aws_sdk_route53::Client as Dns;
use aws_sdk_route53::operation::change_resource_record_sets::ChangeResourceRecordSetsOutput;
use aws_sdk_route53::operation::list_resource_record_sets::ListResourceRecordSetsOutput;
use aws_sdk_route53::types::{ChangeInfo, ChangeStatus};
use aws_smithy_mocks::{Rule, RuleMode, mock, mock_client};
use aws_smithy_types::DateTime;
use aws_smithy_types::body::SdkBody;
use nameplate::Class;
use serde_json::json;
use std::collections::HashMap;

const HOST: &str = "api.example.com";
const TARGET: &str = "d-abc.execute-api.us-east-1.amazonaws.com";

fn alias(kind: RrType, target: &str) -> ResourceRecordSet {
    let alias = AliasTarget::builder().dns_name(target).hosted_zone_id("Z1UJ").evaluate_target_health(false);
    ResourceRecordSet::builder()
        .name("api.example.com.")
        .r#type(kind)
        .alias_target(alias.build().expect("complete"))
        .build()
        .expect("complete")
}

fn refusal(status: u16, code: &str) -> HttpResponse {
    let body = json!({"__type": code, "message": "because"}).to_string();
    HttpResponse::new(status.try_into().expect("a status"), SdkBody::from(body))
}

fn our_tags() -> HashMap<String, String> {
    [(tags::DOMAIN, "example.com"), (tags::STACK, "nameplate")].map(|(k, v)| (k.to_owned(), v.to_owned())).into()
}

fn domain(tags: HashMap<String, String>) -> Rule {
    mock!(Gateway::get_domain_name).then_output(move || {
        let configuration = DomainNameConfiguration::builder().api_gateway_domain_name(format!("{TARGET}.")).build();
        GetDomainNameOutput::builder().domain_name_configurations(configuration).set_tags(Some(tags.clone())).build()
    })
}

fn no_domain() -> Rule {
    mock!(Gateway::get_domain_name).then_http_response(|| refusal(404, "NotFoundException"))
}

fn mapping() -> Rule {
    mapping_of("")
}

fn mapping_of(key: &'static str) -> Rule {
    mock!(Gateway::get_api_mappings).then_output(move || {
        let mapping = ApiMapping::builder().api_mapping_id("m1").api_mapping_key(key).api_id("a1").stage("$default");
        GetApiMappingsOutput::builder().items(mapping.build()).build()
    })
}

fn api(tags: HashMap<String, String>) -> Rule {
    mock!(Gateway::get_api)
        .then_output(move || GetApiOutput::builder().api_id("a1").set_tags(Some(tags.clone())).build())
}

fn mapping_deleted() -> Rule {
    mock!(Gateway::delete_api_mapping)
        .match_requests(|call| call.api_mapping_id() == Some("m1"))
        .then_output(|| DeleteApiMappingOutput::builder().build())
}

fn domain_deleted() -> Rule {
    mock!(Gateway::delete_domain_name)
        .match_requests(|call| call.domain_name() == Some(HOST))
        .then_output(|| DeleteDomainNameOutput::builder().build())
}

fn records(present: Vec<ResourceRecordSet>) -> Rule {
    mock!(Dns::list_resource_record_sets).then_output(move || {
        ListResourceRecordSetsOutput::builder()
            .set_resource_record_sets(Some(present.clone()))
            .is_truncated(false)
            .max_items(3)
            .build()
            .expect("complete")
    })
}

fn deleted(kinds: &'static [&'static str]) -> Rule {
    mock!(Dns::change_resource_record_sets)
        .match_requests(move |call| {
            let changes = call.change_batch().map(|batch| batch.changes()).unwrap_or_default();
            let of_kind = |change: &Change| {
                change.resource_record_set().map(|set| set.r#type().as_str().to_owned()).unwrap_or_default()
            };
            changes.iter().all(|change| *change.action() == ChangeAction::Delete)
                && changes.iter().map(of_kind).collect::<Vec<_>>() == kinds
        })
        .then_output(|| {
            let info = ChangeInfo::builder().id("C1").status(ChangeStatus::Insync).submitted_at(DateTime::from_secs(0));
            ChangeResourceRecordSetsOutput::builder().change_info(info.build().expect("complete")).build()
        })
}

async fn step(gateway: &[&Rule], dns: &[&Rule], recorded: Option<&str>) -> Result<RetireStepOutput, StepError> {
    let clients = Clients {
        api_gateway: mock_client!(aws_sdk_apigatewayv2, RuleMode::MatchAny, gateway),
        route53: mock_client!(aws_sdk_route53, RuleMode::MatchAny, dns),
    };
    let input = DetachDomainInput {
        domain_name: "example.com".parse().expect("valid"),
        hostnames: vec![HOST.to_owned()],
        recorded: recorded.map(str::to_owned).into_iter().collect(),
        hosted_zone_ids: vec!["Z1".to_owned()],
    };
    run(&clients, &Settings { stack: "nameplate".to_owned() }, input).await
}

#[tokio::test]
async fn aliases_mapping_and_custom_domain_go() {
    let (gone, dropped, batch) = (domain_deleted(), mapping_deleted(), deleted(&["A", "AAAA"]));
    let present = records(vec![alias(RrType::A, TARGET), alias(RrType::Aaaa, TARGET)]);
    let gateway = [&domain(our_tags()), &mapping(), &api(our_tags()), &dropped, &gone];
    assert_eq!(step(&gateway, &[&present, &batch], None).await, Ok(RetireStepOutput::default()));
    assert_eq!((batch.num_calls(), dropped.num_calls(), gone.num_calls()), (1, 1, 1));
}

#[tokio::test]
async fn aliases_go_before_the_mapping_and_the_mapping_before_the_custom_domain() {
    let present = records(vec![alias(RrType::A, TARGET)]);
    let (gone, dropped) = (domain_deleted(), mapping_deleted());
    let denied = mock!(Dns::change_resource_record_sets).then_http_response(|| refusal(403, "AccessDenied"));
    let gateway = [&domain(our_tags()), &mapping(), &api(our_tags()), &dropped, &gone];
    assert!(step(&gateway, &[&present, &denied], None).await.is_err());
    assert_eq!((denied.num_calls(), dropped.num_calls(), gone.num_calls()), (1, 0, 0));

    let (batch, denied) = (deleted(&["A"]), mock!(Gateway::delete_api_mapping));
    let denied = denied.then_http_response(|| refusal(403, "AccessDeniedException"));
    let gateway = [&domain(our_tags()), &mapping(), &api(our_tags()), &denied, &gone];
    assert!(step(&gateway, &[&present, &batch], None).await.is_err());
    assert_eq!((batch.num_calls(), denied.num_calls(), gone.num_calls()), (1, 1, 0));
}

#[tokio::test]
async fn what_is_gone_is_done_without_a_write() {
    assert!(step(&[&no_domain()], &[&records(vec![])], Some(HOST)).await.is_ok());
}

#[tokio::test]
async fn an_alias_of_a_vanished_custom_domain_goes_only_where_it_is_recorded_as_ours() {
    let present = records(vec![alias(RrType::A, "d-old.execute-api.us-east-1.amazonaws.com.")]);
    let batch = deleted(&["A"]);
    assert!(step(&[&no_domain()], &[&present, &batch], Some(HOST)).await.is_ok());
    assert_eq!(batch.num_calls(), 1);
    assert!(step(&[&no_domain()], &[&present], None).await.is_ok(), "no rule lets it be deleted");
    let elsewhere = records(vec![alias(RrType::A, "d-old.execute-api.us-west-2.amazonaws.com.")]);
    assert!(step(&[&no_domain()], &[&elsewhere], Some(HOST)).await.is_ok(), "nor that of another region");
}

#[tokio::test]
async fn an_alias_that_somebody_has_moved_stays_although_the_name_is_recorded_as_ours() {
    let moved = records(vec![alias(RrType::A, "d-theirs.execute-api.us-east-1.amazonaws.com.")]);
    let (gone, dropped) = (domain_deleted(), mapping_deleted());
    // No rule lets a record be deleted.
    let gateway = [&domain(our_tags()), &mapping(), &dropped, &gone];
    assert!(step(&gateway, &[&moved], Some(HOST)).await.is_ok());
    assert_eq!((dropped.num_calls(), gone.num_calls()), (1, 1));
}

#[test]
fn records_of_somebody_else_are_left_alone() {
    let targets = Targets { exact: Some(TARGET.to_owned()), gone_from: None };
    let weighted = ResourceRecordSet::builder()
        .name("api.example.com.")
        .r#type(RrType::A)
        .set_identifier("blue")
        .set_alias_target(alias(RrType::A, TARGET).alias_target().cloned())
        .build()
        .expect("complete");
    let plain = ResourceRecordSet::builder().name("api.example.com.").r#type(RrType::A).build().expect("complete");
    let balancer = alias(RrType::A, "lb.us-east-1.elb.amazonaws.com.");
    assert_eq!(ours(HOST, &[weighted, plain, balancer], &targets), []);
    assert_eq!(ours("www.example.com", &[alias(RrType::A, TARGET)], &targets), []);
    assert_eq!(ours(HOST, &[alias(RrType::A, TARGET)], &targets).len(), 1);
}

#[tokio::test]
async fn what_is_not_ours_is_refused_before_anything_is_deleted() {
    let present = records(vec![]);
    let error = step(&[&domain(HashMap::new())], &[&present], None).await.expect_err("refused");
    assert_eq!((error.class, error.code.as_str()), (Class::Refused, "DomainNameNotOurs"));
    // Alias records are no exception: no rule lets them go.
    let present = records(vec![alias(RrType::A, TARGET), alias(RrType::Aaaa, TARGET)]);
    let gateway = [&domain(our_tags()), &mapping(), &api(HashMap::new())];
    let error = step(&gateway, &[&present], None).await.expect_err("refused");
    assert_eq!((error.class, error.code.as_str()), (Class::Refused, "MappingNotOurs"));
}

#[tokio::test]
async fn the_root_mapping_of_a_recorded_host_name_goes_whatever_api_it_leads_to() {
    let (gone, dropped, present) = (domain_deleted(), mapping_deleted(), records(vec![]));
    // No rule lets the API be asked, or touched.
    let gateway = [&domain(our_tags()), &mapping(), &dropped, &gone];
    assert!(step(&gateway, &[&present], Some(HOST)).await.is_ok());
    assert_eq!((dropped.num_calls(), gone.num_calls()), (1, 1));
    let gateway = [&domain(our_tags()), &mapping_of("v2"), &api(HashMap::new())];
    let error = step(&gateway, &[&present], Some(HOST)).await.expect_err("refused");
    assert_eq!((error.class, error.code.as_str()), (Class::Refused, "MappingNotOurs"));
    assert!(error.reason.contains("/v2"), "{}", error.reason);
}

#[tokio::test]
async fn the_accounts_turn_is_waited_for_and_the_sdk_does_not_try_again() {
    let busy = mock!(Gateway::delete_domain_name)
        .sequence()
        .http_response(|| refusal(429, "TooManyRequestsException"))
        .repeatedly()
        .build();
    let gateway = [&domain(our_tags()), &mapping(), &api(our_tags()), &mapping_deleted(), &busy];
    let error = step(&gateway, &[&records(vec![])], None).await.expect_err("not yet");
    assert_eq!((error.class, busy.num_calls()), (Class::NotReady, 1));
}
