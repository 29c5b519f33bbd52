//! The statements in a function's policy by which an API of ours may call it.

use serde_json::Value;

use super::STATEMENT_PREFIX;

/// Ids of the statements in a policy by which we let the API call the function, those of earlier routes included.
pub fn statements_for(policy: &str, api_id: &str) -> Vec<String> {
    let policy: Value = serde_json::from_str(policy).unwrap_or_default();
    let statements = policy["Statement"].as_array().cloned().unwrap_or_default();
    let from_the_api = |statement: &Value| {
        let conditions = statement["Condition"].as_object().into_iter().flat_map(|operators| operators.values());
        let sources = conditions.filter_map(|keys| {
            keys.as_object()?.iter().find(|(key, _)| key.eq_ignore_ascii_case("aws:SourceArn"))?.1.as_str()
        });
        sources.into_iter().any(|arn| {
            let mut parts = arn.split(':');
            parts.nth(2) == Some("execute-api") && parts.nth(2).and_then(|rest| rest.split('/').next()) == Some(api_id)
        })
    };
    statements
        .iter()
        .filter(|statement| from_the_api(statement))
        .filter_map(|statement| statement["Sid"].as_str())
        .filter(|sid| sid.starts_with(STATEMENT_PREFIX))
        .map(str::to_owned)
        .collect()
}

#[cfg(test)]
mod tests;
