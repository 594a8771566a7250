//! `cargo xtask dev-build`: the images, from the two checkouts.

use anyhow::Result;
use xshell::Shell;

use crate::cli::flags::{self, BuildTarget};
use crate::images::build::{Options, build};

impl flags::DevBuild {
    pub fn run(self, sh: &Shell) -> Result<()> {
        let options = Options {
            temporal_dsql: self.temporal_dsql,
            copilot: self.copilot,
            arch: self.arch,
            no_cache: self.no_cache,
            push: self.push,
            dry_run: self.dry_run,
            there: Vec::new(),
        };
        build(sh, &[self.what.unwrap_or(BuildTarget::All)], &options)
    }
}
