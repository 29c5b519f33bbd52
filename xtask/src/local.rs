//! `cargo xtask local`: the local AWS with the stack on it, until Ctrl-C.
//! It must not know what is done with it.

use anyhow::Result;

use crate::paths::Paths;
use crate::progress::note;
use crate::stack::BUDGET_USD;
use crate::world::{World, quoted};

/// How to run it.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// The port of 127.0.0.1 to listen on; 0 takes a free one
    #[arg(long, default_value_t = 0)]
    port: u16,
    /// Show everything that the tools print
    #[arg(long, short)]
    verbose: bool,
}

/// Runs until it is interrupted, or the local AWS ends.
///
/// # Errors
/// When something cannot be prepared, or the local AWS ended by itself.
pub(crate) async fn run(args: &Args, paths: &Paths, world: &mut World) -> Result<()> {
    let deployed = world.deploy(paths, args.port, args.verbose).await?;
    world.write_env_file(paths, &deployed)?;
    let request = format!(
        r#"{{"domainName": "my-ai-service.com", "registration": {{"maxPrice": {{"amount": {BUDGET_USD}, "currency": "USD"}}}}, "api": {{"routes": [{{"route": "GET /", "url": "https://example.com/"}}]}}}}"#
    );
    let start = format!(
        "aws stepfunctions start-execution --state-machine-arn \"$NAMEPLATE_STATE_MACHINE_ARN\" --input {}",
        quoted(&request)
    );
    note(format!(
        "\nThe local AWS listens at {endpoint}, with the stack deployed. In another terminal:\n\n  \
         . {env}\n  {start}\n  aws stepfunctions list-executions --state-machine-arn \"$NAMEPLATE_STATE_MACHINE_ARN\"\n  \
         curl \"$NAMEPLATE_LOCAL/_local/calls\"\n\nWhat runs inside is logged below {logs}. Ctrl-C ends it.",
        endpoint = deployed.access.endpoint,
        env = paths.shown(&paths.env_file()),
        logs = paths.shown(&paths.local_aws()),
    ));
    Err(world.local_aws_ended().await)
}
