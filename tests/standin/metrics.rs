//! The metric families of the real servers, with made-up values that grow with time.

use std::{fmt::Write, time::Instant};

use crate::config::ServiceName;

/// A family a line: name (histograms without suffix), type, letters of the services that have it, labels.
const FAMILIES: &str = include_str!("metrics.tsv");

/// The exposition text of a process that runs `services` since `start`.
pub(crate) fn render(services: &[ServiceName], start: Instant) -> String {
    let seconds = start.elapsed().as_secs();
    let mut text = "# stand-in\n".to_owned();
    for line in FAMILIES.lines() {
        let columns: Vec<&str> = line.split('\t').collect();
        let [name, kind, letters, labels] = columns[..] else {
            continue;
        };
        writeln!(text, "# TYPE {name} {kind}").ok();
        for service in services
            .iter()
            .filter(|service| letters.contains(letter(**service)))
        {
            write_series(
                &mut text,
                name,
                kind,
                &label_values(labels, *service),
                seconds,
            );
        }
    }
    text
}

fn write_series(text: &mut String, name: &str, kind: &str, labels: &str, seconds: u64) {
    match kind {
        "histogram" => {
            for (bound, share) in [("5", 6), ("50", 9), ("500", 10), ("+Inf", 10)] {
                writeln!(
                    text,
                    "{name}_bucket{{{labels},le=\"{bound}\"}} {}",
                    seconds * share
                )
                .ok();
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
        "service_name" => format!("service_name=\"{}\"", format!("{service:?}").to_lowercase()),
        "namespace" => "namespace=\"default\"".to_owned(),
        other => format!("{other}=\"StandIn\""),
    });
    values
        .chain(["otel_scope_name=\"temporal\"".to_owned()])
        .collect::<Vec<_>>()
        .join(",")
}

fn letter(service: ServiceName) -> char {
    match service {
        ServiceName::Frontend | ServiceName::InternalFrontend => 'f',
        ServiceName::History => 'h',
        ServiceName::Matching => 'm',
        ServiceName::Worker => 'w',
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_family_line_is_complete_and_each_service_shows_only_its_own() {
        assert!(FAMILIES.lines().count() > 50);
        for line in FAMILIES.lines() {
            assert_eq!(line.split('\t').count(), 4, "{line}");
        }
        let history = render(&[ServiceName::History], Instant::now());
        assert!(history.contains("dsql_reservoir_size{service_name=\"history\""));
        assert!(!render(&[ServiceName::Worker], Instant::now()).contains("dsql_reservoir_size{"));
    }
}
