//! `create-zone`: the one public hosted zone in which the domain's records count.
//! A name below one that a registrar sells lies in a zone around it, which the plan has found, and which is never made or
//! tagged.
//!
//! Reads: GetHostedZone, ListHostedZonesByName, ListTagsForResource.
//! Writes: CreateHostedZone, only for a name that has no zone in this account, and that is not registered in it or
//! whose delegation the request wants corrected; ChangeTagsForResource, only tags that are missing or not
//! wanted any more.
//! Token: the caller reference is hashed from the incarnation, and from the id of a zone that is gone.
//! NotReady: the zone that RegisterDomain makes is not listed yet; a zone just made is not visible yet.
//! Refused: the zone around the name is gone; the registry delegates to no zone of this account; another stack's zone; several zones and none ours.
//! It must not know Route 53 Domains: what the registry holds is in its input, and it never changes it.

use std::collections::BTreeMap;

use aws_sdk_route53::Client;
use aws_sdk_route53::types::{HostedZoneConfig, Tag, TagResourceType};
use nameplate::StepError;
use nameplate::contract::{CreateZoneInput, CreateZoneOutput};
use nameplate::domain::server_set;
use nameplate::error::{classify, code_of};
use nameplate::request::NameServers;
use nameplate::resource::difference::Difference;
use nameplate::resource::hosted_zone::choice::{Choice, Search, choose};
use nameplate::resource::hosted_zone::{self, HostedZone, HostedZoneAttribute};
use nameplate::resource::tags::{self, Tagging};
use nameplate::token::zone_reference;

/// What the step calls.
#[derive(Clone)]
pub(crate) struct Clients {
    /// Hosted zones and their tags.
    pub(crate) route53: Client,
}

/// What the step is told by its environment.
#[derive(Clone)]
pub(crate) struct Settings {
    /// Which stack this is: the value of the tag `nameplate:stack`.
    pub(crate) stack: String,
}

/// Finds, or makes, the zone, and tags it.
///
/// # Errors
/// As the module says.
pub(crate) async fn run(
    clients: &Clients,
    settings: &Settings,
    input: CreateZoneInput,
) -> Result<CreateZoneOutput, StepError> {
    let (route53, domain) = (&clients.route53, input.request.domain_name.as_str());
    if !input.request.domain_name.is_registrable() {
        let zone = enclosing_zone(route53, &input).await?;
        return Ok(CreateZoneOutput {
            hosted_zone_id: zone.id,
            zone_owned: false,
            name_servers: zone.name_servers.unwrap_or_default(),
            delegated: true,
            actions: Vec::new(),
        });
    }
    let registry = server_set(&input.name_servers);
    let reference = zone_reference(&input.incarnation, input.hosted_zone_id.as_deref());
    let search = Search {
        domain,
        stack: &settings.stack,
        reference: &reference,
        registry: &registry,
        just_bought: input.bought && input.hosted_zone_id.is_none(),
        correct: input.request.name_servers == NameServers::Correct,
    };
    let zone = find(route53, &input, &search).await?;
    if let Some(other) = zone.tags.as_ref().and_then(|present| tags::other_stack(present, &settings.stack))
        && !input.request.adopt
    {
        return Err(other_stack(domain, &zone.id, other));
    }
    let tagging = Tagging::new(&input.request.tags, &input.request.domain_name, &settings.stack, &input.former_tags);
    write(route53, &zone.id, &hosted_zone::differences(Some(&zone), &tagging)).await?;
    Ok(output(domain, zone, &registry))
}

/// The answer. A zone to which the registry does not delegate is one that the request wants it to be corrected to.
fn output(domain: &str, zone: HostedZone, registry: &[String]) -> CreateZoneOutput {
    let delegated = !hosted_zone::misdirected(registry, Some(&zone));
    let name_servers = zone.name_servers.unwrap_or_default();
    let actions = match registry {
        [] => vec![format!("Set these name servers for {domain} at its registrar: {}", name_servers.join(", "))],
        _ => Vec::new(),
    };
    CreateZoneOutput { hosted_zone_id: zone.id, zone_owned: true, name_servers, delegated, actions }
}

/// The zone around the name that the plan has chosen, if it still is one.
async fn enclosing_zone(route53: &Client, input: &CreateZoneInput) -> Result<HostedZone, StepError> {
    let domain = &input.request.domain_name;
    let id = input.enclosing_zone_id.as_deref().unwrap_or_default();
    match observe::route53::hosted_zone(route53, id).await? {
        Some(zone) if zone.is_around(domain) => Ok(zone),
        _ => Err(StepError::refused(
            "NoEnclosingZone",
            format!("the hosted zone {id}, which was around {domain} when the run was planned, is gone"),
            "start the execution again: it looks for the zone anew",
        )),
    }
}

/// The zone to use, with its name servers and tags; made if there is none.
async fn find(route53: &Client, input: &CreateZoneInput, search: &Search<'_>) -> Result<HostedZone, StepError> {
    let recorded = match &input.hosted_zone_id {
        Some(id) => observe::route53::hosted_zone(route53, id).await?,
        None => None,
    };
    if let Some(zone) = recorded
        && zone.serves(search.domain, search.registry)
    {
        return complete(route53, zone).await;
    }
    let mut zones = observe::route53::hosted_zones_named(route53, search.domain).await?;
    loop {
        match choose(&zones, search)? {
            Choice::Take(index) => {
                let zone = complete(route53, zones.swap_remove(index)).await?;
                if zone.caller_reference != search.reference && !zone.is_ours(search.domain, search.stack) {
                    tracing::info!(zone = zone.id, "using a zone of this name that somebody else made");
                }
                return Ok(zone);
            }
            Choice::TakeBought(index) => {
                let servers = search.registry.to_vec();
                return Ok(HostedZone { name_servers: Some(servers), ..zones.swap_remove(index) });
            }
            Choice::Make => return create(route53, search).await,
            Choice::Wait => return Err(registrar_zone_not_listed(search.domain)),
            Choice::AskNameServers(index) => match observe::route53::hosted_zone(route53, &zones[index].id).await? {
                Some(zone) => zones[index] = zone,
                None => drop(zones.remove(index)),
            },
            Choice::AskTags(index) => zones[index].tags = Some(read_tags(route53, &zones[index].id).await?),
        }
    }
}

/// The zone with what has not been read of it yet.
async fn complete(route53: &Client, mut zone: HostedZone) -> Result<HostedZone, StepError> {
    if zone.tags.is_none() {
        zone.tags = Some(read_tags(route53, &zone.id).await?);
    }
    if zone.name_servers.is_none() {
        let read = observe::route53::hosted_zone(route53, &zone.id).await?.ok_or_else(|| not_visible(&zone.id))?;
        zone.name_servers = read.name_servers;
    }
    Ok(zone)
}

/// The tags of a zone that has been listed or made a moment ago.
async fn read_tags(route53: &Client, id: &str) -> Result<BTreeMap<String, String>, StepError> {
    observe::route53::zone_tags(route53, id).await?.ok_or_else(|| not_visible(id))
}

/// Makes the zone. A reference that is taken means that an earlier attempt made it, answer lost or not.
async fn create(route53: &Client, search: &Search<'_>) -> Result<HostedZone, StepError> {
    let answer = route53
        .create_hosted_zone()
        .name(search.domain)
        .caller_reference(search.reference)
        .hosted_zone_config(HostedZoneConfig::builder().comment(tags::ZONE_COMMENT).build())
        .send()
        .await;
    let error = match answer {
        Ok(made) => {
            let zone = made.hosted_zone.ok_or_else(|| not_visible(search.domain))?;
            return Ok(observe::route53::zone_with_servers(zone, made.delegation_set));
        }
        Err(error) => error,
    };
    if code_of(&error) == Some("HostedZoneAlreadyExists") {
        let listed = observe::route53::hosted_zones_named(route53, search.domain).await?;
        let made = listed.into_iter().find(|zone| zone.caller_reference == search.reference);
        return complete(route53, made.ok_or_else(|| not_visible(search.domain))?).await;
    }
    let failure = classify("route53:CreateHostedZone", &error);
    let remedy = match code_of(&error) {
        Some("TooManyHostedZones") => {
            "delete hosted zones that nothing needs, or ask for a higher quota of hosted zones in Service Quotas; then start the execution again"
        }
        Some("DelegationSetNotAvailable") => {
            "too many zones of this name exist in all of AWS; its owner has to open a case with AWS Support, then start the execution again"
        }
        Some("ConflictingDomainExists") => {
            "a parent, child or equal name in the account uses the same name servers; delete that zone or ask AWS Support, then start the execution again"
        }
        _ => return Err(failure),
    };
    Err(StepError { remedy: remedy.to_owned(), ..failure })
}

/// Makes the zone differ no more.
async fn write(route53: &Client, id: &str, differences: &[Difference<HostedZoneAttribute>]) -> Result<(), StepError> {
    let (set, take_off) = tags::to_write(differences, HostedZoneAttribute::Tag);
    if set.is_empty() && take_off.is_empty() {
        return Ok(());
    }
    let set: Vec<Tag> = set.into_iter().map(|(key, value)| Tag::builder().key(key).value(value).build()).collect();
    route53
        .change_tags_for_resource()
        .resource_type(TagResourceType::Hostedzone)
        .resource_id(id)
        .set_add_tags((!set.is_empty()).then_some(set))
        .set_remove_tag_keys((!take_off.is_empty()).then_some(take_off))
        .send()
        .await
        .map_err(|error| match code_of(&error) {
            Some("NoSuchHostedZone") => not_visible(id),
            _ => classify("route53:ChangeTagsForResource", &error),
        })?;
    Ok(())
}

fn not_visible(what: &str) -> StepError {
    StepError::not_ready(
        "HostedZoneNotVisible",
        format!(
            "the hosted zone {what} was made a moment ago and Route 53 does not show it yet, or it was deleted meanwhile"
        ),
    )
}

fn registrar_zone_not_listed(domain: &str) -> StepError {
    StepError::not_ready(
        "HostedZoneNotListed",
        format!("{domain} is registered, and Route 53 does not list the zone that the registration makes yet"),
    )
}

fn other_stack(domain: &str, id: &str, other: &str) -> StepError {
    StepError::refused(
        "OtherStack",
        format!("the hosted zone {id} of {domain} belongs to the stack {other}, as its tag {} says", tags::STACK),
        format!(
            "start the execution in that stack; or, if that stack no longer serves the name, write `\"adopt\": true` to take the zone over, or remove its tag {}",
            tags::STACK
        ),
    )
}

#[cfg(test)]
mod tests;
