//! `cargo xtask test`: everything that must hold, the quick things first, up to the first failure.
//! It must not know what the tests test.

use std::fmt;
use std::io::IsTerminal;
use std::time::Instant;

use anyhow::{Context, Result, bail};

use crate::generated;
use crate::paths::Paths;
use crate::process::Program;
use crate::progress::{Printing, human, note};
use crate::world::World;
use crate::{chaos, definition, picture, schema, supply, template, tools};

/// End-to-end tests that run side by side: they wait more than they work.
const END_TO_END_THREADS: &str = "6";

/// How to run it.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Leave out the end-to-end tests
    #[arg(long)]
    no_e2e: bool,
    /// Show everything that the tools print
    #[arg(long, short)]
    verbose: bool,
}

/// Runs all stages.
///
/// # Errors
/// The first stage that fails.
pub(crate) async fn run(args: &Args, paths: &Paths, world: &mut World) -> Result<()> {
    let started = Instant::now();
    let mut tally = Tally::default();
    let mut at = "";
    let result = stages(args, paths, world, &mut tally, &mut at).await;
    let outcome = match &result {
        Ok(()) => format!("everything holds, after {}", human(started.elapsed())),
        Err(_) => format!("stopped at: {at}"),
    };
    world.closing = Some(format!("{outcome}\n{tally}"));
    result
}

/// Goes through the stages; `at` is the one that it is at.
async fn stages(args: &Args, paths: &Paths, world: &mut World, tally: &mut Tally, at: &mut &'static str) -> Result<()> {
    let mut begin = |name| {
        *at = name;
        Announced::start(name)
    };
    world.claim(paths)?;
    // Downloads wait, and pip keeps one core busy at most: nothing stands still for them.
    let installed = tokio::spawn({
        let paths = paths.clone();
        async move { tools::all(&paths).await }
    });
    let stage = begin("format");
    cargo(paths, &["fmt", "--all", "--check"]).await?;
    stage.done();

    let stage = begin("lints");
    cargo(paths, &["clippy", "--workspace", "--all-targets", "--", "-D", "warnings"]).await?;
    stage.done();

    // All else is built with the features that the tests ask for. Nobody names a package here, so these are the
    // default members with their own features, as SAM CLI has them built.
    let stage = begin("functions as for AWS");
    cargo(paths, &["check", "--locked", "--bins"]).await?;
    stage.done();

    let stage = begin("generated files");
    let check = generated::Args { check: true };
    schema::run(&check, paths).await?;
    definition::run(&check, paths)?;
    picture::run(&check, paths)?;
    stage.done();

    let stage = begin("unit and contract tests");
    let runner = Runner::found().await;
    runner.run(paths, Tests::Offline, tally).await?;
    counted(paths, &["test", "--doc", "--workspace"], &[], tally).await?;
    stage.done();

    let stage = begin("dependencies and template");
    installed.await.context("the tools were not installed")??;
    // The linters of the template keep one core busy.
    tokio::try_join!(supply::check(paths, args.verbose), template::check(paths, args.verbose))?;
    stage.done();

    if args.no_e2e {
        return Ok(());
    }
    let stage = begin("deployment");
    let deployed = world.deploy(paths, 0, args.verbose).await?;
    world.write_env_file(paths, &deployed)?;
    stage.done();

    let stage = begin("end-to-end tests");
    let mut variables = deployed.variables();
    variables.push(("NAMEPLATE_ENV_FILE".to_owned(), paths.env_file().display().to_string()));
    variables.push(("NAMEPLATE_AWS_CLI".to_owned(), paths.sam_program("aws").display().to_string()));
    runner.run(paths, Tests::EndToEnd(&variables), tally).await?;
    stage.done();

    let stage = begin("crash explorer, its fixed slice");
    chaos::explore(paths, &deployed, &["--slice".to_owned()]).await?;
    stage.done();
    Ok(())
}

/// The name of a stage whose programs print for themselves.
struct Announced {
    name: &'static str,
    started: Instant,
}

impl Announced {
    fn start(name: &'static str) -> Self {
        note(format!("== {name}"));
        Self { name, started: Instant::now() }
    }

    fn done(self) {
        note(format!("== {}: {}", self.name, human(self.started.elapsed())));
    }
}

/// A cargo command that prints for itself.
async fn cargo(paths: &Paths, args: &[&str]) -> Result<()> {
    let _printing = Printing::start();
    let status = Program::new("cargo").args(args).dir(paths.root()).run_in_view().await?;
    if !status.success() {
        bail!("`cargo {}` failed", args.join(" "));
    }
    Ok(())
}

/// Tests by how they ended.
#[derive(Default, Debug, PartialEq, Eq)]
struct Tally {
    passed: u64,
    failed: u64,
    skipped: u64,
}

impl Tally {
    /// Adds what a summary line says: nextest's (`9 tests run: 8 passed, 1 failed, 2 skipped`), or that of
    /// Rust's own harness (`test result: ok. 8 passed; 1 failed; 2 ignored; …`).
    fn add(&mut self, line: &str) {
        let line = without_colours(line);
        if !line.contains("run: ") && !line.starts_with("test result: ") {
            return;
        }
        let words: Vec<&str> = line.split_whitespace().collect();
        for pair in words.windows(2) {
            let Ok(count) = pair[0].parse::<u64>() else { continue };
            match pair[1].trim_matches([',', ';']) {
                "passed" => self.passed += count,
                "failed" => self.failed += count,
                "skipped" | "ignored" => self.skipped += count,
                _ => {}
            }
        }
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let run = self.passed + self.failed;
        write!(f, "{run} tests run: {} passed, {} failed, {} skipped", self.passed, self.failed, self.skipped)
    }
}

/// A line without the escape sequences that colour it.
fn without_colours(line: &str) -> String {
    let mut plain = String::new();
    let mut rest = line;
    while let Some((before, after)) = rest.split_once("\x1b[") {
        plain.push_str(before);
        rest = after.split_once('m').map_or("", |(_, rest)| rest);
    }
    plain + rest
}

/// Which tests to run.
#[derive(Clone, Copy)]
enum Tests<'a> {
    /// Those that need nothing but their own process.
    Offline,
    /// Those of the deployed stack, which these variables lead to.
    EndToEnd(&'a [(String, String)]),
}

/// What runs Rust's tests here.
enum Runner {
    Nextest,
    Cargo,
}

impl Runner {
    /// cargo-nextest where it is installed; building it would take longer than what it saves.
    async fn found() -> Self {
        if Program::new("cargo").args(["nextest", "--version"]).run().await.is_ok() {
            return Self::Nextest;
        }
        note("cargo-nextest is not installed: `cargo test` runs the tests instead, one binary after the other");
        Self::Cargo
    }

    async fn run(&self, paths: &Paths, tests: Tests<'_>, tally: &mut Tally) -> Result<()> {
        let variables = match tests {
            Tests::Offline => &[],
            Tests::EndToEnd(variables) => variables,
        };
        counted(paths, &self.command(tests), variables, tally).await
    }

    /// What cargo is asked. nextest builds for the whole workspace each time: the same features, compiled once.
    fn command(&self, tests: Tests<'_>) -> Vec<&'static str> {
        let nextest = ["nextest", "run", "--no-fail-fast", "--workspace", "--filterset"];
        let cargo = ["test", "--no-fail-fast", "--all-targets"];
        match (self, tests) {
            (Self::Nextest, Tests::Offline) => [&nextest[..], &["not package(e2e)"]].concat(),
            (Self::Nextest, Tests::EndToEnd(_)) => {
                [&nextest[..], &["package(e2e)", "--test-threads", END_TO_END_THREADS]].concat()
            }
            (Self::Cargo, Tests::Offline) => [&cargo[..], &["--workspace", "--exclude", "e2e"]].concat(),
            // nextest's settings say which tests must run alone; Rust's own harness only knows all or none.
            (Self::Cargo, Tests::EndToEnd(_)) => {
                [&cargo[..], &["--package", "e2e", "--", "--test-threads", "1"]].concat()
            }
        }
    }
}

/// Runs tests, shows what they print, and counts them.
async fn counted(paths: &Paths, args: &[&str], variables: &[(String, String)], tally: &mut Tally) -> Result<()> {
    let _printing = Printing::start();
    let colour = if std::io::stderr().is_terminal() { "always" } else { "never" };
    let output = Program::new("cargo")
        .args(args)
        .env("CARGO_TERM_COLOR", colour)
        .envs(variables)
        .dir(paths.root())
        .echo(true)
        .capture()
        .await?;
    for line in &output.lines {
        tally.add(line);
    }
    if !output.status.success() {
        bail!("`cargo {}` failed", args.join(" "));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn summaries_of_both_runners_are_counted() {
        let mut tally = Tally::default();
        tally.add("     Summary [   1.234s] 9 tests run: 8 passed (1 slow), 1 failed, 2 skipped");
        tally.add("\x1b[32m     Summary\x1b[0m [ 0.1s] \x1b[1m3\x1b[0m tests run: \x1b[1m3\x1b[0m \x1b[32mpassed\x1b[0m, \x1b[1m0\x1b[0m skipped");
        tally.add("test result: ok. 5 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0.00s");
        tally.add("        PASS [   0.004s] xtask tests::the_test_that_passed");
        assert_eq!(tally, Tally { passed: 16, failed: 1, skipped: 3 });
        assert_eq!(tally.to_string(), "17 tests run: 16 passed, 1 failed, 3 skipped");
    }
}
