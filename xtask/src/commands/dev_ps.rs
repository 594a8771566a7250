//! `cargo xtask dev-ps`: the containers, as `docker compose ps` lists them.

use anyhow::Result;
use xshell::Shell;

use crate::cli::flags;
use crate::docker::engine::ANSWER;
use crate::machine::process::{self, Limit};
use crate::stack::project::Project;

impl flags::DevPs {
    pub fn run(self, sh: &Shell) -> Result<()> {
        process::run(Project::find_and_renew(sh)?.compose(sh).args(["ps", "--all"]), Limit::Within(ANSWER))
    }
}
