//! What the runner builds of this workspace for this machine, in the one shape in which everything here is built:
//! the whole workspace's features, those that only tests ask for included. So each dependency is compiled once, for
//! the tests, the programs and the Lambdas of the local AWS.
//! It must not know what the programs do.

use std::collections::BTreeMap;
use std::path::PathBuf;

use anyhow::{Context, Result};
use serde_json::Value;

use crate::paths::Paths;
use crate::process::Program;
use crate::progress::Status;

/// A small test among what is built: only then does cargo resolve the features that tests ask for, as it does for the
/// tests themselves.
const ANY_TEST: &str = "corpus";

/// Builds the program `name`, with further `features` if it needs any, and says where it is.
///
/// # Errors
/// When it does not compile.
pub(crate) async fn built(paths: &Paths, name: &str, features: &[&str]) -> Result<PathBuf> {
    places(paths, [name], features).await?.remove(name).with_context(|| format!("cargo did not build {name}"))
}

/// Builds programs, showing what is compiled, and says where each is.
///
/// # Errors
/// When one does not compile, or Cargo.lock is not up to date.
pub(crate) async fn all_built(
    paths: &Paths,
    names: &[String],
    status: Status,
    verbose: bool,
) -> Result<BTreeMap<String, PathBuf>> {
    let names = || names.iter().map(String::as_str);
    let build = cargo(paths, names(), &[]).args(["--locked"]);
    build.log(paths.logs().join("build.log")).status(status).echo(verbose).run().await?;
    places(paths, names(), &[]).await
}

/// Where the programs are, built if they are not.
async fn places<'a>(
    paths: &Paths,
    names: impl IntoIterator<Item = &'a str> + Clone,
    features: &[&str],
) -> Result<BTreeMap<String, PathBuf>> {
    let build = cargo(paths, names.clone(), features);
    found(&build.args(["--quiet", "--message-format", "json-render-diagnostics"]).run().await?, names)
}

fn cargo<'a>(paths: &Paths, names: impl IntoIterator<Item = &'a str>, features: &[&str]) -> Program {
    Program::new("cargo")
        .args(["build", "--workspace", "--test", ANY_TEST])
        .args(names.into_iter().flat_map(|name| ["--bin", name]))
        .args(features.iter().flat_map(|feature| ["--features", *feature]))
        .dir(paths.root())
}

/// Where cargo has put the programs, from what it prints: one message on each line.
fn found<'a>(printed: &str, names: impl IntoIterator<Item = &'a str>) -> Result<BTreeMap<String, PathBuf>> {
    let messages: Vec<Value> = printed.lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
    let executable = |name: &str| {
        let mut of_it = messages.iter().filter(|message| message["target"]["name"] == name);
        of_it.find_map(|message| message["executable"].as_str().map(PathBuf::from))
    };
    let place = |name: &str| {
        let path = executable(name).with_context(|| format!("cargo did not say where it has put {name}"))?;
        Ok((name.to_owned(), path))
    };
    names.into_iter().map(place).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_programs_are_where_cargo_says() {
        let printed = r#"{"reason":"compiler-artifact","target":{"name":"chaos"},"executable":null}
{"reason":"compiler-artifact","target":{"name":"other"},"executable":"/t/other"}
{"reason":"compiler-artifact","target":{"name":"chaos"},"executable":"/t/chaos"}
{"reason":"build-finished","success":true}"#;
        let both = found(printed, ["chaos", "other"]).unwrap();
        assert_eq!(both["chaos"], PathBuf::from("/t/chaos"));
        assert_eq!(both["other"], PathBuf::from("/t/other"));
        assert!(found(printed, ["chaos", "none"]).is_err());
    }
}
