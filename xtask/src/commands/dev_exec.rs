//! `cargo xtask dev-exec`: a command, or a shell, in a service's container.

use std::io::{self, IsTerminal};

use anyhow::Result;
use xshell::Shell;

use crate::cli::flags;
use crate::docker::containers;
use crate::machine::exit::{PREREQUISITE, exit};
use crate::machine::process;
use crate::stack::project::Project;

impl flags::DevExec {
    pub fn run(self, sh: &Shell) -> Result<()> {
        let (project, service) = (Project::find_and_renew(sh)?, &self.service);
        project.check(sh, std::slice::from_ref(service))?;
        if let Some(it) = containers::find(&project.containers, service).filter(|it| it.status != "running") {
            let what = format!("{service} does not run, it is {}: `cargo xtask dev-up {service}` starts it", it.status);
            return Err(exit(PREREQUISITE, what));
        }
        let mut exec = project.compose(sh);
        exec.arg("exec");
        if !(io::stdin().is_terminal() && io::stdout().is_terminal()) {
            exec.arg("--no-TTY");
        }
        exec.arg(service);
        if self.cmd.is_empty() {
            exec.arg("sh");
        }
        process::pass_on(exec.args(&self.cmd))
    }
}
