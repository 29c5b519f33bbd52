//! A second stack of the very template beside the one under test, in the same account and region.
//! It must not know what is tested with it.

use std::time::Duration;

use crate::World;
use crate::world::{element, elements};

/// How often the stack is looked at while CloudFormation works on it.
const LOOK_EVERY: Duration = Duration::from_millis(200);
/// Looks before it is given up.
const LOOKS: usize = 900;
const VERSION: (&str, &str) = ("Version", "2010-05-15");

/// A stack that was made beside the one under test.
pub struct SecondStack {
    name: String,
    /// The world as this stack has it.
    pub world: World,
}

impl SecondStack {
    /// Makes it from the template of the stack under test, with that one's parameters.
    ///
    /// # Panics
    /// When CloudFormation does not make it.
    pub async fn made(first: &World, name: &str) -> Self {
        let of_first = first.stack();
        let (of_first, _) = of_first.rsplit_once('.').expect("name and region");
        let described = first.cloudformation(&[("Action", "DescribeStacks"), VERSION, ("StackName", of_first)]).await;
        let as_sent = ("TemplateStage", "Original");
        let template = [("Action", "GetTemplate"), VERSION, ("StackName", of_first), as_sent];
        let template = element(&first.cloudformation(&template).await, "TemplateBody");
        let body = quick_xml::escape::unescape(&template).expect("XML").into_owned();
        // CloudFormation takes one of this size only from S3, where the functions' code is.
        let (_, code) = body.split_once("s3://").expect("the code of a function");
        let (bucket, _) = code.split_once('/').expect("a bucket");
        let key = format!("{name}.template");
        let url = format!("https://s3.amazonaws.com/{bucket}/{key}");
        first.put_object(bucket, &key, &body).await;
        let mut fields = vec![
            ("Action".to_owned(), "CreateStack".to_owned()),
            (VERSION.0.to_owned(), VERSION.1.to_owned()),
            ("StackName".to_owned(), name.to_owned()),
            ("TemplateURL".to_owned(), url),
            ("Capabilities.member.1".to_owned(), "CAPABILITY_IAM".to_owned()),
            ("Capabilities.member.2".to_owned(), "CAPABILITY_AUTO_EXPAND".to_owned()),
        ];
        for (index, parameter) in elements(&element(&described, "Parameters"), "member").enumerate() {
            for field in ["ParameterKey", "ParameterValue"] {
                fields.push((format!("Parameters.member.{}.{field}", index + 1), element(parameter, field)));
            }
        }
        let fields: Vec<(&str, &str)> = fields.iter().map(|(key, value)| (key.as_str(), value.as_str())).collect();
        first.cloudformation(&fields).await;
        let made = until(first, name, "CREATE_COMPLETE").await;
        let outputs = element(&made, "Outputs");
        let output = |key: &str| {
            let output = elements(&outputs, "member").find(|output| element(output, "OutputKey") == key);
            element(output.expect("an output"), "OutputValue")
        };
        let world = first.of_stack(output("StateMachineArn"), output("TableName"));
        Self { name: name.to_owned(), world }
    }

    /// Deletes it.
    ///
    /// # Panics
    /// When CloudFormation does not take the call.
    pub async fn delete(self) {
        self.world.cloudformation(&[("Action", "DeleteStack"), VERSION, ("StackName", &self.name)]).await;
    }
}

/// What is said of the stack once it has come to that status.
async fn until(world: &World, name: &str, status: &str) -> String {
    let mut said = String::new();
    for _ in 0..LOOKS {
        said = world.cloudformation(&[("Action", "DescribeStacks"), VERSION, ("StackName", name)]).await;
        let now = element(&said, "StackStatus");
        if now == status {
            return said;
        }
        assert!(now.ends_with("IN_PROGRESS"), "{name} is {now}: {said}");
        tokio::time::sleep(LOOK_EVERY).await;
    }
    panic!("{name} has not come to {status}: {said}");
}
