//! Entry point of `create-api`: logging, settings, clients, serve.

mod access_log;
mod authorizers;
mod context;
mod deployment;
mod existing;
mod permissions;
mod read;
mod routes;
mod stage;
mod step;
mod write;

use nameplate::function::runtime;
use nameplate::function::runtime::{environment, required};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    runtime::start_logging();
    let config = runtime::sdk_config().await;
    let clients = context::Clients {
        api_gateway: aws_sdk_apigatewayv2::Client::new(&config),
        lambda: aws_sdk_lambda::Client::new(&config),
        logs: aws_sdk_cloudwatchlogs::Client::new(&config),
    };
    let settings = context::Settings {
        stack: required(&environment, "NAMEPLATE_STACK")?,
        partition: required(&environment, "NAMEPLATE_PARTITION")?,
        region: required(&environment, "AWS_REGION")?,
        account: required(&environment, "NAMEPLATE_ACCOUNT")?,
    };
    runtime::serve("create-api", move |input| {
        let (clients, settings) = (clients.clone(), settings.clone());
        async move { step::run(&clients, &settings, input).await }
    })
    .await
}
