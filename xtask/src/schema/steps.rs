//! What each step applies, and where.

use std::{fmt::Write, path::PathBuf, time::Instant};

use anyhow::Result;
use xshell::Shell;

use super::{
    Outcome,
    database::{self, Database},
    dialect::Dialect,
    search,
    source::{self, Schema},
};
use crate::{
    cli::flags::Step,
    images::checkouts::{COPILOT, TEMPORAL},
    machine::{finding::Finding, process},
    settings::Settings,
    stack::{Service, Stack},
};

/// The steps that send SQL.
pub(super) const SQL_STEPS: [Step; 3] = [Step::TemporalMonitored, Step::TemporalCopilot, Step::CopilotApp];

/// What the steps need to know.
pub(super) struct Context<'a> {
    pub sh: &'a Shell,
    pub stack: &'a Stack,
    pub settings: &'a Settings,
    pub temporal: Option<PathBuf>,
    pub copilot: Option<PathBuf>,
    /// Drop what the step owns before it is made anew.
    pub overwrite: bool,
    /// When to give up.
    pub deadline: Instant,
}

/// The SQL steps that these services wait for.
pub(super) fn steps_of(services: &[&Service]) -> Vec<Step> {
    let any = |names: &[&str]| services.iter().any(|it| names.contains(&it.name.as_str()));
    let wanted = [
        (Step::TemporalMonitored, any(&["temporal-history"])),
        (Step::TemporalCopilot, any(&["copilot-temporal"])),
        (Step::CopilotApp, any(&["copilot-worker", "copilot-api"])),
    ];
    wanted.into_iter().filter(|(_, wanted)| *wanted).map(|(step, _)| step).collect()
}

/// Performs one step.
///
/// # Errors
/// The cause and the remedy, as text.
pub(super) fn apply(context: &Context<'_>, step: Step) -> Result<Outcome> {
    match index(context, step) {
        Some(index) => search::apply(context.sh, context.stack, &index, context.overwrite),
        None => {
            let schema = schema(context, step)?;
            let database = database(context, step);
            database::apply(context.sh, &database, &schema, context.overwrite)
        }
    }
}

/// The commands of one step, for `--dry-run`.
pub(super) fn dry_run(context: &Context<'_>, step: Step) -> String {
    let mut out = format!("# {}\n", step.as_str());
    match index(context, step) {
        Some(index) => {
            for command in search::commands(context.sh, context.stack, &index, context.overwrite) {
                _ = writeln!(out, "{}", process::line(&command));
            }
        }
        None => {
            let input = schema(context, step).map_or_else(|e| format!("# {e:#}"), |it| it.summary());
            _ = writeln!(out, "# reads the catalogue, then sends what is missing of {input}");
            let command = database(context, step).psql(context.sh, None);
            _ = writeln!(out, "{}", process::line(&command));
        }
    }
    out
}

/// The index of an Elasticsearch step.
fn index(context: &Context<'_>, step: Step) -> Option<String> {
    let name = match step {
        Step::EsMonitored => "TEMPORAL_ELASTICSEARCH_INDEX",
        Step::EsCopilot => "COPILOT_ELASTICSEARCH_INDEX",
        _ => return None,
    };
    Some(context.settings.get(name).to_owned())
}

/// What a SQL step applies.
///
/// # Errors
/// The checkout is missing, or holds a schema that cannot be read or repeated.
pub(super) fn schema(context: &Context<'_>, step: Step) -> Result<Schema> {
    let dialect = if context.stack.mode.local { Dialect::Postgres } else { Dialect::Dsql };
    let checkout = checkout(context, step).map_err(|it| anyhow::anyhow!("{it}"))?;
    if step == Step::CopilotApp { source::copilot(&checkout, dialect) } else { source::temporal(&checkout, dialect) }
}

/// The checkout that a SQL step reads.
///
/// # Errors
/// It is not there.
pub(super) fn checkout(context: &Context<'_>, step: Step) -> Result<PathBuf, Finding> {
    if step == Step::CopilotApp {
        COPILOT.find(context.sh, context.settings, context.copilot.as_ref())
    } else {
        TEMPORAL.find(context.sh, context.settings, context.temporal.as_ref())
    }
}

/// Where a SQL step applies it.
pub(super) fn database<'a>(context: &Context<'a>, step: Step) -> Database<'a> {
    let (service, host) = match step {
        Step::TemporalMonitored => ("dsql-monitored", "TEMPORAL_SQL_HOST"),
        _ => ("dsql-copilot", "COPILOT_DSQL_HOST"),
    };
    let (stack, settings, deadline) = (context.stack, context.settings, context.deadline);
    Database { stack, settings, service, host: settings.get(host), deadline }
}
