//! The local AWS as the runner talks to it: an environment for SAM CLI and the AWS CLI, and plain signed calls
//! for what is asked several times a second.
//! It must not know Nameplate.

use std::time::SystemTime;

use anyhow::{Context, Result, anyhow, bail};
use aws_credential_types::Credentials;
use aws_sigv4::http_request::{SignableBody, SignableRequest, SigningSettings, sign};
use aws_sigv4::sign::v4;
use aws_smithy_runtime_api::client::identity::Identity;
use bytes::Bytes;
use hyper::Request;
use serde_json::Value;

use crate::http;
use crate::paths::Paths;
use crate::process::Program;

/// Where the local AWS listens, and with which credentials it is asked.
#[derive(Clone)]
pub(crate) struct Access {
    pub(crate) port: u16,
    pub(crate) region: String,
    pub(crate) access_key_id: String,
    pub(crate) secret_access_key: String,
}

impl Access {
    /// The URL of every service, and of the control API.
    pub(crate) fn endpoint(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// The variables that make every AWS tool talk to the local AWS.
    pub(crate) fn variables(&self) -> Vec<(String, String)> {
        [
            ("AWS_ENDPOINT_URL", self.endpoint().as_str()),
            ("AWS_REGION", &self.region),
            ("AWS_DEFAULT_REGION", &self.region),
            ("AWS_ACCESS_KEY_ID", &self.access_key_id),
            ("AWS_SECRET_ACCESS_KEY", &self.secret_access_key),
        ]
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .to_vec()
    }

    /// One call of a service that speaks JSON 1.0 or 1.1; `target` as in `AWSStepFunctions.DescribeExecution`.
    ///
    /// # Errors
    /// When no answer comes, or it is an error: then with AWS's name and message for it.
    pub(crate) async fn call(&self, service: &str, target: &str, body: &Value) -> Result<Value> {
        let body = Bytes::from(body.to_string());
        let host = format!("127.0.0.1:{}", self.port);
        let request = Request::post("/")
            .header("host", &host)
            .header("content-type", "application/x-amz-json-1.1")
            .header("x-amz-target", target)
            .body(body)
            .context("cannot form a request")?;
        let answer = http::send(self.port, self.signed(request, service)?).await.with_context(|| target.to_owned())?;
        let status = answer.status();
        let value: Value = serde_json::from_slice(answer.body())
            .with_context(|| format!("{target}: the answer (HTTP {status}) is no JSON"))?;
        if !status.is_success() {
            let code = value["__type"].as_str().unwrap_or("unknown error");
            let message = value["message"].as_str().or(value["Message"].as_str()).unwrap_or_default();
            bail!("{target}: {code} (HTTP {status}) {message}");
        }
        Ok(value)
    }

    /// Signs with Signature Version 4.
    fn signed(&self, mut request: Request<Bytes>, service: &str) -> Result<Request<Bytes>> {
        let identity: Identity =
            Credentials::new(&self.access_key_id, &self.secret_access_key, None, None, "local-aws").into();
        let params = v4::SigningParams::builder()
            .identity(&identity)
            .region(&self.region)
            .name(service)
            .time(SystemTime::now())
            .settings(SigningSettings::default())
            .build()?
            .into();
        let headers = request
            .headers()
            .iter()
            .map(|(name, value)| (name.as_str(), value.to_str().expect("the headers set above are ASCII")));
        let url = format!("{}{}", self.endpoint(), request.uri());
        let signable = SignableRequest::new("POST", url, headers, SignableBody::Bytes(request.body()))
            .map_err(|error| anyhow!("cannot sign: {error}"))?;
        let (instructions, _) = sign(signable, &params).map_err(|error| anyhow!("cannot sign: {error}"))?.into_parts();
        instructions.apply_to_request_http1x(&mut request);
        Ok(request)
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
        .env("PATH", path_with_tools(paths))
        .env("AWS_CONFIG_FILE", nothing)
        .env("AWS_SHARED_CREDENTIALS_FILE", nothing)
        .env("AWS_EC2_METADATA_DISABLED", "true")
        .env("AWS_PAGER", "")
        .env("AWS_RETRY_MODE", "standard")
        .env("SAM_CLI_TELEMETRY", "0")
        .env("SAM_CLI_POLL_DELAY", "0.2")
        .env("__SAM_CLI_APP_DIR", paths.target().join("sam").join("home"));
    match access {
        Some(access) => program.envs(&access.variables()),
        // Nothing is asked of AWS then; the SDK only wants to know a region.
        None => program.env("AWS_DEFAULT_REGION", "us-east-1"),
    }
}

/// The PATH with our tools before the user's own.
pub(crate) fn path_with_tools(paths: &Paths) -> std::ffi::OsString {
    let ours = paths.tools("sam").join("bin");
    let theirs = std::env::var_os("PATH").unwrap_or_default();
    std::env::join_paths(std::iter::once(ours).chain(std::env::split_paths(&theirs))).unwrap_or(theirs)
}
