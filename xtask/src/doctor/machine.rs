//! Docker, the engine and its machine.

use std::{collections::BTreeSet, path::Path, thread};

use xshell::{Shell, cmd};

use super::{Check, Status, images};
use crate::{
    docker::{
        containers::{self, Container},
        endpoint::{self, Kind},
        engine::{self, ANSWER, Image, Info, find_image},
    },
    machine::{
        finding::{Finding, finding},
        process,
    },
    preflight,
    settings::Settings,
    stack::{Stack, mode::Mode, project},
};

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

pub(super) fn check(sh: &Shell, settings: &Settings, mode: Mode, stack: Option<&Stack>) -> Vec<Check> {
    let client = client(sh);
    if client.is_err() {
        return vec![Check::from("docker", client)];
    }
    let (for_compose, for_buildkit) = (sh.clone(), sh.clone());
    thread::scope(|scope| {
        let compose = scope.spawn(move || engine::check_compose(&for_compose));
        let buildkit = scope.spawn(move || engine::buildkit(&for_buildkit).is_some());
        let engine = engine::engine(sh).and_then(|it| {
            let arch = preflight::wanted_arch(mode, &it.arch);
            Ok((ask(sh, settings, stack, arch)?, it.arch))
        });

        let join = "a check does not panic";
        let described = engine.as_ref().map(|(it, arch)| describe(&it.info, arch)).map_err(Finding::clone);
        let mut checks = vec![Check::from("docker", client), Check::from("engine", described)];
        checks.push(match compose.join().expect(join) {
            Ok(it) => Check::of("compose", Status::Warn, engine::doubt(&it).into_iter().collect(), it),
            Err(it) => Check::from("compose", Err(it)),
        });
        checks.push(builder(buildkit.join().expect(join)));
        let Ok((answers, arch)) = engine else { return checks };
        checks.extend([memory(&answers.info), cpus(&answers.info)]);
        checks.extend(neighbours(&answers.info));
        let complete =
            stack.is_none_or(|it| it.services.iter().all(|it| find_image(&answers.images, &it.image).is_some()));
        checks.extend(disk(sh, &answers.info, complete));
        let Some(stack) = stack else { return checks };
        checks.extend(images::check(
            settings,
            &stack.services,
            &answers.images,
            preflight::wanted_arch(mode, &arch),
            answers.outdated,
        ));
        checks.extend(occupied(sh, settings, stack, &answers.containers));
        checks
    })
}

/// What an engine that is there was asked.
struct Answers {
    info: Info,
    images: Vec<Image>,
    containers: Vec<Container>,
    /// Images that are older than their sources.
    outdated: Vec<Finding>,
}

fn ask(sh: &Shell, settings: &Settings, stack: Option<&Stack>, arch: &str) -> Result<Answers, Finding> {
    let (for_images, for_containers, for_ages) = (sh.clone(), sh.clone(), sh.clone());
    let answers = thread::scope(|scope| {
        let images = scope.spawn(move || {
            let names: BTreeSet<&str> =
                stack.into_iter().flat_map(|it| &it.services).map(|it| it.image.as_str()).collect();
            let names: Vec<&str> = names.into_iter().collect();
            if names.is_empty() {
                return Ok(Vec::new());
            }
            let mut images = engine::images(&for_images, &names)?;
            engine::prefer_arch(&for_images, &mut images, arch)?;
            anyhow::Ok(images)
        });
        let containers =
            scope.spawn(move || stack.map_or(Ok(Vec::new()), |it| containers::list(&for_containers, &it.project)));
        let outdated = scope.spawn(move || images::outdated(&for_ages, settings));
        let info = engine::info(sh)?;
        let join = "a question to the engine does not panic";
        anyhow::Ok(Answers {
            info,
            images: images.join().expect(join)?,
            containers: containers.join().expect(join)?,
            outdated: outdated.join().expect(join),
        })
    });
    answers.map_err(|e| finding(format!("the engine is there, but: {e:#}"), endpoint::find().restart()))
}

fn client(sh: &Shell) -> Result<String, Finding> {
    let printed = process::read_within(&mut cmd!(sh, "docker --version").into(), ANSWER)
        .map_err(|e| engine::missing_docker(&e))?;
    if printed.contains("podman") {
        return Err(finding(
            "`docker` is Podman under another name, which speaks another dialect",
            "export DOCKER_HOST=unix://$XDG_RUNTIME_DIR/podman/podman.sock  # and install Docker's own CLI",
        ));
    }
    // Docker version 28.2.2, build e6534b4
    let version = printed.split([' ', ',']).nth(2).unwrap_or_default();
    Ok(version.to_owned())
}

fn describe(info: &Info, arch: &str) -> String {
    let route = endpoint::find();
    let product = match route.kind() {
        Kind::Service | Kind::Unknown | Kind::Remote if info.rootless => "rootless, ".to_owned(),
        Kind::Service | Kind::Unknown | Kind::Remote => String::new(),
        kind => format!("{kind}, "),
    };
    format!("{product}{} on {}, {arch}, at {route}", info.version, info.system)
}

fn builder(is_there: bool) -> Check {
    let findings = (!is_there).then(|| {
        let fix = if cfg!(target_os = "macos") {
            "brew install docker-buildx  # its last lines say how Docker finds it"
        } else {
            "sudo apt-get install docker-buildx-plugin  # or see https://github.com/docker/buildx#installing"
        };
        finding(
            "`docker buildx` is missing or broken: builds work, but each change compiles Temporal from nothing",
            fix,
        )
    });
    Check::of("buildkit", Status::Warn, findings.into_iter().collect(), "builds keep their caches")
}

/// Whether what is published on 127.0.0.1 stays there. An engine in a virtual machine, or of a user's own, has no route
/// to its containers.
fn neighbours(info: &Info) -> Option<Check> {
    let is_native = matches!(endpoint::find().kind(), Kind::Service | Kind::Unknown) && cfg!(target_os = "linux");
    let major: u32 = info.version.split('.').next()?.parse().ok()?;
    let what = format!(
        "Docker {} lets neighbours on this machine's network reach ports of 127.0.0.1, through the containers' own \
         addresses; 28 does not",
        info.version
    );
    let fix = "sudo apt-get install --only-upgrade docker-ce  # or on an untrusted network: cargo xtask dev-down";
    (is_native && !info.rootless && major < 28)
        .then(|| Check::of("neighbours", Status::Warn, vec![finding(what, fix)], ""))
}

fn memory(info: &Info) -> Check {
    let shown = format!("{:.1} GiB", info.memory as f64 / GIB as f64);
    let (status, consequence) = match info.memory {
        it if it < MEMORY_NEEDED => (Status::Fail, "the stack alone takes about 3 GiB, so services would be killed"),
        it if it < MEMORY_WANTED => {
            (Status::Warn, "enough for the stack, which takes about 3 GiB, but not for a build beside it")
        }
        _ => return Check::ok("memory", format!("{shown}; the stack takes about 3 GiB")),
    };
    Check::of("memory", status, vec![finding(format!("{shown}: {consequence}"), endpoint::find().give("memory"))], "")
}

fn cpus(info: &Info) -> Check {
    let count = info.cpus;
    let findings = if count < CPUS_WANTED {
        vec![finding(
            format!("{count}: starting takes longer, and so does a build (better {CPUS_WANTED})"),
            endpoint::find().give("processors"),
        )]
    } else {
        Vec::new()
    };
    Check::of("cpus", Status::Warn, findings, count.to_string())
}

/// Room for images and data; `complete` says that no image is missing. `None` where nothing tells.
fn disk(sh: &Shell, info: &Info, complete: bool) -> Option<Check> {
    let route = endpoint::find();
    let is_here = cfg!(target_os = "linux") && matches!(route.kind(), Kind::Service | Kind::Rootless | Kind::Unknown);
    let root = sh.current_dir();
    // An engine in a virtual machine keeps its disk in a file of this machine, which grows.
    let folders = is_here.then_some(info.folder.as_path()).into_iter().chain([root.as_path()]);
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
    Some(Check::of("disk", status, vec![finding(format!("{shown}: {consequence}"), prune)], ""))
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

    fn info(cpus: u64, memory: u64) -> Info {
        let folder = Path::new("/nowhere").to_owned();
        Info { version: "28.0".to_owned(), system: "Debian".to_owned(), rootless: false, cpus, memory, folder }
    }

    #[test]
    fn memory_as_a_virtual_machine_reports_it_is_judged_by_what_it_was_given() {
        // A little of the 2, 4, 6 and 8 GiB goes to the kernel.
        for (reported, status) in [(1.9, Status::Fail), (3.8, Status::Warn), (5.8, Status::Ok), (7.7, Status::Ok)] {
            let check = memory(&info(4, (reported * GIB as f64) as u64));
            assert_eq!(check.status, status, "{}", check.detail);
            assert!(check.detail.starts_with(&format!("{reported} GiB")), "{}", check.detail);
        }
    }

    #[test]
    fn few_processors_are_a_warning_only() {
        assert_eq!((cpus(&info(2, 0)).status, cpus(&info(4, 0)).status), (Status::Warn, Status::Ok));
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
