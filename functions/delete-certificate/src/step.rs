//! Step `delete-certificate`: the domain's certificates in ACM.
//!
//! - Reads: DescribeCertificate, ListTagsForCertificate, GetDomainNames.
//! - Writes: DeleteCertificate.
//! - Tokens: none; what is gone is done.
//! - A certificate stays in use for an unknown time after its custom domain went (AWS-FACTS 3.4.3): then the step says
//!   so, and the state machine comes back later, until the deadline; then it stays, and the step says so. One that
//!   something else in this account uses stays at once; whether a custom domain of somebody else does, GetDomainNames
//!   tells, which is asked while the certificate is in use.
//! - Refused: the certificate does not carry our tags any more.
//!
//! It must not know records, and changes no custom domain.

use aws_sdk_acm::config::retry::RetryConfig;
use nameplate::StepError;
use nameplate::contract::retire::{DeleteCertificateInput, DeleteCertificateOutput};
use nameplate::error::{classify, code_of};
use nameplate::function::runtime;
use nameplate::resource::custom_domain::CustomDomain;
use nameplate::resource::tags;
use nameplate::resource::thing::Thing;

/// What the step calls.
#[derive(Clone, Debug)]
pub(crate) struct Clients {
    pub(crate) acm: aws_sdk_acm::Client,
    pub(crate) api_gateway: aws_sdk_apigatewayv2::Client,
}

/// Whose resources these are.
#[derive(Clone, Debug)]
pub(crate) struct Settings {
    pub(crate) stack: String,
    pub(crate) account: String,
}

/// What became of a certificate.
#[derive(Debug, PartialEq, Eq)]
enum Fate {
    Gone,
    InUse(String),
    Stays(Thing),
}

/// Runs the step.
///
/// # Errors
/// As the module says.
pub(crate) async fn run(
    clients: &Clients,
    settings: &Settings,
    input: DeleteCertificateInput,
) -> Result<DeleteCertificateOutput, StepError> {
    run_at(clients, settings, &input, runtime::now()).await
}

async fn run_at(
    clients: &Clients,
    settings: &Settings,
    input: &DeleteCertificateInput,
    now: i64,
) -> Result<DeleteCertificateOutput, StepError> {
    let (mut left, mut in_use) = (Vec::new(), Vec::new());
    for arn in &input.certificate_arns {
        match delete(clients, settings, input.domain_name.as_str(), arn).await? {
            Fate::Gone => {}
            Fate::InUse(by) => in_use.push((arn, by)),
            Fate::Stays(thing) => left.push(thing),
        }
    }
    if now >= input.deadline {
        // A certificate that nothing answers with does no harm: the rest need not wait for it.
        left.extend(in_use.drain(..).map(|(arn, by)| {
            let reason = format!("ACM still says after hours that {by}; once nothing does, start the execution again");
            Thing::new("certificate", arn, reason)
        }));
    }
    Ok(DeleteCertificateOutput { in_use: !in_use.is_empty(), left })
}

async fn delete(clients: &Clients, settings: &Settings, domain: &str, arn: &str) -> Result<Fate, StepError> {
    let Some(standing) = observe::acm::certificate(&clients.acm, arn).await? else { return Ok(Fate::Gone) };
    check_is_ours(clients, settings, domain, arn).await?;
    if let Some(user) = standing.user_in_account(&settings.account) {
        return Ok(Fate::Stays(Thing::new("certificate", arn, format!("{user} in this account uses it"))));
    }
    if !standing.in_use_by.is_empty() {
        let in_use = format!("{} uses it", standing.in_use_by.join(", "));
        return still_used(clients, settings, domain, arn, in_use).await;
    }
    match clients.acm.delete_certificate().certificate_arn(arn).customize().config_override(once()).send().await {
        Ok(_) => {
            tracing::info!(certificate = arn, "deleted the certificate");
            Ok(Fate::Gone)
        }
        Err(error) => match code_of(&error) {
            Some("ResourceNotFoundException") => Ok(Fate::Gone),
            // DescribeCertificate is not the first to know.
            Some("ResourceInUseException") => {
                still_used(clients, settings, domain, arn, "something uses it".to_owned()).await
            }
            Some(code @ "ConflictException") => {
                Err(StepError::retryable(code, format!("acm:DeleteCertificate met another change of {arn}")))
            }
            _ => Err(classify("acm:DeleteCertificate", &error)),
        },
    }
}

/// What becomes of a certificate that API Gateway uses: behind it may stand a custom domain of somebody else, which
/// waiting would not change.
async fn still_used(
    clients: &Clients,
    settings: &Settings,
    domain: &str,
    arn: &str,
    in_use: String,
) -> Result<Fate, StepError> {
    let standing = observe::apigateway::custom_domains(&clients.api_gateway).await?;
    let other = standing
        .iter()
        .find(|one| one.certificate_arn.as_deref() == Some(arn) && !tags::are_ours(&one.tags, domain, &settings.stack));
    Ok(match other {
        Some(CustomDomain { name, .. }) => {
            let reason = format!("the custom domain {name}, which is not Nameplate's, uses it");
            Fate::Stays(Thing::new("certificate", arn, reason))
        }
        None => Fate::InUse(in_use),
    })
}

async fn check_is_ours(clients: &Clients, settings: &Settings, domain: &str, arn: &str) -> Result<(), StepError> {
    let present = observe::acm::certificate_tags(&clients.acm, arn).await?;
    // One that is gone is nobody's.
    if present.is_none_or(|present| tags::are_ours(&present, domain, &settings.stack)) {
        return Ok(());
    }
    Err(StepError::refused(
        "CertificateNotOurs",
        format!(
            "the certificate {arn} does not carry the tags `{}` = `{domain}` and `{}` = `{}` any more",
            tags::DOMAIN,
            tags::STACK,
            settings.stack
        ),
        "start the execution again: it leaves the certificate alone",
    ))
}

/// No repetition by the SDK: IAM denies a second deletion of what has lost its tags by the first.
fn once() -> aws_sdk_acm::config::Builder {
    aws_sdk_acm::Config::builder().retry_config(RetryConfig::disabled())
}

#[cfg(test)]
mod tests;
