//! Step `delete-api`: the domain's APIs, and what they were let to call.
//!
//! - Reads: GetApi, GetIntegrations, GetAuthorizers, and GetPolicy of each Lambda function that one of them calls.
//! - Writes: RemovePermission of the statements that `create-api` added for the API, then DeleteApi.
//! - Tokens: none; what is gone is done. The statements go first: only the API says which functions have them.
//! - NotReady: never.
//! - Refused: the API does not carry our tags any more.
//!
//! It must not know custom domains.

use std::collections::BTreeSet;

use aws_sdk_apigatewayv2::config::retry::RetryConfig;
use nameplate::StepError;
use nameplate::contract::retire::{DeleteApiInput, RetireStepOutput};
use nameplate::error::{classify, code_of};
use nameplate::resource::api::{Standing, statements_for};
use nameplate::resource::tags;

/// The clients of this step.
#[derive(Clone, Debug)]
pub(crate) struct Clients {
    pub(crate) api_gateway: aws_sdk_apigatewayv2::Client,
    pub(crate) lambda: aws_sdk_lambda::Client,
}

/// Whose resources these are.
#[derive(Clone, Debug)]
pub(crate) struct Settings {
    pub(crate) stack: String,
}

/// Runs the step.
///
/// # Errors
/// As the module says.
pub(crate) async fn run(
    clients: &Clients,
    settings: &Settings,
    input: DeleteApiInput,
) -> Result<RetireStepOutput, StepError> {
    let domain = input.domain_name.as_str();
    for id in &input.api_ids {
        if !is_there(clients, settings, domain, id).await? {
            continue;
        }
        for function in functions(clients, id).await? {
            remove_permissions(clients, &function, id).await?;
        }
        delete(clients, id).await?;
    }
    Ok(RetireStepOutput::default())
}

/// Whether the API exists; it must be ours.
async fn is_there(clients: &Clients, settings: &Settings, domain: &str, id: &str) -> Result<bool, StepError> {
    let Some(api) = observe::apigateway::api(&clients.api_gateway, id).await? else { return Ok(false) };
    let pairs = api.tags.iter().map(|(key, value)| (key.as_str(), value.as_str()));
    if tags::ours(pairs, domain, &settings.stack) {
        return Ok(true);
    }
    Err(StepError::refused(
        "ApiNotOurs",
        format!(
            "the API {id} does not carry the tags `{}` = `{domain}` and `{}` = `{}` any more",
            tags::DOMAIN,
            tags::STACK,
            settings.stack
        ),
        "start the execution again: it leaves the API alone",
    ))
}

/// The Lambda functions that the API's integrations and authorizers call.
async fn functions(clients: &Clients, id: &str) -> Result<BTreeSet<String>, StepError> {
    let client = &clients.api_gateway;
    let standing = Standing {
        integrations: observe::apigateway::integrations(client, id).await?.unwrap_or_default(),
        authorizers: observe::apigateway::authorizers(client, id).await?.unwrap_or_default(),
        ..Standing::default()
    };
    Ok(standing.functions().into_iter().map(str::to_owned).collect())
}

async fn remove_permissions(clients: &Clients, function: &str, api_id: &str) -> Result<(), StepError> {
    let policy = observe::lambda::policy(&clients.lambda, function).await?.unwrap_or_default();
    for sid in statements_for(&policy, api_id) {
        match clients.lambda.remove_permission().function_name(function).statement_id(&sid).send().await {
            Ok(_) => tracing::info!(function, sid, "removed a permission"),
            Err(error) if code_of(&error) == Some("ResourceNotFoundException") => {}
            Err(error) => return Err(classify("lambda:RemovePermission", &error)),
        }
    }
    Ok(())
}

async fn delete(clients: &Clients, id: &str) -> Result<(), StepError> {
    match clients.api_gateway.delete_api().api_id(id).customize().config_override(once()).send().await {
        Ok(_) => tracing::info!(api_id = id, "deleted the API {id}"),
        Err(error) if code_of(&error) == Some("NotFoundException") => {}
        Err(error) => return Err(classify("apigatewayv2:DeleteApi", &error)),
    }
    Ok(())
}

/// No repetition by the SDK: IAM denies a second deletion of what has lost its tags by the first.
fn once() -> aws_sdk_apigatewayv2::config::Builder {
    aws_sdk_apigatewayv2::Config::builder().retry_config(RetryConfig::disabled())
}

#[cfg(test)]
mod tests;
