//! Where things lie: the checkout, and what the runner keeps below its `target/`.
//! It must not know what is done with them. Nothing outside the checkout is ever written.

use std::path::{Path, PathBuf};

/// The places of one checkout.
#[derive(Clone, Debug)]
pub(crate) struct Paths {
    root: PathBuf,
}

impl Paths {
    /// The checkout this runner was started in: cargo names it at run time, so that a moved checkout is found too.
    pub(crate) fn of_this_checkout() -> Self {
        let xtask = std::env::var_os("CARGO_MANIFEST_DIR")
            .map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")), PathBuf::from);
        Self { root: xtask.parent().expect("xtask is a folder of the checkout").to_path_buf() }
    }

    /// The checkout itself.
    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    /// A path inside the checkout.
    pub(crate) fn at(&self, relative: &str) -> PathBuf {
        self.root.join(relative)
    }

    /// Cargo's target folder, whatever the user's settings are: SAM CLI must find the binaries where we built them.
    pub(crate) fn target(&self) -> PathBuf {
        self.at("target")
    }

    /// The virtual environment of that name.
    pub(crate) fn tools(&self, name: &str) -> PathBuf {
        self.target().join("tools").join(name)
    }

    /// A program of the virtual environment that holds SAM CLI and the AWS CLI.
    pub(crate) fn sam_program(&self, program: &str) -> PathBuf {
        self.tools("sam").join("bin").join(program)
    }

    /// SAM CLI's own settings, instead of those in the user's home.
    pub(crate) fn sam_home(&self) -> PathBuf {
        self.target().join("sam").join("home")
    }

    /// What SAM CLI built.
    pub(crate) fn sam_build(&self) -> PathBuf {
        self.target().join("sam").join("build")
    }

    /// State and logs of the local AWS.
    pub(crate) fn local_aws(&self) -> PathBuf {
        self.target().join("local-aws")
    }

    /// The `export` lines for other terminals and for the end-to-end tests.
    pub(crate) fn env_file(&self) -> PathBuf {
        self.local_aws().join("env")
    }

    /// What the programs that we start print, one file per stage.
    pub(crate) fn logs(&self) -> PathBuf {
        self.target().join("xtask")
    }

    /// A path as a person in the checkout would type it.
    pub(crate) fn shown(&self, path: &Path) -> String {
        path.strip_prefix(&self.root).unwrap_or(path).display().to_string()
    }
}
