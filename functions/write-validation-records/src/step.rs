//! `write-validation-records`: the CNAME records by which ACM sees that the names are ours.
//!
//! Reads: ListResourceRecordSets, unless nobody can have written the records yet.
//! Writes: ChangeResourceRecordSets, one batch, only of records that are absent or have another value.
//! Token: none; the batch is all or nothing, and writing it twice gives the same records.
//! Retryable: Route 53 still works on an earlier change of the zone.
//! Failed: the zone is gone; something else stands at the name of a record.
//! It does not wait until the records are served: ACM looks again by itself. It must not know certificates.

use std::collections::BTreeMap;

use aws_sdk_route53::Client;
use aws_sdk_route53::types::{Change, ChangeAction, ChangeBatch, ResourceRecord, ResourceRecordSet, RrType};
use nameplate::StepError;
use nameplate::contract::{WriteValidationRecordsInput, WriteValidationRecordsOutput};
use nameplate::domain::dns_form;
use nameplate::error::{classify, code_of, invalid_change_batch};
use nameplate::resource::certificate::ValidationRecord;

/// How long resolvers keep a record, in seconds.
const TTL_SECS: i64 = 300;
/// Elements of one batch, where UPSERT counts twice (AWS-FACTS 2.2.3).
const MAX_BATCH_ELEMENTS: usize = 1_000;
/// Characters of all values of one batch, where UPSERT counts twice (AWS-FACTS 2.2.3).
const MAX_BATCH_CHARACTERS: usize = 32_000;
/// Record sets on one page: the most that Route 53 gives.
const PAGE_SIZE: i32 = 300;

/// What the step calls.
#[derive(Clone)]
pub(crate) struct Clients {
    /// Records.
    pub(crate) route53: Client,
}

/// Writes what is missing of the records.
///
/// # Errors
/// As the module says.
pub(crate) async fn run(
    clients: &Clients,
    input: WriteValidationRecordsInput,
) -> Result<WriteValidationRecordsOutput, StepError> {
    let zone =
        Zone { route53: &clients.route53, id: &input.hosted_zone_id, domain: input.request.domain_name.as_str() };
    let wanted = distinct(&input.validation_records);
    let untouched = input.fresh && !input.written_before;
    if untouched {
        match zone.change(&ChangeAction::Create, &wanted).await? {
            Outcome::Written => return Ok(WriteValidationRecordsOutput { written: wanted.len() }),
            // An earlier attempt of which the answer was lost, or somebody else after all: look.
            Outcome::AlreadyThere(_) => {}
        }
    }
    let to_write = to_write(&wanted, &zone.present(&wanted).await?);
    match zone.change(&ChangeAction::Upsert, &to_write).await? {
        Outcome::Written => Ok(WriteValidationRecordsOutput { written: to_write.len() }),
        Outcome::AlreadyThere(problem) => Err(zone.refused_batch(&problem)),
    }
}

/// Each record once, in order of name: the domain and its wildcard share theirs (AWS-FACTS 3.2.2).
fn distinct(records: &[ValidationRecord]) -> Vec<ValidationRecord> {
    let mut records: Vec<ValidationRecord> = records
        .iter()
        .map(|record| ValidationRecord { name: dns_form(&record.name), value: dns_form(&record.value) })
        .collect();
    records.sort();
    records.dedup();
    records
}

/// The records that are absent or have another value. A CNAME with another value at ACM's name is stale.
fn to_write(wanted: &[ValidationRecord], present: &BTreeMap<String, Vec<String>>) -> Vec<ValidationRecord> {
    let stands =
        |record: &&ValidationRecord| present.get(&record.name).is_some_and(|values| values.contains(&record.value));
    wanted.iter().filter(|record| !stands(record)).cloned().collect()
}

/// The hosted zone that is written to.
struct Zone<'a> {
    route53: &'a Client,
    id: &'a str,
    domain: &'a str,
}

/// What became of a batch.
enum Outcome {
    Written,
    /// A record that was to be new exists; the text is Route 53's.
    AlreadyThere(String),
}

impl Zone<'_> {
    /// The values of the CNAME records at the wanted names.
    ///
    /// One record is asked for by itself. Several are looked for on one page from the start of the zone, and
    /// by themselves only where that page ends too early.
    async fn present(&self, wanted: &[ValidationRecord]) -> Result<BTreeMap<String, Vec<String>>, StepError> {
        let mut present = BTreeMap::new();
        let mut complete = false;
        if wanted.len() > 1 {
            complete = self.list(self.domain, None, PAGE_SIZE, &mut present).await?;
        }
        for record in wanted {
            if !complete && !present.contains_key(&record.name) {
                self.list(&record.name, Some(RrType::Cname), 1, &mut present).await?;
            }
        }
        Ok(present)
    }

    /// Adds the CNAME records of one page to `present`, and says whether the page reaches the zone's end.
    async fn list(
        &self,
        start: &str,
        kind: Option<RrType>,
        page_size: i32,
        present: &mut BTreeMap<String, Vec<String>>,
    ) -> Result<bool, StepError> {
        let page = self
            .route53
            .list_resource_record_sets()
            .hosted_zone_id(self.id)
            .start_record_name(start)
            .set_start_record_type(kind)
            .max_items(page_size)
            .send()
            .await
            .map_err(|error| match code_of(&error) {
                Some("NoSuchHostedZone") => self.gone(),
                _ => classify("route53:ListResourceRecordSets", &error),
            })?;
        for set in page.resource_record_sets().iter().filter(|set| *set.r#type() == RrType::Cname) {
            let values = set.resource_records().iter().map(|record| dns_form(record.value()));
            present.entry(dns_form(set.name())).or_default().extend(values);
        }
        Ok(!page.is_truncated())
    }

    /// Sends the records as one batch; no record, no call.
    async fn change(&self, action: &ChangeAction, records: &[ValidationRecord]) -> Result<Outcome, StepError> {
        if records.is_empty() {
            return Ok(Outcome::Written);
        }
        check_size(records)?;
        let changes = records
            .iter()
            .map(|record| change(action, record))
            .collect::<Result<Vec<_>, _>>()
            .and_then(|changes| {
                ChangeBatch::builder()
                    .comment("Certificate validation, by Nameplate")
                    .set_changes(Some(changes))
                    .build()
            })
            .map_err(|_| {
                StepError::failed("Defect", "a change is incomplete", "report this as a defect of Nameplate")
            })?;
        let answer =
            self.route53.change_resource_record_sets().hosted_zone_id(self.id).change_batch(changes).send().await;
        let Err(error) = answer else { return Ok(Outcome::Written) };
        if code_of(&error) == Some("NoSuchHostedZone") {
            return Err(self.gone());
        }
        match invalid_change_batch(&error) {
            Some(problem) if problem.contains("already exists") => Ok(Outcome::AlreadyThere(problem)),
            Some(problem) => Err(self.refused_batch(&problem)),
            None => Err(classify("route53:ChangeResourceRecordSets", &error)),
        }
    }

    fn gone(&self) -> StepError {
        StepError::failed(
            "NoSuchHostedZone",
            format!("the hosted zone {} of {} does not exist any more", self.id, self.domain),
            "start the execution again: it looks for the zone that the registry delegates to",
        )
    }

    fn refused_batch(&self, problem: &str) -> StepError {
        StepError::failed(
            "InvalidChangeBatch",
            format!("the hosted zone {} of {} does not take the validation records: {problem}", self.id, self.domain),
            "remove the record that Route 53 names, which stands in the place of a validation record; then start the execution again",
        )
    }
}

fn change(action: &ChangeAction, record: &ValidationRecord) -> Result<Change, aws_sdk_route53::error::BuildError> {
    let value = ResourceRecord::builder().value(&record.value).build()?;
    let set = ResourceRecordSet::builder()
        .name(&record.name)
        .r#type(RrType::Cname)
        .ttl(TTL_SECS)
        .resource_records(value)
        .build()?;
    Change::builder().action(action.clone()).resource_record_set(set).build()
}

/// Refuses what Route 53 would not take in one batch, counted as for UPSERT.
fn check_size(records: &[ValidationRecord]) -> Result<(), StepError> {
    let characters: usize = records.iter().map(|record| record.value.chars().count()).sum();
    if 2 * records.len() <= MAX_BATCH_ELEMENTS && 2 * characters <= MAX_BATCH_CHARACTERS {
        return Ok(());
    }
    Err(StepError::failed(
        "TooManyRecords",
        format!("{} records are more than Route 53 takes in one change", records.len()),
        "put fewer names on the certificate",
    ))
}

#[cfg(test)]
mod tests;
