//! The life of a certificate, over MiniStack's ACM.
//!
//! Owns the status of every requested certificate, its validation records or mails and its event; MiniStack keeps ARN
//! and tags and checks the caller. MiniStack calls a certificate ISSUED at once; that word is never passed on. No mail
//! is sent: the control API clicks a link. Must not know who waits for a
//! certificate.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use http::Request;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use tokio::time::{Instant, sleep};

use crate::answer::{self, Answer, replace_body};
use crate::clock::iso;
use crate::dns::{Look, is_within, plain};
use crate::emulator::EmulatorError;
use crate::events::{self, Event};
use crate::{Local, lock, sigv4};

/// ACM tries for 72 hours (AWS-FACTS 3.2.4).
const VALIDATION_SECS: f64 = 72.0 * 3600.0;
/// An idempotency token is remembered for an hour (AWS-FACTS 3.1.4).
const TOKEN_SECS: f64 = 3600.0;
/// Validity since February 2026 (AWS-FACTS 3.2.5).
const VALID_DAYS: f64 = 198.0;
const DAY_SECS: f64 = 86_400.0;
/// The default quota of names (AWS-FACTS 3.1.1).
const MAX_NAMES: usize = 10;
/// The mailboxes of a validation domain that get a mail (AWS-FACTS 3.2.6).
const MAILBOXES: [&str; 5] = ["admin", "administrator", "hostmaster", "postmaster", "webmaster"];
/// Changes come in bursts.
const SETTLE: Duration = Duration::from_millis(50);
/// Zones can also change behind our back, by CloudFormation in MiniStack.
const LOOK_AGAIN: Duration = Duration::from_secs(1);

/// Where a certificate stands.
#[derive(Clone, Debug, PartialEq)]
enum Status {
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
struct Certificate {
    arn: String,
    /// The first is the domain name of the request.
    names: Vec<String>,
    method: String,
    /// Where the mails about each name go, in the order of the names.
    validation_domains: Vec<String>,
    key_algorithm: String,
    options: Value,
    token: Option<String>,
    /// In AWS time.
    requested: f64,
    /// In real time.
    records_at: Instant,
    status: Status,
    /// Base names whose record has been seen.
    seen: Vec<String>,
    /// Names for which somebody has clicked the link in a mail.
    clicked: Vec<String>,
    /// Since when all records have been in place, or all links clicked.
    complete_since: Option<Instant>,
}

/// All requested certificates, by ARN.
#[derive(Default)]
pub(crate) struct Certificates(Mutex<BTreeMap<String, Certificate>>);

/// The name that a certificate's name is validated by: its wildcard has the same (AWS-FACTS 3.2.2).
fn base(name: &str) -> &str {
    name.strip_prefix("*.").unwrap_or(name)
}

/// The validation record of a name: one per account and name, in every certificate (AWS-FACTS 3.2.3).
fn validation_record(account: &str, name: &str) -> (String, String) {
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

/// Whether CAA records let Amazon issue (AWS-FACTS 2.4.1).
fn caa_allows(values: &[String], wildcard: bool) -> bool {
    const AMAZON: [&str; 4] = ["amazon.com", "amazontrust.com", "awstrust.com", "amazonaws.com"];
    let of = |tag: &str| -> Vec<String> {
        values
            .iter()
            .filter_map(|value| {
                let mut parts = value.splitn(3, ' ');
                let (_flags, found, issuer) = (parts.next()?, parts.next()?, parts.next()?);
                let issuer = issuer.trim().trim_matches('"').split(';').next().unwrap_or_default().trim();
                found.eq_ignore_ascii_case(tag).then(|| issuer.to_ascii_lowercase())
            })
            .collect()
    };
    let (issue, issue_wild) = (of("issue"), of("issuewild"));
    let deciding = if wildcard && !issue_wild.is_empty() { issue_wild } else { issue };
    deciding.is_empty() || deciding.iter().any(|issuer| AMAZON.contains(&issuer.as_str()))
}

/// Answers a call of the service.
pub(crate) async fn handle(local: &Arc<Local>, action: &str, request: Request<Bytes>) -> Answer {
    let input: Value = serde_json::from_slice(request.body()).unwrap_or(Value::Null);
    let arn = input["CertificateArn"].as_str().unwrap_or_default().to_owned();
    match action {
        "RequestCertificate" => request_certificate(local, &input, request).await,
        "DescribeCertificate" => {
            let mut answer = local.forward(request).await;
            if answer.status().is_success() {
                adopt(local, &arn).await;
                let users = users(local, Some(&arn)).await.unwrap_or_default();
                if let Some(shape) = local.certificates.describe(local, &arn, &users) {
                    replace_body(&mut answer, json!({ "Certificate": shape }).to_string());
                }
            }
            answer
        }
        "ListCertificates" => list_certificates(local, &input, request).await,
        "ResendValidationEmail" => {
            adopt(local, &arn).await;
            match local.certificates.cannot_resend(&arn, &input) {
                Some((code, message)) => {
                    let refusal = answer::json11_error(code, &message, None);
                    local.refuse(&request, refusal).await
                }
                None => local.forward(request).await,
            }
        }
        "GetCertificate" => {
            let answer = local.forward(request).await;
            if answer.status().is_success() && !local.certificates.is_issued(&arn).unwrap_or(true) {
                let message = format!("The certificate {arn} has not been issued.");
                return answer::json11_error("RequestInProgressException", &message, None);
            }
            answer
        }
        "DeleteCertificate" => {
            if users(local, Some(&arn)).await.is_ok_and(|users| users.contains_key(&arn)) {
                let message = format!("Certificate {arn} in account {} is in use.", local.account_id);
                let refusal = answer::json11_error("ResourceInUseException", &message, None);
                return local.refuse(&request, refusal).await;
            }
            let answer = local.forward(request).await;
            if answer.status().is_success() {
                lock(&local.certificates.0).remove(&arn);
            }
            answer
        }
        _ => local.forward(request).await,
    }
}

async fn request_certificate(local: &Arc<Local>, input: &Value, request: Request<Bytes>) -> Answer {
    let checked = requested_names(input).and_then(|names| Ok((validation_domains(input, &names)?, names)));
    let (validation_domains, names) = match checked {
        Ok(checked) => checked,
        Err((code, message)) => return local.refuse(&request, answer::json11_error(code, &message, None)).await,
    };
    let token = input["IdempotencyToken"].as_str().map(str::to_owned);
    // One at a time, so that two with the same token are one certificate.
    let _turn = local.certificate_requests.lock().await;
    let mut answer = local.forward(request).await;
    if !answer.status().is_success() {
        return answer;
    }
    let body: Value = serde_json::from_slice(answer.body()).unwrap_or_default();
    let Some(arn) = body["CertificateArn"].as_str() else { return answer };
    let now = local.clock.now();
    if let Some(earlier) = local.certificates.by_token(token.as_deref(), &names, region_of(arn), now) {
        // MiniStack knows no tokens and has made another one.
        let twin = json!({ "CertificateArn": arn });
        let emulator = local.emulator.in_region(region_of(arn).unwrap_or(&local.region));
        let _gone = emulator.json("acm", "CertificateManager.DeleteCertificate", &twin).await;
        replace_body(&mut answer, json!({ "CertificateArn": earlier }).to_string());
        return answer;
    }
    let certificate = Certificate {
        arn: arn.to_owned(),
        names,
        method: method(input).to_owned(),
        validation_domains,
        key_algorithm: input["KeyAlgorithm"].as_str().unwrap_or("RSA_2048").to_owned(),
        options: input["Options"].clone(),
        token,
        requested: now,
        records_at: Instant::now() + Duration::from_millis(local.settings().delays.certificate_records),
        status: Status::Pending,
        seen: Vec::new(),
        clicked: Vec::new(),
        complete_since: None,
    };
    lock(&local.certificates.0).insert(certificate.arn.clone(), certificate);
    local.wake_certificates();
    answer
}

/// The names of a request, the domain name first, or the error that ACM gives (AWS-FACTS 3.1.1, 3.1.2, 3.1.4, 3.1.5).
fn requested_names(input: &Value) -> Result<Vec<String>, (&'static str, String)> {
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
fn method(input: &Value) -> &str {
    input["ValidationMethod"].as_str().unwrap_or("EMAIL")
}

/// Where the mails about each name go: to the domain that the request gives for it, else to the name itself without a
/// leading `*` or `www` (ACM User Guide, email validation). What is given with another method is not looked at.
fn validation_domains(input: &Value, names: &[String]) -> Result<Vec<String>, (&'static str, String)> {
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

/// AWS-FACTS 3.1.3: mails about a name go to the same name or to one above it.
fn check_validation_domain(names: &[String], name: &str, domain: &str) -> Result<(), (&'static str, String)> {
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
fn region_of(arn: &str) -> Option<&str> {
    arn.split(':').nth(3)
}

/// Certificates can also be made by CloudFormation within MiniStack; such a one begins its life when it is first seen.
async fn adopt(local: &Arc<Local>, arn: &str) {
    if lock(&local.certificates.0).contains_key(arn) {
        return;
    }
    let input = json!({ "CertificateArn": arn });
    let emulator = local.emulator.in_region(region_of(arn).unwrap_or(&local.region));
    let Ok(found) = emulator.json("acm", "CertificateManager.DescribeCertificate", &input).await else { return };
    let found = &found["Certificate"];
    if found["Type"] == "IMPORTED" {
        return;
    }
    let names = found["SubjectAlternativeNames"].as_array().into_iter().flatten();
    let names: Vec<String> = names.filter_map(|name| name.as_str().map(str::to_ascii_lowercase)).collect();
    let certificate = Certificate {
        arn: arn.to_owned(),
        validation_domains: names.iter().map(|name| base(name).to_owned()).collect(),
        names,
        method: found["DomainValidationOptions"][0]["ValidationMethod"].as_str().unwrap_or("DNS").to_owned(),
        key_algorithm: "RSA_2048".to_owned(),
        options: Value::Null,
        token: None,
        requested: local.clock.now(),
        records_at: Instant::now() + Duration::from_millis(local.settings().delays.certificate_records),
        status: Status::Pending,
        seen: Vec::new(),
        clicked: Vec::new(),
        complete_since: None,
    };
    lock(&local.certificates.0).entry(arn.to_owned()).or_insert(certificate);
    local.wake_certificates();
}

/// Which custom domains use which certificate, or did so a moment ago. A certificate whose custom domain is gone is let go
/// some time after it was first asked about, so that whoever waits for that sees it in use, however busy the machine is.
async fn users(local: &Local, asked: Option<&str>) -> Result<HashMap<String, Vec<String>>, EmulatorError> {
    let mut users: HashMap<String, Vec<String>> = HashMap::new();
    for domain in crate::apigateway::domain_names(local).await? {
        let certificate = domain["domainNameConfigurations"][0]["certificateArn"].as_str().unwrap_or_default();
        users
            .entry(certificate.to_owned())
            .or_default()
            .push(domain["domainName"].as_str().unwrap_or_default().to_owned());
    }
    let (now, delay) = (Instant::now(), Duration::from_millis(local.settings().delays.certificate_release));
    let mut lingering = lock(&local.lingering);
    lingering.retain(|one| one.until.is_none_or(|until| until > now));
    for one in lingering.iter_mut() {
        if asked == Some(one.certificate.as_str()) {
            one.until.get_or_insert(now + delay);
        }
        users.entry(one.certificate.clone()).or_default().push(one.domain.clone());
    }
    Ok(users)
}

/// A certificate that counts as in use although its custom domain is gone or has another one.
#[derive(Debug)]
pub(crate) struct Lingering {
    certificate: String,
    domain: String,
    /// Set when somebody first asks about the certificate.
    until: Option<Instant>,
}

/// The certificate of a custom domain, which stays in use for a while after the domain is gone or has another one
/// (AWS-FACTS 3.4.3).
pub(crate) async fn certificate_of(local: &Local, domain: &str) -> Option<String> {
    let domains = crate::apigateway::domain_names(local).await.ok()?;
    let found = domains.iter().find(|one| one["domainName"] == domain)?;
    found["domainNameConfigurations"][0]["certificateArn"].as_str().map(str::to_owned)
}

/// Keeps a certificate in use although its custom domain is gone or has another one.
pub(crate) fn linger(local: &Local, certificate: String, domain: &str) {
    lock(&local.lingering).push(Lingering { certificate, domain: domain.to_owned(), until: None });
}

/// AWS-FACTS 3.4.2: behind a regional custom domain stands a load balancer in an account of AWS.
fn load_balancer(region: &str, domain: &str) -> String {
    let hash: String = Sha256::digest(domain).iter().take(8).map(|byte| format!("{byte:02x}")).collect();
    format!("arn:aws:elasticloadbalancing:{region}:111122223333:loadbalancer/net/apigateway/{hash}")
}

async fn list_certificates(local: &Arc<Local>, input: &Value, request: Request<Bytes>) -> Answer {
    let region = sigv4::scope(request.uri(), request.headers()).map(|scope| scope.region);
    // MiniStack checks the caller; its own statuses are not used, so its filters are not either.
    let mut answer = local.forward(request).await;
    if !answer.status().is_success() {
        return answer;
    }
    let emulator = local.emulator.in_region(region.as_deref().unwrap_or(&local.region));
    let listed = emulator.json("acm", "CertificateManager.ListCertificates", &json!({})).await.unwrap_or_default();
    let mut summaries = Vec::new();
    let users = users(local, None).await.unwrap_or_default();
    for summary in listed["CertificateSummaryList"].as_array().into_iter().flatten() {
        let arn = summary["CertificateArn"].as_str().unwrap_or_default();
        adopt(local, arn).await;
        let shape = local.certificates.describe(local, arn, &users);
        summaries.push(shape.map_or_else(|| summary.clone(), |shape| summarise(&shape)));
    }
    match select(summaries, input) {
        Ok(output) => replace_body(&mut answer, output.to_string()),
        Err(message) => return answer::json11_error("InvalidArgsException", &message, None),
    }
    answer
}

/// A line of ListCertificates.
fn summarise(shape: &Value) -> Value {
    let names = shape["SubjectAlternativeNames"].clone();
    let mut summary = json!({
        "SubjectAlternativeNameSummaries": names,
        "HasAdditionalSubjectAlternativeNames": false,
        "InUse": shape["InUseBy"].as_array().is_some_and(|users| !users.is_empty()),
        "Exported": false,
    });
    for field in [
        "CertificateArn",
        "DomainName",
        "Status",
        "Type",
        "KeyAlgorithm",
        "RenewalEligibility",
        "CreatedAt",
        "IssuedAt",
        "NotBefore",
        "NotAfter",
    ] {
        if !shape[field].is_null() {
            summary[field] = shape[field].clone();
        }
    }
    summary
}

/// Filters, order and page of ListCertificates. Other keys than RSA_2048 show only when they are asked for
/// (AWS-FACTS 3.2.11).
fn select(mut summaries: Vec<Value>, input: &Value) -> Result<Value, String> {
    let keys: Vec<&str> = match input["Includes"]["keyTypes"].as_array() {
        Some(keys) => keys.iter().filter_map(Value::as_str).collect(),
        None => vec!["RSA_1024", "RSA_2048"],
    };
    summaries.retain(|summary| summary["KeyAlgorithm"].as_str().is_none_or(|key| keys.contains(&key)));
    if let Some(statuses) = input["CertificateStatuses"].as_array().filter(|statuses| !statuses.is_empty()) {
        summaries.retain(|summary| statuses.contains(&summary["Status"]));
    }
    if input["SortBy"] == "CREATED_AT" {
        let created = |summary: &Value| summary["CreatedAt"].as_f64().unwrap_or_default();
        summaries.sort_by(|one, other| created(one).total_cmp(&created(other)));
        if input["SortOrder"] == "DESCENDING" {
            summaries.reverse();
        }
    }
    let start = match input["NextToken"].as_str() {
        None => 0,
        Some(token) => token.parse::<usize>().map_err(|_| "The NextToken is not valid.".to_owned())?,
    };
    let count = input["MaxItems"].as_u64().and_then(|count| usize::try_from(count).ok()).unwrap_or(1_000);
    let end = start.saturating_add(count);
    let more = end < summaries.len();
    let page: Vec<Value> = summaries.into_iter().take(end).skip(start).collect();
    let mut output = json!({ "CertificateSummaryList": page });
    if more {
        output["NextToken"] = json!(end.to_string());
    }
    Ok(output)
}

impl Certificates {
    fn by_token(&self, token: Option<&str>, names: &[String], region: Option<&str>, now: f64) -> Option<String> {
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
    fn is_issued(&self, arn: &str) -> Option<bool> {
        lock(&self.0).get(arn).map(|certificate| matches!(certificate.status, Status::Issued(_)))
    }

    fn describe(&self, local: &Local, arn: &str, users: &HashMap<String, Vec<String>>) -> Option<Value> {
        let certificates = lock(&self.0);
        let certificate = certificates.get(arn)?;
        let show_records = Instant::now() >= certificate.records_at;
        let in_use = users.get(arn).into_iter().flatten().map(|domain| load_balancer(&local.region, domain)).collect();
        Some(certificate.shape(&local.account_id, show_records, in_use))
    }

    /// Why mails about a name cannot be sent again (the service model's errors); `None` also for a certificate that is
    /// not ours to judge.
    fn cannot_resend(&self, arn: &str, input: &Value) -> Option<(&'static str, String)> {
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

    fn pending(&self) -> Vec<Certificate> {
        lock(&self.0).values().filter(|certificate| certificate.status == Status::Pending).cloned().collect()
    }

    fn change(&self, arn: &str, change: impl FnOnce(&mut Certificate)) {
        if let Some(certificate) = lock(&self.0).get_mut(arn) {
            change(certificate);
        }
    }
}

/// Why API Gateway does not take a certificate for a host (AWS-FACTS 4.4.1), if it does not.
pub(crate) async fn unusable(local: &Arc<Local>, arn: &str, host: &str) -> Option<String> {
    adopt(local, arn).await;
    if let Some(certificate) = lock(&local.certificates.0).get(arn)
        && region_of(arn) == Some(&local.region)
    {
        if !matches!(certificate.status, Status::Issued(_)) {
            return Some(format!("The certificate {arn} is not issued: its status is {}.", certificate.status.name()));
        }
        return (!covers(&certificate.names, host))
            .then(|| format!("The domain name {host} is not covered by the certificate {arn}."));
    }
    let input = json!({ "CertificateArn": arn });
    match local.emulator.json("acm", "CertificateManager.DescribeCertificate", &input).await {
        // An imported one: MiniStack does not read its names.
        Ok(_) => None,
        Err(_) => Some(format!("The certificate {arn} does not exist in {}.", local.region)),
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
    fn issued_event(&self, at: f64) -> Event {
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

/// Moves certificates on, for as long as the server runs.
pub(crate) async fn watch(local: Arc<Local>) {
    loop {
        // Before the look, so that a change during it is not missed.
        let changed = local.certificates_changed.notified();
        let next = match advance(&local).await {
            Ok(next) => next,
            // MiniStack is busy or going away; the server notices the latter itself.
            Err(_) => Some(LOOK_AGAIN),
        };
        match next {
            Some(wait) => tokio::select! { () = changed => {}, () = sleep(wait) => {} },
            None => changed.await,
        }
        sleep(SETTLE).await;
    }
}

/// One look at all pending certificates. Gives the time until the next is worth it; `None` when none is pending.
async fn advance(local: &Arc<Local>) -> Result<Option<Duration>, EmulatorError> {
    let pending = local.certificates.pending();
    if pending.is_empty() {
        return Ok(None);
    }
    let mut look = Look::new(&local.emulator).await?;
    let issue_delay = Duration::from_millis(local.settings().delays.certificate_issue);
    let mut next = LOOK_AGAIN;
    for certificate in pending {
        if local.clock.now() - certificate.requested > VALIDATION_SECS {
            local.certificates.change(&certificate.arn, |certificate| certificate.status = Status::TimedOut);
            continue;
        }
        let by_dns = certificate.method == "DNS";
        let seen = if by_dns { records_in_place(local, &mut look, &certificate).await? } else { Vec::new() };
        let complete = if by_dns {
            certificate.names.iter().all(|name| seen.iter().any(|seen| seen == base(name)))
        } else {
            // One mail for each name, the wildcard's and the apex's too, although they go to the same mailboxes
            // (AWS-FACTS 3.2.7).
            certificate.names.iter().all(|name| certificate.clicked.contains(name))
        };
        let now = Instant::now();
        let since = complete.then(|| certificate.complete_since.unwrap_or(now));
        local
            .certificates
            .change(&certificate.arn, |certificate| (certificate.seen, certificate.complete_since) = (seen, since));
        let Some(since) = since else { continue };
        let left = (since + issue_delay).saturating_duration_since(now);
        if !left.is_zero() {
            next = next.min(left);
            continue;
        }
        if let Some(refusing) = refused_by_caa(local, &mut look, &certificate).await? {
            debug_assert!(certificate.names.contains(&refusing));
            local.certificates.change(&certificate.arn, |certificate| certificate.status = Status::Failed("CAA_ERROR"));
            continue;
        }
        issue(local, &certificate);
    }
    Ok(Some(next))
}

fn issue(local: &Arc<Local>, certificate: &Certificate) {
    let at = local.clock.now();
    local.certificates.change(&certificate.arn, |certificate| certificate.status = Status::Issued(at));
    let registry = lock(&local.registry);
    if certificate.names.iter().any(|name| registry.suppresses_events(name)) {
        return;
    }
    drop(registry);
    let event = certificate.issued_event(at);
    let sender = Arc::clone(local);
    // Best effort, as on AWS (AWS-FACTS 3.3.1).
    local.spawn(async move {
        let _lost = events::deliver(&sender, &event).await;
    });
}

/// The base names whose validation record stands in the live zone.
async fn records_in_place(
    local: &Local,
    look: &mut Look<'_>,
    certificate: &Certificate,
) -> Result<Vec<String>, EmulatorError> {
    let mut seen: Vec<String> = Vec::new();
    for name in &certificate.names {
        let base = base(name);
        if seen.iter().any(|seen| seen == base) {
            continue;
        }
        let (owner, target) = validation_record(&local.account_id, name);
        let found = look.find(&local.registry, &plain(&owner), "CNAME", &mut Vec::new()).await?;
        if let Ok(Some(record)) = found
            && record.values.iter().any(|value| plain(value) == plain(&target))
        {
            seen.push(base.to_owned());
        }
    }
    Ok(seen)
}

/// The first name that CAA forbids Amazon to certify. The closest CAA records at or above the name decide.
async fn refused_by_caa(
    local: &Local,
    look: &mut Look<'_>,
    certificate: &Certificate,
) -> Result<Option<String>, EmulatorError> {
    for name in &certificate.names {
        let mut at = base(name);
        loop {
            let found = look.find(&local.registry, at, "CAA", &mut Vec::new()).await?;
            if let Ok(Some(record)) = &found
                && record.kind == "CAA"
            {
                if !caa_allows(&record.values, name.starts_with("*.")) {
                    return Ok(Some(name.clone()));
                }
                break;
            }
            match at.split_once('.') {
                // Above the registered name there is nothing of ours to read.
                Some((_, parent)) if found.is_ok() => at = parent,
                _ => break,
            }
        }
    }
    Ok(None)
}

/// Somebody clicks the link in the mail about a name. Why that cannot be, if it cannot.
pub(crate) async fn click(local: &Arc<Local>, id: &str, name: &str) -> Result<(), String> {
    let arn = format!("arn:aws:acm:{}:{}:certificate/{id}", local.region, local.account_id);
    adopt(local, &arn).await;
    let now = local.clock.now();
    let name = plain(name);
    let clicked = {
        let mut certificates = lock(&local.certificates.0);
        let certificate = certificates.get_mut(&arn).ok_or_else(|| format!("there is no certificate {arn}"))?;
        certificate.click(&name, now)
    };
    local.wake_certificates();
    clicked
}

/// All certificates that MiniStack holds, adopted; for a caller that wants to see them.
pub(crate) async fn states(local: &Arc<Local>) -> Result<Value, EmulatorError> {
    let input = json!({});
    let listed = local.emulator.json("acm", "CertificateManager.ListCertificates", &input).await?;
    for summary in listed["CertificateSummaryList"].as_array().into_iter().flatten() {
        adopt(local, summary["CertificateArn"].as_str().unwrap_or_default()).await;
    }
    let users = users(local, None).await?;
    let arns: Vec<String> = lock(&local.certificates.0).keys().cloned().collect();
    let shapes: Vec<Value> = arns.iter().filter_map(|arn| local.certificates.describe(local, arn, &users)).collect();
    Ok(json!({ "certificates": shapes }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(names: &[&str]) -> Vec<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    #[test]
    fn apex_and_wildcard_share_one_record_and_accounts_do_not() {
        let apex = validation_record("000000000000", "a.com");
        assert_eq!(apex, validation_record("000000000000", "*.a.com"));
        assert_ne!(apex, validation_record("111111111111", "a.com"));
        assert_ne!(apex, validation_record("000000000000", "b.com"));
        let (name, value) = apex;
        assert!(name.starts_with('_') && name.ends_with(".a.com.") && name.len() == 1 + 32 + ".a.com.".len());
        assert!(value.starts_with('_') && value.ends_with(".acm-validations.aws."));
    }

    #[test]
    fn a_wildcard_covers_one_label() {
        let certificate = names(&["a.com", "*.a.com"]);
        for (host, expected) in [
            ("a.com", true),
            ("API.a.com", true),
            ("v1.api.a.com", false),
            ("xa.com", false),
            (".a.com", false),
            ("com", false),
        ] {
            assert_eq!(covers(&certificate, host), expected, "{host}");
        }
        assert!(!covers(&names(&["*.a.com"]), "a.com"));
    }

    #[test]
    fn caa_allows_amazon_or_not() {
        let allows = |values: &[&str], wildcard| caa_allows(&names(values), wildcard);
        assert!(allows(&[], false));
        assert!(allows(&["0 issue \"amazon.com\""], false));
        assert!(allows(&["0 issue \"amazon.com\""], true));
        assert!(allows(&["0 issue \"letsencrypt.org\"", "0 issue \"awstrust.com; x=y\""], false));
        assert!(!allows(&["0 issue \"letsencrypt.org\""], false));
        assert!(!allows(&["0 issue \";\""], false));
        assert!(!allows(&["0 issue \"amazon.com\"", "0 issuewild \";\""], true));
        assert!(allows(&["0 issue \"amazon.com\"", "0 issuewild \";\""], false));
        assert!(allows(&["0 issuewild \"letsencrypt.org\""], false));
        assert!(allows(&["0 iodef \"mailto:a@example.com\""], false));
    }

    #[test]
    fn requests_are_checked_as_acm_does() {
        let code = |input: Value| requested_names(&input).err().map(|(code, _)| code);
        let request = |more: Value| {
            let mut input = json!({ "DomainName": "a.com" });
            for (name, value) in more.as_object().unwrap() {
                input[name] = value.clone();
            }
            input
        };
        let twice = request(json!({ "SubjectAlternativeNames": ["a.com", "*.A.com"] }));
        assert_eq!(requested_names(&twice).ok(), Some(names(&["a.com", "*.a.com"])));
        let uuid = "11111111-2222-3333-4444-555555555555";
        assert_eq!(code(request(json!({ "IdempotencyToken": uuid }))), Some("ValidationException"));
        assert_eq!(code(request(json!({ "IdempotencyToken": "a".repeat(33) }))), Some("ValidationException"));
        assert_eq!(code(request(json!({ "IdempotencyToken": "a_B9" }))), None);
        assert_eq!(code(request(json!({ "DomainName": "a.*.com" }))), Some("ValidationException"));
        assert_eq!(
            code(request(json!({ "DomainName": format!("{}.{}.com", "a".repeat(40), "b".repeat(40)) }))),
            Some("InvalidDomainValidationOptionsException")
        );
        let many: Vec<String> = (0..10).map(|index| format!("n{index}.a.com")).collect();
        assert_eq!(code(request(json!({ "SubjectAlternativeNames": many }))), Some("LimitExceededException"));
        assert_eq!(code(request(json!({ "KeyAlgorithm": "RSA_4096" }))), Some("InvalidParameterException"));
    }

    fn certificate() -> Certificate {
        Certificate {
            arn: "arn:c".to_owned(),
            names: names(&["a.com", "*.a.com", "b.com"]),
            method: "DNS".to_owned(),
            validation_domains: names(&["a.com", "a.com", "b.com"]),
            key_algorithm: "RSA_2048".to_owned(),
            options: Value::Null,
            token: None,
            requested: 1_000.0,
            records_at: Instant::now(),
            status: Status::Pending,
            seen: names(&["a.com"]),
            clicked: Vec::new(),
            complete_since: None,
        }
    }

    #[test]
    fn a_pending_certificate_shows_records_late_and_no_dates() {
        let early = certificate().shape("000000000000", false, vec![]);
        assert_eq!(early["Status"], "PENDING_VALIDATION");
        assert!(early["DomainValidationOptions"][0]["ResourceRecord"].is_null());
        let later = certificate().shape("000000000000", true, vec![]);
        let options = later["DomainValidationOptions"].as_array().unwrap();
        assert_eq!(options[0]["ResourceRecord"], options[1]["ResourceRecord"]);
        assert_ne!(options[0]["ResourceRecord"], options[2]["ResourceRecord"]);
        let statuses: Vec<&str> = options.iter().map(|option| option["ValidationStatus"].as_str().unwrap()).collect();
        assert_eq!(statuses, ["SUCCESS", "SUCCESS", "PENDING_VALIDATION"]);
        assert!(later["NotAfter"].is_null() && later["IssuedAt"].is_null() && later["FailureReason"].is_null());
    }

    fn by_mail() -> Certificate {
        Certificate { method: "EMAIL".to_owned(), seen: Vec::new(), ..certificate() }
    }

    #[test]
    fn a_certificate_by_mail_shows_its_mailboxes_late_and_no_record() {
        let early = by_mail().shape("000000000000", false, vec![]);
        assert!(early["DomainValidationOptions"][0]["ValidationEmails"].is_null());
        let later = by_mail().shape("000000000000", true, vec![]);
        for option in later["DomainValidationOptions"].as_array().unwrap() {
            assert!(
                option["ResourceRecord"].is_null() && option["ValidationStatus"] == "PENDING_VALIDATION",
                "{option}"
            );
            let domain = option["ValidationDomain"].as_str().unwrap();
            assert_eq!(option["ValidationEmails"][0], format!("admin@{domain}"));
            assert_eq!(option["ValidationEmails"].as_array().map(Vec::len), Some(5));
        }
        let by_dns = certificate().shape("000000000000", true, vec![]);
        assert!(by_dns["DomainValidationOptions"][0]["ValidationEmails"].is_null());
    }

    #[test]
    fn each_name_needs_a_click_of_its_own_in_time() {
        let mut certificate = by_mail();
        assert_eq!(certificate.click("*.a.com", 1_000.0), Ok(()));
        assert_eq!(certificate.click("*.a.com", 1_000.0), Ok(()), "twice is once");
        assert_eq!(certificate.clicked, ["*.a.com"]);
        let shape = certificate.shape("000000000000", true, vec![]);
        let options = shape["DomainValidationOptions"].as_array().unwrap();
        let statuses: Vec<&str> = options.iter().map(|option| option["ValidationStatus"].as_str().unwrap()).collect();
        assert_eq!(statuses, ["PENDING_VALIDATION", "SUCCESS", "PENDING_VALIDATION"]);
        assert!(certificate.click("c.com", 1_000.0).is_err(), "no name of it");
        assert!(certificate.click("a.com", 1_001.0 + VALIDATION_SECS).is_err(), "too late");
        certificate.records_at = Instant::now() + Duration::from_secs(60);
        assert!(certificate.click("a.com", 1_000.0).is_err(), "no mail yet");
        let mut issued = Certificate { status: Status::Issued(2_000.0), ..by_mail() };
        assert!(issued.click("a.com", 2_001.0).is_err());
        let mut by_dns = Certificate { method: "DNS".to_owned(), ..by_mail() };
        assert!(by_dns.click("a.com", 1_000.0).is_err());
    }

    #[test]
    fn mails_go_to_the_name_or_above_it() {
        let request = |method: &str, options: Value| {
            let input = json!({ "ValidationMethod": method, "DomainValidationOptions": options });
            validation_domains(&input, &names(&["x.a.com", "*.x.a.com", "www.x.a.com"]))
        };
        let option = |name: &str, domain: &str| json!([{ "DomainName": name, "ValidationDomain": domain }]);
        assert_eq!(request("EMAIL", Value::Null), Ok(names(&["x.a.com", "x.a.com", "x.a.com"])));
        assert_eq!(request("EMAIL", option("*.x.a.com", "A.com")), Ok(names(&["x.a.com", "a.com", "x.a.com"])));
        for (name, domain) in
            [("x.a.com", "y.x.a.com"), ("x.a.com", "b.com"), ("x.a.com", "com"), ("y.a.com", "a.com"), ("x.a.com", "")]
        {
            let refused = request("EMAIL", option(name, domain)).map_err(|(code, _)| code);
            assert_eq!(refused, Err("InvalidDomainValidationOptionsException"), "{name} {domain}");
        }
        assert!(request("DNS", option("x.a.com", "b.com")).is_ok());
    }

    #[test]
    fn mails_are_sent_again_only_while_they_are_waited_for() {
        let code = |certificate: Certificate, name: &str, domain: &str| {
            let certificates = Certificates(Mutex::new(BTreeMap::from([("arn:c".to_owned(), certificate)])));
            let input = json!({ "Domain": name, "ValidationDomain": domain });
            certificates.cannot_resend("arn:c", &input).map(|(code, _)| code)
        };
        assert_eq!(code(by_mail(), "*.a.com", "a.com"), None);
        assert_eq!(code(by_mail(), "c.com", "c.com"), Some("InvalidDomainValidationOptionsException"));
        assert_eq!(code(by_mail(), "a.com", "x.a.com"), Some("InvalidDomainValidationOptionsException"));
        assert_eq!(code(certificate(), "a.com", "a.com"), Some("InvalidStateException"), "validated by DNS");
        let timed_out = Certificate { status: Status::TimedOut, ..by_mail() };
        assert_eq!(code(timed_out, "a.com", "a.com"), Some("InvalidStateException"));
    }

    #[test]
    fn an_issued_or_failed_certificate_says_so() {
        let issued = Certificate { status: Status::Issued(2_000.0), ..certificate() };
        let shape = issued.shape("000000000000", true, vec!["arn:lb".to_owned()]);
        assert_eq!(
            (shape["Status"].as_str(), shape["NotAfter"].as_f64()),
            (Some("ISSUED"), Some(2_000.0 + 198.0 * 86_400.0))
        );
        assert_eq!(shape["DomainValidationOptions"][2]["ValidationStatus"], "SUCCESS");
        assert_eq!(shape["RenewalEligibility"], "ELIGIBLE");
        let failed = Certificate { status: Status::Failed("CAA_ERROR"), ..certificate() };
        assert_eq!(failed.shape("000000000000", true, vec![])["FailureReason"], "CAA_ERROR");
        let event = issued.issued_event(2_000.0);
        assert_eq!((event.resources, event.detail["Action"].as_str()), (vec!["arn:c".to_owned()], Some("ISSUANCE")));
    }

    #[test]
    fn lists_hide_other_keys_unless_asked() {
        let list = vec![
            json!({ "CertificateArn": "rsa", "Status": "ISSUED", "KeyAlgorithm": "RSA_2048", "CreatedAt": 2.0 }),
            json!({ "CertificateArn": "ec", "Status": "ISSUED", "KeyAlgorithm": "EC_prime256v1", "CreatedAt": 1.0 }),
            json!({ "CertificateArn": "new", "Status": "PENDING_VALIDATION", "KeyAlgorithm": "RSA_2048", "CreatedAt": 3.0 }),
        ];
        let arns = |input: Value| -> Vec<String> {
            let output = select(list.clone(), &input).unwrap();
            let list = output["CertificateSummaryList"].as_array().unwrap();
            list.iter().map(|summary| summary["CertificateArn"].as_str().unwrap().to_owned()).collect()
        };
        assert_eq!(arns(json!({})), ["rsa", "new"]);
        assert_eq!(arns(json!({ "Includes": { "keyTypes": ["EC_prime256v1"] } })), ["ec"]);
        assert_eq!(arns(json!({ "CertificateStatuses": ["ISSUED"] })), ["rsa"]);
        assert_eq!(arns(json!({ "SortBy": "CREATED_AT", "SortOrder": "DESCENDING" })), ["new", "rsa"]);
        assert_eq!(arns(json!({ "MaxItems": 1, "NextToken": "1" })), ["new"]);
    }
}
