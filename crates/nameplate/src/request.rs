//! The request: its fields, their defaults and what each must be.
//! The JSON Schema, the README table, the parser and the error texts all come from the types here.
//! It must not know AWS calls; limits of AWS that a request can break are checked here, with their source.

use std::collections::{BTreeMap, BTreeSet};
use std::str::FromStr;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::domain::{CertificateName, DomainName, Hostname};
use crate::error::StepError;
use crate::tags::RESERVED_PREFIXES;

/// Names on one certificate, the domain included: ACM's default quota (AWS-FACTS 3.1).
pub const MAX_CERTIFICATE_NAMES: usize = 10;
/// Longest main name of a certificate, in characters (AWS-FACTS 3.1).
pub const MAX_COMMON_NAME_LENGTH: usize = 64;
/// Routes of one HTTP API: API Gateway's default quota (AWS-FACTS 4.5).
pub const MAX_ROUTES: usize = 300;
/// Tags that a request may bring: Route 53 takes ten on a zone in one call (AWS-FACTS 2.1), two are ours.
pub const MAX_TAGS: usize = 8;
/// Longest URL of a route's target, in characters (`UriWithLengthBetween1And2048` in API Gateway's model).
pub const MAX_URL_LENGTH: usize = 2_048;
/// Longest route, in characters: a request line with a longer path never reaches an API (AWS-FACTS 4.5).
pub const MAX_ROUTE_LENGTH: usize = 10_240;
/// Longest name or ARN of the contact's secret, in characters.
pub const MAX_SECRET_NAME_LENGTH: usize = 512;
/// The largest request, in bytes: ample for 300 routes. Step Functions hands on at most 262,144 bytes
/// (AWS-FACTS 5.4), and the plan holds the request beside what it found.
pub const MAX_DOCUMENT_BYTES: usize = 65_536;
/// Where the nesting of a request's text ends: serde_json reads no deeper.
const MAX_NESTING: usize = 127;

/// What a user asks for: a domain name, and the API that shall answer on it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Request {
    /// The domain to put the API on: a registrable name, not a host name below it. Unicode is turned into A-labels.
    pub domain_name: DomainName,
    /// How to register the name if this account does not own it yet. Absent: never spend money.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub registration: Option<Registration>,
    /// The certificate for the host name.
    #[serde(default)]
    pub certificate: Certificate,
    /// The API behind the name.
    pub api: Api,
    /// Tags for everything that is made, beside `nameplate:domain` and `nameplate:stack`. At most 8.
    #[serde(default)]
    #[schemars(extend("maxProperties" = 8))]
    pub tags: BTreeMap<String, String>,
    /// Only say what exists, what would be made and what it would cost; write nothing.
    #[serde(default)]
    pub dry_run: bool,
}

/// The registration, if the name has to be bought.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Registration {
    /// Years to pay for now, 1 to 10.
    #[serde(default = "one_year")]
    #[schemars(range(min = 1, max = 10))]
    pub years: u8,
    /// The most that the whole registration may cost. The stack's `RegistrationBudgetUsd` rules too.
    pub max_price: Money,
    /// Name or ARN of the Secrets Manager secret that holds the registrant's contact.
    #[serde(default = "default_contact_secret")]
    #[schemars(length(min = 1, max = 512))]
    pub contact_secret: String,
    /// Whether AWS renews the name each year, at the renewal price.
    #[serde(default = "yes")]
    pub auto_renew: bool,
    /// Whether the contact is hidden in public look-ups.
    #[serde(default = "yes")]
    pub privacy_protection: bool,
}

/// An amount of money.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Money {
    /// The amount in the currency's main unit.
    #[schemars(range(min = 0))]
    pub amount: f64,
    /// The currency: `USD`, in which Route 53 Domains charges.
    #[schemars(length(equal = 3))]
    pub currency: String,
}

/// The certificate.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Certificate {
    /// How ACM checks that the name is ours.
    #[serde(default)]
    pub validation: Validation,
    /// Further names on the certificate, inside the domain. Absent: `*.` and the domain, and the host name if that does not cover it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub alternative_names: Option<Vec<CertificateName>>,
    /// The key of the certificate.
    #[serde(default)]
    pub key_algorithm: KeyAlgorithm,
}

impl Default for Certificate {
    fn default() -> Self {
        Self { validation: Validation::Dns, alternative_names: None, key_algorithm: KeyAlgorithm::Rsa2048 }
    }
}

/// How ACM checks that a name is ours.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum Validation {
    /// By CNAME records in the zone, which also renew the certificate for ever.
    #[default]
    #[serde(rename = "DNS")]
    Dns,
}

/// Key algorithms that ACM issues (AWS-FACTS 3.1).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[allow(non_camel_case_types, reason = "AWS's own spelling")]
pub enum KeyAlgorithm {
    /// RSA with 2048 bits; every client and API Gateway take it.
    #[default]
    #[serde(rename = "RSA_2048")]
    Rsa2048,
    /// ECDSA on P-256.
    #[serde(rename = "EC_prime256v1")]
    EcPrime256v1,
    /// ECDSA on P-384.
    #[serde(rename = "EC_secp384r1")]
    EcSecp384r1,
}

impl KeyAlgorithm {
    /// The name as ACM takes it.
    pub fn as_str(self) -> &'static str {
        match self {
            KeyAlgorithm::Rsa2048 => "RSA_2048",
            KeyAlgorithm::EcPrime256v1 => "EC_prime256v1",
            KeyAlgorithm::EcSecp384r1 => "EC_secp384r1",
        }
    }
}

/// The API behind the name.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Api {
    /// The host name that answers: the domain itself or a name inside it. Absent: `api.` and the domain.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hostname: Option<Hostname>,
    /// The kind of API.
    #[serde(default)]
    pub protocol: Protocol,
    /// What is answered by what: 1 to 300 routes.
    #[schemars(length(min = 1, max = 300))]
    pub routes: Vec<Route>,
    /// Whether `http://` targets are allowed. What they carry is then readable on the way.
    #[serde(default)]
    pub allow_http: bool,
    /// Cross-origin rules, answered by API Gateway itself. Absent: none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cors: Option<Cors>,
    /// Limits for all routes together. Absent: the account's limits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub throttle: Option<Throttle>,
}

/// The kind of API.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum Protocol {
    /// An HTTP API of API Gateway v2.
    #[default]
    #[serde(rename = "HTTP")]
    Http,
}

/// One route and its target: exactly one of `url` and `lambda`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Route {
    /// Method and path, such as `POST /v1/chat/completions` or `ANY /{proxy+}`, or `$default`.
    pub route: RouteKey,
    /// An HTTPS endpoint that the request is passed on to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 2048))]
    pub url: Option<String>,
    /// ARN of a Lambda function (payload 2.0).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lambda: Option<LambdaArn>,
}

/// A route key of an HTTP API: `METHOD /path` or `$default` (AWS-FACTS 4.1).
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(try_from = "String", into = "String")]
#[schemars(with = "String", extend("examples" = ["POST /v1/chat/completions"]))]
pub struct RouteKey(String);

/// Methods that an HTTP API routes (AWS-FACTS 4.1).
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
        if text == "$default" {
            return Ok(Self(text.to_owned()));
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
        Ok(Self(text.to_owned()))
    }
}

/// ARN of a Lambda function, with or without version or alias.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
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

/// Cross-origin rules of an HTTP API (AWS-FACTS 4.2).
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

/// Limits for all routes of the API (AWS-FACTS 4.3): best effort, clients get 429.
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

fn one_year() -> u8 {
    1
}
fn yes() -> bool {
    true
}
fn any() -> Vec<String> {
    vec!["*".to_owned()]
}
fn default_contact_secret() -> String {
    "nameplate/contact".to_owned()
}

impl Request {
    /// Reads and checks a request from its text, whatever that text is.
    ///
    /// # Errors
    /// `InvalidRequest`: it is too large, nested too deep, or no JSON; else as [`Request::parse`].
    pub fn read(text: &str) -> Result<Self, StepError> {
        if text.len() > MAX_DOCUMENT_BYTES {
            return Err(StepError::invalid(
                "request",
                format!("it has {} bytes, more than {MAX_DOCUMENT_BYTES}", text.len()),
                "join routes with a greedy path such as `ANY /{proxy+}`, or use several domains",
            ));
        }
        let document: Value = serde_json::from_str(text).map_err(|error| {
            let problem = match error.to_string() {
                text if text.starts_with("recursion limit") => {
                    format!("its lists and objects are nested more than {MAX_NESTING} deep")
                }
                text => format!("it is no JSON that can be read ({text})"),
            };
            StepError::invalid("request", problem, "send what schema/request.schema.json describes")
        })?;
        Self::parse(&document)
    }

    /// Reads and checks a request, with every default filled in.
    ///
    /// # Errors
    /// `InvalidRequest`, naming the field by its path, what is wrong and what would be right.
    pub fn parse(document: &Value) -> Result<Self, StepError> {
        if !document.is_object() {
            return Err(StepError::invalid(
                "request",
                "it is no JSON object",
                "send an object with `domainName` and `api`; see schema/request.schema.json",
            ));
        }
        let mut request: Request = serde_path_to_error::deserialize(document).map_err(|error| {
            let path = error.path().to_string();
            let field = if path.is_empty() || path == "." { "request".to_owned() } else { path };
            StepError::invalid(
                &field,
                in_plain_words(&error.inner().to_string()),
                "correct the field; schema/request.schema.json describes every one",
            )
        })?;
        check_shape(document, &serde_json::to_value(&request).unwrap_or_default(), "")?;
        request.check()?;
        request.fill_in();
        Ok(request)
    }

    /// The host name that answers.
    pub fn hostname(&self) -> String {
        self.api.hostname.as_ref().map_or_else(|| format!("api.{}", self.domain_name), |h| h.as_str().to_owned())
    }

    /// All names on the certificate, the domain first, each once.
    pub fn certificate_names(&self) -> Vec<String> {
        let others = self.certificate.alternative_names.iter().flatten().map(CertificateName::as_str);
        let mut seen = BTreeSet::new();
        let names = std::iter::once(self.domain_name.as_str()).chain(others);
        names.filter(|name| seen.insert(*name)).map(str::to_owned).collect()
    }

    /// What identifies the wish itself: the same for every run of the same request, dry or not.
    pub fn fingerprint(&self) -> String {
        let wish = Request { dry_run: false, ..self.clone() };
        crate::token::hex(&[&serde_json::to_string(&wish).unwrap_or_default()])
    }

    fn fill_in(&mut self) {
        let hostname = self.hostname();
        if self.api.hostname.is_none() {
            self.api.hostname = hostname.parse().ok();
        }
        if self.certificate.alternative_names.is_none() {
            let mut names: Vec<CertificateName> = format!("*.{}", self.domain_name).parse().into_iter().collect();
            if !names.iter().any(|n| n.covers(&hostname)) && hostname != self.domain_name.as_str() {
                names.extend(hostname.parse::<CertificateName>());
            }
            self.certificate.alternative_names = Some(names);
        }
    }

    fn check(&self) -> Result<(), StepError> {
        self.check_registration()?;
        self.check_names()?;
        self.check_routes()?;
        self.check_cors_and_throttle()?;
        self.check_tags()
    }

    fn check_registration(&self) -> Result<(), StepError> {
        let Some(registration) = &self.registration else { return Ok(()) };
        if !(1..=10).contains(&registration.years) {
            return Err(StepError::invalid(
                "registration.years",
                format!("{} is outside 1 to 10", registration.years),
                "give a number of years from 1 to 10",
            ));
        }
        let price = &registration.max_price;
        if !price.amount.is_finite() || price.amount <= 0.0 {
            return Err(StepError::invalid(
                "registration.maxPrice.amount",
                format!("{} is no positive amount", price.amount),
                "give the most that you would pay, such as 15.00",
            ));
        }
        if price.currency != "USD" {
            return Err(StepError::invalid(
                "registration.maxPrice.currency",
                format!("`{}` is not USD, in which Route 53 Domains charges", price.currency),
                "give the amount in USD",
            ));
        }
        let secret = &registration.contact_secret;
        let right = "give the name or ARN of the secret, or leave the field out for `nameplate/contact`";
        let problem = if secret.trim().is_empty() {
            "it is empty".to_owned()
        } else if secret.chars().count() > MAX_SECRET_NAME_LENGTH {
            format!("it has more than {MAX_SECRET_NAME_LENGTH} characters")
        } else if let Some(bad) = secret.chars().find(|c| !(c.is_ascii_alphanumeric() || "/_+=.@-:".contains(*c))) {
            format!("it contains {bad:?}, which no name or ARN of a secret does")
        } else {
            return Ok(());
        };
        Err(StepError::invalid("registration.contactSecret", problem, right))
    }

    fn check_names(&self) -> Result<(), StepError> {
        let domain = &self.domain_name;
        let length = domain.as_str().len();
        if length > MAX_COMMON_NAME_LENGTH {
            return Err(StepError::invalid(
                "domainName",
                format!(
                    "it has {length} characters; ACM issues certificates for main names of at most {MAX_COMMON_NAME_LENGTH}"
                ),
                "choose a shorter name",
            ));
        }
        let hostname = self.hostname();
        if !domain.contains(&hostname) {
            return Err(StepError::invalid(
                "api.hostname",
                format!("`{hostname}` is not in `{domain}`"),
                format!("use `{domain}` or a name that ends in `.{domain}`"),
            ));
        }
        let Some(names) = &self.certificate.alternative_names else { return Ok(()) };
        for (index, name) in names.iter().enumerate() {
            if !domain.contains(name.base()) {
                return Err(StepError::invalid(
                    &format!("certificate.alternativeNames[{index}]"),
                    format!("`{name}` is not in `{domain}`, whose zone proves the certificate's names"),
                    format!("use names that end in `.{domain}`"),
                ));
            }
        }
        let count = self.certificate_names().len();
        if count > MAX_CERTIFICATE_NAMES {
            return Err(StepError::invalid(
                "certificate.alternativeNames",
                format!("with the domain itself these are {count} names, more than {MAX_CERTIFICATE_NAMES}"),
                format!("use a wildcard such as `*.{domain}`, or fewer names"),
            ));
        }
        if hostname != domain.as_str() && !names.iter().any(|n| n.covers(&hostname)) {
            return Err(StepError::invalid(
                "certificate.alternativeNames",
                format!("none of the names covers the host name `{hostname}`"),
                format!("add `{hostname}`, or leave the field out for `*.{domain}`"),
            ));
        }
        Ok(())
    }

    fn check_routes(&self) -> Result<(), StepError> {
        let routes = &self.api.routes;
        if routes.is_empty() {
            return Err(StepError::invalid(
                "api.routes",
                "there is no route",
                "give at least one, such as {\"route\": \"GET /\", \"url\": \"https://…\"}",
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
            if let Some(first) = shapes.insert(route.route.shape(), index) {
                return Err(StepError::invalid(
                    &format!("{field}.route"),
                    format!("`{}` matches the same requests as api.routes[{first}]", route.route.as_str()),
                    "keep one of the two",
                ));
            }
            match (&route.url, &route.lambda) {
                (Some(url), None) => check_url(&format!("{field}.url"), url, self.api.allow_http)?,
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
        }
        Ok(())
    }

    fn check_cors_and_throttle(&self) -> Result<(), StepError> {
        if let Some(cors) = &self.api.cors {
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
        if let Some(throttle) = &self.api.throttle {
            if !(throttle.rate >= 1.0 && throttle.rate <= 10_000.0) {
                return Err(StepError::invalid(
                    "api.throttle.rate",
                    format!("{} is outside 1 to 10000", throttle.rate),
                    "give the requests per second within the account's limit",
                ));
            }
            if !(1..=5_000).contains(&throttle.burst) {
                return Err(StepError::invalid(
                    "api.throttle.burst",
                    format!("{} is outside 1 to 5000", throttle.burst),
                    "give the requests at once within the account's limit",
                ));
            }
        }
        Ok(())
    }

    fn check_tags(&self) -> Result<(), StepError> {
        if self.tags.len() > MAX_TAGS {
            return Err(StepError::invalid(
                "tags",
                format!("there are {} tags, more than {MAX_TAGS}", self.tags.len()),
                "a hosted zone takes ten tags and two are ours; remove some",
            ));
        }
        let allowed = |text: &str| text.chars().all(|c| c.is_alphanumeric() || " +-=._:/@".contains(c));
        for (key, value) in &self.tags {
            let field = format!("tags.{key}");
            if key.is_empty() || key.chars().count() > 128 || value.chars().count() > 256 {
                return Err(StepError::invalid(
                    &field,
                    "a key has 1 to 128 characters and a value at most 256",
                    "shorten it",
                ));
            }
            if let Some(prefix) = RESERVED_PREFIXES.iter().find(|p| key.to_ascii_lowercase().starts_with(**p)) {
                return Err(StepError::invalid(
                    &field,
                    format!("keys that start with `{prefix}` are reserved"),
                    "rename the tag",
                ));
            }
            if !allowed(key) || !allowed(value) {
                return Err(StepError::invalid(
                    &field,
                    "AWS takes letters, digits, spaces and + - = . _ : / @ in tags",
                    "remove the other characters",
                ));
            }
        }
        Ok(())
    }
}

/// serde's words for a type that was expected, in those of JSON.
fn in_plain_words(error: &str) -> String {
    let Some((found, expected)) = error.rsplit_once(", expected ") else { return error.to_owned() };
    let expected = match expected {
        "u8" => "a small whole number",
        "i32" => "a whole number",
        "f64" => "a number",
        "a boolean" => "true or false",
        "a sequence" => "a list",
        "a map" => "an object",
        other if other.starts_with("struct ") => "an object",
        other => other,
    };
    format!("{found}, expected {expected}")
}

/// Refuses a list that was `given` where an object was `read`: serde takes the fields of a struct in their order too.
fn check_shape(given: &Value, read: &Value, path: &str) -> Result<(), StepError> {
    match (given, read) {
        (Value::Array(_), Value::Object(_)) => {
            Err(StepError::invalid(path, "it is a list, expected an object", "name each field, as in `{\"years\": 1}`"))
        }
        (Value::Object(given), Value::Object(read)) => given
            .iter()
            .filter_map(|(name, value)| Some((name, value, read.get(name)?)))
            .try_for_each(|(name, value, read)| {
                let path = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
                check_shape(value, read, &path)
            }),
        (Value::Array(given), Value::Array(read)) => given
            .iter()
            .zip(read)
            .enumerate()
            .try_for_each(|(index, (given, read))| check_shape(given, read, &format!("{path}[{index}]"))),
        _ => Ok(()),
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

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn minimal() -> Value {
        json!({"domainName": "example.com", "api": {"routes": [{"route": "GET /", "url": "https://backend.example.net/"}]}})
    }

    fn with(pointer: &str, value: Value) -> Value {
        let mut document = minimal();
        let (parent, key) = pointer.rsplit_once('/').expect("a pointer");
        let parent = document.pointer_mut(parent).expect("the parent exists");
        parent.as_object_mut().expect("an object").insert(key.to_owned(), value);
        document
    }

    fn refusal(document: &Value) -> String {
        Request::parse(document).expect_err("a refusal").reason
    }

    #[test]
    fn defaults_are_filled_in_and_the_result_parses_to_itself() {
        let request = Request::parse(&minimal()).expect("valid");
        assert_eq!(request.hostname(), "api.example.com");
        assert_eq!(request.certificate_names(), ["example.com", "*.example.com"]);
        assert!(request.registration.is_none() && !request.dry_run);
        let again = Request::parse(&serde_json::to_value(&request).expect("JSON")).expect("valid");
        assert_eq!(again, request);
        assert_eq!(again.fingerprint(), Request { dry_run: true, ..request }.fingerprint());
    }

    #[test]
    fn the_whole_example_of_the_design_is_accepted() {
        let request = Request::parse(&json!({
            "domainName": "my-ai-service.com",
            "registration": {"years": 1, "maxPrice": {"amount": 15.00, "currency": "USD"}, "contactSecret": "nameplate/contact", "autoRenew": true, "privacyProtection": true},
            "certificate": {"validation": "DNS", "alternativeNames": ["*.my-ai-service.com"], "keyAlgorithm": "RSA_2048"},
            "api": {
                "hostname": "api.my-ai-service.com", "protocol": "HTTP",
                "routes": [
                    {"route": "POST /v1/chat/completions", "url": "https://models.internal.example/v1/chat/completions"},
                    {"route": "GET /v1/models", "lambda": "arn:aws:lambda:us-east-1:123456789012:function:list-models"}
                ],
                "cors": {"allowOrigins": ["https://app.my-ai-service.com"]},
                "throttle": {"rate": 100, "burst": 200}
            },
            "tags": {"team": "inference"}, "dryRun": false
        }));
        assert!(request.is_ok(), "{request:?}");
    }

    #[test]
    fn a_deep_host_name_gets_a_name_of_its_own_on_the_certificate() {
        let request = Request::parse(&with("/api/hostname", json!("v1.api.example.com"))).expect("valid");
        assert_eq!(request.certificate_names(), ["example.com", "*.example.com", "v1.api.example.com"]);
    }

    #[test]
    fn bad_input_names_the_field_and_what_is_wrong() {
        let eleven: Vec<String> = (0..11).map(|n| format!("n{n}.example.com")).collect();
        let cases = [
            (json!([]), "request", "no JSON object"),
            (json!({"domainName": "example.com"}), "request", "missing field `api`"),
            (with("/api/rout", json!(1)), "api.rout", "unknown field"),
            (with("/domainName", json!(7)), "domainName", "invalid type"),
            (with("/domainName", json!("co.uk")), "domainName", "public suffix"),
            (with("/domainName", json!(format!("{}.photography", "a".repeat(60)))), "domainName", "at most 64"),
            (with("/api/hostname", json!("api.other.com")), "api.hostname", "not in `example.com`"),
            (with("/api/routes", json!([])), "api.routes", "no route"),
            (with("/api/routes", json!([{"route": "GET /"}])), "api.routes[0]", "no target"),
            (
                with("/api/routes", json!([{"route": "GET /", "url": "http://a.example/"}])),
                "api.routes[0].url",
                "http://",
            ),
            (with("/api/routes", json!([{"route": "GET /", "url": "ftp://a.example/"}])), "api.routes[0].url", "ftp"),
            (
                with("/api/routes", json!([{"route": "GET /", "url": "https://u:p@a.example/"}])),
                "api.routes[0].url",
                "password",
            ),
            (
                with(
                    "/api/routes",
                    json!([{"route": "GET /", "url": "https://a.example/", "lambda": "arn:aws:lambda:us-east-1:123456789012:function:f"}]),
                ),
                "api.routes[0]",
                "two targets",
            ),
            (
                with("/api/routes", json!([{"route": "GET /", "lambda": "list-models"}])),
                "api.routes[0].lambda",
                "no ARN",
            ),
            (
                with(
                    "/api/routes",
                    json!([{"route": "GET /a", "url": "https://a.example/"}, {"route": "GET /a", "url": "https://b.example/"}]),
                ),
                "api.routes[1].route",
                "same requests",
            ),
            (
                with(
                    "/api/routes",
                    json!([{"route": "GET /{a}", "url": "https://a.example/"}, {"route": "GET /{b}", "url": "https://b.example/"}]),
                ),
                "api.routes[1].route",
                "same requests",
            ),
            (
                with("/certificate", json!({"alternativeNames": ["*.other.com"]})),
                "certificate.alternativeNames[0]",
                "not in `example.com`",
            ),
            (with("/certificate", json!({"alternativeNames": eleven})), "certificate.alternativeNames", "more than 10"),
            (
                with("/certificate", json!({"alternativeNames": ["www.example.com"]})),
                "certificate.alternativeNames",
                "covers the host name",
            ),
            (with("/certificate", json!({"validation": "MAIL"})), "certificate.validation", "unknown variant"),
            (with("/registration", json!({})), "registration", "missing field `maxPrice`"),
            (
                with("/registration", json!({"maxPrice": {"amount": 15, "currency": "USD"}, "years": 0})),
                "registration.years",
                "outside 1 to 10",
            ),
            (
                with("/registration", json!({"maxPrice": {"amount": 15, "currency": "USD"}, "years": 11})),
                "registration.years",
                "outside 1 to 10",
            ),
            (
                with("/registration", json!({"maxPrice": {"amount": -1, "currency": "USD"}})),
                "registration.maxPrice.amount",
                "no positive amount",
            ),
            (
                with("/registration", json!({"maxPrice": {"amount": 15, "currency": "EUR"}})),
                "registration.maxPrice.currency",
                "not USD",
            ),
            (with("/api/cors", json!({"allowOrigins": ["app.example.com"]})), "api.cors.allowOrigins[0]", "no origin"),
            (
                with("/api/cors", json!({"allowOrigins": ["*"], "allowCredentials": true})),
                "api.cors.allowCredentials",
                "`*`",
            ),
            (with("/api/throttle", json!({"rate": 0, "burst": 1})), "api.throttle.rate", "outside"),
            (with("/tags", json!({"nameplate:domain": "x"})), "tags.nameplate:domain", "reserved"),
            (with("/tags", json!({"aws:x": "x"})), "tags.aws:x", "reserved"),
        ];
        for (document, field, problem) in cases {
            let error = Request::parse(&document).expect_err(problem);
            assert_eq!(error.class, crate::Class::InvalidRequest);
            assert!(
                error.reason.starts_with(&format!("{field}: ")) && error.reason.contains(problem),
                "{field}: {}",
                error.reason
            );
            assert!(!error.remedy.is_empty());
        }
    }

    #[test]
    fn text_that_is_no_request_is_refused_whatever_its_size_and_depth() {
        let nested = |depth: usize| format!("{}{}", r#"{"api":"#.repeat(depth), "1") + &"}".repeat(depth);
        let long = "x".repeat(MAX_DOCUMENT_BYTES);
        let cases = [
            (nested(200), "nested more than 127 deep"),
            (nested(20), "api: unknown field `api`"),
            (nested(MAX_DOCUMENT_BYTES), "more than 65536"),
            (format!("{{\"{long}\": 1}}"), "more than 65536"),
            (String::new(), "no JSON that can be read"),
            ("{".to_owned(), "no JSON that can be read"),
            (r#"{"domainName": "\ud800"}"#.to_owned(), "no JSON that can be read"),
            (r#"{"api": 1e999}"#.to_owned(), "no JSON that can be read"),
        ];
        for (text, problem) in cases {
            let error = Request::read(&text).expect_err(problem);
            assert_eq!(error.class, crate::Class::InvalidRequest);
            assert!(error.reason.contains(problem), "{problem}: {}", error.reason);
        }
        let fitting = format!("{}{}", minimal(), " ".repeat(MAX_DOCUMENT_BYTES - minimal().to_string().len()));
        assert!(Request::read(&fitting).is_ok());
        assert!(Request::read(&format!("{fitting} ")).is_err());
    }

    #[test]
    fn much_of_anything_is_refused_in_few_words() {
        let route = |n: usize| json!({"route": format!("GET /{n}"), "url": "https://a.example/"});
        let tags: BTreeMap<String, u8> = (0..100_000).map(|n| (format!("key-{n}"), 1)).collect();
        let names = |count: usize| (0..count).map(|n| format!("n{n}.example.com")).collect::<Vec<_>>();
        let long = "x".repeat(1_000_000);
        let cases = [
            (with("/api/routes", (0..10_000).map(route).collect()), "there are 10000 routes, more than 300"),
            (with("/tags", tags.keys().map(|key| (key.clone(), "v")).collect()), "there are 100000 tags, more than 8"),
            (with("/tags", json!(tags)), "expected a string"),
            (
                with("/certificate", json!({"alternativeNames": names(10_000)})),
                "with the domain itself these are 10001 names, more than 10",
            ),
            (with("/domainName", json!(long)), "longer than 253"),
            (with("/domainName", json!(vec!["a"; 100_000].join("."))), "longer than 253"),
            (with("/api/hostname", json!(long)), "longer than 253"),
            (with("/api/protocol", json!(long)), "unknown variant"),
            (with("/api/cors", json!(long)), "invalid type: string"),
            (with("/api/cors", json!({"allowOrigins": [long]})), "is no origin"),
            (with("/api/cors", json!({"allowOrigins": ["*"], "allowHeaders": [" ".repeat(1_000_000)]})), "header"),
            (with("/api/cors", json!({"allowOrigins": ["*"], "allowMethods": [long]})), "is no method"),
            (with("/api/routes", json!([{"route": long}])), "more than 10240"),
            (with("/api/routes", json!([{"route": "GET /", "url": format!("https://a.example/{long}")}])), "2048"),
            (with("/api/routes", json!([{"route": "GET /", "lambda": long}])), "is no ARN"),
            (with(&format!("/{long}"), json!(1)), "expected one of"),
            (with("/tags", json!({&long: "v"})), "at most 256"),
            (with("/tags", json!({&long: 1})), "expected a string"),
            (
                with("/registration", json!({"maxPrice": {"amount": 15, "currency": long}})),
                "not USD, in which Route 53 Domains charges",
            ),
            (
                with("/registration", json!({"maxPrice": {"amount": 15, "currency": "USD"}, "contactSecret": long})),
                "more than 512",
            ),
        ];
        for (document, problem) in cases {
            let error = Request::parse(&document).expect_err(problem);
            assert_eq!(error.class, crate::Class::InvalidRequest);
            assert!(error.reason.contains(problem), "{problem}: {}", error.reason);
            assert!(error.reason.chars().count() <= crate::error::MAX_INVALID_REASON, "{problem}");
            assert!(error.remedy.chars().count() <= 300, "{problem}: {}", error.remedy);
        }
    }

    #[test]
    fn a_list_is_no_object() {
        let price = json!({"amount": 15, "currency": "USD"});
        let cases = [
            (with("/registration", json!([1, price])), "registration"),
            (with("/registration", json!({"maxPrice": [15, "USD"]})), "registration.maxPrice"),
            (with("/api/routes", json!([["GET /", "https://a.example/"]])), "api.routes[0]"),
            (with("/certificate", json!([])), "certificate"),
        ];
        for (document, field) in cases {
            let reason = refusal(&document);
            assert!(reason.starts_with(&format!("{field}: it is a list")), "{field}: {reason}");
        }
    }

    #[test]
    fn what_is_passed_on_to_aws_holds_no_character_that_aws_refuses() {
        let url = |url: &str| with("/api/routes", json!([{"route": "GET /", "url": url}]));
        let lambda = |arn: &str| with("/api/routes", json!([{"route": "GET /", "lambda": arn}]));
        let cors = |field: &str, value: &str| {
            let mut cors = json!({"allowOrigins": ["*"]});
            cors[field] = json!([value]);
            with("/api/cors", cors)
        };
        let secret = |name: &str| {
            with("/registration", json!({"maxPrice": {"amount": 1, "currency": "USD"}, "contactSecret": name}))
        };
        for good in [
            url("HTTPS://a.example:8443/v1/{id}?a=b"),
            lambda("arn:aws-us-gov:lambda:us-gov-west-1:123456789012:function:f:$LATEST"),
            cors("allowOrigins", "https://app.example.com:8443"),
            cors("allowOrigins", "http://[::1]:3000"),
            cors("allowHeaders", "x-amz-date"),
            cors("exposeHeaders", "*"),
            secret("arn:aws:secretsmanager:us-east-1:123456789012:secret:nameplate/contact-a1B2c3"),
        ] {
            let read = Request::parse(&good);
            assert!(read.is_ok(), "{good}: {read:?}");
        }
        for bad in [
            url(" https://a.example/"),
            url("https://a.example/\n"),
            url("https://a.ex\tample/"),
            url("https://bücher.example/"),
            url(r"https:\\a.example\"),
            url("https:a.example"),
            url("https:a://b.example"),
            url("https:///a.example"),
            url("https://@a.example/"),
            url("https://:@a.example/"),
            lambda("arn:aws :lambda:us-east-1:123456789012:function:f"),
            lambda("arn:aws:lambda:us east:123456789012:function:f"),
            cors("allowOrigins", "https://a.example/"),
            cors("allowOrigins", "https://a.example?b"),
            cors("allowOrigins", "https://u@a.example"),
            cors("allowOrigins", " https://a.example"),
            cors("allowOrigins", "https://a.example\r\nx: y"),
            cors("allowHeaders", ""),
            cors("allowHeaders", "x y"),
            cors("exposeHeaders", "x:\r\n"),
            secret("nameplate/contact "),
            secret("nameplate/ä"),
        ] {
            assert!(Request::parse(&bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn types_are_named_in_the_words_of_json() {
        let cases = [
            ("/dryRun", json!("yes"), "expected true or false"),
            ("/api/routes", json!({}), "expected a list"),
            ("/api", json!("x"), "expected an object"),
            ("/tags", json!(1), "expected an object"),
            ("/api/throttle", json!({"rate": "fast", "burst": 1}), "expected a number"),
            ("/api/throttle", json!({"rate": 1, "burst": 1e12}), "expected a whole number"),
            ("/registration", json!({"years": 300}), "expected a small whole number"),
        ];
        for (pointer, value, words) in cases {
            let reason = refusal(&with(pointer, value));
            assert!(reason.ends_with(words), "{words}: {reason}");
        }
    }

    #[test]
    fn http_targets_are_taken_when_asked_for() {
        let mut document = with("/api/allowHttp", json!(true));
        document["api"]["routes"] = json!([{"route": "GET /", "url": "http://127.0.0.1:8080/"}]);
        assert!(Request::parse(&document).is_ok());
    }

    #[test]
    fn route_keys_are_those_that_api_gateway_takes() {
        for good in ["$default", "GET /", "ANY /{proxy+}", "POST /v1/models/{id}/run", "GET /a-b_c.d~e"] {
            assert!(good.parse::<RouteKey>().is_ok(), "{good}");
        }
        for bad in [
            "",
            "GET",
            "FETCH /",
            "get /",
            "GET  /",
            "GET a",
            "GET /a b",
            "GET //",
            "GET /a/",
            "GET /{proxy+}/x",
            "GET /x{id}",
            "GET /{}",
            "GET /{a}/{a}",
            "GET /a?b=c",
            "GET /ä",
        ] {
            assert!(bad.parse::<RouteKey>().is_err(), "{bad}");
        }
    }

    #[test]
    fn an_error_never_shows_more_than_it_must() {
        let text = refusal(&with(
            "/registration",
            json!({"maxPrice": {"amount": 15, "currency": "USD"}, "contactSecret": " "}),
        ));
        assert!(text.starts_with("registration.contactSecret"));
    }
}
