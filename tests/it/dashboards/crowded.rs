//! The panels on a page of 50 operations, 12 queues and 4 services: still readable.

use super::known::{Kind, Known};
use super::prometheus::{ask_range, start};
use super::{panels, queries, str_of, targets};
use crate::support::{PROMETHEUS, are_there};
use std::collections::BTreeSet;
use std::fmt::Write;

/// Seconds between two samples.
const STEP: u64 = 15;

/// Every metric that the dashboards ask for.
fn crowded(known: &Known, names: &BTreeSet<String>, from: u64, to: u64) -> String {
    let mut page = String::new();
    let families: BTreeSet<String> = names.iter().filter_map(|n| known.family(n)).map(|f| f.name.clone()).collect();
    for family in known.families().filter(|f| families.contains(&f.name)) {
        for service in &family.services {
            let mut seen = BTreeSet::new();
            for i in 0..50 {
                let mut labels: Vec<String> = family
                    .labels
                    .iter()
                    .filter(|l| !["job", "instance"].contains(&l.as_str()))
                    .map(|label| {
                        let n = match label.as_str() {
                            "service_name" => return format!("service_name=\"{service}\""),
                            "limit" => return "limit=\"max_global_series_per_user\"".to_owned(),
                            "operation" => i,
                            "taskqueue" | "task_queue" => i % 12,
                            "namespace" => i % 2,
                            // Short lists in the programs' own code.
                            "reason" | "failure_reason" | "worker_type" | "cache_type" => i % 5,
                            _ => i % 15,
                        };
                        format!("{label}=\"{}{n}\"", if label == "operation" && n % 2 == 0 { "Get" } else { "x" })
                    })
                    .collect();
                let job = if family.labels.contains(&"failure_reason".to_owned()) || service == "sdk" {
                    "user-worker".to_owned()
                } else if ["alloy", "loki", "mimir"].contains(&service.as_str()) {
                    service.clone()
                } else {
                    format!("temporal-{service}")
                };
                labels.push(format!("job=\"{job}\""));
                let labels = labels.join(",");
                if !seen.insert(labels.clone()) {
                    continue;
                }
                // The busiest change from minute to minute, so that the largest of one step are not those of another.
                let mut write = |name: &str, labels: &str, rate: f64| {
                    let mut value = 0.0;
                    for (n, at) in (from..=to).step_by(STEP as usize).enumerate() {
                        value += rate * (1 + (i + 7 * (n / 4)) % 50) as f64;
                        let shown = if family.kind == Kind::Gauge { rate } else { value };
                        let _ = writeln!(page, "{name}{{{labels}}} {shown} {at}");
                    }
                };
                if family.kind == Kind::Histogram {
                    for (le, rate) in [("1", 1.0), ("100", 2.0), ("+Inf", 2.1)] {
                        write(&format!("{}_bucket", family.name), &format!("{labels},le=\"{le}\""), rate);
                    }
                    write(&format!("{}_count", family.name), &labels, 2.1);
                } else {
                    write(&family.name, &labels, 1.0 + i as f64);
                }
            }
        }
    }
    page + "# EOF\n"
}

#[test]
#[ignore = "needs Debian's package `prometheus`: cargo test -p tests --test it -- --ignored ten_series"]
fn no_panel_draws_more_than_ten_series_on_a_crowded_page_and_each_is_drawn_to_its_end() {
    if !are_there(&[PROMETHEUS]) {
        return;
    }
    let known = super::known::metrics();
    let dashboards = super::dashboards();
    let names: BTreeSet<String> = dashboards
        .iter()
        .flat_map(|(_, d)| queries::promql(d))
        .flat_map(|(_, expr)| queries::metrics_in(&expr))
        .collect();
    let (from, to) = (7200 * 230_000, 7200 * 230_000 + 240);
    let dir = tempfile::tempdir().expect("a folder");
    let engine = start(dir.path(), &crowded(&known, &names, from, to));
    let mut wrong = Vec::new();
    let mut most = 0;
    for (file, dashboard) in &dashboards {
        for panel in panels(dashboard).into_iter().filter(|p| p["type"] == "timeseries") {
            let mut count = 0;
            for target in targets(panel).iter().filter(|t| t["datasource"]["type"] == "prometheus") {
                let expr = queries::filled(&str_of(target, "expr").replace("$__range", "240s"));
                let curves = ask_range(&engine, &expr, from + 75, to, STEP).unwrap_or_else(|e| panic!("{expr}: {e}"));
                count += curves.len();
                let full = (to - from - 75) / STEP + 1;
                let torn = curves.iter().filter(|(_, points)| (points.len() as u64) < full).count();
                if torn > 0 {
                    wrong.push(format!("{file}: {}: {torn} curves with gaps: {expr}", panel["title"]));
                }
            }
            most = most.max(count);
            if count > 10 {
                wrong.push(format!("{file}: {}: {count} series", panel["title"]));
            }
        }
    }
    println!("{most} series at the most");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert_eq!(most, 10, "the page is not crowded enough to tell");
}
