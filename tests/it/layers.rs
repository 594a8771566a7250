//! The folders of `xtask/src`: imports go down only.

use std::{fs, path::Path};

use regex::Regex;
use tests::repo_root;

/// From the top down; each may import what stands behind it. Nobody imports `commands`, not even another command.
const FOLDERS: [&str; 12] = [
    "commands",
    "up",
    "doctor",
    "preflight",
    "schema",
    "images",
    "stack",
    "aws",
    "settings",
    "docker",
    "cli",
    "machine",
];

fn rank(folder: &str) -> Option<usize> {
    FOLDERS.iter().position(|it| *it == folder)
}

/// A path in a file: how it starts, and the folders of the crate that it reaches, `use` trees taken apart.
fn reached(text: &str, modules: &[String]) -> Vec<String> {
    let paths = Regex::new(r"\b(crate|super(?:::super)*)::").unwrap();
    let mut all = Vec::new();
    for found in paths.captures_iter(text) {
        let whole = found.get(0).unwrap();
        let inline = text[..whole.start()].matches("\nmod tests {").count();
        let ups = found[1].matches("super").count().saturating_sub(inline);
        let rest = &text[whole.end()..];
        match &found[1] {
            "crate" => all.extend(first_segments(rest)),
            // A path that leaves the folder goes through the root.
            _ if ups >= modules.len() && ups > 0 => all.extend(first_segments(rest)),
            _ => {}
        }
    }
    all
}

/// The first segments of a path, or of every path of a tree in braces.
fn first_segments(rest: &str) -> Vec<String> {
    let word = |it: &str| it.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect::<String>();
    let Some(tree) = rest.strip_prefix('{') else { return vec![word(rest)] };
    let (mut depth, mut at_start, mut all) = (0, true, Vec::new());
    for (at, c) in tree.char_indices() {
        match c {
            '{' => depth += 1,
            '}' if depth == 0 => break,
            '}' => depth -= 1,
            ',' if depth == 0 => at_start = true,
            c if at_start && !c.is_whitespace() => {
                all.push(word(&tree[at..]));
                at_start = false;
            }
            _ => {}
        }
    }
    all
}

fn files(folder: &Path, modules: &[String], seen: &mut dyn FnMut(&Path, &[String])) {
    let mut entries: Vec<_> = fs::read_dir(folder).unwrap().map(|it| it.unwrap().path()).collect();
    entries.sort();
    for path in entries {
        let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
        let inner = [modules, &[name]].concat();
        if path.is_dir() {
            files(&path, &inner, seen);
        } else {
            seen(&path, &inner);
        }
    }
}

#[test]
fn every_folder_of_xtask_imports_only_those_below_it() {
    let root = repo_root().join("xtask/src");
    let (mut wrong, mut paths) = (Vec::new(), 0);
    let across = Regex::new(r"pub(?:\([a-z]+\))? use (?:crate|super)::").unwrap();
    files(&root, &[], &mut |path, modules| {
        let text = fs::read_to_string(path).unwrap();
        let shown = path.strip_prefix(&root).unwrap().display();
        let Some(own) = rank(&modules[0]) else {
            if modules.len() > 1 || !["main", "lib"].contains(&&*modules[0]) {
                wrong.push(format!("{shown} is in no folder"));
            }
            return;
        };
        for folder in reached(&text, modules) {
            paths += 1;
            match rank(&folder) {
                Some(it) if it > own || (it == own && it > 0) => {}
                Some(_) if folder == "commands" => wrong.push(format!("{shown} imports a command")),
                Some(_) => wrong.push(format!("{shown} imports {folder}, which stands above it")),
                None => wrong.push(format!("{shown} imports {folder}, which is no folder")),
            }
        }
        if across.is_match(&text) {
            wrong.push(format!("{shown} passes on what another module has"));
        }
    });
    wrong.dedup();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    println!("{paths} paths in xtask/src, none of them upwards");
}

#[test]
fn a_tree_of_paths_is_taken_apart() {
    let text = "use crate::{a::{b, c}, d::E};\nfn f() { crate::g::h(); super::i(); super::super::j::k() }\n";
    let modules = ["x".to_owned(), "y".to_owned()];
    assert_eq!(reached(text, &modules), ["a", "d", "g", "j"]);
    assert_eq!(reached("\nmod tests {\n use super::*; use super::super::z::y;", &modules), [""; 0]);
}
