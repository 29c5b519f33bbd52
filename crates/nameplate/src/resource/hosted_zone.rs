//! A hosted zone of Route 53: how it stands, what of it a run writes, and why it is refused or stays. Which of several
//! counts is in [`choice`]. It must not know how it is read or written.

use std::collections::BTreeMap;

use strum::VariantArray;

use crate::resource::difference::{Attribute, Difference, Differences};
use crate::resource::tags::{self, Tagging};
use crate::{DomainName, StepError};

pub mod choice;

/// Start of the caller reference on every zone that RegisterDomain makes (AWS-FACTS 1.4.2).
const REGISTRAR_MARK: &str = "RISWorkflow-";

/// A hosted zone as Route 53 shows it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HostedZone {
    /// `Id`, without `/hostedzone/`.
    pub id: String,
    /// `Name`, in normal form.
    pub name: String,
    /// `CallerReference`.
    pub caller_reference: String,
    /// `Comment`; empty where it has none.
    pub comment: String,
    /// Public, and not in the hands of another AWS service.
    pub usable: bool,
    /// The servers that answer for it, whatever its NS record says, in normal form. None: a listing does not show them.
    pub name_servers: Option<Vec<String>>,
    /// All its tags. None: nobody has asked for them.
    pub tags: Option<BTreeMap<String, String>>,
}

impl HostedZone {
    /// Whether it is the domain's own zone, and the one to which the registry delegates as far as that says anything.
    pub fn serves(&self, domain: &str, registry: &[String]) -> bool {
        self.usable && self.name == domain && !misdirected(registry, Some(self))
    }

    /// Whether it can hold the records of a name.
    pub fn is_around(&self, domain: &DomainName) -> bool {
        self.usable && domain.enclosing().any(|name| name == self.name)
    }

    /// Whether the registration of the name has made it.
    pub fn is_registrars(&self) -> bool {
        self.caller_reference.starts_with(REGISTRAR_MARK)
    }

    /// Whether Nameplate made it: by the caller reference, or by the comment and our tags where that is on no record.
    pub fn is_made_by_us(&self, references: &[String], domain: &str, stack: &str) -> bool {
        references.contains(&self.caller_reference)
            || (self.comment == tags::ZONE_COMMENT && self.is_ours(domain, stack))
    }

    /// Whether its tags say that it is ours.
    pub fn is_ours(&self, domain: &str, stack: &str) -> bool {
        self.tags.as_ref().is_some_and(|present| tags::are_ours(present, domain, stack))
    }

    /// Why it must not be deleted as far as its delegation is concerned; `registry` names the name servers of a name that
    /// is registered in this account.
    pub fn kept_by(&self, registry: Option<&[String]>) -> Option<String> {
        let accept = "to delete it all the same, start with `\"acceptDelegated\": true`";
        match (registry, &self.name_servers) {
            (Some(registry), own)
                if own.as_ref().is_none_or(|own| registry.iter().any(|server| own.contains(server))) =>
            {
                Some(format!("the registry points to it; point it elsewhere first; {accept}"))
            }
            (Some(_), _) => None,
            (None, _) => Some(format!(
                "the name is not registered in this account, so that its registrar may still point to it; {accept}"
            )),
        }
    }
}

/// What of a hosted zone a run writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, VariantArray)]
pub enum HostedZoneAttribute {
    /// One of its tags.
    Tag,
}

impl Attribute for HostedZoneAttribute {
    fn path(self) -> &'static str {
        match self {
            Self::Tag => "tags.{}",
        }
    }
}

/// What a run has to change about the domain's own zone; all of it where there is none.
pub fn differences(standing: Option<&HostedZone>, tagging: &Tagging) -> Vec<Difference<HostedZoneAttribute>> {
    let (mut differences, none) = (Differences::default(), BTreeMap::new());
    let present = standing.and_then(|zone| zone.tags.as_ref()).unwrap_or(&none);
    tags::compare(&mut differences, HostedZoneAttribute::Tag, present, tagging);
    differences.into_vec()
}

/// Whether the registry, whose name servers are in normal form, delegates elsewhere than to the zone. One that names
/// none says nothing.
pub fn misdirected(registry: &[String], zone: Option<&HostedZone>) -> bool {
    !registry.is_empty() && zone.is_none_or(|zone| zone.name_servers.as_deref() != Some(registry))
}

/// The registry of a name that is registered here names servers that are those of none of `zones`.
///
/// Is `Refused` with the code `DelegationElsewhere`.
#[must_use]
pub fn elsewhere(domain: &str, registry: &[String], zones: &[HostedZone]) -> StepError {
    let servers = |zone: &HostedZone| zone.name_servers.clone().unwrap_or_default();
    let found: Vec<String> =
        zones.iter().map(|zone| format!("{} with {}", zone.id, servers(zone).join(", "))).collect();
    let found = if found.is_empty() { "none".to_owned() } else { found.join("; ") };
    let reason = format!(
        "the registry delegates {domain} to {}, which is no hosted zone of that name in this account; zones found: {found}",
        registry.join(", ")
    );
    let remedy = match zones {
        [] => format!(
            "send `\"nameServers\": \"correct\"` in the request, and a zone is made and the registry pointed to it; or make a zone with `aws route53 create-hosted-zone --name {domain} --caller-reference <any new text>`, copy the records that the name needs into it, point the registry to its name servers with `{}`, then start the execution again",
            update_command(domain, &[])
        ),
        [only] => format!(
            "if {} is the zone to use, copy the records that the name needs into it and send `\"nameServers\": \"correct\"` in the request; or point the registry to it with `{}`, then start the execution again",
            only.id,
            update_command(domain, &servers(only))
        ),
        _ => format!(
            "point the registry to the zone to use with `{}`, then start the execution again; with `\"nameServers\": \"correct\"` in the request it is pointed to the one that carries this stack's tags",
            update_command(domain, &[])
        ),
    };
    StepError::refused("DelegationElsewhere", reason, remedy)
}

/// The registry would have to be pointed to a zone that does not sign, as none that Nameplate makes does, while it has
/// DNSSEC keys: whoever checks signatures would get no answer (AWS-FACTS 2.5.1).
///
/// Is `Refused` with the code `DnssecAtRegistry`.
#[must_use]
pub fn signed(domain: &str) -> StepError {
    StepError::refused(
        "DnssecAtRegistry",
        format!(
            "the registry has DNSSEC keys of {domain}, which are not those of the hosted zone: pointed to it, the name would answer nobody who checks signatures"
        ),
        format!(
            "take the keys off with `aws route53domains disassociate-delegation-signer-from-domain --region us-east-1 --domain-name {domain} --id ID`, wait until resolvers have forgotten them (up to three days), then start the execution again"
        ),
    )
}

/// The AWS CLI's call that points the registry to `servers`; with a place to fill in when they are not known.
fn update_command(domain: &str, servers: &[String]) -> String {
    let servers: Vec<String> = servers.iter().map(|server| format!("Name={server}")).collect();
    let servers = if servers.is_empty() { "Name=<each of its servers>".to_owned() } else { servers.join(" ") };
    format!(
        "aws route53domains update-domain-nameservers --region us-east-1 --domain-name {domain} --nameservers {servers}"
    )
}

/// A name has several zones, and neither a delegation nor a tag of `stack` says which one counts.
///
/// Is `Refused` with the code `SeveralZones`.
#[must_use]
pub fn ambiguous<'a>(domain: &str, stack: &str, ids: impl IntoIterator<Item = &'a str>) -> StepError {
    let ids: Vec<&str> = ids.into_iter().collect();
    StepError::refused(
        "SeveralZones",
        format!(
            "{domain} has several hosted zones in this account, {}, and no tag says which one its registrar delegates to",
            ids.join(", ")
        ),
        format!(
            "delete the zones that nothing delegates to; or put the tags {} = {domain} and {} = {stack} on the one to use, and on no other; then start the execution again",
            tags::DOMAIN,
            tags::STACK
        ),
    )
}

#[cfg(test)]
mod tests;
