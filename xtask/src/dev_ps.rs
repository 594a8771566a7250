//! `cargo xtask dev-ps`: the containers, as `docker compose ps` lists them.

use anyhow::Result;
use xshell::Shell;

use crate::{dev_down::load, flags, process};

impl flags::DevPs {
    pub(crate) fn run(self, sh: &Shell) -> Result<()> {
        process::run(load(sh)?.compose(sh).args(["ps", "--all"]))
    }
}
