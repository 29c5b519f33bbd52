//! Names that a registrar sells: which of their hosted zones is looked at, and what is refused before anything is made.

use super::*;

const ELSEWHERE: [&str; 2] = ["ns-8.example.org", "ns-9.example.org"];

fn both() -> Rule {
    zones(vec![zone("ZDEAD", "example.com.", false), zone("ZONE", "example.com.", false)])
}

/// The tags of two zones; the second is ours.
fn tags_of_both() -> Rule {
    mock!(aws_sdk_route53::Client::list_tags_for_resource).then_compute_output(|call| {
        let pairs = [(tags::DOMAIN, "example.com"), (tags::STACK, "nameplate")];
        let tags = pairs.map(|(key, value)| Tag::builder().key(key).value(value).build()).to_vec();
        let set = ResourceTagSet::builder().set_tags((call.resource_id() == Some("ZONE")).then_some(tags));
        ListTagsForResourceOutput::builder().resource_tag_set(set.build()).build()
    })
}

fn zone_line(plan: &PlanOutput) -> String {
    lines(plan).into_iter().find(|(resource, ..)| resource == "hosted zone").expect("a line").2
}

#[tokio::test]
async fn of_several_zones_the_one_that_the_registry_names_counts() {
    let world = World::fresh()
        .with("GetDomainDetail", registered(&SERVERS))
        .with("ListHostedZonesByName", both())
        .with("GetHostedZone", served(&[("ZDEAD", ELSEWHERE), ("ZONE", SERVERS)]));
    let plan = world.plan(dry(request())).await.expect("a plan");
    assert_eq!(zone_line(&plan), "ZONE");
    assert!(!lines(&plan).iter().any(|(resource, ..)| resource == "name servers"), "{:?}", lines(&plan));
}

#[tokio::test]
async fn a_registry_that_moves_to_a_zone_that_no_run_has_used_has_that_one_looked_at() {
    let theirs = alias_at("api.example.com.", RrType::A, "elsewhere.example.net");
    let world = World::changed()
        .with("GetDomainDetail", registered(&ELSEWHERE))
        .with("GetApis", apis(vec![api("api-1", our_tags())]))
        .with("GetStage", stage(None))
        .with("ListCertificates", certificates(vec![]))
        .with(
            "ListHostedZonesByName",
            zones(vec![zone("ZONE", "example.com.", false), zone("ZNEW", "example.com.", false)]),
        )
        .with("GetHostedZone", served(&[("ZONE", SERVERS), ("ZNEW", ELSEWHERE)]))
        .with("ListResourceRecordSets", records_in(&[("ZONE", all_records()), ("ZNEW", vec![theirs])]));
    let refused = world.failure(request()).await;
    assert_eq!(refused.code, "RecordNotOurs", "{refused}");
    assert_eq!(world.rules["GetHostedZone"].num_calls(), 2, "each zone is read once");
    let mut wish = request();
    wish["adopt"] = json!(true);
    let plan = world.plan(dry(wish)).await.expect("a plan");
    assert_eq!(zone_line(&plan), "ZNEW");
    assert!(plan.left_behind.iter().any(|said| said.contains("hosted zone ZONE")), "{:?}", plan.left_behind);
}

#[tokio::test]
async fn a_registry_that_names_no_zone_is_refused_before_anything_is_made() {
    let world = |listed: Rule| {
        World::fresh().with("GetDomainDetail", registered(&ELSEWHERE)).with("ListHostedZonesByName", listed)
    };
    for listed in [|| zones(vec![]), || zones(vec![zone("ZONE", "example.com.", false)])] {
        let refused = world(listed()).failure(request()).await;
        assert_eq!((refused.class, refused.code.as_str()), (Class::Refused, "DelegationElsewhere"), "{refused}");
        assert!(refused.reason.contains(ELSEWHERE[0]), "{refused}");
        let mut wish = request();
        wish["nameServers"] = json!("correct");
        assert!(world(listed()).plan(wish).await.is_ok());
    }
    // A live name stops answering with its delegation.
    for servers in [&["ns-1.example.org", "ns-9.example.org"][..], &["ns-1.example.org"]] {
        let refused = World::changed().with("GetDomainDetail", registered(servers)).failure(request()).await;
        assert_eq!(refused.code, "DelegationElsewhere", "{refused}");
    }
}

#[tokio::test]
async fn the_zone_of_a_name_that_was_just_bought_may_be_on_its_way() {
    let begun = || {
        let intent = ("purchaseIntent".to_owned(), AttributeValue::N("1".to_owned()));
        item(Some(HashMap::from([("id".to_owned(), text("domain#example.com")), intent])))
    };
    // The only zone there is is an old one, whose records do not count.
    let theirs = alias_at("api.example.com.", RrType::A, "elsewhere.example.net");
    for registry in [registered(&ELSEWHERE), registered(&[]), not_registered()] {
        let world = World::fresh()
            .with("GetItem", begun())
            .with("GetDomainDetail", registry)
            .with("ListHostedZonesByName", zones(vec![zone("ZONE", "example.com.", false)]))
            .with("ListResourceRecordSets", records(vec![theirs.clone()]));
        let plan = world.plan(purchase()).await;
        assert!(plan.is_ok(), "{plan:?}");
    }
}

#[tokio::test]
async fn of_several_zones_of_a_name_held_elsewhere_ours_by_tag_counts_and_without_one_all_are_refused() {
    let world = World::fresh().with("ListHostedZonesByName", both()).with("ListTagsForResource", tags_of_both());
    assert_eq!(zone_line(&world.plan(dry(request())).await.expect("a plan")), "ZONE");
    let world = World::fresh().with("ListHostedZonesByName", both()).with("ListTagsForResource", zone_tags(None));
    for wish in [request(), dry(request())] {
        let refused = world.failure(wish).await;
        assert_eq!((refused.class, refused.code.as_str()), (Class::Refused, "SeveralZones"), "{refused}");
        assert!(refused.reason.contains("ZDEAD, ZONE"), "{refused}");
    }
}

#[tokio::test]
async fn a_recorded_zone_that_is_gone_is_looked_for_anew() {
    let theirs = alias_at("api.example.com.", RrType::A, "elsewhere.example.net");
    let world = World::changed()
        .with("GetDomainDetail", not_registered())
        .with("ListHostedZonesByName", zones(vec![zone("ZNEW", "example.com.", false)]))
        .with("GetHostedZone", served(&[("ZNEW", SERVERS)]))
        .with("ListResourceRecordSets", records_in(&[("ZNEW", vec![theirs])]));
    let refused = world.failure(request()).await;
    assert_eq!(refused.code, "RecordNotOurs", "{refused}");
    let none = world
        .with("ListHostedZonesByName", zones(vec![]))
        .with("GetApis", apis(vec![api("api-1", our_tags())]))
        .with("GetStage", stage(None))
        .with("ListCertificates", certificates(vec![]));
    let plan = none.plan(dry(request())).await.expect("a plan");
    assert!(plan.report.lines.iter().any(|line| line == "+ hosted zone example.com"), "{:#?}", plan.report.lines);
}

#[tokio::test]
async fn whatever_zones_there_are_the_registrar_makes_that_of_a_name_that_is_bought() {
    let world = World::fresh().with("ListHostedZonesByName", both());
    let plan = world.plan(dry(purchase())).await.expect("a plan");
    assert_eq!((zone_line(&plan), plan.quote.is_some()), ("example.com".to_owned(), true));
}

#[tokio::test]
async fn a_signed_name_is_not_pointed_to_a_zone_that_does_not_sign() {
    let signed = mock!(aws_sdk_route53domains::Client::get_domain_detail).then_output(|| {
        let servers = ELSEWHERE.map(|name| Nameserver::builder().name(name).build().expect("complete"));
        let key = aws_sdk_route53domains::types::DnssecKey::builder().id("1").build();
        GetDomainDetailOutput::builder().set_nameservers(Some(servers.to_vec())).dnssec_keys(key).build()
    });
    let world = World::fresh().with("GetDomainDetail", signed);
    let mut wish = request();
    wish["nameServers"] = json!("correct");
    for wish in [wish.clone(), dry(wish)] {
        let refused = world.failure(wish).await;
        assert_eq!((refused.class, refused.code.as_str()), (Class::Refused, "DnssecAtRegistry"), "{refused}");
    }
}

#[tokio::test]
async fn a_registration_that_another_stack_bought_is_taken_over_only_on_request_and_told_once() {
    let world = |stack| {
        World::fresh()
            .with("GetDomainDetail", registered(&SERVERS))
            .with("ListHostedZonesByName", zones(vec![zone("ZONE", "example.com.", false)]))
            .with("ListTagsForDomain", bought_by(stack))
    };
    let refused = world(Some("other")).failure(request()).await;
    assert_eq!((refused.class, refused.code.as_str()), (Class::Refused, "OtherStack"), "{refused}");
    assert!(refused.reason.contains("registration example.com"), "{refused}");
    let mut wish = request();
    wish["adopt"] = json!(true);
    let adopted = world(Some("other")).plan(wish).await.expect("a plan").adopted;
    assert_eq!(adopted.iter().map(|thing| thing.resource.as_str()).collect::<Vec<_>>(), ["registration"]);
    for stack in [None, Some("nameplate")] {
        assert_eq!(world(stack).plan(request()).await.expect("a plan").adopted, []);
    }
    // Where the name is live it is no question any more.
    let live = World::changed().with("ListTagsForDomain", bought_by(Some("other")));
    let mut wish = request();
    wish["tags"] = json!({"cost": "1"});
    let plan = live.plan(wish).await.expect("a plan");
    assert_eq!((plan.result, plan.adopted), (None, vec![]));
}
