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
use nameplate::error::classify;
use nameplate::event::{RegistrationEnded, SOURCE};
use nameplate::table::{self, watch};
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
mod tests {
    use super::*;
    use aws_sdk_dynamodb::operation::query::QueryOutput;
    use aws_sdk_eventbridge::operation::put_events::PutEventsOutput;
    use aws_sdk_route53domains::operation::list_operations::ListOperationsOutput;
    use aws_sdk_route53domains::types::OperationSummary;
    use aws_smithy_mocks::{Rule, RuleMode, mock, mock_client};
    use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
    use aws_smithy_runtime_api::http::StatusCode;
    use aws_smithy_types::body::SdkBody;
    use nameplate::Class;
    use serde_json::Value;
    use std::collections::HashMap;

    const NOW: i64 = 1_800_000_000;

    type Item = HashMap<String, AttributeValue>;

    fn item(operation: &str, created: i64) -> Item {
        HashMap::from([
            ("id".to_owned(), AttributeValue::S(format!("watch#{operation}"))),
            ("domain".to_owned(), AttributeValue::S(format!("{operation}.example.com"))),
            ("created".to_owned(), AttributeValue::N(created.to_string())),
            ("open".to_owned(), AttributeValue::S("registration".to_owned())),
        ])
    }

    fn operation(id: &str, status: OperationStatus) -> OperationSummary {
        OperationSummary::builder().operation_id(id).status(status).build()
    }

    fn error(status: u16, code: &'static str) -> HttpResponse {
        let body = json!({"__type": code, "message": "because"}).to_string();
        HttpResponse::new(StatusCode::try_from(status).expect("a status"), SdkBody::from(body))
    }

    /// The index, in one page.
    fn index(items: Vec<Item>) -> Rule {
        mock!(aws_sdk_dynamodb::Client::query)
            .match_requests(|request| {
                request.table_name() == Some("table")
                    && request.index_name() == Some("open-watches")
                    && request.key_condition_expression() == Some("#open = :registration")
                    && request.expression_attribute_names().expect("set")["#open"] == "open"
                    && request.expression_attribute_values().expect("set")[":registration"]
                        == AttributeValue::S("registration".to_owned())
            })
            .then_output(move || QueryOutput::builder().set_items(Some(items.clone())).build())
    }

    /// What the registrar lists, asked for since `since`.
    fn listed(since: i64, operations: Vec<OperationSummary>) -> Rule {
        mock!(aws_sdk_route53domains::Client::list_operations)
            .match_requests(move |request| {
                request.submitted_since() == Some(&DateTime::from_secs(since))
                    && request.r#type() == [OperationType::RegisterDomain]
                    && request.max_items() == Some(100)
            })
            .then_output(move || ListOperationsOutput::builder().set_operations(Some(operations.clone())).build())
    }

    /// The bus, which takes all but `refused` of the events of each call.
    fn bus(refused: i32) -> Rule {
        mock!(aws_sdk_eventbridge::Client::put_events)
            .match_requests(|request| request.entries().len() <= 10)
            .then_output(move || PutEventsOutput::builder().failed_entry_count(refused).build())
    }

    async fn poll(dynamodb: &[&Rule], domains: &[&Rule], events: &[&Rule]) -> Result<Summary, StepError> {
        let clients = Clients {
            dynamodb: mock_client!(aws_sdk_dynamodb, RuleMode::MatchAny, dynamodb),
            domains: mock_client!(aws_sdk_route53domains, RuleMode::MatchAny, domains),
            events: mock_client!(aws_sdk_eventbridge, RuleMode::MatchAny, events),
        };
        run(&clients, &Settings { table: "table".into(), bus: "default".into() }, NOW).await
    }

    #[tokio::test]
    async fn no_open_watch_means_no_other_call() {
        let index = index(vec![]);
        assert_eq!(poll(&[&index], &[], &[]).await, Ok(Summary { open: 0, ended: 0 }));
        assert_eq!(index.num_calls(), 1);
    }

    #[tokio::test]
    async fn one_listing_since_the_oldest_watch_answers_for_all_and_the_ended_ones_are_told() {
        let index = index(vec![item("b", NOW - 60), item("a", NOW - 7200), item("c", NOW), item("d", NOW)]);
        let listed = listed(
            NOW - 7200 - 300,
            vec![
                operation("a", OperationStatus::Successful),
                operation("b", OperationStatus::InProgress),
                operation("c", OperationStatus::Failed),
                operation("d", OperationStatus::Error),
                operation("not-ours", OperationStatus::Successful),
            ],
        );
        let events = mock!(aws_sdk_eventbridge::Client::put_events)
            .match_requests(|request| {
                let told: Vec<(&str, Value)> = request
                    .entries()
                    .iter()
                    .map(|entry| {
                        assert_eq!((entry.source(), entry.event_bus_name()), (Some("nameplate"), Some("default")));
                        (entry.detail_type().expect("set"), serde_json::from_str(entry.detail().expect("set")).expect("set"))
                    })
                    .collect();
                let detail = |id: &str, status: &str| {
                    json!({"version": 1, "domainName": format!("{id}.example.com"), "operationId": id, "status": status})
                };
                told == [
                    ("Domain Registration Completed", detail("a", "SUCCESSFUL")),
                    ("Domain Registration Failed", detail("c", "FAILED")),
                    ("Domain Registration Failed", detail("d", "ERROR")),
                ]
            })
            .then_output(|| PutEventsOutput::builder().build());
        assert_eq!(poll(&[&index], &[&listed], &[&events]).await, Ok(Summary { open: 4, ended: 3 }));
        assert_eq!((index.num_calls(), listed.num_calls(), events.num_calls()), (1, 1, 1));
    }

    #[tokio::test]
    async fn nothing_is_told_while_nothing_has_ended() {
        let index = index(vec![item("a", NOW), item("not-listed", NOW)]);
        let listed = listed(NOW - 300, vec![operation("a", OperationStatus::Submitted)]);
        assert_eq!(poll(&[&index], &[&listed], &[]).await, Ok(Summary { open: 2, ended: 0 }));
    }

    #[tokio::test]
    async fn a_watch_past_its_time_is_left_alone_and_does_not_lengthen_the_listing() {
        let index = index(vec![item("old", NOW - watch::KEEP_SECS), item("a", NOW - 10)]);
        let listed = listed(NOW - 310, vec![operation("old", OperationStatus::Successful)]);
        assert_eq!(poll(&[&index], &[&listed], &[]).await, Ok(Summary { open: 1, ended: 0 }));
        assert_eq!(listed.num_calls(), 1);
    }

    #[tokio::test]
    async fn all_pages_of_watches_and_operations_are_read() {
        let watches = mock!(aws_sdk_dynamodb::Client::query)
            .sequence()
            .output(|| {
                QueryOutput::builder().items(item("a", NOW)).set_last_evaluated_key(Some(item("a", NOW))).build()
            })
            .output(|| QueryOutput::builder().items(item("b", NOW)).build())
            .build();
        let operations = mock!(aws_sdk_route53domains::Client::list_operations)
            .sequence()
            .output(|| {
                ListOperationsOutput::builder()
                    .operations(operation("a", OperationStatus::Successful))
                    .next_page_marker("more")
                    .build()
            })
            .output(|| ListOperationsOutput::builder().operations(operation("b", OperationStatus::Successful)).build())
            .build();
        let events = bus(0);
        assert_eq!(poll(&[&watches], &[&operations], &[&events]).await, Ok(Summary { open: 2, ended: 2 }));
        assert_eq!((watches.num_calls(), operations.num_calls(), events.num_calls()), (2, 2, 1));
    }

    #[tokio::test]
    async fn events_go_out_ten_at_a_time() {
        let ids: Vec<String> = (0..21).map(|n| format!("op{n}")).collect();
        let index = index(ids.iter().map(|id| item(id, NOW)).collect());
        let listed = listed(NOW - 300, ids.iter().map(|id| operation(id, OperationStatus::Successful)).collect());
        let events = bus(0);
        assert_eq!(poll(&[&index], &[&listed], &[&events]).await, Ok(Summary { open: 21, ended: 21 }));
        assert_eq!(events.num_calls(), 3);
    }

    #[tokio::test]
    async fn an_event_that_the_bus_did_not_take_is_retryable_and_the_others_are_still_sent() {
        let ids: Vec<String> = (0..11).map(|n| format!("op{n}")).collect();
        let index = index(ids.iter().map(|id| item(id, NOW)).collect());
        let listed = listed(NOW - 300, ids.iter().map(|id| operation(id, OperationStatus::Successful)).collect());
        let events = bus(1);
        let failure = poll(&[&index], &[&listed], &[&events]).await.expect_err("not taken");
        assert_eq!((failure.class, failure.code.as_str()), (Class::Retryable, "EventNotTaken"));
        assert_eq!(events.num_calls(), 2);
    }

    #[tokio::test(start_paused = true)]
    async fn failures_of_each_service_carry_its_operation() {
        let denied = mock!(aws_sdk_dynamodb::Client::query).then_http_response(|| error(400, "AccessDeniedException"));
        let failure = poll(&[&denied], &[], &[]).await.expect_err("denied");
        assert_eq!(failure.class, Class::Failed);
        assert!(failure.reason.contains("dynamodb:Query"), "{}", failure.reason);

        let index = index(vec![item("a", NOW)]);
        let throttled = mock!(aws_sdk_route53domains::Client::list_operations)
            .then_http_response(|| error(400, "ThrottlingException"));
        let failure = poll(&[&index], &[&throttled], &[]).await.expect_err("throttled");
        assert_eq!(failure.class, Class::Retryable);
        assert!(failure.reason.contains("route53domains:ListOperations"), "{}", failure.reason);

        let listed = listed(NOW - 300, vec![operation("a", OperationStatus::Successful)]);
        let broken =
            mock!(aws_sdk_eventbridge::Client::put_events).then_http_response(|| error(500, "InternalException"));
        let failure = poll(&[&index], &[&listed], &[&broken]).await.expect_err("broken");
        assert_eq!(failure.class, Class::Retryable);
        assert!(failure.reason.contains("events:PutEvents"), "{}", failure.reason);
    }
}
