//! Snapshots: the stack's data volumes, in an archive each with a manifest, under `dev/.snapshots/`.

mod manifest;
pub(crate) mod unfinished;
pub(crate) mod volumes;

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use xshell::Shell;

use crate::cli::help;
use crate::machine::exit::{USAGE, exit};
use crate::machine::files;

pub(crate) use manifest::{Database, Manifest, size};

/// From the workspace root; holds data, so that nobody else may read it.
const FOLDER: &str = "dev/.snapshots";
const MANIFEST: &str = "manifest.json";
const ARCHIVE: &str = "volumes.tar.gz";
/// What becomes a snapshot by being renamed. No snapshot begins with a dot.
const PARTIAL: &str = ".partial";
/// The snapshot in whose place that comes, for as long as neither has the name.
const REPLACED: &str = ".replaced";

fn folder(sh: &Shell, name: &str) -> PathBuf {
    sh.current_dir().join(FOLDER).join(name)
}

/// The snapshots by name, those without a readable manifest left out.
pub(crate) fn list(sh: &Shell) -> Result<Vec<(String, Manifest)>> {
    let root = sh.current_dir().join(FOLDER);
    let entries = match fs::read_dir(&root) {
        Ok(it) => it,
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(e) => return Err(files::failed(e, &root, format!("cannot read {FOLDER}"))),
    };
    let mut names: Vec<String> = entries.flatten().filter_map(|it| it.file_name().into_string().ok()).collect();
    names.sort();
    Ok(names.into_iter().filter_map(|it| Some((it.clone(), read(sh, &it)?))).collect())
}

/// A snapshot's manifest; `None` where there is no such snapshot, or one that was removed by half.
pub(crate) fn read(sh: &Shell, name: &str) -> Option<Manifest> {
    let text = fs::read_to_string(folder(sh, name).join(MANIFEST)).ok()?;
    Manifest::parse(&text).filter(|_| !name.starts_with('.'))
}

/// As [`read`]. Exit code 2 with the snapshots that there are, where this one is not.
pub(crate) fn find(sh: &Shell, name: &str) -> Result<Manifest> {
    if let Some(it) = read(sh, name) {
        return Ok(it);
    }
    let all: Vec<String> = list(sh)?.into_iter().map(|(name, _)| name).collect();
    let known = all.iter().map(String::as_str);
    let hint = help::suggest(name, known).map_or(String::new(), |it| format!(" Did you mean `{it}`?"));
    let others =
        if all.is_empty() { "There are none yet".to_owned() } else { format!("The snapshots are: {}", all.join(", ")) };
    Err(exit(USAGE, format!("there is no snapshot `{name}`.{hint}\n{others}")))
}

/// Makes a folder in which only this user may look.
fn make_folder(path: &Path) -> Result<()> {
    let made = DirBuilder::new().recursive(true).mode(0o700).create(path);
    made.map_err(|e| files::failed(e, path, format!("cannot make {}", path.display())))
}

/// An archive that is being made, which [`publish`] makes a snapshot.
pub(crate) fn begin(sh: &Shell) -> Result<File> {
    make_folder(&folder(sh, PARTIAL))?;
    let path = folder(sh, PARTIAL).join(ARCHIVE);
    let made = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path);
    made.map_err(|e| files::failed(e, &path, format!("cannot make {}", path.display())))
}

/// Gives a finished archive its manifest and its name, in the place of what has that.
pub(crate) fn publish(sh: &Shell, name: &str, archive: &File, manifest: &Manifest) -> Result<()> {
    let (new, place, old) = (folder(sh, PARTIAL), folder(sh, name), folder(sh, REPLACED));
    archive.sync_all()?;
    files::replace(&new.join(MANIFEST), &manifest.text(), 0o600)?;
    if place.exists() {
        fs::rename(&place, &old)?;
    }
    fs::rename(&new, &place)?;
    File::open(sh.current_dir().join(FOLDER))?.sync_all()?;
    remove_folder(&old)
}

/// Removes what an unfinished [`publish`] has left, and gives back the name that it took.
fn tidy(sh: &Shell, name: &str) -> Result<()> {
    let (place, old) = (folder(sh, name), folder(sh, REPLACED));
    if old.exists() && !place.exists() {
        fs::rename(&old, &place)?;
    }
    [PARTIAL, REPLACED].iter().try_for_each(|it| remove_folder(&folder(sh, it)))
}

/// Removes a snapshot: the manifest first, without which it is none.
pub(crate) fn remove(sh: &Shell, name: &str) -> Result<()> {
    let path = folder(sh, name);
    fs::remove_file(path.join(MANIFEST)).with_context(|| format!("cannot remove {}", path.display()))?;
    remove_folder(&path)
}

fn remove_folder(path: &Path) -> Result<()> {
    match fs::remove_dir_all(path) {
        Err(e) if e.kind() != std::io::ErrorKind::NotFound => {
            Err(e).with_context(|| format!("cannot remove {}", path.display()))
        }
        _ => Ok(()),
    }
}

/// The archive of a snapshot.
///
/// # Errors
/// It is gone, or not as long as it was.
pub(crate) fn archive(sh: &Shell, name: &str, manifest: &Manifest) -> Result<File> {
    let path = folder(sh, name).join(ARCHIVE);
    let file = File::open(&path).map_err(|e| files::failed(e, &path, format!("cannot read {}", path.display())))?;
    let length = file.metadata()?.len();
    if length != manifest.bytes {
        anyhow::bail!("the snapshot `{name}` is damaged: its archive has {length} bytes of {}", manifest.bytes);
    }
    Ok(file)
}
