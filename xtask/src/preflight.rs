//! Everything that can be found wrong before a container starts is found here, all of it at once.

use std::{collections::BTreeSet, thread};

use anyhow::Result;
use xshell::Shell;

use crate::{
    containers::{self, Container},
    dev_build,
    engine::{self, Image},
    exit::prerequisites,
    flags::Cluster,
    mode::Mode,
    ports, render, schema,
    settings::{ENV_FILE, Settings},
    stack::{Service, Stack, is_amd64},
};

const HOSTS: [&str; 2] = ["TEMPORAL_SQL_HOST", "COPILOT_DSQL_HOST"];

/// What preflight found, all of it in order.
pub struct Preflight {
    pub settings: Settings,
    pub stack: Stack,
    pub containers: Vec<Container>,
    pub images: Vec<Image>,
    pub rendered: Vec<(Cluster, String)>,
}

/// Checks everything that `dev-up` of these services needs, with their schemas or without, and changes nothing.
///
/// # Errors
/// All findings in one error with exit code 3.
pub fn preflight(sh: &Shell, mode: Mode, services: &[String], with_schema: bool) -> Result<Preflight> {
    let settings = Settings::load(sh, mode.local);
    let mut findings = variables(sh, &settings, "dev-up", true);
    let rendered = render::render(sh, &settings, Cluster::ALL).unwrap_or_else(|found| {
        findings.extend(found);
        Vec::new()
    });

    // The engine's architecture decides on one file only, and every other answer can be had beside it.
    let draft = Stack::load(sh, &settings, mode, false).map_err(|e| {
        findings.push(format!("{e:#}"));
        prerequisites("cannot start", &findings).expect_err("there is at least this finding")
    })?;
    draft.check_names(services)?;
    let closure = draft.closure(services);
    if with_schema {
        findings.extend(schema::missing_checkouts(sh, &draft, &settings, &closure));
    }
    let wanted: Vec<Service> = closure.into_iter().cloned().collect();
    let names: BTreeSet<&str> = wanted.iter().map(|it| it.image.as_str()).collect();
    let names: Vec<&str> = names.into_iter().collect();
    let shells = [sh.clone(), sh.clone(), sh.clone()];
    let [for_compose, for_images, for_containers] = shells;
    let project = draft.project.clone();
    let (arch, compose, images, containers) = thread::scope(|scope| {
        let compose = scope.spawn(move || engine::check_compose(&for_compose));
        let images = scope.spawn(move || engine::images(&for_images, &names));
        let containers = scope.spawn(move || containers::list(&for_containers, &project));
        let arch = engine::arch(sh);
        let join = "a question to the engine does not panic";
        (arch, compose.join().expect(join), images.join().expect(join), containers.join().expect(join))
    });
    findings.extend(arch.as_ref().err().cloned());
    findings.extend(compose.err());
    findings.extend(mounts(sh, &settings, &wanted));
    let Ok(arch) = arch else {
        findings.extend(taken_ports(sh, &wanted, &[]));
        prerequisites("cannot start", &findings)?;
        unreachable!("there is at least the engine's finding");
    };
    let (containers, images) = (containers?, images?);
    let mut stack = Stack::load(sh, &settings, mode, is_amd64(mode.platform, &arch))?;
    stack.generated = true;
    findings.extend(missing_images(&images, &wanted));
    findings.extend(foreign_images(&images, &wanted, mode.platform.map_or(&*arch, |it| it.arch())));
    findings.extend(foreign_containers(sh, &stack, &containers));
    findings.extend(taken_ports(sh, &wanted, &containers));
    prerequisites("cannot start", &findings)?;
    Ok(Preflight { settings, stack, containers, images, rendered })
}

/// Everything that is missing or wrong with the variables that `command` needs, with the databases' hosts or without.
pub fn variables(sh: &Shell, settings: &Settings, command: &str, hosts: bool) -> Vec<String> {
    let mut problems: Vec<_> = settings.problems.iter().collect();
    let mut findings = Vec::new();
    let unknown = !sh.path_exists(ENV_FILE) && HOSTS.iter().all(|it| settings.origin(it).is_none());
    if unknown || !hosts {
        problems.retain(|it| it.name.is_none_or(|name| !HOSTS.contains(&name)));
    }
    if unknown && hosts {
        findings.push(format!(
            "there is no {ENV_FILE}, so no Aurora DSQL cluster is known\n\
             without AWS: `cargo xtask {command} --local`\n\
             with AWS: `cp dev/.env.example {ENV_FILE}`, then fill in the endpoints of your two clusters"
        ));
    }
    findings.extend(problems.into_iter().map(|it| it.text.clone()));
    findings
}

/// Images that only a build brings. All others are pulled.
fn missing_images(images: &[Image], services: &[Service]) -> Vec<String> {
    let own: BTreeSet<(&str, &str)> =
        services.iter().filter_map(|it| Some((it.image.as_str(), dev_build::target_of(&it.name)?.as_str()))).collect();
    let missing = own.into_iter().filter(|(image, _)| engine::find_image(images, image).is_none());
    missing
        .map(|(image, what)| {
            format!(
                "the image {image} is not there\n`cargo xtask dev-build {what}` builds it (`dev-up --build` does both)"
            )
        })
        .collect()
}

/// Images that are there, but for another processor than the one wanted.
fn foreign_images(images: &[Image], services: &[Service], arch: &str) -> Vec<String> {
    let names: BTreeSet<(&str, &str)> = services.iter().map(|it| (it.image.as_str(), it.name.as_str())).collect();
    let foreign = names.into_iter().filter_map(|(image, service)| {
        let it = engine::find_image(images, image).filter(|it| it.arch != arch)?;
        let remedy = match dev_build::target_of(service) {
            Some(what) => format!("`cargo xtask dev-build {} --arch {arch}` builds the right one", what.as_str()),
            None => format!("`docker pull --platform linux/{arch} {image}` brings the right one"),
        };
        Some(format!("the image {image} is for {}, and {arch} is wanted\n{remedy}", it.arch))
    });
    let mut findings: Vec<String> = foreign.collect();
    findings.dedup();
    findings
}

fn mounts(sh: &Shell, settings: &Settings, services: &[Service]) -> Vec<String> {
    let mut findings = Vec::new();
    for service in services {
        for mount in service.mounts.iter().filter(|it| !it.starts_with("dev/.rendered") && !sh.path_exists(it)) {
            let shown = mount.display();
            findings.push(format!(
                "{shown}, which {} mounts, is missing\n`git checkout -- {shown}` brings it back",
                service.name
            ));
        }
    }
    let aws = settings.path(&sh.current_dir(), "AWS_CONFIG_DIR");
    if !settings.local && !aws.is_dir() {
        let shown = aws.display();
        findings.push(format!("{shown} is no folder: it holds the AWS credentials\n`aws configure sso` makes it, AWS_CONFIG_DIR names another"));
    }
    findings.sort();
    findings.dedup();
    findings
}

fn foreign_containers(sh: &Shell, stack: &Stack, containers: &[Container]) -> Option<String> {
    let ours = sh.current_dir().join("dev");
    let same = |it: &&Container| std::fs::canonicalize(&it.working_dir).ok() != std::fs::canonicalize(&ours).ok();
    let foreign = containers.iter().find(same)?;
    let project = &stack.project;
    Some(format!(
        "the project {project} is that of another checkout, {}\nset COMPOSE_PROJECT_NAME to another name in {ENV_FILE}, or stop that one first",
        foreign.working_dir
    ))
}

fn taken_ports(sh: &Shell, services: &[Service], containers: &[Container]) -> Vec<String> {
    let runs = |it: &&Service| containers.iter().any(|c| c.service == it.name && c.status == "running");
    let ports = services.iter().filter(|it| !runs(it)).flat_map(|it| it.ports.iter().map(move |port| (it, port.host)));
    let taken = ports.filter(|(_, port)| ports::is_taken(*port));
    taken
        .map(|(service, port)| {
            let owner = ports::owner(sh, port).map_or(String::new(), |it| format!(" by {it}"));
            format!(
                "port {port}, which {} needs, is taken{owner}\n`--port-offset 1000` moves all ports of this stack",
                service.name
            )
        })
        .collect()
}
