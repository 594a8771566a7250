//! The server's static configuration, read strictly: the real server ignores a key that it does not know, so a misspelt
//! one would go unnoticed there.

use std::net::IpAddr;

use anyhow::{Context, bail, ensure};
use serde_yaml::Value;

pub(crate) use crate::config_keys::{Config, Prometheus, Rpc, ServiceName, Sql};
use crate::config_keys::{DataStore, Elasticsearch, Url};

/// Reads the configuration and checks all that can be checked without a network.
pub(crate) fn load(path: &str) -> anyhow::Result<Config> {
    let text = std::fs::read_to_string(path).with_context(|| format!("cannot read {path}"))?;
    parse(&text).with_context(|| format!("{path} is not a configuration of this server"))
}

fn parse(text: &str) -> anyhow::Result<Config> {
    let document: Value = serde_yaml::from_str(text)?;
    if let Some(left) = find_placeholder(&document) {
        bail!("a placeholder is left: `{left}`");
    }
    let config: Config = serde_yaml::from_str(text)?;
    check(&config)?;
    Ok(config)
}

fn find_placeholder(value: &Value) -> Option<&str> {
    match value {
        Value::String(text) => {
            let after = text.split_once('$')?.1;
            after.starts_with(|c: char| c == '{' || c == '_' || c.is_ascii_uppercase()).then_some(text)
        }
        Value::Sequence(items) => items.iter().find_map(find_placeholder),
        Value::Mapping(items) => {
            items.iter().find_map(|(key, value)| find_placeholder(key).or(find_placeholder(value)))
        }
        _ => None,
    }
}

fn check(config: &Config) -> anyhow::Result<()> {
    let persistence = &config.persistence;
    ensure!(persistence.num_history_shards > 0, "persistence.numHistoryShards must be positive");
    check_sql(sql_store(config)?)?;
    check_elasticsearch(visibility_store(config)?)?;

    for name in [ServiceName::Frontend, ServiceName::History, ServiceName::Matching, ServiceName::Worker] {
        let Some(service) = config.services.get(&name) else {
            bail!("services.{name:?} is missing: every process needs the ports of all four services");
        };
        let rpc = &service.rpc;
        ensure!(rpc.grpc_port > 0 && rpc.membership_port > 0, "services.{name:?}.rpc: a port is 0");
        ensure!(
            name == ServiceName::Frontend || rpc.http_port == 0,
            "services.{name:?}.rpc.httpPort: only for frontend"
        );
        let ip = rpc.bind_on_ip.as_deref().unwrap_or_default();
        ensure!(
            ip.is_empty() || !rpc.bind_on_local_host,
            "services.{name:?}.rpc: bindOnLocalHost and bindOnIP exclude each other"
        );
        ensure!(
            ip.is_empty() || ip.parse::<IpAddr>().is_ok(),
            "services.{name:?}.rpc.bindOnIP: `{ip}` is not an IP address"
        );
    }
    if let Some(address) = &config.global.membership.broadcast_address {
        ensure!(
            address.is_empty() || address.parse::<IpAddr>().is_ok(),
            "global.membership.broadcastAddress: `{address}` is not an IP address"
        );
    }
    if let Some(prometheus) = config.global.metrics.as_ref().and_then(|metrics| metrics.prometheus.as_ref()) {
        let framework = &prometheus.framework;
        ensure!(
            framework == "opentelemetry",
            "global.metrics.prometheus.framework: `{framework}` gives other metric names"
        );
        ensure!(prometheus.listen_address.contains(':'), "global.metrics.prometheus.listenAddress must be HOST:PORT");
    }
    if let Some(level) = &config.log.level {
        ensure!(
            ["debug", "info", "warn", "error", "dpanic", "panic", "fatal"].contains(&level.as_str()),
            "log.level: `{level}` is no level"
        );
    }
    let metadata = &config.cluster_metadata;
    for name in [&metadata.current_cluster_name, &metadata.master_cluster_name] {
        ensure!(metadata.cluster_information.contains_key(name), "clusterMetadata.clusterInformation lacks `{name}`");
    }
    if let Some(client) = &config.dynamic_config_client {
        ensure!(client.poll_interval.0 >= 5.0, "dynamicConfigClient.pollInterval must be at least 5s");
    }
    Ok(())
}

/// The SQL datastore that `defaultStore` names.
pub(crate) fn sql_store(config: &Config) -> anyhow::Result<&Sql> {
    let name = &config.persistence.default_store;
    only(config, name)?
        .sql
        .as_ref()
        .with_context(|| format!("persistence.defaultStore: `{name}` is not an SQL datastore"))
}

fn visibility_store(config: &Config) -> anyhow::Result<&Elasticsearch> {
    let name = &config.persistence.visibility_store;
    only(config, name)?
        .elasticsearch
        .as_ref()
        .with_context(|| format!("persistence.visibilityStore: `{name}` is not Elasticsearch, and DSQL cannot do it"))
}

fn only<'a>(config: &'a Config, name: &str) -> anyhow::Result<&'a DataStore> {
    let store = config.persistence.datastores.get(name);
    let store = store.with_context(|| format!("persistence.datastores lacks `{name}`"))?;
    let kinds = [
        store.sql.is_some(),
        store.elasticsearch.is_some(),
        store.cassandra.is_some(),
        store.custom_datastore.is_some(),
    ];
    ensure!(kinds.iter().filter(|there| **there).count() == 1, "persistence.datastores.{name} must be of one kind");
    Ok(store)
}

fn check_sql(sql: &Sql) -> anyhow::Result<()> {
    ensure!(sql.plugin_name == "dsql", "sql.pluginName: `{}` is not dsql", sql.plugin_name);
    ensure!(
        sql.database_name == "postgres",
        "sql.databaseName: `{}` has no row in schema_version, which is written for `postgres`",
        sql.database_name
    );
    ensure!(sql.connect_protocol == "tcp", "sql.connectProtocol: `{}` is not tcp", sql.connect_protocol);
    ensure!(is_host_and_port(&sql.connect_addr), "sql.connectAddr: `{}` is not HOST:PORT", sql.connect_addr);
    Ok(())
}

fn check_elasticsearch(store: &Elasticsearch) -> anyhow::Result<()> {
    let (version, Url { scheme, host }) = (&store.version, &store.url);
    ensure!(["v7", "v8", ""].contains(&version.as_str()), "elasticsearch.version: `{version}` is neither v7 nor v8");
    ensure!(scheme == "http" || scheme == "https", "elasticsearch.url.scheme: `{scheme}` is neither http nor https");
    ensure!(is_host_and_port(host), "elasticsearch.url.host: `{host}` is not HOST:PORT");
    let index = &store.indices.visibility;
    ensure!(
        index.starts_with("temporal_visibility_v1"),
        "elasticsearch.indices.visibility: `{index}` is not matched by the template for temporal_visibility_v1*"
    );
    Ok(())
}

fn is_host_and_port(text: &str) -> bool {
    text.rsplit_once(':').is_some_and(|(host, port)| !host.is_empty() && port.parse::<u16>().is_ok_and(|port| port > 0))
}

#[cfg(test)]
#[path = "config_tests.rs"]
mod tests;
