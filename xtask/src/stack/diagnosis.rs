//! What a user sees of a service that did not become ready: why, its last words, what to type next.

mod volumes;

use std::io;

use xshell::{Shell, cmd};

use crate::docker::containers::{self, Container};
use crate::docker::engine::ANSWER;
use crate::machine::process;
use crate::machine::term::{self, Colour};
use crate::stack::postgres_image;
use crate::stack::readiness::State;
use crate::stack::service::Service;

const LOG_LINES: usize = 20;
/// So many are read, since a Java stack trace alone can be longer than what is shown.
const LOG_LINES_READ: usize = 400;

/// Shows each of these services on stderr, and what Compose complained about.
pub(crate) fn show(sh: &Shell, culprits: &[(&Service, &State)], containers: &[Container], complaints: &str) {
    let postgres = postgres_image(sh).ok();
    for (service, state) in culprits {
        let container = containers::find(containers, &service.name);
        term::say("");
        term::say(&term::paint(&io::stderr(), Colour::Red, &format!("{}: {}", service.name, reason(state))));
        let mut next = vec![format!("cargo xtask dev-logs {}", service.name)];
        if let Some(it) = container {
            if it.health == "unhealthy" || it.health == "starting" {
                section("health check", it.health_output.trim());
            }
            let log = log(sh, &it.id);
            section(&format!("last {LOG_LINES} log lines"), &log[log.len().saturating_sub(LOG_LINES)..].join("\n"));
            if let Some(cause) = volumes::cause(&log, it, postgres.as_deref()) {
                section("cause", &cause.what);
                next = cause.next;
            }
        }
        term::say(&format!("  next: {}", next.join("\n    or: ")));
    }
    let last: Vec<&str> = complaints.lines().rev().filter(|it| !it.trim().is_empty()).take(5).collect();
    if !last.is_empty() {
        term::say("");
        section("docker compose said", &last.into_iter().rev().collect::<Vec<_>>().join("\n"));
    }
    term::say("\nEverything else was left as it is. `cargo xtask dev-up` goes on from here.\n");
}

fn reason(state: &State) -> &str {
    match state {
        State::Starting => "still starting",
        State::Waiting => "not started",
        other => other.text(),
    }
}

fn section(title: &str, text: &str) {
    if text.is_empty() {
        return;
    }
    term::say(&format!("  {title}:"));
    text.lines().for_each(|it| term::say(&format!("    {it}")));
}

/// A container's last lines, without the frames of Java's stack traces, which hide what went wrong.
fn log(sh: &Shell, id: &str) -> Vec<String> {
    let lines = LOG_LINES_READ.to_string();
    let mut command = cmd!(sh, "docker logs --tail {lines} {id}").into();
    let Ok(Some(output)) = process::capture_within(&mut command, ANSWER) else {
        return Vec::new();
    };
    let both = [output.stdout, output.stderr].concat();
    let text = String::from_utf8_lossy(&both);
    let printable = |it: char| it == '\n' || it == '\t' || !it.is_control();
    let lines = text.lines().filter(|it| !it.trim_start().starts_with("at "));
    lines.map(|it| it.chars().filter(|c| printable(*c)).take(240).collect()).collect()
}
