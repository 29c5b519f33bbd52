//! What the state machine passes on is what the steps take and give: payloads, assigned variables, the result,
//! and the attributes in the table, held against the types and constants of the shared library.
//! It must not know how a step works.

use std::collections::{BTreeMap, BTreeSet};

use nameplate::contract::event::{
    ActionRequired, DefaultEndpointLive, DomainFailed, DomainLive, DomainRegistered, DomainRetired, Event,
};
use nameplate::contract::result::ProvisionResult;
use nameplate::contract::result::{RetireReport, RetireResult};
use nameplate::contract::retire::{
    DeleteApiInput, DeleteCertificateInput, DeleteCertificateOutput, DeleteRecordsInput, DeleteValidationRecordsInput,
    DeleteWatchesInput, DeleteZoneInput, DetachDomainInput, PlanRetireInput, PlanRetireOutput,
    ReleaseRegistrationInput, RetireStepOutput,
};
use nameplate::contract::table;
use nameplate::contract::table::{domain, watch};
use nameplate::contract::{
    AttachDomainInput, AttachDomainOutput, CloseEndpointInput, CloseEndpointOutput, CorrectDelegationInput,
    CorrectDelegationOutput, CreateApiInput, CreateApiOutput, CreateZoneInput, CreateZoneOutput, Known, PlanInput,
    PlanOutput, RegisterInput, RegisterOutput, RequestCertInput, RequestCertOutput, WriteRecordsInput,
    WriteRecordsOutput, WriteValidationRecordsInput, WriteValidationRecordsOutput,
};
use schemars::{JsonSchema, schema_for};
use serde_json::{Value, json};

use crate::jsonata::{self, Reference};
use crate::read::{self, resources};
use crate::states::{edges, lambda_tasks, states, tasks};

/// A JSON Schema, and the document that its references point into.
#[derive(Clone)]
struct Shape {
    root: std::rc::Rc<Value>,
    schema: Value,
}

impl Shape {
    fn of<T: JsonSchema>() -> Self {
        let schema = schema_for!(T).to_value();
        Self { root: schema.clone().into(), schema }
    }

    /// The schema itself: references followed, `null` beside it left out.
    fn resolved(&self) -> Value {
        let mut schema = self.schema.clone();
        loop {
            if let Some(reference) = schema["$ref"].as_str() {
                let pointer = reference.strip_prefix('#').expect("a local reference");
                schema = self.root.pointer(pointer).unwrap_or_else(|| panic!("nothing at {pointer}")).clone();
            } else if let Some(one) = only_beside_null(&schema) {
                schema = one;
            } else {
                return schema;
            }
        }
    }

    fn fields(&self) -> BTreeSet<String> {
        self.resolved()["properties"].as_object().into_iter().flatten().map(|(name, _)| name.clone()).collect()
    }

    /// A field; JSONata reads those of a list's elements as if they were the list's own.
    fn field(&self, name: &str) -> Option<Self> {
        let resolved = self.resolved();
        if resolved["type"] == "array" {
            return Self { root: self.root.clone(), schema: resolved["items"].clone() }.field(name);
        }
        let schema = resolved["properties"].get(name)?.clone();
        Some(Self { root: self.root.clone(), schema })
    }

    fn below(&self, path: &[String]) -> Option<Self> {
        path.iter().try_fold(self.clone(), |shape, name| shape.field(name))
    }

    /// What kind of value it is, `null` beside it left out: the name of a type of ours, or one of JSON's.
    fn kind(&self) -> String {
        let schema = only_beside_null(&self.schema).unwrap_or_else(|| self.schema.clone());
        let resolved = self.resolved();
        // A checked string, such as a domain name, is passed on as a string.
        let plain = resolved["type"] == "string" && resolved["enum"].is_null();
        if let Some(reference) = schema["$ref"].as_str().filter(|_| !plain) {
            return reference.rsplit('/').next().unwrap_or_default().to_owned();
        }
        let types: Vec<&str> = read::strings(&resolved["type"]).into_iter().filter(|kind| *kind != "null").collect();
        match types.as_slice() {
            ["array"] => {
                let items = Self { root: self.root.clone(), schema: resolved["items"].clone() };
                format!("list of {}", items.kind())
            }
            [kind] => (*kind).to_owned(),
            _ => "anything".to_owned(),
        }
    }
}

/// The other side of `anyOf [X, null]`.
fn only_beside_null(schema: &Value) -> Option<Value> {
    let sides = schema["anyOf"].as_array()?;
    let others: Vec<&Value> = sides.iter().filter(|side| side["type"] != "null").collect();
    match others.as_slice() {
        [one] => Some((*one).clone()),
        _ => None,
    }
}

/// Input and output of each step, by the name of its state.
fn steps() -> BTreeMap<&'static str, (Shape, Shape)> {
    fn step<I: JsonSchema, O: JsonSchema>() -> (Shape, Shape) {
        (Shape::of::<I>(), Shape::of::<O>())
    }
    BTreeMap::from([
        ("Plan", step::<PlanInput, PlanOutput>()),
        ("CreateApi", step::<CreateApiInput, CreateApiOutput>()),
        ("Register", step::<RegisterInput, RegisterOutput>()),
        ("CreateZone", step::<CreateZoneInput, CreateZoneOutput>()),
        ("CorrectDelegation", step::<CorrectDelegationInput, CorrectDelegationOutput>()),
        ("RequestCert", step::<RequestCertInput, RequestCertOutput>()),
        ("WriteRecords", step::<WriteRecordsInput, WriteRecordsOutput>()),
        ("WriteValidationRecords", step::<WriteValidationRecordsInput, WriteValidationRecordsOutput>()),
        ("AttachDomain", step::<AttachDomainInput, AttachDomainOutput>()),
        ("CloseEndpoint", step::<CloseEndpointInput, CloseEndpointOutput>()),
        ("PlanRetire", step::<PlanRetireInput, PlanRetireOutput>()),
        ("DetachDomain", step::<DetachDomainInput, RetireStepOutput>()),
        ("DeleteApi", step::<DeleteApiInput, RetireStepOutput>()),
        ("DeleteCertificate", step::<DeleteCertificateInput, DeleteCertificateOutput>()),
        ("DeleteValidationRecords", step::<DeleteValidationRecordsInput, RetireStepOutput>()),
        ("DeleteRecords", step::<DeleteRecordsInput, RetireStepOutput>()),
        ("DeleteZone", step::<DeleteZoneInput, RetireStepOutput>()),
        ("DeleteWatches", step::<DeleteWatchesInput, RetireStepOutput>()),
        ("ReleaseRegistration", step::<ReleaseRegistrationInput, RetireStepOutput>()),
    ])
}

/// Holds `rule` against every definition, and sees that it notices each of the breakages of the one that puts a name
/// live.
fn check(rule: impl Fn(&Value) -> Vec<String>, breakages: &[(&str, &str, Value)]) {
    for (machine, definition) in read::definitions() {
        let problems = rule(&definition);
        assert!(problems.is_empty(), "{machine}: {problems:#?}");
    }
    notices(&read::definition(), rule, breakages);
}

/// The same for one definition alone.
fn check_one(machine: &str, rule: impl Fn(&Value) -> Vec<String>, breakages: &[(&str, &str, Value)]) {
    let definition = read::definition_of(machine);
    let problems = rule(&definition);
    assert!(problems.is_empty(), "{problems:#?}");
    notices(&definition, rule, breakages);
}

fn notices(definition: &Value, rule: impl Fn(&Value) -> Vec<String>, breakages: &[(&str, &str, Value)]) {
    for (pointer, key, value) in breakages {
        let mut broken = definition.clone();
        let fields = broken.pointer_mut(pointer).and_then(Value::as_object_mut).expect("an object");
        if value.is_null() {
            fields.remove(*key).expect("something to take out");
        } else {
            fields.insert((*key).to_owned(), value.clone());
        }
        assert!(!rule(&broken).is_empty(), "the rule does not notice {pointer}/{key} = {value}");
    }
}

/// `$states.result.Payload` and the path below it.
fn payload_path(reference: &Reference) -> Option<&[String]> {
    match (reference.variable.as_str(), reference.path.as_slice()) {
        ("states", [result, payload, below @ ..]) if result == "result" && payload == "Payload" => Some(below),
        _ => None,
    }
}

/// The shapes of the variables that hold something a step gave, as far as they are assigned unchanged.
/// A variable that is assigned in several places has several.
fn variables(definition: &Value) -> BTreeMap<String, Vec<Shape>> {
    let (steps, tasks) = (steps(), lambda_tasks(definition));
    let mut shapes: BTreeMap<String, Vec<Shape>> = BTreeMap::new();
    for (state, task) in &tasks {
        for (variable, value) in task["Assign"].as_object().into_iter().flatten() {
            let reference = value.as_str().and_then(jsonata::single_reference);
            let path = reference.as_ref().and_then(payload_path);
            if let Some(shape) = path.and_then(|path| steps.get(state)?.1.below(path)) {
                shapes.entry(variable.clone()).or_default().push(shape);
            }
        }
    }
    shapes
}

/// The kinds that an expression can have, where it is one reference to something of a known shape.
fn kinds(text: &str, output: Option<&Shape>, variables: &BTreeMap<String, Vec<Shape>>) -> Option<BTreeSet<String>> {
    let reference = jsonata::single_reference(text)?;
    let shapes: Vec<Shape> = match payload_path(&reference) {
        Some(path) => output?.below(path).into_iter().collect(),
        None => variables.get(&reference.variable)?.iter().filter_map(|shape| shape.below(&reference.path)).collect(),
    };
    Some(shapes.iter().map(Shape::kind).collect())
}

#[test]
fn each_step_is_given_exactly_the_fields_that_it_takes() {
    let steps = steps();
    let rule = |definition: &Value| {
        let variables = variables(definition);
        let mut problems = Vec::new();
        let tasks = lambda_tasks(definition);
        for state in tasks.keys().filter(|state| !steps.contains_key(*state)) {
            problems.push(format!("the state {state} has no types here"));
        }
        for (state, task) in tasks {
            let Some((input, _)) = steps.get(state) else { continue };
            let payload = task["Arguments"]["Payload"].as_object().cloned().unwrap_or_default();
            let given: BTreeSet<String> = payload.keys().cloned().collect();
            if given != input.fields() {
                problems.push(format!("{state} is given {given:?} and takes {:?}", input.fields()));
                continue;
            }
            for (field, value) in &payload {
                let wanted = input.field(field).expect("a field").kind();
                let found = value.as_str().and_then(|text| kinds(text, None, &variables)).unwrap_or_default();
                if found.iter().any(|kind| *kind != wanted) {
                    problems.push(format!("{state} takes {wanted} as {field} and is given {found:?}"));
                }
            }
        }
        problems
    };
    check(
        rule,
        &[
            ("/States/CreateZone/Arguments/Payload", "bought", Value::Null),
            ("/States/CreateZone/Arguments/Payload", "zone", json!("{% $hostedZoneId %}")),
            ("/States/RequestCert/Arguments/Payload", "deadline", json!("{% $plan.itemKey %}")),
            ("/States/AttachDomain/Arguments/Payload", "hostedZoneId", json!("{% $nameServers %}")),
            ("/States/CloseEndpoint/Arguments/Payload", "changeIds", json!("{% $certificateArn %}")),
            ("/States/Register/Arguments/Payload", "quote", json!("{% $plan.registration %}")),
            ("/States", "Extra", json!({"Type": "Task", "Resource": "arn:aws:states:::lambda:invoke"})),
        ],
    );
}

#[test]
fn everything_read_from_a_step_is_something_that_it_gives() {
    let steps = steps();
    let rule = |definition: &Value| {
        let variables = variables(definition);
        let mut problems = Vec::new();
        for (state, body) in states(definition) {
            let references: BTreeSet<Reference> =
                read::strings(body).into_iter().flat_map(jsonata::references).collect();
            for reference in references {
                let path = reference.path.join(".");
                if let Some(below) = payload_path(&reference) {
                    let given = steps.get(state).is_some_and(|(_, output)| output.below(below).is_some());
                    if !given {
                        problems.push(format!("{state} reads {path}, which its function does not give"));
                    }
                } else if variables
                    .get(&reference.variable)
                    .is_some_and(|shapes| shapes.iter().any(|shape| shape.below(&reference.path).is_none()))
                {
                    problems.push(format!("{state} reads {path} of ${}, which has no such field", reference.variable));
                }
            }
        }
        problems
    };
    check(
        rule,
        &[
            ("/States/CreateApi/Assign", "apiId", json!("{% $states.result.Payload.id %}")),
            ("/States/Plan/Assign", "apiId", json!("{% $states.result.Payload.known.api %}")),
            ("/States/Claim/Assign", "x", json!("{% $states.result.Payload.incarnation %}")),
            ("/States/Finish/Arguments/Key", "id", json!({"S": "{% $plan.key %}"})),
            ("/States/Registered?/Choices/0", "Condition", json!("{% $registration.state = 'PENDING' %}")),
        ],
    );
}

#[test]
fn every_variable_is_assigned_on_every_way_to_where_it_is_read() {
    let rule = |definition: &Value| {
        let edges = edges(definition);
        let assigned = |value: &Value| -> BTreeSet<String> {
            value.as_object().into_iter().flatten().map(|(name, _)| name.clone()).collect()
        };
        // What is surely assigned on entering each state; nothing is known yet of a state that is absent.
        let start = definition["StartAt"].as_str().expect("StartAt");
        let mut on_entry: BTreeMap<&str, BTreeSet<String>> = BTreeMap::from([(start, BTreeSet::new())]);
        let mut settled = false;
        while !settled {
            settled = true;
            for edge in &edges {
                let Some(before) = on_entry.get(edge.from) else { continue };
                let arriving: BTreeSet<String> = before.union(&assigned(edge.assign)).cloned().collect();
                let sure = match on_entry.get(edge.to) {
                    Some(known) => known.intersection(&arriving).cloned().collect(),
                    None => arriving,
                };
                settled &= on_entry.insert(edge.to, sure.clone()) == Some(sure);
            }
        }
        let mut problems = Vec::new();
        for (state, body) in states(definition) {
            let Some(known) = on_entry.get(state) else { continue };
            let read = read::strings(body).into_iter().flat_map(jsonata::references).map(|r| r.variable);
            let unknown: BTreeSet<String> = read.filter(|name| name != "states" && !known.contains(name)).collect();
            problems
                .extend(unknown.into_iter().map(|name| format!("{state} reads ${name}, which may not be assigned")));
        }
        problems
    };
    check(
        rule,
        &[
            ("/States/Plan/Assign", "recordsWritten", Value::Null),
            ("/States/CreateApi/Assign", "defaultEndpoint", Value::Null),
            ("/States/AttachDomain/Assign", "changeIds", Value::Null),
            ("/States/Claim/Catch/0/Assign", "failure", Value::Null),
            ("/States/Plan/Catch/0", "Next", json!("RecordFailure")),
            ("/States/WhatIsLeft?/Choices/1", "Assign", Value::Null),
            ("/States/Live", "Output", json!("{% $outcome %}")),
        ],
    );
}

#[test]
fn the_result_has_exactly_the_fields_of_its_type() {
    let (result, steps) = (Shape::of::<ProvisionResult>(), steps());
    let rule = |definition: &Value| {
        let variables = variables(definition);
        let built = definition["States"]["AttachDomain"]["Assign"]["result"].as_object().cloned().unwrap_or_default();
        let fields: BTreeSet<String> = built.keys().cloned().collect();
        if fields != result.fields() {
            return vec![format!("the result has {fields:?}, its type {:?}", result.fields())];
        }
        let output = &steps["AttachDomain"].1;
        let mut problems = Vec::new();
        for (field, value) in &built {
            let wanted = result.field(field).expect("a field").kind();
            let found = value.as_str().and_then(|text| kinds(text, Some(output), &variables)).unwrap_or_default();
            if found.iter().any(|kind| *kind != wanted) {
                problems.push(format!("the result's {field} is {wanted} and is given {found:?}"));
            }
        }
        problems
    };
    check_one(
        "provision",
        rule,
        &[
            ("/States/AttachDomain/Assign/result", "nameServers", Value::Null),
            ("/States/AttachDomain/Assign/result", "zoneId", json!("{% $hostedZoneId %}")),
            ("/States/AttachDomain/Assign/result", "apiId", json!("{% $registration %}")),
        ],
    );
}

#[test]
fn what_is_added_to_the_result_is_a_field_of_it() {
    let result = Shape::of::<ProvisionResult>().fields();
    let rule = |definition: &Value| {
        let mut problems = Vec::new();
        let mut merged = 0;
        for edge in edges(definition) {
            let Some(text) = edge.assign["result"].as_str().filter(|text| text.contains("$merge([$result,")) else {
                continue;
            };
            merged += 1;
            let fields = jsonata::object_keys(text);
            if fields.is_empty() || !fields.is_subset(&result) {
                problems.push(format!("{} puts {fields:?} into the result", edge.from));
            }
        }
        if merged != 3 {
            problems.push(format!("the result is added to on {merged} ways"));
        }
        problems
    };
    check_one(
        "provision",
        rule,
        &[
            ("/States/CloseEndpoint/Assign", "result", json!("{% $merge([$result, {'endpoint': null}]) %}")),
            ("/States/CloseEndpoint/Catch/0/Assign", "result", json!("{% $merge([$result, {'action': []}]) %}")),
            ("/States/CloseEndpoint/Assign", "result", json!("{% $result %}")),
        ],
    );
}

#[test]
fn an_event_has_exactly_the_fields_of_its_type() {
    fn event<E: Event + JsonSchema>() -> (&'static str, Shape) {
        (E::DETAIL_TYPE, Shape::of::<E>())
    }
    let events = BTreeMap::from([
        event::<ActionRequired>(),
        event::<DefaultEndpointLive>(),
        event::<DomainFailed>(),
        event::<DomainLive>(),
        event::<DomainRegistered>(),
        event::<DomainRetired>(),
    ]);
    let provisioned = Shape::of::<ProvisionResult>().fields();
    let retired = Shape::of::<RetireResult>().fields();
    let failure: BTreeSet<String> = ["error", "code", "reason", "remedy", "state"].map(str::to_owned).into();
    let rule = |definition: &Value| {
        let mut problems = Vec::new();
        for (state, task) in tasks(definition) {
            for entry in task["Arguments"]["Entries"].as_array().into_iter().flatten() {
                let detail_type = entry["DetailType"].as_str().unwrap_or_default();
                let result = if detail_type == DomainRetired::DETAIL_TYPE { &retired } else { &provisioned };
                let Some(shape) = events.get(detail_type) else {
                    problems.push(format!("{state} announces {detail_type:?}, which has no type"));
                    continue;
                };
                let mut fields: BTreeSet<String> =
                    entry["Detail"].as_object().into_iter().flatten().map(|(k, _)| k.clone()).collect();
                let text = entry["Detail"].as_str().unwrap_or_default();
                fields.extend(jsonata::object_keys(text));
                for (merged, of_it) in [("$merge([$result,", result), ("$merge([$failure,", &failure)] {
                    if text.contains(merged) {
                        fields.extend(of_it.iter().cloned());
                    }
                }
                if fields != shape.fields() {
                    problems.push(format!("{state} says {fields:?}, the type {:?}", shape.fields()));
                }
            }
        }
        problems
    };
    check(
        rule,
        &[
            ("/States/AnnounceDefaultEndpoint/Arguments/Entries/0/Detail", "version", Value::Null),
            ("/States/AnnounceRegistration/Arguments/Entries/0", "DetailType", json!("Domain Bought")),
            ("/States/AnnounceFailure/Arguments/Entries/0", "Detail", json!("{% $failure %}")),
            ("/States/Announce/Arguments/Entries/0", "Detail", json!("{% $result %}")),
        ],
    );
}

#[test]
fn what_is_remembered_of_the_resources_is_what_the_next_run_reads() {
    let known = Shape::of::<Known>().fields();
    let rule = |definition: &Value| {
        let mut count = 0;
        let mut problems = Vec::new();
        for (state, task) in tasks(definition) {
            let remembered = &task["Arguments"]["ExpressionAttributeValues"][":known"]["S"];
            let Some(text) = remembered.as_str() else { continue };
            count += 1;
            if jsonata::object_keys(text) != known {
                problems.push(format!("{state} remembers {:?}, not {known:?}", jsonata::object_keys(text)));
            }
        }
        if count != 3 {
            problems.push(format!("{count} states remember, not Claim, Finish and RecordFailure"));
        }
        problems
    };
    check_one(
        "provision",
        rule,
        &[
            (
                "/States/Finish/Arguments/ExpressionAttributeValues/:known",
                "S",
                json!("{% $string({'apiId': $apiId, 'zoneId': $hostedZoneId}) %}"),
            ),
            ("/States/RecordFailure/Arguments/ExpressionAttributeValues", ":known", Value::Null),
        ],
    );
}

#[test]
fn the_attributes_in_the_table_are_the_constants_of_the_library() {
    let of_a_domain: BTreeSet<&str> = BTreeSet::from([
        domain::INCARNATION,
        domain::HELD_BY,
        domain::STATUS,
        domain::REQUEST,
        domain::FINGERPRINT,
        domain::RESULT,
        domain::KNOWN,
        domain::LAST_FAILURE,
    ]);
    let of_a_watch: BTreeSet<&str> = BTreeSet::from([table::KEY, watch::TOKEN, watch::HELD_BY, watch::RESOLVED]);
    let rule = |definition: &Value| {
        let (mut problems, mut used) = (Vec::new(), BTreeSet::new());
        for (state, task) in tasks(definition) {
            let arguments = &task["Arguments"];
            let Some(key) = arguments["Key"].as_object() else { continue };
            if key.keys().ne([table::KEY]) {
                problems.push(format!("{state} has the key {key:?}"));
            }
            let allowed = if key[table::KEY]["S"] == "{% $plan.itemKey %}" { &of_a_domain } else { &of_a_watch };
            for (placeholder, name) in arguments["ExpressionAttributeNames"].as_object().into_iter().flatten() {
                let name = name.as_str().unwrap_or_default();
                used.insert(name.to_owned());
                if !allowed.contains(name) || placeholder.strip_prefix('#') != Some(name) {
                    problems.push(format!("{state} calls an attribute {placeholder} = {name}"));
                }
            }
        }
        let wanted: BTreeSet<String> = of_a_domain.union(&of_a_watch).map(|name| (*name).to_owned()).collect();
        if used != wanted {
            problems.push(format!("these attributes are used: {used:?}"));
        }
        let status =
            |state: &str| &definition["States"][state]["Arguments"]["ExpressionAttributeValues"][":status"]["S"];
        if status("RecordFailure") != domain::FAILED {
            problems.push(format!(
                "a failed run is {}, and release-claim says {}",
                status("RecordFailure"),
                domain::FAILED
            ));
        }
        let finish = status("Finish");
        if finish != domain::LIVE {
            problems.push(format!("a finished run is {finish}, and plan looks for {}", domain::LIVE));
        }
        let incarnation = format!("{{% $states.result.Attributes.{}.S %}}", domain::INCARNATION);
        if definition["States"]["Claim"]["Assign"]["incarnation"] != incarnation {
            problems.push("Claim reads the incarnation from somewhere else".to_owned());
        }
        problems
    };
    check_one(
        "provision",
        rule,
        &[
            ("/States/Claim/Arguments/ExpressionAttributeNames", "#heldBy", json!("holder")),
            ("/States/AwaitCertificate/Arguments/ExpressionAttributeNames", "#token", json!("status")),
            ("/States/AwaitCertificate/Arguments/Key", "pk", json!({"S": "x"})),
            ("/States/Finish/Arguments/ExpressionAttributeNames", "#fingerprint", Value::Null),
            ("/States/Finish/Arguments/ExpressionAttributeValues", ":status", json!({"S": "DONE"})),
            ("/States/RecordFailure/Arguments/ExpressionAttributeValues", ":status", json!({"S": "LOST"})),
            ("/States/AwaitRegistration/Arguments/ExpressionAttributeNames", "#heldBy", json!("holder")),
            ("/States/Claim/Assign", "incarnation", json!("{% $states.context.Execution.Id %}")),
        ],
    );
}

/// What is kept of a domain besides its status and the result of the last run, read from the library's constants, so that
/// none can be forgotten: all of it ends with a retirement. The values of the status are in capitals.
fn of_an_incarnation() -> BTreeSet<String> {
    let text = read::text("crates/nameplate/src/contract/table.rs");
    let (_, rest) = text.split_once("pub mod domain {").expect("the attributes of a domain");
    let (constants, _) = rest.split_once("\n}").expect("their end");
    let values = constants.lines().filter_map(|line| line.trim().strip_prefix("pub const ")?.split('"').nth(1));
    let attributes = values.filter(|value| value.chars().any(|c| c.is_ascii_lowercase()));
    attributes.filter(|name| ![domain::STATUS, domain::RESULT].contains(name)).map(str::to_owned).collect()
}

#[test]
fn a_retirement_ends_the_incarnation_with_all_that_was_kept_of_it() {
    let rule = |definition: &Value| {
        let mut problems = Vec::new();
        let wanted = of_an_incarnation();
        let allowed = |name: &str| wanted.contains(name) || [domain::STATUS, domain::RESULT].contains(&name);
        for (state, task) in tasks(definition) {
            let names = task["Arguments"]["ExpressionAttributeNames"].as_object();
            for (placeholder, name) in names.into_iter().flatten() {
                if placeholder.strip_prefix('#') != name.as_str() || !allowed(&placeholder[1..]) {
                    problems.push(format!("{state} calls an attribute {placeholder} = {name}"));
                }
            }
        }
        let removed = |state: &str| -> BTreeSet<String> {
            let text = definition["States"][state]["Arguments"]["UpdateExpression"].as_str().unwrap_or_default();
            let (_, names) = text.split_once("REMOVE ").unwrap_or_default();
            names.split(", ").map(|name| name.trim_start_matches('#').to_owned()).collect()
        };
        let mut gone = removed("Claim");
        gone.extend(removed("Finish"));
        if gone != wanted {
            problems.push(format!("{gone:?} goes, not {wanted:?}"));
        }
        if !removed("Claim").contains(domain::INCARNATION) {
            problems.push("a token of the incarnation can be used again while its resources go".to_owned());
        }
        for (state, status) in [("Finish", domain::RETIRED), ("RecordFailure", domain::FAILED)] {
            if definition["States"][state]["Arguments"]["ExpressionAttributeValues"][":status"]["S"] != status {
                problems.push(format!("{state} does not say {status}"));
            }
        }
        problems
    };
    check_one(
        "retire",
        rule,
        &[
            ("/States/Claim/Arguments", "UpdateExpression", json!("SET #heldBy = :execution")),
            ("/States/Claim/Arguments/ExpressionAttributeNames", "#byHand", json!("left")),
            ("/States/Finish/Arguments", "UpdateExpression", json!("SET #status = :status REMOVE #heldBy")),
            ("/States/Finish/Arguments/ExpressionAttributeValues", ":status", json!({"S": "GONE"})),
            ("/States/RecordFailure/Arguments/ExpressionAttributeNames", "#heldBy", json!("holder")),
        ],
    );
}

#[test]
fn what_a_retirement_says_has_exactly_the_fields_of_its_types() {
    let (report, result) = (Shape::of::<RetireReport>().fields(), Shape::of::<RetireResult>().fields());
    let keys = |value: &Value| -> BTreeSet<String> {
        value.as_object().into_iter().flatten().map(|(name, _)| name.clone()).collect()
    };
    let rule = |definition: &Value| {
        let states = &definition["States"];
        let mut problems = Vec::new();
        if keys(&states["DryRunReport"]["Output"]) != report {
            problems.push("the dry run's report has other fields".to_owned());
        }
        for built in
            [&states["DeleteWatches"]["Assign"]["result"], &states["WhatGoes?"]["Choices"][1]["Assign"]["result"]]
        {
            if keys(built) != result {
                problems.push(format!("the result has {:?}", keys(built)));
            }
        }
        problems
    };
    check_one(
        "retire",
        rule,
        &[
            ("/States/DryRunReport/Output", "stays", Value::Null),
            ("/States/DeleteWatches/Assign/result", "left", Value::Null),
            ("/States/WhatGoes?/Choices/1/Assign/result", "gone", json!([])),
        ],
    );
}

#[test]
fn the_templates_table_has_the_librarys_keys_and_index() {
    let template = read::template();
    let table = &resources(&template, "AWS::DynamoDB::Table")["Table"]["Properties"];
    let hash = |name: &str| json!([{"AttributeName": name, "KeyType": "HASH"}]);
    assert_eq!(table["KeySchema"], hash(table::KEY));
    let attributes: BTreeSet<&str> = table["AttributeDefinitions"]
        .as_array()
        .expect("a list")
        .iter()
        .flat_map(|a| a["AttributeName"].as_str())
        .collect();
    assert_eq!(attributes, BTreeSet::from([table::KEY, watch::OPEN]));
    let indexes = table["GlobalSecondaryIndexes"].as_array().expect("a list");
    let [index] = indexes.as_slice() else { panic!("one index, not {indexes:?}") };
    assert_eq!((&index["IndexName"], &index["KeySchema"]), (&json!(watch::OPEN_INDEX), &hash(watch::OPEN)));
    assert_eq!(index["Projection"]["NonKeyAttributes"], json!([watch::DOMAIN, watch::CREATED]));
    assert_eq!(table["TimeToLiveSpecification"], json!({"AttributeName": watch::EXPIRES, "Enabled": true}));
}

#[test]
fn a_run_passes_on_what_an_event_asks_for_and_nothing_around_it() {
    let template = read::template();
    let event = &template["Resources"]["ProvisionStateMachine"]["Properties"]["Events"]["DomainRequested"];
    assert_eq!(event["Properties"]["InputPath"], "$.detail");
    let definition = read::definition();
    assert_eq!(definition["States"]["Plan"]["Arguments"]["Payload"], json!({"request": "{% $states.input %}"}));
}
