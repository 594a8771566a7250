//! The schemas of both databases and of Elasticsearch: steps that can be repeated and do nothing where all is there.

mod applied;
pub(crate) mod at_rest;
pub(crate) mod database;
mod dialect;
mod members;
mod plan;
mod search;
mod source;
mod sql;
mod steps;

use std::fmt;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::Result;
use xshell::Shell;

use crate::cli::flags::Step;
use crate::machine::exit::{FAILED, exit};
use crate::machine::term;
use crate::settings::Settings;
use crate::stack::Stack;
use crate::stack::service::Service;

pub(crate) use applied::{forget, is_current, missing_checkouts};
pub(crate) use members::forget_gone;
pub(crate) use steps::SQL_STEPS;

/// How long all steps may take: Aurora DSQL builds an index in a minute or two, and later where there is much data.
const LIMIT: Duration = Duration::from_secs(30 * 60);

pub(crate) struct Context<'a> {
    pub sh: &'a Shell,
    pub stack: &'a Stack,
    pub settings: &'a Settings,
    /// The checkouts that the command line names.
    pub temporal: Option<PathBuf>,
    pub copilot: Option<PathBuf>,
    pub overwrite: bool,
    pub deadline: Instant,
}

impl<'a> Context<'a> {
    pub(crate) fn new(sh: &'a Shell, stack: &'a Stack, settings: &'a Settings) -> Context<'a> {
        let deadline = Instant::now() + LIMIT;
        Context { sh, stack, settings, temporal: None, copilot: None, overwrite: false, deadline }
    }
}

/// How a step ended that did not fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    Applied,
    AlreadyThere,
    /// What an interrupted run, or somebody's hand, had left out was added.
    Completed,
}

/// A line of the table: a step with its outcome, or with the cause of its failure and a line with the remedy.
pub(crate) struct Report {
    pub step: Step,
    pub outcome: Result<Outcome, String>,
    pub took: Duration,
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let outcome = match self.outcome {
            Ok(Outcome::Applied) => "applied",
            Ok(Outcome::AlreadyThere) => "already there",
            Ok(Outcome::Completed) => "completed after an earlier interruption",
            Err(_) => "failed",
        };
        write!(f, "  {:<20} {outcome:<40} {:>5.1} s", self.step.as_str(), self.took.as_secs_f64())?;
        let mut cause = self.outcome.as_ref().err().into_iter().flat_map(|it| it.lines());
        cause.try_for_each(|it| write!(f, "\n      {it}"))
    }
}

/// Brings the schemas to these services, as a part of `dev-up`. The indices are those of the one-shot. Returns the
/// databases that had nothing yet, by their services.
pub(crate) fn bring_up(
    sh: &Shell,
    stack: &Stack,
    settings: &Settings,
    services: &[&Service],
    deadline: Instant,
) -> Result<Vec<String>> {
    let steps = steps::of(services);
    if steps.is_empty() {
        return Ok(Vec::new());
    }
    term::say("schema:");
    let context = Context { deadline, ..Context::new(sh, stack, settings) };
    let reports = apply(&context, &steps, |it| term::say(&it.to_string()))?;
    conclude(&reports)?;
    let anew = reports.iter().filter(|it| it.outcome == Ok(Outcome::Applied));
    Ok(anew.map(|it| steps::database(&context, it.step).service().to_owned()).collect())
}

/// The services that are the databases of [`bring_up`].
pub(crate) fn databases(sh: &Shell, stack: &Stack, settings: &Settings, services: &[&Service]) -> Vec<String> {
    let context = Context::new(sh, stack, settings);
    steps::of(services).into_iter().map(|it| steps::database(&context, it).service().to_owned()).collect()
}

pub(crate) fn dry_run_all(sh: &Shell, stack: &Stack, settings: &Settings, services: &[&Service]) -> String {
    dry_run(&Context::new(sh, stack, settings), &steps::of(services))
}

pub(crate) fn dry_run(context: &Context<'_>, steps: &[Step]) -> String {
    steps.iter().map(|it| steps::dry_run(context, *it)).collect()
}

/// Applies steps, and notes what was applied; `each` sees each report at once.
pub(crate) fn apply(context: &Context<'_>, steps: &[Step], each: impl FnMut(&Report)) -> Result<Vec<Report>> {
    let reports = attempt(steps, |step| steps::apply(context, step), each);
    applied::remember(context, &reports)?;
    Ok(reports)
}

/// Attempts every step, in order, whatever became of the others.
fn attempt(
    steps: &[Step],
    mut apply: impl FnMut(Step) -> Result<Outcome>,
    mut each: impl FnMut(&Report),
) -> Vec<Report> {
    let report = |&step: &Step| {
        let started = Instant::now();
        let outcome = apply(step).map_err(|e| format!("{e:#}"));
        let report = Report { step, outcome, took: started.elapsed() };
        each(&report);
        report
    };
    steps.iter().map(report).collect()
}

pub(crate) fn conclude(reports: &[Report]) -> Result<()> {
    let (failed, steps) = (reports.iter().filter(|it| it.outcome.is_err()).count(), reports.len());
    if failed == 0 {
        return Ok(());
    }
    Err(exit(FAILED, format!("{failed} of {steps} schema steps failed; `cargo xtask schema` tries them again")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn outcome() -> impl Strategy<Value = Result<Outcome, String>> {
        prop_oneof![
            Just(Ok(Outcome::Applied)),
            Just(Ok(Outcome::AlreadyThere)),
            Just(Ok(Outcome::Completed)),
            "[a-z]{1,8}".prop_map(Err),
        ]
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(256))]

        /// Feature: standalone-dev, Property 4: every step is attempted, in order, each outcome is reported, and the
        /// command fails if and only if a step did.
        #[test]
        fn every_step_is_attempted_in_order_whatever_the_others_did(outcomes in proptest::collection::vec(outcome(), 5)) {
            let mut left = outcomes.iter();
            let mut attempted = Vec::new();
            let mut shown = Vec::new();
            let reports = attempt(
                Step::ALL,
                |step| {
                    attempted.push(step);
                    left.next().unwrap().clone().map_err(anyhow::Error::msg)
                },
                |it| shown.push(it.to_string()),
            );
            prop_assert_eq!(attempted, Step::ALL);
            prop_assert_eq!(reports.iter().map(|it| it.outcome.clone()).collect::<Vec<_>>(), outcomes.clone());
            for ((step, shown), outcome) in Step::ALL.iter().zip(shown).zip(&outcomes) {
                let words = match outcome {
                    Ok(Outcome::Applied) => "applied",
                    Ok(Outcome::AlreadyThere) => "already there",
                    Ok(Outcome::Completed) => "completed",
                    Err(cause) => cause,
                };
                let is_told = shown.contains(step.as_str()) && shown.contains(words);
                prop_assert!(is_told && shown.contains("failed") == outcome.is_err(), "{}", shown);
            }
            let failed = outcomes.iter().any(Result::is_err);
            prop_assert_eq!(conclude(&reports).err().map(|e| crate::machine::exit::code(&e)), failed.then_some(1));
        }
    }
}
