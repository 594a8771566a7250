//! Failures of Docker itself, not of a service: what was said, and what mends what is known.

use std::path::Path;

use crate::docker::sight;

const PRUNE: &str = "docker network prune  # removes networks that no container uses, and asks first";
const NETWORK: &str =
    "docker info  # names the engine's proxies; without a network: cargo xtask dev-up --local --stand-ins";
const FOREIGN: &str =
    "docker network ls  # another program made it: `docker network rm NAME`, then dev-up makes its own";
const PORT: &str = "cargo xtask dev-up  # once more: it names who took the port meanwhile";
const WHICH: &str = "cargo xtask doctor  # says which image is for which processor";

/// What programs and engines alike say of a disk without room, and what mends it.
pub(super) const FULL: (&str, &str) =
    ("no space left on device", "docker system df  # says what takes the room; `docker builder prune` asks first");

/// Words of Docker, in lower case, and what mends it.
const REMEDIES: &[(&str, &str)] = &[
    ("address pools", PRUNE),
    ("non-overlapping", PRUNE),
    (
        "error getting credentials",
        "grep -n credsStore \"${DOCKER_CONFIG:-$HOME/.docker}/config.json\"  # names a helper that is gone: remove that line",
    ),
    ("no matching manifest", WHICH),
    ("specified platform", WHICH),
    FULL,
    ("already in use by container", "docker ps --all  # shows whose it is; `docker rm NAME` removes it for good"),
    ("has incorrect label", FOREIGN),
    ("not created for project", FOREIGN),
    ("already allocated", PORT),
    ("address already in use", PORT),
    ("toomanyrequests", "docker login  # the registry limits whom it does not know"),
    ("unauthorized", "docker logout  # a login that has ended is refused where nobody needs one; or `docker login`"),
    ("x509", "docker info  # names the proxy whose certificate the engine's machine does not know"),
    ("no such host", NETWORK),
    ("i/o timeout", NETWORK),
    ("handshake timeout", NETWORK),
    ("context deadline exceeded", NETWORK),
    ("awaiting headers", NETWORK),
    ("network is unreachable", NETWORK),
];
/// How engines say that they do not see a path.
const UNSEEN: [&str; 3] = ["mounts denied", "not shared", "bind source path does not exist"];
/// What was said last: from the last error on, at most five lines.
pub(super) fn cause(complaints: &str) -> Option<Vec<String>> {
    let lines: Vec<&str> = complaints.lines().map(str::trim).filter(|it| !it.is_empty()).collect();
    let at = lines.iter().rposition(|it| it.to_lowercase().starts_with("error")).or(lines.len().checked_sub(1))?;
    Some(lines[at..].iter().take(5).map(|it| (*it).to_owned()).collect())
}

/// Whether a service's last words are that there is no room.
pub(super) fn is_full(log: &[String]) -> bool {
    log.iter().any(|it| it.to_lowercase().contains(FULL.0))
}

/// What mends it.
pub(super) fn remedy(complaints: &str, root: &Path) -> String {
    let said = complaints.to_lowercase();
    if UNSEEN.iter().any(|it| said.contains(it)) {
        return sight::share(root);
    }
    let known = REMEDIES.iter().find(|(words, _)| said.contains(words));
    known.map_or("cargo xtask doctor  # looks at all that the stack needs", |(_, it)| it).to_owned()
}
