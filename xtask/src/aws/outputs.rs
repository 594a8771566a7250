//! Terraform's outputs: shown, and filled into `dev/.env`.

use std::{env, fs, os::unix::fs::PermissionsExt, path::Path};

use anyhow::{Context, Result};
use serde_json::{Map, Value};
use xshell::Shell;

use crate::aws::terraform::Outputs;
use crate::machine::exit::prerequisites;
use crate::machine::finding::finding;
use crate::machine::{files, table, term};
use crate::settings::dotenv::{self, Entry};
use crate::settings::merge::{self, Change};
use crate::settings::variables::{self, FILLS};
use crate::settings::{ENV_FILE, EXAMPLE};

pub(crate) fn table(outputs: &Outputs) -> String {
    let body: Vec<_> = outputs.shown().map(|(name, value)| [name.to_owned(), value]).collect();
    table::titled(["OUTPUT", "VALUE"], &body)
}

pub(crate) fn json(outputs: &Outputs) -> Map<String, Value> {
    let mut all = Map::new();
    for (name, value) in outputs.shown() {
        all.insert(name.to_owned(), value.into());
    }
    all
}

/// Writes the outputs into `dev/.env`, which is made from the example where it is missing, and shows what changed. On
/// an error the file is as it was.
pub(crate) fn sync(sh: &Shell, outputs: &Outputs, dry_run: bool) -> Result<()> {
    let path = sh.current_dir().join(ENV_FILE);
    // A link is followed: replacing it would cut the file that it leads to off.
    let path = fs::canonicalize(&path).unwrap_or(path);
    let (source, text) = match files::read(&path)? {
        Some(text) => (ENV_FILE, text),
        None => (EXAMPLE, files::committed(&sh.current_dir(), EXAMPLE)?),
    };
    let entries = entries(source, &text)?;
    if !dry_run {
        files::check_replaceable(&path)?;
    }
    let wanted = wanted(outputs)?;
    let (merged, changes) = merge::merge(&text, &entries, &wanted);
    if !dry_run {
        files::replace(&path, &merged, 0o600)?;
        restrict(&path)?;
    }
    report(source, outputs, &changes, &wanted, dry_run);
    Ok(())
}

/// That `dev/.env` can be filled: that it can be read, where there is one, and replaced.
///
/// # Errors
/// Every line that cannot be read; or why it cannot be replaced.
pub(crate) fn check_fillable(sh: &Shell) -> Result<()> {
    let path = sh.current_dir().join(ENV_FILE);
    let text = files::read(&path)?;
    entries(ENV_FILE, &text.unwrap_or_default())?;
    files::check_replaceable(&fs::canonicalize(&path).unwrap_or(path))
}

/// The outputs that fill variables and have no value, so that these stay as they are.
pub(crate) fn missing(outputs: &Outputs) -> Vec<&'static str> {
    FILLS.iter().map(|(output, _)| *output).filter(|it| outputs.get(it).is_none()).collect()
}

/// The value that an output gives a variable, as it may be shown.
pub(crate) fn show(outputs: &Outputs, variable: &str) -> String {
    let output = FILLS.iter().find(|(_, names)| names.contains(&variable)).map_or("", |(output, _)| output);
    outputs.show(output)
}

fn entries(source: &str, text: &str) -> Result<Vec<Entry>> {
    dotenv::parse(source, text, &|name| env::var(name).ok()).or_else(|found| {
        prerequisites(&format!("{source} cannot be read, so nothing was changed"), found)?;
        Ok(Vec::new())
    })
}

/// The variables that these outputs fill, with their values.
pub(crate) fn wanted(outputs: &Outputs) -> Result<Vec<(&'static str, &str)>> {
    let (mut wanted, mut problems) = (Vec::new(), Vec::new());
    for (output, names) in FILLS {
        let Some(value) = outputs.get(output) else { continue };
        for name in *names {
            let variable = variables::find(name).expect("FILLS names declared variables");
            match variable.kind.check(value) {
                Ok(()) => wanted.push((*name, value)),
                Err(expected) => {
                    problems.push(finding(
                        format!("`{output}` is `{}`, but {name} has to be {expected}", outputs.show(output)),
                        "",
                    ));
                }
            }
        }
    }
    prerequisites("Terraform's outputs do not fit", problems)?;
    Ok(wanted)
}

fn report(source: &str, outputs: &Outputs, changes: &[Change], wanted: &[(&str, &str)], dry_run: bool) {
    if changes.is_empty() {
        term::say(&format!("{ENV_FILE} agrees with Terraform: nothing to change"));
    } else {
        let row = |it: &Change| row(it, &show(outputs, &it.name));
        let made = if source == ENV_FILE { String::new() } else { format!(", made from {source}") };
        let would = if dry_run { " would become" } else { "" };
        term::out(&format!("{ENV_FILE}{made}{would}:\n{}", table::rows(&changes.iter().map(row).collect::<Vec<_>>())));
    }
    for output in missing(outputs) {
        term::say(&format!("note: Terraform has no value for `{output}`, so what it fills stays as it is"));
    }
    for (name, value) in wanted {
        if env::var(name).is_ok_and(|it| it != *value) {
            term::say(&format!("note: {name} is also set in the process environment, with another value, which wins"));
        }
    }
}

fn row(change: &Change, new: &str) -> [String; 2] {
    let old = match change.old.as_deref() {
        None => "(no line)",
        Some("") => "(empty)",
        Some(_) if new == "(sensitive)" => new,
        Some(it) => &term::plain(it),
    };
    [format!("  {}", change.name), format!("{old} → {new}")]
}

/// Takes the file from group and others: it may hold passwords.
fn restrict(path: &Path) -> Result<()> {
    let mode = fs::metadata(path)?.permissions().mode();
    if mode & 0o077 != 0 {
        fs::set_permissions(path, PermissionsExt::from_mode(0o600))
            .with_context(|| format!("cannot make {} private", path.display()))?;
    }
    Ok(())
}
