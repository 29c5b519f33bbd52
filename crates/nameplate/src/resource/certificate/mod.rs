//! A certificate of ACM: how it stands, how a request wants it, and which of several it is. It must not know how it is
//! read or requested.
//!
//! Not managed: certificate transparency logging, and whether ACM can renew it. No request names them.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use strum::VariantArray;

use crate::request::{Request, Validation};
use crate::resource::difference::{Attribute, Difference, Differences, any};
use crate::resource::tags::{self, Tagging};

mod need;

pub use crate::resource::validation_record::ValidationRecord;
pub use need::*;

/// `CertificateStatus` of one that can be used.
pub const ISSUED: &str = "ISSUED";
/// `CertificateStatus` of one that may become usable.
pub const PENDING_VALIDATION: &str = "PENDING_VALIDATION";

/// A certificate as ACM shows it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Certificate {
    /// `CertificateArn`.
    pub arn: String,
    /// `DomainName`: its main name, in normal form.
    pub domain: String,
    /// `Status`; empty where ACM does not show it.
    pub status: String,
    /// Whether ACM made it for a name that was proven; others were imported, or come from a private authority.
    pub amazon_issued: bool,
    /// `CreatedAt`, in seconds since 1970.
    pub created: Option<i64>,
    /// `NotAfter`, in seconds since 1970.
    pub ends: Option<i64>,
    /// All its names, in normal form, the main one among them.
    pub names: BTreeSet<String>,
    /// Whether it has more names than a listing shows.
    pub has_more_names: bool,
    /// `KeyAlgorithm`, as requests spell it.
    pub key_algorithm: Option<String>,
    /// `FailureReason`.
    pub failure_reason: Option<String>,
    /// `InUseBy`: ARNs of what presents it.
    pub in_use_by: Vec<String>,
    /// `DomainValidationOptions`. None: a listing does not show them.
    pub validation: Option<Vec<NameValidation>>,
    /// All its tags. None: nobody has asked for them.
    pub tags: Option<BTreeMap<String, String>>,
}

/// How one name of a certificate is validated.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NameValidation {
    /// `DomainName`, in normal form.
    pub name: String,
    /// `ValidationMethod`.
    pub method: Option<String>,
    /// `ResourceRecord`.
    pub record: Option<ValidationRecord>,
    /// `ValidationDomain`, in normal form: whose mailboxes are asked, where that is how it is validated.
    pub asked_at: Option<String>,
    /// Whether ACM says to whom it has written.
    pub asked: bool,
    /// Whether the name has been validated.
    pub validated: bool,
}

impl Certificate {
    /// Whether it can be used, now or once it is validated.
    pub fn is_usable(&self) -> bool {
        [ISSUED, PENDING_VALIDATION].contains(&self.status.as_str())
    }

    /// How each of its names is validated, as far as that is shown.
    pub fn validation(&self) -> &[NameValidation] {
        self.validation.as_deref().unwrap_or_default()
    }

    /// Its validation records, each once, in order.
    pub fn records(&self) -> Vec<ValidationRecord> {
        let records: BTreeSet<&ValidationRecord> =
            self.validation().iter().filter_map(|name| name.record.as_ref()).collect();
        records.into_iter().cloned().collect()
    }

    /// Whether its tags say that it is ours.
    pub fn is_ours(&self, domain: &str, stack: &str) -> bool {
        self.tags.as_ref().is_some_and(|present| tags::are_ours(present, domain, stack))
    }

    /// What uses it in this account, so that to wait for its end would be in vain. API Gateway's own use is told by a load
    /// balancer in AWS's account (AWS-FACTS 3.4.2).
    pub fn user_in_account(&self, account: &str) -> Option<&str> {
        self.in_use_by.iter().map(String::as_str).find(|arn| arn.split(':').nth(4) == Some(account))
    }
}

/// A certificate as a run wants it.
#[derive(Clone, Debug)]
pub struct Wanted<'a> {
    /// All its names.
    pub names: BTreeSet<String>,
    /// Its key.
    pub key_algorithm: &'static str,
    /// How its names are validated.
    pub validation: Validation,
    /// Whose mailboxes are asked, where ACM asks by e-mail.
    pub validation_domain: Option<&'a str>,
    /// Its main name.
    pub domain: &'a str,
    /// Its tags.
    pub tagging: &'a Tagging,
}

impl<'a> Wanted<'a> {
    /// The certificate of a request.
    pub fn of(request: &'a Request, tagging: &'a Tagging) -> Self {
        Self {
            names: request.certificate_names().into_iter().collect(),
            key_algorithm: request.certificate.key_algorithm.as_str(),
            validation: request.certificate.validation,
            validation_domain: request.validation_domain(),
            domain: request.domain_name.as_str(),
            tagging,
        }
    }
}

/// What of a certificate a request says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, VariantArray)]
pub enum CertificateAttribute {
    /// Its names.
    Names,
    /// Its key.
    KeyAlgorithm,
    /// How its names are validated.
    Validation,
    /// Whose mailboxes are asked.
    ValidationDomain,
    /// One of its tags.
    Tag,
}

impl Attribute for CertificateAttribute {
    fn path(self) -> &'static str {
        match self {
            Self::Names => "names",
            Self::KeyAlgorithm => "keyAlgorithm",
            Self::Validation => "validation",
            Self::ValidationDomain => "validationDomain",
            Self::Tag => "tags.{}",
        }
    }
}

/// What ACM cannot change about a certificate: another one comes in its place.
pub const CANNOT_BE_CHANGED: [CertificateAttribute; 4] = [
    CertificateAttribute::Names,
    CertificateAttribute::KeyAlgorithm,
    CertificateAttribute::Validation,
    CertificateAttribute::ValidationDomain,
];

/// What differs between a certificate and the wanted one; all of it where there is none. What ACM does not show is as
/// wanted: nothing here changes how it is validated (AWS-FACTS 3.2.9).
pub fn differences(standing: Option<&Certificate>, wanted: &Wanted<'_>) -> Vec<Difference<CertificateAttribute>> {
    let mut differences = Differences::default();
    let (method, none) = (wanted.validation.as_str(), BTreeMap::new());
    let Some(standing) = standing else {
        differences.compare(CertificateAttribute::Names, &None, &Some(&wanted.names));
        differences.compare(CertificateAttribute::KeyAlgorithm, &None, &Some(wanted.key_algorithm));
        differences.compare(CertificateAttribute::Validation, &None, &Some(method));
        differences.compare(CertificateAttribute::ValidationDomain, &None, &wanted.validation_domain);
        tags::compare(&mut differences, CertificateAttribute::Tag, &none, wanted.tagging);
        return differences.into_vec();
    };
    if standing.has_more_names || standing.names != wanted.names {
        differences.note(
            CertificateAttribute::Names,
            None,
            serde_json::json!(standing.names),
            serde_json::json!(wanted.names),
        );
    }
    let key = standing.key_algorithm.as_deref().unwrap_or(wanted.key_algorithm);
    differences.compare(CertificateAttribute::KeyAlgorithm, &key, &wanted.key_algorithm);
    let methods = standing.validation().iter().filter_map(|name| name.method.as_deref());
    let other_method = methods.clone().find(|known| *known != method);
    differences.compare(CertificateAttribute::Validation, &other_method.unwrap_or(method), &method);
    let mut asked_at = standing.validation().iter().filter_map(|name| name.asked_at.as_deref());
    let asked_elsewhere = asked_at.find(|asked| Some(*asked) != wanted.validation_domain);
    let by_dns = methods.clone().any(|known| known == Validation::Dns.as_str());
    let asked = asked_elsewhere.or(wanted.validation_domain.filter(|_| !by_dns));
    differences.compare(CertificateAttribute::ValidationDomain, &asked, &wanted.validation_domain);
    // One that is not ours is used as it is.
    if let Some(present) = standing.tags.as_ref().filter(|present| wanted.tagging.are_ours(present)) {
        tags::compare(&mut differences, CertificateAttribute::Tag, present, wanted.tagging);
    }
    differences.into_vec()
}

/// Whether it can be used as the wanted one, once it is tagged.
pub fn fits(standing: &Certificate, wanted: &Wanted<'_>) -> bool {
    !any(&differences(Some(standing), wanted), &CANNOT_BE_CHANGED)
}

/// The certificates of the domain among those of a listing, in the order in which they are chosen: those with the wanted
/// names and key first, issued ones before others, the newest first. How they are validated is not listed.
pub fn candidates(mut listed: Vec<Certificate>, wanted: &Wanted<'_>) -> Vec<Certificate> {
    listed.retain(|one| one.domain == wanted.domain && one.amazon_issued);
    listed.sort_by_key(|one| (!fits(one, wanted), one.status != ISSUED, Reverse(one.created)));
    listed
}

/// Which certificate to use, or what has to be known first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Choice {
    /// The one at this index.
    Take(usize),
    /// None of them: another one is requested.
    Request,
    /// Whichever it is depends on the tags of the one at this index.
    AskTags(usize),
    /// Whichever it is depends on how the one at this index is validated.
    AskValidation(usize),
}

/// Chooses the first of the candidates that fits and is ours, and says what has still to be read, so that nobody reads
/// more than the answer depends on.
pub fn choose(candidates: &[Certificate], wanted: &Wanted<'_>) -> Choice {
    for (index, one) in candidates.iter().enumerate().filter(|(_, one)| fits(one, wanted)) {
        match &one.tags {
            None => return Choice::AskTags(index),
            Some(present) if !wanted.tagging.are_ours(present) => {}
            Some(_) if one.validation.is_none() => return Choice::AskValidation(index),
            Some(_) => return Choice::Take(index),
        }
    }
    Choice::Request
}

#[cfg(test)]
mod tests;
