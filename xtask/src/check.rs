//! `cargo xtask check`: the repository held against itself. It reads files and nothing else: no engine, no network.

mod addresses;
mod code;
mod commands;
mod compose;
mod dashboards;
mod docs;
mod dynamic_config;
mod grafana;
mod identity;
mod markdown;
mod mounts;
mod panels;
mod ports;
mod promql;
mod repo;
mod start;
mod tables;
mod variables;

use std::fmt;

use anyhow::Result;
use xshell::Shell;

use crate::{
    exit::{FAILED, exit},
    flags, term,
};
use repo::Repo;

/// Two places of the repository that contradict each other.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Finding {
    /// From the workspace root.
    pub file: String,
    /// From 1; `None` where it is about the whole file.
    pub line: Option<usize>,
    pub text: String,
    /// What to do; never empty.
    pub remedy: String,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let line = self.line.map_or(String::new(), |it| format!(":{it}"));
        write!(f, "{}{line}: {}\n    {}", self.file, self.text, self.remedy)
    }
}

/// One subject: from the repository's files to what is wrong with them.
type Check = fn(&Repo) -> Vec<Finding>;

const CHECKS: &[Check] = &[
    compose::check,
    identity::check,
    mounts::check,
    ports::check,
    start::check,
    addresses::check,
    variables::check,
    dynamic_config::check,
    grafana::check,
    dashboards::check,
    docs::check,
    tables::check,
    code::check,
    panels::check,
];

impl flags::Check {
    pub(crate) fn run(self, sh: &Shell) -> Result<()> {
        let root = sh.current_dir();
        if self.fix
            && let Ok(repo) = Repo::read(&root)
        {
            panels::fix(&repo)?.iter().for_each(|it| term::say(&format!("{it} written")));
        }
        let findings = find(&Repo::read(&root));
        for finding in &findings {
            term::out(&format!("{finding}\n"));
        }
        match findings.len() {
            0 => {
                term::out("The repository agrees with itself.\n");
                Ok(())
            }
            1 => Err(exit(FAILED, "1 finding")),
            many => Err(exit(FAILED, format!("{many} findings"))),
        }
    }
}

/// All findings, in the order of the files, each once. Files that cannot be read are found alone: what they would have
/// said cannot be compared.
fn find(repo: &Result<Repo, Vec<Finding>>) -> Vec<Finding> {
    let mut findings = match repo {
        Ok(repo) => CHECKS.iter().flat_map(|check| check(repo)).collect(),
        Err(unreadable) => unreadable.clone(),
    };
    findings.sort();
    findings.dedup();
    findings
}
