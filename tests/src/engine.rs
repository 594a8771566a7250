//! The Docker engine, as the engine tests see it.

use std::{
    collections::BTreeMap,
    io::{Read, Write},
    net::{TcpListener, TcpStream},
    process::Command,
    sync::{Mutex, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard},
    time::Duration,
};

use serde_json::Value;

use crate::checkout::{Outcome, run};

/// Every host port of the stack, without an offset.
pub const PORTS: [u16; 14] = [9200, 7233, 8233, 7234, 7235, 7239, 8080, 9009, 3100, 12345, 3000, 7243, 8082, 8081];

/// A PostgreSQL, which has `psql` and a shell.
pub const POSTGRES: &str = "standin/postgres:17.11";

/// Tests with a few small services run beside each other, as many as the test runner has threads. One that starts the
/// whole stack, or Elasticsearch and both databases, would slow them, and they it, beyond their deadlines.
static TURN: RwLock<()> = RwLock::new(());

/// The engine, shared with tests that do the same.
///
/// # Panics
/// No engine answers, or the images of these tests are not there.
pub fn beside_others() -> RwLockReadGuard<'static, ()> {
    has_images();
    TURN.read().unwrap_or_else(PoisonError::into_inner)
}

/// The engine, with no other test at work on it.
///
/// # Panics
/// As [`beside_others`].
pub fn alone() -> RwLockWriteGuard<'static, ()> {
    has_images();
    TURN.write().unwrap_or_else(PoisonError::into_inner)
}

fn has_images() {
    let base = docker(&["image", "inspect", "--format", "{{.Id}}", "standin/base:bookworm"]);
    assert_eq!(base.code, 0, "`cargo xtask test` makes the images that this test needs: {}", base.err);
}

/// Runs `docker` with these arguments.
pub fn docker(arguments: &[&str]) -> Outcome {
    run(Command::new("docker").args(arguments))
}

/// What the engine says of each container of a project, by service.
pub fn containers(project: &str) -> BTreeMap<String, Value> {
    let filter = format!("label=com.docker.compose.project={project}");
    let ids = docker(&["ps", "--all", "--quiet", "--filter", &filter]).expect(0).out;
    if ids.trim().is_empty() {
        return BTreeMap::new();
    }
    let arguments: Vec<&str> = ["container", "inspect"].into_iter().chain(ids.split_whitespace()).collect();
    let all: Value = serde_json::from_str(&docker(&arguments).expect(0).out).expect("docker inspect prints JSON");
    let service = |it: &Value| it["Config"]["Labels"]["com.docker.compose.service"].as_str().map(str::to_owned);
    all.as_array().into_iter().flatten().map(|it| (service(it).unwrap_or_default(), it.clone())).collect()
}

/// What tells a container that was left alone from one that was recreated or restarted, by service.
pub fn lives(project: &str) -> BTreeMap<String, String> {
    let life = |it: &Value| format!("{} since {}", it["Id"], it["State"]["StartedAt"]);
    containers(project).iter().map(|(service, it)| (service.clone(), life(it))).collect()
}

/// The services whose containers differ between two calls of [`lives`].
pub fn changed(before: &BTreeMap<String, String>, after: &BTreeMap<String, String>) -> Vec<String> {
    let names = before.keys().chain(after.keys().filter(|it| !before.contains_key(*it)));
    names.filter(|it| before.get(*it) != after.get(*it)).cloned().collect()
}

/// The names of a project's volumes.
pub fn volumes(project: &str) -> Vec<String> {
    labelled("volume", project)
}

/// The names of a project's networks.
pub fn networks(project: &str) -> Vec<String> {
    labelled("network", project)
}

fn labelled(kind: &str, project: &str) -> Vec<String> {
    let filter = format!("label=com.docker.compose.project={project}");
    let format = "{{.Name}}";
    let listed = docker(&[kind, "ls", "--filter", &filter, "--format", format]).expect(0).out;
    listed.lines().map(str::to_owned).collect()
}

/// Removes all that a project has on the engine, and volumes under its name that somebody else made.
pub fn remove_project(project: &str) {
    let labelled = format!("label=com.docker.compose.project={project}");
    let remove = |list: &[&str], filter: &str, remove: &[&str]| {
        let listed = docker(&[list, &["--quiet", "--filter", filter]].concat()).out;
        let names: Vec<&str> = listed.split_whitespace().collect();
        if !names.is_empty() {
            docker(&[remove, &names].concat());
        }
    };
    remove(&["ps", "--all"], &labelled, &["rm", "--force", "--volumes"]);
    remove(&["network", "ls"], &labelled, &["network", "rm"]);
    remove(&["volume", "ls"], &labelled, &["volume", "rm"]);
    remove(&["volume", "ls"], &format!("name=^{project}_"), &["volume", "rm"]);
}

/// A number that moves every port of the stack to one that is free, below those that the system hands out.
pub(crate) fn free_port_offset() -> u16 {
    static NEXT: Mutex<u16> = Mutex::new(0);
    let mut next = NEXT.lock().unwrap_or_else(PoisonError::into_inner);
    // Different processes begin in different places; the step keeps the ports of two offsets apart.
    if *next == 0 {
        *next = 10_000 + 131 * u16::try_from(std::process::id() % 60).expect("below 60");
    }
    for _ in 0..100 {
        let offset = *next;
        *next = if offset > 19_000 { 10_000 } else { offset + 131 };
        if PORTS.iter().all(|port| TcpListener::bind(("127.0.0.1", port + offset)).is_ok()) {
            return offset;
        }
    }
    panic!("no port offset is free");
}

/// The status and the body that `http://127.0.0.1:PORT/PATH` answers with.
///
/// # Errors
/// Nobody listens, or what answers does not speak HTTP.
pub fn get(port: u16, path: &str) -> Result<(u16, String), String> {
    let fetch = || -> std::io::Result<String> {
        let mut stream = TcpStream::connect(("127.0.0.1", port))?;
        stream.set_read_timeout(Some(Duration::from_secs(10)))?;
        write!(stream, "GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n")?;
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer)?;
        Ok(String::from_utf8_lossy(&answer).into_owned())
    };
    let answer = fetch().map_err(|error| format!("http://127.0.0.1:{port}{path}: {error}"))?;
    let status = answer.split_whitespace().nth(1).and_then(|it| it.parse().ok());
    let status = status.ok_or_else(|| format!("http://127.0.0.1:{port}{path}: not HTTP: {answer}"))?;
    Ok((status, answer.split_once("\r\n\r\n").map_or(String::new(), |(_, body)| body.to_owned())))
}
