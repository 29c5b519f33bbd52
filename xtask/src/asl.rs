//! A state machine definition as a graph: states, and where each leads.
//! It must not know how the graph is drawn, nor what the states of this project do.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context, Result, anyhow, bail};
use serde_json::Value;

/// What a state is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A Task that invokes a Lambda.
    Lambda,
    /// A Task that calls an AWS service itself.
    Service,
    /// A Task that sleeps until its token comes back, or a Wait.
    Wait,
    Choice,
    /// Any other state in the middle.
    Other,
    /// A state that ends the execution well.
    End,
    /// A Fail.
    Fail,
}

/// One state.
#[derive(Clone, Debug)]
pub(crate) struct State {
    pub(crate) kind: Kind,
    /// What it uses, for example `DynamoDB updateItem`.
    pub(crate) detail: String,
    /// Its Comment.
    pub(crate) comment: String,
}

/// A way from one state to another that is no failure.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Step {
    pub(crate) from: String,
    pub(crate) to: String,
    /// Why a Choice takes it; empty where there is no choice.
    pub(crate) label: String,
}

/// A definition.
#[derive(Debug)]
pub(crate) struct Graph {
    pub(crate) start: String,
    pub(crate) states: BTreeMap<String, State>,
    pub(crate) steps: Vec<Step>,
    /// From, to: where a failure leads that is not where success leads as well.
    pub(crate) catches: BTreeSet<(String, String)>,
}

impl Graph {
    /// Reads a definition in JSON.
    ///
    /// # Errors
    /// When it is no definition, or a state leads to one that does not exist.
    pub(crate) fn parse(definition: &str) -> Result<Self> {
        let value: Value = serde_json::from_str(definition).context("the definition is no JSON")?;
        let start = value["StartAt"].as_str().context("the definition has no StartAt")?.to_owned();
        let members = value["States"].as_object().context("the definition has no States")?;
        let mut graph = Self { start, states: BTreeMap::new(), steps: Vec::new(), catches: BTreeSet::new() };
        for (name, state) in members {
            graph.states.insert(name.clone(), read_state(state));
            graph.read_steps(name, state).with_context(|| format!("state {name}"))?;
        }
        for (name, state) in members {
            for catcher in state["Catch"].as_array().map(Vec::as_slice).unwrap_or_default() {
                let to = next(catcher).with_context(|| format!("a Catch of {name}"))?;
                if !graph.steps.iter().any(|step| step.from == *name && step.to == to) {
                    graph.catches.insert((name.clone(), to));
                }
            }
        }
        let ends = graph.steps.iter().map(|step| &step.to).chain(graph.catches.iter().map(|(_, to)| to));
        if let Some(missing) = ends.chain([&graph.start]).find(|name| !graph.states.contains_key(*name)) {
            bail!("a state leads to {missing}, which does not exist");
        }
        graph.part_with_failures();
        Ok(graph)
    }

    /// Takes the ways of a Choice that lead to nothing but failure out of the steps: they are failures too.
    fn part_with_failures(&mut self) {
        let mut hopeful: BTreeSet<&str> = BTreeSet::new();
        let failing = |name: &str| self.states[name].kind == Kind::Fail;
        loop {
            let before = hopeful.len();
            for name in self.states.keys() {
                let mut ways = self.out_of(name).peekable();
                let ends = ways.peek().is_none() && !failing(name);
                if ends || ways.any(|step| hopeful.contains(step.to.as_str())) {
                    hopeful.insert(name);
                }
            }
            if hopeful.len() == before {
                break;
            }
        }
        let gives_up = |step: &Step| hopeful.contains(step.from.as_str()) && !hopeful.contains(step.to.as_str());
        let (failures, steps) = self.steps.iter().cloned().partition(gives_up);
        let failures: Vec<Step> = failures;
        self.steps = steps;
        self.catches.extend(failures.into_iter().map(|step| (step.from, step.to)));
    }

    fn read_steps(&mut self, name: &str, state: &Value) -> Result<()> {
        let mut add = |to: String, label: String| {
            let step = Step { from: name.to_owned(), to, label };
            if !self.steps.iter().any(|known| known.from == step.from && known.to == step.to) {
                self.steps.push(step);
            }
        };
        for choice in state["Choices"].as_array().map(Vec::as_slice).unwrap_or_default() {
            let label = choice["Comment"].as_str().map_or_else(|| condition(&choice["Condition"]), str::to_owned);
            add(next(choice)?, label);
        }
        if let Some(default) = state["Default"].as_str() {
            add(default.to_owned(), String::new());
        }
        if let Some(next) = state["Next"].as_str() {
            add(next.to_owned(), String::new());
        }
        Ok(())
    }

    /// The steps out of a state, in the definition's order.
    pub(crate) fn out_of<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a Step> {
        self.steps.iter().filter(move |step| step.from == name)
    }

    /// The longest way from the start to an end that visits no state twice: what a run does that has everything to do.
    pub(crate) fn longest_path(&self) -> Vec<&str> {
        let mut best = Vec::new();
        self.walk(&mut vec![&self.start], &mut best);
        best
    }

    fn walk<'a>(&'a self, path: &mut Vec<&'a str>, best: &mut Vec<&'a str>) {
        let here = *path.last().expect("a path starts somewhere");
        if path.len() > best.len() && self.out_of(here).next().is_none() {
            best.clone_from(path);
        }
        for step in self.out_of(here) {
            if !path.contains(&step.to.as_str()) {
                path.push(&step.to);
                self.walk(path, best);
                path.pop();
            }
        }
    }
}

fn next(holder: &Value) -> Result<String> {
    holder["Next"].as_str().map(str::to_owned).ok_or_else(|| anyhow!("it has no Next"))
}

/// `{% $a = 'B' %}` as `$a = 'B'`.
fn condition(value: &Value) -> String {
    let text = value.as_str().unwrap_or_default().trim();
    text.strip_prefix("{%").and_then(|text| text.strip_suffix("%}")).unwrap_or(text).trim().to_owned()
}

fn read_state(state: &Value) -> State {
    let ends = state["End"] == true;
    let (kind, detail) = match state["Type"].as_str().unwrap_or_default() {
        "Task" => task(state["Resource"].as_str().unwrap_or_default(), &state["TimeoutSeconds"]),
        "Choice" => (Kind::Choice, String::new()),
        "Wait" => (Kind::Wait, "wait".to_owned()),
        "Succeed" => (Kind::End, "success".to_owned()),
        "Fail" => (Kind::Fail, "failure".to_owned()),
        "Pass" if ends => (Kind::End, "result".to_owned()),
        other => (Kind::Other, other.to_lowercase()),
    };
    let comment = state["Comment"].as_str().unwrap_or_default().to_owned();
    State { kind, detail, comment }
}

/// What a Task's Resource means (AWS-FACTS 5.2.1).
fn task(resource: &str, timeout: &Value) -> (Kind, String) {
    let called = resource.rsplit(":::").next().unwrap_or(resource);
    let (called, waits) = match called.strip_suffix(".waitForTaskToken") {
        Some(called) => (called, true),
        None => (called, false),
    };
    if waits {
        let limit = timeout.as_u64().map_or_else(String::new, |secs| format!(", at most {}", span(secs)));
        return (Kind::Wait, format!("asleep{limit}"));
    }
    if called.starts_with("lambda:") || called.contains("FunctionArn") {
        return (Kind::Lambda, "Lambda".to_owned());
    }
    let mut parts = called.trim_start_matches("aws-sdk:").splitn(2, ':');
    let service = match parts.next().unwrap_or_default() {
        "dynamodb" => "DynamoDB",
        "events" => "EventBridge",
        "states" => "Step Functions",
        other => other,
    };
    (Kind::Service, format!("{service} {}", parts.next().unwrap_or_default()).trim().to_owned())
}

fn span(secs: u64) -> String {
    if secs.is_multiple_of(60) { format!("{} min", secs / 60) } else { format!("{secs} s") }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SMALL: &str = r#"{
      "StartAt": "Ask",
      "States": {
        "Ask": {"Type": "Task", "Resource": "arn:aws:states:::lambda:invoke", "Next": "Done?",
                "Catch": [{"ErrorEquals": ["A"], "Next": "Done?"}, {"ErrorEquals": ["States.ALL"], "Next": "Note"}]},
        "Done?": {"Type": "Choice", "Choices": [{"Condition": "{% $x = 1 %}", "Next": "Sleep"}], "Default": "Good"},
        "Sleep": {"Type": "Task", "Resource": "arn:aws:states:::aws-sdk:dynamodb:updateItem.waitForTaskToken",
                  "TimeoutSeconds": 900, "Next": "Ask"},
        "Good": {"Type": "Pass", "End": true},
        "Note": {"Type": "Task", "Resource": "arn:aws:states:::dynamodb:updateItem", "Next": "Bad"},
        "Bad": {"Type": "Fail"}
      }
    }"#;

    #[test]
    fn states_are_what_their_resources_say() {
        let graph = Graph::parse(SMALL).unwrap();
        let state = |name: &str| (graph.states[name].kind, graph.states[name].detail.as_str());
        assert_eq!(state("Ask"), (Kind::Lambda, "Lambda"));
        assert_eq!(state("Sleep"), (Kind::Wait, "asleep, at most 15 min"));
        assert_eq!(state("Note"), (Kind::Service, "DynamoDB updateItem"));
        assert_eq!(state("Good"), (Kind::End, "result"));
        assert_eq!(state("Bad").0, Kind::Fail);
    }

    #[test]
    fn a_catch_that_leads_where_success_leads_is_no_way_of_its_own() {
        let graph = Graph::parse(SMALL).unwrap();
        assert_eq!(graph.catches, BTreeSet::from([("Ask".to_owned(), "Note".to_owned())]));
        assert_eq!(graph.out_of("Done?").next().unwrap().label, "$x = 1");
    }

    #[test]
    fn a_choice_that_gives_up_is_a_failure() {
        let gives_up = r#"{"Condition": "{% $x = 2 %}", "Next": "Note"}, {"Condition": "{% $x = 1 %}""#;
        let graph = Graph::parse(&SMALL.replace(r#"{"Condition": "{% $x = 1 %}""#, gives_up)).unwrap();
        assert!(graph.catches.contains(&("Done?".to_owned(), "Note".to_owned())));
        let ways: Vec<&str> = graph.out_of("Done?").map(|step| step.to.as_str()).collect();
        assert_eq!(ways, ["Sleep", "Good"]);
        assert_eq!(graph.out_of("Note").count(), 1, "from failure to failure is a step");
    }

    #[test]
    fn the_longest_path_has_no_loop() {
        assert_eq!(Graph::parse(SMALL).unwrap().longest_path(), ["Ask", "Done?", "Good"]);
    }

    #[test]
    fn a_way_to_nowhere_is_an_error() {
        let definition = r#"{"StartAt": "A", "States": {"A": {"Type": "Pass", "Next": "B"}}}"#;
        assert!(Graph::parse(definition).unwrap_err().to_string().contains('B'));
    }
}
