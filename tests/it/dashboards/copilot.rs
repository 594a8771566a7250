//! The Copilot's dashboard: colours of the Copilot's own thresholds, and words for whatever does not answer.

use super::{dashboard, panels, str_of, targets};
use serde_json::{Value, json};

const COPILOT: &str = "grafana/copilot/copilot.json";

/// What a field of a panel is given by its override.
fn property<'a>(panel: &'a Value, field: &str, id: &str) -> Option<&'a Value> {
    let overrides = panel["fieldConfig"]["overrides"].as_array()?;
    let of_field = overrides.iter().find(|o| o["matcher"]["options"] == field)?;
    Some(&of_field["properties"].as_array()?.iter().find(|p| p["id"] == id)?["value"])
}

fn copilot(title: &str) -> Value {
    let d = dashboard(COPILOT);
    panels(&d).into_iter().find(|p| str_of(p, "title") == title).unwrap_or_else(|| panic!("no panel {title}")).clone()
}

#[test]
fn the_copilots_signals_have_the_colours_of_its_own_thresholds() {
    let (primary, amplifiers) = (copilot("Primary signals"), copilot("Amplifiers"));
    // From the state machine of the Copilot: below or above which number a signal counts against the cluster. A share of
    // exactly nothing stays grey: the Copilot says 0 as well where nothing happens.
    for (panel, signal, yellow, red) in [
        (&primary, "Completion rate", 0.3, Some(0.001)),
        (&primary, "Poll success", 0.001, None),
        (&primary, "History backlog", 30.0, Some(300.0)),
        (&primary, "Shard churn", 5.0, None),
        (&primary, "Frontend p99", 1000.0, None),
        (&primary, "Persistence p99", 100.0, None),
        (&amplifiers, "Conflicts", 30.0, None),
        (&amplifiers, "Pool in use", 80.0, None),
        (&amplifiers, "Pool churn", 10.0, None),
        (&amplifiers, "Cache hits", 0.001, None),
        (&amplifiers, "GC pause", 100.0, None),
    ] {
        let steps =
            &property(panel, signal, "thresholds").unwrap_or_else(|| panic!("{signal} has no colours"))["steps"];
        let at = |colour: &str| steps.as_array()?.iter().find(|s| s["color"] == colour)?["value"].as_f64();
        assert_eq!((at("yellow"), at("red")), (Some(yellow), red), "{signal}");
    }
    let green = |signal| {
        property(&primary, signal, "thresholds")
            .map(|t| t["steps"][2 + usize::from(signal == "Completion rate")].clone())
    };
    assert_eq!(green("Completion rate"), Some(json!({"color": "green", "value": 0.85})));
    assert_eq!(green("Poll success"), Some(json!({"color": "green", "value": 0.9})));
}

#[test]
fn the_copilots_signals_are_large_enough_to_read_and_whole_things_have_no_decimals() {
    for title in ["Primary signals", "Amplifiers"] {
        assert_eq!(copilot(title)["gridPos"]["h"], 8, "{title}");
    }
    for count in ["Goroutines", "Queued tasks", "Pollers", "Free slots", "Pool waits"] {
        assert_eq!(property(&copilot("Amplifiers"), count, "decimals"), Some(&json!(0)), "{count}");
        assert_eq!(property(&copilot("Amplifiers"), count, "unit"), Some(&json!("short")), "{count}");
    }
}

#[test]
fn an_api_that_does_not_answer_is_not_a_healthy_cluster() {
    for title in ["State", "Open issues", "Signals taken", "Primary signals", "Amplifiers"] {
        assert_eq!(copilot(title)["fieldConfig"]["defaults"]["noValue"], "no answer", "{title}");
    }
    for title in ["Issues", "Recommended actions", "Log patterns", "Service health"] {
        assert_eq!(copilot(title)["fieldConfig"]["defaults"]["noValue"], "none listed", "{title}");
    }
    assert_eq!(property(&copilot("Log patterns"), "Example", "noValue"), Some(&json!("–")), "an empty example");
}

#[test]
fn an_assessment_that_was_never_made_has_no_age() {
    let assessed = copilot("Assessed");
    let d = dashboard(COPILOT);
    let source = panels(&d).into_iter().find(|p| p["id"] == assessed["targets"][0]["panelId"]).expect("its source");
    assert_eq!(source["targets"][0]["url"], "/status/timeline", "the summary has an age even where there is none");
    assert!(str_of(&assessed["fieldConfig"]["defaults"], "noValue").starts_with("never"));
}

#[test]
fn the_courses_name_their_states_and_their_axes() {
    assert_eq!(copilot("State over time")["options"]["legend"]["showLegend"], true);
    let axis = copilot("Progress over time");
    assert_ne!(property(&axis, "Issues", "custom.axisPlacement"), Some(&json!("hidden")));
}

#[test]
fn what_the_copilot_counts_otherwise_is_said() {
    for title in ["Primary signals", "Progress over time"] {
        let text = str_of(&copilot(title), "description").to_owned();
        assert!(text.contains("too high"), "{title}: its state transitions are a sum of sums");
    }
    assert!(str_of(&copilot("Primary signals"), "description").contains("Frontend p99 counts calls that wait"));
}

#[test]
fn one_refresh_of_the_copilots_dashboard_is_at_most_eight_calls() {
    let d = dashboard(COPILOT);
    let calls: Vec<&str> = panels(&d)
        .into_iter()
        .flat_map(targets)
        .filter(|t| t["datasource"]["uid"] == "copilot")
        .map(|t| str_of(t, "url"))
        .collect();
    assert!(calls.len() <= 8, "{calls:?}");
    // Whoever takes another panel's answer names one that asks.
    for panel in panels(&d) {
        for target in targets(panel).iter().filter(|t| t["datasource"]["uid"] == "-- Dashboard --") {
            let source = panels(&d).into_iter().find(|p| p["id"] == target["panelId"]);
            let source = source.unwrap_or_else(|| panic!("{}: no panel {}", panel["title"], target["panelId"]));
            assert_eq!(source["datasource"]["uid"], "copilot", "{}", panel["title"]);
        }
    }
}
