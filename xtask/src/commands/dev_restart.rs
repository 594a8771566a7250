//! `cargo xtask dev-restart`: the same containers once more, or with `--build` new ones from new images.

use std::process::Stdio;

use anyhow::Result;
use xshell::Shell;

use crate::{
    aws::credentials,
    cli::flags,
    docker::engine::CHANGE,
    images::build,
    machine::{
        lock,
        process::{self, Limit},
    },
    settings::Settings,
    stack::{self, service::Service},
};

impl flags::DevRestart {
    pub fn run(self, sh: &Shell) -> Result<()> {
        let stack = stack::last(sh)?;
        stack.check_names(&self.service)?;
        let _lock = lock::take(sh, "dev-restart")?;
        if !stack.mode.local && credentials::held(sh).is_some() {
            // Keys without an end are read once, at the start.
            credentials::renew(sh, &Settings::load(sh, false));
        }
        let mut command = stack.compose(sh);
        if self.build {
            let named = |it: &&Service| self.service.is_empty() || self.service.contains(&it.name);
            build::build_for(sh, &stack.services.iter().filter(named).collect::<Vec<_>>(), false)?;
            // `restart` would start the old container again, and `up` alone would leave one whose image is the same.
            command.args(["up", "--detach", "--no-deps", "--force-recreate"]);
            // Compose would ask here before it replaces a volume, and drop what that holds.
            command.stdin(Stdio::null());
        } else {
            command.arg("restart");
        }
        process::run(command.args(&self.service), Limit::Within(CHANGE))
    }
}
