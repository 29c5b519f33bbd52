//! Whether a finished run of the same request has left nothing to do. It must not know how anything is made.

use aws_sdk_acm::primitives::DateTime;
use nameplate::contract::result::ProvisionResult;
use nameplate::domain::server_set;
use nameplate::request::{DefaultEndpoint, Dns};
use nameplate::resource::certificate::{self, Certificate, ISSUED};
use nameplate::resource::hosted_zone::{self, HostedZone};
use nameplate::resource::registration;
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
    /// The zone that the records go into, with its tags where it is the name's own.
    pub(crate) zone: Option<&'a HostedZone>,
    /// The certificate of earlier runs.
    pub(crate) certificate: Option<&'a Certificate>,
    /// The certificate as it is wanted.
    pub(crate) wanted: &'a certificate::Wanted<'a>,
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
        let Some(stored) = item.result.as_ref().filter(|_| item.satisfies(fingerprint)) else { return Ok(None) };
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
            && observe::route53domains::email_confirmed(&clients.domains, request.domain_name.as_str()).await?
                == Some(true)
        {
            return Ok(None);
        }
        if self.is_redelegated() || self.differs() {
            return Ok(None);
        }
        if !look::stands(clients, settings, request, &item.known, &item.owned, custom_domains).await? {
            return Ok(None);
        }
        // Nothing renews one that is validated by e-mail but clicks: where they were missed the full path requests another.
        let issued = self.certificate.filter(|certificate| certificate.status == ISSUED);
        let Some(certificate) = issued.filter(|one| certificate::differences(Some(one), self.wanted).is_empty()) else {
            return Ok(None);
        };
        if let (Some(validation), Some(ends)) = (&mut result.certificate_validation, certificate.ends) {
            // As `request-cert` says it.
            validation.until = DateTime::from_secs(ends).to_string();
        }
        Ok(Some(result))
    }

    /// Whether a run would write something about the registration or the name's own zone.
    fn differs(&self) -> bool {
        let registration = self.found.detail.as_ref().map(|standing| {
            let tagging = self.item.purchase_begun.then_some(self.wanted.tagging);
            let wanted = registration::Wanted { auto_renew: registration::wanted_renewal(self.request), tagging };
            registration::differences(Some(standing), &wanted)
        });
        let own = self.request.dns == Dns::Route53 && self.request.domain_name.is_registrable();
        registration.is_some_and(|differences| !differences.is_empty())
            || (own && !hosted_zone::differences(self.zone, self.wanted.tagging).is_empty())
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
