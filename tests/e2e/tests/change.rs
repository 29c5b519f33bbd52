//! A domain that is live, and another request for it: the plan shows the difference, a run makes it, and a second
//! run has nothing left to do.

use e2e::{Asking, Backend, World, request};
use http::Method;
use serde_json::{Value, json};

/// The lines of a dry run that change something, without the last, which counts.
async fn planned(world: &World, wish: &Value) -> Vec<String> {
    let mut wish = wish.clone();
    wish["dryRun"] = json!(true);
    let output = world.run(&wish).await.live();
    let lines = output["report"]["lines"].as_array().expect("lines").clone();
    let lines: Vec<String> = lines.iter().map(|line| line.as_str().expect("text").to_owned()).collect();
    lines.into_iter().filter(|line| !line.starts_with("  ") || line.starts_with("    ")).collect()
}

/// Calls of an execution that change something.
async fn writes(world: &World, arn: &str) -> Vec<String> {
    let execution = arn.rsplit(':').next().expect("a name");
    let reads = ["Get", "List", "Describe", "Check", "Invoke"];
    let ours = ["acm", "apigateway", "lambda", "route53", "route53domains"];
    let calls = world.calls(&format!("execution=:{execution}")).await;
    calls
        .into_iter()
        .filter(|call| ours.contains(&call.service.as_str()))
        .filter(|call| !reads.iter().any(|verb| call.action.starts_with(verb)))
        .map(|call| call.action)
        .collect()
}

#[tokio::test]
async fn another_request_for_a_live_name_is_shown_made_and_then_left_alone() {
    let (world, backend) = (World::deployed(), Backend::start().await);
    let domain = "change-api.com";
    let mut wish = request(domain, &backend.url("/old"));
    wish["api"]["routes"] = json!([
        {"route": "GET /v1/models", "url": backend.url("/old")},
        {"route": "GET /v1/kept", "url": backend.url("/kept")},
        {"route": "GET /v1/gone", "url": backend.url("/gone")},
    ]);
    wish["api"]["throttle"] = json!({"rate": 5, "burst": 5});
    let first = world.run(&wish).await.live();
    let api = first["apiId"].as_str().expect("an id").to_owned();

    wish["api"]["routes"] = json!([
        {"route": "GET /v1/models", "url": backend.url("/new")},
        {"route": "GET /v1/kept", "url": backend.url("/kept")},
        {"route": "GET /v1/added", "url": backend.url("/added")},
    ]);
    wish["api"]["cors"] = json!({"allowOrigins": ["https://app.example.com"]});
    wish["api"].as_object_mut().expect("an object").remove("throttle");
    wish["tags"]["team"] = json!("serving");
    let quoted = |path: &str| json!(backend.url(path)).to_string();
    let tag = || r#"    ~ tags.team: "inference" -> "serving""#.to_owned();
    let of = |field: &str| first[field].as_str().expect("an id").to_owned();
    assert_eq!(
        planned(&world, &wish).await,
        [
            format!("~ API {api}"),
            "    + cors.allowCredentials: false".to_owned(),
            "    + cors.allowHeaders: []".to_owned(),
            r#"    + cors.allowMethods: ["*"]"#.to_owned(),
            r#"    + cors.allowOrigins: ["https://app.example.com"]"#.to_owned(),
            "    + cors.exposeHeaders: []".to_owned(),
            format!(r#"    + routes."GET /v1/added".url: {}"#, quoted("/added")),
            format!(r#"    - routes."GET /v1/gone".url: {}"#, quoted("/gone")),
            format!(r#"    ~ routes."GET /v1/models".url: {} -> {}"#, quoted("/old"), quoted("/new")),
            tag(),
            "    - throttle.burst: 5".to_owned(),
            "    - throttle.rate: 5.0".to_owned(),
            format!("~ registration {domain}"),
            tag(),
            format!("~ hosted zone {}", of("hostedZoneId")),
            tag(),
            format!("~ certificate {}", of("certificateArn")),
            tag(),
            format!("~ custom domain api.{domain}"),
            tag(),
            "Plan: 0 to add, 5 to change, 0 to remove.".to_owned(),
        ]
    );

    let changed = world.run(&wish).await;
    let written = writes(&world, &changed.arn).await;
    assert_eq!(changed.live()["apiId"], json!(api));
    let count = |action: &str| written.iter().filter(|written| *written == action).count();
    // Nothing that stayed is written: two new targets, one new route, one moved, one gone with its integration and
    // with the one of the moved route.
    assert_eq!(
        (count("CreateRoute"), count("UpdateRoute"), count("DeleteRoute"), count("CreateIntegration")),
        (1, 1, 1, 2),
        "{written:?}"
    );
    assert_eq!((count("DeleteIntegration"), count("UpdateStage"), count("UpdateApi")), (2, 1, 1), "{written:?}");
    assert_eq!(count("ChangeResourceRecordSets") + count("RequestCertificate") + count("UpdateDomainName"), 0);
    assert_eq!(world.charges(domain).await.len(), 1);

    let mut keys: Vec<String> = world
        .api_parts(&api, "routes")
        .await
        .iter()
        .map(|route| route["routeKey"].as_str().expect("a key").to_owned())
        .collect();
    keys.sort();
    assert_eq!(keys, ["GET /v1/added", "GET /v1/kept", "GET /v1/models"]);
    let host = format!("api.{domain}");
    let (status, body) = world.get(&host, "/v1/models").await;
    assert!(status == 200 && body.contains("GET /new"), "{status} {body}");
    assert_eq!(world.get(&host, "/v1/gone").await.0, 404);

    assert_eq!(planned(&world, &wish).await, ["Plan: 0 to add, 0 to change, 0 to remove."]);
    let again = world.run(&wish).await;
    assert_eq!(writes(&world, &again.arn).await, [""; 0]);
    assert_eq!(again.status, "SUCCEEDED");
}

#[tokio::test]
async fn what_somebody_changed_by_hand_is_shown_and_put_right_by_the_same_request() {
    let (world, backend) = (World::deployed(), Backend::start().await);
    let domain = "change-by-hand.com";
    let wish = request(domain, &backend.url("/models"));
    let api = world.run(&wish).await.live()["apiId"].as_str().expect("an id").to_owned();
    let by_hand = async |path: &str, change: Value| {
        world.rest("apigateway", Method::PATCH, &format!("/v2/apis/{api}{path}"), Some(&change)).await;
    };
    by_hand("", json!({"name": "by hand"})).await;
    by_hand("/stages/$default", json!({"defaultRouteSettings": {"throttlingBurstLimit": 7}})).await;
    assert_eq!(
        planned(&world, &wish).await,
        [
            format!("~ API {api}"),
            format!(r#"    ~ name: "by hand" -> "{domain}""#),
            "    - throttle.burst: 7".to_owned(),
            "Plan: 0 to add, 1 to change, 0 to remove.".to_owned(),
        ]
    );
    let run = world.run(&wish).await;
    assert_eq!(run.status, "SUCCEEDED");
    assert_eq!(writes(&world, &run.arn).await, ["UpdateApi", "UpdateStage"]);
    assert_eq!(planned(&world, &wish).await, ["Plan: 0 to add, 0 to change, 0 to remove."]);
}

#[tokio::test]
async fn a_certificate_with_other_names_comes_in_the_place_of_the_old_one_and_the_name_answers_all_the_while() {
    let (world, backend) = (World::deployed(), Backend::start().await);
    let domain = "change-certificate.com";
    let mut wish = request(domain, &backend.url("/models"));
    let first = world.run(&wish).await.live();
    let asking = Asking::start(&world, &format!("api.{domain}"), "/v1/models");

    wish["certificate"] = json!({"alternativeNames": [format!("*.{domain}"), format!("eu.api.{domain}")]});
    let lines = planned(&world, &wish).await;
    let shown = |text: &str| lines.iter().any(|line| line.contains(text));
    assert!(shown("~ certificate") && shown(&format!("eu.api.{domain}")) && shown("~ custom domain"), "{lines:?}");
    let changed = world.run(&wish).await;
    let (states, written) = (world.states(&changed.arn).await, writes(&world, &changed.arn).await);
    let second = changed.live();

    let answers = asking.stop().await;
    assert_eq!(answers.bad, [], "after {} good answers", answers.good);
    assert!(answers.good > 20, "{}", answers.good);
    assert_ne!(second["certificateArn"], first["certificateArn"]);
    let left = world.certificates(domain).await;
    assert_eq!(left.len(), 1, "{left:?}");
    assert_eq!(left[0]["CertificateArn"], second["certificateArn"]);
    let count = |action: &str| written.iter().filter(|written| *written == action).count();
    assert_eq!((count("RequestCertificate"), count("UpdateDomainName"), count("DeleteCertificate")), (1, 1, 1));
    assert!(states.iter().any(|state| state == "AwaitRelease"), "ACM lets go of the old one late: {states:?}");
    // One record proves the name and its wildcard; the other host name brought one of its own.
    let zone = second["hostedZoneId"].as_str().expect("a zone");
    let proofs = world.records(zone).await.into_iter().filter(|record| record.contains(" CNAME ")).count();
    assert_eq!(proofs, 2);

    assert_eq!(planned(&world, &wish).await, ["Plan: 0 to add, 0 to change, 0 to remove."]);
    let again = world.run(&wish).await;
    assert_eq!(writes(&world, &again.arn).await, [""; 0]);
    assert_eq!(again.live(), second);
}

#[tokio::test]
async fn host_names_come_and_go_and_those_that_stay_answer_all_the_while() {
    let (world, backend) = (World::deployed(), Backend::start().await);
    let domain = "change-hosts.com";
    let host = |label: &str| format!("{label}.{domain}");
    let mut wish = request(domain, &backend.url("/models"));
    wish["api"]["alternativeHostnames"] = json!([domain, host("www")]);
    let first = world.run(&wish).await.live();
    assert_eq!(first["apiEndpoint"], format!("https://{}", host("api")));
    assert_eq!(first["alternativeEndpoints"], json!([format!("https://{domain}"), format!("https://{}", host("www"))]));
    for name in [host("api"), domain.to_owned(), host("www")] {
        assert_eq!(world.get(&name, "/v1/models").await.0, 200, "{name}");
        assert_eq!(world.custom_domain(&name).await["tags"]["nameplate:domain"], domain, "{name}");
    }
    assert_eq!(world.certificates(domain).await.len(), 1);
    let again = world.run(&wish).await;
    assert_eq!(writes(&world, &again.arn).await, [""; 0]);
    assert_eq!(again.live(), first);

    let (main, top) = (Asking::start(&world, &host("api"), "/v1/models"), Asking::start(&world, domain, "/v1/models"));
    wish["api"]["alternativeHostnames"] = json!([domain, host("chat")]);
    let lines = planned(&world, &wish).await;
    for line in [
        format!("+ custom domain {}", host("chat")),
        format!("- custom domain {}", host("www")),
        format!("- alias records {}", host("www")),
    ] {
        assert!(lines.contains(&line), "{line}: {lines:?}");
    }
    let changed = world.run(&wish).await;
    let written = writes(&world, &changed.arn).await;
    let second = changed.live();
    for answers in [main.stop().await, top.stop().await] {
        assert_eq!(answers.bad, [], "after {} good answers", answers.good);
        assert!(answers.good > 0);
    }
    assert_eq!(second["certificateArn"], first["certificateArn"], "`*.` covers the new one too");
    assert_eq!(world.get(&host("chat"), "/v1/models").await.0, 200);
    assert_eq!(world.custom_domain(&host("www")).await, Value::Null);
    let zone = second["hostedZoneId"].as_str().expect("a zone");
    let records = world.records(zone).await;
    assert!(!records.iter().any(|record| record.starts_with(&host("www"))), "{records:?}");
    let count = |action: &str| written.iter().filter(|written| *written == action).count();
    assert_eq!((count("CreateDomainName"), count("DeleteDomainName"), count("UpdateDomainName")), (1, 1, 0));
    assert_eq!(count("ChangeResourceRecordSets"), 2, "{written:?}");

    assert_eq!(planned(&world, &wish).await, ["Plan: 0 to add, 0 to change, 0 to remove."]);
    let known = world.item(domain).await["known"]["S"].as_str().map(str::to_owned).expect("JSON");
    let known: Value = serde_json::from_str(&known).expect("JSON");
    assert_eq!(known["hostnames"], json!([host("api"), domain, host("chat")]));
}

#[tokio::test]
async fn a_host_name_that_another_domain_of_this_account_has_is_refused() {
    let (world, backend) = (World::deployed(), Backend::start().await);
    let domain = "host-once.com";
    let wish = request(domain, &backend.url("/models"));
    let _live = world.run(&wish).await.live();
    let inside = json!({
        "domainName": format!("api.{domain}"),
        "api": {
            "allowHttp": true,
            "hostname": format!("api.{domain}"),
            "routes": [{"route": "GET /v1/models", "url": backend.url("/other")}],
        },
    });
    let reason = world.run(&inside).await.refused("Nameplate.Refused");
    assert!(reason.contains(&format!("the custom domain api.{domain} is in the way")), "{reason}");
    assert_eq!(world.item(&format!("api.{domain}")).await, Value::Null, "nothing was claimed");
}

#[tokio::test]
async fn the_renewal_of_a_name_is_what_the_last_request_says_whoever_changes_it_in_between() {
    let (world, backend) = (World::deployed(), Backend::start().await);
    let domain = "change-renewal.com";
    let mut wish = request(domain, &backend.url("/models"));
    wish["registration"]["autoRenew"] = json!(false);
    let first = world.run(&wish).await.live();
    assert_eq!(first["registration"]["autoRenew"], false, "as bought");

    wish["registration"]["autoRenew"] = json!(true);
    let shown = planned(&world, &wish).await;
    let wanted = [format!("~ registration {domain}"), "    ~ autoRenew: false -> true".to_owned()];
    assert_eq!(shown[..2], wanted);
    let ended = world.run(&wish).await;
    assert_eq!(writes(&world, &ended.arn).await, ["EnableDomainAutoRenew"]);
    assert_eq!(ended.live()["registration"]["autoRenew"], true);

    let by_hand = async || {
        let operation = "Route53Domains_v20140515.DisableDomainAutoRenew";
        world.json("route53domains", operation, &json!({"DomainName": domain})).await;
    };
    by_hand().await;
    assert_eq!(planned(&world, &wish).await, shown);
    let ended = world.run(&wish).await;
    assert_eq!(writes(&world, &ended.arn).await, ["EnableDomainAutoRenew"], "the same request");
    assert_eq!(ended.live()["registration"]["autoRenew"], true);

    wish["registration"].as_object_mut().expect("an object").remove("autoRenew");
    by_hand().await;
    let unchanged = "Plan: 0 to add, 0 to change, 0 to remove.";
    assert_eq!(planned(&world, &wish).await, [unchanged], "the request does not say it");
    let ended = world.run(&wish).await;
    assert!(writes(&world, &ended.arn).await.is_empty());
    assert_eq!(ended.live()["registration"]["autoRenew"], false);
}
