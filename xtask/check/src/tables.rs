//! The tables of dev/README.md that are made from the repository. The last cell of a line may be somebody's own words,
//! which stay with the first word of the line.

use std::collections::BTreeMap;

use anyhow::Result;
use serde_json::Value;
use xtask::machine::json::items;
use xtask::machine::{files, term};
use xtask::settings::variables::ALL;

use crate::repo::{GUIDE, LOCAL, Repo};
use crate::{Finding, ports};

const FIX: &str = "`cargo xtask check --fix` writes it";
/// Stands where nobody has said anything yet.
const UNSAID: &str = "…";

/// Its name, what it is made from, and how; a line that ends in nothing but [`UNSAID`] takes over the words there.
type Table = (&'static str, &'static str, fn(&Repo) -> String);

const TABLES: &[Table] = &[
    ("services", "the compose files hold", services),
    ("variables", "xtask/src/settings/variables.rs holds", variables),
    ("panels", "the dashboards hold", panels),
];

/// Every table says what it is made from, and no cell is left to be written.
pub(crate) fn check(repo: &Repo) -> Vec<Finding> {
    let file = repo.get(GUIDE);
    let mut found = Vec::new();
    for (name, of, make) in TABLES {
        let start = start(name);
        match written(&file.text, name, &make(repo)) {
            None => {
                let what = format!("there is no table of {name}, between `{start}` and `{}`", end(name));
                found.push(file.at(&start, what, format!("add the two lines; {FIX}")));
            }
            Some(text) if text != file.text => {
                found.push(file.at(&start, format!("the table of {name} is not what {of}"), FIX));
            }
            Some(_) => {}
        }
    }
    for (line, content) in file.lines().filter(|(_, it)| it.ends_with("| … |")) {
        found.push(file.finding(line, format!("nothing is said in the last cell of `{content}`"), "say it"));
    }
    let volumes = repo.named_volumes();
    for volume in volumes.filter(|it| !file.text.contains(&format!("`{it}`"))) {
        let what = format!("it does not name the volume `{volume}`");
        found.push(file.finding(None, what, "add it where the volumes are listed"));
    }
    found
}

/// Writes the tables anew; returns whether something changed.
pub(crate) fn write(repo: &Repo) -> Result<bool> {
    let write = |text: String, (name, _, make): &Table| written(&text, name, &make(repo)).unwrap_or(text);
    let text = TABLES.iter().fold(repo.get(GUIDE).text.clone(), write);
    let changed = files::replace(&repo.root.join(GUIDE), &text, 0o644)?;
    if changed {
        term::say(&format!("{GUIDE} written"));
    }
    Ok(changed)
}

fn start(name: &str) -> String {
    format!("<!-- {name}:start -->")
}

fn end(name: &str) -> String {
    format!("<!-- {name}:end -->")
}

/// A document with this table between its markers; `None` where it has no pair of them.
fn written(text: &str, name: &str, table: &str) -> Option<String> {
    let (before, rest) = text.split_once(&start(name))?;
    let (old, after) = rest.split_once(&end(name))?;
    let key = |line: &str| line.split_whitespace().nth(1).map(str::to_owned);
    let said: BTreeMap<_, _> =
        old.lines().filter_map(|it| Some((key(it)?, it.strip_suffix(" |")?.rsplit_once(" | ")?.1))).collect();
    let line = |line: &str| match line.strip_suffix("| … |") {
        Some(made) => format!("{made}| {} |\n", key(line).and_then(|it| said.get(&it).copied()).unwrap_or(UNSAID)),
        None => format!("{line}\n"),
    };
    let lines: String = table.lines().map(line).collect();
    Some(format!("{before}{}\n{lines}{}{after}", start(name), end(name)))
}

fn services(repo: &Repo) -> String {
    let mut out = String::from("| service | host port | is ready when |\n|---|---|---|\n");
    let all = repo.by_name();
    // In the order of the files.
    for service in repo.services().filter(|it| all[it.name].file.file == it.file.file) {
        let local = if service.file.file == LOCAL { " (`--local` only)" } else { "" };
        let ports = crate::list(ports::host_ports(service));
        let ports = if ports.is_empty() { "–" } else { &ports };
        out.push_str(&format!("| {}{local} | {ports} | … |\n", service.name));
    }
    out
}

fn variables(_: &Repo) -> String {
    let mut out = String::from("| variable | default | meaning |\n|---|---|---|\n");
    for variable in ALL {
        let default = variable.default.map_or("required", |it| if it.is_empty() { "empty" } else { it });
        let local = if variable.local.is_some() { " †" } else { "" };
        out.push_str(&format!("| `{}`{local} | {default} | … |\n", variable.name));
    }
    out
}

/// One line for each row of each dashboard.
fn panels(repo: &Repo) -> String {
    let mut out = String::from("| dashboard | row | panels |\n|---|---|---|\n");
    repo.ending_in(".json").for_each(|it| rows(&it.json, &mut out));
    out
}

fn rows(dashboard: &Value, out: &mut String) {
    let str = |it: &Value| it["title"].as_str().unwrap_or_default().replace('|', "\\|");
    let titles = |of: &Value| items(&of["panels"]).iter().map(str).collect::<Vec<_>>();
    let mut rows = vec![(String::new(), Vec::new())];
    for panel in items(&dashboard["panels"]) {
        if panel["type"] == "row" {
            rows.push((str(panel), titles(panel)));
        } else {
            rows.last_mut().expect("there is a first").1.push(str(panel));
        }
    }
    for (row, panels) in rows.iter().filter(|it| !it.1.is_empty()) {
        out.push_str(&format!("| {} | {row} | {} |\n", str(dashboard), panels.join(", ")));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn open_and_collapsed_rows_become_lines_alike() {
        let text = r#"{"title": "A|B", "panels": [
            {"type": "stat", "title": "first"},
            {"type": "row", "title": "open", "panels": []},
            {"type": "stat", "title": "x"}, {"type": "logs", "title": "y"},
            {"type": "row", "title": "closed", "panels": [{"type": "stat", "title": "z"}]}
        ]}"#;
        let mut out = String::new();
        rows(&serde_json::from_str(text).unwrap(), &mut out);
        let lines: Vec<&str> = out.lines().collect();
        assert_eq!(lines, ["| A\\|B |  | first |", "| A\\|B | open | x, y |", "| A\\|B | closed | z |"]);
    }

    #[test]
    fn what_somebody_wrote_stays_with_the_first_word_of_its_line() {
        let text = "<!-- x:start -->\n| a | b |\n|---|---|\n| one (old) | 1 | first \\| words |\n<!-- x:end -->";
        let made = "| a | b |\n|---|---|\n| one | 2 | … |\n| two | 3 | … |\n";
        let expected =
            "<!-- x:start -->\n| a | b |\n|---|---|\n| one | 2 | first \\| words |\n| two | 3 | … |\n<!-- x:end -->";
        assert_eq!(written(text, "x", made).unwrap(), expected);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(256))]

        #[test]
        fn writing_the_table_twice_changes_nothing_and_keeps_the_rest(before in "[a-z\n]{0,30}", after in "\\PC{0,30}") {
            let text = format!("{before}<!-- x:start -->\nold\n<!-- x:end -->{after}");
            let once = written(&text, "x", "| new |\n").unwrap();
            prop_assert_eq!(&once, &format!("{before}<!-- x:start -->\n| new |\n<!-- x:end -->{after}"));
            prop_assert_eq!(written(&once, "x", "| new |\n").unwrap(), once);
        }
    }
}
