//! Where metrics and logs are kept: bounded, on the volumes, and on nobody else's servers.

use super::text;
use serde_yaml::Value;

/// A file of the repository, parsed.
pub(super) fn yaml(path: &str) -> Value {
    serde_yaml::from_str(&text(path)).unwrap_or_else(|e| panic!("{path}: {e}"))
}

/// The value at a path of keys, as text.
pub(super) fn get(yaml: &Value, keys: &str) -> String {
    let found = keys.split('.').fold(yaml, |v, k| &v[k]);
    match found {
        Value::String(s) => s.clone(),
        Value::Bool(b) => b.to_string(),
        Value::Number(n) => n.to_string(),
        _ => String::new(),
    }
}

/// Folders of which one is, or begins like, another: Mimir compares the names as text and refuses to start.
fn clashes(folders: &[(&str, String)]) -> Vec<String> {
    let mut found = Vec::new();
    for (i, (key, a)) in folders.iter().enumerate() {
        if !a.starts_with("/data/") {
            found.push(format!("{key}: `{a}` is outside of the volume"));
        }
        for (other, b) in &folders[i + 1..] {
            if a.starts_with(b.as_str()) || b.starts_with(a.as_str()) {
                found.push(format!("{key} and {other}: `{a}`, `{b}`"));
            }
        }
    }
    found
}

#[test]
fn mimir_writes_into_its_volume_only_and_its_folders_are_apart() {
    let mimir = yaml("dev/config/mimir.yaml");
    let folders = [
        "blocks_storage.filesystem.dir",
        "blocks_storage.tsdb.dir",
        "blocks_storage.bucket_store.sync_dir",
        "compactor.data_dir",
        "ruler.rule_path",
        "activity_tracker.filepath",
    ]
    .map(|k| (k, get(&mimir, k)));
    assert_eq!(clashes(&folders), Vec::<String>::new());

    let set = |values: &[&str]| values.iter().map(|v| ("x", (*v).to_owned())).collect::<Vec<_>>();
    assert!(!clashes(&set(&["/data/a", "/data/a"])).is_empty());
    assert!(!clashes(&set(&["/data/tsdb", "/data/tsdb-sync/x"])).is_empty());
    assert!(!clashes(&set(&["/data/a", "./metrics-activity.log"])).is_empty());
}

#[test]
fn mimir_is_one_bounded_process_that_phones_nobody() {
    let mimir = yaml("dev/config/mimir.yaml");
    for (key, value) in [
        ("multitenancy_enabled", "false"),
        ("usage_stats.enabled", "false"),
        ("server.http_listen_port", "9009"),
        ("ingester.ring.replication_factor", "1"),
        ("store_gateway.sharding_ring.replication_factor", "1"),
        ("limits.max_global_series_per_user", "150000"),
        ("limits.max_global_series_per_metric", "50000"),
        ("limits.ingestion_rate", "100000"),
        ("limits.compactor_blocks_retention_period", "72h"),
    ] {
        assert_eq!(get(&mimir, key), value, "{key}");
    }
}

#[test]
fn loki_really_deletes_after_its_retention_and_keeps_all_of_it_on_its_volume() {
    let loki = yaml("dev/config/loki.yaml");
    for (key, value) in [
        ("auth_enabled", "false"),
        ("analytics.reporting_enabled", "false"),
        ("server.http_listen_port", "3100"),
        ("common.path_prefix", "/loki"),
        ("compactor.retention_enabled", "true"),
        ("compactor.delete_request_store", "filesystem"),
        ("limits_config.retention_period", "72h"),
        ("limits_config.reject_old_samples_max_age", "72h"),
    ] {
        assert_eq!(get(&loki, key), value, "{key}");
    }
    for folder in ["compactor.working_directory", "common.storage.filesystem.chunks_directory"] {
        assert!(get(&loki, folder).starts_with("/loki/"), "{folder}");
    }
    let schema = &loki["schema_config"]["configs"][0];
    assert_eq!((get(schema, "store"), get(schema, "schema")), ("tsdb".into(), "v13".into()));
}
