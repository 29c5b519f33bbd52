//! MiniStack as a child process.
//!
//! Owns its environment, its start, its end and its log. Knows nothing of what it is asked.
//!
//! The child leads a process group of its own: a Ctrl-C in a terminal reaches us alone, and the Lambda processes
//! that MiniStack starts, which stay in that group, end with it. It also ends when the pipe to its standard input
//! closes, so it cannot outlive us even if we are killed hard.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use http::Request;
use rustix::process::{Pid, Signal, kill_process_group};
use tokio::process::{Child, ChildStdin, Command};
use tokio::time::{Instant, sleep, timeout};

use crate::net::{Client, Loopback};
use crate::options::Options;
use crate::sigv4::KeyPair;
use crate::start_error::StartError;

/// Starting takes about a second; on a busy machine, many.
const START_LIMIT: Duration = Duration::from_secs(60);
const POLL: Duration = Duration::from_millis(50);
const STOP_LIMIT: Duration = Duration::from_secs(3);
const LOG_TAIL_BYTES: u64 = 2_000;

/// What runs MiniStack: the first is started, the others are beside it. See the files.
const PROGRAM: [(&str, &str); 6] = [
    ("serve.py", include_str!("serve.py")),
    ("aws_side.py", include_str!("aws_side.py")),
    ("conditions.py", include_str!("conditions.py")),
    ("idle.py", include_str!("idle.py")),
    ("logs.py", include_str!("logs.py")),
    ("messages.py", include_str!("messages.py")),
];

/// The running child. Dropping it ends the whole group.
pub(crate) struct MiniStack {
    child: Child,
    group: Pid,
    /// Held open: its end is the child's end.
    _lifeline: ChildStdin,
    log: PathBuf,
    address: Loopback,
}

impl MiniStack {
    /// Starts MiniStack and waits until it answers. `endpoint` is the URL that the Lambdas shall call and that
    /// MiniStack names in its answers: ours, not its own.
    pub(crate) async fn start(
        options: &Options,
        admin: &KeyPair,
        endpoint: SocketAddr,
        client: &Client,
    ) -> Result<Self, StartError> {
        let work = &options.work_dir;
        let scratch = work.join("tmp");
        let prepare = |error| StartError::WorkDir(work.clone(), error);
        match std::fs::remove_dir_all(&scratch) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(prepare(error)),
            _ => std::fs::create_dir_all(&scratch).map_err(prepare)?,
        }
        // A folder of its own: what is beside the first can be imported, and nothing else shall be.
        let program = scratch.join("program");
        std::fs::create_dir_all(&program).map_err(prepare)?;
        for (name, text) in PROGRAM {
            std::fs::write(program.join(name), text).map_err(prepare)?;
        }
        let port_file = scratch.join("port");
        let log = work.join("ministack.log");
        let output = File::create(&log).map_err(prepare)?;

        let mut command = Command::new(&options.ministack_python);
        command
            .arg(program.join(PROGRAM[0].0))
            .arg(&port_file)
            .env_clear()
            .envs(environment(options, admin, endpoint, &scratch))
            .stdin(Stdio::piped())
            .stdout(output.try_clone().map_err(prepare)?)
            .stderr(output)
            .process_group(0)
            .kill_on_drop(true);
        let mut child = command.spawn().map_err(|error| StartError::Python(options.ministack_python.clone(), error))?;
        let group = child.id().and_then(|id| Pid::from_raw(id.cast_signed()));
        let (Some(group), Some(lifeline)) = (group, child.stdin.take()) else {
            return Err(StartError::MiniStackEnded { status: "at once".to_owned(), log_tail: tail(&log) });
        };
        // From here on dropping `started` ends the group, also when a step below fails.
        let nowhere = Loopback::try_from(endpoint).map_err(|error| StartError::Address(error.to_string()))?;
        let mut started = Self { child, group, _lifeline: lifeline, log, address: nowhere };
        started.wait_until_ready(&port_file, client).await?;
        Ok(started)
    }

    async fn wait_until_ready(&mut self, port_file: &Path, client: &Client) -> Result<(), StartError> {
        let deadline = Instant::now() + START_LIMIT;
        let mut port = None;
        while Instant::now() < deadline {
            if let Ok(Some(status)) = self.child.try_wait() {
                return Err(StartError::MiniStackEnded { status: status.to_string(), log_tail: tail(&self.log) });
            }
            if port.is_none() {
                port = std::fs::read_to_string(port_file).ok().and_then(|text| text.trim().parse::<u16>().ok());
            }
            if let Some(port) = port {
                self.address = Loopback::try_from(SocketAddr::from(([127, 0, 0, 1], port)))
                    .map_err(|error| StartError::Address(error.to_string()))?;
                let ready = Request::get("/_ministack/ready")
                    .header("host", self.address.to_string())
                    .body(bytes::Bytes::new())
                    .expect("a constant request is well formed");
                if client.send(self.address, ready).await.is_ok_and(|answer| answer.status().is_success()) {
                    return Ok(());
                }
            }
            sleep(POLL).await;
        }
        Err(StartError::NotReady { seconds: START_LIMIT.as_secs(), log_tail: tail(&self.log) })
    }

    /// Where it listens.
    pub(crate) fn address(&self) -> Loopback {
        self.address
    }

    /// Its process group, in which its Lambdas are too.
    pub(crate) fn group(&self) -> Pid {
        self.group
    }

    /// How it ended, if it has, with the end of its log.
    pub(crate) async fn ended(&mut self) -> StartError {
        let status = self.child.wait().await.map_or_else(|error| error.to_string(), |status| status.to_string());
        StartError::MiniStackEnded { status, log_tail: tail(&self.log) }
    }

    /// Ends the group: politely, then not.
    pub(crate) async fn stop(mut self) {
        // An error means that there is nobody left to end.
        let _gone = kill_process_group(self.group, Signal::TERM);
        let _late = timeout(STOP_LIMIT, self.child.wait()).await;
    }
}

impl Drop for MiniStack {
    fn drop(&mut self) {
        let _gone = kill_process_group(self.group, Signal::KILL);
    }
}

/// All that MiniStack is told. Nothing is inherited but what a process needs to run: the caller's own AWS profile
/// and proxies must not leak into the emulator or the Lambdas.
fn environment(
    options: &Options,
    admin: &KeyPair,
    endpoint: SocketAddr,
    scratch: &Path,
) -> Vec<(&'static str, std::ffi::OsString)> {
    let mut environment: Vec<(&'static str, std::ffi::OsString)> = ["PATH", "HOME", "LANG", "LC_ALL"]
        .into_iter()
        .filter_map(|name| Some((name, std::env::var_os(name)?)))
        .collect();
    for (name, value) in [
        ("AUTH", "true".to_owned()),
        ("AWS_ACCESS_KEY_ID", admin.access_key_id.clone()),
        ("AWS_SECRET_ACCESS_KEY", admin.secret_access_key.clone()),
        ("AWS_ENDPOINT_URL", format!("http://{endpoint}")),
        ("AWS_EC2_METADATA_DISABLED", "true".to_owned()),
        ("MINISTACK_ACCOUNT_ID", options.account_id.clone()),
        ("MINISTACK_REGION", options.region.clone()),
        // MiniStack listens elsewhere; these make the URLs in its answers.
        ("MINISTACK_HOST", "localhost".to_owned()),
        ("GATEWAY_PORT", endpoint.port().to_string()),
        ("LAMBDA_EXECUTOR", "local".to_owned()),
        ("SFN_WAIT_SCALE", options.wait_scale.to_string()),
        ("IOT_MTLS_ENABLED", "0".to_owned()),
        ("SFTP_ENABLED", "0".to_owned()),
        ("DOCKER_HOST", "unix:///nonexistent".to_owned()),
        ("LOG_LEVEL", "INFO".to_owned()),
        ("NO_PROXY", "*".to_owned()),
        ("PYTHONDONTWRITEBYTECODE", "1".to_owned()),
        ("PYTHONUNBUFFERED", "1".to_owned()),
    ] {
        environment.push((name, value.into()));
    }
    for (name, folder) in [("TMPDIR", ""), ("STATE_DIR", "state"), ("S3_DATA_DIR", "s3")] {
        environment.push((name, scratch.join(folder).into()));
    }
    environment
}

/// The end of the log, from a line's beginning.
fn tail(log: &Path) -> String {
    let read = || -> std::io::Result<String> {
        let mut file = File::open(log)?;
        let length = file.metadata()?.len();
        let from = length.saturating_sub(LOG_TAIL_BYTES);
        file.seek(SeekFrom::Start(from))?;
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes)?;
        let text = String::from_utf8_lossy(&bytes).into_owned();
        Ok(if from == 0 { text } else { text.split_once('\n').map_or(text.clone(), |(_, rest)| rest.to_owned()) })
    };
    match read() {
        Ok(text) if text.trim().is_empty() => "(its log is empty)".to_owned(),
        Ok(text) => text,
        Err(error) => format!("(its log cannot be read: {error})"),
    }
}
