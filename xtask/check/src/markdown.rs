//! As much of Markdown as is compared: code, links and headings, each with its line.

use crate::pattern;

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
pub(crate) fn code(text: &str) -> Vec<(usize, String)> {
    let mut found = Vec::new();
    // A span may go on in the next line of its paragraph.
    let mut open: Option<(usize, String)> = None;
    for (line, fence, content) in lines(text) {
        if let Some(language) = fence {
            if matches!(language, "sh" | "bash" | "shell" | "console") {
                let command = content.split(" #").next().unwrap_or_default().trim();
                found.push((line, command.strip_prefix("$ ").unwrap_or(command).to_owned()));
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
                    span.1.push(' ');
                    span.1.push_str(part.trim_start());
                }
                (None, 0) => {}
                (Some(_), _) => found.extend(open.take()),
                (None, _) => open = Some((line, part.to_owned())),
            }
        }
    }
    found.retain(|it| !it.1.is_empty());
    found
}

/// The targets of all links.
pub(crate) fn links(text: &str) -> Vec<(usize, String)> {
    let targets = |it| pattern!(r"\]\(([^() ]+)\)").captures_iter(it).map(|it| it[1].to_owned());
    let outside = lines(text).filter(|(_, fence, _)| fence.is_none());
    outside.flat_map(|(line, _, it)| targets(it).map(move |it| (line, it))).collect()
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
        let found = code(text);
        let expected = [(1, "b c"), (1, "d e"), (5, "cargo xtask x"), (13, "g")];
        assert_eq!(found, expected.map(|(line, it)| (line, it.to_owned())));
    }

    #[test]
    fn links_and_anchors_are_read() {
        assert_eq!(links("[a](b.md#c) [d](#e)").into_iter().map(|it| it.1).collect::<Vec<_>>(), ["b.md#c", "#e"]);
        assert_eq!(anchors("## Step by step, without AWS\n# It's `x`\n"), ["step-by-step-without-aws", "its-x"]);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(512))]

        #[test]
        fn a_span_is_found_whatever_stands_around_it(before in "[a-z ]{0,20}", span in "[a-z-][a-z -]{0,20}[a-z]", after in "[a-z ]{0,20}") {
            let found = code(&format!("{before}`{span}`{after}"));
            prop_assert_eq!(found, [(1, span)]);
        }
    }
}
