//! The step against a Route 53 that answers in memory.

use super::*;
use aws_sdk_route53::operation::change_tags_for_resource::ChangeTagsForResourceOutput;
use aws_sdk_route53::operation::create_hosted_zone::CreateHostedZoneOutput;
use aws_sdk_route53::operation::get_hosted_zone::GetHostedZoneOutput;
use aws_sdk_route53::operation::list_hosted_zones_by_name::ListHostedZonesByNameOutput;
use aws_sdk_route53::operation::list_tags_for_resource::ListTagsForResourceOutput;
use aws_sdk_route53::types::{DelegationSet, HostedZone, LinkedService, ResourceTagSet};
use aws_smithy_mocks::{Rule, RuleMode, mock, mock_client};
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::http::StatusCode;
use aws_smithy_types::body::SdkBody;
use nameplate::{Class, Request};
use serde_json::json;

const INCARNATION: &str = "arn:aws:states:us-east-1:123456789012:execution:provision:one";
const REGISTRAR: &str = "RISWorkflow-RD:0f6d0f1e-1111-4222-8333-444455556666";

fn input(name_servers: &[&str], bought: bool, hosted_zone_id: Option<&str>) -> CreateZoneInput {
    let request = json!({
        "domainName": "example.com",
        "api": {"routes": [{"route": "GET /", "url": "https://backend.example.net/"}]},
        "tags": {"team": "inference"}
    });
    CreateZoneInput {
        former_tags: Vec::new(),
        request: Request::parse(&request).expect("a valid request"),
        incarnation: INCARNATION.to_owned(),
        name_servers: name_servers.iter().map(|server| (*server).to_owned()).collect(),
        bought,
        hosted_zone_id: hosted_zone_id.map(str::to_owned),
        enclosing_zone_id: None,
    }
}

/// The four name servers of the zone that is numbered so.
fn servers(number: u8) -> Vec<String> {
    ["com", "net", "org", "co.uk"].iter().map(|tld| format!("ns-{number}.awsdns-0{number}.{tld}")).collect()
}

fn registry(number: u8) -> [String; 4] {
    // Another order, case and a dot: the registry's spelling is not Route 53's.
    let mut servers: [String; 4] = servers(number).try_into().expect("four");
    servers.reverse();
    servers[0] = format!("{}.", servers[0].to_uppercase());
    servers
}

fn held_here(number: u8, bought: bool, hosted_zone_id: Option<&str>) -> CreateZoneInput {
    input(&registry(number).each_ref().map(String::as_str), bought, hosted_zone_id)
}

fn held_elsewhere(hosted_zone_id: Option<&str>) -> CreateZoneInput {
    input(&[], false, hosted_zone_id)
}

fn zone(id: &str, reference: &str) -> HostedZone {
    named("example.com.", id, reference)
}

fn named(name: &str, id: &str, reference: &str) -> HostedZone {
    HostedZone::builder()
        .id(format!("/hostedzone/{id}"))
        .name(name)
        .caller_reference(reference)
        .config(HostedZoneConfig::builder().private_zone(false).build())
        .build()
        .expect("complete")
}

fn private(mut zone: HostedZone) -> HostedZone {
    zone.config = Some(HostedZoneConfig::builder().private_zone(true).build());
    zone
}

fn page(zones: Vec<HostedZone>, next: Option<(&str, &str)>) -> ListHostedZonesByNameOutput {
    ListHostedZonesByNameOutput::builder()
        .set_hosted_zones(Some(zones))
        .is_truncated(next.is_some())
        .set_next_dns_name(next.map(|(name, _)| name.to_owned()))
        .set_next_hosted_zone_id(next.map(|(_, id)| id.to_owned()))
        .max_items(100)
        .build()
        .expect("complete")
}

fn lists(zones: &[HostedZone]) -> Rule {
    let zones = zones.to_vec();
    mock!(Client::list_hosted_zones_by_name)
        .match_requests(|request| request.dns_name() == Some("example.com"))
        .then_output(move || page(zones.clone(), None))
}

fn reads(zone: &HostedZone, number: u8) -> Rule {
    let zone = zone.clone();
    let id = zone.id().trim_start_matches("/hostedzone/").to_owned();
    let set = DelegationSet::builder().set_name_servers(Some(servers(number))).build().expect("complete");
    mock!(Client::get_hosted_zone).match_requests(move |request| request.id() == Some(id.as_str())).then_output(
        move || GetHostedZoneOutput::builder().hosted_zone(zone.clone()).delegation_set(set.clone()).build(),
    )
}

fn tag(key: &str, value: &str) -> Tag {
    Tag::builder().key(key).value(value).build()
}

fn all_tags() -> Vec<Tag> {
    vec![tag("nameplate:domain", "example.com"), tag("nameplate:stack", "nameplate"), tag("team", "inference")]
}

fn has_tags(id: &'static str, tags: Vec<Tag>) -> Rule {
    mock!(Client::list_tags_for_resource)
        .match_requests(move |request| {
            request.resource_id() == Some(id) && request.resource_type() == Some(&TagResourceType::Hostedzone)
        })
        .then_output(move || {
            let set = ResourceTagSet::builder().set_tags(Some(tags.clone())).build();
            ListTagsForResourceOutput::builder().resource_tag_set(set).build()
        })
}

/// Takes exactly these tags, keys in order, on exactly this zone.
fn takes_tags(id: &'static str, keys: &'static [&'static str]) -> Rule {
    mock!(Client::change_tags_for_resource)
        .match_requests(move |request| {
            let added: Vec<&str> = request.add_tags().iter().filter_map(Tag::key).collect();
            request.resource_id() == Some(id) && added == keys && request.remove_tag_keys().is_empty()
        })
        .then_output(|| ChangeTagsForResourceOutput::builder().build())
}

fn made(id: &str, number: u8) -> CreateHostedZoneOutput {
    let set = DelegationSet::builder().set_name_servers(Some(servers(number))).build().expect("complete");
    CreateHostedZoneOutput::builder()
        .hosted_zone(zone(id, &reference(None)))
        .delegation_set(set)
        .location("https://route53.amazonaws.com/2013-04-01/hostedzone/Z1")
        .build()
        .expect("complete")
}

fn reference(gone: Option<&str>) -> String {
    zone_reference(INCARNATION, gone)
}

/// An error as Route 53 writes it.
fn refusal(status: u16, code: &str) -> HttpResponse {
    let body = format!(
        "<?xml version=\"1.0\"?>\n<ErrorResponse xmlns=\"https://route53.amazonaws.com/doc/2013-04-01/\"><Error><Type>Sender</Type><Code>{code}</Code><Message>because</Message></Error><RequestId>r</RequestId></ErrorResponse>"
    );
    HttpResponse::new(StatusCode::try_from(status).expect("a status"), SdkBody::from(body))
}

async fn go(rules: &[&Rule], input: CreateZoneInput) -> Result<CreateZoneOutput, StepError> {
    let route53 = mock_client!(aws_sdk_route53, RuleMode::MatchAny, rules);
    run(&Clients { route53 }, &Settings { stack: "nameplate".to_owned() }, input).await
}

const ALL_KEYS: &[&str] = &["nameplate:domain", "nameplate:stack", "team"];

// A name that is registered in this account.

#[tokio::test]
async fn the_registrars_only_zone_of_a_name_just_bought_is_taken_with_two_calls() {
    let (list, tags) = (lists(&[zone("Z1", REGISTRAR)]), takes_tags("Z1", ALL_KEYS));
    let output = go(&[&list, &tags], held_here(1, true, None)).await.expect("found");
    assert_eq!(output.hosted_zone_id, "Z1");
    assert_eq!(output.name_servers, server_set(servers(1)));
    assert!(output.actions.is_empty());
    assert_eq!((list.num_calls(), tags.num_calls()), (1, 1));
}

#[tokio::test]
async fn the_zone_that_the_registry_delegates_to_is_adopted_among_several() {
    let (dead, alive) = (zone("Z1", REGISTRAR), zone("Z2", "made by hand"));
    let list = lists(&[dead.clone(), alive.clone()]);
    let (read_dead, read_alive) = (reads(&dead, 1), reads(&alive, 2));
    let (present, tags) = (has_tags("Z2", vec![tag("team", "inference")]), takes_tags("Z2", &ALL_KEYS[..2]));
    for bought in [true, false] {
        let rules = [&list, &read_dead, &read_alive, &present, &tags];
        let output = go(&rules, held_here(2, bought, None)).await.expect("found");
        assert_eq!(output.hosted_zone_id, "Z2");
    }
    assert_eq!(tags.num_calls(), 2);
}

#[tokio::test]
async fn zones_that_are_private_or_linked_or_of_another_name_are_passed_over() {
    let mut linked = zone("Z3", "linked");
    linked.linked_service = Some(LinkedService::builder().service_principal("x.amazonaws.com").build());
    let list = lists(&[
        private(zone("Z1", REGISTRAR)),
        linked,
        zone("Z4", REGISTRAR),
        named("example.com.evil.", "Z5", REGISTRAR),
    ]);
    let tags = takes_tags("Z4", ALL_KEYS);
    let output = go(&[&list, &tags], held_here(1, true, None)).await.expect("found");
    assert_eq!(output.hosted_zone_id, "Z4");
}

#[tokio::test]
async fn pages_are_followed_while_the_name_is_the_same_and_no_further() {
    let first = mock!(Client::list_hosted_zones_by_name)
        .match_requests(|request| request.hosted_zone_id().is_none())
        .then_output(|| page(vec![private(zone("Z1", "a"))], Some(("example.com.", "Z2"))));
    let second = mock!(Client::list_hosted_zones_by_name)
        .match_requests(|request| request.hosted_zone_id() == Some("Z2"))
        .then_output(|| page(vec![zone("Z2", REGISTRAR)], Some(("a.example.com.", "Z3"))));
    let tags = takes_tags("Z2", ALL_KEYS);
    let output = go(&[&first, &second, &tags], held_here(1, true, None)).await.expect("found");
    assert_eq!(output.hosted_zone_id, "Z2");
    assert_eq!((first.num_calls(), second.num_calls()), (1, 1));
}

#[tokio::test]
async fn a_second_run_reads_the_known_zone_and_writes_nothing() {
    let (read, present) = (reads(&zone("Z1", REGISTRAR), 1), has_tags("Z1", all_tags()));
    let output = go(&[&read, &present], held_here(1, true, Some("Z1"))).await.expect("found");
    assert_eq!(output.hosted_zone_id, "Z1");
    assert_eq!(output.name_servers, server_set(servers(1)));
    assert_eq!(read.num_calls(), 1);
}

#[tokio::test]
async fn the_known_zone_gets_the_tags_of_the_request_and_loses_those_of_an_earlier_one() {
    let mut present = all_tags();
    present.pop();
    present.extend([tag("cost", "1"), tag("theirs", "x")]);
    let (read, present) = (reads(&zone("Z1", REGISTRAR), 1), has_tags("Z1", present));
    let change = mock!(Client::change_tags_for_resource)
        .match_requests(|request| {
            let added: Vec<&str> = request.add_tags().iter().filter_map(Tag::key).collect();
            added == ["team"] && request.remove_tag_keys() == ["cost"]
        })
        .then_output(|| ChangeTagsForResourceOutput::builder().build());
    let former = vec!["cost".to_owned(), "gone".to_owned()];
    let wish = CreateZoneInput { former_tags: former, ..held_here(1, true, Some("Z1")) };
    go(&[&read, &present, &change], wish).await.expect("found");
    assert_eq!(change.num_calls(), 1);
}

#[tokio::test]
async fn a_known_zone_that_the_registry_left_is_given_up_for_the_live_one() {
    let (old, alive) = (zone("Z1", REGISTRAR), zone("Z2", "made by hand"));
    let list = lists(&[old.clone(), alive.clone()]);
    let (read_old, read_alive) = (reads(&old, 1), reads(&alive, 2));
    let present = has_tags("Z2", all_tags());
    let rules = [&list, &read_old, &read_alive, &present];
    let output = go(&rules, held_here(2, true, Some("Z1"))).await.expect("found");
    assert_eq!(output.hosted_zone_id, "Z2");
}

#[tokio::test]
async fn the_registrars_zone_is_not_trusted_blindly_once_a_zone_was_known() {
    let marked = zone("Z1", REGISTRAR);
    let (list, read) = (lists(std::slice::from_ref(&marked)), reads(&marked, 1));
    let error = go(&[&list, &read], held_here(2, true, Some("Z1"))).await.expect_err("dead zone");
    assert_eq!((error.class, error.code.as_str()), (Class::Refused, "DelegationElsewhere"));
}

#[tokio::test]
async fn a_registrars_zone_that_is_not_listed_yet_is_waited_for() {
    let by_hand = zone("Z9", "made by hand");
    for zones in [vec![], vec![by_hand.clone()]] {
        let (list, read) = (lists(&zones), reads(&by_hand, 9));
        let error = go(&[&list, &read], held_here(1, true, None)).await.expect_err("not there");
        assert_eq!((error.class, error.code.as_str()), (Class::NotReady, "HostedZoneNotListed"));
    }
}

#[tokio::test]
async fn a_delegation_to_no_zone_of_the_account_is_refused_with_servers_zones_and_command() {
    let dead = zone("Z1", "made by hand");
    let (list, read) = (lists(std::slice::from_ref(&dead)), reads(&dead, 1));
    let error = go(&[&list, &read], held_here(2, false, None)).await.expect_err("elsewhere");
    assert_eq!((error.class, error.code.as_str()), (Class::Refused, "DelegationElsewhere"));
    assert!(error.reason.contains("ns-2.awsdns-02.org") && error.reason.contains("Z1 with ns-1."), "{error}");
    let command = "aws route53domains update-domain-nameservers --region us-east-1 --domain-name example.com --nameservers Name=ns-1.";
    assert!(error.remedy.contains(command), "{error}");
    assert!(error.remedy.contains(r#""nameServers": "correct""#), "{error}");
}

#[tokio::test]
async fn a_second_zone_is_never_made_for_a_name_that_is_delegated_elsewhere() {
    let list = lists(&[]);
    let error = go(&[&list], held_here(2, false, None)).await.expect_err("elsewhere");
    assert_eq!((error.class, error.code.as_str()), (Class::Refused, "DelegationElsewhere"));
    assert!(error.reason.contains("zones found: none"), "{error}");
}

#[tokio::test]
async fn the_live_zone_of_another_stack_is_refused_and_not_touched() {
    let alive = zone("Z1", "other");
    let (list, read) = (lists(std::slice::from_ref(&alive)), reads(&alive, 1));
    let present = has_tags("Z1", vec![tag("nameplate:stack", "other-stack")]);
    let error = go(&[&list, &read, &present], held_here(1, false, None)).await.expect_err("foreign");
    assert_eq!((error.class, error.code.as_str()), (Class::Refused, "OtherStack"));
    assert!(error.reason.contains("Z1") && error.reason.contains("other-stack"), "{error}");
}

// A delegation that the request wants corrected.

fn to_correct(hosted_zone_id: Option<&str>) -> CreateZoneInput {
    let mut input = held_here(2, false, hosted_zone_id);
    input.request.name_servers = NameServers::Correct;
    input
}

#[tokio::test]
async fn the_zone_to_correct_the_delegation_to_is_ours_or_the_only_one_and_is_no_action_of_a_person() {
    let (other, ours) = (zone("Z1", "a"), zone("Z3", "b"));
    let (read_other, read_ours) = (reads(&other, 1), reads(&ours, 3));
    let (theirs, present) = (has_tags("Z1", vec![]), has_tags("Z3", all_tags()));
    let several = lists(&[other, ours.clone()]);
    let rules = [&several, &read_other, &read_ours, &theirs, &present];
    // A second run finds the zone that it knows undelegated, and looks again.
    for known in [None, Some("Z3")] {
        let output = go(&rules, to_correct(known)).await.expect("found");
        assert_eq!((output.hosted_zone_id.as_str(), output.delegated), ("Z3", false));
        assert!(output.actions.is_empty());
    }
    let (only, tags) = (lists(std::slice::from_ref(&ours)), takes_tags("Z3", ALL_KEYS));
    let bare = has_tags("Z3", vec![]);
    let output = go(&[&only, &read_ours, &bare, &tags], to_correct(None)).await.expect("adopted");
    assert_eq!((output.hosted_zone_id.as_str(), output.delegated), ("Z3", false));
}

#[tokio::test]
async fn a_zone_is_made_to_correct_the_delegation_to_when_there_is_none() {
    let create = mock!(Client::create_hosted_zone).then_output(|| made("Z1", 1));
    let tags = takes_tags("Z1", ALL_KEYS);
    let output = go(&[&lists(&[]), &create, &tags], to_correct(None)).await.expect("made");
    assert_eq!((output.hosted_zone_id.as_str(), output.delegated), ("Z1", false));
    assert_eq!(output.name_servers, server_set(servers(1)));
}

#[tokio::test]
async fn a_right_delegation_is_left_alone_although_it_may_be_corrected() {
    let alive = zone("Z2", "made by hand");
    let (list, read, present) = (lists(std::slice::from_ref(&alive)), reads(&alive, 2), has_tags("Z2", all_tags()));
    let output = go(&[&list, &read, &present], to_correct(None)).await.expect("found");
    assert!(output.delegated);
}

#[tokio::test]
async fn no_delegation_is_corrected_to_another_stacks_zone_or_to_one_of_several() {
    let (first, second) = (zone("Z1", "a"), zone("Z3", "b"));
    let (read_first, read_second) = (reads(&first, 1), reads(&second, 3));
    let foreign = has_tags("Z1", vec![tag("nameplate:stack", "other-stack")]);
    let only = lists(std::slice::from_ref(&first));
    let error = go(&[&only, &read_first, &foreign], to_correct(None)).await.expect_err("foreign");
    assert_eq!((error.class, error.code.as_str()), (Class::Refused, "OtherStack"));
    let both = lists(&[first, second]);
    let (bare_first, bare_second) = (has_tags("Z1", vec![]), has_tags("Z3", vec![]));
    let rules = [&both, &read_first, &read_second, &bare_first, &bare_second];
    let error = go(&rules, to_correct(None)).await.expect_err("ambiguous");
    assert_eq!((error.class, error.code.as_str()), (Class::Refused, "SeveralZones"));
}

// A name below one that a registrar sells.

fn below() -> CreateZoneInput {
    let mut input = held_elsewhere(None);
    input.request.domain_name = "v1.acme.example.com".parse().expect("a name");
    input.enclosing_zone_id = Some("Z1".to_owned());
    input
}

#[tokio::test]
async fn the_zone_around_a_name_is_used_and_nothing_is_written() {
    for name in ["v1.acme.example.com", "acme.example.com", "example.com"] {
        let read = reads(&named(&format!("{name}."), "Z1", "made by hand"), 1);
        let output = go(&[&read], below()).await.expect("found");
        assert_eq!((output.hosted_zone_id.as_str(), output.zone_owned, output.delegated), ("Z1", false, true));
        assert_eq!((output.name_servers, output.actions), (server_set(servers(1)), Vec::new()));
    }
}

#[tokio::test]
async fn a_zone_around_a_name_that_is_none_any_more_is_refused() {
    let elsewhere = reads(&named("example.net.", "Z1", "x"), 1);
    let hidden = reads(&private(zone("Z1", "x")), 1);
    let gone = mock!(Client::get_hosted_zone).then_http_response(|| refusal(404, "NoSuchHostedZone"));
    for rule in [&elsewhere, &hidden, &gone] {
        let error = go(&[rule], below()).await.expect_err("not around");
        assert_eq!((error.class, error.code.as_str()), (Class::Refused, "NoEnclosingZone"));
    }
}

// A name that another registrar or account holds.

#[tokio::test]
async fn a_zone_is_made_when_there_is_none_and_the_person_is_told_its_servers() {
    let list = lists(&[]);
    let create = mock!(Client::create_hosted_zone)
        .match_requests(|request| {
            let comment = request.hosted_zone_config().and_then(HostedZoneConfig::comment);
            request.name() == Some("example.com")
                && request.caller_reference() == Some(zone_reference(INCARNATION, None).as_str())
                && comment == Some("Made by Nameplate")
        })
        .then_output(|| made("Z1", 1));
    let tags = takes_tags("Z1", ALL_KEYS);
    let output = go(&[&list, &create, &tags], held_elsewhere(None)).await.expect("made");
    assert_eq!(output.hosted_zone_id, "Z1");
    assert_eq!(
        output.actions,
        ["Set these name servers for example.com at its registrar: \
              ns-1.awsdns-01.co.uk, ns-1.awsdns-01.com, ns-1.awsdns-01.net, ns-1.awsdns-01.org"]
    );
    assert_eq!((create.num_calls(), tags.num_calls()), (1, 1));
}

#[tokio::test]
async fn the_zone_that_is_ours_by_tag_is_taken_among_several() {
    let (other, ours) = (zone("Z1", "a"), zone("Z2", "b"));
    let (list, read) = (lists(&[other, ours.clone()]), reads(&ours, 2));
    let (theirs, present) = (has_tags("Z1", vec![]), has_tags("Z2", all_tags()));
    let output = go(&[&list, &read, &theirs, &present], held_elsewhere(None)).await.expect("found");
    assert_eq!(output.hosted_zone_id, "Z2");
    assert_eq!(output.actions.len(), 1);
}

#[tokio::test]
async fn the_only_zone_is_adopted_whoever_made_it_and_gets_the_missing_tags() {
    let only = zone("Z1", "made by hand");
    let (list, read) = (lists(std::slice::from_ref(&only)), reads(&only, 1));
    let (present, tags) = (has_tags("Z1", vec![tag("team", "other")]), takes_tags("Z1", ALL_KEYS));
    let output = go(&[&list, &read, &present, &tags], held_elsewhere(None)).await.expect("adopted");
    assert_eq!(output.hosted_zone_id, "Z1");
    assert_eq!(tags.num_calls(), 1);
}

#[tokio::test]
async fn the_only_zone_of_another_stack_is_refused() {
    let (list, present) = (lists(&[zone("Z1", "x")]), has_tags("Z1", vec![tag("nameplate:stack", "other")]));
    let read = reads(&zone("Z1", "x"), 1);
    let error = go(&[&list, &present, &read], held_elsewhere(None)).await.expect_err("foreign");
    assert_eq!((error.class, error.code.as_str()), (Class::Refused, "OtherStack"));
    let mut wish = held_elsewhere(None);
    wish.request.adopt = true;
    let takes = takes_tags("Z1", ALL_KEYS);
    let output = go(&[&list, &present, &read, &takes], wish).await.expect("taken over");
    assert_eq!((output.hosted_zone_id.as_str(), takes.num_calls()), ("Z1", 1));
}

#[tokio::test]
async fn several_zones_and_none_ours_are_refused_by_name() {
    let list = lists(&[zone("Z1", "a"), zone("Z2", "b")]);
    let (first, second) = (has_tags("Z1", vec![]), has_tags("Z2", vec![]));
    let error = go(&[&list, &first, &second], held_elsewhere(None)).await.expect_err("ambiguous");
    assert_eq!((error.class, error.code.as_str()), (Class::Refused, "SeveralZones"));
    assert!(error.reason.contains("Z1, Z2"), "{error}");
}

#[tokio::test]
async fn a_zone_that_lost_its_tags_to_a_crash_is_known_by_its_reference() {
    let (other, ours) = (zone("Z1", "a"), zone("Z2", &reference(None)));
    let (list, read) = (lists(&[other, ours.clone()]), reads(&ours, 2));
    let (theirs, present, tags) = (has_tags("Z1", vec![]), has_tags("Z2", vec![]), takes_tags("Z2", ALL_KEYS));
    let output = go(&[&list, &read, &theirs, &present, &tags], held_elsewhere(None)).await.expect("found");
    assert_eq!(output.hosted_zone_id, "Z2");
}

#[tokio::test]
async fn a_second_run_on_a_name_held_elsewhere_changes_nothing() {
    let (read, present) = (reads(&zone("Z1", "made by hand"), 1), has_tags("Z1", all_tags()));
    let output = go(&[&read, &present], held_elsewhere(Some("Z1"))).await.expect("found");
    assert_eq!((output.hosted_zone_id.as_str(), output.actions.len()), ("Z1", 1));
    assert_eq!(read.num_calls(), 1);
}

#[tokio::test]
async fn a_known_zone_that_is_private_or_of_another_name_is_not_used() {
    for known in [private(zone("Z1", "x")), named("example.net.", "Z1", "x")] {
        let right = zone("Z2", "made by hand");
        let (read_known, read_right) = (reads(&known, 1), reads(&right, 2));
        let (list, present) = (lists(&[right]), has_tags("Z2", all_tags()));
        let rules = [&read_known, &list, &present, &read_right];
        let output = go(&rules, held_elsewhere(Some("Z1"))).await.expect("found");
        assert_eq!(output.hosted_zone_id, "Z2");
    }
}

#[tokio::test]
async fn a_zone_that_is_gone_is_made_anew_under_another_reference() {
    let gone = mock!(Client::get_hosted_zone).then_http_response(|| refusal(404, "NoSuchHostedZone"));
    let list = lists(&[]);
    let create = mock!(Client::create_hosted_zone)
        .match_requests(|request| request.caller_reference() == Some(reference(Some("Z1")).as_str()))
        .then_output(|| made("Z2", 2));
    let tags = takes_tags("Z2", ALL_KEYS);
    let output = go(&[&gone, &list, &create, &tags], held_elsewhere(Some("Z1"))).await.expect("made");
    assert_eq!(output.hosted_zone_id, "Z2");
    assert_ne!(reference(None), reference(Some("Z1")));
}

#[tokio::test]
async fn no_zone_is_made_for_a_name_just_bought_whose_servers_are_not_known() {
    let list = lists(&[]);
    let error = go(&[&list], input(&[], true, None)).await.expect_err("wait");
    assert_eq!(error.class, Class::NotReady);
}

// Answers that mean something special.

#[tokio::test]
async fn a_reference_that_is_taken_finds_the_zone_of_the_lost_answer() {
    let ours = zone("Z1", &reference(None));
    let found = ours.clone();
    let list = mock!(Client::list_hosted_zones_by_name)
        .sequence()
        .output(|| page(vec![], None))
        .output(move || page(vec![zone("Z7", "else"), found.clone()], None))
        .build();
    let create = mock!(Client::create_hosted_zone).then_http_response(|| refusal(409, "HostedZoneAlreadyExists"));
    let (present, read, tags) = (has_tags("Z1", vec![]), reads(&ours, 1), takes_tags("Z1", ALL_KEYS));
    let output = go(&[&list, &create, &present, &read, &tags], held_elsewhere(None)).await.expect("found");
    assert_eq!(output.hosted_zone_id, "Z1");
    assert_eq!((create.num_calls(), list.num_calls()), (1, 2));
}

#[tokio::test]
async fn a_reference_that_is_taken_by_a_zone_not_listed_yet_is_not_ready() {
    let list = lists(&[]);
    let create = mock!(Client::create_hosted_zone).then_http_response(|| refusal(409, "HostedZoneAlreadyExists"));
    let error = go(&[&list, &create], held_elsewhere(None)).await.expect_err("not listed");
    assert_eq!((error.class, error.code.as_str()), (Class::NotReady, "HostedZoneNotVisible"));
}

#[tokio::test]
async fn quota_and_conflicts_of_a_new_zone_are_failures_with_a_remedy_of_their_own() {
    for (code, word) in [
        ("TooManyHostedZones", "quota"),
        ("DelegationSetNotAvailable", "Support"),
        ("ConflictingDomainExists", "name servers"),
    ] {
        let list = lists(&[]);
        let create = mock!(Client::create_hosted_zone).then_http_response(move || refusal(400, code));
        let error = go(&[&list, &create], held_elsewhere(None)).await.expect_err(code);
        assert_eq!((error.class, error.code.as_str()), (Class::Failed, code));
        assert!(error.remedy.contains(word), "{error}");
        assert_eq!(create.num_calls(), 1);
    }
}

#[tokio::test]
async fn a_zone_too_young_to_be_tagged_is_not_ready() {
    let list = lists(&[zone("Z1", REGISTRAR)]);
    let tags = mock!(Client::change_tags_for_resource).then_http_response(|| refusal(404, "NoSuchHostedZone"));
    let error = go(&[&list, &tags], held_here(1, true, None)).await.expect_err("young");
    assert_eq!((error.class, error.code.as_str()), (Class::NotReady, "HostedZoneNotVisible"));
}

#[tokio::test(start_paused = true)]
async fn throttling_outlasts_the_sdk_and_is_retryable() {
    let list = mock!(Client::list_hosted_zones_by_name).then_http_response(|| refusal(400, "Throttling"));
    let error = go(&[&list], held_here(1, true, None)).await.expect_err("throttled");
    assert_eq!((error.class, error.code.as_str()), (Class::Retryable, "Throttling"));
    assert_eq!(list.num_calls(), 3);
}

#[tokio::test]
async fn a_missing_permission_is_a_failure() {
    let read = mock!(Client::get_hosted_zone).then_http_response(|| refusal(403, "AccessDenied"));
    let error = go(&[&read], held_here(1, true, Some("Z1"))).await.expect_err("denied");
    assert_eq!((error.class, error.code.as_str()), (Class::Failed, "AccessDenied"));
    assert_eq!(read.num_calls(), 1);
}
