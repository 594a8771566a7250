//! SQL text cut into statements and tokens, where `psql` and the PostgreSQL server cut it.
//!
//! `psql` runs a `\!` wherever it sees one outside quotes, and its lexer differs from the server's in places, and
//! between versions. So this one knows only what schemas are made of: words, numbers, `'…''…'`, `"…"`, `--` and
//! parentheses. Whatever else could make the three cut differently is a [`Fault`], never a guess.

#[cfg(test)]
mod tests;

/// A piece of a statement that is neither white space nor comment.
#[derive(Clone, Copy, Debug)]
pub(super) struct Token<'a> {
    pub text: &'a str,
    /// Where it starts in the whole text, in bytes.
    pub start: usize,
    /// How many parentheses are open around it.
    pub depth: usize,
}

impl Token<'_> {
    /// Whether this is the keyword, in any case, and not a quoted name of that spelling.
    pub(super) fn is(&self, keyword: &str) -> bool {
        self.text.eq_ignore_ascii_case(keyword)
    }

    pub(super) fn is_name(&self) -> bool {
        self.text.bytes().next().is_some_and(|it| it == b'"' || starts_word(it))
    }

    /// Where it ends in the whole text, in bytes.
    pub(super) fn end(&self) -> usize {
        self.start + self.text.len()
    }
}

/// Why a text cannot be used, and what to do about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Fault {
    /// The line of the cause; the first is 1.
    pub line: usize,
    pub found: String,
    pub remedy: &'static str,
}

impl Fault {
    /// A fault at byte `at` of `sql`.
    pub(super) fn new(sql: &str, at: usize, found: impl Into<String>, remedy: &'static str) -> Fault {
        let line = 1 + sql.as_bytes()[..at].iter().filter(|it| **it == b'\n').count();
        Fault { line, found: found.into(), remedy }
    }
}

/// Cuts `sql` into its statements: of each its tokens, without the `;`. Like `psql`, it ends none within parentheses.
pub(super) fn split(sql: &str) -> Result<Vec<Vec<Token<'_>>>, Fault> {
    let mut statements = vec![Vec::new()];
    let mut open = Vec::new();
    let mut start = 0;
    while start < sql.len() {
        let length = length(&sql.as_bytes()[start..])
            .map_err(|(at, found)| Fault::new(sql, start + at, found, "write it without, or apply it by hand"))?;
        let text = &sql[start..start + length];
        if text == ")" && open.pop().is_none() {
            return Err(Fault::new(sql, start, "a `)` that closes nothing", "take it out, or add the `(`"));
        }
        if text == ";" && open.is_empty() {
            statements.push(Vec::new());
        } else if !text.starts_with(|it: char| it.is_ascii_whitespace()) && !text.starts_with("--") {
            let statement = statements.last_mut().expect("there is always one");
            statement.push(Token { text, start, depth: open.len() });
        }
        if text == "(" {
            open.push(start);
        }
        start += length;
    }
    if let Some(at) = open.first() {
        return Err(Fault::new(sql, *at, "a `(` that is not closed", "add the `)`"));
    }
    statements.retain(|it| !it.is_empty());
    Ok(statements)
}

/// How many bytes the token, the white space or the comment has with which `text` begins; or where it cannot be used.
fn length(text: &[u8]) -> Result<usize, (usize, &'static str)> {
    let run = |is: &dyn Fn(u8) -> bool| text.iter().position(|it| !is(*it)).unwrap_or(text.len());
    match text {
        // A carriage return alone ends a comment too.
        [b'-', b'-', ..] => Ok(run(&|it| !matches!(it, b'\n' | b'\r'))),
        [b'/', b'*', ..] => Err((0, "a comment in `/*`")),
        [b'\\', ..] => Err((0, "a backslash")),
        [b'$', ..] => Err((0, "a `$`")),
        [0, ..] => Err((0, "a NUL character")),
        [b'E' | b'e', b'\'', ..] => Err((0, "a string `E'…'`")),
        [b'U' | b'u', b'&', b'\'' | b'"', ..] => Err((0, "a string or name in `U&`")),
        [b':', b':', ..] => Ok(2),
        [b':', ..] => Err((0, "a `:`, as before a variable of psql's")),
        [b'\'' | b'"', ..] => quoted(text),
        [b'0'..=b'9', ..] | [b'.', b'0'..=b'9', ..] => {
            let length = run(&|it| it == b'.' || it.is_ascii_digit());
            // With them it would depend on the version of psql where it ends: `1e--`.
            match text.get(length) {
                Some(it) if starts_word(*it) => Err((0, "a number with letters")),
                _ => Ok(length),
            }
        }
        [it, ..] if it.is_ascii_whitespace() => Ok(run(&|it| it.is_ascii_whitespace())),
        [it, ..] if starts_word(*it) => Ok(run(&|it| starts_word(it) || it.is_ascii_digit())),
        _ => Ok(1),
    }
}

/// A string or name with its quotes; a doubled quote stands for itself.
fn quoted(text: &[u8]) -> Result<usize, (usize, &'static str)> {
    let mut at = 1;
    loop {
        match text[at..] {
            [it, next, ..] if it == text[0] && next == text[0] => at += 2,
            [it, ..] if it == text[0] => return Ok(at + 1),
            [b'\\', ..] => return Err((at, "a backslash")),
            [0, ..] => return Err((at, "a NUL character")),
            [] => return Err((0, "a quote without its end")),
            _ => at += 1,
        }
    }
}

/// Whether a word may start with this byte; every byte of a character beyond ASCII counts as a letter.
fn starts_word(byte: u8) -> bool {
    byte.is_ascii_alphabetic() || byte == b'_' || byte >= 0x80
}
