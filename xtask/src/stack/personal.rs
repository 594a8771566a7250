//! What a developer's own compose file adds: anything, so it is read as Compose reads it.

use std::net::IpAddr;

use anyhow::{Context, Result};
use serde_json::Value;
use xshell::Shell;

use crate::docker::engine::ANSWER;
use crate::machine::finding::finding;
use crate::machine::json;
use crate::machine::process;
use crate::stack::Stack;

/// The file, which git ignores.
pub(crate) const PERSONAL: &str = "dev/docker-compose.override.yml";

/// What the file opens to other machines, each by its name; the stack's own files publish nothing beyond 127.0.0.1.
///
/// # Errors
/// Exit code 3: Compose refuses the configuration.
pub(crate) fn opened(sh: &Shell, stack: &Stack) -> Result<Vec<String>> {
    if !stack.personal {
        return Ok(Vec::new());
    }
    let output = process::capture_within(stack.compose(sh).args(["config", "--format", "json"]), ANSWER)?;
    let output = output.with_context(|| format!("Compose has not read {PERSONAL} in time"))?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        let reason = said.trim().lines().last().unwrap_or_default();
        return Err(
            finding(format!("Compose refuses {PERSONAL}: {reason}"), format!("${{EDITOR:-vi}} {PERSONAL}")).into()
        );
    }
    let document = json::read(&output.stdout).context("`docker compose config` printed no JSON")?;
    let mut opened = Vec::new();
    for (name, service) in json::pairs(&document["services"]) {
        let ports = json::items(&service["ports"]).iter().filter(|it| !is_loopback(&it["host_ip"]));
        let number = |it: &Value| it["published"].as_str().map_or(it["target"].to_string(), str::to_owned);
        opened.extend(ports.map(|it| format!("port {} of {name}", number(it))));
        opened.extend((service["network_mode"] == "host").then(|| name.clone()));
    }
    Ok(opened)
}

fn is_loopback(host: &Value) -> bool {
    host.as_str().and_then(|it| it.parse::<IpAddr>().ok()).is_some_and(|it| it.is_loopback())
}
