//! The APIs in a dry run: the one that the request goes on with, and those in whose place it comes.

use nameplate::Request;
use nameplate::contract::result::{ReportAction, ResourceReport};
use nameplate::resource::api::{Changes, Choice};

/// A line for each API.
pub(super) fn lines(request: &Request, choice: &Choice, changes: &Changes) -> Vec<ResourceReport> {
    let line = |action, name: &str, changes| ResourceReport {
        resource: "API".to_owned(),
        action,
        name: name.to_owned(),
        changes,
    };
    let mut lines = vec![match (&request.api.existing, &choice.used) {
        (Some(existing), _) => {
            let name = format!("{}, which exists and is not changed", existing.api_id);
            line(ReportAction::Exists, &name, Vec::new())
        }
        (None, None) => line(ReportAction::Create, request.domain_name.as_str(), changes.shown()),
        (None, Some(api)) => {
            let action = if changes.is_empty() { ReportAction::Exists } else { ReportAction::Change };
            line(action, &api.id, changes.shown())
        }
    }];
    lines.extend(choice.replaced.iter().map(|id| line(ReportAction::Remove, id, Vec::new())));
    lines
}
