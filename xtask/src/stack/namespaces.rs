//! The namespace `default` of both clusters: nothing else creates it, and the Copilot cannot work without it.

use std::{process::Command, thread, time::Duration, time::Instant};

use anyhow::{Result, bail};
use xshell::Shell;

use crate::{
    machine::{process, term},
    stack::{Service, Stack},
};

/// The services that serve Temporal's HTTP API, on port 8233.
const FRONTENDS: &[&str] = &["temporal-frontend", "copilot-temporal"];

/// Registers `default` where these services include a frontend. Repeatable: one that is there already is left alone.
///
/// # Errors
/// A frontend answers something else until the deadline.
pub(crate) fn register(sh: &Shell, stack: &Stack, services: &[&Service], deadline: Instant) -> Result<()> {
    for (name, mut command) in commands(sh, stack, services) {
        loop {
            let code = process::read(&mut command).unwrap_or_else(|e| e.to_string());
            match code.trim() {
                "200" => term::say(&format!("  namespace default registered in {name}")),
                "409" => {}
                _ if Instant::now() < deadline => {
                    thread::sleep(Duration::from_secs(1));
                    continue;
                }
                other => bail!(
                    "{name} does not register the namespace default: it answers {other}\n`cargo xtask dev-logs {name}` shows why"
                ),
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
        "--output",
        "/dev/null",
        "--write-out",
        "%{http_code}",
    ]);
    command.args(["--header", "Content-Type: application/json", "--data", body, &url]);
    command
}
