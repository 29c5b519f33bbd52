//! Faults on request.
//!
//! Owns the list of faults, which call or event one strikes, and how it looks on the wire. Must not know whose calls
//! these are. The control interface makes and takes away faults; `proxy.rs` and `events.rs` carry them out.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::time::Duration;

use http::StatusCode;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use tokio::sync::watch;

use crate::answer::{self, Answer};
use crate::lock;
use crate::record::Call;

/// What is done to a call or to an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) enum Kind {
    /// The service refuses it for its rate; nothing is carried out.
    Throttle,
    /// The service answers 500; nothing is carried out.
    Error500,
    /// The service answers 503; nothing is carried out.
    Error503,
    /// The connection closes; nothing is carried out.
    CutBefore,
    /// It is carried out; the connection closes without an answer.
    CutAfter,
    /// It is carried out; the answer comes after `delayMs`.
    Delay,
    /// It is carried out; the Lambda that called is killed before it gets the answer.
    KillLambda,
    /// It is carried out; the execution for which it was made is stopped, then the answer goes out.
    StopExecution,
    /// Held back, before it is carried out, until the fault is taken away.
    HoldBefore,
    /// It is carried out; the answer is held back until the fault is taken away.
    HoldAfter,
    /// The event reaches no target.
    LoseEvent,
    /// The event reaches its target twice.
    DuplicateEvent,
    /// The event reaches its target after `delayMs`.
    DelayEvent,
    /// The target does not take the event: it goes to the dead-letter queue of the target, if it has one.
    RefuseEvent,
}

impl Kind {
    fn of_events(self) -> bool {
        matches!(self, Self::LoseEvent | Self::DuplicateEvent | Self::DelayEvent | Self::RefuseEvent)
    }

    /// As it stands in the record.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Throttle => "throttle",
            Self::Error500 => "error500",
            Self::Error503 => "error503",
            Self::CutBefore => "cutBefore",
            Self::CutAfter => "cutAfter",
            Self::Delay => "delay",
            Self::KillLambda => "killLambda",
            Self::StopExecution => "stopExecution",
            Self::HoldBefore => "holdBefore",
            Self::HoldAfter => "holdAfter",
            Self::LoseEvent => "loseEvent",
            Self::DuplicateEvent => "duplicateEvent",
            Self::DelayEvent => "delayEvent",
            Self::RefuseEvent => "refuseEvent",
        }
    }
}

/// A fault, and what it strikes. What is left out matches everything.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Fault {
    fault: Kind,
    /// Calls: a part of the ARN of the execution for which the call is made.
    execution: Option<String>,
    /// Calls: a part of the caller.
    caller: Option<String>,
    /// Calls: the service, such as `route53`.
    service: Option<String>,
    /// Calls: the operation, such as `CreateHostedZone`.
    action: Option<String>,
    /// Calls: a part of what the call is about.
    resource: Option<String>,
    /// Events: the detail-type.
    detail_type: Option<String>,
    /// Events: a text that is in the event.
    about: Option<String>,
    /// The number of the first matching call or event that is struck, from 1.
    #[serde(default = "one")]
    from: u64,
    /// How many are struck from there on.
    #[serde(default = "one")]
    times: u64,
    /// Of those, the part that is struck, from 0 to 1; `seed` chooses which.
    #[serde(default = "always")]
    chance: f64,
    #[serde(default)]
    seed: u64,
    /// How late, in real milliseconds.
    #[serde(default)]
    delay_ms: u64,
}

fn one() -> u64 {
    1
}

fn always() -> f64 {
    1.0
}

impl Fault {
    /// Why it is no fault that could be carried out.
    fn defect(&self) -> Option<&'static str> {
        let of_calls = [&self.execution, &self.caller, &self.service, &self.action, &self.resource];
        let of_events = [&self.detail_type, &self.about];
        let named = |fields: &[&Option<String>]| fields.iter().any(|field| field.is_some());
        match self.fault {
            kind if kind.of_events() && named(&of_calls) => Some("an event is matched by detailType and about"),
            kind if !kind.of_events() && named(&of_events) => {
                Some("a call is matched by execution, caller, service, action and resource")
            }
            _ if self.from == 0 => Some("from is counted from 1"),
            _ if !(0.0..=1.0).contains(&self.chance) => Some("chance is from 0 to 1"),
            _ => None,
        }
    }

    fn strikes_call(&self, call: &Call) -> bool {
        let same = |wanted: &Option<String>, is: &str| wanted.as_deref().is_none_or(|wanted| wanted == is);
        let within = |part: &Option<String>, is: Option<&str>| {
            part.as_deref().is_none_or(|part| is.is_some_and(|is| is.contains(part)))
        };
        !self.fault.of_events()
            && same(&self.service, &call.service)
            && same(&self.action, &call.action)
            && within(&self.caller, Some(&call.caller))
            && within(&self.resource, call.resource.as_deref())
            && within(&self.execution, call.execution.as_deref())
    }

    fn strikes_event(&self, event: &Value) -> bool {
        self.fault.of_events()
            && self.detail_type.as_deref().is_none_or(|wanted| event["detail-type"] == wanted)
            && self.about.as_deref().is_none_or(|text| event.to_string().contains(text))
    }

    /// Whether the `number`-th match is struck.
    fn falls_on(&self, number: u64) -> bool {
        let in_range = number >= self.from && number - self.from < self.times;
        in_range && part(self.seed, number) < self.chance
    }
}

/// A number from 0 up to 1 that looks random and is the same each time.
fn part(seed: u64, number: u64) -> f64 {
    let digest = Sha256::digest([seed.to_be_bytes(), number.to_be_bytes()].concat());
    let bits = digest.iter().take(4).fold(0_u32, |bits, byte| bits << 8 | u32::from(*byte));
    f64::from(bits) / (f64::from(u32::MAX) + 1.0)
}

/// A fault that stands, and what it has done.
struct Standing {
    fault: Fault,
    matched: u64,
    struck: u64,
    /// How many calls are held now.
    holding: u64,
    gone: watch::Sender<bool>,
}

/// All faults that stand, by number.
#[derive(Default)]
pub(crate) struct Faults(Mutex<BTreeMap<u64, Standing>>, std::sync::atomic::AtomicU64);

/// A fault that strikes.
pub(crate) struct Strike {
    id: u64,
    pub(crate) kind: Kind,
    delay: Duration,
    gone: watch::Receiver<bool>,
}

impl Strike {
    /// Lets `delayMs` pass.
    pub(crate) async fn delay(&self) {
        tokio::time::sleep(self.delay).await;
    }
}

impl Faults {
    /// Adds a fault; its number.
    pub(crate) fn add(&self, fault: Fault) -> Result<u64, &'static str> {
        if let Some(defect) = fault.defect() {
            return Err(defect);
        }
        let id = self.1.fetch_add(1, std::sync::atomic::Ordering::Relaxed) + 1;
        let standing = Standing { fault, matched: 0, struck: 0, holding: 0, gone: watch::Sender::new(false) };
        lock(&self.0).insert(id, standing);
        Ok(id)
    }

    /// Takes a fault away, or all; what it holds goes on. How many there were.
    pub(crate) fn remove(&self, id: Option<u64>) -> usize {
        let mut all = lock(&self.0);
        let ids: Vec<u64> = id.map_or_else(|| all.keys().copied().collect(), |id| vec![id]);
        let removed = ids.iter().filter_map(|id| all.remove(id));
        removed.inspect(|standing| _ = standing.gone.send_replace(true)).count()
    }

    /// All that stand, with what they have done.
    pub(crate) fn list(&self) -> Value {
        let all = lock(&self.0);
        let list: Vec<Value> = all
            .iter()
            .map(|(id, standing)| {
                let mut fault = json!(standing.fault);
                for (name, number) in [
                    ("id", *id),
                    ("matched", standing.matched),
                    ("struck", standing.struck),
                    ("holding", standing.holding),
                ] {
                    fault[name] = json!(number);
                }
                fault
            })
            .collect();
        json!({ "faults": list })
    }

    /// The fault that strikes a call, if one does. Every matching fault counts the call. Of several that fall on it the
    /// oldest is carried out; the others do not count it, and so fall on the next.
    pub(crate) fn strike_call(&self, call: &Call) -> Option<Strike> {
        self.strike(|fault| fault.strikes_call(call))
    }

    /// The fault that strikes an event on its way to one target.
    pub(crate) fn strike_event(&self, event: &Value) -> Option<Strike> {
        self.strike(|fault| fault.strikes_event(event))
    }

    fn strike(&self, matches: impl Fn(&Fault) -> bool) -> Option<Strike> {
        let mut strike = None;
        for (id, standing) in lock(&self.0).iter_mut() {
            if !matches(&standing.fault) {
                continue;
            }
            let falls = standing.fault.falls_on(standing.matched + 1);
            if falls && strike.is_some() {
                continue;
            }
            standing.matched += 1;
            if falls {
                standing.struck += 1;
                strike = Some(Strike {
                    id: *id,
                    kind: standing.fault.fault,
                    delay: Duration::from_millis(standing.fault.delay_ms),
                    gone: standing.gone.subscribe(),
                });
            }
        }
        strike
    }

    /// Waits until the fault is taken away.
    pub(crate) async fn hold(&self, strike: &mut Strike) {
        if let Some(standing) = lock(&self.0).get_mut(&strike.id) {
            standing.holding += 1;
        }
        // An error means that it is gone, too.
        let _gone = strike.gone.wait_for(|gone| *gone).await;
    }
}

/// The answer of `service` to a call that is struck by `kind`, if that kind answers in its place. Shapes and codes
/// are those of the services (AWS-FACTS 2.2.6, 3.1.6, 4.1.4).
pub(crate) fn answer_of(kind: Kind, service: &str) -> Option<Answer> {
    let (status, code, message) = match (kind, service) {
        (Kind::Throttle, "route53") => (400, "Throttling", "Rate exceeded"),
        (Kind::Throttle, "apigateway" | "lambda") => (429, "TooManyRequestsException", "Too Many Requests"),
        (Kind::Throttle, _) => (400, "ThrottlingException", "Rate exceeded"),
        (Kind::Error500, "lambda") => (500, "ServiceException", "An internal error occurred."),
        (Kind::Error500, "route53") => (500, "InternalFailure", "An internal error occurred."),
        (Kind::Error500, _) => (500, "InternalServerError", "An internal error occurred."),
        (Kind::Error503, "route53") => (503, "ServiceUnavailable", "The service is unavailable."),
        (Kind::Error503, _) => (503, "ServiceUnavailableException", "The service is unavailable."),
        _ => return None,
    };
    let status = StatusCode::from_u16(status).expect("a status");
    Some(match service {
        "route53" => answer::xml_error(status, code, message),
        "apigateway" | "lambda" => answer::rest_json_error(status, code, message),
        _ => answer::json(status, "application/x-amz-json-1.1", &json!({ "__type": code, "message": message })),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fault(json: Value) -> Fault {
        serde_json::from_value(json).unwrap()
    }

    fn call(action: &str, execution: Option<&str>) -> Call {
        Call {
            seq: 0,
            at: 0.0,
            caller: "stack-CreateZoneFunction-1".to_owned(),
            service: "route53".to_owned(),
            action: action.to_owned(),
            resource: Some("a.example.com".to_owned()),
            execution: execution.map(str::to_owned),
            fault: None,
            status: None,
            error: None,
        }
    }

    #[test]
    fn the_chosen_call_is_struck_and_no_other() {
        let faults = Faults::default();
        let id = faults
            .add(fault(
                json!({ "fault": "cutAfter", "action": "GetHostedZone", "execution": "run-1", "from": 2, "times": 2 }),
            ))
            .unwrap();
        let mut struck = Vec::new();
        for (action, execution) in [
            ("GetHostedZone", Some("arn:run-1")),
            ("CreateHostedZone", Some("arn:run-1")),
            ("GetHostedZone", Some("arn:run-2")),
            ("GetHostedZone", None),
            ("GetHostedZone", Some("arn:run-1")),
            ("GetHostedZone", Some("arn:run-1")),
            ("GetHostedZone", Some("arn:run-1")),
        ] {
            struck.push(faults.strike_call(&call(action, execution)).map(|strike| strike.kind));
        }
        let cut = Some(Kind::CutAfter);
        assert_eq!(struck, [None, None, None, None, cut, cut, None]);
        assert_eq!(faults.list()["faults"][0]["struck"], 2);
        assert_eq!(faults.remove(Some(id)), 1);
        assert_eq!(faults.remove(None), 0);
    }

    #[test]
    fn of_two_faults_that_fall_on_a_call_the_younger_falls_on_the_next() {
        let faults = Faults::default();
        for kind in ["throttle", "cutAfter"] {
            faults.add(fault(json!({ "fault": kind, "action": "GetHostedZone" }))).unwrap();
        }
        let struck: Vec<Option<Kind>> =
            (0..3).map(|_| faults.strike_call(&call("GetHostedZone", None)).map(|strike| strike.kind)).collect();
        assert_eq!(struck, [Some(Kind::Throttle), Some(Kind::CutAfter), None]);
    }

    #[test]
    fn a_seed_strikes_the_same_calls_each_time() {
        let hits = |seed: u64| -> Vec<bool> {
            let fault = fault(json!({ "fault": "throttle", "times": 1000, "chance": 0.25, "seed": seed }));
            (1..=1000).map(|number| fault.falls_on(number)).collect()
        };
        assert_eq!(hits(7), hits(7));
        assert_ne!(hits(7), hits(8));
        let count = hits(7).iter().filter(|hit| **hit).count();
        assert!((200..300).contains(&count), "{count}");
    }

    #[test]
    fn events_and_calls_are_told_apart() {
        let faults = Faults::default();
        faults.add(fault(json!({ "fault": "loseEvent", "detailType": "D", "about": "a.example" }))).unwrap();
        assert!(faults.strike_call(&call("GetHostedZone", None)).is_none());
        assert!(faults.strike_event(&json!({ "detail-type": "D", "detail": { "x": "b.example" } })).is_none());
        assert!(faults.strike_event(&json!({ "detail-type": "D", "detail": { "x": "a.example" } })).is_some());
        for defective in [
            json!({ "fault": "loseEvent", "action": "GetHostedZone" }),
            json!({ "fault": "throttle", "about": "x" }),
            json!({ "fault": "throttle", "from": 0 }),
            json!({ "fault": "throttle", "chance": 1.5 }),
        ] {
            assert!(faults.add(fault(defective.clone())).is_err(), "{defective}");
        }
        assert!(serde_json::from_value::<Fault>(json!({ "fault": "throttle", "axtion": "x" })).is_err());
    }

    #[tokio::test]
    async fn what_is_held_goes_on_when_the_fault_is_taken_away() {
        let faults = std::sync::Arc::new(Faults::default());
        let id = faults.add(fault(json!({ "fault": "holdAfter" }))).unwrap();
        let mut strike = faults.strike_call(&call("GetHostedZone", None)).unwrap();
        let held = tokio::spawn({
            let faults = std::sync::Arc::clone(&faults);
            async move { faults.hold(&mut strike).await }
        });
        while faults.list()["faults"][0]["holding"] != 1 {
            tokio::task::yield_now().await;
        }
        assert!(!held.is_finished());
        faults.remove(Some(id));
        held.await.unwrap();
    }

    #[test]
    fn each_service_refuses_in_its_own_way() {
        for (kind, service, status, code) in [
            (Kind::Throttle, "route53", 400, "Throttling"),
            (Kind::Throttle, "apigateway", 429, "TooManyRequestsException"),
            (Kind::Throttle, "dynamodb", 400, "ThrottlingException"),
            (Kind::Error500, "lambda", 500, "ServiceException"),
            (Kind::Error503, "acm", 503, "ServiceUnavailableException"),
        ] {
            let answer = answer_of(kind, service).unwrap();
            assert_eq!(answer.status().as_u16(), status);
            assert_eq!(answer::error_code(answer.headers(), answer.body()).as_deref(), Some(code), "{service}");
        }
        assert!(answer_of(Kind::CutAfter, "acm").is_none());
    }
}
