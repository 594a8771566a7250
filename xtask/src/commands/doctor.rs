//! `cargo xtask doctor`: everything that the stack needs, each with its fix. Changes nothing.

use anyhow::Result;
use xshell::Shell;

use crate::cli::flags;
use crate::doctor::{Check, Status, choose_mode, conclude, examine, report, to_json};
use crate::machine::term;

impl flags::Doctor {
    pub fn run(self, sh: &Shell) -> Result<()> {
        let flag = flags::mode_flag(self.local, self.dsql)?;
        let (mode, why, damage) = choose_mode(sh, flag);
        let mut checks: Vec<Check> =
            damage.map(|it| Check::of("mode", Status::Fail, vec![it], String::new())).into_iter().collect();
        checks.extend(examine(sh, mode));
        if self.json {
            term::out(&format!("{:#}\n", to_json(mode, &checks)));
        } else {
            term::out(&report(mode, why, &checks));
        }
        conclude(&checks)
    }
}
