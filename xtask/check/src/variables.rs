//! Variables: declared once in xtask, shown in the example, and the same wherever something refers to them.

use std::{collections::BTreeSet, sync::LazyLock};

use regex::Regex;

use crate::{
    Finding,
    repo::{Document, Repo},
};
use xtask::{
    cli::{flags::Cluster, help},
    settings::{
        template,
        variables::{self, ALL, Kind, Variable},
    },
    stack::overrides::DERIVED,
};

const DECLARATION: &str = "xtask/src/settings/variables.rs";

/// A reference of Compose, or an escaped dollar, which is none.
static REFERENCE: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"\$\$|\$\{([A-Za-z_][A-Za-z0-9_]*)(?:(:?[-+?])([^}]*))?\}|\$([A-Za-z_][A-Za-z0-9_]*)")
        .expect("a pattern")
});

/// The example, the references of the compose files, the template's placeholders, and that each variable has a use.
pub(crate) fn check(repo: &Repo) -> Vec<Finding> {
    let mut found = example(&repo.example);
    for file in [&repo.base, &repo.local, &repo.amd64] {
        found.extend(references(&file.text).into_iter().filter_map(|it| reference(file, &it)));
    }
    found.extend(placeholders(repo));
    found.extend(unused(repo));
    found
}

/// A variable that a text refers to.
pub(crate) struct Reference {
    /// From 1.
    pub line: usize,
    pub name: String,
    /// What stands behind `:-`.
    pub default: Option<String>,
}

/// The references of a text whose comments begin with `#`.
pub(crate) fn references(text: &str) -> Vec<Reference> {
    let mut found = Vec::new();
    for (i, line) in text.lines().enumerate().filter(|(_, it)| !it.trim_start().starts_with('#')) {
        for it in REFERENCE.captures_iter(line) {
            let Some(name) = it.get(1).or_else(|| it.get(4)) else { continue };
            let default = it.get(3).filter(|_| &it[2] == ":-").map(|it| it.as_str().to_owned());
            found.push(Reference { line: i + 1, name: name.as_str().to_owned(), default });
        }
    }
    found
}

fn reference<V>(file: &Document<V>, it: &Reference) -> Option<Finding> {
    let Reference { line, name, default } = it;
    let variable = variables::find(name);
    if variable.is_none() && !DERIVED.contains(&name.as_str()) {
        let known = ALL.iter().map(|it| it.name).chain(DERIVED.iter().copied());
        let remedy = help::suggest(name, known)
            .map_or(format!("declare it in {DECLARATION} and dev/.env.example"), |it| format!("is `{it}` meant?"));
        return Some(file.finding(Some(*line), format!("`{name}` is not a variable"), remedy));
    }
    let expected = variable.map(|it| it.default.unwrap_or_default());
    match (default, expected) {
        (None, _) => Some(file.finding(
            Some(*line),
            format!("`{name}` has no default here, so plain `docker compose` would not work"),
            format!("write `${{{name}:-{}}}`", expected.unwrap_or("…")),
        )),
        (Some(default), Some(expected)) if default != expected => Some(file.finding(
            Some(*line),
            format!("`{name}` is `{default}` by default here, and `{expected}` in {DECLARATION}"),
            format!("write `${{{name}:-{expected}}}`, or change it there and in dev/.env.example"),
        )),
        _ => None,
    }
}

/// The example holds every variable, in order, with its default, and a line of meaning above it.
fn example(file: &Document<()>) -> Vec<Finding> {
    let mut found = Vec::new();
    let lines: Vec<&str> = file.text.lines().collect();
    let mut last = 0;
    for variable in ALL {
        let expected = line_of(variable);
        let named =
            |it: &&str| it.trim_start_matches('#').split_once('=').is_some_and(|(name, _)| name == variable.name);
        let Some(i) = lines.iter().position(named) else {
            let text = format!("{} is missing", variable.name);
            found.push(file.finding(None, text, format!("add `{expected}` with a line of meaning above it")));
            continue;
        };
        let right = match variable.default {
            Some(_) => lines[i] == expected,
            None => lines[i].starts_with(&expected),
        };
        if !right {
            let text = format!("`{}` is not what {DECLARATION} says of {}", lines[i], variable.name);
            found.push(file.finding(Some(i + 1), text, format!("write `{expected}`, or change it there")));
        }
        if i == 0 || !lines[i - 1].starts_with("# ") || lines[i - 1].starts_with("# ---") {
            let text = format!("nothing says what {} means", variable.name);
            found.push(file.finding(Some(i + 1), text, "add a line of comment above it"));
        }
        if i < last {
            let text = format!("{} is not in the order of {DECLARATION}", variable.name);
            found.push(file.finding(Some(i + 1), text, "move it, there or here"));
        }
        last = last.max(i);
    }
    for (i, name) in lines.iter().enumerate().filter_map(|(i, it)| Some((i, assigned(it)?))) {
        if variables::find(name).is_none() {
            let remedy = help::suggest(name, ALL.iter().map(|it| it.name))
                .map_or(format!("remove it, or declare it in {DECLARATION}"), |it| format!("is `{it}` meant?"));
            found.push(file.finding(Some(i + 1), format!("`{name}` is not a variable"), remedy));
        }
    }
    found
}

/// The name in `NAME=…` or `#NAME=…`.
fn assigned(line: &str) -> Option<&str> {
    let (name, _) = line.strip_prefix('#').unwrap_or(line).split_once('=')?;
    let fits = |c: char| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_';
    (!name.is_empty() && name.chars().all(fits)).then_some(name)
}

fn line_of(variable: &Variable) -> String {
    match variable.default {
        Some(default) => format!("#{}={default}", variable.name),
        None => format!("{}=<", variable.name),
    }
}

fn placeholders(repo: &Repo) -> Vec<Finding> {
    let file = &repo.template;
    let mut found = Vec::new();
    let names = names(repo);
    for name in &names {
        if Cluster::ALL.iter().any(|it| variables::find(template::source(*it, name)).is_none()) {
            let remedy = help::suggest(name, ALL.iter().map(|it| it.name))
                .map_or(format!("declare it in {DECLARATION}"), |it| format!("is `${it}` meant?"));
            found.push(file.finding(file.line_of(&format!("${name}")), format!("`${name}` is not a variable"), remedy));
        }
    }
    found
}

/// The template's placeholders.
fn names(repo: &Repo) -> Vec<String> {
    template::substitute(&repo.template.value, &|_| None).err().unwrap_or_default()
}

/// A variable that neither the template nor a compose file nor xtask reads. One that allows a single value has its use
/// in refusing all others.
fn unused(repo: &Repo) -> Vec<Finding> {
    let mut used: BTreeSet<String> = BTreeSet::new();
    for name in names(repo) {
        used.extend(Cluster::ALL.iter().map(|it| template::source(*it, &name).to_owned()));
    }
    for file in [&repo.base, &repo.local] {
        used.extend(references(&file.text).into_iter().map(|it| it.name));
    }
    // These name variables without reading them.
    let naming = |file: &str| {
        matches!(file, DECLARATION | "xtask/src/settings/template.rs") || file.starts_with("xtask/check/src/")
    };
    let ours: String = repo
        .sources_of_text
        .iter()
        .filter(|it| it.file.ends_with(".rs") && !naming(&it.file))
        .map(|it| without_tests(&it.text))
        .collect();
    let only_one = |it: &Variable| matches!(it.kind, Kind::Word(&[_], _));
    let unread =
        |it: &&Variable| !used.contains(it.name) && !only_one(it) && !ours.contains(&format!("\"{}\"", it.name));
    let finding = |it: &Variable| Finding {
        file: DECLARATION.to_owned(),
        line: None,
        text: format!("nothing reads {}", it.name),
        remedy: "remove it, here, in dev/.env.example and in dev/README.md, or use it".to_owned(),
    };
    ALL.iter().filter(unread).map(finding).collect()
}

/// A file of Rust up to its tests.
pub(crate) fn without_tests(text: &str) -> &str {
    text.split("#[cfg(test)]").next().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn references_are_told_from_comments_and_escaped_dollars() {
        let text = "# ${A}\na: ${B:-x}-$C\nb: \"$$code ${D}\" # ${E:-}";
        let found: Vec<_> = references(text).into_iter().map(|it| (it.line, it.name, it.default)).collect();
        let some = |it: &str| Some(it.to_owned());
        assert_eq!(
            found,
            [
                (2, "B".to_owned(), some("x")),
                (2, "C".to_owned(), None),
                (3, "D".to_owned(), None),
                (3, "E".to_owned(), some(""))
            ]
        );
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(256))]

        #[test]
        fn no_text_makes_the_scanners_panic(text in "\\PC*|[${}:A-B_#=\n?-]{0,60}") {
            _ = references(&text);
            _ = example(&Document { file: String::new(), text, value: () });
        }
    }
}
