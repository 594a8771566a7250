//! What is written for Compose beside the committed files: variables, digests, shifted ports, invented AWS keys.

use std::fmt::Write;
use std::fs::{self, OpenOptions, Permissions};
use std::io::Write as _;
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use serde_json::json;
use walkdir::WalkDir;
use xshell::Shell;

use crate::aws::credentials::Credentials;
use crate::cli::flags::Cluster;
use crate::docker::containers::{DIGESTS_LABEL, LIVE_LABEL};
use crate::docker::endpoint;
use crate::machine::files;
use crate::settings::{COMPOSE_ENV, template, variables};
use crate::stack::Stack;
use crate::stack::environment::{PROFILE, SECRETS};
use crate::stack::service::{Added, Service};

/// What Compose reads beside the committed files, from the workspace root.
pub(crate) const OVERRIDE: &str = "dev/.rendered/docker-compose.override.yml";

/// What Python has compiled of what runs from a checkout, and of what its image holds uncompiled.
pub(crate) const BYTECODE: &str = "dev/.rendered/bytecode";

impl Stack {
    /// Writes everything that containers are made from and that is not committed: the renderings, the variables, each
    /// service's digest, shifted ports and quicker health checks at the start, and with `--local` the invented AWS
    /// keys.
    ///
    /// # Errors
    /// A file cannot be written; the old one is then kept.
    pub(crate) fn write(&self, sh: &Shell, rendered: &[(Cluster, String)]) -> Result<()> {
        for (cluster, text) in rendered {
            template::write(sh, *cluster, text)?;
        }
        self.write_profile(sh)?;
        let root = sh.current_dir();
        let mut variables = String::new();
        for (name, value) in self.environment.iter().filter(|(name, _)| SECRETS.iter().all(|it| it.0 != *name)) {
            _ = writeln!(variables, "{name}={}", quote(value));
        }
        files::replace(
            &root.join(COMPOSE_ENV),
            &format!("# Written by `cargo xtask dev-up`; edits are lost.\n{variables}"),
            0o600,
        )?;
        files::replace(&root.join(OVERRIDE), &self.overrides(sh, &[])?, 0o644)?;
        for (name, value, file) in SECRETS.map(|(name, _, file)| (name, &self.environment[name], file)) {
            if !value.is_empty() {
                // In place: a container goes on reading the file that it was started with.
                let open = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(root.join(file));
                let mode = if variables::is_default(name, value) { 0o644 } else { 0o600 };
                open.and_then(|mut it| {
                    it.set_permissions(Permissions::from_mode(mode))?;
                    it.write_all(value.as_bytes())
                })
                .map_err(|e| files::failed(e, &root.join(file), format!("cannot write {file}")))?;
            }
        }
        if self.mode.live {
            // By the engine it would be made for root.
            fs::create_dir_all(root.join(BYTECODE)).with_context(|| format!("cannot make {BYTECODE}"))?;
        }
        if self.mode.local {
            Credentials::invented().write(sh, &self.environment["AWS_REGION"])?;
        }
        Ok(())
    }

    /// The text of [`OVERRIDE`]; `rendered` counts in the place of the files of its names.
    pub(crate) fn overrides(&self, sh: &Shell, rendered: &[(Cluster, String)]) -> Result<String> {
        let mut out = String::from("# Written by `cargo xtask dev-up`; edits are lost.\nservices:\n");
        let root = &sh.current_dir();
        let no_proxy = endpoint::no_proxy().map(|it| self.no_proxy(&it));
        for service in &self.services {
            let digests = digests(root, service, rendered)?;
            let live = self.mode.live && service.live.is_some();
            let label = if live { format!(", {LIVE_LABEL}: 'true'") } else { String::new() };
            _ = writeln!(out, "  {}:\n    labels: {{ {DIGESTS_LABEL}: '{digests}'{label} }}", service.name);
            if self.mode.stand_ins {
                _ = writeln!(out, "    image: {}\n    pull_policy: never", service.image);
            }
            // Docker would take what the shell says, or whatever the image was pulled for.
            if let Some(arch) = self.arch.as_ref().filter(|_| !service.has_platform) {
                _ = writeln!(out, "    platform: linux/{arch}");
            }
            let mut added = Added::new();
            for (_, it) in self.added.iter().filter(|(name, _)| *name == service.name) {
                added.extend(it.clone());
            }
            if let Some(it) = &no_proxy {
                let environment = added.entry("environment").or_insert_with(|| json!({}));
                environment["NO_PROXY"] = json!(it);
                environment["no_proxy"] = json!(it);
            }
            added.iter().for_each(|(key, value)| _ = writeln!(out, "    {key}: {value}"));
            if service.millicores.is_some() && !self.limits_cpus(sh) {
                // None, in Compose's words.
                _ = writeln!(out, "    deploy: {{ resources: {{ limits: {{ cpus: \"0\" }} }} }}");
            }
            if self.mode.port_offset > 0 && !service.ports.is_empty() {
                let ports: Vec<String> =
                    service.ports.iter().map(|it| format!("\"127.0.0.1:{}:{}\"", it.host, it.container)).collect();
                _ = writeln!(out, "    ports: !override [{}]", ports.join(", "));
            }
            if self.start_interval && service.has_health_check {
                // Of two processors a look costs a tenth of a second's time: only where somebody waits for the answer.
                let awaited = self.services.iter().any(|it| it.waits_for(&service.name));
                let seconds = if live || awaited { 1 } else { 2 };
                _ = writeln!(out, "    healthcheck: {{ start_interval: {seconds}s }}");
            }
        }
        Ok(out)
    }

    /// What a service reaches without a proxy: the other services, by name and by address, and what the user
    /// lists. Which addresses the network has is not known before.
    fn no_proxy(&self, listed: &str) -> String {
        let services = self.services.iter().map(|it| it.name.as_str());
        let near = ["localhost", "127.0.0.1", "::1", "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16"];
        let all: Vec<&str> = services.chain(near).chain([listed]).filter(|it| !it.is_empty()).collect();
        all.join(",").replace('$', "$$")
    }
}

/// What a service mounts from the repository and reads once, as `PATH=DIGEST` separated by spaces; `rendered` counts in
/// the place of the files of its names.
pub(crate) fn digests(root: &Path, service: &Service, rendered: &[(Cluster, String)]) -> Result<String> {
    let one = |mount: &PathBuf| {
        let text = rendered.iter().find(|(it, _)| *mount == Path::new(&template::path(*it))).map(|(_, text)| &**text);
        let digest = text.map_or_else(
            // Not written yet: whatever it will be is a change.
            || if mount == Path::new(PROFILE) && !root.join(mount).exists() { Ok(0) } else { digest(root, mount) },
            |it| Ok(files::fnv(files::fnv(files::FNV, mount.as_os_str().as_encoded_bytes()), it.as_bytes())),
        )?;
        Ok(format!("{}={digest:016x}", mount.display()))
    };
    let is_kept = |it: &&PathBuf| !service.rereads.iter().any(|folder| it.starts_with(folder));
    service.mounts.iter().filter(is_kept).map(one).collect::<Result<Vec<_>>>().map(|it| it.join(" "))
}

/// Over the names and contents of a file or of a folder's files.
pub(crate) fn digest(root: &Path, mount: &Path) -> Result<u64> {
    let mut hash = files::FNV;
    for entry in WalkDir::new(root.join(mount)).sort_by_file_name() {
        let entry = entry.with_context(|| format!("cannot read {}", mount.display()))?;
        if entry.file_type().is_file() {
            hash = files::fnv(hash, entry.path().strip_prefix(root)?.as_os_str().as_encoded_bytes());
            let text = fs::read(entry.path()).with_context(|| format!("cannot read {}", entry.path().display()))?;
            hash = files::fnv(hash, &text);
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
            let entries = crate::settings::dotenv::parse(COMPOSE_ENV, &format!("A={}\nB=1\n", quote(&value)), &|_| None).unwrap();
            prop_assert_eq!(&entries[0].value, &value);
        }
    }
}
