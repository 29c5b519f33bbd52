//! The money, at every crash point: the step runs against a small world that keeps the domain item, the
//! watches and the registrar's operations, and in which each call can be throttled, cut off before or after
//! its effect, or be the last one before the function dies. The judge is the world: how often a
//! registration was paid for, and whether the name was found again.
//!
//! The registrar here is worse than AWS: it takes a second registration of one name (AWS answers
//! `DuplicateRequest`), and shows an operation only a while after it took it.

use nameplate::Class;
use std::cell::Cell;
use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex};

use super::*;
use aws_sdk_dynamodb::Client as DynamoDb;
use aws_sdk_dynamodb::operation::delete_item::DeleteItemOutput;
use aws_sdk_dynamodb::operation::get_item::GetItemOutput;
use aws_sdk_dynamodb::operation::put_item::PutItemOutput;
use aws_sdk_dynamodb::operation::update_item::UpdateItemOutput;
use aws_sdk_dynamodb::types::AttributeValue;
use aws_sdk_route53domains::Client as Domains;
use aws_sdk_route53domains::config::retry::RetryConfig;
use aws_sdk_route53domains::operation::check_domain_availability::CheckDomainAvailabilityOutput;
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
    DomainAvailability, DomainPrice, Nameserver, OperationSummary, PriceWithCurrency, ReachabilityStatus, Tag,
};
use aws_sdk_secretsmanager::Client as Secrets;
use aws_sdk_secretsmanager::operation::get_secret_value::GetSecretValueOutput;
use aws_smithy_mocks::{MockResponse, Rule, RuleBuilder, RuleMode, mock, mock_client};
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::http::StatusCode;
use aws_smithy_types::body::SdkBody;
use nameplate::Request;
use nameplate::request::Money;
use serde_json::json;

const START: i64 = 1_800_000_000;
/// How long the registrar does not show an operation that it has taken, in seconds.
const UNSEEN_SECS: i64 = 20;
/// How long a registration takes, in seconds.
const REGISTERING_SECS: i64 = 400;
/// Attempts at `NotReady` and `Retryable` errors before the state machine gives up.
const ATTEMPTS: usize = 40;

thread_local! {
    static CLOCK: Cell<i64> = const { Cell::new(START) };
}

fn clock() -> i64 {
    CLOCK.get()
}

fn pass(seconds: i64) {
    CLOCK.set(CLOCK.get() + seconds);
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Fault {
    Throttle,
    CutBefore,
    CutAfter,
    KillBefore,
    KillAfter,
}

const FAULTS: [Fault; 5] = [Fault::Throttle, Fault::CutBefore, Fault::CutAfter, Fault::KillBefore, Fault::KillAfter];

type Item = HashMap<String, AttributeValue>;

struct Sale {
    id: String,
    at: i64,
    /// Whether AWS gives up on it in the end.
    fails: bool,
}

impl Sale {
    fn status(&self) -> OperationStatus {
        match (clock() - self.at, self.fails) {
            (..REGISTERING_SECS, _) => OperationStatus::InProgress,
            (_, true) => OperationStatus::Failed,
            (_, false) => OperationStatus::Successful,
        }
    }

    fn seen(&self) -> bool {
        clock() - self.at >= UNSEEN_SECS
    }
}

#[derive(Default)]
struct World {
    item: Item,
    watches: HashMap<String, Item>,
    sales: Vec<Sale>,
    /// How many of the first sales end without the name.
    failing: usize,
    tags: BTreeMap<String, String>,
    calls: usize,
    faults: Vec<(usize, Fault)>,
    /// Whether the running invocation has been killed: nothing of it reaches the world any more.
    dead: bool,
}

type Failure = (u16, &'static str);

impl World {
    fn owned(&self) -> bool {
        self.sales.iter().any(|sale| sale.status() == OperationStatus::Successful)
    }

    fn call<T>(&mut self, effect: impl FnOnce(&mut Self) -> Result<T, Failure>) -> Result<T, Failure> {
        const LOST: Failure = (500, "InternalFailure");
        if self.dead {
            return Err(LOST);
        }
        let call = self.calls;
        self.calls += 1;
        pass(1);
        let fault = self.faults.iter().find(|(at, _)| *at == call).map(|(_, fault)| *fault);
        match fault {
            None => return effect(self),
            Some(Fault::Throttle) => return Err((400, "ThrottlingException")),
            Some(Fault::CutBefore | Fault::KillBefore) => {}
            Some(Fault::CutAfter | Fault::KillAfter) => drop(effect(self)),
        }
        self.dead = matches!(fault, Some(Fault::KillBefore | Fault::KillAfter));
        Err(LOST)
    }
}

/// Whether a condition expression holds: `AND`, `OR`, one level of brackets, equality and existence.
fn holds(condition: &str, names: &HashMap<String, String>, values: &Item, item: &Item) -> bool {
    let split = |operator: &str| -> Option<(String, String)> {
        let mut depth = 0;
        for (index, character) in condition.char_indices() {
            depth += i32::from(character == '(') - i32::from(character == ')');
            if depth == 0 && condition[index..].starts_with(operator) {
                return Some((condition[..index].into(), condition[index + operator.len()..].into()));
            }
        }
        None
    };
    if let Some((left, right)) = split(" OR ") {
        return holds(&left, names, values, item) || holds(&right, names, values, item);
    }
    if let Some((left, right)) = split(" AND ") {
        return holds(&left, names, values, item) && holds(&right, names, values, item);
    }
    let inside = |prefix: &str| condition.strip_prefix(prefix).and_then(|rest| rest.strip_suffix(')'));
    if let Some(name) = inside("attribute_not_exists(") {
        return !item.contains_key(&names[name]);
    }
    if let Some(name) = inside("attribute_exists(") {
        return item.contains_key(&names[name]);
    }
    if let Some(bracket) = inside("(") {
        return holds(bracket, names, values, item);
    }
    let (name, value) = condition.split_once(" = ").expect("an equality");
    item.get(&names[name]) == Some(&values[value])
}

/// Carries out `SET #a = :a, … REMOVE #b, …`.
fn change(expression: &str, names: &HashMap<String, String>, values: &Item, item: &mut Item) {
    let (set, remove) = expression.split_once("REMOVE ").unwrap_or((expression, ""));
    for assignment in set.trim().trim_start_matches("SET ").split(", ").filter(|part| !part.is_empty()) {
        let (name, value) = assignment.split_once(" = ").expect("an assignment");
        item.insert(names[name].clone(), values[value].clone());
    }
    for name in remove.split(", ").filter(|part| !part.is_empty()) {
        item.remove(&names[name]);
    }
}

type Shared = Arc<Mutex<World>>;

fn served<I, O, E>(rule: RuleBuilder<I, O, E>, world: &Shared, effect: fn(&mut World, &I) -> Result<O, Failure>) -> Rule
where
    I: std::fmt::Debug + Send + Sync + 'static,
    O: std::fmt::Debug + Send + Sync + 'static,
    E: std::fmt::Debug + Send + Sync + std::error::Error + 'static,
{
    let world = Arc::clone(world);
    rule.then_compute_response(move |input| match world.lock().expect("a lock").call(|world| effect(world, input)) {
        Ok(output) => MockResponse::Output(output),
        Err((status, code)) => MockResponse::Http(HttpResponse::new(
            StatusCode::try_from(status).expect("a status"),
            SdkBody::from(json!({"__type": code, "message": "because"}).to_string()),
        )),
    })
}

fn table(world: &Shared) -> [Rule; 4] {
    const REFUSED: Failure = (400, "ConditionalCheckFailedException");
    [
        served(mock!(DynamoDb::get_item), world, |world, _| {
            Ok(GetItemOutput::builder().set_item(Some(world.item.clone())).build())
        }),
        served(mock!(DynamoDb::update_item), world, |world, input| {
            let names = input.expression_attribute_names().expect("names");
            let values = input.expression_attribute_values().expect("values");
            if !holds(input.condition_expression().expect("a condition"), names, values, &world.item) {
                return Err(REFUSED);
            }
            change(input.update_expression().expect("a change"), names, values, &mut world.item);
            Ok(UpdateItemOutput::builder().build())
        }),
        served(mock!(DynamoDb::put_item), world, |world, input| {
            let item = input.item().expect("an item");
            let key = item["id"].as_s().expect("a string").clone();
            assert_eq!(input.condition_expression(), None);
            world.watches.insert(key, item.clone());
            Ok(PutItemOutput::builder().build())
        }),
        served(mock!(DynamoDb::delete_item), world, |world, input| {
            let key = input.key().expect("a key")["id"].as_s().expect("a string");
            world.watches.remove(key);
            Ok(DeleteItemOutput::builder().build())
        }),
    ]
}

fn registrar(world: &Shared) -> [Rule; 9] {
    [
        served(mock!(Domains::get_domain_detail), world, |world, _| {
            if !world.owned() {
                return Err((400, "InvalidInput"));
            }
            let server = Nameserver::builder().name("ns-1.example.net").build().expect("built");
            Ok(GetDomainDetailOutput::builder().nameservers(server).build())
        }),
        served(mock!(Domains::get_contact_reachability_status), world, |_, _| {
            Ok(GetContactReachabilityStatusOutput::builder().status(ReachabilityStatus::Done).build())
        }),
        served(mock!(Domains::list_tags_for_domain), world, |world, _| {
            let tags = world.tags.iter().map(|(key, value)| Tag::builder().key(key).value(value).build()).collect();
            Ok(ListTagsForDomainOutput::builder().set_tag_list(Some(tags)).build())
        }),
        served(mock!(Domains::update_tags_for_domain), world, |world, input| {
            for tag in input.tags_to_update() {
                world.tags.insert(tag.key().expect("a key").into(), tag.value().expect("a value").into());
            }
            Ok(UpdateTagsForDomainOutput::builder().build())
        }),
        served(mock!(Domains::get_operation_detail), world, |world, input| {
            match world.sales.iter().find(|sale| sale.seen() && Some(sale.id.as_str()) == input.operation_id()) {
                Some(sale) => Ok(GetOperationDetailOutput::builder()
                    .status(sale.status())
                    .submitted_date(DateTime::from_secs(sale.at))
                    .build()),
                None => Err((400, "InvalidInput")),
            }
        }),
        served(mock!(Domains::list_operations), world, |world, input| {
            let since = input.submitted_since().expect("since").secs();
            let operations = world.sales.iter().filter(|sale| sale.seen() && sale.at >= since).map(|sale| {
                OperationSummary::builder()
                    .operation_id(&sale.id)
                    .domain_name("example.com")
                    .status(sale.status())
                    .submitted_date(DateTime::from_secs(sale.at))
                    .build()
            });
            Ok(ListOperationsOutput::builder().set_operations(Some(operations.collect())).build())
        }),
        served(mock!(Domains::check_domain_availability), world, |world, _| {
            let availability =
                if world.owned() { DomainAvailability::Unavailable } else { DomainAvailability::Available };
            Ok(CheckDomainAvailabilityOutput::builder().availability(availability).build())
        }),
        served(mock!(Domains::list_prices), world, |_, _| {
            let price = PriceWithCurrency::builder().price(15.0).currency("USD").build().expect("built");
            let price = DomainPrice::builder().name("com").registration_price(price).build();
            Ok(ListPricesOutput::builder().prices(price).build())
        }),
        served(mock!(Domains::register_domain), world, |world, _| {
            let number = world.sales.len();
            let id = format!("op-{number}");
            world.sales.push(Sale { id: id.clone(), at: clock(), fails: number < world.failing });
            Ok(RegisterDomainOutput::builder().operation_id(id).build())
        }),
    ]
}

fn secrets(world: &Shared) -> [Rule; 1] {
    [served(mock!(Secrets::get_secret_value), world, |_, _| {
        let contact = json!({
            "firstName": "Ada", "lastName": "Example", "addressLine1": "1 Example Street", "city": "Seattle",
            "countryCode": "US", "phoneNumber": "+1.2065550100", "email": "ada@example.com"
        });
        Ok(GetSecretValueOutput::builder().secret_string(contact.to_string()).build())
    })]
}

fn clients(world: &Shared) -> Clients {
    let (table, registrar, secrets) = (table(world), registrar(world), secrets(world));
    // One attempt: what the SDK would repeat, the state machine repeats here.
    Clients {
        dynamodb: mock_client!(aws_sdk_dynamodb, RuleMode::MatchAny, &table, |c| c
            .retry_config(RetryConfig::disabled())),
        domains: mock_client!(aws_sdk_route53domains, RuleMode::MatchAny, &registrar, |c| c
            .retry_config(RetryConfig::disabled())),
        secrets: mock_client!(aws_sdk_secretsmanager, RuleMode::MatchAny, &secrets, |c| c
            .retry_config(RetryConfig::disabled())),
    }
}

/// Runs executions one after the other until one ends with the name; hands back the number of the last one.
async fn until_registered(world: &Shared, settling_secs: i64) -> usize {
    let clients = clients(world);
    let settings = Settings { stack: "nameplate".into(), table: "table".into(), budget_usd: 15.0, settling_secs };
    for execution in 1..10 {
        if execute(world, &clients, &settings, &format!("execution-{execution}")).await {
            return execution;
        }
        pass(60);
    }
    panic!("no execution ended with the name");
}

/// One execution: whether it ended with the name.
async fn execute(world: &Shared, clients: &Clients, settings: &Settings, execution: &str) -> bool {
    let owned = {
        let mut world = world.lock().expect("a lock");
        world.item.insert("heldBy".into(), AttributeValue::S(execution.into()));
        world.owned()
    };
    let money = || Money { amount: 15.0, currency: "USD".into() };
    let input = RegisterInput {
        former_tags: Vec::new(),
        request: Request::parse(&json!({
            "domainName": "example.com",
            "registration": {"maxPrice": {"amount": 15.0, "currency": "USD"}},
            "api": {"routes": [{"route": "GET /", "url": "https://a.example/"}]}
        }))
        .expect("valid"),
        execution: execution.into(),
        plan: if owned { RegistrationPlan::Registered } else { RegistrationPlan::Register },
        quote: (!owned).then(|| Quote { registration: money(), renewal: money(), read_at: clock() }),
        deadline: clock() + REGISTRATION_DEADLINE_SECS,
    };
    let mut attempts = 0;
    loop {
        world.lock().expect("a lock").dead = false;
        match run(clients, settings, input.clone(), clock).await {
            Ok(output) if output.registration.status == RegistrationStatus::Registered => {
                assert!(output.bought && output.registration.price_paid == Some(money()));
                return true;
            }
            Ok(output) => {
                assert_eq!(output.registration.status, RegistrationStatus::Pending);
                let world = world.lock().expect("a lock");
                let watch = &world.watches[&output.watch_key.expect("a watch")];
                assert!(watch.contains_key("open") && !watch.contains_key("resolved"));
                attempts = 0;
                drop(world);
                pass(3600);
            }
            Err(error) => {
                attempts += 1;
                match error.class {
                    Class::NotReady if attempts < ATTEMPTS => pass(45),
                    Class::Retryable if attempts < ATTEMPTS => pass(2),
                    _ => return false,
                }
            }
        }
    }
}

/// A world with these faults, after the name was registered in it: the world, and the executions it took.
async fn world_after(faults: &[(usize, Fault)], failing: usize, settling_secs: i64) -> (Shared, usize) {
    CLOCK.set(START);
    let world = Shared::new(Mutex::new(World { faults: faults.to_vec(), failing, ..World::default() }));
    let executions = until_registered(&world, settling_secs).await;
    (world, executions)
}

fn sales(world: &Shared) -> usize {
    world.lock().expect("a lock").sales.len()
}

/// How many calls a run makes in which nothing goes wrong.
async fn calls_of_a_quiet_run(failing: usize) -> usize {
    let (world, _) = world_after(&[], failing, SETTLING_SECS).await;
    let world = world.lock().expect("a lock");
    assert_eq!(world.sales.len(), 1 + failing);
    world.calls
}

fn assert_paid_once(world: &Shared, executions: usize, faults: &[(usize, Fault)]) {
    let world = world.lock().expect("a lock");
    assert_eq!(world.sales.len(), 1, "{faults:?}");
    assert_eq!(executions, 1, "the run recovers by itself: {faults:?}");
    assert_eq!(world.item["purchaseOperation"], AttributeValue::S("op-0".into()), "{faults:?}");
    assert_eq!(world.tags.len(), 2, "{faults:?}");
    assert!(world.watches.is_empty(), "no watch outlives the wait: {faults:?}");
}

#[tokio::test]
async fn every_single_fault_at_every_call_costs_one_payment_and_the_name_is_found() {
    let calls = calls_of_a_quiet_run(0).await;
    assert!(calls > 8, "{calls}");
    for call in 0..calls {
        for fault in FAULTS {
            let faults = [(call, fault)];
            let (world, executions) = world_after(&faults, 0, SETTLING_SECS).await;
            assert_paid_once(&world, executions, &faults);
        }
    }
}

#[tokio::test]
async fn two_faults_cost_one_payment_too() {
    let calls = calls_of_a_quiet_run(0).await;
    for first in 0..calls {
        for second in first + 1..calls + 4 {
            for (one, two) in [(Fault::CutAfter, Fault::KillAfter), (Fault::KillAfter, Fault::CutBefore)] {
                let faults = [(first, one), (second, two)];
                let (world, executions) = world_after(&faults, 0, SETTLING_SECS).await;
                assert_paid_once(&world, executions, &faults);
            }
        }
    }
}

#[tokio::test]
async fn after_a_failed_registration_only_a_new_execution_pays_again() {
    let calls = calls_of_a_quiet_run(1).await;
    for call in 0..calls {
        for fault in [Fault::CutAfter, Fault::KillAfter] {
            let (world, executions) = world_after(&[(call, fault)], 1, SETTLING_SECS).await;
            assert_eq!((sales(&world), executions), (2, 2), "{fault:?} at call {call}");
        }
    }
}

/// Shows that the world can tell: without the settling time the answer that was lost is paid for again.
#[tokio::test]
async fn without_the_settling_time_the_world_would_see_a_second_payment() {
    let mut most = 0;
    for call in 0..calls_of_a_quiet_run(0).await {
        let (world, _) = world_after(&[(call, Fault::CutAfter)], 0, 0).await;
        most = most.max(sales(&world));
    }
    assert!(most > 1);
}
