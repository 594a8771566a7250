//! Members of a Temporal cluster that are gone: a server that starts tries to join whoever has a fresh row in
//! `cluster_membership`, for 30 s and more, also where nobody is there any more.

use std::net::Ipv4Addr;
use std::time::Instant;

use anyhow::{Context as _, Result};
use serde_json::Value;
use xshell::{Shell, cmd};

use super::database::{Database, literal};
use super::{Context, steps};
use crate::cli::flags::Step;
use crate::docker::containers::{self, Container};
use crate::docker::engine::ANSWER;
use crate::machine::few;
use crate::machine::json;
use crate::machine::process;
use crate::settings::Settings;
use crate::stack::{Stack, service::Service};

/// Takes members that are gone off the lists of the clusters to which these servers belong, before they start. Members
/// that run stay, and so do those that are not of this stack's network.
pub(crate) fn forget_gone(
    sh: &Shell,
    stack: &Stack,
    settings: &Settings,
    starting: &[&Service],
    deadline: Instant,
) -> Result<()> {
    let context = Context { deadline, ..Context::new(sh, stack, settings) };
    let is_of = |step: &Step| {
        let needs = |it: &&Service| steps::of(&stack.closure(std::slice::from_ref(&it.name))).contains(step);
        starting.iter().any(needs)
    };
    let clusters: Vec<Step> = steps::CLUSTERS.into_iter().map(|(step, _)| step).filter(is_of).collect();
    let containers = if clusters.is_empty() { Vec::new() } else { containers::list(sh, &stack.project)? };
    let ids = few::unique(containers.iter().filter(|it| it.status == "running").flat_map(|it| &it.networks));
    if ids.is_empty() {
        return Ok(());
    }
    let inspected = process::read_within(&mut cmd!(sh, "docker network inspect {ids...}").into(), ANSWER)?;
    let networks: Value = serde_json::from_str(&inspected).context("`docker network inspect` printed no JSON")?;
    // An address of a member that is gone may be another service's by now.
    let is_member = |it: &Container| stack.service(&it.service).is_none_or(|it| it.is_server() || it.ports.is_empty());
    let others: Vec<&str> = containers.iter().filter(|it| !is_member(it)).map(|it| it.id.as_str()).collect();
    for step in clusters {
        let database = steps::database(&context, step);
        let listed = database.members()?;
        let gone: Vec<&str> = listed.lines().filter(|it| is_gone(it, &networks, &others, stack.mode.local)).collect();
        database.remove_members(&gone)?;
    }
    Ok(())
}

impl Database<'_> {
    /// The addresses in the list of the cluster's members.
    fn members(&self) -> Result<String> {
        self.send("SELECT DISTINCT rpc_address FROM cluster_membership;\n")
    }

    fn remove_members(&self, addresses: &[&str]) -> Result<()> {
        let all: Vec<String> = addresses.iter().map(|it| literal(it)).collect();
        let script = format!("DELETE FROM cluster_membership WHERE rpc_address IN ({});\n", all.join(", "));
        self.send(if all.is_empty() { "" } else { &script }).map(|_| ())
    }
}

/// Whether an address lies in one of these networks, and belongs to no container there but to one of `others`. The local
/// database is reached from these networks alone, so there every address is meant: each `dev-down` may change them.
fn is_gone(address: &str, networks: &Value, others: &[&str], local: bool) -> bool {
    let Ok(address) = address.parse::<Ipv4Addr>() else { return false };
    let at =
        |node: &Value| node.as_str().and_then(|it| it.split('/').next()?.parse::<Ipv4Addr>().ok()) == Some(address);
    let all = || json::items(networks).iter();
    let pools = || all().flat_map(|it| json::items(&it["IPAM"]["Config"]));
    let is_ours = || pools().any(|it| contains(it["Subnet"].as_str().unwrap_or_default(), address));
    let taken = all().flat_map(|it| json::pairs(&it["Containers"]));
    let mut taken = taken.filter(|(id, _)| !others.contains(&id.as_str()));
    // At the gateway's stands whoever runs on the host itself.
    (local || is_ours()) && !pools().any(|it| at(&it["Gateway"])) && !taken.any(|(_, it)| at(&it["IPv4Address"]))
}

fn contains(subnet: &str, address: Ipv4Addr) -> bool {
    let parsed = subnet.split_once('/').and_then(|(base, bits)| {
        Some((base.parse::<Ipv4Addr>().ok()?.to_bits(), bits.parse::<u32>().ok().filter(|it| (1..=32).contains(it))?))
    });
    parsed.is_some_and(|(base, bits)| (base ^ address.to_bits()) >> (32 - bits) == 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_member_is_gone_where_its_address_is_of_our_network_and_nobody_s_who_could_be_one() {
        let networks = serde_json::json!([{
            "IPAM": {"Config": [{"Subnet": "172.30.0.0/16", "Gateway": "172.30.0.1"}]},
            "Containers": {"server": {"IPv4Address": "172.30.0.9/16"}, "grafana": {"IPv4Address": "172.30.0.8/16"}},
        }]);
        let gone = |it: &str| is_gone(it, &networks, &["grafana"], false);
        assert!(gone("172.30.0.7") && gone("172.30.0.8") && gone("172.30.255.254"));
        for kept in ["172.30.0.9", "172.30.0.1", "172.31.0.7", "10.0.0.7", "", "host", "fd00::1"] {
            assert!(!gone(kept), "{kept}");
        }
        let local = |it: &str| is_gone(it, &networks, &["grafana"], true);
        assert!(local("172.31.0.7") && !local("172.30.0.9") && !local("172.30.0.1"));
    }
}
