//! Makes the AWS environment, or brings it up to date, and tells `dev/.env` about it.

use std::fs;

use anyhow::{Context, Result};
use xshell::Shell;

use crate::aws::project::Project;
use crate::aws::{leftovers, outputs, terraform};
use crate::cli::flags;
use crate::machine::exit::{REFUSED, code, exit, prerequisites};
use crate::machine::{confirm, interrupt, lock, term};

/// What was shown and is then applied, from the module's folder. Git-ignored, and removed after use: it may hold secrets.
const PLAN: &str = ".terraform/xtask.tfplan";

/// Terraform's code for a plan with changes, under `-detailed-exitcode`.
const CHANGES: i32 = 2;

const PLAN_ARGS: &[&str] = &["plan", "-input=false", "-detailed-exitcode", "-out", PLAN];
const UNFINISHED: &str = "what Terraform noted is recorded: `cargo xtask infra-apply` goes on from there, `cargo xtask \
                          infra-destroy` removes it, and names what was made and not noted";
const APPLY: &[&str] = &["apply", "-input=false", PLAN];

impl flags::InfraApply {
    pub fn run(self, sh: &Shell) -> Result<()> {
        let project = Project::resolve(sh, self.project_name, self.region)?;
        let vars = project.vars();
        let plan = [PLAN_ARGS, &vars.each_ref().map(|it| &**it)].concat();
        if self.dry_run {
            return terraform::print(sh, &[terraform::INIT, &plan, APPLY]);
        }
        let _lock = lock::take(sh, "infra-apply")?;
        // What would be learned after minutes of work is looked at first.
        terraform::tool()?;
        outputs::check_fillable(sh)?;
        prerequisites("what exists is not where it should be", terraform::elsewhere(sh)?)?;
        project.check_account(sh, &terraform::outputs(sh)?)?;
        if let Some(remark) = project.remark() {
            term::say(&format!("note: {remark}"));
        }
        project.remember(sh)?;
        terraform::run(sh, terraform::INIT, &[0])?;
        let applied = apply(sh, &project, &plan, self.yes, self.replace);
        _ = fs::remove_file(sh.current_dir().join(terraform::FOLDER).join(PLAN));
        applied?;
        let made = terraform::outputs(sh)?;
        term::out(&outputs::table(&made));
        outputs::sync(sh, &made, false)
    }
}

fn apply(sh: &Shell, project: &Project, plan: &[&str], yes: bool, replace: bool) -> Result<()> {
    let folder = sh.current_dir().join(terraform::FOLDER).join(".terraform");
    fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
    if terraform::run(sh, plan, &[0, CHANGES])? != CHANGES {
        term::say("no changes: everything is there already");
        return Ok(());
    }
    let destroyed = terraform::destroyed_by(sh, PLAN)?;
    if destroyed.is_empty() {
        confirm::confirm("this makes the changes above in AWS", yes)?;
    } else {
        let list: String = destroyed.iter().map(|it| format!("\n  {it}")).collect();
        let what = format!("this destroys in AWS, with all data, what the plan above then makes anew or not:{list}");
        if yes && !replace {
            return Err(exit(REFUSED, format!("{what}\n`--yes` alone does not confirm that; `--yes --replace` does")));
        }
        term::say(&what);
        confirm::confirm_by_name(&project.name.to_string(), yes)?;
    }
    interrupt::on_interrupt(UNFINISHED);
    let applied = terraform::run(sh, APPLY, &[0]);
    leftovers::say(sh, project);
    applied.map(drop).map_err(|e| exit(code(&e), format!("{e:#}\n{UNFINISHED}")))
}
