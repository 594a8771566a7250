//! `cargo xtask dev-restart`: the same containers once more, or with `--build` new ones from new images; until they are
//! ready.

use std::process::Stdio;
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
use crate::stack::wait::{DEFAULT_TIMEOUT, Start, start_and_wait};
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
            return stack::last(sh).map_or(Ok(()), |it| self.wait(sh, &it));
        }
        let stack = stack::last(sh)?.restored(sh)?;
        stack.check_names(&self.service)?;
        let named = |it: &&Service| self.service.is_empty() || self.service.contains(&it.name);
        build::build_for(sh, &stack.services.iter().filter(named).collect::<Vec<_>>(), false)?;
        let mut command = stack.compose(sh);
        // `restart` would start the old container again, and `up` alone would leave one whose image is the same.
        command.args(["up", "--detach", "--no-deps", "--force-recreate"]);
        // Compose would ask here before it replaces a volume, and drop what that holds.
        command.stdin(Stdio::null());
        process::run(command.args(&self.service), Limit::Within(CHANGE))?;
        self.wait(sh, &stack)
    }

    /// Waits until what was restarted is ready.
    fn wait(&self, sh: &Shell, stack: &Stack) -> Result<()> {
        if self.no_wait {
            return Ok(());
        }
        interrupt::on_interrupt("it goes on starting; `cargo xtask dev-status` shows how far it is");
        let containers = containers::list(sh, &stack.project)?;
        let is_meant = |it: &&Service| self.service.is_empty() && containers::find(&containers, &it.name).is_some();
        let named = |it: &&Service| is_meant(it) || self.service.contains(&it.name);
        let services: Vec<&Service> = stack.services.iter().filter(named).collect();
        let deadline = Instant::now() + Duration::from_secs(self.timeout.unwrap_or(DEFAULT_TIMEOUT));
        let nothing = Start { pending: Vec::new(), gates: Vec::new(), up: &|_| stack.compose(sh) };
        start_and_wait(sh, stack, &services, deadline, nothing)
    }
}
