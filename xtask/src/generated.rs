//! What is written for Compose beside the committed files: variables, digests, shifted ports, a throw-away AWS folder.

use std::{
    collections::BTreeMap,
    fmt::Write,
    fs::{self, OpenOptions},
    io::Write as _,
    os::unix::fs::{MetadataExt, OpenOptionsExt},
    path::{Path, PathBuf},
};

use anyhow::{Context, Result};
use walkdir::WalkDir;
use xshell::Shell;

use crate::{
    files, route,
    settings::{PROJECT, Settings},
    stack::{Service, Stack},
    variables,
};

/// What Compose reads beside the committed files, from the workspace root.
pub const OVERRIDE: &str = "dev/.rendered/docker-compose.override.yml";
/// The variables that the compose files may refer to.
pub const ENV: &str = "dev/.rendered/compose.env";
/// The throw-away AWS directory of `--local`.
const FAKE_AWS: &str = "dev/.rendered/aws";
/// The key of the model that answers with `--local`.
const MODEL_KEY: &str = "COPILOT_MODEL_KEY";
/// Names the file with it to the compose file.
const KEY_FILE: &str = "COPILOT_MODEL_KEY_FILE";
/// That file, where there is a key.
const MODEL_KEY_FILE: &str = "dev/.rendered/copilot-model.key";
/// What is mounted in its place where there is none.
const NO_KEY: &str = "/dev/null";
/// The label that makes what a service reads a part of its identity: `PATH=DIGEST` for each mount.
pub const DIGESTS_LABEL: &str = "temporal-sre-copilot.mounts";

/// What the compose files may refer to beside the variables of `dev/.env`.
pub const DERIVED: &[&str] = &[KEY_FILE, "DOCKER_SOCKET", "HOST_UID", "HOST_GID", "PGCONNECT_TIMEOUT"];

impl Stack {
    /// Writes what Compose reads beside the committed files: the variables, each service's digest, shifted
    /// ports and quicker health checks at the start, and with `--local` the throw-away AWS directory.
    ///
    /// # Errors
    /// A file cannot be written.
    pub fn write(&self, sh: &Shell) -> Result<()> {
        let root = sh.current_dir();
        let mut variables = String::new();
        // The key reaches its container as a file, and no other.
        for (name, value) in self.environment.iter().filter(|(name, _)| *name != MODEL_KEY) {
            _ = writeln!(variables, "{name}={}", quote(value));
        }
        files::replace(
            &root.join(ENV),
            &format!("# Written by `cargo xtask dev-up`; edits are lost.\n{variables}"),
            0o600,
        )?;
        files::replace(&root.join(OVERRIDE), &self.overrides(&root)?, 0o644)?;
        if self.mode.local {
            let credentials = "[default]\naws_access_key_id = local\naws_secret_access_key = local\n";
            files::replace(&root.join(FAKE_AWS).join("credentials"), credentials, 0o600)?;
            files::replace(&root.join(FAKE_AWS).join("config"), "[default]\nregion = eu-west-1\n", 0o600)?;
        }
        if self.environment[KEY_FILE] != NO_KEY {
            // In place: a container goes on reading the file that it was started with.
            let path = root.join(MODEL_KEY_FILE);
            let open = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&path);
            let key = &self.environment[MODEL_KEY];
            open.and_then(|mut it| it.write_all(key.as_bytes()))
                .with_context(|| format!("cannot write {}", path.display()))?;
        }
        Ok(())
    }

    fn overrides(&self, root: &Path) -> Result<String> {
        let mut out = String::from("# Written by `cargo xtask dev-up`; edits are lost.\nservices:\n");
        for service in &self.services {
            _ = writeln!(out, "  {}:\n    labels: {{ {DIGESTS_LABEL}: '{}' }}", service.name, digests(root, service)?);
            if self.mode.port_offset > 0 && !service.ports.is_empty() {
                let ports: Vec<String> =
                    service.ports.iter().map(|it| format!("\"127.0.0.1:{}:{}\"", it.host, it.container)).collect();
                _ = writeln!(out, "    ports: !override [{}]", ports.join(", "));
            }
            if self.start_interval && service.has_health_check {
                _ = writeln!(out, "    healthcheck: {{ start_interval: 2s }}");
            }
        }
        Ok(out)
    }
}

/// The project's name where nobody chose one: the checkout's folder, in the letters that Compose allows.
pub fn project_name(root: &Path) -> String {
    let folder = root.file_name().unwrap_or_default().to_string_lossy().to_lowercase();
    let kept: String =
        folder.chars().filter(|it| it.is_ascii_lowercase() || it.is_ascii_digit() || matches!(it, '-' | '_')).collect();
    let name = kept.trim_start_matches(['-', '_']);
    if name.is_empty() { "temporal-sre-copilot".to_owned() } else { name.to_owned() }
}

/// Every variable that the compose files may refer to.
pub fn environment(root: &Path, settings: &Settings) -> BTreeMap<String, String> {
    let mut all: BTreeMap<String, String> =
        variables::ALL.iter().map(|it| (it.name.to_owned(), settings.get(it.name).to_owned())).collect();
    let aws = if settings.local { root.join(FAKE_AWS) } else { settings.path(root, "AWS_CONFIG_DIR") };
    // The owner of what the containers have to read; in `--local` that is whoever owns the checkout.
    let owner =
        fs::metadata(&aws).or_else(|_| fs::metadata(root)).map(|it| (it.uid(), it.gid())).unwrap_or((1000, 1000));
    let timeout = variables::seconds(settings.get("TEMPORAL_SQL_CONNECTION_TIMEOUT")).unwrap_or(30.0).ceil();
    if all[PROJECT].is_empty() {
        all.insert(PROJECT.to_owned(), project_name(root));
    }
    let key = settings.local && !settings.get(MODEL_KEY).is_empty();
    let derived = [
        (KEY_FILE, if key { root.join(MODEL_KEY_FILE).display().to_string() } else { NO_KEY.to_owned() }),
        ("AWS_CONFIG_DIR", aws.display().to_string()),
        ("DOCKER_SOCKET", route::find().socket_for_containers()),
        ("HOST_UID", owner.0.to_string()),
        ("HOST_GID", owner.1.to_string()),
        ("PGCONNECT_TIMEOUT", timeout.to_string()),
    ];
    all.extend(derived.map(|(name, value)| (name.to_owned(), value)));
    all
}

/// What a service mounts from the repository, as `PATH=DIGEST` separated by spaces.
///
/// # Errors
/// A mounted file cannot be read.
pub fn digests(root: &Path, service: &Service) -> Result<String> {
    let one = |mount: &PathBuf| Ok(format!("{}={:016x}", mount.display(), digest(root, mount)?));
    service.mounts.iter().map(one).collect::<Result<Vec<_>>>().map(|it| it.join(" "))
}

/// FNV-1a over the names and contents of a file or of a folder's files. Not for security: it tells an edit from none.
fn digest(root: &Path, mount: &Path) -> Result<u64> {
    let mut hash: u64 = 0xcbf2_9ce4_8422_2325;
    let mut add = |bytes: &[u8]| {
        for it in bytes {
            hash = (hash ^ u64::from(*it)).wrapping_mul(0x0100_0000_01b3);
        }
    };
    for entry in WalkDir::new(root.join(mount)).sort_by_file_name() {
        let entry = entry.with_context(|| format!("cannot read {}", mount.display()))?;
        if entry.file_type().is_file() {
            add(entry.path().strip_prefix(root)?.as_os_str().as_encoded_bytes());
            add(&fs::read(entry.path()).with_context(|| format!("cannot read {}", entry.path().display()))?);
        }
    }
    Ok(hash)
}

/// A value as Compose's reader of env files takes it back unchanged.
fn quote(value: &str) -> String {
    let mut out = String::from("\"");
    for c in value.chars() {
        match c {
            '"' | '\\' | '$' => out.extend(['\\', c]),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            _ => out.push(c),
        }
    }
    out + "\""
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

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
        let environment = environment(Path::new("/checkout"), &Settings::resolve(true, &[], &|_| None));
        let mut expected: Vec<&str> = variables::ALL.iter().map(|it| it.name).chain(DERIVED.iter().copied()).collect();
        expected.sort_unstable();
        assert_eq!(environment.keys().collect::<Vec<_>>(), expected);
    }

    #[test]
    fn a_digest_changes_with_the_content_and_the_name_of_what_is_mounted() {
        let sh = Shell::new().unwrap();
        let folder = sh.create_temp_dir().unwrap();
        let of = |names: &[(&str, &str)]| {
            sh.remove_path(folder.path().join("m")).unwrap();
            names.iter().for_each(|(name, text)| sh.write_file(folder.path().join("m").join(name), text).unwrap());
            digest(folder.path(), Path::new("m")).unwrap()
        };
        let digests = [of(&[("a", "1")]), of(&[("a", "2")]), of(&[("b", "1")]), of(&[("a", "1"), ("b", "")])];
        assert_eq!(digests.iter().collect::<std::collections::BTreeSet<_>>().len(), 4);
        assert_eq!(of(&[("a", "1")]), digests[0]);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(256))]

        #[test]
        fn any_value_survives_the_file_of_variables(value in "\\PC*|[\"'\\\\$a \n\r#{}]*") {
            let entries = crate::dotenv::parse(&format!("A={}\nB=1\n", quote(&value)), &|_| None).unwrap();
            prop_assert_eq!(&entries[0].value, &value);
        }
    }
}
