//! The namespaces that the compose files ask for: nothing else creates `default`, and the Copilot cannot work without it.

use std::{process::Command, thread, time::Duration, time::Instant};

use anyhow::{Result, bail};
use xshell::Shell;

use crate::{
    machine::{process, term},
    stack::{Stack, service::Service},
};

/// Registers the namespace of each of these services that has one (`x-namespace`). Repeatable: one that is there already is
/// left alone.
///
/// # Errors
/// A frontend answers something else until the deadline.
pub(crate) fn register(sh: &Shell, stack: &Stack, services: &[&Service], deadline: Instant) -> Result<()> {
    for (service, mut command) in commands(sh, stack, services) {
        let (name, namespace) = (&service.name, service.namespace.as_deref().unwrap_or_default());
        loop {
            let code = process::read(&mut command).unwrap_or_else(|e| e.to_string());
            match code.trim() {
                "200" => term::say(&format!("  namespace {namespace} registered in {name}")),
                "409" => {}
                _ if Instant::now() < deadline => {
                    thread::sleep(Duration::from_secs(1));
                    continue;
                }
                other => bail!(
                    "{name} does not register the namespace {namespace}: it answers {other}\n`cargo xtask dev-logs {name}` shows why"
                ),
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
    command.args(["curl", "--silent", "--output", "/dev/null", "--write-out", "%{http_code}"]);
    command.args(["--header", "Content-Type: application/json", "--data", &body, &url]);
    command
}
