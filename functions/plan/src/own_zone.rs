//! The hosted zone of a name that a registrar sells, by the choice that `create-zone` makes as well when its turn comes.
//! Read-only. It must not know what is written into the zone.

use nameplate::StepError;
use nameplate::request::NameServers;
use nameplate::resource::hosted_zone::choice::{Choice, Search, choose};
use nameplate::resource::hosted_zone::{self, HostedZone};
use nameplate::resource::registration::RegisteredDomain;
use nameplate::token::zone_reference;

use crate::item::Item;
use crate::picture::Picture;

/// The zone with its tags; nothing where there is none yet.
///
/// # Errors
/// `Refused` when there are several and nothing says which one counts, and when the registry names servers of none of
/// them, unless the request has that corrected and the registry has no DNSSEC keys.
pub(crate) async fn zone(
    picture: &Picture<'_>,
    item: &Item,
    registered: Option<&RegisteredDomain>,
) -> Result<Option<HostedZone>, StepError> {
    let Picture { settings, request, .. } = *picture;
    let recorded = item.known.hosted_zone_id.as_deref();
    let reference = item.incarnation.as_ref().map(|one| zone_reference(one, recorded)).unwrap_or_default();
    let correct = request.name_servers == NameServers::Correct;
    let search = Search {
        domain: request.domain_name.as_str(),
        stack: &settings.stack,
        reference: &reference,
        registry: registered.map(|registered| registered.name_servers.as_slice()).unwrap_or_default(),
        just_bought: item.purchase_begun && recorded.is_none(),
        correct,
    };
    let zone = find(picture, search.clone(), recorded).await?;
    let signed = registered.is_some_and(|registered| registered.signed);
    if correct && signed && hosted_zone::misdirected(search.registry, zone.as_ref()) {
        return Err(hosted_zone::signed(search.domain));
    }
    let Some(mut zone) = zone else { return Ok(None) };
    if zone.tags.is_none() {
        zone.tags = Some(picture.zone_tags(&zone.id).await?.unwrap_or_default());
    }
    Ok(Some(zone))
}

async fn find(
    picture: &Picture<'_>,
    mut search: Search<'_>,
    recorded: Option<&str>,
) -> Result<Option<HostedZone>, StepError> {
    let route53 = &picture.clients.route53;
    let recorded = match recorded {
        Some(id) => observe::route53::hosted_zone(route53, id).await?,
        None => None,
    };
    if recorded.as_ref().is_some_and(|zone| zone.serves(search.domain, search.registry)) {
        return Ok(recorded);
    }
    let mut zones = observe::route53::hosted_zones_named(route53, search.domain).await?;
    for zone in &mut zones {
        zone.name_servers =
            recorded.as_ref().filter(|read| read.id == zone.id).and_then(|read| read.name_servers.clone());
    }
    // A dry run tells of it, as long as there is no question which zone the request would be corrected to.
    search.correct |= picture.request.dry_run && zones.len() < 2;
    loop {
        match choose(&zones, &search)? {
            Choice::Take(index) => return Ok(Some(zones.swap_remove(index))),
            Choice::TakeBought(index) => {
                let servers = search.registry.to_vec();
                return Ok(Some(HostedZone { name_servers: Some(servers), ..zones.swap_remove(index) }));
            }
            Choice::Make | Choice::Wait => return Ok(None),
            Choice::AskNameServers(index) => match observe::route53::hosted_zone(route53, &zones[index].id).await? {
                Some(zone) => zones[index] = zone,
                None => drop(zones.remove(index)),
            },
            Choice::AskTags(index) => {
                let present = picture.zone_tags(&zones[index].id).await?;
                zones[index].tags = Some(present.unwrap_or_default());
            }
        }
    }
}
