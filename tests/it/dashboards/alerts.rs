//! The alerts that Mimir evaluates: each fires when it should and is silent when it should, says what to look at, and
//! has a place on the home dashboard.

use super::storage::yaml;
use super::{at, dashboard, panels, queries, str_of, targets};
use crate::support::{PROMETHEUS, are_there};
use serde_json::json;
use std::process::Command;

const RULES: &str = "dev/config/mimir-rules.yaml";

/// (says, series in promtool's notation, does it fire after ten minutes, alert)
type Case = (&'static str, &'static [(&'static str, &'static str)], bool, &'static str);

const CASES: &[Case] = &[
    (
        "history tasks wait for a minute",
        &[
            (r#"task_latency_queue_milliseconds_bucket{service_name="history",le="30000"}"#, "0x40"),
            (r#"task_latency_queue_milliseconds_bucket{service_name="history",le="60000"}"#, "0+10x40"),
            (r#"task_latency_queue_milliseconds_bucket{service_name="history",le="+Inf"}"#, "0+10x40"),
        ],
        true,
        "HistoryFallsBehind",
    ),
    (
        "they are done at once",
        &[
            (r#"task_latency_queue_milliseconds_bucket{service_name="history",le="10"}"#, "0+10x40"),
            (r#"task_latency_queue_milliseconds_bucket{service_name="history",le="+Inf"}"#, "0+10x40"),
        ],
        false,
        "HistoryFallsBehind",
    ),
    (
        "there are none",
        &[(r#"task_latency_queue_milliseconds_bucket{service_name="history",le="+Inf"}"#, "7x40")],
        false,
        "HistoryFallsBehind",
    ),
    (
        "tasks arrive that nobody polls for",
        &[(r#"no_poller_tasks_total{namespace="default",taskqueue="orders",task_type="Workflow"}"#, "0+1x40")],
        true,
        "NoPoller",
    ),
    (
        "they did, and somebody came",
        &[(r#"no_poller_tasks_total{namespace="default",taskqueue="orders",task_type="Workflow"}"#, "0+1x10 10x30")],
        false,
        "NoPoller",
    ),
    (
        "one call in twenty fails",
        &[("persistence_errors_total", "0+5x40"), ("persistence_requests_total", "0+100x40")],
        true,
        "PersistenceFails",
    ),
    (
        "every call fails",
        &[("persistence_errors_total", "0+5x40"), ("persistence_requests_total", "0+5x40")],
        true,
        "PersistenceFails",
    ),
    (
        "one in a thousand does",
        &[("persistence_errors_total", "0+1x40"), ("persistence_requests_total", "0+1000x40")],
        false,
        "PersistenceFails",
    ),
    ("none ever did", &[("persistence_requests_total", "0+1000x40")], false, "PersistenceFails"),
    ("nothing is collected", &[], true, "TelemetryDead"),
    (
        "the collector stopped",
        &[
            (r#"up{job="temporal-history"}"#, "1x8"),
            (r#"up{job="temporal-matching"}"#, "1x8"),
            (r#"up{job="temporal-frontend"}"#, "1x8"),
            (r#"up{job="temporal-worker"}"#, "1x8"),
        ],
        true,
        "TelemetryDead",
    ),
    (
        "one server is down",
        &[
            (r#"up{job="temporal-history"}"#, "0x40"),
            (r#"up{job="temporal-matching"}"#, "1x40"),
            (r#"up{job="temporal-frontend"}"#, "1x40"),
            (r#"up{job="temporal-worker"}"#, "1x40"),
        ],
        true,
        "TelemetryDead",
    ),
    (
        "all four answer",
        &[
            (r#"up{job="temporal-history"}"#, "1x40"),
            (r#"up{job="temporal-matching"}"#, "1x40"),
            (r#"up{job="temporal-frontend"}"#, "1x40"),
            (r#"up{job="temporal-worker"}"#, "1x40"),
        ],
        false,
        "TelemetryDead",
    ),
];

#[test]
#[ignore = "needs Debian's package `prometheus`: cargo test -p tests --test it -- --ignored alert"]
fn each_alert_fires_when_it_should_and_only_then() {
    if !are_there(&[PROMETHEUS]) {
        return;
    }
    let tests: Vec<_> = CASES
        .iter()
        .map(|(says, series, fires, alert)| {
            let series: Vec<_> = series.iter().map(|(s, v)| json!({"series": s, "values": v})).collect();
            // Fires at all, whatever its labels: a count of one, or no answer.
            let expected = if *fires { json!([{"labels": "{}", "value": 1}]) } else { json!([]) };
            json!({"name": says, "interval": "15s", "input_series": series, "promql_expr_test": [{
                "expr": format!("count(ALERTS{{alertname=\"{alert}\", alertstate=\"firing\"}})"),
                "eval_time": "10m", "exp_samples": expected,
            }]})
        })
        .collect();
    let dir = tempfile::tempdir().expect("a folder");
    let file = dir.path().join("tests.yaml");
    let content = json!({"rule_files": [at(RULES)], "evaluation_interval": "30s", "tests": tests});
    std::fs::write(&file, content.to_string()).expect("a file");
    let output = Command::new("promtool")
        .args(["test", "rules"])
        .arg(&file)
        .output()
        .expect("promtool: install Debian's package `prometheus`");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn each_alert_says_what_to_look_at_and_asks_for_metrics_that_exist() {
    let rules = yaml(RULES);
    let rules = rules["groups"][0]["rules"].as_sequence().expect("rules");
    let names: Vec<_> = rules.iter().map(|r| r["alert"].as_str().expect("a name")).collect();
    assert_eq!(names, ["HistoryFallsBehind", "NoPoller", "PersistenceFails", "TelemetryDead"]);
    let known = super::known::metrics();
    for rule in rules {
        let name = rule["alert"].as_str().expect("a name");
        let expr = rule["expr"].as_str().expect("an expression");
        let metrics = queries::metrics_in(expr);
        assert!(!metrics.is_empty() && metrics.iter().all(|m| known.family(m).is_some()), "{name}: {metrics:?}");
        for key in ["summary", "description"] {
            assert!(rule["annotations"][key].as_str().is_some_and(|t| t.len() > 30), "{name} has no {key}");
        }
        assert!(
            CASES.iter().any(|c| c.3 == name && c.2) && CASES.iter().any(|c| c.3 == name && !c.2),
            "{name}: no test"
        );
    }
}

#[test]
fn each_part_of_an_alert_is_a_tile_of_the_home_dashboard_or_is_telemetry() {
    let home = dashboard("grafana/home/home.json");
    let asked: String = panels(&home).iter().flat_map(|p| targets(p)).map(|t| str_of(t, "expr")).collect();
    for rule in yaml(RULES)["groups"][0]["rules"].as_sequence().expect("rules") {
        let part = rule["labels"]["part"].as_str().expect("a part");
        assert!(part == "telemetry" || asked.contains(&format!("part=\"{part}\"")), "{part} has no tile");
    }
}
