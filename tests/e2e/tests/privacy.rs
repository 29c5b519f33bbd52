//! The registrant's personal data stays in Secrets Manager: runs whose contact is marked in every field, and
//! a search for the marks in everything that the runs leave behind.

use std::time::Duration;

use e2e::{Backend, Events, Finding, Place, Traces, World, request};
use serde_json::{Value, json};

/// What stands in the contact, and must stand nowhere else. Every value is invented; the numbers are from the
/// range that is kept free for inventions.
const MARKS: [&str; 14] = [
    "Zzfirstmark",
    "Zzlastmark",
    "Zzcompanymark Ltd",
    "17 Zzstreetmark Lane",
    "Zzfloormark 4",
    "Zzcitymark",
    "Zzstatemark",
    "Zz-98-zipmark",
    "+1.2065550187",
    "+1.2065550188",
    "zzmailmark@example.com",
    "Zzvatmark",
    "Zzpassportmark",
    // Parts of the above, as somebody could shorten them.
    "2065550187",
];

/// A word of the request that is no secret, so that finding it shows that a place was searched.
const CONTROL: &str = "zzcontrolword";

/// How often the traces are gathered until what must be in them has arrived there, and how long apart: a
/// function's output reaches the logs only after the execution that it woke has gone on.
const LOOKS: usize = 100;
const LOOK_EVERY: Duration = Duration::from_millis(200);

/// A company's contact with a mark in every field that is not one of few fixed words.
fn contact() -> Value {
    json!({
        "firstName": MARKS[0], "lastName": MARKS[1], "contactType": "COMPANY", "organizationName": MARKS[2],
        "addressLine1": MARKS[3], "addressLine2": MARKS[4], "city": MARKS[5], "state": MARKS[6],
        "countryCode": "AQ", "zipCode": MARKS[7], "phoneNumber": MARKS[8], "fax": MARKS[9], "email": MARKS[10],
        "extraParams": [{"name": "VAT_NUMBER", "value": MARKS[11]}, {"name": "RU_PASSPORT_DATA", "value": MARKS[12]}],
    })
}

/// Stores `contact` under a name that the stack may read.
async fn store(world: &World, name: &str, contact: &Value) {
    let body = json!({"Name": name, "SecretString": contact.to_string(), "ClientRequestToken": format!("{name:->40}")});
    world.json("secretsmanager", "secretsmanager.CreateSecret", &body).await;
}

/// A request that buys `domain` for the contact in the secret `name`.
fn marked_request(domain: &str, name: &str, url: &str) -> Value {
    let mut request = request(domain, url);
    request["registration"]["contactSecret"] = json!(name);
    request["tags"]["team"] = json!(CONTROL);
    request
}

#[tokio::test]
async fn marks_in_the_contact_are_found_nowhere_but_in_the_secret() {
    let (world, backend) = (World::deployed(), Backend::start().await);
    let (bought, incomplete, refused) = ("marked-bought.com", "marked-incomplete.com", "marked-refused.com");
    let (whole, without_company) = ("nameplate/marked", "nameplate/marked-incomplete");
    store(&world, whole, &contact()).await;
    let mut nameless = contact();
    nameless.as_object_mut().expect("an object").remove("organizationName");
    store(&world, without_company, &nameless).await;
    // A registry that says no, and quotes all of what it was given.
    let quoting = format!("PhoneNumber is not valid: {}", MARKS.join(", "));
    let failing = json!({"state": "available", "registration": {"outcome": "FAILED", "message": quoting}});
    world.registry(refused, failing).await;
    let events = Events::all(&world, "events-privacy").await;

    let url = backend.url("/models");
    let requests = [
        marked_request(bought, whole, &url),
        marked_request(incomplete, without_company, &url),
        marked_request(refused, whole, &url),
    ];
    let (live, invalid, failed) =
        tokio::join!(world.run(&requests[0]), world.run(&requests[1]), world.run(&requests[2]));

    let arns = [live.arn.clone(), invalid.arn.clone(), failed.arn.clone()];
    let result = live.live();
    assert!(invalid.refused("Nameplate.InvalidRequest").contains("organizationName"));
    let reason = failed.refused("Nameplate.Failed");
    assert!(reason.contains("naming PhoneNumber"), "the field is named: {reason}");
    // The contact was used: the registrar has it.
    let input = json!({"DomainName": bought});
    let detail = world.json("route53domains", "Route53Domains_v20140515.GetDomainDetail", &input).await;
    let mut registrar = Traces::default();
    registrar.add(Place::Secret, bought, &detail["RegistrantContact"].to_string());
    for mark in MARKS {
        assert!(!registrar.holding(mark).is_empty(), "{mark} did not reach the registrar: {detail}");
    }

    let certificate = result["certificateArn"].as_str().expect("an ARN");
    let traces =
        gathered(&world, &arns, &events, whole, &[(bought, &SAID_OF_A_BOUGHT_NAME), (certificate, &WOKEN)]).await;

    // The search finds what is there: every mark in the secret, words of the request wherever they go.
    for mark in MARKS {
        let places: Vec<Finding> = traces.holding(mark);
        assert!(places.iter().any(|finding| finding.place == Place::Secret), "{mark} is not in the secret");
        let open: Vec<String> = places.iter().filter(|f| f.place != Place::Secret).map(ToString::to_string).collect();
        assert!(open.is_empty(), "{mark} stands in {open:#?}");
    }
    for place in [Place::History, Place::Description, Place::Table] {
        assert!(traces.places_of(CONTROL).contains(&place), "{CONTROL} is not in {place:?}");
    }
    for domain in [incomplete, refused] {
        let places = traces.places_of(domain);
        for place in [Place::History, Place::Description, Place::Logs, Place::Events, Place::Record] {
            assert!(places.contains(&place), "{domain} is not in {place:?}");
        }
    }
}

/// Where the name of a domain that was bought must be found.
const SAID_OF_A_BOUGHT_NAME: [Place; 6] =
    [Place::History, Place::Description, Place::Logs, Place::Events, Place::Table, Place::Record];
/// Where the ARN of a certificate must be found whose event woke an execution; `resume` logs it, and the
/// emulator prints what asynchronous functions print.
const WOKEN: [Place; 2] = [Place::Logs, Place::EmulatorLog];

/// The traces of the executions, once each of these words is in its places; and the secret.
async fn gathered(
    world: &World,
    executions: &[String],
    events: &Events,
    secret: &str,
    expected: &[(&str, &[Place])],
) -> Traces {
    let executions: Vec<&str> = executions.iter().map(String::as_str).collect();
    let mut caught = Vec::new();
    let mut missing = Vec::new();
    for _ in 0..LOOKS {
        let mut traces = world.traces(&executions).await;
        caught.append(&mut events.arrived().await);
        for event in &caught {
            traces.add(Place::Events, event["id"].to_string(), &event.to_string());
        }
        missing.clear();
        for (word, places) in expected {
            let found = traces.places_of(word);
            missing
                .extend(places.iter().filter(|place| !found.contains(place)).map(|place| format!("{word} {place:?}")));
        }
        if missing.is_empty() {
            let value =
                world.json("secretsmanager", "secretsmanager.GetSecretValue", &json!({"SecretId": secret})).await;
            traces.add(Place::Secret, secret, &value.to_string());
            return traces;
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
    panic!("these were never found, so that nothing is known of their places: {missing:#?}");
}
