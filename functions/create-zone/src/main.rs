//! Entry point of `create-zone`: logging, settings, client, serve.
//! It must not know what the step does.

mod step;

use nameplate::function::runtime;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    runtime::start_logging();
    let config = runtime::sdk_config().await;
    let clients = step::Clients { route53: aws_sdk_route53::Client::new(&config) };
    let settings = step::Settings { stack: runtime::required(&runtime::environment, "NAMEPLATE_STACK")? };
    runtime::serve("create-zone", move |input| {
        let (clients, settings) = (clients.clone(), settings.clone());
        async move { step::run(&clients, &settings, input).await }
    })
    .await
}
