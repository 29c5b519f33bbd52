//! The registration in a dry run, and what the registry says of name servers.

use nameplate::Request;
use nameplate::contract::RegistrationPlan;
use nameplate::contract::result::{ReportAction, ResourceReport};
use nameplate::request::NameServers;

use crate::look;

/// The registration, as far as tags do not matter.
pub(super) fn registration(request: &Request, plan: RegistrationPlan) -> ResourceReport {
    let domain = request.domain_name.as_str();
    let (action, name) = match plan {
        _ if !request.domain_name.is_registrable() => (
            ReportAction::Exists,
            format!("{}, above {domain}, which is not registered by itself", request.domain_name.registrable()),
        ),
        RegistrationPlan::Register => (ReportAction::Buy, domain.to_owned()),
        RegistrationPlan::Registered => (ReportAction::Exists, domain.to_owned()),
        RegistrationPlan::NotManaged => (
            ReportAction::Exists,
            format!("{domain}, not registered in this account; without `registration` it is not bought"),
        ),
    };
    ResourceReport { resource: "registration".to_owned(), action, name, changes: Vec::new() }
}

/// A registry that points to no zone of the name.
pub(super) fn name_servers(request: &Request, registry: &look::Detail) -> ResourceReport {
    let (domain, servers) = (&request.domain_name, registry.name_servers.join(", "));
    let (action, name) = match request.name_servers {
        NameServers::Correct => (ReportAction::Change, format!("{domain}, from {servers} to those of the hosted zone")),
        NameServers::Report => (
            ReportAction::Exists,
            format!("{domain} points to {servers}, which is refused unless `nameServers` is `correct`"),
        ),
    };
    ResourceReport { resource: "name servers".to_owned(), action, name, changes: Vec::new() }
}
