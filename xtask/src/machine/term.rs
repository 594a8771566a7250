//! What goes to the terminal: results to stdout, narration to stderr, colour only where it is wanted.

use std::io::{self, ErrorKind, IsTerminal, Write};
use std::{env, process};

/// Writes a result to stdout. A reader that went away (`| head`) ends the process quietly.
pub fn out(text: &str) {
    let written = io::stdout().lock().write_all(text.as_bytes());
    if let Err(e) = written {
        let code = if e.kind() == ErrorKind::BrokenPipe { 0 } else { 1 };
        process::exit(code);
    }
}

/// Writes a line of narration to stderr; a closed stderr is no reason to stop.
pub fn say(line: &str) {
    _ = writeln!(io::stderr().lock(), "{line}");
}

/// Writes a question to stderr, and leaves the cursor behind it.
pub fn ask(question: &str) {
    _ = write!(io::stderr().lock(), "{question}");
}

/// Whether stderr is a terminal on which lines may be redrawn.
pub fn is_live() -> bool {
    io::stderr().is_terminal() && env::var_os("TERM").is_none_or(|it| it != "dumb")
}

/// Whether colour is wanted: `stream` is a terminal and `NO_COLOR` is not set.
pub fn wants_colour(stream: &dyn IsTerminal) -> bool {
    stream.is_terminal() && env::var_os("NO_COLOR").is_none_or(|it| it.is_empty())
}

#[derive(Clone, Copy)]
pub enum Colour {
    Red = 31,
    Green = 32,
    Yellow = 33,
    Grey = 90,
}

/// `text` in this colour, or as it is where `stream` is no terminal or `NO_COLOR` is set.
pub fn paint(stream: &dyn IsTerminal, colour: Colour, text: &str) -> String {
    if wants_colour(stream) { format!("\u{1b}[{}m{text}\u{1b}[0m", colour as u8) } else { text.to_owned() }
}

/// A value as a message shows it: at most 60 characters, escaped.
pub(crate) fn shorten(value: &str) -> String {
    let mut shown: String = value.chars().take(60).flat_map(char::escape_debug).collect();
    if value.chars().nth(60).is_some() {
        shown.push('…');
    }
    shown
}

/// What another program, or AWS, said, without what a terminal would obey: escape sequences and control characters.
pub(crate) fn plain(text: &str) -> String {
    let mut parts = text.split("\u{1b}[");
    let mut out = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let end = part.find(|c: char| ('@'..='~').contains(&c)).map_or(part.len(), |at| at + 1);
        out.push_str(&part[end..]);
    }
    out.chars().map(|it| if it.is_control() && it != '\n' { '�' } else { it }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_that_a_terminal_obeys_gets_through() {
        assert_eq!(plain("a\u{1b}[31mb\u{1b}[0m\nc\u{1b}]0;x\u{7}d\u{9b}e\u{1b}["), "ab\nc�]0;x�d�e");
        assert_eq!(plain("plain é 日本"), "plain é 日本");
    }
}
