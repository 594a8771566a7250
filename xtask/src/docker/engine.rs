//! Questions to the Docker engine that change nothing.

use std::{path::PathBuf, process::Command, time::Duration};

use anyhow::{Context, Result};
use serde_json::Value;
use xshell::{Shell, cmd};

use crate::{
    docker::endpoint::{self, Source},
    machine::{
        exit::{self, PREREQUISITE, exit},
        finding::{Finding, finding},
        process,
    },
};

/// The oldest Compose that replaces a list with `!override`, as the generated file does for shifted ports.
pub(crate) const COMPOSE_FLOOR: (u32, u32) = (2, 24);

/// How long an engine may take to say that it is there: one that was put to sleep needs seconds to wake up.
const GREETING: Duration = Duration::from_secs(10);
/// How long it may take for any other answer, under load.
pub(crate) const ANSWER: Duration = Duration::from_secs(30);
/// How long it may take to stop or to start the stack, under load: each container is given 10 s to stop.
pub(crate) const CHANGE: Duration = Duration::from_secs(600);

/// An image that the engine has.
#[derive(Clone, Debug)]
pub(crate) struct Image {
    pub id: String,
    /// In Docker's spelling; empty where the engine has no part of it for itself (see [`prefer_arch`]).
    pub arch: String,
    /// Its tags, then its digests, as the engine writes them: without Docker Hub's host.
    pub names: Vec<String>,
}

/// An engine that answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Engine {
    /// Its architecture, in Docker's spelling.
    pub arch: String,
    /// Whether it can ask a starting container for its health more often than a running one. On an engine that cannot,
    /// Compose refuses the key.
    pub start_interval: bool,
}

impl Engine {
    /// Reads `ARCH API`. `start_interval` came with version 1.44 of the API, in Engine 25.
    fn parse(printed: &str) -> Engine {
        let (arch, api) = printed.trim().split_once(' ').unwrap_or((printed.trim(), ""));
        let minor = api.strip_prefix("1.").and_then(|it| it.parse::<u32>().ok());
        Engine { arch: arch.to_owned(), start_interval: minor.is_some_and(|it| it >= 44) }
    }
}

/// Asks for the engine.
///
/// # Errors
/// Docker is not installed, or no engine answers; the text says which address was tried.
pub(crate) fn engine(sh: &Shell) -> Result<Engine, Finding> {
    let mut command = Command::from(cmd!(sh, "docker version --format '{{.Server.Arch}} {{.Server.APIVersion}}'"));
    let output = process::capture_within(&mut command, GREETING).map_err(|e| missing_docker(&e))?;
    let route = endpoint::find();
    let Some(output) = output else {
        let seconds = GREETING.as_secs();
        return Err(finding(
            format!("{} at {route} takes connections and has not answered within {seconds} s", route.kind()),
            route.restart(),
        ));
    };
    if output.status.success() {
        return Ok(Engine::parse(&String::from_utf8_lossy(&output.stdout)));
    }
    let reason = String::from_utf8_lossy(&output.stderr);
    let reason = reason.trim().lines().last().unwrap_or("no reason given");
    if reason.contains("client version") && reason.contains("too old") {
        return Err(finding(
            format!("the Docker CLI is too old for the engine at {route}: {reason}"),
            install_docker(),
        ));
    }
    let is_down = ["Cannot connect", "daemon running", "connection refused", "no such host", "context", "dial "];
    let fix = if reason.contains("permission denied") {
        route.admit()
    } else if is_down.iter().any(|it| reason.contains(it)) {
        route.start()
    } else {
        "docker version  # says more".to_owned()
    };
    Err(finding(format!("no Docker engine answers at {route}: {reason}"), fix))
}

/// The finding for a Docker CLI that cannot be started.
pub(crate) fn missing_docker(error: &anyhow::Error) -> Finding {
    let what = format!("{error:#}");
    finding(what.split(';').next().unwrap_or_default(), install_docker())
}

fn install_docker() -> &'static str {
    if cfg!(target_os = "macos") {
        "brew install --cask docker  # or another engine: https://docs.docker.com/get-docker/"
    } else {
        "curl -fsSL https://get.docker.com | sh  # or another way: https://docs.docker.com/get-docker/"
    }
}

/// Checks that Compose is there and new enough, and returns its version. That Docker itself is missing is found by
/// [`engine`]: without it there is no Compose to speak of, and no version.
///
/// # Errors
/// What is wrong and how to mend it.
pub(crate) fn check_compose(sh: &Shell) -> Result<String, Finding> {
    let version = compose_version(sh)?;
    match parse_version(&version) {
        Some(it) if it < COMPOSE_FLOOR => Err(finding(
            format!("Compose {version} is too old: {}.{} or newer is needed", COMPOSE_FLOOR.0, COMPOSE_FLOOR.1),
            install_compose(),
        )),
        _ => Ok(version),
    }
}

/// The version of Compose, whichever is there; empty without Docker.
///
/// # Errors
/// There is none.
pub(crate) fn compose_version(sh: &Shell) -> Result<String, Finding> {
    match process::read_within(&mut cmd!(sh, "docker compose version --short").into(), ANSWER) {
        Ok(it) => Ok(it.trim().to_owned()),
        Err(e) if exit::code(&e) == PREREQUISITE => Ok(String::new()),
        Err(_) => Err(missing_compose(sh)),
    }
}

/// What is not known of a Compose that [`check_compose`] lets pass: some are built without a version.
pub(crate) fn doubt(version: &str) -> Option<Finding> {
    let (major, minor) = COMPOSE_FLOOR;
    let what = format!("Compose calls itself `{version}`, and {major}.{minor} or newer is needed");
    (parse_version(version).is_none() && !version.is_empty()).then(|| finding(what, install_compose()))
}

fn missing_compose(sh: &Shell) -> Finding {
    let folder = plugins();
    let standalone = process::read_within(&mut cmd!(sh, "docker-compose version --short").into(), ANSWER);
    match standalone.as_deref().map(str::trim) {
        Ok(version) if parse_version(version).is_some_and(|it| it >= COMPOSE_FLOOR) => finding(
            format!("`docker compose` is missing, though `docker-compose` is there, {version}: Docker has to find it"),
            format!("mkdir -p {folder} && ln -sf \"$(command -v docker-compose)\" {folder}/docker-compose"),
        ),
        Ok(version) => finding(
            format!("`docker compose` is missing; the `docker-compose` that is there, {version}, is too old"),
            install_compose(),
        ),
        Err(_) => finding("Docker has no Compose: `docker compose version` fails", install_compose()),
    }
}

/// Its makers' way by hand, which is the same everywhere.
fn install_compose() -> String {
    let system = if cfg!(target_os = "macos") { "darwin" } else { std::env::consts::OS };
    let file = format!("docker-compose-{system}-{}", std::env::consts::ARCH);
    let folder = plugins();
    format!(
        "mkdir -p {folder} && curl -fsSL -o {folder}/docker-compose \
         https://github.com/docker/compose/releases/latest/download/{file} && chmod +x {folder}/docker-compose"
    )
}

fn plugins() -> String {
    endpoint::config_folder() + "/cli-plugins"
}

/// The machine that an engine runs on.
#[derive(Clone, Debug)]
pub(crate) struct Info {
    pub version: String,
    /// The operating system, as it names itself; Docker Desktop and OrbStack give their own name.
    pub system: String,
    pub rootless: bool,
    pub cpus: u64,
    /// Memory in bytes.
    pub memory: u64,
    /// Where it keeps images and volumes, on its own machine.
    pub folder: PathBuf,
}

/// What the engine says about its machine.
///
/// # Errors
/// It does not answer.
pub(crate) fn info(sh: &Shell) -> Result<Info> {
    let printed = process::read_within(&mut cmd!(sh, "docker info --format '{{json .}}'").into(), ANSWER)?;
    let parsed: Value = serde_json::from_str(&printed).context("`docker info` printed no JSON")?;
    let text = |name: &str| parsed[name].as_str().unwrap_or_default().to_owned();
    let options = parsed["SecurityOptions"].as_array();
    Ok(Info {
        version: text("ServerVersion"),
        system: text("OperatingSystem"),
        rootless: options.into_iter().flatten().any(|it| it.as_str().is_some_and(|it| it.contains("rootless"))),
        cpus: parsed["NCPU"].as_u64().unwrap_or(0),
        memory: parsed["MemTotal"].as_u64().unwrap_or(0),
        folder: text("DockerRootDir").into(),
    })
}

/// The engine's own BuildKit.
#[derive(Clone, Debug)]
pub(crate) struct BuildKit {
    /// What `buildx` calls it. A builder that the user has selected may run elsewhere: what it builds would not arrive in
    /// the engine, and what the engine has it would not find.
    pub builder: String,
    platforms: Vec<String>,
}

impl BuildKit {
    /// Whether it can run programs of this architecture, by itself or by emulation.
    pub(crate) fn runs(&self, arch: &str) -> bool {
        let platform = format!("linux/{arch}");
        self.platforms.iter().any(|it| *it == platform || it.starts_with(&format!("{platform}/")))
    }

    fn parse(builder: String, printed: &str) -> BuildKit {
        let platforms = printed.lines().filter_map(|it| it.trim().strip_prefix("Platforms:"));
        // What a builder is told to prefer is marked.
        let platforms = platforms.flat_map(|it| it.split(',')).map(|it| it.trim().trim_end_matches('*').to_owned());
        BuildKit { builder, platforms: platforms.collect() }
    }
}

/// The BuildKit that Docker builds with: it needs its `buildx` plugin. `None` where that is missing or broken, or the
/// engine has none; what is left is the old builder, which knows no `RUN --mount`.
pub(crate) fn buildkit(sh: &Shell) -> Option<BuildKit> {
    let builder = match endpoint::find().source {
        Source::Context(name) => name,
        Source::Variable | Source::Default => "default".to_owned(),
    };
    let printed = process::read_within(&mut cmd!(sh, "docker buildx inspect {builder}").into(), ANSWER).ok()?;
    // An engine without BuildKit is listed as well, with an error in the place of its platforms.
    Some(BuildKit::parse(builder, &printed)).filter(|it| !it.platforms.is_empty())
}

fn parse_version(text: &str) -> Option<(u32, u32)> {
    let mut parts = text.trim_start_matches('v').split(['.', '-', '+']);
    Some((parts.next()?.parse().ok()?, parts.next()?.parse().ok()?))
}

/// Those of these images that the engine has.
///
/// # Errors
/// Docker cannot be started, or the engine does not answer.
pub(crate) fn images(sh: &Shell, names: &[&str]) -> Result<Vec<Image>> {
    inspect(sh, &[], names)
}

/// Gives `arch` to those of these images that are there for it beside another architecture: of several under one name,
/// as the containerd image store keeps them, an engine shows its own, or none. An engine with one under each name, or
/// too old to be asked, changes nothing here.
///
/// # Errors
/// As [`images`].
pub(crate) fn prefer_arch(sh: &Shell, images: &mut [Image], arch: &str) -> Result<()> {
    let foreign = images.iter().filter(|it| it.arch != arch).filter_map(|it| it.names.first());
    let names: Vec<&str> = foreign.map(String::as_str).collect();
    if names.is_empty() {
        return Ok(());
    }
    let platform = format!("linux/{arch}");
    let found = inspect(sh, &["--platform", &platform], &names)?;
    // Under a platform an image has another id.
    let is_there = |it: &Image| found.iter().any(|other| other.arch == arch && other.names.first() == it.names.first());
    images.iter_mut().filter(|it| is_there(it)).for_each(|it| arch.clone_into(&mut it.arch));
    Ok(())
}

fn inspect(sh: &Shell, options: &[&str], names: &[&str]) -> Result<Vec<Image>> {
    let format = "{{.Id}} {{.Architecture}}{{range .RepoTags}} {{.}}{{end}}{{range .RepoDigests}} {{.}}{{end}}";
    let mut command = Command::from(cmd!(sh, "docker image inspect {options...} --format {format}"));
    // It fails where one is missing, and prints the others all the same.
    let output = process::capture_within(command.args(names), ANSWER)?;
    let output = output.ok_or_else(|| exit(PREREQUISITE, "the engine has not said in time which images it has"))?;
    let printed = String::from_utf8_lossy(&output.stdout).into_owned();
    Ok(printed.lines().filter_map(image).collect())
}

fn image(line: &str) -> Option<Image> {
    let mut words = line.split(' ').map(str::to_owned);
    Some(Image { id: words.next()?, arch: words.next()?, names: words.collect() })
}

/// The image of this name, among these.
pub(crate) fn find_image<'a>(images: &'a [Image], name: &str) -> Option<&'a Image> {
    let name = familiar(name);
    images.iter().find(|it| it.names.iter().any(|it| familiar(it) == name))
}

/// A name as Docker writes it: without Docker Hub's host and folder, and with a digest, else a tag. Podman writes the
/// whole name, and has a host of its own for what was built on this machine.
fn familiar(name: &str) -> String {
    let name = ["docker.io/", "localhost/"].iter().find_map(|it| name.strip_prefix(it)).unwrap_or(name);
    let name = name.strip_prefix("library/").unwrap_or(name);
    let (tagged, digest) = name.split_once('@').map_or((name, None), |(name, digest)| (name, Some(digest)));
    let colon = tagged.rfind(':').filter(|at| !tagged[*at..].contains('/'));
    match (digest, colon) {
        (Some(digest), _) => format!("{}@{digest}", &tagged[..colon.unwrap_or(tagged.len())]),
        (None, Some(_)) => tagged.to_owned(),
        (None, None) => format!("{tagged}:latest"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_engine_is_known_by_its_architecture_and_by_its_api() {
        // Podman numbers its API like itself.
        for (printed, arch, start_interval) in [
            ("amd64 1.44\n", "amd64", true),
            ("arm64 1.51", "arm64", true),
            ("arm64 1.43", "arm64", false),
            ("amd64 5.2.1", "amd64", false),
            ("amd64 2.44", "amd64", false),
            ("amd64 ", "amd64", false),
            ("", "", false),
        ] {
            assert_eq!(Engine::parse(printed), Engine { arch: arch.to_owned(), start_interval }, "{printed:?}");
        }
    }

    #[test]
    fn a_builder_says_what_it_can_run() {
        let printed = "Name:          default\nDriver: docker\n\nNodes:\nName:  default\nStatus: running\n\
                       Platforms:        linux/amd64*, linux/amd64/v2, linux/arm64/v8, linux/386\nLabels:\n";
        let buildkit = BuildKit::parse("default".to_owned(), printed);
        assert!(buildkit.runs("amd64") && buildkit.runs("arm64") && !buildkit.runs("arm"));
        let without = BuildKit::parse("default".to_owned(), "Name: default\nError: not supported\n");
        assert!(without.platforms.is_empty());
    }

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

    #[test]
    fn podman_s_whole_names_are_those_of_the_compose_file() {
        let images = [
            image("1 amd64 localhost/temporal-dsql-runtime:test").unwrap(),
            image("2 amd64 docker.io/library/postgres:17.11 docker.io/grafana/loki:3.7.6").unwrap(),
        ];
        for (name, id) in [("temporal-dsql-runtime:test", "1"), ("postgres:17.11", "2"), ("grafana/loki:3.7.6", "2")] {
            assert_eq!(find_image(&images, name).unwrap().id, id, "{name}");
        }
        assert!(find_image(&images, "loki:3.7.6").is_none());
    }

    #[test]
    fn an_image_is_found_however_its_name_is_written() {
        let images = [image("sha256:1 arm64 postgres:17 a/b:1 postgres@sha256:2").unwrap()];
        for name in [
            "postgres:17",
            "library/postgres:17",
            "docker.io/library/postgres:17",
            "docker.io/a/b:1",
            "postgres@sha256:2",
            "docker.io/library/postgres:17@sha256:2",
        ] {
            assert!(find_image(&images, name).is_some(), "{name}");
        }
        for name in ["postgres", "postgres@sha256:3", "host:5000/postgres@sha256:2", "@", ":", "é/ü:", ""] {
            assert!(find_image(&images, name).is_none(), "{name}");
        }
    }
}
