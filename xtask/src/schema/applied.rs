//! What was applied last, so that a `dev-up` which changes nothing need not ask the databases.

use std::time::Instant;

use anyhow::Result;
use xshell::Shell;

use super::{
    Outcome, Report,
    steps::{Context, SQL_STEPS, checkout, database, schema, steps_of},
};
use crate::{
    cli::flags::Step,
    machine::files,
    settings::Settings,
    stack::{Service, Stack},
};

/// A step, its database and the digest of its schema in each line; from the workspace root.
const APPLIED: &str = "dev/.rendered/schema-applied";

/// The checkouts that `dev-up` would miss. One whose schema was applied before has nothing new where it is gone.
pub(crate) fn missing_checkouts(sh: &Shell, stack: &Stack, settings: &Settings, services: &[&Service]) -> Vec<String> {
    let context =
        Context { sh, stack, settings, temporal: None, copilot: None, overwrite: false, deadline: Instant::now() };
    let applied = sh.read_file(APPLIED).unwrap_or_default();
    let was_applied = |step: &Step| {
        let start = format!("{} {} ", step.as_str(), database(&context, *step).host);
        applied.lines().any(|it| it.starts_with(&start))
    };
    let pending = steps_of(services).into_iter().filter(|it| !was_applied(it));
    let mut missing: Vec<String> =
        pending.filter_map(|it| checkout(&context, it).err()).map(|it| it.to_string()).collect();
    missing.dedup();
    missing
}

/// Whether the checkouts hold what was applied last, to these databases. A checkout that is gone has nothing new.
pub(crate) fn is_current(sh: &Shell, stack: &Stack, settings: &Settings) -> bool {
    let context =
        Context { sh, stack, settings, temporal: None, copilot: None, overwrite: false, deadline: Instant::now() };
    let applied = sh.read_file(APPLIED).unwrap_or_default();
    SQL_STEPS.iter().all(|it| fingerprint(&context, *it).is_none_or(|line| applied.lines().any(|it| it == line)))
}

/// Notes what was applied.
///
/// # Errors
/// The note cannot be written.
pub(super) fn remember(context: &Context<'_>, reports: &[Report]) -> Result<()> {
    let path = context.sh.current_dir().join(APPLIED);
    let before = files::read(&path)?.unwrap_or_default();
    let mut lines: Vec<String> = before.lines().map(str::to_owned).collect();
    for report in reports {
        lines.retain(|it| it.split(' ').next() != Some(report.step.as_str()));
        if !matches!(report.outcome, Outcome::Failed(_)) {
            lines.extend(fingerprint(context, report.step));
        }
    }
    files::replace(&path, &(lines.join("\n") + "\n"), 0o644)?;
    Ok(())
}

/// Forgets what was applied, before the databases that it was applied to go.
///
/// # Errors
/// The note cannot be written.
pub(crate) fn forget(sh: &Shell) -> Result<()> {
    if sh.path_exists(APPLIED) {
        files::replace(&sh.current_dir().join(APPLIED), "", 0o644)?;
    }
    Ok(())
}

/// A step, its database and its schema in one line; `None` where there is no schema to be read.
fn fingerprint(context: &Context<'_>, step: Step) -> Option<String> {
    let schema = if SQL_STEPS.contains(&step) { schema(context, step).ok()? } else { return None };
    Some(format!("{} {} {:x}", step.as_str(), database(context, step).host, md5::compute(schema.text())))
}
