//! The configuration of what collects and shows: the parts name each other rightly.

use super::storage::{get, yaml};
use super::text;
use regex::Regex;
use serde_yaml::Value;
use std::collections::BTreeSet;

/// (job, address) of every scrape target.
fn scraped(alloy: &str) -> Vec<(String, String)> {
    let target = Regex::new(r#"\{"__address__" = "([^"]+)", "job" = "([^"]+)""#).expect("pattern");
    target.captures_iter(alloy).map(|c| (c[2].to_owned(), c[1].to_owned())).collect()
}

#[test]
fn alloy_scrapes_the_four_monitored_servers_and_never_the_copilots_own() {
    let targets = scraped(&text("dev/config/alloy.alloy"));
    let temporal: Vec<_> = targets.iter().filter(|(_, a)| a.ends_with(":9090")).collect();
    assert_eq!(temporal.len(), 4);
    for service in ["history", "matching", "frontend", "worker"] {
        let name = format!("temporal-{service}");
        assert!(targets.contains(&(name.clone(), format!("{name}:9090"))), "{name}");
    }
    for (job, address) in [("alloy", "127.0.0.1:12345"), ("mimir", "mimir:9009"), ("loki", "loki:3100")] {
        assert!(targets.contains(&(job.into(), address.into())), "{job}");
    }
    assert!(!targets.iter().any(|(_, a)| a.contains("copilot")), "its series would be summed into the signals");
}

#[test]
fn alloy_ships_this_projects_logs_only_with_the_labels_that_are_queried() {
    let alloy = text("dev/config/alloy.alloy");
    assert!(alloy.contains(r#"values = ["com.docker.compose.project=" + sys.env("COMPOSE_PROJECT_NAME")]"#));
    let labels = Regex::new(r#"target_label\s*=\s*"(\w+)""#).expect("pattern");
    let logs = &alloy[alloy.find("// ---- Logs").expect("the part on logs")..];
    let set: BTreeSet<_> = labels.captures_iter(logs).map(|c| c[1].to_owned()).collect();
    assert_eq!(set, ["container", "job", "service"].map(String::from).into());
    assert!(alloy.contains(r#"values = {"level" = ""}"#));
    for url in ["http://mimir:9009/api/v1/push", "http://loki:3100/loki/api/v1/push"] {
        assert!(alloy.contains(url), "{url}");
    }
    let comment = Regex::new(r"(?m)^\s*#").expect("pattern");
    assert!(!comment.is_match(&alloy), "# is no comment in this language");
}

/// Alloy's own expression for the level of a line; what it finds is then mapped to one of six values.
fn level_pattern() -> Regex {
    let alloy = text("dev/config/alloy.alloy");
    let quoted = Regex::new(r#"(?m)^\s*expression\s*=\s*(".*")$"#).expect("pattern");
    let quoted = &quoted.captures(&alloy).expect("stage.regex")[1];
    let pattern: String = serde_json::from_str(quoted).expect("Alloy quotes as JSON does");
    Regex::new(&pattern).expect("Alloy's pattern")
}

#[test]
fn a_lines_level_is_found_in_each_programs_way_of_writing_it() {
    let pattern = level_pattern();
    for (line, expected) in [
        (r#"{"level":"error","ts":"2026-01-31T12:00:00.000Z","msg":"x"}"#, Some("error")),
        (r#"{"ts":"2026-01-31T12:00:00.000Z","level": "warn","msg":"info"}"#, Some("warn")),
        (r#"{"@timestamp":"2026-01-31T12:00:00.000Z", "log.level": "WARN", "message":"x"}"#, Some("warn")),
        (r#"{"type": "server", "timestamp": "2026-01-31T12:00:00,000Z", "level": "INFO"}"#, Some("info")),
        ("ts=2026-01-31T12:00:00Z caller=main.go level=info msg=\"level=error\"", Some("info")),
        ("logger=settings t=2026-01-31T12:00:00Z level=warn msg=x", Some("warn")),
        ("2026-01-31 12:00:00,123 WARNING copilot.worker: slow", Some("warn")),
        ("2026-01-31 12:00:00,123 CRITICAL copilot.worker: gone", Some("critical")),
        ("[INFO] Listening at: http://0.0.0.0:8080", Some("info")),
        ("2026-01-31 12:00:00.123 UTC [42] LOG:  database system is ready", Some("log")),
        ("2026-01-31 12:00:00.123 UTC [42] FATAL:  too many connections", Some("fatal")),
        ("Traceback (most recent call last):", None),
        ("the error of its ways", None),
        (r#"{"msg":"no level here, only an error"}"#, None),
        ("infologger started", None),
    ] {
        let found = pattern.captures(line).map(|c| c["level"].to_lowercase());
        assert_eq!(found.as_deref(), expected, "{line}");
    }
}

/// The regular expression that Alloy's file gives a name to, after the text `before`.
fn alloys_pattern(before: &str, name: &str) -> Regex {
    let alloy = text("dev/config/alloy.alloy");
    let part = &alloy[alloy.find(before).unwrap_or_else(|| panic!("no {before}"))..];
    let quoted = Regex::new(&format!(r#"(?m)^\s*{name}\s*=\s*(".*")$"#)).expect("pattern");
    let pattern: String =
        serde_json::from_str(&quoted.captures(part).expect(name)[1]).expect("Alloy quotes as JSON does");
    // Alloy anchors what it compares with labels, and only that.
    Regex::new(&if name == "regex" { format!("^(?:{pattern})$") } else { pattern }).expect("a pattern of Alloy's")
}

#[test]
fn a_traceback_belongs_to_the_line_that_it_follows() {
    let first = alloys_pattern("loki.process \"lines\"", "firstline");
    for line in ["2026-01-31 12:00:00,123 ERROR copilot.worker: failed", "[INFO] Listening at: http://0.0.0.0:8080"] {
        assert!(first.is_match(line), "{line}");
    }
    for line in ["Traceback (most recent call last):", "  File \"/app/x.py\", line 3, in run", "RuntimeError: 2026", ""]
    {
        assert!(!first.is_match(line), "{line}");
    }
    assert!(text("dev/config/alloy.alloy").contains(r#"{service=~\"copilot-(worker|api)\"}"#), "only Python's logs");
}

#[test]
fn how_far_a_log_was_read_is_kept_under_labels_that_a_restart_does_not_change() {
    let kept = alloys_pattern("a container that lives", "regex");
    for label in ["__meta_docker_container_id", "job", "service", "container"] {
        assert!(kept.is_match(label), "{label}");
    }
    for label in ["__meta_docker_port_private", "__meta_docker_network_ip", "__address__"] {
        assert!(!kept.is_match(label), "{label}");
    }
}

#[test]
fn a_users_own_worker_is_scraped_where_its_address_is_given_and_only_there() {
    let address = alloys_pattern("discovery.relabel \"worker\"", "regex");
    assert!(address.is_match("host.docker.internal:9464"));
    assert!(!address.is_match(""), "the default is none");
    let alloy = &yaml("dev/docker-compose.yml")["services"]["alloy"];
    assert_eq!(get(alloy, "environment.WORKER_METRICS_ADDRESS"), "${WORKER_METRICS_ADDRESS:-}");
    assert_eq!(alloy["extra_hosts"][0], Value::from("host.docker.internal:host-gateway"));
    let name = alloys_pattern("prometheus.relabel \"worker\"", "regex");
    for (exposed, kept) in [
        ("temporal_sticky_cache_hit_total", "temporal_sticky_cache_hit"),
        ("temporal_sticky_cache_hit", "temporal_sticky_cache_hit"),
        ("temporal_sticky_cache_total_forced_eviction", "temporal_sticky_cache_total_forced_eviction"),
        ("process_cpu_seconds_total", "process_cpu_seconds_total"),
    ] {
        assert_eq!(name.replace(exposed, "$1"), kept);
    }
}

#[test]
fn grafana_opens_with_the_home_dashboard_and_fetches_no_plugin_that_nobody_asked_for() {
    let grafana = yaml("dev/docker-compose.yml")["services"]["grafana"].clone();
    assert_eq!(
        get(&grafana, "environment.GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH"),
        "/var/lib/grafana/dashboards/home/home.json"
    );
    let disabled = get(&grafana, "environment.GF_PLUGINS_DISABLE_PLUGINS");
    for plugin in ["lokiexplore", "pyroscope", "exploretraces", "metricsdrilldown"] {
        assert!(disabled.contains(plugin), "{plugin}");
    }
}

#[test]
fn the_four_data_sources_have_their_fixed_uids_and_one_is_the_default() {
    let sources = yaml("dev/config/grafana-datasources.yaml");
    let list = sources["datasources"].as_sequence().expect("datasources");
    let of = |key: &str| list.iter().map(|s| get(s, key)).collect::<Vec<_>>();
    assert_eq!(of("uid"), ["prometheus", "loki", "cloudwatch", "copilot"]);
    assert_eq!(of("isDefault"), ["true", "", "", ""]);
    assert_eq!(of("url"), ["http://mimir:9009/prometheus", "http://loki:3100", "", "http://copilot-api:8080"]);
    assert!(!text("dev/config/grafana-datasources.yaml").contains("exemplar"));
}

#[test]
fn each_folder_of_dashboards_is_provisioned_and_each_provider_has_its_folder() {
    let providers = yaml("dev/config/grafana-dashboards.yaml");
    let list = providers["providers"].as_sequence().expect("providers");
    let folders: Vec<_> = list.iter().map(|p| get(p, "folder")).collect();
    assert_eq!(folders, ["Overview", "Temporal", "DSQL", "Copilot"]);
    for key in ["name", "folderUid"] {
        let all: BTreeSet<_> = list.iter().map(|p| get(p, key)).collect();
        assert_eq!(all.len(), list.len(), "each has its own {key}");
    }
    // Grafana refuses a dashboard that is named as its folder is.
    for (file, dashboard) in super::dashboards() {
        assert!(!folders.contains(&super::str_of(&dashboard, "title").to_owned()), "{file}");
    }
    let provided: BTreeSet<_> = list.iter().map(|p| get(p, "options.path")).collect();
    let there: BTreeSet<_> = std::fs::read_dir(super::at("grafana"))
        .expect("grafana/")
        .flatten()
        .filter(|e| e.path().is_dir())
        .map(|e| format!("/var/lib/grafana/dashboards/{}", e.file_name().to_string_lossy()))
        .collect();
    assert_eq!(provided, there);
}

#[test]
fn the_dynamic_configuration_turns_off_what_this_server_cannot_do() {
    let dynamic = yaml("dev/dynamicconfig/development-dsql.yaml");
    assert_eq!(dynamic["system.enableNexus"][0]["value"], Value::Bool(false));
    assert_eq!(dynamic["history.enableChasm"][0]["value"], Value::Bool(true));
    // With Nexus off, schedules of the newer kind are acknowledged and never start anything.
    assert_eq!(dynamic["history.enableCHASMSchedulerCreation"][0]["value"], Value::Bool(false));
}
