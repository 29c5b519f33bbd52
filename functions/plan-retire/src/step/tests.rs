//! The step against answers of AWS, one rule for each call that it may make: a call without a rule fails the test.

use super::*;
use aws_sdk_account::Client as Account;
use aws_sdk_account::operation::list_regions::ListRegionsOutput;
use aws_sdk_account::types::Region;
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
use aws_sdk_apigatewayv2::types::{Api, ApiMapping, DomainName, DomainNameConfiguration};
use aws_sdk_cloudwatchlogs::Client as Logs;
use aws_sdk_cloudwatchlogs::operation::describe_log_groups::DescribeLogGroupsOutput;
use aws_sdk_cloudwatchlogs::types::LogGroup;
use aws_sdk_dynamodb::Client as Dynamodb;
use aws_sdk_dynamodb::config::http::HttpResponse;
use aws_sdk_dynamodb::operation::get_item::GetItemOutput;
use aws_sdk_dynamodb::types::AttributeValue;
use aws_sdk_route53::Client as Dns;
use aws_sdk_route53::operation::get_dnssec::GetDnssecOutput;
use aws_sdk_route53::operation::get_hosted_zone::GetHostedZoneOutput;
use aws_sdk_route53::operation::list_hosted_zones_by_name::ListHostedZonesByNameOutput;
use aws_sdk_route53::operation::list_resource_record_sets::ListResourceRecordSetsOutput;
use aws_sdk_route53::operation::list_tags_for_resource::ListTagsForResourceOutput;
use aws_sdk_route53::types::{
    AliasTarget, DelegationSet, DnssecStatus, HostedZone, HostedZoneConfig, ResourceRecord as Value53,
    ResourceRecordSet, ResourceTagSet, RrType, Tag as ZoneTag,
};
use aws_sdk_route53domains::Client as Domains;
use aws_sdk_route53domains::operation::get_domain_detail::GetDomainDetailOutput;
use aws_sdk_route53domains::operation::get_operation_detail::GetOperationDetailOutput;
use aws_sdk_route53domains::types::{Nameserver, OperationStatus};
use aws_smithy_mocks::{Rule, RuleMode, mock, mock_client};
use aws_smithy_types::body::SdkBody;
use nameplate::contract::table::domain as attribute;
use nameplate::resource::tags;
use serde_json::{Value, json};
use std::collections::HashMap;

const ARN: &str = "arn:aws:acm:us-east-1:123456789012:certificate/one";
const INCARNATION: &str = "arn:aws:states:us-east-1:123456789012:execution:nameplate-provision:one";

const TARGET: &str = "d-1.execute-api.us-east-1.amazonaws.com";
const NOW: i64 = 1_800_000_000;

/// The world that one test is about.
#[derive(Clone)]
struct Given {
    domain: &'static str,
    item: Vec<(&'static str, String)>,
    intent: Option<i64>,
    /// Whether the custom domain, the API, the certificate and the zone are there, with our tags.
    made: bool,
    /// The API that a mapping leads to, and the mapping's path.
    mapping: (&'static str, &'static str),
    /// Whether the name is registered here, delegated to the zone.
    registered: bool,
    /// The zone's name, comment, and whether it carries our tags and signs.
    zone: &'static str,
    comment: &'static str,
    tagged: bool,
    /// The stack that the zone's tags name.
    stack: &'static str,
    /// The zone's caller reference.
    reference: String,
    signed: bool,
    operation: Option<OperationStatus>,
    /// Records beside the zone's own and the validation record: name, type, value.
    more_records: Vec<(&'static str, &'static str, &'static str)>,
    /// Whether an access log has been written.
    logged: bool,
    /// The names of a certificate in another region; the word `denied` closes the region.
    elsewhere: Option<&'static str>,
}

impl Default for Given {
    fn default() -> Self {
        Self {
            domain: "example.com",
            item: Vec::new(),
            intent: None,
            made: false,
            mapping: ("a1", ""),
            registered: false,
            zone: "example.com.",
            comment: "",
            tagged: true,
            stack: "nameplate",
            reference: "somebody".to_owned(),
            signed: false,
            operation: None,
            more_records: Vec::new(),
            logged: false,
            elsewhere: None,
        }
    }
}

fn item(attributes: &[(&'static str, &str)]) -> Vec<(&'static str, String)> {
    let id = [("id", "domain#example.com")];
    id.iter().chain(attributes).map(|(name, value)| (*name, (*value).to_owned())).collect()
}

fn refusal(code: &str) -> HttpResponse {
    let body = json!({"__type": code, "message": "because"}).to_string();
    HttpResponse::new(400.try_into().expect("a status"), SdkBody::from(body))
}

fn our_tags(domain: &str) -> HashMap<String, String> {
    [(tags::DOMAIN, domain), (tags::STACK, "nameplate")].map(|(k, v)| (k.to_owned(), v.to_owned())).into()
}

fn gateway(given: &Given) -> Vec<Rule> {
    let (made, domain, (leads_to, path)) = (given.made, given.domain, given.mapping);
    vec![
        mock!(Gateway::get_domain_names).then_output(move || {
            let configuration = DomainNameConfiguration::builder().api_gateway_domain_name(TARGET).build();
            let ours = DomainName::builder()
                .domain_name(format!("api.{domain}"))
                .domain_name_configurations(configuration)
                .set_tags(Some(our_tags(domain)))
                .build();
            let theirs = DomainName::builder().domain_name("www.example.com").build();
            GetDomainNamesOutput::builder().items(theirs).set_items(made.then(|| vec![ours])).build()
        }),
        mock!(Gateway::get_apis).then_output(move || {
            let ours = Api::builder().api_id("a1").set_tags(Some(our_tags(domain))).build();
            let theirs = Api::builder().api_id("theirs").build();
            GetApisOutput::builder().set_items(made.then(|| vec![theirs, ours])).build()
        }),
        mock!(Gateway::get_api_mappings).then_output(move || {
            let mapping = ApiMapping::builder().api_id(leads_to).api_mapping_key(path).build();
            GetApiMappingsOutput::builder().items(mapping).build()
        }),
        mock!(Gateway::get_api)
            .match_requests(|call| call.api_id() == Some("theirs"))
            .then_output(|| GetApiOutput::builder().api_id("theirs").build()),
    ]
}

/// A log group whose name only begins alike, and that of the domain.
fn log_groups(given: &Given) -> Rule {
    let group = format!("/aws/vendedlogs/nameplate/nameplate/{}", given.domain);
    let names = given.logged.then(|| group.clone()).into_iter().chain([format!("{group}.au")]);
    let groups: Vec<LogGroup> = names.map(|name| LogGroup::builder().log_group_name(name).build()).collect();
    mock!(Logs::describe_log_groups)
        .match_requests(move |call| call.log_group_name_prefix() == Some(group.as_str()))
        .then_output(move || DescribeLogGroupsOutput::builder().set_log_groups(Some(groups.clone())).build())
}

fn acm(given: &Given) -> Vec<Rule> {
    let (made, domain) = (given.made, given.domain);
    vec![
        mock!(Acm::list_certificates).then_output(move || {
            let ours = CertificateSummary::builder().certificate_arn(ARN).domain_name(domain).build();
            ListCertificatesOutput::builder().set_certificate_summary_list(made.then(|| vec![ours])).build()
        }),
        certificate(ARN, domain),
        mock!(Acm::list_tags_for_certificate).then_output(move || {
            let pairs = our_tags(domain).into_iter();
            let tags = pairs.map(|(k, v)| Tag::builder().key(k).value(v).build().expect("complete"));
            ListTagsForCertificateOutput::builder().set_tags(Some(tags.collect())).build()
        }),
    ]
}

fn certificate(arn: &'static str, domain: &'static str) -> Rule {
    mock!(Acm::describe_certificate).match_requests(move |call| call.certificate_arn() == Some(arn)).then_output(
        move || {
            let record = ResourceRecord::builder()
                .name(format!("_x1.{domain}."))
                .r#type(RecordType::Cname)
                .value("_y.acm-validations.aws.");
            let option = DomainValidation::builder()
                .domain_name(domain)
                .resource_record(record.build().expect("complete"))
                .build()
                .expect("complete");
            let detail = CertificateDetail::builder().certificate_arn(arn).domain_validation_options(option).build();
            DescribeCertificateOutput::builder().certificate(detail).build()
        },
    )
}

/// ACM in the other region.
fn other_acm(given: &Given) -> Vec<Rule> {
    let names = given.elsewhere;
    if names == Some("denied") {
        return vec![mock!(Acm::list_certificates).then_http_response(|| refusal("AccessDeniedException"))];
    }
    vec![
        mock!(Acm::list_certificates).then_output(move || {
            let theirs = names.map(|name| CertificateSummary::builder().certificate_arn("arn:other").domain_name(name));
            let theirs = theirs.map(|one| vec![one.build()]);
            ListCertificatesOutput::builder().set_certificate_summary_list(theirs).build()
        }),
        certificate("arn:other", given.domain),
    ]
}

fn record(name: &str, kind: &str, value: &str) -> ResourceRecordSet {
    let set = ResourceRecordSet::builder().name(name).r#type(RrType::from(kind));
    let set = match value.strip_prefix("alias ") {
        Some(target) => {
            let alias = AliasTarget::builder().dns_name(target).hosted_zone_id("Z9").evaluate_target_health(false);
            set.alias_target(alias.build().expect("complete"))
        }
        None => set.ttl(300).resource_records(Value53::builder().value(value).build().expect("complete")),
    };
    set.build().expect("complete")
}

fn dns(given: &Given) -> Vec<Rule> {
    let (exists, name, comment, tagged, signed) = (given.made, given.zone, given.comment, given.tagged, given.signed);
    let reference = given.reference.clone();
    let (domain, stack, more) = (given.domain, given.stack, given.more_records.clone());
    let zone = move || {
        HostedZone::builder()
            .id("/hostedzone/Z1")
            .name(name)
            .caller_reference(&reference)
            .config(HostedZoneConfig::builder().comment(comment).build())
            .build()
            .expect("complete")
    };
    let listed = zone.clone();
    vec![
        mock!(Dns::list_hosted_zones_by_name).then_output(move || {
            let zones = if exists { vec![listed()] } else { Vec::new() };
            ListHostedZonesByNameOutput::builder()
                .set_hosted_zones(Some(zones))
                .is_truncated(false)
                .max_items(100)
                .build()
                .expect("complete")
        }),
        mock!(Dns::list_tags_for_resource).then_output(move || {
            let mut present = our_tags(domain);
            present.insert(tags::STACK.to_owned(), stack.to_owned());
            let pairs = present.into_iter().filter(|_| tagged);
            let tags = pairs.map(|(k, v)| ZoneTag::builder().key(k).value(v).build());
            let set = ResourceTagSet::builder().set_tags(Some(tags.collect())).build();
            ListTagsForResourceOutput::builder().resource_tag_set(set).build()
        }),
        mock!(Dns::get_hosted_zone).match_requests(|call| call.id() == Some("Z1")).then_output(move || {
            let servers = DelegationSet::builder().name_servers("ns-1.awsdns-01.com").build().expect("complete");
            GetHostedZoneOutput::builder().hosted_zone(zone()).delegation_set(servers).build()
        }),
        mock!(Dns::get_dnssec).then_output(move || {
            let signature = if signed { "SIGNING" } else { "NOT_SIGNING" };
            GetDnssecOutput::builder()
                .status(DnssecStatus::builder().serve_signature(signature).build())
                .set_key_signing_keys(Some(Vec::new()))
                .build()
                .expect("complete")
        }),
        mock!(Dns::list_resource_record_sets).then_output(move || {
            let proof = format!("_x1.{domain}.");
            let own = [(name, "NS", "ns-1."), (name, "SOA", "ns-1."), (&proof, "CNAME", "_y.acm-validations.aws.")];
            let sets = own.into_iter().chain(more.iter().copied()).map(|(name, kind, value)| record(name, kind, value));
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
                item.iter().map(|(name, value)| ((*name).to_owned(), AttributeValue::S(value.clone()))).collect();
            attributes
                .extend(intent.map(|at| (attribute::PURCHASE_INTENT.to_owned(), AttributeValue::N(at.to_string()))));
            GetItemOutput::builder().set_item((!attributes.is_empty()).then_some(attributes)).build()
        },
    )];
    let account = [mock!(Account::list_regions).then_output(|| {
        let regions = ["us-east-1", "eu-west-1"].map(|name| Region::builder().region_name(name).build());
        ListRegionsOutput::builder().set_regions(Some(regions.to_vec())).build()
    })];
    let acm = mock_client!(aws_sdk_acm, RuleMode::MatchAny, &acm(given).iter().collect::<Vec<_>>());
    let other = mock_client!(aws_sdk_acm, RuleMode::MatchAny, &other_acm(given).iter().collect::<Vec<_>>());
    let own = acm.clone();
    let clients = Clients {
        account: mock_client!(aws_sdk_account, RuleMode::MatchAny, &account.iter().collect::<Vec<_>>()),
        acm,
        acm_in: Arc::new(move |region| if region == "us-east-1" { own.clone() } else { other.clone() }),
        api_gateway: mock_client!(aws_sdk_apigatewayv2, RuleMode::MatchAny, &gateway(given).iter().collect::<Vec<_>>()),
        dynamodb: mock_client!(aws_sdk_dynamodb, RuleMode::MatchAny, &table.iter().collect::<Vec<_>>()),
        logs: mock_client!(aws_sdk_cloudwatchlogs, RuleMode::MatchAny, &[&log_groups(given)]),
        domains: mock_client!(aws_sdk_route53domains, RuleMode::MatchAny, &registry(given).iter().collect::<Vec<_>>()),
        route53: mock_client!(aws_sdk_route53, RuleMode::MatchAny, &dns(given).iter().collect::<Vec<_>>()),
    };
    let settings = Settings {
        stack: "nameplate".to_owned(),
        table: "table".to_owned(),
        account: "123456789012".to_owned(),
        region: "us-east-1".to_owned(),
        settling_secs: 120,
    };
    let mut request = json!({"domainName": given.domain, "confirm": given.domain});
    request.as_object_mut().expect("an object").extend(more.as_object().cloned().unwrap_or_default());
    let request = serde_json::value::RawValue::from_string(request.to_string()).expect("JSON");
    run_at(&clients, &settings, PlanRetireInput { request }, NOW).await
}

/// The reasons for which things of a kind stay.
fn stays<'a>(plan: &'a PlanRetireOutput, resource: &str) -> Vec<(&'a str, &'a str)> {
    let things = plan.stays.iter().filter(|thing| thing.resource == resource);
    things.map(|thing| (thing.name.as_str(), thing.reason.as_str())).collect()
}

fn listed(things: &[Thing]) -> Vec<&str> {
    things.iter().map(|thing| thing.resource.as_str()).collect()
}

#[tokio::test]
async fn what_a_run_made_that_never_finished_is_found_by_tag() {
    let given = Given {
        item: item(&[("incarnation", INCARNATION), ("status", "FAILED")]),
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
    let ours = Given { item: item(&[]), made: true, comment: tags::ZONE_COMMENT, ..Given::default() };
    for (given, accept, why) in [
        (ours.clone(), false, Some("not registered in this account")),
        (ours.clone(), true, None),
        (Given { registered: true, ..ours.clone() }, false, Some("points to it")),
        (Given { registered: true, ..ours.clone() }, true, None),
        (Given { more_records: vec![("example.com.", "MX", "10 m.")], ..ours.clone() }, true, Some("MX example.com")),
        (Given { signed: true, ..ours.clone() }, true, Some("DNSSEC is on")),
        (Given { elsewhere: Some("*.example.com"), ..ours.clone() }, true, Some("CNAME _x1.example.com")),
        (Given { comment: "by hand", ..ours.clone() }, true, Some("did not make it")),
        (
            Given {
                item: item(&[("incarnation", INCARNATION)]),
                reference: zone_reference(INCARNATION, None),
                stack: "another",
                ..ours.clone()
            },
            true,
            Some("the stack another"),
        ),
    ] {
        let plan = step(&given, json!({"acceptDelegated": accept})).await.expect("a plan");
        let stays = plan.stays.iter().find(|thing| thing.resource == "hosted zone").map(|thing| thing.reason.as_str());
        assert_eq!(stays.is_none(), why.is_none(), "{stays:?}");
        assert!(stays.is_none_or(|reason| reason.contains(why.unwrap_or_default())), "{stays:?}");
    }
}

#[tokio::test]
async fn a_retired_domain_is_known_as_one_unless_something_is_left_to_do() {
    let retired = Given { item: item(&[("status", "RETIRED")]), registered: true, ..Given::default() };
    assert!(step(&retired, json!({})).await.expect("a plan").retired);
    assert!(!step(&retired, json!({"autoRenew": "off"})).await.expect("a plan").retired);
    let left = Given { made: true, ..retired.clone() };
    assert!(!step(&left, json!({})).await.expect("a plan").retired);
    // A validation record that a certificate needed: it goes with the last one that does.
    let stayed = json!([Thing::new(HOSTED_ZONE, "Z1", ""), {"resource": "validation record",
        "name": "_x1.example.com CNAME _y.acm-validations.aws", "reason": ""}]);
    let result = json!({"version": 1, "domainName": "example.com", "removed": [], "left": stayed}).to_string();
    let needed = Given {
        item: item(&[("status", "RETIRED"), ("result", &result)]),
        elsewhere: Some("example.com"),
        ..Given::default()
    };
    assert!(step(&needed, json!({})).await.expect("a plan").retired);
    let plan = step(&Given { elsewhere: None, ..needed }, json!({})).await.expect("a plan");
    assert_eq!((plan.retired, listed(&plan.goes)), (false, vec!["validation record"]));
    assert_eq!(plan.hosted_zone_ids, ["Z1"]);
}

#[tokio::test]
async fn what_it_must_not_touch_is_refused() {
    let error = step(&Given::default(), json!({})).await.expect_err("unknown");
    assert_eq!((error.class, error.code.as_str()), (Class::Refused, "UnknownDomain"));
    let by_tag_alone = Given { made: true, ..Given::default() };
    assert!(step(&by_tag_alone, json!({})).await.is_ok(), "the table is a cache");

    let held = Given { item: item(&[("heldBy", "another")]), ..Given::default() };
    assert_eq!(step(&held, json!({})).await.expect_err("busy").class, Class::Busy);
    assert!(step(&held, json!({"dryRun": true})).await.is_ok());
}

#[tokio::test]
async fn a_purchase_that_may_still_come_true_is_not_forgotten() {
    let bought = |status, more: &[(&'static str, &'static str)]| {
        let mut attributes = vec![("purchaseOperation", "op-1")];
        attributes.extend(more);
        Given { item: item(&attributes), intent: Some(NOW - 60), operation: Some(status), ..Given::default() }
    };
    let error = step(&bought(OperationStatus::InProgress, &[]), json!({})).await.expect_err("refused");
    assert_eq!((error.class, error.code.as_str()), (Class::Refused, "PurchaseUnderWay"));
    assert!(step(&bought(OperationStatus::Failed, &[]), json!({})).await.is_ok());
    assert!(step(&bought(OperationStatus::InProgress, &[("purchaseFailedIn", "one")]), json!({})).await.is_ok());
    let unclear = |at| Given { item: item(&[]), intent: Some(at), ..Given::default() };
    assert_eq!(step(&unclear(NOW - 60), json!({})).await.expect_err("refused").code, "PurchaseUnderWay");
    assert!(step(&unclear(NOW - REGISTRATION_DEADLINE_SECS - 1), json!({})).await.is_ok());
}

#[tokio::test]
async fn a_mapping_is_ours_by_its_host_name_and_only_at_the_root() {
    let recorded = item(&[("known", r#"{"hostnames": ["api.example.com"]}"#)]);
    let existing = item(&[("known", r#"{"apiId": "theirs"}"#)]);
    for (item, mapping, code) in [
        (recorded.clone(), ("theirs", ""), None),
        (recorded, ("theirs", "v2"), Some("MappingNotOurs")),
        (existing, ("theirs", ""), None),
        (item(&[("request", r#"{"api": {"existing": {"apiId": "theirs"}}}"#)]), ("theirs", ""), None),
        // Stopped before the claim's own API went.
        (
            item(&[("known", r#"{"apiId": "a1"}"#), ("request", r#"{"api": {"existing": {"apiId": "theirs"}}}"#)]),
            ("theirs", ""),
            None,
        ),
        (item(&[]), ("theirs", ""), Some("MappingNotOurs")),
        (item(&[]), ("a1", "v2"), None),
    ] {
        let given = Given { item, mapping, made: true, ..Given::default() };
        let plan = step(&given, json!({})).await;
        assert_eq!(plan.as_ref().err().map(|error| error.code.as_str()), code, "{mapping:?}");
        let Ok(plan) = plan else { continue };
        let kept: Vec<&str> = stays(&plan, "API").iter().map(|(id, _)| *id).collect();
        assert_eq!(kept, if mapping.0 == "theirs" { vec!["theirs"] } else { vec![] });
        assert_eq!(plan.api_ids, ["a1"], "only what is ours by tag");
    }
}

#[tokio::test]
async fn a_validation_record_stays_for_a_certificate_of_any_region_and_where_nobody_may_look() {
    for (elsewhere, why) in [
        (None, None),
        (Some("www.example.com"), None),
        (Some("example.com"), Some("arn:other needs it")),
        (Some("denied"), Some("in eu-west-1 may need it")),
    ] {
        let given = Given { item: item(&[]), made: true, elsewhere, ..Given::default() };
        let plan = step(&given, json!({})).await.expect("a plan");
        let kept = stays(&plan, "validation record");
        assert_eq!(kept.is_empty(), why.is_none(), "{elsewhere:?}: {kept:?}");
        assert!(kept.iter().all(|(_, reason)| reason.contains(why.unwrap_or_default())), "{kept:?}");
        assert_eq!(plan.regions, ["eu-west-1", "us-east-1"]);
    }
}

#[tokio::test]
async fn further_records_of_ours_go_and_do_not_keep_the_zone_and_changed_ones_stay() {
    let owned = |value: &str| json!([{"record": {"name": "www.example.com", "type": "A", "ttl": 300, "values": [value]}, "since": 1}]);
    let given = |value: &str| Given {
        item: item(&[("records", &owned(value).to_string())]),
        made: true,
        comment: tags::ZONE_COMMENT,
        more_records: vec![
            ("www.example.com.", "A", "192.0.2.1"),
            ("api.example.com.", "A", "alias d-1.execute-api.us-east-1.x."),
        ],
        ..Given::default()
    };
    let plan = step(&given("192.0.2.1"), json!({"acceptDelegated": true})).await.expect("a plan");
    assert_eq!(listed(&plan.goes)[3..], ["validation record", "record", "hosted zone"]);
    let changed = step(&given("192.0.2.9"), json!({"acceptDelegated": true})).await.expect("a plan");
    assert_eq!(stays(&changed, "record")[0].0, "www.example.com A");
    assert!(stays(&changed, "hosted zone")[0].1.contains("A www.example.com"));
}

#[tokio::test]
async fn many_records_are_named_up_to_a_hundred() {
    let many: BTreeSet<String> = (0..MAX_RECORDS_NAMED + 7).map(|n| format!("n{n}.example.com A")).collect();
    let named = records_named(&many, "because");
    assert_eq!((named.len(), named.last().map(|thing| thing.name.as_str())), (MAX_RECORDS_NAMED + 1, Some("7 more")));
}

#[tokio::test]
async fn a_zone_around_the_name_is_looked_into_and_never_its_own() {
    let around = Given { domain: "acme.example.com", made: true, tagged: false, ..Given::default() };
    let known = r#"{"hostedZoneId": "Z1", "zoneOwned": false, "hostnames": ["api.acme.example.com"]}"#;
    // With the table, without it, and with a table that knows no zone.
    for item in [item(&[("known", known)]), Vec::new(), item(&[])] {
        let plan = step(&Given { item, ..around.clone() }, json!({"acceptDelegated": true})).await.expect("a plan");
        assert_eq!((plan.hosted_zone_ids, plan.own_zone_ids), (vec!["Z1".to_owned()], vec![]));
        assert!(plan.stays.iter().any(|thing| thing.name == "Z1" && thing.reason.contains("around the name")));
        assert!(listed(&plan.goes).contains(&"validation record"));
    }
    // The zone of the name itself, which an earlier run found and did not tag.
    let found = Given { zone: "acme.example.com.", item: item(&[("known", known)]), ..around };
    let plan = step(&found, json!({"acceptDelegated": true})).await.expect("a plan");
    assert!(plan.own_zone_ids.is_empty());
    assert!(stays(&plan, "hosted zone")[0].1.contains("did not make it"));
    let nothing = Given { domain: "acme.example.com", ..Given::default() };
    assert_eq!(step(&nothing, json!({})).await.expect_err("unknown").code, "UnknownDomain");
}

#[tokio::test]
async fn what_was_taken_over_is_said_to_be_and_a_log_group_stays() {
    let known = r#"{"adopted": [{"resource": "custom domain", "name": "api.example.com", "reason": "theirs"}]}"#;
    let given = Given { item: item(&[("known", known)]), made: true, logged: true, ..Given::default() };
    let plan = step(&given, json!({})).await.expect("a plan");
    assert!(plan.goes[0].reason.starts_with("taken over"), "{:?}", plan.goes[0]);
    assert_eq!(stays(&plan, "log group")[0].0, "/aws/vendedlogs/nameplate/nameplate/example.com");
    let plain = Given { item: item(&[]), logged: false, ..given };
    let plan = step(&plain, json!({})).await.expect("a plan");
    assert!(plan.goes[0].reason.starts_with("made by") && stays(&plan, "log group").is_empty());
}

#[tokio::test]
async fn a_record_in_whose_place_the_alias_of_a_host_name_came_is_not_called_changed() {
    let owned =
        json!([{"record": {"name": "api.example.com", "type": "A", "ttl": 300, "values": ["192.0.2.1"]}, "since": 1}]);
    let given = |target: &'static str| Given {
        item: item(&[("records", &owned.to_string())]),
        made: true,
        more_records: vec![("api.example.com.", "A", target)],
        ..Given::default()
    };
    let plan = step(&given("alias d-1.execute-api.us-east-1.x."), json!({})).await.expect("a plan");
    assert_eq!(stays(&plan, "record"), []);
    let plan = step(&given("alias lb.example.net."), json!({})).await.expect("a plan");
    assert_eq!(stays(&plan, "record")[0].0, "api.example.com A");
}

#[tokio::test]
async fn a_zone_that_only_the_list_of_records_names_is_looked_into() {
    let owned = json!([{"record": {"name": "www.acme.example.com", "type": "A", "ttl": 300, "values": ["192.0.2.1"]}, "since": 1, "zone": "Z1"}]);
    let given = Given {
        domain: "acme.example.com",
        item: item(&[("known", "{}"), ("records", &owned.to_string())]),
        made: true,
        tagged: false,
        zone: "other.com.",
        more_records: vec![("www.acme.example.com.", "A", "192.0.2.1")],
        ..Given::default()
    };
    let plan = step(&given, json!({})).await.expect("a plan");
    assert!(plan.hosted_zone_ids.contains(&"Z1".to_owned()), "{:?}", plan.hosted_zone_ids);
    assert!(plan.goes.iter().any(|thing| thing.name == "www.acme.example.com A"), "{:?}", plan.goes);
}

#[test]
fn every_zone_that_a_retirement_left_is_looked_into_again() {
    let left = ["Z1", "Z2"].map(|id| Thing::new(HOSTED_ZONE, id, "around"));
    let known = item::known_of(&left);
    assert_eq!((known.hosted_zone_id.as_deref(), known.former_hosted_zone_ids), (Some("Z1"), vec!["Z2".to_owned()]));
}

#[tokio::test]
async fn what_earlier_runs_wrote_elsewhere_is_looked_for_too() {
    let known = r#"{"formerHostedZoneIds": ["Z1"], "hostnames": ["api.acme.example.com"],
        "formerValidationRecords": [{"name": "_old.example.com", "value": "_z.acm-validations.aws"}]}"#;
    let moved = Given { domain: "acme.example.com", made: true, tagged: false, zone: "other.com.", ..Given::default() };
    let plan = step(&Given { item: item(&[("known", known)]), ..moved }, json!({})).await.expect("a plan");
    assert_eq!(plan.hosted_zone_ids, ["Z1"]);
    assert_eq!(plan.seen, known, "as it stands there, since the claim compares it");
    let records: Vec<&str> = plan.known.validation_records.iter().map(|record| record.name.as_str()).collect();
    assert_eq!(records, ["_old.example.com", "_x1.acme.example.com"]);
}

#[tokio::test]
async fn what_stands_in_the_customers_own_dns_is_said_with_its_values_also_by_a_later_run() {
    let own = |more: &[(&'static str, &str)]| {
        let mut attributes = vec![("request", r#"{"dns": "external"}"#)];
        attributes.extend(more.iter().copied());
        Given { item: item(&attributes), made: true, tagged: false, zone: "other.com.", ..Given::default() }
    };
    let proof = "_x1.example.com CNAME _y.acm-validations.aws";
    let target = format!("api.example.com CNAME {TARGET}");
    let plan = step(&own(&[]), json!({})).await.expect("a plan");
    let names: Vec<&str> = plan.by_hand.iter().map(|thing| thing.name.as_str()).collect();
    assert_eq!(names, [target.as_str(), proof]);
    assert_eq!(stays(&plan, OWN_DNS_RECORD).len(), 2);
    assert!(plan.hosted_zone_ids.is_empty() && !listed(&plan.goes).contains(&"validation record"));

    // Custom domain and certificate are gone: the claim of the stopped run has kept what it found.
    let kept = serde_json::to_string(&plan.by_hand).expect("JSON");
    let later = step(&Given { made: false, ..own(&[("byHand", &kept)]) }, json!({})).await.expect("a plan");
    assert_eq!(later.by_hand, plan.by_hand);
    let since = Given { made: false, ..own(&[("byHand", &kept), ("incarnation", INCARNATION)]) };
    assert!(step(&since, json!({})).await.expect("a plan").by_hand.is_empty(), "the domain was provisioned since");
    // One that another certificate needs is not to be removed.
    let shared = step(&Given { elsewhere: Some("example.com"), ..own(&[]) }, json!({})).await.expect("a plan");
    assert_eq!(shared.by_hand.len(), 1);
    // A retired domain says it again, from its result.
    let result = json!({"version": 1, "domainName": "example.com", "removed": [], "left": plan.stays}).to_string();
    let retired = Given { item: item(&[("status", "RETIRED"), ("result", &result)]), ..Given::default() };
    let again = step(&retired, json!({})).await.expect("a plan");
    assert_eq!((again.retired, again.by_hand), (true, plan.by_hand));
}

#[test]
fn every_watch_that_a_run_may_have_left_goes() {
    let item = Item {
        awaited_certificate: Some("arn:gone".to_owned()),
        purchase: Purchase { operation: Some("op-1".to_owned()), ..Purchase::default() },
        ..Item::default()
    };
    let certificate = |arn: &str, stack: &str| Certificate {
        arn: arn.to_owned(),
        tags: Some(
            [(tags::DOMAIN, "example.com"), (tags::STACK, stack)].map(|(k, v)| (k.to_owned(), v.to_owned())).into(),
        ),
        ..Certificate::default()
    };
    let found = Found {
        domain: "example.com".to_owned(),
        certificates: vec![certificate("arn:1", "nameplate"), certificate("arn:2", "other")],
        ..Found::default()
    };
    assert_eq!(watch_keys(&item, &found, "nameplate"), ["watch#arn:1", "watch#arn:gone", "watch#op-1"]);
}

#[tokio::test]
async fn a_run_that_was_stopped_a_moment_ago_is_let_come_to_rest() {
    let stopped = |machine: &str, age: i64| {
        let arn = format!("arn:aws:states:us-east-1:123456789012:execution:nameplate-{machine}:one");
        let failure = json!({"code": "ExecutionStopped", "execution": arn, "endedAt": NOW - age}).to_string();
        Given { item: item(&[("lastFailure", &failure)]), registered: true, ..Given::default() }
    };
    let error = step(&stopped("provision", 119), json!({})).await.expect_err("not yet");
    assert_eq!((error.class, error.code.as_str()), (Class::NotReady, "StoppedMomentsAgo"));
    assert!(step(&stopped("provision", 119), json!({"dryRun": true})).await.is_ok());
    assert!(step(&stopped("provision", 120), json!({})).await.is_ok());
    assert!(step(&stopped("retire", 0), json!({})).await.is_ok(), "what it had begun only takes away");
}

#[test]
fn a_zone_that_was_made_after_another_was_gone_is_known_by_its_reference() {
    let item = Item {
        incarnations: vec![INCARNATION.to_owned()],
        known: Known { hosted_zone_id: Some("Z0".to_owned()), ..Known::default() },
        ..Item::default()
    };
    let both = BTreeSet::from([zone_reference(INCARNATION, None), zone_reference(INCARNATION, Some("Z0"))]);
    assert_eq!(references(&item).into_iter().collect::<BTreeSet<_>>(), both);
}
