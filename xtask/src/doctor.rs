//! Everything that the stack needs, each with its fix. Changes nothing.
//!
//! What follows from a missing thing is left out: without an engine there is no word about its memory or its images.

mod cloud;
mod files;
mod images;
mod machine;

use std::{fmt::Write, io, thread};

use anyhow::Result;
use serde_json::json;
use xshell::Shell;

use crate::{
    machine::{
        exit::{PREREQUISITE, exit},
        finding::{Finding, finding},
        term::{self, Colour},
    },
    settings::{ENV_FILE, Settings},
    stack::{
        Stack,
        mode::{self, Mode},
    },
};

/// How something stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Status {
    Ok,
    /// The stack starts, but not as it should.
    Warn,
    /// The stack does not start.
    Fail,
}

/// One thing that was looked at.
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
    fn as_str(self) -> &'static str {
        match self {
            Status::Ok => "ok",
            Status::Warn => "warn",
            Status::Fail => "fail",
        }
    }

    fn colour(self) -> Colour {
        match self {
            Status::Ok => Colour::Green,
            Status::Warn => Colour::Yellow,
            Status::Fail => Colour::Red,
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

/// Looks at everything, side by side.
pub(crate) fn examine(sh: &Shell, mode: Mode) -> Vec<Check> {
    let settings = &Settings::load(sh, mode.local);
    // The engine's architecture decides on one file of Compose, which changes nothing of what is looked at here.
    let (stack, broken) = match Stack::load(sh, settings, mode, None) {
        Ok(it) => (Some(it), None),
        Err(e) => (
            None,
            Some(finding(format!("{e:#}"), "git checkout -- dev/docker-compose.yml dev/docker-compose.local.yml")),
        ),
    };
    let (stack, broken) = (&stack, &broken);
    type Task<'a> = Box<dyn FnOnce(&Shell) -> Vec<Check> + Send + 'a>;
    let tasks: Vec<Task<'_>> = vec![
        Box::new(|sh| machine::check(sh, settings, mode, stack.as_ref())),
        Box::new(|sh| if mode.local { Vec::new() } else { cloud::check(sh, settings) }),
        Box::new(|sh| files::check(sh, settings, stack.as_ref(), broken.as_ref())),
    ];
    thread::scope(|scope| {
        let mut running = Vec::new();
        for task in tasks {
            let sh = sh.clone();
            running.push(scope.spawn(move || task(&sh)));
        }
        running.into_iter().flat_map(|it| it.join().expect("a check does not panic")).collect()
    })
}

impl Check {
    fn ok(name: &'static str, detail: impl Into<String>) -> Check {
        Check { name, status: Status::Ok, detail: detail.into(), fix: String::new() }
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

    /// One finding, or `ok`.
    fn from(name: &'static str, result: Result<String, Finding>) -> Check {
        match result {
            Ok(detail) => Check::ok(name, detail),
            Err(it) => Check::of(name, Status::Fail, vec![it], ""),
        }
    }
}

pub(crate) fn to_json(mode: Mode, checks: &[Check]) -> serde_json::Value {
    let checks: Vec<_> = checks
        .iter()
        .map(|it| {
            let fix = Some(&it.fix).filter(|it| !it.is_empty());
            json!({ "name": it.name, "status": it.status.as_str(), "detail": it.detail, "fix": fix })
        })
        .collect();
    json!({ "schemaVersion": 1, "mode": word(mode), "checks": checks })
}

fn word(mode: Mode) -> &'static str {
    if mode.local { "local" } else { "dsql" }
}

/// One line a check, then the fixes, then the next command where nothing fails.
pub(crate) fn report(mode: Mode, why: &str, checks: &[Check]) -> String {
    let title = if mode.local { "local PostgreSQL" } else { "Aurora DSQL" };
    let mut out = format!("for {title} ({why}):\n");
    let width = checks.iter().map(|it| it.name.len()).max().unwrap_or(0);
    for it in checks {
        let status = term::paint(&io::stdout(), it.status.colour(), &format!("{:<4}", it.status.as_str()));
        _ = writeln!(out, "{status}  {:<width$}  {}", it.name, printable(&it.detail));
    }
    let unwell: Vec<&Check> = checks.iter().filter(|it| !it.fix.is_empty()).collect();
    if !unwell.is_empty() {
        out.push_str("\nfixes:\n");
    }
    for it in unwell {
        for (i, line) in it.fix.lines().enumerate() {
            let name = if i == 0 { it.name } else { "" };
            _ = writeln!(out, "  {name:<width$}  {}", printable(line));
        }
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
    Err(exit(
        PREREQUISITE,
        format!(
            "{} of {} checks failed ({}): mend them, then `cargo xtask doctor` again",
            failed.len(),
            checks.len(),
            failed.join(", ")
        ),
    ))
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
