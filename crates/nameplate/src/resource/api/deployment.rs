//! Deployments of a WebSocket API, where nothing deploys by itself: what tells that one holds just the routes that are
//! there.

use serde_json::{Value, json};
use strum::VariantArray;

use super::Standing;
use crate::error::StepError;
use crate::request::{Protocol, Request};
use crate::resource::difference::{Attribute, Difference, Differences};
use crate::token;

/// What begins the description of a deployment of ours.
const PREFIX: &str = "Made by Nameplate, of ";
/// What ends it where the default endpoint is closed.
const CLOSED: &str = ", default endpoint closed";
/// `DeploymentStatus` of one that came to nothing.
const FAILED: &str = "FAILED";

/// A deployment as API Gateway shows it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Deployment {
    /// `DeploymentId`.
    pub id: String,
    /// `Description`: what it holds, if it is ours.
    pub mark: String,
    /// `DeploymentStatus`.
    pub status: Option<String>,
}

/// `Description` of a deployment: another one for each set of routes, with their integrations and authorizers, ids
/// included, so that a deployment that has it holds what it says and calls what still exists. Nothing deploys by itself
/// in a WebSocket API, and "anything other than stage settings" is in a deployment (Developer Guide, "Deploy WebSocket
/// APIs"), also whether the default endpoint is closed ("Disable the default endpoint for WebSocket APIs").
pub fn deployment_mark(standing: &Standing, request: &Request, closed: bool) -> String {
    let mut held: Vec<String> = standing
        .routes
        .iter()
        .map(|route| {
            let target = standing.target_of(route);
            // An id that a route keeps while nobody is asked means nothing.
            let asked = route.asks().and_then(|id| standing.authorizers.iter().find(|one| one.id == id));
            json!([
                route.key,
                route.id,
                route.integration_id,
                target.map(|target| &target.uri),
                target.filter(|target| target.function().is_none()).map(|target| &target.mapping),
                route.authorization.as_deref().unwrap_or("NONE"),
                asked.map(|one| [&one.id, &one.name]),
            ])
            .to_string()
        })
        .collect();
    held.sort();
    let mut parts = vec![request.api.route_selection_expression.as_deref().unwrap_or_default()];
    parts.extend(held.iter().map(String::as_str));
    let mark = format!("{PREFIX}{}", token::hex(&parts));
    if closed { closed_mark(&mark) } else { mark }
}

/// The mark of a deployment that is like the one with the mark `open`, but with the default endpoint closed.
pub fn closed_mark(open: &str) -> String {
    if open.ends_with(CLOSED) { open.to_owned() } else { format!("{open}{CLOSED}") }
}

/// The deployment with this mark to have a stage on, rather the one that it is on: none that has failed.
pub fn fitting<'a>(deployments: &'a [Deployment], mark: &str, on_stage: Option<&str>) -> Option<&'a Deployment> {
    let fits = |one: &&Deployment| one.mark == mark && one.status.as_deref() != Some(FAILED);
    let mut all = deployments.iter().filter(fits);
    all.clone().find(|one| on_stage == Some(&one.id)).or_else(|| all.next())
}

/// What of deployments a run writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, VariantArray)]
pub enum DeploymentAttribute {
    /// Whether the stage is on a deployment of just what is there. What is to be changed is a difference by itself, and
    /// is deployed with it.
    Deployed,
}

impl Attribute for DeploymentAttribute {
    fn path(self) -> &'static str {
        match self {
            Self::Deployed => "deployed",
        }
    }
}

/// Whether what is there has yet to be deployed.
pub fn deployment_differences(standing: Option<&Standing>, request: &Request) -> Vec<Difference<DeploymentAttribute>> {
    let mut differences = Differences::default();
    let on_it = |standing: &Standing| {
        let mark = deployment_mark(standing, request, standing.api.closed);
        let on_stage = standing.stage.as_ref().and_then(|stage| stage.deployment_id.as_deref());
        fitting(&standing.deployments, &mark, on_stage).is_some_and(|one| on_stage == Some(&one.id))
    };
    if request.api.protocol() == Protocol::WebSocket && !standing.is_some_and(on_it) {
        differences.note(DeploymentAttribute::Deployed, None, Value::Null, json!(true));
    }
    differences.into_vec()
}

/// What a refusal of CreateDeployment means beyond what that of every write does.
pub fn deployment_refusal(code: Option<&str>, api_id: &str) -> Option<StepError> {
    // One such call each 5 s in the whole account (AWS-FACTS 4.5.3): a turn to wait for, not a failure.
    let code = code.filter(|code| *code == "TooManyRequestsException")?;
    let reason = format!("apigatewayv2:CreateDeployment has to wait for its turn in this account, for {api_id}");
    Some(StepError::not_ready(code, reason))
}

/// Refuses a deployment of which API Gateway says at once that it came to nothing.
///
/// # Errors
/// `Failed`, in API Gateway's words.
pub fn check_deployment(api_id: &str, status: Option<&str>, message: Option<&str>) -> Result<(), StepError> {
    if status != Some(FAILED) {
        return Ok(());
    }
    Err(StepError::failed(
        "DeploymentFailed",
        format!("API Gateway could not deploy the API {api_id}: {}", message.unwrap_or_default()),
        "remove the cause that API Gateway names, then start the execution again",
    ))
}

#[cfg(test)]
mod tests;
