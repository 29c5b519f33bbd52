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

use aws_sdk_acm::Client as Acm;
use aws_sdk_dynamodb::Client as Dynamodb;
use nameplate::StepError;
use nameplate::contract::table;
use nameplate::contract::{CERTIFICATE_DEADLINE_SECS, CertificateStatus, RequestCertInput, RequestCertOutput};
use nameplate::function::runtime;
use nameplate::request::{Dns, Request, Validation};
use nameplate::resource::certificate::{
    self, Certificate, Choice, ISSUED, NameValidation, PENDING_VALIDATION, ValidationRecord, Wanted, candidates, choose,
};
use nameplate::resource::tags::Tagging;

use crate::email::{self, Question};
use crate::failure;
use crate::watch::Watches;
use crate::writing::{request, write};

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
    let acm = &clients.acm;
    let tagging = Tagging::new(&input.request.tags, &input.request.domain_name, &settings.stack, &input.former_tags);
    let wanted = Wanted::of(&input.request, &tagging);
    let watches = Watches { dynamodb: &clients.dynamodb, table: &settings.table, input: &input, now };
    let Found { certificate: mut found, outdated, mut replaced } = find(acm, &input, &wanted).await?;
    if let Some(standing) = found.as_mut().filter(|_| input.first_turn) {
        correct_tags(acm, standing, &wanted).await?;
    }
    if let Some(standing) = &found
        && standing.status == PENDING_VALIDATION
        && now < input.deadline
        && watches.arm(&standing.arn).await?
    {
        // An event that came before the watch woke nobody: look again, now that the next one will.
        found = observe::acm::certificate(acm, &standing.arn).await?;
    }
    let mut spent = outdated;
    for _ in 0..=MAX_REPLACED {
        let certificate = match found.take() {
            Some(certificate) => certificate,
            None if now >= input.deadline => return Err(failure::deadline_passed(None, &input)),
            None => {
                let arn = request(acm, &input, &wanted, spent.as_deref()).await?;
                // The watch stands before the certificate is looked at, so that no event is missed.
                watches.arm(&arn).await?;
                observe::acm::certificate(acm, &arn).await?.ok_or_else(|| failure::not_readable(&arn))?
            }
        };
        let verdict = decide(&certificate, &input, now);
        if verdict.ends_the_wait() {
            watches.remove(&certificate.arn).await?;
        }
        match verdict {
            Verdict::Answer(output) => {
                let emails_resent = resend(acm, &certificate, &input).await?;
                return Ok(RequestCertOutput { replaced, emails_resent, ..output });
            }
            Verdict::NotYet(error) | Verdict::GiveUp(error) => return Err(error),
            Verdict::Replace => {
                tracing::info!(
                    certificate = certificate.arn,
                    status = certificate.status,
                    "replacing a certificate of an earlier run that cannot be used any more"
                );
                replaced.push(certificate.arn.clone());
                spent = Some(certificate.arn);
            }
        }
    }
    Err(failure::too_many_spent(MAX_REPLACED + 1, &input))
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
async fn find(acm: &Acm, input: &RequestCertInput, wanted: &Wanted<'_>) -> Result<Found, StepError> {
    let recorded = match &input.certificate_arn {
        Some(arn) => observe::acm::certificate(acm, arn).await?,
        None => None,
    };
    let is_recorded = |one: &Certificate| recorded.as_ref().is_some_and(|recorded| recorded.arn == one.arn);
    let kept = recorded.clone().filter(|recorded| certificate::fits(recorded, wanted));
    let outdated = recorded.as_ref().filter(|_| kept.is_none()).map(|recorded| recorded.arn.clone());
    if let Some(certificate) = &outdated {
        tracing::info!(certificate, "the recorded certificate has other names, another key or another validation");
    }
    if input.fresh || (kept.is_some() && !input.first_turn) {
        return Ok(Found { certificate: kept, outdated, replaced: Vec::new() });
    }
    let mut others = candidates(observe::acm::usable_certificates(acm).await?, wanted);
    match &kept {
        Some(_) => others.retain(|one| !is_recorded(one)),
        // It has been described by now.
        None => {
            for one in others.iter_mut().filter(|one| is_recorded(one)) {
                one.validation = recorded.as_ref().and_then(|recorded| recorded.validation.clone());
            }
        }
    }
    let certificate = match kept {
        Some(kept) => Some(kept),
        None => take(acm, &mut others, wanted).await?,
    };
    let mut replaced = Vec::new();
    for mut one in others {
        if is_ours(acm, &mut one, wanted).await? {
            replaced.push(one.arn);
        }
    }
    Ok(Found { certificate, outdated, replaced })
}

/// Takes the one to use out of the candidates.
async fn take(
    acm: &Acm,
    candidates: &mut Vec<Certificate>,
    wanted: &Wanted<'_>,
) -> Result<Option<Certificate>, StepError> {
    loop {
        match choose(candidates, wanted) {
            Choice::Take(index) => return Ok(Some(candidates.remove(index))),
            Choice::Request => return Ok(None),
            Choice::AskTags(index) => drop(is_ours(acm, &mut candidates[index], wanted).await?),
            Choice::AskValidation(index) => match observe::acm::certificate(acm, &candidates[index].arn).await? {
                Some(described) => {
                    let tags = candidates[index].tags.take();
                    candidates[index] = Certificate { tags, ..described };
                }
                None => drop(candidates.remove(index)),
            },
        }
    }
}

/// Whether its tags, which are read where nobody has done so, say that it is ours. Those of one that is gone do not.
async fn is_ours(acm: &Acm, one: &mut Certificate, wanted: &Wanted<'_>) -> Result<bool, StepError> {
    if one.tags.is_none() {
        one.tags = Some(observe::acm::certificate_tags(acm, &one.arn).await?.unwrap_or_default());
    }
    Ok(one.tags.as_ref().is_some_and(|present| wanted.tagging.are_ours(present)))
}

/// Gives a certificate of ours that was there before the tags that the request wants now.
async fn correct_tags(acm: &Acm, standing: &mut Certificate, wanted: &Wanted<'_>) -> Result<(), StepError> {
    is_ours(acm, standing, wanted).await?;
    write(acm, standing, &certificate::differences(Some(standing), wanted)).await
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
    let ends = certificate.ends.filter(|_| certificate.status == ISSUED);
    let answer = |status, watch_key| {
        Verdict::Answer(RequestCertOutput {
            certificate_arn: certificate.arn.clone(),
            status,
            validation_records: certificate.records(),
            certificate_validation: question(certificate, &input.request, &names).map(|asked| asked.validation(ends)),
            watch_key,
            deadline: input.deadline,
            replaced: Vec::new(),
            emails_resent: input.emails_resent,
            actions: actions(certificate, &input.request, &names),
        })
    };
    match certificate.status.as_str() {
        ISSUED => answer(CertificateStatus::Issued, None),
        PENDING_VALIDATION if now >= input.deadline => {
            Verdict::GiveUp(failure::deadline_passed(Some(&certificate.arn), input))
        }
        PENDING_VALIDATION => match not_shown(certificate, &input.request, &names) {
            Some(error) => Verdict::NotYet(error),
            None => answer(CertificateStatus::Pending, Some(table::watch_key(&certificate.arn))),
        },
        "" => Verdict::NotYet(failure::not_readable(&certificate.arn)),
        _ if is_earlier(certificate, input) => Verdict::Replace,
        _ => Verdict::GiveUp(failure::spent_in_this_run(certificate, input)),
    }
}

/// What of a pending certificate ACM has still to show.
fn not_shown(certificate: &Certificate, request: &Request, names: &[String]) -> Option<StepError> {
    let (is_shown, code, what): (fn(&NameValidation) -> bool, _, _) = match request.certificate.validation {
        Validation::Dns => (|one| one.record.is_some(), "ValidationRecordNotShown", "the validation record of"),
        // Of a name that needs no more answer ACM need not say whom it asked.
        Validation::Email => (|one| one.asked || one.validated, "ValidationMailNotShown", "to whom it writes about"),
    };
    let shown = |name: &str| certificate.validation().iter().any(|one| one.name == name && is_shown(one));
    let without: Vec<&str> = names.iter().map(String::as_str).filter(|name| !shown(name)).collect();
    let reason = || format!("ACM does not show {what} {} yet", without.join(", "));
    (!without.is_empty()).then(|| StepError::not_ready(code, reason()))
}

/// What ACM asks by e-mail, if that is how it validates.
fn question<'a>(certificate: &'a Certificate, request: &'a Request, names: &'a [String]) -> Option<Question<'a>> {
    let domain = request.validation_domain()?;
    let requested = certificate.created.unwrap_or(i64::MAX);
    Some(Question { arn: &certificate.arn, names, domain, requested })
}

/// Whether an earlier run requested it.
fn is_earlier(certificate: &Certificate, input: &RequestCertInput) -> bool {
    certificate.created.is_some_and(|created| created < input.planned_at)
}

/// Has the mails about the certificate sent again, if the request says so, it is an earlier run's, and this one has
/// not done so. Says whether this run has, now or in an earlier turn.
async fn resend(acm: &Acm, certificate: &Certificate, input: &RequestCertInput) -> Result<bool, StepError> {
    let wanted = input.request.certificate.resend_email && !input.emails_resent;
    let waiting = certificate.status == PENDING_VALIDATION && is_earlier(certificate, input);
    let (true, true, Some(domain)) = (wanted, waiting, input.request.validation_domain()) else {
        return Ok(input.emails_resent);
    };
    let mut names = input.request.certificate_names();
    names.retain(|name| !certificate.validation().iter().any(|one| one.validated && one.name == *name));
    email::resend(acm, &certificate.arn, &names, domain).await.map(|()| true)
}

/// What a person has to set in a DNS of his own, or to click. The records are kept for as long as the certificate exists,
/// since its renewals need them too, and so are the words; of mails there is no word more once they have been answered.
fn actions(certificate: &Certificate, request: &Request, names: &[String]) -> Vec<String> {
    if let Some(question) = question(certificate, request, names) {
        return if certificate.status == PENDING_VALIDATION { question.actions() } else { Vec::new() };
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
    certificate.records().iter().map(action).collect()
}

#[cfg(test)]
mod tests;
