//! What runs while a command works and must not run afterwards: the local AWS, the file that points to it,
//! and the claim on this checkout's `target/`. However a command ends, this is what is taken down.
//! It must not know what the command does.

use std::fs::{File, TryLockError};
use std::io::{Read, Seek, Write};
use std::path::PathBuf;

use anyhow::{Context, Result, bail};
use local_aws::{LocalAws, Options};

use crate::aws::Access;
use crate::lambdas;
use crate::paths::Paths;
use crate::progress::{Stage, note};
use crate::stack::{self, Deployed, WAIT_SCALE};
use crate::tools;

/// What must be taken down.
#[derive(Default)]
pub(crate) struct World {
    local_aws: Option<LocalAws>,
    env_file: Option<PathBuf>,
    claim: Option<File>,
    /// What is said last, after everything else.
    pub(crate) closing: Option<String>,
}

impl World {
    /// Claims this checkout's `target/`: two deployments in it would overwrite each other's files.
    ///
    /// # Errors
    /// When somebody else holds it.
    pub(crate) fn claim(&mut self, paths: &Paths) -> Result<()> {
        if self.claim.is_some() {
            return Ok(());
        }
        let file = paths.logs().join("lock");
        std::fs::create_dir_all(paths.logs()).with_context(|| format!("cannot make {}", paths.logs().display()))?;
        let mut lock = File::options()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(&file)
            .with_context(|| format!("cannot open {}", file.display()))?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let mut holder = String::new();
                lock.read_to_string(&mut holder).with_context(|| format!("cannot read {}", file.display()))?;
                bail!(
                    "another `cargo xtask` runs in this checkout (process {})\n  wait until it has ended, or stop it with Ctrl-C",
                    holder.trim()
                );
            }
            Err(TryLockError::Error(error)) => {
                return Err(error).with_context(|| format!("cannot lock {}", file.display()));
            }
        }
        lock.set_len(0)
            .and_then(|()| lock.rewind())
            .and_then(|()| writeln!(lock, "{}", std::process::id()))
            .with_context(|| format!("cannot write {}", file.display()))?;
        self.claim = Some(lock);
        Ok(())
    }

    /// From a fresh clone to a deployed stack: tools, Lambdas, local AWS, `sam deploy`.
    ///
    /// # Errors
    /// The first of these that fails.
    pub(crate) async fn deploy(&mut self, paths: &Paths, port: u16, verbose: bool) -> Result<Deployed> {
        self.claim(paths)?;
        // Downloads wait, and pip keeps one core busy at most: cargo has the other meanwhile.
        tokio::try_join!(tools::prepare(paths), lambdas::build(paths, verbose))?;
        stack::build(paths, verbose).await?;
        let access = self.start_local_aws(paths, port).await?;
        stack::deploy(paths, &access, verbose).await
    }

    async fn start_local_aws(&mut self, paths: &Paths, port: u16) -> Result<Access> {
        let stage = Stage::start("start the local AWS");
        // Left by a run that was killed: it points nowhere.
        let _ = std::fs::remove_file(paths.env_file());
        let python = paths.tools("ministack").join("bin").join("python");
        let mut options = Options::new(python, paths.local_aws());
        options.port = port;
        options.wait_scale = WAIT_SCALE;
        let local_aws = LocalAws::start(options).await.context("the local AWS does not start")?;
        let access = Access::new(&local_aws)?;
        self.local_aws = Some(local_aws);
        stage.done(&access.endpoint);
        Ok(access)
    }

    /// Writes the file that makes another terminal use this local AWS; it goes when the local AWS goes.
    ///
    /// # Errors
    /// When it cannot be written.
    pub(crate) fn write_env_file(&mut self, paths: &Paths, deployed: &Deployed) -> Result<()> {
        let file = paths.env_file();
        let mut text = String::from(
            "# For `.` in a shell: the AWS CLI and the SDKs then use the local AWS.\n\
             unset AWS_PROFILE AWS_SESSION_TOKEN\n\
             export NO_PROXY=127.0.0.1,localhost\n",
        );
        for (name, value) in deployed.variables() {
            text.push_str(&format!("export {name}={}\n", quoted(&value)));
        }
        let tools = quoted(&paths.tools("sam").join("bin").display().to_string());
        text.push_str(&format!("export PATH={tools}:\"$PATH\"\n"));
        std::fs::write(&file, text).with_context(|| format!("cannot write {}", file.display()))?;
        self.env_file = Some(file);
        Ok(())
    }

    /// Whether the local AWS ended by itself; waits until it does.
    pub(crate) async fn local_aws_ended(&mut self) -> anyhow::Error {
        match &mut self.local_aws {
            Some(local_aws) => local_aws.ended().await.into(),
            None => std::future::pending().await,
        }
    }

    /// Takes everything down, in order.
    pub(crate) async fn stop(&mut self) {
        self.remove_env_file();
        if let Some(local_aws) = self.local_aws.take() {
            local_aws.stop().await;
        }
        self.claim = None;
    }

    fn remove_env_file(&mut self) {
        if let Some(file) = self.env_file.take()
            && let Err(error) = std::fs::remove_file(&file)
        {
            note(format!("cannot remove {}: {error}", file.display()));
        }
    }
}

impl Drop for World {
    fn drop(&mut self) {
        self.remove_env_file();
    }
}

/// One word of a shell command.
pub(crate) fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./:=@%+,".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_survive_a_shell() {
        assert_eq!(quoted("arn:aws:states:us-east-1:0:x"), "arn:aws:states:us-east-1:0:x");
        assert_eq!(quoted(""), "''");
        assert_eq!(quoted("{\"it's\": $1}"), r#"'{"it'\''s": $1}'"#);
    }
}
