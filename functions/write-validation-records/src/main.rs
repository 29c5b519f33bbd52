//! Entry point of `write-validation-records`: logging, client, serve.
//! It must not know what the step does.

mod step;

use nameplate::function::runtime;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    runtime::start_logging();
    let config = runtime::sdk_config().await;
    let clients = step::Clients { route53: aws_sdk_route53::Client::new(&config) };
    runtime::serve("write-validation-records", move |input| {
        let clients = clients.clone();
        async move { step::run(&clients, input).await }
    })
    .await
}
