//! The checked-in JSON Schemas of what users send and get, and what in a document does not fit its own.
//!
//! A user may meet fields that a later version adds. A field that no schema names is a problem here, at every level.

use std::collections::HashMap;
use std::sync::LazyLock;

use jsonschema::Validator;
use nameplate::contract::event::SOURCE;
use nameplate::contract::retire;
use serde_json::{Value, json};

/// The schemas of requests and of executions' outputs.
const DOCUMENTS: [&str; 6] = ["request", "result", "dry-run", "retire", "retire-result", "retire-dry-run"];
/// The schemas of the events, by detail-type.
const EVENTS: [(&str, &str); 9] = [
    ("Action Required", "events/action-required"),
    ("Default Endpoint Live", "events/default-endpoint-live"),
    ("Domain Failed", "events/domain-failed"),
    ("Domain Live", "events/domain-live"),
    ("Domain Registered", "events/domain-registered"),
    ("Domain Registration Completed", "events/domain-registration-ended"),
    ("Domain Registration Failed", "events/domain-registration-ended"),
    // The one that users send.
    ("Domain Requested", "request"),
    ("Domain Retired", "events/domain-retired"),
];

static VALIDATORS: LazyLock<HashMap<&str, Validator>> = LazyLock::new(|| {
    let names = DOCUMENTS.into_iter().chain(EVENTS.map(|(_, name)| name));
    names.map(|name| (name, validator(name))).collect()
});

/// The checked-in schema of this name, closed.
fn validator(name: &str) -> Validator {
    let file = format!("{}/../../schema/{name}.schema.json", env!("CARGO_MANIFEST_DIR"));
    let text = std::fs::read_to_string(&file).unwrap_or_else(|error| panic!("{file}: {error}"));
    let mut schema = serde_json::from_str(&text).unwrap_or_else(|error| panic!("{file}: {error}"));
    close(&mut schema);
    jsonschema::validator_for(&schema).unwrap_or_else(|error| panic!("{file}: {error}"))
}

/// Forbids the fields that a schema does not name, in all its objects.
fn close(schema: &mut Value) {
    match schema {
        Value::Object(fields) => {
            if fields.contains_key("properties") {
                fields.entry("additionalProperties").or_insert(json!(false));
            }
            fields.values_mut().for_each(close);
        }
        Value::Array(items) => items.iter_mut().for_each(close),
        _ => {}
    }
}

/// What is wrong with a document, each with the schema's name and the JSON path.
///
/// # Panics
/// When there is no schema of this name.
#[must_use]
pub fn problems(schema: &str, document: &Value) -> Vec<String> {
    let validator = VALIDATORS.get(schema).unwrap_or_else(|| panic!("no schema {schema}"));
    let errors = validator.iter_errors(document);
    errors.map(|error| format!("{schema}: at `{}`: {error}", error.instance_path())).collect()
}

/// The schema of an execution's output.
fn of_output(execution: &str, output: &Value) -> &'static str {
    // Machines that tests make are like the one that provisions.
    let retires = execution.split(':').nth(6).is_some_and(|machine| machine.ends_with(retire::STATE_MACHINE_SUFFIX));
    match (retires, output["dryRun"] == true) {
        (false, false) => "result",
        (false, true) => "dry-run",
        (true, false) => "retire-result",
        (true, true) => "retire-dry-run",
    }
}

/// Panics when the output of a successful execution does not fit its schema.
pub(crate) fn check_output(execution: &str, output: &Value) {
    let problems = problems(of_output(execution, output), output);
    assert!(problems.is_empty(), "{execution}: {problems:#?}");
}

/// Panics when an event of Nameplate does not fit its schema.
pub(crate) fn check_event(event: &Value) {
    let problems = problems_of_event(event);
    assert!(problems.is_empty(), "event of {}: {problems:#?}: {event}", event["detail"]["executionArn"]);
}

fn problems_of_event(event: &Value) -> Vec<String> {
    if event["source"] != SOURCE {
        return Vec::new();
    }
    match EVENTS.iter().find(|(detail_type, _)| event["detail-type"] == *detail_type) {
        Some((_, schema)) => problems(schema, &event["detail"]),
        None => vec![format!("no schema is known for {}", event["detail-type"])],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn execution(machine: &str) -> String {
        format!("arn:aws:states:us-east-1:000000000000:execution:{machine}:one-retire")
    }

    #[test]
    fn an_output_is_held_against_the_schema_of_its_machine_and_of_dry_runs() {
        let (run, dry) = (json!({}), json!({"dryRun": true}));
        for (machine, of_run, of_dry) in [
            ("nameplate-provision", "result", "dry-run"),
            ("impatient", "result", "dry-run"),
            ("nameplate-retire", "retire-result", "retire-dry-run"),
        ] {
            let machine = execution(machine);
            assert_eq!((of_output(&machine, &run), of_output(&machine, &dry)), (of_run, of_dry));
        }
    }

    #[test]
    fn an_unknown_field_is_found_at_every_level() {
        let thing = json!({"resource": "API", "name": "a1", "reason": "made"});
        let mut result = json!({"version": 1, "domainName": "a.com", "removed": [thing], "left": []});
        check_output(&execution("nameplate-retire"), &result);
        result["removed"][0]["surprise"] = json!(true);
        result["surprise"] = json!(true);
        let found = problems("retire-result", &result);
        let at = |path: &str| found.iter().filter(|problem| problem.contains(path)).count();
        assert_eq!((found.len(), at("at `/removed/0`: "), at("at ``: ")), (2, 1, 1), "{found:?}");

        let registration = json!({"status": "REGISTERED", "surprise": true});
        let registered = json!({"version": 1, "domainName": "a.com", "executionArn": "arn", "nameServers": [],
            "registration": registration});
        let found = problems("events/domain-registered", &registered);
        assert!(found.len() == 1 && found[0].contains("at `/registration`: "), "{found:?}");
    }

    #[test]
    fn a_problem_names_schema_and_path() {
        let result = json!({"version": 1, "domainName": "a.com", "removed": [], "left": "nothing"});
        let found = problems("retire-result", &result);
        assert!(found.len() == 1 && found[0].starts_with("retire-result: at `/left`: "), "{found:?}");
    }

    #[test]
    fn an_event_of_ours_must_have_a_schema_and_fit_it() {
        let event =
            |source: &str, kind: &str, detail: Value| json!({"source": source, "detail-type": kind, "detail": detail});
        assert_eq!(problems_of_event(&event("somebody.else", "Domain Sold", json!({}))), [""; 0]);
        assert_eq!(problems_of_event(&event("nameplate", "Domain Sold", json!({}))).len(), 1);
        let detail = json!({"version": 1, "domainName": "a.com", "status": "SUCCESSFUL"});
        let found = problems_of_event(&event("nameplate", "Domain Registration Completed", detail));
        assert!(found.len() == 1 && found[0].contains("events/domain-registration-ended: at ``"), "{found:?}");
    }
}
