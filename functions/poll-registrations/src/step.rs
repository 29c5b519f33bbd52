//! Says on the event bus which registrations have ended, since AWS itself says nothing (AWS-FACTS 1.6.1).
//!
//! Reads: the open registration watches; where there are any, one ListOperations for all of them.
//! Writes: one event for each watch whose operation ended. The watch itself is resolved by `resume`, which
//! the event reaches; until then every run tells it again, so that a lost event costs a minute.
//! `NotReady`: never. Refused: nothing. An operation that AWS does not list is left alone: the state
//! machine's own time-out asks about it.
//! It must not know who waits.

use std::collections::BTreeMap;

use aws_sdk_dynamodb::types::AttributeValue;
use aws_sdk_eventbridge::types::PutEventsRequestEntry;
use aws_sdk_route53domains::primitives::DateTime;
use aws_sdk_route53domains::types::{OperationStatus, OperationType};
use nameplate::StepError;
use nameplate::contract::event::{RegistrationEnded, SOURCE};
use nameplate::contract::table;
use nameplate::contract::table::watch;
use nameplate::error::classify;
use serde::Serialize;
use serde_json::json;

/// How much earlier than the oldest watch is asked for, in seconds: the two clocks may differ.
const CLOCK_MARGIN_SECS: i64 = 300;
/// Operations on one page of ListOperations: the most that it gives (AWS-FACTS 1.2.2).
const PAGE: i32 = 100;
/// Entries in one PutEvents call: the most that it takes (AWS-FACTS 6.2.1).
const BATCH: usize = 10;

/// What the step calls.
#[derive(Clone)]
pub(crate) struct Clients {
    pub(crate) dynamodb: aws_sdk_dynamodb::Client,
    pub(crate) domains: aws_sdk_route53domains::Client,
    pub(crate) events: aws_sdk_eventbridge::Client,
}

/// What the template sets.
#[derive(Clone)]
pub(crate) struct Settings {
    /// The table that holds the watches.
    pub(crate) table: String,
    /// The event bus that is told.
    pub(crate) bus: String,
}

/// What one run saw.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Summary {
    /// Registrations that are awaited.
    pub(crate) open: usize,
    /// Those of them that have ended and were told.
    pub(crate) ended: usize,
}

/// A registration that somebody awaits.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Watch {
    operation: String,
    domain: String,
    created: i64,
}

/// A registration that has ended.
#[derive(Debug, PartialEq, Eq)]
struct Ended<'a> {
    watch: &'a Watch,
    status: &'a OperationStatus,
}

/// Looks at every awaited registration and tells which have ended. `now` is in seconds since 1970.
///
/// # Errors
/// `Retryable` also when the bus did not take every event; else as `classify` has it.
pub(crate) async fn run(clients: &Clients, settings: &Settings, now: i64) -> Result<Summary, StepError> {
    let watches = open_watches(clients, settings, now).await?;
    let Some(oldest) = watches.iter().map(|watch| watch.created).min() else {
        return Ok(Summary { open: 0, ended: 0 });
    };
    let operations = operations_since(clients, oldest - CLOCK_MARGIN_SECS).await?;
    let ended = ended(&watches, &operations);
    let unlisted = watches.iter().filter(|watch| !operations.contains_key(&watch.operation)).count();
    if unlisted > 0 {
        tracing::warn!(unlisted, "AWS does not list the operations of some watches; the time-out covers them");
    }
    tell(clients, settings, &ended).await?;
    Ok(Summary { open: watches.len(), ended: ended.len() })
}

/// The open watches that are younger than their time to live; DynamoDB deletes the others when it comes to it.
async fn open_watches(clients: &Clients, settings: &Settings, now: i64) -> Result<Vec<Watch>, StepError> {
    let items = clients
        .dynamodb
        .query()
        .table_name(&settings.table)
        .index_name(watch::OPEN_INDEX)
        .key_condition_expression("#open = :registration")
        .expression_attribute_names("#open", watch::OPEN)
        .expression_attribute_values(":registration", AttributeValue::S(watch::REGISTRATION.to_owned()))
        .into_paginator()
        .items()
        .send()
        .collect::<Result<Vec<_>, _>>()
        .await
        .map_err(|error| classify("dynamodb:Query", &error))?;
    let watches: Vec<Watch> = items
        .iter()
        .filter_map(|item| {
            let text = |name: &str| item.get(name)?.as_s().ok();
            Some(Watch {
                operation: text(table::KEY)?.strip_prefix(&table::watch_key(""))?.to_owned(),
                domain: text(watch::DOMAIN)?.clone(),
                created: item.get(watch::CREATED)?.as_n().ok()?.parse().ok()?,
            })
        })
        .filter(|watch| now - watch.created < watch::KEEP_SECS)
        .collect();
    if watches.len() < items.len() {
        tracing::warn!(ignored = items.len() - watches.len(), "some watches are past their time or not readable");
    }
    Ok(watches)
}

/// Every registration submitted since `since`, by operation id.
async fn operations_since(clients: &Clients, since: i64) -> Result<BTreeMap<String, OperationStatus>, StepError> {
    let operations = clients
        .domains
        .list_operations()
        .submitted_since(DateTime::from_secs(since))
        .r#type(OperationType::RegisterDomain)
        .max_items(PAGE)
        .into_paginator()
        .items()
        .send()
        .collect::<Result<Vec<_>, _>>()
        .await
        .map_err(|error| classify("route53domains:ListOperations", &error))?;
    Ok(operations.into_iter().filter_map(|operation| Some((operation.operation_id?, operation.status?))).collect())
}

/// Those watches whose operation is over, whatever its end.
fn ended<'a>(watches: &'a [Watch], operations: &'a BTreeMap<String, OperationStatus>) -> Vec<Ended<'a>> {
    watches
        .iter()
        .filter_map(|watch| {
            let status = operations.get(&watch.operation)?;
            matches!(status, OperationStatus::Successful | OperationStatus::Failed | OperationStatus::Error)
                .then_some(Ended { watch, status })
        })
        .collect()
}

/// Puts one event for each onto the bus.
async fn tell(clients: &Clients, settings: &Settings, ended: &[Ended<'_>]) -> Result<(), StepError> {
    let mut refused = 0;
    for batch in ended.chunks(BATCH) {
        let entries = batch.iter().map(|ended| entry(settings, ended)).collect();
        let output = clients
            .events
            .put_events()
            .set_entries(Some(entries))
            .send()
            .await
            .map_err(|error| classify("events:PutEvents", &error))?;
        refused += output.failed_entry_count;
    }
    if refused > 0 {
        return Err(StepError::retryable(
            "EventNotTaken",
            format!("events:PutEvents did not take {refused} of {} events", ended.len()),
        ));
    }
    Ok(())
}

fn entry(settings: &Settings, ended: &Ended<'_>) -> PutEventsRequestEntry {
    let detail_type = match ended.status {
        OperationStatus::Successful => RegistrationEnded::COMPLETED,
        _ => RegistrationEnded::FAILED,
    };
    let detail = RegistrationEnded::new(&ended.watch.domain, &ended.watch.operation, ended.status.as_str());
    PutEventsRequestEntry::builder()
        .event_bus_name(&settings.bus)
        .source(SOURCE)
        .detail_type(detail_type)
        .detail(json!(detail).to_string())
        .build()
}

#[cfg(test)]
mod tests;
