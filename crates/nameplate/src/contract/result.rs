//! What a finished run hands back, and what a dry run reports. It must not know how either came about.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::request::{Money, Validation};
use crate::resource::thing::Thing;

/// The live API: the output of a successful execution and the detail of the event `Domain Live`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ProvisionResult {
    /// Of this contract: 1.
    pub version: u32,
    /// The domain, in A-labels.
    pub domain_name: String,
    /// Name servers of the hosted zone, to which the registry must delegate the domain. None where the customer's own
    /// DNS answers.
    pub name_servers: Vec<String>,
    /// Where the API answers: `https://`, or `wss://` for a WebSocket API, and the host name.
    pub api_endpoint: String,
    /// Where it answers too: `https://` and each further host name.
    #[serde(default)]
    pub alternative_endpoints: Vec<String>,
    /// API Gateway's own address of the API; null where that is closed.
    #[serde(default)]
    pub default_endpoint: Option<String>,
    /// Id of the API in API Gateway.
    pub api_id: String,
    /// Id of the hosted zone, without `/hostedzone/`; null where the customer's own DNS answers.
    #[serde(default)]
    pub hosted_zone_id: Option<String>,
    /// ARN of the certificate on the host name.
    pub certificate_arn: String,
    /// Who is asked by e-mail about the certificate; null where it is validated by DNS.
    #[serde(default)]
    pub certificate_validation: Option<CertificateValidation>,
    /// The registration.
    pub registration: RegistrationView,
    /// What belonged to others and was taken over, because the request says `adopt`.
    #[serde(default)]
    pub adopted: Vec<Thing>,
    /// What a person still has to do, with exact values. Empty: nothing.
    pub actions: Vec<String>,
}

/// Whom ACM asks about a certificate, and until when.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct CertificateValidation {
    /// `EMAIL`.
    pub method: Validation,
    /// Each name of the certificate with the mailboxes that get a mail about it. One click for each name is needed.
    pub mails: Vec<ValidationMail>,
    /// Until when somebody must have clicked, RFC 3339: 72 hours after the request, and once the certificate is issued
    /// its end, for whose renewal ACM asks again 45 days before.
    pub until: String,
}

/// The mail about one name of a certificate.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ValidationMail {
    /// The name that it is about.
    pub name: String,
    /// Who gets it. One of them clicks.
    pub mailboxes: Vec<String>,
}

/// The registration of a domain.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct RegistrationView {
    /// Who holds the registration.
    pub status: RegistrationStatus,
    /// When it ends unless it is renewed, RFC 3339. Absent when another registrar holds it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires: Option<String>,
    /// Whether AWS renews it by itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub auto_renew: Option<bool>,
    /// What this stack paid for it. Absent: it was not bought by this stack.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub price_paid: Option<Money>,
    /// Whether the registrant's e-mail address is confirmed; unconfirmed names are suspended (AWS-FACTS 1.5.1).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub email_confirmed: Option<bool>,
}

/// Who holds the registration of a domain.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum RegistrationStatus {
    /// Registered in this account.
    Registered,
    /// Bought by this execution; AWS is still at it.
    Pending,
    /// Not registered in this account.
    NotManaged,
}

/// The output of a dry run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct DryRun {
    /// Of this contract: 1.
    pub version: u32,
    /// The domain, in A-labels.
    pub domain_name: String,
    /// Always true: it tells this output from that of a run.
    pub dry_run: bool,
    /// Whether everything is as the request wants it, so that a run would write nothing.
    pub live: bool,
    /// What exists and what would be made.
    pub report: Report,
}

/// What a dry run says, and what a plan knows before anything is written.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Report {
    /// Each resource, in the order in which it would be made.
    pub resources: Vec<ResourceReport>,
    /// The same as lines to read: `+` is added, `~` changed, `-` removed, `!` taken over from others. A registration that
    /// would be bought says what it costs.
    pub lines: Vec<String>,
    /// What the registration would cost. Absent: nothing would be bought.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub price: Option<PriceReport>,
}

/// One resource in a report.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ResourceReport {
    /// What it is, for example `hosted zone`.
    pub resource: String,
    /// What would happen to it.
    pub action: ReportAction,
    /// Its id or name, or the name that it would get.
    pub name: String,
    /// The fields that would change, by path.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub changes: Vec<FieldChange>,
}

/// A field of a resource that would change.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct FieldChange {
    /// Its path in the resource, such as `routes."GET /v1/models".url`.
    pub field: String,
    /// What it is now. Null: it is not there.
    pub before: serde_json::Value,
    /// What it would be. Null: it would be gone.
    pub after: serde_json::Value,
}

/// What would happen to a resource.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum ReportAction {
    /// It is there and is used.
    Exists,
    /// It would be made.
    Create,
    /// It would be bought.
    Buy,
    /// It is there and some of its fields would change.
    Change,
    /// It would be taken away.
    Remove,
    /// It belongs to somebody else, and would be taken over.
    Adopt,
}

/// What a registration would cost.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct PriceReport {
    /// For the first year.
    pub first_year: Money,
    /// For all years that the request asks for, paid at once.
    pub total: Money,
    /// How many years that are.
    pub years: u8,
    /// For each later year.
    pub renewal: Money,
    /// Whether AWS renews the name by itself, and charges that.
    pub auto_renew: bool,
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

/// What the dry run of a retirement says.
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
    /// The same as lines to read: `-` goes, what has no sign stays.
    pub lines: Vec<String>,
}
