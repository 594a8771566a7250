//! Everything that can be found wrong before a container starts is found here, all of it at once.

pub(crate) mod readable;

use std::path::PathBuf;
use std::thread;

use anyhow::Result;
use xshell::Shell;

use crate::aws::credentials::Credentials;
use crate::cli::flags::Cluster;
use crate::docker::containers::{self, Container};
use crate::docker::engine::{self, Engine, Image};
use crate::docker::{endpoint, ports};
use crate::images::build;
use crate::images::missing::Missing;
use crate::machine::beside::beside;
use crate::machine::exit::prerequisites;
use crate::machine::few;
use crate::machine::finding::{Finding, finding};
use crate::schema;
use crate::settings::checkouts::COPILOT;
use crate::settings::{Settings, needs, template};
use crate::stack::mode::Mode;
use crate::stack::service::Service;
use crate::stack::{Stack, project};

/// What preflight found, all of it in order.
pub(crate) struct Preflight {
    pub settings: Settings,
    pub stack: Stack,
    pub containers: Vec<Container>,
    pub images: Vec<Image>,
    pub rendered: Vec<(Cluster, String)>,
    /// What is no reason not to start.
    pub notes: Vec<Finding>,
    /// What the containers get of AWS; with `--local` nothing that is worth asking for.
    pub credentials: Option<Credentials>,
}

/// Checks everything that `dev-up` of these services needs, with their schemas or without, and changes nothing. What
/// `missing` lists may be missing: it is made before anything starts. All findings are one error with exit code 3.
pub(crate) fn preflight(
    sh: &Shell,
    mode: Mode,
    services: &[String],
    with_schema: bool,
    missing: &Missing,
) -> Result<Preflight> {
    let settings = Settings::load(sh, mode.local);
    let mut findings = needs::findings(sh, &settings, "dev-up", true);
    let rendered = template::render(sh, &settings, Cluster::ALL).unwrap_or_else(|found| {
        findings.extend(found);
        Vec::new()
    });

    // The engine's architecture decides on one file only, and every other answer can be had beside it.
    let draft = Stack::load(sh, &settings, mode, None).map_err(|e| {
        findings.push(finding(format!("{e:#}"), ""));
        prerequisites("cannot start", std::mem::take(&mut findings)).expect_err("there is at least this finding")
    })?;
    draft.check_names(services)?;
    let closure = draft.closure(services);
    if with_schema {
        let there: Vec<&Service> = closure.iter().copied().filter(|it| !missing.clones_for(it)).collect();
        findings.extend(schema::missing_checkouts(sh, &draft, &settings, &there));
    }
    findings.extend(mode.live.then(|| COPILOT.find(sh, &settings, None).err()).flatten());
    let wanted: Vec<Service> = closure.into_iter().cloned().collect();
    let answers = ask(sh, &draft.project, &wanted, &settings);
    findings.extend(answers.engine.as_ref().err().cloned());
    let notes = answers.compose.as_deref().ok().and_then(engine::doubt).into_iter().collect();
    findings.extend(answers.compose.err());
    let credentials = answers.credentials.transpose().unwrap_or_else(|it| {
        findings.push(it);
        None
    });
    findings.extend(mounts(sh, &wanted));
    findings.extend(readable::findings(sh, &wanted));
    findings.extend(answers.moved);
    let Ok(engine) = answers.engine else {
        findings.extend(taken_ports(sh, &wanted, None, mode.port_offset));
        prerequisites("cannot start", findings)?;
        unreachable!("there is at least the engine's finding");
    };
    let (containers, mut images) = (answers.containers?, answers.images?);
    let arch = wanted_arch(mode, &engine.arch);
    engine::prefer_arch(sh, &mut images, arch)?;
    let stack = Stack::load(sh, &settings, mode, Some(&engine))?.about_to_be_written();
    // What is built is for the engine's own processor.
    let is_built = |it: &Service| arch == engine.arch && missing.builds_for(it, &settings);
    let judged: Vec<Service> = wanted.iter().filter(|it| !is_built(it)).cloned().collect();
    findings.extend(missing_images(&images, &judged, &settings));
    let is_pulled = |it: &Service| build::target_of(it).is_none() && engine::find_image(&images, &it.image).is_none();
    findings.extend(wanted.iter().any(is_pulled).then(endpoint::missing_helper).flatten());
    findings.extend(foreign_images(&images, &judged, arch));
    findings.extend(project::foreign(sh, &stack.project, &containers));
    findings.extend(taken_ports(sh, &wanted, ours(&settings, &containers), mode.port_offset));
    prerequisites("cannot start", findings)?;
    Ok(Preflight { settings, stack, containers, images, rendered, notes, credentials })
}

struct Answers {
    engine: Result<Engine, Finding>,
    compose: Result<String, Finding>,
    images: Result<Vec<Image>>,
    containers: Result<Vec<Container>>,
    credentials: Option<Result<Credentials, Finding>>,
    moved: Option<Finding>,
}

/// Asks everything at once: each answer takes a moment.
fn ask(sh: &Shell, project: &str, services: &[Service], settings: &Settings) -> Answers {
    thread::scope(|scope| {
        let compose = beside(scope, sh, engine::check_compose);
        let images = beside(scope, sh, |sh| engine::images(sh, services.iter().map(|it| it.image.as_str())));
        let containers = beside(scope, sh, |sh| containers::list(sh, project));
        let keys = beside(scope, sh, |sh| (!settings.local).then(|| Credentials::get(sh, settings)));
        let moved = beside(scope, sh, |sh| readable::moved(sh, settings));
        let engine = engine::engine(sh);
        let moved = moved();
        Answers { moved, engine, compose: compose(), images: images(), containers: containers(), credentials: keys() }
    })
}

/// The architecture that images have to be for: the user's choice, else the engine's.
pub(crate) fn wanted_arch(mode: Mode, engine: &str) -> &str {
    mode.platform.map_or(engine, |it| it.arch())
}

/// Images that are missing and that only a build brings. All others are pulled.
pub(crate) fn missing_images(images: &[Image], services: &[Service], settings: &Settings) -> Vec<Finding> {
    let own = few::unique(services.iter().filter_map(|it| Some((it.image.as_str(), build::target_of(it)?))));
    let missing = own.into_iter().filter(|(image, _)| engine::find_image(images, image).is_none());
    missing
        .map(|(image, target)| {
            let variable = build::image_variable(target);
            let fix = if build::makes(target, settings) {
                format!("cargo xtask dev-build {}  # `dev-up --build` does both", target.as_str())
            } else {
                format!("docker pull {image}  # or leave {variable} out, and build with `cargo xtask dev-build`")
            };
            finding(format!("the image {image} is not there"), fix)
        })
        .collect()
}

/// Images that are there, but for another processor than the one wanted.
pub(crate) fn foreign_images(images: &[Image], services: &[Service], arch: &str) -> Vec<Finding> {
    let names = few::unique(services.iter().map(|it| (it.image.as_str(), build::target_of(it))));
    let foreign = names.into_iter().filter_map(|(image, target)| {
        let it = engine::find_image(images, image).filter(|it| it.arch != arch)?;
        let fix = match target {
            Some(what) => format!("cargo xtask dev-build {} --arch {arch}", what.as_str()),
            None => format!("docker pull --platform linux/{arch} {image}"),
        };
        let theirs = if it.arch.is_empty() { "another processor" } else { &it.arch };
        Some(finding(format!("the image {image} is for {theirs}, and {arch} is wanted"), fix))
    });
    foreign.collect()
}

/// What services mount from the repository and is not there.
pub(crate) fn mounts(sh: &Shell, services: &[Service]) -> Vec<Finding> {
    let missing = services.iter().flat_map(|service| {
        let gone = service.mounts.iter().filter(|it| !it.starts_with("dev/.rendered") && !sh.path_exists(it));
        gone.map(|it| (it, service.name.as_str()))
    });
    let describe = |(mount, names): (&PathBuf, Vec<&str>)| {
        let (shown, verb) = (mount.display(), if names.len() == 1 { "mounts" } else { "mount" });
        let what = format!("{shown}, which {} {verb}, is missing", names.join(", "));
        finding(what, format!("git checkout -- {shown}"))
    };
    few::grouped(missing).into_iter().map(describe).collect()
}

/// Our project's containers, where its name is one that they can have.
pub(crate) fn ours<'a>(settings: &Settings, containers: &'a [Container]) -> Option<&'a [Container]> {
    settings.wrong_project().is_none().then_some(containers)
}

/// Host ports, which have this offset already, of services that do not run, and that somebody else has. Where it is not
/// known which containers are ours, only processes that certainly hold a port for none.
pub(crate) fn taken_ports(
    sh: &Shell,
    services: &[Service],
    containers: Option<&[Container]>,
    offset: u16,
) -> Vec<Finding> {
    let holds = |it: &Container| matches!(it.status.as_str(), "running" | "paused" | "restarting");
    let runs = |it: &&Service| containers.into_iter().flatten().any(|c| c.service == it.name && holds(c));
    let ports = services.iter().filter(|it| !runs(it)).flat_map(|it| it.ports.iter().map(move |port| (it, port.host)));
    let taken: Vec<(&Service, u16)> = ports.filter(|(_, port)| ports::is_taken(*port)).collect();
    if taken.is_empty() {
        return Vec::new();
    }
    let all: Vec<u16> = services.iter().flat_map(|it| it.ports.iter().map(|it| it.host - offset)).collect();
    let moved = free_offset(&all, &ports::is_taken).map(|it| format!("cargo xtask dev-up --port-offset {it}"));
    let owned = taken.into_iter().filter_map(|(service, port)| {
        let owner = if containers.is_some() { ports::owner(sh, port) } else { ports::stranger(sh, port) };
        (containers.is_some() || owner.is_some()).then_some((owner, (port, service.name.as_str())))
    });
    let describe = |(owner, taken): (Option<ports::Owner>, Vec<(u16, &str)>)| {
        let by = owner.as_ref().map_or(String::new(), |it| format!(" by {}", it.name));
        let mut names: Vec<&str> = taken.iter().map(|(_, name)| *name).collect();
        names.dedup();
        let numbers = taken.iter().map(|(port, _)| port.to_string()).collect::<Vec<_>>().join(", ");
        let (port, is) = if taken.len() == 1 { ("port", "is") } else { ("ports", "are") };
        let need = if names.len() == 1 { "needs" } else { "need" };
        let fix = match (owner, &moved) {
            (Some(it), Some(moved)) => format!("{moved}  # or: {}", it.stop),
            (Some(it), None) => it.stop,
            (None, Some(moved)) => moved.clone(),
            (None, None) => format!("sudo lsof -nP -iTCP:{} -sTCP:LISTEN  # shows who has it", taken[0].0),
        };
        finding(format!("{port} {numbers}, which {} {need}, {is} taken{by}", names.join(", ")), fix)
    };
    few::grouped(owned).into_iter().map(describe).collect()
}

/// How far all these ports would have to be moved, in thousands, to be free.
fn free_offset(ports: &[u16], is_taken: &dyn Fn(u16) -> bool) -> Option<u16> {
    let is_free = |port: u16, offset: u16| port.checked_add(offset).is_some_and(|it| !is_taken(it));
    (1..50).map(|it| it * 1000).find(|offset| ports.iter().all(|port| is_free(*port, *offset)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ports_move_to_where_all_of_them_are_free() {
        assert_eq!(free_offset(&[3000, 8080], &|it| it == 4000 || it == 10_080), Some(3000));
        assert_eq!(free_offset(&[65_000], &|_| false), None);
        assert_eq!(free_offset(&[3000], &|_| true), None);
    }
}
