//! Questions to the Docker engine that change nothing.

use std::process::Command;

use anyhow::Result;
use xshell::{Shell, cmd};

use crate::{exit, process};

/// The oldest Compose that replaces a list with `!override`, as the generated file does for shifted ports.
pub const COMPOSE_FLOOR: (u32, u32) = (2, 24);

/// An image that the engine has.
#[derive(Clone, Debug)]
pub struct Image {
    pub id: String,
    pub arch: String,
    pub tags: Vec<String>,
}

/// The engine's architecture in Docker's spelling.
///
/// # Errors
/// Docker is not installed, or no engine answers; the text says which endpoint was tried.
pub fn arch(sh: &Shell) -> Result<String, String> {
    let output = process::capture(&mut cmd!(sh, "docker version --format '{{.Server.Arch}}'").into())
        .map_err(|e| format!("{e:#}"))?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned());
    }
    let reason = String::from_utf8_lossy(&output.stderr);
    let reason = reason.trim().lines().last().unwrap_or("no reason given").to_owned();
    let remedy = if reason.contains("permission denied") {
        "add yourself to the group that owns the socket (`sudo usermod -aG docker $USER`, then log in again), or use a rootless engine"
    } else {
        "start Docker Desktop, Colima or the service (`sudo systemctl start docker`), or choose another engine with `docker context use`"
    };
    Err(format!("no Docker engine answers at {}: {reason}\n{remedy}", endpoint(sh)))
}

/// The engine's address and what chose it.
pub fn endpoint(sh: &Shell) -> String {
    if let Some(host) = std::env::var("DOCKER_HOST").ok().filter(|it| !it.is_empty()) {
        return format!("{host} (DOCKER_HOST)");
    }
    let format = "{{.Endpoints.docker.Host}} (context {{.Name}})";
    process::read(&mut cmd!(sh, "docker context inspect --format {format}").into())
        .map_or("the default socket".to_owned(), |it| it.trim().to_owned())
}

/// Checks that Compose is there and new enough. That Docker itself is missing is found by [`arch`].
///
/// # Errors
/// What is wrong and how to mend it.
pub fn check_compose(sh: &Shell) -> Result<(), String> {
    let install = "install the Compose plugin: https://docs.docker.com/compose/install/";
    let version = match process::read(&mut cmd!(sh, "docker compose version --short").into()) {
        Ok(version) => version,
        // Without Docker there is no Compose to speak of.
        Err(e) if exit::code(&e) == exit::PREREQUISITE => return Ok(()),
        Err(_) => return Err(format!("Docker has no Compose v2\n{install}")),
    };
    let version = version.trim();
    match parse_version(version) {
        Some(it) if it >= COMPOSE_FLOOR => Ok(()),
        _ => Err(format!(
            "Compose {version} is too old: {}.{} or newer is needed\n{install}",
            COMPOSE_FLOOR.0, COMPOSE_FLOOR.1
        )),
    }
}

fn parse_version(text: &str) -> Option<(u32, u32)> {
    let mut parts = text.trim_start_matches('v').split(['.', '-', '+']);
    Some((parts.next()?.parse().ok()?, parts.next()?.parse().ok()?))
}

/// Those of these images that the engine has.
///
/// # Errors
/// Docker cannot be started.
pub fn images(sh: &Shell, names: &[&str]) -> Result<Vec<Image>> {
    let format = "{{.Id}} {{.Architecture}}{{range .RepoTags}} {{.}}{{end}}";
    let mut command = Command::from(cmd!(sh, "docker image inspect --format {format}"));
    let output = process::capture(command.args(names))?;
    let printed = String::from_utf8_lossy(&output.stdout).into_owned();
    Ok(printed.lines().filter_map(image).collect())
}

fn image(line: &str) -> Option<Image> {
    let mut words = line.split(' ').map(str::to_owned);
    Some(Image { id: words.next()?, arch: words.next()?, tags: words.collect() })
}

/// The image of this name, among these.
pub fn find_image<'a>(images: &'a [Image], name: &str) -> Option<&'a Image> {
    let with_tag = if name.rsplit('/').next().is_some_and(|it| it.contains(':')) {
        name.to_owned()
    } else {
        format!("{name}:latest")
    };
    images.iter().find(|it| it.tags.contains(&with_tag))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn compose_versions_are_compared_as_numbers() {
        assert!(parse_version("2.40.3").unwrap() >= COMPOSE_FLOOR);
        assert!(parse_version("v2.24.0-desktop.1").unwrap() >= COMPOSE_FLOOR);
        assert!(parse_version("2.9.0").unwrap() < COMPOSE_FLOOR);
        assert!(parse_version("5.0.1").unwrap() >= COMPOSE_FLOOR);
        assert_eq!(parse_version("dev"), None);
    }

    #[test]
    fn an_image_without_a_tag_is_found_under_latest() {
        let images = [image("sha256:1 arm64 a/b:latest c:1").unwrap()];
        assert_eq!(find_image(&images, "a/b").unwrap().id, "sha256:1");
        assert!(find_image(&images, "c:2").is_none());
        assert!(find_image(&images, "host:5000/a/b").is_none());
    }
}
