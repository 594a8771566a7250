//! `cargo xtask test`: everything, with the engine tests, which plain `cargo test` leaves out.

use std::env;

use anyhow::Result;
use xshell::{Shell, cmd};

use crate::cli::flags;
use crate::docker::engine;
use crate::machine::exit::{PREREQUISITE, exit};
use crate::machine::process::{self, Limit};

impl flags::Test {
    pub fn run(self, sh: &Shell) -> Result<()> {
        engine::engine(sh)
            .map_err(|it| exit(PREREQUISITE, format!("{it}\n`cargo test` runs the tests that need no engine")))?;
        let cargo = env::var("CARGO").unwrap_or_else(|_| "cargo".to_owned());
        let arguments = self.arg;
        let test = cmd!(sh, "{cargo} test --workspace -- --include-ignored {arguments...}");
        process::run(&mut test.into(), Limit::Watched)
    }
}
