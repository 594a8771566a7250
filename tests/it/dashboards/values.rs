//! What the panels show, on small series whose right answer is known: a real Prometheus evaluates each panel's own
//! query, and the panel's own settings make a number, or none, of the answer.

mod cases;
mod seen;

use self::cases::{Case, Expect, WRONG};
use self::seen::SEEN;
use super::prometheus::{Engine, ask, ask_range, start};
use super::{dashboard, panels, queries, str_of, targets};
use crate::support::{PROMETHEUS, are_there};
use serde_json::Value;
use std::fmt::Write;

/// Seconds between two samples: Alloy's interval. A panel is looked at over half an hour.
const STEP: u64 = 15;
const SHOWN_TIME: u64 = 1800;

/// The beginning of a case's series: each has two hours, and so a block, of its own.
fn begin(case: usize) -> u64 {
    7200 * (230_000 + 2 * case as u64)
}

/// The samples of promtool's short notation: `a+bxn` are n that grow by b, `axn` stand, `_xn` are missing.
fn samples(notation: &str) -> Vec<Option<f64>> {
    let mut all = Vec::new();
    for part in notation.split(' ') {
        let (value, count) = part.split_once('x').expect("a+bxn");
        let (first, by) = value.split_once('+').unwrap_or((value, "0"));
        let by: f64 = by.parse().expect("a step");
        let count: usize = count.parse().expect("a count");
        all.extend((0..count).map(|i| first.parse().ok().map(|f: f64| f + by * i as f64)));
    }
    all
}

/// One page with the series of all cases, each in its own time.
fn page(cases: &[&Case]) -> String {
    let mut page = String::new();
    for (i, case) in cases.iter().enumerate() {
        for (series, notation) in case.series {
            for (n, value) in samples(notation).into_iter().enumerate() {
                let Some(value) = value else { continue };
                let _ = writeln!(page, "{series} {value} {}", begin(i) + n as u64 * STEP);
            }
        }
    }
    page + "# EOF\n"
}

fn filled(expr: &str) -> String {
    queries::filled(&expr.replace("$__range", &format!("{SHOWN_TIME}s")))
}

/// The number that the panel makes of what its query answers.
fn shown(engine: &Engine, panel: &Value, curve: &str, from: u64, to: u64) -> Option<f64> {
    let mut numbers = Vec::new();
    for target in targets(panel) {
        let expr = filled(str_of(target, "expr"));
        let named = |labels: &str| labels.contains(curve) || str_of(target, "legendFormat").contains(curve);
        if target["instant"] == true {
            numbers = ask(engine, &expr, to).unwrap_or_else(|e| panic!("{expr}: {e}"));
        } else {
            let curves = ask_range(engine, &expr, from, to, STEP).unwrap_or_else(|e| panic!("{expr}: {e}"));
            let Some((_, points)) = curves.into_iter().find(|(l, _)| named(&l.to_string())) else { continue };
            numbers = points.into_iter().map(|(_, n)| n).collect();
            // A curve's value is the one at its end; only a stat looks back.
            if panel["type"] == "timeseries" {
                let last = ask_range(engine, &expr, to, to, STEP).expect("asked before");
                numbers =
                    last.into_iter().filter(|(l, _)| named(&l.to_string())).flat_map(|(_, p)| p).map(|p| p.1).collect();
            }
        }
        if !numbers.is_empty() {
            break;
        }
    }
    match panel["options"]["reduceOptions"]["calcs"][0].as_str() {
        Some("lastNotNull") => numbers.into_iter().rfind(|n| n.is_finite()),
        _ => numbers.pop(),
    }
}

fn fits(shown: Option<f64>, expect: Expect) -> bool {
    match (shown, expect) {
        (None, Expect::Nothing) => true,
        (Some(n), Expect::Idle) => n.is_nan(),
        (Some(n), Expect::Number(e)) => (n - e).abs() <= 0.01 * e.abs().max(0.001),
        _ => false,
    }
}

#[test]
#[ignore = "needs Debian's package `prometheus`: cargo test -p tests --test it -- --ignored panels_show"]
fn the_panels_show_the_right_number_on_series_whose_answer_is_known() {
    if !are_there(&[PROMETHEUS]) {
        return;
    }
    let cases: Vec<&Case> = WRONG.iter().chain(SEEN).collect();
    let dir = tempfile::tempdir().expect("a folder");
    let engine = start(dir.path(), &page(&cases));
    let mut wrong = Vec::new();
    for (i, case) in cases.iter().enumerate() {
        let dashboard = dashboard(case.file);
        let Some(panel) = panels(&dashboard).into_iter().find(|p| str_of(p, "title") == case.panel) else {
            wrong.push(format!("{}: {}: no such panel", case.says, case.panel));
            continue;
        };
        let to = begin(i) + case.at;
        let number = shown(&engine, panel, case.curve, to - SHOWN_TIME.min(case.at), to);
        if !fits(number, case.expect) {
            wrong.push(format!("{}: {} shows {number:?}, not {:?}", case.says, case.panel, case.expect));
        }
        let defaults = &panel["fieldConfig"]["defaults"];
        if matches!(case.expect, Expect::Idle) && defaults["mappings"][0]["options"]["match"] != "nan" {
            wrong.push(format!("{}: {} has no words for it", case.says, case.panel));
        }
    }
    println!("{} cases evaluated, {} wrong", cases.len(), wrong.len());
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn the_notation_of_samples_is_promtools() {
    assert_eq!(samples("0+2x3 _x1 7x2"), [Some(0.0), Some(2.0), Some(4.0), None, Some(7.0), Some(7.0)]);
}
