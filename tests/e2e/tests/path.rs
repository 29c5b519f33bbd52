//! The path: a name in, a live API out. Each test has a name of its own and judges by asking the world.

use e2e::{Backend, Events, World, request};
use serde_json::json;

/// The tags that everything made for `domain` must carry.
fn tags(domain: &str) -> Vec<String> {
    vec![
        format!("nameplate:domain={domain}"),
        "nameplate:stack=nameplate.us-east-1".to_owned(),
        "team=inference".to_owned(),
    ]
}

#[tokio::test]
async fn a_fresh_name_becomes_a_live_api() {
    let (world, backend) = (World::deployed(), Backend::start().await);
    let domain = "fresh-name.com";
    let events = Events::about(&world, domain).await;

    let ended = world.run(&request(domain, &backend.url("/models"))).await;
    let arn = ended.arn.clone();
    let result = ended.live();

    // One purchase, one zone: the one that the registry delegates to.
    assert_eq!(world.charges(domain).await, [15.0]);
    let zones = world.zones(domain).await;
    assert_eq!(zones.len(), 1, "{zones:?}");
    assert_eq!(result["hostedZoneId"], json!(zones[0]));
    let registry = world.control(http::Method::GET, &format!("/_local/domains/{domain}"), None).await;
    let mut delegated: Vec<&str> =
        registry["nameServers"].as_array().expect("servers").iter().filter_map(|s| s.as_str()).collect();
    delegated.sort_unstable();
    assert_eq!(delegated, world.name_servers(&zones[0]).await);
    assert_eq!(result["nameServers"].as_array().map(Vec::len), Some(4));

    // One certificate for the name and the wildcard; the one record that both share; both aliases.
    let certificates = world.certificates(domain).await;
    assert_eq!(certificates.len(), 1);
    assert_eq!(certificates[0]["Status"], "ISSUED");
    assert_eq!(certificates[0]["SubjectAlternativeNames"], json!([domain, format!("*.{domain}")]));
    assert_eq!(result["certificateArn"], certificates[0]["CertificateArn"]);
    let custom_domain = world.custom_domain(&format!("api.{domain}")).await;
    let target = custom_domain["domainNameConfigurations"][0]["apiGatewayDomainName"].as_str().expect("a target");
    let validation = &certificates[0]["DomainValidationOptions"][0]["ResourceRecord"];
    let mut expected = vec![
        format!(
            "{} CNAME {}",
            validation["Name"].as_str().expect("a name"),
            validation["Value"].as_str().expect("a value")
        ),
        format!("api.{domain}. A {target}."),
        format!("api.{domain}. AAAA {target}."),
    ];
    expected.sort();
    let records: Vec<String> = world.records(&zones[0]).await;
    let undotted = |records: &[String]| records.iter().map(|r| r.trim_end_matches('.').to_owned()).collect::<Vec<_>>();
    assert_eq!(undotted(&records), undotted(&expected));

    // One API with exactly the wanted route, mapped at the root.
    let apis = world.apis(domain).await;
    assert_eq!(apis.len(), 1);
    assert_eq!(result["apiId"], apis[0]["apiId"]);
    let api_id = apis[0]["apiId"].as_str().expect("an id");
    let routes = world.api_parts(api_id, "routes").await;
    assert_eq!(routes.iter().filter_map(|r| r["routeKey"].as_str()).collect::<Vec<_>>(), ["GET /v1/models"]);
    assert_eq!(world.api_parts(api_id, "integrations").await.len(), 1);
    assert_eq!(world.api_parts(api_id, "stages").await.len(), 1);
    let mappings = world.mappings(&format!("api.{domain}")).await;
    assert_eq!(mappings.len(), 1);
    assert_eq!((&mappings[0]["apiId"], &mappings[0]["stage"]), (&apis[0]["apiId"], &json!("$default")));

    // The result, its event, and an answer under the new name.
    assert_eq!(result["apiEndpoint"], format!("https://api.{domain}"));
    assert_eq!(result["registration"]["status"], "REGISTERED");
    assert_eq!(result["registration"]["pricePaid"], json!({"amount": 15.0, "currency": "USD"}));
    assert_eq!(result["registration"]["autoRenew"], true);
    let default_endpoint = result["defaultEndpoint"].as_str().expect("an endpoint");
    let (_, default_host) = default_endpoint.split_once("://").expect("a URL");
    assert_eq!(world.get(default_host, "/v1/models").await.0, 200, "{default_endpoint}");
    let (status, body) = world.get(&format!("api.{domain}"), "/v1/models").await;
    assert_eq!(status, 200, "{body}");
    assert!(body.contains("GET /models"), "{body}");
    let published = events.take_up_to("Domain Live").await;
    assert_eq!(Events::of_type(&published, "Default Endpoint Live").len(), 1);
    assert_eq!(Events::of_type(&published, "Domain Registration Completed").len(), 1);
    let live = Events::of_type(&published, "Domain Live");
    assert_eq!(live.len(), 1);
    assert_eq!((&live[0]["apiEndpoint"], &live[0]["executionArn"]), (&result["apiEndpoint"], &json!(arn)));

    // Both waits were slept through, and the claim is given back.
    let states = world.states(&arn).await;
    for state in ["AwaitRegistration", "AwaitCertificate"] {
        assert_eq!(states.iter().filter(|s| *s == state).count(), 1, "{states:?}");
    }
    let item = world.item(domain).await;
    assert_eq!(item["status"]["S"], "LIVE");
    assert_eq!(item["heldBy"], json!(null));
    // Mappings and records take no tags: the item says whose they are.
    let known: serde_json::Value = serde_json::from_str(item["known"]["S"].as_str().expect("JSON")).expect("JSON");
    assert_eq!(known["hostnames"], json!([format!("api.{domain}")]));
    assert_eq!(known["validationRecords"].as_array().map(Vec::len), Some(1));

    // Everything that was made carries the tags.
    assert_eq!(world.domain_tags(domain).await, tags(domain));
    assert_eq!(world.zone_tags(&zones[0]).await, tags(domain));
    assert_eq!(world.certificate_tags(result["certificateArn"].as_str().expect("an ARN")).await, tags(domain));
    let wanted = json!({"nameplate:domain": domain, "nameplate:stack": "nameplate.us-east-1", "team": "inference"});
    assert_eq!((&apis[0]["tags"], &custom_domain["tags"]), (&wanted, &wanted));
    assert_eq!(world.api_parts(api_id, "stages").await[0]["tags"], wanted);
}

#[tokio::test]
async fn a_name_that_this_account_owns_needs_no_purchase() {
    let (world, backend) = (World::deployed(), Backend::start().await);
    let domain = "owned-name.com";
    world.registry(domain, json!({"state": "owned"})).await;
    let zones = world.zones(domain).await;
    let mut request = request(domain, &backend.url("/models"));
    request.as_object_mut().expect("an object").remove("registration");

    let result = world.run(&request).await.live();

    assert_eq!(world.charges(domain).await, [] as [f64; 0]);
    assert_eq!(world.zones(domain).await, zones, "no second zone");
    assert_eq!(result["hostedZoneId"], json!(zones[0]));
    assert_eq!(result["registration"]["status"], "REGISTERED");
    assert_eq!(result["registration"]["pricePaid"], json!(null));
    assert_eq!(world.zone_tags(&zones[0]).await, tags(domain));
    assert_eq!(world.get(&format!("api.{domain}"), "/v1/models").await.0, 200);
}

#[tokio::test]
async fn a_dead_second_zone_is_left_alone_and_the_delegated_one_is_used() {
    let (world, backend) = (World::deployed(), Backend::start().await);
    let domain = "two-zones.com";
    world.make_zone(domain).await;
    let dead = world.zones(domain).await;

    let result = world.run(&request(domain, &backend.url("/models"))).await.live();

    let zones = world.zones(domain).await;
    assert_eq!(zones.len(), 2, "the registrar's zone and the one that was there");
    assert_ne!(result["hostedZoneId"], json!(dead[0]));
    assert_eq!(world.records(&dead[0]).await, [] as [String; 0]);
    assert_eq!(world.zone_tags(&dead[0]).await, [] as [String; 0]);
}

#[tokio::test]
async fn a_dry_run_writes_nothing_and_says_what_would_be_made_and_paid() {
    let (world, backend) = (World::deployed(), Backend::start().await);
    let domain = "dry-run.com";
    let mut request = request(domain, &backend.url("/models"));
    request["registration"]["years"] = json!(2);
    request["dryRun"] = json!(true);

    let output = world.run(&request).await.live();

    assert_eq!(output["live"], false);
    let report = &output["report"];
    assert_eq!(report["price"]["firstYear"], json!({"amount": 15.0, "currency": "USD"}));
    assert_eq!(report["price"]["total"]["amount"], 30.0);
    assert!(report["price"]["renewal"]["amount"].as_f64().is_some_and(|price| price > 0.0));
    let renewal = report["price"]["renewal"]["amount"].as_f64().unwrap_or_default();
    let bought = format!("+ registration {domain}   30.00 USD for 2 years, then {renewal:.2} USD a year");
    assert!(report["lines"].as_array().expect("lines").contains(&json!(bought)), "{}", report["lines"]);
    let lines: Vec<(&str, &str)> = report["resources"]
        .as_array()
        .expect("resources")
        .iter()
        .filter_map(|line| Some((line["resource"].as_str()?, line["action"].as_str()?)))
        .collect();
    assert_eq!(
        lines,
        [
            ("API", "CREATE"),
            ("registration", "BUY"),
            ("hosted zone", "CREATE"),
            ("certificate", "CREATE"),
            ("custom domain", "CREATE"),
            ("alias records", "CREATE")
        ]
    );
    assert_eq!(
        report["lines"].as_array().and_then(|lines| lines.last()),
        Some(&json!("Plan: 6 to add, 0 to change, 0 to remove."))
    );
    assert_eq!(world.charges(domain).await, [] as [f64; 0]);
    assert_eq!(world.item(domain).await, json!(null));
    assert!(world.apis(domain).await.is_empty() && world.zones(domain).await.is_empty());
    assert!(world.certificates(domain).await.is_empty());
}

#[tokio::test]
async fn of_two_events_for_one_name_one_runs_and_the_other_is_busy() {
    let (world, backend) = (World::deployed(), Backend::start().await);
    let domain = "two-events.com";
    let events = Events::about(&world, domain).await;

    world.publish("Domain Requested", &request(domain, &backend.url("/models")), 2).await;

    // Each event starts an execution.
    let executions = world.executions_for(domain, 2).await;
    let mut endings = Vec::new();
    for arn in &executions {
        let ended = world.ended(arn).await;
        endings.push((ended.status.clone(), ended.error.clone()));
    }
    endings.sort();
    assert_eq!(endings, [("FAILED".to_owned(), "Nameplate.Busy".to_owned()), ("SUCCEEDED".to_owned(), String::new())]);
    assert_eq!(world.charges(domain).await, [15.0]);
    assert_eq!(world.zones(domain).await.len(), 1);
    assert_eq!(world.certificates(domain).await.len(), 1);
    assert_eq!(world.apis(domain).await.len(), 1);
    let published = events.take_up_to("Domain Live").await;
    assert_eq!(Events::of_type(&published, "Domain Live").len(), 1);
    assert_eq!(Events::of_type(&published, "Domain Failed")[0]["error"], "Nameplate.Busy");
}

#[tokio::test]
async fn a_lost_event_costs_a_time_out_and_nothing_else() {
    let (world, backend) = (World::deployed(), Backend::start().await);
    let domain = "lost-event.com";
    world.registry(domain, json!({"state": "available", "suppressEvents": true})).await;
    // The deployed definition itself, but it does not sleep long before it looks by itself.
    let impatient = world.impatient_machine("impatient", 4).await;

    let arn = world.start(&impatient, &request(domain, &backend.url("/models"))).await;
    let ended = world.ended(&arn).await;

    assert_eq!(ended.live()["apiEndpoint"], format!("https://api.{domain}"));
    let history = world
        .json("states", "AWSStepFunctions.GetExecutionHistory", &json!({"executionArn": arn, "maxResults": 1000}))
        .await;
    let timed_out = history["events"].to_string().matches("States.Timeout").count();
    assert!(timed_out >= 1, "the certificate's wait must have ended by its time-out");
    assert_eq!(world.charges(domain).await, [15.0]);
    assert_eq!(world.certificates(domain).await.len(), 1);
}

#[tokio::test]
async fn a_forged_event_changes_nothing_but_a_look() {
    let (world, backend) = (World::deployed(), Backend::start().await);
    let domain = "forged-event.com";
    // A registration that takes long enough for a forged word to arrive before it has ended.
    world
        .registry(domain, json!({"state": "available", "registration": {"outcome": "SUCCESSFUL", "delayMs": 8000}}))
        .await;
    let arn = world.start(world.machine(), &request(domain, &backend.url("/models"))).await;
    let operation = loop {
        if let Some(id) = world.item(domain).await["purchaseOperation"]["S"].as_str() {
            break id.to_owned();
        }
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    };
    let detail = json!({"version": 1, "domainName": domain, "operationId": operation, "status": "SUCCESSFUL"});
    world.publish("Domain Registration Completed", &detail, 2).await;

    let _ = world.ended(&arn).await.live();

    assert_eq!(world.charges(domain).await, [15.0]);
    assert_eq!(world.zones(domain).await.len(), 1);
    let states = world.states(&arn).await;
    assert!(
        states.iter().filter(|s| *s == "Register").count() >= 3,
        "woken by the forgery, then by the truth: {states:?}"
    );
    assert!(states.len() < 60, "no hot loop: {states:?}");
}
