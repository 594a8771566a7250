//! What has changed since the containers were made.

use std::path::Path;

use anyhow::Result;
use xshell::Shell;

use crate::cli::flags::Cluster;
use crate::docker::containers::{self, Container};
use crate::docker::engine::{self, ANSWER, Image};
use crate::machine::process;
use crate::stack::Stack;
use crate::stack::overrides::digests;

/// The hash that Compose gives each service's configuration now; `rendered` counts in the place of the files of its names.
pub(crate) fn config_hashes(
    sh: &Shell,
    stack: &Stack,
    rendered: &[(Cluster, String)],
) -> Result<Vec<(String, String)>> {
    let overrides = stack.overrides(sh, rendered)?;
    let mut compose = stack.compose_unwritten(sh);
    let printed = process::read_with_input_within(compose.args(["config", "--hash", "*"]), &overrides, ANSWER)?;
    Ok(printed.lines().filter_map(|it| it.split_once(' ')).map(|(a, b)| (a.to_owned(), b.trim().to_owned())).collect())
}

/// Services whose container is not of today, with the reason. `rendered` counts in the place of the files of its names.
pub(crate) fn drift(
    root: &Path,
    stack: &Stack,
    containers: &[Container],
    hashes: &[(String, String)],
    images: &[Image],
    rendered: &[(Cluster, String)],
) -> Result<Vec<(String, String)>> {
    let mut drift = Vec::new();
    for service in &stack.services {
        let Some(container) = containers::find(containers, &service.name) else { continue };
        let hash = hashes.iter().find(|(it, _)| *it == service.name);
        let image = engine::find_image(images, &service.image);
        if hash.is_some_and(|(_, it)| *it != container.config_hash) {
            drift.push((service.name.clone(), what_changed(container, &digests(root, service, rendered)?)));
        } else if image.is_some_and(|it| it.id != container.image_id) {
            drift.push((service.name.clone(), format!("the image {} was rebuilt", service.image)));
        }
    }
    Ok(drift)
}

fn what_changed(container: &Container, now: &str) -> String {
    let before: Vec<&str> = container.digests.split(' ').collect();
    let changed: Vec<&str> =
        now.split(' ').filter(|it| !before.contains(it)).filter_map(|it| it.split('=').next()).collect();
    if !changed.concat().is_empty() {
        return format!("{} changed", changed.join(", "));
    }
    let folder = Path::new(&container.working_dir);
    if folder.exists() {
        return "its settings changed, in dev/.env or a compose file".to_owned();
    }
    // What it mounts has another path now.
    format!("the checkout was moved, from {}", folder.parent().unwrap_or(folder).display())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::docker::containers::DIGESTS_LABEL;

    #[test]
    fn drift_names_the_file_that_changed_or_what_else_did() {
        let of = |before: &str, now: &str, working_dir: &str| {
            let labels = serde_json::json!({
                DIGESTS_LABEL: before,
                "com.docker.compose.project.working_dir": working_dir,
            });
            what_changed(
                &containers::parse(&serde_json::json!([{"Config": {"Labels": labels}}]).to_string()).unwrap()[0],
                now,
            )
        };
        let settings = "its settings changed, in dev/.env or a compose file";
        assert_eq!(of("a=1 b=2", "a=1 b=3", "/"), "b changed");
        assert_eq!(of("a=1 b=2", "a=1 b=3", "/nowhere/dev"), "b changed");
        assert_eq!(of("a=1", "a=1", "/"), settings);
        assert_eq!(of("", "", "/"), settings);
        assert_eq!(of("a=1", "a=1", "/nowhere/dev"), "the checkout was moved, from /nowhere");
    }
}
