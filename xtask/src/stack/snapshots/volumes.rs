//! The stack's volumes, and what is done in them while nothing runs: by one throw-away container for all of them, whose
//! image is there anyway. It talks through its stdin and stdout, so the engine may be anywhere.

use std::collections::BTreeMap;
use std::fs::File;
use std::io;
use std::process::Command;

use anyhow::{Context, Result};
use serde_json::Value;
use xshell::{Shell, cmd};

use crate::docker::engine::{ANSWER, CHANGE};
use crate::machine::json;
use crate::machine::process::{self, Limit};
use crate::machine::supervise;
use crate::stack::Stack;

/// Marks the containers of here, with the project as its value.
pub(super) const LABEL: &str = "temporal-sre-copilot.snapshot";

/// What is mounted as `/v/KEY/.snapshot` comes out of the archive as `.snapshot` in `/v/KEY`: beside the data.
const PACK: &str = "cd /v && exec tar --numeric-owner -czf - */.snapshot";
/// A volume of which the archive holds nothing gets an empty folder.
const STAGE: &str = "cd /v && rm -rf */.snapshot && tar --numeric-owner -xpzf - && for it in *; do mkdir -p $it/.snapshot; done && sync";
/// Puts what was staged in the place of the data. Repeated, it goes on where it was interrupted: nothing old is left
/// once `.snapshot` has its second name.
const SWAP: &str = "set -e; for v in /v/*; do \
    if [ -d $v/.snapshot ]; then \
    find $v -mindepth 1 -maxdepth 1 ! -name .snapshot -exec rm -rf {} +; mv $v/.snapshot $v/.snapshot-whole; fi; \
    if [ -d $v/.snapshot-whole ]; then \
    chown $(stat -c %u:%g $v/.snapshot-whole) $v; chmod $(stat -c %a $v/.snapshot-whole) $v; \
    find $v/.snapshot-whole -mindepth 1 -maxdepth 1 -exec mv {} $v/ ';'; rmdir $v/.snapshot-whole; fi; \
    done; sync";
const CLEAR: &str = "rm -rf /v/*/.snapshot";

/// A volume of the compose files.
#[derive(Clone, Debug)]
pub(crate) struct DataVolume {
    /// What the compose files call it.
    pub key: String,
    /// What the engine calls it.
    pub name: String,
    /// Of the first service that mounts it.
    pub image: String,
    pub services: Vec<String>,
}

/// The volumes of the stack as Compose sees them, without those that it would not make itself.
pub(crate) fn declared(sh: &Shell, stack: &Stack) -> Result<Vec<DataVolume>> {
    let mut config = stack.compose(sh);
    let printed = process::read_within(config.args(["config", "--format", "json"]), ANSWER)?;
    let config: Value = serde_json::from_str(&printed).context("`docker compose config` printed no JSON")?;
    let services = || json::pairs(&config["services"]).into_iter();
    let volume = |(key, it): (&String, &Value)| {
        let mounts = |service: &Value| {
            let all = json::items(&service["volumes"]).iter();
            all.clone().any(|it| it["type"] == "volume" && it["source"] == **key)
        };
        let users: Vec<_> = services().filter(|(_, it)| mounts(it)).collect();
        let image = users.first()?.1["image"].as_str().unwrap_or_default().to_owned();
        let services = users.iter().map(|(name, _)| (*name).clone()).collect();
        let name = it["name"].as_str().filter(|_| it["external"] != true)?.to_owned();
        Some(DataVolume { key: key.clone(), name, image, services })
    };
    Ok(json::pairs(&config["volumes"]).into_iter().filter_map(volume).collect())
}

/// Makes a volume as Compose would, so that it takes it for its own.
pub(crate) fn make(sh: &Shell, project: &str, volume: &DataVolume) -> Result<()> {
    let DataVolume { key, name, .. } = volume;
    let (project, key) = (format!("com.docker.compose.project={project}"), format!("com.docker.compose.volume={key}"));
    process::run_quietly(&mut cmd!(sh, "docker volume create --label {project} --label {key} {name}").into(), ANSWER)
}

/// The volumes of one project by their keys, and an image with a shell, `tar` and `gzip`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Volumes {
    pub project: String,
    pub image: String,
    pub names: BTreeMap<String, String>,
}

impl Volumes {
    /// Those of them that the engine has.
    pub(crate) fn existing(&self, sh: &Shell) -> Result<Volumes> {
        let printed = process::read_within(&mut cmd!(sh, "docker volume ls --quiet").into(), ANSWER)?;
        let mut there = self.clone();
        there.names.retain(|_, name| printed.lines().any(|it| it == *name));
        Ok(there)
    }

    /// Writes all of them to an archive.
    pub(crate) fn pack(&self, sh: &Shell, archive: &mut File) -> Result<()> {
        supervise::between(&mut self.command(sh, "0", "/.snapshot:ro", PACK), &mut io::empty(), archive)
    }

    /// Unpacks an archive beside the data, which checks it to its end.
    pub(crate) fn stage(&self, sh: &Shell, archive: &mut File) -> Result<()> {
        supervise::between(&mut self.command(sh, "0", "", STAGE), archive, &mut io::sink())
    }

    pub(super) fn swap(&self, sh: &Shell) -> Result<()> {
        process::run(&mut self.command(sh, "0", "", SWAP), Limit::Within(CHANGE))
    }

    pub(super) fn clear(&self, sh: &Shell) -> Result<()> {
        process::run(&mut self.command(sh, "0", "", CLEAR), Limit::Within(CHANGE))
    }

    /// Runs a script with each volume under `/v`. A signal ends the client at once; what the container still does, the
    /// next command ends.
    pub(crate) fn command(&self, sh: &Shell, user: &str, at: &str, script: &str) -> Command {
        let Volumes { project, image, names } = self;
        let label = format!("{LABEL}={project}");
        let mounts = names.iter().flat_map(|(key, name)| ["--volume".to_owned(), format!("{name}:/v/{key}{at}")]);
        cmd!(
            sh,
            "docker run --rm --interactive --sig-proxy=false --network none --log-driver none --label {label} --user {user} {mounts...} --entrypoint sh {image} -c {script}"
        )
        .into()
    }

    /// Removes the containers of here, whoever started them.
    pub(super) fn end_containers(&self, sh: &Shell) -> Result<()> {
        let filter = format!("label={LABEL}={}", self.project);
        let ids = process::read_within(&mut cmd!(sh, "docker ps --all --quiet --filter {filter}").into(), ANSWER)?;
        let ids: Vec<&str> = ids.split_whitespace().collect();
        if !ids.is_empty() {
            // One that is about to go may be gone by now.
            process::capture_within(&mut cmd!(sh, "docker rm --force --volumes {ids...}").into(), ANSWER)?;
        }
        Ok(())
    }
}
