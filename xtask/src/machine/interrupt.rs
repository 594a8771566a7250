//! Ctrl-C and SIGTERM: no child is left behind, and a line says how to go on.

use std::{
    process::{self, Child, Command},
    sync::{
        Mutex,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use signal_hook::{
    consts::{SIGHUP, SIGINT, SIGTERM},
    iterator::Signals,
};

use crate::machine::term;

static CHILDREN: Mutex<Vec<u32>> = Mutex::new(Vec::new());
static ENDING: AtomicBool = AtomicBool::new(false);
static HINT: Mutex<&str> = Mutex::new("");
static LAST_COMMAND: Mutex<Option<Command>> = Mutex::new(None);

static PATIENT: AtomicBool = AtomicBool::new(false);

/// How long a child may take to end by itself.
const GRACE: Duration = Duration::from_secs(5);

/// Ends the process on a signal, after its children. To be called once, before anything is started.
///
/// # Errors
/// The handlers cannot be installed.
pub fn watch() -> std::io::Result<()> {
    let mut signals = Signals::new([SIGINT, SIGTERM, SIGHUP])?;
    thread::spawn(move || {
        if let Some(signal) = signals.forever().next() {
            ENDING.store(true, Ordering::SeqCst);
            end_children(&mut signals);
            let hint = *HINT.lock().unwrap_or_else(|e| e.into_inner());
            if !hint.is_empty() {
                term::say(&format!("\ninterrupted: {hint}"));
            }
            if let Some(mut command) = LAST_COMMAND.lock().unwrap_or_else(|e| e.into_inner()).take() {
                term::say(&format!("\n$ {}", crate::machine::process::line(&command)));
                _ = command.status();
            }
            // As a shell reports a program that a signal has ended.
            process::exit(128 + signal);
        }
    });
    Ok(())
}

/// What to say when a signal ends us from now on.
pub fn on_interrupt(hint: &'static str) {
    *HINT.lock().unwrap_or_else(|e| e.into_inner()) = hint;
}

/// Gives children from now on all the time they need to end after a signal. Each further one is passed on to them.
pub fn let_children_finish() {
    PATIENT.store(true, Ordering::SeqCst);
}

/// What to run before a signal ends us from now on.
pub fn then_run(command: Command) {
    *LAST_COMMAND.lock().unwrap_or_else(|e| e.into_inner()) = Some(command);
}

/// Remembers a child for as long as the value lives.
pub struct Tracked(u32);

impl Tracked {
    pub fn new(child: &Child) -> Tracked {
        CHILDREN.lock().unwrap_or_else(|e| e.into_inner()).push(child.id());
        Tracked(child.id())
    }
}

impl Drop for Tracked {
    fn drop(&mut self) {
        CHILDREN.lock().unwrap_or_else(|e| e.into_inner()).retain(|it| *it != self.0);
        stay_if_ending();
    }
}

/// Stays here for good once a signal is ending the process: a child that ended for that reason has not failed.
pub fn stay_if_ending() {
    while ENDING.load(Ordering::SeqCst) {
        thread::sleep(Duration::from_secs(1));
    }
}

/// Asks the children to end and gives them time; whoever waits for one takes it off the list.
fn end_children(signals: &mut Signals) {
    let alive = || CHILDREN.lock().unwrap_or_else(|e| e.into_inner()).clone();
    let send = |signal: &str| {
        let ids: Vec<String> = alive().iter().map(u32::to_string).collect();
        if !ids.is_empty() {
            // The shell's own `kill`: the program of that name is not on every machine.
            _ = Command::new("sh").args(["-c", &format!("kill -{signal} {} 2>/dev/null", ids.join(" "))]).status();
        }
    };
    send("TERM");
    let deadline = Instant::now() + GRACE;
    let patient = PATIENT.load(Ordering::SeqCst);
    while !alive().is_empty() && (patient || Instant::now() < deadline) {
        if patient && signals.pending().next().is_some() {
            send("TERM");
        }
        thread::sleep(Duration::from_millis(20));
    }
    send("KILL");
}
