//! The order of a start: whom a service waits for is there, can become what is waited for, and does not wait in turn.

use std::collections::BTreeMap;

use serde_yaml::Value;

use crate::{
    Finding,
    repo::{Document, Repo},
};
use xtask::cli::help;

/// All dependencies, and that each service can be found ready.
pub(crate) fn check(repo: &Repo) -> Vec<Finding> {
    let all = repo.by_name();
    let mut found = Vec::new();
    let mut graph: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for (file, name, node) in repo.services() {
        for (on, condition) in depends_on(node) {
            graph.entry(name).or_default().push(on);
            found.extend(dependency(file, name, on, condition, all.get(on).copied()));
        }
        let own = node.get("image").is_some();
        if own && !is_one_shot(node) && node.get("healthcheck").is_none() && node.get("x-ready").is_none() {
            let text = format!("nobody can tell when {name} is ready");
            found.push(file.finding(
                file.line_in(name, ""),
                text,
                "add a `healthcheck:`, or `x-ready:` where the image has nothing to ask itself with",
            ));
        }
    }
    if let Some(circle) = graph.keys().find(|it| reaches(&graph, it, it)) {
        let text = format!("{circle} waits for itself, by way of what it depends on");
        found.push(repo.base.finding(repo.base.line_in(circle, "depends_on"), text, "remove one of the dependencies"));
    }
    found
}

fn dependency(file: &Document<Value>, name: &str, on: &str, condition: &str, node: Option<&Value>) -> Option<Finding> {
    let line = file.line_in(name, &format!("{on}:"));
    let Some(node) = node else {
        let known = file.services().map(|it| it.0);
        let hint =
            help::suggest(on, known).map_or("name one that is there".to_owned(), |it| format!("is `{it}` meant?"));
        return Some(file.finding(line, format!("{name} depends on {on}, which is no service"), hint));
    };
    let (text, remedy) = match condition {
        "service_healthy" if node.get("healthcheck").is_none() => {
            (format!("{name} waits for {on} to become healthy, which has no health check"), "write `service_started`")
        }
        "service_completed_successfully" if !is_one_shot(node) => {
            (format!("{name} waits for {on} to end, which is started again"), "write `service_healthy`")
        }
        "service_healthy" | "service_completed_successfully" | "service_started" => return None,
        _ => (
            format!("{name} waits for {on} with the condition `{condition}`"),
            "write service_healthy, service_completed_successfully or service_started",
        ),
    };
    Some(file.finding(line, text, remedy))
}

fn is_one_shot(node: &Value) -> bool {
    node.get("restart").and_then(Value::as_str) == Some("no")
}

fn depends_on(node: &Value) -> Vec<(&str, &str)> {
    let mapping = node.get("depends_on").and_then(Value::as_mapping);
    let pairs = mapping.into_iter().flatten();
    pairs
        .filter_map(|(on, how)| Some((on.as_str()?, how.get("condition").and_then(Value::as_str).unwrap_or_default())))
        .collect()
}

fn reaches(graph: &BTreeMap<&str, Vec<&str>>, from: &str, to: &str) -> bool {
    let mut seen: Vec<&str> = Vec::new();
    let mut next: Vec<&str> = graph.get(from).cloned().unwrap_or_default();
    while let Some(it) = next.pop() {
        if it == to {
            return true;
        }
        if !seen.contains(&it) {
            seen.push(it);
            next.extend(graph.get(it).into_iter().flatten());
        }
    }
    false
}
