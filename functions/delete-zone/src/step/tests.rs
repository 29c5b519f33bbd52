//! The step against answers of AWS, one rule for each call that it may make: a call without a rule fails the test.

use super::*;
use aws_sdk_route53::Client as Dns;
use aws_sdk_route53::config::http::HttpResponse;
use aws_sdk_route53::operation::change_tags_for_resource::ChangeTagsForResourceOutput;
use aws_sdk_route53::operation::delete_hosted_zone::DeleteHostedZoneOutput;
use aws_sdk_route53::operation::get_hosted_zone::GetHostedZoneOutput;
use aws_sdk_route53::operation::list_resource_record_sets::ListResourceRecordSetsOutput;
use aws_sdk_route53::operation::list_tags_for_resource::ListTagsForResourceOutput;
use aws_sdk_route53::types::{
    ChangeInfo, ChangeStatus, DelegationSet, HostedZone, HostedZoneConfig, ResourceTagSet, Tag,
};
use aws_sdk_route53domains::Client as Domains;
use aws_sdk_route53domains::operation::get_domain_detail::GetDomainDetailOutput;
use aws_sdk_route53domains::types::Nameserver;
use aws_smithy_mocks::{Rule, RuleMode, mock, mock_client};
use aws_smithy_types::DateTime;
use aws_smithy_types::body::SdkBody;
use nameplate::RetireRequest;
use nameplate::token::zone_reference;
use serde_json::json;

const INCARNATION: &str = "arn:aws:states:us-east-1:123456789012:execution:nameplate-provision:one";

/// How many tags of requests stand on a zone: more than one call takes off.
const TAGS: usize = 12;

fn zone(reference: &str, comment: &'static str) -> Rule {
    named("example.com.", reference, comment)
}

fn named(name: &'static str, reference: &str, comment: &'static str) -> Rule {
    let reference = reference.to_owned();
    mock!(Dns::get_hosted_zone).then_output(move || {
        let zone = HostedZone::builder()
            .id("/hostedzone/Z1")
            .name(name)
            .caller_reference(&reference)
            .config(HostedZoneConfig::builder().comment(comment).build());
        let servers = DelegationSet::builder().name_servers("ns-1.awsdns-01.com").build().expect("complete");
        GetHostedZoneOutput::builder().hosted_zone(zone.build().expect("complete")).delegation_set(servers).build()
    })
}

fn tagged(stack: Option<&'static str>) -> Rule {
    mock!(Dns::list_tags_for_resource).then_output(move || {
        let tag = |key: &str, value: &str| Tag::builder().key(key).value(value).build();
        let tags = stack.map(|stack| {
            let own = [tag(tags::DOMAIN, "example.com"), tag(tags::STACK, stack), tag("theirs", "y")];
            own.into_iter().chain((0..TAGS).map(|number| tag(&format!("team-{number}"), "x"))).collect()
        });
        let set = ResourceTagSet::builder().set_tags(tags).build();
        ListTagsForResourceOutput::builder().resource_tag_set(set).build()
    })
}

fn records(more: &'static [(&'static str, &'static str)]) -> Rule {
    mock!(Dns::list_resource_record_sets).then_output(move || {
        let own = [("example.com.", "NS"), ("example.com.", "SOA")];
        let sets = own.iter().chain(more).map(|(name, kind)| {
            ResourceRecordSet::builder().name(*name).r#type(RrType::from(*kind)).build().expect("complete")
        });
        ListResourceRecordSetsOutput::builder()
            .set_resource_record_sets(Some(sets.collect()))
            .is_truncated(false)
            .max_items(3)
            .build()
            .expect("complete")
    })
}

fn deleted() -> Rule {
    mock!(Dns::delete_hosted_zone).match_requests(|call| call.id() == Some("Z1")).then_output(|| {
        let info = ChangeInfo::builder().id("C1").status(ChangeStatus::Insync).submitted_at(DateTime::from_secs(0));
        DeleteHostedZoneOutput::builder().change_info(info.build().expect("complete")).build()
    })
}

/// Calls that take these of our own tags off, after those of requests.
fn untagged(own: &'static [&'static str]) -> Rule {
    let keys: Vec<String> = (0..TAGS).map(|number| format!("team-{number}")).collect();
    let (first, mut second) = (keys[..10].to_vec(), keys[10..].to_vec());
    second.extend(own.iter().map(|key| (*key).to_owned()));
    mock!(Dns::change_tags_for_resource)
        .match_requests(move |call| {
            let keys = call.remove_tag_keys();
            (keys == first || keys == second) && call.add_tags().is_empty()
        })
        .then_output(|| ChangeTagsForResourceOutput::builder().build())
}

fn registry(server: &'static str) -> Rule {
    mock!(Domains::get_domain_detail).then_output(move || {
        let server = Nameserver::builder().name(server).build().expect("complete");
        GetDomainDetailOutput::builder().nameservers(server).build()
    })
}

fn not_here() -> Rule {
    mock!(Domains::get_domain_detail).then_http_response(|| {
        let body = json!({"__type": "InvalidInput", "message": "not found in this account"}).to_string();
        HttpResponse::new(400.try_into().expect("a status"), SdkBody::from(body))
    })
}

async fn step(dns: &[&Rule], domains: &[&Rule], accept: bool) -> Result<RetireStepOutput, StepError> {
    let clients = Clients {
        route53: mock_client!(aws_sdk_route53, RuleMode::MatchAny, dns),
        domains: mock_client!(aws_sdk_route53domains, RuleMode::MatchAny, domains),
    };
    let request = json!({"domainName": "example.com", "confirm": "example.com", "acceptDelegated": accept});
    let input = DeleteZoneInput {
        request: RetireRequest::read(&request.to_string()).expect("valid"),
        zone_references: vec![zone_reference(INCARNATION, None), zone_reference(INCARNATION, Some("Z0"))],
        hosted_zone_ids: vec!["Z1".to_owned()],
        tag_keys: (0..TAGS).map(|number| format!("team-{number}")).chain(["gone".to_owned()]).collect(),
    };
    run(&clients, &Settings { stack: "nameplate".to_owned() }, input).await
}

#[tokio::test]
async fn a_zone_of_ours_that_is_empty_and_not_delegated_to_goes_whichever_mark_it_has() {
    for (made, tags) in [
        (zone(&zone_reference(INCARNATION, None), ""), tagged(None)),
        (zone(&zone_reference(INCARNATION, Some("Z0")), ""), tagged(None)),
        (zone("another", tags::ZONE_COMMENT), tagged(Some("nameplate"))),
    ] {
        let gone = deleted();
        let output = step(&[&made, &tags, &records(&[]), &gone], &[&registry("ns-9.awsdns-09.com")], false).await;
        assert_eq!(output, Ok(RetireStepOutput::default()));
        assert_eq!(gone.num_calls(), 1);
    }
}

#[tokio::test]
async fn one_that_is_or_may_be_delegated_to_stays_unless_the_request_accepts_it() {
    let (made, tags) = (zone(&zone_reference(INCARNATION, None), ""), tagged(Some("nameplate")));
    for (registry, why) in [(registry("NS-1.awsdns-01.com."), "points to it"), (not_here(), "not registered in")] {
        let untagged = untagged(&[]);
        let output = step(&[&made, &tags, &records(&[]), &untagged], &[&registry], false).await.expect("no failure");
        assert!(output.left[0].reason.contains(why), "{}", output.left[0].reason);
        assert_eq!(untagged.num_calls(), 2, "it stays ours, without the tags of requests");
        let gone = deleted();
        let output = step(&[&made, &tags, &records(&[]), &gone], &[], true).await.expect("no failure");
        assert_eq!((output.left.len(), gone.num_calls()), (0, 1));
    }
}

#[tokio::test]
async fn one_with_other_records_stays_even_if_the_delegation_is_accepted() {
    let (made, tags) = (zone(&zone_reference(INCARNATION, None), ""), tagged(Some("nameplate")));
    for others in [&[("example.com.", "MX")], &[("sub.example.com.", "NS")]] {
        let output = step(&[&made, &tags, &records(others), &untagged(&[])], &[], true).await.expect("no failure");
        assert!(output.left[0].reason.contains("records that stay"), "{}", output.left[0].reason);
    }
    let full = mock!(Dns::delete_hosted_zone).then_http_response(|| {
        let body = r#"<?xml version="1.0"?><ErrorResponse xmlns="https://route53.amazonaws.com/doc/2013-04-01/"><Error><Type>Sender</Type><Code>HostedZoneNotEmpty</Code><Message>no</Message></Error><RequestId>1</RequestId></ErrorResponse>"#;
        HttpResponse::new(400.try_into().expect("a status"), SdkBody::from(body))
    });
    let output = step(&[&made, &tags, &records(&[]), &full, &untagged(&[])], &[], true).await.expect("no failure");
    assert!(output.left[0].reason.contains("DNSSEC"), "{}", output.left[0].reason);
}

#[tokio::test]
async fn a_zone_that_somebody_else_made_is_let_go_and_stays() {
    let let_go = untagged(&[tags::DOMAIN, tags::STACK]);
    let registrars = zone("RISWorkflow-RD:0f6d0f1e", "HostedZone created by Route53 Registrar");
    assert!(step(&[&registrars, &tagged(Some("nameplate")), &let_go], &[], true).await.is_ok());
    assert_eq!(let_go.num_calls(), 2);
    for tags in [tagged(None), tagged(Some("another"))] {
        // No rule lets its tags be changed, or the zone be deleted.
        assert!(step(&[&registrars, &tags], &[], true).await.is_ok());
    }
    let commented = zone("by-hand", tags::ZONE_COMMENT);
    assert!(step(&[&commented, &tagged(Some("another"))], &[], true).await.is_ok());
}

#[tokio::test]
async fn a_zone_that_another_stack_has_taken_over_stays_although_we_made_it() {
    let made = zone(&zone_reference(INCARNATION, None), tags::ZONE_COMMENT);
    // No rule lets it be deleted, or its tags be changed.
    let output = step(&[&made, &tagged(Some("another"))], &[], true).await.expect("no failure");
    assert!(output.left[0].reason.contains("the stack another"), "{:?}", output.left);
}

#[tokio::test]
async fn a_zone_around_the_name_is_neither_deleted_nor_let_go() {
    let around = named("com.", &zone_reference(INCARNATION, None), tags::ZONE_COMMENT);
    // No rule lets anything be done to it.
    assert_eq!(step(&[&around, &tagged(Some("nameplate"))], &[], true).await, Ok(RetireStepOutput::default()));
}
