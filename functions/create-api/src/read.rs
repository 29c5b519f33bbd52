//! How things stand: our APIs, and what hangs below the one that is used. Read-only.

use nameplate::StepError;
use nameplate::request::Protocol;
use nameplate::resource::api::{Api, LogGroup, Standing, log_group, stage, statements_for};

use crate::context::Step;

impl Step<'_> {
    /// All APIs, and the recorded one although no list shows it.
    pub(crate) async fn apis(&self, recorded: Option<&str>) -> Result<Vec<Api>, StepError> {
        let client = &self.clients.api_gateway;
        let mut apis = observe::apigateway::apis(client).await?;
        let Some(id) = recorded else { return Ok(apis) };
        if !apis.iter().any(|api| api.id == id) {
            match observe::apigateway::api(client, id).await? {
                Some(api) => apis.push(api),
                None => tracing::info!(api_id = id, "the recorded API {id} is gone"),
            }
        }
        Ok(apis)
    }

    /// All that hangs below an API that was there before.
    pub(crate) async fn standing(&self, api: Api) -> Result<Standing, StepError> {
        let client = &self.clients.api_gateway;
        let protocol = self.request.api.protocol();
        let mut standing = self.routes(api).await?;
        let id = standing.api.id.clone();
        standing.stage = observe::apigateway::stage(client, &id, stage(protocol)).await?;
        if protocol == Protocol::WebSocket {
            standing.deployments = observe::apigateway::deployments(client, &id).await?.unwrap_or_default();
        }
        let functions: Vec<String> = standing.functions().into_iter().map(str::to_owned).collect();
        for function in functions {
            let policy = observe::lambda::policy(&self.clients.lambda, &function).await?.unwrap_or_default();
            standing.policies.insert(function, statements_for(&policy, &id));
        }
        Ok(standing)
    }

    /// The API's routes with what they lead to and whom they ask.
    pub(crate) async fn routes(&self, api: Api) -> Result<Standing, StepError> {
        let client = &self.clients.api_gateway;
        let id = api.id.clone();
        Ok(Standing {
            routes: observe::apigateway::routes(client, &id).await?.unwrap_or_default(),
            integrations: observe::apigateway::integrations(client, &id).await?.unwrap_or_default(),
            authorizers: observe::apigateway::authorizers(client, &id).await?.unwrap_or_default(),
            ..Standing::made(api)
        })
    }

    /// The log group that the request wants, if it wants one and it is there.
    pub(crate) async fn log_group(&self) -> Result<Option<LogGroup>, StepError> {
        if self.request.api.access_log.is_none() {
            return Ok(None);
        }
        let name = log_group(&self.request.domain_name, &self.settings.stack);
        let Some(group) = observe::logs::log_group(&self.clients.logs, &name).await? else { return Ok(None) };
        let tags = observe::logs::tags(&self.clients.logs, &group.arn).await?;
        Ok(Some(LogGroup { tags, ..group }))
    }
}
