//! Files are replaced whole or not at all.

use std::fs::{self, OpenOptions, Permissions};
use std::io::{self, ErrorKind, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use walkdir::WalkDir;

use crate::machine::finding::{Finding, finding};
use crate::machine::process;

/// Reads a text file; `None` where there is none.
pub fn read(path: &Path) -> Result<Option<String>> {
    match fs::read(path) {
        Ok(bytes) => text(path, bytes).map(Some),
        Err(e) if e.kind() == ErrorKind::NotFound => Ok(None),
        Err(e) => Err(failed(e, path, format!("cannot read {}", path.display()))),
    }
}

/// Reads a file of the repository, by its path from the root.
pub(crate) fn committed(root: &Path, path: &str) -> Result<String> {
    read(&root.join(path))?.with_context(|| format!("{path} is missing: `git checkout -- {path}` brings it back"))
}

/// As [`read`], for a file of settings whose comments may be in another encoding: what they hold of it becomes `?`.
pub(crate) fn read_but_comments(path: &Path) -> Result<Option<String>> {
    let whole = read(path);
    let Some(mut bytes) = whole.is_err().then(|| fs::read(path).ok()).flatten() else { return whole };
    for line in bytes.split_mut(|it| *it == b'\n').filter(|it| str::from_utf8(it).is_err()) {
        let starts = |at: &usize| line[*at] == b'#' && line[..*at].last().is_none_or(u8::is_ascii_whitespace);
        let comment = (0..line.len()).find(starts).filter(|it| !line[..*it].iter().any(|it| b"'\"".contains(it)));
        let from = comment.unwrap_or(line.len());
        line[from..].iter_mut().filter(|it| !it.is_ascii()).for_each(|it| *it = b'?');
    }
    text(path, bytes).map(Some)
}

fn text(path: &Path, bytes: Vec<u8>) -> Result<String> {
    String::from_utf8(bytes).map_err(|e| {
        let before = &e.as_bytes()[..e.utf8_error().valid_up_to()];
        let line = 1 + before.iter().filter(|it| **it == b'\n').count();
        let utf16 = e.as_bytes().starts_with(b"\xff\xfe") || e.as_bytes().starts_with(b"\xfe\xff");
        let what = if utf16 { "it is UTF-16" } else { "another encoding, or no text" };
        anyhow::anyhow!("{}, line {line}, is not UTF-8 ({what}): save it as UTF-8", path.display())
    })
}

/// The error for a file that cannot be used: a missing prerequisite where that is the machine's doing.
pub(crate) fn failed(e: io::Error, path: &Path, what: String) -> anyhow::Error {
    match unusable(e.kind(), path, &what) {
        Some(it) => it.into(),
        None => anyhow::Error::from(e).context(what),
    }
}

/// The finding for the first thing in a folder that this user may not replace, or for the folder's file system.
pub(crate) fn denied(folder: &Path) -> Option<Finding> {
    let refused = |entry: walkdir::Result<walkdir::DirEntry>| match entry {
        Ok(it) => OpenOptions::new().read(true).write(it.file_type().is_file()).open(it.path()).err(),
        Err(e) => e.into_io_error(),
    };
    let found = WalkDir::new(folder).into_iter().find_map(|it| refused(it).map(|e| e.kind()));
    // Before the first start there is nothing in it: another file of the checkout tells as much.
    let other = || OpenOptions::new().write(true).open(folder.with_file_name("README.md")).err().map(|e| e.kind());
    let read_only = || other().filter(|it| *it == ErrorKind::ReadOnlyFilesystem);
    let kind = found.filter(|it| *it != ErrorKind::NotFound).or_else(read_only)?;
    unusable(kind, folder, &format!("what is generated in {} cannot be replaced", folder.display()))
}

/// What mends it that a file cannot be used, where that is known. Another user's comes of one `sudo`.
fn unusable(kind: ErrorKind, path: &Path, what: &str) -> Option<Finding> {
    let folder = process::quote(&path.parent()?.display().to_string()).into_owned();
    match kind {
        ErrorKind::PermissionDenied => Some(foreign(path, what)),
        ErrorKind::ReadOnlyFilesystem => {
            let fix =
                format!("findmnt --target {folder}  # shows what is mounted there: a checkout has to be written to");
            Some(finding(format!("{what}: read-only file system"), fix))
        }
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded => {
            Some(finding(format!("{what}: no space left on device"), format!("df -h {folder}  # shows what is full")))
        }
        _ => None,
    }
}

fn foreign(path: &Path, what: &str) -> Finding {
    let whole = path.ancestors().find(|it| it.ends_with("dev/.rendered")).unwrap_or(path);
    finding(
        format!("{what}: it belongs to another user"),
        format!("sudo chown -R \"$USER\" {}  # after a `sudo cargo xtask …`", whole.display()),
    )
}

/// Replaces a file atomically, and makes its folder. Returns whether it changed: one that holds `text` is not touched.
pub fn replace(path: &Path, text: &str, mode: u32) -> Result<bool> {
    if fs::read(path).is_ok_and(|it| it == text.as_bytes()) {
        return Ok(false);
    }
    let folder = path.parent().context("a file needs a folder")?;
    let temporary = temporary_name(path);
    let written = fs::create_dir_all(folder).and_then(|()| {
        let mut file = OpenOptions::new().write(true).create_new(true).mode(mode).open(&temporary)?;
        // A container reads it, whatever the umask takes away.
        file.set_permissions(Permissions::from_mode(mode))?;
        file.write_all(text.as_bytes())?;
        file.sync_all()?;
        fs::rename(&temporary, path)
    });
    if let Err(e) = written {
        _ = fs::remove_file(&temporary);
        return Err(failed(e, path, format!("cannot write {}; what was there is kept", path.display())));
    }
    Ok(true)
}

/// That a file of ours can be replaced, or made.
///
/// # Errors
/// Exit code 3: its folder cannot be written to, or it is another user's, to whom it would no longer belong.
pub(crate) fn check_replaceable(path: &Path) -> Result<()> {
    let folder = path.parent().context("a file needs a folder")?;
    let temporary = temporary_name(path);
    let me = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&temporary).and_then(|it| it.metadata());
    _ = fs::remove_file(&temporary);
    let me = me.map_err(|e| {
        let fix = format!("ls -ld {}  # shows whose it is", folder.display());
        finding(format!("{} cannot be replaced: {e}", path.display()), fix)
    })?;
    if fs::metadata(path).is_ok_and(|it| it.uid() != me.uid()) {
        let fix = format!("sudo chown $(id -un) {}", path.display());
        return Err(finding(format!("{} belongs to another user", path.display()), fix).into());
    }
    Ok(())
}

fn temporary_name(path: &Path) -> PathBuf {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    path.with_file_name(format!(".{name}.{}.tmp", std::process::id()))
}

/// How [`fnv`] begins.
pub const FNV: u64 = 0xcbf2_9ce4_8422_2325;

/// Goes on with FNV-1a. Not for security: it tells an edit from none.
pub fn fnv(hash: u64, bytes: &[u8]) -> u64 {
    bytes.iter().fold(hash, |hash, it| (hash ^ u64::from(*it)).wrapping_mul(0x0100_0000_01b3))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn replacing_a_file_leaves_no_temporary_file_and_sets_the_mode() {
        let sh = xshell::Shell::new().unwrap();
        let folder = sh.create_temp_dir().unwrap();
        let path = folder.path().join("new/file");
        assert!(replace(&path, "one", 0o600).unwrap());
        assert!(!replace(&path, "one", 0o600).unwrap());
        assert!(replace(&path, "two", 0o600).unwrap());
        assert_eq!(read(&path).unwrap().as_deref(), Some("two"));
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(fs::read_dir(path.parent().unwrap()).unwrap().count(), 1);
    }

    #[test]
    fn a_file_that_cannot_be_replaced_is_kept() {
        let sh = xshell::Shell::new().unwrap();
        let folder = sh.create_temp_dir().unwrap();
        let path = folder.path().join("taken");
        fs::create_dir(&path).unwrap();
        assert!(replace(&path, "x", 0o600).unwrap_err().to_string().contains("is kept"));
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }
}
