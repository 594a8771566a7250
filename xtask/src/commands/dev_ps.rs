//! `cargo xtask dev-ps`: the containers, as `docker compose ps` lists them.

use anyhow::Result;
use xshell::Shell;

use crate::{
    cli::flags,
    docker::engine::ANSWER,
    machine::process::{self, Limit},
    stack::project::Project,
};

impl flags::DevPs {
    pub fn run(self, sh: &Shell) -> Result<()> {
        process::run(Project::find_and_renew(sh)?.compose(sh).args(["ps", "--all"]), Limit::Within(ANSWER))
    }
}
