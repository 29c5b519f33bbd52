//! What belongs to others: refused by its name before anything is written, taken over on request and said so; and the
//! tags by which anybody can see whose something is.

use e2e::{Asking, Backend, World, request};
use http::Method;
use serde_json::{Value, json};

/// Puts a tag on an API, a stage or a custom domain.
async fn tag(world: &World, path: &str, key: &str, value: &str) {
    let arn = format!("arn:aws:apigateway:us-east-1::{path}").replace(':', "%3A").replace('/', "%2F");
    let body = json!({"tags": {key: value}});
    world.rest("apigateway", Method::POST, &format!("/v2/tags/{arn}"), Some(&body)).await;
}

/// As though everything of `domain` had been made by another stack, with a table of its own.
async fn hand_to_another_stack(world: &World, domain: &str, live: &Value) {
    let text = |field: &str| live[field].as_str().expect("text").to_owned();
    tag(world, &format!("/apis/{}", text("apiId")), "nameplate:stack", "another").await;
    tag(world, &format!("/domainnames/api.{domain}"), "nameplate:stack", "another").await;
    world.tag_zone(&text("hostedZoneId"), "nameplate:stack", "another").await;
    let body =
        json!({"CertificateArn": text("certificateArn"), "Tags": [{"Key": "nameplate:stack", "Value": "another"}]});
    world.json("acm", "CertificateManager.AddTagsToCertificate", &body).await;
    let key = json!({"TableName": world.table(), "Key": {"id": {"S": format!("domain#{domain}")}}});
    world.json("dynamodb", "DynamoDB_20120810.DeleteItem", &key).await;
}

/// Calls that change something, of the functions, for `domain`.
async fn writes(world: &World, arn: &str) -> Vec<String> {
    let execution = arn.rsplit(':').next().expect("a name");
    let reads = ["Get", "List", "Describe", "Check", "Invoke", "PutEvents"];
    let calls = world.calls(&format!("execution=:{execution}")).await;
    let changing = calls.into_iter().filter(|call| !reads.iter().any(|verb| call.action.starts_with(verb)));
    changing.map(|call| format!("{}:{}", call.service, call.action)).collect()
}

fn taken(live: &Value) -> Vec<String> {
    let things = live["adopted"].as_array().expect("a list").iter();
    things
        .map(|thing| format!("{} {}", thing["resource"].as_str().expect("text"), thing["name"].as_str().expect("text")))
        .collect()
}

#[tokio::test]
async fn a_name_of_another_stack_is_refused_and_handed_over_on_request_while_it_answers() {
    let (world, backend) = (World::deployed(), Backend::start().await);
    let (domain, host) = ("another-stack.com", "api.another-stack.com");
    let mut wish = request(domain, &backend.url("/models"));
    let theirs = world.run(&wish).await.live();
    hand_to_another_stack(&world, domain, &theirs).await;

    let refused = world.run(&wish).await;
    let reason = refused.refused("Nameplate.Refused");
    assert!(reason.contains(host) && refused.cause["remedy"].as_str().is_some_and(|text| text.contains("adopt")));
    assert_eq!(writes(&world, &refused.arn).await, [""; 0]);

    let asking = Asking::start(&world, host, "/v1/models");
    wish["adopt"] = json!(true);
    wish["dryRun"] = json!(true);
    let shown = world.run(&wish).await.live();
    let lines: Vec<&str> =
        shown["report"]["lines"].as_array().expect("lines").iter().filter_map(Value::as_str).collect();
    assert!(lines.iter().any(|line| line.starts_with(&format!("! custom domain {host} ("))), "{lines:?}");
    wish["dryRun"] = json!(false);
    let ours = world.run(&wish).await.live();
    let answers = asking.stop().await;
    assert_eq!(answers.bad, [], "after {} good answers", answers.good);
    assert!(answers.good > 0);

    let zone = theirs["hostedZoneId"].as_str().expect("a zone");
    assert_eq!(taken(&ours), [format!("custom domain {host}"), format!("hosted zone {zone}")]);
    assert_ne!(ours["apiId"], theirs["apiId"], "their API stays theirs");
    assert_eq!(world.custom_domain(host).await["tags"]["nameplate:stack"], "nameplate.us-east-1");
    assert!(world.zone_tags(zone).await.contains(&"nameplate:stack=nameplate.us-east-1".to_owned()));
    assert_eq!(world.mappings(host).await[0]["apiId"], ours["apiId"]);
    assert_eq!(world.charges(domain).await.len(), 1, "nothing is bought twice");
    // Said again with the result as long as the request is the same, with or without the word.
    wish.as_object_mut().expect("an object").remove("adopt");
    let again = world.run(&wish).await;
    assert_eq!(writes(&world, &again.arn).await, [""; 0]);
    assert_eq!(again.live(), ours);
    world
        .rest("apigateway", Method::DELETE, &format!("/v2/apis/{}", theirs["apiId"].as_str().expect("an id")), None)
        .await;
}

#[tokio::test]
async fn records_of_others_are_refused_by_their_names_and_replaced_on_request() {
    let (world, backend) = (World::deployed(), Backend::start().await);
    let domain = "others-records.com";
    world.registry(domain, json!({"state": "owned"})).await;
    let zone = world.zones(domain).await[0].clone();
    world.write_record(&zone, &format!("api.{domain}"), "CNAME", "old.example.net").await;
    world.write_record(&zone, &format!("www.{domain}"), "A", "192.0.2.9").await;
    world.write_record(&zone, &format!("mail.{domain}"), "A", "192.0.2.25").await;
    let mut wish = request(domain, &backend.url("/models"));
    wish.as_object_mut().expect("an object").remove("registration");
    wish["records"] = json!([{"name": format!("www.{domain}"), "type": "A", "values": ["192.0.2.1"]}]);

    for name in [format!("api.{domain} CNAME"), format!("www.{domain} A")] {
        let refused = world.run(&wish).await;
        let reason = refused.refused("Nameplate.Refused");
        assert!(reason.contains(&name), "{name}: {reason}");
        assert_eq!(writes(&world, &refused.arn).await, [""; 0]);
        if name.ends_with("CNAME") {
            // The second one is told once the first is gone.
            world.remove_record(&zone, &format!("api.{domain}"), "CNAME").await;
        } else {
            world.write_record(&zone, &format!("api.{domain}"), "CNAME", "old.example.net").await;
        }
    }
    wish["adopt"] = json!(true);
    let live = world.run(&wish).await.live();
    assert_eq!(taken(&live), [format!("record api.{domain} CNAME"), format!("record www.{domain} A")]);
    assert_eq!(world.get(&format!("api.{domain}"), "/v1/models").await.0, 200);
    let records = world.records(&zone).await;
    assert!(records.iter().any(|record| record.starts_with(&format!("www.{domain}. A 192.0.2.1"))), "{records:?}");
    assert!(records.iter().any(|record| record.contains("192.0.2.25")), "others' records stay: {records:?}");
    // What was taken over is ours: it goes when the request leaves it out.
    wish.as_object_mut().expect("an object").remove("records");
    let _live = world.run(&wish).await.live();
    let records = world.records(&zone).await;
    assert!(!records.iter().any(|record| record.starts_with("www.")), "{records:?}");
}

#[tokio::test]
async fn a_record_that_others_wrote_as_it_is_wanted_becomes_ours_only_on_request_and_is_told_once() {
    let (world, backend) = (World::deployed(), Backend::start().await);
    let domain = "same-record.com";
    world.registry(domain, json!({"state": "owned"})).await;
    let zone = world.zones(domain).await[0].clone();
    let www = format!("www.{domain}");
    world.write_record(&zone, &www, "A", "192.0.2.9").await;
    let stands = async || world.records(&zone).await.iter().any(|record| record.starts_with(&www));
    let mut wish = request(domain, &backend.url("/models"));
    let with = json!([{"name": www, "type": "A", "ttl": 60, "values": ["192.0.2.9"]}]);
    wish["records"] = with.clone();
    assert_eq!(taken(&world.run(&wish).await.live()), [""; 0]);
    wish["records"] = json!([]);
    let _live = world.run(&wish).await.live();
    assert!(stands().await, "it stays theirs");

    wish["records"] = with;
    assert_eq!(taken(&world.run(&wish).await.live()), [""; 0]);
    wish["adopt"] = json!(true);
    let live = world.run(&wish).await.live();
    assert_eq!(taken(&live), [format!("record {www} A")]);
    let again = world.run(&wish).await;
    assert_eq!(writes(&world, &again.arn).await, [""; 0]);
    assert_eq!(again.live(), live);
    wish["tags"] = json!({"cost": "1"});
    assert_eq!(taken(&world.run(&wish).await.live()), [format!("record {www} A")], "not told a second time");
    wish["records"] = json!([]);
    let _live = world.run(&wish).await.live();
    assert!(!stands().await, "it goes like any other");
}

#[tokio::test]
async fn the_tags_of_a_request_come_and_go_on_everything_and_those_of_others_stay() {
    let (world, backend) = (World::deployed(), Backend::start().await);
    let domain = "tags-change.com";
    let mut wish = request(domain, &backend.url("/models"));
    wish["tags"] = json!({"team": "inference", "cost": "1"});
    let live = world.run(&wish).await.live();
    let (zone, api) = (live["hostedZoneId"].as_str().expect("a zone"), live["apiId"].as_str().expect("an id"));
    world.tag_zone(zone, "theirs", "x").await;
    tag(&world, &format!("/domainnames/api.{domain}"), "theirs", "x").await;

    wish["tags"] = json!({"team": "serving"});
    let changed = world.run(&wish).await.live();
    assert_eq!(changed["certificateArn"], live["certificateArn"]);
    let marks = |theirs: bool| {
        let mut all = vec![
            format!("nameplate:domain={domain}"),
            "nameplate:stack=nameplate.us-east-1".to_owned(),
            "team=serving".to_owned(),
        ];
        all.extend(theirs.then(|| "theirs=x".to_owned()));
        all
    };
    assert_eq!(world.zone_tags(zone).await, marks(true));
    assert_eq!(world.domain_tags(domain).await, marks(false));
    assert_eq!(world.certificate_tags(live["certificateArn"].as_str().expect("an ARN")).await, marks(false));
    let pairs = |tags: &Value| {
        let tags = tags.as_object().expect("tags").iter();
        let mut pairs: Vec<String> =
            tags.map(|(key, value)| format!("{key}={}", value.as_str().expect("text"))).collect();
        pairs.sort();
        pairs
    };
    let mut with_theirs = marks(true);
    with_theirs.sort();
    assert_eq!(pairs(&world.custom_domain(&format!("api.{domain}")).await["tags"]), with_theirs);
    assert_eq!(pairs(&world.apis(domain).await[0]["tags"]), marks(false));
    let stage = world.rest("apigateway", Method::GET, &format!("/v2/apis/{api}/stages/$default"), None).await;
    assert_eq!(pairs(&stage["tags"]), marks(false));
    assert_eq!(pairs(&world.api_parts(api, "stages").await[0]["tags"]), marks(false));

    let again = world.run(&wish).await;
    assert_eq!(writes(&world, &again.arn).await, [""; 0]);
}
