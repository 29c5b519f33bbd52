//! The single looks of `plan`: one resource each, read-only. It must not decide what happens next.

use std::collections::BTreeMap;

use aws_sdk_acm::types::{CertificateStatus, Filters, KeyAlgorithm};
use aws_sdk_route53::types::{ResourceRecordSet, RrType};
use nameplate::contract::Known;
use nameplate::desired::{ObservedIntegration, ObservedRoute, STAGE, Target, route_changes};
use nameplate::domain::HostedZoneRef;
use nameplate::error::{classify, code_of};
use nameplate::request::Dns;
use nameplate::{Request, StepError, tags};

use crate::step::{Clients, Settings};

/// A registration in this account.
pub(crate) struct Detail {
    /// Name servers at the registry, in lower case, sorted.
    pub(crate) name_servers: Vec<String>,
    /// RFC 3339.
    pub(crate) expires: Option<String>,
    pub(crate) auto_renew: Option<bool>,
}

/// A custom domain of ours.
pub(crate) struct CustomDomain {
    pub(crate) name: String,
    available: bool,
    certificate_arn: Option<String>,
    /// What alias records must point to.
    target: Option<String>,
}

/// The registration, if it is in this account.
pub(crate) async fn detail(clients: &Clients, domain: &str) -> Result<Option<Detail>, StepError> {
    match clients.domains.get_domain_detail().domain_name(domain).send().await {
        Ok(answer) => Ok(Some(Detail {
            name_servers: sorted(answer.nameservers().iter().map(|server| server.name())),
            expires: answer.expiration_date().map(ToString::to_string),
            auto_renew: answer.auto_renew(),
        })),
        // The only answer that AWS has for a name that is not ours (AWS-FACTS 1.2).
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

/// The custom domain of the request's host name, if it exists and is ours.
///
/// # Errors
/// `Refused` when it exists and is not ours.
pub(crate) async fn custom_domain(
    clients: &Clients,
    settings: &Settings,
    request: &Request,
) -> Result<Option<CustomDomain>, StepError> {
    let name = request.hostname();
    let answer = match clients.apigateway.get_domain_name().domain_name(&name).send().await {
        Ok(answer) => answer,
        Err(error) if code_of(&error) == Some("NotFoundException") => return Ok(None),
        Err(error) => return Err(classify("apigatewayv2:GetDomainName", &error)),
    };
    if !ours(answer.tags(), settings, request) {
        return Err(StepError::refused(
            "CustomDomainNotOurs",
            format!(
                "the custom domain {name} exists in API Gateway and was not made by this stack for {}",
                request.domain_name
            ),
            "delete it, or choose another api.hostname",
        ));
    }
    let configuration = answer.domain_name_configurations().first();
    Ok(Some(CustomDomain {
        available: configuration
            .and_then(|c| c.domain_name_status())
            .is_none_or(|status| *status == aws_sdk_apigatewayv2::types::DomainNameStatus::Available),
        certificate_arn: configuration.and_then(|c| c.certificate_arn()).map(str::to_owned),
        target: configuration.and_then(|c| c.api_gateway_domain_name()).map(dns_form),
        name,
    }))
}

/// The id of our API for this domain, if there is one.
pub(crate) async fn api(
    clients: &Clients,
    settings: &Settings,
    request: &Request,
    known: &Known,
) -> Result<Option<String>, StepError> {
    let mut next = None;
    loop {
        let page = clients
            .apigateway
            .get_apis()
            .set_next_token(next)
            .send()
            .await
            .map_err(|error| classify("apigatewayv2:GetApis", &error))?;
        let api = page
            .items()
            .iter()
            .find(|api| api.api_id() == known.api_id.as_deref() || ours(api.tags(), settings, request));
        if let Some(id) = api.and_then(|api| api.api_id()) {
            return Ok(Some(id.to_owned()));
        }
        match page.next_token {
            Some(token) => next = Some(token),
            None => return Ok(None),
        }
    }
}

/// The id of a public zone of exactly this name, if there is one: of several the one with the registry's servers.
pub(crate) async fn zone(
    clients: &Clients,
    request: &Request,
    registry: Option<&Detail>,
) -> Result<Option<Zone>, StepError> {
    if !request.domain_name.is_registrable() {
        return enclosing_zone(clients, request).await.map(Some);
    }
    let mut found = None;
    for id in zones(clients, request.domain_name.as_str()).await? {
        let Some(registry) = registry else { return Ok(Some(Zone { id, delegated: true })) };
        if servers_of(clients, &id, request.domain_name.as_str()).await? == registry.name_servers {
            return Ok(Some(Zone { id, delegated: true }));
        }
        found.get_or_insert(Zone { id, delegated: false });
    }
    Ok(found)
}

/// A hosted zone.
pub(crate) struct Zone {
    pub(crate) id: String,
    /// False: its name is registered in this account, and the registry names other servers.
    pub(crate) delegated: bool,
}

/// The zone around a name below one that a registrar sells. One that the request names by its id is taken at its
/// word: the step that uses it looks.
///
/// # Errors
/// `Refused` when there is none.
pub(crate) async fn enclosing_zone(clients: &Clients, request: &Request) -> Result<Zone, StepError> {
    let domain = &request.domain_name;
    if let Some(id) = request.hosted_zone.as_ref().and_then(HostedZoneRef::id) {
        return Ok(Zone { id: id.to_owned(), delegated: true });
    }
    let named = request.hosted_zone.as_ref().and_then(HostedZoneRef::name);
    let names: Vec<&str> = match named {
        Some(name) => vec![name],
        None => domain.enclosing().collect(),
    };
    for name in &names {
        if let Some(id) = zones(clients, name).await?.into_iter().next() {
            return Ok(Zone { id, delegated: true });
        }
    }
    Err(StepError::refused(
        "NoEnclosingZone",
        format!("this account has no public hosted zone of {}, in which {domain} could lie", names.join(" or ")),
        format!(
            "run {} first, so that its zone exists, or start the execution in the account that has the zone",
            domain.registrable()
        ),
    ))
}

/// The servers that the zone's own NS record names.
async fn servers_of(clients: &Clients, zone_id: &str, domain: &str) -> Result<Vec<String>, StepError> {
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
    Ok(sorted(own.flat_map(ResourceRecordSet::resource_records).map(|record| record.value())))
}

/// The ids of the public zones of exactly this name.
async fn zones(clients: &Clients, domain: &str) -> Result<Vec<String>, StepError> {
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
        .filter(|zone| !zone.config().is_some_and(|config| config.private_zone()))
        .map(|zone| zone.id().trim_start_matches("/hostedzone/").to_owned())
        .collect())
}

/// The ARN of a certificate with exactly the wanted names and key, if there is one.
pub(crate) async fn certificate(
    clients: &Clients,
    request: &Request,
    known: &Known,
) -> Result<Option<String>, StepError> {
    let mut wanted = request.certificate_names();
    wanted.sort();
    let mut next = None;
    loop {
        let page = clients
            .acm
            .list_certificates()
            .certificate_statuses(CertificateStatus::Issued)
            .certificate_statuses(CertificateStatus::PendingValidation)
            // Without the filter ACM hides every key that is not RSA (AWS-FACTS 3.2).
            .includes(
                Filters::builder().key_types(KeyAlgorithm::from(request.certificate.key_algorithm.as_str())).build(),
            )
            .set_next_token(next)
            .send()
            .await
            .map_err(|error| classify("acm:ListCertificates", &error))?;
        for summary in page.certificate_summary_list() {
            let mut names: Vec<String> = summary.subject_alternative_name_summaries().to_vec();
            names.sort();
            if summary.certificate_arn() == known.certificate_arn.as_deref() || names == wanted {
                return Ok(summary.certificate_arn().map(str::to_owned));
            }
        }
        match page.next_token {
            Some(token) => next = Some(token),
            None => return Ok(None),
        }
    }
}

/// Whether everything of a finished run still stands: custom domain with the certificate, mapping, routes and
/// their targets, delegation, validation records and aliases. At most five calls for a zone of one page.
pub(crate) async fn stands(
    clients: &Clients,
    settings: &Settings,
    request: &Request,
    known: &Known,
    detail: Option<&Detail>,
) -> Result<bool, StepError> {
    let (Some(api_id), Some(certificate_arn)) = (&known.api_id, &known.certificate_arn) else { return Ok(false) };
    let Some(custom_domain) = custom_domain(clients, settings, request).await? else { return Ok(false) };
    if !custom_domain.available || custom_domain.certificate_arn.as_deref() != Some(certificate_arn) {
        return Ok(false);
    }
    let Some(target) = custom_domain.target else { return Ok(false) };
    if !mapped(clients, &custom_domain.name, api_id).await? || !routes_stand(clients, request, api_id).await? {
        return Ok(false);
    }
    if request.dns == Dns::External {
        // The records stand where nobody here can look.
        return Ok(true);
    }
    let Some(zone_id) = &known.hosted_zone_id else { return Ok(false) };
    records_stand(clients, request, zone_id, &target, known, detail).await
}

async fn mapped(clients: &Clients, name: &str, api_id: &str) -> Result<bool, StepError> {
    match clients.apigateway.get_api_mappings().domain_name(name).send().await {
        Ok(answer) => Ok(answer.items().iter().any(|mapping| {
            mapping.api_id() == Some(api_id)
                && mapping.stage() == Some(STAGE)
                && mapping.api_mapping_key().unwrap_or_default().is_empty()
        })),
        Err(error) if code_of(&error) == Some("NotFoundException") => Ok(false),
        Err(error) => Err(classify("apigatewayv2:GetApiMappings", &error)),
    }
}

async fn routes_stand(clients: &Clients, request: &Request, api_id: &str) -> Result<bool, StepError> {
    let mut routes = Vec::new();
    let mut next = None;
    loop {
        let page = match clients.apigateway.get_routes().api_id(api_id).set_next_token(next).send().await {
            Ok(page) => page,
            Err(error) if code_of(&error) == Some("NotFoundException") => return Ok(false),
            Err(error) => return Err(classify("apigatewayv2:GetRoutes", &error)),
        };
        routes.extend(page.items().iter().map(|route| ObservedRoute {
            id: route.route_id().unwrap_or_default().to_owned(),
            key: route.route_key().unwrap_or_default().to_owned(),
            integration_id: route.target().and_then(|t| t.strip_prefix("integrations/")).map(str::to_owned),
        }));
        match page.next_token {
            Some(token) => next = Some(token),
            None => break,
        }
    }
    let mut integrations = Vec::new();
    let mut next = None;
    loop {
        let page = match clients.apigateway.get_integrations().api_id(api_id).set_next_token(next).send().await {
            Ok(page) => page,
            Err(error) if code_of(&error) == Some("NotFoundException") => return Ok(false),
            Err(error) => return Err(classify("apigatewayv2:GetIntegrations", &error)),
        };
        integrations.extend(page.items().iter().map(|integration| ObservedIntegration {
            id: integration.integration_id().unwrap_or_default().to_owned(),
            target: integration.integration_uri().and_then(|uri| match integration.integration_type()?.as_str() {
                "HTTP_PROXY" => Some(Target::Url(uri.to_owned())),
                "AWS_PROXY" => Some(Target::Lambda(uri.to_owned())),
                _ => None,
            }),
        }));
        match page.next_token {
            Some(token) => next = Some(token),
            None => break,
        }
    }
    Ok(route_changes(request, &routes, &integrations).is_empty())
}

async fn records_stand(
    clients: &Clients,
    request: &Request,
    zone_id: &str,
    alias_target: &str,
    known: &Known,
    detail: Option<&Detail>,
) -> Result<bool, StepError> {
    let hostname = request.hostname();
    let mut wanted: BTreeMap<(String, &'static str), Option<String>> = BTreeMap::from([
        ((hostname.clone(), "A"), Some(alias_target.to_owned())),
        ((hostname, "AAAA"), Some(alias_target.to_owned())),
    ]);
    for record in &known.validation_records {
        wanted.insert((dns_form(&record.name), "CNAME"), Some(dns_form(&record.value)));
    }
    // The zone's own NS record says which servers serve it; the registry must name the same ones.
    let mut delegated = detail.is_none();
    let (mut name, mut kind) = (None::<String>, None::<RrType>);
    loop {
        let page = match clients
            .route53
            .list_resource_record_sets()
            .hosted_zone_id(zone_id)
            .set_start_record_name(name)
            .set_start_record_type(kind)
            .send()
            .await
        {
            Ok(page) => page,
            Err(error) if code_of(&error) == Some("NoSuchHostedZone") => return Ok(false),
            Err(error) => return Err(classify("route53:ListResourceRecordSets", &error)),
        };
        for set in page.resource_record_sets() {
            let key = dns_form(set.name());
            if set.r#type() == &RrType::Ns && key == request.domain_name.as_str() {
                let servers = sorted(set.resource_records().iter().map(|record| record.value()));
                delegated |= detail.is_some_and(|detail| detail.name_servers == servers);
            }
            if let Some(expected) = wanted.get_mut(&(key, type_name(set.r#type())))
                && points_to(set, expected.as_deref())
            {
                *expected = None;
            }
        }
        let satisfied = delegated && wanted.values().all(Option::is_none);
        if satisfied || !page.is_truncated() {
            return Ok(satisfied);
        }
        (name, kind) = (page.next_record_name, page.next_record_type);
    }
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

fn ours(tags: Option<&std::collections::HashMap<String, String>>, settings: &Settings, request: &Request) -> bool {
    let tags = tags.into_iter().flatten().map(|(key, value)| (key.as_str(), value.as_str()));
    tags::ours(tags, request.domain_name.as_str(), &settings.stack)
}

fn sorted<'a>(names: impl Iterator<Item = &'a str>) -> Vec<String> {
    let mut names: Vec<String> = names.map(dns_form).collect();
    names.sort();
    names
}

/// Lower case, without the trailing dot.
fn dns_form(name: &str) -> String {
    name.trim_end_matches('.').to_ascii_lowercase()
}
