//! The access log of an API. It must not know what a line says: no request decides on that.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::error::StepError;

/// The days for which CloudWatch Logs keeps events, as the model of its PutRetentionPolicy lists them.
pub const RETENTION_DAYS: [i32; 22] =
    [1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653];

/// One line of JSON for each request, without anything personal: no address, agent, header or query string.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct AccessLog {
    /// Days for which a line is kept: 1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192,
    /// 2557, 2922, 3288 or 3653.
    #[schemars(extend("enum" = RETENTION_DAYS))]
    pub retention_days: i32,
}

/// Refuses a number of days that CloudWatch Logs does not know.
pub(super) fn check(log: &AccessLog) -> Result<(), StepError> {
    let days = log.retention_days;
    if RETENTION_DAYS.contains(&days) {
        return Ok(());
    }
    let longer =
        RETENTION_DAYS.iter().find(|known| **known > days).unwrap_or(&RETENTION_DAYS[RETENTION_DAYS.len() - 1]);
    Err(StepError::invalid(
        "api.accessLog.retentionDays",
        format!("CloudWatch Logs keeps nothing for just {days} days"),
        format!("give {longer}, or another of the days that schema/request.schema.json lists"),
    ))
}

#[cfg(test)]
mod tests;
