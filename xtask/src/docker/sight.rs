//! Whether the engine sees the files of this machine: it may run on another one, or in a namespace of its own.

use std::path::Path;

use anyhow::Result;
use xshell::{Shell, cmd};

use crate::docker::endpoint;
use crate::docker::engine::ANSWER;
use crate::machine::finding::{Finding, finding};
use crate::machine::process;

/// How engines say that they have no such file, or may not show it.
const BLIND: [&str; 4] = ["bind source path does not exist", "mounts denied", "not shared", "no such file"];

/// What lets the engine see a folder.
pub(crate) fn share(folder: &Path) -> String {
    let folder = folder.display();
    format!("docker context ls  # choose an engine of this machine, or have this one's settings share {folder}")
}

/// Mounts a file's folder and other paths into a container that is never started, and reads the file back: of a mounted
/// file Podman copies nothing. What else keeps a container from being made is not said here.
pub(crate) fn check(sh: &Shell, project: &str, image: &str, file: &Path, others: &[&str]) -> Result<Option<Finding>> {
    let bind = |source: &str, at: usize| {
        // Its options are a line of CSV.
        let source = source.replace('"', "\"\"");
        ["--mount".to_owned(), format!("type=bind,\"source={source}\",target=/probe{at},readonly")]
    };
    let shown = file.display().to_string();
    let (folder, name) = (file.parent().unwrap_or(file).display().to_string(), file.file_name().unwrap_or_default());
    let mounts = [&[&*folder], others].concat().into_iter().enumerate().flat_map(|(at, source)| bind(source, at));
    // Named, so that what a run left behind that was ended here is found by the next one.
    let container = &format!("{project}-probe");
    let remove = || process::capture_within(&mut cmd!(sh, "docker rm --force --volumes {container}").into(), ANSWER);
    let mut create = cmd!(sh, "docker create {mounts...} --name {container} {image} probe").into();
    let mut made = process::capture_within(&mut create, ANSWER)?;
    if made.as_ref().is_some_and(|it| String::from_utf8_lossy(&it.stderr).contains("is already in use")) {
        remove()?;
        made = process::capture_within(&mut create, ANSWER)?;
    }
    let Some(made) = made else { return Ok(None) };
    let route = endpoint::find();
    let blind = |reason: &str| finding(format!("the engine at {route} {reason}"), share(&sh.current_dir()));
    if !made.status.success() {
        let said = String::from_utf8_lossy(&made.stderr);
        let known = said.lines().find(|it| BLIND.iter().any(|word| it.to_lowercase().contains(word)));
        return Ok(known.map(|it| blind(&format!("does not see this machine's files: {}", it.trim()))));
    }
    let name = name.to_string_lossy().into_owned();
    let read = process::capture_within(&mut cmd!(sh, "docker cp {container}:/probe0/{name} -").into(), ANSWER);
    remove()?;
    let (read, text) = (read?, std::fs::read(file)?);
    if read.as_ref().is_some_and(|it| !it.status.success()) {
        return Ok(Some(blind(&format!("does not see this machine's files: {shown} is not there"))));
    }
    let is_ours = read.is_some_and(|it| it.stdout.windows(text.len().max(1)).any(|it| it == text));
    Ok((!is_ours).then(|| blind(&format!("sees something else at {shown}: it is another machine"))))
}
