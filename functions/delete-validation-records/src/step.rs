//! Step `delete-validation-records`: the CNAMEs by which the certificates that went were validated.
//!
//! - Reads: ListCertificates and DescribeCertificate, in the stack's region and in us-east-1, where CloudFront's
//!   certificates are; ListResourceRecordSets.
//! - Writes: ChangeResourceRecordSets, one DELETE for each record that no certificate of the account needs any more:
//!   the CNAME of a name is the same for all certificates of an account (AWS-FACTS 3.2), and without it the others
//!   are not renewed.
//! - Tokens: none; what is gone is done, and a record with another value is somebody else's.
//! - NotReady: never.
//!
//! It must not know whose a certificate is: each one counts.

use std::collections::BTreeMap;

use aws_sdk_acm::types::{CertificateStatus, CertificateSummary, Filters, KeyAlgorithm};
use aws_sdk_route53::types::{Change, ChangeAction, ChangeBatch, ResourceRecordSet, RrType};
use nameplate::StepError;
use nameplate::contract::ValidationRecord;
use nameplate::contract::retire::{DeleteValidationRecordsInput, RetireStepOutput};
use nameplate::error::{classify, code_of, invalid_change_batch};
use nameplate::retire::Thing;

/// Certificates on one page: the most that ACM gives.
const PAGE_SIZE: i32 = 1000;

/// What the step calls.
#[derive(Clone, Debug)]
pub(crate) struct Clients {
    /// One client for each region that is looked in.
    pub(crate) acm: Vec<aws_sdk_acm::Client>,
    pub(crate) route53: aws_sdk_route53::Client,
}

/// Runs the step.
///
/// # Errors
/// As the module says.
pub(crate) async fn run(clients: &Clients, input: DeleteValidationRecordsInput) -> Result<RetireStepOutput, StepError> {
    let mut left = Vec::new();
    if input.validation_records.is_empty() {
        return Ok(RetireStepOutput { left });
    }
    let needed = needed(clients, input.domain_name.as_str()).await?;
    for record in &input.validation_records {
        let name = normal(&record.name);
        if let Some(certificate) = needed.get(&name) {
            left.push(Thing::new("validation record", &record.name, format!("the certificate {certificate} needs it")));
            continue;
        }
        for zone in &input.hosted_zone_ids {
            delete(clients, zone, &name, record).await?;
        }
    }
    Ok(RetireStepOutput { left })
}

/// Names of the records that certificates need, each with one that does.
async fn needed(clients: &Clients, domain: &str) -> Result<BTreeMap<String, String>, StepError> {
    let mut needed = BTreeMap::new();
    for acm in &clients.acm {
        for arn in candidates(acm, domain).await? {
            let detail = match acm.describe_certificate().certificate_arn(&arn).send().await {
                Ok(answer) => answer.certificate,
                Err(error) if code_of(&error) == Some("ResourceNotFoundException") => None,
                Err(error) => return Err(classify("acm:DescribeCertificate", &error)),
            };
            let options = detail.map(|detail| detail.domain_validation_options.unwrap_or_default()).unwrap_or_default();
            let records = options.iter().filter_map(|option| option.resource_record());
            needed.extend(records.map(|record| (normal(record.name()), arn.clone())));
        }
    }
    Ok(needed)
}

/// The certificates that may have a name in the domain, and are to be issued or renewed.
async fn candidates(acm: &aws_sdk_acm::Client, domain: &str) -> Result<Vec<String>, StepError> {
    // Without key types ACM hides most of them (AWS-FACTS 3.2).
    let key_types = KeyAlgorithm::values().iter().map(|key| KeyAlgorithm::from(*key)).collect();
    let filters = Filters::builder().set_key_types(Some(key_types)).build();
    let (mut found, mut next) = (Vec::new(), None);
    loop {
        let page = acm
            .list_certificates()
            .certificate_statuses(CertificateStatus::PendingValidation)
            .certificate_statuses(CertificateStatus::Issued)
            .certificate_statuses(CertificateStatus::Inactive)
            .includes(filters.clone())
            .max_items(PAGE_SIZE)
            .set_next_token(next)
            .send()
            .await
            .map_err(|error| classify("acm:ListCertificates", &error))?;
        let touching = page.certificate_summary_list().iter().filter(|summary| touches(summary, domain));
        found.extend(touching.filter_map(|summary| summary.certificate_arn().map(str::to_owned)));
        next = page.next_token().filter(|token| !token.is_empty()).map(str::to_owned);
        if next.is_none() {
            return Ok(found);
        }
    }
}

/// Whether a certificate has, or may have, a name in the domain.
fn touches(summary: &CertificateSummary, domain: &str) -> bool {
    let listed = summary.subject_alternative_name_summaries().iter().map(String::as_str);
    summary.has_additional_subject_alternative_names() == Some(true)
        || summary.domain_name().into_iter().chain(listed).any(|name| {
            let name = normal(name);
            let base = name.strip_prefix("*.").unwrap_or(&name);
            base == domain || base.ends_with(&format!(".{domain}"))
        })
}

fn normal(name: &str) -> String {
    name.trim_end_matches('.').to_ascii_lowercase()
}

/// Deletes the record from the zone, if it stands there with this value and no other.
async fn delete(clients: &Clients, zone: &str, name: &str, record: &ValidationRecord) -> Result<(), StepError> {
    let answer = clients
        .route53
        .list_resource_record_sets()
        .hosted_zone_id(zone)
        .start_record_name(name)
        .start_record_type(RrType::Cname)
        .max_items(1)
        .send()
        .await;
    let present = match answer {
        Ok(page) => page.resource_record_sets,
        Err(error) if code_of(&error) == Some("NoSuchHostedZone") => return Ok(()),
        Err(error) => return Err(classify("route53:ListResourceRecordSets", &error)),
    };
    let Some(set) = present.into_iter().find(|set| is_the_record(set, name, record)) else { return Ok(()) };
    let batch = Change::builder()
        .action(ChangeAction::Delete)
        .resource_record_set(set)
        .build()
        .and_then(|change| ChangeBatch::builder().changes(change).build())
        .map_err(|error| {
            StepError::failed("Defect", format!("the change batch: {error}"), "report this as a defect of Nameplate")
        })?;
    match clients.route53.change_resource_record_sets().hosted_zone_id(zone).change_batch(batch).send().await {
        Ok(_) => {
            tracing::info!(zone, name, "deleted a validation record");
            Ok(())
        }
        Err(error) => Err(match invalid_change_batch(&error) {
            // An earlier attempt of which the answer was lost, or somebody else: the next attempt looks.
            Some(said) => {
                StepError::retryable("InvalidChangeBatch", format!("{name} changed while it was deleted: {said}"))
            }
            None => classify("route53:ChangeResourceRecordSets", &error),
        }),
    }
}

fn is_the_record(set: &ResourceRecordSet, name: &str, record: &ValidationRecord) -> bool {
    let values: Vec<String> = set.resource_records().iter().map(|value| normal(value.value())).collect();
    *set.r#type() == RrType::Cname && normal(set.name()) == name && values == [normal(&record.value)]
}

#[cfg(test)]
mod tests;
