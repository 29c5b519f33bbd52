//! What the user sees while something takes long: one line per stage, on standard error.
//! It must not know what the stages do. Standard output belongs to results.

use std::io::{IsTerminal, Write};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use tokio::sync::Semaphore;
use tokio::task::AbortHandle;

/// How often a running stage shows a sign of life where the line cannot be rewritten.
const PLAIN_BEAT: Duration = Duration::from_secs(15);
/// The same on a terminal.
const TERMINAL_BEAT: Duration = Duration::from_millis(500);
/// Columns that the name of a stage takes.
const NAME_WIDTH: usize = 34;

/// The terminal's last line, which one of the running stages rewrites.
static LAST_LINE: Semaphore = Semaphore::const_new(1);
/// How many programs print for themselves.
static PRINTING: AtomicUsize = AtomicUsize::new(0);

/// While it lives somebody prints for themselves, and no stage rewrites the terminal's last line.
pub(crate) struct Printing(());

impl Printing {
    pub(crate) fn start() -> Self {
        PRINTING.fetch_add(1, Ordering::Relaxed);
        Self(())
    }
}

impl Drop for Printing {
    fn drop(&mut self) {
        PRINTING.fetch_sub(1, Ordering::Relaxed);
    }
}

/// One line on standard error.
pub(crate) fn note(text: impl std::fmt::Display) {
    let mut stderr = std::io::stderr().lock();
    // Nobody can be told that standard error is gone.
    let _ = writeln!(stderr, "{text}");
}

/// A time as people read it: `0.4 s`, `12.3 s`, `4 min 05 s`.
pub(crate) fn human(time: Duration) -> String {
    if time < Duration::from_secs(100) {
        format!("{:.1} s", time.as_secs_f64())
    } else {
        let secs = time.as_secs();
        format!("{} min {:02} s", secs / 60, secs % 60)
    }
}

/// A stage that is running; its end is shown by `done`, or by dropping it when it failed.
pub(crate) struct Stage {
    name: String,
    started: Instant,
    status: Status,
    beat: AbortHandle,
    terminal: bool,
    finished: bool,
}

/// The last thing that a stage said about itself.
#[derive(Clone, Default)]
pub(crate) struct Status(Arc<Mutex<String>>);

impl Status {
    /// Replaces the last thing said.
    pub(crate) fn set(&self, text: &str) {
        if let Ok(mut held) = self.0.lock() {
            text.trim().clone_into(&mut held);
        }
    }

    fn get(&self) -> String {
        self.0.lock().map(|held| held.clone()).unwrap_or_default()
    }
}

impl Stage {
    /// Starts a stage and shows its name.
    pub(crate) fn start(name: impl Into<String>) -> Self {
        let name = name.into();
        let terminal = std::io::stderr().is_terminal();
        let started = Instant::now();
        let status = Status::default();
        let beat = {
            let (name, status) = (name.clone(), status.clone());
            tokio::spawn(async move {
                let mut last_line = None;
                loop {
                    tokio::time::sleep(if terminal { TERMINAL_BEAT } else { PLAIN_BEAT }).await;
                    let line = format!("  {name:<NAME_WIDTH$} {:>12}  {}", human(started.elapsed()), status.get());
                    let cut: String = line.chars().take(terminal_width()).collect();
                    if !terminal {
                        note(cut);
                        continue;
                    }
                    last_line = last_line.or_else(|| LAST_LINE.try_acquire().ok());
                    if last_line.is_some() && PRINTING.load(Ordering::Relaxed) == 0 {
                        eprint_raw(&format!("\r\x1b[K{cut}"));
                    }
                }
            })
            .abort_handle()
        };
        Self { name, started, status, beat, terminal, finished: false }
    }

    /// Where the stage's work says what it is at.
    pub(crate) fn status(&self) -> Status {
        self.status.clone()
    }

    /// Ends the stage and shows its time; `remark` may be empty.
    pub(crate) fn done(mut self, remark: &str) {
        self.end(remark);
    }

    fn end(&mut self, remark: &str) {
        self.finished = true;
        self.beat.abort();
        let clear = if self.terminal { "\r\x1b[K" } else { "" };
        let line = format!("{clear}  {:<NAME_WIDTH$} {:>12}  {remark}", self.name, human(self.started.elapsed()));
        note(line.trim_end());
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        if !self.finished {
            self.end("did not finish");
        }
    }
}

fn terminal_width() -> usize {
    std::env::var("COLUMNS").ok().and_then(|columns| columns.parse().ok()).unwrap_or(100)
}

fn eprint_raw(text: &str) {
    let mut stderr = std::io::stderr().lock();
    let _ = stderr.write_all(text.as_bytes()).and_then(|()| stderr.flush());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_read_like_times() {
        assert_eq!(human(Duration::from_millis(420)), "0.4 s");
        assert_eq!(human(Duration::from_secs(99)), "99.0 s");
        assert_eq!(human(Duration::from_secs(245)), "4 min 05 s");
    }
}
