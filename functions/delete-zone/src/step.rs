//! Step `delete-zone`: the hosted zone, if Nameplate made it and nobody needs it; else it is let go.
//!
//! - Reads: GetHostedZone, ListTagsForResource, ListResourceRecordSets; GetDomainDetail, for what the registry holds.
//! - Writes: DeleteHostedZone, only of a zone that Nameplate made, that holds nothing but its NS and SOA, and to which
//!   the registry does not point (a zone that is deleted while it is delegated to can be taken over, AWS-FACTS 2.1.5),
//!   unless the request accepts that. ChangeTagsForResource, which takes off a zone that stays what requests have set, and
//!   off one that somebody else made our two tags as well, so that another stack may adopt it.
//! - Tokens: none; what is gone is done.
//! - Retryable: Route 53 still works on an earlier change of the zone.
//!
//! Zones of which RegisterDomain is the maker are never deleted, zones that another stack's tag names are left as they are
//! whoever made them, and zones of another name are never touched. It must not know whose the records were.

use aws_sdk_route53::types::{ResourceRecordSet, RrType, TagResourceType};
use nameplate::StepError;
use nameplate::contract::retire::{DeleteZoneInput, RetireStepOutput};
use nameplate::domain::dns_form;
use nameplate::error::{classify, code_of};
use nameplate::resource::hosted_zone::HostedZone;
use nameplate::resource::tags;
use nameplate::resource::thing::{HOSTED_ZONE, Thing};

/// Record sets read: apex NS, apex SOA, and one that shows that there are others.
const RECORDS_READ: i32 = 3;
/// Tags that one call takes off (AWS-FACTS 2.1.6).
const TAGS_PER_CALL: usize = 10;

/// What the step calls.
#[derive(Clone, Debug)]
pub(crate) struct Clients {
    pub(crate) route53: aws_sdk_route53::Client,
    pub(crate) domains: aws_sdk_route53domains::Client,
}

/// Whose resources these are.
#[derive(Clone, Debug)]
pub(crate) struct Settings {
    pub(crate) stack: String,
}

/// Runs the step.
///
/// # Errors
/// As the module says.
pub(crate) async fn run(
    clients: &Clients,
    settings: &Settings,
    input: DeleteZoneInput,
) -> Result<RetireStepOutput, StepError> {
    let domain = input.request.domain_name.as_str();
    let mut left = Vec::new();
    for id in &input.hosted_zone_ids {
        let Some(zone) = observe::route53::hosted_zone(&clients.route53, id).await? else { continue };
        // One around the name serves others too.
        if zone.name != domain {
            continue;
        }
        let Some(present) = observe::route53::zone_tags(&clients.route53, id).await? else { continue };
        if let Some(other) = tags::other_stack(&present, &settings.stack) {
            left.push(Thing::new(HOSTED_ZONE, id, tags::used_by(other)));
            continue;
        }
        let zone = HostedZone { tags: Some(present), ..zone };
        if !zone.is_made_by_us(&input.zone_references, domain, &settings.stack) {
            untag(clients, settings, &input, &zone, &[tags::DOMAIN, tags::STACK]).await?;
            continue;
        }
        let reason = match other_record(clients, domain, id).await? {
            Some(other) => Some(format!("it holds records that stay, {other} among them")),
            None if input.request.accept_delegated => None,
            None => {
                let registered = observe::route53domains::registered_domain(&clients.domains, domain).await?;
                zone.kept_by(registered.as_ref().map(|registered| registered.name_servers.as_slice()))
            }
        };
        let reason = match reason {
            None => delete(clients, id).await?,
            stays => stays,
        };
        if let Some(reason) = reason {
            // It stays ours: a later retirement finds it by our tags.
            untag(clients, settings, &input, &zone, &[]).await?;
            left.push(Thing::new(HOSTED_ZONE, id, reason));
        }
    }
    Ok(RetireStepOutput { left })
}

/// A record that is neither the NS nor the SOA of the zone itself, if there is one.
async fn other_record(clients: &Clients, domain: &str, id: &str) -> Result<Option<String>, StepError> {
    let call = clients.route53.list_resource_record_sets().hosted_zone_id(id).max_items(RECORDS_READ);
    let page = match call.send().await {
        Ok(page) => page,
        Err(error) if code_of(&error) == Some("NoSuchHostedZone") => return Ok(None),
        Err(error) => return Err(classify("route53:ListResourceRecordSets", &error)),
    };
    let of_the_zone =
        |set: &ResourceRecordSet| dns_form(set.name()) == domain && matches!(set.r#type(), RrType::Ns | RrType::Soa);
    let other = page.resource_record_sets().iter().find(|set| !of_the_zone(set));
    Ok(other.map(|set| format!("{} {}", set.r#type().as_str(), dns_form(set.name()))))
}

/// Deletes the zone. Why it stays, if Route 53 keeps it.
async fn delete(clients: &Clients, id: &str) -> Result<Option<String>, StepError> {
    match clients.route53.delete_hosted_zone().id(id).send().await {
        Ok(_) => {
            tracing::info!(zone = id, "deleted the hosted zone {id}");
            Ok(None)
        }
        Err(error) => match code_of(&error) {
            Some("NoSuchHostedZone") => Ok(None),
            Some("HostedZoneNotEmpty") => {
                Ok(Some("Route 53 says that it is not empty: it holds other records, or DNSSEC is on".to_owned()))
            }
            _ => Err(classify("route53:DeleteHostedZone", &error)),
        },
    }
}

/// Takes off a zone of ours that stays what requests have set, and at last these of our own tags.
async fn untag(
    clients: &Clients,
    settings: &Settings,
    input: &DeleteZoneInput,
    zone: &HostedZone,
    own: &[&str],
) -> Result<(), StepError> {
    if !zone.is_ours(input.request.domain_name.as_str(), &settings.stack) {
        return Ok(());
    }
    let mut keys = zone.tags.as_ref().map(|present| tags::stale(&input.tag_keys, present)).unwrap_or_default();
    keys.extend(own.iter().map(|key| (*key).to_owned()));
    for keys in keys.chunks(TAGS_PER_CALL) {
        let call = clients.route53.change_tags_for_resource().resource_type(TagResourceType::Hostedzone);
        let call = call.resource_id(&zone.id);
        match call.set_remove_tag_keys(Some(keys.to_vec())).send().await {
            Ok(_) => {}
            Err(error) if code_of(&error) == Some("NoSuchHostedZone") => return Ok(()),
            Err(error) => return Err(classify("route53:ChangeTagsForResource", &error)),
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
