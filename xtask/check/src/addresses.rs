//! Every `HOST:PORT` that one service has of another in its environment: the service exists and listens there. Those of
//! Alloy and Grafana are literal in the tests.

use std::collections::{BTreeMap, BTreeSet};

use xtask::settings::{dotenv, variables::find as variable};

use crate::repo::{ALLOY, BASE, Repo, SOURCES};
use crate::{Finding, meant, pattern, ports, variables};

/// The addresses, and the variables that Alloy and Grafana expect in their own environment.
pub(crate) fn check(repo: &Repo) -> Vec<Finding> {
    let listening = ports::listening(repo);
    let default = |name: &str| variable(name)?.default.map(str::to_owned);
    let mut found = Vec::new();
    for service in repo.services() {
        for (key, value) in service.node["environment"].pairs() {
            let Some(raw) = value.text() else { continue };
            let value = dotenv::expand(raw, &default).unwrap_or_default();
            for (what, fix) in wrong(&format!("{key} of {}", service.name), &value, &listening) {
                found.push(service.finding(&format!("{key}:"), what, fix));
            }
        }
    }
    for (line, content) in repo.get(ALLOY).lines() {
        let names = pattern!(r#"sys\.env\("([^"]*)"\)"#).captures_iter(content);
        found.extend(names.filter_map(|it| unset(repo, ALLOY, line, "alloy", &it[1])));
    }
    let references = variables::references(&repo.get(SOURCES).text);
    found.extend(references.iter().filter_map(|it| unset(repo, SOURCES, it.0, "grafana", &it.1)));
    found
}

/// Each `HOST:PORT` in a text, also in bash's `/dev/tcp/HOST/PORT`. What cannot be a port is left out.
pub(crate) fn find(text: &str) -> Vec<(String, u16)> {
    let pattern = pattern!(r"/dev/tcp/([A-Za-z0-9.-]+)/([0-9]+)|([A-Za-z0-9][A-Za-z0-9.-]*):([0-9]+)");
    let pair = |it: regex::Captures<'_>| {
        let part = |a: usize, b: usize| it.get(a).or_else(|| it.get(b)).map(|it| it.as_str());
        Some((part(1, 3)?.to_owned(), part(2, 4)?.parse().ok()?))
    };
    pattern.captures_iter(text).filter_map(pair).collect()
}

/// Whether a host is the asking container itself.
pub(crate) fn is_loopback(host: &str) -> bool {
    matches!(host, "localhost" | "127.0.0.1")
}

/// What is wrong with the addresses in a text, each with its fix; a host with dots is none of ours.
fn wrong(owner: &str, text: &str, listening: &BTreeMap<&str, BTreeSet<u16>>) -> Vec<(String, String)> {
    let wrong = |(host, port): (String, u16)| match listening.get(host.as_str()) {
        Some(ports) if ports.contains(&port) => None,
        Some(ports) => {
            let what = format!("{owner} is port {port} of {host}, but {}", ports::listens(ports));
            Some((what, "correct the port, or the configuration of that service".to_owned()))
        }
        None if is_loopback(&host) || host.contains('.') => None,
        None => {
            let fix = meant(&host, listening.keys().copied(), "name a service of the compose file");
            Some((format!("{owner} is at {host}, which is no service"), fix))
        }
    };
    find(text).into_iter().filter_map(wrong).collect()
}

/// A variable that a configuration reads from its container's environment and that is not there.
fn unset(repo: &Repo, file: &str, line: usize, service: &str, name: &str) -> Option<Finding> {
    let added = repo.get(BASE).value["x-where"].items().iter();
    let added = added
        .filter(|it| it["service"].as_str() == Some(service))
        .any(|it| it["add"]["environment"].get(name).is_some());
    let there = added || repo.by_name().get(service).is_some_and(|it| it.node["environment"].get(name).is_some());
    let fix = format!("add it to the environment of {service} in {BASE}");
    (!there).then(|| repo.get(file).finding(line, format!("{service} has no variable {name}"), fix))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_found_in_urls_arguments_and_bash() {
        let of = |it: &str| find(it).into_iter().map(|(host, port)| format!("{host} {port}")).collect::<Vec<_>>();
        assert_eq!(of("http://mimir:9009/prometheus"), ["mimir 9009"]);
        assert_eq!(of("-addr=temporal-history:7234"), ["temporal-history 7234"]);
        assert_eq!(of("exec 3<>/dev/tcp/127.0.0.1/12345 && x"), ["127.0.0.1 12345"]);
        assert_eq!(of("a:99999 -Xms512m http://x/y"), Vec::<String>::new());
    }
}
