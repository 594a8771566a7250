//! What a fresh machine lacks, fetched and built by `dev-up` once the user agrees: the two checkouts and the images.

use std::path::PathBuf;

use anyhow::Result;
use xshell::Shell;

use crate::cli::flags::BuildTarget;
use crate::docker::engine;
use crate::images::build::{self, Options};
use crate::images::checkouts::{COPILOT, Checkout, TEMPORAL};
use crate::images::registry;
use crate::machine::confirm::confirm;
use crate::settings::Settings;
use crate::stack::service::Service;

/// What a run clones and builds before it starts anything.
#[derive(Debug, Default)]
pub(crate) struct Missing {
    checkouts: Vec<(&'static Checkout, PathBuf)>,
    targets: Vec<BuildTarget>,
    /// `--build`: every target is built, missing or not.
    build: bool,
}

impl Missing {
    /// What these services lack, where it may be fetched; `build` says that their images are built anyway.
    pub(crate) fn find(sh: &Shell, settings: &Settings, services: &[&Service], fetch: bool, build: bool) -> Missing {
        let mut missing = Missing { build, ..Missing::default() };
        let targets = [(BuildTarget::Temporal, &TEMPORAL), (BuildTarget::Copilot, &COPILOT)];
        for (target, checkout) in targets.into_iter().filter(|_| fetch) {
            let Some(service) = services.iter().find(|it| build::target_of(it) == Some(target)) else { continue };
            let path = checkout.path(sh, settings, None);
            // Something else in that place is the user's own business.
            if !path.exists() {
                missing.checkouts.push((checkout, path));
            }
            // Without Docker nothing can be built; preflight has said so.
            let Ok(images) = engine::images(sh, [service.image.as_str()]) else { continue };
            if !build && engine::find_image(&images, &service.image).is_none() && build::makes(target, settings) {
                missing.targets.push(target);
            }
        }
        missing
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.checkouts.is_empty() && self.targets.is_empty() && !self.build
    }

    /// Whether the checkout that a service is built from is cloned.
    pub(crate) fn clones_for(&self, service: &Service) -> bool {
        let Some(checkout) = build::target_of(service).map(build::checkout_of) else { return false };
        self.checkouts.iter().any(|(it, _)| it.name == checkout.name)
    }

    /// Whether something is cloned.
    pub(crate) fn clones(&self) -> bool {
        !self.checkouts.is_empty()
    }

    /// Whether the image that a service runs is built.
    pub(crate) fn builds_for(&self, service: &Service, settings: &Settings) -> bool {
        let is_built = |it: &BuildTarget| (self.build || self.targets.contains(it)) && build::makes(*it, settings);
        build::target_of(service).as_ref().is_some_and(is_built)
    }

    /// Clones it, and pulls or builds it, but for what `--build` builds. Exit code 5: asked, the user does not agree. A dry
    /// run prints what would be pulled.
    pub(crate) fn provide(&self, sh: &Shell, settings: &Settings, yes: bool, dry_run: bool) -> Result<()> {
        if dry_run {
            return self.pull(sh, settings, true).map(drop);
        }
        let clones = self.checkouts.iter().map(|(it, path)| format!("clone {} to {}", it.name, path.display()));
        let builds = self.targets.iter();
        let pull = match settings.get(registry::VARIABLE) {
            "" => String::new(),
            it => format!("pull from {it}, or "),
        };
        let builds =
            builds.map(|it| format!("{pull}build the {} images, which takes minutes the first time", it.as_str()));
        let steps: Vec<String> = clones.chain(builds).collect();
        if steps.is_empty() {
            return Ok(());
        }
        confirm(&format!("this machine lacks a few things; now to: {}", steps.join("; ")), yes)?;
        for (checkout, path) in &self.checkouts {
            checkout.clone_to(sh, path)?;
        }
        let there = self.pull(sh, settings, false)?;
        let is_there = |it: &BuildTarget| there.contains(&settings.get(build::image_variable(*it)));
        let targets: Vec<BuildTarget> = self.targets.iter().copied().filter(|it| !is_there(it)).collect();
        if targets.is_empty() { Ok(()) } else { build::build(sh, &targets, &Options { there, ..Options::default() }) }
    }

    /// Pulls what the registry has of the images; returns their names. A dry run prints the commands.
    fn pull(&self, sh: &Shell, settings: &Settings, dry_run: bool) -> Result<Vec<&'static str>> {
        if self.targets.is_empty() || !registry::is_set(settings) {
            return Ok(Vec::new());
        }
        registry::pull(sh, settings, &self.targets, &engine::engine(sh)?.arch, dry_run)
    }
}

/// The next sensible command, judged by files alone.
pub fn next_step(sh: &Shell) -> &'static str {
    let settings = Settings::load(sh, true);
    if sh.path_exists(crate::stack::mode::PATH) {
        "cargo xtask dev-status  # what runs; `cargo xtask dev-up` starts it or brings it up to date"
    } else if [&TEMPORAL, &COPILOT].iter().all(|it| it.path(sh, &settings, None).exists()) {
        "cargo xtask dev-up --local --yes  # builds the images that are missing, and starts everything"
    } else {
        "cargo xtask dev-up --local --yes  # clones and builds what is missing, and starts everything"
    }
}
