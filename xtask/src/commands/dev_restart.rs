//! `cargo xtask dev-restart`: the same containers once more, or with `--build` new ones from new images; until they are
//! ready.

use std::time::{Duration, Instant};

use anyhow::Result;
use xshell::Shell;

use crate::aws::credentials;
use crate::cli::flags;
use crate::docker::containers;
use crate::docker::engine::CHANGE;
use crate::images::build;
use crate::machine::process::{self, Limit};
use crate::machine::{interrupt, lock, term};
use crate::settings::Settings;
use crate::stack::mode::Mode;
use crate::stack::project::Project;
use crate::stack::service::Service;
use crate::stack::snapshots::unfinished;
use crate::stack::wait::{DEFAULT_TIMEOUT, Start, start, start_and_wait};
use crate::stack::{self, Stack};

impl flags::DevRestart {
    pub fn run(self, sh: &Shell) -> Result<()> {
        let _lock = lock::take_if_possible(sh, "dev-restart")?;
        unfinished::settle(sh)?;
        // A restart has to work also where the mode is damaged.
        if Mode::last(sh).is_ok_and(|it| !it.local) && credentials::held(sh).is_some() {
            // Keys without an end are read once, at the start.
            credentials::renew(sh, &Settings::load(sh, false));
        }
        if !self.build {
            let project = Project::find(sh)?;
            project.check(sh, &self.service)?;
            // What is mounted has to be there, as far as it can be made.
            if let Err(e) = stack::last(sh).and_then(|it| it.restored(sh)) {
                term::say(&format!("note: what is generated stays as it is: {e:#}"));
            }
            let mut restart = project.compose(sh);
            process::run(restart.arg("restart").args(&self.service), Limit::Within(CHANGE))?;
            // Where the stack cannot be read, a restart is all that can be had.
            let Ok(stack) = stack::last(sh) else { return Ok(()) };
            return self.wait(sh, &stack, &self.meant(sh, &stack)?, Start::default());
        }
        let stack = stack::last(sh)?.restored(sh)?;
        stack.check_names(&self.service)?;
        let services = self.meant(sh, &stack)?;
        build::build_for(sh, &services, false)?;
        let names: Vec<String> = services.iter().map(|it| it.name.clone()).collect();
        // `restart` would start the old container again, and `up` leave one whose image is the same.
        let mut remove = stack.compose(sh);
        process::run(remove.args(["rm", "--force", "--stop"]).args(&names), Limit::Within(CHANGE))?;
        let mut create = stack.compose(sh);
        create.args(["up", "--no-start", "--no-recreate"]).args(&names);
        self.wait(sh, &stack, &services, Start { create: Some(create), pending: names, gates: Vec::new() })
    }

    /// The services that are named, else those that have containers.
    fn meant<'a>(&self, sh: &Shell, stack: &'a Stack) -> Result<Vec<&'a Service>> {
        let containers = containers::list(sh, &stack.project)?;
        let is_there = |it: &Service| self.service.is_empty() && containers::find(&containers, &it.name).is_some();
        Ok(stack.services.iter().filter(|it| is_there(it) || self.service.contains(&it.name)).collect())
    }

    /// Starts what is not started yet, and waits until what was restarted is ready.
    fn wait(&self, sh: &Shell, stack: &Stack, services: &[&Service], rest: Start<'_>) -> Result<()> {
        if self.no_wait {
            let Some(mut create) = rest.create else { return Ok(()) };
            process::run(&mut create, Limit::Within(CHANGE))?;
            return process::run(&mut start(sh, stack, &rest.pending, &[]), Limit::Within(CHANGE));
        }
        interrupt::on_interrupt("it goes on starting; `cargo xtask dev-status` shows how far it is");
        let deadline = Instant::now() + Duration::from_secs(self.timeout.unwrap_or(DEFAULT_TIMEOUT));
        start_and_wait(sh, stack, services, deadline, rest)
    }
}
