//! The certificate that a request describes. It must not know how ACM is asked.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::domain::{CertificateName, DomainName};
use crate::error::StepError;

/// Names on one certificate, the domain included: ACM's default quota (AWS-FACTS 3.1.1).
pub const MAX_CERTIFICATE_NAMES: usize = 10;
/// Longest main name of a certificate, in characters (AWS-FACTS 3.1.2).
pub const MAX_COMMON_NAME_LENGTH: usize = 64;

/// The certificate.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Certificate {
    /// How ACM checks that the name is ours.
    #[serde(default)]
    pub validation: Validation,
    /// With `EMAIL`, whose mailboxes are asked: `admin@`, `administrator@`, `hostmaster@`, `postmaster@` and `webmaster@` this name, which is the domain or one above it. Absent: the name that a registrar sells.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub validation_domain: Option<DomainName>,
    /// With `EMAIL`: whether a run that finds the certificate of an earlier run still pending has its mails sent once more.
    #[serde(default)]
    pub resend_email: bool,
    /// Further names on the certificate, inside the domain. Absent: `*.` and the domain, and the host name if that does not cover it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub alternative_names: Option<Vec<CertificateName>>,
    /// The key of the certificate.
    #[serde(default)]
    pub key_algorithm: KeyAlgorithm,
}

impl Default for Certificate {
    fn default() -> Self {
        Self {
            validation: Validation::Dns,
            validation_domain: None,
            resend_email: false,
            alternative_names: None,
            key_algorithm: KeyAlgorithm::Rsa2048,
        }
    }
}

impl Certificate {
    /// What goes with validation by e-mail only, and whose mailboxes ACM can ask about every name in `domain`: those
    /// of a name at or above it (AWS-FACTS 3.1.3).
    pub(super) fn check_validation(&self, domain: &DomainName) -> Result<(), StepError> {
        if self.validation == Validation::Dns {
            let given = [("validationDomain", self.validation_domain.is_some()), ("resendEmail", self.resend_email)];
            return match given.into_iter().find(|(_, given)| *given) {
                Some((field, _)) => Err(StepError::invalid(
                    &format!("certificate.{field}"),
                    "a certificate that is validated by DNS is asked about in no mail",
                    "leave the field out, or set `certificate.validation` to `EMAIL`",
                )),
                None => Ok(()),
            };
        }
        match &self.validation_domain {
            Some(asked) if !domain.enclosing().any(|name| name == asked.as_str()) => {
                let names: Vec<String> = domain.enclosing().map(|name| format!("`{name}`")).collect();
                Err(StepError::invalid(
                    "certificate.validationDomain",
                    format!("`{asked}` is not `{domain}` or a name above it, up to `{}`", domain.registrable()),
                    format!("use {}, whose mailboxes somebody reads", names.join(" or ")),
                ))
            }
            _ => Ok(()),
        }
    }
}

/// How ACM checks that a name is ours.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum Validation {
    /// By CNAME records in the zone, which also renew the certificate for ever.
    #[default]
    #[serde(rename = "DNS")]
    Dns,
    /// By a click on a link in a mail, one for each name, and again for each renewal.
    #[serde(rename = "EMAIL")]
    Email,
}

impl Validation {
    /// The name as ACM takes it.
    pub fn as_str(self) -> &'static str {
        match self {
            Validation::Dns => "DNS",
            Validation::Email => "EMAIL",
        }
    }
}

/// Key algorithms that ACM issues (AWS-FACTS 3.1.5).
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
