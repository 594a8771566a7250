//! Waits until services are ready, and shows how they come along: one line each, redrawn in place on a terminal,
//! one line a change in a pipe.

use std::io::{self, Write};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::Result;
use xshell::Shell;

use crate::docker::containers::{self, Container};
use crate::machine::exit::{FAILED, NOT_READY, exit};
use crate::machine::term::{self, Colour};
use crate::machine::{interrupt, process};
use crate::stack::readiness::{State, assess, culprits, is_hopeful, probe};
use crate::stack::service::Service;
use crate::stack::{Stack, diagnosis};

const POLL: Duration = Duration::from_millis(500);
const ENGINE_GONE: &str = "the engine no longer answers; once it does, `cargo xtask dev-up` goes on from here";

/// Runs `up` and returns once all of `services` are ready. Exit code 4: the deadline passed, or nothing is left that
/// could still become ready; the failing services have been shown. Exit code 1: `up` failed for another reason.
pub(crate) fn up_and_wait(
    sh: &Shell,
    stack: &Stack,
    services: &[&Service],
    deadline: Instant,
    up: impl Fn() -> Command,
) -> Result<()> {
    term::say(&format!("$ {}", process::line(&up())));
    let mut view = View::new();
    let mut compose = Compose::start(up())?;
    loop {
        let ended = compose.ended()?;
        let listed = containers::list(sh, &stack.project);
        let containers = match listed {
            Ok(it) => it,
            Err(e) => {
                compose.stop();
                return Err(e.context(ENGINE_GONE));
            }
        };
        let states: Vec<(&Service, State)> =
            services.iter().map(|it| (*it, assess(it, containers::find(&containers, &it.name), &probe))).collect();
        // While Compose is at work, what has stopped may be about to be started again.
        let states = if ended.is_none() { states.into_iter().map(pending).collect() } else { states };
        view.show(&states);

        let late = Instant::now() >= deadline;
        let hopeful = is_hopeful(&states);
        match ended {
            Some(true) if states.iter().all(|(_, it)| it.is_ready()) => return Ok(()),
            // Compose gives up as soon as something that others wait for exits; the engine starts it again, and so do we.
            Some(false) if hopeful && !late && states.iter().any(|(_, it)| *it == State::Starting) => {
                thread::sleep(POLL);
                compose = Compose::start(up())?;
            }
            Some(true) | None if hopeful && !late => thread::sleep(POLL.min(deadline - Instant::now())),
            None if !late => thread::sleep(POLL),
            _ => return Err(give_up(sh, &states, &containers, compose, late)),
        }
    }
}

fn give_up(
    sh: &Shell,
    states: &[(&Service, State)],
    containers: &[Container],
    compose: Compose,
    late: bool,
) -> anyhow::Error {
    let unready = states.iter().filter(|(_, it)| !it.is_ready()).count();
    diagnosis::show(sh, &culprits(states), containers, compose.stop().trim());
    if unready == 0 {
        return exit(FAILED, "`docker compose up` failed");
    }
    let reason =
        if late { "the deadline has passed (`--timeout` sets it)" } else { "waiting longer would change nothing" };
    exit(NOT_READY, format!("{unready} of {} services are not ready: {reason}", states.len()))
}

struct Compose {
    child: Child,
    complaints: thread::JoinHandle<String>,
}

impl Compose {
    fn start(mut up: Command) -> Result<Compose> {
        let piped = up.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
        let (mut child, tracked) = process::spawn(piped)?;
        let stderr = child.stderr.take().expect("stderr is a pipe");
        // Read to the end on a thread, so that the child never waits for a full pipe. After a signal this thread alone
        // still notices its end: the main one waits for the question that the same signal has ended.
        let complaints = thread::spawn(move || {
            let text = io::read_to_string(stderr).unwrap_or_default();
            drop(tracked);
            text
        });
        Ok(Compose { child, complaints })
    }

    /// Whether it succeeded; `None` while it is at work.
    fn ended(&mut self) -> Result<Option<bool>> {
        let status = self.child.try_wait()?;
        interrupt::stay_if_ending();
        Ok(status.map(|it| it.success()))
    }

    /// Ends it if need be, and returns what it complained about where it failed by itself.
    fn stop(mut self) -> String {
        let failed = self.child.try_wait().is_ok_and(|it| it.is_some_and(|it| !it.success()));
        _ = interrupt::end(&mut self.child);
        if failed { self.complaints.join().unwrap_or_default() } else { String::new() }
    }
}

fn pending((service, state): (&Service, State)) -> (&Service, State) {
    match state {
        State::Failed(_) | State::Done => (service, State::Starting),
        other => (service, other),
    }
}

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
