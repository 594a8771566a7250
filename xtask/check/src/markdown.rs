//! As much of Markdown as is compared: code, tables, links and headings, each with its line.

use std::sync::LazyLock;

use regex::Regex;

static LINK: LazyLock<Regex> = LazyLock::new(|| Regex::new(r"\]\(([^() ]+)\)").expect("a pattern"));

/// Something in a document, with its line from 1.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct At<T> {
    pub line: usize,
    pub it: T,
}

/// A table with the lines of its body.
pub(crate) struct Table {
    pub head: Vec<String>,
    pub rows: Vec<At<Vec<String>>>,
}

/// The lines outside of fences, with their number from 1, and those within, with the fence's language.
fn lines(text: &str) -> impl Iterator<Item = (usize, Option<&str>, &str)> {
    let mut fence: Option<&str> = None;
    text.lines().enumerate().filter_map(move |(i, line)| match line.trim_start().strip_prefix("```") {
        Some(language) => {
            fence = if fence.is_some() { None } else { Some(language.trim()) };
            None
        }
        None => Some((i + 1, fence, line)),
    })
}

/// Every piece of code: spans in backticks, and each line of a fence of shell commands without its comment.
pub(crate) fn code(text: &str) -> Vec<At<String>> {
    let mut found = Vec::new();
    // A span may go on in the next line of its paragraph.
    let mut open: Option<At<String>> = None;
    for (line, fence, content) in lines(text) {
        if let Some(language) = fence {
            if matches!(language, "sh" | "bash" | "shell" | "console") {
                let command = content.split(" #").next().unwrap_or_default().trim();
                found.push(At { line, it: command.strip_prefix("$ ").unwrap_or(command).to_owned() });
            }
            open = None;
            continue;
        }
        if content.trim().is_empty() || content.trim_start().starts_with('|') {
            open = None;
        }
        for (i, part) in content.split('`').enumerate() {
            match (&mut open, i) {
                (Some(span), 0) => {
                    span.it.push(' ');
                    span.it.push_str(part.trim_start());
                }
                (None, 0) => {}
                (Some(_), _) => found.extend(open.take()),
                (None, _) => open = Some(At { line, it: part.to_owned() }),
            }
        }
    }
    found.retain(|it| !it.it.is_empty());
    found
}

/// Every table.
pub(crate) fn tables(text: &str) -> Vec<Table> {
    let mut found: Vec<Table> = Vec::new();
    let mut last = 0;
    for (line, _, content) in lines(text).filter(|(_, fence, it)| fence.is_none() && it.starts_with('|')) {
        let cells = cells(content);
        match found.last_mut().filter(|_| last + 1 == line) {
            None => found.push(Table { head: cells, rows: Vec::new() }),
            Some(_) if cells.iter().all(|it| it.chars().all(|c| matches!(c, '-' | ':'))) => {}
            Some(table) => table.rows.push(At { line, it: cells }),
        }
        last = line;
    }
    found
}

fn cells(line: &str) -> Vec<String> {
    let line = line.trim().trim_start_matches('|').replace("\\|", "\u{0}");
    let line = line.strip_suffix('|').unwrap_or(&line);
    line.split('|').map(|it| it.trim().replace('\u{0}', "|")).collect()
}

/// The targets of all links.
pub(crate) fn links(text: &str) -> Vec<At<String>> {
    let outside = lines(text).filter(|(_, fence, _)| fence.is_none());
    outside.flat_map(|(line, _, it)| LINK.captures_iter(it).map(move |it| At { line, it: it[1].to_owned() })).collect()
}

/// The anchors of all headings, as GitHub makes them.
pub(crate) fn anchors(text: &str) -> Vec<String> {
    let heading = |(_, fence, it): (usize, Option<&'_ str>, &'_ str)| {
        let title = it.trim_start_matches('#');
        (fence.is_none() && title.len() < it.len()).then(|| title.trim().to_lowercase())
    };
    let kept = |title: String| -> String {
        let letters = title.chars().filter(|c| c.is_alphanumeric() || matches!(c, '-' | '_' | ' '));
        letters.map(|c| if c == ' ' { '-' } else { c }).collect()
    };
    lines(text).filter_map(heading).map(kept).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn code_is_found_in_spans_over_two_lines_and_in_fences_of_shell() {
        let text =
            "a `b c` and `d\n  e` f\n\n```sh\ncargo xtask x   # say why\n```\n\n```mermaid\na `b`\n```\n`open\n\n`g`\n";
        let found: Vec<_> = code(text).into_iter().map(|it| (it.line, it.it)).collect();
        let expected = [(1, "b c"), (1, "d e"), (5, "cargo xtask x"), (13, "g")];
        assert_eq!(found, expected.map(|(line, it)| (line, it.to_owned())));
    }

    #[test]
    fn tables_links_and_anchors_are_read() {
        let tables = tables("| a | b |\n|---|:--|\n| `x\\|y` | z |\n\n| c |\n|---|\n");
        assert_eq!(tables.len(), 2);
        assert_eq!(tables[0].head, ["a", "b"]);
        assert_eq!(tables[0].rows, [At { line: 3, it: vec!["`x|y`".to_owned(), "z".to_owned()] }]);
        assert_eq!(links("[a](b.md#c) [d](#e)").into_iter().map(|it| it.it).collect::<Vec<_>>(), ["b.md#c", "#e"]);
        assert_eq!(anchors("## Step by step, without AWS\n# It's `x`\n"), ["step-by-step-without-aws", "its-x"]);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(512))]

        #[test]
        fn no_document_makes_the_readers_panic(text in "\\PC*|[`|#a \n()\\[\\]\\\\:-]{0,80}") {
            _ = (code(&text), tables(&text), links(&text), anchors(&text));
        }

        #[test]
        fn a_span_is_found_whatever_stands_around_it(before in "[a-z ]{0,20}", span in "[a-z-][a-z -]{0,20}[a-z]", after in "[a-z ]{0,20}") {
            let found = code(&format!("{before}`{span}`{after}"));
            prop_assert_eq!(found, [At { line: 1, it: span }]);
        }
    }
}
