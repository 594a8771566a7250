//! `cargo xtask check`: the repository held against itself. It reads files and nothing else: no engine, no network.
//!
//! What Compose refuses by itself, and what the tests say of the compose files and the dashboards, is not said again.

#![warn(unreachable_pub)]

mod addresses;
mod code;
mod commands;
mod compose;
mod docs;
mod dynamic_config;
mod markdown;
mod mounts;
mod pictures;
mod ports;
mod repo;
mod tables;
mod variables;

use std::{env, path::PathBuf, process::ExitCode};

use anyhow::{Result, bail};
use repo::Repo;
use xtask::cli::help;
use xtask::machine::finding::{At, Finding};
use xtask::machine::{exit, term};

/// One subject: from the repository's files to what is wrong with them.
type Check = fn(&Repo) -> Vec<Finding>;

const CHECKS: &[Check] = &[
    compose::check,
    mounts::check,
    ports::check,
    addresses::check,
    variables::check,
    dynamic_config::check,
    docs::check,
    code::check,
    tables::check,
    pictures::check,
];

fn main() -> ExitCode {
    let Err(e) = run(&env::args_os().skip(1).map(PathBuf::from).collect::<Vec<_>>()) else { return ExitCode::SUCCESS };
    term::say(&format!("error: {e:#}"));
    ExitCode::from(exit::code(&e))
}

/// Takes what the command hands over: the checkout to look at, where the server's sources are looked for, and `--fix`.
fn run(args: &[PathBuf]) -> Result<()> {
    let [root, server, rest @ ..] = args else { bail!("this is the program behind `cargo xtask check`") };
    let mut repo = Repo::read(root, server);
    if let Ok(read) = &repo
        && !rest.is_empty()
        && tables::write(read)?
    {
        repo = Repo::read(root, server);
    }
    let findings = find(&repo);
    for it in &findings {
        let (file, line) = place(it);
        let line = line.map_or(String::new(), |it| format!(":{it}"));
        term::out(&format!("{file}{line}: {}\n    {}\n", it.what, it.fix));
    }
    match findings.len() {
        0 => term::out("The repository agrees with itself.\n"),
        1 => bail!("1 finding"),
        many => bail!("{many} findings"),
    }
    Ok(())
}

/// All findings, in the order of the files, each once. Files that cannot be read are found alone: what they would have
/// said cannot be compared.
fn find(repo: &Result<Repo, Vec<Finding>>) -> Vec<Finding> {
    let mut findings = match repo {
        Ok(repo) => CHECKS.iter().flat_map(|check| check(repo)).collect(),
        Err(unreadable) => unreadable.clone(),
    };
    findings.sort_by(|a, b| (place(a), &a.what, &a.fix).cmp(&(place(b), &b.what, &b.fix)));
    findings.dedup();
    findings
}

/// Its file and line.
fn place(finding: &Finding) -> (&str, Option<usize>) {
    if let At::File(file, line) = &finding.at { (file, *line) } else { ("", None) }
}

/// What to do about a word that is none of these: the one that was meant, or else something else.
pub(crate) fn meant<'a>(word: &str, known: impl IntoIterator<Item = &'a str>, otherwise: &str) -> String {
    help::suggest(word, known).map_or(otherwise.to_owned(), |it| format!("is `{it}` meant?"))
}

/// A list to read.
pub(crate) fn list<T: ToString>(items: impl IntoIterator<Item = T>) -> String {
    items.into_iter().map(|it| it.to_string()).collect::<Vec<_>>().join(", ")
}

/// A pattern that is compiled once, when it is first used.
macro_rules! pattern {
    ($text:literal) => {{
        static PATTERN: std::sync::LazyLock<regex::Regex> =
            std::sync::LazyLock::new(|| regex::Regex::new($text).expect("a pattern"));
        &*PATTERN
    }};
}
pub(crate) use pattern;
