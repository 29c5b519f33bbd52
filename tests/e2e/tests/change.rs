//! A domain that is live, and another request for it: the plan shows the difference, a run makes it, and a second
//! run has nothing left to do.

use e2e::{Backend, World, request};
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
            r#"    ~ tags.team: "inference" -> "serving""#.to_owned(),
            "    - throttle.burst: 5".to_owned(),
            "    - throttle.rate: 5.0".to_owned(),
            "Plan: 0 to add, 1 to change, 0 to remove.".to_owned(),
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
