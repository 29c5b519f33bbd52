//! What keeps secrets in: what the state machine logs, and who looks at a secret's content. What runs leave
//! behind is searched by the end-to-end tests. It must not know what a secret is for.

use crate::read;
use crate::sources;

/// The files that may look at a secret: its own, the contact's check, and the two that hand one on to AWS.
const MAY_LOOK: [&str; 4] = [
    "crates/nameplate/src/resource/registration/contact.rs",
    "crates/nameplate/src/secret.rs",
    "functions/register/src/registrant.rs",
    "functions/resume/src/step.rs",
];

/// The local AWS leaves out the state machine's own log, so that no search can tell.
#[test]
fn the_state_machines_log_holds_no_inputs_and_outputs() {
    let template = read::template();
    let machines = read::resources(&template, "AWS::Serverless::StateMachine");
    assert!(!machines.is_empty());
    for (name, machine) in machines {
        assert_eq!(machine["Properties"]["Logging"]["IncludeExecutionData"], false, "{name}");
    }
}

#[test]
fn only_who_must_looks_at_a_secret() {
    let root = read::root();
    let functions = read::functions().into_iter().map(|function| format!("functions/{function}"));
    let packages = functions.chain(["crates/nameplate", "crates/observe"].map(str::to_owned));
    let mut looking: Vec<String> = packages
        .flat_map(|package| sources::shipped(&package))
        .filter(|file| read::text(file).contains("expose_secret"))
        .map(|file| file.strip_prefix(&root).unwrap_or(&file).display().to_string())
        .collect();
    looking.sort();
    assert_eq!(looking, MAY_LOOK);
}
