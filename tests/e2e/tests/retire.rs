//! The other end of a name's life: what was made for it goes, whatever was in the way, and nothing else does.

use std::time::Duration;

use e2e::{Backend, Events, World, named as names, request, retirement, traces_of_ours};
use http::Method;
use nameplate::contract::event::{DomainRetired, Event};
use serde_json::{Value, json};
use tokio::task::JoinSet;

/// How long a released claim may take to show.
const RELEASED_WITHIN: Duration = Duration::from_secs(60);

/// Asserts that nothing is left that carries the stack's tags or answers for the name.
async fn nothing_is_left(world: &World, domain: &str) {
    assert_eq!(traces_of_ours(world, domain, &format!("api.{domain}")).await, [] as [String; 0]);
}

/// ARN of a function of the stack that a route can call.
async fn function(world: &World) -> String {
    let page = world.rest("lambda", Method::GET, "/2015-03-31/functions/?MaxItems=1000", None).await;
    let arns = page["Functions"].as_array().expect("functions").iter().filter_map(|one| one["FunctionArn"].as_str());
    arns.into_iter().find(|arn| arn.contains("-ResumeFunction-")).expect("a function of the stack").to_owned()
}

/// The statements in the policy of a function by which the API may call it.
async fn statements(world: &World, function: &str, api: &str) -> usize {
    let path = format!("/2015-03-31/functions/{function}/policy");
    let policy = world.client().rest_json("lambda", Method::GET, &path, None).await.unwrap_or_default();
    policy["Policy"].as_str().unwrap_or_default().matches(&format!(":{api}/")).count()
}

#[tokio::test]
async fn everything_of_ours_goes_nothing_else_does_and_the_name_can_come_back() {
    let (world, backend) = (World::deployed(), Backend::start().await);
    let domain = "retired.com";
    let function = function(&world).await;
    let name = function.rsplit(':').next().expect("a name");
    let mut request = request(domain, &backend.url("/models"));
    request["api"]["routes"].as_array_mut().expect("routes").push(json!({"route": "GET /f", "lambda": function}));
    let first = world.run(&request).await.live();
    let zone = first["hostedZoneId"].as_str().expect("a zone").to_owned();
    assert_eq!(statements(&world, name, first["apiId"].as_str().expect("an id")).await, 1);
    // What others have beside it.
    world.put_record(&zone, &format!("mail.{domain}"), "TXT", "\"theirs\"").await;
    let theirs = json!({"name": domain, "protocolType": "HTTP", "tags": {"nameplate:domain": domain}});
    let api = world.rest("apigateway", Method::POST, "/v2/apis", Some(&theirs)).await;
    let events = Events::about(&world, domain).await;

    let ended = world.retire(domain, &json!({})).await;
    let states = world.states(&ended.arn).await;
    let result = ended.live();

    assert!(states.iter().any(|state| state == "AwaitRelease"), "ACM lets go of a certificate late: {states:?}");
    let left = world.apis(domain).await;
    assert_eq!(left.len(), 1, "somebody else's API has only one of our tags");
    assert_eq!(left[0]["apiId"], api["apiId"]);
    let path = format!("/v2/apis/{}", api["apiId"].as_str().expect("an id"));
    world.rest("apigateway", Method::DELETE, &path, None).await;
    nothing_is_left(&world, domain).await;
    assert_eq!(statements(&world, name, first["apiId"].as_str().expect("an id")).await, 0);
    assert_eq!(world.zones(domain).await, [zone.as_str()], "the registrar's zone stays");
    assert_eq!(world.records(&zone).await.len(), 1, "somebody else's record: {:?}", world.records(&zone).await);
    // Nor is there a tag of the request on what stays.
    assert_eq!((world.domain_tags(domain).await, world.zone_tags(&zone).await), (Vec::new(), Vec::new()));
    assert_eq!(names(&result["removed"], "API"), [first["apiId"].as_str().expect("an id")]);
    assert_eq!(names(&result["removed"], "custom domain"), [format!("api.{domain}")]);
    assert_eq!(names(&result["removed"], "certificate"), [first["certificateArn"].as_str().expect("an ARN")]);
    assert_eq!(names(&result["removed"], "validation record").len(), 1);
    assert_eq!(names(&result["left"], "hosted zone"), [zone.as_str()]);
    assert_eq!(names(&result["left"], "registration"), [domain]);
    let published = Events::of_type(&events.take_up_to(DomainRetired::DETAIL_TYPE).await, DomainRetired::DETAIL_TYPE);
    let event: DomainRetired = serde_json::from_value(published[0].clone()).expect("the type of the event");
    assert_eq!(serde_json::to_value(&event.result.removed).expect("JSON"), result["removed"]);
    assert_eq!(event.execution_arn, ended_arn(&published[0]));

    let before = world.calls_so_far().await;
    let again = world.retire(domain, &json!({})).await.live();
    assert_eq!(again["removed"], json!([]));
    assert_eq!(names(&again["left"], "registration"), [domain]);
    let writes = world.calls(&format!("after={before}")).await.into_iter().filter(|call| {
        let verbs = ["Get", "List", "Describe", "Check", "PutEvents", "Invoke", "Query"];
        call.caller.contains("Retire") && !verbs.iter().any(|verb| call.action.starts_with(verb))
    });
    assert_eq!(writes.collect::<Vec<_>>(), []);

    let second = world.run(&request).await.live();
    assert_eq!(second["hostedZoneId"], first["hostedZoneId"]);
    assert_ne!(second["certificateArn"], first["certificateArn"], "a new incarnation has new tokens");
    assert_eq!(world.get(&format!("api.{domain}"), "/v1/models").await.0, 200);
    assert_eq!(world.charges(domain).await, [15.0], "bought once");
}

fn ended_arn(event: &Value) -> &str {
    event["executionArn"].as_str().expect("an ARN")
}

#[tokio::test]
async fn a_dry_run_writes_nothing_and_a_slip_of_the_hand_deletes_nothing() {
    let (world, backend) = (World::deployed(), Backend::start().await);
    let domain = "retire-dry-run.com";
    let first = world.run(&request(domain, &backend.url("/models"))).await.live();
    let (item, zone) = (world.item(domain).await, first["hostedZoneId"].as_str().expect("a zone"));
    let records = world.records(zone).await;

    let report = world.retire(domain, &json!({"dryRun": true})).await.live();
    assert_eq!((&report["dryRun"], &report["retired"]), (&json!(true), &json!(false)));
    let goes: Vec<&Value> = report["goes"].as_array().expect("a list").iter().map(|one| &one["resource"]).collect();
    assert_eq!(goes, ["custom domain", "API", "certificate", "validation record"]);
    let stays: Vec<&Value> = report["stays"].as_array().expect("a list").iter().map(|one| &one["resource"]).collect();
    assert_eq!(stays, ["hosted zone", "registration"]);
    let lines: Vec<&str> = report["lines"].as_array().expect("a list").iter().filter_map(Value::as_str).collect();
    assert_eq!((lines.len(), lines[0]), (7, format!("- custom domain api.{domain}").as_str()), "{lines:?}");
    assert_eq!(lines[4], format!("  hosted zone {zone} (Nameplate did not make it)"));
    assert_eq!(lines[6], "Plan: 4 to remove, 2 to stay.");

    let reason =
        world.retire(domain, &json!({"confirm": "retire-dry-run.net"})).await.refused("Nameplate.InvalidRequest");
    assert!(reason.starts_with("confirm: "), "{reason}");
    let unknown = world.retire("never-heard-of.com", &json!({})).await.refused("Nameplate.Refused");
    assert!(unknown.contains("never-heard-of.com"), "{unknown}");

    assert_eq!(world.item(domain).await, item);
    assert_eq!(world.records(zone).await, records);
    assert_eq!(world.item("never-heard-of.com").await, Value::Null);
    assert_eq!(world.get(&format!("api.{domain}"), "/v1/models").await.0, 200);
}

#[tokio::test]
async fn a_validation_record_stays_while_another_certificate_needs_it_and_renewal_ends_on_request() {
    let (world, backend) = (World::deployed(), Backend::start().await);
    let domain = "retire-shared.com";
    let first = world.run(&request(domain, &backend.url("/models"))).await.live();
    let body = json!({"DomainName": domain, "ValidationMethod": "DNS", "IdempotencyToken": "theirs"});
    let theirs = world.json("acm", "CertificateManager.RequestCertificate", &body).await["CertificateArn"].clone();
    let record = loop {
        let body = json!({"CertificateArn": theirs});
        let detail = world.json("acm", "CertificateManager.DescribeCertificate", &body).await;
        if let Some(name) = detail["Certificate"]["DomainValidationOptions"][0]["ResourceRecord"]["Name"].as_str() {
            break name.to_owned();
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    };

    let result = world.retire(domain, &json!({"autoRenew": "off"})).await.live();

    assert!(names(&result["left"], "validation record")[0].starts_with(record.trim_end_matches('.')));
    let zone = first["hostedZoneId"].as_str().expect("a zone");
    let records = world.records(zone).await;
    assert_eq!(records.len(), 1, "{records:?}");
    assert!(records[0].starts_with(&record), "{records:?}");
    let certificates = world.certificates(domain).await;
    assert_eq!(certificates.iter().map(|one| &one["CertificateArn"]).collect::<Vec<_>>(), [&theirs]);
    let detail =
        world.json("route53domains", "Route53Domains_v20140515.GetDomainDetail", &json!({"DomainName": domain})).await;
    assert_eq!(detail["AutoRenew"], false, "as asked");
}

#[tokio::test]
async fn what_a_run_made_that_never_finished_is_found_by_its_tags() {
    let (world, backend) = (World::deployed(), Backend::start().await);
    let domain = "retire-unfinished.com";
    world.registry(domain, json!({"state": "elsewhere"})).await;
    let mut request = request(domain, &backend.url("/models"));
    request.as_object_mut().expect("an object").remove("registration");
    let arn = world.start_named(world.machine(), "retire-unfinished", &request).await;
    while world.item(domain).await["awaitedCertificate"].is_null() {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    world.json("states", "AWSStepFunctions.StopExecution", &json!({"executionArn": arn})).await;
    released(&world, domain).await;
    let known = world.item(domain).await["known"]["S"].as_str().expect("text").to_owned();
    let known: Value = serde_json::from_str(&known).expect("JSON");
    assert_eq!(
        (&known["apiId"], &known["certificateArn"], &known["hostedZoneId"]),
        (&json!(null), &json!(null), &json!(null))
    );
    assert_eq!((world.zones(domain).await.len(), world.certificates(domain).await.len()), (1, 1));

    let careful = world.retire(domain, &json!({})).await.live();
    assert_eq!(names(&careful["left"], "hosted zone"), world.zones(domain).await, "it may be delegated to");
    let zones = world.zones(domain).await;
    let result = world.retire(domain, &json!({"acceptDelegated": true})).await.live();

    assert_eq!(names(&result["removed"], "hosted zone"), zones);
    assert!(world.zones(domain).await.is_empty());
    nothing_is_left(&world, domain).await;
}

/// Waits until nobody holds the domain.
async fn released(world: &World, domain: &str) {
    let wait = tokio::time::timeout(RELEASED_WITHIN, async {
        while !world.item(domain).await["heldBy"].is_null() {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    });
    assert!(wait.await.is_ok(), "{domain} is still held");
}

/// Calls of a retirement after which it is stopped.
const STOPPED_AT: [(&str, &str); 6] = [
    ("dynamodb", "UpdateItem"),
    ("route53", "ChangeResourceRecordSets"),
    ("apigateway", "DeleteDomainName"),
    ("apigateway", "DeleteApi"),
    ("acm", "DeleteCertificate"),
    ("route53", "ChangeTagsForResource"),
];

#[tokio::test]
async fn stopped_at_any_of_its_writes_and_started_again_it_comes_to_the_same_end() {
    let (world, backend) = (World::deployed(), Backend::start().await);
    let mut runs = JoinSet::new();
    for (service, action) in STOPPED_AT {
        let (world, url) = (world.clone(), backend.url("/models"));
        runs.spawn(async move {
            let name = format!("retire-stopped-{}", action.to_lowercase());
            let domain = format!("{name}.com");
            let first = world.run(&request(&domain, &url)).await.live();
            let fault = json!({"fault": "stopExecution", "execution": format!(":{name}"), "service": service, "action": action});
            world.control(Method::POST, "/_local/faults", Some(&fault)).await;
            let arn = world.start_named(&world.retire_machine(), &name, &retirement(&domain, &json!({}))).await;
            assert_eq!(world.ended(&arn).await.status, "ABORTED", "{action}");
            released(&world, &domain).await;

            let _ = world.retire(&domain, &json!({})).await.live();

            nothing_is_left(&world, &domain).await;
            let zone = first["hostedZoneId"].as_str().expect("a zone");
            assert_eq!(world.records(zone).await, [] as [String; 0], "{action}");
        });
    }
    while let Some(run) = runs.join_next().await {
        run.expect("a run that ends well");
    }
}

#[tokio::test]
async fn what_was_planned_before_another_run_ended_takes_nothing_away() {
    let (world, backend) = (World::deployed(), Backend::start().await);
    let domain = "retire-stale.com";
    let mut request = request(domain, &backend.url("/models"));
    let _ = world.run(&request).await.live();
    let hold = json!({"fault": "holdBefore", "execution": ":retire-stale", "caller": "PlanRetireFunction",
        "service": "acm", "action": "ListCertificates"});
    let fault = world.control(Method::POST, "/_local/faults", Some(&hold)).await["id"].clone();
    let arn = world.start_named(&world.retire_machine(), "retire-stale", &retirement(domain, &json!({}))).await;
    let holding = async || {
        let faults = world.control(Method::GET, "/_local/faults", None).await;
        let ours = faults["faults"].as_array().into_iter().flatten().find(|one| one["id"] == fault);
        ours.is_some_and(|one| one["holding"] != 0)
    };
    while !holding().await {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    request["api"]["alternativeHostnames"] = json!([format!("www.{domain}")]);
    let _ = world.run(&request).await.live();
    world.control(Method::DELETE, &format!("/_local/faults/{fault}"), None).await;

    let ended = world.ended(&arn).await;
    let reason = ended.refused("Nameplate.Busy");
    assert!(reason.contains(domain), "{reason}");
    for host in ["api", "www"] {
        assert_eq!(world.get(&format!("{host}.{domain}"), "/v1/models").await.0, 200, "{host}");
    }
    let _ = world.retire(domain, &json!({})).await.live();
    assert!(world.custom_domain(&format!("www.{domain}")).await.is_null());
}
