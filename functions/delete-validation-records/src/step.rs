//! Step `delete-validation-records`: the CNAMEs by which the certificates that went were validated.
//!
//! - Reads: ListCertificates and DescribeCertificate, in every region that the account uses: the CNAME of a name is the
//!   same for all certificates of an account (AWS-FACTS 3.2.3), and without it the others are not renewed.
//!   ListResourceRecordSets.
//! - Writes: ChangeResourceRecordSets, one DELETE for each record that no certificate of the account needs any more.
//! - Tokens: none; what is gone is done, and a record with another value is somebody else's.
//! - NotReady: never. Where IAM does not let a region be looked into, the records stay.
//!
//! It must not know whose a certificate is: each one counts.

use std::sync::Arc;

use aws_sdk_acm::types::{CertificateStatus, CertificateSummary, Filters, KeyAlgorithm};
use aws_sdk_route53::types::{Change, ChangeAction, ChangeBatch, ResourceRecordSet, RrType};
use nameplate::StepError;
use nameplate::contract::retire::{DeleteValidationRecordsInput, RetireStepOutput};
use nameplate::domain::dns_form;
use nameplate::error::{classify, code_of, invalid_change_batch};
use nameplate::resource::certificate::ValidationRecord;
use nameplate::resource::certificate::{Needs, Proven, is_closed};
use nameplate::resource::thing::Thing;
use tokio::task::JoinSet;

/// Certificates on one page: the most that ACM gives.
const PAGE_SIZE: i32 = 1000;

/// What the step calls.
#[derive(Clone)]
pub(crate) struct Clients {
    /// ACM in the region of that name.
    pub(crate) acm_in: Arc<dyn Fn(&str) -> aws_sdk_acm::Client + Send + Sync>,
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
    let needs = needs(clients, &input).await?;
    for record in &input.validation_records {
        if let Some(reason) = needs.why_stays(record) {
            left.push(Thing::validation(record, reason));
            continue;
        }
        for zone in &input.hosted_zone_ids {
            delete(clients, zone, &dns_form(&record.name), record).await?;
        }
    }
    Ok(RetireStepOutput { left })
}

/// Who needs which of the records: all regions are asked at once.
async fn needs(clients: &Clients, input: &DeleteValidationRecordsInput) -> Result<Needs, StepError> {
    let (proven, gone) = (Arc::new(Proven::by(&input.validation_records)), Arc::new(input.gone.clone()));
    let mut looks = JoinSet::new();
    for region in &input.regions {
        let (acm, region) = ((clients.acm_in)(region), region.clone());
        let (proven, gone) = (Arc::clone(&proven), Arc::clone(&gone));
        looks.spawn(async move { needs_in(&acm, &region, &proven, &gone).await });
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

async fn needs_in(
    acm: &aws_sdk_acm::Client,
    region: &str,
    proven: &Proven,
    gone: &[String],
) -> Result<Needs, StepError> {
    let mut needs = Needs::default();
    let Some(candidates) = candidates(acm, proven).await? else {
        needs.add_unseen(region);
        return Ok(needs);
    };
    for arn in candidates.iter().filter(|arn| !gone.contains(arn)) {
        let detail = match acm.describe_certificate().certificate_arn(arn).send().await {
            Ok(answer) => answer.certificate,
            Err(error) if code_of(&error) == Some("ResourceNotFoundException") => None,
            Err(error) if code_of(&error).is_some_and(is_closed) => {
                needs.add_unseen(region);
                None
            }
            Err(error) => return Err(classify("acm:DescribeCertificate", &error)),
        };
        let options = detail.map(|detail| detail.domain_validation_options.unwrap_or_default()).unwrap_or_default();
        for record in options.iter().filter_map(|option| option.resource_record()) {
            needs.add(record.name(), arn);
        }
    }
    Ok(needs)
}

/// The certificates that may need one of the records, and are to be issued or renewed; nothing where nobody may look.
async fn candidates(acm: &aws_sdk_acm::Client, proven: &Proven) -> Result<Option<Vec<String>>, StepError> {
    // Without key types ACM hides most of them (AWS-FACTS 3.2.11).
    let key_types = KeyAlgorithm::values().iter().map(|key| KeyAlgorithm::from(*key)).collect();
    let filters = Filters::builder().set_key_types(Some(key_types)).build();
    let (mut found, mut next) = (Vec::new(), None);
    loop {
        let answer = acm
            .list_certificates()
            .certificate_statuses(CertificateStatus::PendingValidation)
            .certificate_statuses(CertificateStatus::Issued)
            .certificate_statuses(CertificateStatus::Inactive)
            .includes(filters.clone())
            .max_items(PAGE_SIZE)
            .set_next_token(next)
            .send()
            .await;
        let page = match answer {
            Ok(page) => page,
            Err(error) if code_of(&error).is_some_and(is_closed) => return Ok(None),
            Err(error) => return Err(classify("acm:ListCertificates", &error)),
        };
        let touching = page.certificate_summary_list().iter().filter(|summary| may_need(summary, proven));
        found.extend(touching.filter_map(|summary| summary.certificate_arn().map(str::to_owned)));
        next = page.next_token().filter(|token| !token.is_empty()).map(str::to_owned);
        if next.is_none() {
            return Ok(Some(found));
        }
    }
}

fn may_need(summary: &CertificateSummary, proven: &Proven) -> bool {
    let listed = summary.subject_alternative_name_summaries().iter().map(String::as_str);
    let has_more = summary.has_additional_subject_alternative_names() == Some(true);
    proven.may_be_needed_by(summary.domain_name().into_iter().chain(listed), has_more)
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
    let values: Vec<String> = set.resource_records().iter().map(|value| dns_form(value.value())).collect();
    *set.r#type() == RrType::Cname && dns_form(set.name()) == name && values == [dns_form(&record.value)]
}

#[cfg(test)]
mod tests;
