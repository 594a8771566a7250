//! Made up schemas, in any spelling, and what must come of them.

use proptest::prelude::*;

use super::*;

/// A piece of a statement that is made up; where it stands in the source and in its translations.
#[derive(Clone, Debug)]
struct Atom {
    text: String,
    in_source: bool,
    in_dsql: bool,
    in_postgres: bool,
}

/// What a made up schema leaves in a database that held nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Made {
    pub tables: usize,
    pub indexes: usize,
    pub rows: usize,
}

/// A made up schema file and, statement by statement, what must come of it.
#[derive(Clone, Debug)]
pub(super) struct Schema {
    pub sql: String,
    pub made: Made,
    /// Of each statement the line on which it starts.
    pub lines: Vec<usize>,
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

/// Text that stays.
fn kept(text: impl Into<String>) -> Atom {
    Atom { text: text.into(), in_source: true, in_dsql: true, in_postgres: true }
}

/// Words that stay if they are there, and else come in.
fn wanted(words: &str, is_there: bool) -> Vec<Atom> {
    words.split(' ').map(|word| Atom { in_source: is_there, ..kept(word) }).collect()
}

fn words(text: &str) -> Vec<Atom> {
    text.split(' ').map(kept).collect()
}

fn separator() -> impl Strategy<Value = &'static str> {
    prop::sample::select(vec![
        "",
        "",
        " ",
        "\n",
        "\r\n",
        "\t \x0c",
        "/**/",
        " -- it's; \"\\ $$ INSERT INTO a\n",
        "/* ; ' \\! /* \" ASYNC */ ON CONFLICT DO NOTHING */",
        "\n-- é\r",
    ])
}

/// A name that no other `number` gives.
fn name(number: usize) -> impl Strategy<Value = String> {
    prop::sample::select(vec![
        format!("a{number}"),
        format!("async{number}"),
        format!("é_{number}$a$"),
        format!("\"{number} ;'\"\" IF NOT EXISTS\""),
        format!("\"{number}\\! /* -- \""),
        format!("U&\"{number}\\0061'\""),
    ])
}

/// A value of type text.
fn literal() -> impl Strategy<Value = String> {
    let fixed = prop::sample::select(vec![
        "NULL",
        "' ON CONFLICT DO NOTHING'",
        "'it''s; '",
        "'\\'",
        "E'\\'; \\\\'",
        "e'it''s \\\\'",
        "U&'\\0061;'",
        "N'; --'",
        "$$;'\"\\$$",
        "$a$ ; $$ $b$ /* $a$",
        "$été$;'$été$",
        "'a'\n';b'",
        "'\n@1 0 1 a'",
        "'1'::text",
    ]);
    let free = "[^\0]{0,12}";
    prop_oneof![
        2 => fixed.prop_map(str::to_owned),
        1 => free.prop_map(|text| format!("'{}'", text.replace('\'', "''"))),
        1 => free.prop_map(|text| format!("E'{}'", text.replace('\\', "\\\\").replace('\'', "\\'"))),
    ]
}

fn table(number: usize) -> impl Strategy<Value = (Vec<Atom>, Made)> {
    (any::<bool>(), name(number), literal()).prop_map(|(is_there, name, literal)| {
        let mut atoms = words("CREATE TABLE");
        atoms.extend(wanted("IF NOT EXISTS", is_there));
        atoms.push(kept(name));
        atoms.extend(words("( k integer PRIMARY KEY , \"async\" text DEFAULT"));
        atoms.extend([kept(literal), kept(")")]);
        (atoms, Made { tables: 1, ..Made::default() })
    })
}

fn index(number: usize) -> impl Strategy<Value = (Vec<Atom>, Made)> {
    (any::<[bool; 3]>(), name(number)).prop_map(|([unique, is_async, is_there], name)| {
        let mut atoms = words(if unique { "CREATE UNIQUE INDEX" } else { "CREATE INDEX" });
        atoms.push(Atom { in_source: is_async, in_postgres: false, ..kept("ASYNC") });
        atoms.extend(wanted("IF NOT EXISTS", is_there));
        atoms.push(kept(name));
        atoms.extend(words("ON base ( k , conflict )"));
        (atoms, Made { indexes: 1, ..Made::default() })
    })
}

fn insert(number: usize) -> impl Strategy<Value = (Vec<Atom>, Made)> {
    let query = prop::sample::select(vec![
        "VALUES ( K , L )",
        "SELECT K , L",
        "( SELECT K , L )",
        "SELECT K , L FROM ( VALUES ( 1 ) ) AS b JOIN ( VALUES ( true ) ) AS c ( conflict ) ON conflict",
        "SELECT K AS do , L AS returning FROM ( VALUES ( 1 ) ) AS b CROSS JOIN ( VALUES ( 1 ) ) AS c",
        "WITH b AS ( SELECT K AS k , L AS v ) SELECT k , v FROM b",
    ]);
    let conflict = prop::sample::select(vec![
        "",
        "",
        "ON CONFLICT DO NOTHING",
        "ON CONFLICT ( k ) WHERE conflict DO NOTHING",
        "ON CONFLICT ( k ) DO UPDATE SET v = excluded . v",
    ]);
    let returning = prop::sample::select(vec!["", "RETURNING *", "RETURNING k AS returning , 'RETURNING'"]);
    (query, literal(), conflict, returning).prop_map(move |(query, literal, conflict, returning)| {
        let mut atoms = words("INSERT INTO base ( k , v )");
        atoms.extend(query.split(' ').map(|word| match word {
            "K" => kept(number.to_string()),
            "L" => kept(literal.clone()),
            word => kept(word),
        }));
        match conflict {
            "" => atoms.extend(wanted("ON CONFLICT DO NOTHING", false)),
            clause => atoms.extend(words(clause)),
        }
        if !returning.is_empty() {
            atoms.extend(words(returning));
        }
        (atoms, Made { rows: 1, ..Made::default() })
    })
}

fn namespace(number: usize) -> impl Strategy<Value = (Vec<Atom>, Made)> {
    (any::<bool>(), name(number)).prop_map(|(is_there, name)| {
        let mut atoms = words("CREATE SCHEMA");
        atoms.extend(wanted("IF NOT EXISTS", is_there));
        atoms.push(kept(name));
        (atoms, Made::default())
    })
}

fn statement(number: usize) -> impl Strategy<Value = (Vec<Atom>, Made)> {
    prop_oneof![3 => table(number), 3 => index(number), 3 => insert(number), 1 => namespace(number)]
}

/// Up to 12 statements on a table `base`, which the first one makes, in any spelling and with anything between them.
pub(super) fn schema() -> impl Strategy<Value = Schema> {
    let statements: Vec<_> = (1..12).map(statement).collect();
    let noise = prop::collection::vec((separator(), any::<u32>()), 100);
    (statements, 0..12_usize, noise, any::<bool>()).prop_map(|(mut statements, count, noise, is_closed)| {
        statements.truncate(count);
        let mut base = words("CREATE TABLE");
        base.extend(wanted("IF NOT EXISTS", false));
        base.extend(words("base ( k integer PRIMARY KEY , v text , conflict boolean DEFAULT true )"));
        statements.insert(0, (base, Made { tables: 1, ..Made::default() }));
        write(&statements, &noise, is_closed)
    })
}

/// Writes the statements down, with as much of `noise` as it needs between words and as their spelling.
fn write(statements: &[(Vec<Atom>, Made)], noise: &[(&str, u32)], is_closed: bool) -> Schema {
    let mut noise = noise.iter().cycle();
    let mut schema =
        Schema { sql: String::new(), made: Made::default(), lines: vec![], dsql: vec![], postgres: vec![] };
    for (at, (atoms, made)) in statements.iter().enumerate() {
        schema.made.tables += made.tables;
        schema.made.indexes += made.indexes;
        schema.made.rows += made.rows;
        let (mut dsql, mut postgres) = (Vec::new(), Vec::new());
        for (place, atom) in atoms.iter().enumerate() {
            let (separator, spelling) = noise.next().unwrap();
            if atom.in_source {
                schema.sql.push_str(if touch(&schema.sql, separator, &atom.text) { separator } else { " " });
                if place == 0 {
                    schema.lines.push(1 + schema.sql.matches('\n').count());
                }
                let is_keyword = atom.text.bytes().all(|byte| byte.is_ascii_uppercase());
                schema.sql.push_str(&if is_keyword { respell(&atom.text, *spelling) } else { atom.text.clone() });
            }
            dsql.extend(atom.in_dsql.then_some(atom.text.as_str()));
            postgres.extend(atom.in_postgres.then_some(atom.text.as_str()));
        }
        schema.dsql.push(flat(&dsql.join(" ")));
        schema.postgres.push(flat(&postgres.join(" ")));
        if is_closed || at + 1 < statements.len() {
            schema.sql.push_str(noise.next().unwrap().0);
            schema.sql.push_str([";", ";;", "; /* ; */ ; "][at % 3]);
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
    match sql::split(sql).as_slice() {
        [Ok(tokens)] => {
            let spelling = |token: &Token<'_>| match token.kind {
                Kind::Word => token.text.to_ascii_lowercase(),
                _ => token.text.to_owned(),
            };
            tokens.iter().map(spelling).collect::<Vec<_>>().join(" ")
        }
        other => panic!("{sql:?} is not one statement but {other:?}"),
    }
}

/// A script of the statements.
pub(super) fn join(statements: &[Statement]) -> String {
    statements.iter().map(|statement| format!("{};\n", statement.sql)).collect()
}
