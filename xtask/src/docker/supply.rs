//! What brings Docker here and starts it, done once the user agrees.

use std::io::{self, ErrorKind, IsTerminal};
use std::os::unix::net::UnixStream;
use std::process::{Command, exit};
use std::time::{Duration, Instant};
use std::{env, fs, thread};

use anyhow::Result;
use xshell::{Shell, cmd};

use super::endpoint;
use super::engine::{self, ANSWER};
use crate::machine::confirm::confirm;
use crate::machine::process::{self, Limit};
use crate::machine::term;

/// A virtual machine takes this long to start its engine.
const START: Duration = Duration::from_secs(120);

/// Runs what Docker lacks here, each command named first: installs it, starts it, lets the user in. Whether it ran any.
/// Where the user's new group counts in no shell yet, all of this runs once more with it, unasked, and ends the process.
pub(crate) fn offer(sh: &Shell, yes: bool) -> Result<bool> {
    let may_ask = yes || io::stdin().is_terminal();
    let mut done = Vec::new();
    while may_ask && let Some((command, starts)) = next(sh).filter(|(it, _)| !done.contains(it)) {
        if confirm(&format!("Docker is not ready here; now to run: {command}"), yes).is_err() {
            return Ok(!done.is_empty());
        }
        if let Err(e) = process::run(Command::new("sh").args(["-c", &command]), Limit::Watched) {
            // What is still missing is found again, with its fix.
            term::say(&format!("{e:#}"));
            return Ok(true);
        }
        let deadline = Instant::now() + START;
        while starts && engine::engine(sh).is_err() && is_down() && Instant::now() < deadline {
            thread::sleep(Duration::from_millis(500));
        }
        done.push(command);
    }
    if connects() == Err(ErrorKind::PermissionDenied) && is_member(sh, true) && !is_member(sh, false) {
        let words: Vec<String> = env::args().skip(1).map(|it| process::quote(&it).into_owned()).collect();
        let line = format!("{} {}", process::quote(&env::current_exe()?.to_string_lossy()), words.join(" "));
        term::say("this shell does not have your group `docker` yet; once more with it:");
        let (mut child, _tracked) = process::spawn(Command::new("sg").args(["docker", "-c", line.trim_end()]))?;
        exit(child.wait()?.code().unwrap_or(1));
    }
    Ok(!done.is_empty())
}

/// The next command, where something is missing and is known to be had by one, and whether it starts the engine.
fn next(sh: &Shell) -> Option<(String, bool)> {
    let is_root = asked(sh, "-u")? == "0";
    let allowed = |command: String| {
        let command = command.split("  #").next().unwrap_or_default().to_owned();
        if is_root { command.replace("sudo ", "") } else { command }
    };
    let client = process::read_within(&mut cmd!(sh, "docker --version").into(), ANSWER);
    if client.is_err() {
        return packages(&fs::read_to_string("/etc/os-release").unwrap_or_default()).map(|it| (allowed(it), false));
    }
    // A plugin of the user's own: the engine that is there, and what runs on it, is left alone.
    if let Err(it) = engine::check_compose(sh) {
        return Some((allowed(it.fix), false));
    }
    let route = endpoint::find();
    if engine::engine(sh).is_ok() {
        return None;
    }
    match connects() {
        Err(ErrorKind::PermissionDenied) if route.is_service() && !is_member(sh, true) => {
            Some((allowed(format!("sudo usermod -aG docker {}", process::quote(&asked(sh, "-un")?))), false))
        }
        _ if is_down() && (route.is_service() || route.product().is_some()) => Some((allowed(route.start()), true)),
        _ => None,
    }
}

/// Whether somebody listens at the engine's socket.
fn connects() -> Result<(), ErrorKind> {
    let route = endpoint::find();
    let socket = route.socket().ok_or(ErrorKind::NotFound)?;
    UnixStream::connect(socket).map(|_| ()).map_err(|e| e.kind())
}

fn is_down() -> bool {
    matches!(connects(), Err(ErrorKind::NotFound | ErrorKind::ConnectionRefused))
}

/// Whether the user is in the group `docker`, for good or in this shell.
fn is_member(sh: &Shell, for_good: bool) -> bool {
    let user = if for_good { asked(sh, "-un") } else { None };
    let groups = process::read_within(&mut cmd!(sh, "id -nG {user...}").into(), ANSWER);
    groups.is_ok_and(|it| it.split_whitespace().any(|it| it == "docker"))
}

fn asked(sh: &Shell, what: &str) -> Option<String> {
    Some(process::read_within(&mut cmd!(sh, "id {what}").into(), ANSWER).ok()?.trim().to_owned())
}

/// What installs Docker with Compose and BuildKit as the system packs them, by its `/etc/os-release`; `None` where that
/// is not known, or its Compose is too old.
pub(super) fn packages(os_release: &str) -> Option<String> {
    if cfg!(target_os = "macos") {
        // Homebrew's plugins are found in no folder of Docker's.
        let link = |it: &str| format!("ln -sfn \"$(brew --prefix)/bin/{it}\" ~/.docker/cli-plugins/{it}");
        return Some(format!(
            "brew install colima docker docker-compose docker-buildx && mkdir -p ~/.docker/cli-plugins && {} && {} && \
             colima start --cpu 4 --memory 8",
            link("docker-compose"),
            link("docker-buildx")
        ));
    }
    let value = |name: &str| {
        let line = os_release.lines().find_map(|it| it.strip_prefix(name)?.strip_prefix('='));
        line.unwrap_or_default().trim_matches('"').to_owned()
    };
    let major = value("VERSION_ID").split('.').next().and_then(|it| it.parse::<u32>().ok()).unwrap_or(0);
    let apt = |packages: &str| Some(format!("sudo apt-get update && sudo apt-get install --yes {packages}"));
    match (value("ID").as_str(), major) {
        ("debian", 13..) => apt("docker.io docker-cli docker-compose docker-buildx"),
        ("ubuntu", 24..) => apt("docker.io docker-compose-v2 docker-buildx"),
        ("debian" | "ubuntu", _) => Some("curl -fsSL https://get.docker.com | sudo sh".to_owned()),
        ("fedora", _) => Some(
            "sudo dnf install --assumeyes moby-engine docker-cli docker-compose docker-buildx && \
             sudo systemctl enable --now docker"
                .to_owned(),
        ),
        _ => None,
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn each_system_has_docker_from_its_own_packages_where_their_compose_is_new_enough() {
        for (os_release, part) in [
            (
                "PRETTY_NAME=\"Debian\"\nVERSION_ID=\"13\"\nID=debian\n",
                "install --yes docker.io docker-cli docker-compose ",
            ),
            ("ID=debian\nVERSION_ID=\"12\"", "get.docker.com"),
            ("ID=ubuntu\nVERSION_ID=\"24.04\"", "docker-compose-v2"),
            ("ID=ubuntu\nVERSION_ID=\"22.04\"", "get.docker.com"),
            ("ID=fedora\nVERSION_ID=43", "dnf install"),
        ] {
            assert!(packages(os_release).unwrap().contains(part), "{os_release}");
        }
        assert_eq!([packages("ID=arch"), packages("")], [None, None]);
    }
}
