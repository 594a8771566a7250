//! The namespaces that the compose files ask for: nothing else creates `default`, and the Copilot cannot work without it.

use std::{process::Command, thread, time::Duration, time::Instant};

use anyhow::Result;
use xshell::Shell;

use crate::machine::exit::{NOT_READY, exit};
use crate::machine::{process, term};
use crate::stack::Stack;
use crate::stack::service::Service;

const SECOND: Duration = Duration::from_secs(1);

/// Registers the namespace of each of these services that has one (`x-namespace`). Repeatable: one that is there
/// already is left alone. Exit code 4: a frontend answers something else, or nothing, until the deadline.
pub(crate) fn register(sh: &Shell, stack: &Stack, services: &[&Service], deadline: Instant) -> Result<()> {
    for (service, mut command) in commands(sh, stack, services) {
        let (name, namespace) = (&service.name, service.namespace.as_deref().unwrap_or_default());
        loop {
            let rest = || deadline.saturating_duration_since(Instant::now());
            let answer = process::read_within(&mut command, rest().max(SECOND));
            match answer.as_deref().map(str::trim) {
                Ok("200") => term::say(&format!("  namespace {namespace} registered in {name}")),
                Ok("409") => {}
                _ if !rest().is_zero() => {
                    thread::sleep(rest().min(SECOND));
                    continue;
                }
                other => {
                    let why = other.map_or_else(|e| format!("{e:#}"), |it| format!("it answers {it}"));
                    let what = format!("{name} does not register the namespace {namespace} by the deadline: {why}");
                    return Err(exit(NOT_READY, format!("{what}\n`cargo xtask dev-logs {name}` shows why")));
                }
            }
            break;
        }
    }
    Ok(())
}

/// The commands of [`register`]; each prints the HTTP status.
pub(crate) fn commands<'a>(sh: &Shell, stack: &Stack, services: &[&'a Service]) -> Vec<(&'a Service, Command)> {
    services.iter().filter_map(|it| Some((*it, command(sh, stack, &it.name, it.namespace.as_deref()?)))).collect()
}

fn command(sh: &Shell, stack: &Stack, name: &str, namespace: &str) -> Command {
    let url = format!("http://{name}:8233/api/v1/namespaces");
    let body = format!(r#"{{"namespace":"{namespace}","workflowExecutionRetentionPeriod":"86400s"}}"#);
    let mut command = stack.compose(sh);
    command.args(["exec", "--no-TTY", name]);
    command.args(["curl", "--silent", "--max-time", "10", "--output", "/dev/null", "--write-out", "%{http_code}"]);
    command.args(["--header", "Content-Type: application/json", "--data", &body, &url]);
    command
}
