//! Who calls, and whether IAM lets them.
//!
//! Owns the relation between access keys and callers. MiniStack derives a Lambda's temporary credentials from the
//! ARNs of the function and its role (its `core/lambda_runtime.py`, `execution_credentials`); the list of functions
//! therefore tells which key is whose. Must not know what is asked for.

use std::collections::HashMap;
use std::sync::Mutex;

use bytes::Bytes;
use http::{Method, Request};
use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::emulator::{Emulator, EmulatorError};
use crate::lock::lock;
use crate::sigv4::{KeyPair, Scope, verify};

/// Who made a call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Caller {
    /// The account's administrator: may all.
    Admin,
    /// A Lambda function or a state machine, by the key of its role's session.
    Function { name: String, role: String, keys: KeyPair },
    /// An IAM user. We do not have its secret, so its signature is not checked by us.
    User { name: String },
    /// A key that we do not know.
    Unknown { access_key_id: String },
    /// Nobody signed.
    Nobody,
}

impl Caller {
    /// As it stands in the record.
    pub(crate) fn label(&self) -> String {
        match self {
            Self::Admin => "admin".to_owned(),
            Self::Function { name, .. } => name.clone(),
            Self::User { name } => format!("user/{name}"),
            Self::Unknown { access_key_id } => access_key_id.clone(),
            Self::Nobody => "-".to_owned(),
        }
    }
}

/// Why a call is refused.
#[derive(Debug)]
pub(crate) enum Denial {
    /// The signature is not the caller's, or nobody knows the key.
    NotAuthentic,
    /// IAM does not allow it: the principal's ARN and the action.
    NotAllowed { principal: String, action: String },
    /// IAM could not be asked.
    Unasked(EmulatorError),
}

/// The callers that have been met.
pub(crate) struct Identity {
    admin: KeyPair,
    account_id: String,
    known: Mutex<HashMap<String, Caller>>,
}

impl Identity {
    pub(crate) fn new(admin: KeyPair, account_id: String) -> Self {
        Self { admin, account_id, known: Mutex::default() }
    }

    /// Whose key it is. Asks MiniStack when a key is seen for the first time.
    pub(crate) async fn caller(&self, emulator: &Emulator, access_key_id: &str) -> Caller {
        if access_key_id == self.admin.access_key_id {
            return Caller::Admin;
        }
        if let Some(caller) = lock(&self.known).get(access_key_id) {
            return caller.clone();
        }
        let mut callers = functions(emulator).await.unwrap_or_default();
        callers.extend(state_machines(emulator).await.unwrap_or_default());
        let mut found = None;
        for caller in callers {
            let Caller::Function { keys, .. } = &caller else { continue };
            if keys.access_key_id == access_key_id {
                found = Some(caller.clone());
            }
            lock(&self.known).insert(keys.access_key_id.clone(), caller);
        }
        if found.is_none() {
            found = user(emulator, access_key_id).await;
            if let Some(user) = &found {
                lock(&self.known).insert(access_key_id.to_owned(), user.clone());
            }
        }
        found.unwrap_or_else(|| Caller::Unknown { access_key_id: access_key_id.to_owned() })
    }

    /// Checks the signature, where we can, and asks IAM for each of `actions`, on any resource.
    pub(crate) async fn authorize(
        &self,
        emulator: &Emulator,
        caller: &Caller,
        scope: &Scope,
        request: &Request<Bytes>,
        actions: &[String],
    ) -> Result<(), Denial> {
        let account = &self.account_id;
        let (policy_source, principal) = match caller {
            Caller::Admin if verify(request, scope, &self.admin) => return Ok(()),
            Caller::Function { name, role, keys } if verify(request, scope, keys) => {
                let role_name = role.rsplit('/').next().unwrap_or_default();
                (
                    format!("arn:aws:iam::{account}:role/{role_name}"),
                    format!("arn:aws:sts::{account}:assumed-role/{role_name}/{name}"),
                )
            }
            Caller::User { name } => {
                let arn = format!("arn:aws:iam::{account}:user/{name}");
                (arn.clone(), arn)
            }
            _ => return Err(Denial::NotAuthentic),
        };
        let mut fields = vec![
            ("Action".to_owned(), "SimulatePrincipalPolicy"),
            ("Version".to_owned(), "2010-05-08"),
            ("PolicySourceArn".to_owned(), policy_source.as_str()),
        ];
        for (index, action) in actions.iter().enumerate() {
            fields.push((format!("ActionNames.member.{}", index + 1), action));
        }
        let fields: Vec<(&str, &str)> = fields.iter().map(|(name, value)| (name.as_str(), *value)).collect();
        let decisions = emulator.query("iam", &fields).await.map_err(Denial::Unasked)?;
        match first_refused(&decisions, actions) {
            None => Ok(()),
            Some(action) => Err(Denial::NotAllowed { principal, action }),
        }
    }
}

/// The first action that a SimulatePrincipalPolicy answer does not allow.
fn first_refused(answer: &str, actions: &[String]) -> Option<String> {
    let element = |text: &str, name: &str| {
        let text = text.split_once(&format!("<{name}>"))?.1;
        text.split_once(&format!("</{name}>")).map(|(value, _)| value.to_owned())
    };
    let allowed: Vec<String> = answer
        .split("<member>")
        .skip(1)
        .filter(|member| element(member, "EvalDecision").as_deref() == Some("allowed"))
        .filter_map(|member| element(member, "EvalActionName"))
        .collect();
    actions.iter().find(|action| !allowed.contains(action)).cloned()
}

async fn functions(emulator: &Emulator) -> Result<Vec<Caller>, EmulatorError> {
    let mut callers = Vec::new();
    let mut marker = String::new();
    loop {
        let target = format!("/2015-03-31/functions/?MaxItems=50{marker}");
        let page = emulator.rest_json("lambda", Method::GET, &target, None).await?;
        for function in page["Functions"].as_array().into_iter().flatten() {
            let field = |name: &str| function[name].as_str().unwrap_or_default().to_owned();
            let (arn, role) = (field("FunctionArn"), field("Role"));
            callers.push(Caller::Function {
                keys: execution_credentials(&arn, &role),
                name: field("FunctionName"),
                role,
            });
        }
        match page["NextMarker"].as_str().filter(|next| !next.is_empty()) {
            Some(next) => marker = format!("&Marker={}", crate::emulator::encode(next)),
            None => return Ok(callers),
        }
    }
}

/// The state machines; `aws_side.py` derives their keys as MiniStack derives those of functions.
async fn state_machines(emulator: &Emulator) -> Result<Vec<Caller>, EmulatorError> {
    let mut callers = Vec::new();
    let mut input = serde_json::json!({});
    loop {
        let page = emulator.json("states", "AWSStepFunctions.ListStateMachines", &input).await?;
        for machine in page["stateMachines"].as_array().into_iter().flatten() {
            let arn = machine["stateMachineArn"].as_str().unwrap_or_default();
            let input = serde_json::json!({ "stateMachineArn": arn });
            let machine = emulator.json("states", "AWSStepFunctions.DescribeStateMachine", &input).await?;
            let role = machine["roleArn"].as_str().unwrap_or_default();
            callers.push(Caller::Function {
                name: machine["name"].as_str().unwrap_or_default().to_owned(),
                keys: execution_credentials(arn, role),
                role: role.to_owned(),
            });
        }
        match page["nextToken"].as_str() {
            Some(next) => input["nextToken"] = serde_json::json!(next),
            None => return Ok(callers),
        }
    }
}

/// The user that has this key, if any.
async fn user(emulator: &Emulator, access_key_id: &str) -> Option<Caller> {
    let fields = [("Action", "GetAccessKeyLastUsed"), ("Version", "2010-05-08"), ("AccessKeyId", access_key_id)];
    let answer = emulator.query("iam", &fields).await.ok()?;
    let name = answer.split_once("<UserName>")?.1.split_once("</UserName>")?.0.to_owned();
    Some(Caller::User { name })
}

/// The credentials that MiniStack gives to a function, and `aws_side.py` to whatever else uses a role.
pub(crate) fn execution_credentials(function_arn: &str, role_arn: &str) -> KeyPair {
    let hex = |text: &str| Sha256::digest(text).iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    let digest = hex(&format!("{function_arn}:{role_arn}"));
    KeyPair {
        access_key_id: format!("ASIA{}", digest[..16].to_uppercase()),
        secret_access_key: hex(&format!("secret:{digest}")),
        session_token: Some(hex(&format!("token:{digest}"))),
    }
}

/// The error code and message of AWS for a signature that does not hold.
pub(crate) fn not_authentic() -> Value {
    serde_json::json!({
        "__type": "UnrecognizedClientException",
        "message": "The security token included in the request is invalid.",
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const ANSWER: &str = "<EvaluationResults><member><EvalActionName>route53domains:RegisterDomain</EvalActionName>\
        <EvalDecision>allowed</EvalDecision></member><member><EvalActionName>route53:CreateHostedZone</EvalActionName>\
        <EvalDecision>implicitDeny</EvalDecision></member></EvaluationResults>";

    #[test]
    fn an_action_is_refused_unless_iam_says_allowed() {
        let actions = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
        assert_eq!(first_refused(ANSWER, &actions(&["route53domains:RegisterDomain"])), None);
        assert_eq!(
            first_refused(ANSWER, &actions(&["route53domains:RegisterDomain", "route53:CreateHostedZone"])).as_deref(),
            Some("route53:CreateHostedZone")
        );
        assert_eq!(first_refused(ANSWER, &actions(&["acm:ListCertificates"])).as_deref(), Some("acm:ListCertificates"));
        assert_eq!(first_refused("", &actions(&["acm:ListCertificates"])).as_deref(), Some("acm:ListCertificates"));
    }

    /// Values from `execution_credentials` of MiniStack 1.5.33.
    #[test]
    fn a_functions_key_is_derived_as_ministack_does() {
        let keys = execution_credentials(
            "arn:aws:lambda:us-east-1:000000000000:function:plan",
            "arn:aws:iam::000000000000:role/plan-role",
        );
        assert_eq!(keys.access_key_id, "ASIA73DA268E2F1769A8");
        assert_eq!(&keys.secret_access_key[..16], "199153339d2bcdaa");
    }
}
