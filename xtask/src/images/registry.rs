//! A registry that holds our images, so that not every machine compiles Temporal: pushed by `dev-build --push`, pulled by
//! `dev-up`. Each tag says all that an image is made of, so what is pulled is what a build would make.

use std::io::{self, Read};
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context, Result};
use xshell::{Shell, cmd};

use crate::cli::flags::BuildTarget;
use crate::images::build;
use crate::machine::finding::{Finding, finding};
use crate::machine::process::{self, Limit};
use crate::machine::term;
use crate::settings::{ENV_FILE, Settings};
use crate::stack::overrides::digest;

pub(super) const VARIABLE: &str = "IMAGE_REGISTRY";

/// An image that is made here: its target, its name on this machine, and what of this repository goes into it.
type Made = (BuildTarget, &'static str, &'static [&'static str]);

const MADE: [Made; 3] = [
    (BuildTarget::Temporal, build::BASE, &[build::DOCKERFILE]),
    (BuildTarget::Temporal, build::RUNTIME, &[build::DOCKERFILE, build::RUNTIME_DOCKERFILE, "dev/dynamicconfig"]),
    (BuildTarget::Copilot, build::COPILOT_IMAGE, &[]),
];

/// The images of a target with their names in the registry, for a commit of its checkout and an architecture.
fn references(
    root: &Path,
    registry: &str,
    target: BuildTarget,
    commit: &str,
    arch: &str,
) -> Result<Vec<(&'static str, String)>> {
    let made = MADE.into_iter().filter(|(it, ..)| *it == target);
    made.map(|(_, name, parts)| {
        let mut tag = format!("{commit:.12}");
        for part in parts {
            tag += &format!("-{:08x}", digest(root, Path::new(part))? >> 32);
        }
        let repository = name.split(':').next().unwrap_or(name);
        Ok((name, format!("{registry}/{repository}:{tag}-{arch}")))
    })
    .collect()
}

pub(crate) fn is_set(settings: &Settings) -> bool {
    !settings.get(VARIABLE).is_empty()
}

/// What keeps a target's images from being pushed.
pub(super) fn unfit(settings: &Settings) -> Option<Finding> {
    let fix = format!("echo '{VARIABLE}=HOST[:PORT][/PATH]' >>{ENV_FILE}  # the registry to push to");
    let unset = || (!is_set(settings)).then(|| finding(format!("`--push` needs {VARIABLE}"), fix));
    settings.problems.iter().find(|it| it.concerns(VARIABLE)).cloned().or_else(unset)
}

/// Pushes a target's images, which are there. A dry run prints the commands.
pub(super) fn push(
    sh: &Shell,
    settings: &Settings,
    target: BuildTarget,
    commit: &str,
    arch: &str,
    dry_run: bool,
) -> Result<()> {
    let registry = settings.get(VARIABLE);
    for (name, reference) in references(&sh.current_dir(), registry, target, commit, arch)? {
        for command in [cmd!(sh, "docker tag {name} {reference}"), cmd!(sh, "docker push {reference}")] {
            if dry_run {
                term::out(&format!("{command}\n"));
            } else {
                process::run(&mut command.into(), Limit::Watched)
                    .with_context(|| format!("cannot push to {registry}; `{}` signs in there", login(registry)))?;
            }
        }
    }
    Ok(())
}

/// Pulls what the registry has of the images of these targets; returns their names on this machine. What it does not have
/// is left to a build, and so is everything where it does not answer. A dry run prints the commands.
pub(super) fn pull(
    sh: &Shell,
    settings: &Settings,
    targets: &[BuildTarget],
    arch: &str,
    dry_run: bool,
) -> Result<Vec<&'static str>> {
    let registry = settings.get(VARIABLE);
    let mut there = Vec::new();
    for &target in targets {
        let checkout = build::checkout_of(target);
        let commit = match checkout.pinned(sh, &checkout.path(&sh.current_dir(), settings, None)) {
            Ok(it) => it,
            Err(why) => {
                term::say(&format!("note: the {} images are built and not pulled: {}", target.as_str(), why.what));
                continue;
            }
        };
        for (name, reference) in references(&sh.current_dir(), registry, target, &commit, arch)? {
            let tag = cmd!(sh, "docker tag {reference} {name}");
            let mut pull = Command::from(cmd!(sh, "docker pull {reference}"));
            if dry_run {
                term::out(&format!("{}\n{tag}\n", process::line(&pull)));
                continue;
            }
            match refusal(&mut pull)? {
                None => process::run(&mut tag.into(), Limit::Watched)?,
                Some(said) if is_absent(&said) => {
                    term::say(&format!("{reference} is not there: it is built here"));
                    continue;
                }
                Some(said) => {
                    term::say(&format!(
                        "warning: nothing is pulled from {registry}: {said}\n    {}",
                        remedy(registry, &reference, &said)
                    ));
                    return Ok(there);
                }
            }
            there.push(name);
        }
    }
    Ok(there)
}

/// Runs a pull with Docker's own progress; where it fails, why.
pub(crate) fn refusal(pull: &mut Command) -> Result<Option<String>> {
    term::say(&format!("$ {}", process::line(pull)));
    // The progress is no result of ours.
    let (mut child, _tracked) = process::spawn(pull.stdout(io::stderr()).stderr(Stdio::piped()))?;
    let mut said = String::new();
    child.stderr.take().context("stderr is a pipe")?.read_to_string(&mut said)?;
    let said = term::plain(said.trim().lines().last().unwrap_or("no reason given"));
    let said = said.trim_start_matches("Error response from daemon: ").to_owned();
    Ok((!child.wait()?.success()).then_some(said))
}

/// Whether a registry said that it has no such image.
fn is_absent(said: &str) -> bool {
    said.contains("manifest unknown") || said.contains("name unknown") || said.ends_with(": not found")
}

fn remedy(registry: &str, reference: &str, said: &str) -> String {
    let signed_out = ["unauthorized", "denied", "authentication", "no basic auth"].iter().any(|it| said.contains(it));
    if signed_out {
        return login(registry);
    }
    format!("docker pull {reference}  # tries again; without {VARIABLE} in {ENV_FILE} no registry is asked")
}

fn login(registry: &str) -> String {
    format!("docker login {}", registry.split('/').next().unwrap_or(registry))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_registry_without_the_image_is_told_apart_from_one_that_does_not_give_it() {
        // In the words of the engine's own image store, and of containerd's.
        for (said, absent, fix) in [
            ("manifest for 127.0.0.1:5000/a:1 not found: manifest unknown: manifest unknown", true, ""),
            ("failed to resolve reference \"127.0.0.1:5000/a:1\": 127.0.0.1:5000/a:1: not found", true, ""),
            ("Head \"http://h:1/v2/a/manifests/1\": no basic auth credentials", false, "docker login h:1"),
            (
                "failed to resolve reference \"h:1/a:1\": pull access denied, repository does not exist",
                false,
                "docker login h:1",
            ),
            (
                "Get \"http://h:1/v2/\": dial tcp 127.0.0.1:1: connect: connection refused",
                false,
                "docker pull h:1/p/a:1  # ",
            ),
            ("exec: \"docker-credential-x\": executable file not found in $PATH", false, "docker pull h:1/p/a:1  # "),
        ] {
            assert_eq!(is_absent(said), absent, "{said}");
            assert!(absent || remedy("h:1/p", "h:1/p/a:1", said).starts_with(fix), "{said}");
        }
    }
}
