//! The local AWS from the command line.
//!
//! Owns its arguments and what it prints. All else is in the library.

use std::error::Error;
use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;
use local_aws::{LocalAws, Options};
use tokio::signal::unix::{SignalKind, signal};

const ABOUT: &str = "\
A local AWS on one port of 127.0.0.1: MiniStack, and before it a small server that adds what MiniStack does not have.
It never connects to anything but this machine.";

const AFTER: &str = include_str!("help.txt");

#[derive(Parser)]
#[command(name = "local-aws", about = ABOUT, after_help = AFTER, max_term_width = 120)]
struct Arguments {
    /// The python of an environment that has ministack.
    #[arg(long, env = "LOCAL_AWS_MINISTACK_PYTHON", value_name = "FILE")]
    ministack_python: PathBuf,
    /// Where its log and scratch files go.
    #[arg(long, value_name = "FOLDER", default_value = "local-aws-work")]
    work_dir: PathBuf,
    /// The port of 127.0.0.1; 0 takes a free one.
    #[arg(long, default_value_t = 4566)]
    port: u16,
    /// The region of everything; certificates may live in one more.
    #[arg(long, default_value = "us-east-1")]
    region: String,
    /// The account, twelve digits.
    #[arg(long, default_value = "000000000000")]
    account: String,
    /// Factor on Step Functions' Wait states and Retry intervals.
    #[arg(long, value_name = "FACTOR", default_value_t = 1.0)]
    wait_scale: f64,
    /// Settings to start with, as `PUT /_local/settings` takes them.
    #[arg(long, value_name = "JSON")]
    settings: Option<String>,
}

#[tokio::main]
async fn main() -> ExitCode {
    match run(Arguments::parse()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn run(arguments: Arguments) -> Result<(), Box<dyn Error>> {
    let settings = match &arguments.settings {
        Some(json) => serde_json::from_str(json).map_err(|error| format!("--settings: {error}"))?,
        None => local_aws::Settings::default(),
    };
    let options = Options {
        port: arguments.port,
        region: arguments.region,
        account_id: arguments.account,
        wait_scale: arguments.wait_scale,
        settings,
        ..Options::new(arguments.ministack_python, arguments.work_dir)
    };
    // Before the start, so that an early Ctrl-C also ends what was started.
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    let mut aws = tokio::select! {
        started = LocalAws::start(options) => started?,
        _ = interrupt.recv() => return Ok(()),
        _ = terminate.recv() => return Ok(()),
    };

    let admin = aws.admin_credentials();
    let lines = [
        ("AWS_ENDPOINT_URL", aws.endpoint()),
        ("AWS_REGION", aws.region().to_owned()),
        ("AWS_DEFAULT_REGION", aws.region().to_owned()),
        ("AWS_ACCESS_KEY_ID", admin.access_key_id.clone()),
        ("AWS_SECRET_ACCESS_KEY", admin.secret_access_key.clone()),
    ];
    let mut output = std::io::stdout();
    for (name, value) in lines {
        writeln!(output, "export {name}={value}")?;
    }
    output.flush()?;
    eprintln!("The local AWS is at {}; Ctrl-C ends it.", aws.endpoint());

    let died = tokio::select! {
        _ = interrupt.recv() => None,
        _ = terminate.recv() => None,
        reason = aws.ended() => Some(reason),
    };
    aws.stop().await;
    died.map_or(Ok(()), |reason| Err(reason.to_string().into()))
}
