//! Schema SQL, written for DSQL or for PostgreSQL, made repeatable and put into the dialect of one of them.
//!
//! Repeatable means that a statement can run again on a database where it has run before, and then changes nothing:
//! tables and indexes get `IF NOT EXISTS`, inserts `ON CONFLICT DO NOTHING`. (An insert into a table whose keys are
//! made up anew for each row has no conflict; seed rows need keys of their own.) What cannot be made repeatable is
//! refused. The dialects differ in the word `ASYNC`, which DSQL demands on every index and PostgreSQL does not know.

use super::sql::{self, Fault, Token};
use crate::machine::term::shorten;

#[cfg(test)]
mod generate;
#[cfg(test)]
mod properties;
#[cfg(test)]
mod server;
#[cfg(test)]
mod tests;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Dialect {
    Dsql,
    Postgres,
}

/// One repeatable statement, from its first word to its last: no comment around it, no `;`. It neither opens anything
/// that it does not close nor ends in a comment, so that `sql` + `;` is safe wherever a statement may stand.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Statement {
    pub sql: String,
    /// The table or index that it creates, as the catalogue spells it.
    pub creates: Option<String>,
}

/// All statements, in order, made repeatable; or, if any cannot be, all that cannot. A second time changes nothing.
pub(super) fn translate(dialect: Dialect, sql: &str) -> Result<Vec<Statement>, Vec<Fault>> {
    let (mut statements, mut faults) = (Vec::new(), Vec::new());
    for tokens in sql::split(sql).map_err(|it| vec![it])? {
        match create(dialect, sql, &tokens).or_else(|| insert(sql, &tokens)) {
            Some(it) => statements.push(it),
            None => faults.push(refuse(sql, &tokens)),
        }
    }
    if faults.is_empty() { Ok(statements) } else { Err(faults) }
}

/// `CREATE TABLE name (…)` or `CREATE [UNIQUE] INDEX [ASYNC] name ON …`.
fn create(dialect: Dialect, sql: &str, tokens: &[Token<'_>]) -> Option<Statement> {
    let mut rest = tokens;
    let mut kinds = ["TABLE", "INDEX", "UNIQUE INDEX"].into_iter();
    let kind = kinds.find(|it| pass(&mut rest, &format!("CREATE {it}")))?;
    let is_table = kind == "TABLE";
    // To DSQL too it is the keyword, and an index of that name needs double quotes.
    _ = !is_table && pass(&mut rest, "ASYNC");
    pass(&mut rest, "IF NOT EXISTS");
    let [name, next, .., last] = rest else { return None };
    if !name.is_name() || !(if is_table { next.text == "(" } else { next.is("ON") }) {
        return None;
    }
    let creates = match name.text.strip_prefix('"').and_then(|it| it.strip_suffix('"')) {
        Some(quoted) => quoted.replace("\"\"", "\""),
        None => name.text.to_ascii_lowercase(),
    };
    let wait = if !is_table && dialect == Dialect::Dsql { " ASYNC" } else { "" };
    let sql = format!("CREATE {kind}{wait} IF NOT EXISTS {}", &sql[name.start..last.end()]);
    Some(Statement { sql, creates: Some(creates) })
}

/// `INSERT INTO name … VALUES … [ON CONFLICT …]`.
fn insert(sql: &str, tokens: &[Token<'_>]) -> Option<Statement> {
    let mut rest = tokens;
    if !pass(&mut rest, "INSERT INTO") || !rest.first()?.is_name() {
        return None;
    }
    let outer: Vec<&Token<'_>> = rest.iter().filter(|it| it.depth == 0 && !"(,)".contains(it.text)).collect();
    let values = outer.iter().position(|it| it.is("VALUES"))?;
    let clause = match outer[values + 1..] {
        [] => " ON CONFLICT DO NOTHING",
        [on, conflict, ..] if on.is("ON") && conflict.is("CONFLICT") => "",
        _ => return None,
    };
    let sql = format!("{}{clause}", &sql[tokens[0].start..rest.last()?.end()]);
    Some(Statement { sql, creates: None })
}

/// Passes these keywords if they all come next.
fn pass(rest: &mut &[Token<'_>], keywords: &str) -> bool {
    let count = keywords.split(' ').count();
    let is_there = rest.len() >= count && keywords.split(' ').zip(*rest).all(|(keyword, it)| it.is(keyword));
    if is_there {
        *rest = &rest[count..];
    }
    is_there
}

fn refuse(sql: &str, tokens: &[Token<'_>]) -> Fault {
    let words: Vec<&str> = tokens.iter().take(4).map(|it| it.text).collect();
    let found = format!("`{}` cannot be repeated safely", shorten(&words.join(" ")));
    let remedy = "only `CREATE TABLE name (…)`, `CREATE [UNIQUE] INDEX [ASYNC] name ON …` and \
                  `INSERT INTO name … VALUES …` can; write it so, or apply it by hand";
    Fault::new(sql, tokens[0].start, found, remedy)
}
