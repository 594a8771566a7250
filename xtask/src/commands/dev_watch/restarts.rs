//! Containers that were restarted, until it is known how they do.

use std::os::unix::ffi::OsStrExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, SystemTime};
use std::{fs, io};

use anyhow::Result;
use xshell::{Shell, cmd};

use crate::docker::containers::{self, Container};
use crate::machine::interrupt::Tracked;
use crate::machine::term::{self, Colour};
use crate::machine::{interrupt, process};
use crate::stack::overrides::BYTECODE;
use crate::stack::readiness::{State, assess, probe};
use crate::stack::{Stack, diagnosis};

/// What is said of a restart that leads to nothing.
const PATIENCE: Duration = Duration::from_secs(120);
const LINES: usize = 8;

/// A service that was restarted over an edit.
pub(super) struct Restart {
    service: String,
    files: String,
    at: SystemTime,
}

/// Restarts the containers of these services, all at the same time.
pub(super) fn restart(sh: &Shell, containers: &[&Container], files: &str, at: SystemTime) -> Result<Vec<Restart>> {
    let command = |verb: &[&str], id: &str| {
        let mut command: Command = cmd!(sh, "docker {verb...} {id}").into();
        // Ctrl-C reaches it through us alone.
        command.process_group(0).stdin(Stdio::null()).stdout(Stdio::null());
        command
    };
    interrupt::then_run(containers.iter().map(|it| command(&["start"], short(it))).collect());
    let mut children = Vec::new();
    for it in containers {
        // The worker takes no notice of being asked to stop, and the API takes a second every other time.
        let mut restart = command(&["restart", "--time", "0"], short(it));
        term::say(&format!("$ {}", process::line(&restart)));
        children.push((it, process::spawn(&mut restart)?));
    }
    let waited = children.into_iter().map(|(it, child)| wait(child).map(|()| it));
    let restarted = waited.collect::<Result<Vec<_>>>();
    interrupt::then_run(Vec::new());
    let of = |it: &&&Container| Restart { service: it.service.clone(), files: files.to_owned(), at };
    Ok(restarted?.iter().map(of).collect())
}

/// Removes what Python has compiled of these files of the packages, which are at `/src`: it tells two versions of a file by
/// the second and its length.
pub(super) fn forget_compiled(root: &Path, packages: &Path, files: &[PathBuf]) {
    for file in files {
        let (Ok(inner), Some(stem)) = (file.strip_prefix(packages), file.file_stem()) else { continue };
        let folder = root.join(BYTECODE).join("src").join(inner.parent().unwrap_or(inner));
        let mut name = stem.to_owned();
        name.push(".");
        let is_of = |it: &Path| it.file_name().is_some_and(|it| it.as_bytes().starts_with(name.as_bytes()));
        let compiled = fs::read_dir(folder).into_iter().flatten().flatten().map(|it| it.path());
        compiled.filter(|it| is_of(it)).for_each(|it| _ = fs::remove_file(it));
    }
}

fn wait((mut child, _tracked): (Child, Tracked)) -> Result<()> {
    // Why it failed, Docker has said; what it left is judged like everything else.
    _ = child.wait()?;
    Ok(())
}

fn short(container: &Container) -> &str {
    container.id.get(..12).unwrap_or(&container.id)
}

impl Restart {
    pub(super) fn service(&self) -> &str {
        &self.service
    }

    /// Says how it went, and returns whether it is ready; `None` while that is open.
    pub(super) fn outcome(&self, sh: &Shell, stack: &Stack, containers: &[Container]) -> Option<bool> {
        let service = stack.service(&self.service)?;
        let container = containers::find(containers, &self.service);
        let state = assess(service, container, &probe);
        let took = SystemTime::now().duration_since(self.at).unwrap_or_default();
        // The engine has started it anew, or has given up.
        let has_ended = container.is_some_and(|it| it.restarts > 0 || matches!(it.status.as_str(), "exited" | "dead"));
        let (files, name) = (&self.files, &self.service);
        if state.is_ready() {
            let line = format!("{files} → {name} ready in {:.1} s", took.as_secs_f64());
            term::say(&term::paint(&io::stderr(), Colour::Green, &line));
            return Some(true);
        }
        let wrong = match (state, container) {
            (_, None) => "its container is gone".to_owned(),
            (_, Some(_)) if has_ended => "it does not start".to_owned(),
            (State::Failed(why), _) => why,
            _ if took > PATIENCE => format!("not ready after {} s", took.as_secs()),
            _ => return None,
        };
        let line = format!("{files} → {name}: {wrong}");
        term::say(&term::paint(&io::stderr(), Colour::Red, &line));
        let log = container.map(|it| diagnosis::log(sh, &it.id)).unwrap_or_default();
        last_words(&log).iter().for_each(|it| term::say(&format!("    {it}")));
        term::say("  the engine tries again by itself; the next edit restarts it");
        Some(false)
    }
}

/// The end of the last traceback that is whole, else of the log.
fn last_words(log: &[String]) -> &[String] {
    let begins = |at: &usize| log[*at].contains("Traceback (most recent call last)");
    let is_end = |it: &String| !it.starts_with([' ', '\t']) && !it.is_empty();
    let whole = |from: usize| Some((from, from + 1 + log[from + 1..].iter().position(is_end)?));
    let found = (0..log.len()).rev().filter(begins).find_map(whole);
    let (from, last) = found.unwrap_or((0, log.len().saturating_sub(1)));
    let end = (last + 1).min(log.len());
    &log[from.max(end.saturating_sub(LINES))..end]
}

/// Whether the engine can start a container from this folder.
pub(super) fn is_there(packages: &Path) -> bool {
    fs::read_dir(packages).is_ok_and(|mut it| it.next().is_some())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(log: &str) -> String {
        last_words(&log.lines().map(str::to_owned).collect::<Vec<_>>()).join("\n")
    }

    #[test]
    fn what_was_compiled_of_an_edited_file_is_forgotten_and_nothing_else() {
        let sh = Shell::new().unwrap();
        let folder = sh.create_temp_dir().unwrap();
        let compiled = folder.path().join(BYTECODE).join("src/a/src/a");
        for name in ["api.cpython-314.pyc", "api_test.cpython-314.pyc"] {
            sh.write_file(compiled.join(name), "").unwrap();
        }
        let edited = ["/c/packages/a/src/a/api.py", "/c/packages/b/gone.py", "/elsewhere/api.py"].map(PathBuf::from);
        forget_compiled(folder.path(), Path::new("/c/packages"), &edited);
        let left: Vec<_> = fs::read_dir(&compiled).unwrap().map(|it| it.unwrap().file_name()).collect();
        assert_eq!(left, ["api_test.cpython-314.pyc"]);
    }

    #[test]
    fn of_a_log_the_end_of_its_last_whole_traceback_is_shown() {
        let traceback =
            "Traceback (most recent call last):\n  File \"a.py\", line 1, in <module>\n    x y\nSyntaxError: no";
        let log = format!("up\n{traceback}\nmain stops\nTraceback (most recent call last):\n  File \"b\"");
        assert_eq!(shown(&log), traceback);
        assert_eq!(shown("a\nb"), "a\nb");
        assert_eq!(shown(""), "");
        let deep = format!("Traceback (most recent call last):\n{}E: no", "  frame\n".repeat(30));
        assert_eq!(shown(&deep), "  frame\n".repeat(LINES - 1) + "E: no");
    }
}
