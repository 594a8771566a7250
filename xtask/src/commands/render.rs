//! `cargo xtask render`: the persistence template, rendered for each cluster.

use anyhow::Result;
use xshell::Shell;

use crate::{
    cli::flags::{self, Cluster},
    machine::{exit::prerequisites, term},
    settings::{
        Settings,
        template::{path, problems_of, render, write},
    },
    stack::mode::Mode,
};

impl flags::Render {
    pub fn run(self, sh: &Shell) -> Result<()> {
        let mode = Mode::last(sh)?.with(flags::mode_flag(self.local, self.dsql)?);
        let settings = Settings::load(sh, mode.local);
        let clusters = self.cluster.map_or(Cluster::ALL.to_vec(), |it| vec![it]);
        let mut problems = problems_of(&settings, &clusters);
        let rendered = render(sh, &settings, &clusters).unwrap_or_else(|found| {
            problems.extend(found);
            Vec::new()
        });
        prerequisites("cannot render", problems)?;
        for (cluster, text) in &rendered {
            if self.stdout {
                term::out(&format!("---\n{text}"));
            } else {
                term::say(&format!(
                    "{} {}",
                    path(*cluster),
                    if write(sh, *cluster, text)? { "written" } else { "unchanged" }
                ));
            }
        }
        Ok(())
    }
}
