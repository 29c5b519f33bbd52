//! `plan` against worlds that answer in memory: which calls it makes, what it says and what it refuses.
//! It must not know how the calls are made.

use std::collections::{BTreeMap, HashMap};

use aws_credential_types::credential_fn::provide_credentials_fn;
use aws_credential_types::provider::error::CredentialsError;
use aws_sdk_acm::operation::describe_certificate::DescribeCertificateOutput;
use aws_sdk_acm::operation::list_certificates::ListCertificatesOutput;
use aws_sdk_acm::operation::list_tags_for_certificate::ListTagsForCertificateOutput;
use aws_sdk_acm::types::{CertificateDetail, CertificateStatus, CertificateSummary, DomainValidation};
use aws_sdk_apigatewayv2::operation::get_api::GetApiOutput;
use aws_sdk_apigatewayv2::operation::get_api::builders::GetApiOutputBuilder;
use aws_sdk_apigatewayv2::operation::get_api_mappings::GetApiMappingsOutput;
use aws_sdk_apigatewayv2::operation::get_apis::GetApisOutput;
use aws_sdk_apigatewayv2::operation::get_authorizers::GetAuthorizersOutput;
use aws_sdk_apigatewayv2::operation::get_domain_names::GetDomainNamesOutput;
use aws_sdk_apigatewayv2::operation::get_integrations::GetIntegrationsOutput;
use aws_sdk_apigatewayv2::operation::get_routes::GetRoutesOutput;
use aws_sdk_apigatewayv2::operation::get_stage::GetStageOutput;
use aws_sdk_apigatewayv2::operation::get_stage::builders::GetStageOutputBuilder;
use aws_sdk_apigatewayv2::types::DomainName as ListedDomain;
use aws_sdk_apigatewayv2::types::{
    Api, ApiMapping, DomainNameConfiguration, DomainNameStatus, Integration, IntegrationType, ProtocolType, Route,
    RouteSettings,
};
use aws_sdk_dynamodb::config::{BehaviorVersion, Region};
use aws_sdk_dynamodb::operation::get_item::GetItemOutput;
use aws_sdk_dynamodb::types::AttributeValue;
use aws_sdk_route53::operation::get_hosted_zone::GetHostedZoneOutput;
use aws_sdk_route53::operation::list_hosted_zones_by_name::ListHostedZonesByNameOutput;
use aws_sdk_route53::operation::list_resource_record_sets::ListResourceRecordSetsOutput;
use aws_sdk_route53::operation::list_tags_for_resource::ListTagsForResourceOutput;
use aws_sdk_route53::types::{
    AliasTarget, DelegationSet, HostedZone, HostedZoneConfig, ResourceRecord, ResourceRecordSet, ResourceTagSet,
    RrType, Tag,
};
use aws_sdk_route53domains::operation::check_domain_availability::CheckDomainAvailabilityOutput;
use aws_sdk_route53domains::operation::get_contact_reachability_status::GetContactReachabilityStatusOutput;
use aws_sdk_route53domains::operation::get_domain_detail::GetDomainDetailOutput;
use aws_sdk_route53domains::operation::list_prices::ListPricesOutput;
use aws_sdk_route53domains::operation::list_tags_for_domain::ListTagsForDomainOutput;
use aws_sdk_route53domains::primitives::DateTime;
use aws_sdk_route53domains::types::{DomainPrice, Nameserver, PriceWithCurrency};
use aws_sdk_secretsmanager::operation::get_secret_value::GetSecretValueOutput;
use aws_sdk_secretsmanager::primitives::Blob;
use aws_smithy_mocks::{MockResponse, Rule, RuleMode, mock, mock_client};
use aws_smithy_runtime_api::client::http::http_client_fn;
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::http::StatusCode;
use aws_smithy_types::body::SdkBody;
use nameplate::Class;
use nameplate::contract::Known;
use nameplate::contract::result::{ReportAction, ResourceReport};
use nameplate::contract::table::domain as attribute;
use nameplate::domain::server_set;
use nameplate::function::resolver::Resolver;
use nameplate::request::Money;
use nameplate::resource::tags;
use serde_json::value::RawValue;
use serde_json::{Value, json};

use super::*;
use crate::report::{MAX_RECORD_FIELD_BYTES, MAX_RECORD_LINES};

mod by_email;
mod kinds_of_apis;
mod own_zones;
mod renewal;
mod zones_around;

const CERTIFICATE: &str = "arn:aws:acm:us-east-1:123456789012:certificate/0f1e";
const API_ADDRESS: &str = "d-1.execute-api.us-east-1.amazonaws.com";
const BACKEND: &str = "https://backend.example.net/";
const SERVERS: [&str; 2] = ["ns-1.example.org", "ns-2.example.net"];
/// Stands in secrets, where it must not come out of.
const MARK: &str = "MARK-51c7";

/// What AWS answers, by operation. An operation that is not here must not be called.
struct World {
    rules: BTreeMap<&'static str, Rule>,
    budget_usd: f64,
    /// The name servers that the DNS names.
    answering: Vec<&'static str>,
}

impl World {
    fn of(rules: impl IntoIterator<Item = (&'static str, Rule)>) -> Self {
        Self { rules: rules.into_iter().collect(), budget_usd: 100.0, answering: Vec::new() }
    }

    /// The name is for sale, and there is nothing of ours.
    fn fresh() -> Self {
        Self::of([
            ("GetItem", item(None)),
            ("CheckDomainAvailability", availability("AVAILABLE")),
            ("ListPrices", prices("com", 13.0, "USD")),
            ("GetSecretValue", secret(&contact())),
            ("GetDomainDetail", not_registered()),
            ("ListTagsForDomain", bought_by(None)),
            ("GetDomainNames", no_custom_domain()),
            ("GetApiMappings", mapping("api-1", "$default")),
            ("GetApi", our_api()),
            ("ListTagsForResource", zone_tags(Some("nameplate"))),
            ("ListResourceRecordSets", records(vec![])),
            ("GetApis", apis(vec![])),
            ("ListHostedZonesByName", zones(vec![zone("ZNEXT", "example.community.", false)])),
            ("GetHostedZone", served(&[("ZONE", SERVERS)])),
            ("ListCertificates", certificates(vec![])),
        ])
    }

    /// A finished run for [`request`] with the name registered in this account, and all of it still there.
    fn live() -> Self {
        Self::of([
            ("GetItem", item(Some(live_item()))),
            ("GetDomainDetail", registered(&SERVERS)),
            ("GetDomainNames", custom_domain(CERTIFICATE, DomainNameStatus::Available, our_tags())),
            ("GetApiMappings", mapping("api-1", "$default")),
            ("GetApi", our_api()),
            ("GetAuthorizers", no_authorizers()),
            ("GetStage", stage(None)),
            ("GetRoutes", routes(vec![route("GET /", "integrations/i-1")])),
            ("GetIntegrations", integrations(BACKEND)),
            ("ListResourceRecordSets", records(all_records())),
            ("GetApis", apis(vec![api("api-1", our_tags())])),
            ("GetHostedZone", served(&[("ZONE", SERVERS)])),
            ("ListTagsForResource", zone_tags(Some("nameplate"))),
            ("DescribeCertificate", describes(CertificateStatus::Issued, "DNS", "example.com")),
            ("ListTagsForCertificate", certificate_tags(our_tags())),
        ])
    }

    /// The same, where something is left to do, so that more is looked for.
    fn changed() -> Self {
        Self::live()
            .with("ListHostedZonesByName", zones(vec![zone("ZONE", "example.com.", false)]))
            .with("ListTagsForDomain", bought_by(None))
            .with("ListCertificates", certificates(vec![(CERTIFICATE, &["example.com", "*.example.com"])]))
    }

    fn with(mut self, operation: &'static str, rule: Rule) -> Self {
        self.rules.insert(operation, rule);
        self
    }

    fn without(mut self, operation: &'static str) -> Self {
        self.rules.remove(operation).expect("it was there");
        self
    }

    fn clients(&self) -> Clients {
        let rules: Vec<&Rule> = self.rules.values().collect();
        Clients {
            acm: mock_client!(aws_sdk_acm, RuleMode::MatchAny, rules.iter().copied()),
            apigateway: mock_client!(aws_sdk_apigatewayv2, RuleMode::MatchAny, rules.iter().copied()),
            dynamodb: mock_client!(aws_sdk_dynamodb, RuleMode::MatchAny, rules.iter().copied()),
            domains: mock_client!(aws_sdk_route53domains, RuleMode::MatchAny, rules.iter().copied()),
            lambda: mock_client!(aws_sdk_lambda, RuleMode::MatchAny, rules.iter().copied()),
            logs: mock_client!(aws_sdk_cloudwatchlogs, RuleMode::MatchAny, rules.iter().copied()),
            resolver: Resolver::always(&self.answering),
            route53: mock_client!(aws_sdk_route53, RuleMode::MatchAny, rules.iter().copied()),
            secrets: mock_client!(aws_sdk_secretsmanager, RuleMode::MatchAny, rules.iter().copied()),
        }
    }

    async fn plan(&self, request: Value) -> Result<PlanOutput, StepError> {
        self.plan_with(&self.clients(), request).await
    }

    async fn plan_with(&self, clients: &Clients, request: Value) -> Result<PlanOutput, StepError> {
        self.plan_text_with(clients, &request.to_string()).await
    }

    /// The plan for a request that may be what no [`Value`] can hold.
    async fn plan_text(&self, request: &str) -> Result<PlanOutput, StepError> {
        self.plan_text_with(&self.clients(), request).await
    }

    async fn plan_text_with(&self, clients: &Clients, request: &str) -> Result<PlanOutput, StepError> {
        let settings = Settings { stack: "nameplate".into(), table: "table".into(), budget_usd: self.budget_usd };
        let request = RawValue::from_string(request.to_owned()).expect("JSON");
        run(clients, &settings, PlanInput { request }).await
    }

    /// The plan's refusal, or whatever else it failed with.
    async fn failure(&self, request: Value) -> StepError {
        self.plan(request).await.expect_err("a failure")
    }

    /// How often each operation was called; those that were not are left out.
    fn calls(&self) -> Vec<(&'static str, usize)> {
        self.rules.iter().map(|(name, rule)| (*name, rule.num_calls())).filter(|(_, count)| *count > 0).collect()
    }
}

/// A request of somebody who owns the name already.
fn request() -> Value {
    json!({"domainName": "example.com", "api": {"routes": [{"route": "GET /", "url": BACKEND}]}})
}

/// A request that may buy the name.
fn purchase() -> Value {
    let mut request = request();
    request["registration"] = json!({"maxPrice": {"amount": 20.0, "currency": "USD"}});
    request
}

fn dry(mut request: Value) -> Value {
    request["dryRun"] = json!(true);
    request
}

fn contact() -> Value {
    json!({
        "firstName": "Ada", "lastName": "Example", "addressLine1": "1 Example Street", "city": "Seattle",
        "state": "WA", "countryCode": "US", "zipCode": "98101", "phoneNumber": "+1.2065550100",
        "email": "ada@example.com"
    })
}

fn known() -> Value {
    json!({
        "apiId": "api-1", "hostedZoneId": "ZONE", "zoneOwned": true, "certificateArn": CERTIFICATE,
        "validationRecords": [{"name": "_a.example.com", "value": "_b.acm-validations.aws"}], "hostnames": ["api.example.com"],
        "tagKeys": ["team"], "adopted": []
    })
}

fn result() -> Value {
    json!({
        "version": 1, "domainName": "example.com", "nameServers": SERVERS, "apiEndpoint": "https://api.example.com",
        "defaultEndpoint": "https://api-1.execute-api.us-east-1.amazonaws.com", "apiId": "api-1",
        "hostedZoneId": "ZONE", "certificateArn": CERTIFICATE,
        "registration": {"status": "REGISTERED", "expires": "2030-01-01T00:00:00Z", "autoRenew": true},
        "actions": []
    })
}

type Item = HashMap<String, AttributeValue>;

fn text(value: impl ToString) -> AttributeValue {
    AttributeValue::S(value.to_string())
}

/// The item that a finished run for [`request`] leaves.
fn live_item() -> Item {
    let fingerprint = Request::parse(&request()).expect("valid").fingerprint();
    HashMap::from([
        ("id".to_owned(), text("domain#example.com")),
        ("status".to_owned(), text("LIVE")),
        ("fingerprint".to_owned(), text(fingerprint)),
        ("known".to_owned(), text(known())),
        ("result".to_owned(), text(result())),
    ])
}

fn changed_item(attribute: &str, value: AttributeValue) -> Rule {
    let mut changed = live_item();
    changed.insert(attribute.to_owned(), value);
    item(Some(changed))
}

fn our_tags() -> HashMap<String, String> {
    let pairs = [(tags::DOMAIN, "example.com"), (tags::STACK, "nameplate")];
    pairs.map(|(key, value)| (key.to_owned(), value.to_owned())).into()
}

// Answers.

/// An error of the services that speak JSON.
fn error(status: u16, code: &'static str) -> HttpResponse {
    let body = json!({"__type": code, "message": "because"}).to_string();
    HttpResponse::new(StatusCode::try_from(status).expect("a status"), SdkBody::from(body))
}

/// An error of Route 53.
fn xml_error(status: u16, code: &'static str) -> HttpResponse {
    let body = format!(
        "<ErrorResponse xmlns=\"https://route53.amazonaws.com/doc/2013-04-01/\"><Error><Type>Sender</Type>\
         <Code>{code}</Code><Message>because</Message></Error><RequestId>1</RequestId></ErrorResponse>"
    );
    HttpResponse::new(StatusCode::try_from(status).expect("a status"), SdkBody::from(body))
}

fn item(item: Option<Item>) -> Rule {
    mock!(aws_sdk_dynamodb::Client::get_item)
        .match_requests(|request| {
            request.table_name() == Some("table")
                && request.key().is_some_and(|key| key["id"] == text("domain#example.com"))
                && request.consistent_read() == Some(true)
        })
        .then_output(move || GetItemOutput::builder().set_item(item.clone()).build())
}

fn availability(value: &'static str) -> Rule {
    mock!(aws_sdk_route53domains::Client::check_domain_availability)
        .match_requests(|request| request.domain_name() == Some("example.com"))
        .then_output(move || CheckDomainAvailabilityOutput::builder().availability(value.into()).build())
}

fn availability_fails(status: u16, code: &'static str) -> Rule {
    mock!(aws_sdk_route53domains::Client::check_domain_availability).then_http_response(move || error(status, code))
}

/// The registry's prices for `tld`; renewal costs two more.
fn prices(tld: &'static str, price: f64, currency: &'static str) -> Rule {
    let money =
        move |amount: f64| PriceWithCurrency::builder().price(amount).currency(currency).build().expect("complete");
    mock!(aws_sdk_route53domains::Client::list_prices)
        .match_requests(|request| request.tld() == Some("com"))
        .then_output(move || {
            let price =
                DomainPrice::builder().name(tld).registration_price(money(price)).renewal_price(money(price + 2.0));
            ListPricesOutput::builder().prices(price.build()).build()
        })
}

fn prices_fail(code: &'static str) -> Rule {
    mock!(aws_sdk_route53domains::Client::list_prices).then_http_response(move || error(400, code))
}

fn registered(servers: &[&'static str]) -> Rule {
    let servers = servers.to_vec();
    mock!(aws_sdk_route53domains::Client::get_domain_detail)
        .match_requests(|request| request.domain_name() == Some("example.com"))
        .then_output(move || {
            let servers = servers.iter().map(|name| Nameserver::builder().name(*name).build().expect("complete"));
            GetDomainDetailOutput::builder()
                .set_nameservers(Some(servers.collect()))
                .expiration_date(DateTime::from_secs(1_900_000_000))
                .auto_renew(false)
                .build()
        })
}

fn not_registered() -> Rule {
    mock!(aws_sdk_route53domains::Client::get_domain_detail).then_http_response(|| error(400, "InvalidInput"))
}

fn secret(contact: &Value) -> Rule {
    let text = contact.to_string();
    mock!(aws_sdk_secretsmanager::Client::get_secret_value)
        .match_requests(|request| request.secret_id() == Some("nameplate/contact"))
        .then_output(move || GetSecretValueOutput::builder().secret_string(text.clone()).build())
}

fn secret_fails(code: &'static str) -> Rule {
    mock!(aws_sdk_secretsmanager::Client::get_secret_value).then_http_response(move || error(400, code))
}

/// A custom domain in the listing.
fn listed_domain(
    name: &str,
    certificate: &str,
    status: DomainNameStatus,
    tags: HashMap<String, String>,
) -> ListedDomain {
    let configuration = DomainNameConfiguration::builder()
        .certificate_arn(certificate)
        .domain_name_status(status)
        .api_gateway_domain_name(API_ADDRESS)
        .build();
    ListedDomain::builder().domain_name(name).domain_name_configurations(configuration).set_tags(Some(tags)).build()
}

fn custom_domains(items: Vec<ListedDomain>) -> Rule {
    mock!(aws_sdk_apigatewayv2::Client::get_domain_names)
        .then_output(move || GetDomainNamesOutput::builder().set_items(Some(items.clone())).build())
}

fn custom_domain(certificate: &'static str, status: DomainNameStatus, tags: HashMap<String, String>) -> Rule {
    custom_domains(vec![listed_domain("api.example.com", certificate, status, tags)])
}

fn our_api() -> Rule {
    api_with(our_tags())
}

fn api_with(tags: HashMap<String, String>) -> Rule {
    mock!(aws_sdk_apigatewayv2::Client::get_api).then_output(move || api_output().set_tags(Some(tags.clone())).build())
}

/// As [`request`] wants it, but for its tags.
fn api_output() -> GetApiOutputBuilder {
    GetApiOutput::builder().name("example.com").protocol_type(ProtocolType::Http)
}

fn no_authorizers() -> Rule {
    mock!(aws_sdk_apigatewayv2::Client::get_authorizers).then_output(|| GetAuthorizersOutput::builder().build())
}

/// The tags of the zone: the name's, and those of a stack if one uses it.
fn zone_tags(stack: Option<&'static str>) -> Rule {
    mock!(aws_sdk_route53::Client::list_tags_for_resource).then_output(move || {
        let tag = |key: &str, value: &str| Tag::builder().key(key).value(value).build();
        let tags = stack.map(|stack| vec![tag(tags::DOMAIN, "example.com"), tag(tags::STACK, stack)]);
        let set = ResourceTagSet::builder().set_tags(tags).build();
        ListTagsForResourceOutput::builder().resource_tag_set(set).build()
    })
}

/// The tags of the registration: those of a stack if one has bought it.
fn bought_by(stack: Option<&'static str>) -> Rule {
    mock!(aws_sdk_route53domains::Client::list_tags_for_domain).then_output(move || {
        let tag = aws_sdk_route53domains::types::Tag::builder();
        let tag = stack.map(|stack| tag.key(tags::STACK).value(stack).build());
        ListTagsForDomainOutput::builder().set_tag_list(Some(tag.into_iter().collect())).build()
    })
}

fn no_custom_domain() -> Rule {
    custom_domains(Vec::new())
}

/// Ours at the request's host name, and at one that an earlier request named.
fn two_custom_domains() -> Rule {
    let ours = |name| listed_domain(name, CERTIFICATE, DomainNameStatus::Available, our_tags());
    custom_domains(vec![ours("old.example.com"), ours("api.example.com")])
}

fn mapping(api: &'static str, stage: &'static str) -> Rule {
    mock!(aws_sdk_apigatewayv2::Client::get_api_mappings)
        .match_requests(|request| ["api.example.com", "old.example.com"].map(Some).contains(&request.domain_name()))
        .then_output(move || {
            let mapping = ApiMapping::builder().api_id(api).stage(stage).api_mapping_key("").build();
            GetApiMappingsOutput::builder().items(mapping).build()
        })
}

fn route(key: &str, target: &str) -> Route {
    Route::builder().route_id(format!("r {key}")).route_key(key).target(target).build()
}

fn routes(routes: Vec<Route>) -> Rule {
    mock!(aws_sdk_apigatewayv2::Client::get_routes)
        .match_requests(|request| request.api_id() == Some("api-1"))
        .then_output(move || GetRoutesOutput::builder().set_items(Some(routes.clone())).build())
}

fn no_api() -> Rule {
    mock!(aws_sdk_apigatewayv2::Client::get_api).then_http_response(|| error(404, "NotFoundException"))
}

fn mapping_integrations() -> Rule {
    mock!(aws_sdk_apigatewayv2::Client::get_integrations).then_output(|| {
        let integration = Integration::builder()
            .integration_id("i-1")
            .integration_type(IntegrationType::HttpProxy)
            .integration_method("ANY")
            .payload_format_version("1.0")
            .integration_uri(BACKEND)
            .request_parameters("overwrite:header.x-tenant", "acme");
        GetIntegrationsOutput::builder().items(integration.build()).build()
    })
}

fn integrations(url: &'static str) -> Rule {
    mock!(aws_sdk_apigatewayv2::Client::get_integrations)
        .match_requests(|request| request.api_id() == Some("api-1"))
        .then_output(move || {
            let integration = Integration::builder()
                .integration_id("i-1")
                .integration_type(IntegrationType::HttpProxy)
                .integration_method("ANY")
                .payload_format_version("1.0")
                .integration_uri(url);
            GetIntegrationsOutput::builder().items(integration.build()).build()
        })
}

fn apis(apis: Vec<Api>) -> Rule {
    mock!(aws_sdk_apigatewayv2::Client::get_apis)
        .then_output(move || GetApisOutput::builder().set_items(Some(apis.clone())).build())
}

fn api(id: &str, tags: HashMap<String, String>) -> Api {
    Api::builder().api_id(id).name("example.com").protocol_type(ProtocolType::Http).set_tags(Some(tags)).build()
}

fn zone(id: &str, name: &str, private: bool) -> HostedZone {
    HostedZone::builder()
        .id(format!("/hostedzone/{id}"))
        .name(name)
        .caller_reference("somebody")
        .config(HostedZoneConfig::builder().private_zone(private).build())
        .build()
        .expect("complete")
}

/// Which zones there are, each with the servers that answer for it.
fn served(zones: &[(&'static str, [&'static str; 2])]) -> Rule {
    let zones: HashMap<_, _> = zones.iter().copied().collect();
    mock!(aws_sdk_route53::Client::get_hosted_zone).then_compute_response(move |call| {
        let Some(servers) = call.id().and_then(|id| zones.get(id)) else {
            return MockResponse::Http(xml_error(404, "NoSuchHostedZone"));
        };
        let servers = servers.map(str::to_owned).to_vec();
        let set = DelegationSet::builder().set_name_servers(Some(servers)).build().expect("complete");
        let zone = zone(call.id().unwrap_or_default(), "example.com.", false);
        MockResponse::Output(GetHostedZoneOutput::builder().hosted_zone(zone).delegation_set(set).build())
    })
}

fn zones(zones: Vec<HostedZone>) -> Rule {
    mock!(aws_sdk_route53::Client::list_hosted_zones_by_name)
        .match_requests(|request| request.dns_name() == Some("example.com"))
        .then_output(move || {
            ListHostedZonesByNameOutput::builder()
                .set_hosted_zones(Some(zones.clone()))
                .is_truncated(false)
                .max_items(100)
                .build()
                .expect("complete")
        })
}

fn certificates(summaries: Vec<(&'static str, &'static [&'static str])>) -> Rule {
    mock!(aws_sdk_acm::Client::list_certificates)
        .match_requests(|request| request.includes().is_some_and(|filters| !filters.key_types().is_empty()))
        .then_output(move || {
            let summaries = summaries.iter().map(|(arn, names)| {
                let names = names.iter().map(|name| (*name).to_owned()).collect();
                CertificateSummary::builder()
                    .certificate_arn(*arn)
                    .domain_name("example.com")
                    .set_subject_alternative_name_summaries(Some(names))
                    .build()
            });
            ListCertificatesOutput::builder().set_certificate_summary_list(Some(summaries.collect())).build()
        })
}

/// The certificate of a finished run, with that status, validated by `method`; mails go to the mailboxes of `asked`.
fn describes(status: CertificateStatus, method: &'static str, asked: &'static str) -> Rule {
    mock!(aws_sdk_acm::Client::describe_certificate)
        .match_requests(|request| [Some(CERTIFICATE), Some("arn:of-others")].contains(&request.certificate_arn()))
        .then_output(move || {
            let option = DomainValidation::builder()
                .domain_name("example.com")
                .validation_method(method.into())
                .validation_domain(asked);
            let detail = CertificateDetail::builder()
                .certificate_arn(CERTIFICATE)
                .domain_name("example.com")
                .status(status.clone())
                .subject_alternative_names("example.com")
                .subject_alternative_names("*.example.com")
                .not_after(aws_sdk_acm::primitives::DateTime::from_secs_f64(1_830_297_600.5))
                .domain_validation_options(option.build().expect("complete"));
            DescribeCertificateOutput::builder().certificate(detail.build()).build()
        })
}

fn value_record(name: &str, kind: RrType, values: &[&str]) -> ResourceRecordSet {
    let values = values.iter().map(|value| ResourceRecord::builder().value(*value).build().expect("complete"));
    ResourceRecordSet::builder()
        .name(name)
        .r#type(kind)
        .set_resource_records(Some(values.collect()))
        .build()
        .expect("complete")
}

fn alias(kind: RrType, target: &str) -> ResourceRecordSet {
    alias_at("api.example.com.", kind, target)
}

fn alias_at(name: &str, kind: RrType, target: &str) -> ResourceRecordSet {
    let target = AliasTarget::builder().hosted_zone_id("ZAPI").dns_name(target).evaluate_target_health(false);
    ResourceRecordSet::builder()
        .name(name)
        .r#type(kind)
        .alias_target(target.build().expect("complete"))
        .build()
        .expect("complete")
}

/// Everything that a finished run needs in its zone, as Route 53 spells it.
fn all_records() -> Vec<ResourceRecordSet> {
    vec![
        value_record("example.com.", RrType::Ns, &["ns-2.example.net.", "NS-1.example.org."]),
        value_record("_a.example.com.", RrType::Cname, &["_b.acm-validations.aws."]),
        alias(RrType::A, "d-1.execute-api.us-east-1.amazonaws.com."),
        alias(RrType::Aaaa, "d-1.execute-api.us-east-1.amazonaws.com."),
    ]
}

/// All records but one.
fn records_without(index: usize) -> Vec<ResourceRecordSet> {
    let mut records = all_records();
    records.remove(index);
    records
}

fn records(records: Vec<ResourceRecordSet>) -> Rule {
    mock!(aws_sdk_route53::Client::list_resource_record_sets)
        .match_requests(|request| request.hosted_zone_id() == Some("ZONE"))
        .then_output(move || record_page(records.clone(), None))
}

fn record_page(records: Vec<ResourceRecordSet>, next: Option<&str>) -> ListResourceRecordSetsOutput {
    ListResourceRecordSetsOutput::builder()
        .set_resource_record_sets(Some(records))
        .is_truncated(next.is_some())
        .set_next_record_name(next.map(str::to_owned))
        .max_items(300)
        .build()
        .expect("complete")
}

// A name that is to be bought.

#[tokio::test]
async fn a_fresh_name_in_budget_gets_a_quote_after_two_questions_to_the_registrar() {
    let world = World::fresh();
    let plan = world.plan(purchase()).await.expect("a plan");
    assert_eq!(
        world.calls(),
        [("CheckDomainAvailability", 1), ("GetItem", 1), ("GetSecretValue", 1), ("ListPrices", 1)]
    );
    assert_eq!(plan.registration, RegistrationPlan::Register);
    let quote = plan.quote.expect("a quote");
    let usd = |amount| Money { amount, currency: "USD".to_owned() };
    assert_eq!((&quote.registration, &quote.renewal), (&usd(13.0), &usd(15.0)));
    assert!(plan.deadlines.registration >= quote.read_at + REGISTRATION_DEADLINE_SECS);
    assert_eq!(plan.planned_at, plan.deadlines.registration - REGISTRATION_DEADLINE_SECS);
    assert_eq!(plan.deadlines.certificate, plan.deadlines.registration + CERTIFICATE_DEADLINE_SECS);
    assert_eq!((plan.item_key.as_str(), &plan.known, plan.result), ("domain#example.com", &Known::default(), None));
    assert_eq!(plan.request, Request::parse(&purchase()).expect("valid"));
    assert_eq!(plan.fingerprint, plan.request.fingerprint());
}

#[tokio::test]
async fn a_price_over_the_cap_or_the_budget_is_refused_before_the_contact_is_read() {
    let years = |years: u8| {
        let mut request = purchase();
        request["registration"]["years"] = json!(years);
        request
    };
    for (world, request, code) in [
        (World::fresh(), years(2), "PriceOverCap"),
        (World { budget_usd: 0.0, ..World::fresh() }, years(1), "PriceOverBudget"),
        (World { budget_usd: 12.99, ..World::fresh() }, years(1), "PriceOverBudget"),
        (World::fresh().with("ListPrices", prices("com", 13.0, "EUR")), years(1), "PriceCurrency"),
    ] {
        let failure = world.failure(request).await;
        assert_eq!((failure.class, failure.code.as_str()), (Class::Refused, code), "{failure}");
        assert!(!world.calls().iter().any(|(operation, _)| *operation == "GetSecretValue"), "{code}");
    }
    let mut three_years = years(3);
    three_years["registration"]["maxPrice"]["amount"] = json!(42.90);
    let cents = World { budget_usd: 42.90, ..World::fresh().with("ListPrices", prices("com", 14.30, "USD")) };
    assert!(cents.plan(three_years).await.is_ok(), "three times 14.30 is 42.90, not a fraction more");
    let exact = World { budget_usd: 20.0, ..World::fresh().with("ListPrices", prices("com", 20.0, "USD")) };
    assert!(exact.plan(purchase()).await.is_ok(), "cap and budget are the most that may be paid");
}

#[tokio::test]
async fn each_answer_about_availability_has_its_own_class_and_code() {
    for (value, class, code) in [
        ("AVAILABLE_RESERVED", Class::Refused, "NameReserved"),
        ("AVAILABLE_PREORDER", Class::Refused, "NamePreorder"),
        ("UNAVAILABLE", Class::Refused, "NameUnavailable"),
        ("UNAVAILABLE_PREMIUM", Class::Refused, "NamePremium"),
        ("UNAVAILABLE_RESTRICTED", Class::Refused, "NameRestricted"),
        ("RESERVED", Class::Refused, "NameReserved"),
        ("INVALID_NAME_FOR_TLD", Class::Refused, "InvalidNameForTld"),
        ("DONT_KNOW", Class::NotReady, "DONT_KNOW"),
        ("PENDING", Class::Retryable, "PENDING"),
        ("SOMETHING_NEW", Class::Refused, "NameUnavailable"),
    ] {
        let world = World::fresh().with("CheckDomainAvailability", availability(value));
        let failure = world.failure(purchase()).await;
        assert_eq!((failure.class, failure.code.as_str()), (class, code), "{value}");
        assert!(failure.reason.contains("example.com"), "{value}: {}", failure.reason);
        assert_eq!(world.calls(), [("CheckDomainAvailability", 1), ("GetDomainDetail", 1), ("GetItem", 1)], "{value}");
    }
}

#[tokio::test]
async fn a_name_that_is_taken_by_ourselves_is_not_bought_again() {
    let world = World::fresh()
        .with("CheckDomainAvailability", availability("UNAVAILABLE"))
        .with("ListHostedZonesByName", zones(vec![zone("ZONE", "example.com.", false)]))
        .with("GetDomainDetail", registered(&SERVERS));
    let plan = world.plan(purchase()).await.expect("a plan");
    assert_eq!((plan.registration, plan.quote), (RegistrationPlan::Registered, None));
    let calls = [
        ("CheckDomainAvailability", 1),
        ("GetDomainDetail", 1),
        ("GetDomainNames", 1),
        ("GetHostedZone", 1),
        ("GetItem", 1),
        ("ListHostedZonesByName", 1),
        ("ListResourceRecordSets", 1),
        ("ListTagsForDomain", 1),
        ("ListTagsForResource", 1),
    ];
    assert_eq!(world.calls(), calls);
}

#[tokio::test]
async fn a_name_that_route_53_does_not_sell_is_refused() {
    for (world, class, code) in [
        (
            World::fresh().with("CheckDomainAvailability", availability_fails(400, "UnsupportedTLD")),
            Class::Refused,
            "UnsupportedTLD",
        ),
        (
            World::fresh().with("CheckDomainAvailability", availability_fails(400, "InvalidInput")),
            Class::Refused,
            "InvalidInput",
        ),
        (
            World::fresh().with("CheckDomainAvailability", availability_fails(400, "TLDInMaintenance")),
            Class::NotReady,
            "TLDInMaintenance",
        ),
        (World::fresh().with("ListPrices", prices_fail("UnsupportedTLD")), Class::Refused, "UnsupportedTLD"),
        (World::fresh().with("ListPrices", prices_fail("InvalidInput")), Class::Refused, "UnsupportedTLD"),
        (World::fresh().with("ListPrices", prices("community", 13.0, "USD")), Class::Refused, "UnsupportedTLD"),
    ] {
        let failure = world.failure(purchase()).await;
        assert_eq!((failure.class, failure.code.as_str()), (class, code), "{failure}");
    }
}

#[tokio::test]
async fn a_request_that_is_too_large_or_too_deep_is_refused_before_any_call() {
    let world = World::of([]);
    let mut large = request();
    large["tags"] = json!({"team": "x".repeat(256 * 1024)});
    let deep = format!("{}{}", "[".repeat(2_000), "]".repeat(2_000));
    let routes: Vec<Value> = (0..10_000).map(|n| json!({"route": format!("GET /{n}"), "url": BACKEND})).collect();
    let many = json!({"domainName": "example.com", "api": {"routes": routes}});
    for (text, problem) in [
        (large.to_string(), "more than 65536"),
        (many.to_string(), "more than 65536"),
        (deep, "nested more than 127 deep"),
        ("1e999".to_owned(), "no JSON that can be read"),
    ] {
        let failure = world.plan_text(&text).await.expect_err(problem);
        assert_eq!(failure.class, Class::InvalidRequest, "{failure}");
        assert!(failure.reason.starts_with("request: ") && failure.reason.contains(problem), "{failure}");
        assert!(failure.to_string().len() < 500, "{failure}");
    }
}

#[tokio::test]
async fn a_contact_that_cannot_be_used_is_named_and_its_contents_are_not() {
    let marked = |field: &str, value: &str| {
        let mut contact = contact();
        contact["firstName"] = json!(MARK);
        contact[field] = json!(value);
        secret(&contact)
    };
    let binary = mock!(aws_sdk_secretsmanager::Client::get_secret_value)
        .then_output(|| GetSecretValueOutput::builder().secret_binary(Blob::new(MARK)).build());
    for (rule, says) in [
        (secret_fails("ResourceNotFoundException"), "does not exist"),
        (secret_fails("AccessDeniedException"), "may not be read"),
        (secret_fails("DecryptionFailure"), "decrypted"),
        (secret_fails("InvalidRequestException"), "marked for deletion"),
        (secret_fails("ValidationException"), "no valid name"),
        (binary, "no text"),
        (secret(&json!(MARK)), "no JSON object"),
        (marked("phoneNumber", MARK), "phoneNumber"),
        (marked("countryCode", MARK), "countryCode"),
        (marked("contactType", "COMPANY"), "organizationName"),
        (marked(MARK, "x"), "not known"),
    ] {
        let world = World::fresh().with("GetSecretValue", rule);
        let failure = world.failure(purchase()).await;
        assert_eq!((failure.class, failure.code.as_str()), (Class::InvalidRequest, "InvalidRequest"), "{says}");
        assert!(failure.reason.starts_with("registration.contactSecret: the secret `nameplate/contact`"), "{failure}");
        assert!(failure.reason.contains(says), "{says}: {failure}");
        assert!(!format!("{failure:?}").contains(MARK), "{failure}");
    }
}

#[tokio::test]
async fn a_purchase_that_was_begun_is_never_priced_as_a_new_one() {
    let begun = HashMap::from([
        ("id".to_owned(), text("domain#example.com")),
        ("purchaseIntent".to_owned(), AttributeValue::N("1800000000".to_owned())),
    ]);
    let world = World::fresh().with("GetItem", item(Some(begun.clone())));
    let plan = world.plan(purchase()).await.expect("a plan");
    assert_eq!((plan.registration, plan.quote), (RegistrationPlan::Register, None));
    assert_eq!(
        world.calls(),
        [("GetDomainDetail", 1), ("GetDomainNames", 1), ("GetItem", 1), ("ListHostedZonesByName", 1)]
    );
    assert_eq!(
        plan.deadlines.certificate - plan.deadlines.registration,
        CERTIFICATE_DEADLINE_SECS,
        "the registration is still waited for"
    );

    let there = World::fresh().with("GetItem", item(Some(begun))).with("GetDomainDetail", registered(&SERVERS));
    let plan = there.plan(purchase()).await.expect("a plan");
    assert_eq!((plan.registration, plan.quote), (RegistrationPlan::Registered, None));
}

// A name that is held already.

#[tokio::test]
async fn a_name_that_is_neither_ours_nor_to_be_bought_is_not_managed() {
    let world = World::fresh();
    let plan = world.plan(request()).await.expect("a plan");
    assert_eq!((plan.registration, plan.quote, plan.result), (RegistrationPlan::NotManaged, None, None));
    assert_eq!(
        world.calls(),
        [("GetDomainDetail", 1), ("GetDomainNames", 1), ("GetItem", 1), ("ListHostedZonesByName", 1)]
    );
}

#[tokio::test]
async fn a_custom_domain_of_somebody_else_is_refused() {
    let tagged = |key: &str, value: &str| {
        let mut tags = our_tags();
        tags.insert(key.to_owned(), value.to_owned());
        tags
    };
    for tags in [HashMap::new(), tagged(tags::STACK, "other"), tagged(tags::DOMAIN, "example.org")] {
        for dry_run in [false, true] {
            let foreign = custom_domain(CERTIFICATE, DomainNameStatus::Available, tags.clone());
            let mut wish = request();
            wish["dryRun"] = json!(dry_run);
            let failure = World::fresh().with("GetDomainNames", foreign).failure(wish).await;
            assert_eq!((failure.class, failure.code.as_str()), (Class::Refused, "CustomDomainNotOurs"), "{tags:?}");
            assert!(failure.reason.contains("api.example.com"), "{failure}");
        }
    }
    let ours =
        World::fresh().with("GetDomainNames", custom_domain(CERTIFICATE, DomainNameStatus::Available, our_tags()));
    assert!(ours.plan(request()).await.is_ok());
}

#[tokio::test]
async fn what_belongs_to_others_is_refused_by_its_name_and_taken_over_only_on_request() {
    let text_of = |value: &str, kind| value_record("api.example.com.", kind, &[value]);
    let mut routed = text_of("192.0.2.1", RrType::A);
    routed.set_identifier = Some("one".to_owned());
    let theirs = || HashMap::from([(tags::STACK.to_owned(), "another".to_owned())]);
    let other = custom_domain(CERTIFICATE, DomainNameStatus::Available, theirs());
    let at_host = |record| records(vec![record]);
    for (operation, rule, code, resource, name, adoptable) in [
        ("GetDomainNames", other, "CustomDomainNotOurs", "custom domain", "api.example.com", true),
        ("ListTagsForResource", zone_tags(Some("another")), "OtherStack", "hosted zone", "ZONE", true),
        (
            "ListResourceRecordSets",
            at_host(text_of("192.0.2.1", RrType::A)),
            "RecordNotOurs",
            "record",
            "api.example.com A",
            true,
        ),
        (
            "ListResourceRecordSets",
            at_host(text_of("x.example.net", RrType::Cname)),
            "RecordNotOurs",
            "record",
            "api.example.com CNAME",
            true,
        ),
        ("ListResourceRecordSets", at_host(routed), "RecordNotOurs", "record", "api.example.com A", false),
    ] {
        let world = World::fresh()
            .with("ListHostedZonesByName", zones(vec![zone("ZONE", "example.com.", false)]))
            .with(operation, rule);
        for dry_run in [false, true] {
            let mut wish = request();
            wish["dryRun"] = json!(dry_run);
            let refused = world.failure(wish.clone()).await;
            assert_eq!((refused.class, refused.code.as_str()), (Class::Refused, code), "{resource}");
            assert!(refused.reason.contains(name), "{refused}");
            wish["adopt"] = json!(true);
            match world.plan(wish).await {
                Ok(plan) => {
                    assert!(adoptable, "{resource} {name}");
                    let taken: Vec<_> = plan.adopted.iter().map(|t| (t.resource.as_str(), t.name.as_str())).collect();
                    assert_eq!(taken, [(resource, name)]);
                    let told = plan.report.lines.iter().any(|line| line.starts_with(&format!("! {resource} {name} (")));
                    assert_eq!(told, dry_run, "{:?}", plan.report.lines);
                }
                Err(error) => assert!(!adoptable && !error.remedy.contains("adopt"), "{resource} {name}: {error}"),
            }
        }
    }
}

#[tokio::test]
async fn an_alias_that_leads_to_another_region_is_not_ours_although_the_name_is_recorded() {
    let moved = alias(RrType::A, "d-1.execute-api.us-west-2.amazonaws.com");
    let mut wish = request();
    wish["tags"] = json!({"cost": "1"});
    let refused = World::changed().with("ListResourceRecordSets", records(vec![moved])).failure(wish).await;
    assert_eq!(refused.code, "RecordNotOurs", "{refused}");
    assert!(refused.reason.contains("us-west-2"), "{refused}");
}

#[tokio::test]
async fn a_host_name_with_a_path_to_the_api_of_somebody_else_is_not_taken_off() {
    let path = mock!(aws_sdk_apigatewayv2::Client::get_api_mappings).then_compute_output(|call| {
        let root = ApiMapping::builder().api_id("api-1").stage("$default").api_mapping_key("").build();
        let more = ApiMapping::builder().api_id("api9").stage("$default").api_mapping_key("v2").build();
        let more = (call.domain_name() == Some("old.example.com")).then_some(more);
        GetApiMappingsOutput::builder().items(root).set_items(Some(more.into_iter().collect())).build()
    });
    let theirs = mock!(aws_sdk_apigatewayv2::Client::get_api).then_compute_output(|call| {
        let tags = if call.api_id() == Some("api9") { HashMap::new() } else { our_tags() };
        GetApiOutput::builder().set_tags(Some(tags)).build()
    });
    let world = World::changed()
        .with("GetDomainNames", two_custom_domains())
        .with("GetApiMappings", path)
        .with("GetApi", theirs);
    let mut wish = request();
    for adopt in [false, true] {
        wish["adopt"] = json!(adopt);
        let refused = world.failure(wish.clone()).await;
        assert_eq!((refused.class, refused.code.as_str()), (Class::Refused, "MappingNotOurs"));
        assert!(refused.reason.contains("old.example.com/v2") && !refused.remedy.contains("adopt"), "{refused}");
    }
}

#[tokio::test]
async fn a_recorded_host_name_is_taken_off_although_its_custom_domain_is_gone_unless_somebody_else_has_it() {
    let mut known = known();
    known["hostnames"] = json!(["api.example.com", "gone.example.com", "their.example.com"]);
    let theirs = listed_domain("their.example.com", CERTIFICATE, DomainNameStatus::Available, HashMap::new());
    let ours = listed_domain("api.example.com", CERTIFICATE, DomainNameStatus::Available, our_tags());
    let world = World::changed()
        .with("GetItem", changed_item(attribute::KNOWN, text(known)))
        .with("GetDomainNames", custom_domains(vec![theirs, ours]))
        .with(
            "GetApiMappings",
            mock!(aws_sdk_apigatewayv2::Client::get_api_mappings).then_compute_output(|call| {
                let root = ApiMapping::builder().api_id("api-1").stage("$default").api_mapping_key("").build();
                let items = if call.domain_name() == Some("api.example.com") { vec![root] } else { Vec::new() };
                GetApiMappingsOutput::builder().set_items(Some(items)).build()
            }),
        );
    let plan = world.plan(request()).await.expect("a plan");
    assert_eq!((plan.result, plan.dropped_hostnames), (None, vec!["gone.example.com".to_owned()]));
}

#[tokio::test]
async fn a_root_path_that_a_stopped_run_has_led_to_the_existing_api_of_its_request_is_ours() {
    let earlier = |api: &str| {
        let mut stored = live_item();
        stored
            .insert(attribute::KNOWN.to_owned(), text(json!({"hostedZoneId": "ZONE", "certificateArn": CERTIFICATE})));
        let request = json!({"api": {"existing": {"apiId": api, "stage": "$default"}}});
        stored.insert(attribute::REQUEST.to_owned(), text(request));
        let world = World::changed().with("GetItem", item(Some(stored)));
        world.with("GetApiMappings", mapping("api9", "$default")).with("GetApi", api_with(HashMap::new()))
    };
    let plan = earlier("api9").plan(request()).await.expect("a plan");
    assert_eq!((plan.known.hostnames, plan.adopted), (vec!["api.example.com".to_owned()], Vec::new()));
    // One that leads elsewhere is not what that run made.
    let refused = earlier("api8").failure(request()).await;
    assert_eq!((refused.class, refused.code.as_str()), (Class::Refused, "MappingNotOurs"));
    // Nor is a custom domain that is not ours.
    let theirs = listed_domain("api.example.com", CERTIFICATE, DomainNameStatus::Available, HashMap::new());
    let refused = earlier("api9").with("GetDomainNames", custom_domains(vec![theirs])).failure(request()).await;
    assert_eq!((refused.class, refused.code.as_str()), (Class::Refused, "CustomDomainNotOurs"));
}

#[tokio::test]
async fn a_root_path_that_leads_to_the_api_of_somebody_else_is_refused_and_one_that_leads_to_none_is_not() {
    // A host name that an earlier run has recorded is ours, whatever it leads to.
    let unrecorded =
        || json!({"apiId": "api-1", "hostedZoneId": "ZONE", "zoneOwned": true, "certificateArn": CERTIFICATE});
    let elsewhere = || {
        let world = World::changed().with("GetItem", changed_item(attribute::KNOWN, text(unrecorded())));
        world.with("GetApiMappings", mapping("api9", "$default"))
    };
    let theirs = elsewhere().with("GetApi", api_with(HashMap::new()));
    let refused = theirs.failure(request()).await;
    assert_eq!((refused.class, refused.code.as_str()), (Class::Refused, "MappingNotOurs"));
    assert!(refused.reason.contains("api.example.com") && refused.reason.contains("api9"), "{refused}");
    let mut wish = request();
    wish["adopt"] = json!(true);
    assert_eq!(theirs.plan(wish).await.expect("a plan").adopted[0].resource, "mapping");
    // One that leads to the API that is wanted may be of a run that was stopped before it recorded it.
    let stage = mock!(aws_sdk_apigatewayv2::Client::get_stage)
        .then_output(|| GetStageOutput::builder().stage_name("$default").build());
    let mut wish = request();
    wish["api"] = json!({"existing": {"apiId": "api9", "stage": "$default"}});
    assert_eq!(theirs.with("GetStage", stage).plan(wish).await.expect("a plan").adopted, []);
    let gone = mock!(aws_sdk_apigatewayv2::Client::get_api).then_http_response(|| error(404, "NotFoundException"));
    assert_eq!(elsewhere().with("GetApi", gone).plan(request()).await.expect("a plan").adopted, []);
}

#[tokio::test]
async fn what_earlier_runs_wrote_is_remembered_beside_what_this_one_writes() {
    let mut earlier = known();
    earlier["formerValidationRecords"] = json!([{"name": "_0.example.com", "value": "_1.acm-validations.aws"}]);
    earlier["formerHostedZoneIds"] = json!(["ZOLD", "ZONE"]);
    let world = World::live().with("GetItem", changed_item(attribute::KNOWN, text(earlier)));
    let known = world.plan(request()).await.expect("a plan").known;
    let names: Vec<&str> = known.former_validation_records.iter().map(|record| record.name.as_str()).collect();
    assert_eq!(names, ["_0.example.com", "_a.example.com"]);
    assert_eq!(known.former_hosted_zone_ids, ["ZOLD", "ZONE"]);
    let known = World::live().plan(request()).await.expect("a plan").known;
    assert_eq!((known.former_validation_records.len(), known.former_hosted_zone_ids), (1, vec!["ZONE".to_owned()]));
}

#[tokio::test]
async fn what_a_broken_run_was_to_take_over_is_not_said_twice() {
    let theirs = HashMap::from([(tags::STACK.to_owned(), "another".to_owned())]);
    let other = custom_domain(CERTIFICATE, DomainNameStatus::Available, theirs);
    let mut known = known();
    known["adopted"] = json!([{"resource": "custom domain", "name": "api.example.com", "reason": "as it was then"}]);
    let broken = World::changed().with("GetItem", changed_item(attribute::KNOWN, text(known)));
    let mut wish = request();
    wish["adopt"] = json!(true);
    let plan = broken.with("GetDomainNames", other).plan(wish).await.expect("a plan");
    assert_eq!((plan.adopted, plan.known.adopted.len()), (vec![], 1));
}

#[tokio::test]
async fn tags_that_an_earlier_run_set_and_nobody_wants_any_more_are_named() {
    let mut wish = request();
    wish["tags"] = json!({"cost": "1"});
    let plan = World::changed().plan(wish).await.expect("a plan");
    assert_eq!(plan.former_tags, ["team"]);
    let mut wish = request();
    wish["tags"] = json!({"team": "other"});
    assert_eq!(World::changed().plan(wish).await.expect("a plan").former_tags, [""; 0], "only its value changes");
}

#[tokio::test]
async fn host_names_that_are_not_named_any_more_are_taken_off_and_those_of_others_are_not() {
    let theirs = listed_domain("their.example.com", CERTIFICATE, DomainNameStatus::Available, HashMap::new());
    let ours = listed_domain("old.example.com", CERTIFICATE, DomainNameStatus::Available, our_tags());
    let world = World::changed().with("GetDomainNames", custom_domains(vec![theirs, ours]));
    let plan = world.plan(request()).await.expect("a plan");
    assert_eq!((plan.result, plan.dropped_hostnames), (None, vec!["old.example.com".to_owned()]));
    let plan =
        World::changed().with("GetDomainNames", two_custom_domains()).plan(dry(request())).await.expect("a plan");
    let gone = line("custom domain", ReportAction::Remove, "old.example.com");
    assert!(lines(&plan).contains(&gone), "{:?}", lines(&plan));
}

#[tokio::test]
async fn each_host_name_has_to_stand() {
    let mut wish = request();
    wish["api"]["alternativeHostnames"] = json!(["example.com"]);
    let fingerprint = Request::parse(&wish).expect("valid").fingerprint();
    let ours = |name| listed_domain(name, CERTIFICATE, DomainNameStatus::Available, our_tags());
    let both = || custom_domains(vec![ours("example.com"), ours("api.example.com")]);
    let mapped = || {
        mock!(aws_sdk_apigatewayv2::Client::get_api_mappings).then_output(|| {
            let mapping = ApiMapping::builder().api_id("api-1").stage("$default").api_mapping_key("").build();
            GetApiMappingsOutput::builder().items(mapping).build()
        })
    };
    let apex = |kind| alias_at("example.com.", kind, API_ADDRESS);
    let all = || [all_records(), vec![apex(RrType::A), apex(RrType::Aaaa)]].concat();
    let live = || {
        let mut item = live_item();
        item.insert("fingerprint".to_owned(), text(&fingerprint));
        let mut known = known();
        known["hostnames"] = json!(["api.example.com", "example.com"]);
        item.insert("known".to_owned(), text(known));
        World::changed()
            .with("GetItem", self::item(Some(item)))
            .with("GetApiMappings", mapped())
            .with("GetDomainNames", both())
            .with("ListResourceRecordSets", records(all()))
    };
    assert!(live().plan(wish.clone()).await.expect("a plan").result.is_some(), "both stand");
    let one = custom_domains(vec![ours("api.example.com")]);
    assert_eq!(live().with("GetDomainNames", one).plan(wish.clone()).await.expect("a plan").result, None);
    let without = records([all_records(), vec![apex(RrType::A)]].concat());
    assert_eq!(live().with("ListResourceRecordSets", without).plan(wish).await.expect("a plan").result, None);
}

#[tokio::test]
async fn a_bad_request_is_refused_before_any_call() {
    let nothing = World::of([]);
    for document in [json!("text"), json!({}), json!({"domainName": "co.uk", "api": {"routes": []}})] {
        let failure = nothing.failure(document).await;
        assert_eq!(failure.class, Class::InvalidRequest, "{failure}");
    }
}

#[tokio::test(start_paused = true)]
async fn what_may_pass_is_retryable_and_what_will_not_is_final() {
    let detail = |status, code| {
        mock!(aws_sdk_route53domains::Client::get_domain_detail).then_http_response(move || error(status, code))
    };
    let name = |status, code| {
        mock!(aws_sdk_apigatewayv2::Client::get_domain_names).then_http_response(move || error(status, code))
    };
    let table =
        |status, code| mock!(aws_sdk_dynamodb::Client::get_item).then_http_response(move || error(status, code));
    for (world, class) in [
        (World::fresh().with("GetItem", table(400, "ThrottlingException")), Class::Retryable),
        (World::fresh().with("GetItem", table(400, "AccessDeniedException")), Class::Failed),
        (World::fresh().with("GetDomainDetail", detail(500, "InternalFailure")), Class::Retryable),
        (World::fresh().with("GetDomainDetail", detail(400, "AccessDeniedException")), Class::Failed),
        (World::fresh().with("GetDomainNames", name(429, "TooManyRequestsException")), Class::Retryable),
        (World::fresh().with("GetDomainNames", name(403, "AccessDeniedException")), Class::Failed),
    ] {
        let failure = world.failure(request()).await;
        assert_eq!(failure.class, class, "{failure}");
    }
}

// A name on which a run has finished.

#[tokio::test]
async fn nothing_is_left_to_do_where_everything_stands_and_that_costs_fourteen_reads_of_aws() {
    let world = World::live();
    let plan = world.plan(request()).await.expect("a plan");
    let result = plan.result.expect("the result of the finished run");
    assert_eq!(result.api_endpoint, "https://api.example.com");
    assert_eq!(result.registration.expires.as_deref(), Some("2030-03-17T17:46:40Z"), "read anew");
    assert_eq!(result.registration.auto_renew, Some(false), "read anew");
    assert_eq!(plan.registration, RegistrationPlan::Registered);
    let calls = world.calls();
    let twice = |operation: &str| if operation == "ListResourceRecordSets" { 2 } else { 1 };
    assert!(calls.iter().all(|(operation, count)| *count == twice(operation)), "{calls:?}");
    let reads: usize = calls.iter().filter(|(operation, _)| *operation != "GetItem").map(|(_, count)| count).sum();
    assert_eq!(reads, 14, "{calls:?}");
}

#[tokio::test]
async fn a_name_held_elsewhere_is_finished_too_whoever_delegates_it() {
    let mut stored = result();
    stored["registration"] = json!({"status": "NOT_MANAGED"});
    let world = World::changed()
        .with("GetItem", changed_item("result", text(stored)))
        .with("GetDomainDetail", not_registered());
    let plan = world.plan(request()).await.expect("a plan");
    assert_eq!(plan.registration, RegistrationPlan::NotManaged);
    assert!(plan.result.is_some());
}

#[tokio::test]
async fn name_servers_that_a_person_was_to_set_are_asked_for_until_the_dns_names_them() {
    let action = format!("Set these name servers for example.com at its registrar: {}", SERVERS.join(", "));
    let mut stored = result();
    stored["registration"] = json!({"status": "NOT_MANAGED"});
    stored["actions"] = json!([action]);
    let wrong = vec!["ns-1.example.org", "ns-9.example.net"];
    let right = vec!["NS-2.example.net.", SERVERS[0]];
    for (answering, actions, finished) in [
        (vec![], json!([action]), true),
        (wrong, json!([action]), true),
        (right.clone(), json!([action]), false),
        // Nothing says that they are to be set, or it is said of others.
        (right.clone(), json!([]), true),
        (right, json!(["Set ns-1.example.org"]), true),
    ] {
        stored["actions"] = actions.clone();
        let mut world = World::changed()
            .with("GetItem", changed_item("result", text(&stored)))
            .with("GetDomainDetail", not_registered());
        world.answering.clone_from(&answering);
        let plan = world.plan(request()).await.expect("a plan");
        assert_eq!(plan.result.is_some(), finished, "{answering:?} {actions}");
        assert_eq!(plan.answering, server_set(&answering));
        // What has been told is told of a run that goes on.
        assert_eq!(json!(plan.told), if finished { json!([]) } else { actions });

        let mut changed = request();
        changed["api"]["throttle"] = json!({"rate": 1, "burst": 1});
        assert_eq!(world.plan(changed).await.expect("a plan").told, [] as [String; 0], "another request");
    }
}

#[tokio::test]
async fn nobody_asks_the_dns_about_a_name_of_this_account_or_in_a_dns_of_the_customers_own() {
    let mut world = World::changed();
    world.answering = SERVERS.to_vec();
    assert!(world.plan(request()).await.expect("a plan").answering.is_empty());
    let mut world = world.with("GetDomainDetail", not_registered());
    assert_eq!(world.plan(request()).await.expect("a plan").answering, SERVERS);
    let mut external = request();
    external["dns"] = json!("external");
    world = world.with("GetItem", item(None));
    assert!(world.plan(external).await.expect("a plan").answering.is_empty());
}

#[tokio::test]
async fn an_unconfirmed_address_is_asked_about_and_keeps_its_action_until_it_is_confirmed() {
    let mut stored = result();
    stored["registration"]["emailConfirmed"] = json!(false);
    stored["actions"] = json!(["Confirm the e-mail address."]);
    for (status, finished) in [("PENDING", true), ("EXPIRED", true), ("DONE", false)] {
        let reachability = mock!(aws_sdk_route53domains::Client::get_contact_reachability_status)
            .match_requests(|request| request.domain_name() == Some("example.com"))
            .then_output(move || GetContactReachabilityStatusOutput::builder().status(status.into()).build());
        let world = World::changed()
            .with("GetItem", changed_item("result", text(&stored)))
            .with("GetContactReachabilityStatus", reachability);
        let plan = world.plan(request()).await.expect("a plan");
        assert_eq!(world.rules["GetContactReachabilityStatus"].num_calls(), 1, "{status}");
        let actions = plan.result.map(|result| result.actions);
        assert_eq!(actions, finished.then(|| vec!["Confirm the e-mail address.".to_owned()]), "{status}");
    }
}

/// A finished run for a request that wants the default endpoint closed, and how it stands now.
fn closed_world(then: Value, closed_now: Option<bool>) -> (World, Value) {
    let mut wish = request();
    wish["api"]["defaultEndpoint"] = json!("closed");
    let (mut stored, mut item_then) = (result(), live_item());
    stored["defaultEndpoint"] = then;
    item_then.insert("result".to_owned(), text(stored));
    item_then.insert("fingerprint".to_owned(), text(Request::parse(&wish).expect("valid").fingerprint()));
    let listed = |closed| {
        let mut api = api("api-1", our_tags());
        api.disable_execute_api_endpoint = closed;
        apis(vec![api])
    };
    (World::changed().with("GetItem", item(Some(item_then))).with("GetApis", listed(closed_now)), wish)
}

#[tokio::test]
async fn a_closed_default_endpoint_is_looked_at_and_its_result_has_none() {
    let (world, wish) = closed_world(Value::Null, Some(true));
    let result = world.plan(wish).await.expect("a plan").result.expect("the result of the finished run");
    assert_eq!(result.default_endpoint, None);
}

#[tokio::test]
async fn a_default_endpoint_that_is_not_closed_as_wanted_is_left_to_do() {
    for now in [Some(false), None] {
        let (world, wish) = closed_world(Value::Null, now);
        assert_eq!(world.plan(wish).await.expect("a plan").result, None);
    }
    let (world, wish) = closed_world(Value::Null, Some(true));
    let gone = world.with("GetApis", apis(vec![])).with("GetApi", no_api());
    assert_eq!(gone.plan(wish).await.expect("a plan").result, None);
    // The last run left it open, whoever has closed it since: its action must go.
    let (world, wish) = closed_world(json!("https://api-1.example"), Some(true));
    assert_eq!(world.plan(wish).await.expect("a plan").result, None);
    assert_eq!(world.rules["GetApis"].num_calls(), 0);
}

#[tokio::test]
async fn records_are_looked_for_on_every_page_of_the_zone() {
    let pages = || {
        mock!(aws_sdk_route53::Client::list_resource_record_sets)
            .match_requests(|request| request.hosted_zone_id() == Some("ZONE"))
            .then_compute_output(|request| match request.start_record_name() {
                None => record_page(all_records()[..2].to_vec(), Some("api.example.com.")),
                Some("api.example.com.") => record_page(all_records()[2..].to_vec(), None),
                other => panic!("asked for {other:?}"),
            })
    };
    // Only where the request has further records the whole zone is read.
    let wanted = json!([]);
    let world = World::changed()
        .with("GetItem", item_with_records(&wanted, &[www("192.0.2.1")]))
        .with("ListResourceRecordSets", pages());
    assert!(world.plan(with_records(wanted)).await.expect("a plan").result.is_some());
    assert_eq!(world.rules["ListResourceRecordSets"].num_calls(), 2);
}

#[tokio::test]
async fn routes_are_compared_on_every_page_of_the_api() {
    let page = |routes: Vec<Route>, next: Option<&str>| {
        GetRoutesOutput::builder().set_items(Some(routes)).set_next_token(next.map(str::to_owned)).build()
    };
    let world = World::changed().with(
        "GetRoutes",
        mock!(aws_sdk_apigatewayv2::Client::get_routes).then_compute_output(move |request| {
            match request.next_token() {
                None => page(vec![], Some("more")),
                Some("more") => page(vec![route("GET /", "integrations/i-1")], None),
                other => panic!("asked for {other:?}"),
            }
        }),
    );
    assert!(world.plan(request()).await.expect("a plan").result.is_some());
    assert_eq!(world.rules["GetRoutes"].num_calls(), 2);
}

#[tokio::test]
async fn whatever_has_been_undone_is_left_to_do() {
    let stored = |field: &str, value: Value| {
        let mut stored = result();
        stored["registration"][field] = value;
        changed_item("result", text(stored))
    };
    let changed_known = |field: &str, value: Value| {
        let mut changed = known();
        changed[field] = value;
        changed_item("known", text(changed))
    };
    let custom = |certificate, status| custom_domain(certificate, status, our_tags());
    let elsewhere = |kind: RrType| {
        let mut records = records_without(if kind == RrType::A { 2 } else { 3 });
        records.push(alias(kind, "d-9.execute-api.us-east-1.amazonaws.com."));
        records
    };
    let mut other_value = records_without(1);
    other_value.push(value_record("_a.example.com.", RrType::Cname, &["_c.acm-validations.aws."]));
    let zone_gone = mock!(aws_sdk_route53::Client::list_resource_record_sets)
        .then_http_response(|| xml_error(404, "NoSuchHostedZone"));
    let mut by_hand = api("api-1", our_tags());
    by_hand.name = Some("by hand".to_owned());
    let renamed = apis(vec![by_hand]);
    let burst = mock!(aws_sdk_apigatewayv2::Client::get_stage).then_output(|| {
        let settings = RouteSettings::builder().throttling_burst_limit(7);
        stage_output().default_route_settings(settings.build()).build()
    });
    let authorizer = mock!(aws_sdk_apigatewayv2::Client::get_authorizers).then_output(|| {
        let left = aws_sdk_apigatewayv2::types::Authorizer::builder().authorizer_id("x").name("by hand");
        GetAuthorizersOutput::builder().items(left.build()).build()
    });
    for (what, operation, rule) in [
        ("the run is not over", "GetItem", changed_item("heldBy", text("execution"))),
        ("the run failed", "GetItem", changed_item("status", text("FAILED"))),
        ("another wish", "GetItem", changed_item("fingerprint", text("another"))),
        ("no result", "GetItem", changed_item("result", text("{}"))),
        ("no API known", "GetItem", changed_known("apiId", Value::Null)),
        ("then held elsewhere", "GetItem", stored("status", json!("NOT_MANAGED"))),
        ("no longer ours", "GetDomainDetail", not_registered()),
        ("no custom domain", "GetDomainNames", no_custom_domain()),
        ("a host name that is not wanted any more", "GetDomainNames", two_custom_domains()),
        ("another certificate", "GetDomainNames", custom("arn:other", DomainNameStatus::Available)),
        ("being updated", "GetDomainNames", custom(CERTIFICATE, DomainNameStatus::Updating)),
        ("another API mapped", "GetApiMappings", mapping("api-2", "$default")),
        ("another stage mapped", "GetApiMappings", mapping("api-1", "test")),
        ("an API with another name", "GetApis", renamed),
        ("a stage with one limit", "GetStage", burst),
        ("an authorizer that nobody asks", "GetAuthorizers", authorizer),
        ("no route", "GetRoutes", routes(vec![])),
        ("a route without target", "GetRoutes", routes(vec![Route::builder().route_key("GET /").build()])),
        (
            "a foreign route",
            "GetRoutes",
            routes(vec![route("GET /", "integrations/i-1"), route("PUT /", "integrations/i-1")]),
        ),
        ("another target", "GetIntegrations", integrations("https://old.example.net/")),
        ("a header set on the way", "GetIntegrations", mapping_integrations()),
        ("no CNAME", "ListResourceRecordSets", records(records_without(1))),
        ("another CNAME", "ListResourceRecordSets", records(other_value)),
        ("no A", "ListResourceRecordSets", records(records_without(2))),
        ("no AAAA", "ListResourceRecordSets", records(records_without(3))),
        ("A to elsewhere", "ListResourceRecordSets", records(elsewhere(RrType::A))),
        ("AAAA to elsewhere", "ListResourceRecordSets", records(elsewhere(RrType::Aaaa))),
        ("no zone", "ListResourceRecordSets", zone_gone),
    ] {
        let world = World::changed().with(operation, rule);
        let plan = world.plan(request()).await.unwrap_or_else(|failure| panic!("{what}: {failure}"));
        assert_eq!(plan.result, None, "{what}");
    }
    let no_api = World::changed().with("GetApis", apis(vec![])).with("GetApi", no_api());
    assert_eq!(no_api.plan(request()).await.expect("a plan").result, None, "no API");
    let mut wish = request();
    wish["api"]["routes"][0]["url"] = json!("https://new.example.net/");
    assert_eq!(World::changed().plan(wish).await.expect("a plan").result, None, "another request");
}

#[tokio::test]
async fn what_is_known_of_earlier_runs_is_passed_on_and_what_cannot_be_read_is_not() {
    let held = World::changed().with("GetItem", changed_item("status", text("FAILED")));
    let plan = held.plan(request()).await.expect("a plan");
    let mut expected = known();
    expected["formerValidationRecords"] = expected["validationRecords"].clone();
    expected["formerHostedZoneIds"] = json!([expected["hostedZoneId"]]);
    assert_eq!(serde_json::to_value(&plan.known).expect("JSON"), expected);
    assert_eq!(plan.seen, known().to_string(), "as it stands there, since the claim compares it");
    let broken = World::changed().with("GetItem", changed_item("known", text("{")));
    let plan = broken.plan(request()).await.expect("a plan");
    assert_eq!((plan.known, plan.result), (Known::default(), None));
}

#[tokio::test]
async fn of_a_run_that_was_stopped_the_certificate_that_it_awaited_is_known() {
    let awaited = text("arn:aws:acm:us-east-1:123456789012:certificate/awaited");
    let finished_before = World::changed().with("GetItem", changed_item("awaitedCertificate", awaited.clone()));
    let plan = finished_before.plan(request()).await.expect("a plan");
    assert_eq!(plan.known.certificate_arn.as_deref(), Some(CERTIFICATE), "what a run finished with comes first");
    let mut attributes = live_item();
    attributes.remove("known");
    attributes.insert("awaitedCertificate".to_owned(), awaited.clone());
    let stopped = World::changed().with("GetItem", item(Some(attributes)));
    let plan = stopped.plan(request()).await.expect("a plan");
    assert_eq!((plan.known.certificate_arn.as_ref(), plan.result), (awaited.as_s().ok(), None));
}

// A dry run.

fn lines(plan: &PlanOutput) -> Vec<(String, ReportAction, String)> {
    plan.report.resources.iter().map(|line| (line.resource.clone(), line.action, line.name.clone())).collect()
}

fn line(resource: &str, action: ReportAction, name: &str) -> (String, ReportAction, String) {
    (resource.to_owned(), action, name.to_owned())
}

#[tokio::test]
async fn a_dry_run_of_a_fresh_name_says_what_would_be_made_and_what_it_would_cost() {
    let mut wish = dry(purchase());
    wish["registration"] = json!({"years": 2, "maxPrice": {"amount": 30, "currency": "USD"}});
    let plan = World::fresh().plan(wish).await.expect("a plan");
    use ReportAction::{Buy, Create};
    let wanted = [
        line("API", Create, "example.com"),
        line("registration", Buy, "example.com"),
        line("hosted zone", Create, "example.com"),
        line("certificate", Create, "example.com, *.example.com"),
        line("custom domain", Create, "api.example.com"),
        line("alias records", Create, "api.example.com"),
    ];
    assert_eq!(lines(&plan), wanted);
    let price = plan.report.price.expect("a price");
    assert_eq!((price.first_year.amount, price.total.amount, price.renewal.amount), (13.0, 26.0, 15.0));
    assert_eq!(plan.report.lines.last().map(String::as_str), Some("Plan: 6 to add, 0 to change, 0 to remove."));
    assert!(plan.report.lines.contains(&r#"    + routes."GET /".url: "https://backend.example.net/""#.to_owned()));
}

/// The tags of every certificate but those of somebody else.
fn certificate_tags(tags: HashMap<String, String>) -> Rule {
    mock!(aws_sdk_acm::Client::list_tags_for_certificate).then_compute_output(move |call| {
        let tag = |(key, value)| aws_sdk_acm::types::Tag::builder().key(key).value(value).build().expect("a key");
        let tags = (!call.certificate_arn().unwrap_or_default().contains("of-others")).then(|| tags.clone());
        let tags = tags.unwrap_or_default().into_iter().map(tag).collect();
        ListTagsForCertificateOutput::builder().set_tags(Some(tags)).build()
    })
}

fn stage(limits: Option<(f64, i32)>) -> Rule {
    mock!(aws_sdk_apigatewayv2::Client::get_stage).then_output(move || {
        let settings = limits.map(|(rate, burst)| {
            RouteSettings::builder().throttling_rate_limit(rate).throttling_burst_limit(burst).build()
        });
        stage_output().set_default_route_settings(settings).build()
    })
}

/// The stage of an HTTP API of ours.
fn stage_output() -> GetStageOutputBuilder {
    GetStageOutput::builder().stage_name("$default").auto_deploy(true).set_tags(Some(our_tags()))
}

#[tokio::test]
async fn a_dry_run_of_a_name_that_is_as_wanted_shows_no_change() {
    for limits in [None, Some((10_000.0, 5_000))] {
        let plan = World::changed().with("GetStage", stage(limits)).plan(dry(request())).await.expect("a plan");
        let changes: Vec<_> = plan.report.resources.iter().flat_map(|resource| &resource.changes).collect();
        assert!(changes.is_empty(), "{changes:?}");
        assert_eq!(plan.report.lines.last().map(String::as_str), Some("Plan: 0 to add, 0 to change, 0 to remove."));
    }
}

#[tokio::test]
async fn a_dry_run_shows_each_field_that_would_change() {
    let mut wish = request();
    wish["api"]["routes"] = json!([
        {"route": "GET /", "url": "https://other.example.net/"},
        {"route": "PUT /", "lambda": "arn:aws:lambda:us-east-1:123456789012:function:put"},
    ]);
    wish["api"]["cors"] = json!({"allowOrigins": ["https://app.example.com"]});
    wish["api"]["defaultEndpoint"] = json!("closed");
    wish["certificate"] = json!({"alternativeNames": ["*.example.com", "b.a.example.com"]});
    wish["tags"] = json!({"team": "inference"});
    let mut moved = all_records();
    moved.retain(|record| !matches!(record.r#type(), RrType::A | RrType::Aaaa));
    moved.push(alias(RrType::A, "d-0.execute-api.us-east-1.amazonaws.com"));
    let live = World::changed()
        .with("GetStage", stage(Some((5.0, 7))))
        .with("GetRoutes", routes(vec![route("GET /", "integrations/i-1"), route("POST /", "integrations/i-1")]))
        .with("ListResourceRecordSets", records(moved));
    let plan = live.plan(dry(wish)).await.expect("a plan");
    let certificate = format!("~ certificate {CERTIFICATE}");
    let attached = format!(r#"    ~ certificate: "{CERTIFICATE}" -> "(known after the run)""#);
    assert_eq!(
        plan.report.lines,
        [
            "~ API api-1",
            "    + cors.allowCredentials: false",
            r#"    + cors.allowHeaders: []"#,
            r#"    + cors.allowMethods: ["*"]"#,
            r#"    + cors.allowOrigins: ["https://app.example.com"]"#,
            r#"    + cors.exposeHeaders: []"#,
            r#"    ~ defaultEndpoint: "open" -> "closed""#,
            r#"    ~ routes."GET /".url: "https://backend.example.net/" -> "https://other.example.net/""#,
            r#"    - routes."POST /".url: "https://backend.example.net/""#,
            r#"    + routes."PUT /".lambda: "arn:aws:lambda:us-east-1:123456789012:function:put""#,
            r#"    + tags.team: "inference""#,
            "    - throttle.burst: 7",
            "    - throttle.rate: 5.0",
            "  registration example.com",
            "~ hosted zone ZONE",
            r#"    + tags.team: "inference""#,
            &certificate,
            r#"    ~ names: ["*.example.com","example.com"] -> ["*.example.com","b.a.example.com","example.com"]"#,
            "~ custom domain api.example.com",
            &attached,
            r#"    + tags.team: "inference""#,
            "~ alias records api.example.com",
            r#"    ~ A: "d-0.execute-api.us-east-1.amazonaws.com" -> "d-1.execute-api.us-east-1.amazonaws.com""#,
            r#"    + AAAA: "d-1.execute-api.us-east-1.amazonaws.com""#,
            "Plan: 0 to add, 5 to change, 0 to remove.",
        ]
    );
}

#[tokio::test]
async fn a_dry_run_shows_tags_that_come_change_and_go_and_none_of_others() {
    let mut present = our_tags();
    // An earlier run set `team`; somebody else `cost`.
    for (key, value) in [("team", "serving"), ("cost", "7")] {
        present.insert(key.to_owned(), value.to_owned());
    }
    let tagged_domain = present.clone();
    let tagged_zone = present.clone();
    let tagged_stage = present.clone();
    let mut item_of_a_purchase = live_item();
    item_of_a_purchase.insert("purchaseIntent".to_owned(), AttributeValue::N("1".to_owned()));
    let world = World::changed()
        .with("GetItem", item(Some(item_of_a_purchase)))
        .with("GetApis", apis(vec![api("api-1", present.clone())]))
        .with(
            "GetStage",
            mock!(aws_sdk_apigatewayv2::Client::get_stage)
                .then_output(move || stage_output().set_tags(Some(tagged_stage.clone())).build()),
        )
        .with("ListTagsForCertificate", certificate_tags(present.clone()))
        .with("GetDomainNames", custom_domain(CERTIFICATE, DomainNameStatus::Available, present))
        .with(
            "ListTagsForDomain",
            mock!(aws_sdk_route53domains::Client::list_tags_for_domain).then_output(move || {
                let tag = |(key, value): (&String, &String)| {
                    aws_sdk_route53domains::types::Tag::builder().key(key).value(value).build()
                };
                ListTagsForDomainOutput::builder().set_tag_list(Some(tagged_domain.iter().map(tag).collect())).build()
            }),
        )
        .with(
            "ListTagsForResource",
            mock!(aws_sdk_route53::Client::list_tags_for_resource).then_output(move || {
                let tag = |(key, value): (&String, &String)| Tag::builder().key(key).value(value).build();
                let set = ResourceTagSet::builder().set_tags(Some(tagged_zone.iter().map(tag).collect())).build();
                ListTagsForResourceOutput::builder().resource_tag_set(set).build()
            }),
        );
    let mut wish = dry(request());
    for (tags, change) in [
        (json!({"team": "inference"}), Some(r#"    ~ tags.team: "serving" -> "inference""#)),
        (json!({}), Some(r#"    - tags.team: "serving""#)),
        (json!({"team": "serving"}), None),
    ] {
        wish["tags"] = tags;
        let lines = world.plan(wish.clone()).await.expect("a plan").report.lines;
        let kinds =
            ["API api-1", "registration example.com", "hosted zone ZONE", &format!("certificate {CERTIFICATE}")];
        for kind in kinds.into_iter().chain(["custom domain api.example.com"]) {
            let sign = if change.is_some() { "~" } else { " " };
            let at = lines.iter().position(|line| *line == format!("{sign} {kind}"));
            let at = at.unwrap_or_else(|| panic!("{kind}: {lines:#?}"));
            let shown = lines.get(at + 1).map(String::as_str).filter(|line| line.contains("tags."));
            assert_eq!(shown, change, "{kind}: {lines:#?}");
        }
        assert!(!lines.iter().any(|line| line.contains("cost")), "{lines:#?}");
    }
}

#[tokio::test]
async fn a_dry_run_says_what_exists_and_takes_nothing_of_others_for_ours() {
    let mut foreign = our_tags();
    foreign.insert(tags::STACK.to_owned(), "other".to_owned());
    let world = World::changed()
        .with("GetItem", item(None))
        .with("GetApis", apis(vec![api("api-9", foreign), api("api-1", our_tags())]))
        .with(
            "ListHostedZonesByName",
            zones(vec![zone("ZPRIVATE", "example.com.", true), zone("ZONE", "example.com.", false)]),
        )
        .with(
            "ListCertificates",
            certificates(vec![
                ("arn:of-another-name", &["example.com"]),
                ("arn:of-others", &["example.com", "*.example.com"]),
                (CERTIFICATE, &["example.com", "*.example.com"]),
            ]),
        );
    let plan = world.plan(dry(request())).await.expect("a plan");
    use ReportAction::{Create, Exists};
    let wanted = [
        line("API", Exists, "api-1"),
        line("registration", Exists, "example.com"),
        line("hosted zone", Exists, "ZONE"),
        line("certificate", Exists, CERTIFICATE),
        line("custom domain", Exists, "api.example.com"),
        line("alias records", Exists, "api.example.com"),
    ];
    assert_eq!(lines(&plan), wanted);
    assert_eq!(plan.report.price, None);

    let others = World::fresh()
        .with("ListHostedZonesByName", zones(vec![zone("ZPRIVATE", "example.com.", true)]))
        .with("ListCertificates", certificates(vec![("arn:of-another-name", &["example.com"])]));
    let plan = others.plan(dry(request())).await.expect("a plan");
    let made: Vec<ReportAction> = plan.report.resources.iter().map(|line| line.action).collect();
    assert_eq!(made, [Create, Exists, Create, Create, Create, Create]);
    assert_eq!(
        plan.report.resources[1].name,
        "example.com, not registered in this account; without `registration` it is not bought"
    );
}

#[tokio::test]
async fn a_dry_run_says_what_becomes_of_a_registry_that_points_elsewhere() {
    let elsewhere = || registered(&["ns.example.com"]);
    let world = World::fresh()
        .with("GetDomainDetail", elsewhere())
        .with("ListHostedZonesByName", zones(vec![zone("ZONE", "example.com.", false)]))
        .with("ListResourceRecordSets", records(all_records()[..2].to_vec()));
    let mut wish = dry(request());
    let reported = world.plan(wish.clone()).await.expect("a plan");
    let about = |plan: &PlanOutput| lines(plan).into_iter().find(|(resource, ..)| resource == "name servers");
    let (_, action, name) = about(&reported).expect("a line");
    assert_eq!(action, ReportAction::Exists);
    assert!(name.contains("ns.example.com") && name.contains("refused unless `nameServers` is `correct`"), "{name}");
    wish["nameServers"] = json!("correct");
    let corrected = world.plan(wish.clone()).await.expect("a plan");
    let change = "example.com, from ns.example.com to those of the hosted zone";
    assert_eq!(about(&corrected), Some(line("name servers", ReportAction::Change, change)));

    let none = World::fresh().with("GetDomainDetail", elsewhere());
    assert_eq!(about(&none.plan(wish.clone()).await.expect("a plan")), about(&corrected), "nor to a zone to be made");
}

#[tokio::test]
async fn a_name_below_one_that_is_sold_asks_no_registry_and_needs_a_zone_around_it() {
    let below = |more: Value| {
        let mut wish = request();
        wish["domainName"] = json!("acme.example.com");
        wish.as_object_mut().expect("an object").extend(more.as_object().expect("an object").clone());
        wish
    };
    // Only the zone of `at` exists.
    let bare = |at: &'static str| {
        let no_item = mock!(aws_sdk_dynamodb::Client::get_item).then_output(|| GetItemOutput::builder().build());
        let listed = mock!(aws_sdk_route53::Client::list_hosted_zones_by_name)
            .match_requests(|request| ["acme.example.com", "example.com"].map(Some).contains(&request.dns_name()))
            .then_output(move || {
                ListHostedZonesByNameOutput::builder()
                    .hosted_zones(zone("ZONE", at, false))
                    .is_truncated(false)
                    .max_items(100)
                    .build()
                    .expect("complete")
            });
        let empty = mock!(aws_sdk_route53::Client::list_resource_record_sets)
            .match_requests(|request| request.hosted_zone_id() == Some("ZONE"))
            .then_output(|| record_page(Vec::new(), None));
        let world = World::fresh().without("GetDomainDetail").without("CheckDomainAvailability");
        let world = world.with("GetItem", no_item).with("ListHostedZonesByName", listed);
        world.with("ListResourceRecordSets", empty)
    };
    let refused = bare("example.community.").failure(below(json!({}))).await;
    assert_eq!((refused.class, refused.code.as_str()), (Class::Refused, "NoEnclosingZone"));
    assert!(refused.reason.contains("acme.example.com or example.com"), "{refused}");

    let world = bare("example.com.");
    let plan = world.plan(below(json!({}))).await.expect("a plan");
    assert_eq!((plan.registration, plan.quote), (RegistrationPlan::NotManaged, None));
    let plan = world.plan(dry(below(json!({"hostedZone": "example.com"})))).await.expect("a plan");
    assert!(lines(&plan).contains(&line("hosted zone", ReportAction::Exists, "ZONE")), "{:?}", lines(&plan));
}

#[tokio::test]
async fn where_the_customers_own_dns_answers_no_zone_is_looked_at() {
    let mut wish = request();
    wish["dns"] = json!("external");
    let fingerprint = Request::parse(&wish).expect("valid").fingerprint();
    let world = World::changed()
        .with("GetItem", changed_item("fingerprint", text(fingerprint)))
        .without("ListResourceRecordSets");
    let plan = world.plan(wish.clone()).await.expect("a plan");
    assert!(plan.result.is_some(), "nothing is left to do");
    assert_eq!(world.calls().iter().map(|(_, count)| count).sum::<usize>(), 11, "one of them is the item");

    let free = World::fresh().without("ListHostedZonesByName");
    let plan = free.plan(dry(wish)).await.expect("a plan");
    let resources: Vec<String> = lines(&plan).into_iter().map(|(resource, ..)| resource).collect();
    assert_eq!(resources, ["API", "registration", "certificate", "custom domain"]);
}

#[tokio::test]
async fn a_run_that_is_not_dry_looks_for_no_more_than_it_must() {
    let world = World::fresh().without("GetApis").without("ListCertificates");
    let plan = world.plan(request()).await.expect("a plan");
    assert_eq!(lines(&plan), []);
}

/// The SDK hides a failure to load credentials inside a connection that was lost; this is its own way there.
#[tokio::test]
async fn a_function_without_credentials_fails_for_good_and_one_that_cannot_get_them_tries_again() {
    let world = World::fresh();
    for (failure, class) in [
        (CredentialsError::not_loaded_no_source as fn() -> CredentialsError, Class::Failed),
        (|| CredentialsError::provider_error("no answer"), Class::Retryable),
    ] {
        let config = aws_sdk_dynamodb::Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::from_static("us-east-1"))
            .credentials_provider(provide_credentials_fn(move || async move { Err(failure()) }))
            .http_client(http_client_fn(|_, _| panic!("nothing may be sent")))
            .build();
        let clients = Clients { dynamodb: aws_sdk_dynamodb::Client::from_conf(config), ..world.clients() };
        let error = world.plan_with(&clients, request()).await.expect_err("no credentials");
        assert_eq!((error.class, error.code.as_str()), (class, "NoCredentials"), "{error}");
    }
}

// Further records.

fn with_records(records: Value) -> Value {
    let mut request = request();
    request["records"] = records;
    request
}

fn www(address: &str) -> Value {
    json!({"name": "www.example.com", "type": "A", "values": [address]})
}

fn www_record(address: &str) -> ResourceRecordSet {
    let mut set = value_record("www.example.com.", RrType::A, &[address]);
    set.ttl = Some(300);
    set
}

/// The item that a finished run for a request with `records` leaves; `owned` are ours.
fn item_with_records(records: &Value, owned: &[Value]) -> Rule {
    let mut item = live_item();
    let fingerprint = Request::parse(&with_records(records.clone())).expect("valid").fingerprint();
    item.insert("fingerprint".to_owned(), text(fingerprint));
    let owned: Vec<Value> = owned
        .iter()
        .map(|record| {
            let mut record = record.clone();
            record["ttl"] = json!(300);
            json!({"record": record, "since": 1})
        })
        .collect();
    item.insert("records".to_owned(), text(json!(owned)));
    self::item(Some(item))
}

fn and(records: Vec<ResourceRecordSet>) -> Vec<ResourceRecordSet> {
    all_records().into_iter().chain(records).collect()
}

#[tokio::test]
async fn further_records_that_stand_cost_no_call_more() {
    let wanted = json!([www("192.0.2.1")]);
    for owned in [vec![www("192.0.2.1")], vec![]] {
        let world = World::changed()
            .with("GetItem", item_with_records(&wanted, &owned))
            .with("ListResourceRecordSets", records(and(vec![www_record("192.0.2.1")])));
        let plan = world.plan(with_records(wanted.clone())).await.expect("a plan");
        assert!(plan.result.is_some() && plan.has_records);
        assert_eq!(world.calls().iter().map(|(_, count)| count).sum::<usize>(), 14, "the item and thirteen looks");
    }
}

#[tokio::test]
async fn a_further_record_that_is_gone_or_should_be_is_work_left() {
    let wanted = json!([www("192.0.2.1")]);
    for (wanted, owned, there) in [
        (wanted.clone(), vec![www("192.0.2.1")], vec![]),
        (wanted.clone(), vec![www("192.0.2.1"), www("192.0.2.2")], vec![www_record("192.0.2.2")]),
        (json!([]), vec![www("192.0.2.1")], vec![www_record("192.0.2.1")]),
    ] {
        let world = World::changed()
            .with("GetItem", item_with_records(&wanted, &owned))
            .with("ListResourceRecordSets", records(and(there)));
        let plan = world.plan(with_records(wanted)).await.expect("a plan");
        assert!(plan.result.is_none() && plan.has_records);
    }
}

#[tokio::test]
async fn a_record_of_somebody_else_in_the_place_of_a_wanted_one_is_refused_before_anything_is_made() {
    let wanted = json!([www("192.0.2.1")]);
    let known = World::changed()
        .with("GetItem", item_with_records(&wanted, &[]))
        .with("ListResourceRecordSets", records(and(vec![www_record("192.0.2.9")])));
    let found = World::fresh()
        .with("ListHostedZonesByName", zones(vec![zone("ZONE", "example.com.", false)]))
        .with("ListResourceRecordSets", records(vec![www_record("192.0.2.9")]));
    for world in [known, found] {
        for wish in [with_records(wanted.clone()), dry(with_records(wanted.clone()))] {
            let world = World { rules: world.rules.clone(), ..World::fresh() }.with("GetApis", apis(vec![]));
            let zone = zone("ZONE", "example.com.", false);
            let world =
                world.with("ListCertificates", certificates(vec![])).with("ListHostedZonesByName", zones(vec![zone]));
            let error = world.failure(wish).await;
            assert_eq!((error.class, error.code.as_str()), (Class::Refused, "RecordNotOurs"));
            assert!(error.reason.contains("www.example.com A"), "{error}");
        }
    }
}

#[tokio::test]
async fn of_many_records_that_are_taken_over_the_first_are_named_and_the_others_counted() {
    for (count, told) in [(50, 50), (60, 51)] {
        let name = |nth: usize| format!("r{nth:02}.example.com");
        let there = (0..count).map(|nth| {
            let mut set = value_record(&format!("{}.", name(nth)), RrType::A, &["192.0.2.1"]);
            set.ttl = Some(300);
            set
        });
        let wanted = (0..count).map(|nth| json!({"name": name(nth), "type": "A", "values": ["192.0.2.1"]}));
        let mut wish = with_records(wanted.collect());
        wish["adopt"] = json!(true);
        let world = World::fresh()
            .with("ListHostedZonesByName", zones(vec![zone("ZONE", "example.com.", false)]))
            .without("CheckDomainAvailability")
            .with("ListResourceRecordSets", records(there.collect()));
        let adopted = world.plan(wish).await.expect("a plan").adopted;
        assert_eq!(adopted.len(), told);
        let last = adopted.last().expect("one");
        assert_eq!(last.name == "10 more", count == 60, "{last:?}");
    }
}

#[tokio::test]
async fn a_dry_run_says_what_becomes_of_each_record() {
    use ReportAction::{Change, Create, Exists, Remove};
    let new = json!({"name": "new.example.com", "type": "TXT", "values": ["x"]});
    let old = json!({"name": "old.example.com", "type": "A", "values": ["192.0.2.3"]});
    let same = json!({"name": "same.example.com", "type": "A", "values": ["192.0.2.4"]});
    let wanted = json!([www("192.0.2.2"), new, same]);
    let there = |name: &str, address: &str| {
        let mut set = value_record(name, RrType::A, &[address]);
        set.ttl = Some(300);
        set
    };
    let world = World::changed()
        .with("GetItem", item_with_records(&wanted, &[www("192.0.2.1"), old.clone(), same.clone()]))
        .with("GetApis", apis(vec![api("api-1", our_tags())]))
        .with("GetStage", stage(None))
        .with("ListHostedZonesByName", zones(vec![zone("ZONE", "example.com.", false)]))
        .with("ListCertificates", certificates(vec![]))
        .with(
            "ListResourceRecordSets",
            records(and(vec![
                www_record("192.0.2.1"),
                there("old.example.com.", "192.0.2.3"),
                there("same.example.com.", "192.0.2.4"),
            ])),
        );
    let plan = world.plan(dry(with_records(wanted))).await.expect("a plan");
    assert_eq!(
        lines(&plan)[7..],
        [
            line("record", Exists, "1 as wanted"),
            line("record", Change, "www.example.com A"),
            line("record", Create, "new.example.com TXT"),
            line("record", Remove, "old.example.com A"),
        ]
    );
    let shown: Vec<&String> = plan.report.lines.iter().skip_while(|line| !line.contains("~ record")).collect();
    assert_eq!(
        shown[..8],
        [
            "~ record www.example.com A",
            r#"    ~ values: ["192.0.2.1"] -> ["192.0.2.2"]"#,
            "+ record new.example.com TXT",
            "    + ttl: 300",
            r#"    + values: ["x"]"#,
            "- record old.example.com A",
            "    - ttl: 300",
            r#"    - values: ["192.0.2.3"]"#,
        ]
    );
    let many: Vec<Value> =
        (0..250).map(|n| json!({"name": format!("n{n}.example.com"), "type": "A", "values": ["192.0.2.1"]})).collect();
    let plan = World::fresh().plan(dry(with_records(json!(many)))).await.expect("a plan");
    assert_eq!(plan.report.resources.len(), 6 + MAX_RECORD_LINES + 1);
    assert_eq!(lines(&plan).last(), Some(&line("record", Create, "150 more")));
    assert!(serde_json::to_string(&plan.report).expect("JSON").len() < 60_000);
}

#[tokio::test]
async fn fields_of_records_are_shown_as_far_as_there_is_room() {
    let text = |n: usize, length: usize| json!({"name": format!("t{n}.example.com"), "type": "TXT", "values": ["k".repeat(length)]});
    let wanted: Vec<Value> =
        (0..20).map(|n| text(n, if n == 3 { 3_900 } else { 1_500 })).chain([text(20, 5)]).collect();
    let plan = World::fresh().plan(dry(with_records(json!(wanted)))).await.expect("a plan");
    let records: Vec<&ResourceReport> = plan.report.resources.iter().filter(|one| one.resource == "record").collect();
    let shown = records.iter().filter(|one| !one.changes.is_empty()).count();
    assert!((5..15).contains(&shown) && records.len() == 21, "{shown}");
    for record in records {
        assert_eq!(record.changes.is_empty(), record.name.contains("too long to be shown"), "{}", record.name);
    }
    let size = serde_json::to_string(&plan.report).expect("JSON").len();
    assert!(size < 3 * MAX_RECORD_FIELD_BYTES, "{size}");
}

#[tokio::test]
async fn what_others_wrote_as_it_is_wanted_is_taken_over_on_request_and_told_once() {
    let wanted = json!([www("192.0.2.1")]);
    let world = |owned: &[Value]| {
        World::changed()
            .with("GetItem", item_with_records(&wanted, owned))
            .with("ListResourceRecordSets", records(and(vec![www_record("192.0.2.1")])))
    };
    let mut wish = with_records(wanted.clone());
    assert!(world(&[]).plan(wish.clone()).await.expect("a plan").result.is_some(), "without the word it stays theirs");
    wish["adopt"] = json!(true);
    let plan = world(&[]).plan(wish.clone()).await.expect("a plan");
    let told: Vec<_> = plan.adopted.iter().map(|thing| (thing.resource.as_str(), thing.name.as_str())).collect();
    assert_eq!((told, plan.result.is_some()), (vec![("record", "www.example.com A")], false));
    let plan = world(&[www("192.0.2.1")]).plan(wish).await.expect("a plan");
    assert_eq!((plan.adopted, plan.result.is_some()), (vec![], true), "ours already");
}

/// A request for another host name.
fn with_hosts(hosts: &[&str]) -> Value {
    let mut request = request();
    request["api"]["alternativeHostnames"] = json!(hosts);
    request
}

#[tokio::test]
async fn a_further_record_of_ours_may_become_a_host_name_and_one_that_was_changed_may_not() {
    let owned = [www("192.0.2.1")];
    let world = |there: &'static str| {
        World::changed()
            .with("GetItem", item_with_records(&json!(owned), &owned))
            .with("ListResourceRecordSets", records(vec![www_record(there)]))
            .with("GetApis", apis(vec![api("api-1", our_tags())]))
            .with("GetStage", stage(None))
            .with("ListCertificates", certificates(vec![]))
    };
    let plan = world("192.0.2.1").plan(dry(with_hosts(&["www.example.com"]))).await.expect("a plan");
    let about: Vec<_> = lines(&plan).into_iter().filter(|(kind, ..)| kind == "record").collect();
    let name = "www.example.com A (the host name's alias records come in its place)";
    assert_eq!((about, plan.adopted), (vec![line("record", ReportAction::Remove, name)], vec![]));
    let refused = world("192.0.2.9").failure(with_hosts(&["www.example.com"])).await;
    assert_eq!(refused.code, "RecordNotOurs", "{refused}");
    assert!(refused.reason.contains("192.0.2.9"), "{refused}");
}

#[tokio::test]
async fn a_host_name_that_becomes_a_further_record_takes_two_requests() {
    let old_domain = listed_domain("old.example.com", CERTIFICATE, DomainNameStatus::Available, our_tags());
    let world = World::changed()
        .with("GetDomainNames", custom_domains(vec![old_domain]))
        .with("ListResourceRecordSets", records(vec![alias_at("old.example.com.", RrType::A, API_ADDRESS)]));
    let refused =
        world.failure(with_records(json!([{"name": "old.example.com", "type": "A", "values": ["192.0.2.1"]}]))).await;
    assert_eq!((refused.class, refused.code.as_str()), (Class::Refused, "OwnRecordInTheWay"));
    assert!(refused.reason.contains("old.example.com A") && refused.remedy.contains("first"), "{refused}");
}

/// The records of zones by their ids; other zones are empty.
fn records_in(zones: &[(&'static str, Vec<ResourceRecordSet>)]) -> Rule {
    let zones: HashMap<_, _> = zones.iter().cloned().collect();
    mock!(aws_sdk_route53::Client::list_resource_record_sets).then_compute_output(move |call| {
        let sets = call.hosted_zone_id().and_then(|id| zones.get(id));
        record_page(sets.cloned().unwrap_or_default(), None)
    })
}

#[tokio::test]
async fn what_stays_in_a_former_zone_is_said_by_the_run_and_by_the_dry_run() {
    let mut known = known();
    known["formerHostedZoneIds"] = json!(["ZONE", "ZOLD", "ZEMPTY"]);
    let mut item = live_item();
    item.insert("known".to_owned(), text(&known));
    let mut record = www("192.0.2.1");
    record["ttl"] = json!(300);
    item.insert("records".to_owned(), text(json!([{"record": record, "since": 1, "zone": "ZOLD"}])));
    let theirs = value_record("theirs.example.com.", RrType::A, &["192.0.2.7"]);
    let there: Vec<_> = records_without(0).into_iter().chain([www_record("192.0.2.1"), theirs]).collect();
    let world = World::changed()
        .with("GetItem", self::item(Some(item)))
        .with("ListResourceRecordSets", records_in(&[("ZOLD", there)]))
        .with("GetApis", apis(vec![api("api-1", our_tags())]))
        .with("GetStage", stage(None))
        .with("ListCertificates", certificates(vec![]));
    let mut wish = request();
    wish["tags"] = json!({"cost": "1"});
    let plan = world.plan(wish.clone()).await.expect("a plan");
    let [said] = &plan.left_behind[..] else { panic!("{:?}", plan.left_behind) };
    for named in ["ZOLD", "api.example.com A, api.example.com AAAA", "www.example.com A", "CNAME", "retired"] {
        assert!(said.contains(named), "{named}: {said}");
    }
    assert!(!said.contains("theirs"), "{said}");
    let plan = world.plan(dry(wish.clone())).await.expect("a plan");
    assert!(
        plan.report.lines.iter().any(|line| line.starts_with("  former hosted zone ZOLD")),
        "{:?}",
        plan.report.lines
    );
    // The zone that the registry points to is the one that the run takes.
    let back = [("ZOLD", SERVERS), ("ZONE", ["ns-8.example.org", "ns-9.example.org"])];
    let both = vec![zone("ZONE", "example.com.", false), zone("ZOLD", "example.com.", false)];
    let world = world
        .with("GetHostedZone", served(&back))
        .with("ListHostedZonesByName", zones(both))
        .with("ListResourceRecordSets", records_in(&[("ZOLD", all_records())]));
    assert_eq!(world.plan(wish.clone()).await.expect("a plan").left_behind, [""; 0]);
    // Where the customer's own DNS answers, the zone of the name is a former one too.
    wish["dns"] = json!("external");
    let world = world.with("ListResourceRecordSets", records_in(&[("ZONE", all_records())]));
    let plan = world.plan(wish).await.expect("a plan");
    assert!(matches!(&plan.left_behind[..], [said] if said.contains("ZONE")), "{:?}", plan.left_behind);
}
