//! The example requests of the documentation are requests. It must not know what they say.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use nameplate::Request;

#[test]
fn every_example_of_a_kind_of_api_is_accepted() {
    let page = include_str!("../../../docs/requests/api.md");
    let sections: Vec<&str> = page.split("\n## ").skip(1).collect();
    assert!(!sections.is_empty());
    for section in sections {
        let heading = section.lines().next().unwrap();
        let example = section.split("```json\n").nth(1).and_then(|rest| rest.split("```").next());
        let example = example.unwrap_or_else(|| panic!("no example below `{heading}`"));
        if let Err(error) = Request::read(example) {
            panic!("{heading}: {error}");
        }
    }
}
