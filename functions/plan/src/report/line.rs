//! One line of a report: what stands against what is wanted. It must not know the kinds of things.

use nameplate::contract::result::{FieldChange, ReportAction, ResourceReport};
use nameplate::resource::difference;
use serde_json::Value;

/// One resource: `found` is its id. `before` is null where it is not there, and then nothing changes but all is made.
pub(super) fn resource(
    kind: &str,
    found: Option<String>,
    wanted: &str,
    before: &Value,
    after: &Value,
) -> ResourceReport {
    compared(kind, found, wanted, difference::changes(before, after))
}

/// One resource with what differs.
pub(super) fn compared(kind: &str, found: Option<String>, wanted: &str, changes: Vec<FieldChange>) -> ResourceReport {
    let action = match (&found, changes.is_empty()) {
        (None, _) => ReportAction::Create,
        (Some(_), true) => ReportAction::Exists,
        (Some(_), false) => ReportAction::Change,
    };
    ResourceReport { resource: kind.to_owned(), action, name: found.unwrap_or_else(|| wanted.to_owned()), changes }
}
