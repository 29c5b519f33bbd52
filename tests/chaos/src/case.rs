//! What is tried: the calls of a run, the faults that fit each, and the names of the cases.
//!
//! Owns which fault fits which call. Must not know how a fault is done or judged.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use e2e::Call;

use crate::scenario::{self, Named};

/// How late an answer is: longer than the functions wait for one (10 s), than the state machine waits for a
/// service (30 s), than it waits for a Lambda (90 s). In milliseconds.
const LATE_FOR_A_FUNCTION: u64 = 11_000;
const LATE_FOR_A_STATE: u64 = 31_000;
const LATE_FOR_AN_INVOKE: u64 = 91_000;

/// One call of a run: the `nth` of its kind by its caller.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Site {
    /// `CreateZone` for `nameplate-CreateZoneFunction-…`; a state machine is `provision` or `retire`.
    pub(crate) caller: String,
    pub(crate) service: String,
    pub(crate) action: String,
    /// The function that is invoked, by its short name.
    pub(crate) invoked: Option<String>,
    pub(crate) nth: u64,
}

impl Site {
    pub(crate) fn of_state_machine(&self) -> bool {
        ["provision", "retire"].contains(&self.caller.as_str())
    }

    /// The first such call of a function.
    pub(crate) fn first(caller: &str, service: &str, action: &str) -> Self {
        Self {
            caller: caller.to_owned(),
            service: service.to_owned(),
            action: action.to_owned(),
            invoked: None,
            nth: 1,
        }
    }

    /// The `nth` item that the state machine writes: the claim, the two watches, the end.
    pub(crate) fn item_of_state_machine(nth: u64) -> Self {
        Self { nth, ..Self::first("provision", "dynamodb", "UpdateItem") }
    }

    /// Whether it makes, changes or deletes something, itself.
    pub(crate) fn writes(&self) -> bool {
        const VERBS: [&str; 14] = [
            "Add", "Change", "Create", "Delete", "Disable", "Put", "Register", "Remove", "Request", "Resend", "Send",
            "Tag", "Untag", "Update",
        ];
        VERBS.iter().any(|verb| self.action.starts_with(verb))
    }

    /// The poller works for all executions together.
    pub(crate) fn of_poller(&self) -> bool {
        self.caller == "PollRegistrations"
    }
}

impl fmt::Display for Site {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}:{}", self.caller, self.service, self.action)?;
        if let Some(invoked) = &self.invoked {
            write!(f, ":{invoked}")?;
        }
        write!(f, "#{}", self.nth)
    }
}

/// What is done to a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Fault {
    Throttle,
    Error500,
    Error503,
    CutBefore,
    CutAfter,
    Late,
    Killed,
    Stopped,
    /// Forged events about everything that is under way arrive after the call.
    Forged,
}

impl Fault {
    pub(crate) const ALL: [Self; 9] = [
        Self::Throttle,
        Self::Error500,
        Self::Error503,
        Self::CutBefore,
        Self::CutAfter,
        Self::Late,
        Self::Killed,
        Self::Stopped,
        Self::Forged,
    ];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Throttle => "throttled",
            Self::Error500 => "500",
            Self::Error503 => "503",
            Self::CutBefore => "cut-before",
            Self::CutAfter => "cut-after",
            Self::Late => "late",
            Self::Killed => "killed",
            Self::Stopped => "stopped",
            Self::Forged => "forged",
        }
    }

    /// Whether such a thing can happen to that call.
    fn fits(self, site: &Site) -> bool {
        match self {
            Self::Killed => !site.of_state_machine(),
            // The execution has ended by then.
            Self::Stopped if site.caller == "ReleaseClaim" => false,
            Self::Stopped | Self::Forged => !site.of_poller(),
            _ => true,
        }
    }

    /// The fault by the local AWS's name for it, and how late in milliseconds.
    pub(crate) fn wire(self, site: &Site) -> (&'static str, u64) {
        let late = match () {
            () if site.invoked.is_some() => LATE_FOR_AN_INVOKE,
            () if site.of_state_machine() => LATE_FOR_A_STATE,
            () => LATE_FOR_A_FUNCTION,
        };
        match self {
            Self::Throttle => ("throttle", 0),
            Self::Error500 => ("error500", 0),
            Self::Error503 => ("error503", 0),
            Self::CutBefore => ("cutBefore", 0),
            Self::CutAfter => ("cutAfter", 0),
            Self::Late => ("delay", late),
            Self::Killed => ("killLambda", 0),
            Self::Stopped => ("stopExecution", 0),
            Self::Forged => ("holdAfter", 0),
        }
    }
}

/// An event that wakes an execution.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Event {
    Registration,
    Certificate,
}

impl Event {
    pub(crate) const ALL: [Self; 2] = [Self::Registration, Self::Certificate];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Registration => "registration",
            Self::Certificate => "certificate",
        }
    }

    pub(crate) fn detail_type(self) -> &'static str {
        match self {
            Self::Registration => "Domain Registration Completed",
            Self::Certificate => "ACM Certificate Available",
        }
    }
}

/// What is done to an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum EventFault {
    Lost,
    Twice,
    /// It arrives before the state machine has stored its token.
    Early,
    /// It arrives some seconds after it was sent.
    Late,
    /// Its target does not take it.
    Undelivered,
}

impl EventFault {
    pub(crate) const ALL: [Self; 5] = [Self::Lost, Self::Twice, Self::Early, Self::Late, Self::Undelivered];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Lost => "lost",
            Self::Twice => "twice",
            Self::Early => "early",
            Self::Late => "late",
            Self::Undelivered => "undelivered",
        }
    }
}

/// One thing that is done to a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Disturbance {
    Call(Site, Fault),
    Event(Event, EventFault),
}

impl fmt::Display for Disturbance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Call(site, fault) => write!(f, "{site}/{}", fault.name()),
            Self::Event(event, fault) => write!(f, "event/{}/{}", event.name(), fault.name()),
        }
    }
}

/// A run and what is done to it.
#[derive(Clone, Debug)]
pub(crate) struct Case {
    pub(crate) scenario: Named,
    pub(crate) disturbances: Vec<Disturbance>,
    /// The seed that chose the disturbances, if one did.
    pub(crate) seed: Option<u64>,
}

impl Case {
    /// What repeats this case alone.
    pub(crate) fn command(&self) -> String {
        match self.seed {
            Some(seed) => format!("cargo xtask chaos --seed {seed} --count 1"),
            None => format!("cargo xtask chaos --only {self}"),
        }
    }
}

impl fmt::Display for Case {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let what: Vec<String> = self.disturbances.iter().map(ToString::to_string).collect();
        write!(f, "{}/{}", self.scenario.name(), what.join("+"))
    }
}

/// The sites of a run, from the record of its calls, in order.
pub(crate) fn sites(calls: &[Call]) -> Vec<Site> {
    let mut seen: BTreeMap<Site, u64> = BTreeMap::new();
    let mut sites = Vec::new();
    for call in calls {
        let invoked = (call.action == "Invoke").then(|| short(&call.resource));
        let kind = Site {
            caller: short(&call.caller),
            service: call.service.clone(),
            action: call.action.clone(),
            invoked,
            nth: 0,
        };
        let nth = seen.entry(kind.clone()).or_default();
        *nth += 1;
        sites.push(Site { nth: *nth, ..kind });
    }
    sites
}

/// `CreateZone` of a function's name; `provision` of the state machine's.
fn short(name: &str) -> String {
    let function = name.split_once("Function").and_then(|(head, _)| head.rsplit(['-', ':']).next());
    function.or_else(|| name.rsplit('-').next()).unwrap_or(name).to_owned()
}

/// Every case of a scenario: each fault that fits each call, and for a run that waits, each fault of its events.
pub(crate) fn all(scenario: Named, sites: &[Site]) -> Vec<Case> {
    let case = |disturbance| {
        let disturbances = std::iter::once(disturbance).chain(scenario.besides()).collect();
        Case { scenario, disturbances, seed: None }
    };
    let calls = sites.iter().flat_map(|site| {
        let fitting = Fault::ALL.into_iter().filter(|fault| fault.fits(site));
        fitting.map(|fault| Disturbance::Call(site.clone(), fault))
    });
    let events = Event::ALL
        .into_iter()
        .flat_map(|event| EventFault::ALL.into_iter().map(move |fault| Disturbance::Event(event, fault)));
    calls.chain(events.filter(|_| scenario.waits())).map(case).collect()
}

/// What a step survives least easily.
const HARD: [Fault; 3] = [Fault::CutAfter, Fault::Killed, Fault::Stopped];
/// How many cases are run on every change: more where those that are always chosen are more.
const SLICE: usize = 160;
/// How many of them each scenario has at least.
const OF_EACH: usize = 6;

/// The part of the matrix that is run on every change: each call that writes loses its answer, loses its Lambda and loses
/// its execution in the first scenario, and one of the three in turn where another scenario brings it; every event
/// fault; some cases of each scenario; and so many of the rest, evenly chosen, as have room. A step that several
/// scenarios take is disturbed in the first of them. Nothing that must be waited for longer than the functions wait.
pub(crate) fn slice(cases: Vec<Case>) -> Vec<Case> {
    let mut known = BTreeSet::new();
    let mut new = |case: &Case| match case.disturbances.first() {
        Some(Disturbance::Call(site, fault)) => known.insert((site.clone(), *fault)),
        _ => true,
    };
    // What is written for the first time in a scenario, in order: where the first scenario does not write it.
    let mut brought: BTreeMap<Site, usize> = BTreeMap::new();
    let first = cases.first().map(|case| case.scenario.name());
    let mut hits_hard = |case: &Case| match case.disturbances.first() {
        Some(Disturbance::Call(site, fault)) => {
            if !site.writes() || site.of_poller() || !HARD.contains(fault) {
                return false;
            }
            let hard: Vec<Fault> = HARD.into_iter().filter(|fault| fault.fits(site)).collect();
            let next = brought.len();
            first == Some(case.scenario.name())
                || hard[*brought.entry(site.clone()).or_insert(next) % hard.len()] == *fault
        }
        _ => true,
    };
    let is_slow = |case: &Case| matches!(case.disturbances.first(), Some(Disturbance::Call(site, Fault::Late)) if site.of_state_machine());
    let mut chosen: Vec<bool> = cases.iter().map(|case| !is_slow(case) && new(case) && hits_hard(case)).collect();
    let open = |chosen: &[bool], of: Option<Named>| -> Vec<usize> {
        let wanted = |case: &Case| of.is_none_or(|scenario| scenario.name() == case.scenario.name()) && !is_slow(case);
        (0..cases.len()).filter(|index| !chosen[*index] && wanted(&cases[*index])).collect()
    };
    for scenario in scenario::ALL {
        let has =
            cases.iter().zip(&chosen).filter(|(case, chosen)| **chosen && case.scenario.name() == scenario.name());
        let lacking = OF_EACH.saturating_sub(has.count());
        spread(&open(&chosen, Some(scenario)), lacking).for_each(|index| chosen[index] = true);
    }
    let room = SLICE.saturating_sub(chosen.iter().filter(|chosen| **chosen).count());
    spread(&open(&chosen, None), room).for_each(|index| chosen[index] = true);
    cases.into_iter().zip(chosen).filter_map(|(case, chosen)| chosen.then_some(case)).collect()
}

/// So many of these, evenly spread.
fn spread(all: &[usize], count: usize) -> impl Iterator<Item = usize> {
    let count = count.min(all.len());
    let chosen: Vec<usize> = (0..count).map(|nth| all[nth * all.len() / count]).collect();
    chosen.into_iter()
}

/// The case that a seed chooses: two to four disturbances of the first scenario at once.
pub(crate) fn random(seed: u64, sites: &[Site]) -> Case {
    let mut choice = fastrand::Rng::with_seed(seed);
    let mut disturbances = Vec::new();
    let mut stops = 0;
    let count = choice.usize(2..=4);
    while disturbances.len() < count {
        let site = &sites[choice.usize(..sites.len())];
        let fault = Fault::ALL[choice.usize(..Fault::ALL.len())];
        let slow = fault == Fault::Late && site.of_state_machine();
        stops += usize::from(fault == Fault::Stopped);
        // Forged events are sent from a held call; only one can be held at a time.
        if fault.fits(site) && !slow && fault != Fault::Forged && (fault != Fault::Stopped || stops <= 2) {
            disturbances.push(Disturbance::Call(site.clone(), fault));
        }
    }
    if choice.bool() {
        let event = Event::ALL[choice.usize(..Event::ALL.len())];
        let fault = EventFault::ALL[choice.usize(..EventFault::ALL.len())];
        // A lost event is waited for on a state machine of ours, which nobody releases when it is stopped.
        let stopped_for_good = stops > 0 && matches!(fault, EventFault::Lost | EventFault::Undelivered);
        if fault != EventFault::Early && !stopped_for_good {
            disturbances.push(Disturbance::Event(event, fault));
        }
    }
    Case { scenario: scenario::FIRST, disturbances, seed: Some(seed) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn call(caller: &str, service: &str, action: &str, resource: &str) -> Call {
        Call {
            caller: caller.to_owned(),
            service: service.to_owned(),
            action: action.to_owned(),
            resource: resource.to_owned(),
        }
    }

    fn sites_of_a_run() -> Vec<Site> {
        sites(&[
            call("nameplate-provision", "lambda", "Invoke", "arn:aws:lambda:r:0:function:nameplate-PlanFunction-1"),
            call("nameplate-PlanFunction-1", "acm", "ListCertificates", ""),
            call("nameplate-provision", "dynamodb", "UpdateItem", "t"),
            call("nameplate-provision", "dynamodb", "UpdateItem", "t"),
            call("nameplate-PollRegistrationsFunction-1", "dynamodb", "Query", "t"),
        ])
    }

    #[test]
    fn calls_are_named_by_caller_operation_and_number() {
        let names: Vec<String> = sites_of_a_run().iter().map(ToString::to_string).collect();
        assert_eq!(
            names,
            [
                "provision/lambda:Invoke:Plan#1",
                "Plan/acm:ListCertificates#1",
                "provision/dynamodb:UpdateItem#1",
                "provision/dynamodb:UpdateItem#2",
                "PollRegistrations/dynamodb:Query#1",
            ]
        );
    }

    #[test]
    fn what_changes_something_is_told_from_what_only_looks() {
        let writes = |action: &str| Site::first("CreateApi", "apigateway", action).writes();
        for action in ["TagResource", "UntagResource", "ResendValidationEmail", "SendTaskSuccess", "RequestCertificate"]
        {
            assert!(writes(action), "{action}");
        }
        for action in ["GetApis", "ListTagsForResource", "DescribeCertificate", "CheckDomainAvailability", "Query"] {
            assert!(!writes(action), "{action}");
        }
        assert!(!writes("Invoke"), "the function writes, not who invokes it");
    }

    fn scenario(name: &str) -> Named {
        scenario::ALL.into_iter().find(|scenario| scenario.name() == name).expect("a scenario")
    }

    #[test]
    fn only_fitting_faults_are_tried_and_each_case_has_a_name_of_its_own() {
        let cases = all(scenario::FIRST, &sites_of_a_run());
        // Three of the state machine without `killed`, one of a function, one of the poller, ten of the events.
        assert_eq!(cases.len(), 3 * 8 + 9 + 7 + 10);
        let names: BTreeSet<String> = cases.iter().map(ToString::to_string).collect();
        assert_eq!(names.len(), cases.len());
        assert!(names.contains("fresh/Plan/acm:ListCertificates#1/killed"));
        assert!(names.contains("fresh/event/certificate/lost"));
        assert_eq!(all(scenario("refused"), &sites_of_a_run()).len(), 3 * 8 + 9 + 7);
        let stopped = scenario("stopped");
        let cases = all(stopped, &stopped.further_sites());
        assert_eq!(cases.len(), 4 * 8);
        assert!(cases.iter().all(|case| case.disturbances.len() == 2));
    }

    #[test]
    fn every_scenario_has_a_name_of_its_own() {
        let names: BTreeSet<&str> = scenario::ALL.iter().map(|scenario| scenario.name()).collect();
        assert_eq!(names.len(), scenario::ALL.len());
    }

    #[test]
    fn the_slice_keeps_what_hits_hard_once_and_some_of_each_scenario_and_is_bounded() {
        let more: Vec<Site> =
            (1..60).map(|nth| Site { nth, ..Site::first("CreateZone", "route53", "GetHostedZone") }).collect();
        let written = Site::first("CreateZone", "route53", "CreateHostedZone");
        let sites: Vec<Site> = sites_of_a_run().into_iter().chain(more).chain([written]).collect();
        let of_another = Site::first("DetachDomain", "apigateway", "DeleteDomainName");
        let another = scenario("replaced");
        let mut cases: Vec<Case> = scenario::ALL.into_iter().flat_map(|scenario| all(scenario, &sites)).collect();
        cases.extend(all(another, std::slice::from_ref(&of_another)));
        assert!(cases.len() > 5_000);
        let slice: Vec<String> = slice(cases).iter().map(ToString::to_string).collect();
        assert_eq!(slice.len(), SLICE);
        for fault in ["cut-after", "killed", "stopped"] {
            let name = format!("/CreateZone/route53:CreateHostedZone#1/{fault}");
            assert!(slice.contains(&format!("fresh{name}")), "{fault}");
        }
        let hard = ["cut-after", "killed", "stopped"].map(|fault| format!("replaced/{of_another}/{fault}"));
        assert_eq!(slice.iter().filter(|name| hard.contains(name)).count(), 1, "one in turn: {slice:?}");
        assert!(slice.contains(&"fresh/provision/dynamodb:UpdateItem#1/stopped".to_owned()), "{slice:?}");
        assert!(slice.contains(&"fresh/event/registration/early".to_owned()));
        assert!(!slice.contains(&"fresh/provision/lambda:Invoke:Plan#1/late".to_owned()));
        for scenario in scenario::ALL {
            let of_it = slice.iter().filter(|name| name.starts_with(&format!("{}/", scenario.name())));
            assert!(of_it.count() >= OF_EACH, "{}", scenario.name());
        }
    }

    #[test]
    fn a_seed_chooses_the_same_case_each_time() {
        let name = |seed| random(seed, &sites_of_a_run()).to_string();
        assert_eq!(name(7), name(7));
        assert!((0..20).any(|seed| name(seed) != name(7)));
        assert!(random(7, &sites_of_a_run()).command().contains("--seed 7"));
    }
}
