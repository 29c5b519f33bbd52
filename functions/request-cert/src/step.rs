//! `request-cert`: one certificate for exactly the request's names, its status and how its names are validated.
//!
//! Reads: DescribeCertificate, ListCertificates, ListTagsForCertificate.
//! Writes: RequestCertificate where no usable certificate of ours exists; AddTagsToCertificate and
//! RemoveTagsFromCertificate where the tags of one of ours are not those of the request; for a pending one its ARN in the domain
//! item, then the watch. Once a certificate is issued or of no use, or the deadline passed, its watch goes.
//! ResendValidationEmail once in an execution, if the request says so and the pending certificate is an earlier one's.
//! Token: hashed from the incarnation, the names, the key, whose mailboxes are asked and the certificate that is replaced,
//! so that repeating the step within ACM's hour gives the same certificate, and going back to the names of one that has
//! been deleted in that hour gives another one.
//! NotReady: a certificate just requested is not readable, or a name lacks its record or its mail.
//! Failed: validation failed or timed out in this run, or the deadline passed. What an earlier run left in such
//! a state is replaced. Busy: this execution does not hold the domain any more.
//! Our other certificates of the domain, in whose place this one comes, are named in the output and left alone.
//! Certificates that are not ours by tags are never touched. It must not know zones: another step writes the records.

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_acm::Client as Acm;
use aws_sdk_acm::types::{
    CertificateDetail, CertificateStatus as Status, CertificateSummary, CertificateType, DomainStatus,
    DomainValidation, DomainValidationOption, Filters, KeyAlgorithm, Tag, ValidationMethod,
};
use aws_sdk_dynamodb::Client as Dynamodb;
use aws_sdk_dynamodb::operation::put_item::PutItemError;
use aws_sdk_dynamodb::operation::update_item::builders::UpdateItemFluentBuilder;
use aws_sdk_dynamodb::types::{AttributeValue, ReturnValuesOnConditionCheckFailure};
use nameplate::contract::{
    CERTIFICATE_DEADLINE_SECS, CertificateStatus, RequestCertInput, RequestCertOutput, ValidationRecord,
};
use nameplate::domain::dns_form;
use nameplate::error::{classify, code_of};
use nameplate::request::{Dns, Request, Validation};
use nameplate::table::{self, domain as attribute, watch};
use nameplate::token::{hex, token};
use nameplate::{StepError, runtime, tags};

use crate::email::{self, Question};

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
    /// Which stack this is: the value of the tag `nameplate:stack`.
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
    // The first turn sets the end of the wait; those that follow are given it, and cannot move it.
    let input = RequestCertInput { deadline: input.deadline.min(now + CERTIFICATE_DEADLINE_SECS), ..input };
    let watches = Watches { dynamodb: &clients.dynamodb, table: &settings.table, input: &input, now };
    let Found { certificate: mut found, outdated, mut replaced } = find(&clients.acm, &settings.stack, &input).await?;
    if let Some(certificate) = found.as_ref().filter(|_| input.first_turn) {
        correct_tags(&clients.acm, &settings.stack, &input, &certificate.arn).await?;
    }
    if let Some(certificate) = &found
        && certificate.status == Status::PendingValidation
        && now < input.deadline
        && watches.arm(&certificate.arn).await?
    {
        // An event that came before the watch woke nobody: look again, now that the next one will.
        found = describe(&clients.acm, &certificate.arn).await?;
    }
    let mut spent = outdated;
    for _ in 0..=MAX_REPLACED {
        let certificate = match found.take() {
            Some(certificate) => certificate,
            None if now >= input.deadline => return Err(deadline_passed(None, &input)),
            None => {
                let arn = request(&clients.acm, &settings.stack, &input, spent.as_deref()).await?;
                // The watch stands before the certificate is looked at, so that no event is missed.
                watches.arm(&arn).await?;
                describe(&clients.acm, &arn).await?.ok_or_else(|| not_readable(&arn))?
            }
        };
        let verdict = decide(&certificate, &input, now);
        if verdict.ends_the_wait() {
            watches.remove(&certificate.arn).await?;
        }
        match verdict {
            Verdict::Answer(output) => {
                let emails_resent = resend(&clients.acm, &certificate, &input).await?;
                return Ok(RequestCertOutput { replaced, emails_resent, ..output });
            }
            Verdict::NotYet(error) | Verdict::GiveUp(error) => return Err(error),
            Verdict::Replace => {
                tracing::info!(
                    certificate = certificate.arn,
                    status = certificate.status.as_str(),
                    "replacing a certificate of an earlier run that cannot be used any more"
                );
                replaced.push(certificate.arn.clone());
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
    /// How the names are validated, as far as ACM says.
    methods: BTreeSet<ValidationMethod>,
    /// Whose mailboxes are asked, as far as ACM says.
    asked_at: BTreeSet<String>,
    /// Names of which ACM says whom it has asked.
    asked: BTreeSet<String>,
    /// Names that have been validated.
    validated: BTreeSet<String>,
    /// When it ends, in seconds since 1970.
    ends: Option<i64>,
}

/// What to do with a certificate.
#[derive(Debug)]
enum Verdict {
    Answer(RequestCertOutput),
    /// ACM has not shown all of it yet.
    NotYet(StepError),
    /// It is of no use any more, and not this run's failure.
    Replace,
    /// It is of no use to this run.
    GiveUp(StepError),
}

impl Verdict {
    /// Whether nobody is to wait for the certificate any more.
    fn ends_the_wait(&self) -> bool {
        match self {
            Verdict::Answer(output) => output.status == CertificateStatus::Issued,
            Verdict::NotYet(_) => false,
            Verdict::Replace | Verdict::GiveUp(_) => true,
        }
    }
}

/// Judges a certificate with the right names.
fn decide(certificate: &Certificate, input: &RequestCertInput, now: i64) -> Verdict {
    let names = input.request.certificate_names();
    let ends = certificate.ends.filter(|_| certificate.status == Status::Issued);
    let answer = |status, watch_key| {
        Verdict::Answer(RequestCertOutput {
            certificate_arn: certificate.arn.clone(),
            status,
            validation_records: certificate.records.clone(),
            certificate_validation: question(certificate, &input.request, &names).map(|asked| asked.validation(ends)),
            watch_key,
            deadline: input.deadline,
            replaced: Vec::new(),
            emails_resent: input.emails_resent,
            actions: actions(certificate, &input.request, &names),
        })
    };
    match certificate.status {
        Status::Issued => answer(CertificateStatus::Issued, None),
        Status::PendingValidation if now >= input.deadline => {
            Verdict::GiveUp(deadline_passed(Some(&certificate.arn), input))
        }
        Status::PendingValidation => match not_shown(certificate, &input.request, &names) {
            Some(error) => Verdict::NotYet(error),
            None => answer(CertificateStatus::Pending, Some(table::watch_key(&certificate.arn))),
        },
        _ if certificate.created < input.planned_at => Verdict::Replace,
        _ => Verdict::GiveUp(spent_in_this_run(certificate, input)),
    }
}

/// What of a pending certificate ACM has still to show.
fn not_shown(certificate: &Certificate, request: &Request, names: &[String]) -> Option<StepError> {
    let (shown, code, what) = match request.certificate.validation {
        Validation::Dns => (&certificate.validated_by_record, "ValidationRecordNotShown", "the validation record of"),
        Validation::Email => (&certificate.asked, "ValidationMailNotShown", "to whom it writes about"),
    };
    let without: Vec<&str> = names.iter().map(String::as_str).filter(|name| !shown.contains(*name)).collect();
    let reason = || format!("ACM does not show {what} {} yet", without.join(", "));
    (!without.is_empty()).then(|| StepError::not_ready(code, reason()))
}

/// What ACM asks by e-mail, if that is how it validates.
fn question<'a>(certificate: &'a Certificate, request: &'a Request, names: &'a [String]) -> Option<Question<'a>> {
    let domain = request.validation_domain()?;
    Some(Question { arn: &certificate.arn, names, domain, requested: certificate.created })
}

/// Has the mails about the certificate sent again, if the request says so, it is an earlier run's, and this one has
/// not done so. Says whether this run has, now or in an earlier turn.
async fn resend(acm: &Acm, certificate: &Certificate, input: &RequestCertInput) -> Result<bool, StepError> {
    let wanted = input.request.certificate.resend_email && !input.emails_resent;
    let waiting = certificate.status == Status::PendingValidation && certificate.created < input.planned_at;
    let (true, true, Some(domain)) = (wanted, waiting, input.request.validation_domain()) else {
        return Ok(input.emails_resent);
    };
    let mut names = input.request.certificate_names();
    names.retain(|name| !certificate.validated.contains(name));
    email::resend(acm, &certificate.arn, &names, domain).await.map(|()| true)
}

/// What a person has to set in a DNS of his own, or to click. The records are kept for as long as the certificate exists,
/// since its renewals need them too, and so are the words; of mails there is no word more once they have been answered.
fn actions(certificate: &Certificate, request: &Request, names: &[String]) -> Vec<String> {
    if let Some(question) = question(certificate, request, names) {
        return if certificate.status == Status::PendingValidation { question.actions() } else { Vec::new() };
    }
    if request.dns == Dns::Route53 {
        return Vec::new();
    }
    let action = |record: &ValidationRecord| {
        format!(
            "Set and keep this record in the DNS of {}, so that ACM issues the certificate and renews it: {} CNAME {}",
            request.domain_name, record.name, record.value
        )
    };
    certificate.records.iter().map(action).collect()
}

impl Certificate {
    fn of(detail: &CertificateDetail) -> Option<Self> {
        let options = detail.domain_validation_options();
        let mut records: Vec<ValidationRecord> = options
            .iter()
            .filter_map(|option| option.resource_record())
            .map(|record| ValidationRecord { name: dns_form(record.name()), value: dns_form(record.value()) })
            .collect();
        records.sort();
        records.dedup();
        let names_of = |is: fn(&DomainValidation) -> bool| -> BTreeSet<String> {
            options.iter().filter(|option| is(option)).map(|option| dns_form(option.domain_name())).collect()
        };
        let by_email = options.iter().filter(|option| option.validation_method() == Some(&ValidationMethod::Email));
        Some(Self {
            arn: detail.certificate_arn()?.to_owned(),
            status: detail.status()?.clone(),
            created: detail.created_at().map_or(i64::MAX, aws_sdk_acm::primitives::DateTime::secs),
            failure_reason: detail.failure_reason().map(|reason| reason.as_str().to_owned()),
            names: name_set(detail.domain_name(), detail.subject_alternative_names()),
            key_algorithm: detail.key_algorithm().map(|key| key.as_str().to_owned()),
            validated_by_record: names_of(|option| option.resource_record().is_some()),
            records,
            methods: options.iter().filter_map(|option| option.validation_method().cloned()).collect(),
            asked_at: by_email.filter_map(|option| option.validation_domain()).map(dns_form).collect(),
            // Of a name that needs no more answer ACM need not say whom it asked.
            asked: names_of(|option| !option.validation_emails().is_empty() || is_validated(option)),
            validated: names_of(is_validated),
            ends: detail.not_after().map(aws_sdk_acm::primitives::DateTime::secs),
        })
    }

    /// Whether it has exactly the wanted names, and the wanted key, and is validated as wanted.
    fn fits(&self, request: &Request) -> bool {
        self.names == wanted_names(request)
            && key_fits(self.key_algorithm.as_deref(), request)
            && self.is_validated_as_wanted(request)
    }

    /// What ACM does not say yet is as wanted: nothing here changes how it is validated (AWS-FACTS 3.2.9).
    fn is_validated_as_wanted(&self, request: &Request) -> bool {
        let method = request.certificate.validation.as_str();
        let asked_right = |domain: &str| self.asked_at.iter().all(|asked| asked == domain);
        self.methods.iter().all(|known| known.as_str() == method) && request.validation_domain().is_none_or(asked_right)
    }
}

fn is_validated(option: &DomainValidation) -> bool {
    option.validation_status() == Some(&DomainStatus::Success)
}

fn wanted_names(request: &Request) -> BTreeSet<String> {
    request.certificate_names().into_iter().collect()
}

fn name_set(domain: Option<&str>, alternative: &[String]) -> BTreeSet<String> {
    domain.into_iter().chain(alternative.iter().map(String::as_str)).map(dns_form).collect()
}

/// DescribeCertificate writes `RSA-2048` where RequestCertificate takes `RSA_2048`.
fn key_fits(key: Option<&str>, request: &Request) -> bool {
    key.is_none_or(|key| key.replace('-', "_") == request.certificate.key_algorithm.as_str())
}

/// What is there of the request's certificate.
struct Found {
    /// The one of the earlier run or turn, else one that is ours by names and tags.
    certificate: Option<Certificate>,
    /// That of the earlier run, if it is there and is not as wanted any more.
    outdated: Option<String>,
    /// The others that are ours by tags, in whose place it comes.
    replaced: Vec<String>,
}

/// Looks for the certificate. A turn that is not the first looks for others only if it needs one.
async fn find(acm: &Acm, stack: &str, input: &RequestCertInput) -> Result<Found, StepError> {
    let (mut recorded, mut outdated) = (None, None);
    if let Some(arn) = &input.certificate_arn
        && let Some(certificate) = describe(acm, arn).await?
    {
        match certificate.fits(&input.request) {
            true => recorded = Some(certificate),
            false => {
                tracing::info!(
                    certificate = arn,
                    "the recorded certificate has other names, another key or another validation"
                );
                outdated = Some(certificate.arn);
            }
        }
    }
    if input.fresh || (recorded.is_some() && !input.first_turn) {
        return Ok(Found { certificate: recorded, outdated, replaced: Vec::new() });
    }
    let (mut found, mut replaced) = (recorded, Vec::new());
    for summary in candidates(list(acm).await?, &input.request) {
        let Some(arn) = summary.certificate_arn() else { continue };
        if found.as_ref().is_some_and(|certificate| certificate.arn == arn) {
            continue;
        }
        if !is_ours(acm, arn, &input.request, stack).await? {
            continue;
        }
        // The listing does not say how a certificate is validated. The recorded one has been looked at.
        let may_fit = fits(&summary, &input.request) && input.certificate_arn.as_deref() != Some(arn);
        if found.is_none() && may_fit {
            match describe(acm, arn).await? {
                Some(certificate) if certificate.fits(&input.request) => {
                    found = Some(certificate);
                    continue;
                }
                Some(_) => {}
                None => continue,
            }
        }
        replaced.push(arn.to_owned());
    }
    Ok(Found { certificate: found, outdated, replaced })
}

/// The listed certificates of the domain: those with the wanted names and key first, issued ones before others, the
/// newest first.
fn candidates(listed: Vec<CertificateSummary>, request: &Request) -> Vec<CertificateSummary> {
    let mut candidates: Vec<CertificateSummary> = listed
        .into_iter()
        .filter(|summary| {
            summary.domain_name().map(dns_form).as_deref() == Some(request.domain_name.as_str())
                && summary.r#type().is_none_or(|kind| *kind == CertificateType::AmazonIssued)
        })
        .collect();
    candidates.sort_by_key(|summary| {
        let created = summary.created_at().map_or(0, aws_sdk_acm::primitives::DateTime::secs);
        let issued = summary.status() == Some(&Status::Issued);
        (!fits(summary, request), !issued, std::cmp::Reverse(created))
    });
    candidates
}

/// Whether a listed certificate has exactly the wanted names, and the wanted key. How it is validated is not listed.
fn fits(summary: &CertificateSummary, request: &Request) -> bool {
    summary.has_additional_subject_alternative_names() != Some(true)
        && name_set(summary.domain_name(), summary.subject_alternative_name_summaries()) == wanted_names(request)
        && key_fits(summary.key_algorithm().map(KeyAlgorithm::as_str), request)
}

/// All certificates that are, or may become, usable. Without key types ACM hides most of them (AWS-FACTS 3.2.11).
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
    Ok(read_tags(acm, arn).await?.is_some_and(|present| are_ours(&present, request, stack)))
}

fn are_ours(present: &BTreeMap<String, String>, request: &Request, stack: &str) -> bool {
    let pairs = present.iter().map(|(key, value)| (key.as_str(), value.as_str()));
    tags::ours(pairs, request.domain_name.as_str(), stack)
}

/// The tags of a certificate; nothing when ACM does not know it.
async fn read_tags(acm: &Acm, arn: &str) -> Result<Option<BTreeMap<String, String>>, StepError> {
    let answer = match acm.list_tags_for_certificate().certificate_arn(arn).send().await {
        Ok(answer) => answer,
        Err(error) if code_of(&error) == Some("ResourceNotFoundException") => return Ok(None),
        Err(error) => return Err(classify("acm:ListTagsForCertificate", &error)),
    };
    let pair = |tag: &Tag| (tag.key().to_owned(), tag.value().unwrap_or_default().to_owned());
    Ok(Some(answer.tags().iter().map(pair).collect()))
}

/// Gives a certificate of ours that was there before the tags that the request wants now.
async fn correct_tags(acm: &Acm, stack: &str, input: &RequestCertInput, arn: &str) -> Result<(), StepError> {
    let Some(present) = read_tags(acm, arn).await?.filter(|present| are_ours(present, &input.request, stack)) else {
        return Ok(());
    };
    let wanted = tags::wanted(&input.request, stack);
    let missing = tags::missing(&wanted, &present);
    if !missing.is_empty() {
        // AWS takes the tag that says whose it is for the permission to set others.
        let sent = missing.into_iter().chain([(tags::STACK, stack)]).collect::<BTreeMap<_, _>>();
        acm.add_tags_to_certificate()
            .certificate_arn(arn)
            .set_tags(Some(tag_list(sent.into_iter())?))
            .send()
            .await
            .map_err(|error| classify("acm:AddTagsToCertificate", &error))?;
    }
    let stale = tags::stale(&input.former_tags, &present);
    if !stale.is_empty() {
        let pairs = stale.iter().map(|key| (key.as_str(), present[key].as_str()));
        acm.remove_tags_from_certificate()
            .certificate_arn(arn)
            .set_tags(Some(tag_list(pairs)?))
            .send()
            .await
            .map_err(|error| classify("acm:RemoveTagsFromCertificate", &error))?;
    }
    Ok(())
}

fn tag_list<'a>(pairs: impl Iterator<Item = (&'a str, &'a str)>) -> Result<Vec<Tag>, StepError> {
    pairs
        .map(|(key, value)| Tag::builder().key(key).value(value).build())
        .collect::<Result<Vec<_>, _>>()
        .map_err(|_| StepError::failed("Defect", "a tag has no key", "report this as a defect of Nameplate"))
}

/// The certificate; nothing when ACM does not know it (any more, or yet).
async fn describe(acm: &Acm, arn: &str) -> Result<Option<Certificate>, StepError> {
    match acm.describe_certificate().certificate_arn(arn).send().await {
        Ok(answer) => Ok(answer.certificate().and_then(Certificate::of)),
        Err(error) if code_of(&error) == Some("ResourceNotFoundException") => Ok(None),
        Err(error) => Err(classify("acm:DescribeCertificate", &error)),
    }
}

/// Requests a certificate; `replaced` is the one that is spent, or not as wanted any more, in whose place it comes.
async fn request(
    acm: &Acm,
    stack: &str,
    input: &RequestCertInput,
    replaced: Option<&str>,
) -> Result<String, StepError> {
    let request = &input.request;
    let names = request.certificate_names();
    let method = ValidationMethod::from(request.certificate.validation.as_str());
    let options = request.validation_domain().map(|domain| validation_options(&names, domain)).transpose()?;
    let others: Vec<String> = names.into_iter().skip(1).collect();
    let wanted = tags::wanted(request, stack);
    let tags = tag_list(wanted.iter().map(|(key, value)| (key.as_str(), value.as_str())))?;
    let answer = acm
        .request_certificate()
        .domain_name(request.domain_name.as_str())
        .set_subject_alternative_names((!others.is_empty()).then_some(others))
        .validation_method(method)
        .set_domain_validation_options(options)
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

fn incomplete(what: &str) -> StepError {
    StepError::failed("Defect", what, "report this as a defect of Nameplate")
}

/// At whose mailboxes ACM asks about each name.
fn validation_options(names: &[String], domain: &str) -> Result<Vec<DomainValidationOption>, StepError> {
    let option = |name: &String| DomainValidationOption::builder().domain_name(name).validation_domain(domain).build();
    names.iter().map(option).collect::<Result<_, _>>().map_err(|_| incomplete("a name has no validation domain"))
}

/// The same for every attempt at one certificate; another one when the names, the key, the validation or the
/// certificate to be replaced are others.
fn idempotency_token(input: &RequestCertInput, replaced: Option<&str>) -> String {
    let names = wanted_names(&input.request);
    let mut parts: Vec<&str> = names.iter().map(String::as_str).collect();
    parts.push(input.request.certificate.key_algorithm.as_str());
    parts.push(replaced.unwrap_or_default());
    parts.extend(input.request.validation_domain());
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
    /// Makes sure that the watch on the certificate stands, is not resolved and holds no token. Says whether it
    /// was resolved or did not stand, so that an event may have come that nobody was woken by.
    async fn arm(&self, arn: &str) -> Result<bool, StepError> {
        self.record(arn).await?;
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
        let present = match error.as_service_error() {
            Some(PutItemError::ConditionalCheckFailedException(present)) => present.item(),
            _ => return Err(classify("dynamodb:PutItem", &error)),
        };
        let held = |name: &str| present.and_then(|item| item.get(name)).cloned();
        match (held(watch::RESOLVED), held(watch::TOKEN)) {
            (Some(seen), _) => self.reset(arn, seen).await.map(|()| true),
            (None, Some(token)) => self.forget(arn, token).await.map(|()| false),
            (None, None) => Ok(false),
        }
    }

    /// Keeps in the domain item what is awaited, for whoever finds this execution stopped; only while it holds
    /// the domain.
    async fn record(&self, arn: &str) -> Result<(), StepError> {
        let domain = self.input.request.domain_name.as_str();
        let update = self
            .dynamodb
            .update_item()
            .table_name(self.table)
            .key(table::KEY, AttributeValue::S(table::domain_key(domain)))
            .update_expression("SET #awaited = :arn")
            .condition_expression("#heldBy = :execution")
            .expression_attribute_names("#awaited", attribute::AWAITED_CERTIFICATE)
            .expression_attribute_names("#heldBy", attribute::HELD_BY)
            .expression_attribute_values(":arn", AttributeValue::S(arn.to_owned()))
            .expression_attribute_values(":execution", AttributeValue::S(self.input.execution.clone()))
            .send()
            .await;
        match update {
            Ok(_) => Ok(()),
            Err(error) if code_of(&error) == Some(table::CONDITION_FAILED) => {
                Err(StepError::not_the_holder(domain, "wait for its certificate"))
            }
            Err(error) => Err(classify("dynamodb:UpdateItem", &error)),
        }
    }

    /// Takes back a wake-up that has been followed: left standing, it would end every later sleep at once.
    async fn reset(&self, arn: &str, seen: AttributeValue) -> Result<(), StepError> {
        let update = self
            .update(arn, "SET #expires = :expires REMOVE #resolved, #token, #heldBy", "#resolved = :seen")
            .expression_attribute_names("#expires", watch::EXPIRES)
            .expression_attribute_values(":expires", self.expires())
            .expression_attribute_values(":seen", seen);
        written(update).await
    }

    /// Takes out the token of a sleep that has ended.
    async fn forget(&self, arn: &str, seen: AttributeValue) -> Result<(), StepError> {
        let update = self
            .update(arn, "REMOVE #token, #heldBy", "#token = :seen AND attribute_not_exists(#resolved)")
            .expression_attribute_values(":seen", seen);
        written(update).await
    }

    /// Takes the watch away, if it is there: nothing is to be waited for any more.
    async fn remove(&self, arn: &str) -> Result<(), StepError> {
        self.dynamodb
            .delete_item()
            .table_name(self.table)
            .key(table::KEY, AttributeValue::S(table::watch_key(arn)))
            .send()
            .await
            .map_err(|error| classify("dynamodb:DeleteItem", &error))?;
        Ok(())
    }

    fn update(&self, arn: &str, change: &str, condition: &str) -> UpdateItemFluentBuilder {
        self.dynamodb
            .update_item()
            .table_name(self.table)
            .key(table::KEY, AttributeValue::S(table::watch_key(arn)))
            .update_expression(change)
            .condition_expression(condition)
            .expression_attribute_names("#resolved", watch::RESOLVED)
            .expression_attribute_names("#token", watch::TOKEN)
            .expression_attribute_names("#heldBy", watch::HELD_BY)
    }

    fn expires(&self) -> AttributeValue {
        AttributeValue::N((self.now + watch::KEEP_SECS).to_string())
    }
}

/// Sends a change of a watch. One whose condition fails changes nothing: the watch was resolved anew, or is gone;
/// then the next sleep ends at once, and this step comes back.
async fn written(update: UpdateItemFluentBuilder) -> Result<(), StepError> {
    match update.send().await {
        Ok(_) => Ok(()),
        Err(error) if code_of(&error) == Some(table::CONDITION_FAILED) => Ok(()),
        Err(error) => Err(classify("dynamodb:UpdateItem", &error)),
    }
}

fn not_readable(arn: &str) -> StepError {
    StepError::not_ready("CertificateNotReadable", format!("ACM does not show the certificate {arn} yet"))
}

/// Why validation does not come to an end, in nearly every case.
fn likely_cause(request: &Request) -> &'static str {
    if request.certificate.validation == Validation::Email {
        return "most likely nobody has clicked the link in the mail about each name";
    }
    match request.dns {
        Dns::Route53 => {
            "most likely the name servers at the domain's registrar are not those of its hosted zone, so that ACM does not see the validation records"
        }
        Dns::External => "most likely a validation record is not set, or misspelt, in the domain's own DNS",
    }
}

fn deadline_passed(certificate: Option<&str>, input: &RequestCertInput) -> StepError {
    let which = certificate.map_or_else(|| "no certificate".to_owned(), |arn| format!("the certificate {arn}"));
    let not = if certificate.is_some() { "not " } else { "" };
    StepError::failed(
        "CertificateDeadline",
        format!("{which} for {} was {not}issued in time; {}", input.request.domain_name, likely_cause(&input.request)),
        validation_remedy(input),
    )
}

fn validation_remedy(input: &RequestCertInput) -> String {
    if let Some(domain) = input.request.validation_domain() {
        return email::remedy(domain);
    }
    if input.request.dns == Dns::External {
        return "start the execution again, and set the records that its event `Action Required` lists; `dig +short CNAME` of each name must then answer the value".to_owned();
    }
    format!(
        "compare `dig +short NS {}` with the name servers of the hosted zone, set the zone's at the registrar if they differ, and start the execution again; it goes on from what exists",
        input.request.domain_name
    )
}

/// The failure of a certificate of this run, with ACM's reason in words (AWS-FACTS 2.4.1, 3.1.7, 3.2.1).
fn spent_in_this_run(certificate: &Certificate, input: &RequestCertInput) -> StepError {
    let domain = input.request.domain_name.as_str();
    let again = "then start the execution again; it requests a new certificate";
    let (code, why, remedy) = match (&certificate.status, certificate.failure_reason.as_deref()) {
        (Status::ValidationTimedOut, _) => (
            "VALIDATION_TIMED_OUT",
            format!("ACM tried for 72 hours; {}", likely_cause(&input.request)),
            validation_remedy(input),
        ),
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
            match input.request.validation_domain() {
                Some(asked) => format!(
                    "ask who reads the mailboxes of {asked} whether somebody said no, else AWS Support, {again}"
                ),
                None => format!("ask AWS Support for the reason, {again}"),
            },
        ),
        (Status::Failed, Some("NO_AVAILABLE_CONTACTS")) => (
            "NO_AVAILABLE_CONTACTS",
            "ACM found no e-mail address to ask, which validation by DNS does not need".to_owned(),
            match input.request.validation_domain() {
                Some(asked) => format!(
                    "give {asked} an MX record and a mailbox such as admin@{asked}, name another `certificate.validationDomain`, or validate by DNS, {again}"
                ),
                None => format!("see that the certificate is validated by DNS, {again}"),
            },
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

#[cfg(test)]
mod tests {
    use super::*;
    use aws_sdk_acm::operation::add_tags_to_certificate::AddTagsToCertificateOutput;
    use aws_sdk_acm::operation::describe_certificate::DescribeCertificateOutput;
    use aws_sdk_acm::operation::list_certificates::ListCertificatesOutput;
    use aws_sdk_acm::operation::list_tags_for_certificate::ListTagsForCertificateOutput;
    use aws_sdk_acm::operation::remove_tags_from_certificate::RemoveTagsFromCertificateOutput;
    use aws_sdk_acm::operation::request_certificate::{RequestCertificateInput, RequestCertificateOutput};
    use aws_sdk_acm::primitives::DateTime;
    use aws_sdk_acm::types::{FailureReason, RecordType, ResourceRecord};
    use aws_sdk_dynamodb::operation::delete_item::DeleteItemOutput;
    use aws_sdk_dynamodb::operation::put_item::PutItemOutput;
    use aws_sdk_dynamodb::operation::update_item::{UpdateItemInput, UpdateItemOutput};
    use aws_smithy_mocks::{Rule, RuleMode, mock, mock_client};
    use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
    use aws_smithy_runtime_api::http::StatusCode;
    use aws_smithy_types::body::SdkBody;
    use nameplate::Class;
    use nameplate::contract::REGISTRATION_DEADLINE_SECS;
    use serde_json::json;
    use std::sync::{Arc, Mutex};

    mod by_email;

    const NOW: i64 = 1_800_000_000;
    const EXECUTION: &str = "arn:aws:states:us-east-1:123456789012:execution:provision:two";
    const NEW: &str = "arn:aws:acm:us-east-1:123456789012:certificate/new";
    const OLD: &str = "arn:aws:acm:us-east-1:123456789012:certificate/old";

    /// A run that began a minute ago.
    fn input(fresh: bool, certificate_arn: Option<&str>) -> RequestCertInput {
        let request = json!({
            "domainName": "example.com",
            "certificate": {"alternativeNames": ["*.example.com", "a.api.example.com"]},
            "api": {"routes": [{"route": "GET /", "url": "https://backend.example.net/"}]},
            "tags": {"team": "inference"}
        });
        RequestCertInput {
            request: Request::parse(&request).expect("a valid request"),
            execution: EXECUTION.to_owned(),
            incarnation: "arn:aws:states:us-east-1:123456789012:execution:provision:one".to_owned(),
            certificate_arn: certificate_arn.map(str::to_owned),
            fresh,
            first_turn: false,
            planned_at: NOW - 60,
            deadline: NOW - 60 + CERTIFICATE_DEADLINE_SECS,
            former_tags: Vec::new(),
            emails_resent: false,
        }
    }

    const NAMES: [&str; 3] = ["example.com", "*.example.com", "a.api.example.com"];

    /// One name of a certificate; the domain and its wildcard share a record, as they do at ACM.
    fn validation(name: &str, shown: bool) -> DomainValidation {
        let base = name.trim_start_matches("*.");
        let record = ResourceRecord::builder()
            .name(format!("_x.{base}."))
            .r#type(RecordType::Cname)
            .value(format!("_y.{base}.acm-validations.aws."))
            .build()
            .expect("complete");
        DomainValidation::builder()
            .domain_name(name)
            .set_resource_record(shown.then_some(record))
            .validation_method(ValidationMethod::Dns)
            .build()
            .expect("complete")
    }

    fn detail(arn: &str, status: Status) -> CertificateDetail {
        CertificateDetail::builder()
            .certificate_arn(arn)
            .domain_name("example.com")
            .set_subject_alternative_names(Some(NAMES.map(str::to_owned).to_vec()))
            .set_domain_validation_options(Some(NAMES.iter().map(|name| validation(name, true)).collect()))
            .status(status)
            // So spelt in DescribeCertificate's answers.
            .key_algorithm(KeyAlgorithm::from("RSA-2048"))
            .created_at(DateTime::from_secs(NOW - 30))
            .build()
    }

    /// A certificate that an earlier run left.
    fn earlier(mut detail: CertificateDetail) -> CertificateDetail {
        detail.created_at = Some(DateTime::from_secs(NOW - 3600));
        detail
    }

    fn failed(arn: &str, reason: Option<FailureReason>) -> CertificateDetail {
        let mut detail = detail(arn, Status::Failed);
        detail.failure_reason = reason;
        detail
    }

    fn described(detail: &CertificateDetail) -> DescribeCertificateOutput {
        DescribeCertificateOutput::builder().certificate(detail.clone()).build()
    }

    fn describes(detail: CertificateDetail) -> Rule {
        let arn = detail.certificate_arn.clone();
        mock!(Acm::describe_certificate)
            .match_requests(move |request| request.certificate_arn == arn)
            .then_output(move || described(&detail))
    }

    fn does_not_know(arn: &'static str) -> Rule {
        mock!(Acm::describe_certificate)
            .match_requests(move |request| request.certificate_arn() == Some(arn))
            .then_http_response(|| refusal("ResourceNotFoundException"))
    }

    fn summary(arn: &str, status: Status) -> CertificateSummary {
        CertificateSummary::builder()
            .certificate_arn(arn)
            .domain_name("example.com")
            .set_subject_alternative_name_summaries(Some(NAMES.map(str::to_owned).to_vec()))
            .has_additional_subject_alternative_names(false)
            .status(status)
            .r#type(CertificateType::AmazonIssued)
            .key_algorithm(KeyAlgorithm::Rsa2048)
            .created_at(DateTime::from_secs(NOW - 3600))
            .build()
    }

    fn lists(summaries: Vec<CertificateSummary>) -> Rule {
        mock!(Acm::list_certificates)
            .match_requests(|request| {
                let keys = request.includes().map(Filters::key_types).unwrap_or_default();
                keys.contains(&KeyAlgorithm::EcPrime256v1)
                    && keys.contains(&KeyAlgorithm::Rsa2048)
                    && request.certificate_statuses() == [Status::PendingValidation, Status::Issued]
            })
            .then_output(move || {
                ListCertificatesOutput::builder().set_certificate_summary_list(Some(summaries.clone())).build()
            })
    }

    fn has_tags(arn: &'static str, tags: &[(&str, &str)]) -> Rule {
        let tags: Vec<Tag> =
            tags.iter().map(|(key, value)| Tag::builder().key(*key).value(*value).build().expect("complete")).collect();
        mock!(Acm::list_tags_for_certificate)
            .match_requests(move |request| request.certificate_arn() == Some(arn))
            .then_output(move || ListTagsForCertificateOutput::builder().set_tags(Some(tags.clone())).build())
    }

    const OURS: &[(&str, &str)] = &[("nameplate:domain", "example.com"), ("nameplate:stack", "nameplate")];
    /// The same with that of the request.
    const ALL_TAGS: [(&str, &str); 3] =
        [("nameplate:domain", "example.com"), ("nameplate:stack", "nameplate"), ("team", "inference")];

    fn is_right_request(request: &RequestCertificateInput, token: &str) -> bool {
        let tags: Vec<(&str, Option<&str>)> = request.tags().iter().map(|tag| (tag.key(), tag.value())).collect();
        request.domain_name() == Some("example.com")
            && request.subject_alternative_names() == ["*.example.com", "a.api.example.com"]
            && request.validation_method() == Some(&ValidationMethod::Dns)
            && request.domain_validation_options().is_empty()
            && request.key_algorithm() == Some(&KeyAlgorithm::Rsa2048)
            && request.idempotency_token() == Some(token)
            && tags
                == [
                    ("nameplate:domain", Some("example.com")),
                    ("nameplate:stack", Some("nameplate")),
                    ("team", Some("inference")),
                ]
    }

    /// Takes the request for a certificate in the place of `replaced`.
    fn requests(replaced: Option<&str>, arn: &'static str) -> Rule {
        let token = idempotency_token(&input(true, None), replaced);
        mock!(Acm::request_certificate)
            .match_requests(move |request| is_right_request(request, &token))
            .then_output(move || RequestCertificateOutput::builder().certificate_arn(arn).build())
    }

    fn number(value: i64) -> AttributeValue {
        AttributeValue::N(value.to_string())
    }

    fn text(value: &str) -> AttributeValue {
        AttributeValue::S(value.to_owned())
    }

    /// Takes a new watch on the certificate.
    fn puts(arn: &'static str) -> Rule {
        mock!(Dynamodb::put_item)
            .match_requests(move |request| is_watch(request, arn))
            .then_output(|| PutItemOutput::builder().build())
    }

    fn is_watch(request: &aws_sdk_dynamodb::operation::put_item::PutItemInput, arn: &str) -> bool {
        let expected = [
            ("id", text(&format!("watch#{arn}"))),
            ("domain", text("example.com")),
            ("created", number(NOW)),
            ("expires", number(NOW + 8 * 24 * 3600)),
        ];
        let item = request.item().expect("an item");
        request.table_name() == Some("table")
            && request.condition_expression() == Some("attribute_not_exists(#key)")
            && item.len() == expected.len()
            && expected.iter().all(|(key, value)| item.get(*key) == Some(value))
    }

    /// The watch stands already, with or without a wake-up on it.
    fn stands(arn: &'static str, resolved: bool) -> Rule {
        let mut item = json!({"id": {"S": format!("watch#{arn}")}, "token": {"S": "t"}, "heldBy": {"S": "somebody"}});
        if resolved {
            item["resolved"] = json!({"S": "event-1"});
        }
        let body = json!({
            "__type": "com.amazonaws.dynamodb.v20120810#ConditionalCheckFailedException",
            "message": "The conditional request failed",
            "Item": item
        })
        .to_string();
        mock!(Dynamodb::put_item)
            .match_requests(move |request| {
                is_watch(request, arn)
                    && request.return_values_on_condition_check_failure()
                        == Some(&ReturnValuesOnConditionCheckFailure::AllOld)
            })
            .then_http_response(move || answer(400, body.clone()))
    }

    /// Whether each name in the expressions stands for the attribute of that name.
    fn names_are_plain(request: &UpdateItemInput) -> bool {
        let mut names = request.expression_attribute_names().expect("names").iter();
        names.all(|(short, name)| {
            let plain = if short == "#awaited" { "awaitedCertificate" } else { &short[1..] };
            name == plain
        })
    }

    fn key(request: &UpdateItemInput) -> String {
        request.key().expect("a key")["id"].as_s().expect("text").clone()
    }

    fn is_reset(request: &UpdateItemInput) -> bool {
        let values = request.expression_attribute_values().expect("values");
        request.update_expression() == Some("SET #expires = :expires REMOVE #resolved, #token, #heldBy")
            && request.condition_expression() == Some("#resolved = :seen")
            && values.get(":seen") == Some(&text("event-1"))
            && names_are_plain(request)
            && key(request) == format!("watch#{OLD}")
    }

    fn is_record(request: &UpdateItemInput) -> bool {
        request.table_name() == Some("table")
            && request.update_expression() == Some("SET #awaited = :arn")
            && request.condition_expression() == Some("#heldBy = :execution")
            && request.expression_attribute_values().expect("values")[":execution"] == text(EXECUTION)
            && names_are_plain(request)
            && key(request) == "domain#example.com"
    }

    fn is_forgetting(request: &UpdateItemInput) -> bool {
        request.table_name() == Some("table")
            && request.update_expression() == Some("REMOVE #token, #heldBy")
            && request.condition_expression() == Some("#token = :seen AND attribute_not_exists(#resolved)")
            && request.expression_attribute_values().expect("values")[":seen"] == text("t")
            && names_are_plain(request)
    }

    type Arns = Arc<Mutex<Vec<String>>>;

    /// What a call did in the table, by the certificate's ARN.
    #[derive(Clone, Default)]
    struct Done {
        recorded: Arns,
        forgotten: Arns,
        removed: Arns,
    }

    fn of(arns: &Arns) -> Vec<String> {
        arns.lock().expect("a lock").clone()
    }

    impl Done {
        fn rules(&self) -> [Rule; 3] {
            let Done { recorded, forgotten, removed } = self.clone();
            let note = |arns: &Arns, arn: &str| {
                arns.lock().expect("a lock").push(arn.trim_start_matches("watch#").to_owned());
            };
            [
                mock!(Dynamodb::update_item).match_requests(is_record).then_compute_output(move |request| {
                    let arn = &request.expression_attribute_values().expect("values")[":arn"];
                    note(&recorded, arn.as_s().expect("text"));
                    UpdateItemOutput::builder().build()
                }),
                mock!(Dynamodb::update_item).match_requests(is_forgetting).then_compute_output(move |request| {
                    note(&forgotten, &key(request));
                    UpdateItemOutput::builder().build()
                }),
                mock!(Dynamodb::delete_item)
                    .match_requests(|request| {
                        request.table_name() == Some("table") && request.condition_expression().is_none()
                    })
                    .then_compute_output(move |request| {
                        note(&removed, request.key().expect("a key")["id"].as_s().expect("text"));
                        DeleteItemOutput::builder().build()
                    }),
            ]
        }

        /// What holds for every call: who is told to wait finds its watch and is on record; nobody else does.
        fn judge(&self, result: &Result<RequestCertOutput, StepError>) {
            let (recorded, removed) = (of(&self.recorded), of(&self.removed));
            match result {
                Ok(output) if output.status == CertificateStatus::Pending => {
                    assert!(recorded.contains(&output.certificate_arn), "awaited and not on record: {recorded:?}");
                    assert!(!removed.contains(&output.certificate_arn), "awaited without a watch");
                }
                Ok(output) => assert_eq!(removed.last(), Some(&output.certificate_arn), "a watch on what is issued"),
                Err(error) if error.class == Class::NotReady => assert_eq!(removed, [] as [&str; 0]),
                Err(_) => {}
            }
        }
    }

    fn answer(status: u16, body: String) -> HttpResponse {
        HttpResponse::new(StatusCode::try_from(status).expect("a status"), SdkBody::from(body))
    }

    /// An error as ACM and DynamoDB write it.
    fn refusal(code: &str) -> HttpResponse {
        answer(400, json!({"__type": code, "message": "because"}).to_string())
    }

    async fn at(
        now: i64,
        acm: &[&Rule],
        dynamodb: &[&Rule],
        input: RequestCertInput,
    ) -> Result<RequestCertOutput, StepError> {
        doing(now, acm, dynamodb, input).await.0
    }

    async fn doing(
        now: i64,
        acm: &[&Rule],
        dynamodb: &[&Rule],
        input: RequestCertInput,
    ) -> (Result<RequestCertOutput, StepError>, Done) {
        let done = Done::default();
        let usual = done.rules();
        let dynamodb: Vec<&Rule> = usual.iter().chain(dynamodb.iter().copied()).collect();
        let clients = Clients {
            acm: mock_client!(aws_sdk_acm, RuleMode::MatchAny, acm),
            dynamodb: mock_client!(aws_sdk_dynamodb, RuleMode::MatchAny, &dynamodb),
        };
        let settings = Settings { stack: "nameplate".to_owned(), table: "table".to_owned() };
        let result = run_at(&clients, &settings, input, now).await;
        done.judge(&result);
        (result, done)
    }

    async fn go(acm: &[&Rule], dynamodb: &[&Rule], input: RequestCertInput) -> Result<RequestCertOutput, StepError> {
        at(NOW, acm, dynamodb, input).await
    }

    fn records() -> Vec<ValidationRecord> {
        ["a.api.example.com", "example.com"]
            .iter()
            .map(|base| ValidationRecord {
                name: format!("_x.{base}"),
                value: format!("_y.{base}.acm-validations.aws"),
            })
            .collect()
    }

    fn assert_pending(output: &RequestCertOutput, arn: &str) {
        assert_eq!(output.certificate_arn, arn);
        assert_eq!(output.status, CertificateStatus::Pending);
        assert_eq!(output.validation_records, records());
        assert_eq!(output.watch_key.as_deref(), Some(format!("watch#{arn}").as_str()));
    }

    fn assert_issued(output: &RequestCertOutput, arn: &str) {
        assert_eq!((output.certificate_arn.as_str(), output.status), (arn, CertificateStatus::Issued));
        assert_eq!(output.watch_key, None);
    }

    #[tokio::test]
    async fn a_fresh_name_gets_a_certificate_with_two_calls_and_each_record_once() {
        let (request, put) = (requests(None, NEW), puts(NEW));
        let describe = describes(detail(NEW, Status::PendingValidation));
        let output = go(&[&request, &describe], &[&put], input(true, None)).await.expect("requested");
        assert_pending(&output, NEW);
        assert_eq!((request.num_calls(), describe.num_calls(), put.num_calls()), (1, 1, 1));
    }

    #[tokio::test]
    async fn the_watch_stands_before_a_new_certificate_is_looked_at() {
        let (request, put) = (requests(None, NEW), puts(NEW));
        let before = put.clone();
        let describe = mock!(Acm::describe_certificate)
            .match_requests(move |_| before.num_calls() == 1)
            .then_output(|| described(&detail(NEW, Status::PendingValidation)));
        go(&[&request, &describe], &[&put], input(true, None)).await.expect("requested");
    }

    #[tokio::test]
    async fn a_name_that_is_not_fresh_is_searched_before_a_certificate_is_requested() {
        let (list, request, put) = (lists(vec![]), requests(None, NEW), puts(NEW));
        let describe = describes(detail(NEW, Status::PendingValidation));
        let output = go(&[&list, &request, &describe], &[&put], input(false, None)).await.expect("requested");
        assert_pending(&output, NEW);
        assert_eq!(list.num_calls(), 1);
    }

    #[tokio::test]
    async fn our_issued_certificate_is_adopted_and_nothing_is_written() {
        let list = lists(vec![summary(OLD, Status::Issued)]);
        let (tags, describe) = (has_tags(OLD, OURS), describes(earlier(detail(OLD, Status::Issued))));
        let output = go(&[&list, &tags, &describe], &[], input(false, None)).await.expect("adopted");
        assert_issued(&output, OLD);
        assert_eq!(output.validation_records, records());
    }

    #[tokio::test]
    async fn an_issued_certificate_is_preferred_to_a_pending_one() {
        let list = lists(vec![summary(NEW, Status::PendingValidation), summary(OLD, Status::Issued)]);
        let (tags, pending) = (has_tags(OLD, OURS), has_tags(NEW, OURS));
        let describe = describes(earlier(detail(OLD, Status::Issued)));
        let output = go(&[&list, &tags, &pending, &describe], &[], input(false, None)).await.expect("adopted");
        assert_issued(&output, OLD);
        assert_eq!(output.replaced, [NEW], "the one too many is named");
    }

    #[tokio::test]
    async fn a_foreign_certificate_with_the_same_names_is_left_alone() {
        for tags in [&[][..], &[("nameplate:domain", "example.com"), ("nameplate:stack", "other")][..]] {
            let list = lists(vec![summary(OLD, Status::Issued)]);
            let (tags, request, put) = (has_tags(OLD, tags), requests(None, NEW), puts(NEW));
            let describe = describes(detail(NEW, Status::PendingValidation));
            let output = go(&[&list, &tags, &request, &describe], &[&put], input(false, None)).await;
            assert_pending(&output.expect("requested"), NEW);
            assert_eq!(tags.num_calls(), 1);
        }
    }

    #[test]
    fn only_certificates_with_exactly_the_names_and_the_key_are_candidates() {
        let right = summary(OLD, Status::Issued);
        let mut fewer = right.clone();
        fewer.subject_alternative_name_summaries = Some(vec!["example.com".to_owned()]);
        let mut more = right.clone();
        more.has_additional_subject_alternative_names = Some(true);
        let mut key = right.clone();
        key.key_algorithm = Some(KeyAlgorithm::EcPrime256v1);
        let mut imported = right.clone();
        imported.r#type = Some(CertificateType::Imported);
        let mut domain = right.clone();
        domain.domain_name = Some("*.example.com".to_owned());
        let request = input(false, None).request;
        for other in [&fewer, &more, &key] {
            assert!(!fits(other, &request), "{other:?}");
            assert_eq!(candidates(vec![other.clone(), right.clone()], &request), [right.clone(), other.clone()]);
        }
        assert!(fits(&right, &request));
        assert!(candidates(vec![imported, domain], &request).is_empty());
    }

    #[tokio::test]
    async fn our_certificate_with_other_names_is_replaced_and_named_and_a_foreign_one_is_not() {
        const FOREIGN: &str = "arn:aws:acm:us-east-1:123456789012:certificate/foreign";
        let mut old = summary(OLD, Status::Issued);
        old.subject_alternative_name_summaries = Some(vec!["example.com".to_owned()]);
        let mut foreign = old.clone();
        foreign.certificate_arn = Some(FOREIGN.to_owned());
        let list = lists(vec![old, foreign]);
        let (ours, others) = (has_tags(OLD, OURS), has_tags(FOREIGN, &[]));
        let (request, put) = (requests(None, NEW), puts(NEW));
        let describe = describes(detail(NEW, Status::PendingValidation));
        let output = go(&[&list, &ours, &others, &request, &describe], &[&put], input(false, None)).await;
        assert_eq!(output.expect("requested").replaced, [OLD]);
    }

    #[tokio::test]
    async fn only_the_first_turn_looks_for_others_beside_a_recorded_certificate_that_fits() {
        let (describe, list) = (
            describes(detail(NEW, Status::Issued)),
            lists(vec![summary(NEW, Status::Issued), summary(OLD, Status::Issued)]),
        );
        let (tags, known) = (has_tags(OLD, OURS), has_tags(NEW, &ALL_TAGS));
        let first = RequestCertInput { first_turn: true, ..input(false, Some(NEW)) };
        let output = go(&[&describe, &list, &tags, &known], &[], first).await.expect("issued");
        assert_issued(&output, NEW);
        assert_eq!(output.replaced, [OLD]);
        let output = go(&[&describe], &[], input(false, Some(NEW))).await.expect("issued");
        assert_eq!(output.replaced, [""; 0]);
    }

    #[tokio::test]
    async fn the_first_turn_corrects_the_tags_of_a_certificate_of_ours_and_of_no_other() {
        let (describe, list) = (describes(detail(NEW, Status::Issued)), lists(vec![summary(NEW, Status::Issued)]));
        let former = vec!["cost".to_owned(), "gone".to_owned()];
        let wish = || RequestCertInput { first_turn: true, former_tags: former.clone(), ..input(false, Some(NEW)) };
        let sent = |tags: &[Tag]| tags.iter().map(|tag| tag.key().to_owned()).collect::<Vec<_>>();
        let add = mock!(Acm::add_tags_to_certificate)
            .match_requests(move |call| sent(call.tags()) == ["nameplate:stack", "team"])
            .then_output(|| AddTagsToCertificateOutput::builder().build());
        let remove = mock!(Acm::remove_tags_from_certificate)
            .match_requests(move |call| sent(call.tags()) == ["cost"])
            .then_output(|| RemoveTagsFromCertificateOutput::builder().build());
        let marks = [OURS, &[("team", "old"), ("cost", "1"), ("theirs", "x")]].concat();
        let tags = has_tags(NEW, &marks);
        go(&[&describe, &list, &tags, &add, &remove], &[], wish()).await.expect("issued");
        assert_eq!((add.num_calls(), remove.num_calls()), (1, 1));
        let theirs = has_tags(NEW, &[("team", "old"), ("cost", "1")]);
        go(&[&describe, &list, &theirs], &[], wish()).await.expect("issued, and left as it is");
    }

    #[test]
    fn among_certificates_of_one_status_the_newest_comes_first() {
        let older = summary(OLD, Status::Issued);
        let mut newer = summary(NEW, Status::Issued);
        newer.created_at = Some(DateTime::from_secs(NOW));
        let sorted = candidates(vec![older.clone(), newer.clone()], &input(false, None).request);
        assert_eq!(sorted, [newer, older]);
    }

    #[tokio::test]
    async fn every_page_of_the_listing_is_read() {
        let first = mock!(Acm::list_certificates)
            .match_requests(|request| request.next_token().is_none())
            .then_output(|| ListCertificatesOutput::builder().next_token("more").build());
        let second =
            mock!(Acm::list_certificates).match_requests(|request| request.next_token() == Some("more")).then_output(
                || ListCertificatesOutput::builder().certificate_summary_list(summary(OLD, Status::Issued)).build(),
            );
        let (tags, describe) = (has_tags(OLD, OURS), describes(earlier(detail(OLD, Status::Issued))));
        let output = go(&[&first, &second, &tags, &describe], &[], input(false, None)).await.expect("adopted");
        assert_issued(&output, OLD);
        assert_eq!((first.num_calls(), second.num_calls()), (1, 1));
    }

    #[tokio::test]
    async fn a_second_run_reads_the_known_certificate_and_takes_a_watch_away_that_was_left() {
        let describe = describes(earlier(detail(OLD, Status::Issued)));
        let (output, done) = doing(NOW, &[&describe], &[], input(false, Some(OLD))).await;
        assert_issued(&output.expect("found"), OLD);
        assert_eq!(describe.num_calls(), 1);
        assert_eq!((of(&done.recorded), of(&done.removed)), (vec![], vec![OLD.to_owned()]));
    }

    #[tokio::test]
    async fn the_records_for_the_customers_own_dns_are_actions_in_the_same_words_in_every_turn() {
        let mut wish = input(true, Some(OLD));
        wish.request.dns = Dns::External;
        let pending = describes(detail(OLD, Status::PendingValidation));
        let waiting = go(&[&pending], &[&stands(OLD, false)], wish.clone()).await.expect("pending");
        let issued = describes(detail(OLD, Status::Issued));
        let done = go(&[&issued], &[], wish).await.expect("issued");
        assert_eq!(waiting.actions, done.actions);
        let [first, second] = &waiting.actions[..] else { panic!("{:?}", waiting.actions) };
        assert!(first.ends_with(": _x.a.api.example.com CNAME _y.a.api.example.com.acm-validations.aws"), "{first}");
        assert!(second.ends_with(": _x.example.com CNAME _y.example.com.acm-validations.aws"), "{second}");
        let ours = go(&[&issued], &[], input(true, Some(OLD))).await.expect("issued");
        assert!(ours.actions.is_empty(), "a zone of this account is written to by us");
    }

    #[tokio::test]
    async fn a_wait_for_the_customers_own_dns_does_not_speak_of_hosted_zones() {
        let mut wish = input(true, Some(OLD));
        (wish.request.dns, wish.deadline) = (Dns::External, NOW);
        let pending = describes(detail(OLD, Status::PendingValidation));
        let error = go(&[&pending], &[], wish).await.expect_err("too late");
        assert_eq!(error.code, "CertificateDeadline");
        assert!(!error.to_string().contains("hosted zone") && error.remedy.contains("Action Required"), "{error}");
    }

    #[tokio::test]
    async fn a_later_turn_takes_one_look_and_forgets_the_token_of_the_last_sleep() {
        let (describe, put) = (describes(detail(OLD, Status::PendingValidation)), stands(OLD, false));
        let (output, done) = doing(NOW, &[&describe], &[&put], input(true, Some(OLD))).await;
        assert_pending(&output.expect("pending"), OLD);
        assert_eq!((describe.num_calls(), put.num_calls()), (1, 1));
        assert_eq!((of(&done.recorded), of(&done.forgotten)), (vec![OLD.to_owned()], vec![OLD.to_owned()]));
    }

    #[tokio::test]
    async fn a_token_that_changed_meanwhile_is_left_to_the_next_turn() {
        let put = stands(OLD, false);
        let record =
            mock!(Dynamodb::update_item).match_requests(is_record).then_output(|| UpdateItemOutput::builder().build());
        let changed = mock!(Dynamodb::update_item)
            .match_requests(is_forgetting)
            .then_http_response(|| refusal("ConditionalCheckFailedException"));
        let clients = Clients {
            acm: mock_client!(aws_sdk_acm, RuleMode::MatchAny, [&describes(detail(OLD, Status::PendingValidation))]),
            dynamodb: mock_client!(aws_sdk_dynamodb, RuleMode::MatchAny, [&record, &changed, &put]),
        };
        let settings = Settings { stack: "nameplate".to_owned(), table: "table".to_owned() };
        let output = run_at(&clients, &settings, input(true, Some(OLD)), NOW).await.expect("pending");
        assert_pending(&output, OLD);
        assert_eq!(changed.num_calls(), 1);
    }

    #[tokio::test]
    async fn who_does_not_hold_the_domain_any_more_does_not_begin_to_wait() {
        let lost = mock!(Dynamodb::update_item)
            .match_requests(is_record)
            .then_http_response(|| refusal("ConditionalCheckFailedException"));
        let (describe, request) = (describes(detail(OLD, Status::PendingValidation)), requests(None, OLD));
        for known in [Some(OLD), None] {
            let clients = Clients {
                acm: mock_client!(aws_sdk_acm, RuleMode::MatchAny, [&describe, &request]),
                dynamodb: mock_client!(aws_sdk_dynamodb, RuleMode::MatchAny, [&lost]),
            };
            let settings = Settings { stack: "nameplate".to_owned(), table: "table".to_owned() };
            let error = run_at(&clients, &settings, input(true, known), NOW).await.expect_err("no claim");
            assert_eq!((error.class, error.code.as_str()), (Class::Busy, "NotTheHolder"));
        }
        assert_eq!(lost.num_calls(), 2);
    }

    #[tokio::test]
    async fn a_certificate_issued_before_its_watch_stood_is_seen_at_once() {
        let put = puts(OLD);
        let describe = mock!(Acm::describe_certificate)
            .sequence()
            .output(|| described(&detail(OLD, Status::PendingValidation)))
            .output(|| described(&detail(OLD, Status::Issued)))
            .build();
        let output = go(&[&describe], &[&put], input(false, Some(OLD))).await.expect("issued");
        assert_issued(&output, OLD);
    }

    #[tokio::test]
    async fn a_wake_up_that_brought_nothing_is_taken_back_and_the_certificate_looked_at_again() {
        let put = stands(OLD, true);
        let reset =
            mock!(Dynamodb::update_item).match_requests(is_reset).then_output(|| UpdateItemOutput::builder().build());
        for (second, status) in
            [(Status::PendingValidation, CertificateStatus::Pending), (Status::Issued, CertificateStatus::Issued)]
        {
            let describe = mock!(Acm::describe_certificate)
                .sequence()
                .output(|| described(&detail(OLD, Status::PendingValidation)))
                .output(move || described(&detail(OLD, second.clone())))
                .build();
            let output = go(&[&describe], &[&put, &reset], input(true, Some(OLD))).await.expect("found");
            assert_eq!(output.status, status);
            assert_eq!(describe.num_calls(), 2);
        }
        assert_eq!(reset.num_calls(), 2);
    }

    #[tokio::test]
    async fn a_wake_up_that_changed_meanwhile_is_left_to_the_next_turn() {
        let put = stands(OLD, true);
        let reset = mock!(Dynamodb::update_item).then_http_response(|| refusal("ConditionalCheckFailedException"));
        let describe = describes(detail(OLD, Status::PendingValidation));
        let output = go(&[&describe], &[&put, &reset], input(true, Some(OLD))).await.expect("pending");
        assert_pending(&output, OLD);
    }

    #[tokio::test]
    async fn a_known_certificate_that_is_gone_or_has_other_names_is_replaced() {
        let mut other_names = earlier(detail(OLD, Status::Issued));
        other_names.subject_alternative_names = Some(vec!["example.com".to_owned()]);
        let mut other_key = earlier(detail(OLD, Status::Issued));
        other_key.key_algorithm = Some(KeyAlgorithm::from("EC-prime256v1"));
        // In the place of one that is there it comes under a token of its own: the names can have been wanted before.
        for (known, replaced) in
            [(does_not_know(OLD), None), (describes(other_names), Some(OLD)), (describes(other_key), Some(OLD))]
        {
            let (list, request, put) = (lists(vec![]), requests(replaced, NEW), puts(NEW));
            let describe = describes(detail(NEW, Status::PendingValidation));
            let rules = [&known, &list, &request, &describe];
            let output = go(&rules, &[&put], input(false, Some(OLD))).await.expect("requested");
            assert_pending(&output, NEW);
            assert_eq!(known.num_calls(), 1);
        }
    }

    #[tokio::test]
    async fn what_an_earlier_run_left_unusable_is_replaced_under_another_token() {
        for status in [Status::Failed, Status::ValidationTimedOut, Status::Expired, Status::Revoked, Status::Inactive] {
            let (old, request, put) = (describes(earlier(detail(OLD, status))), requests(Some(OLD), NEW), puts(NEW));
            let new = describes(detail(NEW, Status::PendingValidation));
            let (output, done) = doing(NOW, &[&old, &request, &new], &[&put], input(false, Some(OLD))).await;
            assert_pending(&output.expect("replaced"), NEW);
            assert_eq!(of(&done.removed), [OLD], "nobody waits for the spent one");
        }
    }

    #[tokio::test]
    async fn a_spent_certificate_that_the_token_gives_back_is_replaced_too() {
        let (list, first, second) = (lists(vec![]), requests(None, OLD), requests(Some(OLD), NEW));
        let (old, new) = (describes(earlier(failed(OLD, None))), describes(detail(NEW, Status::PendingValidation)));
        let (put_old, put_new) = (puts(OLD), puts(NEW));
        let rules = [&list, &first, &second, &old, &new];
        let output = go(&rules, &[&put_old, &put_new], input(false, None)).await.expect("replaced");
        assert_pending(&output, NEW);
        assert_eq!((first.num_calls(), second.num_calls()), (1, 1));
    }

    #[tokio::test]
    async fn replacing_comes_to_an_end() {
        let request = mock!(Acm::request_certificate)
            .then_output(|| RequestCertificateOutput::builder().certificate_arn(OLD).build());
        let (describe, put) = (describes(earlier(failed(OLD, None))), stands(OLD, false));
        let error = go(&[&request, &describe], &[&put], input(true, Some(OLD))).await.expect_err("bounded");
        assert_eq!((error.class, error.code.as_str()), (Class::Failed, "TooManySpentCertificates"));
        assert_eq!(request.num_calls(), MAX_REPLACED);
    }

    #[tokio::test]
    async fn a_failure_in_this_run_carries_acms_reason_and_its_remedy() {
        for (reason, word) in [
            (FailureReason::CaaError, "amazon.com"),
            (FailureReason::DomainNotAllowed, "VirusTotal"),
            (FailureReason::AdditionalVerificationRequired, "AWS Support"),
            (FailureReason::InvalidPublicDomain, "alternativeNames"),
            (FailureReason::DomainValidationDenied, "AWS Support"),
            (FailureReason::NoAvailableContacts, "DNS"),
            (FailureReason::Other, "console"),
        ] {
            let code = reason.as_str().to_owned();
            let describe = describes(failed(OLD, Some(reason)));
            let (error, done) = doing(NOW, &[&describe], &[], input(true, Some(OLD))).await;
            let error = error.expect_err(&code);
            assert_eq!((error.class, error.code.as_str()), (Class::Failed, code.as_str()));
            assert_eq!(of(&done.removed), [OLD]);
            assert!(error.remedy.contains(word) && error.reason.contains("FAILED"), "{error}");
        }
    }

    #[tokio::test]
    async fn a_validation_that_timed_out_in_this_run_names_the_likely_cause() {
        let describe = describes(detail(OLD, Status::ValidationTimedOut));
        let error = go(&[&describe], &[], input(true, Some(OLD))).await.expect_err("timed out");
        assert_eq!((error.class, error.code.as_str()), (Class::Failed, "VALIDATION_TIMED_OUT"));
        assert!(error.reason.contains("name servers") && error.remedy.contains("dig +short NS example.com"), "{error}");
    }

    #[tokio::test]
    async fn the_deadline_ends_the_wait_and_names_the_likely_cause() {
        let describe = describes(detail(OLD, Status::PendingValidation));
        let input = input(true, Some(OLD));
        let (last, over) = (input.deadline - 1, input.deadline);
        let early = at(last, &[&describe], &[&stands_at(OLD)], input.clone()).await.expect("still time");
        assert_pending(&early, OLD);
        let (error, done) = doing(over, &[&describe], &[], input.clone()).await;
        let error = error.expect_err("over");
        assert_eq!((error.class, error.code.as_str()), (Class::Failed, "CertificateDeadline"));
        assert!(error.reason.contains("name servers") && error.remedy.contains("registrar"), "{error}");
        assert_eq!((of(&done.recorded), of(&done.removed)), (vec![], vec![OLD.to_owned()]), "no watch is left");
        let error = at(over, &[&does_not_know(OLD)], &[], input).await.expect_err("over");
        assert_eq!((error.class, error.code.as_str()), (Class::Failed, "CertificateDeadline"), "nothing is requested");
    }

    #[tokio::test]
    async fn the_first_turn_sets_the_end_of_the_wait_and_no_later_one_moves_it() {
        let describe = describes(detail(OLD, Status::PendingValidation));
        let mut input = input(true, Some(OLD));
        // As for a name that is bought first: a certificate is not waited for longer because of that.
        input.deadline += REGISTRATION_DEADLINE_SECS;
        let first = at(NOW, &[&describe], &[&stands_at(OLD)], input.clone()).await.expect("pending");
        assert_eq!(first.deadline, NOW + CERTIFICATE_DEADLINE_SECS);
        input.deadline = first.deadline;
        for later in [NOW + 3600, first.deadline - 1] {
            let turn = at(later, &[&describe], &[&stands_at(OLD)], input.clone()).await.expect("pending");
            assert_eq!(turn.deadline, first.deadline);
        }
    }

    #[tokio::test]
    async fn a_failure_of_this_run_is_told_however_late_the_deadline_lies() {
        let describe = describes(failed(OLD, Some(FailureReason::CaaError)));
        let mut input = input(true, Some(OLD));
        input.deadline += REGISTRATION_DEADLINE_SECS;
        let error = at(NOW, &[&describe], &[], input).await.expect_err("failed");
        assert_eq!(error.code, "CAA_ERROR");
    }

    /// A standing watch without a token, whatever the time is.
    fn stands_at(arn: &'static str) -> Rule {
        mock!(Dynamodb::put_item)
            .match_requests(move |request| {
                request.item().and_then(|item| item.get("id")) == Some(&text(&format!("watch#{arn}")))
            })
            .then_http_response(|| refusal("ConditionalCheckFailedException"))
    }

    #[tokio::test]
    async fn a_certificate_that_is_issued_after_the_deadline_is_taken() {
        let describe = describes(detail(OLD, Status::Issued));
        let input = input(true, Some(OLD));
        let output = at(input.deadline + 1, &[&describe], &[], input).await.expect("issued");
        assert_issued(&output, OLD);
    }

    #[tokio::test]
    async fn a_certificate_that_is_not_readable_yet_is_not_ready() {
        let (request, describe, put) = (requests(None, NEW), does_not_know(NEW), puts(NEW));
        let error = go(&[&request, &describe], &[&put], input(true, None)).await.expect_err("unreadable");
        assert_eq!((error.class, error.code.as_str()), (Class::NotReady, "CertificateNotReadable"));
        assert!(error.reason.contains(NEW), "{error}");
    }

    #[tokio::test]
    async fn every_name_needs_its_record_before_the_records_are_handed_on() {
        let mut one_hidden = detail(NEW, Status::PendingValidation);
        one_hidden.domain_validation_options =
            Some(NAMES.iter().map(|name| validation(name, *name != "a.api.example.com")).collect());
        let mut none_listed = detail(NEW, Status::PendingValidation);
        none_listed.domain_validation_options = None;
        for shown in [one_hidden, none_listed] {
            let (request, describe, put) = (requests(None, NEW), describes(shown), puts(NEW));
            let error = go(&[&request, &describe], &[&put], input(true, None)).await.expect_err("hidden");
            assert_eq!((error.class, error.code.as_str()), (Class::NotReady, "ValidationRecordNotShown"));
            assert!(error.reason.contains("a.api.example.com"), "{error}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_quota_is_a_failure_although_the_sdk_tries_it_again() {
        let request = mock!(Acm::request_certificate).then_http_response(|| refusal("LimitExceededException"));
        let error = go(&[&request], &[], input(true, None)).await.expect_err("quota");
        assert_eq!((error.class, error.code.as_str()), (Class::Failed, "LimitExceededException"));
        assert!(error.remedy.contains("Service Quotas"), "{error}");
        assert_eq!(request.num_calls(), 3);
    }

    #[tokio::test]
    async fn a_request_that_acm_refuses_is_a_failure() {
        for code in ["InvalidDomainValidationOptionsException", "InvalidParameterException", "TagPolicyException"] {
            let request = mock!(Acm::request_certificate).then_http_response(move || refusal(code));
            let error = go(&[&request], &[], input(true, None)).await.expect_err(code);
            assert_eq!((error.class, error.code.as_str()), (Class::Failed, code));
            assert_eq!(request.num_calls(), 1);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn throttling_is_retryable() {
        let describe = mock!(Acm::describe_certificate).then_http_response(|| refusal("ThrottlingException"));
        let error = go(&[&describe], &[], input(true, Some(OLD))).await.expect_err("throttled");
        assert_eq!((error.class, error.code.as_str()), (Class::Retryable, "ThrottlingException"));
        assert_eq!(describe.num_calls(), 3);
    }

    #[test]
    fn the_token_follows_names_key_and_the_certificate_replaced_and_is_one_that_acm_takes() {
        let wish = input(true, None);
        let token = idempotency_token(&wish, None);
        assert_eq!(token, idempotency_token(&input(false, Some(OLD)), None));
        assert!((1..=32).contains(&token.len()) && token.bytes().all(|byte| byte.is_ascii_alphanumeric()), "{token}");
        let mut key = wish.clone();
        key.request.certificate.key_algorithm = nameplate::request::KeyAlgorithm::EcPrime256v1;
        let mut names = wish.clone();
        names.request.certificate.alternative_names = Some(vec![]);
        let others = [
            idempotency_token(&wish, Some(OLD)),
            idempotency_token(&wish, Some(NEW)),
            idempotency_token(&key, None),
            idempotency_token(&names, None),
        ];
        let distinct: BTreeSet<&String> = others.iter().chain([&token]).collect();
        assert_eq!(distinct.len(), 5);
    }
}
