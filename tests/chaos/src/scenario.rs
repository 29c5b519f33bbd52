//! What is run: the scenarios, one file for each. A scenario knows how its world is prepared, which run it makes of which
//! state machine, which calls of that run it disturbs, and what must be true at the end.
//!
//! Owns the form of a scenario and the list of them. Must not know what is done to a call.
//! To add one: a file with a type that implements [`Scenario`], and a line in [`ALL`].

mod adopted;
mod asked;
mod changed;
mod corrected;
mod dissolved;
mod elsewhere;
mod existing;
mod external;
mod fresh;
mod inside;
mod moved;
mod records;
mod refused;
mod replaced;
mod retired;
mod socket;
mod stopped;

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use e2e::{Ended, World, request};
use serde_json::{Value, json};

use crate::case::{Disturbance, Site};

/// How often what a person would wait for is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(200);

/// Every scenario.
pub(crate) const ALL: [Named; 17] = [
    &fresh::Fresh,
    &refused::Refused,
    &changed::Changed,
    &stopped::Stopped,
    &records::Records,
    &corrected::Corrected,
    &inside::Inside,
    &moved::Moved,
    &external::External,
    &elsewhere::Elsewhere,
    &asked::Asked,
    &socket::Socket,
    &existing::Existing,
    &adopted::Adopted,
    &retired::Retired,
    &dissolved::Dissolved,
    &replaced::Replaced,
];

/// A scenario, as cases name it.
pub(crate) type Named = &'static dyn Scenario;

/// The scenario whose calls random combinations disturb.
pub(crate) const FIRST: Named = ALL[0];

pub(crate) type Later<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// Which state machine's run is disturbed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Machine {
    Provision,
    Retire,
}

/// One performance: the world, and the names that nobody else uses.
#[derive(Clone)]
pub(crate) struct Play {
    pub(crate) world: World,
    /// Of the service behind the API, without a path.
    pub(crate) backend: String,
    /// ARN of a Lambda function that a route can call.
    pub(crate) function: String,
    /// ARN of another one, which an authorizer can ask.
    pub(crate) asked: String,
    /// Begins the names of executions.
    pub(crate) name: String,
    /// A name that a registrar sells.
    pub(crate) domain: String,
}

impl Play {
    pub(crate) fn url(&self, path: &str) -> String {
        format!("{}{path}", self.backend)
    }

    /// A request with one route that buys nothing.
    pub(crate) fn without_purchase(&self, domain: &str) -> Value {
        let mut request = request(domain, &self.url("/models"));
        request.as_object_mut().expect("an object").remove("registration");
        request
    }

    /// Has this account own the name.
    pub(crate) async fn own(&self) {
        self.world.registry(&self.domain, json!({"state": "owned"})).await;
    }

    /// Makes a name live before the run that is disturbed.
    pub(crate) async fn live_before(&self, request: &Value) -> Result<Value, String> {
        let name = format!("before-{}", self.name);
        let arn = self.world.start_named(self.world.machine(), &name, request).await;
        let ended = self.world.ended(&arn).await;
        if ended.status == "SUCCEEDED" {
            return Ok(ended.output);
        }
        Err(format!("the run before ended {} with {} {}", ended.status, ended.error, ended.cause))
    }

    /// The statements in a function's policy that let an API call it.
    pub(crate) async fn permissions(&self, function: &str, api: &Value) -> Vec<Value> {
        let policy: Value = serde_json::from_str(&self.world.policy_of_any(function).await).unwrap_or_default();
        let mut statements = policy["Statement"].as_array().cloned().unwrap_or_default();
        let of_api = format!(":{}/", api.as_str().unwrap_or_default());
        statements.retain(|statement| statement["Condition"].to_string().contains(&of_api));
        statements
    }

    /// Waits for the zone of the name and has the registrar of another account point to it, as a person does.
    pub(crate) async fn delegate_elsewhere(&self) {
        let zone = loop {
            match self.world.zones(&self.domain).await.into_iter().next() {
                Some(zone) => break zone,
                None => pause().await,
            }
        };
        let servers = self.world.name_servers(&zone).await;
        self.world.registry(&self.domain, json!({"state": "elsewhere", "nameServers": servers})).await;
    }
}

/// Lets some time pass before what a person would wait for is looked at again.
pub(crate) async fn pause() {
    tokio::time::sleep(LOOK_EVERY).await;
}

/// What is run and what must come of it.
pub(crate) trait Scenario: Sync {
    /// The beginning of its cases' names.
    fn name(&self) -> &'static str;

    /// Whose run is disturbed.
    fn machine(&self) -> Machine {
        Machine::Provision
    }

    /// Makes the world as it is before the run; what the judge needs to know of it, or what went wrong.
    fn prepare<'a>(&'a self, _play: &'a Play) -> Later<'a, Result<Value, String>> {
        Box::pin(async { Ok(Value::Null) })
    }

    /// The input of the run; `before` is what `prepare` gave.
    fn request(&self, play: &Play, before: &Value) -> Value;

    /// What people do while the run goes on.
    fn meanwhile<'a>(&'a self, _play: &'a Play) -> Later<'a, ()> {
        Box::pin(async {})
    }

    /// Whether a call of the run is disturbed. Each kind of call is in one scenario at least; where a scenario takes
    /// steps that another one takes as well, it leaves them to that one.
    fn disturbs(&self, _site: &Site) -> bool {
        true
    }

    /// Calls that are disturbed although two runs do not tell them.
    fn further_sites(&self) -> Vec<Site> {
        Vec::new()
    }

    /// What is done to each run beside the disturbance that is tried.
    fn besides(&self) -> Vec<Disturbance> {
        Vec::new()
    }

    /// Whether the run sleeps until events come, so that these are disturbed too.
    fn waits(&self) -> bool {
        false
    }

    /// The name of the failure with which the run must end; nothing where it must succeed.
    fn failure(&self) -> Option<&'static str> {
        None
    }

    /// What is wrong with the world after the run; `before` is what `prepare` gave.
    fn judge<'a>(&'a self, play: &'a Play, before: &'a Value, ended: &'a Ended) -> Later<'a, Vec<String>>;

    /// Takes away what would be in the way of other cases, once all is judged.
    fn clear_up<'a>(&'a self, _play: &'a Play, _ended: &'a Ended) -> Later<'a, ()> {
        Box::pin(async {})
    }

    /// What is wrong with the output of the same request once more. That it has written nothing is seen to elsewhere.
    fn judge_again(&self, first: &Value, second: &Value) -> Option<String> {
        (first != second).then(|| format!("the same request again has another result: {first} {second}"))
    }
}

impl fmt::Debug for dyn Scenario {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Whether a call is made by, or is the invocation of, one of these functions.
pub(crate) fn of(site: &Site, functions: &[&str]) -> bool {
    functions.contains(&site.caller.as_str()) || site.invoked.as_deref().is_some_and(|name| functions.contains(&name))
}

/// Whether a call is an event that the state machine publishes.
pub(crate) fn announces(site: &Site) -> bool {
    site.of_state_machine() && site.service == "events"
}

/// How an execution ended, if that is not as it must be.
pub(crate) fn ended_wrong(scenario: &dyn Scenario, ended: &Ended) -> Option<String> {
    let as_it_must = match scenario.failure() {
        None => ended.status == "SUCCEEDED",
        Some(error) => ended.status == "FAILED" && ended.error == error,
    };
    (!as_it_must).then(|| format!("{} ended {} with {} {}", ended.arn, ended.status, ended.error, ended.cause))
}
