//! What RequestCertificate checks, and what it makes of the names. Sources: AWS-FACTS 3.1. Must not know what becomes
//! of a request.

use serde_json::Value;

use crate::certificate::{base, check_validation_domain};
use crate::domain_name::plain;

/// The default quota of names (AWS-FACTS 3.1.1).
const MAX_NAMES: usize = 10;

/// The names of a request, the domain name first, or the error that ACM gives (AWS-FACTS 3.1.1, 3.1.2, 3.1.4, 3.1.5).
pub(crate) fn requested_names(input: &Value) -> Result<Vec<String>, (&'static str, String)> {
    let invalid = |field: &str, rule: &str| {
        let message = format!("1 validation error detected: Value at '{field}' failed to satisfy constraint: {rule}");
        Err(("ValidationException", message))
    };
    if let Some(token) = input["IdempotencyToken"].as_str() {
        let word = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
        if token.is_empty() || token.len() > 32 || !token.bytes().all(word) {
            return invalid(
                "idempotencyToken",
                "Member must satisfy regular expression pattern: \\w+ and be 1 to 32 long",
            );
        }
    }
    if let Some(algorithm) = input["KeyAlgorithm"].as_str()
        && !matches!(algorithm, "RSA_2048" | "EC_prime256v1" | "EC_secp384r1")
    {
        return Err((
            "InvalidParameterException",
            format!("A certificate cannot be requested with a key of {algorithm}."),
        ));
    }
    let mut names: Vec<String> = Vec::new();
    let given =
        std::iter::once(&input["DomainName"]).chain(input["SubjectAlternativeNames"].as_array().into_iter().flatten());
    for name in given {
        let name = name.as_str().unwrap_or_default().to_ascii_lowercase();
        let label = |label: &str| {
            (1..=63).contains(&label.len())
                && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
                && !label.starts_with('-')
                && !label.ends_with('-')
        };
        if name.len() > 253 || !base(&name).contains('.') || !base(&name).split('.').all(label) {
            return invalid("domainName", "Member must be a domain name, which may begin with *.");
        }
        if !names.contains(&name) {
            names.push(name);
        }
    }
    if names[0].len() > 64 {
        return Err((
            "InvalidDomainValidationOptionsException",
            "The first domain name can be no longer than 64 octets.".to_owned(),
        ));
    }
    if names.len() > MAX_NAMES {
        return Err(("LimitExceededException", format!("A certificate can have at most {MAX_NAMES} domain names.")));
    }
    Ok(names)
}

/// Left out, ACM validates by e-mail.
pub(crate) fn method(input: &Value) -> &str {
    input["ValidationMethod"].as_str().unwrap_or("EMAIL")
}

/// Where the mails about each name go: to the domain that the request gives for it, else to the name itself without a
/// leading `*` or `www` (ACM User Guide, email validation). What is given with another method is not looked at.
pub(crate) fn validation_domains(input: &Value, names: &[String]) -> Result<Vec<String>, (&'static str, String)> {
    let own = |name: &String| {
        let base = base(name);
        base.strip_prefix("www.").filter(|rest| rest.contains('.')).unwrap_or(base).to_owned()
    };
    let mut domains: Vec<String> = names.iter().map(own).collect();
    let given = input["DomainValidationOptions"].as_array().filter(|_| method(input) == "EMAIL");
    for option in given.into_iter().flatten() {
        let text = |field: &str| plain(option[field].as_str().unwrap_or_default());
        let (name, domain) = (text("DomainName"), text("ValidationDomain"));
        check_validation_domain(names, &name, &domain)?;
        for (at, _) in names.iter().enumerate().filter(|(_, known)| **known == name) {
            domains[at].clone_from(&domain);
        }
    }
    Ok(domains)
}

#[cfg(test)]
mod tests;
