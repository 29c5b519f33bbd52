//! Further DNS records that a request wants in the domain's zone: what each type may hold, and what would stand
//! in the way of the rest of the request. It must not know how Route 53 is asked, nor what stands in a zone.
//!
//! Values are read strictly and kept in one form per type, so that what stands in a zone can be compared with
//! them. Text (TXT) is kept as it was meant; quotes and escapes come with [`RecordSet::exact`].

use std::collections::BTreeSet;
use std::fmt;
use std::net::{Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Request;
use crate::error::StepError;

/// Values of one record: Route 53's quota (AWS-FACTS 2.2.4).
pub const MAX_RECORD_VALUES: usize = 400;
/// Characters of all values of one record as Route 53 is sent them: half of what one change may hold
/// (AWS-FACTS 2.2.3), so that a record is replaced, old and new, in a single one.
pub const MAX_RECORD_CHARACTERS: usize = 16_000;
/// Longest value of a TXT record as Route 53 is sent it, with quotes and escapes, in characters
/// (Route 53 Developer Guide, supported DNS record types).
pub const MAX_TEXT_CHARACTERS: usize = 4_000;
/// Longest time to live in seconds: a week, the most that Route 53 serves in a signed zone (AWS-FACTS 2.5.2).
pub const MAX_TTL_SECS: u32 = 604_800;
/// Bytes of one quoted string of a TXT record (RFC 1035, 3.3).
const MAX_STRING_BYTES: usize = 255;
/// Longest name without the final dot, in characters (RFC 1035, 2.3.4).
const MAX_NAME_LENGTH: usize = 253;
/// Longest label in characters (RFC 1035, 2.3.4).
const MAX_LABEL_LENGTH: usize = 63;
/// Issuers in a CAA record that stand for Amazon (AWS-FACTS 2.4.1).
const AMAZON: [&str; 4] = ["amazon.com", "amazontrust.com", "awstrust.com", "amazonaws.com"];

/// One record: all values of one type at one name.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RecordSet {
    /// The whole name, inside the domain: `www.my-ai-service.com`, or the domain itself. Not relative.
    pub name: RecordName,
    /// The type.
    #[serde(rename = "type")]
    pub kind: RecordType,
    /// How long resolvers may keep it, in seconds, 1 to 604,800.
    #[serde(default = "five_minutes")]
    #[schemars(range(min = 1, max = 604_800))]
    pub ttl: u32,
    /// The values, 1 to 400: addresses (A, AAAA), one name (CNAME), `10 mail.example.com` (MX), plain text of any
    /// length up to 4,000 characters without quotes (TXT), `0 issue "amazon.com"` (CAA), `1 10 443 host.example.com` (SRV).
    #[schemars(length(min = 1, max = 400))]
    pub values: Vec<String>,
}

/// The types of records that a request may bring. NS and SOA belong to the zone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
pub enum RecordType {
    /// IPv4 addresses.
    A,
    /// IPv6 addresses.
    #[serde(rename = "AAAA")]
    Aaaa,
    /// Another name for a name.
    #[serde(rename = "CNAME")]
    Cname,
    /// Mail servers.
    #[serde(rename = "MX")]
    Mx,
    /// Text.
    #[serde(rename = "TXT")]
    Txt,
    /// Who may issue certificates.
    #[serde(rename = "CAA")]
    Caa,
    /// Where a service is.
    #[serde(rename = "SRV")]
    Srv,
}

impl RecordType {
    /// Every type.
    pub const ALL: [RecordType; 7] = [
        RecordType::A,
        RecordType::Aaaa,
        RecordType::Cname,
        RecordType::Mx,
        RecordType::Txt,
        RecordType::Caa,
        RecordType::Srv,
    ];

    /// The name as Route 53 takes it.
    pub fn as_str(self) -> &'static str {
        match self {
            RecordType::A => "A",
            RecordType::Aaaa => "AAAA",
            RecordType::Cname => "CNAME",
            RecordType::Mx => "MX",
            RecordType::Txt => "TXT",
            RecordType::Caa => "CAA",
            RecordType::Srv => "SRV",
        }
    }

    /// The one form in which a value of this type is kept; of two values that mean the same there is one form.
    ///
    /// # Errors
    /// What is wrong with the value.
    pub fn canonical(self, value: &str) -> Result<String, String> {
        match self {
            RecordType::A => value
                .parse::<Ipv4Addr>()
                .map(|address| address.to_string())
                .map_err(|_| format!("`{value}` is no IPv4 address such as `192.0.2.1`")),
            RecordType::Aaaa => value
                .parse::<Ipv6Addr>()
                .map(|address| address.to_string())
                .map_err(|_| format!("`{value}` is no IPv6 address such as `2001:db8::1`")),
            RecordType::Cname => target(value),
            RecordType::Mx => numbers_and_target(value, 1, "10 mail.example.com"),
            RecordType::Srv => numbers_and_target(value, 3, "1 10 443 host.example.com"),
            RecordType::Caa => authority(value).map(|authority| authority.to_string()),
            RecordType::Txt => text(value),
        }
    }
}

impl fmt::Display for RecordType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The name of a record: lower case, A-labels, no final dot; underscores are allowed, and `*` as the first label.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(try_from = "String", into = "String")]
#[schemars(with = "String", extend("minLength" = 3, "maxLength" = 253, "examples" = ["www.my-ai-service.com"]))]
pub struct RecordName(String);

impl RecordName {
    /// The name as it is written to AWS.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for RecordName {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let typed = text.strip_suffix('.').unwrap_or(text);
        if typed.is_empty() {
            return Err("the name is empty; give a full name such as `www.example.com`".to_owned());
        }
        // Before IDNA, which need not look at more.
        if typed.len() > 4 * MAX_NAME_LENGTH {
            return Err(format!("the name is longer than {MAX_NAME_LENGTH} characters; shorten it"));
        }
        let labels = typed.split('.').enumerate().map(|(at, label)| name_label(typed, at, label));
        let name = labels.collect::<Result<Vec<_>, _>>()?.join(".");
        if name.len() > MAX_NAME_LENGTH {
            return Err(format!("the name has {} characters, more than {MAX_NAME_LENGTH}; shorten it", name.len()));
        }
        if !name.contains('.') {
            return Err(format!("`{name}` is a single label; give a full name such as `{name}.example.com`"));
        }
        Ok(Self(name))
    }
}

impl TryFrom<String> for RecordName {
    type Error = String;
    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl From<RecordName> for String {
    fn from(name: RecordName) -> String {
        name.0
    }
}

impl fmt::Display for RecordName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// One label of a record's name, in lower case and ASCII.
fn name_label(name: &str, at: usize, label: &str) -> Result<String, String> {
    if label == "*" && at == 0 {
        return Ok(label.to_owned());
    }
    let ascii = match label.is_ascii() {
        true => label.to_ascii_lowercase(),
        false => idna::domain_to_ascii(label)
            .map_err(|_| format!("`{name}` is no valid internationalised name (IDNA); check its characters"))?,
    };
    if ascii.is_empty() {
        return Err(format!("`{name}` has an empty label; remove the extra dot"));
    }
    if ascii.len() > MAX_LABEL_LENGTH {
        return Err(format!("a label of `{name}` has more than {MAX_LABEL_LENGTH} characters; shorten it"));
    }
    if ascii.starts_with('-') || ascii.ends_with('-') {
        return Err(format!("the label `{ascii}` starts or ends with a hyphen; remove it"));
    }
    match ascii.chars().find(|c| !(c.is_ascii_alphanumeric() || *c == '-' || *c == '_')) {
        None => Ok(ascii),
        Some('*') => Err(format!("`{name}` has a `*` that is not the whole first label; DNS knows no other wildcard")),
        Some(bad) => Err(format!("`{name}` contains {bad:?}; names take letters, digits, `-` and `_`")),
    }
}

fn five_minutes() -> u32 {
    300
}

/// A record exactly as Route 53 is sent it, or lists it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExactRecord {
    /// The name, without the final dot.
    pub name: String,
    /// The type.
    pub kind: RecordType,
    /// Time to live, in seconds.
    pub ttl: i64,
    /// The values, with the quotes and escapes of text.
    pub values: Vec<String>,
}

impl ExactRecord {
    /// Characters of all values, as Route 53 counts them.
    pub fn characters(&self) -> usize {
        self.values.iter().map(|value| value.chars().count()).sum()
    }

    /// Time to live and values in the words of a request, for people: text as it is meant, in one order.
    pub fn shown(&self) -> serde_json::Value {
        let meant = |value: &String| match self.kind {
            RecordType::Txt => unquoted(value).and_then(|bytes| String::from_utf8(bytes).ok()),
            kind => kind.canonical(value).ok(),
        };
        let mut values: Vec<String> =
            self.values.iter().map(|value| meant(value).unwrap_or_else(|| value.clone())).collect();
        values.sort();
        serde_json::json!({"ttl": self.ttl, "values": values})
    }
}

impl RecordSet {
    /// The record as Route 53 is sent it.
    pub fn exact(&self) -> ExactRecord {
        let value = |value: &String| match self.kind {
            RecordType::Txt => quoted(value),
            _ => value.clone(),
        };
        ExactRecord {
            name: self.name.as_str().to_owned(),
            kind: self.kind,
            ttl: i64::from(self.ttl),
            values: self.values.iter().map(value).collect(),
        }
    }

    /// Whether a record that Route 53 lists at the same name and type with this time to live and these values is
    /// the same, in whatever order and spelling.
    pub fn is(&self, ttl: Option<i64>, values: &[String]) -> bool {
        let meaning = |value: &String| match self.kind {
            RecordType::Txt => unquoted(value),
            kind => kind.canonical(value).ok().map(String::into_bytes),
        };
        let wanted: BTreeSet<Vec<u8>> = self.values.iter().map(|value| value.clone().into_bytes()).collect();
        let found: Option<BTreeSet<Vec<u8>>> = values.iter().map(meaning).collect();
        ttl == Some(i64::from(self.ttl)) && values.len() == self.values.len() && found == Some(wanted)
    }
}

/// A name that a value points to.
fn target(value: &str) -> Result<String, String> {
    match value.parse::<RecordName>() {
        Ok(name) if name.as_str().starts_with('*') => {
            Err(format!("`{value}` is a wildcard, which nothing can point to"))
        }
        Ok(_) if value.parse::<Ipv4Addr>().is_ok() => Err(format!("`{value}` is an IP address; give a host name")),
        Ok(name) => Ok(name.into()),
        Err(problem) => Err(problem),
    }
}

/// So many numbers up to 65,535, then a name; `.` says that there is no such service (RFC 7505, RFC 2782).
fn numbers_and_target(value: &str, numbers: usize, example: &str) -> Result<String, String> {
    let wrong = || format!("`{value}` is not of the form `{example}`");
    let parts: Vec<&str> = value.split_ascii_whitespace().collect();
    let (name, before) = parts.split_last().filter(|(_, before)| before.len() == numbers).ok_or_else(wrong)?;
    let mut canonical = String::new();
    for number in before {
        // A sign is no digit, though Rust would read it.
        let digits = number.bytes().all(|byte| byte.is_ascii_digit());
        let number: u16 = number.parse().ok().filter(|_| digits).ok_or_else(wrong)?;
        canonical.push_str(&format!("{number} "));
    }
    canonical.push_str(&if *name == "." { ".".to_owned() } else { target(name)? });
    Ok(canonical)
}

/// What a CAA value says.
#[derive(Debug, PartialEq, Eq)]
struct Authority<'a> {
    critical: bool,
    tag: &'static str,
    value: &'a str,
}

impl fmt::Display for Authority<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} \"{}\"", if self.critical { 128 } else { 0 }, self.tag, self.value)
    }
}

impl Authority<'_> {
    /// Whether it names Amazon, whatever parameters follow.
    fn is_amazon(&self) -> bool {
        let issuer = self.value.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
        AMAZON.contains(&issuer.as_str())
    }
}

/// A tag that an authority does not know must keep it from issuing if it is critical (RFC 8659, 4.5): so there are
/// only those that every authority knows.
fn authority(value: &str) -> Result<Authority<'_>, String> {
    let wrong = |what: &str| format!("`{value}` is not of the form `0 issue \"amazon.com\"`: {what}");
    let (flags, rest) = value.split_once(' ').ok_or_else(|| wrong("it has no flags"))?;
    let (tag, quoted) = rest.split_once(' ').ok_or_else(|| wrong("it has no value"))?;
    let critical = match flags {
        "0" => false,
        "128" => true,
        _ => return Err(wrong("the flags are 0 or 128")),
    };
    let tag = ["issue", "issuewild", "iodef"]
        .into_iter()
        .find(|known| tag.eq_ignore_ascii_case(known))
        .ok_or_else(|| wrong("the tag is `issue`, `issuewild` or `iodef`"))?;
    let value = quoted
        .strip_prefix('"')
        .and_then(|rest| rest.strip_suffix('"'))
        .ok_or_else(|| wrong("the value stands in quotes"))?;
    if value.len() > MAX_STRING_BYTES || value.chars().any(|c| !matches!(c, ' '..='~') || c == '"' || c == '\\') {
        return Err(wrong("the value has at most 255 printable ASCII characters, without quotes and backslashes"));
    }
    Ok(Authority { critical, tag, value })
}

/// Text as it is meant, if Route 53 takes it.
fn text(value: &str) -> Result<String, String> {
    if value.is_empty() {
        return Err("the text is empty".to_owned());
    }
    if value.len() > 1 && value.starts_with('"') && value.ends_with('"') {
        return Err("the text stands in quotes; give it as it is meant, quotes and splitting are added".to_owned());
    }
    let length = quoted(value).chars().count();
    if length > MAX_TEXT_CHARACTERS {
        return Err(format!(
            "with quotes and escapes the text has {length} characters, more than {MAX_TEXT_CHARACTERS}"
        ));
    }
    Ok(value.to_owned())
}

/// Text as Route 53 takes it: strings of at most 255 bytes in quotes; quotes and backslashes after a backslash, all
/// other bytes that are not printable ASCII as three octal digits.
fn quoted(text: &str) -> String {
    let mut quoted = String::new();
    for string in text.as_bytes().chunks(MAX_STRING_BYTES) {
        if !quoted.is_empty() {
            quoted.push(' ');
        }
        quoted.push('"');
        for byte in string {
            match byte {
                b'"' | b'\\' => quoted.extend(['\\', char::from(*byte)]),
                b' '..=b'~' => quoted.push(char::from(*byte)),
                _ => quoted.push_str(&format!("\\{byte:03o}")),
            }
        }
        quoted.push('"');
    }
    quoted
}

/// The bytes that quoted strings mean together; nothing when they are not written so.
fn unquoted(strings: &str) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    let mut rest = strings.as_bytes();
    let mut inside = false;
    while let Some((byte, after)) = rest.split_first() {
        rest = after;
        match (byte, inside) {
            (b'"', _) => inside = !inside,
            (b' ' | b'\t', false) => {}
            (_, false) => return None,
            (b'\\', true) => {
                let octal = after.get(..3).filter(|digits| digits.iter().all(|digit| (b'0'..=b'7').contains(digit)));
                let (byte, taken) = match octal {
                    Some(digits) => (u8::from_str_radix(std::str::from_utf8(digits).ok()?, 8).ok()?, 3),
                    None => (*after.first()?, 1),
                };
                bytes.push(byte);
                rest = after.get(taken..)?;
            }
            (byte, true) => bytes.push(*byte),
        }
    }
    (!inside).then_some(bytes)
}

impl Request {
    /// Checks the further records, and brings their values into their one form. Names on the certificate and the
    /// host name must be filled in by then.
    pub(super) fn check_records(&mut self) -> Result<(), StepError> {
        let hostnames = self.hostnames();
        for index in 0..self.records.len() {
            self.check_record(index, &hostnames)?;
        }
        self.check_amazon_may_issue()
    }

    fn check_record(&mut self, index: usize, hostnames: &[String]) -> Result<(), StepError> {
        let (earlier, rest) = self.records.split_at_mut(index);
        let Some(record) = rest.first_mut() else { return Ok(()) };
        let field = |name: &str| format!("records[{index}]{name}");
        let (name, kind) = (record.name.as_str(), record.kind);
        if !self.domain_name.contains(name) {
            return Err(StepError::invalid(
                &field(".name"),
                format!("`{name}` is not in `{}`", self.domain_name),
                format!("give the whole name, `{}` or one that ends in `.{}`", self.domain_name, self.domain_name),
            ));
        }
        if !(1..=MAX_TTL_SECS).contains(&record.ttl) {
            return Err(StepError::invalid(
                &field(".ttl"),
                format!("{} is outside 1 to {MAX_TTL_SECS}", record.ttl),
                "give a number of seconds up to a week, or leave the field out for 300",
            ));
        }
        if earlier.iter().any(|other| other.name == record.name && other.kind == kind) {
            return Err(StepError::invalid(
                &field(""),
                format!("there is a record of type {kind} at `{name}` already"),
                "put all values into one record",
            ));
        }
        if let Some(other) = earlier
            .iter()
            .find(|other| other.name == record.name && (other.kind == RecordType::Cname || kind == RecordType::Cname))
        {
            return Err(StepError::invalid(
                &field(""),
                format!(
                    "`{name}` has records of the types {} and {kind}; a CNAME stands alone at its name",
                    other.kind
                ),
                "remove one of the two, or move it to another name",
            ));
        }
        if kind == RecordType::Cname && name == self.domain_name.as_str() {
            return Err(StepError::invalid(
                &field(""),
                format!("`{name}` is the domain itself, where DNS takes no CNAME"),
                "use records of the types A and AAAA, or another name",
            ));
        }
        let leads = matches!(kind, RecordType::A | RecordType::Aaaa | RecordType::Cname);
        if leads && hostnames.iter().any(|host| host == name) {
            return Err(StepError::invalid(
                &field(""),
                format!("`{name}` is a host name of the API, whose addresses are written with the API"),
                "leave the record out, or take the name out of `api.hostname` and `api.alternativeHostnames`",
            ));
        }
        if kind == RecordType::Caa && name.starts_with('*') {
            return Err(StepError::invalid(
                &field(""),
                format!("`{name}` is a wildcard, where no authority looks for CAA"),
                "put the record at a name above, and use the tag `issuewild` for wildcards",
            ));
        }
        check_values(record, index)
    }

    /// Refuses CAA records by which Amazon could not issue the request's own certificate. For each name the closest
    /// CAA records at or above it decide; what stands in the zone beside the request is ACM's to look at.
    fn check_amazon_may_issue(&self) -> Result<(), StepError> {
        for certified in self.certificate_names() {
            let (base, wildcard) = match certified.strip_prefix("*.") {
                Some(base) => (base, true),
                None => (certified.as_str(), false),
            };
            let mut above = std::iter::successors(Some(base), |name| name.split_once('.').map(|(_, parent)| parent));
            let closest = above.find_map(|name| {
                let at = |record: &RecordSet| record.kind == RecordType::Caa && record.name.as_str() == name;
                self.records.iter().position(at)
            });
            let Some(index) = closest else { continue };
            let Some(record) = self.records.get(index) else { continue };
            let says: Vec<Authority<'_>> = record.values.iter().filter_map(|value| authority(value).ok()).collect();
            let of = |tag: &str| says.iter().filter(|one| one.tag == tag).collect::<Vec<_>>();
            let (issue, issue_wild) = (of("issue"), of("issuewild"));
            let (tag, deciding) =
                if wildcard && !issue_wild.is_empty() { ("issuewild", issue_wild) } else { ("issue", issue) };
            if !deciding.is_empty() && !deciding.iter().any(|one| one.is_amazon()) {
                return Err(StepError::invalid(
                    &format!("records[{index}]"),
                    format!(
                        "the CAA record at `{}` lets no authority of Amazon issue the certificate for `{certified}`",
                        record.name
                    ),
                    format!("add the value `0 {tag} \"amazon.com\"`, or leave the record out"),
                ));
            }
        }
        Ok(())
    }
}

fn check_values(record: &mut RecordSet, index: usize) -> Result<(), StepError> {
    let field = format!("records[{index}].values");
    let (name, kind) = (&record.name, record.kind);
    let count = record.values.len();
    if !(1..=MAX_RECORD_VALUES).contains(&count) {
        return Err(StepError::invalid(
            &field,
            format!("there are {count} values, outside 1 to {MAX_RECORD_VALUES}"),
            "give at least one value, and at most as many as Route 53 takes",
        ));
    }
    if kind == RecordType::Cname && count > 1 {
        return Err(StepError::invalid(&field, format!("a CNAME has one value, not {count}"), "keep one of them"));
    }
    let mut seen = BTreeSet::new();
    for (at, value) in record.values.iter_mut().enumerate() {
        let field = format!("{field}[{at}]");
        *value = kind
            .canonical(value)
            .map_err(|problem| StepError::invalid(&field, problem, format!("correct the {kind} record of `{name}`")))?;
        if !seen.insert(value.clone()) {
            return Err(StepError::invalid(&field, "the value is there already", "give each value once"));
        }
    }
    let characters = record.exact().characters();
    if characters > MAX_RECORD_CHARACTERS {
        return Err(StepError::invalid(
            &field,
            format!("together the values have {characters} characters, more than {MAX_RECORD_CHARACTERS}"),
            "give fewer or shorter values",
        ));
    }
    Ok(())
}

#[cfg(test)]
mod tests;
