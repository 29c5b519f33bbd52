//! The single looks of `plan`: one resource each, read-only. It must not decide what happens next.

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_acm::primitives::DateTime;
use aws_sdk_acm::types::{CertificateDetail, CertificateStatus};
use aws_sdk_route53::types::{HostedZoneConfig, ResourceRecordSet, RrType, TagResourceType};
use nameplate::contract::Known;
use nameplate::domain::{dns_form, server_set};
use nameplate::error::{classify, code_of};
use nameplate::resource::custom_domain::CustomDomain;
use nameplate::resource::record::Standing;
use nameplate::resource::tags;
use nameplate::{Request, StepError};

use crate::context::{Clients, Settings};

/// A registration in this account.
pub(crate) struct Detail {
    /// Name servers at the registry, in lower case, sorted.
    pub(crate) name_servers: Vec<String>,
    /// RFC 3339.
    pub(crate) expires: Option<String>,
    pub(crate) auto_renew: Option<bool>,
    /// Whether it has DNSSEC keys, so that resolvers take only signed answers.
    pub(crate) signed: bool,
}

/// The registration, if it is in this account.
pub(crate) async fn detail(clients: &Clients, domain: &str) -> Result<Option<Detail>, StepError> {
    match clients.domains.get_domain_detail().domain_name(domain).send().await {
        Ok(answer) => Ok(Some(Detail {
            name_servers: server_set(answer.nameservers().iter().map(|server| server.name())),
            expires: answer.expiration_date().map(ToString::to_string),
            auto_renew: answer.auto_renew(),
            signed: !answer.dnssec_keys().is_empty(),
        })),
        // The only answer that AWS has for a name that is not ours (AWS-FACTS 1.1.2).
        Err(error) if matches!(code_of(&error), Some("InvalidInput" | "UnsupportedTLD")) => Ok(None),
        Err(error) => Err(classify("route53domains:GetDomainDetail", &error)),
    }
}

/// Whether the registrant has confirmed the e-mail address by now.
pub(crate) async fn email_confirmed(clients: &Clients, domain: &str) -> Result<bool, StepError> {
    let answer = clients
        .domains
        .get_contact_reachability_status()
        .domain_name(domain)
        .send()
        .await
        .map_err(|error| classify("route53domains:GetContactReachabilityStatus", &error))?;
    Ok(answer.status == Some(aws_sdk_route53domains::types::ReachabilityStatus::Done))
}

/// The custom domains of this domain.
#[derive(Default)]
pub(crate) struct CustomDomains {
    /// Those of the request's host names that exist, by name.
    pub(crate) wanted: BTreeMap<String, CustomDomain>,
    /// Those of the request's host names that exist and are somebody else's, by name.
    pub(crate) foreign: BTreeMap<String, CustomDomain>,
    /// Host names of ours that the request does not name.
    pub(crate) dropped: Vec<String>,
}

/// The custom domains of the request's host names, and those of ours that it does not name any more.
pub(crate) async fn custom_domains(
    clients: &Clients,
    settings: &Settings,
    request: &Request,
    known: &Known,
) -> Result<CustomDomains, StepError> {
    let hostnames = request.hostnames();
    let mut found = CustomDomains::default();
    // Of one whose custom domain is gone the alias records may still stand.
    let mut recorded: BTreeSet<String> =
        known.hostnames.iter().filter(|name| !hostnames.contains(name)).cloned().collect();
    for domain in observe::apigateway::custom_domains(&clients.apigateway).await? {
        recorded.remove(&domain.name);
        let pairs = domain.tags.iter().map(|(key, value)| (key.as_str(), value.as_str()));
        let ours = tags::ours(pairs, request.domain_name.as_str(), &settings.stack);
        match (hostnames.contains(&domain.name), ours) {
            (true, true) => drop(found.wanted.insert(domain.name.clone(), domain)),
            (true, false) => drop(found.foreign.insert(domain.name.clone(), domain)),
            (false, true) => found.dropped.push(domain.name),
            (false, false) => {}
        }
    }
    found.dropped.extend(recorded);
    Ok(found)
}

/// The tags of a hosted zone; nothing when it is gone.
pub(crate) async fn zone_tags(clients: &Clients, id: &str) -> Result<Option<BTreeMap<String, String>>, StepError> {
    let call = clients.route53.list_tags_for_resource().resource_type(TagResourceType::Hostedzone);
    let answer = match call.resource_id(id).send().await {
        Ok(answer) => answer,
        Err(error) if code_of(&error) == Some("NoSuchHostedZone") => return Ok(None),
        Err(error) => return Err(classify("route53:ListTagsForResource", &error)),
    };
    let present = answer.resource_tag_set().map(|set| set.tags()).unwrap_or_default();
    Ok(Some(present.iter().filter_map(|tag| pair(tag.key(), tag.value())).collect()))
}

/// The tags of a certificate; nothing when it is gone.
pub(crate) async fn certificate_tags(
    clients: &Clients,
    arn: &str,
) -> Result<Option<BTreeMap<String, String>>, StepError> {
    match clients.acm.list_tags_for_certificate().certificate_arn(arn).send().await {
        Ok(answer) => Ok(Some(answer.tags().iter().filter_map(|tag| pair(Some(tag.key()), tag.value())).collect())),
        Err(error) if code_of(&error) == Some("ResourceNotFoundException") => Ok(None),
        Err(error) => Err(classify("acm:ListTagsForCertificate", &error)),
    }
}

/// The tags of a registration in this account.
pub(crate) async fn registration_tags(clients: &Clients, domain: &str) -> Result<BTreeMap<String, String>, StepError> {
    let answer = clients
        .domains
        .list_tags_for_domain()
        .domain_name(domain)
        .send()
        .await
        .map_err(|error| classify("route53domains:ListTagsForDomain", &error))?;
    Ok(answer.tag_list().iter().filter_map(|tag| pair(tag.key(), tag.value())).collect())
}

fn pair(key: Option<&str>, value: Option<&str>) -> Option<(String, String)> {
    Some((key?.to_owned(), value.unwrap_or_default().to_owned()))
}

/// A hosted zone.
pub(crate) struct Zone {
    pub(crate) id: String,
    /// Lower case, without the trailing dot.
    pub(crate) name: String,
    /// Public, and not in the hands of another AWS service.
    pub(crate) usable: bool,
    /// The servers that answer for it, whatever its NS record says, in normal form.
    pub(crate) name_servers: Vec<String>,
}

/// The zone of this id; nothing when there is none.
pub(crate) async fn hosted_zone(clients: &Clients, id: &str) -> Result<Option<Zone>, StepError> {
    let answer = match clients.route53.get_hosted_zone().id(id).send().await {
        Ok(answer) => answer,
        Err(error) if code_of(&error) == Some("NoSuchHostedZone") => return Ok(None),
        Err(error) => return Err(classify("route53:GetHostedZone", &error)),
    };
    let name_servers = answer.delegation_set().map(|set| server_set(set.name_servers())).unwrap_or_default();
    Ok(answer.hosted_zone().map(|zone| Zone {
        id: id.to_owned(),
        name: dns_form(zone.name()),
        usable: !zone.config().is_some_and(HostedZoneConfig::private_zone) && zone.linked_service().is_none(),
        name_servers,
    }))
}

/// The servers that the zone's NS record of this name holds; none where there is no such record.
pub(crate) async fn servers_of(clients: &Clients, zone_id: &str, domain: &str) -> Result<Vec<String>, StepError> {
    let answer = clients
        .route53
        .list_resource_record_sets()
        .hosted_zone_id(zone_id)
        .start_record_name(domain)
        .start_record_type(RrType::Ns)
        .max_items(1)
        .send()
        .await
        .map_err(|error| classify("route53:ListResourceRecordSets", &error))?;
    let sets = answer.resource_record_sets().iter();
    let own = sets.filter(|set| set.r#type() == &RrType::Ns && dns_form(set.name()) == domain);
    Ok(server_set(own.flat_map(ResourceRecordSet::resource_records).map(|record| record.value())))
}

/// The ids of the zones of exactly this name that are public, and in the hands of no other AWS service. The listing starts
/// at the name and goes on beyond it (AWS-FACTS 2.1.3).
pub(crate) async fn zones(clients: &Clients, domain: &str) -> Result<Vec<String>, StepError> {
    let answer = clients
        .route53
        .list_hosted_zones_by_name()
        .dns_name(domain)
        .send()
        .await
        .map_err(|error| classify("route53:ListHostedZonesByName", &error))?;
    Ok(answer
        .hosted_zones()
        .iter()
        .take_while(|zone| dns_form(zone.name()) == domain)
        .filter(|zone| !zone.config().is_some_and(|config| config.private_zone()) && zone.linked_service().is_none())
        .map(|zone| zone.id().trim_start_matches("/hostedzone/").to_owned())
        .collect())
}

/// A certificate; nothing when ACM does not know it.
pub(crate) async fn certificate(clients: &Clients, arn: &str) -> Result<Option<CertificateDetail>, StepError> {
    match clients.acm.describe_certificate().certificate_arn(arn).send().await {
        Ok(answer) => Ok(answer.certificate),
        Err(error) if code_of(&error) == Some("ResourceNotFoundException") => Ok(None),
        Err(error) => Err(classify("acm:DescribeCertificate", &error)),
    }
}

/// When an issued certificate ends, RFC 3339, in whole seconds as `request-cert` says it; nothing for one that is of no use.
pub(crate) fn issued_until(certificate: &CertificateDetail) -> Option<String> {
    let issued = certificate.status() == Some(&CertificateStatus::Issued);
    certificate.not_after().filter(|_| issued).map(|ends| DateTime::from_secs(ends.secs()).to_string())
}

/// The record sets from a name and a type on; none when the zone is gone.
pub(crate) async fn records_at(
    clients: &Clients,
    zone_id: &str,
    name: &str,
    kind: RrType,
    most: i32,
) -> Result<Vec<ResourceRecordSet>, StepError> {
    let call = clients.route53.list_resource_record_sets().hosted_zone_id(zone_id).start_record_name(name);
    match call.start_record_type(kind).max_items(most).send().await {
        Ok(page) => Ok(page.resource_record_sets),
        Err(error) if code_of(&error) == Some("NoSuchHostedZone") => Ok(Vec::new()),
        Err(error) => Err(classify("route53:ListResourceRecordSets", &error)),
    }
}

/// All record sets of a zone; nothing when it is gone.
pub(crate) async fn record_sets(clients: &Clients, zone_id: &str) -> Result<Option<Vec<ResourceRecordSet>>, StepError> {
    let mut sets = Vec::new();
    let mut next = Page::default();
    loop {
        let Some(page) = record_page(clients, zone_id, next).await? else { return Ok(None) };
        sets.extend(page.sets);
        match page.next {
            Some(more) => next = more,
            None => return Ok(Some(sets)),
        }
    }
}

/// Where a page of record sets begins.
#[derive(Default)]
struct Page {
    name: Option<String>,
    kind: Option<RrType>,
    identifier: Option<String>,
}

struct Records {
    sets: Vec<ResourceRecordSet>,
    next: Option<Page>,
}

/// One page of a zone's record sets; nothing when the zone is gone.
async fn record_page(clients: &Clients, zone_id: &str, start: Page) -> Result<Option<Records>, StepError> {
    let answer = clients
        .route53
        .list_resource_record_sets()
        .hosted_zone_id(zone_id)
        .set_start_record_name(start.name)
        .set_start_record_type(start.kind)
        .set_start_record_identifier(start.identifier)
        .send()
        .await;
    match answer {
        Ok(page) => Ok(Some(Records {
            next: page.is_truncated.then_some(Page {
                name: page.next_record_name,
                kind: page.next_record_type,
                identifier: page.next_record_identifier,
            }),
            sets: page.resource_record_sets,
        })),
        Err(error) if code_of(&error) == Some("NoSuchHostedZone") => Ok(None),
        Err(error) => Err(classify("route53:ListResourceRecordSets", &error)),
    }
}

pub(crate) fn as_standing(set: &ResourceRecordSet) -> Standing {
    let simple = set.alias_target().is_none() && set.set_identifier().is_none() && set.health_check_id().is_none();
    let values = set.resource_records().iter().map(|record| record.value().to_owned()).collect();
    let alias = set.alias_target().map(|alias| alias.dns_name());
    Standing::new(set.name(), set.r#type().as_str(), set.ttl(), values, simple).alias_of(alias)
}
