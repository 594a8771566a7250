//! What exists in AWS, as Terraform's state has it, and whether `dev/.env` agrees.

use anyhow::Result;
use serde_json::json;
use xshell::Shell;

use crate::aws::project::Project;
use crate::aws::{outputs, terraform};
use crate::cli::flags;
use crate::machine::finding::At;
use crate::machine::{table, term};
use crate::settings::{ENV_FILE, Settings};

/// A variable that an output fills.
struct Filled<'a> {
    name: &'static str,
    expected: &'a str,
    /// As it may be shown.
    shown: String,
    actual: String,
    origin: String,
}

impl flags::InfraStatus {
    pub fn run(self, sh: &Shell) -> Result<()> {
        let project = Project::known(sh)?;
        let resources = terraform::resources(sh)?;
        let made = terraform::outputs(sh)?;
        let elsewhere = terraform::elsewhere(sh)?;
        for it in &elsewhere {
            term::say(&format!("note: {it}"));
        }
        let settings = Settings::load(sh, false);
        let filled: Vec<Filled<'_>> = outputs::wanted(&made)?
            .into_iter()
            .map(|(name, expected)| Filled {
                name,
                expected,
                shown: outputs::show(&made, name),
                actual: settings.get(name).to_owned(),
                origin: settings.origin(name).map_or("not set".to_owned(), |it| it.to_string()),
            })
            .collect();
        if self.json {
            let report = json!({
                "schemaVersion": 1,
                "projectName": project.as_ref().map(|it| it.name.to_string()),
                "region": project.as_ref().map(|it| it.region.to_string()),
                "resources": resources,
                "outputs": outputs::json(&made),
                "variables": filled.iter().map(json_of).collect::<Vec<_>>(),
            });
            term::out(&format!("{report:#}\n"));
            return Ok(());
        }
        if resources.is_empty() && !elsewhere.is_empty() {
            term::out("nothing exists in the workspace that is ours\n");
            return Ok(());
        }
        if resources.is_empty() {
            term::out("nothing exists: `cargo xtask infra-apply` makes the AWS environment\n");
            return Ok(());
        }
        let named = project.map_or(String::new(), |it| format!("`{}` in {}: ", it.name, it.region));
        let list: String = resources.iter().map(|it| format!("  {it}\n")).collect();
        term::out(&format!("{named}{} resources\n{list}", resources.len()));
        if !filled.is_empty() {
            term::out(&format!("\n{}", outputs::table(&made)));
        }
        if settings.problems.iter().any(|it| !matches!(it.at, At::Variable(_))) {
            term::out(&format!("\n{ENV_FILE} cannot be read: `cargo xtask env-check` says why\n"));
            return Ok(());
        }
        term::out(&format!("\n{}", agreement(&filled, &outputs::missing(&made))));
        Ok(())
    }
}

fn agreement(filled: &[Filled<'_>], missing: &[&str]) -> String {
    if filled.is_empty() {
        return "there are no outputs yet: `cargo xtask infra-apply` completes the environment\n".to_owned();
    }
    let wrong: Vec<[String; 2]> = filled
        .iter()
        .filter(|it| it.actual != it.expected)
        .map(|it| {
            let actual = if it.actual.is_empty() { "empty" } else { &term::shorten(&it.actual) };
            [format!("  {}", it.name), format!("{actual} ({}), not {}", it.origin, it.shown)]
        })
        .collect();
    if wrong.is_empty() && !missing.is_empty() {
        let missing = missing.join("`, `");
        return format!(
            "Terraform has no value for `{missing}`: `cargo xtask infra-apply` completes the environment\n"
        );
    }
    if wrong.is_empty() {
        return format!("{ENV_FILE} agrees\n");
    }
    format!("{ENV_FILE} does not agree; `cargo xtask env-sync` mends it:\n{}", table::rows(&wrong))
}

fn json_of(it: &Filled<'_>) -> serde_json::Value {
    json!({ "name": it.name, "expected": it.shown, "actual": it.actual, "agrees": it.actual == it.expected })
}
