use super::*;

/// Each statement's tokens, separated by spaces, or the fault.
fn cut(sql: &str) -> Vec<String> {
    match split(sql) {
        Ok(all) => all.iter().map(|it| it.iter().map(|it| it.text).collect::<Vec<_>>().join(" ")).collect(),
        Err(fault) => vec![format!("{}: {}", fault.line, fault.found)],
    }
}

fn check(cases: &[(&str, &[&str])]) {
    for (sql, expected) in cases {
        assert_eq!(cut(sql), *expected, "{sql:?}");
    }
}

#[test]
fn statements_end_at_semicolons_and_empty_ones_do_not_count() {
    check(&[
        ("", &[]),
        (" \t\r\n\x0c;; ; -- a\n;", &[]),
        ("a;b ; c", &["a", "b", "c"]),
        ("a b(c,12)::d<-.5", &["a b ( c , 12 ) :: d < - .5"]),
        ("a\r\nb;\r\né_1\r\n", &["a b", "é_1"]),
    ]);
}

#[test]
fn semicolons_in_strings_names_comments_and_parentheses_end_nothing() {
    check(&[
        ("a 'b;''c;' d", &["a 'b;''c;' d"]),
        ("the'b;' c; 'a'\n'b'", &["the 'b;' c", "'a' 'b'"]),
        ("a B'0;' x'F;' N':c'", &["a B '0;' x 'F;' N ':c'"]),
        ("a \"b;\"\"'c\" d", &["a \"b;\"\"'c\" d"]),
        ("a -- b; 'c \\ $ /* E''\nd; e -- f", &["a d", "e"]),
        ("a -- b\rc; d", &["a c", "d"]),
        ("a - -- b\n;(c;d)", &["a -", "( c ; d )"]),
    ]);
}

#[test]
fn what_is_not_closed_or_not_opened_is_a_fault_where_it_starts() {
    check(&[
        ("a;\nb 'c;\nd", &["2: a quote without its end"]),
        ("a \"b;\n'", &["1: a quote without its end"]),
        ("a\n(b(c);d", &["2: a `(` that is not closed"]),
        ("a;\nb)c;(d", &["2: a `)` that closes nothing"]),
    ]);
}

#[test]
fn what_psql_would_act_on_and_what_it_and_the_server_may_cut_differently_is_a_fault() {
    let backslash = "1: a backslash";
    let variable = "1: a `:`, as before a variable of psql's";
    let number = "1: a number with letters";
    check(&[
        ("a;\n\n\\! b\n", &["3: a backslash"]),
        ("a \\; b", &[backslash]),
        ("a 'b\\'", &[backslash]),
        ("a \"b\n\\\"", &["2: a backslash"]),
        ("a 'b\n\0'", &["2: a NUL character"]),
        ("a\0", &["1: a NUL character"]),
        ("a $$b$$", &["1: a `$`"]),
        ("a$b$", &["1: a `$`"]),
        ("$1", &["1: a `$`"]),
        ("E'b'", &["1: a string `E'…'`"]),
        ("(e'b')", &["1: a string `E'…'`"]),
        ("U&'b'", &["1: a string or name in `U&`"]),
        ("a u&\"b\"", &["1: a string or name in `U&`"]),
        ("a + /* b */ c", &["1: a comment in `/*`"]),
        ("a //* b", &["1: a comment in `/*`"]),
        ("a :b", &[variable]),
        ("a :'b'", &[variable]),
        ("a :::\"b\"", &[variable]),
        ("a :{?b}", &[variable]),
        ("1e--a\n", &[number]),
        ("1.e--a\n", &[number]),
        (".5E--a\n", &[number]),
        ("1a", &[number]),
    ]);
}

#[test]
fn tokens_know_their_place_and_depth() {
    let sql = "a \"b\"\n('c' + (1))\nd";
    let statements = split(sql).unwrap();
    let seen: Vec<_> = statements[0].iter().map(|it| (it.text, it.depth)).collect();
    let expected =
        [("a", 0), ("\"b\"", 0), ("(", 0), ("'c'", 1), ("+", 1), ("(", 1), ("1", 2), (")", 1), (")", 0), ("d", 0)];
    assert_eq!(seen, expected);
    assert!(statements[0].iter().all(|it| &sql[it.start..it.end()] == it.text));
}

#[test]
fn keywords_are_recognised_in_any_case_but_not_in_quotes() {
    let statements = split("aSyNc \"async\" async_ ASYNC").unwrap();
    assert_eq!(statements[0].iter().map(|it| it.is("ASYNC")).collect::<Vec<_>>(), [true, false, false, true]);
}
