//! Temporal's visibility indices in Elasticsearch, through the one-shot service of the compose file.

use std::process::Command;

use anyhow::{Context as _, Result, anyhow, bail};
use serde_json::Value;

use super::{Context, Outcome};
use crate::cli::flags::Step;
use crate::docker::engine::{ANSWER, CHANGE};
use crate::machine::process;
use crate::stack::Stack;

/// An index made with Temporal's template has 49 mapped fields; one made without has none.
const MAPPED_FIELDS: usize = 40;

/// Makes the template, and the index where it is missing.
pub(super) fn apply(context: &Context<'_>, step: Step, index: &str) -> Result<Outcome> {
    let (_, server) = services(context.stack);
    let [mut delete, mut mapping, mut make] = all_commands(context, index);
    if context.overwrite {
        let answer = ask(&mut delete, server)?;
        if answer["acknowledged"] != true && answer["status"] != 404 {
            bail!("Elasticsearch does not delete {index}: {answer}");
        }
    }
    match count_fields(&mut mapping, index, server)? {
        Some(count) if count >= MAPPED_FIELDS => return Ok(Outcome::AlreadyThere),
        Some(count) => bail!(
            "the index {index} has {count} mapped fields and Temporal needs {MAPPED_FIELDS} or more: it is older than the template\n\
             `cargo xtask schema --only {} --overwrite` makes it anew; what was searchable in it is lost",
            step.as_str()
        ),
        None => {}
    }
    let output = process::capture_within(&mut make, CHANGE)?;
    let output = output.with_context(|| format!("the service that makes the index {index} has not ended in time"))?;
    if !output.status.success() {
        let text = [output.stdout, output.stderr].map(|it| String::from_utf8_lossy(&it).into_owned()).concat();
        let lines: Vec<&str> = text.lines().collect();
        let last = lines[lines.len().saturating_sub(5)..].join("\n");
        bail!("{last}\n`cargo xtask dev-logs {server}` shows its side");
    }
    if count_fields(&mut mapping, index, server)?.is_none_or(|it| it < MAPPED_FIELDS) {
        bail!("{index} was made without Temporal's mappings\n`cargo xtask dev-logs {server}` may say why");
    }
    Ok(Outcome::Applied)
}

pub(super) fn commands(context: &Context<'_>, index: &str) -> Vec<Command> {
    all_commands(context, index).into_iter().skip(usize::from(!context.overwrite)).collect()
}

/// The commands that delete an index, ask for its mapping, and make it.
fn all_commands(context: &Context<'_>, index: &str) -> [Command; 3] {
    let (setup, server) = services(context.stack);
    let curl = |options: &[&str], path: &str| {
        let mut command = context.stack.compose(context.sh);
        command.args(["exec", "--no-TTY", server, "curl", "--silent", "--show-error", "--max-time", "20"]);
        command.args(options).arg(format!("http://localhost:9200/{index}{path}"));
        command
    };
    let mut make = context.stack.compose(context.sh);
    make.args(["run", "--rm", "--no-deps", "--no-TTY", setup, index]);
    [curl(&["--request", "DELETE"], ""), curl(&[], "/_mapping"), make]
}

/// The one-shot that makes the indices, and the Elasticsearch that it waits for.
pub(super) fn services(stack: &Stack) -> (&str, &str) {
    let mut one_shots = stack.services.iter().filter(|it| it.one_shot);
    one_shots.find_map(|it| Some((it.name.as_str(), it.depends_on.first()?.as_str()))).unwrap_or_default()
}

/// How many fields the index maps; `None` where there is no such index.
fn count_fields(mapping: &mut Command, index: &str, server: &str) -> Result<Option<usize>> {
    let answer = ask(mapping, server)?;
    match &answer[index]["mappings"] {
        _ if answer["status"] == 404 => Ok(None),
        Value::Object(it) => Ok(Some(it.get("properties").and_then(Value::as_object).map_or(0, |it| it.len()))),
        _ => bail!(
            "Elasticsearch answers {answer} when asked for {index}\n`cargo xtask dev-logs {server}` shows its side"
        ),
    }
}

fn ask(command: &mut Command, server: &str) -> Result<Value> {
    let remedy = || format!("`cargo xtask dev-up {server}` starts it, `dev-logs {server}` shows its side");
    let answer = process::read_within(command, ANSWER)
        .map_err(|e| anyhow!("Elasticsearch does not answer: {e:#}\n{}", remedy()))?;
    Ok(serde_json::from_str(&answer).unwrap_or_else(|_| Value::String(answer.trim().to_owned())))
}
