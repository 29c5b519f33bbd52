//! The certificate that a request describes. It must not know how ACM is asked.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::domain::CertificateName;

/// Names on one certificate, the domain included: ACM's default quota (AWS-FACTS 3.1).
pub const MAX_CERTIFICATE_NAMES: usize = 10;
/// Longest main name of a certificate, in characters (AWS-FACTS 3.1).
pub const MAX_COMMON_NAME_LENGTH: usize = 64;

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
