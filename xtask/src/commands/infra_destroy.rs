//! Removes the AWS environment, after its name was typed.

use anyhow::Result;
use xshell::Shell;

use crate::aws::kb::{Place, ingestion};
use crate::aws::project::Project;
use crate::aws::{leftovers, terraform};
use crate::cli::flags;
use crate::machine::exit::{code, exit, prerequisites};
use crate::machine::{confirm, interrupt, lock, term};
use crate::settings::ENV_FILE;

const DESTROY: &[&str] = &["destroy", "-input=false", "-auto-approve"];

const UNFINISHED: &str =
    "what is left is recorded: `cargo xtask infra-status` lists it, `cargo xtask infra-destroy` goes on";

impl flags::InfraDestroy {
    pub fn run(self, sh: &Shell) -> Result<()> {
        let resources = terraform::resources(sh)?;
        prerequisites("what exists is not where it should be", terraform::elsewhere(sh)?)?;
        if resources.is_empty() {
            term::say("there is nothing to destroy");
            if let Some(it) = Project::known(sh)? {
                leftovers::say(sh, &it);
            }
            return Ok(());
        }
        let project = Project::resolve(sh, self.project_name, self.region)?;
        let vars = project.vars();
        let destroy = [DESTROY, &vars.each_ref().map(|it| &**it)].concat();
        if self.dry_run {
            return terraform::print(sh, &[terraform::INIT, &destroy]);
        }
        let list: String = resources.iter().map(|it| format!("  {it}\n")).collect();
        let outputs = terraform::outputs(sh)?;
        project.check_account(sh, &outputs)?;
        term::say(&format!("This destroys `{}` in {}, with all its data:\n{list}", project.name, project.region));
        confirm::confirm_by_name(&project.name.to_string(), self.yes)?;
        let _lock = lock::take(sh, "infra-destroy")?;
        interrupt::on_interrupt(UNFINISHED);
        terraform::run(sh, terraform::INIT, &[0])?;
        // AWS refuses to delete a data source that is being read, and the provider does not try again.
        if let (Some(kb_id), Some(ds_id)) = (outputs.get("knowledge_base_id"), outputs.get("data_source_id")) {
            let region = project.region.to_string();
            let place = Place { bucket: String::new(), kb_id: kb_id.to_owned(), ds_id: ds_id.to_owned(), region };
            ingestion::stop(sh, &place)?;
        }
        let destroyed = terraform::run(sh, &destroy, &[0]);
        leftovers::say(sh, &project);
        destroyed.map_err(|e| exit(code(&e), format!("{e:#}\n{UNFINISHED}")))?;
        term::say(&format!(
            "`{}` is destroyed. {ENV_FILE} still names it, until the next `cargo xtask infra-apply`; \
             `cargo xtask dev-up --local` needs no AWS",
            project.name
        ));
        Ok(())
    }
}
