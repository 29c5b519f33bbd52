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
use nameplate::StepError;
use nameplate::contract::table;
use nameplate::contract::table::{domain as attribute, watch};
use nameplate::contract::{CERTIFICATE_DEADLINE_SECS, CertificateStatus, RequestCertInput, RequestCertOutput};
use nameplate::domain::dns_form;
use nameplate::error::{classify, code_of};
use nameplate::function::runtime;
use nameplate::request::{Dns, Request, Validation};
use nameplate::resource::certificate::ValidationRecord;
use nameplate::resource::tags;
use nameplate::token::{hex, token};

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
    let wanted = tags::wanted(&input.request.tags, &input.request.domain_name, stack);
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
    let wanted = tags::wanted(&request.tags, &request.domain_name, stack);
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
mod tests;
