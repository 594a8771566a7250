//! The metric families of the real servers, with made-up values that grow with time.

use std::{fmt::Write, time::Instant};

use crate::config::ServiceName;

/// The families that dashboards may use: name (histograms without suffix), type, labels, services, when it appears.
const FAMILIES: &str = include_str!("../../grafana/metrics.tsv");

/// The exposition text of a process that runs `services` since `start`.
pub(crate) fn render(services: &[ServiceName], start: Instant) -> String {
    let seconds = start.elapsed().as_secs();
    let mut text = "# stand-in\n".to_owned();
    for line in FAMILIES.lines().filter(|line| !line.starts_with('#')) {
        let columns: Vec<&str> = line.split('\t').collect();
        let [name, kind, labels, places, "live"] = columns[..] else { continue };
        let present = |service: &&ServiceName| places.split(',').any(|place| place == service_label(**service));
        writeln!(text, "# TYPE {name} {kind}").ok();
        for service in services.iter().filter(present) {
            write_series(&mut text, name, kind, &label_values(labels, *service), seconds);
        }
    }
    text
}

fn write_series(text: &mut String, name: &str, kind: &str, labels: &str, seconds: u64) {
    match kind {
        "histogram" => {
            for (bound, share) in [("5", 6), ("50", 9), ("500", 10), ("+Inf", 10)] {
                writeln!(text, "{name}_bucket{{{labels},le=\"{bound}\"}} {}", seconds * share).ok();
            }
            writeln!(text, "{name}_sum{{{labels}}} {}", seconds * 100).ok();
            writeln!(text, "{name}_count{{{labels}}} {}", seconds * 10).ok();
        }
        "counter" => drop(writeln!(text, "{name}{{{labels}}} {}", seconds * 10)),
        _ => drop(writeln!(text, "{name}{{{labels}}} {}", 5 + seconds % 5)),
    }
}

fn label_values(labels: &str, service: ServiceName) -> String {
    let values = labels.split(',').map(|label| match label {
        "service_name" => format!("service_name=\"{}\"", service_label(service)),
        "namespace" => "namespace=\"default\"".to_owned(),
        other => format!("{other}=\"StandIn\""),
    });
    values.chain(["otel_scope_name=\"temporal\"".to_owned()]).collect::<Vec<_>>().join(",")
}

fn service_label(service: ServiceName) -> &'static str {
    match service {
        ServiceName::Frontend | ServiceName::InternalFrontend => "frontend",
        ServiceName::History => "history",
        ServiceName::Matching => "matching",
        ServiceName::Worker => "worker",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_service_shows_its_own_families_and_no_other_s() {
        let history = render(&[ServiceName::History], Instant::now());
        let worker = render(&[ServiceName::Worker], Instant::now());
        assert!(history.lines().count() > 100);
        assert!(history.contains("acquire_shards_count_total{operation=\"StandIn\",service_name=\"history\""));
        assert!(!worker.contains("acquire_shards_count_total{"));
    }
}
