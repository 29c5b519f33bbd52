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

use aws_sdk_route53::types::{Change, ChangeAction, ChangeBatch, ResourceRecordSet, RrType};
use nameplate::StepError;
use nameplate::contract::retire::{DeleteValidationRecordsInput, RetireStepOutput};
use nameplate::domain::dns_form;
use nameplate::error::{classify, code_of, invalid_change_batch};
use nameplate::resource::certificate::ValidationRecord;
use nameplate::resource::thing::Thing;

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
    let records = &input.validation_records;
    let needs = observe::acm::needs(&*clients.acm_in, &input.regions, records, &input.gone).await?;
    for record in records {
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
