//! Why the local AWS does not run. Owns the words; must not know how it is started.

use std::path::PathBuf;

/// Why the local AWS did not start, or has ended.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The port cannot be listened on.
    #[error("cannot listen on 127.0.0.1:{0}: {1}; choose another port, or 0 for a free one")]
    Port(u16, std::io::Error),
    /// Not an address of this machine.
    #[error("{0}")]
    Address(String),
    /// The work folder cannot be used.
    #[error("cannot use the work folder {0}: {1}")]
    WorkDir(PathBuf, std::io::Error),
    /// The python cannot be run.
    #[error("cannot run {0}: {1}; it must be the python of an environment that has ministack")]
    Python(PathBuf, std::io::Error),
    /// MiniStack ended.
    #[error("MiniStack has ended ({status}); the end of its log:\n{log_tail}")]
    MiniStackEnded {
        /// How.
        status: String,
        /// The end of its log.
        log_tail: String,
    },
    /// MiniStack did not get ready.
    #[error("MiniStack was not ready after {seconds} s; the end of its log:\n{log_tail}")]
    NotReady {
        /// How long we waited.
        seconds: u64,
        /// The end of its log.
        log_tail: String,
    },
}
