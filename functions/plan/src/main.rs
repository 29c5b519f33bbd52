//! Entry point of `plan`: logging, settings, clients, serve.

mod apis;
mod certificate;
mod context;
mod converged;
mod enclosing;
mod foreign;
mod former;
mod item;
mod look;
mod market;
mod own_zone;
mod picture;
mod report;
mod step;

use aws_sdk_route53domains::config::{Builder, Region};
use nameplate::function::resolver::Resolver;
use nameplate::function::runtime;
use nameplate::function::runtime::{environment, required};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    runtime::start_logging();
    let config = runtime::sdk_config().await;
    let clients = context::Clients {
        acm: aws_sdk_acm::Client::new(&config),
        apigateway: aws_sdk_apigatewayv2::Client::new(&config),
        dynamodb: aws_sdk_dynamodb::Client::new(&config),
        domains: aws_sdk_route53domains::Client::from_conf(
            Builder::from(&config).region(Region::from_static("us-east-1")).build(),
        ),
        lambda: aws_sdk_lambda::Client::new(&config),
        logs: aws_sdk_cloudwatchlogs::Client::new(&config),
        resolver: Resolver::new(&environment),
        route53: aws_sdk_route53::Client::new(&config),
        secrets: aws_sdk_secretsmanager::Client::new(&config),
    };
    let settings = context::Settings {
        stack: required(&environment, "NAMEPLATE_STACK")?,
        table: required(&environment, "NAMEPLATE_TABLE")?,
        budget_usd: nameplate::resource::registration::budget(&required(&environment, "NAMEPLATE_BUDGET_USD")?)?,
    };
    runtime::serve("plan", move |input| {
        let (clients, settings) = (clients.clone(), settings.clone());
        async move { step::run(&clients, &settings, input).await }
    })
    .await
}
