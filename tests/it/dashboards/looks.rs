//! How the panels look where a number is missing, where there are many, and where there is little room.

use super::{dashboard, dashboards, is_row, panels, queries, str_of, targets};
use serde_json::{Value, json};
use std::collections::BTreeSet;

/// The colours that say neither good nor bad.
const NEUTRAL: [&str; 2] = ["text", "transparent"];

/// The steps of a panel and of its overrides.
fn thresholds(panel: &Value) -> Vec<&Vec<Value>> {
    let config = &panel["fieldConfig"];
    let overrides = config["overrides"].as_array().into_iter().flatten();
    let set = overrides.flat_map(|o| o["properties"].as_array().into_iter().flatten());
    let set = set.filter(|p| p["id"] == "thresholds").map(|p| &p["value"]["steps"]);
    std::iter::once(&config["defaults"]["thresholds"]["steps"]).chain(set).filter_map(Value::as_array).collect()
}

/// No data is never green, and never red but on the one tile that says whether the dashboard's source is alive.
fn no_data(dashboard: &Value) -> Vec<String> {
    let mut found = Vec::new();
    let mut alive = Vec::new();
    for panel in panels(dashboard).into_iter().filter(|p| !is_row(p) && p["type"] != "logs") {
        let title = str_of(panel, "title");
        let defaults = &panel["fieldConfig"]["defaults"];
        if str_of(defaults, "noValue").is_empty() {
            found.push(format!("{title}: no noValue"));
        }
        for steps in thresholds(panel).into_iter().filter(|s| !s.is_empty()) {
            match str_of(&steps[0], "color") {
                "red" => alive.push(title),
                colour if !NEUTRAL.contains(&colour) => found.push(format!("{title}: the base colour is {colour}")),
                _ => {}
            }
        }
        for mapping in defaults["mappings"].as_array().into_iter().flatten().filter(|m| m["type"] == "special") {
            if !NEUTRAL.contains(&str_of(&mapping["options"]["result"], "color")) {
                found.push(format!("{title}: what is no number has a colour"));
            }
        }
        let prometheus = targets(panel).iter().filter(|t| t["datasource"]["type"] == "prometheus");
        for target in prometheus {
            if str_of(target, "expr").contains("vector(0)") {
                found.push(format!("{title}: vector(0) is zero where there is no data"));
            }
            if panel["type"] == "stat" && target["instant"] != true {
                found.push(format!("{title}: a range's last number may be an old one; ask for an instant"));
            }
        }
        if panel["type"] == "stat" && panel["options"]["reduceOptions"]["calcs"][0] == "lastNotNull" {
            found.push(format!("{title}: lastNotNull keeps the last busy number"));
        }
    }
    if alive.len() != 1 {
        found.push(format!("one tile says whether the source is alive, not {alive:?}"));
    }
    found
}

#[test]
fn no_data_is_never_green_and_never_red_but_on_the_tile_that_says_whether_the_source_is_alive() {
    let found: Vec<String> =
        dashboards().iter().flat_map(|(file, d)| no_data(d).into_iter().map(move |f| format!("{file}: {f}"))).collect();
    assert!(found.is_empty(), "{}", found.join("\n"));
}

#[test]
fn a_panel_that_breaks_the_rule_on_missing_data_is_found() {
    // /panels/1 is the tile of the source, /panels/2 another one.
    for (pointer, value, says) in [
        ("/panels/2/fieldConfig/defaults/noValue", json!(""), "no noValue"),
        ("/panels/2/fieldConfig/defaults/thresholds/steps/0/color", json!("green"), "the base colour is green"),
        ("/panels/2/fieldConfig/defaults/thresholds/steps/0/color", json!("red"), "one tile"),
        ("/panels/1/fieldConfig/defaults/thresholds/steps/0/color", json!("text"), "one tile"),
        ("/panels/3/fieldConfig/defaults/mappings/0/options/result/color", json!("green"), "has a colour"),
        ("/panels/2/targets/0/expr", json!("max(x) or vector(0)"), "vector(0)"),
        ("/panels/2/targets/0/instant", json!(false), "instant"),
        ("/panels/2/options/reduceOptions/calcs/0", json!("lastNotNull"), "busy"),
    ] {
        let mut d = dashboard("grafana/server/server.json");
        *d.pointer_mut(pointer).expect(pointer) = value;
        let found = no_data(&d);
        assert!(found.iter().any(|f| f.contains(says)), "{pointer}: {found:?}");
    }
}

/// All panels of all dashboards that are of a type.
fn of_type(kind: &str) -> Vec<(String, Value)> {
    let mut all = Vec::new();
    for (file, dashboard) in dashboards() {
        for panel in panels(&dashboard).into_iter().filter(|p| p["type"] == kind) {
            all.push((format!("{file}: {}", str_of(panel, "title")), panel.clone()));
        }
    }
    all
}

#[test]
fn a_legend_that_is_a_table_names_the_largest_line_first() {
    let mut tables = 0;
    for (place, panel) in of_type("timeseries") {
        let legend = &panel["options"]["legend"];
        let ten = targets(&panel).iter().any(|t| str_of(t, "expr").contains("topk("));
        assert_eq!(legend["displayMode"] == "table", ten, "{place}");
        if ten {
            tables += 1;
            assert_eq!((&legend["sortBy"], &legend["sortDesc"]), (&json!("Max"), &json!(true)), "{place}");
            assert_eq!((&legend["calcs"], &legend["placement"]), (&json!(["max"]), &json!("bottom")), "{place}");
        }
    }
    assert!(tables > 10);
}

#[test]
fn the_ten_largest_are_chosen_over_the_whole_shown_time() {
    for (file, dashboard) in dashboards() {
        for (place, expr) in queries::promql(&dashboard).iter().filter(|(_, e)| e.contains("topk(")) {
            assert!(expr.contains(" and on (") && expr.contains("[$__range] @ end()"), "{file}: {place}: {expr}");
        }
    }
}

#[test]
fn an_axis_of_zeros_does_not_reach_to_a_hundred() {
    for (place, panel) in of_type("timeseries") {
        let defaults = &panel["fieldConfig"]["defaults"];
        if !["bytes", "percentunit"].contains(&str_of(defaults, "unit")) {
            assert!(defaults["custom"]["axisSoftMax"].as_f64().is_some_and(|m| m <= 10.0), "{place}");
        }
    }
}

#[test]
fn no_event_is_none_counted_and_no_cluster_is_none_named() {
    for (place, panel) in of_type("timeseries") {
        let title = str_of(&panel, "title");
        let no_value = str_of(&panel["fieldConfig"]["defaults"], "noValue");
        let events = ["errors", "failures", "refused", "discarded", "dropped", "Discards", "Errors", "Conflicts"];
        if title.starts_with("DSQL ") {
            assert_eq!(no_value, "no cluster named", "{place}");
        } else if events.iter().any(|e| title.contains(e)) {
            assert_eq!(no_value, "none counted", "{place}");
        }
    }
    let dsql = dashboard("grafana/dsql/persistence.json");
    let row = panels(&dsql).into_iter().find(|p| str_of(p, "title").starts_with("CloudWatch"));
    assert!(str_of(row.expect("a row"), "title").contains("needs"), "the row says what it needs");
}

#[test]
fn a_title_at_a_glance_fits_at_1280_pixels_with_the_menu_open() {
    for (place, panel) in of_type("stat") {
        // 24 columns share what the menu leaves, 1280 - 300; padding and the sign of the description take 45 of it.
        let room = panel["gridPos"]["w"].as_f64().expect("a width") * 980.0 / 24.0 - 45.0;
        let needed = str_of(&panel, "title").chars().count() as f64 * 6.6;
        assert!(needed <= room, "{place}: {needed} of {room} pixels");
    }
}

#[test]
fn the_same_thing_has_the_same_name_everywhere_and_units_are_words() {
    let titles: BTreeSet<String> = dashboards()
        .iter()
        .flat_map(|(_, d)| panels(d).into_iter().map(|p| str_of(p, "title").to_owned()).collect::<Vec<_>>())
        .collect();
    for other in ["Call p95", "Call errors", "Fences held", "Fences that held", "Workflow success"] {
        assert!(!titles.contains(other), "{other}");
    }
    for (file, dashboard) in dashboards() {
        assert!(!dashboard.to_string().contains("\"cpm\""), "{file}: c/m is no unit that one reads");
    }
}

#[test]
fn texts_that_people_read_wrap() {
    for (place, panel) in of_type("table") {
        assert_eq!(panel["fieldConfig"]["defaults"]["custom"]["wrapText"], true, "{place}");
    }
}

#[test]
fn logs_are_chosen_by_job_and_counted_in_windows_that_grow_with_the_shown_time() {
    for (file, dashboard) in dashboards() {
        for (place, expr) in queries::logql(&dashboard) {
            assert!(expr.contains("{job=~"), "{file}: {place}: service=~ finds the UI as well");
            assert!(!expr.contains("[1m]"), "{file}: {place}: a fixed window");
        }
        assert!(
            !dashboard.to_string().contains("is in Explore under"),
            "{file}: whoever is not signed in has no Explore"
        );
    }
}

#[test]
fn what_was_chosen_goes_along_from_the_servers_to_their_database_and_back() {
    for (file, to) in [
        ("grafana/server/server.json", "/d/dsql-persistence"),
        ("grafana/dsql/persistence.json", "/d/temporal-server-health"),
    ] {
        let d = dashboard(file);
        let link = d["links"].as_array().into_iter().flatten().find(|l| l["url"] == to).expect("a link");
        assert_eq!(link["includeVars"], true, "{file}");
    }
    // Operations of the API are not those of the database: under one name the one would choose among the other.
    let names = |file| -> BTreeSet<String> {
        let d = dashboard(file);
        let list = d["templating"]["list"].as_array().expect("variables").iter();
        list.map(|v| str_of(v, "name").to_owned()).collect()
    };
    let both: Vec<String> =
        names("grafana/server/server.json").intersection(&names("grafana/dsql/persistence.json")).cloned().collect();
    assert_eq!(both, ["service"]);
}
