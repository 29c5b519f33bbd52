//! What the steps of `retire.asl.json` hand to each other. It must not know AWS calls.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use serde_json::value::RawValue;

use super::Known;
use crate::domain::DomainName;
use crate::request::retire::RetireRequest;
use crate::resource::thing::Thing;
use crate::resource::validation_record::ValidationRecord;

/// What the state machine's name adds to the stack's.
pub const STATE_MACHINE_SUFFIX: &str = "-retire";
/// Longest wait for a certificate that is still in use, in seconds. AWS does not say how long that lasts after the
/// custom domain is gone (AWS-FACTS 3.4.3); an hour has been seen.
pub const IN_USE_DEADLINE_SECS: i64 = 6 * 3600;

/// Input of `plan-retire`.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PlanRetireInput {
    /// The execution's input, as it came: text, so that whatever it is, it is `plan-retire` that refuses it.
    #[schemars(with = "Value")]
    pub request: Box<RawValue>,
}

/// Output of `plan-retire`.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PlanRetireOutput {
    /// The request with every default filled in.
    pub request: RetireRequest,
    /// Key of the domain item.
    pub item_key: String,
    /// The incarnation that ends; empty when it is on no record.
    pub incarnation: String,
    /// What is known of the resources, together with what was found: the claim records it, since a later run could
    /// not find it any more.
    pub known: Known,
    /// What the item said of the resources, as it stood there; empty where it said nothing. The claim fails if it says
    /// something else by then: another execution has worked on the domain since.
    pub seen: String,
    /// Ids of the APIs that go.
    pub api_ids: Vec<String>,
    /// Host names whose custom domain, mappings and alias records go.
    pub hostnames: Vec<String>,
    /// ARNs of the certificates that go.
    pub certificate_arns: Vec<String>,
    /// Ids of the hosted zones in which records of ours stand, or can stand.
    pub hosted_zone_ids: Vec<String>,
    /// Ids of those of them that are the name's own: one that Nameplate made may go, another is let go of.
    pub own_zone_ids: Vec<String>,
    /// The caller references of the zones that Nameplate has made, or may have made, for the domain.
    pub zone_references: Vec<String>,
    /// The regions in which a certificate may need the validation records.
    pub regions: Vec<String>,
    /// Keys of the watches that go.
    pub watch_keys: Vec<String>,
    /// What a person has to take out of a DNS of his own: the claim records it, as `known`.
    pub by_hand: Vec<Thing>,
    /// Seconds since 1970 at which waiting for a certificate ends.
    pub deadline: i64,
    /// Whether the domain is retired already and nothing is left to do.
    pub retired: bool,
    /// What goes, in that order.
    pub goes: Vec<Thing>,
    /// What stays.
    pub stays: Vec<Thing>,
    /// The same as lines to read; of a dry run only, since all this is handed on by Step Functions.
    pub lines: Vec<String>,
}

/// Input of `detach-domain`.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct DetachDomainInput {
    /// The domain whose resources these are.
    pub domain_name: DomainName,
    /// Host names whose custom domain, mappings and alias records go.
    pub hostnames: Vec<String>,
    /// The host names whose root mapping and alias records are on record as ours.
    pub recorded: Vec<String>,
    /// The zones that may hold the alias records.
    pub hosted_zone_ids: Vec<String>,
}

/// Input of `delete-api`.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct DeleteApiInput {
    /// The domain whose resources these are.
    pub domain_name: DomainName,
    /// Ids of the APIs that go.
    pub api_ids: Vec<String>,
}

/// Input of `delete-certificate`.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct DeleteCertificateInput {
    /// The domain whose resources these are.
    pub domain_name: DomainName,
    /// ARNs of the certificates that go.
    pub certificate_arns: Vec<String>,
    /// Seconds since 1970 at which waiting ends.
    pub deadline: i64,
}

/// Output of `delete-certificate`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct DeleteCertificateOutput {
    /// Whether a certificate is still in use, so that the step is to come back later.
    pub in_use: bool,
    /// What stays although it was to go.
    pub left: Vec<Thing>,
}

/// Input of `delete-validation-records`.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct DeleteValidationRecordsInput {
    /// The domain whose resources these are.
    pub domain_name: DomainName,
    /// The zones that may hold the records.
    pub hosted_zone_ids: Vec<String>,
    /// The records of the certificates that went.
    pub validation_records: Vec<ValidationRecord>,
    /// ARNs of the certificates that went: a listing can show them for a while yet.
    pub gone: Vec<String>,
    /// The regions in which a certificate may need the records.
    pub regions: Vec<String>,
}

/// Input of `delete-records`.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct DeleteRecordsInput {
    /// The domain whose resources these are.
    pub domain_name: DomainName,
    /// ARN of this execution: it must hold the claim when it says which records are ours.
    pub execution: String,
    /// The zones that may hold the records.
    pub hosted_zone_ids: Vec<String>,
    /// The certificate's records: not this step's to remove.
    pub validation_records: Vec<ValidationRecord>,
}

/// Input of `delete-zone`.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct DeleteZoneInput {
    /// The checked request.
    pub request: RetireRequest,
    /// The caller references of the zones that Nameplate has made, or may have made, for the domain.
    pub zone_references: Vec<String>,
    /// The zones that are the name's own.
    pub hosted_zone_ids: Vec<String>,
    /// Keys of the requests' own tags that may stand on them.
    pub tag_keys: Vec<String>,
}

/// Input of `release-registration`.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ReleaseRegistrationInput {
    /// The checked request.
    pub request: RetireRequest,
    /// Keys of the requests' own tags that may stand on the registration.
    pub tag_keys: Vec<String>,
}

/// Input of `delete-watches`.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct DeleteWatchesInput {
    /// The domain that they are about.
    pub domain_name: DomainName,
    /// Keys of the watches that go.
    pub watch_keys: Vec<String>,
}

/// Output of a step that only takes away.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RetireStepOutput {
    /// What stays although it was to go.
    pub left: Vec<Thing>,
}
