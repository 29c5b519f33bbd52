//! The local AWS as the runner talks to it: an environment for SAM CLI and the AWS CLI, and plain signed calls
//! for what is asked several times a second.
//! It must not know Nameplate.

use std::ffi::OsString;
use std::path::PathBuf;

use anyhow::Result;
use local_aws::{AwsClient, KeyPair, LocalAws};

use crate::paths::Paths;
use crate::process::Program;

/// Where the local AWS listens, and with which credentials it is asked.
#[derive(Clone)]
pub(crate) struct Access {
    /// Signed calls, for what is asked several times a second.
    pub(crate) client: AwsClient,
    /// The URL of every service, and of the control API.
    pub(crate) endpoint: String,
    region: String,
    keys: KeyPair,
}

impl Access {
    /// The access of the local AWS's administrator.
    ///
    /// # Errors
    /// When the endpoint is no address of this machine.
    pub(crate) fn new(local_aws: &LocalAws) -> Result<Self> {
        let (endpoint, region, keys) =
            (local_aws.endpoint(), local_aws.region().to_owned(), local_aws.admin_credentials().clone());
        let client = AwsClient::new(&endpoint, &region, keys.clone())?;
        Ok(Self { client, endpoint, region, keys })
    }

    /// The variables that make every AWS tool talk to the local AWS.
    pub(crate) fn variables(&self) -> Vec<(String, String)> {
        [
            ("AWS_ENDPOINT_URL", &self.endpoint),
            ("AWS_REGION", &self.region),
            ("AWS_DEFAULT_REGION", &self.region),
            ("AWS_ACCESS_KEY_ID", &self.keys.access_key_id),
            ("AWS_SECRET_ACCESS_KEY", &self.keys.secret_access_key),
        ]
        .map(|(name, value)| (name.to_owned(), value.clone()))
        .to_vec()
    }
}

/// A program of the SAM environment that talks to the local AWS and to nothing else: the user's own profile,
/// region, proxies and SAM settings stay out, and it reports to nobody.
pub(crate) fn program(paths: &Paths, name: &str, access: Option<&Access>) -> Program {
    let mut program = Program::new(paths.sam_program(name)).dir(paths.root());
    for (variable, _) in std::env::vars_os() {
        let variable = variable.to_string_lossy();
        if variable.starts_with("AWS_") || variable.starts_with("SAM_CLI_") {
            program = program.env_remove(&variable);
        }
    }
    for proxy in ["HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy"] {
        if access.is_some() {
            program = program.env_remove(proxy);
        }
    }
    let nothing = "/dev/null";
    program = program
        .env("PATH", path_with([paths.tools("sam").join("bin")]))
        .env("AWS_CONFIG_FILE", nothing)
        .env("AWS_SHARED_CREDENTIALS_FILE", nothing)
        .env("AWS_EC2_METADATA_DISABLED", "true")
        .env("AWS_PAGER", "")
        .env("AWS_RETRY_MODE", "standard")
        .env("SAM_CLI_TELEMETRY", "0")
        .env("SAM_CLI_POLL_DELAY", "0.2")
        .env("__SAM_CLI_APP_DIR", paths.sam_home());
    match access {
        Some(access) => program.envs(&access.variables()),
        // Nothing is asked of AWS then; the SDK only wants to know a region.
        None => program.env("AWS_DEFAULT_REGION", "us-east-1"),
    }
}

/// The PATH with folders of ours before the user's own.
pub(crate) fn path_with(ours: impl IntoIterator<Item = PathBuf>) -> OsString {
    let theirs = std::env::var_os("PATH").unwrap_or_default();
    std::env::join_paths(ours.into_iter().chain(std::env::split_paths(&theirs))).unwrap_or(theirs)
}
