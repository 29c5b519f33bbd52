//! Certificates about which ACM asks by e-mail: what the plan refuses, and what it has to look at.

use super::*;

fn by_email(mut request: Value) -> Value {
    request["certificate"] = json!({"validation": "EMAIL"});
    request
}

/// The item that a finished run for [`request`] by e-mail leaves.
fn finished(until: &str) -> Rule {
    let fingerprint = Request::parse(&by_email(request())).expect("valid").fingerprint();
    let mut known = known();
    known["validationRecords"] = json!([]);
    let mut result = result();
    let mails = json!([{"name": "example.com", "mailboxes": ["admin@example.com"]}]);
    result["certificateValidation"] = json!({"method": "EMAIL", "mails": mails, "until": until});
    let mut attributes = live_item();
    attributes.insert("fingerprint".to_owned(), text(fingerprint));
    attributes.insert("known".to_owned(), text(known));
    attributes.insert("result".to_owned(), text(result));
    item(Some(attributes))
}

#[tokio::test]
async fn what_nobody_could_click_for_is_refused_before_the_contact_is_read() {
    let begun = HashMap::from([
        ("id".to_owned(), text("domain#example.com")),
        ("purchaseIntent".to_owned(), AttributeValue::N("1".to_owned())),
    ]);
    for world in [World::fresh(), World::fresh().with("GetItem", item(Some(begun)))] {
        for wish in [by_email(purchase()), dry(by_email(purchase()))] {
            let failure = world.failure(wish).await;
            assert_eq!((failure.class, failure.code.as_str()), (Class::Refused, "NoMailboxes"), "{failure}");
            assert!(!world.calls().iter().any(|(operation, _)| *operation == "GetSecretValue"));
        }
    }
    let mut with_servers = by_email(purchase());
    with_servers["records"] = json!([{"name": "example.com", "type": "MX", "values": ["10 mail.example.net"]}]);
    assert!(World::fresh().plan(with_servers).await.is_ok());
    let held = World::fresh().with("CheckDomainAvailability", availability("UNAVAILABLE"));
    let held = held
        .with("ListHostedZonesByName", zones(vec![zone("ZONE", "example.com.", false)]))
        .with("GetDomainDetail", registered(&SERVERS));
    assert!(held.plan(by_email(purchase())).await.is_ok(), "a name that is held already may have mailboxes");
}

#[tokio::test]
async fn a_finished_name_costs_no_look_more_and_says_until_when_its_certificate_is_good() {
    let live = || World::changed().with("GetItem", finished("2027-01-01T00:00:00Z"));
    let renewed = live().with("DescribeCertificate", describes(CertificateStatus::Issued, "EMAIL", "example.com"));
    let plan = renewed.plan(by_email(request())).await.expect("a plan");
    let result = plan.result.expect("the result of the finished run");
    assert_eq!(result.certificate_validation.expect("who is asked").until, "2028-01-01T00:00:00Z");
    assert_eq!(renewed.calls().iter().map(|(_, count)| count).sum::<usize>(), 14, "{:?}", renewed.calls());

    let ended = live().with("DescribeCertificate", describes(CertificateStatus::Expired, "EMAIL", "example.com"));
    let gone = live().with(
        "DescribeCertificate",
        mock!(aws_sdk_acm::Client::describe_certificate).then_http_response(|| error(400, "ResourceNotFoundException")),
    );
    for world in [ended, gone] {
        assert_eq!(world.plan(by_email(request())).await.expect("a plan").result, None, "another one is needed");
    }
}

#[tokio::test]
async fn a_dry_run_shows_that_a_certificate_would_be_validated_otherwise() {
    let line = |before: &str, after: &str| format!("    ~ validation: \"{before}\" -> \"{after}\"");
    for (method, asked, wish, wanted) in [
        ("DNS", "example.com", by_email(request()), line("DNS", "EMAIL")),
        ("EMAIL", "example.com", request(), line("EMAIL", "DNS")),
        (
            "EMAIL",
            "mail.example.com",
            by_email(request()),
            "    ~ validationDomain: \"mail.example.com\" -> \"example.com\"".to_owned(),
        ),
    ] {
        let found = describes(CertificateStatus::Issued, method, asked);
        let plan = World::changed().with("DescribeCertificate", found).plan(dry(wish)).await.expect("a plan");
        let lines = &plan.report.lines;
        assert!(lines.contains(&wanted) && lines.contains(&format!("~ certificate {CERTIFICATE}")), "{lines:#?}");
        let attached = format!("    ~ certificate: \"{CERTIFICATE}\" -> \"(known after the run)\"");
        assert!(lines.contains(&attached), "{lines:#?}");
    }
    let same = describes(CertificateStatus::Issued, "EMAIL", "example.com");
    let plan = World::changed().with("DescribeCertificate", same).plan(dry(by_email(request()))).await;
    let lines = plan.expect("a plan").report.lines;
    assert_eq!(lines.last().map(String::as_str), Some("Plan: 0 to add, 0 to change, 0 to remove."), "{lines:#?}");
}
