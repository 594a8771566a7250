//! Schema SQL, written for DSQL or for PostgreSQL, made repeatable and put into the dialect of one of them.
//!
//! Repeatable means that a statement can run again on a database where it has run before, and then changes nothing:
//! tables, indexes and schemas get `IF NOT EXISTS`, inserts `ON CONFLICT DO NOTHING`. (An insert into a table whose
//! keys are made up anew for each row has no conflict; seed rows need keys of their own.) What cannot be made
//! repeatable is refused. The only difference between the dialects that schemas show is the word `ASYNC`, which DSQL
//! demands on every index and PostgreSQL does not know.
//!
//! No I/O happens here, and nothing but the words in question changes: comments, spelling and line ends stay.

use std::fmt;

use super::sql::{self, Fault, Kind, Token, excerpt};

#[cfg(test)]
mod generate;
#[cfg(test)]
mod properties;
#[cfg(test)]
mod server;
#[cfg(test)]
mod tests;

/// Whose SQL is wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Dialect {
    Dsql,
    Postgres,
}

/// The text of one schema file.
#[derive(Clone, Debug)]
pub(crate) struct Source {
    /// What errors call the file.
    pub name: String,
    pub sql: String,
}

/// One repeatable statement, from its first word to its last: no comment around it, no `;`. It neither opens
/// anything that it does not close nor ends in a comment, so that `sql` + `;` is safe wherever a statement may stand.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Statement {
    pub file: String,
    /// The line in that file on which it starts; the first is 1.
    pub line: usize,
    pub sql: String,
}

/// A statement that cannot be repeated, or text that is no statement. Displays as `file:line: found: remedy`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Refusal {
    pub file: String,
    /// The line in that file of the cause; the first is 1.
    pub line: usize,
    pub found: String,
    pub remedy: &'static str,
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { file, line, found, remedy } = self;
        write!(f, "{file}:{line}: {found}: {remedy}")
    }
}

/// All statements of `source`, in order, made repeatable in `dialect`; or, if any cannot be, all that cannot, in order.
/// Translating its own output, joined with `;`, changes nothing more.
pub(crate) fn translate(dialect: Dialect, source: &Source) -> Result<Vec<Statement>, Vec<Refusal>> {
    let mut statements = Vec::new();
    let mut refusals = Vec::new();
    for tokens in sql::split(&source.sql) {
        match tokens.and_then(|tokens| make_repeatable(dialect, &source.sql, &tokens)) {
            Ok((line, sql)) => statements.push(Statement { file: source.name.clone(), line, sql }),
            Err(Fault { line, found, remedy }) => {
                refusals.push(Refusal { file: source.name.clone(), line, found, remedy });
            }
        }
    }
    if refusals.is_empty() { Ok(statements) } else { Err(refusals) }
}

/// The line and the new text of the statement that `tokens` of `sql` make up.
fn make_repeatable(dialect: Dialect, sql: &str, tokens: &[Token<'_>]) -> Result<(usize, String), Fault> {
    let edit = if starts_with(tokens, &["CREATE", "TABLE"]) {
        edit_table(tokens)?
    } else if starts_with(tokens, &["CREATE", "INDEX"]) {
        edit_index(dialect, tokens, 1)?
    } else if starts_with(tokens, &["CREATE", "UNIQUE", "INDEX"]) {
        edit_index(dialect, tokens, 2)?
    } else if starts_with(tokens, &["CREATE", "SCHEMA"]) {
        edit_schema(tokens)?
    } else if starts_with(tokens, &["INSERT", "INTO"]) {
        edit_insert(tokens)?
    } else {
        let remedy = "only CREATE TABLE, INDEX and SCHEMA and INSERT INTO can; use them, or apply it by hand";
        return Err(refuse(tokens, "cannot be repeated safely", remedy));
    };
    Ok((tokens[0].line, apply(sql, tokens, &edit)))
}

/// What a statement lacks; the numbers are places in its tokens.
#[derive(Clone, Copy)]
enum Edit {
    Keep,
    InsertAfter(usize, &'static str),
    Replace(usize, &'static str),
    Remove(usize),
}

fn apply(sql: &str, tokens: &[Token<'_>], edit: &Edit) -> String {
    let (start, end) = (tokens[0].start, tokens[tokens.len() - 1].end());
    let (before, words, after) = match *edit {
        Edit::Keep => return sql[start..end].to_owned(),
        Edit::InsertAfter(at, words) => {
            let (before, after) = (&sql[start..tokens[at].end()], &sql[tokens[at].end()..end]);
            let gap = if after.is_empty() || after.starts_with(|c: char| c.is_ascii_whitespace()) { "" } else { " " };
            (before, format!(" {words}{gap}"), after)
        }
        Edit::Replace(at, words) => (&sql[start..tokens[at].start], words.to_owned(), &sql[tokens[at].end()..end]),
        // The space behind it goes with it; the one before may end a comment.
        Edit::Remove(at) => {
            let after = sql[tokens[at].end()..end].trim_ascii_start();
            (&sql[start..tokens[at].start], String::new(), after)
        }
    };
    format!("{before}{words}{after}")
}

fn edit_table(tokens: &[Token<'_>]) -> Result<Edit, Fault> {
    let (repeatable, name) = pass_if_not_exists(tokens, 2)?;
    if !is_name(tokens, name) {
        return Err(refuse(tokens, "names no table", "give it a name"));
    }
    Ok(if repeatable { Edit::Keep } else { Edit::InsertAfter(1, "IF NOT EXISTS") })
}

/// `index` is the place of the word INDEX. An ASYNC behind it is the keyword, as it is to DSQL.
fn edit_index(dialect: Dialect, tokens: &[Token<'_>], index: usize) -> Result<Edit, Fault> {
    let is_async = is(tokens, index + 1, "ASYNC");
    let head = if is_async { index + 1 } else { index };
    if is(tokens, head + 1, "CONCURRENTLY") {
        let remedy = "take CONCURRENTLY out; DSQL does not know it, and PostgreSQL not in a transaction";
        return Err(refuse(tokens, "cannot be repeated safely", remedy));
    }
    let (repeatable, name) = pass_if_not_exists(tokens, head + 1)?;
    if is(tokens, name, "ON") || !is_name(tokens, name) {
        let remedy = "IF NOT EXISTS needs one; put it before ON (if the name is async, in double quotes)";
        return Err(refuse(tokens, "gives the index no name", remedy));
    }
    if !is(tokens, name + 1, "ON") {
        let remedy = "write CREATE [UNIQUE] INDEX [ASYNC] [IF NOT EXISTS] name ON table (…)";
        return Err(refuse(tokens, "has no ON behind the name of the index", remedy));
    }
    Ok(match (dialect, is_async, repeatable) {
        (Dialect::Dsql, true, true) | (Dialect::Postgres, false, true) => Edit::Keep,
        (Dialect::Dsql, true, false) => Edit::InsertAfter(head, "IF NOT EXISTS"),
        (Dialect::Dsql, false, true) => Edit::InsertAfter(index, "ASYNC"),
        (Dialect::Dsql, false, false) => Edit::InsertAfter(index, "ASYNC IF NOT EXISTS"),
        (Dialect::Postgres, true, true) => Edit::Remove(head),
        (Dialect::Postgres, true, false) => Edit::Replace(head, "IF NOT EXISTS"),
        (Dialect::Postgres, false, false) => Edit::InsertAfter(index, "IF NOT EXISTS"),
    })
}

fn edit_schema(tokens: &[Token<'_>]) -> Result<Edit, Fault> {
    let (repeatable, name) = pass_if_not_exists(tokens, 2)?;
    let owner = if is(tokens, name, "AUTHORIZATION") { name } else { name + 1 };
    let is_plain = match tokens.len() - owner.min(tokens.len()) {
        0 => is_name(tokens, name),
        2 => is_name(tokens, name) && is(tokens, owner, "AUTHORIZATION") && is_name(tokens, owner + 1),
        _ => false,
    };
    if !is_plain {
        let remedy = "write CREATE SCHEMA name, and what is in it as statements of their own";
        return Err(refuse(tokens, "cannot be repeated safely", remedy));
    }
    Ok(if repeatable { Edit::Keep } else { Edit::InsertAfter(1, "IF NOT EXISTS") })
}

fn edit_insert(tokens: &[Token<'_>]) -> Result<Edit, Fault> {
    if !is_name(tokens, 2) {
        return Err(refuse(tokens, "names no table", "give it one"));
    }
    if has_conflict_clause(tokens) {
        return Ok(Edit::Keep);
    }
    if is_column(tokens, tokens.len()) {
        return Err(refuse(tokens, "ends before a name that must follow", "finish it"));
    }
    let returning = (3..tokens.len()).find(|&at| is_clause(tokens, at, "RETURNING"));
    Ok(Edit::InsertAfter(returning.unwrap_or(tokens.len()) - 1, "ON CONFLICT DO NOTHING"))
}

/// Whether there is `ON CONFLICT … DO …`, and not only a join on something called conflict: that has no DO.
fn has_conflict_clause(tokens: &[Token<'_>]) -> bool {
    let is_action = |at| is(tokens, at, "NOTHING") || is(tokens, at, "UPDATE");
    (3..tokens.len())
        .find(|&at| is_clause(tokens, at, "ON") && is(tokens, at + 1, "CONFLICT"))
        .is_some_and(|on| (on + 2..tokens.len()).any(|at| is_clause(tokens, at, "DO") && is_action(at + 1)))
}

/// Whether the reserved word `keyword` at `at` (not 0) opens a clause of the statement itself: it is in no
/// parentheses, and no column's name.
fn is_clause(tokens: &[Token<'_>], at: usize, keyword: &str) -> bool {
    is(tokens, at, keyword) && tokens[at].depth == 0 && !is_column(tokens, at)
}

/// Whether a reserved word at `at` (not 0) is a column's name, which it can only be behind AS or a dot.
fn is_column(tokens: &[Token<'_>], at: usize) -> bool {
    is(tokens, at - 1, "AS") || tokens[at - 1].text == "."
}

/// Whether IF NOT EXISTS stands at `at`, and the place after it. IF alone may be a name, IF NOT cannot.
fn pass_if_not_exists(tokens: &[Token<'_>], at: usize) -> Result<(bool, usize), Fault> {
    if !is(tokens, at, "IF") || !is(tokens, at + 1, "NOT") {
        return Ok((false, at));
    }
    if is(tokens, at + 2, "EXISTS") {
        return Ok((true, at + 3));
    }
    Err(refuse(tokens, "has IF NOT without EXISTS", "write IF NOT EXISTS"))
}

fn starts_with(tokens: &[Token<'_>], keywords: &[&str]) -> bool {
    keywords.iter().enumerate().all(|(at, keyword)| is(tokens, at, keyword))
}

fn is(tokens: &[Token<'_>], at: usize, keyword: &str) -> bool {
    tokens.get(at).is_some_and(|token| token.is(keyword))
}

fn is_name(tokens: &[Token<'_>], at: usize) -> bool {
    tokens.get(at).is_some_and(|token| matches!(token.kind, Kind::Word | Kind::Name))
}

/// The fault that the statement, called by its first words, `has`.
fn refuse(tokens: &[Token<'_>], has: &str, remedy: &'static str) -> Fault {
    let words = tokens.iter().take(4).take_while(|token| matches!(token.kind, Kind::Word | Kind::Name));
    let words: Vec<&str> = words.map(|token| token.text).collect();
    let opening = if words.is_empty() { tokens[0].text.to_owned() } else { words.join(" ") };
    Fault::new(tokens[0].line, format!("{} {has}", excerpt(&opening)), remedy)
}
