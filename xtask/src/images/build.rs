//! Builds the images, from the two checkouts.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

use anyhow::{Context, Result};
use xshell::{Shell, cmd};

use crate::cli::flags::{Arch, BuildTarget};
use crate::docker::engine::{self, BuildKit};
use crate::images::{old_builder, registry};
use crate::machine::exit::prerequisites;
use crate::machine::few;
use crate::machine::finding::{Finding, finding};
use crate::machine::process::{self, Limit};
use crate::machine::{files, term};
use crate::settings::checkouts::{COPILOT, Checkout, TEMPORAL};
use crate::settings::{Settings, variables};
use crate::stack::mode::Mode;
use crate::stack::service::Service;

pub(super) const DOCKERFILE: &str = "dev/docker/Dockerfile";
pub(super) const RUNTIME_DOCKERFILE: &str = "dev/docker/runtime.Dockerfile";
/// The images that are made here.
pub(super) const BASE: &str = "temporal-dsql:latest";
pub(super) const RUNTIME: &str = "temporal-dsql-runtime:test";
pub(super) const COPILOT_IMAGE: &str = "temporal-sre-copilot:dev";

#[derive(Debug, Default)]
pub(crate) struct Options {
    /// The checkouts' folders, where they are not those of the settings.
    pub temporal_dsql: Option<PathBuf>,
    pub copilot: Option<PathBuf>,
    /// The processor that the images are for (default: the engine's own).
    pub arch: Option<Arch>,
    pub no_cache: bool,
    /// Whether the registry gets what is built.
    pub push: bool,
    pub dry_run: bool,
    /// The images that are there already.
    pub there: Vec<&'static str>,
}

struct Plan {
    temporal: Option<PathBuf>,
    copilot: Option<PathBuf>,
    /// The engine's architecture, in Docker's spelling.
    engine: String,
    buildkit: Option<BuildKit>,
    settings: Settings,
    /// What is built for, one after the other; `None` is the engine's own.
    archs: Vec<Option<Arch>>,
    /// What is pushed then: the targets, with their checkouts' commits.
    pushed: Vec<(BuildTarget, String)>,
}

/// Builds the images of these targets. Exit code 3 before anything is built, 1 where a build fails.
pub(crate) fn build(sh: &Shell, targets: &[BuildTarget], options: &Options) -> Result<()> {
    let plan = plan(sh, targets, options)?;
    for &arch in &plan.archs {
        if let Some(checkout) = &plan.temporal {
            build_temporal(sh, checkout, arch, &plan, options)?;
        }
        if let Some(checkout) = &plan.copilot {
            let common = common_arguments(arch, options);
            let copilot = cmd!(sh, "docker build --tag {COPILOT_IMAGE} {common...} {checkout}");
            run(copilot.into(), None, &plan, options)?;
        }
        let arch = arch.map_or(&*plan.engine, |it| it.as_str());
        for (target, commit) in &plan.pushed {
            registry::push(sh, &plan.settings, *target, commit, arch, options.dry_run)?;
        }
    }
    Ok(())
}

fn plan(sh: &Shell, targets: &[BuildTarget], options: &Options) -> Result<Plan> {
    let settings = Settings::load(sh, Mode::last(sh)?.local);
    let is_wanted = |target| targets.contains(&target) || targets.contains(&BuildTarget::All);
    let mut problems = Vec::new();
    let mut find = |target, checkout: Checkout, named: &Option<PathBuf>| {
        let found = is_wanted(target).then(|| checkout.find(sh, &settings, named.as_ref()))?;
        found.map_err(|it| problems.push(it)).ok()
    };
    let temporal = find(BuildTarget::Temporal, TEMPORAL, &options.temporal_dsql);
    let copilot = find(BuildTarget::Copilot, COPILOT, &options.copilot);
    let engine = engine::engine(sh).map(|it| it.arch).unwrap_or_else(|problem| {
        problems.extend((!options.dry_run).then_some(problem));
        "ENGINE_ARCH".to_owned()
    });
    let buildkit = engine::buildkit(sh);
    if let Some(arch) = options.arch.map(Arch::as_str).filter(|it| *it != engine && problems.is_empty()) {
        problems.extend((!runs_foreign(buildkit.as_ref(), arch)).then(|| no_emulation(arch)));
    }
    let found = [(BuildTarget::Temporal, &temporal), (BuildTarget::Copilot, &copilot)];
    let found = found.into_iter().filter_map(|(target, path)| Some((target, path.as_ref()?)));
    let mut pushed = Vec::new();
    problems.extend(options.push.then(|| registry::unfit(&settings)).flatten());
    for (target, path) in found.clone().filter(|_| options.push) {
        match checkout_of(target).pinned(sh, path) {
            Ok(commit) => pushed.push((target, commit)),
            Err(it) => problems.push(it),
        }
    }
    prerequisites(if options.push { "cannot push" } else { "cannot build" }, problems)?;
    for (target, path) in found {
        let elsewhere = checkout_of(target).elsewhere(sh, path);
        elsewhere.iter().for_each(|it| term::say(&format!("note: {}", it.what)));
    }
    let archs = archs(&engine, buildkit.as_ref(), options);
    Ok(Plan { temporal, copilot, engine, buildkit, settings, archs, pushed })
}

/// Where nobody says for which architecture, a registry gets both, if this engine can. Its own comes last, and keeps the
/// names on this machine.
fn archs(engine: &str, buildkit: Option<&BuildKit>, options: &Options) -> Vec<Option<Arch>> {
    let other = Arch::ALL.iter().find(|it| options.push && options.arch.is_none() && it.as_str() != engine);
    let Some(other) = other else { return vec![options.arch] };
    if buildkit.is_some_and(|it| it.runs(other.as_str())) {
        return vec![Some(*other), None];
    }
    let Finding { what, fix, .. } = match buildkit {
        Some(_) => no_emulation(other.as_str()),
        None => finding(
            "the engine has no BuildKit",
            format!("cargo xtask dev-build --push --arch {}  # on an engine that has", other.as_str()),
        ),
    };
    term::say(&format!("note: only the images for {engine} are pushed: {what}\n    {fix}"));
    vec![None]
}

fn build_temporal(sh: &Shell, checkout: &Path, arch: Option<Arch>, plan: &Plan, options: &Options) -> Result<()> {
    let common = &common_arguments(arch, options);
    if !options.there.contains(&BASE) {
        build_base(sh, checkout, arch, plan, options)?;
    }
    let runtime = cmd!(sh, "docker build --tag {RUNTIME} {common...} --file {RUNTIME_DOCKERFILE} dev");
    run(runtime.into(), None, plan, options)
}

fn build_base(sh: &Shell, checkout: &Path, arch: Option<Arch>, plan: &Plan, options: &Options) -> Result<()> {
    let go = go_version(checkout)?;
    let common = &common_arguments(arch, options);
    let dockerfile = sh.read_file(DOCKERFILE)?;
    if plan.buildkit.is_some() {
        let build =
            cmd!(sh, "docker build --tag {BASE} {common...} --build-arg GO_VERSION={go} --file - {checkout}").into();
        return run(build, Some((&dockerfile, &format!(" < {DOCKERFILE}"))), plan, options);
    }
    let (image, script, last) =
        old_builder::split(&dockerfile).with_context(|| format!("{DOCKERFILE} has two stages"))?;
    if !options.dry_run {
        sh.create_dir(old_builder::OUT)?;
    }
    let (arch, image) = (arch.map_or(&*plan.engine, |it| it.as_str()), image.replace("${GO_VERSION}", &go));
    let compile = old_builder::compile(sh, &image, checkout, arch, options.no_cache);
    run(compile, Some((&script, &format!("  # reads the RUNs of {DOCKERFILE}"))), plan, options)?;
    let out = old_builder::OUT;
    let build = cmd!(sh, "docker build --tag {BASE} {common...} --file - {out}").into();
    run(build, Some((&last, &format!("  # reads the last stage of {DOCKERFILE}"))), plan, options)
}

fn common_arguments(arch: Option<Arch>, options: &Options) -> Vec<String> {
    let platform = arch.iter().flat_map(|it| ["--platform".to_owned(), format!("linux/{}", it.as_str())]);
    platform.chain(options.no_cache.then(|| "--no-cache".to_owned())).collect()
}

/// The target that makes a service's image; `None` for an image that is pulled.
pub(crate) fn target_of(service: &Service) -> Option<BuildTarget> {
    [BuildTarget::Temporal, BuildTarget::Copilot].into_iter().find(|it| image_variable(*it) == service.image_variable)
}

pub(super) fn checkout_of(target: BuildTarget) -> &'static Checkout {
    if target == BuildTarget::Copilot { &COPILOT } else { &TEMPORAL }
}

pub(crate) fn image_variable(target: BuildTarget) -> &'static str {
    if target == BuildTarget::Copilot { "COPILOT_IMAGE" } else { "TEMPORAL_IMAGE" }
}

/// Whether the image that a target's services run is the one that a build of it makes.
pub(crate) fn makes(target: BuildTarget, settings: &Settings) -> bool {
    let name = image_variable(target);
    variables::find(name).and_then(|it| it.default) == Some(settings.get(name))
}

/// Builds the images of these services, as far as they are built here.
pub(crate) fn build_for(sh: &Shell, services: &[&Service], dry_run: bool) -> Result<()> {
    let targets = few::unique(services.iter().filter_map(|it| target_of(it)));
    if targets.is_empty() {
        term::say("there is nothing to build: these services' images are pulled");
        return Ok(());
    }
    build(sh, &targets, &Options { dry_run, ..Options::default() })
}

/// `input` is what the command reads, and how that is shown behind it.
fn run(mut command: Command, input: Option<(&str, &str)>, plan: &Plan, options: &Options) -> Result<()> {
    command.env("DOCKER_BUILDKIT", if plan.buildkit.is_some() { "1" } else { "0" });
    command.envs(plan.buildkit.as_ref().map(|it| ("BUILDX_BUILDER", &it.builder)));
    // With an attestation, which holds the time of the build, the containerd image store would give the image another id
    // even where every step came from the cache, and everything that runs it would look outdated.
    command.env("BUILDX_NO_DEFAULT_ATTESTATIONS", "1");
    if options.dry_run {
        term::out(&format!("{}{}\n", process::line(&command), input.map_or("", |it| it.1)));
        return Ok(());
    }
    let started = Instant::now();
    match input {
        Some((text, shown)) => process::run_with_input(&mut command, text, shown)?,
        None => process::run(&mut command, Limit::Watched)?,
    }
    term::say(&format!("built in {} s", started.elapsed().as_secs()));
    Ok(())
}

/// The Go version that the checkout asks for: an older compiler would try to download a newer one.
fn go_version(checkout: &Path) -> Result<String> {
    let path = checkout.join("go.mod");
    let text = files::read(&path)?.unwrap_or_default();
    let version = text.lines().find_map(|it| it.strip_prefix("go ")).map(str::trim);
    version.map(str::to_owned).with_context(|| format!("{} has no `go 1.N` line", path.display()))
}

/// Whether the engine can run what is made for another architecture. Without BuildKit only a Linux machine can be asked.
fn runs_foreign(buildkit: Option<&BuildKit>, arch: &str) -> bool {
    let interpreter = if arch == "arm64" { "qemu-aarch64" } else { "qemu-x86_64" };
    let here = || !cfg!(target_os = "linux") || Path::new("/proc/sys/fs/binfmt_misc").join(interpreter).exists();
    buildkit.map_or_else(here, |it| it.runs(arch))
}

fn no_emulation(arch: &str) -> Finding {
    let also = "on Debian and Ubuntu also: sudo apt-get install qemu-user-static";
    finding(
        format!("the engine cannot run {arch} programs, and the images' last stage installs packages with some"),
        format!("docker run --privileged --rm tonistiigi/binfmt --install {arch}  # {also}"),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_go_version_is_read_from_go_mod() {
        let sh = Shell::new().unwrap();
        let folder = sh.create_temp_dir().unwrap();
        sh.write_file(folder.path().join("go.mod"), "module x\n\ngo 1.25.5\n\ntoolchain go1.26\n").unwrap();
        assert_eq!(go_version(folder.path()).unwrap(), "1.25.5");
        sh.write_file(folder.path().join("go.mod"), "").unwrap();
        assert!(go_version(folder.path()).unwrap_err().to_string().contains("no `go 1.N` line"));
    }
}
