//! `cargo xtask dev-status`: what runs, and what has changed since it started.

use anyhow::Result;
use serde_json::{Value, json};
use xshell::Shell;

use crate::aws::credentials;
use crate::cli::flags::{self, Cluster};
use crate::docker::containers::{self, Container};
use crate::docker::engine;
use crate::machine::exit::{NOT_READY, exit};
use crate::machine::{table, term};
use crate::schema;
use crate::settings::{Settings, template};
use crate::stack::mode::Mode;
use crate::stack::readiness::{State, assess, probe};
use crate::stack::service::Service;
use crate::stack::snapshots::unfinished::Unfinished;
use crate::stack::{Stack, drift};

/// A service as it stands.
struct Row<'a> {
    service: &'a Service,
    state: State,
    container: Option<&'a Container>,
    drift: Option<&'a str>,
}

impl flags::DevStatus {
    pub fn run(self, sh: &Shell) -> Result<()> {
        let mode = Mode::last(sh)?;
        let settings = Settings::load(sh, mode.local);
        let (stack, containers) = Stack::running(sh, &settings, mode)?;
        let drift = drift(sh, &stack, &settings, &containers)?;
        let schema_is_current = schema::is_current(sh, &stack, &settings);
        let is_shown = |it: &&Service| !it.optional || containers::find(&containers, &it.name).is_some();
        let shown = stack.services.iter().filter(is_shown);
        let rows: Vec<Row<'_>> = shown.map(|it| Row::of(it, &containers, &drift)).collect();
        // What the containers have, which may be another profile's than the one that is named by now.
        let held = if mode.local { None } else { credentials::held(sh) };
        let keys = held.map(|(it, _)| it.describe());
        let loads = containers::loads(sh, &stack.project)?;
        let unfinished = Unfinished::read(sh)?.map(|it| it.words());

        if self.json {
            let words = keys.as_ref().map(|(words, _)| words.as_str());
            let mut document = document(&stack, &rows, schema_is_current, words);
            document["loads"] = json!(loads);
            document["unfinishedSnapshot"] = json!(unfinished);
            term::out(&format!("{document:#}\n"));
        } else {
            let titles = ["SERVICE", "STATE", "HOST PORTS", "NOTE"];
            term::out(&table::titled(titles, &rows.iter().map(Row::to_cells).collect::<Vec<_>>()));
            if let Some((words, soon)) = keys {
                let renewal = if soon { format!("\n{}", credentials::renewal(&settings)) } else { String::new() };
                term::say(&format!("{words}{renewal}"));
            }
            if let Some(it) = unfinished {
                term::say(&format!("{it}; `cargo xtask dev-up` ends that first"));
            }
            if !loads.is_empty() {
                term::say(&format!("a load runs: {}", loads.join(", ")));
            }
        }
        conclude(&rows, schema_is_current)
    }
}

fn document(stack: &Stack, rows: &[Row<'_>], schema_is_current: bool, keys: Option<&str>) -> Value {
    let service = |it: &Row<'_>| {
        json!({
            "name": it.service.name,
            "state": it.word(),
            "ready": it.state.is_ready(),
            "reason": if let State::Failed(why) = &it.state { Some(why) } else { None },
            "image": it.service.image,
            "standIn": it.service.is_stand_in(),
            "ports": it.service.ports.iter().map(|port| port.host).collect::<Vec<_>>(),
            "restarts": it.container.map_or(0, |it| it.restarts),
            "oomKilled": it.container.is_some_and(|it| it.oom_killed),
            "drift": it.drift,
            "liveSources": it.container.is_some_and(|it| it.is_live),
        })
    };
    json!({
        "schemaVersion": 1,
        "project": stack.project,
        "mode": if stack.mode.local { "local" } else { "dsql" },
        "schemaIsCurrent": schema_is_current,
        "awsKeys": keys,
        "services": rows.iter().map(service).collect::<Vec<_>>(),
    })
}

fn conclude(rows: &[Row<'_>], schema_is_current: bool) -> Result<()> {
    let (unready, all) = (rows.iter().filter(|it| !it.state.is_ready()).count(), rows.len());
    if unready > 0 {
        let what = format!("{unready} of {all} services are not ready; `cargo xtask dev-up` starts or mends them");
        return Err(exit(NOT_READY, what));
    }
    if !schema_is_current {
        term::say("a checkout holds another schema than the one that was applied");
    }
    if rows.iter().any(|it| it.drift.is_some()) || !schema_is_current {
        term::say("`cargo xtask dev-up` brings what has changed up to date.");
    }
    Ok(())
}

/// What has changed since the containers were made. Nothing is written: another command may be at work.
fn drift(sh: &Shell, stack: &Stack, settings: &Settings, containers: &[Container]) -> Result<Vec<(String, String)>> {
    if containers.is_empty() {
        return Ok(Vec::new());
    }
    let rendered = match template::render(sh, settings, Cluster::ALL) {
        Ok(it) if settings.problems.is_empty() => it,
        _ => {
            term::say("dev/.env has problems, so what it would change is not shown; `cargo xtask render` lists them");
            return Ok(Vec::new());
        }
    };
    let root = sh.current_dir();
    let hashes = drift::config_hashes(sh, stack, &rendered)?;
    let images = engine::images(sh, stack.services.iter().map(|it| it.image.as_str()))?;
    drift::drift(&root, stack, containers, &hashes, &images, &rendered)
}

impl<'a> Row<'a> {
    fn of(service: &'a Service, containers: &'a [Container], drift: &'a [(String, String)]) -> Row<'a> {
        let container = containers::find(containers, &service.name);
        let drift = drift.iter().find(|(it, _)| *it == service.name).map(|(_, why)| why.as_str());
        Row { service, state: assess(service, container, &probe), container, drift }
    }

    fn word(&self) -> &str {
        match &self.state {
            State::Waiting if self.container.is_none() => "stopped",
            State::Failed(_) => "failed",
            other => other.text(),
        }
    }

    fn to_cells(&self) -> [String; 4] {
        let ports: Vec<String> = self.service.ports.iter().map(|it| it.host.to_string()).collect();
        [self.service.name.clone(), self.word().to_owned(), ports.join(" "), self.note()]
    }

    /// Why it failed, what the engine did to it, what has changed.
    fn note(&self) -> String {
        let reason = if let State::Failed(why) = &self.state { Some(why.clone()) } else { None };
        let alive = self.container.filter(|_| reason.is_none());
        let memory = alive.filter(|it| it.oom_killed).map(|_| "killed for using more memory than its limit".to_owned());
        let restarts = alive.filter(|it| it.restarts > 0).map(|it| format!("restarted by the engine: {}", it.restarts));
        let drift = self.drift.map(str::to_owned);
        let stand_in = self.service.is_stand_in().then(|| "stand-in".to_owned());
        let can_be_live = self.service.live.is_some();
        let runs = self.container.filter(|_| can_be_live).map(|it| if it.is_live { "live sources" } else { "image" });
        [reason, memory, restarts, drift, stand_in, runs.map(str::to_owned)]
            .into_iter()
            .flatten()
            .collect::<Vec<_>>()
            .join("; ")
    }
}
