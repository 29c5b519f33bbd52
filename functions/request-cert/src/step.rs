//! `request-cert`: one certificate for exactly the request's names, its status and its validation records.
//!
//! Reads: DescribeCertificate, ListCertificates, ListTagsForCertificate.
//! Writes: RequestCertificate where no usable certificate of ours exists; the watch on a pending one.
//! Token: hashed from the incarnation, the names, the key and the spent certificate that is replaced, so that
//! repeating the step within ACM's hour gives the same certificate.
//! NotReady: a certificate just requested is not readable, or a name lacks its record.
//! Failed: validation failed or timed out in this run, or the deadline passed. What an earlier run left in such
//! a state is replaced.
//! Certificates that are not ours by tags are never touched. It must not know zones: another step writes the records.

use std::collections::BTreeSet;

use aws_sdk_acm::Client as Acm;
use aws_sdk_acm::types::{
    CertificateDetail, CertificateStatus as Status, CertificateSummary, CertificateType, Filters, KeyAlgorithm, Tag,
    ValidationMethod,
};
use aws_sdk_dynamodb::Client as Dynamodb;
use aws_sdk_dynamodb::types::{AttributeValue, ReturnValuesOnConditionCheckFailure};
use nameplate::contract::{
    CERTIFICATE_DEADLINE_SECS, CertificateStatus, RequestCertInput, RequestCertOutput, ValidationRecord,
};
use nameplate::error::{classify, code_of};
use nameplate::request::Request;
use nameplate::table::{self, watch};
use nameplate::token::{hex, token};
use nameplate::{StepError, runtime, tags};

/// Certificates on one page: the most that ACM gives.
const PAGE_SIZE: i32 = 1000;
/// How many spent certificates one call replaces: each earlier run within ACM's hour can have left one.
const MAX_REPLACED: usize = 5;

/// What the step calls.
#[derive(Clone)]
pub(crate) struct Clients {
    /// Certificates.
    pub(crate) acm: Acm,
    /// The watch.
    pub(crate) dynamodb: Dynamodb,
}

/// What the step is told by its environment.
#[derive(Clone)]
pub(crate) struct Settings {
    /// Name of this stack, for the tag `nameplate:stack`.
    pub(crate) stack: String,
    /// The DynamoDB table.
    pub(crate) table: String,
}

/// Finds, or requests, the certificate, and says where it stands.
///
/// # Errors
/// As the module says.
pub(crate) async fn run(
    clients: &Clients,
    settings: &Settings,
    input: RequestCertInput,
) -> Result<RequestCertOutput, StepError> {
    run_at(clients, settings, input, runtime::now()).await
}

async fn run_at(
    clients: &Clients,
    settings: &Settings,
    input: RequestCertInput,
    now: i64,
) -> Result<RequestCertOutput, StepError> {
    let watches = Watches { dynamodb: &clients.dynamodb, table: &settings.table, input: &input, now };
    let mut found = find(&clients.acm, &settings.stack, &input).await?;
    if let Some(certificate) = &found
        && certificate.status == Status::PendingValidation
        && watches.arm(&certificate.arn).await?
    {
        // An event that came before the watch woke nobody: look again, now that the next one will.
        found = describe(&clients.acm, &certificate.arn).await?;
    }
    let mut spent = None;
    for _ in 0..=MAX_REPLACED {
        let certificate = match found.take() {
            Some(certificate) => certificate,
            None => {
                let arn = request(&clients.acm, &settings.stack, &input, spent.as_deref()).await?;
                // The watch stands before the certificate is looked at, so that no event is missed.
                watches.arm(&arn).await?;
                describe(&clients.acm, &arn).await?.ok_or_else(|| not_readable(&arn))?
            }
        };
        match decide(&certificate, &input, now)? {
            Verdict::Answer(output) => return Ok(output),
            Verdict::Replace => {
                tracing::info!(
                    certificate = certificate.arn,
                    status = certificate.status.as_str(),
                    "replacing a certificate of an earlier run that cannot be used any more"
                );
                spent = Some(certificate.arn);
            }
        }
    }
    Err(StepError::failed(
        "TooManySpentCertificates",
        format!(
            "{} certificates of earlier runs for {} failed one after the other",
            MAX_REPLACED + 1,
            input.request.domain_name
        ),
        "look at their failure reasons in ACM, remove the cause, wait an hour and start the execution again",
    ))
}

/// A certificate as ACM describes it.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Certificate {
    arn: String,
    status: Status,
    /// Seconds since 1970.
    created: i64,
    failure_reason: Option<String>,
    names: BTreeSet<String>,
    key_algorithm: Option<String>,
    /// Names that have their record.
    validated_by_record: BTreeSet<String>,
    /// Distinct, in order of name.
    records: Vec<ValidationRecord>,
}

/// What to do with a certificate.
#[derive(Debug)]
enum Verdict {
    Answer(RequestCertOutput),
    /// It is of no use any more, and not this run's failure.
    Replace,
}

/// Judges a certificate with the right names.
fn decide(certificate: &Certificate, input: &RequestCertInput, now: i64) -> Result<Verdict, StepError> {
    let answer = |status, watch_key| {
        Verdict::Answer(RequestCertOutput {
            certificate_arn: certificate.arn.clone(),
            status,
            validation_records: certificate.records.clone(),
            watch_key,
        })
    };
    match certificate.status {
        Status::Issued => Ok(answer(CertificateStatus::Issued, None)),
        Status::PendingValidation if now >= input.deadline => Err(deadline_passed(certificate, input)),
        Status::PendingValidation => {
            let without: Vec<String> = input
                .request
                .certificate_names()
                .into_iter()
                .filter(|name| !certificate.validated_by_record.contains(name))
                .collect();
            if !without.is_empty() {
                return Err(StepError::not_ready(
                    "ValidationRecordNotShown",
                    format!("ACM does not show the validation record of {} yet", without.join(", ")),
                ));
            }
            Ok(answer(CertificateStatus::Pending, Some(table::watch_key(&certificate.arn))))
        }
        _ if certificate.created < input.deadline - CERTIFICATE_DEADLINE_SECS => Ok(Verdict::Replace),
        _ => Err(spent_in_this_run(certificate, input)),
    }
}

impl Certificate {
    fn of(detail: &CertificateDetail) -> Option<Self> {
        let options = detail.domain_validation_options();
        let mut records: Vec<ValidationRecord> = options
            .iter()
            .filter_map(|option| option.resource_record())
            .map(|record| ValidationRecord { name: normal_name(record.name()), value: normal_name(record.value()) })
            .collect();
        records.sort();
        records.dedup();
        Some(Self {
            arn: detail.certificate_arn()?.to_owned(),
            status: detail.status()?.clone(),
            created: detail.created_at().map_or(i64::MAX, aws_sdk_acm::primitives::DateTime::secs),
            failure_reason: detail.failure_reason().map(|reason| reason.as_str().to_owned()),
            names: name_set(detail.domain_name(), detail.subject_alternative_names()),
            key_algorithm: detail.key_algorithm().map(|key| key.as_str().to_owned()),
            validated_by_record: options
                .iter()
                .filter(|option| option.resource_record().is_some())
                .map(|option| normal_name(option.domain_name()))
                .collect(),
            records,
        })
    }

    /// Whether it has exactly the wanted names, and the wanted key.
    fn fits(&self, request: &Request) -> bool {
        self.names == wanted_names(request) && key_fits(self.key_algorithm.as_deref(), request)
    }
}

fn wanted_names(request: &Request) -> BTreeSet<String> {
    request.certificate_names().into_iter().collect()
}

fn name_set(domain: Option<&str>, alternative: &[String]) -> BTreeSet<String> {
    domain.into_iter().chain(alternative.iter().map(String::as_str)).map(normal_name).collect()
}

fn normal_name(name: &str) -> String {
    name.trim_end_matches('.').to_ascii_lowercase()
}

/// DescribeCertificate writes `RSA-2048` where RequestCertificate takes `RSA_2048`.
fn key_fits(key: Option<&str>, request: &Request) -> bool {
    key.is_none_or(|key| key.replace('-', "_") == request.certificate.key_algorithm.as_str())
}

/// The certificate of the earlier run or turn, else one that is ours by names and tags.
async fn find(acm: &Acm, stack: &str, input: &RequestCertInput) -> Result<Option<Certificate>, StepError> {
    if let Some(arn) = &input.certificate_arn
        && let Some(certificate) = describe(acm, arn).await?
    {
        if certificate.fits(&input.request) {
            return Ok(Some(certificate));
        }
        tracing::info!(certificate = arn, "the recorded certificate has other names or another key");
    }
    if input.fresh {
        return Ok(None);
    }
    for summary in candidates(list(acm).await?, &input.request) {
        let Some(arn) = summary.certificate_arn() else { continue };
        if is_ours(acm, arn, &input.request, stack).await? {
            return describe(acm, arn).await;
        }
    }
    Ok(None)
}

/// The listed certificates with the wanted names and key: issued ones first, then the newest.
fn candidates(listed: Vec<CertificateSummary>, request: &Request) -> Vec<CertificateSummary> {
    let wanted = wanted_names(request);
    let mut fitting: Vec<CertificateSummary> = listed
        .into_iter()
        .filter(|summary| {
            summary.domain_name().map(normal_name).as_deref() == Some(request.domain_name.as_str())
                && summary.r#type().is_none_or(|kind| *kind == CertificateType::AmazonIssued)
                && summary.has_additional_subject_alternative_names() != Some(true)
                && name_set(summary.domain_name(), summary.subject_alternative_name_summaries()) == wanted
                && key_fits(summary.key_algorithm().map(KeyAlgorithm::as_str), request)
        })
        .collect();
    fitting.sort_by_key(|summary| {
        let created = summary.created_at().map_or(0, aws_sdk_acm::primitives::DateTime::secs);
        (summary.status() != Some(&Status::Issued), std::cmp::Reverse(created))
    });
    fitting
}

/// All certificates that are, or may become, usable. Without key types ACM hides most of them (AWS-FACTS 3.2).
async fn list(acm: &Acm) -> Result<Vec<CertificateSummary>, StepError> {
    let key_types = KeyAlgorithm::values().iter().map(|key| KeyAlgorithm::from(*key)).collect();
    let filters = Filters::builder().set_key_types(Some(key_types)).build();
    let (mut listed, mut next) = (Vec::new(), None);
    loop {
        let page = acm
            .list_certificates()
            .certificate_statuses(Status::PendingValidation)
            .certificate_statuses(Status::Issued)
            .includes(filters.clone())
            .max_items(PAGE_SIZE)
            .set_next_token(next)
            .send()
            .await
            .map_err(|error| classify("acm:ListCertificates", &error))?;
        listed.extend_from_slice(page.certificate_summary_list());
        next = page.next_token().filter(|token| !token.is_empty()).map(str::to_owned);
        if next.is_none() {
            return Ok(listed);
        }
    }
}

async fn is_ours(acm: &Acm, arn: &str, request: &Request, stack: &str) -> Result<bool, StepError> {
    let answer = match acm.list_tags_for_certificate().certificate_arn(arn).send().await {
        Ok(answer) => answer,
        Err(error) if code_of(&error) == Some("ResourceNotFoundException") => return Ok(false),
        Err(error) => return Err(classify("acm:ListTagsForCertificate", &error)),
    };
    let pairs = answer.tags().iter().map(|tag| (tag.key(), tag.value().unwrap_or_default()));
    Ok(tags::ours(pairs, request.domain_name.as_str(), stack))
}

/// The certificate; nothing when ACM does not know it (any more, or yet).
async fn describe(acm: &Acm, arn: &str) -> Result<Option<Certificate>, StepError> {
    match acm.describe_certificate().certificate_arn(arn).send().await {
        Ok(answer) => Ok(answer.certificate().and_then(Certificate::of)),
        Err(error) if code_of(&error) == Some("ResourceNotFoundException") => Ok(None),
        Err(error) => Err(classify("acm:DescribeCertificate", &error)),
    }
}

/// Requests a certificate; `replaced` is the spent one in whose place it comes.
async fn request(
    acm: &Acm,
    stack: &str,
    input: &RequestCertInput,
    replaced: Option<&str>,
) -> Result<String, StepError> {
    let request = &input.request;
    let names = request.certificate_names();
    let others: Vec<String> = names.into_iter().skip(1).collect();
    let tags = tags::wanted(request, stack)
        .into_iter()
        .map(|(key, value)| Tag::builder().key(key).value(value).build())
        .collect::<Result<Vec<_>, _>>()
        .map_err(|_| StepError::failed("Defect", "a tag has no key", "report this as a defect of Nameplate"))?;
    let answer = acm
        .request_certificate()
        .domain_name(request.domain_name.as_str())
        .set_subject_alternative_names((!others.is_empty()).then_some(others))
        .validation_method(ValidationMethod::Dns)
        .key_algorithm(KeyAlgorithm::from(request.certificate.key_algorithm.as_str()))
        .idempotency_token(idempotency_token(input, replaced))
        .set_tags(Some(tags))
        .send()
        .await
        .map_err(|error| {
            let failure = classify("acm:RequestCertificate", &error);
            match code_of(&error) {
                Some("LimitExceededException") => StepError {
                    remedy: "ask for a higher quota in Service Quotas (certificates per region, certificates per year, or names per certificate, as ACM's message says), or delete certificates that nothing uses; then start the execution again".to_owned(),
                    ..failure
                },
                _ => failure,
            }
        })?;
    let arn = answer.certificate_arn().unwrap_or_default();
    if arn.is_empty() {
        return Err(StepError::retryable("NoCertificateArn", "acm:RequestCertificate answered without an ARN"));
    }
    Ok(arn.to_owned())
}

/// The same for every attempt at one certificate; another one when the names, the key or the certificate
/// to be replaced are others.
fn idempotency_token(input: &RequestCertInput, replaced: Option<&str>) -> String {
    let names = wanted_names(&input.request);
    let mut parts: Vec<&str> = names.iter().map(String::as_str).collect();
    parts.push(input.request.certificate.key_algorithm.as_str());
    parts.push(replaced.unwrap_or_default());
    token(&input.incarnation, &format!("request-cert {}", hex(&parts)))
}

/// The watches that a sleeping execution is woken by.
struct Watches<'a> {
    dynamodb: &'a Dynamodb,
    table: &'a str,
    input: &'a RequestCertInput,
    now: i64,
}

impl Watches<'_> {
    /// Makes sure that the watch on the certificate stands and is not resolved. Says whether it did not before.
    async fn arm(&self, arn: &str) -> Result<bool, StepError> {
        let put = self
            .dynamodb
            .put_item()
            .table_name(self.table)
            .item(table::KEY, AttributeValue::S(table::watch_key(arn)))
            .item(watch::DOMAIN, AttributeValue::S(self.input.request.domain_name.as_str().to_owned()))
            .item(watch::CREATED, AttributeValue::N(self.now.to_string()))
            .item(watch::EXPIRES, self.expires())
            .condition_expression("attribute_not_exists(#key)")
            .expression_attribute_names("#key", table::KEY)
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
            .send()
            .await;
        let error = match put {
            Ok(_) => return Ok(true),
            Err(error) => error,
        };
        let Some(present) = error.as_service_error().filter(|e| e.is_conditional_check_failed_exception()) else {
            return Err(classify("dynamodb:PutItem", &error));
        };
        let resolved = match present {
            aws_sdk_dynamodb::operation::put_item::PutItemError::ConditionalCheckFailedException(present) => {
                present.item().and_then(|item| item.get(watch::RESOLVED)).cloned()
            }
            _ => None,
        };
        match resolved {
            None => Ok(false),
            Some(seen) => self.reset(arn, seen).await.map(|()| true),
        }
    }

    /// Takes back a wake-up that has been followed: left standing, it would end every later sleep at once.
    async fn reset(&self, arn: &str, seen: AttributeValue) -> Result<(), StepError> {
        let update = self
            .dynamodb
            .update_item()
            .table_name(self.table)
            .key(table::KEY, AttributeValue::S(table::watch_key(arn)))
            .update_expression("SET #expires = :expires REMOVE #resolved, #token")
            .condition_expression("#resolved = :seen")
            .expression_attribute_names("#expires", watch::EXPIRES)
            .expression_attribute_names("#resolved", watch::RESOLVED)
            .expression_attribute_names("#token", watch::TOKEN)
            .expression_attribute_values(":expires", self.expires())
            .expression_attribute_values(":seen", seen)
            .send()
            .await;
        match update {
            Ok(_) => Ok(()),
            // It was resolved anew, or is gone: then the next sleep ends at once, and this step comes back.
            Err(error) if code_of(&error) == Some("ConditionalCheckFailedException") => Ok(()),
            Err(error) => Err(classify("dynamodb:UpdateItem", &error)),
        }
    }

    fn expires(&self) -> AttributeValue {
        AttributeValue::N((self.now + watch::KEEP_SECS).to_string())
    }
}

fn not_readable(arn: &str) -> StepError {
    StepError::not_ready("CertificateNotReadable", format!("ACM does not show the certificate {arn} yet"))
}

/// Why DNS validation does not come to an end, in nearly every case.
const LIKELY_CAUSE: &str = "most likely the name servers at the domain's registrar are not those of its hosted zone, so that ACM does not see the validation records";

fn deadline_passed(certificate: &Certificate, input: &RequestCertInput) -> StepError {
    StepError::failed(
        "CertificateDeadline",
        format!(
            "the certificate {} for {} was not issued in time; {LIKELY_CAUSE}",
            certificate.arn, input.request.domain_name
        ),
        delegation_remedy(input),
    )
}

fn delegation_remedy(input: &RequestCertInput) -> String {
    format!(
        "compare `dig +short NS {}` with the name servers of the hosted zone, set the zone's at the registrar if they differ, and start the execution again; it goes on from what exists",
        input.request.domain_name
    )
}

/// The failure of a certificate of this run, with ACM's reason in words (AWS-FACTS 2.4, 3.1, 3.2).
fn spent_in_this_run(certificate: &Certificate, input: &RequestCertInput) -> StepError {
    let domain = input.request.domain_name.as_str();
    let again = "then start the execution again; it requests a new certificate";
    let (code, why, remedy) = match (&certificate.status, certificate.failure_reason.as_deref()) {
        (Status::ValidationTimedOut, _) => {
            ("VALIDATION_TIMED_OUT", format!("ACM tried for 72 hours; {LIKELY_CAUSE}"), delegation_remedy(input))
        }
        (Status::Failed, Some("CAA_ERROR")) => (
            "CAA_ERROR",
            "a CAA record of the name, or of a name above it, forbids Amazon to issue".to_owned(),
            format!(
                "add the CAA record `0 issue \"amazon.com\"` to {domain} (amazontrust.com, awstrust.com and amazonaws.com do as well); where `issuewild` records exist, add `0 issuewild \"amazon.com\"` too for wildcards; {again}"
            ),
        ),
        (Status::Failed, Some("DOMAIN_NOT_ALLOWED")) => (
            "DOMAIN_NOT_ALLOWED",
            "a name is on a list of unsafe names that ACM heeds".to_owned(),
            format!("have the name taken off such lists (look it up at VirusTotal) or ask AWS Support, {again}"),
        ),
        (Status::Failed, Some("ADDITIONAL_VERIFICATION_REQUIRED")) => (
            "ADDITIONAL_VERIFICATION_REQUIRED",
            "ACM wants to know more before it issues for this name".to_owned(),
            format!("open a case with AWS Support in the certificate's name, {again}"),
        ),
        (Status::Failed, Some("INVALID_PUBLIC_DOMAIN")) => (
            "INVALID_PUBLIC_DOMAIN",
            "a name is no public domain name".to_owned(),
            format!("correct `certificate.alternativeNames` or `domainName`, {again}"),
        ),
        (Status::Failed, Some("DOMAIN_VALIDATION_DENIED")) => (
            "DOMAIN_VALIDATION_DENIED",
            "the validation of a name was denied".to_owned(),
            format!("ask AWS Support for the reason, {again}"),
        ),
        (Status::Failed, Some("NO_AVAILABLE_CONTACTS")) => (
            "NO_AVAILABLE_CONTACTS",
            "ACM found no e-mail address to ask, which validation by DNS does not need".to_owned(),
            format!("see that the certificate is validated by DNS, {again}"),
        ),
        (Status::Failed, reason) => (
            reason.unwrap_or("CERTIFICATE_FAILED"),
            "ACM gives no closer reason".to_owned(),
            format!("look at the certificate in ACM's console, ask AWS Support if it says no more, {again}"),
        ),
        (status, _) => (
            status.as_str(),
            "it was taken out of use while this run waited for it".to_owned(),
            format!("find out who did so, {again}"),
        ),
    };
    StepError::failed(
        code,
        format!("the certificate {} for {domain} is {}: {why}", certificate.arn, certificate.status.as_str()),
        remedy,
    )
}
