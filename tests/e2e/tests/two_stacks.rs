//! Two stacks of the one template in one account: neither takes the other's things for its own, and a name goes over only
//! on request.

use e2e::{Backend, SecondStack, World, named, request, traces_of_ours};
use serde_json::json;

#[tokio::test]
async fn neither_stack_touches_a_name_of_the_other_until_it_is_told_to() {
    let (one, backend) = (World::deployed(), Backend::start().await);
    let (domain, host) = ("two-stacks.com", "api.two-stacks.com");
    let second = SecondStack::made(&one, "nameplate-two").await;
    let two = &second.world;
    assert_ne!(one.stack(), two.stack());
    let wish = request(domain, &backend.url("/models"));
    let live = one.run(&wish).await.live();
    let zone = live["hostedZoneId"].as_str().expect("a zone");

    let before = one.calls_so_far().await;
    for adopt in [false, true] {
        let refused = two.retire(domain, &json!({"acceptDelegated": adopt})).await;
        assert_eq!((refused.error.as_str(), &refused.cause["code"]), ("Nameplate.Refused", &json!("UnknownDomain")));
    }
    let refused = two.run(&wish).await;
    assert_eq!(refused.error, "Nameplate.Refused", "{refused:?}");
    let reason = refused.cause["reason"].as_str().expect("a reason");
    let registration = format!("registration {domain}");
    assert!([host, zone, &registration].iter().any(|named| reason.contains(*named)), "{reason}");
    let refused_by_two = one.calls_after(before).await;
    let changing = ["Create", "Update", "Delete", "Put", "Change", "Add", "Tag", "Untag", "Request"];
    let of_aws = refused_by_two.iter().filter(|call| call.service != "dynamodb" && call.service != "events");
    let writes: Vec<String> = of_aws
        .filter(|call| changing.iter().any(|verb| call.action.starts_with(verb)))
        .map(|call| format!("{}:{}", call.service, call.action))
        .collect();
    assert_eq!(writes, [] as [String; 0], "the second stack has written");
    assert_eq!(one.run(&wish).await.live()["apiId"], live["apiId"], "the first one's run finds all as it was");

    let mut over = wish.clone();
    over["adopt"] = json!(true);
    let taken = two.run(&over).await.live();
    assert_ne!(taken["apiId"], live["apiId"], "an API of its own");
    assert_eq!((one.zones(domain).await.len(), &taken["hostedZoneId"]), (1, &live["hostedZoneId"]));
    assert!(one.zone_tags(zone).await.contains(&format!("nameplate:stack={}", two.stack())));
    assert_eq!(one.get(host, "/v1/models").await.0, 200);
    assert_eq!(one.charges(domain).await.len(), 1, "bought once");

    // The first one's own things are still its own, and what went over is not.
    let mut other = wish.clone();
    other["tags"] = json!({"team": "other"});
    assert_eq!(one.run(&other).await.error, "Nameplate.Refused");
    let gone = one.retire(domain, &json!({})).await.live();
    assert_eq!(named(&gone["left"], "custom domain"), [host]);
    assert_eq!(named(&gone["left"], "hosted zone"), [zone]);
    assert_eq!(named(&gone["left"], "validation record").len(), 1, "the second one's certificate needs it");
    assert_eq!(one.get(host, "/v1/models").await.0, 200, "the second one's name answers on");
    let _ = two.retire(domain, &json!({"acceptDelegated": true})).await.live();
    assert_eq!(traces_of_ours(two, domain, host).await, [] as [String; 0]);
    second.delete().await;
}
