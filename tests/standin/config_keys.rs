//! The keys of the server's static configuration that exist; any other is an error.
#![allow(dead_code, reason = "a key is accepted by having a field, whether or not the stand-in needs its value")]

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer, de::Error as _};
use serde_yaml::Value;

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(crate) struct Config {
    #[serde(default)]
    pub(crate) log: Log,
    pub(crate) persistence: Persistence,
    pub(crate) global: Global,
    pub(crate) services: BTreeMap<ServiceName, Service>,
    pub(crate) cluster_metadata: ClusterMetadata,
    pub(crate) dc_redirection_policy: Option<BTreeMap<String, String>>,
    pub(crate) archival: Option<Value>,
    public_client: Option<BTreeMap<String, String>>,
    pub(crate) dynamic_config_client: Option<DynamicConfigClient>,
    pub(crate) namespace_defaults: Option<Value>,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(crate) struct Log {
    #[serde(default)]
    pub(crate) stdout: bool,
    pub(crate) level: Option<String>,
    pub(crate) output_file: Option<String>,
    pub(crate) format: Option<String>,
    #[serde(default)]
    pub(crate) development: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(crate) struct Persistence {
    pub(crate) default_store: String,
    pub(crate) visibility_store: String,
    pub(crate) secondary_visibility_store: Option<String>,
    pub(crate) num_history_shards: i32,
    pub(crate) datastores: BTreeMap<String, DataStore>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(crate) struct DataStore {
    pub(crate) fault_injection: Option<Value>,
    pub(crate) cassandra: Option<Value>,
    pub(crate) custom_datastore: Option<Value>,
    pub(crate) sql: Option<Sql>,
    pub(crate) elasticsearch: Option<Elasticsearch>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(crate) struct Sql {
    pub(crate) user: Option<String>,
    pub(crate) password: Option<String>,
    pub(crate) plugin_name: String,
    pub(crate) database_name: String,
    pub(crate) connect_addr: String,
    pub(crate) connect_protocol: String,
    #[serde(default)]
    pub(crate) connect_attributes: BTreeMap<String, String>,
    pub(crate) max_conns: Option<u32>,
    pub(crate) max_idle_conns: Option<u32>,
    pub(crate) max_conn_lifetime: Option<GoDuration>,
    pub(crate) task_scan_partitions: Option<u32>,
    #[serde(default)]
    pub(crate) tls: Tls,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(crate) struct Tls {
    #[serde(default)]
    pub(crate) enabled: bool,
    pub(crate) cert_file: Option<String>,
    pub(crate) key_file: Option<String>,
    pub(crate) ca_file: Option<String>,
    #[serde(default)]
    pub(crate) enable_host_verification: bool,
    pub(crate) server_name: Option<String>,
    pub(crate) cert_data: Option<String>,
    pub(crate) key_data: Option<String>,
    pub(crate) ca_data: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(crate) struct Elasticsearch {
    pub(crate) version: String,
    pub(crate) url: Url,
    pub(crate) urls: Option<Vec<Url>>,
    pub(crate) username: Option<String>,
    pub(crate) password: Option<String>,
    pub(crate) indices: Indices,
    pub(crate) log_level: Option<String>,
    #[serde(default)]
    pub(crate) enable_sniff: bool,
    #[serde(default)]
    pub(crate) enable_healthcheck: bool,
    pub(crate) close_idle_connections_interval: Option<GoDuration>,
    #[serde(default)]
    pub(crate) disable_gzip: bool,
    pub(crate) tls: Option<Tls>,
    #[serde(rename = "aws-request-signing")]
    pub(crate) aws_request_signing: Option<Value>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Url {
    pub(crate) scheme: String,
    pub(crate) host: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Indices {
    pub(crate) visibility: String,
    pub(crate) secondary_visibility: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Global {
    #[serde(default)]
    pub(crate) membership: Membership,
    pub(crate) pprof: Option<Pprof>,
    pub(crate) tls: Option<Value>,
    pub(crate) metrics: Option<Metrics>,
    pub(crate) authorization: Option<Value>,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(crate) struct Membership {
    pub(crate) max_join_duration: Option<GoDuration>,
    pub(crate) broadcast_address: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Pprof {
    pub(crate) port: u16,
    pub(crate) host: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(crate) struct Metrics {
    pub(crate) tags: Option<BTreeMap<String, String>>,
    pub(crate) exclude_tags: Option<BTreeMap<String, Vec<String>>>,
    pub(crate) prefix: Option<String>,
    pub(crate) per_unit_histogram_boundaries: Option<BTreeMap<String, Vec<f64>>>,
    pub(crate) without_unit_suffix: Option<bool>,
    pub(crate) without_counter_suffix: Option<bool>,
    pub(crate) record_timer_in_seconds: Option<bool>,
    pub(crate) statsd: Option<Value>,
    pub(crate) prometheus: Option<Prometheus>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(crate) struct Prometheus {
    pub(crate) framework: String,
    pub(crate) listen_address: String,
    pub(crate) handler_path: Option<String>,
    #[serde(rename = "loggerRPS")]
    pub(crate) logger_rps: Option<f64>,
}

#[derive(Deserialize, PartialEq, Eq, PartialOrd, Ord, Clone, Copy, Debug)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum ServiceName {
    Frontend,
    History,
    Matching,
    Worker,
    InternalFrontend,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Service {
    pub(crate) rpc: Rpc,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(crate) struct Rpc {
    pub(crate) grpc_port: u16,
    pub(crate) membership_port: u16,
    #[serde(default)]
    pub(crate) bind_on_local_host: bool,
    #[serde(rename = "bindOnIP")]
    pub(crate) bind_on_ip: Option<String>,
    #[serde(default)]
    pub(crate) http_port: u16,
    pub(crate) http_additional_forwarded_headers: Option<Vec<String>>,
    pub(crate) keep_alive_server_config: Option<Value>,
    pub(crate) client_connection_config: Option<Value>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(crate) struct ClusterMetadata {
    #[serde(default)]
    pub(crate) enable_global_namespace: bool,
    pub(crate) failover_version_increment: i64,
    pub(crate) master_cluster_name: String,
    pub(crate) current_cluster_name: String,
    pub(crate) cluster_information: BTreeMap<String, ClusterInformation>,
    pub(crate) tags: Option<BTreeMap<String, String>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(crate) struct ClusterInformation {
    pub(crate) enabled: bool,
    pub(crate) initial_failover_version: i64,
    pub(crate) rpc_address: String,
    pub(crate) http_address: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(crate) struct DynamicConfigClient {
    pub(crate) filepath: String,
    pub(crate) poll_interval: GoDuration,
}

/// A duration as Go writes it, in seconds.
pub(crate) struct GoDuration(pub(crate) f64);

impl<'de> Deserialize<'de> for GoDuration {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<GoDuration, D::Error> {
        let text = String::deserialize(deserializer)?;
        parse_duration(&text)
            .map(GoDuration)
            .ok_or_else(|| D::Error::custom(format!("`{text}` is not a duration such as 30s or 1h5m")))
    }
}

pub(crate) fn parse_duration(text: &str) -> Option<f64> {
    let mut rest = text;
    let mut seconds = 0.0;
    while !rest.is_empty() {
        let digits = rest.find(|c: char| c != '.' && !c.is_ascii_digit())?;
        let (number, tail) = rest.split_at(digits);
        let letters = tail.find(|c: char| c == '.' || c.is_ascii_digit()).unwrap_or(tail.len());
        let (unit, tail) = tail.split_at(letters);
        let unit = match unit {
            "ns" => 1e-9,
            "us" | "µs" => 1e-6,
            "ms" => 1e-3,
            "s" => 1.0,
            "m" => 60.0,
            "h" => 3600.0,
            _ => return None,
        };
        seconds += number.parse::<f64>().ok()? * unit;
        rest = tail;
    }
    (!text.is_empty()).then_some(seconds)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_those_of_go() {
        for (text, seconds) in [("30s", 30.0), ("1h5m", 3900.0), ("1.5s", 1.5), ("250ms", 0.25)] {
            assert_eq!(parse_duration(text), Some(seconds), "{text}");
        }
        for text in ["", "30", "s", "30 s", "1d"] {
            assert_eq!(parse_duration(text), None, "{text}");
        }
    }
}
