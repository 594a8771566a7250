//! Ctrl-C and SIGTERM: no child is left behind, and a line says how to go on.

use std::process::{self, Child, Command, ExitStatus};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard};
use std::time::{Duration, Instant};
use std::{io, thread};

use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

use crate::machine::{children, term};

static CHILDREN: Mutex<Vec<u32>> = Mutex::new(Vec::new());
static ENDING: AtomicBool = AtomicBool::new(false);
static HINT: Mutex<&str> = Mutex::new("");
static LAST_COMMANDS: Mutex<Vec<Command>> = Mutex::new(Vec::new());
static PATIENT: AtomicBool = AtomicBool::new(false);

/// A thread that has panicked leaves nothing half done here.
fn lock<T>(shared: &Mutex<T>) -> MutexGuard<'_, T> {
    shared.lock().unwrap_or_else(|e| e.into_inner())
}

/// How long a child may take to end by itself.
const GRACE: Duration = Duration::from_secs(5);
/// The same for one whose time is over anyway.
const LAST_WORDS: Duration = Duration::from_secs(2);
/// How long each of [`then_run`]'s commands may take: Compose gives each container 10 s to stop.
const LAST_COMMAND_LIMIT: Duration = Duration::from_secs(120);

/// Ends the process on a signal, after its children. To be called once, before anything is started.
pub fn watch() -> io::Result<()> {
    let mut signals = Signals::new([SIGINT, SIGTERM, SIGHUP])?;
    thread::spawn(move || {
        if let Some(signal) = signals.forever().next() {
            ENDING.store(true, Ordering::SeqCst);
            end_children(&mut signals);
            let hint = *lock(&HINT);
            if !hint.is_empty() {
                term::say(&format!("\ninterrupted: {hint}"));
            }
            for mut command in lock(&LAST_COMMANDS).drain(..) {
                term::say(&format!("\n$ {}", crate::machine::process::line(&command)));
                children::prepare(&mut command);
                if let Ok(mut child) = command.spawn()
                    && matches!(wait(&mut child, LAST_COMMAND_LIMIT), Ok(None))
                {
                    _ = end(&mut child);
                }
            }
            // As a shell reports a program that a signal has ended.
            process::exit(128 + signal);
        }
    });
    Ok(())
}

/// What to say when a signal ends us from now on.
pub fn on_interrupt(hint: &'static str) {
    *lock(&HINT) = hint;
}

/// Gives children from now on all the time they need to end after a signal. Each further one is passed on to them.
pub fn let_children_finish() {
    PATIENT.store(true, Ordering::SeqCst);
}

/// What to run, one after the other, before a signal ends us from now on.
pub fn then_run(commands: Vec<Command>) {
    *lock(&LAST_COMMANDS) = commands;
}

/// Remembers a child for as long as the value lives.
pub struct Tracked(u32);

/// Starts a child and remembers it, in one step for whoever ends the children: what is not on the list then is never
/// started. Does not return once a signal is ending the process.
pub fn start(command: &mut Command) -> io::Result<(Child, Tracked)> {
    let mut children = lock(&CHILDREN);
    while ENDING.load(Ordering::SeqCst) {
        drop(children);
        stay_if_ending();
        children = lock(&CHILDREN);
    }
    let child = command.spawn()?;
    children.push(child.id());
    let tracked = Tracked(child.id());
    Ok((child, tracked))
}

impl Drop for Tracked {
    fn drop(&mut self) {
        lock(&CHILDREN).retain(|it| *it != self.0);
        stay_if_ending();
    }
}

/// Waits for a child to end; `None` where it has not within this time. It then runs on.
pub fn wait(child: &mut Child, limit: Duration) -> io::Result<Option<ExitStatus>> {
    let deadline = Instant::now() + limit;
    loop {
        let status = child.try_wait()?;
        if status.is_some() || Instant::now() >= deadline {
            return Ok(status);
        }
        thread::sleep(Duration::from_millis(1));
    }
}

/// Ends a child whose time is over: politely first, as Docker hands that on to Compose, which it would leave behind.
pub fn end(child: &mut Child) -> io::Result<()> {
    send("TERM", &[child.id()]);
    if wait(child, LAST_WORDS)?.is_none() {
        child.kill()?;
        child.wait()?;
    }
    Ok(())
}

/// Stays here for good once a signal is ending the process: a child that ended for that reason has not failed.
pub fn stay_if_ending() {
    while ENDING.load(Ordering::SeqCst) {
        thread::sleep(Duration::from_secs(1));
    }
}

/// Asks the children to end and gives them time; whoever waits for one takes it off the list.
fn end_children(signals: &mut Signals) {
    let alive = || lock(&CHILDREN).clone();
    send("TERM", &alive());
    let deadline = Instant::now() + GRACE;
    let patient = PATIENT.load(Ordering::SeqCst);
    while !alive().is_empty() && (patient || Instant::now() < deadline) {
        if patient && signals.pending().next().is_some() {
            send("TERM", &alive());
        }
        thread::sleep(Duration::from_millis(20));
    }
    send("KILL", &alive());
}

fn send(signal: &str, ids: &[u32]) {
    let ids: Vec<String> = ids.iter().map(u32::to_string).collect();
    if !ids.is_empty() {
        // The shell's own `kill`: the program of that name is not on every machine.
        _ = Command::new("sh").args(["-c", &format!("kill -{signal} {} 2>/dev/null", ids.join(" "))]).status();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::machine::process::spawn;
    use std::{env, io::Read, process::Stdio};

    const ROLE: &str = "XTASK_TEST_IS_THE_PARENT";

    #[test]
    fn a_child_that_would_be_started_after_a_signal_is_not_and_none_is_left_behind() {
        if env::var_os(ROLE).is_some() {
            start_one_after_a_signal();
        }
        let mut parent = Command::new(env::current_exe().unwrap());
        parent.args(["--exact", "--nocapture"]).env(ROLE, "1");
        parent.arg(
            "machine::interrupt::tests::a_child_that_would_be_started_after_a_signal_is_not_and_none_is_left_behind",
        );
        let mut parent = parent.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        // Its children hold the same pipe.
        let mut stdout = parent.stdout.take().unwrap();
        while !{
            let mut byte = [0];
            stdout.read_exact(&mut byte).unwrap();
            byte == *b"!"
        } {}
        Command::new("kill").arg(parent.id().to_string()).status().unwrap();
        assert_eq!(parent.wait().unwrap().code(), Some(143));
        let began = Instant::now();
        stdout.read_to_end(&mut Vec::new()).unwrap();
        assert!(began.elapsed() < Duration::from_secs(30), "a child has outlived its parent");
    }

    fn start_one_after_a_signal() {
        watch().unwrap();
        // Takes the ending process a while, with no child on its list.
        let mut last = Command::new("sleep");
        last.arg("1");
        then_run(vec![last]);
        println!("!");
        while !ENDING.load(Ordering::SeqCst) {
            thread::sleep(Duration::from_millis(1));
        }
        thread::sleep(Duration::from_millis(100));
        let (mut child, _tracked) = spawn(Command::new("sleep").arg("60")).unwrap();
        _ = child.wait();
    }
}
