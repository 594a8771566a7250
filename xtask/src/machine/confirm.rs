//! Nothing is destroyed without being asked for.

use std::io::{self, IsTerminal};

use anyhow::Result;

use crate::machine::exit::{REFUSED, exit};
use crate::machine::term;

/// Says what is about to happen and asks for a `y`, unless there was a `--yes`. Exit code 5: another answer, or none.
pub(crate) fn confirm(what: &str, yes: bool) -> Result<()> {
    if yes {
        term::say(what);
        return Ok(());
    }
    if !io::stdin().is_terminal() {
        return Err(exit(REFUSED, format!("{what}; without a terminal to ask on, `--yes` confirms it")));
    }
    term::ask(&format!("{what}. Go on? [y/N] "));
    let mut answer = String::new();
    io::stdin().read_line(&mut answer)?;
    match answer.trim() {
        "y" | "Y" | "yes" => Ok(()),
        _ => Err(exit(REFUSED, "nothing was changed")),
    }
}

/// Asks for a name, typed or through a pipe, unless there was a `--yes`. Exit code 5: another name, or none.
pub(crate) fn confirm_by_name(name: &str, yes: bool) -> Result<()> {
    if yes {
        return Ok(());
    }
    term::ask(&format!("There is no way back. Type `{name}` to go on: "));
    let mut answer = String::new();
    io::stdin().read_line(&mut answer)?;
    if !io::stdin().is_terminal() {
        term::say("");
    }
    match answer.trim() {
        it if it == name => Ok(()),
        "" => Err(exit(REFUSED, format!("nothing was changed: `{name}` was not typed (`--yes` does not ask)"))),
        it => Err(exit(REFUSED, format!("nothing was changed: `{}` is not `{name}`", it.escape_debug()))),
    }
}
