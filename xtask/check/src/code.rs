//! Commands, wherever somebody is told to type one: documents, the Justfile, scripts, and xtask's own messages.

use std::collections::BTreeSet;

use crate::commands::{self, Wrong};
use crate::repo::{Document, JUSTFILE, Repo};
use crate::{Finding, markdown, pattern};

/// All commands, and the Justfile's recipes.
pub(crate) fn check(repo: &Repo) -> Vec<Finding> {
    let services: Vec<&str> = repo.by_name().into_keys().collect();
    let recipes: BTreeSet<&str> = repo.get(JUSTFILE).text.lines().filter_map(recipe).collect();
    let mut found = Vec::new();
    for file in repo.ending_in(".md") {
        for (line, span) in markdown::code(&file.text) {
            let wrong = in_document(&span, &services, &recipes);
            found.extend(wrong.into_iter().map(|(what, fix)| file.finding(line, what, fix)));
        }
    }
    for file in repo.all.iter().filter(|it| !it.file.ends_with(".md")) {
        let tests = file.text.find("#[cfg(test)]").filter(|_| file.file.ends_with(".rs"));
        for (i, line) in file.text[..tests.unwrap_or(file.text.len())].lines().enumerate() {
            let wrong = commands::mentioned(line).flat_map(|it| commands::check(it, None));
            found.extend(wrong.map(|(what, fix)| file.finding(i + 1, what, fix)));
        }
    }
    found.extend(justfile(repo.get(JUSTFILE)));
    found
}

fn in_document(span: &str, services: &[&str], recipes: &BTreeSet<&str>) -> Vec<Wrong> {
    if let Some((_, line)) = span.split_once("cargo xtask ") {
        return commands::check(line, Some(services));
    }
    if let Some(recipe) = span.strip_prefix("just ").and_then(|it| it.split_whitespace().next()) {
        let known = recipes.contains(recipe) || recipe.starts_with('-');
        let wrong = (format!("the Justfile has no recipe `{recipe}`"), "`just --list` lists them".to_owned());
        return if known { Vec::new() } else { vec![wrong] };
    }
    let (first, rest) = span.split_once(' ').unwrap_or((span, ""));
    let ours = pattern!(r"^(dev|env|infra|kb)-([a-z]+|\*)( .*)?$").is_match(span) && !services.contains(&first);
    // `schema` and `test` are words of their own; followed by a flag they are commands.
    let is_command = ours || commands::is_name(first) && rest.starts_with("--");
    if is_command { commands::check(span, Some(services)) } else { Vec::new() }
}

/// The name in a line that begins a recipe.
fn recipe(line: &str) -> Option<&str> {
    Some(pattern!(r"^([a-z][a-z0-9-]*)( [^:=]*)?:( .*)?$").captures(line)?.get(1)?.as_str())
}

/// Each recipe is the command of its name.
fn justfile(file: &Document) -> Vec<Finding> {
    let mut found = Vec::new();
    let mut name = None;
    for (line, content) in file.lines() {
        name = recipe(content).or(name);
        for command in commands::mentioned(content).filter_map(|it| it.split_whitespace().next()) {
            if let Some(name) = name.filter(|it| *it != command) {
                let what = format!("the recipe `{name}` runs the command `{command}`");
                let fix = format!("write `cargo xtask {name} \"$@\"`, or rename the recipe");
                found.push(file.finding(line, what, fix));
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn code_that_is_no_command_is_left_alone() {
        let recipes = ["dev-up"].into();
        let wrong = |span: &str| in_document(span, &["dev-db"], &recipes).len();
        for span in
            ["dev/.env", "schema", "test", "dev-db", "just dev-up --local", "just --list", "docker compose up", "s3:x"]
        {
            assert_eq!(wrong(span), 0, "{span}");
        }
        for span in ["dev-pu", "env-frob *", "just frob", "schema --frob", "cd x && cargo xtask frob"] {
            assert_eq!(wrong(span), 1, "{span}");
        }
    }
}
