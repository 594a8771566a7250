//! `cargo xtask dev-up`: preflight, rendering, data stores, schema, everything else, until it is ready.

mod addresses;

use std::thread;
use std::time::Duration;

use anyhow::Result;
use xshell::Shell;

use crate::aws::credentials;
use crate::cli::flags;
use crate::docker::supply;
use crate::machine::exit::{PREREQUISITE, USAGE, code, exit};
use crate::machine::{interrupt, lock, process, term};
use crate::stack::Stack;
use crate::stack::mode::Mode;
use crate::up::Up;

impl flags::DevUp {
    pub fn run(self, sh: &Shell) -> Result<()> {
        let lack = match self.start(sh) {
            Err(e) if code(&e) == PREREQUISITE && !self.dry_run => e,
            other => return other,
        };
        if supply::offer(sh, self.yes)? { self.start(sh) } else { Err(lack) }
    }

    fn start(&self, sh: &Shell) -> Result<()> {
        let flag = flags::mode_flag(self.local, self.dsql)?;
        if self.stand_ins && (self.dsql || self.build) {
            return Err(exit(
                USAGE,
                "`--stand-ins` goes with `--local` alone: its images are made from this repository",
            ));
        }
        let lock = (!self.dry_run).then(|| lock::take(sh, "dev-up")).transpose()?;
        let watcher = lock::watcher(sh);
        if let Some(it) = &watcher {
            term::say(&format!("note: `cargo xtask {it}` runs, so the Copilot goes on running from its checkout"));
        }
        let last = Mode::last(sh)?.with(flag);
        let mode = Mode {
            port_offset: self.port_offset.map_or(last.port_offset, |it| it.0),
            platform: self.platform.or(last.platform),
            local: last.local || self.stand_ins,
            stand_ins: last.stand_ins || self.stand_ins,
            live: watcher.is_some(),
        };
        let up = Up {
            services: &self.service,
            mode,
            build: self.build,
            yes: self.yes,
            no_schema: self.no_schema,
            timeout: self.timeout,
            dry_run: self.dry_run,
        };
        let Some(found) = up.bring_up(sh)? else { return Ok(()) };
        term::out(&addresses::table(&found.stack, &found.stack.closure(&self.service)));
        if self.attach {
            // What follows changes nothing: other commands may.
            drop(lock);
            return attach(sh, &found.stack);
        }
        Ok(())
    }
}

/// Follows the logs until Ctrl-C, then stops the stack.
fn attach(sh: &Shell, stack: &Stack) -> Result<()> {
    let mut stop = stack.compose(sh);
    stop.arg("stop");
    interrupt::on_interrupt("stopping; `cargo xtask dev-up` starts it again");
    interrupt::then_run(vec![stop]);
    if !stack.mode.local {
        // Nobody else would while this command runs.
        let sh = sh.clone();
        thread::spawn(move || {
            loop {
                thread::sleep(Duration::from_secs(60));
                credentials::keep_fresh(&sh);
            }
        });
    }
    process::pass_on(stack.compose(sh).args(["logs", "--follow", "--tail", "0"]))
}
