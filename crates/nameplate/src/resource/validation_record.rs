//! The record by which ACM sees that a name is ours. It must not know certificates.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A CNAME that proves to ACM that a name is ours.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ValidationRecord {
    /// Owner name, without the trailing dot.
    pub name: String,
    /// Target, without the trailing dot.
    pub value: String,
}
