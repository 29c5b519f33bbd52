//! The examples of `docs/requests.md` and `docs/retire.md`: each is a request, fits the schema, and can be planned.

use e2e::World;
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

#[tokio::test]
async fn every_example_is_a_request_that_fits_the_schema_and_can_be_planned() {
    let (world, page) = (World::deployed(), file("docs/requests.md"));
    let schema: Value = serde_json::from_str(&file("schema/request.schema.json")).expect("JSON");
    let validator = jsonschema::validator_for(&schema).expect("a schema");
    let examples = examples(&page);
    assert_eq!(examples.len(), page.matches("\n## ").count(), "one example below each heading");
    for (heading, example) in examples {
        Request::parse(&example).unwrap_or_else(|error| panic!("{heading}: {error}"));
        let problems: Vec<String> = validator.iter_errors(&example).map(|error| error.to_string()).collect();
        assert_eq!(problems, [""; 0], "{heading}");
        let mut wish = example;
        wish["dryRun"] = json!(true);
        let ended = world.run(&wish).await;
        assert_eq!(ended.status, "SUCCEEDED", "{heading}: {} {}", ended.error, ended.cause);
    }
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
