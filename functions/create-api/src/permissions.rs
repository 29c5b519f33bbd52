//! What Lambda functions permit the API: a statement in a function's policy for each route that calls it and each
//! authorizer that asks it. Added before the route that needs it, removed after the last one that did. It must not know
//! which are needed: that is given to it.

use std::collections::BTreeMap;

use aws_sdk_lambda::error::ProvideErrorMetadata;
use nameplate::StepError;
use nameplate::error::{classify, code_of};
use nameplate::resource::api::{Authority, Changes, PermissionAttribute, Standing, left_over, stage, statement_id};

use crate::context::Step;

/// What API Gateway calls a function on behalf of, below the API: the stage and the route, of an HTTP API method and
/// path with `*` for `ANY` and for path variables (AWS-FACTS 4.1.10; of a WebSocket API its key: Developer Guide, "Control
/// access with IAM authorization"), or the authorizer.
fn source(stage: &str, authority: Authority<'_>) -> String {
    let route_key = match authority {
        Authority::Authorizer(id) => return format!("authorizers/{id}"),
        Authority::Route(key) => key,
    };
    let scope = match route_key.split_once(' ') {
        None => route_key.to_owned(),
        Some((method, path)) => {
            let method = if method == "ANY" { "*" } else { method };
            let segments = path.split('/').map(|segment| if segment.starts_with('{') { "*" } else { segment });
            format!("{method}{}", segments.collect::<Vec<_>>().join("/"))
        }
    };
    format!("{stage}/{scope}")
}

impl Step<'_> {
    /// Lets a route call the function, or an authorizer ask it (AWS-FACTS 4.1.10: without it clients get 500).
    pub(crate) async fn permit(&self, function: &str, authority: Authority<'_>, api_id: &str) -> Result<(), StepError> {
        let below = source(stage(self.request.api.protocol()), authority);
        let answer = self
            .clients
            .lambda
            .add_permission()
            .function_name(function)
            .statement_id(statement_id(api_id, authority, function))
            .action("lambda:InvokeFunction")
            .principal("apigateway.amazonaws.com")
            .source_arn(self.settings.source_arn(api_id, &below))
            .send()
            .await;
        let Err(error) = answer else { return Ok(()) };
        let what = match authority {
            Authority::Route(key) => format!("the route `{key}`"),
            Authority::Authorizer(_) => "an authorizer".to_owned(),
        };
        match code_of(&error) {
            // The id is a hash of all that the statement says, so the one that is there says the same.
            Some("ResourceConflictException") => {
                let text = error.as_service_error().and_then(ProvideErrorMetadata::message).unwrap_or_default();
                if text.contains("in progress") {
                    return Err(being_updated(function));
                }
                Ok(())
            }
            Some("ResourceNotFoundException") => Err(StepError::failed(
                "FunctionNotFound",
                format!("{what} calls {function}, which does not exist"),
                "create the function or correct its ARN in the request, then start the execution again",
            )),
            Some("PolicyLengthExceededException") => Err(StepError::failed(
                "PolicyLengthExceededException",
                format!("the policy of {function} is too long for one more statement, for {what}"),
                "join routes of this function with a greedy path such as `ANY /{proxy+}`, or remove old statements from its policy",
            )),
            _ => Err(classify("lambda:AddPermission", &error)),
        }
    }

    /// Gives back what somebody has taken away from routes and authorizers that are as wanted. `authorizers` are ids by
    /// name.
    pub(crate) async fn restore_permissions(
        &self,
        standing: &Standing,
        changes: &Changes,
        authorizers: &BTreeMap<String, String>,
    ) -> Result<(), StepError> {
        for difference in &changes.permissions {
            let (Some(key), Some(function)) = (&difference.key, difference.after.as_str()) else { continue };
            let authority = match difference.attribute {
                PermissionAttribute::Route => Authority::Route(key),
                PermissionAttribute::Authorizer => match authorizers.get(key) {
                    Some(id) => Authority::Authorizer(id),
                    None => continue,
                },
                // It goes last.
                PermissionAttribute::LeftOver => continue,
            };
            self.permit(function, authority, &standing.api.id).await?;
        }
        Ok(())
    }

    /// Takes away the statements that nothing needs.
    pub(crate) async fn remove_permissions(&self, standing: &Standing) -> Result<(), StepError> {
        for (function, sid) in left_over(standing, self.request) {
            match self.clients.lambda.remove_permission().function_name(function).statement_id(sid).send().await {
                Ok(_) => tracing::info!(function, sid, "removed a permission"),
                Err(error) => match code_of(&error) {
                    Some("ResourceNotFoundException") => {}
                    Some("ResourceConflictException") => return Err(being_updated(function)),
                    _ => return Err(classify("lambda:RemovePermission", &error)),
                },
            }
        }
        Ok(())
    }
}

fn being_updated(function: &str) -> StepError {
    StepError::retryable("ResourceConflictException", format!("the function {function} is being updated"))
}

#[cfg(test)]
mod tests;
