//! The watches on certificates, and what is awaited in the domain item. It must not know ACM.

use aws_sdk_dynamodb::Client as Dynamodb;
use aws_sdk_dynamodb::operation::put_item::PutItemError;
use aws_sdk_dynamodb::operation::update_item::builders::UpdateItemFluentBuilder;
use aws_sdk_dynamodb::types::{AttributeValue, ReturnValuesOnConditionCheckFailure};
use nameplate::StepError;
use nameplate::contract::RequestCertInput;
use nameplate::contract::table;
use nameplate::contract::table::{domain as attribute, watch};
use nameplate::error::{classify, code_of};

/// The watches that a sleeping execution is woken by.
pub(crate) struct Watches<'a> {
    pub(crate) dynamodb: &'a Dynamodb,
    pub(crate) table: &'a str,
    pub(crate) input: &'a RequestCertInput,
    pub(crate) now: i64,
}

impl Watches<'_> {
    /// Makes sure that the watch on the certificate stands, is not resolved and holds no token. Says whether it
    /// was resolved or did not stand, so that an event may have come that nobody was woken by.
    pub(crate) async fn arm(&self, arn: &str) -> Result<bool, StepError> {
        self.record(arn).await?;
        let put = self
            .dynamodb
            .put_item()
            .table_name(self.table)
            .item(table::KEY, AttributeValue::S(table::watch_key(arn)))
            .item(watch::DOMAIN, AttributeValue::S(self.input.request.domain_name.as_str().to_owned()))
            .item(watch::CREATED, AttributeValue::N(self.now.to_string()))
            .item(watch::EXPIRES, self.expires())
            .condition_expression("attribute_not_exists(#key)")
            .expression_attribute_names("#key", table::KEY)
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
            .send()
            .await;
        let error = match put {
            Ok(_) => return Ok(true),
            Err(error) => error,
        };
        let present = match error.as_service_error() {
            Some(PutItemError::ConditionalCheckFailedException(present)) => present.item(),
            _ => return Err(classify("dynamodb:PutItem", &error)),
        };
        let held = |name: &str| present.and_then(|item| item.get(name)).cloned();
        match (held(watch::RESOLVED), held(watch::TOKEN)) {
            (Some(seen), _) => self.reset(arn, seen).await.map(|()| true),
            (None, Some(token)) => self.forget(arn, token).await.map(|()| false),
            (None, None) => Ok(false),
        }
    }

    /// Keeps in the domain item what is awaited, for whoever finds this execution stopped; only while it holds
    /// the domain.
    async fn record(&self, arn: &str) -> Result<(), StepError> {
        let domain = self.input.request.domain_name.as_str();
        let update = self
            .dynamodb
            .update_item()
            .table_name(self.table)
            .key(table::KEY, AttributeValue::S(table::domain_key(domain)))
            .update_expression("SET #awaited = :arn")
            .condition_expression("#heldBy = :execution")
            .expression_attribute_names("#awaited", attribute::AWAITED_CERTIFICATE)
            .expression_attribute_names("#heldBy", attribute::HELD_BY)
            .expression_attribute_values(":arn", AttributeValue::S(arn.to_owned()))
            .expression_attribute_values(":execution", AttributeValue::S(self.input.execution.clone()))
            .send()
            .await;
        match update {
            Ok(_) => Ok(()),
            Err(error) if code_of(&error) == Some(table::CONDITION_FAILED) => {
                Err(StepError::not_the_holder(domain, "wait for its certificate"))
            }
            Err(error) => Err(classify("dynamodb:UpdateItem", &error)),
        }
    }

    /// Takes back a wake-up that has been followed: left standing, it would end every later sleep at once.
    async fn reset(&self, arn: &str, seen: AttributeValue) -> Result<(), StepError> {
        let update = self
            .update(arn, "SET #expires = :expires REMOVE #resolved, #token, #heldBy", "#resolved = :seen")
            .expression_attribute_names("#expires", watch::EXPIRES)
            .expression_attribute_values(":expires", self.expires())
            .expression_attribute_values(":seen", seen);
        written(update).await
    }

    /// Takes out the token of a sleep that has ended.
    async fn forget(&self, arn: &str, seen: AttributeValue) -> Result<(), StepError> {
        let update = self
            .update(arn, "REMOVE #token, #heldBy", "#token = :seen AND attribute_not_exists(#resolved)")
            .expression_attribute_values(":seen", seen);
        written(update).await
    }

    /// Takes the watch away, if it is there: nothing is to be waited for any more.
    pub(crate) async fn remove(&self, arn: &str) -> Result<(), StepError> {
        self.dynamodb
            .delete_item()
            .table_name(self.table)
            .key(table::KEY, AttributeValue::S(table::watch_key(arn)))
            .send()
            .await
            .map_err(|error| classify("dynamodb:DeleteItem", &error))?;
        Ok(())
    }

    fn update(&self, arn: &str, change: &str, condition: &str) -> UpdateItemFluentBuilder {
        self.dynamodb
            .update_item()
            .table_name(self.table)
            .key(table::KEY, AttributeValue::S(table::watch_key(arn)))
            .update_expression(change)
            .condition_expression(condition)
            .expression_attribute_names("#resolved", watch::RESOLVED)
            .expression_attribute_names("#token", watch::TOKEN)
            .expression_attribute_names("#heldBy", watch::HELD_BY)
    }

    fn expires(&self) -> AttributeValue {
        AttributeValue::N((self.now + watch::KEEP_SECS).to_string())
    }
}

/// Sends a change of a watch. One whose condition fails changes nothing: the watch was resolved anew, or is gone;
/// then the next sleep ends at once, and this step comes back.
async fn written(update: UpdateItemFluentBuilder) -> Result<(), StepError> {
    match update.send().await {
        Ok(_) => Ok(()),
        Err(error) if code_of(&error) == Some(table::CONDITION_FAILED) => Ok(()),
        Err(error) => Err(classify("dynamodb:UpdateItem", &error)),
    }
}
