//! Which package may depend on which, and that versions are chosen in one place. It must not know any code
//! but the names of what it uses.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::read;
use crate::sdk;
use crate::sources;

fn workspace() -> Vec<Value> {
    let metadata = sdk::cargo_metadata(&["--no-deps"]);
    metadata["packages"].as_array().expect("packages").clone()
}

/// Folder of a package, from the repository's folder.
fn folder(package: &Value) -> String {
    let manifest = package["manifest_path"].as_str().expect("a path");
    let below = std::path::Path::new(manifest).strip_prefix(read::root()).expect("in the repository");
    below.parent().expect("a folder").to_str().expect("text").replace('\\', "/")
}

/// Names of what a package depends on, those that lie in this repository, in tests too, first.
fn dependencies(package: &Value) -> (BTreeSet<String>, BTreeSet<String>) {
    let all = package["dependencies"].as_array().expect("dependencies");
    let name = |dependency: &Value| dependency["name"].as_str().expect("a name").to_owned();
    let (ours, others): (Vec<&Value>, Vec<&Value>) = all.iter().partition(|d| d["path"].is_string());
    (ours.into_iter().map(name).collect(), others.into_iter().map(name).collect())
}

#[test]
fn functions_depend_on_the_shared_libraries_and_never_on_each_other() {
    let packages = workspace();
    let functions: Vec<&Value> = packages.iter().filter(|p| folder(p).starts_with("functions/")).collect();
    assert_eq!(functions.len(), read::functions().len());
    for package in functions {
        let (ours, _) = dependencies(package);
        let shared = ["nameplate", "observe"].map(str::to_owned).into();
        assert!(ours.contains("nameplate") && ours.is_subset(&shared), "{} depends on {ours:?}", package["name"]);
    }
}

#[test]
fn the_shared_library_knows_no_service_and_nothing_of_this_repository() {
    let packages = workspace();
    let library = packages.iter().find(|package| package["name"] == "nameplate").expect("the library");
    let (ours, others) = dependencies(library);
    assert!(ours.is_empty(), "{ours:?}");
    assert!(!others.iter().any(|name| name.starts_with("aws-sdk-")), "{others:?}");
}

#[test]
fn nothing_that_is_shipped_depends_on_what_only_tests_and_runners_need() {
    for package in workspace() {
        let folder = folder(&package);
        if !folder.starts_with("xtask") && !folder.starts_with("tests/") {
            let (ours, _) = dependencies(&package);
            let allowed = ["nameplate", "observe"].map(str::to_owned);
            assert!(ours.iter().all(|name| allowed.contains(name)), "{folder} depends on {ours:?}");
        }
    }
}

#[test]
fn versions_and_lints_are_those_of_the_workspace() {
    for package in workspace() {
        let folder = folder(&package);
        let manifest = read::text(format!("{folder}/Cargo.toml"));
        let mut section = String::new();
        let mut inherited = BTreeSet::new();
        for line in manifest.lines() {
            let line = line.split('#').next().unwrap_or_default().trim();
            if line.starts_with('[') {
                section = line.to_owned();
            } else if line.ends_with("workspace = true") {
                inherited.insert(format!("{section} {}", line.split(['.', ' ']).next().unwrap_or_default()));
            } else if section.ends_with("dependencies]") && !line.is_empty() {
                assert!(line.contains("workspace = true"), "{folder} chooses a version: {line}");
            }
        }
        for wanted in ["version", "edition", "rust-version", "license", "publish"] {
            assert!(inherited.contains(&format!("[package] {wanted}")), "{folder} has {wanted} of its own");
        }
        assert!(inherited.contains("[lints] workspace"), "{folder} has lints of its own");
    }
}

#[test]
fn a_function_uses_everything_that_it_depends_on() {
    let mut idle = Vec::new();
    for package in workspace().iter().filter(|package| folder(package).starts_with("functions/")) {
        let used = sources::identifiers(sources::package(&folder(package)));
        for dependency in package["dependencies"].as_array().expect("dependencies") {
            let name = dependency["name"].as_str().expect("a name").replace('-', "_");
            let shipped = dependency["kind"].is_null();
            if shipped && !used.contains(&name) {
                idle.push(format!("{} depends on {name}", package["name"]));
            }
        }
    }
    assert!(idle.is_empty(), "for nothing: {idle:#?}");
}
