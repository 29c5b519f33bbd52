//! Files that are made from other files and are checked in: written when they are stale, or only checked.
//! It must not know how they are made.

use std::path::Path;

use anyhow::{Context, Result, bail};

use crate::paths::Paths;
use crate::progress::note;

/// Whether to write or to check.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Write nothing; fail if something is not as it would be written
    #[arg(long)]
    pub(crate) check: bool,
}

/// Makes each file what it should be, or says which are not. `remake` is the command that writes them.
///
/// # Errors
/// With `check`, the files that are stale; else when one cannot be written.
pub(crate) fn settle<N: AsRef<str>>(args: &Args, paths: &Paths, remake: &str, files: &[(N, String)]) -> Result<()> {
    let mut stale = Vec::new();
    for (name, wanted) in files {
        let name = name.as_ref();
        let file = paths.at(name);
        if std::fs::read_to_string(&file).is_ok_and(|found| found == *wanted) {
            continue;
        }
        if args.check {
            stale.push(name);
        } else {
            write(&file, wanted)?;
            note(format!("wrote {name}"));
        }
    }
    if !stale.is_empty() {
        bail!("not up to date: {}\n  remedy: {remake}", stale.join(", "));
    }
    Ok(())
}

fn write(file: &Path, text: &str) -> Result<()> {
    file.parent()
        .map_or(Ok(()), std::fs::create_dir_all)
        .and_then(|()| std::fs::write(file, text))
        .with_context(|| format!("cannot write {}", file.display()))
}
