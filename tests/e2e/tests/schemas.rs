//! What users send and get is what the checked-in schemas say. The events of whole runs are taken from the bus.

use e2e::{Backend, Events, World, request, retirement};
use serde_json::{Value, json};

/// The schemas of the events, by detail-type.
const EVENTS: [(&str, &str); 8] = [
    ("Action Required", "events/action-required"),
    ("Default Endpoint Live", "events/default-endpoint-live"),
    ("Domain Failed", "events/domain-failed"),
    ("Domain Live", "events/domain-live"),
    ("Domain Registered", "events/domain-registered"),
    ("Domain Retired", "events/domain-retired"),
    ("Domain Registration Completed", "events/domain-registration-ended"),
    ("Domain Registration Failed", "events/domain-registration-ended"),
];

/// The checked-in schema of this name.
fn schema(name: &str) -> Value {
    let file = format!("{}/../../schema/{name}.schema.json", env!("CARGO_MANIFEST_DIR"));
    let text = std::fs::read_to_string(&file).unwrap_or_else(|error| panic!("{file}: {error}"));
    serde_json::from_str(&text).expect("a schema is JSON")
}

/// What is wrong with a document, which also must have no field that the schema does not name.
fn problems(name: &str, document: &Value) -> Vec<String> {
    let schema = schema(name);
    let validator = jsonschema::validator_for(&schema).expect("a schema");
    let mut problems: Vec<String> = validator.iter_errors(document).map(|error| error.to_string()).collect();
    let unknown = document.as_object().expect("an object").keys().filter(|key| schema["properties"][key].is_null());
    problems.extend(unknown.map(|key| format!("{key} is not in the schema")));
    problems
}

fn check_events(published: &[Value]) -> Vec<String> {
    let mut seen = Vec::new();
    for event in published {
        let detail_type = event["detail-type"].as_str().expect("a detail-type");
        let (_, name) = EVENTS.iter().find(|(known, _)| *known == detail_type).expect("an event with a schema");
        assert_eq!(problems(name, &event["detail"]), [""; 0], "{event}");
        seen.push(detail_type.to_owned());
    }
    seen.sort();
    seen
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
    let seen = check_events(&events.take_up_to("Domain Live").await);
    assert_eq!(
        seen,
        ["Default Endpoint Live", "Domain Live", "Domain Registered", "Domain Registration Completed"],
        "each once"
    );

    let mut dry = request;
    dry["dryRun"] = json!(true);
    let said = world.run(&dry).await.live();
    assert_eq!(problems("dry-run", &said), [""; 0]);

    // The check itself can fail.
    let mut broken = result.clone();
    broken["apiId"] = json!(7);
    assert_eq!(problems("result", &broken).len(), 1);
    broken["apiId"] = result["apiId"].clone();
    broken["surprise"] = json!(true);
    assert_eq!(problems("result", &broken), ["surprise is not in the schema"]);
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
    assert_eq!(check_events(&published), ["Action Required", "Default Endpoint Live", "Domain Live"]);
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
    assert_eq!(check_events(&events.take_up_to("Domain Retired").await), ["Domain Retired"]);
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
    assert_eq!(check_events(&events.take_up_to("Domain Failed").await), ["Domain Failed"]);

    let nameless = Events::all(&world, "schema-nameless").await;
    let reason = world.run(&json!({"domainName": 7})).await.refused("Nameplate.InvalidRequest");
    assert!(reason.contains("domainName"), "{reason}");
    loop {
        // The bus is shared: other tests put events onto it that Nameplate did not send.
        let published = nameless.take_up_to("Domain Failed").await;
        let failed: Vec<Value> =
            published.into_iter().filter(|event| event["detail-type"] == "Domain Failed").collect();
        check_events(&failed);
        if failed.iter().any(|event| event["detail"]["domainName"].is_null()) {
            return;
        }
    }
}
