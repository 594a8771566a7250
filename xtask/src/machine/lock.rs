//! One changing command at a time. The lock belongs to the process: when that ends, however it ends, the lock is gone.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{Read, Write};

use anyhow::{Context, Result, bail};
use xshell::Shell;

use crate::machine::{files, term};

/// From the workspace root.
pub(crate) const PATH: &str = "dev/.rendered/lock";

/// Takes the lock for as long as the value lives.
pub(crate) fn take(sh: &Shell, command: &str) -> Result<File> {
    hold(open(sh)?, command)
}

/// As [`take`], for what has to work where no lock can be had: in a checkout that is read-only or another user's.
pub(crate) fn take_if_possible(sh: &Shell, command: &str) -> Result<Option<File>> {
    match open(sh) {
        Ok(it) => hold(it, command).map(Some),
        Err(e) => {
            term::say(&format!("going on without the lock: {e:#}"));
            Ok(None)
        }
    }
}

fn open(sh: &Shell) -> Result<File> {
    let path = sh.current_dir().join(PATH);
    let folder = path.parent().context("the lock has a folder")?;
    fs::create_dir_all(folder).map_err(|e| files::failed(e, folder, format!("cannot make {}", folder.display())))?;
    let mut options = OpenOptions::new();
    let opened = options.read(true).write(true).create(true).truncate(false).open(&path);
    opened.map_err(|e| files::failed(e, &path, format!("cannot open {}", path.display())))
}

fn hold(mut file: File, command: &str) -> Result<File> {
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => {
            let mut holder = String::new();
            _ = file.read_to_string(&mut holder);
            bail!("`cargo xtask {}` is at work on this checkout; wait until it has ended", holder.trim())
        }
        // As some network file systems: what the lock would prevent is rare, and a stop has to be possible.
        Err(TryLockError::Error(e)) => {
            term::say(&format!("note: {PATH} cannot be locked ({e}): run one command at a time here"));
        }
    }
    file.set_len(0)?;
    write!(file, "{command} (process {})", std::process::id())?;
    Ok(file)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_command_is_told_who_is_at_work_and_a_dead_one_holds_nothing() {
        let sh = Shell::new().unwrap();
        let folder = sh.create_temp_dir().unwrap();
        sh.change_dir(folder.path());
        sh.write_file(PATH, "dev-up (process 1) and more that is stale").unwrap();
        let first = take(&sh, "dev-up").unwrap();
        let refusal = take(&sh, "dev-down").unwrap_err().to_string();
        assert!(
            refusal.contains(&format!("`cargo xtask dev-up (process {})` is at work", std::process::id())),
            "{refusal}"
        );
        drop(first);
        take(&sh, "dev-down").unwrap();
    }
}
