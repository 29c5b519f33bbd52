//! What tells that a deployment of a WebSocket API holds just the routes that are there.

use serde_json::json;

use super::{ObservedAuthorizer, ObservedIntegration, ObservedRoute, Target};
use crate::request::Request;
use crate::token;

/// What begins the description of a deployment of ours.
const PREFIX: &str = "Made by Nameplate, of ";
/// What ends it where the default endpoint is closed.
const CLOSED: &str = ", default endpoint closed";

/// `Description` of a deployment: another one for each set of routes, with their integrations and authorizers, ids
/// included, so that a deployment that has it holds what it says and calls what still exists. Nothing deploys by itself
/// in a WebSocket API, and "anything other than stage settings" is in a deployment (Developer Guide, "Deploy WebSocket
/// APIs"), also whether the default endpoint is closed ("Disable the default endpoint for WebSocket APIs").
pub fn deployment_mark(
    request: &Request,
    closed: bool,
    routes: &[ObservedRoute],
    integrations: &[ObservedIntegration],
    authorizers: &[ObservedAuthorizer],
) -> String {
    let mut held: Vec<String> = routes
        .iter()
        .map(|route| {
            let integration = integrations.iter().find(|one| route.integration_id.as_ref() == Some(&one.id));
            let target = integration.and_then(|one| one.target.as_ref());
            let (uri, mapping) = match target {
                Some(Target::Url { uri, mapping }) => (Some(uri), Some(mapping)),
                Some(Target::Lambda(function)) => (Some(function), None),
                None => (None, None),
            };
            // An id that a route keeps while nobody is asked means nothing.
            let authorizer = authorizers
                .iter()
                .find(|one| route.access.authorizer_id.as_ref() == Some(&one.id))
                .filter(|_| route.access.kind.as_deref() == Some("CUSTOM"));
            json!([
                route.key,
                route.id,
                route.integration_id,
                uri,
                mapping,
                route.access.kind.as_deref().unwrap_or("NONE"),
                authorizer.map(|one| [&one.id, &one.name]),
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

#[cfg(test)]
mod tests;
