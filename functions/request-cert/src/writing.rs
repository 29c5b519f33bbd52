//! What is written to ACM about a certificate: that it is requested, and its tags. It must not know which one is used, nor
//! who waits for it.

use std::collections::BTreeMap;

use aws_sdk_acm::Client as Acm;
use aws_sdk_acm::types::{DomainValidationOption, KeyAlgorithm, Tag, ValidationMethod};
use nameplate::StepError;
use nameplate::contract::RequestCertInput;
use nameplate::error::{classify, code_of};
use nameplate::resource::certificate::{Certificate, CertificateAttribute, Wanted};
use nameplate::resource::difference::Difference;
use nameplate::resource::tags;
use nameplate::token::{hex, token};

/// Makes a certificate of ours that fits differ no more: what else could differ ACM cannot change.
///
/// # Errors
/// As `classify` has it.
pub(crate) async fn write(
    acm: &Acm,
    standing: &Certificate,
    differences: &[Difference<CertificateAttribute>],
) -> Result<(), StepError> {
    let (mut set, take_off) = tags::to_write(differences, CertificateAttribute::Tag);
    let present = standing.tags.as_ref();
    if !set.is_empty() {
        // AWS takes the tag that says whose it is for the permission to set others.
        let whose = present.and_then(|present| present.get_key_value(tags::STACK));
        set.extend(whose.map(|(key, value)| (key.clone(), value.clone())));
        acm.add_tags_to_certificate()
            .certificate_arn(&standing.arn)
            .set_tags(Some(tag_list(&set)?))
            .send()
            .await
            .map_err(|error| classify("acm:AddTagsToCertificate", &error))?;
    }
    if !take_off.is_empty() {
        let pair = |key: String| Some((key.clone(), present?.get(&key)?.clone()));
        acm.remove_tags_from_certificate()
            .certificate_arn(&standing.arn)
            .set_tags(Some(tag_list(&take_off.into_iter().filter_map(pair).collect())?))
            .send()
            .await
            .map_err(|error| classify("acm:RemoveTagsFromCertificate", &error))?;
    }
    Ok(())
}

fn tag_list(pairs: &BTreeMap<String, String>) -> Result<Vec<Tag>, StepError> {
    let tag = |(key, value): (&String, &String)| Tag::builder().key(key).value(value).build();
    pairs.iter().map(tag).collect::<Result<_, _>>().map_err(|_| incomplete("a tag has no key"))
}

/// Requests a certificate; `replaced` is the one that is spent, or not as wanted any more, in whose place it comes.
pub(crate) async fn request(
    acm: &Acm,
    input: &RequestCertInput,
    wanted: &Wanted<'_>,
    replaced: Option<&str>,
) -> Result<String, StepError> {
    let names = input.request.certificate_names();
    let options = wanted.validation_domain.map(|domain| validation_options(&names, domain)).transpose()?;
    let others: Vec<String> = names.into_iter().skip(1).collect();
    let answer = acm
        .request_certificate()
        .domain_name(wanted.domain)
        .set_subject_alternative_names((!others.is_empty()).then_some(others))
        .validation_method(ValidationMethod::from(wanted.validation.as_str()))
        .set_domain_validation_options(options)
        .key_algorithm(KeyAlgorithm::from(wanted.key_algorithm))
        .idempotency_token(idempotency_token(&input.incarnation, wanted, replaced))
        .set_tags(Some(tag_list(wanted.tagging.wanted())?))
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
pub(crate) fn idempotency_token(incarnation: &str, wanted: &Wanted<'_>, replaced: Option<&str>) -> String {
    let mut parts: Vec<&str> = wanted.names.iter().map(String::as_str).collect();
    parts.push(wanted.key_algorithm);
    parts.push(replaced.unwrap_or_default());
    parts.extend(wanted.validation_domain);
    token(incarnation, &format!("request-cert {}", hex(&parts)))
}
