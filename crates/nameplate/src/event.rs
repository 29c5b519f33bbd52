//! The details of the events that Nameplate publishes, for whoever reads them. It must not know how an event is sent.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::retire::Thing;

/// Detail-type of [`DomainRetired`].
pub const DOMAIN_RETIRED: &str = "Domain Retired";

/// A domain was retired: the detail of the event `Domain Retired`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct DomainRetired {
    /// The domain, in A-labels.
    pub domain_name: String,
    /// The execution that did it.
    pub execution_arn: String,
    /// What it took away.
    pub removed: Vec<Thing>,
    /// What is still there of what belongs to the name, and why.
    pub left: Vec<Thing>,
}
