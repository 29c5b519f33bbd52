//! An event, as AWS itself sends it. Owns its envelope; must not know who gets it.

use serde::Deserialize;
use serde_json::{Value, json};

use crate::clock::iso;

/// An event, before its envelope.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Event {
    pub(crate) source: String,
    pub(crate) detail_type: String,
    #[serde(default)]
    pub(crate) resources: Vec<String>,
    #[serde(default)]
    pub(crate) detail: Value,
}

impl Event {
    /// The whole event, of an account and a region, at a time.
    pub(crate) fn envelope(&self, account: &str, region: &str, now: f64) -> Value {
        json!({
            "version": "0",
            "id": uuid::Uuid::new_v4().to_string(),
            "detail-type": self.detail_type,
            "source": self.source,
            "account": account,
            "time": iso(now),
            "region": region,
            "resources": self.resources,
            "detail": if self.detail.is_null() { json!({}) } else { self.detail.clone() },
        })
    }
}
