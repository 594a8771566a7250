//! `cargo xtask dev-exec`: a command, or a shell, in a service's container.

use std::io::{self, IsTerminal};

use anyhow::Result;
use xshell::Shell;

use crate::{
    cli::flags,
    machine::process::{self, Limit},
    stack,
};

impl flags::DevExec {
    pub fn run(self, sh: &Shell) -> Result<()> {
        let stack = stack::last(sh)?;
        stack.check_names(std::slice::from_ref(&self.service))?;
        let mut exec = stack.compose(sh);
        exec.arg("exec");
        if !(io::stdin().is_terminal() && io::stdout().is_terminal()) {
            exec.arg("--no-TTY");
        }
        exec.arg(&self.service);
        if self.cmd.is_empty() {
            exec.arg("sh");
        }
        process::run(exec.args(&self.cmd), Limit::Watched)
    }
}
