//! What stands in the way of a start, put aside: Compose would leave it as it is.

use std::time::Instant;

use anyhow::Result;
use xshell::{Shell, cmd};

use crate::docker::containers::{self, Container};
use crate::docker::engine::ANSWER;
use crate::machine::process::{self, Limit};
use crate::preflight::Preflight;
use crate::stack::readiness::{assess, is_in_crash_loop, probe};
use crate::stack::service::Service;

/// Lets paused containers go on: Compose does not start what has been started, and a paused one answers nobody.
pub(super) fn unpause(sh: &Shell, found: &Preflight, services: &[&Service], deadline: Instant) -> Result<()> {
    let is_paused =
        |it: &Service| containers::find(&found.containers, &it.name).is_some_and(|it| it.status == "paused");
    compose_some(sh, found, services, &["unpause"], until(deadline), &is_paused)
}

/// Stops what crashes again and again, and what runs and is unhealthy, as after a restart of the engine, which starts
/// all at once: it starts anew and is judged anew. Compose would leave it as it is.
pub(super) fn stop_the_unwell(sh: &Shell, found: &Preflight, services: &[&Service], deadline: Instant) -> Result<()> {
    let is_unwell = |it: &Container| is_in_crash_loop(it) || it.status == "running" && it.health == "unhealthy";
    let is_hopeless = |it: &Service| {
        let container = containers::find(&found.containers, &it.name);
        container.is_some_and(is_unwell) && !assess(it, container, &probe).is_ready()
    };
    compose_some(sh, found, services, &["stop"], until(deadline), &is_hopeless)
}

/// Removes, without their data, containers that no start brings back: stopped ones whose network is gone
/// (`docker network prune`; Compose would make the network anew and start them for the old one, in vain), and those
/// that were taken from theirs.
pub(super) fn remove_the_cut_off(
    sh: &Shell,
    found: &Preflight,
    services: &[&Service],
    deadline: Instant,
) -> Result<()> {
    let is_stopped = |it: &Container| !matches!(it.status.as_str(), "running" | "paused" | "restarting");
    let mut there = String::new();
    if found.containers.iter().any(|it| is_stopped(it) && !it.networks.is_empty()) {
        there = process::read_within(&mut cmd!(sh, "docker network ls --quiet --no-trunc").into(), ANSWER)?;
    }
    let is_gone = |it: &String| !it.is_empty() && !there.lines().any(|id| id == it);
    let is_lost = |it: &Container| it.is_cut_off || is_stopped(it) && it.networks.iter().any(is_gone);
    let is = |it: &Service| containers::find(&found.containers, &it.name).is_some_and(is_lost);
    compose_some(sh, found, services, &["rm", "--force", "--stop"], until(deadline), &is)
}

/// Stops what has run since before its database was made anew: it holds to what that had. Returns whom.
pub(super) fn stop_what_ran_on(
    sh: &Shell,
    found: &Preflight,
    services: &[&Service],
    databases: &[String],
    deadline: Instant,
) -> Result<Vec<String>> {
    let depends = |it: &Service| {
        found.stack.closure(std::slice::from_ref(&it.name)).iter().any(|it| databases.contains(&it.name))
    };
    let runs = |it: &Service| containers::find(&found.containers, &it.name).is_some_and(|it| it.status == "running");
    let ran = |it: &Service| runs(it) && !databases.contains(&it.name) && depends(it);
    compose_some(sh, found, services, &["stop"], until(deadline), &ran)?;
    Ok(services.iter().filter(|it| ran(it)).map(|it| it.name.clone()).collect())
}

/// Runs a command of Compose for those of these services for which `is` holds, where there are any.
pub(super) fn compose_some(
    sh: &Shell,
    found: &Preflight,
    services: &[&Service],
    command: &[&str],
    limit: Limit,
    is: &dyn Fn(&Service) -> bool,
) -> Result<()> {
    let names: Vec<&str> = services.iter().filter(|it| is(it)).map(|it| it.name.as_str()).collect();
    if names.is_empty() {
        return Ok(());
    }
    process::run(found.stack.compose(sh).args(command).args(names), limit)
}

fn until(deadline: Instant) -> Limit {
    Limit::Within(deadline.saturating_duration_since(Instant::now()))
}
