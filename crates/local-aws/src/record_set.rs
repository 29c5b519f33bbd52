//! Record sets, as a name server has them, and which one answers a question. Must not know where they are kept.

use crate::domain_name::is_within;

/// A record set, with plain names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct RecordSet {
    pub(crate) name: String,
    pub(crate) kind: String,
    pub(crate) values: Vec<String>,
    /// The target's name.
    pub(crate) alias: Option<String>,
}

/// The record set for a name in its zone: of the type, or a CNAME; else that of the closest wildcard.
pub(crate) fn pick<'a>(records: &'a [RecordSet], zone: &str, name: &str, kind: &str) -> Option<&'a RecordSet> {
    let at = |owner: &str| {
        let of = |wanted: &str| records.iter().find(|record| record.name == owner && record.kind == wanted);
        of(kind).or_else(|| of("CNAME"))
    };
    if let Some(record) = at(name) {
        return Some(record);
    }
    if records.iter().any(|record| record.name == name) {
        return None;
    }
    let mut rest = name;
    while let Some((_, parent)) = rest.split_once('.') {
        if !is_within(parent, zone) {
            return None;
        }
        if let Some(record) = at(&format!("*.{parent}")) {
            return Some(record);
        }
        rest = parent;
    }
    None
}

#[cfg(test)]
mod tests;
