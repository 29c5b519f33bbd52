//! The difference between what is there and what a request wants, field by field, and how it is shown.
//! Pure: it must not know what the documents describe.

use serde::Serialize;
use serde_json::{Value, json};

use crate::contract::result::{FieldChange, PriceReport, Report, ReportAction, ResourceReport};
use crate::resource::thing::Thing;

/// Stands for what is known only once the run has made it.
pub const NOT_YET: &str = "(known after the run)";

/// What of a kind of thing a run writes: an enum without data, so that all of it can be gone through.
pub trait Attribute: Copy + PartialEq {
    /// Its path in the thing, in the words of a request; `{}` stands for the key where there are several of it.
    fn path(self) -> &'static str;
}

/// One attribute that is not as it is wanted.
#[derive(Clone, Debug, PartialEq)]
pub struct Difference<A> {
    /// Which.
    pub attribute: A,
    /// Which of several: the key of a tag, a route or a record.
    pub key: Option<String>,
    /// How it stands. Null: it is not there.
    pub before: Value,
    /// How it is wanted. Null: it goes.
    pub after: Value,
}

/// Gathers what differs.
#[derive(Clone, Debug)]
pub struct Differences<A>(Vec<Difference<A>>);

impl<A> Default for Differences<A> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<A: Attribute> Differences<A> {
    /// Notes the attribute if the two differ.
    pub fn compare<T: PartialEq + Serialize>(&mut self, attribute: A, before: &T, after: &T) {
        if before != after {
            self.note(attribute, None, json!(before), json!(after));
        }
    }

    /// Notes the one of several if the two differ.
    pub fn compare_one<T: PartialEq + Serialize>(&mut self, attribute: A, key: &str, before: &T, after: &T) {
        if before != after {
            self.note(attribute, Some(key), json!(before), json!(after));
        }
    }

    /// Notes the attribute if it is not what is wanted, or if that is known only after the run.
    pub fn compare_known(&mut self, attribute: A, before: Option<&str>, after: Option<&str>) {
        if before.is_none() || before != after {
            self.note(attribute, None, json!(before), json!(after.unwrap_or(NOT_YET)));
        }
    }

    /// Notes a difference.
    pub fn note(&mut self, attribute: A, key: Option<&str>, before: Value, after: Value) {
        self.0.push(Difference { attribute, key: key.map(str::to_owned), before, after });
    }

    /// What was noted, in that order.
    pub fn into_vec(self) -> Vec<Difference<A>> {
        self.0
    }
}

impl<A: Attribute> Difference<A> {
    /// As a plan shows it.
    pub fn shown(&self) -> FieldChange {
        let field = match self.attribute.path().split_once("{}") {
            Some((before, after)) => {
                let key = quoted(self.key.as_deref().unwrap_or_default());
                format!("{before}{key}{after}")
            }
            None => self.attribute.path().to_owned(),
        };
        FieldChange { field, before: self.before.clone(), after: self.after.clone() }
    }
}

/// Differences as a plan shows them.
pub fn shown<A: Attribute>(differences: &[Difference<A>]) -> Vec<FieldChange> {
    differences.iter().map(Difference::shown).collect()
}

/// Whether one of the attributes differs.
pub fn any<A: Attribute>(differences: &[Difference<A>], of: &[A]) -> bool {
    differences.iter().any(|difference| of.contains(&difference.attribute))
}

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

/// The path of a member.
fn below(path: &str, key: &str) -> String {
    let key = quoted(key);
    if path.is_empty() { key } else { format!("{path}.{key}") }
}

/// A key as it stands in a path: one that is no plain word stands in quotes.
fn quoted(key: &str) -> String {
    let plain = !key.is_empty() && key.chars().all(|c| c.is_ascii_alphanumeric() || "-_".contains(c));
    if plain { key.to_owned() } else { Value::from(key).to_string() }
}

/// The report as lines to read: a sign, the resource, what it costs, and below it a line for each field.
pub fn lines(report: &Report) -> Vec<String> {
    let mut lines = Vec::new();
    let count = |actions: &[ReportAction]| report.resources.iter().filter(|r| actions.contains(&r.action)).count();
    for resource in &report.resources {
        let costs = report.price.as_ref().filter(|_| resource.action == ReportAction::Buy).map(costs);
        let costs = costs.map(|costs| format!("   {costs}")).unwrap_or_default();
        lines.push(format!("{} {} {}{costs}", sign(resource), resource.resource, resource.name));
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

/// What a registration costs, in words.
fn costs(price: &PriceReport) -> String {
    let money = |money: &crate::request::Money| format!("{:.2} {}", money.amount, money.currency);
    let years = if price.years == 1 { "1 year".to_owned() } else { format!("{} years", price.years) };
    let then = match price.auto_renew {
        true => format!("then {} a year", money(&price.renewal)),
        false => "not renewed".to_owned(),
    };
    format!("{} for {years}, {then}", money(&price.total))
}

/// What a retirement takes away and what stays, as lines to read.
pub fn retire_lines(goes: &[Thing], stays: &[Thing]) -> Vec<String> {
    let going = goes.iter().map(|thing| format!("- {} {}", thing.resource, thing.name));
    let staying = stays.iter().map(|thing| format!("  {} {} ({})", thing.resource, thing.name, thing.reason));
    let counted = format!("Plan: {} to remove, {} to stay.", goes.len(), stays.len());
    going.chain(staying).chain([counted]).collect()
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
