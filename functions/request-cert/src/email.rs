//! What is otherwise where ACM asks by e-mail: whom it asks, until when, in which words, and asking once more.
//! It must not know which certificate is used, nor who waits for it.

use std::time::Duration;

use aws_sdk_acm::Client as Acm;
use aws_sdk_acm::primitives::{DateTime, DateTimeFormat};
use nameplate::StepError;
use nameplate::contract::result::{CertificateValidation, ValidationMail};
use nameplate::error::{classify, code_of};
use nameplate::request::Validation;

/// The mailboxes that ACM writes to (AWS-FACTS 3.2.6). What it says is not repeated: of an older certificate that
/// is the registrant's own address too.
const MAILBOXES: [&str; 5] = ["admin", "administrator", "hostmaster", "postmaster", "webmaster"];
/// Who writes: seen in mails that others describe, not confirmed against AWS.
const SENDER: &str = "no-reply@certificates.amazon.com";
/// How long a link can be clicked, in seconds (AWS-FACTS 3.2.8).
const CLICK_WITHIN_SECS: i64 = 72 * 3600;
/// Between two mails: ACM sends one a second for a whole account (AWS-FACTS 3.4.1), and one that it refuses would have
/// those before it sent again.
const PACE: Duration = Duration::from_millis(1100);

/// What ACM asks about a certificate.
#[derive(Debug)]
pub(crate) struct Question<'a> {
    /// The certificate.
    pub(crate) arn: &'a str,
    /// Its names, in the order of the request. Each has a mail of its own, also where they go to the same mailboxes.
    pub(crate) names: &'a [String],
    /// Whose mailboxes are asked.
    pub(crate) domain: &'a str,
    /// When the certificate was requested, in seconds since 1970.
    pub(crate) requested: i64,
}

impl Question<'_> {
    fn mailboxes(&self) -> Vec<String> {
        MAILBOXES.iter().map(|mailbox| format!("{mailbox}@{}", self.domain)).collect()
    }

    fn click_until(&self) -> String {
        time(self.requested.saturating_add(CLICK_WITHIN_SECS))
    }

    /// What a person has to do: the same words until the certificate is issued.
    pub(crate) fn actions(&self) -> Vec<String> {
        let (mailboxes, until) = (self.mailboxes().join(", "), self.click_until());
        let action = |name: &String| {
            format!(
                "Click the link in the mail about {name} that ACM sends from {SENDER} to {mailboxes}: once, in one of these mailboxes, until {until}, or no certificate is issued; and once for each renewal, about every six months, when ACM asks again. Each name needs a click of its own. To have the mail sent again: {}",
                self.command(name)
            )
        };
        self.names.iter().map(action).collect()
    }

    /// What sends the mail about a name again, for the AWS CLI in a shell.
    fn command(&self, name: &str) -> String {
        let region = self.arn.split(':').nth(3).unwrap_or_default();
        // A shell would take the star of a wildcard for itself.
        let name = if name.contains('*') { format!("'{name}'") } else { name.to_owned() };
        format!(
            "aws acm resend-validation-email --region {region} --certificate-arn {} --domain {name} --validation-domain {}",
            self.arn, self.domain
        )
    }

    /// The same for who reads by program; `ends` is when an issued certificate ends, in seconds since 1970.
    pub(crate) fn validation(&self, ends: Option<i64>) -> CertificateValidation {
        let mail = |name: &String| ValidationMail { name: name.clone(), mailboxes: self.mailboxes() };
        CertificateValidation {
            method: Validation::Email,
            mails: self.names.iter().map(mail).collect(),
            until: ends.map_or_else(|| self.click_until(), time),
        }
    }
}

/// Seconds since 1970 as RFC 3339.
fn time(seconds: i64) -> String {
    DateTime::from_secs(seconds).fmt(DateTimeFormat::DateTime).unwrap_or_else(|_| "an unknown time".to_owned())
}

/// What to do when nobody clicked, or nobody could.
pub(crate) fn remedy(domain: &str) -> String {
    format!(
        "see that somebody reads one of {}@{domain}, unwanted mail included; start the execution again, with `\"resendEmail\": true` in `certificate` so that the mails of a certificate that is still pending are sent once more, and click the link for each name in time; or validate by DNS, which needs no person",
        MAILBOXES.join(&format!("@{domain}, "))
    )
}

/// Has the mails about `names` sent again, one after the other.
///
/// # Errors
/// As `classify` has it. What was sent before an error is sent once more by the next attempt.
pub(crate) async fn resend(acm: &Acm, arn: &str, names: &[String], domain: &str) -> Result<(), StepError> {
    for (position, name) in names.iter().enumerate() {
        if position > 0 {
            tokio::time::sleep(PACE).await;
        }
        let sent =
            acm.resend_validation_email().certificate_arn(arn).domain(name).validation_domain(domain).send().await;
        match sent {
            Ok(_) => tracing::info!(certificate = arn, name, "had the mail sent again"),
            // It was answered, or its time is over, since we looked: the next look tells.
            Err(error) if code_of(&error) == Some("InvalidStateException") => {
                tracing::info!(certificate = arn, name, "ACM does not ask about the name any more");
            }
            Err(error) if code_of(&error) == Some("ResourceNotFoundException") => {
                return Err(StepError::not_ready(
                    "CertificateGone",
                    format!("ACM does not show the certificate {arn} any more"),
                ));
            }
            Err(error) => return Err(classify("acm:ResendValidationEmail", &error)),
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
