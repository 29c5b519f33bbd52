//! `cargo xtask demo`: a name becomes a live API, on this machine, and proves it by answering.
//! It uses what a user has: the AWS CLI, the request, the name. It must not know how the stack works.

use std::io::Write;
use std::time::Instant;

use anyhow::{Context, Result, anyhow, bail};
use serde_json::Value;

use crate::aws;
use crate::backend::{self, Backend};
use crate::example;
use crate::paths::Paths;
use crate::progress::{human, note};
use crate::stack::Deployed;
use crate::watch::{self, Ending, Reason};
use crate::world::{World, quoted};

/// What to show.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// The domain name to bring to life; the local AWS sells nearly every name
    #[arg(long, value_name = "NAME", default_value = example::DOMAIN)]
    domain: String,
    /// Print the result alone, as JSON, on standard output; progress goes to standard error
    #[arg(long)]
    json: bool,
    /// Show everything that the tools print
    #[arg(long, short)]
    verbose: bool,
}

/// Runs the demo.
///
/// # Errors
/// Unless the name is live and the demo's own backend has answered behind it.
pub(crate) async fn run(args: &Args, paths: &Paths, world: &mut World) -> Result<()> {
    let started = Instant::now();
    let say = |text: &str| if args.json { note(text) } else { print(text) };
    let backend = Backend::start().await?;
    let deployed = world.deploy(paths, 0, args.verbose).await?;

    let request = example::request(&args.domain, &backend.url());
    let call =
        ["stepfunctions", "start-execution", "--state-machine-arn", &deployed.state_machine, "--input", &request];
    say(&format!("\n$ aws {}", call.map(quoted).join(" ")));
    let answer = aws::program(paths, "aws", Some(&deployed.access)).args(call).args(["--output", "json"]).run().await?;
    say(&format!("{}\n", answer.trim_end()));
    let execution = watch::started(&answer)?;

    let ran = Instant::now();
    let output = match watch::follow(&deployed.access, &execution, say).await? {
        Ending::Succeeded(output) => output,
        Ending::Failed { error, cause } => return Err(failure(&error, &cause)),
    };
    say(&format!("  SUCCEEDED after {}\n", human(ran.elapsed())));
    print(&format!("{output:#}"));

    let endpoint = output["apiEndpoint"].as_str().context("the result has no apiEndpoint")?;
    knock(&deployed, endpoint, &backend, say).await?;
    say(&format!(
        "\n{endpoint} is live, on this machine. The whole demo took {}; nothing of it keeps running.\n\
         To try more by hand: cargo xtask local",
        human(started.elapsed())
    ));
    Ok(())
}

/// A failed execution as an error for people.
fn failure(error: &str, cause: &str) -> anyhow::Error {
    let reason = Reason::of(cause);
    match reason.remedy {
        Some(remedy) => anyhow!("{error}: {}\n  remedy: {remedy}", reason.text),
        None => anyhow!("{error}: {}", reason.text),
    }
}

/// Asks the new name through API Gateway's data plane, as a client of the API would.
async fn knock(deployed: &Deployed, endpoint: &str, backend: &Backend, say: impl Fn(&str)) -> Result<()> {
    let host = endpoint.strip_prefix("https://").with_context(|| format!("apiEndpoint is no https URL: {endpoint}"))?;
    say(&format!("\n$ {}", example::curl(host, &deployed.access.endpoint)));
    let client = &deployed.access.client;
    let answer = client.at_host(example::METHOD, host, backend::PATH, example::question()).await;
    let (status, text) = answer.with_context(|| format!("{endpoint} does not answer"))?;
    let value: Value = serde_json::from_str(&text).unwrap_or_default();
    say(&format!("HTTP {}\n{}", status, if value.is_null() { text } else { format!("{value:#}") }));
    if !(200..300).contains(&status) || !backend.answered(&value) {
        bail!("{endpoint} did not bring the request to the backend");
    }
    Ok(())
}

/// A result, on standard output. When nobody reads it any more there is nothing left to do about it.
fn print(text: &str) {
    let _ = writeln!(std::io::stdout().lock(), "{text}");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_names_error_reason_and_remedy() {
        let cause = r#"{"code": "PriceOverCap", "reason": "140 USD is over 100 USD", "remedy": "raise maxPrice"}"#;
        let text = failure("Nameplate.Refused", cause).to_string();
        assert_eq!(text, "Nameplate.Refused: 140 USD is over 100 USD\n  remedy: raise maxPrice");
    }
}
