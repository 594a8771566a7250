//! Waits until services are ready, and shows how they come along: one line each, redrawn in place on a terminal,
//! one line a change in a pipe.

use std::{
    io::{self, Write},
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, Result};
use xshell::Shell;

use crate::{
    containers,
    exit::{FAILED, NOT_READY, exit},
    failure, process,
    readiness::{State, assess, culprits, is_hopeful, probe},
    stack::{Service, Stack},
    term::{self, Colour},
};

const POLL: Duration = Duration::from_millis(500);

/// Runs `up` and returns once all of `services` are ready.
///
/// # Errors
/// Exit code 4: the deadline passed, or nothing is left that could still become ready; the failing services have been
/// shown. Exit code 1: `up` failed for another reason.
pub fn up_and_wait(sh: &Shell, stack: &Stack, services: &[&Service], mut up: Command, deadline: Instant) -> Result<()> {
    term::say(&format!("$ {}", process::line(&up)));
    let mut child = up
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .context("cannot start `docker`")?;
    let complaints = collect(&mut child);
    let mut view = View::new();
    let mut finished = None;
    loop {
        let containers = containers::list(sh, &stack.project)?;
        let find = |service: &Service| containers.iter().find(|it| it.service == service.name);
        let states: Vec<(&Service, State)> = services.iter().map(|it| (*it, assess(it, find(it), &probe))).collect();
        // While Compose is at work, what has stopped may be about to be started again.
        let states = if finished.is_none() { states.into_iter().map(pending).collect() } else { states };
        view.show(&states);

        if finished.is_some_and(|ok| ok) && states.iter().all(|(_, it)| it.is_ready()) {
            return Ok(());
        }
        let stuck = !is_hopeful(&states);
        let late = Instant::now() >= deadline;
        if finished == Some(false) || (finished.is_some() && stuck) || late {
            if late {
                _ = child.kill();
                _ = child.wait();
            }
            let all_ready = states.iter().all(|(_, it)| it.is_ready());
            let why = if finished == Some(false) { complaints.join().unwrap_or_default() } else { String::new() };
            failure::show(sh, &culprits(&states), &containers, why.trim());
            if all_ready {
                return Err(exit(FAILED, "`docker compose up` failed"));
            }
            let count = states.iter().filter(|(_, it)| !it.is_ready()).count();
            let reason = if late {
                "the deadline has passed (`--timeout` sets it)"
            } else {
                "nothing more will change by waiting"
            };
            return Err(exit(NOT_READY, format!("{count} of {} services are not ready: {reason}", states.len())));
        }
        if finished.is_none() {
            finished = child.try_wait()?.map(|it| it.success());
            if finished.is_some() {
                continue;
            }
        }
        thread::sleep(POLL.min(deadline.saturating_duration_since(Instant::now())));
    }
}

/// What the command writes to stderr, read to the end so that it never waits for a full pipe.
fn collect(child: &mut Child) -> thread::JoinHandle<String> {
    let stderr = child.stderr.take().expect("stderr is a pipe");
    thread::spawn(move || io::read_to_string(stderr).unwrap_or_default())
}

fn pending((service, state): (&Service, State)) -> (&Service, State) {
    match state {
        State::Failed(_) | State::Done => (service, State::Starting),
        other => (service, other),
    }
}

/// What has been shown so far.
struct View {
    live: bool,
    started: Instant,
    last: Vec<(String, State, Duration)>,
}

impl View {
    fn new() -> View {
        View { live: term::is_live(), started: Instant::now(), last: Vec::new() }
    }

    fn show(&mut self, states: &[(&Service, State)]) {
        let now = self.started.elapsed();
        let mut text = String::new();
        if self.live && !self.last.is_empty() {
            // Up to the first line; no wrapping, so that a narrow terminal still shows one line each.
            text.push_str(&format!("\u{1b}[{}A", self.last.len()));
        }
        let mut next = Vec::new();
        for (service, state) in states {
            let before = self.last.iter().find(|(name, ..)| *name == service.name);
            let since = before.filter(|(_, it, _)| it == state).map_or(now, |(.., since)| *since);
            let changed = before.is_none_or(|(_, it, _)| it != state);
            if self.live {
                text.push_str(&format!("\r\u{1b}[2K\u{1b}[?7l{}\u{1b}[?7h\n", line(&service.name, state, since, now)));
            } else if changed && *state != State::Waiting {
                text.push_str(&line(&service.name, state, since, now));
                text.push('\n');
            }
            next.push((service.name.clone(), state.clone(), since));
        }
        self.last = next;
        _ = io::stderr().lock().write_all(text.as_bytes());
    }
}

fn line(name: &str, state: &State, since: Duration, now: Duration) -> String {
    let (mark, colour, seconds) = match state {
        State::Waiting => ("·", Colour::Grey, None),
        State::Starting => ("…", Colour::Yellow, Some(now - since)),
        State::Ready | State::Done => ("✓", Colour::Green, Some(since)),
        State::Failed(_) => ("✗", Colour::Red, Some(since)),
    };
    let seconds = seconds.filter(|it| it.as_secs() > 0).map_or(String::new(), |it| format!(" {} s", it.as_secs()));
    let painted = term::paint(&io::stderr(), colour, &format!("{mark} {}", state.text()));
    format!("  {name:<20} {painted}{seconds}")
}
