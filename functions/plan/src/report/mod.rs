//! The dry run's report: what is there, what the request wants, and the difference. Read-only.
//! What a resource is like stands in the words of the request, so that a changed field has the name that it has there.
//! It must not decide what a run does: `nameplate::resource` does, for the steps as well.

mod api;
mod host;
mod line;
mod record;
mod registration;

use nameplate::StepError;
use nameplate::contract::result::ResourceReport;
use nameplate::contract::{Known, RegistrationPlan};
use nameplate::request::Dns;
use nameplate::resource::api::{Changes, stage};
use nameplate::resource::certificate::{Wanted, differences, fits};
use nameplate::resource::custom_domain::WantedMapping;
use nameplate::resource::difference::shown;
use nameplate::resource::hosted_zone::{self, HostedZone};
use nameplate::resource::registration::RegisteredDomain;
use nameplate::resource::tags::Tagging;

use host::Hosts;
use line::compared;
#[cfg(test)]
pub(crate) use record::{MAX_RECORD_FIELD_BYTES, MAX_RECORD_LINES};
pub(crate) use record::{record_lines, taken_over};

use crate::apis;
use crate::certificate;
use crate::look;
use crate::picture::Picture;

/// What was seen before the report is made.
pub(crate) struct Seen<'a> {
    pub(crate) known: &'a Known,
    pub(crate) plan: RegistrationPlan,
    /// Whether this stack bought the name, so that the registration is tagged.
    pub(crate) bought: bool,
    pub(crate) registered: Option<&'a RegisteredDomain>,
    pub(crate) custom_domains: &'a look::CustomDomains,
    /// The zone that the records go into, if there is one by now.
    pub(crate) zone: Option<&'a HostedZone>,
}

/// Every resource of the request, in the order in which it would be made.
///
/// # Errors
/// What reading can fail with.
pub(crate) async fn resources(picture: &Picture<'_>, seen: &Seen<'_>) -> Result<Vec<ResourceReport>, StepError> {
    let Seen { known, plan, bought, registered, custom_domains, zone } = *seen;
    let Picture { clients, settings, request, .. } = *picture;
    let domain = request.domain_name.as_str();
    let tagging = Tagging::new(&request.tags, &request.domain_name, &settings.stack, &known.tag_keys);
    let looking = apis::Looking::new(clients, settings, request, &tagging);
    let choice = looking.choice(known).await?;
    let changes = match &request.api.existing {
        Some(_) => Changes::default(),
        None => looking.changes(choice.used.clone()).await?,
    };
    let (api_id, api_stage) = match &request.api.existing {
        Some(existing) => (Some(existing.api_id.as_str()), existing.stage.as_str()),
        None => (choice.used.as_ref().map(|api| api.id.as_str()), stage(request.api.protocol())),
    };
    let misdirected = registered.filter(|registered| hosted_zone::misdirected(&registered.name_servers, zone));
    let zone_id = zone.map(|zone| zone.id.as_str());
    let wanted = Wanted::of(request, &tagging);
    let certificate = certificate::find(picture, known, &wanted).await?;
    let kept = certificate.as_ref().filter(|found| fits(found, &wanted));
    let certificate_kept = kept.map(|found| found.arn.clone());
    let mut resources = api::lines(request, &choice, &changes);
    let mut standing = registered.cloned();
    if let Some(standing) = standing.as_mut().filter(|_| bought) {
        standing.tags = Some(picture.registration_tags().await?);
    }
    let registration_tagging = bought.then_some(&tagging);
    resources.push(registration::registration(request, plan, standing.as_ref(), registration_tagging));
    if request.dns == Dns::Route53 {
        // A zone around the name serves others too, and is not tagged.
        let changes = match request.domain_name.is_registrable() {
            true => shown(&hosted_zone::differences(zone, &tagging)),
            false => Vec::new(),
        };
        resources.push(compared("hosted zone", zone_id.map(str::to_owned), domain, changes));
        resources.extend(misdirected.map(|registered| registration::name_servers(request, registered)));
    }
    resources.push(compared(
        "certificate",
        certificate.as_ref().map(|found| found.arn.clone()),
        &request.certificate_names().join(", "),
        shown(&differences(certificate.as_ref(), &wanted)),
    ));
    let mapping = WantedMapping { api_id, stage: api_stage };
    let hosts = Hosts { picture, tagging: &tagging, zone_id, certificate_arn: certificate_kept.as_deref(), mapping };
    if certificate_kept.is_some() && certificate_kept == known.certificate_arn {
        for record in &known.validation_records {
            resources.extend(hosts.validation(record).await?);
        }
    }
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
