//! ACM: certificates, their tags, and who needs which validation record.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use aws_sdk_acm::Client;
use aws_sdk_acm::primitives::DateTime;
use aws_sdk_acm::types::{
    CertificateDetail, CertificateStatus, CertificateSummary, CertificateType, DomainStatus, DomainValidation, Filters,
    KeyAlgorithm, ValidationMethod,
};
use nameplate::StepError;
use nameplate::domain::dns_form;
use nameplate::error::{classify, code_of};
use nameplate::resource::certificate::{Certificate, NameValidation, Needs, Proven, ValidationRecord, is_closed};
use tokio::task::JoinSet;

/// Certificates on one page: the most that ACM gives.
const PAGE_SIZE: i32 = 1000;
/// What ACM says of a certificate that is not there, any more or yet.
const NOT_FOUND: &str = "ResourceNotFoundException";

/// The certificate of this ARN, without its tags.
///
/// # Errors
/// As [`classify`] has it.
pub async fn certificate(client: &Client, arn: &str) -> Result<Option<Certificate>, StepError> {
    match client.describe_certificate().certificate_arn(arn).send().await {
        Ok(answer) => Ok(answer.certificate.and_then(described)),
        Err(error) if code_of(&error) == Some(NOT_FOUND) => Ok(None),
        Err(error) => Err(classify("acm:DescribeCertificate", &error)),
    }
}

/// All certificates that have one of these states, or all at all, as a listing shows them.
///
/// # Errors
/// As [`classify`] has it.
pub async fn certificates(client: &Client, states: &[CertificateStatus]) -> Result<Vec<Certificate>, StepError> {
    // Without key types ACM hides most of them (AWS-FACTS 3.2.11).
    let key_types = KeyAlgorithm::values().iter().map(|key| KeyAlgorithm::from(*key)).collect();
    let filters = Filters::builder().set_key_types(Some(key_types)).build();
    let (mut found, mut next) = (Vec::new(), None);
    loop {
        let page = client
            .list_certificates()
            .set_certificate_statuses((!states.is_empty()).then(|| states.to_vec()))
            .includes(filters.clone())
            .max_items(PAGE_SIZE)
            .set_next_token(next)
            .send()
            .await
            .map_err(|error| classify("acm:ListCertificates", &error))?;
        found.extend(page.certificate_summary_list.unwrap_or_default().into_iter().filter_map(listed));
        next = page.next_token.filter(|token| !token.is_empty());
        if next.is_none() {
            return Ok(found);
        }
    }
}

/// All certificates that can be used, now or once they are validated, as a listing shows them.
///
/// # Errors
/// As [`classify`] has it.
pub async fn usable_certificates(client: &Client) -> Result<Vec<Certificate>, StepError> {
    certificates(client, &[CertificateStatus::PendingValidation, CertificateStatus::Issued]).await
}

/// The tags of a certificate.
///
/// # Errors
/// As [`classify`] has it.
pub async fn certificate_tags(client: &Client, arn: &str) -> Result<Option<BTreeMap<String, String>>, StepError> {
    match client.list_tags_for_certificate().certificate_arn(arn).send().await {
        Ok(answer) => {
            let present = answer.tags.unwrap_or_default().into_iter();
            Ok(Some(present.map(|tag| (tag.key, tag.value.unwrap_or_default())).collect()))
        }
        Err(error) if code_of(&error) == Some(NOT_FOUND) => Ok(None),
        Err(error) => Err(classify("acm:ListTagsForCertificate", &error)),
    }
}

/// Which certificates of the account need which of the records, beside those that are `gone` or go. `client_in` is the
/// client in a region; all regions are asked at once.
///
/// # Errors
/// As [`classify`] has it. A region that nobody may look into is no error.
pub async fn needs(
    client_in: &(dyn Fn(&str) -> Client + Send + Sync),
    regions: &[String],
    records: impl IntoIterator<Item = &ValidationRecord>,
    gone: &[String],
) -> Result<Needs, StepError> {
    let (proven, gone) = (Arc::new(Proven::by(records)), Arc::new(gone.to_vec()));
    let mut looks = JoinSet::new();
    for region in regions {
        let (client, region) = (client_in(region), region.clone());
        let (proven, gone) = (Arc::clone(&proven), Arc::clone(&gone));
        looks.spawn(async move {
            match needs_in(&client, &proven, &gone).await {
                Err(StepError { code, .. }) if is_closed(&code) => Ok(Needs::unseen(&region)),
                needs => needs,
            }
        });
    }
    let mut needs = Needs::default();
    while let Some(look) = looks.join_next().await {
        let look = look.map_err(|_| {
            StepError::failed("Defect", "a look at certificates broke off", "report this as a defect of Nameplate")
        })?;
        needs.extend(look?);
    }
    Ok(needs)
}

/// Those of one region.
async fn needs_in(client: &Client, proven: &Proven, gone: &[String]) -> Result<Needs, StepError> {
    // Those that are to be issued or renewed.
    let alive = [CertificateStatus::PendingValidation, CertificateStatus::Issued, CertificateStatus::Inactive];
    let mut needs = Needs::default();
    for listed in certificates(client, &alive).await? {
        if gone.contains(&listed.arn) || !proven.may_be_needed_by(&listed) {
            continue;
        }
        for record in certificate(client, &listed.arn).await?.iter().flat_map(Certificate::records) {
            needs.add(&record.name, &listed.arn);
        }
    }
    Ok(needs)
}

fn listed(summary: CertificateSummary) -> Option<Certificate> {
    let domain = summary.domain_name.as_deref().map(dns_form).unwrap_or_default();
    Some(Certificate {
        arn: summary.certificate_arn?,
        names: names(&domain, summary.subject_alternative_name_summaries),
        has_more_names: summary.has_additional_subject_alternative_names == Some(true),
        domain,
        status: summary.status.map(|status| status.as_str().to_owned()).unwrap_or_default(),
        amazon_issued: summary.r#type.is_none_or(|kind| kind == CertificateType::AmazonIssued),
        created: seconds(summary.created_at),
        ends: seconds(summary.not_after),
        key_algorithm: key(summary.key_algorithm),
        ..Certificate::default()
    })
}

fn described(detail: CertificateDetail) -> Option<Certificate> {
    let domain = detail.domain_name.as_deref().map(dns_form).unwrap_or_default();
    let validation = detail.domain_validation_options.unwrap_or_default();
    Some(Certificate {
        arn: detail.certificate_arn?,
        names: names(&domain, detail.subject_alternative_names),
        has_more_names: false,
        domain,
        status: detail.status.map(|status| status.as_str().to_owned()).unwrap_or_default(),
        amazon_issued: detail.r#type.is_none_or(|kind| kind == CertificateType::AmazonIssued),
        created: seconds(detail.created_at),
        ends: seconds(detail.not_after),
        key_algorithm: key(detail.key_algorithm),
        failure_reason: detail.failure_reason.map(|reason| reason.as_str().to_owned()),
        in_use_by: detail.in_use_by.unwrap_or_default(),
        validation: Some(validation.into_iter().map(of_name).collect()),
        tags: None,
    })
}

fn of_name(option: DomainValidation) -> NameValidation {
    let by_email = option.validation_method == Some(ValidationMethod::Email);
    NameValidation {
        name: dns_form(&option.domain_name),
        record: option
            .resource_record
            .map(|record| ValidationRecord { name: dns_form(&record.name), value: dns_form(&record.value) }),
        asked_at: option.validation_domain.filter(|_| by_email).as_deref().map(dns_form),
        asked: option.validation_emails.is_some_and(|mails| !mails.is_empty()),
        validated: option.validation_status == Some(DomainStatus::Success),
        method: option.validation_method.map(|method| method.as_str().to_owned()),
    }
}

fn names(domain: &str, others: Option<Vec<String>>) -> BTreeSet<String> {
    let others = others.unwrap_or_default();
    let names = others.iter().map(|name| dns_form(name));
    names.chain((!domain.is_empty()).then(|| domain.to_owned())).collect()
}

/// A listing spells keys with a hyphen.
fn key(algorithm: Option<KeyAlgorithm>) -> Option<String> {
    algorithm.map(|key| key.as_str().replace('-', "_"))
}

fn seconds(date: Option<DateTime>) -> Option<i64> {
    date.map(|date| date.secs())
}
