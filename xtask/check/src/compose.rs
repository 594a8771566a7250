//! What every service has to be: pinned, and in one region; and what the files declare is used.

use std::collections::BTreeSet;

use xtask::settings::variables::{LOCAL_COPILOT_HOST, LOCAL_MONITORED_HOST};

use crate::repo::{BASE, LOCAL, Repo, Service, texts};
use crate::{Finding, list, pattern};

/// The images that this repository builds; they are named by a variable each.
const OURS: &[&str] = &["TEMPORAL_IMAGE", "COPILOT_IMAGE"];
const PLUGINS: &str = "GF_PLUGINS_PREINSTALL";

/// Everything about single services, the volumes, and the names of the stand-ins.
pub(crate) fn check(repo: &Repo) -> Vec<Finding> {
    let mut found: Vec<Finding> =
        repo.services().flat_map(|it| [image(it), plugin(it), region(it), alias(it)]).flatten().collect();
    let used: BTreeSet<String> = repo.named_volumes().collect();
    for file in [BASE, LOCAL].map(|it| repo.get(it)) {
        for (volume, _) in file.value["volumes"].pairs().iter().filter(|(it, _)| !used.contains(it)) {
            let what = format!("no service uses `{volume}`, which is declared under `volumes:`");
            found.push(file.at(&format!("  {volume}:"), what, "remove it, or use it"));
        }
    }
    found
}

fn image(service: Service<'_>) -> Option<Finding> {
    let (name, image) = (service.name, service.node["image"].as_str()?);
    if let Some(variable) = OURS.iter().find(|it| image.starts_with(&format!("${{{it}:-"))) {
        let what = format!("{name} would pull the image of {variable}, which exists on this machine only");
        return (service.str("pull_policy") != "never")
            .then(|| service.finding(image, what, "add `pull_policy: never`"));
    }
    // A tag that always means the same image: at least two numbers, with anything after them.
    let pinned = pattern!(r":v?[0-9]+\.[0-9]+[0-9A-Za-z.+_-]*$|@sha256:").is_match(image);
    let what = format!("the image of {name}, `{image}`, is not pinned");
    let fix = "give it an exact tag, such as `:1.2.3`; `latest` and single numbers move";
    (!pinned).then(|| service.finding(image, what, fix))
}

fn plugin(service: Service<'_>) -> Option<Finding> {
    let plugins = service.node["environment"][PLUGINS].as_str()?;
    let plugin = plugins.split(',').find(|it| !it.contains('@'))?;
    Some(service.finding(PLUGINS, format!("the plugin `{plugin}` is not pinned"), format!("write `{plugin}@VERSION`")))
}

fn region(service: Service<'_>) -> Option<Finding> {
    let [region, default] = ["AWS_REGION", "AWS_DEFAULT_REGION"].map(|it| service.node["environment"][it].text());
    let what = format!("{} has AWS_REGION, but not the same AWS_DEFAULT_REGION", service.name);
    let fix = "set both: Temporal reads one, the Copilot the other";
    (region.is_some() && region != default).then(|| service.finding("AWS_REGION", what, fix))
}

/// A stand-in answers to a host that `--local` sets.
fn alias(service: Service<'_>) -> Option<Finding> {
    let networks = service.node["networks"].pairs();
    let aliases: Vec<String> = networks.iter().flat_map(|(_, it)| texts(&it["aliases"])).collect();
    let hosts = [LOCAL_MONITORED_HOST, LOCAL_COPILOT_HOST];
    let what = format!("nothing asks for `{}`, the alias of {}", list(&aliases), service.name);
    let fix = format!("one of {} is meant (xtask/src/settings/variables.rs)", list(hosts));
    let asked = aliases.iter().any(|it| hosts.contains(&it.as_str()));
    (!networks.is_empty() && !asked)
        .then(|| service.finding(aliases.first().map_or("networks:", String::as_str), what, fix))
}
