use super::*;

pub(super) fn source(sql: &str) -> Source {
    Source { name: "schema.sql".to_owned(), sql: sql.to_owned() }
}

fn one(dialect: Dialect, sql: &str) -> String {
    match translate(dialect, &source(sql)).as_deref() {
        Ok([statement]) => statement.sql.clone(),
        other => panic!("{sql:?} gave {other:?}"),
    }
}

/// The refusals for both dialects, which must agree, without file and remedy.
fn refusals(sql: &str) -> Vec<String> {
    let [dsql, postgres] = [Dialect::Dsql, Dialect::Postgres].map(|dialect| match translate(dialect, &source(sql)) {
        Ok(statements) => panic!("{sql:?} was let through as {statements:?}"),
        Err(refusals) => refusals.iter().map(|it| format!("{}: {}", it.line, it.found)).collect::<Vec<_>>(),
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

fn check_refused(cases: &[(&str, &str)]) {
    for (sql, expected) in cases {
        assert_eq!(refusals(sql), [format!("1: {expected}")], "{sql:?}");
    }
}

#[test]
fn tables_get_if_not_exists_once() {
    check_both(&[
        ("CREATE TABLE a (b int)", "CREATE TABLE IF NOT EXISTS a (b int)"),
        ("create\r\n\ttable a(b int);", "create\r\n\ttable IF NOT EXISTS a(b int)"),
        ("CREATE TABLE IF NOT EXISTS a (b int)", "CREATE TABLE IF NOT EXISTS a (b int)"),
        ("CREATE TABLE if/*c*/nOt -- d\nexists a ()", "CREATE TABLE if/*c*/nOt -- d\nexists a ()"),
        ("CREATE/**/TABLE/*c*/a ()", "CREATE/**/TABLE IF NOT EXISTS /*c*/a ()"),
        ("CREATE TABLE\"a\" ()", "CREATE TABLE IF NOT EXISTS \"a\" ()"),
        ("CREATE TABLE-- c\na ()", "CREATE TABLE IF NOT EXISTS -- c\na ()"),
        ("CREATE TABLE s.a ()", "CREATE TABLE IF NOT EXISTS s.a ()"),
        ("CREATE TABLE async ()", "CREATE TABLE IF NOT EXISTS async ()"),
        ("CREATE TABLE if ()", "CREATE TABLE IF NOT EXISTS if ()"),
        ("CREATE TABLE \"if not exists\" ()", "CREATE TABLE IF NOT EXISTS \"if not exists\" ()"),
    ]);
}

#[test]
fn indexes_get_if_not_exists_and_the_async_that_the_database_wants() {
    let cases = [
        ("INDEX ASYNC a ON b (c)", "INDEX ASYNC IF NOT EXISTS a ON b (c)", "INDEX IF NOT EXISTS a ON b (c)"),
        ("INDEX a ON b (c)", "INDEX ASYNC IF NOT EXISTS a ON b (c)", "INDEX IF NOT EXISTS a ON b (c)"),
        ("index async if not exists a on b(c)", "index async if not exists a on b(c)", "index if not exists a on b(c)"),
        ("INDEX IF NOT EXISTS a ON b (c)", "INDEX ASYNC IF NOT EXISTS a ON b (c)", "INDEX IF NOT EXISTS a ON b (c)"),
        (
            "INDEX\n aSync\n a ON b (c)",
            "INDEX\n aSync IF NOT EXISTS\n a ON b (c)",
            "INDEX\n IF NOT EXISTS\n a ON b (c)",
        ),
        (
            "INDEX/*1*/ASYNC/*2*/a ON b (c)",
            "INDEX/*1*/ASYNC IF NOT EXISTS /*2*/a ON b (c)",
            "INDEX/*1*/IF NOT EXISTS/*2*/a ON b (c)",
        ),
        (
            "INDEX -- 1\nASYNC -- 2\nIF NOT EXISTS a ON b (c)",
            "INDEX -- 1\nASYNC -- 2\nIF NOT EXISTS a ON b (c)",
            "INDEX -- 1\n-- 2\nIF NOT EXISTS a ON b (c)",
        ),
        (
            "INDEX/*1*/ASYNC/*2*/IF NOT EXISTS a ON b (c)",
            "INDEX/*1*/ASYNC/*2*/IF NOT EXISTS a ON b (c)",
            "INDEX/*1*//*2*/IF NOT EXISTS a ON b (c)",
        ),
        (
            "INDEX ASYNC async ON async (async)",
            "INDEX ASYNC IF NOT EXISTS async ON async (async)",
            "INDEX IF NOT EXISTS async ON async (async)",
        ),
        (
            "INDEX IF NOT EXISTS async ON b (c)",
            "INDEX ASYNC IF NOT EXISTS async ON b (c)",
            "INDEX IF NOT EXISTS async ON b (c)",
        ),
        (
            "INDEX \"async\" ON b (c)",
            "INDEX ASYNC IF NOT EXISTS \"async\" ON b (c)",
            "INDEX IF NOT EXISTS \"async\" ON b (c)",
        ),
        ("INDEX ASYNC\"on\"ON b (c)", "INDEX ASYNC IF NOT EXISTS \"on\"ON b (c)", "INDEX IF NOT EXISTS\"on\"ON b (c)"),
        (
            "INDEX if ON ONLY b (c)",
            "INDEX ASYNC IF NOT EXISTS if ON ONLY b (c)",
            "INDEX IF NOT EXISTS if ON ONLY b (c)",
        ),
        (
            "INDEX U&\"\\0061\" ON b (c)",
            "INDEX ASYNC IF NOT EXISTS U&\"\\0061\" ON b (c)",
            "INDEX IF NOT EXISTS U&\"\\0061\" ON b (c)",
        ),
    ];
    for (sql, dsql, postgres) in cases {
        for head in ["CREATE ", "CREATE UNIQUE ", "create\tunique\r\n"] {
            assert_eq!(one(Dialect::Dsql, &format!("{head}{sql};")), format!("{head}{dsql}"));
            assert_eq!(one(Dialect::Postgres, &format!("{head}{sql};")), format!("{head}{postgres}"));
        }
    }
}

#[test]
fn schemas_get_if_not_exists() {
    check_both(&[
        ("CREATE SCHEMA a", "CREATE SCHEMA IF NOT EXISTS a"),
        ("CREATE SCHEMA IF NOT EXISTS a", "CREATE SCHEMA IF NOT EXISTS a"),
        ("CREATE SCHEMA a AUTHORIZATION b", "CREATE SCHEMA IF NOT EXISTS a AUTHORIZATION b"),
        ("CREATE SCHEMA AUTHORIZATION \"b\"", "CREATE SCHEMA IF NOT EXISTS AUTHORIZATION \"b\""),
    ]);
}

#[test]
fn inserts_get_a_conflict_clause_before_returning() {
    let nothing = "ON CONFLICT DO NOTHING";
    let with = |sql: &str| sql.replace('@', &format!(" {nothing}"));
    for sql in [
        "INSERT INTO a VALUES (1)@",
        "insert into a (b, c) values (1, 'ON CONFLICT DO NOTHING')@",
        "INSERT INTO a DEFAULT VALUES@",
        "INSERT INTO a VALUES (1)@ RETURNING b",
        "INSERT INTO a VALUES (1)@ -- c\n returning b AS returning, a.returning",
        "INSERT INTO a SELECT 1 AS returning, c.returning FROM c@ RETURNING *",
        "INSERT INTO a /* ON CONFLICT DO NOTHING */ SELECT * FROM b -- ON CONFLICT DO NOTHING\nWHERE c@",
        "INSERT INTO a (SELECT 1)@",
        "INSERT INTO a SELECT 1 FROM b JOIN c ON conflict@",
        "INSERT INTO a SELECT 1 FROM b JOIN c ON conflict (1)@",
        "INSERT INTO a SELECT 1 AS do, \"do\" \"nothing\" FROM b JOIN c ON conflict@",
        "INSERT INTO a WITH x AS (INSERT INTO b VALUES (1) ON CONFLICT DO NOTHING RETURNING c) SELECT c FROM x@",
        "INSERT INTO a VALUES ($$ ON CONFLICT DO NOTHING RETURNING $$)@",
        "INSERT INTO \"a\" SELECT \"on\" \"conflict\"@",
    ] {
        check_both(&[(&sql.replace('@', ""), &with(sql))]);
    }
    check_both(&[(
        "INSERT INTO a VALUES('b')RETURNING c",
        "INSERT INTO a VALUES('b') ON CONFLICT DO NOTHING RETURNING c",
    )]);
}

#[test]
fn inserts_with_a_conflict_clause_stay_as_they_are() {
    for sql in [
        "INSERT INTO a VALUES (1) ON CONFLICT DO NOTHING",
        "INSERT INTO a VALUES (1) on/**/conflict\n(b) WHERE c do nothing RETURNING b",
        "INSERT INTO a VALUES (1) ON CONFLICT ON CONSTRAINT b DO UPDATE SET c = 1",
        "INSERT INTO a SELECT 1 FROM b JOIN c ON conflict ON CONFLICT DO NOTHING",
    ] {
        check_both(&[(sql, sql)]);
    }
}

#[test]
fn statements_stay_in_order_with_their_lines_and_without_what_is_around_them() {
    let sql = "\u{feff}-- a\n\nCREATE TABLE b (\n c int -- d\n);;\r\n/* e */ INSERT INTO b VALUES (1) -- f\n; -- g\n\
               CREATE TABLE h ()";
    let statements = translate(Dialect::Dsql, &source(sql)).unwrap();
    let seen: Vec<_> = statements.iter().map(|it| (it.file.as_str(), it.line, it.sql.as_str())).collect();
    let expected = [
        ("schema.sql", 3, "CREATE TABLE IF NOT EXISTS b (\n c int -- d\n)"),
        ("schema.sql", 6, "INSERT INTO b VALUES (1) ON CONFLICT DO NOTHING"),
        ("schema.sql", 8, "CREATE TABLE IF NOT EXISTS h ()"),
    ];
    assert_eq!(seen, expected);
}

#[test]
fn what_cannot_be_repeated_is_refused() {
    check_refused(&[
        ("ALTER TABLE a ADD b int;", "`ALTER TABLE a ADD` cannot be repeated safely"),
        ("DROP TABLE IF EXISTS a;", "`DROP TABLE IF EXISTS` cannot be repeated safely"),
        ("update a set b = 1", "`update a set b` cannot be repeated safely"),
        ("DELETE FROM a", "`DELETE FROM a` cannot be repeated safely"),
        ("SET search_path = a", "`SET search_path` cannot be repeated safely"),
        ("BEGIN", "`BEGIN` cannot be repeated safely"),
        ("COPY a FROM stdin", "`COPY a FROM stdin` cannot be repeated safely"),
        ("DO $$ BEGIN END $$", "`DO` cannot be repeated safely"),
        ("WITH a AS (SELECT 1) INSERT INTO b SELECT 1", "`WITH a AS` cannot be repeated safely"),
        ("CREATE TEMP TABLE a ()", "`CREATE TEMP TABLE a` cannot be repeated safely"),
        ("CREATE OR REPLACE VIEW a AS SELECT 1", "`CREATE OR REPLACE VIEW` cannot be repeated safely"),
        ("CREATE UNIQUE TABLE a ()", "`CREATE UNIQUE TABLE a` cannot be repeated safely"),
        ("CREATE \"TABLE\" a ()", "`CREATE \"TABLE\" a` cannot be repeated safely"),
        ("CREATE\u{a0}TABLE a ()", "`CREATE\\u{a0}TABLE a` cannot be repeated safely"),
        ("CREATE", "`CREATE` cannot be repeated safely"),
        ("(SELECT 1)", "`(` cannot be repeated safely"),
        ("CREATE SCHEMA a CREATE TABLE b ()", "`CREATE SCHEMA a CREATE` cannot be repeated safely"),
        ("CREATE SCHEMA", "`CREATE SCHEMA` cannot be repeated safely"),
        ("CREATE SCHEMA AUTHORIZATION", "`CREATE SCHEMA AUTHORIZATION` cannot be repeated safely"),
        ("CREATE INDEX CONCURRENTLY a ON b (c)", "`CREATE INDEX CONCURRENTLY a` cannot be repeated safely"),
        ("CREATE TABLE (a int)", "`CREATE TABLE` names no table"),
        ("CREATE TABLE IF NOT EXISTS", "`CREATE TABLE IF NOT` names no table"),
        ("CREATE TABLE IF NOT a ()", "`CREATE TABLE IF NOT` has IF NOT without EXISTS"),
        ("INSERT INTO", "`INSERT INTO` names no table"),
        ("INSERT INTO a SELECT 1 AS", "`INSERT INTO a SELECT` ends before a name that must follow"),
        ("INSERT INTO a.", "`INSERT INTO a` ends before a name that must follow"),
        ("INSERT a VALUES (1)", "`INSERT a VALUES` cannot be repeated safely"),
    ]);
}

#[test]
fn an_index_needs_a_name_to_be_repeatable() {
    check_refused(&[
        ("CREATE INDEX ON a (b)", "`CREATE INDEX ON a` gives the index no name"),
        ("CREATE UNIQUE INDEX ASYNC ON a (b)", "`CREATE UNIQUE INDEX ASYNC` gives the index no name"),
        ("CREATE INDEX async ON a (b)", "`CREATE INDEX async ON` gives the index no name"),
        ("CREATE INDEX IF NOT EXISTS ON a (b)", "`CREATE INDEX IF NOT` gives the index no name"),
        ("CREATE INDEX", "`CREATE INDEX` gives the index no name"),
        ("CREATE INDEX IF NOT EXISTS ASYNC a ON b (c)", "`CREATE INDEX IF NOT` has no ON behind the name of the index"),
        ("CREATE INDEX s.a ON b (c)", "`CREATE INDEX s` has no ON behind the name of the index"),
        ("CREATE INDEX \"async\" a ON b (c)", "`CREATE INDEX \"async\" a` has no ON behind the name of the index"),
    ]);
}

#[test]
fn everything_refused_is_reported_together_with_file_line_and_remedy() {
    let sql = "CREATE TABLE a ();\nDROP TABLE a;\n\\connect b\nCREATE INDEX ON a (b);\nINSERT INTO a VALUES ('c);";
    let refusals = translate(Dialect::Postgres, &source(sql)).unwrap_err();
    let shown: Vec<_> = refusals.iter().map(ToString::to_string).collect();
    let expected = [
        "schema.sql:2: `DROP TABLE a` cannot be repeated safely: \
         only CREATE TABLE, INDEX and SCHEMA and INSERT INTO can; use them, or apply it by hand",
        "schema.sql:3: a backslash outside quotes, which psql takes for a command of its own: \
         take it out; a schema file holds SQL only",
        "schema.sql:4: `CREATE INDEX ON a` gives the index no name: \
         IF NOT EXISTS needs one; put it before ON (if the name is async, in double quotes)",
        "schema.sql:5: a string without its end: add the `'`",
    ];
    assert_eq!(shown, expected);
}

#[test]
fn large_and_hostile_texts_take_linear_time() {
    let size = 4_000_000;
    let begin = std::time::Instant::now();
    for piece in ["$a$ ", "$a$$b", "/*", "/*/", "((", "'", "E'\\", "\"", "$", "1e", "E'a' ", "a ", "ON CONFLICT ", "\n"]
    {
        for head in ["", "INSERT INTO a ", "CREATE TABLE "] {
            let text = format!("{head}{}", piece.repeat(size / piece.len() / 10));
            let _ = translate(Dialect::Postgres, &source(&text));
        }
    }
    let distinct: String = (0..size / 100).map(|tag| format!("$a{tag}$ ")).collect();
    assert!(translate(Dialect::Dsql, &source(&distinct)).is_err());
    assert!(begin.elapsed().as_secs() < 60, "took {:?}", begin.elapsed());
}
