//! `cargo xtask dev-ps`: the containers, as `docker compose ps` lists them.

use anyhow::Result;
use xshell::Shell;

use crate::{
    aws::credentials,
    cli::flags,
    docker::engine::ANSWER,
    machine::process::{self, Limit},
    stack::project::Project,
};

impl flags::DevPs {
    pub fn run(self, sh: &Shell) -> Result<()> {
        let project = Project::find(sh)?;
        credentials::keep_fresh(sh);
        process::run(project.compose(sh).args(["ps", "--all"]), Limit::Within(ANSWER))
    }
}
