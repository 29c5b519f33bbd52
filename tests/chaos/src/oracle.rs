//! What the world must look like after a run, whatever was done to it.
//!
//! Owns the judgement. It asks AWS what exists, not what was called. Must not know what was done to the run.

use std::collections::{BTreeMap, BTreeSet};

use e2e::{Socket, World};
use http::Method;
use nameplate::resource::api::closed_mark;
use serde_json::{Value, json};

/// The price of a year that the local AWS asks for a `.com`.
pub(crate) const PRICE: f64 = 15.0;

/// Collects what is not as it must be.
#[derive(Default)]
struct Deviations(Vec<String>);

impl Deviations {
    fn check<T: PartialEq + std::fmt::Debug>(&mut self, what: &str, is: T, must_be: T) {
        if is != must_be {
            self.0.push(format!("{what}: {is:?}, must be {must_be:?}"));
        }
    }
}

/// What a name that has gone live must be like.
pub(crate) struct Live<'a> {
    pub(crate) domain: &'a str,
    /// What was paid.
    pub(crate) charges: Vec<f64>,
    /// How the registry has the name that is sold.
    pub(crate) registered: &'a str,
    /// The name of the zone in which the records stand; nothing where the customer's own DNS answers.
    pub(crate) zone: Option<&'a str>,
    /// What stands in the zone beside the validation records and the aliases.
    pub(crate) records: Vec<String>,
    /// A name that an earlier certificate was for: its validation record may stand there as well.
    pub(crate) once_proven: Option<&'a str>,
    pub(crate) routes: Vec<&'a str>,
    /// Those of them that turn away who says nothing about himself.
    pub(crate) closed: Vec<&'a str>,
    /// Whether the registration carries our tags: only one that was bought does.
    pub(crate) tagged: bool,
}

impl<'a> Live<'a> {
    /// A name that was bought, with the one route of every request here.
    pub(crate) fn bought(domain: &'a str) -> Self {
        Self {
            domain,
            charges: vec![PRICE],
            registered: "owned",
            zone: Some(domain),
            records: Vec::new(),
            once_proven: None,
            routes: vec!["GET /v1/models"],
            closed: Vec::new(),
            tagged: true,
        }
    }

    /// The same of a name that this account owned before.
    pub(crate) fn owned(domain: &'a str) -> Self {
        Self { charges: vec![], tagged: false, ..Self::bought(domain) }
    }

    fn owns_its_zone(&self) -> bool {
        self.zone == Some(self.domain)
    }
}

/// What is wrong after the name has gone live: with one of everything that belongs to it.
pub(crate) async fn live(world: &World, result: &Value, expected: &Live<'_>) -> Vec<String> {
    let mut deviations = Deviations(name(world, result, expected).await);
    let domain = expected.domain;
    let hostname = format!("api.{domain}");
    let apis = world.apis(domain).await;
    deviations.check("APIs", apis.len(), 1);
    let api = text(&apis.first().unwrap_or(&Value::Null)["apiId"]);
    deviations.check("result's API", &result["apiId"], &json!(api));
    let routes = &expected.routes;
    deviations.check("routes", route_keys(world, &api).await, routes.iter().map(|route| (*route).to_owned()).collect());
    deviations.check("integrations", world.api_parts(&api, "integrations").await.len(), routes.len());
    deviations.check("stages", world.api_parts(&api, "stages").await.len(), 1);
    for route in routes {
        let Some(path) = route.strip_prefix("GET ") else { continue };
        let answer = if expected.closed.contains(route) { 401 } else { 200 };
        deviations.check(&format!("answer to {path} under the name"), world.get(&hostname, path).await.0, answer);
    }
    deviations.0
}

/// What is wrong with a WebSocket API of ours that is behind the name and whose default endpoint is closed.
pub(crate) async fn closed_socket(world: &World, result: &Value, domain: &str, routes: &[&str]) -> Vec<String> {
    let mut deviations = Deviations::default();
    let apis = world.apis(domain).await;
    deviations.check("APIs", apis.len(), 1);
    let api = apis.first().unwrap_or(&Value::Null);
    let id = text(&api["apiId"]);
    deviations.check("result's API", &result["apiId"], &json!(id));
    deviations.check("result's default endpoint", &result["defaultEndpoint"], &Value::Null);
    deviations.check("protocol", &api["protocolType"], &json!("WEBSOCKET"));
    deviations.check("default endpoint closed", &api["disableExecuteApiEndpoint"], &json!(true));
    deviations.check("routes", route_keys(world, &id).await, routes.iter().map(|route| (*route).to_owned()).collect());
    deviations.check("integrations", world.api_parts(&id, "integrations").await.len(), routes.len());
    let stages = world.api_parts(&id, "stages").await;
    deviations.check("stages", stages.len(), 1);
    let on = &stages.first().unwrap_or(&Value::Null)["deploymentId"];
    let deployments = world.api_parts(&id, "deployments").await;
    let description = |deployment: &Value| text(&deployment["description"]);
    let deployed = deployments.iter().find(|one| one["deploymentId"] == *on).map(description).unwrap_or_default();
    deviations.check("description of the stage's deployment", &deployed, &closed_mark(&deployed));
    // One while it was open, one since it is closed, and one at most of which nobody has heard.
    deviations.check("2 or 3 deployments", (2..=3).contains(&deployments.len()), true);
    for (host, path, refusal) in
        [(format!("api.{domain}"), "/", None), (format!("{id}.execute-api.localhost"), "/live", Some(403))]
    {
        let answer = Socket::connect(world.address(), &host, path).await.err();
        deviations.check(&format!("what keeps a client out of {host}"), answer, refusal);
    }
    deviations.0
}

async fn route_keys(world: &World, api: &str) -> Vec<String> {
    let mut keys: Vec<String> =
        world.api_parts(api, "routes").await.iter().map(|route| text(&route["routeKey"])).collect();
    keys.sort();
    keys
}

/// What is wrong with the name itself, whatever API is behind it: registration, zone, certificate, custom domain, mapping.
pub(crate) async fn name(world: &World, result: &Value, expected: &Live<'_>) -> Vec<String> {
    let mut deviations = Deviations::default();
    let domain = expected.domain;
    let hostname = format!("api.{domain}");

    deviations.check("charges", world.charges(domain).await, expected.charges.clone());
    let certificates = world.certificates(domain).await;
    deviations.check("certificates", certificates.len(), 1);
    let certificate = certificates.first().unwrap_or(&Value::Null);
    deviations.check("certificate", &certificate["Status"], &json!("ISSUED"));
    deviations.check("result's certificate", &result["certificateArn"], &certificate["CertificateArn"]);
    let custom_domain = world.custom_domain(&hostname).await;
    let configuration = &custom_domain["domainNameConfigurations"][0];
    let arn = text(&certificate["CertificateArn"]);
    deviations.check("certificate of the custom domain", &configuration["certificateArn"], &json!(arn));
    zone(world, result, expected, certificate, &custom_domain, &mut deviations).await;

    let mappings = world.mappings(&hostname).await;
    deviations.check("mappings", mappings.len(), 1);
    deviations.check("mapping", mappings.first().map(|mapping| &mapping["apiId"]), Some(&result["apiId"]));

    let tags: BTreeMap<&str, &str> = BTreeMap::from([
        ("nameplate:domain", domain),
        ("nameplate:stack", "nameplate.us-east-1"),
        ("team", "inference"),
    ]);
    let pairs: Vec<String> = tags.iter().map(|(key, value)| format!("{key}={value}")).collect();
    if expected.registered == "owned" && expected.owns_its_zone() {
        let wanted = if expected.tagged { pairs.clone() } else { Vec::new() };
        deviations.check("tags of the registration", world.domain_tags(domain).await, wanted);
    }
    deviations.check("tags of the certificate", world.certificate_tags(&arn).await, pairs);
    deviations.check("tags of the custom domain", &custom_domain["tags"], &json!(tags));
    deviations.0.extend(released(world, domain).await);
    deviations.0
}

/// What is wrong with the zone, its delegation and its records.
async fn zone(
    world: &World,
    result: &Value,
    expected: &Live<'_>,
    certificate: &Value,
    custom_domain: &Value,
    deviations: &mut Deviations,
) {
    let sold = expected.zone.unwrap_or(expected.domain);
    let registry = world.control(Method::GET, &format!("/_local/domains/{sold}"), None).await;
    deviations.check("registered", &registry["state"], &json!(expected.registered));
    let Some(name) = expected.zone else {
        deviations.check("result's zone", &result["hostedZoneId"], &Value::Null);
        deviations.check("zones", world.zones(expected.domain).await, vec![]);
        return;
    };
    let zones = world.zones(name).await;
    deviations.check("zones", zones.len(), 1);
    let mut delegated: Vec<String> =
        registry["nameServers"].as_array().into_iter().flatten().filter_map(|s| Some(s.as_str()?.to_owned())).collect();
    delegated.sort();
    let Some(zone) = zones.first() else { return };
    deviations.check("delegation", world.name_servers(zone).await, delegated);
    deviations.check("result's zone", &result["hostedZoneId"], &json!(zone));
    let tags = match expected.owns_its_zone() {
        true => vec![
            format!("nameplate:domain={}", expected.domain),
            "nameplate:stack=nameplate.us-east-1".to_owned(),
            "team=inference".to_owned(),
        ],
        false => Vec::new(),
    };
    deviations.check("tags of the zone", world.zone_tags(zone).await, tags);

    let hostname = format!("api.{}", expected.domain);
    let target = text(&custom_domain["domainNameConfigurations"][0]["apiGatewayDomainName"]);
    let mut records = vec![format!("{hostname}. A {target}"), format!("{hostname}. AAAA {target}")];
    // A name and its wildcard have one proof together; a certificate about which ACM asks by e-mail has none.
    let proofs = certificate["DomainValidationOptions"].as_array().into_iter().flatten();
    let proofs = proofs.map(|option| &option["ResourceRecord"]).filter(|proof| proof.is_object());
    let proofs = proofs.map(|proof| format!("{} CNAME {}", text(&proof["Name"]), text(&proof["Value"])));
    records.extend(proofs.collect::<BTreeSet<String>>());
    records.extend(expected.records.iter().cloned());
    let undotted = |records: Vec<String>| -> Vec<String> {
        let mut records: Vec<String> = records.iter().map(|record| record.trim_end_matches('.').to_owned()).collect();
        records.sort();
        records
    };
    let mut present = world.records(zone).await;
    let proves = |record: &str, name: &str| record.starts_with('_') && record.contains(&format!(".{name}. CNAME "));
    present.retain(|record| !expected.once_proven.is_some_and(|name| proves(record, name)));
    deviations.check("records", undotted(present), undotted(records));
}

/// How many operations of this type Route 53 Domains has carried out for the name.
pub(crate) async fn operations(world: &World, domain: &str, kind: &str) -> usize {
    let mut input = json!({"Type": [kind], "MaxItems": 100});
    let mut count = 0;
    loop {
        let page = world.json("route53domains", "Route53Domains_v20140515.ListOperations", &input).await;
        let all = page["Operations"].as_array().into_iter().flatten();
        count += all.filter(|operation| operation["DomainName"] == domain).count();
        if page["NextPageMarker"].is_null() {
            return count;
        }
        input["Marker"] = page["NextPageMarker"].clone();
    }
}

/// What is wrong after a refusal: nothing may have been made or paid.
pub(crate) async fn nothing(world: &World, domain: &str) -> Vec<String> {
    let mut deviations = Deviations::default();
    deviations.check("charges", world.charges(domain).await, vec![]);
    deviations.check("zones", world.zones(domain).await.len(), 0);
    deviations.check("certificates", world.certificates(domain).await.len(), 0);
    deviations.check("APIs", world.apis(domain).await.len(), 0);
    deviations.check("custom domain", world.custom_domain(&format!("api.{domain}")).await, Value::Null);
    deviations.check("domain item", world.item(domain).await, Value::Null);
    deviations.0.extend(released(world, domain).await);
    deviations.0
}

async fn released(world: &World, domain: &str) -> Vec<String> {
    let mut deviations = Deviations::default();
    deviations.check("held by", &world.item(domain).await["heldBy"], &Value::Null);
    let watches = world.watches(domain).await;
    let asleep: Vec<&Value> = watches.iter().filter(|watch| !watch["token"].is_null()).collect();
    deviations.check("watches with a token", asleep, vec![]);
    deviations.0
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}
