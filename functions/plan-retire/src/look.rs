//! The single looks of `plan-retire`: one kind of resource each, read-only. It must not decide what happens next
//! beyond whether a thing is ours.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use aws_sdk_acm::types::{CertificateDetail, CertificateStatus, CertificateSummary, Filters, KeyAlgorithm};
use aws_sdk_route53::types::{ResourceRecordSet, RrType, TagResourceType};
use aws_sdk_route53domains::types::OperationStatus;
use nameplate::contract::ValidationRecord;
use nameplate::error::{classify, code_of};
use nameplate::{StepError, tags};

use crate::step::{Clients, Settings};

/// Elements per page of API Gateway, which pages only when it is asked for a page size.
const PAGE_SIZE: &str = "500";
/// Certificates on one page: the most that ACM gives.
const CERTIFICATES: i32 = 1000;

/// Lower case, without the trailing dot.
pub(crate) fn normal(name: &str) -> String {
    name.trim_end_matches('.').to_ascii_lowercase()
}

fn ours(present: Option<&HashMap<String, String>>, settings: &Settings, domain: &str) -> bool {
    let pairs = present.into_iter().flatten().map(|(key, value)| (key.as_str(), value.as_str()));
    tags::ours(pairs, domain, &settings.stack)
}

/// Where the registry sends who asks for the domain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Delegation {
    /// To these servers, in normal form.
    To(Vec<String>),
    /// The name is not registered in this account.
    Unknown,
}

/// The registration, as far as this account holds it.
#[derive(Clone, Debug)]
pub(crate) struct Registration {
    pub(crate) delegation: Delegation,
    pub(crate) auto_renew: bool,
}

pub(crate) async fn registration(clients: &Clients, domain: &str) -> Result<Registration, StepError> {
    match clients.domains.get_domain_detail().domain_name(domain).send().await {
        Ok(detail) => Ok(Registration {
            delegation: Delegation::To(detail.nameservers().iter().map(|server| normal(server.name())).collect()),
            auto_renew: detail.auto_renew() == Some(true),
        }),
        // The only answer that AWS has for a name that is not ours (AWS-FACTS 1.2).
        Err(error) if matches!(code_of(&error), Some("InvalidInput" | "UnsupportedTLD")) => {
            Ok(Registration { delegation: Delegation::Unknown, auto_renew: false })
        }
        Err(error) => Err(classify("route53domains:GetDomainDetail", &error)),
    }
}

/// Whether an operation of Route 53 Domains is still under way. One that AWS no longer knows is not.
pub(crate) async fn is_open(clients: &Clients, operation: &str) -> Result<bool, StepError> {
    match clients.domains.get_operation_detail().operation_id(operation).send().await {
        Ok(answer) => Ok(matches!(answer.status, Some(OperationStatus::Submitted | OperationStatus::InProgress))),
        Err(error) if code_of(&error) == Some("InvalidInput") => Ok(false),
        Err(error) => Err(classify("route53domains:GetOperationDetail", &error)),
    }
}

/// The custom domains of the account in this region.
#[derive(Debug, Default)]
pub(crate) struct CustomDomains {
    /// Names of ours.
    pub(crate) ours: BTreeSet<String>,
    /// Names of all others.
    others: BTreeSet<String>,
    /// The others, by the certificate that they use.
    pub(crate) users: BTreeMap<String, String>,
}

pub(crate) async fn custom_domains(
    clients: &Clients,
    settings: &Settings,
    domain: &str,
) -> Result<CustomDomains, StepError> {
    let (mut found, mut next) = (CustomDomains::default(), None);
    loop {
        let page = clients
            .api_gateway
            .get_domain_names()
            .max_results(PAGE_SIZE)
            .set_next_token(next)
            .send()
            .await
            .map_err(|error| classify("apigatewayv2:GetDomainNames", &error))?;
        for one in page.items() {
            let Some(name) = one.domain_name() else { continue };
            if ours(one.tags(), settings, domain) {
                found.ours.insert(name.to_owned());
                continue;
            }
            found.others.insert(name.to_owned());
            let certificates = one.domain_name_configurations().iter().filter_map(|one| one.certificate_arn());
            found.users.extend(certificates.map(|arn| (arn.to_owned(), name.to_owned())));
        }
        next = page.next_token.filter(|token| !token.is_empty());
        if next.is_none() {
            return Ok(found);
        }
    }
}

/// A host name that is, or may be, ours.
#[derive(Clone, Debug)]
pub(crate) struct Host {
    pub(crate) name: String,
    /// Whether there is a custom domain of that name.
    pub(crate) exists: bool,
    /// Whether that one is ours.
    pub(crate) ours: bool,
    /// Whether the name's alias records are on record as ours.
    pub(crate) recorded: bool,
}

impl Host {
    /// Whether something about it goes: our custom domain, or what points to one that is gone.
    pub(crate) fn detachable(&self) -> bool {
        if self.exists { self.ours } else { self.recorded }
    }
}

/// The host name; a custom domain of ours may lead to nobody else's API.
pub(crate) async fn host(
    clients: &Clients,
    domains: &CustomDomains,
    name: &str,
    recorded: bool,
    apis: &BTreeMap<String, bool>,
) -> Result<Host, StepError> {
    let ours = domains.ours.contains(name);
    if ours {
        check_mappings(clients, name, apis).await?;
    }
    Ok(Host { name: name.to_owned(), exists: ours || domains.others.contains(name), ours, recorded })
}

async fn check_mappings(clients: &Clients, name: &str, apis: &BTreeMap<String, bool>) -> Result<(), StepError> {
    let mut next = None;
    loop {
        let call = clients.api_gateway.get_api_mappings().domain_name(name).max_results(PAGE_SIZE);
        let page = match call.set_next_token(next).send().await {
            Ok(page) => page,
            Err(error) if code_of(&error) == Some("NotFoundException") => return Ok(()),
            Err(error) => return Err(classify("apigatewayv2:GetApiMappings", &error)),
        };
        for mapping in page.items() {
            let api = mapping.api_id().unwrap_or_default();
            if apis.get(api) != Some(&true) && exists(clients, api).await? {
                return Err(StepError::refused(
                    "MappingNotOurs",
                    format!(
                        "the path `/{}` of the custom domain {name} leads to the API {api}, which is not Nameplate's",
                        mapping.api_mapping_key().unwrap_or_default()
                    ),
                    "remove that mapping in API Gateway, then start the execution again",
                ));
            }
        }
        next = page.next_token.filter(|token| !token.is_empty());
        if next.is_none() {
            return Ok(());
        }
    }
}

async fn exists(clients: &Clients, api: &str) -> Result<bool, StepError> {
    match clients.api_gateway.get_api().api_id(api).send().await {
        Ok(_) => Ok(true),
        Err(error) if code_of(&error) == Some("NotFoundException") => Ok(false),
        Err(error) => Err(classify("apigatewayv2:GetApi", &error)),
    }
}

/// The APIs that are ours by tag, and the recorded one, if it exists, even if it is not.
pub(crate) async fn apis(
    clients: &Clients,
    settings: &Settings,
    domain: &str,
    recorded: Option<&str>,
) -> Result<BTreeMap<String, bool>, StepError> {
    let (mut found, mut next) = (BTreeMap::new(), None);
    loop {
        let page = clients
            .api_gateway
            .get_apis()
            .max_results(PAGE_SIZE)
            .set_next_token(next)
            .send()
            .await
            .map_err(|error| classify("apigatewayv2:GetApis", &error))?;
        for api in page.items() {
            let Some(id) = api.api_id() else { continue };
            let ours = ours(api.tags(), settings, domain);
            if ours || recorded == Some(id) {
                found.insert(id.to_owned(), ours);
            }
        }
        next = page.next_token.filter(|token| !token.is_empty());
        if next.is_none() {
            return Ok(found);
        }
    }
}

/// A certificate that is, or was said to be, ours.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Certificate {
    pub(crate) arn: String,
    pub(crate) ours: bool,
    /// What uses it, by ARN.
    pub(crate) users: Vec<String>,
    pub(crate) records: Vec<ValidationRecord>,
}

impl Certificate {
    /// Why it stays; `foreign` are custom domains that are not ours, by the certificate that they use.
    pub(crate) fn stays_because(&self, account: &str, foreign: &BTreeMap<String, String>) -> Option<String> {
        if !self.ours {
            return Some("it does not carry the tags of this stack".to_owned());
        }
        if let Some(name) = foreign.get(&self.arn) {
            return Some(format!("the custom domain {name}, which is not Nameplate's, uses it"));
        }
        // API Gateway's own use is told by a load balancer in AWS's account (AWS-FACTS 3.4).
        let user = self.users.iter().find(|arn| arn.split(':').nth(4) == Some(account))?;
        Some(format!("{user} in this account uses it"))
    }

    pub(crate) fn goes(&self, account: &str, foreign: &BTreeMap<String, String>) -> bool {
        self.stays_because(account, foreign).is_none()
    }
}

/// The certificates of the domain that are ours by tag, and the recorded ones, even if they are not.
pub(crate) async fn certificates(
    clients: &Clients,
    settings: &Settings,
    domain: &str,
    recorded: &BTreeSet<&String>,
) -> Result<Vec<Certificate>, StepError> {
    let main = |summary: &CertificateSummary| summary.domain_name().map(normal).as_deref() == Some(domain);
    let mut arns: BTreeSet<String> = recorded.iter().map(|arn| (*arn).clone()).collect();
    arns.extend(list(&clients.acm, &[], &main).await?);
    let mut found = Vec::new();
    for arn in arns {
        let Some(detail) = describe(&clients.acm, &arn).await? else { continue };
        let tagged = clients.acm.list_tags_for_certificate().certificate_arn(&arn).send().await;
        let present = match tagged {
            Ok(answer) => answer.tags.unwrap_or_default(),
            Err(error) if code_of(&error) == Some("ResourceNotFoundException") => continue,
            Err(error) => return Err(classify("acm:ListTagsForCertificate", &error)),
        };
        let pairs = present.iter().map(|tag| (tag.key(), tag.value().unwrap_or_default()));
        let ours = tags::ours(pairs, domain, &settings.stack);
        if ours || recorded.contains(&arn) {
            found.push(Certificate { ours, users: detail.in_use_by().to_vec(), records: records(&detail), arn });
        }
    }
    Ok(found)
}

/// Names of the validation records that certificates other than the `going` need, each with one that does.
pub(crate) async fn needed_records(
    clients: &Clients,
    domain: &str,
    going: &BTreeSet<&str>,
) -> Result<BTreeMap<String, String>, StepError> {
    let alive = [CertificateStatus::PendingValidation, CertificateStatus::Issued, CertificateStatus::Inactive];
    let mut needed = BTreeMap::new();
    for acm in std::iter::once(&clients.acm).chain(&clients.other_acm) {
        for arn in list(acm, &alive, &|summary: &CertificateSummary| touches(summary, domain)).await? {
            if going.contains(arn.as_str()) {
                continue;
            }
            let of_one = describe(acm, &arn).await?.map(|detail| records(&detail)).unwrap_or_default();
            needed.extend(of_one.into_iter().map(|record| (record.name, arn.clone())));
        }
    }
    Ok(needed)
}

/// ARNs of the listed certificates that `wanted` takes; no status means each.
async fn list(
    acm: &aws_sdk_acm::Client,
    statuses: &[CertificateStatus],
    wanted: &(dyn Fn(&CertificateSummary) -> bool + Sync),
) -> Result<Vec<String>, StepError> {
    // Without key types ACM hides most of them (AWS-FACTS 3.2).
    let key_types = KeyAlgorithm::values().iter().map(|key| KeyAlgorithm::from(*key)).collect();
    let filters = Filters::builder().set_key_types(Some(key_types)).build();
    let (mut found, mut next) = (Vec::new(), None);
    loop {
        let page = acm
            .list_certificates()
            .set_certificate_statuses((!statuses.is_empty()).then(|| statuses.to_vec()))
            .includes(filters.clone())
            .max_items(CERTIFICATES)
            .set_next_token(next)
            .send()
            .await
            .map_err(|error| classify("acm:ListCertificates", &error))?;
        let taken = page.certificate_summary_list().iter().filter(|summary| wanted(summary));
        found.extend(taken.filter_map(|summary| summary.certificate_arn().map(str::to_owned)));
        next = page.next_token().filter(|token| !token.is_empty()).map(str::to_owned);
        if next.is_none() {
            return Ok(found);
        }
    }
}

/// Whether a certificate has, or may have, a name in the domain.
fn touches(summary: &CertificateSummary, domain: &str) -> bool {
    let listed = summary.subject_alternative_name_summaries().iter().map(String::as_str);
    summary.has_additional_subject_alternative_names() == Some(true)
        || summary.domain_name().into_iter().chain(listed).any(|name| {
            let name = normal(name);
            let base = name.strip_prefix("*.").unwrap_or(&name);
            base == domain || base.ends_with(&format!(".{domain}"))
        })
}

async fn describe(acm: &aws_sdk_acm::Client, arn: &str) -> Result<Option<CertificateDetail>, StepError> {
    match acm.describe_certificate().certificate_arn(arn).send().await {
        Ok(answer) => Ok(answer.certificate),
        Err(error) if code_of(&error) == Some("ResourceNotFoundException") => Ok(None),
        Err(error) => Err(classify("acm:DescribeCertificate", &error)),
    }
}

fn records(detail: &CertificateDetail) -> Vec<ValidationRecord> {
    let records = detail.domain_validation_options().iter().filter_map(|option| option.resource_record());
    let mut records: Vec<ValidationRecord> =
        records.map(|record| ValidationRecord { name: normal(record.name()), value: normal(record.value()) }).collect();
    records.sort();
    records.dedup();
    records
}

/// A hosted zone that holds, or held, records of ours.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Zone {
    pub(crate) id: String,
    /// Whether Nameplate made it; else it was there before, or RegisterDomain made it.
    pub(crate) made_by_us: bool,
    /// In normal form.
    pub(crate) name_servers: Vec<String>,
    /// A record in it that is neither its own NS or SOA nor one that goes.
    pub(crate) other_record: Option<String>,
}

impl Zone {
    /// Why it stays.
    pub(crate) fn stays_because(&self, delegation: &Delegation, accepted: bool) -> Option<String> {
        let accept = "to delete it all the same, start with `\"acceptDelegated\": true`";
        if !self.made_by_us {
            return Some("Nameplate did not make it".to_owned());
        }
        if let Some(record) = &self.other_record {
            return Some(format!("it holds records that are not ours, {record} among them"));
        }
        match delegation {
            _ if accepted => None,
            Delegation::To(servers) if servers.iter().any(|server| self.name_servers.contains(server)) => {
                Some(format!("the registry points to it; point it elsewhere first; {accept}"))
            }
            Delegation::To(_) => None,
            Delegation::Unknown => Some(format!(
                "the name is not registered in this account, so that its registrar may still point to it; {accept}"
            )),
        }
    }
}

/// The zones of exactly this name that are ours by tag or by caller reference, and the recorded one.
pub(crate) async fn zones(
    clients: &Clients,
    settings: &Settings,
    domain: &str,
    recorded: Option<&str>,
    references: &BTreeSet<String>,
) -> Result<Vec<Zone>, StepError> {
    let mut found = Vec::new();
    let (mut next_name, mut next_id) = (domain.to_owned(), None);
    loop {
        let page = clients
            .route53
            .list_hosted_zones_by_name()
            .dns_name(next_name)
            .set_hosted_zone_id(next_id)
            .send()
            .await
            .map_err(|error| classify("route53:ListHostedZonesByName", &error))?;
        for zone in page.hosted_zones().iter().filter(|zone| normal(zone.name()) == domain) {
            if zone.config().is_some_and(|config| config.private_zone()) || zone.linked_service().is_some() {
                continue;
            }
            let id = zone.id().trim_start_matches("/hostedzone/");
            let tagged = is_tagged(clients, settings, domain, id).await?;
            let referred = references.contains(zone.caller_reference());
            let marked = zone.config().and_then(|config| config.comment()) == Some(tags::ZONE_COMMENT);
            if tagged || referred || recorded == Some(id) {
                found.push(Zone {
                    id: id.to_owned(),
                    made_by_us: referred || (tagged && marked),
                    name_servers: name_servers(clients, id).await?,
                    other_record: None,
                });
            }
        }
        match page.next_dns_name() {
            Some(next) if page.is_truncated() && normal(next) == domain => {
                next_name = next.to_owned();
                next_id = page.next_hosted_zone_id().map(str::to_owned);
            }
            _ => return Ok(found),
        }
    }
}

async fn is_tagged(clients: &Clients, settings: &Settings, domain: &str, id: &str) -> Result<bool, StepError> {
    let call = clients.route53.list_tags_for_resource().resource_type(TagResourceType::Hostedzone).resource_id(id);
    let answer = match call.send().await {
        Ok(answer) => answer,
        Err(error) if code_of(&error) == Some("NoSuchHostedZone") => return Ok(false),
        Err(error) => return Err(classify("route53:ListTagsForResource", &error)),
    };
    let present = answer.resource_tag_set().map(|set| set.tags()).unwrap_or_default();
    let pairs = present.iter().filter_map(|tag| Some((tag.key()?, tag.value().unwrap_or_default())));
    Ok(tags::ours(pairs, domain, &settings.stack))
}

async fn name_servers(clients: &Clients, id: &str) -> Result<Vec<String>, StepError> {
    match clients.route53.get_hosted_zone().id(id).send().await {
        Ok(answer) => Ok(answer
            .delegation_set()
            .map(|set| set.name_servers().iter().map(|server| normal(server)).collect())
            .unwrap_or_default()),
        Err(error) if code_of(&error) == Some("NoSuchHostedZone") => Ok(Vec::new()),
        Err(error) => Err(classify("route53:GetHostedZone", &error)),
    }
}

/// A record that keeps the zone from being empty once the aliases of `hosts` and the CNAMEs `records` are gone.
pub(crate) async fn other_record(
    clients: &Clients,
    domain: &str,
    id: &str,
    hosts: &BTreeSet<&str>,
    records: &BTreeSet<String>,
) -> Result<Option<String>, StepError> {
    let goes = |set: &&ResourceRecordSet| {
        let name = normal(set.name());
        match set.r#type() {
            RrType::Ns | RrType::Soa => name == domain,
            RrType::A | RrType::Aaaa => hosts.contains(name.as_str()) && set.alias_target().is_some(),
            RrType::Cname => records.contains(&name),
            _ => false,
        }
    };
    let (mut name, mut kind) = (None::<String>, None::<RrType>);
    loop {
        let call = clients.route53.list_resource_record_sets().hosted_zone_id(id).set_start_record_name(name);
        let page = match call.set_start_record_type(kind).send().await {
            Ok(page) => page,
            Err(error) if code_of(&error) == Some("NoSuchHostedZone") => return Ok(None),
            Err(error) => return Err(classify("route53:ListResourceRecordSets", &error)),
        };
        if let Some(other) = page.resource_record_sets().iter().find(|set| !goes(set)) {
            return Ok(Some(format!("{} {}", other.r#type().as_str(), normal(other.name()))));
        }
        if !page.is_truncated() {
            return Ok(None);
        }
        (name, kind) = (page.next_record_name, page.next_record_type);
    }
}
