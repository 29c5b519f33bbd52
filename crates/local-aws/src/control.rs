//! `/_local/…`: what a test can see and set that AWS has no call for.
//!
//! Owns the paths and their JSON; each is described in the crate's documentation. Must not carry anything out that a
//! real AWS account could not come to by itself.

use std::collections::HashMap;
use std::sync::Arc;

use bytes::Bytes;
use http::{Method, Request, StatusCode};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::answer::{self, Answer};
use crate::dns::Look;
use crate::domain_name::plain;
use crate::events;
use crate::local::Local;
use crate::lock::lock;
use crate::options::Settings;
use crate::record::Filter;
use crate::record_set::RecordSet;
use crate::registry::{Domain, Outcome, Reachability, State};
use crate::service_event::Event;
use crate::{acm, domains};

/// What `PUT /_local/domains/{name}` takes. What is left out stays as it is.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct PutDomain {
    state: Option<State>,
    name_servers: Option<Vec<String>>,
    /// All records in a DNS of the name's own, which answers unless the name servers are those of a hosted zone.
    own_dns: Option<Vec<OwnRecord>>,
    #[serde(default = "yes")]
    create_zone: bool,
    registration: Option<Outcome>,
    /// What a registration is charged per year.
    price: Option<f64>,
    suppress_events: Option<bool>,
    reachability: Option<Reachability>,
    auto_renew: Option<bool>,
}

/// What `PUT /_local/zones/{id}` takes.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct PutZone {
    /// Whether the zone signs its answers (DNSSEC).
    signed: bool,
}

/// A record outside Route 53.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct OwnRecord {
    name: String,
    #[serde(rename = "type")]
    kind: String,
    value: String,
}

/// Whose mail is answered.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Click {
    name: String,
}

/// What MiniStack's EventBridge hands over.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct MatchedEvent {
    rule: String,
    rule_arn: String,
    target: Value,
    event: Value,
}

impl OwnRecord {
    fn into_set(self) -> RecordSet {
        RecordSet { name: plain(&self.name), kind: self.kind, values: vec![self.value], alias: None }
    }
}

fn yes() -> bool {
    true
}

/// An answer, or the status and the reason why there is none.
type Reply = Result<Value, (StatusCode, String)>;

/// Answers a request to the control API.
pub(crate) async fn handle(local: &Arc<Local>, request: Request<Bytes>) -> Answer {
    let outcome = dispatch(local, &request).await;
    match outcome {
        Ok(body) => answer::json(StatusCode::OK, "application/json", &body),
        Err((status, reason)) => answer::json(status, "application/json", &json!({ "error": reason })),
    }
}

async fn dispatch(local: &Arc<Local>, request: &Request<Bytes>) -> Reply {
    let path: Vec<&str> = request.uri().path().split('/').filter(|segment| !segment.is_empty()).skip(1).collect();
    let query = request.uri().query().unwrap_or_default();
    match (request.method(), path.as_slice()) {
        (&Method::GET, ["health"]) => Ok(json!({ "status": "ok", "calls": local.record.last() })),
        (&Method::GET, ["calls"]) => {
            let fields: HashMap<String, String> = form_urlencoded::parse(query.as_bytes()).into_owned().collect();
            let filter: Filter = filter(fields)?;
            Ok(json!({ "calls": local.record.list(&filter), "last": local.record.last() }))
        }
        (&Method::GET, ["charges"]) => Ok(json!({ "charges": lock(&local.registry).charges() })),
        (&Method::GET, ["certificates"]) => acm::states(local).await.map_err(unavailable),
        (&Method::POST, ["certificates", id, "clicks"]) => {
            let Click { name } = parse(request.body())?;
            acm::click(local, id, &name).await.map_err(|reason| (StatusCode::CONFLICT, reason))?;
            Ok(json!({ "clicked": name }))
        }
        (&Method::GET, ["domains", name]) => get_domain(local, name),
        (&Method::PUT, ["domains", name]) => {
            put_domain(local, name, parse(request.body())?).await?;
            get_domain(local, name)
        }
        (&Method::PUT, ["zones", id]) => {
            let PutZone { signed } = parse(request.body())?;
            let mut zones = lock(&local.signed_zones);
            if signed {
                zones.insert((*id).to_owned());
            } else {
                zones.remove(*id);
            }
            Ok(json!({ "signed": signed }))
        }
        (&Method::GET, ["settings"]) => Ok(settings(local)),
        (&Method::PUT, ["settings"]) => {
            // Settings that are not named stay as they are.
            let mut merged = settings(local);
            merge(&mut merged, parse(request.body())?);
            let wanted: Settings =
                serde_json::from_value(merged).map_err(|error| (StatusCode::BAD_REQUEST, error.to_string()))?;
            if !(wanted.clock_speed.is_finite() && wanted.clock_speed > 0.0) {
                return Err((StatusCode::BAD_REQUEST, "clockSpeed must be above 0".to_owned()));
            }
            local.set_settings(wanted);
            Ok(settings(local))
        }
        (&Method::POST, ["events"]) => {
            let event: Event = parse(request.body())?;
            let deliveries = events::deliver(local, &event).await.map_err(unavailable)?;
            Ok(json!({ "deliveries": deliveries }))
        }
        // From `aws_side.py`: MiniStack's EventBridge has found a target for an event.
        (&Method::POST, ["deliveries"]) => {
            let MatchedEvent { rule, rule_arn, target, event } = parse(request.body())?;
            let rule = json!({ "Name": rule, "Arn": rule_arn });
            Ok(json!(events::deliver_to(local, &rule, &target, &event).await))
        }
        (&Method::GET, ["faults"]) => Ok(local.faults.list()),
        (&Method::POST, ["faults"]) => {
            let id = local.faults.add(parse(request.body())?);
            id.map(|id| json!({ "id": id })).map_err(|defect| (StatusCode::BAD_REQUEST, defect.to_owned()))
        }
        (&Method::DELETE, ["faults"]) => Ok(json!({ "removed": local.faults.remove(None) })),
        (&Method::DELETE, ["faults", id]) => {
            let id = id.parse().map_err(|_| (StatusCode::BAD_REQUEST, format!("{id} is no number of a fault")))?;
            Ok(json!({ "removed": local.faults.remove(Some(id)) }))
        }
        (&Method::GET, ["resolve"]) => {
            let field = |name: &str| {
                form_urlencoded::parse(query.as_bytes())
                    .find(|(key, _)| key == name)
                    .map(|(_, value)| value.into_owned())
            };
            let name = field("name").ok_or((StatusCode::BAD_REQUEST, "name is required".to_owned()))?;
            let kind = field("type").unwrap_or_else(|| "A".to_owned());
            let mut look = Look::new(&local.emulator).await.map_err(unavailable)?;
            let resolution = look.resolve(&local.registry, &name, &kind).await.map_err(unavailable)?;
            Ok(json!(resolution))
        }
        (method, _) => Err((StatusCode::NOT_FOUND, format!("{method} {} is not known here", request.uri().path()))),
    }
}

fn unavailable(error: impl std::fmt::Display) -> (StatusCode, String) {
    (StatusCode::BAD_GATEWAY, error.to_string())
}

fn parse<T: serde::de::DeserializeOwned>(body: &Bytes) -> Result<T, (StatusCode, String)> {
    serde_json::from_slice(body).map_err(|error| (StatusCode::BAD_REQUEST, error.to_string()))
}

fn filter(mut fields: HashMap<String, String>) -> Result<Filter, (StatusCode, String)> {
    let bad = |error: &dyn std::fmt::Display| (StatusCode::BAD_REQUEST, error.to_string());
    let after = fields.remove("after").map(|after| after.parse::<u64>()).transpose().map_err(|error| bad(&error))?;
    let mut value = json!(fields);
    value["after"] = json!(after.unwrap_or(0));
    serde_json::from_value(value).map_err(|error| bad(&error))
}

fn settings(local: &Local) -> Value {
    json!(*local.settings())
}

fn merge(into: &mut Value, from: Value) {
    match (into, from) {
        (Value::Object(into), Value::Object(from)) => {
            for (name, value) in from {
                merge(into.entry(name).or_insert(Value::Null), value);
            }
        }
        (into, from) => *into = from,
    }
}

fn get_domain(local: &Local, name: &str) -> Reply {
    let name = plain(name);
    let registry = lock(&local.registry);
    let unknown = Domain::default();
    let domain = registry.domain(&name).unwrap_or(&unknown);
    let operations: Vec<Value> = registry
        .operations()
        .iter()
        .filter(|operation| operation.domain == name)
        .map(|operation| {
            json!({
                "operationId": operation.id,
                "type": operation.kind,
                "status": operation.status,
                "message": operation.message,
                "submitted": operation.submitted,
                "updated": operation.updated,
            })
        })
        .collect();
    Ok(json!({
        "name": name,
        "state": domain.state,
        "availability": domain.state.availability(),
        "nameServers": domain.name_servers,
        "autoRenew": domain.auto_renew,
        "reachability": domain.reachability,
        "suppressEvents": domain.suppress_events,
        "expires": domain.expires,
        "tags": domain.tags,
        "operations": operations,
    }))
}

async fn put_domain(local: &Arc<Local>, name: &str, put: PutDomain) -> Result<(), (StatusCode, String)> {
    let name = plain(name);
    let mut servers = put.name_servers.map(|servers| servers.iter().map(|server| plain(server)).collect::<Vec<_>>());
    let already_owned = lock(&local.registry).owned(&name).is_some();
    if put.state == Some(State::Owned) && !already_owned && put.create_zone {
        let made = domains::create_registrar_zone(local, &name).await.map_err(unavailable)?;
        servers.get_or_insert(made);
    }
    {
        let mut registry = lock(&local.registry);
        if put.state == Some(State::Owned) && !already_owned {
            registry.registered(&name, Vec::new(), local.clock.now());
            let domain = registry.domain_mut(&name);
            (domain.auto_renew, domain.reachability) = (true, Reachability::Done);
        }
        let domain = registry.domain_mut(&name);
        if let Some(state) = put.state {
            domain.state = state;
        }
        if let Some(servers) = servers {
            domain.name_servers = servers;
        }
        if let Some(records) = put.own_dns {
            domain.own_dns = records.into_iter().map(OwnRecord::into_set).collect();
        }
        if let Some(outcome) = put.registration {
            domain.outcome = outcome;
        }
        domain.price_per_year = put.price.or(domain.price_per_year);
        domain.suppress_events = put.suppress_events.unwrap_or(domain.suppress_events);
        domain.reachability = put.reachability.unwrap_or(domain.reachability);
        domain.auto_renew = put.auto_renew.unwrap_or(domain.auto_renew);
    }
    local.wake_certificates();
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_are_merged_one_by_one() {
        let mut settings = json!(Settings::default());
        merge(&mut settings, json!({ "delays": { "registration": 7, "operations": { "acm:RequestCertificate": 9 } } }));
        let settings: Settings = serde_json::from_value(settings).unwrap();
        assert_eq!(settings.delays.registration, 7);
        assert_eq!(settings.delays.operations["acm:RequestCertificate"], 9);
        assert_eq!(settings.delays.certificate_issue, Settings::default().delays.certificate_issue);
        assert!(serde_json::from_value::<Settings>(json!({ "delay": {} })).is_err(), "a misspelt setting is refused");
    }

    #[test]
    fn a_filter_is_read_from_the_query() {
        let fields = |pairs: &[(&str, &str)]| pairs.iter().map(|(a, b)| ((*a).to_owned(), (*b).to_owned())).collect();
        assert!(filter(fields(&[("after", "3"), ("service", "acm")])).is_ok());
        assert!(filter(fields(&[("after", "x")])).is_err());
        assert!(filter(fields(&[("servic", "acm")])).is_err());
    }
}
