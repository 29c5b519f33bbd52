//! Step `release-registration`: the registration stays, and what Nameplate put on it goes.
//!
//! - Reads: ListTagsForDomain; GetDomainDetail, where auto-renewal is to end.
//! - Writes: DisableDomainAutoRenew, only if the request says so and it is on; DeleteTagsForDomain, our two tags and, of
//!   those that requests have set, the ones that stand there. A registration without our tags keeps all that it has.
//! - Tokens: none; what is as wanted is done.
//! - A name that is not registered in this account has nothing to be taken off.
//!
//! No registration is ever deleted.

use nameplate::StepError;
use nameplate::contract::retire::{ReleaseRegistrationInput, RetireStepOutput};
use nameplate::error::classify;
use nameplate::request::retire::AutoRenew;
use nameplate::resource::registration::{self, Wanted};
use nameplate::resource::tags;

/// A registration that ends with what is paid.
const UNRENEWED: Wanted<'static> = Wanted { auto_renew: Some(false), tagging: None };

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
    let (domains, domain) = (&clients.domains, input.request.domain_name.as_str());
    if input.request.auto_renew == Some(AutoRenew::Off)
        && let Some(standing) = observe::route53domains::registered_domain(domains, domain).await?
        && !registration::differences(Some(&standing), &UNRENEWED).is_empty()
    {
        domains
            .disable_domain_auto_renew()
            .domain_name(domain)
            .send()
            .await
            .map_err(|error| classify("route53domains:DisableDomainAutoRenew", &error))?;
    }
    if let Some(present) = observe::route53domains::registration_tags(domains, domain).await?
        && tags::are_ours(&present, domain, &settings.stack)
    {
        let own = [tags::DOMAIN, tags::STACK].map(str::to_owned);
        domains
            .delete_tags_for_domain()
            .domain_name(domain)
            .set_tags_to_delete(Some(tags::stale(&input.tag_keys, &present).into_iter().chain(own).collect()))
            .send()
            .await
            .map_err(|error| classify("route53domains:DeleteTagsForDomain", &error))?;
    }
    Ok(RetireStepOutput::default())
}

#[cfg(test)]
mod tests;
