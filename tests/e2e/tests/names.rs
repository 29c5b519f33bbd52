//! Kinds of names beside the one that is bought here. Each test has a name of its own and judges by asking the world.

use std::time::Duration;

use e2e::{Backend, Events, World, request};
use http::Method;
use serde_json::{Value, json};

#[path = "names/email.rs"]
mod email;

const LOOK_EVERY: Duration = Duration::from_millis(100);

/// A request that buys nothing.
fn without_purchase(domain: &str, backend: &Backend) -> Value {
    let mut request = request(domain, &backend.url("/models"));
    request.as_object_mut().expect("an object").remove("registration");
    request
}

/// The name servers that the registry holds, sorted.
async fn servers_at_the_registry(world: &World, domain: &str) -> Vec<String> {
    let registry = world.control(Method::GET, &format!("/_local/domains/{domain}"), None).await;
    let servers = registry["nameServers"].as_array().cloned().unwrap_or_default();
    let mut servers: Vec<String> = servers.iter().filter_map(|server| server.as_str().map(str::to_owned)).collect();
    servers.sort();
    servers
}

/// How many calls of that name about the domain the local AWS has recorded since `after`.
async fn made(world: &World, after: u64, action: &str, domain: &str) -> usize {
    let calls = world.calls_after(after).await;
    calls.iter().filter(|call| call.action == action && call.resource.contains(domain)).count()
}

/// What `look` finds, once it finds something.
async fn until<T>(mut look: impl AsyncFnMut() -> Option<T>) -> T {
    let found = tokio::time::timeout(Duration::from_secs(120), async {
        loop {
            if let Some(found) = look().await {
                return found;
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
    });
    found.await.expect("what is waited for does not come")
}

/// Waits until an execution sleeps on its certificate.
async fn asleep(world: &World, arn: &str) {
    until(async || world.states(arn).await.last().filter(|state| *state == "AwaitCertificate").map(|_| ())).await;
}

/// Runs the same request again: it must write nothing about the name in AWS, and come to the same result.
async fn again(world: &World, request: &Value, first: &Value) {
    let before = world.calls_so_far().await;
    let second = world.run(request).await.live();
    assert_eq!(second, *first, "the same request, the same result");
    let services = ["acm", "apigateway", "lambda", "route53", "route53domains"];
    let domain = request["domainName"].as_str().expect("a name");
    // Other tests run beside this one: only what is about this name can be counted.
    let about = |resource: &str| resource.contains(domain);
    let calls = world.calls_after(before).await;
    let writes: Vec<_> = calls
        .iter()
        .filter(|call| services.contains(&call.service.as_str()) && about(&call.resource))
        .filter(|call| !["Get", "List", "Describe", "Check"].iter().any(|verb| call.action.starts_with(verb)))
        .collect();
    assert!(writes.is_empty(), "{writes:#?}");
}

#[tokio::test]
async fn a_wrong_delegation_is_reported_and_corrected_only_on_request_and_once() {
    let (world, backend) = (World::deployed(), Backend::start().await);
    let domain = "delegated-elsewhere.com";
    let old = json!(["ns-1.old-provider.example", "ns-2.old-provider.example"]);
    world.registry(domain, json!({"state": "owned", "createZone": false, "nameServers": old})).await;
    let mut request = without_purchase(domain, &backend);

    let refused = world.run(&request).await;
    let reason = refused.refused("Nameplate.Refused");
    assert!(reason.contains("ns-1.old-provider.example"), "{reason}");
    assert_eq!(refused.cause["code"], "DelegationElsewhere");
    assert!(refused.cause["remedy"].as_str().expect("a remedy").contains("\"nameServers\": \"correct\""));
    assert_eq!(json!(servers_at_the_registry(&world, domain).await), old, "reported, and nothing else");
    assert!(world.zones(domain).await.is_empty());
    assert!(world.apis(domain).await.is_empty(), "refused before anything is made");

    request["nameServers"] = json!("correct");
    let mut dry = request.clone();
    dry["dryRun"] = json!(true);
    let report = world.run(&dry).await.live();
    let lines = report["report"]["resources"].as_array().cloned().unwrap_or_default();
    let line = lines.iter().find(|line| line["resource"] == "name servers").expect("a line");
    assert_eq!(line["action"], "CHANGE");

    // The first answer is lost after it took effect: it must be found, not sent again.
    let fault = json!({"fault": "cutAfter", "action": "UpdateDomainNameservers", "resource": domain});
    world.control(Method::POST, "/_local/faults", Some(&fault)).await;
    let before = world.calls_so_far().await;
    let ended = world.run(&request).await;
    let states = world.states(&ended.arn).await;
    let result = ended.live();
    assert!(states.iter().any(|state| state == "CorrectDelegation"), "{states:?}");
    let zones = world.zones(domain).await;
    assert_eq!(zones.len(), 1, "{zones:?}");
    assert_eq!(result["hostedZoneId"], json!(zones[0]));
    assert_eq!(servers_at_the_registry(&world, domain).await, world.name_servers(&zones[0]).await);
    assert_eq!(made(&world, before, "UpdateDomainNameservers", domain).await, 1);
    assert_eq!(result["actions"], json!([]));
    assert_eq!(world.get(&format!("api.{domain}"), "/v1/models").await.0, 200);
    again(&world, &request, &result).await;
}

#[tokio::test]
async fn a_name_registered_elsewhere_says_its_servers_and_goes_on_when_they_are_set() {
    let (world, backend) = (World::deployed(), Backend::start().await);
    let domain = "registered-elsewhere.com";
    world.registry(domain, json!({"state": "elsewhere", "nameServers": ["ns-1.registrar.example"]})).await;
    let events = Events::about(&world, domain).await;
    let request = without_purchase(domain, &backend);

    let arn = world.start(world.machine(), &request).await;
    let told = events.take_up_to("Action Required").await;
    let [told] = &Events::of_type(&told, "Action Required")[..] else { panic!("{told:?}") };
    asleep(&world, &arn).await;
    let zones = world.zones(domain).await;
    assert_eq!(zones.len(), 1, "{zones:?}");
    let servers = world.name_servers(&zones[0]).await;
    let action = told["actions"][0].as_str().expect("an action");
    assert_eq!((told["actions"].as_array().map(Vec::len), servers.len()), (Some(1), 4));
    assert!(servers.iter().all(|server| action.contains(server.as_str())), "{action} does not list {servers:?}");
    assert_eq!((&told["domainName"], &told["executionArn"]), (&json!(domain), &json!(arn)));

    // What a person does at the registrar.
    world.registry(domain, json!({"state": "elsewhere", "nameServers": servers})).await;
    let result = world.ended(&arn).await.live();

    assert_eq!(result["actions"], json!([]), "the DNS names them");
    assert_eq!(result["registration"]["status"], "NOT_MANAGED");
    assert_eq!(world.get(&format!("api.{domain}"), "/v1/models").await.0, 200);
    let published = events.take_up_to("Domain Live").await;
    assert!(Events::of_type(&published, "Action Required").is_empty(), "told twice: {published:?}");
    again(&world, &request, &result).await;

    // Another request for the name whose servers are set has nothing to tell.
    let mut changed = request.clone();
    changed["api"]["throttle"] = json!({"rate": 100, "burst": 100});
    assert_eq!(world.run(&changed).await.live()["actions"], json!([]));
    let published = events.take_up_to("Domain Live").await;
    assert!(Events::of_type(&published, "Action Required").is_empty(), "{published:?}");
}

/// Takes a route off the API of a result, so that the next run has something to do.
async fn lose_a_route(world: &World, result: &Value) {
    let path = format!("/v2/apis/{}/routes", result["apiId"].as_str().expect("an id"));
    let routes = world.rest("apigateway", Method::GET, &path, None).await;
    let route = routes["items"][0]["routeId"].as_str().expect("a route");
    world.rest("apigateway", Method::DELETE, &format!("{path}/{route}"), None).await;
}

async fn certificate_arns(world: &World, domain: &str) -> Vec<Value> {
    world.certificates(domain).await.iter().map(|found| found["CertificateArn"].clone()).collect()
}

#[tokio::test]
async fn a_live_name_that_moves_to_route_53_is_told_its_servers_once_although_its_certificate_is_issued() {
    let (world, backend) = (World::deployed(), Backend::start().await);
    let domain = "moves-to-route-53.com";
    let old = json!(["ns-1.own-dns.example"]);
    let elsewhere = |records: &[Value]| json!({"state": "elsewhere", "nameServers": old, "ownDns": records});
    world.registry(domain, elsewhere(&[])).await;
    let events = Events::about(&world, domain).await;
    let mut request = without_purchase(domain, &backend);
    request["dns"] = json!("external");
    let arn = world.start(world.machine(), &request).await;
    let told = events.take_up_to("Action Required").await;
    let proof = record(Events::of_type(&told, "Action Required")[0]["actions"][0].as_str().expect("text"));
    world.registry(domain, elsewhere(std::slice::from_ref(&proof))).await;
    let result = world.ended(&arn).await.live();
    let target = record(result["actions"][1].as_str().expect("text"));
    world.registry(domain, elsewhere(&[proof, target])).await;
    events.take_up_to("Domain Live").await;

    // The same request on the whole path tells nothing that it has told.
    lose_a_route(&world, &result).await;
    assert_eq!(world.run(&request).await.live(), result);
    let published = events.take_up_to("Domain Live").await;
    assert!(Events::of_type(&published, "Action Required").is_empty(), "{published:?}");

    let before = certificate_arns(&world, domain).await;
    request.as_object_mut().expect("an object").remove("dns");
    let result = world.run(&request).await.live();
    let published = events.take_up_to("Domain Live").await;
    let [told] = &Events::of_type(&published, "Action Required")[..] else { panic!("{published:?}") };
    let zones = world.zones(domain).await;
    let servers = world.name_servers(&zones[0]).await;
    let action = told["actions"][0].as_str().expect("an action");
    assert!(servers.iter().all(|server| action.contains(server.as_str())), "{action} does not list {servers:?}");
    assert_eq!((&result["actions"], told["actions"].as_array().map(Vec::len)), (&told["actions"], Some(1)));
    assert_eq!(certificate_arns(&world, domain).await, before, "the certificate that there was");
    // The name answers from the former DNS all the while, which proves nothing.
    assert_eq!(world.get(&format!("api.{domain}"), "/v1/models").await.0, 200);
    again(&world, &request, &result).await;
    lose_a_route(&world, &result).await;
    events.arrived().await;
    assert_eq!(world.run(&request).await.live(), result);
    let published = events.take_up_to("Domain Live").await;
    assert!(Events::of_type(&published, "Action Required").is_empty(), "told twice: {published:?}");

    // What a person does at the registrar, and the same request once more.
    world.registry(domain, json!({"state": "elsewhere", "nameServers": servers})).await;
    let ended = world.run(&request).await;
    assert!(world.states(&ended.arn).await.iter().any(|state| state == "AttachDomain"));
    let result = ended.live();
    assert_eq!(result["actions"], json!([]));
    assert_eq!(world.get(&format!("api.{domain}"), "/v1/models").await.0, 200);
    again(&world, &request, &result).await;
}

#[tokio::test]
async fn a_name_below_a_zone_lies_in_the_closest_one_and_leaves_it_as_it_was() {
    let (world, backend) = (World::deployed(), Backend::start().await);
    let (parent, domain) = ("zone-around.com", "acme.zone-around.com");
    let request = without_purchase(domain, &backend);
    let refused = world.run(&request).await;
    assert_eq!((refused.error.as_str(), &refused.cause["code"]), ("Nameplate.Refused", &json!("NoEnclosingZone")));
    assert!(world.apis(domain).await.is_empty(), "refused before anything is made");

    world.registry(parent, json!({"state": "owned"})).await;
    let zones = world.zones(parent).await;
    let before = world.calls_so_far().await;
    let result = world.run(&request).await.live();

    assert_eq!(result["hostedZoneId"], json!(zones[0]));
    assert_eq!((&result["registration"]["status"], &result["actions"]), (&json!("NOT_MANAGED"), &json!([])));
    assert!(world.zones(domain).await.is_empty() && world.zones(parent).await == zones, "no zone is made");
    assert_eq!(world.zone_tags(&zones[0]).await, [] as [String; 0]);
    let records = world.records(&zones[0]).await;
    assert_eq!(records.len(), 3, "{records:?}");
    assert!(records.iter().all(|record| record.split(' ').next().is_some_and(|name| name.contains(domain))));
    let item = world.item(domain).await;
    let known: Value = serde_json::from_str(item["known"]["S"].as_str().expect("JSON")).expect("JSON");
    assert_eq!((&known["zoneOwned"], &known["hostedZoneId"]), (&json!(false), &json!(zones[0])));
    assert_eq!(world.get(&format!("api.{domain}"), "/v1/models").await.0, 200);
    let of_the_registry = world.calls_after(before).await;
    let about = |call: &&e2e::Call| call.service == "route53domains" && call.resource.contains(domain);
    assert_eq!(of_the_registry.iter().filter(about).count(), 0, "nobody registers such a name");
    again(&world, &request, &result).await;
}

#[tokio::test]
async fn a_closer_zone_that_nothing_leads_into_is_refused_and_draws_no_live_name() {
    let (world, backend) = (World::deployed(), Backend::start().await);
    let (parent, closer, domain) = ("zone-closer.com", "acme.zone-closer.com", "v1.acme.zone-closer.com");
    world.registry(parent, json!({"state": "owned"})).await;
    let around = world.zones(parent).await;
    let request = without_purchase(domain, &backend);
    let live = world.run(&request).await.live();
    assert_eq!(live["hostedZoneId"], json!(around[0]));

    world.make_zone(closer).await;
    again(&world, &request, &live).await;
    let mut tagged = request.clone();
    tagged["tags"] = json!({"team": "other"});
    assert_eq!(world.run(&tagged).await.live()["hostedZoneId"], json!(around[0]), "it stays where it is");
    assert_eq!(world.get(&format!("api.{domain}"), "/v1/models").await.0, 200);

    let other = "v2.acme.zone-closer.com";
    let mut beside = without_purchase(other, &backend);
    let refused = world.run(&beside).await;
    let code = &refused.cause["code"];
    assert_eq!((refused.error.as_str(), code), ("Nameplate.Refused", &json!("ClosestZoneNotDelegated")));
    assert!(world.apis(other).await.is_empty(), "refused before anything is made");
    beside["hostedZone"] = json!(parent);
    assert_eq!(world.run(&beside).await.live()["hostedZoneId"], json!(around[0]));
    let theirs = world.zones(closer).await;
    assert_eq!(world.records(&theirs[0]).await, [] as [String; 0], "nobody has written into it");

    // A zone that is named by its id must be around the name.
    world.make_zone("zone-far.com").await;
    let far = world.zones("zone-far.com").await;
    let mut named = without_purchase("v3.acme.zone-closer.com", &backend);
    named["hostedZone"] = json!(far[0]);
    let refused = world.run(&named).await;
    assert_eq!((refused.error.as_str(), &refused.cause["code"]), ("Nameplate.Refused", &json!("NoEnclosingZone")));
    assert!(world.apis("v3.acme.zone-closer.com").await.is_empty(), "refused before anything is made");
}

/// The record that an action names, as the customer's own DNS takes it.
fn record(action: &str) -> Value {
    let (_, record) = action.rsplit_once(": ").expect("a record");
    let [name, kind, value] = record.split(' ').collect::<Vec<_>>()[..] else { panic!("{action}") };
    json!({"name": name, "type": kind, "value": value})
}

#[tokio::test]
async fn the_customers_own_dns_is_told_what_to_hold_and_no_zone_is_touched() {
    let (world, backend) = (World::deployed(), Backend::start().await);
    let domain = "own-dns.com";
    let elsewhere =
        |records: &[Value]| json!({"state": "elsewhere", "nameServers": ["ns-1.own-dns.example"], "ownDns": records});
    world.registry(domain, elsewhere(&[])).await;
    let events = Events::about(&world, domain).await;
    let mut request = without_purchase(domain, &backend);
    request["dns"] = json!("external");

    let arn = world.start(world.machine(), &request).await;
    let told = events.take_up_to("Action Required").await;
    let [told] = &Events::of_type(&told, "Action Required")[..] else { panic!("{told:?}") };
    asleep(&world, &arn).await;
    // The domain and its wildcard share one record.
    let validation = told["actions"].as_array().cloned().expect("actions");
    let [validation] = &validation[..] else { panic!("{validation:?}") };
    let proof = record(validation.as_str().expect("text"));
    let certificate = &world.certificates(domain).await[0]["DomainValidationOptions"][0]["ResourceRecord"];
    let undotted = |value: &Value| value.as_str().map(|text| text.trim_end_matches('.').to_owned());
    assert_eq!(
        (undotted(&proof["name"]), undotted(&proof["value"])),
        (undotted(&certificate["Name"]), undotted(&certificate["Value"]))
    );

    // What a person does in that DNS: first the proof, then the target.
    world.registry(domain, elsewhere(std::slice::from_ref(&proof))).await;
    let result = world.ended(&arn).await.live();
    let published = events.take_up_to("Domain Live").await;
    let [pointing] = &Events::of_type(&published, "Action Required")[..] else { panic!("{published:?}") };
    let target = record(pointing["actions"][0].as_str().expect("text"));
    let custom_domain = world.custom_domain(&format!("api.{domain}")).await;
    assert_eq!(target["value"], custom_domain["domainNameConfigurations"][0]["apiGatewayDomainName"]);
    assert_eq!(target["name"], format!("api.{domain}"));
    assert_ne!(world.get(&format!("api.{domain}"), "/v1/models").await.0, 200, "nobody has pointed it here yet");
    world.registry(domain, elsewhere(&[proof, target])).await;
    assert_eq!(world.get(&format!("api.{domain}"), "/v1/models").await.0, 200);

    assert_eq!(result["actions"], json!([validation, pointing["actions"][0]]));
    assert_eq!((&result["hostedZoneId"], &result["nameServers"]), (&json!(null), &json!([])));
    assert!(world.zones(domain).await.is_empty());
    let states = world.states(&arn).await;
    assert!(
        !states.iter().any(|state| ["CreateZone", "WriteValidationRecords"].contains(&state.as_str())),
        "{states:?}"
    );
    again(&world, &request, &result).await;
}
