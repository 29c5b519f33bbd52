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
use nameplate::contract::{ValidationRecord, WriteValidationRecordsInput, WriteValidationRecordsOutput};
use nameplate::domain::dns_form;
use nameplate::error::{classify, code_of, invalid_change_batch};

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
mod tests {
    use super::*;
    use aws_sdk_route53::config::http::HttpResponse;
    use aws_sdk_route53::operation::change_resource_record_sets::ChangeResourceRecordSetsOutput;
    use aws_sdk_route53::operation::list_resource_record_sets::ListResourceRecordSetsOutput;
    use aws_smithy_mocks::{Rule, RuleMode, mock, mock_client};
    use aws_smithy_runtime_api::http::StatusCode;
    use aws_smithy_types::body::SdkBody;
    use nameplate::{Class, Request};
    use serde_json::json;

    fn record(name: &str, value: &str) -> ValidationRecord {
        ValidationRecord { name: name.to_owned(), value: value.to_owned() }
    }

    fn apex() -> ValidationRecord {
        record("_a1.example.com", "_b1.acm-validations.aws")
    }

    fn api() -> ValidationRecord {
        record("_a2.api.example.com", "_b2.acm-validations.aws")
    }

    fn input(records: &[ValidationRecord], fresh: bool, written_before: bool) -> WriteValidationRecordsInput {
        let request = json!({
            "domainName": "example.com",
            "api": {"routes": [{"route": "GET /", "url": "https://backend.example.net/"}]}
        });
        WriteValidationRecordsInput {
            request: Request::parse(&request).expect("a valid request"),
            hosted_zone_id: "Z1".to_owned(),
            validation_records: records.to_vec(),
            written_before,
            fresh,
        }
    }

    fn set(name: &str, kind: RrType, value: &str) -> ResourceRecordSet {
        ResourceRecordSet::builder()
            .name(format!("{name}."))
            .r#type(kind)
            .ttl(60)
            .resource_records(ResourceRecord::builder().value(value).build().expect("complete"))
            .build()
            .expect("complete")
    }

    fn standing(record: &ValidationRecord) -> ResourceRecordSet {
        set(&record.name, RrType::Cname, &format!("{}.", record.value.to_uppercase()))
    }

    fn page(sets: Vec<ResourceRecordSet>, truncated: bool) -> ListResourceRecordSetsOutput {
        ListResourceRecordSetsOutput::builder()
            .set_resource_record_sets(Some(sets))
            .is_truncated(truncated)
            .max_items(PAGE_SIZE)
            .build()
            .expect("complete")
    }

    /// Answers the look at one name alone.
    fn at(record: &ValidationRecord, sets: Vec<ResourceRecordSet>) -> Rule {
        let name = record.name.clone();
        mock!(Client::list_resource_record_sets)
            .match_requests(move |request| {
                request.hosted_zone_id() == Some("Z1")
                    && request.start_record_name() == Some(name.as_str())
                    && request.start_record_type() == Some(&RrType::Cname)
                    && request.max_items() == Some(1)
            })
            .then_output(move || page(sets.clone(), true))
    }

    /// Answers the look at the whole zone.
    fn zone(sets: Vec<ResourceRecordSet>, truncated: bool) -> Rule {
        mock!(Client::list_resource_record_sets)
            .match_requests(|request| {
                request.start_record_name() == Some("example.com") && request.start_record_type().is_none()
            })
            .then_output(move || page(sets.clone(), truncated))
    }

    fn is_batch(batch: Option<&ChangeBatch>, action: &ChangeAction, records: &[ValidationRecord]) -> bool {
        let changes = batch.map(ChangeBatch::changes).unwrap_or_default();
        changes.len() == records.len()
            && changes.iter().zip(records).all(|(change, record)| {
                let set = change.resource_record_set().expect("a set");
                let values: Vec<&str> = set.resource_records().iter().map(ResourceRecord::value).collect();
                change.action() == action
                    && set.name() == record.name
                    && *set.r#type() == RrType::Cname
                    && set.ttl() == Some(TTL_SECS)
                    && values == [record.value.as_str()]
            })
    }

    /// Takes exactly this batch and no other.
    fn takes(action: ChangeAction, records: &[ValidationRecord]) -> Rule {
        let records = records.to_vec();
        mock!(Client::change_resource_record_sets)
            .match_requests(move |request| {
                request.hosted_zone_id() == Some("Z1") && is_batch(request.change_batch(), &action, &records)
            })
            .then_output(|| ChangeResourceRecordSetsOutput::builder().build())
    }

    fn answer(status: u16, body: String) -> HttpResponse {
        HttpResponse::new(StatusCode::try_from(status).expect("a status"), SdkBody::from(body))
    }

    fn refusal(status: u16, code: &str, message: &str) -> HttpResponse {
        answer(
            status,
            format!(
                "<?xml version=\"1.0\"?>\n<ErrorResponse xmlns=\"https://route53.amazonaws.com/doc/2013-04-01/\"><Error><Type>Sender</Type><Code>{code}</Code><Message>{message}</Message></Error><RequestId>r</RequestId></ErrorResponse>"
            ),
        )
    }

    /// The document of its own in which Route 53 refuses a batch.
    fn batch_refusal(message: &str) -> HttpResponse {
        answer(
            400,
            format!(
                "<?xml version=\"1.0\"?>\n<InvalidChangeBatch xmlns=\"https://route53.amazonaws.com/doc/2013-04-01/\"><Messages><Message>{message}</Message></Messages><RequestId>r</RequestId></InvalidChangeBatch>"
            ),
        )
    }

    const EXISTS: &str =
        "Tried to create resource record set [name='_a1.example.com.', type='CNAME'] but it already exists";

    async fn go(rules: &[&Rule], input: WriteValidationRecordsInput) -> Result<usize, StepError> {
        let route53 = mock_client!(aws_sdk_route53, RuleMode::MatchAny, rules);
        run(&Clients { route53 }, input).await.map(|output| output.written)
    }

    #[tokio::test]
    async fn a_fresh_name_takes_one_call_and_each_record_once() {
        let change = takes(ChangeAction::Create, &[apex(), api()]);
        let written = go(&[&change], input(&[api(), apex(), apex()], true, false)).await;
        assert_eq!(written, Ok(2));
        assert_eq!(change.num_calls(), 1);
    }

    #[tokio::test]
    async fn a_record_of_a_name_that_is_not_fresh_is_looked_for_and_made_when_absent() {
        let look = at(&apex(), vec![standing(&api())]);
        let change = takes(ChangeAction::Upsert, &[apex()]);
        assert_eq!(go(&[&look, &change], input(&[apex(), apex()], false, false)).await, Ok(1));
        assert_eq!((look.num_calls(), change.num_calls()), (1, 1));
    }

    #[tokio::test]
    async fn records_that_stand_already_are_not_written_again() {
        let look = at(&apex(), vec![standing(&apex())]);
        assert_eq!(go(&[&look], input(&[apex()], false, false)).await, Ok(0));
        assert_eq!(go(&[&look], input(&[apex()], true, true)).await, Ok(0));
        assert_eq!(look.num_calls(), 2);
    }

    #[tokio::test]
    async fn several_records_are_looked_for_on_one_page_of_a_small_zone() {
        let look = zone(vec![set("example.com", RrType::Ns, "ns-1.example.net."), standing(&api())], false);
        let change = takes(ChangeAction::Upsert, &[apex()]);
        assert_eq!(go(&[&look, &change], input(&[apex(), api()], false, true)).await, Ok(1));
        assert_eq!(look.num_calls(), 1);
    }

    #[tokio::test]
    async fn what_the_page_of_a_large_zone_does_not_show_is_looked_for_by_itself() {
        let (look, alone) = (zone(vec![standing(&apex())], true), at(&api(), vec![standing(&api())]));
        assert_eq!(go(&[&look, &alone], input(&[apex(), api()], false, true)).await, Ok(0));
        assert_eq!((look.num_calls(), alone.num_calls()), (1, 1));
    }

    #[tokio::test]
    async fn a_record_with_another_value_is_stale_and_replaced() {
        let look = at(&apex(), vec![set("_a1.example.com", RrType::Cname, "_old.acm-validations.aws.")]);
        let change = takes(ChangeAction::Upsert, &[apex()]);
        assert_eq!(go(&[&look, &change], input(&[apex()], false, true)).await, Ok(1));
    }

    #[tokio::test]
    async fn a_record_of_another_type_with_the_same_text_does_not_count() {
        let look = at(&apex(), vec![set("_a1.example.com", RrType::Ns, "_b1.acm-validations.aws.")]);
        let change = takes(ChangeAction::Upsert, &[apex()]);
        assert_eq!(go(&[&look, &change], input(&[apex()], false, true)).await, Ok(1));
    }

    #[tokio::test]
    async fn records_that_exist_although_the_name_is_fresh_are_looked_at_in_both_forms_of_the_answer() {
        for form in [batch_refusal, |message: &str| refusal(400, "InvalidChangeBatch", message)] {
            let create = mock!(Client::change_resource_record_sets).then_http_response(move || form(EXISTS));
            let look = at(&apex(), vec![standing(&apex())]);
            assert_eq!(go(&[&create, &look], input(&[apex()], true, false)).await, Ok(0));
            assert_eq!((create.num_calls(), look.num_calls()), (1, 1));
        }
    }

    #[tokio::test]
    async fn a_foreign_record_in_the_place_is_refused_with_route_53s_own_words() {
        let words =
            "RRSet of type CNAME with DNS name _a1.example.com. is not permitted as it conflicts with other records";
        for form in [batch_refusal, |message: &str| refusal(400, "InvalidChangeBatch", message)] {
            let look = at(&apex(), vec![]);
            let change = mock!(Client::change_resource_record_sets).then_http_response(move || form(words));
            let error = go(&[&look, &change], input(&[apex()], false, false)).await.expect_err("foreign");
            assert_eq!((error.class, error.code.as_str()), (Class::Failed, "InvalidChangeBatch"));
            assert!(error.reason.contains(words), "{error}");
            assert_eq!(change.num_calls(), 1);
        }
    }

    #[tokio::test]
    async fn a_zone_that_is_gone_is_a_failure_that_names_it() {
        let list = mock!(Client::list_resource_record_sets)
            .then_http_response(|| refusal(404, "NoSuchHostedZone", "No hosted zone found"));
        let change = mock!(Client::change_resource_record_sets)
            .then_http_response(|| refusal(404, "NoSuchHostedZone", "No hosted zone found"));
        for fresh in [true, false] {
            let error = go(&[&list, &change], input(&[apex()], fresh, false)).await.expect_err("gone");
            assert_eq!((error.class, error.code.as_str()), (Class::Failed, "NoSuchHostedZone"));
            assert!(error.reason.contains("Z1"), "{error}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn an_earlier_change_that_is_not_through_is_retryable() {
        let change = mock!(Client::change_resource_record_sets)
            .then_http_response(|| refusal(400, "PriorRequestNotComplete", "wait"));
        let error = go(&[&change], input(&[apex()], true, false)).await.expect_err("busy");
        assert_eq!((error.class, error.code.as_str()), (Class::Retryable, "PriorRequestNotComplete"));
        assert_eq!(change.num_calls(), 3);
    }

    #[tokio::test(start_paused = true)]
    async fn throttling_of_the_look_is_retryable() {
        let list =
            mock!(Client::list_resource_record_sets).then_http_response(|| refusal(400, "Throttling", "Rate exceeded"));
        let error = go(&[&list], input(&[apex()], false, false)).await.expect_err("throttled");
        assert_eq!((error.class, error.code.as_str()), (Class::Retryable, "Throttling"));
        assert_eq!(list.num_calls(), 3);
    }

    #[tokio::test]
    async fn no_records_are_no_call() {
        assert_eq!(go(&[], input(&[], true, false)).await, Ok(0));
        assert_eq!(go(&[], input(&[], false, true)).await, Ok(0));
    }

    #[test]
    fn a_batch_beyond_route_53s_limits_is_not_sent() {
        let records = |count: usize, length: usize| -> Vec<ValidationRecord> {
            (0..count).map(|number| record(&format!("_{number}.example.com"), &"v".repeat(length))).collect()
        };
        assert!(check_size(&records(500, 32)).is_ok());
        assert!(check_size(&records(501, 1)).is_err_and(|error| error.code == "TooManyRecords"));
        assert!(check_size(&records(500, 33)).is_err_and(|error| error.code == "TooManyRecords"));
    }
}
