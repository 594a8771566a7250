//! What a fresh machine lacks, fetched and built by `dev-up` once the user agrees: the two checkouts and the images.

use std::{
    io::{self, IsTerminal},
    path::PathBuf,
};

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

/// What is missing and can be had.
#[derive(Debug, Default)]
struct Lack {
    checkouts: Vec<(&'static Checkout, PathBuf)>,
    targets: Vec<BuildTarget>,
}

/// Clones and builds what these services lack, after asking; `yes` has answered already. Returns whether there is
/// something to try again with: nothing is done where nothing is missing, or where nobody is there to ask.
///
/// # Errors
/// Exit code 5: the user does not agree. A clone or a build fails.
pub fn provide(sh: &Shell, settings: &Settings, services: &[&Service], yes: bool) -> Result<bool> {
    let lack = lack(sh, settings, services);
    let mut steps: Vec<String> =
        lack.checkouts.iter().map(|(it, path)| format!("clone {} to {}", it.name, path.display())).collect();
    steps.extend(
        lack.targets.iter().map(|it| format!("build the {} images, which takes minutes the first time", it.as_str())),
    );
    if steps.is_empty() || !(yes || io::stdin().is_terminal()) {
        return Ok(false);
    }
    confirm(&format!("this machine lacks a few things; now to: {}", steps.join("; ")), yes)?;
    for (checkout, path) in &lack.checkouts {
        let url = checkout.url;
        process::run(&mut cmd!(sh, "git clone --depth 1 {url} {path}").into(), Limit::Watched)?;
    }
    for what in lack.targets {
        let build = flags::DevBuild {
            what: Some(what),
            temporal_dsql: None,
            copilot: None,
            arch: None,
            no_cache: false,
            dry_run: false,
        };
        build.run(sh)?;
    }
    Ok(true)
}

fn lack(sh: &Shell, settings: &Settings, services: &[&Service]) -> Lack {
    let mut lack = Lack::default();
    for (target, checkout) in [(BuildTarget::Temporal, &TEMPORAL), (BuildTarget::Copilot, &COPILOT)] {
        let Some(service) = services.iter().find(|it| dev_build::target_of(&it.name) == Some(target)) else { continue };
        let path = checkout.path(sh, settings, None);
        // Something else in that place is the user's own business.
        if !path.exists() {
            lack.checkouts.push((checkout, path));
        }
        // Without Docker nothing can be built; preflight has said so.
        let Ok(images) = engine::images(sh, &[&service.image]) else { continue };
        if engine::find_image(&images, &service.image).is_none() && dev_build::makes(target, settings) {
            lack.targets.push(target);
        }
    }
    lack
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
