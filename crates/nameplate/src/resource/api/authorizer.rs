//! Who may call each route: as the request wants it, against what API Gateway reports.

use std::collections::{BTreeMap, BTreeSet};

use crate::request::{Authorizer, Protocol, Request, Route};
use crate::token;

/// Payload format of what the Lambda authorizer of an HTTP API is asked. That of a WebSocket API has none
/// (`AuthorizerPayloadFormatVersion` in API Gateway's model).
const PAYLOAD: &str = "2.0";
/// What stands before the identity sources of a WebSocket API's authorizer, in place of a `$` (seen in
/// aws/aws-cdk#18307).
const OF_A_ROUTE: &str = "route.";

/// An authorizer that API Gateway keeps: all that makes it different from another.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum AuthorizerSpec {
    /// Type JWT.
    Jwt {
        /// `Issuer`.
        issuer: String,
        /// `Audience`.
        audience: BTreeSet<String>,
        /// The only one of `IdentitySource`.
        source: String,
    },
    /// Type REQUEST.
    Lambda {
        /// ARN of the function, out of `AuthorizerUri`.
        function: String,
        /// `IdentitySource`, in the spelling of the API's kind.
        sources: BTreeSet<String>,
        /// `AuthorizerResultTtlInSeconds`.
        ttl: i32,
        /// `EnableSimpleResponses`.
        simple: bool,
    },
}

impl AuthorizerSpec {
    fn of(protocol: Protocol, authorizer: &Authorizer) -> Option<Self> {
        let spelled = |source: &String| match (protocol, source.strip_prefix('$')) {
            (Protocol::WebSocket, Some(rest)) => format!("{OF_A_ROUTE}{rest}"),
            _ => source.clone(),
        };
        match authorizer {
            Authorizer::Open | Authorizer::Iam => None,
            Authorizer::Jwt(jwt) => Some(AuthorizerSpec::Jwt {
                issuer: jwt.issuer.clone(),
                audience: jwt.audience.iter().cloned().collect(),
                source: jwt.identity_source.clone(),
            }),
            Authorizer::Lambda(lambda) => Some(AuthorizerSpec::Lambda {
                function: lambda.function.as_str().to_owned(),
                sources: lambda.identity_sources.iter().map(spelled).collect(),
                ttl: lambda.ttl,
                simple: lambda.simple_responses,
            }),
        }
    }

    /// `AuthorizerPayloadFormatVersion`; nothing for a WebSocket API.
    pub fn payload(&self) -> Option<&'static str> {
        match self {
            AuthorizerSpec::Jwt { .. } => None,
            AuthorizerSpec::Lambda { sources, .. } => {
                sources.iter().all(|source| !source.starts_with(OF_A_ROUTE)).then_some(PAYLOAD)
            }
        }
    }

    /// The function that is asked, if it is one.
    pub fn function(&self) -> Option<&str> {
        match self {
            AuthorizerSpec::Jwt { .. } => None,
            AuthorizerSpec::Lambda { function, .. } => Some(function),
        }
    }

    /// Its name: another one for each content, so that a changed authorizer is a new one, which is there before the
    /// old one goes.
    pub fn name(&self) -> String {
        let join = |set: &BTreeSet<String>| set.iter().cloned().collect::<Vec<_>>().join("\n");
        let content = match self {
            AuthorizerSpec::Jwt { issuer, audience, source } => token::hex(&["jwt", issuer, &join(audience), source]),
            AuthorizerSpec::Lambda { function, sources, ttl, simple } => {
                token::hex(&["lambda", function, &join(sources), &ttl.to_string(), &simple.to_string()])
            }
        };
        format!("nameplate-{}", &content[..token::TOKEN_LENGTH])
    }
}

/// Who may call a route.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Access {
    /// Everybody.
    Open,
    /// Whoever signs.
    Iam,
    /// Whom an authorizer lets through.
    By {
        /// The authorizer.
        authorizer: AuthorizerSpec,
        /// `AuthorizationScopes`.
        scopes: BTreeSet<String>,
    },
}

impl Access {
    /// Who may call a route of the request.
    pub fn of(request: &Request, route: &Route) -> Self {
        let authorizer = request.api.authorizer_of(route);
        match AuthorizerSpec::of(request.api.protocol(), authorizer) {
            Some(authorizer) => Access::By { authorizer, scopes: route.scopes.iter().cloned().collect() },
            None if *authorizer == Authorizer::Iam => Access::Iam,
            None => Access::Open,
        }
    }

    /// `AuthorizationType`.
    pub fn kind(&self) -> &'static str {
        match self {
            Access::Open => "NONE",
            Access::Iam => "AWS_IAM",
            Access::By { authorizer: AuthorizerSpec::Jwt { .. }, .. } => "JWT",
            Access::By { authorizer: AuthorizerSpec::Lambda { .. }, .. } => "CUSTOM",
        }
    }
}

/// Who may call a route, as API Gateway reports it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ObservedAccess {
    /// `AuthorizationType`; absent is NONE.
    pub kind: Option<String>,
    /// `AuthorizerId`.
    pub authorizer_id: Option<String>,
    /// `AuthorizationScopes`.
    pub scopes: BTreeSet<String>,
}

impl ObservedAccess {
    /// Whether this is `wanted`. Authorizers are told by name: what they hold is compared by itself.
    pub(super) fn is(&self, wanted: &Access, authorizers: &[ObservedAuthorizer]) -> bool {
        if self.kind.as_deref().unwrap_or("NONE") != wanted.kind() {
            return false;
        }
        let Access::By { authorizer, scopes } = wanted else { return true };
        let used = authorizers.iter().find(|present| Some(&present.id) == self.authorizer_id.as_ref());
        used.is_some_and(|used| used.name == authorizer.name()) && self.scopes == *scopes
    }
}

/// An authorizer as API Gateway reports it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ObservedAuthorizer {
    /// `AuthorizerId`.
    pub id: String,
    /// `Name`.
    pub name: String,
    /// What it is; nothing when it is of a kind that Nameplate never makes.
    pub spec: Option<AuthorizerSpec>,
}

/// The fields of an authorizer that tell what it is, as API Gateway reports them.
#[derive(Clone, Debug, Default)]
pub struct AuthorizerFields<'a> {
    /// `AuthorizerType`.
    pub kind: Option<&'a str>,
    /// `IdentitySource`.
    pub sources: &'a [String],
    /// `JwtConfiguration.Issuer`.
    pub issuer: Option<&'a str>,
    /// `JwtConfiguration.Audience`.
    pub audience: &'a [String],
    /// `AuthorizerUri`.
    pub uri: Option<&'a str>,
    /// `AuthorizerPayloadFormatVersion`.
    pub payload: Option<&'a str>,
    /// `AuthorizerResultTtlInSeconds`.
    pub ttl: Option<i32>,
    /// `EnableSimpleResponses`.
    pub simple: Option<bool>,
}

impl AuthorizerFields<'_> {
    /// What the authorizer is, or nothing when it is of a kind that Nameplate never makes.
    pub fn spec(self) -> Option<AuthorizerSpec> {
        match (self.kind?, self.sources) {
            ("JWT", [source]) => Some(AuthorizerSpec::Jwt {
                issuer: self.issuer?.to_owned(),
                audience: self.audience.iter().cloned().collect(),
                source: source.clone(),
            }),
            ("REQUEST", sources) => {
                let spec = AuthorizerSpec::Lambda {
                    function: super::function_arn(self.uri?),
                    sources: sources.iter().cloned().collect(),
                    ttl: self.ttl.unwrap_or(0),
                    simple: self.simple.unwrap_or(false),
                };
                (spec.payload() == self.payload).then_some(spec)
            }
            _ => None,
        }
    }
}

/// What has to change so that every wanted authorizer is there, and no other.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AuthorizerChanges {
    /// To make.
    pub create: Vec<AuthorizerSpec>,
    /// To make what its name says, by id.
    pub update: Vec<(String, AuthorizerSpec)>,
    /// Ids that no wanted route uses. They go last.
    pub remove: Vec<String>,
    /// Ids of those that are there, by name.
    pub present: BTreeMap<String, String>,
}

impl AuthorizerChanges {
    /// Compares what the request's routes use with what is there.
    pub(super) fn of(request: &Request, present: &[ObservedAuthorizer]) -> Self {
        let routes = request.api.routes.iter();
        let wanted: BTreeSet<AuthorizerSpec> = routes
            .filter_map(|route| AuthorizerSpec::of(request.api.protocol(), request.api.authorizer_of(route)))
            .collect();
        let mut changes = AuthorizerChanges::default();
        for spec in &wanted {
            match present.iter().find(|authorizer| authorizer.name == spec.name()) {
                None => changes.create.push(spec.clone()),
                Some(found) => {
                    changes.present.insert(found.name.clone(), found.id.clone());
                    if found.spec.as_ref() != Some(spec) {
                        changes.update.push((found.id.clone(), spec.clone()));
                    }
                }
            }
        }
        let used = |authorizer: &&ObservedAuthorizer| changes.present.values().any(|id| *id == authorizer.id);
        changes.remove = present.iter().filter(|a| !used(a)).map(|authorizer| authorizer.id.clone()).collect();
        changes
    }

    /// Whether all authorizers are as wanted.
    pub fn is_empty(&self) -> bool {
        self.create.is_empty() && self.update.is_empty() && self.remove.is_empty()
    }
}

#[cfg(test)]
mod tests;
