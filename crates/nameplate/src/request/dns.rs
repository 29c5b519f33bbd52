//! Where the records of a name stand, as a request says it. It must not know zones as Route 53 has them.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Whose DNS answers for the name.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Dns {
    /// A hosted zone of this account, in which the records are written.
    #[default]
    Route53,
    /// Servers of the customer's own: no zone is touched, and the records to set are said as actions.
    External,
}

/// What to do about a delegation that leads elsewhere.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum NameServers {
    /// Refuse, and say what the registry names and what the zones have.
    #[default]
    Report,
    /// Point the registry to the zone. Whatever the name answers from elsewhere ends: mail too.
    Correct,
}
