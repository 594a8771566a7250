//! The compose files as data, and the `docker compose` command line that belongs to them.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result};
use serde_yaml::Value;
use xshell::{Shell, cmd};

use crate::{
    containers::{self, Container},
    dotenv,
    engine::{self, Engine},
    exit::{PREREQUISITE, USAGE, exit},
    files,
    flags::Platform,
    generated::{ENV, OVERRIDE, environment},
    help,
    mode::Mode,
    preflight,
    settings::{PROJECT, Settings},
    variables,
};

const BASE: &str = "dev/docker-compose.yml";
const LOCAL: &str = "dev/docker-compose.local.yml";
const AMD64: &str = "dev/docker-compose.amd64.yml";

/// One service of the compose files.
#[derive(Clone, Debug)]
pub struct Service {
    pub name: String,
    /// The image, with its variables resolved.
    pub image: String,
    /// Done once it has exited with 0.
    pub one_shot: bool,
    pub ports: Vec<Port>,
    /// What it mounts from the repository, from the workspace root.
    pub mounts: Vec<PathBuf>,
    pub has_health_check: bool,
    /// A container port and a path that answer 200 once the service is ready; asked on the host.
    pub ready: Option<(u16, String)>,
    pub depends_on: Vec<String>,
}

/// A published port, on 127.0.0.1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Port {
    /// On the host, with the offset.
    pub host: u16,
    pub container: u16,
}

/// Everything that the commands need to know about the stack.
#[derive(Debug)]
pub struct Stack {
    pub mode: Mode,
    /// The compose project, and so the prefix of every container, network and volume.
    pub project: String,
    pub services: Vec<Service>,
    /// What the compose files may refer to.
    pub environment: BTreeMap<String, String>,
    /// Whether the files of [`Stack::write`] are there, or will be before a command runs.
    pub generated: bool,
    /// Whether the engine can look at starting containers more often ([`Engine::start_interval`]); false until
    /// one was asked.
    pub start_interval: bool,
    files: Vec<&'static str>,
}

impl Stack {
    /// Reads the compose files for a mode. `amd64` says that the engine, or the user's choice, is that architecture.
    ///
    /// # Errors
    /// A compose file is missing or is not what this reader understands.
    pub fn load(sh: &Shell, settings: &Settings, mode: Mode, amd64: bool) -> Result<Stack> {
        let root = sh.current_dir();
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
                        service(name, &node, mode.port_offset, &environment).with_context(|| format!("in {file}"))?,
                    ),
                }
            }
        }
        let generated = sh.path_exists(ENV) && sh.path_exists(OVERRIDE);
        Ok(Stack {
            mode,
            project: environment[PROJECT].clone(),
            services,
            environment,
            generated,
            start_interval: false,
            files,
        })
    }

    /// The stack in the mode of the last `dev-up`.
    ///
    /// # Errors
    /// As [`Stack::load`]; exit code 3 where no engine answers.
    pub fn last(sh: &Shell) -> Result<Stack> {
        let mode = Mode::last(sh)?;
        Stack::of(sh, &Settings::load(sh, mode.local), mode)
    }

    /// The stack in a mode, for the engine at hand. What else is wrong with the settings is not looked at: a stack can
    /// be stopped and inspected whatever `dev/.env` says.
    ///
    /// # Errors
    /// As [`Stack::last`]; exit code 3 where the project has no valid name, or is another checkout's.
    pub fn of(sh: &Shell, settings: &Settings, mode: Mode) -> Result<Stack> {
        Stack::with_containers(sh, settings, mode).map(|(stack, _)| stack)
    }

    /// [`Stack::of`], and the containers that it has.
    ///
    /// # Errors
    /// As [`Stack::of`].
    pub fn with_containers(sh: &Shell, settings: &Settings, mode: Mode) -> Result<(Stack, Vec<Container>)> {
        let engine = engine::engine(sh).map_err(|it| exit(PREREQUISITE, it.to_string()))?;
        if let Some(it) = settings.wrong_project() {
            return Err(exit(PREREQUISITE, it.text.clone()));
        }
        let stack = Stack::on(sh, settings, mode, &engine)?;
        let containers = containers::list(sh, &stack.project)?;
        match preflight::foreign_containers(sh, &stack, &containers) {
            Some(it) => Err(exit(PREREQUISITE, it.to_string())),
            None => Ok((stack, containers)),
        }
    }

    /// The stack in a mode, as this engine can run it.
    ///
    /// # Errors
    /// As [`Stack::load`].
    pub fn on(sh: &Shell, settings: &Settings, mode: Mode, engine: &Engine) -> Result<Stack> {
        let amd64 = mode.platform.map_or(engine.arch == "amd64", |it| it == Platform::LinuxAmd64);
        let stack = Stack::load(sh, settings, mode, amd64)?;
        Ok(Stack { start_interval: engine.start_interval, ..stack })
    }

    /// `docker compose` with this project, these files and these variables. Nothing else of the caller's environment
    /// takes part: what the files refer to comes from the file that [`Stack::write`] makes.
    pub fn compose(&self, sh: &Shell) -> Command {
        let env_file = self.generated.then_some(["--env-file", ENV]).into_iter().flatten();
        let files = self.files.iter().copied().chain(self.generated.then_some(OVERRIDE)).flat_map(|it| ["--file", it]);
        let project = &self.project;
        let mut command = Command::from(cmd!(sh, "docker compose --project-name {project} {env_file...} {files...}"));
        for variable in variables::ALL {
            command.env_remove(variable.name);
        }
        command
    }

    /// [`Stack::compose`] for ending things: it includes every file, so that nothing of the project is left behind
    /// whatever mode it was started in.
    pub fn compose_all(&self, sh: &Shell) -> Command {
        let project = &self.project;
        let mut command =
            Command::from(cmd!(sh, "docker compose --project-name {project} --file {BASE} --file {LOCAL}"));
        for variable in variables::ALL {
            command.env_remove(variable.name);
        }
        command
    }

    /// The service of this name.
    pub fn service(&self, name: &str) -> Option<&Service> {
        self.services.iter().find(|it| it.name == name)
    }

    /// Checks that there are services of these names.
    ///
    /// # Errors
    /// Exit code 2, with every name that is not one.
    pub fn check_names(&self, names: &[String]) -> Result<()> {
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
    pub fn closure(&self, names: &[String]) -> Vec<&Service> {
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

fn read_services(root: &Path, file: &str) -> Result<Vec<(String, Value)>> {
    let text = files::read(&root.join(file))?
        .with_context(|| format!("{file} is missing: `git checkout -- {file}` brings it back"))?;
    let document: Value = serde_yaml::from_str(&text).with_context(|| format!("{file} is not YAML"))?;
    let document = merged(document).with_context(|| format!("{file} has a `<<` that does not name a mapping"))?;
    let services =
        document.get("services").and_then(Value::as_mapping).with_context(|| format!("{file} has no services"))?;
    Ok(services.iter().map(|(name, node)| (name.as_str().unwrap_or_default().to_owned(), node.clone())).collect())
}

/// A document with every `<<` resolved. One pass takes over what an anchor holds, and with it the anchor's own `<<`.
///
/// # Errors
/// A `<<` that names no mapping.
pub fn merged(mut document: Value) -> Result<Value, serde_yaml::Error> {
    loop {
        let before = document.clone();
        document.apply_merge()?;
        if document == before {
            return Ok(document);
        }
    }
}

fn service(name: String, node: &Value, offset: u16, environment: &BTreeMap<String, String>) -> Result<Service> {
    let lookup = |it: &str| environment.get(it).cloned();
    let text = |it: &str| dotenv::expand(it, &lookup).map_err(anyhow::Error::msg);
    let list = |key: &str| node.get(key).and_then(Value::as_sequence).cloned().unwrap_or_default();
    let ports = list("ports").iter().map(|it| port(it, offset)).collect::<Option<Vec<_>>>();
    let mounts = list("volumes")
        .iter()
        .filter_map(|it| it.get("source")?.as_str())
        .filter(|it| it.starts_with('.'))
        .map(mount)
        .collect();
    let ready = node.get("x-ready").map(|it| {
        let port = it.get("port").and_then(Value::as_u64).and_then(|it| it.try_into().ok());
        port.zip(it.get("path").and_then(Value::as_str).map(str::to_owned))
    });
    Ok(Service {
        image: text(node.get("image").and_then(Value::as_str).with_context(|| format!("{name} has no image"))?)?,
        one_shot: node.get("restart").and_then(Value::as_str) == Some("no"),
        ports: ports.with_context(|| format!("{name} has a port that is not \"127.0.0.1:HOST:CONTAINER\""))?,
        mounts,
        has_health_check: node.get("healthcheck").is_some(),
        ready: ready.map(|it| it.with_context(|| format!("{name}: x-ready needs a port and a path"))).transpose()?,
        depends_on: depends_on(node),
        name,
    })
}

fn depends_on(node: &Value) -> Vec<String> {
    let mapping = node.get("depends_on").and_then(Value::as_mapping);
    mapping.into_iter().flat_map(|it| it.keys()).filter_map(Value::as_str).map(str::to_owned).collect()
}

fn port(node: &Value, offset: u16) -> Option<Port> {
    let (host, container) = node.as_str()?.strip_prefix("127.0.0.1:")?.split_once(':')?;
    Some(Port { host: host.parse::<u16>().ok()?.checked_add(offset)?, container: container.parse().ok()? })
}

/// A path of a compose file, which is relative to `dev/`, from the workspace root.
fn mount(source: &str) -> PathBuf {
    match source.strip_prefix("../") {
        Some(rest) => PathBuf::from(rest),
        None => Path::new("dev").join(source.trim_start_matches("./")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stack(local: bool, port_offset: u16) -> Stack {
        let sh = Shell::new().unwrap();
        sh.change_dir(Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap());
        let settings = Settings::resolve(local, &[], &|_| None);
        Stack::load(&sh, &settings, Mode { local, port_offset, platform: None }, true).unwrap()
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
        assert_eq!(highest, Some(crate::flags::HIGHEST_PORT));
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
