//! Whether a finished run of the same request has left nothing to do. It must not know how anything is made.

use aws_sdk_acm::primitives::DateTime;
use nameplate::StepError;
use nameplate::contract::result::{ProvisionResult, RegistrationStatus, ReportAction, ResourceReport};
use nameplate::domain::server_set;
use nameplate::request::{DefaultEndpoint, Dns};
use nameplate::resource::certificate::ISSUED;
use nameplate::resource::custom_domain::CustomDomain;

use crate::item::Item;
use crate::look::CustomDomains;
use crate::market::Found;
use crate::picture::Picture;

/// What a run of the same request has left, and what was seen of it now.
pub(crate) struct Live<'a> {
    pub(crate) picture: &'a Picture<'a>,
    pub(crate) item: &'a Item,
    pub(crate) found: &'a Found,
    pub(crate) custom_domains: &'a CustomDomains,
    /// The name servers that the DNS names, where it was asked.
    pub(crate) answering: &'a [String],
}

impl Live<'_> {
    /// The stored result, if nothing speaks against it before the things themselves are looked at.
    pub(crate) fn candidate(&self, fingerprint: &str) -> Option<&ProvisionResult> {
        let Self { item, answering, .. } = *self;
        let request = self.picture.request;
        let stored = item.result.as_ref()?;
        let done = item.satisfies(fingerprint);
        // One that was left open, since the name did not answer, is to be closed by the next run that finds it answering.
        let left_open = request.api.default_endpoint == DefaultEndpoint::Closed && stored.default_endpoint.is_some();
        // The full path takes the action away that says to set them.
        let set_by_now = server_set(&stored.name_servers) == answering && says_to_set(&stored.actions, answering);
        let registered_then = stored.registration.status == RegistrationStatus::Registered;
        let as_registered = registered_then == self.found.detail.is_some() && !self.is_redelegated();
        (done && !left_open && !set_by_now && as_registered && self.is_recorded()).then_some(stored)
    }

    /// The stored result with the registration as it is now, if nothing is left to do by the report either.
    pub(crate) async fn result(
        &self,
        stored: &ProvisionResult,
        resources: &[ResourceReport],
    ) -> Result<Option<ProvisionResult>, StepError> {
        let Picture { clients, request, .. } = *self.picture;
        let usable = |domain: &CustomDomain| domain.status.as_deref().is_none_or(|status| status == "AVAILABLE");
        let stands = resources.iter().all(|resource| resource.action == ReportAction::Exists);
        if !stands || !self.custom_domains.wanted.values().all(usable) {
            return Ok(None);
        }
        // An unconfirmed address leaves an action open; once it is confirmed the full path takes the action away.
        if stored.registration.email_confirmed == Some(false)
            && observe::route53domains::email_confirmed(&clients.domains, request.domain_name.as_str()).await?
                == Some(true)
        {
            return Ok(None);
        }
        let mut result = stored.clone();
        if let Some(detail) = &self.found.detail {
            result.registration.expires = detail.expires.clone();
            result.registration.auto_renew = detail.auto_renew;
        }
        let certificate = self.picture.certificate(&result.certificate_arn).await?;
        let issued = certificate.filter(|certificate| certificate.status == ISSUED);
        let Some(ends) = issued.and_then(|certificate| certificate.ends) else { return Ok(None) };
        if let Some(validation) = &mut result.certificate_validation {
            // As `request-cert` says it.
            validation.until = DateTime::from_secs(ends).to_string();
        }
        Ok(Some(result))
    }

    /// Whether all ids that a finished run records are on record.
    fn is_recorded(&self) -> bool {
        let (request, known) = (self.picture.request, &self.item.known);
        (request.api.existing.is_some() || known.api_id.is_some())
            && (request.dns == Dns::External || known.hosted_zone_id.is_some())
            && known.certificate_arn.is_some()
    }

    /// Whether the registry names other servers than it did.
    fn is_redelegated(&self) -> bool {
        let stored = self.item.result.as_ref().map(|result| server_set(&result.name_servers)).unwrap_or_default();
        let registry = self.found.detail.as_ref().map(|detail| &detail.name_servers);
        self.picture.request.dns == Dns::Route53 && registry.is_some_and(|servers| *servers != stored)
    }
}

/// Whether one of the actions is about all of these name servers.
fn says_to_set(actions: &[String], servers: &[String]) -> bool {
    !servers.is_empty() && actions.iter().any(|action| servers.iter().all(|server| action.contains(server)))
}
