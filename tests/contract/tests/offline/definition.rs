//! Rules of the definition itself. Each rule is a function from a definition to what is wrong with it; each
//! test holds the rule against the real definition, and against broken copies that it must not accept.
//! It must not know the template's policies or the types of the steps.

use std::collections::{BTreeMap, BTreeSet};

use nameplate::Class;
use nameplate::contract::retire::IN_USE_DEADLINE_SECS;
use nameplate::contract::table;
use nameplate::contract::{CERTIFICATE_DEADLINE_SECS, REGISTRATION_DEADLINE_SECS};
use serde_json::{Value, json};

use crate::jsonata;
use crate::read;
use crate::states::{edges, error_names, lambda_tasks, list, reachable, sleeps, states, tasks, waits};

/// What is wrong, each in a sentence.
type Problems = Vec<String>;

/// Holds `rule` against every definition, and sees that it notices each of the breakages of the one that puts a name
/// live: a pointer and what is put there, null for taking it out.
fn holds(rule: impl Fn(&Value) -> Problems, breakages: &[(&str, Value)]) {
    for (machine, definition) in read::definitions() {
        let problems = rule(&definition);
        assert!(problems.is_empty(), "{machine}: {problems:#?}");
    }
    notices(rule, &read::definition(), breakages);
}

/// Sees that `rule` notices each of the breakages of a definition.
fn notices(rule: impl Fn(&Value) -> Problems, definition: &Value, breakages: &[(&str, Value)]) {
    for (pointer, value) in breakages {
        let mut broken = definition.clone();
        put(&mut broken, pointer, value);
        assert!(!rule(&broken).is_empty(), "the rule does not notice {pointer} = {value}");
    }
}

fn put(document: &mut Value, pointer: &str, value: &Value) {
    let (parent, key) = pointer.rsplit_once('/').expect("a pointer");
    match document.pointer_mut(parent).unwrap_or_else(|| panic!("nothing at {parent}")) {
        Value::Object(fields) if value.is_null() => {
            fields.remove(key).unwrap_or_else(|| panic!("nothing at {pointer}"));
        }
        Value::Object(fields) => {
            fields.insert(key.to_owned(), value.clone());
        }
        Value::Array(items) if value.is_null() => {
            items.remove(key.parse().expect("an index"));
        }
        Value::Array(items) => items.insert(key.parse().expect("an index"), value.clone()),
        other => panic!("{parent} holds {other}"),
    }
}

#[test]
fn it_says_what_its_yaml_says() {
    for (machine, definition) in read::definitions() {
        let source = format!("statemachine/{machine}.asl.yaml");
        assert!(read::yaml(&source)["definition"] == definition, "{source} says otherwise: cargo xtask definition");
    }
}

#[test]
fn every_anchor_has_an_alias() {
    fn idle(source: &str) -> Vec<&str> {
        let code = source.lines().filter(|line| !line.trim_start().starts_with('#'));
        let words: Vec<&str> = code.flat_map(|line| line.split([' ', ',', '[', ']', '{', '}'])).collect();
        let aliases: BTreeSet<&str> = words.iter().filter_map(|word| word.strip_prefix('*')).collect();
        let anchors = words.iter().filter_map(|word| word.strip_prefix('&')).filter(|name| !name.is_empty());
        anchors.filter(|name| !aliases.contains(name)).collect()
    }
    for (machine, _) in read::MACHINES {
        let source = read::text(format!("statemachine/{machine}.asl.yaml"));
        assert!(source.contains("- &"), "no anchor is found in {machine}");
        assert_eq!(idle(&source), [] as [&str; 0], "{machine}");
    }
    assert_eq!(idle("- &a x\n- &b {c: 'd' & e}\n# *b\nf: [*a]\n"), ["b"]);
}

#[test]
fn it_speaks_jsonata_only() {
    const JSON_PATH_FIELDS: [&str; 6] =
        ["InputPath", "ItemsPath", "OutputPath", "Parameters", "ResultPath", "ResultSelector"];
    fn old_keys(value: &Value) -> Vec<&str> {
        match value {
            Value::Object(fields) => {
                let here = fields.keys().map(String::as_str).filter(|key| key.ends_with(".$"));
                here.chain(fields.values().flat_map(old_keys)).collect()
            }
            Value::Array(items) => items.iter().flat_map(old_keys).collect(),
            _ => Vec::new(),
        }
    }
    let rule = |definition: &Value| {
        let mut problems = Vec::new();
        if definition["QueryLanguage"] != "JSONata" {
            problems.push("QueryLanguage at the top is not JSONata".to_owned());
        }
        for (name, state) in states(definition) {
            for field in JSON_PATH_FIELDS.iter().chain(&["QueryLanguage"]).filter(|field| !state[**field].is_null()) {
                problems.push(format!("{name} has {field}"));
            }
            problems.extend(old_keys(state).iter().map(|key| format!("{name} has the JSONPath key {key}")));
        }
        problems
    };
    holds(
        rule,
        &[
            ("/QueryLanguage", json!("JSONPath")),
            ("/States/Plan/ResultPath", json!("$.plan")),
            ("/States/Plan/Arguments/Payload/request.$", json!("$")),
        ],
    );
}

#[test]
fn every_target_exists_and_every_state_goes_on_or_ends() {
    let rule = |definition: &Value| {
        let states = states(definition);
        let mut problems = Vec::new();
        let start = definition["StartAt"].as_str().unwrap_or_default();
        if !states.contains_key(start) {
            problems.push(format!("StartAt names {start:?}"));
        }
        for edge in edges(definition).iter().filter(|edge| !states.contains_key(edge.to)) {
            problems.push(format!("{} goes to {}, which does not exist", edge.from, edge.to));
        }
        for (name, state) in states {
            let (next, end) = (state["Next"].is_string(), state["End"] == true);
            let fits = match state["Type"].as_str().unwrap_or_default() {
                "Task" | "Pass" | "Wait" | "Map" | "Parallel" => next != end,
                "Choice" => {
                    let complete = |choice: &Value| choice["Condition"].is_string() && choice["Next"].is_string();
                    let choices = state["Choices"].as_array().is_some_and(|all| !all.is_empty());
                    choices && list(&state["Choices"]).all(complete) && state["Default"].is_string() && !next && !end
                }
                "Fail" | "Succeed" => !next && !end,
                _ => false,
            };
            if !fits {
                problems.push(format!("{name} neither goes on nor ends, does both, or is of no known type"));
            }
            for catcher in list(&state["Catch"]).filter(|catcher| !catcher["Next"].is_string()) {
                problems.push(format!("{name} has a catcher without Next: {catcher}"));
            }
        }
        problems
    };
    holds(
        rule,
        &[
            ("/StartAt", json!("Nowhere")),
            ("/States/Claim/Next", json!("Nowhere")),
            ("/States/Claim/Next", Value::Null),
            ("/States/Claim/End", json!(true)),
            ("/States/Claim/Type", json!("Tusk")),
            ("/States/Registered?/Default", json!("Nowhere")),
            ("/States/Registered?/Default", Value::Null),
            ("/States/Registered?/Choices/0/Next", json!("Nowhere")),
            ("/States/Registered?/Choices/0/Condition", Value::Null),
            ("/States/Register/Catch/0/Next", json!("Nowhere")),
            ("/States/Register/Catch/0/Next", Value::Null),
        ],
    );
}

#[test]
fn every_state_can_be_come_to() {
    let rule = |definition: &Value| {
        let reachable = reachable(definition);
        let lost = states(definition).into_keys().filter(|name| !reachable.contains(name));
        lost.map(|name| format!("nothing leads to {name}")).collect()
    };
    holds(rule, &[("/States/AttachDomain/Next", json!("Announce")), ("/States/Lost", json!({"Type": "Succeed"}))]);
}

#[test]
fn every_state_says_what_it_is_for() {
    let rule = |definition: &Value| {
        let mut said = definition["Comment"].is_string();
        let mut problems = Vec::new();
        for (name, state) in states(definition) {
            if !state["Comment"].as_str().is_some_and(|comment| comment.ends_with('.')) {
                problems.push(format!("{name} has no Comment that is a sentence"));
            }
            said &= state["Comment"] != definition["Comment"];
        }
        if !said {
            problems.push("the definition has no Comment of its own".to_owned());
        }
        problems
    };
    holds(
        rule,
        &[
            ("/Comment", Value::Null),
            ("/States/Issued?/Comment", Value::Null),
            ("/States/Plan/Comment", json!("")),
            ("/States/Failed/Comment", Value::Null),
        ],
    );
}

#[test]
fn every_task_is_bounded_and_every_failure_of_it_is_caught() {
    let rule = |definition: &Value| {
        let mut problems = Vec::new();
        for (name, task) in tasks(definition) {
            // A number, not an expression: the emulator cannot evaluate one on a task that waits for a token.
            if task["TimeoutSeconds"].as_u64().unwrap_or_default() == 0 {
                problems.push(format!("{name} has no TimeoutSeconds"));
            }
            for field in ["Retry", "Catch"] {
                if list(&task[field]).next().is_none() {
                    problems.push(format!("{name} has no {field}"));
                }
            }
            let bounded = |retrier: &Value| {
                let positive = |field: &str| retrier[field].as_f64().is_some_and(|number| number > 0.0);
                // None at all is a bound too: it keeps what is final from the retriers behind it.
                let never = retrier["MaxAttempts"] == 0 && list(&task["Retry"]).last() != Some(retrier);
                never || ["MaxAttempts", "IntervalSeconds", "BackoffRate"].iter().all(|field| positive(field))
            };
            for retrier in list(&task["Retry"]).filter(|retrier| !bounded(retrier)) {
                problems.push(format!("{name} retries without saying how often and how soon: {retrier}"));
            }
        }
        problems
    };
    holds(
        rule,
        &[
            ("/States/Plan/TimeoutSeconds", Value::Null),
            ("/States/AwaitCertificate/TimeoutSeconds", json!("{% $seconds %}")),
            ("/States/Finish/Retry", Value::Null),
            ("/States/Finish/Retry", json!([])),
            ("/States/Announce/Catch", Value::Null),
            ("/States/Plan/Retry/0/MaxAttempts", Value::Null),
            ("/States/Plan/Retry/3/MaxAttempts", json!(0)),
        ],
    );
}

#[test]
fn both_machines_retry_and_word_failures_alike() {
    let of_kind = |definition: &Value, field: &str| -> BTreeMap<String, Value> {
        tasks(definition).into_values().map(|task| (task["Resource"].to_string(), task[field].clone())).collect()
    };
    let definitions = read::definitions();
    let provision = of_kind(&definitions["provision"], "Retry");
    for (resource, retry) in of_kind(&definitions["retire"], "Retry") {
        assert_eq!(provision[&resource], retry, "{resource}");
    }
    let worded = |definition: &Value| -> BTreeSet<String> {
        let edges = edges(definition);
        edges.iter().filter_map(|edge| edge.assign["failure"].as_str().map(str::to_owned)).collect()
    };
    assert_eq!(worded(&definitions["provision"]), worded(&definitions["retire"]));
    for state in ["AnnounceFailure", "Failed"] {
        assert_eq!(definitions["provision"]["States"][state], definitions["retire"]["States"][state]);
    }
}

#[test]
fn tasks_of_one_kind_have_one_and_the_same_retry_block() {
    let rule = |definition: &Value| {
        let mut first: BTreeMap<&str, (&str, &Value)> = BTreeMap::new();
        let mut problems = Vec::new();
        for (name, task) in tasks(definition) {
            let resource = task["Resource"].as_str().unwrap_or_default();
            let (canonical, retry) = first.entry(resource).or_insert((name, &task["Retry"]));
            if **retry != task["Retry"] {
                problems.push(format!("{name} and {canonical}, both {resource}, retry differently"));
            }
        }
        problems
    };
    holds(
        rule,
        &[
            ("/States/Register/Retry/3/MaxAttempts", json!(41)),
            ("/States/CreateZone/Retry/0", Value::Null),
            ("/States/RecordFailure/Retry/1/IntervalSeconds", json!(3)),
        ],
    );
}

/// Which classes the state machine tries again by itself.
fn is_retried(class: Class) -> bool {
    match class {
        Class::Retryable | Class::NotReady => true,
        Class::InvalidRequest | Class::Refused | Class::Failed | Class::Busy => false,
    }
}

/// How Lambda itself can fail without the function having answered: all passing (AWS-FACTS 5.3.1).
const LAMBDA_SERVICE_ERRORS: [&str; 5] = [
    "Lambda.AWSLambdaException",
    "Lambda.ClientExecutionTimeoutException",
    "Lambda.SdkClientException",
    "Lambda.ServiceException",
    "Lambda.TooManyRequestsException",
];

#[test]
fn a_function_is_called_again_for_passing_failures_and_for_no_others() {
    let rule = |definition: &Value| {
        let mut problems = Vec::new();
        for (name, task) in lambda_tasks(definition) {
            let names: Vec<&str> = list(&task["Retry"]).flat_map(error_names).collect();
            for class in Class::ALL {
                let count = names.iter().filter(|name| **name == class.error_type()).count();
                if count != usize::from(is_retried(class)) {
                    problems.push(format!("{name} has {count} retriers for {}", class.error_type()));
                }
            }
            for wanted in LAMBDA_SERVICE_ERRORS.iter().filter(|wanted| !names.contains(wanted)) {
                problems.push(format!("{name} does not retry {wanted}"));
            }
        }
        problems
    };
    holds(
        rule,
        &[
            ("/States/Register/Retry/2/ErrorEquals/0", json!("Nameplate.Failed")),
            ("/States/Register/Retry/2/ErrorEquals/0", json!("Nameplate.NotReady")),
            ("/States/Register/Retry/3", Value::Null),
            ("/States/Register/Retry/0/ErrorEquals/0", Value::Null),
        ],
    );
}

/// The prefix of a service's errors, by integration. The optimised integration of DynamoDB and the one of the
/// SDK spell it differently, and a name in the other's spelling is never matched.
fn prefixes(resource: &str) -> &'static [&'static str] {
    match resource {
        "arn:aws:states:::lambda:invoke" => &["Lambda.", "Nameplate.", "Runtime.", "Sandbox."],
        "arn:aws:states:::dynamodb:updateItem" => &["DynamoDB."],
        "arn:aws:states:::aws-sdk:dynamodb:updateItem.waitForTaskToken" => &["DynamoDb."],
        "arn:aws:states:::events:putEvents" => &["EventBridge."],
        _ => &[],
    }
}

#[test]
fn only_errors_that_can_occur_are_matched() {
    let rule = |definition: &Value| {
        let ours: BTreeSet<&str> = Class::ALL.iter().map(|class| class.error_type()).collect();
        let mut problems = Vec::new();
        for (name, task) in tasks(definition) {
            let prefixes = prefixes(task["Resource"].as_str().unwrap_or_default());
            for error in list(&task["Retry"]).chain(list(&task["Catch"])).flat_map(error_names) {
                let known = ["States.ALL", "States.TaskFailed", "States.Timeout"].contains(&error)
                    || prefixes.iter().any(|prefix| error.starts_with(prefix));
                if !known || (error.starts_with("Nameplate.") && !ours.contains(error)) {
                    problems.push(format!("{name} matches {error}, which it can never meet"));
                }
            }
        }
        problems
    };
    holds(
        rule,
        &[
            ("/States/Register/Retry/2/ErrorEquals/0", json!("Nameplate.Retriable")),
            ("/States/Register/Retry/1/ErrorEquals/0", json!("States.Runtime")),
            ("/States/AwaitCertificate/Catch/0/ErrorEquals/0", json!("DynamoDB.ConditionalCheckFailedException")),
            ("/States/Claim/Catch/0/ErrorEquals/0", json!("DynamoDb.ConditionalCheckFailedException")),
            ("/States/Announce/Resource", json!("arn:aws:states:::sns:publish")),
        ],
    );
}

#[test]
fn no_failure_has_a_name_that_the_code_does_not_know() {
    fn ours_in(text: &str) -> Vec<&str> {
        let after = text.split("Nameplate.").skip(1);
        after.map(|rest| &rest[..rest.find(|c: char| !c.is_ascii_alphanumeric()).unwrap_or(rest.len())]).collect()
    }
    let rule = |definition: &Value| {
        let known: BTreeSet<&str> = Class::ALL.iter().map(|class| &class.error_type()["Nameplate.".len()..]).collect();
        let mut problems = Vec::new();
        for (name, state) in states(definition) {
            // The empty name is the bare prefix, which an expression compares with.
            let named = read::strings(state).into_iter().flat_map(ours_in).filter(|name| !name.is_empty());
            problems.extend(named.filter(|n| !known.contains(n)).map(|n| format!("{name} speaks of Nameplate.{n}")));
        }
        problems
    };
    holds(
        rule,
        &[
            ("/States/Claim/Catch/0/Assign/failure/error", json!("Nameplate.Bussy")),
            ("/States/Failed/Error", json!("{% 'Nameplate.Error' %}")),
        ],
    );
}

#[test]
fn everything_unforeseen_is_caught_last_and_alone_and_never_retried() {
    let rule = |definition: &Value| {
        let mut problems = Vec::new();
        for (name, task) in tasks(definition) {
            if list(&task["Retry"]).flat_map(error_names).any(|error| error == "States.ALL") {
                problems.push(format!("{name} retries States.ALL, permanent failures included"));
            }
            let catchers: Vec<Vec<&str>> = list(&task["Catch"]).map(error_names).collect();
            let (last, earlier) = catchers.split_last().map_or((&[] as &[&str], &[] as &[_]), |(l, e)| (l, e));
            if last != ["States.ALL"] || earlier.iter().flatten().any(|error| *error == "States.ALL") {
                problems.push(format!("the last catcher of {name} does not catch States.ALL alone"));
            }
        }
        problems
    };
    holds(
        rule,
        &[
            ("/States/Plan/Retry/0/ErrorEquals/0", json!("States.ALL")),
            ("/States/Claim/Catch/1", Value::Null),
            ("/States/Claim/Catch/1/ErrorEquals/0", json!("States.TaskFailed")),
            ("/States/Claim/Catch/0", json!({"ErrorEquals": ["States.ALL"], "Next": "RecordFailure"})),
        ],
    );
}

/// What every failure says; `error` becomes the execution's Error, the others its Cause.
const FAILURE_FIELDS: [&str; 5] = ["code", "error", "reason", "remedy", "state"];

#[test]
fn every_failure_is_put_into_words_in_one_and_the_same_way() {
    let wanted: BTreeSet<String> = FAILURE_FIELDS.map(str::to_owned).into();
    let rule = |definition: &Value| {
        let mut texts: BTreeMap<&str, &str> = BTreeMap::new();
        let mut problems = Vec::new();
        for edge in edges(definition).iter().filter(|edge| !edge.assign["failure"].is_null()) {
            let keys = match &edge.assign["failure"] {
                Value::String(text) => {
                    texts.entry(text).or_insert(edge.from);
                    jsonata::object_keys(text)
                }
                Value::Object(fields) => fields.keys().cloned().collect(),
                _ => BTreeSet::new(),
            };
            if keys != wanted {
                problems.push(format!("the failure of {} says {keys:?}", edge.from));
            }
        }
        if texts.len() != 1 {
            problems.push(format!("{} different expressions make the failure, first in {:?}", texts.len(), texts));
        }
        let said: BTreeSet<String> = read::strings(&definition["States"]["Failed"])
            .into_iter()
            .flat_map(jsonata::references)
            .filter(|reference| reference.variable == "failure")
            .filter_map(|reference| reference.path.into_iter().next())
            .collect();
        if said != wanted {
            problems.push(format!("the Fail state says {said:?}"));
        }
        for (name, state) in states(definition).into_iter().filter(|(_, state)| state["Type"] == "Fail") {
            for field in ["Error", "Cause"].iter().filter(|field| !state[**field].is_string()) {
                problems.push(format!("{name} has no {field}"));
            }
        }
        problems
    };
    holds(
        rule,
        &[
            ("/States/Register/Catch/0/Assign/failure", json!("{% {'error': 'Nameplate.Failed'} %}")),
            ("/States/Claim/Catch/0/Assign/failure/remedy", Value::Null),
            ("/States/Failed/Cause", Value::Null),
            ("/States/Failed/Error", json!("{% $failure.code %}")),
        ],
    );
}

#[test]
fn whoever_comes_to_the_end_of_a_failure_has_a_failure_to_tell() {
    let rule = |definition: &Value| {
        let told = ["RecordFailure", "AnnounceFailure", "Failed"];
        let lost = edges(definition)
            .into_iter()
            .filter(|edge| told.contains(&edge.to) && !told.contains(&edge.from) && edge.assign["failure"].is_null());
        lost.map(|edge| format!("{} goes to {} without a failure", edge.from, edge.to)).collect()
    };
    holds(rule, &[("/States/Register/Catch/0/Assign", Value::Null), ("/States/Finish/Next", json!("Failed"))]);
}

#[test]
fn no_account_is_written_into_it() {
    let rule = |definition: &Value| {
        let account = |text: &&str| {
            text.split(|c: char| !c.is_ascii_digit()).any(|digits| digits.len() == 12)
                || (text.starts_with("arn:") && !text.starts_with("arn:aws:states:::"))
        };
        read::strings(definition).into_iter().filter(account).map(|text| format!("an ARN: {text}")).collect()
    };
    holds(
        rule,
        &[(
            "/States/Plan/Arguments/FunctionName",
            json!("arn:aws:lambda:us-east-1:123456789012:function:nameplate-plan"),
        )],
    );
}

#[test]
fn every_loop_sleeps() {
    let rule = |definition: &Value| {
        let edges = edges(definition);
        let mut awake: BTreeSet<&str> = states(definition)
            .into_iter()
            .filter(|(_, state)| !sleeps(state) && !waits(state))
            .map(|(name, _)| name)
            .collect();
        // What is left when everything that leads nowhere is taken away, again and again, runs in circles.
        loop {
            let goes_on = |name: &&str| edges.iter().any(|edge| edge.from == *name && awake.contains(edge.to));
            let next: BTreeSet<&str> = awake.iter().copied().filter(goes_on).collect();
            if next.len() == awake.len() {
                break;
            }
            awake = next;
        }
        awake.iter().map(|name| format!("{name} is in, or leads into, a loop that never sleeps")).collect()
    };
    holds(
        rule,
        &[
            ("/States/Registered?/Choices/0/Next", json!("Register")),
            ("/States/AwaitCertificate/Resource", json!("arn:aws:states:::aws-sdk:dynamodb:updateItem")),
            ("/States/AwaitCertificate/TimeoutSeconds", Value::Null),
            ("/States/Plan/Catch/0/Next", json!("Plan")),
        ],
    );
}

#[test]
fn who_sleeps_hands_out_its_token_and_takes_a_time_out_as_a_wake_up() {
    let rule = |definition: &Value| {
        let mut problems = Vec::new();
        let sleeping = tasks(definition).into_iter().filter(|(_, task)| sleeps(task));
        let mut count = 0;
        for (name, task) in sleeping {
            count += 1;
            if !read::strings(&task["Arguments"]).contains(&"{% $states.context.Task.Token %}") {
                problems.push(format!("{name} hands its token to nobody"));
            }
            if list(&task["Retry"]).flat_map(error_names).any(|error| error == "States.Timeout") {
                problems.push(format!("{name} sleeps again without asking AWS"));
            }
            for wanted in ["States.Timeout", "DynamoDb.ConditionalCheckFailedException"] {
                let catcher = list(&task["Catch"]).find(|catcher| error_names(catcher).contains(&wanted));
                if catcher.is_none_or(|catcher| catcher["Next"] != task["Next"]) {
                    problems.push(format!("{name} does not go on as if woken after {wanted}"));
                }
            }
        }
        // Who retires a domain sleeps on no event: it looks again from time to time.
        let wanted = if definition["StartAt"] == "Plan" { 2 } else { 0 };
        if count != wanted {
            problems.push(format!("{count} states sleep on a token, not {wanted}"));
        }
        problems
    };
    holds(
        rule,
        &[
            ("/States/AwaitCertificate/Arguments/ExpressionAttributeValues/:token/S", json!("token")),
            ("/States/AwaitCertificate/Retry/0/ErrorEquals/0", json!("States.Timeout")),
            ("/States/AwaitRegistration/Catch/1/ErrorEquals/0", Value::Null),
            ("/States/AwaitRegistration/Catch/0/Next", json!("CreateZone")),
            ("/States/AwaitRegistration/Resource", json!("arn:aws:states:::dynamodb:updateItem")),
        ],
    );
}

#[test]
fn every_time_limit_lies_outside_the_one_that_it_encloses() {
    let template = read::template();
    let rule = |definition: &Value| {
        let mut problems = Vec::new();
        for (name, task) in lambda_tasks(definition) {
            let function = &template["Resources"][format!("{name}Function")]["Properties"]["Timeout"];
            let limit = function.as_u64().or(template["Globals"]["Function"]["Timeout"].as_u64()).expect("a Timeout");
            if task["TimeoutSeconds"].as_u64().is_none_or(|seconds| seconds <= limit) {
                problems.push(format!("{name} may end while its function still runs"));
            }
        }
        let whole = definition["TimeoutSeconds"].as_i64().unwrap_or_default();
        let waits = match definition["StartAt"].as_str() {
            Some("PlanRetire") => IN_USE_DEADLINE_SECS,
            _ => REGISTRATION_DEADLINE_SECS + CERTIFICATE_DEADLINE_SECS,
        };
        if whole <= waits {
            problems.push("the execution ends before the deadlines of its waits, and says nothing".to_owned());
        }
        if whole > table::watch::KEEP_SECS {
            problems.push("a watch may vanish while somebody sleeps on it".to_owned());
        }
        problems
    };
    holds(
        rule,
        &[
            ("/States/Plan/TimeoutSeconds", json!(60)),
            ("/TimeoutSeconds", Value::Null),
            ("/TimeoutSeconds", json!(604_800)),
            ("/TimeoutSeconds", json!(900_000)),
        ],
    );
}

#[test]
fn a_retirement_takes_nothing_away_before_what_needs_it() {
    const ORDER: [&str; 9] = [
        "PlanRetire",
        // Alias records, mappings and custom domain: in which order, its own tests say.
        "DetachDomain",
        "DeleteApi",
        "DeleteCertificate",
        "DeleteValidationRecords",
        "DeleteRecords",
        "DeleteZone",
        "ReleaseRegistration",
        "DeleteWatches",
    ];
    /// The states of the run in which no choice is taken and nothing fails.
    fn straight_on(definition: &Value) -> Vec<&str> {
        let (states, mut way) = (states(definition), Vec::new());
        let mut next = definition["StartAt"].as_str();
        while let Some(name) = next.filter(|name| !way.contains(name)) {
            way.push(name);
            next = states.get(name).and_then(|state| state["Next"].as_str().or(state["Default"].as_str()));
        }
        way
    }
    let rule = |definition: &Value| {
        let steps = lambda_tasks(definition);
        let way: Vec<&str> = straight_on(definition).into_iter().filter(|name| steps.contains_key(name)).collect();
        let mut problems = Vec::new();
        if way != ORDER {
            problems.push(format!("the steps come as {way:?}"));
        }
        for unplaced in steps.keys().filter(|name| !ORDER.contains(name)) {
            problems.push(format!("{unplaced} has no place in the order"));
        }
        // Neither a choice nor a failure leads past a step that has not succeeded.
        let mut chain = ORDER.to_vec();
        chain.push("Finish");
        for pair in chain.windows(2) {
            let mut without = definition.clone();
            without["States"][pair[0]]["Next"].take();
            if reachable(&without).contains(pair[1]) {
                problems.push(format!("a run can come to {} without {}", pair[1], pair[0]));
            }
        }
        problems
    };
    let definition = read::definition_of("retire");
    let problems = rule(&definition);
    assert!(problems.is_empty(), "{problems:#?}");
    notices(
        rule,
        &definition,
        &[
            ("/States/Claim/Next", json!("DeleteApi")),
            ("/States/DetachDomain/Next", json!("DeleteCertificate")),
            ("/States/DeleteApi/Catch/0/Next", json!("DeleteCertificate")),
            ("/States/Released?/Choices/0/Next", json!("DeleteZone")),
            ("/States/Released?/Default", json!("DeleteRecords")),
            ("/States/DeleteZone/Next", json!("Finish")),
            ("/States/More", definition["States"]["DeleteZone"].clone()),
        ],
    );
}

#[test]
fn every_expression_of_dynamodb_uses_exactly_the_names_and_values_that_it_is_given() {
    /// `#name` and `:value` in an expression.
    fn placeholders(text: &str) -> BTreeSet<&str> {
        text.split(|c: char| !(c.is_ascii_alphanumeric() || "#:_".contains(c)))
            .filter(|word| word.starts_with(['#', ':']))
            .collect()
    }
    let rule = |definition: &Value| {
        let mut problems = Vec::new();
        for (name, task) in tasks(definition) {
            let arguments = &task["Arguments"];
            if arguments["UpdateExpression"].is_null() {
                continue;
            }
            let used: BTreeSet<&str> = ["UpdateExpression", "ConditionExpression"]
                .iter()
                .filter_map(|field| arguments[field].as_str())
                .flat_map(placeholders)
                .collect();
            let given: BTreeSet<&str> = ["ExpressionAttributeNames", "ExpressionAttributeValues"]
                .iter()
                .filter_map(|field| arguments[field].as_object())
                .flat_map(|fields| fields.keys().map(String::as_str))
                .collect();
            if used != given {
                problems.push(format!("{name} uses {used:?} and is given {given:?}"));
            }
        }
        problems
    };
    holds(
        rule,
        &[
            ("/States/Finish/Arguments/ExpressionAttributeNames/#known", Value::Null),
            ("/States/Finish/Arguments/ExpressionAttributeValues/:more", json!({"S": "x"})),
            ("/States/Claim/Arguments/ConditionExpression", json!("attribute_not_exists(#id)")),
        ],
    );
}
