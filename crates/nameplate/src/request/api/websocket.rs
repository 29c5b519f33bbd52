//! What is otherwise in a WebSocket API: its routes' keys, what chooses among them, and what such an API does not
//! have. Sources: AWS-FACTS 4.1.3, 4.2.1; the Developer Guide's pages "WebSocket selection expressions" and
//! "Set up data mapping for WebSocket APIs". It must not know an HTTP API's routes.

use super::{Api, Authorizer, Protocol, Route, RouteKey};
use crate::error::StepError;

/// What chooses among routes where the request does not say.
pub const SELECTION_EXPRESSION: &str = "$request.body.action";
/// Where a message's part begins in an expression.
const BODY: &str = "$request.body.";
/// Longest expression, in characters: ample, since API Gateway names no limit.
const MAX_EXPRESSION_LENGTH: usize = 256;
/// Longest key of a route, in characters: ample, since API Gateway names no limit.
const MAX_KEY_LENGTH: usize = 128;
/// The routes that no message names. Who may call is asked on the first.
const CONNECT: &str = "$connect";
const RESERVED: [&str; 3] = [CONNECT, "$disconnect", "$default"];

impl RouteKey {
    /// Whether a WebSocket API takes the key; else why not. The characters are those that stand for themselves in the
    /// ARN by which a function is permitted to be called.
    pub(super) fn check_websocket(&self) -> Result<(), String> {
        let text = self.as_str();
        let fits = (1..=MAX_KEY_LENGTH).contains(&text.len())
            && text.chars().all(|c| c.is_ascii_alphanumeric() || "._:/-".contains(c));
        if fits || RESERVED.contains(&text) {
            return Ok(());
        }
        Err(format!(
            "a WebSocket API has no route `{text}`; write `$connect`, `$disconnect`, `$default`, or what a message \
             names, such as `ask`: at most {MAX_KEY_LENGTH} letters, digits and `.`, `_`, `:`, `/`, `-`"
        ))
    }
}

/// Refuses what a WebSocket API does not have, and in an HTTP API what only a WebSocket API has.
pub(super) fn check(api: &Api) -> Result<(), StepError> {
    if api.protocol() == Protocol::Http {
        return match &api.route_selection_expression {
            Some(_) => Err(StepError::invalid(
                "api.routeSelectionExpression",
                "an HTTP API chooses its routes by method and path",
                "leave the field out, or set `api.protocol` to `WEBSOCKET`",
            )),
            None => Ok(()),
        };
    }
    if let Some(expression) = &api.route_selection_expression {
        check_expression(expression)?;
    }
    if api.cors.is_some() {
        return Err(StepError::invalid(
            "api.cors",
            "a WebSocket API has no cross-origin rules: browsers ask for none before they connect",
            "leave the field out; the route `$connect`, or its authorizer, can look at the header `Origin`",
        ));
    }
    if api.authorizer.is_some() {
        return Err(StepError::invalid(
            "api.authorizer",
            "a WebSocket API asks who somebody is when they connect, and never again",
            "put the authorizer on the route `$connect`",
        ));
    }
    api.routes.iter().enumerate().try_for_each(|(index, route)| check_route(&format!("api.routes[{index}]"), route))
}

fn check_route(field: &str, route: &Route) -> Result<(), StepError> {
    let refuse = |name: &str, problem: &str, remedy: &str| {
        Err(StepError::invalid(&format!("{field}.{name}"), problem.to_owned(), remedy))
    };
    if route.path.is_some() {
        return refuse("path", "a message has no path", "leave the field out; put the path into `url`");
    }
    if !route.scopes.is_empty() {
        return refuse(
            "scopes",
            "scopes are read from a token, and WebSocket APIs have no authorizer that reads one",
            "leave the field out; let the function that authorizes `$connect` look at the scopes",
        );
    }
    match &route.authorizer {
        Some(_) if route.route.as_str() != CONNECT => refuse(
            "authorizer",
            "a WebSocket API asks who somebody is when they connect, and never again",
            "put the authorizer on the route `$connect`",
        ),
        Some(Authorizer::Jwt(_)) => refuse(
            "authorizer.jwt",
            "WebSocket APIs have no authorizer that reads tokens",
            "use `{\"lambda\": …}` with a function that checks the token, or `\"IAM\"`",
        ),
        Some(Authorizer::Lambda(lambda)) if lambda.ttl != 0 => refuse(
            "authorizer.lambda.ttl",
            "a WebSocket API keeps no answer of its authorizer, which is asked once for each connection",
            "leave the field out",
        ),
        _ => Ok(()),
    }
}

fn check_expression(text: &str) -> Result<(), StepError> {
    let is_name = |name: &str| !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || "_-".contains(c));
    let fits = text.strip_prefix(BODY).is_some_and(|path| path.split('.').all(is_name));
    if fits && text.len() <= MAX_EXPRESSION_LENGTH {
        return Ok(());
    }
    Err(StepError::invalid(
        "api.routeSelectionExpression",
        format!("`{text}` does not say where a message names its route"),
        format!(
            "write `{BODY}` and where the name stands in the message's JSON, such as `{SELECTION_EXPRESSION}`, in at \
             most {MAX_EXPRESSION_LENGTH} characters"
        ),
    ))
}

/// Fills in the defaults. An authorizer of a WebSocket API always answers with a policy (`EnableSimpleResponses` in
/// API Gateway's model is for HTTP APIs alone).
pub(super) fn fill_in(api: &mut Api) {
    api.route_selection_expression.get_or_insert_with(|| SELECTION_EXPRESSION.to_owned());
    for route in &mut api.routes {
        if let Some(Authorizer::Lambda(lambda)) = &mut route.authorizer {
            lambda.simple_responses = false;
        }
    }
}

#[cfg(test)]
mod tests;
