//! What was edited: files are looked at again and again, which works on every file system and with every editor.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime};

use walkdir::{DirEntry, WalkDir};

use crate::machine::few;
use crate::settings::checkouts::PACKAGES;

/// For how long nothing may change before it counts as done: an editor replaces files, and saves several.
const QUIET: Duration = Duration::from_millis(300);
/// For how long git may say that it is at work. It may have left its lock behind.
const GIT: Duration = Duration::from_secs(5);
/// What a build of the Copilot's image reads beside the packages.
const RECIPE: [&str; 3] = ["Dockerfile", "pyproject.toml", "uv.lock"];

/// What an edit asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// A restart of what imports it.
    Sources,
    /// Another image of the Copilot.
    Image,
    /// What `dev-up` would do.
    Stack,
    /// Nothing: a service notices it.
    Reread,
    /// A build that takes minutes, so it is left to the user.
    Temporal,
}

/// Where to look.
pub(super) struct Places {
    pub root: PathBuf,
    pub copilot: PathBuf,
    pub temporal: PathBuf,
    /// What services notice by themselves, from `root`.
    pub rereads: Vec<PathBuf>,
}

/// When a file was changed, in which way ever, its length, and which file it is.
type Stamp = (i64, i64, u64, u64);
pub(super) type Files = BTreeMap<PathBuf, Stamp>;

impl Places {
    /// The files of the stack and of the Copilot.
    pub(super) fn near(&self) -> Files {
        let recipe = RECIPE.iter().map(|it| self.copilot.join(it));
        let folders = [self.copilot.join(PACKAGES), self.root.join("dev"), self.root.join("grafana")];
        walk(folders.into_iter().chain(recipe), &|_| true)
    }

    /// Temporal's sources, of which there are thousands.
    pub(super) fn far(&self) -> Files {
        walk([self.temporal.clone()].into_iter(), &is_go)
    }

    /// Whether git is at work in the Copilot's checkout or here.
    pub(super) fn git_is_at_work(&self) -> bool {
        [&self.copilot, &self.root].iter().any(|it| it.join(".git/index.lock").exists())
    }

    pub(super) fn kind(&self, path: &Path) -> Option<Kind> {
        if let Ok(it) = path.strip_prefix(&self.copilot) {
            let is_package = it.starts_with(PACKAGES);
            let is_recipe = RECIPE.iter().any(|name| it == Path::new(name));
            match is_recipe || is_package && it.ends_with("pyproject.toml") {
                true => return Some(Kind::Image),
                false if is_package => return Some(Kind::Sources),
                false => {}
            }
        }
        if path.starts_with(&self.temporal) {
            return Some(Kind::Temporal);
        }
        let it = path.strip_prefix(&self.root).ok()?;
        if self.rereads.iter().any(|folder| it.starts_with(folder)) {
            return Some(Kind::Reread);
        }
        let name = it.file_name()?.to_str()?;
        match it.starts_with("dev/docker") && name.ends_with("Dockerfile") {
            true => Some(Kind::Temporal),
            false => (!name.ends_with(".md")).then_some(Kind::Stack),
        }
    }

    /// A path as a user knows it.
    pub(super) fn shown(&self, path: &Path) -> String {
        let folders = [&self.root, &self.copilot, &self.temporal];
        folders.iter().find_map(|it| path.strip_prefix(it).ok()).unwrap_or(path).display().to_string()
    }
}

fn is_go(path: &Path) -> bool {
    path.extension().is_some_and(|it| it == "go") || path.ends_with("go.mod") || path.ends_with("go.sum")
}

fn walk(places: impl Iterator<Item = PathBuf>, is_wanted: &dyn Fn(&Path) -> bool) -> Files {
    let entries = places.flat_map(|it| WalkDir::new(it).into_iter().filter_entry(is_watched)).flatten();
    let paths = entries.filter(|it| !it.file_type().is_dir()).map(DirEntry::into_path).filter(|it| is_wanted(it));
    // What is gone by now is none of today's files.
    few::map(paths.filter_map(|it| Some((stamp(&it)?, it))).map(|(stamp, it)| (it, stamp)))
}

fn stamp(path: &Path) -> Option<Stamp> {
    let it = fs::metadata(path).ok().filter(fs::Metadata::is_file)?;
    Some((it.ctime(), it.ctime_nsec(), it.len(), it.ino()))
}

/// Not what is hidden, compiled, or an editor's own.
fn is_watched(entry: &DirEntry) -> bool {
    entry.depth() == 0 || entry.file_name().to_str().is_some_and(is_users)
}

fn is_users(name: &str) -> bool {
    let others = ["__pycache__", "node_modules", "4913"];
    let (starts, ends) = (['.', '#'], ["~", ".pyc", ".swp", ".tmp", ".orig", ".rej", "___jb_tmp___", "___jb_old___"]);
    name == ".env" || !(others.contains(&name) || name.starts_with(starts) || ends.iter().any(|it| name.ends_with(it)))
}

/// Files that were edited, made or removed together, and when.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Edit {
    pub paths: Vec<PathBuf>,
    pub at: SystemTime,
}

/// What was seen of some files.
pub(super) struct Eye {
    /// As they were when somebody last did something about it.
    known: Files,
    pub now: Files,
    /// When they were last seen to change.
    since: Instant,
}

impl Eye {
    pub(super) fn new(now: Files) -> Eye {
        Eye { known: now.clone(), now, since: Instant::now() }
    }

    /// Looks once more, and returns what has changed once that has come to rest.
    pub(super) fn look(&mut self, now: Files, git_is_at_work: bool) -> Option<Edit> {
        if now != self.now {
            self.now = now;
            self.since = Instant::now();
        }
        let quiet = self.since.elapsed();
        if quiet < QUIET || git_is_at_work && quiet < GIT || self.now == self.known {
            return None;
        }
        let other = |(path, stamp): &(&PathBuf, &Stamp)| self.known.get(*path) != Some(stamp);
        let changed: Vec<(&PathBuf, &Stamp)> = self.now.iter().filter(other).collect();
        let last = changed.iter().map(|(_, it)| (it.0, it.1)).max();
        let at = last.map(|(s, ns)| Duration::new(s.unsigned_abs(), u32::try_from(ns).unwrap_or(0)));
        let at = at.map_or_else(|| SystemTime::now() - quiet, |it| SystemTime::UNIX_EPOCH + it);
        let gone = self.known.keys().filter(|it| !self.now.contains_key(*it));
        let paths = changed.iter().map(|(it, _)| *it).chain(gone).cloned().collect();
        self.known.clone_from(&self.now);
        Some(Edit { paths, at })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::thread;

    fn places() -> Places {
        Places {
            root: "/w/here".into(),
            copilot: "/w/copilot".into(),
            temporal: "/w/temporal".into(),
            rereads: vec!["grafana".into()],
        }
    }

    #[test]
    fn each_file_asks_for_what_follows_from_it() {
        for (path, expected) in [
            ("/w/copilot/packages/a/src/a/b.py", Some(Kind::Sources)),
            ("/w/copilot/packages/a/src/a/schema.sql", Some(Kind::Sources)),
            ("/w/copilot/packages/a/pyproject.toml", Some(Kind::Image)),
            ("/w/copilot/pyproject.toml", Some(Kind::Image)),
            ("/w/copilot/uv.lock", Some(Kind::Image)),
            ("/w/copilot/Dockerfile", Some(Kind::Image)),
            ("/w/copilot/README.md", None),
            ("/w/temporal/common/x.go", Some(Kind::Temporal)),
            ("/w/here/dev/docker/Dockerfile", Some(Kind::Temporal)),
            ("/w/here/dev/docker/runtime.Dockerfile", Some(Kind::Temporal)),
            ("/w/here/dev/.env", Some(Kind::Stack)),
            ("/w/here/dev/config/loki.yaml", Some(Kind::Stack)),
            ("/w/here/dev/README.md", None),
            ("/w/here/grafana/home/home.json", Some(Kind::Reread)),
        ] {
            assert_eq!(places().kind(Path::new(path)), expected, "{path}");
        }
        // The Copilot's checkout may be this one.
        let one = Places { copilot: "/w/here".into(), ..places() };
        assert_eq!(one.kind(Path::new("/w/here/packages/a/x.py")), Some(Kind::Sources));
        assert_eq!(one.kind(Path::new("/w/here/dev/.env")), Some(Kind::Stack));
    }

    #[test]
    fn what_editors_and_python_leave_beside_a_file_is_not_watched() {
        for name in [".api.py.swp", "api.py~", "4913", "#api.py#", ".#api.py", "__pycache__", ".git", "a.pyc"] {
            assert!(!is_users(name), "{name}");
        }
        assert!(["api.py", ".env", "schema.sql", "__init__.py"].into_iter().all(is_users));
    }

    fn files(all: &[(&str, i64)]) -> Files {
        all.iter().map(|(path, at)| (PathBuf::from(path), (*at, 0, 1, 1))).collect()
    }

    #[test]
    fn an_edit_counts_once_it_has_come_to_rest_and_what_came_back_is_none() {
        let mut eye = Eye::new(files(&[("a", 1), ("b", 1)]));
        let mut look = |all: &[(&str, i64)], git| eye.look(files(all), git);
        let rest = || thread::sleep(QUIET);
        assert_eq!(look(&[("a", 2), ("b", 1)], false), None);
        rest();
        // Still being written.
        assert_eq!(look(&[("a", 3), ("c", 3)], false), None);
        rest();
        assert_eq!(look(&[("a", 3), ("c", 3)], true), None, "git is at work");
        let edit = look(&[("a", 3), ("c", 3)], false).unwrap();
        assert_eq!(edit.paths, ["a", "c", "b"].map(PathBuf::from));
        assert_eq!(edit.at, SystemTime::UNIX_EPOCH + Duration::from_secs(3));
        // Replaced by an editor: gone for a moment.
        assert_eq!(look(&[("c", 3)], false), None);
        assert_eq!(look(&[("a", 3), ("c", 3)], false), None);
        rest();
        assert_eq!(look(&[("a", 3), ("c", 3)], false), None);
    }
}
