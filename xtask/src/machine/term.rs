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
