//! `cargo xtask dev-build`: the images, from the two checkouts.

use std::{path::Path, process::Command};

use anyhow::{Context, Result};
use xshell::{Shell, cmd};

use crate::{
    checkouts::{COPILOT, TEMPORAL},
    engine::{self, BuildKit},
    exit::prerequisites,
    files,
    finding::{Finding, finding},
    flags::{self, BuildTarget},
    mode::Mode,
    process,
    settings::Settings,
    stack::Service,
    term, variables,
};

const DOCKERFILE: &str = "dev/docker/Dockerfile";

impl flags::DevBuild {
    pub(crate) fn run(self, sh: &Shell) -> Result<()> {
        let settings = Settings::load(sh, Mode::last(sh)?.local);
        let what = self.what.unwrap_or(BuildTarget::All);
        let mut problems = Vec::new();
        let mut wanted = |target, checkout: &crate::checkouts::Checkout, flag| {
            let wanted = what == BuildTarget::All || what == target;
            let found = wanted.then(|| checkout.find(sh, &settings, flag))?;
            found.map_err(|it| problems.push(it.to_string())).ok()
        };
        let temporal = wanted(BuildTarget::Temporal, &TEMPORAL, self.temporal_dsql.as_ref());
        let copilot = wanted(BuildTarget::Copilot, &COPILOT, self.copilot.as_ref());
        let engine = engine::engine(sh).map(|it| it.arch).unwrap_or_else(|problem| {
            problems.extend((!self.dry_run).then(|| problem.to_string()));
            "ENGINE_ARCH".to_owned()
        });
        let buildkit = engine::buildkit(sh);
        if let Some(arch) = self.arch.map(|it| it.as_str()).filter(|it| *it != engine && problems.is_empty()) {
            problems.extend((!runs_foreign(buildkit.as_ref(), arch)).then(|| no_emulation(arch).to_string()));
        }
        prerequisites("cannot build", &problems)?;

        let mut options = Vec::new();
        options.extend(self.arch.iter().flat_map(|it| ["--platform".to_owned(), format!("linux/{}", it.as_str())]));
        options.extend(self.no_cache.then(|| "--no-cache".to_owned()));

        let options = &options;

        if let Some(checkout) = temporal {
            let go = go_version(&checkout)?;
            let text = sh.read_file(DOCKERFILE)?;
            let (dockerfile, target) = if buildkit.is_some() {
                (text, vec![])
            } else {
                let target = self.arch.map_or(engine.clone(), |it| it.as_str().to_owned());
                (for_old_builder(&text, &engine), vec!["--build-arg".to_owned(), format!("TARGETARCH={target}")])
            };
            let base = cmd!(
                sh,
                "docker build --tag temporal-dsql:latest {options...} --build-arg GO_VERSION={go} {target...} --file - {checkout}"
            );
            build(base.into(), Some(dockerfile), buildkit.as_ref(), self.dry_run)?;
            let runtime = cmd!(
                sh,
                "docker build --tag temporal-dsql-runtime:test {options...} --file dev/docker/runtime.Dockerfile dev"
            );
            build(runtime.into(), None, buildkit.as_ref(), self.dry_run)?;
        }
        if let Some(checkout) = copilot {
            build(
                cmd!(sh, "docker build --tag temporal-sre-copilot:dev {options...} {checkout}").into(),
                None,
                buildkit.as_ref(),
                self.dry_run,
            )?;
        }
        Ok(())
    }
}

/// The target that makes the image of this service; `None` for an image that is pulled.
pub fn target_of(service: &str) -> Option<BuildTarget> {
    match service {
        "copilot-worker" | "copilot-api" | "copilot-model" => Some(BuildTarget::Copilot),
        "elasticsearch-setup"
        | "copilot-temporal"
        | "temporal-history"
        | "temporal-matching"
        | "temporal-frontend"
        | "temporal-worker" => Some(BuildTarget::Temporal),
        _ => None,
    }
}

/// The variable that names a target's image.
pub fn image_variable(target: BuildTarget) -> &'static str {
    if target == BuildTarget::Copilot { "COPILOT_IMAGE" } else { "TEMPORAL_IMAGE" }
}

/// Whether the image that a target's services run is the one that a build of it makes.
pub fn makes(target: BuildTarget, settings: &Settings) -> bool {
    let name = image_variable(target);
    variables::find(name).and_then(|it| it.default) == Some(settings.get(name))
}

/// Builds the images of these services, as far as they are built here.
///
/// # Errors
/// As `dev-build`.
pub fn build_for(sh: &Shell, services: &[&Service], dry_run: bool) -> Result<()> {
    let any = |target| services.iter().any(|it| target_of(&it.name) == Some(target));
    let what = match (any(BuildTarget::Temporal), any(BuildTarget::Copilot)) {
        (true, true) => BuildTarget::All,
        (true, false) => BuildTarget::Temporal,
        (false, true) => BuildTarget::Copilot,
        (false, false) => {
            term::say("there is nothing to build: these services' images are pulled");
            return Ok(());
        }
    };
    flags::DevBuild { what: Some(what), temporal_dsql: None, copilot: None, arch: None, no_cache: false, dry_run }
        .run(sh)
}

fn build(mut command: Command, dockerfile: Option<String>, buildkit: Option<&BuildKit>, dry_run: bool) -> Result<()> {
    command.env("DOCKER_BUILDKIT", if buildkit.is_some() { "1" } else { "0" });
    command.envs(buildkit.map(|it| ("BUILDX_BUILDER", &it.builder)));
    // With an attestation, which holds the time of the build, the containerd image store would give the image another id
    // even where every step came from the cache, and everything that runs it would look outdated.
    command.env("BUILDX_NO_DEFAULT_ATTESTATIONS", "1");
    let input = dockerfile.as_ref().map_or(String::new(), |_| format!(" < {DOCKERFILE}"));
    if dry_run {
        term::out(&format!("{}{input}\n", process::line(&command)));
        return Ok(());
    }
    let started = std::time::Instant::now();
    match dockerfile {
        Some(text) => process::run_with_input(&mut command, &text, &input)?,
        None => process::run(&mut command)?,
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

/// The same steps in the old builder's words: it knows no mounts, and no variable for the engine's platform.
fn for_old_builder(dockerfile: &str, engine: &str) -> String {
    let words = |line: &str| line.split(' ').filter(|it| !it.starts_with("--mount=")).collect::<Vec<_>>().join(" ");
    let text: String = dockerfile.lines().map(|it| words(it) + "\n").collect();
    text.replace("$BUILDPLATFORM", &format!("linux/{engine}"))
}

/// Whether the engine can run what is made for another architecture. Without BuildKit only a Linux machine can be asked.
fn runs_foreign(buildkit: Option<&BuildKit>, arch: &str) -> bool {
    let interpreter = if arch == "arm64" { "qemu-aarch64" } else { "qemu-x86_64" };
    let here = || !cfg!(target_os = "linux") || Path::new("/proc/sys/fs/binfmt_misc").join(interpreter).exists();
    buildkit.map_or_else(here, |it| it.runs(arch))
}

fn no_emulation(arch: &str) -> Finding {
    finding(
        format!("the engine cannot run {arch} programs, and the images' last stage installs packages with some"),
        format!(
            "docker run --privileged --rm tonistiigi/binfmt --install {arch}  # on Debian and Ubuntu also: \
             sudo apt-get install qemu-user-static"
        ),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_old_builder_gets_the_same_steps_without_mounts() {
        let text = "FROM --platform=$BUILDPLATFORM a\nRUN --mount=type=cache,target=/x --mount=type=cache,target=/y \\\n    go build\nRUN --mount=type=cache,target=/x go mod download\n";
        assert_eq!(
            for_old_builder(text, "arm64"),
            "FROM --platform=linux/arm64 a\nRUN \\\n    go build\nRUN go mod download\n"
        );
    }

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
