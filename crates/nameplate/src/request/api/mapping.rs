//! How a route changes a request on its way to an HTTP target: headers and path.
//! Owns which headers may be changed and what a value may say (AWS-FACTS 4.1.9). It must not know the other fields.

use std::collections::BTreeSet;

use super::{Protocol, Route, is_header_name};
use crate::error::StepError;

/// Longest value of a mapping, in characters (`StringWithLengthBetween1And512` in API Gateway's model).
const MAX_VALUE_LENGTH: usize = 512;
/// Headers that API Gateway maps for nobody, in lower case (AWS-FACTS 4.1.9).
const RESERVED: [&str; 13] = [
    "authorization",
    "connection",
    "content-encoding",
    "content-length",
    "content-location",
    "forwarded",
    "keep-alive",
    "origin",
    "te",
    "trailers",
    "transfer-encoding",
    "upgrade",
    "via",
];
/// Beginnings of further reserved headers.
const RESERVED_FAMILIES: [&str; 6] = ["access-control-", "apigw-", "proxy-", "x-amz-", "x-amzn-", "x-forwarded-"];
/// What a variable may read, without its `$`.
const SOURCES: [&str; 6] =
    ["request.header.", "request.querystring.", "request.body.", "request.path.", "context.", "stageVariables."];

/// Refuses a mapping that API Gateway would refuse or silently leave out.
pub(super) fn check(field: &str, protocol: Protocol, route: &Route) -> Result<(), StepError> {
    if route.url.is_none() && (route.path.is_some() || !route.headers.is_empty()) {
        return Err(StepError::invalid(
            field,
            "`headers` and `path` change what an HTTP target gets, and this route has none",
            "leave them out; a Lambda function sees the request as it came",
        ));
    }
    let mut names = BTreeSet::new();
    for (name, value) in &route.headers {
        let field = format!("{field}.headers.{name}");
        if !is_header_name(name) || name == "*" {
            return Err(StepError::invalid(
                &field,
                format!("`{name}` is no name of a header"),
                "give a name such as `x-tenant`",
            ));
        }
        let lower = name.to_ascii_lowercase();
        if RESERVED.contains(&lower.as_str()) || RESERVED_FAMILIES.iter().any(|family| lower.starts_with(family)) {
            return Err(StepError::invalid(
                &field,
                format!("API Gateway reserves `{name}` and maps it for nobody"),
                "use another header, such as `x-upstream-key`, which the target then has to read",
            ));
        }
        if !names.insert(lower) {
            return Err(StepError::invalid(
                &field,
                format!("`{name}` stands twice, in other letter case"),
                "keep one of the two",
            ));
        }
        match (value, protocol) {
            (Some(value), Protocol::Http) => check_value(&field, value)?,
            (Some(value), Protocol::WebSocket) => {
                check_value(&field, value)?;
                check_message_value(&field, route.route.as_str(), value)?;
            }
            (None, Protocol::WebSocket) => {
                return Err(StepError::invalid(
                    &field,
                    "a message brings no headers that could be taken away",
                    "leave it out, or give it a text",
                ));
            }
            (None, Protocol::Http) => {}
        }
    }
    let Some(path) = &route.path else { return Ok(()) };
    let field = format!("{field}.path");
    if !path.starts_with('/') && !path.starts_with('$') {
        return Err(StepError::invalid(
            &field,
            format!("`{path}` is no path"),
            "begin it with `/` or a variable, such as `/v1/${request.path.id}`",
        ));
    }
    check_value(&field, path)
}

/// A value is text, one variable, or text with variables in braces.
fn check_value(field: &str, value: &str) -> Result<(), StepError> {
    let length = value.chars().count();
    if !(1..=MAX_VALUE_LENGTH).contains(&length) {
        return Err(StepError::invalid(
            field,
            format!("it has {length} characters, not 1 to {MAX_VALUE_LENGTH}"),
            "shorten it, or give `null` to take the header away",
        ));
    }
    if let Some(bad) = value.chars().find(|c| !c.is_ascii_graphic() && *c != ' ') {
        return Err(StepError::invalid(field, format!("it contains {bad:?}"), "use printable ASCII characters"));
    }
    let wrong = |variable: &str| {
        Err(StepError::invalid(
            field,
            format!("`{variable}` is no variable of API Gateway"),
            "write `$request.header.<name>`, `$request.querystring.<name>`, `$request.path.<name>`, `$request.path`, \
             `$context.<name>` or `$stageVariables.<name>`, and within other text `${request.path.<name>}`",
        ))
    };
    // A variable without braces goes on to the end of the value: nothing says where else it would end.
    if let Some(variable) = value.strip_prefix('$').filter(|rest| !rest.starts_with('{')) {
        return if is_variable(variable) { Ok(()) } else { wrong(value) };
    }
    let mut rest = value;
    while let Some((_, from)) = rest.split_once('$') {
        let Some((variable, after)) = from.strip_prefix('{').and_then(|inner| inner.split_once('}')) else {
            return wrong(&format!("${from}"));
        };
        if !is_variable(variable) {
            return wrong(&format!("${{{variable}}}"));
        }
        rest = after;
    }
    Ok(())
}

/// What a WebSocket API can set: a text, or one variable as a whole, and what belongs to the request that connects
/// only where it is there (Developer Guide, "Set up data mapping for WebSocket APIs").
fn check_message_value(field: &str, key: &str, value: &str) -> Result<(), StepError> {
    let wrong = |problem: String, remedy: &str| Err(StepError::invalid(field, problem, remedy));
    if value.contains("${") || value.contains('\'') {
        return wrong(
            format!("`{value}` holds a variable within text, or a quote, which a WebSocket API cannot set"),
            "give a text without `'`, or one variable alone, such as `$context.connectionId`",
        );
    }
    if value.starts_with("$request.path") {
        return wrong("a message has no path".to_owned(), "read a part of the message: `$request.body.<name>`");
    }
    let of_the_handshake = ["$request.header.", "$request.querystring."].iter().any(|start| value.starts_with(start));
    if of_the_handshake && key != "$connect" {
        return wrong(
            format!("`{value}` is there only when somebody connects, on the route `$connect`"),
            "read a part of the message, `$request.body.<name>`, or `$context.connectionId`",
        );
    }
    Ok(())
}

/// Whether `text` is a variable, without `$` and braces.
fn is_variable(text: &str) -> bool {
    let is_name = |name: &str| !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || "._-".contains(c));
    text == "request.path" || SOURCES.iter().any(|source| text.strip_prefix(source).is_some_and(is_name))
}

#[cfg(test)]
mod tests;
