//! One name everywhere: folder, package, binary, log field, template resource, state and substitution.
//! Every comparison is of whole sets, so that it holds both ways. It must not know what a step does.

use std::collections::{BTreeMap, BTreeSet};

use nameplate::contract::event::{RegistrationEnded, SOURCE};
use nameplate::contract::{STATE_MACHINE_SUFFIX, retire};
use serde_json::{Value, json};

use crate::read::{self, pascal, resources};
use crate::sources;
use crate::states::lambda_tasks;

/// The functions that are no states: one runs by the clock, one hears of executions that ended, one answers tokens.
const STARTED_BY_EVENTS: [&str; 3] = ["poll-registrations", "release-claim", "resume"];

/// The functions that are states.
fn steps() -> Vec<String> {
    read::functions().into_iter().filter(|name| !STARTED_BY_EVENTS.contains(&name.as_str())).collect()
}

/// Every `${…}` in a text.
fn substitutions(text: &str) -> impl Iterator<Item = &str> {
    text.split("${").skip(1).filter_map(|rest| rest.split_once('}').map(|(name, _)| name))
}

fn state_machine<'a>(template: &'a Value, resource: &str) -> &'a Value {
    let machines = resources(template, "AWS::Serverless::StateMachine");
    &machines[resource]["Properties"]
}

/// The functions that a definition calls, by the names of its states.
fn called(definition: &Value) -> BTreeSet<String> {
    lambda_tasks(definition).into_keys().map(str::to_owned).collect()
}

/// The state machine's statements that allow an action.
fn statements<'a>(machine: &'a Value, action: &'a str) -> Vec<&'a Value> {
    let policies = read::one_or_many(&machine["Policies"]);
    let all = policies.into_iter().flat_map(|policy| read::one_or_many(&policy["Statement"]));
    all.filter(|statement| read::one_or_many(&statement["Action"]).iter().any(|a| **a == action)).collect()
}

#[test]
fn a_folder_is_a_package_of_that_name() {
    let functions = read::functions();
    for name in STARTED_BY_EVENTS {
        assert!(functions.iter().any(|function| function == name), "functions/{name} is gone");
    }
    for name in functions {
        let manifest = read::text(format!("functions/{name}/Cargo.toml"));
        assert!(manifest.contains(&format!("[package]\nname = \"{name}\"\n")), "functions/{name} is another package");
        assert!(!manifest.contains("[[bin]]"), "the binary of functions/{name} has a name of its own");
    }
}

#[test]
fn a_function_serves_and_logs_under_its_own_name() {
    for name in read::functions() {
        let main = sources::code(&read::text(format!("functions/{name}/src/main.rs"))).expect("Rust");
        assert_eq!(sources::first_arguments(main, "serve"), [name.as_str()]);
    }
}

#[test]
fn a_folder_is_a_function_of_the_template_and_its_binary() {
    let template = read::template();
    let in_template: BTreeMap<String, String> = resources(&template, "AWS::Serverless::Function")
        .into_iter()
        .map(|(resource, function)| {
            assert_eq!(function["Metadata"]["BuildMethod"], "rust-cargolambda", "{resource}");
            let binary = function["Metadata"]["BuildProperties"]["Binary"].as_str().expect("a Binary");
            (resource.to_owned(), binary.to_owned())
        })
        .collect();
    let in_folders = read::functions().into_iter().map(|name| (format!("{}Function", pascal(&name)), name)).collect();
    assert_eq!(in_template, in_folders);
}

#[test]
fn a_step_is_a_state_of_that_name_wherever_it_is_called() {
    let mut states = BTreeSet::new();
    for (machine, definition) in read::definitions() {
        for (state, task) in lambda_tasks(&definition) {
            assert_eq!(task["Arguments"]["FunctionName"], format!("${{{state}FunctionArn}}"), "{machine}: {state}");
            states.insert(state.to_owned());
        }
    }
    let wanted: BTreeSet<String> = steps().iter().map(|step| pascal(step)).collect();
    assert_eq!(states, wanted);
}

#[test]
fn every_substitution_is_defined_used_and_means_its_own_function() {
    let template = read::template();
    for (machine, resource) in read::MACHINES {
        let definition = read::definition_of(machine);
        let defined = state_machine(&template, resource)["DefinitionSubstitutions"].as_object().expect("substitutions");
        let defined_names: BTreeSet<&str> = defined.keys().map(String::as_str).collect();
        let used: BTreeSet<&str> = read::strings(&definition).into_iter().flat_map(substitutions).collect();
        assert_eq!(used, defined_names, "{machine}");
        let steps: BTreeSet<String> = called(&definition).iter().map(|step| format!("{step}FunctionArn")).collect();
        for (name, value) in defined {
            match name.strip_suffix("Arn") {
                Some(function) => {
                    assert!(steps.contains(name), "{name} is no step of {machine}");
                    assert_eq!(*value, json!({ "Fn::GetAtt": format!("{function}.Arn") }));
                }
                None if name == "TableName" => assert_eq!(*value, json!({"Ref": "Table"})),
                None => assert_eq!((name.as_str(), value), ("EventBusName", &json!("default"))),
            }
        }
    }
}

#[test]
fn a_state_machine_may_call_its_steps_and_no_other_function() {
    let template = read::template();
    for (machine, resource) in read::MACHINES {
        let statements = statements(state_machine(&template, resource), "lambda:InvokeFunction");
        let allowed: BTreeSet<String> = statements
            .iter()
            .flat_map(|statement| read::one_or_many(&statement["Resource"]))
            .map(|resource| resource["Fn::GetAtt"].as_str().unwrap_or("something else").to_owned())
            .collect();
        let wanted = called(&read::definition_of(machine)).iter().map(|step| format!("{step}Function.Arn")).collect();
        assert_eq!(allowed, wanted, "{machine}");
    }
}

#[test]
fn only_the_functions_that_are_no_states_are_started_by_events() {
    let template = read::template();
    let started: BTreeSet<&str> = resources(&template, "AWS::Serverless::Function")
        .into_iter()
        .filter(|(_, function)| !function["Properties"]["Events"].is_null())
        .map(|(name, _)| name)
        .collect();
    let wanted: Vec<String> = STARTED_BY_EVENTS.iter().map(|name| format!("{}Function", pascal(name))).collect();
    assert_eq!(started, wanted.iter().map(String::as_str).collect());
}

#[test]
fn release_claim_hears_of_every_end_of_our_state_machines_but_success_and_may_ask_about_it() {
    let template = read::template();
    let suffixes = [STATE_MACHINE_SUFFIX, retire::STATE_MACHINE_SUFFIX];
    for ((machine, resource), suffix) in read::MACHINES.into_iter().zip(suffixes) {
        assert_eq!(suffix, format!("-{machine}"));
        let name = json!({"Fn::Sub": format!("${{AWS::StackName}}{suffix}")});
        assert_eq!(state_machine(&template, resource)["Name"], name);
    }
    let arns = |kind: &str, rest: &str| -> Vec<Value> {
        let arn = |suffix| json!({"Fn::Sub": format!("arn:${{AWS::Partition}}:states:${{AWS::Region}}:${{AWS::AccountId}}:{kind}:${{AWS::StackName}}{suffix}{rest}")});
        suffixes.into_iter().map(arn).collect()
    };
    let pattern = json!({
        "source": ["aws.states"],
        "detail-type": ["Step Functions Execution Status Change"],
        "detail": {"stateMachineArn": arns("stateMachine", ""), "status": ["FAILED", "TIMED_OUT", "ABORTED"]},
    });
    assert_eq!(patterns(&template, "ReleaseClaimFunction"), [&pattern]);
    let function = &template["Resources"]["ReleaseClaimFunction"]["Properties"];
    let asks = statements(function, "states:DescribeExecution");
    let [ask] = asks.as_slice() else { panic!("one statement: {asks:?}") };
    assert_eq!(ask["Resource"], json!(arns("execution", ":*")));
}

/// Patterns of the rules that start `logical_name`, by source.
fn patterns<'a>(template: &'a Value, logical_name: &str) -> Vec<&'a Value> {
    let events = template["Resources"][logical_name]["Properties"]["Events"].as_object().expect("Events");
    events.values().map(|event| &event["Properties"]["Pattern"]).filter(|pattern| !pattern.is_null()).collect()
}

#[test]
fn what_resume_listens_to_is_what_poll_registrations_says() {
    let template = read::template();
    let ours =
        patterns(&template, "ResumeFunction").into_iter().find(|pattern| pattern["source"] == json!(["nameplate"]));
    let heard = read::strings(&ours.expect("a rule for our own events")["detail-type"]);
    assert_eq!(heard, [RegistrationEnded::COMPLETED, RegistrationEnded::FAILED]);
    assert_eq!(SOURCE, "nameplate");
}

#[test]
fn what_the_state_machines_announce_starts_nothing_of_ours() {
    let template = read::template();
    let mut announced = BTreeSet::new();
    for definition in read::definitions().values() {
        for task in definition["States"].as_object().expect("States").values() {
            for entry in task["Arguments"]["Entries"].as_array().into_iter().flatten() {
                assert_eq!(entry["Source"], "nameplate");
                announced.insert(entry["DetailType"].as_str().expect("a DetailType").to_owned());
            }
        }
    }
    let wanted = [
        "Action Required",
        "Default Endpoint Live",
        "Domain Failed",
        "Domain Live",
        "Domain Registered",
        "Domain Retired",
    ];
    let wanted = wanted.map(str::to_owned);
    assert_eq!(announced, wanted.into());
    for logical_name in ["ResumeFunction", "ProvisionStateMachine"] {
        let heard = patterns(&template, logical_name).into_iter().flat_map(|p| read::strings(&p["detail-type"]));
        for detail_type in heard {
            assert!(!announced.contains(detail_type), "{logical_name} is started by its own {detail_type}");
        }
    }
}

#[test]
fn nothing_but_a_person_starts_a_retirement() {
    let template = read::template();
    assert_eq!(state_machine(&template, "RetireStateMachine")["Events"], Value::Null);
}
