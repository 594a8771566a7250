//! `cargo xtask dev-logs`: `docker compose logs`, following by default.

use anyhow::Result;
use xshell::Shell;

use crate::{cli::flags, machine::process, stack::project::Project};

impl flags::DevLogs {
    pub fn run(self, sh: &Shell) -> Result<()> {
        let project = Project::find_and_renew(sh)?;
        project.check(sh, &self.service)?;
        let mut logs = project.compose(sh);
        logs.arg("logs");
        if !self.no_follow {
            logs.arg("--follow");
        }
        if let Some(lines) = self.tail {
            logs.args(["--tail", &lines.to_string()]);
        }
        if let Some(since) = &self.since {
            logs.args(["--since", since]);
        }
        process::pass_on(logs.args(&self.service))
    }
}
