//! Which engine the Docker CLI talks to, found as the CLI finds it, without starting it: `DOCKER_HOST`, else the
//! context, else the default socket.

use std::path::{Path, PathBuf};
use std::{env, fmt, fs};

use serde_json::Value;

use crate::machine::finding::{Finding, finding};
use crate::machine::process;

const DEFAULT: &str = "unix:///var/run/docker.sock";
const DEFAULT_SOCKET: &str = "/var/run/docker.sock";

/// An engine's address, and what chose it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Route {
    /// `None` where the chosen context does not exist.
    pub host: Option<String>,
    pub source: Source,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Source {
    /// `DOCKER_HOST`.
    Variable,
    Context(String),
    Default,
}

const IS_MAC: bool = cfg!(target_os = "macos");
const DESKTOP: &str = if IS_MAC { "open -a Docker" } else { "systemctl --user start docker-desktop" };
const PODMAN: &str = if IS_MAC { "podman machine start" } else { "systemctl --user start podman.socket" };

/// A part of a socket's path, the product, what starts it (`{}` is the next folder), and whether that is virtual.
const PRODUCTS: [(&str, &str, &str, bool); 9] = [
    ("/.docker/", "Docker Desktop", DESKTOP, true),
    ("/.colima/", "Colima", "colima start {} --cpu 4 --memory 8", true),
    ("/colima/", "Colima", "colima start {} --cpu 4 --memory 8", true),
    ("/.rd/", "Rancher Desktop", "rdctl start", true),
    ("/.orbstack/", "OrbStack", "orb start", true),
    ("/.lima/", "Lima", "limactl start {}", true),
    ("/run/podman/", "Podman", "sudo systemctl start podman.socket", false),
    ("/podman/", "Podman", PODMAN, IS_MAC),
    ("/run/user/", "rootless Docker", "systemctl --user start docker", false),
];

/// A product that brings an engine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Product {
    pub name: &'static str,
    start: String,
    /// Whether its engine runs in a virtual machine, with a disk and a socket of its own.
    pub in_virtual_machine: bool,
}

impl fmt::Display for Route {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let host = self.host.as_deref().unwrap_or("an unknown address");
        match &self.source {
            Source::Variable => write!(f, "{host} (DOCKER_HOST)"),
            Source::Context(name) => write!(f, "{host} (context {name})"),
            Source::Default => write!(f, "{host} (default socket)"),
        }
    }
}

/// The engine that `docker` talks to here and now.
pub(crate) fn find() -> Route {
    resolve(&variable)
}

fn variable(name: &str) -> Option<String> {
    env::var(name).ok().filter(|it| !it.is_empty())
}

/// The folder of Docker's settings and plugins, for a shell.
pub(crate) fn config_folder() -> String {
    variable("DOCKER_CONFIG").map_or("~/.docker".to_owned(), |it| process::quote(&it).into_owned())
}

/// What Docker's settings keep from the proxies that they give to every container; `None` where they give none.
pub(crate) fn no_proxy() -> Option<String> {
    let all = &config(&variable)["proxies"];
    let of_engine = find().host.and_then(|it| all.get(it));
    let proxies = of_engine.or_else(|| all.get("default"))?.as_object()?;
    Some(proxies.get("noProxy").and_then(Value::as_str).unwrap_or_default().to_owned())
}

fn folder(environment: &dyn Fn(&str) -> Option<String>) -> Option<PathBuf> {
    let home = || Some(PathBuf::from(environment("HOME")?).join(".docker"));
    environment("DOCKER_CONFIG").map(PathBuf::from).or_else(home)
}

/// Docker's settings; null where there are none that can be read.
fn config(environment: &dyn Fn(&str) -> Option<String>) -> Value {
    let text = folder(environment).and_then(|it| fs::read_to_string(it.join("config.json")).ok());
    text.and_then(|it| serde_json::from_str(&it).ok()).unwrap_or_default()
}

fn resolve(environment: &dyn Fn(&str) -> Option<String>) -> Route {
    if let Some(host) = environment("DOCKER_HOST") {
        return Route { host: Some(host), source: Source::Variable };
    }
    let current = || config(environment)["currentContext"].as_str().map(str::to_owned);
    let context = environment("DOCKER_CONTEXT").or_else(current).filter(|it| !it.is_empty() && it != "default");
    match context {
        Some(name) => {
            let host = folder(environment).and_then(|it| context_host(&it, &name));
            Route { host, source: Source::Context(name) }
        }
        None => Route { host: Some(DEFAULT.to_owned()), source: Source::Default },
    }
}

/// A helper that Docker asks for credentials before it pulls anything, however public, and that is not there: a product
/// that was removed leaves its name behind.
pub(crate) fn missing_helper() -> Option<Finding> {
    let config = config(&variable);
    let helper = format!("docker-credential-{}", config["credsStore"].as_str().filter(|it| !it.is_empty())?);
    if env::split_paths(&env::var_os("PATH")?).any(|it| it.join(&helper).is_file()) {
        return None;
    }
    let file = format!("{}/config.json", config_folder());
    Some(finding(
        format!("{file} names {helper}, which is not on PATH: Docker pulls nothing"),
        format!("grep -n credsStore {file}  # remove that line, or install {helper}"),
    ))
}

/// The address in a context's file. The folder is named after a hash of the context's name, so look at each.
fn context_host(config: &Path, name: &str) -> Option<String> {
    let folders = fs::read_dir(config.join("contexts/meta")).ok()?;
    folders.flatten().find_map(|it| {
        let meta: Value = serde_json::from_str(&fs::read_to_string(it.path().join("meta.json")).ok()?).ok()?;
        let host = meta["Endpoints"]["docker"]["Host"].as_str()?;
        // A context without an address stands for the default socket.
        let host = if host.is_empty() { DEFAULT } else { host };
        (meta["Name"].as_str()? == name).then(|| host.to_owned())
    })
}

impl Route {
    /// The socket's path; `None` for an engine that is reached by network.
    pub(crate) fn socket(&self) -> Option<&Path> {
        self.host.as_deref()?.strip_prefix("unix://").map(Path::new)
    }

    /// The socket behind it: an engine in a virtual machine often puts a link to its own at the usual place.
    fn target(&self) -> Option<PathBuf> {
        let socket = self.socket()?;
        Some(fs::canonicalize(socket).or_else(|_| fs::read_link(socket)).unwrap_or_else(|_| socket.to_owned()))
    }

    pub(crate) fn product(&self) -> Option<Product> {
        let socket = self.target()?.to_string_lossy().into_owned();
        PRODUCTS.into_iter().find_map(|(part, name, start, in_virtual_machine)| {
            let (_, rest) = socket.split_once(part)?;
            let folder = rest.split_once('/').map_or("default", |(it, _)| it);
            Some(Product { name, start: start.replace("{}", folder), in_virtual_machine })
        })
    }

    /// Whether this is the system's own Docker service.
    pub(super) fn is_service(&self) -> bool {
        let usual = [DEFAULT_SOCKET, "/run/docker.sock"].map(Path::new);
        cfg!(target_os = "linux") && self.target().is_some_and(|it| usual.contains(&it.as_path()))
    }

    /// Whether it runs as the user: root in its containers is then the user outside, and any other id a stranger.
    pub(crate) fn is_rootless(&self) -> bool {
        cfg!(target_os = "linux") && self.socket().is_some_and(|it| it.starts_with("/run/user"))
    }

    /// The socket as the engine's own machine has it, to be mounted into a container.
    pub(crate) fn socket_for_containers(&self) -> String {
        let is_elsewhere = !cfg!(target_os = "linux") || self.product().is_some_and(|it| it.in_virtual_machine);
        match self.socket() {
            Some(path) if !is_elsewhere => path.display().to_string(),
            _ => DEFAULT_SOCKET.to_owned(),
        }
    }

    /// What starts the engine, where it does not answer.
    pub(crate) fn start(&self) -> String {
        if let Some(it) = self.product() {
            return it.start;
        }
        let back = match &self.source {
            _ if self.is_service() => return service("start"),
            Source::Variable => "unset DOCKER_HOST  # goes back to the context's engine",
            Source::Context(_) if env::var_os("DOCKER_CONTEXT").is_some() => {
                "unset DOCKER_CONTEXT  # goes back to the current context"
            }
            Source::Context(_) => {
                "docker context use default  # goes back to the default socket; `docker context ls` lists others"
            }
            Source::Default => {
                return "open -a Docker  # or `colima start`, `orb start`, `rdctl start`, `podman machine start`"
                    .to_owned();
            }
        };
        format!("{back}; or start the engine that has this address")
    }

    /// What mends an engine that takes connections and does not answer.
    pub(crate) fn restart(&self) -> String {
        if self.is_service() { service("restart") } else { format!("{}  # after stopping it", self.start()) }
    }

    /// What lets a user in whom the socket refuses.
    pub(crate) fn admit(&self) -> String {
        match self.socket() {
            _ if self.is_service() => {
                "sudo usermod -aG docker \"$USER\" && newgrp docker  # for good: log out and in again".to_owned()
            }
            Some(it) => {
                format!("ls -l {}  # belongs to somebody else: run as that user, or unset DOCKER_HOST", it.display())
            }
            None => self.start(),
        }
    }
}

fn service(verb: &str) -> String {
    // Without systemd, as in some WSL distributions, there is the older tool.
    if Path::new("/run/systemd/system").exists() {
        format!("sudo systemctl {verb} docker")
    } else {
        format!("sudo service docker {verb}")
    }
}

#[cfg(test)]
mod tests;
