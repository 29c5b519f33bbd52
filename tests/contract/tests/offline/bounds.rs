//! How long the history of an execution can get, computed from the definition alone: the most events at the end
//! of all waits, whatever fails and whatever events come. Nothing here may be assumed that the definition does not
//! say; what AWS writes into a history for each kind of state is at the top. It must not know any policy or payload.

use std::collections::{BTreeMap, BTreeSet};

use nameplate::contract::retire::IN_USE_DEADLINE_SECS;
use nameplate::contract::{CERTIFICATE_DEADLINE_SECS, REGISTRATION_DEADLINE_SECS};
use serde_json::{Value, json};

use crate::read;
use crate::states::{edges, list, reachable, sleeps, states, waits};

/// The most events that a history may come to, a fifth of what Step Functions takes (AWS-FACTS 5.4.1).
const MOST_EVENTS: u64 = 5_000;
/// ExecutionStarted, and how it ended.
const AROUND: u64 = 2;
/// Entered and exited.
const VISIT: u64 = 2;
/// TaskScheduled, TaskStarted, and TaskSucceeded, TaskFailed or TaskTimedOut.
const ATTEMPT: u64 = 3;
/// The same with TaskSubmitted before the last one.
const SLEEPING_ATTEMPT: u64 = 4;

/// What one attempt at a state's task writes; nothing for a state that is no task.
fn attempt(state: &Value) -> u64 {
    match (state["Type"] == "Task", sleeps(state)) {
        (false, _) => 0,
        (true, false) => ATTEMPT,
        (true, true) => SLEEPING_ATTEMPT,
    }
}

/// How often one visit of a state can repeat its task: each retrier counts for itself.
fn attempts_again(state: &Value) -> u64 {
    list(&state["Retry"]).filter_map(|retrier| retrier["MaxAttempts"].as_u64()).sum()
}

/// A visit in which everything succeeds at once.
fn quiet(state: &Value) -> u64 {
    VISIT + attempt(state)
}

/// Everything that can be come to from each state, in one step or more.
fn beyond<'a>(definition: &'a Value) -> BTreeMap<&'a str, BTreeSet<&'a str>> {
    let edges = edges(definition);
    let from = |state: &str| -> BTreeSet<&'a str> {
        let (mut seen, mut open) = (BTreeSet::new(), vec![state.to_owned()]);
        while let Some(state) = open.pop() {
            for edge in edges.iter().filter(|edge| edge.from == state) {
                if seen.insert(edge.to) {
                    open.push(edge.to.to_owned());
                }
            }
        }
        seen
    };
    states(definition).into_keys().map(|state| (state, from(state))).collect()
}

/// States that lead to each other: the loops.
fn loops(definition: &Value) -> BTreeSet<BTreeSet<&str>> {
    let beyond = beyond(definition);
    let in_loop = beyond.iter().filter(|(state, seen)| seen.contains(*state));
    in_loop.map(|(state, seen)| seen.iter().copied().filter(|other| beyond[other].contains(state)).collect()).collect()
}

/// The number after `marker` in a text.
fn number_after(text: &str, marker: &str) -> Option<u64> {
    let (_, rest) = text.split_once(marker)?;
    rest.split(|c: char| !c.is_ascii_digit()).next()?.parse().ok()
}

/// What `$retries` counts of a way out of a state: its retries and so much more; nothing where it does not count.
fn counted(assign: &Value) -> Option<u64> {
    let text = assign["retries"].as_str()?;
    let more = text.strip_prefix("{% $retries + $states.context.State.RetryCount")?;
    if more == " %}" { Some(0) } else { number_after(more, " + ") }
}

/// One loop, as far as events go.
struct Loop<'a> {
    states: BTreeSet<&'a str>,
    /// Turns that its time-outs can make before the deadline, the first and the last one included.
    turns: u64,
    /// Events of a turn in which everything succeeds at once, all its states taken.
    turn: u64,
    /// The most that one turn can add to `$retries`.
    retries: u64,
    /// What a turn counts that no time-out made.
    early_turn: u64,
    /// What `$retries` must not exceed where another turn is decided on.
    limit: u64,
}

fn measure<'a>(definition: &'a Value, members: &BTreeSet<&'a str>) -> Result<Loop<'a>, String> {
    let (all, edges) = (states(definition), edges(definition));
    let name = members.iter().copied().collect::<Vec<_>>().join(", ");
    let asleep: Vec<&str> = members.iter().copied().filter(|state| sleeps(all[state]) || waits(all[state])).collect();
    let [asleep] = asleep[..] else { return Err(format!("{} states of {name} sleep, not one", asleep.len())) };
    // Nothing ends a fixed time early.
    let fixed = waits(all[asleep]);
    let field = if fixed { "Seconds" } else { "TimeoutSeconds" };
    let seconds = all[asleep][field].as_u64().expect("it sleeps for a bounded time");

    // Where the loop is entered, a step is told until when it may go on.
    let deadlines: Vec<&str> =
        members.iter().filter_map(|state| all[state]["Arguments"]["Payload"]["deadline"].as_str()).collect();
    let deadline = match deadlines[..] {
        ["{% $plan.deadlines.registration %}"] => REGISTRATION_DEADLINE_SECS,
        ["{% $certificateDeadline %}"] => CERTIFICATE_DEADLINE_SECS,
        ["{% $plan.deadline %}" | "{% $releaseDeadline %}"] => IN_USE_DEADLINE_SECS,
        _ => return Err(format!("the deadline of {name} is {deadlines:?}")),
    };
    let turns = deadline.unsigned_abs().div_ceil(seconds) + 1;

    let (mut early_turn, mut limits) = (fixed.then_some(u64::MAX), Vec::new());
    for edge in edges.iter().filter(|edge| members.contains(edge.from) && members.contains(edge.to)) {
        let state = all[edge.from];
        if state["Type"] != "Task" {
            continue;
        }
        let count =
            counted(edge.assign).ok_or_else(|| format!("{} retries on its way to {} uncounted", edge.from, edge.to))?;
        if edge.from == asleep {
            let by_time = |catcher: &Value| {
                catcher["ErrorEquals"] == json!(["States.Timeout"]) && std::ptr::eq(&catcher["Assign"], edge.assign)
            };
            let timed_out = list(&state["Catch"]).any(by_time);
            if !timed_out {
                early_turn = Some(early_turn.map_or(count, |least: u64| least.min(count)));
            }
        }
    }
    // Who decides on another turn: what leads to where it sleeps, and must have looked at the count before.
    for before in edges.iter().filter(|edge| edge.to == asleep) {
        let choices: Vec<&Value> = list(&all[before.from]["Choices"]).collect();
        let way = choices.iter().position(|choice| choice["Next"] == asleep).unwrap_or(choices.len());
        // The very condition of going to sleep, and the count.
        let going = choices.get(way).and_then(|choice| choice["Condition"].as_str());
        let going = going.map_or("{%".to_owned(), |text| format!("{} and", text.trim_end_matches(" %}")));
        let mut stops = choices[..way].iter().filter_map(|choice| {
            let out = !choice["Assign"]["failure"].is_null() && choice["Next"] == "RecordFailure";
            let number = choice["Condition"].as_str()?.strip_prefix(&format!("{going} $retries > "))?;
            number.strip_suffix(" %}")?.parse().ok().filter(|_| out)
        });
        limits.push(stops.next().ok_or_else(|| format!("{} sends to sleep without end", before.from))?);
    }
    Ok(Loop {
        states: members.clone(),
        turns,
        turn: members.iter().map(|state| quiet(all[state])).sum(),
        retries: members.iter().map(|state| attempts_again(all[state])).sum::<u64>()
            + early_turn.filter(|_| !fixed).unwrap_or(0),
        early_turn: early_turn.filter(|count| *count > 0).ok_or(format!("a turn of {name} before its time is free"))?,
        limit: limits.into_iter().max().ok_or(format!("nothing leads to {asleep}"))?,
    })
}

/// The most events that any execution can come to.
fn most_events(definition: &Value) -> Result<u64, String> {
    let all = states(definition);
    let loops: Vec<Loop<'_>> =
        loops(definition).iter().map(|members| measure(definition, members)).collect::<Result<_, _>>()?;
    let limit = loops.iter().map(|found| found.limit).max().ok_or("there is no loop")?;
    if loops.iter().any(|found| found.limit != limit) {
        return Err("the loops share one count and have different limits".to_owned());
    }
    // What time-outs make, and one visit of every state outside the loops, each with all its retries.
    let by_time: u64 = loops.iter().map(|found| found.turns * found.turn).sum();
    let outside: u64 = reachable(definition)
        .into_iter()
        .filter(|state| !loops.iter().any(|found| found.states.contains(state)))
        .map(|state| quiet(all[state]) + attempts_again(all[state]) * attempt(all[state]))
        .sum();
    // What is counted: up to the limit, and what the turn adds that exceeds it, in each loop. The dearest use of one
    // count is a retry of a sleeping task, or its share of an early turn.
    let counted = limit + loops.iter().map(|found| found.retries).sum::<u64>();
    let dearest =
        loops.iter().map(|found| found.turn.div_ceil(found.early_turn)).max().unwrap_or(0).max(SLEEPING_ATTEMPT);
    Ok(AROUND + by_time + outside + counted * dearest)
}

fn problem(definition: &Value) -> Option<String> {
    match most_events(definition) {
        Ok(events) if events <= MOST_EVENTS => None,
        Ok(events) => Some(format!("an execution can come to {events} events, more than {MOST_EVENTS}")),
        Err(problem) => Some(problem),
    }
}

#[test]
fn no_execution_comes_near_the_longest_history_at_its_deadlines() {
    let definition = read::definition();
    assert_eq!(problem(&definition), None);
    let events = most_events(&definition).expect("computed");
    // Far from the limit the computation would have lost something.
    assert!(events > MOST_EVENTS / 2, "only {events}?");
}

#[test]
fn no_retirement_comes_near_the_longest_history_at_its_deadline() {
    let definition = read::definition_of("retire");
    assert_eq!(problem(&definition), None);
    let events = most_events(&definition).expect("computed");
    assert!(events > MOST_EVENTS / 3, "only {events}?");
    for (pointer, value) in [
        ("/States/AwaitRelease/Seconds", json!(15)),
        ("/States/AwaitRelease/Seconds", json!("{% $seconds %}")),
        ("/States/DeleteCertificate/Assign/retries", json!("{% $retries %}")),
        ("/States/DeleteCertificate/Arguments/Payload/deadline", json!("{% $retries %}")),
        ("/States/Released?/Choices/0/Condition", json!("{% $certificateInUse and $retries > 1500 %}")),
        ("/States/Released?/Choices/0/Next", json!("AwaitRelease")),
    ] {
        let mut longer = definition.clone();
        *longer.pointer_mut(pointer).unwrap_or_else(|| panic!("nothing at {pointer}")) = value.clone();
        assert!(problem(&longer).is_some(), "{pointer} = {value} is not noticed");
    }
}

#[test]
fn whatever_makes_the_history_longer_is_noticed() {
    let count = "{% $retries + $states.context.State.RetryCount %}";
    for (pointer, value) in [
        ("/States/AwaitRegistration/TimeoutSeconds", json!(900)),
        ("/States/AwaitCertificate/TimeoutSeconds", json!(900)),
        ("/States/RequestCert/Retry/3/MaxAttempts", json!(400)),
        ("/States/Plan/Retry/3/MaxAttempts", json!(400)),
        ("/States/Register/Assign/retries", json!("{% $retries %}")),
        ("/States/RequestCert/Assign/retries", json!(0)),
        ("/States/WriteValidationRecords/Assign/retries", json!("{% $states.context.State.RetryCount %}")),
        ("/States/AwaitRegistration/Catch/0/Assign/retries", json!("{% $retries %}")),
        ("/States/AwaitCertificate/Catch/1/Assign/retries", json!(count)),
        ("/States/AwaitCertificate/Assign/retries", json!(count)),
        ("/States/AwaitCertificate/Assign/retries", json!("{% $retries + $states.context.State.RetryCount + 1 %}")),
        (
            "/States/Registered?/Choices/0/Condition",
            json!("{% $registration.status = 'PENDING' and $retries > 1500 %}"),
        ),
        ("/States/Registered?/Choices/0/Condition", json!("{% $bought and $retries > 150 %}")),
        ("/States/Registered?/Choices/0/Next", json!("AwaitRegistration")),
        ("/States/Issued?/Choices/1/Condition", json!("{% $retries > 900 %}")),
        ("/States/Issued?/Choices/1/Condition", json!("{% $recordsWritten and $retries > 150 %}")),
        ("/States/Issued?/Choices/1/Next", json!("AwaitCertificate")),
        ("/States/RequestCert/Arguments/Payload/deadline", json!("{% $plan.deadlines.certificate %}")),
        ("/States/Announce/Next", json!("AttachDomain")),
        ("/States/AwaitRelease/Seconds", json!(60)),
        ("/States/DeleteCertificate/Assign/retries", json!("{% $retries %}")),
        ("/States/DeleteCertificate/Arguments/Payload/deadline", json!("{% $certificateDeadline %}")),
        ("/States/Released?/Choices/0/Next", json!("AwaitRelease")),
    ] {
        let mut longer = read::definition();
        *longer.pointer_mut(pointer).unwrap_or_else(|| panic!("nothing at {pointer}")) = value.clone();
        assert!(problem(&longer).is_some(), "{pointer} = {value} is not noticed");
    }
}
