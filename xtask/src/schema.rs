//! `cargo xtask schema`: five steps, each repeatable, each attempted whatever became of the others.

mod applied;
pub(crate) mod database;
pub(crate) mod dialect;
pub(crate) mod plan;
pub(crate) mod search;
pub(crate) mod source;
mod sql;
mod steps;

use std::{
    fmt::Write,
    time::{Duration, Instant},
};

use anyhow::Result;
use serde_json::json;
use xshell::Shell;

use crate::{
    cli::flags::{self, Step},
    machine::{
        confirm::confirm,
        exit::{FAILED, exit, prerequisites},
        interrupt, lock, term,
    },
    preflight,
    settings::Settings,
    stack::{Service, Stack, mode::Mode},
};

use applied::remember;
pub(crate) use applied::{forget, is_current, missing_checkouts};
use steps::{Context, SQL_STEPS, apply, dry_run, steps_of};

/// How long all steps may take: Aurora DSQL builds an index in a minute or two, and later where there is much data.
const LIMIT: Duration = Duration::from_secs(30 * 60);

/// How a step ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    Applied,
    AlreadyThere,
    /// What an interrupted run, or somebody's hand, had left out was added.
    Completed,
    /// The text is the cause, then a line with the remedy.
    Failed(String),
}

impl Outcome {
    fn text(&self) -> &'static str {
        match self {
            Outcome::Applied => "applied",
            Outcome::AlreadyThere => "already there",
            Outcome::Completed => "completed after an earlier interruption",
            Outcome::Failed(_) => "failed",
        }
    }
}

/// One step with its outcome.
pub(crate) struct Report {
    pub step: Step,
    pub outcome: Outcome,
    pub took: Duration,
}

impl flags::Schema {
    pub fn run(self, sh: &Shell) -> Result<()> {
        let flag = flags::mode_flag(self.local, self.dsql)?;
        let _lock = (!self.dry_run).then(|| lock::take(sh, "schema")).transpose()?;
        let mode = Mode::last(sh)?.with(flag);
        let settings = Settings::load(sh, mode.local);
        let stack = Stack::of(sh, &settings, mode)?;
        let steps: Vec<Step> =
            Step::ALL.iter().copied().filter(|it| self.only.is_empty() || self.only.contains(it)).collect();
        let context = Context {
            sh,
            stack: &stack,
            settings: &settings,
            temporal: self.temporal_dsql,
            copilot: self.copilot,
            overwrite: self.overwrite,
            deadline: Instant::now() + LIMIT,
        };
        let with_databases = steps.iter().any(|it| SQL_STEPS.contains(it));
        prerequisites(
            "cannot apply the schemas",
            &preflight::variables(sh, &settings, "schema", with_databases)
                .iter()
                .map(ToString::to_string)
                .collect::<Vec<_>>(),
        )?;
        if self.dry_run {
            steps.iter().for_each(|it| term::out(&dry_run(&context, *it)));
            return Ok(());
        }
        if self.overwrite {
            let names: Vec<&str> = steps.iter().map(|it| it.as_str()).collect();
            confirm(&format!("this drops what {} made, with all data, and makes it anew", names.join(", ")), self.yes)?;
        }
        interrupt::on_interrupt("`cargo xtask schema` completes what was begun");
        if !self.json {
            term::say(if mode.local { "schemas of the local stack:" } else { "schemas on Aurora DSQL:" });
        }
        let quiet = self.json;
        let reports = attempt(
            &steps,
            |step| apply(&context, step),
            |it| {
                if !quiet {
                    term::out(&(line(it) + "\n"));
                }
            },
        );
        remember(&context, &reports)?;
        if self.json {
            term::out(&format!("{:#}\n", to_json(&reports)));
        }
        conclude(&reports)
    }
}

/// Brings the schemas to these services, as a part of `dev-up`. The indices are those of `elasticsearch-setup`.
///
/// # Errors
/// A step failed, or had not ended by the deadline.
pub(crate) fn bring_up(
    sh: &Shell,
    stack: &Stack,
    settings: &Settings,
    services: &[&Service],
    deadline: Instant,
) -> Result<()> {
    let context = Context { sh, stack, settings, temporal: None, copilot: None, overwrite: false, deadline };
    let steps = steps_of(services);
    if steps.is_empty() {
        return Ok(());
    }
    term::say("schema:");
    let reports = attempt(&steps, |step| apply(&context, step), |it| term::say(&line(it)));
    remember(&context, &reports)?;
    conclude(&reports)
}

/// What [`bring_up`] would run, for `--dry-run`.
pub(crate) fn dry_run_all(sh: &Shell, stack: &Stack, settings: &Settings, services: &[&Service]) -> String {
    let deadline = Instant::now();
    let context = Context { sh, stack, settings, temporal: None, copilot: None, overwrite: false, deadline };
    steps_of(services).into_iter().map(|it| dry_run(&context, it)).collect()
}

/// Attempts every step, in order, whatever became of the others; `each` sees each report at once.
pub(crate) fn attempt(
    steps: &[Step],
    mut apply: impl FnMut(Step) -> Result<Outcome>,
    mut each: impl FnMut(&Report),
) -> Vec<Report> {
    let mut reports = Vec::new();
    for &step in steps {
        let started = Instant::now();
        let outcome = apply(step).unwrap_or_else(|e| Outcome::Failed(format!("{e:#}")));
        let report = Report { step, outcome, took: started.elapsed() };
        each(&report);
        reports.push(report);
    }
    reports
}

/// Ends the command as its steps ended.
///
/// # Errors
/// At least one step failed.
pub(crate) fn conclude(reports: &[Report]) -> Result<()> {
    match reports.iter().filter(|it| matches!(it.outcome, Outcome::Failed(_))).count() {
        0 => Ok(()),
        failed => Err(exit(
            FAILED,
            format!("{failed} of {} schema steps failed; `cargo xtask schema` tries them again", reports.len()),
        )),
    }
}

/// One report as a line of the table, with the cause below it where the step failed.
pub(crate) fn line(report: &Report) -> String {
    let mut out =
        format!("  {:<20} {:<40} {:>5.1} s", report.step.as_str(), report.outcome.text(), report.took.as_secs_f64());
    if let Outcome::Failed(cause) = &report.outcome {
        cause.lines().for_each(|it| _ = write!(out, "\n      {it}"));
    }
    out
}

fn to_json(reports: &[Report]) -> serde_json::Value {
    let word = |it: &Outcome| match it {
        Outcome::Applied => "applied",
        Outcome::AlreadyThere => "already-there",
        Outcome::Completed => "completed",
        Outcome::Failed(_) => "failed",
    };
    let steps: Vec<_> = reports
        .iter()
        .map(|it| {
            let cause = if let Outcome::Failed(cause) = &it.outcome { Some(cause) } else { None };
            json!({ "step": it.step.as_str(), "outcome": word(&it.outcome), "seconds": it.took.as_secs_f64(), "cause": cause })
        })
        .collect();
    json!({ "schemaVersion": 1, "steps": steps })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn outcome() -> impl Strategy<Value = Outcome> {
        prop_oneof![
            Just(Outcome::Applied),
            Just(Outcome::AlreadyThere),
            Just(Outcome::Completed),
            "[a-z]{1,8}".prop_map(Outcome::Failed),
        ]
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(256))]

        /// Feature: standalone-dev, Property 4: every step is attempted, in order, each outcome is reported, and the
        /// command fails if and only if a step did.
        #[test]
        fn every_step_is_attempted_in_order_whatever_the_others_did(outcomes in proptest::collection::vec(outcome(), 5)) {
            let mut attempted = Vec::new();
            let mut shown = Vec::new();
            let reports = attempt(
                Step::ALL,
                |step| {
                    attempted.push(step);
                    match &outcomes[attempted.len() - 1] {
                        Outcome::Failed(cause) => Err(anyhow::anyhow!("{cause}")),
                        other => Ok(other.clone()),
                    }
                },
                |it| shown.push(line(it)),
            );
            prop_assert_eq!(attempted, Step::ALL);
            prop_assert_eq!(reports.iter().map(|it| it.outcome.clone()).collect::<Vec<_>>(), outcomes.clone());
            for (step, (shown, outcome)) in Step::ALL.iter().zip(shown.iter().zip(&outcomes)) {
                prop_assert!(shown.contains(step.as_str()) && shown.contains(outcome.text()), "{}", shown);
            }
            let failed = outcomes.iter().any(|it| matches!(it, Outcome::Failed(_)));
            prop_assert_eq!(conclude(&reports).err().map(|e| crate::machine::exit::code(&e)), failed.then_some(1));
        }
    }
}
