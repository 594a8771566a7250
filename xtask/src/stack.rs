//! The compose files as data, and the `docker compose` command line that belongs to them.

pub(crate) mod diagnosis;
pub(crate) mod drift;
pub mod environment;
pub mod mode;
pub(crate) mod namespaces;
pub(crate) mod order;
pub(crate) mod overrides;
pub(crate) mod personal;
mod profile;
pub(crate) mod project;
pub(crate) mod readiness;
pub mod service;
pub(crate) mod snapshots;
pub(crate) mod wait;

use std::{collections::BTreeMap, process::Command, sync::OnceLock};

use anyhow::{Context, Result};
use xshell::{Shell, cmd};

use crate::aws::credentials;
use crate::cli::flags::{Arch, Cluster};
use crate::cli::help;
use crate::docker::containers::{self, Container};
use crate::docker::engine::{self, Engine};
use crate::machine::exit::{USAGE, exit, prerequisites};
use crate::machine::yaml;
use crate::settings::{COMPOSE_ENV, PROJECT, Settings, template};
use crate::stack::environment::environment;
use crate::stack::mode::Mode;
use crate::stack::overrides::OVERRIDE;
use crate::stack::personal::PERSONAL;
use crate::stack::service::{Service, read_services};

const BASE: &str = "dev/docker-compose.yml";
const LOCAL: &str = "dev/docker-compose.local.yml";
/// A worker and a starter of workflows, which are part of no stack.
pub(crate) const LOAD: &str = "dev/docker-compose.load.yml";
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
    /// [`Stack::limits_cpus`], once somebody wanted to know.
    limits_cpus: OnceLock<bool>,
    /// The architecture that everything is for, in Docker's spelling: the user's choice, else the engine's; `None` until
    /// one was asked.
    pub arch: Option<String>,
    files: Vec<&'static str>,
    /// What `x-where` adds to services under these settings.
    added: Vec<(String, service::Added)>,
    /// Whether there is a [`PERSONAL`].
    personal: bool,
}

impl Stack {
    /// Reads the compose files for a mode, as this engine can run them; without an engine, as any arm64 engine would.
    pub(crate) fn load(sh: &Shell, settings: &Settings, mode: Mode, engine: Option<&Engine>) -> Result<Stack> {
        let root = sh.current_dir();
        let arch = mode.platform.map(|it| it.arch().to_owned()).or_else(|| Some(engine?.arch.clone()));
        let amd64 = arch.as_deref() == Some(Arch::Amd64.as_str());
        let mut files = vec![BASE];
        files.extend(mode.local.then_some(LOCAL));
        files.extend(amd64.then_some(AMD64));
        let environment = environment(&root, settings, mode.live);
        let mut services: Vec<Service> = Vec::new();
        let mut added = Vec::new();
        for file in files.iter().filter(|it| **it != AMD64) {
            let document = service::read(&root, file)?;
            added.extend(service::added(&document, file, &environment)?);
            for (name, node) in service::services(&document) {
                match services.iter_mut().find(|it| it.name == name) {
                    Some(known) => known.depend_on(&node),
                    None => services.push(
                        service::service(name, &node, mode.port_offset, &environment)
                            .with_context(|| format!("in {file}"))?,
                    ),
                }
            }
        }
        if settings.stand_ins && mode.local {
            services.iter_mut().for_each(Service::stand_in);
        }
        let project = environment[PROJECT].clone();
        let personal = sh.path_exists(PERSONAL);
        if personal {
            service::take_along(&mut services, read_services(&root, PERSONAL)?, &project);
        }
        Ok(Stack {
            mode,
            project,
            personal,
            services,
            rendered: sh.path_exists(COMPOSE_ENV) && sh.path_exists(OVERRIDE),
            start_interval: engine.is_some_and(|it| it.start_interval),
            limits_cpus: OnceLock::new(),
            arch,
            files,
            added,
            environment,
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
        if let Some(it) = project::foreign(sh, &stack.project, &containers) {
            return Err(it.into());
        }
        if !mode.local && !containers.is_empty() {
            credentials::keep_fresh(sh);
        }
        Ok((stack, containers))
    }

    /// The same stack, before [`Stack::write`] is called: what that writes counts as there.
    #[must_use]
    pub(crate) fn about_to_be_written(self) -> Stack {
        Stack { rendered: true, ..self }
    }

    /// The same stack, with what is generated written again where it is gone: a container does not start without. Exit
    /// code 3 where it cannot be rendered.
    pub(crate) fn restored(self, sh: &Shell) -> Result<Stack> {
        let generated =
            |it: &Service| it.mounts.iter().all(|it| !it.starts_with("dev/.rendered") || sh.path_exists(it));
        if self.rendered && self.services.iter().all(generated) {
            return Ok(self);
        }
        let settings = Settings::load(sh, self.mode.local);
        let rendered = template::render(sh, &settings, Cluster::ALL);
        let rendered = rendered.or_else(|it| prerequisites("cannot render", it).map(|()| Vec::new()))?;
        let stack = self.about_to_be_written();
        stack.write(sh, &rendered)?;
        Ok(stack)
    }

    /// `docker compose` with this project, these files and these variables: what the files refer to comes from the file
    /// that [`Stack::write`] makes.
    pub(crate) fn compose(&self, sh: &Shell) -> Command {
        let env_file = self.rendered.then_some(["--env-file", COMPOSE_ENV]).into_iter().flatten();
        let files = self.files.iter().copied().chain(self.rendered.then_some(OVERRIDE));
        let files = files.chain(self.personal.then_some(PERSONAL)).flat_map(|it| ["--file", it]);
        let project = &self.project;
        cmd!(sh, "docker compose --project-name {project} {env_file...} {files...}").into()
    }

    /// [`Stack::compose`] as if [`Stack::write`] had just been at work: the variables come by environment, and what
    /// [`Stack::overrides`] says on stdin.
    pub(crate) fn compose_unwritten(&self, sh: &Shell) -> Command {
        let files = self.files.iter().copied().chain(["-"]).chain(self.personal.then_some(PERSONAL));
        let files = files.flat_map(|it| ["--file", it]);
        let project = &self.project;
        // Without a file named here Compose would read `dev/.env` itself.
        let mut command =
            Command::from(cmd!(sh, "docker compose --project-name {project} --env-file /dev/null {files...}"));
        command.envs(&self.environment);
        command
    }

    /// Whether the engine can limit processors. It is asked at most once, and only for what is written or compared.
    fn limits_cpus(&self, sh: &Shell) -> bool {
        *self.limits_cpus.get_or_init(|| engine::limits_cpus(sh))
    }

    pub(crate) fn service(&self, name: &str) -> Option<&Service> {
        self.services.iter().find(|it| it.name == name)
    }

    /// Checks that there are services of these names. Exit code 2, with every name that is not one.
    pub(crate) fn check_names(&self, names: &[String]) -> Result<()> {
        check_names(&self.services.iter().map(|it| &*it.name).collect::<Vec<_>>(), names)
    }

    /// These services and all that they depend on; where `names` is empty all that are not optional.
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
        let is_wanted = |it: &&Service| names.is_empty() && !it.optional || wanted.contains(&it.name.as_str());
        self.services.iter().filter(is_wanted).collect()
    }
}

/// Checks that these names are known ones.
fn check_names(known: &[impl AsRef<str>], names: &[String]) -> Result<()> {
    let known: Vec<&str> = known.iter().map(AsRef::as_ref).collect();
    let describe = |name: &String| {
        let hint =
            help::suggest(name, known.iter().copied()).map_or(String::new(), |it| format!(" Did you mean `{it}`?"));
        format!("there is no service `{name}`.{hint}\nThe services are: {}", known.join(", "))
    };
    let unknown: Vec<String> = names.iter().filter(|it| !known.contains(&it.as_str())).map(describe).collect();
    if unknown.is_empty() { Ok(()) } else { Err(exit(USAGE, unknown.join("\n"))) }
}

/// The stack in the mode of the last `dev-up`.
pub(crate) fn last(sh: &Shell) -> Result<Stack> {
    let mode = Mode::last(sh)?;
    Stack::running(sh, &Settings::load(sh, mode.local), mode).map(|(stack, _)| stack)
}

/// The volumes that the compose files declare, as far as those can be read.
pub(crate) fn volumes(sh: &Shell) -> Vec<String> {
    let read = |it| Some(yaml::read(it, &sh.read_file(it).ok()?).ok()?["volumes"].pairs().to_vec());
    [BASE, LOCAL].into_iter().filter_map(read).flatten().map(|(name, _)| name).collect()
}

/// The PostgreSQL image, as the compose file of `--local` names it: it has a shell, and `psql`.
pub(crate) fn postgres_image(sh: &Shell) -> Result<String> {
    let images = read_services(&sh.current_dir(), LOCAL)?.into_iter();
    let images = images.filter_map(|(_, node)| node["image"].as_str().map(str::to_owned));
    // A mirror of the registry's has a name of its own before it.
    let is_postgres = |it: &String| it.rsplit('/').next().is_some_and(|it| it.starts_with("postgres:"));
    images.into_iter().find(is_postgres).with_context(|| format!("{LOCAL} has no PostgreSQL"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stack(local: bool, port_offset: u16) -> Stack {
        let sh = Shell::new().unwrap();
        sh.change_dir(std::path::Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap());
        let settings = Settings::resolve(local, &[], &|_| None);
        Stack::load(&sh, &settings, Mode { local, port_offset, ..Mode::default() }, None).unwrap()
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
        let offset = regex::Regex::new(r"--port-offset (\d+)").unwrap();
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
    fn local_adds_the_databases_the_model_and_the_dependencies_on_them() {
        let stack = stack(true, 0);
        assert_eq!(stack.services.len(), 18);
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
