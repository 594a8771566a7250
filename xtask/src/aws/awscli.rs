//! The AWS CLI: with the profile that `dev/.env` names, without a pager, and with errors that say what to do.

use std::process::{Command, Output};
use std::time::Duration;

use anyhow::{Context, Result};
use serde_json::Value;
use xshell::Shell;

use crate::aws::errors;
use crate::machine::exit::{FAILED, PREREQUISITE, exit, prerequisites};
use crate::machine::finding::{At, Finding};
use crate::machine::json;
use crate::machine::process;
use crate::settings::{ENV_FILE, Origin, Settings};

/// How long one question to AWS may take: the CLI itself gives a server a minute, and tries again.
pub(crate) const PATIENCE: Duration = Duration::from_secs(120);

pub(crate) struct Profile {
    pub name: String,
    /// What the AWS tools must find in their environment to use it, beyond what is there already.
    pub variables: Vec<(&'static str, String)>,
}

/// The profile that the process environment names, else `dev/.env`.
pub(crate) fn profile(sh: &Shell) -> Result<Profile> {
    let settings = Settings::load(sh, false);
    let elsewhere = |it: &Finding| matches!(it.at, At::Variable(name) if !name.starts_with("AWS_"));
    let problems = settings.problems.iter().filter(|it| !elsewhere(it)).cloned().collect();
    prerequisites(&format!("{ENV_FILE} does not say which AWS account is meant"), problems)?;
    let own = |name: &str, default: &str| {
        matches!(settings.origin(name), Some(Origin::File(_))) && settings.get(name) != default
    };
    let mut variables = Vec::new();
    // The default profile is used unasked. Asked for, it would have to exist, also beside keys in the environment.
    if own("AWS_PROFILE", "default") {
        variables.push(("AWS_PROFILE", settings.get("AWS_PROFILE").to_owned()));
    }
    if own("AWS_CONFIG_DIR", "~/.aws") {
        let folder = settings.path(&sh.current_dir(), "AWS_CONFIG_DIR");
        for (name, file) in [("AWS_CONFIG_FILE", "config"), ("AWS_SHARED_CREDENTIALS_FILE", "credentials")] {
            if std::env::var_os(name).is_none() {
                variables.push((name, folder.join(file).to_string_lossy().into_owned()));
            }
        }
    }
    Ok(Profile { name: settings.get("AWS_PROFILE").to_owned(), variables })
}

pub(crate) fn command(sh: &Shell, region: &str, args: &[&str]) -> Result<Command> {
    let mut command = Command::new("aws");
    command.current_dir(sh.current_dir()).args(args).args(["--region", region]).envs(profile(sh)?.variables);
    Ok(command)
}

/// A command as a line for a shell, with the profile that it is given by environment.
pub(crate) fn line(command: &Command) -> String {
    let given = ["AWS_PROFILE", "AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"];
    let mut words: Vec<String> = Vec::new();
    for (name, value) in command.get_envs() {
        if given.iter().any(|it| name == *it) {
            let value = process::quote(&value.unwrap_or_default().to_string_lossy()).into_owned();
            words.push(format!("{}={value}", name.to_string_lossy()));
        }
    }
    words.push(process::line(command));
    words.join(" ")
}

fn capture(sh: &Shell, region: &str, args: &[&str], format: &str, limit: Duration) -> Result<Output> {
    let output = process::capture_within(command(sh, region, args)?.args(["--output", format]), limit)?;
    output.with_context(|| format!("`aws {}` gave no answer within {} s", args[..2].join(" "), limit.as_secs()))
}

/// What the CLI answers in this time, as JSON, or what it wrote to stderr where it failed.
pub(crate) fn ask(sh: &Shell, region: &str, args: &[&str], limit: Duration) -> Result<Result<Value, String>> {
    let output = capture(sh, region, args, "json", limit)?;
    if !output.status.success() {
        return Ok(Err(String::from_utf8_lossy(&output.stderr).into_owned()));
    }
    let answer = json::read(&output.stdout);
    answer.map(Ok).with_context(|| format!("`aws {}` answered with something other than JSON", args[..2].join(" ")))
}

/// The same, where a failure is nothing to go on from.
pub(crate) fn json(sh: &Shell, region: &str, args: &[&str], limit: Duration) -> Result<Value> {
    ask(sh, region, args, limit)?.or_else(|stderr| Err(failure(sh, args, &stderr)?))
}

/// The same, for what is printed as plain text.
pub(crate) fn text(sh: &Shell, region: &str, args: &[&str], limit: Duration) -> Result<String> {
    let output = capture(sh, region, args, "text", limit)?;
    if !output.status.success() {
        return Err(failure(sh, args, &String::from_utf8_lossy(&output.stderr))?);
    }
    Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

/// The error for a failed call: what AWS said, and what to do about it.
pub(crate) fn failure(sh: &Shell, args: &[&str], stderr: &str) -> Result<anyhow::Error> {
    let what = format!("`aws {}` failed: {}", args[..2].join(" "), errors::said(stderr));
    let profile = profile(sh)?.name;
    let code = if errors::is_about_credentials(stderr) { PREREQUISITE } else { FAILED };
    let remedy = errors::remedy(stderr, args, &profile).map_or(String::new(), |it| format!("\n{it}"));
    Ok(exit(code, what + &remedy))
}
