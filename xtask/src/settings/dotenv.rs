//! Reads `.env` files as Docker Compose does: comments, `export`, quotes, escapes, CRLF, references.
//! Stricter in two points: text after a closing quote and a value without a name are refused, where Compose drops them.

mod references;

use std::{cell::Cell, collections::BTreeMap, ops::Range};

use crate::machine::finding::{At, Finding, finding};

use references::expand_noting;
pub use references::{Lookup, expand};

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Entry {
    pub key: String,
    /// The value, with quotes, escapes and references resolved.
    pub value: String,
    /// The line of the key, from 1.
    pub line: usize,
    /// Bytes of the value as written, with its quotes.
    pub span: Range<usize>,
    /// Whether it refers to something that is not set, so that nothing stands in its place.
    pub is_cut: bool,
}

/// Reads a file's text; an error holds every line that cannot be read. As in Compose, references look at `environment`
/// first and then at earlier lines, and a key without a separator takes its value from there, where it has one.
pub(crate) fn parse(
    file: &str,
    text: &str,
    environment: &dyn Fn(&str) -> Option<String>,
) -> Result<Vec<Entry>, Vec<Finding>> {
    let mut reader =
        Reader { text, at: text.strip_prefix('\u{feff}').map_or(0, |_| 3), line: 1, cut: Cell::new(false) };
    let (mut entries, mut problems) = (Vec::<Entry>::new(), Vec::new());
    let mut known = BTreeMap::<String, String>::new();
    while reader.skip_blank() {
        let line = reader.line;
        let lookup = |name: &str| environment(name).or_else(|| known.get(name).cloned());
        match reader.assignment(&lookup) {
            Ok(Some((key, value, span))) => {
                known.insert(key.clone(), value.clone());
                entries.push(Entry { key, value, line, span, is_cut: reader.cut.take() });
            }
            Ok(None) => {}
            Err(message) => {
                problems.push(finding(message, "").at(At::File(file.to_owned(), Some(line))));
                reader.skip_line();
            }
        }
    }
    if problems.is_empty() { Ok(entries) } else { Err(problems) }
}

struct Reader<'a> {
    text: &'a str,
    at: usize,
    line: usize,
    /// What [`Entry::is_cut`] will be.
    cut: Cell<bool>,
}

impl<'a> Reader<'a> {
    fn rest(&self) -> &'a str {
        &self.text[self.at..]
    }

    fn advance(&mut self, bytes: usize) {
        self.line += self.rest()[..bytes].matches('\n').count();
        self.at += bytes;
    }

    /// Skips white space and comments; false at the end of the text.
    fn skip_blank(&mut self) -> bool {
        loop {
            let rest = self.rest();
            self.advance(rest.len() - rest.trim_start().len());
            match self.rest().chars().next() {
                None => return false,
                Some('#') => self.skip_line(),
                Some(_) => return true,
            }
        }
    }

    fn skip_line(&mut self) {
        let rest = self.rest();
        self.advance(rest.find('\n').unwrap_or(rest.len()));
    }

    fn skip_spaces(&mut self) {
        let rest = self.rest();
        let is_space = |c: char| c != '\n' && c.is_whitespace();
        let after = rest.trim_start_matches(is_space);
        let spaces = &rest[..rest.len() - after.len()];
        // The carriage return of a line's end is no part of a value that is empty.
        let end = if after.starts_with('\n') { spaces.strip_suffix('\r').unwrap_or(spaces) } else { spaces };
        self.advance(end.len());
    }

    fn assignment(&mut self, lookup: &Lookup<'_>) -> Result<Option<(String, String, Range<usize>)>, String> {
        if self.rest().strip_prefix("export").is_some_and(|it| it.starts_with([' ', '\t'])) {
            self.advance("export".len());
            self.skip_spaces();
        }
        let line = self.rest().lines().next().unwrap_or("");
        let length = line.find(['=', ':']).unwrap_or(line.len());
        let key = line[..length].trim_end();
        check_key(key)?;
        if length == line.len() {
            self.advance(length);
            let end = self.at;
            return Ok(lookup(key).map(|value| (key.to_owned(), value, end..end)));
        }
        self.advance(length + 1);
        self.skip_spaces();
        let start = self.at;
        let value = match self.rest().chars().next() {
            Some(quote @ ('\'' | '"')) => self.quoted(quote, lookup)?,
            _ => self.unquoted(lookup)?,
        };
        Ok(Some((key.to_owned(), value.0, start..value.1)))
    }

    fn unquoted(&mut self, lookup: &Lookup<'_>) -> Result<(String, usize), String> {
        let line = self.rest().lines().next().unwrap_or("");
        let raw = line.find(" #").map_or(line, |comment| &line[..comment]).trim_end();
        let value = expand_noting(raw, lookup, &self.cut)?;
        let end = self.at + raw.len();
        self.skip_line();
        Ok((value, end))
    }

    fn quoted(&mut self, quote: char, lookup: &Lookup<'_>) -> Result<(String, usize), String> {
        let body = &self.rest()[1..];
        let mut escaped = false;
        let close = body.find(|c| {
            let closes = c == quote && !escaped;
            escaped = c == '\\' && !escaped;
            closes
        });
        let close = close.ok_or_else(|| format!("the value opens with {quote} and never closes"))?;
        let raw = &body[..close];
        let end = self.at + close + 2;
        let after = body[close + 1..].lines().next().unwrap_or("");
        if !after.trim().is_empty() && !after.trim_start().starts_with('#') {
            // What it is may be the rest of a password.
            return Err(format!("something follows the closing {quote}: only a comment may"));
        }
        let value =
            if quote == '\'' { raw.replace("\\'", "'") } else { expand_noting(&unescape(raw), lookup, &self.cut)? };
        self.advance(close + 2);
        self.skip_line();
        Ok((value, end))
    }
}

fn check_key(key: &str) -> Result<(), String> {
    if key.is_empty() {
        return Err("there is no variable name before the value".to_owned());
    }
    match key.chars().find(|c| !(c.is_alphanumeric() || matches!(c, '_' | '.' | '-' | '[' | ']'))) {
        None => Ok(()),
        Some(c) if c.is_whitespace() => Err("this is not `NAME=value`: a name holds no space".to_owned()),
        Some(c) => Err(format!("this is not `NAME=value`: a name does not hold {c:?}")),
    }
}

/// Resolves backslash escapes, but keeps `\$` as `$$`, which [`expand`] reads as one dollar.
fn unescape(raw: &str) -> String {
    let mut out = String::with_capacity(raw.len());
    let mut rest = raw;
    while let Some(at) = rest.find('\\') {
        out.push_str(&rest[..at]);
        rest = &rest[at + 1..];
        let Some(c) = rest.chars().next() else {
            out.push('\\');
            break;
        };
        rest = &rest[c.len_utf8()..];
        match c {
            'a' => out.push('\u{7}'),
            'b' => out.push('\u{8}'),
            'f' => out.push('\u{c}'),
            'n' => out.push('\n'),
            'r' => out.push('\r'),
            't' => out.push('\t'),
            'v' => out.push('\u{b}'),
            '"' | '\\' => out.push(c),
            '$' => out.push_str("$$"),
            '0' => {
                let digits = &rest[..rest.bytes().take(3).take_while(u8::is_ascii_digit).count()];
                rest = &rest[digits.len()..];
                match u8::from_str_radix(digits, 8) {
                    Ok(byte) if digits.len() == 3 => out.push(byte.into()),
                    _ => out.extend(["\\", digits]),
                }
            }
            other => out.extend(['\\', other]),
        }
    }
    out.push_str(rest);
    out
}

#[cfg(test)]
mod against_compose;

#[cfg(test)]
mod tests;
