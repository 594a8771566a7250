//! Fills `dev/.env` from Terraform's outputs.

use anyhow::Result;
use xshell::Shell;

use crate::aws::{outputs, terraform};
use crate::cli::flags;

impl flags::EnvSync {
    pub fn run(self, sh: &Shell) -> Result<()> {
        let made = terraform::outputs(sh)?;
        terraform::require(&made)?;
        outputs::sync(sh, &made, self.dry_run)
    }
}
