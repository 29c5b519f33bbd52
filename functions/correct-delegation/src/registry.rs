//! Route 53 Domains, call by call: each answer in plain types, each special error code in its meaning.
//! It must not know the table, nor decide whether a change is sent.

use aws_sdk_route53domains::Client;
use aws_sdk_route53domains::config::retry::RetryConfig;
use aws_sdk_route53domains::primitives::DateTime;
use aws_sdk_route53domains::types::{Nameserver, OperationStatus, OperationSummary, OperationType};
use nameplate::domain::server_set;
use nameplate::error::{TOO_MANY_OPERATIONS, classify, code_of};
use nameplate::{Class, StepError};

/// Operations on one page of ListOperations: the most that it gives (AWS-FACTS 1.2.2).
const PAGE: i32 = 100;
/// The one call that changes something.
const UPDATE: &str = "route53domains:UpdateDomainNameservers";

/// A change of the name's servers, as AWS lists it.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Operation {
    pub(crate) id: String,
    pub(crate) status: OperationStatus,
    /// Seconds since 1970.
    pub(crate) submitted: Option<i64>,
}

impl Operation {
    /// Whether AWS is done with it. A status that is not known here is not taken for an end.
    pub(crate) fn ended(&self) -> bool {
        self.succeeded() || matches!(self.status, OperationStatus::Failed | OperationStatus::Error)
    }

    pub(crate) fn succeeded(&self) -> bool {
        self.status == OperationStatus::Successful
    }
}

/// What UpdateDomainNameservers came to.
#[derive(Debug, PartialEq)]
pub(crate) enum Answer {
    /// AWS is at it, under this operation id.
    Accepted(Option<String>),
    /// AWS was at a change of the name already (`DuplicateRequest`).
    InProgress,
    /// AWS declined before it changed anything.
    Declined(StepError),
    /// Nobody knows whether it takes effect.
    Unclear(StepError),
}

/// What the registry says of the name to resolvers.
#[derive(Debug, PartialEq)]
pub(crate) struct Delegation {
    /// In the form in which they are compared.
    pub(crate) servers: Vec<String>,
    /// Whether it has DNSSEC keys, so that resolvers take only signed answers.
    pub(crate) signed: bool,
}

pub(crate) async fn delegation(domains: &Client, domain: &str) -> Result<Delegation, StepError> {
    let answer = domains
        .get_domain_detail()
        .domain_name(domain)
        .send()
        .await
        .map_err(|error| classify("route53domains:GetDomainDetail", &error))?;
    Ok(Delegation {
        servers: server_set(answer.nameservers().iter().map(Nameserver::name)),
        signed: !answer.dnssec_keys().is_empty(),
    })
}

/// The changes of the name's servers since `since` (seconds since 1970), however they stand.
pub(crate) async fn operations(domains: &Client, domain: &str, since: i64) -> Result<Vec<Operation>, StepError> {
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

/// Sends the change. Once, whatever comes back.
pub(crate) async fn update(domains: &Client, domain: &str, servers: &[String]) -> Answer {
    let named: Result<Vec<_>, _> = servers.iter().map(|server| Nameserver::builder().name(server).build()).collect();
    let Ok(named) = named else {
        return Answer::Declined(StepError::failed(
            "Defect",
            "a name server has no name",
            "report this as a defect of Nameplate",
        ));
    };
    let once = aws_sdk_route53domains::config::Builder::new().retry_config(RetryConfig::disabled());
    let result = domains
        .update_domain_nameservers()
        .domain_name(domain)
        .set_nameservers(Some(named))
        .customize()
        .config_override(once)
        .send()
        .await;
    let error = match result {
        Ok(answer) => return Answer::Accepted(answer.operation_id.filter(|id| !id.is_empty())),
        Err(error) => error,
    };
    let failure = classify(UPDATE, &error);
    if error.raw_response().is_some_and(|response| response.status().as_u16() >= 500) {
        return Answer::Unclear(failure);
    }
    match code_of(&error) {
        Some("DuplicateRequest") => Answer::InProgress,
        Some(TOO_MANY_OPERATIONS) => Answer::Declined(failure),
        // Throttled requests are turned away before they are looked at.
        Some(code @ ("ThrottlingException" | "Throttling" | "TooManyRequestsException" | "RequestLimitExceeded")) => {
            Answer::Declined(StepError::not_ready(code, format!("{UPDATE} was throttled")))
        }
        Some("TLDRulesViolation") => Answer::Declined(StepError {
            remedy: "set the name servers as the top-level domain's rules ask, in the Route 53 console, then start the execution again".to_owned(),
            ..failure
        }),
        _ if failure.class == Class::Retryable => Answer::Unclear(failure),
        _ => Answer::Declined(failure),
    }
}
