//! `cargo xtask dev-load`: work for the monitored cluster, and what the Copilot says about it.

use std::fmt::Write;
use std::os::unix::process::CommandExt;
use std::process::{self as std_process, Command};
use std::thread;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result, bail};
use serde_json::{Value, json};
use xshell::{Shell, cmd};

use crate::cli::flags::{self, Verdict};
use crate::docker::containers;
use crate::docker::engine::{ANSWER, CHANGE};
use crate::machine::confirm::confirm;
use crate::machine::exit::{PREREQUISITE, exit};
use crate::machine::json;
use crate::machine::process::{self, Limit};
use crate::machine::{interrupt, supervise, table, term, time};
use crate::settings::Settings;
use crate::stack::mode::Mode;
use crate::stack::readiness::{assess, get, probe};
use crate::stack::{LOAD, Stack};

/// What the load talks to, and what is asked about it.
const FRONTEND: &str = "temporal-frontend";
const API: &str = "copilot-api";
/// How long after a load the Copilot may take to say what is expected: it looks at what the last minutes brought.
const PATIENCE: Duration = Duration::from_secs(90);
const PAUSE: Duration = Duration::from_secs(2);

impl flags::DevLoad {
    pub fn run(self, sh: &Shell) -> Result<()> {
        let mode = Mode::last(sh)?;
        let (stack, containers) = Stack::running(sh, &Settings::load(sh, mode.local), mode)?;
        let is_up = |name: &str| {
            let service = stack.service(name);
            service.is_some_and(|it| assess(it, containers::find(&containers, name), &probe).is_ready())
        };
        for name in [Some(FRONTEND), self.expect.map(|_| API)].into_iter().flatten() {
            if !is_up(name) {
                return Err(exit(PREREQUISITE, format!("{name} is not up; `cargo xtask dev-up` starts it")));
            }
        }
        if !mode.local {
            confirm("every workflow of a load reads and writes on Aurora DSQL, which costs money", self.yes)?;
        }
        let began = now();
        let run = format!("{:x}{:x}", began, std_process::id());
        let name = |service: &str| format!("{}-{service}-{run}", stack.project);
        let (worker, starter) = (name("load-worker"), name("load-starter"));

        let mut stop = Command::from(cmd!(sh, "docker stop {starter} {worker}"));
        // A second Ctrl-C must not end what the first one has begun.
        stop.process_group(0);
        interrupt::on_interrupt("ending the workflows of this load");
        interrupt::then_run(vec![stop]);
        let scenario = ["--scenario", self.scenario.as_str(), "--run", &run];
        let start = |name: &str, service: &str, options: &[String]| {
            let mut command = stack.compose(sh);
            command.args(["--file", LOAD, "run", "--detach", "--rm", "--no-deps", "--name", name, service]);
            process::run_quietly(command.args(scenario).args(options), CHANGE)
        };
        let followed = start(&worker, "load-worker", &[])
            .and_then(|()| start(&starter, "load-starter", &self.options()))
            .and_then(|()| follow(sh, &starter));
        // The starter has ended and is gone, unless it could not be followed to its end.
        let left = if followed.is_ok() { vec![&worker] } else { vec![&starter, &worker] };
        let stopped = process::run(&mut cmd!(sh, "docker stop {left...}").into(), Limit::Within(CHANGE));
        let summary = followed?;
        stopped?;
        interrupt::on_interrupt("the load itself is over, and nothing of it runs");
        interrupt::then_run(Vec::new());

        let port = stack.service(API).and_then(|it| it.ports.first()).map(|it| it.host).filter(|_| is_up(API));
        let (said, as_expected) = listen(port, began, now(), self.expect);
        let last = port.and_then(|it| read(it, "/status/summary")).map_or(Value::Null, |it| it["summary"].clone());
        if self.json {
            let document = json!({
                "schemaVersion": 1,
                "scenario": self.scenario.as_str(),
                "load": summary,
                "states": said.iter().map(|(at, state)| json!({"at": at, "state": state})).collect::<Vec<_>>(),
                "summary": last,
                "asExpected": self.expect.map(|_| as_expected),
            });
            term::out(&format!("{document:#}\n"));
        } else {
            term::out(&shown(&summary, &said, &last, port.is_some()));
        }
        match self.expect {
            Some(it) if !as_expected => bail!("the Copilot has not called the cluster {} by now", it.as_str()),
            _ => Ok(()),
        }
    }

    /// What a user wants otherwise than the scenario has it, as the starter takes it.
    fn options(&self) -> Vec<String> {
        let options = [
            ("--rate", self.rate.map(|it| it.0.to_string())),
            ("--seconds", self.duration.map(|it| it.0.as_secs().to_string())),
            ("--fail-percent", self.fail_percent.map(|it| it.0.to_string())),
            ("--mode", self.mode.map(|it| it.as_str().to_owned())),
        ];
        options.into_iter().filter_map(|(name, value)| Some([name.to_owned(), value?])).flatten().collect()
    }
}

/// Shows how the load goes until it has ended, and returns its summary.
fn follow(sh: &Shell, starter: &str) -> Result<Value> {
    let mut summary = None;
    let live = term::is_live();
    let (_, stderr) = supervise::lines(&mut cmd!(sh, "docker logs --follow {starter}").into(), &mut |line| {
        let Ok(it) = serde_json::from_str::<Value>(line) else { return };
        let second = it["second"].as_u64().unwrap_or(0);
        if it["final"] == true {
            summary = Some(it);
        } else if live {
            term::ask(&format!("\r\u{1b}[K{}", progress(&it)));
        } else if second % 10 == 0 {
            term::say(&progress(&it));
        }
    })?;
    if live {
        term::say("");
    }
    let summary = summary.with_context(|| format!("the load ended early: {}", stderr.trim()))?;
    if summary["interrupted"] == true {
        bail!("the load was stopped from elsewhere; nothing of it runs");
    }
    Ok(summary)
}

fn progress(it: &Value) -> String {
    let p95 = if it["p95Ms"].is_null() { "–".to_owned() } else { format!("{} ms", it["p95Ms"]) };
    let phase = it["phase"].as_str().unwrap_or_default();
    format!(
        "{:>4} s  {phase:<6} {} started, {} done, {} failed, {} a second, p95 {p95}",
        it["second"].as_u64().unwrap_or(0),
        it["started"],
        it["done"],
        it["failed"],
        it["perSecond"]
    )
}

/// What the Copilot said since the load began, the oldest first, and whether that is what was expected.
fn listen(port: Option<u16>, began: u64, ended: u64, expected: Option<Verdict>) -> (Vec<(String, String)>, bool) {
    let deadline = Instant::now() + PATIENCE;
    if let Some(it) = expected {
        term::say(&format!("waiting at most 90 s for the Copilot to say `{}`", it.as_str()));
    }
    loop {
        let is_over = Instant::now() >= deadline;
        let timeline = port.and_then(|it| read(it, "/status/timeline")).unwrap_or_default();
        let mut said = states(&timeline, began);
        if is_over && expected == Some(Verdict::Happy) {
            let status = port.and_then(|it| read(it, "/status")).unwrap_or_default();
            said.extend(standing(&timeline, &status, ended));
        }
        let is_met = expected.is_none_or(|it| is_met(&said, ended, it));
        if is_met || is_over {
            return (said.into_iter().map(|(_, at, state)| (at, state)).collect(), is_met);
        }
        thread::sleep(PAUSE);
    }
}

/// Second, time as the Copilot writes it, and state of each entry after this second, the oldest first.
fn states(timeline: &Value, after: u64) -> Vec<(u64, String, String)> {
    let entry = |it: &Value| {
        let (at, state) = (it["timestamp"].as_str()?, it["health_state"].as_str()?);
        let second = time::parse(at)?.duration_since(UNIX_EPOCH).ok()?.as_secs();
        (second > after).then(|| (second, at.to_owned(), state.to_lowercase()))
    };
    let mut all: Vec<_> = json::items(&timeline["timeline"]).iter().filter_map(entry).collect();
    all.sort();
    all
}

/// The last word, where it still stands after this second: while nothing changes the Copilot says nothing for minutes, and
/// only its signals are new.
fn standing(timeline: &Value, status: &Value, after: u64) -> Option<(u64, String, String)> {
    let (.., state) = states(timeline, 0).pop()?;
    states(&json!({"timeline": [status]}), after).pop().filter(|(.., it)| *it == state)
}

/// A bad state counts whenever it was seen; that all is well again is what the last word after the end says.
fn is_met(said: &[(u64, String, String)], ended: u64, expected: Verdict) -> bool {
    match expected {
        Verdict::Happy => said.last().is_some_and(|(at, _, state)| *at > ended && state == expected.as_str()),
        _ => said.iter().any(|(.., state)| state == expected.as_str()),
    }
}

fn read(port: u16, path: &str) -> Option<Value> {
    serde_json::from_str(&get(port, path, ANSWER).ok()?).ok()
}

fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |it| it.as_secs())
}

fn shown(summary: &Value, said: &[(String, String)], last: &Value, is_up: bool) -> String {
    let number = |key: &str| summary[key].to_string().replace("null", "–");
    let row = [number("seconds"), number("started"), number("done"), number("failed")];
    let rest = [number("missed"), number("ended"), number("perSecond"), number("p95Ms")];
    let titles = ["SECONDS", "STARTED", "DONE", "FAILED", "MISSED", "ENDED", "PER SECOND", "P95 MS"];
    let [a, b, c, d] = row;
    let [e, f, g, h] = rest;
    let mut out = table::titled(titles, &[[a, b, c, d, e, f, g, h]]);
    if !is_up {
        return out + "\nThe Copilot is not up.\n";
    }
    if said.is_empty() {
        return out + "\nThe Copilot has said nothing meanwhile.\n";
    }
    out.push('\n');
    let rows: Vec<_> = said.iter().map(|(at, it)| [at.clone(), it.clone()]).collect();
    out += &table::titled(["AT", "THE COPILOT SAYS"], &rows);
    if let Some(it) = last.as_str() {
        _ = writeln!(out, "\n{it}");
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An entry of the timeline, or the status.
    fn at(second: u64, state: &str) -> Value {
        json!({"timestamp": format!("1970-01-01T00:00:{second:02}+00:00"), "health_state": state})
    }

    #[test]
    fn what_was_said_before_counts_for_nothing_and_happy_is_the_last_word_after_the_end() {
        let timeline =
            |all: &[(u64, &str)]| json!({"timeline": all.iter().rev().map(|(s, it)| at(*s, it)).collect::<Vec<_>>()});
        let met = |all: &[(u64, &str)], expected| is_met(&states(&timeline(all), 10), 30, expected);
        assert!(!met(&[(9, "stressed"), (10, "stressed")], Verdict::Stressed));
        assert!(met(&[(11, "stressed"), (40, "happy")], Verdict::Stressed));
        assert!(met(&[(11, "stressed"), (40, "happy")], Verdict::Happy));
        assert!(!met(&[(11, "stressed"), (29, "happy")], Verdict::Happy));
        assert!(!met(&[(40, "happy"), (41, "critical")], Verdict::Happy));
        assert!(!met(&[], Verdict::Happy));
    }

    #[test]
    fn a_word_stands_where_one_was_said_and_the_signals_after_it_say_the_same() {
        let timeline = json!({"timeline": [at(9, "happy"), at(5, "stressed")]});
        let stands = |timeline: &Value, status: &Value| standing(timeline, status, 30).is_some();
        assert!(stands(&timeline, &at(31, "HAPPY")));
        assert!(!stands(&timeline, &at(30, "happy")), "nobody looked since");
        // An idle cluster is called happy whatever was said of it last.
        assert!(!stands(&json!({"timeline": [at(9, "stressed")]}), &at(31, "happy")));
        // Before the first word it says happy as well.
        assert!(!stands(&json!({"timeline": []}), &at(31, "happy")));
        assert!(!stands(&timeline, &Value::Null));
    }
}
