//! Further records in a dry run, and what is taken over from others.

use nameplate::Request;
use nameplate::contract::result::{FieldChange, ReportAction, ResourceReport};
use nameplate::request::ExactRecord;
use nameplate::resource::difference;
use nameplate::resource::record::{Change, Decision};
use nameplate::resource::thing::Thing;
use serde_json::Value;

/// Changes of records that a report names one by one: it is part of what Step Functions hands on.
pub(crate) const MAX_RECORD_LINES: usize = 100;
/// Bytes of all fields of records that a report shows, each as its change is handed on: a report has them twice, and
/// the values of one record alone can have 16,000 characters.
pub(crate) const MAX_RECORD_FIELD_BYTES: usize = 16_000;

pub(crate) fn taken_over(thing: &Thing) -> ResourceReport {
    ResourceReport {
        resource: thing.resource.clone(),
        action: ReportAction::Adopt,
        name: format!("{} ({})", thing.name, thing.reason),
        changes: Vec::new(),
    }
}

/// What happens to the further records: each change by name, with the fields that differ, and one line for all that stay.
pub(crate) fn record_lines(request: &Request, decision: &Decision) -> Vec<ResourceReport> {
    let line =
        |action, name: String| ResourceReport { resource: "record".to_owned(), action, name, changes: Vec::new() };
    let written = decision.changes.iter().filter(|change| change.create.is_some()).count();
    let stays = request.records.len().saturating_sub(written);
    let mut lines = Vec::new();
    if stays > 0 {
        lines.push(line(ReportAction::Exists, format!("{stays} as wanted")));
    }
    let mut room = MAX_RECORD_FIELD_BYTES;
    for change in decision.changes.iter().take(MAX_RECORD_LINES) {
        let mut line = line(action(change), change.subject());
        let fields = fields(change);
        let size = serde_json::to_string(&fields).map_or(usize::MAX, |json| json.len());
        match room.checked_sub(size) {
            Some(rest) => (room, line.changes) = (rest, fields),
            None => line.name.push_str(" (its fields are too long to be shown)"),
        }
        lines.push(line);
    }
    let more = decision.changes.iter().skip(MAX_RECORD_LINES);
    for wanted in [ReportAction::Create, ReportAction::Change, ReportAction::Remove] {
        let changes = more.clone().filter(|change| action(change) == wanted).count();
        if changes > 0 {
            lines.push(line(wanted, format!("{changes} more")));
        }
    }
    lines.extend(decision.yielding.iter().map(|record| {
        let name = format!("{} {} (the host name's alias records come in its place)", record.name, record.kind);
        line(ReportAction::Remove, name)
    }));
    lines
}

fn action(change: &Change) -> ReportAction {
    match (&change.delete, &change.create) {
        (Some(_), Some(_)) => ReportAction::Change,
        (Some(_), None) => ReportAction::Remove,
        (None, _) => ReportAction::Create,
    }
}

/// The fields in which a record differs from what stands.
fn fields(change: &Change) -> Vec<FieldChange> {
    let side = |record: &Option<ExactRecord>| record.as_ref().map_or(Value::Null, ExactRecord::shown);
    difference::changes(&side(&change.delete), &side(&change.create))
}
