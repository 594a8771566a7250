//! What is missing or wrong in `dev/.env`.

use anyhow::Result;
use xshell::Shell;

use crate::cli::flags;
use crate::machine::exit::prerequisites;
use crate::machine::term;
use crate::settings::{ENV_FILE, Origin, Settings, audit, variables};

impl flags::EnvCheck {
    pub fn run(self, sh: &Shell) -> Result<()> {
        let settings = Settings::load(sh, self.local);
        let (findings, notes) = audit::look(sh, &settings);
        for note in &notes {
            term::say(&format!("note: {note}"));
        }
        let title = match (sh.path_exists(ENV_FILE), self.local) {
            (false, false) => format!("{ENV_FILE} is missing (`cargo xtask env-init` makes it), and without it"),
            _ => ENV_FILE.to_owned(),
        };
        prerequisites(&title, findings)?;
        let mode = if self.local { "for --local" } else { "for Aurora DSQL" };
        let set = variables::ALL.iter().filter(|it| matches!(settings.origin(it.name), Some(Origin::File(_)))).count();
        let all = variables::ALL.len();
        term::out(&format!("{ENV_FILE} is complete and consistent {mode}: {set} of {all} variables are set in it\n"));
        Ok(())
    }
}
