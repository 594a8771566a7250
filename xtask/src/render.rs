//! The persistence template, rendered for each cluster. A template is data: placeholders are replaced inside parsed
//! scalars, so no value can change the document's structure.

use std::path::Path;

use anyhow::{Context, Result};
use serde_yaml::Value;
use xshell::Shell;

use crate::{exit::prerequisites, files, flags, flags::Cluster, help, mode::Mode, settings::Settings, term, variables};

/// The template, from the workspace root.
pub const TEMPLATE: &str = "dev/docker/persistence-dsql-elasticsearch.template.yaml";

/// What the copilot cluster takes from elsewhere: the template's name, the variable that it stands for there.
const COPILOT: &[(&str, &str)] = &[
    ("TEMPORAL_SQL_HOST", "COPILOT_DSQL_HOST"),
    ("TEMPORAL_SQL_DATABASE", "COPILOT_DSQL_DATABASE"),
    ("TEMPORAL_SQL_MAX_CONNS", "COPILOT_SQL_MAX_CONNS"),
    ("TEMPORAL_SQL_MAX_IDLE_CONNS", "COPILOT_SQL_MAX_CONNS"),
    ("TEMPORAL_HISTORY_SHARDS", "COPILOT_HISTORY_SHARDS"),
    ("TEMPORAL_ELASTICSEARCH_INDEX", "COPILOT_ELASTICSEARCH_INDEX"),
];

impl flags::Render {
    pub(crate) fn run(self, sh: &Shell) -> Result<()> {
        let mode = Mode::last(sh)?.with(flags::mode_flag(self.local, self.dsql)?);
        let settings = Settings::load(sh, mode.local);
        let clusters = self.cluster.map_or(Cluster::ALL.to_vec(), |it| vec![it]);
        let mut problems = problems_of(&settings, &clusters);
        let rendered = render(sh, &settings, &clusters).unwrap_or_else(|found| {
            problems.extend(found);
            Vec::new()
        });
        prerequisites("cannot render", &problems)?;
        for (cluster, text) in &rendered {
            if self.stdout {
                term::out(&format!("---\n{text}"));
            } else {
                term::say(&format!(
                    "{} {}",
                    path(*cluster),
                    if write(sh, *cluster, text)? { "written" } else { "unchanged" }
                ));
            }
        }
        Ok(())
    }
}

/// Where a cluster's rendering goes, from the workspace root.
pub fn path(cluster: Cluster) -> String {
    format!("dev/.rendered/persistence-{}.yaml", cluster.as_str())
}

/// Writes a cluster's rendering; returns whether it changed.
///
/// # Errors
/// The file cannot be written; the old one is then kept.
pub fn write(sh: &Shell, cluster: Cluster, text: &str) -> Result<bool> {
    files::replace(&sh.current_dir().join(path(cluster)), text, 0o644)
}

/// Renders the template for these clusters. Values that [`Settings::problems`] names are left out of the result's
/// findings: they have been reported.
///
/// # Errors
/// Every placeholder that stands for no variable, or that the template cannot be read.
pub fn render(sh: &Shell, settings: &Settings, clusters: &[Cluster]) -> Result<Vec<(Cluster, String)>, Vec<String>> {
    let template = read_template(&sh.current_dir().join(TEMPLATE)).map_err(|e| vec![format!("{e:#}")])?;
    let mut problems = Vec::new();
    let mut rendered = Vec::new();
    for &cluster in clusters {
        let lookup =
            |name: &str| variables::find(source(cluster, name)).map(|it| it.kind.to_yaml(settings.get(it.name)));
        match substitute(&template, &lookup) {
            Ok(document) => {
                let body = serde_yaml::to_string(&document).expect("a parsed document can be written");
                rendered.push((
                    cluster,
                    format!("# Written by `cargo xtask render` from {TEMPLATE}; edits are lost.\n{body}"),
                ));
            }
            Err(unknown) => problems.extend(unknown.iter().map(|it| unknown_placeholder(it))),
        }
    }
    problems.dedup();
    if problems.is_empty() { Ok(rendered) } else { Err(problems) }
}

fn read_template(path: &Path) -> Result<Value> {
    let text = files::read(path)?
        .with_context(|| format!("{TEMPLATE} is missing: `git checkout -- {TEMPLATE}` brings it back"))?;
    serde_yaml::from_str(&text).with_context(|| format!("{TEMPLATE} is not YAML"))
}

fn unknown_placeholder(name: &str) -> String {
    let known = variables::ALL.iter().map(|it| it.name);
    let hint = help::suggest(name, known).map_or(String::new(), |it| format!("; did you mean `${it}`?"));
    format!("`${name}` in {TEMPLATE} is not a variable{hint}")
}

/// The variable that a template's placeholder stands for in this cluster.
pub fn source(cluster: Cluster, placeholder: &str) -> &str {
    let own = COPILOT.iter().find(|(name, _)| cluster == Cluster::Copilot && *name == placeholder);
    own.map_or(placeholder, |(_, source)| source)
}

/// The problems that concern these clusters.
fn problems_of(settings: &Settings, clusters: &[Cluster]) -> Vec<String> {
    let concerns = |name: &str| {
        let of = COPILOT.iter().find_map(|(monitored, copilot)| match name {
            it if it == *monitored => Some(Cluster::Monitored),
            it if it == *copilot => Some(Cluster::Copilot),
            _ => None,
        });
        of.is_none_or(|it| clusters.contains(&it))
    };
    settings.problems.iter().filter(|it| it.name.is_none_or(concerns)).map(|it| it.text.clone()).collect()
}

/// Replaces `$NAME` and `${NAME}` in every scalar. A scalar that is one placeholder takes the value with its type;
/// within a longer text the value is inserted as text. Values are not scanned again.
///
/// # Errors
/// The names that `lookup` does not know, each once, in the order in which they appear.
pub fn substitute(template: &Value, lookup: &dyn Fn(&str) -> Option<Value>) -> Result<Value, Vec<String>> {
    let mut unknown = Vec::new();
    let document = walk(template, lookup, &mut unknown);
    if unknown.is_empty() { Ok(document) } else { Err(unknown) }
}

fn walk(node: &Value, lookup: &dyn Fn(&str) -> Option<Value>, unknown: &mut Vec<String>) -> Value {
    match node {
        Value::String(text) => scalar(text, lookup, unknown),
        Value::Sequence(items) => items.iter().map(|it| walk(it, lookup, unknown)).collect(),
        Value::Mapping(pairs) => {
            Value::Mapping(pairs.iter().map(|(key, value)| (key.clone(), walk(value, lookup, unknown))).collect())
        }
        other => other.clone(),
    }
}

fn scalar(text: &str, lookup: &dyn Fn(&str) -> Option<Value>, unknown: &mut Vec<String>) -> Value {
    let mut out = String::new();
    let mut rest = text;
    while let Some(at) = rest.find('$') {
        let Some((name, length)) = placeholder(&rest[at..]) else {
            out.push_str(&rest[..=at]);
            rest = &rest[at + 1..];
            continue;
        };
        let value = lookup(name);
        match value {
            Some(value) if length == text.len() => return value,
            Some(value) => {
                out.push_str(&rest[..at]);
                out.push_str(&to_text(&value));
            }
            None if unknown.iter().any(|it| it == name) => {}
            None => unknown.push(name.to_owned()),
        }
        rest = &rest[at + length..];
    }
    out.push_str(rest);
    Value::String(out)
}

/// The name of the placeholder at the start of `text`, and the length of the whole.
fn placeholder(text: &str) -> Option<(&str, usize)> {
    let (body, braces) = match text.strip_prefix("${") {
        Some(body) => (body, true),
        None => (text.strip_prefix('$')?, false),
    };
    let end = body.find(|c: char| !(c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_')).unwrap_or(body.len());
    let name = &body[..end];
    let closed = !braces || body[end..].starts_with('}');
    let valid = closed && !name.is_empty() && !name.starts_with(|c: char| c.is_ascii_digit());
    valid.then_some((name, if braces { end + 3 } else { end + 1 }))
}

fn to_text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => serde_yaml::to_string(other).unwrap_or_default().trim_end().to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::{collection::btree_map, prelude::*, sample::Index};
    use std::collections::BTreeMap;

    fn the_template() -> Value {
        read_template(&Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(TEMPLATE)).unwrap()
    }

    /// The names in a document, each once, in order.
    fn names(document: &Value) -> Vec<String> {
        substitute(document, &|_| None).unwrap_err()
    }

    /// Any text that is awkward in YAML, in shells or by its size.
    fn awkward() -> impl Strategy<Value = String> {
        prop_oneof![
            "\\PC{0,20}",
            "[\\-?:,\\[\\]{}#&*!|>'\"%@` \t\r\n$\\\\a-z0-9~]{0,30}",
            "[a-z: #\n]{0,5}".prop_map(|it| it.repeat(20_000)),
            Just("$TEMPORAL_SQL_HOST ${X}".to_owned()),
            Just("yes".to_owned()),
            Just("0x1F".to_owned()),
            Just("---\n- a: &b\n".to_owned()),
            Just("\u{feff}\u{85}\u{2028}\u{1f600}".to_owned()),
        ]
    }

    /// The scalars of a document with their paths, placeholders still in them.
    fn leaves<'a>(node: &'a Value, path: &str, out: &mut Vec<(String, &'a Value)>) {
        match node {
            Value::Mapping(pairs) => {
                pairs.iter().for_each(|(key, value)| leaves(value, &format!("{path}/{}", to_text(key)), out));
            }
            Value::Sequence(items) => {
                items.iter().enumerate().for_each(|(i, it)| leaves(it, &format!("{path}/{i}"), out));
            }
            scalar => out.push((path.to_owned(), scalar)),
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(256))]

        /// Feature: standalone-dev, Property 3 (complete sets): no placeholder is left, the structure is the template's,
        /// and every value read back from the written text equals the variable.
        #[test]
        fn a_complete_set_of_values_is_read_back_from_the_rendered_text(values in btree_map("[A-Z]{1,3}", awkward(), 30..31)) {
            let template = the_template();
            let all = names(&template);
            let texts: BTreeMap<&str, &String> = all.iter().map(String::as_str).zip(values.values()).collect();
            let document = substitute(&template, &|it| texts.get(it).map(|it| it.as_str().into())).unwrap();
            let written = serde_yaml::to_string(&document).unwrap();
            let read: Value = serde_yaml::from_str(&written).unwrap();

            let (mut before, mut after) = (Vec::new(), Vec::new());
            leaves(&template, "", &mut before);
            leaves(&read, "", &mut after);
            prop_assert_eq!(before.len(), after.len());
            for ((path, placeholder), (path_after, value)) in before.iter().zip(&after) {
                prop_assert_eq!(path, path_after);
                let mut expected = placeholder.as_str().unwrap_or_default().to_owned();
                for (name, text) in &texts {
                    if expected == format!("${name}") {
                        expected = (*text).clone();
                        break;
                    }
                }
                if let Some((host, port)) = placeholder.as_str().and_then(|it| it.split_once("_HOST:$")) {
                    expected = format!("{}:{}", texts[&*format!("{}_HOST", &host[1..])], texts[port]);
                }
                if placeholder.is_string() {
                    prop_assert_eq!(value.as_str(), Some(&*expected), "{}", path);
                } else {
                    prop_assert_eq!(*value, *placeholder);
                }
            }
        }

        /// Feature: standalone-dev, Property 3 (incomplete sets): exactly the missing ones are named.
        #[test]
        fn an_incomplete_set_of_values_names_exactly_the_missing_ones(picks in proptest::collection::vec(any::<Index>(), 1..8)) {
            let template = the_template();
            let all = names(&template);
            let mut missing: Vec<String> = picks.iter().map(|it| it.get(&all).clone()).collect();
            missing.sort();
            missing.dedup();
            let mut named = substitute(&template, &|it| (!missing.iter().any(|m| m == it)).then(|| "x".into())).unwrap_err();
            named.sort();
            prop_assert_eq!(named, missing);
        }

        #[test]
        fn no_scalar_makes_the_substitution_panic(text in "\\PC*|[${}A_0]{0,20}") {
            let template = Value::String(text);
            _ = substitute(&template, &|_| None);
            _ = substitute(&template, &|_| Some(7.into()));
        }
    }

    #[test]
    fn values_keep_their_type_where_they_stand_alone() {
        let template: Value =
            serde_yaml::from_str("{a: $N, b: \"${B}\", c: \"$H:$N\", d: $5, e: \"$ {N} ${N\"}").unwrap();
        let lookup = |name: &str| match name {
            "N" => Some(7.into()),
            "B" => Some(true.into()),
            _ => Some("h".into()),
        };
        let expected: Value = serde_yaml::from_str("{a: 7, b: true, c: \"h:7\", d: $5, e: \"$ {N} ${N\"}").unwrap();
        assert_eq!(substitute(&template, &lookup).unwrap(), expected);
    }

    #[test]
    fn every_placeholder_of_the_template_is_a_variable_of_both_clusters() {
        for name in names(&the_template()) {
            for &cluster in Cluster::ALL {
                assert!(variables::find(source(cluster, &name)).is_some(), "{name} for {cluster:?}");
            }
        }
    }

    #[test]
    fn each_variable_that_the_copilot_cluster_takes_from_elsewhere_stands_in_the_template() {
        let names = names(&the_template());
        for (name, _) in COPILOT {
            assert!(names.iter().any(|it| it == name), "{name}");
        }
    }

    #[test]
    fn the_two_renderings_differ_in_the_cluster_s_own_values_only() {
        let sh = Shell::new().unwrap();
        sh.change_dir(Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap());
        let settings = Settings::resolve(true, &[], &|_| None);
        let rendered = render(&sh, &settings, Cluster::ALL).unwrap();
        let lines = |i: usize| rendered[i].1.lines().map(str::trim).collect::<Vec<_>>();
        let differing: Vec<_> = lines(0).into_iter().zip(lines(1)).filter(|(a, b)| a != b).map(|(_, b)| b).collect();
        assert_eq!(
            differing,
            ["connectAddr: copilot-local.dsql.eu-west-1.on.aws:5432", "visibility: temporal_visibility_v1_copilot_dev"]
        );
    }
}
