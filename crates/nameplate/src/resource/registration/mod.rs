//! The registration of a name: how it stands in this account, what of it a run writes, and what makes a purchase
//! possible. It must not know how it is read or written.

use std::collections::BTreeMap;

use strum::VariantArray;

use crate::resource::difference::{Attribute, Difference, Differences};
use crate::resource::tags::{self, Tagging};
use crate::{Request, StepError};

pub mod contact;
mod purchase;

pub use purchase::*;

/// Whether AWS renews a name that is bought, where the request does not say it: what RegisterDomain does by itself.
pub const RENEWS_BY_DEFAULT: bool = true;
/// The EPP status of a name that its registrar has taken out of DNS (AWS-FACTS 1.5.1).
const SUSPENDED: &str = "clientHold";

/// A name that is registered in this account, as Route 53 Domains shows it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RegisteredDomain {
    /// `Nameservers` at the registry, in normal form.
    pub name_servers: Vec<String>,
    /// `ExpirationDate`, RFC 3339.
    pub expires: Option<String>,
    /// `AutoRenew`.
    pub auto_renew: Option<bool>,
    /// `StatusList`: EPP codes.
    pub statuses: Vec<String>,
    /// Whether the registry has `DnssecKeys`, so that resolvers take only signed answers.
    pub signed: bool,
    /// All its tags. None: nobody has asked for them.
    pub tags: Option<BTreeMap<String, String>>,
}

impl RegisteredDomain {
    /// Whether the registrar has taken the name out of DNS.
    pub fn is_suspended(&self) -> bool {
        self.statuses.iter().any(|status| status.eq_ignore_ascii_case(SUSPENDED))
    }
}

/// A registration as a run wants it.
#[derive(Clone, Copy, Debug)]
pub struct Wanted<'a> {
    /// Whether AWS renews it. None: as it is.
    pub auto_renew: Option<bool>,
    /// Its tags. None: this stack did not buy it, and leaves them alone.
    pub tagging: Option<&'a Tagging>,
}

/// What of a registration a run writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, VariantArray)]
pub enum RegistrationAttribute {
    /// Whether AWS renews it each year.
    AutoRenew,
    /// One of its tags.
    Tag,
}

impl Attribute for RegistrationAttribute {
    fn path(self) -> &'static str {
        match self {
            Self::AutoRenew => "autoRenew",
            Self::Tag => "tags.{}",
        }
    }
}

/// What a run has to change about a registration; all of it where the name is to be bought.
pub fn differences(standing: Option<&RegisteredDomain>, wanted: &Wanted<'_>) -> Vec<Difference<RegistrationAttribute>> {
    let mut differences = Differences::default();
    // Nothing is said where AWS shows nothing.
    let renews = match standing {
        None => Some((None, wanted.auto_renew.unwrap_or(RENEWS_BY_DEFAULT))),
        Some(domain) => domain.auto_renew.map(Some).zip(wanted.auto_renew),
    };
    if let Some((before, after)) = renews {
        differences.compare(RegistrationAttribute::AutoRenew, &before, &Some(after));
    }
    if let Some(tagging) = wanted.tagging {
        let none = BTreeMap::new();
        let present = standing.and_then(|domain| domain.tags.as_ref()).unwrap_or(&none);
        tags::compare(&mut differences, RegistrationAttribute::Tag, present, tagging);
    }
    differences.into_vec()
}

/// The request's word on renewal, if it has one.
pub fn wanted_renewal(request: &Request) -> Option<bool> {
    request.registration.as_ref().and_then(|registration| registration.auto_renew)
}

/// A name of which nobody here can say whether it is renewed.
///
/// # Errors
/// `Refused` if the request says it all the same.
pub fn check_renewal_elsewhere(request: &Request) -> Result<(), StepError> {
    if wanted_renewal(request).is_none() {
        return Ok(());
    }
    Err(StepError::refused(
        "NotRegisteredHere",
        format!(
            "registration.autoRenew: {} is not registered in this account, so that its renewal is not set here",
            request.domain_name
        ),
        "leave `registration.autoRenew` out, and set the renewal where the name is registered",
    ))
}

/// The renewal of a name that this stack did not buy, with these tags, is to be changed.
///
/// # Errors
/// `Refused` if another stack uses it and the request does not take it over.
pub fn check_renewal(request: &Request, present: &BTreeMap<String, String>, stack: &str) -> Result<(), StepError> {
    match tags::other_stack(present, stack).filter(|_| !request.adopt) {
        None => Ok(()),
        Some(other) => Err(StepError::refused(
            "OtherStack",
            format!(
                "registration.autoRenew: the renewal of {} is not this stack's to set: {}",
                request.domain_name,
                tags::used_by(other)
            ),
            "leave `registration.autoRenew` out, set it in a request to that stack, or write `\"adopt\": true`",
        )),
    }
}

#[cfg(test)]
mod tests;
