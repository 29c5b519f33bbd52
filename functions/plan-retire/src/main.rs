//! Entry point of `plan-retire`: logging, settings, clients, serve.

mod item;
mod look;
mod step;

use std::sync::Arc;

use aws_sdk_route53domains::config::{Builder, Region};
use nameplate::function::runtime;
use nameplate::function::runtime::{environment, required};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    runtime::start_logging();
    let config = runtime::sdk_config().await;
    let in_region = {
        let config = config.clone();
        move |region: &str| {
            let settings = aws_sdk_acm::config::Builder::from(&config).region(Region::new(region.to_owned()));
            aws_sdk_acm::Client::from_conf(settings.build())
        }
    };
    let clients = step::Clients {
        account: aws_sdk_account::Client::new(&config),
        acm: aws_sdk_acm::Client::new(&config),
        acm_in: Arc::new(in_region),
        api_gateway: aws_sdk_apigatewayv2::Client::new(&config),
        dynamodb: aws_sdk_dynamodb::Client::new(&config),
        logs: aws_sdk_cloudwatchlogs::Client::new(&config),
        route53: aws_sdk_route53::Client::new(&config),
        domains: aws_sdk_route53domains::Client::from_conf(
            Builder::from(&config).region(Region::from_static("us-east-1")).build(),
        ),
    };
    let settings = step::Settings {
        stack: required(&environment, "NAMEPLATE_STACK")?,
        table: required(&environment, "NAMEPLATE_TABLE")?,
        account: required(&environment, "NAMEPLATE_ACCOUNT")?,
        region: required(&environment, "AWS_REGION")?,
        settling_secs: runtime::seconds(&environment, "NAMEPLATE_SETTLING_SECS", runtime::SETTLING_SECS)?,
    };
    runtime::serve("plan-retire", move |input| {
        let (clients, settings) = (clients.clone(), settings.clone());
        async move { step::run(&clients, &settings, input).await }
    })
    .await
}
