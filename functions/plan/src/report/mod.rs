//! The dry run's report: what is there, what the request wants, and the difference. Read-only.
//! What a resource is like stands in the words of the request, so that a changed field has the name that it has there.
//! It must not decide what a run does: the steps compare for themselves.

mod api;
mod certificate;
mod host;
mod record;
mod registration;

use std::collections::BTreeMap;

use nameplate::contract::result::{ReportAction, ResourceReport};
use nameplate::contract::{Known, RegistrationPlan};
use nameplate::request::Dns;
use nameplate::resource::api::{Changes, stage};
use nameplate::resource::{difference, tags};
use nameplate::{Request, StepError};
use serde_json::{Value, json};

use certificate::Certificate;
use host::Hosts;
#[cfg(test)]
pub(crate) use record::{MAX_RECORD_FIELD_BYTES, MAX_RECORD_LINES};
pub(crate) use record::{record_lines, taken_over};

use crate::apis;
use crate::look;
use crate::own_zone::Zone;
use crate::step::{Clients, Settings};

/// Stands for the id of what does not exist yet.
const NOT_YET: &str = "(known after the run)";

/// What was seen before the report is made.
pub(crate) struct Seen<'a> {
    pub(crate) known: &'a Known,
    pub(crate) plan: RegistrationPlan,
    /// Whether this stack bought the name, so that the registration is tagged.
    pub(crate) bought: bool,
    pub(crate) registry: Option<&'a look::Detail>,
    pub(crate) custom_domains: &'a look::CustomDomains,
    /// The zone that the records go into, if there is one by now.
    pub(crate) zone: Option<&'a Zone>,
}

/// The tags that a request is about: those that it wants, and those that an earlier run set. What others set stays.
struct Tagging<'a> {
    wanted: BTreeMap<String, String>,
    former: &'a [String],
    domain: &'a str,
    stack: &'a str,
}

impl<'a> Tagging<'a> {
    fn of(request: &'a Request, settings: &'a Settings, known: &'a Known) -> Self {
        Self {
            wanted: tags::wanted(&request.tags, &request.domain_name, &settings.stack),
            former: &known.tag_keys,
            domain: request.domain_name.as_str(),
            stack: &settings.stack,
        }
    }

    fn shown(&self, mut present: BTreeMap<String, String>) -> BTreeMap<String, String> {
        present.retain(|key, _| self.wanted.contains_key(key) || self.former.contains(key));
        present
    }

    fn are_ours(&self, present: &BTreeMap<String, String>) -> bool {
        let pairs = present.iter().map(|(key, value)| (key.as_str(), value.as_str()));
        tags::ours(pairs, self.domain, self.stack)
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
    let Seen { known, plan, bought, registry, custom_domains, zone } = *seen;
    let domain = request.domain_name.as_str();
    let tagging = Tagging::of(request, settings, known);
    let looking = apis::Looking::new(clients, settings, request, &known.tag_keys);
    let choice = looking.choice(known).await?;
    let changes = match &request.api.existing {
        Some(_) => Changes::default(),
        None => looking.changes(choice.used.clone()).await?,
    };
    let (api_id, api_stage) = match &request.api.existing {
        Some(existing) => (Some(existing.api_id.as_str()), existing.stage.as_str()),
        None => (choice.used.as_ref().map(|api| api.id.as_str()), stage(request.api.protocol())),
    };
    let misdirected = registry.filter(|_| zone.is_none_or(|zone| !zone.delegated));
    let zone_id = zone.map(|zone| zone.id.as_str());
    let certificate = Certificate::find(clients, request, known, &tagging).await?;
    let certificate_kept = certificate.as_ref().filter(|found| found.fits(request)).map(|found| found.arn.clone());
    let after = json!({
        "certificate": certificate_kept.as_deref().unwrap_or(NOT_YET),
        "api": api_id.unwrap_or(NOT_YET),
        "stage": api_stage,
        "tags": tagging.wanted,
    });
    let mut resources = api::lines(request, &choice, &changes);
    resources.push(match bought && plan == RegistrationPlan::Registered {
        true => {
            let present = tagging.shown(look::registration_tags(clients, domain).await?);
            let (before, after) = (json!({"tags": present}), json!({"tags": tagging.wanted}));
            resource("registration", Some(domain.to_owned()), domain, &before, &after)
        }
        false => registration::registration(request, plan),
    });
    if request.dns == Dns::Route53 {
        // A zone around the name serves others too, and is not tagged.
        let (mut before, mut after) = (Value::Null, Value::Null);
        if request.domain_name.is_registrable() {
            after = json!({"tags": tagging.wanted});
            if let Some(id) = zone_id {
                let present = look::zone_tags(clients, id).await?.unwrap_or_default();
                before = json!({"tags": tagging.shown(present)});
            }
        }
        resources.push(resource("hosted zone", zone_id.map(str::to_owned), domain, &before, &after));
        resources.extend(misdirected.map(|registry| registration::name_servers(request, registry)));
    }
    resources.extend([resource(
        "certificate",
        certificate.as_ref().map(|found| found.arn.clone()),
        &request.certificate_names().join(", "),
        &certificate.as_ref().map_or(Value::Null, |found| found.with_tags(request, &tagging)),
        &Certificate::wanted_with_tags(request, &tagging),
    )]);
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
