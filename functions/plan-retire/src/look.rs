//! The single looks of `plan-retire`: one kind of resource each, read-only. It must not decide what happens next
//! beyond whether a thing is ours.

pub(crate) mod certificates;
pub(crate) mod zones;

use std::collections::{BTreeMap, BTreeSet, HashMap};

use aws_sdk_route53domains::types::OperationStatus;
use nameplate::StepError;
use nameplate::domain::dns_form;
use nameplate::error::{classify, code_of};
use nameplate::resource::tags;

use crate::step::{Clients, Settings};

/// Elements per page of API Gateway, which pages only when it is asked for a page size.
const PAGE_SIZE: &str = "500";

fn ours(present: Option<&HashMap<String, String>>, settings: &Settings, domain: &str) -> bool {
    let pairs = present.into_iter().flatten().map(|(key, value)| (key.as_str(), value.as_str()));
    tags::ours(pairs, domain, &settings.stack)
}

/// Whether there is a log group of this name. Of all whose names begin so it is listed first.
pub(crate) async fn log_group_exists(clients: &Clients, name: &str) -> Result<bool, StepError> {
    let call = clients.logs.describe_log_groups().log_group_name_prefix(name);
    let answer = call.send().await.map_err(|error| classify("logs:DescribeLogGroups", &error))?;
    Ok(answer.log_groups().iter().any(|group| group.log_group_name() == Some(name)))
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
    /// Names of ours, each with what it answers under, in normal form.
    pub(crate) ours: BTreeMap<String, Option<String>>,
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
                let target = one.domain_name_configurations().first().and_then(|one| one.api_gateway_domain_name());
                found.ours.insert(name.to_owned(), target.map(dns_form));
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
    /// Whether the name's root mapping and alias records are on record as ours.
    pub(crate) recorded: bool,
    /// What our custom domain answers under.
    pub(crate) target: Option<String>,
    /// An API of somebody else to which the root mapping leads.
    pub(crate) leads_to: Option<String>,
}

impl Host {
    /// Whether something about it goes: our custom domain, or what points to one that is gone.
    pub(crate) fn detachable(&self) -> bool {
        if self.exists { self.ours } else { self.recorded }
    }
}

/// The host name. The root mapping of one that is on record, and one to the API that is, are ours, whatever API they
/// lead to; any other mapping of a custom domain of ours may lead to nobody else's API.
pub(crate) async fn host(
    clients: &Clients,
    domains: &CustomDomains,
    name: &str,
    recorded: bool,
    apis: &BTreeMap<String, bool>,
) -> Result<Host, StepError> {
    let target = domains.ours.get(name);
    let leads_to = match target {
        Some(_) => check_mappings(clients, name, recorded, apis).await?,
        None => None,
    };
    Ok(Host {
        name: name.to_owned(),
        exists: target.is_some() || domains.others.contains(name),
        ours: target.is_some(),
        recorded,
        target: target.cloned().flatten(),
        leads_to,
    })
}

/// Checks all mappings of a custom domain of ours. `apis` are those of ours and the recorded one. The API of somebody
/// else to which the root mapping leads, if it does.
async fn check_mappings(
    clients: &Clients,
    name: &str,
    recorded: bool,
    apis: &BTreeMap<String, bool>,
) -> Result<Option<String>, StepError> {
    let (mut leads_to, mut next) = (None, None);
    loop {
        let call = clients.api_gateway.get_api_mappings().domain_name(name).max_results(PAGE_SIZE);
        let page = match call.set_next_token(next).send().await {
            Ok(page) => page,
            Err(error) if code_of(&error) == Some("NotFoundException") => return Ok(leads_to),
            Err(error) => return Err(classify("apigatewayv2:GetApiMappings", &error)),
        };
        for mapping in page.items() {
            let api = mapping.api_id().unwrap_or_default();
            if apis.get(api) == Some(&true) || !exists(clients, api).await? {
                continue;
            }
            let root = mapping.api_mapping_key().unwrap_or_default().is_empty();
            if root && (recorded || apis.contains_key(api)) {
                leads_to = Some(api.to_owned());
                continue;
            }
            return Err(StepError::refused(
                "MappingNotOurs",
                format!(
                    "the path `/{}` of the custom domain {name} leads to the API {api}, which is not Nameplate's",
                    mapping.api_mapping_key().unwrap_or_default()
                ),
                "remove that mapping in API Gateway, then start the execution again",
            ));
        }
        next = page.next_token.filter(|token| !token.is_empty());
        if next.is_none() {
            return Ok(leads_to);
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

/// The APIs that are ours by tag, and the recorded ones that exist, even if they are not.
pub(crate) async fn apis(
    clients: &Clients,
    settings: &Settings,
    domain: &str,
    recorded: &[&str],
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
            if ours || recorded.contains(&id) {
                found.insert(id.to_owned(), ours);
            }
        }
        next = page.next_token.filter(|token| !token.is_empty());
        if next.is_none() {
            return Ok(found);
        }
    }
}
