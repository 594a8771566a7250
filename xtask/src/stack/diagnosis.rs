//! What a user sees of a service that did not become ready: why, its last words, what to type next.

mod compose;
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

/// Shows on stderr why Docker failed, where it did, then each of these services.
pub(crate) fn show(sh: &Shell, culprits: &[(&Service, &State)], containers: &[Container], complaints: &str) {
    let postgres = postgres_image(sh).ok();
    let cause = compose::cause(complaints);
    if let Some((first, rest)) = cause.as_deref().and_then(<[_]>::split_first) {
        headline(&format!("docker: {first}"));
        rest.iter().for_each(|it| term::say(&format!("  {it}")));
        term::say(&format!("  next: {}", compose::remedy(complaints, &sh.current_dir())));
    }
    let with_logs = culprits.iter().map(|(service, state)| {
        let container = containers::find(containers, &service.name).filter(|it| it.status != "created");
        (*service, *state, container, container.map_or_else(Vec::new, |it| log(sh, &it.id)))
    });
    // One cause is said once, however many it stops.
    let (full, others): (Vec<_>, Vec<_>) = with_logs.partition(|(.., log)| compose::is_full(last(log)));
    if !full.is_empty() {
        let names: Vec<&str> = full.iter().map(|(service, ..)| service.name.as_str()).collect();
        headline(&format!("the engine's disk is full: {} could not write", names.join(", ")));
        term::say(&format!("  next: {}", compose::FULL.1));
    }
    for (service, state, container, log) in others {
        if container.is_none() && cause.is_some() {
            continue;
        }
        headline(&format!("{}: {}", service.name, reason(state)));
        let mut next = vec!["cargo xtask doctor".to_owned()];
        if let Some(it) = container {
            next = vec![format!("cargo xtask dev-logs {}", service.name)];
            if let Some(cause) = volumes::cause(&log, it, postgres.as_deref()) {
                section("cause", &cause.what);
                next = cause.next;
            }
            if it.health == "unhealthy" || it.health == "starting" {
                section("health check", it.health_output.trim());
            }
            section(&format!("last {LOG_LINES} log lines"), &last(&log).join("\n"));
        }
        term::say(&format!("  next: {}", next.join("\n    or: ")));
    }
    term::say("\nEverything else was left as it is. With the cause mended, `cargo xtask dev-up` goes on from here.\n");
}

fn headline(text: &str) {
    term::say(&format!("\n{}", term::paint(&io::stderr(), Colour::Red, text)));
}

/// The lines that are shown.
fn last(log: &[String]) -> &[String] {
    &log[log.len().saturating_sub(LOG_LINES)..]
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
pub(crate) fn log(sh: &Shell, id: &str) -> Vec<String> {
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
