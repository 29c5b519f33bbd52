//! Step `release-registration`: the registration stays, and what Nameplate put on it goes.
//!
//! - Reads: ListTagsForDomain; GetDomainDetail, where auto-renewal is to end.
//! - Writes: DisableDomainAutoRenew, only if the request says so and it is on; DeleteTagsForDomain, our two tags and, of
//!   those that requests have set, the ones that stand there. A registration without our tags keeps all that it has.
//! - Tokens: none; what is as wanted is done.
//! - A name that is not registered in this account has nothing to be taken off.
//!
//! No registration is ever deleted.

use std::collections::BTreeMap;

use nameplate::StepError;
use nameplate::contract::retire::{ReleaseRegistrationInput, RetireStepOutput};
use nameplate::error::{classify, code_of};
use nameplate::request::retire::AutoRenew;
use nameplate::resource::tags;

/// What the step calls.
#[derive(Clone, Debug)]
pub(crate) struct Clients {
    pub(crate) domains: aws_sdk_route53domains::Client,
}

/// Whose resources these are.
#[derive(Clone, Debug)]
pub(crate) struct Settings {
    pub(crate) stack: String,
}

/// Runs the step.
///
/// # Errors
/// As the module says.
pub(crate) async fn run(
    clients: &Clients,
    settings: &Settings,
    input: ReleaseRegistrationInput,
) -> Result<RetireStepOutput, StepError> {
    let domain = input.request.domain_name.as_str();
    if input.request.auto_renew == Some(AutoRenew::Off) && renews(clients, domain).await? {
        clients
            .domains
            .disable_domain_auto_renew()
            .domain_name(domain)
            .send()
            .await
            .map_err(|error| classify("route53domains:DisableDomainAutoRenew", &error))?;
    }
    if let Some(present) = our_tags(clients, settings, domain).await? {
        let own = [tags::DOMAIN, tags::STACK].map(str::to_owned);
        clients
            .domains
            .delete_tags_for_domain()
            .domain_name(domain)
            .set_tags_to_delete(Some(tags::stale(&input.tag_keys, &present).into_iter().chain(own).collect()))
            .send()
            .await
            .map_err(|error| classify("route53domains:DeleteTagsForDomain", &error))?;
    }
    Ok(RetireStepOutput::default())
}

/// Whether the name is registered in this account and renewed by itself.
async fn renews(clients: &Clients, domain: &str) -> Result<bool, StepError> {
    match clients.domains.get_domain_detail().domain_name(domain).send().await {
        Ok(detail) => Ok(detail.auto_renew() == Some(true)),
        Err(error) if is_not_here(code_of(&error)) => Ok(false),
        Err(error) => Err(classify("route53domains:GetDomainDetail", &error)),
    }
}

/// The tags of the registration, if they say that it is ours.
async fn our_tags(
    clients: &Clients,
    settings: &Settings,
    domain: &str,
) -> Result<Option<BTreeMap<String, String>>, StepError> {
    let answer = match clients.domains.list_tags_for_domain().domain_name(domain).send().await {
        Ok(answer) => answer,
        Err(error) if is_not_here(code_of(&error)) => return Ok(None),
        Err(error) => return Err(classify("route53domains:ListTagsForDomain", &error)),
    };
    let pair = |tag: &aws_sdk_route53domains::types::Tag| {
        Some((tag.key()?.to_owned(), tag.value().unwrap_or_default().to_owned()))
    };
    let present: BTreeMap<String, String> = answer.tag_list().iter().filter_map(pair).collect();
    let pairs = present.iter().map(|(key, value)| (key.as_str(), value.as_str()));
    Ok(tags::ours(pairs, domain, &settings.stack).then_some(present))
}

/// The only answer that AWS has for a name that is not in this account (AWS-FACTS 1.1.2).
fn is_not_here(code: Option<&str>) -> bool {
    matches!(code, Some("InvalidInput" | "UnsupportedTLD"))
}

#[cfg(test)]
mod tests;
