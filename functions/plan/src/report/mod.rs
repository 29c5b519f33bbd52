//! The dry run's report: what is there, what the request wants, and the difference. Read-only.
//! What a resource is like stands in the words of the request, so that a changed field has the name that it has there.
//! It must not decide what a run does: the steps compare for themselves.

mod api;
mod host;
mod record;
mod registration;

use std::collections::BTreeMap;

use nameplate::contract::result::{ReportAction, ResourceReport};
use nameplate::contract::{Known, RegistrationPlan};
use nameplate::request::Dns;
use nameplate::resource::api::stage;
use nameplate::resource::certificate::{self, Certificate, Wanted};
use nameplate::resource::difference::{self, Attribute, Difference};
use nameplate::resource::hosted_zone::{self, HostedZone};
use nameplate::resource::registration::RegisteredDomain;
use nameplate::resource::tags;
use nameplate::{Request, StepError};
use serde_json::{Value, json};

use host::Hosts;
#[cfg(test)]
pub(crate) use record::{MAX_RECORD_FIELD_BYTES, MAX_RECORD_LINES};
pub(crate) use record::{record_lines, taken_over};

use crate::look;
use crate::step::{Clients, Settings};

/// Stands for the id of what does not exist yet.
const NOT_YET: &str = "(known after the run)";

/// What was seen before the report is made.
pub(crate) struct Seen<'a> {
    pub(crate) known: &'a Known,
    pub(crate) plan: RegistrationPlan,
    /// Whether this stack bought the name, so that the registration is tagged.
    pub(crate) bought: bool,
    pub(crate) registry: Option<&'a RegisteredDomain>,
    pub(crate) custom_domains: &'a look::CustomDomains,
    /// The zone that the records go into, if there is one by now.
    pub(crate) zone: Option<&'a HostedZone>,
    /// The certificate that is used, or replaced.
    pub(crate) certificate: Option<Certificate>,
    /// The certificate as it is wanted.
    pub(crate) wanted: &'a Wanted<'a>,
}

/// The tags that a request is about: those that it wants, and those that an earlier run set. What others set stays.
struct Tagging<'a> {
    wanted: BTreeMap<String, String>,
    former: &'a [String],
    stack: &'a str,
}

impl<'a> Tagging<'a> {
    fn of(request: &'a Request, settings: &'a Settings, known: &'a Known) -> Self {
        Self {
            wanted: tags::wanted(&request.tags, &request.domain_name, &settings.stack),
            former: &known.tag_keys,
            stack: &settings.stack,
        }
    }

    fn shown(&self, mut present: BTreeMap<String, String>) -> BTreeMap<String, String> {
        present.retain(|key, _| self.wanted.contains_key(key) || self.former.contains(key));
        present
    }
}

/// Every resource of the request, in the order in which it would be made.
///
/// # Errors
/// What reading can fail with.
pub(crate) async fn resources(
    clients: &Clients,
    settings: &Settings,
    request: &Request,
    seen: &Seen<'_>,
) -> Result<Vec<ResourceReport>, StepError> {
    let Seen { known, plan, bought, registry, custom_domains, zone, ref certificate, wanted } = *seen;
    let domain = request.domain_name.as_str();
    let tagging = Tagging::of(request, settings, known);
    let found = look::apis(clients, settings, request, known).await?;
    let api_before = match &found.used {
        Some(found) => api::api(clients, request, &tagging, found).await?,
        None => Value::Null,
    };
    let own_id = found.used.and_then(|api| api.api_id);
    let (api_id, api_stage) = match &request.api.existing {
        Some(existing) => (Some(existing.api_id.clone()), existing.stage.as_str()),
        None => (own_id.clone(), stage(request.api.protocol())),
    };
    let misdirected = registry.filter(|registry| hosted_zone::misdirected(&registry.name_servers, zone));
    let zone_id = zone.map(|zone| zone.id.as_str());
    let kept = certificate.as_ref().filter(|found| certificate::fits(found, wanted));
    let certificate_kept = kept.map(|found| found.arn.clone());
    let after = json!({
        "certificate": certificate_kept.as_deref().unwrap_or(NOT_YET),
        "api": api_id.as_deref().unwrap_or(NOT_YET),
        "stage": api_stage,
        "tags": tagging.wanted,
    });
    let mut resources = match &request.api.existing {
        Some(existing) => vec![resource(
            "API",
            Some(format!("{}, which exists and is not changed", existing.api_id)),
            domain,
            &Value::Null,
            &Value::Null,
        )],
        None => vec![resource("API", own_id, domain, &api_before, &api::wanted_api(request, &tagging))],
    };
    resources.extend(found.replaced.into_iter().map(|id| ResourceReport {
        resource: "API".to_owned(),
        action: ReportAction::Remove,
        name: id,
        changes: Vec::new(),
    }));
    resources.push(registration::registration(request, plan, registry, bought.then_some(wanted.tagging)));
    if request.dns == Dns::Route53 {
        // A zone around the name serves others too, and is not tagged.
        let differences = match request.domain_name.is_registrable() {
            true => hosted_zone::differences(zone, wanted.tagging),
            false => Vec::new(),
        };
        resources.push(differing("hosted zone", zone_id, domain, &differences));
        resources.extend(misdirected.map(|registry| registration::name_servers(request, registry)));
    }
    resources.push(differing(
        "certificate",
        certificate.as_ref().map(|found| found.arn.as_str()),
        &request.certificate_names().join(", "),
        &certificate::differences(certificate.as_ref(), wanted),
    ));
    let hosts = Hosts { clients, tagging: &tagging, zone_id, after: &after };
    for hostname in request.hostnames() {
        if custom_domains.foreign.contains_key(&hostname) {
            // Told among what is taken over.
            continue;
        }
        let found = custom_domains.wanted.get(&hostname);
        resources.push(hosts.custom_domain(&hostname, found).await?);
        if request.dns == Dns::Route53 {
            resources.push(hosts.aliases(&hostname, found).await?);
        }
    }
    for hostname in &custom_domains.dropped {
        resources.extend(hosts.removed(hostname).await?);
    }
    Ok(resources)
}

/// One resource: `found` is its id. `before` is null where it is not there, and then nothing changes but all is made.
fn resource(kind: &str, found: Option<String>, wanted: &str, before: &Value, after: &Value) -> ResourceReport {
    let changes = difference::changes(before, after);
    let action = match (&found, changes.is_empty()) {
        (None, _) => ReportAction::Create,
        (Some(_), true) => ReportAction::Exists,
        (Some(_), false) => ReportAction::Change,
    };
    ResourceReport { resource: kind.to_owned(), action, name: found.unwrap_or_else(|| wanted.to_owned()), changes }
}

/// One resource: `found` is its id. Where it is not there all of it is made.
fn differing<A: Attribute>(
    kind: &str,
    found: Option<&str>,
    wanted: &str,
    differences: &[Difference<A>],
) -> ResourceReport {
    let action = match found {
        None => ReportAction::Create,
        Some(_) if differences.is_empty() => ReportAction::Exists,
        Some(_) => ReportAction::Change,
    };
    let name = found.unwrap_or(wanted).to_owned();
    ResourceReport { resource: kind.to_owned(), action, name, changes: difference::shown(differences) }
}
