//! `terraform/dev`: read as data, its variables evaluated by Terraform, its stand-in applied and destroyed.

mod fixture;
mod module;
mod policies;
mod schema;
mod variables;

use std::fs;
use std::path::Path;

use hcl::{Block, Body, Expression};

/// Every top-level block of the module in `dir`, a path from the repository's root.
fn read_module(dir: &str) -> Vec<Block> {
    let mut files: Vec<_> = fs::read_dir(tests::repo_root().join(dir)).unwrap().map(|e| e.unwrap().path()).collect();
    files.retain(|path| path.extension().is_some_and(|extension| extension == "tf"));
    files.sort();
    assert!(!files.is_empty(), "{dir} holds no .tf file");
    files.iter().flat_map(|path| parse(&fs::read_to_string(path).unwrap(), path)).collect()
}

fn parse(source: &str, path: &Path) -> Vec<Block> {
    let body = hcl::parse(source).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    body.into_blocks().collect()
}

/// The blocks `KIND "LABEL" … { }`, with their labels.
fn of_kind<'a>(blocks: &'a [Block], kind: &str) -> impl Iterator<Item = (Vec<&'a str>, &'a Body)> {
    let kind = kind.to_owned();
    blocks
        .iter()
        .filter(move |block| block.identifier() == kind)
        .map(|block| (block.labels().iter().map(hcl::structure::BlockLabel::as_str).collect(), block.body()))
}

/// The resources of one type, by name.
fn resources<'a>(blocks: &'a [Block], kind: &str) -> Vec<(&'a str, &'a Body)> {
    of_kind(blocks, "resource")
        .filter(|(labels, _)| labels[0] == kind)
        .map(|(labels, body)| (labels[1], body))
        .collect()
}

/// The one resource of a type.
fn resource<'a>(blocks: &'a [Block], kind: &str) -> &'a Body {
    let found = resources(blocks, kind);
    assert_eq!(found.len(), 1, "there must be one {kind}");
    found[0].1
}

/// The body of the block at `path`, going down one block at each step.
fn nested<'a>(body: &'a Body, path: &[&str]) -> &'a Body {
    path.iter().fold(body, |body, step| {
        let mut found = body.blocks().filter(|block| block.identifier() == *step);
        let block = found.next().unwrap_or_else(|| panic!("no block {step} of {}", path.join(".")));
        assert!(found.next().is_none(), "more than one block {step} of {}", path.join("."));
        block.body()
    })
}

fn attribute<'a>(body: &'a Body, name: &str) -> Option<&'a Expression> {
    body.attributes().find(|attribute| attribute.key() == name).map(hcl::Attribute::expr)
}

/// An attribute as text: strings without their quotes, everything else as it would be written. Empty when absent.
fn value(body: &Body, name: &str) -> String {
    attribute(body, name).map(text).unwrap_or_default()
}

fn text(expression: &Expression) -> String {
    match expression {
        Expression::String(string) => string.clone(),
        Expression::TemplateExpr(template) => template.to_string(),
        other => hcl::format::to_string(other).unwrap().trim().to_owned(),
    }
}

/// The elements of a list, as text. A value that is not a list counts as its only element.
fn list(expression: &Expression) -> Vec<String> {
    match expression {
        Expression::Array(elements) => elements.iter().map(text).collect(),
        other => vec![text(other)],
    }
}
