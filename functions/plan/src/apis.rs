//! The API of a request: which of ours it goes on with, how that stands, and what a run would change about it. Read-only.
//! It must not compare: `nameplate::resource::api` does.

use nameplate::contract::Known;
use nameplate::request::Protocol;
use nameplate::resource::api::{
    Api, Changes, Choice, LogGroup, Standing, Wanted, check_existing, check_log_group, choose, log_group, stage,
    statements_for,
};
use nameplate::resource::tags::{self, Tagging};
use nameplate::{Request, StepError};

use crate::step::{Clients, Settings};

/// What is asked about.
pub(crate) struct Looking<'a> {
    clients: &'a Clients,
    settings: &'a Settings,
    request: &'a Request,
    tagging: &'a Tagging,
}

impl<'a> Looking<'a> {
    pub(crate) fn new(
        clients: &'a Clients,
        settings: &'a Settings,
        request: &'a Request,
        tagging: &'a Tagging,
    ) -> Self {
        Self { clients, settings, request, tagging }
    }

    fn wanted(&self) -> Wanted<'_> {
        Wanted { request: self.request, stack: &self.settings.stack, tagging: self.tagging }
    }

    /// Refuses an existing API that cannot be put behind the name.
    ///
    /// # Errors
    /// `Refused` when it or its stage is not there, or Nameplate made it, for this domain or another.
    pub(crate) async fn check_existing(&self) -> Result<(), StepError> {
        let Some(existing) = &self.request.api.existing else { return Ok(()) };
        let (client, id) = (&self.clients.apigateway, &existing.api_id);
        let api = observe::apigateway::api(client, id).await?.ok_or_else(|| {
            StepError::refused(
                "ApiNotFound",
                format!("this account has no HTTP or WebSocket API {id} in this region"),
                "name one that `aws apigatewayv2 get-apis` shows in `api.existing.apiId`; REST APIs cannot be named",
            )
        })?;
        check_existing(&api, self.tagging)?;
        if let Some(stack) = api.tags.get(tags::STACK) {
            let domain = api.tags.get(tags::DOMAIN).map_or("another domain", String::as_str);
            return Err(StepError::refused(
                "ApiOfAnotherDomain",
                format!(
                    "the API {id} was made by the stack {stack} for {domain}, and goes when that changes or is retired"
                ),
                format!("name an API that Nameplate did not make, or ask for {domain} with further host names"),
            ));
        }
        if observe::apigateway::stage(client, id, &existing.stage).await?.is_some() {
            return Ok(());
        }
        Err(StepError::refused(
            "StageNotFound",
            format!("the API {id} has no stage `{}`", existing.stage),
            format!("name one that `aws apigatewayv2 get-stages --api-id {id}` shows in `api.existing.stage`"),
        ))
    }

    /// The API of ours that the request goes on with, and those in whose place it comes.
    ///
    /// # Errors
    /// As reading has it; `Refused` where the recorded one is not ours any more.
    pub(crate) async fn choice(&self, known: &Known) -> Result<Choice, StepError> {
        let client = &self.clients.apigateway;
        let recorded = known.api_id.as_deref();
        let mut apis = observe::apigateway::apis(client).await?;
        if let Some(id) = recorded.filter(|id| !apis.iter().any(|api| api.id == *id)) {
            apis.extend(observe::apigateway::api(client, id).await?);
        }
        let wanted = self.request.api.existing.is_none().then(|| self.request.api.protocol());
        choose(apis, self.tagging, recorded, wanted)
    }

    /// What a run would change; all of it where there is no API.
    ///
    /// # Errors
    /// As reading has it; `Refused` where the log group is somebody else's.
    pub(crate) async fn changes(&self, api: Option<Api>) -> Result<Changes, StepError> {
        let log_group = self.log_group().await?;
        check_log_group(log_group.as_ref(), &self.wanted())?;
        let standing = match api {
            Some(api) => Some(Standing { log_group, ..self.standing(api).await? }),
            None => None,
        };
        Ok(Changes::of(standing.as_ref(), &self.wanted()))
    }

    /// All that hangs below an API, and of its deployments that of the stage.
    async fn standing(&self, api: Api) -> Result<Standing, StepError> {
        let (client, protocol, id) = (&self.clients.apigateway, self.request.api.protocol(), api.id.clone());
        let mut standing = Standing {
            routes: observe::apigateway::routes(client, &id).await?.unwrap_or_default(),
            integrations: observe::apigateway::integrations(client, &id).await?.unwrap_or_default(),
            authorizers: observe::apigateway::authorizers(client, &id).await?.unwrap_or_default(),
            stage: observe::apigateway::stage(client, &id, stage(protocol)).await?,
            ..Standing::made(api)
        };
        let deployed = standing.stage.as_ref().and_then(|stage| stage.deployment_id.as_deref());
        if let Some(deployed) = deployed.filter(|_| protocol == Protocol::WebSocket) {
            standing.deployments.extend(observe::apigateway::deployment(client, &id, deployed).await?);
        }
        let functions: Vec<String> = standing.functions().into_iter().map(str::to_owned).collect();
        for function in functions {
            let policy = observe::lambda::policy(&self.clients.lambda, &function).await?.unwrap_or_default();
            standing.policies.insert(function, statements_for(&policy, &id));
        }
        Ok(standing)
    }

    /// The log group that the request wants, if it wants one and it is there.
    async fn log_group(&self) -> Result<Option<LogGroup>, StepError> {
        if self.request.api.access_log.is_none() {
            return Ok(None);
        }
        let name = log_group(&self.request.domain_name, &self.settings.stack);
        let Some(group) = observe::logs::log_group(&self.clients.logs, &name).await? else { return Ok(None) };
        let tags = observe::logs::tags(&self.clients.logs, &group.arn).await?;
        Ok(Some(LogGroup { tags, ..group }))
    }
}
