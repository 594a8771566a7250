//! The table of panels in the documentation, which is made from the dashboards.

use anyhow::Result;
use serde_json::Value;

use crate::{
    Finding,
    dashboards::str_of,
    repo::{Document, Repo},
};
use xtask::machine::files;

const START: &str = "<!-- panels:start -->";
const END: &str = "<!-- panels:end -->";
const REMEDY: &str = "`cargo xtask check --fix` writes it";

/// The table stands in one document and says what the dashboards hold.
pub(crate) fn check(repo: &Repo) -> Vec<Finding> {
    let marked: Vec<&Document<()>> = repo.docs.iter().filter(|it| it.text.contains(START)).collect();
    if marked.is_empty() {
        let text = format!("no document shows the panels, between `{START}` and `{END}`");
        let remedy = format!("add the two lines to dev/README.md; {REMEDY}");
        return vec![Finding { file: "dev/README.md".to_owned(), line: None, text, remedy }];
    }
    let wrong = |file: &&Document<()>| {
        let line = file.line_of(START);
        match with_table(&file.text, &table(&repo.dashboards)) {
            None => Some(file.finding(line, format!("`{START}` is not followed by `{END}`"), "close the table")),
            Some(text) if text != file.text => {
                Some(file.finding(line, "the table of panels is not what the dashboards hold", REMEDY))
            }
            Some(_) => None,
        }
    };
    marked.iter().filter_map(wrong).collect()
}

/// Writes the table anew where it differs; returns the files that changed.
///
/// # Errors
/// A file cannot be written.
pub(crate) fn fix(repo: &Repo) -> Result<Vec<&str>> {
    let mut written = Vec::new();
    for file in &repo.docs {
        if let Some(text) = with_table(&file.text, &table(&repo.dashboards))
            && files::replace(&repo.root.join(&file.file), &text, 0o644)?
        {
            written.push(file.file.as_str());
        }
    }
    Ok(written)
}

/// A document with this table between its markers; `None` where it has no pair of them.
fn with_table(text: &str, table: &str) -> Option<String> {
    let start = text.find(START)? + START.len();
    let end = start + text[start..].find(END)?;
    Some(format!("{}\n{table}{}", &text[..start], &text[end..]))
}

/// One line for each row of each dashboard.
fn table(dashboards: &[Document<Value>]) -> String {
    let mut out = String::from("| dashboard | row | panels |\n|---|---|---|\n");
    for dashboard in dashboards {
        let mut row: (&str, Vec<&str>) = ("", Vec::new());
        let mut line = |(title, panels): &(&str, Vec<&str>)| {
            if !panels.is_empty() {
                let cells =
                    [str_of(&dashboard.value, "title"), title, &panels.join(", ")].map(|it| it.replace('|', "\\|"));
                out.push_str(&format!("| {} |\n", cells.join(" | ")));
            }
        };
        for panel in dashboard.value["panels"].as_array().into_iter().flatten() {
            if panel["type"] == "row" {
                line(&row);
                let inside = panel["panels"].as_array().into_iter().flatten();
                row = (str_of(panel, "title"), inside.map(|it| str_of(it, "title")).collect());
            } else {
                row.1.push(str_of(panel, "title"));
            }
        }
        line(&row);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn open_and_collapsed_rows_become_lines_alike() {
        let value = serde_json::json!({"title": "A|B", "panels": [
            {"type": "stat", "title": "first"},
            {"type": "row", "title": "open", "panels": []},
            {"type": "stat", "title": "x"}, {"type": "logs", "title": "y"},
            {"type": "row", "title": "closed", "panels": [{"type": "stat", "title": "z"}]},
        ]});
        let document = Document { file: String::new(), text: String::new(), value };
        let lines: Vec<String> = table(&[document]).lines().skip(2).map(str::to_owned).collect();
        assert_eq!(lines, ["| A\\|B |  | first |", "| A\\|B | open | x, y |", "| A\\|B | closed | z |"]);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(256))]

        #[test]
        fn writing_the_table_twice_changes_nothing_and_keeps_the_rest(before in "[a-z\n]{0,30}", after in "\\PC{0,30}") {
            let text = format!("{before}{START}\nold\n{END}{after}");
            let once = with_table(&text, "| new |\n").unwrap();
            prop_assert_eq!(&once, &format!("{before}{START}\n| new |\n{END}{after}"));
            prop_assert_eq!(with_table(&once, "| new |\n").unwrap(), once);
        }
    }
}
