//! Step `close-endpoint`: closes the API's default endpoint, once its host names have answered. Only a request with
//! `"defaultEndpoint": "closed"` leads here, and only while it is open.
//!
//! - Reads: GetApi; of a zone that this run has changed also GetChange; DescribeCertificate; then each host name is asked
//!   for an answer over HTTPS.
//! - Writes: UpdateApi, with nothing but the endpoint. It takes effect when the API is deployed (API Gateway's Developer
//!   Guide, "Disable the default endpoint" for HTTP and for WebSocket APIs): the stage of an HTTP API deploys by itself;
//!   for that of a WebSocket API also GetStage, GetDeployment, CreateDeployment and UpdateStage.
//! - Tokens: none. Done again, it finds the endpoint closed and asks nobody. A lost answer of CreateDeployment leaves a
//!   deployment that no stage is on, as every change of routes does.
//! - NotReady: a deployment has to wait for its turn; a host name does not answer yet. The remedy is what a person can do once the state machine has lost its
//!   patience: then the endpoint stays open, and that is no failure.
//! - Whether a host name leads to our custom domain, and not to an API in another region or account, the certificate says
//!   that is presented: no other custom domain can have it. Host names behind a proxy of the customer's own never show it.
//! - Where the customer's own DNS answers, it may take days until the name points here: one look, and an action.
//! - Refused: the API does not carry our tags.
//!
//! It must not know how the names came to lead here.

use aws_sdk_apigatewayv2::config::http::HttpResponse;
use aws_sdk_apigatewayv2::config::retry::RetryConfig;
use aws_sdk_apigatewayv2::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_route53::types::ChangeStatus;
use nameplate::contract::{CloseEndpointInput, CloseEndpointOutput};
use nameplate::error::{classify, code_of};
use nameplate::function::probe::{Answer, Probe};
use nameplate::request::{Dns, Protocol};
use nameplate::resource::api::{WEBSOCKET_STAGE, check_deployment, closed_mark, deployment_refusal, not_ours};
use nameplate::resource::tags::Tagging;
use nameplate::{Request, StepError};

/// What is on every answer of an HTTP API, a 404 included (seen in many), and cannot be set by one: names that begin with
/// `apigw-` are reserved (AWS-FACTS 4.1.9). That API Gateway's answer for names without an API lacks it is unconfirmed
/// against AWS.
const OF_HTTP_API: &str = "apigw-requestid";
/// What is on every answer of API Gateway's other APIs, and of AWS's services. That a WebSocket API has it on the answer
/// to a plain GET is not confirmed against AWS.
const OF_AWS: &str = "x-amzn-requestid";
/// What is on every answer of CloudFront, which can present the same certificate: then the name leads there.
const OF_CLOUDFRONT: &str = "x-amz-cf-id";

/// The clients of this step.
#[derive(Clone, Debug)]
pub(crate) struct Clients {
    pub(crate) acm: aws_sdk_acm::Client,
    pub(crate) api_gateway: aws_sdk_apigatewayv2::Client,
    pub(crate) route53: aws_sdk_route53::Client,
    pub(crate) probe: Probe,
}

/// Whose APIs are ours.
#[derive(Clone, Debug)]
pub(crate) struct Settings {
    pub(crate) stack: String,
}

/// Runs the step.
///
/// # Errors
/// `NotReady` while a host name does not answer, `Refused` for an API that is not ours, `Retryable` when the next attempt
/// would see more, else `Failed`.
pub(crate) async fn run(
    clients: &Clients,
    settings: &Settings,
    input: CloseEndpointInput,
) -> Result<CloseEndpointOutput, StepError> {
    let domain = &input.request.domain_name;
    let tagging = Tagging::new(&input.request.tags, domain, &settings.stack, &[]);
    let api = observe::apigateway::api(&clients.api_gateway, &input.api_id).await?;
    let api = api.ok_or_else(|| gone(format!("the API {}", input.api_id)))?;
    if !tagging.are_ours(&api.tags) {
        return Err(not_ours(&api.id, &tagging));
    }
    let protocol = api.protocol.unwrap_or_default();
    if !api.closed
        && let Some(silence) = silence(clients, &input, protocol).await?
    {
        let action = start_again(&input.request, &silence);
        return match input.request.dns {
            Dns::External => Ok(CloseEndpointOutput { closed: false, actions: vec![action] }),
            Dns::Route53 => Err(StepError { remedy: action, ..StepError::not_ready("NameSilent", silence) }),
        };
    }
    if !api.closed {
        close(clients, &input.api_id).await?;
    }
    if protocol == Protocol::WebSocket {
        deploy(clients, &input.api_id).await?;
    }
    Ok(CloseEndpointOutput { closed: true, actions: Vec::new() })
}

/// Why the host names cannot be said to be live; nothing when API Gateway answers at all of them.
async fn silence(
    clients: &Clients,
    input: &CloseEndpointInput,
    protocol: Protocol,
) -> Result<Option<String>, StepError> {
    // A resolver that hears too early that a name does not exist believes it for up to 15 minutes (RFC 2308; the SOA of a
    // hosted zone has a TTL of 900 s), so nobody is asked before all of Route 53's servers know it. Of a change whose
    // answer was lost there is no id: then the worst is that the endpoint stays open.
    for change_id in &input.change_ids {
        if pending(clients, change_id).await? {
            return Ok(Some("Route 53 is still bringing its records to its servers".to_owned()));
        }
    }
    let certificate = &input.certificate_arn;
    let Some(serial) = serial(clients, certificate).await? else {
        return Ok(Some(format!("ACM does not say the serial number of the certificate {certificate}")));
    };
    let asked = input.request.hostnames().into_iter().map(|host| {
        let probe = clients.probe.clone();
        // All at once: an API whose backend is slow answers late.
        tokio::spawn(async move {
            let answer = probe.ask(&host).await;
            (host, answer)
        })
    });
    for task in asked.collect::<Vec<_>>() {
        let (host, answer) = task.await.map_err(|_| {
            StepError::failed("Panic", "asking a host name panicked", "report this as a defect of Nameplate")
        })?;
        let fault = match answer {
            Ok(answer) if !is_api_gateways(&answer, protocol) => {
                format!("answers {} over HTTPS, and it is not API Gateway that answers", answer.status())
            }
            Ok(answer) if answer.presents(&serial) => continue,
            Ok(_) => format!("leads elsewhere: who answers over HTTPS presents another certificate than {certificate}"),
            Err(why) => format!("does not answer over HTTPS: {why}"),
        };
        return Ok(Some(format!("{host} {fault}")));
    }
    Ok(None)
}

/// Whether an answer came from an API of that kind, whatever its status. Not whether the API is ours: the certificate says
/// that, since a custom domain takes only certificates of its account and region (AWS-FACTS 4.4.1), and in one region
/// one account has the name.
fn is_api_gateways(answer: &Answer, protocol: Protocol) -> bool {
    match protocol {
        Protocol::Http => answer.has(OF_HTTP_API),
        Protocol::WebSocket => answer.has(OF_AWS) && !answer.has(OF_CLOUDFRONT),
    }
}

/// The serial number of a certificate. How long after a renewal or a change of the custom domain API Gateway presents the
/// former certificate is not confirmed against AWS: until then the endpoint stays open.
async fn serial(clients: &Clients, certificate_arn: &str) -> Result<Option<String>, StepError> {
    let answer = clients
        .acm
        .describe_certificate()
        .certificate_arn(certificate_arn)
        .send()
        .await
        .map_err(|error| classify("acm:DescribeCertificate", &error))?;
    Ok(answer.certificate.and_then(|certificate| certificate.serial))
}

/// Whether a change has not reached all Route 53 servers (AWS-FACTS 2.2.5). One that it does not know any more has.
async fn pending(clients: &Clients, change_id: &str) -> Result<bool, StepError> {
    match clients.route53.get_change().id(change_id).send().await {
        Ok(answer) => Ok(answer.change_info().is_some_and(|change| *change.status() != ChangeStatus::Insync)),
        Err(error) if code_of(&error) == Some("NoSuchChange") => Ok(false),
        Err(error) => Err(classify("route53:GetChange", &error)),
    }
}

async fn close(clients: &Clients, api_id: &str) -> Result<(), StepError> {
    let call = clients.api_gateway.update_api().api_id(api_id).disable_execute_api_endpoint(true);
    call.send().await.map_err(|error| write_error("apigatewayv2:UpdateApi", &error))?;
    tracing::info!(api_id, "closed the default endpoint of {api_id}");
    Ok(())
}

/// Puts the stage on a deployment like the one that it is on, with the endpoint closed.
async fn deploy(clients: &Clients, api_id: &str) -> Result<(), StepError> {
    let client = &clients.api_gateway;
    let stage = observe::apigateway::stage(client, api_id, WEBSOCKET_STAGE).await?;
    let on_it = stage.and_then(|stage| stage.deployment_id);
    let missing = || gone(format!("the deployment that the stage of the API {api_id} is on"));
    let deployed = observe::apigateway::deployment(client, api_id, &on_it.ok_or_else(missing)?).await?;
    let present = deployed.ok_or_else(missing)?.mark;
    let wanted = closed_mark(&present);
    if wanted == present {
        return Ok(());
    }
    // No repetition by the SDK: a lost answer would make a second one.
    let once = aws_sdk_apigatewayv2::Config::builder().retry_config(RetryConfig::disabled());
    let call = client.create_deployment().api_id(api_id).description(wanted);
    let made = call.customize().config_override(once).send().await.map_err(|error| {
        deployment_refusal(code_of(&error), api_id)
            .unwrap_or_else(|| write_error("apigatewayv2:CreateDeployment", &error))
    })?;
    let status = made.deployment_status.as_ref().map(|status| status.as_str());
    check_deployment(api_id, status, made.deployment_status_message.as_deref())?;
    client
        .update_stage()
        .api_id(api_id)
        .stage_name(WEBSOCKET_STAGE)
        .set_deployment_id(made.deployment_id)
        .send()
        .await
        .map_err(|error| write_error("apigatewayv2:UpdateStage", &error))?;
    Ok(())
}

/// A conflict means that somebody, or an earlier attempt of ours, was at the same thing.
fn write_error<E: ProvideErrorMetadata>(operation: &str, error: &SdkError<E, HttpResponse>) -> StepError {
    match code_of(error) {
        Some(code @ "ConflictException") => {
            StepError::retryable(code, format!("{operation} met another change, or its own earlier attempt"))
        }
        _ => classify(operation, error),
    }
}

/// What an earlier step of this run has made, and is not there.
fn gone(what: String) -> StepError {
    StepError::failed(
        "ApiNotFound",
        format!("{what} is not there any more"),
        "start the execution again: it makes what is missing",
    )
}

/// What a person can do about an endpoint that stays open.
fn start_again(request: &Request, silence: &str) -> String {
    let hosts = request.hostnames().join(" and ");
    format!(
        "The API's default endpoint is still open, since {silence}. Once {hosts} can be reached, start the same request again: it closes the endpoint"
    )
}

#[cfg(test)]
mod tests;
