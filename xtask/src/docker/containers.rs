//! What the engine says about the project's containers.

use std::time::Duration;

use anyhow::{Context, Result};
use serde_json::{Map, Value};
use xshell::{Shell, cmd};

use crate::machine::json;
use crate::{docker::engine::ANSWER, machine::process};

/// The label that makes what a service reads a part of its identity: `PATH=DIGEST` for each mount from the repository.
pub(crate) const DIGESTS_LABEL: &str = "temporal-sre-copilot.mounts";

/// The label of what runs from a checkout, and not from its image.
pub(crate) const LIVE_LABEL: &str = "temporal-sre-copilot.live";

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Container {
    pub id: String,
    pub name: String,
    pub project: String,
    pub service: String,
    /// `created`, `running`, `paused`, `restarting`, `exited` or `dead`.
    pub status: String,
    pub exit_code: i64,
    pub oom_killed: bool,
    /// How often the engine has restarted it by policy.
    pub restarts: u64,
    /// `starting`, `healthy` or `unhealthy`; empty without a health check.
    pub health: String,
    pub health_output: String,
    /// What the engine said when it could not start it.
    pub error: String,
    pub image_id: String,
    /// The user that it runs as, as the image or the compose file names it; empty for root.
    pub user: String,
    /// Its volumes, and the folder that each one is.
    pub volumes: Vec<(String, String)>,
    /// Compose's hash of the configuration that it was made from.
    pub config_hash: String,
    /// The value of [`DIGESTS_LABEL`].
    pub digests: String,
    /// Whether it has [`LIVE_LABEL`].
    pub is_live: bool,
    /// The folder of the compose file that it was made from.
    pub working_dir: String,
    /// The compose files that it was made from.
    pub files: String,
    /// When it was made, as a text that sorts by time.
    pub created: String,
    /// Whether it has been taken from all its networks.
    pub is_cut_off: bool,
    /// The ids of the networks that it was connected to.
    pub networks: Vec<String>,
    /// Its published ports: in the container, and on the host.
    pub ports: Vec<(u16, u16)>,
}

/// The containers of a project, without those of `docker compose run`.
pub(crate) fn list(sh: &Shell, project: &str) -> Result<Vec<Container>> {
    labelled(sh, &format!("project={project}"), ANSWER)
}

/// The containers with a label of Compose's, without those of `docker compose run`.
pub(crate) fn labelled(sh: &Shell, label: &str, limit: Duration) -> Result<Vec<Container>> {
    let filter = format!("label=com.docker.compose.{label}");
    let ids =
        process::read_within(&mut cmd!(sh, "docker ps --all --quiet --no-trunc --filter {filter}").into(), limit)?;
    if ids.trim().is_empty() {
        return Ok(Vec::new());
    }
    let ids = ids.split_whitespace();
    // A container that goes away in between is reported on stderr, the others on stdout.
    let output = process::capture_within(&mut cmd!(sh, "docker container inspect {ids...}").into(), ANSWER)?;
    let output = output.context("the engine has not said in time how its containers are")?;
    parse(&String::from_utf8_lossy(&output.stdout))
}

/// The names of the containers of the project's loads, which belong to no stack.
pub(crate) fn loads(sh: &Shell, project: &str) -> Result<Vec<String>> {
    let filter = format!("label=com.docker.compose.project={project}");
    let mut ask =
        cmd!(sh, "docker ps --filter label=temporal-sre-copilot.load --filter {filter} --format '{{.Names}}'").into();
    Ok(process::read_within(&mut ask, ANSWER)?.lines().map(str::to_owned).collect())
}

/// The container of a service, where there is one.
pub(crate) fn find<'a>(containers: &'a [Container], service: &str) -> Option<&'a Container> {
    containers.iter().find(|it| it.service == service)
}

/// Reads what `docker container inspect` prints.
pub(crate) fn parse(json: &str) -> Result<Vec<Container>> {
    let parsed: Value = serde_json::from_str(json).context("`docker container inspect` printed no JSON")?;
    let list = parsed.as_array().context("`docker container inspect` printed no list")?;
    Ok(list.iter().filter(|it| label(it, "oneoff") != "True").map(container).collect())
}

fn container(node: &Value) -> Container {
    let state = &node["State"];
    let checks = state["Health"]["Log"].as_array();
    let networks = &node["NetworkSettings"]["Networks"];
    let port = |(container, hosts): (&String, &Value)| {
        let host = hosts[0]["HostPort"].as_str()?.parse().ok()?;
        Some((container.split('/').next()?.parse().ok()?, host))
    };
    let volumes = json::items(&node["Mounts"]).iter().filter(|it| it["Type"] == "volume");
    Container {
        id: text(&node["Id"]),
        name: text(&node["Name"]).trim_start_matches('/').to_owned(),
        project: label(node, "project"),
        service: label(node, "service"),
        status: text(&state["Status"]),
        exit_code: state["ExitCode"].as_i64().unwrap_or(0),
        oom_killed: state["OOMKilled"].as_bool().unwrap_or(false),
        restarts: node["RestartCount"].as_u64().unwrap_or(0),
        health: health(&state["Health"]),
        health_output: checks.and_then(|it| it.last()).map_or(String::new(), |it| text(&it["Output"])),
        error: text(&state["Error"]),
        image_id: text(&node["Image"]),
        user: text(&node["Config"]["User"]),
        volumes: volumes.map(|it| (text(&it["Name"]), text(&it["Destination"]))).collect(),
        config_hash: label(node, "config-hash"),
        digests: text(&node["Config"]["Labels"][DIGESTS_LABEL]),
        is_live: node["Config"]["Labels"][LIVE_LABEL] == "true",
        working_dir: label(node, "project.working_dir"),
        files: label(node, "project.config_files"),
        created: text(&node["Created"]),
        is_cut_off: networks.as_object().is_some_and(Map::is_empty),
        networks: json::pairs(networks).into_iter().map(|(_, it)| text(&it["NetworkID"])).collect(),
        ports: json::pairs(&node["HostConfig"]["PortBindings"]).into_iter().filter_map(port).collect(),
    }
}

/// A pause ends the checks and makes the engine call the container unhealthy until the next one, with no check failed.
fn health(node: &Value) -> String {
    match node["Status"].as_str() {
        Some("unhealthy") if node["FailingStreak"] == 0 => "starting".to_owned(),
        _ => text(&node["Status"]),
    }
}

fn label(node: &Value, name: &str) -> String {
    text(&node["Config"]["Labels"][format!("com.docker.compose.{name}")])
}

fn text(node: &Value) -> String {
    node.as_str().unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_container_is_unhealthy_only_where_a_check_has_failed() {
        let of = |status: &str, failed: u64| health(&serde_json::json!({"Status": status, "FailingStreak": failed}));
        assert_eq!([of("unhealthy", 0), of("unhealthy", 1), of("healthy", 0)], ["starting", "unhealthy", "healthy"]);
        assert_eq!(health(&Value::Null), "");
    }
}
