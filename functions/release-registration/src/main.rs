//! Entry point of `release-registration`: logging, settings, clients, serve.

mod step;

use aws_sdk_route53domains::config::{Builder, Region};
use nameplate::function::runtime;
use nameplate::function::runtime::{environment, required};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    runtime::start_logging();
    let config = runtime::sdk_config().await;
    let clients = step::Clients {
        domains: aws_sdk_route53domains::Client::from_conf(
            Builder::from(&config).region(Region::from_static("us-east-1")).build(),
        ),
    };
    let settings = step::Settings { stack: required(&environment, "NAMEPLATE_STACK")? };
    runtime::serve("release-registration", move |input| {
        let (clients, settings) = (clients.clone(), settings.clone());
        async move { step::run(&clients, &settings, input).await }
    })
    .await
}
