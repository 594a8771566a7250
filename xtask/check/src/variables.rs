//! Variables: declared once in xtask, shown in the example, and the same wherever something refers to them.

use xtask::cli::flags::Cluster;
use xtask::settings::template;
use xtask::settings::variables::{self, ALL, Variable};
use xtask::stack::environment::DERIVED;

use crate::repo::{BASE, Document, EXAMPLE, LOCAL, Repo, TEMPLATE};
use crate::{Finding, meant, pattern};

const DECLARATION: &str = "xtask/src/settings/variables.rs";

/// The example, the references of the compose files, and the template's placeholders.
pub(crate) fn check(repo: &Repo) -> Vec<Finding> {
    let mut found = example(repo.get(EXAMPLE));
    for file in [BASE, LOCAL].map(|it| repo.get(it)) {
        found.extend(references(&file.text).into_iter().filter_map(|it| reference(file, &it)));
    }
    let file = repo.get(TEMPLATE);
    let unknown = |it: &String| Cluster::ALL.iter().any(|at| variables::find(template::source(*at, it)).is_none());
    for name in template::substitute(&file.value, &|_| None).err().unwrap_or_default().into_iter().filter(unknown) {
        let (name, known) = (format!("${name}"), names().map(|it| format!("${it}")).collect::<Vec<_>>());
        let fix = meant(&name, known.iter().map(String::as_str), &format!("declare it in {DECLARATION}"));
        found.push(file.at(&name, format!("`{name}` is not a variable"), fix));
    }
    found
}

/// The names of all variables.
pub(crate) fn names() -> impl Iterator<Item = &'static str> {
    ALL.iter().map(|it| it.name)
}

/// A variable that a text refers to: the line, the name, and what stands behind `:-`.
pub(crate) type Reference = (usize, String, Option<String>);

/// The references of a text whose comments begin with `#`.
pub(crate) fn references(text: &str) -> Vec<Reference> {
    // An escaped dollar is none.
    let pattern = pattern!(r"\$\$|\$\{([A-Za-z_]\w*)(?:(:?[-+?])([^}]*))?\}|\$([A-Za-z_]\w*)");
    let lines = text.lines().enumerate().filter(|(_, it)| !it.trim_start().starts_with('#'));
    let all = lines.flat_map(|(i, line)| pattern.captures_iter(line).map(move |it| (i + 1, it)));
    all.filter_map(|(line, it)| {
        let default = it.get(3).filter(|_| &it[2] == ":-").map(|it| it.as_str().to_owned());
        Some((line, it.get(1).or_else(|| it.get(4))?.as_str().to_owned(), default))
    })
    .collect()
}

fn reference(file: &Document, (line, name, default): &Reference) -> Option<Finding> {
    let variable = variables::find(name);
    if variable.is_none() && !DERIVED.contains(&name.as_str()) {
        let otherwise = format!("declare it in {DECLARATION} and dev/.env.example");
        let fix = meant(name, names().chain(DERIVED.iter().copied()), &otherwise);
        return Some(file.finding(*line, format!("`{name}` is not a variable"), fix));
    }
    let expected = variable.map(|it| it.default.unwrap_or_default());
    let (what, fix) = match (default, expected) {
        (None, _) => (
            format!("`{name}` has no default here, so plain `docker compose` would not work"),
            format!("write `${{{name}:-{}}}`", expected.unwrap_or("…")),
        ),
        (Some(default), Some(expected)) if default != expected => (
            format!("`{name}` is `{default}` by default here, and `{expected}` in {DECLARATION}"),
            format!("write `${{{name}:-{expected}}}`, or change it there and in dev/.env.example"),
        ),
        _ => return None,
    };
    Some(file.finding(*line, what, fix))
}

/// The example holds every variable, in order, with its default, and a line of meaning above it.
fn example(file: &Document) -> Vec<Finding> {
    let mut found = Vec::new();
    let lines: Vec<&str> = file.text.lines().collect();
    let mut last = 0;
    for variable in ALL {
        let (name, expected) = (variable.name, line_of(variable));
        let Some(i) = lines.iter().position(|it| assigned(it) == Some(name)) else {
            let fix = format!("add `{expected}` with a line of meaning above it");
            found.push(file.finding(None, format!("{name} is missing"), fix));
            continue;
        };
        let mut wrong = |what: String, fix: &str| found.push(file.finding(i + 1, what, fix));
        // What has to be set is shown with a placeholder.
        if !(lines[i] == expected || variable.default.is_none() && lines[i].starts_with(&expected)) {
            let what = format!("`{}` is not what {DECLARATION} says of {name}", lines[i]);
            wrong(what, &format!("write `{expected}`, or change it there"));
        }
        if i == 0 || !lines[i - 1].starts_with("# ") || lines[i - 1].starts_with("# ---") {
            wrong(format!("nothing says what {name} means"), "add a line of comment above it");
        }
        if i < last {
            wrong(format!("{name} is not in the order of {DECLARATION}"), "move it, there or here");
        }
        last = last.max(i);
    }
    for (line, name) in file.lines().filter_map(|(line, it)| Some((line, assigned(it)?))) {
        if variables::find(name).is_none() {
            let fix = meant(name, names(), &format!("remove it, or declare it in {DECLARATION}"));
            found.push(file.finding(line, format!("`{name}` is not a variable"), fix));
        }
    }
    found
}

/// The name in `NAME=…` or `#NAME=…`.
fn assigned(line: &str) -> Option<&str> {
    Some(pattern!(r"^#?([A-Z0-9_]+)=").captures(line)?.get(1)?.as_str())
}

fn line_of(variable: &Variable) -> String {
    match variable.default {
        Some(default) => format!("#{}={default}", variable.name),
        None => format!("{}=<", variable.name),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references_are_told_from_comments_and_escaped_dollars() {
        let text = "# ${A}\na: ${B:-x}-$C\nb: \"$$code ${D}\" # ${E:-}";
        let found = references(text);
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
}
