//! What the domain item holds of earlier runs. It must not know what is done with it.

use nameplate::contract::Known;
use nameplate::contract::result::ProvisionResult;
use nameplate::contract::table::{self, domain as attribute};
use nameplate::error::classify;
use nameplate::resource::record::{self, Owned};
use nameplate::{Request, StepError};
use serde_json::Value;

use crate::context::{Clients, Settings};

/// What the domain item holds of earlier runs.
#[derive(Debug, Default)]
pub(crate) struct Item {
    pub(crate) held: bool,
    pub(crate) live: bool,
    pub(crate) fingerprint: Option<String>,
    pub(crate) known: Known,
    /// From which tokens are hashed; nothing before the first claim.
    pub(crate) incarnation: Option<String>,
    /// The attribute `known` as it stands there.
    pub(crate) seen: String,
    pub(crate) result: Option<ProvisionResult>,
    pub(crate) purchase_begun: bool,
    /// The records of the zone that are ours.
    pub(crate) owned: Vec<Owned>,
    /// The existing API that the request of the last claim names, if it names one.
    pub(crate) existing_api: Option<String>,
}

impl Item {
    /// Whether the last run satisfied a request with this fingerprint.
    pub(crate) fn satisfies(&self, fingerprint: &str) -> bool {
        self.result.is_some() && self.live && !self.held && self.fingerprint.as_deref() == Some(fingerprint)
    }
}

pub(crate) async fn read(clients: &Clients, settings: &Settings, request: &Request) -> Result<Item, StepError> {
    let answer = clients
        .dynamodb
        .get_item()
        .table_name(&settings.table)
        .key(table::KEY, aws_sdk_dynamodb::types::AttributeValue::S(table::domain_key(request.domain_name.as_str())))
        .consistent_read(true)
        .send()
        .await
        .map_err(|error| classify("dynamodb:GetItem", &error))?;
    let Some(attributes) = answer.item else { return Ok(Item::default()) };
    let text = |name: &str| attributes.get(name).and_then(|value| value.as_s().ok());
    Ok(Item {
        held: attributes.contains_key(attribute::HELD_BY),
        live: text(attribute::STATUS).is_some_and(|status| status == attribute::LIVE),
        fingerprint: text(attribute::FINGERPRINT).cloned(),
        incarnation: text(attribute::INCARNATION).cloned(),
        seen: text(attribute::KNOWN).cloned().unwrap_or_default(),
        // What cannot be read is searched for anew: the table is a cache.
        known: known(
            text(attribute::KNOWN).and_then(|json| serde_json::from_str(json).ok()).unwrap_or_default(),
            text(attribute::AWAITED_CERTIFICATE),
        ),
        result: text(attribute::RESULT).and_then(|json| serde_json::from_str(json).ok()),
        purchase_begun: attributes.contains_key(attribute::PURCHASE_INTENT),
        owned: record::owned(text(attribute::RECORDS).map(String::as_str)),
        existing_api: text(attribute::REQUEST)
            .and_then(|json| serde_json::from_str::<Value>(json).ok())
            .and_then(|request| request["api"]["existing"]["apiId"].as_str().map(str::to_owned)),
    })
}

/// What earlier runs made. Of a run that was stopped only the certificate that it awaited is on record.
fn known(mut known: Known, awaited: Option<&String>) -> Known {
    known.certificate_arn = known.certificate_arn.or_else(|| awaited.cloned());
    // Another certificate and another zone come in the place of these, and a retirement looks for both.
    for record in &known.validation_records {
        if !known.former_validation_records.contains(record) {
            known.former_validation_records.push(record.clone());
        }
    }
    if let Some(id) = known.hosted_zone_id.as_ref().filter(|id| !known.former_hosted_zone_ids.contains(id)) {
        known.former_hosted_zone_ids.push(id.clone());
    }
    known
}
