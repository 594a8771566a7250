//! SQL text cut into statements and tokens, where `psql` and the PostgreSQL server cut it.
//!
//! `psql` runs a `\!` wherever it sees one outside quotes, so text that it reads differently from this module could
//! carry a command past it. Its lexer also differs from the server's in places, and between versions. Such text is
//! a [`Fault`], never a guess; only ordinary schemas come out as tokens. `standard_conforming_strings` is taken to
//! be on, as it is by default.

mod lexer;
#[cfg(test)]
mod tests;

/// What a token is, as far as rewriting a statement asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// A keyword or a name without quotes.
    Word,
    /// A name in double quotes, `U&"…"` included.
    Name,
    /// A string of any form, with its quotes.
    Text,
    /// A number or a `$1`.
    Number,
    /// One character of anything else, or `::` or `:=`.
    Symbol,
}

/// A piece of a statement that is neither white space nor comment.
#[derive(Clone, Copy, Debug)]
pub(super) struct Token<'a> {
    pub kind: Kind,
    pub text: &'a str,
    /// Where it starts in the whole text, in bytes.
    pub start: usize,
    /// The line on which it starts; the first is 1.
    pub line: usize,
    /// How many parentheses are open around it.
    pub depth: usize,
}

impl Token<'_> {
    /// Whether this is the keyword, in any case, and not a quoted name of that spelling.
    pub(super) fn is(&self, keyword: &str) -> bool {
        self.kind == Kind::Word && self.text.eq_ignore_ascii_case(keyword)
    }

    /// Where it ends in the whole text, in bytes.
    pub(super) fn end(&self) -> usize {
        self.start + self.text.len()
    }
}

/// Why a statement cannot be used, and what to do about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Fault {
    /// The line of the cause; the first is 1.
    pub line: usize,
    pub found: String,
    pub remedy: &'static str,
}

impl Fault {
    /// A fault on `line`.
    pub(super) fn new(line: usize, found: impl Into<String>, remedy: &'static str) -> Self {
        Self { line, found: found.into(), remedy }
    }
}

/// Cuts `sql` into its statements, in order: of each its tokens (at least one, without the `;`), or the first fault
/// in it. A byte order mark at the start is skipped; white space and comments alone are no statement. A string or
/// comment without its end takes all that follows with it. Takes time linear in the length of `sql`.
pub(super) fn split(sql: &str) -> Vec<Result<Vec<Token<'_>>, Fault>> {
    if let Some(at) = sql.find('\0') {
        let line = 1 + sql[..at].matches('\n').count();
        return vec![Err(Fault::new(line, "a NUL character", "take it out; psql loses the rest of its line"))];
    }
    let mut lexer = lexer::Lexer::new(sql);
    std::iter::from_fn(|| lexer.statement()).collect()
}

/// `text` for use in a message, in backticks: cut after 60 characters, what cannot be seen escaped.
pub(super) fn excerpt(text: &str) -> String {
    let mut shown = String::from("`");
    for char in text.chars().take(60) {
        if char.is_alphanumeric() || char.is_ascii_graphic() || char == ' ' {
            shown.push(char);
        } else {
            shown.extend(char.escape_unicode());
        }
    }
    if text.chars().nth(60).is_some() {
        shown.push('…');
    }
    shown.push('`');
    shown
}
