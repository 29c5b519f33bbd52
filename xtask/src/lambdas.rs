//! The Lambdas: which there are, and their release binaries, built exactly as SAM CLI builds them.
//! It must not know AWS.

use std::path::PathBuf;

use anyhow::{Context, Result, bail};

use crate::aws::path_with_tools;
use crate::paths::Paths;
use crate::process::Program;
use crate::progress::Stage;

/// Architectures by AWS's names, of the machine this runs on.
pub(crate) fn host_architecture() -> Result<&'static str> {
    if !cfg!(target_os = "linux") {
        bail!(
            "the local AWS runs the Lambdas' Linux binaries as processes, so it needs Linux\n  \
             on macOS or Windows, run this in a Linux container or virtual machine that has Rust and Python 3.10 or newer"
        );
    }
    match std::env::consts::ARCH {
        "x86_64" => Ok("x86_64"),
        "aarch64" => Ok("arm64"),
        other => bail!("AWS Lambda runs on x86_64 and arm64, this machine is {other}"),
    }
}

/// The functions, by name, in order: the folders of `functions/` that hold a package.
pub(crate) fn names(paths: &Paths) -> Result<Vec<String>> {
    let folder = paths.at("functions");
    let mut names = Vec::new();
    for entry in std::fs::read_dir(&folder).with_context(|| format!("cannot read {}", folder.display()))? {
        let entry = entry.with_context(|| format!("cannot read {}", folder.display()))?;
        if entry.path().join("Cargo.toml").is_file() {
            names.push(entry.file_name().to_string_lossy().into_owned());
        }
    }
    names.sort();
    Ok(names)
}

/// The template's resource for a function: `create-zone` is `CreateZoneFunction`.
pub(crate) fn resource(name: &str) -> String {
    let mut resource = String::new();
    for part in name.split('-') {
        let mut letters = part.chars();
        resource.extend(letters.next().map(|letter| letter.to_ascii_uppercase()));
        resource.push_str(letters.as_str());
    }
    resource + "Function"
}

/// What is built, and where to.
pub(crate) struct Place {
    /// The folder with the workspace's Cargo.toml.
    pub(crate) source: PathBuf,
    /// Cargo's target folder.
    pub(crate) target: PathBuf,
}

impl Place {
    pub(crate) fn of_this_checkout(paths: &Paths) -> Self {
        Self { source: paths.root().to_path_buf(), target: paths.target() }
    }

    /// The binary that cargo-lambda leaves for a function.
    pub(crate) fn binary(&self, name: &str) -> PathBuf {
        self.target.join("lambda").join(name).join("bootstrap")
    }
}

/// The binary of a function of this checkout.
pub(crate) fn binary(paths: &Paths, name: &str) -> PathBuf {
    Place::of_this_checkout(paths).binary(name)
}

/// What our build and the ones that SAM CLI starts must have in common: else everything is compiled twice.
pub(crate) fn with_build_environment(program: Program, paths: &Paths) -> Program {
    program
        .env("PATH", path_with_tools(paths))
        // The plain compiler: the build is for this machine, so that no Zig is needed.
        .env("CARGO_LAMBDA_COMPILER", "cargo")
        .env("CARGO_TARGET_DIR", paths.target())
}

/// Builds all functions of this checkout.
///
/// # Errors
/// As `build_at`.
pub(crate) async fn build(paths: &Paths, architecture: &str, verbose: bool) -> Result<()> {
    build_at(paths, &Place::of_this_checkout(paths), architecture, verbose).await
}

/// Builds all functions in one go, so that every core has work, unlike SAM CLI, which builds one after the other.
///
/// # Errors
/// When something does not compile, or Cargo.lock is not up to date.
pub(crate) async fn build_at(paths: &Paths, place: &Place, architecture: &str, verbose: bool) -> Result<()> {
    let names = names(paths)?;
    let stage = Stage::start(format!("build {} Lambdas", names.len()));
    let mut args = vec!["lambda", "build", "--release", "--locked"];
    if architecture == "arm64" {
        args.push("--arm64");
    }
    for name in &names {
        args.extend(["--bin", name]);
    }
    with_build_environment(Program::new("cargo"), paths)
        .env("CARGO_TARGET_DIR", &place.target)
        .args(&args)
        .dir(&place.source)
        .log(paths.logs().join("lambdas.log"))
        .status(stage.status())
        .echo(verbose)
        .run()
        .await?;
    stage.done("");
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn resources_are_named_after_functions() {
        assert_eq!(resource("plan"), "PlanFunction");
        assert_eq!(resource("write-validation-records"), "WriteValidationRecordsFunction");
    }

    #[test]
    fn the_functions_are_found() {
        let names = names(&Paths::of_this_checkout()).unwrap();
        assert!(names.contains(&"create-zone".to_owned()), "{names:?}");
        assert!(names.is_sorted());
    }
}
