//! `cargo xtask dev-fault`: does something bad to one service for a time, and undoes it.

use std::os::unix::process::CommandExt;
use std::process::Command;
use std::thread;

use anyhow::Result;
use serde_json::Value;
use xshell::{Shell, cmd};

use crate::cli::flags::{self, Fault};
use crate::docker::containers::{self, Container};
use crate::docker::engine::{ANSWER, CHANGE};
use crate::machine::exit::{PREREQUISITE, exit};
use crate::machine::json;
use crate::machine::process::{self, Limit};
use crate::machine::{interrupt, lock, term};
use crate::stack::project::Project;

impl flags::DevFault {
    pub fn run(self, sh: &Shell) -> Result<()> {
        // Held until the fault is there. What undoes it waits for nobody: it only gives back what was taken.
        let lock = lock::take(sh, "dev-fault")?;
        let project = Project::find(sh)?;
        project.check(sh, std::slice::from_ref(&self.service))?;
        let state = |all: &[Container]| containers::find(all, &self.service).cloned();
        let container = state(&project.containers).filter(is_well);
        let Some(container) = container else {
            let what = format!("{} does not run as it should; `cargo xtask dev-up` mends it", self.service);
            return Err(exit(PREREQUISITE, what));
        };
        let (break_it, heal) = commands(sh, self.fault, container.id.get(..12).unwrap_or(&container.id))?;
        interrupt::on_interrupt("undoing the fault");
        interrupt::then_run(heal.iter().map(apart).collect());
        break_it.into_iter().try_for_each(|mut it| process::run(&mut it, Limit::Within(CHANGE)))?;
        drop(lock);
        let (service, length) = (&self.service, self.for_time.0.as_secs());
        term::say(&format!("{service} {} for {length} s; Ctrl-C undoes it at once", self.fault.as_participle()));
        thread::sleep(self.for_time.0);
        let healed = heal.into_iter().try_for_each(|mut it| process::run(&mut it, Limit::Within(CHANGE)));
        interrupt::then_run(Vec::new());
        match state(&containers::list(sh, &project.name)?) {
            None => term::say(&format!("{service} was removed meanwhile")),
            Some(it) if is_well(&it) => term::say(&format!("{service} runs again")),
            Some(_) => healed?,
        }
        Ok(())
    }
}

fn is_well(container: &Container) -> bool {
    container.status == "running" && !container.is_cut_off
}

/// What makes the fault, and what undoes it.
fn commands(sh: &Shell, fault: Fault, id: &str) -> Result<(Vec<Command>, Vec<Command>)> {
    let one = |it: xshell::Cmd<'_>| vec![Command::from(it)];
    Ok(match fault {
        Fault::Pause => (one(cmd!(sh, "docker pause {id}")), one(cmd!(sh, "docker unpause {id}"))),
        // The engine restarts nothing that was killed through it.
        Fault::Kill => (one(cmd!(sh, "docker kill {id}")), one(cmd!(sh, "docker start {id}"))),
        Fault::Cut => {
            let networks = networks(sh, id)?;
            let leave = networks.iter().map(|(name, _)| cmd!(sh, "docker network disconnect {name} {id}").into());
            let join = networks.iter().map(|(name, aliases)| {
                let aliases = aliases.iter().flat_map(|it| ["--alias", it]);
                cmd!(sh, "docker network connect {aliases...} {name} {id}").into()
            });
            (leave.collect(), join.collect())
        }
    })
}

/// The networks of a container, and its names in each: whoever leaves one loses them.
fn networks(sh: &Shell, id: &str) -> Result<Vec<(String, Vec<String>)>> {
    let format = "{{json .NetworkSettings.Networks}}";
    let mut ask = cmd!(sh, "docker container inspect --format {format} {id}").into();
    let all: Value = serde_json::from_str(&process::read_within(&mut ask, ANSWER)?)?;
    let names = |it: &Value| json::items(it).iter().filter_map(Value::as_str).map(str::to_owned).collect();
    Ok(json::pairs(&all).into_iter().map(|(name, it)| (name.clone(), names(&it["Aliases"]))).collect())
}

/// The same command where a second Ctrl-C does not reach it.
fn apart(command: &Command) -> Command {
    let mut copy = Command::new(command.get_program());
    copy.args(command.get_args()).process_group(0);
    copy
}
