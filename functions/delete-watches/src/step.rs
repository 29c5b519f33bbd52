//! Step `delete-watches`: nothing is awaited for the domain any more.
//!
//! - Reads: nothing. Which watches there are is in its input.
//! - Writes: DeleteItem of each watch. One that a stopped run has left would be polled for, or kept, for days.
//! - Tokens: none; what is gone is done. Nobody sleeps on a watch of a domain that this execution holds.
//! - NotReady: never.
//!
//! It must not know what was awaited.

use aws_sdk_dynamodb::types::AttributeValue;
use nameplate::StepError;
use nameplate::contract::retire::{DeleteWatchesInput, RetireStepOutput};
use nameplate::contract::table;
use nameplate::error::classify;

/// What the step calls.
#[derive(Clone, Debug)]
pub(crate) struct Clients {
    pub(crate) dynamodb: aws_sdk_dynamodb::Client,
}

/// What the template sets.
#[derive(Clone, Debug)]
pub(crate) struct Settings {
    pub(crate) table: String,
}

/// Runs the step.
///
/// # Errors
/// As `classify` has it.
pub(crate) async fn run(
    clients: &Clients,
    settings: &Settings,
    input: DeleteWatchesInput,
) -> Result<RetireStepOutput, StepError> {
    for key in input.watch_keys {
        clients
            .dynamodb
            .delete_item()
            .table_name(&settings.table)
            .key(table::KEY, AttributeValue::S(key))
            .send()
            .await
            .map_err(|error| classify("dynamodb:DeleteItem", &error))?;
    }
    Ok(RetireStepOutput::default())
}

#[cfg(test)]
mod tests;
