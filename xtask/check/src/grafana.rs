//! Grafana's provisioning: folders, providers and mounts are the same three things, and the data sources are distinct.

use std::collections::BTreeSet;

use serde_yaml::Value;

use crate::{
    Finding,
    mounts::mounts,
    repo::{DASHBOARDS, Repo, text},
};

const SERVICE: &str = "grafana";
const PROVISIONING: &[&str] = &["/etc/grafana/provisioning/datasources/", "/etc/grafana/provisioning/dashboards/"];

/// Providers ↔ mounts ↔ folders of dashboards, data sources, and pinned plugins.
pub(crate) fn check(repo: &Repo) -> Vec<Finding> {
    let mut found = folders(repo);
    found.extend(sources(repo));
    found.extend(service(repo));
    found
}

/// The uid and type of each data source.
pub(crate) fn source_ids(repo: &Repo) -> BTreeSet<(String, String)> {
    let field = |it: &Value, key: &str| it.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
    list(&repo.sources.value, "datasources").map(|it| (field(it, "uid"), field(it, "type"))).collect()
}

fn list<'a>(document: &'a Value, key: &str) -> impl Iterator<Item = &'a Value> {
    document.get(key).and_then(Value::as_sequence).into_iter().flatten()
}

fn folders(repo: &Repo) -> Vec<Finding> {
    let Some((_, grafana)) = repo.base.services().find(|(name, _)| *name == SERVICE) else { return Vec::new() };
    let mounted: Vec<_> = mounts(grafana).into_iter().filter(|it| it.path.starts_with(DASHBOARDS)).collect();
    let mut found = Vec::new();
    let (mut names, mut provided) = (BTreeSet::new(), BTreeSet::new());
    let file = &repo.providers;
    for provider in list(&file.value, "providers") {
        let path = provider.get("options").and_then(|it| it.get("path")).and_then(text).unwrap_or_default();
        let line = file.line_of(&path);
        if !mounted.iter().any(|it| it.target == path) {
            let known = mounted.iter().map(|it| it.target).collect::<Vec<_>>().join(", ");
            let text = format!("nothing is mounted at `{path}`, where a provider looks for dashboards");
            found.push(file.finding(line, text, format!("mounted are {known}")));
        }
        provided.insert(path);
        for key in ["name", "folder", "folderUid"] {
            let value = provider.get(key).and_then(text).unwrap_or_default();
            if value.is_empty() || !names.insert((key, value.clone())) {
                let text = format!("two providers have the {key} `{value}`, or one has none");
                found.push(file.finding(file.line_of(&format!("{key}: {value}")), text, "give each its own"));
            }
        }
    }
    for mount in mounted.iter().filter(|it| !provided.contains(it.target)) {
        let text = format!("no provider looks at {}, where {} is mounted", mount.target, mount.path);
        found.push(file.finding(None, text, "add a provider with this path, or remove the mount"));
    }
    let there: BTreeSet<&str> = repo.dashboards.iter().filter_map(|it| Some(it.file.rsplit_once('/')?.0)).collect();
    for folder in there.iter().filter(|folder| !mounted.iter().any(|it| it.path == **folder)) {
        let text = format!("the dashboards of {folder} are not mounted into Grafana");
        let remedy = format!("mount ../{folder} and add a provider to {}", file.file);
        found.push(repo.base.finding(repo.base.line_in(SERVICE, "volumes:"), text, remedy));
    }
    found
}

fn sources(repo: &Repo) -> Vec<Finding> {
    let file = &repo.sources;
    let mut found = Vec::new();
    let mut seen = BTreeSet::new();
    let mut defaults = 0;
    for source in list(&file.value, "datasources") {
        defaults += usize::from(source.get("isDefault").and_then(Value::as_bool) == Some(true));
        for key in ["name", "uid"] {
            let value = source.get(key).and_then(text).unwrap_or_default();
            if value.is_empty() || !seen.insert((key, value.clone())) {
                let text = format!("two data sources have the {key} `{value}`, or one has none");
                found.push(file.finding(file.line_of(&format!("{key}: {value}")), text, "give each its own"));
            }
        }
    }
    if defaults != 1 {
        let text = format!("{defaults} data sources are the default");
        found.push(file.finding(file.line_of("isDefault"), text, "write `isDefault: true` in one"));
    }
    found
}

fn service(repo: &Repo) -> Vec<Finding> {
    let file = &repo.base;
    let Some((_, grafana)) = file.services().find(|(name, _)| *name == SERVICE) else { return Vec::new() };
    let mut found = Vec::new();
    for folder in PROVISIONING {
        if !mounts(grafana).iter().any(|it| it.target.starts_with(folder)) {
            let text = format!("nothing is mounted under {folder}, where Grafana looks for its provisioning");
            found.push(file.finding(file.line_in(SERVICE, "/etc/grafana/"), text, "correct the target of that file"));
        }
    }
    let key = "GF_PLUGINS_PREINSTALL";
    let plugins = grafana.get("environment").and_then(|it| it.get(key)).and_then(text).unwrap_or_default();
    for plugin in plugins.split(',').filter(|it| !it.is_empty() && !it.contains('@')) {
        let text = format!("the plugin `{plugin}` is not pinned");
        found.push(file.finding(file.line_in(SERVICE, key), text, format!("write `{plugin}@VERSION`")));
    }
    found
}
