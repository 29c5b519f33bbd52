//! The step against answers of DynamoDB.

use super::*;
use aws_sdk_dynamodb::Client as Dynamodb;
use aws_sdk_dynamodb::operation::delete_item::DeleteItemOutput;
use aws_smithy_mocks::{Rule, RuleMode, mock, mock_client};

fn deleted(key: &'static str) -> Rule {
    mock!(Dynamodb::delete_item)
        .match_requests(move |call| {
            call.table_name() == Some("table")
                && call.key().is_some_and(|found| found["id"].as_s() == Ok(&key.to_owned()))
        })
        .then_output(|| DeleteItemOutput::builder().build())
}

#[tokio::test]
async fn each_watch_goes_and_nothing_else() {
    let rules = [&deleted("watch#op-1"), &deleted("watch#arn:1")];
    let clients = Clients { dynamodb: mock_client!(aws_sdk_dynamodb, RuleMode::MatchAny, &rules) };
    let settings = Settings { table: "table".to_owned() };
    for keys in [&["watch#op-1", "watch#arn:1"][..], &[]] {
        let input = DeleteWatchesInput {
            domain_name: "example.com".parse().expect("valid"),
            watch_keys: keys.iter().map(|key| (*key).to_owned()).collect(),
        };
        assert_eq!(run(&clients, &settings, input).await, Ok(RetireStepOutput::default()));
    }
    assert_eq!(rules.map(Rule::num_calls), [1, 1]);
}
