//! Step `create-api`: the HTTP API that the request describes, with its integrations, routes and stage.
//!
//! - Reads: GetApi by the recorded id, else GetApis searched by our two tags; of an API that exists already also
//!   GetRoutes, GetIntegrations and GetStage.
//! - Writes only what differs: the API, its cross-origin rules, integrations, routes, the stage `$default`, tags,
//!   and a permission on each Lambda function that a route calls. A run that died half-way is finished by the
//!   same comparison.
//! - Tokens: API Gateway takes none (AWS-FACTS 4.1), so the tags that CreateApi carries are what a second attempt
//!   finds the first one by. Calls that would make a second thing are therefore not repeated by the SDK: an
//!   unclear answer goes back to the state machine, and the next attempt looks first.
//! - NotReady: never.
//! - Refused: the recorded id belongs to an API that does not carry our tags.
//!
//! It must not know custom domains, certificates or DNS.

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_apigatewayv2::config::http::HttpResponse;
use aws_sdk_apigatewayv2::config::retry::RetryConfig;
use aws_sdk_apigatewayv2::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_apigatewayv2::operation::get_api::GetApiOutput;
use aws_sdk_apigatewayv2::operation::get_stage::GetStageOutput;
use aws_sdk_apigatewayv2::primitives::DateTime;
use aws_sdk_apigatewayv2::types::{Api, Cors, Integration, IntegrationType, ProtocolType, Route, RouteSettings};
use nameplate::contract::{CreateApiInput, CreateApiOutput};
use nameplate::desired::{ObservedIntegration, ObservedRoute, RouteChanges, STAGE, Target, route_changes};
use nameplate::error::{classify, code_of};
use nameplate::request::{Request, Throttle};
use nameplate::{StepError, tags, token};

/// Longest name of an API, in characters (AWS-FACTS 4.1); names of domains are ASCII.
const MAX_API_NAME_LENGTH: usize = 128;
/// Elements per page. API Gateway pages only when it is asked for a page size.
const PAGE_SIZE: &str = "500";
/// Limits of a stage that shall have none, once it had some: they can be changed, but not taken away (seen in
/// hashicorp/terraform-provider-aws#14742 and #30373). These are the account's own (AWS-FACTS 4.5), so they limit nothing.
const NO_LIMIT: Throttle = Throttle { rate: 10_000.0, burst: 5_000 };

/// The clients of this step.
#[derive(Clone, Debug)]
pub(crate) struct Clients {
    pub(crate) api_gateway: aws_sdk_apigatewayv2::Client,
    pub(crate) lambda: aws_sdk_lambda::Client,
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
    let step = Step { clients, settings, request, tags: tags::wanted(request, &settings.stack) };
    let (api, parts) = match step.find(input.api_id.as_deref()).await? {
        Some(api) => {
            let parts = step.read_parts(&api.id).await?;
            (api, parts)
        }
        None => (step.create().await?, Parts::default()),
    };
    let changes = decide(request, &step.tags, &api, &parts);
    step.write(&api.id, &changes).await?;
    Ok(CreateApiOutput { api_id: api.id, default_endpoint: api.endpoint })
}

/// An API as API Gateway reports it.
#[derive(Clone, Debug, PartialEq)]
struct Found {
    id: String,
    endpoint: String,
    name: String,
    cors: Option<CorsRules>,
    tags: BTreeMap<String, String>,
    created: Option<DateTime>,
}

/// What hangs below an API.
#[derive(Clone, Debug, Default)]
struct Parts {
    routes: Vec<ObservedRoute>,
    integrations: Vec<ObservedIntegration>,
    stage: Option<FoundStage>,
}

/// The stage `$default` as API Gateway reports it.
#[derive(Clone, Debug, PartialEq)]
struct FoundStage {
    auto_deploy: bool,
    rate: Option<f64>,
    burst: Option<i32>,
    tags: BTreeMap<String, String>,
}

/// Everything that differs from the request.
#[derive(Clone, Debug)]
struct Changes<'a> {
    rename: Option<String>,
    cors: CorsChange,
    routes: RouteChanges,
    /// Ids of integrations that no route uses once the routes are as wanted.
    unused_integrations: Vec<String>,
    stage: StageChange,
    api_tags: BTreeMap<&'a str, &'a str>,
    stage_tags: BTreeMap<&'a str, &'a str>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum CorsChange {
    Keep,
    Set,
    Remove,
}

#[derive(Clone, Debug, PartialEq)]
enum StageChange {
    Keep,
    Create { limits: Option<Throttle> },
    Update { limits: Option<Throttle> },
}

/// Compares what is there with what is wanted.
fn decide<'a>(request: &Request, wanted_tags: &'a BTreeMap<String, String>, api: &Found, parts: &Parts) -> Changes<'a> {
    let name = api_name(request);
    let routes = route_changes(request, &parts.routes, &parts.integrations);
    let stage_tags = parts.stage.as_ref().map_or_else(BTreeMap::new, |stage| tags::missing(wanted_tags, &stage.tags));
    Changes {
        rename: (api.name != name).then_some(name),
        cors: match (request.api.cors.as_ref().map(CorsRules::wanted), &api.cors) {
            (None, None) => CorsChange::Keep,
            (None, Some(_)) => CorsChange::Remove,
            (Some(wanted), Some(present)) if wanted == *present => CorsChange::Keep,
            (Some(_), _) => CorsChange::Set,
        },
        unused_integrations: unused_integrations(request, parts, &routes),
        routes,
        stage: stage_change(request.api.throttle.as_ref(), parts.stage.as_ref()),
        api_tags: tags::missing(wanted_tags, &api.tags),
        stage_tags,
    }
}

/// What has to happen to the stage.
fn stage_change(wanted: Option<&Throttle>, present: Option<&FoundStage>) -> StageChange {
    let Some(stage) = present else { return StageChange::Create { limits: wanted.cloned() } };
    let carries = |limits: &Throttle| stage.rate == Some(limits.rate) && stage.burst == Some(limits.burst);
    let limits = match wanted {
        Some(limits) => (!carries(limits)).then(|| limits.clone()),
        None => {
            let unlimited = (stage.rate.is_none() && stage.burst.is_none()) || carries(&NO_LIMIT);
            (!unlimited).then_some(NO_LIMIT)
        }
    };
    if stage.auto_deploy && limits.is_none() { StageChange::Keep } else { StageChange::Update { limits } }
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

/// What API Gateway calls a function on behalf of: `$default` stage, method and path of one route, with `*` for
/// `ANY` and for path variables (AWS-FACTS 4.1).
fn source_arn(settings: &Settings, api_id: &str, route_key: &str) -> String {
    let scope = match route_key.split_once(' ') {
        None => route_key.to_owned(),
        Some((method, path)) => {
            let method = if method == "ANY" { "*" } else { method };
            let segments = path.split('/').map(|segment| if segment.starts_with('{') { "*" } else { segment });
            format!("{method}{}", segments.collect::<Vec<_>>().join("/"))
        }
    };
    let Settings { partition, region, account, .. } = settings;
    format!("arn:{partition}:execute-api:{region}:{account}:{api_id}/{STAGE}/{scope}")
}

/// The statement in a function's policy for one route: the same for every attempt.
fn statement_id(api_id: &str, route_key: &str, function: &str) -> String {
    format!("nameplate-{}", token::token(api_id, &format!("{function} {route_key}")))
}

struct Step<'a> {
    clients: &'a Clients,
    settings: &'a Settings,
    request: &'a Request,
    tags: BTreeMap<String, String>,
}

impl Step<'_> {
    fn is_ours(&self, present: &BTreeMap<String, String>) -> bool {
        let pairs = present.iter().map(|(key, value)| (key.as_str(), value.as_str()));
        tags::ours(pairs, self.request.domain_name.as_str(), &self.settings.stack)
    }

    /// Our API, by the id of an earlier run, else by tag.
    async fn find(&self, known: Option<&str>) -> Result<Option<Found>, StepError> {
        if let Some(id) = known {
            match self.clients.api_gateway.get_api().api_id(id).send().await {
                Ok(answer) => {
                    let api = Found::from_get(answer)?;
                    if !self.is_ours(&api.tags) {
                        return Err(StepError::refused(
                            "ApiNotOurs",
                            format!(
                                "the API {id} does not carry the tags `{}` = `{}` and `{}` = `{}`",
                                tags::DOMAIN,
                                self.request.domain_name,
                                tags::STACK,
                                self.settings.stack
                            ),
                            "put the tags back if the API is Nameplate's; otherwise remove its id from the domain's item in the table",
                        ));
                    }
                    return Ok(Some(api));
                }
                Err(error) if code_of(&error) == Some("NotFoundException") => {
                    tracing::info!(api_id = id, "the recorded API {id} is gone; searching by tag");
                }
                Err(error) => return Err(classify("apigatewayv2:GetApi", &error)),
            }
        }
        self.search().await
    }

    async fn search(&self) -> Result<Option<Found>, StepError> {
        let mut ours: Vec<Found> = Vec::new();
        let mut next = None;
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
                if api.protocol_type == Some(ProtocolType::Http) {
                    let api = Found::from_list(api)?;
                    if self.is_ours(&api.tags) {
                        ours.push(api);
                    }
                }
            }
            next = page.next_token.filter(|token| !token.is_empty());
            if next.is_none() {
                break;
            }
        }
        let count = ours.len();
        let oldest = ours
            .into_iter()
            .min_by_key(|api| (api.created.map(|date| (date.secs(), date.subsec_nanos())), api.id.clone()));
        if let (Some(api), true) = (&oldest, count > 1) {
            tracing::warn!(api_id = api.id, count, "{count} APIs carry our tags; the oldest, {}, is used", api.id);
        }
        Ok(oldest)
    }

    /// Routes, integrations and stage of an API that was there before.
    async fn read_parts(&self, api_id: &str) -> Result<Parts, StepError> {
        let client = &self.clients.api_gateway;
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
            parts.integrations.extend(page.items.unwrap_or_default().into_iter().filter_map(observed_integration));
            next = page.next_token.filter(|token| !token.is_empty());
            if next.is_none() {
                break;
            }
        }
        parts.stage = match client.get_stage().api_id(api_id).stage_name(STAGE).send().await {
            Ok(stage) => Some(found_stage(&stage)),
            Err(error) if code_of(&error) == Some("NotFoundException") => None,
            Err(error) => return Err(classify("apigatewayv2:GetStage", &error)),
        };
        Ok(parts)
    }

    /// A new API without routes.
    async fn create(&self) -> Result<Found, StepError> {
        let answer = self
            .clients
            .api_gateway
            .create_api()
            .name(api_name(self.request))
            .protocol_type(ProtocolType::Http)
            .set_cors_configuration(self.request.api.cors.as_ref().map(cors_configuration))
            .set_tags(Some(self.tags.clone().into_iter().collect()))
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
            // What was just sent: comparing it with the answer could only repeat the call.
            name: api_name(self.request),
            cors: self.request.api.cors.as_ref().map(CorsRules::wanted),
            tags: self.tags.clone(),
            created: answer.created_date,
        })
    }

    async fn write(&self, api_id: &str, changes: &Changes<'_>) -> Result<(), StepError> {
        self.write_api(api_id, changes).await?;
        self.write_routes(api_id, changes).await?;
        self.write_stage(api_id, changes).await?;
        self.write_tags(api_id, "", &changes.api_tags).await?;
        self.write_tags(api_id, &format!("/stages/{STAGE}"), &changes.stage_tags).await
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
        if changes.rename.is_some() || cors.is_some() {
            client
                .update_api()
                .api_id(api_id)
                .set_name(changes.rename.clone())
                .set_cors_configuration(cors)
                .send()
                .await
                .map_err(|error| write_error("apigatewayv2:UpdateApi", &error))?;
        }
        Ok(())
    }

    /// Wanted routes first, then what is left over, so that no wanted route is without its target in between.
    async fn write_routes(&self, api_id: &str, changes: &Changes<'_>) -> Result<(), StepError> {
        let client = &self.clients.api_gateway;
        let mut integrations = changes.routes.integrations.clone();
        for (key, target) in &changes.routes.create {
            let integration = self.prepare_target(api_id, key, target, &mut integrations).await?;
            client
                .create_route()
                .api_id(api_id)
                .route_key(key)
                .target(format!("integrations/{integration}"))
                .send()
                .await
                .map_err(|error| write_error("apigatewayv2:CreateRoute", &error))?;
        }
        for (id, key, target) in &changes.routes.retarget {
            let integration = self.prepare_target(api_id, key, target, &mut integrations).await?;
            client
                .update_route()
                .api_id(api_id)
                .route_id(id)
                .target(format!("integrations/{integration}"))
                .send()
                .await
                .map_err(|error| write_error("apigatewayv2:UpdateRoute", &error))?;
        }
        for id in &changes.routes.remove {
            let gone = client.delete_route().api_id(api_id).route_id(id).send().await;
            absent_is_fine("apigatewayv2:DeleteRoute", gone)?;
        }
        for id in &changes.unused_integrations {
            let gone = client.delete_integration().api_id(api_id).integration_id(id).send().await;
            absent_is_fine("apigatewayv2:DeleteIntegration", gone)?;
        }
        Ok(())
    }

    /// The integration for `target`, made if there is none, and for a function the permission to call it. The
    /// permission comes before the route, so that a route that exists has it.
    async fn prepare_target(
        &self,
        api_id: &str,
        route_key: &str,
        target: &Target,
        integrations: &mut BTreeMap<Target, String>,
    ) -> Result<String, StepError> {
        if let Target::Lambda(function) = target {
            self.permit(api_id, route_key, function).await?;
        }
        if let Some(id) = integrations.get(target) {
            return Ok(id.clone());
        }
        let call = self.clients.api_gateway.create_integration().api_id(api_id).integration_uri(target.uri());
        let call = match target {
            Target::Url(_) => call
                .integration_type(IntegrationType::HttpProxy)
                .integration_method("ANY")
                .payload_format_version(URL_PAYLOAD),
            Target::Lambda(_) => {
                call.integration_type(IntegrationType::AwsProxy).payload_format_version(LAMBDA_PAYLOAD)
            }
        };
        let answer = call
            .customize()
            .config_override(once())
            .send()
            .await
            .map_err(|error| write_error("apigatewayv2:CreateIntegration", &error))?;
        let id = answered(answer.integration_id, "CreateIntegration", "IntegrationId")?;
        integrations.insert(target.clone(), id.clone());
        Ok(id)
    }

    /// Lets this route call the function (AWS-FACTS 4.1: without it clients get 500).
    async fn permit(&self, api_id: &str, route_key: &str, function: &str) -> Result<(), StepError> {
        let answer = self
            .clients
            .lambda
            .add_permission()
            .function_name(function)
            .statement_id(statement_id(api_id, route_key, function))
            .action("lambda:InvokeFunction")
            .principal("apigateway.amazonaws.com")
            .source_arn(source_arn(self.settings, api_id, route_key))
            .send()
            .await;
        let Err(error) = answer else { return Ok(()) };
        match code_of(&error) {
            // The id is a hash of all that the statement says, so the one that is there says the same.
            Some("ResourceConflictException") => {
                let text = error.as_service_error().and_then(ProvideErrorMetadata::message).unwrap_or_default();
                if text.contains("in progress") {
                    return Err(StepError::retryable(
                        "ResourceConflictException",
                        format!("the function {function} is being updated"),
                    ));
                }
                Ok(())
            }
            Some("ResourceNotFoundException") => Err(StepError::failed(
                "FunctionNotFound",
                format!("the route `{route_key}` calls {function}, which does not exist"),
                "create the function or correct the route's `lambda`, then start the execution again",
            )),
            Some("PolicyLengthExceededException") => Err(StepError::failed(
                "PolicyLengthExceededException",
                format!("the policy of {function} is too long for one more route, `{route_key}`"),
                "join routes of this function with a greedy path such as `ANY /{proxy+}`, or remove old statements from its policy",
            )),
            _ => Err(classify("lambda:AddPermission", &error)),
        }
    }

    async fn write_stage(&self, api_id: &str, changes: &Changes<'_>) -> Result<(), StepError> {
        let client = &self.clients.api_gateway;
        match &changes.stage {
            StageChange::Keep => {}
            StageChange::Create { limits } => {
                client
                    .create_stage()
                    .api_id(api_id)
                    .stage_name(STAGE)
                    .auto_deploy(true)
                    .set_default_route_settings(limits.as_ref().map(route_settings))
                    .set_tags(Some(self.tags.clone().into_iter().collect()))
                    .send()
                    .await
                    .map_err(|error| write_error("apigatewayv2:CreateStage", &error))?;
            }
            StageChange::Update { limits } => {
                client
                    .update_stage()
                    .api_id(api_id)
                    .stage_name(STAGE)
                    .auto_deploy(true)
                    .set_default_route_settings(limits.as_ref().map(route_settings))
                    .send()
                    .await
                    .map_err(|error| write_error("apigatewayv2:UpdateStage", &error))?;
            }
        }
        Ok(())
    }

    async fn write_tags(&self, api_id: &str, below: &str, missing: &BTreeMap<&str, &str>) -> Result<(), StepError> {
        if missing.is_empty() {
            return Ok(());
        }
        let Settings { partition, region, .. } = self.settings;
        let pairs = missing.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
        self.clients
            .api_gateway
            .tag_resource()
            .resource_arn(format!("arn:{partition}:apigateway:{region}::/apis/{api_id}{below}"))
            .set_tags(Some(pairs))
            .send()
            .await
            .map_err(|error| write_error("apigatewayv2:TagResource", &error))?;
        Ok(())
    }
}

/// Payload format of an HTTP endpoint: the only one there is (AWS-FACTS 4.1).
const URL_PAYLOAD: &str = "1.0";
/// Payload format of a Lambda function.
const LAMBDA_PAYLOAD: &str = "2.0";

impl Found {
    fn from_get(api: GetApiOutput) -> Result<Self, StepError> {
        Ok(Self {
            id: answered(api.api_id, "GetApi", "ApiId")?,
            endpoint: answered(api.api_endpoint, "GetApi", "ApiEndpoint")?,
            name: api.name.unwrap_or_default(),
            cors: api.cors_configuration.as_ref().map(CorsRules::observed),
            tags: api.tags.unwrap_or_default().into_iter().collect(),
            created: api.created_date,
        })
    }

    fn from_list(api: Api) -> Result<Self, StepError> {
        Ok(Self {
            id: answered(api.api_id, "GetApis", "ApiId")?,
            endpoint: answered(api.api_endpoint, "GetApis", "ApiEndpoint")?,
            name: api.name.unwrap_or_default(),
            cors: api.cors_configuration.as_ref().map(CorsRules::observed),
            tags: api.tags.unwrap_or_default().into_iter().collect(),
            created: api.created_date,
        })
    }
}

fn observed_route(route: Route) -> Option<ObservedRoute> {
    let integration_id = route.target.as_deref().and_then(|t| t.strip_prefix("integrations/")).map(str::to_owned);
    Some(ObservedRoute { id: route.route_id?, key: route.route_key?, integration_id })
}

fn observed_integration(integration: Integration) -> Option<ObservedIntegration> {
    let payload = integration.payload_format_version.as_deref();
    let plain = integration.request_parameters.as_ref().is_none_or(|parameters| parameters.is_empty())
        && integration.connection_id.is_none();
    let target = match (integration.integration_type, integration.integration_uri) {
        (Some(IntegrationType::HttpProxy), Some(uri))
            if plain && payload == Some(URL_PAYLOAD) && integration.integration_method.as_deref() == Some("ANY") =>
        {
            Some(Target::Url(uri))
        }
        (Some(IntegrationType::AwsProxy), Some(uri)) if plain && payload == Some(LAMBDA_PAYLOAD) => {
            Some(Target::Lambda(function_arn(&uri)))
        }
        _ => None,
    };
    Some(ObservedIntegration { id: integration.integration_id?, target })
}

/// A function's ARN out of the URI of an integration, which may wrap it as `…/functions/<ARN>/invocations`.
fn function_arn(uri: &str) -> String {
    let inner = uri.split_once("/functions/").map_or(uri, |(_, inner)| inner);
    inner.strip_suffix("/invocations").unwrap_or(inner).to_owned()
}

fn found_stage(stage: &GetStageOutput) -> FoundStage {
    let settings = stage.default_route_settings();
    FoundStage {
        auto_deploy: stage.auto_deploy().unwrap_or(false),
        rate: settings.and_then(RouteSettings::throttling_rate_limit),
        burst: settings.and_then(RouteSettings::throttling_burst_limit),
        tags: stage.tags().cloned().unwrap_or_default().into_iter().collect(),
    }
}

/// No repetition by the SDK: for calls that would make a second thing after a lost answer.
fn once() -> aws_sdk_apigatewayv2::config::Builder {
    aws_sdk_apigatewayv2::Config::builder().retry_config(RetryConfig::disabled())
}

/// A conflict means that somebody, or an earlier attempt of ours, was at the same thing: the next attempt looks
/// at what is there.
fn write_error<E: ProvideErrorMetadata>(operation: &str, error: &SdkError<E, HttpResponse>) -> StepError {
    match code_of(error) {
        Some(code @ "ConflictException") => {
            StepError::retryable(code, format!("{operation} met another change, or its own earlier attempt"))
        }
        _ => classify(operation, error),
    }
}

fn absent_is_fine<T, E: ProvideErrorMetadata>(
    operation: &str,
    answer: Result<T, SdkError<E, HttpResponse>>,
) -> Result<(), StepError> {
    match answer {
        Err(error) if code_of(&error) != Some("NotFoundException") => Err(write_error(operation, &error)),
        _ => Ok(()),
    }
}

/// A field that API Gateway always sends.
fn answered<T>(field: Option<T>, operation: &str, name: &str) -> Result<T, StepError> {
    field.ok_or_else(|| {
        StepError::retryable("UnreadableAnswer", format!("apigatewayv2:{operation} answered without {name}"))
    })
}
