//! Images made from this repository, in the place of all others.

use xshell::{Shell, cmd};

use crate::machine::finding::{Finding, finding};
use crate::machine::process::{self, Limit};

/// Makes those that are missing or older than their sources, from a registry or without one.
///
/// # Errors
/// One cannot be made; the script has said why.
pub(crate) fn make(sh: &Shell) -> Result<(), Finding> {
    let fix = "tests/images/build  # says more";
    let made = process::run(&mut cmd!(sh, "tests/images/build").into(), Limit::Watched);
    made.map_err(|e| finding(format!("the stand-in images cannot be made: {e:#}"), fix))
}
