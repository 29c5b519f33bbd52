//! What Lambda functions permit the API: a statement in a function's policy for each route that calls it and each
//! authorizer that asks it. Added before the route that needs it, removed after the last one that did.
//!
//! Only the function knows its statements, and only the API its functions. So an integration or authorizer is made
//! before a statement for it and deleted after, and while statements come or go the API carries the tag
//! [`tags::PERMISSIONS`]: a run that finds it there looks at every function that the API knows. It must not know how
//! routes are compared.

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_lambda::error::ProvideErrorMetadata;
use nameplate::error::{classify, code_of};
use nameplate::resource::api::{Access, RouteChanges, STATEMENT_PREFIX, Target, stage, statements_for};
use nameplate::resource::tags;
use nameplate::{StepError, token};

use crate::step::{Changes, Found, Parts, Settings, Step};

/// What has to happen to statements.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Permissions {
    /// The API says that an earlier run did not come to its end.
    unsettled: bool,
    /// Some are added, or may have to go.
    touched: bool,
    /// Functions that may have some that nothing needs.
    stale: BTreeSet<String>,
    /// Such a function was called, or asked, until this very run.
    in_use: bool,
}

impl Permissions {
    pub(crate) fn of(api: &Found, parts: &Parts, routes: &RouteChanges, unused_integrations: &[String]) -> Self {
        let unsettled = api.tags.get(tags::PERMISSIONS).is_some_and(|state| state == tags::CHANGING);
        let called = |id: &String| {
            let integration = parts.integrations.iter().find(|one| one.id == *id)?;
            integration.target.as_ref()?.function().map(str::to_owned)
        };
        let asked = |id: &String| {
            let authorizer = parts.authorizers.iter().find(|one| one.id == *id)?;
            authorizer.spec.as_ref()?.function().map(str::to_owned)
        };
        let unasked: BTreeSet<String> = routes.authorizers.remove.iter().filter_map(asked).collect();
        let moved = !routes.retarget.is_empty() || !routes.remove.is_empty();
        let in_use = !routes.lost.is_empty() || (moved && !unasked.is_empty());
        let mut stale = &routes.lost | &unasked;
        stale.extend(unused_integrations.iter().filter_map(called));
        if unsettled {
            stale.extend(parts.integrations.iter().filter_map(|one| called(&one.id)));
            stale.extend(parts.authorizers.iter().filter_map(|one| asked(&one.id)));
        }
        let targets = routes.create.iter().map(|(_, target)| target);
        let mut targets = targets.chain(routes.retarget.iter().map(|(_, _, target)| target));
        let adds = targets.any(|target| target.function().is_some()) || routes.access.values().any(asks_function);
        Self { unsettled, touched: unsettled || adds || !stale.is_empty(), stale, in_use }
    }
}

fn asks_function(access: &Access) -> bool {
    matches!(access, Access::By { authorizer, .. } if authorizer.function().is_some())
}

/// What API Gateway calls a function on behalf of: the stage and the route, of an HTTP API method and path with `*`
/// for `ANY` and path variables (AWS-FACTS 4.1.10; of a WebSocket API its key: Developer Guide, "Control access with
/// IAM authorization").
fn source_arn(settings: &Settings, api_id: &str, stage: &str, route_key: &str) -> String {
    let scope = match route_key.split_once(' ') {
        None => route_key.to_owned(),
        Some((method, path)) => {
            let method = if method == "ANY" { "*" } else { method };
            let segments = path.split('/').map(|segment| if segment.starts_with('{') { "*" } else { segment });
            format!("{method}{}", segments.collect::<Vec<_>>().join("/"))
        }
    };
    let Settings { partition, region, account, .. } = settings;
    format!("arn:{partition}:execute-api:{region}:{account}:{api_id}/{stage}/{scope}")
}

/// The statement in a function's policy for one route: the same for every attempt.
pub(crate) fn statement_id(api_id: &str, route_key: &str, function: &str) -> String {
    format!("{STATEMENT_PREFIX}{}", token::token(api_id, &format!("{function} {route_key}")))
}

/// What stands for an authorizer where a statement's id names a route.
pub(crate) fn authorizer_key(id: &str) -> String {
    format!("authorizer {id}")
}

impl Step<'_> {
    /// Whether a route calls a function, or who may call it is asked of one.
    pub(crate) fn asks_functions(&self) -> bool {
        let api = &self.request.api;
        api.routes.iter().any(|route| route.lambda.is_some() || asks_function(&Access::of(self.request, route)))
    }

    /// Says on the API that statements are about to change.
    pub(crate) async fn begin_permissions(&self, api_id: &str, permissions: &Permissions) -> Result<(), StepError> {
        if !permissions.touched || permissions.unsettled {
            return Ok(());
        }
        self.write_tags(api_id, "", &BTreeMap::from([(tags::PERMISSIONS, tags::CHANGING)])).await
    }

    /// Says on the API that they are as the routes need them.
    pub(crate) async fn end_permissions(&self, api_id: &str, permissions: &Permissions) -> Result<(), StepError> {
        if !permissions.touched {
            return Ok(());
        }
        self.write_tags(api_id, "", &BTreeMap::from([(tags::PERMISSIONS, tags::SETTLED)])).await
    }

    /// Lets a route call the function (AWS-FACTS 4.1.10: without it clients get 500).
    pub(crate) async fn permit_route(&self, function: &str, route_key: &str, api_id: &str) -> Result<(), StepError> {
        let source = source_arn(self.settings, api_id, stage(self.request.api.protocol()), route_key);
        self.permit(function, route_key, api_id, source, &format!("the route `{route_key}`")).await
    }

    /// Lets an authorizer ask the function.
    pub(crate) async fn permit_authorizer(&self, function: &str, id: &str, api_id: &str) -> Result<(), StepError> {
        let Settings { partition, region, account, .. } = self.settings;
        let source = format!("arn:{partition}:execute-api:{region}:{account}:{api_id}/authorizers/{id}");
        self.permit(function, &authorizer_key(id), api_id, source, "an authorizer").await
    }

    /// `key` tells what shall call the function from what else of this API does.
    async fn permit(
        &self,
        function: &str,
        key: &str,
        api_id: &str,
        source: String,
        what: &str,
    ) -> Result<(), StepError> {
        let answer = self
            .clients
            .lambda
            .add_permission()
            .function_name(function)
            .statement_id(statement_id(api_id, key, function))
            .action("lambda:InvokeFunction")
            .principal("apigateway.amazonaws.com")
            .source_arn(source)
            .send()
            .await;
        let Err(error) = answer else { return Ok(()) };
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

    /// Takes away the statements that nothing needs. What is deployed by itself is so within moments, and still calls
    /// the function until then: so one that has just lost a route keeps its statement for another attempt.
    pub(crate) async fn remove_permissions(
        &self,
        api_id: &str,
        changes: &Changes<'_>,
        authorizers: &BTreeMap<String, String>,
    ) -> Result<(), StepError> {
        let Permissions { stale, in_use, .. } = &changes.permissions;
        if *in_use {
            return Err(StepError::not_ready(
                "RoutesSettle",
                format!("routes of the API {api_id} have just been led elsewhere; who was called is forbidden next"),
            ));
        }
        for function in stale {
            self.remove_statements(api_id, function, &self.needed(api_id, function, authorizers)).await?;
        }
        Ok(())
    }

    /// Ids of the statements that the wanted routes and their authorizers need of a function.
    fn needed(&self, api_id: &str, function: &str, authorizers: &BTreeMap<String, String>) -> BTreeSet<String> {
        let protocol = self.request.api.protocol();
        let mut needed = BTreeSet::new();
        for route in &self.request.api.routes {
            if Target::of(protocol, route).as_ref().and_then(Target::function) == Some(function) {
                needed.insert(statement_id(api_id, route.route.as_str(), function));
            }
            if let Access::By { authorizer, .. } = Access::of(self.request, route)
                && authorizer.function() == Some(function)
                && let Some(id) = authorizers.get(&authorizer.name())
            {
                needed.insert(statement_id(api_id, &authorizer_key(id), function));
            }
        }
        needed
    }

    async fn remove_statements(
        &self,
        api_id: &str,
        function: &str,
        needed: &BTreeSet<String>,
    ) -> Result<(), StepError> {
        let lambda = &self.clients.lambda;
        let policy = match lambda.get_policy().function_name(function).send().await {
            Ok(answer) => answer.policy.unwrap_or_default(),
            // No function, or no statement at all.
            Err(error) if code_of(&error) == Some("ResourceNotFoundException") => return Ok(()),
            Err(error) => return Err(classify("lambda:GetPolicy", &error)),
        };
        for sid in statements_for(&policy, api_id).into_iter().filter(|sid| !needed.contains(sid)) {
            match lambda.remove_permission().function_name(function).statement_id(&sid).send().await {
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
