//! `cargo xtask check`: the repository held against itself, by a package that is built when it is first asked for.

use std::{env, path::PathBuf, process};

use anyhow::Result;
use xshell::Shell;

use crate::cli::flags;
use crate::machine::exit::{PREREQUISITE, exit};
use crate::machine::process::spawn;
use crate::settings::Settings;
use crate::settings::checkouts::TEMPORAL;

/// The package that was written with this command, whatever checkout it looks at; the checkout's own where it has moved
/// since.
const PACKAGE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/check/Cargo.toml");

impl flags::Check {
    pub fn run(self, sh: &Shell) -> Result<()> {
        let temporal = TEMPORAL.path(&sh.current_dir(), &Settings::load(sh, true), None);
        let root = sh.current_dir();
        let package = Some(PathBuf::from(PACKAGE)).filter(|it| it.exists());
        let package = package.unwrap_or_else(|| root.join("xtask/check/Cargo.toml"));
        let mut cargo = process::Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
        cargo.args(["run", "--quiet", "--manifest-path"]).arg(package).arg("--").arg(root).arg(temporal);
        cargo.args(self.fix.then_some("--fix"));
        // What cargo said to us about our own package would be another environment than last time: a reason to build.
        let about_us = |name: &str| ["CARGO_PKG_", "CARGO_MANIFEST_"].iter().any(|it| name.starts_with(it));
        for (name, _) in env::vars_os().filter(|(name, _)| name.to_str().is_some_and(about_us)) {
            cargo.env_remove(name);
        }
        let (mut child, _tracked) = spawn(&mut cargo)?;
        match child.wait()?.code() {
            Some(0) => Ok(()),
            // What cargo has for a failed build, and a program for a panic.
            None | Some(101) => Err(exit(
                PREREQUISITE,
                "`check` was not built, or broke off; the reason is above. Its first build asks the network for crates \
                 that the other commands do without",
            )),
            // It has said why.
            Some(code) => process::exit(code),
        }
    }
}
