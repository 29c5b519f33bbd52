//! What the step is given by its environment. It must not know what is asked.

use nameplate::function::resolver::Resolver;

/// The clients that the step reads with.
#[derive(Clone)]
pub(crate) struct Clients {
    pub(crate) acm: aws_sdk_acm::Client,
    pub(crate) apigateway: aws_sdk_apigatewayv2::Client,
    pub(crate) dynamodb: aws_sdk_dynamodb::Client,
    pub(crate) domains: aws_sdk_route53domains::Client,
    pub(crate) lambda: aws_sdk_lambda::Client,
    pub(crate) logs: aws_sdk_cloudwatchlogs::Client,
    pub(crate) resolver: Resolver,
    pub(crate) route53: aws_sdk_route53::Client,
    pub(crate) secrets: aws_sdk_secretsmanager::Client,
}

/// What the template sets.
#[derive(Clone)]
pub(crate) struct Settings {
    pub(crate) stack: String,
    pub(crate) table: String,
    pub(crate) budget_usd: f64,
}
