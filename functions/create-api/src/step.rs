//! Step `create-api`: the API that the request describes, with its authorizers, integrations, routes, deployment, stage
//! and access log; or the existing one that it names, which is only looked at.
//!
//! - Reads: GetApis, for the API of ours that fits and those that do not; GetApi of a recorded one that is not among
//!   them; of an API that exists already also GetRoutes, GetIntegrations, GetAuthorizers, GetStage and, of a WebSocket
//!   API, GetDeployments, and GetPolicy of each function that it knows; the log group that is wanted, and its tags.
//! - Writes only what differs: the API, its cross-origin rules, authorizers, integrations, routes, a deployment where
//!   nothing deploys by itself, the log group, the stage, tags, and the permission of each Lambda function that a route
//!   calls or an authorizer asks. A run that died half-way is finished by the same comparison.
//! - The default endpoint is opened again where the request says so; it is never closed here.
//! - Tokens: API Gateway takes none (AWS-FACTS 4.1.2), so the tags that CreateApi carries are what a second attempt
//!   finds the first one by, and what a deployment holds stands in its description. Calls that would make a second
//!   thing are therefore not repeated by the SDK: an unclear answer goes back to the state machine, and the next
//!   attempt looks first.
//! - NotReady: a deployment has to wait for its turn; a function is still called by what was in its route's place.
//! - Refused: the recorded id belongs to an API that does not carry our tags, or the log group does not; the existing
//!   API is our own.
//!
//! It must not know custom domains, certificates or DNS.

use nameplate::StepError;
use nameplate::contract::{CreateApiInput, CreateApiOutput};
use nameplate::resource::api::{Changes, Standing, check_log_group, choose, stage};
use nameplate::resource::tags::Tagging;

use crate::context::{Clients, Settings, Step};

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
    let tagging = &Tagging::new(&request.tags, &request.domain_name, &settings.stack, &input.former_tags);
    let step = Step { clients, settings, request, tagging };
    let recorded = input.api_id.as_deref();
    let apis = step.apis(recorded).await?;
    let wanted = request.api.existing.is_none().then(|| request.api.protocol());
    let choice = choose(apis, tagging, recorded, wanted)?;
    if let Some(existing) = &request.api.existing {
        return step.use_existing(existing, choice.replaced).await;
    }
    let log_group = step.log_group().await?;
    check_log_group(log_group.as_ref(), &step.wanted())?;
    let standing = match choice.used {
        Some(api) => step.standing(api).await?,
        None => Standing::made(step.create().await?),
    };
    let standing = Standing { log_group, ..standing };
    let changes = Changes::of(Some(&standing), &step.wanted());
    step.write(&standing, &changes).await?;
    let stage = stage(request.api.protocol());
    Ok(CreateApiOutput {
        stage: stage.to_owned(),
        protocol: request.api.protocol(),
        default_endpoint: (!changes.stays_closed(&standing.api)).then(|| standing.api.default_endpoint(stage)),
        replaced: choice.replaced,
        api_id: standing.api.id,
    })
}

#[cfg(test)]
mod tests;
