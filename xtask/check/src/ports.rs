//! What containers listen on, and that publishing and health checks agree with it.

use std::collections::{BTreeMap, BTreeSet};

use xtask::machine::yaml::Yaml;
use xtask::stack::service::port as published_here;

use crate::repo::{LOKI, MIMIR, Repo, Service, TEMPLATE, texts};
use crate::{Finding, addresses, pattern};

/// Images that listen on a port of their own choice.
const FIXED: &[(&str, u16)] =
    &[("elasticsearch:", 9200), ("grafana/grafana:", 3000), ("postgres:", 5432), ("temporalio/ui:", 8080)];
const ROLES: &[&str] = &["frontend", "history", "matching", "worker"];

/// Published ports, and what health checks and `x-ready` ask.
pub(crate) fn check(repo: &Repo) -> Vec<Finding> {
    let listening = listening(repo);
    let mut found = Vec::new();
    let mut taken: BTreeMap<u16, &str> = BTreeMap::new();
    for service in repo.services() {
        let (name, own) = (service.name, &listening[service.name]);
        for item in service.node["ports"].items() {
            let shown = item.text().unwrap_or("a mapping");
            let Some(port) = published_here(item, 0) else {
                let ports = published(item).map_or("HOST:CONTAINER".to_owned(), |(host, to)| format!("{host}:{to}"));
                let what = format!("{name} publishes `{shown}` beyond this machine");
                found.push(service.finding(shown, what, format!("write \"127.0.0.1:{ports}\"")));
                continue;
            };
            if let Some(other) = taken.insert(port.host, name) {
                let what = format!("{name} publishes port {}, which {other} publishes already", port.host);
                found.push(service.finding(shown, what, "give it another host port"));
            }
            if !own.contains(&port.container) {
                let what = format!("{name} publishes its port {}, but {}", port.container, listens(own));
                found.push(service.finding(shown, what, "correct the second number, or the configuration"));
            }
        }
        found.extend(health(service, own));
        found.extend(ready(service, own));
    }
    found.extend(rpc_address(repo));
    found
}

/// The host and container port of an item of `ports`, on whatever address.
fn published(item: &Yaml) -> Option<(u16, u16)> {
    let ports = pattern!(r"(?:^|:)(\d+):(\d+)$").captures(item.text()?)?;
    Some((ports[1].parse().ok()?, ports[2].parse().ok()?))
}

/// The host ports that a service publishes, on loopback or elsewhere.
pub(crate) fn host_ports(service: Service<'_>) -> BTreeSet<u16> {
    service.node["ports"].items().iter().filter_map(published).map(|it| it.0).collect()
}

/// The ports that each service listens on, as its configuration says.
pub(crate) fn listening(repo: &Repo) -> BTreeMap<&str, BTreeSet<u16>> {
    repo.by_name().into_iter().map(|(name, service)| (name, ports_of(repo, service))).collect()
}

fn ports_of(repo: &Repo, service: Service<'_>) -> BTreeSet<u16> {
    let command = service.words("command");
    if service.is_server() {
        let template = &repo.get(TEMPLATE).value;
        let of = |role: &str| ["grpcPort", "httpPort"].map(|it| port(&template["services"][role]["rpc"][it]));
        let metrics = template["global"]["metrics"]["prometheus"]["listenAddress"].as_str();
        let metrics = metrics.and_then(|it| it.rsplit_once(':')?.1.parse().ok());
        return roles(&command).into_iter().flat_map(of).chain([metrics]).flatten().collect();
    }
    let told = pattern!(r"(?:listen-addr=[^: ]*:|--port )(\d+)")
        .captures(&command.join(" "))
        .and_then(|it| it[1].parse().ok());
    let configured = || match service.str("image") {
        it if it.starts_with("grafana/mimir:") => port(&repo.get(MIMIR).value["server"]["http_listen_port"]),
        it if it.starts_with("grafana/loki:") => port(&repo.get(LOKI).value["server"]["http_listen_port"]),
        it => FIXED.iter().find(|(start, _)| it.starts_with(start)).map(|(_, port)| *port),
    };
    told.or_else(configured).into_iter().collect()
}

/// The services that a Temporal process runs: those that it names, or all.
fn roles(command: &[String]) -> Vec<&str> {
    let named: Vec<&str> = command.windows(2).filter(|it| it[0] == "--service").map(|it| it[1].as_str()).collect();
    if named.is_empty() { ROLES.to_vec() } else { named }
}

fn port(node: &Yaml) -> Option<u16> {
    node.as_u64()?.try_into().ok()
}

/// Which ports these are, to be read after "but".
pub(crate) fn listens(ports: &BTreeSet<u16>) -> String {
    match ports.len() {
        0 => "nothing says that it listens on any (xtask/check/src/ports.rs knows the images)".to_owned(),
        _ => format!("it listens on {}", crate::list(ports)),
    }
}

fn health(service: Service<'_>, own: &BTreeSet<u16>) -> Vec<Finding> {
    let test = texts(&service.node["healthcheck"]["test"]);
    let what = |it: String| format!("the health check of {} {it}", service.name);
    let mut found = Vec::new();
    if service.node.get("healthcheck").is_some() && test.first().is_none_or(|it| it != "CMD") {
        let fix = "write [CMD, program, argument, …]: not every image has a shell";
        found.push(service.finding("test:", what("is not a list that begins with CMD".to_owned()), fix));
    }
    for (host, port) in test.iter().flat_map(|it| addresses::find(it)) {
        let loopback = addresses::is_loopback(&host);
        if loopback && service.is_server() {
            let what = what(format!("asks {host}, where a Temporal server does not listen"));
            found.push(service.finding(&host, what, format!("ask {}:{port}", service.name)));
        } else if host != service.name && !loopback {
            found.push(service.finding(&host, what(format!("asks {host}")), format!("ask {} itself", service.name)));
        }
        if !own.contains(&port) {
            let what = what(format!("asks port {port}, but {}", listens(own)));
            found.push(service.finding(&port.to_string(), what, "correct the port, or the configuration"));
        }
    }
    for asked in test.iter().filter_map(|it| it.strip_prefix("-service=")) {
        let role = asked.rsplit('.').next().unwrap_or_default().trim_end_matches("Service").to_lowercase();
        if !roles(&service.words("command")).contains(&role.replace("workflow", "frontend").as_str()) {
            let what = what(format!("asks for `{asked}`, which it does not run"));
            found.push(service.finding(asked, what, "name the service that `--service` starts"));
        }
    }
    found
}

fn ready(service: Service<'_>, own: &BTreeSet<u16>) -> Option<Finding> {
    let (name, ready) = (service.name, service.node.get("x-ready")?);
    let finding = |what: String, fix: &str| Some(service.finding("x-ready", what, fix));
    let (Some(port), true) = (port(&ready["port"]), ready["path"].as_str().is_some_and(|it| it.starts_with('/')))
    else {
        let what = format!("the x-ready of {name} has no port, or no path that begins with /");
        return finding(what, "write `x-ready: { port: 8080, path: /healthz }`");
    };
    if !service.node["ports"].items().iter().filter_map(published).any(|it| it.1 == port) {
        let what = format!("xtask cannot ask {name} whether it is ready: its port {port} is not published");
        return finding(what, "publish it, or name a port that is");
    }
    let what = format!("the x-ready of {name} asks port {port}, but {}", listens(own));
    if own.contains(&port) { None } else { finding(what, "correct the port, or the configuration") }
}

/// The cluster's own address in the template is the frontend's port.
fn rpc_address(repo: &Repo) -> Option<Finding> {
    let file = repo.get(TEMPLATE);
    let template = &file.value;
    let port = port(&template["services"]["frontend"]["rpc"]["grpcPort"])?;
    let address = template["clusterMetadata"]["clusterInformation"]["active"]["rpcAddress"].as_str()?;
    let what = format!("the cluster's rpcAddress is {address}, and the frontend's grpcPort {port}");
    let same = address.ends_with(&format!(":{port}"));
    (!same).then(|| file.at("rpcAddress", what, format!("write 127.0.0.1:{port}")))
}
