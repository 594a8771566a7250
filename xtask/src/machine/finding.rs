//! What is found wrong, as data from where it is found to where it is printed.

use std::{error::Error, fmt};

#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum At {
    /// `what` says it.
    #[default]
    Unsaid,
    /// The value of this variable, wherever that comes from; `what` names both.
    Variable(&'static str),
    /// A file of the repository, from its root, and a line of it.
    File(String, Option<usize>),
}

/// Something that keeps a command from working, and what mends it. As an error it stands for a missing prerequisite.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Finding {
    pub at: At,
    pub what: String,
    /// A line for a shell; what follows a `#` is only to be read. Empty where `what` says it all.
    pub fix: String,
}

/// A finding that is about no single variable or file.
pub fn finding(what: impl Into<String>, fix: impl Into<String>) -> Finding {
    Finding { at: At::Unsaid, what: what.into(), fix: fix.into() }
}

impl Finding {
    #[must_use]
    pub fn at(self, at: At) -> Finding {
        Finding { at, ..self }
    }

    pub fn concerns(&self, variable: &str) -> bool {
        matches!(self.at, At::Variable(it) if it == variable)
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.at {
            At::Unsaid | At::Variable(_) => {}
            At::File(file, Some(line)) => write!(f, "{file}, line {line}: ")?,
            At::File(file, None) => write!(f, "{file}: ")?,
        }
        f.write_str(&self.what)?;
        if self.fix.is_empty() { Ok(()) } else { write!(f, "\n{}", self.fix) }
    }
}

impl Error for Finding {}
