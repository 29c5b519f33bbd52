//! The local AWS from the command line.
//!
//! Owns its arguments and what it prints. All else is in the library.

use std::io::Write;
use std::path::PathBuf;

use anyhow::{Context, anyhow};
use clap::Parser;
use local_aws::{LocalAws, Options};
use tokio::signal::unix::{SignalKind, signal};

const ABOUT: &str = "\
A local AWS on one port of 127.0.0.1: MiniStack, and before it a small server that adds what MiniStack does not have.
It never connects to anything but this machine.";

const AFTER: &str = "\
WHAT IT ADDS TO MINISTACK
  Route 53 Domains   registration that takes time, operations, delegation, prices, a ledger of charges
  ACM                PENDING_VALIDATION until the CNAMEs stand in the zone that the registry delegates to and CAA
                     permits; then the real event reaches the rules that match it; time-out after 72 h
  Route 53           four name servers of its own for every zone; a caller reference works once
  API Gateway v2     the certificate must be issued and cover the name; a custom domain answers only if its name
                     resolves; HTTP integrations go to their exact URI, on this machine only; pages; real rates
  EventBridge        rate(...) rules tick fast

USING IT
  local-aws --ministack-python venv/bin/python --work-dir target/local-aws > env
  . ./env; aws route53domains list-prices --tld com
  The environment of --ministack-python needs: pip install ministack==1.5.33 aws-sam-translator cryptography
  A client reaches an API by its default endpoint, or by the custom domain's name in the Host header:
  curl -H 'Host: api.example.com' $AWS_ENDPOINT_URL/v1/models

CONTROL API, plain JSON, at $AWS_ENDPOINT_URL
  GET  /_local/health
  GET  /_local/calls?after=N&caller=&service=&action=&resource=
                              every call that came in: number, time, caller (function, admin, user/...), service,
                              action, what it was about, HTTP status, error code. Not in it: what Step Functions,
                              EventBridge and CloudFormation call within MiniStack, and this server's own calls
  GET  /_local/charges        what registrations cost so far
  GET  /_local/certificates   all certificates as they stand
  GET  /_local/domains/NAME
  PUT  /_local/domains/NAME   {\"state\": \"available|owned|elsewhere|unavailable|premium|restricted|reserved|
                                 availableReserved|availablePreorder|dontKnow|pending|invalidNameForTld\",
                               \"nameServers\": [..], \"createZone\": true, \"price\": 15.0, \"autoRenew\": true,
                               \"registration\": {\"outcome\": \"SUCCESSFUL|FAILED|ERROR\", \"delayMs\": 0, \"message\": \"\",
                                                \"statusFlag\": \"PENDING_CUSTOMER_ACTION\"},
                               \"suppressEvents\": false, \"reachability\": \"DONE|PENDING|EXPIRED\"}
                              owned makes a zone and delegates to it, unless createZone is false; price is what a
                              registration is charged per year; suppressEvents loses ACM's events for the name and
                              what is below it. What is left out stays
  GET  /_local/settings
  PUT  /_local/settings       {\"delays\": {\"registration\": 3000, \"registryChange\": 500, \"certificateRecords\": 500,
                                          \"certificateIssue\": 1500, \"operations\": {\"route53:CreateHostedZone\": 0}},
                               \"rateLimits\": false, \"scheduleMinuteMs\": 2000, \"clockSpeed\": 1.0}
                              delays are real milliseconds; clockSpeed is AWS seconds per real second
  POST /_local/events         {\"source\": \"aws.acm\", \"detailType\": \"..\", \"resources\": [..], \"detail\": {..}}
                              delivered to matching rules of the default bus as AWS would, forged or not
  GET  /_local/resolve?name=NAME&type=A
                              the way from the registry to the record, or why there is none";

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
    /// The region of everything.
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
async fn main() -> anyhow::Result<()> {
    let arguments = Arguments::parse();
    let settings = match &arguments.settings {
        Some(json) => serde_json::from_str(json).context("--settings")?,
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
    died.map_or(Ok(()), |reason| Err(anyhow!(reason)))
}
