//! The Python tools: virtual environments below `target/tools`, installed from the lock files in `tools/`.
//! It must not know what the tools are used for.
//!
//! Apart, since they ask for different versions of the same packages. Every file is checked against
//! the hash in its lock file, and only wheels are taken: nothing that was not locked runs at installation.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, anyhow, bail};
use sha2::{Digest, Sha256};

use crate::paths::Paths;
use crate::process::Program;
use crate::progress::Stage;

/// The oldest Python that every locked tool runs on.
const OLDEST_PYTHON: (u32, u32) = (3, 10);
/// Written into an environment when it is complete; says what it was made from.
const STAMP: &str = "nameplate-stamp";

/// SAM CLI's own settings: it last asked the package index for a newer SAM CLI in the year 2100, so that it does
/// not ask now; the version is ours to choose.
const SAM_SETTINGS: &str = "{\"telemetryEnabled\": false, \"lastVersionCheck\": 4102444800.0}\n";

/// One virtual environment.
struct Environment {
    name: &'static str,
    title: &'static str,
    locks: &'static [&'static str],
}

/// SAM CLI and the AWS CLI.
const SAM: Environment = Environment { name: "sam", title: "SAM CLI, AWS CLI", locks: &["tools/sam.txt"] };

/// What builds for AWS, without its dependencies: those are Zig, which only a build for another processor needs.
const CARGO_LAMBDA: Environment =
    Environment { name: "cargo-lambda", title: "cargo-lambda", locks: &["tools/cargo-lambda.txt"] };

/// The emulator.
const MINISTACK: Environment = Environment { name: "ministack", title: "MiniStack", locks: &["tools/ministack.txt"] };

/// The policies that the template is held against.
const CHECKOV: Environment = Environment { name: "checkov", title: "checkov", locks: &["tools/checkov.txt"] };

/// Makes ready what the local AWS needs, which is quick if they already are.
///
/// # Errors
/// When there is no Python to make them with, or a download or its hash fails.
pub(crate) async fn prepare(paths: &Paths) -> Result<()> {
    sam(paths).await?;
    make(paths, &MINISTACK).await
}

/// The same, and checkov.
///
/// # Errors
/// As `prepare`.
pub(crate) async fn all(paths: &Paths) -> Result<()> {
    prepare(paths).await?;
    make(paths, &CHECKOV).await
}

/// Makes the environment with SAM CLI and the AWS CLI ready.
async fn sam(paths: &Paths) -> Result<()> {
    make(paths, &SAM).await?;
    let home = paths.sam_home();
    let file = home.join("metadata.json");
    std::fs::create_dir_all(&home)
        .and_then(|()| std::fs::write(&file, SAM_SETTINGS))
        .with_context(|| format!("cannot write {}", file.display()))
}

/// Makes cargo-lambda ready.
///
/// # Errors
/// As `prepare`.
pub(crate) async fn cargo_lambda(paths: &Paths) -> Result<()> {
    make(paths, &CARGO_LAMBDA).await
}

async fn make(paths: &Paths, environment: &Environment) -> Result<()> {
    let folder = paths.tools(environment.name);
    let python = folder.join("bin").join("python");
    let stamp_file = folder.join(STAMP);
    let stamp = stamp(paths, environment, &folder)?;
    // A stamp alone does not do: the Python that an environment points to may have been removed.
    if std::fs::read_to_string(&stamp_file).is_ok_and(|found| found == stamp)
        && Program::new(&python).args(["-c", ""]).run().await.is_ok()
    {
        return Ok(());
    }
    let stage = Stage::start(format!("install {}", environment.title));
    let base = find_python().await?;
    if folder.exists() {
        std::fs::remove_dir_all(&folder).with_context(|| format!("cannot remove {}", folder.display()))?;
    }
    Program::new(&base)
        .args(["-m".as_ref(), "venv".as_ref(), folder.as_os_str()])
        .log(paths.logs().join(format!("venv-{}.log", environment.name)))
        .run()
        .await
        .context("cannot make a virtual environment; on Debian and Ubuntu it needs `apt install python3-venv`")?;
    for lock in environment.locks {
        Program::new(&python)
            .args(["-m", "pip", "install", "--disable-pip-version-check", "--no-input", "--progress-bar", "off"])
            // The lock files are complete: nothing is left for pip to resolve.
            .args(["--no-deps", "--require-hashes", "--only-binary", ":all:", "-r"])
            .args([paths.at(lock)])
            .log(paths.logs().join(format!("pip-{}.log", environment.name)))
            .status(stage.status())
            .run()
            .await
            .with_context(|| {
                format!("cannot install {} from {lock}; is the Python package index reachable?", environment.title)
            })?;
    }
    std::fs::write(&stamp_file, stamp).with_context(|| format!("cannot write {}", stamp_file.display()))?;
    stage.done("");
    Ok(())
}

/// What the environment is made from: its place, since scripts in it name their interpreter, and the locks.
fn stamp(paths: &Paths, environment: &Environment, folder: &Path) -> Result<String> {
    let mut hash = Sha256::new();
    for lock in environment.locks {
        let file = paths.at(lock);
        hash.update(std::fs::read(&file).with_context(|| format!("cannot read {}", file.display()))?);
    }
    let digest: String = hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
    Ok(format!("{} {digest}\n", folder.display()))
}

/// The first Python on the PATH that is new enough.
async fn find_python() -> Result<PathBuf> {
    let newest_first = (OLDEST_PYTHON.1..=14).rev().map(|minor| format!("python3.{minor}"));
    let mut seen = Vec::new();
    for name in std::iter::once("python3".to_owned()).chain(newest_first) {
        let asked = "import sys; print(sys.version_info[0], sys.version_info[1], sys.executable)";
        let Ok(answer) = Program::new(&name).args(["-c", asked]).run().await else { continue };
        let (version, executable) = parse_version(&answer)
            .ok_or_else(|| anyhow!("`{name}` answered `{}` when asked for its version", answer.trim()))?;
        if version >= OLDEST_PYTHON {
            return Ok(executable);
        }
        seen.push(format!("{name} is {}.{}", version.0, version.1));
    }
    let found = if seen.is_empty() { "none was found on the PATH".to_owned() } else { seen.join(", ") };
    bail!(
        "Python {}.{} or newer is needed for MiniStack and SAM CLI: {found}\n  \
         install one (Debian, Ubuntu: `apt install python3 python3-venv`; Fedora: `dnf install python3`) and run this again",
        OLDEST_PYTHON.0,
        OLDEST_PYTHON.1
    );
}

fn parse_version(answer: &str) -> Option<((u32, u32), PathBuf)> {
    let mut words = answer.trim().splitn(3, ' ');
    let version = (words.next()?.parse().ok()?, words.next()?.parse().ok()?);
    Some((version, PathBuf::from(words.next()?)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_python_says_its_version_and_place() {
        let answer = parse_version("3 11 /opt/my python/bin/python3\n");
        assert_eq!(answer, Some(((3, 11), PathBuf::from("/opt/my python/bin/python3"))));
        assert_eq!(parse_version("Python 2.7\n"), None);
    }

    #[test]
    fn every_locked_requirement_is_one_version_with_hashes() {
        let paths = Paths::of_this_checkout();
        for lock in [SAM, CARGO_LAMBDA, MINISTACK, CHECKOV].iter().flat_map(|environment| environment.locks) {
            let text = std::fs::read_to_string(paths.at(lock)).unwrap();
            assert!(!text.contains("://"), "{lock} names an index");
            let joined = text.replace("\\\n", " ");
            let requirements: Vec<_> =
                joined.lines().filter(|line| !line.trim().is_empty() && !line.starts_with('#')).collect();
            assert!(!requirements.is_empty(), "{lock} is empty");
            for requirement in requirements {
                assert!(requirement.contains("=="), "{lock}: {requirement}");
                assert!(requirement.contains("--hash=sha256:"), "{lock}: {requirement}");
            }
        }
    }
}
