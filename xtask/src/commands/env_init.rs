//! Makes `dev/.env` from the example.

use anyhow::{Context, Result};
use xshell::Shell;

use crate::{
    cli::flags,
    machine::{files, term},
    settings::ENV_FILE,
};

/// What a new `dev/.env` is made from, from the workspace root.
pub(crate) const EXAMPLE: &str = "dev/.env.example";

impl flags::EnvInit {
    pub fn run(self, sh: &Shell) -> Result<()> {
        let path = sh.current_dir().join(ENV_FILE);
        // A link that leads nowhere is somebody's file as well.
        if path.symlink_metadata().is_ok() {
            term::say(&format!(
                "{ENV_FILE} is there already and stays as it is; `cargo xtask env-check` looks it over"
            ));
            return Ok(());
        }
        files::replace(&path, &example(sh)?, 0o600)?;
        term::say(&format!(
            "{ENV_FILE} written from {EXAMPLE}; next: `cargo xtask infra-apply`, which fills in what AWS knows, \
             or `cargo xtask dev-up --local`, which needs none of it"
        ));
        Ok(())
    }
}

/// The text of the example.
///
/// # Errors
/// It is missing or no text.
pub(crate) fn example(sh: &Shell) -> Result<String> {
    files::read(&sh.current_dir().join(EXAMPLE))?
        .with_context(|| format!("{EXAMPLE} is missing: `git checkout -- {EXAMPLE}` brings it back"))
}
