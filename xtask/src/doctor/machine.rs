//! Docker, the engine and its machine.

use std::{path::Path, thread};

use serde_json::Value;
use xshell::{Shell, cmd};

use super::{Check, Status, images};
use crate::docker::containers::{self, Container};
use crate::docker::endpoint;
use crate::docker::engine::{self, ANSWER, Image, find_image};
use crate::machine::beside::beside;
use crate::machine::finding::{Finding, finding};
use crate::machine::process;
use crate::preflight;
use crate::settings::Settings;
use crate::stack::mode::Mode;
use crate::stack::{Stack, project};

const GIB: u64 = 1 << 30;

/// At rest the whole local stack holds 2.3 GiB, with larger builds of Grafana, Mimir and Loki 3 GiB, and Elasticsearch
/// needs a page cache beside it. A virtual machine that was given 4 GiB reports 3.8 of them.
const MEMORY_NEEDED: u64 = 7 * GIB / 2;
/// Compiling Temporal beside the running stack takes 2 GiB more; 6 GiB are reported as 5.8.
const MEMORY_WANTED: u64 = 11 * GIB / 2;
/// The stack starts with two, but its health checks and a build then compete.
const CPUS_WANTED: u64 = 4;
/// Elasticsearch stops allocating shards below 1 GiB, and logs are kept up to 30 MiB for each container.
const DISK_NEEDED: u64 = 2 * GIB;
/// All images take 5 GiB, and a build of Temporal leaves 4 GiB of cache.
const DISK_WANTED: u64 = 10 * GIB;

/// Few products can be given more by a command.
const ROOMIER: &str = "docker context ls  # an engine on a larger machine; a virtual one is given more in its settings";

pub(super) fn check(sh: &Shell, settings: &Settings, mode: Mode, stack: Option<&Stack>) -> Vec<Check> {
    let client = client(sh);
    if client.is_err() {
        return vec![Check::from("docker", client)];
    }
    thread::scope(|scope| {
        let compose = beside(scope, sh, engine::check_compose);
        let buildkit = beside(scope, sh, |sh| engine::buildkit(sh).is_some());
        let engine = engine::engine(sh).and_then(|it| {
            let arch = preflight::wanted_arch(mode, &it.arch);
            Ok((ask(sh, settings, stack, arch)?, it.arch))
        });
        let described = engine.as_ref().map(|((info, ..), arch)| describe(info, arch)).map_err(Finding::clone);
        let mut checks = vec![Check::from("docker", client), Check::from("engine", described)];
        checks.push(match compose() {
            Ok(it) => Check::of("compose", Status::Warn, engine::doubt(&it).into_iter().collect(), it),
            Err(it) => Check::from("compose", Err(it)),
        });
        checks.push(builder(buildkit()));
        let Ok(((info, images, containers, outdated), arch)) = engine else { return checks };
        let number = |name: &str| info[name].as_u64().unwrap_or(0);
        checks.extend([memory(number("MemTotal")), cpus(number("NCPU"))]);
        checks.extend(neighbours(&info));
        let is_there = |name: &str| find_image(&images, name).is_some();
        let complete = stack.is_none_or(|it| it.services.iter().all(|it| is_there(&it.image)));
        // Where it keeps images and volumes, on its own machine.
        let folder = info["DockerRootDir"].as_str().unwrap_or_default();
        checks.extend(disk(sh, Path::new(folder), complete));
        let Some(stack) = stack else { return checks };
        let arch = preflight::wanted_arch(mode, &arch);
        checks.extend(images::check(settings, &stack.services, &images, arch, outdated));
        checks.extend(occupied(sh, settings, stack, &containers));
        checks
    })
}

/// What `docker info` says, the images, the containers, and which images are older than their sources.
type Answers = (Value, Vec<Image>, Vec<Container>, Vec<Finding>);

fn ask(sh: &Shell, settings: &Settings, stack: Option<&Stack>, arch: &str) -> Result<Answers, Finding> {
    let answers = thread::scope(|scope| {
        let images = beside(scope, sh, move |sh| {
            let names = stack.into_iter().flat_map(|it| &it.services).map(|it| it.image.as_str());
            let mut images = engine::images(sh, names)?;
            engine::prefer_arch(sh, &mut images, arch)?;
            anyhow::Ok(images)
        });
        let list = move |sh: &Shell| stack.map_or(Ok(Vec::new()), |it| containers::list(sh, &it.project));
        let containers = beside(scope, sh, list);
        let outdated = beside(scope, sh, |sh| images::outdated(sh, settings));
        let info = engine::info(sh)?;
        anyhow::Ok((info, images()?, containers()?, outdated()))
    });
    answers.map_err(|e| finding(format!("the engine is there, but: {e:#}"), endpoint::find().restart()))
}

fn client(sh: &Shell) -> Result<String, Finding> {
    let printed = process::read_within(&mut cmd!(sh, "docker --version").into(), ANSWER)
        .map_err(|e| engine::missing_docker(&e))?;
    if printed.contains("podman") {
        let fix = "export DOCKER_HOST=unix://$XDG_RUNTIME_DIR/podman/podman.sock  # and install Docker's own CLI";
        return Err(finding("`docker` is Podman under another name, which speaks another dialect", fix));
    }
    // Docker version 28.2.2, build e6534b4
    Ok(printed.split([' ', ',']).nth(2).unwrap_or_default().to_owned())
}

fn describe(info: &Value, arch: &str) -> String {
    let route = endpoint::find();
    let product = match route.product() {
        Some(it) => format!("{}, ", it.name),
        None if is_rootless(info) => "rootless, ".to_owned(),
        None => String::new(),
    };
    let text = |name: &str| info[name].as_str().unwrap_or_default();
    format!("{product}{} on {}, {arch}, at {route}", text("ServerVersion"), text("OperatingSystem"))
}

fn is_rootless(info: &Value) -> bool {
    engine::has_security(info, "rootless")
}

fn builder(is_there: bool) -> Check {
    if is_there {
        return Check::ok("buildkit", "builds keep their caches");
    }
    let what = "`docker buildx` is missing or broken: builds work, but each change compiles Temporal from nothing";
    let fix = if cfg!(target_os = "macos") {
        "brew install docker-buildx  # its last lines say how Docker finds it"
    } else {
        "sudo apt-get install docker-buildx-plugin  # or see https://github.com/docker/buildx#installing"
    };
    Check::unwell("buildkit", Status::Warn, what, fix)
}

/// Whether what is published on 127.0.0.1 stays there. An engine in a virtual machine, or of a user's own, has no route
/// to its containers.
fn neighbours(info: &Value) -> Option<Check> {
    let route = endpoint::find();
    let is_native = cfg!(target_os = "linux") && route.product().is_none() && route.socket().is_some();
    let version = info["ServerVersion"].as_str()?;
    let major: u32 = version.split('.').next()?.parse().ok()?;
    let what = format!(
        "Docker {version} lets neighbours on this machine's network reach ports of 127.0.0.1, through the containers' \
         own addresses; 28 does not"
    );
    let fix = "sudo apt-get install --only-upgrade docker-ce  # or on an untrusted network: cargo xtask dev-down";
    (is_native && !is_rootless(info) && major < 28).then(|| Check::unwell("neighbours", Status::Warn, what, fix))
}

fn memory(bytes: u64) -> Check {
    let shown = format!("{:.1} GiB", bytes as f64 / GIB as f64);
    let (status, consequence) = match bytes {
        it if it < MEMORY_NEEDED => (Status::Fail, "the stack alone takes about 3 GiB, so services would be killed"),
        it if it < MEMORY_WANTED => {
            (Status::Warn, "enough for the stack, which takes about 3 GiB, but not for a build beside it")
        }
        _ => return Check::ok("memory", format!("{shown}; the stack takes about 3 GiB")),
    };
    Check::unwell("memory", status, format!("{shown}: {consequence}"), ROOMIER)
}

fn cpus(count: u64) -> Check {
    if count >= CPUS_WANTED {
        return Check::ok("cpus", count.to_string());
    }
    let what = format!("{count}: starting takes longer, and so does a build (better {CPUS_WANTED})");
    Check::unwell("cpus", Status::Warn, what, ROOMIER)
}

/// Room for images and data; `complete` says that no image is missing. `None` where nothing tells.
fn disk(sh: &Shell, engine: &Path, complete: bool) -> Option<Check> {
    let route = endpoint::find();
    let is_here = cfg!(target_os = "linux")
        && route.socket().is_some()
        && route.product().is_none_or(|it| !it.in_virtual_machine);
    let root = sh.current_dir();
    // An engine in a virtual machine keeps its disk in a file of this machine, which grows.
    let folders = is_here.then_some(engine).into_iter().chain([root.as_path()]);
    let (folder, free) = folders.filter(|it| it.exists()).find_map(|it| Some((it, free(sh, it)?)))?;
    let shown = format!("{:.1} GiB free at {}", free as f64 / GIB as f64, folder.display());
    let prune = "docker builder prune && docker image prune  # each names what it removes, and asks";
    let (status, consequence) = match free {
        it if it < DISK_NEEDED => (Status::Fail, "Elasticsearch refuses to write on a full disk"),
        it if it < DISK_WANTED && !complete => {
            (Status::Warn, "images are missing, and all of them with a build take 10 GiB")
        }
        _ => return Some(Check::ok("disk", shown)),
    };
    Some(Check::unwell("disk", status, format!("{shown}: {consequence}"), prune))
}

fn free(sh: &Shell, folder: &Path) -> Option<u64> {
    let printed = process::read_within(&mut cmd!(sh, "df -Pk {folder}").into(), ANSWER).ok()?;
    free_in(&printed)
}

/// The column before the percentage; the names around it may hold spaces.
fn free_in(printed: &str) -> Option<u64> {
    let words: Vec<&str> = printed.lines().nth(1)?.split_whitespace().collect();
    let capacity = words.iter().position(|it| it.strip_suffix('%').is_some_and(|it| it.parse::<u8>().is_ok()))?;
    words.get(capacity.checked_sub(1)?)?.parse::<u64>().ok()?.checked_mul(1024)
}

/// With a project's name that `env` calls wrong there is nothing to say of the project.
fn occupied(sh: &Shell, settings: &Settings, stack: &Stack, containers: &[Container]) -> impl Iterator<Item = Check> {
    let ours = preflight::ours(settings, containers);
    let project = ours.map(|it| {
        let foreign = project::foreign(sh, &stack.project, it).into_iter().collect();
        Check::of("project", Status::Fail, foreign, format!("{} belongs to this checkout", stack.project))
    });
    let taken = preflight::taken_ports(sh, &stack.services, ours, stack.mode.port_offset);
    let count: usize = stack.services.iter().map(|it| it.ports.len()).sum();
    let offset = match stack.mode.port_offset {
        0 => String::new(),
        it => format!(", moved up by {it}"),
    };
    let ports = Check::of("ports", Status::Fail, taken, format!("all {count} are free or ours{offset}"));
    project.into_iter().chain([ports])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_as_a_virtual_machine_reports_it_is_judged_by_what_it_was_given() {
        // A little of the 2, 4, 6 and 8 GiB goes to the kernel.
        for (reported, status) in [(1.9, Status::Fail), (3.8, Status::Warn), (5.8, Status::Ok), (7.7, Status::Ok)] {
            let check = memory((reported * GIB as f64) as u64);
            assert_eq!(check.status, status, "{}", check.detail);
            assert!(check.detail.starts_with(&format!("{reported} GiB")), "{}", check.detail);
        }
    }

    #[test]
    fn few_processors_are_a_warning_only() {
        assert_eq!((cpus(2).status, cpus(4).status), (Status::Warn, Status::Ok));
    }

    #[test]
    fn free_space_is_read_whatever_the_names_around_it() {
        let head = "Filesystem     1024-blocks     Used Available Capacity Mounted on\n";
        for (line, free) in [
            ("/dev/vda         264212084 40421040  55080224      43% /var/lib/docker", Some(55_080_224 << 10)),
            ("map auto_home  0 0 7 100%  /System/Volumes/my 5% disk", Some(7 << 10)),
            ("overlay - - - - /", None),
            ("", None),
        ] {
            assert_eq!(free_in(&format!("{head}{line}\n")), free, "{line}");
        }
        assert_eq!(free_in(""), None);
    }
}
