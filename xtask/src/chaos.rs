//! `cargo xtask chaos`: deploys, then has the crash explorer (tests/chaos) run its cases on the local AWS.
//! It must not know the cases.

use anyhow::{Result, bail};

use crate::binary;
use crate::paths::Paths;
use crate::process::Program;
use crate::stack::Deployed;
use crate::world::World;

/// What the crash explorer takes; `cargo xtask chaos --help` shows it.
#[derive(clap::Args)]
#[command(disable_help_flag = true)]
pub(crate) struct Args {
    /// Handed on to the crash explorer
    #[arg(trailing_var_arg = true, allow_hyphen_values = true, value_name = "OPTION")]
    options: Vec<String>,
}

/// Runs the cases.
///
/// # Errors
/// When something cannot be prepared, or a case deviates.
pub(crate) async fn run(args: &Args, paths: &Paths, world: &mut World) -> Result<()> {
    if args.options.iter().any(|option| option == "--help" || option == "-h") {
        return explorer(paths, &args.options, &[]).await;
    }
    let deployed = world.deploy(paths, 0, false).await?;
    explore(paths, &deployed, &args.options).await
}

/// Runs the crash explorer on a deployed stack.
///
/// # Errors
/// When a case deviates.
pub(crate) async fn explore(paths: &Paths, deployed: &Deployed, options: &[String]) -> Result<()> {
    explorer(paths, options, &deployed.variables()).await
}

async fn explorer(paths: &Paths, options: &[String], variables: &[(String, String)]) -> Result<()> {
    let status = Program::new(binary::built(paths, "chaos", &[]).await?)
        .args(options)
        .envs(variables)
        .dir(paths.root())
        .run_in_view()
        .await?;
    if !status.success() {
        bail!("the crash explorer found something, or could not run; see above");
    }
    Ok(())
}
