//! Events that reach nobody: each one ends in the queue, and somebody is told. It must not know what an event means.

use std::collections::BTreeSet;
use std::ops::RangeInclusive;

use serde_json::{Value, json};

use crate::read::{self, resources};

/// What SAM makes a rule for: the name of the rule, and the event's properties.
fn rules(template: &Value) -> Vec<(String, &Value)> {
    let started = ["AWS::Serverless::Function", "AWS::Serverless::StateMachine"];
    let mut rules = Vec::new();
    for (name, resource) in started.iter().flat_map(|kind| resources(template, kind)) {
        for (event, source) in resource["Properties"]["Events"].as_object().into_iter().flatten() {
            let kind = source["Type"].as_str().expect("a Type");
            assert!(["EventBridgeRule", "Schedule"].contains(&kind), "{name}: no rule is made for {event}, a {kind}");
            // SAM's name for the rule of an event.
            rules.push((format!("{name}{event}"), &source["Properties"]));
        }
    }
    rules
}

/// The one resource of a kind.
fn only<'a>(template: &'a Value, kind: &str) -> (&'a str, &'a Value) {
    let mut found = resources(template, kind).into_iter();
    let one = found.next().unwrap_or_else(|| panic!("no {kind}"));
    assert!(found.next().is_none(), "more than one {kind}");
    one
}

fn arn(resource: &str) -> Value {
    json!({ "Fn::GetAtt": format!("{resource}.Arn") })
}

fn within(value: &Value, bounds: RangeInclusive<u64>) -> bool {
    value.as_u64().is_some_and(|value| bounds.contains(&value))
}

/// What is wrong with the delivery of a rule, or of a function's events.
fn not_kept(template: &Value) -> Vec<String> {
    let (queue, _) = only(template, "AWS::SQS::Queue");
    let mut problems = Vec::new();
    for (rule, properties) in rules(template) {
        if properties["DeadLetterConfig"] != json!({ "Arn": arn(queue) }) {
            problems.push(format!("{rule} has no dead-letter queue"));
        }
        // The bounds of PutTargets (AWS-FACTS 6.1.1).
        let policy = &properties["RetryPolicy"];
        let bounded = within(&policy["MaximumEventAgeInSeconds"], 60..=86_400)
            && within(&policy["MaximumRetryAttempts"], 1..=185);
        if !bounded {
            problems.push(format!("{rule} has no retry policy"));
        }
    }
    for (name, function) in resources(template, "AWS::Serverless::Function") {
        let properties = &function["Properties"];
        if properties["Events"].is_null() {
            continue;
        }
        let invocation = &properties["EventInvokeConfig"];
        if invocation["DestinationConfig"]["OnFailure"] != json!({ "Type": "SQS", "Destination": arn(queue) }) {
            problems.push(format!("what {name} fails at goes nowhere"));
        }
        // The bounds of PutFunctionEventInvokeConfig.
        let bounded = within(&invocation["MaximumEventAgeInSeconds"], 60..=21_600)
            && within(&invocation["MaximumRetryAttempts"], 0..=2);
        if !bounded {
            problems.push(format!("{name} does not say how often it is tried again"));
        }
    }
    problems
}

/// Where an alarm looks: namespace, metric and dimensions.
fn watches(alarm: &Value) -> (&str, &str, &Value) {
    let properties = &alarm["Properties"];
    let text = |field: &str| properties[field].as_str().expect("text");
    (text("Namespace"), text("MetricName"), &properties["Dimensions"])
}

#[test]
fn no_event_is_lost_without_a_trace() {
    let template = read::template();
    assert!(rules(&template).len() >= 4, "{:?}", rules(&template));
    assert_eq!(not_kept(&template), [] as [String; 0]);
}

#[test]
fn a_lost_event_is_noticed() {
    let whole = read::template();
    let spoilt = |path: &str, value: Value| {
        let mut template = whole.clone();
        *template.pointer_mut(path).unwrap_or_else(|| panic!("the template has no {path}")) = value;
        not_kept(&template)
    };
    let resume = "/Resources/ResumeFunction/Properties";
    let minute = "/Resources/PollRegistrationsFunction/Properties/Events/EachMinute/Properties";
    let issued = format!("{resume}/Events/CertificateIssued/Properties");
    for (path, value) in [
        (format!("{issued}/DeadLetterConfig"), Value::Null),
        (format!("{issued}/DeadLetterConfig/Arn"), arn("Table")),
        (format!("{issued}/RetryPolicy"), Value::Null),
        (format!("{minute}/RetryPolicy/MaximumEventAgeInSeconds"), json!(59)),
        (format!("{resume}/EventInvokeConfig/DestinationConfig"), Value::Null),
        (format!("{resume}/EventInvokeConfig/MaximumRetryAttempts"), json!(3)),
    ] {
        assert_eq!(spoilt(&path, value).len(), 1, "{path}");
    }
}

#[test]
fn the_queue_takes_the_events_of_these_rules_and_of_nobody_else() {
    let template = read::template();
    let (queue, _) = only(&template, "AWS::SQS::Queue");
    let (_, policy) = only(&template, "AWS::SQS::QueuePolicy");
    let properties = &policy["Properties"];
    assert_eq!(properties["Queues"], json!([{ "Ref": queue }]));
    let statements = properties["PolicyDocument"]["Statement"].as_array().expect("statements");
    let [statement] = statements.as_slice() else { panic!("one statement: {statements:?}") };
    let mut statement = statement.clone();
    let sources = statement["Condition"]["ArnEquals"]["aws:SourceArn"].take();
    assert_eq!(
        statement,
        json!({
            "Effect": "Allow",
            "Principal": { "Service": "events.amazonaws.com" },
            "Action": "sqs:SendMessage",
            "Resource": arn(queue),
            "Condition": { "ArnEquals": { "aws:SourceArn": null } },
        })
    );
    let named: BTreeSet<String> = read::one_or_many(&sources).into_iter().map(Value::to_string).collect();
    let wanted = rules(&template).into_iter().map(|(rule, _)| arn(&rule).to_string()).collect();
    assert_eq!(named, wanted);
}

#[test]
fn the_queue_is_encrypted_and_keeps_messages_as_long_as_it_can() {
    let template = read::template();
    let (_, queue) = only(&template, "AWS::SQS::Queue");
    assert_eq!(queue["Properties"]["SqsManagedSseEnabled"], true);
    assert_eq!(queue["Properties"]["MessageRetentionPeriod"], 14 * 24 * 60 * 60);
}

#[test]
fn the_queue_and_failed_executions_are_watched_and_the_topic_is_told() {
    let template = read::template();
    let (queue, _) = only(&template, "AWS::SQS::Queue");
    let of_the_queue = json!([{ "Name": "QueueName", "Value": { "Fn::GetAtt": format!("{queue}.QueueName") } }]);
    let of_machines =
        read::MACHINES.map(|(_, machine)| json!([{ "Name": "StateMachineArn", "Value": { "Ref": machine } }]));
    let alarms = resources(&template, "AWS::CloudWatch::Alarm");
    let watched: Vec<_> = alarms.values().map(|alarm| watches(alarm)).collect();
    let of_machines = of_machines.iter().map(|machine| ("AWS/States", "ExecutionsFailed", machine));
    for wanted in of_machines.chain([("AWS/SQS", "ApproximateNumberOfMessagesVisible", &of_the_queue)]) {
        assert!(watched.contains(&wanted), "nothing watches {wanted:?}: {watched:?}");
    }
    for (name, alarm) in alarms {
        let properties = &alarm["Properties"];
        // One is enough, and silence is good news.
        assert_eq!(properties["Threshold"], 1, "{name}");
        assert_eq!(properties["EvaluationPeriods"], 1, "{name}");
        assert_eq!(properties["ComparisonOperator"], "GreaterThanOrEqualToThreshold", "{name}");
        assert_eq!(properties["TreatMissingData"], "notBreaching", "{name}");
        let told = json!({ "Fn::If": ["AlarmsNotify", [{ "Ref": "AlarmTopicArn" }], { "Ref": "AWS::NoValue" }] });
        assert_eq!(properties["AlarmActions"], told, "{name}");
    }
    let empty = json!({ "Fn::Equals": [{ "Ref": "AlarmTopicArn" }, ""] });
    assert_eq!(template["Conditions"]["AlarmsNotify"], json!({ "Fn::Not": [empty] }));
    assert_eq!(template["Parameters"]["AlarmTopicArn"]["Default"], "");
}
