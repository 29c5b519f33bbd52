//! Which validation records certificates need: the CNAME of a name is one and the same in all certificates of an account
//! (AWS-FACTS 3.2.3), so that one goes only when the last of them has gone. It must not know ACM.

use std::collections::{BTreeMap, BTreeSet};

use crate::domain::dns_form;
use crate::resource::certificate::Certificate;
use crate::resource::validation_record::ValidationRecord;

/// The names that validation records prove: each without the label in front.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Proven(BTreeSet<String>);

impl Proven {
    /// The names that these records prove.
    pub fn by<'a>(records: impl IntoIterator<Item = &'a ValidationRecord>) -> Self {
        let names = records.into_iter().filter_map(|record| {
            let name = dns_form(&record.name);
            name.split_once('.').map(|(_, proven)| proven.to_owned())
        });
        Self(names.collect())
    }

    /// Whether a listed certificate, which may have more names than are shown, may need one of the records. A wildcard is
    /// proven by the record of the name below which it stands.
    pub fn may_be_needed_by(&self, listed: &Certificate) -> bool {
        let proven = |name: &String| self.0.contains(name.strip_prefix("*.").unwrap_or(name));
        listed.has_more_names || listed.names.iter().any(proven)
    }
}

/// Whether an error of ACM says that nobody may look into the region: a service control policy closes it, or it does
/// not take the credentials (that of a region which has to be switched on; not confirmed against AWS).
pub fn is_closed(code: &str) -> bool {
    ["AccessDenied", "AccessDeniedException", "InvalidClientTokenId", "UnrecognizedClientException"].contains(&code)
}

/// Who needs which records.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Needs {
    by: BTreeMap<String, String>,
    unseen: BTreeSet<String>,
}

impl Needs {
    /// Notes that the certificate needs the record of that name.
    pub fn add(&mut self, record: &str, certificate: &str) {
        self.by.insert(dns_form(record), certificate.to_owned());
    }

    /// A region in which nobody may look, so that a certificate there may need any of them.
    pub fn unseen(region: &str) -> Self {
        Self { by: BTreeMap::new(), unseen: BTreeSet::from([region.to_owned()]) }
    }

    /// Everything that either of the two knows.
    pub fn extend(&mut self, other: Needs) {
        self.by.extend(other.by);
        self.unseen.extend(other.unseen);
    }

    /// Why the record stays, if it does.
    pub fn why_stays(&self, record: &ValidationRecord) -> Option<String> {
        if let Some(certificate) = self.by.get(&dns_form(&record.name)) {
            return Some(format!("the certificate {certificate} needs it"));
        }
        if self.unseen.is_empty() {
            return None;
        }
        let regions: Vec<&str> = self.unseen.iter().map(String::as_str).collect();
        Some(format!(
            "a certificate in {} may need it, and IAM does not let Nameplate look there: let its roles call \
             acm:ListCertificates and acm:DescribeCertificate in that region and retire the domain again, or remove \
             the record by hand",
            regions.join(", ")
        ))
    }
}

#[cfg(test)]
mod tests;
