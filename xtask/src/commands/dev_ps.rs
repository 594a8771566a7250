//! `cargo xtask dev-ps`: the containers, as `docker compose ps` lists them.

use anyhow::Result;
use xshell::Shell;

use crate::cli::flags;
use crate::docker::engine::ANSWER;
use crate::machine::{process, term};
use crate::stack::project::Project;

impl flags::DevPs {
    pub fn run(self, sh: &Shell) -> Result<()> {
        let mut ps = Project::find_and_renew(sh)?.compose(sh);
        ps.args(["ps", "--all"]);
        term::say(&format!("$ {}", process::line(&ps)));
        term::out(&process::read_within(&mut ps, ANSWER)?);
        Ok(())
    }
}
