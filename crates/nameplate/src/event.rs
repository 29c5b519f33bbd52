//! The details of the events that a run publishes, source `nameplate`. It must not know who listens.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Detail of `Action Required`: a run waits for something that only a person can do. It goes on by itself once
/// that is done.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ActionRequired {
    /// The domain, in A-labels.
    pub domain_name: String,
    /// ARN of the execution that waits.
    pub execution_arn: String,
    /// What to do, with exact values; the same that the result lists.
    pub actions: Vec<String>,
}
