//! CloudWatch Logs: log groups.

use std::collections::BTreeMap;

use aws_sdk_cloudwatchlogs::Client;
use nameplate::StepError;
use nameplate::error::classify;
use nameplate::resource::api::LogGroup;

/// The log group of a name, without its tags. Names are listed in order, and of all that begin with this one it is the
/// first.
///
/// # Errors
/// As [`classify`] has it.
pub async fn log_group(client: &Client, name: &str) -> Result<Option<LogGroup>, StepError> {
    let call = client.describe_log_groups().log_group_name_prefix(name);
    let answer = call.send().await.map_err(|error| classify("logs:DescribeLogGroups", &error))?;
    let found = answer.log_groups.unwrap_or_default().into_iter().find(|group| group.log_group_name() == Some(name));
    Ok(found.map(|group| LogGroup {
        name: name.to_owned(),
        // Of the two only the older one is always shown, and it ends in `:*`.
        arn: group.arn.unwrap_or_default().trim_end_matches(":*").to_owned(),
        retention_days: group.retention_in_days,
        tags: BTreeMap::new(),
    }))
}

/// The tags of what has this ARN.
///
/// # Errors
/// As [`classify`] has it.
pub async fn tags(client: &Client, arn: &str) -> Result<BTreeMap<String, String>, StepError> {
    let call = client.list_tags_for_resource().resource_arn(arn);
    let answer = call.send().await.map_err(|error| classify("logs:ListTagsForResource", &error))?;
    Ok(answer.tags.unwrap_or_default().into_iter().collect())
}
