//! Entry point of `close-endpoint`: logging, settings, clients, serve.

mod step;

use nameplate::function::probe::Probe;
use nameplate::function::runtime;
use nameplate::function::runtime::{environment, required};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    runtime::start_logging();
    let config = runtime::sdk_config().await;
    let clients = step::Clients {
        acm: aws_sdk_acm::Client::new(&config),
        api_gateway: aws_sdk_apigatewayv2::Client::new(&config),
        route53: aws_sdk_route53::Client::new(&config),
        probe: Probe::new(&environment),
    };
    let settings = step::Settings { stack: required(&environment, "NAMEPLATE_STACK")? };
    runtime::serve("close-endpoint", move |input| {
        let (clients, settings) = (clients.clone(), settings.clone());
        async move { step::run(&clients, &settings, input).await }
    })
    .await
}
