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
