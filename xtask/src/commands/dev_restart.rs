//! `cargo xtask dev-restart`: the same containers once more, or with `--build` new ones from new images.

use std::process::Stdio;

use anyhow::Result;
use xshell::Shell;

use crate::aws::credentials;
use crate::cli::flags;
use crate::docker::engine::CHANGE;
use crate::images::build;
use crate::machine::process::{self, Limit};
use crate::machine::{lock, term};
use crate::settings::Settings;
use crate::stack;
use crate::stack::mode::Mode;
use crate::stack::project::Project;
use crate::stack::service::Service;

impl flags::DevRestart {
    pub fn run(self, sh: &Shell) -> Result<()> {
        let _lock = lock::take_if_possible(sh, "dev-restart")?;
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
            return process::run(restart.arg("restart").args(&self.service), Limit::Within(CHANGE));
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
        process::run(command.args(&self.service), Limit::Within(CHANGE))
    }
}
