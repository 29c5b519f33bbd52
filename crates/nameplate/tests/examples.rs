//! The requests in docs/requests are requests. It must not know what they are for.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use nameplate::Request;

/// The headings of a page, each with the JSON examples below it.
fn examples(page: &str) -> Vec<(&str, Vec<&str>)> {
    page.split("\n## ")
        .skip(1)
        .map(|section| {
            let heading = section.lines().next().unwrap_or_default();
            let blocks = section.split("```json\n").skip(1);
            (heading, blocks.map(|block| block.split_once("```").unwrap().0).collect())
        })
        .collect()
}

#[test]
fn each_kind_of_name_has_one_example_that_is_accepted() {
    let sections = examples(include_str!("../../../docs/requests/names.md"));
    assert!(!sections.is_empty());
    for (heading, blocks) in sections {
        let [example] = blocks[..] else { panic!("{heading} has {} examples", blocks.len()) };
        let read = Request::read(example);
        assert!(read.is_ok(), "{heading}: {read:?}");
    }
}
