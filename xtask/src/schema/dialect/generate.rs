//! Made up schemas, in any spelling, and what must come of them.

use proptest::prelude::*;

use super::*;

/// What a made up schema leaves in a database that held nothing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Made {
    pub tables: usize,
    pub indexes: usize,
    pub rows: usize,
}

/// A made up schema file and, statement by statement, what must come of it.
#[derive(Clone, Debug, Default)]
pub(super) struct Schema {
    pub sql: String,
    pub made: Made,
    dsql: Vec<String>,
    postgres: Vec<String>,
}

impl Schema {
    /// The statements that must come of it, as [`flat`] writes them.
    pub(super) fn expected(&self, dialect: Dialect) -> &[String] {
        match dialect {
            Dialect::Dsql => &self.dsql,
            Dialect::Postgres => &self.postgres,
        }
    }
}

/// The words of a statement in the source and in its translations.
#[derive(Clone, Debug)]
struct Piece {
    source: Vec<String>,
    dsql: Vec<String>,
    postgres: Vec<String>,
    made: Made,
}

fn separator() -> impl Strategy<Value = &'static str> {
    prop::sample::select(vec![
        "",
        "",
        " ",
        "\n",
        "\r\n",
        "\t \x0c",
        " -- it's; \"\\ $$ INSERT INTO a /* (\n",
        "\n-- é ON CONFLICT\r",
    ])
}

/// A name that no other `number` gives.
fn name(number: usize) -> impl Strategy<Value = String> {
    prop::sample::select(vec![
        format!("a{number}"),
        format!("Async{number}"),
        format!("é_{number}"),
        format!("\"{number} ;'\"\" $IF NOT EXISTS\""),
        format!("\"{number}! /* -- :b (\""),
    ])
}

/// A value of type text.
fn literal() -> impl Strategy<Value = String> {
    let fixed =
        ["NULL", "''", "' ON CONFLICT DO NOTHING'", "'it''s; '", "'$$ /* :a ('", "N'; --'", "'a'\n';b'", "'1'::text"];
    prop_oneof![
        prop::sample::select(fixed.to_vec()).prop_map(str::to_owned),
        "[^\0\\\\]{0,12}".prop_map(|text| format!("'{}'", text.replace('\'', "''"))),
    ]
}

/// A statement on `N` with the value `L`; the three texts are the source and its translations.
fn piece(name: &str, literal: &str, made: Made, texts: [&str; 3]) -> Piece {
    let word = |it: &str| match it {
        "N" => name.to_owned(),
        "L" => literal.to_owned(),
        it => it.to_owned(),
    };
    let [source, dsql, postgres] = texts.map(|it| it.split_whitespace().map(word).collect());
    Piece { source, dsql, postgres, made }
}

fn statement(number: usize) -> impl Strategy<Value = Piece> {
    let conflict = prop::sample::select(vec![
        "",
        "ON CONFLICT DO NOTHING",
        "ON CONFLICT ( k ) WHERE conflict DO NOTHING",
        "ON CONFLICT ( k ) DO UPDATE SET v = excluded . v",
    ]);
    (0..3, any::<[bool; 3]>(), name(number), literal(), conflict).prop_map(
        move |(kind, [is_unique, is_async, is_there], name, literal, conflict)| {
            let there = if is_there { "IF NOT EXISTS" } else { "" };
            let unique = if is_unique { "UNIQUE" } else { "" };
            let wait = if is_async { "ASYNC" } else { "" };
            match kind {
                0 => {
                    let table = "N ( k integer PRIMARY KEY , \"async\" text DEFAULT L )";
                    let whole = format!("CREATE TABLE IF NOT EXISTS {table}");
                    let made = Made { tables: 1, ..Made::default() };
                    piece(&name, &literal, made, [&format!("CREATE TABLE {there} {table}"), &whole, &whole])
                }
                1 => {
                    let create = |words: &str| format!("CREATE {unique} INDEX {words} N ON base ( k , conflict )");
                    let source = create(&format!("{wait} {there}"));
                    let translated = [create("ASYNC IF NOT EXISTS"), create("IF NOT EXISTS")];
                    let made = Made { indexes: 1, ..Made::default() };
                    piece(&name, &literal, made, [&source, &translated[0], &translated[1]])
                }
                _ => {
                    let source = format!("INSERT INTO base ( k , v ) VALUES ( {number} , L ) {conflict}");
                    let clause = if conflict.is_empty() { "ON CONFLICT DO NOTHING" } else { "" };
                    let whole = format!("{source} {clause}");
                    piece(&name, &literal, Made { rows: 1, ..Made::default() }, [&source, &whole, &whole])
                }
            }
        },
    )
}

/// Up to 12 statements on a table `base`, which the first one makes, in any spelling and with anything between them.
pub(super) fn schema() -> impl Strategy<Value = Schema> {
    let statements: Vec<_> = (1..12).map(statement).collect();
    let noise = prop::collection::vec((separator(), any::<u32>()), 100);
    (statements, 0..12_usize, noise, any::<bool>()).prop_map(|(mut statements, count, noise, is_closed)| {
        let base = "base ( k integer PRIMARY KEY , v text , conflict boolean DEFAULT true )";
        let [source, whole] = ["CREATE TABLE", "CREATE TABLE IF NOT EXISTS"].map(|it| format!("{it} {base}"));
        let base = piece("", "", Made { tables: 1, ..Made::default() }, [&source, &whole, &whole]);
        statements.truncate(count);
        statements.insert(0, base);
        write(&statements, &noise, is_closed)
    })
}

/// Writes the statements down, with as much of `noise` as it needs between words and as their spelling.
fn write(statements: &[Piece], noise: &[(&str, u32)], is_closed: bool) -> Schema {
    let mut noise = noise.iter().cycle();
    let mut schema = Schema::default();
    for (at, piece) in statements.iter().enumerate() {
        schema.made.tables += piece.made.tables;
        schema.made.indexes += piece.made.indexes;
        schema.made.rows += piece.made.rows;
        for word in &piece.source {
            let (separator, spelling) = noise.next().unwrap();
            schema.sql.push_str(if touch(&schema.sql, separator, word) { separator } else { " " });
            let is_keyword = word.bytes().all(|byte| byte.is_ascii_uppercase());
            schema.sql.push_str(&if is_keyword { respell(word, *spelling) } else { word.clone() });
        }
        let fold = |it: &String| if it.contains(['\'', '"']) { it.clone() } else { it.to_ascii_lowercase() };
        let flatten = |words: &[String]| flat(&words.iter().map(fold).collect::<Vec<_>>().join(" "));
        schema.dsql.push(flatten(&piece.dsql));
        schema.postgres.push(flatten(&piece.postgres));
        if is_closed || at + 1 < statements.len() {
            schema.sql.push_str(noise.next().unwrap().0);
            schema.sql.push_str([";", ";;", "; -- ;\n ; "][at % 3]);
        }
    }
    schema
}

/// Whether `before`, `separator` and `after` may follow each other, and are still two tokens if it is empty.
fn touch(before: &str, separator: &str, after: &str) -> bool {
    let is_bracket = |c: char| "(),;".contains(c);
    let is_letter = |c: char| c.is_ascii_alphabetic();
    !separator.is_empty()
        || before.is_empty()
        || before.ends_with(is_bracket)
        || after.starts_with(is_bracket)
        || (before.ends_with(['\'', '"']) && after.starts_with(is_letter))
        || (before.ends_with(is_letter) && after.starts_with('"'))
}

/// The keyword with those letters small whose bits in `spelling` are set.
fn respell(keyword: &str, spelling: u32) -> String {
    let letters = keyword.chars().enumerate();
    letters.map(|(at, c)| if spelling >> (at % 32) & 1 == 1 { c.to_ascii_lowercase() } else { c }).collect()
}

/// One statement with one space between its tokens and none of its words in capitals.
pub(super) fn flat(sql: &str) -> String {
    let statements = sql::split(sql).unwrap();
    let [tokens] = statements.as_slice() else { panic!("{sql:?} is not one statement but {statements:?}") };
    let fold =
        |it: &Token<'_>| if it.text.contains(['\'', '"']) { it.text.to_owned() } else { it.text.to_ascii_lowercase() };
    tokens.iter().map(fold).collect::<Vec<_>>().join(" ")
}

/// A script of the statements.
pub(super) fn join(statements: &[Statement]) -> String {
    statements.iter().map(|statement| format!("{};\n", statement.sql)).collect()
}
