//! Removes the AWS environment, after its name was typed.

use anyhow::Result;
use xshell::Shell;

use crate::aws::project::Project;
use crate::aws::terraform;
use crate::cli::flags;
use crate::machine::exit::{code, exit};
use crate::machine::{confirm, interrupt, lock, term};
use crate::settings::ENV_FILE;

const DESTROY: &[&str] = &["destroy", "-input=false", "-auto-approve"];

const UNFINISHED: &str =
    "what is left is recorded: `cargo xtask infra-status` lists it, `cargo xtask infra-destroy` goes on";

impl flags::InfraDestroy {
    pub fn run(self, sh: &Shell) -> Result<()> {
        let resources = terraform::resources(sh)?;
        if resources.is_empty() {
            term::say("there is nothing to destroy");
            return Ok(());
        }
        let project = Project::resolve(sh, self.project_name, self.region)?;
        let vars = project.vars();
        let destroy = [DESTROY, &vars.each_ref().map(|it| &**it)].concat();
        if self.dry_run {
            return terraform::print(sh, &[terraform::INIT, &destroy]);
        }
        let list: String = resources.iter().map(|it| format!("  {it}\n")).collect();
        term::say(&format!("This destroys `{}` in {}, with all its data:\n{list}", project.name, project.region));
        confirm::confirm_by_name(&project.name.to_string(), self.yes)?;
        let _lock = lock::take(sh, "infra-destroy")?;
        interrupt::on_interrupt(UNFINISHED);
        terraform::run(sh, terraform::INIT, &[0])?;
        terraform::run(sh, &destroy, &[0]).map_err(|e| exit(code(&e), format!("{e:#}\n{UNFINISHED}")))?;
        term::say(&format!(
            "`{}` is destroyed. {ENV_FILE} still names it, until the next `cargo xtask infra-apply`; \
             `cargo xtask dev-up --local` needs no AWS",
            project.name
        ));
        Ok(())
    }
}
