//! What each step applies, and where.

use std::{fmt::Write, path::PathBuf};

use anyhow::Result;

use super::database::{self, Database};
use super::dialect::Dialect;
use super::source::{self, Schema};
use super::{Context, Outcome, search};
use crate::cli::flags::Step;
use crate::machine::finding::Finding;
use crate::machine::process;
use crate::settings::checkouts::{COPILOT, TEMPORAL};
use crate::stack::service::Service;

/// The two clusters: the step of each one's schema, and the variable of its shards.
pub(super) const CLUSTERS: [(Step, &str); 2] =
    [(Step::TemporalMonitored, "TEMPORAL_HISTORY_SHARDS"), (Step::TemporalCopilot, "COPILOT_HISTORY_SHARDS")];

pub(crate) const SQL_STEPS: [Step; 3] = [Step::TemporalMonitored, Step::TemporalCopilot, Step::CopilotApp];

/// The SQL steps that these services wait for.
pub(super) fn of(services: &[&Service]) -> Vec<Step> {
    SQL_STEPS.into_iter().filter(|step| services.iter().any(|it| it.schema == Some(*step))).collect()
}

/// Performs one step. An error is the cause, then a line with the remedy.
pub(super) fn apply(context: &Context<'_>, step: Step) -> Result<Outcome> {
    match index(context, step) {
        Some(index) => search::apply(context, step, index),
        None => database::apply(&database(context, step), &schema(context, step)?, context.overwrite),
    }
}

pub(super) fn dry_run(context: &Context<'_>, step: Step) -> String {
    let mut out = format!("# {}\n", step.as_str());
    let commands = match index(context, step) {
        Some(index) => search::commands(context, index),
        None => {
            let input = schema(context, step).map_or_else(|e| format!("# {e:#}"), |it| it.summary());
            _ = writeln!(out, "# reads the catalogue, then sends what is missing of {input}");
            database(context, step).psql().into_iter().collect()
        }
    };
    commands.iter().for_each(|it| _ = writeln!(out, "{}", process::line(it)));
    out
}

/// The index of an Elasticsearch step.
fn index<'a>(context: &Context<'a>, step: Step) -> Option<&'a str> {
    match step {
        Step::EsMonitored => Some(context.settings.get("TEMPORAL_ELASTICSEARCH_INDEX")),
        Step::EsCopilot => Some(context.settings.get("COPILOT_ELASTICSEARCH_INDEX")),
        _ => None,
    }
}

pub(super) fn schema(context: &Context<'_>, step: Step) -> Result<Schema> {
    let dialect = if context.stack.mode.local { Dialect::Postgres } else { Dialect::Dsql };
    let checkout = checkout(context, step).map_err(anyhow::Error::msg)?;
    if step == Step::CopilotApp { source::copilot(&checkout, dialect) } else { source::temporal(&checkout, dialect) }
}

pub(super) fn checkout(context: &Context<'_>, step: Step) -> Result<PathBuf, Finding> {
    let (checkout, named) =
        if step == Step::CopilotApp { (COPILOT, &context.copilot) } else { (TEMPORAL, &context.temporal) };
    checkout.find(context.sh, context.settings, named.as_ref())
}

pub(super) fn database<'a>(context: &'a Context<'a>, step: Step) -> Database<'a> {
    let host = if step == Step::TemporalMonitored { "TEMPORAL_SQL_HOST" } else { "COPILOT_DSQL_HOST" };
    Database { context, host: context.settings.get(host) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        settings::Settings,
        stack::{Stack, mode::Mode},
    };
    use std::path::Path;
    use xshell::Shell;

    #[test]
    fn the_compose_files_say_which_service_waits_for_which_step_and_where_it_is_applied() {
        let sh = Shell::new().unwrap();
        sh.change_dir(Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap());
        let settings = Settings::resolve(true, &[], &|_| None);
        let mode = Mode { local: true, ..Mode::default() };
        let stack = Stack::load(&sh, &settings, mode, None).unwrap();
        let steps = |name: &str| of(&stack.closure(&[name.to_owned()]));
        assert_eq!(of(&stack.closure(&[])), SQL_STEPS);
        assert_eq!(steps("temporal-ui"), [Step::TemporalMonitored]);
        assert_eq!(steps("copilot-ui"), [Step::TemporalCopilot]);
        assert_eq!(steps("copilot-worker"), [Step::TemporalCopilot, Step::CopilotApp]);
        assert_eq!(steps("copilot-api"), [Step::TemporalCopilot, Step::CopilotApp]);
        assert_eq!(steps("elasticsearch-setup"), []);
        let context = Context::new(&sh, &stack, &settings);
        let services = SQL_STEPS.map(|it| database(&context, it).service().to_owned());
        assert_eq!(services, ["dsql-monitored", "dsql-copilot", "dsql-copilot"]);
        assert_eq!(search::services(&stack), ("elasticsearch-setup", "elasticsearch"));
    }
}
