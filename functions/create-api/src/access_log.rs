//! The log group of the access log: made with the stack's tags and never deleted, since it holds what users logged.
//! It must not know what a line says.

use aws_sdk_apigatewayv2::config::http::HttpResponse;
use aws_sdk_apigatewayv2::error::{ProvideErrorMetadata, SdkError};
use nameplate::StepError;
use nameplate::error::{classify, code_of};
use nameplate::resource::api::{AccessLogAttribute, Changes, Standing, log_group};
use nameplate::resource::{difference, tags};

use crate::context::{Step, write_error};

impl Step<'_> {
    /// The log group, if the request wants an access log: made, or with its tags and its retention put right.
    pub(crate) async fn write_log_group(&self, standing: &Standing, changes: &Changes) -> Result<(), StepError> {
        let Some(log) = &self.request.api.access_log else { return Ok(()) };
        let (client, name) = (&self.clients.logs, log_group(&self.request.domain_name, &self.settings.stack));
        match &standing.log_group {
            None => self.create_log_group(&name).await?,
            Some(group) => {
                let (set, take_off) = tags::to_write(&changes.access_log, AccessLogAttribute::Tag);
                if !set.is_empty() {
                    let call = self
                        .clients
                        .logs
                        .tag_resource()
                        .resource_arn(&group.arn)
                        .set_tags(Some(set.into_iter().collect()));
                    call.send().await.map_err(|error| classify("logs:TagResource", &error))?;
                }
                if !take_off.is_empty() {
                    let call = self.clients.logs.untag_resource().resource_arn(&group.arn).set_tag_keys(Some(take_off));
                    call.send().await.map_err(|error| classify("logs:UntagResource", &error))?;
                }
            }
        }
        if difference::any(&changes.access_log, &[AccessLogAttribute::Retention]) {
            let call = client.put_retention_policy().log_group_name(&name).retention_in_days(log.retention_days);
            call.send().await.map_err(|error| classify("logs:PutRetentionPolicy", &error))?;
        }
        Ok(())
    }

    async fn create_log_group(&self, name: &str) -> Result<(), StepError> {
        let call = self.clients.logs.create_log_group().log_group_name(name);
        let answer = call.set_tags(Some(self.tagging.wanted().clone().into_iter().collect())).send().await;
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
