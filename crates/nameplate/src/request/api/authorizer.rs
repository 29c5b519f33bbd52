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
mod tests {
    use serde_json::{Value, json};

    use super::Authorizer;
    use crate::StepError;
    use crate::request::Request;

    const FUNCTION: &str = "arn:aws:lambda:us-east-1:123456789012:function:may-call";

    fn jwt() -> Value {
        json!({"jwt": {"issuer": "https://login.example.com/pool", "audience": ["models"]}})
    }

    fn with(api: &Value) -> Result<Request, StepError> {
        let mut whole = json!({"routes": [{"route": "GET /", "url": "https://a.example/"}]});
        whole.as_object_mut().expect("an object").extend(api.as_object().expect("an object").clone());
        Request::parse(&json!({"domainName": "example.com", "api": whole}))
    }

    fn route(key: &str, more: &Value) -> Value {
        let mut route = json!({"route": key, "url": "https://a.example/"});
        route.as_object_mut().expect("an object").extend(more.as_object().expect("an object").clone());
        route
    }

    #[test]
    fn a_route_has_the_apis_authorizer_or_its_own() {
        let request = with(&json!({"authorizer": jwt(), "routes": [
            route("GET /a", &json!({"scopes": ["models/read"]})),
            route("GET /b", &json!({"authorizer": "NONE"})),
            route("GET /c", &json!({"authorizer": "IAM"})),
            route("GET /d", &json!({"authorizer": {"lambda": {"function": FUNCTION}}})),
        ]}))
        .expect("valid");
        let of = |at: usize| request.api.authorizer_of(&request.api.routes[at]);
        assert!(matches!(of(0), Authorizer::Jwt(jwt) if jwt.identity_source == "$request.header.Authorization"));
        assert_eq!((of(1), of(2)), (&Authorizer::Open, &Authorizer::Iam));
        assert!(matches!(of(3), Authorizer::Lambda(lambda) if lambda.ttl == 0 && lambda.simple_responses));
        let again = Request::parse(&serde_json::to_value(&request).expect("JSON")).expect("read again");
        assert_eq!(again, request);
        let open = with(&json!({})).expect("valid");
        assert_eq!(open.api.authorizer_of(&open.api.routes[0]), &Authorizer::Open);
    }

    #[test]
    fn a_preflight_request_must_find_an_open_route() {
        let api = |routes: Value| json!({"authorizer": "IAM", "cors": {"allowOrigins": ["*"]}, "routes": routes});
        let refused = with(&api(json!([route("$default", &json!({}))]))).expect_err("refused");
        assert!(refused.remedy.contains("OPTIONS /{proxy+}"), "{refused}");
        let closed = json!([route("$default", &json!({})), route("OPTIONS /{proxy+}", &json!({}))]);
        assert!(with(&api(closed)).is_err());
        let open = json!([route("$default", &json!({})), route("OPTIONS /{proxy+}", &json!({"authorizer": "NONE"}))]);
        with(&api(open)).expect("valid");
        with(&api(json!([route("GET /", &json!({}))]))).expect("API Gateway answers by itself");
    }

    #[test]
    fn what_api_gateway_would_not_take_is_refused_by_name() {
        let jwt = |field: &str, value: Value| {
            let mut jwt = jwt();
            jwt["jwt"][field] = value;
            json!({"authorizer": jwt})
        };
        let lambda =
            |field: &str, value: Value| json!({"authorizer": {"lambda": {"function": FUNCTION, field: value}}});
        let many: Vec<Value> = (0..6)
            .map(|n| {
                let authorizer = json!({"jwt": {"issuer": "https://a.example", "audience": [n.to_string()]}});
                route(&format!("GET /{n}"), &json!({"authorizer": authorizer}))
            })
            .collect();
        for (api, field) in [
            (jwt("issuer", json!("http://login.example.com")), "api.authorizer.jwt.issuer"),
            (jwt("issuer", json!("login.example.com")), "api.authorizer.jwt.issuer"),
            (jwt("issuer", json!("https://login.example.com/?a=b")), "api.authorizer.jwt.issuer"),
            (jwt("audience", json!([])), "api.authorizer.jwt.audience"),
            (jwt("identitySource", json!("Authorization")), "api.authorizer.jwt.identitySource"),
            (lambda("identitySources", json!([])), "api.authorizer.lambda.identitySources"),
            (lambda("identitySources", json!(["$request.body.a"])), "api.authorizer.lambda.identitySources[0]"),
            (lambda("ttl", json!(3601)), "api.authorizer.lambda.ttl"),
            (json!({"routes": [route("GET /", &json!({"scopes": ["a"]}))]}), "api.routes[0].scopes"),
            (
                json!({"authorizer": self::jwt(), "routes": [route("GET /", &json!({"scopes": ["a b"]}))]}),
                "api.routes[0].scopes",
            ),
            (json!({"routes": many}), "api.routes"),
            (json!({"authorizer": "OPEN"}), "api.authorizer"),
        ] {
            let error = with(&api).expect_err("refused");
            assert!(error.to_string().contains(field), "{api}: {error}");
        }
    }
}
