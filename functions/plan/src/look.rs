//! The single looks of `plan`: one resource each, read-only. It must not decide what happens next.

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_apigatewayv2::operation::get_stage::GetStageOutput;
use aws_sdk_apigatewayv2::types::{Api, DomainName, DomainNameStatus, Integration, ProtocolType, Route};
use aws_sdk_route53::types::{ResourceRecordSet, RrType};
use nameplate::contract::Known;
use nameplate::domain::{dns_form, server_set};
use nameplate::error::{classify, code_of};
use nameplate::function::runtime::now;
use nameplate::request::{Authorizer, DefaultEndpoint, Dns, Protocol};
use nameplate::resource::api::{
    AuthorizerFields, IntegrationFields, LogSettings, ObservedAccess, ObservedAuthorizer, ObservedIntegration,
    ObservedRoute, Target, deployment_mark, route_changes, stage,
};
use nameplate::resource::record;
use nameplate::resource::record::{Owned, Scope, Standing};
use nameplate::resource::tags;
use nameplate::{Request, StepError};

use crate::step::{Clients, Settings};

/// Elements per page. API Gateway pages only when it is asked for a page size.
const PAGE_SIZE: &str = "500";

/// A custom domain of ours.
pub(crate) struct CustomDomain {
    pub(crate) name: String,
    available: bool,
    pub(crate) certificate_arn: Option<String>,
    /// What alias records must point to.
    pub(crate) target: Option<String>,
    pub(crate) tags: BTreeMap<String, String>,
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
    let (mut found, mut next) = (CustomDomains::default(), None);
    // Of one whose custom domain is gone the alias records may still stand.
    let mut recorded: BTreeSet<String> =
        known.hostnames.iter().filter(|name| !hostnames.contains(name)).cloned().collect();
    loop {
        let page = clients
            .apigateway
            .get_domain_names()
            .max_results(PAGE_SIZE)
            .set_next_token(next)
            .send()
            .await
            .map_err(|error| classify("apigatewayv2:GetDomainNames", &error))?;
        for item in page.items.unwrap_or_default() {
            let name = item.domain_name().map(dns_form).unwrap_or_default();
            let domain = CustomDomain::of(&item, name.clone());
            recorded.remove(&name);
            match (hostnames.contains(&name), ours(item.tags(), settings, request)) {
                (true, true) => drop(found.wanted.insert(name, domain)),
                (true, false) => drop(found.foreign.insert(name, domain)),
                (false, true) => found.dropped.push(name),
                (false, false) => {}
            }
        }
        next = page.next_token.filter(|token| !token.is_empty());
        if next.is_none() {
            found.dropped.extend(recorded);
            return Ok(found);
        }
    }
}

impl CustomDomain {
    fn of(item: &DomainName, name: String) -> Self {
        let configuration = item.domain_name_configurations().first();
        Self {
            available: configuration
                .and_then(|c| c.domain_name_status())
                .is_none_or(|status| *status == DomainNameStatus::Available),
            certificate_arn: configuration.and_then(|c| c.certificate_arn()).map(str::to_owned),
            target: configuration.and_then(|c| c.api_gateway_domain_name()).map(dns_form),
            tags: item.tags().into_iter().flatten().map(|(key, value)| (key.clone(), value.clone())).collect(),
            name,
        }
    }
}

/// Where a path of a custom domain leads.
pub(crate) struct Mapping {
    /// The path; empty for the root.
    pub(crate) key: String,
    pub(crate) api_id: String,
    pub(crate) stage: Option<String>,
}

/// Where the paths of a custom domain lead; none when it is gone.
pub(crate) async fn mappings(clients: &Clients, host: &str) -> Result<Vec<Mapping>, StepError> {
    let (mut found, mut next) = (Vec::new(), None);
    loop {
        let call = clients.apigateway.get_api_mappings().domain_name(host).max_results(PAGE_SIZE).set_next_token(next);
        let page = match call.send().await {
            Ok(page) => page,
            Err(error) if code_of(&error) == Some("NotFoundException") => return Ok(found),
            Err(error) => return Err(classify("apigatewayv2:GetApiMappings", &error)),
        };
        found.extend(page.items().iter().map(|mapping| Mapping {
            key: mapping.api_mapping_key().unwrap_or_default().to_owned(),
            api_id: mapping.api_id().unwrap_or_default().to_owned(),
            stage: mapping.stage().map(str::to_owned),
        }));
        next = page.next_token.filter(|token| !token.is_empty());
        if next.is_none() {
            return Ok(found);
        }
    }
}

/// Where the root path of a custom domain leads, if it leads anywhere.
pub(crate) async fn root_mapping(clients: &Clients, host: &str) -> Result<Option<Mapping>, StepError> {
    Ok(mappings(clients, host).await?.into_iter().find(|mapping| mapping.key.is_empty()))
}

/// The existing API that the request names, if it names one.
///
/// # Errors
/// `Refused` when it or its stage is not there, or Nameplate made it, for this domain or another.
pub(crate) async fn existing_api(clients: &Clients, settings: &Settings, request: &Request) -> Result<(), StepError> {
    let Some(existing) = &request.api.existing else { return Ok(()) };
    let id = &existing.api_id;
    let api = match clients.apigateway.get_api().api_id(id).send().await {
        Ok(api) => api,
        Err(error) if code_of(&error) == Some("NotFoundException") => {
            return Err(StepError::refused(
                "ApiNotFound",
                format!("this account has no HTTP or WebSocket API {id} in this region"),
                "name one that `aws apigatewayv2 get-apis` shows in `api.existing.apiId`; REST APIs cannot be named",
            ));
        }
        Err(error) => return Err(classify("apigatewayv2:GetApi", &error)),
    };
    if ours(api.tags(), settings, request) {
        return Err(StepError::refused(
            "ApiIsOurs",
            format!("the API {id} was made by this stack for {}", request.domain_name),
            "leave `api.existing` out and describe the API by `routes`",
        ));
    }
    let tag = |key: &str| api.tags().and_then(|tags| tags.get(key)).map(String::as_str);
    if let Some(stack) = tag(tags::STACK) {
        let domain = tag(tags::DOMAIN).unwrap_or("another domain");
        return Err(StepError::refused(
            "ApiOfAnotherDomain",
            format!(
                "the API {id} was made by the stack {stack} for {domain}, and goes when that changes or is retired"
            ),
            format!("name an API that Nameplate did not make, or ask for {domain} with further host names"),
        ));
    }
    if find_stage(clients, id, &existing.stage).await?.is_some() {
        return Ok(());
    }
    Err(StepError::refused(
        "StageNotFound",
        format!("the API {id} has no stage `{}`", existing.stage),
        format!("name one that `aws apigatewayv2 get-stages --api-id {id}` shows in `api.existing.stage`"),
    ))
}

/// A stage of an API; nothing when one of the two is not there.
pub(crate) async fn find_stage(
    clients: &Clients,
    api_id: &str,
    name: &str,
) -> Result<Option<GetStageOutput>, StepError> {
    match clients.apigateway.get_stage().api_id(api_id).stage_name(name).send().await {
        Ok(stage) => Ok(Some(stage)),
        Err(error) if code_of(&error) == Some("NotFoundException") => Ok(None),
        Err(error) => Err(classify("apigatewayv2:GetStage", &error)),
    }
}

/// Our APIs for this domain.
#[derive(Default)]
pub(crate) struct OurApis {
    /// The one that the request goes on with.
    pub(crate) used: Option<Api>,
    /// Ids of the others, which it replaces.
    pub(crate) replaced: Vec<String>,
}

/// The APIs that are ours, by the recorded id or by tag.
pub(crate) async fn apis(
    clients: &Clients,
    settings: &Settings,
    request: &Request,
    known: &Known,
) -> Result<OurApis, StepError> {
    let (mut found, mut next) = (Vec::new(), None);
    loop {
        let page = clients
            .apigateway
            .get_apis()
            .set_next_token(next)
            .send()
            .await
            .map_err(|error| classify("apigatewayv2:GetApis", &error))?;
        let recorded = |api: &Api| known.api_id.is_some() && api.api_id() == known.api_id.as_deref();
        let items = page.items.unwrap_or_default().into_iter();
        found.extend(items.filter(|api| recorded(api) || ours(api.tags(), settings, request)));
        match page.next_token {
            Some(token) => next = Some(token),
            None => break,
        }
    }
    let kind = match request.api.protocol() {
        Protocol::Http => ProtocolType::Http,
        Protocol::WebSocket => ProtocolType::Websocket,
    };
    let fits = |api: &&Api| request.api.existing.is_none() && api.protocol_type() == Some(&kind);
    found.sort_by_key(|api| api.created_date().map(|date| (date.secs(), date.subsec_nanos())));
    let recorded = found.iter().filter(fits).find(|api| api.api_id() == known.api_id.as_deref());
    let used = recorded.or_else(|| found.iter().find(fits)).cloned();
    let used_id = used.as_ref().and_then(|api| api.api_id().map(str::to_owned));
    let replaced = found
        .into_iter()
        .filter(|api| ours(api.tags(), settings, request))
        .filter_map(|api| api.api_id)
        .filter(|id| Some(id) != used_id.as_ref())
        .collect();
    Ok(OurApis { used, replaced })
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

/// Whether everything of a finished run still stands, and nothing of an earlier one beside it: custom domains with the
/// certificate, mappings, routes and their targets, what is deployed, the access log, validation records and aliases. At
/// most four calls for a zone of one page, and more for each further host name, authorizers, a WebSocket API, an access
/// log, and a default endpoint that shall be closed.
pub(crate) async fn stands(
    clients: &Clients,
    settings: &Settings,
    request: &Request,
    known: &Known,
    owned: &[Owned],
    custom_domains: &CustomDomains,
) -> Result<bool, StepError> {
    let api = match (&request.api.existing, &known.api_id) {
        (Some(existing), _) => Some((&existing.api_id, existing.stage.as_str())),
        (None, id) => id.as_ref().map(|id| (id, stage(request.api.protocol()))),
    };
    let (Some((api_id, stage)), Some(certificate_arn)) = (api, &known.certificate_arn) else { return Ok(false) };
    let mut targets = BTreeMap::new();
    for hostname in request.hostnames() {
        let Some(found) = custom_domains.wanted.get(&hostname) else { return Ok(false) };
        let Some(target) = &found.target else { return Ok(false) };
        if !found.available || found.certificate_arn.as_deref() != Some(certificate_arn) {
            return Ok(false);
        }
        targets.insert(hostname, target.clone());
    }
    if !custom_domains.dropped.is_empty() {
        return Ok(false);
    }
    for hostname in targets.keys() {
        let leads_here = |mapping: &Mapping| mapping.api_id == *api_id && mapping.stage.as_deref() == Some(stage);
        if !root_mapping(clients, hostname).await?.as_ref().is_some_and(leads_here) {
            return Ok(false);
        }
    }
    // What an existing API does is not this request's business.
    if request.api.existing.is_none() && !api_stands(clients, settings, request, api_id).await? {
        return Ok(false);
    }
    // One that shall be open and is not does no harm: a full run opens it.
    if request.api.default_endpoint == DefaultEndpoint::Closed && !closed(clients, api_id).await? {
        return Ok(false);
    }
    if request.dns == Dns::External {
        // The records stand where nobody here can look.
        return Ok(true);
    }
    let Some(zone_id) = &known.hosted_zone_id else { return Ok(false) };
    records_stand(clients, request, zone_id, &targets, known, owned).await
}

/// Whether the API's default endpoint is closed.
async fn closed(clients: &Clients, api_id: &str) -> Result<bool, StepError> {
    match clients.apigateway.get_api().api_id(api_id).send().await {
        Ok(api) => Ok(api.disable_execute_api_endpoint().unwrap_or(false)),
        Err(error) if code_of(&error) == Some("NotFoundException") => Ok(false),
        Err(error) => Err(classify("apigatewayv2:GetApi", &error)),
    }
}

async fn api_stands(
    clients: &Clients,
    settings: &Settings,
    request: &Request,
    api_id: &str,
) -> Result<bool, StepError> {
    let protocol = request.api.protocol();
    let Some((routes, integrations)) = parts(clients, api_id).await? else { return Ok(false) };
    let (routes, integrations) = observed(protocol, &routes, &integrations);
    let authorizers = match authorized(request) {
        // Nobody asks one, so what is left of them does no harm: a full run removes it.
        false => Vec::new(),
        true => match authorizers(clients, protocol, api_id).await? {
            Some(authorizers) => authorizers,
            None => return Ok(false),
        },
    };
    if !route_changes(request, &routes, &integrations, &authorizers).is_empty() {
        return Ok(false);
    }
    let log = LogSettings::wanted(request, &settings.stack);
    if protocol == Protocol::Http && log.is_none() {
        return Ok(true);
    }
    let Some(stage) = find_stage(clients, api_id, stage(protocol)).await? else { return Ok(false) };
    if protocol == Protocol::WebSocket {
        let closed = request.api.default_endpoint == DefaultEndpoint::Closed;
        let mark = deployment_mark(request, closed, &routes, &integrations, &authorizers);
        if deployed(clients, api_id, &stage).await? != Some(mark) {
            return Ok(false);
        }
    }
    match (log, &request.api.access_log) {
        (Some(log), Some(wanted)) => Ok(log_settings(&stage).as_ref() == Some(&log)
            && retention(clients, &log.group).await? == Some(wanted.retention_days)),
        _ => Ok(true),
    }
}

/// Routes and integrations in the form in which they are compared.
pub(crate) fn observed(
    protocol: Protocol,
    routes: &[Route],
    integrations: &[Integration],
) -> (Vec<ObservedRoute>, Vec<ObservedIntegration>) {
    let routes = routes
        .iter()
        .map(|route| ObservedRoute {
            id: route.route_id().unwrap_or_default().to_owned(),
            key: route.route_key().unwrap_or_default().to_owned(),
            integration_id: route.target().and_then(|t| t.strip_prefix("integrations/")).map(str::to_owned),
            access: ObservedAccess {
                kind: route.authorization_type().map(|kind| kind.as_str().to_owned()),
                authorizer_id: route.authorizer_id().map(str::to_owned),
                scopes: route.authorization_scopes().iter().cloned().collect(),
            },
        })
        .collect();
    let integrations = integrations
        .iter()
        .map(|integration| ObservedIntegration {
            id: integration.integration_id().unwrap_or_default().to_owned(),
            target: target(protocol, integration),
        })
        .collect();
    (routes, integrations)
}

/// What the description of the deployment says that the stage is on.
pub(crate) async fn deployed(
    clients: &Clients,
    api_id: &str,
    stage: &GetStageOutput,
) -> Result<Option<String>, StepError> {
    let Some(id) = stage.deployment_id() else { return Ok(None) };
    match clients.apigateway.get_deployment().api_id(api_id).deployment_id(id).send().await {
        Ok(deployment) => Ok(deployment.description),
        Err(error) if code_of(&error) == Some("NotFoundException") => Ok(None),
        Err(error) => Err(classify("apigatewayv2:GetDeployment", &error)),
    }
}

/// The access log of a stage.
pub(crate) fn log_settings(stage: &GetStageOutput) -> Option<LogSettings> {
    let log = stage.access_log_settings()?;
    Some(LogSettings::observed(log.destination_arn()?, log.format().unwrap_or_default()))
}

/// For how many days a log group keeps lines; nothing where it keeps them for ever, or there is none.
pub(crate) async fn retention(clients: &Clients, group: &str) -> Result<Option<i32>, StepError> {
    let answer = clients
        .logs
        .describe_log_groups()
        .log_group_name_prefix(group)
        .send()
        .await
        .map_err(|error| classify("logs:DescribeLogGroups", &error))?;
    let found = answer.log_groups().iter().find(|found| found.log_group_name() == Some(group));
    Ok(found.and_then(|found| found.retention_in_days()))
}

/// What an integration leads to; nothing when it is of a kind that Nameplate never makes.
pub(crate) fn target(protocol: Protocol, integration: &Integration) -> Option<Target> {
    IntegrationFields {
        kind: integration.integration_type().map(|kind| kind.as_str()),
        uri: integration.integration_uri(),
        method: integration.integration_method(),
        payload: integration.payload_format_version(),
        connection: integration.connection_id(),
        mapping: integration.request_parameters().cloned().unwrap_or_default().into_iter().collect(),
    }
    .target(protocol)
}

/// Whether a route of the request asks an authorizer.
fn authorized(request: &Request) -> bool {
    let asks = |route| matches!(request.api.authorizer_of(route), Authorizer::Jwt(_) | Authorizer::Lambda(_));
    request.api.routes.iter().any(asks)
}

/// The authorizers of an API, if it exists.
pub(crate) async fn authorizers(
    clients: &Clients,
    protocol: Protocol,
    api_id: &str,
) -> Result<Option<Vec<ObservedAuthorizer>>, StepError> {
    // What only the authorizers of HTTP APIs have.
    let of_http = protocol == Protocol::Http;
    let mut authorizers = Vec::new();
    let mut next = None;
    loop {
        let page = match clients.apigateway.get_authorizers().api_id(api_id).set_next_token(next).send().await {
            Ok(page) => page,
            Err(error) if code_of(&error) == Some("NotFoundException") => return Ok(None),
            Err(error) => return Err(classify("apigatewayv2:GetAuthorizers", &error)),
        };
        authorizers.extend(page.items().iter().map(|authorizer| {
            let jwt = authorizer.jwt_configuration();
            ObservedAuthorizer {
                id: authorizer.authorizer_id().unwrap_or_default().to_owned(),
                name: authorizer.name().unwrap_or_default().to_owned(),
                spec: AuthorizerFields {
                    kind: authorizer.authorizer_type().map(|kind| kind.as_str()),
                    sources: authorizer.identity_source(),
                    issuer: jwt.and_then(|jwt| jwt.issuer()),
                    audience: jwt.map(|jwt| jwt.audience()).unwrap_or_default(),
                    uri: authorizer.authorizer_uri(),
                    payload: authorizer.authorizer_payload_format_version().filter(|_| of_http),
                    ttl: authorizer.authorizer_result_ttl_in_seconds().filter(|_| of_http),
                    simple: authorizer.enable_simple_responses().filter(|_| of_http),
                }
                .spec(),
            }
        }));
        match page.next_token {
            Some(token) => next = Some(token),
            None => return Ok(Some(authorizers)),
        }
    }
}

/// All routes and integrations of an API; nothing when it is gone.
pub(crate) async fn parts(
    clients: &Clients,
    api_id: &str,
) -> Result<Option<(Vec<Route>, Vec<Integration>)>, StepError> {
    let (mut routes, mut integrations) = (Vec::new(), Vec::new());
    let mut next = None;
    loop {
        let page = match clients.apigateway.get_routes().api_id(api_id).set_next_token(next).send().await {
            Ok(page) => page,
            Err(error) if code_of(&error) == Some("NotFoundException") => return Ok(None),
            Err(error) => return Err(classify("apigatewayv2:GetRoutes", &error)),
        };
        routes.extend(page.items.unwrap_or_default());
        next = page.next_token;
        if next.is_none() {
            break;
        }
    }
    loop {
        let page = match clients.apigateway.get_integrations().api_id(api_id).set_next_token(next).send().await {
            Ok(page) => page,
            Err(error) if code_of(&error) == Some("NotFoundException") => return Ok(None),
            Err(error) => return Err(classify("apigatewayv2:GetIntegrations", &error)),
        };
        integrations.extend(page.items.unwrap_or_default());
        next = page.next_token;
        if next.is_none() {
            return Ok(Some((routes, integrations)));
        }
    }
}

/// What the A and AAAA records at `host` point to, by type.
pub(crate) async fn aliases(
    clients: &Clients,
    zone_id: &str,
    host: &str,
) -> Result<BTreeMap<&'static str, String>, StepError> {
    let page = clients
        .route53
        .list_resource_record_sets()
        .hosted_zone_id(zone_id)
        .start_record_name(host)
        .start_record_type(RrType::A)
        .max_items(2)
        .send()
        .await
        .map_err(|error| classify("route53:ListResourceRecordSets", &error))?;
    Ok(page
        .resource_record_sets()
        .iter()
        .filter(|set| dns_form(set.name()) == host && matches!(set.r#type(), RrType::A | RrType::Aaaa))
        .map(|set| {
            let alias = set.alias_target().map(|alias| dns_form(alias.dns_name()));
            let values = set.resource_records().iter().map(|record| record.value()).collect::<Vec<_>>().join(", ");
            (type_name(set.r#type()), alias.unwrap_or(values))
        })
        .collect())
}

async fn records_stand(
    clients: &Clients,
    request: &Request,
    zone_id: &str,
    alias_targets: &BTreeMap<String, String>,
    known: &Known,
    owned: &[Owned],
) -> Result<bool, StepError> {
    let mut wanted: BTreeMap<(String, &'static str), Option<String>> = BTreeMap::new();
    for (hostname, target) in alias_targets {
        for kind in ["A", "AAAA"] {
            wanted.insert((hostname.clone(), kind), Some(target.clone()));
        }
    }
    for record in &known.validation_records {
        wanted.insert((dns_form(&record.name), "CNAME"), Some(dns_form(&record.value)));
    }
    let mut standing = Vec::new();
    let mut next = Page::default();
    loop {
        let Some(page) = record_page(clients, zone_id, next).await? else { return Ok(false) };
        for set in &page.sets {
            let key = dns_form(set.name());
            if let Some(expected) = wanted.get_mut(&(key, type_name(set.r#type())))
                && points_to(set, expected.as_deref())
            {
                *expected = None;
            }
        }
        standing.extend(page.sets.iter().map(as_standing));
        let satisfied = wanted.values().all(Option::is_none);
        // Further records are compared with the whole zone: what is not wanted any more must not stand.
        let seen_enough = satisfied && request.records.is_empty() && owned.is_empty();
        match page.next {
            Some(more) if !seen_enough => next = more,
            _ => {
                let hosts = request.hostnames();
                let scope = Scope { zone: zone_id, hosts: &hosts, dropped: &[] };
                let validation = &known.validation_records;
                let decision = record::decide(&scope, &request.records, owned, &standing, validation, now());
                let to_claim = request.adopt && !decision.same.is_empty();
                return Ok(satisfied && !to_claim && decision.changes.is_empty() && decision.conflicts.is_empty());
            }
        }
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

fn type_name(kind: &RrType) -> &'static str {
    match kind {
        RrType::A => "A",
        RrType::Aaaa => "AAAA",
        RrType::Cname => "CNAME",
        _ => "other",
    }
}

fn points_to(set: &ResourceRecordSet, expected: Option<&str>) -> bool {
    let alias = set.alias_target().map(|alias| dns_form(alias.dns_name()));
    let value = set.resource_records().first().map(|record| dns_form(record.value()));
    expected.is_some() && alias.or(value).as_deref() == expected
}

pub(crate) fn ours(
    tags: Option<&std::collections::HashMap<String, String>>,
    settings: &Settings,
    request: &Request,
) -> bool {
    let tags = tags.into_iter().flatten().map(|(key, value)| (key.as_str(), value.as_str()));
    tags::ours(tags, request.domain_name.as_str(), &settings.stack)
}
