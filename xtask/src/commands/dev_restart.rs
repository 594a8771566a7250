//! `cargo xtask dev-restart`: the same containers once more, or with `--build` new ones from new images.

use std::process::Stdio;

use anyhow::Result;
use xshell::Shell;

use crate::cli::flags;
use crate::docker::engine::CHANGE;
use crate::images::build;
use crate::machine::lock;
use crate::machine::process::{self, Limit};
use crate::stack;
use crate::stack::project::Project;
use crate::stack::service::Service;

impl flags::DevRestart {
    pub fn run(self, sh: &Shell) -> Result<()> {
        let _lock = lock::take_if_possible(sh, "dev-restart")?;
        if !self.build {
            let project = Project::find(sh)?;
            project.check(sh, &self.service)?;
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
