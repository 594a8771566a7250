//! Brings the stack up: preflight, rendering, data stores, schema, everything else, until it is ready.

mod healing;
mod plan;
mod starting;

use std::io::{self, IsTerminal};
use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use xshell::{Shell, cmd};

use self::starting::{create, gates};
use crate::aws::credentials;
use crate::docker::containers;
use crate::docker::engine;
use crate::docker::sight;
use crate::images::build;
use crate::images::missing::Missing;
use crate::images::registry;
use crate::images::stand_ins;
use crate::machine::exit::{PREREQUISITE, code, prerequisites};
use crate::machine::few;
use crate::machine::process::Limit;
use crate::machine::{interrupt, lock, term};
use crate::preflight::{Preflight, preflight};
use crate::schema;
use crate::settings::Settings;
use crate::stack::mode::{self, Mode};
use crate::stack::personal::{self, PERSONAL};
use crate::stack::readiness::{assess, probe};
use crate::stack::service::Service;
use crate::stack::snapshots::unfinished;
use crate::stack::wait::{DEFAULT_TIMEOUT, Start, start_and_wait};
use crate::stack::{Stack, diagnosis, drift};

/// What is to be brought up, and what may be done for it.
#[derive(Default)]
pub(crate) struct Up<'a> {
    /// With what they depend on; all of them where there are none.
    pub services: &'a [String],
    pub mode: Mode,
    pub build: bool,
    pub yes: bool,
    pub no_schema: bool,
    /// Seconds until everything has to be ready.
    pub timeout: Option<u64>,
    pub dry_run: bool,
}

impl Up<'_> {
    /// Starts what is to start, and returns what was found before; `None` after a dry run. Nobody else may be at work.
    pub(crate) fn bring_up(&self, sh: &Shell) -> Result<Option<Preflight>> {
        let (before, mode) = (Mode::last(sh)?, self.mode);
        interrupt::on_interrupt("`cargo xtask dev-up` goes on from here, `cargo xtask dev-down` stops what runs");
        if before.stand_ins != mode.stand_ins && sh.path_exists(mode::PATH) {
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
        let found = self.found(sh)?;
        say_what_switches(before, mode, &found);
        if sh.path_exists(PERSONAL) {
            term::say(&format!("note: {PERSONAL} is taken along"));
        }
        found.notes.iter().for_each(|it| term::say(&format!("note: {}", it.what)));
        let services = found.stack.closure(self.services);
        if self.dry_run {
            term::out(&plan::plan(sh, &found, &services, self.no_schema));
            return Ok(None);
        }
        found.stack.write(sh, &found.rendered)?;
        mode.save(sh)?;
        hand_on_keys(sh, &found)?;
        for it in personal::opened(sh, &found.stack)? {
            term::say(&format!("warning: other machines can reach {it}, by {PERSONAL}"));
        }
        let stack = &found.stack;
        let stale = stale(sh, &found, &services)?;
        let schema_is_current = self.no_schema || schema::is_current(sh, stack, &found.settings);
        if !stale.is_empty() || !schema_is_current {
            pull(sh, &found, &services)?;
            check_sight(sh, &found, &services)?;
            let deadline = Instant::now() + Duration::from_secs(self.timeout.unwrap_or(DEFAULT_TIMEOUT));
            healing::unpause(sh, &found, &services, deadline)?;
            healing::stop_the_unwell(sh, &found, &services, deadline)?;
            healing::remove_the_cut_off(sh, &found, &services, deadline)?;
            let gates = gates(sh, &found, &services, &stale, self.no_schema, deadline);
            // Without a name, Compose would make them all.
            let create = (!stale.is_empty()).then(|| create(sh, stack, &stale));
            start_and_wait(sh, stack, &services, deadline, Start { create, pending: stale, gates })?;
        }
        Ok(Some(found))
    }

    fn draft(&self, sh: &Shell) -> Result<(Stack, Settings)> {
        let settings = Settings::load(sh, self.mode.local);
        let draft = Stack::load(sh, &settings, self.mode, None)?;
        draft.check_names(self.services)?;
        Ok((draft, settings))
    }

    /// What preflight finds once everything is there that this run may clone and build.
    fn found(&self, sh: &Shell) -> Result<Preflight> {
        let look = |missing: &Missing| preflight(sh, self.mode, self.services, !self.no_schema, missing);
        let first = match look(&Missing::default()) {
            Ok(it) if !self.build => return Ok(it),
            Err(e) if code(&e) != PREREQUISITE => return Err(e),
            other => other,
        };
        // What cannot be read is among what was found.
        let Ok((draft, settings)) = self.draft(sh) else { return first };
        let services = draft.closure(self.services);
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

/// Services that are not ready or not what the files and the images say now. A container that belongs to no service any
/// more makes all of them stale, so that Compose removes it.
fn stale(sh: &Shell, found: &Preflight, services: &[&Service]) -> Result<Vec<String>> {
    let unready = |it: &&&Service| !assess(it, containers::find(&found.containers, &it.name), &probe).is_ready();
    let mut stale: Vec<String> = services.iter().filter(unready).map(|it| it.name.clone()).collect();
    // Where nothing runs yet there is nothing to compare.
    if stale.len() < services.len() {
        let hashes = drift::config_hashes(sh, &found.stack, &[])?;
        let drift = drift::drift(&sh.current_dir(), &found.stack, &found.containers, &hashes, &found.images, &[])?;
        stale.extend(drift.into_iter().map(|(name, _)| name));
    }
    // What a one-shot did to a service may be gone with its old container.
    let again = |it: &&&Service| it.one_shot && it.depends_on.iter().any(|on| stale.contains(on));
    let again: Vec<String> = services.iter().filter(again).map(|it| it.name.clone()).collect();
    let is_any = found.containers.iter().any(|it| found.stack.service(&it.service).is_none());
    let is_stale = |it: &String| is_any || stale.contains(it) || again.contains(it);
    Ok(services.iter().map(|it| it.name.clone()).filter(is_stale).collect())
}

/// Pulls what is missing, with Docker's own progress. An image that only a build brings is there: preflight has looked.
fn pull(sh: &Shell, found: &Preflight, services: &[&Service]) -> Result<()> {
    let is_missing = |it: &Service| engine::find_image(&found.images, &it.image).is_none();
    let command = ["pull", "--policy", "missing"];
    if healing::compose_some(sh, found, services, &command, Limit::Watched, &is_missing).is_ok() {
        return Ok(());
    }
    // Compose's words went to the terminal. The engine says them to us, and may well succeed at the second time.
    let wanted = few::unique(services.iter().map(|it| it.image.as_str()));
    let there = engine::images(sh, wanted.iter().copied())?;
    let platform = found.stack.mode.platform.map(|it| format!("--platform=linux/{}", it.arch()));
    let platform = platform.as_slice();
    for image in wanted.into_iter().filter(|it| engine::find_image(&there, it).is_none()) {
        if let Some(said) = registry::refusal(&mut cmd!(sh, "docker pull {platform...} {image}").into())? {
            diagnosis::show(sh, &[], &found.containers, &said);
            bail!("{image} could not be pulled");
        }
    }
    Ok(())
}

/// Where a container is to be made, asks the engine whether it sees what that would mount.
fn check_sight(sh: &Shell, found: &Preflight, services: &[&Service]) -> Result<()> {
    let is_new = |it: &&&Service| containers::find(&found.containers, &it.name).is_none();
    let Some(first) = services.iter().find(is_new) else { return Ok(()) };
    let others = few::unique(services.iter().flat_map(|it| &it.binds).map(String::as_str));
    // The lock names this process: nobody else has such a file.
    let file = sh.current_dir().join(lock::PATH);
    let unseen = sight::check(sh, &found.stack.project, &first.image, &file, &others)?;
    prerequisites("cannot start", unseen.into_iter().collect())
}
