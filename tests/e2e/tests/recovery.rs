//! Runs that fail on the way, and the runs after them: nothing is lost and nothing is made or paid twice.

use e2e::{Backend, Events, World, request};
use serde_json::json;

#[tokio::test]
async fn a_failed_registration_keeps_what_was_made_and_the_next_run_goes_on_from_there() {
    let (world, backend) = (World::deployed(), Backend::start().await);
    let domain = "failed-registration.com";
    let events = Events::about(&world, domain).await;
    let failing =
        json!({"state": "available", "registration": {"outcome": "FAILED", "message": "ZipCode is not valid"}});
    world.registry(domain, failing).await;
    let request = request(domain, &backend.url("/models"));

    let first = world.run(&request).await;
    let reason = first.refused("Nameplate.Failed");
    assert!(reason.contains("naming ZipCode"), "{reason}");
    let item = world.item(domain).await;
    assert_eq!((&item["status"]["S"], &item["heldBy"]), (&json!("FAILED"), &json!(null)));
    let apis = world.apis(domain).await;
    assert_eq!(apis.len(), 1);
    assert!(item["known"]["S"].as_str().is_some_and(|known| known.contains(apis[0]["apiId"].as_str().unwrap_or("?"))));
    assert!(item["lastFailure"]["S"].as_str().is_some_and(|failure| failure.contains("naming ZipCode")));
    assert_eq!(Events::of_type(&events.take_up_to("Domain Failed").await, "Domain Failed").len(), 1);

    world.registry(domain, json!({"state": "available", "registration": {"outcome": "SUCCESSFUL"}})).await;
    let result = world.run(&request).await.live();

    assert_eq!(result["apiId"], apis[0]["apiId"], "the API of the first run");
    assert_eq!(world.apis(domain).await.len(), 1);
    let ledger = world.control(http::Method::GET, "/_local/charges", None).await;
    let kept: Vec<_> = ledger["charges"]
        .as_array()
        .expect("charges")
        .iter()
        .filter(|charge| charge["domain"] == domain && charge["refunded"] == false)
        .collect();
    assert_eq!(kept.len(), 1, "one purchase stands; the failed one was given back: {ledger}");
}

#[tokio::test]
async fn a_custom_domain_of_somebody_else_is_refused_by_name() {
    let (world, backend) = (World::deployed(), Backend::start().await);
    let domain = "foreign-domain.com";
    world.registry(domain, json!({"state": "owned"})).await;
    let first = world.run(&request(domain, &backend.url("/models"))).await.live();
    // Without our tags the custom domain is somebody else's.
    let path = format!("/v2/domainnames/api.{domain}");
    let arn = format!("arn:aws:apigateway:us-east-1::/domainnames/api.{domain}");
    let encoded = arn.replace(':', "%3A").replace('/', "%2F");
    let keys = "tagKeys=nameplate%3Adomain&tagKeys=nameplate%3Astack";
    world.rest("apigateway", http::Method::DELETE, &format!("/v2/tags/{encoded}?{keys}"), None).await;

    let ended = world.run(&request(domain, &backend.url("/models"))).await;

    let reason = ended.refused("Nameplate.Refused");
    assert!(reason.contains(&format!("api.{domain}")), "{reason}");
    world.rest("apigateway", http::Method::DELETE, &path, None).await;
    let second = world.run(&request(domain, &backend.url("/models"))).await.live();
    assert_eq!(second, first, "made again from what exists");
}

#[tokio::test]
async fn what_was_undone_by_hand_is_repaired_by_the_same_request() {
    let (world, backend) = (World::deployed(), Backend::start().await);
    let domain = "repaired.com";
    let request = request(domain, &backend.url("/models"));
    let first = world.run(&request).await.live();
    let zone = first["hostedZoneId"].as_str().expect("a zone");
    let api = first["apiId"].as_str().expect("an API");
    let certificate = &world.certificates(domain).await[0];
    let record = &certificate["DomainValidationOptions"][0]["ResourceRecord"];
    world.remove_record(zone, record["Name"].as_str().expect("a name").trim_end_matches('.'), "CNAME").await;
    let route = world.api_parts(api, "routes").await[0]["routeId"].as_str().expect("an id").to_owned();
    world.rest("apigateway", http::Method::DELETE, &format!("/v2/apis/{api}/routes/{route}"), None).await;
    let undone = world.records(zone).await;

    let second = world.run(&request).await.live();

    assert_eq!(second, first);
    assert_eq!(world.records(zone).await.len(), undone.len() + 1, "the validation record is back");
    assert_eq!(world.api_parts(api, "routes").await.len(), 1, "the route is back");
    assert_eq!(world.certificates(domain).await.len(), 1);
}

#[tokio::test]
async fn an_event_that_nobody_takes_lies_in_the_queue_and_the_run_gets_there_without_it() {
    let domain = "undelivered.com";
    let refuse =
        json!({"fault": "refuseEvent", "detailType": "ACM Certificate Available", "about": domain, "times": 100});
    goes_on_without_its_event(domain, &refuse).await;
}

#[tokio::test]
async fn an_event_that_resume_fails_at_lies_in_the_queue_and_the_run_gets_there_without_it() {
    let domain = "failing-resume.com";
    let fail = json!({"fault": "error500", "caller": "ResumeFunction", "execution": ":failing-resume", "times": 1000});
    goes_on_without_its_event(domain, &fail).await;
}

/// With `fault` in its way, the event about `domain` ends in the queue for what could not be delivered, and the
/// execution looks for itself when its sleep is over.
async fn goes_on_without_its_event(domain: &str, fault: &serde_json::Value) {
    let (world, backend) = (World::deployed(), Backend::start().await);
    let fault = world.control(http::Method::POST, "/_local/faults", Some(fault)).await;
    let name = domain.trim_end_matches(".com");
    let impatient = world.impatient_machine(&format!("impatient-{name}"), 4).await;

    let arn = world.start_named(&impatient, name, &request(domain, &backend.url("/models"))).await;
    let _ = world.ended(&arn).await.live();

    let queues = world.json("sqs", "AmazonSQS.ListQueues", &json!({})).await;
    let queue = queues["QueueUrls"]
        .as_array()
        .and_then(|urls| urls.iter().find(|url| url.as_str().is_some_and(|url| url.contains("Undeliverable"))))
        .expect("the stack's queue");
    let receive = json!({"QueueUrl": queue, "MaxNumberOfMessages": 10, "VisibilityTimeout": 0});
    let kept = async {
        loop {
            let messages = world.json("sqs", "AmazonSQS.ReceiveMessage", &receive).await;
            let bodies = messages["Messages"].as_array().into_iter().flatten().filter_map(|one| one["Body"].as_str());
            if bodies.into_iter().any(|body| body.contains(domain)) {
                return;
            }
            tokio::time::sleep(std::time::Duration::from_millis(200)).await;
        }
    };
    let arrives = tokio::time::timeout(std::time::Duration::from_secs(120), kept).await;
    assert!(arrives.is_ok(), "no message about {domain} in {queue}");
    world.control(http::Method::DELETE, &format!("/_local/faults/{}", fault["id"]), None).await;
}
