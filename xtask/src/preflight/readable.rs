//! Whether containers can read what they mount from the repository: by its mode, and by its line ends.

use std::fs::{self, Metadata};
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use walkdir::WalkDir;
use xshell::Shell;

use crate::docker::{endpoint, engine};
use crate::machine::few;
use crate::machine::finding::{Finding, finding};
use crate::settings::{Settings, variables};
use crate::stack::environment::SECRETS;
use crate::stack::service::Service;

/// What these services mount and their containers cannot read.
pub(crate) fn findings(sh: &Shell, services: &[Service]) -> Vec<Finding> {
    let root = sh.current_dir();
    if root.to_str().is_none() {
        let what = format!("the checkout's path, {}, is not UTF-8: Compose would mount another one", root.display());
        return vec![finding(what, "mv \"$PWD\" ~/temporal-sre-copilot  # or any folder with a plain name")];
    }
    let mut found = Vec::from_iter(stranger());
    let (mut closed, mut scripts) = (Vec::new(), Vec::new());
    for service in services {
        for mount in service.mounts.iter().filter(|it| !it.starts_with("dev/.rendered")) {
            let entries = || WalkDir::new(root.join(mount)).into_iter().flatten();
            // An engine in a virtual machine reads with the user's own rights.
            let is_open = cfg!(not(target_os = "linux"))
                || entries().all(|it| it.metadata().is_ok_and(|it| may_read(&it, service.user)));
            if !is_open {
                // What lies in `dev` itself, `dev/.env` above all, is nobody else's business.
                let folder = mount.parent().filter(|it| root.join(mount).is_file() && *it != Path::new("dev"));
                closed.push(folder.unwrap_or(mount).display().to_string());
            }
            let of_windows = |it: &Path| fs::read(it).is_ok_and(|it| it.contains(&b'\r'));
            let is_script = |it: &Path| it.extension().is_some_and(|it| it == "sh");
            scripts.extend(
                entries()
                    .filter(|it| is_script(it.path()) && of_windows(it.path()))
                    .map(|_| mount.display().to_string()),
            );
        }
    }
    let list = |it: Vec<String>| few::unique(it).join(" ");
    if !closed.is_empty() {
        let closed = list(closed);
        let what = format!("containers run as other users, and those may not read all of {closed}");
        found.push(finding(what, format!("chmod -R go+rX {closed}  # a umask like 077 made them so")));
    }
    if !scripts.is_empty() {
        let scripts = list(scripts);
        let what = format!("{scripts}: a shell in a container does not take line ends of Windows");
        found.push(finding(what, format!("perl -pi -e 's/\\r$//' {scripts}")));
    }
    found
}

/// An engine that runs as another user: so do its containers, who may not read what is for this one alone.
fn stranger() -> Option<Finding> {
    let route = endpoint::find();
    let engine = route.socket().filter(|_| route.is_rootless())?;
    let (engine, me) = (fs::metadata(engine).ok()?.uid(), fs::metadata("/proc/self").ok()?.uid());
    let what =
        format!("the engine at {route} is another user's: its containers could not read the keys that this one writes");
    (engine != me).then(|| finding(what, "unset DOCKER_HOST  # or be that user: no sudo"))
}

/// An engine that gives containers other users than this machine's: they read only what everybody may read.
pub(crate) fn moved(sh: &Shell, settings: &Settings) -> Option<Finding> {
    let is_secret =
        !settings.local || SECRETS.iter().any(|(name, ..)| !variables::is_default(name, settings.get(name)));
    let info = is_secret.then(|| engine::info(sh).ok()).flatten()?;
    let what = "the engine moves the users of containers (userns-remap): they could not read the keys, which are for you \
                alone";
    let fix = "docker context ls  # choose another engine, or take userns-remap out of /etc/docker/daemon.json";
    engine::has_security(&info, "userns").then(|| finding(what, fix))
}

/// Whether a container may read a file or look into a folder; what it runs as, where the compose file says so.
fn may_read(it: &Metadata, user: Option<(u32, u32)>) -> bool {
    let shift = match user {
        Some((uid, _)) if uid == it.uid() => 6,
        Some((_, gid)) if gid == it.gid() => 3,
        _ => 0,
    };
    let needed = if it.is_dir() { 0o5 } else { 0o4 };
    it.mode() >> shift & needed == needed
}
