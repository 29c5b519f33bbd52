//! A function that ends as its input says: what the wire tests start to see what `serve` posts.
//! It must not know AWS, and is never deployed.

use nameplate::function::runtime;
use nameplate::{Class, StepError};
use serde::{Deserialize, Serialize};

/// How to end: with an answer, with a failure of a class, in a panic that quotes its input, or with an answer
/// after the SDK has logged an error that quotes it.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
enum Input {
    Answer(u32),
    Fail(Class),
    Panic(String),
    SdkError(String),
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Output {
    given_answer: u32,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    runtime::start_logging();
    runtime::serve("wire-probe", |input: Input| async move {
        match input {
            Input::Answer(given_answer) => Ok(Output { given_answer }),
            Input::Fail(class) => Err(StepError::new(class, "Probe", "a \"quoted\" reason", "a remedy")),
            Input::Panic(quoted) => panic!("as asked: {quoted}"),
            Input::SdkError(quoted) => {
                tracing::error!(target: "aws_smithy_runtime_api::client::interceptors::context", "dropped: {quoted}");
                Ok(Output { given_answer: 0 })
            }
        }
    })
    .await
}
