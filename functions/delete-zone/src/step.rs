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

use std::collections::BTreeMap;

use aws_sdk_route53::types::{ResourceRecordSet, RrType, TagResourceType};
use nameplate::StepError;
use nameplate::contract::retire::{DeleteZoneInput, RetireStepOutput};
use nameplate::domain::dns_form;
use nameplate::error::{classify, code_of};
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

/// A hosted zone, as far as its fate depends on it.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Zone {
    /// In normal form.
    name: String,
    caller_reference: String,
    comment: String,
    /// In normal form.
    name_servers: Vec<String>,
    tags: BTreeMap<String, String>,
}

/// Where the registry sends who asks for the domain.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Delegation {
    /// To these servers, in normal form.
    To(Vec<String>),
    /// The name is not registered in this account, so nothing here says.
    Unknown,
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
        let Some(zone) = read(clients, id).await? else { continue };
        // One around the name serves others too.
        if zone.name != domain {
            continue;
        }
        if let Some(other) = zone.tags.get(tags::STACK).filter(|other| **other != settings.stack) {
            let reason = format!("its tag {} says that the stack {other} uses it", tags::STACK);
            left.push(Thing::new(HOSTED_ZONE, id, reason));
            continue;
        }
        if !made_by_us(&zone, &input, &settings.stack) {
            untag(clients, settings, &input, id, &zone, &[tags::DOMAIN, tags::STACK]).await?;
            continue;
        }
        let reason = match other_record(clients, domain, id).await? {
            Some(other) => Some(format!("it holds records that stay, {other} among them")),
            None if input.request.accept_delegated => None,
            None => still_needed(&zone, &delegation(clients, domain).await?),
        };
        let reason = match reason {
            None => delete(clients, id).await?,
            stays => stays,
        };
        if let Some(reason) = reason {
            // It stays ours: a later retirement finds it by our tags.
            untag(clients, settings, &input, id, &zone, &[]).await?;
            left.push(Thing::new(HOSTED_ZONE, id, reason));
        }
    }
    Ok(RetireStepOutput { left })
}

/// Whether Nameplate made the zone: by its caller reference, or by its comment and our tags where the incarnation is
/// on no record.
fn made_by_us(zone: &Zone, input: &DeleteZoneInput, stack: &str) -> bool {
    let pairs = zone.tags.iter().map(|(key, value)| (key.as_str(), value.as_str()));
    input.zone_references.contains(&zone.caller_reference)
        || (zone.comment == tags::ZONE_COMMENT && tags::ours(pairs, input.request.domain_name.as_str(), stack))
}

/// Why the zone must stay, as far as the registry is concerned.
fn still_needed(zone: &Zone, delegation: &Delegation) -> Option<String> {
    let accept = "to delete it all the same, start with `\"acceptDelegated\": true`";
    match delegation {
        Delegation::To(servers) if servers.iter().any(|server| zone.name_servers.contains(server)) => {
            Some(format!("the registry points to it; point it elsewhere first; {accept}"))
        }
        Delegation::To(_) => None,
        Delegation::Unknown => Some(format!(
            "the name is not registered in this account, so that its registrar may still point to it; {accept}"
        )),
    }
}

/// The zone; nothing when it is gone.
async fn read(clients: &Clients, id: &str) -> Result<Option<Zone>, StepError> {
    let answer = match clients.route53.get_hosted_zone().id(id).send().await {
        Ok(answer) => answer,
        Err(error) if code_of(&error) == Some("NoSuchHostedZone") => return Ok(None),
        Err(error) => return Err(classify("route53:GetHostedZone", &error)),
    };
    let Some(zone) = answer.hosted_zone() else { return Ok(None) };
    let call = clients.route53.list_tags_for_resource().resource_type(TagResourceType::Hostedzone).resource_id(id);
    let present = match call.send().await {
        Ok(present) => present,
        Err(error) if code_of(&error) == Some("NoSuchHostedZone") => return Ok(None),
        Err(error) => return Err(classify("route53:ListTagsForResource", &error)),
    };
    let pairs = present.resource_tag_set().map(|set| set.tags()).unwrap_or_default();
    let pair =
        |tag: &aws_sdk_route53::types::Tag| Some((tag.key()?.to_owned(), tag.value().unwrap_or_default().to_owned()));
    Ok(Some(Zone {
        name: dns_form(zone.name()),
        caller_reference: zone.caller_reference().to_owned(),
        comment: zone.config().and_then(|config| config.comment()).unwrap_or_default().to_owned(),
        name_servers: answer
            .delegation_set()
            .map(|set| set.name_servers().iter().map(|server| dns_form(server)).collect())
            .unwrap_or_default(),
        tags: pairs.iter().filter_map(pair).collect(),
    }))
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

async fn delegation(clients: &Clients, domain: &str) -> Result<Delegation, StepError> {
    match clients.domains.get_domain_detail().domain_name(domain).send().await {
        Ok(detail) => Ok(Delegation::To(detail.nameservers().iter().map(|server| dns_form(server.name())).collect())),
        // The only answer that AWS has for a name that is not ours (AWS-FACTS 1.1.2).
        Err(error) if matches!(code_of(&error), Some("InvalidInput" | "UnsupportedTLD")) => Ok(Delegation::Unknown),
        Err(error) => Err(classify("route53domains:GetDomainDetail", &error)),
    }
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
    id: &str,
    zone: &Zone,
    own: &[&str],
) -> Result<(), StepError> {
    let pairs = zone.tags.iter().map(|(key, value)| (key.as_str(), value.as_str()));
    if !tags::ours(pairs, input.request.domain_name.as_str(), &settings.stack) {
        return Ok(());
    }
    let mut keys = tags::stale(&input.tag_keys, &zone.tags);
    keys.extend(own.iter().map(|key| (*key).to_owned()));
    for keys in keys.chunks(TAGS_PER_CALL) {
        let call =
            clients.route53.change_tags_for_resource().resource_type(TagResourceType::Hostedzone).resource_id(id);
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
