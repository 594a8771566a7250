//! The form of the dashboards: ids, data sources, descriptions, units, places, links.

use super::{FILES, at, dashboard, dashboards, is_row, panels, str_of, targets, text};
use serde_json::{Value, json};
use std::collections::BTreeSet;

/// Panel types that Grafana brings itself, of those that we use.
const CORE: [&str; 6] = ["row", "stat", "timeseries", "table", "logs", "state-timeline"];

/// (uid, type) of each provisioned data source.
fn sources() -> BTreeSet<(String, String)> {
    let yaml: serde_yaml::Value = serde_yaml::from_str(&text("dev/config/grafana-datasources.yaml")).expect("YAML");
    let field = |s: &serde_yaml::Value, k: &str| s[k].as_str().unwrap_or_default().to_owned();
    yaml["datasources"]
        .as_sequence()
        .expect("datasources")
        .iter()
        .map(|s| (field(s, "uid"), field(s, "type")))
        .collect()
}

/// Whether a source is provisioned, or is Grafana's own that hands over what another panel of the dashboard was answered.
fn is_known(source: &Value, sources: &BTreeSet<(String, String)>) -> bool {
    let uid = str_of(source, "uid");
    uid == "-- Dashboard --" || sources.contains(&(uid.into(), str_of(source, "type").into()))
}

/// What is wrong with the form of a dashboard.
fn findings(d: &Value, sources: &BTreeSet<(String, String)>) -> Vec<String> {
    let mut found = whole(d);
    let variables = d["templating"]["list"].as_array().into_iter().flatten();
    for variable in variables.filter(|it| it.get("datasource").is_some_and(|it| !is_known(it, sources))) {
        found.push(format!("variable {}: unknown data source {}", variable["name"], variable["datasource"]));
    }
    let mut ids = BTreeSet::new();
    let mut titles = BTreeSet::new();
    for panel in panels(d) {
        let title = str_of(panel, "title");
        let mut wrong = |what: String| found.push(format!("{title}: {what}"));
        if !ids.insert(panel["id"].as_u64()) || panel["id"].as_u64().is_none() {
            wrong(format!("id {} stands twice or is none", panel["id"]));
        }
        if title.is_empty() || !titles.insert(title) {
            wrong("a title of its own is missing".into());
        }
        if !CORE.contains(&str_of(panel, "type")) {
            wrong(format!("panel type {} is not one of Grafana's core", panel["type"]));
        }
        if !is_row(panel) {
            found.extend(panel_findings(panel, sources).into_iter().map(|f| format!("{title}: {f}")));
        }
    }
    found.extend(overlaps(d));
    found
}

fn whole(d: &Value) -> Vec<String> {
    let mut found = Vec::new();
    if d["schemaVersion"].as_u64().unwrap_or(0) < 39 {
        found.push("schemaVersion is below 39".into());
    }
    if d["refresh"] != "30s" {
        found.push("refresh is not 30s".into());
    }
    if d.get("id").is_some_and(|id| !id.is_null()) {
        found.push("an absolute dashboard id: Grafana gives it".into());
    }
    if str_of(d, "description").is_empty() {
        found.push("the dashboard has no description".into());
    }
    let links: BTreeSet<&str> = d["links"].as_array().into_iter().flatten().map(|l| str_of(l, "url")).collect();
    for uid in FILES.iter().map(|f| str_of(&dashboard(f), "uid").to_owned()) {
        if uid != str_of(d, "uid") && !links.contains(format!("/d/{uid}").as_str()) {
            found.push(format!("no link to {uid}"));
        }
    }
    found
}

fn panel_findings(panel: &Value, sources: &BTreeSet<(String, String)>) -> Vec<String> {
    let mut found = Vec::new();
    if !is_known(&panel["datasource"], sources) {
        found.push(format!("unknown data source {}", panel["datasource"]));
    }
    if targets(panel).is_empty() {
        found.push("asks nothing".into());
    }
    let mut refs = BTreeSet::new();
    for target in targets(panel) {
        if target["datasource"] != panel["datasource"] {
            found.push(format!("query {} names another data source", target["refId"]));
        }
        if !refs.insert(str_of(target, "refId")) {
            found.push(format!("refId {} stands twice", target["refId"]));
        }
        if target["exemplar"] == true {
            found.push("asks for exemplars, which nobody sends".into());
        }
    }
    // What it means, and what to do: two sentences at the least.
    let sentences = str_of(panel, "description").matches(['.', ';', ':']).count();
    if str_of(panel, "description").len() < 40 || sentences < 2 {
        found.push("the description does not say what it means and what to do".into());
    }
    let defaults = &panel["fieldConfig"]["defaults"];
    if panel["type"] != "logs" && str_of(defaults, "unit").is_empty() {
        found.push("no unit".into());
    }
    let steps = defaults["thresholds"]["steps"].as_array();
    if panel["type"] == "stat" && steps.is_none_or(Vec::is_empty) {
        found.push("a stat without thresholds".into());
    }
    if let Some(steps) = steps.filter(|s| !s.is_empty()) {
        let values: Vec<f64> = steps.iter().filter_map(|s| s["value"].as_f64()).collect();
        if !steps[0]["value"].is_null() || values.len() + 1 != steps.len() || !values.is_sorted() {
            found.push("thresholds do not rise from a base".into());
        }
    }
    found
}

/// Panels that lie on each other or stick out of the 24 columns.
fn overlaps(d: &Value) -> Vec<String> {
    let mut found = Vec::new();
    let groups = std::iter::once(&d["panels"]).chain(panels(d).into_iter().map(|p| &p["panels"]));
    for group in groups.filter_map(Value::as_array) {
        let boxes: Vec<_> =
            group.iter().map(|p| (p, ["x", "y", "w", "h"].map(|k| p["gridPos"][k].as_u64().unwrap_or(0)))).collect();
        for (i, (p, [x, y, w, h])) in boxes.iter().enumerate() {
            if *w == 0 || *h == 0 || x + w > 24 {
                found.push(format!("{}: does not fit into 24 columns", p["title"]));
            }
            for (q, [x2, y2, w2, h2]) in &boxes[i + 1..] {
                if x < &(x2 + w2) && x2 < &(x + w) && y < &(y2 + h2) && y2 < &(y + h) {
                    found.push(format!("{} lies on {}", p["title"], q["title"]));
                }
            }
        }
    }
    found
}

#[test]
fn every_panel_has_its_id_place_data_source_description_and_unit() {
    let sources = sources();
    let found: Vec<String> = dashboards()
        .iter()
        .flat_map(|(file, d)| findings(d, &sources).into_iter().map(move |f| format!("{file}: {f}")))
        .collect();
    assert!(found.is_empty(), "{}", found.join("\n"));
}

#[test]
fn the_uids_are_the_ones_that_links_and_bookmarks_use() {
    let uids: Vec<String> = dashboards().iter().map(|(_, d)| str_of(d, "uid").to_owned()).collect();
    assert_eq!(uids, ["temporal-server-health", "dsql-persistence", "temporal-sre-copilot", "temporal-home"]);
    let titles: BTreeSet<String> = dashboards().iter().map(|(_, d)| str_of(d, "title").to_owned()).collect();
    assert_eq!(titles.len(), uids.len(), "each has a title of its own: {titles:?}");
}

#[test]
fn the_files_are_tidy() {
    for file in FILES {
        let content = text(file);
        assert!(content.ends_with("}\n") && !content.contains('\t'), "{file}: two spaces, one newline at the end");
        assert!(!content.contains("\"id\": null") && content.lines().all(|l| l.trim_end() == l), "{file}");
        let indents = content.lines().map(|l| l.len() - l.trim_start().len());
        assert!(indents.clone().all(|i| i % 2 == 0), "{file}: indented by two");
    }
    assert!(at("grafana/metrics.tsv").exists());
}

#[test]
fn a_dashboard_broken_in_any_of_these_ways_is_found_out() {
    let sources = sources();
    // A pointer into server.json, what is put there, and what the finding must say. /panels/1 is a stat, /panels/10
    // a time series.
    let breaks: Vec<(&str, Value, &str)> = vec![
        ("/schemaVersion", json!(38), "schemaVersion"),
        ("/refresh", json!("5s"), "refresh"),
        ("/id", json!(7), "absolute"),
        ("/description", json!(""), "no description"),
        ("/links/1/url", json!("/d/elsewhere"), "no link to dsql-persistence"),
        ("/panels/2/id", json!(2), "stands twice"),
        ("/panels/1/title", json!(""), "title"),
        ("/panels/1/type", json!("marcusolsson-dynamictext-panel"), "core"),
        ("/panels/1/datasource/uid", json!("P1809F7CD0C75ACF3"), "unknown data source"),
        ("/templating/list/0/datasource/uid", json!("P1809F7CD0C75ACF3"), "variable"),
        ("/panels/1/targets/0/datasource/uid", json!("loki"), "another data source"),
        ("/panels/1/targets", json!([]), "asks nothing"),
        ("/panels/1/targets/0/exemplar", json!(true), "exemplars"),
        ("/panels/1/description", json!("Servers."), "what it means"),
        ("/panels/1/fieldConfig/defaults/unit", json!(""), "no unit"),
        ("/panels/1/fieldConfig/defaults/thresholds/steps", json!([]), "without thresholds"),
        ("/panels/3/fieldConfig/defaults/thresholds/steps/1/value", json!(2), "rise"),
        ("/panels/1/gridPos/x", json!(3), "lies on"),
        ("/panels/1/gridPos/x", json!(22), "24 columns"),
    ];
    for (pointer, value, says) in breaks {
        let mut d = dashboard(FILES[0]);
        match d.pointer_mut(pointer) {
            Some(place) => *place = value,
            None => {
                let (parent, key) = pointer.rsplit_once('/').expect("a pointer");
                let parent = if parent.is_empty() { Some(&mut d) } else { d.pointer_mut(parent) };
                parent.expect(pointer)[key] = value;
            }
        }
        let found = findings(&d, &sources);
        assert!(found.iter().any(|f| f.contains(says)), "{pointer}: {found:?}");
    }
}
