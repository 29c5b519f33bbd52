//! Other programs: started in a process group of their own, watched, logged, and never left behind.
//! It must not know which programs they are.
//!
//! A group of its own keeps Ctrl-C in the terminal away from the child, so that it is us who stop things, in order.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow};
use rustix::process::{Pid, Signal, kill_process_group};
use tokio::io::{AsyncBufReadExt, AsyncRead, BufReader};
use tokio::process::{Child, Command};
use tokio::sync::mpsc;

use crate::progress::{Status, note};

/// How long a group that was asked to end may take before it is killed.
const GRACE: Duration = Duration::from_secs(3);
/// Lines of a failed program that are shown; all of them are in its log.
const TAIL_LINES: usize = 30;

/// A program to run, and how.
pub(crate) struct Program {
    command: Command,
    shown: String,
    log: Option<PathBuf>,
    status: Option<Status>,
    echo: bool,
}

/// What a program printed, and how it ended.
pub(crate) struct Output {
    pub(crate) status: ExitStatus,
    pub(crate) stdout: String,
    /// Every line on standard output or standard error, in the order in which they came.
    pub(crate) lines: Vec<String>,
}

impl Program {
    /// A program that inherits our environment without what cargo set for us: build scripts must see
    /// the same environment whether cargo was started by us or by hand.
    pub(crate) fn new(program: impl AsRef<OsStr>) -> Self {
        let mut command = Command::new(program.as_ref());
        for (name, _) in std::env::vars_os() {
            let text = name.to_string_lossy();
            let set_by_cargo = ["CARGO_PKG_", "CARGO_MANIFEST_", "CARGO_BIN_", "CARGO_CRATE_"]
                .iter()
                .any(|prefix| text.starts_with(prefix));
            if set_by_cargo || text == "CARGO" || text == "CARGO_PRIMARY_PACKAGE" {
                command.env_remove(&name);
            }
        }
        command.stdin(Stdio::null()).process_group(0).kill_on_drop(true);
        let shown = Path::new(program.as_ref())
            .file_name()
            .map_or_else(String::new, |name| name.to_string_lossy().into_owned());
        Self { command, shown, log: None, status: None, echo: false }
    }

    pub(crate) fn args<S: AsRef<OsStr>>(mut self, args: impl IntoIterator<Item = S>) -> Self {
        for arg in args {
            self.shown.push(' ');
            self.shown.push_str(&arg.as_ref().to_string_lossy());
            self.command.arg(arg);
        }
        self
    }

    pub(crate) fn env(mut self, name: &str, value: impl AsRef<OsStr>) -> Self {
        self.command.env(name, value);
        self
    }

    pub(crate) fn envs(mut self, set: &[(String, String)]) -> Self {
        self.command.envs(set.iter().map(|(name, value)| (name, value)));
        self
    }

    pub(crate) fn env_remove(mut self, name: &str) -> Self {
        self.command.env_remove(name);
        self
    }

    pub(crate) fn dir(mut self, dir: &Path) -> Self {
        self.command.current_dir(dir);
        self
    }

    /// Everything that the program prints also goes to this file.
    pub(crate) fn log(mut self, file: PathBuf) -> Self {
        self.log = Some(file);
        self
    }

    /// The last line that the program printed is shown beside its stage.
    pub(crate) fn status(mut self, status: Status) -> Self {
        self.status = Some(status);
        self
    }

    /// Everything that the program prints also goes to our standard error.
    pub(crate) fn echo(mut self, echo: bool) -> Self {
        self.echo = echo;
        self
    }

    /// Runs the program with its output going where ours goes, and says how it ended.
    ///
    /// # Errors
    /// When the program cannot be started.
    pub(crate) async fn run_in_view(mut self) -> Result<ExitStatus> {
        self.command.stdout(Stdio::inherit()).stderr(Stdio::inherit());
        let mut group = Group::spawn(self.command, &self.shown)?;
        group.wait().await
    }

    /// Runs the program and keeps what it prints, however it ends.
    ///
    /// # Errors
    /// When the program cannot be started or its log cannot be written.
    pub(crate) async fn capture(mut self) -> Result<Output> {
        self.command.stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut group = Group::spawn(self.command, &self.shown)?;
        let (sender, mut lines) = mpsc::unbounded_channel();
        let readers = [
            group.child.stdout.take().map(|pipe| tokio::spawn(read_lines(pipe, true, sender.clone()))),
            group.child.stderr.take().map(|pipe| tokio::spawn(read_lines(pipe, false, sender.clone()))),
        ];
        drop(sender);
        let (mut stdout, mut printed) = (String::new(), Vec::new());
        let mut ended = None;
        loop {
            tokio::select! {
                line = lines.recv() => {
                    let Some((is_stdout, line)) = line else { break };
                    if let Some(status) = &self.status && !line.trim().is_empty() {
                        status.set(&line);
                    }
                    if self.echo {
                        note(&line);
                    }
                    if is_stdout {
                        stdout.push_str(&line);
                        stdout.push('\n');
                    }
                    printed.push(line);
                }
                // Ends the rest of its group too, which may hold the pipes open.
                status = group.wait(), if ended.is_none() => ended = Some(status?),
            }
        }
        let status = match ended {
            Some(status) => status,
            None => group.wait().await?,
        };
        for reader in readers.into_iter().flatten() {
            reader.abort();
        }
        if let Some(log) = &self.log {
            if let Some(folder) = log.parent() {
                std::fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
            }
            let text = format!("$ {}\n{}\n{status}\n", self.shown, printed.join("\n"));
            std::fs::write(log, text).with_context(|| format!("cannot write {}", log.display()))?;
        }
        Ok(Output { status, stdout, lines: printed })
    }

    /// Runs the program and takes its standard output.
    ///
    /// # Errors
    /// When it cannot be started, or ends with a status other than 0: then with the last lines it printed.
    pub(crate) async fn run(self) -> Result<String> {
        let (shown, log) = (self.shown.clone(), self.log.clone());
        let output = self.capture().await?;
        if output.status.success() {
            return Ok(output.stdout);
        }
        let mut text = format!("`{}` failed ({})", shorten(&shown), output.status);
        let said: Vec<_> = output.lines.iter().filter(|line| !line.trim().is_empty()).collect();
        for line in &said[said.len().saturating_sub(TAIL_LINES)..] {
            text.push_str("\n    ");
            text.push_str(line);
        }
        if let Some(log) = log {
            text.push_str(&format!("\n  all of it: {}", log.display()));
        }
        Err(anyhow!(text))
    }
}

fn shorten(command: &str) -> String {
    const LONGEST: usize = 160;
    if command.chars().count() <= LONGEST {
        return command.to_owned();
    }
    command.chars().take(LONGEST).chain(" …".chars()).collect()
}

async fn read_lines(pipe: impl AsyncRead + Unpin, is_stdout: bool, to: mpsc::UnboundedSender<(bool, String)>) {
    let mut lines = BufReader::new(pipe).split(b'\n');
    while let Ok(Some(line)) = lines.next_segment().await {
        // Progress bars rewrite a line with carriage returns: its last state is the line.
        let text = String::from_utf8_lossy(&line);
        let text = text.trim_end_matches('\r').rsplit('\r').next().unwrap_or_default().to_owned();
        if to.send((is_stdout, text)).is_err() {
            return;
        }
    }
}

/// A child and everything it started; dropping it ends them all.
struct Group {
    child: Child,
    pid: Option<Pid>,
}

impl Group {
    fn spawn(mut command: Command, shown: &str) -> Result<Self> {
        let child = command.spawn().with_context(|| format!("cannot start `{}`", shorten(shown)))?;
        let pid = child.id().and_then(|id| i32::try_from(id).ok()).and_then(Pid::from_raw);
        Ok(Self { child, pid })
    }

    async fn wait(&mut self) -> Result<ExitStatus> {
        let status = self.child.wait().await.context("cannot wait for a program")?;
        // Whatever it left in its group ends with it.
        if let Some(pid) = self.pid.take() {
            let _ = kill_process_group(pid, Signal::KILL);
        }
        Ok(status)
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        let Some(pid) = self.pid.take() else { return };
        let _ = kill_process_group(pid, Signal::TERM);
        let until = Instant::now() + GRACE;
        while Instant::now() < until && matches!(self.child.try_wait(), Ok(None)) {
            std::thread::sleep(Duration::from_millis(20));
        }
        let _ = kill_process_group(pid, Signal::KILL);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn output_and_status_come_back() {
        let output = Program::new("sh").args(["-c", "echo out; echo err >&2; exit 3"]).capture().await.unwrap();
        assert_eq!(output.stdout, "out\n");
        assert_eq!(output.status.code(), Some(3));
        assert!(output.lines.contains(&"err".to_owned()));
    }

    #[tokio::test]
    async fn a_failure_shows_what_the_program_said() {
        let error = Program::new("sh").args(["-c", "echo the reason >&2; exit 1"]).run().await.unwrap_err();
        assert!(error.to_string().contains("the reason"), "{error}");
    }

    #[tokio::test]
    async fn a_dropped_program_takes_its_children_with_it() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("pid");
        let script = format!("sleep 600 & echo $! > {0}.new; mv {0}.new {0}; wait", file.display());
        let running = tokio::spawn(Program::new("sh").args(["-c", &script]).run());
        while !file.exists() {
            tokio::task::yield_now().await;
        }
        let grandchild = std::fs::read_to_string(&file).unwrap().trim().parse().unwrap();
        running.abort();
        assert!(running.await.unwrap_err().is_cancelled());
        let grandchild = Pid::from_raw(grandchild).unwrap();
        // The kill is sent before the drop returns; the kernel and the reaper may need a moment more.
        while alive(grandchild) {
            tokio::task::yield_now().await;
        }
    }

    /// A process that was killed but not yet reaped counts as gone.
    fn alive(pid: Pid) -> bool {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", pid.as_raw_nonzero())).unwrap_or_default();
        stat.rsplit(')').next().is_some_and(|rest| !rest.is_empty() && !rest.trim_start().starts_with('Z'))
    }
}
