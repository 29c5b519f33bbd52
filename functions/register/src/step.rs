//! `register`: buys the name, at most once, or finds it bought.
//!
//! Reads: the domain item; then, for a name that is ours or was begun to be bought, the registration and
//! its operation; for one to be bought, availability and price (unless the plan's are fresh) and the contact.
//! Writes, in this order: the intent to buy; RegisterDomain; the operation's id; the watch. Of a name that is registered:
//! whether AWS renews it, where the request says so and it is otherwise; and the tags of one that this stack bought.
//! Once the operation has ended, or the deadline passed, the watch goes.
//! Token: RegisterDomain takes none. In its place the intent says that money may have moved: while there is
//! one, nothing is bought before AWS has been asked, and has had time to know ([`SETTLING_SECS`]).
//! Comes back with `PENDING` while AWS is at it; then the state machine sleeps on the watch and asks again.
//! `NotReady`: AWS does not yet show what it has accepted, the registry gives no answer, or too many
//! operations run. Refused: a price over cap or budget, a name that cannot be bought, a renewal that the request sets and
//! that is another stack's or not of this account.
//! It must not know zones, and nothing here ever deletes or renews a registration.

use std::collections::BTreeMap;

use aws_sdk_route53domains::types::OperationStatus;
use nameplate::StepError;
use nameplate::contract::result::{RegistrationStatus, RegistrationView};
use nameplate::contract::{
    QUOTE_VALID_SECS, Quote, REGISTRATION_DEADLINE_SECS, RegisterInput, RegisterOutput, RegistrationPlan,
};
use nameplate::function::runtime::SETTLING_SECS;
use nameplate::resource::difference::{Difference, any};
use nameplate::resource::registration::{self, RegisteredDomain, RegistrationAttribute, Wanted};
use nameplate::resource::tags::{self, Tagging};
use strum::VariantArray;

use crate::ledger::{Ledger, Purchase};
use crate::registrant;
use crate::registry::{self, Answer, Operation};
use crate::words;

/// How long after the intent RegisterDomain may still be sent, in seconds. Well within [`SETTLING_SECS`].
const SEND_WITHIN_SECS: i64 = 30;
const _: () = assert!(SEND_WITHIN_SECS < SETTLING_SECS);
/// How much earlier than the intent an operation may be dated, in seconds: the two clocks may differ.
const CLOCK_MARGIN_SECS: i64 = 300;

/// What the step calls.
#[derive(Clone)]
pub(crate) struct Clients {
    pub(crate) dynamodb: aws_sdk_dynamodb::Client,
    pub(crate) domains: aws_sdk_route53domains::Client,
    pub(crate) secrets: aws_sdk_secretsmanager::Client,
}

/// What the template sets.
#[derive(Clone)]
pub(crate) struct Settings {
    /// Stack name, for the tags.
    pub(crate) stack: String,
    /// The table of domain items and watches.
    pub(crate) table: String,
    /// The most that one registration may cost, in USD.
    pub(crate) budget_usd: f64,
    /// [`SETTLING_SECS`], or what fits waits that are scaled down.
    pub(crate) settling_secs: i64,
}

/// Finds or buys the registration. `clock` gives seconds since 1970.
///
/// # Errors
/// `Busy` when the execution does not hold the domain; the others as the head of this file says.
pub(crate) async fn run(
    clients: &Clients,
    settings: &Settings,
    input: RegisterInput,
    clock: fn() -> i64,
) -> Result<RegisterOutput, StepError> {
    let domain = input.request.domain_name.as_str();
    let ledger = Ledger { client: &clients.dynamodb, table: &settings.table, domain };
    let step = Step { clients, settings, input: &input, domain, ledger, clock };
    let purchase = step.ledger.read().await?;
    if purchase.held_by.as_deref() != Some(input.execution.as_str()) {
        return Err(StepError::not_the_holder(domain, "spend money on it"));
    }
    match (purchase.intent, input.plan) {
        (None, RegistrationPlan::NotManaged) => {
            registration::check_renewal_elsewhere(&input.request)?;
            Ok(not_managed())
        }
        (None, RegistrationPlan::Register) => step.buy(&purchase).await,
        (None, RegistrationPlan::Registered) => {
            match observe::route53domains::registered_domain(&clients.domains, domain).await? {
                Some(detail) => step.registered(detail, &purchase).await,
                None => Err(words::not_shown(domain)),
            }
        }
        (Some(intent), _) => match observe::route53domains::registered_domain(&clients.domains, domain).await? {
            Some(detail) => step.registered(detail, &purchase).await,
            None => step.go_on(&purchase, intent).await,
        },
    }
}

/// One call of the step.
struct Step<'a> {
    clients: &'a Clients,
    settings: &'a Settings,
    input: &'a RegisterInput,
    domain: &'a str,
    ledger: Ledger<'a>,
    clock: fn() -> i64,
}

/// What to do about a purchase that was begun, while the registration is not there.
#[derive(Debug, PartialEq)]
enum Next<'a> {
    /// AWS is at it.
    Wait(&'a Operation),
    /// AWS gave up on it.
    GiveUp(&'a Operation),
    /// AWS has it, or may have it, and does not show it yet.
    AskAgain(StepError),
    /// The name was bought once and is here no more.
    Gone,
    /// AWS never got to know of it.
    Buy,
}

/// Decides from the operation that was found for an intent of `age` seconds. `recorded`: whether AWS once
/// gave an operation id for it.
fn decide<'a>(domain: &str, recorded: bool, operation: Option<&'a Operation>, age: i64, settling: i64) -> Next<'a> {
    let long_ago = age > REGISTRATION_DEADLINE_SECS;
    let ask_again = |code: &str, reason: String| Next::AskAgain(StepError::not_ready(code, reason));
    match operation {
        Some(operation) if operation.failed() => Next::GiveUp(operation),
        Some(operation) if operation.status == OperationStatus::Successful => match long_ago {
            true => Next::Gone,
            false => ask_again("DomainNotShown", format!("AWS has registered {domain} and does not show it yet")),
        },
        // Also a status that is not known here: the deadline bounds the wait.
        Some(operation) => Next::Wait(operation),
        None if recorded && long_ago => Next::Gone,
        None if recorded => {
            ask_again("OperationNotShown", format!("AWS does not show the operation that registers {domain}"))
        }
        None if age < settling => {
            ask_again("PurchaseSettling", format!("it is not clear yet whether an earlier attempt has bought {domain}"))
        }
        None => Next::Buy,
    }
}

/// Picks the operation that an intent without a recorded operation led to. One that failed before the
/// intent belongs to an earlier purchase; one that is running or has succeeded is taken whenever it began,
/// since a second one cannot be wanted.
fn pick(operations: Vec<Operation>, intent: i64) -> Option<Operation> {
    let rank = |operation: &Operation| (!operation.failed(), operation.submitted);
    operations
        .into_iter()
        .filter(|operation| !operation.failed() || operation.submitted.is_some_and(|at| at >= intent))
        .max_by(|a, b| rank(a).cmp(&rank(b)))
}

impl Step<'_> {
    fn domains(&self) -> &aws_sdk_route53domains::Client {
        &self.clients.domains
    }

    /// The name is registered in this account.
    async fn registered(
        &self,
        mut standing: RegisteredDomain,
        purchase: &Purchase,
    ) -> Result<RegisterOutput, StepError> {
        let bought = purchase.intent.is_some();
        if bought && standing.name_servers.is_empty() {
            return Err(StepError::not_ready(
                "NameServersNotShown",
                format!("AWS has registered {} and shows no name servers yet", self.domain),
            ));
        }
        if let Some(operation) = &purchase.operation {
            self.ledger.unwatch(operation).await?;
        }
        let email_confirmed = observe::route53domains::email_confirmed(self.domains(), self.domain).await?;
        if bought {
            standing.tags = Some(self.tags().await?);
        }
        let request = &self.input.request;
        let tagging = Tagging::new(&request.tags, &request.domain_name, &self.settings.stack, &self.input.former_tags);
        let auto_renew = registration::wanted_renewal(request);
        let wanted = Wanted { auto_renew, tagging: bought.then_some(&tagging) };
        let differences = registration::differences(Some(&standing), &wanted);
        if !bought && any(&differences, &[RegistrationAttribute::AutoRenew]) {
            registration::check_renewal(request, &self.tags().await?, &self.settings.stack)?;
        }
        self.write(&differences, &wanted).await?;
        Ok(RegisterOutput {
            actions: words::registered_actions(self.domain, email_confirmed, standing.is_suspended()),
            registration: RegistrationView {
                status: RegistrationStatus::Registered,
                expires: standing.expires,
                auto_renew: standing.auto_renew.map(|now| auto_renew.unwrap_or(now)),
                price_paid: purchase.price.clone().filter(|_| bought),
                email_confirmed,
            },
            name_servers: standing.name_servers,
            bought,
            watch_key: None,
        })
    }

    /// The tags on the registration. A name that became ours in this execution carries none yet.
    async fn tags(&self) -> Result<BTreeMap<String, String>, StepError> {
        match self.input.plan {
            RegistrationPlan::Registered => observe::route53domains::registration_tags(self.domains(), self.domain)
                .await?
                .ok_or_else(|| words::not_shown(self.domain)),
            RegistrationPlan::Register | RegistrationPlan::NotManaged => Ok(BTreeMap::new()),
        }
    }

    /// Makes the registration differ no more.
    async fn write(
        &self,
        differences: &[Difference<RegistrationAttribute>],
        wanted: &Wanted<'_>,
    ) -> Result<(), StepError> {
        for attribute in RegistrationAttribute::VARIANTS.iter().filter(|attribute| any(differences, &[**attribute])) {
            match attribute {
                RegistrationAttribute::AutoRenew => {
                    let on = wanted.auto_renew.unwrap_or(registration::RENEWS_BY_DEFAULT);
                    tracing::info!(on, "setting whether AWS renews the name");
                    registry::set_renewal(self.domains(), self.domain, on).await?;
                }
                RegistrationAttribute::Tag => {
                    let (set, take_off) = tags::to_write(differences, RegistrationAttribute::Tag);
                    if !set.is_empty() {
                        registry::tag(self.domains(), self.domain, set).await?;
                    }
                    if !take_off.is_empty() {
                        registry::untag(self.domains(), self.domain, take_off).await?;
                    }
                }
            }
        }
        Ok(())
    }

    /// A purchase was begun, by this run or an earlier one, and the registration is not there.
    async fn go_on(&self, purchase: &Purchase, intent: i64) -> Result<RegisterOutput, StepError> {
        let recorded = purchase.operation.as_deref();
        let operation = self.find_operation(recorded, intent).await?;
        let age = (self.clock)() - intent;
        match decide(self.domain, recorded.is_some(), operation.as_ref(), age, self.settings.settling_secs) {
            Next::Wait(operation) => {
                if recorded != Some(&operation.id) {
                    self.record(intent, &operation.id).await?;
                }
                self.wait_for(operation, intent).await
            }
            Next::GiveUp(operation) => {
                // First: the id of the watch is in what the next write takes away.
                self.ledger.unwatch(&operation.id).await?;
                self.ledger.close_failed(&self.input.execution, intent, &operation.id).await?;
                Err(words::registration_failed(self.domain, operation))
            }
            Next::AskAgain(error) => Err(error),
            Next::Gone => {
                if let Some(operation) = recorded {
                    self.ledger.unwatch(operation).await?;
                }
                Err(words::gone(self.domain))
            }
            Next::Buy => self.buy(purchase).await,
        }
    }

    /// The operation that the intent led to: by its id, else among all operations for the name since then.
    async fn find_operation(&self, recorded: Option<&str>, intent: i64) -> Result<Option<Operation>, StepError> {
        if let Some(id) = recorded
            && let Some(operation) = registry::operation(self.domains(), id, self.domain).await?
        {
            return Ok(Some(operation));
        }
        let listed = registry::operations(self.domains(), self.domain, intent - CLOCK_MARGIN_SECS).await?;
        match listed.iter().find(|operation| recorded == Some(&operation.id)) {
            Some(operation) => Ok(Some(operation.clone())),
            None => Ok(pick(listed, intent)),
        }
    }

    /// Buys the name, if the request and the stack let it.
    async fn buy(&self, purchase: &Purchase) -> Result<RegisterOutput, StepError> {
        let Some(registration) = &self.input.request.registration else { return Ok(not_managed()) };
        if (self.clock)() >= self.input.deadline {
            return Err(words::too_late_to_buy(self.domain));
        }
        if purchase.failed_in.as_deref() == Some(self.input.execution.as_str()) {
            return Err(words::failed_before(self.domain));
        }
        let price = self.quote().await?.total(registration.years);
        registration::check_price(registration, &price, self.settings.budget_usd)?;
        let contact = registrant::read(&self.clients.secrets, &registration.contact_secret).await?;

        let intent = (self.clock)();
        if !self.ledger.intend(&self.input.execution, intent, &price, purchase.intent).await? {
            return Err(self.outrun().await?);
        }
        if (self.clock)() - intent > SEND_WITHIN_SECS {
            return Err(StepError::not_ready(
                "PurchaseSettling",
                format!("the intent to buy {} took too long to write, so nothing was sent on it", self.domain),
            ));
        }
        tracing::info!(intent, amount = price.amount, currency = price.currency, "buying");
        match registry::register(self.domains(), self.domain, registration, contact).await {
            Answer::Accepted(operation) => {
                tracing::info!(operation, "AWS has accepted the registration");
                self.record(intent, &operation).await?;
                self.pending(&operation, intent, Vec::new()).await
            }
            Answer::InProgress(id) => self.adopt(id.as_deref(), intent).await,
            Answer::Declined(error) => {
                self.ledger.take_back(intent).await?;
                Err(error)
            }
            Answer::Unclear(error) => Err(error),
        }
    }

    /// The plan's quote while it is fresh, else a new one.
    async fn quote(&self) -> Result<Quote, StepError> {
        let now = (self.clock)();
        match &self.input.quote {
            Some(quote) if (0..=QUOTE_VALID_SECS).contains(&(now - quote.read_at)) => Ok(quote.clone()),
            _ => registry::quote(self.domains(), &self.input.request.domain_name, now).await,
        }
    }

    /// Why the intent could not be written.
    async fn outrun(&self) -> Result<StepError, StepError> {
        let purchase = self.ledger.read().await?;
        if purchase.held_by.as_deref() != Some(self.input.execution.as_str()) {
            return Ok(StepError::not_the_holder(self.domain, "spend money on it"));
        }
        Ok(StepError::not_ready(
            "PurchaseBegun",
            format!("another attempt of this execution has begun to buy {}", self.domain),
        ))
    }

    /// AWS says that the name is being registered already: finds that operation and waits for it.
    async fn adopt(&self, id: Option<&str>, intent: i64) -> Result<RegisterOutput, StepError> {
        let named = match id {
            Some(id) => registry::operation(self.domains(), id, self.domain).await?,
            None => None,
        };
        let running = |operation: &Operation| !operation.failed() && operation.status != OperationStatus::Successful;
        let operation = match named.filter(running) {
            Some(operation) => Some(operation),
            // It may have been begun long before this intent, for example by hand.
            None => registry::operations(self.domains(), self.domain, intent - REGISTRATION_DEADLINE_SECS)
                .await?
                .into_iter()
                .find(running),
        };
        let Some(operation) = operation else {
            return Err(StepError::not_ready(
                "OperationNotShown",
                format!("AWS says that {} is being registered, and does not show the operation", self.domain),
            ));
        };
        self.record(intent, &operation.id).await?;
        self.wait_for(&operation, intent).await
    }

    async fn record(&self, intent: i64, operation: &str) -> Result<(), StepError> {
        if self.ledger.record_operation(intent, operation).await? {
            return Ok(());
        }
        Err(StepError::not_ready(
            "PurchaseChanged",
            format!("another attempt has changed what is recorded of the purchase of {}", self.domain),
        ))
    }

    /// Reports `PENDING` as long as the deadline has not passed.
    async fn wait_for(&self, operation: &Operation, intent: i64) -> Result<RegisterOutput, StepError> {
        if (self.clock)() >= self.input.deadline {
            self.ledger.unwatch(&operation.id).await?;
            return Err(words::too_late(self.domain, operation));
        }
        let submitted = operation.submitted.map_or(intent, |at| at.min(intent));
        let actions = operation.waits_for.as_deref().map(|flag| words::waiting_action(self.domain, flag));
        self.pending(&operation.id, submitted, actions.into_iter().collect()).await
    }

    async fn pending(
        &self,
        operation: &str,
        submitted: i64,
        actions: Vec<String>,
    ) -> Result<RegisterOutput, StepError> {
        let watch_key = self.ledger.watch(operation, submitted, (self.clock)()).await?;
        Ok(RegisterOutput {
            registration: RegistrationView {
                status: RegistrationStatus::Pending,
                expires: None,
                auto_renew: None,
                price_paid: None,
                email_confirmed: None,
            },
            name_servers: Vec::new(),
            bought: true,
            watch_key: Some(watch_key),
            actions,
        })
    }
}

fn not_managed() -> RegisterOutput {
    RegisterOutput {
        registration: RegistrationView {
            status: RegistrationStatus::NotManaged,
            expires: None,
            auto_renew: None,
            price_paid: None,
            email_confirmed: None,
        },
        name_servers: Vec::new(),
        bought: false,
        watch_key: None,
        actions: Vec::new(),
    }
}

#[cfg(test)]
mod crashes;
#[cfg(test)]
mod tests;
