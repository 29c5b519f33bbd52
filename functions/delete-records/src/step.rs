//! Step `delete-records`: the further records that requests brought, as far as they are ours.
//!
//! - Reads: GetItem (which records are ours), ListResourceRecordSets (the whole of each zone).
//! - Writes: ChangeResourceRecordSets, DELETE only, each record exactly as it was seen, so that Route 53 refuses to touch
//!   what somebody has changed meanwhile; then, when all of them are gone, UpdateItem of the list of what is ours.
//! - Tokens: none; what is gone is done, and the list names a record until then.
//! - NotReady: a record was claimed so lately that a write of it may still be on its way.
//! - Retryable: Route 53 still works on an earlier change of the zone, or a record was changed while this step looked.
//! - Failed: Route 53 does not take a deletion. Busy: this execution does not hold the domain any more.
//!
//! What is ours is decided in `nameplate::resource::record`. A record that somebody has changed is left, and said.
//! It must not know what the records are for.

use std::collections::BTreeSet;

use aws_sdk_dynamodb::Client as Dynamodb;
use aws_sdk_dynamodb::types::AttributeValue;
use aws_sdk_route53::Client as Route53;
use aws_sdk_route53::types::{Change, ChangeAction, ChangeBatch, ResourceRecord, ResourceRecordSet, RrType};
use nameplate::StepError;
use nameplate::contract::retire::{DeleteRecordsInput, RetireStepOutput};
use nameplate::contract::table;
use nameplate::contract::table::domain as attribute;
use nameplate::error::{classify, code_of, invalid_change_batch};
use nameplate::function::runtime;
use nameplate::function::runtime::SETTLING_SECS;
use nameplate::resource::record;
use nameplate::resource::record::{Owned, Scope, Standing};
use nameplate::resource::thing::Thing;

/// Record sets on one page: the most that Route 53 gives.
const PAGE_SIZE: i32 = 300;
// What the comparison gives up for lost has been waited for here.
const _: () = assert!(SETTLING_SECS < record::LATE_SECS);

/// What the step calls.
#[derive(Clone, Debug)]
pub(crate) struct Clients {
    /// The list of what is ours.
    pub(crate) dynamodb: Dynamodb,
    /// Records.
    pub(crate) route53: Route53,
}

/// What the step is told by its environment.
#[derive(Clone, Debug)]
pub(crate) struct Settings {
    /// The DynamoDB table.
    pub(crate) table: String,
    /// [`SETTLING_SECS`], or what fits waits that are scaled down.
    pub(crate) settling_secs: i64,
}

/// Runs the step.
///
/// # Errors
/// As the module says.
pub(crate) async fn run(
    clients: &Clients,
    settings: &Settings,
    input: DeleteRecordsInput,
) -> Result<RetireStepOutput, StepError> {
    run_at(clients, settings, &input, runtime::now()).await
}

async fn run_at(
    clients: &Clients,
    settings: &Settings,
    input: &DeleteRecordsInput,
    now: i64,
) -> Result<RetireStepOutput, StepError> {
    let list = List { dynamodb: &clients.dynamodb, table: &settings.table, input };
    let owned = list.read().await?;
    if owned.is_empty() {
        return Ok(RetireStepOutput::default());
    }
    let (mut left, mut late, mut zones) = (BTreeSet::new(), owned.clone(), BTreeSet::new());
    for id in &input.hosted_zone_ids {
        let zone = Zone { route53: &clients.route53, id };
        let Some(standing) = zone.standing().await? else { continue };
        zones.insert(id);
        let scope = Scope { zone: id, ..Scope::default() };
        let decision = record::decide(&scope, &[], &owned, &standing, &input.validation_records, now);
        for batch in record::batches(decision.changes) {
            zone.delete(&batch).await?;
        }
        left.extend(decision.left);
        late.retain(|one| decision.kept.contains(one));
    }
    let subject = |one: &Owned| format!("{} {}", one.record.name, one.record.kind);
    // Nothing can arrive where no zone is, nor beside what somebody else has put in its place.
    let may_arrive = |one: &&Owned| {
        let looked_at = zones.iter().any(|id| one.is_in(id));
        looked_at && now - one.since < settings.settling_secs && !left.contains(&subject(one))
    };
    if let Some(one) = late.iter().find(may_arrive) {
        return Err(StepError::not_ready(
            "RecordOnItsWay",
            format!("the record {} was claimed a moment ago and may still appear", subject(one)),
        ));
    }
    list.empty().await?;
    let changed = "somebody has changed it since Nameplate wrote it";
    Ok(RetireStepOutput { left: left.into_iter().map(|record| Thing::new("record", record, changed)).collect() })
}

/// The list of the records that are ours, in the domain item.
struct List<'a> {
    dynamodb: &'a Dynamodb,
    table: &'a str,
    input: &'a DeleteRecordsInput,
}

impl List<'_> {
    fn key(&self) -> AttributeValue {
        AttributeValue::S(table::domain_key(self.input.domain_name.as_str()))
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

    /// Empties the list, only while this execution holds the domain.
    async fn empty(&self) -> Result<(), StepError> {
        let update = self
            .dynamodb
            .update_item()
            .table_name(self.table)
            .key(table::KEY, self.key())
            .update_expression("SET #records = :records")
            .condition_expression("#heldBy = :execution")
            .expression_attribute_names("#records", attribute::RECORDS)
            .expression_attribute_names("#heldBy", attribute::HELD_BY)
            .expression_attribute_values(":records", AttributeValue::S("[]".to_owned()))
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
        StepError::not_the_holder(self.input.domain_name.as_str(), "remove its records")
    }
}

/// A hosted zone that may hold records of ours.
struct Zone<'a> {
    route53: &'a Route53,
    id: &'a str,
}

impl Zone<'_> {
    /// All record sets of the zone; nothing when it is gone.
    async fn standing(&self) -> Result<Option<Vec<Standing>>, StepError> {
        let mut standing = Vec::new();
        let (mut name, mut kind, mut identifier) = (None::<String>, None::<RrType>, None::<String>);
        loop {
            let call = self
                .route53
                .list_resource_record_sets()
                .hosted_zone_id(self.id)
                .set_start_record_name(name)
                .set_start_record_type(kind)
                .set_start_record_identifier(identifier)
                .max_items(PAGE_SIZE);
            let page = match call.send().await {
                Ok(page) => page,
                Err(error) if code_of(&error) == Some("NoSuchHostedZone") => return Ok(None),
                Err(error) => return Err(classify("route53:ListResourceRecordSets", &error)),
            };
            standing.extend(page.resource_record_sets().iter().map(as_standing));
            if !page.is_truncated() {
                return Ok(Some(standing));
            }
            (name, kind, identifier) = (page.next_record_name, page.next_record_type, page.next_record_identifier);
        }
    }

    /// Sends one batch.
    async fn delete(&self, batch: &[record::Change]) -> Result<(), StepError> {
        let changes = as_deletions(batch).map_err(|_| defect("a change is incomplete"))?;
        let answer =
            self.route53.change_resource_record_sets().hosted_zone_id(self.id).change_batch(changes).send().await;
        let Err(error) = answer else {
            tracing::info!(zone = self.id, records = batch.len(), "deleted records");
            return Ok(());
        };
        // An earlier attempt of which the answer was lost, or somebody else: the next attempt looks.
        Err(match invalid_change_batch(&error) {
            Some(problem) if ["not found", "do not match"].iter().any(|words| problem.contains(words)) => {
                StepError::retryable("RecordsChanged", format!("records changed while they were deleted: {problem}"))
            }
            Some(problem) => StepError::failed(
                "InvalidChangeBatch",
                format!("the hosted zone {} does not let the records be deleted: {problem}", self.id),
                "remove the record that Route 53 names by hand, then start the execution again",
            ),
            None => classify("route53:ChangeResourceRecordSets", &error),
        })
    }
}

fn as_standing(set: &ResourceRecordSet) -> Standing {
    // Whatever more than name, type, time to live and values a set has makes it one of somebody else.
    let simple = set.alias_target().is_none() && set.set_identifier().is_none() && set.health_check_id().is_none();
    let values = set.resource_records().iter().map(|record| record.value().to_owned()).collect();
    Standing::new(set.name(), set.r#type().as_str(), set.ttl(), values, simple)
}

fn as_deletions(batch: &[record::Change]) -> Result<ChangeBatch, aws_sdk_route53::error::BuildError> {
    let mut changes = Vec::new();
    for record in batch.iter().filter_map(|change| change.delete.as_ref()) {
        let values = record.values.iter().map(|value| ResourceRecord::builder().value(value).build());
        let set = ResourceRecordSet::builder()
            .name(&record.name)
            .r#type(RrType::from(record.kind.as_str()))
            .ttl(record.ttl)
            .set_resource_records(Some(values.collect::<Result<_, _>>()?))
            .build()?;
        changes.push(Change::builder().action(ChangeAction::Delete).resource_record_set(set).build()?);
    }
    ChangeBatch::builder().comment("Records of a retired domain, by Nameplate").set_changes(Some(changes)).build()
}

fn defect(what: &str) -> StepError {
    StepError::failed("Defect", what, "report this as a defect of Nameplate")
}

#[cfg(test)]
mod tests;
