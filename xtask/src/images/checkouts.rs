//! The two source checkouts that images and schemas come from.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};
use xshell::{Shell, cmd};

use crate::docker::engine::ANSWER;
use crate::machine::finding::{Finding, finding};
use crate::machine::process::{self, Limit};
use crate::settings::Settings;

/// The commits that this stack was tried with, from the workspace root: `NAME COMMIT` a line.
const SOURCES: &str = "dev/sources.lock";

/// A source checkout.
#[derive(Debug)]
pub(crate) struct Checkout {
    /// What a user calls it.
    pub name: &'static str,
    variable: &'static str,
    flag: &'static str,
    /// Where it can be cloned from.
    pub url: &'static str,
    /// Files by which it is recognised.
    marks: &'static [&'static str],
}

/// The Temporal fork with the DSQL persistence plugin.
pub(crate) const TEMPORAL: Checkout = Checkout {
    name: "temporal-dsql",
    variable: "TEMPORAL_DSQL_PATH",
    flag: "--temporal-dsql",
    url: "https://github.com/iw/temporal",
    marks: &["go.mod", "cmd/tools/dsql", "schema/dsql/temporal/versioned"],
};

/// The Copilot.
pub(crate) const COPILOT: Checkout = Checkout {
    name: "temporal-sre-copilot",
    variable: "TEMPORAL_SRE_COPILOT_PATH",
    flag: "--copilot",
    url: "https://github.com/iw/temporal-sre-copilot",
    marks: &["Dockerfile", "packages/copilot/src/copilot/db/schema.sql"],
};

impl Checkout {
    /// The checkout's folder: the flag's, else the variable's, else the default.
    pub(crate) fn find(&self, sh: &Shell, settings: &Settings, flag: Option<&PathBuf>) -> Result<PathBuf, Finding> {
        let path = self.path(sh, settings, flag);
        let missing: Vec<&str> = self.marks.iter().copied().filter(|it| !path.join(it).exists()).collect();
        if missing.is_empty() {
            return Ok(path);
        }
        let shown = path.display();
        let (what, folder) = if path.exists() {
            (format!("{shown} is no {} checkout: it has no {}", self.name, missing.join(", no ")), "FOLDER".to_owned())
        } else {
            (format!("there is no {} checkout at {shown}", self.name), shown.to_string())
        };
        let own = format!("or name one that you have with {} in dev/.env, or with {} PATH", self.variable, self.flag);
        let at = self.commit(sh).map_or(String::new(), |it| format!(" && git -C {folder} checkout --detach {it}"));
        Err(finding(what, format!("git clone {} {folder}{at}  # {own}", self.url)))
    }

    /// The commit that this stack was tried with.
    fn commit(&self, sh: &Shell) -> Result<String, Finding> {
        let text = sh.read_file(SOURCES).unwrap_or_default();
        let named = text.lines().filter_map(|it| it.split_once(' ')).find(|(name, _)| *name == self.name);
        let is_commit = |it: &&str| it.len() == 40 && it.chars().all(|c| c.is_ascii_hexdigit());
        named.map(|(_, it)| it.trim()).filter(is_commit).map(str::to_owned).ok_or_else(|| {
            finding(format!("{SOURCES} names no commit of {}", self.name), format!("git checkout -- {SOURCES}"))
        })
    }

    /// Clones that commit, whole or not at all.
    pub(super) fn clone_to(&self, sh: &Shell, path: &Path) -> Result<()> {
        let (url, commit) = (self.url, &self.commit(sh)?);
        let part = &path.with_file_name(format!(".{}.part", self.name));
        sh.remove_path(part)?;
        let git = |words: &[&str]| process::run(&mut cmd!(sh, "git -C {part} {words...}").into(), Limit::Watched);
        process::run(&mut cmd!(sh, "git init --quiet {part}").into(), Limit::Watched)?;
        git(&["remote", "add", "origin", url])?;
        // Not every server hands out a commit by its id.
        git(&["fetch", "--depth", "1", "origin", commit]).or_else(|_| git(&["fetch", "origin"]))?;
        git(&["checkout", "--quiet", "--detach", commit])?;
        fs::rename(part, path).with_context(|| format!("cannot move {} to {}", part.display(), path.display()))
    }

    /// Says where a checkout stands, if not at that commit. This repository itself, and what git does not know, stand
    /// nowhere.
    pub(crate) fn elsewhere(&self, sh: &Shell, path: &Path) -> Option<Finding> {
        if path == sh.current_dir() {
            return None;
        }
        // The prefix is empty where the folder is a checkout of its own.
        let printed = git(sh, path, &["rev-parse", "--show-prefix", "HEAD"])?;
        let at = printed.strip_prefix('\n')?.trim();
        let wanted = match self.commit(sh) {
            Ok(it) if it == at => return None,
            Ok(it) => it,
            Err(it) => return Some(it),
        };
        let (shown, url) = (path.display(), self.url);
        Some(finding(
            format!("{shown} stands at {at:.10}, and this stack was tried with {wanted:.10} ({SOURCES})"),
            format!(
                "git -C {shown} fetch {url} {wanted} && git -C {shown} checkout --detach {wanted}  \
                 # or leave it: so one works on it"
            ),
        ))
    }

    /// The commit that a checkout stands at, where that is the one of this stack and holds all that is there; else why
    /// nobody else has these sources.
    pub(super) fn pinned(&self, sh: &Shell, path: &Path) -> Result<String, Finding> {
        let (wanted, shown) = (self.commit(sh)?, path.display());
        if let Some(it) = self.elsewhere(sh, path) {
            return Err(it);
        }
        let is_there = git(sh, path, &["rev-parse", "HEAD"]).is_some_and(|it| it.trim() == wanted);
        let changes = git(sh, path, &["status", "--porcelain"]).filter(|_| is_there);
        match changes.as_deref().map(|it| it.lines().next()) {
            Some(None) => Ok(wanted),
            Some(Some(first)) => Err(finding(
                format!("{shown} holds changes that are in no commit, such as `{}`", first.trim()),
                format!("git -C {shown} stash --include-untracked"),
            )),
            None => Err(finding(
                format!("{shown} is no git checkout of {} alone at {wanted:.10} ({SOURCES})", self.name),
                format!("git clone {} FOLDER && git -C FOLDER checkout --detach {wanted}", self.url),
            )),
        }
    }

    /// Where the checkout is looked for.
    pub(crate) fn path(&self, sh: &Shell, settings: &Settings, flag: Option<&PathBuf>) -> PathBuf {
        let root = sh.current_dir();
        let path = match flag {
            // A path on the command line is relative to where the user stands, not to the workspace.
            Some(it) => std::path::absolute(it).unwrap_or_else(|_| it.clone()),
            None if !settings.get(self.variable).is_empty() => settings.path(&root, self.variable),
            None if self.marks.iter().all(|it| root.join(it).exists()) => root,
            None => root.join("..").join(self.name),
        };
        // Without `..`, also where it is not there yet: this path is printed to be read and pasted.
        let beside = || Some(path.parent()?.canonicalize().ok()?.join(path.file_name()?));
        path.canonicalize().ok().or_else(beside).unwrap_or(path)
    }
}

/// What git says of a checkout, if anything. Without locks it does not refresh its index, which would be a change.
fn git(sh: &Shell, path: &Path, words: &[&str]) -> Option<String> {
    let ask = cmd!(sh, "git --no-optional-locks -C {path} {words...}");
    process::read_within(&mut Command::from(ask), ANSWER).ok()
}

/// The folder of the knowledge base's documents: the given one, else the Copilot checkout's.
pub(crate) fn documents(sh: &Shell, source: Option<PathBuf>) -> PathBuf {
    match source {
        // A path on the command line is relative to where the user stands, not to the workspace.
        Some(it) => std::path::absolute(&it).unwrap_or(it),
        None => COPILOT.path(sh, &Settings::load(sh, false), None).join("docs/rag"),
    }
}
