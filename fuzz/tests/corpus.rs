//! Every kept input again, with the checks that the fuzz targets run. It must not know what they check.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::path::{Path, PathBuf};

/// The kept inputs of a target, in order of their names.
fn corpus(target: &str) -> Vec<(PathBuf, Vec<u8>)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus").join(target);
    let mut inputs: Vec<_> = std::fs::read_dir(&folder)
        .unwrap_or_else(|error| panic!("{}: {error}", folder.display()))
        .map(|entry| entry.unwrap().path())
        .map(|path| (path.clone(), std::fs::read(path).unwrap()))
        .collect();
    inputs.sort();
    inputs
}

#[test]
fn every_kept_input_keeps_the_promises() {
    for (target, check) in fuzz::TARGETS {
        let mut broken = Vec::new();
        for (path, input) in corpus(target) {
            if std::panic::catch_unwind(|| check(&input)).is_err() {
                broken.push(path);
            }
        }
        assert!(broken.is_empty(), "{target}: {broken:?}");
    }
}

#[test]
fn the_kept_inputs_reach_both_outcomes() {
    let requests = corpus("request");
    let accepted = |input: &[u8]| str::from_utf8(input).is_ok_and(|text| nameplate::Request::read(text).is_ok());
    assert!(requests.iter().filter(|(_, input)| accepted(input)).count() >= 5);
    assert!(requests.iter().filter(|(_, input)| !accepted(input)).count() >= 10);
    let names = corpus("domain");
    let accepted = |input: &[u8]| str::from_utf8(input).is_ok_and(|text| text.parse::<nameplate::DomainName>().is_ok());
    assert!(names.iter().filter(|(_, input)| accepted(input)).count() >= 5);
    assert!(names.iter().filter(|(_, input)| !accepted(input)).count() >= 10);
}
