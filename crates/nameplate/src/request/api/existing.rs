//! An API that exists already and is only put behind the name. It must not know whether it does exist: `plan` looks.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Api, DefaultEndpoint};
use crate::error::StepError;

/// Longest id, in characters; AWS's own have ten.
const MAX_ID_LENGTH: usize = 64;
/// Longest name of a stage, in characters (`StringWithLengthBetween1And128` in API Gateway's model).
const MAX_STAGE_LENGTH: usize = 128;

/// An HTTP or WebSocket API of this account and region.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ExistingApi {
    /// Its id in API Gateway, such as `a1b2c3d4e5`.
    #[schemars(length(min = 1, max = 64))]
    pub api_id: String,
    /// The stage that answers, such as `$default`.
    #[schemars(length(min = 1, max = 128))]
    pub stage: String,
}

/// Refuses an id or a stage that cannot be one, and everything that would change the API.
pub(super) fn check(existing: &ExistingApi, api: &Api) -> Result<(), StepError> {
    let id = &existing.api_id;
    let fits = |text: &str, length: usize, more: &str| {
        (1..=length).contains(&text.len()) && text.chars().all(|c| c.is_ascii_alphanumeric() || more.contains(c))
    };
    if !fits(id, MAX_ID_LENGTH, "") {
        return Err(StepError::invalid(
            "api.existing.apiId",
            format!("`{id}` is no id of an API"),
            "give the id as `aws apigatewayv2 get-apis` shows it, such as `a1b2c3d4e5`",
        ));
    }
    let stage = &existing.stage;
    if stage != "$default" && !fits(stage, MAX_STAGE_LENGTH, "-_") {
        return Err(StepError::invalid(
            "api.existing.stage",
            format!("`{stage}` is no name of a stage"),
            "give the name as `aws apigatewayv2 get-stages` shows it, such as `$default`",
        ));
    }
    let given = [
        ("routes", !api.routes.is_empty()),
        ("protocol", api.protocol.is_some()),
        ("routeSelectionExpression", api.route_selection_expression.is_some()),
        ("allowHttp", api.allow_http),
        ("authorizer", api.authorizer.is_some()),
        ("cors", api.cors.is_some()),
        ("throttle", api.throttle.is_some()),
        ("accessLog", api.access_log.is_some()),
        ("defaultEndpoint", api.default_endpoint == DefaultEndpoint::Closed),
    ];
    match given.into_iter().find(|(_, given)| *given) {
        Some((field, _)) => Err(StepError::invalid(
            &format!("api.{field}"),
            "an `existing` API is put behind the name as it is, and this would change it",
            format!("leave `{field}` out, or leave `existing` out and describe the API by `routes`"),
        )),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests;
