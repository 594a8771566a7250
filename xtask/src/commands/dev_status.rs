//! `cargo xtask dev-status`: what runs, and what has changed since it started.

use std::fmt::Write;

use anyhow::Result;
use serde_json::json;
use xshell::Shell;

use crate::{
    aws::credentials,
    cli::flags::{self, Cluster},
    docker::{
        containers::{self, Container},
        engine::{self, Image},
    },
    machine::{
        exit::{NOT_READY, exit},
        term,
    },
    schema,
    settings::{Settings, template},
    stack::{
        Stack, drift,
        mode::Mode,
        readiness::{State, assess, probe},
        service::Service,
    },
};

impl flags::DevStatus {
    pub fn run(self, sh: &Shell) -> Result<()> {
        let mode = Mode::last(sh)?;
        let settings = Settings::load(sh, mode.local);
        let (stack, containers) = Stack::running(sh, &settings, mode)?;
        let names: Vec<&str> = stack.services.iter().map(|it| it.image.as_str()).collect();
        let images = engine::images(sh, &names)?;
        let drift =
            if containers.is_empty() { Vec::new() } else { drift(sh, &stack, &settings, &containers, &images)? };
        let schema_is_current = schema::is_current(sh, &stack, &settings);
        let find = |service: &Service| containers::find(&containers, &service.name);
        let states: Vec<(&Service, State)> =
            stack.services.iter().map(|it| (it, assess(it, find(it), &probe))).collect();
        let drift_of =
            |service: &Service| drift.iter().find(|(it, _)| *it == service.name).map(|(_, why)| why.as_str());

        // What the containers have, which may be another profile's than the one that is named by now.
        let held = if mode.local { None } else { credentials::held(sh) };
        let keys = held.map(|(it, _)| it.describe());

        if self.json {
            let services: Vec<_> = states
                .iter()
                .map(|(it, state)| {
                    let ports: Vec<u16> = it.ports.iter().map(|port| port.host).collect();
                    json!({
                        "name": it.name,
                        "state": word(state, find(it).is_some()),
                        "ready": state.is_ready(),
                        "reason": if let State::Failed(why) = state { Some(why) } else { None },
                        "image": it.image,
                        "ports": ports,
                        "drift": drift_of(it),
                    })
                })
                .collect();
            let document = json!({
                "schemaVersion": 1,
                "project": stack.project,
                "mode": if mode.local { "local" } else { "dsql" },
                "schemaIsCurrent": schema_is_current,
                "awsKeys": keys.as_ref().map(|(words, _)| words),
                "services": services,
            });
            term::out(&format!("{document:#}\n"));
        } else {
            term::out(&table(&states, &|it| find(it).is_some(), &drift_of));
            if let Some((words, soon)) = keys {
                let renewal = if soon { format!("\n{}", credentials::renewal(&settings)) } else { String::new() };
                term::say(&format!("{words}{renewal}"));
            }
        }

        let unready = states.iter().filter(|(_, it)| !it.is_ready()).count();
        if unready > 0 {
            return Err(exit(
                NOT_READY,
                format!(
                    "{unready} of {} services are not ready; `cargo xtask dev-up` starts or mends them",
                    states.len()
                ),
            ));
        }
        if !schema_is_current {
            term::say("a checkout holds another schema than the one that was applied");
        }
        if !drift.is_empty() || !schema_is_current {
            term::say("`cargo xtask dev-up` brings what has changed up to date.");
        }
        Ok(())
    }
}

/// What has changed since the containers were made. Nothing is written: another command may be at work.
fn drift(
    sh: &Shell,
    stack: &Stack,
    settings: &Settings,
    containers: &[Container],
    images: &[Image],
) -> Result<Vec<(String, String)>> {
    let rendered = match template::render(sh, settings, Cluster::ALL) {
        Ok(it) if settings.problems.is_empty() => it,
        _ => {
            term::say("dev/.env has problems, so what it would change is not shown; `cargo xtask render` lists them");
            return Ok(Vec::new());
        }
    };
    let root = sh.current_dir();
    let hashes = drift::config_hashes(stack.compose_unwritten(sh), &stack.overrides(&root, &rendered)?)?;
    drift::drift(&root, stack, containers, &hashes, images, &rendered)
}

fn word(state: &State, exists: bool) -> &str {
    match state {
        State::Waiting if !exists => "stopped",
        State::Failed(_) => "failed",
        other => other.text(),
    }
}

fn table<'a>(
    states: &[(&Service, State)],
    exists: &dyn Fn(&Service) -> bool,
    drift: &dyn Fn(&Service) -> Option<&'a str>,
) -> String {
    let mut out = format!("{:<20} {:<9} {:<14} {}\n", "SERVICE", "STATE", "HOST PORTS", "NOTE");
    for (service, state) in states {
        let ports: Vec<String> = service.ports.iter().map(|it| it.host.to_string()).collect();
        let reason = if let State::Failed(why) = state { why.as_str() } else { "" };
        let note = [reason, drift(service).unwrap_or("")]
            .into_iter()
            .filter(|it| !it.is_empty())
            .collect::<Vec<_>>()
            .join("; ");
        let line = format!("{:<20} {:<9} {:<14} {note}", service.name, word(state, exists(service)), ports.join(" "));
        _ = writeln!(out, "{}", line.trim_end());
    }
    out
}
