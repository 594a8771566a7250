//! `cargo xtask dev-up`: preflight, rendering, data stores, schema, everything else, until it is ready.

mod addresses;
mod healing;

use std::collections::BTreeSet;
use std::fmt::Write;
use std::io::{self, IsTerminal};
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::Result;
use xshell::Shell;

use crate::aws::credentials;
use crate::cli::flags;
use crate::docker::containers;
use crate::docker::engine;
use crate::docker::{sight, supply};
use crate::images::build;
use crate::images::missing::Missing;
use crate::images::registry;
use crate::images::stand_ins;
use crate::machine::exit::{PREREQUISITE, USAGE, code, exit, prerequisites};
use crate::machine::process::{self, Limit};
use crate::machine::{interrupt, lock, term};
use crate::preflight::{Preflight, preflight};
use crate::schema;
use crate::settings::{Settings, template};
use crate::stack::mode::{self, Mode};
use crate::stack::personal::{self, PERSONAL};
use crate::stack::readiness::{assess, probe};
use crate::stack::service::Service;
use crate::stack::wait::up_and_wait;
use crate::stack::{LOAD, Stack, drift, namespaces};

const DEFAULT_TIMEOUT: u64 = 300;

impl flags::DevUp {
    pub fn run(self, sh: &Shell) -> Result<()> {
        let lack = match self.start(sh) {
            Err(e) if code(&e) == PREREQUISITE && !self.dry_run => e,
            other => return other,
        };
        if supply::offer(sh, self.yes)? { self.start(sh) } else { Err(lack) }
    }

    fn start(&self, sh: &Shell) -> Result<()> {
        let flag = flags::mode_flag(self.local, self.dsql)?;
        if self.stand_ins && (self.dsql || self.build) {
            return Err(exit(
                USAGE,
                "`--stand-ins` goes with `--local` alone: its images are made from this repository",
            ));
        }
        let lock = (!self.dry_run).then(|| lock::take(sh, "dev-up")).transpose()?;
        let last_saved = Mode::last(sh)?;
        let last = last_saved.with(flag);
        let mode = Mode {
            port_offset: self.port_offset.map_or(last.port_offset, |it| it.0),
            platform: self.platform.or(last.platform),
            local: last.local || self.stand_ins,
            stand_ins: last.stand_ins || self.stand_ins,
        };
        interrupt::on_interrupt("`cargo xtask dev-up` goes on from here, `cargo xtask dev-down` stops what runs");
        if last_saved.stand_ins != mode.stand_ins && sh.path_exists(mode::PATH) {
            term::say(
                "another stack than the last one, with data of its own; `cargo xtask dev-down` stops the one before",
            );
        }
        if mode.stand_ins && !self.dry_run && engine::engine(sh).is_ok() {
            stand_ins::make(sh)?;
        }
        let found = self.found(sh, mode)?;
        say_what_switches(last_saved, mode, &found);
        if sh.path_exists(PERSONAL) {
            term::say(&format!("note: {PERSONAL} is taken along"));
        }
        found.notes.iter().for_each(|it| term::say(&format!("note: {}", it.what)));
        let services = found.stack.closure(&self.service);
        if self.dry_run {
            term::out(&plan(sh, &found, &services, self.no_schema));
            return Ok(());
        }
        found.stack.write(sh, &found.rendered)?;
        mode.save(sh)?;
        hand_on_keys(sh, &found)?;
        for it in personal::opened(sh, &found.stack)? {
            term::say(&format!("warning: other machines can reach {it}, by {PERSONAL}"));
        }
        let stack = &found.stack;
        let mut stale = stale(sh, &found, &services)?;
        let schema_is_current = self.no_schema || schema::is_current(sh, stack, &found.settings);
        if !stale.is_empty() || !schema_is_current {
            pull(sh, &found, &services)?;
            check_sight(sh, &found, &services)?;
            let deadline = Instant::now() + Duration::from_secs(self.timeout.unwrap_or(DEFAULT_TIMEOUT));
            healing::unpause(sh, &found, &services, deadline)?;
            healing::stop_the_unwell(sh, &found, &services, deadline)?;
            healing::remove_the_cut_off(sh, &found, &services, deadline)?;
            for stage in stages(stack, &services) {
                if stage.services.iter().any(|it| stale.contains(&it.name)) {
                    term::say(&format!("{}:", stage.title));
                    up_and_wait(sh, stack, &stage.services, deadline, || up(sh, stack, &stage.services))?;
                }
                match stage.then {
                    Then::Schema if !self.no_schema => {
                        let anew = schema::bring_up(sh, stack, &found.settings, &services, deadline)?;
                        stale.extend(healing::stop_what_ran_on(sh, &found, &services, &anew, deadline)?);
                    }
                    Then::Namespaces => namespaces::register(sh, stack, &stage.services, deadline)?,
                    _ => {}
                }
            }
        }
        // What people open comes last in the order of starting.
        let in_order: Vec<&Service> = stages(stack, &services).into_iter().rev().flat_map(|it| it.services).collect();
        term::out(&addresses::table(stack, &in_order));
        if self.attach {
            // What follows changes nothing: other commands may.
            drop(lock);
            return attach(sh, stack);
        }
        Ok(())
    }

    fn draft(&self, sh: &Shell, mode: Mode) -> Result<(Stack, Settings)> {
        let settings = Settings::load(sh, mode.local);
        let draft = Stack::load(sh, &settings, mode, None)?;
        draft.check_names(&self.service)?;
        Ok((draft, settings))
    }

    /// What preflight finds once everything is there that this run may clone and build.
    fn found(&self, sh: &Shell, mode: Mode) -> Result<Preflight> {
        let look = |missing: &Missing| preflight(sh, mode, &self.service, !self.no_schema, missing);
        let first = match look(&Missing::default()) {
            Ok(it) if !self.build => return Ok(it),
            Err(e) if code(&e) != PREREQUISITE => return Err(e),
            other => other,
        };
        // What cannot be read is among what was found.
        let Ok((draft, settings)) = self.draft(sh, mode) else { return first };
        let services = draft.closure(&self.service);
        // Where nobody is there to ask, nothing is fetched unasked.
        let fetch = if self.dry_run { registry::is_set(&settings) } else { self.yes || io::stdin().is_terminal() };
        let missing = Missing::find(sh, &settings, &services, fetch, self.build);
        // What no build mends is said before minutes of it, beside what it would mend.
        if first.is_err() && (missing.is_empty() || self.dry_run && missing.clones() || look(&missing).is_err()) {
            return first;
        }
        missing.provide(sh, &settings, self.yes, self.dry_run)?;
        if self.build {
            build::build_for(sh, &services, self.dry_run)?;
        }
        if self.dry_run { look(&missing) } else { look(&Missing::default()) }
    }
}

/// Gives the containers today's keys, and says whose they are.
fn hand_on_keys(sh: &Shell, found: &Preflight) -> Result<()> {
    let Some(keys) = &found.credentials else { return Ok(()) };
    keys.write(sh, found.settings.get("AWS_REGION"))?;
    let (words, soon) = keys.describe();
    let renewal = if soon { format!("\n{}", credentials::renewal(&found.settings)) } else { String::new() };
    term::say(&format!("{words}{renewal}"));
    Ok(())
}

/// Another database is other containers: what runs is recreated, and each database keeps its own data.
fn say_what_switches(before: Mode, now: Mode, found: &Preflight) {
    if before.local != now.local && !found.containers.is_empty() {
        let (from, to) =
            if now.local { ("Aurora DSQL", "local PostgreSQL") } else { ("local PostgreSQL", "Aurora DSQL") };
        term::say(&format!("switching from {from} to {to}: the Temporal services and the Copilot are recreated"));
    }
}

/// Services that are started together, and what follows once they are ready.
struct Stage<'a> {
    title: &'static str,
    services: Vec<&'a Service>,
    then: Then,
}

enum Then {
    Schema,
    Namespaces,
    Nothing,
}

/// Data stores, then the clusters and what keeps metrics and logs, then what looks at them: by what the servers need, and
/// what nobody waits for.
fn stages<'a>(stack: &Stack, services: &[&'a Service]) -> Vec<Stage<'a>> {
    let servers: Vec<String> = stack.services.iter().filter(|it| it.is_server()).map(|it| it.name.clone()).collect();
    let stores: Vec<&str> = stack.closure(&servers).iter().map(|it| it.name.as_str()).collect();
    let is_awaited = |it: &Service| stack.services.iter().any(|other| other.depends_on.contains(&it.name));
    let (mut first, mut middle, mut last) = (Vec::new(), Vec::new(), Vec::new());
    for &service in services {
        match service {
            it if it.is_server() => middle.push(it),
            it if stores.contains(&it.name.as_str()) => first.push(it),
            it if is_awaited(it) => middle.push(it),
            it => last.push(it),
        }
    }
    let all = [
        Stage { title: "data stores", services: first, then: Then::Schema },
        Stage { title: "clusters, metrics and logs", services: middle, then: Then::Namespaces },
        Stage { title: "copilot, dashboards and UIs", services: last, then: Then::Nothing },
    ];
    all.into_iter().filter(|it| !it.services.is_empty()).collect()
}

fn up(sh: &Shell, stack: &Stack, services: &[&Service]) -> Command {
    let mut command = stack.compose(sh);
    // To Compose, what no file names is an orphan.
    if containers::loads(sh, &stack.project).is_ok_and(|it| !it.is_empty()) {
        command.args(["--file", LOAD]);
    }
    command.args(["up", "--detach", "--remove-orphans"]).args(services.iter().map(|it| &it.name));
    command
}

/// Services that are not ready, or not what the files and the images say now. A container that belongs to no service
/// any more makes all of them stale, so that Compose removes it.
fn stale(sh: &Shell, found: &Preflight, services: &[&Service]) -> Result<Vec<String>> {
    let unready = |it: &&&Service| !assess(it, containers::find(&found.containers, &it.name), &probe).is_ready();
    let mut stale: Vec<String> = services.iter().filter(unready).map(|it| it.name.clone()).collect();
    let orphan = found.containers.iter().any(|it| found.stack.service(&it.service).is_none());
    if orphan {
        return Ok(services.iter().map(|it| it.name.clone()).collect());
    }
    // Where nothing runs yet there is nothing to compare.
    if stale.len() < services.len() {
        let hashes = drift::config_hashes(found.stack.compose(sh), "")?;
        let drift = drift::drift(&sh.current_dir(), &found.stack, &found.containers, &hashes, &found.images, &[])?;
        stale.extend(drift.into_iter().map(|(name, _)| name));
    }
    Ok(stale)
}

/// Pulls what is missing, with Docker's own progress. An image that only a build brings is there: preflight has looked.
fn pull(sh: &Shell, found: &Preflight, services: &[&Service]) -> Result<()> {
    let is_missing = |it: &Service| engine::find_image(&found.images, &it.image).is_none();
    healing::compose_some(sh, found, services, &["pull", "--policy", "missing"], Limit::Watched, &is_missing)
}

/// Where a container is to be made, asks the engine whether it sees what that would mount.
fn check_sight(sh: &Shell, found: &Preflight, services: &[&Service]) -> Result<()> {
    let is_new = |it: &&&Service| containers::find(&found.containers, &it.name).is_none();
    let Some(first) = services.iter().find(is_new) else { return Ok(()) };
    let others: BTreeSet<&str> = services.iter().flat_map(|it| &it.binds).map(String::as_str).collect();
    // The lock names this process: nobody else has such a file.
    let unseen = sight::check(sh, &first.image, &sh.current_dir().join(lock::PATH), &Vec::from_iter(others))?;
    prerequisites("cannot start", unseen.into_iter().collect())
}

/// The commands that would run, and what would happen between them.
fn plan(sh: &Shell, found: &Preflight, services: &[&Service], no_schema: bool) -> String {
    let mut out = String::new();
    for (cluster, _) in &found.rendered {
        _ = writeln!(out, "# write {}", template::path(*cluster));
    }
    for stage in stages(&found.stack, services) {
        _ = writeln!(out, "# {}\n{}", stage.title, process::line(&up(sh, &found.stack, &stage.services)));
        match stage.then {
            Then::Schema if !no_schema => {
                out.push_str(&schema::dry_run_all(sh, &found.stack, &found.settings, services));
            }
            Then::Namespaces => {
                let commands = namespaces::commands(sh, &found.stack, &stage.services);
                commands.iter().for_each(|(_, it)| _ = writeln!(out, "{}", process::line(it)));
            }
            _ => {}
        }
    }
    out
}

/// Follows the logs until Ctrl-C, then stops the stack.
fn attach(sh: &Shell, stack: &Stack) -> Result<()> {
    let mut stop = stack.compose(sh);
    stop.arg("stop");
    interrupt::on_interrupt("stopping; `cargo xtask dev-up` starts it again");
    interrupt::then_run(vec![stop]);
    if !stack.mode.local {
        // Nobody else would while this command runs.
        let sh = sh.clone();
        thread::spawn(move || {
            loop {
                thread::sleep(Duration::from_secs(60));
                credentials::keep_fresh(&sh);
            }
        });
    }
    process::pass_on(stack.compose(sh).args(["logs", "--follow", "--tail", "0"]))
}
