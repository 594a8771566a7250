use super::*;

fn one(dialect: Dialect, sql: &str) -> String {
    match translate(dialect, sql).as_deref() {
        Ok([statement]) => statement.sql.clone(),
        other => panic!("{sql:?} gave {other:?}"),
    }
}

/// The faults for both dialects, which must agree, without their remedies.
fn faults(sql: &str) -> Vec<String> {
    let [dsql, postgres] = [Dialect::Dsql, Dialect::Postgres].map(|dialect| match translate(dialect, sql) {
        Ok(statements) => panic!("{sql:?} was let through as {statements:?}"),
        Err(faults) => faults.iter().map(|it| format!("{}: {}", it.line, it.found)).collect::<Vec<_>>(),
    });
    assert_eq!(dsql, postgres);
    dsql
}

fn check_both(cases: &[(&str, &str)]) {
    for (sql, expected) in cases {
        for dialect in [Dialect::Dsql, Dialect::Postgres] {
            assert_eq!(one(dialect, sql), *expected, "{sql:?} for {dialect:?}");
        }
    }
}

#[test]
fn tables_get_if_not_exists_once() {
    check_both(&[
        ("CREATE TABLE a (b int)", "CREATE TABLE IF NOT EXISTS a (b int)"),
        ("create\r\n\ttable A(b int -- c\n) ;", "CREATE TABLE IF NOT EXISTS A(b int -- c\n)"),
        ("CREATE TABLE IF NOT EXISTS a (b int)", "CREATE TABLE IF NOT EXISTS a (b int)"),
        ("CREATE TABLE if nOt -- d\nexists a ()", "CREATE TABLE IF NOT EXISTS a ()"),
        ("CREATE TABLE\"a\" ()", "CREATE TABLE IF NOT EXISTS \"a\" ()"),
        ("CREATE TABLE async ()", "CREATE TABLE IF NOT EXISTS async ()"),
        ("CREATE TABLE if ()", "CREATE TABLE IF NOT EXISTS if ()"),
        ("CREATE TABLE \"if not exists\" ()", "CREATE TABLE IF NOT EXISTS \"if not exists\" ()"),
    ]);
}

#[test]
fn indexes_get_if_not_exists_and_the_async_that_the_database_wants() {
    for head in ["INDEX", "INDEX ASYNC", "INDEX IF NOT EXISTS", "index\n aSync -- 1\n if not exists"] {
        for (unique, shown) in [("", ""), ("UNIQUE ", "UNIQUE "), ("unique\r\n", "UNIQUE ")] {
            for rest in ["a ON b (c)", "\"on\"ON b (c)", "if ON ONLY b (c)", "\"async\" on async (async)"] {
                let sql = format!("CREATE {unique}{head} {rest};");
                let [dsql, postgres] =
                    ["INDEX ASYNC", "INDEX"].map(|head| format!("CREATE {shown}{head} IF NOT EXISTS {rest}"));
                assert_eq!((one(Dialect::Dsql, &sql), one(Dialect::Postgres, &sql)), (dsql, postgres), "{sql}");
            }
        }
    }
}

#[test]
fn inserts_get_a_conflict_clause_where_they_have_none() {
    for sql in [
        "INSERT INTO a VALUES (1)",
        "insert into s.a (b, c) values (1, 'ON CONFLICT DO NOTHING'), (2, (3))",
        "INSERT INTO a DEFAULT VALUES",
        "INSERT INTO a -- ON CONFLICT DO NOTHING\nVALUES((1), 'b')",
    ] {
        check_both(&[(sql, &format!("{sql} ON CONFLICT DO NOTHING"))]);
    }
    for sql in [
        "INSERT INTO a VALUES (1) on -- b\n conflict\n(b) WHERE c do nothing",
        "INSERT INTO a VALUES (1) ON CONFLICT ON CONSTRAINT b DO UPDATE SET c = 1",
    ] {
        check_both(&[(sql, sql)]);
    }
}

#[test]
fn statements_stay_in_order_without_what_is_around_them_and_tell_what_they_create() {
    let sql = "-- a\n\nCREATE TABLE B (\n c int -- d\n);;\r\n-- e\nINSERT INTO b VALUES (1) -- f\n; -- g\n\
               CREATE INDEX \"H\"\"i\" ON b (c)";
    let statements = translate(Dialect::Postgres, sql).unwrap();
    let seen: Vec<_> = statements.iter().map(|it| (it.sql.as_str(), it.creates.as_deref())).collect();
    let expected = [
        ("CREATE TABLE IF NOT EXISTS B (\n c int -- d\n)", Some("b")),
        ("INSERT INTO b VALUES (1) ON CONFLICT DO NOTHING", None),
        ("CREATE INDEX IF NOT EXISTS \"H\"\"i\" ON b (c)", Some("H\"i")),
    ];
    assert_eq!(seen, expected);
}

#[test]
fn what_cannot_be_repeated_is_refused() {
    for (sql, called) in [
        ("ALTER TABLE a ADD b int;", "ALTER TABLE a ADD"),
        ("DROP TABLE IF EXISTS a;", "DROP TABLE IF EXISTS"),
        ("update a set b = 1", "update a set b"),
        ("BEGIN", "BEGIN"),
        ("COPY a FROM stdin", "COPY a FROM stdin"),
        ("CREATE SCHEMA a", "CREATE SCHEMA a"),
        ("CREATE TEMP TABLE a ()", "CREATE TEMP TABLE a"),
        ("CREATE OR REPLACE VIEW a AS SELECT 1", "CREATE OR REPLACE VIEW"),
        ("CREATE UNIQUE TABLE a ()", "CREATE UNIQUE TABLE a"),
        ("CREATE \"TABLE\" a ()", "CREATE \\\"TABLE\\\" a ("),
        ("CREATE\u{a0}TABLE a ()", "CREATE\\u{a0}TABLE a ( )"),
        ("CREATE", "CREATE"),
        ("(SELECT 1)", "( SELECT 1 )"),
        // A name of another schema is not found in the catalogue.
        ("CREATE TABLE s.a ()", "CREATE TABLE s ."),
        ("CREATE TABLE (a int)", "CREATE TABLE ( a"),
        ("CREATE TABLE IF NOT EXISTS", "CREATE TABLE IF NOT"),
        ("CREATE TABLE IF NOT a ()", "CREATE TABLE IF NOT"),
        ("CREATE INDEX CONCURRENTLY a ON b (c)", "CREATE INDEX CONCURRENTLY a"),
        ("CREATE INDEX ON a (b)", "CREATE INDEX ON a"),
        ("CREATE UNIQUE INDEX ASYNC ON a (b)", "CREATE UNIQUE INDEX ASYNC"),
        ("CREATE INDEX async ON a (b)", "CREATE INDEX async ON"),
        ("CREATE INDEX IF NOT EXISTS ON a (b)", "CREATE INDEX IF NOT"),
        ("CREATE INDEX IF NOT EXISTS ASYNC a ON b (c)", "CREATE INDEX IF NOT"),
        ("CREATE INDEX s.a ON b (c)", "CREATE INDEX s ."),
        ("INSERT INTO", "INSERT INTO"),
        ("INSERT INTO (a) VALUES (1)", "INSERT INTO ( a"),
        ("INSERT a VALUES (1)", "INSERT a VALUES ("),
        ("INSERT INTO a SELECT 1 FROM b JOIN c ON conflict", "INSERT INTO a SELECT"),
        ("INSERT INTO a VALUES (1) UNION SELECT 1 FROM b JOIN c ON conflict", "INSERT INTO a VALUES"),
        ("INSERT INTO a VALUES (1) RETURNING b", "INSERT INTO a VALUES"),
        ("WITH a AS (SELECT 1) INSERT INTO b VALUES (1)", "WITH a AS ("),
    ] {
        assert_eq!(faults(sql), [format!("1: `{called}` cannot be repeated safely")], "{sql}");
    }
}

#[test]
fn everything_that_cannot_be_repeated_is_reported_together_with_its_line_and_a_remedy() {
    let sql = "CREATE TABLE a ();\nDROP TABLE a;\n\nCREATE INDEX ON a (b);";
    let faults = translate(Dialect::Postgres, sql).unwrap_err();
    let seen: Vec<_> = faults.iter().map(|it| (it.line, it.found.as_str())).collect();
    let expected =
        [(2, "`DROP TABLE a` cannot be repeated safely"), (4, "`CREATE INDEX ON a` cannot be repeated safely")];
    assert_eq!(seen, expected);
    assert!(faults.iter().all(|it| it.remedy.starts_with("only `CREATE TABLE name (…)`")), "{faults:?}");
}
