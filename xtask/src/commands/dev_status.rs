//! `cargo xtask dev-status`: what runs, and what has changed since it started.

use anyhow::Result;
use serde_json::{Value, json};
use xshell::Shell;

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
use crate::stack::{Stack, drift};

impl flags::DevStatus {
    pub fn run(self, sh: &Shell) -> Result<()> {
        let mode = Mode::last(sh)?;
        let settings = Settings::load(sh, mode.local);
        let (stack, containers) = Stack::running(sh, &settings, mode)?;
        let drift = drift(sh, &stack, &settings, &containers)?;
        let schema_is_current = schema::is_current(sh, &stack, &settings);
        let rows = stack.services.iter().map(|service| {
            let container = containers::find(&containers, &service.name);
            let drift = drift.iter().find(|(it, _)| *it == service.name).map(|(_, why)| why.as_str());
            Row { service, state: assess(service, container, &probe), is_made: container.is_some(), drift }
        });
        let rows: Vec<Row<'_>> = rows.collect();
        if self.json {
            let document = json!({
                "schemaVersion": 1,
                "project": stack.project,
                "mode": if mode.local { "local" } else { "dsql" },
                "schemaIsCurrent": schema_is_current,
                "services": rows.iter().map(Row::to_json).collect::<Vec<_>>(),
            });
            term::out(&format!("{document:#}\n"));
        } else {
            let titles = ["SERVICE", "STATE", "HOST PORTS", "NOTE"];
            term::out(&table::titled(titles, &rows.iter().map(Row::to_cells).collect::<Vec<_>>()));
        }
        conclude(&rows, schema_is_current)
    }
}

struct Row<'a> {
    service: &'a Service,
    state: State,
    /// Whether it has a container.
    is_made: bool,
    /// What has changed since that was made.
    drift: Option<&'a str>,
}

impl Row<'_> {
    fn word(&self) -> &str {
        match &self.state {
            State::Waiting if !self.is_made => "stopped",
            State::Failed(_) => "failed",
            other => other.text(),
        }
    }

    fn reason(&self) -> Option<&str> {
        if let State::Failed(why) = &self.state { Some(why) } else { None }
    }

    fn to_json(&self) -> Value {
        json!({
            "name": self.service.name,
            "state": self.word(),
            "ready": self.state.is_ready(),
            "reason": self.reason(),
            "image": self.service.image,
            "ports": self.service.ports.iter().map(|it| it.host).collect::<Vec<_>>(),
            "drift": self.drift,
        })
    }

    fn to_cells(&self) -> [String; 4] {
        let ports: Vec<String> = self.service.ports.iter().map(|it| it.host.to_string()).collect();
        let note: Vec<&str> = self.reason().into_iter().chain(self.drift).collect();
        [self.service.name.clone(), self.word().to_owned(), ports.join(" "), note.join("; ")]
    }
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
    let hashes = drift::config_hashes(stack.compose_unwritten(sh), &stack.overrides(&root, &rendered)?)?;
    let images = engine::images(sh, stack.services.iter().map(|it| it.image.as_str()))?;
    drift::drift(&root, stack, containers, &hashes, &images, &rendered)
}
