//! What the domain item holds of earlier runs. It must not know what is done with it.

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::types::AttributeValue;
use nameplate::StepError;
use nameplate::contract::result::RetireResult;
use nameplate::contract::table::{self, domain as attribute};
use nameplate::contract::{Known, STATE_MACHINE_SUFFIX};
use nameplate::error::classify;
use nameplate::request::Dns;
use nameplate::resource::record::{self, Owned};
use nameplate::resource::thing::{HOSTED_ZONE, OWN_DNS_RECORD, Thing};
use serde_json::Value;

/// What the domain item holds.
#[derive(Debug, Default)]
pub(crate) struct Item {
    pub(crate) exists: bool,
    pub(crate) held: bool,
    pub(crate) retired: bool,
    pub(crate) incarnations: Vec<String>,
    pub(crate) known: Known,
    /// The attribute `known` as it stands there.
    pub(crate) seen: String,
    /// Host name of the last request.
    pub(crate) hostname: Option<String>,
    /// The API that the last request names, if it names an existing one.
    pub(crate) existing_api: Option<String>,
    /// Whether the last request leaves DNS to the customer.
    pub(crate) external: bool,
    /// The further records that are ours.
    pub(crate) owned: Vec<Owned>,
    pub(crate) awaited_certificate: Option<String>,
    pub(crate) purchase: Purchase,
    /// What an earlier retirement found for a person to do.
    pub(crate) by_hand: Vec<Thing>,
    /// When a provisioning was stopped, or ran out of time, if that ended the last run; in seconds since 1970.
    pub(crate) stopped_at: Option<i64>,
}

/// How far a purchase came, as the item has it.
#[derive(Debug, Default)]
pub(crate) struct Purchase {
    pub(crate) intent: Option<i64>,
    pub(crate) operation: Option<String>,
    pub(crate) failed: bool,
}

/// The item of a domain.
///
/// # Errors
/// As `classify` has it.
pub(crate) async fn read(client: &Client, table: &str, domain: &str) -> Result<Item, StepError> {
    let answer = client
        .get_item()
        .table_name(table)
        .key(table::KEY, AttributeValue::S(table::domain_key(domain)))
        .consistent_read(true)
        .send()
        .await
        .map_err(|error| classify("dynamodb:GetItem", &error))?;
    let Some(attributes) = answer.item else { return Ok(Item::default()) };
    let text = |name: &str| attributes.get(name).and_then(|value| value.as_s().ok()).cloned();
    let json =
        |name: &str| -> Value { text(name).and_then(|json| serde_json::from_str(&json).ok()).unwrap_or_default() };
    let number = |name: &str| attributes.get(name).and_then(|value| value.as_n().ok()?.parse().ok());
    let (request, failure) = (json(attribute::REQUEST), json(attribute::LAST_FAILURE));
    let retired = text(attribute::STATUS).is_some_and(|status| status == attribute::RETIRED);
    // All that is kept of a retirement is its result.
    let left = match retired {
        true => serde_json::from_value(json(attribute::RESULT)).map(|result: RetireResult| result.left),
        false => Ok(Vec::new()),
    };
    let left = left.unwrap_or_default();
    // One that is under way; else the one of an earlier retirement that did not come to its end.
    let incarnations = [attribute::INCARNATION, attribute::ENDED].into_iter().filter_map(text);
    Ok(Item {
        exists: true,
        held: attributes.contains_key(attribute::HELD_BY),
        incarnations: incarnations.filter(|one| !one.is_empty()).collect(),
        known: match retired {
            true => known_of(&left),
            // What cannot be read is searched for anew: the table is a cache.
            false => serde_json::from_value(json(attribute::KNOWN)).unwrap_or_default(),
        },
        seen: text(attribute::KNOWN).unwrap_or_default(),
        hostname: request["api"]["hostname"].as_str().map(str::to_owned),
        existing_api: request["api"]["existing"]["apiId"].as_str().map(str::to_owned),
        external: serde_json::from_value(request["dns"].clone()).is_ok_and(|dns: Dns| dns == Dns::External),
        owned: record::owned(text(attribute::RECORDS).as_deref()),
        awaited_certificate: text(attribute::AWAITED_CERTIFICATE),
        purchase: Purchase {
            intent: number(attribute::PURCHASE_INTENT),
            operation: text(attribute::PURCHASE_OPERATION),
            failed: attributes.contains_key(attribute::PURCHASE_FAILED_IN),
        },
        by_hand: match retired {
            true => left.into_iter().filter(|one| one.resource == OWN_DNS_RECORD).collect(),
            // A run that came after the retirement has given the domain other targets.
            false if attributes.contains_key(attribute::INCARNATION) => Vec::new(),
            false => serde_json::from_value(json(attribute::BY_HAND)).unwrap_or_default(),
        },
        stopped_at: failure["endedAt"].as_i64().filter(|_| {
            let machine = failure["execution"].as_str().and_then(|arn| arn.split(':').nth(6));
            machine.is_some_and(|machine| machine.ends_with(STATE_MACHINE_SUFFIX))
        }),
        retired,
    })
}

/// What a retirement left that a later one can take away: validation records that a certificate needed, and where they
/// stand.
pub(crate) fn known_of(left: &[Thing]) -> Known {
    let mut zones = left.iter().filter(|one| one.resource == HOSTED_ZONE).map(|zone| zone.name.clone());
    Known {
        hosted_zone_id: zones.next(),
        former_hosted_zone_ids: zones.collect(),
        validation_records: left.iter().filter_map(Thing::validation_record).collect(),
        ..Known::default()
    }
}
