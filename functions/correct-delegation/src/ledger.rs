//! What the table says about a change of a name's servers, and every write to it.
//!
//! One attribute of the domain item, [`DELEGATION_INTENT`](nameplate::contract::table::domain::DELEGATION_INTENT): written
//! before the change is sent, completed with the operation once AWS has said its id. Each write is conditional on
//! what was read, so that of two who would write it one learns that the other was first.
//! It must not know Route 53 Domains.

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::operation::update_item::builders::UpdateItemFluentBuilder;
use aws_sdk_dynamodb::types::AttributeValue;
use nameplate::StepError;
use nameplate::contract::table;
use nameplate::contract::table::domain as attribute;
use nameplate::error::{classify, code_of};
use serde::{Deserialize, Serialize};

/// That a change of the name's servers is, or was, about to be sent.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Intent {
    /// Seconds since 1970 at which it was decided on.
    pub(crate) at: i64,
    /// ARN of the execution that decided on it.
    pub(crate) execution: String,
    /// The servers that the registry was to name, as they are compared.
    pub(crate) servers: Vec<String>,
    /// The operation, once AWS has said its id.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) operation: Option<String>,
}

/// The domain item, as far as a change of the delegation goes.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Noted {
    /// ARN of the execution that holds the claim.
    pub(crate) held_by: Option<String>,
    pub(crate) intent: Option<Intent>,
    /// The intent's text, which the next write replaces.
    text: Option<String>,
}

/// The domain item of one domain.
pub(crate) struct Ledger<'a> {
    pub(crate) client: &'a Client,
    pub(crate) table: &'a str,
    pub(crate) domain: &'a str,
}

impl Ledger<'_> {
    /// Reads the item as it is now.
    pub(crate) async fn read(&self) -> Result<Noted, StepError> {
        let answer = self
            .client
            .get_item()
            .table_name(self.table)
            .key(table::KEY, AttributeValue::S(table::domain_key(self.domain)))
            .consistent_read(true)
            .send()
            .await
            .map_err(|error| classify("dynamodb:GetItem", &error))?;
        let item = answer.item.unwrap_or_default();
        let string = |name: &str| item.get(name).and_then(|value| value.as_s().ok()).cloned();
        let (text, held_by) = (string(attribute::DELEGATION_INTENT), string(attribute::HELD_BY));
        // An intent that cannot be read is an error: to take it for none would send again.
        let intent = match &text {
            None if item.contains_key(attribute::DELEGATION_INTENT) => return Err(unreadable(self.domain)),
            None => None,
            Some(json) => Some(serde_json::from_str(json).map_err(|_| unreadable(self.domain))?),
        };
        Ok(Noted { held_by, intent, text })
    }

    /// Writes an intent in the place of what was read, for the holder of the claim alone. Whether it was written; if
    /// not, somebody else was first, or it was us and the answer got lost.
    pub(crate) async fn intend(&self, intent: &Intent, before: &Noted) -> Result<bool, StepError> {
        let condition = match before.text {
            None => "#heldBy = :execution AND attribute_not_exists(#intent)",
            Some(_) => "#heldBy = :execution AND #intent = :before",
        };
        let mut update = self
            .update("SET #intent = :intent", condition)
            .expression_attribute_names("#heldBy", attribute::HELD_BY)
            .expression_attribute_values(":execution", AttributeValue::S(intent.execution.clone()))
            .expression_attribute_values(":intent", text_of(intent)?);
        if let Some(before) = &before.text {
            update = update.expression_attribute_values(":before", AttributeValue::S(before.clone()));
        }
        written(update).await
    }

    /// Records the operation that the intent led to. Whether it was written.
    pub(crate) async fn record_operation(&self, intent: &Intent, operation: &str) -> Result<bool, StepError> {
        let with = Intent { operation: Some(operation.to_owned()), ..intent.clone() };
        let update = self
            .update("SET #intent = :intent", "#intent = :before")
            .expression_attribute_values(":intent", text_of(&with)?)
            .expression_attribute_values(":before", text_of(intent)?);
        written(update).await
    }

    /// Takes the intent back after an answer by which nothing was changed. Whether it was written.
    pub(crate) async fn take_back(&self, intent: &Intent) -> Result<bool, StepError> {
        let update =
            self.update("REMOVE #intent", "#intent = :before").expression_attribute_values(":before", text_of(intent)?);
        written(update).await
    }

    fn update(&self, change: &str, condition: &str) -> UpdateItemFluentBuilder {
        self.client
            .update_item()
            .table_name(self.table)
            .key(table::KEY, AttributeValue::S(table::domain_key(self.domain)))
            .update_expression(change)
            .condition_expression(condition)
            .expression_attribute_names("#intent", attribute::DELEGATION_INTENT)
    }
}

/// The same text each time for the same intent: conditions compare it.
fn text_of(intent: &Intent) -> Result<AttributeValue, StepError> {
    serde_json::to_string(intent)
        .map(AttributeValue::S)
        .map_err(|_| StepError::failed("Defect", "the intent has no JSON form", "report this as a defect of Nameplate"))
}

async fn written(update: UpdateItemFluentBuilder) -> Result<bool, StepError> {
    match update.send().await {
        Ok(_) => Ok(true),
        Err(error) if code_of(&error) == Some(table::CONDITION_FAILED) => Ok(false),
        Err(error) => Err(classify("dynamodb:UpdateItem", &error)),
    }
}

fn unreadable(domain: &str) -> StepError {
    StepError::failed(
        "UnreadableIntent",
        format!(
            "the attribute {} of {domain}'s item cannot be read, so that it is unknown whether its name servers are being changed",
            attribute::DELEGATION_INTENT
        ),
        "look in the Route 53 console whether a change of the name servers runs, and wait for its end; then take the attribute out of the item",
    )
}
