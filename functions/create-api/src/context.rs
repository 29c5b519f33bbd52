//! What every part of the step works with: clients, where it runs, what is wanted, and how an answer to a write is
//! taken. It must not know the single kinds of things.

use aws_sdk_apigatewayv2::config::http::HttpResponse;
use aws_sdk_apigatewayv2::config::retry::RetryConfig;
use aws_sdk_apigatewayv2::error::{ProvideErrorMetadata, SdkError};
use nameplate::error::{classify, code_of};
use nameplate::resource::api::Wanted;
use nameplate::resource::tags::Tagging;
use nameplate::{Request, StepError};

/// The clients of this step.
#[derive(Clone, Debug)]
pub(crate) struct Clients {
    pub(crate) api_gateway: aws_sdk_apigatewayv2::Client,
    pub(crate) lambda: aws_sdk_lambda::Client,
    pub(crate) logs: aws_sdk_cloudwatchlogs::Client,
}

/// Where this step runs, for tags and ARNs.
#[derive(Clone, Debug)]
pub(crate) struct Settings {
    pub(crate) stack: String,
    pub(crate) partition: String,
    pub(crate) region: String,
    pub(crate) account: String,
}

impl Settings {
    /// The form in which API Gateway takes a function that it is to invoke.
    pub(crate) fn invocation_uri(&self, function: &str) -> String {
        let Self { partition, region, .. } = self;
        format!("arn:{partition}:apigateway:{region}:lambda:path/2015-03-31/functions/{function}/invocations")
    }

    /// What calls a function, below an API.
    pub(crate) fn source_arn(&self, api_id: &str, below: &str) -> String {
        let Self { partition, region, account, .. } = self;
        format!("arn:{partition}:execute-api:{region}:{account}:{api_id}/{below}")
    }

    pub(crate) fn log_group_arn(&self, name: &str) -> String {
        let Self { partition, region, account, .. } = self;
        format!("arn:{partition}:logs:{region}:{account}:log-group:{name}")
    }

    /// ARN of the API, or of what is `below` it, for its tags.
    pub(crate) fn arn(&self, api_id: &str, below: &str) -> String {
        let Self { partition, region, .. } = self;
        format!("arn:{partition}:apigateway:{region}::/apis/{api_id}{below}")
    }
}

/// One run of the step.
pub(crate) struct Step<'a> {
    pub(crate) clients: &'a Clients,
    pub(crate) settings: &'a Settings,
    pub(crate) request: &'a Request,
    pub(crate) tagging: &'a Tagging,
}

impl Step<'_> {
    pub(crate) fn wanted(&self) -> Wanted<'_> {
        Wanted { request: self.request, stack: &self.settings.stack, tagging: self.tagging }
    }
}

/// No repetition by the SDK: for calls that would make a second thing after a lost answer.
pub(crate) fn once() -> aws_sdk_apigatewayv2::config::Builder {
    aws_sdk_apigatewayv2::Config::builder().retry_config(RetryConfig::disabled())
}

/// A conflict means that somebody, or an earlier attempt of ours, was at the same thing: the next attempt looks
/// at what is there.
pub(crate) fn write_error<E: ProvideErrorMetadata>(operation: &str, error: &SdkError<E, HttpResponse>) -> StepError {
    match code_of(error) {
        Some(code @ "ConflictException") => {
            StepError::retryable(code, format!("{operation} met another change, or its own earlier attempt"))
        }
        _ => classify(operation, error),
    }
}

pub(crate) fn absent_is_fine<T, E: ProvideErrorMetadata>(
    operation: &str,
    answer: Result<T, SdkError<E, HttpResponse>>,
) -> Result<(), StepError> {
    match answer {
        Err(error) if code_of(&error) != Some("NotFoundException") => Err(write_error(operation, &error)),
        _ => Ok(()),
    }
}

/// A field that API Gateway always sends.
pub(crate) fn answered<T>(field: Option<T>, operation: &str, name: &str) -> Result<T, StepError> {
    field.ok_or_else(|| {
        StepError::retryable("UnreadableAnswer", format!("apigatewayv2:{operation} answered without {name}"))
    })
}
