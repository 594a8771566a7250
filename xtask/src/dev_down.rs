//! `cargo xtask dev-down`: stops the stack, and with `--volumes` removes its data. Never touches AWS.

use anyhow::Result;
use xshell::{Shell, cmd};

use crate::{confirm::confirm, flags, interrupt, lock, process, stack::Stack, term};

impl flags::DevDown {
    pub(crate) fn run(self, sh: &Shell) -> Result<()> {
        let stack = Stack::last(sh)?;
        let mut down = stack.compose_all(sh);
        down.args(["down", "--remove-orphans"]);
        if self.volumes {
            down.arg("--volumes");
        }
        if self.dry_run {
            term::out(&format!("{}\n", process::line(&down)));
            return Ok(());
        }
        if self.volumes {
            let volumes = volumes(sh, &stack.project)?;
            if volumes.is_empty() {
                term::say("there are no volumes");
            } else {
                confirm(&format!("this removes the data in {}", volumes.join(", ")), self.yes)?;
            }
        }
        let _lock = lock::take(sh, "dev-down")?;
        interrupt::on_interrupt("`cargo xtask dev-down` once more stops the rest");
        process::run(&mut down)
    }
}

fn volumes(sh: &Shell, project: &str) -> Result<Vec<String>> {
    let filter = format!("label=com.docker.compose.project={project}");
    let printed = process::read(&mut cmd!(sh, "docker volume ls --quiet --filter {filter}").into())?;
    Ok(printed.lines().map(str::to_owned).collect())
}
