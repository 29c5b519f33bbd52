//! `write-records`: the further records of the request, in the domain's zone.
//!
//! Reads: GetItem (which records are ours), ListResourceRecordSets (the whole zone).
//! Writes: UpdateItem of the list of what is ours, before the zone is changed and after it; ChangeResourceRecordSets
//! in as few batches as Route 53 takes, CREATE and DELETE only. A record that is replaced is deleted as it was seen
//! and made anew in one batch, so Route 53 itself refuses to touch what somebody has changed in the meantime. One at a
//! host name of the request is left to `attach-domain`, which puts the alias records in its place in one batch; it stays
//! on the list until a later run finds it gone.
//! Token: none; each batch is all or nothing, and the list says after any stop which records are ours.
//! Retryable: Route 53 still works on an earlier change of the zone, or a record was changed while this step looked.
//! Refused: a wanted record exists and is not ours, or one of ours that goes later is in its way. Failed: the zone is gone; Route 53 does not take a record.
//! Busy: this execution does not hold the domain any more. What is ours is decided in `nameplate::resource::record`.
//! It must not know what the records are for.

use aws_sdk_dynamodb::Client as Dynamodb;
use aws_sdk_dynamodb::types::AttributeValue;
use aws_sdk_route53::Client as Route53;
use aws_sdk_route53::types::{Change, ChangeAction, ChangeBatch, ResourceRecord, ResourceRecordSet, RrType};
use nameplate::StepError;
use nameplate::contract::table;
use nameplate::contract::table::domain as attribute;
use nameplate::contract::{WriteRecordsInput, WriteRecordsOutput};
use nameplate::error::{classify, code_of, invalid_change_batch};
use nameplate::function::runtime;
use nameplate::request::ExactRecord;
use nameplate::resource::record;
use nameplate::resource::record::{Owned, Scope, Standing};

/// Record sets on one page: the most that Route 53 gives.
const PAGE_SIZE: i32 = 300;

/// What the step calls.
#[derive(Clone)]
pub(crate) struct Clients {
    /// The list of what is ours.
    pub(crate) dynamodb: Dynamodb,
    /// Records.
    pub(crate) route53: Route53,
}

/// What the step is told by its environment.
#[derive(Clone)]
pub(crate) struct Settings {
    /// The DynamoDB table.
    pub(crate) table: String,
}

/// Brings the zone's records of ours to what the request wants.
///
/// # Errors
/// As the module says.
pub(crate) async fn run(
    clients: &Clients,
    settings: &Settings,
    input: WriteRecordsInput,
) -> Result<WriteRecordsOutput, StepError> {
    run_at(clients, settings, input, runtime::now()).await
}

async fn run_at(
    clients: &Clients,
    settings: &Settings,
    input: WriteRecordsInput,
    now: i64,
) -> Result<WriteRecordsOutput, StepError> {
    let list = List { dynamodb: &clients.dynamodb, table: &settings.table, input: &input };
    let zone =
        Zone { route53: &clients.route53, id: &input.hosted_zone_id, domain: input.request.domain_name.as_str() };
    let owned = list.read().await?;
    let standing = zone.standing().await?;
    let hosts = input.request.hostnames();
    let scope = Scope { zone: &input.hosted_zone_id, hosts: &hosts, dropped: &input.dropped_hostnames };
    let wanted = &input.request.records;
    let mut decision = record::decide(&scope, wanted, &owned, &standing, &input.validation_records, now);
    if input.request.adopt {
        for taken in decision.adopt(scope.zone, now) {
            tracing::info!(record = taken.name, "takes over the record {}, which {}", taken.name, taken.reason);
        }
    }
    record::refuse_conflicts(&decision)?;
    if decision.claimed != owned {
        list.write(&decision.claimed).await?;
    }
    let written = decision.changes.len();
    for batch in record::batches(decision.changes) {
        zone.change(&batch).await?;
    }
    if decision.kept != decision.claimed {
        list.write(&decision.kept).await?;
    }
    // Those too that are on their way.
    let yielding = decision.kept.into_iter().filter(|one| one.is_in(scope.zone) && scope.yields(&one.record));
    Ok(WriteRecordsOutput {
        written,
        yielding: yielding.map(|one| one.record).collect(),
        actions: decision.left.iter().map(|left| record::action(left)).collect(),
    })
}

/// The list of the records that are ours, in the domain item.
struct List<'a> {
    dynamodb: &'a Dynamodb,
    table: &'a str,
    input: &'a WriteRecordsInput,
}

impl List<'_> {
    fn key(&self) -> AttributeValue {
        AttributeValue::S(table::domain_key(self.input.request.domain_name.as_str()))
    }

    async fn read(&self) -> Result<Vec<Owned>, StepError> {
        let answer = self
            .dynamodb
            .get_item()
            .table_name(self.table)
            .key(table::KEY, self.key())
            .consistent_read(true)
            .send()
            .await
            .map_err(|error| classify("dynamodb:GetItem", &error))?;
        let item = answer.item.unwrap_or_default();
        let text = |name: &str| item.get(name).and_then(|value| value.as_s().ok()).map(String::as_str);
        if text(attribute::HELD_BY) != Some(self.input.execution.as_str()) {
            return Err(self.not_the_holder());
        }
        Ok(record::owned(text(attribute::RECORDS)))
    }

    /// Writes the list, only while this execution holds the domain.
    async fn write(&self, owned: &[Owned]) -> Result<(), StepError> {
        let json = serde_json::to_string(owned).map_err(|_| {
            StepError::failed("Defect", "the list of records has no JSON form", "report this as a defect of Nameplate")
        })?;
        let update = self
            .dynamodb
            .update_item()
            .table_name(self.table)
            .key(table::KEY, self.key())
            .update_expression("SET #records = :records")
            .condition_expression("#heldBy = :execution")
            .expression_attribute_names("#records", attribute::RECORDS)
            .expression_attribute_names("#heldBy", attribute::HELD_BY)
            .expression_attribute_values(":records", AttributeValue::S(json))
            .expression_attribute_values(":execution", AttributeValue::S(self.input.execution.clone()))
            .send()
            .await;
        match update {
            Ok(_) => Ok(()),
            Err(error) if code_of(&error) == Some(table::CONDITION_FAILED) => Err(self.not_the_holder()),
            Err(error) => Err(classify("dynamodb:UpdateItem", &error)),
        }
    }

    fn not_the_holder(&self) -> StepError {
        StepError::not_the_holder(self.input.request.domain_name.as_str(), "write its records")
    }
}

/// The hosted zone that is written to.
struct Zone<'a> {
    route53: &'a Route53,
    id: &'a str,
    domain: &'a str,
}

impl Zone<'_> {
    /// All record sets of the zone.
    async fn standing(&self) -> Result<Vec<Standing>, StepError> {
        let mut standing = Vec::new();
        let (mut name, mut kind, mut identifier) = (None::<String>, None::<RrType>, None::<String>);
        loop {
            let page = self
                .route53
                .list_resource_record_sets()
                .hosted_zone_id(self.id)
                .set_start_record_name(name)
                .set_start_record_type(kind)
                .set_start_record_identifier(identifier)
                .max_items(PAGE_SIZE)
                .send()
                .await
                .map_err(|error| match code_of(&error) {
                    Some("NoSuchHostedZone") => self.gone(),
                    _ => classify("route53:ListResourceRecordSets", &error),
                })?;
            standing.extend(page.resource_record_sets().iter().map(as_standing));
            if !page.is_truncated() {
                return Ok(standing);
            }
            (name, kind, identifier) = (page.next_record_name, page.next_record_type, page.next_record_identifier);
        }
    }

    /// Sends one batch.
    async fn change(&self, batch: &[record::Change]) -> Result<(), StepError> {
        let changes = as_changes(batch).map_err(|_| {
            StepError::failed("Defect", "a change is incomplete", "report this as a defect of Nameplate")
        })?;
        let answer =
            self.route53.change_resource_record_sets().hosted_zone_id(self.id).change_batch(changes).send().await;
        let Err(error) = answer else { return Ok(()) };
        if code_of(&error) == Some("NoSuchHostedZone") {
            return Err(self.gone());
        }
        match invalid_change_batch(&error) {
            Some(problem) if is_of_another_change(&problem) => Err(StepError::retryable(
                "RecordsChanged",
                format!("records of {} were changed while they were looked at: {problem}", self.domain),
            )),
            Some(problem) => Err(StepError::failed(
                "InvalidChangeBatch",
                format!("the hosted zone {} of {} does not take the records: {problem}", self.id, self.domain),
                "correct the record that Route 53 names, in the request or in the zone; then start the execution again",
            )),
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
}

/// Whether Route 53 refuses a batch because a record is not what it was when the zone was listed.
fn is_of_another_change(problem: &str) -> bool {
    ["already exists", "not found", "do not match"].iter().any(|words| problem.contains(words))
}

fn as_standing(set: &ResourceRecordSet) -> Standing {
    // Whatever more than name, type, time to live and values a set has makes it one of somebody else.
    let simple = set.alias_target().is_none() && set.set_identifier().is_none() && set.health_check_id().is_none();
    let values = set.resource_records().iter().map(|record| record.value().to_owned()).collect();
    let alias = set.alias_target().map(|alias| alias.dns_name());
    Standing::new(set.name(), set.r#type().as_str(), set.ttl(), values, simple).alias_of(alias)
}

fn as_changes(batch: &[record::Change]) -> Result<ChangeBatch, aws_sdk_route53::error::BuildError> {
    let mut changes = Vec::new();
    for change in batch {
        let sides = [(ChangeAction::Delete, &change.delete), (ChangeAction::Create, &change.create)];
        for (action, record) in sides {
            if let Some(record) = record {
                changes.push(Change::builder().action(action).resource_record_set(as_set(record)?).build()?);
            }
        }
    }
    ChangeBatch::builder().comment("Records of the request, by Nameplate").set_changes(Some(changes)).build()
}

fn as_set(record: &ExactRecord) -> Result<ResourceRecordSet, aws_sdk_route53::error::BuildError> {
    let values = record.values.iter().map(|value| ResourceRecord::builder().value(value).build());
    ResourceRecordSet::builder()
        .name(&record.name)
        .r#type(RrType::from(record.kind.as_str()))
        .ttl(record.ttl)
        .set_resource_records(Some(values.collect::<Result<_, _>>()?))
        .build()
}

#[cfg(test)]
mod tests;
