//! What the dashboards ask: PromQL that parses and uses known metrics and labels only, LogQL with known labels.

use super::known::{self, Known};
use super::{dashboards, is_row, panels, str_of, targets};
use promql_parser::label::Matchers;
use promql_parser::parser::{self, AggregateExpr, Expr, VectorSelector};
use promql_parser::util::{ExprVisitor, walk_expr};
use serde_json::Value;
use std::collections::BTreeSet;

/// What Alloy puts on every log line (`level` where the line has one).
const LOG_LABELS: [&str; 4] = ["job", "service", "container", "level"];

/// Every PromQL expression of a dashboard, variables' queries included, with the place it stands in.
pub(super) fn promql(dashboard: &Value) -> Vec<(String, String)> {
    asked(dashboard, "prometheus")
}

/// Every LogQL expression.
pub(super) fn logql(dashboard: &Value) -> Vec<(String, String)> {
    asked(dashboard, "loki")
}

fn asked(dashboard: &Value, source: &str) -> Vec<(String, String)> {
    let mut found = Vec::new();
    for panel in panels(dashboard).into_iter().filter(|p| !is_row(p)) {
        for target in targets(panel).iter().filter(|t| t["datasource"]["type"] == source) {
            found.push((str_of(panel, "title").to_owned(), str_of(target, "expr").to_owned()));
        }
    }
    for variable in dashboard["templating"]["list"].as_array().into_iter().flatten() {
        if variable["datasource"]["type"] == source {
            let place = format!("variable {}", str_of(variable, "name"));
            found.push((place, str_of(&variable["query"], "query").to_owned()));
        }
    }
    found
}

/// The expression with Grafana's variables as Grafana would send them with everything chosen.
/// `label_values(selector, label)`, which is Grafana's own, becomes a query for that label.
pub(super) fn filled(expr: &str) -> String {
    let expr = match expr.strip_prefix("label_values(").and_then(|e| e.strip_suffix(')')) {
        Some(inner) => {
            let (selector, label) = inner.rsplit_once(',').unwrap_or((inner, ""));
            format!("count by ({}) ({selector})", label.trim())
        }
        None => expr.to_owned(),
    };
    let known = [("__rate_interval", "1m"), ("__interval", "15s"), ("__range", "5m")];
    let chosen = ["namespace", "service", "operation", "call"].map(|name| (name, ".*"));
    let value = |it: &regex::Captures<'_>| {
        let found = known.iter().chain(&chosen).find(|(name, _)| *name == &it[1]);
        found.map_or(it[0].to_owned(), |(_, value)| (*value).to_owned())
    };
    regex::Regex::new(r"\$(\w+)").expect("pattern").replace_all(&expr, value).into_owned()
}

/// Variables that an expression uses and this dashboard does not have.
fn undefined(dashboard: &Value, expr: &str) -> Vec<String> {
    let list = dashboard["templating"]["list"].as_array().into_iter().flatten();
    let known: Vec<&str> = list.map(|it| str_of(it, "name")).collect();
    let used = regex::Regex::new(r"\$\{?(\w+)").expect("pattern");
    let used = used.captures_iter(expr).map(|it| it[1].to_owned());
    let is_ours = |it: &String| it.starts_with("__") || it.parse::<u8>().is_ok() || known.contains(&it.as_str());
    used.filter(|it| !is_ours(it)).map(|it| format!("no variable `${it}`")).collect()
}

/// The names of the series in an expression; none where it does not parse.
pub(super) fn metrics_in(expr: &str) -> BTreeSet<String> {
    parser::parse(&filled(expr)).map_or_else(|_| BTreeSet::new(), |e| selectors(&e).into_iter().map(|s| s.0).collect())
}

/// (name, labels that it is matched by) of each selector.
fn selectors(expr: &Expr) -> Vec<(String, Vec<String>)> {
    #[derive(Default)]
    struct Seen(Vec<(String, Vec<String>)>);
    impl Seen {
        fn add(&mut self, v: &VectorSelector) {
            self.0.push((v.name.clone().unwrap_or_default(), labels(&v.matchers)));
        }
    }
    impl ExprVisitor for Seen {
        type Error = ();
        fn pre_visit(&mut self, expr: &Expr) -> Result<bool, ()> {
            match expr {
                Expr::VectorSelector(v) => self.add(v),
                Expr::MatrixSelector(m) => self.add(&m.vs),
                _ => {}
            }
            Ok(true)
        }
    }
    let mut seen = Seen::default();
    walk_expr(&mut seen, expr).expect("the visitor never fails");
    seen.0
}

fn labels(matchers: &Matchers) -> Vec<String> {
    matchers.matchers.iter().map(|m| m.name.clone()).collect()
}

/// (labels, names) of each aggregation: what it groups by, and what stands under it.
fn groupings(expr: &Expr) -> Vec<(Vec<String>, Vec<String>)> {
    #[derive(Default)]
    struct Seen(Vec<(Vec<String>, Vec<String>)>);
    impl ExprVisitor for Seen {
        type Error = ();
        fn pre_visit(&mut self, expr: &Expr) -> Result<bool, ()> {
            if let Expr::Aggregate(AggregateExpr { expr, modifier: Some(by), .. }) = expr {
                let names = selectors(expr).into_iter().map(|s| s.0).collect();
                self.0.push((by.labels().labels.clone(), names));
            }
            Ok(true)
        }
    }
    let mut seen = Seen::default();
    walk_expr(&mut seen, expr).expect("the visitor never fails");
    seen.0
}

/// What is wrong with one expression.
fn findings(expr: &str, known: &Known) -> Vec<String> {
    let expr = filled(expr);
    // `$1` is what label_replace found.
    if expr.replace("\"$1\"", "").contains('$') {
        return vec![format!("unknown variable in `{expr}`")];
    }
    let parsed = match parser::parse(&expr) {
        Ok(parsed) => parsed,
        Err(e) => return vec![format!("does not parse: {e}: `{expr}`")],
    };
    let mut found = Vec::new();
    for (name, labels) in selectors(&parsed) {
        let Some(family) = known.family(&name) else {
            found.push(format!("unknown metric `{name}`"));
            continue;
        };
        let strange = labels.iter().filter(|l| !family.has_label(&name, l));
        found.extend(strange.map(|l| format!("`{name}` has no label `{l}`")));
    }
    for (by, names) in groupings(&parsed) {
        for (label, name) in by.iter().flat_map(|l| names.iter().map(move |n| (l, n))) {
            if known.family(name).is_some_and(|f| !f.has_label(name, label)) {
                found.push(format!("grouped by `{label}`, which `{name}` has not"));
            }
        }
    }
    if expr.contains("histogram_quantile") && !expr.contains("_bucket") {
        found.push("a quantile needs the _bucket series".to_owned());
    }
    found
}

/// What is wrong with one LogQL expression: labels outside of what Alloy sets.
fn log_findings(expr: &str) -> Vec<String> {
    let expr = filled(expr);
    let selector = regex::Regex::new(r"\{([^}]*)\}").expect("pattern");
    let matcher = regex::Regex::new(r#"(\w+)\s*(?:=~|!~|!=|=)\s*""#).expect("pattern");
    let by = regex::Regex::new(r"by \(([\w, ]+)\)").expect("pattern");
    let Some(streams) = selector.captures(&expr) else {
        return vec![format!("no stream selector in `{expr}`")];
    };
    let used: Vec<String> = matcher
        .captures_iter(&streams[1])
        .map(|c| c[1].to_owned())
        .chain(by.captures_iter(&expr).flat_map(|c| c[1].split(',').map(|l| l.trim().to_owned()).collect::<Vec<_>>()))
        .collect();
    let mut found: Vec<String> = used
        .iter()
        .filter(|l| !LOG_LABELS.contains(&l.as_str()))
        .map(|l| format!("log lines have no label `{l}`"))
        .collect();
    if used.is_empty() || expr.contains('$') {
        found.push(format!("cannot be run: `{expr}`"));
    }
    found
}

#[test]
fn every_query_parses_and_uses_known_metrics_and_labels() {
    let known = known::metrics();
    let mut found = Vec::new();
    for (file, dashboard) in dashboards() {
        for (place, expr) in promql(&dashboard) {
            let wrong = findings(&expr, &known).into_iter().chain(undefined(&dashboard, &expr));
            found.extend(wrong.map(|f| format!("{file}: {place}: {f}")));
        }
        for (place, expr) in logql(&dashboard) {
            let wrong = log_findings(&expr).into_iter().chain(undefined(&dashboard, &expr));
            found.extend(wrong.map(|f| format!("{file}: {place}: {f}")));
        }
    }
    assert!(found.is_empty(), "{}", found.join("\n"));
}

#[test]
fn a_broken_query_is_found_and_named() {
    let known = known::metrics();
    for (expr, says) in [
        ("sum(rate(service_request_total[1m]))", "unknown metric `service_request_total`"),
        ("sum(rate(service_latency_milliseconds[1m]))", "unknown metric"),
        ("sum by (shard) (rate(service_requests_total[1m]))", "grouped by `shard`"),
        ("sum(rate(num_goroutines{namespace=\"default\"}[1m]))", "no label `namespace`"),
        ("histogram_quantile(0.9, sum by (le) (rate(service_latency_milliseconds_sum[1m])))", "`le`"),
        ("sum(rate(service_requests_total[1m])", "does not parse"),
        ("sum(rate(service_requests_total{namespace=\"$cluster\"}[1m]))", "unknown variable"),
        ("sum(rate(service_requests_total{operation=\"$operations\"}[1m]))", "unknown variable"),
        ("label_values(no_such_metric, namespace)", "unknown metric"),
        ("dsql_tx_latency_milliseconds_count", "unknown metric"),
    ] {
        let found = findings(expr, &known);
        assert!(found.iter().any(|f| f.contains(says)), "{expr}: {found:?}");
    }
    for expr in ["{app=\"x\"}", "sum by (pod) (count_over_time({service=\"x\"}[1m]))", "error", "{}"] {
        assert!(!log_findings(expr).is_empty(), "{expr}");
    }
}
