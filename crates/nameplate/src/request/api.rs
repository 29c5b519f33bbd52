//! The API that a request describes: its routes, their targets, and what holds for all of them.
//! It must not know names and certificates.

mod access_log;
mod authorizer;
mod existing;
mod mapping;
mod websocket;

use std::collections::{BTreeMap, BTreeSet};
use std::str::FromStr;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::domain::Hostname;
use crate::error::StepError;

pub use access_log::{AccessLog, RETENTION_DAYS};
pub use authorizer::{Authorizer, JwtAuthorizer, LambdaAuthorizer};
pub use existing::ExistingApi;
pub use websocket::SELECTION_EXPRESSION;

/// Host names of one API: each takes half a minute of the account's turn to make (AWS-FACTS 4.5.2).
pub const MAX_HOSTNAMES: usize = 10;
/// Routes of one HTTP API: API Gateway's default quota (AWS-FACTS 4.5.4).
pub const MAX_ROUTES: usize = 300;
/// Longest URL of a route's target, in characters (`UriWithLengthBetween1And2048` in API Gateway's model).
pub const MAX_URL_LENGTH: usize = 2_048;
/// Longest route, in characters: a request line with a longer path never reaches an API (AWS-FACTS 4.5.6).
pub const MAX_ROUTE_LENGTH: usize = 10_240;

/// The API behind the name.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(extend("allOf" = [{"oneOf": [{"required": ["routes"]}, {"required": ["existing"]}]}]))]
pub struct Api {
    /// The host name that answers: the domain itself or a name inside it. Absent: `api.` and the domain.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hostname: Option<Hostname>,
    /// Further host names that answer with the same API, each the domain itself or a name inside it. At most 9.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 9))]
    pub alternative_hostnames: Vec<Hostname>,
    /// The kind of API. Absent: `HTTP`, or that of `existing`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub protocol: Option<Protocol>,
    /// What of a message names its route, in a WebSocket API. Absent there: `$request.body.action`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 256))]
    pub route_selection_expression: Option<String>,
    /// What is answered by what: 1 to 300 routes. Either this or `existing`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(min = 1, max = 300))]
    pub routes: Vec<Route>,
    /// An API that exists already: it is put behind the name, and neither changed nor ever deleted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub existing: Option<ExistingApi>,
    /// Whether `http://` targets are allowed. What they carry is then readable on the way.
    #[serde(default)]
    pub allow_http: bool,
    /// Who may call: `"NONE"` (everybody), `"IAM"`, `{"jwt": …}` or `{"lambda": …}`. Absent: everybody.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub authorizer: Option<Authorizer>,
    /// Cross-origin rules, answered by API Gateway itself. Absent: none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cors: Option<Cors>,
    /// Limits for all routes together. Absent: the account's limits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub throttle: Option<Throttle>,
    /// A line of JSON for each request, in CloudWatch Logs. Absent: none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub access_log: Option<AccessLog>,
    /// Whether the API answers on API Gateway's own address as well: `open`, or `closed` once its host name has answered.
    #[serde(default)]
    pub default_endpoint: DefaultEndpoint,
}

/// Whether an API answers on API Gateway's own address.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum DefaultEndpoint {
    /// It does.
    #[default]
    Open,
    /// Only until its host name has answered.
    Closed,
}

/// The kind of API.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum Protocol {
    /// An HTTP API of API Gateway v2.
    #[default]
    #[serde(rename = "HTTP")]
    Http,
    /// A WebSocket API of API Gateway v2.
    #[serde(rename = "WEBSOCKET")]
    WebSocket,
}

impl Protocol {
    /// The scheme under which clients reach such an API.
    pub fn scheme(self) -> &'static str {
        match self {
            Protocol::Http => "https",
            Protocol::WebSocket => "wss",
        }
    }
}

/// One route and its target: exactly one of `url` and `lambda`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Route {
    /// Method and path, such as `POST /v1/chat/completions` or `ANY /{proxy+}`, or `$default`. In a WebSocket API
    /// `$connect`, `$disconnect`, `$default`, or what `routeSelectionExpression` finds in a message, such as `ask`.
    pub route: RouteKey,
    /// An HTTPS endpoint that the request is passed on to; a WebSocket API sends it messages by POST.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 2048))]
    pub url: Option<String>,
    /// ARN of a Lambda function (payload 2.0; 1.0 in a WebSocket API).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lambda: Option<LambdaArn>,
    /// Headers that `url` gets otherwise than the caller sent them: a text sets one, `null` takes one away. A text
    /// is itself, or one of `$request.…`, `$context.…`, `$stageVariables.…`; within other text write `${request.…}`.
    /// A WebSocket API only sets, and only to one of these as a whole.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub headers: BTreeMap<String, Option<String>>,
    /// Path that `url` is asked for instead of its own, written as a header's text, such as `/v1/${request.path.id}`.
    /// Not in a WebSocket API.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 512))]
    pub path: Option<String>,
    /// Who may call this route. Absent: whoever may call the API. In a WebSocket API only on `$connect`, and no JWT.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub authorizer: Option<Authorizer>,
    /// Scopes of which a token must have one. Only where a JWT is asked for.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub scopes: Vec<String>,
    /// Limits for this route. Absent: those of the API.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub throttle: Option<Throttle>,
}

/// A route key: `METHOD /path` or `$default` of an HTTP API (AWS-FACTS 4.1.5), or the key of a WebSocket API's route.
/// Which of the two an API takes is checked with the API.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(try_from = "String", into = "String")]
#[schemars(with = "String", extend("examples" = ["POST /v1/chat/completions"]))]
pub struct RouteKey(String);

/// Methods that an HTTP API routes (AWS-FACTS 4.1.5).
const METHODS: [&str; 8] = ["ANY", "DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT"];

impl RouteKey {
    /// The key as API Gateway takes it.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The key with the names of path variables taken out: two routes of one shape match the same requests.
    fn shape(&self) -> String {
        let segment = |s: &str| match (s.starts_with('{'), s.ends_with("+}")) {
            (true, true) => "{+}".to_owned(),
            (true, false) => "{}".to_owned(),
            _ => s.to_owned(),
        };
        self.0.split('/').map(segment).collect::<Vec<_>>().join("/")
    }
}

impl FromStr for RouteKey {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let key = Self(text.to_owned());
        match key.check_http() {
            Err(sentence) if key.check_websocket().is_err() => Err(sentence),
            _ => Ok(key),
        }
    }
}

impl RouteKey {
    /// Whether an HTTP API takes the key; else why not.
    fn check_http(&self) -> Result<(), String> {
        let text = self.as_str();
        if text == "$default" {
            return Ok(());
        }
        if text == "$connect" || text == "$disconnect" {
            return Err(format!("`{text}` is a route of a WebSocket API; set `api.protocol` to `WEBSOCKET`"));
        }
        let length = text.chars().count();
        if length > MAX_ROUTE_LENGTH {
            return Err(format!("the route has {length} characters, more than {MAX_ROUTE_LENGTH}; shorten it"));
        }
        let hint = "write a method, one space and a path, such as `GET /v1/models`, or `$default`";
        let Some((method, path)) = text.split_once(' ') else {
            return Err(format!("`{text}` is no route; {hint}"));
        };
        if !METHODS.contains(&method) {
            return Err(format!("`{method}` is no method of an HTTP API; use one of {}", METHODS.join(", ")));
        }
        if !path.starts_with('/') || path.contains(' ') {
            return Err(format!("the path `{path}` must start with `/` and hold no space; {hint}"));
        }
        if let Some(bad) = path.chars().find(|c| !(c.is_ascii_alphanumeric() || "/-._~%!$&'()*+,;=:@{}".contains(*c))) {
            return Err(format!("the path `{path}` contains {bad:?}, which API Gateway refuses; percent-encode it"));
        }
        let segments: Vec<&str> = path[1..].split('/').collect();
        let mut names = BTreeSet::new();
        for (index, segment) in segments.iter().enumerate() {
            let last = index + 1 == segments.len();
            if segment.is_empty() && !(last && index == 0) {
                return Err(format!("the path `{path}` has an empty segment; remove the extra `/`"));
            }
            if !segment.contains(['{', '}']) {
                continue;
            }
            let Some(name) = segment.strip_prefix('{').and_then(|s| s.strip_suffix('}')) else {
                return Err(format!("in `{path}` a variable must fill its whole segment, as in `/models/{{id}}`"));
            };
            let greedy = name.ends_with('+');
            let name = name.trim_end_matches('+');
            if name.is_empty() || !name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '-' || c == '.') {
                return Err(format!(
                    "in `{path}` the variable `{segment}` needs a name of letters, digits, `_`, `-` or `.`"
                ));
            }
            if greedy && !last {
                return Err(format!("in `{path}` the greedy variable `{segment}` must stand last"));
            }
            if !names.insert(name) {
                return Err(format!("in `{path}` the variable `{name}` stands twice; rename one"));
            }
        }
        Ok(())
    }
}

/// ARN of a Lambda function, with or without version or alias.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(try_from = "String", into = "String")]
#[schemars(with = "String", extend("examples" = ["arn:aws:lambda:us-east-1:123456789012:function:list-models"]))]
pub struct LambdaArn(String);

impl LambdaArn {
    /// The ARN.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for LambdaArn {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let parts: Vec<&str> = text.split(':').collect();
        let valid = matches!(parts.as_slice(),
            ["arn", partition, "lambda", region, account, "function", name, ..]
                if partition.starts_with("aws")
                    && [partition, region].iter().all(|part| {
                        !part.is_empty() && part.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
                    })
                    && account.len() == 12
                    && account.bytes().all(|b| b.is_ascii_digit())
                    && !name.is_empty()
                    && parts.len() <= 8
                    && parts[6..].iter().all(|p| !p.is_empty() && p.chars().all(|c| c.is_ascii_alphanumeric() || "-_$".contains(c))));
        if !valid {
            return Err(format!(
                "`{text}` is no ARN of a Lambda function; write `arn:aws:lambda:<region>:<account>:function:<name>`"
            ));
        }
        Ok(Self(text.to_owned()))
    }
}

macro_rules! string_conversions {
    ($($name:ident),*) => {$(
        impl TryFrom<String> for $name {
            type Error = String;
            fn try_from(text: String) -> Result<Self, String> {
                text.parse()
            }
        }
        impl From<$name> for String {
            fn from(value: $name) -> String {
                value.0
            }
        }
    )*};
}
string_conversions!(RouteKey, LambdaArn);

/// Cross-origin rules of an HTTP API (AWS-FACTS 4.2.2).
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Cors {
    /// Origins that may call, such as `https://app.my-ai-service.com`, or `*`.
    #[schemars(length(min = 1))]
    pub allow_origins: Vec<String>,
    /// Methods that they may use. Absent: all.
    #[serde(default = "any")]
    pub allow_methods: Vec<String>,
    /// Headers that they may send.
    #[serde(default)]
    pub allow_headers: Vec<String>,
    /// Headers of the answer that they may read.
    #[serde(default)]
    pub expose_headers: Vec<String>,
    /// Whether cookies and credentials may be sent. Not together with the origin `*`.
    #[serde(default)]
    pub allow_credentials: bool,
    /// Seconds for which a browser keeps the answer, 0 to 86400. Absent: the browser's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = 86400))]
    pub max_age: Option<i32>,
}

/// Limits of a stage or of one route (AWS-FACTS 4.3.3): best effort, clients get 429.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Throttle {
    /// Requests per second over time.
    #[schemars(range(min = 1, max = 10000))]
    pub rate: f64,
    /// Requests at once.
    #[schemars(range(min = 1, max = 5000))]
    pub burst: i32,
}

fn any() -> Vec<String> {
    vec!["*".to_owned()]
}
impl Api {
    /// The kind of API that the routes make. Of an existing API only API Gateway knows it.
    pub fn protocol(&self) -> Protocol {
        self.protocol.unwrap_or_default()
    }

    /// Refuses what API Gateway would not take, field by field.
    pub(super) fn check(&self) -> Result<(), StepError> {
        if let Some(existing) = &self.existing {
            return existing::check(existing, self);
        }
        self.check_routes()?;
        websocket::check(self)?;
        authorizer::check(self)?;
        self.check_cors_and_throttle()?;
        self.access_log.as_ref().map_or(Ok(()), access_log::check)
    }

    /// Fills in what the routes' own API has by default.
    pub(super) fn fill_in(&mut self) {
        if self.existing.is_some() {
            return;
        }
        self.protocol = Some(self.protocol());
        if self.protocol() == Protocol::WebSocket {
            websocket::fill_in(self);
        }
    }

    fn check_routes(&self) -> Result<(), StepError> {
        let routes = &self.routes;
        if routes.is_empty() {
            return Err(StepError::invalid(
                "api.routes",
                "there is no route",
                "give at least one, such as {\"route\": \"GET /\", \"url\": \"https://…\"}, or name an `existing` API",
            ));
        }
        if routes.len() > MAX_ROUTES {
            return Err(StepError::invalid(
                "api.routes",
                format!("there are {} routes, more than {MAX_ROUTES}", routes.len()),
                "join routes with a greedy path such as `ANY /{proxy+}`",
            ));
        }
        let mut shapes = BTreeMap::new();
        for (index, route) in routes.iter().enumerate() {
            let field = format!("api.routes[{index}]");
            self.check_route_key(&format!("{field}.route"), &route.route)?;
            if let Some(first) = shapes.insert(route.route.shape(), index) {
                return Err(StepError::invalid(
                    &format!("{field}.route"),
                    format!("`{}` matches the same requests as api.routes[{first}]", route.route.as_str()),
                    "keep one of the two",
                ));
            }
            match (&route.url, &route.lambda) {
                (Some(url), None) => check_url(&format!("{field}.url"), url, self.allow_http)?,
                (None, Some(_)) => {}
                (None, None) => {
                    return Err(StepError::invalid(&field, "the route has no target", "add either `url` or `lambda`"));
                }
                (Some(_), Some(_)) => {
                    return Err(StepError::invalid(
                        &field,
                        "the route has two targets",
                        "keep either `url` or `lambda`",
                    ));
                }
            }
            mapping::check(&field, self.protocol(), route)?;
        }
        Ok(())
    }

    /// A key of the other kind of API is a key all the same, so the kind decides.
    fn check_route_key(&self, field: &str, key: &RouteKey) -> Result<(), StepError> {
        let checked = match self.protocol() {
            Protocol::Http => key.check_http(),
            Protocol::WebSocket => key.check_websocket(),
        };
        checked.map_err(|sentence| match sentence.rsplit_once("; ") {
            Some((problem, remedy)) => StepError::invalid(field, problem, remedy),
            None => StepError::invalid(field, sentence, "name the route as API Gateway takes it"),
        })
    }

    fn check_cors_and_throttle(&self) -> Result<(), StepError> {
        if let Some(cors) = &self.cors {
            if cors.allow_origins.is_empty() {
                return Err(StepError::invalid(
                    "api.cors.allowOrigins",
                    "there is no origin",
                    "list the origins, such as `https://app.example.com`, or leave `cors` out",
                ));
            }
            for (index, origin) in cors.allow_origins.iter().enumerate() {
                if !is_origin(origin) {
                    return Err(StepError::invalid(
                        &format!("api.cors.allowOrigins[{index}]"),
                        format!("`{origin}` is no origin"),
                        "write scheme and host without a path, such as `https://app.example.com`, or `*`",
                    ));
                }
            }
            if cors.allow_credentials && cors.allow_origins.iter().any(|o| o == "*") {
                return Err(StepError::invalid(
                    "api.cors.allowCredentials",
                    "browsers and API Gateway refuse credentials for the origin `*`",
                    "list the origins, or set allowCredentials to false",
                ));
            }
            if let Some(age) = cors.max_age.filter(|age| !(0..=86_400).contains(age)) {
                return Err(StepError::invalid(
                    "api.cors.maxAge",
                    format!("{age} is outside 0 to 86400"),
                    "give the seconds of at most one day",
                ));
            }
            for (index, method) in cors.allow_methods.iter().enumerate() {
                if method != "*" && (method == "ANY" || !METHODS.contains(&method.as_str())) {
                    return Err(StepError::invalid(
                        &format!("api.cors.allowMethods[{index}]"),
                        format!("`{method}` is no method"),
                        "use GET, POST and so on, or `*`",
                    ));
                }
            }
            for (name, headers) in [("allowHeaders", &cors.allow_headers), ("exposeHeaders", &cors.expose_headers)] {
                if let Some(index) = headers.iter().position(|header| !is_header_name(header)) {
                    return Err(StepError::invalid(
                        &format!("api.cors.{name}[{index}]"),
                        format!("`{}` is no name of a header", headers[index]),
                        "give names such as `authorization`, or `*`",
                    ));
                }
            }
        }
        if let Some(throttle) = &self.throttle {
            throttle.check("api.throttle")?;
        }
        for (index, route) in self.routes.iter().enumerate() {
            if let Some(throttle) = &route.throttle {
                throttle.check(&format!("api.routes[{index}].throttle"))?;
            }
        }
        Ok(())
    }
}

impl Throttle {
    fn check(&self, field: &str) -> Result<(), StepError> {
        if !(self.rate >= 1.0 && self.rate <= 10_000.0) {
            return Err(StepError::invalid(
                &format!("{field}.rate"),
                format!("{} is outside 1 to 10000", self.rate),
                "give the requests per second within the account's limit",
            ));
        }
        if !(1..=5_000).contains(&self.burst) {
            return Err(StepError::invalid(
                &format!("{field}.burst"),
                format!("{} is outside 1 to 5000", self.burst),
                "give the requests at once within the account's limit",
            ));
        }
        Ok(())
    }
}

/// Whether `text` is an origin as browsers send it, or `*` for its host or for all of it.
fn is_origin(text: &str) -> bool {
    let scheme_fits = |scheme: &str| {
        scheme.starts_with(|c: char| c.is_ascii_lowercase())
            && scheme.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || "+-.".contains(c))
    };
    let host_fits =
        |host: &str| !host.is_empty() && host.chars().all(|c| c.is_ascii_alphanumeric() || "-._~:[]*".contains(c));
    text == "*" || text.split_once("://").is_some_and(|(scheme, host)| scheme_fits(scheme) && host_fits(host))
}

/// Whether `text` can be the name of a header, or `*` (RFC 9110, 5.6.2).
fn is_header_name(text: &str) -> bool {
    !text.is_empty() && text.chars().all(|c| c.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~".contains(c))
}

fn check_url(field: &str, text: &str, allow_http: bool) -> Result<(), StepError> {
    let right = "give an absolute URL such as `https://models.internal.example/v1/chat/completions`";
    if text.chars().count() > MAX_URL_LENGTH {
        return Err(StepError::invalid(field, format!("it has more than {MAX_URL_LENGTH} characters"), "shorten it"));
    }
    // The URL parser takes what it reads for what browsers mean by it; API Gateway gets the text itself.
    if let Some(bad) = text.chars().find(|c| !c.is_ascii_graphic() || *c == '\\') {
        return Err(StepError::invalid(field, format!("it contains {bad:?}"), "percent-encode the character"));
    }
    let url =
        url::Url::parse(text).map_err(|error| StepError::invalid(field, format!("it is no URL ({error})"), right))?;
    match url.scheme() {
        "https" => {}
        "http" if allow_http => {}
        "http" => {
            return Err(StepError::invalid(
                field,
                "it starts with http://, so everything would be readable on the way",
                "use https://, or set `api.allowHttp` to true if you accept that",
            ));
        }
        other => return Err(StepError::invalid(field, format!("`{other}` is neither https nor http"), right)),
    }
    let rest = text.get(url.scheme().len()..).and_then(|rest| rest.strip_prefix("://")).unwrap_or_default();
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    if authority.is_empty() || url.host_str().is_none_or(str::is_empty) {
        return Err(StepError::invalid(field, "it has no host", right));
    }
    if authority.contains('@') {
        return Err(StepError::invalid(
            field,
            "it holds a user name or password, which everybody with access to the API could read",
            "remove it; let the endpoint accept requests by other means",
        ));
    }
    if url.fragment().is_some() {
        return Err(StepError::invalid(field, "it has a fragment (`#…`), which is never sent", "remove it"));
    }
    Ok(())
}
