//! The two tables of dev/README.md that name everything: services with their ports, variables with their defaults.

use std::{collections::BTreeSet, sync::LazyLock};

use regex::Regex;

use crate::{
    Finding, compose,
    markdown::{self, At, Table},
    ports,
    repo::{Document, Repo},
};
use xtask::{cli::help, settings::variables};

/// The document that describes the environment.
const FILE: &str = "dev/README.md";
/// Marks a variable that has a value of its own under `--local`.
const LOCAL: char = '†';

static NUMBER: LazyLock<Regex> = LazyLock::new(|| Regex::new(r"[0-9]+").expect("a pattern"));

/// Both tables are there, complete and true; and each volume is named.
pub(crate) fn check(repo: &Repo) -> Vec<Finding> {
    let Some(file) = repo.docs.iter().find(|it| it.file == FILE) else { return Vec::new() };
    let tables = markdown::tables(&file.text);
    let of = |first: &str| tables.iter().find(|it| it.head.first().is_some_and(|it| it == first));
    let mut found = Vec::new();
    match of("service") {
        Some(table) => found.extend(services(repo, file, table)),
        None => found.push(file.finding(None, "it has no table of services", "add one: | service | host port | … |")),
    }
    match of("variable") {
        Some(table) => found.extend(all_variables(file, table)),
        None => {
            found.push(file.finding(None, "it has no table of variables", "add one: | variable | default | meaning |"));
        }
    }
    let volumes: BTreeSet<String> = repo.services().flat_map(|(_, _, node)| compose::named_volumes(node)).collect();
    for volume in volumes.iter().filter(|it| !file.text.contains(&format!("`{it}`"))) {
        let text = format!("it does not name the volume `{volume}`");
        found.push(file.finding(None, text, "add it where the volumes are listed"));
    }
    found
}

/// The names in the first cell: words that are no remark in parentheses.
fn names(cell: &str) -> Vec<String> {
    let plain = cell.split('(').next().unwrap_or_default().replace(['`', LOCAL], "");
    plain.split([',', ' ']).filter(|it| !it.is_empty()).map(str::to_owned).collect()
}

fn services(repo: &Repo, file: &Document<()>, table: &Table) -> Vec<Finding> {
    let known = repo.by_name();
    let mut found = Vec::new();
    let mut told = BTreeSet::new();
    for At { line, it: cells } in &table.rows {
        for name in names(&cells[0]) {
            let Some(node) = known.get(name.as_str()) else {
                let hint = help::suggest(&name, known.keys().copied());
                let remedy = hint.map_or("remove the line".to_owned(), |it| format!("is `{it}` meant?"));
                found.push(file.finding(Some(*line), format!("there is no service `{name}`"), remedy));
                continue;
            };
            let told_ports: BTreeSet<u16> = cells
                .get(1)
                .into_iter()
                .flat_map(|it| NUMBER.find_iter(it))
                .filter_map(|it| it.as_str().parse().ok())
                .collect();
            let ports = ports::host_ports(node);
            if told_ports != ports {
                let shown = |it: &BTreeSet<u16>| match it.len() {
                    0 => "none".to_owned(),
                    _ => it.iter().map(u16::to_string).collect::<Vec<_>>().join(", "),
                };
                let text = format!("the host ports of {name} are {}, not {}", shown(&ports), shown(&told_ports));
                found.push(file.finding(Some(*line), text, format!("correct it here, or in {}", repo.base.file)));
            }
            told.insert(name);
        }
    }
    for name in known.keys().filter(|it| !told.contains(**it)) {
        let text = format!("the service {name} is missing in the table");
        found.push(file.finding(file.line_of("| service |"), text, "add a line"));
    }
    found
}

fn all_variables(file: &Document<()>, table: &Table) -> Vec<Finding> {
    let mut found = Vec::new();
    let mut told = BTreeSet::new();
    for At { line, it: cells } in &table.rows {
        for name in names(&cells[0]) {
            let Some(variable) = variables::find(&name) else { continue };
            let default = match variable.default {
                None => "required",
                Some("") => "empty",
                Some(it) => it,
            };
            let shown = cells.get(1).map(|it| it.replace('`', "")).unwrap_or_default();
            if shown != default {
                let text = format!("the default of {name} is `{default}`, not `{shown}`");
                found.push(file.finding(Some(*line), text, "correct it here, or in xtask/src/settings/variables.rs"));
            }
            if cells[0].contains(LOCAL) != variable.local.is_some() {
                let (text, remedy) = match variable.local {
                    Some(_) => {
                        (format!("{name} has a value of its own under `--local`"), format!("mark it with {LOCAL}"))
                    }
                    None => (format!("{name} is the user's under `--local` too"), format!("remove the {LOCAL}")),
                };
                found.push(file.finding(Some(*line), text, remedy));
            }
            told.insert(name);
        }
    }
    for variable in variables::ALL.iter().filter(|it| !told.contains(it.name)) {
        let text = format!("the variable {} is missing in the table", variable.name);
        found.push(file.finding(file.line_of("| variable |"), text, "add a line: name, default, meaning"));
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(256))]

        #[test]
        fn no_table_makes_the_comparison_panic(text in "(\\| ?[a-zA-Z_`†,(0-9]{0,12} ?\\|?\n?){0,9}") {
            let file = Document { file: FILE.to_owned(), text, value: () };
            for table in markdown::tables(&file.text) {
                _ = all_variables(&file, &table);
                table.rows.iter().for_each(|row| _ = names(&row.it[0]));
            }
        }
    }

    #[test]
    fn the_first_cell_may_name_several_and_say_more_in_parentheses() {
        assert_eq!(names("dsql-monitored, `dsql-copilot` (`--local` only)"), ["dsql-monitored", "dsql-copilot"]);
        assert_eq!(names("`A_B` †"), ["A_B"]);
    }
}
