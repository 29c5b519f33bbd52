//! Carries one case out: arms the faults, starts the run, starts it again where it was broken, asks the world.
//!
//! Owns the course of a case. What is run, and what must be true afterwards, is the scenario's.

use std::time::Duration;

use e2e::{Backend, Call, Ended, World};
use http::Method;
use serde_json::{Value, json};
use tokio::task::JoinHandle;

use crate::case::{Case, Disturbance, Event, EventFault, Fault, Site};
use crate::scenario::{Machine, Named, Play, ended_wrong};

/// How long the waits of the state machine last in cases that lose an event, in seconds.
const IMPATIENT_SECS: u32 = 8;
/// How late an event is, in milliseconds.
const LATE_EVENT_MS: u64 = 3_000;
/// How often a run may be started again after it was broken by several faults at once.
const RESTARTS: usize = 5;
const LOOK_EVERY: Duration = Duration::from_millis(200);
/// Far beyond what a claim takes to be given back.
const RELEASE_LIMIT: Duration = Duration::from_secs(60);
/// Far beyond what comes after the end of an execution, of calls and of people.
const STRIKE_LIMIT: Duration = Duration::from_secs(15);
/// Far beyond what any case takes.
const CASE_LIMIT: Duration = Duration::from_secs(600);

/// What all cases share.
pub(crate) struct Stage {
    pub(crate) world: World,
    /// Begins the names of this exploration's domains and executions, so that another may follow on the same local AWS.
    pub(crate) run_id: String,
    backend: Backend,
    /// ARN of a function that a route can call.
    function: String,
    /// ARN of a function that an authorizer can ask.
    asked: String,
    /// A state machine like the deployed one, whose waits are short.
    impatient: String,
}

/// How a case ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// The world is as it must be.
    Holds,
    /// What is not as it must be.
    Deviates(Vec<String>),
    /// The run never came to the call.
    NotReached,
}

impl Stage {
    pub(crate) async fn new(world: World) -> Self {
        let impatient = world.impatient_machine("impatient-chaos", IMPATIENT_SECS).await;
        // Of the process too: two explorers of one stack must not share names.
        let run_id = format!("chaos{}x{}", world.calls_so_far().await, std::process::id());
        let (function, asked) = (world.function("Resume").await, world.function("ReleaseClaim").await);
        Self { world, run_id, backend: Backend::start().await, function, asked, impatient }
    }

    /// The names of one performance.
    fn play(&self, name: &str) -> Play {
        Play {
            world: self.world.clone(),
            backend: self.backend.url(""),
            function: self.function.clone(),
            asked: self.asked.clone(),
            name: name.to_owned(),
            domain: format!("{name}.com"),
        }
    }

    /// The calls of an undisturbed run that may be disturbed. What is wrong if something is.
    pub(crate) async fn calls(&self, scenario: Named, name: &str) -> Result<Vec<Call>, Vec<String>> {
        let case = Case { scenario, disturbances: Vec::new(), seed: None };
        match self.run(&case, name).await {
            Outcome::Deviates(deviations) => return Err(deviations),
            // None was there to strike.
            Outcome::Holds | Outcome::NotReached => {}
        }
        let calls = self.world.calls(&format!("execution=:{name}-0")).await;
        // Ours are the looks at how far it is.
        Ok(calls.into_iter().filter(|call| call.caller != "admin").collect())
    }

    /// Carries `case` out under `name`, which must be new.
    pub(crate) async fn run(&self, case: &Case, name: &str) -> Outcome {
        let play = self.play(name);
        match tokio::time::timeout(CASE_LIMIT, self.carry_out(case, &play)).await {
            Ok(outcome) => outcome,
            Err(_) => Outcome::Deviates(vec![format!("not done after {CASE_LIMIT:?}")]),
        }
    }

    async fn carry_out(&self, case: &Case, play: &Play) -> Outcome {
        let (world, name, domain) = (&self.world, play.name.as_str(), &play.domain);
        let before = match case.scenario.prepare(play).await {
            Ok(before) => before,
            Err(deviation) => return Outcome::Deviates(vec![deviation]),
        };
        let request = case.scenario.request(play, &before);
        let domain_of_run = request["domainName"].as_str().unwrap_or(domain).to_owned();
        let machine = match case.scenario.machine() {
            Machine::Provision if case.disturbances.iter().any(loses_an_event) => self.impatient.clone(),
            Machine::Provision => world.machine().to_owned(),
            Machine::Retire => world.retire_machine(),
        };
        let mut faults = Vec::new();
        for disturbance in &case.disturbances {
            faults.push(self.arm(disturbance, &machine, name, domain).await);
        }
        let (scenario, of_people) = (case.scenario, play.clone());
        let mut people = Helper(tokio::spawn(async move { scenario.meanwhile(&of_people).await }));

        let mut restarts = 0;
        let ended = loop {
            let arn = world.start_named(&machine, &format!("{name}-{restarts}"), &request).await;
            for (disturbance, fault) in case.disturbances.iter().zip(&faults) {
                self.meddle(disturbance, *fault, name, &domain_of_run, &arn).await;
            }
            let ended = world.ended(&arn).await;
            let Some(wrong) = ended_wrong(case.scenario, &ended) else { break ended };
            if restarts == allowed_restarts(case) {
                self.disarm(&faults).await;
                return Outcome::Deviates(vec![wrong]);
            }
            if let Some(deviation) = self.await_release(&domain_of_run, &arn).await {
                self.disarm(&faults).await;
                return Outcome::Deviates(vec![deviation]);
            }
            restarts += 1;
        };
        if case.seed.is_none() {
            self.await_strikes(&faults).await;
        }
        let struck = self.disarm(&faults).await;
        // What people do last may not keep the run from its end, and is part of the world that is judged.
        let _finished = tokio::time::timeout(STRIKE_LIMIT, &mut people.0).await;
        drop(people);

        let mut deviations = case.scenario.judge(play, &before, &ended).await;
        if case.scenario.failure().is_none() && deviations.is_empty() {
            deviations = self.run_again(case.scenario, &machine, name, &request, &ended).await;
        }
        case.scenario.clear_up(play, &ended).await;
        match deviations.is_empty() {
            false => Outcome::Deviates(deviations),
            true if struck || case.seed.is_some() => Outcome::Holds,
            true => Outcome::NotReached,
        }
    }

    /// The same request again: what the scenario wants of the result, and no write.
    async fn run_again(
        &self,
        scenario: Named,
        machine: &str,
        name: &str,
        request: &Value,
        first: &Ended,
    ) -> Vec<String> {
        let again = format!("{name}-again");
        let arn = self.world.start_named(machine, &again, request).await;
        let second = self.world.ended(&arn).await;
        if let Some(wrong) = ended_wrong(scenario, &second) {
            return vec![format!("the same request again: {wrong}")];
        }
        let mut deviations: Vec<String> = scenario.judge_again(&first.output, &second.output).into_iter().collect();
        for call in self.world.calls(&format!("execution=:{again}")).await {
            let keeps = ["acm", "apigateway", "dynamodb", "lambda", "logs", "route53", "route53domains"];
            let reads = ["Get", "List", "Describe", "Check", "Invoke"].iter().any(|verb| call.action.starts_with(verb));
            if keeps.contains(&call.service.as_str()) && !reads && call.caller != "admin" {
                deviations.push(format!("the same request again wrote: {call:?}"));
            }
        }
        deviations
    }

    /// Puts the fault of a disturbance up; its number.
    async fn arm(&self, disturbance: &Disturbance, machine: &str, name: &str, domain: &str) -> u64 {
        let fault = match disturbance {
            Disturbance::Call(site, fault) => {
                let (kind, delay) = fault.wire(site);
                call_fault(site, kind, delay, machine, name)
            }
            Disturbance::Event(event, EventFault::Early) => {
                // The second and the third item that the state machine writes are the two watches.
                let nth = if *event == Event::Registration { 2 } else { 3 };
                let site = Site::item_of_state_machine(nth);
                call_fault(&site, "holdBefore", 0, machine, name)
            }
            Disturbance::Event(event, fault) => {
                let (kind, times) = match fault {
                    EventFault::Twice => ("duplicateEvent", 1),
                    EventFault::Late => ("delayEvent", 1),
                    EventFault::Undelivered => ("refuseEvent", 1000),
                    EventFault::Lost | EventFault::Early => ("loseEvent", 1000),
                };
                json!({"fault": kind, "detailType": event.detail_type(), "about": domain, "times": times,
                    "delayMs": LATE_EVENT_MS})
            }
        };
        let answer = self.world.control(Method::POST, "/_local/faults", Some(&fault)).await;
        answer["id"].as_u64().expect("a number")
    }

    /// Waits for faults that strike what happens when the execution has ended; not for long, since they may never.
    async fn await_strikes(&self, faults: &[u64]) {
        let all = async {
            for fault in faults {
                while self.standing(*fault, "struck").await == Some(0) {
                    tokio::time::sleep(LOOK_EVERY).await;
                }
            }
        };
        let _never = tokio::time::timeout(STRIKE_LIMIT, all).await;
    }

    /// Takes faults away. Whether every one of them has struck.
    async fn disarm(&self, faults: &[u64]) -> bool {
        let mut all_struck = true;
        for fault in faults {
            all_struck &= self.standing(*fault, "struck").await.is_none_or(|struck| struck > 0);
            self.world.control(Method::DELETE, &format!("/_local/faults/{fault}"), None).await;
        }
        all_struck
    }

    /// A number that is kept with a fault; `None` once it is gone, which only `meddle` does, after it has struck.
    async fn standing(&self, fault: u64, field: &str) -> Option<u64> {
        let answer = self.world.control(Method::GET, "/_local/faults", None).await;
        let all = answer["faults"].as_array().cloned().unwrap_or_default();
        all.iter().find(|standing| standing["id"] == fault)?[field].as_u64()
    }

    /// What has to be done while the run goes on, where the fault alone does not do it.
    async fn meddle(&self, disturbance: &Disturbance, fault: u64, name: &str, domain: &str, arn: &str) {
        let meddles =
            matches!(disturbance, Disturbance::Call(_, Fault::Forged) | Disturbance::Event(_, EventFault::Early));
        if !meddles || !self.is_held(fault, arn).await {
            return;
        }
        match disturbance {
            Disturbance::Event(event, _) => self.await_resume(*event, name).await,
            Disturbance::Call(..) => self.forge_events(domain).await,
        }
        self.world.control(Method::DELETE, &format!("/_local/faults/{fault}"), None).await;
    }

    /// Waits until the fault holds a call. False when the execution ended without it.
    async fn is_held(&self, fault: u64, arn: &str) -> bool {
        let ended = self.world.ended(arn);
        let held = async {
            while self.standing(fault, "holding").await.is_some_and(|holding| holding == 0) {
                tokio::time::sleep(LOOK_EVERY).await;
            }
        };
        tokio::select! {
            _ = ended => false,
            () = held => true,
        }
    }

    /// Waits until `resume` has handled the event, while the token is not stored yet.
    async fn await_resume(&self, event: Event, name: &str) {
        let nth = if event == Event::Registration { 1 } else { 2 };
        loop {
            let calls = self.world.calls(&format!("execution=:{name}-")).await;
            let resolved = calls.iter().filter(|call| call.caller.contains("ResumeFunction")).count();
            // The registration's event is answered with two calls, an early one with one.
            if resolved >= nth {
                return;
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }

    /// Events that are not true, about whatever is under way for `domain`.
    async fn forge_events(&self, domain: &str) {
        let item = self.world.item(domain).await;
        if let Some(operation) = item["purchaseOperation"]["S"].as_str() {
            let detail = json!({"domainName": domain, "operationId": operation, "status": "SUCCESSFUL"});
            self.world.publish("Domain Registration Completed", &detail, 1).await;
            let detail = json!({"domainName": domain, "operationId": operation, "status": "FAILED"});
            self.world.publish("Domain Registration Failed", &detail, 1).await;
        }
        for certificate in self.world.certificates(domain).await {
            let event = json!({"source": "aws.acm", "detailType": "ACM Certificate Available",
                "resources": [certificate["CertificateArn"]], "detail": {"Action": "ISSUANCE", "CommonName": domain}});
            self.world.control(Method::POST, "/_local/events", Some(&event)).await;
        }
        let detail = json!({"domainName": domain, "operationId": "no-such-operation", "status": "SUCCESSFUL"});
        self.world.publish("Domain Registration Completed", &detail, 1).await;
    }

    /// Waits until an execution that has ended holds the domain no more. What is wrong if it does not let go.
    async fn await_release(&self, domain: &str, arn: &str) -> Option<String> {
        let released = async {
            while self.world.item(domain).await["heldBy"]["S"] == arn {
                tokio::time::sleep(LOOK_EVERY).await;
            }
        };
        let late = tokio::time::timeout(RELEASE_LIMIT, released).await.is_err();
        late.then(|| format!("{arn} has ended and still holds {domain} after {RELEASE_LIMIT:?}"))
    }
}

/// Whether the wake-up that the case takes away never comes again.
fn loses_an_event(disturbance: &Disturbance) -> bool {
    matches!(disturbance, Disturbance::Event(_, EventFault::Lost | EventFault::Undelivered))
}

/// One fault alone must be survived, unless it is the end of the execution.
fn allowed_restarts(case: &Case) -> usize {
    let stops = |disturbance: &Disturbance| matches!(disturbance, Disturbance::Call(_, Fault::Stopped));
    match case.disturbances.as_slice() {
        [disturbance] => usize::from(stops(disturbance)),
        _ => RESTARTS,
    }
}

fn call_fault(site: &Site, kind: &str, delay: u64, machine: &str, name: &str) -> Value {
    let caller = if site.of_state_machine() {
        machine.rsplit(':').next().unwrap_or_default().to_owned()
    } else {
        format!("{}Function", site.caller)
    };
    let mut fault = json!({"fault": kind, "caller": caller, "service": site.service, "action": site.action,
        "from": site.nth, "delayMs": delay});
    if !site.of_poller() {
        fault["execution"] = json!(format!(":{name}-"));
    }
    if let Some(invoked) = &site.invoked {
        fault["resource"] = json!(format!("{invoked}Function"));
    }
    fault
}

/// A task beside a run, which ends with it.
struct Helper(JoinHandle<()>);

impl Drop for Helper {
    fn drop(&mut self) {
        self.0.abort();
    }
}
