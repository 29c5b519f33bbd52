//! `correct-delegation`: points the registry of a name of this account to its hosted zone. Only a request with
//! `"nameServers": "correct"` leads here.
//!
//! Reads: GetDomainDetail; where it shows other servers, ListOperations (UPDATE_NAMESERVER).
//! Writes: UpdateDomainNameservers, once in a run. It is asynchronous, and takes no token: what was sent is known by
//! its operation, which is looked for before anything is sent, and AWS takes no second change while one runs.
//! The SDK does not repeat the call. An unclear answer is `NotReady`, so that the operation shows by the next look.
//! NotReady: the registry does not show the servers yet; a change of the name's servers runs, ours or not. Ten
//! minutes of it end the run; started again, it finds the change and waits on.
//! Failed: AWS gave up on the change, or declined it.
//! It must not know hosted zones, nor decide whether the delegation is to be corrected.

use aws_sdk_route53domains::Client;
use aws_sdk_route53domains::config::retry::RetryConfig;
use aws_sdk_route53domains::primitives::DateTime;
use aws_sdk_route53domains::types::{Nameserver, OperationStatus, OperationSummary, OperationType};
use nameplate::contract::{CorrectDelegationInput, CorrectDelegationOutput};
use nameplate::error::{classify, code_of};
use nameplate::{Class, StepError};

/// Operations on one page of ListOperations: the most that it gives (AWS-FACTS 1.2).
const PAGE: i32 = 100;
/// How long before this run a change that still runs may have been submitted, in seconds.
const LONGEST_CHANGE_SECS: i64 = 7 * 24 * 3600;
/// The one call that changes something.
const UPDATE: &str = "route53domains:UpdateDomainNameservers";

/// What the step calls.
#[derive(Clone)]
pub(crate) struct Clients {
    /// The registry.
    pub(crate) domains: Client,
}

/// A change of the name's servers, as AWS lists it.
#[derive(Clone, Debug, PartialEq)]
struct Operation {
    id: String,
    status: OperationStatus,
    /// Seconds since 1970.
    submitted: Option<i64>,
}

/// What to do about a registry that names other servers.
#[derive(Debug, PartialEq)]
enum Next<'a> {
    /// A change runs, or has succeeded and is not shown yet.
    Wait(&'a Operation),
    /// AWS gave up on the change of this run.
    GiveUp(&'a Operation),
    /// Nothing was sent in this run, and nothing runs.
    Send,
}

/// Points the registry to the zone's servers, and comes back once it names them.
///
/// # Errors
/// As the module says.
pub(crate) async fn run(
    clients: &Clients,
    input: CorrectDelegationInput,
) -> Result<CorrectDelegationOutput, StepError> {
    let domain = input.request.domain_name.as_str();
    let wanted = server_set(input.name_servers.iter().map(String::as_str));
    let registry = servers_at_the_registry(&clients.domains, domain).await?;
    if registry == wanted {
        return Ok(CorrectDelegationOutput { name_servers: registry });
    }
    let operations = operations(&clients.domains, domain, input.planned_at - LONGEST_CHANGE_SECS).await?;
    match decide(&operations, input.planned_at) {
        Next::Wait(operation) => Err(changing(domain, &operation.id)),
        Next::GiveUp(operation) => Err(change_failed(domain, operation, &wanted)),
        Next::Send => Err(send(&clients.domains, domain, &wanted).await?),
    }
}

/// Decides from the changes that AWS lists. One that ended before this run began says nothing about it.
fn decide(operations: &[Operation], planned_at: i64) -> Next<'_> {
    let ended = |operation: &&Operation| {
        matches!(operation.status, OperationStatus::Successful | OperationStatus::Failed | OperationStatus::Error)
    };
    if let Some(running) = operations.iter().find(|operation| !ended(operation)) {
        return Next::Wait(running);
    }
    let of_this_run = operations.iter().filter(|operation| operation.submitted.is_none_or(|at| at >= planned_at));
    match of_this_run.max_by_key(|operation| operation.submitted) {
        Some(operation) if operation.status == OperationStatus::Successful => Next::Wait(operation),
        Some(operation) => Next::GiveUp(operation),
        None => Next::Send,
    }
}

/// The registry's servers in the form in which they are compared: lower case, no dot, sorted, each once.
async fn servers_at_the_registry(domains: &Client, domain: &str) -> Result<Vec<String>, StepError> {
    let answer = domains
        .get_domain_detail()
        .domain_name(domain)
        .send()
        .await
        .map_err(|error| classify("route53domains:GetDomainDetail", &error))?;
    Ok(server_set(answer.nameservers().iter().map(Nameserver::name)))
}

fn server_set<'a>(servers: impl Iterator<Item = &'a str>) -> Vec<String> {
    let mut set: Vec<String> = servers.map(|server| server.trim_end_matches('.').to_ascii_lowercase()).collect();
    set.sort();
    set.dedup();
    set
}

/// The changes of the name's servers since `since` (seconds since 1970), however they stand.
async fn operations(domains: &Client, domain: &str, since: i64) -> Result<Vec<Operation>, StepError> {
    let found = domains
        .list_operations()
        .submitted_since(DateTime::from_secs(since))
        .r#type(OperationType::UpdateNameserver)
        .max_items(PAGE)
        .into_paginator()
        .items()
        .send()
        .collect::<Result<Vec<OperationSummary>, _>>()
        .await
        .map_err(|error| classify("route53domains:ListOperations", &error))?;
    let about_it = |found: &OperationSummary| {
        found.r#type() == Some(&OperationType::UpdateNameserver)
            && found.domain_name().is_some_and(|name| name.trim_end_matches('.').eq_ignore_ascii_case(domain))
    };
    Ok(found
        .into_iter()
        .filter(about_it)
        .filter_map(|found| {
            let submitted = found.submitted_date.map(|date| date.secs());
            Some(Operation { id: found.operation_id?, status: found.status?, submitted })
        })
        .collect())
}

/// Sends the change, and says what to wait for: the registry shows it later.
async fn send(domains: &Client, domain: &str, servers: &[String]) -> Result<StepError, StepError> {
    let servers = servers
        .iter()
        .map(|server| Nameserver::builder().name(server).build())
        .collect::<Result<Vec<_>, _>>()
        .map_err(|_| {
            StepError::failed("Defect", "a name server has no name", "report this as a defect of Nameplate")
        })?;
    tracing::info!(?servers, "pointing the registry to the zone");
    let once = aws_sdk_route53domains::config::Builder::new().retry_config(RetryConfig::disabled());
    let result = domains
        .update_domain_nameservers()
        .domain_name(domain)
        .set_nameservers(Some(servers))
        .customize()
        .config_override(once)
        .send()
        .await;
    let error = match result {
        Ok(answer) => return Ok(changing(domain, answer.operation_id().unwrap_or("an operation without id"))),
        Err(error) => error,
    };
    let failure = classify(UPDATE, &error);
    match code_of(&error) {
        // Sent before, or another operation on the name runs: either way the next look shows which.
        Some("DuplicateRequest") => Ok(changing(domain, "another operation")),
        Some("OperationLimitExceeded") => Ok(StepError::not_ready(
            "OperationLimitExceeded",
            format!("{UPDATE}: too many operations run in this account at once"),
        )),
        Some("TLDRulesViolation") => Err(StepError {
            remedy: "set the name servers as the top-level domain's rules ask, in the Route 53 console, then start the execution again".to_owned(),
            ..failure
        }),
        // Nobody knows whether it took effect. The wait gives AWS the time to show the operation.
        _ if failure.class == Class::Retryable => Ok(StepError::not_ready(&failure.code, failure.reason)),
        _ => Err(failure),
    }
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
mod tests {
    use super::*;
    use aws_sdk_route53domains::operation::get_domain_detail::GetDomainDetailOutput;
    use aws_sdk_route53domains::operation::list_operations::ListOperationsOutput;
    use aws_sdk_route53domains::operation::update_domain_nameservers::UpdateDomainNameserversOutput;
    use aws_smithy_mocks::{Rule, RuleMode, mock, mock_client};
    use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
    use aws_smithy_runtime_api::http::StatusCode;
    use aws_smithy_types::body::SdkBody;
    use nameplate::Request;
    use serde_json::json;

    const PLANNED_AT: i64 = 1_800_000_000;
    const OURS: [&str; 2] = ["ns-1.awsdns-01.com", "ns-2.awsdns-02.net"];

    fn input() -> CorrectDelegationInput {
        let request = json!({
            "domainName": "example.com",
            "nameServers": "correct",
            "api": {"routes": [{"route": "GET /", "url": "https://backend.example.net/"}]},
        });
        CorrectDelegationInput {
            request: Request::parse(&request).expect("a valid request"),
            name_servers: OURS.map(str::to_owned).to_vec(),
            planned_at: PLANNED_AT,
        }
    }

    fn detail(servers: &[&str]) -> Rule {
        let servers: Vec<Nameserver> =
            servers.iter().map(|name| Nameserver::builder().name(*name).build().expect("a name")).collect();
        mock!(Client::get_domain_detail)
            .then_output(move || GetDomainDetailOutput::builder().set_nameservers(Some(servers.clone())).build())
    }

    /// One change for `domain`, submitted so long after the plan.
    fn summary(domain: &str, status: OperationStatus, after: i64) -> OperationSummary {
        OperationSummary::builder()
            .operation_id("op-1")
            .r#type(OperationType::UpdateNameserver)
            .domain_name(domain)
            .status(status)
            .submitted_date(DateTime::from_secs(PLANNED_AT + after))
            .build()
    }

    fn lists(operations: Vec<OperationSummary>) -> Rule {
        mock!(Client::list_operations)
            .match_requests(|request| {
                request.r#type() == [OperationType::UpdateNameserver]
                    && request.submitted_since().map(DateTime::secs) == Some(PLANNED_AT - LONGEST_CHANGE_SECS)
            })
            .then_output(move || ListOperationsOutput::builder().set_operations(Some(operations.clone())).build())
    }

    fn refuses(status: u16, code: &'static str) -> Rule {
        mock!(Client::update_domain_nameservers).then_http_response(move || {
            let body = json!({"__type": code, "message": "because"}).to_string();
            HttpResponse::new(StatusCode::try_from(status).expect("a status"), SdkBody::from(body))
        })
    }

    async fn go(rules: &[&Rule]) -> Result<CorrectDelegationOutput, StepError> {
        let clients = Clients { domains: mock_client!(aws_sdk_route53domains, RuleMode::MatchAny, rules) };
        run(&clients, input()).await
    }

    #[tokio::test]
    async fn a_registry_that_names_the_servers_in_its_own_spelling_is_left_alone() {
        let output = go(&[&detail(&["NS-2.awsdns-02.net.", "ns-1.awsdns-01.com"])]).await.expect("delegated");
        assert_eq!(output.name_servers, OURS);
    }

    #[tokio::test]
    async fn the_servers_are_set_once_and_then_awaited() {
        let update = mock!(Client::update_domain_nameservers)
            .match_requests(|request| {
                request.domain_name() == Some("example.com")
                    && request.nameservers().iter().map(Nameserver::name).eq(OURS)
            })
            .then_output(|| UpdateDomainNameserversOutput::builder().operation_id("op-1").build());
        // An operation of another name, and one that ended before this run.
        let old = vec![
            summary("example.org", OperationStatus::InProgress, 1),
            summary("example.com", OperationStatus::Failed, -1),
            summary("example.com", OperationStatus::Successful, -5),
        ];
        let error = go(&[&detail(&["ns.example.net"]), &lists(old), &update]).await.expect_err("not yet");
        assert_eq!((error.class, error.code.as_str()), (Class::NotReady, "DelegationChanging"));
        assert!(error.reason.contains("op-1"), "{error}");
        assert_eq!(update.num_calls(), 1);
    }

    #[tokio::test]
    async fn a_change_that_was_sent_is_never_sent_again() {
        for (status, after) in [
            (OperationStatus::Submitted, -3600),
            (OperationStatus::InProgress, 0),
            (OperationStatus::Successful, 0),
            (OperationStatus::from("PAUSED"), 0),
        ] {
            let listed = lists(vec![summary("example.com", status.clone(), after)]);
            let error = go(&[&detail(&["ns.example.net"]), &listed]).await.expect_err("not yet");
            assert_eq!((error.class, error.code.as_str()), (Class::NotReady, "DelegationChanging"), "{status}");
        }
    }

    #[tokio::test]
    async fn a_change_of_this_run_that_failed_ends_it() {
        for status in [OperationStatus::Failed, OperationStatus::Error] {
            let listed = lists(vec![summary("example.com", status, 0)]);
            let error = go(&[&detail(&["ns.example.net"]), &listed]).await.expect_err("failed");
            assert_eq!((error.class, error.code.as_str()), (Class::Failed, "DelegationChangeFailed"));
            assert!(error.remedy.contains("--operation-id op-1") && error.remedy.contains("Name=ns-1."), "{error}");
        }
    }

    #[tokio::test]
    async fn every_unclear_answer_is_sent_once_and_looked_after_later() {
        for (status, code, said) in [
            (500, "InternalFailure", "InternalFailure"),
            (400, "ThrottlingException", "ThrottlingException"),
            (400, "DuplicateRequest", "DelegationChanging"),
            (400, "OperationLimitExceeded", "OperationLimitExceeded"),
        ] {
            let update = refuses(status, code);
            let error = go(&[&detail(&["ns.example.net"]), &lists(vec![]), &update]).await.expect_err("unclear");
            assert_eq!((error.class, error.code.as_str()), (Class::NotReady, said));
            assert_eq!(update.num_calls(), 1, "{code}");
        }
    }

    #[tokio::test]
    async fn what_aws_declines_is_final_and_says_what_to_do() {
        for (code, word) in [("TLDRulesViolation", "rules"), ("InvalidInput", "AWS names"), ("AccessDenied", "role")] {
            let update = refuses(400, code);
            let error = go(&[&detail(&["ns.example.net"]), &lists(vec![]), &update]).await.expect_err("declined");
            assert_eq!((error.class, error.code.as_str()), (Class::Failed, code));
            assert!(error.remedy.contains(word), "{error}");
            assert_eq!(update.num_calls(), 1);
        }
    }
}
