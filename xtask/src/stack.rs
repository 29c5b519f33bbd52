//! The stack: built and deployed with SAM CLI from the very `template.yaml` that goes to AWS.
//! It must not know what the stack does when it is started.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context, Result, anyhow};
use http::Method;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::aws::{self, Access};
use crate::lambdas;
use crate::paths::Paths;
use crate::progress::Stage;

/// Name of the stack, here as in samconfig.toml.
pub(crate) const STACK_NAME: &str = "nameplate";
/// What a local stack may spend, in play money; the template's own default is 0.
pub(crate) const BUDGET_USD: u32 = 100;
/// Step Functions' waits and retry intervals, as a part of what they are on AWS: what the local AWS makes us
/// wait for takes seconds, not minutes. Time-outs are not scaled.
pub(crate) const WAIT_SCALE: f64 = 0.05;
/// The secret that a request names unless it says otherwise.
const CONTACT_SECRET: &str = "nameplate/contact";

/// A deployed stack.
#[derive(Clone)]
pub(crate) struct Deployed {
    pub(crate) access: Access,
    pub(crate) state_machine: String,
    retire_state_machine: String,
    undeliverable_queue: String,
    pub(crate) table: String,
    pub(crate) bus: String,
}

impl Deployed {
    /// The variables for another terminal and for the end-to-end tests.
    pub(crate) fn variables(&self) -> Vec<(String, String)> {
        let mut variables = self.access.variables();
        for (name, value) in [
            ("NAMEPLATE_STATE_MACHINE_ARN", self.state_machine.clone()),
            ("NAMEPLATE_RETIRE_STATE_MACHINE_ARN", self.retire_state_machine.clone()),
            ("NAMEPLATE_TABLE", self.table.clone()),
            ("NAMEPLATE_BUS", self.bus.clone()),
            ("NAMEPLATE_UNDELIVERABLE_QUEUE_URL", self.undeliverable_queue.clone()),
            ("NAMEPLATE_LOCAL", self.access.endpoint.clone()),
        ] {
            variables.push((name.to_owned(), value));
        }
        variables
    }
}

/// Has SAM CLI put the Lambdas, which are built, beside the template, unless that has been done already.
///
/// # Errors
/// When SAM CLI refuses the template.
pub(crate) async fn build(paths: &Paths, verbose: bool) -> Result<()> {
    let architecture = lambdas::host_architecture()?;
    let inputs = inputs(paths, architecture)?;
    let stamp = paths.target().join("sam").join("inputs");
    if is_built(paths, &inputs, &stamp)? {
        return Ok(());
    }
    let stage = Stage::start("sam build");
    remove_if_there(&stamp)?;
    let settings = own_settings(paths)?;
    let program = aws::program(paths, "sam", None)
        .args(["build", "--template-file", "template.yaml"])
        .args(["--config-file".as_ref(), settings.as_os_str()])
        .args(["--build-dir".as_ref(), paths.sam_build().as_os_str()])
        .args(["--parameter-overrides", &format!("Architecture={architecture}")])
        .log(paths.logs().join("sam-build.log"))
        .status(stage.status())
        .echo(verbose);
    lambdas::with_local_binaries(program, paths).run().await?;
    std::fs::write(&stamp, inputs).with_context(|| format!("cannot write {}", stamp.display()))?;
    stage.done("");
    Ok(())
}

/// Deploys what `build` made, and puts the contact of a person who does not exist into the secret.
///
/// # Errors
/// When SAM CLI or CloudFormation fail, or the stack lacks an output that we need.
pub(crate) async fn deploy(paths: &Paths, access: &Access, verbose: bool) -> Result<Deployed> {
    let architecture = lambdas::host_architecture()?;
    let stage = Stage::start("sam deploy");
    let settings = own_settings(paths)?;
    aws::program(paths, "sam", Some(access))
        .args(["deploy", "--stack-name", STACK_NAME, "--capabilities", "CAPABILITY_IAM"])
        .args(["--template-file".as_ref(), paths.sam_build().join("template.yaml").as_os_str()])
        .args(["--config-file".as_ref(), settings.as_os_str()])
        .args(["--resolve-s3", "--no-confirm-changeset", "--no-progressbar", "--parameter-overrides"])
        .args([format!("Architecture={architecture}"), format!("RegistrationBudgetUsd={BUDGET_USD}")])
        .log(paths.logs().join("sam-deploy.log"))
        .status(stage.status())
        .echo(verbose)
        .run()
        .await?;
    let description = aws::program(paths, "aws", Some(access))
        .args(["cloudformation", "describe-stacks", "--stack-name", STACK_NAME, "--output", "json"])
        .run()
        .await?;
    let outputs = outputs(&description)?;
    let output = |name: &str| {
        outputs
            .get(name)
            .cloned()
            .ok_or_else(|| anyhow!("the stack has no output `{name}`; template.yaml must have it"))
    };
    let deployed = Deployed {
        access: access.clone(),
        state_machine: output("StateMachineArn")?,
        retire_state_machine: output("RetireStateMachineArn")?,
        undeliverable_queue: output("UndeliverableQueueUrl")?,
        table: output("TableName")?,
        bus: output("EventBusName")?,
    };
    let secret = json!({
        "Name": CONTACT_SECRET,
        "SecretString": contact().to_string(),
        "ClientRequestToken": "00000000-0000-4000-8000-000000000001",
    });
    access.client.json("secretsmanager", "secretsmanager.CreateSecret", &secret).await?;
    scale_settling_time(access).await?;
    stage.done("");
    Ok(deployed)
}

/// How long a function waits after an unclear answer, in seconds of AWS (`nameplate::function::runtime::SETTLING_SECS`).
const SETTLING_SECS: f64 = 120.0;
/// The functions that do.
const SETTLING: [&str; 4] = ["CorrectDelegation", "DeleteRecords", "PlanRetire", "Register"];

/// The state machine waits a fraction of its time here; its functions must not wait longer than it does.
async fn scale_settling_time(access: &Access) -> Result<()> {
    let list = access.client.rest_json("lambda", Method::GET, "/2015-03-31/functions/?MaxItems=50", None).await?;
    let functions = list["Functions"].as_array().map(Vec::as_slice).unwrap_or_default();
    for kind in SETTLING {
        let name = format!("-{kind}Function-");
        let function = functions
            .iter()
            .find(|function| function["FunctionName"].as_str().is_some_and(|found| found.contains(&name)))
            .ok_or_else(|| anyhow!("the stack has no {kind}Function"))?;
        let mut environment = function["Environment"].clone();
        environment["Variables"]["NAMEPLATE_SETTLING_SECS"] = json!((SETTLING_SECS * WAIT_SCALE).to_string());
        let name = function["FunctionName"].as_str().unwrap_or_default();
        let path = format!("/2015-03-31/functions/{name}/configuration");
        access.client.rest_json("lambda", Method::PUT, &path, Some(&json!({ "Environment": environment }))).await?;
    }
    Ok(())
}

/// Nobody's contact: example.com and the 555-01xx numbers are reserved for this (RFC 2606; NANPA).
fn contact() -> Value {
    json!({
        "firstName": "Erin",
        "lastName": "Example",
        "contactType": "PERSON",
        "addressLine1": "100 Example Street",
        "city": "Seattle",
        "state": "WA",
        "countryCode": "US",
        "zipCode": "98101",
        "phoneNumber": "+1.2065550100",
        "email": "erin@example.com",
    })
}

/// The outputs in the AWS CLI's answer to describe-stacks.
fn outputs(description: &str) -> Result<BTreeMap<String, String>> {
    let value: Value = serde_json::from_str(description).context("describe-stacks did not answer with JSON")?;
    let outputs = value["Stacks"][0]["Outputs"].as_array().map(Vec::as_slice).unwrap_or_default();
    Ok(outputs
        .iter()
        .filter_map(|output| {
            Some((output["OutputKey"].as_str()?.to_owned(), output["OutputValue"].as_str()?.to_owned()))
        })
        .collect())
}

/// A settings file of our own for SAM CLI: what a user saved in samconfig.toml is for their own AWS account.
fn own_settings(paths: &Paths) -> Result<std::path::PathBuf> {
    let folder = paths.target().join("sam");
    let file = folder.join("samconfig.toml");
    std::fs::create_dir_all(&folder)
        .and_then(|()| std::fs::write(&file, "version = 0.1\n"))
        .with_context(|| format!("cannot write {}", file.display()))?;
    Ok(file)
}

/// Everything but the binaries that decides what `sam build` makes.
fn inputs(paths: &Paths, architecture: &str) -> Result<String> {
    let mut hash = Sha256::new();
    for name in ["template.yaml", "tools/sam.txt"] {
        let file = paths.at(name);
        hash.update(std::fs::read(&file).with_context(|| format!("cannot read {}", file.display()))?);
    }
    let digest: String = hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
    Ok(format!("{architecture} {digest}\n"))
}

/// Whether the last `sam build` had the same inputs and the same binaries.
fn is_built(paths: &Paths, inputs: &str, stamp: &Path) -> Result<bool> {
    if !std::fs::read_to_string(stamp).is_ok_and(|found| found == inputs) {
        return Ok(false);
    }
    for name in lambdas::names(paths)? {
        let built = paths.sam_build().join(lambdas::resource(&name)).join("bootstrap");
        let fresh = lambdas::local_binary(paths, &name);
        match (std::fs::read(&built), std::fs::read(&fresh)) {
            (Ok(built), Ok(fresh)) if built == fresh => {}
            _ => return Ok(false),
        }
    }
    Ok(paths.sam_build().join("template.yaml").is_file())
}

fn remove_if_there(file: &Path) -> Result<()> {
    match std::fs::remove_file(file) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(error).with_context(|| format!("cannot remove {}", file.display()))
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn outputs_are_read_by_name() {
        let answer =
            r#"{"Stacks": [{"Outputs": [{"OutputKey": "TableName", "OutputValue": "t", "Description": "x"}]}]}"#;
        assert_eq!(outputs(answer).unwrap(), BTreeMap::from([("TableName".to_owned(), "t".to_owned())]));
        assert!(outputs(r#"{"Stacks": [{}]}"#).unwrap().is_empty());
    }
}
