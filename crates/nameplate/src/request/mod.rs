//! The request: its fields, their defaults and what each must be.
//! The JSON Schema, the README table, the parser and the error texts all come from the types here.
//! It must not know AWS calls; limits of AWS that a request can break are checked here, with their source.

mod api;
mod certificate;
mod dns;
mod records;
pub mod retire;

use std::collections::{BTreeMap, BTreeSet};

use schemars::JsonSchema;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;

pub use api::*;
pub use certificate::*;
pub use dns::*;
pub use records::*;

use crate::domain::{CertificateName, DomainName, HostedZoneRef};
use crate::error::StepError;

/// Version of what users send and get: request, result, dry run and events. A change that could break somebody who
/// reads or writes them raises it.
pub const VERSION: u32 = 1;
/// Prefixes of tag keys that a request may not use, in lower case.
pub const RESERVED_PREFIXES: [&str; 2] = ["aws:", "nameplate:"];
/// Tags that a request may bring: Route 53 takes ten on a zone in one call (AWS-FACTS 2.1.6), two are ours.
pub const MAX_TAGS: usize = 8;
/// Longest name or ARN of the contact's secret, in characters.
pub const MAX_SECRET_NAME_LENGTH: usize = 512;
/// The largest request, in bytes: ample for 300 routes. Step Functions hands on at most 262,144 bytes
/// (AWS-FACTS 5.4.2), and the plan holds the request beside what it found.
pub const MAX_DOCUMENT_BYTES: usize = 65_536;
/// Where the nesting of a request's text ends: serde_json reads no deeper.
const MAX_NESTING: usize = 127;
/// Where the request is described.
const SCHEMA: &str = "schema/request.schema.json";

/// What a user asks for: a domain name, and the API that shall answer on it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Request {
    /// Version of the request's form: 1.
    #[serde(default = "version")]
    #[schemars(range(min = 1, max = 1))]
    pub version: u32,
    /// The domain to put the API on: a name that a registrar sells, or one below it, which then lies in a hosted zone that exists already. Unicode is turned into A-labels.
    pub domain_name: DomainName,
    /// Whose DNS answers for the name.
    #[serde(default)]
    pub dns: Dns,
    /// The zone for the records, by id or name, where `domainName` lies below the name that a registrar sells. Absent: the zone of earlier runs, else the closest one around it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hosted_zone: Option<HostedZoneRef>,
    /// How to register the name if this account does not own it yet. Absent: never spend money.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub registration: Option<Registration>,
    /// What to do when the name is registered in this account and its registry names other servers than the zone's: `report` refuses the run and says which, `correct` points the registry to the zone.
    #[serde(default)]
    pub name_servers: NameServers,
    /// The certificate for the host name.
    #[serde(default)]
    pub certificate: Certificate,
    /// The API behind the name.
    pub api: Api,
    /// Further records in the domain's zone. Those that a later request leaves out are removed; what others wrote stays.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub records: Vec<RecordSet>,
    /// Tags for everything that is made, beside `nameplate:domain` and `nameplate:stack`. At most 8.
    #[serde(default)]
    #[schemars(extend("maxProperties" = 8))]
    pub tags: BTreeMap<String, String>,
    /// Take over what exists in the place of something that the request wants and belongs to somebody else: custom
    /// domains, mappings, records of a host name and further records, the tags of another stack. Whatever is taken over
    /// is said in the result. Absent: such a thing is refused, by its name.
    #[serde(default)]
    pub adopt: bool,
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
    /// Whether AWS renews the name each year, at the renewal price. Every run keeps it so, also for a name that was bought before. Absent: a name that is bought is renewed, and that of any other stays as it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub auto_renew: Option<bool>,
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

pub(crate) fn version() -> u32 {
    VERSION
}
fn one_year() -> u8 {
    1
}
fn yes() -> bool {
    true
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
        let document = document(text, SCHEMA)?;
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
        let mut request: Request = fields(document, SCHEMA)?;
        request.check()?;
        request.fill_in();
        request.check_records()?;
        Ok(request)
    }

    /// The host name that answers.
    pub fn hostname(&self) -> String {
        self.api.hostname.as_ref().map_or_else(|| format!("api.{}", self.domain_name), |h| h.as_str().to_owned())
    }

    /// All host names that answer, the main one first.
    pub fn hostnames(&self) -> Vec<String> {
        let others = self.api.alternative_hostnames.iter().map(|host| host.as_str().to_owned());
        std::iter::once(self.hostname()).chain(others).collect()
    }

    /// All names on the certificate, the domain first, each once.
    pub fn certificate_names(&self) -> Vec<String> {
        let others = self.certificate.alternative_names.iter().flatten().map(CertificateName::as_str);
        let mut seen = BTreeSet::new();
        let names = std::iter::once(self.domain_name.as_str()).chain(others);
        names.filter(|name| seen.insert(*name)).map(str::to_owned).collect()
    }

    /// The name whose mailboxes ACM asks, where it asks by e-mail.
    pub fn validation_domain(&self) -> Option<&str> {
        let asked = self.certificate.validation == Validation::Email;
        asked.then(|| {
            self.certificate.validation_domain.as_ref().map_or(self.domain_name.registrable(), DomainName::as_str)
        })
    }

    /// What identifies the wish itself: the same for every run of the same request, dry or not, and whether or not
    /// something had to be taken over for it or mails are to be sent again.
    pub fn fingerprint(&self) -> String {
        let certificate = Certificate { resend_email: false, ..self.certificate.clone() };
        let wish = Request { dry_run: false, adopt: false, certificate, ..self.clone() };
        crate::token::hex(&[&serde_json::to_string(&wish).unwrap_or_default()])
    }

    fn fill_in(&mut self) {
        self.api.fill_in();
        if self.api.hostname.is_none() {
            self.api.hostname = self.hostname().parse().ok();
        }
        if self.certificate.alternative_names.is_none() {
            self.certificate.alternative_names = Some(self.default_alternative_names());
        }
        if self.certificate.validation == Validation::Email && self.certificate.validation_domain.is_none() {
            self.certificate.validation_domain = self.domain_name.registrable().parse().ok();
        }
    }

    /// `*.` and the domain, and each host name that neither covers.
    fn default_alternative_names(&self) -> Vec<CertificateName> {
        let mut names: Vec<CertificateName> = format!("*.{}", self.domain_name).parse().into_iter().collect();
        for hostname in self.hostnames() {
            if !self.covered(&names, &hostname) {
                names.extend(hostname.parse::<CertificateName>());
            }
        }
        names
    }

    /// Whether a certificate with the domain and these names serves `hostname`.
    fn covered(&self, names: &[CertificateName], hostname: &str) -> bool {
        hostname == self.domain_name.as_str() || names.iter().any(|name| name.covers(hostname))
    }

    fn check(&self) -> Result<(), StepError> {
        check_version(self.version)?;
        self.check_registration()?;
        self.check_zone()?;
        self.check_names()?;
        self.certificate.check_validation(&self.domain_name)?;
        self.api.check()?;
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

    /// What goes with the customer's own DNS, and what only with a name that a registrar sells or with one below it.
    fn check_zone(&self) -> Result<(), StepError> {
        if self.dns == Dns::External {
            let given = [
                ("registration", self.registration.is_some(), "a name that is bought is served by Route 53"),
                ("hostedZone", self.hosted_zone.is_some(), "no hosted zone is used"),
                ("nameServers", self.name_servers != NameServers::Report, "there is no zone to point the registry to"),
                ("records", !self.records.is_empty(), "there is no zone to write them to"),
            ];
            if let Some((field, _, reason)) = given.into_iter().find(|(_, given, _)| *given) {
                let reason = format!("{reason} where `dns` is `external`");
                return Err(StepError::invalid(field, reason, "leave one of the two fields out"));
            }
        }
        let domain = &self.domain_name;
        let sold = domain.registrable();
        if domain.is_registrable() {
            return match self.hosted_zone {
                Some(_) => Err(StepError::invalid(
                    "hostedZone",
                    format!("`{domain}` has a zone of its own, which its delegation decides on"),
                    "leave the field out",
                )),
                None => Ok(()),
            };
        }
        if self.registration.is_some() {
            return Err(StepError::invalid(
                "registration",
                format!("`{domain}` lies below `{sold}`, which is what is registered"),
                format!("leave the field out; or set `domainName` to `{sold}` and `api.hostname` to `{domain}`"),
            ));
        }
        if self.name_servers != NameServers::Report {
            return Err(StepError::invalid(
                "nameServers",
                format!("`{domain}` lies below `{sold}`, whose delegation is not changed for it"),
                format!("leave the field out, or run `{sold}` with it"),
            ));
        }
        match self.hosted_zone.as_ref().and_then(HostedZoneRef::name) {
            Some(zone) if !domain.enclosing().any(|name| name == zone) => Err(StepError::invalid(
                "hostedZone",
                format!("`{domain}` does not lie in the zone `{zone}`"),
                format!("name a zone around `{domain}`, such as `{sold}`"),
            )),
            _ => Ok(()),
        }
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
        self.check_hostnames()?;
        let default = self.default_alternative_names();
        let names = self.certificate.alternative_names.as_ref().unwrap_or(&default);
        for (index, name) in names.iter().enumerate() {
            if !domain.contains(name.base()) {
                return Err(StepError::invalid(
                    &format!("certificate.alternativeNames[{index}]"),
                    format!("`{name}` is not in `{domain}`, whose zone proves the certificate's names"),
                    format!("use names that end in `.{domain}`"),
                ));
            }
        }
        let distinct: BTreeSet<&str> =
            names.iter().map(CertificateName::as_str).filter(|name| *name != domain.as_str()).collect();
        let count = distinct.len() + 1;
        if count > MAX_CERTIFICATE_NAMES {
            return Err(StepError::invalid(
                "certificate.alternativeNames",
                format!("with the domain itself these are {count} names, more than {MAX_CERTIFICATE_NAMES}"),
                format!("use a wildcard such as `*.{domain}`, or fewer names"),
            ));
        }
        if let Some(hostname) = self.hostnames().into_iter().find(|hostname| !self.covered(names, hostname)) {
            return Err(StepError::invalid(
                "certificate.alternativeNames",
                format!("none of the names covers the host name `{hostname}`"),
                format!("add `{hostname}`, or leave the field out for names that cover every host name"),
            ));
        }
        Ok(())
    }

    fn check_hostnames(&self) -> Result<(), StepError> {
        let domain = &self.domain_name;
        let hostnames = self.hostnames();
        if hostnames.len() > MAX_HOSTNAMES {
            return Err(StepError::invalid(
                "api.alternativeHostnames",
                format!("with the main one these are {} host names, more than {MAX_HOSTNAMES}", hostnames.len()),
                "leave some out, or put them on a domain of their own below this one",
            ));
        }
        for (index, hostname) in hostnames.iter().enumerate() {
            let field = match index {
                0 => "api.hostname".to_owned(),
                _ => format!("api.alternativeHostnames[{}]", index - 1),
            };
            if !domain.contains(hostname) {
                return Err(StepError::invalid(
                    &field,
                    format!("`{hostname}` is not in `{domain}`"),
                    format!("use `{domain}` or a name that ends in `.{domain}`"),
                ));
            }
            if hostnames[..index].contains(hostname) {
                return Err(StepError::invalid(
                    &field,
                    format!("`{hostname}` answers already"),
                    "name each host name once",
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

/// The JSON that a request's text holds, whatever that text is; `schema` is the file that describes the request.
pub(crate) fn document(text: &str, schema: &str) -> Result<Value, StepError> {
    if text.len() > MAX_DOCUMENT_BYTES {
        return Err(StepError::invalid(
            "request",
            format!("it has {} bytes, more than {MAX_DOCUMENT_BYTES}", text.len()),
            "join routes with a greedy path such as `ANY /{proxy+}`, or use several domains",
        ));
    }
    serde_json::from_str(text).map_err(|error| {
        let problem = match error.to_string() {
            text if text.starts_with("recursion limit") => {
                format!("its lists and objects are nested more than {MAX_NESTING} deep")
            }
            text => format!("it is no JSON that can be read ({text})"),
        };
        StepError::invalid("request", problem, format!("send what {schema} describes"))
    })
}

/// The fields of a request, each refused by its path if it does not fit.
pub(crate) fn fields<T: DeserializeOwned + Serialize>(document: &Value, schema: &str) -> Result<T, StepError> {
    let request = serde_path_to_error::deserialize(document).map_err(|error| {
        let path = error.path().to_string();
        let field = if path.is_empty() || path == "." { "request".to_owned() } else { path };
        StepError::invalid(
            &field,
            in_plain_words(&error.inner().to_string()),
            format!("correct the field; {schema} describes every one"),
        )
    })?;
    check_shape(document, &serde_json::to_value(&request).unwrap_or_default(), "")?;
    Ok(request)
}

/// Refuses a version of the form that this stack does not read.
pub(crate) fn check_version(version: u32) -> Result<(), StepError> {
    if version == VERSION {
        return Ok(());
    }
    Err(StepError::invalid(
        "version",
        format!("{version} is no version that this stack reads"),
        format!("write {VERSION} or leave the field out; for a newer form, deploy a newer Nameplate"),
    ))
}

/// serde's words for a type that was expected, in those of JSON.
fn in_plain_words(error: &str) -> String {
    let Some((found, expected)) = error.rsplit_once(", expected ") else { return error.to_owned() };
    let expected = match expected {
        "u8" => "a small whole number",
        "u32" => "a whole number from 0",
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

#[cfg(test)]
mod tests;
