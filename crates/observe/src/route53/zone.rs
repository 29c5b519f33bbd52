//! Hosted zones, their tags and their signing.

use std::collections::BTreeMap;

use aws_sdk_route53::Client;
use aws_sdk_route53::types::{self, DelegationSet, TagResourceType};
use nameplate::StepError;
use nameplate::domain::{dns_form, server_set};
use nameplate::error::{classify, code_of};
use nameplate::resource::hosted_zone::HostedZone;

use super::NO_SUCH_ZONE;

/// Zones on one page: the most that Route 53 gives (AWS-FACTS 2.1.3).
const ZONES_PER_PAGE: i32 = 100;

/// The zone of this id, with its name servers and without its tags.
///
/// # Errors
/// As [`classify`] has it.
pub async fn hosted_zone(client: &Client, id: &str) -> Result<Option<HostedZone>, StepError> {
    match client.get_hosted_zone().id(id).send().await {
        Ok(answer) => Ok(answer.hosted_zone.map(|zone| zone_with_servers(zone, answer.delegation_set))),
        Err(error) if code_of(&error) == Some(NO_SUCH_ZONE) => Ok(None),
        Err(error) => Err(classify("route53:GetHostedZone", &error)),
    }
}

/// The usable zones of exactly this name, without their name servers and tags. The listing starts at the name and goes on
/// beyond it (AWS-FACTS 2.1.3).
///
/// # Errors
/// As [`classify`] has it.
pub async fn hosted_zones_named(client: &Client, name: &str) -> Result<Vec<HostedZone>, StepError> {
    let mut found = Vec::new();
    let (mut next_name, mut next_id) = (name.to_owned(), None);
    loop {
        let page = client
            .list_hosted_zones_by_name()
            .dns_name(next_name)
            .set_hosted_zone_id(next_id)
            .max_items(ZONES_PER_PAGE)
            .send()
            .await
            .map_err(|error| classify("route53:ListHostedZonesByName", &error))?;
        let zones = page.hosted_zones.into_iter().map(zone);
        found.extend(zones.filter(|zone| zone.name == name && zone.usable));
        match page.next_dns_name {
            Some(next) if page.is_truncated && dns_form(&next) == name => {
                (next_name, next_id) = (next, page.next_hosted_zone_id);
            }
            _ => return Ok(found),
        }
    }
}

/// The tags of a zone.
///
/// # Errors
/// As [`classify`] has it.
pub async fn zone_tags(client: &Client, id: &str) -> Result<Option<BTreeMap<String, String>>, StepError> {
    let call = client.list_tags_for_resource().resource_type(TagResourceType::Hostedzone).resource_id(id);
    let answer = match call.send().await {
        Ok(answer) => answer,
        Err(error) if code_of(&error) == Some(NO_SUCH_ZONE) => return Ok(None),
        Err(error) => return Err(classify("route53:ListTagsForResource", &error)),
    };
    let present = answer.resource_tag_set.and_then(|set| set.tags).unwrap_or_default();
    Ok(Some(present.into_iter().filter_map(|tag| Some((tag.key?, tag.value.unwrap_or_default()))).collect()))
}

/// Whether the zone signs its answers, or still has keys for it: Route 53 does not delete it then (AWS-FACTS 2.1.4).
///
/// # Errors
/// As [`classify`] has it.
pub async fn zone_is_signed(client: &Client, id: &str) -> Result<Option<bool>, StepError> {
    match client.get_dnssec().hosted_zone_id(id).send().await {
        Ok(answer) => {
            let signing = answer.status().and_then(|status| status.serve_signature());
            Ok(Some(signing.is_some_and(|signing| signing != "NOT_SIGNING") || !answer.key_signing_keys().is_empty()))
        }
        Err(error) if code_of(&error) == Some(NO_SUCH_ZONE) => Ok(None),
        Err(error) => Err(classify("route53:GetDNSSEC", &error)),
    }
}

/// A zone as Route 53 answers about it beside its name servers, in whichever call.
pub fn zone_with_servers(answered: types::HostedZone, servers: Option<DelegationSet>) -> HostedZone {
    let servers = servers.map(|set| server_set(set.name_servers));
    HostedZone { name_servers: Some(servers.unwrap_or_default()), ..zone(answered) }
}

fn zone(answered: types::HostedZone) -> HostedZone {
    let config = answered.config;
    HostedZone {
        id: answered.id.trim_start_matches("/hostedzone/").to_owned(),
        name: dns_form(&answered.name),
        caller_reference: answered.caller_reference,
        usable: !config.as_ref().is_some_and(|config| config.private_zone) && answered.linked_service.is_none(),
        comment: config.and_then(|config| config.comment).unwrap_or_default(),
        name_servers: None,
        tags: None,
    }
}
