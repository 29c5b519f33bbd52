//! One thing by kind and name, and why it goes, stays or is taken over. It must not know how it is found.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::resource::validation_record::ValidationRecord;

/// One thing that goes or stays.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Thing {
    /// What it is, for example `hosted zone`.
    pub resource: String,
    /// Its id or name.
    pub name: String,
    /// Why it goes or stays.
    pub reason: String,
}

impl Thing {
    /// A thing, and why it goes or stays.
    pub fn new(resource: &str, name: impl Into<String>, reason: impl Into<String>) -> Self {
        Self { resource: resource.to_owned(), name: name.into(), reason: reason.into() }
    }
}

/// What [`Thing::resource`] is for a record that only a person can remove: it stands in the customer's own DNS.
pub const OWN_DNS_RECORD: &str = "record in the customer's own DNS";

/// What [`Thing::resource`] is for a validation record, and for a hosted zone: a later run reads them out of the result.
pub const VALIDATION_RECORD: &str = "validation record";
/// See [`VALIDATION_RECORD`].
pub const HOSTED_ZONE: &str = "hosted zone";

impl Thing {
    /// A validation record, with its value in its name.
    pub fn validation(record: &ValidationRecord, reason: impl Into<String>) -> Self {
        Self::new(VALIDATION_RECORD, format!("{} CNAME {}", record.name, record.value), reason)
    }

    /// The validation record that this is.
    pub fn validation_record(&self) -> Option<ValidationRecord> {
        let (name, value) = self.name.split_once(" CNAME ").filter(|_| self.resource == VALIDATION_RECORD)?;
        Some(ValidationRecord { name: name.to_owned(), value: value.to_owned() })
    }
}

#[cfg(test)]
mod tests;
