//! Entry point of `poll-registrations`: logging, settings, clients, serve.

mod step;

use aws_sdk_route53domains::config::Region;
use nameplate::function::runtime;
use nameplate::function::runtime::{environment, required};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    runtime::start_logging();
    let config = runtime::sdk_config().await;
    // Route 53 Domains lives in one region only (AWS-FACTS 1.1.1).
    let domains = aws_sdk_route53domains::config::Builder::from(&config).region(Region::new("us-east-1")).build();
    let clients = step::Clients {
        dynamodb: aws_sdk_dynamodb::Client::new(&config),
        domains: aws_sdk_route53domains::Client::from_conf(domains),
        events: aws_sdk_eventbridge::Client::new(&config),
    };
    let settings = step::Settings {
        table: required(&environment, "NAMEPLATE_TABLE")?,
        bus: required(&environment, "NAMEPLATE_BUS")?,
    };
    runtime::serve("poll-registrations", move |_: serde_json::Value| {
        let (clients, settings) = (clients.clone(), settings.clone());
        async move { step::run(&clients, &settings, runtime::now()).await }
    })
    .await
}
