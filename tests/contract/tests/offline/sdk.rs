//! The operations of the AWS SDK, read from the sources of its crates: which there are, and for API Gateway
//! the HTTP method and path, which its permissions are about. It must not know any policy.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use crate::read;

/// The folders of all SDK crates in use, by package name such as `aws-sdk-acm`.
pub(crate) fn crates() -> BTreeMap<String, PathBuf> {
    let version = Command::new("rustc").arg("-vV").output().expect("rustc runs").stdout;
    let version = String::from_utf8(version).expect("text");
    let host = version.lines().find_map(|line| line.strip_prefix("host: ")).expect("a host");
    let metadata = cargo_metadata(&["--filter-platform", host]);
    let packages = metadata["packages"].as_array().expect("packages").iter();
    packages
        .filter_map(|package| {
            let name = package["name"].as_str().filter(|name| name.starts_with("aws-sdk-"))?;
            let manifest = PathBuf::from(package["manifest_path"].as_str()?);
            Some((name.to_owned(), manifest.parent()?.to_owned()))
        })
        .collect()
}

/// What `cargo metadata` says about the workspace, without the network.
pub(crate) fn cargo_metadata(arguments: &[&str]) -> Value {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let output = Command::new(cargo)
        .args(["metadata", "--offline", "--format-version", "1"])
        .args(arguments)
        .current_dir(read::root())
        .output()
        .expect("cargo runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).expect("JSON")
}

/// Names of a crate's operations as the client's methods are called, such as `get_domain_detail`.
pub(crate) fn operations(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder.join("src/client")).expect("one file for each operation");
    let names = entries.map(|entry| entry.expect("an entry").file_name().into_string().expect("a name"));
    names.filter_map(|name| name.strip_suffix(".rs").map(str::to_owned)).filter(|name| name != "customize").collect()
}

/// HTTP method and path of an operation, the path's variables as `{Name}`, without the version in front.
pub(crate) fn method_and_path(folder: &Path, operation: &str) -> (String, String) {
    let source = folder.join(format!("src/operation/{operation}.rs"));
    let text = fs::read_to_string(&source).unwrap_or_else(|error| panic!("{}: {error}", source.display()));
    let between = |start: &str| {
        let (_, rest) = text.split_once(start)?;
        rest.split_once('"').map(|(inside, _)| inside.to_owned())
    };
    let method = between("builder.method(\"").unwrap_or_else(|| panic!("no method in {}", source.display()));
    let path = between("\"/v2").unwrap_or_else(|| panic!("no path in {}", source.display()));
    (method, path)
}

/// Whether an operation's request can carry tags.
pub(crate) fn takes_tags(folder: &Path, operation: &str) -> bool {
    let source = folder.join(format!("src/operation/{operation}/_{operation}_input.rs"));
    let text = fs::read_to_string(&source).unwrap_or_else(|error| panic!("{}: {error}", source.display()));
    text.contains("    pub tags:")
}

/// The operation's own name: `GetDomainDetail` for `get_domain_detail`, and `GetDNSSEC` for `get_dnssec`.
pub(crate) fn name(folder: &Path, operation: &str) -> String {
    let source = folder.join(format!("src/operation/{operation}.rs"));
    let text = fs::read_to_string(&source).unwrap_or_else(|error| panic!("{}: {error}", source.display()));
    let (_, rest) = text.split_once("Metadata::new(").unwrap_or_else(|| panic!("no name in {}", source.display()));
    rest.split('"').nth(1).expect("a name").to_owned()
}
