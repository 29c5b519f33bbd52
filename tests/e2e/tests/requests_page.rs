//! The examples of the README, of `docs/requests.md` and its pages, and of `docs/retire.md`: each is a request, fits the
//! schema, and is planned as its kind of name says.

use e2e::{World, problems};
use http::Method;
use nameplate::{Request, RetireRequest};
use serde_json::{Value, json};

fn file(name: &str) -> String {
    let path = format!("{}/../../{name}", env!("CARGO_MANIFEST_DIR"));
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// A JSON block of a page.
struct Example {
    /// The heading above it.
    heading: String,
    /// The line above it.
    lead: String,
    request: Value,
}

/// The JSON blocks of the page.
fn examples(page: &str) -> Vec<Example> {
    let mut examples = Vec::new();
    for section in page.split("\n## ").skip(1) {
        let heading = section.lines().next().unwrap_or_default();
        let mut parts = section.split("```json\n");
        let mut above = parts.next().unwrap_or_default();
        for part in parts {
            let lead = above.lines().rfind(|line| !line.is_empty()).unwrap_or_default().to_owned();
            let text = part.split("\n```").next().unwrap_or_default();
            let request = serde_json::from_str(text).unwrap_or_else(|error| panic!("{heading}: {error}"));
            examples.push(Example { heading: heading.to_owned(), lead, request });
            above = part;
        }
    }
    examples
}

/// The pages of requests, with their examples.
fn pages() -> Vec<(&'static str, Vec<Example>)> {
    let readme = file("README.md");
    let (_, kinds) = readme.split_once("<!-- kinds:begin -->").expect("a beginning");
    let (kinds, _) = kinds.split_once("<!-- kinds:end -->").expect("an end");
    let mut pages = vec![("README.md", examples(&format!("\n## Kinds of names{kinds}")))];
    for page in ["docs/requests.md", "docs/requests/names.md", "docs/requests/api.md", "docs/requests/records.md"] {
        pages.push((page, examples(&file(page))));
    }
    pages
}

/// The domain of the examples; each kind of name has one of its own in its place, and so a world of its own.
const DOMAIN: &str = "my-ai-service.com";
/// Stands for the id of the domain's hosted zone.
const ZONE: &str = "ZONE";

/// A kind of name: which examples are of it, how its domain stands, and what a plan must say of it.
struct Kind {
    what: &'static str,
    has: fn(&Example) -> bool,
    domain: &'static str,
    registry: &'static str,
    says: &'static [&'static str],
    says_nothing_of: &'static [&'static str],
}

const OWNED: &str = r#"{"state": "owned"}"#;
const ELSEWHERE: &str = r#"{"state": "elsewhere", "nameServers": ["ns-1.elsewhere.example"]}"#;
const NOT_MANAGED: &str =
    "EXISTS registration my-ai-service.com, not registered in this account; without `registration` it is not bought";

/// An example is of the first kind that has it.
const KINDS: [Kind; 9] = [
    Kind {
        what: "to buy",
        has: |example| !example.request["registration"].is_null(),
        domain: "page-to-buy.com",
        registry: r#"{"state": "available"}"#,
        says: &["BUY registration my-ai-service.com", "CREATE hosted zone my-ai-service.com"],
        says_nothing_of: &["name servers"],
    },
    Kind {
        what: "delegated elsewhere",
        has: |example| example.request["nameServers"] == "correct",
        domain: "page-delegated.com",
        registry: r#"{"state": "owned", "createZone": false, "nameServers": ["ns-1.elsewhere.example"]}"#,
        says: &[
            "EXISTS registration my-ai-service.com",
            "CHANGE name servers my-ai-service.com, from ns-1.elsewhere.example to those of the hosted zone",
        ],
        says_nothing_of: &[],
    },
    Kind {
        what: "registered elsewhere",
        // Nothing in the request tells it from one that is registered here.
        has: |example| [&example.heading, &example.lead].iter().any(|text| text.contains("egistered elsewhere")),
        domain: "page-elsewhere.com",
        registry: ELSEWHERE,
        says: &[NOT_MANAGED, "CREATE hosted zone my-ai-service.com"],
        says_nothing_of: &["name servers"],
    },
    Kind {
        what: "in the customer's own DNS",
        has: |example| example.request["dns"] == "external",
        domain: "page-own-dns.com",
        registry: ELSEWHERE,
        says: &[NOT_MANAGED],
        says_nothing_of: &["hosted zone"],
    },
    Kind {
        what: "asked about by e-mail",
        has: |example| example.request["certificate"]["validation"] == "EMAIL",
        domain: "page-by-email.com",
        registry: OWNED,
        says: &[r#"certificate.validation: "EMAIL""#, r#"certificate.validationDomain: "my-ai-service.com""#],
        says_nothing_of: &["name servers"],
    },
    Kind {
        what: "below a zone",
        has: |example| !example.request["hostedZone"].is_null(),
        domain: "page-below.com",
        registry: OWNED,
        says: &["EXISTS hosted zone ZONE"],
        says_nothing_of: &["name servers"],
    },
    Kind {
        what: "taken over",
        has: |example| example.request["adopt"] == true,
        domain: "page-taken-over.com",
        registry: OWNED,
        says: &["ADOPT record api.my-ai-service.com A ("],
        says_nothing_of: &["name servers"],
    },
    Kind {
        what: "that answers itself",
        has: |example| example.request["api"]["hostname"] == example.request["domainName"],
        domain: "page-itself.com",
        registry: OWNED,
        says: &["CREATE custom domain my-ai-service.com", "CREATE alias records my-ai-service.com"],
        says_nothing_of: &["name servers"],
    },
    Kind {
        what: "registered here",
        has: |_| true,
        domain: "page-owned.com",
        registry: OWNED,
        says: &["EXISTS registration my-ai-service.com", "CHANGE hosted zone ZONE"],
        says_nothing_of: &["name servers"],
    },
];

impl Kind {
    fn of(example: &Example) -> &'static Self {
        KINDS.iter().find(|kind| (kind.has)(example)).expect("the last one has all")
    }

    /// Makes its world.
    async fn prepare(&self, world: &World) {
        world.registry(self.domain, serde_json::from_str(self.registry).expect("JSON")).await;
        match self.what {
            // A closer one, so that it matters which zone the request names.
            "below a zone" => world.make_zone(&format!("acme.{}", self.domain)).await,
            "taken over" => {
                let zone = &world.zones(self.domain).await[0];
                world.write_record(zone, &format!("api.{}", self.domain), "A", "192.0.2.9").await;
            }
            _ => {}
        }
    }

    /// What the plan of an example must say.
    async fn expected(&self, world: &World) -> Vec<String> {
        let zone = world.zones(self.domain).await.first().cloned().unwrap_or_default();
        self.says.iter().map(|line| line.replace(DOMAIN, self.domain).replace(ZONE, &zone)).collect()
    }
}

/// The request of an example for another domain, with the API that it speaks of, which is not made.
async fn asked(world: &World, example: &Value, domain: &str) -> Value {
    let mut wish: Value = serde_json::from_str(&example.to_string().replace(DOMAIN, domain)).expect("JSON");
    if !wish["api"]["existing"].is_null() {
        let protocol = json!({"name": "of-somebody", "protocolType": "HTTP"});
        let api = world.rest("apigateway", Method::POST, "/v2/apis", Some(&protocol)).await["apiId"].clone();
        let stages = format!("/v2/apis/{}/stages", api.as_str().expect("an id"));
        let stage = json!({"stageName": wish["api"]["existing"]["stage"]});
        world.rest("apigateway", Method::POST, &stages, Some(&stage)).await;
        wish["api"]["existing"]["apiId"] = api;
    }
    wish["dryRun"] = json!(true);
    wish
}

/// What a report says, one line for each resource and for each of its fields: `CREATE API a.com`, `API.protocol: "HTTP"`.
fn said(report: &Value) -> Vec<String> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let mut said = Vec::new();
    for line in report["resources"].as_array().expect("resources") {
        let resource = text(&line["resource"]);
        said.push(format!("{} {resource} {}", text(&line["action"]), text(&line["name"])));
        let changes = line["changes"].as_array().into_iter().flatten();
        said.extend(changes.map(|change| format!("{resource}.{}: {}", text(&change["field"]), change["after"])));
    }
    said
}

#[tokio::test]
async fn every_example_is_a_request_that_fits_the_schema_and_is_planned_as_its_kind_of_name_says() {
    let world = World::deployed();
    for kind in &KINDS {
        kind.prepare(&world).await;
    }
    for (page, examples) in pages() {
        assert!(!examples.is_empty(), "no example on {page}");
        for example in examples {
            let kind = Kind::of(&example);
            let place = format!("{page}, {}, {}, as {}", example.heading, example.lead, kind.what);
            Request::parse(&example.request).unwrap_or_else(|error| panic!("{place}: {error}"));
            assert_eq!(problems("request", &example.request), [""; 0], "{place}");
            let ended = world.run(&asked(&world, &example.request, kind.domain).await).await;
            assert_eq!(ended.status, "SUCCEEDED", "{place}: {} {}", ended.error, ended.cause);
            let said = said(&ended.live()["report"]);
            for line in kind.expected(&world).await {
                let is_said = |said: &String| *said == line || line.ends_with('(') && said.starts_with(&line);
                assert!(said.iter().any(is_said), "{place}: no `{line}` in {said:#?}");
            }
            for resource in kind.says_nothing_of {
                let is_said = said.iter().any(|said| said.contains(&format!(" {resource} ")));
                assert!(!is_said, "{place}: `{resource}` in {said:#?}");
            }
        }
    }
}

#[test]
fn each_heading_has_an_example_and_each_kind_of_name_one_in_the_readme() {
    for (page, examples) in pages() {
        let of_page = file(page);
        let headings: Vec<&str> = of_page.split("\n## ").skip(1).filter_map(|part| part.lines().next()).collect();
        for heading in headings.into_iter().filter(|_| page != "README.md") {
            assert!(examples.iter().any(|example| example.heading == heading), "{page}: no example below {heading}");
        }
    }
    let (_, of_readme) = pages().remove(0);
    for kind in KINDS.iter().filter(|kind| !["to buy", "taken over", "registered here"].contains(&kind.what)) {
        assert!(of_readme.iter().any(|example| Kind::of(example).what == kind.what), "no name {}", kind.what);
    }
}

#[tokio::test]
async fn every_retirement_is_one_that_fits_the_schema_and_can_be_planned() {
    let (world, page) = (World::deployed(), file("docs/retire.md"));
    let examples = examples(&page);
    assert_eq!(examples.len(), 5);
    for Example { heading, request: example, .. } in examples {
        let request = RetireRequest::read(&example.to_string()).unwrap_or_else(|error| panic!("{heading}: {error}"));
        assert_eq!(problems("retire", &example), [""; 0], "{heading}");
        // A domain that the stack knows.
        let item = json!({"id": {"S": format!("domain#{}", request.domain_name)}, "status": {"S": "FAILED"}});
        world.json("dynamodb", "DynamoDB_20120810.PutItem", &json!({"TableName": world.table(), "Item": item})).await;
        let mut wish = example;
        wish["dryRun"] = json!(true);
        let report = world.run_of(&world.retire_machine(), &wish).await.live();
        assert_eq!(report["goes"], json!([]), "{heading}");
    }
}
