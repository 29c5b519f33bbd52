//! Who may call each route, and who is asked about it: as a request wants it, against the authorizers that stand.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};
use strum::VariantArray;

use crate::request::{self, Protocol, Request, Route};
use crate::resource::difference::{Attribute, Difference, Differences};
use crate::token;

/// `AuthorizerType` of one that checks tokens.
const JWT: &str = "JWT";
/// `AuthorizerType` of one that asks a function.
const REQUEST: &str = "REQUEST";
/// Payload format of what the Lambda authorizer of an HTTP API is asked. That of a WebSocket API has none
/// (`AuthorizerPayloadFormatVersion` in API Gateway's model).
const PAYLOAD: &str = "2.0";
/// What stands before the identity sources of a WebSocket API's authorizer, in place of a `$` (seen in
/// aws/aws-cdk#18307).
const OF_A_ROUTE: &str = "route.";

/// All that makes an authorizer different from another.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct AuthorizerSpec {
    /// `AuthorizerType`.
    pub kind: String,
    /// `Issuer` of tokens.
    pub issuer: Option<String>,
    /// `Audience` of tokens.
    pub audience: BTreeSet<String>,
    /// `IdentitySource`, in the spelling of the API's kind.
    pub sources: BTreeSet<String>,
    /// ARN of the function that is asked, out of `AuthorizerUri`.
    pub function: Option<String>,
    /// `AuthorizerPayloadFormatVersion`; with the two below only of a function behind an HTTP API.
    pub payload: Option<String>,
    /// `AuthorizerResultTtlInSeconds`.
    pub ttl: Option<i32>,
    /// `EnableSimpleResponses`.
    pub simple: Option<bool>,
}

impl AuthorizerSpec {
    fn of(protocol: Protocol, authorizer: &request::Authorizer) -> Option<Self> {
        let of_http = protocol == Protocol::Http;
        let spelled = |source: &String| match source.strip_prefix('$') {
            Some(rest) if !of_http => format!("{OF_A_ROUTE}{rest}"),
            _ => source.clone(),
        };
        match authorizer {
            request::Authorizer::Open | request::Authorizer::Iam => None,
            request::Authorizer::Jwt(jwt) => Some(Self {
                kind: JWT.to_owned(),
                issuer: Some(jwt.issuer.clone()),
                audience: jwt.audience.iter().cloned().collect(),
                sources: BTreeSet::from([jwt.identity_source.clone()]),
                ..Self::default()
            }),
            request::Authorizer::Lambda(lambda) => Some(Self {
                kind: REQUEST.to_owned(),
                sources: lambda.identity_sources.iter().map(spelled).collect(),
                function: Some(lambda.function.as_str().to_owned()),
                payload: of_http.then(|| PAYLOAD.to_owned()),
                ttl: of_http.then_some(lambda.ttl),
                simple: of_http.then_some(lambda.simple_responses),
                ..Self::default()
            }),
        }
    }

    /// Its name: another one for each content, so that a changed authorizer is a new one, which is there before the
    /// old one goes.
    pub fn name(&self) -> String {
        let join = |set: &BTreeSet<String>| set.iter().cloned().collect::<Vec<_>>().join("\n");
        let (sources, audience) = (join(&self.sources), join(&self.audience));
        let content = match &self.function {
            None => token::hex(&["jwt", self.issuer.as_deref().unwrap_or_default(), &audience, &sources]),
            Some(function) => {
                let (ttl, simple) = (self.ttl.unwrap_or(0).to_string(), self.simple.unwrap_or(false).to_string());
                token::hex(&["lambda", function, &sources, &ttl, &simple])
            }
        };
        format!("nameplate-{}", &content[..token::TOKEN_LENGTH])
    }
}

/// The authorizers that the routes of a request ask.
pub fn authorizers_of(request: &Request) -> BTreeSet<AuthorizerSpec> {
    let api = &request.api;
    api.routes.iter().filter_map(|route| AuthorizerSpec::of(api.protocol(), api.authorizer_of(route))).collect()
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

/// Where nobody asks for a scope.
static NO_SCOPES: BTreeSet<String> = BTreeSet::new();

impl Access {
    /// Who may call a route of the request.
    pub fn of(request: &Request, route: &Route) -> Self {
        let authorizer = request.api.authorizer_of(route);
        match AuthorizerSpec::of(request.api.protocol(), authorizer) {
            Some(authorizer) => Access::By { authorizer, scopes: route.scopes.iter().cloned().collect() },
            None if *authorizer == request::Authorizer::Iam => Access::Iam,
            None => Access::Open,
        }
    }

    /// `AuthorizationType`.
    pub fn kind(&self) -> &'static str {
        match self {
            Access::Open => "NONE",
            Access::Iam => "AWS_IAM",
            Access::By { authorizer, .. } if authorizer.function.is_none() => "JWT",
            Access::By { .. } => "CUSTOM",
        }
    }

    /// The authorizer that is asked, if one is.
    pub fn authorizer(&self) -> Option<&AuthorizerSpec> {
        match self {
            Access::Open | Access::Iam => None,
            Access::By { authorizer, .. } => Some(authorizer),
        }
    }

    /// Of which scopes a token must have one; none where none is asked for.
    pub fn scopes(&self) -> &BTreeSet<String> {
        match self {
            Access::Open | Access::Iam => &NO_SCOPES,
            Access::By { scopes, .. } => scopes,
        }
    }
}

/// An authorizer as API Gateway shows it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Authorizer {
    /// `AuthorizerId`.
    pub id: String,
    /// `Name`.
    pub name: String,
    /// What it is.
    pub spec: AuthorizerSpec,
}

/// What of authorizers a run writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, VariantArray)]
pub enum AuthorizerAttribute {
    /// Whether it checks tokens or asks a function.
    Type,
    /// Whose tokens.
    Issuer,
    /// For whom they are.
    Audience,
    /// What a request must carry.
    IdentitySources,
    /// The function that is asked, which is permitted with it.
    Function,
    /// In which form it is asked.
    PayloadFormat,
    /// For how long its answer is kept.
    Ttl,
    /// How it answers.
    SimpleResponses,
    /// One that no wanted route asks, by its id.
    LeftOver,
}

impl Attribute for AuthorizerAttribute {
    fn path(self) -> &'static str {
        match self {
            Self::Type => "authorizers.{}.type",
            Self::Issuer => "authorizers.{}.issuer",
            Self::Audience => "authorizers.{}.audience",
            Self::IdentitySources => "authorizers.{}.identitySources",
            Self::Function => "authorizers.{}.function",
            Self::PayloadFormat => "authorizers.{}.payloadFormat",
            Self::Ttl => "authorizers.{}.ttl",
            Self::SimpleResponses => "authorizers.{}.simpleResponses",
            Self::LeftOver => "authorizers.{}",
        }
    }
}

/// What a run has to change so that every wanted authorizer is there, and no other.
pub fn authorizer_differences(standing: &[Authorizer], request: &Request) -> Vec<Difference<AuthorizerAttribute>> {
    let mut differences = Differences::default();
    let mut left: BTreeMap<&str, &str> = standing.iter().map(|one| (one.id.as_str(), one.name.as_str())).collect();
    for wanted in authorizers_of(request) {
        let name = wanted.name();
        let found = standing.iter().find(|authorizer| authorizer.name == name);
        if let Some(found) = found {
            left.remove(found.id.as_str());
        }
        compare(&mut differences, &name, found.map(|found| &found.spec), &wanted);
    }
    for (id, name) in left {
        differences.note(AuthorizerAttribute::LeftOver, Some(id), json!(name), Value::Null);
    }
    differences.into_vec()
}

fn compare(
    differences: &mut Differences<AuthorizerAttribute>,
    name: &str,
    before: Option<&AuthorizerSpec>,
    wanted: &AuthorizerSpec,
) {
    let mut compare = |attribute, of: fn(&AuthorizerSpec) -> Value| {
        differences.compare_one(attribute, name, &before.map_or(Value::Null, of), &of(wanted));
    };
    compare(AuthorizerAttribute::Type, |spec| json!(spec.kind));
    compare(AuthorizerAttribute::Issuer, |spec| json!(spec.issuer));
    compare(AuthorizerAttribute::Audience, |spec| json!(Some(&spec.audience).filter(|some| !some.is_empty())));
    compare(AuthorizerAttribute::IdentitySources, |spec| json!(spec.sources));
    compare(AuthorizerAttribute::Function, |spec| json!(spec.function));
    // What no other authorizer knows is not looked at there.
    if wanted.payload.is_some() {
        compare(AuthorizerAttribute::PayloadFormat, |spec| json!(spec.payload));
        compare(AuthorizerAttribute::Ttl, |spec| json!(spec.ttl.unwrap_or(0)));
        compare(AuthorizerAttribute::SimpleResponses, |spec| json!(spec.simple.unwrap_or(false)));
    }
}

#[cfg(test)]
mod tests;
