//! What a run says of a registration: why it goes without one, and what a person has to do. It must not decide anything.

use nameplate::StepError;
use nameplate::contract::table;

use crate::registry::{self, Operation};

/// What the plan saw is not there.
pub(crate) fn not_shown(domain: &str) -> StepError {
    StepError::not_ready(
        "DomainNotShown",
        format!("AWS showed the registration of {domain} to the plan, and now does not"),
    )
}

/// AWS gave up on it.
pub(crate) fn registration_failed(domain: &str, operation: &Operation) -> StepError {
    StepError::failed(
        "RegistrationFailed",
        format!(
            "AWS did not register {domain} (operation {}, {}){}; {}",
            operation.id,
            operation.status.as_str(),
            registry::naming(&operation.named),
            registry::NOT_REPEATED
        ),
        format!(
            "read AWS's words: aws route53domains list-operations --region us-east-1 --query \"Operations[?OperationId=='{}'].Message\"; look at the operation in the Route 53 console under `Requests`, where AWS also says whether something was charged; remove the cause, then start the execution again, which may buy anew",
            operation.id
        ),
    )
}

/// It gave up on it in this execution.
pub(crate) fn failed_before(domain: &str) -> StepError {
    StepError::failed(
        "RegistrationFailed",
        format!("AWS did not register {domain} in this execution, which does not try a second time"),
        "look at the operation in the Route 53 console under `Requests`; remove the cause, then start the execution again, which may buy anew",
    )
}

/// AWS is still at it at the deadline.
pub(crate) fn too_late(domain: &str, operation: &Operation) -> StepError {
    StepError::failed(
        "RegistrationDeadline",
        format!(
            "AWS has not finished the registration of {domain} (operation {}, {}) in the time that the run waits",
            operation.id,
            operation.status.as_str()
        ),
        "look at the operation in the Route 53 console under `Requests` and answer what it waits for, or ask AWS Support; then start the execution again: it goes on waiting and buys nothing twice",
    )
}

/// The deadline passed before anything was bought.
pub(crate) fn too_late_to_buy(domain: &str) -> StepError {
    StepError::failed(
        "RegistrationDeadline",
        format!("the time in which this run may register {domain} has passed before it was bought"),
        "start the execution again",
    )
}

/// It was bought once and is here no more.
pub(crate) fn gone(domain: &str) -> StepError {
    StepError::failed(
        "RegistrationGone",
        format!("{domain} was bought by this stack and is not registered in this account any more"),
        format!(
            "if it was moved, drop `registration` from the request; to buy it again, remove the attributes {}, {} and {} from the item `{}` of the stack's table and start again",
            table::domain::PURCHASE_INTENT,
            table::domain::PURCHASE_OPERATION,
            table::domain::PURCHASE_PRICE,
            table::domain_key(domain)
        ),
    )
}

/// What a person has to do about a registration that stands.
pub(crate) fn registered_actions(domain: &str, email_confirmed: Option<bool>, suspended: bool) -> Vec<String> {
    let mut actions = Vec::new();
    if email_confirmed == Some(false) {
        actions.push(format!(
            "Confirm the registrant's e-mail address of {domain}: open the link in the mail from noreply@registrar.amazon. \
             Otherwise the name is suspended after about 15 days and disappears from DNS. \
             To have the mail sent again: aws route53domains resend-contact-reachability-email --region us-east-1 --domain-name {domain}"
        ));
    }
    if suspended {
        actions.push(format!(
            "{domain} is suspended (clientHold) and does not answer in DNS: confirm the registrant's e-mail address, \
             or open a support case if it is confirmed"
        ));
    }
    actions
}

/// What a person has to do about a registration that waits for one (AWS-FACTS 1.2.5).
pub(crate) fn waiting_action(domain: &str, flag: &str) -> String {
    let what = match flag {
        "PENDING_ACCEPTANCE" => "it waits to be accepted by the receiving account: accept it in the Route 53 console",
        "PENDING_CUSTOMER_ACTION" => "it waits for you: answer the mail that AWS sent to the registrant",
        "PENDING_AUTHORIZATION" => {
            "it waits for an authorization: follow the link in the mail that AWS sent to the registrant"
        }
        "PENDING_PAYMENT_VERIFICATION" => {
            "it waits for the payment method to be verified: check it in the Billing console"
        }
        "PENDING_SUPPORT_CASE" => "it waits for a support case: answer it in the AWS Support Center",
        _ => "it waits for you: look at it in the Route 53 console under `Requests`",
    };
    format!("The registration of {domain} has not ended ({flag}); {what}.")
}
