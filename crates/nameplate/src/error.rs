//! How a step fails: one of a few classes, because the class picks the retry policy in the state
//! machine, with the code, the reason and the remedy inside the message.
//! It must not know any AWS service.

use std::borrow::Cow;
use std::error::Error;
use std::fmt;

use aws_credential_types::provider::error::CredentialsError;
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::{ConnectorError, DispatchFailure, SdkError};
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use lambda_runtime::Diagnostic;
use serde::{Deserialize, Serialize};

/// Longest reason against a request, in characters. It stands in the execution's history, in an event and in the
/// log, and it quotes what somebody sent.
pub const MAX_INVALID_REASON: usize = 600;
/// Longest name of a field in such a reason, in characters: a map's keys are the sender's own.
const MAX_FIELD: usize = 160;
/// The remedy for what the state machine tries again.
const PASSES: &str = "nothing: the state machine tries again; if it gave up, start the execution again";

/// What a failure means to the state machine. The names on the wire are what `Retry` and `Catch` match.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Class {
    /// Throttled, 5xx, connection lost: the same call may succeed soon.
    Retryable,
    /// AWS is not there yet: an expected wait of seconds to minutes.
    NotReady,
    /// The request is wrong; nothing was written.
    InvalidRequest,
    /// We decline: price, budget, name unavailable, somebody else's resource.
    Refused,
    /// AWS said no for good: quota, CAA, access denied.
    Failed,
    /// Another execution works on this domain.
    Busy,
}

impl Class {
    /// Every class, in the order of the documentation.
    pub const ALL: [Class; 6] =
        [Class::Retryable, Class::NotReady, Class::InvalidRequest, Class::Refused, Class::Failed, Class::Busy];

    /// The `errorType` that Step Functions sees.
    pub fn error_type(self) -> &'static str {
        match self {
            Class::Retryable => "Nameplate.Retryable",
            Class::NotReady => "Nameplate.NotReady",
            Class::InvalidRequest => "Nameplate.InvalidRequest",
            Class::Refused => "Nameplate.Refused",
            Class::Failed => "Nameplate.Failed",
            Class::Busy => "Nameplate.Busy",
        }
    }
}

/// A failed step: what happened, why, and what to do about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StepError {
    /// Picks the retry policy.
    pub class: Class,
    /// A stable word for programs, for example `PriceOverCap` or AWS's own error code.
    pub code: String,
    /// What was wrong, naming the thing. Never holds personal data.
    pub reason: String,
    /// What the reader can do.
    pub remedy: String,
}

/// The JSON inside `errorMessage`.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Message<'a> {
    code: &'a str,
    reason: &'a str,
    remedy: &'a str,
}

impl StepError {
    /// A failure of `class`.
    pub fn new(class: Class, code: &str, reason: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { class, code: code.to_owned(), reason: reason.into(), remedy: remedy.into() }
    }

    /// The request is wrong at `field`. What it quotes of the request is cut to [`MAX_INVALID_REASON`] characters.
    pub fn invalid(field: &str, reason: impl fmt::Display, remedy: impl Into<String>) -> Self {
        let reason = format!("{}: {reason}", shortened(field, MAX_FIELD));
        Self::new(Class::InvalidRequest, "InvalidRequest", shortened(&reason, MAX_INVALID_REASON), remedy)
    }

    /// We decline, naming the reason and what would change our mind.
    pub fn refused(code: &str, reason: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self::new(Class::Refused, code, reason, remedy)
    }

    /// AWS, or the state of the world, says no for good.
    pub fn failed(code: &str, reason: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self::new(Class::Failed, code, reason, remedy)
    }

    /// Another execution holds the domain by now, so that this one may not do `what`.
    pub fn not_the_holder(domain: &str, what: &str) -> Self {
        Self::new(
            Class::Busy,
            "NotTheHolder",
            format!("this execution does not hold {domain} any more, so it may not {what}"),
            "wait until the execution that holds it has ended, then start again",
        )
    }

    /// AWS is not there yet.
    pub fn not_ready(code: &str, reason: impl Into<String>) -> Self {
        Self::new(Class::NotReady, code, reason, PASSES)
    }

    /// The same call may succeed soon.
    pub fn retryable(code: &str, reason: impl Into<String>) -> Self {
        Self::new(Class::Retryable, code, reason, PASSES)
    }
}

/// `text` in at most `most` characters: of a longer one the beginning and the end, which say most.
pub fn shortened(text: &str, most: usize) -> Cow<'_, str> {
    const GAP: &str = " […] ";
    let length = text.chars().count();
    if length <= most {
        return Cow::Borrowed(text);
    }
    let kept = most.saturating_sub(GAP.chars().count());
    let (head, tail) = (kept.div_ceil(2), kept / 2);
    let position = |count: usize| text.char_indices().nth(count).map_or(text.len(), |(position, _)| position);
    Cow::Owned(format!("{}{GAP}{}", &text[..position(head)], &text[position(length - tail)..]))
}

impl fmt::Display for StepError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({}): {}. Remedy: {}", self.class.error_type(), self.code, self.reason, self.remedy)
    }
}

impl Error for StepError {}

impl From<StepError> for Diagnostic {
    fn from(error: StepError) -> Self {
        let message = Message { code: &error.code, reason: &error.reason, remedy: &error.remedy };
        Diagnostic {
            error_type: error.class.error_type().to_owned(),
            error_message: serde_json::to_string(&message).unwrap_or_else(|_| error.reason.clone()),
        }
    }
}

/// Codes that are worth another try although the SDK gave up: throttling in the spellings of the
/// services used here (AWS-FACTS 2.2.6, 3.1.6, 4.1.4) and failures inside AWS.
const RETRYABLE_CODES: &[&str] = &[
    "Throttling",
    "ThrottlingException",
    "ThrottledException",
    "TooManyRequestsException",
    "RequestLimitExceeded",
    "PriorRequestNotComplete",
    "ProvisionedThroughputExceededException",
    "RequestTimeout",
    "RequestTimeoutException",
    "InternalFailure",
    "InternalServerError",
    "InternalError",
    "InternalServiceError",
    "InternalServiceErrorException",
    "ServiceException",
    "ServiceUnavailable",
    "ServiceUnavailableException",
    "OperationAbortedException",
    "ConcurrentModificationException",
];

/// What Route 53 Domains says while as many operations run for the account as it does at once.
pub const TOO_MANY_OPERATIONS: &str = "OperationLimitExceeded";

/// Gives a failed SDK call its class: transport, time-out, throttling and 5xx are `Retryable`, and so is an
/// answer that was cut or cannot be read: nobody knows whether the call took effect, and every step finds
/// before it makes. Everything else is `Failed` with AWS's code and message. A step looks at the codes that
/// mean something special to it (`error.code()`) before it comes here.
///
/// `operation` is the API's own name, for example `route53:CreateHostedZone`. The reason repeats AWS's
/// message; who sends personal data must not pass it on (`register` does not).
pub fn classify<E>(operation: &str, error: &SdkError<E, HttpResponse>) -> StepError
where
    E: ProvideErrorMetadata,
{
    let (status, code, message) = match error {
        SdkError::ServiceError(context) => (
            context.raw().status().as_u16(),
            context.err().code().unwrap_or("Unknown"),
            context.err().message().unwrap_or("AWS gave no message"),
        ),
        SdkError::ResponseError(context) => {
            return StepError::retryable(
                "UnreadableAnswer",
                format!("the answer of {operation} (status {}) was cut or cannot be read", context.raw().status()),
            );
        }
        SdkError::TimeoutError(_) => {
            return StepError::retryable("Timeout", format!("{operation} gave no answer in time"));
        }
        SdkError::DispatchFailure(failure) => return undelivered(operation, failure),
        _ => return not_sent(operation),
    };
    let reason = format!("{operation} answered {code}: {message}");
    if status >= 500 || status == 429 || RETRYABLE_CODES.contains(&code) {
        return StepError::retryable(code, reason);
    }
    if code == TOO_MANY_OPERATIONS {
        let reason = format!("{operation} answered {code}: too many operations run in this account at once");
        return StepError::not_ready(code, reason);
    }
    let remedy = match code {
        "AccessDenied" | "AccessDeniedException" | "UnauthorizedOperation" => {
            "the function's role lacks a permission, or an organisation's policy denies it; deploy the template unchanged and start the execution again"
        }
        _ => "remove the cause that AWS names, then start the execution again; it goes on from what exists",
    };
    StepError::failed(code, reason, remedy)
}

/// A call without an answer. What cannot be told apart from a lost connection is taken for one.
fn undelivered(operation: &str, failure: &DispatchFailure) -> StepError {
    match failure.as_connector_error().and_then(credentials_error) {
        Some(CredentialsError::CredentialsNotLoaded(_) | CredentialsError::InvalidConfiguration(_)) => {
            StepError::failed(
                "NoCredentials",
                format!("{operation} was not sent: the function has no credentials"),
                "let the function run with the role of the template, and without AWS settings of its own in its environment; then start the execution again",
            )
        }
        Some(_) => StepError::retryable(
            "NoCredentials",
            format!("{operation} was not sent: the function's credentials could not be had"),
        ),
        None if failure.is_user() => not_sent(operation),
        None => StepError::retryable(
            "ConnectionLost",
            format!("{operation} could not be reached, or the connection was cut"),
        ),
    }
}

fn not_sent(operation: &str) -> StepError {
    StepError::failed("NotSent", format!("{operation} could not be sent"), "report this as a defect of Nameplate")
}

/// Why there were no credentials to sign a call with, if that is what went wrong.
fn credentials_error(error: &ConnectorError) -> Option<&CredentialsError> {
    let mut cause = error.source();
    while let Some(error) = cause {
        if let Some(credentials) = error.downcast_ref() {
            return Some(credentials);
        }
        cause = error.source();
    }
    None
}

/// The service's error code, if the service answered with an error.
pub fn code_of<E: ProvideErrorMetadata>(error: &SdkError<E, HttpResponse>) -> Option<&str> {
    error.as_service_error().and_then(ProvideErrorMetadata::code)
}

/// Why Route 53 refused a change batch, if that is what the error says.
///
/// Route 53 says so in two forms: as an error like any other, and in a document of its own with the root
/// `InvalidChangeBatch`, which the SDK for Rust does not read (the AWS SDK for Go v2 has a customization for it).
pub fn invalid_change_batch<E>(error: &SdkError<E, HttpResponse>) -> Option<String> {
    let SdkError::ServiceError(context) = error else { return None };
    let body = std::str::from_utf8(context.raw().body().bytes()?).ok()?;
    let (_, document) = body.split_once("InvalidChangeBatch")?;
    let messages = document.split("<Message>").skip(1).filter_map(|rest| Some(rest.split_once("</Message>")?.0.trim()));
    Some(messages.collect::<Vec<_>>().join("; "))
}

#[cfg(test)]
mod tests;
