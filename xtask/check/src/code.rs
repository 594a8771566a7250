//! Commands, wherever somebody is told to type one: documents, the Justfile, scripts, and xtask's own messages.

use std::{collections::BTreeSet, sync::LazyLock};

use regex::Regex;

use crate::{
    Finding,
    commands::{self, Wrong},
    markdown,
    repo::{Document, Repo},
    variables::without_tests,
};

static RECIPE: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r"^([a-z][a-z0-9-]*)( [^:=]*)?:( .*)?$").expect("a pattern"));
/// A span of code that can only be a command of ours.
static FAMILY: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r"^(dev|env|infra|kb)-([a-z]+|\*)( .*)?$").expect("a pattern"));

/// All commands, and the Justfile's recipes.
pub(crate) fn check(repo: &Repo) -> Vec<Finding> {
    let services: Vec<&str> = repo.by_name().into_keys().collect();
    let recipes = repo.justfile.as_ref().map(recipes).unwrap_or_default();
    let mut found = Vec::new();
    for file in &repo.docs {
        for span in markdown::code(&file.text) {
            let wrong = in_document(&span.it, &services, repo.justfile.is_some().then_some(&recipes));
            found.extend(wrong.into_iter().map(|(text, remedy)| file.finding(Some(span.line), text, remedy)));
        }
    }
    for file in repo.sources_of_text.iter().chain(&repo.justfile) {
        let text = if file.file.ends_with(".rs") { without_tests(&file.text) } else { &file.text };
        for (i, line) in text.lines().enumerate() {
            let wrong = commands::mentioned(line).flat_map(|it| commands::check(it, None));
            found.extend(wrong.map(|(text, remedy)| file.finding(Some(i + 1), text, remedy)));
        }
    }
    found.extend(repo.justfile.as_ref().map(justfile).unwrap_or_default());
    found
}

fn in_document(span: &str, services: &[&str], recipes: Option<&BTreeSet<String>>) -> Vec<Wrong> {
    if let Some((_, line)) = span.split_once("cargo xtask ") {
        return commands::check(line, Some(services));
    }
    if let Some(recipe) = span.strip_prefix("just ").and_then(|it| it.split_whitespace().next()) {
        let unknown = recipes.is_none_or(|all| !all.contains(recipe)) && !recipe.starts_with('-');
        let wrong = || (format!("the Justfile has no recipe `{recipe}`"), "`just --list` lists them".to_owned());
        return unknown.then(wrong).into_iter().collect();
    }
    let (first, rest) = span.split_once(' ').unwrap_or((span, ""));
    // `schema` and `test` are words of their own; followed by a flag they are commands.
    let is_command =
        FAMILY.is_match(span) && !services.contains(&first) || commands::is_name(first) && rest.starts_with("--");
    if is_command { commands::check(span, Some(services)) } else { Vec::new() }
}

fn recipes(file: &Document<()>) -> BTreeSet<String> {
    file.text.lines().filter_map(|it| Some(RECIPE.captures(it)?[1].to_owned())).collect()
}

/// Each recipe is the command of its name.
fn justfile(file: &Document<()>) -> Vec<Finding> {
    let mut found = Vec::new();
    let mut recipe = None;
    for (i, line) in file.text.lines().enumerate() {
        if let Some(it) = RECIPE.captures(line) {
            recipe = Some(it[1].to_owned());
        }
        for command in commands::mentioned(line).filter_map(|it| it.split_whitespace().next()) {
            if let Some(name) = recipe.as_deref().filter(|it| *it != command) {
                let text = format!("the recipe `{name}` runs the command `{command}`");
                found.push(file.finding(
                    Some(i + 1),
                    text,
                    format!("write `cargo xtask {name} \"$@\"`, or rename the recipe"),
                ));
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn code_that_is_no_command_is_left_alone() {
        let recipes = ["dev-up".to_owned()].into();
        let wrong = |span: &str| in_document(span, &["dev-db"], Some(&recipes)).len();
        for span in
            ["dev/.env", "schema", "test", "dev-db", "just dev-up --local", "just --list", "docker compose up", "s3:x"]
        {
            assert_eq!(wrong(span), 0, "{span}");
        }
        for span in ["dev-pu", "env-frob *", "just frob", "schema --frob", "cd x && cargo xtask frob"] {
            assert_eq!(wrong(span), 1, "{span}");
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(256))]

        #[test]
        fn no_justfile_makes_the_reader_panic(text in "\\PC*|[a-z:=* \n@-]{0,80}|(a:\n|  cargo xtask |b\n){0,9}") {
            let file = Document { file: String::new(), text, value: () };
            _ = (recipes(&file), justfile(&file), in_document(&file.text, &[], None));
        }
    }
}
