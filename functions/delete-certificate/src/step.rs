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
use aws_sdk_acm::types::CertificateDetail;
use nameplate::StepError;
use nameplate::contract::retire::{DeleteCertificateInput, DeleteCertificateOutput};
use nameplate::error::{classify, code_of};
use nameplate::function::runtime;
use nameplate::resource::tags;
use nameplate::resource::thing::Thing;

/// What the step calls.
#[derive(Clone, Debug)]
pub(crate) struct Clients {
    pub(crate) acm: aws_sdk_acm::Client,
    pub(crate) api_gateway: aws_sdk_apigatewayv2::Client,
}

/// Custom domains per page. API Gateway pages only when it is asked for a page size.
const PAGE_SIZE: &str = "500";

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
    let Some(detail) = describe(clients, arn).await? else { return Ok(Fate::Gone) };
    check_is_ours(clients, settings, domain, arn).await?;
    if let Some(user) = user_in_account(&detail, &settings.account) {
        return Ok(Fate::Stays(Thing::new("certificate", arn, format!("{user} in this account uses it"))));
    }
    let users = detail.in_use_by();
    if !users.is_empty() {
        let in_use = format!("{} uses it", users.join(", "));
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
    let mut next = None;
    loop {
        let call = clients.api_gateway.get_domain_names().max_results(PAGE_SIZE).set_next_token(next);
        let page = call.send().await.map_err(|error| classify("apigatewayv2:GetDomainNames", &error))?;
        let other = page.items().iter().find(|one| {
            let tags = one.tags().into_iter().flatten().map(|(key, value)| (key.as_str(), value.as_str()));
            one.domain_name_configurations().iter().any(|one| one.certificate_arn() == Some(arn))
                && !tags::ours(tags, domain, &settings.stack)
        });
        if let Some(name) = other.and_then(|one| one.domain_name()) {
            let reason = format!("the custom domain {name}, which is not Nameplate's, uses it");
            return Ok(Fate::Stays(Thing::new("certificate", arn, reason)));
        }
        next = page.next_token.filter(|token| !token.is_empty());
        if next.is_none() {
            return Ok(Fate::InUse(in_use));
        }
    }
}

/// What uses the certificate in this account, so that waiting would be in vain. API Gateway's own use is told by a
/// load balancer in AWS's account (AWS-FACTS 3.4.2).
fn user_in_account<'a>(detail: &'a CertificateDetail, account: &str) -> Option<&'a str> {
    detail.in_use_by().iter().map(String::as_str).find(|arn| arn.split(':').nth(4) == Some(account))
}

/// The certificate; nothing when ACM does not know it any more.
async fn describe(clients: &Clients, arn: &str) -> Result<Option<CertificateDetail>, StepError> {
    match clients.acm.describe_certificate().certificate_arn(arn).send().await {
        Ok(answer) => Ok(answer.certificate),
        Err(error) if code_of(&error) == Some("ResourceNotFoundException") => Ok(None),
        Err(error) => Err(classify("acm:DescribeCertificate", &error)),
    }
}

async fn check_is_ours(clients: &Clients, settings: &Settings, domain: &str, arn: &str) -> Result<(), StepError> {
    let answer = match clients.acm.list_tags_for_certificate().certificate_arn(arn).send().await {
        Ok(answer) => answer,
        Err(error) if code_of(&error) == Some("ResourceNotFoundException") => return Ok(()),
        Err(error) => return Err(classify("acm:ListTagsForCertificate", &error)),
    };
    let pairs = answer.tags().iter().map(|tag| (tag.key(), tag.value().unwrap_or_default()));
    if tags::ours(pairs, domain, &settings.stack) {
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
