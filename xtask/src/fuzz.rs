//! `cargo xtask fuzz`: libFuzzer on the parsers of what users send, with stable Rust.
//! It must not know what is checked; that is `fuzz/src/lib.rs`.
//!
//! The compiler's coverage pass needs no nightly; the sanitizers would, and there is no unsafe code to watch.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

use crate::paths::Paths;
use crate::process::Program;
use crate::progress::Stage;

/// What to run.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// The target; without it all, one after the other
    target: Option<Target>,
    /// Seconds for each target
    #[arg(long, default_value_t = 60)]
    seconds: u64,
}

#[derive(Clone, Copy, clap::ValueEnum)]
enum Target {
    /// The request parser
    Request,
    /// The types of names
    Domain,
}

impl Target {
    const ALL: [Target; 2] = [Target::Request, Target::Domain];

    fn name(self) -> &'static str {
        match self {
            Target::Request => "request",
            Target::Domain => "domain",
        }
    }

    /// Longest input, in bytes: beyond it there is nothing but more of the same.
    fn longest(self) -> &'static str {
        match self {
            Target::Request => "4096",
            Target::Domain => "1100",
        }
    }
}

/// What makes the compiler count the edges that a run takes and tell libFuzzer of comparisons.
const COVERAGE: [&str; 6] = [
    "--cfg=fuzzing",
    "-Cpasses=sancov-module",
    "-Cllvm-args=-sanitizer-coverage-level=4",
    "-Cllvm-args=-sanitizer-coverage-inline-8bit-counters",
    "-Cllvm-args=-sanitizer-coverage-pc-table",
    "-Cllvm-args=-sanitizer-coverage-trace-compares",
];

/// Lines of a broken promise that are shown: where, what, and the two sides of a comparison.
const SHOWN_LINES: usize = 6;

/// Builds the targets and runs them.
///
/// # Errors
/// When something does not build, or a target found an input that breaks a promise.
pub(crate) async fn run(args: &Args, paths: &Paths) -> Result<()> {
    let programs = build(paths).await?;
    let targets = args.target.map_or_else(|| Target::ALL.to_vec(), |target| vec![target]);
    for target in targets {
        let program = programs.join(format!("fuzz-{}", target.name()));
        search(target, &program, args.seconds, paths).await?;
    }
    Ok(())
}

/// Builds all targets beside everything else that is built, and says where they are.
async fn build(paths: &Paths) -> Result<PathBuf> {
    let host = Program::new("rustc").args(["--print", "host-tuple"]).run().await?.trim().to_owned();
    let folder = paths.target().join("fuzz");
    let stage = Stage::start("fuzz targets");
    // A target of its own keeps the flags away from build scripts and macros.
    Program::new("cargo")
        .args(["build", "--package", "fuzz", "--features", "libfuzzer", "--bins", "--profile", "fuzz"])
        .args(["--target", &host, "--target-dir"])
        .args([&folder])
        .env("CARGO_ENCODED_RUSTFLAGS", COVERAGE.join("\x1f"))
        .dir(paths.root())
        .log(paths.logs().join("fuzz-build.log"))
        .status(stage.status())
        .run()
        .await?;
    stage.done("");
    Ok(folder.join(host).join("fuzz"))
}

/// Searches for `seconds`. What reaches new code goes to `fuzz/found`, as does an input that breaks a promise.
async fn search(target: Target, program: &Path, seconds: u64, paths: &Paths) -> Result<()> {
    let (kept, found) = folders(target, paths)?;
    let name = target.name();
    let dictionary = paths.at("fuzz/dictionaries").join(format!("{name}.dict"));
    let log = paths.logs().join(format!("fuzz-{name}.log"));
    let stage = Stage::start(format!("{name}, for {seconds} s"));
    let output = Program::new(program)
        .args([
            format!("-max_total_time={seconds}"),
            format!("-max_len={}", target.longest()),
            format!("-artifact_prefix={}/", found.display()),
            format!("-dict={}", dictionary.display()),
            "-timeout=10".to_owned(),
            "-print_final_stats=1".to_owned(),
            "-print_funcs=0".to_owned(),
        ])
        .args([found.join("corpus"), kept])
        .dir(paths.root())
        .log(log.clone())
        .status(stage.status())
        .capture()
        .await?;
    if !output.status.success() {
        bail!("{name}: {}\n  all of it: {}", finding(&output.lines, name, paths), paths.shown(&log));
    }
    let inputs = executed(&output.lines).context("libFuzzer did not say how many inputs it ran")?;
    stage.done(&format!("{inputs} inputs, and none breaks a promise"));
    Ok(())
}

/// What libFuzzer found, in words: the broken promise and the input that breaks it.
fn finding(lines: &[String], name: &str, paths: &Paths) -> String {
    let input = lines.iter().find_map(|line| Some(paths.shown(Path::new(line.split_once("Test unit written to ")?.1))));
    let Some(input) = input else { return "libFuzzer failed".to_owned() };
    let promise: Vec<&str> = lines
        .iter()
        .map(String::as_str)
        .skip_while(|line| !line.contains("panicked at ") && !line.contains("ERROR: libFuzzer"))
        .take_while(|line| !line.starts_with("stack backtrace") && !line.starts_with("note:"))
        .take(SHOWN_LINES)
        .collect();
    format!(
        "{input} breaks a promise:\n    {}\n  remedy: mend it, and keep the input in fuzz/corpus/{name}/, where `cargo nextest run --package fuzz` tries it",
        promise.join("\n    ")
    )
}

/// The checked-in inputs of a target, and the folder for what is found, which git ignores.
fn folders(target: Target, paths: &Paths) -> Result<(PathBuf, PathBuf)> {
    let found = paths.at("fuzz/found").join(target.name());
    let corpus = found.join("corpus");
    std::fs::create_dir_all(&corpus).with_context(|| format!("cannot make {}", corpus.display()))?;
    Ok((paths.at("fuzz/corpus").join(target.name()), found))
}

/// How many inputs libFuzzer says that it ran.
fn executed(lines: &[String]) -> Option<u64> {
    lines.iter().find_map(|line| line.strip_prefix("stat::number_of_executed_units:")?.trim().parse().ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_number_of_inputs_is_read_from_the_statistics() {
        let lines = ["Done 12 runs in 1 second(s)", "stat::number_of_executed_units: 1234"].map(str::to_owned);
        assert_eq!(executed(&lines), Some(1234));
        assert_eq!(executed(&lines[..1]), None);
    }

    #[test]
    fn a_finding_names_the_promise_and_the_input() {
        let lines =
            ["#2 INITED", "thread '<unnamed>' panicked at fuzz/src/lib.rs:7:5:", "too long", "stack backtrace:", "x"];
        let written = "artifact_prefix='fuzz/found/domain/'; Test unit written to fuzz/found/domain/crash-1";
        let lines: Vec<String> = lines.into_iter().chain([written]).map(str::to_owned).collect();
        let text = finding(&lines, "domain", &Paths::of_this_checkout());
        assert!(text.starts_with("fuzz/found/domain/crash-1 breaks a promise"), "{text}");
        assert!(text.contains("lib.rs:7:5:\n    too long\n  remedy"), "{text}");
    }

    #[test]
    fn every_target_has_a_corpus_a_dictionary_and_a_program() {
        let paths = Paths::of_this_checkout();
        for target in Target::ALL {
            let name = target.name();
            let (corpus, dictionary) = (format!("fuzz/corpus/{name}"), format!("fuzz/dictionaries/{name}.dict"));
            for path in [corpus, dictionary, format!("fuzz/src/bin/{name}.rs")] {
                assert!(paths.at(&path).exists(), "{path}");
            }
        }
    }
}
