//! Deployments of a WebSocket API, where nothing deploys by itself. One is made only when none holds just the routes
//! that are there, and its description says which those are: so a lost answer makes no second one. It must not know how
//! routes are compared.

use nameplate::StepError;
use nameplate::error::code_of;
use nameplate::request::Protocol;
use nameplate::resource::api::{
    Changes, Standing, check_deployment, deployment_mark, deployment_refusal, fitting, route_differences,
};

use crate::context::{Step, answered, once, write_error};

impl Step<'_> {
    /// The deployment to put the stage on, made if there is none; nothing where the stage is on it.
    pub(crate) async fn deploy(&self, standing: &Standing, changes: &Changes) -> Result<Option<String>, StepError> {
        if self.request.api.protocol() == Protocol::Http {
            return Ok(None);
        }
        let api_id = &standing.api.id;
        let moved = !changes.routes.is_empty() || !changes.authorizers.is_empty();
        let written = if moved { Some(self.routes(standing.api.clone()).await?) } else { None };
        let there = written.as_ref().unwrap_or(standing);
        if !route_differences(there, self.request).is_empty() {
            return Err(StepError::retryable(
                "RoutesChanged",
                format!("the routes of the API {api_id} are not yet, or no longer, as they were just written"),
            ));
        }
        let mark = deployment_mark(there, self.request, changes.stays_closed(&standing.api));
        let on_stage = standing.stage.as_ref().and_then(|stage| stage.deployment_id.as_deref());
        match fitting(&standing.deployments, &mark, on_stage) {
            Some(one) if on_stage == Some(&one.id) => Ok(None),
            Some(one) => Ok(Some(one.id.clone())),
            None => self.create_deployment(api_id, mark).await.map(Some),
        }
    }

    async fn create_deployment(&self, api_id: &str, mark: String) -> Result<String, StepError> {
        let call = self.clients.api_gateway.create_deployment().api_id(api_id).description(mark);
        let answer = call.customize().config_override(once()).send().await.map_err(|error| {
            deployment_refusal(code_of(&error), api_id)
                .unwrap_or_else(|| write_error("apigatewayv2:CreateDeployment", &error))
        })?;
        let status = answer.deployment_status.as_ref().map(|status| status.as_str());
        check_deployment(api_id, status, answer.deployment_status_message.as_deref())?;
        let id = answered(answer.deployment_id, "CreateDeployment", "DeploymentId")?;
        tracing::info!(api_id, deployment_id = id, "created the deployment {id}");
        Ok(id)
    }
}
