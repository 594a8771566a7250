//! The compose files as data, and the `docker compose` command line that belongs to them.

pub(crate) mod diagnosis;
pub(crate) mod drift;
pub(crate) mod environment;
pub(crate) mod mode;
pub(crate) mod namespaces;
pub(crate) mod overrides;
pub(crate) mod readiness;
pub(crate) mod service;
pub(crate) mod wait;

use std::{collections::BTreeMap, fs, process::Command};

use anyhow::{Context, Result};
use xshell::{Shell, cmd};

use crate::{
    cli::{flags::Platform, help},
    docker::{
        containers::{self, Container},
        engine::{self, Engine},
    },
    machine::{
        exit::{USAGE, exit},
        finding::{Finding, finding},
    },
    settings::{COMPOSE_ENV, ENV_FILE, PROJECT, Settings, variables},
    stack::{
        environment::environment,
        mode::Mode,
        overrides::OVERRIDE,
        service::{Service, depends_on, read_services},
    },
};

const BASE: &str = "dev/docker-compose.yml";
const LOCAL: &str = "dev/docker-compose.local.yml";
const AMD64: &str = "dev/docker-compose.amd64.yml";

#[derive(Debug)]
pub(crate) struct Stack {
    pub mode: Mode,
    /// The compose project, and so the prefix of every container, network and volume.
    pub project: String,
    pub services: Vec<Service>,
    pub environment: BTreeMap<String, String>,
    /// Whether the files of [`Stack::write`] are there, or will be before a command runs.
    rendered: bool,
    /// Whether the engine can look at starting containers more often ([`Engine::start_interval`]); false until
    /// one was asked.
    pub start_interval: bool,
    files: Vec<&'static str>,
}

impl Stack {
    /// Reads the compose files for a mode, as this engine can run them; without an engine, as any arm64 engine would.
    pub(crate) fn load(sh: &Shell, settings: &Settings, mode: Mode, engine: Option<&Engine>) -> Result<Stack> {
        let root = sh.current_dir();
        let amd64 = mode.platform.map_or(engine.is_some_and(|it| it.arch == "amd64"), |it| it == Platform::LinuxAmd64);
        let mut files = vec![BASE];
        files.extend(mode.local.then_some(LOCAL));
        files.extend(amd64.then_some(AMD64));
        let environment = environment(&root, settings);
        let mut services: Vec<Service> = Vec::new();
        for file in files.iter().filter(|it| **it != AMD64) {
            for (name, node) in read_services(&root, file)? {
                match services.iter_mut().find(|it| it.name == name) {
                    Some(known) => known.depends_on.extend(depends_on(&node)),
                    None => services.push(
                        service::service(name, &node, mode.port_offset, &environment)
                            .with_context(|| format!("in {file}"))?,
                    ),
                }
            }
        }
        Ok(Stack {
            mode,
            project: environment[PROJECT].clone(),
            services,
            environment,
            rendered: sh.path_exists(COMPOSE_ENV) && sh.path_exists(OVERRIDE),
            start_interval: engine.is_some_and(|it| it.start_interval),
            files,
        })
    }

    /// The stack in a mode on the engine at hand, and the containers that it has. What else is wrong with the settings
    /// is not looked at: a stack can be stopped and inspected whatever `dev/.env` says. Exit code 3 where no engine
    /// answers, and where the project has no valid name or is another checkout's.
    pub(crate) fn running(sh: &Shell, settings: &Settings, mode: Mode) -> Result<(Stack, Vec<Container>)> {
        let engine = engine::engine(sh)?;
        if let Some(it) = settings.wrong_project() {
            return Err(it.clone().into());
        }
        let stack = Stack::load(sh, settings, mode, Some(&engine))?;
        let containers = containers::list(sh, &stack.project)?;
        match stack.foreign(sh, &containers) {
            Some(it) => Err(it.into()),
            None => Ok((stack, containers)),
        }
    }

    /// The same stack, before [`Stack::write`] is called: what that writes counts as there.
    #[must_use]
    pub(crate) fn about_to_be_written(self) -> Stack {
        Stack { rendered: true, ..self }
    }

    /// `docker compose` with this project, these files and these variables. Nothing else of the caller's environment
    /// takes part: what the files refer to comes from the file that [`Stack::write`] makes.
    pub(crate) fn compose(&self, sh: &Shell) -> Command {
        let env_file = self.rendered.then_some(["--env-file", COMPOSE_ENV]).into_iter().flatten();
        let files = self.files.iter().copied().chain(self.rendered.then_some(OVERRIDE)).flat_map(|it| ["--file", it]);
        let project = &self.project;
        let mut command = Command::from(cmd!(sh, "docker compose --project-name {project} {env_file...} {files...}"));
        for variable in variables::ALL {
            command.env_remove(variable.name);
        }
        command
    }

    /// [`Stack::compose`] as if [`Stack::write`] had just been at work: the variables come by environment, and what
    /// [`Stack::overrides`] says on stdin.
    pub(crate) fn compose_unwritten(&self, sh: &Shell) -> Command {
        let files = self.files.iter().copied().chain(["-"]).flat_map(|it| ["--file", it]);
        let project = &self.project;
        // Without a file named here Compose would read `dev/.env` itself.
        let mut command =
            Command::from(cmd!(sh, "docker compose --project-name {project} --env-file /dev/null {files...}"));
        command.envs(&self.environment);
        command
    }

    /// [`Stack::compose`] for ending things: it includes every file, so that nothing of the project is left behind
    /// whatever mode it was started in.
    pub(crate) fn compose_all(&self, sh: &Shell) -> Command {
        let project = &self.project;
        let mut command =
            Command::from(cmd!(sh, "docker compose --project-name {project} --file {BASE} --file {LOCAL}"));
        for variable in variables::ALL {
            command.env_remove(variable.name);
        }
        command
    }

    /// A container of our project's name that belongs to another checkout. One that is gone may have been moved here.
    pub(crate) fn foreign(&self, sh: &Shell, containers: &[Container]) -> Option<Finding> {
        let ours = fs::canonicalize(sh.current_dir().join("dev")).ok();
        let is_foreign = |it: &&Container| fs::canonicalize(&it.working_dir).is_ok_and(|it| Some(it) != ours);
        let foreign = containers.iter().find(is_foreign)?;
        let project = &self.project;
        Some(finding(
            format!("the project {project} is that of another checkout, {}", foreign.working_dir),
            format!("echo {PROJECT}={project}-2 >> {ENV_FILE}  # or stop that one first"),
        ))
    }

    pub(crate) fn service(&self, name: &str) -> Option<&Service> {
        self.services.iter().find(|it| it.name == name)
    }

    /// Checks that there are services of these names. Exit code 2, with every name that is not one.
    pub(crate) fn check_names(&self, names: &[String]) -> Result<()> {
        let unknown: Vec<String> = names.iter().filter_map(|it| self.unknown(it)).collect();
        if unknown.is_empty() { Ok(()) } else { Err(exit(USAGE, unknown.join("\n"))) }
    }

    /// What to say of a service that does not exist; `None` where it does.
    fn unknown(&self, name: &str) -> Option<String> {
        let known = || self.services.iter().map(|it| it.name.as_str());
        if known().any(|it| it == name) {
            return None;
        }
        let hint = help::suggest(name, known()).map_or(String::new(), |it| format!(" Did you mean `{it}`?"));
        Some(format!(
            "there is no service `{name}`.{hint}\nThe services are: {}",
            known().collect::<Vec<_>>().join(", ")
        ))
    }

    /// These services and all that they depend on; all services where `names` is empty.
    pub(crate) fn closure(&self, names: &[String]) -> Vec<&Service> {
        let mut wanted: Vec<&str> = names.iter().map(String::as_str).collect();
        let mut at = 0;
        while at < wanted.len() {
            for dependency in self.service(wanted[at]).map_or(&[][..], |it| &it.depends_on) {
                if !wanted.contains(&dependency.as_str()) {
                    wanted.push(dependency);
                }
            }
            at += 1;
        }
        self.services.iter().filter(|it| names.is_empty() || wanted.contains(&it.name.as_str())).collect()
    }
}

/// The stack in the mode of the last `dev-up`.
pub(crate) fn last(sh: &Shell) -> Result<Stack> {
    let mode = Mode::last(sh)?;
    Stack::running(sh, &Settings::load(sh, mode.local), mode).map(|(stack, _)| stack)
}

/// The PostgreSQL image, as the compose file of `--local` names it: it has a shell, and `psql`.
pub(crate) fn postgres_image(sh: &Shell) -> Result<String> {
    let images = read_services(&sh.current_dir(), LOCAL)?.into_iter();
    let images = images.filter_map(|(_, node)| node.get("image")?.as_str().map(str::to_owned));
    images.into_iter().find(|it| it.starts_with("postgres:")).with_context(|| format!("{LOCAL} has no PostgreSQL"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stack(local: bool, port_offset: u16) -> Stack {
        let sh = Shell::new().unwrap();
        sh.change_dir(std::path::Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap());
        let settings = Settings::resolve(local, &[], &|_| None);
        Stack::load(&sh, &settings, Mode { local, port_offset, platform: None }, None).unwrap()
    }

    #[test]
    fn the_offset_moves_every_host_port_and_no_container_port() {
        let (plain, moved) = (stack(false, 0), stack(false, 1000));
        assert_eq!(plain.services.len(), 15);
        for (a, b) in plain.services.iter().zip(&moved.services) {
            for (a, b) in a.ports.iter().zip(&b.ports) {
                assert_eq!((a.host + 1000, a.container), (b.host, b.container));
            }
        }
        let highest = plain.services.iter().flat_map(|it| &it.ports).map(|it| it.host).max();
        assert_eq!(highest, Some(crate::cli::flags::HIGHEST_PORT));
    }

    #[test]
    fn with_the_offset_that_the_guide_names_two_checkouts_have_no_port_in_common() {
        let guide = include_str!("../../dev/README.md");
        let offset = regex_lite::Regex::new(r"--port-offset (\d+)").unwrap();
        let offsets: Vec<u16> = offset.captures_iter(guide).map(|it| it[1].parse().unwrap()).collect();
        assert!(!offsets.is_empty());
        let ports = |offset| -> Vec<u16> {
            stack(true, offset).services.iter().flat_map(|it| &it.ports).map(|it| it.host).collect()
        };
        for offset in offsets {
            let both: Vec<u16> = ports(offset).into_iter().filter(|it| ports(0).contains(it)).collect();
            assert_eq!(both, [0; 0], "--port-offset {offset}");
        }
    }

    #[test]
    fn local_adds_the_two_databases_and_the_dependencies_on_them() {
        let stack = stack(true, 0);
        assert_eq!(stack.services.len(), 17);
        let names: Vec<&str> =
            stack.closure(&["temporal-history".to_owned()]).iter().map(|it| it.name.as_str()).collect();
        assert_eq!(names, ["elasticsearch", "elasticsearch-setup", "temporal-history", "dsql-monitored"]);
    }

    #[test]
    fn every_long_running_service_can_be_found_ready() {
        for service in stack(true, 0).services {
            assert!(service.one_shot || service.has_health_check || service.ready.is_some(), "{}", service.name);
        }
    }
}
