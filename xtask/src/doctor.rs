//! Everything that the stack needs, each with its fix. Changes nothing.
//!
//! What follows from a missing thing is left out: without an engine there is no word about its memory or its images.

mod cloud;
mod files;
mod images;
mod machine;

use std::{fmt::Write, io, iter, thread};

use anyhow::Result;
use serde_json::json;
use xshell::Shell;

use crate::machine::beside::beside;
use crate::machine::exit::{PREREQUISITE, exit};
use crate::machine::finding::{Finding, finding};
use crate::machine::table;
use crate::machine::term::{self, Colour};
use crate::settings::{ENV_FILE, Settings};
use crate::stack::Stack;
use crate::stack::mode::{self, Mode};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Status {
    Ok,
    /// The stack starts, but not as it should.
    Warn,
    /// The stack does not start.
    Fail,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Check {
    /// Stays the same from version to version: scripts look for it.
    name: &'static str,
    status: Status,
    detail: String,
    /// Lines for a shell; empty only where the status is `Ok`.
    fix: String,
}

impl Status {
    fn shown(self) -> (&'static str, Colour) {
        match self {
            Status::Ok => ("ok", Colour::Green),
            Status::Warn => ("warn", Colour::Yellow),
            Status::Fail => ("fail", Colour::Red),
        }
    }
}

/// The flag's mode, else the last one, else what the files say; and what chose it.
pub(crate) fn choose_mode(sh: &Shell, flag: Option<bool>) -> (Mode, &'static str, Option<Finding>) {
    let (saved, damage) = match Mode::saved(sh) {
        Ok(it) => (it, None),
        Err(e) => (None, Some(finding(format!("{e:#}"), format!("rm {}", mode::PATH)))),
    };
    let last = saved.unwrap_or_default();
    let local = |local| Mode { local, ..last };
    let (mode, why) = match (flag, saved) {
        (Some(it), _) => (local(it), "as asked"),
        (None, Some(it)) => (it, "as the last dev-up"),
        (None, None) if sh.path_exists(ENV_FILE) => (local(false), "there is a dev/.env"),
        (None, None) => (local(true), "there is no dev/.env; `--dsql` checks what Aurora DSQL needs"),
    };
    (mode, why, damage)
}

pub(crate) fn examine(sh: &Shell, mode: Mode) -> Vec<Check> {
    let settings = &Settings::load(sh, mode.local);
    // The engine's architecture decides on one file of Compose, which changes nothing of what is looked at here.
    let mut stack = Stack::load(sh, settings, mode, None)
        .map_err(|e| finding(format!("{e:#}"), "git checkout -- dev/docker-compose.yml dev/docker-compose.local.yml"));
    if let Ok(it) = &mut stack {
        it.services.retain(|it| !it.optional);
    }
    let stack = &stack;
    thread::scope(|scope| {
        let machine = beside(scope, sh, |sh| machine::check(sh, settings, mode, stack.as_ref().ok()));
        let cloud = beside(scope, sh, |sh| if mode.local { Vec::new() } else { cloud::check(sh, settings) });
        let files = files::check(sh, settings, stack.as_ref());
        [machine(), cloud(), files].concat()
    })
}

impl Check {
    fn ok(name: &'static str, detail: impl Into<String>) -> Check {
        Check { name, status: Status::Ok, detail: detail.into(), fix: String::new() }
    }

    fn unwell(name: &'static str, status: Status, what: impl Into<String>, fix: impl Into<String>) -> Check {
        Check { name, status, detail: what.into(), fix: fix.into() }
    }

    /// `status` where there are findings, else `ok`.
    pub(crate) fn of(name: &'static str, status: Status, findings: Vec<Finding>, ok: impl Into<String>) -> Check {
        if findings.is_empty() {
            return Check::ok(name, ok);
        }
        let (mut details, mut fixes) = (Vec::new(), Vec::new());
        for it in findings {
            details.push(it.what);
            if !it.fix.is_empty() && !fixes.contains(&it.fix) {
                fixes.push(it.fix);
            }
        }
        Check { name, status, detail: details.join("; "), fix: fixes.join("\n") }
    }

    fn from(name: &'static str, result: Result<String, Finding>) -> Check {
        match result {
            Ok(detail) => Check::ok(name, detail),
            Err(it) => Check::unwell(name, Status::Fail, it.what, it.fix),
        }
    }
}

pub(crate) fn to_json(mode: Mode, checks: &[Check]) -> serde_json::Value {
    let row = |it: &Check| {
        let fix = Some(&it.fix).filter(|it| !it.is_empty());
        json!({ "name": it.name, "status": it.status.shown().0, "detail": it.detail, "fix": fix })
    };
    let mode = if mode.local { "local" } else { "dsql" };
    json!({ "schemaVersion": 1, "mode": mode, "checks": checks.iter().map(row).collect::<Vec<_>>() })
}

/// One line a check, then the fixes, then the next command where nothing fails.
pub(crate) fn report(mode: Mode, why: &str, checks: &[Check]) -> String {
    let title = if mode.local { "local PostgreSQL" } else { "Aurora DSQL" };
    let row = |it: &Check| {
        let (status, colour) = it.status.shown();
        [term::paint(&io::stdout(), colour, &format!("{status:<4}")), it.name.to_owned(), printable(&it.detail)]
    };
    let mut out = format!("for {title} ({why}):\n{}", table::rows(&checks.iter().map(row).collect::<Vec<_>>()));
    let mut fixes = Vec::new();
    for it in checks {
        let names = [it.name].into_iter().chain(iter::repeat(""));
        fixes.extend(it.fix.lines().zip(names).map(|(line, name)| [format!("  {name}"), printable(line)]));
    }
    if !fixes.is_empty() {
        _ = write!(out, "\nfixes:\n{}", table::rows(&fixes));
    }
    let count = |status| checks.iter().filter(|it| it.status == status).count();
    if count(Status::Fail) == 0 {
        let start = if mode.local { "cargo xtask dev-up --local" } else { "cargo xtask dev-up --dsql" };
        let warnings = match count(Status::Warn) {
            0 => "all is well".to_owned(),
            1 => "nothing fails, with 1 warning".to_owned(),
            it => format!("nothing fails, with {it} warnings"),
        };
        _ = writeln!(out, "\n{warnings}; next: `{start}`");
    }
    out
}

/// What other programs said, on one line and without control characters.
fn printable(text: &str) -> String {
    text.chars().map(|it| if it.is_control() { ' ' } else { it }).collect()
}

pub(crate) fn conclude(checks: &[Check]) -> Result<()> {
    let failed: Vec<&str> = checks.iter().filter(|it| it.status == Status::Fail).map(|it| it.name).collect();
    if failed.is_empty() {
        return Ok(());
    }
    let (count, all, names) = (failed.len(), checks.len(), failed.join(", "));
    let what = format!("{count} of {all} checks failed ({names}): mend them, then `cargo xtask doctor` again");
    Err(exit(PREREQUISITE, what))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn checks() -> Vec<Check> {
        let findings = vec![finding("a\u{1b}[31m is off", "x 1"), finding("b is off", "y"), finding("c", "x 1")];
        vec![Check::ok("first", "fine"), Check::of("second-one", Status::Fail, findings, "")]
    }

    #[test]
    fn the_report_has_a_line_for_each_check_then_each_fix_once() {
        let text = report(Mode::default(), "as asked", &checks());
        let expected = "for Aurora DSQL (as asked):\nok    first       fine\nfail  second-one  a [31m is off; b is off; c\n\
                        \nfixes:\n  second-one  x 1\n              y\n";
        assert_eq!(text, expected);
        assert!(
            report(Mode::default(), "", &checks()[..1]).ends_with("all is well; next: `cargo xtask dev-up --dsql`\n")
        );
    }

    #[test]
    fn the_json_holds_every_check_and_no_fix_where_none_is_needed() {
        let json = to_json(Mode { local: true, ..Mode::default() }, &checks());
        assert_eq!((&json["schemaVersion"], &json["mode"]), (&json!(1), &json!("local")));
        assert_eq!(json["checks"][0], json!({"name": "first", "status": "ok", "detail": "fine", "fix": null}));
        assert_eq!(json["checks"][1]["fix"], "x 1\ny");
    }

    #[test]
    fn the_exit_code_is_that_of_a_missing_prerequisite_only_where_something_fails() {
        assert_eq!(crate::machine::exit::code(&conclude(&checks()).unwrap_err()), PREREQUISITE);
        let warned = Check::of("w", Status::Warn, vec![finding("a", "b")], "");
        assert!(conclude(&[warned]).is_ok());
    }

    #[test]
    fn without_a_flag_the_last_mode_counts_then_the_file_of_variables() {
        let sh = Shell::new().unwrap();
        let folder = sh.create_temp_dir().unwrap();
        sh.change_dir(folder.path());
        let local = |flag| choose_mode(&sh, flag).0.local;
        assert!(local(None) && !local(Some(false)));
        sh.write_file(ENV_FILE, "").unwrap();
        assert!(!local(None));
        Mode { local: true, port_offset: 7, ..Mode::default() }.save(&sh).unwrap();
        assert!(local(None));
        assert_eq!(choose_mode(&sh, Some(false)).0.port_offset, 7);
        sh.write_file(mode::PATH, "{").unwrap();
        assert!(choose_mode(&sh, None).2.unwrap().fix.contains("rm dev/.rendered/mode.json"));
    }
}
