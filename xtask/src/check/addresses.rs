//! Every `HOST:PORT` that one service has of another: the service exists and listens there.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::LazyLock,
};

use regex_lite::Regex;
use serde_yaml::Value;

use super::{
    Finding, ports,
    repo::{Document, Repo, text, texts},
};
use crate::{
    cli::help,
    settings::{dotenv, variables},
};

static ADDRESS: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"/dev/tcp/([A-Za-z0-9.-]+)/([0-9]+)|([A-Za-z0-9][A-Za-z0-9.-]*):([0-9]+)").expect("a pattern")
});
static TARGET: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r#""__address__"[ ]*=[ ]*"([^"]*)"[ ]*,[ ]*"job"[ ]*=[ ]*"([^"]*)""#).expect("a pattern")
});
static SYS_ENV: LazyLock<Regex> = LazyLock::new(|| Regex::new(r#"sys\.env\("([^"]*)"\)"#).expect("a pattern"));

/// The addresses in the services' environments, in Alloy's configuration and in Grafana's data sources.
pub(super) fn check(repo: &Repo) -> Vec<Finding> {
    let listening = ports::listening(repo);
    let mut found = Vec::new();
    for (file, name, node) in repo.services() {
        let environment = node.get("environment").and_then(Value::as_mapping);
        for (key, value) in environment.into_iter().flatten() {
            let (Some(key), Some(raw)) = (key.as_str(), text(value)) else { continue };
            for (host, port) in find(&with_defaults(&raw)) {
                let line = file.line_in(name, &format!("{key}:"));
                found.extend(wrong(file, line, &format!("{key} of {name}"), &host, port, &listening));
            }
        }
    }
    found.extend(alloy(repo, &listening));
    found.extend(sources(repo, &listening));
    found
}

/// Each `HOST:PORT` in a text, also in bash's `/dev/tcp/HOST/PORT`. What cannot be a port is left out.
pub(super) fn find(text: &str) -> Vec<(String, u16)> {
    let pair = |it: regex_lite::Captures<'_>| {
        let part = |a: usize, b: usize| it.get(a).or_else(|| it.get(b)).map(|it| it.as_str());
        Some((part(1, 3)?.to_owned(), part(2, 4)?.parse().ok()?))
    };
    ADDRESS.captures_iter(text).filter_map(pair).collect()
}

/// Whether a host is the asking container itself.
pub(super) fn is_loopback(host: &str) -> bool {
    matches!(host, "localhost" | "127.0.0.1")
}

/// A text of a compose file where nothing is set.
fn with_defaults(raw: &str) -> String {
    let lookup = |name: &str| variables::find(name)?.default.map(str::to_owned);
    dotenv::expand(raw, &lookup).unwrap_or_default()
}

/// What is wrong with an address that `what` has; a host with dots is none of ours.
fn wrong<V>(
    file: &Document<V>,
    line: Option<usize>,
    what: &str,
    host: &str,
    port: u16,
    listening: &BTreeMap<&str, BTreeSet<u16>>,
) -> Option<Finding> {
    match listening.get(host) {
        Some(ports) if ports.contains(&port) => None,
        Some(ports) => {
            let text = format!("{what} is port {port} of {host}, but {}", ports::listens(ports));
            Some(file.finding(line, text, "correct the port, or the configuration of that service"))
        }
        None if is_loopback(host) || host.contains('.') => None,
        None => {
            let hint = help::suggest(host, listening.keys().copied());
            let remedy = hint.map_or("name a service of the compose file".to_owned(), |it| format!("is `{it}` meant?"));
            Some(file.finding(line, format!("{what} is at {host}, which is no service"), remedy))
        }
    }
}

fn alloy(repo: &Repo, listening: &BTreeMap<&str, BTreeSet<u16>>) -> Vec<Finding> {
    let file = &repo.alloy;
    let mut found = Vec::new();
    let mut scraped = BTreeSet::new();
    for (i, line) in file.text.lines().enumerate().filter(|(_, it)| !it.trim_start().starts_with("//")) {
        let at = Some(i + 1);
        for target in TARGET.captures_iter(line) {
            let job = &target[2];
            scraped.insert(job.to_owned());
            for (host, port) in find(&target[1]) {
                let host = if is_loopback(&host) { "alloy" } else { &host };
                found.extend(wrong(file, at, &format!("the scrape target {job}"), host, port, listening));
                if job != host {
                    let text = format!("the metrics of {host} would be those of the job {job}");
                    found.push(file.finding(at, text, format!("write `\"job\" = \"{host}\"`, as on its logs")));
                }
            }
        }
        if let Some((_, url)) = line.split_once("url = ") {
            for (host, port) in find(url) {
                found.extend(wrong(file, at, "a URL", &host, port, listening));
            }
        }
        for name in SYS_ENV.captures_iter(line) {
            found.extend(unset(repo, file, at, "alloy", &name[1]));
        }
    }
    found.extend(scrape(repo, &scraped));
    found
}

/// All servers of the monitored cluster are scraped, and the Copilot's own is not.
fn scrape(repo: &Repo, scraped: &BTreeSet<String>) -> Vec<Finding> {
    let mut found = Vec::new();
    let file = &repo.alloy;
    for (name, node) in repo.base.services() {
        let command = texts(node, "command");
        if command.first().is_none_or(|it| it != "temporal-server") {
            continue;
        }
        let monitored = command.iter().any(|it| it == "--service");
        let port = ports::metrics_port(repo).unwrap_or_default();
        if monitored && !scraped.contains(name) {
            let text = format!("{name} is not scraped");
            let remedy = format!("add {{\"__address__\" = \"{name}:{port}\", \"job\" = \"{name}\"}} to the targets");
            found.push(file.finding(file.line_of("prometheus.scrape"), text, remedy));
        }
        if !monitored && scraped.contains(name) {
            let text = format!("{name} is scraped: the Copilot would take its signals for the monitored cluster's");
            found.push(file.finding(file.line_of(&format!("\"{name}\"")), text, "remove this target"));
        }
    }
    found
}

fn sources(repo: &Repo, listening: &BTreeMap<&str, BTreeSet<u16>>) -> Vec<Finding> {
    let file = &repo.sources;
    let list = file.value.get("datasources").and_then(Value::as_sequence);
    let mut found = Vec::new();
    for source in list.into_iter().flatten() {
        let name = source.get("name").and_then(Value::as_str).unwrap_or_default();
        let url = source.get("url").and_then(Value::as_str).unwrap_or_default();
        for (host, port) in find(url) {
            found.extend(wrong(file, file.line_of(url), &format!("the data source {name}"), &host, port, listening));
        }
    }
    for (line, name) in super::variables::references(&file.text).into_iter().map(|it| (it.line, it.name)) {
        found.extend(unset(repo, file, Some(line), "grafana", &name));
    }
    found
}

/// A variable that a configuration reads from its container's environment and that is not there.
fn unset<V>(repo: &Repo, file: &Document<V>, line: Option<usize>, service: &str, name: &str) -> Option<Finding> {
    let additions = repo.base.value.get("x-where").and_then(Value::as_sequence).into_iter().flatten();
    let additions = additions.filter(|it| it.get("service").and_then(Value::as_str) == Some(service));
    let there = repo.by_name().get(service).copied().into_iter().chain(additions.filter_map(|it| it.get("add")));
    let there = there.filter_map(|it| it.get("environment")?.get(name)).next().is_some();
    (!there).then(|| {
        let text = format!("{service} has no variable {name}");
        file.finding(line, text, format!("add it to the environment of {service} in {}", repo.base.file))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn addresses_are_found_in_urls_arguments_and_bash() {
        let of = |it: &str| find(it).into_iter().map(|(host, port)| format!("{host} {port}")).collect::<Vec<_>>();
        assert_eq!(of("http://mimir:9009/prometheus"), ["mimir 9009"]);
        assert_eq!(of("-addr=temporal-history:7234"), ["temporal-history 7234"]);
        assert_eq!(of("exec 3<>/dev/tcp/127.0.0.1/12345 && x"), ["127.0.0.1 12345"]);
        assert_eq!(of("a:99999 -Xms512m http://x/y"), Vec::<String>::new());
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(256))]

        #[test]
        fn no_text_makes_the_search_panic(text in "\\PC*|[a-z0-9:/.$\"]{0,60}") {
            _ = find(&text);
            _ = with_defaults(&text);
        }
    }
}
