//! The value of every variable: `--local`'s own, else the process environment's, else `dev/.env`'s, else the default.

pub(crate) mod audit;
pub(crate) mod checkouts;
pub mod dotenv;
pub(crate) mod merge;
pub(crate) mod needs;
pub(crate) mod secrets;
pub mod stand_ins;
pub mod template;
pub mod variables;

use std::path::{Path, PathBuf};
use std::{env, fmt};

use xshell::Shell;

use crate::machine::few;
use crate::machine::finding::{At, Finding, finding};
use crate::machine::{files, term};
use crate::settings::variables::{Kind, Variable};

/// The user's file of variables, from the workspace root.
pub(crate) const ENV_FILE: &str = "dev/.env";

pub(crate) const EXAMPLE: &str = "dev/.env.example";

/// The variables that the compose files may refer to, as the last `dev-up` wrote them for Compose.
pub(crate) const COMPOSE_ENV: &str = "dev/.rendered/compose.env";

/// The variable that names the compose project.
pub(crate) const PROJECT: &str = "COMPOSE_PROJECT_NAME";

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Origin {
    Local,
    StandIns,
    Environment,
    /// A line of `dev/.env`.
    File(usize),
    Default,
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Origin::Local => f.write_str("fixed by --local"),
            Origin::StandIns => f.write_str("fixed by --stand-ins"),
            Origin::Environment => f.write_str("process environment"),
            Origin::File(line) => write!(f, "{ENV_FILE}, line {line}"),
            Origin::Default => f.write_str("default"),
        }
    }
}

pub(crate) struct Settings {
    pub local: bool,
    /// Images made from this repository in the place of all others.
    pub stand_ins: bool,
    /// Everything that is missing or wrong, in the order of [`variables::ALL`].
    pub problems: Vec<Finding>,
    /// False where [`ENV_FILE`] is there and cannot be read.
    pub is_read: bool,
    values: Vec<(&'static str, (String, Origin))>,
}

impl Settings {
    pub(crate) fn load(sh: &Shell, local: bool) -> Settings {
        let environment = |name: &str| env::var(name).ok();
        let path = sh.current_dir().join(ENV_FILE);
        let text = files::read_but_comments(&path).map_err(|e| vec![finding(format!("{e:#}"), "")]);
        let settings = match text.and_then(|it| dotenv::parse(ENV_FILE, &it.unwrap_or_default(), &environment)) {
            Ok(entries) => Settings::resolve(local, &entries, &environment),
            Err(unread) => {
                let mut settings = Settings::resolve(local, &last_project(sh), &environment);
                // What such a file says is unknown: calling its variables missing would be a false alarm.
                settings.problems.retain(|it| settings.values.iter().any(|(name, _)| it.concerns(name)));
                settings.is_read = false;
                settings.problems.splice(0..0, unread);
                settings
            }
        };
        settings.for_stand_ins_if_chosen()
    }

    pub(crate) fn resolve(
        local: bool,
        file: &[dotenv::Entry],
        environment: &dyn Fn(&str) -> Option<String>,
    ) -> Settings {
        let mut settings =
            Settings { local, stand_ins: false, problems: Vec::new(), is_read: true, values: Vec::new() };
        for variable in variables::ALL {
            let found = find(variable, local, file, environment);
            let problem = cut(variable, found.as_ref(), file).or_else(|| problem(variable, found.as_ref()));
            settings.values.extend(found.map(|it| (variable.name, it)));
            let problem = problem.map(|it| Finding { fix: settings.unset(&[variable.name]), ..it });
            settings.problems.extend(problem);
        }
        settings.check_together();
        settings
    }

    /// What is wrong with the project's name, without which nobody can tell which containers are ours.
    pub(crate) fn wrong_project(&self) -> Option<&Finding> {
        self.problems.iter().find(|it| it.concerns(PROJECT))
    }

    /// The value of a variable; empty where it has none.
    pub(crate) fn get(&self, name: &str) -> &str {
        debug_assert!(variables::find(name).is_some(), "{name} is not declared");
        self.found(name).map_or("", |(value, _)| value)
    }

    fn found(&self, name: &str) -> Option<&(String, Origin)> {
        few::get(&self.values, name)
    }

    pub(crate) fn origin(&self, name: &str) -> Option<Origin> {
        self.found(name).map(|(_, origin)| *origin)
    }

    /// A path given by a variable: `~/` is the home folder, anything relative starts at `root`.
    pub(crate) fn path(&self, root: &Path, name: &str) -> PathBuf {
        let value = self.get(name);
        match (value.strip_prefix("~/"), env::var_os("HOME")) {
            (Some(rest), Some(home)) => PathBuf::from(home).join(rest),
            _ => root.join(value),
        }
    }

    fn check_together(&mut self) {
        let mut found = Vec::new();
        let (most, idle) = ("TEMPORAL_SQL_MAX_CONNS", "TEMPORAL_SQL_MAX_IDLE_CONNS");
        if self.get(most) != self.get(idle) {
            let why = "a pool that closes idle connections runs into DSQL's limit on new ones";
            found.push((idle, most, format!("the same as {}: {why}", self.named(most))));
        }
        let (monitored, copilot) = ("TEMPORAL_ELASTICSEARCH_INDEX", "COPILOT_ELASTICSEARCH_INDEX");
        if self.get(monitored) == self.get(copilot) {
            found.push((copilot, monitored, format!("another index than {}", self.named(monitored))));
        }
        let (monitored, copilot) = ("TEMPORAL_SQL_HOST", "COPILOT_DSQL_HOST");
        if self.get(monitored) == self.get(copilot) && !self.get(monitored).is_empty() {
            let why = "both Temporals would write one schema";
            found.push((copilot, monitored, format!("another cluster than {}: {why}", self.named(monitored))));
        }
        if !self.local && self.get("TEMPORAL_SQL_HOST_VERIFICATION") == "false" {
            let why = "the password is a token, good for whoever else would answer in the cluster's name";
            let name = "TEMPORAL_SQL_HOST_VERIFICATION";
            found.push((name, name, format!("`true` with Aurora DSQL: {why}")));
        }
        found.extend(self.check_regions());
        for (name, other, expected) in found {
            if !self.problems.iter().any(|it| it.concerns(name)) {
                let names = [name, other];
                let fix = self.unset(if name == other { &names[1..] } else { &names });
                self.problems.push(Finding { fix, ..self.wrong(name, &expected) });
            }
        }
    }

    /// A DSQL host names its region; a token for another one is refused there.
    fn check_regions(&self) -> Vec<(&'static str, &'static str, String)> {
        let region = "AWS_REGION";
        let mut found = Vec::new();
        for name in ["TEMPORAL_SQL_HOST", "COPILOT_DSQL_HOST"] {
            if variables::dsql_region(self.get(name)).is_some_and(|it| it != self.get(region)) {
                found.push((name, region, format!("a host in {}", self.named(region))));
            }
        }
        let signing = "TEMPORAL_SQL_AWS_REGION";
        if self.get(signing) != self.get(region) && self.origin(signing) != Some(Origin::Default) {
            let why = "tokens are signed for one region";
            found.push((signing, region, format!("the same as {}: {why}", self.named(region))));
        }
        found
    }

    /// A variable with its value, and where that comes from.
    fn named(&self, name: &str) -> String {
        let origin = self.origin(name).unwrap_or(Origin::Default);
        format!("{name}, `{}` ({origin})", term::shorten(self.get(name)))
    }

    /// What takes those of these variables out of the shell that are set there; empty where none is.
    pub(crate) fn unset(&self, names: &[&str]) -> String {
        let is_set = |it: &&&str| self.origin(it) == Some(Origin::Environment);
        let set: Vec<&str> = names.iter().filter(is_set).copied().collect();
        if set.is_empty() { String::new() } else { format!("unset {}  # then {ENV_FILE} counts", set.join(" ")) }
    }

    /// A finding about a variable's value; `expected` says what is allowed.
    pub(crate) fn wrong(&self, name: &'static str, expected: &str) -> Finding {
        let found = wrong(name, self.get(name), self.origin(name).unwrap_or(Origin::Default), expected);
        Finding { fix: self.unset(&[name]), ..found }
    }
}

/// The project of the last `dev-up`: under that name the stack runs, whatever has become of [`ENV_FILE`] since.
fn last_project(sh: &Shell) -> Vec<dotenv::Entry> {
    let text = files::read(&sh.current_dir().join(COMPOSE_ENV)).ok().flatten().unwrap_or_default();
    let mut entries = dotenv::parse(COMPOSE_ENV, &text, &|_| None).unwrap_or_default();
    entries.retain(|it| it.key == PROJECT);
    entries
}

fn find(
    variable: &Variable,
    local: bool,
    file: &[dotenv::Entry],
    environment: &dyn Fn(&str) -> Option<String>,
) -> Option<(String, Origin)> {
    let fixed = variable.local.filter(|_| local).map(|it| (it.to_owned(), Origin::Local));
    let process = || environment(variable.name).map(|it| (it, Origin::Environment));
    // As in Compose, the last of several lines wins.
    let line = || file.iter().rfind(|it| it.key == variable.name).map(|it| (it.value.clone(), Origin::File(it.line)));
    let default = || variable.default.map(|it| (it.to_owned(), Origin::Default));
    fixed.or_else(process).or_else(line).or_else(default)
}

fn problem(variable: &Variable, found: Option<&(String, Origin)>) -> Option<Finding> {
    let name = variable.name;
    let expected = || variable.kind.check("").err().unwrap_or_else(|| "a value".to_owned());
    let what = match found {
        None => format!("`{name}` is not set in the process environment or {ENV_FILE}: expected {}", expected()),
        Some((value, _)) if value.is_empty() && variable.default == Some("") => return None,
        Some((value, origin)) if value.is_empty() => {
            let remedy = variable.default.map_or(String::new(), |it| format!("; without the line it is `{it}`"));
            format!("`{name}` is empty ({origin}): expected {}{remedy}", expected())
        }
        Some((value, origin)) => {
            return variable.kind.check(value).err().map(|it| wrong(name, value, *origin, &it));
        }
    };
    Some(finding(what, "").at(At::Variable(name)))
}

/// That a line of the file does not say what its writer meant. The value is not shown: it may be a password.
fn cut(variable: &Variable, found: Option<&(String, Origin)>, file: &[dotenv::Entry]) -> Option<Finding> {
    let (_, origin @ Origin::File(line)) = found? else { return None };
    file.iter().find(|it| it.line == *line && it.is_cut)?;
    let name = variable.name;
    let what = format!("`{name}` ({origin}) refers to a variable that is not set, and is shorter for it");
    let way = "a dollar is written `$$`, or the whole value in single quotes";
    Some(finding(format!("{what}: {way}"), "").at(At::Variable(name)))
}

fn wrong(name: &'static str, value: &str, origin: Origin, expected: &str) -> Finding {
    let value = if variables::find(name).is_some_and(|it| it.kind == Kind::Secret) { "…" } else { value };
    finding(format!("`{name}` is `{}` ({origin}): expected {expected}", term::shorten(value)), "")
        .at(At::Variable(name))
}

#[cfg(test)]
mod tests;
