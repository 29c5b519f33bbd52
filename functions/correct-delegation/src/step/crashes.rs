//! One change, at every crash point: the step runs against a small world that keeps the domain item and the registrar's
//! operations, and in which each call can be throttled, cut off before or after its effect, or be the last one before
//! the function dies. The judge is the world: how often a change was sent, and whether the registry names the servers.
//!
//! The registrar here is worse than AWS: it takes a second change while one runs (AWS answers `DuplicateRequest`), and
//! lists a change only a while after it took it.

use nameplate::Class;
use std::cell::Cell;
use std::sync::{Arc, Mutex};

use super::tests::{EXECUTION, OURS, PLANNED_AT, input};
use super::*;
use aws_sdk_dynamodb::Client as Dynamodb;
use aws_sdk_dynamodb::operation::get_item::GetItemOutput;
use aws_sdk_dynamodb::operation::update_item::UpdateItemOutput;
use aws_sdk_dynamodb::types::AttributeValue;
use aws_sdk_route53domains::Client as Domains;
use aws_sdk_route53domains::config::retry::RetryConfig;
use aws_sdk_route53domains::operation::get_domain_detail::GetDomainDetailOutput;
use aws_sdk_route53domains::operation::list_operations::ListOperationsOutput;
use aws_sdk_route53domains::operation::update_domain_nameservers::UpdateDomainNameserversOutput;
use aws_sdk_route53domains::primitives::DateTime;
use aws_sdk_route53domains::types::{Nameserver, OperationStatus, OperationSummary, OperationType};
use aws_smithy_mocks::{MockResponse, Rule, RuleBuilder, RuleMode, mock, mock_client};
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::http::StatusCode;
use aws_smithy_types::body::SdkBody;
use serde_json::json;

/// How long the registrar does not list a change that it has taken, in seconds.
const UNLISTED_SECS: i64 = 90;
/// How long a change takes, in seconds; it shows at the registry so long after.
const CHANGING_SECS: i64 = 100;
const SHOWN_AFTER_SECS: i64 = 15;
/// Attempts at `NotReady` and `Retryable` errors before the state machine gives up, and what lies between two.
const ATTEMPTS: usize = 15;
const BETWEEN_SECS: i64 = 40;

thread_local! {
    static CLOCK: Cell<i64> = const { Cell::new(PLANNED_AT) };
}

fn clock() -> i64 {
    CLOCK.get()
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

type Failure = (u16, &'static str);

#[derive(Default)]
struct World {
    held_by: String,
    intent: Option<String>,
    /// When each change was sent.
    changes: Vec<i64>,
    calls: usize,
    faults: Vec<(usize, Fault)>,
    /// Whether the running invocation has been killed: nothing of it reaches the world any more.
    dead: bool,
}

impl World {
    fn delegated(&self) -> bool {
        self.changes.iter().any(|at| clock() - at >= CHANGING_SECS + SHOWN_AFTER_SECS)
    }

    fn call<T>(&mut self, effect: impl FnOnce(&mut Self) -> Result<T, Failure>) -> Result<T, Failure> {
        const LOST: Failure = (500, "InternalFailure");
        if self.dead {
            return Err(LOST);
        }
        let call = self.calls;
        self.calls += 1;
        CLOCK.set(clock() + 1);
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

fn clients(world: &Shared) -> Clients {
    let table = [
        served(mock!(Dynamodb::get_item), world, |world, _| {
            let intent = world.intent.iter().map(|text| ("delegationIntent", text));
            let item = [("heldBy", &world.held_by)].into_iter().chain(intent);
            let item = item.map(|(name, text)| (name.to_owned(), AttributeValue::S(text.clone()))).collect();
            Ok(GetItemOutput::builder().set_item(Some(item)).build())
        }),
        served(mock!(Dynamodb::update_item), world, |world, call| {
            let value = |name: &str| Some(call.expression_attribute_values()?.get(name)?.as_s().ok()?.clone());
            let condition = call.condition_expression().expect("a condition");
            let holds = condition.split(" AND ").all(|part| match part {
                "#heldBy = :execution" => value(":execution").as_ref() == Some(&world.held_by),
                "attribute_not_exists(#intent)" => world.intent.is_none(),
                "#intent = :before" => value(":before") == world.intent,
                other => panic!("what is {other}?"),
            });
            if !holds {
                return Err((400, "ConditionalCheckFailedException"));
            }
            world.intent = value(":intent");
            Ok(UpdateItemOutput::builder().build())
        }),
    ];
    let domains = [
        served(mock!(Domains::get_domain_detail), world, |world, _| {
            let servers = if world.delegated() { OURS } else { ["ns-1.elsewhere.example", "ns-2.elsewhere.example"] };
            let servers = servers.map(|name| Nameserver::builder().name(name).build().expect("a name"));
            Ok(GetDomainDetailOutput::builder().set_nameservers(Some(servers.to_vec())).build())
        }),
        served(mock!(Domains::list_operations), world, |world, _| {
            let listed = world.changes.iter().filter(|at| clock() - **at >= UNLISTED_SECS).map(|at| {
                let done = clock() - at >= CHANGING_SECS;
                let status = if done { OperationStatus::Successful } else { OperationStatus::InProgress };
                OperationSummary::builder()
                    .operation_id(format!("op-{at}"))
                    .r#type(OperationType::UpdateNameserver)
                    .domain_name("example.com")
                    .status(status)
                    .submitted_date(DateTime::from_secs(*at))
                    .build()
            });
            Ok(ListOperationsOutput::builder().set_operations(Some(listed.collect())).build())
        }),
        served(mock!(Domains::update_domain_nameservers), world, |world, _| {
            world.changes.push(clock());
            Ok(UpdateDomainNameserversOutput::builder().operation_id(format!("op-{}", clock())).build())
        }),
    ];
    let dynamodb = mock_client!(aws_sdk_dynamodb, RuleMode::MatchAny, &table.iter().collect::<Vec<_>>(), |config| {
        config.retry_config(aws_sdk_dynamodb::config::retry::RetryConfig::disabled())
    });
    let domains =
        mock_client!(aws_sdk_route53domains, RuleMode::MatchAny, &domains.iter().collect::<Vec<_>>(), |config| {
            config.retry_config(RetryConfig::disabled())
        });
    Clients { dynamodb, domains }
}

/// The world after runs that each go on from what the last one left. A run is stopped for good where its Lambda dies
/// and `stopping`, so that another execution takes over.
async fn world_after(faults: &[(usize, Fault)], stopping: bool) -> World {
    world_with(faults, stopping, SETTLING_SECS).await
}

async fn world_with(faults: &[(usize, Fault)], stopping: bool, settling_secs: i64) -> World {
    CLOCK.set(PLANNED_AT);
    let world: Shared = Arc::new(Mutex::new(World { faults: faults.to_vec(), ..World::default() }));
    let settings = Settings { table: "table".to_owned(), settling_secs };
    let clients = clients(&world);
    for run_number in 0..3 {
        let execution = format!("{EXECUTION}-{run_number}");
        world.lock().expect("a lock").held_by.clone_from(&execution);
        let planned_at = clock();
        for _ in 0..ATTEMPTS {
            world.lock().expect("a lock").dead = false;
            let result = run(&clients, &settings, input(&execution, planned_at), clock).await;
            let dead = world.lock().expect("a lock").dead;
            match result {
                Ok(_) => return std::mem::take(&mut *world.lock().expect("a lock")),
                Err(_) if dead && stopping => break,
                Err(error) if dead || matches!(error.class, Class::NotReady | Class::Retryable) => {}
                Err(error) => panic!("{faults:?}: {error}"),
            }
            CLOCK.set(clock() + BETWEEN_SECS);
        }
    }
    panic!("{faults:?}: the registry never names the servers");
}

#[tokio::test]
async fn one_change_is_sent_whatever_happens_to_one_call() {
    let calls = world_after(&[], false).await.calls;
    assert!(calls > 8, "only {calls} calls");
    for call in 0..calls {
        for fault in FAULTS {
            for stopping in [false, true] {
                let world = world_after(&[(call, fault)], stopping).await;
                assert_eq!(world.changes.len(), 1, "{fault:?} at call {call}, stopping: {stopping}");
            }
        }
    }
}

#[tokio::test]
async fn one_change_is_sent_whatever_happens_to_two_calls() {
    let calls = world_after(&[], false).await.calls;
    for first in 0..calls {
        for second in first + 1..calls {
            for (one, other, stopping) in
                [(Fault::CutAfter, Fault::KillAfter, false), (Fault::KillAfter, Fault::CutAfter, true)]
            {
                let world = world_after(&[(first, one), (second, other)], stopping).await;
                assert_eq!(world.changes.len(), 1, "{one:?} at {first}, {other:?} at {second}, stopping: {stopping}");
            }
        }
    }
}

#[tokio::test]
async fn without_the_settling_time_the_world_would_see_a_second_change() {
    let calls = world_after(&[], false).await.calls;
    let mut most = 0;
    for call in 0..calls {
        most = most.max(world_with(&[(call, Fault::CutAfter)], false, 0).await.changes.len());
    }
    assert!(most > 1, "the explorer would not notice");
}
