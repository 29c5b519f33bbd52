//! Taking a domain's resources away again: the request that starts `retire.asl.json`, and what such a run says
//! about what goes and what stays. It must not know AWS calls.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::contract::ValidationRecord;
use crate::domain::DomainName;
use crate::error::StepError;
use crate::request;

/// What a user asks for: that everything which Nameplate made for a domain goes, and nothing else.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RetireRequest {
    /// Version of the request's form: 1.
    #[serde(default = "request::version")]
    #[schemars(range(min = 1, max = 1))]
    pub version: u32,
    /// The domain to retire, as it was asked for.
    pub domain_name: DomainName,
    /// The same name once more: nothing is deleted by a slip of the hand.
    pub confirm: String,
    /// Only say what goes, what stays, and why; write nothing.
    #[serde(default)]
    pub dry_run: bool,
    /// Whether a hosted zone that Nameplate made may go although the registry still points to it, or may do so.
    /// Whoever gets the zone's name servers next could then answer for the name.
    #[serde(default)]
    pub accept_delegated: bool,
    /// `off`: AWS does not renew the registration any more, so that it ends with what is paid. Absent: as it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub auto_renew: Option<AutoRenew>,
}

/// What becomes of auto-renewal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum AutoRenew {
    /// It is switched off.
    Off,
}

impl RetireRequest {
    /// Reads and checks a request from its text, whatever that text is.
    ///
    /// # Errors
    /// `InvalidRequest`, naming the field, what is wrong and what would be right.
    pub fn read(text: &str) -> Result<Self, StepError> {
        let document: Value = request::document(text, "schema/retire.schema.json")?;
        if !document.is_object() {
            return Err(StepError::invalid(
                "request",
                "it is no JSON object",
                "send an object with `domainName` and `confirm`; see schema/retire.schema.json",
            ));
        }
        let request: RetireRequest = request::fields(&document, "schema/retire.schema.json")?;
        request::check_version(request.version)?;
        let confirmed = request.confirm.parse::<DomainName>();
        if confirmed.as_ref() != Ok(&request.domain_name) {
            return Err(StepError::invalid(
                "confirm",
                format!("`{}` is not `{}`, the domain that is to be retired", request.confirm, request.domain_name),
                "give the domain's name in both fields",
            ));
        }
        Ok(request)
    }
}

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

/// The end of a retired domain: the output of a successful execution, and what the event `Domain Retired` tells.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct RetireResult {
    /// Of this contract: 1.
    pub version: u32,
    /// The domain, in A-labels.
    pub domain_name: String,
    /// What this execution took away.
    pub removed: Vec<Thing>,
    /// What is still there of what belongs to the name, and why.
    pub left: Vec<Thing>,
}

/// What a dry run says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct RetireReport {
    /// Of this contract: 1.
    pub version: u32,
    /// The domain, in A-labels.
    pub domain_name: String,
    /// `true`.
    pub dry_run: bool,
    /// Whether the domain is retired already, so that a real run would write nothing.
    pub retired: bool,
    /// What would go, in that order.
    pub goes: Vec<Thing>,
    /// What would stay.
    pub stays: Vec<Thing>,
}

#[cfg(test)]
mod tests;
