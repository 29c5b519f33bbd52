//! Prints what is made from the types of `nameplate`: the JSON Schemas and the README's field table, as one JSON
//! object of texts. It must not know where they are kept; `cargo xtask schema` does.

#![cfg_attr(test, allow(clippy::unwrap_used, reason = "a test fails by panicking"))]

use std::io::Write;

use nameplate::contract::event;
use schemars::{Schema, schema_for};
use serde_json::{Map, Value, json};

fn main() -> std::io::Result<()> {
    let request = cleaned(schema_for!(nameplate::Request));
    let retire = cleaned(schema_for!(nameplate::RetireRequest));
    let texts = json!({
        "request": format!("{request:#}\n"),
        "result": format!("{:#}\n", cleaned(schema_for!(nameplate::contract::result::ProvisionResult))),
        "dryRun": format!("{:#}\n", cleaned(schema_for!(nameplate::contract::result::DryRun))),
        "retire": format!("{retire:#}\n"),
        "retireResult": format!("{:#}\n", cleaned(schema_for!(nameplate::contract::result::RetireResult))),
        "retireDryRun": format!("{:#}\n", cleaned(schema_for!(nameplate::contract::result::RetireReport))),
        "events": {
            "action-required": format!("{:#}\n", cleaned(schema_for!(event::ActionRequired))),
            "default-endpoint-live": format!("{:#}\n", cleaned(schema_for!(event::DefaultEndpointLive))),
            "domain-failed": format!("{:#}\n", cleaned(schema_for!(event::DomainFailed))),
            "domain-live": format!("{:#}\n", cleaned(schema_for!(event::DomainLive))),
            "domain-registered": format!("{:#}\n", cleaned(schema_for!(event::DomainRegistered))),
            "domain-registration-ended": format!("{:#}\n", cleaned(schema_for!(event::RegistrationEnded))),
            "domain-retired": format!("{:#}\n", cleaned(schema_for!(event::DomainRetired))),
        },
        "table": table(&request),
        "retireTable": table(&retire),
    });
    writeln!(std::io::stdout(), "{texts}")
}

/// A schema whose descriptions name no sources: those are for who reads the code.
fn cleaned(schema: Schema) -> Value {
    let mut value = Value::from(schema);
    clean(&mut value);
    value
}

fn clean(value: &mut Value) {
    match value {
        Value::Object(members) => {
            for (name, member) in members.iter_mut() {
                match member {
                    Value::String(text) if name == "description" => *text = without_sources(text),
                    _ => clean(member),
                }
            }
        }
        Value::Array(items) => items.iter_mut().for_each(clean),
        _ => {}
    }
}

fn without_sources(text: &str) -> String {
    let mut clean = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once(" (AWS-FACTS") {
        clean.push_str(before);
        rest = after.split_once(')').map_or("", |(_, rest)| rest);
    }
    clean + rest
}

/// One row for each field of the request, nested ones by path, in the order of the types.
fn table(schema: &Value) -> String {
    let mut rows = String::from("| field | type | default | meaning |\n| --- | --- | --- | --- |\n");
    add_rows(&mut rows, schema, schema, "");
    rows
}

fn add_rows(rows: &mut String, root: &Value, object: &Value, path: &str) {
    let none = Map::new();
    for (name, field) in object["properties"].as_object().unwrap_or(&none) {
        let path = format!("{path}{name}");
        let required = object["required"].as_array().is_some_and(|names| names.iter().any(|required| required == name));
        let target = target(root, field);
        let default = match &field["default"] {
            _ if required => "**required**".to_owned(),
            // Of an object, the fields' own defaults follow.
            Value::Object(members) if !members.is_empty() => String::new(),
            Value::Null => String::new(),
            default => format!("`{default}`"),
        };
        let meaning = field["description"].as_str().or(target["description"].as_str()).unwrap_or_default();
        let meaning = meaning.split("\n\n").next().unwrap_or_default().replace('\n', " ").replace('|', "\\|");
        rows.push_str(&format!("| `{path}` | {} | {default} | {meaning} |\n", kind(root, field)));
        let element = self::target(root, &target["items"]);
        if target["properties"].is_object() {
            add_rows(rows, root, target, &format!("{path}."));
        } else if element["properties"].is_object() {
            add_rows(rows, root, element, &format!("{path}[]."));
        }
        for choice in target["oneOf"].as_array().into_iter().flatten() {
            add_rows(rows, root, &optional(choice), &format!("{path}."));
        }
    }
}

/// A choice among objects, whose fields are then not required by themselves.
fn optional(choice: &Value) -> Value {
    json!({"properties": choice["properties"]})
}

/// What a schema stands for: `$ref` followed, `null` beside it left out.
fn target<'a>(root: &'a Value, schema: &'a Value) -> &'a Value {
    if let Some(name) = schema["$ref"].as_str().and_then(|reference| reference.strip_prefix("#/$defs/")) {
        return target(root, &root["$defs"][name]);
    }
    let choices = schema["anyOf"].as_array().map(Vec::as_slice).unwrap_or_default();
    match choices.iter().find(|choice| choice["type"] != "null") {
        Some(choice) => target(root, choice),
        None => schema,
    }
}

/// The type in words.
fn kind(root: &Value, schema: &Value) -> String {
    let schema = target(root, schema);
    if let Some(choices) = schema["oneOf"].as_array() {
        let named =
            |choice: &Value| choice["properties"].as_object()?.keys().next().map(|name| format!("object `{name}`"));
        let values: Vec<_> =
            choices.iter().map(|choice| named(choice).unwrap_or_else(|| format!("`{}`", choice["const"]))).collect();
        return values.join(", ");
    }
    let name = match &schema["type"] {
        Value::Array(names) => names.iter().find(|name| *name != "null").unwrap_or(&Value::Null),
        name => name,
    };
    match name.as_str().unwrap_or("any") {
        "array" => format!("list of {}", kind(root, &schema["items"])),
        "object" if schema["additionalProperties"].is_object() => {
            format!("map to {}", kind(root, &schema["additionalProperties"]))
        }
        name @ ("integer" | "number") => match (&schema["minimum"], &schema["maximum"]) {
            (Value::Number(least), Value::Number(most)) => format!("{name}, {least} to {most}"),
            (Value::Number(least), _) => format!("{name}, {least} or more"),
            _ => name.to_owned(),
        },
        name => name.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_field_has_a_row_with_its_path() {
        let table = table(&cleaned(schema_for!(nameplate::Request)));
        for row in [
            "| `domainName` | string | **required** |",
            "| `registration.years` | integer, 1 to 10 | `1` |",
            "| `registration.maxPrice.currency` | string | **required** |",
            "| `api.routes[].route` | string | **required** |",
            "| `api.authorizer` | `\"NONE\"`, `\"IAM\"`, object `jwt`, object `lambda` |",
            "| `api.authorizer.jwt.issuer` | string | **required** |",
            "| `tags` | map to string | `{}` |",
            "| `dryRun` | boolean | `false` |",
        ] {
            assert!(table.contains(row), "{row} is not in\n{table}");
        }
        assert!(!table.contains("AWS-FACTS"));
    }

    #[test]
    fn sources_are_left_out() {
        assert_eq!(without_sources("Keys (AWS-FACTS 3.1.5). More (AWS-FACTS 4.1.5)"), "Keys. More");
        assert_eq!(without_sources("Plain (text)"), "Plain (text)");
    }
}
