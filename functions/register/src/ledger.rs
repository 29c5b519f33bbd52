//! What the table says about the purchase of a domain, and every write to it.
//!
//! The purchase is three attributes of the domain item: the intent, written before RegisterDomain is
//! called; the price that was accepted with it; the operation, once AWS has said its id. Each write is
//! conditional, so that of two who would write it one learns that the other was first.
//! It must not know Route 53 Domains.

use std::collections::HashMap;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::operation::update_item::builders::UpdateItemFluentBuilder;
use aws_sdk_dynamodb::types::AttributeValue;
use nameplate::StepError;
use nameplate::contract::table;
use nameplate::contract::table::{domain as attribute, watch};
use nameplate::error::{classify, code_of};
use nameplate::request::Money;

/// The domain item, as far as money goes.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Purchase {
    /// ARN of the execution that holds the claim.
    pub(crate) held_by: Option<String>,
    /// Seconds since 1970 at which the purchase was decided on.
    pub(crate) intent: Option<i64>,
    /// Id of the operation that registers the name.
    pub(crate) operation: Option<String>,
    /// The price that was accepted.
    pub(crate) price: Option<Money>,
    /// The execution whose purchase failed.
    pub(crate) failed_in: Option<String>,
}

/// The domain item of one domain.
pub(crate) struct Ledger<'a> {
    pub(crate) client: &'a Client,
    pub(crate) table: &'a str,
    pub(crate) domain: &'a str,
}

impl Ledger<'_> {
    /// Reads the item as it is now.
    pub(crate) async fn read(&self) -> Result<Purchase, StepError> {
        let answer = self
            .client
            .get_item()
            .table_name(self.table)
            .key(table::KEY, text(&table::domain_key(self.domain)))
            .consistent_read(true)
            .send()
            .await
            .map_err(|error| classify("dynamodb:GetItem", &error))?;
        purchase_of(&answer.item.unwrap_or_default())
    }

    /// Writes the intent to buy at `price`, for the holder of the claim alone: the first one, or a new one in
    /// the place of `replaced`. Whether it was written; if not, somebody else was first, or it was us and the
    /// answer got lost.
    pub(crate) async fn intend(
        &self,
        execution: &str,
        intent: i64,
        price: &Money,
        replaced: Option<i64>,
    ) -> Result<bool, StepError> {
        let condition = match replaced {
            None => "#heldBy = :execution AND attribute_not_exists(#intent)",
            Some(_) => "#heldBy = :execution AND #intent = :replaced AND attribute_not_exists(#operation)",
        };
        let mut update = self
            .update("SET #intent = :intent, #price = :price REMOVE #operation, #failedIn", condition)
            .expression_attribute_names("#heldBy", attribute::HELD_BY)
            .expression_attribute_names("#intent", attribute::PURCHASE_INTENT)
            .expression_attribute_names("#price", attribute::PURCHASE_PRICE)
            .expression_attribute_names("#operation", attribute::PURCHASE_OPERATION)
            .expression_attribute_names("#failedIn", attribute::PURCHASE_FAILED_IN)
            .expression_attribute_values(":execution", text(execution))
            .expression_attribute_values(":intent", number(intent))
            .expression_attribute_values(":price", text(&serde_json::to_string(price).unwrap_or_default()));
        if let Some(replaced) = replaced {
            update = update.expression_attribute_values(":replaced", number(replaced));
        }
        written(update).await
    }

    /// Records the operation that the intent led to. Whether it was written.
    pub(crate) async fn record_operation(&self, intent: i64, operation: &str) -> Result<bool, StepError> {
        let update = self
            .update("SET #operation = :operation", "#intent = :intent")
            .expression_attribute_names("#operation", attribute::PURCHASE_OPERATION)
            .expression_attribute_names("#intent", attribute::PURCHASE_INTENT)
            .expression_attribute_values(":operation", text(operation))
            .expression_attribute_values(":intent", number(intent));
        written(update).await
    }

    /// Takes the intent back after a refusal that charged nothing. Whether it was written.
    pub(crate) async fn take_back(&self, intent: i64) -> Result<bool, StepError> {
        let update = self
            .update("REMOVE #intent, #price", "#intent = :intent AND attribute_not_exists(#operation)")
            .expression_attribute_names("#intent", attribute::PURCHASE_INTENT)
            .expression_attribute_names("#price", attribute::PURCHASE_PRICE)
            .expression_attribute_names("#operation", attribute::PURCHASE_OPERATION)
            .expression_attribute_values(":intent", number(intent));
        written(update).await
    }

    /// Ends the purchase after `operation` failed, and keeps that it failed in this execution. Whether it was
    /// written.
    pub(crate) async fn close_failed(&self, execution: &str, intent: i64, operation: &str) -> Result<bool, StepError> {
        let update = self
            .update(
                "SET #failedIn = :execution REMOVE #intent, #price, #operation",
                "#intent = :intent AND (attribute_not_exists(#operation) OR #operation = :operation)",
            )
            .expression_attribute_names("#failedIn", attribute::PURCHASE_FAILED_IN)
            .expression_attribute_names("#intent", attribute::PURCHASE_INTENT)
            .expression_attribute_names("#price", attribute::PURCHASE_PRICE)
            .expression_attribute_names("#operation", attribute::PURCHASE_OPERATION)
            .expression_attribute_values(":execution", text(execution))
            .expression_attribute_values(":intent", number(intent))
            .expression_attribute_values(":operation", text(operation));
        written(update).await
    }

    /// Puts the watch on `operation`, in the place of one that is there, and hands back its key.
    ///
    /// A watch that was resolved although the operation runs on (a forged or early event) would not let the
    /// awaiting state sleep; a token in it is of a sleep that has ended. Nothing can be lost by putting it anew,
    /// since `poll-registrations` looks at the operation and not at a change of it. `submitted`, in seconds
    /// since 1970, is when the operation began at the latest; the poll asks for operations since then.
    pub(crate) async fn watch(&self, operation: &str, submitted: i64, now: i64) -> Result<String, StepError> {
        let key = table::watch_key(operation);
        self.client
            .put_item()
            .table_name(self.table)
            .item(table::KEY, text(&key))
            .item(watch::DOMAIN, text(self.domain))
            .item(watch::CREATED, number(submitted))
            .item(watch::EXPIRES, number(now + watch::KEEP_SECS))
            .item(watch::OPEN, text(watch::REGISTRATION))
            .send()
            .await
            .map_err(|error| classify("dynamodb:PutItem", &error))?;
        Ok(key)
    }

    /// Takes the watch on `operation` away, if it is there: nothing is to be waited for any more.
    pub(crate) async fn unwatch(&self, operation: &str) -> Result<(), StepError> {
        self.client
            .delete_item()
            .table_name(self.table)
            .key(table::KEY, text(&table::watch_key(operation)))
            .send()
            .await
            .map_err(|error| classify("dynamodb:DeleteItem", &error))?;
        Ok(())
    }

    fn update(&self, change: &str, condition: &str) -> UpdateItemFluentBuilder {
        self.client
            .update_item()
            .table_name(self.table)
            .key(table::KEY, text(&table::domain_key(self.domain)))
            .update_expression(change)
            .condition_expression(condition)
    }
}

async fn written(update: UpdateItemFluentBuilder) -> Result<bool, StepError> {
    match update.send().await {
        Ok(_) => Ok(true),
        Err(error) if code_of(&error) == Some(table::CONDITION_FAILED) => Ok(false),
        Err(error) => Err(classify("dynamodb:UpdateItem", &error)),
    }
}

/// Reads the item. An intent that cannot be read is an error: to take it for none would buy again.
fn purchase_of(item: &HashMap<String, AttributeValue>) -> Result<Purchase, StepError> {
    let string = |name: &str| item.get(name).and_then(|value| value.as_s().ok()).cloned();
    let intent = match item.get(attribute::PURCHASE_INTENT) {
        None => None,
        Some(value) => Some(value.as_n().ok().and_then(|number| number.parse().ok()).ok_or_else(unreadable)?),
    };
    Ok(Purchase {
        held_by: string(attribute::HELD_BY),
        intent,
        operation: string(attribute::PURCHASE_OPERATION),
        price: string(attribute::PURCHASE_PRICE).and_then(|json| serde_json::from_str(&json).ok()),
        failed_in: string(attribute::PURCHASE_FAILED_IN),
    })
}

fn unreadable() -> StepError {
    StepError::failed(
        "UnreadableIntent",
        format!(
            "the domain item's {} is no number, so that it is unknown when a purchase began",
            attribute::PURCHASE_INTENT
        ),
        "find out in the Route 53 console whether the name was bought, then correct the item",
    )
}

fn text(value: &str) -> AttributeValue {
    AttributeValue::S(value.to_owned())
}

fn number(value: i64) -> AttributeValue {
    AttributeValue::N(value.to_string())
}

#[cfg(test)]
mod tests;
