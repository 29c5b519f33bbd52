//! The end of every kind of name: records of its own, a zone around it, a DNS of the customer's, an API of somebody else.
//! Each test has a name of its own and judges by asking the world.

use std::time::Duration;

use e2e::{Backend, World, named, request, retirement, traces_of_ours};
use http::Method;
use serde_json::{Value, json};

const OWN_DNS: &str = "record in the customer's own DNS";

/// A request that buys nothing.
fn without_purchase(domain: &str, backend: &Backend) -> Value {
    let mut request = request(domain, &backend.url("/models"));
    request.as_object_mut().expect("an object").remove("registration");
    request
}

/// What `look` finds, once it finds something.
async fn until<T>(mut look: impl AsyncFnMut() -> Option<T>) -> T {
    let found = tokio::time::timeout(Duration::from_secs(120), async {
        loop {
            if let Some(found) = look().await {
                return found;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    });
    found.await.expect("what is waited for does not come")
}

/// A live name that another registrar holds, in a zone that Nameplate has made; the zone.
async fn live_elsewhere(world: &World, request: &Value) -> String {
    let domain = request["domainName"].as_str().expect("a name");
    world.registry(domain, json!({"state": "elsewhere"})).await;
    let arn = world.start(world.machine(), request).await;
    let zone = until(async || world.zones(domain).await.first().cloned()).await;
    let servers = world.name_servers(&zone).await;
    world.registry(domain, json!({"state": "elsewhere", "nameServers": servers})).await;
    let _ = world.ended(&arn).await.live();
    zone
}

async fn nothing_of_ours(world: &World, domain: &str) {
    assert_eq!(traces_of_ours(world, domain, &format!("api.{domain}")).await, [] as [String; 0]);
}

#[tokio::test]
async fn records_of_its_own_go_before_the_zone_and_what_others_have_changed_keeps_it() {
    let (world, backend) = (World::deployed(), Backend::start().await);
    let domain = "retire-records.com";
    let mut request = without_purchase(domain, &backend);
    request["records"] = json!([
        {"name": format!("www.{domain}"), "type": "A", "values": ["192.0.2.1"]},
        {"name": domain, "type": "TXT", "values": ["v=spf1 -all"]},
        {"name": format!("mail.{domain}"), "type": "A", "values": ["192.0.2.2"]},
    ]);
    let zone = live_elsewhere(&world, &request).await;
    world.put_record(&zone, &format!("mail.{domain}"), "A", "192.0.2.9").await;

    let accepted = json!({"acceptDelegated": true});
    let mut dry = accepted.clone();
    dry["dryRun"] = json!(true);
    let report = world.retire(domain, &dry).await.live();
    let (ours, theirs) = ([format!("{domain} TXT"), format!("www.{domain} A")], format!("mail.{domain} A"));
    assert_eq!(named(&report["goes"], "record"), ours);
    assert_eq!(
        (named(&report["stays"], "record"), named(&report["stays"], "hosted zone")),
        (vec![theirs.clone()], vec![zone.clone()])
    );

    let result = world.retire(domain, &accepted).await.live();

    assert_eq!(named(&result["removed"], "record"), ours);
    assert_eq!(named(&result["left"], "record"), [theirs]);
    assert_eq!(world.records(&zone).await, [format!("mail.{domain}. A 192.0.2.9")], "as somebody else has changed it");
    assert_eq!(named(&result["left"], "hosted zone"), [zone.as_str()]);
    // It stays ours, without the tags of the request.
    assert_eq!(
        world.zone_tags(&zone).await,
        [format!("nameplate:domain={domain}"), format!("nameplate:stack={}", world.stack())]
    );

    world.remove_record(&zone, &format!("mail.{domain}"), "A").await;
    let again = world.retire(domain, &accepted).await.live();
    assert_eq!(named(&again["removed"], "hosted zone"), [zone.as_str()]);
    assert!(world.zones(domain).await.is_empty());
    nothing_of_ours(&world, domain).await;
}

#[tokio::test]
async fn a_zone_around_the_name_is_left_as_it_was_before_also_when_the_table_is_lost() {
    let (world, backend) = (World::deployed(), Backend::start().await);
    let parent = "retire-around.com";
    world.registry(parent, json!({"state": "owned"})).await;
    let zone = world.zones(parent).await.remove(0);
    world.put_record(&zone, &format!("www.{parent}"), "A", "192.0.2.1").await;
    let before = (world.records(&zone).await, world.zone_tags(&zone).await);
    for (domain, lost) in [(format!("acme.{parent}"), false), (format!("lost.{parent}"), true)] {
        let mut request = without_purchase(&domain, &backend);
        request["records"] = json!([{"name": format!("www.{domain}"), "type": "A", "values": ["192.0.2.7"]}]);
        if lost {
            request.as_object_mut().expect("an object").remove("records");
        }
        let _ = world.run(&request).await.live();
        assert!(world.records(&zone).await.len() > before.0.len());
        if lost {
            let key = json!({"TableName": world.table(), "Key": {"id": {"S": format!("domain#{domain}")}}});
            world.json("dynamodb", "DynamoDB_20120810.DeleteItem", &key).await;
        }

        let result = world.retire(&domain, &json!({"acceptDelegated": true})).await.live();

        assert_eq!((world.records(&zone).await, world.zone_tags(&zone).await), before, "{domain}");
        assert_eq!(world.zones(parent).await, [zone.as_str()]);
        assert_eq!(named(&result["left"], "hosted zone"), [zone.as_str()]);
        assert_eq!(named(&result["removed"], "validation record").len(), 1);
        nothing_of_ours(&world, &domain).await;
    }
}

#[tokio::test]
async fn what_stands_in_the_customers_own_dns_is_left_to_a_person_with_its_exact_values() {
    let (world, backend) = (World::deployed(), Backend::start().await);
    let domain = "retire-own-dns.com";
    let elsewhere =
        |records: Value| json!({"state": "elsewhere", "nameServers": ["ns-1.own.example"], "ownDns": records});
    world.registry(domain, elsewhere(json!([]))).await;
    let mut request = without_purchase(domain, &backend);
    request["dns"] = json!("external");
    let arn = world.start(world.machine(), &request).await;
    let proof = until(async || {
        let found = world.certificates(domain).await.into_iter().next()?;
        let record = &found["DomainValidationOptions"][0]["ResourceRecord"];
        Some((record["Name"].as_str()?.to_owned(), record["Value"].as_str()?.to_owned()))
    })
    .await;
    world.registry(domain, elsewhere(json!([{"name": proof.0, "type": "CNAME", "value": proof.1}]))).await;
    let _ = world.ended(&arn).await.live();
    let custom_domain = world.custom_domain(&format!("api.{domain}")).await;
    let target =
        custom_domain["domainNameConfigurations"][0]["apiGatewayDomainName"].as_str().expect("a name").to_owned();

    // Stopped when the custom domain is gone, and started again: it says the same.
    let fault = json!({"fault": "stopExecution", "execution": ":retire-own-dns", "action": "DeleteDomainName"});
    world.control(Method::POST, "/_local/faults", Some(&fault)).await;
    let arn = world.start_named(&world.retire_machine(), "retire-own-dns", &retirement(domain, &json!({}))).await;
    assert_eq!(world.ended(&arn).await.status, "ABORTED");
    until(async || Some(world.item(domain).await).filter(|item| item["heldBy"].is_null())).await;
    assert_eq!(world.custom_domain(&format!("api.{domain}")).await, Value::Null);
    let result = world.retire(domain, &json!({})).await.live();

    let plain = |name: &str| name.trim_end_matches('.').to_owned();
    let told = [format!("api.{domain} CNAME {target}"), format!("{} CNAME {}", plain(&proof.0), plain(&proof.1))];
    assert_eq!(named(&result["left"], OWN_DNS), told);
    assert!(world.zones(domain).await.is_empty());
    nothing_of_ours(&world, domain).await;
    assert_eq!(named(&world.retire(domain, &json!({})).await.live()["left"], OWN_DNS), told, "nobody here can look");
}

#[tokio::test]
async fn an_api_of_somebody_else_loses_its_mapping_and_stays() {
    let (world, backend) = (World::deployed(), Backend::start().await);
    let domain = "retire-their-api.com";
    let host = format!("api.{domain}");
    let first = world.run(&request(domain, &backend.url("/models"))).await.live();
    let theirs = json!({"name": domain, "protocolType": "HTTP"});
    let theirs = world.rest("apigateway", Method::POST, "/v2/apis", Some(&theirs)).await["apiId"].clone();
    let id = theirs.as_str().expect("an id");
    let stage = json!({"stageName": "live", "autoDeploy": true});
    world.rest("apigateway", Method::POST, &format!("/v2/apis/{id}/stages"), Some(&stage)).await;
    let mappings = format!("/v2/domainnames/{host}/apimappings");

    // A mapping of another path is somebody else's work.
    let mapping = json!({"apiId": id, "stage": "live", "apiMappingKey": "v2"});
    let second = world.rest("apigateway", Method::POST, &mappings, Some(&mapping)).await["apiMappingId"].clone();
    let reason = world.retire(domain, &json!({})).await.refused("Nameplate.Refused");
    assert!(reason.contains("/v2") && reason.contains(id), "{reason}");
    let path = format!("{mappings}/{}", second.as_str().expect("an id"));
    world.rest("apigateway", Method::DELETE, &path, None).await;

    // The root mapping is ours, whatever it leads to.
    let root = world.mappings(&host).await[0]["apiMappingId"].clone();
    let path = format!("{mappings}/{}", root.as_str().expect("an id"));
    let moved = json!({"apiId": id, "stage": "live"});
    world.rest("apigateway", Method::PATCH, &path, Some(&moved)).await;
    let result = world.retire(domain, &json!({})).await.live();

    assert_eq!(named(&result["left"], "API"), [id]);
    assert_eq!(named(&result["removed"], "API"), [first["apiId"].as_str().expect("an id")]);
    assert_eq!(world.api_parts(id, "stages").await.len(), 1, "as it was");
    nothing_of_ours(&world, domain).await;
    world.rest("apigateway", Method::DELETE, &format!("/v2/apis/{id}"), None).await;
}

#[tokio::test]
async fn a_certificate_in_another_region_keeps_the_validation_record_until_it_goes() {
    let (world, backend) = (World::deployed(), Backend::start().await);
    let domain = "retire-regions.com";
    let first = world.run(&request(domain, &backend.url("/models"))).await.live();
    let zone = first["hostedZoneId"].as_str().expect("a zone");
    let elsewhere = world.client().in_region("eu-central-1");
    let acm = async |operation: &str, body: Value| {
        let answer = elsewhere.json("acm", &format!("CertificateManager.{operation}"), &body).await;
        answer.unwrap_or_else(|error| panic!("{operation}: {error}"))
    };
    let body = json!({"DomainName": format!("*.{domain}"), "ValidationMethod": "DNS"});
    let theirs = acm("RequestCertificate", body).await["CertificateArn"].clone();
    assert!(theirs.as_str().is_some_and(|arn| arn.contains(":eu-central-1:")), "{theirs}");
    let described = || acm("DescribeCertificate", json!({"CertificateArn": theirs}));
    until(async || {
        described().await["Certificate"]["DomainValidationOptions"][0]["ResourceRecord"]["Name"].as_str().map(drop)
    })
    .await;

    let result = world.retire(domain, &json!({})).await.live();
    let kept = named(&result["left"], "validation record");
    assert_eq!(kept.len(), 1, "{result}");
    assert_eq!(world.records(zone).await.len(), 1);

    acm("DeleteCertificate", json!({"CertificateArn": theirs})).await;
    let again = world.retire(domain, &json!({})).await.live();
    assert_eq!(named(&again["removed"], "validation record"), kept);
    assert_eq!(world.records(zone).await, [] as [String; 0]);
    let third = world.retire(domain, &json!({})).await.live();
    assert_eq!(third["removed"], json!([]));
    nothing_of_ours(&world, domain).await;
}

#[tokio::test]
async fn a_zone_that_signs_its_answers_stays_and_a_dry_run_says_so() {
    let (world, backend) = (World::deployed(), Backend::start().await);
    let domain = "retire-signed.com";
    let zone = live_elsewhere(&world, &without_purchase(domain, &backend)).await;
    let sign = async |signed: bool| {
        world.control(Method::PUT, &format!("/_local/zones/{zone}"), Some(&json!({"signed": signed}))).await;
    };
    sign(true).await;
    let accepted = json!({"acceptDelegated": true});
    let report = world.retire(domain, &json!({"acceptDelegated": true, "dryRun": true})).await.live();
    assert_eq!(named(&report["stays"], "hosted zone"), [zone.as_str()]);
    let result = world.retire(domain, &accepted).await.live();
    let left = result["left"].as_array().expect("a list").iter().find(|thing| thing["name"] == zone.as_str());
    assert!(left.is_some_and(|thing| thing["reason"].as_str().is_some_and(|why| why.contains("DNSSEC"))), "{result}");
    assert_eq!(world.zones(domain).await, [zone.as_str()]);
    sign(false).await;
    let again = world.retire(domain, &accepted).await.live();
    assert_eq!(named(&again["removed"], "hosted zone"), [zone.as_str()]);
    nothing_of_ours(&world, domain).await;
}

#[tokio::test]
async fn what_earlier_requests_wrote_goes_although_names_of_the_certificate_and_dns_have_changed() {
    let (world, backend) = (World::deployed(), Backend::start().await);
    let domain = "retire-changed.com";
    let mut request = without_purchase(domain, &backend);
    request["certificate"] = json!({"alternativeNames": [format!("*.{domain}"), format!("*.eu.{domain}")]});
    request["records"] = json!([{"name": format!("www.{domain}"), "type": "A", "values": ["192.0.2.1"]}]);
    let zone = live_elsewhere(&world, &request).await;
    let proofs = async || world.records(&zone).await.iter().filter(|record| record.contains(" CNAME ")).count();
    assert_eq!(proofs().await, 2);

    // The certificate of the second run needs one of the two records, and the third run touches no zone.
    request.as_object_mut().expect("an object").remove("certificate");
    let _ = world.run(&request).await.live();
    assert_eq!(proofs().await, 2);
    request.as_object_mut().expect("an object").remove("records");
    request["dns"] = json!("external");
    let _ = world.run(&request).await.live();
    assert!(world.records(&zone).await.len() > 2, "all of it still stands");

    let result = world.retire(domain, &json!({"acceptDelegated": true})).await.live();
    assert_eq!(named(&result["removed"], "hosted zone"), [zone.as_str()]);
    assert_eq!(named(&result["removed"], "validation record").len(), 2);
    assert_eq!(world.zones(domain).await, [""; 0], "nothing kept it: {result}");
    nothing_of_ours(&world, domain).await;
}

#[tokio::test]
async fn a_record_that_somebody_has_put_in_the_place_of_an_alias_and_a_zone_of_another_stack_stay() {
    let (world, backend) = (World::deployed(), Backend::start().await);
    let domain = "retire-moved.com";
    let zone = live_elsewhere(&world, &without_purchase(domain, &backend)).await;
    let host = format!("api.{domain}");
    world.put_record(&zone, &host, "A", "192.0.2.7").await;
    world.tag_zone(&zone, "nameplate:stack", "another").await;

    let result = world.retire(domain, &json!({"acceptDelegated": true})).await.live();
    let records = world.records(&zone).await;
    assert!(records.iter().any(|record| record.contains(&host) && record.contains("192.0.2.7")), "{records:?}");
    assert_eq!(named(&result["left"], "hosted zone"), [zone.as_str()]);
    assert!(result["left"].to_string().contains("the stack another"), "{result}");
}
