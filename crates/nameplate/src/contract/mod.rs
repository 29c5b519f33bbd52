//! What one step hands to the next: the input and output of every function, as the state machine passes
//! them on. These are the only types that cross a function's border. It must not know AWS calls.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use serde_json::value::RawValue;

use crate::contract::result::{CertificateValidation, ProvisionResult, RegistrationView, Report};
use crate::request::{Money, Protocol, RecordSet, Request};
use crate::resource::thing::Thing;
use crate::resource::validation_record::ValidationRecord;

pub mod event;
pub mod result;
pub mod retire;
pub mod table;

/// What the state machine's name adds to the stack's.
pub const STATE_MACHINE_SUFFIX: &str = "-provision";
/// Longest wait for a registration, in seconds: AWS speaks of up to three days (AWS-FACTS 1.4.5); one more for luck.
pub const REGISTRATION_DEADLINE_SECS: i64 = 4 * 24 * 3600;
/// Longest wait for a certificate, in seconds: ACM gives up by itself after 72 hours (AWS-FACTS 3.2.4).
pub const CERTIFICATE_DEADLINE_SECS: i64 = 72 * 3600;
/// How old a quote may be when the name is bought on it, in seconds; an older one is asked for again.
pub const QUOTE_VALID_SECS: i64 = 60;

/// What is known of a domain's resources: ids from earlier runs, a cache that saves searches.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct Known {
    /// The id of the API that we made; nothing while an existing one is in its place.
    pub api_id: Option<String>,
    /// The hosted zone's id.
    pub hosted_zone_id: Option<String>,
    /// Whether that zone is the name's own, with its tags. False also where nobody has noted it: then it is left alone.
    pub zone_owned: bool,
    /// The certificate's ARN.
    pub certificate_arn: Option<String>,
    /// The certificate's validation records, each once.
    pub validation_records: Vec<ValidationRecord>,
    /// Those of the certificates of all earlier runs, each once: they may still stand.
    pub former_validation_records: Vec<ValidationRecord>,
    /// The ids of the hosted zones of all earlier runs, each once: what they wrote may still stand there.
    pub former_hosted_zone_ids: Vec<String>,
    /// The host names whose root mapping and whose A and AAAA records are ours: like validation records, routes and
    /// integrations they take no tags, so this list says it.
    pub hostnames: Vec<String>,
    /// Keys of the request's own tags that may stand on what is ours.
    pub tag_keys: Vec<String>,
    /// What was taken over from others.
    pub adopted: Vec<Thing>,
}

/// A price that was read at the registry.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Quote {
    /// For one year of registration.
    pub registration: Money,
    /// For one year of renewal.
    pub renewal: Money,
    /// When it was read, and the name seen to be available, in seconds since 1970.
    pub read_at: i64,
}

/// What the plan found about the registration.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum RegistrationPlan {
    /// Registered in this account already.
    Registered,
    /// To be bought, or bought by an earlier run that did not see the end of it.
    Register,
    /// Held elsewhere, and not ours to buy.
    NotManaged,
}

/// Bounds of the two waits, in seconds since 1970.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Deadlines {
    /// Until then the registration must have ended.
    pub registration: i64,
    /// Until then the certificate must be issued, however late the wait for it begins.
    pub certificate: i64,
}

/// Input of `plan`.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PlanInput {
    /// The execution's input, as it came: text, so that whatever it is, it is `plan` that refuses it.
    #[schemars(with = "Value")]
    pub request: Box<RawValue>,
}

/// Output of `plan`.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PlanOutput {
    /// The request with every default filled in.
    pub request: Request,
    /// [`Request::fingerprint`].
    pub fingerprint: String,
    /// Key of the domain item.
    pub item_key: String,
    /// Ids from earlier runs.
    pub known: Known,
    /// What the item said of the resources, as it stood there; empty where it said nothing. The claim fails if it says
    /// something else by then: another execution has worked on the domain since.
    pub seen: String,
    /// Whether the request has records of its own, or an earlier run wrote some. The list of those stays in the
    /// table: with it, what is handed on could grow beyond what Step Functions takes.
    pub has_records: bool,
    /// What to do about the registration.
    pub registration: RegistrationPlan,
    /// The price, where the name is to be bought now.
    pub quote: Option<Quote>,
    /// Bounds of the waits.
    pub deadlines: Deadlines,
    /// The name servers that the DNS names for a domain that is registered elsewhere, in normal form. None: nobody asked,
    /// or there is no answer.
    pub answering: Vec<String>,
    /// What an earlier run of the same request has told a person to do, by its result.
    pub told: Vec<String>,
    /// When all this was seen, in seconds since 1970.
    pub planned_at: i64,
    /// Host names that an earlier run put on the API and the request does not name: they are taken off again.
    pub dropped_hostnames: Vec<String>,
    /// Keys of tags that an earlier run set and the request does not want: they are taken off again.
    pub former_tags: Vec<String>,
    /// The id of the hosted zone around a name below one that a registrar sells. Nothing for a name that has a zone of
    /// its own, where the customer's own DNS answers, and where nothing is left to do.
    pub enclosing_zone_id: Option<String>,
    /// What belongs to others and is taken over, because the request says so.
    pub adopted: Vec<Thing>,
    /// What a person has to know of records of ours in hosted zones that are not in use any more.
    pub left_behind: Vec<String>,
    /// What exists and what would be made.
    pub report: Report,
    /// The result of the finished run, if everything is as the request wants it: then nothing is left to do.
    pub result: Option<ProvisionResult>,
}

/// Input of `create-api`.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct CreateApiInput {
    /// The normalised request.
    pub request: Request,
    /// The API of an earlier run.
    pub api_id: Option<String>,
    /// Keys of tags that are not wanted any more.
    pub former_tags: Vec<String>,
}

/// Output of `create-api`.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct CreateApiOutput {
    /// The API's id: ours, or that of the existing one.
    pub api_id: String,
    /// The stage that answers.
    pub stage: String,
    /// Its kind.
    pub protocol: Protocol,
    /// API Gateway's own address of it, with `https://` or `wss://`; null where that is closed, as the request wants it.
    pub default_endpoint: Option<String>,
    /// Ids of the APIs that are ours by tag and are not this one: needed no more once this one is in their place.
    pub replaced: Vec<String>,
}

/// Input of `register`.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RegisterInput {
    /// The normalised request.
    pub request: Request,
    /// ARN of this execution: it must hold the claim when money is spent.
    pub execution: String,
    /// What the plan found.
    pub plan: RegistrationPlan,
    /// The plan's quote.
    pub quote: Option<Quote>,
    /// Seconds since 1970 at which waiting ends.
    pub deadline: i64,
    /// Keys of tags that are not wanted any more.
    pub former_tags: Vec<String>,
}

/// Output of `register`.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RegisterOutput {
    /// The registration; its status says how to go on.
    pub registration: RegistrationView,
    /// Name servers at the registry. Empty unless registered in this account.
    pub name_servers: Vec<String>,
    /// Whether this incarnation bought the name, so that its zone is the one that RegisterDomain made.
    pub bought: bool,
    /// Key of the watch to sleep on, while pending.
    pub watch_key: Option<String>,
    /// What a person has to do.
    pub actions: Vec<String>,
}

/// Input of `create-zone`.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct CreateZoneInput {
    /// The normalised request.
    pub request: Request,
    /// The caller reference is hashed from it.
    pub incarnation: String,
    /// Name servers at the registry; empty where the name is not registered in this account.
    pub name_servers: Vec<String>,
    /// Whether this incarnation bought the name.
    pub bought: bool,
    /// The zone of an earlier run.
    pub hosted_zone_id: Option<String>,
    /// The zone around the name, as the plan found it; nothing for a name that has a zone of its own.
    pub enclosing_zone_id: Option<String>,
    /// Keys of tags that are not wanted any more.
    pub former_tags: Vec<String>,
}

/// Output of `create-zone`.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct CreateZoneOutput {
    /// The zone's id, without `/hostedzone/`.
    pub hosted_zone_id: String,
    /// False: the zone is one around the name, which serves others too; it is neither tagged nor ever deleted.
    pub zone_owned: bool,
    /// The zone's name servers.
    pub name_servers: Vec<String>,
    /// False: the name is registered in this account, its registry names other servers, and the request wants that
    /// corrected.
    pub delegated: bool,
    /// What a person has to do: set the name servers at the registrar.
    pub actions: Vec<String>,
}

/// Input of `correct-delegation`.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct CorrectDelegationInput {
    /// The normalised request.
    pub request: Request,
    /// ARN of this execution: it must hold the claim when the registry is changed.
    pub execution: String,
    /// Name servers of the hosted zone: what the registry is to name.
    pub name_servers: Vec<String>,
    /// When this run was planned, in seconds since 1970: a change since then is this run's.
    pub planned_at: i64,
}

/// Output of `correct-delegation`: it comes back once the registry names the zone's servers.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct CorrectDelegationOutput {
    /// Name servers at the registry.
    pub name_servers: Vec<String>,
}

/// Input of `write-records`.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct WriteRecordsInput {
    /// The normalised request.
    pub request: Request,
    /// ARN of this execution: it must hold the claim when it says which records are ours.
    pub execution: String,
    /// The zone to write to.
    pub hosted_zone_id: String,
    /// The certificate's records that are known from earlier runs: not to be written over.
    pub validation_records: Vec<ValidationRecord>,
    /// Host names that go after the records are written.
    pub dropped_hostnames: Vec<String>,
}

/// Output of `write-records`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct WriteRecordsOutput {
    /// How many records this call made, changed or removed.
    pub written: usize,
    /// Records of ours at host names of the request: they go in the change that writes the alias records.
    pub yielding: Vec<RecordSet>,
    /// What a person has to do: look at records that were left.
    pub actions: Vec<String>,
}

/// Input of `request-cert`.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RequestCertInput {
    /// The normalised request.
    pub request: Request,
    /// ARN of this execution: it must hold the claim when it begins to wait.
    pub execution: String,
    /// The idempotency token is hashed from it.
    pub incarnation: String,
    /// The certificate of an earlier run or turn.
    pub certificate_arn: Option<String>,
    /// Whether the name was bought in this very execution, so that no older certificate can exist.
    pub fresh: bool,
    /// Whether this is the first turn: then our other certificates are looked for even if the recorded one fits.
    pub first_turn: bool,
    /// When this run was planned, in seconds since 1970: what was requested before belongs to an earlier one.
    pub planned_at: i64,
    /// Seconds since 1970 at which waiting ends at the latest; the first turn may bring it closer.
    pub deadline: i64,
    /// Keys of tags that are not wanted any more.
    pub former_tags: Vec<String>,
    /// Whether an earlier turn of this execution had the mails sent again.
    pub emails_resent: bool,
}

/// Where a certificate stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum CertificateStatus {
    /// It can be used.
    Issued,
    /// ACM waits for its records, or for clicks.
    Pending,
}

/// Output of `request-cert`.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RequestCertOutput {
    /// The certificate's ARN.
    pub certificate_arn: String,
    /// Where it stands.
    pub status: CertificateStatus,
    /// The records that it needs, each once, in order of name. None where ACM asks by e-mail.
    pub validation_records: Vec<ValidationRecord>,
    /// Who is asked by e-mail, where that is how ACM validates.
    pub certificate_validation: Option<CertificateValidation>,
    /// Key of the watch to sleep on, while pending.
    pub watch_key: Option<String>,
    /// Seconds since 1970 at which waiting ends: the deadline of the next turn.
    pub deadline: i64,
    /// ARNs of our other certificates of the domain, which are needed no more once this one is in their place.
    pub replaced: Vec<String>,
    /// Whether this execution has had the mails sent again, in this turn or an earlier one.
    pub emails_resent: bool,
    /// What a person has to do: set the records in a DNS of his own, or click links in mails.
    pub actions: Vec<String>,
}

/// Input of `write-validation-records`.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct WriteValidationRecordsInput {
    /// The normalised request.
    pub request: Request,
    /// The zone to write to.
    pub hosted_zone_id: String,
    /// What to write.
    pub validation_records: Vec<ValidationRecord>,
    /// Whether an earlier turn of this execution wrote them: then they are looked at before they are written again.
    pub written_before: bool,
    /// Whether the name was bought in this very execution, so that nobody can have written them yet.
    pub fresh: bool,
}

/// Output of `write-validation-records`.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct WriteValidationRecordsOutput {
    /// How many records this call wrote.
    pub written: usize,
}

/// Input of `attach-domain`.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct AttachDomainInput {
    /// The normalised request.
    pub request: Request,
    /// The API to map.
    pub api_id: String,
    /// The stage to map.
    pub stage: String,
    /// Its kind.
    pub protocol: Protocol,
    /// The zone for the alias records; not used where the customer's own DNS answers.
    pub hosted_zone_id: Option<String>,
    /// The issued certificate.
    pub certificate_arn: String,
    /// Whether the name was bought in this very execution, so that nothing of the sort can exist yet.
    pub fresh: bool,
    /// Name servers that a person was told to set, in normal form; none where nobody was.
    pub awaited_servers: Vec<String>,
    /// Keys of tags that are not wanted any more.
    pub former_tags: Vec<String>,
    /// Host names that an earlier run has led here: their alias records are ours, and so is their root mapping, whichever
    /// API it leads to.
    pub recorded: Vec<String>,
    /// Records that an earlier request had written at host names of this one: they are ours as long as they are so.
    pub yielding: Vec<RecordSet>,
}

/// Output of `attach-domain`.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct AttachDomainOutput {
    /// `https://` or `wss://`, and the main host name.
    pub api_endpoint: String,
    /// The same for each further host name.
    pub alternative_endpoints: Vec<String>,
    /// Seconds since 1970 until which certificates that are used no more are waited for.
    pub release_deadline: i64,
    /// Route 53's ids of the changes that this call made to the zone, without `/change/`.
    pub change_ids: Vec<String>,
    /// Whether the DNS names the awaited servers: then nobody has to set them any more.
    pub delegated: bool,
    /// What a person has to do: point the host name here in a DNS of his own.
    pub actions: Vec<String>,
}

/// Input of `close-endpoint`.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct CloseEndpointInput {
    /// The normalised request.
    pub request: Request,
    /// The API whose default endpoint shall be closed.
    pub api_id: String,
    /// The certificate on the custom domains of the host names.
    pub certificate_arn: String,
    /// Route 53's ids of the changes by which this run pointed host names here.
    pub change_ids: Vec<String>,
}

/// Output of `close-endpoint`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct CloseEndpointOutput {
    /// Whether the default endpoint is closed now.
    pub closed: bool,
    /// What a person has to do, where it is not.
    pub actions: Vec<String>,
}

impl Quote {
    /// What `years` of registration cost, paid at once, in whole cents.
    pub fn total(&self, years: u8) -> Money {
        let amount = (self.registration.amount * f64::from(years) * 100.0).round() / 100.0;
        Money { amount, currency: self.registration.currency.clone() }
    }
}
