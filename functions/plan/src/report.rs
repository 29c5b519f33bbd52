//! The dry run's report: what is there, what the request wants, and the difference. Read-only.
//! What a resource is like stands in the words of the request, so that a changed field has the name that it has there.
//! It must not decide what a run does: the steps compare for themselves.

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_acm::types::{CertificateStatus, Filters, KeyAlgorithm};
use aws_sdk_apigatewayv2::types::{Api, Cors, ProtocolType, Route as ApiRoute, RouteSettings};
use nameplate::contract::{Known, RegistrationPlan};
use nameplate::desired::{Access, AuthorizerSpec, LogSettings, NO_LIMIT, Target, deployment_mark, stage};
use nameplate::error::classify;
use nameplate::request::{DefaultEndpoint, Dns, NameServers, Protocol, Route, Throttle, Validation};
use nameplate::result::{ReportAction, ResourceReport};
use nameplate::{Request, StepError, difference, tags};
use serde_json::{Value, json};

use crate::look;
use crate::own_zone::Zone;
use crate::step::{Clients, Settings};

/// Stands for the id of what does not exist yet.
const NOT_YET: &str = "(known after the run)";

/// What was seen before the report is made.
pub(crate) struct Seen<'a> {
    pub(crate) known: &'a Known,
    pub(crate) plan: RegistrationPlan,
    /// Whether this stack bought the name, so that the registration is tagged.
    pub(crate) bought: bool,
    pub(crate) registry: Option<&'a look::Detail>,
    pub(crate) custom_domains: &'a look::CustomDomains,
    /// The zone that the records go into, if there is one by now.
    pub(crate) zone: Option<&'a Zone>,
}

/// The tags that a request is about: those that it wants, and those that an earlier run set. What others set stays.
struct Tagging<'a> {
    wanted: BTreeMap<String, String>,
    former: &'a [String],
    domain: &'a str,
    stack: &'a str,
}

impl<'a> Tagging<'a> {
    fn of(request: &'a Request, settings: &'a Settings, known: &'a Known) -> Self {
        Self {
            wanted: tags::wanted(request, &settings.stack),
            former: &known.tag_keys,
            domain: request.domain_name.as_str(),
            stack: &settings.stack,
        }
    }

    fn shown(&self, mut present: BTreeMap<String, String>) -> BTreeMap<String, String> {
        present.retain(|key, _| self.wanted.contains_key(key) || self.former.contains(key));
        present
    }

    fn are_ours(&self, present: &BTreeMap<String, String>) -> bool {
        let pairs = present.iter().map(|(key, value)| (key.as_str(), value.as_str()));
        tags::ours(pairs, self.domain, self.stack)
    }
}

/// Every resource of the request, in the order in which it would be made.
///
/// # Errors
/// What reading can fail with.
pub(crate) async fn resources(
    clients: &Clients,
    settings: &Settings,
    request: &Request,
    seen: &Seen<'_>,
) -> Result<Vec<ResourceReport>, StepError> {
    let Seen { known, plan, bought, registry, custom_domains, zone } = *seen;
    let domain = request.domain_name.as_str();
    let tagging = Tagging::of(request, settings, known);
    let found = look::apis(clients, settings, request, known).await?;
    let api_before = match &found.used {
        Some(found) => api(clients, request, &tagging, found).await?,
        None => Value::Null,
    };
    let own_id = found.used.and_then(|api| api.api_id);
    let (api_id, api_stage) = match &request.api.existing {
        Some(existing) => (Some(existing.api_id.clone()), existing.stage.as_str()),
        None => (own_id.clone(), stage(request.api.protocol())),
    };
    let misdirected = registry.filter(|_| zone.is_none_or(|zone| !zone.delegated));
    let zone_id = zone.map(|zone| zone.id.as_str());
    let certificate = Certificate::find(clients, request, known, &tagging).await?;
    let certificate_kept = certificate.as_ref().filter(|found| found.fits(request)).map(|found| found.arn.clone());
    let after = json!({
        "certificate": certificate_kept.as_deref().unwrap_or(NOT_YET),
        "api": api_id.as_deref().unwrap_or(NOT_YET),
        "stage": api_stage,
        "tags": tagging.wanted,
    });
    let mut resources = match &request.api.existing {
        Some(existing) => vec![resource(
            "API",
            Some(format!("{}, which exists and is not changed", existing.api_id)),
            domain,
            &Value::Null,
            &Value::Null,
        )],
        None => vec![resource("API", own_id, domain, &api_before, &wanted_api(request, &tagging))],
    };
    resources.extend(found.replaced.into_iter().map(|id| ResourceReport {
        resource: "API".to_owned(),
        action: ReportAction::Remove,
        name: id,
        changes: Vec::new(),
    }));
    resources.push(match bought && plan == RegistrationPlan::Registered {
        true => {
            let present = tagging.shown(look::registration_tags(clients, domain).await?);
            let (before, after) = (json!({"tags": present}), json!({"tags": tagging.wanted}));
            resource("registration", Some(domain.to_owned()), domain, &before, &after)
        }
        false => registration(request, plan),
    });
    if request.dns == Dns::Route53 {
        // A zone around the name serves others too, and is not tagged.
        let (mut before, mut after) = (Value::Null, Value::Null);
        if request.domain_name.is_registrable() {
            after = json!({"tags": tagging.wanted});
            if let Some(id) = zone_id {
                let present = look::zone_tags(clients, id).await?.unwrap_or_default();
                before = json!({"tags": tagging.shown(present)});
            }
        }
        resources.push(resource("hosted zone", zone_id.map(str::to_owned), domain, &before, &after));
        resources.extend(misdirected.map(|registry| name_servers(request, registry)));
    }
    resources.extend([resource(
        "certificate",
        certificate.as_ref().map(|found| found.arn.clone()),
        &request.certificate_names().join(", "),
        &certificate.as_ref().map_or(Value::Null, |found| found.with_tags(request, &tagging)),
        &Certificate::wanted_with_tags(request, &tagging),
    )]);
    let hosts = Hosts { clients, tagging: &tagging, zone_id, after: &after };
    for hostname in request.hostnames() {
        if custom_domains.foreign.contains_key(&hostname) {
            // Told among what is taken over.
            continue;
        }
        let found = custom_domains.wanted.get(&hostname);
        resources.push(hosts.custom_domain(&hostname, found).await?);
        if request.dns == Dns::Route53 {
            resources.push(hosts.aliases(&hostname, found).await?);
        }
    }
    for hostname in &custom_domains.dropped {
        resources.extend(hosts.removed(hostname).await?);
    }
    Ok(resources)
}

/// One resource: `found` is its id. `before` is null where it is not there, and then nothing changes but all is made.
fn resource(kind: &str, found: Option<String>, wanted: &str, before: &Value, after: &Value) -> ResourceReport {
    let changes = difference::changes(before, after);
    let action = match (&found, changes.is_empty()) {
        (None, _) => ReportAction::Create,
        (Some(_), true) => ReportAction::Exists,
        (Some(_), false) => ReportAction::Change,
    };
    ResourceReport { resource: kind.to_owned(), action, name: found.unwrap_or_else(|| wanted.to_owned()), changes }
}

fn registration(request: &Request, plan: RegistrationPlan) -> ResourceReport {
    let domain = request.domain_name.as_str();
    let (action, name) = match plan {
        _ if !request.domain_name.is_registrable() => (
            ReportAction::Exists,
            format!("{}, above {domain}, which is not registered by itself", request.domain_name.registrable()),
        ),
        RegistrationPlan::Register => (ReportAction::Buy, domain.to_owned()),
        RegistrationPlan::Registered => (ReportAction::Exists, domain.to_owned()),
        RegistrationPlan::NotManaged => (
            ReportAction::Exists,
            format!("{domain}, not registered in this account; without `registration` it is not bought"),
        ),
    };
    ResourceReport { resource: "registration".to_owned(), action, name, changes: Vec::new() }
}

/// A registry that points to no zone of the name.
fn name_servers(request: &Request, registry: &look::Detail) -> ResourceReport {
    let (domain, servers) = (&request.domain_name, registry.name_servers.join(", "));
    let (action, name) = match request.name_servers {
        NameServers::Correct => (ReportAction::Change, format!("{domain}, from {servers} to those of the hosted zone")),
        NameServers::Report => (
            ReportAction::Exists,
            format!("{domain} points to {servers}, which is refused unless `nameServers` is `correct`"),
        ),
    };
    ResourceReport { resource: "name servers".to_owned(), action, name, changes: Vec::new() }
}

/// The API as the request wants it.
fn wanted_api(request: &Request, tagging: &Tagging<'_>) -> Value {
    let routes: BTreeMap<&str, Value> =
        request.api.routes.iter().map(|route| (route.route.as_str(), wanted_route(request, route))).collect();
    let limits = request.api.throttle.as_ref().map(|Throttle { rate, burst }| json!({"rate": rate, "burst": burst}));
    let cors = request.api.cors.as_ref().map(|cors| {
        cors_document(
            [
                ("allowOrigins", &cors.allow_origins),
                ("allowMethods", &cors.allow_methods),
                ("allowHeaders", &cors.allow_headers),
                ("exposeHeaders", &cors.expose_headers),
            ],
            cors.allow_credentials,
            cors.max_age,
        )
    });
    let protocol = request.api.protocol();
    let log = LogSettings::wanted(request, tagging.stack).zip(request.api.access_log.as_ref());
    let mut document = json!({
        "protocol": protocol,
        "stage": stage(protocol),
        "routes": routes,
        "cors": cors,
        "throttle": limits,
        "defaultEndpoint": request.api.default_endpoint,
        "accessLog": log.map(|(log, wanted)| log_document(&log, Some(wanted.retention_days))),
        "tags": tagging.wanted,
    });
    if protocol == Protocol::WebSocket {
        document["routeSelectionExpression"] = json!(request.api.route_selection_expression);
        document["deployed"] = json!(true);
    }
    document
}

fn log_document(log: &LogSettings, retention_days: Option<i32>) -> Value {
    json!({"logGroup": log.group, "format": log.format, "retentionDays": retention_days})
}

fn wanted_route(request: &Request, route: &Route) -> Value {
    let access = Access::of(request, route);
    let target_of = Target::of(request.api.protocol(), route);
    let mut document = target_of.as_ref().map_or_else(|| json!({}), target);
    document["throttle"] = json!(route.throttle);
    document["authorization"] = authorization(access.kind());
    if let Access::By { authorizer, scopes } = &access {
        document["authorizer"] = authorizer_document(authorizer);
        document["scopes"] = json!(scopes);
    }
    document
}

/// Where a route leads, and what is changed on the way.
fn target(target: &Target) -> Value {
    match target {
        Target::Url { uri, mapping } => json!({"url": uri, "mapping": mapping}),
        Target::Lambda(function) => json!({"lambda": function}),
    }
}

/// Nothing for a route that everybody may call.
fn authorization(kind: &str) -> Value {
    if kind == "NONE" { Value::Null } else { json!(kind) }
}

fn authorizer_document(spec: &AuthorizerSpec) -> Value {
    match spec {
        AuthorizerSpec::Jwt { issuer, audience, source } => {
            json!({"issuer": issuer, "audience": audience, "identitySource": source})
        }
        AuthorizerSpec::Lambda { function, sources, ttl, simple } => {
            json!({"function": function, "identitySources": sources, "ttl": ttl, "simpleResponses": simple})
        }
    }
}

/// Lists without order and case, which API Gateway changes.
fn cors_document(lists: [(&str, &[String]); 4], credentials: bool, max_age: Option<i32>) -> Value {
    let mut document = json!({"allowCredentials": credentials, "maxAge": max_age.filter(|age| *age != 0)});
    for (name, list) in lists {
        let mut list: Vec<String> = list.iter().map(|text| text.to_ascii_lowercase()).collect();
        list.sort();
        document[name] = json!(list);
    }
    document
}

/// The API as it is.
async fn api(clients: &Clients, request: &Request, tagging: &Tagging<'_>, found: &Api) -> Result<Value, StepError> {
    let id = found.api_id().unwrap_or_default();
    let protocol = request.api.protocol();
    let stage = look::find_stage(clients, id, stage(protocol)).await?;
    let present = found.tags().into_iter().flatten().map(|(key, value)| (key.clone(), value.clone())).collect();
    let log = stage.as_ref().and_then(look::log_settings);
    let log = match log {
        Some(log) => log_document(&log, look::retention(clients, &log.group).await?),
        None => Value::Null,
    };
    let (routes, mark) = routes(clients, request, found).await?;
    let mut document = json!({
        "protocol": found.protocol_type().map(ProtocolType::as_str),
        "stage": stage.as_ref().and_then(|stage| stage.stage_name()),
        "routes": routes,
        "cors": found.cors_configuration().map(present_cors),
        "throttle": stage.as_ref().and_then(|stage| limits(stage.default_route_settings()?)),
        "accessLog": log,
        "defaultEndpoint": match found.disable_execute_api_endpoint() {
            Some(true) => DefaultEndpoint::Closed,
            _ => DefaultEndpoint::Open,
        },
        "tags": tagging.shown(present),
    });
    for (key, settings) in stage.iter().filter_map(|stage| stage.route_settings()).flatten() {
        if let Some(limits) = route_limits(settings) {
            document["routes"][key]["throttle"] = limits;
        }
    }
    if protocol == Protocol::WebSocket {
        document["routeSelectionExpression"] = json!(found.route_selection_expression());
        // A deployment of what is there: what is to be changed is shown by itself.
        document["deployed"] = match &stage {
            Some(stage) if look::deployed(clients, id, stage).await? == Some(mark) => json!(true),
            _ => Value::Null,
        };
    }
    Ok(document)
}

fn present_cors(cors: &Cors) -> Value {
    cors_document(
        [
            ("allowOrigins", cors.allow_origins()),
            ("allowMethods", cors.allow_methods()),
            ("allowHeaders", cors.allow_headers()),
            ("exposeHeaders", cors.expose_headers()),
        ],
        cors.allow_credentials().unwrap_or(false),
        cors.max_age(),
    )
}

fn limits(settings: &RouteSettings) -> Option<Value> {
    let (rate, burst) = (settings.throttling_rate_limit()?, settings.throttling_burst_limit()?);
    ((rate, burst) != (NO_LIMIT.rate, NO_LIMIT.burst)).then(|| json!({"rate": rate, "burst": burst}))
}

/// The limits of one route, which can be taken away whole.
fn route_limits(settings: &RouteSettings) -> Option<Value> {
    let (rate, burst) = (settings.throttling_rate_limit(), settings.throttling_burst_limit());
    (rate.is_some() || burst.is_some()).then(|| json!({"rate": rate, "burst": burst}))
}

/// The routes as they are, by route key, and what a deployment of them says.
async fn routes(
    clients: &Clients,
    request: &Request,
    api: &Api,
) -> Result<(BTreeMap<String, Value>, String), StepError> {
    let protocol = request.api.protocol();
    let id = api.api_id().unwrap_or_default();
    let (routes, integrations) = look::parts(clients, id).await?.unwrap_or_default();
    let authorizers = match routes.iter().any(|route| route.authorizer_id().is_some()) {
        true => look::authorizers(clients, protocol, id).await?.unwrap_or_default(),
        false => Vec::new(),
    };
    let document = |route: &ApiRoute| {
        let id = route.target().and_then(|target| target.strip_prefix("integrations/"));
        let integration = integrations.iter().find(|integration| integration.integration_id() == id);
        let mut document = match integration.and_then(|integration| look::target(protocol, integration)) {
            Some(found) => target(&found),
            // Of a kind that Nameplate never makes.
            None => json!({"uri": integration.and_then(|integration| integration.integration_uri())}),
        };
        document["authorization"] = authorization(route.authorization_type().map_or("NONE", |kind| kind.as_str()));
        let authorizer = authorizers.iter().find(|authorizer| route.authorizer_id() == Some(&authorizer.id));
        if let Some(found) = authorizer {
            document["authorizer"] = found.spec.as_ref().map_or_else(|| json!(found.name), authorizer_document);
            document["scopes"] = json!(route.authorization_scopes().iter().collect::<BTreeSet<_>>());
        }
        Some((route.route_key()?.to_owned(), document))
    };
    let documents = routes.iter().filter_map(document).collect();
    let (routes, integrations) = look::observed(protocol, &routes, &integrations);
    let closed = api.disable_execute_api_endpoint().unwrap_or(false);
    Ok((documents, deployment_mark(request, closed, &routes, &integrations, &authorizers)))
}

/// A certificate, as the listing shows it, and how it is validated.
struct Certificate {
    arn: String,
    names: Vec<String>,
    key: Option<String>,
    /// `DNS` or `EMAIL`; none where it was not asked for.
    method: Option<String>,
    /// Whose mailboxes are asked.
    asked_at: Option<String>,
    /// None where they were not asked for, since another certificate comes in its place.
    tags: Option<BTreeMap<String, String>>,
}

impl Certificate {
    /// The recorded one or one of ours with the wanted names and key that is validated as wanted; else the recorded one,
    /// which would be replaced.
    async fn find(
        clients: &Clients,
        request: &Request,
        known: &Known,
        tagging: &Tagging<'_>,
    ) -> Result<Option<Self>, StepError> {
        let key_types = KeyAlgorithm::values().iter().map(|key| KeyAlgorithm::from(*key)).collect();
        let (mut recorded, mut next) = (None, None);
        loop {
            let page = clients
                .acm
                .list_certificates()
                .certificate_statuses(CertificateStatus::Issued)
                .certificate_statuses(CertificateStatus::PendingValidation)
                // Without the filter ACM hides every key that is not RSA (AWS-FACTS 3.2.11).
                .includes(Filters::builder().set_key_types(Some(Vec::clone(&key_types))).build())
                .set_next_token(next)
                .send()
                .await
                .map_err(|error| classify("acm:ListCertificates", &error))?;
            for summary in page.certificate_summary_list() {
                let Some(arn) = summary.certificate_arn() else { continue };
                let mut names = summary.subject_alternative_name_summaries().to_vec();
                names.sort();
                let key = summary.key_algorithm().map(|key| key.as_str().replace('-', "_"));
                let mut found = Self { arn: arn.to_owned(), names, key, method: None, asked_at: None, tags: None };
                let is_recorded = known.certificate_arn.as_deref() == Some(arn);
                if found.fits(request) {
                    // The listing does not say how it is validated.
                    found.look(clients).await?;
                }
                if found.fits(request) {
                    found.tags = look::certificate_tags(clients, arn).await?;
                    if is_recorded || found.tags.as_ref().is_some_and(|present| tagging.are_ours(present)) {
                        return Ok(Some(found));
                    }
                }
                if is_recorded {
                    recorded = Some(found);
                }
            }
            match page.next_token {
                Some(token) => next = Some(token),
                None => return Ok(recorded),
            }
        }
    }

    async fn look(&mut self, clients: &Clients) -> Result<(), StepError> {
        let detail = look::certificate(clients, &self.arn).await?;
        let option = detail.as_ref().and_then(|detail| detail.domain_validation_options().first());
        self.method = option.and_then(|option| option.validation_method()).map(|method| method.as_str().to_owned());
        let by_email = self.method.as_deref() == Some(Validation::Email.as_str());
        self.asked_at = option.filter(|_| by_email).and_then(|option| option.validation_domain()).map(str::to_owned);
        Ok(())
    }

    /// What is not shown counts as wanted, as `request-cert` has it.
    fn document(&self, request: &Request) -> Value {
        let wanted = &request.certificate;
        let method = self.method.as_deref().unwrap_or(wanted.validation.as_str());
        let by_email = method == Validation::Email.as_str();
        json!({
            "names": self.names,
            "keyAlgorithm": self.key.as_deref().unwrap_or(wanted.key_algorithm.as_str()),
            "validation": method,
            "validationDomain": self.asked_at.as_deref().or(request.validation_domain()).filter(|_| by_email),
        })
    }

    fn wanted(request: &Request) -> Value {
        let mut names = request.certificate_names();
        names.sort();
        json!({
            "names": names,
            "keyAlgorithm": request.certificate.key_algorithm.as_str(),
            "validation": request.certificate.validation.as_str(),
            "validationDomain": request.validation_domain(),
        })
    }

    fn with_tags(&self, request: &Request, tagging: &Tagging<'_>) -> Value {
        let mut document = self.document(request);
        document["tags"] = match &self.tags {
            Some(present) => json!(tagging.shown(present.clone())),
            None => json!(tagging.wanted),
        };
        document
    }

    fn wanted_with_tags(request: &Request, tagging: &Tagging<'_>) -> Value {
        let mut document = Self::wanted(request);
        document["tags"] = json!(tagging.wanted);
        document
    }

    fn fits(&self, request: &Request) -> bool {
        self.document(request) == Self::wanted(request)
    }
}

/// What is looked at for each host name.
struct Hosts<'a> {
    clients: &'a Clients,
    tagging: &'a Tagging<'a>,
    /// The zone of the alias records; nothing where somebody else's DNS answers.
    zone_id: Option<&'a str>,
    /// The custom domain as the request wants it.
    after: &'a Value,
}

impl Hosts<'_> {
    async fn custom_domain(&self, host: &str, found: Option<&look::CustomDomain>) -> Result<ResourceReport, StepError> {
        let before = match found {
            Some(found) => {
                let mapping = look::root_mapping(self.clients, host).await?;
                let (api, stage) = mapping.map(|mapping| (mapping.api_id, mapping.stage)).unzip();
                let tags = self.tagging.shown(found.tags.clone());
                json!({"certificate": found.certificate_arn, "api": api, "stage": stage.flatten(), "tags": tags})
            }
            None => Value::Null,
        };
        Ok(resource("custom domain", found.map(|found| found.name.clone()), host, &before, self.after))
    }

    /// The records of the host name that point to the custom domain.
    async fn aliases(&self, host: &str, found: Option<&look::CustomDomain>) -> Result<ResourceReport, StepError> {
        let present = self.present(host).await?;
        let target = found.and_then(|found| found.target.as_deref()).unwrap_or(NOT_YET);
        let name = (!present.is_empty()).then(|| host.to_owned());
        let before = if present.is_empty() { Value::Null } else { json!(present) };
        Ok(resource("alias records", name, host, &before, &json!({"A": target, "AAAA": target})))
    }

    /// A host name that the request does not name any more.
    async fn removed(&self, host: &str) -> Result<Vec<ResourceReport>, StepError> {
        let gone = |kind: &str| ResourceReport {
            resource: kind.to_owned(),
            action: ReportAction::Remove,
            name: host.to_owned(),
            changes: Vec::new(),
        };
        let mut resources = vec![gone("custom domain")];
        if !self.present(host).await?.is_empty() {
            resources.push(gone("alias records"));
        }
        Ok(resources)
    }

    async fn present(&self, host: &str) -> Result<BTreeMap<&'static str, String>, StepError> {
        match self.zone_id {
            Some(zone_id) => look::aliases(self.clients, zone_id, host).await,
            None => Ok(BTreeMap::new()),
        }
    }
}
