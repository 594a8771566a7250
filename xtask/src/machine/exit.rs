//! Exit codes, and the errors that carry one.

use std::{error::Error, fmt};

use crate::machine::finding::Finding;

/// The task itself failed; also the code of every error that names no other.
pub const FAILED: u8 = 1;
/// The command line is wrong.
pub const USAGE: u8 = 2;
/// Something that the task needs is missing or invalid; nothing was started.
pub const PREREQUISITE: u8 = 3;
/// Services did not become ready.
pub const NOT_READY: u8 = 4;
/// A confirmation was needed and not given.
pub const REFUSED: u8 = 5;

/// An error with an exit code of its own. Its text and its findings are all that the user sees.
#[derive(Debug)]
pub struct Exit {
    code: u8,
    text: String,
    findings: Vec<Finding>,
}

impl fmt::Display for Exit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)?;
        self.findings.iter().try_for_each(|it| write!(f, "\n  - {}", it.to_string().replace('\n', "\n    ")))
    }
}

impl Error for Exit {}

/// An error that ends the process with `code`; without a text where it has been told already.
pub fn exit(code: u8, text: impl Into<String>) -> anyhow::Error {
    Exit { code, text: text.into(), findings: Vec::new() }.into()
}

/// The exit code of an error: its own, or [`FAILED`].
pub fn code(error: &anyhow::Error) -> u8 {
    match error.downcast_ref::<Exit>() {
        Some(it) => it.code,
        None if error.is::<Finding>() => PREREQUISITE,
        None => FAILED,
    }
}

/// Several findings as one error with the code [`PREREQUISITE`], or `Ok` where there are none.
pub fn prerequisites(title: &str, findings: Vec<Finding>) -> anyhow::Result<()> {
    if findings.is_empty() {
        return Ok(());
    }
    Err(Exit { code: PREREQUISITE, text: format!("{title}:"), findings }.into())
}
