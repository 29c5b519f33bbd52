//! Step `create-api`: the API that the request describes, with its authorizers, integrations, routes, deployment, stage
//! and access log; or the existing one that it names, which is only looked at.
//!
//! - Reads: GetApis, for the API of ours that fits and those that do not; GetApi of a recorded one that is not among
//!   them; of an API that exists already also GetRoutes, GetIntegrations, GetAuthorizers, GetStage and, of a WebSocket
//!   API, GetDeployments; the log group that is wanted. GetPolicy of functions that routes do not call any more.
//! - Writes only what differs: the API, its cross-origin rules, authorizers, integrations, routes, a deployment where
//!   nothing deploys by itself, the log group, the stage, tags, and the permission of each Lambda function that a route
//!   calls or an authorizer asks. A run that died half-way is finished by the same comparison.
//! - The default endpoint is opened again where the request says so; it is never closed here.
//! - Tokens: API Gateway takes none (AWS-FACTS 4.1.2), so the tags that CreateApi carries are what a second attempt
//!   finds the first one by, and what a deployment holds stands in its description. Calls that would make a second
//!   thing are therefore not repeated by the SDK: an unclear answer goes back to the state machine, and the next
//!   attempt looks first.
//! - NotReady: a deployment has to wait for its turn; a function is still called by what was in its route's place.
//! - Refused: the recorded id belongs to an API that does not carry our tags; the existing API is our own.
//!
//! It must not know custom domains, certificates or DNS.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use aws_sdk_apigatewayv2::config::http::HttpResponse;
use aws_sdk_apigatewayv2::config::retry::RetryConfig;
use aws_sdk_apigatewayv2::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_apigatewayv2::operation::get_api::GetApiOutput;
use aws_sdk_apigatewayv2::operation::get_stage::GetStageOutput;
use aws_sdk_apigatewayv2::primitives::DateTime;
use aws_sdk_apigatewayv2::types::{
    AccessLogSettings, Api, AuthorizationType, Cors, Integration, IntegrationType, ProtocolType, Route, RouteSettings,
};
use nameplate::StepError;
use nameplate::contract::{CreateApiInput, CreateApiOutput};
use nameplate::error::{classify, code_of};
use nameplate::request::{DefaultEndpoint, Protocol, Request, Throttle};
use nameplate::resource::api::{
    Access, IntegrationFields, LogSettings, NO_LIMIT, ObservedAccess, ObservedAuthorizer, ObservedIntegration,
    ObservedRoute, RouteChanges, STAGE, Target, URL_PAYLOAD, lambda_payload, route_changes, stage, url_method,
};
use nameplate::resource::tags;

use crate::access_log::log_error;
use crate::deployment::FoundDeployment;
use crate::permissions::Permissions;

/// Longest name of an API, in characters (AWS-FACTS 4.1.1); names of domains are ASCII.
const MAX_API_NAME_LENGTH: usize = 128;
/// Elements per page. API Gateway pages only when it is asked for a page size.
pub(crate) const PAGE_SIZE: &str = "500";

/// The clients of this step.
#[derive(Clone, Debug)]
pub(crate) struct Clients {
    pub(crate) api_gateway: aws_sdk_apigatewayv2::Client,
    pub(crate) lambda: aws_sdk_lambda::Client,
    pub(crate) logs: aws_sdk_cloudwatchlogs::Client,
}

/// Where this step runs, for tags and ARNs.
#[derive(Clone, Debug)]
pub(crate) struct Settings {
    pub(crate) stack: String,
    pub(crate) partition: String,
    pub(crate) region: String,
    pub(crate) account: String,
}

/// Runs the step.
///
/// # Errors
/// `Refused` for an API that is not ours, `Retryable` when the next attempt would see more, else `Failed`.
pub(crate) async fn run(
    clients: &Clients,
    settings: &Settings,
    input: CreateApiInput,
) -> Result<CreateApiOutput, StepError> {
    let request = &input.request;
    let tags = tags::wanted(&request.tags, &request.domain_name, &settings.stack);
    let step = Step { clients, settings, request, tags, former_tags: &input.former_tags };
    let ours = step.find(input.api_id.as_deref()).await?;
    if let Some(existing) = &request.api.existing {
        return step.use_existing(existing, &ours).await;
    }
    let protocol = request.api.protocol();
    let found = choose(&ours, input.api_id.as_deref(), protocol);
    let (api, parts) = match found {
        Some(api) => {
            let parts = step.read_parts(&api.id).await?;
            (api, parts)
        }
        None => (step.create().await?, Parts::default()),
    };
    let changes = decide(request, settings, &step.tags, &input.former_tags, &api, &parts);
    step.write(&api.id, &changes, &parts).await?;
    Ok(CreateApiOutput {
        stage: stage(protocol).to_owned(),
        protocol,
        default_endpoint: (!changes.closed).then(|| endpoint(&api.endpoint, stage(protocol))),
        replaced: ours.into_iter().map(|one| one.id).filter(|id| *id != api.id).collect(),
        api_id: api.id,
    })
}

/// The API to go on with: the recorded one, if it is of the wanted kind, else the oldest. Of what kind an API is
/// cannot be changed.
fn choose(ours: &[Found], known: Option<&str>, protocol: Protocol) -> Option<Found> {
    let fitting: Vec<&Found> = ours.iter().filter(|api| api.protocol == Some(protocol)).collect();
    if fitting.len() > 1 {
        tracing::warn!(count = fitting.len(), "{} APIs carry our tags; one of them is used", fitting.len());
    }
    let recorded = fitting.iter().find(|api| known == Some(api.id.as_str()));
    recorded.or(fitting.first()).map(|api| (*api).clone())
}

/// API Gateway's own address of a stage (AWS-FACTS 4.3.1: `$default` is served at the root).
pub(crate) fn endpoint(api_endpoint: &str, stage: &str) -> String {
    if stage == STAGE { api_endpoint.to_owned() } else { format!("{api_endpoint}/{stage}") }
}

/// An API as API Gateway reports it.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Found {
    pub(crate) id: String,
    pub(crate) endpoint: String,
    /// Whether the default endpoint is closed.
    pub(crate) closed: bool,
    /// Nothing for a kind that Nameplate does not know.
    pub(crate) protocol: Option<Protocol>,
    name: String,
    /// What of a message names its route.
    expression: Option<String>,
    cors: Option<CorsRules>,
    pub(crate) tags: BTreeMap<String, String>,
    created: Option<DateTime>,
}

/// What hangs below an API.
#[derive(Clone, Debug, Default)]
pub(crate) struct Parts {
    pub(crate) routes: Vec<ObservedRoute>,
    pub(crate) integrations: Vec<ObservedIntegration>,
    pub(crate) authorizers: Vec<ObservedAuthorizer>,
    pub(crate) deployments: Vec<FoundDeployment>,
    pub(crate) stage: Option<FoundStage>,
}

/// Our stage as API Gateway reports it.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct FoundStage {
    auto_deploy: bool,
    pub(crate) deployment_id: Option<String>,
    log: Option<LogSettings>,
    rate: Option<f64>,
    burst: Option<i32>,
    /// Routes with limits of their own.
    routes: RouteLimits,
    tags: BTreeMap<String, String>,
}

/// Limits by route key.
type RouteLimits = BTreeMap<String, Throttle>;

/// Everything that differs from the request.
#[derive(Clone, Debug)]
pub(crate) struct Changes<'a> {
    rename: Option<String>,
    /// Opens the default endpoint again.
    open: bool,
    /// Whether the default endpoint is closed once that is done.
    pub(crate) closed: bool,
    expression: Option<String>,
    cors: CorsChange,
    pub(crate) routes: RouteChanges,
    /// Ids of integrations that no route uses once the routes are as wanted.
    unused_integrations: Vec<String>,
    pub(crate) permissions: Permissions,
    stage: StageChange,
    log: LogChange,
    /// Keys of routes that have limits of their own and shall have none.
    unlimited: Vec<String>,
    api_tags: BTreeMap<&'a str, &'a str>,
    stage_tags: BTreeMap<&'a str, &'a str>,
    /// Keys of tags that go, from the API and from its stage.
    stale_api_tags: Vec<String>,
    stale_stage_tags: Vec<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum CorsChange {
    Keep,
    Set,
    Remove,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum LogChange {
    Keep,
    Set(LogSettings),
    Remove,
}

#[derive(Clone, Debug, PartialEq)]
enum StageChange {
    Keep,
    Create {
        limits: Option<Throttle>,
        routes: RouteLimits,
    },
    /// Of limits that are wanted, all are sent if one differs.
    Update {
        limits: Option<Throttle>,
        routes: RouteLimits,
    },
}

/// Compares what is there with what is wanted.
fn decide<'a>(
    request: &Request,
    settings: &Settings,
    wanted_tags: &'a BTreeMap<String, String>,
    former_tags: &[String],
    api: &Found,
    parts: &Parts,
) -> Changes<'a> {
    let name = api_name(request);
    let expression = request.api.route_selection_expression.clone();
    let routes = route_changes(request, &parts.routes, &parts.integrations, &parts.authorizers);
    let limits = route_limits(request);
    let present = parts.stage.iter().flat_map(|stage| stage.routes.keys());
    let unlimited = present.filter(|key| !limits.contains_key(*key)).cloned().collect();
    let stage_tags = parts.stage.as_ref().map_or_else(BTreeMap::new, |stage| tags::missing(wanted_tags, &stage.tags));
    let unused = unused_integrations(request, parts, &routes);
    // It is closed by the step that has asked the host name for an answer.
    let open = api.closed && request.api.default_endpoint == DefaultEndpoint::Open;
    Changes {
        rename: (api.name != name).then_some(name),
        open,
        closed: api.closed && !open,
        cors: match (request.api.cors.as_ref().map(CorsRules::wanted), &api.cors) {
            (None, None) => CorsChange::Keep,
            (None, Some(_)) => CorsChange::Remove,
            (Some(wanted), Some(present)) if wanted == *present => CorsChange::Keep,
            (Some(_), _) => CorsChange::Set,
        },
        expression: expression.filter(|wanted| api.expression.as_ref() != Some(wanted)),
        permissions: Permissions::of(api, parts, &routes, &unused),
        unused_integrations: unused,
        routes,
        stage: stage_change(request, &limits, parts.stage.as_ref()),
        log: log_change(
            LogSettings::wanted(request, &settings.stack),
            parts.stage.as_ref().and_then(|stage| stage.log.as_ref()),
        ),
        unlimited,
        api_tags: tags::missing(wanted_tags, &api.tags),
        stage_tags,
        stale_api_tags: tags::stale(former_tags, &api.tags),
        stale_stage_tags: parts.stage.as_ref().map_or_else(Vec::new, |stage| tags::stale(former_tags, &stage.tags)),
    }
}

/// The limits that routes of the request have of their own.
fn route_limits(request: &Request) -> RouteLimits {
    let limits = |route: &nameplate::request::Route| Some((route.route.as_str().to_owned(), route.throttle.clone()?));
    request.api.routes.iter().filter_map(limits).collect()
}

/// What has to happen to the access log of the stage.
fn log_change(wanted: Option<LogSettings>, present: Option<&LogSettings>) -> LogChange {
    match (wanted, present) {
        (None, None) => LogChange::Keep,
        (None, Some(_)) => LogChange::Remove,
        (Some(wanted), Some(present)) if wanted == *present => LogChange::Keep,
        (Some(wanted), _) => LogChange::Set(wanted),
    }
}

/// Whether the stage deploys by itself what is changed (AWS-FACTS 4.3.2: only that of an HTTP API shall).
fn deploys_itself(protocol: Protocol) -> bool {
    protocol == Protocol::Http
}

/// What has to happen to the stage.
fn stage_change(request: &Request, routes: &RouteLimits, present: Option<&FoundStage>) -> StageChange {
    let wanted = request.api.throttle.as_ref();
    let Some(stage) = present else {
        return StageChange::Create { limits: wanted.cloned(), routes: routes.clone() };
    };
    let carries = |limits: &Throttle| stage.rate == Some(limits.rate) && stage.burst == Some(limits.burst);
    let limits = match wanted {
        Some(limits) => (!carries(limits)).then(|| limits.clone()),
        None => {
            let unlimited = (stage.rate.is_none() && stage.burst.is_none()) || carries(&NO_LIMIT);
            (!unlimited).then_some(NO_LIMIT)
        }
    };
    let routes_differ = routes.iter().any(|(key, limits)| stage.routes.get(key) != Some(limits));
    let deploys = stage.auto_deploy == deploys_itself(request.api.protocol());
    if deploys && limits.is_none() && !routes_differ {
        return StageChange::Keep;
    }
    StageChange::Update { limits, routes: if routes_differ { routes.clone() } else { RouteLimits::new() } }
}

/// Integrations that no route will use once `changes` are made: left by a moved route or by a cut run.
fn unused_integrations(request: &Request, parts: &Parts, changes: &RouteChanges) -> Vec<String> {
    let moved = |key: &str| changes.retarget.iter().any(|(_, k, _)| k == key);
    let wanted = |key: &str| request.api.routes.iter().any(|route| route.route.as_str() == key);
    let kept = parts
        .routes
        .iter()
        .filter(|route| wanted(&route.key) && !moved(&route.key))
        .filter_map(|route| route.integration_id.as_deref());
    let targets = changes.create.iter().map(|(_, target)| target).chain(changes.retarget.iter().map(|(_, _, t)| t));
    let reused = targets.filter_map(|target| changes.integrations.get(target).map(String::as_str));
    let used: BTreeSet<&str> = kept.chain(reused).collect();
    parts.integrations.iter().map(|i| &i.id).filter(|id| !used.contains(id.as_str())).cloned().collect()
}

/// Name of the API: the domain, as far as it fits.
fn api_name(request: &Request) -> String {
    request.domain_name.as_str().chars().take(MAX_API_NAME_LENGTH).collect()
}

/// Cross-origin rules in the form in which they are compared: without order, in one letter case where case
/// means nothing (API Gateway changes it), an absent age as 0.
#[derive(Clone, Debug, PartialEq, Eq)]
struct CorsRules {
    origins: BTreeSet<String>,
    methods: BTreeSet<String>,
    headers: BTreeSet<String>,
    exposed: BTreeSet<String>,
    credentials: bool,
    max_age: i32,
}

impl CorsRules {
    fn wanted(cors: &nameplate::request::Cors) -> Self {
        Self {
            origins: lower(&cors.allow_origins),
            methods: cors.allow_methods.iter().cloned().collect(),
            headers: lower(&cors.allow_headers),
            exposed: lower(&cors.expose_headers),
            credentials: cors.allow_credentials,
            max_age: cors.max_age.unwrap_or(0),
        }
    }

    fn observed(cors: &Cors) -> Self {
        Self {
            origins: lower(cors.allow_origins()),
            methods: cors.allow_methods().iter().map(|method| method.to_ascii_uppercase()).collect(),
            headers: lower(cors.allow_headers()),
            exposed: lower(cors.expose_headers()),
            credentials: cors.allow_credentials().unwrap_or(false),
            max_age: cors.max_age().unwrap_or(0),
        }
    }
}

fn lower(texts: &[String]) -> BTreeSet<String> {
    texts.iter().map(|text| text.to_ascii_lowercase()).collect()
}

/// The rules as API Gateway takes them. Every list is sent, so that an update also empties one.
fn cors_configuration(cors: &nameplate::request::Cors) -> Cors {
    let rules = CorsRules::wanted(cors);
    let list = |set: BTreeSet<String>| Some(set.into_iter().collect());
    Cors::builder()
        .set_allow_origins(list(rules.origins))
        .set_allow_methods(list(rules.methods))
        .set_allow_headers(list(rules.headers))
        .set_expose_headers(list(rules.exposed))
        .allow_credentials(rules.credentials)
        .set_max_age(cors.max_age)
        .build()
}

fn route_settings(limits: &Throttle) -> RouteSettings {
    RouteSettings::builder().throttling_rate_limit(limits.rate).throttling_burst_limit(limits.burst).build()
}

fn settings_by_route(routes: &RouteLimits) -> Option<HashMap<String, RouteSettings>> {
    let settings = routes.iter().map(|(key, limits)| (key.clone(), route_settings(limits)));
    (!routes.is_empty()).then(|| settings.collect())
}

pub(crate) struct Step<'a> {
    pub(crate) clients: &'a Clients,
    pub(crate) settings: &'a Settings,
    pub(crate) request: &'a Request,
    pub(crate) tags: BTreeMap<String, String>,
    /// Keys of tags that an earlier request set, and this one does not.
    pub(crate) former_tags: &'a [String],
}

impl Step<'_> {
    pub(crate) fn is_ours(&self, present: &BTreeMap<String, String>) -> bool {
        let pairs = present.iter().map(|(key, value)| (key.as_str(), value.as_str()));
        tags::ours(pairs, self.request.domain_name.as_str(), &self.settings.stack)
    }

    /// Our APIs, of whichever kind, the oldest first. One list shows the recorded one and all others.
    async fn find(&self, known: Option<&str>) -> Result<Vec<Found>, StepError> {
        let (mut ours, mut seen, mut next) = (Vec::new(), false, None);
        loop {
            let page = self
                .clients
                .api_gateway
                .get_apis()
                .max_results(PAGE_SIZE)
                .set_next_token(next)
                .send()
                .await
                .map_err(|error| classify("apigatewayv2:GetApis", &error))?;
            for api in page.items.unwrap_or_default() {
                let recorded = known.is_some() && api.api_id.as_deref() == known;
                let api = Found::from_list(api)?;
                seen |= recorded;
                if self.is_ours(&api.tags) {
                    ours.push(api);
                } else if recorded {
                    return Err(self.not_ours(&api.id));
                }
            }
            next = page.next_token.filter(|token| !token.is_empty());
            if next.is_none() {
                break;
            }
        }
        if let Some(id) = known.filter(|_| !seen) {
            ours.extend(self.recorded(id).await?);
        }
        ours.sort_by_key(|api| (api.created.map(|date| (date.secs(), date.subsec_nanos())), api.id.clone()));
        Ok(ours)
    }

    /// The recorded API although no list shows it.
    async fn recorded(&self, id: &str) -> Result<Option<Found>, StepError> {
        match self.clients.api_gateway.get_api().api_id(id).send().await {
            Ok(answer) => {
                let api = Found::from_get(answer)?;
                if self.is_ours(&api.tags) { Ok(Some(api)) } else { Err(self.not_ours(id)) }
            }
            Err(error) if code_of(&error) == Some("NotFoundException") => {
                tracing::info!(api_id = id, "the recorded API {id} is gone");
                Ok(None)
            }
            Err(error) => Err(classify("apigatewayv2:GetApi", &error)),
        }
    }

    fn not_ours(&self, id: &str) -> StepError {
        StepError::refused(
            "ApiNotOurs",
            format!(
                "the API {id} does not carry the tags `{}` = `{}` and `{}` = `{}`",
                tags::DOMAIN,
                self.request.domain_name,
                tags::STACK,
                self.settings.stack
            ),
            "put the tags back, or name the API in `api.existing`; then start the execution again",
        )
    }

    /// All that hangs below an API that was there before.
    async fn read_parts(&self, api_id: &str) -> Result<Parts, StepError> {
        let mut parts = self.read_routes(api_id).await?;
        let protocol = self.request.api.protocol();
        if protocol == Protocol::WebSocket {
            parts.deployments = self.read_deployments(api_id).await?;
        }
        let call = self.clients.api_gateway.get_stage().api_id(api_id).stage_name(stage(protocol));
        parts.stage = match call.send().await {
            Ok(stage) => Some(found_stage(&stage)),
            Err(error) if code_of(&error) == Some("NotFoundException") => None,
            Err(error) => return Err(classify("apigatewayv2:GetStage", &error)),
        };
        Ok(parts)
    }

    /// Routes, integrations and authorizers.
    pub(crate) async fn read_routes(&self, api_id: &str) -> Result<Parts, StepError> {
        let client = &self.clients.api_gateway;
        let protocol = self.request.api.protocol();
        let mut parts = Parts::default();
        let mut next = None;
        loop {
            let page = client
                .get_routes()
                .api_id(api_id)
                .max_results(PAGE_SIZE)
                .set_next_token(next)
                .send()
                .await
                .map_err(|error| classify("apigatewayv2:GetRoutes", &error))?;
            parts.routes.extend(page.items.unwrap_or_default().into_iter().filter_map(observed_route));
            next = page.next_token.filter(|token| !token.is_empty());
            if next.is_none() {
                break;
            }
        }
        loop {
            let page = client
                .get_integrations()
                .api_id(api_id)
                .max_results(PAGE_SIZE)
                .set_next_token(next)
                .send()
                .await
                .map_err(|error| classify("apigatewayv2:GetIntegrations", &error))?;
            let items = page.items.unwrap_or_default().into_iter();
            parts.integrations.extend(items.filter_map(|one| observed_integration(protocol, one)));
            next = page.next_token.filter(|token| !token.is_empty());
            if next.is_none() {
                break;
            }
        }
        parts.authorizers = self.read_authorizers(api_id).await?;
        Ok(parts)
    }

    /// A new API without routes.
    async fn create(&self) -> Result<Found, StepError> {
        let api = &self.request.api;
        let mut tags = self.tags.clone();
        if self.asks_functions() {
            tags.insert(tags::PERMISSIONS.to_owned(), tags::CHANGING.to_owned());
        }
        let answer = self
            .clients
            .api_gateway
            .create_api()
            .name(api_name(self.request))
            .protocol_type(match api.protocol() {
                Protocol::Http => ProtocolType::Http,
                Protocol::WebSocket => ProtocolType::Websocket,
            })
            .set_route_selection_expression(api.route_selection_expression.clone())
            .set_cors_configuration(api.cors.as_ref().map(cors_configuration))
            .set_tags(Some(tags.clone().into_iter().collect()))
            .customize()
            .config_override(once())
            .send()
            .await
            .map_err(|error| write_error("apigatewayv2:CreateApi", &error))?;
        let id = answered(answer.api_id, "CreateApi", "ApiId")?;
        tracing::info!(api_id = id, "created the API {id}");
        Ok(Found {
            id,
            endpoint: answered(answer.api_endpoint, "CreateApi", "ApiEndpoint")?,
            closed: false,
            // What was just sent: comparing it with the answer could only repeat the call.
            protocol: Some(api.protocol()),
            name: api_name(self.request),
            expression: api.route_selection_expression.clone(),
            cors: api.cors.as_ref().map(CorsRules::wanted),
            tags,
            created: answer.created_date,
        })
    }

    async fn write(&self, api_id: &str, changes: &Changes<'_>, parts: &Parts) -> Result<(), StepError> {
        let stage_name = stage(self.request.api.protocol());
        self.write_api(api_id, changes).await?;
        // Before the routes go: API Gateway refuses settings that name no route (seen in
        // terraform-aws-modules/terraform-aws-apigateway-v2#80), and nothing says that they go with it.
        for key in &changes.unlimited {
            let call = self.clients.api_gateway.delete_route_settings().api_id(api_id).stage_name(stage_name);
            absent_is_fine("apigatewayv2:DeleteRouteSettings", call.route_key(key).send().await)?;
        }
        self.begin_permissions(api_id, &changes.permissions).await?;
        let authorizers = self.write_routes(api_id, changes).await?;
        self.write_tags(api_id, "", &changes.api_tags).await?;
        // A stage may be changed only once it carries our tags.
        let below = format!("/stages/{stage_name}");
        self.write_tags(api_id, &below, &changes.stage_tags).await?;
        self.remove_tags(api_id, "", &changes.stale_api_tags).await?;
        self.remove_tags(api_id, &below, &changes.stale_stage_tags).await?;
        let deployment = self.deploy(api_id, changes, parts).await?;
        self.write_log_group().await?;
        self.write_stage(api_id, changes, deployment).await?;
        // What nothing asks or uses any more goes last, once nothing that is deployed does.
        self.remove_permissions(api_id, changes, &authorizers).await?;
        for id in &changes.unused_integrations {
            let gone = self.clients.api_gateway.delete_integration().api_id(api_id).integration_id(id).send().await;
            absent_is_fine("apigatewayv2:DeleteIntegration", gone)?;
        }
        self.remove_authorizers(api_id, &changes.routes.authorizers).await?;
        self.end_permissions(api_id, &changes.permissions).await
    }

    async fn write_api(&self, api_id: &str, changes: &Changes<'_>) -> Result<(), StepError> {
        let client = &self.clients.api_gateway;
        if changes.cors == CorsChange::Remove {
            client
                .delete_cors_configuration()
                .api_id(api_id)
                .send()
                .await
                .map_err(|error| write_error("apigatewayv2:DeleteCorsConfiguration", &error))?;
        }
        let cors = match changes.cors {
            CorsChange::Set => self.request.api.cors.as_ref().map(cors_configuration),
            CorsChange::Keep | CorsChange::Remove => None,
        };
        if changes.rename.is_some() || changes.expression.is_some() || cors.is_some() || changes.open {
            client
                .update_api()
                .api_id(api_id)
                .set_name(changes.rename.clone())
                .set_route_selection_expression(changes.expression.clone())
                .set_cors_configuration(cors)
                .set_disable_execute_api_endpoint(changes.open.then_some(false))
                .send()
                .await
                .map_err(|error| write_error("apigatewayv2:UpdateApi", &error))?;
        }
        Ok(())
    }

    /// Wanted routes first, then what is left over, so that no wanted route is without its target in between. Gives the
    /// ids of the wanted authorizers by name.
    async fn write_routes(&self, api_id: &str, changes: &Changes<'_>) -> Result<BTreeMap<String, String>, StepError> {
        let client = &self.clients.api_gateway;
        let authorizers = self.write_authorizers(api_id, &changes.routes.authorizers).await?;
        let mut integrations = changes.routes.integrations.clone();
        let access_of = |key: &String| changes.routes.access.get(key).unwrap_or(&Access::Open);
        for (key, target) in &changes.routes.create {
            let integration = self.prepare_target(api_id, key, target, &mut integrations).await?;
            let access = access_of(key);
            let authorizer = self.prepare_access(api_id, access, &authorizers).await?;
            client
                .create_route()
                .api_id(api_id)
                .route_key(key)
                .authorization_type(AuthorizationType::from(access.kind()))
                .set_authorizer_id(authorizer)
                .set_authorization_scopes(Some(scopes(access)).filter(|scopes| !scopes.is_empty()))
                .target(format!("integrations/{integration}"))
                .send()
                .await
                .map_err(|error| write_error("apigatewayv2:CreateRoute", &error))?;
        }
        for (id, key, target) in &changes.routes.retarget {
            let integration = self.prepare_target(api_id, key, target, &mut integrations).await?;
            let access = access_of(key);
            let authorizer = self.prepare_access(api_id, access, &authorizers).await?;
            client
                .update_route()
                .api_id(api_id)
                .route_id(id)
                .authorization_type(AuthorizationType::from(access.kind()))
                // What is left out stays: an empty id and an empty list take away what was there.
                .authorizer_id(authorizer.unwrap_or_default())
                .set_authorization_scopes(Some(scopes(access)))
                .target(format!("integrations/{integration}"))
                .send()
                .await
                .map_err(|error| write_error("apigatewayv2:UpdateRoute", &error))?;
        }
        for id in &changes.routes.remove {
            let gone = client.delete_route().api_id(api_id).route_id(id).send().await;
            absent_is_fine("apigatewayv2:DeleteRoute", gone)?;
        }
        Ok(authorizers)
    }

    /// The integration for `target`, made if there is none, and for a function the permission to call it. The
    /// permission comes before the route, so that a route that exists has it, and after the integration, so that
    /// whoever looks for permissions that are left over finds the function.
    async fn prepare_target(
        &self,
        api_id: &str,
        route_key: &str,
        target: &Target,
        integrations: &mut BTreeMap<Target, String>,
    ) -> Result<String, StepError> {
        let id = match integrations.get(target) {
            Some(id) => id.clone(),
            None => {
                let id = self.create_integration(api_id, target).await?;
                integrations.insert(target.clone(), id.clone());
                id
            }
        };
        if let Target::Lambda(function) = target {
            self.permit_route(function, route_key, api_id).await?;
        }
        Ok(id)
    }

    async fn create_integration(&self, api_id: &str, target: &Target) -> Result<String, StepError> {
        let protocol = self.request.api.protocol();
        let call = self.clients.api_gateway.create_integration().api_id(api_id);
        let call = match (target, protocol) {
            (Target::Url { uri, mapping }, _) => call
                .integration_type(IntegrationType::HttpProxy)
                .integration_uri(uri)
                .integration_method(url_method(protocol))
                .payload_format_version(URL_PAYLOAD)
                .set_request_parameters((!mapping.is_empty()).then(|| mapping.clone().into_iter().collect())),
            (Target::Lambda(function), Protocol::Http) => call
                .integration_type(IntegrationType::AwsProxy)
                .integration_uri(function)
                .payload_format_version(lambda_payload(protocol)),
            // A WebSocket API takes the function in the form of the first version, method included (Developer Guide,
            // "Set up a WebSocket API integration request in API Gateway").
            (Target::Lambda(function), Protocol::WebSocket) => call
                .integration_type(IntegrationType::AwsProxy)
                .integration_uri(self.settings.invocation_uri(function))
                .integration_method("POST")
                .payload_format_version(lambda_payload(protocol)),
        };
        let answer = call
            .customize()
            .config_override(once())
            .send()
            .await
            .map_err(|error| write_error("apigatewayv2:CreateIntegration", &error))?;
        answered(answer.integration_id, "CreateIntegration", "IntegrationId")
    }

    /// Makes or changes the stage, and puts it on `deployment` if there is one.
    async fn write_stage(
        &self,
        api_id: &str,
        changes: &Changes<'_>,
        deployment: Option<String>,
    ) -> Result<(), StepError> {
        let client = &self.clients.api_gateway;
        let protocol = self.request.api.protocol();
        let log = match &changes.log {
            LogChange::Set(log) => Some(self.access_log_settings(log)),
            LogChange::Keep | LogChange::Remove => None,
        };
        if changes.log == LogChange::Remove {
            let call = client.delete_access_log_settings().api_id(api_id).stage_name(stage(protocol));
            absent_is_fine("apigatewayv2:DeleteAccessLogSettings", call.send().await)?;
        }
        let (limits, routes) = match &changes.stage {
            StageChange::Create { limits, routes } => {
                client
                    .create_stage()
                    .api_id(api_id)
                    .stage_name(stage(protocol))
                    .auto_deploy(deploys_itself(protocol))
                    .set_deployment_id(deployment)
                    .set_default_route_settings(limits.as_ref().map(route_settings))
                    .set_route_settings(settings_by_route(routes))
                    .set_access_log_settings(log)
                    .set_tags(Some(self.tags.clone().into_iter().collect()))
                    .send()
                    .await
                    .map_err(|error| log_error("apigatewayv2:CreateStage", &error))?;
                return Ok(());
            }
            StageChange::Update { limits, routes } => (limits.clone(), routes.clone()),
            StageChange::Keep if log.is_none() && deployment.is_none() => return Ok(()),
            StageChange::Keep => (None, RouteLimits::new()),
        };
        client
            .update_stage()
            .api_id(api_id)
            .stage_name(stage(protocol))
            .auto_deploy(deploys_itself(protocol))
            .set_deployment_id(deployment)
            .set_default_route_settings(limits.as_ref().map(route_settings))
            .set_route_settings(settings_by_route(&routes))
            .set_access_log_settings(log)
            .send()
            .await
            .map_err(|error| log_error("apigatewayv2:UpdateStage", &error))?;
        Ok(())
    }

    fn access_log_settings(&self, log: &LogSettings) -> AccessLogSettings {
        AccessLogSettings::builder()
            .destination_arn(self.settings.log_group_arn(&log.group))
            .format(&log.format)
            .build()
    }

    pub(crate) async fn write_tags(
        &self,
        api_id: &str,
        below: &str,
        missing: &BTreeMap<&str, &str>,
    ) -> Result<(), StepError> {
        if missing.is_empty() {
            return Ok(());
        }
        let pairs = missing.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
        self.clients
            .api_gateway
            .tag_resource()
            .resource_arn(self.arn(api_id, below))
            .set_tags(Some(pairs))
            .send()
            .await
            .map_err(|error| write_error("apigatewayv2:TagResource", &error))?;
        Ok(())
    }

    async fn remove_tags(&self, api_id: &str, below: &str, stale: &[String]) -> Result<(), StepError> {
        if stale.is_empty() {
            return Ok(());
        }
        self.clients
            .api_gateway
            .untag_resource()
            .resource_arn(self.arn(api_id, below))
            .set_tag_keys(Some(stale.to_vec()))
            .send()
            .await
            .map_err(|error| write_error("apigatewayv2:UntagResource", &error))?;
        Ok(())
    }

    /// ARN of the API, or of what is `below` it.
    fn arn(&self, api_id: &str, below: &str) -> String {
        let Settings { partition, region, .. } = self.settings;
        format!("arn:{partition}:apigateway:{region}::/apis/{api_id}{below}")
    }
}

impl Settings {
    /// The form in which API Gateway takes a function that it is to invoke.
    pub(crate) fn invocation_uri(&self, function: &str) -> String {
        let Self { partition, region, .. } = self;
        format!("arn:{partition}:apigateway:{region}:lambda:path/2015-03-31/functions/{function}/invocations")
    }
}

fn protocol(kind: Option<&ProtocolType>) -> Option<Protocol> {
    match kind? {
        ProtocolType::Http => Some(Protocol::Http),
        ProtocolType::Websocket => Some(Protocol::WebSocket),
        _ => None,
    }
}

impl Found {
    pub(crate) fn from_get(api: GetApiOutput) -> Result<Self, StepError> {
        Ok(Self {
            id: answered(api.api_id, "GetApi", "ApiId")?,
            endpoint: answered(api.api_endpoint, "GetApi", "ApiEndpoint")?,
            closed: api.disable_execute_api_endpoint.unwrap_or(false),
            protocol: protocol(api.protocol_type.as_ref()),
            name: api.name.unwrap_or_default(),
            expression: api.route_selection_expression,
            cors: api.cors_configuration.as_ref().map(CorsRules::observed),
            tags: api.tags.unwrap_or_default().into_iter().collect(),
            created: api.created_date,
        })
    }

    fn from_list(api: Api) -> Result<Self, StepError> {
        Ok(Self {
            id: answered(api.api_id, "GetApis", "ApiId")?,
            endpoint: answered(api.api_endpoint, "GetApis", "ApiEndpoint")?,
            closed: api.disable_execute_api_endpoint.unwrap_or(false),
            protocol: protocol(api.protocol_type.as_ref()),
            name: api.name.unwrap_or_default(),
            expression: api.route_selection_expression,
            cors: api.cors_configuration.as_ref().map(CorsRules::observed),
            tags: api.tags.unwrap_or_default().into_iter().collect(),
            created: api.created_date,
        })
    }
}

fn observed_route(route: Route) -> Option<ObservedRoute> {
    let integration_id = route.target.as_deref().and_then(|t| t.strip_prefix("integrations/")).map(str::to_owned);
    let access = ObservedAccess {
        kind: route.authorization_type.map(|kind| kind.as_str().to_owned()),
        authorizer_id: route.authorizer_id,
        scopes: route.authorization_scopes.unwrap_or_default().into_iter().collect(),
    };
    Some(ObservedRoute { id: route.route_id?, key: route.route_key?, integration_id, access })
}

fn scopes(access: &Access) -> Vec<String> {
    match access {
        Access::Open | Access::Iam => Vec::new(),
        Access::By { scopes, .. } => scopes.iter().cloned().collect(),
    }
}

fn observed_integration(protocol: Protocol, integration: Integration) -> Option<ObservedIntegration> {
    let fields = IntegrationFields {
        kind: integration.integration_type.as_ref().map(IntegrationType::as_str),
        uri: integration.integration_uri.as_deref(),
        method: integration.integration_method.as_deref(),
        payload: integration.payload_format_version.as_deref(),
        connection: integration.connection_id.as_deref(),
        mapping: integration.request_parameters.unwrap_or_default().into_iter().collect(),
    };
    Some(ObservedIntegration { target: fields.target(protocol), id: integration.integration_id? })
}

fn found_stage(stage: &GetStageOutput) -> FoundStage {
    let settings = stage.default_route_settings();
    let log = stage.access_log_settings();
    let log = log.and_then(|log| Some(LogSettings::observed(log.destination_arn()?, log.format().unwrap_or_default())));
    FoundStage {
        auto_deploy: stage.auto_deploy().unwrap_or(false),
        deployment_id: stage.deployment_id().map(str::to_owned),
        log,
        rate: settings.and_then(RouteSettings::throttling_rate_limit),
        burst: settings.and_then(RouteSettings::throttling_burst_limit),
        routes: stage.route_settings().into_iter().flatten().filter_map(found_limits).collect(),
        tags: stage.tags().cloned().unwrap_or_default().into_iter().collect(),
    }
}

/// The limits of one route: settings without any are somebody else's affair.
fn found_limits((key, settings): (&String, &RouteSettings)) -> Option<(String, Throttle)> {
    let (rate, burst) = (settings.throttling_rate_limit(), settings.throttling_burst_limit());
    // Half of the two is unlike every wanted one.
    let limits = Throttle { rate: rate.unwrap_or(0.0), burst: burst.unwrap_or(0) };
    (rate.is_some() || burst.is_some()).then(|| (key.clone(), limits))
}

/// No repetition by the SDK: for calls that would make a second thing after a lost answer.
pub(crate) fn once() -> aws_sdk_apigatewayv2::config::Builder {
    aws_sdk_apigatewayv2::Config::builder().retry_config(RetryConfig::disabled())
}

/// A conflict means that somebody, or an earlier attempt of ours, was at the same thing: the next attempt looks
/// at what is there.
pub(crate) fn write_error<E: ProvideErrorMetadata>(operation: &str, error: &SdkError<E, HttpResponse>) -> StepError {
    match code_of(error) {
        Some(code @ "ConflictException") => {
            StepError::retryable(code, format!("{operation} met another change, or its own earlier attempt"))
        }
        _ => classify(operation, error),
    }
}

pub(crate) fn absent_is_fine<T, E: ProvideErrorMetadata>(
    operation: &str,
    answer: Result<T, SdkError<E, HttpResponse>>,
) -> Result<(), StepError> {
    match answer {
        Err(error) if code_of(&error) != Some("NotFoundException") => Err(write_error(operation, &error)),
        _ => Ok(()),
    }
}

/// A field that API Gateway always sends.
pub(crate) fn answered<T>(field: Option<T>, operation: &str, name: &str) -> Result<T, StepError> {
    field.ok_or_else(|| {
        StepError::retryable("UnreadableAnswer", format!("apigatewayv2:{operation} answered without {name}"))
    })
}

#[cfg(test)]
mod tests;
