//! What is built in, and from where: cargo-deny, held against `deny.toml`, and the known vulnerabilities.
//! It must not know what the dependencies are for.

use std::path::PathBuf;

use anyhow::{Context, Result};

use crate::paths::Paths;
use crate::process::Program;
use crate::progress::{Stage, note};

/// Its own lock file pins everything below it.
const CARGO_DENY: &str = "0.20.2";

/// Checks licences, bans, duplicates and sources, and the advisories if their database can be reached.
///
/// # Errors
/// What `deny.toml` does not allow, a known vulnerability, or when cargo-deny cannot be built.
pub(crate) async fn check(paths: &Paths, verbose: bool) -> Result<()> {
    let program = cargo_deny(paths, verbose).await?;
    let deny = |args: &[&str], log: &str| {
        Program::new(&program).args(args).dir(paths.root()).log(paths.logs().join(log)).echo(verbose)
    };
    // A warning is an exception that has become superfluous.
    deny(&["--locked", "check", "--deny", "warnings", "bans", "licenses", "sources"], "cargo-deny.log").run().await?;
    if !deny(&["fetch", "db"], "advisories-fetch.log").capture().await?.status.success() {
        note("advisories: database not reachable, not checked");
        return Ok(());
    }
    // Everything is here by now.
    deny(&["--locked", "--offline", "check", "--deny", "warnings", "advisories"], "advisories.log").run().await?;
    Ok(())
}

/// The program, built unless it is there: nobody publishes binaries of it that a lock file could pin.
async fn cargo_deny(paths: &Paths, verbose: bool) -> Result<PathBuf> {
    let folder = paths.tools("cargo-deny");
    let program = folder.join("bin").join("cargo-deny");
    let installed = Program::new(&program).args(["--version"]).run().await;
    if installed.is_ok_and(|version| version.trim() == format!("cargo-deny {CARGO_DENY}")) {
        return Ok(program);
    }
    let stage = Stage::start(format!("build cargo-deny {CARGO_DENY}"));
    let build = folder.join("build");
    Program::new("cargo")
        // Not optimised: it is built once, in a minute, and runs for seconds.
        .args(["install", "--locked", "--debug", "--force", "--version", CARGO_DENY, "cargo-deny"])
        .args(["--root".as_ref(), folder.as_os_str(), "--target-dir".as_ref(), build.as_os_str()])
        .env("CARGO_PROFILE_DEV_DEBUG", "0")
        .env("CARGO_INCREMENTAL", "0")
        .dir(paths.root())
        .log(paths.logs().join("cargo-deny-build.log"))
        .status(stage.status())
        .echo(verbose)
        .run()
        .await?;
    std::fs::remove_dir_all(&build).with_context(|| format!("cannot remove {}", build.display()))?;
    stage.done("");
    Ok(program)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_exception_has_its_reason() {
        let text = std::fs::read_to_string(Paths::of_this_checkout().at("deny.toml")).unwrap();
        let lines: Vec<&str> = text.lines().collect();
        let exceptions: Vec<&[&str]> = lines.windows(2).filter(|pair| pair[1].contains("crate = ")).collect();
        assert!(!exceptions.is_empty(), "{text}");
        for pair in exceptions {
            // An exception from the licences has no field for it.
            let above = pair[0].trim_start().starts_with("# ");
            assert!(above || pair[1].contains(", reason = \""), "{}", pair[1]);
        }
    }
}
