//! The checked-in list of metrics: what the monitored servers expose, and what is asked for of others.

use std::collections::BTreeMap;

pub(super) const FILE: &str = "grafana/metrics.tsv";

/// One metric family.
#[derive(Clone, Debug)]
pub(super) struct Family {
    pub name: String,
    pub kind: Kind,
    pub labels: Vec<String>,
    pub services: Vec<String>,
    pub when: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Counter,
    Gauge,
    Histogram,
}

/// All families, by name.
pub(super) struct Known(BTreeMap<String, Family>);

impl Known {
    /// The family of a series' name: a histogram's is found by `_bucket`, `_sum` and `_count`, and only so.
    pub(super) fn family(&self, series: &str) -> Option<&Family> {
        let exact = self.0.get(series).filter(|f| f.kind != Kind::Histogram);
        let part = || {
            ["_bucket", "_sum", "_count"]
                .iter()
                .find_map(|s| self.0.get(series.strip_suffix(s)?))
                .filter(|f| f.kind == Kind::Histogram)
        };
        exact.or_else(part)
    }

    pub(super) fn families(&self) -> impl Iterator<Item = &Family> {
        self.0.values()
    }
}

impl Family {
    /// Whether the series `series` of this family carries the label `label`, by itself or from the scrape.
    pub(super) fn has_label(&self, series: &str, label: &str) -> bool {
        self.labels.iter().any(|l| l == label)
            || ["job", "instance"].contains(&label)
            || (label == "le" && self.kind == Kind::Histogram && series.ends_with("_bucket"))
    }
}

/// Reads the list.
pub(super) fn metrics() -> Known {
    let rows = super::text(FILE);
    let family = |line: &str| {
        let field: Vec<&str> = line.split('\t').collect();
        let [name, kind, labels, services, when] = field[..] else {
            panic!("{FILE}: five fields separated by tabs, not `{line}`")
        };
        let list = |s: &str| s.split(',').filter(|s| !s.is_empty()).map(String::from).collect();
        let kind = match kind {
            "counter" => Kind::Counter,
            "gauge" => Kind::Gauge,
            "histogram" => Kind::Histogram,
            other => panic!("{FILE}: {name}: unknown type `{other}`"),
        };
        Family { name: name.to_owned(), kind, labels: list(labels), services: list(services), when: when.to_owned() }
    };
    let rows: Vec<Family> = rows.lines().filter(|l| !l.starts_with('#') && !l.is_empty()).map(family).collect();
    let count = rows.len();
    let known = Known(rows.into_iter().map(|f| (f.name.clone(), f)).collect());
    assert_eq!(known.0.len(), count, "{FILE}: a name stands twice");
    known
}

#[test]
fn the_list_is_sorted_and_each_line_is_of_a_form_that_the_exporter_produces() {
    let rows = super::text(FILE);
    let names: Vec<&str> = rows.lines().filter(|l| !l.starts_with('#')).filter_map(|l| l.split('\t').next()).collect();
    assert!(names.is_sorted(), "sort {FILE} by name");

    for f in metrics().families() {
        let units = ["_milliseconds", "_ratio", "_bytes"];
        match f.kind {
            // The SDKs on the Rust core name neither, unless they are told to.
            _ if f.services.contains(&"sdk".to_owned()) => {}
            Kind::Counter => assert!(f.name.ends_with("_total"), "{}: a counter ends in _total", f.name),
            Kind::Histogram => {
                assert!(units.iter().any(|u| f.name.ends_with(u)), "{}: a histogram ends in its unit", f.name);
            }
            Kind::Gauge => {}
        }
        let services = ["alloy", "frontend", "history", "loki", "matching", "mimir", "sdk", "worker"];
        assert!(!f.services.is_empty(), "{}: exposed nowhere", f.name);
        assert!(f.services.iter().all(|s| services.contains(&s.as_str())), "{}: {:?}", f.name, f.services);
        assert!(["live", "event", "source", "no-reservoir"].contains(&f.when.as_str()), "{}: {}", f.name, f.when);
    }
}

#[test]
fn a_histogram_is_known_by_its_parts_and_a_counter_by_its_whole_name() {
    let known = metrics();
    assert!(known.family("persistence_latency_milliseconds_bucket").is_some());
    assert!(known.family("persistence_latency_milliseconds").is_none());
    assert!(known.family("service_requests_total").is_some());
    assert!(known.family("service_requests_total_sum").is_none());
    assert!(known.family("service_requests").is_none());
}
