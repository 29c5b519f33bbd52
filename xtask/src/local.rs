//! `cargo xtask local`: the local AWS with the stack on it, until Ctrl-C.
//! It must not know what is done with it.

use anyhow::Result;
use serde_json::json;

use crate::backend::Backend;
use crate::example;
use crate::paths::Paths;
use crate::progress::note;
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
    // What the local AWS brings requests to must be on this machine.
    let backend = Backend::start().await?;
    let deployed = world.deploy(paths, args.port, args.verbose).await?;
    world.write_env_file(paths, &deployed)?;
    note(format!(
        "\nThe local AWS listens at {endpoint}, with the stack deployed, and a backend for the example at {backend}.\n\
         In another terminal, here:\n\n{commands}\n\
         Faults, time, the registry and the customer's DNS: {readme}.\n\
         What runs inside is logged below {logs}. Ctrl-C ends it.",
        endpoint = deployed.access.endpoint,
        backend = backend.url(),
        commands = commands(&paths.shown(&paths.env_file()), &backend.url()),
        readme = paths.shown(&paths.at("crates/local-aws/README.md")),
        logs = paths.shown(&paths.local_aws()),
    ));
    Err(world.local_aws_ended().await)
}

/// What can be done, as lines for a shell: all at once, or one after the other.
fn commands(env: &str, backend: &str) -> String {
    let request = quoted(&example::request(example::DOMAIN, backend));
    let curl = example::curl(&format!("api.{}", example::DOMAIN), "\"$AWS_ENDPOINT_URL\"");
    let retirement = quoted(&json!({ "domainName": example::DOMAIN, "confirm": example::DOMAIN }).to_string());
    format!(
        "  . {env}\n\n  \
         # Put a name live, wait for the end, ask the name\n  \
         run=$(aws stepfunctions start-execution --state-machine-arn \"$NAMEPLATE_STATE_MACHINE_ARN\" --query executionArn --output text --input {request})\n  \
         while [ \"$(aws stepfunctions describe-execution --execution-arn \"$run\" --query status --output text)\" = RUNNING ]; do sleep 1; done\n  \
         aws stepfunctions describe-execution --execution-arn \"$run\" --query '[status, output || cause]' --output text\n  \
         {curl}\n\n  \
         # What was called, and the events that could not be delivered\n  \
         curl \"$NAMEPLATE_LOCAL/_local/calls?execution=$run\"\n  \
         aws sqs receive-message --endpoint-url \"$AWS_ENDPOINT_URL\" --queue-url \"$NAMEPLATE_UNDELIVERABLE_QUEUE_URL\"\n\n  \
         # Take it all away again\n  \
         aws stepfunctions start-execution --state-machine-arn \"$NAMEPLATE_RETIRE_STATE_MACHINE_ARN\" --input {retirement}\n"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_commands_reach_a_shell_as_they_are_meant() {
        let backend = "http://127.0.0.1:1/it's";
        // Both programs tell, one word to a line, what they are asked.
        let told =
            "told() { printf '%s\\n' \"$@\" >&2; }\naws() { told \"$@\"; echo ENDED; }\ncurl() { told \"$@\"; }\n";
        let script = format!(
            "set -eu\nAWS_ENDPOINT_URL=http://x NAMEPLATE_LOCAL=http://x NAMEPLATE_STATE_MACHINE_ARN=made \
             NAMEPLATE_RETIRE_STATE_MACHINE_ARN=retired NAMEPLATE_UNDELIVERABLE_QUEUE_URL=queue\n{told}{}",
            commands("/dev/null", backend)
        );
        let output = std::process::Command::new("sh").args(["-c", &script]).output().unwrap();
        let words = String::from_utf8(output.stderr).unwrap();
        assert!(output.status.success(), "{words}");
        let words: Vec<&str> = words.lines().collect();
        for word in [
            example::request(example::DOMAIN, backend).as_str(),
            "made",
            "ENDED",
            "Host: api.my-ai-service.com",
            "http://x/v1/chat/completions",
            "http://x/_local/calls?execution=ENDED",
            "queue",
            "retired",
            r#"{"confirm":"my-ai-service.com","domainName":"my-ai-service.com"}"#,
        ] {
            assert!(words.contains(&word), "{word} is not among {words:#?}");
        }
    }
}
