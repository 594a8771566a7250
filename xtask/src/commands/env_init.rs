//! Makes `dev/.env` from the example.

use anyhow::Result;
use xshell::Shell;

use crate::cli::flags;
use crate::machine::{files, term};
use crate::settings::{ENV_FILE, EXAMPLE};

impl flags::EnvInit {
    pub fn run(self, sh: &Shell) -> Result<()> {
        let path = sh.current_dir().join(ENV_FILE);
        // A link that leads nowhere is somebody's file as well.
        if path.symlink_metadata().is_ok() {
            let next = "`cargo xtask env-check` looks it over";
            term::say(&format!("{ENV_FILE} is there already and stays as it is; {next}"));
            return Ok(());
        }
        files::replace(&path, &files::committed(&sh.current_dir(), EXAMPLE)?, 0o600)?;
        term::say(&format!(
            "{ENV_FILE} written from {EXAMPLE}; next: `cargo xtask infra-apply`, which fills in what AWS knows, \
             or `cargo xtask dev-up --local`, which needs none of it"
        ));
        Ok(())
    }
}
