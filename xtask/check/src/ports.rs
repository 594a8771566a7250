//! What containers listen on, and that publishing and health checks agree with it.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::LazyLock,
};

use regex::Regex;
use serde_yaml::Value;

use crate::{
    Finding, addresses,
    repo::{Document, Repo, text, texts},
};

/// Images that listen on a port of their own choice.
const FIXED: &[(&str, u16)] =
    &[("elasticsearch:", 9200), ("grafana/grafana:", 3000), ("postgres:", 5432), ("temporalio/ui:", 8080)];

static PUBLISHED: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r"^(?:([^:]*|\[.*\]):)?([0-9]+):([0-9]+)$").expect("a pattern"));
static LISTEN: LazyLock<Regex> = LazyLock::new(|| Regex::new(r"listen-addr=[^:]*:([0-9]+)$").expect("a pattern"));

/// Published ports, and what health checks and `x-ready` ask.
pub(crate) fn check(repo: &Repo) -> Vec<Finding> {
    let listening = listening(repo);
    let mut found = Vec::new();
    let mut taken: BTreeMap<u16, &str> = BTreeMap::new();
    for (file, name, node) in repo.services() {
        let own = &listening[name];
        for item in node.get("ports").and_then(Value::as_sequence).into_iter().flatten() {
            let shown = text(item).unwrap_or_else(|| "a mapping".to_owned());
            let line = file.line_in(name, &shown);
            match published(item) {
                Ok((host, container)) => {
                    if let Some(other) = taken.insert(host, name) {
                        let text = format!("{name} publishes port {host}, which {other} publishes already");
                        found.push(file.finding(line, text, "give it another host port"));
                    }
                    if !own.contains(&container) {
                        let text = format!("{name} publishes its port {container}, but {}", listens(own));
                        found.push(file.finding(line, text, "correct the second number, or the configuration"));
                    }
                }
                Err(Some((host, container))) => found.push(file.finding(
                    line,
                    format!("{name} publishes `{shown}` beyond this machine"),
                    format!("write \"127.0.0.1:{host}:{container}\""),
                )),
                Err(None) => found.push(file.finding(
                    line,
                    format!("{name} publishes `{shown}`, which is not of the form that xtask reads"),
                    "write \"127.0.0.1:HOST:CONTAINER\"",
                )),
            }
        }
        found.extend(health(file, name, node, own));
        found.extend(ready(file, name, node, own));
    }
    found.extend(rpc_address(repo));
    found
}

/// The host and container port of an item of `ports`, if it is on loopback.
///
/// # Errors
/// The ports, where they are published elsewhere too; none where it is no such item.
pub(crate) fn published(item: &Value) -> Result<(u16, u16), Option<(u16, u16)>> {
    let parts = item.as_str().and_then(|it| PUBLISHED.captures(it)).ok_or(None)?;
    let ports = (parts[2].parse().map_err(|_| None)?, parts[3].parse().map_err(|_| None)?);
    match parts.get(1).map(|it| it.as_str()) {
        Some("127.0.0.1") => Ok(ports),
        _ => Err(Some(ports)),
    }
}

/// The host ports that a service publishes, on loopback or elsewhere.
pub(crate) fn host_ports(node: &Value) -> BTreeSet<u16> {
    let items = node.get("ports").and_then(Value::as_sequence);
    items.into_iter().flatten().filter_map(|it| published(it).map_or_else(|it| it, Some)).map(|it| it.0).collect()
}

/// The ports that each service listens on, as its configuration says.
pub(crate) fn listening(repo: &Repo) -> BTreeMap<&str, BTreeSet<u16>> {
    repo.by_name().into_iter().map(|(name, node)| (name, ports_of(repo, node))).collect()
}

fn ports_of(repo: &Repo, node: &Value) -> BTreeSet<u16> {
    let command = texts(node, "command");
    let image = node.get("image").and_then(Value::as_str).unwrap_or_default();
    if command.first().is_some_and(|it| it == "temporal-server") {
        return server_ports(repo, &roles(&command));
    }
    if let Some(port) = command.iter().find_map(|it| LISTEN.captures(it)?[1].parse().ok()) {
        return [port].into();
    }
    if let Some(port) = command.iter().skip_while(|it| *it != "--port").nth(1).and_then(|it| it.parse().ok()) {
        return [port].into();
    }
    let configured = |document: &Document<Value>| port_at(&document.value, &["server", "http_listen_port"]);
    let port = match image {
        it if it.starts_with("grafana/mimir:") => configured(&repo.mimir),
        it if it.starts_with("grafana/loki:") => configured(&repo.loki),
        it => FIXED.iter().find(|(start, _)| it.starts_with(start)).map(|(_, port)| *port),
    };
    port.into_iter().collect()
}

/// The services that a Temporal process runs: those that it names, or all.
fn roles(command: &[String]) -> Vec<&str> {
    let named: Vec<&str> = command.windows(2).filter(|it| it[0] == "--service").map(|it| it[1].as_str()).collect();
    if named.is_empty() { vec!["frontend", "history", "matching", "worker"] } else { named }
}

fn server_ports(repo: &Repo, roles: &[&str]) -> BTreeSet<u16> {
    let template = &repo.template.value;
    let rpc = roles
        .iter()
        .flat_map(|role| ["grpcPort", "httpPort"].map(|it| port_at(template, &["services", role, "rpc", it])));
    rpc.chain([metrics_port(repo)]).flatten().collect()
}

/// Where every Temporal process shows its metrics.
pub(crate) fn metrics_port(repo: &Repo) -> Option<u16> {
    let prometheus = repo.template.value.get("global")?.get("metrics")?.get("prometheus")?;
    prometheus.get("listenAddress")?.as_str()?.rsplit_once(':')?.1.parse().ok()
}

fn port_at(document: &Value, path: &[&str]) -> Option<u16> {
    path.iter().try_fold(document, |node, key| node.get(key))?.as_u64()?.try_into().ok()
}

/// Which ports these are, to be read after "but".
pub(crate) fn listens(ports: &BTreeSet<u16>) -> String {
    if ports.is_empty() {
        return "nothing says that it listens on any (xtask/check/src/ports.rs knows the images)".to_owned();
    }
    let all: Vec<String> = ports.iter().map(u16::to_string).collect();
    format!("it listens on {}", all.join(", "))
}

fn health(file: &Document<Value>, name: &str, node: &Value, own: &BTreeSet<u16>) -> Vec<Finding> {
    let Some(check) = node.get("healthcheck") else { return Vec::new() };
    let test = texts(check, "test");
    let line = |needle: &str| file.line_in(name, needle);
    let mut found = Vec::new();
    if test.first().is_none_or(|it| it != "CMD") {
        let text = format!("the health check of {name} is not a list that begins with CMD");
        found.push(file.finding(line("test:"), text, "write [CMD, program, argument, …]: not every image has a shell"));
    }
    let command = texts(node, "command");
    let server = command.first().is_some_and(|it| it == "temporal-server");
    for (host, port) in test.iter().flat_map(|it| addresses::find(it)) {
        let shown = port.to_string();
        if addresses::is_loopback(&host) && server {
            let text = format!("the health check of {name} asks {host}, where a Temporal server does not listen");
            found.push(file.finding(line(&host), text, format!("ask {name}:{port}")));
        } else if host != name && !addresses::is_loopback(&host) {
            let text = format!("the health check of {name} asks {host}");
            found.push(file.finding(line(&host), text, format!("ask {name} itself")));
        }
        if !own.contains(&port) {
            let text = format!("the health check of {name} asks port {port}, but {}", listens(own));
            found.push(file.finding(line(&shown), text, "correct the port, or the configuration"));
        }
    }
    for asked in test.iter().filter_map(|it| it.strip_prefix("-service=")) {
        let role = asked.rsplit('.').next().unwrap_or_default().trim_end_matches("Service").to_lowercase();
        if !roles(&command).contains(&role.replace("workflow", "frontend").as_str()) {
            let text = format!("the health check of {name} asks for `{asked}`, which it does not run");
            found.push(file.finding(line(asked), text, "name the service that `--service` starts"));
        }
    }
    found
}

fn ready(file: &Document<Value>, name: &str, node: &Value, own: &BTreeSet<u16>) -> Option<Finding> {
    let ready = node.get("x-ready")?;
    let line = file.line_in(name, "x-ready");
    let port = ready.get("port").and_then(Value::as_u64).and_then(|it| u16::try_from(it).ok());
    let path = ready.get("path").and_then(Value::as_str).filter(|it| it.starts_with('/'));
    let (Some(port), Some(_)) = (port, path) else {
        let text = format!("the x-ready of {name} has no port, or no path that begins with /");
        return Some(file.finding(line, text, "write `x-ready: { port: 8080, path: /healthz }`"));
    };
    let ports = node.get("ports").and_then(Value::as_sequence);
    if !ports.into_iter().flatten().filter_map(|it| published(it).ok()).any(|it| it.1 == port) {
        let text = format!("xtask cannot ask {name} whether it is ready: its port {port} is not published");
        return Some(file.finding(line, text, "publish it, or name a port that is"));
    }
    (!own.contains(&port)).then(|| {
        let text = format!("the x-ready of {name} asks port {port}, but {}", listens(own));
        file.finding(line, text, "correct the port, or the configuration")
    })
}

/// The cluster's own address in the template is the frontend's port.
fn rpc_address(repo: &Repo) -> Option<Finding> {
    let template = &repo.template;
    let port = port_at(&template.value, &["services", "frontend", "rpc", "grpcPort"])?;
    let active = template.value.get("clusterMetadata")?.get("clusterInformation")?.get("active")?;
    let address = active.get("rpcAddress")?.as_str()?;
    (address.rsplit_once(':')?.1 != port.to_string()).then(|| {
        let text = format!("the cluster's rpcAddress is {address}, and the frontend's grpcPort {port}");
        template.finding(template.line_of("rpcAddress"), text, format!("write 127.0.0.1:{port}"))
    })
}
