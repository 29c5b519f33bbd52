//! What bad input gets: a failure with a name, the field, the problem and the remedy, and an untouched world.

use e2e::{Backend, Events, World, request};
use serde_json::{Value, json};

/// Runs `input`, expects it to fail with `error` and a reason that holds `problem`, and the world untouched.
async fn refused(world: &World, domain: &str, input: &Value, error: &str, problem: &str) {
    let events = Events::about(world, domain).await;
    let ended = world.run(input).await;
    let reason = ended.refused(error);
    assert!(reason.contains(problem), "{domain}: {reason}");
    assert_eq!(world.states(&ended.arn).await, ["Plan", "AnnounceFailure", "Failed"], "nothing was written");
    let published = events.take_up_to("Domain Failed").await;
    let failed = Events::of_type(&published, "Domain Failed");
    assert_eq!(failed.len(), 1, "{published:?}");
    assert_eq!((&failed[0]["error"], &failed[0]["reason"]), (&json!(error), &json!(reason)));
    assert_eq!(world.item(domain).await, Value::Null);
    assert!(world.charges(domain).await.is_empty());
}

/// `input` with the value at `pointer` replaced.
fn with(mut input: Value, pointer: &str, value: Value) -> Value {
    let (parent, key) = pointer.rsplit_once('/').expect("a pointer");
    input.pointer_mut(parent).and_then(Value::as_object_mut).expect("an object").insert(key.to_owned(), value);
    input
}

#[tokio::test]
async fn a_request_that_breaks_the_schema_is_refused_by_field() {
    let world = World::deployed();
    let fine = request("schema.com", "https://backend.example.net/");
    let cases = [
        ("unknown-field.com", "/api/rout", json!([]), "api.rout"),
        ("wrong-type.com", "/dryRun", json!("yes"), "dryRun"),
        ("bad-years.com", "/registration/years", json!(11), "registration.years"),
        ("bad-hostname.com", "/api/hostname", json!("api.example.org"), "api.hostname"),
        (
            "bad-route.com",
            "/api/routes",
            json!([{"route": "FETCH /", "url": "https://a.example/"}]),
            "api.routes[0].route",
        ),
        ("no-target.com", "/api/routes", json!([{"route": "GET /"}]), "api.routes[0]"),
        (
            "bad-names.com",
            "/certificate",
            json!({"alternativeNames": ["*.example.org"]}),
            "certificate.alternativeNames[0]",
        ),
    ];
    for (domain, pointer, value, field) in cases {
        let input = with(with(fine.clone(), "/domainName", json!(domain)), pointer, value);
        refused(&world, domain, &input, "Nameplate.InvalidRequest", field).await;
    }
}

#[tokio::test]
async fn input_that_is_no_request_at_all_is_refused_too() {
    let world = World::deployed();
    for input in
        [json!({}), json!([1]), json!("text"), json!(null), json!({"domainName": "co.uk", "api": {"routes": []}})]
    {
        let ended = world.run(&input).await;
        assert!(!ended.refused("Nameplate.InvalidRequest").is_empty());
    }
}

#[tokio::test]
async fn too_much_of_anything_is_refused_in_few_words() {
    let world = World::deployed();
    let fine = |domain: &str| request(domain, "https://backend.example.net/");
    // As much as Step Functions takes, with some room for what it wraps around it.
    let large = with(fine("large.com"), "/tags/team", json!("x".repeat(255 * 1024)));
    let nested = (0..150).fold(json!(1), |inner, _| json!([inner]));
    let deep = with(fine("deep.com"), "/tags/team", nested);
    let routes: Value = (0..10_000).map(|n| json!({"route": format!("GET /{n}")})).collect();
    let many = json!({"domainName": "many-routes.com", "api": {"routes": routes}});
    for (domain, input, problem) in [
        ("large.com", &large, "more than 65536"),
        ("deep.com", &deep, "nested more than 127 deep"),
        ("many-routes.com", &many, "more than 65536"),
    ] {
        refused(&world, domain, input, "Nameplate.InvalidRequest", problem).await;
    }
    // What the event about it repeats of a name is no longer than a name can be.
    let name = "x".repeat(255 * 1024);
    refused(&world, &name[..253], &fine(&name), "Nameplate.InvalidRequest", "more than 65536").await;
}

#[tokio::test]
async fn what_is_quoted_of_a_request_is_cut() {
    let world = World::deployed();
    let long = "x".repeat(60_000);
    let input = with(request("long-route.com", "https://backend.example.net/"), "/api/protocol", json!(long));
    let events = Events::about(&world, "long-route.com").await;
    let ended = world.run(&input).await;
    let reason = ended.refused("Nameplate.InvalidRequest");
    assert!(reason.starts_with("api.protocol: unknown variant") && reason.chars().count() <= 600, "{reason}");
    let published = events.take_up_to("Domain Failed").await;
    assert_eq!(published.len(), 1, "{published:?}");
    assert!(published[0].to_string().len() < 4_000, "{published:?}");
}

#[tokio::test]
async fn http_targets_need_to_be_asked_for() {
    let world = World::deployed();
    let input = with(request("plain-http.com", "http://127.0.0.1:9/"), "/api/allowHttp", json!(false));
    refused(&world, "plain-http.com", &input, "Nameplate.InvalidRequest", "http://").await;
}

#[tokio::test]
async fn names_are_folded_to_lower_case_and_a_labels() {
    let (world, backend) = (World::deployed(), Backend::start().await);
    let mut input = request("Bücher-Dienst.COM", &backend.url("/"));
    input["dryRun"] = json!(true);
    let output = world.run(&input).await.live();
    assert_eq!(output["domainName"], "xn--bcher-dienst-dlb.com");
}

#[tokio::test]
async fn what_cannot_be_bought_is_refused_before_anything_is_made() {
    let world = World::deployed();
    let cases = [
        ("taken.com", json!({"state": "unavailable"}), "registered already"),
        ("premium.com", json!({"state": "premium"}), "premium"),
        ("reserved.com", json!({"state": "reserved"}), "reserved"),
    ];
    for (domain, state, problem) in cases {
        world.registry(domain, state).await;
        refused(&world, domain, &request(domain, "https://backend.example.net/"), "Nameplate.Refused", problem).await;
    }
    let domain = "no-such-tld.nope";
    refused(&world, domain, &request(domain, "https://backend.example.net/"), "Nameplate.Refused", "does not sell")
        .await;
}

#[tokio::test]
async fn a_price_over_the_cap_or_the_budget_is_refused() {
    let world = World::deployed();
    let fine = |domain: &str| request(domain, "https://backend.example.net/");
    let cap = with(fine("over-cap.com"), "/registration/maxPrice/amount", json!(14.99));
    refused(&world, "over-cap.com", &cap, "Nameplate.Refused", "cap of 14.99").await;
    // Seven years cost 105 USD; the stack was deployed with a budget of 100 USD.
    let years = with(fine("over-budget.com"), "/registration/years", json!(7));
    let budget = with(years, "/registration/maxPrice/amount", json!(1000));
    refused(&world, "over-budget.com", &budget, "Nameplate.Refused", "budget of 100.00").await;
}

#[tokio::test]
async fn a_contact_that_cannot_be_used_is_refused_without_being_shown() {
    let world = World::deployed();
    let contact = json!({
        "firstName": "MARK-Ada", "lastName": "MARK-Example", "addressLine1": "MARK Street 1", "city": "MARK-City",
        "countryCode": "US", "zipCode": "MARK-1", "phoneNumber": "+1.2065550100", "email": "mark@example.com"
    });
    let secrets = [
        ("phone", with(contact.clone(), "/phoneNumber", json!("+12065550100")), "phoneNumber"),
        ("company", with(contact.clone(), "/contactType", json!("COMPANY")), "organizationName"),
        ("country", with(contact.clone(), "/countryCode", json!("MARK")), "countryCode"),
        ("nothing", json!("MARK"), "no JSON object"),
    ];
    for (name, secret, problem) in secrets {
        let id = format!("nameplate/bad-{name}");
        let body =
            json!({"Name": id, "SecretString": secret.to_string(), "ClientRequestToken": format!("{name:->32}")});
        world.json("secretsmanager", "secretsmanager.CreateSecret", &body).await;
        let domain = format!("contact-{name}.com");
        let input = with(request(&domain, "https://backend.example.net/"), "/registration/contactSecret", json!(id));
        refused(&world, &domain, &input, "Nameplate.InvalidRequest", problem).await;
        for arn in world.executions_for(&domain, 1).await {
            let history = world
                .json(
                    "states",
                    "AWSStepFunctions.GetExecutionHistory",
                    &json!({"executionArn": arn, "maxResults": 1000}),
                )
                .await;
            assert!(!history.to_string().contains("MARK"), "the secret's contents stand in the history of {domain}");
        }
    }
    let missing = with(
        request("contact-missing.com", "https://backend.example.net/"),
        "/registration/contactSecret",
        json!("nameplate/none"),
    );
    refused(&world, "contact-missing.com", &missing, "Nameplate.InvalidRequest", "does not exist").await;
    // Outside the prefix that the stack may read.
    let body = json!({"Name": "other/contact", "SecretString": contact.to_string()});
    world.json("secretsmanager", "secretsmanager.CreateSecret", &body).await;
    let denied = with(
        request("contact-denied.com", "https://backend.example.net/"),
        "/registration/contactSecret",
        json!("other/contact"),
    );
    refused(&world, "contact-denied.com", &denied, "Nameplate.InvalidRequest", "may not be read").await;
}
