//! What every service has to be: pinned, unnamed, of the right platform; and what the files declare is used.

use std::{collections::BTreeSet, sync::LazyLock};

use regex::Regex;
use serde_yaml::Value;

use crate::{
    Finding,
    repo::{Document, Repo, texts},
};
use xtask::settings::variables;

/// A tag that always means the same image: at least two numbers, with anything after them.
static EXACT: LazyLock<Regex> = LazyLock::new(|| Regex::new(r"^v?[0-9]+\.[0-9]+[0-9A-Za-z.+_-]*$").expect("a pattern"));
/// The images that this repository builds; they are named by a variable each.
const OURS: &[&str] = &["TEMPORAL_IMAGE", "COPILOT_IMAGE"];

/// Everything about single services, and the declarations of volumes and networks.
pub(crate) fn check(repo: &Repo) -> Vec<Finding> {
    let base: BTreeSet<&str> = repo.base.services().map(|it| it.0).collect();
    let mut found = Vec::new();
    for (file, name, node) in repo.services() {
        let adds_only = file.file == repo.local.file && base.contains(name);
        if !adds_only {
            found.extend(image(file, name, node));
        }
        if node.get("container_name").is_some() {
            found.push(file.finding(
                file.line_in(name, "container_name"),
                format!("{name} has a `container_name`: two checkouts could not run side by side"),
                "remove it; `cargo xtask dev-exec` finds the container by its service",
            ));
        }
    }
    found.extend(platforms(repo));
    found.extend(amd64(repo));
    found.extend(declared(repo, "volumes", &named_volumes));
    found.extend(declared(repo, "networks", &networks));
    found.extend(aliases(repo));
    found
}

fn image(file: &Document<Value>, name: &str, node: &Value) -> Option<Finding> {
    let Some(image) = node.get("image").and_then(Value::as_str) else {
        return Some(file.finding(file.line_in(name, ""), format!("{name} has no image"), "give it a pinned `image:`"));
    };
    let line = file.line_in(name, image);
    if let Some(variable) = OURS.iter().find(|it| image.starts_with(&format!("${{{it}:-"))) {
        return (node.get("pull_policy").and_then(Value::as_str) != Some("never")).then(|| {
            file.finding(
                line,
                format!("{name} would pull the image of {variable}, which exists on this machine only"),
                "add `pull_policy: never`",
            )
        });
    }
    let tag = image.rsplit_once(':').map_or("", |(_, tag)| tag);
    let pinned = EXACT.is_match(tag) || image.contains("@sha256:");
    (!pinned).then(|| {
        file.finding(
            line,
            format!("the image of {name}, `{image}`, is not pinned"),
            "give it an exact tag, such as `:1.2.3`; `latest` and single numbers move",
        )
    })
}

/// Property 1: the base file is arm64 throughout; the stand-ins are multi-platform and follow the engine.
fn platforms(repo: &Repo) -> Vec<Finding> {
    let wrong = |(name, node): (&str, &Value)| {
        let platform = node.get("platform").and_then(Value::as_str).unwrap_or("none");
        (platform != "linux/arm64").then(|| {
            repo.base.finding(
                repo.base.line_in(name, "platform:"),
                format!("the platform of {name} is {platform}"),
                "write `platform: linux/arm64`, or take it from the anchor `*service`",
            )
        })
    };
    let mut found: Vec<Finding> = repo.base.services().filter_map(wrong).collect();
    for (name, _) in repo.local.services().filter(|(_, node)| node.get("platform").is_some()) {
        found.push(repo.local.finding(
            repo.local.line_in(name, "platform:"),
            format!("{name} has a platform: it would be emulated on the other one"),
            "remove it",
        ));
    }
    found
}

fn amd64(repo: &Repo) -> Vec<Finding> {
    let file = &repo.amd64;
    let base: BTreeSet<&str> = repo.base.services().map(|it| it.0).collect();
    let there: BTreeSet<&str> = file.services().map(|it| it.0).collect();
    let mut found = Vec::new();
    for name in base.difference(&there) {
        let text = format!("{name} is missing: on an amd64 engine it would be emulated");
        found.push(file.finding(file.line_of("services:"), text, format!("add `  {name}: *amd64`")));
    }
    for name in there.difference(&base) {
        let text = format!("{} has no service {name}", repo.base.file);
        found.push(file.finding(file.line_in(name, ""), text, "remove it"));
    }
    for (name, node) in file.services() {
        if node.get("platform").and_then(Value::as_str) != Some("linux/amd64") {
            let text = format!("the platform of {name} is not linux/amd64");
            found.push(file.finding(file.line_in(name, ""), text, format!("write `  {name}: *amd64`")));
        }
    }
    found
}

/// What a compose file declares at its top is used by its services, and what they use is declared there.
fn declared(repo: &Repo, kind: &str, uses: &dyn Fn(&Value) -> Vec<String>) -> Vec<Finding> {
    let names = |file: &Document<Value>| -> BTreeSet<String> {
        let mapping = file.value.get(kind).and_then(Value::as_mapping);
        mapping.into_iter().flat_map(|it| it.keys()).filter_map(|it| it.as_str().map(str::to_owned)).collect()
    };
    let known: BTreeSet<String> = [&repo.base, &repo.local].into_iter().flat_map(names).collect();
    let mut found = Vec::new();
    let mut used = BTreeSet::new();
    for (file, name, node) in repo.services() {
        for it in uses(node) {
            if !known.contains(&it) {
                let text = format!("{name} uses `{it}`, which is not declared under `{kind}:`");
                found.push(file.finding(
                    file.line_in(name, &it),
                    text,
                    format!("declare it at the end of {}", file.file),
                ));
            }
            used.insert(it);
        }
    }
    for file in [&repo.base, &repo.local] {
        for it in names(file).difference(&used) {
            let text = format!("no service uses `{it}`, which is declared under `{kind}:`");
            found.push(file.finding(file.line_of(&format!("  {it}:")), text, "remove it, or use it"));
        }
    }
    found
}

/// The named volumes that a service mounts.
pub(crate) fn named_volumes(node: &Value) -> Vec<String> {
    let name = |it: String| it.split(':').next().map(str::to_owned);
    texts(node, "volumes").into_iter().filter_map(name).filter(|it| !it.starts_with(['.', '/', '~', '$'])).collect()
}

fn networks(node: &Value) -> Vec<String> {
    match node.get("networks") {
        Some(Value::Mapping(it)) => it.keys().filter_map(|it| it.as_str().map(str::to_owned)).collect(),
        _ => texts(node, "networks"),
    }
}

/// The stand-ins answer to the hosts that `--local` sets, each to one.
fn aliases(repo: &Repo) -> Vec<Finding> {
    let file = &repo.local;
    let of = |node: &Value| {
        let networks = node.get("networks").and_then(Value::as_mapping);
        networks.into_iter().flat_map(|it| it.values()).flat_map(|it| texts(it, "aliases")).collect::<Vec<_>>()
    };
    let aliases: Vec<(&str, String)> =
        file.services().flat_map(|(name, node)| of(node).into_iter().map(move |it| (name, it))).collect();
    let hosts = [variables::LOCAL_MONITORED_HOST, variables::LOCAL_COPILOT_HOST];
    let mut found = Vec::new();
    for host in hosts.iter().filter(|host| !aliases.iter().any(|(_, it)| it == *host)) {
        let text = format!("no service answers to `{host}`, where `--local` looks for a database");
        found.push(file.finding(file.line_of("aliases:"), text, "add it to the aliases of that database's stand-in"));
    }
    for (name, alias) in aliases.iter().filter(|(_, it)| !hosts.contains(&it.as_str())) {
        let text = format!("nothing asks for `{alias}`, an alias of {name}");
        let remedy = format!(
            "one of {} is meant (xtask/src/settings/variables.rs)",
            hosts.map(|it| format!("`{it}`")).join(", ")
        );
        found.push(file.finding(file.line_of(alias), text, remedy));
    }
    found
}
