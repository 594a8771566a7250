use proptest::prelude::*;

use super::generate::{flat, join, schema};
use super::*;

/// Pieces of text that make a lexer stumble.
fn soup() -> impl Strategy<Value = String> {
    let words =
        "' '' \" E' \\ $ $a$ 1 1e . - -- /* / * ( ) ; : :: \0 é a U& ON CONFLICT VALUES IF NOT EXISTS ASYNC INDEX";
    let mut pieces: Vec<&str> = words.split(' ').collect();
    pieces.extend([" ", " ", "\n", "\r", "INSERT INTO a ", " VALUES (1)", "CREATE TABLE ", "CREATE UNIQUE INDEX "]);
    let soup = prop::collection::vec(prop::sample::select(pieces), 0..30).prop_map(|pieces| pieces.concat());
    // Half of it stands where anything may.
    let safe = soup.clone().prop_map(|it| format!("CREATE INDEX a ON b -- {}\n(c)", it.replace(['\n', '\r'], " ")));
    prop_oneof![soup, safe]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    /// Feature: standalone-dev, Property 6: whatever statements a schema mixes, its translation has each of them, in
    /// order, with only the words in question changed, and for PostgreSQL none is peculiar to DSQL. A translation stays
    /// as it is when translated again, and may go through DSQL's dialect on its way to PostgreSQL's.
    #[test]
    fn any_schema_keeps_its_statements_in_order_and_gets_the_dialect_once(schema in schema()) {
        for dialect in [Dialect::Dsql, Dialect::Postgres] {
            let statements = translate(dialect, &schema.sql).unwrap();
            let seen: Vec<_> = statements.iter().map(|it| flat(&it.sql)).collect();
            prop_assert_eq!(&seen, schema.expected(dialect));
            prop_assert!(dialect == Dialect::Dsql || !seen.iter().any(|it| it.contains("index async ")), "{:?}", seen);
            prop_assert_eq!(translate(dialect, &join(&statements)), Ok(statements));
        }
        let dsql = join(&translate(Dialect::Dsql, &schema.sql).unwrap());
        prop_assert_eq!(translate(Dialect::Postgres, &dsql), translate(Dialect::Postgres, &schema.sql));
    }

    /// Feature: standalone-dev, Property 6: one statement that cannot be repeated is enough to refuse all, and its
    /// line is named.
    #[test]
    fn any_schema_with_one_unrepeatable_statement_is_refused(schema in schema(), at in any::<prop::sample::Index>()) {
        let statements = translate(Dialect::Dsql, &schema.sql).unwrap();
        let (before, after) = statements.split_at(at.index(statements.len() + 1));
        let before = join(before);
        let sql = format!("{before}DROP TABLE base;\n{}", join(after));
        let faults = translate(Dialect::Postgres, &sql).unwrap_err();
        let line = 1 + before.matches('\n').count();
        prop_assert_eq!(faults.iter().map(|it| it.line).collect::<Vec<_>>(), vec![line]);
    }

    #[test]
    fn any_text_is_either_refused_or_translated_for_good(text in prop_oneof![soup(), any::<String>()]) {
        for dialect in [Dialect::Dsql, Dialect::Postgres] {
            if let Ok(statements) = translate(dialect, &text) {
                prop_assert_eq!(translate(dialect, &join(&statements)), Ok(statements));
            }
        }
    }
}
