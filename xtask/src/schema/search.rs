//! Temporal's visibility indices in Elasticsearch, through the one-shot service of the compose file.

use std::process::Command;

use anyhow::{Context, Result, bail};
use serde_json::Value;
use xshell::Shell;

use super::Outcome;
use crate::{
    docker::engine::{ANSWER, CHANGE},
    machine::process,
    stack::Stack,
};

/// An index made with Temporal's template has 49 mapped fields; one made without has none.
const MAPPED_FIELDS: usize = 40;

/// Makes the template and an index where it is missing.
///
/// # Errors
/// Elasticsearch does not answer, or the index is there without Temporal's mappings.
pub(crate) fn apply(sh: &Shell, stack: &Stack, index: &str, overwrite: bool) -> Result<Outcome> {
    if overwrite {
        let answer = process::read_within(&mut curl(sh, stack, &["--request", "DELETE"], index), ANSWER)
            .map_err(|e| unreachable_(&e))?;
        let answer = parse(&answer);
        if answer["acknowledged"] != true && answer["status"] != 404 {
            bail!("Elasticsearch does not delete {index}: {answer}");
        }
    }
    match fields(sh, stack, index)? {
        Some(count) if count >= MAPPED_FIELDS => return Ok(Outcome::AlreadyThere),
        Some(count) => bail!(
            "the index {index} has {count} mapped fields and Temporal needs {MAPPED_FIELDS} or more: it is older than the template\n\
             `cargo xtask schema --only {} --overwrite` makes it anew; what was searchable in it is lost",
            if stack.environment["COPILOT_ELASTICSEARCH_INDEX"] == index { "es-copilot" } else { "es-monitored" }
        ),
        None => {}
    }
    let output = process::capture_within(&mut setup(sh, stack, index), CHANGE)?;
    let output = output.with_context(|| format!("the service that makes the index {index} has not ended in time"))?;
    if !output.status.success() {
        let both = [output.stdout, output.stderr].concat();
        let text = String::from_utf8_lossy(&both);
        let last: Vec<&str> = text.lines().rev().take(5).collect();
        bail!(
            "{}\n`cargo xtask dev-logs elasticsearch` shows its side",
            last.into_iter().rev().collect::<Vec<_>>().join("\n")
        );
    }
    match fields(sh, stack, index)? {
        Some(count) if count >= MAPPED_FIELDS => Ok(Outcome::Applied),
        _ => bail!("{index} was made without Temporal's mappings\n`cargo xtask dev-logs elasticsearch` may say why"),
    }
}

/// The commands that make an index, for `--dry-run`.
pub(crate) fn commands(sh: &Shell, stack: &Stack, index: &str, overwrite: bool) -> Vec<Command> {
    let delete = overwrite.then(|| curl(sh, stack, &["--request", "DELETE"], index));
    delete.into_iter().chain([curl(sh, stack, &[], &format!("{index}/_mapping")), setup(sh, stack, index)]).collect()
}

/// How many fields the index maps; `None` where there is no such index.
fn fields(sh: &Shell, stack: &Stack, index: &str) -> Result<Option<usize>> {
    let answer = process::read_within(&mut curl(sh, stack, &[], &format!("{index}/_mapping")), ANSWER)
        .map_err(|e| unreachable_(&e))?;
    let answer = parse(&answer);
    if answer["status"] == 404 {
        return Ok(None);
    }
    match &answer[index]["mappings"] {
        Value::Object(mappings) => {
            Ok(Some(mappings.get("properties").and_then(Value::as_object).map_or(0, |it| it.len())))
        }
        _ => bail!(
            "Elasticsearch answers {answer} when asked for {index}\n`cargo xtask dev-logs elasticsearch` shows its side"
        ),
    }
}

fn curl(sh: &Shell, stack: &Stack, options: &[&str], path: &str) -> Command {
    let mut command = stack.compose(sh);
    command.args(["exec", "--no-TTY", "elasticsearch", "curl", "--silent", "--show-error", "--max-time", "20"]);
    command.args(options).arg(format!("http://localhost:9200/{path}"));
    command
}

fn setup(sh: &Shell, stack: &Stack, index: &str) -> Command {
    let mut command = stack.compose(sh);
    command.args(["run", "--rm", "--no-deps", "--no-TTY", "elasticsearch-setup", index]);
    command
}

fn parse(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|_| Value::String(text.trim().to_owned()))
}

fn unreachable_(error: &anyhow::Error) -> anyhow::Error {
    anyhow::anyhow!(
        "Elasticsearch does not answer: {error:#}\n`cargo xtask dev-up elasticsearch` starts it, `dev-logs elasticsearch` shows its side"
    )
}
