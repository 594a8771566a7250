//! A page of metrics as the monitored servers expose it, made from the checked-in list: every family, plausible
//! values, as many points in time as are asked for.

use super::known::{Family, Kind, Known};
use std::collections::BTreeSet;
use std::fmt::Write;

/// Seconds between two samples: Alloy's scrape interval.
pub(super) const STEP: u64 = 15;

/// Samples of every family from `from` to `to` (seconds since 1970), in OpenMetrics text.
pub(super) fn openmetrics(known: &Known, from: u64, to: u64) -> String {
    let mut page = String::new();
    for family in known.families().filter(|f| f.when != "no-reservoir") {
        for (name, labels, rate) in series(family) {
            for (i, at) in (from..=to).step_by(STEP as usize).enumerate() {
                let value = value(family, &name, rate, i as f64);
                let _ = writeln!(page, "{name}{{{labels}}} {value} {at}");
            }
        }
    }
    page + "# EOF\n"
}

/// (name, labels, rate per second or level) of each series of a family: two of each kind per service.
fn series(family: &Family) -> Vec<(String, String, f64)> {
    let mut all = Vec::new();
    for service in &family.services {
        for variant in 0..2 {
            let labels = labels(family, service, variant);
            if variant == 1 && labels == self::labels(family, service, 0) {
                continue;
            }
            let rate = 1.0 + (family.name.len() % 7) as f64 + variant as f64;
            if family.kind != Kind::Histogram {
                all.push((family.name.clone(), labels, rate));
                continue;
            }
            let bounds = bounds(&family.name);
            for (i, le) in bounds.iter().enumerate() {
                // Half of all in the first bucket, and so on: every quantile lies inside.
                let share = 1.0 - 0.5f64.powi(i as i32 + 1);
                let share = if *le == "+Inf" { 1.0 } else { share };
                all.push((format!("{}_bucket", family.name), format!("{labels},le=\"{le}\""), rate * share));
            }
            all.push((format!("{}_sum", family.name), labels.clone(), rate * 20.0));
            all.push((format!("{}_count", family.name), labels, rate));
        }
    }
    all
}

fn value(family: &Family, name: &str, rate: f64, i: f64) -> f64 {
    match (family.kind, name) {
        (Kind::Gauge, "up" | "ALERTS" | "dsql_pool_idle") => 1.0,
        (Kind::Gauge, "dsql_reservoir_target" | "dsql_pool_max_open") => 10.0,
        (Kind::Gauge, "dsql_reservoir_size" | "dsql_pool_open") => 9.0 + i % 2.0,
        (Kind::Gauge, _) => rate + (i % 4.0),
        _ => rate * i * STEP as f64,
    }
}

fn bounds(name: &str) -> &'static [&'static str] {
    match name {
        n if n.ends_with("_milliseconds") => &["1", "5", "10", "50", "100", "500", "1000", "10000", "+Inf"],
        n if n.ends_with("_bytes") => &["1024", "4096", "65536", "1048576", "+Inf"],
        _ => &["1", "2", "5", "10", "100", "+Inf"],
    }
}

fn labels(family: &Family, service: &str, variant: usize) -> String {
    let job = match service {
        "sdk" => "user-worker".to_owned(),
        "alloy" | "loki" | "mimir" => service.to_owned(),
        _ => format!("temporal-{service}"),
    };
    let mut all = vec![format!("job=\"{job}\""), format!("instance=\"{job}:9090\"")];
    for label in family.labels.iter().filter(|l| !["job", "instance"].contains(&l.as_str())) {
        let value = match (label.as_str(), service) {
            ("service_name", s) => s,
            ("namespace", _) => ["default", "temporal-system"][variant],
            ("operation", "frontend") if family.name.starts_with("service_") => {
                ["StartWorkflowExecution", "PollWorkflowTaskQueue"][variant]
            }
            ("operation", _) if family.name.contains("persistence") => {
                ["UpdateWorkflowExecution", "GetWorkflowExecution"][variant]
            }
            ("operation", _) => ["RecordWorkflowTaskStarted", "AddActivityTask"][variant],
            ("task_type", "matching") => ["Workflow", "Activity"][variant],
            ("task_type", _) => ["TransferActiveTaskWorkflowTask", "TimerActiveTaskUserTimer"][variant],
            ("taskqueue" | "task_queue", _) => ["orders", "copilot-task-queue"][variant],
            ("workflowType" | "workflow_type", _) => ["Order", "Refund"][variant],
            ("error_type", _) => ["persistence.ConditionFailedError", "serviceerror.Unavailable"][variant],
            ("resource_exhausted_cause", _) => ["RpsLimit", "BusyWorkflow"][variant],
            ("reason", _) => ["expired_on_checkout", "connection_open"][variant],
            ("cache_type", _) => ["mutablestate", "events"][variant],
            ("limit", _) => ["max_global_series_per_user"; 2][variant],
            ("alertstate", _) => ["firing", "pending"][variant],
            ("part", _) => ["server", "database"][variant],
            ("remote_name" | "url", _) => "a",
            ("attempt" | "partition", _) => ["1", "2"][variant],
            _ => ["a", "b"][variant],
        };
        all.push(format!("{label}=\"{value}\""));
    }
    all.join(",")
}

#[test]
fn the_page_holds_every_family_and_its_counters_only_grow() {
    let known = super::known::metrics();
    let page = openmetrics(&known, 1_700_000_000, 1_700_000_060);
    let names: BTreeSet<&str> = page.lines().filter_map(|l| Some(l.split_once('{')?.0)).collect();
    for family in known.families().filter(|f| f.when != "no-reservoir") {
        let bucket = format!("{}_bucket", family.name);
        let name = if family.kind == Kind::Histogram { &bucket } else { &family.name };
        assert!(names.contains(name.as_str()), "{name}");
    }
    let requests: Vec<f64> = page
        .lines()
        .filter(|l| {
            l.starts_with("service_requests_total{job=\"temporal-frontend\"") && l.contains("namespace=\"default\"")
        })
        .map(|l| l.split(' ').nth(1).expect("a value").parse().expect("a number"))
        .collect();
    assert_eq!(requests.len(), 5);
    assert!(requests.is_sorted() && requests[0] < requests[4]);
}
