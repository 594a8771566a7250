//! `cargo xtask schema`: five steps, each repeatable, each attempted whatever became of the others.

use anyhow::Result;
use serde_json::{Value, json};
use xshell::Shell;

use crate::cli::flags::{self, Step};
use crate::machine::confirm::confirm;
use crate::machine::exit::prerequisites;
use crate::machine::{interrupt, lock, term};
use crate::schema::{Context, Outcome, Report, SQL_STEPS, apply, conclude, dry_run};
use crate::settings::{Settings, needs};
use crate::stack::Stack;
use crate::stack::mode::Mode;

impl flags::Schema {
    pub fn run(self, sh: &Shell) -> Result<()> {
        let flag = flags::mode_flag(self.local, self.dsql)?;
        let _lock = (!self.dry_run).then(|| lock::take(sh, "schema")).transpose()?;
        let mode = Mode::last(sh)?.with(flag);
        let settings = Settings::load(sh, mode.local);
        let stack = Stack::running(sh, &settings, mode)?.0;
        let is_wanted = |it: &Step| self.only.is_empty() || self.only.contains(it);
        let steps: Vec<Step> = Step::ALL.iter().copied().filter(is_wanted).collect();
        let with_databases = steps.iter().any(|it| SQL_STEPS.contains(it));
        prerequisites("cannot apply the schemas", needs::findings(sh, &settings, "schema", with_databases))?;
        let (temporal, copilot, overwrite) = (self.temporal_dsql, self.copilot, self.overwrite);
        let context = Context { temporal, copilot, overwrite, ..Context::new(sh, &stack, &settings) };
        if self.dry_run {
            term::out(&dry_run(&context, &steps));
            return Ok(());
        }
        if overwrite {
            let names: Vec<&str> = steps.iter().map(|it| it.as_str()).collect();
            confirm(&format!("this drops what {} made, with all data, and makes it anew", names.join(", ")), self.yes)?;
        }
        run_steps(&context, &steps, self.json)
    }
}

fn run_steps(context: &Context<'_>, steps: &[Step], as_json: bool) -> Result<()> {
    interrupt::on_interrupt("`cargo xtask schema` completes what was begun");
    if as_json {
        let reports = apply(context, steps, |_| {})?;
        term::out(&format!("{:#}\n", to_json(&reports)));
        return conclude(&reports);
    }
    let local = context.stack.mode.local;
    term::say(if local { "schemas of the local stack:" } else { "schemas on Aurora DSQL:" });
    conclude(&apply(context, steps, |it| term::out(&format!("{it}\n")))?)
}

fn to_json(reports: &[Report]) -> Value {
    let step = |it: &Report| {
        let outcome = match it.outcome {
            Ok(Outcome::Applied) => "applied",
            Ok(Outcome::AlreadyThere) => "already-there",
            Ok(Outcome::Completed) => "completed",
            Err(_) => "failed",
        };
        let (seconds, cause) = (it.took.as_secs_f64(), it.outcome.as_ref().err());
        json!({ "step": it.step.as_str(), "outcome": outcome, "seconds": seconds, "cause": cause })
    };
    json!({ "schemaVersion": 1, "steps": reports.iter().map(step).collect::<Vec<_>>() })
}
