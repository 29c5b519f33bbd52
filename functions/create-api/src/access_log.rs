//! The log group of the access log: made with the stack's tags and never deleted, since it holds what users logged.
//! It must not know what a line says.

use aws_sdk_apigatewayv2::config::http::HttpResponse;
use aws_sdk_apigatewayv2::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_cloudwatchlogs::types::LogGroup;
use nameplate::StepError;
use nameplate::error::{classify, code_of};
use nameplate::resource::api::log_group;
use nameplate::resource::tags;

use crate::step::{Settings, Step, write_error};

impl Settings {
    pub(crate) fn log_group_arn(&self, name: &str) -> String {
        let Self { partition, region, account, .. } = self;
        format!("arn:{partition}:logs:{region}:{account}:log-group:{name}")
    }
}

impl Step<'_> {
    /// The log group, if the request wants an access log: made, or found, ours and as wanted.
    pub(crate) async fn write_log_group(&self) -> Result<(), StepError> {
        let Some(log) = &self.request.api.access_log else { return Ok(()) };
        let name = log_group(&self.request.domain_name, &self.settings.stack);
        let retention = match self.look_at_log_group(&name).await? {
            None => {
                self.create_log_group(&name).await?;
                None
            }
            Some(found) => {
                self.tag_log_group(&name).await?;
                found.retention_in_days
            }
        };
        if retention == Some(log.retention_days) {
            return Ok(());
        }
        let call = self.clients.logs.put_retention_policy().log_group_name(&name);
        call.retention_in_days(log.retention_days)
            .send()
            .await
            .map_err(|error| classify("logs:PutRetentionPolicy", &error))?;
        Ok(())
    }

    /// Names are listed in order, and of all that begin with this one it is the first.
    async fn look_at_log_group(&self, name: &str) -> Result<Option<LogGroup>, StepError> {
        let answer = self
            .clients
            .logs
            .describe_log_groups()
            .log_group_name_prefix(name)
            .send()
            .await
            .map_err(|error| classify("logs:DescribeLogGroups", &error))?;
        Ok(answer.log_groups.unwrap_or_default().into_iter().find(|group| group.log_group_name() == Some(name)))
    }

    async fn create_log_group(&self, name: &str) -> Result<(), StepError> {
        let call = self.clients.logs.create_log_group().log_group_name(name);
        let answer = call.set_tags(Some(self.tags.clone().into_iter().collect())).send().await;
        match answer {
            Ok(_) => {
                tracing::info!(log_group = name, "created the log group {name}");
                Ok(())
            }
            // An earlier attempt of ours, most likely: the next one looks.
            Err(error) if code_of(&error) == Some("ResourceAlreadyExistsException") => Err(StepError::retryable(
                "ResourceAlreadyExistsException",
                format!("the log group {name} has just been made"),
            )),
            Err(error) => Err(classify("logs:CreateLogGroup", &error)),
        }
    }

    /// Gives a log group that must be ours the tags that the request wants.
    async fn tag_log_group(&self, name: &str) -> Result<(), StepError> {
        let arn = self.settings.log_group_arn(name);
        let answer = self
            .clients
            .logs
            .list_tags_for_resource()
            .resource_arn(&arn)
            .send()
            .await
            .map_err(|error| classify("logs:ListTagsForResource", &error))?;
        let present = answer.tags.unwrap_or_default().into_iter().collect();
        if !self.is_ours(&present) {
            return Err(StepError::refused(
                "LogGroupNotOurs",
                format!(
                    "the log group {name} does not carry the tags `{}` = `{}` and `{}` = `{}`",
                    tags::DOMAIN,
                    self.request.domain_name,
                    tags::STACK,
                    self.settings.stack
                ),
                "put the tags on the log group to hand it over, or leave `api.accessLog` out",
            ));
        }
        let missing = tags::missing(&self.tags, &present);
        if !missing.is_empty() {
            let pairs = missing.into_iter().map(|(key, value)| (key.to_owned(), value.to_owned())).collect();
            let call = self.clients.logs.tag_resource().resource_arn(&arn).set_tags(Some(pairs));
            call.send().await.map_err(|error| classify("logs:TagResource", &error))?;
        }
        let stale = tags::stale(self.former_tags, &present);
        if !stale.is_empty() {
            let call = self.clients.logs.untag_resource().resource_arn(&arn).set_tag_keys(Some(stale));
            call.send().await.map_err(|error| classify("logs:UntagResource", &error))?;
        }
        Ok(())
    }
}

/// What a stage with an access log is refused for, beside what every write is. Seen in anomalyco/sst#1556 (of a
/// WebSocket API, whose lines API Gateway writes with a role of the account) and anomalyco/sst#125 (of an HTTP API,
/// whose lines are delivered by a resource policy of CloudWatch Logs).
pub(crate) fn log_error<E: ProvideErrorMetadata>(operation: &str, error: &SdkError<E, HttpResponse>) -> StepError {
    let text = error.as_service_error().and_then(ProvideErrorMetadata::message).unwrap_or_default();
    if text.contains("CloudWatch Logs role ARN") {
        return StepError::failed(
            "NoCloudWatchRole",
            "API Gateway writes the access log of a WebSocket API with a role of the account, and in this region none is set",
            "set one with the policy AmazonAPIGatewayPushToCloudWatchLogs (aws apigateway update-account \
             --patch-operations op=replace,path=/cloudwatchRoleArn,value=<ARN>), then start the execution again",
        );
    }
    if text.contains("Insufficient permissions to enable logging") {
        return StepError::failed(
            "LoggingNotPermitted",
            format!("API Gateway could not let itself write to the log group: {text}"),
            "look at the account's resource policies in CloudWatch Logs (aws logs describe-resource-policies), which are \
             limited in number and length, and remove what is not needed; then start the execution again",
        );
    }
    write_error(operation, error)
}
