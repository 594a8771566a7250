//! The two source checkouts that images and schemas come from.

use std::path::PathBuf;

use xshell::Shell;

use crate::{
    machine::finding::{Finding, finding},
    settings::Settings,
};

/// A source checkout.
#[derive(Debug)]
pub(crate) struct Checkout {
    /// What a user calls it.
    pub name: &'static str,
    variable: &'static str,
    flag: &'static str,
    /// Where it can be cloned from.
    pub url: &'static str,
    /// Files by which it is recognised.
    marks: &'static [&'static str],
}

/// The Temporal fork with the DSQL persistence plugin.
pub(crate) const TEMPORAL: Checkout = Checkout {
    name: "temporal-dsql",
    variable: "TEMPORAL_DSQL_PATH",
    flag: "--temporal-dsql",
    url: "https://github.com/iw/temporal",
    marks: &["go.mod", "cmd/tools/dsql", "schema/dsql/temporal/versioned"],
};

/// The Copilot.
pub(crate) const COPILOT: Checkout = Checkout {
    name: "temporal-sre-copilot",
    variable: "TEMPORAL_SRE_COPILOT_PATH",
    flag: "--copilot",
    url: "https://github.com/iw/temporal-sre-copilot",
    marks: &["Dockerfile", "packages/copilot/src/copilot/db/schema.sql"],
};

impl Checkout {
    /// The checkout's folder: the flag's, else the variable's, else the default.
    pub(crate) fn find(&self, sh: &Shell, settings: &Settings, flag: Option<&PathBuf>) -> Result<PathBuf, Finding> {
        let path = self.path(sh, settings, flag);
        let missing: Vec<&str> = self.marks.iter().copied().filter(|it| !path.join(it).exists()).collect();
        if missing.is_empty() {
            return Ok(path);
        }
        let shown = path.display();
        let (what, folder) = if path.exists() {
            (format!("{shown} is no {} checkout: it has no {}", self.name, missing.join(", no ")), "FOLDER".to_owned())
        } else {
            (format!("there is no {} checkout at {shown}", self.name), shown.to_string())
        };
        let own = format!("or name one that you have with {} in dev/.env, or with {} PATH", self.variable, self.flag);
        Err(finding(what, format!("git clone {} {folder}  # {own}", self.url)))
    }

    /// Where the checkout is looked for.
    pub(crate) fn path(&self, sh: &Shell, settings: &Settings, flag: Option<&PathBuf>) -> PathBuf {
        let root = sh.current_dir();
        let path = match flag {
            // A path on the command line is relative to where the user stands, not to the workspace.
            Some(it) => std::path::absolute(it).unwrap_or_else(|_| it.clone()),
            None if !settings.get(self.variable).is_empty() => settings.path(&root, self.variable),
            None if self.marks.iter().all(|it| root.join(it).exists()) => root,
            None => root.join("..").join(self.name),
        };
        // Without `..`, also where it is not there yet: this path is printed to be read and pasted.
        let beside = || Some(path.parent()?.canonicalize().ok()?.join(path.file_name()?));
        path.canonicalize().ok().or_else(beside).unwrap_or(path)
    }
}

/// The folder of the knowledge base's documents: the given one, else the Copilot checkout's.
pub(crate) fn documents(sh: &Shell, source: Option<PathBuf>) -> PathBuf {
    match source {
        // A path on the command line is relative to where the user stands, not to the workspace.
        Some(it) => std::path::absolute(&it).unwrap_or(it),
        None => COPILOT.path(sh, &Settings::load(sh, false), None).join("docs/rag"),
    }
}
