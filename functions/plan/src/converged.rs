//! Whether a finished run of the same request has left nothing to do. It must not know how anything is made.

use nameplate::contract::result::ProvisionResult;
use nameplate::domain::server_set;
use nameplate::request::{DefaultEndpoint, Dns};
use nameplate::{Request, StepError};

use crate::item::Item;
use crate::look;
use crate::market::Found;
use crate::step::{Clients, Settings};

/// What a run of the same request has left, and what was seen of it now.
pub(crate) struct Live<'a> {
    pub(crate) settings: &'a Settings,
    pub(crate) request: &'a Request,
    pub(crate) item: &'a Item,
    pub(crate) found: &'a Found,
    pub(crate) custom_domains: &'a look::CustomDomains,
    /// The name servers that the DNS names, where it was asked.
    pub(crate) answering: &'a [String],
}

impl Live<'_> {
    /// The stored result with the registration as it is now, if nothing is left to do.
    pub(crate) async fn result(
        &self,
        clients: &Clients,
        fingerprint: &str,
    ) -> Result<Option<ProvisionResult>, StepError> {
        let Self { settings, request, item, custom_domains, .. } = self;
        let detail = self.found.detail.as_ref();
        let Some(stored) = &item.result else { return Ok(None) };
        if item.held || !item.live || item.fingerprint.as_deref() != Some(fingerprint) {
            return Ok(None);
        }
        // One that was left open, since the name did not answer, is to be closed by the next run that finds it answering.
        if request.api.default_endpoint == DefaultEndpoint::Closed && stored.default_endpoint.is_some() {
            return Ok(None);
        }
        // The full path takes the action away that says to set them.
        if server_set(&stored.name_servers) == self.answering && says_to_set(&stored.actions, self.answering) {
            return Ok(None);
        }
        let mut result = stored.clone();
        if let Some(detail) = detail {
            result.registration.expires = detail.expires.clone();
            result.registration.auto_renew = detail.auto_renew;
        }
        let registered_then = stored.registration.status == nameplate::contract::result::RegistrationStatus::Registered;
        if registered_then != detail.is_some() {
            return Ok(None);
        }
        // An unconfirmed address leaves an action open; once it is confirmed the full path takes the action away.
        if stored.registration.email_confirmed == Some(false)
            && look::email_confirmed(clients, request.domain_name.as_str()).await?
        {
            return Ok(None);
        }
        if self.is_redelegated() {
            return Ok(None);
        }
        if !look::stands(clients, settings, request, &item.known, &item.owned, custom_domains).await? {
            return Ok(None);
        }
        if let Some(validation) = &mut result.certificate_validation {
            // Nothing renews it but clicks: where they were missed the full path requests another one.
            let Some(until) = look::issued_until(clients, &result.certificate_arn).await? else { return Ok(None) };
            validation.until = until;
        }
        Ok(Some(result))
    }

    /// Whether the registry names other servers than it did.
    fn is_redelegated(&self) -> bool {
        let stored = self.item.result.as_ref().map(|result| server_set(&result.name_servers)).unwrap_or_default();
        let registry = self.found.detail.as_ref().map(|detail| &detail.name_servers);
        self.request.dns == Dns::Route53 && registry.is_some_and(|servers| *servers != stored)
    }
}

/// Whether one of the actions is about all of these name servers.
fn says_to_set(actions: &[String], servers: &[String]) -> bool {
    !servers.is_empty() && actions.iter().any(|action| servers.iter().all(|server| action.contains(server)))
}
