//! What bounds the memory of those who are given a limit: below it, and not above.

use super::storage::{get, yaml};
use serde_yaml::Value;

/// The service with what its anchors give it.
fn services() -> Value {
    let mut compose = yaml("dev/docker-compose.yml");
    compose.apply_merge().expect("merge keys");
    compose["services"].clone()
}

/// A size in bytes: `512m`, `1g`, `440MiB`.
fn bytes(size: &str) -> f64 {
    let digits: String = size.chars().take_while(char::is_ascii_digit).collect();
    let unit = match size[digits.len()..].chars().next() {
        Some('m' | 'M') => 20,
        Some('g' | 'G') => 30,
        _ => panic!("no size: `{size}`"),
    };
    digits.parse::<f64>().expect("digits") * f64::from(1u32 << unit)
}

/// The limit of a service's container.
fn limit(service: &Value) -> f64 {
    let limits = [get(service, "mem_limit"), get(service, "deploy.resources.limits.memory")];
    bytes(&limits.concat())
}

#[test]
fn every_go_service_collects_its_garbage_before_its_container_is_full() {
    let services = services();
    for name in [
        "temporal-history",
        "temporal-matching",
        "temporal-frontend",
        "temporal-worker",
        "copilot-temporal",
        "mimir",
        "loki",
        "alloy",
    ] {
        let service = &services[name];
        let own = get(service, "environment.GOMEMLIMIT");
        assert!(!own.is_empty(), "{name} has no GOMEMLIMIT");
        let share = bytes(&own) / limit(service);
        assert!((0.8..=0.9).contains(&share), "{name}: GOMEMLIMIT is {share:.2} of its container's limit");
    }
}

#[test]
fn mimir_takes_no_more_series_than_its_container_was_measured_to_hold() {
    let series: f64 =
        get(&yaml("dev/config/mimir.yaml"), "limits.max_global_series_per_user").parse().expect("a number");
    // 150 000 series reached 952 MB at the most under the broadest queries of the dashboards: 6.4 kB each.
    let needed = series * 952e6 / 150e3;
    assert!(needed < limit(&services()["mimir"]), "{needed} bytes for {series} series");
}

/// By their number: the server can count their bytes too, but counts those in the database, a thirtieth of the memory.
#[test]
fn history_keeps_no_more_workflows_than_its_container_was_measured_to_hold() {
    let dynamic = yaml("dev/dynamicconfig/development-dsql.yaml");
    assert!(dynamic.get("history.cacheSizeBasedLimit").is_none());
    let workflows = dynamic["history.hostLevelCacheMaxSize"][0]["value"].as_f64().expect("a number");
    // 26 000 small workflows took 550 MB after a garbage collection: 21 kB each.
    let needed = workflows * 550e6 / 26e3;
    let limit = limit(&services()["temporal-history"]);
    assert!(needed < limit / 4.0, "{needed} bytes of workflows in a container of {limit}");
}

/// What comes in faster than it is worked off stays in the database.
#[test]
fn what_waits_in_the_memory_of_history_is_bounded() {
    let dynamic = yaml("dev/dynamicconfig/development-dsql.yaml");
    let [critical, most] = ["history.queuePendingTaskCriticalCount", "history.queuePendingTasksMaxCount"]
        .map(|key| dynamic[key][0]["value"].as_u64().unwrap_or_else(|| panic!("{key} is not set")));
    assert!(critical < most && most <= 1000, "{critical} {most}");
}
