//! What the Copilot's dashboard asks of the Copilot's HTTP API: only what is there, in the order that it is read in.

use super::{dashboard, panels, str_of, targets};
use serde_json::{Value, json};

/// (path, root selector, fields) of the answers. A field with a dot stands for one level of many names.
const ANSWERS: [(&str, &str, &[&str]); 7] = [
    ("/status", "", &["health_state", "issue_count", "timestamp", "primary_signals.", "amplifiers."]),
    ("/status", "log_patterns", &["count", "pattern", "service", "sample_message"]),
    (
        "/status",
        "recommended_actions",
        &["action_type", "target_service", "description", "confidence", "risk_level", "parameters"],
    ),
    ("/status/summary", "", &["summary", "timestamp", "health_state"]),
    ("/status/services", "services", &["name", "status", "key_signals"]),
    (
        "/status/issues",
        "issues",
        &[
            "id",
            "severity",
            "title",
            "description",
            "likely_cause",
            "suggested_actions",
            "related_signals",
            "created_at",
            "resolved_at",
        ],
    ),
    (
        "/status/timeline",
        "timeline",
        &["id", "timestamp", "trigger", "health_state", "primary_signals.", "issue_count"],
    ),
];

/// The signals that mean something: those which are always zero are left out.
const SIGNALS: [(&str, &[&str]); 17] = [
    ("state_transitions", &["throughput_per_sec", "latency_p95_ms", "latency_p99_ms"]),
    ("workflow_completion", &["completion_rate", "success_per_sec", "failed_per_sec"]),
    ("history", &["backlog_age_sec", "task_processing_rate_per_sec", "shard_churn_rate_per_sec"]),
    ("frontend", &["error_rate_per_sec", "latency_p95_ms", "latency_p99_ms", "long_poll_latency_p99_ms"]),
    ("matching", &["workflow_backlog_age_sec", "activity_backlog_age_sec"]),
    ("poller", &["poll_success_rate", "poll_timeout_rate", "long_poll_latency_ms"]),
    (
        "persistence",
        &[
            "latency_p95_ms",
            "latency_p99_ms",
            "error_rate_per_sec",
            "retry_rate_per_sec",
            "occ_conflicts_per_sec",
            "cas_failures_per_sec",
            "serialization_failures_per_sec",
        ],
    ),
    ("system_operations", &["deletion_rate_per_sec"]),
    ("connection_pool", &["utilization_pct", "wait_count", "wait_duration_ms", "churn_rate_per_sec"]),
    ("queue", &["task_backlog_depth", "retry_time_spent_sec"]),
    ("worker", &["poller_concurrency", "task_slots_available", "task_slots_used"]),
    ("cache", &["hit_rate", "size_bytes"]),
    ("grpc", &["in_flight_requests"]),
    ("runtime", &["goroutines"]),
    ("host", &["gc_pause_ms"]),
    ("throttling", &["rate_limit_events_per_sec"]),
    ("deploy", &["membership_changes_per_min"]),
];

/// What is wrong with one query to the API.
fn findings(query: &Value) -> Vec<String> {
    let (url, root) = (str_of(query, "url"), str_of(query, "root_selector"));
    let Some((_, _, fields)) = ANSWERS.iter().find(|(u, r, _)| (*u, *r) == (url, root)) else {
        return vec![format!("no answer `{root}` at {url}")];
    };
    let mut found = Vec::new();
    let columns = query["columns"].as_array().expect("columns");
    for selector in columns.iter().map(|c| str_of(c, "selector")) {
        let nested = selector.split_once('.').filter(|(first, _)| fields.contains(&format!("{first}.").as_str()));
        let there = match nested.and_then(|(_, rest)| rest.split_once('.')) {
            Some((group, signal)) => SIGNALS.iter().any(|(g, s)| *g == group && s.contains(&signal)),
            None => nested.is_none() && fields.contains(&selector),
        };
        if !there {
            found.push(format!("no field `{selector}` in {url}"));
        }
    }
    for (key, value) in [("type", "json"), ("source", "url"), ("parser", "backend"), ("format", "table")] {
        if query[key] != value {
            found.push(format!("{key} is not {value}"));
        }
    }
    if query["url_options"]["method"] != "GET" {
        found.push("only GET changes nothing".into());
    }
    found
}

/// The columns in the order that the panel shows them: the plugin hands them over by name.
fn shown(panel: &Value) -> Option<Vec<&str>> {
    let steps = panel["transformations"].as_array()?;
    let order = &steps.iter().find(|t| t["id"] == "organize")?["options"]["indexByName"];
    let mut order: Vec<_> = order.as_object()?.iter().map(|(name, i)| (i.as_u64(), name.as_str())).collect();
    order.sort_unstable();
    Some(order.into_iter().map(|(_, name)| name).collect())
}

#[test]
fn the_copilots_dashboard_asks_for_what_its_api_answers() {
    let dashboard = dashboard("grafana/copilot/copilot.json");
    let mut found = Vec::new();
    for panel in panels(&dashboard) {
        for query in targets(panel).iter().filter(|t| t["datasource"]["uid"] == "copilot") {
            found.extend(findings(query).into_iter().map(|f| format!("{}: {f}", panel["title"])));
            let columns: Vec<_> = query["columns"].as_array().unwrap().iter().map(|c| str_of(c, "text")).collect();
            let listed = ["table", "stat"].contains(&str_of(panel, "type"));
            if listed && columns.len() > 1 && shown(panel) != Some(columns) {
                found.push(format!("{}: its columns are not in the order of the query", panel["title"]));
            }
        }
    }
    assert!(found.is_empty(), "{}", found.join("\n"));
}

#[test]
fn a_query_that_the_api_cannot_answer_is_found() {
    let query = |url: &str, root: &str, selector: &str| {
        json!({
            "type": "json", "source": "url", "parser": "backend", "format": "table", "url": url,
            "url_options": {"method": "GET"}, "root_selector": root, "columns": [{"selector": selector}],
        })
    };
    assert_eq!(findings(&query("/status", "", "health_state")), Vec::<String>::new());
    assert_eq!(findings(&query("/status", "", "amplifiers.runtime.goroutines")), Vec::<String>::new());
    for (url, root, selector) in [
        ("/health", "", "status"),
        ("/status", "issues", "title"),
        ("/status", "", "state"),
        ("/status", "", "primary_signals"),
        ("/status", "", "primary_signals.history"),
        ("/status", "", "primary_signals.history.backlog"),
        ("/status", "", "amplifiers.host.memory_rss_bytes"),
        ("/status/services", "services", "primary_signals.history.backlog_age_sec"),
    ] {
        assert!(!findings(&query(url, root, selector)).is_empty(), "{url} {root} {selector}");
    }
    let mut post = query("/status", "", "health_state");
    post["url_options"]["method"] = "POST".into();
    assert_eq!(findings(&post), ["only GET changes nothing"]);
}
