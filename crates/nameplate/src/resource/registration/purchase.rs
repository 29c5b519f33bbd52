//! What makes a purchase possible or not: availability, price, budget, and a readable contact.
//! The plan asks it before anything is made, `register` before money moves. Pure; it must not know the SDK.

use crate::error::StepError;
use crate::request::{Money, RecordType, Registration, Request};
use crate::resource::registration::contact::Contact;
use crate::secret::SecretString;

/// The request's field that names the secret.
const CONTACT_FIELD: &str = "registration.contactSecret";

/// Reads the stack's budget: a plain amount of USD.
///
/// # Errors
/// A sentence naming the variable, for whatever is no amount; an unreadable budget must not buy.
pub fn budget(text: &str) -> Result<f64, String> {
    text.parse()
        .ok()
        .filter(|amount: &f64| amount.is_finite() && *amount >= 0.0)
        .ok_or_else(|| format!("the environment variable NAMEPLATE_BUDGET_USD is `{text}`, which is no amount of USD"))
}

/// Holds a price for all years against the request's cap and the stack's budget; the smaller one rules.
///
/// # Errors
/// `Refused`, naming both amounts.
pub fn check_price(registration: &Registration, price: &Money, budget_usd: f64) -> Result<(), StepError> {
    let cap = &registration.max_price;
    // The budget is in USD, and the request takes no other cap.
    if price.currency != cap.currency {
        return Err(StepError::refused(
            "PriceCurrency",
            format!("the price is in {}, the cap in {}", price.currency, cap.currency),
            format!("give registration.maxPrice in {}", price.currency),
        ));
    }
    let asked = format!("{} year(s) cost {:.2} {}", registration.years, price.amount, price.currency);
    if !within(price.amount, cap.amount) {
        return Err(StepError::refused(
            "PriceOverCap",
            format!("registration.maxPrice: {asked}, more than the cap of {:.2}", cap.amount),
            format!(
                "raise registration.maxPrice to {:.2} if you accept the price, or ask for fewer years",
                price.amount
            ),
        ));
    }
    if !within(price.amount, budget_usd) {
        return Err(StepError::refused(
            "PriceOverBudget",
            format!("{asked}, more than the stack's registration budget of {budget_usd:.2} USD"),
            "deploy the stack with a larger RegistrationBudgetUsd; its default 0 buys nothing",
        ));
    }
    Ok(())
}

/// A name that is bought in this run has no mailboxes that ACM could ask, unless the request brings the mail servers
/// that have them (AWS-FACTS 3.2.10).
///
/// # Errors
/// `Refused`, naming the mailboxes.
pub fn check_mailboxes(request: &Request) -> Result<(), StepError> {
    let Some(asked) = request.validation_domain() else { return Ok(()) };
    let takes_mail = |value: &String| !value.ends_with(" .");
    let mail_servers = request.records.iter().filter(|record| record.kind == RecordType::Mx);
    if mail_servers.into_iter().any(|record| record.name.as_str() == asked && record.values.iter().any(takes_mail)) {
        return Ok(());
    }
    Err(StepError::refused(
        "NoMailboxes",
        format!(
            "certificate.validation: ACM would ask by mail to admin@{asked} and four other mailboxes there, and {} is only bought now, so that nobody gets the mail",
            request.domain_name
        ),
        format!(
            "use `\"validation\": \"DNS\"`; or add to `records` the MX record of {asked}, whose mail servers have one of the mailboxes admin, administrator, hostmaster, postmaster and webmaster"
        ),
    ))
}

/// Whether a price is an amount of money and no more than `bound`, in whole cents: sums of binary fractions
/// are off by less.
fn within(price: f64, bound: f64) -> bool {
    price.is_finite() && price >= 0.0 && (price * 100.0).round() <= (bound * 100.0).round()
}

/// Whether the answer of CheckDomainAvailability lets the name be bought: only `AVAILABLE` does (AWS-FACTS 1.2.3).
///
/// # Errors
/// `Refused` when the name cannot be bought, `Retryable` and `NotReady` while the registry cannot say.
pub fn check_availability(domain: &str, availability: Option<&str>) -> Result<(), StepError> {
    let (code, reason) = match availability {
        Some("AVAILABLE") => return Ok(()),
        None | Some("PENDING") => {
            return Err(StepError::retryable(
                "PENDING",
                format!("the registry is slow to say whether {domain} is available"),
            ));
        }
        Some("DONT_KNOW") => {
            return Err(StepError::not_ready(
                "DONT_KNOW",
                format!("the registry did not say whether {domain} is available"),
            ));
        }
        Some("UNAVAILABLE") => ("NameUnavailable", "is registered already, and not in this account"),
        Some("UNAVAILABLE_PREMIUM") => ("NamePremium", "is a premium name, which Route 53 Domains does not sell"),
        Some("UNAVAILABLE_RESTRICTED") => ("NameRestricted", "is restricted by its registry"),
        Some("RESERVED") => ("NameReserved", "is reserved by its registry"),
        Some("AVAILABLE_RESERVED") => ("NameReserved", "is available but reserved under conditions of its registry"),
        Some("AVAILABLE_PREORDER") => ("NamePreorder", "can only be pre-ordered"),
        Some("INVALID_NAME_FOR_TLD") => ("InvalidNameForTld", "breaks a rule of its top-level domain"),
        Some(_) => ("NameUnavailable", "cannot be registered"),
    };
    Err(StepError::refused(
        code,
        format!("the name {domain} {reason}"),
        "choose another name; if the name is yours at another registrar or in another account, leave `registration` out",
    ))
}

/// What an error code of CheckDomainAvailability or ListPrices means for the name, where it means something special.
pub fn registry_error(domain: &str, code: Option<&str>) -> Option<StepError> {
    match code? {
        "UnsupportedTLD" => Some(unsupported_tld(domain)),
        "TLDInMaintenance" => Some(StepError::not_ready(
            "TLDInMaintenance",
            format!("the registry of {domain}'s top-level domain is under maintenance"),
        )),
        "InvalidInput" => Some(StepError::refused(
            "InvalidInput",
            format!("Route 53 Domains does not take the name {domain}"),
            "check the rules of its top-level domain in the Route 53 Developer Guide, or choose another name",
        )),
        _ => None,
    }
}

/// Route 53 Domains has no price for the name's top-level domain.
pub fn unsupported_tld(domain: &str) -> StepError {
    StepError::refused(
        "UnsupportedTLD",
        format!("Route 53 Domains does not sell names like {domain}"),
        "register the name elsewhere and leave `registration` out, or choose another top-level domain",
    )
}

/// What an error code of GetSecretValue means for the secret `name`, where it means something special.
pub fn secret_error(name: &str, code: Option<&str>) -> Option<StepError> {
    let (problem, remedy) = match code? {
        "ResourceNotFoundException" => (
            "does not exist",
            "create it with `aws secretsmanager create-secret`; the README shows the contact's fields",
        ),
        "AccessDeniedException" => {
            ("may not be read by the function", "give it a name that starts with the stack's ContactSecretPrefix")
        }
        "DecryptionFailure" => {
            ("cannot be decrypted", "let the function's role use its KMS key, or store it with the default key")
        }
        "InvalidRequestException" => {
            ("is not readable now, for example marked for deletion", "restore it or name another secret")
        }
        "InvalidParameterException" | "ValidationException" => {
            ("has no valid name", "give the name or ARN of a secret")
        }
        _ => return None,
    };
    Some(unreadable(name, problem, remedy))
}

/// The contact in the secret `name`, whose text this is.
///
/// # Errors
/// `InvalidRequest`, naming the secret and the field, never what it holds.
pub fn contact(name: &str, text: Option<SecretString>) -> Result<Contact, StepError> {
    let text =
        text.ok_or_else(|| unreadable(name, "holds no text", "store the contact as a secret string, not as binary"))?;
    Contact::parse(&text).map_err(|problem| {
        unreadable(
            name,
            &format!("is no valid contact: {}: {}", problem.field, problem.problem),
            "correct the field in the secret; the README shows all fields",
        )
    })
}

fn unreadable(name: &str, problem: &str, remedy: &str) -> StepError {
    StepError::invalid(CONTACT_FIELD, format!("the secret `{name}` {problem}"), remedy)
}

#[cfg(test)]
mod tests;
