//! Which record set answers.

use super::*;

fn record(name: &str, kind: &str, values: &[&str]) -> RecordSet {
    let values = values.iter().map(|value| (*value).to_owned()).collect();
    RecordSet { name: name.to_owned(), kind: kind.to_owned(), values, alias: None }
}

#[test]
fn wildcards_serve_only_names_that_have_nothing() {
    let records =
        [record("*.a.example", "A", &["1"]), record("x.a.example", "TXT", &["t"]), record("a.example", "NS", &["n"])];
    let found = |name: &str| pick(&records, "a.example", name, "A").map(|record| record.name.as_str());
    assert_eq!(found("y.a.example"), Some("*.a.example"));
    assert_eq!(found("deep.y.a.example"), Some("*.a.example"));
    assert_eq!(found("x.a.example"), None);
    assert_eq!(found("a.example"), None);
}
