//! Dashboards: ids of their own, data sources that are there, and metrics that servers emit.

use std::collections::BTreeSet;

use serde_json::Value;

use super::{
    Finding, grafana,
    promql::{metrics_in, variables_in},
    repo::{Document, Repo},
};
use crate::help;

/// Every dashboard, and the list of metrics.
pub fn check(repo: &Repo) -> Vec<Finding> {
    let known = Metrics::read(&repo.metrics);
    let sources = grafana::source_ids(repo);
    let uids: BTreeSet<&str> = repo.dashboards.iter().map(|it| str_of(&it.value, "uid")).collect();
    let mut found = list(&repo.metrics);
    let (mut uids_seen, mut titles_seen) = (BTreeSet::new(), BTreeSet::new());
    for file in &repo.dashboards {
        for (key, seen) in [("uid", &mut uids_seen), ("title", &mut titles_seen)] {
            let value = str_of(&file.value, key);
            if value.is_empty() || !seen.insert(value) {
                let text = format!("the dashboard's {key}, `{value}`, is empty or another's");
                found.push(file.finding(file.line_of(&format!("\"{key}\": \"{value}\"")), text, "give it its own"));
            }
        }
        for link in file.value["links"].as_array().into_iter().flatten() {
            let uid = str_of(link, "url").strip_prefix("/d/").map(|it| it.split(['/', '?']).next().unwrap_or(it));
            if let Some(uid) = uid.filter(|it| !uids.contains(it)) {
                let text = format!("a link leads to `{uid}`, which is no dashboard's uid");
                let all = uids.iter().copied().collect::<Vec<_>>().join(", ");
                found.push(file.finding(file.line_of(&format!("/d/{uid}")), text, format!("the uids are {all}")));
            }
        }
        found.extend(ids(file));
        found.extend(asks(file, &sources, &known));
    }
    found
}

/// Every panel, those inside collapsed rows and the rows themselves included.
pub fn panels(dashboard: &Value) -> Vec<&Value> {
    let top = dashboard["panels"].as_array();
    top.into_iter()
        .flatten()
        .flat_map(|it| std::iter::once(it).chain(it["panels"].as_array().into_iter().flatten()))
        .collect()
}

/// A string field, or "" where there is none.
pub fn str_of<'a>(value: &'a Value, key: &str) -> &'a str {
    value[key].as_str().unwrap_or_default()
}

fn ids(file: &Document<Value>) -> Vec<Finding> {
    let mut seen = BTreeSet::new();
    let wrong = |panel: &&Value| panel["id"].as_u64().is_none_or(|it| !seen.insert(it));
    let repeated: Vec<&Value> = panels(&file.value).into_iter().filter(wrong).collect();
    let highest = seen.last().copied().unwrap_or_default();
    let finding = |panel: &&Value| {
        let text = format!("the id of the panel `{}`, {}, is none or another's", str_of(panel, "title"), panel["id"]);
        file.finding(line(file, panel), text, format!("give it {}", highest + 1))
    };
    repeated.iter().map(finding).collect()
}

/// What panels and variables ask, and of whom.
fn asks(file: &Document<Value>, sources: &BTreeSet<(String, String)>, known: &Metrics) -> Vec<Finding> {
    let templating: Vec<&Value> = file.value["templating"]["list"].as_array().into_iter().flatten().collect();
    let variables: BTreeSet<&str> = templating.iter().map(|it| str_of(it, "name")).collect();
    let mut found = Vec::new();
    for panel in panels(&file.value) {
        let what = format!("the panel `{}`", str_of(panel, "title"));
        found.extend(source(file, panel, &what, sources));
        for target in panel["targets"].as_array().into_iter().flatten() {
            found.extend(source(file, target, &what, sources));
            let expr = str_of(target, "expr");
            found.extend(undefined(file, expr, &what, &variables));
            if target["datasource"]["type"] == "prometheus" {
                found.extend(unknown(file, expr, &what, known));
            }
        }
    }
    for variable in templating {
        let what = format!("the variable `{}`", str_of(variable, "name"));
        found.extend(source(file, variable, &what, sources));
        if variable["datasource"]["type"] == "prometheus" {
            let expr = variable["query"].as_str().unwrap_or_else(|| str_of(&variable["query"], "query"));
            found.extend(undefined(file, expr, &what, &variables));
            found.extend(unknown(file, expr, &what, known));
        }
    }
    found
}

fn source(file: &Document<Value>, of: &Value, what: &str, sources: &BTreeSet<(String, String)>) -> Option<Finding> {
    let source = of.get("datasource").filter(|it| it.is_object())?;
    let id = (str_of(source, "uid").to_owned(), str_of(source, "type").to_owned());
    // Grafana's own: the answer that another panel of the dashboard got.
    if id.0 == "-- Dashboard --" {
        return None;
    }
    (!sources.contains(&id)).then(|| {
        let known = sources.iter().map(|(uid, kind)| format!("`{uid}` ({kind})")).collect::<Vec<_>>().join(", ");
        let line = file.line_of(&format!("\"uid\": \"{}\"", id.0)).or_else(|| line(file, of));
        file.finding(line, format!("{what} asks the data source `{}` ({})", id.0, id.1), format!("there are {known}"))
    })
}

fn undefined(file: &Document<Value>, expr: &str, what: &str, known: &BTreeSet<&str>) -> Vec<Finding> {
    let unknown = |it: &&str| !it.starts_with("__") && !known.contains(it);
    let finding = |name: &str| {
        let text = format!("{what} uses `${name}`, which is no variable of this dashboard");
        file.finding(line_of_text(file, expr), text, "correct it, or add it to `templating`")
    };
    variables_in(expr).into_iter().filter(unknown).map(finding).collect()
}

fn unknown(file: &Document<Value>, expr: &str, what: &str, known: &Metrics) -> Vec<Finding> {
    let finding = |name: &str| {
        let hint = help::suggest(name, known.series.iter().map(String::as_str));
        let remedy = hint.map_or(
            "use one of grafana/metrics.tsv, or add it there once a server was seen to emit it".to_owned(),
            |it| format!("is `{it}` meant? Those of grafana/metrics.tsv are known"),
        );
        file.finding(line_of_text(file, expr), format!("{what} asks for `{name}`, which no server emits"), remedy)
    };
    metrics_in(expr).into_iter().filter(|it| !known.series.contains(*it)).map(finding).collect()
}

/// The line of a text as JSON has it.
fn line_of_text(file: &Document<Value>, text: &str) -> Option<usize> {
    file.line_of(&serde_json::to_string(text).expect("a text can be written"))
}

fn line(file: &Document<Value>, panel: &Value) -> Option<usize> {
    file.line_of(&format!("\"title\": {}", panel["title"]))
}

/// The names of all series that servers emit.
struct Metrics {
    /// A histogram is there in three parts, and under its own name not at all.
    series: BTreeSet<String>,
}

impl Metrics {
    fn read(file: &Document<()>) -> Metrics {
        let mut series = BTreeSet::new();
        for (_, fields) in rows(file) {
            if let [name, kind, ..] = fields[..] {
                let ends: &[&str] = if kind == "histogram" { &["_bucket", "_sum", "_count"] } else { &[""] };
                series.extend(ends.iter().map(|it| format!("{name}{it}")));
            }
        }
        Metrics { series }
    }
}

fn rows(file: &Document<()>) -> impl Iterator<Item = (usize, Vec<&str>)> {
    let lines = file.text.lines().enumerate().filter(|(_, it)| !it.starts_with('#') && !it.is_empty());
    lines.map(|(i, it)| (i + 1, it.split('\t').collect()))
}

/// The list of metrics itself: five columns, sorted, each name once.
fn list(file: &Document<()>) -> Vec<Finding> {
    let mut found = Vec::new();
    let mut last = "";
    for (line, fields) in rows(file) {
        if fields.len() != 5 || !["counter", "gauge", "histogram"].contains(&fields[1]) {
            let text = format!("`{}` has not five columns, or no type that is known", fields[0]);
            found.push(file.finding(Some(line), text, "write name, type, labels, where, when, separated by tabs"));
        }
        if fields[0] <= last {
            let text = format!("`{}` stands after `{last}`", fields[0]);
            found.push(file.finding(Some(line), text, "sort by name; each name once"));
        }
        last = fields[0];
    }
    found
}
