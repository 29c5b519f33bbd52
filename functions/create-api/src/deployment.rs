//! Deployments of a WebSocket API, where nothing deploys by itself. One is made only when none holds just the routes
//! that are there, and its description says which those are: so a lost answer makes no second one. It must not know how
//! routes are compared.

use aws_sdk_apigatewayv2::types::{Deployment, DeploymentStatus};
use nameplate::StepError;
use nameplate::error::{classify, code_of};
use nameplate::request::Protocol;
use nameplate::resource::api::{deployment_mark, route_changes};

use crate::step::{Changes, FoundStage, PAGE_SIZE, Parts, Step, answered, once, write_error};

/// A deployment as API Gateway reports it, unless it has failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct FoundDeployment {
    id: String,
    mark: String,
}

fn found(deployment: Deployment) -> Option<FoundDeployment> {
    let failed = deployment.deployment_status == Some(DeploymentStatus::Failed);
    let mark = deployment.description.unwrap_or_default();
    deployment.deployment_id.filter(|_| !failed).map(|id| FoundDeployment { id, mark })
}

impl Step<'_> {
    pub(crate) async fn read_deployments(&self, api_id: &str) -> Result<Vec<FoundDeployment>, StepError> {
        let (mut deployments, mut next) = (Vec::new(), None);
        loop {
            let page = self
                .clients
                .api_gateway
                .get_deployments()
                .api_id(api_id)
                .max_results(PAGE_SIZE)
                .set_next_token(next)
                .send()
                .await
                .map_err(|error| classify("apigatewayv2:GetDeployments", &error))?;
            deployments.extend(page.items.unwrap_or_default().into_iter().filter_map(found));
            next = page.next_token.filter(|token| !token.is_empty());
            if next.is_none() {
                return Ok(deployments);
            }
        }
    }

    /// The deployment to put the stage on, made if there is none; nothing where the stage is on it.
    pub(crate) async fn deploy(
        &self,
        api_id: &str,
        changes: &Changes<'_>,
        parts: &Parts,
    ) -> Result<Option<String>, StepError> {
        if self.request.api.protocol() == Protocol::Http {
            return Ok(None);
        }
        let there = if changes.routes.is_empty() { None } else { Some(self.read_routes(api_id).await?) };
        let there = there.as_ref().unwrap_or(parts);
        let left = route_changes(self.request, &there.routes, &there.integrations, &there.authorizers);
        if !(left.create.is_empty() && left.retarget.is_empty() && left.remove.is_empty()) {
            return Err(StepError::retryable(
                "RoutesChanged",
                format!("the routes of the API {api_id} are not yet, or no longer, as they were just written"),
            ));
        }
        let mark =
            deployment_mark(self.request, changes.closed, &there.routes, &there.integrations, &there.authorizers);
        let on_stage = parts.stage.as_ref().and_then(|stage: &FoundStage| stage.deployment_id.as_deref());
        let fitting: Vec<&FoundDeployment> = parts.deployments.iter().filter(|one| one.mark == mark).collect();
        if fitting.iter().any(|one| Some(one.id.as_str()) == on_stage) {
            return Ok(None);
        }
        match fitting.first() {
            Some(one) => Ok(Some(one.id.clone())),
            None => self.create_deployment(api_id, mark).await.map(Some),
        }
    }

    async fn create_deployment(&self, api_id: &str, mark: String) -> Result<String, StepError> {
        let answer = self
            .clients
            .api_gateway
            .create_deployment()
            .api_id(api_id)
            .description(mark)
            .customize()
            .config_override(once())
            .send()
            .await
            .map_err(|error| match code_of(&error) {
                // One such call each 5 s in the whole account (AWS-FACTS 4.5.3): a turn to wait for, not a failure.
                Some(code @ "TooManyRequestsException") => StepError::not_ready(
                    code,
                    format!("apigatewayv2:CreateDeployment has to wait for its turn in this account, for {api_id}"),
                ),
                _ => write_error("apigatewayv2:CreateDeployment", &error),
            })?;
        if answer.deployment_status == Some(DeploymentStatus::Failed) {
            return Err(StepError::failed(
                "DeploymentFailed",
                format!(
                    "API Gateway could not deploy the API {api_id}: {}",
                    answer.deployment_status_message.unwrap_or_default()
                ),
                "remove the cause that API Gateway names, then start the execution again",
            ));
        }
        let id = answered(answer.deployment_id, "CreateDeployment", "DeploymentId")?;
        tracing::info!(api_id, deployment_id = id, "created the deployment {id}");
        Ok(id)
    }
}
