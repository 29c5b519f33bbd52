//! The step against answers of AWS, one rule for each call that it may make: a call without a rule fails
//! the test, so that the absence of a rule says that the call is not made.

use nameplate::Class;
use std::collections::HashMap;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex};

use super::*;
use aws_sdk_dynamodb::Client as DynamoDb;
use aws_sdk_dynamodb::operation::delete_item::DeleteItemOutput;
use aws_sdk_dynamodb::operation::get_item::GetItemOutput;
use aws_sdk_dynamodb::operation::put_item::PutItemOutput;
use aws_sdk_dynamodb::operation::update_item::UpdateItemOutput;
use aws_sdk_dynamodb::types::AttributeValue;
use aws_sdk_route53domains::Client as Domains;
use aws_sdk_route53domains::operation::check_domain_availability::CheckDomainAvailabilityOutput;
use aws_sdk_route53domains::operation::delete_tags_for_domain::DeleteTagsForDomainOutput;
use aws_sdk_route53domains::operation::disable_domain_auto_renew::DisableDomainAutoRenewOutput;
use aws_sdk_route53domains::operation::enable_domain_auto_renew::EnableDomainAutoRenewOutput;
use aws_sdk_route53domains::operation::get_contact_reachability_status::GetContactReachabilityStatusOutput;
use aws_sdk_route53domains::operation::get_domain_detail::GetDomainDetailOutput;
use aws_sdk_route53domains::operation::get_operation_detail::GetOperationDetailOutput;
use aws_sdk_route53domains::operation::list_operations::ListOperationsOutput;
use aws_sdk_route53domains::operation::list_prices::ListPricesOutput;
use aws_sdk_route53domains::operation::list_tags_for_domain::ListTagsForDomainOutput;
use aws_sdk_route53domains::operation::register_domain::RegisterDomainOutput;
use aws_sdk_route53domains::operation::update_tags_for_domain::UpdateTagsForDomainOutput;
use aws_sdk_route53domains::primitives::DateTime;
use aws_sdk_route53domains::types::{
    DomainAvailability, DomainPrice, Nameserver, OperationSummary, OperationType, PriceWithCurrency,
    ReachabilityStatus, StatusFlag, Tag,
};
use aws_sdk_secretsmanager::Client as Secrets;
use aws_sdk_secretsmanager::operation::get_secret_value::GetSecretValueOutput;
use aws_smithy_mocks::{Rule, RuleMode, mock, mock_client};
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::http::StatusCode;
use aws_smithy_types::body::SdkBody;
use nameplate::Request;
use nameplate::contract::table;
use nameplate::request::Money;
use serde_json::{Value, json};

const NOW: i64 = 1_800_000_000;
const EXECUTION: &str = "arn:aws:states:us-east-1:123456789012:execution:provision:one";
const EARLIER: &str = "arn:aws:states:us-east-1:123456789012:execution:provision:zero";
/// Stands for everything that must not be printed.
const MARK: &str = "MARK";

// ---- what goes in

fn request(registration: Value) -> Request {
    let mut document = json!({
        "domainName": "example.com",
        "api": {"routes": [{"route": "GET /", "url": "https://a.example/"}]},
        "tags": {"team": "inference"}
    });
    if !registration.is_null() {
        document["registration"] = registration;
    }
    Request::parse(&document).expect("valid")
}

fn input(plan: RegistrationPlan) -> RegisterInput {
    RegisterInput {
        former_tags: Vec::new(),
        request: request(json!({"maxPrice": {"amount": 20.0, "currency": "USD"}})),
        execution: EXECUTION.into(),
        plan,
        quote: None,
        deadline: NOW + REGISTRATION_DEADLINE_SECS,
    }
}

fn usd(amount: f64) -> Money {
    Money { amount, currency: "USD".into() }
}

fn buying() -> RegisterInput {
    let quote = Quote { registration: usd(15.0), renewal: usd(16.0), read_at: NOW - QUOTE_VALID_SECS };
    RegisterInput { quote: Some(quote), ..input(RegistrationPlan::Register) }
}

async fn register(
    input: RegisterInput,
    dynamodb: &[&Rule],
    domains: &[&Rule],
    secrets: &[&Rule],
) -> Result<RegisterOutput, StepError> {
    let clients = Clients {
        dynamodb: mock_client!(aws_sdk_dynamodb, RuleMode::MatchAny, dynamodb),
        domains: mock_client!(aws_sdk_route53domains, RuleMode::MatchAny, domains),
        secrets: mock_client!(aws_sdk_secretsmanager, RuleMode::MatchAny, secrets),
    };
    run(&clients, &settings(100.0), input, || NOW).await
}

fn settings(budget_usd: f64) -> Settings {
    Settings { stack: "nameplate".into(), table: "table".into(), budget_usd, settling_secs: SETTLING_SECS }
}

fn error(status: u16, code: &str) -> HttpResponse {
    let body = json!({"__type": code, "message": MARK, "requestId": "op-1"}).to_string();
    HttpResponse::new(StatusCode::try_from(status).expect("a status"), SdkBody::from(body))
}

// ---- the table

fn s(value: &str) -> AttributeValue {
    AttributeValue::S(value.to_owned())
}

fn n(value: i64) -> AttributeValue {
    AttributeValue::N(value.to_string())
}

/// The domain item, held by this execution.
fn item(attributes: &[(&str, AttributeValue)]) -> Rule {
    let mut item: HashMap<String, AttributeValue> =
        attributes.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect();
    item.entry("heldBy".to_owned()).or_insert_with(|| s(EXECUTION));
    mock!(DynamoDb::get_item)
        .match_requests(|request| {
            request.table_name() == Some("table")
                && request.key().expect("a key")["id"] == s("domain#example.com")
                && request.consistent_read() == Some(true)
        })
        .then_output(move || GetItemOutput::builder().set_item(Some(item.clone())).build())
}

fn begun(intent: i64) -> Vec<(&'static str, AttributeValue)> {
    vec![("purchaseIntent", n(intent)), ("purchasePrice", s(r#"{"amount":15.0,"currency":"USD"}"#))]
}

fn accepted(intent: i64, operation: &str) -> Vec<(&'static str, AttributeValue)> {
    let mut attributes = begun(intent);
    attributes.push(("purchaseOperation", s(operation)));
    attributes
}

/// A write of the domain item with this condition and these values; each name of it stands for the
/// attribute of that name.
fn update(condition: &'static str, change: &'static str, values: &[(&str, AttributeValue)]) -> Rule {
    update_then(condition, change, values, None)
}

fn update_then(
    condition: &'static str,
    change: &'static str,
    values: &[(&str, AttributeValue)],
    failure: Option<&'static str>,
) -> Rule {
    let values: HashMap<String, AttributeValue> =
        values.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect();
    let rule = mock!(DynamoDb::update_item).match_requests(move |request| {
        let mut names = request.expression_attribute_names().expect("names").iter();
        request.table_name() == Some("table")
            && request.key().expect("a key")["id"] == s("domain#example.com")
            && request.condition_expression() == Some(condition)
            && request.update_expression() == Some(change)
            && request.expression_attribute_values() == Some(&values)
            && names.all(|(short, name)| {
                let expected = match short.as_str() {
                    "#heldBy" => "heldBy",
                    "#intent" => "purchaseIntent",
                    "#price" => "purchasePrice",
                    "#operation" => "purchaseOperation",
                    "#failedIn" => "purchaseFailedIn",
                    other => panic!("{other} is not known"),
                };
                name == expected
            })
    });
    match failure {
        None => rule.then_output(|| UpdateItemOutput::builder().build()),
        Some(code) => rule.then_http_response(move || error(400, code)),
    }
}

const INTEND: &str = "SET #intent = :intent, #price = :price REMOVE #operation, #failedIn";

fn intend_then(failure: Option<&'static str>) -> Rule {
    let values =
        [(":execution", s(EXECUTION)), (":intent", n(NOW)), (":price", s(r#"{"amount":15.0,"currency":"USD"}"#))];
    update_then("#heldBy = :execution AND attribute_not_exists(#intent)", INTEND, &values, failure)
}

fn intend() -> Rule {
    intend_then(None)
}

fn record(intent: i64, operation: &str) -> Rule {
    update("#intent = :intent", "SET #operation = :operation", &[(":intent", n(intent)), (":operation", s(operation))])
}

fn take_back() -> Rule {
    update("#intent = :intent AND attribute_not_exists(#operation)", "REMOVE #intent, #price", &[(":intent", n(NOW))])
}

fn close_failed(intent: i64, operation: &str) -> Rule {
    update(
        "#intent = :intent AND (attribute_not_exists(#operation) OR #operation = :operation)",
        "SET #failedIn = :execution REMOVE #intent, #price, #operation",
        &[(":execution", s(EXECUTION)), (":intent", n(intent)), (":operation", s(operation))],
    )
}

/// The watch on `operation`: open, neither resolved nor slept on, whatever stood there before.
fn watch(operation: &'static str, created: i64) -> Rule {
    mock!(DynamoDb::put_item)
        .match_requests(move |request| {
            let item = HashMap::from([
                ("id".to_owned(), s(&format!("watch#{operation}"))),
                ("domain".to_owned(), s("example.com")),
                ("created".to_owned(), n(created)),
                ("expires".to_owned(), n(NOW + table::watch::KEEP_SECS)),
                ("open".to_owned(), s("registration")),
            ]);
            request.table_name() == Some("table")
                && request.item() == Some(&item)
                && request.condition_expression().is_none()
        })
        .then_output(|| PutItemOutput::builder().build())
}

/// The end of the watch on `operation`.
fn unwatch(operation: &'static str) -> Rule {
    mock!(DynamoDb::delete_item)
        .match_requests(move |request| {
            request.table_name() == Some("table")
                && request.key().expect("a key")["id"] == s(&format!("watch#{operation}"))
                && request.condition_expression().is_none()
        })
        .then_output(|| DeleteItemOutput::builder().build())
}

// ---- the registrar

fn no_detail() -> Rule {
    mock!(Domains::get_domain_detail)
        .match_requests(|request| request.domain_name() == Some("example.com"))
        .then_http_response(|| error(400, "InvalidInput"))
}

fn detail_with(status: &'static str) -> Rule {
    mock!(Domains::get_domain_detail)
        .match_requests(|request| request.domain_name() == Some("example.com"))
        .then_output(move || {
            let server = |name: &str| Nameserver::builder().name(name).build().expect("built");
            GetDomainDetailOutput::builder()
                .domain_name("example.com")
                .nameservers(server("ns-1.example.net."))
                .nameservers(server("ns-2.example.net"))
                .auto_renew(true)
                .status_list(status)
                .expiration_date(DateTime::from_secs(1_831_536_000))
                .build()
        })
}

fn detail() -> Rule {
    detail_with("clientTransferProhibited")
}

fn reachable(status: ReachabilityStatus) -> Rule {
    mock!(Domains::get_contact_reachability_status)
        .match_requests(|request| request.domain_name() == Some("example.com"))
        .then_output(move || GetContactReachabilityStatusOutput::builder().status(status.clone()).build())
}

const ALL_TAGS: [(&str, &str); 3] =
    [("nameplate:domain", "example.com"), ("nameplate:stack", "nameplate"), ("team", "inference")];

fn tagged(tags: &'static [(&str, &str)]) -> Rule {
    mock!(Domains::list_tags_for_domain)
        .match_requests(|request| request.domain_name() == Some("example.com"))
        .then_output(move || {
            let tags = tags.iter().map(|(key, value)| Tag::builder().key(*key).value(*value).build()).collect();
            ListTagsForDomainOutput::builder().set_tag_list(Some(tags)).build()
        })
}

fn tag(wanted: &'static [(&str, &str)]) -> Rule {
    mock!(Domains::update_tags_for_domain)
        .match_requests(move |request| {
            let tags =
                request.tags_to_update().iter().map(|tag| (tag.key().expect("key"), tag.value().expect("value")));
            request.domain_name() == Some("example.com") && tags.eq(wanted.iter().copied())
        })
        .then_output(|| UpdateTagsForDomainOutput::builder().build())
}

fn operation_is(id: &'static str, status: OperationStatus, flag: Option<StatusFlag>) -> Rule {
    mock!(Domains::get_operation_detail).match_requests(move |request| request.operation_id() == Some(id)).then_output(
        move || {
            GetOperationDetailOutput::builder()
                .operation_id(id)
                .status(status.clone())
                .set_status_flag(flag.clone())
                .r#type(OperationType::RegisterDomain)
                .domain_name("example.com")
                .message(format!("{MARK}: ZipCode is not valid"))
                .submitted_date(DateTime::from_secs(NOW - 500))
                .build()
        },
    )
}

fn no_operation() -> Rule {
    mock!(Domains::get_operation_detail).then_http_response(|| error(400, "InvalidInput"))
}

fn listed(since: i64, operations: Vec<OperationSummary>) -> Rule {
    mock!(Domains::list_operations)
        .match_requests(move |request| {
            request.submitted_since() == Some(&DateTime::from_secs(since))
                && request.r#type() == [OperationType::RegisterDomain]
                && request.max_items() == Some(100)
                && request.status().is_empty()
        })
        .then_output(move || ListOperationsOutput::builder().set_operations(Some(operations.clone())).build())
}

fn summary(id: &str, domain: &str, status: OperationStatus, submitted: i64) -> OperationSummary {
    OperationSummary::builder()
        .operation_id(id)
        .domain_name(domain)
        .status(status)
        .submitted_date(DateTime::from_secs(submitted))
        .build()
}

fn availability(availability: DomainAvailability) -> Rule {
    mock!(Domains::check_domain_availability)
        .match_requests(|request| request.domain_name() == Some("example.com"))
        .then_output(move || CheckDomainAvailabilityOutput::builder().availability(availability.clone()).build())
}

fn prices(amount: f64) -> Rule {
    mock!(Domains::list_prices).match_requests(|request| request.tld() == Some("com")).then_output(move || {
        let price = |amount| PriceWithCurrency::builder().price(amount).currency("USD").build().expect("built");
        let of = |name: &str, amount| {
            DomainPrice::builder().name(name).registration_price(price(amount)).renewal_price(price(amount)).build()
        };
        ListPricesOutput::builder().prices(of("com.au", 1.0)).prices(of("com", amount)).build()
    })
}

fn sale_then(response: fn() -> HttpResponse) -> Rule {
    mock!(Domains::register_domain).then_http_response(response)
}

fn sale() -> Rule {
    mock!(Domains::register_domain)
        .match_requests(|request| request.domain_name() == Some("example.com"))
        .then_output(|| RegisterDomainOutput::builder().operation_id("op-1").build())
}

// ---- the secret

fn ada() -> Value {
    json!({
        "firstName": "Ada", "lastName": "Example", "addressLine1": "1 Example Street", "city": "Seattle",
        "state": "WA", "countryCode": "US", "zipCode": "98101", "phoneNumber": "+1.2065550100",
        "email": "ada@example.com"
    })
}

fn secret_holds(text: String) -> Rule {
    mock!(Secrets::get_secret_value)
        .match_requests(|request| request.secret_id() == Some("nameplate/contact"))
        .then_output(move || GetSecretValueOutput::builder().secret_string(text.clone()).build())
}

fn secret() -> Rule {
    secret_holds(ada().to_string())
}

fn calls(rules: &[&Rule]) -> Vec<usize> {
    rules.iter().map(|rule| rule.num_calls()).collect()
}

fn failure(result: Result<RegisterOutput, StepError>) -> (Class, String) {
    let error = result.expect_err("a failure");
    assert!(!error.reason.contains(MARK) && !error.remedy.contains(MARK), "{error}");
    (error.class, error.code)
}

// ---- names that are not to be bought

#[tokio::test]
async fn a_name_held_elsewhere_is_left_to_its_registrar() {
    let item = item(&[]);
    let output = register(input(RegistrationPlan::NotManaged), &[&item], &[], &[]).await.expect("not managed");
    assert_eq!(output.registration.status, RegistrationStatus::NotManaged);
    assert_eq!((output.name_servers.len(), output.bought, output.watch_key), (0, false, None));
    assert_eq!(calls(&[&item]), [1]);
}

#[tokio::test]
async fn adopts_when_ours() {
    let (item, detail, reachable) = (item(&[]), detail(), reachable(ReachabilityStatus::Done));
    let output =
        register(input(RegistrationPlan::Registered), &[&item], &[&detail, &reachable], &[]).await.expect("ours");
    assert_eq!(
        output.registration,
        RegistrationView {
            status: RegistrationStatus::Registered,
            expires: Some("2028-01-15T08:00:00Z".into()),
            auto_renew: Some(true),
            price_paid: None,
            email_confirmed: Some(true),
        }
    );
    assert_eq!(output.name_servers, ["ns-1.example.net", "ns-2.example.net"]);
    assert_eq!((output.bought, output.watch_key, output.actions.len()), (false, None, 0));
    assert_eq!(calls(&[&item, &detail, &reachable]), [1, 1, 1]);
}

#[tokio::test]
async fn refuses_when_foreign() {
    for (availability_, class, code) in [
        (DomainAvailability::Unavailable, Class::Refused, "NameUnavailable"),
        (DomainAvailability::UnavailablePremium, Class::Refused, "NamePremium"),
        (DomainAvailability::UnavailableRestricted, Class::Refused, "NameRestricted"),
        (DomainAvailability::Reserved, Class::Refused, "NameReserved"),
        (DomainAvailability::AvailableReserved, Class::Refused, "NameReserved"),
        (DomainAvailability::AvailablePreorder, Class::Refused, "NamePreorder"),
        (DomainAvailability::InvalidNameForTld, Class::Refused, "InvalidNameForTld"),
        (DomainAvailability::from("SOMETHING_NEW"), Class::Refused, "NameUnavailable"),
        (DomainAvailability::Pending, Class::Retryable, "PENDING"),
        (DomainAvailability::DontKnow, Class::NotReady, "DONT_KNOW"),
    ] {
        let (item, availability) = (item(&[]), availability(availability_));
        let result = register(input(RegistrationPlan::Register), &[&item], &[&availability], &[]).await;
        assert_eq!(failure(result), (class, code.to_owned()));
    }
}

#[tokio::test]
async fn only_the_execution_that_holds_the_domain_goes_on() {
    for holder in [s(EARLIER), AttributeValue::Null(true)] {
        let item = item(&[("heldBy", holder)]);
        assert_eq!(failure(register(buying(), &[&item], &[], &[]).await), (Class::Busy, "NotTheHolder".into()));
    }
}

#[tokio::test]
async fn a_request_without_registration_never_buys_whatever_an_earlier_run_began() {
    let (item, none) = (item(&begun(NOW - SETTLING_SECS)), no_detail());
    let listed = listed(NOW - SETTLING_SECS - 300, vec![]);
    let input = RegisterInput { request: request(Value::Null), ..input(RegistrationPlan::Register) };
    let output = register(input, &[&item], &[&none, &listed], &[]).await.expect("not managed");
    assert_eq!(output.registration.status, RegistrationStatus::NotManaged);
}

// ---- buying

#[tokio::test]
async fn creates_when_absent() {
    let journal = Arc::new(Mutex::new(Vec::new()));
    let note = |what: &'static str| {
        let journal = Arc::clone(&journal);
        move || journal.lock().expect("a lock").push(what)
    };
    let (intended, bought, recorded, watched) = (note("intent"), note("sale"), note("operation"), note("watch"));
    let (item, secret) = (item(&[]), secret());
    let writes = mock!(DynamoDb::update_item).then_compute_output(move |request| {
        match request.update_expression() {
            Some(INTEND) => intended(),
            _ => recorded(),
        }
        UpdateItemOutput::builder().build()
    });
    let watch = mock!(DynamoDb::put_item).then_compute_output(move |_| {
        watched();
        PutItemOutput::builder().build()
    });
    let sale = mock!(Domains::register_domain).then_compute_output(move |request| {
        bought();
        let registrant = request.registrant_contact().expect("a contact");
        assert!(request.admin_contact() == Some(registrant) && request.tech_contact() == Some(registrant));
        assert_eq!(registrant.email(), Some("ada@example.com"));
        assert_eq!(request.billing_contact(), None);
        assert_eq!((request.domain_name(), request.duration_in_years()), (Some("example.com"), Some(1)));
        assert_eq!(request.auto_renew(), Some(false));
        assert_eq!(
            [
                request.privacy_protect_admin_contact(),
                request.privacy_protect_registrant_contact(),
                request.privacy_protect_tech_contact(),
            ],
            [Some(false); 3]
        );
        RegisterDomainOutput::builder().operation_id("op-1").build()
    });
    let mut input = buying();
    input.request = request(json!({
        "maxPrice": {"amount": 15.0, "currency": "USD"}, "autoRenew": false, "privacyProtection": false
    }));
    let output = register(input, &[&item, &writes, &watch], &[&sale], &[&secret]).await.expect("pending");
    assert_eq!(output.registration.status, RegistrationStatus::Pending);
    assert_eq!((output.watch_key.as_deref(), output.bought), (Some("watch#op-1"), true));
    assert_eq!((output.registration.price_paid, output.actions.len()), (None, 0));
    assert_eq!(*journal.lock().expect("a lock"), ["intent", "sale", "operation", "watch"]);
    assert_eq!(calls(&[&item, &secret, &writes, &sale, &watch]), [1, 1, 2, 1, 1]);
}

#[tokio::test]
async fn what_is_written_is_conditional_and_the_watch_is_open() {
    let (item, intend, record, watch) = (item(&[]), intend(), record(NOW, "op-1"), watch("op-1", NOW));
    let (sale, secret) = (sale(), secret());
    register(buying(), &[&item, &intend, &record, &watch], &[&sale], &[&secret]).await.expect("pending");
    assert_eq!(calls(&[&intend, &record, &watch]), [1, 1, 1]);
}

#[tokio::test]
async fn a_stale_quote_is_asked_for_again_and_the_new_price_counts() {
    let stale = Quote { registration: usd(15.0), renewal: usd(15.0), read_at: NOW - QUOTE_VALID_SECS - 1 };
    let input = RegisterInput { quote: Some(stale), ..buying() };
    let (item, availability, prices) = (item(&[]), availability(DomainAvailability::Available), prices(20.5));
    let result = register(input, &[&item], &[&availability, &prices], &[]).await;
    assert_eq!(failure(result), (Class::Refused, "PriceOverCap".into()));
    assert_eq!(calls(&[&availability, &prices]), [1, 1]);
}

#[tokio::test]
async fn a_quote_from_the_future_is_not_believed() {
    let odd = Quote { registration: usd(1.0), renewal: usd(1.0), read_at: NOW + 1 };
    let (item, gone) = (item(&[]), availability(DomainAvailability::Unavailable));
    let result = register(RegisterInput { quote: Some(odd), ..buying() }, &[&item], &[&gone], &[]).await;
    assert_eq!(failure(result), (Class::Refused, "NameUnavailable".into()));
}

#[tokio::test]
async fn errors_of_the_look_at_the_registry_have_their_class() {
    for (code, class) in [
        ("UnsupportedTLD", Class::Refused),
        ("TLDInMaintenance", Class::NotReady),
        ("InvalidInput", Class::Refused),
        ("AccessDeniedException", Class::Failed),
    ] {
        let item = item(&[]);
        let check = mock!(Domains::check_domain_availability).then_http_response(move || error(400, code));
        let error = register(input(RegistrationPlan::Register), &[&item], &[&check], &[]).await.expect_err(code);
        assert_eq!((error.class, error.code.as_str()), (class, code));
    }
    for (code, class, expected) in [
        ("UnsupportedTLD", Class::Refused, "UnsupportedTLD"),
        ("InvalidInput", Class::Refused, "UnsupportedTLD"),
        ("AccessDeniedException", Class::Failed, "AccessDeniedException"),
    ] {
        let (item, available) = (item(&[]), availability(DomainAvailability::Available));
        let prices = mock!(Domains::list_prices).then_http_response(move || error(400, code));
        let result = register(input(RegistrationPlan::Register), &[&item], &[&available, &prices], &[]).await;
        let error = result.expect_err(code);
        assert_eq!((error.class, error.code.as_str()), (class, expected));
    }
}

#[tokio::test]
async fn a_secret_that_gives_no_contact_stops_before_the_intent_and_shows_nothing() {
    for code in ["ResourceNotFoundException", "AccessDeniedException", "DecryptionFailure", "InvalidRequestException"] {
        let item = item(&[]);
        let secret = mock!(Secrets::get_secret_value).then_http_response(move || error(400, code));
        let result = register(buying(), &[&item], &[], &[&secret]).await;
        assert_eq!(failure(result), (Class::InvalidRequest, "InvalidRequest".into()), "{code}");
    }
    let mut phone = ada();
    phone["phoneNumber"] = json!(MARK);
    for text in [phone.to_string(), MARK.to_owned(), format!("{{\"{MARK}\": 1}}")] {
        let (item, secret) = (item(&[]), secret_holds(text));
        let result = register(buying(), &[&item], &[], &[&secret]).await;
        assert_eq!(failure(result), (Class::InvalidRequest, "InvalidRequest".into()));
    }
    let item = item(&[]);
    let binary = mock!(Secrets::get_secret_value).then_output(|| GetSecretValueOutput::builder().build());
    let error = register(buying(), &[&item], &[], &[&binary]).await.expect_err("binary");
    assert!(error.reason.contains("`nameplate/contact` holds no text"), "{error}");
}

#[tokio::test(start_paused = true)]
async fn an_unclear_answer_keeps_the_intent_and_the_call_is_sent_once() {
    for response in [
        (|| error(503, "ServiceUnavailable")) as fn() -> HttpResponse,
        || error(500, "InvalidInput"),
        || HttpResponse::new(StatusCode::try_from(200).expect("a status"), SdkBody::from("{}")),
        || HttpResponse::new(StatusCode::try_from(200).expect("a status"), SdkBody::from("<html>")),
    ] {
        let (item, intend, secret, sale) = (item(&[]), intend(), secret(), sale_then(response));
        let (class, code) = failure(register(buying(), &[&item, &intend], &[&sale], &[&secret]).await);
        assert_eq!(class, Class::Retryable, "{code}");
        assert_eq!(calls(&[&intend, &sale]), [1, 1], "{code}");
    }
}

#[tokio::test]
async fn a_denied_sale_keeps_the_intent_and_names_the_permission() {
    let (item, intend, secret) = (item(&[]), intend(), secret());
    let sale = sale_then(|| error(400, "AccessDeniedException"));
    let error = register(buying(), &[&item, &intend], &[&sale], &[&secret]).await.expect_err("denied");
    assert_eq!((error.class, error.code.as_str()), (Class::Failed, "AccessDeniedException"));
}

#[tokio::test(start_paused = true)]
async fn what_aws_declines_is_taken_back() {
    for (response, class, code) in [
        ((|| error(400, "DomainLimitExceeded")) as fn() -> HttpResponse, Class::Failed, "DomainLimitExceeded"),
        (|| error(400, "OperationLimitExceeded"), Class::NotReady, "OperationLimitExceeded"),
        (|| error(400, "UnsupportedTLD"), Class::Refused, "UnsupportedTLD"),
        (|| error(400, "InvalidInput"), Class::Failed, "InvalidInput"),
        (|| error(400, "ValidationException"), Class::Failed, "InvalidInput"),
        (|| error(400, "TLDRulesViolation"), Class::Refused, "TLDRulesViolation"),
        (|| error(400, "ThrottlingException"), Class::Retryable, "Throttled"),
    ] {
        let (item, intend, take_back, secret, sale) = (item(&[]), intend(), take_back(), secret(), sale_then(response));
        let result = register(buying(), &[&item, &intend, &take_back], &[&sale], &[&secret]).await;
        assert_eq!(failure(result), (class, code.to_owned()));
        assert_eq!(calls(&[&sale, &take_back]), [1, 1], "{code}");
    }
}

/// A refusal in which AWS quotes what it was sent, and names fields.
fn quoting(code: &str) -> HttpResponse {
    let message = "[OWNER.UK_CONTACT_TYPE is missing, RegistrantContact.PhoneNumber +1.2065550100 of Ada Example, \
                   1 Example Street, 98101 Seattle, ada@example.com is not valid]";
    let body = json!({"__type": code, "message": message}).to_string();
    HttpResponse::new(StatusCode::try_from(400).expect("a status"), SdkBody::from(body))
}

#[tokio::test]
async fn what_aws_quotes_of_the_contact_is_not_repeated_but_the_fields_are() {
    for (response, named) in [
        ((|| quoting("InvalidInput")) as fn() -> HttpResponse, true),
        (|| quoting("TLDRulesViolation"), true),
        (|| quoting("SomethingNew"), false),
        (|| quoting(""), false),
    ] {
        let (item, intend, take_back, secret, sale) = (item(&[]), intend(), take_back(), secret(), sale_then(response));
        let error = register(buying(), &[&item, &intend, &take_back], &[&sale], &[&secret]).await.expect_err("refused");
        assert_eq!(error.reason.contains("RegistrantContact, PhoneNumber, UK_CONTACT_TYPE"), named, "{error}");
        for value in ["Ada", "Example Street", "98101", "Seattle", "5550100", "ada@"] {
            assert!(!error.to_string().contains(value), "{value}: {error}");
        }
    }
}

#[tokio::test]
async fn who_cannot_write_the_intent_does_not_buy() {
    let failed = || intend_then(Some("ConditionalCheckFailedException"));
    for (second, class, code) in [
        (vec![("heldBy", s(EARLIER))], Class::Busy, "NotTheHolder"),
        (vec![("heldBy", s(EXECUTION)), ("purchaseIntent", n(NOW))], Class::NotReady, "PurchaseBegun"),
    ] {
        let second: HashMap<_, _> = second.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
        let item = mock!(DynamoDb::get_item)
            .sequence()
            .output(|| GetItemOutput::builder().item("heldBy", s(EXECUTION)).build())
            .output(move || GetItemOutput::builder().set_item(Some(second.clone())).build())
            .build();
        let (intend, secret) = (failed(), secret());
        assert_eq!(failure(register(buying(), &[&item, &intend], &[], &[&secret]).await), (class, code.to_owned()));
        assert_eq!(calls(&[&item, &intend]), [2, 1]);
    }
}

#[tokio::test]
async fn an_intent_that_took_too_long_to_write_is_not_acted_on() {
    static CLOCK: AtomicI64 = AtomicI64::new(NOW);
    let item = item(&[]);
    let slow = mock!(DynamoDb::update_item).then_compute_output(|_| {
        CLOCK.fetch_add(SEND_WITHIN_SECS + 1, Ordering::Relaxed);
        UpdateItemOutput::builder().build()
    });
    let secret = secret();
    let clients = Clients {
        dynamodb: mock_client!(aws_sdk_dynamodb, RuleMode::MatchAny, [&item, &slow]),
        domains: mock_client!(aws_sdk_route53domains, RuleMode::MatchAny, []),
        secrets: mock_client!(aws_sdk_secretsmanager, RuleMode::MatchAny, [&secret]),
    };
    let result = run(&clients, &settings(100.0), buying(), || CLOCK.load(Ordering::Relaxed)).await;
    assert_eq!(failure(result), (Class::NotReady, "PurchaseSettling".into()));
}

// ---- DuplicateRequest

#[tokio::test]
async fn a_duplicate_request_is_success_in_progress() {
    let (item, intend, record, watch) = (item(&[]), intend(), record(NOW, "op-1"), watch("op-1", NOW - 500));
    let sale = sale_then(|| error(400, "DuplicateRequest"));
    let running = operation_is("op-1", OperationStatus::InProgress, None);
    let secret = secret();
    let output = register(buying(), &[&item, &intend, &record, &watch], &[&sale, &running], &[&secret]).await;
    assert_eq!(output.expect("pending").watch_key.as_deref(), Some("watch#op-1"));
    assert_eq!(calls(&[&sale, &running, &record]), [1, 1, 1]);
}

#[tokio::test]
async fn a_request_id_that_is_no_operation_is_looked_for_by_name() {
    let (item, intend, record, watch) = (item(&[]), intend(), record(NOW, "op-7"), watch("op-7", NOW - 9000));
    let (sale, none, secret) = (sale_then(|| error(400, "DuplicateRequest")), no_operation(), secret());
    let listed = listed(
        NOW - REGISTRATION_DEADLINE_SECS,
        vec![
            summary("op-5", "example.com", OperationStatus::Failed, NOW - 9500),
            summary("op-6", "other.example", OperationStatus::InProgress, NOW),
            summary("op-7", "Example.com", OperationStatus::InProgress, NOW - 9000),
        ],
    );
    let output = register(buying(), &[&item, &intend, &record, &watch], &[&sale, &none, &listed], &[&secret])
        .await
        .expect("pending");
    assert_eq!(output.watch_key.as_deref(), Some("watch#op-7"));
}

#[tokio::test]
async fn a_duplicate_request_whose_operation_is_not_shown_keeps_the_intent() {
    let (item, intend, secret) = (item(&[]), intend(), secret());
    let (sale, none) = (sale_then(|| error(400, "DuplicateRequest")), no_operation());
    let listed = listed(NOW - REGISTRATION_DEADLINE_SECS, vec![]);
    let result = register(buying(), &[&item, &intend], &[&sale, &none, &listed], &[&secret]).await;
    assert_eq!(failure(result), (Class::NotReady, "OperationNotShown".into()));
}

// ---- a purchase that was begun

#[tokio::test]
async fn nothing_is_bought_while_an_earlier_attempt_may_have_bought() {
    for age in [0, SETTLING_SECS - 1] {
        let (item, none) = (item(&begun(NOW - age)), no_detail());
        let listed = listed(NOW - age - 300, vec![]);
        let result = register(buying(), &[&item], &[&none, &listed], &[]).await;
        assert_eq!(failure(result), (Class::NotReady, "PurchaseSettling".into()));
        assert_eq!(calls(&[&none, &listed]), [1, 1]);
    }
}

#[tokio::test]
async fn the_operation_of_a_lost_answer_is_found_recorded_and_awaited() {
    let intent = NOW - 40;
    let (item, none, record, watch) =
        (item(&begun(intent)), no_detail(), record(intent, "op-1"), watch("op-1", intent));
    let listed = mock!(Domains::list_operations)
        .sequence()
        .output(|| {
            ListOperationsOutput::builder()
                .operations(summary("op-9", "other.example", OperationStatus::InProgress, NOW))
                .next_page_marker("more")
                .build()
        })
        .output(|| {
            ListOperationsOutput::builder()
                .operations(summary("op-1", "example.com", OperationStatus::Submitted, NOW - 38))
                .build()
        })
        .build();
    let output = register(buying(), &[&item, &record, &watch], &[&none, &listed], &[]).await.expect("pending");
    assert_eq!(output.watch_key.as_deref(), Some("watch#op-1"));
    assert_eq!(calls(&[&listed, &record, &watch]), [2, 1, 1]);
}

#[tokio::test]
async fn a_clean_not_there_after_settling_buys_in_the_place_of_the_old_intent() {
    let intent = NOW - SETTLING_SECS;
    let (item, none, secret, sale) = (item(&begun(intent)), no_detail(), secret(), sale());
    let listed = listed(intent - 300, vec![]);
    let values = [
        (":execution", s(EXECUTION)),
        (":intent", n(NOW)),
        (":price", s(r#"{"amount":15.0,"currency":"USD"}"#)),
        (":replaced", n(intent)),
    ];
    let renew =
        update("#heldBy = :execution AND #intent = :replaced AND attribute_not_exists(#operation)", INTEND, &values);
    let (record, watch) = (record(NOW, "op-1"), watch("op-1", NOW));
    let dynamodb = [&item, &renew, &record, &watch];
    let output = register(buying(), &dynamodb, &[&none, &listed, &sale], &[&secret]).await.expect("pending");
    assert_eq!(output.registration.status, RegistrationStatus::Pending);
    assert_eq!(calls(&[&renew, &sale]), [1, 1]);
}

#[tokio::test]
async fn each_status_of_the_operation_has_its_meaning() {
    for status in [OperationStatus::Submitted, OperationStatus::InProgress, OperationStatus::from("NEW")] {
        let (item, none, watch) = (item(&accepted(NOW - 90, "op-1")), no_detail(), watch("op-1", NOW - 500));
        let running = operation_is("op-1", status, None);
        let output = register(buying(), &[&item, &watch], &[&none, &running], &[]).await.expect("pending");
        assert_eq!((output.registration.status, output.bought), (RegistrationStatus::Pending, true));
        assert_eq!((output.watch_key.as_deref(), output.actions.len()), (Some("watch#op-1"), 0));
    }
    for status in [OperationStatus::Failed, OperationStatus::Error] {
        let (item, none, close) = (item(&accepted(NOW - 90, "op-1")), no_detail(), close_failed(NOW - 90, "op-1"));
        let (failed, unwatch) = (operation_is("op-1", status, None), unwatch("op-1"));
        let error = register(buying(), &[&item, &close, &unwatch], &[&none, &failed], &[]).await.expect_err("failed");
        assert_eq!((error.class, error.code.as_str()), (Class::Failed, "RegistrationFailed"));
        assert!(error.reason.contains("op-1") && error.reason.contains(", naming ZipCode;"), "{error}");
        assert!(error.remedy.contains("'op-1'") && !error.to_string().contains(MARK), "{error}");
        assert_eq!(calls(&[&close, &unwatch]), [1, 1]);
    }
    let (item, none) = (item(&accepted(NOW - 90, "op-1")), no_detail());
    let done = operation_is("op-1", OperationStatus::Successful, None);
    let result = register(buying(), &[&item], &[&none, &done], &[]).await;
    assert_eq!(failure(result), (Class::NotReady, "DomainNotShown".into()));
}

#[tokio::test]
async fn what_a_registration_waits_for_is_said_in_words() {
    let mut seen = Vec::new();
    for flag in [
        StatusFlag::PendingAcceptance,
        StatusFlag::PendingAuthorization,
        StatusFlag::PendingCustomerAction,
        StatusFlag::PendingPaymentVerification,
        StatusFlag::PendingSupportCase,
        StatusFlag::from("SOMETHING_NEW"),
    ] {
        let (item, none, watch) = (item(&accepted(NOW - 90, "op-1")), no_detail(), watch("op-1", NOW - 500));
        let running = operation_is("op-1", OperationStatus::InProgress, Some(flag.clone()));
        let output = register(buying(), &[&item, &watch], &[&none, &running], &[]).await.expect("pending");
        let action = output.actions.first().expect("an action").replace(flag.as_str(), "");
        assert!(action.contains("example.com") && !seen.contains(&action), "{action}");
        seen.push(action);
    }
}

#[tokio::test]
async fn an_operation_that_aws_no_longer_details_is_found_in_the_list_by_its_id() {
    let intent = NOW - 90;
    let (item, none, gone) = (item(&accepted(intent, "op-1")), no_detail(), no_operation());
    let (close, unwatch) = (close_failed(intent, "op-1"), unwatch("op-1"));
    let listed = listed(
        intent - 300,
        vec![
            summary("op-1", "example.com", OperationStatus::Failed, intent - 2),
            summary("op-2", "other.example", OperationStatus::InProgress, intent),
        ],
    );
    let result = register(buying(), &[&item, &close, &unwatch], &[&none, &gone, &listed], &[]).await;
    assert_eq!(failure(result), (Class::Failed, "RegistrationFailed".into()));
    assert_eq!(calls(&[&gone, &listed, &close, &unwatch]), [1, 1, 1, 1]);
}

#[tokio::test]
async fn an_operation_that_aws_gave_and_does_not_show_is_never_bought_again() {
    for (age, class, code, ended) in [
        (SETTLING_SECS * 10, Class::NotReady, "OperationNotShown", 0),
        (REGISTRATION_DEADLINE_SECS + 1, Class::Failed, "RegistrationGone", 1),
    ] {
        let (item, none, gone) = (item(&accepted(NOW - age, "op-1")), no_detail(), no_operation());
        let (listed, unwatch) = (listed(NOW - age - 300, vec![]), unwatch("op-1"));
        let result = register(buying(), &[&item, &unwatch], &[&none, &gone, &listed], &[]).await;
        assert_eq!(failure(result), (class, code.to_owned()));
        assert_eq!(calls(&[&unwatch]), [ended], "{code}");
    }
}

#[tokio::test]
async fn a_name_that_was_bought_and_is_gone_is_not_bought_again_unasked() {
    let (item, none) = (item(&accepted(NOW - REGISTRATION_DEADLINE_SECS - 1, "op-1")), no_detail());
    let (done, unwatch) = (operation_is("op-1", OperationStatus::Successful, None), unwatch("op-1"));
    let error = register(buying(), &[&item, &unwatch], &[&none, &done], &[]).await.expect_err("gone");
    assert_eq!((error.class, error.code.as_str()), (Class::Failed, "RegistrationGone"));
    assert_eq!(calls(&[&unwatch]), [1]);
    assert!(error.remedy.contains("domain#example.com"), "{error}");
}

#[tokio::test]
async fn waiting_ends_at_the_deadline_and_keeps_the_purchase() {
    for (deadline, put, ended) in [(NOW + 1, 1, 0), (NOW, 0, 1), (NOW - 1, 0, 1)] {
        let (item, none) = (item(&accepted(NOW - 90, "op-1")), no_detail());
        let (watch, unwatch) = (watch("op-1", NOW - 500), unwatch("op-1"));
        let running = operation_is("op-1", OperationStatus::InProgress, None);
        let input = RegisterInput { deadline, ..buying() };
        let result = register(input, &[&item, &watch, &unwatch], &[&none, &running], &[]).await;
        match put {
            0 => assert_eq!(failure(result), (Class::Failed, "RegistrationDeadline".into())),
            _ => assert_eq!(result.expect("pending").watch_key.as_deref(), Some("watch#op-1")),
        }
        assert_eq!(calls(&[&watch, &unwatch]), [put, ended], "{deadline}");
    }
}

#[tokio::test]
async fn nothing_is_bought_once_the_deadline_has_passed() {
    let item = item(&[]);
    let late = RegisterInput { deadline: NOW, ..buying() };
    assert_eq!(failure(register(late, &[&item], &[], &[]).await), (Class::Failed, "RegistrationDeadline".into()));
}

#[tokio::test]
async fn an_execution_whose_purchase_failed_does_not_buy_again_and_a_new_one_does() {
    let failed = item(&[("purchaseFailedIn", s(EXECUTION))]);
    let result = register(buying(), &[&failed], &[], &[]).await;
    assert_eq!(failure(result), (Class::Failed, "RegistrationFailed".into()));

    let failed = item(&[("purchaseFailedIn", s(EARLIER))]);
    let (intend, record, watch, sale, secret) = (intend(), record(NOW, "op-1"), watch("op-1", NOW), sale(), secret());
    register(buying(), &[&failed, &intend, &record, &watch], &[&sale], &[&secret]).await.expect("pending");
    assert_eq!(calls(&[&sale]), [1]);
}

// ---- a name that was bought

#[tokio::test]
async fn a_name_bought_just_now_is_tagged_without_a_look() {
    let (item, detail, reachable) =
        (item(&accepted(NOW - 90, "op-1")), detail(), reachable(ReachabilityStatus::Pending));
    let (tag, unwatch) = (tag(&ALL_TAGS), unwatch("op-1"));
    let output = register(buying(), &[&item, &unwatch], &[&detail, &reachable, &tag], &[]).await.expect("registered");
    assert_eq!(output.registration.status, RegistrationStatus::Registered);
    assert_eq!((output.bought, output.registration.price_paid), (true, Some(usd(15.0))));
    assert_eq!(output.registration.email_confirmed, Some(false));
    assert_eq!(calls(&[&detail, &reachable, &tag, &unwatch]), [1, 1, 1, 1]);
}

#[tokio::test]
async fn second_run_changes_nothing_but_a_watch_that_was_left() {
    let (item, detail, reachable) = (item(&accepted(NOW - 90, "op-1")), detail(), reachable(ReachabilityStatus::Done));
    let (tagged, unwatch) = (tagged(&ALL_TAGS), unwatch("op-1"));
    let input = input(RegistrationPlan::Registered);
    let output = register(input, &[&item, &unwatch], &[&detail, &reachable, &tagged], &[]).await.expect("registered");
    assert_eq!((output.bought, output.registration.price_paid), (true, Some(usd(15.0))));
    assert_eq!(calls(&[&item, &detail, &reachable, &tagged, &unwatch]), [1, 1, 1, 1, 1]);
}

#[tokio::test]
async fn a_second_run_writes_only_the_tags_that_are_missing() {
    let (item, detail, reachable) = (item(&accepted(NOW - 90, "op-1")), detail(), reachable(ReachabilityStatus::Done));
    let tagged = tagged(&[("nameplate:domain", "example.com"), ("nameplate:stack", "nameplate"), ("team", "old")]);
    let tag = tag(&[("team", "inference")]);
    let input = input(RegistrationPlan::Registered);
    let unwatch = unwatch("op-1");
    register(input, &[&item, &unwatch], &[&detail, &reachable, &tagged, &tag], &[]).await.expect("registered");
    assert_eq!(calls(&[&tagged, &tag]), [1, 1]);
}

#[tokio::test]
async fn tags_of_an_earlier_request_are_taken_off_the_registration() {
    let (item, detail, reachable) = (item(&accepted(NOW - 90, "op-1")), detail(), reachable(ReachabilityStatus::Done));
    let present = [ALL_TAGS.as_slice(), &[("cost", "1"), ("theirs", "x")]].concat().leak();
    let (tagged, unwatch) = (tagged(present), unwatch("op-1"));
    let untag = mock!(Domains::delete_tags_for_domain)
        .match_requests(|call| call.domain_name() == Some("example.com") && call.tags_to_delete() == ["cost"])
        .then_output(|| DeleteTagsForDomainOutput::builder().build());
    let former_tags = vec!["cost".to_owned(), "gone".to_owned()];
    let input = RegisterInput { former_tags, ..input(RegistrationPlan::Registered) };
    register(input, &[&item, &unwatch], &[&detail, &reachable, &tagged, &untag], &[]).await.expect("registered");
    assert_eq!(calls(&[&tagged, &untag]), [1, 1]);
}

/// An input whose request says whether the name is renewed.
fn renewing(on: bool, plan: RegistrationPlan) -> RegisterInput {
    let registration = json!({"maxPrice": {"amount": 20.0, "currency": "USD"}, "autoRenew": on});
    RegisterInput { request: request(registration), ..input(plan) }
}

fn renewal_ends() -> Rule {
    mock!(Domains::disable_domain_auto_renew)
        .match_requests(|request| request.domain_name() == Some("example.com"))
        .then_output(|| DisableDomainAutoRenewOutput::builder().build())
}

#[tokio::test]
async fn the_renewal_that_the_request_says_is_set_where_it_is_otherwise_and_only_there() {
    for purchase in [vec![], accepted(NOW - 90, "op-1")] {
        let (item, detail, reachable) = (item(&purchase), detail(), reachable(ReachabilityStatus::Done));
        let (tagged, unwatch, off) = (tagged(&ALL_TAGS), unwatch("op-1"), renewal_ends());
        let rules = [&detail, &reachable, &tagged, &off];
        let wish = renewing(false, RegistrationPlan::Registered);
        let output = register(wish, &[&item, &unwatch], &rules, &[]).await.expect("registered");
        assert_eq!(output.registration.auto_renew, Some(false), "as it is now");
        assert_eq!(calls(&[&tagged, &off]), [1, 1]);

        let wish = renewing(true, RegistrationPlan::Registered);
        let output = register(wish, &[&item, &unwatch], &rules, &[]).await.expect("registered");
        assert_eq!((output.registration.auto_renew, calls(&[&off])), (Some(true), vec![1]), "nothing to set");
    }
}

#[tokio::test]
async fn renewal_begins_where_the_request_says_so_and_the_top_level_domain_allows_it() {
    let unrenewed = mock!(Domains::get_domain_detail)
        .then_output(|| GetDomainDetailOutput::builder().domain_name("example.com").auto_renew(false).build());
    let (item, reachable, tagged) = (item(&[]), reachable(ReachabilityStatus::Done), tagged(&[]));
    let on = mock!(Domains::enable_domain_auto_renew)
        .match_requests(|request| request.domain_name() == Some("example.com"))
        .then_output(|| EnableDomainAutoRenewOutput::builder().build());
    let wish = || renewing(true, RegistrationPlan::Registered);
    let output = register(wish(), &[&item], &[&unrenewed, &reachable, &tagged, &on], &[]).await.expect("registered");
    assert_eq!((output.registration.auto_renew, calls(&[&on])), (Some(true), vec![1]));

    let not_allowed = mock!(Domains::enable_domain_auto_renew).then_http_response(|| error(400, "TLDRulesViolation"));
    let result = register(wish(), &[&item], &[&unrenewed, &reachable, &tagged, &not_allowed], &[]).await;
    assert_eq!(failure(result), (Class::Refused, "TLDRulesViolation".into()));
}

#[tokio::test]
async fn the_renewal_of_another_stacks_name_is_set_only_by_who_takes_it_over() {
    let (item, detail, reachable) = (item(&[]), detail(), reachable(ReachabilityStatus::Done));
    let theirs = tagged(&[("nameplate:domain", "example.com"), ("nameplate:stack", "other")]);
    let off = renewal_ends();
    let rules = [&detail, &reachable, &theirs, &off];
    let wish = renewing(false, RegistrationPlan::Registered);
    let result = register(wish.clone(), &[&item], &rules, &[]).await;
    assert_eq!((failure(result), calls(&[&off])), ((Class::Refused, "OtherStack".into()), vec![0]));
    let mut taking = wish;
    taking.request.adopt = true;
    register(taking, &[&item], &rules, &[]).await.expect("registered");
    assert_eq!(calls(&[&off]), [1]);
}

#[tokio::test]
async fn the_renewal_of_a_name_that_is_registered_elsewhere_is_refused() {
    let item = item(&[]);
    let result = register(renewing(false, RegistrationPlan::NotManaged), &[&item], &[], &[]).await;
    assert_eq!(failure(result), (Class::Refused, "NotRegisteredHere".into()));
}

#[tokio::test]
async fn a_bought_name_without_name_servers_is_not_ready() {
    let item = item(&accepted(NOW - 90, "op-1"));
    let bare = mock!(Domains::get_domain_detail).then_output(|| GetDomainDetailOutput::builder().build());
    let result = register(buying(), &[&item], &[&bare], &[]).await;
    assert_eq!(failure(result), (Class::NotReady, "NameServersNotShown".into()));
}

#[tokio::test]
async fn a_registration_that_the_plan_saw_and_that_is_not_there_is_not_ready() {
    let (item, none) = (item(&[]), no_detail());
    let result = register(input(RegistrationPlan::Registered), &[&item], &[&none], &[]).await;
    assert_eq!(failure(result), (Class::NotReady, "DomainNotShown".into()));
}

#[tokio::test]
async fn an_unconfirmed_address_and_a_suspended_name_ask_for_a_person() {
    for (status, confirmed, held) in [
        (ReachabilityStatus::Pending, false, "ok"),
        (ReachabilityStatus::Expired, false, "clientHold"),
        (ReachabilityStatus::Done, true, "CLIENTHOLD"),
    ] {
        let (item, detail, reachable) = (item(&[]), detail_with(held), reachable(status));
        let input = input(RegistrationPlan::Registered);
        let output = register(input, &[&item], &[&detail, &reachable], &[]).await.expect("registered");
        assert_eq!(output.registration.email_confirmed, Some(confirmed));
        let resend =
            "aws route53domains resend-contact-reachability-email --region us-east-1 --domain-name example.com";
        assert_eq!(output.actions.iter().any(|action| action.contains(resend)), !confirmed);
        assert_eq!(output.actions.iter().any(|action| action.contains("is suspended (clientHold)")), held != "ok");
    }
}

#[tokio::test]
async fn a_name_without_a_reachability_status_has_none() {
    for code in ["InvalidInput", "UnsupportedTLD"] {
        let (item, detail) = (item(&[]), detail());
        let none = mock!(Domains::get_contact_reachability_status).then_http_response(move || error(400, code));
        let output = register(input(RegistrationPlan::Registered), &[&item], &[&detail, &none], &[]).await.expect(code);
        assert_eq!((output.registration.email_confirmed, output.actions.len()), (None, 0));
    }
}

#[tokio::test]
async fn too_many_operations_at_once_is_a_wait() {
    let limit = || error(400, "OperationLimitExceeded");
    let (purchase, detail) = (item(&accepted(NOW - 90, "op-1")), detail());
    let reach = mock!(Domains::get_contact_reachability_status).then_http_response(limit);
    let unwatch = unwatch("op-1");
    let result = register(buying(), &[&purchase, &unwatch], &[&detail, &reach], &[]).await;
    assert_eq!(failure(result), (Class::NotReady, "OperationLimitExceeded".into()));

    let reachable = reachable(ReachabilityStatus::Done);
    let tag = mock!(Domains::update_tags_for_domain).then_http_response(limit);
    let result = register(buying(), &[&purchase, &unwatch], &[&detail, &reachable, &tag], &[]).await;
    assert_eq!(failure(result), (Class::NotReady, "OperationLimitExceeded".into()));

    let tags = mock!(Domains::list_tags_for_domain).then_http_response(limit);
    let input = input(RegistrationPlan::Registered);
    let result = register(input, &[&purchase, &unwatch], &[&detail, &reachable, &tags], &[]).await;
    assert_eq!(failure(result), (Class::NotReady, "OperationLimitExceeded".into()));
}

#[tokio::test(start_paused = true)]
async fn other_failures_carry_the_operation_that_failed() {
    let denied = || error(400, "AccessDeniedException");
    let table = mock!(DynamoDb::get_item).then_http_response(denied);
    let error = register(buying(), &[&table], &[], &[]).await.expect_err("denied");
    assert!(error.class == Class::Failed && error.reason.contains("dynamodb:GetItem"), "{error}");

    let item = item(&accepted(NOW - 90, "op-1"));
    let detail = mock!(Domains::get_domain_detail).then_http_response(error_throttled);
    let error = register(buying(), &[&item], &[&detail], &[]).await.expect_err("throttled");
    assert!(error.class == Class::Retryable && error.reason.contains("route53domains:GetDomainDetail"), "{error}");

    let none = no_detail();
    let operation = mock!(Domains::get_operation_detail).then_http_response(denied);
    let error = register(buying(), &[&item], &[&none, &operation], &[]).await.expect_err("denied");
    assert!(error.class == Class::Failed && error.reason.contains("route53domains:GetOperationDetail"), "{error}");

    let (gone, list) = (no_operation(), mock!(Domains::list_operations).then_http_response(denied));
    let error = register(buying(), &[&item], &[&none, &gone, &list], &[]).await.expect_err("denied");
    assert!(error.class == Class::Failed && error.reason.contains("route53domains:ListOperations"), "{error}");
}

fn error_throttled() -> HttpResponse {
    error(400, "ThrottlingException")
}

// ---- pure parts

#[test]
fn the_operation_of_an_intent_is_the_one_that_can_still_give_the_name() {
    let operation = |id: &str, status: OperationStatus, submitted: i64| Operation {
        id: id.into(),
        status,
        named: Vec::new(),
        waits_for: None,
        submitted: Some(submitted),
    };
    let picked = |operations: Vec<Operation>| pick(operations, NOW).map(|operation| operation.id);
    assert_eq!(picked(vec![]), None);
    assert_eq!(picked(vec![operation("earlier", OperationStatus::Failed, NOW - 1)]), None);
    assert_eq!(picked(vec![operation("this", OperationStatus::Failed, NOW)]).as_deref(), Some("this"));
    assert_eq!(
        picked(vec![
            operation("failed", OperationStatus::Error, NOW + 9),
            operation("running", OperationStatus::InProgress, NOW - 200),
            operation("failed-too", OperationStatus::Failed, NOW + 8),
        ])
        .as_deref(),
        Some("running")
    );
}

#[test]
fn of_words_of_aws_only_the_names_of_fields_are_repeated() {
    let named = |message: &str| registry::fields_named_in(Some(message));
    assert_eq!(named("[ADMIN.UK_CONTACT_TYPE is missing, OWNER.UK_CONTACT_TYPE is missing]"), ["UK_CONTACT_TYPE"]);
    assert_eq!(named("RegistrantContact.phoneNumber +1.2065550100"), ["RegistrantContact", "PhoneNumber"]);
    for text in ["Ada Example of 1 Example Street", "ada@example.com", "+1.2065550100", "98101", ""] {
        assert_eq!(named(text), [] as [&str; 0], "{text}");
    }
    assert_eq!(registry::fields_named_in(None), [] as [&str; 0]);
    assert_eq!((registry::naming(&[]), registry::naming(&["City", "Fax"])), ("".into(), ", naming City, Fax".into()));
}
