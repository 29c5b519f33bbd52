//! The examples of the README, of `docs/requests.md` and its pages, and of `docs/retire.md`: each is a request, fits the
//! schema, and can be planned.

use e2e::World;
use http::Method;
use nameplate::{Request, RetireRequest};
use serde_json::{Value, json};

fn file(name: &str) -> String {
    let path = format!("{}/../../{name}", env!("CARGO_MANIFEST_DIR"));
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// The JSON blocks of the page, each with the heading above it.
fn examples(page: &str) -> Vec<(String, Value)> {
    let mut examples = Vec::new();
    for section in page.split("\n## ").skip(1) {
        let heading = section.lines().next().unwrap_or_default();
        for block in section.split("```json\n").skip(1) {
            let text = block.split("\n```").next().unwrap_or_default();
            let value = serde_json::from_str(text).unwrap_or_else(|error| panic!("{heading}: {error}"));
            examples.push((heading.to_owned(), value));
        }
    }
    examples
}

/// The pages of requests, with what stands above each of their examples.
fn pages() -> Vec<(&'static str, Vec<(String, Value)>)> {
    let readme = file("README.md");
    let (_, kinds) = readme.split_once("<!-- kinds:begin -->").expect("a beginning");
    let (kinds, _) = kinds.split_once("<!-- kinds:end -->").expect("an end");
    let mut pages = vec![("README.md", examples(&format!("\n## Kinds of names{kinds}")))];
    for page in ["docs/requests.md", "docs/requests/names.md", "docs/requests/api.md", "docs/requests/records.md"] {
        pages.push((page, examples(&file(page))));
    }
    pages
}

/// Makes the world that an example speaks of; gives back what it must be asked with, where that is not known before.
async fn prepared(world: &World, example: &Value) -> Value {
    let mut wish = example.clone();
    // One zone of the name for all examples: of several a name below it could not say in which it lies.
    let zones = world.zones("my-ai-service.com").await;
    let owned = match zones.first() {
        None => json!({"state": "owned"}),
        Some(zone) => json!({"state": "owned", "createZone": false, "nameServers": world.name_servers(zone).await}),
    };
    let elsewhere = json!(["ns-1.elsewhere.example"]);
    let state = match example {
        _ if !example["registration"].is_null() => json!({"state": "available"}),
        _ if example["nameServers"] == "correct" => {
            json!({"state": "owned", "createZone": false, "nameServers": elsewhere})
        }
        _ if example["dns"] == "external" => json!({"state": "elsewhere", "nameServers": elsewhere}),
        _ => owned,
    };
    world.registry("my-ai-service.com", state).await;
    let name = example["domainName"].as_str().expect("a name");
    if name != "my-ai-service.com" && world.zones("my-ai-service.com").await.is_empty() {
        world.make_zone("my-ai-service.com").await;
    }
    if !example["api"]["existing"].is_null() {
        let protocol = json!({"name": "of-somebody", "protocolType": "HTTP"});
        let api = world.rest("apigateway", Method::POST, "/v2/apis", Some(&protocol)).await["apiId"].clone();
        let stages = format!("/v2/apis/{}/stages", api.as_str().expect("an id"));
        let stage = json!({"stageName": example["api"]["existing"]["stage"]});
        world.rest("apigateway", Method::POST, &stages, Some(&stage)).await;
        wish["api"]["existing"]["apiId"] = api;
    }
    wish["dryRun"] = json!(true);
    wish
}

#[tokio::test]
async fn every_example_is_a_request_that_fits_the_schema_and_can_be_planned() {
    let world = World::deployed();
    let schema: Value = serde_json::from_str(&file("schema/request.schema.json")).expect("JSON");
    let validator = jsonschema::validator_for(&schema).expect("a schema");
    for (page, examples) in pages() {
        assert!(!examples.is_empty(), "no example on {page}");
        for (heading, example) in examples {
            let place = format!("{page}, {heading}");
            Request::parse(&example).unwrap_or_else(|error| panic!("{place}: {error}"));
            let problems: Vec<String> = validator.iter_errors(&example).map(|error| error.to_string()).collect();
            assert_eq!(problems, [""; 0], "{place}");
            let ended = world.run(&prepared(&world, &example).await).await;
            assert_eq!(ended.status, "SUCCEEDED", "{place}: {} {}", ended.error, ended.cause);
            assert!(ended.output["report"]["lines"].as_array().is_some_and(|lines| lines.len() > 1), "{place}");
        }
    }
}

#[test]
fn each_heading_has_an_example_and_each_kind_of_name_one_in_the_readme() {
    for (page, examples) in pages() {
        let of_page = file(page);
        let headings: Vec<&str> = of_page.split("\n## ").skip(1).filter_map(|part| part.lines().next()).collect();
        for heading in headings.into_iter().filter(|_| page != "README.md") {
            assert!(examples.iter().any(|(of, _)| of == heading), "{page}: no example below {heading}");
        }
    }
    let (_, kinds) = pages().remove(0);
    let has = |test: &dyn Fn(&Value) -> bool| kinds.iter().any(|(_, example)| test(example));
    assert!(has(&|example| example["nameServers"] == "correct"));
    assert!(has(&|example| example.as_object().is_some_and(|fields| fields.len() == 2)), "registered elsewhere");
    assert!(has(&|example| !example["hostedZone"].is_null()));
    assert!(has(&|example| example["dns"] == "external"));
    assert!(has(&|example| example["certificate"]["validation"] == "EMAIL"));
    assert!(has(&|example| example["api"]["hostname"] == example["domainName"]));
}

#[tokio::test]
async fn every_retirement_is_one_that_fits_the_schema_and_can_be_planned() {
    let (world, page) = (World::deployed(), file("docs/retire.md"));
    let schema: Value = serde_json::from_str(&file("schema/retire.schema.json")).expect("JSON");
    let validator = jsonschema::validator_for(&schema).expect("a schema");
    let examples = examples(&page);
    assert_eq!(examples.len(), 5);
    for (heading, example) in examples {
        let request = RetireRequest::read(&example.to_string()).unwrap_or_else(|error| panic!("{heading}: {error}"));
        let problems: Vec<String> = validator.iter_errors(&example).map(|error| error.to_string()).collect();
        assert_eq!(problems, [""; 0], "{heading}");
        // A domain that the stack knows.
        let item = json!({"id": {"S": format!("domain#{}", request.domain_name)}, "status": {"S": "FAILED"}});
        world.json("dynamodb", "DynamoDB_20120810.PutItem", &json!({"TableName": world.table(), "Item": item})).await;
        let mut wish = example;
        wish["dryRun"] = json!(true);
        let report = world.run_of(&world.retire_machine(), &wish).await.live();
        assert_eq!(report["goes"], json!([]), "{heading}");
    }
}
