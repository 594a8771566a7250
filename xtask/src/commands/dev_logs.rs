//! `cargo xtask dev-logs`: `docker compose logs`, following by default.

use anyhow::Result;
use xshell::Shell;

use crate::{cli::flags, machine::process, stack};

impl flags::DevLogs {
    pub fn run(self, sh: &Shell) -> Result<()> {
        let stack = stack::last(sh)?;
        stack.check_names(&self.service)?;
        let mut logs = stack.compose(sh);
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
        process::run_for_reader(logs.args(&self.service))
    }
}
