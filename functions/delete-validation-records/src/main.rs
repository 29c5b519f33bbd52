//! Entry point of `delete-validation-records`: logging, clients, serve.

mod step;

use std::sync::Arc;

use aws_sdk_acm::config::{Builder, Region};
use nameplate::function::runtime;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    runtime::start_logging();
    let config = runtime::sdk_config().await;
    let in_region = {
        let config = config.clone();
        move |region: &str| {
            let settings = Builder::from(&config).region(Region::new(region.to_owned())).build();
            aws_sdk_acm::Client::from_conf(settings)
        }
    };
    let clients = step::Clients { acm_in: Arc::new(in_region), route53: aws_sdk_route53::Client::new(&config) };
    runtime::serve("delete-validation-records", move |input| {
        let clients = clients.clone();
        async move { step::run(&clients, input).await }
    })
    .await
}
