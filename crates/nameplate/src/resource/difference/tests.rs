//! Differences field by field, and the lines that show them.

use super::*;
use serde_json::json;

#[test]
fn fields_are_compared_one_by_one_and_lists_as_a_whole() {
    let before = json!({"cors": {"allowOrigins": ["a"], "maxAge": 5}, "routes": {"GET /": {"url": "x"}}, "same": 1});
    let after = json!({"cors": {"allowOrigins": ["a", "b"]}, "routes": {"GET /": {"url": "y"}, "PUT /": {"url": "z"}}, "same": 1});
    let found: Vec<String> = changes(&before, &after).iter().map(line).collect();
    assert_eq!(
        found,
        [
            r#"    ~ cors.allowOrigins: ["a"] -> ["a","b"]"#,
            "    - cors.maxAge: 5",
            r#"    ~ routes."GET /".url: "x" -> "y""#,
            r#"    + routes."PUT /".url: "z""#,
        ]
    );
    assert!(changes(&after, &after).is_empty());
    let made: Vec<String> = changes(&Value::Null, &json!({"a": {"b": 1}})).iter().map(line).collect();
    assert_eq!(made, ["    + a.b: 1"]);
}

#[test]
fn the_lines_say_what_happens_to_each_resource_and_how_many_there_are() {
    let resource = |action, name: &str| ResourceReport {
        resource: "API".to_owned(),
        action,
        name: name.to_owned(),
        changes: Vec::new(),
    };
    let report = Report {
        resources: vec![
            resource(ReportAction::Exists, "a"),
            resource(ReportAction::Buy, "b"),
            resource(ReportAction::Create, "c"),
            resource(ReportAction::Change, "d"),
            resource(ReportAction::Remove, "e"),
        ],
        ..Report::default()
    };
    assert_eq!(
        lines(&report),
        ["  API a", "+ API b", "+ API c", "~ API d", "- API e", "Plan: 2 to add, 1 to change, 1 to remove."]
    );
}
