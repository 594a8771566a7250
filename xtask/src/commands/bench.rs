//! `cargo xtask bench`: how long the everyday commands take, as one table. Medians of whole processes.

use std::{
    env,
    fs::File,
    process::{Command, Stdio},
    time::{Duration, Instant, SystemTime},
};

use anyhow::{Context, Result};
use xshell::{Shell, cmd};

use crate::{
    cli::flags,
    docker::engine::ANSWER,
    machine::{process, term},
    stack::Stack,
};

const RUNS: usize = 5;

impl flags::Bench {
    pub fn run(self, sh: &Shell) -> Result<()> {
        let cargo = env::var("CARGO").unwrap_or_else(|_| "cargo".to_owned());
        let xtask = env::current_exe().context("cannot find this program")?;
        let ours = |arguments: &[&str]| {
            let mut command = Command::from(cmd!(sh, "{xtask}"));
            command.args(arguments);
            command
        };

        let fresh = sh.create_temp_dir()?;
        let target = fresh.path();
        let build = || cmd!(sh, "{cargo} build --package xtask --target-dir {target}").into();
        row("cargo build, nothing built yet", 1, build)?;
        File::open(sh.current_dir().join("xtask/src/main.rs"))?.set_modified(SystemTime::now())?;
        row("cargo build, one file touched", 1, build)?;
        row("cargo build, nothing to do", RUNS, build)?;
        for arguments in [&["--help"][..], &["render", "--local", "--stdout"], &["check"], &["doctor"]] {
            row(&arguments.join(" "), RUNS, || ours(arguments))?;
        }

        if process::read_within(&mut ours(&["dev-status"]), ANSWER).is_ok() {
            let stack = Stack::last(sh)?;
            let up = row("dev-up, nothing changed", RUNS, || ours(&["dev-up"]))?;
            let compose = row("docker compose up, nothing changed", RUNS, || {
                let mut command = stack.compose(sh);
                command.args(["up", "--detach"]);
                command
            })?;
            term::out(&format!("{:<36} {:>9.2}\n", "ratio of the two", up.as_secs_f64() / compose.as_secs_f64()));
        } else {
            term::say("`dev-up` is left out: the stack is not up and ready");
        }
        Ok(())
    }
}

/// Runs a command so many times and prints the median, and how the last run ended where that is no success.
fn row(title: &str, runs: usize, command: impl Fn() -> Command) -> Result<Duration> {
    let mut times = Vec::new();
    let mut note = String::new();
    for _ in 0..runs {
        let mut command = command();
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let started = Instant::now();
        let (mut child, _tracked) = process::spawn(&mut command)?;
        let status = child.wait()?;
        times.push(started.elapsed());
        note = if status.success() { String::new() } else { format!("  ({status})") };
    }
    times.sort();
    let median = times[times.len() / 2];
    term::out(&format!("{title:<36} {:>6} ms{note}\n", median.as_millis()));
    Ok(median)
}
