//! Why a run goes without a certificate, and what helps. It must not decide that it does.

use nameplate::StepError;
use nameplate::contract::RequestCertInput;
use nameplate::request::{Dns, Request, Validation};
use nameplate::resource::certificate::Certificate;

use crate::email;

/// `CertificateStatus` of one about which nobody answered in time.
const VALIDATION_TIMED_OUT: &str = "VALIDATION_TIMED_OUT";
/// `CertificateStatus` of one that ACM does not issue, for a reason that it gives.
const FAILED: &str = "FAILED";

/// ACM does not show what it has accepted.
pub(crate) fn not_readable(arn: &str) -> StepError {
    StepError::not_ready("CertificateNotReadable", format!("ACM does not show the certificate {arn} yet"))
}

/// So many certificates of earlier runs cannot be used.
pub(crate) fn too_many_spent(count: usize, input: &RequestCertInput) -> StepError {
    StepError::failed(
        "TooManySpentCertificates",
        format!("{count} certificates of earlier runs for {} failed one after the other", input.request.domain_name),
        "look at their failure reasons in ACM, remove the cause, wait an hour and start the execution again",
    )
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

/// No certificate, or not this one, was issued in the time that the run waits.
pub(crate) fn deadline_passed(certificate: Option<&str>, input: &RequestCertInput) -> StepError {
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
pub(crate) fn spent_in_this_run(certificate: &Certificate, input: &RequestCertInput) -> StepError {
    let domain = input.request.domain_name.as_str();
    let again = "then start the execution again; it requests a new certificate";
    let (code, why, remedy) = match (certificate.status.as_str(), certificate.failure_reason.as_deref()) {
        (VALIDATION_TIMED_OUT, _) => (
            VALIDATION_TIMED_OUT,
            format!("ACM tried for 72 hours; {}", likely_cause(&input.request)),
            validation_remedy(input),
        ),
        (FAILED, Some("CAA_ERROR")) => (
            "CAA_ERROR",
            "a CAA record of the name, or of a name above it, forbids Amazon to issue".to_owned(),
            format!(
                "add the CAA record `0 issue \"amazon.com\"` to {domain} (amazontrust.com, awstrust.com and amazonaws.com do as well); where `issuewild` records exist, add `0 issuewild \"amazon.com\"` too for wildcards; {again}"
            ),
        ),
        (FAILED, Some("DOMAIN_NOT_ALLOWED")) => (
            "DOMAIN_NOT_ALLOWED",
            "a name is on a list of unsafe names that ACM heeds".to_owned(),
            format!("have the name taken off such lists (look it up at VirusTotal) or ask AWS Support, {again}"),
        ),
        (FAILED, Some("ADDITIONAL_VERIFICATION_REQUIRED")) => (
            "ADDITIONAL_VERIFICATION_REQUIRED",
            "ACM wants to know more before it issues for this name".to_owned(),
            format!("open a case with AWS Support in the certificate's name, {again}"),
        ),
        (FAILED, Some("INVALID_PUBLIC_DOMAIN")) => (
            "INVALID_PUBLIC_DOMAIN",
            "a name is no public domain name".to_owned(),
            format!("correct `certificate.alternativeNames` or `domainName`, {again}"),
        ),
        (FAILED, Some("DOMAIN_VALIDATION_DENIED")) => (
            "DOMAIN_VALIDATION_DENIED",
            "the validation of a name was denied".to_owned(),
            match input.request.validation_domain() {
                Some(asked) => format!(
                    "ask who reads the mailboxes of {asked} whether somebody said no, else AWS Support, {again}"
                ),
                None => format!("ask AWS Support for the reason, {again}"),
            },
        ),
        (FAILED, Some("NO_AVAILABLE_CONTACTS")) => (
            "NO_AVAILABLE_CONTACTS",
            "ACM found no e-mail address to ask, which validation by DNS does not need".to_owned(),
            match input.request.validation_domain() {
                Some(asked) => format!(
                    "give {asked} an MX record and a mailbox such as admin@{asked}, name another `certificate.validationDomain`, or validate by DNS, {again}"
                ),
                None => format!("see that the certificate is validated by DNS, {again}"),
            },
        ),
        (FAILED, reason) => (
            reason.unwrap_or("CERTIFICATE_FAILED"),
            "ACM gives no closer reason".to_owned(),
            format!("look at the certificate in ACM's console, ask AWS Support if it says no more, {again}"),
        ),
        (status, _) => (
            status,
            "it was taken out of use while this run waited for it".to_owned(),
            format!("find out who did so, {again}"),
        ),
    };
    StepError::failed(
        code,
        format!("the certificate {} for {domain} is {}: {why}", certificate.arn, certificate.status),
        remedy,
    )
}
