//! Which of the zones of a domain counts, for the plan and for the step that makes zones. A registry of this account
//! says it by its delegation; where none does, it is ours, else the only one.
//! Pure: it says what has still to be read, so that nobody reads more than the answer depends on.

use crate::StepError;
use crate::resource::hosted_zone::{self, HostedZone};

/// What says which zone counts.
#[derive(Clone, Debug)]
pub struct Search<'a> {
    /// The domain, which a registrar sells.
    pub domain: &'a str,
    /// Whose zones these are.
    pub stack: &'a str,
    /// The caller reference of the zone that a run makes, or has made in an attempt that was broken off.
    pub reference: &'a str,
    /// The name servers that the registry of a name registered in this account holds, in normal form.
    pub registry: &'a [String],
    /// The name was bought and no run has seen its zone yet: then that zone may still be on its way, and one with the
    /// registrar's mark cannot have been given up for another.
    pub just_bought: bool,
    /// Whether the registry will be pointed to the zone when it names others.
    pub correct: bool,
}

/// Which zone to use, or what has to be known first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Choice {
    /// The zone at this index.
    Take(usize),
    /// The zone at this index: RegisterDomain made it and delegated to it, and nobody can have tagged it.
    TakeBought(usize),
    /// There is none, and one may be made.
    Make,
    /// The registrar's zone is not listed yet.
    Wait,
    /// Whichever it is depends on the name servers of the zone at this index.
    AskNameServers(usize),
    /// Whichever it is depends on the tags of the zone at this index.
    AskTags(usize),
}

/// Chooses among the usable zones of exactly the domain's name.
///
/// # Errors
/// `Refused`: the registry delegates to none of them and is not to be corrected, or several are there and nothing says
/// which one counts.
pub fn choose(zones: &[HostedZone], search: &Search<'_>) -> Result<Choice, StepError> {
    if search.registry.is_empty() {
        return if search.just_bought { Ok(Choice::Wait) } else { undelegated(zones, search) };
    }
    if let [only] = zones
        && search.just_bought
        && only.is_registrars()
    {
        return Ok(Choice::TakeBought(0));
    }
    for (index, zone) in zones.iter().enumerate() {
        match &zone.name_servers {
            None => return Ok(Choice::AskNameServers(index)),
            Some(servers) if servers == search.registry => return Ok(Choice::Take(index)),
            Some(_) => {}
        }
    }
    if search.just_bought && !zones.iter().any(HostedZone::is_registrars) {
        return Ok(Choice::Wait);
    }
    if !search.correct {
        return Err(hosted_zone::elsewhere(search.domain, search.registry, zones));
    }
    undelegated(zones, search)
}

/// Which zone to use when no delegation says it.
fn undelegated(zones: &[HostedZone], search: &Search<'_>) -> Result<Choice, StepError> {
    match zones {
        [] => return Ok(Choice::Make),
        [_] => return Ok(Choice::Take(0)),
        _ => {}
    }
    if let Some(index) = zones.iter().position(|zone| zone.tags.is_none()) {
        return Ok(Choice::AskTags(index));
    }
    let ours =
        |zone: &HostedZone| zone.caller_reference == search.reference || zone.is_ours(search.domain, search.stack);
    let mut found = zones.iter().enumerate().filter(|(_, zone)| ours(zone));
    match (found.next(), found.next()) {
        (Some((index, _)), None) => Ok(Choice::Take(index)),
        _ => Err(hosted_zone::ambiguous(search.domain, search.stack, zones.iter().map(|zone| zone.id.as_str()))),
    }
}

#[cfg(test)]
mod tests;
