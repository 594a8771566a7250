//! What the compose files may refer to: the variables of `dev/.env`, and what is derived from them and the machine.

use std::{collections::BTreeMap, fs, os::unix::fs::MetadataExt, path::Path};

use crate::aws::credentials;
use crate::docker::endpoint;
use crate::machine::few;
use crate::machine::lock;
use crate::settings::checkouts::{COPILOT, PACKAGES};
use crate::settings::{PROJECT, Settings, variables};

/// The Copilot's deployment profile.
pub const PROFILE: &str = "dev/.rendered/deployment-profile.json";
/// What reaches its container as a file, and no other, because the engine shows a container's variables to everybody who
/// asks: the variable, the one that names the file to the compose files, and the file, from the workspace root.
pub const SECRETS: [(&str, &str, &str); 2] = [
    ("COPILOT_MODEL_KEY", "COPILOT_MODEL_KEY_FILE", "dev/.rendered/copilot-model.key"),
    ("GRAFANA_ADMIN_PASSWORD", "GRAFANA_ADMIN_PASSWORD_FILE", "dev/.rendered/grafana-admin.password"),
];
/// What is mounted in the place of a secret that nobody set.
const NO_SECRET: &str = "/dev/null";

/// What the compose files may refer to beside the variables of `dev/.env`.
pub const DERIVED: &[&str] = &[
    "AWS_MOUNT_DIR",
    "COPILOT_LIVE",
    SECRETS[0].1,
    "COPILOT_PACKAGES",
    SECRETS[1].1,
    "DOCKER_SOCKET",
    "HOST_UID",
    "HOST_GID",
    "PGCONNECT_TIMEOUT",
];

/// The project's name where nobody chose one: the checkout's folder, in the letters that Compose allows.
pub(crate) fn project_name(root: &Path) -> String {
    let folder = root.file_name().unwrap_or_default().to_string_lossy().to_lowercase();
    let kept: String =
        folder.chars().filter(|it| it.is_ascii_lowercase() || it.is_ascii_digit() || matches!(it, '-' | '_')).collect();
    let name = kept.trim_start_matches(['-', '_']);
    if name.is_empty() { "temporal-sre-copilot".to_owned() } else { name.to_owned() }
}

/// `live`: the Copilot runs from its checkout.
pub(crate) fn environment(root: &Path, settings: &Settings, live: bool) -> BTreeMap<String, String> {
    let all = variables::ALL.iter().map(|it| (it.name.to_owned(), settings.get(it.name).to_owned()));
    let mut all = few::map(all);
    let aws = root.join(credentials::FOLDER);
    // Whoever owns what the containers have to read: before it is there, whoever holds the lock, as this run makes it. Its
    // group is the checkout's, and not that of a shell in between (`sg docker`), or the next one would be another.
    let owned = [&aws, &root.join(lock::PATH), root].into_iter().find_map(|it| fs::metadata(it).ok());
    let group = fs::metadata(root).map_or(1000, |it| it.gid());
    let owner = (owned.map_or(1000, |it| it.uid()), group);
    let route = endpoint::find();
    let owner = if route.is_rootless() { (0, 0) } else { owner };
    let timeout = variables::seconds(settings.get("TEMPORAL_SQL_CONNECTION_TIMEOUT")).unwrap_or(30.0).ceil();
    if all[PROJECT].is_empty() {
        all.insert(PROJECT.to_owned(), project_name(root));
    }
    if settings.stand_ins {
        // Another project: its data never meets what the real services have written.
        all.entry(PROJECT.to_owned()).and_modify(|it| it.push_str("-standins"));
    }
    for (name, naming, file) in SECRETS {
        let path = if all[name].is_empty() { NO_SECRET.to_owned() } else { root.join(file).display().to_string() };
        all.insert(naming.to_owned(), path);
    }
    let derived = [
        ("AWS_MOUNT_DIR", aws.display().to_string()),
        // The one profile that is in there, whatever it is called on this machine.
        ("AWS_PROFILE", "default".to_owned()),
        ("COPILOT_LIVE", live.to_string()),
        ("COPILOT_PACKAGES", COPILOT.path(root, settings, None).join(PACKAGES).display().to_string()),
        ("DOCKER_SOCKET", route.socket_for_containers()),
        ("HOST_UID", owner.0.to_string()),
        ("HOST_GID", owner.1.to_string()),
        ("PGCONNECT_TIMEOUT", timeout.to_string()),
    ];
    all.extend(derived.map(|(name, value)| (name.to_owned(), value)));
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_project_is_named_after_the_checkout_s_folder() {
        for (folder, name) in [
            ("/a/temporal-sre-copilot", "temporal-sre-copilot"),
            ("/a/My Checkout (2)", "mycheckout2"),
            ("/a/_x.y", "xy"),
            ("/a/日本", "temporal-sre-copilot"),
            ("/", "temporal-sre-copilot"),
        ] {
            assert_eq!(project_name(Path::new(folder)), name);
        }
    }

    #[test]
    fn the_files_may_refer_to_the_variables_and_to_what_is_derived() {
        let environment = environment(Path::new("/checkout"), &Settings::resolve(true, &[], &|_| None), false);
        let mut expected: Vec<&str> = variables::ALL.iter().map(|it| it.name).chain(DERIVED.iter().copied()).collect();
        expected.sort_unstable();
        assert_eq!(environment.keys().collect::<Vec<_>>(), expected);
    }
}
