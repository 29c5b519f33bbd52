//! What a retired domain must leave behind: nothing. It asks the world, and must not know how a retirement goes.

use nameplate::resource::tags;
use serde_json::Value;

use crate::World;

/// The attributes of a retired domain's item.
const KEPT: [&str; 3] = ["id", "result", "status"];

/// Whatever is still there that carries the stack's tags for the domain, answers for the host name or is remembered of
/// the domain, each in words.
pub async fn traces_of_ours(world: &World, domain: &str, host: &str) -> Vec<String> {
    let mut traces = Vec::new();
    let ours = |pairs: &[String]| {
        let pairs = pairs.iter().filter_map(|pair| pair.split_once('='));
        tags::ours(pairs, domain, &world.stack())
    };
    for api in world.apis(domain).await {
        if api["tags"][tags::STACK] == world.stack() {
            traces.push(format!("the API {}", api["apiId"]));
        }
    }
    let custom_domain = world.custom_domain(host).await;
    if !custom_domain.is_null() {
        traces.push(format!("the custom domain {host}"));
    }
    for certificate in world.certificates(domain).await {
        let arn = certificate["CertificateArn"].as_str().unwrap_or_default();
        if ours(&world.certificate_tags(arn).await) {
            traces.push(format!("the certificate {arn}"));
        }
    }
    for zone in world.zones(domain).await {
        if ours(&world.zone_tags(&zone).await) {
            traces.push(format!("tags on the hosted zone {zone}"));
        }
    }
    for watch in world.watches(domain).await {
        traces.push(format!("the watch {}", watch["id"]["S"]));
    }
    let item = world.item(domain).await;
    let mut attributes: Vec<&String> = item.as_object().into_iter().flat_map(serde_json::Map::keys).collect();
    attributes.sort();
    if attributes != KEPT || item["status"]["S"] != "RETIRED" {
        traces.push(format!("the item {item}"));
    }
    traces
}

/// The names of the things of a kind in what a retirement says.
///
/// # Panics
/// When that is no list of things.
#[must_use]
pub fn named(things: &Value, resource: &str) -> Vec<String> {
    let things = things.as_array().expect("a list").iter().filter(|thing| thing["resource"] == resource);
    things.map(|thing| thing["name"].as_str().expect("a name").to_owned()).collect()
}
