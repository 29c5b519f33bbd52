//! The certificate in a dry run: the one that fits, or the recorded one that would be replaced.

use std::collections::BTreeMap;

use aws_sdk_acm::types::{CertificateDetail, CertificateStatus, Filters, KeyAlgorithm};
use nameplate::contract::Known;
use nameplate::error::classify;
use nameplate::request::Validation;
use nameplate::{Request, StepError};
use serde_json::{Value, json};

use super::line::about;
use crate::look;
use crate::picture::Picture;
use nameplate::resource::tags::Tagging;

/// An algorithm, in the form in which both answers and requests name it.
fn key(algorithm: &KeyAlgorithm) -> String {
    algorithm.as_str().replace('-', "_")
}

/// A certificate, as the listing shows it, and how it is validated.
#[derive(Default)]
pub(super) struct Certificate {
    pub(super) arn: String,
    names: Vec<String>,
    key: Option<String>,
    /// `DNS` or `EMAIL`; none where it was not asked for.
    method: Option<String>,
    /// Whose mailboxes are asked.
    asked_at: Option<String>,
    /// None where they were not asked for, since another certificate comes in its place.
    tags: Option<BTreeMap<String, String>>,
}

impl Certificate {
    /// The recorded one or one of ours with the wanted names and key that is validated as wanted; else the recorded one,
    /// which would be replaced.
    pub(super) async fn find(
        picture: &Picture<'_>,
        known: &Known,
        tagging: &Tagging,
    ) -> Result<Option<Self>, StepError> {
        let Picture { clients, request, .. } = *picture;
        if let Some(arn) = &known.certificate_arn
            && let Some(mut found) = Self::recorded(picture, arn).await?
            && found.fits(request)
        {
            found.tags = look::certificate_tags(clients, arn).await?;
            return Ok(Some(found));
        }
        let key_types = KeyAlgorithm::values().iter().map(|key| KeyAlgorithm::from(*key)).collect();
        let (mut recorded, mut next) = (None, None);
        loop {
            let page = clients
                .acm
                .list_certificates()
                .certificate_statuses(CertificateStatus::Issued)
                .certificate_statuses(CertificateStatus::PendingValidation)
                // Without the filter ACM hides every key that is not RSA (AWS-FACTS 3.2.11).
                .includes(Filters::builder().set_key_types(Some(Vec::clone(&key_types))).build())
                .set_next_token(next)
                .send()
                .await
                .map_err(|error| classify("acm:ListCertificates", &error))?;
            for summary in page.certificate_summary_list() {
                let Some(arn) = summary.certificate_arn() else { continue };
                let mut names = summary.subject_alternative_name_summaries().to_vec();
                names.sort();
                let key = summary.key_algorithm().map(key);
                let mut found = Self { arn: arn.to_owned(), names, key, ..Self::default() };
                let is_recorded = known.certificate_arn.as_deref() == Some(arn);
                if found.fits(request) {
                    let detail = picture.certificate(arn).await?;
                    // One that has gone meanwhile is none.
                    let Some(detail) = detail else { continue };
                    found.asked_by(&detail);
                }
                if found.fits(request) {
                    found.tags = look::certificate_tags(clients, arn).await?;
                    if is_recorded || found.tags.as_ref().is_some_and(|present| tagging.are_ours(present)) {
                        return Ok(Some(found));
                    }
                }
                if is_recorded {
                    recorded = Some(found);
                }
            }
            match page.next_token {
                Some(token) => next = Some(token),
                None => return Ok(recorded),
            }
        }
    }

    /// The certificate of an earlier run, if it still can be used.
    async fn recorded(picture: &Picture<'_>, arn: &str) -> Result<Option<Self>, StepError> {
        let Some(detail) = picture.certificate(arn).await? else { return Ok(None) };
        let usable = [CertificateStatus::Issued, CertificateStatus::PendingValidation];
        if !detail.status().is_some_and(|status| usable.contains(status)) {
            return Ok(None);
        }
        let mut names = detail.subject_alternative_names().to_vec();
        names.sort();
        let mut found = Self { arn: arn.to_owned(), names, key: detail.key_algorithm().map(key), ..Self::default() };
        found.asked_by(&detail);
        Ok(Some(found))
    }

    /// How it is validated, which no listing says.
    fn asked_by(&mut self, detail: &CertificateDetail) {
        let option = detail.domain_validation_options().first();
        self.method = option.and_then(|option| option.validation_method()).map(|method| method.as_str().to_owned());
        let by_email = self.method.as_deref() == Some(Validation::Email.as_str());
        self.asked_at = option.filter(|_| by_email).and_then(|option| option.validation_domain()).map(str::to_owned);
    }

    /// What is not shown counts as wanted, as `request-cert` has it.
    fn document(&self, request: &Request) -> Value {
        let wanted = &request.certificate;
        let method = self.method.as_deref().unwrap_or(wanted.validation.as_str());
        let by_email = method == Validation::Email.as_str();
        json!({
            "names": self.names,
            "keyAlgorithm": self.key.as_deref().unwrap_or(wanted.key_algorithm.as_str()),
            "validation": method,
            "validationDomain": self.asked_at.as_deref().or(request.validation_domain()).filter(|_| by_email),
        })
    }

    fn wanted(request: &Request) -> Value {
        let mut names = request.certificate_names();
        names.sort();
        json!({
            "names": names,
            "keyAlgorithm": request.certificate.key_algorithm.as_str(),
            "validation": request.certificate.validation.as_str(),
            "validationDomain": request.validation_domain(),
        })
    }

    pub(super) fn with_tags(&self, request: &Request, tagging: &Tagging) -> Value {
        let mut document = self.document(request);
        document["tags"] = match &self.tags {
            Some(present) => json!(about(tagging, present.clone())),
            None => json!(tagging.wanted()),
        };
        document
    }

    pub(super) fn wanted_with_tags(request: &Request, tagging: &Tagging) -> Value {
        let mut document = Self::wanted(request);
        document["tags"] = json!(tagging.wanted());
        document
    }

    pub(super) fn fits(&self, request: &Request) -> bool {
        self.document(request) == Self::wanted(request)
    }
}
