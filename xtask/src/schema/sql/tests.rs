use super::*;

/// Each statement's tokens, separated by spaces, or its fault.
fn cut(sql: &str) -> Vec<String> {
    split(sql)
        .into_iter()
        .map(|statement| match statement {
            Ok(tokens) => tokens.iter().map(|token| token.text).collect::<Vec<_>>().join(" "),
            Err(fault) => format!("{}: {}", fault.line, fault.found),
        })
        .collect()
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
        (" \t\r\n\x0b\x0c;; ; -- a\n;/* b; */;", &[]),
        ("a;b ; c", &["a", "b", "c"]),
        ("\u{feff}a;", &["a"]),
        ("a;\u{feff}b", &["a", "\u{feff}b"]),
        ("a b(c,1)::d", &["a b ( c , 1 ) :: d"]),
        ("a\r\nb;\r\nc\r\n", &["a b", "c"]),
    ]);
}

#[test]
fn semicolons_in_strings_names_and_comments_end_nothing() {
    check(&[
        ("a 'b;''c;' d", &["a 'b;''c;' d"]),
        ("a '\\' b; c", &["a '\\' b", "c"]),
        ("a E'\\';\\\\' b; c", &["a E'\\';\\\\' b", "c"]),
        ("a e'\\é;'';' b", &["a e'\\é;'';' b"]),
        ("the'\\' b", &["the '\\' b"]),
        ("a U&'\\' u&\"b;\"\"\\\" c", &["a U&'\\' u&\"b;\"\"\\\" c"]),
        ("a B'0;' x'F;' N'\\' b", &["a B '0;' x 'F;' N '\\' b"]),
        ("a \"b;\"\"'c\" d", &["a \"b;\"\"'c\" d"]),
        ("a -- b; 'c\nd; e -- f", &["a d", "e"]),
        ("a -- b\rc; d", &["a c", "d"]),
        ("a /* b; /* ' */ ; */ c /**/ d /*/ */ e", &["a c d e"]),
        ("a //* b */ - -- c", &["a / -"]),
        ("'a'\n'b\\'", &["'a' 'b\\'"]),
    ]);
}

#[test]
fn dollar_quotes_hold_anything_up_to_their_own_delimiter() {
    check(&[
        ("a $$;'\\$$ b", &["a $$;'\\$$ b"]),
        ("$a$ $$ ; $b$ $a $a$;c", &["$a$ $$ ; $b$ $a $a$", "c"]),
        ("$b$a$b$ c", &["$b$a$b$ c"]),
        ("$été_1$;$été_1$ c", &["$été_1$;$été_1$ c"]),
        ("$A$;$a$;$A$", &["$A$;$a$;$A$"]),
        ("$1;$2 b", &["$1", "$2 b"]),
        ("a$b$;c$b$", &["a$b$", "c$b$"]),
        ("é$$;$$", &["é$$", "1: a `$$` string without its end"]),
    ]);
}

#[test]
fn numbers_are_passed_whole() {
    check(&[
        ("1 2.5 .5 1. 1e5 1.5E-10 1e+5 0xFF 1_000", &["1 2.5 .5 1. 1e5 1.5E-10 1e+5 0xFF 1_000"]),
        ("a1e--b\n[1:2]-1--", &["a1e [ 1 : 2 ] - 1"]),
        ("a.1", &["a .1"]),
    ]);
}

#[test]
fn text_without_its_end_is_a_fault_where_it_starts() {
    check(&[
        ("a;\nb 'c;\nd", &["a", "2: a string without its end"]),
        ("a\n\nE'\\'", &["3: a string without its end"]),
        ("E'\\", &["1: a string without its end"]),
        ("a \"b;\n'", &["1: a quoted name without its end"]),
        ("a;\n/* /* */ b;", &["a", "2: a comment without its end"]),
        ("/*/", &["1: a comment without its end"]),
        ("$a$ $A$; $$", &["1: a `$a$` string without its end"]),
        ("(a\n;b", &["1: a `(` that is not closed", "b"]),
        ("a\n(b(c)", &["2: a `(` that is not closed"]),
        ("a;\nb)c;d", &["a", "2: a `)` that closes nothing", "d"]),
        (") a :b ';';c", &["1: a `)` that closes nothing", "c"]),
    ]);
}

#[test]
fn text_that_psql_would_act_on_is_a_fault() {
    let backslash = "a backslash outside quotes, which psql takes for a command of its own";
    let variable = "a `:` that psql takes for a variable of its own";
    check(&[
        ("\\connect b\na;\n\\! c\n", &[&format!("1: {backslash}"), "a", &format!("3: {backslash}")]),
        ("a b \\; c;\nd", &[&format!("1: {backslash}")]),
        ("a 'b' \\g\n;c", &[&format!("1: {backslash}"), "c"]),
        ("a :b;c", &[&format!("1: {variable}"), "c"]),
        ("a ::b :=c; d :'e'", &["a :: b := c", &format!("1: {variable}")]),
        ("a :::b", &[&format!("1: {variable}")]),
        ("a :\"b\"", &[&format!("1: {variable}")]),
        ("a :{?b}", &[&format!("1: {variable}")]),
        ("a\n'\0';b", &["2: a NUL character"]),
    ]);
}

#[test]
fn text_on_which_psql_and_the_server_differ_is_a_fault() {
    let string = "an E'…' string that goes on in another";
    check(&[
        ("a E'b'\n'c\\';d", &[&format!("2: {string}"), "d"]),
        ("a e'b' -- c\n 'c';\nd 'e\n'", &[&format!("2: {string}"), "d 'e\n'"]),
        ("1e--a\n;b", &["1: a number that runs into what follows it, `1e-`", "b"]),
        ("a 1a$b$ ' $b$", &["1: a number that runs into what follows it, `1a`"]),
        ("1E'\\'", &["1: a number that runs into what follows it, `1E`"]),
        ("1e+5E'\\'", &["1: a number that runs into what follows it, `1e+5`"]),
        ("$1$a$", &["1: a number that runs into what follows it, `$1`"]),
        ("a $b c;d", &["1: a `$` that begins no string", "d"]),
    ]);
}

#[test]
fn tokens_know_their_kind_line_place_and_depth() {
    let sql = "a \"b\"\n('c' + (1), $$\n$$)\nd";
    let statements = split(sql);
    let tokens = statements[0].as_ref().unwrap();
    let seen: Vec<_> = tokens.iter().map(|token| (token.text, token.kind, token.line, token.depth)).collect();
    let expected = [
        ("a", Kind::Word, 1, 0),
        ("\"b\"", Kind::Name, 1, 0),
        ("(", Kind::Symbol, 2, 0),
        ("'c'", Kind::Text, 2, 1),
        ("+", Kind::Symbol, 2, 1),
        ("(", Kind::Symbol, 2, 1),
        ("1", Kind::Number, 2, 2),
        (")", Kind::Symbol, 2, 1),
        (",", Kind::Symbol, 2, 1),
        ("$$\n$$", Kind::Text, 2, 1),
        (")", Kind::Symbol, 3, 0),
        ("d", Kind::Word, 4, 0),
    ];
    assert_eq!(seen, expected);
    assert!(tokens.iter().all(|token| &sql[token.start..token.end()] == token.text));
}

#[test]
fn keywords_are_recognised_in_any_case_but_not_in_quotes() {
    let statements = split("aSyNc \"async\" async_ ASYNC");
    let is: Vec<_> = statements[0].as_ref().unwrap().iter().map(|token| token.is("ASYNC")).collect();
    assert_eq!(is, [true, false, false, true]);
}

#[test]
fn excerpts_show_what_cannot_be_seen_and_stay_short() {
    assert_eq!(excerpt("a é"), "`a é`");
    assert_eq!(excerpt("a\u{a0}\u{1b}[1m\u{202e}"), "`a\\u{a0}\\u{1b}[1m\\u{202e}`");
    assert_eq!(excerpt(&"é".repeat(60)), format!("`{}`", "é".repeat(60)));
    assert_eq!(excerpt(&"é".repeat(61)), format!("`{}…`", "é".repeat(60)));
}
