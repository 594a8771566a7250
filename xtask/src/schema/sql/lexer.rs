//! The lexer: tokens, and the statements that they make.

use super::{Fault, Kind, Token, excerpt};

pub(super) struct Lexer<'a> {
    sql: &'a str,
    /// How far it has read, in bytes.
    at: usize,
    /// The line of byte `counted`; lines are counted up to a token when it starts.
    line: usize,
    counted: usize,
    /// Open parentheses, and the line of the outermost.
    depth: usize,
    opened: usize,
}

impl<'a> Lexer<'a> {
    pub(super) fn new(sql: &'a str) -> Self {
        let at = if sql.starts_with('\u{feff}') { '\u{feff}'.len_utf8() } else { 0 };
        Self { sql, at, line: 1, counted: 0, depth: 0, opened: 1 }
    }

    /// The tokens of the next statement, or its first fault; `None` at the end of the text.
    pub(super) fn statement(&mut self) -> Option<Result<Vec<Token<'a>>, Fault>> {
        let mut tokens: Vec<Token<'a>> = Vec::new();
        let mut fault = None;
        loop {
            match self.token(tokens.last()) {
                // Commands end with their line, so that behind one a statement may begin.
                Ok(Some(token)) if token.text.starts_with('\\') => {
                    let found = "a backslash outside quotes, which psql takes for a command of its own";
                    let remedy = "take it out; a schema file holds SQL only";
                    fault = fault.or(Some(Fault::new(token.line, found, remedy)));
                    if tokens.is_empty() {
                        break;
                    }
                }
                Ok(Some(token)) if token.text != ";" => tokens.push(token),
                Ok(Some(_)) if tokens.is_empty() && fault.is_none() => {}
                Ok(_) => break,
                Err(error) => fault = fault.or(Some(error)),
            }
        }
        let remedy = "add the `)`; psql would take the next statement into this one";
        let unclosed = (self.depth > 0).then(|| Fault::new(self.opened, "a `(` that is not closed", remedy));
        self.depth = 0;
        match fault.or(unclosed) {
            Some(fault) => Some(Err(fault)),
            None if tokens.is_empty() => None,
            None => Some(Ok(tokens)),
        }
    }

    /// The next token, a whole line where it is a backslash, `None` at the end of the text. `before` is the one before it in the same statement.
    fn token(&mut self, before: Option<&Token<'a>>) -> Result<Option<Token<'a>>, Fault> {
        self.skip_space_and_comments()?;
        let Some(byte) = self.peek(0) else {
            return Ok(None);
        };
        let (start, line) = (self.at, self.line_here());
        let kind = match (byte, self.peek(1), self.peek(2)) {
            (b'\'', ..) => self.pass_quoted(0, false)?,
            (b'"', ..) => self.pass_quoted(0, false)?,
            (b'E' | b'e', Some(b'\''), _) => self.pass_quoted(1, true)?,
            (b'U' | b'u', Some(b'&'), Some(b'\'' | b'"')) => self.pass_quoted(2, false)?,
            (b'0'..=b'9', ..) | (b'.' | b'$', Some(b'0'..=b'9'), _) => self.pass_number()?,
            (b'$', ..) => self.pass_dollar_quoted()?,
            (b':', ..) => self.pass_colon()?,
            (b'(' | b')', ..) => self.pass_parenthesis(byte)?,
            (b'\\', ..) => {
                self.pass_while(|byte| byte != b'\n');
                Kind::Symbol
            }
            _ if starts_word(byte) => {
                self.pass_while(continues_word);
                Kind::Word
            }
            _ => self.pass(1),
        };
        // The server takes the second string for more of the first, psql for one without escapes.
        if byte == b'\'' && before.is_some_and(|token| token.kind == Kind::Text && token.text.starts_with(['E', 'e'])) {
            return Err(Fault::new(line, "an E'…' string that goes on in another", "write it as one string"));
        }
        let depth = if byte == b'(' { self.depth - 1 } else { self.depth };
        Ok(Some(Token { kind, text: &self.sql[start..self.at], start, line, depth }))
    }

    fn peek(&self, ahead: usize) -> Option<u8> {
        self.sql.as_bytes().get(self.at + ahead).copied()
    }

    fn line_here(&mut self) -> usize {
        self.line += self.sql[self.counted..self.at].matches('\n').count();
        self.counted = self.at;
        self.line
    }

    fn pass(&mut self, bytes: usize) -> Kind {
        self.at += bytes;
        Kind::Symbol
    }

    fn pass_while(&mut self, test: impl Fn(u8) -> bool) {
        while self.peek(0).is_some_and(&test) {
            self.at += 1;
        }
    }

    fn skip_space_and_comments(&mut self) -> Result<(), Fault> {
        loop {
            match (self.peek(0), self.peek(1)) {
                (Some(byte), _) if is_space(byte) => self.pass_while(is_space),
                // A carriage return alone ends the comment, for psql and the server too.
                (Some(b'-'), Some(b'-')) => self.pass_while(|byte| byte != b'\n' && byte != b'\r'),
                (Some(b'/'), Some(b'*')) => self.pass_block_comment()?,
                _ => return Ok(()),
            }
        }
    }

    fn pass_block_comment(&mut self) -> Result<(), Fault> {
        let line = self.line_here();
        let mut open = 0;
        loop {
            match (self.peek(0), self.peek(1)) {
                (Some(b'/'), Some(b'*')) => (self.at, open) = (self.at + 2, open + 1),
                (Some(b'*'), Some(b'/')) => (self.at, open) = (self.at + 2, open - 1),
                (Some(_), _) => self.at += 1,
                (None, _) => {
                    return Err(Fault::new(line, "a comment without its end", "add the `*/`; comments nest"));
                }
            }
            if open == 0 {
                return Ok(());
            }
        }
    }

    /// Passes `prefix` bytes, and what the quote after them opens. A doubled quote stands for itself.
    fn pass_quoted(&mut self, prefix: usize, escapes: bool) -> Result<Kind, Fault> {
        self.at += prefix;
        let (line, quote) = (self.line_here(), self.peek(0));
        self.at += 1;
        loop {
            match self.peek(0) {
                Some(b'\\') if escapes => self.at = self.sql.len().min(self.at + 2),
                Some(_) if self.peek(0) != quote => self.at += 1,
                Some(_) if self.peek(1) == quote => self.at += 2,
                Some(_) => {
                    self.at += 1;
                    return Ok(if quote == Some(b'"') { Kind::Name } else { Kind::Text });
                }
                None if quote == Some(b'"') => {
                    return Err(Fault::new(line, "a quoted name without its end", "add the `\"`"));
                }
                None => return Err(Fault::new(line, "a string without its end", "add the `'`")),
            }
        }
    }

    fn pass_dollar_quoted(&mut self) -> Result<Kind, Fault> {
        let (start, line) = (self.at, self.line_here());
        self.at += 1;
        if self.peek(0).is_some_and(starts_word) {
            self.pass_while(|byte| byte != b'$' && continues_word(byte));
        }
        if self.peek(0) != Some(b'$') {
            return Err(Fault::new(
                line,
                "a `$` that begins no string",
                "put the text or name it is part of in quotes",
            ));
        }
        self.at += 1;
        let delimiter = &self.sql[start..self.at];
        if let Some(length) = self.sql[self.at..].find(delimiter) {
            self.at += length + delimiter.len();
            return Ok(Kind::Text);
        }
        self.at = self.sql.len();
        let found = format!("a {} string without its end", excerpt(delimiter));
        Err(Fault::new(line, found, "repeat its delimiter where it ends"))
    }

    /// Passes a number or a `$1`. Where the number ends when letters, a quote or a sign follow it depends on the
    /// version of psql, and with it whether a string or a comment begins there.
    fn pass_number(&mut self) -> Result<Kind, Fault> {
        let (start, line) = (self.at, self.line_here());
        self.at += 1;
        self.pass_while(|byte| byte == b'.' || (byte != b'$' && continues_word(byte)));
        let mut runs_on = false;
        if matches!(self.sql.as_bytes()[self.at - 1], b'e' | b'E') && matches!(self.peek(0), Some(b'+' | b'-')) {
            self.at += 1;
            runs_on = !self.peek(0).is_some_and(|byte| byte.is_ascii_digit());
            self.pass_while(|byte| byte.is_ascii_digit());
        }
        runs_on |= self.peek(0).is_some_and(|byte| continues_word(byte) || matches!(byte, b'\'' | b'"'));
        if runs_on {
            let found = format!("a number that runs into what follows it, {}", excerpt(&self.sql[start..self.at]));
            return Err(Fault::new(line, found, "put a space after the number"));
        }
        Ok(Kind::Number)
    }

    fn pass_colon(&mut self) -> Result<Kind, Fault> {
        let line = self.line_here();
        match self.peek(1) {
            Some(b':' | b'=') => Ok(self.pass(2)),
            Some(next) if starts_word(next) || matches!(next, b'\'' | b'"' | b'{') => {
                self.at += 1;
                Err(Fault::new(line, "a `:` that psql takes for a variable of its own", "put a space after the `:`"))
            }
            _ => Ok(self.pass(1)),
        }
    }

    fn pass_parenthesis(&mut self, byte: u8) -> Result<Kind, Fault> {
        let line = self.line_here();
        match (byte, self.depth) {
            (b'(', depth) => {
                self.opened = if depth == 0 { line } else { self.opened };
                self.depth += 1;
            }
            (_, 0) => {
                self.at += 1;
                return Err(Fault::new(line, "a `)` that closes nothing", "take it out, or add the `(`"));
            }
            _ => self.depth -= 1,
        }
        Ok(self.pass(1))
    }
}

fn is_space(byte: u8) -> bool {
    byte.is_ascii_whitespace() || byte == b'\x0b'
}

/// Whether a name may start with this byte; every byte of a character beyond ASCII counts as a letter.
fn starts_word(byte: u8) -> bool {
    byte.is_ascii_alphabetic() || byte == b'_' || byte >= 0x80
}

fn continues_word(byte: u8) -> bool {
    starts_word(byte) || byte.is_ascii_digit() || byte == b'$'
}
