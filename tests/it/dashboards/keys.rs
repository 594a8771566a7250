//! The keys of Mimir's and Loki's configuration, against their vendors' own descriptions of them, kept as data.

use super::{storage::yaml, text};
use serde_yaml::Value;
use std::collections::BTreeMap;

/// (configuration, description of its keys)
const FILES: [(&str, &str); 2] = [
    ("dev/config/mimir.yaml", "tests/fixtures/config/mimir-3.0.tsv"),
    ("dev/config/loki.yaml", "tests/fixtures/config/loki-3.7.tsv"),
];

/// Written out although the default may be the same: others depend on them.
const DECIDED: [&str; 2] = ["limits.max_global_series_per_user", "server.http_listen_port"];

struct Key {
    kind: String,
    default: String,
    allowed: Vec<String>,
}

fn keys(description: &str) -> BTreeMap<String, Key> {
    let text = text(description);
    let rows = text.lines().filter(|l| !l.starts_with('#'));
    let key = |row: &str| {
        let field: Vec<&str> = row.split('\t').collect();
        let [name, kind, default, allowed] = field[..] else { panic!("{description}: four fields, not `{row}`") };
        let allowed = allowed.split(',').filter(|w| !w.is_empty()).map(String::from).collect();
        (name.to_owned(), Key { kind: kind.to_owned(), default: default.to_owned(), allowed })
    };
    rows.map(key).collect()
}

/// Every value with the path of its key; an entry of a list stands under `[]`.
fn leaves(value: &Value, path: &str, found: &mut Vec<(String, Value)>) {
    match value {
        Value::Mapping(map) => {
            for (key, value) in map {
                let key = key.as_str().expect("a key is text");
                leaves(value, &if path.is_empty() { key.to_owned() } else { format!("{path}.{key}") }, found);
            }
        }
        Value::Sequence(list) => list.iter().for_each(|v| leaves(v, &format!("{path}[]"), found)),
        _ => found.push((path.to_owned(), value.clone())),
    }
}

fn findings(config: &Value, keys: &BTreeMap<String, Key>) -> Vec<String> {
    let mut all = Vec::new();
    leaves(config, "", &mut all);
    let mut found = Vec::new();
    for (path, value) in all {
        let Some(key) = keys.get(&path) else {
            found.push(format!("no key `{path}`"));
            continue;
        };
        let text = match &value {
            Value::String(s) => s.clone(),
            other => serde_yaml::to_string(other).expect("a scalar").trim_end().to_owned(),
        };
        let number = text.trim_end_matches(|c: char| c.is_ascii_alphabetic()).parse::<f64>().is_ok();
        let fits = match key.kind.as_str() {
            "bool" => value.is_bool(),
            // Loki takes sizes with their unit.
            "int" => value.is_i64() || (number && text.ends_with('B')),
            "float" => value.is_number(),
            "duration" => number && (text.ends_with(['s', 'm', 'h', 'd']) || text == "0"),
            "string" => value.is_string(),
            _ => true,
        };
        if !fits {
            found.push(format!("`{path}` is no {}: `{text}`", key.kind));
        }
        if !key.allowed.is_empty() && !key.allowed.contains(&text) {
            found.push(format!("`{path}` may be {}, not `{text}`", key.allowed.join(", ")));
        }
        if text == key.default && !DECIDED.contains(&path.as_str()) {
            found.push(format!("`{path}` repeats the default"));
        }
    }
    found
}

#[test]
fn every_key_of_mimir_and_loki_exists_with_a_value_of_its_type_that_is_not_its_default() {
    for (file, description) in FILES {
        assert_eq!(findings(&yaml(file), &keys(description)), Vec::<String>::new(), "{file}");
    }
}

#[test]
fn a_misspelt_key_a_wrong_type_a_wrong_word_and_a_repeated_default_are_found() {
    let [mimir, loki] = FILES.map(|(_, description)| keys(description));
    for (keys, config, says) in [
        (&mimir, "limits: { max_global_series_per_usr: 1 }", "no key `limits.max_global_series_per_usr`"),
        (&mimir, "ingestor: { ring: { replication_factor: 1 } }", "no key `ingestor.ring.replication_factor`"),
        (&mimir, "multitenancy_enabled: 'false'", "is no bool"),
        (&mimir, "server: { http_listen_port: '9009' }", "is no int"),
        (&mimir, "limits: { compactor_blocks_retention_period: three days }", "is no duration"),
        (&mimir, "ruler_storage: { backend: locally }", "may be s3, gcs, azure, swift, filesystem, local"),
        (&mimir, "server: { grpc_listen_port: 9095 }", "repeats the default"),
        (&loki, "limits_config: { retention_periods: 72h }", "no key `limits_config.retention_periods`"),
        (&loki, "schema_config: { configs: [{ schemas: v13 }] }", "no key `schema_config.configs[].schemas`"),
        (&loki, "common: { ring: { kvstore: { store: memory } } }", "may be consul, etcd, inmemory"),
    ] {
        let found = findings(&serde_yaml::from_str(config).expect("YAML"), keys);
        assert!(found.iter().any(|f| f.contains(says)), "{config}: {found:?}");
    }
}
