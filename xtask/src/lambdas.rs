//! The Lambdas: which there are, their binaries for the local AWS, and those for AWS, built exactly as SAM CLI builds them.
//! It must not know AWS.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

use crate::aws::path_with;
use crate::binary;
use crate::paths::Paths;
use crate::process::Program;
use crate::progress::Stage;
use crate::world::quoted;

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

/// What a function's package holds on the local AWS, which runs it as a process of this machine: not the binary, of
/// which SAM CLI would compress 30 MB for each of 22 functions at each deployment, but what starts it.
fn bootstrap(binary: &Path) -> String {
    format!("#!/bin/sh\nexec {}\n", quoted(&binary.display().to_string()))
}

/// SAM CLI has cargo-lambda build one function after the other. All are built by then, as everything else here is.
const CARGO_LAMBDA: &str = "#!/bin/sh\n# `cargo xtask` has built every function already.\n";

/// Builds all functions for the local AWS, and lays them where SAM CLI looks for what cargo-lambda has built.
///
/// # Errors
/// When something does not compile, Cargo.lock is not up to date, or a file cannot be written.
pub(crate) async fn build(paths: &Paths, verbose: bool) -> Result<()> {
    let names = names(paths)?;
    let stage = Stage::start(format!("build {} Lambdas", names.len()));
    let built = binary::all_built(paths, &names, stage.status(), verbose).await?;
    for (name, program) in &built {
        let folder = local_target(paths).join("lambda").join(name);
        std::fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
        // A name of its own for the file: the next build does not change what a stack runs that is up.
        let kept = folder.join(name);
        if kept.exists() {
            std::fs::remove_file(&kept).with_context(|| format!("cannot remove {}", kept.display()))?;
        }
        std::fs::hard_link(program, &kept)
            .or_else(|_| std::fs::copy(program, &kept).map(|_| ()))
            .with_context(|| format!("cannot write {}", kept.display()))?;
        write_program(&local_binary(paths, name), &bootstrap(&kept))?;
    }
    let tools = local_tools(paths);
    std::fs::create_dir_all(&tools).with_context(|| format!("cannot make {}", tools.display()))?;
    write_program(&tools.join("cargo-lambda"), CARGO_LAMBDA)?;
    stage.done("");
    Ok(())
}

/// What SAM CLI shall take for a function on the local AWS.
pub(crate) fn local_binary(paths: &Paths, name: &str) -> PathBuf {
    local_target(paths).join("lambda").join(name).join("bootstrap")
}

/// The environment in which `sam build` takes what `build` has made.
pub(crate) fn with_local_binaries(program: Program, paths: &Paths) -> Program {
    // rustup's `cargo` would look for cargo-lambda where `cargo install` puts it first.
    let cargo = std::env::var_os("CARGO").map(PathBuf::from);
    let toolchain = cargo.as_deref().and_then(Path::parent).map(Path::to_path_buf);
    let first = std::iter::once(local_tools(paths)).chain(toolchain);
    program.env("CARGO_TARGET_DIR", local_target(paths)).env("PATH", path_with(first))
}

/// Cargo's target folder as far as SAM CLI knows.
fn local_target(paths: &Paths) -> PathBuf {
    paths.target().join("sam").join("local")
}

fn local_tools(paths: &Paths) -> PathBuf {
    local_target(paths).join("bin")
}

fn write_program(file: &Path, text: &str) -> Result<()> {
    std::fs::write(file, text)
        .and_then(|()| std::fs::set_permissions(file, std::fs::Permissions::from_mode(0o755)))
        .with_context(|| format!("cannot write {}", file.display()))
}

/// What is built for AWS, and where to.
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

/// Builds all functions for AWS in one go, so that every core has work, unlike SAM CLI, which builds one after the other.
///
/// # Errors
/// When something does not compile, or Cargo.lock is not up to date.
pub(crate) async fn build_for_aws(paths: &Paths, place: &Place, architecture: &str, verbose: bool) -> Result<()> {
    let names = names(paths)?;
    let stage = Stage::start(format!("build {} Lambdas for AWS", names.len()));
    let mut args = vec!["lambda", "build", "--release", "--locked"];
    if architecture == "arm64" {
        args.push("--arm64");
    }
    for name in &names {
        args.extend(["--bin", name]);
    }
    Program::new("cargo")
        .env("PATH", path_with([paths.tools("cargo-lambda").join("bin")]))
        // The plain compiler: the build is for this machine, so that no Zig is needed.
        .env("CARGO_LAMBDA_COMPILER", "cargo")
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
    fn a_package_starts_the_binary_wherever_the_checkout_is() {
        let folder = tempfile::tempdir().unwrap();
        let place = folder.path().join("it's a checkout");
        std::fs::create_dir(&place).unwrap();
        let (program, starter) = (place.join("plan"), place.join("bootstrap"));
        write_program(&program, "#!/bin/sh\necho this is plan\n").unwrap();
        write_program(&starter, &bootstrap(&program)).unwrap();
        let output = std::process::Command::new(starter).output().unwrap();
        assert_eq!(String::from_utf8(output.stdout).unwrap(), "this is plan\n");
    }

    #[test]
    fn the_functions_are_found() {
        let names = names(&Paths::of_this_checkout()).unwrap();
        assert!(names.contains(&"create-zone".to_owned()), "{names:?}");
        assert!(names.is_sorted());
    }
}
