//! What is mounted is there, cannot be written to, and is what the container is told to read.

use xtask::cli::flags::Cluster;
use xtask::machine::yaml::Yaml;
use xtask::settings::template;
use xtask::stack::environment::PROFILE;
use xtask::stack::service;

use crate::repo::{DYNAMIC, Repo, Service, TEMPLATE, texts};
use crate::{Finding, pattern};

/// A file or folder of this repository in a container.
struct Mount<'a> {
    source: &'a str,
    /// From the workspace root.
    path: String,
    target: &'a str,
}

/// The mounts of all services, and the paths that commands and configurations name in them.
pub(crate) fn check(repo: &Repo) -> Vec<Finding> {
    let mut found = Vec::new();
    for service in repo.services() {
        found.extend(service.node["volumes"].items().iter().filter_map(|it| form(service, it)));
        found.extend(mounts(service).into_iter().filter_map(|it| missing(repo, service, &it)));
        found.extend(targets(service));
    }
    found.extend(dynamic_config(repo));
    found.extend(repo.by_name().get("grafana").into_iter().flat_map(|it| dashboards(repo, *it)));
    found
}

/// What a service mounts from this repository.
fn mounts<'a>(of: Service<'a>) -> Vec<Mount<'a>> {
    let mount = |it: &'a Yaml| {
        let source = it["source"].as_str().filter(|it| it.starts_with('.'))?;
        let path = service::mount(source).to_string_lossy().into_owned();
        Some(Mount { source, path, target: it["target"].as_str()? })
    };
    of.node["volumes"].items().iter().filter_map(mount).collect()
}

/// A bind mount in the short form has no `read_only` to look at, and makes a folder where its source is missing.
fn form(service: Service<'_>, item: &Yaml) -> Option<Finding> {
    let name = service.name;
    if let Some(short) = item.as_str() {
        let what =
            format!("{name} mounts `{short}` in the short form, which makes a folder where the source is missing");
        let fix = "write it as `type: bind` with source, target, `read_only: true` and `create_host_path: false`";
        return short.starts_with(['.', '/', '~', '$']).then(|| service.finding(short, what, fix));
    }
    let source = item["source"].as_str()?;
    let shown = if source.contains("AWS_MOUNT_DIR") { "the AWS directory" } else { source };
    let what = format!("{name} could write to {shown}");
    (item["read_only"].text() != Some("true"))
        .then(|| service.finding(source, what, "add `read_only: true` to that mount"))
}

fn missing(repo: &Repo, service: Service<'_>, mount: &Mount<'_>) -> Option<Finding> {
    let what = format!("{} mounts {}, which", service.name, mount.path);
    if mount.path.starts_with("dev/.rendered") {
        let generated: Vec<String> = Cluster::ALL.iter().map(|it| template::path(*it)).collect();
        let fix = format!("`cargo xtask render` writes {}", generated.join(" and "));
        let known = generated.contains(&mount.path) || mount.path == PROFILE;
        return (!known).then(|| service.finding(mount.source, format!("{what} nothing generates"), fix));
    }
    let fix = "correct the path, which starts at dev/, or add the file";
    let there = repo.root.join(&mount.path).exists();
    (!there).then(|| service.finding(mount.source, format!("{what} is not there"), fix))
}

/// Targets of two mounts, of which Compose takes the last, and paths that a command names, of a kind that comes from
/// here, and that are not mounted.
fn targets(service: Service<'_>) -> Vec<Finding> {
    let target = |it: &Yaml| match it.as_str() {
        Some(short) => short.split(':').nth(1).map(str::to_owned),
        None => it["target"].text().map(str::to_owned),
    };
    let targets: Vec<String> = service.node["volumes"].items().iter().filter_map(target).collect();
    let twice = targets.iter().enumerate().find(|(i, it)| targets[..*i].contains(it)).map(|(_, it)| {
        let what = format!("{} mounts two things at {it}", service.name);
        service.finding(it, what, "give each a target of its own")
    });
    let inside = |path: &str| targets.iter().any(|it| path == it || path.starts_with(&format!("{it}/")));
    let health = texts(&service.node["healthcheck"]["test"]);
    let words = [service.words("command"), service.words("entrypoint"), health].concat();
    let paths = words.iter().filter_map(|it| pattern!(r"(?:^|=)(/[^ ]*\.(?:yaml|alloy|sh|py))$").captures(it)?.get(1));
    let finding = |path: &str| {
        let what = format!("{} is told to read {path}, where nothing is mounted", service.name);
        service.finding(path, what, "mount it there, or correct the path")
    };
    paths.map(|it| it.as_str()).filter(|it| !inside(it)).map(finding).chain(twice).collect()
}

/// The template's dynamic configuration is a file of the folder that every Temporal server mounts.
fn dynamic_config(repo: &Repo) -> Vec<Finding> {
    let template = repo.get(TEMPLATE);
    let path = template.value["dynamicConfigClient"]["filepath"].as_str().unwrap_or_default();
    let (folder, name) = path.rsplit_once('/').unwrap_or(("", path));
    let (source, file) = DYNAMIC.rsplit_once('/').expect("a path with a folder");
    let mut found = Vec::new();
    if name != file {
        let what = format!("the server is told to read {path}, and the file is {DYNAMIC}");
        found.push(template.at("filepath:", what, format!("write {folder}/{file}")));
    }
    for service in repo.services().filter(|it| it.is_server()) {
        if !mounts(service).iter().any(|it| it.path == source && it.target == folder) {
            let what = format!("{} does not mount {source} at {folder}, where the template says it is", service.name);
            found.push(service.finding("volumes:", what, "add `*dynamic-config` to its volumes"));
        }
    }
    found
}

/// Grafana has its provisioning, and every folder of dashboards. That each has a provider is for the tests to say.
fn dashboards(repo: &Repo, grafana: Service<'_>) -> Vec<Finding> {
    let mounted = mounts(grafana);
    let mut found = Vec::new();
    for folder in repo.ending_in(".json").filter_map(|it| Some(it.file.rsplit_once('/')?.0)) {
        if !mounted.iter().any(|it| it.path == folder) {
            let what = format!("the dashboards of {folder} are not mounted into Grafana");
            let fix = format!("mount ../{folder} and add a provider to dev/config/grafana-dashboards.yaml");
            found.push(grafana.finding("volumes:", what, fix));
        }
    }
    for folder in ["datasources", "dashboards"].map(|it| format!("/etc/grafana/provisioning/{it}/")) {
        if !mounted.iter().any(|it| it.target.starts_with(&folder)) {
            let what = format!("nothing is mounted under {folder}, where Grafana looks for its provisioning");
            found.push(grafana.finding("/etc/grafana/", what, "correct the target of that file"));
        }
    }
    found
}
