//! The hosted zone around a name below one that a registrar sells: the one that the request names, else that of earlier
//! runs, else the closest by whole labels. Read-only, and the only place where it is chosen.
//! A closer zone into which the zone around it does not lead is refused: nobody asks it, so a certificate would be
//! awaited for ever. It must not know what is written into the zone.

use nameplate::contract::Known;
use nameplate::resource::hosted_zone::HostedZone;
use nameplate::{DomainName, Request, StepError};

use crate::context::Clients;
use crate::look;

/// How to say which zone it is.
const NAME_IT: &str = "name the one that is delegated to by its id in `hostedZone`, then start the execution again";

/// The zone around the name.
///
/// # Errors
/// `Refused` when there is none, when several have its name, and when nothing leads into the closest one.
pub(crate) async fn zone(clients: &Clients, request: &Request, known: &Known) -> Result<HostedZone, StepError> {
    let domain = &request.domain_name;
    if let Some(named) = &request.hosted_zone {
        return match (named.id(), named.name()) {
            (Some(id), _) => with_id(clients, domain, id).await,
            (None, Some(name)) => match with_name(clients, domain, name, known).await? {
                Some(zone) => Ok(zone),
                None => Err(nothing_around(domain, &[name])),
            },
            (None, None) => Err(nothing_around(domain, &[])),
        };
    }
    // A closer zone that comes later does not draw a live name into it.
    if let Some(id) = &known.hosted_zone_id
        && let Some(zone) = observe::route53::hosted_zone(&clients.route53, id).await?
        && zone.is_around(domain)
    {
        return Ok(zone);
    }
    let names: Vec<&str> = domain.enclosing().collect();
    let mut names_left = names.iter().copied();
    while let Some(name) = names_left.next() {
        let Some(zone) = with_name(clients, domain, name, known).await? else { continue };
        if let Some(outer) = next_outer(clients, names_left).await?
            && !leads_into(clients, &outer, &zone).await?
        {
            return Err(nothing_leads_there(domain, &zone, &outer));
        }
        return Ok(zone);
    }
    Err(nothing_around(domain, &names))
}

/// The zone of this id, if the name lies in it.
async fn with_id(clients: &Clients, domain: &DomainName, id: &str) -> Result<HostedZone, StepError> {
    let remedy = "give the id of a public zone around the name, or leave `hostedZone` out for the closest one";
    let reason = match observe::route53::hosted_zone(&clients.route53, id).await? {
        Some(zone) if zone.is_around(domain) => return Ok(zone),
        Some(zone) => format!(
            "{domain} cannot lie in the hosted zone {id} of {}, which must be public and of a name around it",
            zone.name
        ),
        None => format!("this account has no hosted zone {id}"),
    };
    Err(StepError::refused("NoEnclosingZone", reason, remedy))
}

/// The one zone of this name: of several that of earlier runs.
async fn with_name(
    clients: &Clients,
    domain: &DomainName,
    name: &str,
    known: &Known,
) -> Result<Option<HostedZone>, StepError> {
    let mut zones = observe::route53::hosted_zones_named(&clients.route53, name).await?;
    if let Some(index) = zones.iter().position(|zone| known.hosted_zone_id.as_deref() == Some(zone.id.as_str())) {
        return Ok(Some(zones.swap_remove(index)));
    }
    if zones.len() > 1 {
        let ids: Vec<&str> = zones.iter().map(|zone| zone.id.as_str()).collect();
        return Err(StepError::refused(
            "SeveralZones",
            format!("{domain} can lie in several hosted zones of {name}: {}", ids.join(", ")),
            NAME_IT,
        ));
    }
    Ok(zones.pop())
}

/// The closest zones around another one; nothing where this account has none, and so cannot say what leads there.
async fn next_outer(
    clients: &Clients,
    names: impl Iterator<Item = &str>,
) -> Result<Option<Vec<HostedZone>>, StepError> {
    for name in names {
        let zones = observe::route53::hosted_zones_named(&clients.route53, name).await?;
        if !zones.is_empty() {
            return Ok(Some(zones));
        }
    }
    Ok(None)
}

/// Whether one of the outer zones, which have one name, leads into the inner one: it names servers of the inner one at
/// the inner one's name, or hands a name between the two to a zone that cannot be seen from here.
async fn leads_into(clients: &Clients, outer: &[HostedZone], inner: &HostedZone) -> Result<bool, StepError> {
    let servers = look::servers_of(clients, &inner.id, &inner.name).await?;
    for zone in outer {
        let between =
            std::iter::successors(Some(inner.name.as_str()), |name| name.split_once('.').map(|(_, rest)| rest));
        for name in between.take_while(|name| *name != zone.name) {
            let named = look::servers_of(clients, &zone.id, name).await?;
            let leads = named.iter().any(|server| name != inner.name || servers.contains(server));
            if leads {
                return Ok(true);
            }
        }
    }
    Ok(false)
}

fn nothing_around(domain: &DomainName, names: &[&str]) -> StepError {
    let sold = domain.registrable();
    StepError::refused(
        "NoEnclosingZone",
        format!("this account has no public hosted zone of {}, in which {domain} could lie", names.join(" or ")),
        format!(
            "run {sold} first, with any `api.hostname`, so that its zone exists; or start the execution in the account that has the zone; or make a zone of {domain} and let its parent delegate to it"
        ),
    )
}

fn nothing_leads_there(domain: &DomainName, closest: &HostedZone, outer: &[HostedZone]) -> StepError {
    let around: Vec<String> = outer.iter().map(|zone| format!("{} of {}", zone.id, zone.name)).collect();
    let HostedZone { id, name, .. } = closest;
    StepError::refused(
        "ClosestZoneNotDelegated",
        format!(
            "{id} of {name} is the closest hosted zone around {domain}, and nothing leads there: the zone {} has no NS record of {name} with its name servers",
            around.join(", ")
        ),
        format!("{NAME_IT}; or put an NS record of {name} with the name servers of {id} into the zone around it"),
    )
}
