//! `cargo xtask support`: one file to attach to an issue, without secrets.

use std::{collections::BTreeMap, env, fmt::Write, fs, process::Command, time::Duration};

use anyhow::Result;
use serde_json::Value;
use xshell::{Shell, cmd};

use crate::aws::credentials;
use crate::cli::flags;
use crate::docker::containers::Container;
use crate::machine::confirm::confirm;
use crate::machine::json;
use crate::machine::{files, process, table, term};
use crate::settings::{ENV_FILE, secrets};
use crate::stack::environment::SECRETS;
use crate::stack::project::Project;

const FILE: &str = "dev/.rendered/support.md";
const RENDERED: &str = "dev/.rendered";
/// Each part is asked for this long: a machine that is unwell must not keep its report from being written.
const PATIENCE: Duration = Duration::from_secs(60);

impl flags::Support {
    pub fn run(self, sh: &Shell) -> Result<()> {
        let secrets = secrets(sh);
        let mut parts = vec![("versions".to_owned(), versions(sh))];
        for command in ["doctor", "dev-status"] {
            parts.push((format!("cargo xtask {command}"), ours(command)));
        }
        parts.extend(logs(sh));
        parts.extend(rendered(sh));
        for (_, text) in &mut parts {
            *text = secrets::hide(&without_home(text), &secrets);
        }
        let report: String = parts.iter().map(|(title, text)| format!("## {title}\n\n```\n{text}```\n\n")).collect();
        if self.stdout {
            term::out(&report);
            return Ok(());
        }
        let lines = |(title, text): &(String, String)| [title.clone(), format!("{} lines", text.lines().count())];
        term::say(&table::rows(&parts.iter().map(lines).collect::<Vec<_>>()));
        let what = format!(
            "this goes into {FILE}, without keys, tokens, passwords and the name of your home folder; \
             `cargo xtask support --stdout` shows it"
        );
        confirm(&what, self.yes)?;
        files::replace(&sh.current_dir().join(FILE), &report, 0o600)?;
        term::say("written; read it once before you attach it to an issue:");
        term::out(&format!("{FILE}\n"));
        Ok(())
    }
}

/// What is known to be secret here: of variables, of the files that containers get.
fn secrets(sh: &Shell) -> Vec<String> {
    let root = sh.current_dir();
    let mut all: Vec<String> = env::vars().filter(|(name, _)| secrets::is_secret(name)).map(|(_, it)| it).collect();
    all.extend(secrets::in_variables(&String::from_utf8_lossy(&fs::read(root.join(ENV_FILE)).unwrap_or_default())));
    all.extend(SECRETS.iter().filter_map(|(.., file)| fs::read_to_string(root.join(file)).ok()));
    let keys = fs::read_to_string(root.join(credentials::FOLDER).join("credentials.json")).unwrap_or_default();
    let keys: Value = serde_json::from_str(&keys).unwrap_or_default();
    let values = json::pairs(&keys).into_iter().filter(|(name, _)| *name != "Expiration");
    all.extend(values.filter_map(|(_, it)| it.as_str().map(str::to_owned)));
    all
}

fn without_home(text: &str) -> String {
    match env::var("HOME") {
        Ok(home) if home.len() > 1 => text.replace(&home, "~"),
        _ => text.to_owned(),
    }
}

/// What a command prints, on both streams, or why it does not.
fn printed(command: &mut Command) -> String {
    let output = match process::capture_within(command, PATIENCE) {
        Ok(Some(it)) => it,
        Ok(None) => return format!("no answer within {} s\n", PATIENCE.as_secs()),
        Err(e) => return format!("{e:#}\n"),
    };
    let text = [output.stdout, output.stderr].map(|it| String::from_utf8_lossy(&it).into_owned()).concat();
    let plain = |it: &str| it.chars().filter(|c| !c.is_control()).collect::<String>() + "\n";
    text.lines().map(plain).collect()
}

fn versions(sh: &Shell) -> String {
    let mut out = format!("{} on {}\n", env::consts::OS, env::consts::ARCH);
    for line in [
        "uname -sr",
        "git --no-optional-locks log -1 --format=%H",
        "git --no-optional-locks status --short",
        "rustc --version",
        "docker --version",
        "docker compose version",
        "docker buildx version",
        "aws --version",
        "terraform version",
    ] {
        let words: Vec<&str> = line.split(' ').collect();
        _ = writeln!(out, "$ {line}");
        let [program, arguments @ ..] = &words[..] else { continue };
        out += &printed(&mut cmd!(sh, "{program} {arguments...}").into());
    }
    out
}

fn ours(command: &str) -> String {
    match env::current_exe() {
        Ok(program) => printed(Command::new(program).arg(command).env("NO_COLOR", "1")),
        Err(e) => format!("{e}\n"),
    }
}

/// The last lines of every container, and more of those that are unwell.
fn logs(sh: &Shell) -> Vec<(String, String)> {
    let Ok(project) = Project::find(sh) else { return Vec::new() };
    let is_unwell = |it: &&Container| match it.status.as_str() {
        "running" => !matches!(it.health.as_str(), "" | "healthy"),
        "exited" => it.exit_code != 0,
        _ => true,
    };
    let unwell: Vec<&str> = project.containers.iter().filter(is_unwell).map(|it| it.service.as_str()).collect();
    let logs = |lines: &str, services: &[&str]| {
        printed(project.compose(sh).args(["logs", "--no-color", "--tail", lines]).args(services))
    };
    let mut parts = Vec::new();
    if !unwell.is_empty() {
        parts.push((format!("the last lines of {}", unwell.join(", ")), logs("100", &unwell)));
    }
    if !project.containers.is_empty() {
        parts.push(("the last lines of every container".to_owned(), logs("10", &[])));
    }
    parts
}

/// What was written for the containers; no folder, so not the AWS keys, and no file that is a key.
fn rendered(sh: &Shell) -> BTreeMap<String, String> {
    let mut parts = BTreeMap::new();
    for entry in fs::read_dir(sh.current_dir().join(RENDERED)).into_iter().flatten().flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        if [".yaml", ".yml", ".json", ".env"].iter().any(|it| name.ends_with(it)) {
            parts.insert(format!("{RENDERED}/{name}"), fs::read_to_string(entry.path()).unwrap_or_default());
        }
    }
    parts
}
