//! What a service of `temporal-server` answers on its ports.

use std::{
    collections::HashMap,
    net::ToSocketAddrs,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use anyhow::Context;

use crate::{
    config::{Rpc, ServiceName},
    health, http,
    namespaces::Namespaces,
};

/// The real history service serves only once it has acquired its shards.
const HISTORY_SERVES_AFTER: Duration = Duration::from_secs(1);
/// Pollers that were not heard of for this long are forgotten.
const POLLER_LIFE: Duration = Duration::from_secs(120);

/// Task queue and identity of each poller, and when it was last heard of.
pub(crate) type Pollers = Arc<Mutex<HashMap<(String, String), Instant>>>;

/// Opens the ports of one service.
pub(crate) fn serve_service(
    name: ServiceName,
    rpc: &Rpc,
    namespaces: &Arc<Namespaces>,
    pollers: &Pollers,
    began: Instant,
) -> anyhow::Result<()> {
    let ip = listening_address(rpc)?;
    if name == ServiceName::Frontend && rpc.http_port > 0 {
        let namespaces = Arc::clone(namespaces);
        http::serve(&format!("{ip}:{}", rpc.http_port), move |request| namespaces.answer(request))?;
    }
    let (namespaces, pollers) = (Arc::clone(namespaces), Arc::clone(pollers));
    health::serve(&format!("{ip}:{}", rpc.grpc_port), move |line| answer(line, name, &namespaces, &pollers, began))
}

/// One address, as in the real server: the container's own unless the configuration names another.
fn listening_address(rpc: &Rpc) -> anyhow::Result<String> {
    if rpc.bind_on_local_host {
        return Ok("127.0.0.1".to_owned());
    }
    if let Some(ip) = rpc.bind_on_ip.as_ref().filter(|ip| !ip.is_empty()) {
        return Ok(ip.clone());
    }
    let hostname = hostname();
    let addresses = (hostname.as_str(), 0).to_socket_addrs().with_context(|| format!("cannot resolve {hostname}"))?;
    let own = addresses.map(|address| address.ip()).find(|ip| ip.is_ipv4() && !ip.is_loopback());
    Ok(own.context("no address to listen on but the loopback")?.to_string())
}

/// The container's name for itself.
pub(crate) fn hostname() -> String {
    std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default().trim().to_owned()
}

fn answer(line: &str, name: ServiceName, namespaces: &Namespaces, pollers: &Pollers, began: Instant) -> String {
    let words: Vec<&str> = line.split_whitespace().collect();
    match words[..] {
        ["health"] => "SERVING".to_owned(),
        ["health", service] if !health_names(name).contains(&service) => "UNKNOWN".to_owned(),
        ["health", _] if name == ServiceName::History && began.elapsed() < HISTORY_SERVES_AFTER => {
            "NOT_SERVING".to_owned()
        }
        ["health", _] => "SERVING".to_owned(),
        ["poll" | "pollers", ..] if name != ServiceName::Frontend => "not a frontend".to_owned(),
        ["poll", namespace, queue, identity] => match namespaces.list() {
            Ok(names) if names.contains(namespace) => {
                let mut pollers = pollers.lock().unwrap_or_else(PoisonError::into_inner);
                pollers.insert((queue.to_owned(), identity.to_owned()), Instant::now());
                "ok".to_owned()
            }
            Ok(_) => format!("Namespace {namespace} is not found."),
            Err(error) => format!("{error:#}").replace('\n', " "),
        },
        ["pollers", queue] => {
            let mut pollers = pollers.lock().unwrap_or_else(PoisonError::into_inner);
            pollers.retain(|_, seen| seen.elapsed() < POLLER_LIFE);
            let of_queue = pollers.keys().filter(|(of, _)| of == queue).map(|(_, identity)| identity.as_str());
            of_queue.collect::<Vec<_>>().join(" ")
        }
        _ => "not understood by the stand-in".to_owned(),
    }
}

fn health_names(name: ServiceName) -> &'static [&'static str] {
    match name {
        ServiceName::Frontend | ServiceName::InternalFrontend => &[
            "temporal.api.workflowservice.v1.WorkflowService",
            "temporal.api.operatorservice.v1.OperatorService",
            "temporal.api.adminservice.v1.AdminService",
        ],
        ServiceName::History => &["temporal.api.workflowservice.v1.HistoryService"],
        ServiceName::Matching => &["temporal.api.workflowservice.v1.MatchingService"],
        ServiceName::Worker => &["temporal.api.workflowservice.v1.WorkerService"],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_serves_only_its_own_service() {
        let namespaces = Namespaces::InMemory(Mutex::default());
        let pollers = Pollers::default();
        let ask =
            |name, line: &str| answer(line, name, &namespaces, &pollers, Instant::now() - Duration::from_secs(60));
        let history = "health temporal.api.workflowservice.v1.HistoryService";
        assert_eq!(ask(ServiceName::History, history), "SERVING");
        assert_eq!(ask(ServiceName::Matching, history), "UNKNOWN");
        assert_eq!(ask(ServiceName::History, "poll temporal-system q 1@h"), "not a frontend");
        assert!(ask(ServiceName::Frontend, "poll default q 1@h").contains("default"));
        assert_eq!(ask(ServiceName::Frontend, "poll temporal-system q 1@h"), "ok");
        assert_eq!(ask(ServiceName::Frontend, "pollers q"), "1@h");
        assert_eq!(ask(ServiceName::Frontend, "pollers other"), "");
    }
}
