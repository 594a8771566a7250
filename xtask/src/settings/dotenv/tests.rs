use super::*;
use proptest::prelude::*;

fn read(text: &str) -> Vec<(String, String)> {
    let environment = |name: &str| (name == "HOME").then(|| "/home/me".to_owned());
    parse("f", text, &environment).unwrap().into_iter().map(|it| (it.key, it.value)).collect()
}

fn value(text: &str) -> String {
    read(text).pop().unwrap().1
}

fn problems(text: &str) -> Vec<usize> {
    let line = |it: Finding| match it.at {
        At::File(_, Some(line)) => line,
        other => panic!("{other:?}"),
    };
    parse("f", text, &|_| None).unwrap_err().into_iter().map(line).collect()
}

#[test]
fn values_are_read_as_compose_reads_them() {
    for (text, expected) in [
        ("A=1", "1"),
        ("A = b c ", "b c"),
        ("export A=x", "x"),
        ("export\tA=x", "x"),
        ("A=", ""),
        ("A=#x", "#x"),
        ("A=foo#bar # comment", "foo#bar"),
        ("A: yaml", "yaml"),
        ("A='it $HOME \\n # x'", "it $HOME \\n # x"),
        ("A='o\\'x'", "o'x"),
        ("A=\"a\\tb\\\"q\\$HOME \\x\"", "a\tb\"q$HOME \\x"),
        ("A=\"two\nlines\" # c", "two\nlines"),
        ("A=x\t# y", "x\t# y"),
        ("A=\"\\0101\\012\\a\"", "A\\12\u{7}"),
        ("A=x\r\n", "x"),
        ("A=\"x\"\r\nB=y\r\n", "y"),
        ("\u{feff}A=x", "x"),
        ("A=$HOME/x", "/home/me/x"),
        ("B=1\nA=${B}2", "12"),
        ("A=${NONE:-d}", "d"),
        ("A=${NONE-${HOME}}", "/home/me"),
        ("E=\nA=${E:-d}${E-x}", "d"),
        ("A=${HOME:+set}${NONE:+set}", "set"),
        ("A=$$HOME $1 $", "$HOME $1 $"),
        ("A=naïve ✓", "naïve ✓"),
        ("export=1", "1"),
        ("HOME", "/home/me"),
    ] {
        assert_eq!(value(text), expected, "{text:?}");
    }
    assert_eq!(read("NOT_SET\n# only a comment\n\n"), []);
}

#[test]
fn every_bad_line_is_reported_with_its_number() {
    assert_eq!(problems("A=1\nA B=2\n\n=3\nC=\"x\" y\nD=4\nE=${\n%=1\n"), [2, 4, 5, 7, 8]);
    assert_eq!(problems("A=1\nB='open\nC=1\n"), [2]);
    assert_eq!(problems("A=${B:?say why}"), [1]);
    assert_eq!(problems("A=${}"), [1]);
}

#[test]
fn a_span_covers_the_value_as_written() {
    let text = "export A = 'x' # c\nB=y z  # c\nC=\n";
    let spans: Vec<&str> = parse("f", text, &|_| None).unwrap().iter().map(|it| &text[it.span.clone()]).collect();
    assert_eq!(spans, ["'x'", "y z", ""]);
}

#[test]
fn a_long_chain_of_references_is_refused_and_not_followed_for_ever() {
    let text = format!("A={}{}", "${B:-".repeat(5000), "}".repeat(5000));
    assert_eq!(problems(&text), [1]);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn no_text_makes_the_reader_panic(text in "\\PC*|[A-C=:'\"\\\\$ {}#\r\n-]{0,80}") {
        _ = parse("f", &text, &|_| Some("v".to_owned()));
    }

    #[test]
    fn any_value_survives_single_quotes(value in "[^'\\\\\r]*") {
        prop_assert_eq!(read(&format!("A='{value}'")), [("A".to_owned(), value)]);
    }
}
