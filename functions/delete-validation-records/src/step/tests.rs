//! The step against answers of AWS, one rule for each call that it may make: a call without a rule fails the test.

use super::*;
use aws_sdk_acm::Client as Acm;
use aws_sdk_acm::config::http::HttpResponse;
use aws_sdk_acm::operation::describe_certificate::DescribeCertificateOutput;
use aws_sdk_acm::operation::list_certificates::ListCertificatesOutput;
use aws_sdk_acm::types::{
    CertificateDetail, CertificateSummary, DomainValidation, KeyAlgorithm, RecordType, ResourceRecord as ToProve,
};
use aws_sdk_route53::Client as Dns;
use aws_sdk_route53::operation::change_resource_record_sets::ChangeResourceRecordSetsOutput;
use aws_sdk_route53::operation::list_resource_record_sets::ListResourceRecordSetsOutput;
use aws_sdk_route53::types::{ChangeInfo, ChangeStatus, ResourceRecord};
use aws_smithy_mocks::{Rule, RuleMode, mock, mock_client};
use aws_smithy_types::DateTime;
use aws_smithy_types::body::SdkBody;
use serde_json::json;

const NAME: &str = "_x1.example.com";
const VALUE: &str = "_y1.acm-validations.aws";
const OTHER: &str = "arn:aws:acm:us-east-1:123456789012:certificate/other";

fn listed(names: &'static [&'static str]) -> Rule {
    mock!(Acm::list_certificates)
        .match_requests(|call| {
            call.certificate_statuses().len() == 3
                && call.includes().is_some_and(|filters| filters.key_types().contains(&KeyAlgorithm::EcSecp384r1))
        })
        .then_output(move || {
            let summaries = names
                .iter()
                .map(|name| CertificateSummary::builder().certificate_arn(OTHER).domain_name(*name).build());
            ListCertificatesOutput::builder().set_certificate_summary_list(Some(summaries.collect())).build()
        })
}

fn described(record: &'static str) -> Rule {
    mock!(Acm::describe_certificate).then_output(move || {
        let record = ToProve::builder().name(format!("{record}.")).r#type(RecordType::Cname).value(VALUE);
        let option = DomainValidation::builder()
            .domain_name("www.example.com")
            .resource_record(record.build().expect("complete"))
            .build()
            .expect("complete");
        let detail = CertificateDetail::builder().certificate_arn(OTHER).domain_validation_options(option).build();
        DescribeCertificateOutput::builder().certificate(detail).build()
    })
}

fn present(value: &'static str) -> Rule {
    mock!(Dns::list_resource_record_sets).then_output(move || {
        let set = ResourceRecordSet::builder()
            .name(format!("{NAME}."))
            .r#type(RrType::Cname)
            .ttl(77)
            .resource_records(ResourceRecord::builder().value(value).build().expect("complete"));
        ListResourceRecordSetsOutput::builder()
            .resource_record_sets(set.build().expect("complete"))
            .is_truncated(false)
            .max_items(1)
            .build()
            .expect("complete")
    })
}

/// With the TTL that stands there: Route 53 deletes only what is named exactly.
fn deleted() -> Rule {
    mock!(Dns::change_resource_record_sets)
        .match_requests(|call| {
            let [change] = call.change_batch().map(|batch| batch.changes()).unwrap_or_default() else { return false };
            *change.action() == ChangeAction::Delete
                && change.resource_record_set().and_then(ResourceRecordSet::ttl) == Some(77)
        })
        .then_output(|| {
            let info = ChangeInfo::builder().id("C1").status(ChangeStatus::Insync).submitted_at(DateTime::from_secs(0));
            ChangeResourceRecordSetsOutput::builder().change_info(info.build().expect("complete")).build()
        })
}

/// The regions are numbers: one for each list of rules.
async fn step(acm: &[&[&Rule]], dns: &[&Rule]) -> Result<RetireStepOutput, StepError> {
    after(acm, dns, &[]).await
}

async fn after(acm: &[&[&Rule]], dns: &[&Rule], gone: &[&str]) -> Result<RetireStepOutput, StepError> {
    let regions: Vec<String> = (0..acm.len()).map(|number| number.to_string()).collect();
    let in_each: Vec<_> = acm.iter().map(|rules| mock_client!(aws_sdk_acm, RuleMode::MatchAny, *rules)).collect();
    let clients = Clients {
        acm_in: Arc::new(move |region| in_each[region.parse::<usize>().expect("a number")].clone()),
        route53: mock_client!(aws_sdk_route53, RuleMode::MatchAny, dns),
    };
    let input = DeleteValidationRecordsInput {
        domain_name: "example.com".parse().expect("valid"),
        hosted_zone_ids: vec!["Z1".to_owned()],
        validation_records: vec![ValidationRecord { name: NAME.to_owned(), value: VALUE.to_owned() }],
        gone: gone.iter().map(|arn| (*arn).to_owned()).collect(),
        regions,
    };
    run(&clients, input).await
}

#[tokio::test]
async fn a_record_that_nobody_needs_goes_as_it_stands_there() {
    let gone = deleted();
    let nobody = listed(&["example.org", "notexample.com"]);
    assert_eq!(step(&[&[&nobody]], &[&present(VALUE), &gone]).await, Ok(RetireStepOutput::default()));
    assert_eq!(gone.num_calls(), 1);
}

#[tokio::test]
async fn a_record_that_another_certificate_needs_stays_wherever_that_one_is() {
    let needs = [&listed(&["*.example.com"]), &described(NAME)];
    let nobody = listed(&[]);
    for regions in [vec![&needs[..]], vec![&[&nobody][..], &needs[..]]] {
        let output = step(&regions, &[]).await.expect("no failure");
        assert_eq!(output.left[0].validation_record().map(|record| record.name).as_deref(), Some(NAME));
        assert!(output.left[0].reason.contains(OTHER), "{}", output.left[0].reason);
    }
    let gone = deleted();
    let other_record = [&listed(&["example.com"]), &described("_z.www.example.com")];
    assert!(step(&[&other_record], &[&present(VALUE), &gone]).await.expect("no failure").left.is_empty());
    assert_eq!(gone.num_calls(), 1, "a certificate with a record of its own does not keep this one");
}

#[tokio::test]
async fn a_record_with_another_value_is_somebody_elses() {
    let nobody = listed(&[]);
    assert!(step(&[&[&nobody]], &[&present("_z9.acm-validations.aws")]).await.is_ok());
}

#[tokio::test]
async fn a_certificate_that_went_needs_nothing_although_it_is_still_listed() {
    let gone = deleted();
    let late = listed(&["example.com"]);
    assert!(after(&[&[&late]], &[&present(VALUE), &gone], &[OTHER]).await.expect("no failure").left.is_empty());
    assert_eq!(gone.num_calls(), 1);
}

#[tokio::test]
async fn a_region_that_nobody_may_look_into_keeps_the_records() {
    let denied = mock!(Acm::list_certificates).then_http_response(|| {
        let body = json!({"__type": "AccessDeniedException", "message": "explicit deny"}).to_string();
        HttpResponse::new(400.try_into().expect("a status"), SdkBody::from(body))
    });
    let nobody = listed(&[]);
    let output = step(&[&[&nobody], &[&denied]], &[]).await.expect("no failure");
    assert_eq!(output.left[0].validation_record().map(|record| record.name).as_deref(), Some(NAME));
    assert!(output.left[0].reason.contains("in 1 may need it"), "{}", output.left[0].reason);
}
