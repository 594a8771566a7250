//! What the documents say beside commands: addresses, numbers, paths, links, variables, volumes.

use std::{collections::BTreeSet, path::Path, sync::LazyLock};

use regex::Regex;
use serde_yaml::Value;

use crate::{
    Finding, compose, markdown, ports,
    repo::{Document, Repo},
};
use xtask::{cli::help, settings::variables};

static LOCAL: LazyLock<Regex> = LazyLock::new(|| Regex::new(r"(127\.0\.0\.1|localhost):([0-9]+)").expect("a pattern"));
static COUNT: LazyLock<Regex> = LazyLock::new(|| Regex::new(r"([0-9]+) services").expect("a pattern"));
static NAME: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r"^(TEMPORAL|COPILOT|DSQL|AWS|GRAFANA|COMPOSE)_[A-Z0-9_]+$").expect("a pattern"));
static PATH: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r"^(xtask|dev|grafana|terraform|tests|\.ci)/[a-z0-9_./-]*$").expect("a pattern"));
static VOLUME: LazyLock<Regex> = LazyLock::new(|| Regex::new(r"^[a-z-]+-data$").expect("a pattern"));

/// Files that the commands make, which a fresh checkout does not hold.
const MADE: &[&str] =
    &["dev/.env", "dev/.rendered", "terraform/dev/.terraform.lock.hcl", "terraform/dev/dev.auto.tfvars.json"];

/// Every document, and the example of `dev/.env`.
pub(crate) fn check(repo: &Repo) -> Vec<Finding> {
    let published: BTreeSet<u16> = repo.services().flat_map(|(_, _, node)| ports::host_ports(node)).collect();
    let mut found = Vec::new();
    for file in repo.docs.iter().chain([&repo.example]) {
        for (i, line) in file.text.lines().enumerate() {
            found.extend(addresses(file, i + 1, line, &published));
        }
    }
    for file in &repo.docs {
        found.extend(count(repo, file));
        found.extend(links(repo, file));
        found.extend(spans(repo, file));
    }
    found
}

fn addresses(file: &Document<()>, at: usize, line: &str, published: &BTreeSet<u16>) -> Vec<Finding> {
    let wrong = |it: &regex::Captures<'_>| it[2].parse().map_or(true, |port: u16| !published.contains(&port));
    let finding = |it: regex::Captures<'_>| {
        let all = published.iter().map(u16::to_string).collect::<Vec<_>>().join(", ");
        file.finding(Some(at), format!("no service publishes `{}`", &it[0]), format!("published are {all}"))
    };
    LOCAL.captures_iter(line).filter(wrong).map(finding).collect()
}

/// The number of services, where it is told.
fn count(repo: &Repo, file: &Document<()>) -> Vec<Finding> {
    let services = repo.base.services().count();
    let wrong = |(i, line): (usize, &str)| {
        let number = COUNT.captures(line)?[1].to_owned();
        (number != services.to_string()).then(|| {
            file.finding(Some(i + 1), format!("the stack has {services} services, not {number}"), "correct the number")
        })
    };
    file.text.lines().enumerate().filter_map(wrong).collect()
}

fn links(repo: &Repo, file: &Document<()>) -> Vec<Finding> {
    let anchors = markdown::anchors(&file.text);
    let folder = Path::new(&file.file).parent().unwrap_or(Path::new(""));
    let broken = |it: &markdown::At<String>| match it.it.split_once('#') {
        Some(("", anchor)) => !anchors.iter().any(|it| it == anchor),
        _ if it.it.contains("://") || it.it.starts_with("mailto:") => false,
        path => !repo.root.join(folder).join(path.map_or(it.it.as_str(), |(path, _)| path)).exists(),
    };
    let finding = |it: markdown::At<String>| {
        file.finding(Some(it.line), format!("the link to `{}` leads nowhere", it.it), "correct it, or what it names")
    };
    markdown::links(&file.text).into_iter().filter(broken).map(finding).collect()
}

/// Variables, paths and volumes among the spans of code.
fn spans(repo: &Repo, file: &Document<()>) -> Vec<Finding> {
    let volumes: BTreeSet<String> = repo.services().flat_map(|(_, _, node)| compose::named_volumes(node)).collect();
    let mut found = Vec::new();
    for span in markdown::code(&file.text) {
        let text = span.it.as_str();
        let made = || MADE.iter().any(|it| text == *it || text.starts_with(&format!("{it}/")));
        if NAME.is_match(text) && !is_variable(repo, text) {
            let hint = help::suggest(text, variables::ALL.iter().map(|it| it.name));
            let remedy = hint.map_or("dev/.env.example lists them".to_owned(), |it| format!("is `{it}` meant?"));
            found.push(file.finding(Some(span.line), format!("`{text}` is not a variable"), remedy));
        } else if PATH.is_match(text) && !made() && !repo.root.join(text).exists() {
            let text = format!("`{text}` is not there");
            found.push(file.finding(Some(span.line), text, "correct the path"));
        } else if VOLUME.is_match(text) && !volumes.contains(text) {
            let remedy = format!("they are {}", volumes.iter().map(String::as_str).collect::<Vec<_>>().join(", "));
            found.push(file.finding(Some(span.line), format!("there is no volume `{text}`"), remedy));
        }
    }
    found
}

/// A variable of ours, or one that a service gets.
fn is_variable(repo: &Repo, name: &str) -> bool {
    let given = |node: &Value| node.get("environment").and_then(|it| it.get(name)).is_some();
    variables::find(name).is_some() || repo.services().any(|(_, _, node)| given(node))
}
