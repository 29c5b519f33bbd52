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

#[test]
fn what_is_bought_says_what_it_costs_and_nothing_else_does() {
    let usd = |amount| crate::request::Money { amount, currency: "USD".to_owned() };
    let resource = |action, name: &str| ResourceReport {
        resource: "registration".to_owned(),
        action,
        name: name.to_owned(),
        changes: Vec::new(),
    };
    let price = |years: u8, auto_renew| PriceReport {
        first_year: usd(15.0),
        total: usd(15.0 * f64::from(years)),
        years,
        renewal: usd(16.5),
        auto_renew,
    };
    let first = |price: PriceReport| {
        let resources = vec![resource(ReportAction::Buy, "a.com"), resource(ReportAction::Exists, "b.com")];
        let report = Report { resources, price: Some(price), ..Report::default() };
        lines(&report)[..2].to_vec()
    };
    let other = "  registration b.com";
    assert_eq!(first(price(1, true)), ["+ registration a.com   15.00 USD for 1 year, then 16.50 USD a year", other]);
    assert_eq!(first(price(2, true))[0], "+ registration a.com   30.00 USD for 2 years, then 16.50 USD a year");
    assert_eq!(first(price(1, false))[0], "+ registration a.com   15.00 USD for 1 year, not renewed");
}

#[test]
fn the_lines_of_a_retirement_say_what_goes_and_why_the_rest_stays() {
    let goes = [Thing::new("API", "a1", "made by this stack")];
    let stays = [Thing::new("hosted zone", "Z1", "Nameplate did not make it")];
    assert_eq!(
        retire_lines(&goes, &stays),
        ["- API a1", "  hosted zone Z1 (Nameplate did not make it)", "Plan: 1 to remove, 1 to stay."]
    );
}
