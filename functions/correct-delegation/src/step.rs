//! `correct-delegation`: points the registry of a name of this account to its hosted zone. Only a request with
//! `"nameServers": "correct"` leads here.
//!
//! Reads: GetDomainDetail; where it shows other servers, the domain item and ListOperations (UPDATE_NAMESERVER).
//! Writes, in this order: the intent to change; UpdateDomainNameservers; the operation's id.
//! Token: UpdateDomainNameservers takes none. In its place the intent says that a change may have been sent: while
//! there is one, nothing is sent before AWS has been asked, and has had time to list it ([`SETTLING_SECS`]). AWS takes
//! no second change while one runs. The SDK does not repeat the call.
//! NotReady: the registry does not show the servers yet; a change of the name's servers runs, ours or not, or may have
//! been sent. Ten minutes of it end the run; started again, it finds the change and waits on.
//! Refused: the registry has DNSSEC keys of the name. Failed: AWS gave up on the change, or declined it. Busy: this execution does not hold the domain any more.
//! It must not know hosted zones, nor decide whether the delegation is to be corrected.

use nameplate::StepError;
use nameplate::contract::{CorrectDelegationInput, CorrectDelegationOutput};
use nameplate::domain::server_set;
use nameplate::function::runtime::SETTLING_SECS;
use nameplate::resource::hosted_zone;

use crate::ledger::{Intent, Ledger, Noted};
use crate::registry::{self, Answer, Operation};

/// How long before this run a change that still runs may have been submitted, in seconds.
const LONGEST_CHANGE_SECS: i64 = 7 * 24 * 3600;
/// How long after its intent a change that AWS has accepted may stay unlisted, and one that has succeeded unseen at the
/// registry, in seconds. Beyond it somebody has changed the servers since.
const SHOWN_WITHIN_SECS: i64 = 600;
/// How long after the intent UpdateDomainNameservers may still be sent, in seconds. Well within [`SETTLING_SECS`].
const SEND_WITHIN_SECS: i64 = 30;
const _: () = assert!(SEND_WITHIN_SECS < SETTLING_SECS && SETTLING_SECS < SHOWN_WITHIN_SECS);
/// How much earlier than the intent an operation may be dated, in seconds: the two clocks may differ.
const CLOCK_MARGIN_SECS: i64 = 300;

/// What the step calls.
#[derive(Clone)]
pub(crate) struct Clients {
    /// The intent.
    pub(crate) dynamodb: aws_sdk_dynamodb::Client,
    /// The registry.
    pub(crate) domains: aws_sdk_route53domains::Client,
}

/// What the template sets.
#[derive(Clone)]
pub(crate) struct Settings {
    /// The DynamoDB table.
    pub(crate) table: String,
    /// [`SETTLING_SECS`], or what fits waits that are scaled down.
    pub(crate) settling_secs: i64,
}

/// Points the registry to the zone's servers, and comes back once it names them. `clock` gives seconds since 1970.
///
/// # Errors
/// As the module says.
pub(crate) async fn run(
    clients: &Clients,
    settings: &Settings,
    input: CorrectDelegationInput,
    clock: fn() -> i64,
) -> Result<CorrectDelegationOutput, StepError> {
    let domain = input.request.domain_name.as_str();
    let wanted = server_set(input.name_servers.iter().map(String::as_str));
    let registry = registry::delegation(&clients.domains, domain).await?;
    if registry.servers == wanted {
        return Ok(CorrectDelegationOutput { name_servers: registry.servers });
    }
    if registry.signed {
        return Err(hosted_zone::signed(domain));
    }
    let ledger = Ledger { client: &clients.dynamodb, table: &settings.table, domain };
    // Before the operations: an attempt that begins after this look is noticed by the next write.
    let noted = ledger.read().await?;
    if noted.held_by.as_deref() != Some(input.execution.as_str()) {
        return Err(StepError::not_the_holder(domain, "change its name servers"));
    }
    let operations = registry::operations(&clients.domains, domain, input.planned_at - LONGEST_CHANGE_SECS).await?;
    let look = Look {
        domain,
        execution: &input.execution,
        planned_at: input.planned_at,
        wanted: &wanted,
        settling: settings.settling_secs,
        now: clock(),
    };
    match look.decide(&operations, noted.intent.as_ref()) {
        Next::Wait(operation) => Err(changing(domain, &operation)),
        Next::GiveUp(operation) => Err(change_failed(domain, operation, &wanted)),
        Next::AskAgain(error) => Err(error),
        Next::Send => Err(send(clients, &ledger, &look, &noted, clock).await?),
    }
}

/// What to do about a registry that names other servers.
#[derive(Debug, PartialEq)]
enum Next<'a> {
    /// A change runs, or has succeeded and is not shown yet.
    Wait(String),
    /// AWS gave up on the change of this run.
    GiveUp(&'a Operation),
    /// AWS has it, or may have it, and does not list it yet.
    AskAgain(StepError),
    /// AWS never got to know of it, or it ended long ago.
    Send,
}

/// What is decided from, beside what AWS lists and what the table says.
struct Look<'a> {
    domain: &'a str,
    execution: &'a str,
    planned_at: i64,
    wanted: &'a [String],
    settling: i64,
    now: i64,
}

impl Look<'_> {
    fn decide<'a>(&self, operations: &'a [Operation], intent: Option<&Intent>) -> Next<'a> {
        if let Some(running) = operations.iter().find(|operation| !operation.ended()) {
            return Next::Wait(running.id.clone());
        }
        // What ended before this run began says nothing about it.
        let of_this_run = operations.iter().filter(|one| one.submitted.is_none_or(|at| at >= self.planned_at));
        match of_this_run.max_by_key(|operation| operation.submitted) {
            Some(operation) if operation.succeeded() => return Next::Wait(operation.id.clone()),
            Some(operation) => return Next::GiveUp(operation),
            None => {}
        }
        let Some(intent) = intent else { return Next::Send };
        let age = self.now - intent.at;
        let led_to = operations.iter().filter(|operation| match &intent.operation {
            Some(id) => *id == operation.id,
            None => operation.submitted.is_some_and(|at| at >= intent.at - CLOCK_MARGIN_SECS),
        });
        match (led_to.max_by_key(|operation| operation.submitted), &intent.operation) {
            (Some(operation), _) => {
                let unseen = operation.succeeded() && intent.servers == self.wanted && age < SHOWN_WITHIN_SECS;
                if unseen { Next::Wait(operation.id.clone()) } else { Next::Send }
            }
            // This run has sent it, and does not send a second.
            (None, Some(id)) if age < SHOWN_WITHIN_SECS || intent.execution == self.execution => {
                Next::AskAgain(StepError::not_ready(
                    "OperationNotShown",
                    format!("AWS does not list the operation {id}, which changes the name servers of {}", self.domain),
                ))
            }
            (None, None) if age < self.settling => Next::AskAgain(self.settles()),
            (None, _) => Next::Send,
        }
    }

    fn settles(&self) -> StepError {
        StepError::not_ready(
            "DelegationSettling",
            format!("it is not clear yet whether an earlier attempt has changed the name servers of {}", self.domain),
        )
    }
}

/// Sends the change on a written intent, and says what to wait for: the registry shows it later.
async fn send(
    clients: &Clients,
    ledger: &Ledger<'_>,
    look: &Look<'_>,
    before: &Noted,
    clock: fn() -> i64,
) -> Result<StepError, StepError> {
    let intent =
        Intent { at: clock(), execution: look.execution.to_owned(), servers: look.wanted.to_vec(), operation: None };
    if !ledger.intend(&intent, before).await? {
        return outrun(ledger, look).await;
    }
    if clock() - intent.at > SEND_WITHIN_SECS {
        return Ok(look.settles());
    }
    tracing::info!(servers = ?intent.servers, "pointing the registry to the zone");
    match registry::update(&clients.domains, look.domain, &intent.servers).await {
        Answer::Accepted(Some(operation)) => {
            ledger.record_operation(&intent, &operation).await?;
            Ok(changing(look.domain, &operation))
        }
        // The next look shows which.
        Answer::Accepted(None) | Answer::InProgress => Ok(changing(look.domain, "another operation")),
        Answer::Declined(error) => {
            ledger.take_back(&intent).await?;
            Ok(error)
        }
        // The wait gives AWS the time to list the operation.
        Answer::Unclear(error) => Ok(StepError::not_ready(&error.code, error.reason)),
    }
}

/// Why the intent could not be written.
async fn outrun(ledger: &Ledger<'_>, look: &Look<'_>) -> Result<StepError, StepError> {
    if ledger.read().await?.held_by.as_deref() != Some(look.execution) {
        return Ok(StepError::not_the_holder(look.domain, "change its name servers"));
    }
    Ok(StepError::not_ready(
        "DelegationBegun",
        format!("another attempt of this execution has begun to change the name servers of {}", look.domain),
    ))
}

fn changing(domain: &str, operation: &str) -> StepError {
    StepError::not_ready(
        "DelegationChanging",
        format!(
            "the registry does not yet name the zone's servers for {domain} ({operation}); some registries take hours"
        ),
    )
}

fn change_failed(domain: &str, operation: &Operation, servers: &[String]) -> StepError {
    let servers: Vec<String> = servers.iter().map(|server| format!("Name={server}")).collect();
    StepError::failed(
        "DelegationChangeFailed",
        format!("Route 53 Domains gave up on changing the name servers of {domain}: operation {}", operation.id),
        format!(
            "read why with `aws route53domains get-operation-detail --region us-east-1 --operation-id {}`, remove the cause, then start the execution again; or set them with `aws route53domains update-domain-nameservers --region us-east-1 --domain-name {domain} --nameservers {}`",
            operation.id,
            servers.join(" ")
        ),
    )
}

#[cfg(test)]
mod crashes;
#[cfg(test)]
mod tests;
