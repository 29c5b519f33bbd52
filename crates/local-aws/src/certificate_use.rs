//! Which custom domains use which certificate, or did so a moment ago. Must not know what is refused because of it.

use std::collections::HashMap;
use std::sync::Mutex;
use std::time::Duration;

use http::Method;
use serde_json::Value;
use tokio::time::Instant;

use crate::emulator::{Emulator, EmulatorError};
use crate::lock::lock;

/// A certificate that counts as in use although its custom domain is gone or has another one.
#[derive(Debug)]
struct Lingering {
    certificate: String,
    domain: String,
    /// Set when somebody first asks about the certificate.
    until: Option<Instant>,
}

/// The certificates that linger.
#[derive(Default)]
pub(crate) struct CertificateUse(Mutex<Vec<Lingering>>);

impl CertificateUse {
    /// The custom domains by certificate. A certificate whose custom domain is gone is let go some time after it was
    /// first asked about, so that whoever waits for that sees it in use, however busy the machine is.
    pub(crate) async fn users(
        &self,
        emulator: &Emulator,
        release: Duration,
        asked: Option<&str>,
    ) -> Result<HashMap<String, Vec<String>>, EmulatorError> {
        let mut users: HashMap<String, Vec<String>> = HashMap::new();
        for domain in domain_names(emulator).await? {
            let certificate = domain["domainNameConfigurations"][0]["certificateArn"].as_str().unwrap_or_default();
            users
                .entry(certificate.to_owned())
                .or_default()
                .push(domain["domainName"].as_str().unwrap_or_default().to_owned());
        }
        let now = Instant::now();
        let mut lingering = lock(&self.0);
        lingering.retain(|one| one.until.is_none_or(|until| until > now));
        for one in lingering.iter_mut() {
            if asked == Some(one.certificate.as_str()) {
                one.until.get_or_insert(now + release);
            }
            users.entry(one.certificate.clone()).or_default().push(one.domain.clone());
        }
        Ok(users)
    }

    /// Keeps a certificate in use although its custom domain is gone or has another one.
    pub(crate) fn linger(&self, certificate: String, domain: &str) {
        lock(&self.0).push(Lingering { certificate, domain: domain.to_owned(), until: None });
    }
}

/// All custom domain names, in the wire's shape.
async fn domain_names(emulator: &Emulator) -> Result<Vec<Value>, EmulatorError> {
    let names = emulator.rest_json("apigateway", Method::GET, "/v2/domainnames", None).await?;
    Ok(names["items"].as_array().cloned().unwrap_or_default())
}

/// The certificate of a custom domain, which stays in use for a while after the domain is gone or has another one
/// (AWS-FACTS 3.4.3).
pub(crate) async fn certificate_of(emulator: &Emulator, domain: &str) -> Option<String> {
    let domains = domain_names(emulator).await.ok()?;
    let found = domains.iter().find(|one| one["domainName"] == domain)?;
    found["domainNameConfigurations"][0]["certificateArn"].as_str().map(str::to_owned)
}
