//! Waits until services are ready, and shows how they come along: one line each, redrawn in place on a terminal,
//! one line a change in a pipe.

use std::io;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::Result;
use xshell::{Shell, cmd};

use crate::docker::containers::{self, Container};
use crate::machine::exit::{FAILED, NOT_READY, exit};
use crate::machine::term::{self, Colour};
use crate::machine::{interrupt, process};
use crate::stack::order::{Gate, behind_gates, startable};
use crate::stack::readiness::{State, assess, culprits, is_hopeful, probe};
use crate::stack::service::Service;
use crate::stack::{Stack, diagnosis};

/// For how many seconds is waited where nobody says.
pub(crate) const DEFAULT_TIMEOUT: u64 = 300;
const POLL: Duration = Duration::from_millis(250);
const SLICE: Duration = Duration::from_millis(20);
const ENGINE_GONE: &str = "the engine no longer answers; once it does, `cargo xtask dev-up` goes on from here";

/// What a run starts: the command that makes the containers, the services that are to start, and what is done between.
#[derive(Default)]
pub(crate) struct Start<'a> {
    pub create: Option<Command>,
    pub pending: Vec<String>,
    pub gates: Vec<Gate<'a>>,
}

/// Starts the containers of these services, one after the other. Compose would start what they depend on as well, also
/// what is done; and with `--no-deps` makes containers that it takes for changed ones the next time.
pub(crate) fn start(sh: &Shell, stack: &Stack, services: &[String], containers: &[Container]) -> Command {
    let made = |service: &String| format!("{}-{service}-1", stack.project);
    let name = |it: &String| containers::find(containers, it).map_or_else(|| made(it), |it| it.name.clone());
    cmd!(sh, "docker start").args(services.iter().map(name)).into()
}

/// Starts what is to start, each as soon as it may, and returns once all of `services` are ready. What may start at the
/// same time starts side by side.
///
/// # Errors
/// Exit code 4: the deadline passed, or nothing is left that could still become ready; the failing services have been
/// shown. Exit code 1: a command failed for another reason, or what is done between.
pub(crate) fn start_and_wait(
    sh: &Shell,
    stack: &Stack,
    services: &[&Service],
    deadline: Instant,
    run: Start<'_>,
) -> Result<()> {
    let Start { create, mut pending, gates } = run;
    let services = behind_gates(services, &gates);
    let mut closed: Vec<Vec<String>> = gates.iter().map(|it| it.before.clone()).collect();
    let mut gates: Vec<Option<Gate<'_>>> = gates.into_iter().map(Some).collect();
    let mut view = View::new();
    // Until the containers are made, those that they replace may still run.
    let mut is_made = create.is_none();
    let mut commands = Vec::new();
    if let Some(create) = create {
        say(&create);
        commands.push(Running::start("", create)?);
    }
    thread::scope(|scope| {
        let mut works: Vec<(usize, thread::ScopedJoinHandle<'_, Result<Vec<String>>>)> = Vec::new();
        loop {
            let mut failed = false;
            for at in (0..commands.len()).rev() {
                match commands[at].ended()? {
                    Some(true) => _ = commands.remove(at),
                    Some(false) => failed = true,
                    None => {}
                }
            }
            is_made |= commands.is_empty();
            while let Some(at) = works.iter().position(|(_, it)| it.is_finished()) {
                let (gate, work) = works.remove(at);
                let more = work.join().expect("what is done between does not panic");
                let more = more.inspect_err(|_| _ = stop(&mut commands))?;
                pending.extend(more.into_iter().filter(|it| !commands.iter().any(|command| command.service == *it)));
                closed[gate].clear();
            }
            let containers = match containers::list(sh, &stack.project) {
                Ok(it) => it,
                Err(e) => {
                    stop(&mut commands);
                    return Err(e.context(ENGINE_GONE));
                }
            };
            let is_starting = |name: &str| commands.iter().any(|it| it.service == name);
            let state = |it: &Service| match assess(it, containers::find(&containers, &it.name), &probe) {
                _ if pending.contains(&it.name) => State::Waiting,
                // What has stopped may be about to be started again.
                State::Failed(_) | State::Done if is_starting(&it.name) => State::Starting,
                other => other,
            };
            let states: Vec<(&Service, State)> = services.iter().map(|it| (it, state(it))).collect();
            view.show(&states);
            let is_ready = |name: &str| {
                let found = states.iter().find(|(it, _)| it.name == name);
                found.is_none_or(|(_, it)| it.is_ready()) && !is_starting(name)
            };
            for (at, gate) in gates.iter_mut().enumerate().filter(|_| is_made) {
                if let Some(it) = gate.take_if(|it| it.after.iter().all(|on| is_ready(on))) {
                    works.push((at, scope.spawn(it.work)));
                }
            }
            let late = Instant::now() >= deadline;
            let busy = !commands.is_empty() || !works.is_empty();
            if !busy && pending.is_empty() && states.iter().all(|(_, it)| it.is_ready()) {
                return Ok(());
            }
            if failed || late && works.is_empty() || !busy && !is_hopeful(&states) {
                return Err(give_up(sh, &states, &containers, &mut commands, late));
            }
            if is_made {
                let closed: Vec<&[String]> = closed.iter().map(Vec::as_slice).collect();
                let batch = startable(&services, &pending, &closed, &is_ready);
                pending.retain(|it| !batch.contains(it));
                if !batch.is_empty() {
                    say(&start(sh, stack, &batch, &containers));
                }
                // Each by a command of its own, so that they start side by side.
                for it in batch.chunks(1) {
                    commands.push(Running::start(&it[0], start(sh, stack, it, &containers))?);
                }
            }
            let look = Instant::now() + if late { POLL } else { POLL.min(deadline - Instant::now().min(deadline)) };
            while Instant::now() < look && commands.iter_mut().all(|it| matches!(it.ended(), Ok(None))) {
                thread::sleep(SLICE);
            }
        }
    })
}

fn say(command: &Command) {
    term::say(&format!("$ {}", process::line(command)));
}

fn give_up(
    sh: &Shell,
    states: &[(&Service, State)],
    containers: &[Container],
    commands: &mut Vec<Running>,
    late: bool,
) -> anyhow::Error {
    // What was shown last stays.
    term::redraw("", 0);
    let unready = states.iter().filter(|(_, it)| !it.is_ready()).count();
    let complaints = stop(commands);
    diagnosis::show(sh, &culprits(states), containers, complaints.trim());
    if unready == 0 {
        return exit(FAILED, "Docker could not start all");
    }
    let reason =
        if late { "the deadline has passed (`--timeout` sets it)" } else { "waiting longer would change nothing" };
    exit(NOT_READY, format!("{unready} of {} services are not ready: {reason}", states.len()))
}

/// Ends what still runs, and returns what those complained about that failed by themselves.
fn stop(commands: &mut Vec<Running>) -> String {
    commands.drain(..).map(Running::stop).collect()
}

/// A command at work, for one service or, where the name is empty, for all of them.
struct Running {
    service: String,
    child: Child,
    complaints: thread::JoinHandle<String>,
}

impl Running {
    fn start(service: &str, mut command: Command) -> Result<Running> {
        let piped = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
        let (mut child, tracked) = process::spawn(piped)?;
        let stderr = child.stderr.take().expect("stderr is a pipe");
        // Read to the end on a thread, so that the child never waits for a full pipe. After a signal this thread alone
        // still notices its end: the main one waits for the question that the same signal has ended.
        let complaints = thread::spawn(move || {
            let text = io::read_to_string(stderr).unwrap_or_default();
            drop(tracked);
            text
        });
        Ok(Running { service: service.to_owned(), child, complaints })
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
        let mut next = Vec::new();
        for (service, state) in states {
            let before = self.last.iter().find(|(name, ..)| *name == service.name);
            let since = before.filter(|(_, it, _)| it == state).map_or(now, |(.., since)| *since);
            let changed = before.is_none_or(|(_, it, _)| it != state);
            if self.live {
                // No wrapping, so that a narrow terminal still shows one line each.
                text.push_str(&format!("\r\u{1b}[2K\u{1b}[?7l{}\u{1b}[?7h\n", line(&service.name, state, since, now)));
            } else if changed && *state != State::Waiting {
                text.push_str(&line(&service.name, state, since, now));
                text.push('\n');
            }
            next.push((service.name.clone(), state.clone(), since));
        }
        self.last = next;
        term::redraw(&text, if self.live { self.last.len() } else { 0 });
    }
}

impl Drop for View {
    fn drop(&mut self) {
        term::redraw("", 0);
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
