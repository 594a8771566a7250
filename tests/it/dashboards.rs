//! The dashboards and what feeds them: every query is known to have an answer, every panel says what it means.

mod alerts;
mod api;
mod collection;
mod copilot;
mod crowded;
mod keys;
mod known;
mod looks;
mod memory;
mod page;
mod prometheus;
mod queries;
mod shape;
mod storage;
mod values;

use serde_json::Value;
use std::path::PathBuf;

/// The dashboard files, relative to the workspace root.
const FILES: [&str; 4] = [
    "grafana/server/server.json",
    "grafana/dsql/persistence.json",
    "grafana/copilot/copilot.json",
    "grafana/home/home.json",
];

/// The absolute path of `relative`, a path from the workspace root.
fn at(relative: &str) -> PathBuf {
    tests::repo_root().join(relative)
}

/// The text of a file of the repository.
fn text(relative: &str) -> String {
    std::fs::read_to_string(at(relative)).unwrap_or_else(|e| panic!("{relative}: {e}"))
}

fn dashboard(relative: &str) -> Value {
    serde_json::from_str(&text(relative)).unwrap_or_else(|e| panic!("{relative}: {e}"))
}

/// All dashboards, with their paths.
fn dashboards() -> Vec<(&'static str, Value)> {
    FILES.iter().map(|f| (*f, dashboard(f))).collect()
}

/// Every panel of a dashboard, those inside collapsed rows and the rows themselves included.
fn panels(dashboard: &Value) -> Vec<&Value> {
    let top = dashboard["panels"].as_array().expect("panels");
    top.iter().flat_map(|p| std::iter::once(p).chain(p["panels"].as_array().into_iter().flatten())).collect()
}

fn is_row(panel: &Value) -> bool {
    panel["type"] == "row"
}

fn targets(panel: &Value) -> &[Value] {
    panel["targets"].as_array().map_or(&[], Vec::as_slice)
}

/// A string field, or "" where there is none.
fn str_of<'a>(value: &'a Value, key: &str) -> &'a str {
    value[key].as_str().unwrap_or_default()
}

/// Prints what the dashboards hold; run with `--nocapture` to read it.
#[test]
fn the_inventory_counts_panels_queries_and_metrics_and_knows_them_all() {
    let known = known::metrics();
    let mut all = std::collections::BTreeSet::new();
    let (mut panel_count, mut query_count) = (0, 0);
    for (file, dashboard) in dashboards() {
        let panels: Vec<_> = panels(&dashboard).into_iter().filter(|p| !is_row(p)).collect();
        let asked: usize = panels.iter().map(|p| targets(p).len()).sum();
        let metrics: std::collections::BTreeSet<String> =
            queries::promql(&dashboard).iter().flat_map(|(_, expr)| queries::metrics_in(expr)).collect();
        println!("{file}: {} panels, {asked} queries, {} metrics", panels.len(), metrics.len());
        panel_count += panels.len();
        query_count += asked;
        all.extend(metrics);
    }
    let unknown: Vec<_> = all.iter().filter(|m| known.family(m).is_none()).collect();
    println!(
        "in all: {panel_count} panels, {query_count} queries, {} metrics, {} of them unknown",
        all.len(),
        unknown.len()
    );
    assert!(unknown.is_empty(), "not in {}: {unknown:?}", known::FILE);
    assert!(panel_count > 60 && query_count > panel_count && all.len() > 50);
}
