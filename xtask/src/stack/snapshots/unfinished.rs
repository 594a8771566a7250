//! What a snapshot command has begun and not ended, on disk: whoever comes next ends it before anything starts.

use std::fs::{self, File};

use anyhow::{Context, Result};
use serde_json::{Value, json};
use xshell::{Shell, cmd};

use super::volumes::Volumes;
use super::{FOLDER, make_folder, tidy};
use crate::docker::engine::{ANSWER, CHANGE};
use crate::machine::json;
use crate::machine::process::{self, Limit};
use crate::machine::{files, term};

/// From the workspace root.
const PATH: &str = "dev/.snapshots/.unfinished";

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Phase {
    /// The volumes are only read.
    Save,
    /// Their data is as it was, with something beside it.
    Stage,
    /// All of the snapshot is in the volumes; it is only moved.
    Swap,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Unfinished {
    pub phase: Phase,
    /// The snapshot's.
    pub name: String,
    pub volumes: Volumes,
}

impl Unfinished {
    pub(crate) fn read(sh: &Shell) -> Result<Option<Unfinished>> {
        let Some(text) = files::read(&sh.current_dir().join(PATH))? else { return Ok(None) };
        let parsed = serde_json::from_str(&text).ok().and_then(|it| Unfinished::from_json(&it));
        parsed.map(Some).with_context(|| format!("{PATH} is damaged: delete it; a restore may be half done"))
    }

    fn from_json(node: &Value) -> Option<Unfinished> {
        let word = |it: &Value| it.as_str().map(str::to_owned);
        let phase = [Phase::Save, Phase::Stage, Phase::Swap].into_iter().find(|it| node["phase"] == it.word())?;
        let names = json::texts(&node["volumes"])?;
        let volumes = Volumes { project: word(&node["project"])?, image: word(&node["image"])?, names };
        Some(Unfinished { phase, name: word(&node["name"])?, volumes })
    }

    /// Notes it, before it begins. Whoever works on it holds the file, also should it outlive us.
    pub(crate) fn note(&self, sh: &Shell) -> Result<File> {
        let Volumes { project, image, names } = &self.volumes;
        let node = json!({
            "phase": self.phase.word(), "name": self.name, "project": project, "image": image, "volumes": names,
        });
        make_folder(&sh.current_dir().join(FOLDER))?;
        let path = sh.current_dir().join(PATH);
        files::replace(&path, &format!("{node:#}\n"), 0o600)?;
        let held = File::open(&path)?;
        // Where files cannot be locked, what is left of a killed command is not waited for.
        _ = held.try_lock();
        Ok(held)
    }

    /// What a list says about it.
    pub(crate) fn words(&self) -> String {
        let name = &self.name;
        match self.phase {
            Phase::Save => format!("saving the snapshot `{name}` was interrupted; nothing was changed"),
            Phase::Stage => format!("restoring the snapshot `{name}` was interrupted; nothing was changed"),
            Phase::Swap => format!("restoring the snapshot `{name}` was interrupted in the middle"),
        }
    }

    /// Ends it: takes it back while the old state is whole, else completes it.
    pub(crate) fn end(&self, sh: &Shell) -> Result<()> {
        self.volumes.end_containers(sh)?;
        // A volume that is gone is not made here.
        let there = self.volumes.existing(sh)?;
        match self.phase {
            Phase::Stage if !there.names.is_empty() => there.clear(sh)?,
            Phase::Swap if !there.names.is_empty() => there.swap(sh)?,
            _ => {}
        }
        tidy(sh, &self.name)?;
        fs::remove_file(sh.current_dir().join(PATH)).with_context(|| format!("cannot remove {PATH} in {FOLDER}"))
    }
}

impl Phase {
    fn word(self) -> &'static str {
        match self {
            Phase::Save => "save",
            Phase::Stage => "stage",
            Phase::Swap => "swap",
        }
    }
}

/// What runs of a project: some of it may have been told to stop, and not have stopped yet.
fn stop(sh: &Shell, project: &str) -> Result<()> {
    let filter = format!("label=com.docker.compose.project={project}");
    let ids = process::read_within(&mut cmd!(sh, "docker ps --quiet --filter {filter}").into(), ANSWER)?;
    let ids: Vec<&str> = ids.split_whitespace().collect();
    if ids.is_empty() {
        return Ok(());
    }
    process::run(&mut cmd!(sh, "docker stop {ids...}").into(), Limit::Within(CHANGE))
}

/// Ends what another command has not. To be called, under the lock, before anything of the stack starts.
pub(crate) fn settle(sh: &Shell) -> Result<()> {
    let Some(it) = Unfinished::read(sh)? else { return Ok(()) };
    // A client of Docker's that outlives its xtask goes on stopping what would be started next.
    _ = File::open(sh.current_dir().join(PATH)).and_then(|it| it.lock());
    stop(sh, &it.volumes.project)?;
    it.end(sh)?;
    let rest = if it.phase == Phase::Swap { "it is complete now" } else { "what it left is removed" };
    term::say(&format!("{}: {rest}", it.words()));
    Ok(())
}
