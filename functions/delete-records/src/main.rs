//! Entry point of `delete-records`: logging, settings, clients, serve.

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
    let settings = step::Settings {
        table: required(&environment, "NAMEPLATE_TABLE")?,
        settling_secs: runtime::seconds(&environment, "NAMEPLATE_SETTLING_SECS", runtime::SETTLING_SECS)?,
    };
    runtime::serve("delete-records", move |input| {
        let (clients, settings) = (clients.clone(), settings.clone());
        async move { step::run(&clients, &settings, input).await }
    })
    .await
}
