//! Entry point of `delete-validation-records`: logging, clients, serve.

mod step;

use std::collections::BTreeSet;

use aws_sdk_acm::config::Region;
use nameplate::runtime::{self, environment, required};

/// Where the certificates of CloudFront's distributions are.
const CLOUDFRONT: &str = "us-east-1";

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    runtime::start_logging();
    let config = runtime::sdk_config().await;
    let own = required(&environment, "AWS_REGION")?;
    let regions: BTreeSet<String> = [own, CLOUDFRONT.to_owned()].into();
    let in_region = |region| aws_sdk_acm::config::Builder::from(&config).region(Region::new(region)).build();
    let clients = step::Clients {
        acm: regions.into_iter().map(|region| aws_sdk_acm::Client::from_conf(in_region(region))).collect(),
        route53: aws_sdk_route53::Client::new(&config),
    };
    runtime::serve("delete-validation-records", move |input| {
        let clients = clients.clone();
        async move { step::run(&clients, input).await }
    })
    .await
}
