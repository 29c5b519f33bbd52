//! Programs of this workspace that the runner starts beside itself.
//! They are built with the features that the tests are built with: what both need is compiled once.
//! It must not know what they do.

use std::path::PathBuf;

use anyhow::{Context, Result};
use serde_json::Value;

use crate::paths::Paths;
use crate::process::Program;

/// Builds the program `name`, with further `features` if it needs any, and says where it is.
///
/// # Errors
/// When it does not compile.
pub(crate) async fn built(paths: &Paths, name: &str, features: &[&str]) -> Result<PathBuf> {
    let printed = Program::new("cargo")
        .args(["build", "--quiet", "--workspace", "--message-format", "json-render-diagnostics", "--bin", name])
        .args(features.iter().flat_map(|feature| ["--features", *feature]))
        .dir(paths.root())
        .run()
        .await?;
    executable(&printed, name).with_context(|| format!("cargo did not say where it has put {name}"))
}

/// Where cargo has put the program, from what it prints: one message on each line.
fn executable(printed: &str, name: &str) -> Option<PathBuf> {
    let messages = printed.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let mut of_it = messages.filter(|message| message["target"]["name"] == name);
    of_it.find_map(|message| message["executable"].as_str().map(PathBuf::from))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_program_is_where_cargo_says() {
        let printed = r#"{"reason":"compiler-artifact","target":{"name":"chaos"},"executable":null}
{"reason":"compiler-artifact","target":{"name":"other"},"executable":"/t/other"}
{"reason":"compiler-artifact","target":{"name":"chaos"},"executable":"/t/chaos"}
{"reason":"build-finished","success":true}"#;
        assert_eq!(executable(printed, "chaos"), Some(PathBuf::from("/t/chaos")));
        assert_eq!(executable(printed, "none"), None);
    }
}
