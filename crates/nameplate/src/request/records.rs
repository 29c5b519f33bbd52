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
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn request(records: Value) -> Result<Request, StepError> {
        let mut document = json!({
            "domainName": "example.com",
            "api": {"routes": [{"route": "GET /", "url": "https://backend.example.net/"}]}
        });
        document["records"] = records;
        Request::parse(&document)
    }

    fn record(name: &str, kind: &str, values: &[&str]) -> Value {
        json!({"name": name, "type": kind, "values": values})
    }

    /// The values of the one record, in their one form.
    fn values(kind: &str, values: &[&str]) -> Result<Vec<String>, String> {
        match request(json!([record("x.example.com", kind, values)])) {
            Ok(request) => Ok(request.records[0].values.clone()),
            Err(error) => Err(error.reason),
        }
    }

    #[test]
    fn each_type_is_kept_in_one_form() {
        for (kind, typed, kept) in [
            ("A", "192.0.2.1", "192.0.2.1"),
            ("AAAA", "2001:DB8:0:0::1", "2001:db8::1"),
            ("CNAME", "Target._DomainKey.Example.NET.", "target._domainkey.example.net"),
            ("MX", "010  Mail.example.com.", "10 mail.example.com"),
            ("MX", "0 .", "0 ."),
            ("SRV", "1 10 5269 xmpp.example.com.", "1 10 5269 xmpp.example.com"),
            ("CAA", "0 ISSUE \"amazon.com\"", "0 issue \"amazon.com\""),
            ("CAA", "128 iodef \"mailto:a@example.com\"", "128 iodef \"mailto:a@example.com\""),
            ("TXT", "v=spf1 -all", "v=spf1 -all"),
            ("TXT", "a \"quoted\" \\ grüße\n", "a \"quoted\" \\ grüße\n"),
        ] {
            assert_eq!(values(kind, &[typed]), Ok(vec![kept.to_owned()]), "{kind} {typed}");
            assert_eq!(values(kind, &[kept]), Ok(vec![kept.to_owned()]), "{kind} {kept}");
        }
    }

    #[test]
    fn a_value_of_another_form_is_refused_by_its_place() {
        let long = "x".repeat(MAX_TEXT_CHARACTERS);
        for (kind, value, problem) in [
            ("A", "192.0.2.256", "no IPv4 address"),
            ("A", "2001:db8::1", "no IPv4 address"),
            ("A", "192.0.2.1 ", "no IPv4 address"),
            ("AAAA", "192.0.2.1", "no IPv6 address"),
            ("CNAME", "192.0.2.1", "IP address"),
            ("CNAME", "target", "single label"),
            ("CNAME", "*.example.net", "wildcard"),
            ("CNAME", "a..example.net", "empty label"),
            ("MX", "mail.example.com", "not of the form"),
            ("MX", "70000 mail.example.com", "not of the form"),
            ("MX", "+1 mail.example.com", "not of the form"),
            ("MX", "10 mail.example.com x", "not of the form"),
            ("SRV", "1 10 xmpp.example.com", "not of the form"),
            ("CAA", "0 issue amazon.com", "in quotes"),
            ("CAA", "0 issue \"a\"b\"", "printable ASCII"),
            ("CAA", "1 issue \"amazon.com\"", "flags"),
            ("CAA", "0 issuemail \"amazon.com\"", "tag"),
            ("CAA", "issue", "no flags"),
            ("TXT", "", "empty"),
            ("TXT", "\"v=spf1 -all\"", "stands in quotes"),
            ("TXT", &long, "more than 4000"),
        ] {
            let reason = values(kind, &[value]).expect_err(value);
            assert!(
                reason.starts_with("records[0].values[0]: ") && reason.contains(problem),
                "{kind} {value}: {reason}"
            );
        }
        assert!(values("A", &[]).is_err_and(|reason| reason.contains("outside 1 to 400")));
        assert!(values("CNAME", &["a.example.net", "b.example.net"]).is_err_and(|reason| reason.contains("one value")));
        assert!(values("AAAA", &["::1", "0:0::1"]).is_err_and(|reason| reason.contains("there already")));
        let many: Vec<String> = (0..401).map(|n| format!("192.0.{}.{}", n / 200, n % 200)).collect();
        let many: Vec<&str> = many.iter().map(String::as_str).collect();
        assert!(values("A", &many[..400]).is_ok());
        assert!(values("A", &many).is_err_and(|reason| reason.contains("401 values")));
        let texts: Vec<String> = (0..5).map(|n| format!("{n}{}", "x".repeat(3_500))).collect();
        let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
        assert!(values("TXT", &texts[..4]).is_ok());
        assert!(values("TXT", &texts).is_err_and(|reason| reason.contains("more than 16000")));
    }

    #[test]
    fn names_are_whole_names_inside_the_domain() {
        for (typed, kept) in [
            ("example.com", "example.com"),
            ("WWW.Example.com.", "www.example.com"),
            ("*.example.com", "*.example.com"),
            ("_sip._tcp.example.com", "_sip._tcp.example.com"),
            ("bücher.example.com", "xn--bcher-kva.example.com"),
        ] {
            let read = request(json!([record(typed, "TXT", &["x"])]));
            assert_eq!(read.map(|request| request.records[0].name.to_string()), Ok(kept.to_owned()), "{typed}");
        }
        for (name, problem) in [
            ("www", "single label"),
            ("@", "'@'"),
            ("", "empty"),
            ("www.example.org", "not in `example.com`"),
            ("badexample.com", "not in `example.com`"),
            ("a.*.example.com", "whole first label"),
            ("a*.example.com", "whole first label"),
            ("-a.example.com", "hyphen"),
            ("a b.example.com", "' '"),
            (&format!("{}.example.com", "a".repeat(64)), "more than 63"),
            (&format!("{}.example.com", vec!["a".repeat(60); 5].join(".")), "more than 253"),
            (&"a".repeat(10_000), "longer than 253"),
        ] {
            let reason = request(json!([record(name, "TXT", &["x"])])).expect_err(name).reason;
            assert!(reason.starts_with("records[0].name: ") && reason.contains(problem), "{name}: {reason}");
        }
    }

    #[test]
    fn what_cannot_stand_in_the_zone_is_refused() {
        let ttl = |ttl: i64| json!([{"name": "www.example.com", "type": "A", "values": ["192.0.2.1"], "ttl": ttl}]);
        let caa = |name: &str| record(name, "CAA", &["0 issue \"amazon.com\""]);
        for (records, problem) in [
            (ttl(0), "outside 1 to 604800"),
            (ttl(604_801), "outside 1 to 604800"),
            (
                json!([record("a.example.com", "A", &["192.0.2.1"]), record("A.example.com", "A", &["192.0.2.2"])]),
                "already",
            ),
            (
                json!([
                    record("a.example.com", "A", &["192.0.2.1"]),
                    record("a.example.com", "CNAME", &["b.example.com"])
                ]),
                "stands alone",
            ),
            (
                json!([record("a.example.com", "CNAME", &["b.example.com"]), record("a.example.com", "TXT", &["x"])]),
                "stands alone",
            ),
            (json!([record("example.com", "CNAME", &["b.example.net"])]), "domain itself"),
            (json!([record("api.example.com", "A", &["192.0.2.1"])]), "a host name of the API"),
            (json!([record("api.example.com", "CNAME", &["b.example.com"])]), "a host name of the API"),
            (json!([caa("*.example.com")]), "wildcard"),
            (json!([record("example.com", "NS", &["ns.example.net"])]), "unknown variant `NS`"),
            (json!([record("example.com", "SOA", &["x"])]), "unknown variant `SOA`"),
            (json!([{"name": "a.example.com", "type": "A", "value": "192.0.2.1"}]), "unknown field"),
            (json!([["a.example.com", "A", 300, ["192.0.2.1"]]]), "it is a list"),
        ] {
            let error = request(records.clone()).expect_err(problem);
            assert!(error.reason.starts_with("records[") && error.reason.contains(problem), "{records}: {error}");
        }
        assert!(request(ttl(604_800)).is_ok());
        assert!(request(json!([record("api.example.com", "TXT", &["x"]), caa("api.example.com")])).is_ok());
    }

    #[test]
    fn caa_that_shuts_out_amazon_is_refused_for_the_names_that_it_decides_on() {
        // The certificate is for example.com and *.example.com.
        let at = |name: &str, values: &[&str]| request(json!([record(name, "CAA", values)]));
        for (name, values, tag) in [
            ("example.com", &["0 issue \"letsencrypt.org\""][..], "0 issue \"amazon.com\""),
            ("example.com", &["0 issue \";\""], "0 issue \"amazon.com\""),
            (
                "example.com",
                &["0 issue \"amazon.com\"", "0 issuewild \"letsencrypt.org\""],
                "0 issuewild \"amazon.com\"",
            ),
            ("example.com", &["0 issue \"notamazon.com\""], "0 issue \"amazon.com\""),
        ] {
            let error = at(name, values).expect_err(tag);
            assert!(error.reason.starts_with("records[0]: ") && error.remedy.contains(tag), "{values:?}: {error}");
        }
        for (name, values) in [
            ("example.com", &["0 issue \"letsencrypt.org\"", "0 issue \"Amazon.com\""][..]),
            ("example.com", &["0 issue \"amazonaws.com; account=1\""]),
            ("example.com", &["0 issue \"amazontrust.com\"", "0 issuewild \"awstrust.com\""]),
            ("example.com", &["0 iodef \"mailto:security@example.com\""]),
            // No name on the certificate lies at or below it.
            ("mail.example.com", &["0 issue \"letsencrypt.org\""]),
        ] {
            let read = at(name, values);
            assert!(read.is_ok(), "{name} {values:?}: {read:?}");
        }
    }

    #[test]
    fn the_closest_caa_at_or_above_a_certified_name_decides() {
        let parse = |above: &str, at: &str| {
            let mut document = json!({
                "domainName": "example.com", "certificate": {"alternativeNames": ["api.v1.example.com"]},
                "api": {"hostname": "api.v1.example.com", "routes": [{"route": "GET /", "url": "https://b.example.net/"}]}
            });
            document["records"] = json!([
                record("example.com", "CAA", &["0 issue \"amazon.com\""]),
                record("v1.example.com", "CAA", &[above]),
                record("api.v1.example.com", "CAA", &[at]),
            ]);
            Request::parse(&document)
        };
        assert!(parse("0 issue \"letsencrypt.org\"", "0 issue \"amazon.com\"").is_ok());
        let error = parse("0 issue \"amazon.com\"", "0 issue \"letsencrypt.org\"").expect_err("shut out");
        assert!(error.reason.starts_with("records[2]: ") && error.reason.contains("api.v1.example.com"), "{error}");
    }

    #[test]
    fn text_is_split_and_escaped_as_route_53_takes_it_and_read_again() {
        assert_eq!(quoted("a\"b\\c"), r#""a\"b\\c""#);
        assert_eq!(quoted("ü\n"), r#""\303\274\012""#);
        let long = "x".repeat(300);
        assert_eq!(quoted(&long), format!("\"{}\" \"{}\"", "x".repeat(255), "x".repeat(45)));
        // A character that lies across two strings is split in its bytes.
        let across = format!("{}ü", "x".repeat(254));
        assert!(quoted(&across).ends_with("x\\303\" \"\\274\""));
        for text in ["plain", "a\"b\\c", "ü\n", &long, &across, "\\101"] {
            assert_eq!(unquoted(&quoted(text)).as_deref(), Some(text.as_bytes()), "{text}");
        }
        assert_eq!(unquoted(r#""\101b" "c""#).as_deref(), Some(&b"Abc"[..]));
        for broken in ["plain", "\"open", "\"a\\", "\"a\" b"] {
            assert_eq!(unquoted(broken), None, "{broken}");
        }
    }

    #[test]
    fn a_record_is_known_again_in_any_order_and_spelling_and_with_no_other_content() {
        let set = |kind: &str, values: &[&str]| {
            request(json!([record("x.example.com", kind, values)])).expect("valid").records.remove(0)
        };
        let found = |values: &[&str]| values.iter().map(|value| (*value).to_owned()).collect::<Vec<_>>();
        let mail = set("MX", &["10 a.example.com", "20 b.example.com"]);
        assert!(mail.is(Some(300), &found(&["20 B.example.com.", "10 a.example.com."])));
        assert!(!mail.is(Some(60), &found(&["10 a.example.com", "20 b.example.com"])));
        assert!(!mail.is(None, &found(&["10 a.example.com", "20 b.example.com"])));
        assert!(!mail.is(Some(300), &found(&["10 a.example.com"])));
        assert!(!mail.is(Some(300), &found(&["10 a.example.com", "20 b.example.com", "30 c.example.com"])));
        let text = set("TXT", &["v=spf1 -all"]);
        assert!(text.is(Some(300), &found(&["\"v=spf1\" \" -all\""])));
        assert!(!text.is(Some(300), &found(&["v=spf1 -all"])));
    }
}
