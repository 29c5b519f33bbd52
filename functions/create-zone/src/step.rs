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
use aws_sdk_route53::types::{HostedZone, HostedZoneConfig, Tag, TagResourceType};
use nameplate::StepError;
use nameplate::contract::{CreateZoneInput, CreateZoneOutput};
use nameplate::domain::{dns_form, server_set};
use nameplate::error::{classify, code_of};
use nameplate::request::NameServers;
use nameplate::resource::hosted_zone;
use nameplate::resource::hosted_zone::Served;
use nameplate::resource::tags;
use nameplate::token::zone_reference;

/// Start of the caller reference on every zone that RegisterDomain makes (AWS-FACTS 1.4.2).
const REGISTRAR_MARK: &str = "RISWorkflow-";
/// Zones on one page: the most that Route 53 gives (AWS-FACTS 2.1.3).
const PAGE_SIZE: i32 = 100;

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

/// A hosted zone, in the form in which zones are compared.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Zone {
    /// Without `/hostedzone/`.
    id: String,
    /// Lower case, without the trailing dot.
    name: String,
    caller_reference: String,
    /// Public, and not in the hands of another AWS service.
    usable: bool,
    /// In normal form; empty in a zone that comes from a listing.
    name_servers: Vec<String>,
}

type Tags = BTreeMap<String, String>;

/// Which zone to use.
#[derive(Debug, PartialEq, Eq)]
enum Choice {
    /// The zone at this index.
    Take(usize),
    /// There is none, and one may be made.
    Make,
    /// The registrar's zone is not listed yet.
    Wait,
    /// The registry delegates to none of them.
    Elsewhere,
    /// Several, and nothing says which.
    Ambiguous,
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
    let domain = input.request.domain_name.as_str();
    if !input.request.domain_name.is_registrable() {
        let zone = enclosing_zone(&clients.route53, &input).await?;
        return Ok(CreateZoneOutput {
            hosted_zone_id: zone.id,
            zone_owned: false,
            name_servers: zone.name_servers,
            delegated: true,
            actions: Vec::new(),
        });
    }
    let registry = server_set(&input.name_servers);
    if let Some(id) = &input.hosted_zone_id
        && let Some(zone) = read(&clients.route53, id).await?
        && zone.usable
        && zone.name == domain
        && (registry.is_empty() || zone.name_servers == registry)
    {
        let present = read_tags(&clients.route53, &zone.id).await?;
        return taken(clients, settings, &input, zone, &present, &registry).await;
    }
    let (zone, present) = if registry.is_empty() {
        zone_of_a_name_held_elsewhere(clients, settings, &input).await?
    } else {
        delegated_zone(clients, settings, &input, &registry).await?
    };
    taken(clients, settings, &input, zone, &present, &registry).await
}

/// Uses the zone: it gets the tags that the request wants, unless it is another stack's.
async fn taken(
    clients: &Clients,
    settings: &Settings,
    input: &CreateZoneInput,
    zone: Zone,
    present: &Tags,
    registry: &[String],
) -> Result<CreateZoneOutput, StepError> {
    let domain = input.request.domain_name.as_str();
    if of_another_stack(present, &settings.stack) && !input.request.adopt {
        return Err(other_stack(domain, &zone.id, present));
    }
    let wanted = tags::wanted(&input.request.tags, &input.request.domain_name, &settings.stack);
    let (missing, stale) = (tags::missing(&wanted, present), tags::stale(&input.former_tags, present));
    change_tags(&clients.route53, &zone.id, &missing, stale).await?;
    Ok(output(domain, zone, registry))
}

/// The answer. A zone to which the registry does not delegate is one that the request wants it to be corrected to.
fn output(domain: &str, zone: Zone, registry: &[String]) -> CreateZoneOutput {
    let actions = if registry.is_empty() {
        vec![format!("Set these name servers for {domain} at its registrar: {}", zone.name_servers.join(", "))]
    } else {
        Vec::new()
    };
    let delegated = registry.is_empty() || zone.name_servers == registry;
    CreateZoneOutput { hosted_zone_id: zone.id, zone_owned: true, name_servers: zone.name_servers, delegated, actions }
}

/// The zone around the name that the plan has chosen, if it still is one.
async fn enclosing_zone(route53: &Client, input: &CreateZoneInput) -> Result<Zone, StepError> {
    let domain = &input.request.domain_name;
    let id = input.enclosing_zone_id.as_deref().unwrap_or_default();
    match read(route53, id).await? {
        Some(zone) if zone.usable && domain.enclosing().any(|name| name == zone.name) => Ok(zone),
        _ => Err(StepError::refused(
            "NoEnclosingZone",
            format!("the hosted zone {id}, which was around {domain} when the run was planned, is gone"),
            "start the execution again: it looks for the zone anew",
        )),
    }
}

/// The zone to which the registry of a name registered in this account delegates, or is to delegate, with its tags.
async fn delegated_zone(
    clients: &Clients,
    settings: &Settings,
    input: &CreateZoneInput,
    registry: &[String],
) -> Result<(Zone, Tags), StepError> {
    let domain = input.request.domain_name.as_str();
    let listed = list(&clients.route53, domain).await?;
    let new = just_bought(input);
    if new
        && let [only] = listed.as_slice()
        && only.made_by_registrar()
    {
        // RegisterDomain made it and delegated to it, and nobody can have tagged it.
        return Ok((Zone { name_servers: registry.to_vec(), ..only.clone() }, Tags::new()));
    }
    let mut zones = Vec::new();
    for zone in listed {
        zones.extend(read(&clients.route53, &zone.id).await?);
        if zones.last().is_some_and(|zone| zone.name_servers == registry) {
            break;
        }
    }
    let index = match choose_delegated(&zones, registry, new) {
        Choice::Take(index) => index,
        Choice::Wait => return Err(registrar_zone_not_listed(domain)),
        _ if input.request.name_servers == NameServers::Correct => {
            return zone_without_delegation(clients, settings, input, zones).await;
        }
        _ => {
            let served = zones.into_iter().map(|Zone { id, name_servers, .. }| Served { id, name_servers });
            return Err(hosted_zone::elsewhere(domain, registry, &served.collect::<Vec<_>>()));
        }
    };
    let zone = zones.swap_remove(index);
    let present = read_tags(&clients.route53, &zone.id).await?;
    Ok((zone, present))
}

/// The zone of a name that another registrar or account holds, with its tags; made if there is none.
async fn zone_of_a_name_held_elsewhere(
    clients: &Clients,
    settings: &Settings,
    input: &CreateZoneInput,
) -> Result<(Zone, Tags), StepError> {
    let zones = list(&clients.route53, input.request.domain_name.as_str()).await?;
    zone_without_delegation(clients, settings, input, zones).await
}

/// The zone of a name when no delegation says which of these it is, with its tags; made if there is none.
async fn zone_without_delegation(
    clients: &Clients,
    settings: &Settings,
    input: &CreateZoneInput,
    zones: Vec<Zone>,
) -> Result<(Zone, Tags), StepError> {
    let domain = input.request.domain_name.as_str();
    let reference = caller_reference(input);
    let mut candidates = Vec::new();
    for zone in zones {
        let present = read_tags(&clients.route53, &zone.id).await?;
        candidates.push((zone, present));
    }
    let index = match choose_undelegated(&candidates, domain, &settings.stack, &reference, just_bought(input)) {
        Choice::Take(index) => index,
        Choice::Make => return create(clients, domain, &reference).await,
        Choice::Wait => return Err(registrar_zone_not_listed(domain)),
        Choice::Ambiguous | Choice::Elsewhere => {
            let ids = candidates.iter().map(|(zone, _)| zone.id.as_str());
            return Err(hosted_zone::ambiguous(domain, &settings.stack, ids));
        }
    };
    let (zone, present) = candidates.swap_remove(index);
    if !is_ours(&zone, &present, domain, &settings.stack, &reference) {
        tracing::info!(zone = zone.id, "using the only zone of this name, which somebody else made");
    }
    Ok((read_made(&clients.route53, &zone.id).await?, present))
}

/// Which of the zones of a name registered in this account is alive.
fn choose_delegated(zones: &[Zone], registry: &[String], just_bought: bool) -> Choice {
    if let Some(index) = zones.iter().position(|zone| zone.name_servers == registry) {
        return Choice::Take(index);
    }
    if just_bought && !zones.iter().any(Zone::made_by_registrar) {
        return Choice::Wait;
    }
    Choice::Elsewhere
}

/// Which zone to use for a name of which no delegation says it: ours, else the only one.
fn choose_undelegated(
    candidates: &[(Zone, Tags)],
    domain: &str,
    stack: &str,
    reference: &str,
    just_bought: bool,
) -> Choice {
    let ours: Vec<usize> = candidates
        .iter()
        .enumerate()
        .filter(|(_, (zone, present))| is_ours(zone, present, domain, stack, reference))
        .map(|(index, _)| index)
        .collect();
    match (ours.as_slice(), candidates) {
        ([index], _) => Choice::Take(*index),
        ([], []) if just_bought => Choice::Wait,
        ([], []) => Choice::Make,
        ([], [_]) => Choice::Take(0),
        _ => Choice::Ambiguous,
    }
}

impl Zone {
    fn of(zone: &HostedZone) -> Self {
        Self {
            id: zone.id().trim_start_matches("/hostedzone/").to_owned(),
            name: dns_form(zone.name()),
            caller_reference: zone.caller_reference().to_owned(),
            usable: !zone.config().is_some_and(HostedZoneConfig::private_zone) && zone.linked_service().is_none(),
            name_servers: Vec::new(),
        }
    }

    fn made_by_registrar(&self) -> bool {
        self.caller_reference.starts_with(REGISTRAR_MARK)
    }
}

fn is_ours(zone: &Zone, present: &Tags, domain: &str, stack: &str, reference: &str) -> bool {
    let pairs = present.iter().map(|(key, value)| (key.as_str(), value.as_str()));
    zone.caller_reference == reference || tags::ours(pairs, domain, stack)
}

fn of_another_stack(present: &Tags, stack: &str) -> bool {
    present.get(tags::STACK).is_some_and(|other| other != stack)
}

/// Whether the name was bought and no run has seen its zone yet: then the zone may still be on its way,
/// and the one with the registrar's mark cannot have been given up for another.
fn just_bought(input: &CreateZoneInput) -> bool {
    input.bought && input.hosted_zone_id.is_none()
}

fn caller_reference(input: &CreateZoneInput) -> String {
    zone_reference(&input.incarnation, input.hosted_zone_id.as_deref())
}

/// The usable zones of exactly this name. The listing starts at the name and goes on beyond it (AWS-FACTS 2.1.3).
async fn list(route53: &Client, domain: &str) -> Result<Vec<Zone>, StepError> {
    let mut zones = Vec::new();
    let (mut next_name, mut next_id) = (domain.to_owned(), None);
    loop {
        let page = route53
            .list_hosted_zones_by_name()
            .dns_name(next_name)
            .set_hosted_zone_id(next_id)
            .max_items(PAGE_SIZE)
            .send()
            .await
            .map_err(|error| classify("route53:ListHostedZonesByName", &error))?;
        let same_name = page.hosted_zones().iter().map(Zone::of).filter(|zone| zone.name == domain);
        zones.extend(same_name.filter(|zone| zone.usable));
        match page.next_dns_name() {
            Some(next) if page.is_truncated() && dns_form(next) == domain => {
                next_name = next.to_owned();
                next_id = page.next_hosted_zone_id().map(str::to_owned);
            }
            _ => return Ok(zones),
        }
    }
}

/// The zone with its name servers; nothing when there is no such zone.
async fn read(route53: &Client, id: &str) -> Result<Option<Zone>, StepError> {
    let answer = match route53.get_hosted_zone().id(id).send().await {
        Ok(answer) => answer,
        Err(error) if code_of(&error) == Some("NoSuchHostedZone") => return Ok(None),
        Err(error) => return Err(classify("route53:GetHostedZone", &error)),
    };
    let servers = answer.delegation_set().map(|set| server_set(set.name_servers())).unwrap_or_default();
    Ok(answer.hosted_zone().map(|zone| Zone { name_servers: servers, ..Zone::of(zone) }))
}

/// The zone, which was listed or made a moment ago.
async fn read_made(route53: &Client, id: &str) -> Result<Zone, StepError> {
    read(route53, id).await?.ok_or_else(|| not_visible(id))
}

async fn read_tags(route53: &Client, id: &str) -> Result<Tags, StepError> {
    let answer = route53
        .list_tags_for_resource()
        .resource_type(TagResourceType::Hostedzone)
        .resource_id(id)
        .send()
        .await
        .map_err(|error| match code_of(&error) {
            Some("NoSuchHostedZone") => not_visible(id),
            _ => classify("route53:ListTagsForResource", &error),
        })?;
    let pairs = answer.resource_tag_set().map(|set| set.tags()).unwrap_or_default();
    Ok(pairs
        .iter()
        .filter_map(|tag| Some((tag.key()?.to_owned(), tag.value().unwrap_or_default().to_owned())))
        .collect())
}

/// Makes the zone. A reference that is taken means that an earlier attempt made it, answer lost or not.
async fn create(clients: &Clients, domain: &str, reference: &str) -> Result<(Zone, Tags), StepError> {
    let answer = clients
        .route53
        .create_hosted_zone()
        .name(domain)
        .caller_reference(reference)
        .hosted_zone_config(HostedZoneConfig::builder().comment(tags::ZONE_COMMENT).build())
        .send()
        .await;
    let error = match answer {
        Ok(made) => {
            let servers = made.delegation_set().map(|set| server_set(set.name_servers())).unwrap_or_default();
            let zone = made.hosted_zone().map(|zone| Zone { name_servers: servers, ..Zone::of(zone) });
            return zone.map(|zone| (zone, Tags::new())).ok_or_else(|| not_visible(domain));
        }
        Err(error) => error,
    };
    if code_of(&error) == Some("HostedZoneAlreadyExists") {
        let listed = list(&clients.route53, domain).await?;
        let Some(made) = listed.into_iter().find(|zone| zone.caller_reference == reference) else {
            return Err(not_visible(domain));
        };
        let present = read_tags(&clients.route53, &made.id).await?;
        return Ok((read_made(&clients.route53, &made.id).await?, present));
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

async fn change_tags(
    route53: &Client,
    id: &str,
    missing: &BTreeMap<&str, &str>,
    stale: Vec<String>,
) -> Result<(), StepError> {
    if missing.is_empty() && stale.is_empty() {
        return Ok(());
    }
    let tags: Vec<Tag> = missing.iter().map(|(key, value)| Tag::builder().key(*key).value(*value).build()).collect();
    route53
        .change_tags_for_resource()
        .resource_type(TagResourceType::Hostedzone)
        .resource_id(id)
        .set_add_tags((!tags.is_empty()).then_some(tags))
        .set_remove_tag_keys((!stale.is_empty()).then_some(stale))
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

fn other_stack(domain: &str, id: &str, present: &Tags) -> StepError {
    let other = present.get(tags::STACK).map_or("another stack", String::as_str);
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
