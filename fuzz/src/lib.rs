//! What holds for every input, checked by libFuzzer for those that it finds and by a test for those that were kept.
//! A promise that is broken is a panic. It must not know where the inputs come from.
//!
//! `corpus/` holds inputs written by hand, one for each case that somebody thought of, and a few dozen that libFuzzer
//! found (`found-…`), which reach most of what the others do not. What a search finds goes to `found/`, which git
//! ignores; an input that broke a promise is copied to `corpus/` once the code keeps it.

use std::collections::BTreeSet;
use std::fmt::Debug;
use std::str::FromStr;

use nameplate::domain::CertificateName;
use nameplate::error::MAX_INVALID_REASON;
use nameplate::request::{
    Api, MAX_CERTIFICATE_NAMES, MAX_COMMON_NAME_LENGTH, MAX_DOCUMENT_BYTES, MAX_ROUTES, MAX_TAGS, MAX_URL_LENGTH,
    Protocol, RETENTION_DAYS,
};
use nameplate::{Class, DomainName, Hostname, Request, StepError};
use serde_json::Value;

/// What defaults may add to a request, in bytes: names of at most 253 characters, and the words around them.
const MAX_DEFAULTS_BYTES: usize = 4_096;
/// Longest remedy, in characters: a sentence with at most two names in it.
const MAX_REMEDY: usize = 700;
/// Longest sentence about a name, in characters: it quotes what was typed, which is cut off at 1,012 bytes.
const MAX_SENTENCE: usize = 2_500;

/// A check of one input.
pub type Check = fn(&[u8]);

/// Every target: its name, which is that of its corpus, and its check.
pub const TARGETS: [(&str, Check); 2] = [("request", request), ("domain", domain)];

/// The request parser: what it accepts keeps every promise that later steps rely on and is read again as the same;
/// what it refuses names a field and a remedy, at no length.
///
/// # Panics
/// When that does not hold.
pub fn request(data: &[u8]) {
    // Lambda hands on text only.
    let Ok(text) = std::str::from_utf8(data) else { return };
    match Request::read(text) {
        Ok(request) => accepted(text, &request),
        Err(error) => refused(&error),
    }
}

fn accepted(text: &str, request: &Request) {
    assert!(text.len() <= MAX_DOCUMENT_BYTES);
    let document = serde_json::to_value(request).expect("a request prints");
    let printed = document.to_string();
    assert!(printed.len() <= MAX_DOCUMENT_BYTES + MAX_DEFAULTS_BYTES, "it grew to {} bytes", printed.len());
    let again = Request::parse(&document).expect("what was printed is accepted");
    assert_eq!(again, *request, "read again it is another");
    assert_eq!(again.fingerprint(), request.fingerprint());
    let handed_on: Request = serde_json::from_str(&printed).expect("a later step reads it");
    assert_eq!(handed_on, *request, "a later step reads another");
    plain_text(&document);

    let domain = request.domain_name.as_str();
    in_dns_form(domain);
    assert!(domain.len() <= MAX_COMMON_NAME_LENGTH);
    let hostnames = request.hostnames();
    for hostname in &hostnames {
        in_dns_form(hostname);
        assert!(request.domain_name.contains(hostname));
    }

    let names = request.certificate_names();
    assert!(names.len() <= MAX_CERTIFICATE_NAMES && names[0] == domain);
    assert_eq!(names.iter().collect::<BTreeSet<_>>().len(), names.len(), "a name stands twice: {names:?}");
    let names: Vec<CertificateName> = names.iter().map(|name| name.parse().expect("a name that ACM takes")).collect();
    for name in &names {
        in_dns_form(name.base());
        assert!(name.as_str().len() <= 253 && request.domain_name.contains(name.base()));
    }
    for hostname in &hostnames {
        assert!(names.iter().any(|name| name.covers(hostname)), "no name covers {hostname}");
    }
    // ACM takes the mailboxes of a name only for names at or below it.
    if let Some(asked) = request.validation_domain() {
        let asked: DomainName = asked.parse().expect("a name that somebody can own");
        assert!(names.iter().all(|name| asked.contains(name.base())), "{asked} for {names:?}");
        assert!(request.domain_name.enclosing().any(|name| name == asked.as_str()));
    } else {
        assert!(!request.certificate.resend_email && request.certificate.validation_domain.is_none());
    }

    let routes = &request.api.routes;
    existing_or_routes(&request.api);
    assert_eq!(routes.iter().map(|route| &route.route).collect::<BTreeSet<_>>().len(), routes.len());
    for route in routes {
        assert!(route.url.is_some() != route.lambda.is_some(), "one target: {route:?}");
        if let Some(url) = &route.url {
            let lower = url.to_ascii_lowercase();
            assert!(lower.starts_with("https://") || (request.api.allow_http && lower.starts_with("http://")));
            assert!(url.len() <= MAX_URL_LENGTH && url.bytes().all(|byte| byte.is_ascii_graphic()), "{url}");
        }
    }
    if let Some(registration) = &request.registration {
        assert!((1..=10).contains(&registration.years));
        assert!(registration.max_price.amount > 0.0 && registration.max_price.amount.is_finite());
        assert_eq!(registration.max_price.currency, "USD");
    }
    assert!(request.tags.len() <= MAX_TAGS);
}

/// An API is either an existing one, with nothing that would change it, or one of routes, each of its kind.
fn existing_or_routes(api: &Api) {
    if let Some(existing) = &api.existing {
        assert!(!existing.api_id.is_empty() && existing.api_id.bytes().all(|byte| byte.is_ascii_alphanumeric()));
        assert!(!existing.stage.is_empty() && existing.stage.len() <= 128);
        assert!(api.routes.is_empty() && api.protocol.is_none() && api.route_selection_expression.is_none());
        assert!(api.cors.is_none() && api.authorizer.is_none() && api.throttle.is_none() && api.access_log.is_none());
        return;
    }
    assert!((1..=MAX_ROUTES).contains(&api.routes.len()));
    if let Some(log) = &api.access_log {
        assert!(RETENTION_DAYS.contains(&log.retention_days));
    }
    let websocket = api.protocol == Some(Protocol::WebSocket);
    assert_eq!(api.route_selection_expression.is_some(), websocket, "{:?}", api.route_selection_expression);
    for route in &api.routes {
        let key = route.route.as_str();
        // The key goes into the ARN by which a function is permitted: nothing in it may stand for something else.
        assert!(!websocket || !key.contains(['*', '?', ' ']), "{key}");
        assert!(websocket || key == "$default" || key.contains(" /"), "{key}");
        assert!(!websocket || key == "$connect" || route.authorizer.is_none(), "{route:?}");
        assert!(!websocket || (route.path.is_none() && route.scopes.is_empty()), "{route:?}");
    }
    assert!(!websocket || (api.cors.is_none() && api.authorizer.is_none()));
}

/// Nothing that is passed on to AWS holds a control character.
fn plain_text(value: &Value) {
    match value {
        Value::String(text) => assert!(!text.chars().any(char::is_control), "{text:?}"),
        Value::Array(items) => items.iter().for_each(plain_text),
        Value::Object(members) => members.iter().for_each(|(name, member)| {
            assert!(!name.chars().any(char::is_control), "{name:?}");
            plain_text(member);
        }),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

fn refused(error: &StepError) {
    assert_eq!((error.class, error.code.as_str()), (Class::InvalidRequest, "InvalidRequest"), "{error}");
    let (field, problem) = error.reason.split_once(": ").expect("a field and a problem");
    assert!(!field.is_empty() && !problem.trim().is_empty(), "{error}");
    assert!(error.reason.chars().count() <= MAX_INVALID_REASON, "{error}");
    assert!(!error.remedy.trim().is_empty() && error.remedy.chars().count() <= MAX_REMEDY, "{error}");
}

/// The types of names: what they accept is in DNS form and is read again as the same; what they refuse comes with a
/// problem and a remedy; and they agree with each other.
///
/// # Panics
/// When that does not hold.
pub fn domain(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let host = read::<Hostname>(&text);
    if let Some(host) = &host {
        in_dns_form(host.as_str());
    }
    if let Some(name) = read::<CertificateName>(&text) {
        in_dns_form(name.base());
        assert!(name.as_str().len() <= 253);
        assert!(name.covers(&name.as_str().replacen('*', "any", 1)));
    }
    let Some(domain) = read::<DomainName>(&text) else { return };
    assert_eq!(host.as_ref().map(Hostname::as_str), Some(domain.as_str()), "a domain is a host name");
    assert!(!domain.tld().is_empty() && domain.as_str().ends_with(domain.tld()));
    assert!(domain.contains(domain.as_str()) && !domain.contains(domain.tld()));
    let below = format!("www.{domain}");
    if below.len() <= 253 {
        assert!(domain.contains(&below));
        match below.parse::<DomainName>() {
            Ok(inside) => assert!(inside.enclosing().any(|name| name == domain.as_str()), "{below}"),
            // A rule such as `*.kobe.jp` makes suffixes of all names below a name that can be registered itself.
            Err(error) => assert!(error.contains(&format!("`{below}` is a public suffix")), "{error}"),
        }
    }
}

/// Reads a name; what is accepted must be read again as the same, in capitals and with a final dot too.
fn read<T>(text: &str) -> Option<T>
where
    T: FromStr<Err = String> + Debug + PartialEq + ToString,
{
    match text.parse::<T>() {
        Ok(name) => {
            let printed = name.to_string();
            for form in [printed.clone(), printed.to_uppercase(), format!("{printed}.")] {
                assert_eq!(form.parse::<T>().as_ref(), Ok(&name), "{form:?} is another name");
            }
            Some(name)
        }
        Err(sentence) => {
            assert!(sentence.contains("; "), "no remedy: {sentence}");
            assert!(sentence.chars().count() <= MAX_SENTENCE, "{sentence}");
            None
        }
    }
}

/// Lower-case letters, digits and hyphens; two or more labels of 1 to 63 characters; 253 in all; no number last.
fn in_dns_form(name: &str) {
    assert!(name.len() <= 253, "{name}");
    let labels: Vec<&str> = name.split('.').collect();
    assert!(labels.len() >= 2, "{name}");
    for label in &labels {
        assert!((1..=63).contains(&label.len()), "{name}");
        assert!(!label.starts_with('-') && !label.ends_with('-'), "{name}");
        assert!(label.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-'), "{name}");
    }
    assert!(!labels[labels.len() - 1].bytes().all(|b| b.is_ascii_digit()), "{name}");
}
