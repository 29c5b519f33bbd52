//! The definition as a graph: states, and the ways from one to the next. It must not know any rule.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

/// A way from one state to another.
pub(crate) struct Edge<'a> {
    pub(crate) from: &'a str,
    pub(crate) to: &'a str,
    /// What is assigned on the way; null when nothing is.
    pub(crate) assign: &'a Value,
}

/// The states by name.
pub(crate) fn states(definition: &Value) -> BTreeMap<&str, &Value> {
    let states = definition["States"].as_object().expect("States");
    states.iter().map(|(name, state)| (name.as_str(), state)).collect()
}

/// The states that are tasks.
pub(crate) fn tasks(definition: &Value) -> BTreeMap<&str, &Value> {
    states(definition).into_iter().filter(|(_, state)| state["Type"] == "Task").collect()
}

/// The states that call a Lambda function of ours.
pub(crate) fn lambda_tasks(definition: &Value) -> BTreeMap<&str, &Value> {
    let invoke = "arn:aws:states:::lambda:invoke";
    tasks(definition).into_iter().filter(|(_, state)| state["Resource"] == invoke).collect()
}

/// Whether a state sleeps until its token is answered, for a bounded time.
pub(crate) fn sleeps(state: &Value) -> bool {
    state["Resource"].as_str().is_some_and(|resource| resource.ends_with(".waitForTaskToken"))
        && state["TimeoutSeconds"].as_u64().is_some_and(|seconds| seconds > 0)
}

/// Every way between states, in the order of evaluation: choices, default or next, then catchers.
pub(crate) fn edges<'a>(definition: &'a Value) -> Vec<Edge<'a>> {
    let mut edges = Vec::new();
    for (from, state) in states(definition) {
        let mut add = |target: &'a Value, assign: &'a Value| {
            if let Some(to) = target.as_str() {
                edges.push(Edge { from, to, assign });
            }
        };
        list(&state["Choices"]).for_each(|choice| add(&choice["Next"], &choice["Assign"]));
        add(&state["Default"], &state["Assign"]);
        add(&state["Next"], &state["Assign"]);
        list(&state["Catch"]).for_each(|catcher| add(&catcher["Next"], &catcher["Assign"]));
    }
    edges
}

/// Whether a state only lets a fixed time pass.
pub(crate) fn waits(state: &Value) -> bool {
    state["Type"] == "Wait" && state["Seconds"].as_u64().is_some_and(|seconds| seconds > 0)
}

/// The elements of a list; none when there is no list.
pub(crate) fn list(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

/// The names in a retrier's or catcher's `ErrorEquals`.
pub(crate) fn error_names(rule: &Value) -> Vec<&str> {
    list(&rule["ErrorEquals"]).filter_map(Value::as_str).collect()
}

/// All states that a run can come to.
pub(crate) fn reachable(definition: &Value) -> BTreeSet<&str> {
    let edges = edges(definition);
    let mut seen = BTreeSet::new();
    let mut open: Vec<&str> = definition["StartAt"].as_str().into_iter().collect();
    while let Some(state) = open.pop() {
        if seen.insert(state) {
            open.extend(edges.iter().filter(|edge| edge.from == state).map(|edge| edge.to));
        }
    }
    seen
}
