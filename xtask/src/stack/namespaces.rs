//! The namespace `default` of both clusters: nothing else creates it, and the Copilot cannot work without it.

use std::{process::Command, thread, time::Duration, time::Instant};

use anyhow::Result;
use xshell::Shell;

use crate::{
    machine::{
        exit::{NOT_READY, exit},
        process, term,
    },
    stack::{Service, Stack},
};

/// The services that serve Temporal's HTTP API, on port 8233.
const FRONTENDS: &[&str] = &["temporal-frontend", "copilot-temporal"];
const SECOND: Duration = Duration::from_secs(1);

/// Registers `default` where these services include a frontend. Repeatable: one that is there already is left alone.
///
/// # Errors
/// Exit code 4: a frontend answers something else, or nothing, until the deadline.
pub(crate) fn register(sh: &Shell, stack: &Stack, services: &[&Service], deadline: Instant) -> Result<()> {
    for (name, mut command) in commands(sh, stack, services) {
        loop {
            let rest = || deadline.saturating_duration_since(Instant::now());
            let answer = process::read_within(&mut command, rest().max(SECOND));
            match answer.as_deref().map(str::trim) {
                Ok("200") => term::say(&format!("  namespace default registered in {name}")),
                Ok("409") => {}
                _ if !rest().is_zero() => {
                    thread::sleep(rest().min(SECOND));
                    continue;
                }
                other => {
                    let why = other.map_or_else(|e| format!("{e:#}"), |it| format!("it answers {it}"));
                    let what = format!("{name} does not register the namespace default by the deadline: {why}");
                    return Err(exit(NOT_READY, format!("{what}\n`cargo xtask dev-logs {name}` shows why")));
                }
            }
            break;
        }
    }
    Ok(())
}

/// The commands of [`register`]; each prints the HTTP status.
pub(crate) fn commands(sh: &Shell, stack: &Stack, services: &[&Service]) -> Vec<(&'static str, Command)> {
    let here = FRONTENDS.iter().filter(|name| services.iter().any(|it| it.name == **name));
    here.map(|name| (*name, command(sh, stack, name))).collect()
}

fn command(sh: &Shell, stack: &Stack, name: &str) -> Command {
    let url = format!("http://{name}:8233/api/v1/namespaces");
    let body = r#"{"namespace":"default","workflowExecutionRetentionPeriod":"86400s"}"#;
    let mut command = stack.compose(sh);
    command.args([
        "exec",
        "--no-TTY",
        name,
        "curl",
        "--silent",
        "--max-time",
        "10",
        "--output",
        "/dev/null",
        "--write-out",
        "%{http_code}",
    ]);
    command.args(["--header", "Content-Type: application/json", "--data", body, &url]);
    command
}
