use super::*;

const GOOD: &str = "
log: {level: info, format: json}
persistence:
  defaultStore: default
  visibilityStore: visibility
  numHistoryShards: 4
  datastores:
    default:
      sql:
        pluginName: dsql
        databaseName: postgres
        connectAddr: db.example:5432
        connectProtocol: tcp
        maxConns: 10
        maxConnLifetime: 55m
        tls: {enabled: true, enableHostVerification: false}
    visibility:
      elasticsearch:
        version: v8
        url: {scheme: http, host: elasticsearch:9200}
        indices: {visibility: temporal_visibility_v1_dev}
global:
  membership: {maxJoinDuration: 30s}
  metrics: {prometheus: {framework: opentelemetry, listenAddress: '0.0.0.0:9090'}}
services:
  frontend: {rpc: {grpcPort: 7233, membershipPort: 6933, httpPort: 8233}}
  history: {rpc: {grpcPort: 7234, membershipPort: 6934}}
  matching: {rpc: {grpcPort: 7235, membershipPort: 6935}}
  worker: {rpc: {grpcPort: 7239, membershipPort: 6939}}
clusterMetadata:
  failoverVersionIncrement: 10
  masterClusterName: active
  currentClusterName: active
  clusterInformation: {active: {enabled: true, initialFailoverVersion: 1, rpcAddress: '127.0.0.1:7233'}}
dynamicConfigClient: {filepath: /x.yaml, pollInterval: 10s}
";

#[test]
fn a_good_configuration_is_taken() {
    parse(GOOD).unwrap();
}

#[test]
fn each_mistake_is_refused_by_name() {
    let mistakes = [
        ("maxConns: 10", "maxConnections: 10", "maxConnections"),
        ("maxConns: 10", "maxConns: ten", "maxConns"),
        ("maxConns: 10", "maxConns: '10'", "maxConns"),
        ("maxConnLifetime: 55m", "maxConnLifetime: 55", "`55`"),
        ("maxConnLifetime: 55m", "maxConnLifetime: 55 minutes", "55 minutes"),
        ("pluginName: dsql", "pluginName: ''", "pluginName"),
        ("databaseName: postgres", "databaseName: temporal", "databaseName"),
        ("connectAddr: db.example:5432", "connectAddr: db.example", "connectAddr"),
        ("connectAddr: db.example:5432", "connectAddr: $TEMPORAL_SQL_HOST:5432", "$TEMPORAL_SQL_HOST"),
        ("enabled: true, enableH", "enabled: yes please, enableH", "enabled"),
        ("numHistoryShards: 4", "numHistoryShards: 0", "numHistoryShards"),
        ("version: v8", "version: v9", "elasticsearch.version"),
        ("temporal_visibility_v1_dev", "temporal_visibility_dev", "indices.visibility"),
        ("defaultStore: default", "defaultStore: other", "other"),
        ("framework: opentelemetry", "framework: tally", "framework"),
        ("level: info", "level: loud", "log.level"),
        ("pollInterval: 10s", "pollInterval: 1s", "pollInterval"),
        ("  worker: {rpc: {grpcPort: 7239, membershipPort: 6939}}\n", "", "Worker"),
        ("masterClusterName: active", "masterClusterName: passive", "passive"),
    ];
    for (good, bad, named) in mistakes {
        assert!(GOOD.contains(good), "{good}");
        let Err(error) = parse(&GOOD.replace(good, bad)) else { panic!("taken: {bad}") };
        assert!(format!("{error:#}").contains(named), "{bad}: {error:#}");
    }
}
