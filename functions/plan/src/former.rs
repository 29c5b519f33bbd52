//! What stands of ours in hosted zones that are not in use any more: those of earlier requests, and all of them where the
//! customer's own DNS answers now. Read-only. A run leaves it there, since somebody may still be asking that zone; a
//! retirement takes it. It must not know how anything is removed.

use std::collections::BTreeSet;

use aws_sdk_route53::types::ResourceRecordSet;
use nameplate::StepError;
use nameplate::contract::result::{ReportAction, ResourceReport};
use nameplate::domain::dns_form;
use nameplate::function::runtime::now;
use nameplate::request::Dns;
use nameplate::resource::alias::Whose;
use nameplate::resource::record;
use nameplate::resource::record::{Change, Scope, Standing};

use crate::foreign::{Looking, host_record};
use crate::look;

/// Records of a zone that are named one by one.
const MAX_NAMED: usize = 20;

/// A hosted zone that is not in use any more, with records of ours.
#[derive(Debug)]
pub(crate) struct Former {
    zone: String,
    /// By name and type.
    records: BTreeSet<String>,
}

impl Former {
    /// For the person who asked.
    pub(crate) fn action(&self) -> String {
        format!(
            "The hosted zone {}, which this domain's records are not written to any more, still holds {}. They stay for \
             whoever still asks that zone, and are removed when the domain is retired (a validation record once no \
             certificate of the account needs it). Delete them by hand if they have to go earlier.",
            self.zone,
            self.named()
        )
    }

    pub(crate) fn line(&self) -> ResourceReport {
        ResourceReport {
            resource: "former hosted zone".to_owned(),
            action: ReportAction::Exists,
            name: format!("{}, which keeps until the domain is retired: {}", self.zone, self.named()),
            changes: Vec::new(),
        }
    }

    fn named(&self) -> String {
        let named = self.records.iter().take(MAX_NAMED).cloned().collect::<Vec<_>>().join(", ");
        match self.records.len().saturating_sub(MAX_NAMED) {
            0 => named,
            more => format!("{named} and {more} more"),
        }
    }
}

/// The zones of earlier runs in which something of ours still stands, in order of their ids.
///
/// # Errors
/// What reading can fail with.
pub(crate) async fn zones(looking: &Looking<'_>) -> Result<Vec<Former>, StepError> {
    let Looking { known, owned, zone_id, request, .. } = looking;
    if zone_id.is_none() && request.dns == Dns::Route53 {
        // There is none yet: `create-zone` makes it, or finds the registrar's.
        return Ok(Vec::new());
    }
    let recorded = known.former_hosted_zone_ids.iter().chain(owned.iter().filter_map(|one| one.zone.as_ref()));
    let ids: BTreeSet<&str> = recorded.map(String::as_str).filter(|id| Some(*id) != *zone_id).collect();
    let mut found = Vec::new();
    for id in ids {
        if let Some(sets) = looking.picture.record_sets(id).await? {
            found.push(Former { zone: id.to_owned(), records: ours(looking, id, &sets) });
        }
    }
    found.retain(|former| !former.records.is_empty());
    Ok(found)
}

/// Alias records of the request's host names, validation records and further records.
fn ours(looking: &Looking<'_>, zone: &str, sets: &[ResourceRecordSet]) -> BTreeSet<String> {
    let Looking { known, owned, request, .. } = looking;
    let hosts = request.hostnames();
    let validation: Vec<_> = known.validation_records.iter().chain(&known.former_validation_records).cloned().collect();
    let standing: Vec<Standing> = sets.iter().map(look::as_standing).collect();
    let decision = record::decide(&Scope { zone, ..Scope::default() }, &[], owned, &standing, &validation, now());
    let mut found: BTreeSet<String> = decision.changes.iter().map(Change::subject).collect();
    for (set, standing) in sets.iter().zip(&standing) {
        let name = standing.name();
        let leads_here = hosts.iter().any(|host| host == name) && {
            let target = looking.target(name);
            host_record(set).whose(target, looking.is_earlier(name, set)) == Whose::Ours
        };
        let proves = standing.kind() == "CNAME"
            && validation.iter().any(|proof| dns_form(&proof.name) == name && standing.leads_to(&proof.value));
        if leads_here || proves {
            found.insert(standing.subject());
        }
    }
    found
}
