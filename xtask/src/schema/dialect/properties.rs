use proptest::prelude::*;

use super::generate::{flat, join, schema};
use super::tests::source;
use super::*;

/// Pieces of text that make a lexer stumble.
fn soup() -> impl Strategy<Value = String> {
    let piece = prop::sample::select(vec![
        "'",
        "''",
        "\"",
        "E'",
        "\\",
        "\\'",
        "$",
        "$$",
        "$a$",
        "$é$",
        "$1",
        "1",
        "1e",
        ".",
        "-",
        "--",
        "/*",
        "*/",
        "/",
        "*",
        "(",
        ")",
        ";",
        ":",
        "::",
        "\n",
        "\r",
        " ",
        "\0",
        "\u{feff}",
        "é",
        "a",
        "U&",
        "INSERT INTO a ",
        "ON CONFLICT ",
        "DO NOTHING",
        " RETURNING ",
        "CREATE ",
        "TABLE ",
        "UNIQUE ",
        "INDEX ",
        " ASYNC ",
        "IF ",
        "NOT ",
        "EXISTS ",
        "SCHEMA ",
        "AUTHORIZATION ",
        "AS ",
    ]);
    let head = prop::sample::select(vec!["", "CREATE TABLE ", "CREATE INDEX ", "INSERT INTO a ", "CREATE SCHEMA "]);
    (head, prop::collection::vec(piece, 0..30)).prop_map(|(head, pieces)| format!("{head}{}", pieces.concat()))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    /// Feature: standalone-dev, Property 6: whatever statements a schema mixes, its translation has each of them, in
    /// order, with only the words in question changed; for PostgreSQL none is peculiar to DSQL.
    #[test]
    fn any_schema_keeps_its_statements_in_order_and_gets_the_dialect(schema in schema()) {
        for dialect in [Dialect::Dsql, Dialect::Postgres] {
            let statements = translate(dialect, &source(&schema.sql)).unwrap();
            let seen: Vec<_> = statements.iter().map(|statement| flat(&statement.sql)).collect();
            prop_assert_eq!(&seen, schema.expected(dialect));
            let lines: Vec<_> = statements.iter().map(|statement| statement.line).collect();
            prop_assert_eq!(&lines, &schema.lines);
            if dialect == Dialect::Postgres {
                prop_assert!(!seen.iter().any(|sql| sql.contains("index async ")), "{:?}", seen);
            }
        }
    }

    /// Feature: standalone-dev, Property 6: a translation, translated again, stays as it is.
    #[test]
    fn any_translation_stays_as_it_is_when_translated_again(schema in schema()) {
        for dialect in [Dialect::Dsql, Dialect::Postgres] {
            let once = join(&translate(dialect, &source(&schema.sql)).unwrap());
            let twice = join(&translate(dialect, &source(&once)).unwrap());
            prop_assert_eq!(&once, &twice);
        }
    }

    /// Feature: standalone-dev, Property 6: a schema may go through DSQL's dialect on its way to PostgreSQL's.
    #[test]
    fn any_translation_for_dsql_can_be_translated_for_postgres(schema in schema()) {
        let dsql = join(&translate(Dialect::Dsql, &source(&schema.sql)).unwrap());
        let statements = translate(Dialect::Postgres, &source(&dsql)).unwrap();
        let seen: Vec<_> = statements.iter().map(|statement| flat(&statement.sql)).collect();
        prop_assert_eq!(&seen, schema.expected(Dialect::Postgres));
    }

    /// Feature: standalone-dev, Property 6: one statement that cannot be repeated is enough to refuse all, and its
    /// line is named.
    #[test]
    fn any_schema_with_one_unrepeatable_statement_is_refused(schema in schema(), at in any::<prop::sample::Index>()) {
        let statements = translate(Dialect::Dsql, &source(&schema.sql)).unwrap();
        let (before, after) = statements.split_at(at.index(statements.len() + 1));
        let before = join(before);
        let sql = format!("{before}DROP TABLE base;\n{}", join(after));
        let refusals = translate(Dialect::Postgres, &source(&sql)).unwrap_err();
        let line = 1 + before.matches('\n').count();
        prop_assert_eq!(refusals.iter().map(|refusal| refusal.line).collect::<Vec<_>>(), vec![line]);
    }

    #[test]
    fn any_text_is_either_refused_or_translated_for_good(text in prop_oneof![soup(), any::<String>()]) {
        for dialect in [Dialect::Dsql, Dialect::Postgres] {
            if let Ok(statements) = translate(dialect, &source(&text)) {
                let once = join(&statements);
                let again = translate(dialect, &source(&once)).map(|statements| join(&statements));
                prop_assert_eq!(again, Ok(once));
            }
        }
    }

    #[test]
    fn any_bytes_are_survived(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        let text = String::from_utf8_lossy(&bytes);
        let statements = sql::split(&text);
        let tokens = statements.iter().flatten().flatten();
        prop_assert!(tokens.clone().all(|token| &text[token.start..token.end()] == token.text));
    }
}
