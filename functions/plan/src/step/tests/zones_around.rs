//! Names below one that a registrar sells: which hosted zone around them is chosen, and what is refused.

use super::*;

const NAME: &str = "v1.acme.example.com";

/// A hosted zone with its NS records: the name of each and its server.
#[derive(Clone)]
struct Around {
    zone: HostedZone,
    cuts: Vec<(&'static str, &'static str)>,
}

fn around(id: &'static str, name: &'static str, cuts: &[(&'static str, &'static str)]) -> Around {
    Around { zone: zone(id, &format!("{name}."), false), cuts: cuts.to_vec() }
}

/// These zones exist, and an earlier run has left this item.
fn world(all: Vec<Around>, item: Option<Value>) -> World {
    let attributes = item.map(|known| HashMap::from([("known".to_owned(), text(known))]));
    let item = mock!(aws_sdk_dynamodb::Client::get_item)
        .then_output(move || GetItemOutput::builder().set_item(attributes.clone()).build());
    let (listed, read, recorded) = (all.clone(), all.clone(), all);
    let list = mock!(aws_sdk_route53::Client::list_hosted_zones_by_name).then_compute_output(move |call| {
        let name = call.dns_name().unwrap_or_default();
        let of_the_name = listed.iter().filter(|one| one.zone.name() == format!("{name}."));
        ListHostedZonesByNameOutput::builder()
            .set_hosted_zones(Some(of_the_name.map(|one| one.zone.clone()).collect()))
            .hosted_zones(zone("ZNEXT", "zzz.example.", false))
            .is_truncated(false)
            .max_items(100)
            .build()
            .expect("complete")
    });
    let get = mock!(aws_sdk_route53::Client::get_hosted_zone).then_compute_response(move |call| {
        let id = format!("/hostedzone/{}", call.id().unwrap_or_default());
        match read.iter().find(|one| one.zone.id() == id) {
            Some(one) => {
                let answer = GetHostedZoneOutput::builder().hosted_zone(one.zone.clone()).build();
                MockResponse::Output(answer)
            }
            None => MockResponse::Http(xml_error(404, "NoSuchHostedZone")),
        }
    });
    let records = mock!(aws_sdk_route53::Client::list_resource_record_sets).then_compute_response(move |call| {
        let id = format!("/hostedzone/{}", call.hosted_zone_id().unwrap_or_default());
        let Some(one) = recorded.iter().find(|one| one.zone.id() == id) else {
            return MockResponse::Http(xml_error(404, "NoSuchHostedZone"));
        };
        let asked = call.start_record_name().unwrap_or_default();
        let sets = one.cuts.iter().filter(|(name, _)| *name == asked);
        let sets = sets.map(|(name, server)| value_record(&format!("{name}."), RrType::Ns, &[*server]));
        MockResponse::Output(record_page(sets.collect(), None))
    });
    World::fresh()
        .without("GetDomainDetail")
        .with("GetItem", item)
        .with("ListHostedZonesByName", list)
        .with("GetHostedZone", get)
        .with("ListResourceRecordSets", records)
}

fn wish(zone: Option<&str>) -> Value {
    let mut wish = request();
    wish["domainName"] = json!(NAME);
    if let Some(zone) = zone {
        wish["hostedZone"] = json!(zone);
    }
    wish
}

/// The zone that is chosen.
async fn chosen(all: Vec<Around>, known: Option<Value>, named: Option<&str>) -> String {
    let plan = world(all, known).plan(wish(named)).await.expect("a plan");
    plan.enclosing_zone_id.expect("a zone")
}

async fn refusal(all: Vec<Around>, named: Option<&str>) -> (String, StepError) {
    let error = world(all, None).failure(wish(named)).await;
    assert_eq!(error.class, Class::Refused, "{error}");
    (error.code.clone(), error)
}

fn sold() -> Around {
    around("ZSOLD", "example.com", &[("example.com", "ns-sold")])
}

#[tokio::test]
async fn the_closest_zone_by_whole_labels_is_chosen() {
    for name in [NAME, "acme.example.com", "example.com"] {
        assert_eq!(chosen(vec![around("ZONE", name, &[])], None, None).await, "ZONE", "{name}");
    }
    let only_alike = vec![around("ZONE", "cme.example.com", &[]), around("ZTWO", "le.com", &[])];
    let (code, error) = refusal(only_alike, None).await;
    assert_eq!(code, "NoEnclosingZone");
    assert!(error.reason.contains("v1.acme.example.com or acme.example.com or example.com"), "{error}");
    assert!(error.remedy.contains("run example.com first"), "{error}");
}

#[tokio::test]
async fn private_zones_and_those_of_other_services_are_not_around_a_name() {
    let private = Around { zone: zone("ZPRIVATE", "acme.example.com.", true), cuts: Vec::new() };
    let mut linked = around("ZLINKED", "acme.example.com", &[]);
    linked.zone.linked_service = Some(aws_sdk_route53::types::LinkedService::builder().build());
    for hidden in [private, linked] {
        assert_eq!(chosen(vec![hidden.clone(), sold()], None, None).await, "ZSOLD");
        let id = hidden.zone.id().trim_start_matches("/hostedzone/").to_owned();
        assert_eq!(refusal(vec![hidden, sold()], Some(&id)).await.0, "NoEnclosingZone");
    }
}

#[tokio::test]
async fn a_closer_zone_counts_only_if_the_zone_around_it_leads_there() {
    let closer = around("ZCLOSE", "acme.example.com", &[("acme.example.com", "ns-close")]);
    let with_cut = |server| around("ZSOLD", "example.com", &[("acme.example.com", server)]);
    assert_eq!(chosen(vec![closer.clone(), with_cut("NS-Close.")], None, None).await, "ZCLOSE");
    for outer in [sold(), with_cut("ns-of-others")] {
        let (code, error) = refusal(vec![closer.clone(), outer.clone()], None).await;
        assert_eq!(code, "ClosestZoneNotDelegated");
        assert!(error.reason.contains("ZCLOSE of acme.example.com") && error.reason.contains("ZSOLD"), "{error}");
        for named in ["ZCLOSE", "acme.example.com"] {
            assert_eq!(chosen(vec![closer.clone(), outer.clone()], None, Some(named)).await, "ZCLOSE");
        }
        assert_eq!(chosen(vec![closer.clone(), outer], None, Some("example.com")).await, "ZSOLD");
    }
    // What lies between may be in another account.
    let far = around("ZFAR", NAME, &[(NAME, "ns-far")]);
    assert_eq!(chosen(vec![far.clone(), with_cut("ns-of-others")], None, None).await, "ZFAR");
    assert_eq!(refusal(vec![far, sold()], None).await.0, "ClosestZoneNotDelegated");
}

#[tokio::test]
async fn a_live_name_stays_in_its_zone_until_the_request_names_another() {
    let closer = around("ZCLOSE", "acme.example.com", &[("acme.example.com", "ns-close")]);
    let outer = around("ZSOLD", "example.com", &[("acme.example.com", "ns-close")]);
    let both = || vec![closer.clone(), outer.clone()];
    let known = |id: &str| Some(json!({"hostedZoneId": id}));
    assert_eq!(chosen(both(), known("ZSOLD"), None).await, "ZSOLD");
    assert_eq!(chosen(both(), known("ZSOLD"), Some("ZCLOSE")).await, "ZCLOSE");
    assert_eq!(chosen(both(), known("ZGONE"), None).await, "ZCLOSE");
    let elsewhere = around("ZOTHER", "example.net", &[]);
    assert_eq!(chosen(vec![elsewhere, outer.clone()], known("ZOTHER"), None).await, "ZSOLD");
}

#[tokio::test]
async fn a_named_zone_must_be_there_and_around_the_name() {
    let all = || vec![sold(), around("ZOTHER", "example.net", &[])];
    for named in ["ZSOLD", "example.com"] {
        assert_eq!(chosen(all(), None, Some(named)).await, "ZSOLD");
    }
    for named in ["ZOTHER", "ZGONE", "acme.example.com"] {
        let (code, error) = refusal(all(), Some(named)).await;
        assert_eq!(code, "NoEnclosingZone", "{named}");
        assert!(error.reason.contains(named), "{error}");
    }
}

#[tokio::test]
async fn of_several_zones_of_one_name_the_request_names_one_unless_a_run_has_used_one() {
    let all = || vec![sold(), around("ZTWO", "example.com", &[])];
    for named in [None, Some("example.com")] {
        let (code, error) = refusal(all(), named).await;
        assert_eq!(code, "SeveralZones");
        assert!(error.reason.contains("ZSOLD, ZTWO") && error.remedy.contains("hostedZone"), "{error}");
        assert_eq!(chosen(all(), Some(json!({"hostedZoneId": "ZTWO"})), named).await, "ZTWO");
    }
    assert_eq!(chosen(all(), None, Some("ZTWO")).await, "ZTWO");
}
