//! Events on the bus, caught by a rule into a queue. It must not know what they mean, but those of Nameplate must fit
//! their schemas.

use std::time::Duration;

use serde_json::{Value, json};

use crate::{World, schemas};

const LOOK_EVERY: Duration = Duration::from_millis(50);
/// Far beyond what any delivery takes.
const GIVE_UP_AFTER: Duration = Duration::from_secs(60);

/// Catches events, from the moment it is made.
pub struct Events {
    world: World,
    queue_url: String,
}

impl Events {
    /// Makes a queue and a rule for events of source `nameplate` about `domain`.
    pub async fn about(world: &World, domain: &str) -> Self {
        // A rule's name has at most 64 characters.
        let name: String = format!("events-{}", domain.replace('.', "-")).chars().take(64).collect();
        Self::matching(world, &name, &json!({"source": ["nameplate"], "detail": {"domainName": [domain]}})).await
    }

    /// Makes a queue and a rule for every event on the bus, whatever its source; both are called `name`.
    pub async fn all(world: &World, name: &str) -> Self {
        Self::matching(world, name, &json!({"source": [{"prefix": ""}]})).await
    }

    async fn matching(world: &World, name: &str, pattern: &Value) -> Self {
        let queue = world.json("sqs", "AmazonSQS.CreateQueue", &json!({"QueueName": name})).await;
        let queue_url = queue["QueueUrl"].as_str().expect("a queue URL").to_owned();
        let attributes = world
            .json(
                "sqs",
                "AmazonSQS.GetQueueAttributes",
                &json!({"QueueUrl": queue_url, "AttributeNames": ["QueueArn"]}),
            )
            .await;
        let arn = attributes["Attributes"]["QueueArn"].as_str().expect("a queue ARN").to_owned();
        let policy = json!({"Version": "2012-10-17", "Statement": [{
            "Effect": "Allow", "Principal": {"Service": "events.amazonaws.com"}, "Action": "sqs:SendMessage", "Resource": arn,
        }]});
        world
            .json(
                "sqs",
                "AmazonSQS.SetQueueAttributes",
                &json!({"QueueUrl": queue_url, "Attributes": {"Policy": policy.to_string()}}),
            )
            .await;
        world.json("events", "AWSEvents.PutRule", &json!({"Name": name, "EventPattern": pattern.to_string()})).await;
        world
            .json("events", "AWSEvents.PutTargets", &json!({"Rule": name, "Targets": [{"Id": "queue", "Arn": arn}]}))
            .await;
        Self { world: world.clone(), queue_url }
    }

    /// All events that have arrived since the last call, oldest first, once one of `detail_type` is among them:
    /// events arrive after the call that sent them has been answered.
    ///
    /// # Panics
    /// When none arrives, or one does not fit its schema.
    pub async fn take_up_to(&self, detail_type: &str) -> Vec<Value> {
        let mut events = Vec::new();
        let arrival = tokio::time::timeout(GIVE_UP_AFTER, async {
            while Self::of_type(&events, detail_type).is_empty() {
                tokio::time::sleep(LOOK_EVERY).await;
                events.extend(self.arrived().await);
            }
        });
        assert!(arrival.await.is_ok(), "no event `{detail_type}` arrived: {events:?}");
        events
    }

    /// All events that have arrived since the last call, oldest first.
    ///
    /// # Panics
    /// When one does not fit its schema.
    pub async fn arrived(&self) -> Vec<Value> {
        let mut events = Vec::new();
        loop {
            let answer = self
                .world
                .json(
                    "sqs",
                    "AmazonSQS.ReceiveMessage",
                    &json!({"QueueUrl": self.queue_url, "MaxNumberOfMessages": 10}),
                )
                .await;
            let messages = answer["Messages"].as_array().cloned().unwrap_or_default();
            if messages.is_empty() {
                return events;
            }
            for message in messages {
                let body = message["Body"].as_str().unwrap_or_default();
                let event = serde_json::from_str(body).expect("an event is JSON");
                schemas::check_event(&event);
                events.push(event);
                let receipt = json!({"QueueUrl": self.queue_url, "ReceiptHandle": message["ReceiptHandle"]});
                self.world.json("sqs", "AmazonSQS.DeleteMessage", &receipt).await;
            }
        }
    }

    /// The details of the events of one detail-type among `events`.
    pub fn of_type(events: &[Value], detail_type: &str) -> Vec<Value> {
        events.iter().filter(|event| event["detail-type"] == detail_type).map(|event| event["detail"].clone()).collect()
    }
}
