//! Whether AWS renews a name, and what else of a finished run somebody has changed by hand.

use super::*;

/// A request that says whether the name is renewed. By [`registered`] it is not.
fn renewing(on: bool) -> Value {
    let mut request = purchase();
    request["registration"]["autoRenew"] = json!(on);
    request
}

/// The item that a finished run for such a request leaves.
fn finished(wish: &Value) -> Rule {
    let fingerprint = Request::parse(wish).expect("valid").fingerprint();
    changed_item("fingerprint", text(fingerprint))
}

#[tokio::test]
async fn a_renewal_that_was_changed_by_hand_is_shown_and_left_to_a_run() {
    let world = || World::changed().with("GetItem", finished(&renewing(true)));
    let plan = world().plan(dry(renewing(true))).await.expect("a plan");
    let shown = ["~ registration example.com", "    ~ autoRenew: false -> true"];
    assert!(plan.report.lines.windows(2).any(|lines| lines == shown), "{:#?}", plan.report.lines);
    assert_eq!(world().plan(renewing(true)).await.expect("a plan").result, None);

    let kept = World::changed().with("GetItem", finished(&renewing(false)));
    assert!(kept.plan(renewing(false)).await.expect("a plan").result.is_some(), "it is as the request says");
    let silent = World::changed().with("GetItem", finished(&purchase()));
    assert!(silent.plan(purchase()).await.expect("a plan").result.is_some(), "the request does not say it");
}

#[tokio::test]
async fn the_renewal_of_a_name_that_is_not_ours_to_renew_is_refused() {
    let theirs = || World::changed().with("ListTagsForDomain", bought_by(Some("other")));
    let refused = theirs().failure(renewing(true)).await;
    assert_eq!((refused.class, refused.code.as_str()), (Class::Refused, "OtherStack"), "{refused}");
    assert!(refused.reason.starts_with("registration.autoRenew: "), "{refused}");
    theirs().plan(renewing(false)).await.expect("nothing has to be set");
    let mut taking = renewing(true);
    taking["adopt"] = json!(true);
    theirs().plan(taking).await.expect("it is taken over");

    let elsewhere = World::changed().with("GetDomainDetail", not_registered());
    let refused = elsewhere.failure(renewing(true)).await;
    assert_eq!((refused.class, refused.code.as_str()), (Class::Refused, "NotRegisteredHere"), "{refused}");
    elsewhere.plan(purchase()).await.expect("the request does not say it");
}

#[tokio::test]
async fn what_is_bought_shows_whether_it_is_renewed_beside_its_price() {
    for (wish, renewed, then) in [(purchase(), true, "then 15.00 USD a year"), (renewing(false), false, "not renewed")]
    {
        let lines = World::fresh().plan(dry(wish)).await.expect("a plan").report.lines;
        let bought = format!("+ registration example.com   13.00 USD for 1 year, {then}");
        let at = lines.iter().position(|line| *line == bought).unwrap_or_else(|| panic!("{lines:#?}"));
        assert_eq!(lines[at + 1], format!("    + autoRenew: {renewed}"));
    }
}

#[tokio::test]
async fn zone_certificate_and_registration_that_were_changed_by_hand_are_left_to_a_run() {
    let tagged = || {
        let mut known = known();
        known["tagKeys"] = json!(["cost"]);
        changed_item("known", text(known))
    };
    let still = World::changed().with("GetItem", tagged());
    assert!(still.plan(request()).await.expect("a plan").result.is_some());
    let mut stale = our_tags();
    stale.insert("cost".to_owned(), "7".to_owned());
    let bought = || {
        let mut attributes = live_item();
        attributes.insert("purchaseIntent".to_owned(), AttributeValue::N("1".to_owned()));
        item(Some(attributes))
    };
    for (what, world) in [
        ("tags of the zone", World::changed().with("ListTagsForResource", zone_tags(None))),
        (
            "tags of the certificate",
            World::changed().with("GetItem", tagged()).with("ListTagsForCertificate", certificate_tags(stale)),
        ),
        (
            "how the certificate is validated",
            World::changed().with("DescribeCertificate", describes(CertificateStatus::Issued, "EMAIL", "example.com")),
        ),
        (
            "the certificate's state",
            World::changed().with("DescribeCertificate", describes(CertificateStatus::Revoked, "DNS", "example.com")),
        ),
        ("tags of the registration", World::changed().with("GetItem", bought())),
    ] {
        assert_eq!(world.plan(request()).await.expect(what).result, None, "{what}");
    }
}
