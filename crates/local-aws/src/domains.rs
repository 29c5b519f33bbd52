//! Route 53 Domains on the wire.
//!
//! Owns the operations of the service as its SDK model has them (AWS-FACTS 1.2.1) and what they check. What they
//! change is in `registry.rs`. Each caller is checked against IAM before anything is looked at.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{Method, Request};
use serde_json::{Map, Value, json};

use crate::answer::{self, Answer};
use crate::domain_name::plain;
use crate::emulator::EmulatorError;
use crate::hosted_zone::name_servers;
use crate::identity::{Caller, Denial, not_authentic};
use crate::local::Local;
use crate::lock::lock;
use crate::registry::{Domain, Ending, Operation, Order, Reachability, Registry, State};
use crate::sigv4::Scope;
use crate::{contact, prices};

/// A modelled error: its code, its message, and a field that some carry.
struct Refusal {
    code: &'static str,
    message: String,
    more: Option<(&'static str, String)>,
}

type Outcome = Result<Value, Refusal>;

fn refuse(code: &'static str, message: impl Into<String>) -> Refusal {
    Refusal { code, message: message.into(), more: None }
}

fn invalid(message: impl Into<String>) -> Refusal {
    refuse("InvalidInput", message)
}

/// Answers a call of the service.
pub(crate) async fn handle(local: &Arc<Local>, caller: &Caller, scope: &Scope, request: &Request<Bytes>) -> Answer {
    let operation = crate::action::name("route53domains", request);
    let mut actions = vec![format!("route53domains:{operation}")];
    if operation == "RegisterDomain" {
        // AWS-FACTS 1.4.4: the registration makes a hosted zone on the caller's behalf.
        actions.push("route53:CreateHostedZone".to_owned());
    }
    match local.identity.authorize(&local.emulator, caller, scope, request, &actions).await {
        Ok(()) => {}
        Err(Denial::NotAuthentic) => {
            return answer::json(http::StatusCode::FORBIDDEN, "application/x-amz-json-1.1", &not_authentic());
        }
        Err(Denial::NotAllowed { principal, action }) => return answer::json11_denied(&principal, &action),
        Err(Denial::Unasked(error)) => return internal(&error),
    }
    let Ok(input) = serde_json::from_slice::<Value>(request.body()) else {
        return answer::json11_error("SerializationException", "The body is not JSON.", None);
    };
    match answer_operation(local, &operation, &input) {
        Ok(output) => answer::json11(&output),
        Err(Refusal { code, message, more }) => {
            answer::json11_error(code, &message, more.as_ref().map(|(name, value)| (*name, value.as_str())))
        }
    }
}

fn internal(error: &EmulatorError) -> Answer {
    answer::json(
        http::StatusCode::INTERNAL_SERVER_ERROR,
        "application/x-amz-json-1.1",
        &json!({ "__type": "InternalFailure", "message": error.to_string() }),
    )
}

fn answer_operation(local: &Arc<Local>, operation: &str, input: &Value) -> Outcome {
    let now = local.clock.now();
    match operation {
        "CheckDomainAvailability" => {
            let name = name_below_tld(input)?;
            Ok(json!({ "Availability": lock(&local.registry).state(&name).availability() }))
        }
        "ListPrices" => list_prices(input),
        "RegisterDomain" => register_domain(local, input, now),
        "GetOperationDetail" => {
            let id = input["OperationId"].as_str().unwrap_or_default();
            let registry = lock(&local.registry);
            let operation = registry.operation(id).ok_or_else(|| invalid(format!("Operation {id} was not found.")))?;
            Ok(operation_json(operation))
        }
        "ListOperations" => list_operations(&lock(&local.registry), input),
        "GetDomainDetail" => {
            let name = name_of(input, "DomainName")?;
            let registry = lock(&local.registry);
            let domain = owned(local, &registry, &name)?;
            Ok(domain_json(&name, domain))
        }
        "ListDomains" => list_domains(&lock(&local.registry), input),
        "UpdateDomainNameservers" => update_name_servers(local, input, now),
        "GetContactReachabilityStatus" => {
            let name = name_of(input, "domainName")?;
            let registry = lock(&local.registry);
            let domain = owned(local, &registry, &name)?;
            Ok(json!({ "domainName": name, "status": domain.reachability }))
        }
        "ResendContactReachabilityEmail" => {
            let name = name_of(input, "domainName")?;
            let registry = lock(&local.registry);
            let domain = owned(local, &registry, &name)?;
            Ok(json!({
                "domainName": name,
                "emailAddress": domain.contacts.get("RegistrantContact").map(|contact| contact["Email"].clone()),
                "isAlreadyVerified": domain.reachability == Reachability::Done,
            }))
        }
        "EnableDomainAutoRenew" | "DisableDomainAutoRenew" => {
            let name = name_of(input, "DomainName")?;
            change(local, &name, |domain| domain.auto_renew = operation == "EnableDomainAutoRenew")?;
            Ok(json!({}))
        }
        "EnableDomainTransferLock" | "DisableDomainTransferLock" => {
            let name = name_of(input, "DomainName")?;
            change(local, &name, |domain| domain.transfer_lock = operation == "EnableDomainTransferLock")?;
            let id = later(local, &name, "DOMAIN_LOCK", now, |_| {});
            Ok(json!({ "OperationId": id }))
        }
        "ListTagsForDomain" => {
            let name = name_of(input, "DomainName")?;
            let registry = lock(&local.registry);
            let tags = &owned(local, &registry, &name)?.tags;
            let tags: Vec<Value> = tags.iter().map(|(key, value)| json!({ "Key": key, "Value": value })).collect();
            Ok(json!({ "TagList": tags }))
        }
        "UpdateTagsForDomain" => {
            let name = name_of(input, "DomainName")?;
            let tags = input["TagsToUpdate"].as_array().cloned().unwrap_or_default();
            change(local, &name, |domain| {
                for tag in &tags {
                    let field = |name: &str| tag[name].as_str().unwrap_or_default().to_owned();
                    domain.tags.insert(field("Key"), field("Value"));
                }
            })?;
            Ok(json!({}))
        }
        "DeleteTagsForDomain" => {
            let name = name_of(input, "DomainName")?;
            let keys = input["TagsToDelete"].as_array().cloned().unwrap_or_default();
            change(local, &name, |domain| domain.tags.retain(|key, _| !keys.iter().any(|gone| gone == key)))?;
            Ok(json!({}))
        }
        "DeleteDomain" => {
            let name = name_of(input, "DomainName")?;
            // AWS-FACTS 1.7.1: the lock must be off first.
            if owned(local, &lock(&local.registry), &name)?.transfer_lock {
                return Err(refuse("TLDRulesViolation", format!("The domain {name} is locked for transfers.")));
            }
            let gone = name.clone();
            let id = later(local, &name, "DELETE_DOMAIN", now, move |registry| registry.deleted(&gone));
            Ok(json!({ "OperationId": id }))
        }
        other => Err(refuse("UnknownOperationException", format!("The local AWS has no {other}."))),
    }
}

/// A name of this account that an operation is about.
fn owned<'a>(local: &Local, registry: &'a Registry, name: &str) -> Result<&'a Domain, Refusal> {
    registry.owned(name).ok_or_else(|| not_ours(local, name))
}

fn not_ours(local: &Local, name: &str) -> Refusal {
    invalid(format!("Domain {name} not found in {} account", local.account_id))
}

fn change(local: &Local, name: &str, change: impl FnOnce(&mut Domain)) -> Result<(), Refusal> {
    let mut registry = lock(&local.registry);
    let now = local.clock.now();
    let domain = registry.owned_mut(name).ok_or_else(|| not_ours(local, name))?;
    change(domain);
    domain.updated = now;
    Ok(())
}

/// A required name, in lower case.
fn name_of(input: &Value, field: &str) -> Result<String, Refusal> {
    let name = input[field].as_str().ok_or_else(|| invalid(format!("{field} is required.")))?;
    let name = name.trim_end_matches('.').to_ascii_lowercase();
    let label = |label: &str| {
        (1..=63).contains(&label.len())
            && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    if name.len() > 253 || !name.contains('.') || !name.split('.').all(label) {
        return Err(invalid(format!("{field} is not a domain name.")));
    }
    Ok(name)
}

/// A required name directly below a top-level domain that is sold here.
fn name_below_tld(input: &Value) -> Result<String, Refusal> {
    let name = name_of(input, "DomainName")?;
    let tld = name.split_once('.').map_or("", |(_, tld)| tld);
    if prices::of_tld(tld).is_none() {
        return Err(refuse("UnsupportedTLD", format!("Amazon Route 53 does not support this TLD: {tld}")));
    }
    Ok(name)
}

fn list_prices(input: &Value) -> Outcome {
    if let Some(tld) = input["Tld"].as_str() {
        if !input["Marker"].is_null() || !input["MaxItems"].is_null() {
            return Err(invalid("Tld cannot be combined with Marker or MaxItems."));
        }
        let price = prices::of_tld(&tld.to_ascii_lowercase())
            .ok_or_else(|| refuse("UnsupportedTLD", format!("Amazon Route 53 does not support this TLD: {tld}")))?;
        return Ok(json!({ "Prices": [price.to_json()] }));
    }
    let prices: Vec<Value> = prices::PRICES.into_iter().map(prices::Price::to_json).collect();
    page("Prices", prices, input, 1_000, 1_000)
}

/// One page of a list, with its marker.
fn page(field: &str, items: Vec<Value>, input: &Value, default: u64, most: u64) -> Outcome {
    let start = match input["Marker"].as_str() {
        None => 0,
        Some(marker) => marker.parse::<usize>().map_err(|_| invalid("Marker is not valid."))?,
    };
    let count = input["MaxItems"].as_u64().unwrap_or(default);
    if count > most {
        return Err(invalid(format!("MaxItems is at most {most}.")));
    }
    let end = start.saturating_add(usize::try_from(count).unwrap_or(usize::MAX));
    let more = end < items.len();
    let items: Vec<Value> = items.into_iter().take(end).skip(start).collect();
    let mut output = json!({ field: items });
    if more {
        output["NextPageMarker"] = json!(end.to_string());
    }
    Ok(output)
}

fn operation_json(operation: &Operation) -> Value {
    let mut output = json!({
        "OperationId": operation.id,
        "Status": operation.status,
        "Type": operation.kind,
        "DomainName": operation.domain,
        "SubmittedDate": operation.submitted,
        "LastUpdatedDate": operation.updated,
    });
    if let Some(message) = &operation.message {
        output["Message"] = json!(message);
    }
    if let Some(flag) = &operation.status_flag {
        output["StatusFlag"] = json!(flag);
    }
    output
}

fn list_operations(registry: &Registry, input: &Value) -> Outcome {
    let since = input["SubmittedSince"].as_f64().unwrap_or(0.0);
    let among = |field: &str, value: &str| match input[field].as_array() {
        Some(wanted) if !wanted.is_empty() => wanted.iter().any(|wanted| wanted == value),
        _ => true,
    };
    if input["SortBy"].as_str().is_some_and(|field| field != "SubmittedDate") {
        return Err(invalid("SortBy takes SubmittedDate only."));
    }
    let mut operations: Vec<&Operation> = registry
        .operations()
        .iter()
        .filter(|operation| operation.submitted >= since)
        .filter(|operation| among("Status", operation.status) && among("Type", operation.kind))
        .collect();
    if input["SortOrder"] == "DESC" {
        operations.reverse();
    }
    page("Operations", operations.into_iter().map(operation_json).collect(), input, 20, 100)
}

fn list_domains(registry: &Registry, input: &Value) -> Outcome {
    let mut domains: Vec<(&String, &Domain)> = registry.all_owned().collect();
    for condition in input["FilterConditions"].as_array().into_iter().flatten() {
        let value = condition["Values"][0].as_str().unwrap_or_default().to_ascii_lowercase();
        let (field, operator) = (condition["Name"].as_str(), condition["Operator"].as_str());
        match (field, operator) {
            (Some("DomainName"), Some("BEGINS_WITH")) => domains.retain(|(name, _)| name.starts_with(&value)),
            (Some("Expiry"), Some(operator @ ("LE" | "GE"))) => {
                let limit: f64 = value.parse().map_err(|_| invalid("Expiry is compared with Unix seconds."))?;
                domains.retain(
                    |(_, domain)| {
                        if operator == "LE" { domain.expires <= limit } else { domain.expires >= limit }
                    },
                );
            }
            _ => return Err(invalid("This filter is not supported.")),
        }
    }
    let domains = domains
        .into_iter()
        .map(|(name, domain)| {
            json!({
                "DomainName": name,
                "AutoRenew": domain.auto_renew,
                "TransferLock": domain.transfer_lock,
                "Expiry": domain.expires,
            })
        })
        .collect();
    page("Domains", domains, input, 20, 100)
}

fn domain_json(name: &str, domain: &Domain) -> Value {
    let servers: Vec<Value> = domain.name_servers.iter().map(|server| json!({ "Name": server })).collect();
    let mut statuses = vec!["ok"];
    if domain.transfer_lock {
        statuses = vec!["clientTransferProhibited"];
    }
    if domain.reachability == Reachability::Expired {
        // AWS-FACTS 1.5.1: an address that nobody confirmed takes the name off the internet.
        statuses.push("clientHold");
    }
    let mut output = json!({
        "DomainName": name,
        "Nameservers": servers,
        "AutoRenew": domain.auto_renew,
        "AdminPrivacy": true,
        "RegistrantPrivacy": true,
        "TechPrivacy": true,
        "RegistrarName": "Amazon Registrar, Inc.",
        "WhoIsServer": "whois.registrar.amazon",
        "RegistrarUrl": "https://registrar.amazon.com",
        "CreationDate": domain.created,
        "UpdatedDate": domain.updated,
        "ExpirationDate": domain.expires,
        "StatusList": statuses,
        "DnssecKeys": [],
    });
    for (field, value) in &domain.contacts {
        output[field.as_str()] = value.clone();
    }
    output
}

fn update_name_servers(local: &Arc<Local>, input: &Value, now: f64) -> Outcome {
    let name = name_of(input, "DomainName")?;
    owned(local, &lock(&local.registry), &name)?;
    let servers: Vec<String> = input["Nameservers"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(|server| server["Name"].as_str().map(plain))
        .collect();
    if servers.is_empty() {
        return Err(invalid("Nameservers is required."));
    }
    if let Some(open) = lock(&local.registry).open_operation(&name) {
        return Err(duplicate(open));
    }
    let changed = name.clone();
    let id = later(local, &name, "UPDATE_NAMESERVER", now, move |registry| {
        registry.domain_mut(&changed).name_servers = servers;
    });
    Ok(json!({ "OperationId": id }))
}

fn duplicate(open: &Operation) -> Refusal {
    Refusal {
        code: "DuplicateRequest",
        message: format!("The request is already in progress for the domain {}.", open.domain),
        more: Some(("requestId", open.id.clone())),
    }
}

/// Submits an operation whose effect comes after the registry's delay.
fn later(
    local: &Arc<Local>,
    name: &str,
    kind: &'static str,
    now: f64,
    effect: impl FnOnce(&mut Registry) + Send + 'static,
) -> String {
    let id = lock(&local.registry).submit(name, kind, now);
    let delay = Duration::from_millis(local.settings().delays.registry_change);
    let (local_later, operation) = (Arc::clone(local), id.clone());
    local.spawn(async move {
        let local = local_later;
        tokio::time::sleep(delay).await;
        {
            let mut registry = lock(&local.registry);
            effect(&mut registry);
            registry.finish(&operation, Ending::Successful, None, local.clock.now());
        }
        local.wake_certificates();
    });
    id
}

fn register_domain(local: &Arc<Local>, input: &Value, now: f64) -> Outcome {
    let name = name_below_tld(input)?;
    let years = input["DurationInYears"].as_u64().ok_or_else(|| invalid("DurationInYears is required."))?;
    if !(1..=10).contains(&years) {
        return Err(invalid("DurationInYears must be between 1 and 10."));
    }
    let mut kept = Map::new();
    for (contact, privacy, shown) in [
        ("AdminContact", "PrivacyProtectAdminContact", "AdminPrivacy"),
        ("RegistrantContact", "PrivacyProtectRegistrantContact", "RegistrantPrivacy"),
        ("TechContact", "PrivacyProtectTechContact", "TechPrivacy"),
        ("BillingContact", "PrivacyProtectBillingContact", "BillingPrivacy"),
    ] {
        let given = &input[contact];
        if given.is_null() {
            if contact == "BillingContact" {
                continue;
            }
            return Err(invalid(format!("{contact} is required.")));
        }
        contact::check(contact, given).map_err(invalid)?;
        kept.insert(contact.to_owned(), given.clone());
        kept.insert(shown.to_owned(), json!(input[privacy].as_bool().unwrap_or(true)));
    }
    let price = prices::of_name(&name).ok_or_else(|| refuse("UnsupportedTLD", "This TLD is not supported."))?;

    let mut registry = lock(&local.registry);
    if let Some(open) = registry.open_operation(&name) {
        return Err(duplicate(open));
    }
    let state = registry.state(&name);
    if state != State::Available {
        return Err(invalid(format!("The domain {name} is not available: {}.", state.availability())));
    }
    let order = Order {
        domain: name.clone(),
        years,
        auto_renew: input["AutoRenew"].as_bool().unwrap_or(true),
        contacts: kept,
        price_per_year: price.registration,
        currency: prices::CURRENCY,
    };
    let id = registry.begin_registration(order, now);
    let outcome = registry.domain(&name).map(|domain| domain.outcome.clone()).unwrap_or_default();
    drop(registry);

    let delay = Duration::from_millis(outcome.delay_ms.unwrap_or(local.settings().delays.registration));
    let (registrar, operation) = (Arc::clone(local), id.clone());
    local.spawn(async move {
        // The registry answers to the order first, and carries it out afterwards.
        tokio::time::sleep(delay / 10).await;
        lock(&registrar.registry).take_up(&operation, outcome.status_flag, registrar.clock.now());
        tokio::time::sleep(delay - delay / 10).await;
        complete(&registrar, &name, &operation, outcome.outcome, outcome.message).await;
    });
    Ok(json!({ "OperationId": id }))
}

/// Ends a registration: zone, delegation, then the operation's status.
async fn complete(local: &Arc<Local>, name: &str, operation: &str, ending: Ending, message: Option<String>) {
    let (ending, message) = match ending {
        Ending::Successful => match create_registrar_zone(local, name).await {
            Ok(servers) => {
                lock(&local.registry).registered(name, servers, local.clock.now());
                (Ending::Successful, message)
            }
            Err(error) => (Ending::Error, Some(error.to_string())),
        },
        other => (other, message.or_else(|| Some("The registry refused the registration.".to_owned()))),
    };
    {
        let mut registry = lock(&local.registry);
        if ending != Ending::Successful {
            registry.not_registered(name, operation);
        }
        registry.finish(operation, ending, message, local.clock.now());
    }
    local.wake_certificates();
}

/// Makes the zone that a registration makes, with its marks (AWS-FACTS 1.4.1, 1.4.2). Gives its name servers.
pub(crate) async fn create_registrar_zone(local: &Local, name: &str) -> Result<Vec<String>, EmulatorError> {
    let body = format!(
        "<CreateHostedZoneRequest xmlns=\"https://route53.amazonaws.com/doc/2013-04-01/\"><Name>{name}.</Name>\
         <CallerReference>RISWorkflow-RD:{}</CallerReference><HostedZoneConfig>\
         <Comment>HostedZone created by Route53 Registrar</Comment></HostedZoneConfig></CreateHostedZoneRequest>",
        uuid::Uuid::new_v4()
    );
    let target = "/2013-04-01/hostedzone";
    let answer = local.emulator.rest_xml("route53", Method::POST, target, body).await?;
    let id = answer
        .split_once("<Id>/hostedzone/")
        .and_then(|(_, rest)| rest.split_once("</Id>"))
        .map(|(id, _)| id)
        .ok_or_else(|| EmulatorError::Unreadable { what: target.to_owned(), reason: "no Id".to_owned() })?;
    Ok(name_servers(id).to_vec())
}

#[cfg(test)]
mod tests;
