//! What the world must look like after a run, whatever was done to it.
//!
//! Owns the judgement. It asks AWS what exists, not what was called. Must not know what was done to the run.

use std::collections::BTreeMap;

use e2e::World;
use http::Method;
use serde_json::{Value, json};

/// The price of a year that the local AWS asks for a `.com`.
const PRICE: f64 = 15.0;

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

/// What is wrong after the name has gone live: with one charge and one of everything that belongs to it. `further` are
/// the records that the request brings.
pub(crate) async fn live(
    world: &World,
    domain: &str,
    result: &Value,
    routes: &[&str],
    further: &[String],
) -> Vec<String> {
    let mut deviations = Deviations::default();
    let hostname = format!("api.{domain}");

    deviations.check("charges", world.charges(domain).await, vec![PRICE]);
    let registry = world.control(Method::GET, &format!("/_local/domains/{domain}"), None).await;
    deviations.check("registered", &registry["state"], &json!("owned"));

    let zones = world.zones(domain).await;
    deviations.check("zones", zones.len(), 1);
    let mut delegated: Vec<String> =
        registry["nameServers"].as_array().into_iter().flatten().filter_map(|s| Some(s.as_str()?.to_owned())).collect();
    delegated.sort();
    let Some(zone) = zones.first() else { return deviations.0 };
    deviations.check("delegation", world.name_servers(zone).await, delegated);
    deviations.check("result's zone", &result["hostedZoneId"], &json!(zone));

    let certificates = world.certificates(domain).await;
    deviations.check("certificates", certificates.len(), 1);
    let certificate = certificates.first().unwrap_or(&Value::Null);
    deviations.check("certificate", &certificate["Status"], &json!("ISSUED"));
    deviations.check("result's certificate", &result["certificateArn"], &certificate["CertificateArn"]);

    let custom_domain = world.custom_domain(&hostname).await;
    let target = text(&custom_domain["domainNameConfigurations"][0]["apiGatewayDomainName"]);
    let proof = &certificate["DomainValidationOptions"][0]["ResourceRecord"];
    let mut records = vec![format!("{hostname}. A {target}"), format!("{hostname}. AAAA {target}")];
    records.extend(proof.as_object().map(|proof| format!("{} CNAME {}", text(&proof["Name"]), text(&proof["Value"]))));
    records.extend_from_slice(further);
    let undotted = |records: Vec<String>| -> Vec<String> {
        let mut records: Vec<String> = records.iter().map(|record| record.trim_end_matches('.').to_owned()).collect();
        records.sort();
        records
    };
    records = undotted(records);
    deviations.check("records", undotted(world.records(zone).await), records);

    let apis = world.apis(domain).await;
    deviations.check("APIs", apis.len(), 1);
    let api = text(&apis.first().unwrap_or(&Value::Null)["apiId"]);
    deviations.check("result's API", &result["apiId"], &json!(api));
    let mut keys: Vec<String> =
        world.api_parts(&api, "routes").await.iter().map(|route| text(&route["routeKey"])).collect();
    keys.sort();
    deviations.check("routes", keys, routes.iter().map(|route| (*route).to_owned()).collect());
    deviations.check("integrations", world.api_parts(&api, "integrations").await.len(), routes.len());
    deviations.check("stages", world.api_parts(&api, "stages").await.len(), 1);
    let mappings = world.mappings(&hostname).await;
    deviations.check("mappings", mappings.len(), 1);
    deviations.check("mapping", mappings.first().map(|mapping| text(&mapping["apiId"])), Some(api));

    let tags: BTreeMap<&str, &str> =
        BTreeMap::from([("nameplate:domain", domain), ("nameplate:stack", "nameplate"), ("team", "inference")]);
    let pairs: Vec<String> = tags.iter().map(|(key, value)| format!("{key}={value}")).collect();
    deviations.check("tags of the registration", world.domain_tags(domain).await, pairs.clone());
    deviations.check("tags of the zone", world.zone_tags(zone).await, pairs.clone());
    let arn = text(&certificate["CertificateArn"]);
    deviations.check("tags of the certificate", world.certificate_tags(&arn).await, pairs);
    deviations.check("tags of the custom domain", &custom_domain["tags"], &json!(tags));

    for path in routes.iter().filter_map(|route| route.strip_prefix("GET ")) {
        deviations.check(&format!("answer to {path} under the name"), world.get(&hostname, path).await.0, 200);
    }
    deviations.0.extend(released(world, domain).await);
    deviations.0
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
