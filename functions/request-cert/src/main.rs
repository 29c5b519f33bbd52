//! Entry point of `request-cert`: logging, settings, clients, serve.
//! It must not know what the step does.

mod email;
mod failure;
mod step;
mod watch;
mod writing;

use nameplate::function::runtime;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    runtime::start_logging();
    let config = runtime::sdk_config().await;
    let clients =
        step::Clients { acm: aws_sdk_acm::Client::new(&config), dynamodb: aws_sdk_dynamodb::Client::new(&config) };
    let settings = step::Settings {
        stack: runtime::required(&runtime::environment, "NAMEPLATE_STACK")?,
        table: runtime::required(&runtime::environment, "NAMEPLATE_TABLE")?,
    };
    runtime::serve("request-cert", move |input| {
        let (clients, settings) = (clients.clone(), settings.clone());
        async move { step::run(&clients, &settings, input).await }
    })
    .await
}
