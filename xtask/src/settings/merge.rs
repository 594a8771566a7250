//! Changes values in the text of a `.env` file and nothing else: comments, order, quotes and line ends stay.

use crate::settings::dotenv::Entry;

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Change {
    pub name: String,
    /// The value before; `None` where no line had one.
    pub old: Option<String>,
    pub new: String,
}

/// Sets variables in a file's text; `entries` is what the reader made of it. Of several lines with one name the last
/// is changed: it is the one that counts. A name without a line gets one at the end.
pub(crate) fn merge(text: &str, entries: &[Entry], wanted: &[(&str, &str)]) -> (String, Vec<Change>) {
    let mut changes = Vec::new();
    let mut edits = Vec::new();
    let mut added = Vec::new();
    for (name, value) in wanted {
        // A line that is only a name takes its value from the environment: it has no place for ours.
        let line = entries.iter().rfind(|it| it.key == *name && has_separator(text, it));
        let old = line.map(|it| it.value.clone());
        if old.as_deref() == Some(*value) {
            continue;
        }
        match line {
            Some(entry) => edits.push((entry.span.clone(), in_place(text, entry, value))),
            None => added.push(format!("{name}={}", written(value))),
        }
        changes.push(Change { name: (*name).to_owned(), old, new: (*value).to_owned() });
    }
    let mut merged = text.to_owned();
    edits.sort_by_key(|(span, _)| std::cmp::Reverse(span.start));
    for (span, value) in edits {
        merged.replace_range(span, &value);
    }
    let end = line_end(text);
    for line in added {
        if !(merged.is_empty() || merged.ends_with('\n') || merged == "\u{feff}") {
            merged.push_str(end);
        }
        merged.extend([&line, end]);
    }
    (merged, changes)
}

/// The line end that the file's last line has.
fn line_end(text: &str) -> &'static str {
    if text.rfind('\n').is_some_and(|at| text[..at].ends_with('\r')) { "\r\n" } else { "\n" }
}

fn has_separator(text: &str, entry: &Entry) -> bool {
    text[..entry.span.start].trim_end().ends_with(['=', ':'])
}

/// The value as it replaces the old one: in the old one's quotes, where it can be.
fn in_place(text: &str, entry: &Entry, value: &str) -> String {
    let old = &text[entry.span.clone()];
    let quote = old.chars().next().filter(|it| matches!(it, '\'' | '"'));
    match quote.filter(|_| is_plain(value)) {
        Some(quote) => format!("{quote}{value}{quote}"),
        // A comment behind nothing would be taken for the value.
        None if value.is_empty() => "\"\"".to_owned(),
        None => written(value),
    }
}

/// A value as the reader, and Compose, read it back: bare, or in double quotes with escapes.
fn written(value: &str) -> String {
    if is_plain(value) {
        return value.to_owned();
    }
    let mut out = String::from('"');
    for c in value.chars() {
        match c {
            '\\' | '"' | '$' => out.extend(['\\', c]),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            _ => out.push(c),
        }
    }
    out + "\""
}

fn is_plain(value: &str) -> bool {
    value.chars().all(|c| c.is_ascii_alphanumeric() || "_-./:@%+,=".contains(c))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::dotenv;
    use proptest::{collection::vec, prelude::*};

    fn parse(text: &str) -> Vec<Entry> {
        dotenv::parse("f", text, &|_| None).unwrap_or_else(|e| panic!("{e:?} in {text:?}"))
    }

    fn merged(text: &str, wanted: &[(&str, &str)]) -> String {
        merge(text, &parse(text), wanted).0
    }

    #[test]
    fn a_value_changes_in_its_place_and_the_rest_of_the_line_stays() {
        for (text, expected) in [
            ("A=old\n", "A=new\n"),
            ("export A = old # why\n", "export A = new # why\n"),
            ("A='old' # why\n", "A='new' # why\n"),
            ("A=\"two\nlines\"\nB=1\n", "A=\"new\"\nB=1\n"),
            ("A: old\r\nB=1\r\n", "A: new\r\nB=1\r\n"),
            ("A=1\nA=2\nB=3\n", "A=1\nA=new\nB=3\n"),
            ("A=\n", "A=new\n"),
            ("A=#c\n", "A=new\n"),
            ("A= # c\n", "A= new\n"),
            ("A=\"x\"#c\n", "A=\"new\"#c\n"),
            ("A=${B:-x}\n", "A=new\n"),
        ] {
            assert_eq!(merged(text, &[("A", "new")]), expected, "{text:?}");
        }
    }

    #[test]
    fn a_new_line_goes_to_the_end_with_the_files_own_line_end() {
        for (text, expected) in [
            ("", "A=new\n"),
            ("\u{feff}", "\u{feff}A=new\n"),
            ("# A=old\n", "# A=old\nA=new\n"),
            ("B=1", "B=1\nA=new\n"),
            ("B=1\r\n", "B=1\r\nA=new\r\n"),
            ("B=1\r\nC=2", "B=1\r\nC=2\r\nA=new\r\n"),
            ("# no end", "# no end\nA=new\n"),
            ("A\n", "A\nA=new\n"),
        ] {
            assert_eq!(merged(text, &[("A", "new")]), expected, "{text:?}");
        }
    }

    #[test]
    fn a_name_that_only_passes_the_environment_on_is_not_taken_for_an_assignment() {
        let entries = dotenv::parse("f", "A\n", &|_| Some("from outside".to_owned())).unwrap();
        assert_eq!(merge("A\n", &entries, &[("A", "new")]).0, "A\nA=new\n");
    }

    #[test]
    fn a_value_that_is_there_already_is_no_change_however_it_is_written() {
        for text in ["A=x\n", "A='x'", "B=x\nA=${B}\n", "A=\"x\" # c\r\n"] {
            assert_eq!(merge(text, &parse(text), &[("A", "x")]), (text.to_owned(), Vec::new()), "{text:?}");
        }
    }

    /// One line of a file, without its end. What a value refers to is fixed, so that its value is known.
    fn line() -> impl Strategy<Value = String> {
        let key = prop_oneof![4 => "[A-F]", 1 => "[a-z_][a-z0-9_.-]{0,6}"];
        let value = prop_oneof![
            "[a-z0-9.:/@-]{0,12}",
            "[a-zé✓ü\u{1f980}]{1,8}( [a-z]{1,4})?",
            "'[^'\\\\\r\n]{0,12}'",
            "\"[a-z \\$#=é]{0,6}(\\\\[nrt\"\\\\$])?[a-z]{0,4}\"",
            "'[a-z]{0,4}\n[a-z# =]{0,6}'",
            "[$][{]NONE:-[a-z]{0,5}[}]",
        ];
        let assignment = ("(export )?", key, "( ?= ?|: )", value, "( # [^\r\n$]{0,10})?")
            .prop_map(|(export, key, separator, value, comment)| format!("{export}{key}{separator}{value}{comment}"));
        prop_oneof![6 => assignment, 1 => Just(String::new()), 2 => "# ?[^\r\n]{0,16}", 1 => "# [A-F]=[a-z]{0,5}"]
    }

    fn file() -> impl Strategy<Value = String> {
        let end = prop_oneof![Just("\n"), Just("\r\n")];
        (any::<bool>(), vec((line(), end), 0..12), any::<bool>()).prop_map(|(bom, lines, last_end)| {
            let mut text = String::from(if bom { "\u{feff}" } else { "" });
            let count = lines.len();
            for (i, (line, end)) in lines.into_iter().enumerate() {
                text.push_str(&line);
                if last_end || i + 1 < count {
                    text.push_str(end);
                }
            }
            text
        })
    }

    fn wanted() -> impl Strategy<Value = Vec<(String, String)>> {
        let value = prop_oneof![3 => "[a-z0-9.-]{1,30}", 1 => "[^\0]{0,12}", 1 => "[\\\\\"'$#{} \r\n\t=]{0,8}"];
        let pairs =
            ["A", "B", "C", "NEW"].map(|name| proptest::option::of(value.clone()).prop_map(move |it| (name, it)));
        let named = |(name, value): (&str, Option<String>)| value.map(|it| (name.to_owned(), it));
        pairs.prop_map(move |all| all.into_iter().filter_map(named).collect())
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(512))]

        /// Feature: standalone-dev, Property 5
        #[test]
        fn merging_sets_what_was_asked_for_and_keeps_everything_else(text in file(), wanted in wanted()) {
            let wanted: Vec<(&str, &str)> = wanted.iter().map(|(name, value)| (&**name, &**value)).collect();
            let before = parse(&text);
            let (result, changes) = merge(&text, &before, &wanted);
            let after = parse(&result);
            let last = |name: &str| after.iter().rfind(|it| it.key == name).map(|it| &*it.value);
            for (name, value) in &wanted {
                prop_assert_eq!(last(name), Some(*value), "{}", name);
            }

            // Without the values that changed, the old text is the start of the new one, byte for byte.
            let changed: Vec<usize> = changes
                .iter()
                .filter_map(|change| before.iter().rposition(|it| it.key == change.name))
                .collect();
            let without = |text: &str, entries: &[Entry]| {
                let mut rest = text.to_owned();
                let mut places = changed.clone();
                places.sort_unstable_by(|a, b| b.cmp(a));
                for i in places {
                    rest.replace_range(entries[i].span.clone(), "");
                }
                rest
            };
            let (kept, now) = (without(&text, &before), without(&result, &after));
            prop_assert!(now.starts_with(&kept), "{now:?} does not start with {kept:?}");

            // What follows is a line for each name that had none, in the file's line end.
            let added = changes.iter().filter(|it| it.old.is_none()).count();
            let tail = &now[kept.len()..];
            prop_assert_eq!(after.len(), before.len() + added);
            prop_assert!(added > 0 || tail.is_empty(), "{tail:?} at the end");
            let crlf = line_end(&text) == "\r\n";
            prop_assert!(tail.split_terminator('\n').all(|it| it.ends_with('\r') == crlf), "{tail:?}, CRLF {crlf}");

            prop_assert_eq!(merge(&result, &after, &wanted), (result.clone(), Vec::new()), "a second merge changes nothing");
        }
    }
}
