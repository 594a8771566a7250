//! What a user sees of a service that did not become ready: why, its last words, what to type next.

use std::io;

use xshell::{Shell, cmd};

use crate::{
    containers::Container,
    process,
    readiness::State,
    stack::Service,
    term::{self, Colour},
};

const LOG_LINES: usize = 20;

/// Shows each of these services on stderr, and what Compose complained about.
pub fn show(sh: &Shell, culprits: &[(&Service, &State)], containers: &[Container], complaints: &str) {
    for (service, state) in culprits {
        let container = containers.iter().find(|it| it.service == service.name);
        term::say("");
        term::say(&term::paint(&io::stderr(), Colour::Red, &format!("{}: {}", service.name, reason(state))));
        if let Some(it) = container {
            if it.health == "unhealthy" || it.health == "starting" {
                section("health check", it.health_output.trim());
            }
            section(&format!("last {LOG_LINES} log lines"), &last_lines(sh, &it.id));
        }
        term::say(&format!("  next: cargo xtask dev-logs {}", service.name));
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

fn last_lines(sh: &Shell, id: &str) -> String {
    let lines = LOG_LINES.to_string();
    let Ok(output) = process::capture(&mut cmd!(sh, "docker logs --tail {lines} {id}").into()) else {
        return String::new();
    };
    let both = [output.stdout, output.stderr].concat();
    let text = String::from_utf8_lossy(&both);
    let printable = |it: char| it == '\n' || it == '\t' || !it.is_control();
    let lines: Vec<String> = text.lines().map(|it| it.chars().filter(|c| printable(*c)).take(240).collect()).collect();
    lines[lines.len().saturating_sub(LOG_LINES)..].join("\n")
}
