//! What runs, as the engine has it: it can be stopped, looked at and entered whatever the checkout and the shell say.

use std::{fs, process::Command, thread};

use anyhow::Result;
use xshell::{Shell, cmd};

use crate::aws::credentials;
use crate::docker::containers::{self, Container};
use crate::docker::engine;
use crate::machine::exit::{PREREQUISITE, exit};
use crate::machine::few;
use crate::machine::finding::{Finding, finding};
use crate::settings::{ENV_FILE, Origin, PROJECT, Settings};
use crate::stack::environment::environment;
use crate::stack::mode::Mode;
use crate::stack::personal::PERSONAL;
use crate::stack::service::read_services;
use crate::stack::{BASE, LOCAL, check_names};

/// The compose project of this checkout.
pub(crate) struct Project {
    pub name: String,
    pub containers: Vec<Container>,
}

impl Project {
    /// Finds it by its name, and by its containers where that cannot be read. Exit code 3: no engine answers, there is
    /// no Compose, the name is none and there is no container, or it is another checkout's.
    pub(crate) fn find(sh: &Shell) -> Result<Project> {
        let for_compose = sh.clone();
        thread::scope(|scope| {
            let compose = scope.spawn(move || engine::compose_version(&for_compose));
            engine::engine(sh)?;
            compose.join().expect("a question to Compose does not panic")
        })?;
        let settings = Settings::load(sh, false);
        let wrong = settings.wrong_project();
        let is_known = wrong.is_none() && (settings.is_read || settings.origin(PROJECT) == Some(Origin::Environment));
        let named = environment(&sh.current_dir(), &settings, false).remove(PROJECT).unwrap_or_default();
        let name = if is_known { named } else { by_containers(sh, wrong, named)? };
        let containers = containers::list(sh, &name)?;
        match foreign(sh, &name, &containers) {
            Some(it) => Err(it.into()),
            None => Ok(Project { name, containers }),
        }
    }

    /// As [`Project::find`], for what goes on running: its AWS keys are renewed where they are due.
    pub(crate) fn find_and_renew(sh: &Shell) -> Result<Project> {
        let project = Project::find(sh)?;
        if !project.containers.is_empty() && Mode::last(sh).is_ok_and(|it| !it.local) {
            credentials::keep_fresh(sh);
        }
        Ok(project)
    }

    /// `docker compose` for what is there: without a file, and where there is none to be found.
    pub(crate) fn compose(&self, sh: &Shell) -> Command {
        let project = &self.name;
        let mut command = Command::from(cmd!(sh, "docker compose --project-name {project}"));
        command.current_dir("/");
        command
    }

    /// Checks that these services have containers; where none is named, that there are any. Exit code 2 with every name
    /// that is not a service's, 3 with every service that has no container.
    pub(crate) fn check(&self, sh: &Shell, services: &[String]) -> Result<()> {
        let has_none = |it: &&String| containers::find(&self.containers, it).is_none();
        let missing: Vec<String> = services.iter().filter(has_none).cloned().collect();
        if missing.is_empty() && !self.containers.is_empty() {
            return Ok(());
        }
        let read = |file| read_services(&sh.current_dir(), file).unwrap_or_default();
        let known = few::unique([BASE, LOCAL, PERSONAL].into_iter().flat_map(read).map(|(name, _)| name));
        // Files that cannot be read know no name at all.
        if !known.is_empty() {
            check_names(&known, &missing)?;
        }
        let words = missing.iter().fold(String::new(), |all, it| all + " " + it);
        let who = if missing.is_empty() { self.name.clone() } else { missing.join(", ") };
        let what = format!("there is no container of {who}: `cargo xtask dev-up{words}` makes it");
        Err(exit(PREREQUISITE, what))
    }
}

/// The one project that has containers of this checkout, else the name that is left to try.
fn by_containers(sh: &Shell, wrong: Option<&Finding>, named: String) -> Result<String> {
    let label = format!("project.working_dir={}", sh.current_dir().join("dev").display());
    let found = containers::labelled(sh, &label, engine::ANSWER)?.into_iter().map(|it| it.project);
    let mut all = few::unique(found.filter(|it| !it.is_empty()));
    all.sort();
    match (all.as_slice(), wrong) {
        ([one], _) => Ok(one.clone()),
        (_, None) if all.is_empty() || all.contains(&named) => Ok(named),
        ([], Some(it)) => Err(it.clone().into()),
        _ => Err(finding(
            format!(
                "{ENV_FILE} does not say which project is meant, and this checkout has several: {}",
                all.join(", ")
            ),
            format!("export {PROJECT}={}  # one of them", all[0]),
        )
        .into()),
    }
}

/// A container of a project that belongs to another checkout. One that is gone may have been moved here.
pub(crate) fn foreign(sh: &Shell, project: &str, containers: &[Container]) -> Option<Finding> {
    let ours = fs::canonicalize(sh.current_dir().join("dev")).ok();
    let is_foreign = |it: &&Container| fs::canonicalize(&it.working_dir).is_ok_and(|it| Some(it) != ours);
    let foreign = containers.iter().find(is_foreign)?;
    Some(finding(
        format!("the project {project} is that of another checkout, {}", foreign.working_dir),
        format!("echo {PROJECT}={project}-2 >> {ENV_FILE}  # or stop that one first"),
    ))
}
