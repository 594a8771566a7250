//! What the documents say beside commands: addresses, numbers, paths, links, variables, volumes.

use std::{collections::BTreeSet, path::Path};

use xtask::settings::variables;

use crate::repo::{BASE, Document, EXAMPLE, Repo};
use crate::{Finding, list, markdown, meant, pattern, ports};

/// Every document, and the example of `dev/.env`.
pub(crate) fn check(repo: &Repo) -> Vec<Finding> {
    let published: BTreeSet<u16> = repo.services().flat_map(ports::host_ports).collect();
    let services = repo.get(BASE).services().count();
    let mut found = Vec::new();
    for file in repo.ending_in(".md").chain([repo.get(EXAMPLE)]) {
        for (line, content) in file.lines() {
            for it in pattern!(r"(?:127\.0\.0\.1|localhost):([0-9]+)").captures_iter(content) {
                if it[1].parse().map_or(true, |port: u16| !published.contains(&port)) {
                    let fix = format!("published are {}", list(&published));
                    found.push(file.finding(line, format!("no service publishes `{}`", &it[0]), fix));
                }
            }
            for it in pattern!(r"([0-9]+) services").captures_iter(content) {
                if it[1] != services.to_string() {
                    let what = format!("the stack has {services} services, not {}", &it[1]);
                    found.push(file.finding(line, what, "correct the number"));
                }
            }
        }
    }
    for file in repo.ending_in(".md") {
        found.extend(links(repo, file));
        found.extend(spans(repo, file));
    }
    found
}

fn links(repo: &Repo, file: &Document) -> Vec<Finding> {
    let anchors = markdown::anchors(&file.text);
    let folder = repo.root.join(&file.file).parent().map(Path::to_path_buf).unwrap_or_default();
    let broken = |(_, it): &(usize, String)| match it.split_once('#') {
        Some(("", anchor)) => !anchors.iter().any(|it| it == anchor),
        _ if it.contains("://") || it.starts_with("mailto:") => false,
        path => !folder.join(path.map_or(it.as_str(), |(path, _)| path)).exists(),
    };
    let finding =
        |(line, it)| file.finding(line, format!("the link to `{it}` leads nowhere"), "correct it, or what it names");
    markdown::links(&file.text).into_iter().filter(broken).map(finding).collect()
}

/// Variables, paths and volumes among the spans of code.
fn spans(repo: &Repo, file: &Document) -> Vec<Finding> {
    let volumes: BTreeSet<String> = repo.named_volumes().collect();
    // A variable of ours, or one that a service gets.
    let is_variable = |name: &str| {
        variables::find(name).is_some() || repo.services().any(|it| it.node["environment"].get(name).is_some())
    };
    let is_path = pattern!(r"^(xtask|dev|grafana|terraform|tests|\.ci)/[a-z0-9_./-]*$");
    // What the commands or the developer make, and a fresh checkout does not hold.
    let is_made = pattern!(
        r"^(dev/(\.env|\.rendered|\.snapshots|docker-compose\.override\.yml)|terraform/dev/(\.terraform\.lock\.hcl|dev\.auto\.tfvars\.json))(/|$)"
    );
    let mut found = Vec::new();
    for (line, text) in markdown::code(&file.text) {
        if pattern!(r"^(TEMPORAL|COPILOT|DSQL|AWS|GRAFANA|COMPOSE)_[A-Z0-9_]+$").is_match(&text) && !is_variable(&text)
        {
            let fix = meant(&text, crate::variables::names(), "dev/.env.example lists them");
            found.push(file.finding(line, format!("`{text}` is not a variable"), fix));
        } else if is_path.is_match(&text) && !is_made.is_match(&text) && !repo.root.join(&text).exists() {
            found.push(file.finding(line, format!("`{text}` is not there"), "correct the path"));
        } else if pattern!(r"^[a-z-]+-data$").is_match(&text) && !volumes.contains(&text) {
            let what = format!("there is no volume `{text}`");
            found.push(file.finding(line, what, format!("they are {}", list(&volumes))));
        }
    }
    found
}
