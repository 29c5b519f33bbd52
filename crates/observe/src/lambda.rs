//! Lambda: whom a function permits to call it.

use aws_sdk_lambda::Client;
use nameplate::StepError;
use nameplate::error::{classify, code_of};

/// What a service says is not there.
const NOT_FOUND: &str = "ResourceNotFoundException";

/// The policy of a function, as JSON; nothing when there is no function, or no statement in its policy.
///
/// # Errors
/// As [`classify`] has it.
pub async fn policy(client: &Client, function: &str) -> Result<Option<String>, StepError> {
    match client.get_policy().function_name(function).send().await {
        Ok(answer) => Ok(answer.policy),
        Err(error) if code_of(&error) == Some(NOT_FOUND) => Ok(None),
        Err(error) => Err(classify("lambda:GetPolicy", &error)),
    }
}
