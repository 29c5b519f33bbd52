//! Taking a domain's resources away again: the request that starts `retire.asl.json`. It must not know AWS calls.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

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

#[cfg(test)]
mod tests;
