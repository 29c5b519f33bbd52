//! The crash explorer: runs Nameplate's path again and again on a deployed local AWS, with a fault at each of its
//! calls, and asks the world after each. `cargo xtask chaos` deploys and starts it.
//!
//! This file owns the command line and how many cases run side by side.

#![cfg_attr(test, allow(clippy::unwrap_used, reason = "a test fails by panicking"))]

mod case;
mod oracle;
mod report;
mod run;
mod scenario;

use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow, bail};
use clap::Parser;
use e2e::World;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use crate::case::{Case, Site};
use crate::report::Report;
use crate::run::{Outcome, Stage};
use crate::scenario::Named;

/// How often a case is run, at most, whose run does not come to the call.
const TRIES: usize = 3;
const PROGRESS_EVERY: Duration = Duration::from_secs(10);

#[derive(Parser)]
#[command(name = "cargo xtask chaos", about = "Runs the path with a fault at each of its calls, and asks the world")]
struct Arguments {
    /// Only cases in whose name this is a part, such as `CreateZone/` or `RegisterDomain#1/cut-after`
    #[arg(long, value_name = "CASE")]
    only: Option<String>,
    /// Instead of the matrix, random combinations of several faults, chosen by N and the numbers after it
    #[arg(long, value_name = "N")]
    seed: Option<u64>,
    /// How many random combinations
    #[arg(long, value_name = "N", default_value_t = 20, requires = "seed")]
    count: u64,
    /// Only the part of the matrix that `cargo xtask test` runs
    #[arg(long, conflicts_with = "seed")]
    slice: bool,
    /// Go on after a deviation
    #[arg(long)]
    keep_going: bool,
    /// Print the names of the cases and run none
    #[arg(long)]
    list: bool,
    /// How many cases run at the same time
    #[arg(long, value_name = "N", default_value_t = 16)]
    side_by_side: usize,
    /// Where the matrix is written
    #[arg(long, value_name = "FILE", default_value = "target/chaos/report.md")]
    report: PathBuf,
}

#[tokio::main]
async fn main() -> ExitCode {
    match explore(&Arguments::parse()).await {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// Whether everything holds.
async fn explore(arguments: &Arguments) -> Result<bool> {
    let stage = Arc::new(Stage::new(World::deployed()).await);
    let cases = cases(&stage, arguments).await?;
    let mut output = std::io::stdout();
    if arguments.list {
        for case in &cases {
            writeln!(output, "{case}")?;
        }
        return Ok(true);
    }
    let started = Instant::now();
    eprintln!("{} cases, {} at a time", cases.len(), arguments.side_by_side);
    let report = run_all(&stage, cases, arguments).await;
    let text = report.markdown();
    if let Some(folder) = arguments.report.parent() {
        std::fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
    }
    std::fs::write(&arguments.report, &text).with_context(|| format!("cannot write {}", arguments.report.display()))?;
    writeln!(output, "{text}")?;
    eprintln!("after {:.0?}; the matrix is in {}", started.elapsed(), arguments.report.display());
    let (_, deviating, not_reached) = report.counts();
    Ok(deviating == 0 && not_reached == 0)
}

async fn cases(stage: &Arc<Stage>, arguments: &Arguments) -> Result<Vec<Case>> {
    let mut cases = Vec::new();
    if let Some(seed) = arguments.seed {
        let sites = sites(Arc::clone(stage), scenario::FIRST).await?;
        cases.extend((seed..seed + arguments.count).map(|seed| case::random(seed, &sites)));
    } else {
        // What `--only` names may say at its beginning whose cases these are: then no other need be looked at.
        let named = |scenario: &Named| {
            let beginning = arguments.only.as_ref().and_then(|only| only.split('/').next()).unwrap_or_default();
            let other = scenario::ALL.iter().any(|scenario| scenario.name() == beginning);
            arguments.slice || !other || scenario.name() == beginning
        };
        let looks: Vec<_> = scenario::ALL
            .into_iter()
            .filter(named)
            .map(|scenario| (scenario, tokio::spawn(sites(Arc::clone(stage), scenario))))
            .collect();
        for (scenario, look) in looks {
            cases.extend(case::all(scenario, &look.await??));
        }
        if arguments.slice {
            cases = case::slice(cases);
        }
    }
    if let Some(only) = &arguments.only {
        cases.retain(|case| case.to_string().contains(only.as_str()));
    }
    if cases.is_empty() {
        bail!("no case is named so; `--list` names all");
    }
    Ok(cases)
}

/// The calls that two undisturbed runs have in common, as far as the scenario disturbs them: how often something is asked
/// while it is waited for differs.
async fn sites(stage: Arc<Stage>, scenario: Named) -> Result<Vec<Site>> {
    let calls = async |number: u32| {
        let name = format!("{}-undisturbed-{}-{number}", stage.run_id, scenario.name());
        let calls = stage.calls(scenario, &name).await;
        calls.map_err(|wrong| anyhow!("{}, undisturbed: {}", scenario.name(), wrong.join("; ")))
    };
    let (first, second) = tokio::try_join!(calls(1), calls(2))?;
    let (first, second) = (case::sites(&first), case::sites(&second));
    let common = first.into_iter().filter(|site| second.contains(site) && scenario.disturbs(site));
    Ok(common.chain(scenario.further_sites()).collect())
}

/// Runs the cases side by side. How often something is asked while it is waited for depends on how busy the machine is:
/// a case whose call did not come is run again at the end, with nothing beside it, as the calls were recorded.
async fn run_all(stage: &Arc<Stage>, cases: Vec<Case>, arguments: &Arguments) -> Report {
    let cases: Vec<(usize, Case)> = cases.into_iter().enumerate().collect();
    let total = cases.len();
    let mut done = Vec::new();
    let mut left = cases;
    for attempt in 0..TRIES {
        let places = if attempt == 0 { arguments.side_by_side.max(1) } else { 1 };
        if attempt > 0 && !left.is_empty() {
            eprintln!("  {} cases did not come to their call: again, one at a time", left.len());
        }
        let (ended, deviates) = run_once(stage, std::mem::take(&mut left), attempt, places, arguments.keep_going).await;
        let last = attempt + 1 == TRIES || (deviates && !arguments.keep_going);
        for (number, case, outcome) in ended {
            match outcome {
                Outcome::NotReached if !last => left.push((number, case)),
                outcome => done.push((number, case, outcome)),
            }
        }
        if left.is_empty() {
            break;
        }
    }
    eprintln!("  {} of {total} cases", done.len());
    done.sort_by_key(|(number, ..)| *number);
    let mut report = Report::default();
    for (_, case, outcome) in done {
        report.add(case, outcome);
    }
    report
}

/// Runs each case once, as many side by side as there are places. The outcomes, and whether one deviates; unless it is
/// to go on, the first that does ends it.
async fn run_once(
    stage: &Arc<Stage>,
    cases: Vec<(usize, Case)>,
    attempt: usize,
    places: usize,
    keep_going: bool,
) -> (Vec<(usize, Case, Outcome)>, bool) {
    let total = cases.len();
    let places = Arc::new(Semaphore::new(places));
    let mut running = JoinSet::new();
    for (number, case) in cases {
        let (stage, places) = (Arc::clone(stage), Arc::clone(&places));
        running.spawn(async move {
            let _place = places.acquire_owned().await.expect("nobody closes it");
            let name = format!("{}-{number}-{attempt}", stage.run_id);
            let of_run = case.clone();
            // Questions to the world panic when they are not answered; that is a deviation too.
            let run = tokio::spawn(async move { stage.run(&of_run, &name).await });
            let outcome = run.await.unwrap_or_else(|panic| Outcome::Deviates(vec![panic.to_string()]));
            (number, case, outcome)
        });
    }
    let (mut done, mut deviates) = (Vec::new(), false);
    let mut last_progress = Instant::now();
    while let Some(ended) = running.join_next().await {
        let (number, case, outcome) = ended.expect("a case does not panic");
        if let Outcome::Deviates(deviations) = &outcome {
            deviates = true;
            eprintln!("✗ {case}");
            for deviation in deviations {
                eprintln!("    {deviation}");
            }
            eprintln!("  again: {}", case.command());
        }
        done.push((number, case, outcome));
        if deviates && !keep_going {
            running.abort_all();
            break;
        }
        if last_progress.elapsed() >= PROGRESS_EVERY {
            last_progress = Instant::now();
            eprintln!("  {} of {total} cases", done.len());
        }
    }
    (done, deviates)
}
