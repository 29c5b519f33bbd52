//! Entry point of `correct-delegation`: logging, client, serve.

mod step;

use aws_sdk_route53domains::config::{Builder, Region};
use nameplate::runtime;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    runtime::start_logging();
    let config = runtime::sdk_config().await;
    let clients = step::Clients {
        // Route 53 Domains lives in one region only (AWS-FACTS 1.1).
        domains: aws_sdk_route53domains::Client::from_conf(
            Builder::from(&config).region(Region::from_static("us-east-1")).build(),
        ),
    };
    runtime::serve("correct-delegation", move |input| {
        let clients = clients.clone();
        async move { step::run(&clients, input).await }
    })
    .await
}
