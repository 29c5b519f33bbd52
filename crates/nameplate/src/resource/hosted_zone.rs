//! Refusals about the hosted zones of a name, in the words that the plan and the step that makes zones share.
//! It must not know how zones are looked for.

use crate::StepError;
use crate::resource::tags;

/// A hosted zone and where it answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Served {
    /// Without `/hostedzone/`.
    pub id: String,
    /// In normal form.
    pub name_servers: Vec<String>,
}

/// The registry of a name that is registered here names servers that are those of none of `zones`.
///
/// Is `Refused` with the code `DelegationElsewhere`.
#[must_use]
pub fn elsewhere(domain: &str, registry: &[String], zones: &[Served]) -> StepError {
    let found: Vec<String> =
        zones.iter().map(|zone| format!("{} with {}", zone.id, zone.name_servers.join(", "))).collect();
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
            update_command(domain, &only.name_servers)
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
