//! `cargo xtask reproduce`: builds the Lambdas a second time, elsewhere and from the commit alone, and compares.
//! It must not know how they are built.
//!
//! What stays the same in both: the machine, its Rust, and the folder of cargo's registry, whose path is in messages
//! of panics.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::Path;

use anyhow::{Context, Result, bail};
use sha2::{Digest, Sha256};

use crate::lambdas::{self, Place};
use crate::paths::Paths;
use crate::process::Program;
use crate::tools;

/// How to run it.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Show everything that the tools print
    #[arg(long, short)]
    verbose: bool,
}

/// Builds twice, and prints each function's hash as `sha256sum` does.
///
/// # Errors
/// When the checkout is not what was committed, something does not compile, or two binaries differ: then both stay.
pub(crate) async fn run(args: &Args, paths: &Paths) -> Result<()> {
    let architecture = lambdas::host_architecture()?;
    let changed = git(paths).args(["status", "--porcelain"]).run().await?;
    if !changed.trim().is_empty() {
        bail!("the checkout is not what was committed, so its build says nothing:\n{}", changed.trim_end());
    }
    tools::cargo_lambda(paths).await?;
    let here = Place::of_this_checkout(paths);
    lambdas::build_for_aws(paths, &here, architecture, args.verbose).await?;

    let folder = paths.target().join("reproduce");
    if folder.exists() {
        std::fs::remove_dir_all(&folder).with_context(|| format!("cannot remove {}", folder.display()))?;
    }
    let elsewhere = Place { source: folder.join("source"), target: folder.join("target") };
    export(paths, &elsewhere.source).await?;
    lambdas::build_for_aws(paths, &elsewhere, architecture, args.verbose).await?;

    let names = lambdas::names(paths)?;
    let (first, second) = (hashes(&here, &names)?, hashes(&elsewhere, &names)?);
    let mut stdout = std::io::stdout().lock();
    for (name, hash) in &first {
        writeln!(stdout, "{hash}  {name}").context("cannot write to standard output")?;
    }
    let different = differences(&first, &second);
    if !different.is_empty() {
        bail!("a second build gave other binaries: {}; it is in {}", different.join(", "), paths.shown(&folder));
    }
    std::fs::remove_dir_all(&folder).with_context(|| format!("cannot remove {}", folder.display()))
}

fn git(paths: &Paths) -> Program {
    Program::new("git").dir(paths.root())
}

/// The files of the commit, and no others.
async fn export(paths: &Paths, source: &Path) -> Result<()> {
    std::fs::create_dir_all(source).with_context(|| format!("cannot make {}", source.display()))?;
    let archive = source.with_extension("tar");
    git(paths).args(["archive", "--format", "tar", "--output"]).args([&archive]).args(["HEAD"]).run().await?;
    Program::new("tar").args(["-x", "-f"]).args([&archive]).args(["-C"]).args([source]).run().await?;
    Ok(())
}

fn hashes(place: &Place, names: &[String]) -> Result<BTreeMap<String, String>> {
    let hash = |name: &String| {
        let file = place.binary(name);
        let bytes = std::fs::read(&file).with_context(|| format!("cannot read {}", file.display()))?;
        let digest = Sha256::digest(bytes);
        Ok((name.clone(), digest.iter().map(|byte| format!("{byte:02x}")).collect()))
    };
    names.iter().map(hash).collect()
}

/// The functions whose binaries are not the same.
fn differences<'a>(first: &'a BTreeMap<String, String>, second: &BTreeMap<String, String>) -> Vec<&'a str> {
    first.iter().filter(|(name, hash)| second.get(*name) != Some(hash)).map(|(name, _)| name.as_str()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_other_byte_is_a_difference() {
        let folder = tempfile::tempdir().unwrap();
        let place = |name: &str| Place { source: folder.path().join(name), target: folder.path().join(name) };
        let names = ["plan".to_owned(), "resume".to_owned()];
        for (build, plan, resume) in [("one", "a", "b"), ("same", "a", "b"), ("other", "a", "c")] {
            for (name, bytes) in [("plan", plan), ("resume", resume)] {
                let file = place(build).binary(name);
                std::fs::create_dir_all(file.parent().unwrap()).unwrap();
                std::fs::write(file, bytes).unwrap();
            }
        }
        let of = |build: &str| hashes(&place(build), &names).unwrap();
        assert_eq!(of("one")["plan"], "ca978112ca1bbdcafac231b39a23dc4da786eff8147c4e72b9807785afee48bb");
        assert!(differences(&of("one"), &of("same")).is_empty());
        assert_eq!(differences(&of("one"), &of("other")), ["resume"]);
        assert!(hashes(&place("none"), &names).is_err());
    }
}
