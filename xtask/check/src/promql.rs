//! A light look at PromQL: which metrics and which of Grafana's variables an expression uses. It does not parse; the
//! tests do, with a real parser.

use std::{collections::BTreeSet, sync::LazyLock};

use regex::Regex;

static VARIABLE: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r"\$(?:\{([A-Za-z_][A-Za-z0-9_]*)|([A-Za-z_][A-Za-z0-9_]*))").expect("a pattern"));

/// Words that are followed by a list of labels.
const LABELLED: &[&str] = &["by", "without", "on", "ignoring", "group_left", "group_right"];
const OPERATORS: &[&str] = &["and", "or", "unless", "bool", "offset", "atan2"];

/// The names of the series in an expression, or in Grafana's `label_values(SERIES, LABEL)`.
pub(crate) fn metrics_in(expr: &str) -> BTreeSet<&str> {
    let values = expr.trim().strip_prefix("label_values(").and_then(|it| it.rsplit_once(','));
    let names = words(values.map_or(expr, |(series, _)| series));
    let number = |it: &str| matches!(it.to_ascii_lowercase().as_str(), "inf" | "nan");
    names.into_iter().filter(|it| !LABELLED.contains(it) && !OPERATORS.contains(it) && !number(it)).collect()
}

/// The names of Grafana's variables in an expression.
pub(crate) fn variables_in(expr: &str) -> BTreeSet<&str> {
    VARIABLE.captures_iter(expr).filter_map(|it| it.get(1).or_else(|| it.get(2))).map(|it| it.as_str()).collect()
}

/// The words outside of strings, label matchers, label lists and ranges that are no function.
fn words(expr: &str) -> Vec<&str> {
    let mut found = Vec::new();
    let mut rest = expr;
    while let Some(first) = rest.chars().next() {
        let length = match first {
            '"' | '\'' | '`' => string(rest),
            '{' => braces(rest),
            '[' => rest.find(']').map_or(rest.len(), |it| it + 1),
            '$' | '0'..='9' => 1 + word(&rest[1..], ".{}"),
            it if it.is_ascii_alphabetic() || it == '_' || it == ':' => {
                let length = word(rest, "");
                let (name, after) = (&rest[..length], rest[length..].trim_start());
                let called = after.starts_with('(');
                // `sum by (le) (…)`: an aggregation need not be followed by its parenthesis.
                if !called && !matches!(&after[..word(after, "")], "by" | "without") {
                    found.push(name);
                }
                if called && LABELLED.contains(&name) {
                    rest.len() - after.len() + after.find(')').map_or(after.len(), |it| it + 1)
                } else {
                    length
                }
            }
            other => other.len_utf8(),
        };
        rest = &rest[length..];
    }
    found
}

/// The length of a name, in which these characters are allowed too.
fn word(text: &str, also: &str) -> usize {
    let inside = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == ':' || also.contains(c);
    text.find(|c| !inside(c)).unwrap_or(text.len())
}

/// The length of the quoted text that this begins with.
fn string(text: &str) -> usize {
    let quote = text.chars().next();
    let mut escaped = false;
    let end = text.char_indices().skip(1).find(|(_, c)| {
        let closes = Some(*c) == quote && !escaped;
        escaped = *c == '\\' && !escaped;
        closes
    });
    end.map_or(text.len(), |(at, _)| at + 1)
}

/// The length of the label matchers that this begins with; braces within quotes do not count.
fn braces(text: &str) -> usize {
    let mut at = 1;
    while let Some(c) = text[at..].chars().next() {
        match c {
            '}' => return at + 1,
            '"' | '\'' | '`' => at += string(&text[at..]),
            other => at += other.len_utf8(),
        }
    }
    text.len()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_series_of_an_expression_are_found_and_nothing_else() {
        for (expr, expected) in [
            ("sum by (le, service) (rate(a_bucket{x=~\"b}c|$d\"}[$__rate_interval]))", &["a_bucket"][..]),
            ("sum(rate(a_total[5m])) / on (x) group_left (y) b:ratio or vector(0)", &["a_total", "b:ratio"]),
            ("sum (a) by (le) > bool 1e3", &["a"]),
            ("topk(10, max without (x) (a offset 5m)) unless +Inf", &["a"]),
            ("label_values(a{service=~\"$service\"}, operation)", &["a"]),
            ("histogram_quantile(0.95, ${metric}_bucket) * 60", &[]),
            ("count(up{job=~\"temporal-.+\"} == 1)", &["up"]),
        ] {
            assert_eq!(metrics_in(expr).into_iter().collect::<Vec<_>>(), expected, "{expr}");
        }
        let variables: Vec<_> = variables_in("a{b=\"$c\"}[$__range] ${d:regex} $").into_iter().collect();
        assert_eq!(variables, ["__range", "c", "d"]);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(512))]

        #[test]
        fn no_expression_makes_the_scan_panic(expr in "\\PC*|[a-c:_(){}\\[\\]\"'\\\\$0-9, by\u{e9}]{0,60}") {
            _ = metrics_in(&expr);
            _ = variables_in(&expr);
        }

        /// Whatever stands in quotes, a name outside of them is found and no other.
        #[test]
        fn a_name_is_found_whatever_its_matchers_say(name in "[a-z_][a-z0-9_]{3,20}_total", value in "[^\"\\\\]{0,20}") {
            let expr = format!("sum by (le) (rate({name}{{x=\"{value}\"}}[5m]))");
            prop_assert_eq!(metrics_in(&expr).into_iter().collect::<Vec<_>>(), [name.as_str()]);
        }
    }
}
