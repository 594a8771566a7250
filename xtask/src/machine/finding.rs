//! What preflight and doctor find.

use std::fmt;

/// Something that keeps a command from working, and what mends it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Finding {
    pub what: String,
    /// A line for a shell; what follows a `#` is only to be read. Empty where `what` says it all.
    pub fix: String,
}

/// A finding.
pub(crate) fn finding(what: impl Into<String>, fix: impl Into<String>) -> Finding {
    Finding { what: what.into(), fix: fix.into() }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.what)?;
        if self.fix.is_empty() { Ok(()) } else { write!(f, "\n{}", self.fix) }
    }
}
