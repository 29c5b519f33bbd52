//! Where the records of a name stand, as a request says it. It must not know zones as Route 53 has them.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

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
