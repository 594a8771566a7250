//! One changing command at a time. The lock belongs to the process: when that ends, however it ends, the lock is gone.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{Read, Seek, Write};

use anyhow::{Context, Result, bail};
use xshell::Shell;

use crate::machine::{files, term};

/// From the workspace root.
pub(crate) const PATH: &str = "dev/.rendered/lock";
/// Held by `dev-watch` for as long as it runs, beside what changes something.
const WATCH: &str = "dev/.rendered/watch";

/// Takes the lock for as long as the value lives.
pub(crate) fn take(sh: &Shell, command: &str) -> Result<File> {
    hold(open(sh, PATH)?, command)
}

/// As [`take`], and waits until nobody else has it.
pub(crate) fn take_in_turn(sh: &Shell, command: &str) -> Result<File> {
    let mut file = open(sh, PATH)?;
    if let Err(TryLockError::WouldBlock) = file.try_lock() {
        term::say(&format!("waiting until `cargo xtask {}` has ended", holder(&mut file)));
        file.lock()?;
    }
    hold(file, command)
}

/// Takes the lock of the one `dev-watch` for as long as the value lives.
pub(crate) fn take_watch(sh: &Shell) -> Result<File> {
    hold(open(sh, WATCH)?, "dev-watch")
}

/// The `dev-watch` of this checkout, where one runs.
pub(crate) fn watcher(sh: &Shell) -> Option<String> {
    let mut file = File::open(sh.current_dir().join(WATCH)).ok()?;
    let is_held = matches!(file.try_lock(), Err(TryLockError::WouldBlock));
    is_held.then(|| holder(&mut file))
}

/// Whoever took the lock of this file last.
fn holder(file: &mut File) -> String {
    let mut holder = String::new();
    _ = file.read_to_string(&mut holder);
    holder.trim().to_owned()
}

/// As [`take`], for what has to work where no lock can be had: in a checkout that is read-only or another user's.
pub(crate) fn take_if_possible(sh: &Shell, command: &str) -> Result<Option<File>> {
    match open(sh, PATH) {
        Ok(it) => hold(it, command).map(Some),
        Err(e) => {
            term::say(&format!("going on without the lock: {e:#}"));
            Ok(None)
        }
    }
}

fn open(sh: &Shell, path: &str) -> Result<File> {
    let path = sh.current_dir().join(path);
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
            bail!("`cargo xtask {}` is at work on this checkout; wait until it has ended", holder(&mut file))
        }
        // As on some network file systems: what the lock would prevent is rare, and a stop has to be possible.
        Err(TryLockError::Error(e)) => {
            term::say(&format!("note: {PATH} cannot be locked ({e}): run one command at a time here"));
        }
    }
    // Who has it is for others to read: a full disk does not keep a stop from stopping.
    let me = format!("{command} (process {})", std::process::id());
    _ = file.set_len(0).and_then(|()| file.rewind()).and_then(|()| file.write_all(me.as_bytes()));
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

    #[test]
    fn whoever_waits_for_its_turn_has_it_next_and_the_watch_is_a_lock_of_its_own() {
        let sh = Shell::new().unwrap();
        let folder = sh.create_temp_dir().unwrap();
        sh.change_dir(folder.path());
        assert_eq!(watcher(&sh), None);
        let (first, watch) = (take(&sh, "dev-up").unwrap(), take_watch(&sh).unwrap());
        let waiting = {
            let sh = sh.clone();
            std::thread::spawn(move || take_in_turn(&sh, "dev-watch").unwrap())
        };
        std::thread::sleep(std::time::Duration::from_millis(50));
        assert!(!waiting.is_finished());
        drop(first);
        let second = waiting.join().unwrap();
        let me = format!("dev-watch (process {})", std::process::id());
        assert_eq!((sh.read_file(PATH).unwrap(), watcher(&sh)), (me.clone(), Some(me)));
        assert!(take_watch(&sh).is_err() && take(&sh, "dev-up").is_err());
        drop((second, watch));
        assert_eq!(watcher(&sh), None);
    }
}
