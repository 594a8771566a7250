//! Terraform, or OpenTofu, in `terraform/dev/`: the tool, its outputs and what its state holds.

use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, io};

use anyhow::{Context, Result, bail};
use serde_json::Value;
use xshell::Shell;

use crate::aws::{awscli, errors};
use crate::machine::exit::{PREREQUISITE, exit};
use crate::machine::{process, supervise, term};

/// The module, from the workspace root.
pub(crate) const FOLDER: &str = "terraform/dev";

/// The outputs of the last apply.
#[derive(Debug, Default)]
pub(crate) struct Outputs(BTreeMap<String, Output>);

#[derive(Debug)]
struct Output {
    /// The value as text: a string as it is, anything else as JSON.
    text: String,
    sensitive: bool,
}

impl Outputs {
    /// The value of an output; `None` where there is none, or an empty one.
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(|it| &*it.text).filter(|it| !it.is_empty())
    }

    /// Names and values that may be shown, in the order of the names.
    pub(crate) fn shown(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, it)| (&**name, if it.sensitive { "(sensitive)" } else { &*it.text }))
    }

    /// From what `output -json` prints; `None` where it is something else.
    pub(crate) fn from_json(value: &Value) -> Option<Outputs> {
        let entry = |(name, output): (&String, &Value)| {
            let text = match output.get("value")? {
                Value::String(text) => text.clone(),
                Value::Null => String::new(),
                other => other.to_string(),
            };
            Some((name.clone(), Output { text, sensitive: output["sensitive"] == true }))
        };
        value.as_object()?.iter().map(entry).collect::<Option<_>>().map(Outputs)
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
    let (status, stderr) = supervise::run(&mut command)?;
    match status.code() {
        Some(code) if accepted.contains(&code) => Ok(code),
        _ => {
            let what = format!("`{}` ended with {status}", process::line(&command));
            match errors::remedy(&stderr, &profile.name) {
                Some(it) => bail!("{what}: {it}"),
                None => bail!("{what}; its message stands above"),
            }
        }
    }
}

/// The outputs of the last apply; none where nothing was ever applied.
pub(crate) fn outputs(sh: &Shell) -> Result<Outputs> {
    if !has_state(sh) {
        return Ok(Outputs::default());
    }
    let text = read(sh, &["output", "-no-color", "-json"])?;
    let json = serde_json::from_str(&text).ok();
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
    if !has_state(sh) {
        return Ok(Vec::new());
    }
    Ok(read(sh, &["state", "list"])?.lines().filter(|it| !is_data_source(it)).map(str::to_owned).collect())
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

/// Whether there can be a state: a local one, or a remote one that `init` set up.
fn has_state(sh: &Shell) -> bool {
    let folder = sh.current_dir().join(FOLDER);
    ["terraform.tfstate", ".terraform/terraform.tfstate"].iter().any(|it| Path::exists(&folder.join(it)))
}

fn read(sh: &Shell, args: &[&str]) -> Result<String> {
    process::read_within(&mut command(sh, args)?, awscli::PATIENCE)
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
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_program_on_path_is_found_and_a_folder_is_no_program() {
        assert!(is_on_path("sh"));
        assert!(!is_on_path("no-such-program-here") && !is_on_path("."));
    }

    #[test]
    fn a_data_source_is_known_by_its_mode_whatever_else_is_called_data() {
        for address in ["data.a.b", "module.m.data.a.b", r#"module.data["x.\".y"].module.m[0].data.a.b["k"]"#] {
            assert!(is_data_source(address), "{address}");
        }
        for address in ["a.data", r#"a.b["data.c"]"#, "module.data.a.b", r#"module.m[".data."].a.data"#, "data", ""] {
            assert!(!is_data_source(address), "{address}");
        }
    }

    #[test]
    fn outputs_are_read_and_sensitive_ones_are_not_shown() {
        let outputs = Outputs::from_json(&json!({
            "a": {"sensitive": false, "type": "string", "value": "x"},
            "b": {"sensitive": true, "type": "string", "value": "secret"},
            "c": {"sensitive": false, "type": ["list", "string"], "value": ["y"]},
            "d": {"sensitive": false, "type": "string", "value": null},
        }))
        .unwrap();
        assert_eq!(outputs.get("b"), Some("secret"));
        assert_eq!((outputs.get("d"), outputs.get("e")), (None, None));
        let shown: Vec<_> = outputs.shown().collect();
        assert_eq!(shown, [("a", "x"), ("b", "(sensitive)"), ("c", "[\"y\"]"), ("d", "")]);
        assert!(Outputs::from_json(&json!([])).is_none() && Outputs::from_json(&json!({"a": 1})).is_none());
    }
}
