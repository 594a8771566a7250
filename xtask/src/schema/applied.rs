//! What was applied last, so that a `dev-up` which changes nothing need not ask the databases.

use anyhow::Result;
use xshell::Shell;

use super::{Context, Report, steps};
use crate::cli::flags::Step;
use crate::machine::files;
use crate::machine::finding::Finding;
use crate::settings::Settings;
use crate::stack::Stack;
use crate::stack::service::Service;

/// A step, its database and the digest of its schema in each line; from the workspace root.
const APPLIED: &str = "dev/.rendered/schema-applied";

/// The checkouts that `dev-up` would miss. One whose schema was applied before has nothing new where it is gone.
pub(crate) fn missing_checkouts(sh: &Shell, stack: &Stack, settings: &Settings, services: &[&Service]) -> Vec<Finding> {
    let context = Context::new(sh, stack, settings);
    let applied = sh.read_file(APPLIED).unwrap_or_default();
    let is_pending = |it: &Step| !applied.lines().any(|line| line.starts_with(&key(&context, *it)));
    let pending = steps::of(services).into_iter().filter(is_pending);
    let mut missing: Vec<Finding> = pending.filter_map(|it| steps::checkout(&context, it).err()).collect();
    missing.dedup();
    missing
}

/// Whether the checkouts hold what was applied last, to these databases. A checkout that is gone has nothing new.
pub(crate) fn is_current(sh: &Shell, stack: &Stack, settings: &Settings) -> bool {
    let context = Context::new(sh, stack, settings);
    let applied = sh.read_file(APPLIED).unwrap_or_default();
    let is_noted = |line: String| applied.lines().any(|it| it == line);
    steps::SQL_STEPS.iter().all(|it| fingerprint(&context, *it).is_none_or(is_noted))
}

pub(super) fn remember(context: &Context<'_>, reports: &[Report]) -> Result<()> {
    let path = context.sh.current_dir().join(APPLIED);
    let before = files::read(&path)?.unwrap_or_default();
    let mut lines: Vec<String> = before.lines().map(str::to_owned).collect();
    for report in reports {
        lines.retain(|it| it.split(' ').next() != Some(report.step.as_str()));
        lines.extend(report.outcome.as_ref().ok().and_then(|_| fingerprint(context, report.step)));
    }
    files::replace(&path, &(lines.join("\n") + "\n"), 0o644)?;
    Ok(())
}

/// Forgets what was applied, before the databases that it was applied to go.
pub(crate) fn forget(sh: &Shell) -> Result<()> {
    if sh.path_exists(APPLIED) {
        files::replace(&sh.current_dir().join(APPLIED), "", 0o644)?;
    }
    Ok(())
}

/// A step, its database and its schema in one line; `None` where there is no schema to be read.
fn fingerprint(context: &Context<'_>, step: Step) -> Option<String> {
    let schema = if steps::SQL_STEPS.contains(&step) { steps::schema(context, step).ok()? } else { return None };
    Some(format!("{}{:x}", key(context, step), md5::compute(schema.text().as_bytes())))
}

/// How the line of a step and its database begins.
fn key(context: &Context<'_>, step: Step) -> String {
    let stack = if context.settings.stand_ins { "stand-ins/" } else { "" };
    format!("{} {stack}{} ", step.as_str(), steps::database(context, step).host)
}
