//! `cargo xtask`: everything that is done with this repository beyond `cargo build`.
//! This file reads the command line, runs one command, and sees to it that nothing keeps running afterwards.

#![cfg_attr(test, allow(clippy::unwrap_used, reason = "a test fails by panicking"))]

mod asl;
mod aws;
mod backend;
mod binary;
mod chaos;
mod definition;
mod demo;
mod example;
mod fuzz;
mod generated;
mod lambdas;
mod local;
mod paths;
mod picture;
mod process;
mod progress;
mod reproduce;
mod schema;
mod stack;
mod supply;
mod template;
mod test;
mod tools;
mod watch;
mod world;

use std::process::ExitCode;

use anyhow::Result;
use clap::{Parser, Subcommand};
use tokio::signal::unix::{SignalKind, signal};

use crate::paths::Paths;
use crate::progress::note;
use crate::world::World;

/// The runner of Nameplate. It needs Rust, and Python 3.10 or newer; everything else it puts below target/.
#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask", version, disable_version_flag = true)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Bring a name to life on this machine, from registration to the first answer, with no AWS account
    Demo(demo::Args),
    /// Start the local AWS with the stack deployed, and stay until Ctrl-C
    Local(local::Args),
    /// Run the path with a fault at each of its calls, and ask the world after each
    Chaos(chaos::Args),
    /// Run everything that must hold: format, lints, generated files, unit, contract, dependencies, template, end to end
    Test(test::Args),
    /// Build the Lambdas a second time, elsewhere and from the commit alone, and compare: minutes
    Reproduce(reproduce::Args),
    /// Look for inputs that break a promise of the parsers, with libFuzzer
    Fuzz(fuzz::Args),
    /// Write the JSON Schemas and the README's field table from the request's types
    Schema(generated::Args),
    /// Write the definitions of the state machines, as they are deployed, from their YAML
    Definition(generated::Args),
    /// Draw the state machines, from their definitions, as docs/provision.svg and docs/retire.svg
    Picture(generated::Args),
}

/// How a command ended.
enum Ended {
    Done(Result<()>),
    /// By a signal, with the exit status that a shell gives to it.
    Interrupted(u8),
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            note(format!("error: cannot start: {error}"));
            return ExitCode::FAILURE;
        }
    };
    runtime.block_on(async {
        // Listened for from the start: a signal that came before would end us with something left behind.
        let signals = match Signals::listen() {
            Ok(signals) => signals,
            Err(error) => {
                note(format!("error: cannot listen for signals: {error}"));
                return ExitCode::FAILURE;
            }
        };
        let mut world = World::default();
        let ended = tokio::select! {
            result = run(&cli.command, &mut world) => Ended::Done(result),
            status = signals.first() => Ended::Interrupted(status),
        };
        world.stop().await;
        let status = match ended {
            Ended::Done(Ok(())) => ExitCode::SUCCESS,
            Ended::Done(Err(error)) => {
                note(format!("error: {error:#}"));
                ExitCode::FAILURE
            }
            Ended::Interrupted(status) => {
                note("stopped");
                ExitCode::from(status)
            }
        };
        if let Some(closing) = &world.closing {
            note(closing);
        }
        status
    })
}

async fn run(command: &Command, world: &mut World) -> Result<()> {
    let paths = Paths::of_this_checkout();
    match command {
        Command::Demo(args) => demo::run(args, &paths, world).await,
        Command::Local(args) => local::run(args, &paths, world).await,
        Command::Chaos(args) => chaos::run(args, &paths, world).await,
        Command::Test(args) => test::run(args, &paths, world).await,
        Command::Reproduce(args) => reproduce::run(args, &paths).await,
        Command::Fuzz(args) => fuzz::run(args, &paths).await,
        Command::Schema(args) => schema::run(args, &paths).await,
        Command::Definition(args) => definition::run(args, &paths),
        Command::Picture(args) => picture::run(args, &paths),
    }
}

/// The signals that end a command.
struct Signals {
    interrupt: tokio::signal::unix::Signal,
    terminate: tokio::signal::unix::Signal,
    hangup: tokio::signal::unix::Signal,
}

impl Signals {
    fn listen() -> std::io::Result<Self> {
        Ok(Self {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
            hangup: signal(SignalKind::hangup())?,
        })
    }

    /// The first that comes, as an exit status: 128 and the signal's number.
    async fn first(mut self) -> u8 {
        tokio::select! {
            _ = self.interrupt.recv() => 130,
            _ = self.terminate.recv() => 143,
            _ = self.hangup.recv() => 129,
        }
    }
}
