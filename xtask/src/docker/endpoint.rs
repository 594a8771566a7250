//! Which engine the Docker CLI talks to, found as the CLI finds it, without starting it: `DOCKER_HOST`, else the
//! context, else the default socket.

mod remedies;

use std::{
    env, fmt, fs,
    path::{Path, PathBuf},
};

use serde_json::Value;

use crate::machine::{
    finding::{Finding, finding},
    process,
};

const DEFAULT: &str = "unix:///var/run/docker.sock";
const DEFAULT_SOCKET: &str = "/var/run/docker.sock";

/// An engine's address, and what chose it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Route {
    /// `None` where the chosen context does not exist.
    pub host: Option<String>,
    pub source: Source,
}

/// What chose an engine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Source {
    /// `DOCKER_HOST`.
    Variable,
    /// The context of this name.
    Context(String),
    Default,
}

/// The product behind an address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    DockerDesktop,
    /// With the profile's name.
    Colima(String),
    RancherDesktop,
    OrbStack,
    /// With the instance's name.
    Lima(String),
    /// Podman's service; whether it is the user's own.
    Podman {
        rootless: bool,
    },
    /// A Docker daemon of the user's own.
    Rootless,
    /// The system's Docker daemon.
    Service,
    /// Another machine.
    Remote,
    Unknown,
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

impl Kind {
    /// Whether it runs as the user: root in its containers is then the user outside, and any other id a stranger.
    pub(crate) fn is_rootless(&self) -> bool {
        matches!(self, Kind::Rootless | Kind::Podman { rootless: true })
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Kind::DockerDesktop => "Docker Desktop",
            Kind::Colima(_) => "Colima",
            Kind::RancherDesktop => "Rancher Desktop",
            Kind::OrbStack => "OrbStack",
            Kind::Lima(_) => "Lima",
            Kind::Podman { .. } => "Podman",
            Kind::Rootless => "rootless Docker",
            Kind::Service => "the Docker service",
            Kind::Remote => "a remote engine",
            Kind::Unknown => "an engine",
        })
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

    /// The product that listens there, as far as the address tells.
    pub(crate) fn kind(&self) -> Kind {
        let Some(socket) = self.socket() else {
            return if self.host.is_some() { Kind::Remote } else { Kind::Unknown };
        };
        // An engine in a virtual machine often puts a link to its own socket at the usual place.
        let target = fs::canonicalize(socket).or_else(|_| fs::read_link(socket)).unwrap_or_else(|_| socket.to_owned());
        kind_of(&target)
    }

    /// The socket as the engine's own machine has it, to be mounted into a container.
    pub(crate) fn socket_for_containers(&self) -> String {
        let in_virtual_machine = !cfg!(target_os = "linux")
            || matches!(
                self.kind(),
                Kind::DockerDesktop | Kind::Colima(_) | Kind::RancherDesktop | Kind::OrbStack | Kind::Lima(_)
            );
        match self.socket() {
            Some(path) if !in_virtual_machine => path.display().to_string(),
            _ => DEFAULT_SOCKET.to_owned(),
        }
    }
}

fn kind_of(socket: &Path) -> Kind {
    let parts: Vec<&str> = socket.iter().filter_map(|it| it.to_str()).collect();
    let has = |part: &str| parts.contains(&part);
    let after = |part: &str| {
        let at = parts.iter().position(|it| *it == part)?;
        // Colima's first sockets stood in its folder itself.
        parts.get(at + 1).filter(|_| at + 2 < parts.len()).map(|it| (*it).to_owned())
    };
    if has(".docker") {
        Kind::DockerDesktop
    } else if has(".colima") || has("colima") {
        Kind::Colima(after(".colima").or_else(|| after("colima")).unwrap_or_else(|| "default".to_owned()))
    } else if has(".rd") {
        Kind::RancherDesktop
    } else if has(".orbstack") {
        Kind::OrbStack
    } else if has("podman") {
        Kind::Podman { rootless: !socket.starts_with("/run/podman") && !socket.starts_with("/var/run/podman") }
    } else if has(".lima") {
        Kind::Lima(after(".lima").unwrap_or_else(|| "docker".to_owned()))
    } else if socket.starts_with("/run/user") {
        Kind::Rootless
    } else if cfg!(target_os = "linux") && [DEFAULT_SOCKET, "/run/docker.sock"].iter().any(|it| socket == Path::new(it))
    {
        Kind::Service
    } else {
        Kind::Unknown
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use xshell::Shell;

    fn route(variables: &[(&str, &str)]) -> Route {
        resolve(&|name| variables.iter().find(|(it, _)| *it == name).map(|(_, value)| (*value).to_owned()))
    }

    fn at(host: &str) -> Route {
        Route { host: Some(host.to_owned()), source: Source::Context("x".to_owned()) }
    }

    #[test]
    fn the_variable_wins_over_the_context_and_the_context_over_the_default_socket() {
        let sh = Shell::new().unwrap();
        let folder = sh.create_temp_dir().unwrap();
        let home = folder.path().to_str().unwrap().to_owned();
        let context = r#"{"Name":"colima","Endpoints":{"docker":{"Host":"unix:///h/.colima/work/docker.sock"}}}"#;
        sh.write_file(folder.path().join(".docker/contexts/meta/0a1b/meta.json"), context).unwrap();
        sh.write_file(folder.path().join(".docker/contexts/meta/0a1b.tmp"), "no folder").unwrap();
        assert_eq!(route(&[("HOME", &home)]).to_string(), "unix:///var/run/docker.sock (default socket)");

        sh.write_file(folder.path().join(".docker/config.json"), r#"{"currentContext":"colima"}"#).unwrap();
        let by_file = route(&[("HOME", &home)]);
        assert_eq!(by_file.to_string(), "unix:///h/.colima/work/docker.sock (context colima)");
        assert_eq!(by_file.kind(), Kind::Colima("work".to_owned()));
        assert_eq!(route(&[("HOME", &home), ("DOCKER_CONTEXT", "default")]).source, Source::Default);
        assert_eq!(route(&[("HOME", &home), ("DOCKER_CONTEXT", "gone")]).host, None);
        let by_variable = route(&[("HOME", &home), ("DOCKER_HOST", "tcp://h:1"), ("DOCKER_CONTEXT", "colima")]);
        assert_eq!((by_variable.to_string(), by_variable.kind()), ("tcp://h:1 (DOCKER_HOST)".to_owned(), Kind::Remote));
        sh.write_file(folder.path().join(".docker/config.json"), "{").unwrap();
        assert_eq!(route(&[("HOME", &home)]).source, Source::Default);
        assert_eq!(route(&[]).source, Source::Default);
    }

    #[test]
    fn every_product_is_known_by_its_socket() {
        let products = [
            ("unix:///Users/me/.docker/run/docker.sock", Kind::DockerDesktop),
            ("unix:///home/me/.docker/desktop/docker.sock", Kind::DockerDesktop),
            ("unix:///Users/me/.colima/default/docker.sock", Kind::Colima("default".to_owned())),
            ("unix:///Users/me/.config/colima/work/docker.sock", Kind::Colima("work".to_owned())),
            ("unix:///Users/me/.colima/docker.sock", Kind::Colima("default".to_owned())),
            ("unix:///Users/me/.rd/docker.sock", Kind::RancherDesktop),
            ("unix:///Users/me/.orbstack/run/docker.sock", Kind::OrbStack),
            ("unix:///Users/me/.lima/box/sock/docker.sock", Kind::Lima("box".to_owned())),
            ("unix:///run/user/1000/podman/podman.sock", Kind::Podman { rootless: true }),
            ("unix:///run/podman/podman.sock", Kind::Podman { rootless: false }),
            ("unix:///run/user/1000/docker.sock", Kind::Rootless),
            ("unix:///somewhere/else.sock", Kind::Unknown),
            ("ssh://me@box", Kind::Remote),
        ];
        for (host, kind) in products {
            assert_eq!(at(host).kind(), kind, "{host}");
        }
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn containers_mount_the_socket_as_the_engine_s_machine_has_it() {
        for (host, socket) in [
            ("unix:///run/user/1000/docker.sock", "/run/user/1000/docker.sock"),
            ("unix:///run/podman/podman.sock", "/run/podman/podman.sock"),
            ("unix:///home/me/.docker/desktop/docker.sock", "/var/run/docker.sock"),
            ("unix:///home/me/.colima/default/docker.sock", "/var/run/docker.sock"),
            ("tcp://10.0.0.1:2375", "/var/run/docker.sock"),
        ] {
            assert_eq!(at(host).socket_for_containers(), socket, "{host}");
        }
        assert_eq!(route(&[]).socket_for_containers(), "/var/run/docker.sock");
    }

    #[test]
    fn a_link_at_the_usual_place_is_followed_even_if_it_dangles() {
        let sh = Shell::new().unwrap();
        let folder = sh.create_temp_dir().unwrap();
        let link = folder.path().join("docker.sock");
        std::os::unix::fs::symlink("/Users/me/.orbstack/run/docker.sock", &link).unwrap();
        assert_eq!(at(&format!("unix://{}", link.display())).kind(), Kind::OrbStack);
    }
}
