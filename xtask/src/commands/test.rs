//! `cargo xtask test`: makes what the tests need, runs all of them, and says what was left out and why.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};
use std::{env, fs, path::PathBuf};

use anyhow::{Result, bail};
use xshell::{Shell, cmd};

use crate::cli::flags;
use crate::docker::{engine, supply};
use crate::images::stand_ins;
use crate::machine::few;
use crate::machine::finding::Finding;
use crate::machine::process::{self, Limit};
use crate::machine::term;

impl flags::Test {
    pub fn run(self, sh: &Shell) -> Result<()> {
        let look = || engine::engine(sh).and_then(|_| engine::check_compose(sh)).map(|_| ());
        let mut engine = look();
        if engine.is_err() && supply::offer(sh, self.yes)? {
            engine = look();
        }
        let engine = engine.and_then(|()| stand_ins::make(sh));
        if let Err(lack) = &engine {
            if self.engine {
                return Err(lack.clone().into());
            }
            term::say(&format!("the tests that need an engine are left out: {lack}"));
        }
        // What it cannot have is counted where a test misses it.
        if let Err(e) = process::run(&mut cmd!(sh, "tests/tools").into(), Limit::Watched) {
            term::say(&format!("note: {e:#}"));
        }
        let folder = sh.create_temp_dir()?;
        let list = folder.path().join("left-out");
        let cargo = env::var("CARGO").unwrap_or_else(|_| "cargo".to_owned());
        let ignored = engine.is_ok().then_some("--include-ignored");
        let arguments = ignored.into_iter().chain(self.arg.iter().map(String::as_str));
        let mut command = Command::from(cmd!(sh, "{cargo} test --workspace --no-fail-fast -- {arguments...}"));
        command.env("TESTS_LEFT_OUT", &list).env("PATH", path());
        let (mut seen, ended) = watch(&mut command)?;
        seen.skipped(&fs::read_to_string(&list).unwrap_or_default());
        term::out(&seen.summary(engine.err().as_ref()));
        ended
    }
}

/// PATH, with what `tests/tools` has put beside it.
fn path() -> std::ffi::OsString {
    let own = env::var_os("HOME").map(|it| PathBuf::from(it).join(".cache/standin-aws/bin"));
    let path = env::var_os("PATH").unwrap_or_default();
    env::join_paths(env::split_paths(&path).chain(own)).unwrap_or(path)
}

/// What the test runner said.
#[derive(Default)]
struct Seen {
    passed: usize,
    failed: usize,
    /// How many were left out, by the reason.
    left_out: BTreeMap<String, usize>,
}

/// Runs the tests, passes on what they print, and reads it; and how they ended.
fn watch(command: &mut Command) -> Result<(Seen, Result<()>)> {
    term::say(&format!("$ {}", process::line(command)));
    let (mut child, _tracked) = process::spawn(command.stdout(Stdio::piped()))?;
    let mut seen = Seen::default();
    let mut lines = BufReader::new(child.stdout.take().expect("stdout is a pipe")).split(b'\n');
    while let Some(line) = lines.next().transpose()? {
        let line = String::from_utf8_lossy(&line);
        term::out(&format!("{line}\n"));
        seen.line(&line);
    }
    let status = child.wait()?;
    let shown = process::line(command);
    let ended = || if status.success() { Ok(()) } else { bail!("`{shown}` ended with {status}") };
    Ok((seen, ended()))
}

impl Seen {
    /// Reads a line of Rust's test runner: `test NAME ... ignored, REASON`, `test result: ok. 1 passed; 0 failed; …`.
    fn line(&mut self, line: &str) {
        if let Some((_, reason)) = line.strip_prefix("test ").and_then(|it| it.split_once(" ... ignored")) {
            *self.left_out.entry(reason.trim_start_matches(", ").to_owned()).or_default() += 1;
        }
        let Some((_, counts)) = line.strip_prefix("test result: ").and_then(|it| it.split_once(". ")) else { return };
        for part in counts.split("; ") {
            match part.split_once(' ').map(|(count, word)| (count.parse::<usize>(), word)) {
                Some((Ok(count), "passed")) => self.passed += count,
                Some((Ok(count), "failed")) => self.failed += count,
                _ => {}
            }
        }
    }

    /// Takes the tests that have ended without looking at anything, one a line with its reason, from those that passed.
    fn skipped(&mut self, list: &str) {
        for (_, reason) in few::unique(list.lines()).into_iter().filter_map(|it| it.split_once('\t')) {
            self.passed = self.passed.saturating_sub(1);
            *self.left_out.entry(reason.to_owned()).or_default() += 1;
        }
    }

    fn summary(&self, lack: Option<&Finding>) -> String {
        let left_out: usize = self.left_out.values().sum();
        let mut text = format!("\nall tests: {} passed, {} failed, {left_out} left out\n", self.passed, self.failed);
        for (reason, count) in &self.left_out {
            text += &format!("  {count:>4}  {reason}\n");
        }
        if let Some(it) = lack {
            text += &format!("there is no engine: {}\n", it.to_string().replace('\n', "\n  "));
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::machine::finding::finding;

    #[test]
    fn the_summary_counts_over_all_binaries_and_takes_what_looked_at_nothing_from_what_passed() {
        let mut seen = Seen::default();
        for line in [
            "test a::one ... ok",
            "test a::two ... ignored, needs a Docker engine",
            "test result: ok. 3 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0.10s",
            "test b::three ... FAILED",
            "test result: FAILED. 2 passed; 1 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.10s",
        ] {
            seen.line(line);
        }
        seen.skipped("a::one\tno terraform\na::one\tno terraform\nb::four\tno aws\n");
        assert_eq!(
            seen.summary(Some(&finding("no engine", "start it"))),
            "\nall tests: 3 passed, 1 failed, 3 left out\n     1  needs a Docker engine\n     1  no aws\n     \
             1  no terraform\nthere is no engine: no engine\n  start it\n"
        );
    }
}
