//! What every function's `main` does: logging, configuration, the SDK's settings, and the loop that takes
//! an event, runs the step and posts its answer or its error.
//! It must not know any step or any AWS service.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use aws_config::{BehaviorVersion, SdkConfig};
use aws_smithy_http_client::tls::{Provider, rustls_provider::CryptoMode};
use aws_smithy_types::retry::RetryConfig;
use aws_smithy_types::timeout::TimeoutConfig;
use lambda_runtime::{LambdaEvent, service_fn};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use tracing::{Instrument, Level};
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::prelude::*;

use crate::error::{StepError, shortened};

/// TLS of every HTTP client.
const TLS: Provider = Provider::Rustls(CryptoMode::Ring);
/// Bounds the TCP and TLS handshake of one call.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);
/// Bounds one attempt of a call.
const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(10);
/// Bounds a call with all its attempts; the functions' own time-out in the template is above it.
const OPERATION_TIMEOUT: Duration = Duration::from_secs(40);
/// Attempts of one call by the SDK; Step Functions retries on top of them.
const ATTEMPTS: u32 = 3;

/// How long after it was begun something that AWS may have accepted can stay unseen, in seconds. Longer than the
/// functions' own time-out, so that a call on its way has arrived.
pub const SETTLING_SECS: i64 = 120;

/// Longest name out of an event that is logged or quoted, in characters: as long as a domain name can be.
const MAX_LOGGED_NAME: usize = 253;

/// Reads one environment variable. An argument everywhere, so that tests set no environment.
pub type Lookup<'a> = &'a dyn Fn(&str) -> Option<String>;

/// The process's environment.
pub fn environment(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

/// The value of a variable that the template always sets.
///
/// # Errors
/// A sentence naming the variable, when it is not set or empty.
pub fn required(lookup: Lookup<'_>, name: &str) -> Result<String, String> {
    lookup(name)
        .filter(|value| !value.is_empty())
        .ok_or_else(|| format!("the environment variable {name} is not set; deploy with the project's template.yaml"))
}

/// A number of seconds: the variable's, or `usual` where the template sets none. Shorter ones are only for where the
/// state machine waits a fraction of its time.
///
/// # Errors
/// A sentence naming the variable, when it is no number.
pub fn seconds(lookup: Lookup<'_>, name: &str, usual: i64) -> Result<i64, String> {
    match lookup(name) {
        None => Ok(usual),
        Some(text) => text.parse().map_err(|_| format!("the environment variable {name} is no number: `{text}`")),
    }
}

/// Starts logging: JSON lines, identifiers only.
///
/// Of a panic only the place is logged: its message may hold what the step was working on.
pub fn start_logging() {
    let levels = Targets::new()
        .with_default(Level::INFO)
        // The Lambda runtime would log every failure a second time, in Rust's words.
        .with_target("lambda_runtime", LevelFilter::OFF)
        // The SDK's crates, all of which begin so, would log errors of services with what they quote.
        .with_target("aws_", LevelFilter::OFF);
    let lines = tracing_subscriber::fmt::layer()
        .json()
        .with_current_span(true)
        .with_span_list(false)
        .without_time()
        .with_target(false);
    tracing_subscriber::registry().with(lines.with_filter(levels)).init();
    std::panic::set_hook(Box::new(|panic| {
        let place = panic.location().map(ToString::to_string).unwrap_or_default();
        tracing::error!(place, "panicked");
    }));
}

/// The settings that all clients share. Credentials, region and endpoint come from the environment.
pub async fn sdk_config() -> SdkConfig {
    let http = aws_smithy_http_client::Builder::new().tls_provider(TLS).build_https();
    let timeouts = TimeoutConfig::builder()
        .connect_timeout(CONNECT_TIMEOUT)
        .operation_attempt_timeout(ATTEMPT_TIMEOUT)
        .operation_timeout(OPERATION_TIMEOUT)
        .build();
    aws_config::defaults(BehaviorVersion::latest())
        .http_client(http)
        .timeout_config(timeouts)
        .retry_config(RetryConfig::standard().with_max_attempts(ATTEMPTS))
        .load()
        .await
}

/// Seconds since 1970.
pub fn now() -> i64 {
    jiff::Timestamp::now().as_second()
}

/// Serves `step` until Lambda ends the process.
///
/// The Lambda runtime is only asked for the event's text, which it gives for whatever JSON Lambda lets through
/// (nested without end, numbers out of range, half a surrogate pair). The event is parsed here, so that a bad one
/// carries a name of ours and not that of a Rust type; a panic of the step is turned into `Nameplate.Failed` for
/// the same reason. A failure is logged once, here.
///
/// # Errors
/// Only when the Lambda runtime API itself cannot be reached.
pub async fn serve<I, O, F, Fut>(step: &'static str, run: F) -> Result<(), lambda_runtime::Error>
where
    I: DeserializeOwned + Send + 'static,
    O: Serialize + Send + 'static,
    F: Fn(I) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Result<O, StepError>> + Send + 'static,
{
    let run = Arc::new(run);
    lambda_runtime::run(service_fn(move |event: LambdaEvent<Box<RawValue>>| {
        let run = Arc::clone(&run);
        async move {
            let domain = domain_of(event.payload.get());
            let request_id = event.context.request_id.clone();
            let span = tracing::info_span!("step", step, domain, request_id);
            answer(run.as_ref(), event.payload.get()).instrument(span).await
        }
    }))
    .await
}

/// The domain that an event is about, for the log; `-` where it names none.
fn domain_of(event: &str) -> String {
    #[derive(Deserialize)]
    struct Event {
        request: Request,
    }
    #[derive(Deserialize)]
    struct Request {
        #[serde(rename = "domainName")]
        domain_name: String,
    }
    serde_json::from_str::<Event>(event)
        .map_or_else(|_| "-".to_owned(), |event| shortened(&event.request.domain_name, MAX_LOGGED_NAME).into_owned())
}

async fn answer<I, O, F, Fut>(run: &F, event: &str) -> Result<O, StepError>
where
    I: DeserializeOwned,
    O: Send + 'static,
    F: Fn(I) -> Fut,
    Fut: Future<Output = Result<O, StepError>> + Send + 'static,
{
    let result = match serde_path_to_error::deserialize::<_, I>(&mut serde_json::Deserializer::from_str(event)) {
        Ok(input) => tokio::spawn(run(input).in_current_span()).await.unwrap_or_else(|_| Err(panicked())),
        Err(error) => Err(StepError::failed(
            "BadStepInput",
            format!("the step's input does not fit at `{}`", shortened(&error.path().to_string(), MAX_LOGGED_NAME)),
            "start the state machine instead of the function; if you did, deploy template and functions together",
        )),
    };
    match &result {
        Ok(_) => tracing::info!("done"),
        Err(error) => {
            tracing::warn!(class = error.class.error_type(), code = error.code, reason = error.reason, "failed")
        }
    }
    result
}

fn panicked() -> StepError {
    StepError::failed(
        "Panic",
        "the function panicked; its log holds the place",
        "report this as a defect of Nameplate; starting again goes on from what exists",
    )
}

#[cfg(test)]
mod tests;
