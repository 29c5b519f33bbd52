//! The registration in a dry run, and what the registry says of name servers.

use nameplate::Request;
use nameplate::contract::RegistrationPlan;
use nameplate::contract::result::{ReportAction, ResourceReport};
use nameplate::request::NameServers;
use nameplate::resource::difference::shown;
use nameplate::resource::registration::{self, RegisteredDomain, Wanted};
use nameplate::resource::tags::Tagging;

use super::line::compared;

/// The registration. `tagging` is given where this stack bought it.
pub(super) fn registration(
    request: &Request,
    plan: RegistrationPlan,
    standing: Option<&RegisteredDomain>,
    tagging: Option<&Tagging>,
) -> ResourceReport {
    let domain = request.domain_name.as_str();
    let exists = |name: String| ResourceReport {
        resource: "registration".to_owned(),
        action: ReportAction::Exists,
        name,
        changes: Vec::new(),
    };
    match plan {
        _ if !request.domain_name.is_registrable() => {
            let above = request.domain_name.registrable();
            exists(format!("{above}, above {domain}, which is not registered by itself"))
        }
        RegistrationPlan::NotManaged => {
            exists(format!("{domain}, not registered in this account; without `registration` it is not bought"))
        }
        RegistrationPlan::Register | RegistrationPlan::Registered => {
            let wanted = Wanted { auto_renew: registration::wanted_renewal(request), tagging };
            let differences = registration::differences(standing, &wanted);
            let found = (plan == RegistrationPlan::Registered).then_some(domain);
            let report = compared("registration", found.map(str::to_owned), domain, shown(&differences));
            match plan {
                RegistrationPlan::Register => ResourceReport { action: ReportAction::Buy, ..report },
                _ => report,
            }
        }
    }
}

/// A registry that points to no zone of the name.
pub(super) fn name_servers(request: &Request, registry: &RegisteredDomain) -> ResourceReport {
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
