//! Questions to the Docker engine that change nothing.

use std::{fs, process::Command, time::Duration};

use anyhow::{Context, Result};
use serde_json::Value;
use xshell::{Shell, cmd};

use crate::docker::endpoint::{self, Source};
use crate::docker::supply;
use crate::machine::exit::{self, PREREQUISITE, exit};
use crate::machine::few;
use crate::machine::finding::{Finding, finding};
use crate::machine::process;

/// The oldest Compose that replaces a list with `!override`, as the generated file does for shifted ports.
pub(crate) const COMPOSE_FLOOR: (u32, u32) = (2, 24);

/// How long an engine may take to say that it is there: one that was put to sleep needs seconds to wake up.
const GREETING: Duration = Duration::from_secs(10);
/// How long it may take for any other answer, under load.
pub(crate) const ANSWER: Duration = Duration::from_secs(30);
/// How long it may take to stop or to start the stack, under load: each container is given 10 s to stop.
pub(crate) const CHANGE: Duration = Duration::from_secs(600);

pub(crate) struct Image {
    pub id: String,
    /// In Docker's spelling; empty where the engine has no part of it for itself (see [`prefer_arch`]).
    pub arch: String,
    /// Its tags, then its digests, as the engine writes them: without Docker Hub's host.
    pub names: Vec<String>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Engine {
    /// Its architecture, in Docker's spelling.
    pub arch: String,
    /// Whether it can look at starting containers more often: where it cannot, Compose refuses the key.
    pub start_interval: bool,
}

impl Engine {
    /// Reads `ARCH API`. `start_interval` came with version 1.44 of the API, in Engine 25; Podman numbers its own.
    fn parse(printed: &str) -> Engine {
        let (arch, api) = printed.trim().split_once(' ').unwrap_or((printed.trim(), ""));
        Engine { arch: arch.to_owned(), start_interval: parse_version(api).is_some_and(|(a, b)| a == 1 && b >= 44) }
    }
}

pub(crate) fn engine(sh: &Shell) -> Result<Engine, Finding> {
    let mut command = Command::from(cmd!(sh, "docker version --format '{{.Server.Arch}} {{.Server.APIVersion}}'"));
    let output = process::capture_within(&mut command, GREETING).map_err(|e| missing_docker(&e))?;
    let route = endpoint::find();
    let Some(output) = output else {
        let seconds = GREETING.as_secs();
        let what = format!("the engine at {route} takes connections and has not answered within {seconds} s");
        return Err(finding(what, route.restart()));
    };
    if output.status.success() {
        return Ok(Engine::parse(&String::from_utf8_lossy(&output.stdout)));
    }
    let reason = String::from_utf8_lossy(&output.stderr);
    let reason = reason.trim().lines().last().unwrap_or("no reason given");
    if reason.contains("client version") && reason.contains("too old") {
        let what = format!("the Docker CLI is too old for the engine at {route}: {reason}");
        return Err(finding(what, install_docker()));
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

pub(crate) fn missing_docker(error: &anyhow::Error) -> Finding {
    let what = format!("{error:#}");
    finding(what.split(';').next().unwrap_or_default(), install_docker())
}

fn install_docker() -> String {
    let known = supply::packages(&fs::read_to_string("/etc/os-release").unwrap_or_default());
    let command = known.unwrap_or_else(|| "curl -fsSL https://get.docker.com | sudo sh".to_owned());
    command + "  # or another way: https://docs.docker.com/get-docker/"
}

/// Checks that Compose is there and new enough, and returns its version. That Docker itself is missing is found by
/// [`engine`]: without it there is no Compose to speak of, and no version.
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
    let Ok(version) = standalone.as_deref().map(str::trim) else {
        return finding("Docker has no Compose: `docker compose version` fails", install_compose());
    };
    if parse_version(version).is_none_or(|it| it < COMPOSE_FLOOR) {
        let what = format!("`docker compose` is missing; the `docker-compose` that is there, {version}, is too old");
        return finding(what, install_compose());
    }
    let what =
        format!("`docker compose` is missing, though `docker-compose` is there, {version}: Docker has to find it");
    finding(what, format!("mkdir -p {folder} && ln -sf \"$(command -v docker-compose)\" {folder}/docker-compose"))
}

/// Its makers' way by hand, which is the same everywhere.
fn install_compose() -> String {
    let system = if cfg!(target_os = "macos") { "darwin" } else { std::env::consts::OS };
    let file = format!("docker-compose-{system}-{}", std::env::consts::ARCH);
    let url = format!("https://github.com/docker/compose/releases/latest/download/{file}");
    let folder = plugins();
    let plugin = format!("{folder}/docker-compose");
    format!("mkdir -p {folder} && curl -fsSL -o {plugin} {url} && chmod +x {plugin}")
}

fn plugins() -> String {
    endpoint::config_folder() + "/cli-plugins"
}

/// What the engine says about itself and its machine, as `docker info` prints it.
pub(crate) fn info(sh: &Shell) -> Result<Value> {
    let printed = process::read_within(&mut cmd!(sh, "docker info --format '{{json .}}'").into(), ANSWER)?;
    serde_json::from_str(&printed).context("`docker info` printed no JSON")
}

/// Whether [`info`] names this option among those of the engine's security: `rootless`, `userns`.
pub(crate) fn has_security(info: &Value, option: &str) -> bool {
    info["SecurityOptions"].to_string().contains(&format!("name={option}"))
}

/// Whether the engine can limit processors; one that cannot makes no container with such a limit. Where it does not say,
/// it can.
pub(crate) fn limits_cpus(sh: &Shell) -> bool {
    let printed = process::read_within(&mut cmd!(sh, "docker info --format '{{.CPUCfsQuota}}'").into(), ANSWER);
    printed.map_or(true, |it| it.trim() != "false")
}

/// The engine's own BuildKit.
pub(crate) struct BuildKit {
    /// What `buildx` calls it: another builder that the user has selected may run elsewhere, without our images.
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
pub(crate) fn images<'a>(sh: &Shell, names: impl IntoIterator<Item = &'a str>) -> Result<Vec<Image>> {
    inspect(sh, &[], &few::unique(names))
}

/// Gives `arch` to those of these images that are there for it beside another architecture: of several under one name,
/// as the containerd image store keeps them, an engine shows its own, or none. An old engine changes nothing here.
pub(crate) fn prefer_arch(sh: &Shell, images: &mut [Image], arch: &str) -> Result<()> {
    let foreign = images.iter().filter(|it| it.arch != arch).filter_map(|it| it.names.first());
    let names = few::unique(foreign.map(String::as_str));
    let found = inspect(sh, &["--platform", &format!("linux/{arch}")], &names)?;
    // Under a platform an image has another id.
    let is_there = |it: &Image| found.iter().any(|other| other.arch == arch && other.names.first() == it.names.first());
    images.iter_mut().filter(|it| is_there(it)).for_each(|it| arch.clone_into(&mut it.arch));
    Ok(())
}

fn inspect(sh: &Shell, options: &[&str], names: &[&str]) -> Result<Vec<Image>> {
    if names.is_empty() {
        return Ok(Vec::new());
    }
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
mod tests;
