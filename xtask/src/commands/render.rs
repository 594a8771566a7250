//! `cargo xtask render`: the persistence template, rendered for each cluster.

use anyhow::Result;
use xshell::Shell;

use crate::cli::flags::{self, Cluster};
use crate::machine::exit::prerequisites;
use crate::machine::{lock, term};
use crate::settings::Settings;
use crate::settings::template::{path, problems_of, render, write};
use crate::stack::mode::Mode;

impl flags::Render {
    pub fn run(self, sh: &Shell) -> Result<()> {
        let rendered = self.rendered(sh)?;
        if self.stdout {
            rendered.iter().for_each(|(_, text)| term::out(&format!("---\n{text}")));
            return Ok(());
        }
        let _lock = lock::take(sh, "render")?;
        // Once more, for the mode that a `dev-up` may have chosen since.
        for (cluster, text) in self.rendered(sh)? {
            let became = if write(sh, cluster, &text)? { "written" } else { "unchanged" };
            term::say(&format!("{} {became}", path(cluster)));
        }
        Ok(())
    }

    fn rendered(&self, sh: &Shell) -> Result<Vec<(Cluster, String)>> {
        let settings = Settings::load(sh, Mode::is_local(sh, flags::mode_flag(self.local, self.dsql)?)?);
        let clusters = self.cluster.map_or(Cluster::ALL.to_vec(), |it| vec![it]);
        let mut problems = problems_of(&settings, &clusters);
        let rendered = render(sh, &settings, &clusters).unwrap_or_else(|found| {
            problems.extend(found);
            Vec::new()
        });
        prerequisites("cannot render", problems)?;
        Ok(rendered)
    }
}
