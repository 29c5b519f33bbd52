//! Entry point of `register`: logging, settings, clients, serve.

mod ledger;
mod registrant;
mod registry;
mod step;
mod words;

use aws_sdk_route53domains::config::{Builder, Region};
use nameplate::function::runtime;
use nameplate::function::runtime::{environment, required};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    runtime::start_logging();
    let config = runtime::sdk_config().await;
    let clients = step::Clients {
        dynamodb: aws_sdk_dynamodb::Client::new(&config),
        // Route 53 Domains lives in one region only (AWS-FACTS 1.1.1).
        domains: aws_sdk_route53domains::Client::from_conf(
            Builder::from(&config).region(Region::from_static("us-east-1")).build(),
        ),
        secrets: aws_sdk_secretsmanager::Client::new(&config),
    };
    let settings = step::Settings {
        stack: required(&environment, "NAMEPLATE_STACK")?,
        table: required(&environment, "NAMEPLATE_TABLE")?,
        budget_usd: nameplate::resource::registration::budget(&required(&environment, "NAMEPLATE_BUDGET_USD")?)?,
        settling_secs: runtime::seconds(&environment, "NAMEPLATE_SETTLING_SECS", runtime::SETTLING_SECS)?,
    };
    runtime::serve("register", move |input| {
        let (clients, settings) = (clients.clone(), settings.clone());
        async move { step::run(&clients, &settings, input, runtime::now).await }
    })
    .await
}
