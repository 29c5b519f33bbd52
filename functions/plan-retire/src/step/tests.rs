//! The step against answers of AWS, one rule for each call that it may make: a call without a rule fails the test.

use super::*;
use aws_sdk_acm::Client as Acm;
use aws_sdk_acm::operation::describe_certificate::DescribeCertificateOutput;
use aws_sdk_acm::operation::list_certificates::ListCertificatesOutput;
use aws_sdk_acm::operation::list_tags_for_certificate::ListTagsForCertificateOutput;
use aws_sdk_acm::types::{CertificateDetail, CertificateSummary, DomainValidation, RecordType, ResourceRecord, Tag};
use aws_sdk_apigatewayv2::Client as Gateway;
use aws_sdk_apigatewayv2::operation::get_api::GetApiOutput;
use aws_sdk_apigatewayv2::operation::get_api_mappings::GetApiMappingsOutput;
use aws_sdk_apigatewayv2::operation::get_apis::GetApisOutput;
use aws_sdk_apigatewayv2::operation::get_domain_names::GetDomainNamesOutput;
use aws_sdk_apigatewayv2::types::{Api, ApiMapping, DomainName};
use aws_sdk_dynamodb::Client as Dynamodb;
use aws_sdk_dynamodb::config::http::HttpResponse;
use aws_sdk_dynamodb::operation::get_item::GetItemOutput;
use aws_sdk_route53::Client as Dns;
use aws_sdk_route53::operation::get_hosted_zone::GetHostedZoneOutput;
use aws_sdk_route53::operation::list_hosted_zones_by_name::ListHostedZonesByNameOutput;
use aws_sdk_route53::operation::list_resource_record_sets::ListResourceRecordSetsOutput;
use aws_sdk_route53::operation::list_tags_for_resource::ListTagsForResourceOutput;
use aws_sdk_route53::types::{
    DelegationSet, HostedZone, HostedZoneConfig, ResourceRecordSet, ResourceTagSet, RrType, Tag as ZoneTag,
};
use aws_sdk_route53domains::Client as Domains;
use aws_sdk_route53domains::operation::get_domain_detail::GetDomainDetailOutput;
use aws_sdk_route53domains::operation::get_operation_detail::GetOperationDetailOutput;
use aws_sdk_route53domains::types::{Nameserver, OperationStatus};
use aws_smithy_mocks::{Rule, RuleMode, mock, mock_client};
use aws_smithy_types::body::SdkBody;
use nameplate::tags;
use serde_json::json;
use std::collections::HashMap;

const ARN: &str = "arn:aws:acm:us-east-1:123456789012:certificate/one";
const INCARNATION: &str = "arn:aws:states:us-east-1:123456789012:execution:nameplate-provision:one";

/// The world that one test is about.
#[derive(Clone, Default)]
struct Given {
    item: Vec<(&'static str, &'static str)>,
    intent: Option<i64>,
    /// Whether the custom domain, the API, the certificate and the zone are there, with our tags.
    made: bool,
    /// Whether the mapping leads to an API of somebody else.
    foreign_mapping: bool,
    /// Whether the name is registered here, delegated to the zone.
    registered: bool,
    comment: &'static str,
    operation: Option<OperationStatus>,
    more_records: Vec<(&'static str, &'static str)>,
}

fn refusal(code: &str) -> HttpResponse {
    let body = json!({"__type": code, "message": "because"}).to_string();
    HttpResponse::new(400.try_into().expect("a status"), SdkBody::from(body))
}

fn our_tags() -> HashMap<String, String> {
    [(tags::DOMAIN, "example.com"), (tags::STACK, "nameplate")].map(|(k, v)| (k.to_owned(), v.to_owned())).into()
}

fn gateway(given: &Given) -> Vec<Rule> {
    let made = given.made;
    let leads_to = if given.foreign_mapping { "theirs" } else { "a1" };
    vec![
        mock!(Gateway::get_domain_names).then_output(move || {
            let ours = DomainName::builder().domain_name("api.example.com").set_tags(Some(our_tags())).build();
            let theirs = DomainName::builder().domain_name("www.example.com").build();
            GetDomainNamesOutput::builder().items(theirs).set_items(made.then(|| vec![ours])).build()
        }),
        mock!(Gateway::get_apis).then_output(move || {
            let ours = Api::builder().api_id("a1").set_tags(Some(our_tags())).build();
            GetApisOutput::builder().set_items(made.then(|| vec![ours])).build()
        }),
        mock!(Gateway::get_api_mappings).then_output(move || {
            GetApiMappingsOutput::builder().items(ApiMapping::builder().api_id(leads_to).build()).build()
        }),
        mock!(Gateway::get_api)
            .match_requests(|call| call.api_id() == Some("theirs"))
            .then_output(|| GetApiOutput::builder().api_id("theirs").build()),
    ]
}

fn acm(given: &Given) -> Vec<Rule> {
    let made = given.made;
    vec![
        mock!(Acm::list_certificates).then_output(move || {
            let ours = CertificateSummary::builder().certificate_arn(ARN).domain_name("example.com").build();
            ListCertificatesOutput::builder().set_certificate_summary_list(made.then(|| vec![ours])).build()
        }),
        mock!(Acm::describe_certificate).match_requests(|call| call.certificate_arn() == Some(ARN)).then_output(|| {
            let record = ResourceRecord::builder().name("_x1.example.com.").r#type(RecordType::Cname).value("_y.");
            let option = DomainValidation::builder()
                .domain_name("example.com")
                .resource_record(record.build().expect("complete"))
                .build()
                .expect("complete");
            let detail = CertificateDetail::builder().certificate_arn(ARN).domain_validation_options(option).build();
            DescribeCertificateOutput::builder().certificate(detail).build()
        }),
        mock!(Acm::list_tags_for_certificate).then_output(|| {
            let tags = our_tags().into_iter().map(|(k, v)| Tag::builder().key(k).value(v).build().expect("complete"));
            ListTagsForCertificateOutput::builder().set_tags(Some(tags.collect())).build()
        }),
    ]
}

fn dns(given: &Given) -> Vec<Rule> {
    let (made, comment, more) = (given.made, given.comment, given.more_records.clone());
    let zone = move || {
        HostedZone::builder()
            .id("/hostedzone/Z1")
            .name("example.com.")
            .caller_reference("somebody")
            .config(HostedZoneConfig::builder().comment(comment).build())
            .build()
            .expect("complete")
    };
    vec![
        mock!(Dns::list_hosted_zones_by_name).then_output(move || {
            let zones = if made { vec![zone()] } else { Vec::new() };
            ListHostedZonesByNameOutput::builder()
                .set_hosted_zones(Some(zones))
                .is_truncated(false)
                .max_items(100)
                .build()
                .expect("complete")
        }),
        mock!(Dns::list_tags_for_resource).then_output(|| {
            let tags = our_tags().into_iter().map(|(k, v)| ZoneTag::builder().key(k).value(v).build());
            let set = ResourceTagSet::builder().set_tags(Some(tags.collect())).build();
            ListTagsForResourceOutput::builder().resource_tag_set(set).build()
        }),
        mock!(Dns::get_hosted_zone).then_output(move || {
            let servers = DelegationSet::builder().name_servers("ns-1.awsdns-01.com").build().expect("complete");
            GetHostedZoneOutput::builder().hosted_zone(zone()).delegation_set(servers).build()
        }),
        mock!(Dns::list_resource_record_sets).then_output(move || {
            let own = [("example.com.", "NS"), ("example.com.", "SOA"), ("_x1.example.com.", "CNAME")];
            let sets = own.iter().chain(&more).map(|(name, kind)| {
                ResourceRecordSet::builder().name(*name).r#type(RrType::from(*kind)).build().expect("complete")
            });
            ListResourceRecordSetsOutput::builder()
                .set_resource_record_sets(Some(sets.collect()))
                .is_truncated(false)
                .max_items(300)
                .build()
                .expect("complete")
        }),
    ]
}

fn registry(given: &Given) -> Vec<Rule> {
    let detail = if given.registered {
        mock!(Domains::get_domain_detail).then_output(|| {
            let server = Nameserver::builder().name("NS-1.awsdns-01.com.").build().expect("complete");
            GetDomainDetailOutput::builder().nameservers(server).auto_renew(true).build()
        })
    } else {
        mock!(Domains::get_domain_detail).then_http_response(|| refusal("InvalidInput"))
    };
    let status = given.operation.clone();
    let operation = mock!(Domains::get_operation_detail)
        .then_output(move || GetOperationDetailOutput::builder().set_status(status.clone()).build());
    vec![detail, operation]
}

async fn step(given: &Given, more: Value) -> Result<PlanRetireOutput, StepError> {
    let (item, intent) = (given.item.clone(), given.intent);
    let table = [mock!(Dynamodb::get_item).match_requests(|call| call.consistent_read() == Some(true)).then_output(
        move || {
            let mut attributes: HashMap<String, AttributeValue> =
                item.iter().map(|(name, value)| ((*name).to_owned(), AttributeValue::S((*value).to_owned()))).collect();
            attributes
                .extend(intent.map(|at| (attribute::PURCHASE_INTENT.to_owned(), AttributeValue::N(at.to_string()))));
            GetItemOutput::builder().set_item((!attributes.is_empty()).then_some(attributes)).build()
        },
    )];
    let clients = Clients {
        acm: mock_client!(aws_sdk_acm, RuleMode::MatchAny, &acm(given).iter().collect::<Vec<_>>()),
        other_acm: Vec::new(),
        api_gateway: mock_client!(aws_sdk_apigatewayv2, RuleMode::MatchAny, &gateway(given).iter().collect::<Vec<_>>()),
        dynamodb: mock_client!(aws_sdk_dynamodb, RuleMode::MatchAny, &table.iter().collect::<Vec<_>>()),
        domains: mock_client!(aws_sdk_route53domains, RuleMode::MatchAny, &registry(given).iter().collect::<Vec<_>>()),
        route53: mock_client!(aws_sdk_route53, RuleMode::MatchAny, &dns(given).iter().collect::<Vec<_>>()),
    };
    let settings =
        Settings { stack: "nameplate".to_owned(), table: "table".to_owned(), account: "123456789012".to_owned() };
    let mut request = json!({"domainName": "example.com", "confirm": "example.com"});
    request.as_object_mut().expect("an object").extend(more.as_object().cloned().unwrap_or_default());
    let request = serde_json::value::RawValue::from_string(request.to_string()).expect("JSON");
    run(&clients, &settings, PlanRetireInput { request }).await
}

fn listed(things: &[Thing]) -> Vec<&str> {
    things.iter().map(|thing| thing.resource.as_str()).collect()
}

#[tokio::test]
async fn what_a_run_made_that_never_finished_is_found_by_tag() {
    let given = Given {
        item: vec![("id", "domain#example.com"), ("incarnation", INCARNATION), ("status", "FAILED")],
        made: true,
        registered: true,
        ..Given::default()
    };
    let plan = step(&given, json!({})).await.expect("a plan");
    assert_eq!(listed(&plan.goes), ["custom domain", "API", "certificate", "validation record"]);
    assert_eq!(listed(&plan.stays), ["hosted zone", "registration"]);
    assert_eq!((plan.hostnames, plan.api_ids), (vec!["api.example.com".to_owned()], vec!["a1".to_owned()]));
    assert_eq!((plan.certificate_arns, plan.hosted_zone_ids), (vec![ARN.to_owned()], vec!["Z1".to_owned()]));
    assert_eq!(plan.incarnation, INCARNATION);
    assert!(!plan.retired);
    // What could not be found once the certificate is gone is handed to the claim.
    assert_eq!(plan.known.validation_records[0].name, "_x1.example.com");
    assert_eq!(plan.known.hostnames, ["api.example.com"]);
}

#[tokio::test]
async fn a_zone_that_nameplate_made_goes_only_if_nothing_and_nobody_needs_it() {
    let item = vec![("id", "domain#example.com")];
    let ours = Given { item, made: true, comment: tags::ZONE_COMMENT, ..Given::default() };
    for (given, accept, why) in [
        (ours.clone(), false, Some("not registered in this account")),
        (ours.clone(), true, None),
        (Given { registered: true, ..ours.clone() }, false, Some("points to it")),
        (Given { registered: true, ..ours.clone() }, true, None),
        (Given { more_records: vec![("example.com.", "MX")], ..ours.clone() }, true, Some("MX example.com")),
        (Given { comment: "by hand", ..ours.clone() }, true, Some("did not make it")),
    ] {
        let plan = step(&given, json!({"acceptDelegated": accept})).await.expect("a plan");
        let stays = plan.stays.iter().find(|thing| thing.resource == "hosted zone").map(|thing| thing.reason.as_str());
        assert_eq!(stays.is_none(), why.is_none(), "{stays:?}");
        assert!(stays.is_none_or(|reason| reason.contains(why.unwrap_or_default())), "{stays:?}");
    }
}

#[tokio::test]
async fn a_retired_domain_is_known_as_one_unless_something_is_left_to_do() {
    let retired =
        Given { item: vec![("id", "domain#example.com"), ("status", "RETIRED")], registered: true, ..Given::default() };
    assert!(step(&retired, json!({})).await.expect("a plan").retired);
    assert!(!step(&retired, json!({"autoRenew": "off"})).await.expect("a plan").retired);
    let left = Given { made: true, ..retired };
    assert!(!step(&left, json!({})).await.expect("a plan").retired);
}

#[tokio::test]
async fn what_it_must_not_touch_is_refused() {
    let error = step(&Given::default(), json!({})).await.expect_err("unknown");
    assert_eq!((error.class, error.code.as_str()), (Class::Refused, "UnknownDomain"));
    let by_tag_alone = Given { made: true, ..Given::default() };
    assert!(step(&by_tag_alone, json!({})).await.is_ok(), "the table is a cache");

    let held = Given { item: vec![("id", "domain#example.com"), ("heldBy", "another")], ..Given::default() };
    assert_eq!(step(&held, json!({})).await.expect_err("busy").class, Class::Busy);
    assert!(step(&held, json!({"dryRun": true})).await.is_ok());

    let foreign = Given { foreign_mapping: true, made: true, ..Given::default() };
    assert_eq!(step(&foreign, json!({})).await.expect_err("refused").code, "MappingNotOurs");
}

#[tokio::test]
async fn a_purchase_that_may_still_come_true_is_not_forgotten() {
    let bought = |status, more: &[(&'static str, &'static str)]| {
        let mut item = vec![("id", "domain#example.com"), ("purchaseOperation", "op-1")];
        item.extend(more);
        Given { item, intent: Some(now() - 60), operation: Some(status), ..Given::default() }
    };
    let error = step(&bought(OperationStatus::InProgress, &[]), json!({})).await.expect_err("refused");
    assert_eq!((error.class, error.code.as_str()), (Class::Refused, "PurchaseUnderWay"));
    assert!(step(&bought(OperationStatus::Failed, &[]), json!({})).await.is_ok());
    assert!(step(&bought(OperationStatus::InProgress, &[("purchaseFailedIn", "one")]), json!({})).await.is_ok());
    let unclear = |at| Given { item: vec![("id", "domain#example.com")], intent: Some(at), ..Given::default() };
    assert_eq!(step(&unclear(now() - 60), json!({})).await.expect_err("refused").code, "PurchaseUnderWay");
    assert!(step(&unclear(now() - REGISTRATION_DEADLINE_SECS - 1), json!({})).await.is_ok());
}
