//! What a fresh machine lacks, fetched and built by `dev-up` once the user agrees: the two checkouts and the images.

use std::path::PathBuf;

use anyhow::Result;
use xshell::{Shell, cmd};

use crate::{
    cli::flags::{self, BuildTarget},
    commands::dev_build,
    docker::engine,
    images::checkouts::{COPILOT, Checkout, TEMPORAL},
    machine::{
        confirm::confirm,
        process::{self, Limit},
    },
    settings::Settings,
    stack::Service,
};

/// What a run clones and builds before it starts anything.
#[derive(Debug, Default)]
pub struct Lack {
    checkouts: Vec<(&'static Checkout, PathBuf)>,
    targets: Vec<BuildTarget>,
    /// `--build`: every target is built, missing or not.
    build: bool,
}

impl Lack {
    pub(crate) fn is_empty(&self) -> bool {
        self.checkouts.is_empty() && self.targets.is_empty() && !self.build
    }

    /// Whether the checkout that a service is built from is cloned.
    pub(crate) fn clones_for(&self, service: &Service) -> bool {
        let checkout = match dev_build::target_of(&service.name) {
            Some(BuildTarget::Copilot) => COPILOT.name,
            Some(_) => TEMPORAL.name,
            None => return false,
        };
        self.checkouts.iter().any(|(it, _)| it.name == checkout)
    }

    /// Whether the image that a service runs is built.
    pub(crate) fn builds_for(&self, service: &Service, settings: &Settings) -> bool {
        let is_built = |it: &BuildTarget| (self.build || self.targets.contains(it)) && dev_build::makes(*it, settings);
        dev_build::target_of(&service.name).as_ref().is_some_and(is_built)
    }
}

/// What these services lack, where it may be fetched; `build` says that their images are built anyway.
pub fn lack(sh: &Shell, settings: &Settings, services: &[&Service], fetch: bool, build: bool) -> Lack {
    let mut lack = Lack { build, ..Lack::default() };
    if !fetch {
        return lack;
    }
    for (target, checkout) in [(BuildTarget::Temporal, &TEMPORAL), (BuildTarget::Copilot, &COPILOT)] {
        let Some(service) = services.iter().find(|it| dev_build::target_of(&it.name) == Some(target)) else { continue };
        let path = checkout.path(sh, settings, None);
        // Something else in that place is the user's own business.
        if !path.exists() {
            lack.checkouts.push((checkout, path));
        }
        // Without Docker nothing can be built; preflight has said so.
        let Ok(images) = engine::images(sh, &[&service.image]) else { continue };
        if !build && engine::find_image(&images, &service.image).is_none() && dev_build::makes(target, settings) {
            lack.targets.push(target);
        }
    }
    lack
}

/// Clones and builds what is lacking, after asking; `yes` has answered already. What `--build` builds it leaves alone.
///
/// # Errors
/// Exit code 5: the user does not agree. A clone or a build fails.
pub fn provide(sh: &Shell, lack: &Lack, yes: bool) -> Result<()> {
    let mut steps: Vec<String> =
        lack.checkouts.iter().map(|(it, path)| format!("clone {} to {}", it.name, path.display())).collect();
    steps.extend(
        lack.targets.iter().map(|it| format!("build the {} images, which takes minutes the first time", it.as_str())),
    );
    if steps.is_empty() {
        return Ok(());
    }
    confirm(&format!("this machine lacks a few things; now to: {}", steps.join("; ")), yes)?;
    for (checkout, path) in &lack.checkouts {
        let url = checkout.url;
        process::run(&mut cmd!(sh, "git clone --depth 1 {url} {path}").into(), Limit::Watched)?;
    }
    for what in &lack.targets {
        let build = flags::DevBuild {
            what: Some(*what),
            temporal_dsql: None,
            copilot: None,
            arch: None,
            no_cache: false,
            dry_run: false,
        };
        build.run(sh)?;
    }
    Ok(())
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
