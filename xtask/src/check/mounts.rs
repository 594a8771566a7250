//! What is mounted is there, cannot be written to, and is what the container is told to read.

use std::{collections::BTreeSet, path::Path};

use serde_yaml::Value;

use super::{
    Finding,
    repo::{DYNAMIC, Document, Repo, text, texts},
};
use crate::{cli::flags::Cluster, settings::template};

/// A file or folder of this repository in a container.
pub(super) struct Mount<'a> {
    pub source: &'a str,
    /// From the workspace root.
    pub path: String,
    pub target: &'a str,
}

/// The mounts of all services, and the paths that commands and configurations name in them.
pub(super) fn check(repo: &Repo) -> Vec<Finding> {
    let mut found = Vec::new();
    for (file, name, node) in repo.services() {
        for item in node.get("volumes").and_then(Value::as_sequence).into_iter().flatten() {
            found.extend(item.as_str().and_then(|it| short(file, name, it)));
        }
        for mount in mounts(node) {
            found.extend(missing(repo, file, name, &mount));
        }
        found.extend(writable(file, name, node));
        found.extend(twice(file, name, node));
        found.extend(unmounted(file, name, node));
    }
    found.extend(dynamic_config(repo));
    found
}

/// What a service mounts from this repository.
pub(super) fn mounts(node: &Value) -> Vec<Mount<'_>> {
    let volumes = node.get("volumes").and_then(Value::as_sequence);
    let mount = |it| {
        let source = Value::get(it, "source")?.as_str().filter(|it| it.starts_with('.'))?;
        let path = match source.strip_prefix("../") {
            Some(rest) => rest.to_owned(),
            None => format!("dev/{}", source.trim_start_matches("./")),
        };
        Some(Mount { source, path, target: it.get("target")?.as_str()? })
    };
    volumes.into_iter().flatten().filter_map(mount).collect()
}

/// A bind mount in the short form has no `read_only` to look at, and makes a folder where its source is missing.
fn short(file: &Document<Value>, name: &str, item: &str) -> Option<Finding> {
    item.starts_with(['.', '/', '~', '$']).then(|| {
        file.finding(
            file.line_in(name, item),
            format!("{name} mounts `{item}` in the short form, which makes a folder where the source is missing"),
            "write it as `type: bind` with source, target, `read_only: true` and `create_host_path: false`",
        )
    })
}

fn missing(repo: &Repo, file: &Document<Value>, name: &str, mount: &Mount<'_>) -> Option<Finding> {
    let generated = Cluster::ALL.iter().any(|it| template::path(*it) == mount.path);
    let line = file.line_in(name, mount.source);
    if mount.path.starts_with("dev/.rendered") {
        let known = Cluster::ALL.iter().map(|it| template::path(*it)).collect::<Vec<_>>().join(" and ");
        return (!generated).then(|| {
            let text = format!("{name} mounts {}, which nothing generates", mount.path);
            file.finding(line, text, format!("`cargo xtask render` writes {known}"))
        });
    }
    (!Path::new(&repo.root).join(&mount.path).exists()).then(|| {
        let text = format!("{name} mounts {}, which is not there", mount.path);
        file.finding(line, text, "correct the path, which starts at dev/, or add the file")
    })
}

fn writable(file: &Document<Value>, name: &str, node: &Value) -> Vec<Finding> {
    let binds = node.get("volumes").and_then(Value::as_sequence).into_iter().flatten();
    let source = |it: &Value| it.get("source").and_then(Value::as_str).map(str::to_owned);
    binds
        .filter(|it| it.get("read_only").and_then(Value::as_bool) != Some(true))
        .filter_map(source)
        // The AWS directory has a check of its own.
        .filter(|it| !it.contains("AWS_MOUNT_DIR"))
        .map(|it| {
            let text = format!("{name} could write to {it}");
            file.finding(file.line_in(name, &it), text, "add `read_only: true` to that mount")
        })
        .collect()
}

fn twice(file: &Document<Value>, name: &str, node: &Value) -> Option<Finding> {
    let mut seen = BTreeSet::new();
    let target = targets(node).into_iter().find(|it| !seen.insert(it.clone()))?;
    let text = format!("{name} mounts two things at {target}");
    Some(file.finding(file.line_in(name, &target), text, "give each a target of its own"))
}

/// Where something is mounted in a container.
fn targets(node: &Value) -> Vec<String> {
    let volumes = node.get("volumes").and_then(Value::as_sequence);
    let target = |it: &Value| match it.as_str() {
        Some(short) => short.split(':').nth(1).map(str::to_owned),
        None => it.get("target").and_then(text),
    };
    volumes.into_iter().flatten().filter_map(target).collect()
}

/// A path that a command names, of a kind that comes from here, and that is not mounted.
fn unmounted(file: &Document<Value>, name: &str, node: &Value) -> Vec<Finding> {
    let targets = targets(node);
    let health = node.get("healthcheck").map(|it| texts(it, "test")).unwrap_or_default();
    let words = [texts(node, "command"), texts(node, "entrypoint"), health].concat();
    let path = |word: &String| {
        let start = word.find('/').filter(|at| *at == 0 || word[..*at].ends_with('='))?;
        let path = word[start..].to_owned();
        let ours = [".yaml", ".alloy", ".sh", ".py"].iter().any(|it| path.ends_with(it));
        (ours && !path.contains(' ')).then_some(path)
    };
    let inside = |path: &str| targets.iter().any(|it| path == it || path.starts_with(&format!("{it}/")));
    words
        .iter()
        .filter_map(path)
        .filter(|it| !inside(it))
        .map(|it| {
            let text = format!("{name} is told to read {it}, where nothing is mounted");
            file.finding(file.line_in(name, &it), text, "mount it there, or correct the path")
        })
        .collect()
}

/// The template's dynamic configuration is a file of the folder that every Temporal server mounts.
fn dynamic_config(repo: &Repo) -> Vec<Finding> {
    let path = repo.template.value.get("dynamicConfigClient").and_then(|it| it.get("filepath")).and_then(Value::as_str);
    let Some(path) = path else {
        let text = "the server gets no dynamic configuration";
        return vec![repo.template.finding(None, text, "set `dynamicConfigClient.filepath`")];
    };
    let (folder, name) = path.rsplit_once('/').unwrap_or(("", path));
    let mut found = Vec::new();
    let (source, file) = DYNAMIC.rsplit_once('/').expect("a path with a folder");
    if name != file {
        let text = format!("the server is told to read {path}, and the file is {DYNAMIC}");
        found.push(repo.template.finding(repo.template.line_of(path), text, format!("write {folder}/{file}")));
    }
    let servers =
        repo.base.services().filter(|(_, node)| texts(node, "command").iter().any(|it| it == "temporal-server"));
    for (service, _) in
        servers.filter(|(_, node)| !mounts(node).iter().any(|it| it.path == source && it.target == folder))
    {
        let text = format!("{service} does not mount {source} at {folder}, where the template says it is");
        found.push(repo.base.finding(
            repo.base.line_in(service, "volumes:"),
            text,
            "add `*dynamic-config` to its volumes",
        ));
    }
    found
}
