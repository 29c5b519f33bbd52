//! Certificates that have been requested: where each stands, and how ACM shows it.
//!
//! Owns the status of every one, its names, validation records and mails, and its event. Pure state: the time is an
//! argument, nothing is asked. Sources: AWS-FACTS 3 (ACM). Must not know what moves a certificate on.

use std::collections::{BTreeMap, HashMap};
use std::sync::Mutex;

use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use tokio::time::Instant;

use crate::clock::iso;
use crate::domain_name::{is_within, plain};
use crate::lock::lock;
use crate::service_event::Event;

/// ACM tries for 72 hours (AWS-FACTS 3.2.4).
pub(crate) const VALIDATION_SECS: f64 = 72.0 * 3600.0;
/// An idempotency token is remembered for an hour (AWS-FACTS 3.1.4).
const TOKEN_SECS: f64 = 3600.0;
/// Validity since February 2026 (AWS-FACTS 3.2.5).
const VALID_DAYS: f64 = 198.0;
const DAY_SECS: f64 = 86_400.0;
/// The mailboxes of a validation domain that get a mail (AWS-FACTS 3.2.6).
const MAILBOXES: [&str; 5] = ["admin", "administrator", "hostmaster", "postmaster", "webmaster"];

/// Where a certificate stands.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Status {
    Pending,
    /// Since when, in AWS time.
    Issued(f64),
    Failed(&'static str),
    TimedOut,
}

impl Status {
    fn name(&self) -> &'static str {
        match self {
            Self::Pending => "PENDING_VALIDATION",
            Self::Issued(_) => "ISSUED",
            Self::Failed(_) => "FAILED",
            Self::TimedOut => "VALIDATION_TIMED_OUT",
        }
    }
}

/// A requested certificate.
#[derive(Clone, Debug)]
pub(crate) struct Certificate {
    pub(crate) arn: String,
    /// The first is the domain name of the request.
    pub(crate) names: Vec<String>,
    pub(crate) method: String,
    /// Where the mails about each name go, in the order of the names.
    pub(crate) validation_domains: Vec<String>,
    pub(crate) key_algorithm: String,
    pub(crate) options: Value,
    pub(crate) token: Option<String>,
    /// In AWS time.
    pub(crate) requested: f64,
    /// In real time.
    pub(crate) records_at: Instant,
    pub(crate) status: Status,
    /// Base names whose record has been seen.
    pub(crate) seen: Vec<String>,
    /// Names for which somebody has clicked the link in a mail.
    pub(crate) clicked: Vec<String>,
    /// Since when all records have been in place, or all links clicked.
    pub(crate) complete_since: Option<Instant>,
}

/// All requested certificates, by ARN.
#[derive(Default)]
pub(crate) struct Certificates(Mutex<BTreeMap<String, Certificate>>);

/// The name that a certificate's name is validated by: its wildcard has the same (AWS-FACTS 3.2.2).
pub(crate) fn base(name: &str) -> &str {
    name.strip_prefix("*.").unwrap_or(name)
}

/// The validation record of a name: one per account and name, in every certificate (AWS-FACTS 3.2.3).
pub(crate) fn validation_record(account: &str, name: &str) -> (String, String) {
    let base = base(name);
    let hex = |salt: &str| -> String {
        Sha256::digest(format!("{salt}:{account}:{base}")).iter().take(16).map(|byte| format!("{byte:02x}")).collect()
    };
    let letters: String = Sha256::digest(account).iter().take(10).map(|byte| char::from(b'a' + byte % 26)).collect();
    (format!("_{}.{base}.", hex("name")), format!("_{}.{letters}.acm-validations.aws.", hex("value")))
}

/// Whether a certificate for `names` serves `host`: by its name, or by a wildcard one label above.
fn covers(names: &[String], host: &str) -> bool {
    let host = plain(host);
    names.iter().any(|name| match name.strip_prefix("*.") {
        Some(parent) => host.split_once('.').is_some_and(|(label, rest)| rest == parent && !label.is_empty()),
        None => *name == host,
    })
}

/// AWS-FACTS 3.1.3: mails about a name go to the same name or to one above it.
pub(crate) fn check_validation_domain(
    names: &[String],
    name: &str,
    domain: &str,
) -> Result<(), (&'static str, String)> {
    const CODE: &str = "InvalidDomainValidationOptionsException";
    if !names.iter().any(|known| known == name) {
        return Err((CODE, format!("The domain {name} is not one of the certificate's.")));
    }
    if !domain.contains('.') || !is_within(base(name), domain) {
        return Err((CODE, format!("The validation domain {domain} is not {name} or a superdomain of it.")));
    }
    Ok(())
}

/// The addresses that get a mail.
fn mailboxes(domain: &str) -> Vec<String> {
    MAILBOXES.iter().map(|mailbox| format!("{mailbox}@{domain}")).collect()
}

/// The serial number of an issued certificate, in the form in which ACM says it.
pub(crate) fn serial(arn: &str) -> String {
    let bytes: Vec<String> = Sha256::digest(arn).iter().take(16).map(|byte| format!("{byte:02x}")).collect();
    bytes.join(":")
}

/// The region that an ARN names.
pub(crate) fn region_of(arn: &str) -> Option<&str> {
    arn.split(':').nth(3)
}

/// AWS-FACTS 3.4.2: behind a regional custom domain stands a load balancer in an account of AWS.
fn load_balancer(region: &str, domain: &str) -> String {
    let hash: String = Sha256::digest(domain).iter().take(8).map(|byte| format!("{byte:02x}")).collect();
    format!("arn:aws:elasticloadbalancing:{region}:111122223333:loadbalancer/net/apigateway/{hash}")
}

impl Certificates {
    pub(crate) fn by_token(
        &self,
        token: Option<&str>,
        names: &[String],
        region: Option<&str>,
        now: f64,
    ) -> Option<String> {
        let token = token?;
        lock(&self.0)
            .values()
            .find(|certificate| {
                certificate.token.as_deref() == Some(token)
                    && certificate.names == names
                    && region_of(&certificate.arn) == region
                    && now - certificate.requested < TOKEN_SECS
            })
            .map(|certificate| certificate.arn.clone())
    }

    /// Whether it is issued; `None` for one that is not ours to judge.
    pub(crate) fn is_issued(&self, arn: &str) -> Option<bool> {
        lock(&self.0).get(arn).map(|certificate| matches!(certificate.status, Status::Issued(_)))
    }

    pub(crate) fn describe(
        &self,
        region: &str,
        account: &str,
        arn: &str,
        users: &HashMap<String, Vec<String>>,
    ) -> Option<Value> {
        let certificates = lock(&self.0);
        let certificate = certificates.get(arn)?;
        let show_records = Instant::now() >= certificate.records_at;
        let in_use = users.get(arn).into_iter().flatten().map(|domain| load_balancer(region, domain)).collect();
        Some(certificate.shape(account, show_records, in_use))
    }

    /// Why mails about a name cannot be sent again (the service model's errors); `None` also for a certificate that is
    /// not ours to judge.
    pub(crate) fn cannot_resend(&self, arn: &str, input: &Value) -> Option<(&'static str, String)> {
        const STATE: &str = "InvalidStateException";
        let certificates = lock(&self.0);
        let certificate = certificates.get(arn)?;
        let text = |field: &str| plain(input[field].as_str().unwrap_or_default());
        let (name, domain) = (text("Domain"), text("ValidationDomain"));
        if let Err(refusal) = check_validation_domain(&certificate.names, &name, &domain) {
            return Some(refusal);
        }
        if certificate.method != "EMAIL" {
            return Some((STATE, format!("{name} is not validated by e-mail.")));
        }
        (certificate.status != Status::Pending)
            .then(|| (STATE, format!("The certificate {arn} is {}.", certificate.status.name())))
    }

    pub(crate) fn pending(&self) -> Vec<Certificate> {
        lock(&self.0).values().filter(|certificate| certificate.status == Status::Pending).cloned().collect()
    }

    pub(crate) fn change(&self, arn: &str, change: impl FnOnce(&mut Certificate)) {
        if let Some(certificate) = lock(&self.0).get_mut(arn) {
            change(certificate);
        }
    }

    pub(crate) fn contains(&self, arn: &str) -> bool {
        lock(&self.0).contains_key(arn)
    }

    pub(crate) fn arns(&self) -> Vec<String> {
        lock(&self.0).keys().cloned().collect()
    }

    /// A certificate as it was requested.
    pub(crate) fn insert(&self, certificate: Certificate) {
        lock(&self.0).insert(certificate.arn.clone(), certificate);
    }

    /// A certificate that was requested elsewhere; what is known of it stands.
    pub(crate) fn adopt(&self, certificate: Certificate) {
        lock(&self.0).entry(certificate.arn.clone()).or_insert(certificate);
    }

    pub(crate) fn remove(&self, arn: &str) {
        lock(&self.0).remove(arn);
    }

    /// Somebody clicks the link in the mail about a name. Why that cannot be, if it cannot.
    pub(crate) fn click(&self, arn: &str, name: &str, now: f64) -> Result<(), String> {
        let mut certificates = lock(&self.0);
        let certificate = certificates.get_mut(arn).ok_or_else(|| format!("there is no certificate {arn}"))?;
        certificate.click(name, now)
    }

    /// Whether it can serve `host`, or why not; `None` for one that is not ours to judge.
    pub(crate) fn serves(&self, arn: &str, host: &str) -> Option<Result<(), String>> {
        let certificates = lock(&self.0);
        let certificate = certificates.get(arn)?;
        if !matches!(certificate.status, Status::Issued(_)) {
            let status = certificate.status.name();
            return Some(Err(format!("The certificate {arn} is not issued: its status is {status}.")));
        }
        if !covers(&certificate.names, host) {
            return Some(Err(format!("The domain name {host} is not covered by the certificate {arn}.")));
        }
        Some(Ok(()))
    }
}

impl Certificate {
    /// The `CertificateDetail` of the service model.
    fn shape(&self, account: &str, show_records: bool, in_use: Vec<String>) -> Value {
        let options: Vec<Value> = self
            .names
            .iter()
            .zip(&self.validation_domains)
            .map(|(name, asked)| {
                let by_mail = self.method == "EMAIL";
                let status = match self.status {
                    Status::Issued(_) => "SUCCESS",
                    Status::Pending if self.seen.iter().any(|seen| seen == base(name)) => "SUCCESS",
                    Status::Pending if self.clicked.contains(name) => "SUCCESS",
                    Status::Pending => "PENDING_VALIDATION",
                    Status::Failed(_) | Status::TimedOut => "FAILED",
                };
                let mut option = json!({
                    "DomainName": name,
                    "ValidationDomain": if by_mail { asked } else { name },
                    "ValidationMethod": self.method,
                    "ValidationStatus": status,
                });
                if self.method == "DNS" && show_records {
                    let (name, value) = validation_record(account, name);
                    option["ResourceRecord"] = json!({ "Name": name, "Type": "CNAME", "Value": value });
                }
                if by_mail && show_records {
                    option["ValidationEmails"] = json!(mailboxes(asked));
                }
                option
            })
            .collect();
        let mut shape = json!({
            "CertificateArn": self.arn,
            "DomainName": self.names[0],
            "SubjectAlternativeNames": self.names,
            "DomainValidationOptions": options,
            "Subject": format!("CN={}", self.names[0]),
            "Issuer": "Amazon",
            "CreatedAt": self.requested,
            "Status": self.status.name(),
            "KeyAlgorithm": self.key_algorithm,
            "SignatureAlgorithm": if self.key_algorithm.starts_with("EC") { "SHA256WITHECDSA" } else { "SHA256WITHRSA" },
            "InUseBy": in_use,
            "Type": "AMAZON_ISSUED",
            "RenewalEligibility": if in_use.is_empty() { "INELIGIBLE" } else { "ELIGIBLE" },
            "Options": { "CertificateTransparencyLoggingPreference": "ENABLED" },
        });
        for (name, value) in self.options.as_object().into_iter().flatten() {
            shape["Options"][name] = value.clone();
        }
        match &self.status {
            Status::Issued(at) => {
                shape["Serial"] = json!(serial(&self.arn));
                shape["IssuedAt"] = json!(at);
                shape["NotBefore"] = json!(at);
                shape["NotAfter"] = json!(at + VALID_DAYS * DAY_SECS);
            }
            Status::Failed(reason) => shape["FailureReason"] = json!(reason),
            Status::Pending | Status::TimedOut => {}
        }
        shape
    }

    /// A link can be clicked once its mail has come, and works for 72 hours (AWS-FACTS 3.2.8).
    fn click(&mut self, name: &str, now: f64) -> Result<(), String> {
        if self.method != "EMAIL" || Instant::now() < self.records_at {
            return Err(format!("nobody has got a mail about {}", self.arn));
        }
        if !self.names.iter().any(|known| known == name) {
            return Err(format!("{name} is not a name of {}", self.arn));
        }
        if self.status != Status::Pending || now - self.requested > VALIDATION_SECS {
            return Err(format!("the link is of no use any more: {} is {}", self.arn, self.status.name()));
        }
        if !self.clicked.iter().any(|clicked| clicked == name) {
            self.clicked.push(name.to_owned());
        }
        Ok(())
    }

    /// AWS-FACTS 3.3.2.
    pub(crate) fn issued_event(&self, at: f64) -> Event {
        Event {
            source: "aws.acm".to_owned(),
            detail_type: "ACM Certificate Available".to_owned(),
            resources: vec![self.arn.clone()],
            detail: json!({
                "Action": "ISSUANCE",
                "CertificateType": "AMAZON_ISSUED",
                "CommonName": self.names[0],
                "DomainValidationMethod": self.method,
                "CertificateCreatedDate": iso(self.requested),
                "CertificateExpirationDate": iso(at + VALID_DAYS * DAY_SECS),
                "DaysToExpiry": VALID_DAYS,
                "InUse": false,
                "Exported": false,
            }),
        }
    }
}

#[cfg(test)]
mod tests;
