//! `cargo xtask dev-status`: what runs, and what has changed since it started.

use std::fmt::Write;

use anyhow::Result;
use serde_json::json;
use xshell::Shell;

use crate::{
    containers, engine,
    exit::{NOT_READY, exit},
    flags,
    readiness::{State, assess, probe},
    stack::{Service, Stack},
    term,
};

impl flags::DevStatus {
    pub(crate) fn run(self, sh: &Shell) -> Result<()> {
        let stack = Stack::last(sh)?;
        let containers = containers::list(sh, &stack.project)?;
        let names: Vec<&str> = stack.services.iter().map(|it| it.image.as_str()).collect();
        let images = engine::images(sh, &names)?;
        // Only what is generated is brought up to date; no container is touched.
        let drift = if containers.is_empty() {
            Vec::new()
        } else {
            stack.write(sh)?;
            containers::drift(&stack, &containers, &containers::config_hashes(stack.compose(sh))?, &images)
        };
        let find = |service: &Service| containers.iter().find(|it| it.service == service.name);
        let states: Vec<(&Service, State)> =
            stack.services.iter().map(|it| (it, assess(it, find(it), &probe))).collect();
        let drift_of = |service: &Service| drift.iter().find(|(it, _)| *it == service.name).map(|(_, why)| *why);

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
            let mode = if stack.mode.local { "local" } else { "dsql" };
            let document = json!({ "schemaVersion": 1, "project": stack.project, "mode": mode, "services": services });
            term::out(&format!("{document:#}\n"));
        } else {
            term::out(&table(&states, &|it| find(it).is_some(), &drift_of));
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
        if !drift.is_empty() {
            term::say("`cargo xtask dev-up` brings what has changed up to date.");
        }
        Ok(())
    }
}

fn word(state: &State, exists: bool) -> &str {
    match state {
        State::Waiting if !exists => "stopped",
        State::Failed(_) => "failed",
        other => other.text(),
    }
}

fn table(
    states: &[(&Service, State)],
    exists: &dyn Fn(&Service) -> bool,
    drift: &dyn Fn(&Service) -> Option<&'static str>,
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
