//! The difference between what is there and what a request wants, field by field, and how it is shown.
//! Pure: it must not know what the documents describe.

use serde_json::Value;

use crate::result::{FieldChange, Report, ReportAction, ResourceReport};

/// The fields in which two documents differ, by path, in order; a list counts as one value.
pub fn changes(before: &Value, after: &Value) -> Vec<FieldChange> {
    let mut changes = Vec::new();
    compare("", before, after, &mut changes);
    changes
}

fn compare(path: &str, before: &Value, after: &Value, changes: &mut Vec<FieldChange>) {
    let empty = serde_json::Map::new();
    let object = |value: &Value| value.is_object() || value.is_null();
    if (before.is_object() || after.is_object()) && object(before) && object(after) {
        let (before, after) = (before.as_object().unwrap_or(&empty), after.as_object().unwrap_or(&empty));
        let mut keys: Vec<&String> = before.keys().chain(after.keys()).collect();
        keys.sort();
        keys.dedup();
        for key in keys {
            let field = |members: &serde_json::Map<String, Value>| members.get(key).cloned().unwrap_or_default();
            compare(&below(path, key), &field(before), &field(after), changes);
        }
    } else if before != after {
        changes.push(FieldChange { field: path.to_owned(), before: before.clone(), after: after.clone() });
    }
}

/// The path of a member: a key that is no plain word stands in quotes.
fn below(path: &str, key: &str) -> String {
    let plain = !key.is_empty() && key.chars().all(|c| c.is_ascii_alphanumeric() || "-_".contains(c));
    let key = if plain { key.to_owned() } else { Value::from(key).to_string() };
    if path.is_empty() { key } else { format!("{path}.{key}") }
}

/// The report as lines to read: a sign, the resource, and below it a line for each field.
pub fn lines(report: &Report) -> Vec<String> {
    let mut lines = Vec::new();
    let count = |actions: &[ReportAction]| report.resources.iter().filter(|r| actions.contains(&r.action)).count();
    for resource in &report.resources {
        lines.push(format!("{} {} {}", sign(resource), resource.resource, resource.name));
        lines.extend(resource.changes.iter().map(line));
    }
    let taken = match count(&[ReportAction::Adopt]) {
        0 => String::new(),
        taken => format!(", {taken} to take over from others"),
    };
    lines.push(format!(
        "Plan: {} to add, {} to change, {} to remove{taken}.",
        count(&[ReportAction::Create, ReportAction::Buy]),
        count(&[ReportAction::Change]),
        count(&[ReportAction::Remove])
    ));
    lines
}

fn sign(resource: &ResourceReport) -> char {
    match resource.action {
        ReportAction::Exists => ' ',
        ReportAction::Create | ReportAction::Buy => '+',
        ReportAction::Change => '~',
        ReportAction::Remove => '-',
        ReportAction::Adopt => '!',
    }
}

fn line(change: &FieldChange) -> String {
    let FieldChange { field, before, after } = change;
    match (before, after) {
        (Value::Null, after) => format!("    + {field}: {after}"),
        (before, Value::Null) => format!("    - {field}: {before}"),
        (before, after) => format!("    ~ {field}: {before} -> {after}"),
    }
}

#[cfg(test)]
mod tests;
