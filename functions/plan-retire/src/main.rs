//! Entry point of `plan-retire`: logging, settings, clients, serve.

mod look;
mod step;

use aws_sdk_route53domains::config::{Builder, Region};
use nameplate::runtime::{self, environment, required};

/// Where the certificates of CloudFront's distributions are.
const CLOUDFRONT: &str = "us-east-1";

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    runtime::start_logging();
    let config = runtime::sdk_config().await;
    let own = required(&environment, "AWS_REGION")?;
    let elsewhere = [CLOUDFRONT].into_iter().filter(|region| *region != own);
    let in_region = |region| {
        let settings = aws_sdk_acm::config::Builder::from(&config).region(Region::from_static(region)).build();
        aws_sdk_acm::Client::from_conf(settings)
    };
    let clients = step::Clients {
        acm: aws_sdk_acm::Client::new(&config),
        other_acm: elsewhere.map(in_region).collect(),
        api_gateway: aws_sdk_apigatewayv2::Client::new(&config),
        dynamodb: aws_sdk_dynamodb::Client::new(&config),
        route53: aws_sdk_route53::Client::new(&config),
        domains: aws_sdk_route53domains::Client::from_conf(
            Builder::from(&config).region(Region::from_static("us-east-1")).build(),
        ),
    };
    let settings = step::Settings {
        stack: required(&environment, "NAMEPLATE_STACK")?,
        table: required(&environment, "NAMEPLATE_TABLE")?,
        account: required(&environment, "NAMEPLATE_ACCOUNT")?,
    };
    runtime::serve("plan-retire", move |input| {
        let (clients, settings) = (clients.clone(), settings.clone());
        async move { step::run(&clients, &settings, input).await }
    })
    .await
}
