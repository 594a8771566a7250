//! Terraform, or OpenTofu, in `terraform/dev/`: the tool, its outputs and what its state holds.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs, io};

use anyhow::{Context, Result, bail};
use serde_json::Value;
use xshell::Shell;

use crate::aws::{awscli, errors};
use crate::machine::exit::{PREREQUISITE, exit};
use crate::machine::few;
use crate::machine::finding::{Finding, finding};
use crate::machine::json;
use crate::machine::{process, supervise, term};

/// The module, from the workspace root.
pub(crate) const FOLDER: &str = "terraform/dev";

/// The workspace that we work in.
const DEFAULT: &str = "default";

/// The outputs of the last apply.
#[derive(Debug, Default)]
pub(crate) struct Outputs(Vec<(String, Output)>);

#[derive(Debug)]
struct Output {
    /// The value as text: a string as it is, anything else as JSON.
    text: String,
    sensitive: bool,
}

impl Outputs {
    /// The value of an output; `None` where there is none, or an empty one.
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.found(name).map(|it| &*it.text).filter(|it| !it.is_empty())
    }

    fn found(&self, name: &str) -> Option<&Output> {
        few::get(&self.0, name)
    }

    /// Names and values that may be shown, in the order of the names.
    pub(crate) fn shown(&self) -> impl Iterator<Item = (&str, String)> {
        self.0.iter().map(|(name, _)| (&**name, self.show(name)))
    }

    /// An output's value as it may be shown: a terminal obeys control characters.
    pub(crate) fn show(&self, name: &str) -> String {
        match self.found(name) {
            Some(it) if it.sensitive => "(sensitive)".to_owned(),
            it => term::plain(it.map_or("", |it| &it.text)).replace('\n', "\\n"),
        }
    }

    /// From what `output -json` prints; `None` where it is something else.
    pub(crate) fn from_json(value: &Value) -> Option<Outputs> {
        let mut all = Vec::new();
        for (name, output) in value.as_object()? {
            let text = match output.get("value")? {
                Value::String(text) => text.clone(),
                Value::Null => String::new(),
                other => other.to_string(),
            };
            all.push((name.clone(), Output { text, sensitive: output["sensitive"] == true }));
        }
        Some(Outputs(all))
    }
}

/// The tool's name: `terraform`, else `tofu`.
pub(crate) fn tool() -> Result<&'static str> {
    ["terraform", "tofu"].into_iter().find(|it| is_on_path(it)).ok_or_else(|| {
        exit(
            PREREQUISITE,
            "neither `terraform` nor `tofu` is on PATH; install one of them: \
             https://developer.hashicorp.com/terraform/install or https://opentofu.org/docs/intro/install/",
        )
    })
}

fn is_on_path(program: &str) -> bool {
    let runnable = |it: PathBuf| it.metadata().is_ok_and(|it| it.is_file() && it.permissions().mode() & 0o111 != 0);
    env::var_os("PATH").is_some_and(|path| env::split_paths(&path).any(|it| runnable(it.join(program))))
}

pub(crate) fn command(sh: &Shell, args: &[&str]) -> Result<Command> {
    let mut command = Command::new(tool()?);
    command.current_dir(sh.current_dir()).arg(format!("-chdir={FOLDER}")).args(args);
    // One checkout, one environment: in another workspace it would look as if nothing existed.
    command.env("TF_WORKSPACE", DEFAULT);
    Ok(command)
}

/// Runs a command of the tool to its end, with the user's AWS profile and shown on the terminal, and returns its exit
/// code. Any other than those in `accepted` is an error, which explains what AWS refused.
pub(crate) fn run(sh: &Shell, args: &[&str], accepted: &[i32]) -> Result<i32> {
    let (name, rest) = args.split_first().expect("a command has a name");
    // It colours what it prints, also where nobody sees it.
    let plain: &[&str] = if term::wants_colour(&io::stdout()) { &[] } else { &["-no-color"] };
    let profile = awscli::profile(sh)?;
    let mut command = command(sh, &[&[*name], plain, rest].concat())?;
    command.envs(profile.variables);
    let ended = supervise::run(&mut command);
    restrict(sh);
    let (status, stderr) = ended?;
    match status.code() {
        Some(code) if accepted.contains(&code) => Ok(code),
        _ => {
            let what = format!("`{}` ended with {status}", process::line(&command));
            match errors::remedy(&stderr, &[], &profile.name) {
                Some(it) => bail!("{what}: {it}"),
                None => bail!("{what}; its message stands above"),
            }
        }
    }
}

/// The outputs of the last apply; none where nothing was ever applied.
pub(crate) fn outputs(sh: &Shell) -> Result<Outputs> {
    let text = ask(sh, &["output", "-no-color", "-json"])?;
    let json = serde_json::from_str(if text.is_empty() { "{}" } else { &text }).ok();
    json.and_then(|it| Outputs::from_json(&it)).context("the outputs are not the JSON that was expected")
}

/// That something was applied.
pub(crate) fn require(outputs: &Outputs) -> Result<()> {
    if outputs.0.is_empty() {
        return Err(exit(
            PREREQUISITE,
            format!("{FOLDER} has no outputs: `cargo xtask infra-apply` makes the AWS environment"),
        ));
    }
    Ok(())
}

/// The addresses of everything that exists, as the state has it.
pub(crate) fn resources(sh: &Shell) -> Result<Vec<String>> {
    Ok(ask(sh, &["state", "list"])?.lines().filter(|it| !is_data_source(it)).map(str::to_owned).collect())
}

/// The whole state as text, for looking something up in it. It may hold secrets.
pub(crate) fn state(sh: &Shell) -> Result<String> {
    ask(sh, &["state", "pull"])
}

/// What a plan destroys, with or without making it anew: the addresses.
pub(crate) fn destroyed_by(sh: &Shell, plan: &str) -> Result<Vec<String>> {
    let plan: Value = serde_json::from_str(&read(sh, &["show", "-json", plan])?).context("the plan is no JSON")?;
    // What was not completed at the last apply holds nothing yet.
    let deletes = |it: &&Value| {
        let actions = it["change"]["actions"].as_array();
        actions.is_some_and(|it| it.contains(&"delete".into())) && it["action_reason"] != "replace_because_tainted"
    };
    let all = json::items(&plan["resource_changes"]).iter().filter(deletes);
    Ok(all.filter_map(|it| it["address"].as_str()).map(str::to_owned).collect())
}

/// What exists in other workspaces than ours, each with the command that destroys it.
pub(crate) fn elsewhere(sh: &Shell) -> Result<Vec<Finding>> {
    let folder = sh.current_dir().join(FOLDER);
    let traces = ["terraform.tfstate.d", ".terraform/environment", ".terraform/terraform.tfstate"];
    if !traces.iter().any(|it| folder.join(it).exists()) {
        return Ok(Vec::new());
    }
    // A backend may well have no workspaces.
    let listed = read(sh, &["workspace", "list"]).unwrap_or_default();
    let names = listed.lines().map(|it| it.trim_start_matches(['*', ' ']).trim());
    let mut found = Vec::new();
    for name in names.filter(|it| !it.is_empty() && *it != DEFAULT) {
        let mut list = command(sh, &["state", "list"])?;
        let count = process::read_within(list.env("TF_WORKSPACE", name), awscli::PATIENCE).unwrap_or_default();
        let count = count.lines().filter(|it| !is_data_source(it)).count();
        if count > 0 {
            let destroy = process::line(&command(sh, &["destroy"])?);
            found.push(finding(
                format!("{count} resources are in the workspace `{name}`, which `infra-*` never touches"),
                format!("TF_WORKSPACE={} {destroy}  # if they are not wanted", process::quote(name)),
            ));
        }
    }
    Ok(found)
}

/// Whether an address is that of something that is only read: `data.` stands behind its modules, before its type. A
/// module, a resource or a key may have that name as well.
fn is_data_source(address: &str) -> bool {
    let mut rest = address;
    while let Some(module) = rest.strip_prefix("module.") {
        let Some(at) = end_of_part(module) else { return false };
        rest = &module[at + 1..];
    }
    rest.starts_with("data.")
}

/// Where the dot behind the first part of an address is; those in its key do not count.
fn end_of_part(address: &str) -> Option<usize> {
    let (mut is_quoted, mut is_escaped) = (false, false);
    address.bytes().position(|it| {
        match it {
            _ if is_escaped => is_escaped = false,
            b'\\' => is_escaped = is_quoted,
            b'"' => is_quoted = !is_quoted,
            _ => {}
        }
        it == b'.' && !is_quoted
    })
}

/// Asks about the state; empty where there never was one. A backend that somebody configured is set up first: without,
/// Terraform knows nothing of what exists.
fn ask(sh: &Shell, args: &[&str]) -> Result<String> {
    if let Some(it) = lost(&sh.current_dir().join(FOLDER)) {
        return Err(it.into());
    }
    let no_state = |e: &anyhow::Error| e.to_string().contains("No state file was found");
    let answer = match read(sh, args) {
        Err(e) if e.to_string().contains("ackend initialization required") => {
            run(sh, INIT, &[0])?;
            read(sh, args)
        }
        other => other,
    };
    answer.or_else(|e| if no_state(&e) { Ok(String::new()) } else { Err(e) })
}

/// A local state that is no more what Terraform wrote.
fn lost(folder: &Path) -> Option<Finding> {
    let (state, backup) = (folder.join("terraform.tfstate"), folder.join("terraform.tfstate.backup"));
    let is_empty = state.metadata().ok().map(|it| it.len() == 0);
    let how = match is_empty {
        Some(true) => "is empty",
        None if backup.exists() => "is gone, and its backup is still there",
        _ => return None,
    };
    let fix = if backup.exists() {
        format!("cp {FOLDER}/terraform.tfstate.backup {FOLDER}/terraform.tfstate  # or rm both, if nothing exists")
    } else {
        format!("rm {FOLDER}/terraform.tfstate  # if nothing was ever made")
    };
    Some(finding(format!("{FOLDER}/terraform.tfstate {how}: so it is not known what exists in AWS"), fix))
}

/// Takes states and plans from group and others: both may hold secrets, and Terraform makes them for everybody.
fn restrict(sh: &Shell) {
    let folder = sh.current_dir().join(FOLDER);
    for folder in [folder.join(".terraform"), folder] {
        for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
            let name = entry.file_name().to_string_lossy().into_owned();
            if [".tfstate", ".tfplan", ".backup"].iter().any(|it| name.ends_with(it)) {
                _ = fs::set_permissions(entry.path(), fs::Permissions::from_mode(0o600));
            }
        }
    }
}

fn read(sh: &Shell, args: &[&str]) -> Result<String> {
    let mut command = command(sh, args)?;
    // A remote state needs it. What is wrong with the file of variables is said elsewhere.
    command.envs(awscli::profile(sh).map(|it| it.variables).unwrap_or_default());
    process::read_within(&mut command, awscli::PATIENCE)
        .map_err(|e| anyhow::anyhow!("{}", term::plain(&format!("{e:#}"))))
}

/// Prepares the module; safe to repeat.
pub(crate) const INIT: &[&str] = &["init", "-input=false"];

pub(crate) fn print(sh: &Shell, commands: &[&[&str]]) -> Result<()> {
    let lines: Result<Vec<Command>> = commands.iter().map(|it| command(sh, it)).collect();
    for command in lines? {
        term::out(&format!("{}\n", process::line(&command)));
    }
    Ok(())
}

#[cfg(test)]
mod tests;
