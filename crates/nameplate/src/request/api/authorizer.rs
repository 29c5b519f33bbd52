//! Who may call an API or a route (AWS-FACTS 4.2.1). It must not know targets.

use std::collections::BTreeSet;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Api, LambdaArn, Route};
use crate::error::StepError;

/// Different authorizers of one API. API Gateway allows 10 (AWS-FACTS 4.5.5); half of them, so that a change can make
/// the new ones before it deletes the old ones, and no route is open in between.
const MAX_AUTHORIZERS: usize = 5;
/// Identity sources of a Lambda authorizer, and scopes of a route.
const MAX_LIST: usize = 10;

/// Who may call.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
pub enum Authorizer {
    /// Everybody.
    #[serde(rename = "NONE")]
    Open,
    /// Whoever signs with AWS credentials that may `execute-api:Invoke`.
    #[serde(rename = "IAM")]
    Iam,
    /// Whoever has a token of an issuer.
    #[serde(rename = "jwt")]
    Jwt(JwtAuthorizer),
    /// Whom a function lets through.
    #[serde(rename = "lambda")]
    Lambda(LambdaAuthorizer),
}

/// Tokens that API Gateway checks by itself: signed with RSA, by keys that the issuer publishes.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct JwtAuthorizer {
    /// The issuer, as tokens name it in `iss`: an `https://` URL.
    pub issuer: String,
    /// Audiences, of which a token must name one in `aud` or `client_id`.
    #[schemars(length(min = 1, max = 50))]
    pub audience: Vec<String>,
    /// Where requests carry the token.
    #[serde(default = "authorization")]
    pub identity_source: String,
}

/// A function that is asked about requests (payload 2.0), or about who connects to a WebSocket API.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct LambdaAuthorizer {
    /// ARN of the function, in the region of the API.
    pub function: LambdaArn,
    /// What a request must carry for the function to be asked; answers are kept for each combination.
    #[serde(default = "authorizations")]
    #[schemars(length(min = 1, max = 10))]
    pub identity_sources: Vec<String>,
    /// Seconds for which an answer is kept, 0 to 3600. In a WebSocket API 0.
    #[serde(default)]
    #[schemars(range(min = 0, max = 3600))]
    pub ttl: i32,
    /// Whether the function answers `{"isAuthorized": true}`; else it answers with an IAM policy, as it always does for a
    /// WebSocket API.
    #[serde(default = "yes")]
    pub simple_responses: bool,
}

fn authorization() -> String {
    "$request.header.Authorization".to_owned()
}

fn authorizations() -> Vec<String> {
    vec![authorization()]
}

fn yes() -> bool {
    true
}

impl Api {
    /// Who may call a route of this API.
    pub fn authorizer_of<'a>(&'a self, route: &'a Route) -> &'a Authorizer {
        route.authorizer.as_ref().or(self.authorizer.as_ref()).unwrap_or(&Authorizer::Open)
    }
}

/// Refuses what API Gateway would not take.
pub(super) fn check(api: &Api) -> Result<(), StepError> {
    if let Some(authorizer) = &api.authorizer {
        check_one("api.authorizer", authorizer)?;
    }
    let mut different = BTreeSet::new();
    for (index, route) in api.routes.iter().enumerate() {
        let field = format!("api.routes[{index}]");
        if let Some(authorizer) = &route.authorizer {
            check_one(&format!("{field}.authorizer"), authorizer)?;
        }
        let authorizer = api.authorizer_of(route);
        if matches!(authorizer, Authorizer::Jwt(_) | Authorizer::Lambda(_)) {
            different.insert(authorizer);
        }
        check_scopes(&format!("{field}.scopes"), &route.scopes, authorizer)?;
    }
    if different.len() > MAX_AUTHORIZERS {
        return Err(StepError::invalid(
            "api.routes",
            format!("they use {} different authorizers, more than {MAX_AUTHORIZERS}", different.len()),
            "let routes share an authorizer; scopes may differ from route to route",
        ));
    }
    check_preflight(api)
}

/// `$default` catches OPTIONS as well, so that browsers' preflight requests would have to be authorized
/// (AWS-FACTS 4.2.3).
fn check_preflight(api: &Api) -> Result<(), StepError> {
    let access = |key: &str| api.routes.iter().find(|route| route.route.as_str() == key).map(|r| api.authorizer_of(r));
    let closed = access("$default").is_some_and(|authorizer| *authorizer != Authorizer::Open);
    let answered = access("OPTIONS /{proxy+}").is_some_and(|authorizer| *authorizer == Authorizer::Open);
    if api.cors.is_some() && closed && !answered {
        return Err(StepError::invalid(
            "api.cors",
            "the route `$default` has an authorizer, which browsers' preflight requests would not pass",
            "add a route `OPTIONS /{proxy+}` with `\"authorizer\": \"NONE\"`, or name methods and paths instead of `$default`",
        ));
    }
    Ok(())
}

fn check_scopes(field: &str, scopes: &[String], authorizer: &Authorizer) -> Result<(), StepError> {
    if scopes.is_empty() {
        return Ok(());
    }
    if !matches!(authorizer, Authorizer::Jwt(_)) {
        return Err(StepError::invalid(
            field,
            "scopes are read from a token, and the route asks for none",
            "give the route, or the API, an authorizer `{\"jwt\": …}`, or leave `scopes` out",
        ));
    }
    if scopes.len() > MAX_LIST {
        return Err(StepError::invalid(
            field,
            format!("there are {} scopes, more than {MAX_LIST}", scopes.len()),
            "name fewer: a token needs one of them",
        ));
    }
    // RFC 6749, 3.3; API Gateway's model allows 1 to 64 characters.
    let fits = |scope: &String| {
        (1..=64).contains(&scope.len()) && scope.chars().all(|c| c.is_ascii_graphic() && c != '"' && c != '\\')
    };
    match scopes.iter().find(|scope| !fits(scope)) {
        Some(bad) => Err(StepError::invalid(field, format!("`{bad}` is no scope"), "give names such as `models/read`")),
        None => Ok(()),
    }
}

fn check_one(field: &str, authorizer: &Authorizer) -> Result<(), StepError> {
    match authorizer {
        Authorizer::Open | Authorizer::Iam => Ok(()),
        Authorizer::Jwt(jwt) => {
            let url = url::Url::parse(&jwt.issuer).ok();
            let fits = |url: &url::Url| {
                url.scheme() == "https"
                    && url.host_str().is_some_and(|host| !host.is_empty())
                    && url.username().is_empty()
                    && url.query().is_none()
                    && url.fragment().is_none()
                    && jwt.issuer.chars().all(|c| c.is_ascii_graphic())
            };
            if !url.as_ref().is_some_and(fits) {
                return Err(StepError::invalid(
                    &format!("{field}.jwt.issuer"),
                    format!("`{}` is no issuer", jwt.issuer),
                    "give the `https://` URL that tokens name in `iss`, without query and fragment",
                ));
            }
            let audience = &jwt.audience;
            if audience.is_empty() || audience.len() > 50 || audience.iter().any(String::is_empty) {
                return Err(StepError::invalid(
                    &format!("{field}.jwt.audience"),
                    "a token is accepted only for an audience, and there is none, an empty one, or more than 50",
                    "list what tokens name in `aud`, or in `client_id`",
                ));
            }
            check_source(&format!("{field}.jwt.identitySource"), &jwt.identity_source, &["header", "querystring"])
        }
        Authorizer::Lambda(lambda) => {
            let sources = &lambda.identity_sources;
            let field_of_sources = format!("{field}.lambda.identitySources");
            if sources.is_empty() || sources.len() > MAX_LIST {
                return Err(StepError::invalid(
                    &field_of_sources,
                    format!("there are {} sources, not 1 to {MAX_LIST}", sources.len()),
                    "name what tells callers apart, such as `$request.header.Authorization`",
                ));
            }
            for (index, source) in sources.iter().enumerate() {
                check_source(&format!("{field_of_sources}[{index}]"), source, &["header", "querystring"])?;
            }
            if !(0..=3_600).contains(&lambda.ttl) {
                return Err(StepError::invalid(
                    &format!("{field}.lambda.ttl"),
                    format!("{} is outside 0 to 3600", lambda.ttl),
                    "give the seconds of at most one hour, or 0 to have the function asked each time",
                ));
            }
            Ok(())
        }
    }
}

fn check_source(field: &str, source: &str, kinds: &[&str]) -> Result<(), StepError> {
    let is_name = |name: &str| !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || "._-".contains(c));
    let fits = kinds.iter().any(|kind| source.strip_prefix(&format!("$request.{kind}.")).is_some_and(is_name));
    if fits {
        return Ok(());
    }
    Err(StepError::invalid(
        field,
        format!("`{source}` is no place in a request"),
        "write `$request.header.<name>` or `$request.querystring.<name>`",
    ))
}

#[cfg(test)]
mod tests;
