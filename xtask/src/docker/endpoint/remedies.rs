//! What mends an engine, product by product: each has its own command.

use std::{
    env,
    os::unix::net::UnixStream,
    path::{Path, PathBuf},
};

use super::{Kind, Route, Source};

impl Route {
    /// What starts the engine, where it does not answer.
    pub(crate) fn start(&self) -> String {
        let back = match &self.source {
            Source::Variable => "unset DOCKER_HOST  # goes back to the context's engine",
            Source::Context(_) if env::var_os("DOCKER_CONTEXT").is_some() => {
                "unset DOCKER_CONTEXT  # goes back to the current context"
            }
            _ => "docker context use default  # goes back to the default socket; `docker context ls` lists others",
        };
        match self.kind() {
            Kind::DockerDesktop if cfg!(target_os = "macos") => "open -a Docker".to_owned(),
            Kind::DockerDesktop => "systemctl --user start docker-desktop".to_owned(),
            Kind::Colima(profile) if profile == "default" => "colima start --cpu 4 --memory 8".to_owned(),
            Kind::Colima(profile) => format!("colima start {profile} --cpu 4 --memory 8"),
            Kind::RancherDesktop => "rdctl start".to_owned(),
            Kind::OrbStack => "orb start".to_owned(),
            Kind::Lima(instance) => format!("limactl start {instance}"),
            Kind::Podman { .. } if cfg!(target_os = "macos") => "podman machine start".to_owned(),
            Kind::Podman { rootless: true } => "systemctl --user start podman.socket".to_owned(),
            Kind::Podman { rootless: false } => "sudo systemctl start podman.socket".to_owned(),
            Kind::Rootless => "systemctl --user start docker".to_owned(),
            Kind::Service => match other_socket() {
                Some(it) => format!("export DOCKER_HOST=unix://{}  # an engine answers there", it.display()),
                None => service("start"),
            },
            Kind::Remote => format!("{back}; or start the engine on the other machine"),
            Kind::Unknown if self.source == Source::Default => {
                "open -a Docker  # or `colima start`, `orb start`, `rdctl start`, `podman machine start`".to_owned()
            }
            Kind::Unknown => format!("{back}; or start the engine that this socket belongs to"),
        }
    }

    /// What mends an engine that takes connections and does not answer.
    pub(crate) fn restart(&self) -> String {
        match self.kind() {
            Kind::Service => service("restart"),
            it => format!("{}  # after stopping {it}", self.start()),
        }
    }

    /// What lets a user in whom the socket refuses.
    pub(crate) fn admit(&self) -> String {
        match (self.kind(), self.socket()) {
            (Kind::Service, _) => {
                "sudo usermod -aG docker \"$USER\" && newgrp docker  # for good: log out and in again".to_owned()
            }
            (_, Some(it)) => {
                format!("ls -l {}  # belongs to somebody else: run as that user, or unset DOCKER_HOST", it.display())
            }
            (_, None) => self.start(),
        }
    }

    /// What lets the engine see a folder of this machine.
    pub(crate) fn share(&self, folder: &Path) -> String {
        let folder = folder.display();
        match self.kind() {
            Kind::DockerDesktop => {
                format!("open -a Docker  # its settings, Resources, File sharing: add {folder}")
            }
            Kind::Colima(profile) => format!("colima stop {profile}; colima start {profile} --mount \"{folder}:w\""),
            Kind::Lima(instance) => format!("limactl edit {instance}  # add {folder} to its mounts"),
            _ => "docker context ls  # choose an engine of this machine, or move the checkout to where this one looks"
                .to_owned(),
        }
    }

    /// What gives the engine's machine more memory or processors.
    pub(crate) fn give(&self, what: &str) -> String {
        match self.kind() {
            Kind::Service | Kind::Rootless | Kind::Remote | Kind::Unknown => {
                format!("docker context ls  # an engine on a machine with more {what}; here, stop what else runs")
            }
            it => format!("{}  # after giving {it} more {what}, in its settings", self.start()),
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

/// Another engine's socket at which somebody listens, where nobody does at the default one.
fn other_socket() -> Option<PathBuf> {
    let runtime = env::var_os("XDG_RUNTIME_DIR").map(PathBuf::from);
    let home = env::var_os("HOME").map(PathBuf::from);
    let at = |folder: &Option<PathBuf>, paths: &[&str]| -> Vec<PathBuf> {
        folder.iter().flat_map(|it| paths.iter().map(|path| it.join(path))).collect()
    };
    let mut all = at(&runtime, &["docker.sock"]);
    all.extend(at(
        &home,
        &[
            ".docker/desktop/docker.sock",
            ".docker/run/docker.sock",
            ".colima/default/docker.sock",
            ".rd/docker.sock",
            ".orbstack/run/docker.sock",
        ],
    ));
    all.extend(at(&runtime, &["podman/podman.sock"]));
    all.into_iter().find(|it| UnixStream::connect(it).is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_product_has_a_fix_of_its_own() {
        let starts = [
            ("unix:///home/me/.docker/desktop/docker.sock", "docker-desktop"),
            ("unix:///Users/me/.colima/default/docker.sock", "colima start --"),
            ("unix:///Users/me/.config/colima/work/docker.sock", "colima start work"),
            ("unix:///Users/me/.rd/docker.sock", "rdctl start"),
            ("unix:///Users/me/.orbstack/run/docker.sock", "orb start"),
            ("unix:///Users/me/.lima/box/sock/docker.sock", "limactl start box"),
            ("unix:///run/user/1000/podman/podman.sock", "systemctl --user start podman.socket"),
            ("unix:///run/podman/podman.sock", "sudo systemctl start podman.socket"),
            ("unix:///run/user/1000/docker.sock", "systemctl --user start docker"),
            ("unix:///somewhere/else.sock", "# goes back to"),
            ("ssh://me@box", "# goes back to"),
        ];
        for (host, start) in starts {
            let route = Route { host: Some(host.to_owned()), source: Source::Context("x".to_owned()) };
            if cfg!(target_os = "linux") {
                assert!(route.start().contains(start), "{host}: {}", route.start());
            }
            for fix in [route.restart(), route.admit(), route.give("memory")] {
                assert!(!fix.is_empty(), "{host}");
            }
        }
    }

    #[test]
    fn an_engine_that_docker_host_names_is_left_by_forgetting_it() {
        let route = Route { host: Some("tcp://10.0.0.1:2375".to_owned()), source: Source::Variable };
        assert!(route.start().starts_with("unset DOCKER_HOST"), "{}", route.start());
    }
}
