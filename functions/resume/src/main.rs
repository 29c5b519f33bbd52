//! Entry point of `resume`: logging, settings, clients, serve.

mod step;

use nameplate::function::runtime;
use nameplate::function::runtime::{environment, required};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    runtime::start_logging();
    let config = runtime::sdk_config().await;
    let clients =
        step::Clients { dynamodb: aws_sdk_dynamodb::Client::new(&config), sfn: aws_sdk_sfn::Client::new(&config) };
    let settings = step::Settings { table: required(&environment, "NAMEPLATE_TABLE")? };
    runtime::serve("resume", move |event| {
        let (clients, settings) = (clients.clone(), settings.clone());
        async move { step::run(&clients, &settings, event, runtime::now()).await }
    })
    .await
}
