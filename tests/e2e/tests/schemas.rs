//! What users send and get is what the checked-in schemas say. The events of whole runs are taken from the bus.

use std::collections::BTreeSet;

use e2e::{Backend, Events, World, problems, request, retirement};
use serde_json::{Value, json};

/// The detail-types of these events, sorted. That each fits its schema has been seen to when it was taken.
fn detail_types(published: &[Value]) -> Vec<String> {
    let of = |event: &Value| event["detail-type"].as_str().expect("a detail-type").to_owned();
    let mut types: Vec<String> = published.iter().map(of).collect();
    types.sort();
    types
}

/// The result that the README shows.
fn shown() -> Value {
    let readme = concat!(env!("CARGO_MANIFEST_DIR"), "/../../README.md");
    let text = std::fs::read_to_string(readme).expect("the README");
    let examples = text.split("```json\n").skip(1).filter_map(|rest| rest.split("```").next());
    let mut examples = examples.filter_map(|example| serde_json::from_str::<Value>(example).ok());
    examples.find(|example| !example["apiEndpoint"].is_null()).expect("a result")
}

fn fields(of: &Value) -> BTreeSet<&String> {
    of.as_object().into_iter().flatten().map(|(name, _)| name).collect()
}

#[tokio::test]
async fn everything_that_a_bought_name_sends_and_gets_fits_its_schema() {
    let (world, backend) = (World::deployed(), Backend::start().await);
    let domain = "schema-live.com";
    // Whichever test was first to buy with the registrant's address.
    world.registry(domain, json!({"state": "available", "reachability": "DONE"})).await;
    let events = Events::about(&world, domain).await;
    let request = request(domain, &backend.url("/models"));
    assert_eq!(problems("request", &request), [""; 0]);

    let result = world.run(&request).await.live();
    assert_eq!(problems("result", &result), [""; 0]);
    assert_eq!(result["version"], 1);
    let seen = detail_types(&events.take_up_to("Domain Live").await);
    assert_eq!(
        seen,
        ["Default Endpoint Live", "Domain Live", "Domain Registered", "Domain Registration Completed"],
        "each once"
    );

    let shown = shown();
    assert_eq!(problems("result", &shown), [""; 0]);
    assert_eq!(fields(&shown), fields(&result), "what the README shows");
    assert_eq!(fields(&shown["registration"]), fields(&result["registration"]), "what the README shows");

    let mut dry = request;
    dry["dryRun"] = json!(true);
    let said = world.run(&dry).await.live();
    assert_eq!(problems("dry-run", &said), [""; 0]);

    // The check itself can fail.
    let mut broken = result.clone();
    broken["apiId"] = json!(7);
    assert_eq!(problems("result", &broken).len(), 1);
    broken["apiId"] = result["apiId"].clone();
    broken["registration"]["pricePaid"]["surprise"] = json!(true);
    let [problem] = &problems("result", &broken)[..] else { panic!("one problem expected") };
    assert!(problem.contains("surprise"), "{problem}");
}

#[tokio::test]
async fn what_a_name_sends_and_gets_that_is_asked_about_by_e_mail_fits_its_schema() {
    let (world, backend) = (World::deployed(), Backend::start().await);
    let domain = "schema-email.com";
    world.registry(domain, json!({"state": "owned"})).await;
    let events = Events::about(&world, domain).await;
    let mut wish = request(domain, &backend.url("/models"));
    wish["certificate"] = json!({"validation": "EMAIL", "validationDomain": domain, "resendEmail": false});
    assert_eq!(problems("request", &wish), [""; 0]);
    let execution = world.start(world.machine(), &wish).await;
    let mut published = events.take_up_to("Action Required").await;
    world.click_for(&world.certificates(domain).await[0], &[domain, "*.schema-email.com"]).await;
    let result = world.ended(&execution).await.live();
    assert_eq!(problems("result", &result), [""; 0]);
    assert_eq!(result["certificateValidation"]["method"], "EMAIL");
    published.extend(events.take_up_to("Domain Live").await);
    assert_eq!(detail_types(&published), ["Action Required", "Default Endpoint Live", "Domain Live"]);
    let mut broken = result.clone();
    broken["certificateValidation"]["until"] = json!(7);
    assert_eq!(problems("result", &broken).len(), 1, "the check itself can fail");
}

#[tokio::test]
async fn what_a_retirement_sends_and_gets_fits_its_schema() {
    let (world, backend) = (World::deployed(), Backend::start().await);
    let domain = "schema-retired.com";
    let _ = world.run(&request(domain, &backend.url("/models"))).await.live();
    let events = Events::about(&world, domain).await;
    let whole = json!({"version": 1, "autoRenew": "off", "acceptDelegated": true, "dryRun": true});
    assert_eq!(problems("retire", &retirement(domain, &whole)), [""; 0]);
    let said = world.retire(domain, &whole).await.live();
    assert_eq!(problems("retire-dry-run", &said), [""; 0]);
    let result = world.retire(domain, &json!({})).await.live();
    assert_eq!(problems("retire-result", &result), [""; 0]);
    assert_eq!(detail_types(&events.take_up_to("Domain Retired").await), ["Domain Retired"]);
}

#[tokio::test]
async fn a_failure_fits_its_schema_whether_or_not_it_names_a_domain() {
    let world = World::deployed();
    let domain = "schema-failed.com";
    let events = Events::about(&world, domain).await;
    let mut wish = request(domain, "https://models.example.net/");
    wish["version"] = json!(2);
    let reason = world.run(&wish).await.refused("Nameplate.InvalidRequest");
    assert!(reason.contains("version"), "{reason}");
    assert_eq!(detail_types(&events.take_up_to("Domain Failed").await), ["Domain Failed"]);

    let nameless = Events::all(&world, "schema-nameless").await;
    let reason = world.run(&json!({"domainName": 7})).await.refused("Nameplate.InvalidRequest");
    assert!(reason.contains("domainName"), "{reason}");
    loop {
        // The bus is shared: other runs fail too.
        let published = nameless.take_up_to("Domain Failed").await;
        let failed = Events::of_type(&published, "Domain Failed");
        if failed.iter().any(|detail| detail["domainName"].is_null()) {
            return;
        }
    }
}
