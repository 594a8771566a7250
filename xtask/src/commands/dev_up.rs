//! `cargo xtask dev-up`: preflight, rendering, data stores, schema, everything else, until it is ready.

mod addresses;
mod healing;
mod starting;

use std::collections::BTreeSet;
use std::fmt::Write;
use std::io::{self, IsTerminal};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::Result;
use xshell::Shell;

use self::starting::{create, gates};
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
use crate::stack::order::waves;
use crate::stack::personal::{self, PERSONAL};
use crate::stack::readiness::{assess, probe};
use crate::stack::service::Service;
use crate::stack::snapshots::unfinished;
use crate::stack::wait::{DEFAULT_TIMEOUT, Start, start, start_and_wait};
use crate::stack::{Stack, drift, namespaces};

impl flags::DevUp {
    pub fn run(self, sh: &Shell) -> Result<()> {
        let lack = match self.start(sh) {
            Err(e) if code(&e) == PREREQUISITE && !self.dry_run => e,
            other => return other,
        };
        if supply::offer(sh, self.yes)? { self.start(sh) } else { Err(lack) }
    }

    fn start(&self, sh: &Shell) -> Result<()> {
        flags::mode_flag(self.local, self.dsql)?;
        if self.stand_ins && (self.dsql || self.build) {
            return Err(exit(
                USAGE,
                "`--stand-ins` goes with `--local` alone: its images are made from this repository",
            ));
        }
        let lock = (!self.dry_run).then(|| lock::take(sh, "dev-up")).transpose()?;
        let watcher = lock::watcher(sh);
        if let Some(it) = &watcher {
            term::say(&format!("note: `cargo xtask {it}` runs, so the Copilot goes on running from its checkout"));
        }
        let Some(found) = self.bring_up(sh, watcher.is_some())? else { return Ok(()) };
        term::out(&addresses::table(&found.stack, &found.stack.closure(&self.service)));
        if self.attach {
            // What follows changes nothing: other commands may.
            drop(lock);
            return attach(sh, &found.stack);
        }
        Ok(())
    }

    /// Starts what is to start, and returns what was found before; `None` after a dry run. Nobody else may be at work.
    ///
    /// # Errors
    /// As those of `dev-up`.
    pub(crate) fn bring_up(&self, sh: &Shell, live: bool) -> Result<Option<Preflight>> {
        let flag = flags::mode_flag(self.local, self.dsql)?;
        let last_saved = Mode::last(sh)?;
        let last = last_saved.with(flag);
        let mode = Mode {
            port_offset: self.port_offset.map_or(last.port_offset, |it| it.0),
            platform: self.platform.or(last.platform),
            local: last.local || self.stand_ins,
            stand_ins: last.stand_ins || self.stand_ins,
            live,
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
        if !self.dry_run {
            unfinished::settle(sh)?;
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
            return Ok(None);
        }
        found.stack.write(sh, &found.rendered)?;
        mode.save(sh)?;
        hand_on_keys(sh, &found)?;
        for it in personal::opened(sh, &found.stack)? {
            term::say(&format!("warning: other machines can reach {it}, by {PERSONAL}"));
        }
        let stack = &found.stack;
        let (stale, changed) = stale(sh, &found, &services)?;
        let schema_is_current = self.no_schema || schema::is_current(sh, stack, &found.settings);
        if !stale.is_empty() || !schema_is_current {
            pull(sh, &found, &services)?;
            check_sight(sh, &found, &services)?;
            let deadline = Instant::now() + Duration::from_secs(self.timeout.unwrap_or(DEFAULT_TIMEOUT));
            healing::unpause(sh, &found, &services, deadline)?;
            healing::stop_the_unwell(sh, &found, &services, deadline)?;
            healing::remove_the_cut_off(sh, &found, &services, deadline)?;
            healing::stop_the_replaced(sh, &found, &services, &changed, deadline)?;
            let gates = gates(sh, &found, &services, &stale, self.no_schema, deadline);
            // Without a name, Compose would make them all.
            let create = (!stale.is_empty()).then(|| create(sh, stack, &stale));
            start_and_wait(sh, stack, &services, deadline, Start { create, pending: stale, gates })?;
        }
        Ok(Some(found))
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
    if before.live && !now.live {
        term::say("the Copilot goes back from its checkout to its image");
    }
    if before.local != now.local && !found.containers.is_empty() {
        let (from, to) =
            if now.local { ("Aurora DSQL", "local PostgreSQL") } else { ("local PostgreSQL", "Aurora DSQL") };
        term::say(&format!("switching from {from} to {to}: the Temporal services and the Copilot are recreated"));
    }
}

/// Services that are not ready or not what the files and the images say now; and the latter alone. A container that
/// belongs to no service any more makes all of them stale, so that Compose removes it.
fn stale(sh: &Shell, found: &Preflight, services: &[&Service]) -> Result<(Vec<String>, Vec<String>)> {
    let unready = |it: &&&Service| !assess(it, containers::find(&found.containers, &it.name), &probe).is_ready();
    let mut stale: Vec<String> = services.iter().filter(unready).map(|it| it.name.clone()).collect();
    let mut changed = Vec::new();
    // Where nothing runs yet there is nothing to compare.
    if stale.len() < services.len() {
        let hashes = drift::config_hashes(sh, &found.stack, &[])?;
        let drift = drift::drift(&sh.current_dir(), &found.stack, &found.containers, &hashes, &found.images, &[])?;
        changed.extend(drift.into_iter().map(|(name, _)| name));
        stale.extend(changed.clone());
    }
    // What a one-shot did to a service may be gone with its old container.
    let again = |it: &&&Service| it.one_shot && it.depends_on.iter().any(|on| stale.contains(on));
    let again: Vec<String> = services.iter().filter(again).map(|it| it.name.clone()).collect();
    let is_any = found.containers.iter().any(|it| found.stack.service(&it.service).is_none());
    let is_stale = |it: &String| is_any || stale.contains(it) || again.contains(it);
    Ok((services.iter().map(|it| it.name.clone()).filter(is_stale).collect(), changed))
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
    let gates = gates(sh, found, services, &[], no_schema, Instant::now());
    let all: Vec<String> = services.iter().map(|it| it.name.clone()).collect();
    _ = writeln!(out, "{}", process::line(&create(sh, &found.stack, &all)));
    let is_schema = |at: usize| !no_schema && at == 0 && services.iter().any(|it| it.schema.is_some());
    for (batch, opened) in waves(services, &gates) {
        if !batch.is_empty() {
            _ = writeln!(out, "{}", process::line(&start(sh, &found.stack, &batch, &found.containers)));
        }
        for at in opened {
            if is_schema(at) {
                out.push_str(&schema::dry_run_all(sh, &found.stack, &found.settings, services));
                continue;
            }
            let after: Vec<&Service> =
                services.iter().filter(|it| gates[at].after.contains(&it.name)).copied().collect();
            let commands = namespaces::commands(sh, &found.stack, &after);
            commands.iter().for_each(|(_, it)| _ = writeln!(out, "{}", process::line(it)));
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
