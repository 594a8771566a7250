//! The same made up schemas, tried on `psql` and a PostgreSQL server: `cargo test server -- --ignored`, with the
//! server named by PGHOST, PGPORT, PGUSER and so on. Nothing stays behind there.

use std::{
    io::Write,
    process::{Command, Stdio},
};

use proptest::{prelude::*, sample::Index};

use super::generate::{Made, join, schema};
use super::tests::source;
use super::*;

/// What psql says, on stdout and stderr together, when it gets `script`.
fn psql(options: &[&str], script: &str) -> String {
    let mut child = Command::new("sh")
        .args(["-c", "exec psql --no-psqlrc --quiet --file=- \"$@\" 2>&1", "psql"])
        .args(options)
        .env("PGCLIENTENCODING", "UTF8")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(script.as_bytes()).unwrap();
    String::from_utf8(child.wait_with_output().unwrap().stdout).unwrap()
}

/// Shows the numbers of tables, indexes beside the primary keys, and rows, and the rows themselves as a hash.
const LOOK: &str = r"
SELECT '@' || concat_ws(' ',
  (SELECT count(*) FROM pg_class WHERE relkind = 'r' AND relnamespace = 'dialect'::regnamespace),
  (SELECT count(*) FROM pg_index JOIN pg_class ON oid = indexrelid
    WHERE relnamespace = 'dialect'::regnamespace AND NOT indisprimary),
  (SELECT count(*) FROM base),
  (SELECT md5(string_agg(base::text, ' ' ORDER BY k)) FROM base));
";

/// Tokens in any order, most of them whole, none of which begins a command.
fn tokens() -> impl Strategy<Value = String> {
    let piece = prop::sample::select(vec![
        "a",
        "é",
        "e",
        "E",
        "U&",
        "a1e",
        "1",
        "1.5",
        ".5",
        "1e5",
        "$1",
        "0x1",
        "'b'",
        "'\\'",
        "';'",
        "''",
        "E'\\''",
        "E'\\\\;'",
        "U&'\\'",
        "U&\"\\;\"",
        "\"b;\"",
        "\"\"\"'\"",
        "$$;'$$",
        "$a$ $$ ; \\ $b$ $a$",
        "$é1$\n;\n$é1$",
        "/* ; */",
        "/* /* ' */ \" */",
        "/**/",
        "-- ; '\n",
        "--\r",
        "(",
        ")",
        "( b )",
        "(",
        ")",
        "+",
        "-",
        "*",
        "/",
        "<",
        "&",
        ".",
        ",",
        "::",
        ":=",
        ": ",
        ":1",
        "[",
        "]",
        ";",
        ";",
        ";\n",
        " ",
        " ",
        "\n",
        "\r\n",
        "\t",
        "\x0c",
        "N",
        "B'1'",
        "x'F'",
        "'",
        "\"",
        "$$",
        "$b$",
        "--",
        "/*",
        "*/",
        "\\",
        "\\\\",
    ]);
    prop::collection::vec(piece, 0..25).prop_map(|pieces| pieces.concat())
}

fn texts(sql: &str) -> Vec<Vec<&str>> {
    let statements = sql::split(sql).into_iter().map(Result::unwrap);
    statements.map(|tokens| tokens.iter().map(|token| token.text).collect()).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, max_global_rejects: 100_000, ..ProptestConfig::default() })]

    /// Feature: standalone-dev, Property 6: a real server takes every translation, whole, interrupted anywhere and
    /// once more, and has at the end what the schema says, once.
    #[test]
    #[ignore = "needs psql and a PostgreSQL server, named by PGHOST and so on"]
    fn any_translation_can_be_interrupted_and_repeated_on_a_server(schema in schema(), stop in any::<Index>()) {
        let statements = translate(Dialect::Postgres, &source(&schema.sql)).unwrap();
        let part = join(&statements[..stop.index(statements.len() + 1)]);
        let whole = join(&statements);
        let begin = "BEGIN; CREATE SCHEMA dialect; SET LOCAL search_path = dialect;";
        let script = format!("{begin}\n{part}{whole}{LOOK}{whole}{LOOK}ROLLBACK;");
        let said = psql(&["-v", "ON_ERROR_STOP=1", "--no-align", "--tuples-only"], &script);
        let looks: Vec<_> = said.lines().filter_map(|line| line.strip_prefix('@')).collect();
        prop_assert_eq!(looks.len(), 2, "{}\n{}", said, script);
        prop_assert_eq!(looks[0], looks[1]);
        let Made { tables, indexes, rows } = schema.made;
        prop_assert!(looks[0].starts_with(&format!("{tables} {indexes} {rows}")), "{}\n{}", looks[0], script);
    }

    /// What this module takes for one statement psql takes for one, and sends as it is.
    #[test]
    #[ignore = "needs psql and a PostgreSQL server, named by PGHOST and so on"]
    fn any_text_without_faults_is_cut_where_psql_cuts_it(text in tokens()) {
        prop_assume!(sql::split(&text).iter().all(Result::is_ok));
        // Nothing here is SQL, so that each statement ends in an error, which tells them apart in the echo.
        let said = psql(&["--echo-queries", "-v", "VERBOSITY=sqlstate"], &text);
        let ends = regex::Regex::new(r"\npsql:<stdin>:\d+: ERROR:  \w+\n").unwrap();
        let sent: Vec<_> = ends.split(&said).flat_map(texts).collect();
        prop_assert_eq!(&sent, &texts(&text), "{}", said);
        prop_assert_eq!(ends.find_iter(&said).count(), sent.len());
    }
}
