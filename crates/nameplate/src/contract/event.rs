//! The events that Nameplate publishes, all of source [`SOURCE`]: the details by which others are told.
//! It must not know who publishes them: the state machine does, and `poll-registrations`.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::contract::result::RetireResult;
use crate::contract::result::{ProvisionResult, RegistrationView};
use crate::request::VERSION;

/// The source of every event.
pub const SOURCE: &str = "nameplate";

/// An event by its detail-type.
pub trait Event {
    /// EventBridge's `detail-type`.
    const DETAIL_TYPE: &'static str;
}

/// `Default Endpoint Live`: the API answers on API Gateway's own address, while the name is on its way. Not published
/// where that address is closed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct DefaultEndpointLive {
    /// Of this contract: 1.
    pub version: u32,
    /// The domain, in A-labels.
    pub domain_name: String,
    /// ARN of the execution.
    pub execution_arn: String,
    /// Id of the API in API Gateway.
    pub api_id: String,
    /// API Gateway's own address of the API.
    pub default_endpoint: String,
}

/// `Domain Registered`: the name was bought and is registered in this account.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct DomainRegistered {
    /// Of this contract: 1.
    pub version: u32,
    /// The domain, in A-labels.
    pub domain_name: String,
    /// ARN of the execution.
    pub execution_arn: String,
    /// The registration, with the price that was paid.
    pub registration: RegistrationView,
    /// Name servers at the registry.
    pub name_servers: Vec<String>,
}

/// `Action Required`: there is something that only a person can do. A run that waits for it goes on by itself once it is
/// done; another one ends, and what it says then stays in the result until it is seen to be done.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ActionRequired {
    /// Of this contract: 1.
    pub version: u32,
    /// The domain, in A-labels.
    pub domain_name: String,
    /// ARN of the execution that found it.
    pub execution_arn: String,
    /// What to do, with exact values; the same that the result lists.
    pub actions: Vec<String>,
}

/// `Domain Live`: the API answers under its name.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct DomainLive {
    /// The output of the execution.
    #[serde(flatten)]
    pub result: ProvisionResult,
    /// ARN of the execution.
    pub execution_arn: String,
}

/// `Domain Failed`: an execution ended without its result. What was made stays, and a new start goes on from it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct DomainFailed {
    /// Of this contract: 1.
    pub version: u32,
    /// The domain as the request names it. Null where it names none.
    pub domain_name: Option<String>,
    /// ARN of the execution.
    pub execution_arn: String,
    /// The kind of failure, such as `Nameplate.Refused`.
    pub error: String,
    /// The failure's own name, such as `PriceOverCap`.
    pub code: String,
    /// What is wrong, with names and values.
    pub reason: String,
    /// What to do about it.
    pub remedy: String,
    /// The state in which it happened.
    pub state: String,
}

/// `Domain Registration Completed` and `Domain Registration Failed`: AWS has ended an operation that registers a name
/// for this stack. Only a wake-up; `Domain Registered` tells what came of it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct RegistrationEnded {
    /// Of this contract: 1.
    pub version: u32,
    /// The domain, in A-labels.
    pub domain_name: String,
    /// Route 53 Domains' id of the operation.
    pub operation_id: String,
    /// Its status in Route 53 Domains, such as `SUCCESSFUL`.
    pub status: String,
}

impl RegistrationEnded {
    /// The detail-type of an operation that succeeded.
    pub const COMPLETED: &'static str = "Domain Registration Completed";
    /// The detail-type of one that did not.
    pub const FAILED: &'static str = "Domain Registration Failed";

    /// The event about an operation that has ended.
    pub fn new(domain_name: &str, operation_id: &str, status: &str) -> Self {
        Self {
            version: VERSION,
            domain_name: domain_name.to_owned(),
            operation_id: operation_id.to_owned(),
            status: status.to_owned(),
        }
    }
}

/// `Domain Retired`: what was made for a domain is gone, as far as it may go.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct DomainRetired {
    /// The output of the execution.
    #[serde(flatten)]
    pub result: RetireResult,
    /// ARN of the execution.
    pub execution_arn: String,
}

impl Event for ActionRequired {
    const DETAIL_TYPE: &'static str = "Action Required";
}

impl Event for DefaultEndpointLive {
    const DETAIL_TYPE: &'static str = "Default Endpoint Live";
}

impl Event for DomainRegistered {
    const DETAIL_TYPE: &'static str = "Domain Registered";
}

impl Event for DomainLive {
    const DETAIL_TYPE: &'static str = "Domain Live";
}

impl Event for DomainFailed {
    const DETAIL_TYPE: &'static str = "Domain Failed";
}

impl Event for DomainRetired {
    const DETAIL_TYPE: &'static str = "Domain Retired";
}
