//! `cargo xtask dev-down`: stops the stack, and with `--volumes` removes its data. Never touches AWS.

use anyhow::Result;
use xshell::{Shell, cmd};

use crate::cli::flags;
use crate::docker::containers;
use crate::docker::engine::{ANSWER, CHANGE};
use crate::machine::confirm::confirm;
use crate::machine::process::{self, Limit};
use crate::machine::{interrupt, lock, term};
use crate::schema;
use crate::stack;
use crate::stack::project::Project;

impl flags::DevDown {
    pub fn run(self, sh: &Shell) -> Result<()> {
        let _lock = (!self.dry_run).then(|| lock::take_if_possible(sh, "dev-down")).transpose()?;
        let project = Project::find(sh)?;
        let mut down = project.compose(sh);
        down.args(["down", "--remove-orphans"]);
        if self.volumes {
            down.arg("--volumes");
        }
        let loads = containers::loads(sh, &project.name)?;
        if self.dry_run {
            if !loads.is_empty() {
                term::out(&format!("docker stop {}\n", loads.join(" ")));
            }
            term::out(&format!("{}\n", process::line(&down)));
            return Ok(());
        }
        let volumes = if self.volumes { volumes(sh, &project.name)? } else { Vec::new() };
        if self.volumes && volumes.is_empty() {
            term::say("there are no volumes");
        } else if self.volumes {
            confirm(&format!("this removes the data in {}", volumes.join(", ")), self.yes)?;
        }
        interrupt::on_interrupt("`cargo xtask dev-down` once more stops the rest");
        if !volumes.is_empty() {
            schema::forget(sh)?;
        }
        // While the cluster is there for their workflows to be ended.
        if !loads.is_empty() {
            process::run(&mut cmd!(sh, "docker stop {loads...}").into(), Limit::Within(CHANGE))?;
        }
        process::run(&mut down, Limit::Within(CHANGE))?;
        if volumes.is_empty() {
            return Ok(());
        }
        // Compose leaves those that it has not made itself.
        let all = list(sh, None)?;
        let left: Vec<String> = volumes.into_iter().filter(|it| all.contains(it)).collect();
        if left.is_empty() {
            return Ok(());
        }
        process::run(&mut cmd!(sh, "docker volume rm {left...}").into(), Limit::Within(CHANGE))
    }
}

/// The project's volumes: those that Compose made, and those of its names that somebody else made, which Compose uses
/// and removes all the same.
fn volumes(sh: &Shell, project: &str) -> Result<Vec<String>> {
    let mut volumes = list(sh, Some(project))?;
    let declared: Vec<String> = stack::volumes(sh).iter().map(|it| format!("{project}_{it}")).collect();
    let adopted = list(sh, None)?.into_iter().filter(|it| declared.contains(it) && !volumes.contains(it));
    volumes.extend(adopted.collect::<Vec<_>>());
    Ok(volumes)
}

/// The names of all volumes, or of those that carry a project's label.
fn list(sh: &Shell, project: Option<&str>) -> Result<Vec<String>> {
    let filter = project.map(|it| ["--filter".to_owned(), format!("label=com.docker.compose.project={it}")]);
    let filter = filter.into_iter().flatten();
    let printed = process::read_within(&mut cmd!(sh, "docker volume ls --quiet {filter...}").into(), ANSWER)?;
    Ok(printed.lines().map(str::to_owned).collect())
}
