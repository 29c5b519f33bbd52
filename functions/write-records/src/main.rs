//! Entry point of `write-records`: logging, settings, clients, serve.
//! It must not know what the step does.

mod step;

use nameplate::function::runtime;
use nameplate::function::runtime::{environment, required};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    runtime::start_logging();
    let config = runtime::sdk_config().await;
    let clients = step::Clients {
        dynamodb: aws_sdk_dynamodb::Client::new(&config),
        route53: aws_sdk_route53::Client::new(&config),
    };
    let settings = step::Settings { table: required(&environment, "NAMEPLATE_TABLE")? };
    runtime::serve("write-records", move |input| {
        let (clients, settings) = (clients.clone(), settings.clone());
        async move { step::run(&clients, &settings, input).await }
    })
    .await
}
