//! Domain names: what one is, and how a host name lies inside one.
//! It must not know requests, AWS or the network.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Longest name in presentation form without the trailing dot, in characters (RFC 1035, 2.3.4).
const MAX_NAME_LENGTH: usize = 253;
/// Longest label in characters (RFC 1035, 2.3.4).
const MAX_LABEL_LENGTH: usize = 63;

/// A domain that a registrar sells, one label below a public suffix, or a name below such a domain; in lower case and
/// A-labels.
///
/// `BÜCHER.example` is read as `xn--bcher-kva.example`; `co.uk` is refused.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(try_from = "String", into = "String")]
#[schemars(
    with = "String",
    extend("minLength" = 3, "maxLength" = 253, "examples" = ["my-ai-service.com"])
)]
pub struct DomainName(String);

impl DomainName {
    /// The name as it is written to AWS: lower case, A-labels, no trailing dot.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The name at or above this one that a registrar sells.
    pub fn registrable(&self) -> &str {
        registrable(&self.0).unwrap_or(&self.0)
    }

    /// Whether a registrar sells this very name.
    pub fn is_registrable(&self) -> bool {
        self.registrable() == self.0
    }

    /// The names of the zones that this one can lie in, the closest first: itself, and each above it up to the one
    /// that a registrar sells.
    pub fn enclosing(&self) -> impl Iterator<Item = &str> {
        let last = self.registrable().len();
        let parents = std::iter::successors(Some(self.0.as_str()), |name| name.split_once('.').map(|(_, rest)| rest));
        parents.take_while(move |name| name.len() >= last)
    }

    /// The part right of the first dot: what Route 53 Domains calls the TLD, for example `co.uk`.
    pub fn tld(&self) -> &str {
        self.0.split_once('.').map_or("", |(_, tld)| tld)
    }

    /// Whether `name` is this domain or lies below it, by whole labels.
    pub fn contains(&self, name: &str) -> bool {
        name == self.0 || name.strip_suffix(self.0.as_str()).is_some_and(|rest| rest.ends_with('.'))
    }
}

impl FromStr for DomainName {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let name = ascii_name(text)?;
        if registrable(&name).is_none() {
            return Err(format!(
                "`{name}` is a public suffix, below which names are registered; give a name of yours below it, for example `my-service.{name}`"
            ));
        }
        Ok(Self(name))
    }
}

/// A host name in DNS form: lower case, A-labels, at least two labels, no wildcard.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(try_from = "String", into = "String")]
#[schemars(with = "String", extend("minLength" = 3, "maxLength" = 253, "examples" = ["api.my-ai-service.com"]))]
pub struct Hostname(String);

impl Hostname {
    /// The name as it is written to AWS: lower case, A-labels, no trailing dot.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Hostname {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        ascii_name(text).map(Self)
    }
}

/// A hosted zone, by its id or by its name.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(try_from = "String", into = "String")]
#[schemars(
    with = "String",
    extend("minLength" = 3, "maxLength" = 253, "examples" = ["Z0123456789ABCDEFGHIJ", "my-ai-service.com"])
)]
pub struct HostedZoneRef(String);

impl HostedZoneRef {
    /// The id, if it is one: names have dots, and ids have none.
    pub fn id(&self) -> Option<&str> {
        (!self.0.contains('.')).then_some(&self.0)
    }

    /// The name, if it is one.
    pub fn name(&self) -> Option<&str> {
        self.0.contains('.').then_some(&self.0)
    }
}

impl FromStr for HostedZoneRef {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text.contains('.') {
            return ascii_name(text).map(Self);
        }
        // Route 53 has ids of up to 32 characters.
        let id = text.starts_with('Z')
            && (3..=32).contains(&text.len())
            && text.bytes().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit());
        match id {
            true => Ok(Self(text.to_owned())),
            false => {
                let text = crate::error::shortened(text, 64);
                Err(format!("`{text}` is no hosted zone; give its id, such as `Z0123456789ABCDEFGHIJ`, or its name"))
            }
        }
    }
}

/// A name on a certificate: a host name, or `*.` and a host name.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(try_from = "String", into = "String")]
#[schemars(with = "String", extend("minLength" = 3, "maxLength" = 253, "examples" = ["*.my-ai-service.com"]))]
pub struct CertificateName(String);

impl CertificateName {
    /// The name as ACM takes it.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The name without the wildcard label: the one that is validated.
    pub fn base(&self) -> &str {
        self.0.strip_prefix("*.").unwrap_or(&self.0)
    }

    /// Whether a certificate with this name is valid for `host`: the same name, or one label in
    /// place of the `*` (RFC 6125, 6.4.3).
    pub fn covers(&self, host: &str) -> bool {
        match self.0.strip_prefix("*.") {
            Some(base) => host.split_once('.').is_some_and(|(_, rest)| rest == base),
            None => host == self.0,
        }
    }
}

impl FromStr for CertificateName {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.strip_prefix("*.") {
            Some(base) => {
                let name = format!("*.{}", ascii_name(base)?);
                if name.len() > MAX_NAME_LENGTH {
                    return Err(format!("the name is longer than {MAX_NAME_LENGTH} characters; shorten it"));
                }
                Ok(Self(name))
            }
            None => ascii_name(text).map(Self),
        }
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
            fn from(name: $name) -> String {
                name.0
            }
        }
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    )*};
}
string_conversions!(DomainName, Hostname, CertificateName, HostedZoneRef);

/// A name in the form in which names of DNS are compared: lower case, without the dot at its end (RFC 4343; Route 53
/// answers with the dot).
pub fn dns_form(name: &str) -> String {
    name.trim_end_matches('.').to_ascii_lowercase()
}

/// Name servers in the form in which they are compared: as [`dns_form`] has them, sorted, each once.
pub fn server_set(servers: impl IntoIterator<Item = impl AsRef<str>>) -> Vec<String> {
    let mut set: Vec<String> = servers.into_iter().map(|server| dns_form(server.as_ref())).collect();
    set.sort();
    set.dedup();
    set
}

/// Turns what a person typed into DNS form, or says in words what is wrong with it.
fn ascii_name(text: &str) -> Result<String, String> {
    let typed = text.strip_suffix('.').unwrap_or(text);
    if typed.is_empty() {
        return Err("the name is empty; give a name such as `my-ai-service.com`".to_owned());
    }
    // Before IDNA, which may reject such a name with a reason that helps nobody.
    if typed.len() > 4 * MAX_NAME_LENGTH {
        return Err(format!("the name is longer than {MAX_NAME_LENGTH} characters; shorten it"));
    }
    if typed.parse::<IpAddr>().is_ok() || typed.starts_with('[') {
        return Err(format!("`{typed}` is an IP address; give a domain name"));
    }
    if typed.contains("://") || typed.contains('/') {
        return Err(format!("`{typed}` looks like a URL; give the name alone, without scheme and path"));
    }
    if typed.split(['.', '\u{3002}', '\u{ff0e}', '\u{ff61}']).any(str::is_empty) {
        return Err(format!(
            "`{typed}` has an empty label (two dots in a row, or a leading dot); remove the extra dot"
        ));
    }
    if typed.contains('_') {
        return Err(format!("`{typed}` contains an underscore; host names take letters, digits and hyphens only"));
    }
    let name = idna::domain_to_ascii_strict(typed)
        .or_else(|_| idna::domain_to_ascii(typed))
        .map_err(|_| format!("`{typed}` is no valid internationalised name (IDNA); check its characters"))?;
    if name.len() > MAX_NAME_LENGTH {
        return Err(format!("the name has {} characters, more than {MAX_NAME_LENGTH}; shorten it", name.len()));
    }
    for label in name.split('.') {
        if label.is_empty() {
            return Err(format!("`{name}` has an empty label; remove the extra dot"));
        }
        if label.len() > MAX_LABEL_LENGTH {
            return Err(format!(
                "the label `{label}` has {} characters, more than {MAX_LABEL_LENGTH}; shorten it",
                label.len()
            ));
        }
        if label.starts_with('-') || label.ends_with('-') {
            return Err(format!("the label `{label}` starts or ends with a hyphen; remove it"));
        }
        if let Some(bad) = label.chars().find(|c| !c.is_ascii_alphanumeric() && *c != '-') {
            return Err(format!("`{name}` contains {bad:?}; host names take letters, digits and hyphens only"));
        }
    }
    let Some((_, last)) = name.rsplit_once('.') else {
        return Err(format!("`{name}` is a single label; give a full name such as `{name}.com`"));
    };
    if last.bytes().all(|b| b.is_ascii_digit()) {
        return Err(format!("`{name}` ends in a number, which is no top-level domain; give a domain name"));
    }
    Ok(name)
}

/// The registrable domain of `name`, or nothing when `name` is itself a public suffix.
///
/// Only suffixes run by registries count; entries of the private section (`github.io`) are ordinary
/// domains of somebody.
fn registrable(name: &str) -> Option<&str> {
    let mut suffix = psl::suffix_str(name)?;
    while psl::suffix(suffix.as_bytes()).is_some_and(|s| s.typ() == Some(psl::Type::Private)) {
        let (_, parent) = suffix.split_once('.')?;
        suffix = psl::suffix_str(parent)?;
    }
    let labels = name.strip_suffix(suffix)?.strip_suffix('.')?;
    let start = labels.rfind('.').map_or(0, |dot| dot + 1);
    Some(&name[start..])
}

#[cfg(test)]
mod tests;
